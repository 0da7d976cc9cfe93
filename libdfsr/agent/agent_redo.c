/*
   Samba DFS Replication
   Redo units after a kill (R5)

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
 * A redo unit says: this staged object was to come to that place, or that
 * object was to leave it. By identity it is clear how far it went:
 *
 *   the staged (or moved) object is at the place → finished but not stored:
 *       store it now, with the identity that it has now
 *   the old object is still at the old place     → not begun: forget it; the
 *       number is a hole and is asked for again
 *   neither                                      → a user was there: forget
 *       it; a look finds out what is there
 *
 * Metadata that was half written in place is not a change of a user: the row
 * takes the stamp that it finds, and the update comes again.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_install.h"

struct dfsr_redo_ctx {
	struct dfsr_folder *f;
	struct dfsr_redo redo;
	bool finished;
	bool gone; /* the object has left its place */
	bool have_stamp;
	struct dfsr_stamp stamp; /* of the object at its place now */
	uint8_t fh[DFSR_FH_MAX];
	uint8_t fh_len;
	int32_t fh_type;
	char path[4096];
	struct dfsr_plan_displaced kept;
};

/** Path that a record says, in the store as it is. */
static int dfsr_redo_path(struct dfsr_folder *f, const struct dfsr_record *rec,
			  char *buf, size_t size)
{
	struct dfsr_store_txn *txn = NULL;
	TALLOC_CTX *tmp = talloc_new(f);
	char *dir = NULL;
	int ret;

	ret = dfsr_store_read_begin(f->store, &txn);
	if (ret == 0) {
		ret = dfsr_store_path(txn, tmp, &rec->parent, &dir);
		dfsr_store_read_end(txn);
	}
	if (ret == 0 &&
	    snprintf(buf, size, "%s%s%s", dir, dir[0] != '\0' ? "/" : "",
		     rec->name) >= (int)size) {
		ret = ENAMETOOLONG;
	}
	talloc_free(tmp);
	return ret;
}

/**
 * A parked object goes on to its new place if that is free, else back to the
 * one that its row knows, else it is kept as a conflict.
 */
static void dfsr_redo_unpark(struct dfsr_redo_ctx *c)
{
	struct dfsr_apply_step step = {.op = DFSR_OP_UNPARK};
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row;
	char name[DFSR_APPLY_NAME_MAX + 1];
	char old[4096] = "";

	snprintf(name, sizeof(name), "park%016llx",
		 (unsigned long long)c->redo.old_stamp.ident.ino);
	step.park = name;
	step.expect = c->redo.old_stamp;
	step.new_path = c->path;
	if (dfsr_apply_steps(c->f->apply, &step, 1) == 0 && step.err == 0) {
		return;
	}
	if (step.err == ENOENT) {
		return; /* it was not parked, or is back already */
	}
	if (dfsr_store_read_begin(c->f->store, &txn) == 0) {
		if (dfsr_store_row_by_uid(txn, &c->redo.uid, &row) == 0) {
			dfsr_store_read_end(txn);
			dfsr_redo_path(c->f, &row.rec, old, sizeof(old));
		} else {
			dfsr_store_read_end(txn);
		}
	}
	step.new_path = old;
	if (old[0] != '\0' &&
	    dfsr_apply_steps(c->f->apply, &step, 1) == 0 && step.err == 0) {
		return;
	}
	c->kept.rec = c->redo.update;
	c->kept.conflict = DFSR_CONFLICT_NAME;
	snprintf(c->kept.path, sizeof(c->kept.path), "%s", c->path);
	c->kept.kept = dfsr_apply_preserve(
			       c->f->apply, DFSR_DIR_PARKING, name,
			       DFSR_DIR_CONFLICT, c->redo.update.name,
			       &c->redo.update.gvsn, c->kept.kept_name,
			       &c->kept.size, &c->kept.files) == 0;
}

/**
 * Where the object is to be found: a tombstone may carry a later name than
 * the one under which we have the object.
 */
