/*
   Samba DFS Replication
   A directory that a partner has merged into another one

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
 * A partner has merged directory L into W (B13). What that means here depends
 * on what L and W are here:
 *
 *   L unknown or a tombstone   the record alone
 *   L live, W live             the children of L move into W
 *   L live, W deleted          L goes; or, if something lives in it that the
 *                              deleter had not seen, W lives again as L's
 *                              object (B12)
 *   L alias of another, O      two members merged L differently, because
 *                              three directories wanted one name. Usually O
 *                              and W are merged by then. If not, both sides
 *                              agree on the better of O and W by the name
 *                              comparator: either what came to O through L
 *                              moves on into W, or this member says again
 *                              that L is O.
 */

/* Would W be below itself, by what is to change over through `via`? */
static int below_via(struct dfsr_batch *b, const struct dfsr_id *winner,
		     const struct dfsr_id *via, bool *yes)
{
	struct dfsr_id id = *winner;
	struct dfsr_record r;
	unsigned i;
	int ret;

	*yes = false;
	for (i = 0; i < DFSR_DEPTH_MAX && id.vsn != 1; i++) {
		ret = b->ov->view.by_uid(b->ov, &id, &r);
		if (ret == 0) {
			ret = dfsr_merge_passes(b, &r.parent, via, yes);
		}
		if (ret == 0 && !*yes) {
			ret = dfsr_remote_place(b, &r.parent, &id);
		}
		if (ret != 0 || *yes) {
			return ret == ENOENT ? 0 : ret;
		}
	}
	return 0;
}

/*
 * The winner lies within the loser, and the server does not know how it came
 * there: it takes the loser's place, whose object is parked for that.
 */
static int lift_winner(struct dfsr_batch *b, struct dfsr_item *it,
		       const struct dfsr_id *winner)
{
	const struct dfsr_record *r = &it->d->local;
	struct dfsr_record w, rec;
	int ret;

	ret = b->ov->view.by_uid(b->ov, winner, &w);
	if (ret != 0) {
		return ret;
	}
	rec = w;
	rec.parent = r->parent;
	memcpy(rec.name, r->name, sizeof(rec.name));
	ret = dfsr_issue_resolution(b->issuer, &w, NULL, &rec);
	if (ret == 0 && !it->parked) {
		ret = dfsr_overlay_park(b->ov, r);
	}
	if (ret != 0) {
		return ret;
	}
	it->parked = true;
	return dfsr_batch_issue(b, it, &rec);
}

/*
 * Children of loser change over to winner, and the alias is installed. With
 * lift, the winner has to leave the loser first.
 */
static int merge_into(struct dfsr_batch *b, struct dfsr_item *it,
		      const struct dfsr_record *loser,
		      const struct dfsr_id *winner, const struct dfsr_id *via,
		      bool lift)
{
	struct dfsr_merge *plan = NULL;
	struct dfsr_item *open = NULL;
	bool unclear = false;
	int ret;

	ret = dfsr_merge_plan(b->ov, b, loser, winner, via, true, &plan,
			      &open, &unclear);
	if (ret == 0 && open != NULL) {
		dfsr_batch_block(it, open, DFSR_WAIT_CHILDREN,
				 &open->offer->update.uid);
	} else if (ret == 0 && unclear) {
		dfsr_batch_hold(it, DFSR_WAIT_CHILDREN, winner);
	} else if (ret == 0) {
		ret = lift ? lift_winner(b, it, winner) : 0;
		if (ret == 0) {
			ret = dfsr_merge_apply(b, it, plan);
		}
		if (ret == 0) {
			ret = dfsr_batch_install(b, it);
		}
	}
	talloc_free(plan);
	return ret;
}

static int evaluate_both_live(struct dfsr_batch *b, struct dfsr_item *it,
			      const struct dfsr_id *winner)
{
	struct dfsr_item *open = NULL;
	bool seen;
	int ret;

	it->d->parts = DFSR_PART_DELETE;
	if (it->offer->busy) {
		dfsr_batch_hold(it, DFSR_WAIT_BUSY, &it->offer->update.uid);
		return 0;
	}
	ret = dfsr_remote_ancestor(b, &it->d->local.uid, winner, &open, &seen);
	if (ret == 0) {
		return merge_into(b, it, &it->d->local, winner, NULL, false);
	}
	if (ret != EEXIST) {
		return ret;
	}
	if (open != NULL && open != it) {
		dfsr_batch_block(it, open, DFSR_WAIT_CYCLE, winner);
		return 0;
	}
	if (seen || !dfsr_batch_may_judge(b)) {
		dfsr_batch_hold(it, DFSR_WAIT_CYCLE, winner);
		return 0;
	}
	return merge_into(b, it, &it->d->local, winner, NULL, true);
}

/*
 * The winner has been deleted meanwhile, and what lives in the loser keeps
 * it alive (B12): it is issued again in the place, and on the object, of the
 * loser.
 */
static int revive_winner(struct dfsr_batch *b, struct dfsr_item *it,
			 const struct dfsr_record *w)
{
	const struct dfsr_record *r = &it->d->local;
	struct dfsr_record rec = *w;
	int ret;

	rec.present = true;
	rec.parent = r->parent;
	rec.attributes = r->attributes;
	memcpy(rec.meta_hash, r->meta_hash, sizeof(rec.meta_hash));
	memcpy(rec.name, r->name, sizeof(rec.name));
	ret = dfsr_issue_resolution(b->issuer, w, NULL, &rec);
	if (ret == 0) {
		ret = dfsr_batch_issue(b, it, &rec);
	}
	if (ret != 0) {
		return ret;
	}
	it->d->issued.e[it->d->issued.num - 1].observed = true;
	it->d->parts = 0;
	return dfsr_batch_install(b, it);
}

