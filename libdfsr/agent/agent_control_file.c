/*
   Samba DFS Replication
   Verbs about single files: idrecord, filehash; recover resume

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
#include <string.h>

#include "agent_control_state.h"
#include "agent_event.h"
#include "agent_scan.h"

/* ---- a path of this node ----------------------------------------------- */

/** The folder below whose root an absolute path lies. */
static struct dfsr_folder *dfsr_file_folder(struct dfsr_agent *agent,
					    const char *path, const char **rel)
{
	struct dfsr_folder *f = NULL;
	size_t len;

	for (f = agent->folders; f != NULL; f = f->next) {
		len = strlen(f->content_path);
		if (strncmp(path, f->content_path, len) != 0 ||
		    (path[len] != '/' && path[len] != '\0')) {
			continue;
		}
		*rel = path + len + strspn(path + len, "/");
		return f;
	}
	return NULL;
}

static int dfsr_file_parse(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			   const char *arg, struct dfsr_folder **f,
			   const char **rel, char **why)
{
	char *clean = NULL;
	int ret;

	ret = dfsr_config_path_clean(mem_ctx, "PATH", arg, &clean, why);
	if (ret != 0) {
		return ret;
	}
	*f = dfsr_file_folder(agent, clean, rel);
	if (*f == NULL || (*f)->store == NULL) {
		*why = talloc_asprintf(mem_ctx, "%s is not below the content "
				       "path of a folder that replicates on "
				       "this node", clean);
		return ENOENT;
	}
	return 0;
}

/* ---- idrecord ---------------------------------------------------------- */

static json_t *dfsr_json_hex(const uint8_t *data, size_t len)
{
	char hex[2 * DFSR_HASH_LEN + 1] = "";
	size_t i;

	for (i = 0; i < len && i < DFSR_HASH_LEN; i++) {
		snprintf(hex + 2 * i, 3, "%02x", data[i]);
	}
	return json_string(hex);
}

json_t *dfsr_json_id(const struct dfsr_id *id)
{
	char text[DFSR_ID_STRLEN];

	return json_string(dfsr_id_str(id, text));
}

static const char *dfsr_kind_str(uint8_t kind)
{
	return kind == DFSR_KIND_DIRECTORY ? "directory"
	       : kind == DFSR_KIND_SYMLINK ? "symlink"
					   : "file";
}

static json_t *dfsr_json_row(const struct dfsr_row *row, const char *path)
{
	const struct dfsr_record *r = &row->rec;
	json_t *lineage = json_array();
	char tag[20];
	uint32_t i;

	for (i = 0; i < r->lineage.num; i++) {
		json_array_append_new(lineage, dfsr_json_id(&r->lineage.e[i]));
	}
	snprintf(tag, sizeof(tag), "%016llx", (unsigned long long)r->tag);
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:s, s:I, s:I, s:o, s:o, "
		"s:I, s:o, s:o, s:o, s:s, s:I}",
		"uid", dfsr_json_id(&r->uid), "gvsn", dfsr_json_id(&r->gvsn),
		"parent", dfsr_json_id(&r->parent), "path",
		path != NULL ? dfsr_json_path(path) : json_null(), "name",
		dfsr_json_path(r->name), "present", r->present,
		"name_conflict", r->name_conflict, "kind",
		dfsr_kind_str(r->kind), "attributes",
		(json_int_t)r->attributes, "fence", (json_int_t)r->fence,
		"clock", dfsr_json_time(r->clock), "create_time",
		dfsr_json_time(r->create_time), "size", (json_int_t)r->size,
		"content_hash",
		dfsr_json_hex(r->content_hash, DFSR_HASH_LEN), "meta_hash",
		dfsr_json_hex(r->meta_hash, DFSR_HASH_LEN), "lineage", lineage,
		"tag", tag, "inode", (json_int_t)row->stamp.ident.ino);
}

/** Walk down from the root by names. */
static int dfsr_row_by_path(struct dfsr_store_txn *txn,
			    const struct dfsr_guid *folder, const char *rel,
			    struct dfsr_row *row)
{
	struct dfsr_id at = dfsr_root_uid(folder);
	char name[DFSR_NAME_MAX + 1];
	size_t len;
	int ret;

