/*
   Samba DFS Replication
   Verbs about what is replicated: vector, state, backlog, wait

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
#include <time.h>

#include <jansson.h>

#include "agent_control_state.h"

#define DFSR_FORWARD_TIMEOUT_MS 60000
#define DFSR_FILETIME_SECOND 10000000ULL
#define DFSR_FILETIME_UNIX 11644473600ULL
/** Most files and holes that `state` lists of one folder. */
#define DFSR_STATE_LIST_MAX 1000

/* ---- JSON -------------------------------------------------------------- */

/** UTC, ISO 8601, with milliseconds. */
json_t *dfsr_json_time(uint64_t filetime)
{
	uint64_t sec = filetime / DFSR_FILETIME_SECOND;
	time_t t = (time_t)(sec - DFSR_FILETIME_UNIX);
	unsigned ms = (filetime % DFSR_FILETIME_SECOND) / 10000;
	struct tm tm;
	char day[32], text[48];

	if (sec < DFSR_FILETIME_UNIX || gmtime_r(&t, &tm) == NULL) {
		return json_null();
	}
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03uZ", day, ms);
	return json_string(text);
}

/** Names may hold any bytes; JSON may not. */
json_t *dfsr_json_path(const char *path)
{
	json_t *s = json_string(path);

	if (s == NULL) {
		s = json_pack("s", "(not UTF-8)");
	}
	return s;
}

/* ---- another node ------------------------------------------------------ */

struct dfsr_forward_state {
	uint8_t *body;
	size_t len;
	char *why;
};

static void dfsr_forward_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_forward_state *state =
		tevent_req_data(req, struct dfsr_forward_state);
	int ret;

	ret = dfsr_partner_request_recv(subreq, state, &state->body,
					&state->len, &state->why);
	TALLOC_FREE(subreq);
	if (ret != 0) {
		tevent_req_error(req, ret == EREMOTEIO ? ENOTCONN : ret);
		return;
	}
	tevent_req_done(req);
}

struct tevent_req *dfsr_agent_forward_send(TALLOC_CTX *mem_ctx,
					   struct tevent_context *ev,
					   struct dfsr_agent *agent,
					   const struct dfsr_guid *node,
					   json_t *request)
{
	struct tevent_req *req = NULL, *subreq = NULL;
	struct dfsr_forward_state *state = NULL;
	struct dfsr_msg_document doc = {0};
	struct dfsr_push push;
	char *text = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_forward_state);
	if (req == NULL) {
		return NULL;
	}
	text = json_dumps(request, JSON_COMPACT);
	if (tevent_req_nomem(text, req)) {
		return tevent_req_post(req, ev);
	}
	doc.data = (const uint8_t *)text;
	doc.len = strlen(text);
	dfsr_push_init(&push, state);
	dfsr_msg_document_push(&push, &doc);
	free(text);
	if (tevent_req_error(req, push.err)) {
		return tevent_req_post(req, ev);
	}
	subreq = dfsr_partner_request_send(state, agent, node,
					   DFSR_MSG_CONTROL, push.data,
					   push.len, DFSR_FORWARD_TIMEOUT_MS);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_set_callback(subreq, dfsr_forward_done, req);
	return req;
}

int dfsr_agent_forward_recv(struct tevent_req *req, json_t **answer)
{
	struct dfsr_forward_state *state =
		tevent_req_data(req, struct dfsr_forward_state);
	int ret = dfsr_req_error(req);
	struct dfsr_msg_document doc;

	if (ret == 0) {
		ret = dfsr_msg_document_pull(state, state->body, state->len,
					     &doc);
	}
	if (ret == 0) {
		*answer = json_loadb((const char *)doc.data, doc.len, 0, NULL);
		ret = *answer == NULL ? EBADMSG : 0;
	}
	tevent_req_received(req);
	return ret;
}

/* ---- the folder of a request ------------------------------------------- */

int dfsr_state_folder(struct dfsr_agent *agent, json_t *request,
		      TALLOC_CTX *mem_ctx, struct dfsr_folder **f, char **why)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *cf = NULL;
	int ret;

	ret = dfsr_control_folder(agent->config, request, mem_ctx, &g, &cf,
				  why);
	if (ret != 0) {
		return ret;
	}
	*f = dfsr_folder_find(agent, &cf->guid);
	if (*f == NULL) {
		*why = talloc_asprintf(mem_ctx, "folder \"%s\" of group "
				       "\"%s\" is not enabled on this node: "
				       "ask a node that is a member",
				       cf->name, g->name);
		return ENOENT;
	}
	if ((*f)->store == NULL) {
		*why = talloc_asprintf(mem_ctx, "%s/%s is in error: %s",
				       g->name, cf->name,
				       (*f)->error != NULL ? (*f)->error
							   : "starting");
		return EIO;
	}
	return 0;
}

