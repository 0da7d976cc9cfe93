/*
   Samba DFS Replication
   Storing a row and keeping its four orders in step
   (what they are stands in store_rows.c)

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

#include "store_private.h"

#include <errno.h>
#include <string.h>

/* ---- storing ---------------------------------------------------------- */

/* Remove an entry unless it leads to somebody else by now. */
static int entry_drop(struct dfsr_store_txn *txn, enum store_db db,
		      const void *key, size_t keylen,
		      const struct dfsr_id *uid)
{
	struct dfsr_id holder;
	MDB_val val;
	int err;

	err = store_get(txn, db, key, keylen, &val);
	if (err == ENOENT) {
		return 0;
	}
	if (err == 0) {
		err = store_id_unpack(&val, &holder);
	}
	if (err != 0 || !dfsr_id_equal(&holder, uid)) {
		return err;
	}
	return store_del(txn, db, key, keylen);
}

/* Lead an entry to uid; what is right already is not written again. */
static int entry_set(struct dfsr_store_txn *txn, enum store_db db,
		     const void *key, size_t keylen,
		     const struct dfsr_id *uid)
{
	uint8_t data[STORE_ID_LEN];
	MDB_val val;
	int err;

	store_key_id(data, uid);
	err = store_get(txn, db, key, keylen, &val);
	if (err == 0 && val.mv_size == sizeof(data) &&
	    memcmp(val.mv_data, data, sizeof(data)) == 0) {
		return 0;
	}
	if (err != 0 && err != ENOENT) {
		return err;
	}
	return store_put(txn, db, key, keylen, data, sizeof(data));
}

static bool has_name(const struct dfsr_store_txn *txn,
		     const struct dfsr_row *row)
{
	return row->rec.present &&
	       !dfsr_id_equal(&row->rec.uid, &txn->store->root);
}

static bool has_ident(const struct dfsr_row *row)
{
	return row->rec.present && !dfsr_ident_is_null(&row->stamp.ident);
}

static bool same_name_key(const struct store_name_key *a,
			  const struct store_name_key *b)
{
	return a->len == b->len && memcmp(a->b, b->b, a->len) == 0;
}

/* old is NULL for a new row; the same for the other two orders */
static int put_name(struct dfsr_store_txn *txn, const struct dfsr_row *old,
		    const struct dfsr_row *row)
{
	struct store_name_key was = {.len = 0};
	struct store_name_key is = {.len = 0};
	int err;

	if (old != NULL && has_name(txn, old)) {
		err = store_name_key_make(txn, &old->rec.parent, old->rec.name,
				    &was);
		if (err != 0) {
			return err;
		}
	}
	if (has_name(txn, row)) {
		err = store_name_key_make(txn, &row->rec.parent, row->rec.name,
				    &is);
		if (err != 0) {
			return err;
		}
	}
	if (was.len > 0 && !same_name_key(&was, &is)) {
		err = entry_drop(txn, STORE_DB_NAME, was.b, was.len,
				 &row->rec.uid);
		if (err != 0) {
			return err;
		}
	}
	if (is.len == 0) {
		return 0;
	}
	return entry_set(txn, STORE_DB_NAME, is.b, is.len, &row->rec.uid);
}

static int put_gvsn(struct dfsr_store_txn *txn, const struct dfsr_row *old,
		    const struct dfsr_row *row)
{
	uint8_t key[STORE_ID_LEN];
	int err;

	if (old != NULL && !dfsr_id_equal(&old->rec.gvsn, &row->rec.gvsn)) {
		store_key_id(key, &old->rec.gvsn);
		err = entry_drop(txn, STORE_DB_GVSN, key, sizeof(key),
				 &row->rec.uid);
		if (err != 0) {
			return err;
		}
	}
	store_key_id(key, &row->rec.gvsn);
	return entry_set(txn, STORE_DB_GVSN, key, sizeof(key),
			 &row->rec.uid);
}

static int put_ident(struct dfsr_store_txn *txn, const struct dfsr_row *old,
		     const struct dfsr_row *row)
{
	uint8_t key[STORE_IDENT_LEN];
	int err;

	if (old != NULL && has_ident(old) &&
	    (!has_ident(row) ||
	     !dfsr_ident_equal(&old->stamp.ident, &row->stamp.ident))) {
		store_key_ident(key, &old->stamp.ident);
		err = entry_drop(txn, STORE_DB_IDENT, key, sizeof(key),
				 &row->rec.uid);
		if (err != 0) {
			return err;
		}
	}
	if (!has_ident(row)) {
		return 0;
	}
	store_key_ident(key, &row->stamp.ident);
	return entry_set(txn, STORE_DB_IDENT, key, sizeof(key),
			 &row->rec.uid);
}

/* ---- aliases ---------------------------------------------------------- */

/* Aliases must not form a circle, whoever made them. */
static int alias_check(struct dfsr_store_txn *txn,
		       const struct dfsr_record *rec)
{
	uint8_t key[STORE_ID_LEN];
	struct dfsr_id at = rec->merged_into;
	MDB_val val;
	bool alias;
	int depth, err;

	for (depth = 0; depth < DFSR_ALIAS_DEPTH_MAX; depth++) {
		if (dfsr_id_equal(&at, &rec->uid)) {
			return ELOOP;
		}
		store_key_id(key, &at);
		err = store_get(txn, STORE_DB_UID, key, sizeof(key), &val);
		if (err == ENOENT) {
			return 0;
		}
		if (err == 0) {
			err = store_row_alias(&val, &alias, &at);
		}
		if (err != 0 || !alias) {
			return err;
		}
	}
	return ELOOP;
}

