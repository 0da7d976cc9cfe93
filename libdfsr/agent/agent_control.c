/*
   Samba DFS Replication
   Requests find their verb and their node

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
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <tevent.h>
#include "agent_control.h"

struct control_state {
	struct tevent_context *ev;
	struct dfsr_agent *agent;
	const struct dfsr_verb *verb;
	json_t *request;
	json_t *answer;
	char *peer; /* whom it was forwarded to */
};

static int control_state_destructor(struct control_state *state)
{
	json_decref(state->request);
	json_decref(state->answer);
	return 0;
}

/* ---- reading a request --------------------------------------------------- */

const char *dfsr_control_arg(json_t *request, size_t i)
{
	return json_string_value(
		json_array_get(json_object_get(request, "args"), i));
}

const char *dfsr_control_option(json_t *request, const char *name)
{
	return json_string_value(json_object_get(
		json_object_get(request, "options"), name));
}

bool dfsr_control_dry_run(json_t *request)
{
	return json_is_true(json_object_get(request, "dry_run"));
}

int dfsr_control_bool(json_t *request, const char *name, TALLOC_CTX *mem_ctx,
		      int *value, char **why)
{
	static const char *const yes[] = {"yes", "true", "1", "on"};
	static const char *const no[] = {"no", "false", "0", "off"};
	const char *s = dfsr_control_option(request, name);
	size_t i;

	*value = -1;
	if (s == NULL) {
		return 0;
	}
	for (i = 0; i < 4; i++) {
		if (strcasecmp(s, yes[i]) == 0) {
			*value = 1;
		} else if (strcasecmp(s, no[i]) == 0) {
			*value = 0;
		}
	}
	if (*value == -1) {
		*why = talloc_asprintf(mem_ctx, "--%s is yes or no, not \"%s\"",
				       name, s);
		return EINVAL;
	}
	return 0;
}

int dfsr_control_number(json_t *request, const char *name, int64_t max,
			int64_t def, TALLOC_CTX *mem_ctx, int64_t *value,
			char **why)
{
	const char *s = dfsr_control_option(request, name);
	char *end = NULL;

	*value = def;
	if (s == NULL) {
		return 0;
	}
	errno = 0;
	*value = strtoll(s, &end, 10);
	if (s[0] == '\0' || *end != '\0' || errno != 0 || *value < 0 ||
	    *value > max) {
		*why = talloc_asprintf(mem_ctx,
				       "--%s is a number from 0 to %lld, not "
				       "\"%s\"", name, (long long)max, s);
		return EINVAL;
	}
	return 0;
}

int dfsr_control_folder(const struct dfsr_config *config, json_t *request,
			TALLOC_CTX *mem_ctx,
			const struct dfsr_config_group **group,
			const struct dfsr_config_folder **folder, char **why)
{
	const char *g = dfsr_control_arg(request, 0);
	const char *f = dfsr_control_arg(request, 1);

	*group = g == NULL ? NULL : dfsr_config_group_by_name(config, g);
	if (*group == NULL) {
		*why = talloc_asprintf(mem_ctx,
				       "unknown group \"%s\": `samba-dfs "
				       "group list` shows them",
				       g != NULL ? g : "");
		return ENOENT;
	}
	*folder = f == NULL ? NULL : dfsr_config_folder_by_name(*group, f);
	if (*folder == NULL) {
		*why = talloc_asprintf(mem_ctx,
				       "group %s has no folder \"%s\": "
				       "`samba-dfs folder list %s` shows them",
				       (*group)->name, f != NULL ? f : "",
				       (*group)->name);
		return ENOENT;
	}
	return 0;
}

int dfsr_control_node(const struct dfsr_config *config, const char *name,
		      TALLOC_CTX *mem_ctx,
		      const struct dfsr_config_node **node, char **why)
{
	*node = dfsr_config_node_by_name(config, name);
	if (*node == NULL) {
		*why = talloc_asprintf(mem_ctx,
				       "unknown node \"%s\": `samba-dfs node "
				       "list` shows them", name);
		return ENOENT;
	}
	return 0;
}

static bool word_valid(json_t *word)
{
	return json_is_string(word) &&
	       json_string_length(word) <= DFSR_CONTROL_WORD_MAX &&
	       strlen(json_string_value(word)) == json_string_length(word);
}

