/*
   Samba DFS Replication
   Drawing versions: the clock rule (R1), and walks over the tree

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

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "engine_private.h"

int dfsr_issued_add(TALLOC_CTX *mem_ctx, struct dfsr_issued_list *list,
		    const struct dfsr_record *rec, bool observed)
{
	struct dfsr_issued *e;

	if ((list->num & (list->num - 1)) == 0) {
		size_t n = list->num == 0 ? 1 : (size_t)list->num * 2;

		e = talloc_realloc(mem_ctx, list->e, struct dfsr_issued, n);
		if (e == NULL) {
			return ENOMEM;
		}
		list->e = e;
	}
	list->e[list->num].rec = *rec;
	list->e[list->num].observed = observed;
	list->num += 1;
	return 0;
}

uint64_t dfsr_issue_now(const struct dfsr_issuer *issuer)
{
	uint64_t now = issuer->env->now(issuer->env->private_data);

	if (now > issuer->now_max) {
		now = issuer->now_max;
	}
	return now < DFSR_TIME_MAX ? now : DFSR_TIME_MAX;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * A number, its tag and its place in the lineage. Nothing is drawn when it
 * fails, so that no number is lost.
 */
static int issue_draw(struct dfsr_issuer *issuer, struct dfsr_record *rec)
{
	const struct dfsr_env *env = issuer->env;
	struct dfsr_id gvsn = {.db = issuer->db, .vsn = issuer->next_vsn};
	int ret;

	if (rec->clock > DFSR_TIME_MAX || rec->create_time > DFSR_TIME_MAX) {
		return E2BIG;
	}
	ret = dfsr_lineage_add(&rec->lineage, &gvsn);
	if (ret != 0) {
		return ret;
	}
	rec->gvsn = gvsn;
	do {
		env->random(env->private_data, &rec->tag, sizeof(rec->tag));
	} while (rec->tag == 0);
	issuer->next_vsn += 1;
	return 0;
}

/*
 * An uncertain version (0001-semantics A2) descends from nothing and stands
 * below the recorded one, so that it wins nowhere where that one is held.
 */
static void stamp_uncertain(const struct dfsr_record *base,
			    struct dfsr_record *rec)
{
	rec->flags |= DFSR_FLAG_CLOCK_DECREMENTED;
	rec->fence = base->fence;
	rec->clock = base->clock > 0 ? base->clock - 1 : 0;
	rec->lineage.num = 0;
}

int dfsr_issue_next(struct dfsr_issuer *issuer, const struct dfsr_view *view,
		    const struct dfsr_record *base, bool uncertain,
		    struct dfsr_record *rec)
{
	uint64_t high = 0;
	int ret;

	ret = view->clock_high(view->private_data, &base->uid, &high);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	rec->uid = base->uid;
	rec->create_time = base->create_time;
	rec->lineage = base->lineage;
	rec->flags &= ~(uint32_t)DFSR_FLAG_CLOCK_DECREMENTED;
	if (uncertain) {
		stamp_uncertain(base, rec);
		return issue_draw(issuer, rec);
	}
	high = max_u64(high, base->clock) + 1;
	rec->clock = max_u64(dfsr_issue_now(issuer), high);
	rec->fence = max_u64(base->fence, issuer->fence);
	ret = issue_draw(issuer, rec);
	if (ret != 0) {
		return ret;
	}
	assert(dfsr_engine_compare(rec, base) > 0);
	return 0;
}

int dfsr_issue_new(struct dfsr_issuer *issuer, const struct dfsr_record *h,
		   bool uncertain, struct dfsr_record *rec)
{
	uint64_t now = dfsr_issue_now(issuer);
	int ret;

	rec->clock = now;
	rec->create_time = now;
	if (h != NULL) {
		rec->create_time = max_u64(now, h->create_time + 1);
	}
	rec->fence = issuer->fence;
	rec->lineage.num = 0;
	rec->flags = uncertain ? DFSR_FLAG_CLOCK_DECREMENTED : 0;
	ret = issue_draw(issuer, rec);
	if (ret != 0) {
		return ret;
	}
	rec->uid = rec->gvsn;
	return 0;
}

int dfsr_issue_resolution(struct dfsr_issuer *issuer,
			  const struct dfsr_record *base,
			  const struct dfsr_record *other,
			  struct dfsr_record *rec)
{
	int ret;

