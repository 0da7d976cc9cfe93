/*
   Samba DFS Replication
   Verbs that ask several nodes: backlog and wait

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

#define DFSR_WAIT_TIMEOUT_DEFAULT_SEC 60
#define DFSR_WAIT_TIMEOUT_MAX_SEC (7 * 24 * 3600)
/** Members are asked again after this, at first and at last. */
#define DFSR_WAIT_PAUSE_MIN_MS 10
#define DFSR_WAIT_PAUSE_MAX_MS 500

/* ---- one node's vector, wherever it is --------------------------------- */

struct dfsr_vector_state {
	json_t *answer;
};

static int dfsr_vector_destructor(struct dfsr_vector_state *state)
{
	json_decref(state->answer);
	return 0;
}

static void dfsr_vector_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_vector_state *state =
		tevent_req_data(req, struct dfsr_vector_state);
	json_t *answer = NULL, *result = NULL;
	int ret;

	ret = dfsr_agent_forward_recv(subreq, &answer);
	TALLOC_FREE(subreq);
	result = ret == 0 ? json_object_get(answer, "result") : NULL;
	if (ret == 0 && !json_is_object(result)) {
		ret = ENOENT;
	}
	if (ret == 0) {
		state->answer = json_incref(result);
	}
	json_decref(answer);
	if (ret != 0) {
		tevent_req_error(req, ret);
		return;
	}
	tevent_req_done(req);
}

static json_t *dfsr_vector_request(const char *verb, const char *group,
				   const char *folder, json_t *options)
{
	return json_pack("{s:s, s:s, s:[s,s], s:o, s:b}", "noun", "folder",
			 "verb", verb, "args", group, folder, "options",
			 options, "dry_run", false);
}

/** The answer of the verb `folder vector` of a node. */
static struct tevent_req *dfsr_vector_send(TALLOC_CTX *mem_ctx,
					   struct tevent_context *ev,
					   struct dfsr_agent *agent,
					   const struct dfsr_guid *node,
					   const struct dfsr_guid *folder,
					   const char *group_name,
					   const char *folder_name)
{
	struct tevent_req *req = NULL, *subreq = NULL;
	struct dfsr_vector_state *state = NULL;
	struct dfsr_folder *f = NULL;
	json_t *request = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_vector_state);
	if (req == NULL) {
		return NULL;
	}
	talloc_set_destructor(state, dfsr_vector_destructor);
	if (dfsr_guid_cmp(node, &agent->config->self) == 0) {
		f = dfsr_folder_find(agent, folder);
		if (f == NULL) {
			tevent_req_error(req, ENOENT);
		} else {
			state->answer = dfsr_state_vector(f);
			tevent_req_done(req);
		}
		return tevent_req_post(req, ev);
	}
	request = dfsr_vector_request("vector", group_name, folder_name,
				      json_object());
	subreq = dfsr_agent_forward_send(state, ev, agent, node, request);
	json_decref(request);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_set_callback(subreq, dfsr_vector_done, req);
	return req;
}

/** @param[out] answer a new reference */
static int dfsr_vector_recv(struct tevent_req *req, json_t **answer)
{
	struct dfsr_vector_state *state =
		tevent_req_data(req, struct dfsr_vector_state);
	int ret = dfsr_req_error(req);

	if (ret == 0) {
		*answer = json_incref(state->answer);
	}
	tevent_req_received(req);
	return ret;
}

/* ---- backlog ----------------------------------------------------------- */

struct dfsr_backlog_state {
	struct tevent_context *ev;
	struct dfsr_agent *agent;
	struct dfsr_guid folder;
	const char *group_name;
	const char *folder_name;
	struct dfsr_config_node from;
	struct dfsr_config_node to;
	int64_t limit;
	bool stale; /* by what the partner had when it was last heard */
	json_t *result;
	char *why;
};

static void dfsr_backlog_vector(struct tevent_req *subreq);
static void dfsr_backlog_counted(struct tevent_req *subreq);

