/*
   Samba DFS Replication
   Nodes that dial this one: who they are, and what they may ask

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

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent_control.h"
#include "agent_event.h"
#include "agent_private.h"

struct dfsr_config_wait {
	struct dfsr_config_wait *prev, *next;
	struct dfsr_agent *agent;
	struct dfsr_request *request;
};

static int dfsr_incoming_destructor(struct dfsr_incoming *in)
{
	DFSR_LIST_REMOVE(in->agent->incoming, in);
	return 0;
}

/** A stranger may come in while there are tokens that he may present. */
static int dfsr_incoming_accept(struct dfsr_peer *peer, void *private_data)
{
	struct dfsr_agent *agent = private_data;
	const struct dfsr_config_node *n = NULL;
	struct dfsr_incoming *in = NULL;

	n = dfsr_config_node_by_key(agent->config,
				    dfsr_peer_fingerprint(peer));
	in = talloc_zero(peer, struct dfsr_incoming);
	if (in == NULL) {
		return ENOMEM;
	}
	in->agent = agent;
	in->peer = peer;
	in->name = talloc_strdup(in, n != NULL ? n->name : "a stranger");
	if (in->name == NULL) {
		talloc_free(in);
		return ENOMEM;
	}
	if (n != NULL) {
		in->node = n->guid;
	}
	DFSR_LIST_ADD(agent->incoming, in);
	talloc_set_destructor(in, dfsr_incoming_destructor);
	dfsr_peer_set_data(peer, in);
	return 0;
}

/** The address without its port, so that a flood folds into one event. */
static void dfsr_incoming_refused(const char *remote, const char *why,
				  void *private_data)
{
	struct dfsr_agent *agent = private_data;
	char *key = talloc_strdup(agent, remote);
	char *colon = key != NULL ? strrchr(key, ':') : NULL;

	if (colon != NULL) {
		*colon = '\0';
	}
	dfsr_eventlog_add_folded(agent->events, DFSR_EVENT_STRANGER_REFUSED,
				 key != NULL ? key : "", NULL,
				 "a connection from %s was refused: %s", remote,
				 why);
	talloc_free(key);
}

static void dfsr_incoming_hello(struct dfsr_incoming *in,
				struct dfsr_request *req)
{
	struct dfsr_msg_hello hello;
	struct dfsr_push push;

	if (dfsr_msg_hello_pull(req, req->body, req->body_len, &hello) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad HELLO");
		return;
	}
	if (dfsr_guid_cmp(&hello.node, &in->node) != 0) {
		dfsr_incoming_refused(dfsr_peer_remote(in->peer),
				      "it says that it is another node than "
				      "its key belongs to", in->agent);
		dfsr_peer_refuse(req, DFSR_WERR_ACCESS,
				 "your key belongs to another node");
		return;
	}
	in->hello = true;
	dfsr_peer_set_trusted(in->peer);
	dfsr_push_init(&push, req);
	dfsr_hello_push(in->agent, &push);
	if (push.err != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "out of memory");
		return;
	}
	dfsr_peer_reply(req, push.data, push.len);
}

static void dfsr_incoming_request(struct dfsr_request *req,
				  void *private_data)
{
	struct dfsr_agent *agent = private_data;
	struct dfsr_incoming *in = dfsr_peer_data(req->peer);

	if (dfsr_guid_is_null(&in->node)) {
		if (req->type == DFSR_MSG_JOIN) {
			dfsr_serve_join(in, req);
			return;
		}
		dfsr_incoming_refused(dfsr_peer_remote(req->peer),
				      "its key belongs to no node of the "
				      "configuration", agent);
		dfsr_peer_refuse(req, DFSR_WERR_ACCESS,
				 "your key belongs to no node of the "
				 "configuration here");
		return;
	}
	if (req->type == DFSR_MSG_HELLO) {
		dfsr_incoming_hello(in, req);
	} else if (!in->hello) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "HELLO comes first");
	} else {
		dfsr_serve_request(in, req);
	}
}

static void dfsr_incoming_closed(struct dfsr_peer *peer, int err,
				 const char *why, void *private_data)
{
	struct dfsr_agent *agent = private_data;
	struct dfsr_incoming *in = dfsr_peer_data(peer);

	if (err == EBADMSG || err == EPROTO) {
		dfsr_incoming_refused(dfsr_peer_remote(peer), why, agent);
	} else if (in != NULL) {
		dfsr_agent_log(agent, 3, "%s (%s) has disconnected: %s",
			       in->name, dfsr_peer_remote(peer), why);
	}
}

