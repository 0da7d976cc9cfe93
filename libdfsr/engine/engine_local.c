/*
   Samba DFS Replication
   What was seen on the own disk, turned into versions

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
 * An observation names a place and what is there. What it means follows from
 * two records: that of the object (u, known by its identity) and that of the
 * one who held the name so far (h). A name keeps its UID: whatever is saved
 * over h is a new version of h, if it is of the same kind, and the temporary
 * file that was renamed onto it ends (0001-semantics A7). So an editor's
 * "write a new file, rename it over the old one" is a change, not a delete
 * and a creation, and the lineage of the document stays whole.
 *
 *   there   u       h              result
 *   no      -       none           nothing
 *   no      -       survives       nothing
 *   no      -       gone           h and all below it end
 *   yes     known   u, same place  a version if anything differs
 *   yes     known   none, or u     u moves (also: another case of the name)
 *   yes     known   survives       u moves; h is observed on its own
 *   yes     known   gone, alike    version of h, u ends
 *   yes     known   gone, other    h and all below it end, u moves
 *   yes     new     gone, alike    version of h
 *   yes     new     gone, other    h and all below it end, new UID
 *   yes     new     survives       new UID
 *   yes     new     none           new UID
 *
 * "alike" is: the same kind; for a known u directories are never alike,
 * since both have children that would have to change hands.
 *
 * A known UID whose record is a nameConflict tombstone has ended for good,
 * for such a tombstone absorbs everything; if its object comes back, out of
 * ConflictAndDeleted for example, it is a new one.
 */

struct local {
	TALLOC_CTX *mem_ctx;
	struct dfsr_issuer *issuer;
	const struct dfsr_view *view;
	const struct dfsr_observation *obs;
	struct dfsr_issued_list *out;
	struct dfsr_id dir; /* obs->parent, resolved */
	bool have_u;
	bool have_h;
	struct dfsr_record u;
	struct dfsr_record h;
};

static bool is_dir(uint8_t kind)
{
	return kind == DFSR_KIND_DIRECTORY;
}

/* Write into rec what was observed. */
static void describe(const struct local *l, struct dfsr_record *rec)
{
	const struct dfsr_observation *obs = l->obs;

	rec->present = true;
	rec->name_conflict = false;
	rec->merged_into = (struct dfsr_id){.vsn = 0};
	rec->parent = l->dir;
	rec->kind = obs->kind;
	rec->attributes = obs->attributes;
	rec->size = is_dir(obs->kind) ? 0 : obs->size;
	memset(rec->content_hash, 0, DFSR_HASH_LEN);
	if (!is_dir(obs->kind)) {
		memcpy(rec->content_hash, obs->content_hash, DFSR_HASH_LEN);
	}
	memcpy(rec->meta_hash, obs->meta_hash, DFSR_HASH_LEN);
	memset(rec->name, 0, sizeof(rec->name));
	memcpy(rec->name, obs->name, strlen(obs->name));
}

/* Is r exactly what was observed, its place apart? */
static bool unchanged(const struct local *l, const struct dfsr_record *r)
{
	const struct dfsr_observation *obs = l->obs;

	if (memcmp(r->meta_hash, obs->meta_hash, DFSR_HASH_LEN) != 0) {
		return false;
	}
	if (is_dir(obs->kind)) {
		return true;
	}
	return r->size == obs->size &&
	       memcmp(r->content_hash, obs->content_hash, DFSR_HASH_LEN) == 0;
}

static int same_place(const struct local *l, const struct dfsr_record *r,
		      bool *same)
{
	struct dfsr_record p;
	struct dfsr_id dir;
	int ret;

	ret = dfsr_resolve_last(l->view, &r->parent, &p, &dir);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	*same = r->present && dfsr_id_equal(&dir, &l->dir) &&
		strcmp(r->name, l->obs->name) == 0;
	return 0;
}

/* The observed object is the next version of base. */
static int issue_observed(struct local *l, const struct dfsr_record *base)
{
	struct dfsr_record rec = *base;
	int ret;

	describe(l, &rec);
	ret = dfsr_issue_next(l->issuer, l->view, base, l->obs->uncertain,
			      &rec);
	if (ret != 0) {
		return ret;
	}
	return dfsr_issued_add(l->mem_ctx, l->out, &rec, true);
}

/* The observed object is somebody new. */
static int issue_created(struct local *l, struct dfsr_id *match)
{
	struct dfsr_record rec;
	int ret;

	memset(&rec, 0, sizeof(rec));
	describe(l, &rec);
	ret = dfsr_issue_new(l->issuer, l->have_h ? &l->h : NULL,
			     l->obs->uncertain, &rec);
	if (ret != 0) {
		return ret;
	}
	*match = rec.uid;
	return dfsr_issued_add(l->mem_ctx, l->out, &rec, true);
}

static int end_one(void *private_data, const struct dfsr_record *r)
{
	struct local *l = private_data;
	struct dfsr_record rec = *r;
	int ret;

	rec.present = false;
	ret = dfsr_issue_next(l->issuer, l->view, r, l->obs->uncertain, &rec);
	if (ret != 0) {
		return ret;
	}
	return dfsr_issued_add(l->mem_ctx, l->out, &rec, false);
}

static int end_tree(struct local *l, const struct dfsr_record *top)
{
	return dfsr_tree_walk(l->view, top, false,
			      l->have_u ? &l->u.uid : NULL, end_one, l);
}

/* ---- the cases ----------------------------------------------------------- */

