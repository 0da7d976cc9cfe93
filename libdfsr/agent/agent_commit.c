/*
   Samba DFS Replication
   The steps of a batch in a worker, and unit B after them

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
#include <stdio.h>
#include <string.h>

#include "agent_install.h"

/* ---- the worker ---------------------------------------------------------- */

/** A parked object whose new place could not be taken goes back. */
static void dfsr_steps_unpark(struct dfsr_batch *b, uint32_t failed)
{
	struct dfsr_apply_step back = {.op = DFSR_OP_UNPARK};
	uint32_t k;

	for (k = 0; k < b->num_steps; k++) {
		if (b->steps[k].op == DFSR_OP_PARK && b->steps[k].err == 0 &&
		    b->plan[k].item == b->plan[failed].item) {
			break;
		}
	}
	if (k == b->num_steps) {
		return;
	}
	back.park = b->steps[k].park;
	back.new_path = b->steps[k].path;
	back.new_parent = b->steps[k].parent;
	back.expect = b->steps[k].expect;
	dfsr_apply_steps(b->apply, &back, 1);
}

/** Does a displaced object hold another version than the one we know? */
static bool dfsr_steps_changed(struct dfsr_batch *b,
			       const struct dfsr_plan_displaced *d)
{
	uint8_t content[DFSR_HASH_LEN], meta[DFSR_HASH_LEN];
	struct dfsr_stamp stamp;

	if (dfsr_apply_displaced_read(b, b->apply, d->name, content, meta,
				      &stamp) != 0) {
		return true;
	}
	return memcmp(content, d->rec.content_hash, DFSR_HASH_LEN) != 0 ||
	       memcmp(meta, d->rec.meta_hash, DFSR_HASH_LEN) != 0;
}

/** What a step displaced: kept, watched, or dropped after the commit. */
static void dfsr_steps_displaced(struct dfsr_batch *b, uint32_t k)
{
	struct dfsr_plan_displaced *d = &b->plan[k].displaced;
	struct dfsr_stamp stamp;

	if (!d->keep && b->steps[k].displaced_changed &&
	    dfsr_steps_changed(b, d)) {
		d->keep = true;
		if (d->conflict == DFSR_CONFLICT_NONE ||
		    d->conflict == DFSR_CONFLICT_DELETED) {
			d->conflict = DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_UPDATE;
		}
	}
	d->err = dfsr_apply_displaced_probe(b->apply, d->name, &stamp);
	if (d->err == EAGAIN) {
		d->busy = true;
		return;
	}
	if (!d->keep) {
		return;
	}
	d->err = dfsr_apply_preserve(b->apply, DFSR_DIR_DISPLACED, d->name,
				     DFSR_DIR_CONFLICT, d->rec.name,
				     &d->rec.gvsn, d->kept_name, &d->size,
				     &d->files);
	d->kept = d->err == 0;
	d->busy = d->err != 0; /* it stays, and is tried again */
}

void dfsr_plan_steps_job(void *arg)
{
	struct dfsr_batch *b = arg;
	uint32_t k;

	b->steps_err = dfsr_apply_steps(b->apply, b->steps, b->num_steps);
	if (b->steps_err != 0) {
		return;
	}
	for (k = 0; k < b->num_steps; k++) {
		if (b->steps[k].err != 0) {
			if (b->steps[k].op == DFSR_OP_UNPARK) {
				dfsr_steps_unpark(b, k);
			}
			continue;
		}
		if (b->plan[k].displaced.used) {
			dfsr_steps_displaced(b, k);
		}
	}
}

/* ---- unit B -------------------------------------------------------------- */

