/*
   Samba DFS Replication
   Fetching one update: its bytes become a staged object

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
 * Where the bytes come from, in this order: the object that already lies at
 * the place (initial sync; equal content is never transferred), the payload
 * that came with the update, or the partner, by OPEN and READs. Metadata
 * alone is fetched the same way, without content.
 *
 * The job struct travels between loop and workers and owns all that they
 * touch.
 */

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "agent_event.h"
#include "agent_private.h"

#define DFSR_FETCH_TIMEOUT_MS 30000

/** What a worker does with the job next. */
struct dfsr_fetch_job {
	struct dfsr_fs_root *root;
	struct dfsr_apply *apply;
	struct dfsr_record rec;
	bool object; /* stage an object, not only metadata */
	bool finish; /* this was the last of the content */
	/* in: owned copies */
	uint8_t *meta_blob;
	size_t meta_len;
	uint32_t num_runs;
	struct dfsr_run *runs;
	uint8_t *data;
	/* between calls */
	struct dfsr_staged *staged;
	struct dfsr_meta *meta;
	/* out */
	bool adopt;
	struct dfsr_look found;
	bool copied; /* the content is staged from the own object */
	char *path;
	char name[DFSR_APPLY_NAME_MAX + 1];
	struct dfsr_stamp stamp;
	struct dfsr_fs_problem problem;
	int err;
};

/**
 * Below an item as long as it lives: two partners may offer one version, and
 * only one of them brings it.
 */
struct dfsr_fetch_lock {
	struct dfsr_fetch_lock *prev, *next;
	struct dfsr_folder *folder;
	struct dfsr_id gvsn;
};

struct dfsr_fetch_state {
	struct dfsr_session *s;
	struct dfsr_folder *f;
	struct dfsr_item *item;
	struct dfsr_fetch_job *job;
	uint32_t handle;
	uint64_t ofs;
	bool whole;
};

static void dfsr_fetch_looked(struct tevent_req *subreq);
static void dfsr_fetch_open(struct tevent_req *req);
static void dfsr_fetch_opened(struct tevent_req *subreq);
static void dfsr_fetch_write(struct tevent_req *req);
static void dfsr_fetch_written(struct tevent_req *subreq);
static void dfsr_fetch_read(struct tevent_req *req);
static void dfsr_fetch_data(struct tevent_req *subreq);

/* ---- workers ------------------------------------------------------------- */

/** Is an equal object, or one with equal content, at the place already? */
static void dfsr_fetch_look_job(void *arg)
{
	struct dfsr_fetch_job *j = arg;
	int ret;

	ret = dfsr_watch_look(j, j->root, j->path, DFSR_LOOK_HASH, NULL,
			      &j->found);
	if (ret != 0 || !j->found.exists || j->found.kind != j->rec.kind ||
	    memcmp(j->found.content_hash, j->rec.content_hash,
		   DFSR_HASH_LEN) != 0) {
		return;
	}
	j->copied = j->rec.kind == DFSR_KIND_FILE;
	j->adopt = memcmp(j->found.meta_hash, j->rec.meta_hash,
			  DFSR_HASH_LEN) == 0;
}

/** The metadata must be that of the record, not what it has become. */
static int dfsr_fetch_meta(struct dfsr_fetch_job *j)
{
	uint8_t hash[DFSR_HASH_LEN];
	struct dfsr_pull p;
	int ret;

	dfsr_pull_init(&p, j->meta_blob, j->meta_len);
	j->meta = dfsr_meta_pull(&p, j);
	if (j->meta == NULL || dfsr_pull_end(&p) != 0) {
		return EBADMSG;
	}
	ret = dfsr_fs_meta_hash(j->meta, hash);
	if (ret == 0 && memcmp(hash, j->rec.meta_hash, DFSR_HASH_LEN) != 0) {
		ret = EBADMSG;
	}
	return ret;
}

static int dfsr_fetch_begin(struct dfsr_fetch_job *j)
{
	int ret;

	if (j->meta == NULL) {
		ret = dfsr_fetch_meta(j);
		if (ret != 0) {
			return ret;
		}
	}
	if (!j->object || j->staged != NULL) {
		return 0;
	}
	return dfsr_apply_stage(j, j->apply, &j->rec.gvsn, j->rec.kind,
				j->rec.size, &j->staged);
}

