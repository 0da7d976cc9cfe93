/*
   Samba DFS Replication
   Verbs about preserved files: list, restore

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
#include <stdint.h>
#include <string.h>

#include "agent_control_state.h"

/** Most manifest entries of one answer. */
#define DFSR_PRESERVED_LIST_MAX 100000

/* ---- preserved --------------------------------------------------------- */

static json_t *dfsr_json_preserved(struct dfsr_agent *agent,
				   const struct dfsr_preserved *p)
{
	const struct dfsr_config_node *n =
		dfsr_config_node_by_guid(agent->config, &p->partner);

	return json_pack(
		"{s:I, s:o, s:o, s:o, s:s, s:s, s:I, s:I, s:s, s:o, s:o, s:b, "
		"s:b, s:b}",
		"id", (json_int_t)p->seq, "path", dfsr_json_path(p->path),
		"preserved_name", dfsr_json_path(p->preserved_name), "time",
		dfsr_json_time(p->time), "reason",
		p->store == 1 ? "PreExisting" : "ConflictAndDeleted",
		"conflict", dfsr_conflict_str(p->conflict), "size",
		(json_int_t)p->size, "files", (json_int_t)p->files, "partner",
		n != NULL ? n->name : "", "gvsn", dfsr_json_id(&p->rec.gvsn),
		"winner_gvsn", dfsr_json_id(&p->winner_gvsn),
		"content_differs", (p->differs & DFSR_PART_CONTENT) != 0,
		"metadata_differs", (p->differs & DFSR_PART_META) != 0,
		"name_differs", (p->differs & DFSR_PART_NAME) != 0);
}

/** Is path the one that was named, or below it? NULL names everything. */
static bool dfsr_preserved_below(const char *path, const char *named)
{
	size_t len;

	if (named == NULL) {
		return true;
	}
	named += strspn(named, "/");
	len = strlen(named);
	while (len > 0 && named[len - 1] == '/') {
		len--;
	}
	return len == 0 || (strncmp(path, named, len) == 0 &&
			    (path[len] == '\0' || path[len] == '/'));
}

int dfsr_verb_preserved_list(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     json_t *request, json_t **result, char **why)
{
	const char *path = dfsr_control_option(request, "path");
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_preserved *p = talloc_zero(mem_ctx, struct dfsr_preserved);
	struct dfsr_folder *f = NULL;
	uint64_t at = 0;
	int ret = dfsr_state_folder(agent, request, mem_ctx, &f, why);

	if (ret != 0 || p == NULL) {
		return ret != 0 ? ret : ENOMEM;
	}
	ret = dfsr_store_read_begin(f->store, &txn);
	if (ret != 0) {
		return ret;
	}
	*result = json_array();
	while ((ret = dfsr_store_preserved_next(txn, at, p)) == 0 &&
	       json_array_size(*result) < DFSR_PRESERVED_LIST_MAX) {
		at = p->seq;
		if (dfsr_preserved_below(p->path, path)) {
			json_array_append_new(*result,
					      dfsr_json_preserved(agent, p));
		}
	}
	dfsr_store_read_end(txn);
	return ret == ENOENT ? 0 : ret;
}

/* ---- preserved restore --------------------------------------------------- */

/** What `preserved restore` is to bring back; a worker does it. */
struct dfsr_restore_job {
	struct dfsr_store *store;
	struct dfsr_apply *apply;
	char *path; /* that or below it; NULL: everything */
	char *to;   /* NULL: where it was */
	int64_t id; /* -1: all of them */
	bool all_versions;
	bool copy;
	bool dry_run;
	/* out */
	uint32_t num;
	char **restored;
	uint64_t drop; /* entry that the unit removes */
	char *failed;
	int err;
};

static int dfsr_restore_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_restore_job *j = private_data;

	return dfsr_store_preserved_del(txn, j->drop);
}

