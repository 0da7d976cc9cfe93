/*
   Samba DFS Replication
   What rows and list entries look like in the database

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
 * A value is
 *
 *	u8  version of its form
 *	... fields, little-endian, in the order of the functions below
 *	u32 check sum over all before it
 *
 * LMDB has no check sums of its own. A bit that fell over in a VSN would pass
 * every test of form and then be told to the partners, so the sum is not a
 * luxury. Whatever does not fit in every respect is EIO.
 *
 * A row starts with a byte of flags and, for an alias, with the winner, so
 * that a chain of aliases is followed without unpacking records.
 */

#include "store_private.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define VALUE_VERSION 1
#define VALUE_OVERHEAD 5

#define ROW_ALIAS 0x01
#define ROW_FLAGS_KNOWN 0x01

/* ---- keys ------------------------------------------------------------- */

void store_key_u64(uint8_t key[8], uint64_t v)
{
	int i;

	for (i = 7; i >= 0; i--) {
		key[i] = v & 0xff;
		v >>= 8;
	}
}

uint64_t store_key_u64_get(const uint8_t key[8])
{
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++) {
		v = (v << 8) | key[i];
	}
	return v;
}

void store_key_id(uint8_t key[STORE_ID_LEN], const struct dfsr_id *id)
{
	memcpy(key, id->db.b, 16);
	store_key_u64(key + 16, id->vsn);
}

int store_id_unpack(const MDB_val *val, struct dfsr_id *id)
{
	const uint8_t *b = val->mv_data;

	if (val->mv_size != STORE_ID_LEN) {
		return EIO;
	}
	memcpy(id->db.b, b, 16);
	id->vsn = store_key_u64_get(b + 16);
	return 0;
}

void store_key_ident(uint8_t key[STORE_IDENT_LEN],
		     const struct dfsr_ident *ident)
{
	store_key_u64(key, ident->ino);
	store_key_u64(key + 8, (uint64_t)ident->btime_sec);
	key[16] = ident->btime_nsec >> 24;
	key[17] = (ident->btime_nsec >> 16) & 0xff;
	key[18] = (ident->btime_nsec >> 8) & 0xff;
	key[19] = ident->btime_nsec & 0xff;
}

/* ---- the frame of a value --------------------------------------------- */

static uint32_t check_sum(const uint8_t *data, size_t len)
{
	uint64_t h = UINT64_C(0x5ad3f1c96b7e2d41) ^ len;
	uint64_t w;

	while (len >= sizeof(w)) {
		memcpy(&w, data, sizeof(w));
		h = (h ^ le64toh(w)) * UINT64_C(0xd6e8feb86659fd93);
		h ^= h >> 32;
		data += sizeof(w);
		len -= sizeof(w);
	}
	while (len > 0) {
		h = (h ^ *data) * UINT64_C(0xd6e8feb86659fd93);
		h ^= h >> 32;
		data++;
		len--;
	}
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h >> 32;
}

struct dfsr_push *store_value_start(struct dfsr_store_txn *txn)
{
	txn->scratch.len = 0;
	txn->scratch.err = 0;
	dfsr_push_u8(&txn->scratch, VALUE_VERSION);
	return &txn->scratch;
}

int store_value_put(struct dfsr_store_txn *txn, enum store_db db,
		    const void *key, size_t keylen)
{
	struct dfsr_push *p = &txn->scratch;

	if (p->err == 0) {
		dfsr_push_u32(p, check_sum(p->data, p->len));
	}
	if (p->err != 0) {
		return p->err;
	}
	return store_put(txn, db, key, keylen, p->data, p->len);
}

int store_value_open(const MDB_val *val, struct dfsr_pull *p)
{
	const uint8_t *data = val->mv_data;
	size_t len = val->mv_size;
	struct dfsr_pull sum;

	if (len < VALUE_OVERHEAD || data[0] != VALUE_VERSION) {
		return EIO;
	}
	len -= sizeof(uint32_t);
	dfsr_pull_init(&sum, data + len, sizeof(uint32_t));
	if (dfsr_pull_u32(&sum) != check_sum(data, len)) {
		return EIO;
	}
	dfsr_pull_init(p, data + 1, len - 1);
	return 0;
}

