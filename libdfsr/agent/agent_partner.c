/*
   Samba DFS Replication
   Partners: nodes that this node dials

   This program is free software; you can redistribute it and/or modify
   it under the terms of the GNU General Public License as published by
   the Free Software Foundation; either version 3 of the License, or
   (at your option) any later version.

   This program is distributed in the hope that it will be useful,
   but WITHOUT ANY WARRANTY; without even the implied warranty of
   MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
   GNU General Public License for more details.

   You should have received a copy of the GNU General Public License
   along with this program; if not, see <http://www.gnu.org/licenses/>.
*/

/*
 * A node dials every other node that the configuration names and keeps the
 * connection: sessions pull over it, the configuration follows over it, verbs
 * are forwarded over it. What comes in the other direction is another
 * connection, dialled by the other side (agent_incoming.c).
 */

#include <errno.h>
#include <string.h>

#include "agent_private.h"

#define DFSR_BACKOFF_MIN_MS 100
#define DFSR_BACKOFF_MAX_MS 8000
/** A request on a link that is down waits this long for it. */
#define DFSR_PARTNER_WAIT_MS 3000

static void dfsr_partner_dial(struct dfsr_partner *p);

struct dfsr_partner *dfsr_partner_find(struct dfsr_agent *agent,
				       const struct dfsr_guid *node)
{
	struct dfsr_partner *p = NULL;

	for (p = agent->partners; p != NULL; p = p->next) {
		if (dfsr_guid_cmp(&p->node, node) == 0) {
			return p;
		}
	}
	return NULL;
}

static void dfsr_partner_changed(struct dfsr_partner *p)
{
	p->since = p->agent->env->now(p->agent->env->private_data);
}

static void dfsr_partner_redial(struct tevent_context *ev,
				struct tevent_timer *te, struct timeval now,
				void *private_data)
{
	struct dfsr_partner *p = private_data;

	(void)ev;
	(void)te;
	(void)now;
	p->timer = NULL;
	dfsr_partner_dial(p);
}

static void dfsr_partner_later(struct dfsr_partner *p)
{
	uint8_t jitter = 0;

	if (p->agent->stopping || p->timer != NULL) {
		return;
	}
	p->agent->env->random(p->agent->env->private_data, &jitter, 1);
	p->timer = tevent_add_timer(
		p->agent->ev, p,
		tevent_timeval_current_ofs(
			p->backoff_ms / 1000,
			(p->backoff_ms % 1000) * 1000 + jitter * 100),
		dfsr_partner_redial, p);
	p->backoff_ms = p->backoff_ms * 2 > DFSR_BACKOFF_MAX_MS
				? DFSR_BACKOFF_MAX_MS
				: p->backoff_ms * 2;
}

/** The link is gone or never came: tell everybody, try again. */
static void dfsr_partner_down(struct dfsr_partner *p, uint32_t event,
			      const char *why)
{
	struct dfsr_session *s = NULL;
	bool was_ready = p->ready;
	bool news; /* the same reason is told once */

	p->peer = NULL;
	p->ready = false;
	p->config_poll = NULL;
	news = was_ready || p->last_error == NULL ||
	       strcmp(p->last_error, why) != 0;
	TALLOC_FREE(p->last_error);
	p->last_error = talloc_strdup(p, why);
	dfsr_partner_changed(p);
	if (news) {
		dfsr_agent_event(p->agent, was_ready ? 5014 : event, NULL,
				 "communication with partner %s (%s:%u) %s: "
				 "%s; it is tried again", p->name, p->host,
				 p->port, was_ready ? "has ended" : "failed",
				 why);
	}
	for (s = p->sessions; s != NULL; s = s->partner_next) {
		dfsr_session_disconnected(s, why);
	}
	dfsr_partner_later(p);
}

static void dfsr_partner_closed(struct dfsr_peer *peer, int err,
				const char *why, void *private_data)
{
	struct dfsr_partner *p = private_data;

	(void)err;
	if (p->peer == peer) {
		TALLOC_FREE(p->hello);
		dfsr_partner_down(p, 5002, why);
	}
}

/* ---- HELLO ------------------------------------------------------------- */

