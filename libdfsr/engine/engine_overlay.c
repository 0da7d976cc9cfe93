/*
   Samba DFS Replication
   What a member holds, with the effects of decisions not carried out yet

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

#include "engine_private.h"

/*
 * The overlay is a view over another view. Records that a decision stores
 * are kept here and hide those of the base; the rest is asked of the base.
 *
 * A record that is live and not parked is "placed": it is found by
 * (resolved directory, fold key) and among the children of its directory.
 *
 * Aliases make this harder: once directory L is an alias of W, what lives in
 * L is found in W, but the base still lists it under L. So W remembers L as
 * a further source to ask, and an answer of the base counts only if its
 * parent, resolved through the overlay, is the directory in question.
 */

static uint64_t name_hash(const struct dfsr_id *dir, const char *fold)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ dir->vsn;
	size_t i;

	for (i = 0; fold[i] != '\0'; i++) {
		h ^= (uint8_t)fold[i];
		h *= UINT64_C(0x100000001b3);
	}
	return h;
}

/* Names share the map of ids: the directory's GUID with a hash for number. */
static struct dfsr_id name_key(const struct dfsr_id *dir, uint64_t hash)
{
	return (struct dfsr_id){.db = dir->db, .vsn = hash};
}

static struct dfsr_overlay_entry *find(const struct dfsr_overlay *ov,
				       const struct dfsr_id *uid)
{
	uint32_t i = dfsr_idmap_get(&ov->by_uid, uid);

	return i == DFSR_IDMAP_NONE ? NULL : &ov->entries[i];
}

static int ov_by_uid(void *private_data, const struct dfsr_id *uid,
		     struct dfsr_record *r)
{
	struct dfsr_overlay *ov = private_data;
	struct dfsr_overlay_entry *e = find(ov, uid);

	if (e != NULL) {
		*r = e->rec;
		return 0;
	}
	return ov->base->by_uid(ov->base->private_data, uid, r);
}

/* Is r, an answer of the base for a source, a child of dir here and now? */
static int base_child_counts(struct dfsr_overlay *ov,
			     const struct dfsr_id *dir,
			     const struct dfsr_record *r)
{
	struct dfsr_record parent;
	struct dfsr_id last;
	int ret;

	if (find(ov, &r->uid) != NULL) {
		return ENOENT;
	}
	if (ov->num_aliases == 0) {
		return 0;
	}
	ret = dfsr_resolve_last(&ov->view, &r->parent, &parent, &last);
	if (ret != 0) {
		return ret;
	}
	return dfsr_id_equal(&last, dir) ? 0 : ENOENT;
}

static int base_by_name(struct dfsr_overlay *ov, const struct dfsr_id *src,
			const struct dfsr_id *dir, const char *name,
			struct dfsr_record *r)
{
	int ret;

	ret = ov->base->by_name(ov->base->private_data, src, name, r);
	if (ret != 0) {
		return ret;
	}
	return base_child_counts(ov, dir, r);
}

static int ov_by_name(void *private_data, const struct dfsr_id *dir,
		      const char *name, struct dfsr_record *r)
{
	struct dfsr_overlay *ov = private_data;
	char fold[DFSR_FOLD_MAX + 1];
	struct dfsr_id key;
	uint32_t i;
	int ret;

	if (dfsr_fold(name, fold) == 0) {
		return EINVAL;
	}
	key = name_key(dir, name_hash(dir, fold));
	i = dfsr_idmap_get(&ov->by_name, &key);
	for (; i != DFSR_IDMAP_NONE; i = ov->entries[i].next_name) {
		struct dfsr_overlay_entry *e = &ov->entries[i];

		if (dfsr_id_equal(&e->dir, dir) && strcmp(e->fold, fold) == 0) {
			*r = e->rec;
			return 0;
		}
	}
	ret = base_by_name(ov, dir, dir, name, r);
	for (i = 0; ret == ENOENT && i < ov->num_sources; i++) {
		if (dfsr_id_equal(&ov->sources[i].dir, dir)) {
			ret = base_by_name(ov, &ov->sources[i].src, dir, name,
					   r);
		}
	}
	return ret;
}

/* The first child after `after` that the base has in one source. */
static int base_next(struct dfsr_overlay *ov, const struct dfsr_id *src,
		     const struct dfsr_id *dir, char *after,
		     struct dfsr_record *r)
{
	int ret;

	for (;;) {
		ret = ov->base->next_child(ov->base->private_data, src, after,
					   r);
		if (ret != 0) {
			return ret;
		}
		ret = base_child_counts(ov, dir, r);
		if (ret != ENOENT) {
			return ret;
		}
		if (dfsr_fold(r->name, after) == 0) {
			return EINVAL;
		}
	}
}

/* Keep the candidate with the lower key in best. */
static int take_lower(struct dfsr_record *best, char *best_fold, bool *have,
		      const struct dfsr_record *r)
{
	char fold[DFSR_FOLD_MAX + 1];

	if (dfsr_fold(r->name, fold) == 0) {
		return EINVAL;
	}
	if (!*have || strcmp(fold, best_fold) < 0) {
		*best = *r;
		memcpy(best_fold, fold, sizeof(fold));
		*have = true;
	}
	return 0;
}