/* ---- folder vector: what a node holds, for `wait` and `backlog` -------- */

char *dfsr_state_hex(TALLOC_CTX *mem_ctx, const struct dfsr_vv *vv)
{
	static const char digits[] = "0123456789abcdef";
	struct dfsr_push push;
	char *hex = NULL;
	size_t i;

	dfsr_push_init(&push, mem_ctx);
	dfsr_vv_push(&push, vv);
	if (push.err == 0) {
		hex = talloc_size(mem_ctx, push.len * 2 + 1);
	}
	for (i = 0; hex != NULL && i < push.len; i++) {
		hex[2 * i] = digits[push.data[i] >> 4];
		hex[2 * i + 1] = digits[push.data[i] & 15];
	}
	if (hex != NULL) {
		hex[2 * push.len] = '\0';
	}
	talloc_free(push.data);
	return hex;
}

static int dfsr_state_nibble(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c);

	return at == NULL ? -1 : (int)(at - digits);
}

struct dfsr_vv *dfsr_state_unhex(TALLOC_CTX *mem_ctx, const char *hex)
{
	size_t len = hex == NULL ? 0 : strlen(hex), i;
	uint8_t *data = NULL;
	struct dfsr_vv *vv = NULL;
	struct dfsr_pull pull;

	if (hex == NULL || len % 2 != 0) {
		return NULL;
	}
	data = talloc_size(mem_ctx, len / 2 + 1);
	for (i = 0; data != NULL && i < len; i += 2) {
		int hi = dfsr_state_nibble(hex[i]);
		int lo = dfsr_state_nibble(hex[i + 1]);

		if (hi < 0 || lo < 0) {
			talloc_free(data);
			return NULL;
		}
		data[i / 2] = hi * 16 + lo;
	}
	if (data != NULL) {
		dfsr_pull_init(&pull, data, len / 2);
		vv = dfsr_vv_pull(&pull, mem_ctx);
		if (dfsr_pull_end(&pull) != 0) {
			TALLOC_FREE(vv);
		}
	}
	talloc_free(data);
	return vv;
}

json_t *dfsr_state_vector(struct dfsr_folder *f)
{
	TALLOC_CTX *tmp = talloc_new(f);
	struct dfsr_session *s = NULL;
	struct dfsr_vv *vv = NULL;
	uint32_t waiting = 0, updating = 0;
	char *hex = NULL;
	json_t *o = NULL;

	/* What smbd has told by now counts. */
	if (f->agent->journal_running) {
		dfsr_agent_journal_drain(f->agent);
	}
	for (s = f->sessions; s != NULL; s = s->next) {
		waiting += s->waiting;
		updating += s->state == DFSR_SESSION_UPDATING;
	}
	if (f->store != NULL) {
		vv = dfsr_store_vv_published(tmp, f->store);
		hex = vv != NULL ? dfsr_state_hex(tmp, vv) : NULL;
	}
	o = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:b, s:s}", "state",
		      dfsr_folder_state_str(f->state), "vector",
		      hex != NULL ? hex : "", "looks",
		      (int)dfsr_looks_pending(f), "waiting", (int)waiting,
		      "updating", (int)updating, "displaced",
		      (int)dfsr_displaced_count(f), "scanning",
		      f->scan != NULL || f->scan_again, "error",
		      f->error != NULL ? f->error : "");
	talloc_free(tmp);
	return o;
}

int dfsr_verb_folder_vector(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			    json_t *request, json_t **result, char **why)
{
	struct dfsr_folder *f = NULL;
	int ret = dfsr_state_folder(agent, request, mem_ctx, &f, why);

	if (ret != 0) {
		return ret;
	}
	*result = dfsr_state_vector(f);
	return *result == NULL ? ENOMEM : 0;
}

/* ---- state ------------------------------------------------------------- */

static json_t *dfsr_state_holes(struct dfsr_folder *f,
				struct dfsr_store_txn *txn)
{
	json_t *list = json_array();
	struct dfsr_id at = {0};
	struct dfsr_hole hole;
	TALLOC_CTX *tmp = talloc_new(f);

