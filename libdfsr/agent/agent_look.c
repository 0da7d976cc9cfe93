/*
   Samba DFS Replication
   Looks: from a hint of the journal or the scan to a new version

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
 * A look names a directory by identity and a leaf, or an object by identity.
 * The queue holds each of them once. A batch goes to a worker, which finds
 * the path in the store, looks (hash, sync, look again), and then to the
 * store's thread, where the engine turns what was seen into versions.
 *
 * The store may have moved on between worker and unit, and the disk between
 * both; therefore the unit trusts nothing but identities: the directory in
 * which a name was seen is the one whose identity was seen with it, and a UID
 * that is being installed is looked at again later.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "agent_private.h"

#define DFSR_LOOK_BUCKETS 16384
/** Pause before something that was not ready is looked at again. */
#define DFSR_LOOK_RETRY_MS 25
/**
 * Batches do not begin closer than this unless they are large: a client that
 * makes file after file costs one sync for several of them. A change that
 * comes alone is looked at at once.
 */
#define DFSR_LOOK_GATHER_USEC 4000
#define DFSR_LOOK_GATHER_ENOUGH 16
/** Times that something is looked at again because it was unsettled. */
#define DFSR_LOOK_SETTLE_MAX 3

struct dfsr_look_item {
	struct dfsr_look_item *next;
	struct dfsr_look_item *hash_next;
	struct dfsr_ident ident; /* of the directory, or of the object */
	unsigned attempts;
	bool by_object;
	char name[]; /* "" if by_object */
};

static void dfsr_look_retry(struct tevent_context *ev, struct tevent_timer *te,
			    struct timeval now, void *private_data);

static uint32_t dfsr_look_bucket(const struct dfsr_ident *ident,
				 const char *name)
{
	uint64_t h = ident->ino * 0x9E3779B97F4A7C15ULL;

	for (; *name != '\0'; name++) {
		h = (h ^ (uint8_t)*name) * 0x100000001B3ULL;
	}
	return (uint32_t)(h >> 20) % DFSR_LOOK_BUCKETS;
}

static struct dfsr_look_item **dfsr_look_slot(struct dfsr_folder *f,
					      const struct dfsr_ident *ident,
					      bool by_object, const char *name)
{
	struct dfsr_look_item **p = NULL;

	p = &f->look_hash[dfsr_look_bucket(ident, name)];
	while (*p != NULL) {
		if ((*p)->by_object == by_object &&
		    dfsr_ident_equal(&(*p)->ident, ident) &&
		    strcmp((*p)->name, name) == 0) {
			break;
		}
		p = &(*p)->hash_next;
	}
	return p;
}

static void dfsr_look_add(struct dfsr_folder *f,
			  const struct dfsr_ident *ident, bool by_object,
			  const char *name, unsigned attempts)
{
	struct dfsr_look_item **slot = NULL;
	struct dfsr_look_item *item = NULL;
	size_t len = strlen(name) + 1;

	if (f->store == NULL || dfsr_ident_is_null(ident)) {
		return;
	}
	if (f->look_hash == NULL) {
		f->look_hash = talloc_zero_array(
			f->work, struct dfsr_look_item *, DFSR_LOOK_BUCKETS);
	}
	if (f->look_hash == NULL || f->num_looks >= DFSR_LOOKS_MAX) {
		f->scan_again = true;
		return;
	}
	slot = dfsr_look_slot(f, ident, by_object, name);
	if (*slot != NULL) {
		return;
	}
	item = talloc_zero_size(f->work, sizeof(*item) + len);
	if (item == NULL) {
		f->scan_again = true;
		return;
	}
	item->ident = *ident;
	item->by_object = by_object;
	item->attempts = attempts;
	memcpy(item->name, name, len);
	*slot = item;
	if (f->looks == NULL) {
		f->looks = item;
	} else {
		f->looks_tail->next = item;
	}
	f->looks_tail = item;
	f->num_looks++;
}

