/*
   Samba DFS Replication
   Version vectors: the algebra of whole vectors

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
#include "types_private.h"

/* ---- one entry ---------------------------------------------------------- */

static bool entry_covers(const struct dfsr_vv_entry *a,
			 const struct dfsr_vv_entry *b)
{
	uint32_t at = 0;
	uint32_t i;

	for (i = 0; i < b->num_ranges; i++) {
		const struct dfsr_vv_range *r = &b->ranges[i];

		at += types_vv_seek(&a->ranges[at],
				    a->num_ranges - at,
				    r->high);
		if (at == a->num_ranges || a->ranges[at].low > r->low) {
			return false;
		}
	}
	return true;
}

/* Add a range that begins at or after the last one's begin. */
static uint32_t out_append(struct dfsr_vv_range *out, uint32_t n,
			   const struct dfsr_vv_range *r)
{
	if (n > 0 && r->low <= out[n - 1].high + 1) {
		if (r->high > out[n - 1].high) {
			out[n - 1].high = r->high;
		}
		return n;
	}
	out[n] = *r;
	return n + 1;
}

/* Merge two arrays into out, which has room for both. */
static uint32_t ranges_union(struct dfsr_vv_range *out,
			     const struct dfsr_vv_entry *a,
			     const struct dfsr_vv_entry *b)
{
	uint32_t i = 0;
	uint32_t j = 0;
	uint32_t n = 0;

	while (i < a->num_ranges || j < b->num_ranges) {
		bool take_a = (j == b->num_ranges) ||
			      (i < a->num_ranges &&
			       a->ranges[i].low <= b->ranges[j].low);

		if (take_a) {
			n = out_append(out, n, &a->ranges[i++]);
		} else {
			n = out_append(out, n, &b->ranges[j++]);
		}
	}
	return n;
}

/* a minus b into out, which has room for both. */
static uint32_t ranges_minus(struct dfsr_vv_range *out,
			     const struct dfsr_vv_entry *a,
			     const struct dfsr_vv_entry *b)
{
	uint32_t n = 0;
	uint32_t i;
	uint32_t j = 0;

	for (i = 0; i < a->num_ranges; i++) {
		struct dfsr_vv_range rest = a->ranges[i];

		j += types_vv_seek(&b->ranges[j],
				   b->num_ranges - j,
				   rest.low);
		while (j < b->num_ranges && b->ranges[j].low <= rest.high) {
			const struct dfsr_vv_range *hole = &b->ranges[j];

			if (hole->low > rest.low) {
				out[n++] = (struct dfsr_vv_range){
					.low = rest.low,
					.high = hole->low - 1,
				};
			}
			rest.low = hole->high + 1;
			if (rest.low > rest.high) {
				break;
			}
			j++;
		}
		if (rest.low <= rest.high) {
			out[n++] = rest;
		}
	}
	return n;
}

/* Give back the room that a merge did not need; keeps the array if it fails. */
static struct dfsr_vv_range *ranges_trim(TALLOC_CTX *mem_ctx,
					 struct dfsr_vv_range *ranges,
					 uint32_t num)
{
	struct dfsr_vv_range *less = talloc_realloc(mem_ctx,
						    ranges,
						    struct dfsr_vv_range,
						    num);

	return less == NULL ? ranges : less;
}

static uint64_t entry_high(const struct dfsr_vv_entry *e)
{
	return e->ranges[e->num_ranges - 1].high;
}

/* ---- union -------------------------------------------------------------- */

/*
 * Fill *out with what `from` adds to `old` (NULL: nothing there yet). An
 * array that need not change is taken over, a new one belongs to tmp.
 */
static int entry_union(TALLOC_CTX *tmp, const struct dfsr_vv_entry *old,
		       const struct dfsr_vv_entry *from,
		       struct dfsr_vv_entry *out)
{
	struct dfsr_vv_entry none = {.db = from->db};
	struct dfsr_vv_range *ranges = NULL;
	uint32_t num;

	if (old == NULL) {
		old = &none;
		*out = *from;
	} else {
		*out = *old;
		out->tag = types_vv_tag(entry_high(old),
					old->tag,
					entry_high(from),
					from->tag);
		if (entry_covers(old, from)) {
			return 0;
		}
	}
	ranges = talloc_array(tmp,
			      struct dfsr_vv_range,
			      (size_t)old->num_ranges + from->num_ranges);
	if (ranges == NULL) {
		return ENOMEM;
	}
	num = ranges_union(ranges, old, from);
	out->num_ranges = num;
	out->ranges = ranges_trim(tmp, ranges, num);
	return 0;
}

/* Build the entries of the union; new arrays are children of entries. */
static int build_union(const struct dfsr_vv *a, const struct dfsr_vv *b,
		       struct dfsr_vv_entry *entries, uint32_t *num)
{
	uint32_t i = 0;
	uint32_t j = 0;
	uint32_t n = 0;
	uint64_t total = 0;