	while (json_array_size(list) < DFSR_STATE_LIST_MAX &&
	       dfsr_store_hole_next(txn, &at, &hole) == 0) {
		char *dir = NULL, *path = NULL;

		at = hole.update.gvsn;
		if (dfsr_store_path(txn, tmp, &hole.update.parent, &dir) !=
		    0) {
			dir = talloc_strdup(tmp, "?");
		}
		path = talloc_asprintf(tmp, "%s%s%s", dir,
				       dir[0] != '\0' ? "/" : "",
				       hole.update.name);
		json_array_append_new(
			list,
			json_pack("{s:o, s:s, s:s, s:o, s:i}", "path",
				  dfsr_json_path(path), "reason",
				  dfsr_wait_str(hole.reason), "error",
				  hole.error != 0 ? strerror(hole.error) : "",
				  "since", dfsr_json_time(hole.since),
				  "attempts", (int)hole.attempts));
	}
	talloc_free(tmp);
	return list;
}

static const char *dfsr_state_session(enum dfsr_session_state s)
{
	switch (s) {
	case DFSR_SESSION_DISCONNECTED:
		return "disconnected";
	case DFSR_SESSION_CONNECTED:
		return "connected";
	case DFSR_SESSION_POLLING:
		return "polling";
	case DFSR_SESSION_UPDATING:
		return "updating";
	}
	return "unknown";
}

static json_t *dfsr_state_one(struct dfsr_folder *f)
{
	struct dfsr_store_txn *txn = NULL;
	uint64_t live = 0, tombstones = 0;
	json_t *holes = NULL;

	if (f->store != NULL && dfsr_store_read_begin(f->store, &txn) == 0) {
		dfsr_store_row_count(txn, &live, &tombstones);
		holes = dfsr_state_holes(f, txn);
		dfsr_store_read_end(txn);
	}
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:s, s:I, s:I, s:o, s:i, s:i, s:b, s:I}",
		"group", f->group_name, "folder", f->name, "state",
		dfsr_folder_state_str(f->state), "content_path",
		dfsr_json_path(f->content_path), "error",
		f->error != NULL ? f->error : "", "objects",
		(json_int_t)live, "tombstones", (json_int_t)tombstones,
		"holes", holes != NULL ? holes : json_array(), "displaced",
		(int)dfsr_displaced_count(f), "looks",
		(int)dfsr_looks_pending(f), "scanning",
		f->scan != NULL || f->scan_again, "installed",
		(json_int_t)f->installed);
}

static json_t *dfsr_state_sessions(struct dfsr_folder *f, json_t *list)
{
	const struct dfsr_config_node *self = dfsr_config_node_by_guid(
		f->agent->config, &f->agent->config->self);
	struct dfsr_session *s = NULL;

	for (s = f->sessions; s != NULL; s = s->next) {
		uint64_t sent = 0, received = 0;
		const char *error = s->last_error;

		if (s->partner != NULL && s->partner->peer != NULL) {
			dfsr_peer_traffic(s->partner->peer, &sent, &received);
		}
		if (error == NULL && s->partner != NULL) {
			error = s->partner->last_error;
		}
		json_array_append_new(
			list,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:i, "
				  "s:I, s:I}",
				  "group", f->group_name, "folder", f->name,
				  "from",
				  s->partner != NULL ? s->partner->name : "",
				  "to", self != NULL ? self->name : "",
				  "state", dfsr_state_session(s->state),
				  "last_error", error != NULL ? error : "",
				  "since", dfsr_json_time(s->since), "waiting",
				  (int)s->waiting, "sent", (json_int_t)sent,
				  "received", (json_int_t)received));
	}
	return list;
}

int dfsr_verb_state(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
		    json_t *request, json_t **result, char **why)
{
	const char *group = dfsr_control_arg(request, 0);
	const char *folder = dfsr_control_arg(request, 1);
	const struct dfsr_config_node *self =
		dfsr_config_node_by_guid(agent->config, &agent->config->self);
	const struct dfsr_config_group *g = NULL;
	json_t *folders = json_array(), *connections = json_array();
	struct dfsr_folder *f = NULL;

	if (group != NULL) {
		g = dfsr_config_group_by_name(agent->config, group);
	}
	if (group != NULL &&
	    (g == NULL || (folder != NULL &&
			   dfsr_config_folder_by_name(g, folder) == NULL))) {
		*why = talloc_asprintf(mem_ctx, "there is no %s \"%s\": see "
				       "\"samba-dfs %s list\"",
				       g == NULL ? "group" : "folder",
				       g == NULL ? group : folder,
				       g == NULL ? "group" : "folder");
		json_decref(folders);
		json_decref(connections);
		return ENOENT;
	}
	for (f = agent->folders; f != NULL; f = f->next) {
		if ((group != NULL && strcasecmp(group, f->group_name) != 0) ||
		    (folder != NULL && strcasecmp(folder, f->name) != 0)) {
			continue;
		}
		json_array_append_new(folders, dfsr_state_one(f));
		dfsr_state_sessions(f, connections);
	}
	*result = json_pack("{s:s, s:o, s:o}", "node",
			    self != NULL ? self->name : "", "folders",
			    folders, "connections", connections);
	return *result == NULL ? ENOMEM : 0;
}