static int dfsr_partner_check(struct dfsr_partner *p,
			      const struct dfsr_msg_hello *h, char **why)
{
	if (dfsr_guid_cmp(&h->node, &p->node) != 0) {
		*why = talloc_strdup(p, "it says that it is another node");
		return EPERM;
	}
	if (h->proto_min > DFSR_PROTO_MAX || h->proto_max < DFSR_PROTO_MIN) {
		*why = talloc_asprintf(p, "its protocol versions %u to %u are "
				       "not ours: update one of the two",
				       h->proto_min, h->proto_max);
		return EPROTO;
	}
	if (h->fold_version != DFSR_FOLD_VERSION) {
		*why = talloc_asprintf(p, "its table for comparing names has "
				       "version %u, ours %u: update one of "
				       "the two",
				       h->fold_version, DFSR_FOLD_VERSION);
		return EPROTO;
	}
	return 0;
}

static void dfsr_partner_ready(struct dfsr_partner *p)
{
	struct dfsr_session *s = NULL;

	p->ready = true;
	p->backoff_ms = DFSR_BACKOFF_MIN_MS;
	TALLOC_FREE(p->last_error);
	dfsr_partner_changed(p);
	dfsr_agent_event(p->agent, 5004, NULL,
			 "connection to partner %s (%s:%u) established",
			 p->name, p->host, p->port);
	dfsr_config_follow(p);
	for (s = p->sessions; s != NULL; s = s->partner_next) {
		dfsr_session_connected(s);
	}
	dfsr_partner_flush(p);
}

static void dfsr_partner_hello_done(struct tevent_req *subreq)
{
	struct dfsr_partner *p =
		tevent_req_callback_data(subreq, struct dfsr_partner);
	struct dfsr_msg_error refused = {0};
	struct dfsr_msg_hello hello = {0};
	TALLOC_CTX *tmp = talloc_new(p);
	uint8_t *body = NULL;
	size_t len = 0;
	char *why = NULL;
	uint32_t event = 5002;
	int ret;

	p->hello = NULL;
	ret = dfsr_peer_request_recv(subreq, tmp, &body, &len, &refused);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		ret = dfsr_msg_hello_pull(tmp, body, len, &hello);
	} else if (ret == EREMOTEIO) {
		why = talloc_asprintf(tmp, "refused: %s", refused.text);
		event = 5012;
	}
	if (ret == 0) {
		ret = dfsr_partner_check(p, &hello, &why);
		event = ret == EPROTO ? 5102 : 5002;
	}
	if (ret != 0) {
		TALLOC_FREE(p->peer);
		dfsr_partner_down(p, event,
				  why != NULL ? why : strerror(ret));
		talloc_free(tmp);
		return;
	}
	talloc_free(tmp);
	dfsr_partner_ready(p);
}

void dfsr_hello_push(struct dfsr_agent *agent, struct dfsr_push *push)
{
	struct dfsr_msg_hello hello = {
		.proto_min = DFSR_PROTO_MIN,
		.proto_max = DFSR_PROTO_MAX,
		.fold_version = DFSR_FOLD_VERSION,
		.node = agent->config->self,
		.config_epoch = agent->config->epoch,
		.now = agent->env->now(agent->env->private_data),
		.software = agent->software,
	};

	dfsr_msg_hello_push(push, &hello);
}

static void dfsr_partner_connected(struct tevent_req *subreq)
{
	struct dfsr_partner *p =
		tevent_req_callback_data(subreq, struct dfsr_partner);
	struct dfsr_push push;
	char *why = NULL;
	int ret;

	p->connecting = NULL;
	ret = dfsr_peer_connect_recv(subreq, p, &p->peer, &why);
	TALLOC_FREE(subreq);
	if (ret != 0) {
		p->peer = NULL;
		dfsr_partner_down(p, ret == ECONNREFUSED ? 5008 : 5002,
				  why != NULL ? why : strerror(ret));
		talloc_free(why);
		return;
	}
	dfsr_peer_set_trusted(p->peer);
	dfsr_push_init(&push, p);
	dfsr_hello_push(p->agent, &push);
	p->hello = dfsr_peer_request_send(p, p->agent->ev, p->peer,
					  DFSR_MSG_HELLO, push.data, push.len,
					  DFSR_PEER_HANDSHAKE_MS);
	talloc_free(push.data);
	if (p->hello == NULL) {
		TALLOC_FREE(p->peer);
		dfsr_partner_down(p, 5002, strerror(ENOMEM));
		return;
	}
	tevent_req_set_callback(p->hello, dfsr_partner_hello_done, p);
}

/** What a partner asks on a connection that we dialled: nothing. */
static void dfsr_partner_request(struct dfsr_request *request,
				 void *private_data)
{
	(void)private_data;
	dfsr_peer_refuse(request, DFSR_WERR_PROTOCOL,
			 "only the side that dialled asks");
}

