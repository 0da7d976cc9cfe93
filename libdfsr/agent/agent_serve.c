/*
   Samba DFS Replication
   Serving: answers to partners that pull from here

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
 * The upstream end of MS-FRS2 3.2.4. A partner is answered about a folder only
 * while the configuration has an enabled connection from this node to it, the
 * folder serves, and its membership there is enabled. Records come from a
 * read transaction of a worker; bytes only under a record whose stamp still
 * holds (semantics B19).
 */

#include <errno.h>
#include <string.h>

#include "agent_private.h"

struct dfsr_poll_wait {
	struct dfsr_poll_wait *prev, *next;
	struct dfsr_folder *folder;
	struct dfsr_request *request;
	uint64_t generation;
};

/** A file that a partner has open here. */
struct dfsr_serve_handle {
	struct dfsr_serve_handle *prev, *next;
	struct dfsr_incoming *in;
	uint32_t handle;
	struct dfsr_source *source;
	bool busy; /* with a worker */
};

/**
 * One request with a worker. The request may go away meanwhile: its
 * destructor clears the pointer.
 */
struct dfsr_serve_job {
	struct dfsr_incoming *in;
	struct dfsr_request *request;
	struct dfsr_store *store;
	struct dfsr_fs_root *root;
	struct dfsr_msg_updates updates;
	struct dfsr_msg_open open;
	struct dfsr_msg_read read;
	struct dfsr_serve_handle *handle;
	struct dfsr_source *source;
	struct dfsr_push out;
	uint32_t refused; /* enum dfsr_wire_error, 0: out is the answer */
	bool keep;	  /* the source stays open for READs */
	uint32_t handle_number;
};

/** Hangs below the request and tells the job when it goes. */
struct dfsr_serve_link {
	struct dfsr_serve_job *job;
};

static int dfsr_serve_link_destructor(struct dfsr_serve_link *link)
{
	if (link->job != NULL) {
		link->job->request = NULL;
	}
	return 0;
}

/* ---- who may ask ------------------------------------------------------- */

static struct dfsr_folder *dfsr_serve_folder(struct dfsr_incoming *in,
					     struct dfsr_request *req,
					     const struct dfsr_guid *guid)
{
	const struct dfsr_config *c = in->agent->config;
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *cf = NULL;
	const struct dfsr_config_membership *m = NULL;
	struct dfsr_folder *f = dfsr_folder_find(in->agent, guid);

	cf = dfsr_config_folder_by_guid(c, guid, &g);
	if (cf == NULL || f == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_NOT_FOUND,
				 "no such replicated folder is enabled here");
		return NULL;
	}
	m = dfsr_config_membership(cf, &in->node);
	if (m == NULL || !m->enabled ||
	    dfsr_config_connection(g, &c->self, &in->node) == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_ACCESS,
				 "no enabled connection from here to you");
		return NULL;
	}
	if (!dfsr_folder_serves(f)) {
		dfsr_peer_refuse(req, DFSR_WERR_NOT_READY,
				 "the folder is in state %s here",
				 dfsr_folder_state_str(f->state));
		return NULL;
	}
	return f;
}

/* ---- SESSION, POLL ----------------------------------------------------- */

static void dfsr_serve_push(struct dfsr_request *req, struct dfsr_push *push)
{
	if (push->err != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_IO, "%s",
				 strerror(push->err));
		return;
	}
	dfsr_peer_reply(req, push->data, push->len);
}

static void dfsr_serve_session(struct dfsr_incoming *in,
			       struct dfsr_request *req)
{
	struct dfsr_msg_session msg;
	struct dfsr_msg_session_reply reply;
	struct dfsr_folder *f = NULL;
	struct dfsr_push push;

	if (dfsr_msg_session_pull(req, req->body, req->body_len, &msg) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad SESSION");
		return;
	}
	if (msg.fold_version != DFSR_FOLD_VERSION) {
		dfsr_peer_refuse(req, DFSR_WERR_FOLD,
				 "names are compared by table %u here, by %u "
				 "there", DFSR_FOLD_VERSION, msg.fold_version);
		return;
	}
	f = dfsr_serve_folder(in, req, &msg.folder);
	if (f == NULL) {
		return;
	}
	reply.db = f->db;
	dfsr_push_init(&push, req);
	dfsr_msg_session_reply_push(&push, &reply);
	dfsr_serve_push(req, &push);
}