static int dfsr_redo_place(struct dfsr_redo_ctx *c)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row *row = NULL;
	int ret;

	if (c->redo.step != DFSR_REDO_DELETE) {
		return dfsr_redo_path(c->f, &c->redo.update, c->path,
				      sizeof(c->path));
	}
	row = talloc_zero(c, struct dfsr_row);
	if (row == NULL) {
		return ENOMEM;
	}
	ret = dfsr_store_read_begin(c->f->store, &txn);
	if (ret == 0) {
		ret = dfsr_store_row_by_uid(txn, &c->redo.uid, row);
		dfsr_store_read_end(txn);
	}
	if (ret == 0) {
		ret = dfsr_redo_path(c->f, &row->rec, c->path,
				     sizeof(c->path));
	}
	return ret;
}

static int dfsr_redo_look(struct dfsr_redo_ctx *c)
{
	struct dfsr_fs_root *root = c->f->root;
	const char *leaf = NULL;
	int dirfd, fd, ret;

	ret = dfsr_redo_place(c);
	if (ret != 0) {
		return ret;
	}
	if (c->redo.park) {
		dfsr_redo_unpark(c);
	}
	dirfd = dfsr_fs_open_parent(root, c->path, &leaf);
	if (dirfd == -1) {
		return errno;
	}
	ret = dfsr_fs_stamp_at(dirfd, leaf, &c->stamp);
	close(dirfd);
	if (ret != 0) {
		return ret == ENOENT ? 0 : ret;
	}
	c->have_stamp = true;
	fd = dfsr_fs_open(root, c->path, O_PATH | O_NOFOLLOW, 0);
	if (fd != -1) {
		dfsr_fs_handle(fd, c->fh, &c->fh_len, &c->fh_type);
		close(fd);
	}
	return 0;
}

static bool dfsr_redo_is(const struct dfsr_redo_ctx *c,
			 const struct dfsr_stamp *stamp)
{
	return c->have_stamp && !dfsr_ident_is_null(&stamp->ident) &&
	       dfsr_ident_equal(&c->stamp.ident, &stamp->ident);
}

/** How far did it go? */
static void dfsr_redo_judge(struct dfsr_redo_ctx *c)
{
	switch (c->redo.step) {
	case DFSR_REDO_INSTALL:
	case DFSR_REDO_REPLACE:
		c->finished = dfsr_redo_is(c, &c->redo.staged_stamp);
		if (c->finished && !dfsr_stamp_same_data(
					   &c->stamp, &c->redo.staged_stamp)) {
			/* A client was there since: the scan finds it. */
			c->stamp = c->redo.staged_stamp;
		}
		break;
	case DFSR_REDO_RENAME:
		c->finished = dfsr_redo_is(c, &c->redo.old_stamp);
		break;
	case DFSR_REDO_DELETE:
		/* A live update here has lost: it is asked for again. */
		c->gone = !dfsr_redo_is(c, &c->redo.old_stamp);
		c->finished = c->gone && !c->redo.update.present;
		break;
	default:
		c->finished = false;
		break;
	}
}

/** Does the displaced object hold what its row says? */
static bool dfsr_redo_known(struct dfsr_redo_ctx *c,
			    const struct dfsr_record *rec)
{
	uint8_t content[DFSR_HASH_LEN], meta[DFSR_HASH_LEN];
	struct dfsr_stamp stamp;
	int ret;

	ret = dfsr_apply_displaced_read(c, c->f->apply, c->redo.displaced,
					content, meta, &stamp);
	if (ret != 0) {
		return ret == ENOENT;
	}
	return memcmp(content, rec->content_hash, DFSR_HASH_LEN) == 0 &&
	       memcmp(meta, rec->meta_hash, DFSR_HASH_LEN) == 0;
}

/**
 * What was displaced is kept now if it was to be kept, or if a client wrote
 * to it after we had looked at it for the last time.
 */