static int next_of_source(struct dfsr_overlay *ov, const struct dfsr_id *src,
			  const struct dfsr_id *dir, const char *after,
			  struct dfsr_record *best, char *best_fold,
			  bool *have)
{
	char cursor[DFSR_FOLD_MAX + 1];
	struct dfsr_record r;
	int ret;

	snprintf(cursor, sizeof(cursor), "%s", after);
	ret = base_next(ov, src, dir, cursor, &r);
	if (ret != 0) {
		return ret == ENOENT ? 0 : ret;
	}
	return take_lower(best, best_fold, have, &r);
}

static int ov_next_child(void *private_data, const struct dfsr_id *dir,
			 const char *after, struct dfsr_record *r)
{
	struct dfsr_overlay *ov = private_data;
	char fold[DFSR_FOLD_MAX + 1] = "";
	bool have = false;
	uint32_t i;
	int ret;

	ret = next_of_source(ov, dir, dir, after, r, fold, &have);
	for (i = 0; ret == 0 && i < ov->num_sources; i++) {
		if (dfsr_id_equal(&ov->sources[i].dir, dir)) {
			ret = next_of_source(ov, &ov->sources[i].src, dir,
					     after, r, fold, &have);
		}
	}
	i = dfsr_idmap_get(&ov->by_dir, dir);
	for (; ret == 0 && i != DFSR_IDMAP_NONE; i = ov->entries[i].next_dir) {
		struct dfsr_overlay_entry *e = &ov->entries[i];

		if (strcmp(e->fold, after) > 0) {
			ret = take_lower(r, fold, &have, &e->rec);
		}
	}
	if (ret != 0) {
		return ret;
	}
	return have ? 0 : ENOENT;
}

static int ov_clock_high(void *private_data, const struct dfsr_id *uid,
			 uint64_t *clock)
{
	struct dfsr_overlay *ov = private_data;

	return ov->base->clock_high(ov->base->private_data, uid, clock);
}

int dfsr_overlay_any_child(struct dfsr_overlay *ov, const struct dfsr_id *dir,
			   char *after, struct dfsr_record *r)
{
	uint32_t i;
	int ret;

	i = dfsr_idmap_get(&ov->by_dir, dir);
	if (i != DFSR_IDMAP_NONE) {
		*r = ov->entries[i].rec;
		return 0;
	}
	/*
	 * What the cursor has passed is hidden by the overlay, and the
	 * overlay never gives up a record: the cursor need not go back. An
	 * alias changes what counts, so then it starts anew.
	 */
	if (ov->num_aliases > 0) {
		return ov_next_child(ov, dir, "", r);
	}
	ret = base_next(ov, dir, dir, after, r);
	return ret;
}

/* ---- changing it --------------------------------------------------------- */

struct dfsr_overlay *dfsr_overlay_new(TALLOC_CTX *mem_ctx,
				      const struct dfsr_view *base,
				      uint32_t expected)
{
	struct dfsr_overlay *ov;

	ov = talloc_zero(mem_ctx, struct dfsr_overlay);
	if (ov == NULL) {
		return NULL;
	}
	ov->base = base;
	ov->view = (struct dfsr_view){
		.by_uid = ov_by_uid,
		.by_name = ov_by_name,
		.next_child = ov_next_child,
		.clock_high = ov_clock_high,
		.private_data = ov,
	};
	if (dfsr_idmap_init(ov, &ov->by_uid, expected) != 0 ||
	    dfsr_idmap_init(ov, &ov->by_dir, 16) != 0 ||
	    dfsr_idmap_init(ov, &ov->by_name, expected) != 0)
	{
		TALLOC_FREE(ov);
	}
	return ov;
}

static void chain_remove(struct dfsr_overlay *ov, struct dfsr_idmap *map,
			 const struct dfsr_id *key, uint32_t idx, bool names)
{
	uint32_t i = dfsr_idmap_get(map, key);
	uint32_t next = names ? ov->entries[idx].next_name
			      : ov->entries[idx].next_dir;

	if (i == idx) {
		/* the key is in the map: setting it needs no memory */
		dfsr_idmap_set(map, key, next);
		return;
	}
	while (i != DFSR_IDMAP_NONE) {
		uint32_t *link = names ? &ov->entries[i].next_name
				       : &ov->entries[i].next_dir;

		if (*link == idx) {
			*link = next;
			return;
		}
		i = *link;
	}
}

static void unplace(struct dfsr_overlay *ov, uint32_t idx)
{
	struct dfsr_overlay_entry *e = &ov->entries[idx];
	struct dfsr_id key = name_key(&e->dir, e->name_hash);

	if (e->fold == NULL) {
		return;
	}
	chain_remove(ov, &ov->by_name, &key, idx, true);
	chain_remove(ov, &ov->by_dir, &e->dir, idx, false);
	TALLOC_FREE(e->fold);
}

