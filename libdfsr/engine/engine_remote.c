/*
   Samba DFS Replication
   One update of a partner against what we hold

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

#include "engine_private.h"

bool dfsr_remote_live_local(const struct dfsr_item *it)
{
	return it->d->have_local && it->d->local.present;
}

static bool is_root(const struct dfsr_id *uid)
{
	return uid->vsn == 1;
}

static bool same_bytes(const struct dfsr_record *a,
		       const struct dfsr_record *b)
{
	return a->size == b->size &&
	       memcmp(a->content_hash, b->content_hash, DFSR_HASH_LEN) == 0 &&
	       memcmp(a->meta_hash, b->meta_hash, DFSR_HASH_LEN) == 0;
}

/* Parts other than the name, which needs the directory resolved. */
static unsigned parts_of_object(const struct dfsr_record *u,
				const struct dfsr_record *r)
{
	unsigned parts = 0;

	if (memcmp(u->meta_hash, r->meta_hash, DFSR_HASH_LEN) != 0) {
		parts |= DFSR_PART_META;
		if (u->kind == DFSR_KIND_SYMLINK) {
			/* the target is part of the metadata */
			parts |= DFSR_PART_CONTENT;
		}
	}
	if (u->kind == DFSR_KIND_FILE &&
	    (u->size != r->size ||
	     memcmp(u->content_hash, r->content_hash, DFSR_HASH_LEN) != 0))
	{
		parts |= DFSR_PART_CONTENT;
	}
	return parts;
}

int dfsr_remote_place(struct dfsr_batch *b, const struct dfsr_id *parent,
		      struct dfsr_id *dir)
{
	struct dfsr_record p;
	int ret;

	ret = dfsr_resolve_last(&b->ov->view, parent, &p, dir);
	return ret == ENOENT ? 0 : ret;
}

static int same_place(struct dfsr_batch *b, const struct dfsr_record *u,
		      const struct dfsr_record *r, bool *same)
{
	struct dfsr_id a, c;
	int ret;

	ret = dfsr_remote_place(b, &u->parent, &a);
	if (ret == 0) {
		ret = dfsr_remote_place(b, &r->parent, &c);
	}
	*same = ret == 0 && dfsr_id_equal(&a, &c) &&
		strcmp(u->name, r->name) == 0;
	return ret;
}

/*
 * Must the version that is displaced be kept? A live one that the winner
 * does not descend from, if anything of it would be lost. A nameConflict
 * tombstone is no user's delete: whoever issued it may never have had the
 * bytes, so every member that has them keeps them.
 */
static int judge_loss(struct dfsr_batch *b, struct dfsr_item *it,
		      enum dfsr_relation rel)
{
	const struct dfsr_record *u = &it->offer->update;
	struct dfsr_decision *d = it->d;
	bool same;
	int ret;

	if (d->local.present && u->name_conflict) {
		d->conflict = DFSR_CONFLICT_NAME;
		d->keep_local = !dfsr_record_is_alias(u);
		return 0;
	}
	if (rel != DFSR_CONCURRENT) {
		return 0;
	}
	if (!d->local.present) {
		if (u->present) {
			d->conflict =
				DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_TOMBSTONE;
		}
		return 0;
	}
	if (!u->present) {
		d->conflict = DFSR_CONFLICT_REMOTE_TOMBSTONE_LOCAL_UPDATE;
		d->keep_local = true;
		return 0;
	}
	ret = same_place(b, u, &d->local, &same);
	if (ret == 0 && !(same && same_bytes(u, &d->local))) {
		d->conflict = DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_UPDATE;
		d->keep_local = true;
	}
	return ret;
}

/* From a directory to the one that it is in. */
static int step_up(struct dfsr_batch *b, struct dfsr_id *id, bool *seen)
{
	struct dfsr_record r;
	bool this_one;
	int ret;

	ret = b->ov->view.by_uid(b->ov, id, &r);
	if (ret == 0) {
		ret = dfsr_remote_place(b, &r.parent, id);
	}
	if (ret == 0) {
		ret = dfsr_conflict_seen(b, &r, id, &this_one);
	}
	if (ret == 0) {
		*seen = *seen && this_one;
	}
	return ret;
}

int dfsr_remote_ancestor(struct dfsr_batch *b, const struct dfsr_id *uid,
			 const struct dfsr_id *dir, struct dfsr_item **open,
			 bool *seen)
{
	struct dfsr_id id = *dir;
	unsigned i;
	int ret;

	*open = NULL;
	*seen = true;
	for (i = 0; i < DFSR_DEPTH_MAX; i++) {
		if (dfsr_id_equal(&id, uid)) {
			return EEXIST;
		}
		if (is_root(&id) || dfsr_overlay_parked(b->ov, &id)) {
			return 0;
		}
		if (*open == NULL) {
			*open = dfsr_batch_open(b, &id);
		}
		ret = step_up(b, &id, seen);
		if (ret != 0) {
			return ret == ENOENT ? 0 : ret;
		}
	}
	return ELOOP;
}