/** The name under which an older version goes beside the newest. */
static char *dfsr_restore_path(struct dfsr_restore_job *j,
			       const struct dfsr_preserved *p, bool newest)
{
	const char *dot = NULL, *slash = strrchr(p->path, '/');
	const char *leaf = slash != NULL ? slash + 1 : p->path;
	json_t *when = NULL;
	char *path = NULL, *c = NULL;
	int base;

	if (newest) {
		return talloc_strdup(j, p->path);
	}
	dot = strrchr(leaf, '.');
	base = dot != NULL && dot != leaf ? (int)(dot - p->path)
					  : (int)strlen(p->path);
	when = dfsr_json_time(p->time);
	path = talloc_asprintf(j, "%.*s_%s%s", base, p->path,
			       json_is_string(when) ? json_string_value(when)
						    : "old",
			       p->path + base);
	json_decref(when);
	/* Colons are no characters of a name for SMB clients. */
	for (c = path; c != NULL && *c != '\0'; c++) {
		*c = *c == ':' ? '_' : *c;
	}
	return path;
}

static int dfsr_restore_one(struct dfsr_restore_job *j,
			    const struct dfsr_preserved *p, bool newest)
{
	enum dfsr_apply_dir from = p->store == 1 ? DFSR_DIR_PREEXISTING
						 : DFSR_DIR_CONFLICT;
	char *path = dfsr_restore_path(j, p, newest);
	const char *slash = NULL;
	int ret = 0;

	if (path == NULL) {
		return ENOMEM;
	}
	slash = strrchr(path, '/');
	if (!j->dry_run && j->to != NULL) {
		ret = dfsr_apply_restore_to(j->apply, from, p->preserved_name,
					    j->to,
					    slash != NULL ? slash + 1 : path,
					    j->copy);
	} else if (!j->dry_run) {
		ret = dfsr_apply_restore(j->apply, from, p->preserved_name,
					 path, j->copy);
	}
	if (ret != 0) {
		j->failed = talloc_asprintf(j, "%s", path);
		return ret;
	}
	j->restored = talloc_realloc(j, j->restored, char *, j->num + 1);
	if (j->restored == NULL) {
		return ENOMEM;
	}
	j->restored[j->num++] = path;
	if (j->copy || j->dry_run) {
		return 0;
	}
	j->drop = p->seq;
	return dfsr_store_unit(j->store, dfsr_restore_unit, j);
}

/** All manifest entries that are meant, the newest of each path last. */
static int dfsr_restore_collect(struct dfsr_restore_job *j,
				struct dfsr_preserved **list, uint32_t *num)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_preserved *p = talloc_zero(j, struct dfsr_preserved);
	uint64_t at = 0;
	int ret;

	*num = 0;
	ret = dfsr_store_read_begin(j->store, &txn);
	if (ret != 0) {
		return ret;
	}
	while ((ret = dfsr_store_preserved_next(txn, at, p)) == 0) {
		at = p->seq;
		if (!dfsr_preserved_below(p->path, j->path) ||
		    (j->id >= 0 && p->seq != (uint64_t)j->id)) {
			continue;
		}
		*list = talloc_realloc(j, *list, struct dfsr_preserved,
				       *num + 1);
		if (*list == NULL) {
			ret = ENOMEM;
			break;
		}
		(*list)[(*num)++] = *p;
	}
	dfsr_store_read_end(txn);
	return ret == ENOENT ? 0 : ret;
}

static bool dfsr_restore_newest(const struct dfsr_preserved *list,
				uint32_t num, uint32_t i)
{
	uint32_t k;

	for (k = i + 1; k < num; k++) {
		if (strcmp(list[k].path, list[i].path) == 0) {
			return false;
		}
	}
	return true;
}

static void dfsr_restore_job_fn(void *arg)
{
	struct dfsr_restore_job *j = arg;
	struct dfsr_preserved *list = NULL;
	uint32_t num = 0, i;
	bool newest;

	j->err = dfsr_restore_collect(j, &list, &num);
	if (j->err == 0 && num == 0) {
		j->err = ENOENT;
	}
	for (i = 0; j->err == 0 && i < num; i++) {
		newest = dfsr_restore_newest(list, num, i);
		if (newest || j->all_versions) {
			j->err = dfsr_restore_one(j, &list[i], newest);
		}
	}
}

struct dfsr_restore_state {
	struct dfsr_agent *agent;
	struct dfsr_folder *folder;
	struct dfsr_restore_job *job;
	char *why;
};

/** Nobody told the journal: look at what has come back. */
static void dfsr_restore_look(struct dfsr_folder *f)
{
	f->scan_again = true;
	dfsr_looks_kick(f);
}

