/*
   Samba DFS Replication
   Holes, redo units, the manifest, the preexisting set

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
 * Paths of the preexisting set may be longer than LMDB's keys. The key of a
 * path is
 *
 *	up to PRE_PLAIN_MAX bytes   the path itself
 *	longer                      its first PRE_PLAIN_MAX bytes and the
 *	                            SHA-256 of the whole
 *
 * and the value has the whole path. So the order of dfsr_store_pre_next() is
 * that of the bytes, but for paths which agree in their first PRE_PLAIN_MAX
 * bytes: these follow one another, each exactly once, the short one first
 * and the others in the order of their sums. Names come from users, who must
 * not be able to make two paths meet in one key: hence no cheap hash.
 */

#include "store_private.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define PRE_SUM_LEN 32
#define PRE_PLAIN_MAX 440
#define PRE_KEY_MAX (PRE_PLAIN_MAX + PRE_SUM_LEN)

_Static_assert(PRE_KEY_MAX <= STORE_KEY_MAX, "a path's key is too long");
_Static_assert(STORE_NAME_KEY_MAX <= STORE_KEY_MAX,
	       "a name's key is too long");

/* ---- holes ------------------------------------------------------------ */

int dfsr_store_hole_put(struct dfsr_store_txn *txn,
			const struct dfsr_hole *hole)
{
	uint8_t key[STORE_ID_LEN];

	if (dfsr_record_valid(&hole->update) != NULL ||
	    hole->reason > DFSR_WAIT_ERROR) {
		return EINVAL;
	}
	store_key_id(key, &hole->update.gvsn);
	store_hole_pack(store_value_start(txn), hole);
	return store_value_put(txn, STORE_DB_HOLE, key, sizeof(key));
}

int dfsr_store_hole_del(struct dfsr_store_txn *txn, const struct dfsr_id *gvsn)
{
	uint8_t key[STORE_ID_LEN];

	store_key_id(key, gvsn);
	return store_del(txn, STORE_DB_HOLE, key, sizeof(key));
}

int dfsr_store_hole_next(struct dfsr_store_txn *txn,
			 const struct dfsr_id *gvsn, struct dfsr_hole *hole)
{
	uint8_t key[STORE_ID_LEN];
	struct dfsr_id id;
	MDB_val found, val;
	int err;

	store_key_id(key, gvsn);
	err = store_next(txn, STORE_DB_HOLE, key, sizeof(key), false, &found,
			 &val);
	if (err == 0) {
		err = store_id_unpack(&found, &id);
	}
	if (err == 0) {
		err = store_hole_unpack(&val, hole);
	}
	if (err == 0 && !dfsr_id_equal(&hole->update.gvsn, &id)) {
		err = EIO;
	}
	return err;
}

uint64_t dfsr_store_hole_count(struct dfsr_store *store)
{
	uint64_t holes;

	pthread_mutex_lock(&store->lock);
	holes = store->holes;
	pthread_mutex_unlock(&store->lock);
	return holes;
}

/* ---- redo units ------------------------------------------------------- */

static bool redo_valid(const struct dfsr_redo *redo)
{
	return dfsr_record_valid(&redo->update) == NULL &&
	       redo->step <= DFSR_REDO_MKDIR &&
	       redo->conflict <= DFSR_CONFLICT_DELETED &&
	       memchr(redo->staged, '\0', sizeof(redo->staged)) != NULL &&
	       memchr(redo->displaced, '\0', sizeof(redo->displaced)) != NULL;
}

int dfsr_store_redo_put(struct dfsr_store_txn *txn,
			const struct dfsr_redo *redo)
{
	uint8_t key[STORE_ID_LEN];

	if (!redo_valid(redo)) {
		return EINVAL;
	}
	store_key_id(key, &redo->uid);
	store_redo_pack(store_value_start(txn), redo);
	return store_value_put(txn, STORE_DB_REDO, key, sizeof(key));
}

static int redo_read(const MDB_val *val, const struct dfsr_id *uid,
		     struct dfsr_redo *redo)
{
	int err = store_redo_unpack(val, redo);

	if (err == 0 && !dfsr_id_equal(&redo->uid, uid)) {
		err = EIO;
	}
	return err;
}

int dfsr_store_redo_get(struct dfsr_store_txn *txn, const struct dfsr_id *uid,
			struct dfsr_redo *redo)
{
	uint8_t key[STORE_ID_LEN];
	MDB_val val;
	int err;

	store_key_id(key, uid);
	err = store_get(txn, STORE_DB_REDO, key, sizeof(key), &val);
	if (err != 0) {
		return err;
	}
	return redo_read(&val, uid, redo);
}

int dfsr_store_redo_del(struct dfsr_store_txn *txn, const struct dfsr_id *uid)
{
	uint8_t key[STORE_ID_LEN];

	store_key_id(key, uid);
	return store_del(txn, STORE_DB_REDO, key, sizeof(key));
}

int dfsr_store_redo_next(struct dfsr_store_txn *txn,
			 const struct dfsr_id *uid, struct dfsr_redo *redo)
{
	uint8_t key[STORE_ID_LEN];
	struct dfsr_id id;
	MDB_val found, val;
	int err;

	store_key_id(key, uid);
	err = store_next(txn, STORE_DB_REDO, key, sizeof(key), false, &found,
			 &val);
	if (err == 0) {
		err = store_id_unpack(&found, &id);
	}
	if (err != 0) {
		return err;
	}
	return redo_read(&val, &id, redo);
}

/* ---- the manifest ----------------------------------------------------- */