static enum dfsr_wait dfsr_commit_wait(int err)
{
	switch (err) {
	case ENOSPC:
	case E2BIG:
	case EDQUOT:
	case EOPNOTSUPP:
	case ENAMETOOLONG:
		return DFSR_WAIT_SPACE;
	case ENOTEMPTY:
		return DFSR_WAIT_CHILDREN;
	case EEXIST:
		return DFSR_WAIT_NAME;
	case ESTALE:
	case EAGAIN:
	case ETXTBSY:
	case EBUSY:
		return DFSR_WAIT_BUSY;
	default:
		return DFSR_WAIT_ERROR;
	}
}

/** The first failure among the steps of an item. */
static int dfsr_commit_failure(struct dfsr_batch *b, uint32_t i)
{
	uint32_t k;

	for (k = 0; k < b->num_steps; k++) {
		if (b->plan[k].item == i && b->steps[k].err != 0) {
			b->p[i].problem = b->steps[k].problem.what;
			return b->steps[k].err;
		}
	}
	return 0;
}

/** Where the update's object is and what it looks like now. */
static void dfsr_commit_stamp(const struct dfsr_batch *b, uint32_t i,
			      struct dfsr_row *row)
{
	const struct dfsr_plan_item *p = &b->p[i];
	const struct dfsr_item *item = b->items[i];
	uint32_t k;

	if (p->merged) {
		row->stamp = p->holder.stamp;
		memcpy(row->fh, p->holder.fh, sizeof(row->fh));
		row->fh_len = p->holder.fh_len;
		row->fh_type = p->holder.fh_type;
	}
	if (item->adopt) {
		row->stamp = item->adopt_stamp;
		memcpy(row->fh, item->adopt_fh, sizeof(row->fh));
		row->fh_len = item->adopt_fh_len;
		row->fh_type = item->adopt_fh_type;
	}
	for (k = 0; k < b->num_steps; k++) {
		if (b->plan[k].item != i ||
		    (b->plan[k].role != DFSR_ROLE_MAIN &&
		     b->plan[k].role != DFSR_ROLE_MOVE)) {
			continue;
		}
		row->stamp = b->steps[k].result;
		memcpy(row->fh, b->steps[k].fh, sizeof(row->fh));
		row->fh_len = b->steps[k].fh_len;
		row->fh_type = b->steps[k].fh_type;
	}
}

static int dfsr_commit_live(struct dfsr_store_txn *txn, struct dfsr_batch *b,
			    uint32_t i)
{
	const struct dfsr_record *u = &b->items[i]->offer.update;
	struct dfsr_row row;
	int ret;

	ret = dfsr_store_row_by_uid(txn, &u->uid, &row);
	if (ret == ENOENT) {
		row = (struct dfsr_row){0};
	} else if (ret != 0) {
		return ret;
	}
	row.rec = *u;
	if (row.clock_high < u->clock) {
		row.clock_high = u->clock;
	}
	row.put_time = b->env->now(b->env->private_data);
	dfsr_commit_stamp(b, i, &row);
	row.stamp.settled = row.stamp.settled || b->fine_times;
	ret = dfsr_store_row_put(txn, &row);
	if (ret == 0 && b->initial_sync) {
		ret = dfsr_store_pre_del(txn, b->p[i].path);
	}
	return ret;
}

/** Records issued with the decision: losers of names, aliases, children. */
static int dfsr_commit_issued(struct dfsr_store_txn *txn, struct dfsr_batch *b,
			      uint32_t i)
{
	const struct dfsr_issued_list *l = &b->p[i].d.issued;
	struct dfsr_redo redo;
	uint32_t k;
	int ret = 0;

	for (k = 0; ret == 0 && k < l->num; k++) {
		ret = dfsr_plan_store(txn, b->env, &l->e[k].rec,
				      l->e[k].rec.present);
		if (ret == 0 &&
		    dfsr_store_redo_get(txn, &l->e[k].rec.uid, &redo) == 0) {
			ret = dfsr_store_redo_del(txn, &l->e[k].rec.uid);
		}
	}
	return ret;
}