/*
 * The winner is a tombstone w here. If the server knows that and the child,
 * then the child is going; if it does not know one of them, nobody but us
 * knows that there is something to decide.
 */
static int evaluate_winner_dead(struct dfsr_batch *b, struct dfsr_item *it,
			       const struct dfsr_record *w)
{
	bool knows = dfsr_vv_contains(b->round->server_vv, &w->gvsn);
	struct dfsr_record child;
	struct dfsr_item *open;
	int ret;

	it->d->parts = DFSR_PART_DELETE;
	if (it->offer->busy) {
		dfsr_batch_hold(it, DFSR_WAIT_BUSY, &it->offer->update.uid);
		return 0;
	}
	ret = dfsr_overlay_any_child(b->ov, &it->d->local.uid, it->after,
				     &child);
	if (ret == ENOENT) {
		return dfsr_batch_install(b, it);
	}
	if (ret != 0) {
		return ret;
	}
	open = dfsr_batch_open(b, &child.uid);
	if (open != NULL) {
		dfsr_batch_block(it, open, DFSR_WAIT_CHILDREN, &child.uid);
		return 0;
	}
	knows = knows && dfsr_vv_contains(b->round->server_vv, &child.gvsn);
	if (knows || !dfsr_batch_may_judge(b)) {
		dfsr_batch_hold(it, DFSR_WAIT_CHILDREN, &child.uid);
		return 0;
	}
	if (!w->name_conflict) {
		return revive_winner(b, it, w);
	}
	ret = dfsr_conflict_end_tree(b, it, &it->d->local, true);
	if (ret != 0) {
		return ret;
	}
	return dfsr_batch_install(b, it);
}

/* ---- an alias of another directory already ------------------------------- */

int dfsr_alias_keep(struct dfsr_batch *b, struct dfsr_item *it)
{
	struct dfsr_record rec = it->d->local;
	int ret;

	if (!dfsr_batch_may_judge(b)) {
		dfsr_batch_hold(it, DFSR_WAIT_PARENT, &rec.merged_into);
		return 0;
	}
	ret = dfsr_issue_resolution(b->issuer, &it->d->local,
				    &it->offer->update, &rec);
	if (ret == 0) {
		ret = dfsr_batch_issue(b, it, &rec);
	}
	if (ret == 0) {
		it->d->parts = 0;
		dfsr_batch_settle(b, it, DFSR_VERDICT_LOSES);
	}
	return ret;
}

static int evaluate_two_winners(struct dfsr_batch *b, struct dfsr_item *it,
				const struct dfsr_record *o,
				const struct dfsr_record *w)
{
	bool circle;
	int ret;

	if (!w->present || dfsr_engine_compare_names(o, w) > 0) {
		return dfsr_alias_keep(b, it);
	}
	ret = below_via(b, &w->uid, &it->offer->update.uid, &circle);
	if (ret != 0) {
		return ret;
	}
	if (circle) {
		return dfsr_alias_keep(b, it);
	}
	it->d->parts = DFSR_PART_NAME;
	return merge_into(b, it, o, &w->uid, &it->offer->update.uid, false);
}

/* ---- in ------------------------------------------------------------------ */

static bool live_dir(int err, const struct dfsr_record *r)
{
	return err == 0 && r->present && dfsr_record_is_dir(r);
}

/* L is no live directory here. */
static int evaluate_loser_gone(struct dfsr_batch *b, struct dfsr_item *it,
			       int err, const struct dfsr_record *w,
			       const struct dfsr_id *last)
{
	struct dfsr_record o;
	struct dfsr_id was;
	int ret;

	if (!it->d->have_local || !dfsr_record_is_alias(&it->d->local)) {
		return dfsr_batch_install(b, it);
	}
	ret = dfsr_resolve_last(&b->ov->view, &it->d->local.merged_into, &o,
				&was);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	if (!live_dir(ret, &o) || dfsr_id_equal(&was, last)) {
		return dfsr_batch_install(b, it);
	}
	if (err == ENOENT) {
		dfsr_batch_hold(it, DFSR_WAIT_PARENT, last);
		return 0;
	}
	return evaluate_two_winners(b, it, &o, w);
}

int dfsr_alias_evaluate(struct dfsr_batch *b, struct dfsr_item *it)
{
	const struct dfsr_record *u = &it->offer->update;
	struct dfsr_item *open;
	struct dfsr_record w;
	struct dfsr_id last;
	int err;

	err = dfsr_resolve_last(&b->ov->view, &u->merged_into, &w, &last);
	if (err != 0 && err != ENOENT && err != ELOOP) {
		return err;
	}
	if (err == ELOOP || dfsr_id_equal(&last, &u->uid)) {
		dfsr_batch_hold(it, DFSR_WAIT_ERROR, &u->merged_into);
		return 0;
	}
	open = dfsr_batch_open(b, &last);
	if (!live_dir(err, &w) && open != NULL && it->d->have_local) {
		dfsr_batch_block(it, open, DFSR_WAIT_PARENT, &last);
		return 0;
	}
	if (!dfsr_remote_live_local(it)) {
		return evaluate_loser_gone(b, it, err, &w, &last);
	}
	if (live_dir(err, &w)) {
		return evaluate_both_live(b, it, &last);
	}
	if (err == 0 && dfsr_record_is_dir(&w)) {
		return evaluate_winner_dead(b, it, &w);
	}
	dfsr_batch_hold(it, DFSR_WAIT_PARENT, &last);
	return 0;
}