/** Look at it again in a moment; others do not wait for it. */
static void dfsr_look_later(struct dfsr_folder *f,
			    const struct dfsr_look_work *w)
{
	struct dfsr_look_item *item = NULL;
	const char *name = w->by_object ? "" : w->name;
	size_t len = strlen(name) + 1;

	item = talloc_zero_size(f->work, sizeof(*item) + len);
	if (item != NULL && f->look_timer == NULL) {
		f->look_timer = tevent_add_timer(
			f->agent->ev, f->work,
			tevent_timeval_current_ofs(0,
						   DFSR_LOOK_RETRY_MS * 1000),
			dfsr_look_retry, f);
	}
	if (item == NULL || f->look_timer == NULL) {
		talloc_free(item);
		f->scan_again = true;
		return;
	}
	item->ident = w->by_object ? w->object : w->dir;
	item->by_object = w->by_object;
	item->attempts = w->attempts + 1;
	memcpy(item->name, name, len);
	item->next = f->looks_later;
	f->looks_later = item;
	f->num_later++;
}

/** Forget the head of the queue. */
static void dfsr_look_shift(struct dfsr_folder *f)
{
	struct dfsr_look_item *item = f->looks;
	struct dfsr_look_item **slot = NULL;

	slot = dfsr_look_slot(f, &item->ident, item->by_object, item->name);
	*slot = item->hash_next;
	f->looks = item->next;
	f->num_looks--;
	talloc_free(item);
}

void dfsr_look_name(struct dfsr_folder *f, const struct dfsr_ident *dir,
		    const char *name)
{
	if (!dfsr_name_valid(name)) {
		return;
	}
	dfsr_look_add(f, dir, false, name, 0);
}

void dfsr_look_object(struct dfsr_folder *f, const struct dfsr_ident *object)
{
	dfsr_look_add(f, object, true, "", 0);
}

uint32_t dfsr_looks_pending(const struct dfsr_folder *f)
{
	return f->num_looks + f->num_later + (f->looking ? 1 : 0);
}

/* ---- the worker ---------------------------------------------------------- */

/**
 * Find the path of a look and what the store expects there.
 * @return 0, ENOENT if the directory or object is not in the store
 */
static int dfsr_look_resolve(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
			     struct dfsr_look_work *w, struct dfsr_row *dir,
			     struct dfsr_row *row)
{
	char *path = NULL;
	int ret;

	*row = (struct dfsr_row){0};
	if (w->by_object) {
		ret = dfsr_store_row_by_ident(txn, &w->object, row);
		if (ret != 0) {
			return ret;
		}
		if (row->rec.uid.vsn == 1) {
			w->relpath = talloc_strdup(mem_ctx, "");
			return w->relpath == NULL ? ENOMEM : 0;
		}
		dfsr_copy_name(w->name, row->rec.name);
		ret = dfsr_store_row_by_uid(txn, &row->rec.parent, dir);
		if (ret != 0) {
			return ret;
		}
		w->dir = dir->stamp.ident;
		return dfsr_store_path(txn, mem_ctx, &row->rec.uid,
				       &w->relpath);
	}
	ret = dfsr_store_row_by_ident(txn, &w->dir, dir);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_store_path(txn, mem_ctx, &dir->rec.uid, &path);
	if (ret != 0) {
		return ret;
	}
	w->relpath = path[0] == '\0'
			     ? talloc_strdup(mem_ctx, w->name)
			     : talloc_asprintf(mem_ctx, "%s/%s", path, w->name);
	if (w->relpath == NULL) {
		return ENOMEM;
	}
	ret = dfsr_store_row_by_name(txn, &dir->rec.uid, w->name, row);
	if (ret == ENOENT) {
		*row = (struct dfsr_row){0};
		ret = 0;
	}
	return ret;
}

/** Where the object is that the store expects at this name. */
static void dfsr_look_holder(struct dfsr_look_batch *b,
			     struct dfsr_look_work *w,
			     const struct dfsr_row *holder)
{
	struct dfsr_stamp stamp;
	const char *leaf = NULL;
	char *path = NULL;
	int fd;

	if (dfsr_ident_is_null(&holder->stamp.ident) || holder->fh_len == 0 ||
	    (w->look.exists && dfsr_ident_equal(&w->look.stamp.ident,
						&holder->stamp.ident))) {
		return;
	}
	if (dfsr_fs_handle_path(b, b->root, holder->fh, holder->fh_len,
				holder->fh_type, &path, &stamp) != 0) {
		return;
	}
	if (!dfsr_ident_equal(&stamp.ident, &holder->stamp.ident) ||
	    dfsr_path_has_private(path) || strcmp(path, w->relpath) == 0) {
		return;
	}
	fd = dfsr_fs_open_parent(b->root, path, &leaf);
	if (fd == -1) {
		return;
	}
	if (dfsr_name_valid(leaf) && dfsr_fs_stamp(fd, &stamp) == 0) {
		w->holder_survives = true;
		w->holder_dir = stamp.ident;
		dfsr_copy_name(w->holder_name, leaf);
	}
	close(fd);
}

