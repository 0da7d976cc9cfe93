/*
   Samba DFS Replication
   membership set: looked at on the node that owns the path

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
 * Three steps. First the change is tried on the configuration, which knows
 * names and overlaps. Then the node that owns the path looks at its disk. Only
 * then is it changed. A node that is down can be configured all the same, with
 * a warning: it looks at the path itself when it comes up, and says so with an
 * event.
 */

#include <errno.h>
#include <string.h>
#include <tevent.h>
#include "agent_control_config.h"

struct set_state {
	struct tevent_context *ev;
	struct dfsr_agent *agent;
	json_t *request;
	json_t *check;
	json_t *result;
	struct dfsr_membership_change change;
	char *why;
};

static int set_state_destructor(struct set_state *state)
{
	json_decref(state->request);
	json_decref(state->check);
	json_decref(state->result);
	return 0;
}

static int set_words(json_t *request, TALLOC_CTX *mem_ctx,
		     struct dfsr_membership_change *m, char **why)
{
	int err;

	m->content_path = dfsr_control_option(request, "content-path");
	m->staging_path = dfsr_control_option(request, "staging-path");
	m->conflict_path = dfsr_control_option(request, "conflict-path");
	err = dfsr_control_bool(request, "enabled", mem_ctx, &m->enabled, why);
	if (err == 0) {
		err = dfsr_control_bool(request, "read-only", mem_ctx,
					&m->read_only, why);
	}
	if (err == 0) {
		err = dfsr_control_bool(request, "primary", mem_ctx,
					&m->primary, why);
	}
	if (err == 0) {
		err = dfsr_control_bool(request, "preserve-deleted", mem_ctx,
					&m->preserve_deleted, why);
	}
	if (err == 0) {
		err = dfsr_control_number(request, "staging-quota-mb",
					  DFSR_CONFIG_QUOTA_MB_MAX, -1,
					  mem_ctx, &m->staging_quota_mb, why);
	}
	if (err == 0) {
		err = dfsr_control_number(request, "conflict-quota-mb",
					  DFSR_CONFIG_QUOTA_MB_MAX, -1,
					  mem_ctx, &m->conflict_quota_mb, why);
	}
	return err;
}

static int set_change(struct set_state *state, bool dry_run)
{
	struct dfsr_change ch = dfsr_control_change(
		state->agent, state, state->request, &state->why);

	ch.dry_run = ch.dry_run || dry_run;
	return dfsr_config_membership_set(&ch,
					  dfsr_control_arg(state->request, 0),
					  dfsr_control_arg(state->request, 1),
					  dfsr_control_arg(state->request, 2),
					  &state->change);
}

static void set_finish(struct tevent_req *req)
{
	struct set_state *state = tevent_req_data(req, struct set_state);
	int err = set_change(state, false);

	err = dfsr_control_changed(state->agent, state->request, err);
	if (err != 0) {
		tevent_req_error(req, (uint64_t)err);
		return;
	}
	tevent_req_done(req);
}

/**
 * The path that a disk has to be asked about, or NULL when nothing about it
 * is new. It is of the node *node.
 */
static const char *set_new_path(struct set_state *state,
				const struct dfsr_config_node **node,
				TALLOC_CTX *mem_ctx)
{
	const struct dfsr_config *config = dfsr_agent_config(state->agent);
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *f = NULL;
	const struct dfsr_config_membership *old;
	const char *path = state->change.content_path;
	char *clean = NULL;
	char *why = NULL;

	if (dfsr_control_folder(config, state->request, mem_ctx, &g, &f,
				&why) != 0) {
		return NULL;
	}
	*node = dfsr_config_node_by_name(config,
					 dfsr_control_arg(state->request, 2));
	if (*node == NULL) {
		return NULL;
	}
	old = dfsr_config_membership(f, &(*node)->guid);
	if (path == NULL) {
		/* enabled anew, at the place that it had */
		return old != NULL && !old->enabled &&
				       state->change.enabled == 1
			       ? old->content_path
			       : NULL;
	}
	if (dfsr_config_path_clean(mem_ctx, "content path", path, &clean,
				   &why) != 0) {
		return NULL;
	}
	if (old != NULL && old->enabled &&
	    strcmp(old->content_path, clean) == 0) {
		return NULL;
	}
	return clean;
}

