/*
   Samba DFS Replication
   Two live objects that want one name

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

/*
 * Whether it is a conflict at all is A7's question: a holder that the server
 * has seen, or that the update descends from, has moved there, and its own
 * update is on its way. Only a complete answer of a server without holes
 * leaves no other reading.
 *
 * Who wins is dfsr_engine_compare_names(), on fields that never change, so
 * that all members decide alike. The loser gets a nameConflict tombstone,
 * with everything below it; a directory that loses against a directory
 * becomes an alias of it instead and its children live on in the winner.
 *
 * What an issued record means for the disk: a nameConflict tombstone of an
 * object that is here moves the object to ConflictAndDeleted (the trees of a
 * lost directory as one), an alias moves the children of the object into the
 * directory it was merged into and removes the rest of it. With one
 * exception: where a directory that is not here yet wins (have_local is
 * false, or local is no live record), the object of the holder becomes the
 * winner's object, children and all; parts say what is to be changed on it.
 */

int dfsr_conflict_seen(struct dfsr_batch *b, const struct dfsr_record *r,
		       const struct dfsr_id *dir, bool *seen)
{
	const struct dfsr_vv *vv = b->round->server_vv;
	struct dfsr_id id = r->parent;
	struct dfsr_record p;
	unsigned i;
	int ret;

	*seen = dfsr_vv_contains(vv, &r->gvsn);
	for (i = 0; *seen && !dfsr_id_equal(&id, dir); i++) {
		ret = b->ov->view.by_uid(b->ov, &id, &p);
		if (ret != 0) {
			return ret == ENOENT ? 0 : ret;
		}
		if (!dfsr_record_is_alias(&p) || i > DFSR_ALIAS_DEPTH_MAX) {
			return 0;
		}
		*seen = dfsr_vv_contains(vv, &p.gvsn);
		id = p.merged_into;
	}
	return 0;
}

struct end_tree {
	struct dfsr_batch *b;
	struct dfsr_item *it;
};

static int end_one(void *private_data, const struct dfsr_record *r)
{
	struct end_tree *s = private_data;
	struct dfsr_record rec;
	int ret;

	ret = dfsr_issue_name_loser(s->b->issuer, r, NULL, &rec);
	if (ret != 0) {
		return ret;
	}
	return dfsr_batch_issue(s->b, s->it, &rec);
}

int dfsr_conflict_end_tree(struct dfsr_batch *b, struct dfsr_item *it,
			   const struct dfsr_record *top, bool below_only)
{
	struct end_tree s = {.b = b, .it = it};

	return dfsr_tree_walk(&b->ov->view, top, below_only,
			      &it->offer->update.uid, end_one, &s);
}

static int issue_alias(struct dfsr_batch *b, struct dfsr_item *it,
		       const struct dfsr_record *loser,
		       const struct dfsr_id *winner)
{
	struct dfsr_record rec;
	int ret;

	ret = dfsr_issue_name_loser(b->issuer, loser, winner, &rec);
	if (ret != 0) {
		return ret;
	}
	return dfsr_batch_issue(b, it, &rec);
}

/* What changes on the holder's directory when it becomes that of u. */
static unsigned parts_on_holder(const struct dfsr_record *u,
				const struct dfsr_record *h)
{
	unsigned parts = 0;

	if (memcmp(u->meta_hash, h->meta_hash, DFSR_HASH_LEN) != 0) {
		parts |= DFSR_PART_META;
	}
	if (strcmp(u->name, h->name) != 0) {
		parts |= DFSR_PART_NAME; /* another case of the same name */
	}
	return parts;
}

/* u, not here yet, wins: it takes over the object of h. */
static int merge_on_holder(struct dfsr_batch *b, struct dfsr_item *it,
			   const struct dfsr_record *h)
{
	int ret;

	it->d->parts = parts_on_holder(&it->offer->update, h);
	if (dfsr_batch_lacks_bytes(b, it)) {
		return dfsr_batch_install(b, it);
	}
	ret = dfsr_overlay_put(b->ov, &it->offer->update);
	if (ret == 0) {
		ret = issue_alias(b, it, h, &it->offer->update.uid);
	}
	if (ret != 0) {
		return ret;
	}
	return dfsr_batch_install(b, it);
}

