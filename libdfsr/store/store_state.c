/*
   Samba DFS Replication
   The vector, the issuer, and small named values

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
 * The vector of a transaction is never changed in place: a unit that adds to
 * it makes a copy first, and an aborted unit's copy is dropped. The group
 * writes the vector that came out of its units once.
 */

#include "store_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- counted vectors -------------------------------------------------- */

/* Takes vv, which has no talloc parent; frees it on failure. */
struct store_vec *store_vec_new(struct dfsr_vv *vv)
{
	struct store_vec *vec = NULL;

	if (vv == NULL) {
		return NULL;
	}
	vec = malloc(sizeof(*vec));
	if (vec == NULL) {
		TALLOC_FREE(vv);
		return NULL;
	}
	vec->refs = 1;
	vec->vv = vv;
	return vec;
}

struct store_vec *store_vec_ref(struct store_vec *vec)
{
	if (vec != NULL) {
		__atomic_add_fetch(&vec->refs, 1, __ATOMIC_RELAXED);
	}
	return vec;
}

void store_vec_unref(struct store_vec *vec)
{
	if (vec == NULL ||
	    __atomic_sub_fetch(&vec->refs, 1, __ATOMIC_ACQ_REL) != 0) {
		return;
	}
	TALLOC_FREE(vec->vv);
	free(vec);
}

/* ---- loading and writing ---------------------------------------------- */

static int counters_load(struct dfsr_store_txn *txn)
{
	struct store_mem *mem = &txn->mem;
	struct dfsr_pull p;
	MDB_val val;
	int err;

	err = store_get(txn, STORE_DB_STATE, STORE_KEY_COUNTERS,
			strlen(STORE_KEY_COUNTERS), &val);
	if (err == ENOENT) {
		mem->next_vsn = DFSR_VSN_FIRST;
		return 0;
	}
	if (err == 0) {
		err = store_value_open(&val, &p);
	}
	if (err != 0) {
		return err;
	}
	dfsr_pull_guid(&p, &mem->db);
	mem->next_vsn = dfsr_pull_u64(&p);
	mem->live = dfsr_pull_u64(&p);
	mem->seq = dfsr_pull_u64(&p);
	err = store_value_end(&p);
	if (err == 0 && mem->next_vsn < DFSR_VSN_FIRST) {
		err = EIO;
	}
	return err;
}

static int counters_flush(struct dfsr_store_txn *txn)
{
	struct dfsr_push *p = store_value_start(txn);

	dfsr_push_guid(p, &txn->mem.db);
	dfsr_push_u64(p, txn->mem.next_vsn);
	dfsr_push_u64(p, txn->mem.live);
	dfsr_push_u64(p, txn->mem.seq);
	return store_value_put(txn, STORE_DB_STATE, STORE_KEY_COUNTERS,
			       strlen(STORE_KEY_COUNTERS));
}

static int vector_read(const MDB_val *val, struct dfsr_vv **vv)
{
	struct dfsr_pull p;
	int err;

	err = store_value_open(val, &p);
	if (err != 0) {
		return err;
	}
	*vv = dfsr_vv_pull(&p, NULL);
	if (*vv == NULL) {
		return p.err == ENOMEM ? ENOMEM : EIO;
	}
	err = store_value_end(&p);
	if (err != 0) {
		TALLOC_FREE(*vv);
	}
	return err;
}

static int vector_load(struct dfsr_store_txn *txn)
{
	struct dfsr_vv *vv = NULL;
	MDB_val val;
	int err;

	if (txn->mem.vec != NULL) {
		return 0;
	}
	err = store_get(txn, STORE_DB_STATE, STORE_KEY_VECTOR,
			strlen(STORE_KEY_VECTOR), &val);
	if (err == ENOENT) {
		vv = dfsr_vv_new(NULL);
		err = 0;
	} else if (err == 0) {
		err = vector_read(&val, &vv);
	}
	if (err != 0) {
		return err;
	}
	txn->mem.vec = store_vec_new(vv);
	return txn->mem.vec == NULL ? ENOMEM : 0;
}

static int vector_flush(struct dfsr_store_txn *txn)
{
	struct dfsr_push *p = store_value_start(txn);

	dfsr_vv_push(p, txn->mem.vec->vv);
	return store_value_put(txn, STORE_DB_STATE, STORE_KEY_VECTOR,
			       strlen(STORE_KEY_VECTOR));
}