static void set_checked(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct set_state *state = tevent_req_data(req, struct set_state);
	json_t *answer = NULL;
	const char *line;
	int err = dfsr_agent_forward_recv(subreq, &answer);

	TALLOC_FREE(subreq);
	if (err != 0) {
		char *warning = talloc_asprintf(
			state,
			"node %s cannot be asked whether the path is there "
			"(%s): look at its events when it is up",
			dfsr_control_arg(state->request, 2),
			err == ENOTCONN ? "no connection" : strerror(err));

		state->result = json_pack("{s:s}", "warning",
					  warning != NULL ? warning : "");
		set_finish(req);
		return;
	}
	if (json_integer_value(json_object_get(answer, "status")) != 0) {
		line = json_string_value(json_object_get(answer, "error"));
		state->why = talloc_strdup(state, line != NULL
							  ? line
							  : "refused");
		json_decref(answer);
		tevent_req_error(req, EREMOTEIO);
		return;
	}
	json_decref(answer);
	set_finish(req);
}

static void set_check(struct tevent_req *req, const char *path,
		      const struct dfsr_config_node *node)
{
	struct set_state *state = tevent_req_data(req, struct set_state);
	const struct dfsr_config *config = dfsr_agent_config(state->agent);
	struct tevent_req *subreq;
	int err;

	if (dfsr_guid_cmp(&node->guid, &config->self) == 0) {
		err = dfsr_agent_check_content(state->agent, path, state,
					       &state->why);
		if (err != 0) {
			/* the words were right: the disk was not */
			tevent_req_error(req, err == EINVAL ? EIO
							    : (uint64_t)err);
			return;
		}
		set_finish(req);
		return;
	}
	state->check = json_pack(
		"{s:s, s:s, s:O, s:{s:s}}", "noun", "membership", "verb",
		"check", "args", json_object_get(state->request, "args"),
		"options", "content-path", path);
	subreq = dfsr_agent_forward_send(state, state->ev, state->agent,
					 &node->guid, state->check);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, set_checked, req);
}

struct tevent_req *dfsr_verb_membership_set_send(TALLOC_CTX *mem_ctx,
						 struct tevent_context *ev,
						 struct dfsr_agent *agent,
						 json_t *request)
{
	const struct dfsr_config_node *node = NULL;
	struct set_state *state;
	struct tevent_req *req;
	const char *path;
	int err;

	req = tevent_req_create(mem_ctx, &state, struct set_state);
	if (req == NULL) {
		return NULL;
	}
	*state = (struct set_state){
		.ev = ev, .agent = agent, .request = json_incref(request)};
	talloc_set_destructor(state, set_state_destructor);
	err = set_words(request, state, &state->change, &state->why);
	if (err == 0) {
		err = set_change(state, true);
	}
	if (err != 0) {
		tevent_req_error(req, (uint64_t)err);
		return tevent_req_post(req, ev);
	}
	path = set_new_path(state, &node, state);
	if (path != NULL && state->change.enabled != 0) {
		set_check(req, path, node);
	} else {
		set_finish(req);
	}
	if (!tevent_req_is_in_progress(req)) {
		return tevent_req_post(req, ev);
	}
	return req;
}

int dfsr_verb_membership_set_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
				  json_t **result, char **why)
{
	struct set_state *state = tevent_req_data(req, struct set_state);
	enum tevent_req_state how;
	uint64_t err = 0;

	*why = talloc_move(mem_ctx, &state->why);
	if (tevent_req_is_error(req, &how, &err)) {
		tevent_req_received(req);
		return how == TEVENT_REQ_USER_ERROR ? (int)err : ENOMEM;
	}
	*result = json_incref(state->result);
	tevent_req_received(req);
	return 0;
}

int dfsr_verb_membership_check(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			       json_t *request, json_t **result, char **why)
{
	const char *path = dfsr_control_option(request, "content-path");
	char *clean = NULL;
	int err;

	(void)result;
	if (path == NULL) {
		*why = talloc_strdup(mem_ctx, "give a path with "
				     "--content-path");
		return EINVAL;
	}
	err = dfsr_config_path_clean(mem_ctx, "content path", path, &clean,
				     why);
	if (err == 0) {
		err = dfsr_agent_check_content(agent, clean, mem_ctx, why);
		err = err == EINVAL ? EIO : err;
	}
	return err;
}
