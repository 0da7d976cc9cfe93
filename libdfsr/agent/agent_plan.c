/*
   Samba DFS Replication
   Unit A: decisions, redo units, and the steps on the disk

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
 * Everything is decided again here, inside the transaction, although the
 * session has asked the engine before it fetched: what smbd's clients did in
 * between is in the store now.
 *
 * What needs no disk (updates that are known, that lose, tombstones of what
 * was never here) is stored at once. For the rest a redo unit per UID is
 * left, which also keeps looks away from it, and steps are planned in the
 * order of the decisions. The unit may run more than once, so it builds
 * everything anew each time.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent_install.h"

struct dfsr_plan_ctx {
	struct dfsr_store_txn *txn;
	struct dfsr_batch *b;
	struct dfsr_issuer issuer;
	struct dfsr_view view;
	struct dfsr_plan_paths *paths;
	uint32_t serial;
};

/* ---- what needs no disk -------------------------------------------------- */

static int dfsr_plan_absorb(struct dfsr_plan_ctx *c,
			    const struct dfsr_record *u)
{
	struct dfsr_row row;
	int ret;

	ret = dfsr_store_vv_add(c->txn, &u->gvsn, u->tag);
	if (ret == 0) {
		ret = dfsr_store_hole_del(c->txn, &u->gvsn);
	}
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_store_row_by_uid(c->txn, &u->uid, &row);
	if (ret == 0 && row.clock_high < u->clock) {
		row.clock_high = u->clock;
		ret = dfsr_store_row_put(c->txn, &row);
	}
	return ret == ENOENT ? 0 : ret;
}

int dfsr_plan_store(struct dfsr_store_txn *txn, const struct dfsr_env *env,
		    const struct dfsr_record *rec, bool keep_object)
{
	struct dfsr_row row;
	int ret;

	ret = dfsr_store_row_by_uid(txn, &rec->uid, &row);
	if (ret == ENOENT) {
		row = (struct dfsr_row){0};
	} else if (ret != 0) {
		return ret;
	}
	row.rec = *rec;
	if (row.clock_high < rec->clock) {
		row.clock_high = rec->clock;
	}
	row.put_time = env->now(env->private_data);
	if (!keep_object) {
		row.stamp = (struct dfsr_stamp){0};
		row.fh_len = 0;
	}
	ret = dfsr_store_row_put(txn, &row);
	if (ret == 0) {
		ret = dfsr_store_vv_add(txn, &rec->gvsn, rec->tag);
	}
	if (ret == 0) {
		ret = dfsr_store_hole_del(txn, &rec->gvsn);
	}
	return ret;
}

/** Records that we issue because of a decision and that touch no object. */
static int dfsr_plan_issued(struct dfsr_plan_ctx *c,
			    const struct dfsr_decision *d)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < d->issued.num; i++) {
		const struct dfsr_record *r = &d->issued.e[i].rec;

		ret = dfsr_plan_store(c->txn, c->b->env, r, r->present);
	}
	return ret;
}

/* ---- steps --------------------------------------------------------------- */

static struct dfsr_apply_step *dfsr_plan_step(struct dfsr_plan_ctx *c,
					      uint32_t item,
					      enum dfsr_plan_role role,
					      enum dfsr_apply_op op,
					      const struct dfsr_id *uid)
{
	struct dfsr_batch *b = c->b;
	uint32_t i = b->num_steps++;

	b->plan[i] = (struct dfsr_plan_step){
		.item = item,
		.role = role,
		.uid = *uid,
	};
	b->steps[i] = (struct dfsr_apply_step){.op = op};
	return &b->steps[i];
}

/** A name below Displaced that no other object has. */
static void dfsr_plan_displaced(struct dfsr_plan_ctx *c,
				struct dfsr_apply_step *step,
				const struct dfsr_row *row, bool keep,
				enum dfsr_conflict conflict, const char *path)
{
	struct dfsr_plan_displaced *d = NULL;
	uint64_t r;

	d = &c->b->plan[step - c->b->steps].displaced;
	c->b->env->random(c->b->env->private_data, &r, sizeof(r));
	d->used = true;
	d->keep = keep;
	d->conflict = conflict;
	d->rec = row->rec;
	snprintf(d->path, sizeof(d->path), "%s", path);
	snprintf(d->name, sizeof(d->name), "%016llx%08x",
		 (unsigned long long)r, c->serial++);
	step->displaced = d->name;
	step->expect = row->stamp;
}

