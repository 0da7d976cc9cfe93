/*
   Samba DFS Replication
   Scans: the whole tree, or one new directory, against the store

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
 * A scan lists directories, one after the other, and compares stamps with the
 * store. It reads no content: what differs becomes a look. Directories that
 * the store does not know become looks too, and are listed when they have
 * their record; so the tree is walked from known to unknown, and the queue of
 * looks is the only place where work waits.
 *
 * What is missing on the disk is held back until the whole tree has been
 * walked, because a scan that would delete half a folder is more likely to
 * stand before a broken disk than before a busy user (P9).
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "agent_scan.h"

/** A directory that waits to be listed. */
struct dfsr_scan_dir {
	struct dfsr_scan_dir *next;
	struct dfsr_ident ident;
	bool recurse;
};

/** A name that the store has and the disk has not. */
struct dfsr_scan_missing {
	struct dfsr_scan_missing *next;
	struct dfsr_ident dir;
	uint64_t objects; /* it, and what the store has below it */
	char name[];
};

struct dfsr_scan {
	struct dfsr_folder *folder;
	bool full;
	bool busy;
	struct dfsr_scan_dir *dirs, *dirs_tail;
	struct dfsr_scan_missing *missing;
	uint64_t num_missing;
	uint64_t num_seen;
	struct dfsr_scan_job *job;
};

/** One directory on its way through a worker. */
struct dfsr_scan_job {
	struct dfsr_store *store;
	struct dfsr_fs_root *root;
	struct dfsr_ident ident;
	bool recurse;
	/* out */
	int err;
	bool known;
	uint32_t num_looks;
	char **looks; /* names that differ */
	struct dfsr_scan_missing *missing;
	uint32_t num_dirs;
	struct dfsr_ident *dirs;
	uint32_t seen;
};

bool dfsr_scan_active(const struct dfsr_folder *f)
{
	return f->scan != NULL;
}

/* ---- the worker -------------------------------------------------------- */

static int dfsr_scan_append(TALLOC_CTX *mem_ctx, char ***list, uint32_t *num,
			    const char *name)
{
	size_t have = *list == NULL ? 0 : talloc_array_length(*list);

	if (*num >= have) {
		*list = talloc_realloc(mem_ctx, *list, char *,
				       have == 0 ? 32 : have * 2);
		if (*list == NULL) {
			return ENOMEM;
		}
	}
	(*list)[*num] = talloc_strdup(mem_ctx, name);
	if ((*list)[*num] == NULL) {
		return ENOMEM;
	}
	(*num)++;
	return 0;
}

static bool dfsr_scan_same(const struct dfsr_row *row,
			   const struct dfsr_watch_entry *e)
{
	return row->stamp.settled && strcmp(row->rec.name, e->name) == 0 &&
	       dfsr_stamp_equal(&row->stamp, &e->stamp);
}

static int dfsr_scan_entry(struct dfsr_scan_job *j, struct dfsr_store_txn *txn,
			   const struct dfsr_row *dir,
			   const struct dfsr_watch_entry *e)
{
	struct dfsr_row row;
	bool is_dir = dfsr_fs_kind(e->stamp.mode) == DFSR_KIND_DIRECTORY;
	int ret;

	if (dfsr_fs_kind(e->stamp.mode) == 0) {
		return 0;
	}
	j->seen++;
	ret = dfsr_store_row_by_name(txn, &dir->rec.uid, e->name, &row);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	if (ret == 0 && j->recurse && is_dir &&
	    dfsr_ident_equal(&row.stamp.ident, &e->stamp.ident)) {
		if (j->num_dirs % 64 == 0) {
			j->dirs = talloc_realloc(j, j->dirs, struct dfsr_ident,
						 j->num_dirs + 64);
		}
		if (j->dirs == NULL) {
			return ENOMEM;
		}
		j->dirs[j->num_dirs++] = e->stamp.ident;
	}
	if (ret == 0 && dfsr_scan_same(&row, e)) {
		return 0;
	}
	return dfsr_scan_append(j, &j->looks, &j->num_looks, e->name);
}