/** A second name of an inode is a file of its own (smbd-traps A12). */
static void dfsr_look_links(struct dfsr_look_batch *b,
			    struct dfsr_look_work *w,
			    const struct dfsr_row *holder)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row;
	struct dfsr_stamp stamp;
	const char *leaf = NULL;
	char *path = NULL;
	int ret, fd;

	if (!w->look.exists || w->look.stamp.nlink < 2 ||
	    w->look.kind == DFSR_KIND_DIRECTORY ||
	    dfsr_ident_equal(&holder->stamp.ident, &w->look.stamp.ident)) {
		return;
	}
	ret = dfsr_store_read_begin(b->store, &txn);
	if (ret != 0) {
		return;
	}
	ret = dfsr_store_row_by_ident(txn, &w->look.stamp.ident, &row);
	if (ret == 0) {
		ret = dfsr_store_path(txn, b, &row.rec.uid, &path);
	}
	dfsr_store_read_end(txn);
	if (ret != 0 || strcmp(path, w->relpath) == 0) {
		return;
	}
	fd = dfsr_fs_open_parent(b->root, path, &leaf);
	if (fd == -1) {
		return;
	}
	ret = dfsr_fs_stamp_at(fd, leaf, &stamp);
	close(fd);
	w->other_name =
		ret == 0 &&
		dfsr_ident_equal(&stamp.ident, &w->look.stamp.ident);
}

static int dfsr_look_one(struct dfsr_look_batch *b, struct dfsr_look_work *w,
			 unsigned flags)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row dir, row;
	const struct dfsr_stamp *known = NULL;
	int ret;

	ret = dfsr_store_read_begin(b->store, &txn);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_look_resolve(txn, b, w, &dir, &row);
	dfsr_store_read_end(txn);
	if (ret == ENOENT) {
		w->looked = DFSR_LOOK_UNKNOWN_PARENT;
		return 0;
	}
	if (ret != 0) {
		return ret;
	}
	w->holder_gvsn = row.rec.gvsn;
	if (strcmp(row.rec.name, w->name) == 0) {
		known = &row.stamp;
	}
	ret = dfsr_watch_look(b, b->root, w->relpath,
			      flags | DFSR_LOOK_HASH | DFSR_LOOK_IF_CHANGED,
			      known, &w->look);
	if (ret == EAGAIN || ret == ESTALE) {
		w->looked = DFSR_LOOK_AGAIN;
		return 0;
	}
	if (ret != 0) {
		return ret;
	}
	if (w->relpath[0] != '\0' &&
	    !dfsr_ident_equal(&w->look.parent.ident, &w->dir)) {
		/* The directory moved: the store will hear of it first. */
		w->looked = DFSR_LOOK_AGAIN;
		return 0;
	}
	w->look.stamp.settled = w->look.stamp.settled || b->fine_times;
	dfsr_look_holder(b, w, &row);
	dfsr_look_links(b, w, &row);
	return 0;
}

/** What was hashed must be what the sync made durable. */
static bool dfsr_look_moved(struct dfsr_look_batch *b,
			    const struct dfsr_look_work *w)
{
	struct dfsr_stamp now;
	const char *leaf = NULL;
	bool moved;
	int fd;

	if (!w->look.exists || !w->look.hashed ||
	    w->look.kind == DFSR_KIND_DIRECTORY) {
		return false;
	}
	fd = dfsr_fs_open_parent(b->root, w->relpath, &leaf);
	if (fd == -1) {
		return true;
	}
	moved = dfsr_fs_stamp_at(fd, leaf, &now) != 0 ||
		!dfsr_stamp_equal(&now, &w->look.stamp);
	close(fd);
	return moved;
}