/**
 * Holes that wait for a judgement only, and have done so over a whole round,
 * do not make the vector open: else two members that wait for each other wait
 * for ever (dfsr_engine.h, struct dfsr_round).
 */
static bool dfsr_serve_closed(struct dfsr_folder *f)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_id at = {0};
	struct dfsr_hole hole;
	bool closed = true;

	if (dfsr_store_hole_count(f->store) == 0) {
		return true;
	}
	if (dfsr_store_read_begin(f->store, &txn) != 0) {
		return false;
	}
	while (closed && dfsr_store_hole_next(txn, &at, &hole) == 0) {
		at = hole.update.gvsn;
		closed = (hole.reason == DFSR_WAIT_NAME ||
			  hole.reason == DFSR_WAIT_PARENT ||
			  hole.reason == DFSR_WAIT_CHILDREN ||
			  hole.reason == DFSR_WAIT_CYCLE) &&
			 hole.attempts > 1;
	}
	dfsr_store_read_end(txn);
	return closed;
}

static void dfsr_serve_poll_answer(struct dfsr_folder *f,
				   struct dfsr_request *req)
{
	struct dfsr_msg_poll_reply reply = {
		.generation = dfsr_store_vv_generation(f->store),
		.closed = dfsr_serve_closed(f),
		.vv = dfsr_store_vv_published(req, f->store),
	};
	struct dfsr_push push;

	dfsr_push_init(&push, req);
	if (reply.vv == NULL) {
		push.err = ENOMEM;
	} else {
		dfsr_msg_poll_reply_push(&push, &reply);
	}
	dfsr_serve_push(req, &push);
}

static int dfsr_poll_wait_destructor(struct dfsr_poll_wait *w)
{
	if (w->folder != NULL) {
		DFSR_LIST_REMOVE(w->folder->poll_waits, w);
	}
	return 0;
}

static void dfsr_serve_poll(struct dfsr_incoming *in, struct dfsr_request *req)
{
	struct dfsr_msg_poll msg;
	struct dfsr_poll_wait *w = NULL;
	struct dfsr_folder *f = NULL;

	if (dfsr_msg_poll_pull(req, req->body, req->body_len, &msg) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad POLL");
		return;
	}
	f = dfsr_serve_folder(in, req, &msg.folder);
	if (f == NULL) {
		return;
	}
	if (msg.generation != dfsr_store_vv_generation(f->store)) {
		dfsr_serve_poll_answer(f, req);
		return;
	}
	w = talloc_zero(req, struct dfsr_poll_wait);
	if (w == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "out of memory");
		return;
	}
	w->folder = f;
	w->request = req;
	w->generation = msg.generation;
	DFSR_LIST_ADD(f->poll_waits, w);
	talloc_set_destructor(w, dfsr_poll_wait_destructor);
}

static void dfsr_serve_polls_now(struct tevent_context *ev,
				 struct tevent_immediate *im,
				 void *private_data)
{
	struct dfsr_folder *f = private_data;
	struct dfsr_poll_wait *w = NULL, *next = NULL;
	uint64_t generation;

	(void)ev;
	(void)im;
	for (w = f->poll_waits; w != NULL; w = next) {
		next = w->next;
		if (!dfsr_folder_serves(f)) {
			dfsr_peer_refuse(w->request, DFSR_WERR_NOT_READY,
					 "the folder is in state %s here",
					 dfsr_folder_state_str(f->state));
			continue;
		}
		generation = dfsr_store_vv_generation(f->store);
		if (w->generation != generation) {
			dfsr_serve_poll_answer(f, w->request);
		}
	}
}

/* Not in place: an answer may end a connection that the caller uses. */
void dfsr_serve_polls(struct dfsr_folder *f)
{
	if (f->poll_waits != NULL) {
		tevent_schedule_immediate(f->poll_im, f->agent->ev,
					  dfsr_serve_polls_now, f);
	}
}

void dfsr_serve_polls_drop(struct dfsr_folder *f)
{
	while (f->poll_waits != NULL) {
		dfsr_peer_refuse(f->poll_waits->request, DFSR_WERR_NOT_FOUND,
				 "the folder is being disabled here");
	}
}

void dfsr_folder_committed(struct dfsr_folder *f)
{
	dfsr_serve_polls(f);
}

/* ---- jobs -------------------------------------------------------------- */