int store_value_end(struct dfsr_pull *p)
{
	int err = dfsr_pull_end(p);

	return (err == EBADMSG) ? EIO : err;
}

/* A flag that is neither 0 nor 1 is damage. */
static bool pull_bool(struct dfsr_pull *p)
{
	uint8_t v = dfsr_pull_u8(p);

	if (v > 1 && p->err == 0) {
		p->err = EBADMSG;
	}
	return v == 1;
}

/* ---- rows ------------------------------------------------------------- */

void store_row_pack(struct dfsr_push *p, const struct dfsr_row *row)
{
	bool alias = dfsr_record_is_alias(&row->rec);

	dfsr_push_u8(p, alias ? ROW_ALIAS : 0);
	if (alias) {
		dfsr_push_id(p, &row->rec.merged_into);
	}
	dfsr_record_push(p, &row->rec);
	dfsr_stamp_push(p, &row->stamp);
	dfsr_push_u8(p, row->fh_len);
	dfsr_push_bytes(p, row->fh, row->fh_len);
	dfsr_push_u32(p, (uint32_t)row->fh_type);
	dfsr_push_u64(p, row->clock_high);
	dfsr_push_u64(p, row->put_time);
}

static int row_start(const MDB_val *val, struct dfsr_pull *p, bool *alias,
		     struct dfsr_id *winner)
{
	uint8_t flags;
	int err;

	err = store_value_open(val, p);
	if (err != 0) {
		return err;
	}
	flags = dfsr_pull_u8(p);
	if ((flags & ~ROW_FLAGS_KNOWN) != 0) {
		return EIO;
	}
	*alias = (flags & ROW_ALIAS) != 0;
	if (*alias) {
		dfsr_pull_id(p, winner);
	}
	return p->err != 0 ? EIO : 0;
}

int store_row_alias(const MDB_val *val, bool *alias, struct dfsr_id *winner)
{
	struct dfsr_pull p;

	return row_start(val, &p, alias, winner);
}

int store_row_unpack(const MDB_val *val, struct dfsr_row *row)
{
	struct dfsr_pull p;
	struct dfsr_id winner;
	const uint8_t *fh = NULL;
	bool alias;
	int err;

	err = row_start(val, &p, &alias, &winner);
	if (err != 0) {
		return err;
	}
	dfsr_record_pull(&p, &row->rec);
	dfsr_stamp_pull(&p, &row->stamp);
	row->fh_len = dfsr_pull_u8(&p);
	if (row->fh_len > DFSR_FH_MAX) {
		return EIO;
	}
	fh = dfsr_pull_bytes(&p, row->fh_len);
	memset(row->fh, 0, sizeof(row->fh));
	if (fh != NULL) {
		memcpy(row->fh, fh, row->fh_len);
	}
	row->fh_type = (int32_t)dfsr_pull_u32(&p);
	row->clock_high = dfsr_pull_u64(&p);
	row->put_time = dfsr_pull_u64(&p);
	err = store_value_end(&p);
	if (err != 0) {
		return err;
	}
	if (alias != dfsr_record_is_alias(&row->rec)) {
		return EIO;
	}
	if (alias && !dfsr_id_equal(&winner, &row->rec.merged_into)) {
		return EIO;
	}
	return 0;
}

/* ---- holes and redo units --------------------------------------------- */

void store_hole_pack(struct dfsr_push *p, const struct dfsr_hole *hole)
{
	dfsr_record_push(p, &hole->update);
	dfsr_push_u32(p, hole->reason);
	dfsr_push_u32(p, (uint32_t)hole->error);
	dfsr_push_u64(p, hole->since);
	dfsr_push_u32(p, hole->attempts);
}