static int dfsr_scan_name_cmp(const void *key, const void *member)
{
	const struct dfsr_watch_entry *e = member;

	return strcmp(key, e->name);
}

struct dfsr_scan_weight {
	struct dfsr_id *dirs; /* still to be counted */
	size_t num_dirs;
	uint64_t objects;
};

static int dfsr_scan_weigh_dir(struct dfsr_scan_weight *w,
			       struct dfsr_store_txn *txn,
			       const struct dfsr_id *dir)
{
	struct dfsr_row row;
	char after[DFSR_FOLD_MAX + 1] = "";
	int ret;

	for (;;) {
		ret = dfsr_store_next_child(txn, dir, after, &row);
		if (ret != 0) {
			return ret == ENOENT ? 0 : ret;
		}
		if (dfsr_fold(row.rec.name, after) == 0) {
			return EIO;
		}
		w->objects++;
		if (row.rec.kind != DFSR_KIND_DIRECTORY) {
			continue;
		}
		if (w->num_dirs == talloc_array_length(w->dirs)) {
			w->dirs = talloc_realloc(w, w->dirs, struct dfsr_id,
						 2 * w->num_dirs + 16);
		}
		if (w->dirs == NULL) {
			return ENOMEM;
		}
		w->dirs[w->num_dirs++] = row.rec.uid;
	}
}

/** How many objects go with one: a directory takes all below with it. */
static int dfsr_scan_weigh(TALLOC_CTX *mem_ctx, struct dfsr_store_txn *txn,
			   const struct dfsr_row *row, uint64_t *objects)
{
	struct dfsr_scan_weight *w = NULL;
	struct dfsr_id dir = row->rec.uid;
	int ret = 0;

	*objects = 1;
	if (row->rec.kind != DFSR_KIND_DIRECTORY) {
		return 0;
	}
	w = talloc_zero(mem_ctx, struct dfsr_scan_weight);
	if (w == NULL) {
		return ENOMEM;
	}
	w->objects = 1;
	ret = dfsr_scan_weigh_dir(w, txn, &dir);
	while (ret == 0 && w->num_dirs > 0) {
		dir = w->dirs[--w->num_dirs];
		ret = dfsr_scan_weigh_dir(w, txn, &dir);
	}
	*objects = w->objects;
	talloc_free(w);
	return ret;
}

static int dfsr_scan_miss(struct dfsr_scan_job *j, struct dfsr_store_txn *txn,
			  const struct dfsr_row *row)
{
	struct dfsr_scan_missing *m = NULL;
	size_t len = strlen(row->rec.name) + 1;

	m = talloc_zero_size(j, sizeof(*m) + len);
	if (m == NULL) {
		return ENOMEM;
	}
	m->dir = j->ident;
	memcpy(m->name, row->rec.name, len);
	m->next = j->missing;
	j->missing = m;
	return dfsr_scan_weigh(j, txn, row, &m->objects);
}

static bool dfsr_scan_listed(const struct dfsr_watch_listing *l,
			     const char *name)
{
	return l->num > 0 &&
	       bsearch(name, l->entries, l->num, sizeof(l->entries[0]),
		       dfsr_scan_name_cmp) != NULL;
}

static int dfsr_scan_children(struct dfsr_scan_job *j,
			      struct dfsr_store_txn *txn,
			      const struct dfsr_row *dir,
			      const struct dfsr_watch_listing *l)
{
	struct dfsr_row row;
	char after[DFSR_FOLD_MAX + 1] = "";
	int ret;

	for (;;) {
		ret = dfsr_store_next_child(txn, &dir->rec.uid, after, &row);
		if (ret != 0) {
			return ret == ENOENT ? 0 : ret;
		}
		if (dfsr_fold(row.rec.name, after) == 0) {
			return EIO;
		}
		if (dfsr_scan_listed(l, row.rec.name)) {
			continue;
		}
		ret = dfsr_scan_miss(j, txn, &row);
		if (ret != 0) {
			return ret;
		}
	}
}