static int dfsr_backlog_parse(struct dfsr_backlog_state *state,
			      json_t *request)
{
	const struct dfsr_config *c = state->agent->config;
	const char *from = dfsr_control_option(request, "from");
	const char *to = dfsr_control_option(request, "to");
	const struct dfsr_config_node *n = NULL;
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *cf = NULL;
	int ret;

	if (from == NULL || to == NULL) {
		state->why = talloc_strdup(state, "say --from NODE and --to "
					   "NODE");
		return EINVAL;
	}
	ret = dfsr_control_folder(c, request, state, &g, &cf, &state->why);
	if (ret == 0) {
		ret = dfsr_control_node(c, from, state, &n, &state->why);
	}
	if (ret == 0) {
		state->from = *n;
		ret = dfsr_control_node(c, to, state, &n, &state->why);
	}
	if (ret == 0) {
		state->to = *n;
		ret = dfsr_control_number(request, "limit", 1000000, 100,
					  state, &state->limit, &state->why);
	}
	if (ret != 0) {
		return ret;
	}
	state->folder = cf->guid;
	state->group_name = talloc_strdup(state, g->name);
	state->folder_name = talloc_strdup(state, cf->name);
	state->from.name = talloc_strdup(state, state->from.name);
	state->to.name = talloc_strdup(state, state->to.name);
	if (dfsr_config_membership(cf, &state->from.guid) == NULL ||
	    dfsr_config_membership(cf, &state->to.guid) == NULL) {
		state->why = talloc_asprintf(
			state, "%s is no member of %s/%s",
			dfsr_config_membership(cf, &state->from.guid) == NULL
				? state->from.name
				: state->to.name,
			g->name, cf->name);
		return ENOENT;
	}
	return 0;
}

static int dfsr_backlog_destructor(struct dfsr_backlog_state *state)
{
	json_decref(state->result);
	return 0;
}

struct tevent_req *dfsr_verb_backlog_send(TALLOC_CTX *mem_ctx,
					  struct tevent_context *ev,
					  struct dfsr_agent *agent,
					  json_t *request)
{
	struct tevent_req *req = NULL, *subreq = NULL;
	struct dfsr_backlog_state *state = NULL;
	int ret;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_backlog_state);
	if (req == NULL) {
		return NULL;
	}
	talloc_set_destructor(state, dfsr_backlog_destructor);
	state->ev = ev;
	state->agent = agent;
	ret = dfsr_backlog_parse(state, request);
	if (tevent_req_error(req, ret)) {
		return tevent_req_post(req, ev);
	}
	subreq = dfsr_vector_send(state, ev, agent, &state->to.guid,
				  &state->folder, state->group_name,
				  state->folder_name);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_set_callback(subreq, dfsr_backlog_vector, req);
	return req;
}

/**
 * The partner is away: what it had when it last answered a poll of ours. It
 * may have more by now, never less.
 */
static json_t *dfsr_backlog_last(struct dfsr_backlog_state *state)
{
	struct dfsr_folder *f = dfsr_folder_find(state->agent, &state->folder);
	struct dfsr_session *s = NULL;
	char *hex = NULL;

	if (f == NULL || dfsr_guid_cmp(&state->from.guid,
				       &state->agent->config->self) != 0) {
		return NULL;
	}
	for (s = f->sessions; s != NULL; s = s->next) {
		if (s->partner != NULL && s->server_vv != NULL &&
		    dfsr_guid_cmp(&s->partner->node, &state->to.guid) == 0) {
			hex = dfsr_state_hex(state, s->server_vv);
			return hex == NULL ? NULL
					   : json_pack("{s:s}", "vector", hex);
		}
	}
	return NULL;
}