/** Where the own object is now. */
static int dfsr_plan_own_path(struct dfsr_plan_ctx *c,
			      const struct dfsr_record *rec, char **path,
			      struct dfsr_ident *dir)
{
	return dfsr_plan_path(c->paths, c->b, &rec->parent, rec->name, path,
			      dir);
}

/** A tombstone wins over what is here. */
static int dfsr_plan_remove(struct dfsr_plan_ctx *c, uint32_t i,
			    const struct dfsr_row *row,
			    enum dfsr_plan_role role, bool keep,
			    enum dfsr_conflict conflict)
{
	struct dfsr_apply_step *step = NULL;
	struct dfsr_ident dir;
	char *path = NULL;
	int ret;

	ret = dfsr_plan_own_path(c, &row->rec, &path, &dir);
	if (ret != 0) {
		return ret;
	}
	step = dfsr_plan_step(c, i, role, DFSR_OP_REMOVE, &row->rec.uid);
	step->path = path;
	step->parent = dir;
	dfsr_plan_displaced(c, step, row, keep, conflict, path);
	return 0;
}

/** Get the own object to the place of the update. */
static int dfsr_plan_move(struct dfsr_plan_ctx *c, uint32_t i,
			  const struct dfsr_plan_item *p, const char *new_path,
			  const struct dfsr_ident *new_dir, const char *park)
{
	struct dfsr_apply_step *step = NULL;
	struct dfsr_ident dir;
	char *path = NULL;
	int ret;

	if (park == NULL) {
		ret = dfsr_plan_own_path(c, &p->row.rec, &path, &dir);
		if (ret != 0) {
			return ret;
		}
		step = dfsr_plan_step(c, i, DFSR_ROLE_MOVE, DFSR_OP_MOVE,
				      &p->row.rec.uid);
		step->path = path;
		step->parent = dir;
	} else {
		step = dfsr_plan_step(c, i, DFSR_ROLE_MOVE, DFSR_OP_UNPARK,
				      &p->row.rec.uid);
		step->park = park;
	}
	step->new_path = new_path;
	step->new_parent = *new_dir;
	step->expect = p->row.stamp;
	return 0;
}

/** Put the update's object in place. */
static int dfsr_plan_main(struct dfsr_plan_ctx *c, uint32_t i,
			  struct dfsr_plan_item *p, const char *path,
			  const struct dfsr_ident *dir)
{
	const struct dfsr_item *item = c->b->items[i];
	struct dfsr_row pre = {0};
	struct dfsr_apply_step *step = NULL;
	const struct dfsr_row *there = NULL;
	bool keep = p->d.keep_local;
	enum dfsr_conflict conflict = p->d.conflict;

	if (p->d.have_local && p->row.rec.present) {
		there = &p->row;
	} else if (p->merged) {
		there = &p->holder;
	} else if (p->preexisting) {
		pre.rec = item->offer.update;
		pre.stamp = p->pre_stamp;
		there = &pre;
		keep = item->offer.update.kind != DFSR_KIND_DIRECTORY;
		conflict = DFSR_CONFLICT_PREEXISTING;
	}
	if (item->adopt) {
		return 0;
	}
	if ((p->d.parts & DFSR_PART_CONTENT) != 0 && item->staged[0] != '\0' &&
	    !p->merged) {
		step = dfsr_plan_step(c, i, DFSR_ROLE_MAIN,
				      there != NULL ? DFSR_OP_REPLACE
						    : DFSR_OP_INSTALL,
				      &item->offer.update.uid);
		step->staged = item->staged;
		step->staged_ident = item->staged_stamp.ident;
		if (there != NULL) {
			dfsr_plan_displaced(c, step, there, keep, conflict,
					    path);
		}
	} else if ((p->d.parts & (DFSR_PART_META | DFSR_PART_CONTENT)) != 0 &&
		   there != NULL && item->meta != NULL) {
		step = dfsr_plan_step(c, i, DFSR_ROLE_MAIN, DFSR_OP_META,
				      &item->offer.update.uid);
		step->meta = item->meta;
		step->expect = there->stamp;
	} else {
		return 0;
	}
	step->path = path;
	step->parent = *dir;
	return 0;
}