static int place(struct dfsr_overlay *ov, uint32_t idx)
{
	struct dfsr_overlay_entry *e = &ov->entries[idx];
	char fold[DFSR_FOLD_MAX + 1];
	struct dfsr_record dir;
	struct dfsr_id key;
	int ret;

	if (!e->rec.present || e->parked) {
		return 0;
	}
	ret = dfsr_resolve_last(&ov->view, &e->rec.parent, &dir, &e->dir);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	if (dfsr_fold(e->rec.name, fold) == 0) {
		return EINVAL;
	}
	e->fold = talloc_strdup(ov, fold);
	if (e->fold == NULL) {
		return ENOMEM;
	}
	e->name_hash = name_hash(&e->dir, fold);
	key = name_key(&e->dir, e->name_hash);
	e->next_name = dfsr_idmap_get(&ov->by_name, &key);
	e->next_dir = dfsr_idmap_get(&ov->by_dir, &e->dir);
	ret = dfsr_idmap_set(&ov->by_name, &key, idx);
	if (ret != 0) {
		return ret;
	}
	return dfsr_idmap_set(&ov->by_dir, &e->dir, idx);
}

static int entry_for(struct dfsr_overlay *ov, const struct dfsr_id *uid,
		     uint32_t *idx)
{
	*idx = dfsr_idmap_get(&ov->by_uid, uid);
	if (*idx != DFSR_IDMAP_NONE) {
		return 0;
	}
	if (ov->num == ov->alloc) {
		uint32_t n = ov->alloc == 0 ? 64 : ov->alloc * 2;
		struct dfsr_overlay_entry *e;

		e = talloc_realloc(ov, ov->entries, struct dfsr_overlay_entry,
				   n);
		if (e == NULL) {
			return ENOMEM;
		}
		ov->entries = e;
		ov->alloc = n;
	}
	*idx = ov->num;
	ov->entries[*idx].fold = NULL;
	ov->entries[*idx].parked = false;
	ov->num += 1;
	return dfsr_idmap_set(&ov->by_uid, uid, *idx);
}

static int source_add(struct dfsr_overlay *ov, const struct dfsr_id *dir,
		      const struct dfsr_id *src)
{
	struct dfsr_overlay_source *s;
	uint32_t n = ov->num_sources;

	if ((n & (n - 1)) == 0) {
		s = talloc_realloc(ov, ov->sources, struct dfsr_overlay_source,
				   n == 0 ? 1 : (size_t)n * 2);
		if (s == NULL) {
			return ENOMEM;
		}
		ov->sources = s;
	}
	ov->sources[n] = (struct dfsr_overlay_source){*dir, *src};
	ov->num_sources = n + 1;
	return 0;
}

/* After an alias: where do its children, and those placed here, live now? */
static int realias(struct dfsr_overlay *ov, const struct dfsr_record *alias)
{
	struct dfsr_record r;
	struct dfsr_id src, dir;
	uint32_t i;
	int ret;

	ov->num_aliases += 1;
	for (i = 0; i < ov->num_sources; i++) {
		ret = dfsr_resolve_last(&ov->view, &ov->sources[i].src, &r,
					&ov->sources[i].dir);
		if (ret != 0 && ret != ENOENT) {
			return ret;
		}
	}
	ret = dfsr_resolve_last(ov->base, &alias->uid, &r, &src);
	if (ret == 0) {
		ret = dfsr_resolve_last(&ov->view, &alias->uid, &r, &dir);
		if (ret == 0) {
			ret = source_add(ov, &dir, &src);
		}
	}
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	for (i = 0; i < ov->num; i++) {
		unplace(ov, i);
		ret = place(ov, i);
		if (ret != 0) {
			return ret;
		}
	}
	return 0;
}

int dfsr_overlay_put(struct dfsr_overlay *ov, const struct dfsr_record *rec)
{
	uint32_t idx;
	int ret;

	ret = entry_for(ov, &rec->uid, &idx);
	if (ret != 0) {
		return ret;
	}
	unplace(ov, idx);
	ov->entries[idx].rec = *rec;
	ov->entries[idx].parked = false;
	ov->generation += 1;
	if (dfsr_record_is_alias(rec)) {
		return realias(ov, rec);
	}
	return place(ov, idx);
}

int dfsr_overlay_park(struct dfsr_overlay *ov, const struct dfsr_record *r)
{
	uint32_t idx;
	int ret;

	ret = entry_for(ov, &r->uid, &idx);
	if (ret != 0) {
		return ret;
	}
	unplace(ov, idx);
	ov->entries[idx].rec = *r;
	ov->entries[idx].parked = true;
	ov->generation += 1;
	return 0;
}

bool dfsr_overlay_parked(const struct dfsr_overlay *ov,
			 const struct dfsr_id *uid)
{
	const struct dfsr_overlay_entry *e = find(ov, uid);

	return e != NULL && e->parked;
}