static void dfsr_look_job(void *arg)
{
	struct dfsr_look_batch *b = arg;
	bool many = b->num > 4;
	uint32_t i;
	int ret;

	for (i = 0; i < b->num; i++) {
		b->w[i].looked = DFSR_LOOK_DONE;
		b->w[i].err = dfsr_look_one(b, &b->w[i],
					    many ? DFSR_LOOK_NOSYNC : 0);
		if (b->w[i].err != 0) {
			b->w[i].looked = DFSR_LOOK_FAILED;
		}
	}
	if (!many) {
		return;
	}
	/* Durable before named (R4): one sync for the whole batch. */
	ret = dfsr_apply_sync(b->apply);
	for (i = 0; i < b->num; i++) {
		if (ret != 0) {
			b->w[i].err = ret;
			b->w[i].looked = DFSR_LOOK_FAILED;
		} else if (b->w[i].looked == DFSR_LOOK_DONE &&
			   dfsr_look_moved(b, &b->w[i])) {
			b->w[i].looked = DFSR_LOOK_AGAIN;
		}
	}
}

/* ---- the loop ------------------------------------------------------------ */

static void dfsr_look_looked(struct tevent_req *subreq);
static void dfsr_look_committed(struct tevent_req *subreq);

static void dfsr_look_retry(struct tevent_context *ev, struct tevent_timer *te,
			    struct timeval now, void *private_data)
{
	struct dfsr_folder *f = private_data;
	struct dfsr_look_item *item = f->looks_later, *next = NULL;

	(void)ev;
	(void)te;
	(void)now;
	f->look_timer = NULL;
	f->looks_later = NULL;
	f->num_later = 0;
	for (; item != NULL; item = next) {
		next = item->next;
		dfsr_look_add(f, &item->ident, item->by_object, item->name,
			      item->attempts);
		talloc_free(item);
	}
	dfsr_looks_kick(f);
}

/** Take the head of the queue into a batch of its own memory. */
static struct dfsr_look_batch *dfsr_look_take(struct dfsr_folder *f)
{
	struct dfsr_look_batch *b = NULL;
	struct dfsr_look_item *item = NULL;
	struct dfsr_look_work *w = NULL;

	b = talloc_zero(NULL, struct dfsr_look_batch);
	if (b == NULL) {
		return NULL;
	}
	b->w = talloc_zero_array(b, struct dfsr_look_work, DFSR_LOOK_BATCH);
	if (b->w == NULL) {
		talloc_free(b);
		return NULL;
	}
	b->store = f->store;
	b->root = f->root;
	b->apply = f->apply;
	b->env = f->agent->env;
	b->fine_times = f->fine_times;
	b->initial_sync = f->state == DFSR_FOLDER_INITIAL_SYNC;
	b->fence = f->state == DFSR_FOLDER_INITIALIZED && f->primary
			   ? DFSR_FENCE_INITIAL_PRIMARY
			   : DFSR_FENCE_DEFAULT;
	while (f->looks != NULL && b->num < DFSR_LOOK_BATCH) {
		item = f->looks;
		w = &b->w[b->num++];
		w->by_object = item->by_object;
		w->attempts = item->attempts;
		if (item->by_object) {
			w->object = item->ident;
		} else {
			w->dir = item->ident;
			dfsr_copy_name(w->name, item->name);
		}
		dfsr_look_shift(f);
	}
	b->cursor_set = f->looks == NULL && f->looks_later == NULL &&
			f->scan == NULL &&
			!f->scan_again && f->agent->journal != NULL;
	if (b->cursor_set) {
		dfsr_journal_reader_cursor(f->agent->journal, &b->cursor);
	}
	return b;
}

static void dfsr_look_gathered(struct tevent_context *ev,
			       struct tevent_timer *te, struct timeval now,
			       void *private_data)
{
	struct dfsr_folder *f = private_data;

	(void)ev;
	(void)te;
	(void)now;
	f->gather_timer = NULL;
	dfsr_looks_kick(f);
}

/** True if the batch waits a moment for others to come. */
static bool dfsr_look_gather(struct dfsr_folder *f)
{
	struct timeval now = tevent_timeval_current();
	struct timeval next = tevent_timeval_add(&f->look_began, 0,
						 DFSR_LOOK_GATHER_USEC);

	if (f->gather_timer != NULL) {
		return true;
	}
	if (f->num_looks >= DFSR_LOOK_GATHER_ENOUGH ||
	    tevent_timeval_compare(&now, &next) >= 0 ||
	    tevent_timeval_compare(&now, &f->look_began) < 0) {
		f->look_began = now;
		return false;
	}
	f->gather_timer = tevent_add_timer(f->agent->ev, f->work, next,
					   dfsr_look_gathered, f);
	return f->gather_timer != NULL;
}