	ret = dfsr_store_row_by_uid(txn, &at, row);
	while (ret == 0 && *rel != '\0') {
		len = strcspn(rel, "/");
		if (len > DFSR_NAME_MAX) {
			return ENAMETOOLONG;
		}
		memcpy(name, rel, len);
		name[len] = '\0';
		ret = dfsr_store_row_by_name(txn, &at, name, row);
		at = row->rec.uid;
		rel += len;
		rel += strspn(rel, "/");
	}
	return ret;
}

static int dfsr_idrecord_uid(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     const struct dfsr_id *uid, json_t **result)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_folder *f = NULL;
	struct dfsr_row row;
	char *path = NULL;
	int ret = ENOENT;

	for (f = agent->folders; f != NULL && ret != 0; f = f->next) {
		if (f->store == NULL ||
		    dfsr_store_read_begin(f->store, &txn) != 0) {
			continue;
		}
		ret = dfsr_store_row_by_uid(txn, uid, &row);
		if (ret == 0 && row.rec.present) {
			dfsr_store_path(txn, mem_ctx, uid, &path);
		}
		dfsr_store_read_end(txn);
	}
	if (ret == 0) {
		*result = dfsr_json_row(&row, path);
	}
	return ret;
}

int dfsr_verb_idrecord(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
		       json_t *request, json_t **result, char **why)
{
	const char *arg = dfsr_control_arg(request, 0);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_folder *f = NULL;
	struct dfsr_row row;
	struct dfsr_id uid;
	const char *rel = NULL;
	int ret;

	if (dfsr_id_parse(arg, &uid) == 0) {
		ret = dfsr_idrecord_uid(agent, mem_ctx, &uid, result);
	} else {
		ret = dfsr_file_parse(agent, mem_ctx, arg, &f, &rel, why);
		if (ret != 0) {
			return ret;
		}
		ret = dfsr_store_read_begin(f->store, &txn);
		if (ret == 0) {
			ret = dfsr_row_by_path(txn, &f->guid, rel, &row);
			dfsr_store_read_end(txn);
		}
		if (ret == 0) {
			*result = dfsr_json_row(&row, rel);
		}
	}
	if (ret != 0) {
		*why = talloc_asprintf(mem_ctx, "%s has no record on this "
				       "node: %s", arg, strerror(ret));
	}
	return ret;
}

/* ---- filehash ---------------------------------------------------------- */

struct dfsr_filehash_job {
	struct dfsr_fs_root *root;
	char *rel;
	struct dfsr_look look;
	int err;
};

struct dfsr_filehash_state {
	struct dfsr_filehash_job *job;
	char *path;
	char *why;
};

static void dfsr_filehash_job_fn(void *arg)
{
	struct dfsr_filehash_job *j = arg;

	j->err = dfsr_watch_look(j, j->root, j->rel,
				 DFSR_LOOK_HASH | DFSR_LOOK_NOSYNC, NULL,
				 &j->look);
	if (j->err == 0 && !j->look.exists) {
		j->err = ENOENT;
	}
}

static void dfsr_filehash_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_filehash_state *state =
		tevent_req_data(req, struct dfsr_filehash_state);

	dfsr_pool_recv(subreq, state);
	TALLOC_FREE(subreq);
	if (state->job->err != 0) {
		state->why = talloc_asprintf(state, "%s: %s", state->path,
					     strerror(state->job->err));
		tevent_req_error(req, state->job->err);
		return;
	}
	tevent_req_done(req);
}

struct tevent_req *dfsr_verb_filehash_send(TALLOC_CTX *mem_ctx,
					   struct tevent_context *ev,
					   struct dfsr_agent *agent,
					   json_t *request)
{
	struct tevent_req *req = NULL, *subreq = NULL;
	struct dfsr_filehash_state *state = NULL;
	struct dfsr_folder *f = NULL;
	const char *rel = NULL;
	int ret;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_filehash_state);
	if (req == NULL) {
		return NULL;
	}
	state->path = talloc_strdup(state, dfsr_control_arg(request, 0));
	ret = dfsr_file_parse(agent, state, state->path, &f, &rel,
			      &state->why);
	if (tevent_req_error(req, ret)) {
		return tevent_req_post(req, ev);
	}
	state->job = talloc_zero(state, struct dfsr_filehash_job);
	if (tevent_req_nomem(state->job, req)) {
		return tevent_req_post(req, ev);
	}
	state->job->root = f->root;
	state->job->rel = talloc_strdup(state->job, rel);
	subreq = dfsr_pool_send(state, ev, agent->pool, dfsr_filehash_job_fn,
				state->job);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_set_callback(subreq, dfsr_filehash_done, req);
	return req;
}

