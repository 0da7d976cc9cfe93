/*
   Samba DFS Replication
   Version vectors: packed and printed forms

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
 * Packed: u8 version, u32 entries; per entry the GUID, u64 tag, u32
 * intervals; per interval u64 low, u64 high. A set has one packed form:
 * whatever is not sorted, touches, or is empty is refused.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "types_private.h"

#define RANGE_PACKED 16
#define ENTRY_PACKED (16 + 8 + 4 + RANGE_PACKED)
/** ",18446744073709551615-18446744073709551615" and the NUL. */
#define RANGE_TEXT 48

void dfsr_vv_push(struct dfsr_push *p, const struct dfsr_vv *vv)
{
	uint32_t i, j;

	if (p->err == 0 && (vv->num_entries > DFSR_VV_ENTRIES_MAX ||
			    types_vv_num_ranges(vv) > DFSR_VV_RANGES_MAX)) {
		p->err = E2BIG;
		return;
	}
	dfsr_push_u8(p, TYPES_PACK_VERSION);
	dfsr_push_u32(p, vv->num_entries);
	for (i = 0; i < vv->num_entries; i++) {
		const struct dfsr_vv_entry *e = &vv->entries[i];

		dfsr_push_guid(p, &e->db);
		dfsr_push_u64(p, e->tag);
		dfsr_push_u32(p, e->num_ranges);
		for (j = 0; j < e->num_ranges; j++) {
			dfsr_push_u64(p, e->ranges[j].low);
			dfsr_push_u64(p, e->ranges[j].high);
		}
	}
}

static int pull_ranges(struct dfsr_pull *p, struct dfsr_vv_entry *e)
{
	uint64_t last = 0;
	uint32_t i;

	for (i = 0; i < e->num_ranges; i++) {
		struct dfsr_vv_range *r = &e->ranges[i];

		r->low = dfsr_pull_u64(p);
		r->high = dfsr_pull_u64(p);
		if (r->low < 1 || r->low > r->high ||
		    r->high > DFSR_VSN_MAX) {
			return EBADMSG;
		}
		if (i > 0 && r->low <= last + 1) {
			return EBADMSG;
		}
		last = r->high;
	}
	return 0;
}

/* @param[in,out] budget  intervals that the vector may still have */
static int pull_entry(struct dfsr_pull *p, struct dfsr_vv *vv,
		      uint64_t *budget)
{
	struct dfsr_vv_entry *e = &vv->entries[vv->num_entries];
	uint32_t num;

	dfsr_pull_guid(p, &e->db);
	e->tag = dfsr_pull_u64(p);
	num = dfsr_pull_u32(p);
	if (num == 0 || num > *budget ||
	    num > types_pull_left(p) / RANGE_PACKED) {
		return EBADMSG;
	}
	if (vv->num_entries > 0 && dfsr_guid_cmp(&e[-1].db, &e->db) >= 0) {
		return EBADMSG;
	}
	e->ranges = talloc_array(vv, struct dfsr_vv_range, num);
	if (e->ranges == NULL) {
		return ENOMEM;
	}
	e->num_ranges = num;
	*budget -= num;
	return pull_ranges(p, e);
}

struct dfsr_vv *dfsr_vv_pull(struct dfsr_pull *p, TALLOC_CTX *mem_ctx)
{
	uint8_t version = dfsr_pull_u8(p);
	uint32_t num = dfsr_pull_u32(p);
	uint64_t budget = DFSR_VV_RANGES_MAX;
	struct dfsr_vv *vv = NULL;
	int ret = EBADMSG;

	if (p->err != 0 || version != TYPES_PACK_VERSION) {
		goto fail;
	}
	if (num > DFSR_VV_ENTRIES_MAX ||
	    num > types_pull_left(p) / ENTRY_PACKED) {
		goto fail;
	}
	ret = ENOMEM;
	vv = dfsr_vv_new(mem_ctx);
	if (vv == NULL) {
		goto fail;
	}
	if (num == 0) {
		return vv;
	}
	vv->entries = talloc_array(vv, struct dfsr_vv_entry, num);
	if (vv->entries == NULL) {
		goto fail;
	}
	while (vv->num_entries < num) {
		ret = pull_entry(p, vv, &budget);
		if (ret != 0) {
			goto fail;
		}
		vv->num_entries++;
	}
	return vv;
fail:
	types_pull_fail(p, ret);
	TALLOC_FREE(vv);
	return NULL;
}

static void print_entry(struct dfsr_push *p, const struct dfsr_vv_entry *e)
{
	char guid[DFSR_GUID_STRLEN];
	uint32_t i;

	dfsr_push_bytes(p,
			dfsr_guid_str(&e->db, guid),
			DFSR_GUID_STRLEN - 1);
	dfsr_push_bytes(p, ":[", 2);
	for (i = 0; i < e->num_ranges; i++) {
		const struct dfsr_vv_range *r = &e->ranges[i];
		const char *comma = i == 0 ? "" : ",";
		char text[RANGE_TEXT];

		if (r->low == r->high) {
			snprintf(text,
				 sizeof(text),
				 "%s%llu",
				 comma,
				 (unsigned long long)r->low);
		} else {
			snprintf(text,
				 sizeof(text),
				 "%s%llu-%llu",
				 comma,
				 (unsigned long long)r->low,
				 (unsigned long long)r->high);
		}
		dfsr_push_bytes(p, text, strlen(text));
	}
	dfsr_push_bytes(p, "]", 1);
}

char *dfsr_vv_str(TALLOC_CTX *mem_ctx, const struct dfsr_vv *vv)
{
	struct dfsr_push p;
	uint32_t i;

	dfsr_push_init(&p, mem_ctx);
	for (i = 0; i < vv->num_entries; i++) {
		if (i > 0) {
			dfsr_push_bytes(&p, ";", 1);
		}
		print_entry(&p, &vv->entries[i]);
	}
	dfsr_push_u8(&p, '\0');
	if (p.err != 0) {
		TALLOC_FREE(p.data);
		return NULL;
	}
	return (char *)p.data;
}
