/*
   Samba DFS Replication
   Plain access to the tables, and read transactions

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
#include <stdlib.h>
#include <string.h>

/* ---- plain access ----------------------------------------------------- */

static int note(struct dfsr_store_txn *txn, int rc)
{
	if (rc == MDB_MAP_FULL || rc == MDB_TXN_FULL) {
		txn->trouble = rc;
	}
	return store_errno(rc);
}

static MDB_val make_val(const void *data, size_t len)
{
	MDB_val val;

	/* LMDB does not write through the pointers that it is given */
	memcpy(&val.mv_data, &data, sizeof(data));
	val.mv_size = len;
	return val;
}

static int begin_write(struct dfsr_store_txn *txn)
{
	MDB_txn *nested = NULL;
	int rc;

	if (txn->top == NULL) {
		return EROFS;
	}
	if (txn->nest && txn->mdb == txn->top) {
		rc = mdb_txn_begin(txn->store->env, txn->top, 0, &nested);
		if (rc != 0) {
			return note(txn, rc);
		}
		txn->mdb = nested;
	}
	txn->dirty = true;
	return 0;
}

int store_get(struct dfsr_store_txn *txn, enum store_db db, const void *key,
	      size_t keylen, MDB_val *val)
{
	MDB_val k = make_val(key, keylen);

	return note(txn, mdb_get(txn->mdb, txn->store->dbi[db], &k, val));
}

int store_put(struct dfsr_store_txn *txn, enum store_db db, const void *key,
	      size_t keylen, const void *data, size_t len)
{
	MDB_val k = make_val(key, keylen);
	MDB_val v = make_val(data, len);
	int err;

	err = begin_write(txn);
	if (err != 0) {
		return err;
	}
	return note(txn, mdb_put(txn->mdb, txn->store->dbi[db], &k, &v, 0));
}

int store_del(struct dfsr_store_txn *txn, enum store_db db, const void *key,
	      size_t keylen)
{
	MDB_val k = make_val(key, keylen);
	int err;

	err = begin_write(txn);
	if (err != 0) {
		return err;
	}
	err = note(txn, mdb_del(txn->mdb, txn->store->dbi[db], &k, NULL));
	return err == ENOENT ? 0 : err;
}

int store_next(struct dfsr_store_txn *txn, enum store_db db, const void *key,
	       size_t keylen, bool equal, MDB_val *found, MDB_val *val)
{
	MDB_cursor *cursor = NULL;
	int rc;

	rc = mdb_cursor_open(txn->mdb, txn->store->dbi[db], &cursor);
	if (rc != 0) {
		return note(txn, rc);
	}
	*found = make_val(key, keylen);
	rc = mdb_cursor_get(cursor, found, val,
			    keylen == 0 ? MDB_FIRST : MDB_SET_RANGE);
	if (rc == 0 && !equal && keylen != 0 && found->mv_size == keylen &&
	    memcmp(found->mv_data, key, keylen) == 0) {
		rc = mdb_cursor_get(cursor, found, val, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return note(txn, rc);
}

int store_count(struct dfsr_store_txn *txn, enum store_db db, uint64_t *num)
{
	MDB_stat st;
	int rc;

	rc = mdb_stat(txn->mdb, txn->store->dbi[db], &st);
	if (rc != 0) {
		return note(txn, rc);
	}
	*num = st.ms_entries;
	return 0;
}

/* ---- readers ---------------------------------------------------------- */

void store_spare_drop(struct dfsr_store *store)
{
	struct dfsr_store_txn *txn = store->spare;

	store->spare = NULL;
	while (txn != NULL) {
		struct dfsr_store_txn *next = txn->next_spare;

		mdb_txn_abort(txn->mdb);
		free(txn);
		txn = next;
	}
}

/* With env_lock held. */
static int reader_begin(struct dfsr_store *store, struct dfsr_store_txn **out)
{
	struct dfsr_store_txn *txn = store->spare;
	MDB_txn *mdb = NULL;
	int rc;

	if (store->broken || store->env == NULL) {
		return EIO;
	}
	if (txn != NULL) {
		store->spare = txn->next_spare;
		mdb = txn->mdb;
		rc = mdb_txn_renew(mdb);
		if (rc != 0) {
			mdb_txn_abort(mdb);
		}
	} else {
		txn = malloc(sizeof(*txn));
		if (txn == NULL) {
			return ENOMEM;
		}
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &mdb);
	}
	if (rc != 0) {
		free(txn);
		return store_errno(rc);
	}
	*txn = (struct dfsr_store_txn){.store = store, .mdb = mdb};
	store->readers++;
	*out = txn;
	return 0;
}

int dfsr_store_read_begin(struct dfsr_store *store,
			  struct dfsr_store_txn **out)
{
	struct dfsr_store_txn *txn = NULL;
	int err;

	*out = NULL;
	pthread_mutex_lock(&store->env_lock);
	err = reader_begin(store, &txn);
	pthread_mutex_unlock(&store->env_lock);
	if (err != 0) {
		return err;
	}
	dfsr_push_init(&txn->scratch, NULL);
	/* the published vector saves unpacking, if it is of this state */
	pthread_mutex_lock(&store->lock);
	if (store->published_txnid == mdb_txn_id(txn->mdb)) {
		txn->mem.vec = store_vec_ref(store->published);
	}
	pthread_mutex_unlock(&store->lock);
	*out = txn;
	return 0;
}

void dfsr_store_read_end(struct dfsr_store_txn *txn)
{
	struct dfsr_store *store = txn->store;

	store_vec_unref(txn->mem.vec);
	mdb_txn_reset(txn->mdb);
	pthread_mutex_lock(&store->env_lock);
	txn->next_spare = store->spare;
	store->spare = txn;
	store->readers--;
	if (store->readers == 0) {
		pthread_cond_signal(&store->no_readers);
	}
	pthread_mutex_unlock(&store->env_lock);
}