int dfsr_agent_listen(struct dfsr_agent *agent, char **why)
{
	const struct dfsr_listener_ops ops = {
		.accept = dfsr_incoming_accept,
		.refused = dfsr_incoming_refused,
		.peer = {
			.request = dfsr_incoming_request,
			.closed = dfsr_incoming_closed,
		},
		.private_data = agent,
	};
	int ret;

	ret = dfsr_peer_listen(agent, agent->ev, agent->identity,
			       agent->opt.listen, agent->opt.port, &ops,
			       &agent->listener);
	if (ret != 0) {
		*why = talloc_asprintf(
			agent, "port %u%s%s cannot be listened on: %s; "
			"another service has it, or \"dfsr:interfaces\" names "
			"an address that this host has not",
			agent->opt.port,
			agent->opt.listen != NULL ? " of " : "",
			agent->opt.listen != NULL ? agent->opt.listen : "",
			strerror(ret));
	}
	return ret;
}

void dfsr_agent_incoming_apply(struct dfsr_agent *agent)
{
	const struct dfsr_config_node *n = NULL;
	struct dfsr_incoming *in = NULL, *next = NULL;

	for (in = agent->incoming; in != NULL; in = next) {
		next = in->next;
		n = dfsr_config_node_by_key(agent->config,
					    dfsr_peer_fingerprint(in->peer));
		if (!dfsr_guid_is_null(&in->node) &&
		    (n == NULL ||
		     dfsr_guid_cmp(&n->guid, &in->node) != 0)) {
			dfsr_incoming_refused(dfsr_peer_remote(in->peer),
					      "its node was removed from the "
					      "configuration", agent);
			talloc_free(in->peer);
		}
	}
}

/* ---- the configuration ------------------------------------------------- */

static int dfsr_config_wait_destructor(struct dfsr_config_wait *w)
{
	DFSR_LIST_REMOVE(w->agent->config_waits, w);
	return 0;
}

static void dfsr_serve_config_answer(struct dfsr_agent *agent,
				     struct dfsr_request *req)
{
	struct dfsr_msg_document doc = {0};
	struct dfsr_push push;
	char *ldif = NULL;
	int ret;

	ret = dfsr_configdb_export(agent->configdb, req, &doc.epoch, &ldif);
	if (ret != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_IO, "%s", strerror(ret));
		return;
	}
	doc.data = (const uint8_t *)ldif;
	doc.len = strlen(ldif);
	dfsr_push_init(&push, req);
	dfsr_msg_document_push(&push, &doc);
	if (push.err != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "out of memory");
		return;
	}
	dfsr_peer_reply(req, push.data, push.len);
}

void dfsr_serve_config(struct dfsr_incoming *in, struct dfsr_request *req)
{
	struct dfsr_agent *agent = in->agent;
	struct dfsr_config_wait *w = NULL;
	struct dfsr_msg_config msg;

	if (dfsr_msg_config_pull(req, req->body, req->body_len, &msg) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad CONFIG");
		return;
	}
	if (agent->config->epoch > msg.epoch) {
		dfsr_serve_config_answer(agent, req);
		return;
	}
	w = talloc_zero(req, struct dfsr_config_wait);
	if (w == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "out of memory");
		return;
	}
	w->agent = agent;
	w->request = req;
	DFSR_LIST_ADD(agent->config_waits, w);
	talloc_set_destructor(w, dfsr_config_wait_destructor);
}

void dfsr_serve_config_changed(struct dfsr_agent *agent)
{
	struct dfsr_config_wait *w = NULL, *next = NULL;

	for (w = agent->config_waits; w != NULL; w = next) {
		next = w->next;
		dfsr_serve_config_answer(agent, w->request);
	}
}

static void dfsr_config_followed(struct tevent_req *subreq)
{
	struct dfsr_partner *p =
		tevent_req_callback_data(subreq, struct dfsr_partner);
	struct dfsr_agent *agent = p->agent;
	struct dfsr_msg_document doc = {0};
	struct dfsr_msg_error refused = {0};
	TALLOC_CTX *tmp = talloc_new(agent);
	uint8_t *body = NULL;
	size_t len = 0;
	char *ldif = NULL, *why = NULL;
	int ret;

	p->config_poll = NULL;
	ret = dfsr_peer_request_recv(subreq, tmp, &body, &len, &refused);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		ret = dfsr_msg_document_pull(tmp, body, len, &doc);
	}
	if (ret == 0) {
		ldif = talloc_strndup(tmp, (const char *)doc.data, doc.len);
		ret = ldif == NULL ? ENOMEM
				   : dfsr_configdb_import(agent->configdb,
							  ldif, tmp, &why);
		if (ret != 0) {
			dfsr_agent_event(agent, DFSR_EVENT_CONFIG_REFUSED,
					 NULL, "the configuration of %s was "
					 "not taken over: %s", p->name,
					 why != NULL ? why : strerror(ret));
			talloc_free(tmp);
			return; /* asked for again with the next link */
		}
		dfsr_agent_event(agent, DFSR_EVENT_CONFIG_RECEIVED, NULL,
				 "configuration %llu received from %s",
				 (unsigned long long)doc.epoch, p->name);
		/* May remove this very partner: it is not used afterwards. */
		dfsr_agent_config_changed(agent);
		talloc_free(tmp);
		return;
	}
	talloc_free(tmp);
}