/* Move one entry to where its row's parent leads now. */
static int hand_over_one(struct dfsr_store_txn *txn,
			 const struct store_name_key *key,
			 const struct dfsr_id *uid, const struct dfsr_id *to)
{
	struct store_name_key moved;
	MDB_val val;
	int err;

	err = store_del(txn, STORE_DB_NAME, key->b, key->len);
	if (err != 0) {
		return err;
	}
	moved = *key;
	store_key_id(moved.b, to);
	err = store_get(txn, STORE_DB_NAME, moved.b, moved.len, &val);
	if (err != ENOENT) {
		/* the winner has that name: its entry stays */
		return err;
	}
	return entry_set(txn, STORE_DB_NAME, moved.b, moved.len, uid);
}

/* Where the child's parent leads to; all of them if the alias is new. */
static int hand_over_target(struct dfsr_store_txn *txn,
			    const struct dfsr_id *child, bool all,
			    struct dfsr_id *to)
{
	struct dfsr_row row;
	int err;

	if (all) {
		return 0;
	}
	err = dfsr_store_row_by_uid(txn, child, &row);
	if (err != 0) {
		return err == ENOENT ? EIO : err;
	}
	return store_resolve(txn, &row.rec.parent, to);
}

/*
 * The entries below `from` whose way leads elsewhere since rec was stored.
 * With `from` being rec's own UID that is every one of them.
 */
static int hand_over(struct dfsr_store_txn *txn, const struct dfsr_id *from,
		     const struct dfsr_record *rec)
{
	struct store_name_key key;
	struct dfsr_id to, child;
	MDB_val found, val;
	bool all = dfsr_id_equal(from, &rec->uid);
	int err;

	err = store_resolve(txn, &rec->uid, &to);
	if (err != 0 || dfsr_id_equal(from, &to)) {
		return err;
	}
	store_name_key_dir(&key, from);
	for (;;) {
		err = store_next(txn, STORE_DB_NAME, key.b, key.len, false,
				 &found, &val);
		if (err == ENOENT) {
			return 0;
		}
		if (err != 0) {
			return err;
		}
		if (found.mv_size > sizeof(key.b) ||
		    found.mv_size <= STORE_ID_LEN) {
			return EIO;
		}
		if (memcmp(found.mv_data, key.b, STORE_ID_LEN) != 0) {
			return 0;
		}
		memcpy(key.b, found.mv_data, found.mv_size);
		key.len = found.mv_size;
		err = store_id_unpack(&val, &child);
		if (err == 0) {
			err = hand_over_target(txn, &child, all, &to);
		}
		if (err == 0 && !dfsr_id_equal(from, &to)) {
			err = hand_over_one(txn, &key, &child, &to);
		}
		if (err != 0) {
			return err;
		}
	}
}

/* ---- put -------------------------------------------------------------- */

static int put_row(struct dfsr_store_txn *txn, const struct dfsr_row *old,
		   const struct dfsr_row *row)
{
	uint8_t key[STORE_ID_LEN];
	struct dfsr_push *p = NULL;
	int err;

	err = put_name(txn, old, row);
	if (err == 0) {
		err = put_gvsn(txn, old, row);
	}
	if (err == 0) {
		err = put_ident(txn, old, row);
	}
	if (err != 0) {
		return err;
	}
	p = store_value_start(txn);
	store_row_pack(p, row);
	store_key_id(key, &row->rec.uid);
	err = store_value_put(txn, STORE_DB_UID, key, sizeof(key));
	if (err != 0) {
		return err;
	}
	if (old != NULL && old->rec.present) {
		txn->mem.live--;
		txn->mem.counters_changed = true;
	}
	if (row->rec.present) {
		txn->mem.live++;
		txn->mem.counters_changed = true;
	}
	return 0;
}

static int put_check(struct dfsr_store_txn *txn, const struct dfsr_row *row)
{
	if (txn->top == NULL) {
		return EROFS;
	}
	if (dfsr_record_valid(&row->rec) != NULL ||
	    row->fh_len > DFSR_FH_MAX) {
		return EINVAL;
	}
	if (row->rec.uid.vsn == txn->store->root.vsn &&
	    !dfsr_id_equal(&row->rec.uid, &txn->store->root)) {
		/* the root of another folder */
		return EINVAL;
	}
	if (dfsr_record_is_alias(&row->rec)) {
		return alias_check(txn, &row->rec);
	}
	return 0;
}

int dfsr_store_row_put(struct dfsr_store_txn *txn, const struct dfsr_row *row)
{
	struct dfsr_row old;
	struct dfsr_id from;
	bool have_old, moves;
	int err;

	err = put_check(txn, row);
	if (err != 0) {
		return err;
	}
	err = dfsr_store_row_by_uid(txn, &row->rec.uid, &old);
	if (err != 0 && err != ENOENT) {
		return err;
	}
	have_old = (err == 0);
	moves = dfsr_record_is_alias(&row->rec) ||
		(have_old && dfsr_record_is_alias(&old.rec));
	if (moves) {
		err = store_resolve(txn, &row->rec.uid, &from);
		if (err != 0) {
			return err;
		}
	}
	err = put_row(txn, have_old ? &old : NULL, row);
	if (err == 0 && moves) {
		err = hand_over(txn, &from, &row->rec);
	}
	return err;
}