static void dfsr_partner_dial(struct dfsr_partner *p)
{
	static const struct dfsr_peer_ops ops = {
		.request = dfsr_partner_request,
		.closed = dfsr_partner_closed,
	};

	if (p->peer != NULL || p->connecting != NULL || p->agent->stopping) {
		return;
	}
	p->connecting = dfsr_peer_connect_send(p, p->agent->ev,
					       p->agent->identity, p->host,
					       p->port, p->fingerprint, &ops,
					       p);
	if (p->connecting == NULL) {
		dfsr_partner_later(p);
		return;
	}
	tevent_req_set_callback(p->connecting, dfsr_partner_connected, p);
}

/* ---- the set of partners ----------------------------------------------- */

static int dfsr_partner_destructor(struct dfsr_partner *p)
{
	struct dfsr_session *s = NULL;

	DFSR_LIST_REMOVE(p->agent->partners, p);
	while (p->sessions != NULL) {
		s = p->sessions;
		p->sessions = s->partner_next;
		s->partner = NULL;
		dfsr_session_disconnected(s, "the partner was removed");
	}
	TALLOC_FREE(p->hello);
	TALLOC_FREE(p->connecting);
	TALLOC_FREE(p->peer);
	return 0;
}

static struct dfsr_partner *dfsr_partner_add(struct dfsr_agent *agent,
					     const struct dfsr_config_node *n)
{
	struct dfsr_partner *p = talloc_zero(agent, struct dfsr_partner);

	if (p == NULL) {
		return NULL;
	}
	p->agent = agent;
	p->node = n->guid;
	p->name = talloc_strdup(p, n->name);
	p->host = talloc_strdup(p, n->host);
	p->port = n->port;
	memcpy(p->fingerprint, n->fingerprint, sizeof(p->fingerprint));
	if (p->name == NULL || p->host == NULL) {
		talloc_free(p);
		return NULL;
	}
	p->backoff_ms = DFSR_BACKOFF_MIN_MS;
	DFSR_LIST_ADD(agent->partners, p);
	talloc_set_destructor(p, dfsr_partner_destructor);
	dfsr_partner_dial(p);
	return p;
}

static bool dfsr_partner_same(const struct dfsr_partner *p,
			      const struct dfsr_config_node *n)
{
	return strcmp(p->host, n->host) == 0 && p->port == n->port &&
	       strcmp(p->name, n->name) == 0 &&
	       memcmp(p->fingerprint, n->fingerprint,
		      sizeof(p->fingerprint)) == 0;
}

int dfsr_agent_partners_apply(struct dfsr_agent *agent)
{
	const struct dfsr_config *c = agent->config;
	const struct dfsr_config_node *n = NULL;
	struct dfsr_partner *p = NULL, *next = NULL;
	uint32_t i;

	for (p = agent->partners; p != NULL; p = next) {
		next = p->next;
		n = dfsr_config_node_by_guid(c, &p->node);
		if (n == NULL || !dfsr_partner_same(p, n)) {
			talloc_free(p);
		}
	}
	for (i = 0; i < c->num_nodes; i++) {
		n = &c->nodes[i];
		if (dfsr_guid_cmp(&n->guid, &c->self) == 0 ||
		    dfsr_partner_find(agent, &n->guid) != NULL) {
			continue;
		}
		if (dfsr_partner_add(agent, n) == NULL) {
			return ENOMEM;
		}
	}
	return 0;
}

/* ---- requests that may wait for the link ------------------------------- */

struct dfsr_partner_request_state {
	struct dfsr_partner_request_state *prev, *next;
	struct tevent_req *req;
	struct dfsr_agent *agent;
	struct dfsr_partner *partner;
	uint8_t type;
	uint8_t *body;
	size_t len;
	uint32_t timeout_ms;
	uint8_t *answer;
	size_t answer_len;
	char *why;
};

static void dfsr_partner_request_done(struct tevent_req *subreq);

static void dfsr_partner_request_cleanup(struct tevent_req *req,
					 enum tevent_req_state req_state)
{
	struct dfsr_partner_request_state *state =
		tevent_req_data(req, struct dfsr_partner_request_state);

	(void)req_state;
	if (state->partner != NULL) {
		DFSR_LIST_REMOVE(state->partner->waiting, state);
		state->partner = NULL;
	}
}