static void dfsr_serve_done(struct tevent_req *subreq);

static struct dfsr_serve_job *dfsr_serve_job_new(struct dfsr_incoming *in,
						 struct dfsr_request *req,
						 struct dfsr_folder *f)
{
	struct dfsr_serve_job *j = talloc_zero(NULL, struct dfsr_serve_job);
	struct dfsr_serve_link *link = NULL;

	if (j == NULL) {
		return NULL;
	}
	link = talloc_zero(req, struct dfsr_serve_link);
	if (link == NULL) {
		talloc_free(j);
		return NULL;
	}
	link->job = j;
	talloc_set_destructor(link, dfsr_serve_link_destructor);
	j->in = in;
	j->request = req;
	if (f != NULL) {
		j->store = f->store;
		j->root = f->root;
	}
	dfsr_push_init(&j->out, j);
	return j;
}

static void dfsr_serve_run(struct dfsr_incoming *in, struct dfsr_serve_job *j,
			   void (*fn)(void *arg))
{
	struct tevent_req *subreq = NULL;

	/*
	 * Below the pool, not the connection: the handle that a worker uses
	 * must live until it is through.
	 */
	subreq = dfsr_pool_send(in->agent->pool, in->agent->ev,
				in->agent->pool, fn, j);
	if (subreq == NULL) {
		dfsr_peer_refuse(j->request, DFSR_WERR_BUSY, "out of memory");
		talloc_free(j);
		return;
	}
	tevent_req_set_callback(subreq, dfsr_serve_done, j);
}

static struct dfsr_serve_handle *dfsr_serve_keep(struct dfsr_serve_job *j)
{
	struct dfsr_incoming *in = j->in;
	struct dfsr_serve_handle *h = talloc_zero(in, struct dfsr_serve_handle);

	if (h == NULL) {
		return NULL;
	}
	h->in = in;
	h->handle = j->handle_number;
	h->source = talloc_move(h, &j->source);
	DFSR_LIST_ADD(in->handles, h);
	in->num_handles++;
	return h;
}

static void dfsr_serve_done(struct tevent_req *subreq)
{
	struct dfsr_serve_job *j =
		tevent_req_callback_data(subreq, struct dfsr_serve_job);

	dfsr_pool_recv(subreq, NULL);
	TALLOC_FREE(subreq);
	if (j->request == NULL) {
		/* The connection, and with it every handle, is gone. */
		talloc_free(j);
		return;
	}
	if (j->handle != NULL) {
		j->handle->source = talloc_move(j->handle, &j->source);
		j->handle->busy = false;
	} else if (j->keep && j->refused == 0 && dfsr_serve_keep(j) == NULL) {
		j->refused = DFSR_WERR_BUSY;
	}
	if (j->refused != 0) {
		dfsr_peer_refuse(j->request, j->refused, "%s",
				 dfsr_wire_error_str(j->refused));
	} else {
		dfsr_serve_push(j->request, &j->out);
	}
	talloc_free(j);
}

/* ---- UPDATES ----------------------------------------------------------- */

struct dfsr_serve_page {
	struct dfsr_serve_job *j;
	struct dfsr_store_txn *txn;
	struct dfsr_msg_updates_reply reply;
	struct dfsr_row *rows;
	char **paths;
};

static int dfsr_serve_page_add(struct dfsr_serve_page *p,
			       const struct dfsr_row *row)
{
	uint32_t i = p->reply.num;
	int ret;

	p->rows[i] = *row;
	p->reply.updates[i].rec = row->rec;
	p->paths[i] = NULL;
	p->reply.num++;
	if (row->rec.present && p->j->updates.inline_max > 0 &&
	    row->rec.size <= DFSR_INLINE_FILE_MAX && row->rec.uid.vsn != 1) {
		ret = dfsr_store_path(p->txn, p->j, &row->rec.uid,
				      &p->paths[i]);
		if (ret != 0 && ret != ENOENT) {
			return ret;
		}
	}
	return 0;
}

