/*
   Samba DFS Replication
   The update record: its door and its packed form

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
 * Packed: u8 version, u8 kind, u8 bits, u32 flags, u32 attributes, the ids
 * uid, gvsn, parent, u64 tag, fence, clock, create_time, size, the metadata
 * hash, [content hash], [merged_into], the name, u8 count of lineage, its
 * ids. What is zero for most records is left out, and a bit says so; to
 * write it out as zero is refused, so that a record has one packed form.
 */

#include <errno.h>
#include <string.h>
#include "types_private.h"

#define BIT_PRESENT 0x01
#define BIT_NAME_CONFLICT 0x02
#define BIT_CONTENT_HASH 0x04
#define BIT_MERGED_INTO 0x08
#define BITS_KNOWN 0x0f

/** The VSN of a content root's UID (windows-dfs 2.1). */
#define ROOT_VSN 1

_Static_assert(DFSR_LINEAGE_MAX <= UINT8_MAX, "the count is one byte");

static bool hash_is_zero(const uint8_t hash[DFSR_HASH_LEN])
{
	static const uint8_t zero[DFSR_HASH_LEN];

	return memcmp(hash, zero, DFSR_HASH_LEN) == 0;
}

static bool id_is_zero(const struct dfsr_id *id)
{
	return id->vsn == 0 && dfsr_guid_is_null(&id->db);
}

static bool id_valid(const struct dfsr_id *id, uint64_t first)
{
	return id->vsn >= first && id->vsn <= DFSR_VSN_MAX &&
	       !dfsr_guid_is_null(&id->db);
}

bool dfsr_record_is_alias(const struct dfsr_record *r)
{
	return !r->present && r->name_conflict &&
	       !id_is_zero(&r->merged_into);
}

static const char *check_ids(const struct dfsr_record *r)
{
	bool root = (r->uid.vsn == ROOT_VSN);

	if (!id_valid(&r->uid, ROOT_VSN)) {
		return "uid out of range";
	}
	if (!id_valid(&r->gvsn, root ? ROOT_VSN : DFSR_VSN_FIRST)) {
		return "gvsn out of range";
	}
	if (root) {
		return NULL;
	}
	if (!id_valid(&r->parent, ROOT_VSN)) {
		return "parent out of range";
	}
	if (dfsr_id_equal(&r->parent, &r->uid)) {
		return "object is its own parent";
	}
	return NULL;
}

static const char *check_numbers(const struct dfsr_record *r)
{
	if (r->fence > DFSR_TIME_MAX) {
		return "fence beyond the limit";
	}
	if (r->clock > DFSR_TIME_MAX) {
		return "clock beyond the limit";
	}
	if (r->create_time > DFSR_TIME_MAX) {
		return "createTime beyond the limit";
	}
	if (r->size > INT64_MAX) {
		return "size beyond the limit";
	}
	if ((r->flags & ~(uint32_t)DFSR_FLAGS_KNOWN) != 0) {
		return "unknown flags";
	}
	return NULL;
}

static const char *check_state(const struct dfsr_record *r)
{
	if (r->kind < DFSR_KIND_FILE || r->kind > DFSR_KIND_SYMLINK) {
		return "unknown kind";
	}
	if (dfsr_record_is_dir(r) && r->size != 0) {
		return "directory with a size";
	}
	if (dfsr_record_is_dir(r) && !hash_is_zero(r->content_hash)) {
		return "directory with a content hash";
	}
	if (r->uid.vsn == ROOT_VSN &&
	    (!r->present || !dfsr_record_is_dir(r))) {
		return "content root is not a live directory";
	}
	if (r->name_conflict && r->present) {
		return "nameConflict on a live object";
	}
	if (id_is_zero(&r->merged_into)) {
		return NULL;
	}
	if (!dfsr_record_is_alias(r) || !dfsr_record_is_dir(r)) {
		return "mergedInto on what is no merged directory";
	}
	if (!id_valid(&r->merged_into, ROOT_VSN)) {
		return "mergedInto out of range";
	}
	if (dfsr_id_equal(&r->merged_into, &r->uid)) {
		return "directory merged into itself";
	}
	return NULL;
}

static const char *check_name(const struct dfsr_record *r)
{
	if (memchr(r->name, '\0', sizeof(r->name)) == NULL) {
		return "name without end";
	}
	if (r->uid.vsn == ROOT_VSN && r->name[0] == '\0') {
		return NULL;
	}
	if (!dfsr_name_valid(r->name)) {
		return "name not acceptable";
	}
	return NULL;
}

static const char *check_lineage(const struct dfsr_record *r)
{
	const struct dfsr_lineage *l = &r->lineage;
	uint32_t i;

	if (l->num > DFSR_LINEAGE_MAX) {
		return "lineage too long";
	}
	for (i = 0; i < l->num; i++) {
		if (!id_valid(&l->e[i], ROOT_VSN)) {
			return "lineage out of range";
		}
		if (i > 0 &&
		    dfsr_guid_cmp(&l->e[i - 1].db, &l->e[i].db) >= 0) {
			return "lineage not in order";
		}
	}
	if (!dfsr_lineage_has(l, &r->gvsn)) {
		return "lineage without the own gvsn";
	}
	return NULL;
}