/** The shape that every request has; what is said is up to the verb. */
static bool request_valid(json_t *request)
{
	json_t *args = json_object_get(request, "args");
	json_t *options = json_object_get(request, "options");
	json_t *value;
	const char *key;
	size_t i;

	if (!json_is_object(request) ||
	    !word_valid(json_object_get(request, "noun")) ||
	    !word_valid(json_object_get(request, "verb")) ||
	    (args != NULL && !json_is_array(args)) ||
	    (options != NULL && !json_is_object(options)) ||
	    json_array_size(args) > DFSR_CONTROL_ARGS_MAX ||
	    json_object_size(options) > DFSR_CONTROL_OPTIONS_MAX) {
		return false;
	}
	json_array_foreach(args, i, value) {
		if (!word_valid(value)) {
			return false;
		}
	}
	json_object_foreach(options, key, value) {
		if (!word_valid(value)) {
			return false;
		}
	}
	return true;
}

static const struct dfsr_verb *verb_find(json_t *request)
{
	const struct {
		const struct dfsr_verb *verbs;
		size_t num;
	} tables[] = {
		{dfsr_verbs_config, dfsr_num_verbs_config},
		{dfsr_verbs_state, dfsr_num_verbs_state},
	};
	const char *noun = json_string_value(json_object_get(request, "noun"));
	const char *verb = json_string_value(json_object_get(request, "verb"));
	size_t i;
	size_t k;

	for (i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (k = 0; k < tables[i].num; k++) {
			const struct dfsr_verb *v = &tables[i].verbs[k];

			if (strcmp(v->noun, noun) == 0 &&
			    strcmp(v->verb, verb) == 0) {
				return v;
			}
		}
	}
	return NULL;
}

/* ---- answering ----------------------------------------------------------- */

/** Fill in the answer; result is taken over. */
static void control_answer(struct control_state *state, int err,
			   json_t *result, const char *why)
{
	json_t *answer = json_object();

	json_decref(state->answer);
	state->answer = answer;
	json_object_set_new(answer, "status",
			    json_integer(err == 0 ? 0
						  : (err == EINVAL ? 2 : 1)));
	if (err != 0) {
		json_t *line = json_string(why != NULL ? why : strerror(err));

		json_object_set_new(answer, "error",
				    line != NULL ? line
						 : json_string(strerror(err)));
	}
	json_object_set_new(answer, "result",
			    result != NULL ? result : json_null());
}

static void control_verb_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct control_state *state =
		tevent_req_data(req, struct control_state);
	json_t *result = NULL;
	char *why = NULL;
	int err;

	err = state->verb->recv(subreq, state, &result, &why);
	TALLOC_FREE(subreq);
	control_answer(state, err, result, why);
	tevent_req_done(req);
}

static void control_forward_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct control_state *state =
		tevent_req_data(req, struct control_state);
	json_t *answer = NULL;
	char *why;
	int err;

	err = dfsr_agent_forward_recv(subreq, &answer);
	TALLOC_FREE(subreq);
	if (err == 0 && json_is_object(answer) &&
	    json_is_integer(json_object_get(answer, "status"))) {
		state->answer = answer;
		tevent_req_done(req);
		return;
	}
	json_decref(answer);
	if (err == 0) {
		err = EBADMSG;
	}
	why = talloc_asprintf(state, "node %s cannot be asked: %s: look there "
			      "whether dfsrd is running", state->peer,
			      err == ENOTCONN ? "no connection"
					      : strerror(err));
	control_answer(state, err == EINVAL ? EIO : err, NULL, why);
	tevent_req_done(req);
}

static void control_forward(struct tevent_req *req,
			    const struct dfsr_config *config,
			    const struct dfsr_guid *node)
{
	struct control_state *state =
		tevent_req_data(req, struct control_state);
	const struct dfsr_config_node *n =
		dfsr_config_node_by_guid(config, node);
	struct tevent_req *subreq;

	state->peer = talloc_strdup(state, n != NULL ? n->name : "(unknown)");
	if (tevent_req_nomem(state->peer, req)) {
		return;
	}
	subreq = dfsr_agent_forward_send(state, state->ev, state->agent, node,
					 state->request);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, control_forward_done, req);
}

static void control_run(struct tevent_req *req)
{
	struct control_state *state =
		tevent_req_data(req, struct control_state);
	struct tevent_req *subreq;
	json_t *result = NULL;
	char *why = NULL;
	int err;

	if (state->verb->fn != NULL) {
		err = state->verb->fn(state->agent, state, state->request,
				      &result, &why);
		control_answer(state, err, result, why);
		tevent_req_done(req);
		return;
	}
	subreq = state->verb->send(state, state->ev, state->agent,
				   state->request);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, control_verb_done, req);
}

/**
 * The node on which a verb is carried out.
 * @return 0 with *node NULL when it is this one
 */