/** Records of one interval from the cursor on; true when the page is full. */
static bool dfsr_serve_interval(struct dfsr_serve_page *p,
				const struct dfsr_guid *db,
				const struct dfsr_vv_range *range, int *err)
{
	struct dfsr_id at = {.db = *db, .vsn = range->low};
	struct dfsr_row row;

	if (dfsr_id_cmp(&at, &p->j->updates.cursor) <= 0) {
		if (dfsr_guid_cmp(db, &p->j->updates.cursor.db) < 0 ||
		    range->high <= p->j->updates.cursor.vsn) {
			return false;
		}
		at.vsn = p->j->updates.cursor.vsn + 1;
	}
	for (;;) {
		*err = dfsr_store_next_gvsn(p->txn, &at, &row);
		if (*err != 0 || row.rec.gvsn.vsn > range->high) {
			*err = *err == ENOENT ? 0 : *err;
			return false;
		}
		if (p->reply.num == p->j->updates.credits) {
			p->reply.more = true;
			return true;
		}
		*err = dfsr_serve_page_add(p, &row);
		if (*err != 0) {
			return true;
		}
		p->reply.cursor = row.rec.gvsn;
		at.vsn = row.rec.gvsn.vsn + 1;
	}
}

static int dfsr_serve_collect(struct dfsr_serve_page *p)
{
	const struct dfsr_vv *diff = p->j->updates.diff;
	uint32_t i, k;
	int err = 0;

	for (i = 0; i < diff->num_entries; i++) {
		for (k = 0; k < diff->entries[i].num_ranges; k++) {
			if (dfsr_serve_interval(p, &diff->entries[i].db,
						&diff->entries[i].ranges[k],
						&err) ||
			    err != 0) {
				return err;
			}
		}
	}
	return 0;
}

static int dfsr_serve_meta_blob(TALLOC_CTX *mem_ctx,
				const struct dfsr_meta *meta,
				struct dfsr_payload *payload)
{
	struct dfsr_push push;

	dfsr_push_init(&push, mem_ctx);
	dfsr_meta_push(&push, meta);
	payload->meta = push.data;
	payload->meta_len = push.len;
	return push.err;
}

/** Metadata and up to len bytes from the start of an object. */
static int dfsr_serve_payload(TALLOC_CTX *mem_ctx, struct dfsr_source *source,
			      const struct dfsr_meta *meta, uint32_t len,
			      struct dfsr_payload *payload)
{
	struct dfsr_extent *extents = NULL;
	uint32_t i, num = 0;
	int ret;

	ret = dfsr_serve_meta_blob(mem_ctx, meta, payload);
	if (ret == 0 && len > 0) {
		ret = dfsr_source_read(source, mem_ctx, 0, len, &extents,
				       &num);
	}
	if (ret != 0) {
		return ret;
	}
	payload->runs = talloc_array(mem_ctx, struct dfsr_run, num + 1);
	if (payload->runs == NULL) {
		return ENOMEM;
	}
	payload->num_runs = num;
	for (i = 0; i < num; i++) {
		payload->runs[i] = (struct dfsr_run){
			.ofs = extents[i].ofs,
			.len = extents[i].len,
			.data = extents[i].data,
		};
	}
	return 0;
}

static void dfsr_serve_inline(struct dfsr_serve_page *p)
{
	uint64_t room = p->j->updates.inline_max;
	uint32_t i;

	for (i = 0; i < p->reply.num; i++) {
		struct dfsr_update *u = &p->reply.updates[i];
		struct dfsr_source *source = NULL;
		struct dfsr_meta *meta = NULL;
		uint64_t size = u->rec.kind == DFSR_KIND_FILE ? u->rec.size
							      : 0;

		if (p->paths[i] == NULL || size + 4096 > room) {
			continue;
		}
		if (dfsr_source_open(p->j, p->j->root, p->paths[i],
				     &p->rows[i].stamp, &source, &meta) != 0) {
			continue;
		}
		u->has_payload = dfsr_serve_payload(p->j, source, meta, size,
						    &u->payload) == 0 &&
				 u->payload.meta_len + size <= room;
		if (u->has_payload) {
			room -= u->payload.meta_len + size;
		}
		talloc_free(source);
	}
}