int store_hole_unpack(const MDB_val *val, struct dfsr_hole *hole)
{
	struct dfsr_pull p;
	int err;

	err = store_value_open(val, &p);
	if (err != 0) {
		return err;
	}
	dfsr_record_pull(&p, &hole->update);
	hole->reason = dfsr_pull_u32(&p);
	hole->error = (int32_t)dfsr_pull_u32(&p);
	hole->since = dfsr_pull_u64(&p);
	hole->attempts = dfsr_pull_u32(&p);
	if (hole->reason > DFSR_WAIT_ERROR) {
		return EIO;
	}
	return store_value_end(&p);
}

void store_redo_pack(struct dfsr_push *p, const struct dfsr_redo *redo)
{
	dfsr_push_id(p, &redo->uid);
	dfsr_push_u32(p, redo->step);
	dfsr_record_push(p, &redo->update);
	dfsr_stamp_push(p, &redo->old_stamp);
	dfsr_stamp_push(p, &redo->staged_stamp);
	dfsr_push_str(p, redo->staged);
	dfsr_push_str(p, redo->displaced);
	dfsr_push_u8(p, redo->park);
	dfsr_push_u8(p, redo->keep_old);
	dfsr_push_u32(p, redo->conflict);
}

int store_redo_unpack(const MDB_val *val, struct dfsr_redo *redo)
{
	struct dfsr_pull p;
	int err;

	err = store_value_open(val, &p);
	if (err != 0) {
		return err;
	}
	dfsr_pull_id(&p, &redo->uid);
	redo->step = dfsr_pull_u32(&p);
	dfsr_record_pull(&p, &redo->update);
	dfsr_stamp_pull(&p, &redo->old_stamp);
	dfsr_stamp_pull(&p, &redo->staged_stamp);
	dfsr_pull_strbuf(&p, redo->staged, sizeof(redo->staged));
	dfsr_pull_strbuf(&p, redo->displaced, sizeof(redo->displaced));
	redo->park = pull_bool(&p);
	redo->keep_old = pull_bool(&p);
	redo->conflict = dfsr_pull_u32(&p);
	if (redo->step > DFSR_REDO_MKDIR ||
	    redo->conflict > DFSR_CONFLICT_DELETED) {
		return EIO;
	}
	return store_value_end(&p);
}

/* ---- the manifest ----------------------------------------------------- */

void store_preserved_pack(struct dfsr_push *p,
			  const struct dfsr_preserved *pr)
{
	dfsr_push_u64(p, pr->seq);
	dfsr_record_push(p, &pr->rec);
	dfsr_push_id(p, &pr->winner_gvsn);
	dfsr_push_guid(p, &pr->partner);
	dfsr_push_u32(p, pr->conflict);
	dfsr_push_u32(p, pr->differs);
	dfsr_push_u64(p, pr->time);
	dfsr_push_u64(p, pr->size);
	dfsr_push_u64(p, pr->files);
	dfsr_push_u8(p, pr->store);
	dfsr_push_str(p, pr->path);
	dfsr_push_str(p, pr->preserved_name);
}

int store_preserved_unpack(const MDB_val *val, struct dfsr_preserved *pr)
{
	struct dfsr_pull p;
	int err;

	err = store_value_open(val, &p);
	if (err != 0) {
		return err;
	}
	pr->seq = dfsr_pull_u64(&p);
	dfsr_record_pull(&p, &pr->rec);
	dfsr_pull_id(&p, &pr->winner_gvsn);
	dfsr_pull_guid(&p, &pr->partner);
	pr->conflict = dfsr_pull_u32(&p);
	pr->differs = dfsr_pull_u32(&p);
	pr->time = dfsr_pull_u64(&p);
	pr->size = dfsr_pull_u64(&p);
	pr->files = dfsr_pull_u64(&p);
	pr->store = dfsr_pull_u8(&p);
	dfsr_pull_strbuf(&p, pr->path, sizeof(pr->path));
	dfsr_pull_strbuf(&p, pr->preserved_name, sizeof(pr->preserved_name));
	if (pr->conflict > DFSR_CONFLICT_DELETED || pr->store > 1) {
		return EIO;
	}
	return store_value_end(&p);
}