	while (i < a->num_entries || j < b->num_entries) {
		const struct dfsr_vv_entry *ea = NULL;
		const struct dfsr_vv_entry *eb = NULL;
		int cmp = 0;

		if (i < a->num_entries) {
			ea = &a->entries[i];
		}
		if (j < b->num_entries) {
			eb = &b->entries[j];
		}
		if (ea != NULL && eb != NULL) {
			cmp = dfsr_guid_cmp(&ea->db, &eb->db);
		}
		if (eb == NULL || cmp < 0) {
			entries[n] = *ea;
			i++;
		} else {
			bool both = (ea != NULL && cmp == 0);
			int ret = entry_union(entries,
					      both ? ea : NULL,
					      eb,
					      &entries[n]);

			if (ret != 0) {
				return ret;
			}
			i += both ? 1 : 0;
			j++;
		}
		total += entries[n].num_ranges;
		n++;
	}
	*num = n;
	if (n > DFSR_VV_ENTRIES_MAX || total > DFSR_VV_RANGES_MAX) {
		return E2BIG;
	}
	return 0;
}

int dfsr_vv_union(struct dfsr_vv *into, const struct dfsr_vv *from)
{
	struct dfsr_vv_entry *entries = NULL;
	uint32_t num = 0;
	uint32_t i;
	int ret;

	if (into == from || from->num_entries == 0) {
		return 0;
	}
	entries = talloc_array(into,
			       struct dfsr_vv_entry,
			       (size_t)into->num_entries + from->num_entries);
	if (entries == NULL) {
		return ENOMEM;
	}
	ret = build_union(into, from, entries, &num);
	if (ret != 0) {
		TALLOC_FREE(entries);
		return ret;
	}
	for (i = 0; i < num; i++) {
		if (talloc_parent(entries[i].ranges) == entries) {
			talloc_steal(into, entries[i].ranges);
		}
	}
	/* what was replaced is in the old entries and not in the new ones */
	for (i = 0; i < into->num_entries; i++) {
		struct dfsr_vv_entry *old = &into->entries[i];
		struct dfsr_vv tmp = {.num_entries = num, .entries = entries};
		uint32_t at = 0;

		if (types_vv_find(&tmp, &old->db, &at) &&
		    entries[at].ranges != old->ranges) {
			TALLOC_FREE(old->ranges);
		}
	}
	TALLOC_FREE(into->entries);
	into->entries = entries;
	into->num_entries = num;
	return 0;
}

/* ---- difference and comparisons ----------------------------------------- */

/* @return 0 or ENOMEM; *out stays without ranges if nothing is left */
static int entry_minus(TALLOC_CTX *mem_ctx, const struct dfsr_vv_entry *a,
		       const struct dfsr_vv_entry *b,
		       struct dfsr_vv_entry *out)
{
	struct dfsr_vv_entry none = {.db = a->db};
	struct dfsr_vv_range *ranges = NULL;

	*out = none;
	if (b == NULL) {
		b = &none;
	} else if (entry_covers(b, a)) {
		return 0;
	}
	ranges = talloc_array(mem_ctx,
			      struct dfsr_vv_range,
			      (size_t)a->num_ranges + b->num_ranges);
	if (ranges == NULL) {
		return ENOMEM;
	}
	out->num_ranges = ranges_minus(ranges, a, b);
	out->ranges = ranges_trim(mem_ctx, ranges, out->num_ranges);
	if (entry_high(out) == entry_high(a)) {
		out->tag = a->tag;
	}
	return 0;
}

struct dfsr_vv *dfsr_vv_difference(TALLOC_CTX *mem_ctx,
				   const struct dfsr_vv *a,
				   const struct dfsr_vv *b)
{
	struct dfsr_vv *vv = dfsr_vv_new(mem_ctx);
	uint32_t i;

	if (vv == NULL || a->num_entries == 0) {
		return vv;
	}
	vv->entries = talloc_array(vv, struct dfsr_vv_entry, a->num_entries);
	if (vv->entries == NULL) {
		goto fail;
	}
	for (i = 0; i < a->num_entries; i++) {
		const struct dfsr_vv_entry *ea = &a->entries[i];
		const struct dfsr_vv_entry *eb = NULL;
		struct dfsr_vv_entry *out = &vv->entries[vv->num_entries];
		uint32_t at;

		if (types_vv_find(b, &ea->db, &at)) {
			eb = &b->entries[at];
		}
		if (entry_minus(vv, ea, eb, out) != 0) {
			goto fail;
		}
		if (out->num_ranges > 0) {
			vv->num_entries++;
		}
	}
	return vv;
fail:
	TALLOC_FREE(vv);
	return NULL;
}

bool dfsr_vv_covers(const struct dfsr_vv *a, const struct dfsr_vv *b)
{
	uint32_t i;

	for (i = 0; i < b->num_entries; i++) {
		const struct dfsr_vv_entry *eb = &b->entries[i];
		uint32_t at;

		if (!types_vv_find(a, &eb->db, &at)) {
			return false;
		}
		if (!entry_covers(&a->entries[at], eb)) {
			return false;
		}
	}
	return true;
}

bool dfsr_vv_equal(const struct dfsr_vv *a, const struct dfsr_vv *b)
{
	uint32_t i, j;

	if (a->num_entries != b->num_entries) {
		return false;
	}
	for (i = 0; i < a->num_entries; i++) {
		const struct dfsr_vv_entry *ea = &a->entries[i];
		const struct dfsr_vv_entry *eb = &b->entries[i];

		if (dfsr_guid_cmp(&ea->db, &eb->db) != 0 ||
		    ea->num_ranges != eb->num_ranges) {
			return false;
		}
		for (j = 0; j < ea->num_ranges; j++) {
			if (ea->ranges[j].low != eb->ranges[j].low ||
			    ea->ranges[j].high != eb->ranges[j].high) {
				return false;
			}
		}
	}
	return true;
}