static int control_place(struct control_state *state,
			 const struct dfsr_config *config,
			 const struct dfsr_guid **node, char **why)
{
	const struct dfsr_config_node *n = NULL;
	int err;

	*node = NULL;
	switch (state->verb->where) {
	case DFSR_VERB_LOCAL:
		return 0;
	case DFSR_VERB_ACTIVE:
		*node = &config->active;
		break;
	case DFSR_VERB_NODE:
		err = dfsr_control_node(
			config,
			dfsr_control_arg(state->request,
					 state->verb->node_arg),
			state, &n, why);
		if (err != 0) {
			return err;
		}
		*node = &n->guid;
		break;
	}
	if (dfsr_guid_is_null(*node) ||
	    dfsr_guid_cmp(*node, &config->self) == 0) {
		*node = NULL;
	}
	return 0;
}

static int control_check(struct control_state *state, bool remote, char **why)
{
	json_t *request = state->request;
	size_t num;

	if (!request_valid(request)) {
		*why = talloc_strdup(state, "the request is not acceptable");
		return EINVAL;
	}
	state->verb = verb_find(request);
	if (state->verb == NULL) {
		*why = talloc_asprintf(
			state, "unknown command \"%s %s\": `samba-dfs --help` "
			"shows them",
			json_string_value(json_object_get(request, "noun")),
			json_string_value(json_object_get(request, "verb")));
		return EINVAL;
	}
	num = json_array_size(json_object_get(request, "args"));
	if (num < state->verb->args_min || num > state->verb->args_max) {
		*why = talloc_asprintf(state, "wrong number of names for "
				       "\"%s %s\": --help shows how it is "
				       "used", state->verb->noun,
				       state->verb->verb);
		return EINVAL;
	}
	if (remote && state->verb->where == DFSR_VERB_LOCAL &&
	    (state->verb->flags & DFSR_VERB_REMOTE) == 0) {
		*why = talloc_strdup(state, "another node may not ask for "
				     "this");
		return EPERM;
	}
	return 0;
}

static void control_start(struct tevent_req *req, bool remote)
{
	struct control_state *state =
		tevent_req_data(req, struct control_state);
	const struct dfsr_config *config = dfsr_agent_config(state->agent);
	const struct dfsr_guid *node = NULL;
	char *why = NULL;
	int err = control_check(state, remote, &why);

	if (err == 0) {
		err = control_place(state, config, &node, &why);
	}
	if (err == 0 && node != NULL && remote) {
		why = talloc_strdup(state, "this belongs to another node: its "
				    "configuration is older or newer than "
				    "here, try again");
		err = ESTALE;
	}
	if (err != 0) {
		control_answer(state, err, NULL, why);
		tevent_req_done(req);
		return;
	}
	if (node != NULL) {
		control_forward(req, config, node);
		return;
	}
	control_run(req);
}

static struct tevent_req *control_create(TALLOC_CTX *mem_ctx,
					 struct tevent_context *ev,
					 struct dfsr_agent *agent,
					 json_t *request, bool remote)
{
	struct control_state *state;
	struct tevent_req *req;

	req = tevent_req_create(mem_ctx, &state, struct control_state);
	if (req == NULL) {
		return NULL;
	}
	*state = (struct control_state){
		.ev = ev,
		.agent = agent,
		.request = json_incref(request),
	};
	talloc_set_destructor(state, control_state_destructor);
	control_start(req, remote);
	if (!tevent_req_is_in_progress(req)) {
		return tevent_req_post(req, ev);
	}
	return req;
}

struct tevent_req *dfsr_agent_control_send(TALLOC_CTX *mem_ctx,
					   struct tevent_context *ev,
					   struct dfsr_agent *agent,
					   struct json_t *request)
{
	return control_create(mem_ctx, ev, agent, request, false);
}

struct tevent_req *dfsr_agent_control_remote_send(TALLOC_CTX *mem_ctx,
						  struct tevent_context *ev,
						  struct dfsr_agent *agent,
						  const struct dfsr_guid *from,
						  json_t *request)
{
	if (dfsr_config_node_by_guid(dfsr_agent_config(agent), from) == NULL) {
		return NULL;
	}
	return control_create(mem_ctx, ev, agent, request, true);
}

int dfsr_agent_control_recv(struct tevent_req *req, struct json_t **answer)
{
	struct control_state *state =
		tevent_req_data(req, struct control_state);
	enum tevent_req_state how;
	uint64_t err = 0;

	if (tevent_req_is_error(req, &how, &err)) {
		tevent_req_received(req);
		return how == TEVENT_REQ_USER_ERROR ? (int)err : ENOMEM;
	}
	*answer = json_incref(state->answer);
	tevent_req_received(req);
	return 0;
}