static void dfsr_fetch_write_job(void *arg)
{
	struct dfsr_fetch_job *j = arg;
	uint32_t i;

	j->err = dfsr_fetch_begin(j);
	if (j->err == 0 && j->object && j->copied && j->finish) {
		j->err = dfsr_apply_stage_copy(j->staged, j->path,
					       &j->found.stamp);
	}
	for (i = 0; j->err == 0 && j->object && !j->copied &&
		    i < j->num_runs;
	     i++) {
		j->err = dfsr_apply_stage_write(j->staged, j->runs[i].ofs,
						j->runs[i].data,
						j->runs[i].len);
	}
	if (j->err == 0 && j->finish && j->object) {
		j->err = dfsr_apply_stage_finish(
			j->staged, j->meta, j->rec.content_hash,
			j->rec.meta_hash, j->name, &j->stamp, &j->problem);
	}
	if (j->err == EPERM && j->rec.kind == DFSR_KIND_SYMLINK) {
		snprintf(j->problem.what, sizeof(j->problem.what),
			 "its target names the private directory");
	}
}

/* ---- the loop ------------------------------------------------------------ */

static void dfsr_fetch_run(struct tevent_req *req, void (*fn)(void *arg),
			   void (*done)(struct tevent_req *subreq))
{
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);
	struct tevent_req *subreq = NULL;

	subreq = dfsr_pool_send(state, state->f->agent->ev,
				state->f->agent->pool, fn, state->job);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, done, req);
}

static int dfsr_fetch_lock_destructor(struct dfsr_fetch_lock *lock)
{
	DFSR_LIST_REMOVE(lock->folder->fetches, lock);
	return 0;
}

/** @return 0, EAGAIN when another session brings this version, ENOMEM */
static int dfsr_fetch_lock(struct dfsr_folder *f, struct dfsr_item *item)
{
	struct dfsr_fetch_lock *lock = NULL;

	if (item->lock != NULL) {
		return 0;
	}
	for (lock = f->fetches; lock != NULL; lock = lock->next) {
		if (dfsr_id_equal(&lock->gvsn, &item->offer.update.gvsn)) {
			return EAGAIN;
		}
	}
	lock = talloc_zero(item, struct dfsr_fetch_lock);
	if (lock == NULL) {
		return ENOMEM;
	}
	lock->folder = f;
	lock->gvsn = item->offer.update.gvsn;
	DFSR_LIST_ADD(f->fetches, lock);
	talloc_set_destructor(lock, dfsr_fetch_lock_destructor);
	item->lock = lock;
	return 0;
}