/* ---- tombstones ---------------------------------------------------------- */

/*
 * The directory stays as it is here, and that is a new version. It lives
 * while it has a live descendant (B12); or its move would close a circle.
 */
static int reissue_directory(struct dfsr_batch *b, struct dfsr_item *it)
{
	struct dfsr_record rec = it->d->local;
	int ret;

	ret = dfsr_issue_resolution(b->issuer, &it->d->local,
				    &it->offer->update, &rec);
	if (ret == 0) {
		ret = dfsr_batch_issue(b, it, &rec);
	}
	if (ret == 0) {
		it->d->parts = 0;
		it->d->keep_local = false;
		it->d->conflict = DFSR_CONFLICT_NONE;
		dfsr_batch_settle(b, it, DFSR_VERDICT_LOSES);
	}
	return ret;
}

/*
 * A child that the server has seen is gone from the directory there, or the
 * tombstone would not be: its own update is on its way.
 */
static int child_is_going(struct dfsr_batch *b, struct dfsr_item *it,
			  const struct dfsr_id *dir,
			  const struct dfsr_record *child, bool *going)
{
	struct dfsr_item *open = dfsr_batch_open(b, &child->uid);
	int ret;

	*going = true;
	if (open != NULL) {
		dfsr_batch_block(it, open, DFSR_WAIT_CHILDREN, &child->uid);
		return 0;
	}
	ret = dfsr_conflict_seen(b, child, dir, going);
	if (ret == 0 && (*going || !dfsr_batch_may_judge(b))) {
		dfsr_batch_hold(it, DFSR_WAIT_CHILDREN, &child->uid);
		*going = true;
	}
	return ret;
}

static int evaluate_child(struct dfsr_batch *b, struct dfsr_item *it,
			  const struct dfsr_record *child)
{
	bool going;
	int ret;

	ret = child_is_going(b, it, &it->offer->update.uid, child, &going);
	if (ret != 0 || going) {
		return ret;
	}
	if (!it->offer->update.name_conflict) {
		return reissue_directory(b, it);
	}
	/* A nameConflict tombstone absorbs: what is inside goes with it. */
	ret = dfsr_conflict_end_tree(b, it, &it->d->local, true);
	if (ret != 0) {
		return ret;
	}
	return dfsr_batch_install(b, it);
}

static int evaluate_tombstone(struct dfsr_batch *b, struct dfsr_item *it)
{
	const struct dfsr_record *u = &it->offer->update;
	struct dfsr_record child;
	int ret;

	if (is_root(&u->uid)) {
		dfsr_batch_hold(it, DFSR_WAIT_ERROR, &u->uid);
		return 0;
	}
	if (dfsr_record_is_alias(u)) {
		return dfsr_alias_evaluate(b, it);
	}
	if (it->d->have_local && dfsr_record_is_alias(&it->d->local)) {
		/* its children live on in another directory */
		return dfsr_alias_keep(b, it);
	}
	if (!dfsr_remote_live_local(it)) {
		return dfsr_batch_install(b, it);
	}
	it->d->parts = DFSR_PART_DELETE;
	if (it->offer->busy) {
		dfsr_batch_hold(it, DFSR_WAIT_BUSY, &u->uid);
		return 0;
	}
	if (dfsr_record_is_dir(&it->d->local)) {
		ret = dfsr_overlay_any_child(b->ov, &u->uid, it->after,
					     &child);
		if (ret == 0) {
			return evaluate_child(b, it, &child);
		}
		if (ret != ENOENT) {
			return ret;
		}
	}
	return dfsr_batch_install(b, it);
}

/* ---- live updates -------------------------------------------------------- */

static int evaluate_name(struct dfsr_batch *b, struct dfsr_item *it,
			 const struct dfsr_id *dir)
{
	const struct dfsr_record *u = &it->offer->update;
	struct dfsr_record h;
	int ret;

	ret = b->ov->view.by_name(b->ov, dir, u->name, &h);
	if (ret == ENOENT || (ret == 0 && dfsr_id_equal(&h.uid, &u->uid))) {
		return dfsr_batch_install(b, it);
	}
	if (ret != 0) {
		return ret;
	}
	return dfsr_conflict_name(b, it, dir, &h);
}

/*
 * The directory would be its own ancestor. That may pass: one on the way is
 * undecided in this set, or has moved away at the server. If the server does
 * not know how one on the way came there, two members have moved directories
 * into each other; then it stays where it is here ([MS-FRS2] 3.3.4.6.2; the
 * model converges). Both may decide so, and then nothing has moved.
 */
static int evaluate_circle(struct dfsr_batch *b, struct dfsr_item *it,
			   const struct dfsr_id *dir, struct dfsr_item *open,
			   bool seen)
{
	bool this_one;
	int ret;

	if (open != NULL && open != it) {
		dfsr_batch_block(it, open, DFSR_WAIT_CYCLE,
				 &open->offer->update.uid);
		return 0;
	}
	ret = dfsr_conflict_seen(b, &it->offer->update, dir, &this_one);
	if (ret != 0) {
		return ret;
	}
	if ((seen && this_one) || !dfsr_batch_may_judge(b)) {
		dfsr_batch_hold(it, DFSR_WAIT_CYCLE, dir);
		return 0;
	}
	return reissue_directory(b, it);
}