static void dfsr_backlog_vector(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_backlog_state *state =
		tevent_req_data(req, struct dfsr_backlog_state);
	json_t *answer = NULL, *options = NULL, *request = NULL;
	char limit[32];
	int ret;

	ret = dfsr_vector_recv(subreq, &answer);
	TALLOC_FREE(subreq);
	if (ret != 0) {
		answer = dfsr_backlog_last(state);
		state->stale = answer != NULL;
	}
	if (answer == NULL) {
		state->why = talloc_asprintf(state, "%s cannot be asked: %s",
					     state->to.name, strerror(ret));
		tevent_req_error(req, ret);
		return;
	}
	snprintf(limit, sizeof(limit), "%lld", (long long)state->limit);
	options = json_pack("{s:O, s:s}", "vector",
			    json_object_get(answer, "vector"), "limit", limit);
	json_decref(answer);
	request = dfsr_vector_request("backlog", state->group_name,
				      state->folder_name, options);
	if (dfsr_guid_cmp(&state->from.guid, &state->agent->config->self) ==
	    0) {
		ret = dfsr_verb_folder_backlog(state->agent, state, request,
					       &state->result, &state->why);
		json_decref(request);
		if (ret != 0) {
			tevent_req_error(req, ret);
		} else {
			tevent_req_done(req);
		}
		return;
	}
	subreq = dfsr_agent_forward_send(state, state->ev, state->agent,
					 &state->from.guid, request);
	json_decref(request);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, dfsr_backlog_counted, req);
}

static void dfsr_backlog_counted(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_backlog_state *state =
		tevent_req_data(req, struct dfsr_backlog_state);
	json_t *answer = NULL;
	int ret;

	ret = dfsr_agent_forward_recv(subreq, &answer);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		state->result =
			json_incref(json_object_get(answer, "result"));
		if (!json_is_object(state->result)) {
			const char *error = json_string_value(
				json_object_get(answer, "error"));

			state->why = talloc_strdup(
				state, error != NULL ? error : "bad answer");
			ret = EIO;
		}
	} else {
		state->why = talloc_asprintf(state, "%s cannot be asked: %s",
					     state->from.name, strerror(ret));
	}
	json_decref(answer);
	if (ret != 0) {
		tevent_req_error(req, ret);
		return;
	}
	tevent_req_done(req);
}

int dfsr_verb_backlog_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			   json_t **result, char **why)
{
	struct dfsr_backlog_state *state =
		tevent_req_data(req, struct dfsr_backlog_state);
	int ret = dfsr_req_error(req);

	if (ret == 0) {
		json_object_set_new(state->result, "partner_reached",
				    json_boolean(!state->stale));
		json_object_set_new(state->result, "from",
				    json_string(state->from.name));
		json_object_set_new(state->result, "to",
				    json_string(state->to.name));
		*result = json_incref(state->result);
	} else {
		*why = talloc_move(mem_ctx, &state->why);
	}
	tevent_req_received(req);
	return ret;
}

/* ---- wait -------------------------------------------------------------- */

/** A member in one round of questions. */
struct dfsr_wait_member {
	struct dfsr_wait_state *state;
	struct dfsr_guid guid;
	char *name;
	struct dfsr_vv *vv;
	char *behind; /* why it is not in sync, NULL if it is */
};

struct dfsr_wait_state {
	struct tevent_req *req;
	struct tevent_context *ev;
	struct dfsr_agent *agent;
	struct dfsr_guid folder;
	const char *group_name;
	const char *folder_name;
	uint32_t num;
	struct dfsr_wait_member *members;
	uint32_t open; /* questions */
	uint32_t pause_ms;
	unsigned agreed; /* rounds in a row */
	bool late;
	char *why;
};

static void dfsr_wait_ask(struct dfsr_wait_state *state);
static void dfsr_wait_answered(struct tevent_req *subreq);

static void dfsr_wait_again(struct tevent_context *ev, struct tevent_timer *te,
			    struct timeval now, void *private_data)
{
	(void)ev;
	(void)te;
	(void)now;
	dfsr_wait_ask(private_data);
}