struct tevent_req *dfsr_fetch_send(TALLOC_CTX *mem_ctx, struct dfsr_session *s,
				   struct dfsr_item *item,
				   const struct dfsr_decision *d,
				   const char *path)
{
	struct dfsr_folder *f = s->folder;
	struct tevent_req *req = NULL;
	struct dfsr_fetch_state *state = NULL;
	struct dfsr_fetch_job *j = NULL;
	int ret;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_fetch_state);
	if (req == NULL) {
		return NULL;
	}
	state->s = s;
	state->f = f;
	state->item = item;
	ret = dfsr_fetch_lock(f, item);
	if (ret != 0) {
		item->err = ret;
		item->wait = DFSR_WAIT_BUSY;
		tevent_req_error(req, ret);
		return tevent_req_post(req, f->agent->ev);
	}
	j = talloc_zero(state, struct dfsr_fetch_job);
	if (tevent_req_nomem(j, req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	state->job = j;
	j->root = f->root;
	j->apply = f->apply;
	j->rec = item->offer.update;
	j->object = (d->parts & DFSR_PART_CONTENT) != 0;
	j->path = talloc_strdup(j, path);
	if (j->path != NULL) {
		dfsr_fetch_run(req, dfsr_fetch_look_job, dfsr_fetch_looked);
	} else {
		dfsr_fetch_open(req);
	}
	if (!tevent_req_is_in_progress(req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	return req;
}

static void dfsr_fetch_looked(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);
	struct dfsr_fetch_job *j = state->job;
	struct dfsr_item *item = state->item;

	dfsr_pool_recv(subreq, state);
	TALLOC_FREE(subreq);
	if (j->adopt) {
		item->adopt = true;
		item->adopt_stamp = j->found.stamp;
		memcpy(item->adopt_fh, j->found.fh, sizeof(item->adopt_fh));
		item->adopt_fh_len = j->found.fh_len;
		item->adopt_fh_type = j->found.fh_type;
		item->offer.staged = true;
		tevent_req_done(req);
		return;
	}
	if (j->found.exists && j->found.kind == DFSR_KIND_DIRECTORY &&
	    j->rec.kind == DFSR_KIND_DIRECTORY) {
		j->object = false; /* the directory is there: metadata only */
	}
	dfsr_fetch_open(req);
}

/** Copy what the worker needs, so that it outlives the answer. */
static int dfsr_fetch_take(struct dfsr_fetch_job *j,
			   const struct dfsr_payload *payload)
{
	size_t total = 0, at = 0;
	uint32_t i;

	if (payload->meta != NULL) {
		TALLOC_FREE(j->meta_blob);
		j->meta_blob = talloc_memdup(j, payload->meta,
					     payload->meta_len);
		j->meta_len = payload->meta_len;
		if (j->meta_blob == NULL) {
			return ENOMEM;
		}
	}
	TALLOC_FREE(j->runs);
	TALLOC_FREE(j->data);
	j->num_runs = payload->num_runs;
	for (i = 0; i < payload->num_runs; i++) {
		total += payload->runs[i].len;
	}
	j->runs = talloc_array(j, struct dfsr_run, payload->num_runs + 1);
	j->data = talloc_size(j, total + 1);
	if (j->runs == NULL || j->data == NULL) {
		return ENOMEM;
	}
	for (i = 0; i < payload->num_runs; i++) {
		j->runs[i] = payload->runs[i];
		j->runs[i].data = j->data + at;
		memcpy(j->data + at, payload->runs[i].data,
		       payload->runs[i].len);
		at += payload->runs[i].len;
	}
	return 0;
}

static void dfsr_fetch_open(struct tevent_req *req)
{
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);
	struct dfsr_fetch_job *j = state->job;
	struct dfsr_msg_open msg = {
		.folder = state->f->guid,
		.uid = j->rec.uid,
		.gvsn = j->rec.gvsn,
		.inline_max = j->object && !j->copied ? DFSR_DATA_MAX : 0,
	};
	struct tevent_req *subreq = NULL;
	struct dfsr_push push;

	if (state->item->payload != NULL) {
		if (dfsr_fetch_take(j, state->item->payload) != 0) {
			tevent_req_oom(req);
			return;
		}
		j->finish = true;
		dfsr_fetch_write(req);
		return;
	}
	if (state->s->partner == NULL || !state->s->partner->ready) {
		tevent_req_error(req, ENOTCONN);
		return;
	}
	dfsr_push_init(&push, state);
	dfsr_msg_open_push(&push, &msg);
	subreq = dfsr_peer_request_send(state, state->f->agent->ev,
					state->s->partner->peer, DFSR_MSG_OPEN,
					push.data, push.len,
					DFSR_FETCH_TIMEOUT_MS);
	talloc_free(push.data);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, dfsr_fetch_opened, req);
}

/** Nothing came of it: say why once, and leave a hole. */
static void dfsr_fetch_give_up(struct tevent_req *req, int err,
			       enum dfsr_wait wait)
{
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);

	state->item->err = err;
	state->item->wait = wait;
	tevent_req_error(req, err);
}