/* ---- folder backlog: what a vector lacks of us ------------------------- */

struct dfsr_backlog {
	uint64_t count;
	uint64_t bytes;
	uint64_t oldest;
	int64_t limit;
	json_t *files;
};

static uint64_t dfsr_backlog_age(uint64_t now, uint64_t then)
{
	return now > then ? (now - then) / DFSR_FILETIME_SECOND : 0;
}

static int dfsr_backlog_row(struct dfsr_store_txn *txn,
			    const struct dfsr_row *row, uint64_t now,
			    struct dfsr_backlog *b)
{
	TALLOC_CTX *tmp = NULL;
	char *path = NULL;

	b->count++;
	b->bytes += row->rec.present ? row->rec.size : 0;
	if (b->oldest == 0 || row->put_time < b->oldest) {
		b->oldest = row->put_time;
	}
	if ((int64_t)json_array_size(b->files) >= b->limit) {
		return 0;
	}
	tmp = talloc_new(NULL);
	if (!row->rec.present ||
	    dfsr_store_path(txn, tmp, &row->rec.uid, &path) != 0) {
		path = talloc_strdup(tmp, row->rec.name);
	}
	json_array_append_new(
		b->files,
		json_pack("{s:o, s:I, s:s, s:I}", "path",
			  dfsr_json_path(path), "size",
			  (json_int_t)row->rec.size, "kind",
			  !row->rec.present ? "deleted"
			  : row->rec.kind == DFSR_KIND_DIRECTORY ? "directory"
			  : row->rec.kind == DFSR_KIND_SYMLINK	 ? "symlink"
								 : "file",
			  "age_seconds",
			  (json_int_t)dfsr_backlog_age(now, row->put_time)));
	talloc_free(tmp);
	return 0;
}

static int dfsr_backlog_count(struct dfsr_store_txn *txn,
			      const struct dfsr_vv *diff, uint64_t now,
			      struct dfsr_backlog *b)
{
	struct dfsr_row row;
	uint32_t i, k;
	int ret;

	for (i = 0; i < diff->num_entries; i++) {
		for (k = 0; k < diff->entries[i].num_ranges; k++) {
			struct dfsr_id at = {
				.db = diff->entries[i].db,
				.vsn = diff->entries[i].ranges[k].low,
			};

			while ((ret = dfsr_store_next_gvsn(txn, &at, &row)) ==
				       0 &&
			       row.rec.gvsn.vsn <=
				       diff->entries[i].ranges[k].high) {
				dfsr_backlog_row(txn, &row, now, b);
				at.vsn = row.rec.gvsn.vsn + 1;
			}
			if (ret != 0 && ret != ENOENT) {
				return ret;
			}
		}
	}
	return 0;
}

int dfsr_verb_folder_backlog(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     json_t *request, json_t **result, char **why)
{
	struct dfsr_backlog b = {.limit = 100, .files = NULL};
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_vv *theirs = NULL, *ours = NULL, *diff = NULL;
	struct dfsr_folder *f = NULL;
	uint64_t now = agent->env->now(agent->env->private_data);
	int ret = dfsr_state_folder(agent, request, mem_ctx, &f, why);

	if (ret == 0) {
		ret = dfsr_control_number(request, "limit", 1000000, 100,
					  mem_ctx, &b.limit, why);
	}
	if (ret != 0) {
		return ret;
	}
	theirs = dfsr_state_unhex(mem_ctx,
				  dfsr_control_option(request, "vector"));
	if (theirs == NULL) {
		*why = talloc_strdup(mem_ctx, "the vector is not acceptable");
		return EBADMSG;
	}
	ours = dfsr_store_vv_published(mem_ctx, f->store);
	diff = ours != NULL ? dfsr_vv_difference(mem_ctx, ours, theirs) : NULL;
	if (diff == NULL) {
		return ENOMEM;
	}
	b.files = json_array();
	ret = dfsr_store_read_begin(f->store, &txn);
	if (ret == 0) {
		ret = dfsr_backlog_count(txn, diff, now, &b);
		dfsr_store_read_end(txn);
	}
	if (ret != 0) {
		json_decref(b.files);
		return ret;
	}
	*result = json_pack("{s:I, s:I, s:o, s:o}", "count",
			    (json_int_t)b.count, "bytes",
			    (json_int_t)b.bytes, "oldest_seconds",
			    b.count == 0 ? json_null()
					 : json_integer((json_int_t)
						dfsr_backlog_age(now,
								 b.oldest)),
			    "files", b.files);
	return *result == NULL ? ENOMEM : 0;
}