int dfsr_verb_filehash_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			    json_t **result, char **why)
{
	struct dfsr_filehash_state *state =
		tevent_req_data(req, struct dfsr_filehash_state);
	int ret = dfsr_req_error(req);

	if (ret != 0) {
		*why = talloc_move(mem_ctx, &state->why);
	} else {
		*result = json_pack(
			"{s:o, s:o, s:o, s:I}", "path",
			dfsr_json_path(state->path), "content_hash",
			dfsr_json_hex(state->job->look.content_hash,
				      DFSR_HASH_LEN),
			"meta_hash",
			dfsr_json_hex(state->job->look.meta_hash,
				      DFSR_HASH_LEN),
			"size", (json_int_t)state->job->look.stamp.size);
	}
	tevent_req_received(req);
	return ret;
}

/* ---- recover resume ---------------------------------------------------- */

int dfsr_verb_resume(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
		     json_t *request, json_t **result, char **why)
{
	struct dfsr_folder *f = NULL;
	uint64_t missed = 0;
	int ret = dfsr_state_folder(agent, request, mem_ctx, &f, why);

	if (ret == 0) {
		ret = dfsr_scan_missed(f, &missed);
	}
	if (ret != 0) {
		return ret;
	}
	if (missed == 0) {
		*why = talloc_asprintf(mem_ctx,
				       "%s/%s does not wait for a person on "
				       "this node%s%s", f->group_name,
				       f->name, f->error != NULL ? ": " : "",
				       f->error != NULL ? f->error : "");
		return ENOENT;
	}
	if (!dfsr_control_dry_run(request)) {
		dfsr_scan_trust(f);
	}
	*result = json_pack("{s:s, s:I}", "resumed", f->name, "missed",
			    (json_int_t)missed);
	return 0;
}

/* ---- the table --------------------------------------------------------- */

const struct dfsr_verb dfsr_verbs_state[] = {
	{.noun = "node",
	 .verb = "join",
	 .args_min = 1,
	 .args_max = 1,
	 .send = dfsr_verb_join_send,
	 .recv = dfsr_verb_join_recv},
	{.noun = "state",
	 .verb = "show",
	 .args_max = 2,
	 .fn = dfsr_verb_state},
	{.noun = "backlog",
	 .verb = "show",
	 .args_min = 2,
	 .args_max = 2,
	 .send = dfsr_verb_backlog_send,
	 .recv = dfsr_verb_backlog_recv},
	{.noun = "wait",
	 .verb = "show",
	 .args_min = 2,
	 .args_max = 2,
	 .send = dfsr_verb_wait_send,
	 .recv = dfsr_verb_wait_recv},
	{.noun = "folder",
	 .verb = "vector",
	 .flags = DFSR_VERB_REMOTE,
	 .args_min = 2,
	 .args_max = 2,
	 .fn = dfsr_verb_folder_vector},
	{.noun = "folder",
	 .verb = "backlog",
	 .flags = DFSR_VERB_REMOTE,
	 .args_min = 2,
	 .args_max = 2,
	 .fn = dfsr_verb_folder_backlog},
	{.noun = "idrecord",
	 .verb = "show",
	 .args_min = 1,
	 .args_max = 1,
	 .fn = dfsr_verb_idrecord},
	{.noun = "filehash",
	 .verb = "show",
	 .args_min = 1,
	 .args_max = 1,
	 .send = dfsr_verb_filehash_send,
	 .recv = dfsr_verb_filehash_recv},
	{.noun = "preserved",
	 .verb = "list",
	 .args_min = 2,
	 .args_max = 2,
	 .fn = dfsr_verb_preserved_list},
	{.noun = "preserved",
	 .verb = "restore",
	 .args_min = 2,
	 .args_max = 2,
	 .send = dfsr_verb_restore_send,
	 .recv = dfsr_verb_restore_recv},
	{.noun = "recover",
	 .verb = "resume",
	 .args_min = 2,
	 .args_max = 2,
	 .fn = dfsr_verb_resume},
};
const size_t dfsr_num_verbs_state =
	sizeof(dfsr_verbs_state) / sizeof(dfsr_verbs_state[0]);