/* Both directories are here, or the loser's children have to go anyway. */
static int merge_both(struct dfsr_batch *b, struct dfsr_item *it,
		      const struct dfsr_record *h)
{
	const struct dfsr_record *u = &it->offer->update;
	bool won = it->d->name_won;
	const struct dfsr_record *loser = won ? h : &it->d->local;
	const struct dfsr_id *winner = won ? &u->uid : &h->uid;
	struct dfsr_merge *plan = NULL;
	struct dfsr_item *open = NULL;
	bool unclear = false;
	int ret;

	ret = dfsr_merge_plan(b->ov, b, loser, winner, NULL, false, &plan,
			      &open, &unclear);
	if (ret != 0) {
		return ret;
	}
	if (open != NULL) {
		dfsr_batch_block(it, open, DFSR_WAIT_CHILDREN,
				 &open->offer->update.uid);
		goto done;
	}
	if (unclear) {
		dfsr_batch_hold(it, DFSR_WAIT_NAME, &h->uid);
		goto done;
	}
	if (won && dfsr_batch_lacks_bytes(b, it)) {
		ret = dfsr_batch_install(b, it);
		goto done;
	}
	ret = dfsr_merge_apply(b, it, plan);
	if (ret == 0 && won) {
		ret = dfsr_overlay_put(b->ov, u);
	}
	if (ret == 0) {
		ret = issue_alias(b, it, won ? h : u, winner);
	}
	if (ret == 0 && won) {
		ret = dfsr_batch_install(b, it);
	} else if (ret == 0) {
		it->d->parts = DFSR_PART_DELETE;
		it->d->keep_local = false;
		it->d->conflict = DFSR_CONFLICT_NAME;
		dfsr_batch_settle(b, it, DFSR_VERDICT_LOSES);
	}
done:
	talloc_free(plan);
	return ret;
}

static int conflict_directories(struct dfsr_batch *b, struct dfsr_item *it,
				const struct dfsr_record *h)
{
	int ret;

	if (dfsr_remote_live_local(it)) {
		return merge_both(b, it, h);
	}
	if (it->d->name_won) {
		return merge_on_holder(b, it, h);
	}
	ret = issue_alias(b, it, &it->offer->update, &h->uid);
	if (ret == 0) {
		it->d->parts = 0;
		it->d->conflict = DFSR_CONFLICT_NAME;
		dfsr_batch_settle(b, it, DFSR_VERDICT_LOSES);
	}
	return ret;
}

static int conflict_won(struct dfsr_batch *b, struct dfsr_item *it,
			const struct dfsr_record *h)
{
	int ret;

	if (!dfsr_batch_lacks_bytes(b, it)) {
		ret = dfsr_conflict_end_tree(b, it, h, false);
		if (ret != 0) {
			return ret;
		}
	}
	return dfsr_batch_install(b, it);
}

/*
 * The update loses before its bytes were fetched. If an older version of it
 * is here under another name, that one is displaced by the tombstone too.
 */
static int conflict_lost(struct dfsr_batch *b, struct dfsr_item *it)
{
	struct dfsr_decision *d = it->d;
	bool live = dfsr_remote_live_local(it);
	struct dfsr_record rec;
	int ret;

	if (live) {
		ret = dfsr_conflict_end_tree(b, it, &d->local, true);
		if (ret != 0) {
			return ret;
		}
	}
	ret = dfsr_issue_name_loser(b->issuer, &it->offer->update, NULL, &rec);
	if (ret == 0) {
		ret = dfsr_batch_issue(b, it, &rec);
	}
	if (ret != 0) {
		return ret;
	}
	d->parts = live ? DFSR_PART_DELETE : 0;
	d->keep_local = live;
	d->conflict = DFSR_CONFLICT_NAME;
	dfsr_batch_settle(b, it, DFSR_VERDICT_LOSES);
	return 0;
}