static void dfsr_partner_request_go(struct dfsr_partner_request_state *state)
{
	struct dfsr_partner *p = state->partner;
	struct tevent_req *subreq = NULL;

	DFSR_LIST_REMOVE(p->waiting, state);
	state->partner = NULL;
	subreq = dfsr_peer_request_send(state, state->agent->ev, p->peer,
					state->type, state->body, state->len,
					state->timeout_ms);
	if (tevent_req_nomem(subreq, state->req)) {
		return;
	}
	tevent_req_set_callback(subreq, dfsr_partner_request_done, state->req);
}

void dfsr_partner_flush(struct dfsr_partner *p)
{
	struct dfsr_partner_request_state *state = NULL;

	while (p->waiting != NULL && p->ready) {
		state = p->waiting;
		dfsr_partner_request_go(state);
	}
}

static void dfsr_partner_request_late(struct tevent_context *ev,
				      struct tevent_timer *te,
				      struct timeval now, void *private_data)
{
	struct tevent_req *req =
		talloc_get_type_abort(private_data, struct tevent_req);
	struct dfsr_partner_request_state *state =
		tevent_req_data(req, struct dfsr_partner_request_state);

	(void)ev;
	(void)te;
	(void)now;
	if (state->partner == NULL) {
		return;
	}
	state->why = talloc_asprintf(
		state, "%s cannot be reached: %s", state->partner->name,
		state->partner->last_error != NULL ? state->partner->last_error
						   : "no connection yet");
	tevent_req_error(req, ENOTCONN);
}

struct tevent_req *dfsr_partner_request_send(TALLOC_CTX *mem_ctx,
					     struct dfsr_agent *agent,
					     const struct dfsr_guid *node,
					     uint8_t type,
					     const uint8_t *body, size_t len,
					     uint32_t timeout_ms)
{
	struct tevent_req *req = NULL;
	struct dfsr_partner_request_state *state = NULL;
	struct dfsr_partner *p = dfsr_partner_find(agent, node);

	req = tevent_req_create(mem_ctx, &state,
				struct dfsr_partner_request_state);
	if (req == NULL) {
		return NULL;
	}
	state->req = req;
	state->agent = agent;
	state->type = type;
	state->timeout_ms = timeout_ms;
	state->len = len;
	state->body = talloc_memdup(state, body, len);
	if (len > 0 && tevent_req_nomem(state->body, req)) {
		return tevent_req_post(req, agent->ev);
	}
	if (p == NULL) {
		state->why = talloc_strdup(state, "no such node");
		tevent_req_error(req, ENOENT);
		return tevent_req_post(req, agent->ev);
	}
	tevent_req_set_cleanup_fn(req, dfsr_partner_request_cleanup);
	state->partner = p;
	DFSR_LIST_ADD(p->waiting, state);
	if (p->ready) {
		dfsr_partner_request_go(state);
		if (!tevent_req_is_in_progress(req)) {
			return tevent_req_post(req, agent->ev);
		}
		return req;
	}
	if (tevent_add_timer(agent->ev, state,
			     tevent_timeval_current_ofs(
				     DFSR_PARTNER_WAIT_MS / 1000,
				     (DFSR_PARTNER_WAIT_MS % 1000) * 1000),
			     dfsr_partner_request_late, req) == NULL) {
		tevent_req_oom(req);
		return tevent_req_post(req, agent->ev);
	}
	return req;
}

static void dfsr_partner_request_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_partner_request_state *state =
		tevent_req_data(req, struct dfsr_partner_request_state);
	struct dfsr_msg_error refused = {0};
	int ret;

	ret = dfsr_peer_request_recv(subreq, state, &state->answer,
				     &state->answer_len, &refused);
	TALLOC_FREE(subreq);
	if (ret != 0) {
		state->why = talloc_strdup(state, refused.text != NULL
							  ? refused.text
							  : strerror(ret));
		tevent_req_error(req, ret);
		return;
	}
	tevent_req_done(req);
}

int dfsr_partner_request_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			      uint8_t **body, size_t *len, char **why)
{
	struct dfsr_partner_request_state *state =
		tevent_req_data(req, struct dfsr_partner_request_state);
	int ret = dfsr_req_error(req);

	if (ret != 0) {
		*why = state->why != NULL
			       ? talloc_move(mem_ctx, &state->why)
			       : talloc_strdup(mem_ctx, strerror(ret));
	} else {
		*body = talloc_move(mem_ctx, &state->answer);
		*len = state->answer_len;
	}
	tevent_req_received(req);
	return ret;
}