void dfsr_config_follow(struct dfsr_partner *p)
{
	struct dfsr_agent *agent = p->agent;
	struct dfsr_msg_config msg = {.epoch = agent->config->epoch};
	struct dfsr_push push;

	TALLOC_FREE(p->config_poll);
	if (!p->ready ||
	    dfsr_guid_cmp(&p->node, &agent->config->active) != 0) {
		return;
	}
	dfsr_push_init(&push, p);
	dfsr_msg_config_push(&push, &msg);
	p->config_poll = dfsr_peer_request_send(p, agent->ev, p->peer,
						DFSR_MSG_CONFIG, push.data,
						push.len, 0);
	talloc_free(push.data);
	if (p->config_poll != NULL) {
		tevent_req_set_callback(p->config_poll, dfsr_config_followed,
					p);
	}
}

/* ---- JOIN -------------------------------------------------------------- */

void dfsr_serve_join(struct dfsr_incoming *in, struct dfsr_request *req)
{
	struct dfsr_agent *agent = in->agent;
	struct dfsr_msg_join msg;
	char *why = NULL, *host = NULL;
	uint16_t port = DFSR_PORT_DEFAULT;
	struct dfsr_change ch = {
		.db = agent->configdb,
		.mem_ctx = req,
		.why = &why,
		.env = agent->env,
	};
	int ret;

	ret = dfsr_msg_join_pull(req, req->body, req->body_len, &msg);
	if (ret == 0) {
		ret = dfsr_config_address_parse(req, msg.address, &host,
						&port);
	}
	if (ret != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad JOIN");
		return;
	}
	if (dfsr_guid_cmp(&agent->config->active, &agent->config->self) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_TOKEN,
				 "this node does not hold the active "
				 "configuration: use a token of the one that "
				 "does");
		return;
	}
	ret = dfsr_config_admit(&ch, msg.secret, &msg.node, msg.name, host,
				port, dfsr_peer_fingerprint(in->peer));
	if (ret != 0) {
		dfsr_eventlog_add_folded(
			agent->events, DFSR_EVENT_TOKEN_REFUSED,
			dfsr_peer_remote(in->peer), NULL,
			"node %s (%s) was not admitted: %s", msg.name,
			dfsr_peer_remote(in->peer),
			why != NULL ? why : strerror(ret));
		dfsr_peer_refuse(req, DFSR_WERR_TOKEN, "%s",
				 why != NULL ? why : strerror(ret));
		return;
	}
	dfsr_agent_event(agent, DFSR_EVENT_NODE_ADMITTED, NULL,
			 "node %s (%s) was admitted with a token", msg.name,
			 msg.address);
	dfsr_serve_config_answer(agent, req);
	dfsr_agent_config_changed(agent);
}

/* ---- CONTROL ----------------------------------------------------------- */

struct dfsr_serve_control_state {
	struct dfsr_request *request;
};

static void dfsr_serve_control_done(struct tevent_req *subreq)
{
	struct dfsr_serve_control_state *state = tevent_req_callback_data(
		subreq, struct dfsr_serve_control_state);
	struct dfsr_request *req = state->request;
	struct dfsr_msg_document doc = {0};
	struct dfsr_push push;
	json_t *answer = NULL;
	char *text = NULL;
	int ret;

	ret = dfsr_agent_control_recv(subreq, &answer);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		text = json_dumps(answer, JSON_COMPACT);
		json_decref(answer);
	}
	if (text == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_IO, "%s", strerror(ret));
		return;
	}
	doc.data = (const uint8_t *)text;
	doc.len = strlen(text);
	dfsr_push_init(&push, req);
	dfsr_msg_document_push(&push, &doc);
	free(text);
	if (push.err != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "out of memory");
		return;
	}
	dfsr_peer_reply(req, push.data, push.len);
}

void dfsr_serve_control(struct dfsr_incoming *in, struct dfsr_request *req)
{
	struct dfsr_serve_control_state *state = NULL;
	struct tevent_req *subreq = NULL;
	struct dfsr_msg_document doc;
	json_t *request = NULL;

	if (dfsr_msg_document_pull(req, req->body, req->body_len, &doc) == 0) {
		request = json_loadb((const char *)doc.data, doc.len, 0, NULL);
	}
	if (request == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad CONTROL");
		return;
	}
	state = talloc_zero(req, struct dfsr_serve_control_state);
	if (state != NULL) {
		state->request = req;
		subreq = dfsr_agent_control_remote_send(
			state, in->agent->ev, in->agent, &in->node, request);
	}
	json_decref(request);
	if (subreq == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "out of memory");
		return;
	}
	tevent_req_set_callback(subreq, dfsr_serve_control_done, state);
}