static void dfsr_wait_late(struct tevent_context *ev, struct tevent_timer *te,
			   struct timeval now, void *private_data)
{
	struct dfsr_wait_state *state = private_data;

	(void)ev;
	(void)te;
	(void)now;
	state->late = true;
}

static int dfsr_wait_parse(struct dfsr_wait_state *state, json_t *request,
			   int64_t *timeout)
{
	const struct dfsr_config *c = state->agent->config;
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *cf = NULL;
	const struct dfsr_config_node *n = NULL;
	uint32_t i;
	int ret;

	ret = dfsr_control_folder(c, request, state, &g, &cf, &state->why);
	if (ret == 0) {
		ret = dfsr_control_number(request, "timeout",
					  DFSR_WAIT_TIMEOUT_MAX_SEC,
					  DFSR_WAIT_TIMEOUT_DEFAULT_SEC, state,
					  timeout, &state->why);
	}
	if (ret != 0) {
		return ret;
	}
	state->folder = cf->guid;
	state->group_name = talloc_strdup(state, g->name);
	state->folder_name = talloc_strdup(state, cf->name);
	state->members = talloc_zero_array(state, struct dfsr_wait_member,
					   cf->num_memberships + 1);
	if (state->members == NULL) {
		return ENOMEM;
	}
	for (i = 0; i < cf->num_memberships; i++) {
		n = dfsr_config_node_by_guid(c, &cf->memberships[i].node);
		if (!cf->memberships[i].enabled || n == NULL) {
			continue;
		}
		state->members[state->num].state = state;
		state->members[state->num].guid = n->guid;
		state->members[state->num].name =
			talloc_strdup(state, n->name);
		state->num++;
	}
	if (state->num == 0) {
		state->why = talloc_asprintf(state, "%s/%s has no enabled "
					     "membership: see \"samba-dfs "
					     "membership set\"", g->name,
					     cf->name);
		return ENOENT;
	}
	return 0;
}

struct tevent_req *dfsr_verb_wait_send(TALLOC_CTX *mem_ctx,
				       struct tevent_context *ev,
				       struct dfsr_agent *agent,
				       json_t *request)
{
	struct tevent_req *req = NULL;
	struct dfsr_wait_state *state = NULL;
	int64_t timeout = 0;
	int ret;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_wait_state);
	if (req == NULL) {
		return NULL;
	}
	state->req = req;
	state->ev = ev;
	state->agent = agent;
	state->pause_ms = DFSR_WAIT_PAUSE_MIN_MS;
	ret = dfsr_wait_parse(state, request, &timeout);
	if (tevent_req_error(req, ret)) {
		return tevent_req_post(req, ev);
	}
	if (tevent_add_timer(ev, state, tevent_timeval_current_ofs(timeout, 0),
			     dfsr_wait_late, state) == NULL) {
		tevent_req_oom(req);
		return tevent_req_post(req, ev);
	}
	dfsr_wait_ask(state);
	if (!tevent_req_is_in_progress(req)) {
		return tevent_req_post(req, ev);
	}
	return req;
}

static void dfsr_wait_ask(struct dfsr_wait_state *state)
{
	struct tevent_req *subreq = NULL;
	uint32_t i;

	state->open = state->num;
	for (i = 0; i < state->num; i++) {
		TALLOC_FREE(state->members[i].vv);
		TALLOC_FREE(state->members[i].behind);
		subreq = dfsr_vector_send(state, state->ev, state->agent,
					  &state->members[i].guid,
					  &state->folder, state->group_name,
					  state->folder_name);
		if (tevent_req_nomem(subreq, state->req)) {
			return;
		}
		tevent_req_set_callback(subreq, dfsr_wait_answered,
					&state->members[i]);
	}
}

