/*
   Samba DFS Replication
   Merging one directory into another: what it means for the children

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
 * Children keep their records (B13); their parent is found through the
 * alias. Only where both directories have a child of one name is there
 * something to decide: directories merge in turn, otherwise the loser of the
 * two ends.
 *
 * First a plan is made, breadth first and without effects, because it may
 * turn out that the set or a later answer decides about a child. Then it is
 * carried out from the deepest pair up, so that a directory is never moved
 * onto one of the same name that still has children.
 */

int dfsr_merge_passes(struct dfsr_batch *b, const struct dfsr_id *parent,
		      const struct dfsr_id *alias, bool *yes)
{
	struct dfsr_id id = *parent;
	struct dfsr_record r;
	unsigned i;
	int ret;

	*yes = false;
	for (i = 0; i < DFSR_ALIAS_DEPTH_MAX; i++) {
		if (dfsr_id_equal(&id, alias)) {
			*yes = true;
			return 0;
		}
		ret = b->ov->view.by_uid(b->ov, &id, &r);
		if (ret != 0 || !dfsr_record_is_alias(&r)) {
			return ret == ENOENT ? 0 : ret;
		}
		id = r.merged_into;
	}
	return ELOOP;
}

struct merge_pair {
	struct dfsr_record a; /* child of the loser */
	struct dfsr_record b; /* child of the winner */
};

static struct dfsr_merge *plan_add(TALLOC_CTX *mem_ctx,
				   struct dfsr_merge *last,
				   const struct dfsr_record *loser,
				   const struct dfsr_id *winner)
{
	struct dfsr_merge *m;

	m = talloc_zero(mem_ctx, struct dfsr_merge);
	if (m == NULL) {
		return NULL;
	}
	m->loser = *loser;
	m->winner = *winner;
	if (last != NULL) {
		last->next = m;
	}
	return m;
}

/* The next child of the loser that has a namesake in the winner. */
static int next_pair(struct dfsr_batch *b, const struct dfsr_merge *m,
		     char *after, struct merge_pair *p)
{
	const struct dfsr_view *v = &b->ov->view;
	bool yes = true;
	int ret;

	for (;;) {
		ret = v->next_child(v->private_data, &m->loser.uid, after,
				    &p->a);
		if (ret != 0) {
			return ret;
		}
		if (dfsr_fold(p->a.name, after) == 0) {
			return EINVAL;
		}
		if (dfsr_id_equal(&p->a.uid, &m->winner)) {
			continue; /* the winner itself stood in the loser */
		}
		if (m->via.vsn != 0) {
			ret = dfsr_merge_passes(b, &p->a.parent, &m->via,
						&yes);
			if (ret != 0) {
				return ret;
			}
		}
		if (!yes) {
			continue;
		}
		ret = v->by_name(v->private_data, &m->winner, p->a.name,
				 &p->b);
		if (ret == ENOENT) {
			continue;
		}
		if (ret != 0) {
			return ret;
		}
		/* nor does the loser, which goes, stand against its child */
		if (!dfsr_id_equal(&p->b.uid, &m->loser.uid) &&
		    !dfsr_id_equal(&p->b.uid, &p->a.uid))
		{
			return 0;
		}
	}
}

/*
 * May this pair be judged now? Not if one of the two is undecided, nor if the
 * server has merged the directories with both of them in it: it has judged.
 */
static int pair_clear(struct dfsr_batch *b, const struct dfsr_merge *m,
		      const struct merge_pair *p, bool server_merged,
		      struct dfsr_item **open, bool *unclear)
{
	bool seen = server_merged;
	int ret = 0;

	*open = dfsr_batch_open(b, &p->a.uid);
	if (*open == NULL) {
		*open = dfsr_batch_open(b, &p->b.uid);
	}
	if (*open != NULL) {
		return 0;
	}
	if (seen) {
		ret = dfsr_conflict_seen(b, &p->a, &m->loser.uid, &seen);
	}
	if (ret == 0 && seen) {
		ret = dfsr_conflict_seen(b, &p->b, &m->winner, &seen);
	}
	*unclear = seen || !dfsr_batch_may_judge(b);
	return ret;
}

static bool both_directories(const struct merge_pair *p)
{
	return dfsr_record_is_dir(&p->a) && dfsr_record_is_dir(&p->b);
}

int dfsr_merge_plan(TALLOC_CTX *mem_ctx, struct dfsr_batch *b,
		    const struct dfsr_record *loser,
		    const struct dfsr_id *winner, const struct dfsr_id *via,
		    bool server_merged,
		    struct dfsr_merge **plan, struct dfsr_item **open,
		    bool *unclear)
{
	struct dfsr_merge *first, *m, *last;
	char after[DFSR_FOLD_MAX + 1];
	struct merge_pair p;
	int ret = 0;

	*open = NULL;
	*unclear = false;
	first = plan_add(mem_ctx, NULL, loser, winner);
	if (first == NULL) {
		return ENOMEM;
	}
	if (via != NULL) {
		first->via = *via;
	}
	*plan = first;
	last = first;
	for (m = first; m != NULL; m = m->next) {
		after[0] = '\0';
		while ((ret = next_pair(b, m, after, &p)) == 0) {
			bool a_wins;

			ret = pair_clear(b, m, &p, server_merged, open,
					 unclear);
			if (ret != 0 || *open != NULL || *unclear) {
				return ret;
			}
			if (!both_directories(&p)) {
				continue;
			}
			a_wins = dfsr_engine_compare_names(&p.a, &p.b) > 0;
			last = plan_add(first, last, a_wins ? &p.b : &p.a,
					a_wins ? &p.a.uid : &p.b.uid);
			if (last == NULL) {
				return ENOMEM;
			}
		}
		if (ret != ENOENT) {
			return ret;
		}
	}
	return 0;
}

/* Children of one pair that are not both directories. */
static int apply_pair(struct dfsr_batch *b, struct dfsr_item *it,
		      const struct dfsr_merge *m)
{
	char after[DFSR_FOLD_MAX + 1] = "";
	struct merge_pair p;
	int ret;

	while ((ret = next_pair(b, m, after, &p)) == 0) {
		if (both_directories(&p)) {
			continue;
		}
		ret = dfsr_conflict_end_tree(
			b, it,
			dfsr_engine_compare_names(&p.a, &p.b) > 0 ? &p.b
								   : &p.a,
			false);
		if (ret != 0) {
			return ret;
		}
	}
	return ret == ENOENT ? 0 : ret;
}

static int apply_alias(struct dfsr_batch *b, struct dfsr_item *it,
		       const struct dfsr_merge *m)
{
	struct dfsr_record rec;
	int ret;

	ret = dfsr_issue_name_loser(b->issuer, &m->loser, &m->winner, &rec);
	if (ret != 0) {
		return ret;
	}
	return dfsr_batch_issue(b, it, &rec);
}

int dfsr_merge_apply(struct dfsr_batch *b, struct dfsr_item *it,
		     struct dfsr_merge *plan)
{
	struct dfsr_merge *m, *next, *reversed = NULL;
	int ret;

	for (m = plan; m != NULL; m = m->next) {
		ret = apply_pair(b, it, m);
		if (ret != 0) {
			return ret;
		}
	}
	for (m = plan->next; m != NULL; m = next) {
		next = m->next;
		m->next = reversed;
		reversed = m;
	}
	plan->next = NULL;
	for (m = reversed; m != NULL; m = m->next) {
		ret = apply_alias(b, it, m);
		if (ret != 0) {
			return ret;
		}
	}
	return 0;
}
