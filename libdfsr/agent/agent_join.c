/*
   Samba DFS Replication
   node join: a new node presents its token

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
#include <string.h>

#include "agent_control_state.h"
#include "agent_event.h"

#define DFSR_JOIN_TIMEOUT_MS 15000

struct dfsr_join_state {
	struct tevent_context *ev;
	struct dfsr_agent *agent;
	struct dfsr_token token;
	struct dfsr_peer *peer;
	char *why;
	bool dry_run; /* as far as the other node's key */
};

static void dfsr_join_connected(struct tevent_req *subreq);
static void dfsr_join_answered(struct tevent_req *subreq);

static void dfsr_join_request(struct dfsr_request *request, void *private_data)
{
	(void)private_data;
	dfsr_peer_refuse(request, DFSR_WERR_PROTOCOL,
			 "only the side that dialled asks");
}

static void dfsr_join_closed(struct dfsr_peer *peer, int err, const char *why,
			     void *private_data)
{
	struct dfsr_join_state *state = private_data;

	(void)peer;
	(void)err;
	(void)why;
	state->peer = NULL;
}

struct tevent_req *dfsr_verb_join_send(TALLOC_CTX *mem_ctx,
				       struct tevent_context *ev,
				       struct dfsr_agent *agent,
				       json_t *request)
{
	static const struct dfsr_peer_ops ops = {
		.request = dfsr_join_request,
		.closed = dfsr_join_closed,
	};
	const struct dfsr_config *c = agent->config;
	struct tevent_req *req = NULL, *subreq = NULL;
	struct dfsr_join_state *state = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_join_state);
	if (req == NULL) {
		return NULL;
	}
	state->ev = ev;
	state->agent = agent;
	state->dry_run = dfsr_control_dry_run(request);
	if (c->num_nodes > 1 || c->num_groups > 0) {
		state->why = talloc_strdup(
			state, "this node belongs to a configuration already "
			"(\"samba-dfs node list\"); only a node without "
			"groups and other nodes can join another one");
		tevent_req_error(req, EEXIST);
		return tevent_req_post(req, ev);
	}
	if (dfsr_token_parse(dfsr_control_arg(request, 0), &state->token) !=
	    0) {
		state->why = talloc_strdup(
			state, "this is not a token, or not all of it: print "
			"one with \"samba-dfs node invite\" on the first node");
		tevent_req_error(req, EINVAL);
		return tevent_req_post(req, ev);
	}
	subreq = dfsr_peer_connect_send(state, ev, agent->identity,
					state->token.host, state->token.port,
					state->token.fingerprint, &ops, state);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_set_callback(subreq, dfsr_join_connected, req);
	return req;
}

static void dfsr_join_connected(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_join_state *state =
		tevent_req_data(req, struct dfsr_join_state);
	const struct dfsr_config *c = state->agent->config;
	const struct dfsr_config_node *self =
		dfsr_config_node_by_guid(c, &c->self);
	struct dfsr_msg_join msg = {.node = c->self};
	struct dfsr_push push;
	int ret;

	ret = dfsr_peer_connect_recv(subreq, state, &state->peer, &state->why);
	TALLOC_FREE(subreq);
	if (ret != 0) {
		tevent_req_error(req, ret == EINVAL ? EIO : ret);
		return;
	}
	if (state->dry_run) {
		tevent_req_done(req);
		return;
	}
	dfsr_peer_set_trusted(state->peer);
	memcpy(msg.secret, state->token.secret, sizeof(msg.secret));
	msg.name = self->name;
	msg.address = dfsr_config_address_str(state, self->host, self->port);
	dfsr_push_init(&push, state);
	dfsr_msg_join_push(&push, &msg);
	subreq = dfsr_peer_request_send(state, state->ev, state->peer,
					DFSR_MSG_JOIN, push.data, push.len,
					DFSR_JOIN_TIMEOUT_MS);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, dfsr_join_answered, req);
}

static void dfsr_join_answered(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_join_state *state =
		tevent_req_data(req, struct dfsr_join_state);
	struct dfsr_agent *agent = state->agent;
	struct dfsr_change ch = {
		.db = agent->configdb,
		.mem_ctx = state,
		.why = &state->why,
		.env = agent->env,
	};
	struct dfsr_msg_error refused = {0};
	struct dfsr_msg_document doc = {0};
	uint8_t *body = NULL;
	char *ldif = NULL;
	size_t len = 0;
	int ret;

	ret = dfsr_peer_request_recv(subreq, state, &body, &len, &refused);
	TALLOC_FREE(subreq);
	if (ret == EREMOTEIO) {
		state->why = talloc_asprintf(state, "refused: %s",
					     refused.text);
		tevent_req_error(req, EACCES);
		return;
	}
	if (ret == 0) {
		ret = dfsr_msg_document_pull(state, body, len, &doc);
	}
	if (ret == 0) {
		ldif = talloc_strndup(state, (const char *)doc.data, doc.len);
		ret = ldif == NULL ? ENOMEM
				   : dfsr_config_adopt(&ch,
						       &agent->config->self,
						       ldif);
	}
	if (ret != 0) {
		tevent_req_error(req, ret);
		return;
	}
	dfsr_agent_event(agent, DFSR_EVENT_CONFIG_RECEIVED, NULL,
			 "this node has joined the configuration of %s",
			 dfsr_peer_remote(state->peer));
	dfsr_agent_config_changed(agent);
	tevent_req_done(req);
}

int dfsr_verb_join_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			json_t **result, char **why)
{
	struct dfsr_join_state *state =
		tevent_req_data(req, struct dfsr_join_state);
	int ret = dfsr_req_error(req);

	if (ret != 0) {
		*why = talloc_move(mem_ctx, &state->why);
	} else {
		*result = json_pack("{s:s, s:I}", "joined", state->token.host,
				    "epoch",
				    (json_int_t)state->agent->config->epoch);
	}
	TALLOC_FREE(state->peer);
	tevent_req_received(req);
	return ret;
}
