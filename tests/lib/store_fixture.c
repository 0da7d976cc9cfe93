/*
   Samba DFS Replication
   A store in a temporary directory, for tests
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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_private.h"
#include "store_fixture.h"

static uint64_t fixture_now(void *private_data)
{
	struct store_fixture *f = private_data;

	(void)f;
	return UINT64_C(133000000000000000);
}

static void fixture_random(void *private_data, void *buf, size_t len)
{
	struct store_fixture *f = private_data;

	samples_bytes(&f->env_random, buf, len);
}

/* ---- directories ------------------------------------------------------ */

void store_fixture_mkdtemp(char *base, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(base, size, "%s/dfsr-store-XXXXXX",
		 tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(base));
}

static int rm_one(const char *path, const struct stat *st, int flag,
		  struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void store_fixture_rmtree(const char *dir)
{
	nftw(dir, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- lifetime --------------------------------------------------------- */

void store_fixture_open(struct store_fixture *f)
{
	int err;

	err = dfsr_store_open(f->mem_ctx, f->ev, f->dir, &f->folder,
			      &f->store);
	assert_int_equal(err, 0);
}

void store_fixture_close(struct store_fixture *f)
{
	TALLOC_FREE(f->store);
}

void store_fixture_reopen(struct store_fixture *f)
{
	store_fixture_close(f);
	store_fixture_open(f);
}

int store_fixture_setup(void **state)
{
	struct store_fixture *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		return -1;
	}
	f->mem_ctx = talloc_new(NULL);
	f->ev = tevent_context_init(f->mem_ctx);
	f->samples.state = 20260;
	f->env_random.state = 7;
	f->env = (struct dfsr_env){
		.now = fixture_now,
		.random = fixture_random,
		.private_data = f,
	};
	f->folder = samples_guid(&f->samples);
	store_fixture_mkdtemp(f->base, sizeof(f->base) - 10);
	snprintf(f->dir, sizeof(f->dir), "%.4000s/db", f->base);
	store_fixture_open(f);
	*state = f;
	return 0;
}

int store_fixture_teardown(void **state)
{
	struct store_fixture *f = *state;

	store_fixture_close(f);
	TALLOC_FREE(f->ev);
	assert_int_equal(talloc_total_blocks(f->mem_ctx), 1);
	TALLOC_FREE(f->mem_ctx);
	store_fixture_rmtree(f->base);
	free(f);
	return 0;
}

void store_fixture_unit(struct store_fixture *f, dfsr_store_unit_fn fn,
			void *private_data, int want)
{
	assert_int_equal(dfsr_store_unit(f->store, fn, private_data), want);
}

static int put_unit(struct dfsr_store_txn *txn, void *private_data)
{
	return dfsr_store_row_put(txn, private_data);
}

void store_fixture_put(struct store_fixture *f, const struct dfsr_row *row)
{
	struct dfsr_row copy = *row;

	store_fixture_unit(f, put_unit, &copy, 0);
}

/* ---- rows ------------------------------------------------------------- */

static void set_version(struct store_fixture *f, struct dfsr_record *r)
{
	r->gvsn.db = f->folder;
	r->gvsn.vsn = DFSR_VSN_FIRST +
		      samples_below(&f->samples, UINT64_C(1) << 40);
	r->tag = samples_u64(&f->samples);
	r->clock++;
	r->lineage.num = 1;
	r->lineage.e[0] = r->gvsn;
}

void store_fixture_row(struct store_fixture *f, const struct dfsr_id *parent,
		       const char *name, struct dfsr_row *row)
{
	memset(row, 0, sizeof(*row));
	row->rec.kind = DFSR_KIND_FILE;
	row->rec.present = true;
	row->rec.parent = *parent;
	row->rec.fence = DFSR_FENCE_DEFAULT;
	row->rec.clock = 1000;
	set_version(f, &row->rec);
	row->rec.uid = row->rec.gvsn;
	snprintf(row->rec.name, sizeof(row->rec.name), "%s", name);
	row->stamp.ident.ino = 1 + samples_u64(&f->samples) / 2;
	row->stamp.ident.btime_sec = 1700000000;
	row->stamp.ident.btime_nsec = samples_below(&f->samples, 1000000000);
	row->stamp.settled = true;
	row->fh_len = 12;
	samples_bytes(&f->samples, row->fh, row->fh_len);
	row->fh_type = -1;
	row->clock_high = row->rec.clock + 5;
	row->put_time = 77;
}

void store_fixture_dir(struct store_fixture *f, const struct dfsr_id *parent,
		       const char *name, struct dfsr_row *row)
{
	store_fixture_row(f, parent, name, row);
	row->rec.kind = DFSR_KIND_DIRECTORY;
}

void store_fixture_touch(struct store_fixture *f, struct dfsr_row *row)
{
	set_version(f, &row->rec);
}

void store_fixture_kill(struct store_fixture *f, struct dfsr_row *row)
{
	store_fixture_touch(f, row);
	row->rec.present = false;
}

void store_fixture_merge(struct store_fixture *f, struct dfsr_row *row,
			 const struct dfsr_id *winner)
{
	store_fixture_kill(f, row);
	row->rec.name_conflict = true;
	row->rec.merged_into = *winner;
}

/* ---- damage ----------------------------------------------------------- */

void store_fixture_damage(struct store_fixture *f, const char *table,
			  const void *key, size_t keylen, size_t ofs)
{
	MDB_env *env = NULL;
	MDB_txn *txn = NULL;
	MDB_val k, v;
	MDB_dbi dbi;
	uint8_t *copy = NULL;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, STORE_DB_COUNT), 0);
	assert_int_equal(mdb_env_open(env, f->dir, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
	memcpy(&k.mv_data, &key, sizeof(key));
	k.mv_size = keylen;
	assert_int_equal(mdb_get(txn, dbi, &k, &v), 0);
	assert_true(ofs < v.mv_size);
	copy = malloc(v.mv_size);
	assert_non_null(copy);
	memcpy(copy, v.mv_data, v.mv_size);
	copy[ofs] ^= 0x10;
	v.mv_data = copy;
	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	free(copy);
}

/* ---- consistency ------------------------------------------------------ */

static void check_row(struct dfsr_store_txn *txn, const struct dfsr_row *row,
		      uint64_t *live)
{
	struct dfsr_row other;
	int err;

	err = dfsr_store_next_gvsn(txn, &row->rec.gvsn, &other);
	assert_int_equal(err, 0);
	assert_true(dfsr_id_equal(&other.rec.uid, &row->rec.uid));
	if (!row->rec.present) {
		return;
	}
	(*live)++;
	if (!dfsr_id_equal(&row->rec.uid, &txn->store->root)) {
		/* another one may have taken the name */
		err = dfsr_store_row_by_name(txn, &row->rec.parent,
					     row->rec.name, &other);
		assert_int_equal(err, 0);
		assert_true(dfsr_fold_equal(other.rec.name, row->rec.name));
	}
	if (!dfsr_ident_is_null(&row->stamp.ident)) {
		err = dfsr_store_row_by_ident(txn, &row->stamp.ident, &other);
		assert_int_equal(err, 0);
		assert_true(dfsr_ident_equal(&other.stamp.ident,
					     &row->stamp.ident));
	}
}

/* Every entry of an index leads to a row that would make that entry. */
static void check_entries(struct dfsr_store_txn *txn, enum store_db db)
{
	uint8_t key[STORE_KEY_MAX] = {0};
	struct store_name_key want_name;
	struct dfsr_row row;
	struct dfsr_id uid;
	MDB_val found, val;
	size_t len = 0;

	while (store_next(txn, db, key, len, false, &found, &val) == 0) {
		memcpy(key, found.mv_data, found.mv_size);
		len = found.mv_size;
		assert_int_equal(store_id_unpack(&val, &uid), 0);
		assert_int_equal(dfsr_store_row_by_uid(txn, &uid, &row), 0);
		if (db == STORE_DB_GVSN) {
			store_key_id(want_name.b, &row.rec.gvsn);
			want_name.len = STORE_ID_LEN;
		} else if (db == STORE_DB_IDENT) {
			assert_true(row.rec.present);
			store_key_ident(want_name.b, &row.stamp.ident);
			want_name.len = STORE_IDENT_LEN;
		} else {
			assert_true(row.rec.present);
			assert_int_equal(
				store_name_key_make(txn, &row.rec.parent,
						    row.rec.name,
						    &want_name),
				0);
		}
		assert_int_equal(len, want_name.len);
		assert_memory_equal(key, want_name.b, len);
	}
}

void store_fixture_check(struct store_fixture *f)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_id uid = {.vsn = 0};
	struct dfsr_row row;
	uint64_t live = 0, dead = 0, want_live, want_dead, num;

	assert_int_equal(dfsr_store_read_begin(f->store, &txn), 0);
	while (dfsr_store_next_uid(txn, &uid, &row) == 0) {
		uid = row.rec.uid;
		check_row(txn, &row, &live);
		dead += row.rec.present ? 0 : 1;
	}
	check_entries(txn, STORE_DB_NAME);
	check_entries(txn, STORE_DB_GVSN);
	check_entries(txn, STORE_DB_IDENT);
	assert_int_equal(store_count(txn, STORE_DB_GVSN, &num), 0);
	assert_int_equal(num, live + dead);
	assert_int_equal(dfsr_store_row_count(txn, &want_live, &want_dead), 0);
	assert_int_equal(live, want_live);
	assert_int_equal(dead, want_dead);
	dfsr_store_read_end(txn);
}