static int gone(struct local *l)
{
	if (!l->have_h || l->obs->holder_survives) {
		return 0;
	}
	return end_tree(l, &l->h);
}

/*
 * A directory cannot be below itself on the disk; if it seems so, one of the
 * directories between has moved too and has to be observed first.
 */
static int below_itself(const struct local *l)
{
	struct dfsr_id id = l->dir;
	struct dfsr_record r;
	struct dfsr_id last;
	unsigned i;
	int ret;

	for (i = 0; i < DFSR_DEPTH_MAX; i++) {
		if (dfsr_id_equal(&id, &l->u.uid)) {
			return ESTALE;
		}
		if (id.vsn == 1) {
			return 0;
		}
		ret = dfsr_resolve_last(l->view, &id, &r, &last);
		if (ret == ENOENT) {
			return 0;
		}
		if (ret != 0) {
			return ret;
		}
		ret = dfsr_resolve_last(l->view, &r.parent, &r, &id);
		if (ret != 0 && ret != ENOENT) {
			return ret;
		}
	}
	return ELOOP;
}

static int moved(struct local *l)
{
	bool replaces = l->have_h && !l->obs->holder_survives &&
			!dfsr_id_equal(&l->h.uid, &l->u.uid);
	int ret;

	if (is_dir(l->obs->kind)) {
		ret = below_itself(l);
		if (ret != 0) {
			return ret;
		}
	}
	if (replaces) {
		ret = end_tree(l, &l->h);
		if (ret != 0) {
			return ret;
		}
	}
	return issue_observed(l, &l->u);
}

/* A known object stands at the name of another one that is gone. */
static int replaced(struct local *l, struct dfsr_id *match)
{
	struct dfsr_record temp = l->u;
	int ret;

	ret = issue_observed(l, &l->h);
	if (ret != 0) {
		return ret;
	}
	*match = l->h.uid;
	if (!temp.present) {
		return 0;
	}
	temp.present = false;
	ret = dfsr_issue_next(l->issuer, l->view, &l->u, l->obs->uncertain,
			      &temp);
	if (ret != 0) {
		return ret;
	}
	return dfsr_issued_add(l->mem_ctx, l->out, &temp, false);
}

static int known(struct local *l, struct dfsr_id *match)
{
	bool same;
	int ret;

	*match = l->u.uid;
	ret = same_place(l, &l->u, &same);
	if (ret != 0) {
		return ret;
	}
	if (same) {
		return unchanged(l, &l->u) ? 0 : issue_observed(l, &l->u);
	}
	if (l->have_h && !l->obs->holder_survives &&
	    !dfsr_id_equal(&l->h.uid, &l->u.uid) &&
	    l->h.kind == l->obs->kind && !is_dir(l->obs->kind))
	{
		return replaced(l, match);
	}
	return moved(l);
}

static int unknown(struct local *l, struct dfsr_id *match)
{
	bool same;
	int ret;

	if (!l->have_h || l->obs->holder_survives) {
		return issue_created(l, match);
	}
	if (l->h.kind == l->obs->kind) {
		*match = l->h.uid;
		ret = same_place(l, &l->h, &same);
		if (ret != 0) {
			return ret;
		}
		if (same && unchanged(l, &l->h)) {
			return 0;
		}
		return issue_observed(l, &l->h);
	}
	ret = end_tree(l, &l->h);
	if (ret != 0) {
		return ret;
	}
	return issue_created(l, match);
}

/* ---- in and out ---------------------------------------------------------- */

static int look_up(struct local *l)
{
	const struct dfsr_observation *obs = l->obs;
	struct dfsr_record dir;
	int ret;

	ret = dfsr_resolve_last(l->view, &obs->parent, &dir, &l->dir);
	if (ret == ENOENT || ret == ELOOP) {
		return ESTALE;
	}
	if (ret != 0) {
		return ret;
	}
	if (!dir.present || !dfsr_record_is_dir(&dir)) {
		return ESTALE;
	}
	ret = l->view->by_name(l->view->private_data, &l->dir, obs->name,
			       &l->h);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	l->have_h = ret == 0;
	if (!obs->exists || !obs->uid_known) {
		return 0;
	}
	ret = l->view->by_uid(l->view->private_data, &obs->uid, &l->u);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	l->have_u = ret == 0 && !l->u.name_conflict &&
		    l->u.kind == obs->kind;
	return 0;
}

int dfsr_engine_local(TALLOC_CTX *mem_ctx, struct dfsr_issuer *issuer,
		      const struct dfsr_view *view,
		      const struct dfsr_observation *obs,
		      struct dfsr_issued_list *out, struct dfsr_id *match)
{
	uint64_t vsn = issuer->next_vsn;
	struct local *l;
	int ret;

	*out = (struct dfsr_issued_list){.num = 0};
	*match = (struct dfsr_id){.vsn = 0};
	if (!dfsr_name_valid(obs->name)) {
		return EINVAL;
	}
	l = talloc_zero(NULL, struct local);
	if (l == NULL) {
		return ENOMEM;
	}
	l->mem_ctx = mem_ctx;
	l->issuer = issuer;
	l->view = view;
	l->obs = obs;
	l->out = out;
	ret = look_up(l);
	if (ret == 0 && !obs->exists) {
		ret = gone(l);
	} else if (ret == 0 && l->have_u) {
		ret = known(l, match);
	} else if (ret == 0) {
		ret = unknown(l, match);
	}
	talloc_free(l);
	if (ret != 0) {
		TALLOC_FREE(out->e);
		out->num = 0;
		issuer->next_vsn = vsn;
	}
	return ret;
}
