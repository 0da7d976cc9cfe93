/*
   Samba DFS Replication
   Version vectors: numbers and intervals

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
 * A vector is a set of versions: per database GUID a sorted array of closed
 * intervals that neither touch nor overlap, so that equal sets have equal
 * arrays and one interval alone can cover another. An entry without
 * intervals is never kept.
 *
 * What is usual is cheap: the next number of a member extends the last
 * interval in place, and a number beyond a hole is appended to an array that
 * grows by half. Anything else is a binary search and one move of memory.
 * The room behind an array is known from talloc, so that the structures
 * stay as the header shows them.
 *
 * Every change happens wholly or not at all: after an error the vector is
 * what it was. A vector that claimed half of a union would hide files.
 *
 * The tag of an entry belongs to its highest number. It is evidence of
 * forks, not part of the set: comparisons do not look at it.
 */

#include <errno.h>
#include <string.h>
#include "types_private.h"

struct dfsr_vv *dfsr_vv_new(TALLOC_CTX *mem_ctx)
{
	return talloc_zero(mem_ctx, struct dfsr_vv);
}

struct dfsr_vv *dfsr_vv_copy(TALLOC_CTX *mem_ctx, const struct dfsr_vv *vv)
{
	struct dfsr_vv *copy = dfsr_vv_new(mem_ctx);

	if (copy == NULL) {
		return NULL;
	}
	if (dfsr_vv_union(copy, vv) != 0) {
		TALLOC_FREE(copy);
	}
	return copy;
}

bool types_vv_find(const struct dfsr_vv *vv, const struct dfsr_guid *db,
		   uint32_t *idx)
{
	uint32_t low = 0;
	uint32_t high = vv->num_entries;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int cmp = dfsr_guid_cmp(&vv->entries[mid].db, db);

		if (cmp == 0) {
			*idx = mid;
			return true;
		}
		if (cmp < 0) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	*idx = low;
	return false;
}

uint32_t types_vv_seek(const struct dfsr_vv_range *ranges, uint32_t num,
		       uint64_t vsn)
{
	uint32_t low = 0;
	uint32_t high = num;

	if (num > 0 && ranges[num - 1].high < vsn) {
		return num;
	}
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (ranges[mid].high < vsn) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low;
}

uint64_t types_vv_num_ranges(const struct dfsr_vv *vv)
{
	uint64_t num = 0;
	uint32_t i;

	for (i = 0; i < vv->num_entries; i++) {
		num += vv->entries[i].num_ranges;
	}
	return num;
}

uint64_t types_vv_tag(uint64_t old_high, uint64_t old_tag, uint64_t high,
		      uint64_t tag)
{
	if (high > old_high) {
		return tag;
	}
	if (high == old_high && old_tag == 0) {
		return tag;
	}
	return old_tag;
}

/* @return array with room for one more element, or NULL: it is unchanged */
static void *array_grow(TALLOC_CTX *mem_ctx, void *array, size_t size,
			uint32_t num)
{
	size_t room = array == NULL ? 0 : talloc_get_size(array) / size;

	if (num < room) {
		return array;
	}
	room = (size_t)num + num / 2 + 4;
	return talloc_realloc_size(mem_ctx, array, room * size);
}

static int insert_range(struct dfsr_vv *vv, struct dfsr_vv_entry *e,
			uint32_t at, uint64_t low, uint64_t high)
{
	struct dfsr_vv_range *ranges = NULL;

	if (types_vv_num_ranges(vv) >= DFSR_VV_RANGES_MAX) {
		return E2BIG;
	}
	ranges = array_grow(vv, e->ranges, sizeof(*ranges), e->num_ranges);
	if (ranges == NULL) {
		return ENOMEM;
	}
	e->ranges = ranges;
	memmove(&ranges[at + 1],
		&ranges[at],
		(e->num_ranges - at) * sizeof(*ranges));
	ranges[at] = (struct dfsr_vv_range){.low = low, .high = high};
	e->num_ranges++;
	return 0;
}