static int dfsr_plan_redo(struct dfsr_plan_ctx *c, uint32_t i,
			  const struct dfsr_plan_item *p)
{
	const struct dfsr_item *item = c->b->items[i];
	struct dfsr_redo redo = {
		.uid = item->offer.update.uid,
		.update = item->offer.update,
		.step = DFSR_REDO_RENAME,
		.park = p->d.park,
		.keep_old = p->d.keep_local,
		.conflict = p->d.conflict,
		.staged_stamp = item->staged_stamp,
	};
	uint32_t k;

	for (k = 0; k < c->b->num_steps; k++) {
		if (c->b->plan[k].item == i &&
		    c->b->plan[k].role != DFSR_ROLE_HOLDER &&
		    c->b->plan[k].displaced.used) {
			snprintf(redo.displaced, sizeof(redo.displaced), "%s",
				 c->b->plan[k].displaced.name);
			redo.keep_old = c->b->plan[k].displaced.keep;
			redo.conflict = c->b->plan[k].displaced.conflict;
		}
	}
	snprintf(redo.staged, sizeof(redo.staged), "%s", item->staged);
	if (p->d.have_local) {
		redo.old_stamp = p->row.stamp;
	} else if (p->preexisting) {
		redo.old_stamp = p->pre_stamp;
	}
	if (!item->offer.update.present) {
		redo.step = DFSR_REDO_DELETE;
	} else if (item->staged[0] != '\0') {
		redo.step = dfsr_ident_is_null(&redo.old_stamp.ident)
				    ? DFSR_REDO_INSTALL
				    : DFSR_REDO_REPLACE;
	} else if ((p->d.parts & DFSR_PART_META) != 0) {
		redo.step = DFSR_REDO_META;
	}
	return dfsr_store_redo_put(c->txn, &redo);
}

/** The loser of a name goes to the conflict store before the winner comes. */
static int dfsr_plan_holder(struct dfsr_plan_ctx *c, uint32_t i,
			    struct dfsr_plan_item *p)
{
	struct dfsr_redo redo = {.step = DFSR_REDO_DELETE};
	uint32_t k;
	int ret;

	ret = dfsr_store_row_by_uid(c->txn, &p->d.holder.uid, &p->holder);
	if (ret != 0) {
		return ret;
	}
	if (p->holder.rec.kind == DFSR_KIND_DIRECTORY &&
	    c->b->items[i]->offer.update.kind == DFSR_KIND_DIRECTORY) {
		p->merged = true;
		return 0;
	}
	for (k = 0; k < p->d.issued.num; k++) {
		if (dfsr_id_equal(&p->d.issued.e[k].rec.uid,
				  &p->d.holder.uid)) {
			redo.uid = p->d.holder.uid;
			redo.update = p->d.issued.e[k].rec;
			redo.old_stamp = p->holder.stamp;
			redo.keep_old = true;
			redo.conflict = DFSR_CONFLICT_NAME;
		}
	}
	ret = dfsr_plan_remove(c, i, &p->holder, DFSR_ROLE_HOLDER, true,
			       DFSR_CONFLICT_NAME);
	if (ret == 0 && redo.keep_old) {
		snprintf(redo.displaced, sizeof(redo.displaced), "%s",
			 c->b->plan[c->b->num_steps - 1].displaced.name);
		ret = dfsr_store_redo_put(c->txn, &redo);
	}
	return ret;
}

/** What a client had at the place before initial sync. */
static int dfsr_plan_preexisting(struct dfsr_plan_ctx *c,
				 struct dfsr_plan_item *p, const char *path)
{
	int ret;

	if (!c->b->initial_sync || p->d.have_local || p->merged) {
		return 0;
	}
	ret = dfsr_store_pre_get(c->txn, path, &p->pre_stamp);
	if (ret == 0) {
		p->preexisting = true;
	}
	return ret == ENOENT ? 0 : ret;
}

static int dfsr_plan_live(struct dfsr_plan_ctx *c, uint32_t i,
			  struct dfsr_plan_item *p, const char *park)
{
	const struct dfsr_record *u = &c->b->items[i]->offer.update;
	struct dfsr_ident dir;
	char *path = NULL;
	int ret;