static int dfsr_scan_compare(struct dfsr_scan_job *j,
			     const struct dfsr_watch_listing *l)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row dir;
	uint32_t i;
	int ret;

	ret = dfsr_store_read_begin(j->store, &txn);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_store_row_by_ident(txn, &j->ident, &dir);
	for (i = 0; ret == 0 && i < l->num; i++) {
		ret = dfsr_scan_entry(j, txn, &dir, &l->entries[i]);
	}
	if (ret == 0) {
		ret = dfsr_scan_children(j, txn, &dir, l);
	}
	dfsr_store_read_end(txn);
	return ret;
}

static void dfsr_scan_job_fn(void *arg)
{
	struct dfsr_scan_job *j = arg;
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_watch_listing *listing = NULL;
	struct dfsr_row dir;
	char *path = NULL;

	j->err = dfsr_store_read_begin(j->store, &txn);
	if (j->err != 0) {
		return;
	}
	j->err = dfsr_store_row_by_ident(txn, &j->ident, &dir);
	if (j->err == 0) {
		j->err = dfsr_store_path(txn, j, &dir.rec.uid, &path);
	}
	dfsr_store_read_end(txn);
	if (j->err != 0) {
		return;
	}
	j->known = true;
	j->err = dfsr_watch_list(j, j->root, path, &listing);
	if (j->err == 0 && !dfsr_ident_equal(&listing->dir.ident, &j->ident)) {
		j->err = ESTALE;
	}
	if (j->err == 0) {
		j->err = dfsr_scan_compare(j, listing);
	}
}

/* ---- the loop ---------------------------------------------------------- */

static void dfsr_scan_next(struct dfsr_folder *f);

static struct dfsr_scan *dfsr_scan_get(struct dfsr_folder *f)
{
	if (f->scan == NULL) {
		f->scan = talloc_zero(f->work, struct dfsr_scan);
		if (f->scan != NULL) {
			f->scan->folder = f;
		}
	}
	return f->scan;
}

static void dfsr_scan_push(struct dfsr_scan *scan,
			   const struct dfsr_ident *ident, bool recurse)
{
	struct dfsr_scan_dir *d = talloc_zero(scan, struct dfsr_scan_dir);

	if (d == NULL) {
		scan->folder->scan_again = true;
		return;
	}
	d->ident = *ident;
	d->recurse = recurse;
	if (scan->dirs == NULL) {
		scan->dirs = d;
	} else {
		scan->dirs_tail->next = d;
	}
	scan->dirs_tail = d;
}

void dfsr_scan_start(struct dfsr_folder *f)
{
	struct dfsr_scan *scan = NULL;

	f->scan_again = false;
	scan = dfsr_scan_get(f);
	if (scan == NULL) {
		f->scan_again = true;
		return;
	}
	scan->full = true;
	dfsr_scan_push(scan, &f->root->ident, true);
	dfsr_scan_kick(f);
}

void dfsr_scan_directory(struct dfsr_folder *f, const struct dfsr_ident *dir)
{
	struct dfsr_scan *scan = dfsr_scan_get(f);

	if (scan == NULL) {
		f->scan_again = true;
		return;
	}
	dfsr_scan_push(scan, dir, false);
	dfsr_scan_kick(f);
}

/** Hold missing names back until the end of a full scan. */
static void dfsr_scan_hold(struct dfsr_scan *scan, struct dfsr_scan_job *j)
{
	struct dfsr_scan_missing *m = NULL;

	while ((m = j->missing) != NULL) {
		j->missing = m->next;
		m->next = scan->missing;
		scan->missing = talloc_steal(scan, m);
		scan->num_missing += m->objects;
	}
}

/** A look has moved it meanwhile, or it went away through SMB. */
static bool dfsr_scan_moved(struct dfsr_store_txn *txn,
			    const struct dfsr_scan_missing *m)
{
	struct dfsr_row dir, row;

	return dfsr_store_row_by_ident(txn, &m->dir, &dir) != 0 ||
	       dfsr_store_row_by_name(txn, &dir.rec.uid, m->name, &row) != 0 ||
	       strcmp(row.rec.name, m->name) != 0;
}