static void dfsr_serve_updates_job(void *arg)
{
	struct dfsr_serve_job *j = arg;
	struct dfsr_serve_page p = {.j = j};
	int ret;

	p.rows = talloc_array(j, struct dfsr_row, j->updates.credits);
	p.paths = talloc_zero_array(j, char *, j->updates.credits);
	p.reply.updates = talloc_zero_array(j, struct dfsr_update,
					    j->updates.credits);
	if (p.rows == NULL || p.paths == NULL || p.reply.updates == NULL) {
		j->refused = DFSR_WERR_BUSY;
		return;
	}
	p.reply.cursor = j->updates.cursor;
	ret = dfsr_store_read_begin(j->store, &p.txn);
	if (ret == 0) {
		ret = dfsr_serve_collect(&p);
		dfsr_store_read_end(p.txn);
	}
	if (ret != 0) {
		j->refused = DFSR_WERR_IO;
		return;
	}
	dfsr_serve_inline(&p);
	dfsr_msg_updates_reply_push(&j->out, &p.reply);
}

static void dfsr_serve_updates(struct dfsr_incoming *in,
			       struct dfsr_request *req)
{
	struct dfsr_msg_updates msg;
	struct dfsr_serve_job *j = NULL;
	struct dfsr_folder *f = NULL;

	if (dfsr_msg_updates_pull(req, req->body, req->body_len, &msg) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad UPDATES");
		return;
	}
	f = dfsr_serve_folder(in, req, &msg.folder);
	if (f == NULL) {
		return;
	}
	j = dfsr_serve_job_new(in, req, f);
	if (j == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "out of memory");
		return;
	}
	j->updates = msg;
	talloc_steal(j, j->updates.diff);
	dfsr_serve_run(in, j, dfsr_serve_updates_job);
}

/* ---- OPEN, READ, CLOSE ------------------------------------------------- */

static void dfsr_serve_open_job(void *arg)
{
	struct dfsr_serve_job *j = arg;
	struct dfsr_msg_open_reply reply = {0};
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_meta *meta = NULL;
	struct dfsr_row row;
	char *path = NULL;
	uint64_t size;
	uint32_t len;
	int ret;

	ret = dfsr_store_read_begin(j->store, &txn);
	if (ret == 0) {
		ret = dfsr_store_row_by_uid(txn, &j->open.uid, &row);
		if (ret == 0 && (!dfsr_id_equal(&row.rec.gvsn, &j->open.gvsn) ||
				 !row.rec.present)) {
			ret = ESTALE;
		}
		if (ret == 0) {
			ret = dfsr_store_path(txn, j, &row.rec.uid, &path);
		}
		dfsr_store_read_end(txn);
	}
	if (ret == 0) {
		ret = dfsr_source_open(j, j->root, path, &row.stamp,
				       &j->source, &meta);
	}
	if (ret != 0) {
		j->refused = ret == ESTALE || ret == ENOENT
				     ? DFSR_WERR_CHANGED
				     : DFSR_WERR_IO;
		return;
	}
	size = row.rec.kind == DFSR_KIND_FILE ? row.rec.size : 0;
	len = size < j->open.inline_max ? size : j->open.inline_max;
	reply.rec = row.rec;
	ret = dfsr_serve_payload(j, j->source, meta, len, &reply.payload);
	if (ret != 0) {
		j->refused = ret == ESTALE ? DFSR_WERR_CHANGED : DFSR_WERR_IO;
		return;
	}
	reply.next_ofs = len;
	j->keep = len < size;
	reply.handle = j->keep ? j->handle_number : 0;
	dfsr_msg_open_reply_push(&j->out, &reply);
}

static void dfsr_serve_open(struct dfsr_incoming *in, struct dfsr_request *req)
{
	struct dfsr_msg_open msg;
	struct dfsr_serve_job *j = NULL;
	struct dfsr_folder *f = NULL;

	if (dfsr_msg_open_pull(req, req->body, req->body_len, &msg) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad OPEN");
		return;
	}
	f = dfsr_serve_folder(in, req, &msg.folder);
	if (f == NULL) {
		return;
	}
	j = in->num_handles < DFSR_HANDLES_MAX
		    ? dfsr_serve_job_new(in, req, f)
		    : NULL;
	if (j == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "too many open files");
		return;
	}
	j->open = msg;
	if (j->open.inline_max > DFSR_DATA_MAX) {
		j->open.inline_max = DFSR_DATA_MAX;
	}
	if (++in->next_handle == 0) {
		++in->next_handle;
	}
	j->handle_number = in->next_handle;
	dfsr_serve_run(in, j, dfsr_serve_open_job);
}

static struct dfsr_serve_handle *dfsr_serve_handle_find(
	struct dfsr_incoming *in, uint32_t handle)
{
	struct dfsr_serve_handle *h = NULL;