	rec->uid = base->uid;
	rec->create_time = base->create_time;
	rec->lineage = base->lineage;
	rec->fence = base->fence;
	rec->clock = base->clock;
	rec->flags &= ~(uint32_t)DFSR_FLAG_CLOCK_DECREMENTED;
	if (other != NULL) {
		rec->fence = max_u64(rec->fence, other->fence);
		rec->clock = max_u64(rec->clock, other->clock);
		ret = dfsr_lineage_join(&rec->lineage, &other->lineage);
		if (ret != 0) {
			return ret;
		}
	}
	rec->clock += 1;
	ret = issue_draw(issuer, rec);
	if (ret != 0) {
		return ret;
	}
	assert(dfsr_engine_compare(rec, base) > 0);
	assert(other == NULL || dfsr_engine_compare(rec, other) > 0);
	return 0;
}

int dfsr_issue_name_loser(struct dfsr_issuer *issuer,
			  const struct dfsr_record *loser,
			  const struct dfsr_id *into,
			  struct dfsr_record *rec)
{
	*rec = *loser;
	rec->present = false;
	rec->name_conflict = true;
	if (into != NULL) {
		rec->merged_into = *into;
	}
	return dfsr_issue_resolution(issuer, loser, NULL, rec);
}

/* ---- walks --------------------------------------------------------------- */

struct walk_frame {
	struct dfsr_record dir;
	char after[DFSR_FOLD_MAX + 1];
};

struct walk {
	const struct dfsr_view *view;
	bool below_only;
	const struct dfsr_id *except;
	dfsr_tree_fn fn;
	void *private_data;
	struct walk_frame *frames; /* on the heap: there may be 2048 */
	size_t depth;
};

static int walk_push(struct walk *w, const struct dfsr_record *dir)
{
	struct walk_frame *f;
	size_t n = w->depth;

	if (n >= DFSR_DEPTH_MAX) {
		return ELOOP;
	}
	if (n >= talloc_array_length(w->frames)) {
		f = talloc_realloc(NULL, w->frames, struct walk_frame,
				   n == 0 ? 8 : n * 2);
		if (f == NULL) {
			return ENOMEM;
		}
		w->frames = f;
	}
	w->frames[n].dir = *dir;
	w->frames[n].after[0] = '\0';
	w->depth = n + 1;
	return 0;
}

/* One step: go down, or report an object whose children are all reported. */
static int walk_step(struct walk *w)
{
	const struct dfsr_view *view = w->view;
	struct walk_frame *f = &w->frames[w->depth - 1];
	struct dfsr_record child;
	int ret;

	ret = view->next_child(view->private_data, &f->dir.uid, f->after,
			       &child);
	if (ret == ENOENT) {
		w->depth -= 1;
		if (w->depth == 0 && w->below_only) {
			return 0;
		}
		return w->fn(w->private_data, &f->dir);
	}
	if (ret != 0) {
		return ret;
	}
	if (dfsr_fold(child.name, f->after) == 0) {
		return EINVAL;
	}
	if (w->except != NULL && dfsr_id_equal(&child.uid, w->except)) {
		return 0;
	}
	if (dfsr_record_is_dir(&child)) {
		return walk_push(w, &child);
	}
	return w->fn(w->private_data, &child);
}

int dfsr_tree_walk(const struct dfsr_view *view, const struct dfsr_record *top,
		   bool below_only, const struct dfsr_id *except,
		   dfsr_tree_fn fn, void *private_data)
{
	struct walk w = {
		.view = view,
		.below_only = below_only,
		.except = except,
		.fn = fn,
		.private_data = private_data,
	};
	int ret;

	if (!dfsr_record_is_dir(top)) {
		return below_only ? 0 : fn(private_data, top);
	}
	ret = walk_push(&w, top);
	while (ret == 0 && w.depth > 0) {
		ret = walk_step(&w);
	}
	talloc_free(w.frames);
	return ret;
}

int dfsr_resolve_last(const struct dfsr_view *view, const struct dfsr_id *dir,
		      struct dfsr_record *r, struct dfsr_id *last)
{
	unsigned i;
	int ret;

	*last = *dir;
	for (i = 0; i < DFSR_ALIAS_DEPTH_MAX; i++) {
		ret = view->by_uid(view->private_data, last, r);
		if (ret != 0) {
			return ret;
		}
		if (!dfsr_record_is_alias(r)) {
			return 0;
		}
		*last = r->merged_into;
	}
	return ELOOP;
}

int dfsr_engine_resolve(const struct dfsr_view *view,
			const struct dfsr_id *dir, struct dfsr_record *r)
{
	struct dfsr_id last;

	return dfsr_resolve_last(view, dir, r, &last);
}