/* Own ancestor? Only a directory that is here and changes its place. */
static int evaluate_place(struct dfsr_batch *b, struct dfsr_item *it,
			  const struct dfsr_id *dir)
{
	const struct dfsr_record *u = &it->offer->update;
	struct dfsr_item *open;
	bool seen;
	int ret;

	if (dfsr_remote_live_local(it) && dfsr_record_is_dir(u) &&
	    (it->d->parts & DFSR_PART_NAME))
	{
		ret = dfsr_remote_ancestor(b, &u->uid, dir, &open, &seen);
		if (ret == EEXIST) {
			return evaluate_circle(b, it, dir, open, seen);
		}
		if (ret != 0) {
			return ret;
		}
	}
	return evaluate_name(b, it, dir);
}

static int evaluate_root(struct dfsr_batch *b, struct dfsr_item *it)
{
	if (!dfsr_remote_live_local(it)) {
		/* the root of another folder */
		dfsr_batch_hold(it, DFSR_WAIT_ERROR,
				&it->offer->update.uid);
		return 0;
	}
	it->d->parts &= DFSR_PART_META;
	if (it->d->parts != 0 && it->offer->busy) {
		dfsr_batch_hold(it, DFSR_WAIT_BUSY, &it->offer->update.uid);
		return 0;
	}
	return dfsr_batch_install(b, it);
}

static int find_directory(struct dfsr_batch *b, struct dfsr_item *it,
			  struct dfsr_id *dir, bool *found)
{
	struct dfsr_item *open;
	struct dfsr_record p;
	int ret;

	*found = false;
	ret = dfsr_resolve_last(&b->ov->view, &it->offer->update.parent, &p,
				dir);
	if (ret == 0 && p.present && dfsr_record_is_dir(&p)) {
		*found = true;
		return 0;
	}
	if (ret != 0 && ret != ENOENT && ret != ELOOP) {
		return ret;
	}
	open = dfsr_batch_open(b, dir);
	if (open != NULL && open != it) {
		dfsr_batch_block(it, open, DFSR_WAIT_PARENT, dir);
	} else {
		dfsr_batch_hold(it, DFSR_WAIT_PARENT, dir);
	}
	return 0;
}

static int evaluate_live(struct dfsr_batch *b, struct dfsr_item *it)
{
	const struct dfsr_record *u = &it->offer->update;
	struct dfsr_decision *d = it->d;
	struct dfsr_id dir;
	bool found, same;
	int ret;

	d->parts = DFSR_PART_CONTENT | DFSR_PART_META | DFSR_PART_NAME;
	if (dfsr_remote_live_local(it)) {
		d->parts = parts_of_object(u, &d->local);
	}
	if (is_root(&u->uid)) {
		return evaluate_root(b, it);
	}
	if (dfsr_remote_live_local(it)) {
		ret = same_place(b, u, &d->local, &same);
		if (ret != 0) {
			return ret;
		}
		if (!same) {
			d->parts |= DFSR_PART_NAME;
		}
	}
	if (d->parts != 0 && it->offer->busy) {
		dfsr_batch_hold(it, DFSR_WAIT_BUSY, &u->uid);
		return 0;
	}
	ret = find_directory(b, it, &dir, &found);
	if (ret != 0 || !found) {
		return ret;
	}
	return evaluate_place(b, it, &dir);
}

int dfsr_remote_evaluate(struct dfsr_batch *b, struct dfsr_item *it)
{
	const struct dfsr_record *u = &it->offer->update;
	struct dfsr_decision *d = it->d;
	enum dfsr_relation rel;
	int ret;

	ret = b->ov->view.by_uid(b->ov, &u->uid, &d->local);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	d->have_local = ret == 0;
	if (d->have_local) {
		rel = dfsr_engine_relate(u, &d->local);
		if (rel == DFSR_SAME || rel == DFSR_ANCESTOR) {
			dfsr_batch_settle(b, it, DFSR_VERDICT_IGNORE);
			return 0;
		}
		if (dfsr_engine_compare(u, &d->local) < 0) {
			dfsr_batch_settle(b, it, DFSR_VERDICT_LOSES);
			return 0;
		}
		ret = judge_loss(b, it, rel);
		if (ret != 0) {
			return ret;
		}
		if (u->kind != d->local.kind) {
			/* a kind never changes: the partner is wrong */
			dfsr_batch_hold(it, DFSR_WAIT_ERROR, &u->uid);
			return 0;
		}
	}
	if (it->broken) {
		dfsr_batch_hold(it, DFSR_WAIT_ERROR, &u->uid);
		return 0;
	}
	return u->present ? evaluate_live(b, it) : evaluate_tombstone(b, it);
}