static void dfsr_fetch_opened(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);
	struct dfsr_fetch_job *j = state->job;
	struct dfsr_msg_open_reply reply = {0};
	struct dfsr_msg_error refused = {0};
	TALLOC_CTX *tmp = talloc_new(state);
	uint8_t *body = NULL;
	size_t len = 0;
	int ret;

	ret = dfsr_peer_request_recv(subreq, tmp, &body, &len, &refused);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		ret = dfsr_msg_open_reply_pull(tmp, body, len, &reply);
	}
	if (ret == EREMOTEIO) {
		/* Changed or locked over there: its next version will come. */
		talloc_free(tmp);
		dfsr_fetch_give_up(req, EAGAIN, DFSR_WAIT_BUSY);
		return;
	}
	if (ret == 0 && !dfsr_id_equal(&reply.rec.gvsn, &j->rec.gvsn)) {
		ret = EBADMSG;
	}
	if (ret == 0) {
		ret = dfsr_fetch_take(j, &reply.payload);
	}
	if (ret != 0) {
		talloc_free(tmp);
		tevent_req_error(req, ret);
		return;
	}
	state->handle = reply.handle;
	state->ofs = reply.next_ofs;
	talloc_free(tmp);
	j->finish = !j->object || j->copied || state->handle == 0 ||
		    state->ofs >= j->rec.size;
	dfsr_fetch_write(req);
}

static void dfsr_fetch_write(struct tevent_req *req)
{
	dfsr_fetch_run(req, dfsr_fetch_write_job, dfsr_fetch_written);
}

/** The partner's handle is of no use any more; nobody waits for this. */
static void dfsr_fetch_close_done(struct tevent_req *subreq)
{
	struct dfsr_msg_error refused = {0};
	TALLOC_CTX *tmp = tevent_req_callback_data_void(subreq);
	uint8_t *body = NULL;
	size_t len = 0;

	dfsr_peer_request_recv(subreq, tmp, &body, &len, &refused);
	TALLOC_FREE(subreq);
	talloc_free(tmp);
}

static void dfsr_fetch_close(struct dfsr_fetch_state *state)
{
	struct dfsr_msg_close msg = {.handle = state->handle};
	struct dfsr_partner *p = state->s->partner;
	struct tevent_req *subreq = NULL;
	struct dfsr_push push;
	TALLOC_CTX *tmp = NULL;

	if (state->handle == 0 || p == NULL || !p->ready) {
		return;
	}
	tmp = talloc_new(p);
	dfsr_push_init(&push, tmp);
	dfsr_msg_close_push(&push, &msg);
	subreq = dfsr_peer_request_send(tmp, state->f->agent->ev, p->peer,
					DFSR_MSG_CLOSE, push.data, push.len,
					DFSR_FETCH_TIMEOUT_MS);
	if (subreq == NULL) {
		talloc_free(tmp);
		return;
	}
	tevent_req_set_callback(subreq, dfsr_fetch_close_done, tmp);
	state->handle = 0;
}

void dfsr_fetch_problem(struct dfsr_folder *f, const struct dfsr_record *u,
			const char *path, int err, const char *what)
{
	char id[DFSR_ID_STRLEN];
	json_t *data = NULL;

	if (err == EAGAIN || err == ESTALE || err == EEXIST ||
	    err == ENOTEMPTY || err == ETXTBSY) {
		return; /* a matter of time, shown by `state` */
	}
	data = json_pack("{s:s, s:s, s:s, s:s, s:s}", "group", f->group_name,
			 "folder", f->name, "path",
			 path != NULL && path[0] != '\0' ? path : u->name,
			 "gvsn", dfsr_id_str(&u->gvsn, id), "error",
			 strerror(err));
	dfsr_agent_event(f->agent, err == ENOSPC && what == NULL
				   ? DFSR_EVENT_DISK_FULL
				   : DFSR_EVENT_FILE_UNSTORABLE,
			 data,
			 "%s/%s: %s cannot be stored here: %s; it waits, "
			 "whole, and is tried again", f->group_name, f->name,
			 path != NULL && path[0] != '\0' ? path : u->name,
			 what != NULL && what[0] != '\0' ? what
							 : strerror(err));
}

static void dfsr_fetch_failed(struct tevent_req *req)
{
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);
	struct dfsr_fetch_job *j = state->job;
	char *path = j->path;

	dfsr_fetch_close(state);
	if (j->err == EBADMSG) {
		/* Bytes do not fit the hash: they changed while being read. */
		dfsr_fetch_give_up(req, EAGAIN, DFSR_WAIT_BUSY);
		return;
	}
	if (path == NULL) {
		path = dfsr_folder_path(state->f, state, &j->rec);
	}
	dfsr_fetch_problem(state->f, &j->rec, path, j->err,
			   j->problem.what[0] != '\0' ? j->problem.what : NULL);
	dfsr_fetch_give_up(req, j->err,
			   j->err == ENOSPC || j->err == E2BIG ||
					   j->err == EOPNOTSUPP
				   ? DFSR_WAIT_SPACE
				   : DFSR_WAIT_ERROR);
}