/** Count again what is missing when all looks of the scan are done. */
static void dfsr_scan_count(struct dfsr_folder *f, struct dfsr_scan *scan)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_scan_missing *m = NULL;

	if (dfsr_store_read_begin(f->store, &txn) != 0) {
		return;
	}
	scan->num_missing = 0;
	for (m = scan->missing; m != NULL; m = m->next) {
		if (!dfsr_scan_moved(txn, m)) {
			scan->num_missing += m->objects;
		}
	}
	dfsr_store_read_end(txn);
}

/** True when so much is missing that a person has to be asked. */
static bool dfsr_scan_too_much(struct dfsr_folder *f,
			       const struct dfsr_scan *scan)
{
	return !f->scan_trusted &&
	       scan->num_missing > DFSR_SCAN_MISSING_MIN &&
	       scan->num_missing >
		       (scan->num_seen + scan->num_missing) /
			       DFSR_SCAN_MISSING_SHARE;
}

/* ---- too much is missing ----------------------------------------------- */

/** Of the small state: a number of objects, absent for none. */
#define DFSR_SCAN_MISSED_KEY "scan_missed"

static int dfsr_scan_missed_unit(struct dfsr_store_txn *txn,
				 void *private_data)
{
	const uint64_t *missed = private_data;

	if (*missed == 0) {
		return dfsr_store_state_del(txn, DFSR_SCAN_MISSED_KEY);
	}
	return dfsr_store_state_put(txn, DFSR_SCAN_MISSED_KEY, missed,
				    sizeof(*missed));
}

int dfsr_scan_missed(struct dfsr_folder *f, uint64_t *missed)
{
	struct dfsr_store_txn *txn = NULL;
	uint8_t *value = NULL;
	size_t len = 0;
	int ret;

	*missed = 0;
	ret = dfsr_store_read_begin(f->store, &txn);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_store_state_get(txn, f, DFSR_SCAN_MISSED_KEY, &value, &len);
	dfsr_store_read_end(txn);
	if (ret == 0 && len == sizeof(*missed)) {
		memcpy(missed, value, sizeof(*missed));
	} else if (ret == 0) {
		ret = EIO;
	}
	talloc_free(value);
	return ret == ENOENT ? 0 : ret;
}

static int dfsr_scan_set_missed(struct dfsr_folder *f, uint64_t missed)
{
	uint64_t before = 0;
	int ret = dfsr_scan_missed(f, &before);

	if (ret != 0 || before == missed) {
		return ret;
	}
	return dfsr_store_unit(f->store, dfsr_scan_missed_unit, &missed);
}

void dfsr_scan_trust(struct dfsr_folder *f)
{
	f->scan_trusted = true;
	f->scan_again = f->scan_again || f->scan == NULL || !f->scan->full;
	if (f->state != DFSR_FOLDER_IN_ERROR) {
		dfsr_looks_kick(f);
	}
}

static void dfsr_scan_refuse(struct dfsr_folder *f,
			     const struct dfsr_scan *scan)
{
	/* Whoever starts dfsrd anew shall be asked again. */
	if (dfsr_scan_set_missed(f, scan->num_missing) != 0 ||
	    dfsr_folder_need_scan(f) != 0) {
		dfsr_folder_error(f, 2004, "the replica database cannot be "
				  "written");
		return;
	}
	dfsr_folder_error(f, 4004,
			  "%llu of %llu objects are missing below %s: nothing "
			  "was deleted elsewhere; put them back, or confirm "
			  "with \"samba-dfs recover resume %s %s\"",
			  (unsigned long long)scan->num_missing,
			  (unsigned long long)(scan->num_missing +
					       scan->num_seen),
			  f->content_path, f->group_name, f->name);
}

/** What was missed may go, or was little, or is back. */
static void dfsr_scan_accept(struct dfsr_folder *f)
{
	f->scan_trusted = false;
	if (dfsr_scan_set_missed(f, 0) != 0) {
		dfsr_folder_error(f, 2004, "the replica database cannot be "
				  "written");
	}
}