static char *dfsr_restore_why(TALLOC_CTX *mem_ctx,
			      const struct dfsr_restore_job *j)
{
	const char *what = j->path != NULL ? j->path : "this folder";
	const char *hint = "";
	char *id = NULL;

	if (j->failed == NULL && j->err == ENOENT) {
		id = j->id < 0 ? talloc_strdup(mem_ctx, "nothing")
				: talloc_asprintf(mem_ctx, "no ID %lld",
						  (long long)j->id);
		return talloc_asprintf(mem_ctx, "%s: %s is preserved: see "
				       "\"samba-dfs preserved list\"", what,
				       id != NULL ? id : "nothing");
	}
	if (j->err == EEXIST) {
		hint = j->to == NULL ? ": something is there; move it away, "
				       "or use --to=DIR"
				     : ": something is there; use another "
				       "--to=DIR";
	}
	return talloc_asprintf(mem_ctx, "%s: %s%s (%u restored before it)",
			       j->failed != NULL ? j->failed : what,
			       strerror(j->err), hint, j->num);
}

static void dfsr_restore_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_restore_state *state =
		tevent_req_data(req, struct dfsr_restore_state);
	struct dfsr_restore_job *j = state->job;

	dfsr_pool_recv(subreq, state);
	TALLOC_FREE(subreq);
	if (j->num > 0 && !j->dry_run && j->to == NULL) {
		dfsr_restore_look(state->folder);
	}
	if (j->err != 0) {
		state->why = dfsr_restore_why(state, j);
		tevent_req_error(req, j->err);
		return;
	}
	tevent_req_done(req);
}

static bool dfsr_restore_flag(json_t *request, const char *name)
{
	const char *v = dfsr_control_option(request, name);

	return v != NULL && strcmp(v, "no") != 0;
}

struct tevent_req *dfsr_verb_restore_send(TALLOC_CTX *mem_ctx,
					  struct tevent_context *ev,
					  struct dfsr_agent *agent,
					  json_t *request)
{
	struct tevent_req *req = NULL, *subreq = NULL;
	struct dfsr_restore_state *state = NULL;
	struct dfsr_restore_job *j = NULL;
	struct dfsr_folder *f = NULL;
	int ret;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_restore_state);
	if (req == NULL) {
		return NULL;
	}
	state->agent = agent;
	ret = dfsr_state_folder(agent, request, state, &f, &state->why);
	if (tevent_req_error(req, ret)) {
		return tevent_req_post(req, ev);
	}
	state->folder = f;
	j = talloc_zero(state, struct dfsr_restore_job);
	if (tevent_req_nomem(j, req)) {
		return tevent_req_post(req, ev);
	}
	state->job = j;
	j->store = f->store;
	j->apply = f->apply;
	j->path = talloc_strdup(j, dfsr_control_option(request, "path"));
	j->to = talloc_strdup(j, dfsr_control_option(request, "to"));
	j->all_versions = dfsr_restore_flag(request, "all-versions");
	j->copy = dfsr_restore_flag(request, "copy");
	j->dry_run = dfsr_control_dry_run(request);
	ret = dfsr_control_number(request, "id", INT64_MAX, -1, state, &j->id,
				  &state->why);
	if (tevent_req_error(req, ret)) {
		return tevent_req_post(req, ev);
	}
	subreq = dfsr_pool_send(state, ev, agent->pool, dfsr_restore_job_fn,
				j);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_set_callback(subreq, dfsr_restore_done, req);
	return req;
}

int dfsr_verb_restore_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			   json_t **result, char **why)
{
	struct dfsr_restore_state *state =
		tevent_req_data(req, struct dfsr_restore_state);
	int ret = dfsr_req_error(req);
	json_t *list = NULL;
	uint32_t i;

	if (ret != 0) {
		*why = talloc_move(mem_ctx, &state->why);
		tevent_req_received(req);
		return ret;
	}
	list = json_array();
	for (i = 0; i < state->job->num; i++) {
		json_array_append_new(list,
				      dfsr_json_path(state->job->restored[i]));
	}
	*result = json_pack("{s:i, s:o, s:o}", "count", (int)state->job->num,
			    "paths", list, "to",
			    state->job->to != NULL
				    ? dfsr_json_path(state->job->to)
				    : json_null());
	tevent_req_received(req);
	return 0;
}