void dfsr_looks_kick(struct dfsr_folder *f)
{
	struct dfsr_look_batch *b = NULL;
	struct tevent_req *subreq = NULL;

	if (f->looking || f->look_pause || f->agent->stopping ||
	    f->state == DFSR_FOLDER_IN_ERROR || f->store == NULL) {
		return;
	}
	if (f->looks == NULL) {
		if (f->looks_later == NULL) {
			dfsr_folder_settled(f);
		}
		return;
	}
	if (dfsr_look_gather(f)) {
		return;
	}
	b = dfsr_look_take(f);
	if (b == NULL) {
		return; /* the next record or tick kicks again */
	}
	subreq = dfsr_pool_send(f->work, f->agent->ev, f->agent->pool,
				dfsr_look_job, b);
	if (subreq == NULL) {
		talloc_free(b);
		f->scan_again = true;
		return;
	}
	tevent_req_set_callback(subreq, dfsr_look_looked, f);
	f->looking = true;
	f->look_batch = b;
}

static void dfsr_look_looked(struct tevent_req *subreq)
{
	struct dfsr_folder *f =
		tevent_req_callback_data(subreq, struct dfsr_folder);
	struct dfsr_look_batch *b = f->look_batch;
	int ret;

	ret = dfsr_pool_recv(subreq, f->work);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		subreq = dfsr_store_unit_send(f->work, f->agent->ev, f->store,
					      dfsr_look_unit, b);
	}
	if (subreq == NULL) {
		f->looking = false;
		f->scan_again = true;
		TALLOC_FREE(f->look_batch);
		return;
	}
	tevent_req_set_callback(subreq, dfsr_look_committed, f);
}

static void dfsr_look_failed(struct dfsr_folder *f,
			     const struct dfsr_look_work *w)
{
	dfsr_agent_event(f->agent, 4304, NULL,
			 "%s/%s: %s cannot be read (%s): it is not "
			 "replicated until it can be; the next change or "
			 "scan looks again",
			 f->group_name, f->name,
			 w->relpath != NULL ? w->relpath : w->name,
			 strerror(w->err));
}

/** What the unit said of one look. */
static void dfsr_look_result(struct dfsr_folder *f, struct dfsr_look_work *w)
{
	if (w->holder_survives) {
		dfsr_look_name(f, &w->holder_dir, w->holder_name);
	}
	switch (w->result) {
	case DFSR_LOOK_DONE:
		if (w->look.exists && !w->look.stamp.settled &&
		    w->attempts < DFSR_LOOK_SETTLE_MAX) {
			dfsr_look_later(f, w);
		}
		break;
	case DFSR_LOOK_LIST:
		dfsr_scan_directory(f, &w->look.stamp.ident);
		break;
	case DFSR_LOOK_AGAIN:
		if (w->attempts < DFSR_LOOK_ATTEMPTS_MAX) {
			dfsr_look_later(f, w);
		} else {
			f->scan_again = true;
		}
		break;
	case DFSR_LOOK_UNKNOWN_PARENT:
		if (!w->by_object && w->attempts < 3) {
			dfsr_look_later(f, w);
		} else if (!w->by_object) {
			dfsr_folder_foreign(f, &w->dir);
		}
		break;
	case DFSR_LOOK_FAILED:
		if (w->err != ENOENT) {
			dfsr_look_failed(f, w);
		}
		break;
	}
}

static void dfsr_look_committed(struct tevent_req *subreq)
{
	struct dfsr_folder *f =
		tevent_req_callback_data(subreq, struct dfsr_folder);
	struct dfsr_look_batch *b = f->look_batch;
	uint32_t i;
	int ret;

	ret = dfsr_store_unit_recv(subreq);
	TALLOC_FREE(subreq);
	f->looking = false;
	f->look_batch = NULL;
	if (ret != 0) {
		/* Nothing was stored: the scan finds it all again. */
		f->scan_again = true;
		talloc_free(b);
		dfsr_folder_error(f, 2004,
				  "the replica database cannot be written: %s",
				  strerror(ret));
		return;
	}
	for (i = 0; i < b->num; i++) {
		dfsr_look_result(f, &b->w[i]);
	}
	if (b->cursor_set) {
		f->cursor = b->cursor;
		f->cursor_valid = true;
	}
	talloc_free(b);
	dfsr_folder_committed(f);
	dfsr_scan_kick(f);
	dfsr_looks_kick(f);
}