/** What an answer says against being in sync. */
static char *dfsr_wait_behind(TALLOC_CTX *mem_ctx, json_t *a)
{
	const char *state = json_string_value(json_object_get(a, "state"));
	const char *error = json_string_value(json_object_get(a, "error"));
	json_int_t looks = json_integer_value(json_object_get(a, "looks"));
	json_int_t waiting = json_integer_value(json_object_get(a, "waiting"));

	if (state == NULL || strcmp(state, "Normal") != 0) {
		return talloc_asprintf(
			mem_ctx, "is in state %s%s%s",
			state != NULL ? state : "?",
			error != NULL && error[0] != '\0' ? ": " : "",
			error != NULL ? error : "");
	}
	if (looks > 0 || json_is_true(json_object_get(a, "scanning"))) {
		return talloc_strdup(mem_ctx, "still looks at local changes");
	}
	if (waiting > 0) {
		return talloc_asprintf(mem_ctx, "has %lld updates that wait "
				       "(see \"samba-dfs state\" there)",
				       (long long)waiting);
	}
	if (json_integer_value(json_object_get(a, "displaced")) > 0) {
		return talloc_strdup(mem_ctx, "has replaced files that "
				     "somebody still writes to");
	}
	return NULL;
}

static bool dfsr_wait_in_sync(struct dfsr_wait_state *state)
{
	uint32_t i;

	TALLOC_FREE(state->why);
	for (i = 0; i < state->num; i++) {
		struct dfsr_wait_member *m = &state->members[i];

		if (m->behind == NULL && m->vv != NULL &&
		    state->members[0].vv != NULL &&
		    !dfsr_vv_equal(m->vv, state->members[0].vv)) {
			m->behind = talloc_asprintf(
				state, "does not have the same updates as %s",
				state->members[0].name);
		}
		if (m->behind != NULL) {
			state->why = talloc_asprintf(state, "%s %s", m->name,
						     m->behind);
			return false;
		}
	}
	return true;
}

static void dfsr_wait_answered(struct tevent_req *subreq)
{
	struct dfsr_wait_member *m = tevent_req_callback_data_void(subreq);
	struct dfsr_wait_state *state = m->state;
	json_t *answer = NULL;
	int ret;

	ret = dfsr_vector_recv(subreq, &answer);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		m->behind = dfsr_wait_behind(state, answer);
		m->vv = dfsr_state_unhex(
			state, json_string_value(
				       json_object_get(answer, "vector")));
		json_decref(answer);
	} else {
		m->behind = talloc_asprintf(state, "cannot be asked: %s",
					    strerror(ret));
	}
	if (--state->open > 0) {
		return;
	}
	state->agreed = dfsr_wait_in_sync(state) ? state->agreed + 1 : 0;
	if (state->agreed == 2) {
		/* Twice, so that nothing was on its way in between. */
		tevent_req_done(state->req);
		return;
	}
	if (state->late && state->agreed == 0) {
		tevent_req_error(state->req, ETIMEDOUT);
		return;
	}
	if (tevent_add_timer(state->ev, state,
			     tevent_timeval_current_ofs(
				     0, state->pause_ms * 1000),
			     dfsr_wait_again, state) == NULL) {
		tevent_req_oom(state->req);
		return;
	}
	state->pause_ms = state->agreed > 0 ? DFSR_WAIT_PAUSE_MIN_MS
			  : state->pause_ms * 2 > DFSR_WAIT_PAUSE_MAX_MS
				  ? DFSR_WAIT_PAUSE_MAX_MS
				  : state->pause_ms * 2;
}

int dfsr_verb_wait_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			json_t **result, char **why)
{
	struct dfsr_wait_state *state =
		tevent_req_data(req, struct dfsr_wait_state);
	int ret = dfsr_req_error(req);

	if (ret == ETIMEDOUT) {
		*why = talloc_asprintf(mem_ctx, "not in sync yet: %s",
				       state->why);
	} else if (ret != 0) {
		*why = talloc_move(mem_ctx, &state->why);
	} else {
		*result = json_pack("{s:b, s:i}", "in_sync", true, "members",
				    (int)state->num);
	}
	tevent_req_received(req);
	return ret;
}