static int insert_entry(struct dfsr_vv *vv, const struct dfsr_guid *db,
			uint32_t at, uint64_t low, uint64_t high,
			uint64_t tag)
{
	struct dfsr_vv_entry e = {.db = *db, .tag = tag};
	struct dfsr_vv_entry *entries = NULL;
	int ret;

	if (vv->num_entries >= DFSR_VV_ENTRIES_MAX) {
		return E2BIG;
	}
	ret = insert_range(vv, &e, 0, low, high);
	if (ret != 0) {
		return ret;
	}
	entries = array_grow(vv, vv->entries, sizeof(e), vv->num_entries);
	if (entries == NULL) {
		TALLOC_FREE(e.ranges);
		return ENOMEM;
	}
	vv->entries = entries;
	memmove(&entries[at + 1],
		&entries[at],
		(vv->num_entries - at) * sizeof(e));
	entries[at] = e;
	vv->num_entries++;
	return 0;
}

/* Replace all ranges from at on that touch low..high by their union. */
static void melt_ranges(struct dfsr_vv_entry *e, uint32_t at, uint64_t low,
			uint64_t high)
{
	struct dfsr_vv_range *r = e->ranges;
	uint32_t next = types_vv_seek(r, e->num_ranges, high);

	/* r[next] ends at or after high, but may begin behind a gap */
	if (next < e->num_ranges && r[next].low <= high + 1) {
		high = r[next].high;
		next++;
	}
	if (r[at].low < low) {
		low = r[at].low;
	}
	r[at] = (struct dfsr_vv_range){.low = low, .high = high};
	memmove(&r[at + 1], &r[next], (e->num_ranges - next) * sizeof(*r));
	e->num_ranges -= next - at - 1;
}

int dfsr_vv_add_range(struct dfsr_vv *vv, const struct dfsr_guid *db,
		      uint64_t low, uint64_t high, uint64_t tag)
{
	struct dfsr_vv_entry *e = NULL;
	uint64_t old_high;
	uint32_t idx, at;
	int ret;

	if (low < 1 || low > high || high > DFSR_VSN_MAX) {
		return EINVAL;
	}
	if (!types_vv_find(vv, db, &idx)) {
		return insert_entry(vv, db, idx, low, high, tag);
	}
	e = &vv->entries[idx];
	old_high = e->ranges[e->num_ranges - 1].high;
	at = types_vv_seek(e->ranges, e->num_ranges, low - 1);
	if (at == e->num_ranges || e->ranges[at].low > high + 1) {
		ret = insert_range(vv, e, at, low, high);
		if (ret != 0) {
			return ret;
		}
	} else {
		melt_ranges(e, at, low, high);
	}
	e->tag = types_vv_tag(old_high, e->tag, high, tag);
	return 0;
}

int dfsr_vv_add(struct dfsr_vv *vv, const struct dfsr_id *gvsn, uint64_t tag)
{
	return dfsr_vv_add_range(vv, &gvsn->db, gvsn->vsn, gvsn->vsn, tag);
}

bool dfsr_vv_contains(const struct dfsr_vv *vv, const struct dfsr_id *gvsn)
{
	const struct dfsr_vv_entry *e = NULL;
	uint32_t idx, at;

	if (!types_vv_find(vv, &gvsn->db, &idx)) {
		return false;
	}
	e = &vv->entries[idx];
	at = types_vv_seek(e->ranges, e->num_ranges, gvsn->vsn);
	return at < e->num_ranges && e->ranges[at].low <= gvsn->vsn;
}

uint64_t dfsr_vv_high(const struct dfsr_vv *vv, const struct dfsr_guid *db)
{
	const struct dfsr_vv_entry *e = NULL;
	uint32_t idx;

	if (!types_vv_find(vv, db, &idx)) {
		return 0;
	}
	e = &vv->entries[idx];
	return e->ranges[e->num_ranges - 1].high;
}

uint64_t dfsr_vv_count(const struct dfsr_vv *vv)
{
	uint64_t count = 0;
	uint32_t i, j;

	for (i = 0; i < vv->num_entries; i++) {
		const struct dfsr_vv_entry *e = &vv->entries[i];

		for (j = 0; j < e->num_ranges; j++) {
			const struct dfsr_vv_range *r = &e->ranges[j];
			uint64_t n = r->high - r->low + 1;

			if (n > UINT64_MAX - count) {
				return UINT64_MAX;
			}
			count += n;
		}
	}
	return count;
}

bool dfsr_vv_is_empty(const struct dfsr_vv *vv)
{
	return vv->num_entries == 0;
}