/*
 * The set itself says that h became an alias of the update: both are carried
 * out together, the update on the object of h.
 */
static int take_over(struct dfsr_batch *b, struct dfsr_item *it,
		     struct dfsr_item *alias, const struct dfsr_record *h)
{
	int ret;

	it->d->parts = parts_on_holder(&it->offer->update, h);
	it->d->holder = *h;
	it->d->name_conflict = true;
	it->d->name_won = true;
	if (dfsr_batch_lacks_bytes(b, it)) {
		return dfsr_batch_install(b, it);
	}
	ret = dfsr_batch_install(b, it);
	if (ret != 0) {
		return ret;
	}
	alias->d->local = *h;
	alias->d->have_local = true;
	alias->d->parts = 0;
	alias->d->keep_local = false;
	alias->d->conflict = DFSR_CONFLICT_NAME;
	return dfsr_batch_install(b, alias);
}

static int becomes_alias_of(struct dfsr_batch *b, const struct dfsr_item *it,
			    const struct dfsr_item *other, bool *yes)
{
	const struct dfsr_record *a = &other->offer->update;
	struct dfsr_record w;
	struct dfsr_id last;
	int ret;

	*yes = false;
	if (!dfsr_record_is_alias(a) || !dfsr_record_is_dir(a) ||
	    !dfsr_record_is_dir(&it->offer->update) ||
	    other->offer->busy || other->broken || dfsr_remote_live_local(it))
	{
		return 0;
	}
	ret = dfsr_resolve_last(&b->ov->view, &a->merged_into, &w, &last);
	if (ret != 0 && ret != ENOENT && ret != ELOOP) {
		return ret;
	}
	*yes = ret != ELOOP && dfsr_id_equal(&last, &it->offer->update.uid);
	return 0;
}

/* Does the server know of both at this name, so that one of them is gone? */
static int has_moved(struct dfsr_batch *b, const struct dfsr_record *u,
		     const struct dfsr_id *dir, const struct dfsr_record *h,
		     bool *moved)
{
	bool seen;
	int ret;

	*moved = dfsr_lineage_has(&u->lineage, &h->gvsn);
	if (*moved) {
		return 0;
	}
	ret = dfsr_conflict_seen(b, h, dir, &seen);
	if (ret == 0 && seen) {
		ret = dfsr_conflict_seen(b, u, dir, &seen);
	}
	*moved = seen;
	return ret;
}

int dfsr_conflict_name(struct dfsr_batch *b, struct dfsr_item *it,
		       const struct dfsr_id *dir, const struct dfsr_record *h)
{
	const struct dfsr_record *u = &it->offer->update;
	struct dfsr_item *open = dfsr_batch_open(b, &h->uid);
	bool yes;
	int ret;

	if (open != NULL) {
		ret = becomes_alias_of(b, it, open, &yes);
		if (ret == 0 && yes) {
			ret = take_over(b, it, open, h);
		} else if (ret == 0) {
			dfsr_batch_block(it, open, DFSR_WAIT_NAME, &h->uid);
		}
		return ret;
	}
	ret = has_moved(b, u, dir, h, &yes);
	if (ret != 0) {
		return ret;
	}
	if (!dfsr_batch_may_judge(b) || yes) {
		dfsr_batch_hold(it, DFSR_WAIT_NAME, &h->uid);
		return 0;
	}
	it->d->holder = *h;
	it->d->name_conflict = true;
	it->d->name_won = dfsr_engine_compare_names(u, h) > 0;
	if (dfsr_record_is_dir(u) && dfsr_record_is_dir(h)) {
		return conflict_directories(b, it, h);
	}
	if (it->d->name_won) {
		return conflict_won(b, it, h);
	}
	return conflict_lost(b, it);
}