const char *dfsr_record_valid(const struct dfsr_record *r)
{
	static const char *(*const checks[])(const struct dfsr_record *) = {
		check_ids,
		check_numbers,
		check_state,
		check_name,
		check_lineage,
	};
	size_t i;

	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		const char *wrong = checks[i](r);

		if (wrong != NULL) {
			return wrong;
		}
	}
	return NULL;
}

static uint8_t record_bits(const struct dfsr_record *r)
{
	uint8_t bits = 0;

	if (r->present) {
		bits |= BIT_PRESENT;
	}
	if (r->name_conflict) {
		bits |= BIT_NAME_CONFLICT;
	}
	if (!hash_is_zero(r->content_hash)) {
		bits |= BIT_CONTENT_HASH;
	}
	if (!id_is_zero(&r->merged_into)) {
		bits |= BIT_MERGED_INTO;
	}
	return bits;
}

void dfsr_record_push(struct dfsr_push *p, const struct dfsr_record *r)
{
	uint8_t bits = record_bits(r);
	uint32_t i;

	if (p->err == 0 &&
	    (r->lineage.num > DFSR_LINEAGE_MAX ||
	     memchr(r->name, '\0', sizeof(r->name)) == NULL)) {
		p->err = EINVAL;
		return;
	}
	dfsr_push_u8(p, TYPES_PACK_VERSION);
	dfsr_push_u8(p, r->kind);
	dfsr_push_u8(p, bits);
	dfsr_push_u32(p, r->flags);
	dfsr_push_u32(p, r->attributes);
	dfsr_push_id(p, &r->uid);
	dfsr_push_id(p, &r->gvsn);
	dfsr_push_id(p, &r->parent);
	dfsr_push_u64(p, r->tag);
	dfsr_push_u64(p, r->fence);
	dfsr_push_u64(p, r->clock);
	dfsr_push_u64(p, r->create_time);
	dfsr_push_u64(p, r->size);
	dfsr_push_bytes(p, r->meta_hash, DFSR_HASH_LEN);
	if (bits & BIT_CONTENT_HASH) {
		dfsr_push_bytes(p, r->content_hash, DFSR_HASH_LEN);
	}
	if (bits & BIT_MERGED_INTO) {
		dfsr_push_id(p, &r->merged_into);
	}
	dfsr_push_str(p, r->name);
	dfsr_push_u8(p, (uint8_t)r->lineage.num);
	for (i = 0; i < r->lineage.num; i++) {
		dfsr_push_id(p, &r->lineage.e[i]);
	}
}

static void pull_hash(struct dfsr_pull *p, uint8_t hash[DFSR_HASH_LEN])
{
	const uint8_t *data = dfsr_pull_bytes(p, DFSR_HASH_LEN);

	if (data != NULL) {
		memcpy(hash, data, DFSR_HASH_LEN);
	}
}

static void pull_lineage(struct dfsr_pull *p, struct dfsr_lineage *l)
{
	uint32_t num = dfsr_pull_u8(p);
	uint32_t i;

	if (num > DFSR_LINEAGE_MAX) {
		types_pull_fail(p, EBADMSG);
		return;
	}
	for (i = 0; i < num; i++) {
		dfsr_pull_id(p, &l->e[i]);
	}
	l->num = num;
}

static void pull_fields(struct dfsr_pull *p, struct dfsr_record *r)
{
	uint8_t bits;

	r->kind = dfsr_pull_u8(p);
	bits = dfsr_pull_u8(p);
	r->present = (bits & BIT_PRESENT) != 0;
	r->name_conflict = (bits & BIT_NAME_CONFLICT) != 0;
	r->flags = dfsr_pull_u32(p);
	r->attributes = dfsr_pull_u32(p);
	dfsr_pull_id(p, &r->uid);
	dfsr_pull_id(p, &r->gvsn);
	dfsr_pull_id(p, &r->parent);
	r->tag = dfsr_pull_u64(p);
	r->fence = dfsr_pull_u64(p);
	r->clock = dfsr_pull_u64(p);
	r->create_time = dfsr_pull_u64(p);
	r->size = dfsr_pull_u64(p);
	pull_hash(p, r->meta_hash);
	if (bits & BIT_CONTENT_HASH) {
		pull_hash(p, r->content_hash);
	}
	if (bits & BIT_MERGED_INTO) {
		dfsr_pull_id(p, &r->merged_into);
	}
	dfsr_pull_strbuf(p, r->name, sizeof(r->name));
	pull_lineage(p, &r->lineage);
	if ((bits & ~BITS_KNOWN) != 0 || bits != record_bits(r)) {
		types_pull_fail(p, EBADMSG);
	}
}

void dfsr_record_pull(struct dfsr_pull *p, struct dfsr_record *r)
{
	memset(r, 0, sizeof(*r));
	if (dfsr_pull_u8(p) != TYPES_PACK_VERSION) {
		types_pull_fail(p, EBADMSG);
		return;
	}
	pull_fields(p, r);
	if (p->err == 0 && dfsr_record_valid(r) != NULL) {
		types_pull_fail(p, EBADMSG);
	}
	if (p->err != 0) {
		memset(r, 0, sizeof(*r));
	}
}
