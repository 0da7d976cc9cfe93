/*
   Samba DFS Replication
   Rows and their four orders: UID, name, GVSN, file identity

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
 * The table `uid` has the rows; `name`, `gvsn` and `ident` lead to a UID.
 *
 * - `name` has the live rows only, under (directory, fold key), and the
 *   directory is the one that is meant after following aliases. Two rows may
 *   want one name for a moment, when objects trade names: the one that was
 *   put last has it, and the other one is reached by its UID alone until it
 *   is put again. Therefore an entry is removed only if it still leads to the
 *   row that is being changed.
 * - `gvsn` has every row, tombstones too: it answers RequestUpdates.
 * - `ident` has the live rows with an object on the disk.
 *
 * A directory that becomes an alias hands its entries over to its winner. An
 * entry whose name the winner has already is dropped: the engine decided that
 * conflict and issues what follows from it.
 */

#include "store_private.h"

#include <errno.h>
#include <string.h>

/* ---- lookups ---------------------------------------------------------- */

int dfsr_store_row_by_uid(struct dfsr_store_txn *txn,
			  const struct dfsr_id *uid, struct dfsr_row *row)
{
	uint8_t key[STORE_ID_LEN];
	MDB_val val;
	int err;

	store_key_id(key, uid);
	err = store_get(txn, STORE_DB_UID, key, sizeof(key), &val);
	if (err != 0) {
		return err;
	}
	err = store_row_unpack(&val, row);
	if (err == 0 && !dfsr_id_equal(&row->rec.uid, uid)) {
		err = EIO;
	}
	return err;
}

/* The row that an index entry leads to; it is there, or the index lies. */
static int row_of_entry(struct dfsr_store_txn *txn, const MDB_val *entry,
			struct dfsr_row *row)
{
	struct dfsr_id uid;
	int err;

	err = store_id_unpack(entry, &uid);
	if (err != 0) {
		return err;
	}
	err = dfsr_store_row_by_uid(txn, &uid, row);
	return err == ENOENT ? EIO : err;
}

static int row_by_entry(struct dfsr_store_txn *txn, enum store_db db,
			const void *key, size_t keylen, struct dfsr_row *row)
{
	MDB_val val;
	int err;

	err = store_get(txn, db, key, keylen, &val);
	if (err != 0) {
		return err;
	}
	return row_of_entry(txn, &val, row);
}

void store_name_key_dir(struct store_name_key *key, const struct dfsr_id *dir)
{
	store_key_id(key->b, dir);
	key->len = STORE_ID_LEN;
}

static void name_key_add(struct store_name_key *key, const char *fold,
			 size_t len)
{
	memcpy(key->b + key->len, fold, len);
	key->len += len;
}

int store_name_key_make(struct dfsr_store_txn *txn,
			 const struct dfsr_id *dir, const char *name,
			 struct store_name_key *key)
{
	char fold[DFSR_FOLD_MAX + 1];
	struct dfsr_id meant;
	size_t len;
	int err;

	len = dfsr_fold(name, fold);
	if (len == 0) {
		return ENOENT;
	}
	err = store_resolve(txn, dir, &meant);
	if (err != 0) {
		return err;
	}
	store_name_key_dir(key, &meant);
	name_key_add(key, fold, len);
	return 0;
}

int dfsr_store_row_by_name(struct dfsr_store_txn *txn,
			   const struct dfsr_id *dir, const char *name,
			   struct dfsr_row *row)
{
	struct store_name_key key;
	int err;

	err = store_name_key_make(txn, dir, name, &key);
	if (err != 0) {
		return err;
	}
	return row_by_entry(txn, STORE_DB_NAME, key.b, key.len, row);
}

int dfsr_store_row_by_ident(struct dfsr_store_txn *txn,
			    const struct dfsr_ident *ident,
			    struct dfsr_row *row)
{
	uint8_t key[STORE_IDENT_LEN];

	if (dfsr_ident_is_null(ident)) {
		return ENOENT;
	}
	store_key_ident(key, ident);
	return row_by_entry(txn, STORE_DB_IDENT, key, sizeof(key), row);
}

/* ---- scans ------------------------------------------------------------ */

int dfsr_store_next_child(struct dfsr_store_txn *txn,
			  const struct dfsr_id *dir, const char *after,
			  struct dfsr_row *row)
{
	char fold[DFSR_FOLD_MAX + 1];
	struct store_name_key key;
	struct dfsr_id meant;
	MDB_val found, val;
	size_t len = strlen(after);
	int err;

	if (len > DFSR_FOLD_MAX) {
		return EINVAL;
	}
	err = store_resolve(txn, dir, &meant);
	if (err != 0) {
		return err;
	}
	store_name_key_dir(&key, &meant);
	if (len > 0 && len <= DFSR_NAME_MAX && dfsr_fold(after, fold) > 0) {
		/* folding what is folded changes nothing */
		after = fold;
		len = strlen(fold);
	}
	name_key_add(&key, after, len);
	err = store_next(txn, STORE_DB_NAME, key.b, key.len, false, &found,
			 &val);
	if (err != 0) {
		return err;
	}
	if (found.mv_size <= STORE_ID_LEN ||
	    memcmp(found.mv_data, key.b, STORE_ID_LEN) != 0) {
		return ENOENT;
	}
	return row_of_entry(txn, &val, row);
}

int dfsr_store_next_gvsn(struct dfsr_store_txn *txn,
			 const struct dfsr_id *from, struct dfsr_row *row)
{
	uint8_t key[STORE_ID_LEN];
	struct dfsr_id gvsn;
	MDB_val found, val;
	int err;

	store_key_id(key, from);
	err = store_next(txn, STORE_DB_GVSN, key, sizeof(key), true, &found,
			 &val);
	if (err == 0) {
		err = store_id_unpack(&found, &gvsn);
	}
	if (err != 0) {
		return err;
	}
	if (dfsr_guid_cmp(&gvsn.db, &from->db) != 0) {
		return ENOENT;
	}
	err = row_of_entry(txn, &val, row);
	if (err == 0 && !dfsr_id_equal(&row->rec.gvsn, &gvsn)) {
		err = EIO;
	}
	return err;
}

int dfsr_store_next_uid(struct dfsr_store_txn *txn,
			const struct dfsr_id *uid, struct dfsr_row *row)
{
	uint8_t key[STORE_ID_LEN];
	struct dfsr_id found_uid;
	MDB_val found, val;
	int err;

	store_key_id(key, uid);
	err = store_next(txn, STORE_DB_UID, key, sizeof(key), false, &found,
			 &val);
	if (err == 0) {
		err = store_id_unpack(&found, &found_uid);
	}
	if (err == 0) {
		err = store_row_unpack(&val, row);
	}
	if (err == 0 && !dfsr_id_equal(&row->rec.uid, &found_uid)) {
		err = EIO;
	}
	return err;
}

int dfsr_store_row_count(struct dfsr_store_txn *txn, uint64_t *live,
			 uint64_t *tombstones)
{
	uint64_t all = 0;
	int err;

	err = store_mem_load(txn);
	if (err == 0) {
		err = store_count(txn, STORE_DB_UID, &all);
	}
	if (err != 0) {
		return err;
	}
	if (all < txn->mem.live) {
		return EIO;
	}
	*live = txn->mem.live;
	*tombstones = all - txn->mem.live;
	return 0;
}