int store_mem_load(struct dfsr_store_txn *txn)
{
	int err;

	if (txn->mem_loaded) {
		return 0;
	}
	err = counters_load(txn);
	if (err == 0) {
		err = vector_load(txn);
	}
	txn->mem_loaded = (err == 0);
	return err;
}

int store_mem_flush(struct dfsr_store_txn *txn)
{
	int err = 0;

	if (txn->mem.counters_changed) {
		err = counters_flush(txn);
	}
	if (err == 0 && txn->mem.vec_changed) {
		err = vector_flush(txn);
	}
	return err;
}

/* ---- the vector ------------------------------------------------------- */

int dfsr_store_vv(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
		  struct dfsr_vv **vv)
{
	int err;

	*vv = NULL;
	err = vector_load(txn);
	if (err != 0) {
		return err;
	}
	*vv = dfsr_vv_copy(mem_ctx, txn->mem.vec->vv);
	return *vv == NULL ? ENOMEM : 0;
}

/*
 * A copy that may be changed. It replaces the transaction's vector when the
 * change is complete: half a change is none.
 */
static struct dfsr_vv *vector_begin(struct dfsr_store_txn *txn)
{
	return dfsr_vv_copy(NULL, txn->mem.vec->vv);
}

static int vector_end(struct dfsr_store_txn *txn, struct dfsr_vv *vv)
{
	struct store_vec *vec = store_vec_new(vv);

	if (vec == NULL) {
		return ENOMEM;
	}
	store_vec_unref(txn->mem.vec);
	txn->mem.vec = vec;
	txn->mem.vec_changed = true;
	return 0;
}

static uint64_t entry_tag(const struct dfsr_vv *vv, const struct dfsr_guid *db)
{
	uint32_t i;

	for (i = 0; i < vv->num_entries; i++) {
		if (dfsr_guid_cmp(&vv->entries[i].db, db) == 0) {
			return vv->entries[i].tag;
		}
	}
	return 0;
}

/* A number that is known already may still bring the tag of the highest. */
static bool tag_is_news(const struct dfsr_vv *vv, const struct dfsr_guid *db,
			uint64_t vsn, uint64_t tag)
{
	return tag != 0 && dfsr_vv_high(vv, db) == vsn &&
	       entry_tag(vv, db) == 0;
}

static bool any_tag_is_news(const struct dfsr_vv *vv,
			    const struct dfsr_vv *from)
{
	uint32_t i;

	for (i = 0; i < from->num_entries; i++) {
		const struct dfsr_vv_entry *e = &from->entries[i];

		if (tag_is_news(vv, &e->db, dfsr_vv_high(from, &e->db),
				e->tag)) {
			return true;
		}
	}
	return false;
}

int dfsr_store_vv_add(struct dfsr_store_txn *txn, const struct dfsr_id *gvsn,
		      uint64_t tag)
{
	struct dfsr_vv *vv = NULL;
	int err;

	if (txn->top == NULL) {
		return EROFS;
	}
	if (dfsr_vv_contains(txn->mem.vec->vv, gvsn) &&
	    !tag_is_news(txn->mem.vec->vv, &gvsn->db, gvsn->vsn, tag)) {
		return 0;
	}
	vv = vector_begin(txn);
	if (vv == NULL) {
		return ENOMEM;
	}
	err = dfsr_vv_add(vv, gvsn, tag);
	if (err != 0) {
		TALLOC_FREE(vv);
		return err;
	}
	return vector_end(txn, vv);
}

int dfsr_store_vv_union(struct dfsr_store_txn *txn, const struct dfsr_vv *from)
{
	struct dfsr_vv *vv = NULL;
	int err;

	if (txn->top == NULL) {
		return EROFS;
	}
	if (dfsr_vv_covers(txn->mem.vec->vv, from) &&
	    !any_tag_is_news(txn->mem.vec->vv, from)) {
		return 0;
	}
	vv = vector_begin(txn);
	if (vv == NULL) {
		return ENOMEM;
	}
	err = dfsr_vv_union(vv, from);
	if (err != 0) {
		TALLOC_FREE(vv);
		return err;
	}
	return vector_end(txn, vv);
}