	if (u->uid.vsn == 1) {
		/* The root's own metadata belongs to each member. */
		p->stored = true;
		return dfsr_plan_absorb(c, u);
	}
	if (p->d.name_won) {
		ret = dfsr_plan_holder(c, i, p);
		if (ret != 0) {
			return ret;
		}
	}
	ret = dfsr_plan_path(c->paths, c->b, &u->parent, u->name, &path, &dir);
	if (ret != 0) {
		return ret;
	}
	snprintf(p->path, sizeof(p->path), "%s", path);
	ret = dfsr_plan_preexisting(c, p, path);
	if (ret == 0 && p->d.have_local && p->row.rec.present &&
	    (park != NULL || (p->d.parts & DFSR_PART_NAME) != 0)) {
		ret = dfsr_plan_move(c, i, p, path, &dir, park);
	}
	if (ret == 0) {
		ret = dfsr_plan_main(c, i, p, path, &dir);
	}
	if (ret == 0) {
		ret = dfsr_plan_paths_set(c->paths, u);
	}
	if (ret == 0) {
		ret = dfsr_plan_redo(c, i, p);
	}
	return ret;
}

static int dfsr_plan_tombstone(struct dfsr_plan_ctx *c, uint32_t i,
			       struct dfsr_plan_item *p)
{
	const struct dfsr_record *u = &c->b->items[i]->offer.update;
	enum dfsr_conflict conflict = p->d.conflict;
	bool keep = p->d.keep_local;
	int ret;

	if (!p->d.have_local || !p->row.rec.present ||
	    dfsr_record_is_alias(u)) {
		p->stored = true;
		return dfsr_plan_store(c->txn, c->b->env, u, false);
	}
	if (!keep && c->b->preserve_deleted &&
	    p->row.rec.kind != DFSR_KIND_DIRECTORY) {
		keep = true;
		conflict = DFSR_CONFLICT_DELETED;
	}
	ret = dfsr_plan_remove(c, i, &p->row, DFSR_ROLE_REMOVE, keep,
			       conflict);
	if (ret == 0) {
		ret = dfsr_plan_redo(c, i, p);
	}
	return ret;
}

/** An update that loses while we hold an object that dies with it. */
static int dfsr_plan_loses(struct dfsr_plan_ctx *c, uint32_t i,
			   struct dfsr_plan_item *p)
{
	const struct dfsr_record *u = &c->b->items[i]->offer.update;
	int ret;

	if ((p->d.parts & DFSR_PART_DELETE) != 0 && p->d.have_local &&
	    p->row.rec.present) {
		/* Issued is a tombstone of a UID whose object is here. */
		ret = dfsr_plan_remove(c, i, &p->row, DFSR_ROLE_REMOVE, true,
				       DFSR_CONFLICT_NAME);
		return ret != 0 ? ret : dfsr_plan_redo(c, i, p);
	}
	p->stored = true;
	ret = dfsr_plan_absorb(c, u);
	return ret != 0 ? ret : dfsr_plan_issued(c, &p->d);
}

/* ---- the unit ------------------------------------------------------------ */

/** Parked objects leave before anything else of the set moves. */
static int dfsr_plan_park(struct dfsr_plan_ctx *c, uint32_t i,
			  struct dfsr_plan_item *p, const char **park)
{
	struct dfsr_apply_step *step = NULL;
	struct dfsr_ident dir;
	char *path = NULL;
	int ret;

	ret = dfsr_plan_own_path(c, &p->row.rec, &path, &dir);
	if (ret != 0) {
		return ret;
	}
	*park = talloc_asprintf(c->b, "park%016llx",
				(unsigned long long)p->row.stamp.ident.ino);
	if (*park == NULL) {
		return ENOMEM;
	}
	step = dfsr_plan_step(c, i, DFSR_ROLE_PARK, DFSR_OP_PARK,
			      &p->row.rec.uid);
	step->path = path;
	step->parent = dir;
	step->park = *park;
	step->expect = p->row.stamp;
	return 0;
}

static int dfsr_plan_one(struct dfsr_plan_ctx *c, uint32_t i,
			 const char *park)
{
	struct dfsr_plan_item *p = &c->b->p[i];
	const struct dfsr_record *u = &c->b->items[i]->offer.update;

	switch (p->d.verdict) {
	case DFSR_VERDICT_IGNORE:
		p->stored = true;
		return dfsr_plan_absorb(c, u);
	case DFSR_VERDICT_LOSES:
		return dfsr_plan_loses(c, i, p);
	case DFSR_VERDICT_FETCH:
		p->wait = DFSR_WAIT_ERROR;
		p->err = EAGAIN;
		return 0;
	case DFSR_VERDICT_WAIT:
		p->wait = p->d.wait;
		return 0;
	case DFSR_VERDICT_INSTALL:
		break;
	}
	return u->present ? dfsr_plan_live(c, i, p, park)
			  : dfsr_plan_tombstone(c, i, p);
}