static void dfsr_scan_end(struct dfsr_folder *f)
{
	struct dfsr_scan *scan = f->scan;
	struct dfsr_scan_missing *m = NULL;

	f->scan = NULL;
	if (dfsr_scan_too_much(f, scan)) {
		dfsr_scan_count(f, scan);
	}
	if (dfsr_scan_too_much(f, scan)) {
		dfsr_scan_refuse(f, scan);
		talloc_free(scan);
		return;
	}
	for (m = scan->missing; m != NULL; m = m->next) {
		dfsr_look_name(f, &m->dir, m->name);
	}
	if (scan->full) {
		dfsr_scan_accept(f);
	}
	talloc_free(scan);
	dfsr_looks_kick(f);
}

/* ---- one directory after the other ------------------------------------- */

static void dfsr_scan_done(struct tevent_req *subreq)
{
	struct dfsr_folder *f =
		tevent_req_callback_data(subreq, struct dfsr_folder);
	struct dfsr_scan *scan = f->scan;
	struct dfsr_scan_job *j = scan->job;
	struct dfsr_scan_missing *m = NULL;
	uint32_t i;

	scan->busy = false;
	scan->job = NULL;
	if (dfsr_pool_recv(subreq, scan) != 0) {
		f->scan_again = true;
	} else if (j->err != 0 && (j->err != ENOENT || j->known)) {
		/* It moved or went away: what moved it is in the journal. */
		if (j->err != ESTALE && j->err != ENOENT) {
			dfsr_agent_event(f->agent, 4312, NULL,
					 "%s/%s: a directory cannot be "
					 "listed: %s",
					 f->group_name, f->name,
					 strerror(j->err));
		}
		f->scan_again = f->scan_again || scan->full;
	} else if (j->err == 0) {
		for (i = 0; i < j->num_looks; i++) {
			dfsr_look_name(f, &j->ident, j->looks[i]);
		}
		if (scan->full) {
			dfsr_scan_hold(scan, j);
		}
		for (m = j->missing; m != NULL; m = m->next) {
			dfsr_look_name(f, &m->dir, m->name);
		}
		for (i = 0; i < j->num_dirs; i++) {
			dfsr_scan_push(scan, &j->dirs[i], true);
		}
		scan->num_seen += j->seen;
	}
	TALLOC_FREE(subreq);
	talloc_free(j);
	dfsr_looks_kick(f);
	dfsr_scan_kick(f);
}

static void dfsr_scan_next(struct dfsr_folder *f)
{
	struct dfsr_scan *scan = f->scan;
	struct dfsr_scan_dir *d = scan->dirs;
	struct dfsr_scan_job *j = talloc_zero(NULL, struct dfsr_scan_job);
	struct tevent_req *subreq = NULL;

	if (j == NULL) {
		return;
	}
	j->store = f->store;
	j->root = f->root;
	j->ident = d->ident;
	j->recurse = d->recurse;
	subreq = dfsr_pool_send(scan, f->agent->ev, f->agent->pool,
				dfsr_scan_job_fn, j);
	if (subreq == NULL) {
		talloc_free(j);
		return;
	}
	tevent_req_set_callback(subreq, dfsr_scan_done, f);
	scan->dirs = d->next;
	talloc_free(d);
	scan->busy = true;
	scan->job = j;
}

void dfsr_scan_kick(struct dfsr_folder *f)
{
	struct dfsr_scan *scan = f->scan;

	if (scan == NULL || scan->busy || f->agent->stopping ||
	    f->state == DFSR_FOLDER_IN_ERROR) {
		return;
	}
	if (f->num_looks > DFSR_LOOKS_MAX / 2) {
		return;
	}
	if (scan->dirs != NULL) {
		dfsr_scan_next(f);
		return;
	}
	if (dfsr_looks_pending(f) == 0 || !scan->full) {
		dfsr_scan_end(f);
	}
}