	for (h = in->handles; h != NULL; h = h->next) {
		if (h->handle == handle) {
			break;
		}
	}
	return h;
}

static void dfsr_serve_read_job(void *arg)
{
	struct dfsr_serve_job *j = arg;
	struct dfsr_msg_read_reply reply = {0};
	struct dfsr_extent *extents = NULL;
	uint32_t i, num = 0;
	int ret;

	ret = dfsr_source_read(j->source, j, j->read.ofs, j->read.len,
			       &extents, &num);
	if (ret == 0) {
		reply.runs = talloc_array(j, struct dfsr_run, num + 1);
		ret = reply.runs == NULL ? ENOMEM : 0;
	}
	if (ret != 0) {
		j->refused = ret == ESTALE ? DFSR_WERR_CHANGED : DFSR_WERR_IO;
		return;
	}
	reply.num_runs = num;
	for (i = 0; i < num; i++) {
		reply.runs[i].ofs = extents[i].ofs;
		reply.runs[i].len = extents[i].len;
		reply.runs[i].data = extents[i].data;
	}
	dfsr_msg_read_reply_push(&j->out, &reply);
}

static void dfsr_serve_read(struct dfsr_incoming *in, struct dfsr_request *req)
{
	struct dfsr_serve_handle *h = NULL;
	struct dfsr_serve_job *j = NULL;
	struct dfsr_msg_read msg;

	if (dfsr_msg_read_pull(req, req->body, req->body_len, &msg) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad READ");
		return;
	}
	h = dfsr_serve_handle_find(in, msg.handle);
	if (h == NULL || h->busy) {
		dfsr_peer_refuse(req, DFSR_WERR_NOT_FOUND,
				 "no such open file, or one READ at a time");
		return;
	}
	j = dfsr_serve_job_new(in, req, NULL);
	if (j == NULL) {
		dfsr_peer_refuse(req, DFSR_WERR_BUSY, "out of memory");
		return;
	}
	j->read = msg;
	j->handle = h;
	j->source = talloc_move(j, &h->source);
	h->busy = true;
	dfsr_serve_run(in, j, dfsr_serve_read_job);
}

static void dfsr_serve_close(struct dfsr_incoming *in,
			     struct dfsr_request *req)
{
	struct dfsr_serve_handle *h = NULL;
	struct dfsr_msg_close msg;

	if (dfsr_msg_close_pull(req, req->body, req->body_len, &msg) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad CLOSE");
		return;
	}
	h = dfsr_serve_handle_find(in, msg.handle);
	if (h != NULL && !h->busy) {
		DFSR_LIST_REMOVE(in->handles, h);
		in->num_handles--;
		talloc_free(h);
	}
	dfsr_peer_reply(req, NULL, 0);
}

static void dfsr_serve_cancel(struct dfsr_incoming *in,
			      struct dfsr_request *req)
{
	struct dfsr_msg_cancel msg;
	char id[DFSR_ID_STRLEN];

	if (dfsr_msg_cancel_pull(req, req->body, req->body_len, &msg) != 0) {
		dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "bad CANCEL");
		return;
	}
	dfsr_agent_log(in->agent, 3, "%s cannot install %s now: %s", in->name,
		       dfsr_id_str(&msg.gvsn, id), dfsr_wait_str(msg.reason));
	dfsr_peer_reply(req, NULL, 0);
}

void dfsr_serve_request(struct dfsr_incoming *in, struct dfsr_request *req)
{
	static const struct {
		uint8_t type;
		void (*fn)(struct dfsr_incoming *in, struct dfsr_request *req);
	} table[] = {
		{DFSR_MSG_SESSION, dfsr_serve_session},
		{DFSR_MSG_POLL, dfsr_serve_poll},
		{DFSR_MSG_UPDATES, dfsr_serve_updates},
		{DFSR_MSG_CANCEL, dfsr_serve_cancel},
		{DFSR_MSG_OPEN, dfsr_serve_open},
		{DFSR_MSG_READ, dfsr_serve_read},
		{DFSR_MSG_CLOSE, dfsr_serve_close},
		{DFSR_MSG_CONFIG, dfsr_serve_config},
		{DFSR_MSG_CONTROL, dfsr_serve_control},
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].type == req->type) {
			table[i].fn(in, req);
			return;
		}
	}
	dfsr_peer_refuse(req, DFSR_WERR_PROTOCOL, "unknown request");
}