static int dfsr_commit_item(struct dfsr_store_txn *txn, struct dfsr_batch *b,
			    uint32_t i)
{
	struct dfsr_plan_item *p = &b->p[i];
	const struct dfsr_record *u = &b->items[i]->offer.update;
	int ret;

	if (p->stored || p->wait != DFSR_WAIT_NONE || !p->decided) {
		return 0;
	}
	p->err = dfsr_commit_failure(b, i);
	p->failed = p->err != 0;
	if (p->failed) {
		p->wait = dfsr_commit_wait(p->err);
		ret = 0;
		if (p->d.name_won) {
			ret = dfsr_store_redo_del(txn, &p->d.holder.uid);
		}
	} else if (u->present && p->d.verdict == DFSR_VERDICT_INSTALL) {
		ret = dfsr_commit_live(txn, b, i);
	} else if (p->d.verdict == DFSR_VERDICT_INSTALL) {
		ret = dfsr_plan_store(txn, b->env, u, false);
	} else {
		ret = 0;
	}
	if (ret == 0 && !p->failed) {
		ret = dfsr_commit_issued(txn, b, i);
	}
	if (ret == 0 && !p->failed) {
		ret = dfsr_store_vv_add(txn, &u->gvsn, u->tag);
	}
	if (ret == 0 && !p->failed) {
		ret = dfsr_store_hole_del(txn, &u->gvsn);
	}
	if (ret == 0) {
		ret = dfsr_store_redo_del(txn, &u->uid);
	}
	return ret;
}

static unsigned dfsr_commit_differs(const struct dfsr_record *a,
				    const struct dfsr_record *b)
{
	unsigned parts = 0;

	if (memcmp(a->content_hash, b->content_hash, DFSR_HASH_LEN) != 0) {
		parts |= DFSR_PART_CONTENT;
	}
	if (memcmp(a->meta_hash, b->meta_hash, DFSR_HASH_LEN) != 0) {
		parts |= DFSR_PART_META;
	}
	if (!dfsr_id_equal(&a->parent, &b->parent) ||
	    strcmp(a->name, b->name) != 0) {
		parts |= DFSR_PART_NAME;
	}
	return parts;
}

static int dfsr_commit_kept(struct dfsr_store_txn *txn, struct dfsr_batch *b,
			    uint32_t k)
{
	const struct dfsr_plan_displaced *d = &b->plan[k].displaced;
	const struct dfsr_record *u =
		&b->items[b->plan[k].item]->offer.update;
	struct dfsr_preserved m = {
		.rec = d->rec,
		.winner_gvsn = u->gvsn,
		.partner = b->partner,
		.conflict = d->conflict,
		.differs = dfsr_commit_differs(&d->rec, u),
		.time = b->env->now(b->env->private_data),
		.size = d->size,
		.files = d->files,
	};
	char key[96];
	int ret;

	if (d->kept) {
		snprintf(m.path, sizeof(m.path), "%s", d->path);
		dfsr_copy_name(m.preserved_name, d->kept_name);
		return dfsr_store_preserved_add(txn, &m);
	}
	/* Somebody writes to it: remember what it is (A8). */
	snprintf(key, sizeof(key), "displaced.%s", d->name);
	ret = dfsr_displaced_store(txn, key, d, &b->partner, &u->gvsn,
				   &b->steps[k].displaced_stamp);
	return ret;
}

int dfsr_commit_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_batch *b = private_data;
	uint32_t k;
	int ret = 0;

	for (k = 0; ret == 0 && k < b->num; k++) {
		ret = dfsr_commit_item(txn, b, b->order[k]);
	}
	for (k = 0; ret == 0 && k < b->num_steps; k++) {
		if (b->steps[k].err == 0 && b->plan[k].displaced.used &&
		    (b->plan[k].displaced.kept ||
		     b->plan[k].displaced.busy)) {
			ret = dfsr_commit_kept(txn, b, k);
		}
	}
	return ret;
}