static void dfsr_fetch_written(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);
	struct dfsr_fetch_job *j = state->job;
	struct dfsr_item *item = state->item;

	dfsr_pool_recv(subreq, state);
	TALLOC_FREE(subreq);
	if (j->err != 0) {
		dfsr_fetch_failed(req);
		return;
	}
	if (!j->finish) {
		dfsr_fetch_read(req);
		return;
	}
	dfsr_fetch_close(state);
	item->meta = talloc_move(item, &j->meta);
	if (j->object) {
		memcpy(item->staged, j->name, sizeof(item->staged));
		item->staged_stamp = j->stamp;
	}
	item->offer.staged = true;
	tevent_req_done(req);
}

static void dfsr_fetch_read(struct tevent_req *req)
{
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);
	uint64_t left = state->job->rec.size - state->ofs;
	struct dfsr_msg_read msg = {
		.handle = state->handle,
		.ofs = state->ofs,
		.len = left < DFSR_DATA_MAX ? left : DFSR_DATA_MAX,
	};
	struct tevent_req *subreq = NULL;
	struct dfsr_push push;

	if (state->s->partner == NULL || !state->s->partner->ready) {
		tevent_req_error(req, ENOTCONN);
		return;
	}
	dfsr_push_init(&push, state);
	dfsr_msg_read_push(&push, &msg);
	subreq = dfsr_peer_request_send(state, state->f->agent->ev,
					state->s->partner->peer, DFSR_MSG_READ,
					push.data, push.len,
					DFSR_FETCH_TIMEOUT_MS);
	talloc_free(push.data);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, dfsr_fetch_data, req);
}

/** Runs must lie within what was asked for. */
static bool dfsr_fetch_runs_sane(const struct dfsr_msg_read_reply *r,
				 uint64_t ofs, uint64_t len)
{
	uint32_t i;

	for (i = 0; i < r->num_runs; i++) {
		if (r->runs[i].ofs < ofs ||
		    r->runs[i].ofs - ofs + r->runs[i].len > len) {
			return false;
		}
	}
	return true;
}

static void dfsr_fetch_data(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_fetch_state *state =
		tevent_req_data(req, struct dfsr_fetch_state);
	struct dfsr_fetch_job *j = state->job;
	uint64_t left = j->rec.size - state->ofs;
	uint64_t len = left < DFSR_DATA_MAX ? left : DFSR_DATA_MAX;
	struct dfsr_msg_read_reply reply = {0};
	struct dfsr_msg_error refused = {0};
	struct dfsr_payload payload = {0};
	TALLOC_CTX *tmp = talloc_new(state);
	uint8_t *body = NULL;
	size_t body_len = 0;
	int ret;

	ret = dfsr_peer_request_recv(subreq, tmp, &body, &body_len, &refused);
	TALLOC_FREE(subreq);
	if (ret == EREMOTEIO) {
		talloc_free(tmp);
		state->handle = 0;
		dfsr_fetch_give_up(req, EAGAIN, DFSR_WAIT_BUSY);
		return;
	}
	if (ret == 0) {
		ret = dfsr_msg_read_reply_pull(tmp, body, body_len, &reply);
	}
	if (ret == 0 && !dfsr_fetch_runs_sane(&reply, state->ofs, len)) {
		ret = EBADMSG;
	}
	if (ret == 0) {
		payload.num_runs = reply.num_runs;
		payload.runs = reply.runs;
		ret = dfsr_fetch_take(j, &payload);
	}
	talloc_free(tmp);
	if (ret != 0) {
		tevent_req_error(req, ret);
		return;
	}
	state->ofs += len;
	j->finish = state->ofs >= j->rec.size;
	dfsr_fetch_write(req);
}

int dfsr_fetch_recv(struct tevent_req *req)
{
	int ret = dfsr_req_error(req);

	tevent_req_received(req);
	return ret;
}