static bool preserved_valid(const struct dfsr_preserved *p)
{
	return dfsr_record_valid(&p->rec) == NULL &&
	       p->conflict <= DFSR_CONFLICT_DELETED && p->store <= 1 &&
	       memchr(p->path, '\0', sizeof(p->path)) != NULL &&
	       memchr(p->preserved_name, '\0', sizeof(p->preserved_name)) !=
		       NULL;
}

int dfsr_store_preserved_add(struct dfsr_store_txn *txn,
			     struct dfsr_preserved *p)
{
	uint8_t key[8];
	int err;

	if (txn->top == NULL) {
		return EROFS;
	}
	if (!preserved_valid(p)) {
		return EINVAL;
	}
	p->seq = txn->mem.seq + 1;
	store_key_u64(key, p->seq);
	store_preserved_pack(store_value_start(txn), p);
	err = store_value_put(txn, STORE_DB_PRESERVED, key, sizeof(key));
	if (err == 0) {
		txn->mem.seq = p->seq;
		txn->mem.counters_changed = true;
	}
	return err;
}

static int preserved_read(const MDB_val *val, uint64_t seq,
			  struct dfsr_preserved *p)
{
	int err = store_preserved_unpack(val, p);

	if (err == 0 && p->seq != seq) {
		err = EIO;
	}
	return err;
}

int dfsr_store_preserved_get(struct dfsr_store_txn *txn, uint64_t seq,
			     struct dfsr_preserved *p)
{
	uint8_t key[8];
	MDB_val val;
	int err;

	store_key_u64(key, seq);
	err = store_get(txn, STORE_DB_PRESERVED, key, sizeof(key), &val);
	if (err != 0) {
		return err;
	}
	return preserved_read(&val, seq, p);
}

int dfsr_store_preserved_del(struct dfsr_store_txn *txn, uint64_t seq)
{
	uint8_t key[8];

	store_key_u64(key, seq);
	return store_del(txn, STORE_DB_PRESERVED, key, sizeof(key));
}

int dfsr_store_preserved_next(struct dfsr_store_txn *txn, uint64_t after,
			      struct dfsr_preserved *p)
{
	uint8_t key[8];
	MDB_val found, val;
	int err;

	store_key_u64(key, after);
	err = store_next(txn, STORE_DB_PRESERVED, key, sizeof(key), false,
			 &found, &val);
	if (err != 0) {
		return err;
	}
	if (found.mv_size != sizeof(key)) {
		return EIO;
	}
	return preserved_read(&val, store_key_u64_get(found.mv_data), p);
}

/* ---- the preexisting set ---------------------------------------------- */

struct pre_key {
	size_t len;
	uint8_t b[PRE_KEY_MAX];
};

static int pre_key_make(const char *path, struct pre_key *key)
{
	size_t len = strlen(path);

	if (len > STORE_PATH_MAX) {
		return ENAMETOOLONG;
	}
	if (len <= PRE_PLAIN_MAX) {
		memcpy(key->b, path, len);
		key->len = len;
		return 0;
	}
	memcpy(key->b, path, PRE_PLAIN_MAX);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, path, len,
			     key->b + PRE_PLAIN_MAX) != 0) {
		return ENOMEM;
	}
	key->len = PRE_KEY_MAX;
	return 0;
}

static int pre_read(const MDB_val *val, TALLOC_CTX *mem_ctx, char **path,
		    struct dfsr_stamp *stamp)
{
	struct dfsr_pull p;
	int err;

	err = store_value_open(val, &p);
	if (err != 0) {
		return err;
	}
	dfsr_stamp_pull(&p, stamp);
	*path = dfsr_pull_str(&p, mem_ctx, STORE_PATH_MAX);
	err = store_value_end(&p);
	if (err != 0) {
		TALLOC_FREE(*path);
	}
	return err;
}

int dfsr_store_pre_put(struct dfsr_store_txn *txn, const char *path,
		       const struct dfsr_stamp *stamp)
{
	struct dfsr_push *p = NULL;
	struct pre_key key;
	int err;

	if (path[0] == '\0') {
		return EINVAL;
	}
	err = pre_key_make(path, &key);
	if (err != 0) {
		return err;
	}
	p = store_value_start(txn);
	dfsr_stamp_push(p, stamp);
	dfsr_push_str(p, path);
	return store_value_put(txn, STORE_DB_PRE, key.b, key.len);
}

int dfsr_store_pre_get(struct dfsr_store_txn *txn, const char *path,
		       struct dfsr_stamp *stamp)
{
	struct pre_key key;
	char *stored = NULL;
	MDB_val val;
	int err;

	if (path[0] == '\0') {
		return ENOENT;
	}
	err = pre_key_make(path, &key);
	if (err == 0) {
		err = store_get(txn, STORE_DB_PRE, key.b, key.len, &val);
	}
	if (err == 0) {
		err = pre_read(&val, NULL, &stored, stamp);
	}
	if (err == 0 && strcmp(stored, path) != 0) {
		err = EIO;
	}
	TALLOC_FREE(stored);
	return err;
}

int dfsr_store_pre_del(struct dfsr_store_txn *txn, const char *path)
{
	struct pre_key key;
	int err;

	if (path[0] == '\0') {
		return EINVAL;
	}
	err = pre_key_make(path, &key);
	if (err != 0) {
		return err;
	}
	return store_del(txn, STORE_DB_PRE, key.b, key.len);
}

int dfsr_store_pre_next(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
			const char *after, char **path,
			struct dfsr_stamp *stamp)
{
	struct pre_key key;
	MDB_val found, val;
	int err;

	*path = NULL;
	err = pre_key_make(after, &key);
	if (err == 0) {
		err = store_next(txn, STORE_DB_PRE, key.b, key.len, false,
				 &found, &val);
	}
	if (err != 0) {
		return err;
	}
	return pre_read(&val, mem_ctx, path, stamp);
}