static void dfsr_redo_keep(struct dfsr_redo_ctx *c)
{
	struct dfsr_plan_displaced *d = &c->kept;
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row = {0};

	if (c->redo.displaced[0] == '\0') {
		return;
	}
	d->conflict = c->redo.conflict;
	d->rec = c->redo.update;
	if (dfsr_store_read_begin(c->f->store, &txn) == 0) {
		if (dfsr_store_row_by_uid(txn, &c->redo.uid, &row) == 0) {
			d->rec = row.rec;
		}
		dfsr_store_read_end(txn);
	}
	if (!c->redo.keep_old) {
		if (dfsr_record_is_dir(&d->rec) ||
		    dfsr_redo_known(c, &d->rec)) {
			return;
		}
		d->conflict = DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_UPDATE;
	}
	snprintf(d->path, sizeof(d->path), "%s", c->path);
	d->kept = dfsr_apply_preserve(c->f->apply, DFSR_DIR_DISPLACED,
				      c->redo.displaced, DFSR_DIR_CONFLICT,
				      d->rec.name, &d->rec.gvsn, d->kept_name,
				      &d->size, &d->files) == 0;
}

static int dfsr_redo_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_redo_ctx *c = private_data;
	const struct dfsr_env *env = c->f->agent->env;
	const struct dfsr_record *u = &c->redo.update;
	struct dfsr_preserved m = {0};
	struct dfsr_row row;
	int ret = 0;

	if (c->finished) {
		ret = dfsr_plan_store(txn, env, u, false);
	}
	if (ret == 0 &&
	    ((c->finished && u->present) || c->redo.step == DFSR_REDO_META) &&
	    c->have_stamp) {
		ret = dfsr_store_row_by_uid(txn, &u->uid, &row);
		if (ret == 0) {
			row.stamp = c->stamp;
			memcpy(row.fh, c->fh, sizeof(row.fh));
			row.fh_len = c->fh_len;
			row.fh_type = c->fh_type;
			ret = dfsr_store_row_put(txn, &row);
		}
		ret = ret == ENOENT ? 0 : ret;
	}
	if (ret == 0 && c->kept.kept) {
		m.rec = c->kept.rec;
		m.winner_gvsn = u->gvsn;
		m.conflict = c->kept.conflict;
		m.time = env->now(env->private_data);
		m.size = c->kept.size;
		m.files = c->kept.files;
		snprintf(m.path, sizeof(m.path), "%s", c->kept.path);
		dfsr_copy_name(m.preserved_name, c->kept.kept_name);
		ret = dfsr_store_preserved_add(txn, &m);
	}
	return ret != 0 ? ret : dfsr_store_redo_del(txn, &c->redo.uid);
}

static int dfsr_redo_one(struct dfsr_folder *f, const struct dfsr_redo *redo)
{
	struct dfsr_redo_ctx *c = talloc_zero(f, struct dfsr_redo_ctx);
	int ret;

	if (c == NULL) {
		return ENOMEM;
	}
	c->f = f;
	c->redo = *redo;
	ret = dfsr_redo_look(c);
	if (ret == 0) {
		dfsr_redo_judge(c);
	}
	if (c->finished || c->gone) {
		dfsr_redo_keep(c);
	} else if (redo->staged[0] != '\0') {
		dfsr_apply_undo(f->apply, redo->staged, redo->displaced,
				&redo->staged_stamp.ident);
	}
	ret = dfsr_store_unit(f->store, dfsr_redo_unit, c);
	talloc_free(c);
	return ret;
}

int dfsr_redo_recover(struct dfsr_folder *f)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_redo redo;
	struct dfsr_id at = {0};
	uint32_t count = 0;
	int ret;

	for (;;) {
		ret = dfsr_store_read_begin(f->store, &txn);
		if (ret != 0) {
			return ret;
		}
		ret = dfsr_store_redo_next(txn, &at, &redo);
		dfsr_store_read_end(txn);
		if (ret == ENOENT) {
			break;
		}
		if (ret == 0) {
			ret = dfsr_redo_one(f, &redo);
		}
		if (ret != 0) {
			return ret;
		}
		at = redo.uid;
		count++;
	}
	if (count > 0) {
		/* What lay between is found by looking at everything. */
		f->redo_scan = true;
	}
	return dfsr_apply_clean(f->apply, DFSR_DIR_STAGING, NULL, 0);
}