/** The rows that the decisions are about; a redo unit means: wait. */
static int dfsr_plan_rows(struct dfsr_plan_ctx *c, struct dfsr_offer *offers)
{
	struct dfsr_redo redo;
	uint32_t i;
	int ret;

	for (i = 0; i < c->b->num; i++) {
		struct dfsr_plan_item *p = &c->b->p[i];

		*p = (struct dfsr_plan_item){0};
		offers[i] = c->b->items[i]->offer;
		ret = dfsr_store_redo_get(c->txn, &offers[i].update.uid,
					  &redo);
		if (ret == 0) {
			offers[i].busy = true;
		} else if (ret != ENOENT) {
			return ret;
		}
		ret = dfsr_store_row_by_uid(c->txn, &offers[i].update.uid,
					    &p->row);
		if (ret != 0 && ret != ENOENT) {
			return ret;
		}
	}
	return 0;
}

static int dfsr_plan_reset(struct dfsr_batch *b)
{
	uint32_t max = b->num * DFSR_PLAN_STEPS_PER_ITEM + 1;

	b->num_steps = 0;
	TALLOC_FREE(b->steps);
	TALLOC_FREE(b->plan);
	TALLOC_FREE(b->order);
	b->steps = talloc_zero_array(b, struct dfsr_apply_step, max);
	b->plan = talloc_zero_array(b, struct dfsr_plan_step, max);
	b->order = talloc_zero_array(b, uint32_t, b->num);
	return b->steps == NULL || b->plan == NULL || b->order == NULL ? ENOMEM
								       : 0;
}

static int dfsr_plan_all(struct dfsr_plan_ctx *c,
			 struct dfsr_decision *decisions)
{
	const char **parks = NULL;
	uint32_t k, i;
	int ret;

	parks = talloc_zero_array(c->b, const char *, c->b->num);
	if (parks == NULL) {
		return ENOMEM;
	}
	for (k = 0; k < c->b->num; k++) {
		i = decisions[k].offer;
		c->b->order[k] = i;
		c->b->p[i].d = decisions[k];
		c->b->p[i].decided = true;
	}
	for (k = 0; k < c->b->num; k++) {
		i = c->b->order[k];
		if (c->b->p[i].d.verdict != DFSR_VERDICT_INSTALL ||
		    !c->b->p[i].d.park) {
			continue;
		}
		ret = dfsr_plan_park(c, i, &c->b->p[i], &parks[i]);
		if (ret != 0) {
			return ret;
		}
	}
	for (k = 0; k < c->b->num; k++) {
		i = c->b->order[k];
		ret = dfsr_plan_one(c, i, parks[i]);
		if (ret == ENOENT || ret == ELOOP || ret == ENAMETOOLONG) {
			c->b->p[i].wait = DFSR_WAIT_PARENT;
			c->b->p[i].err = ret;
			continue;
		}
		if (ret != 0) {
			return ret;
		}
	}
	return 0;
}

int dfsr_plan_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_batch *b = private_data;
	struct dfsr_plan_ctx c = {
		.txn = txn,
		.b = b,
		.issuer = {
			.env = b->env,
			.fence = DFSR_FENCE_DEFAULT,
			.now_max = UINT64_MAX,
		},
	};
	struct dfsr_round round = {
		.server_vv = b->server_vv,
		.server_closed = b->server_closed,
		.complete = b->complete,
	};
	struct dfsr_decision *decisions = NULL;
	struct dfsr_offer *offers = NULL;
	int ret;

	ret = dfsr_plan_reset(b);
	if (ret == 0) {
		ret = dfsr_store_issuer(txn, &c.issuer);
	}
	if (ret != 0) {
		return ret;
	}
	dfsr_store_view(txn, &c.view);
	c.paths = dfsr_plan_paths_new(b, txn, &c.view);
	offers = talloc_zero_array(b, struct dfsr_offer, b->num);
	if (c.paths == NULL || offers == NULL) {
		return ENOMEM;
	}
	ret = dfsr_plan_rows(&c, offers);
	if (ret == 0) {
		ret = dfsr_engine_batch(b, &c.issuer, &c.view, &round, offers,
					b->num, &decisions);
	}
	if (ret == 0) {
		ret = dfsr_plan_all(&c, decisions);
	}
	if (ret == 0) {
		ret = dfsr_store_issuer_put(txn, &c.issuer);
	}
	talloc_free(offers);
	TALLOC_FREE(c.paths);
	return ret;
}