bool dfsr_store_vv_contains(struct dfsr_store_txn *txn,
			    const struct dfsr_id *gvsn)
{
	/* what cannot be read is not known, so it is asked for again */
	if (vector_load(txn) != 0) {
		return false;
	}
	return dfsr_vv_contains(txn->mem.vec->vv, gvsn);
}

uint64_t dfsr_store_vv_generation(struct dfsr_store *store)
{
	uint64_t generation;

	pthread_mutex_lock(&store->lock);
	generation = store->generation;
	pthread_mutex_unlock(&store->lock);
	return generation;
}

struct dfsr_vv *dfsr_store_vv_published(TALLOC_CTX *mem_ctx,
					struct dfsr_store *store)
{
	struct store_vec *vec = NULL;
	struct dfsr_vv *vv = NULL;

	pthread_mutex_lock(&store->lock);
	vec = store_vec_ref(store->published);
	pthread_mutex_unlock(&store->lock);
	vv = dfsr_vv_copy(mem_ctx, vec->vv);
	store_vec_unref(vec);
	return vv;
}

/* ---- the issuer ------------------------------------------------------- */

int dfsr_store_issuer(struct dfsr_store_txn *txn, struct dfsr_issuer *issuer)
{
	struct store_mem *mem = &txn->mem;
	int err;

	err = store_mem_load(txn);
	if (err != 0) {
		return err;
	}
	if (dfsr_guid_is_null(&mem->db)) {
		if (txn->top == NULL) {
			return ENOENT;
		}
		if (issuer->env == NULL) {
			return EINVAL;
		}
		mem->db = dfsr_guid_random(issuer->env);
		mem->counters_changed = true;
	}
	issuer->db = mem->db;
	issuer->next_vsn = mem->next_vsn;
	return 0;
}

int dfsr_store_issuer_put(struct dfsr_store_txn *txn,
			  const struct dfsr_issuer *issuer)
{
	struct store_mem *mem = &txn->mem;

	if (txn->top == NULL) {
		return EROFS;
	}
	if (dfsr_guid_cmp(&issuer->db, &mem->db) != 0 ||
	    issuer->next_vsn < mem->next_vsn) {
		/* a number must not be issued twice */
		return EINVAL;
	}
	if (issuer->next_vsn > mem->next_vsn) {
		mem->next_vsn = issuer->next_vsn;
		mem->counters_changed = true;
	}
	return 0;
}

/* ---- small named values ----------------------------------------------- */

static bool state_key_valid(const char *key, size_t len)
{
	return len > 0 && len <= STORE_STATE_KEY_MAX &&
	       (uint8_t)key[0] >= ' ';
}

int dfsr_store_state_get(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
			 const char *key, uint8_t **data, size_t *len)
{
	size_t keylen = strlen(key);
	const uint8_t *bytes = NULL;
	struct dfsr_pull p;
	MDB_val val;
	size_t num;
	int err;

	*data = NULL;
	*len = 0;
	if (!state_key_valid(key, keylen)) {
		return EINVAL;
	}
	err = store_get(txn, STORE_DB_STATE, key, keylen, &val);
	if (err == 0) {
		err = store_value_open(&val, &p);
	}
	if (err != 0) {
		return err;
	}
	num = dfsr_pull_blob(&p, &bytes, DFSR_STORE_STATE_MAX);
	err = store_value_end(&p);
	if (err != 0) {
		return err;
	}
	*data = talloc_array(mem_ctx, uint8_t, num);
	if (*data == NULL) {
		return ENOMEM;
	}
	if (num > 0) {
		memcpy(*data, bytes, num);
	}
	*len = num;
	return 0;
}

int dfsr_store_state_put(struct dfsr_store_txn *txn, const char *key,
			 const void *data, size_t len)
{
	size_t keylen = strlen(key);
	struct dfsr_push *p = NULL;

	if (!state_key_valid(key, keylen) || len > DFSR_STORE_STATE_MAX) {
		return EINVAL;
	}
	p = store_value_start(txn);
	dfsr_push_blob(p, data, len);
	return store_value_put(txn, STORE_DB_STATE, key, keylen);
}

int dfsr_store_state_del(struct dfsr_store_txn *txn, const char *key)
{
	size_t keylen = strlen(key);

	if (!state_key_valid(key, keylen)) {
		return EINVAL;
	}
	return store_del(txn, STORE_DB_STATE, key, keylen);
}
