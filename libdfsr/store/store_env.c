/*
   Samba DFS Replication
   The LMDB environment: made, opened, enlarged

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
 * LMDB maps the file at a fixed size and says MDB_MAP_FULL at the end of it.
 * The size can be changed only while this process has no transaction, so
 * readers are counted and the thread waits for the last one to leave. Readers
 * are never kept waiting for that: a reader that opens a second transaction
 * while the thread waits would be a deadlock. They are short by contract, so
 * the thread gets its turn.
 *
 * A new environment is made under another name and gets its own one when it
 * is complete and durable: data.mdb is either not there or a store.
 */

#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_FILE "data.mdb"
#define NEW_FILE "data.new"
#define NEW_LOCK "data.new-lock" /* LMDB's name for it */
#define FORMAT_MAGIC UINT64_C(0x31524f5453464453)

static const char *const db_names[STORE_DB_COUNT] = {
	[STORE_DB_UID] = "uid",
	[STORE_DB_NAME] = "name",
	[STORE_DB_GVSN] = "gvsn",
	[STORE_DB_IDENT] = "ident",
	[STORE_DB_STATE] = "state",
	[STORE_DB_HOLE] = "hole",
	[STORE_DB_REDO] = "redo",
	[STORE_DB_PRESERVED] = "preserved",
	[STORE_DB_PRE] = "pre",
};

int store_errno(int rc)
{
	if (rc >= 0) {
		return rc;
	}
	switch (rc) {
	case MDB_NOTFOUND:
		return ENOENT;
	case MDB_MAP_FULL:
		return ENOSPC;
	case MDB_TXN_FULL:
		return E2BIG;
	case MDB_READERS_FULL:
		return EAGAIN;
	case MDB_VERSION_MISMATCH:
		return EILSEQ;
	case MDB_BAD_VALSIZE:
		return EINVAL;
	default:
		return EIO;
	}
}

/* ---- the environment -------------------------------------------------- */

static int open_tables(struct dfsr_store *store, unsigned flags)
{
	MDB_txn *txn = NULL;
	size_t i;
	int rc;

	rc = mdb_txn_begin(store->env, NULL, 0, &txn);
	if (rc != 0) {
		return rc;
	}
	for (i = 0; i < STORE_DB_COUNT; i++) {
		rc = mdb_dbi_open(txn, db_names[i], flags, &store->dbi[i]);
		if (rc != 0) {
			mdb_txn_abort(txn);
			/* a file of LMDB's, and none of ours */
			return rc == MDB_NOTFOUND ? EILSEQ : rc;
		}
	}
	return mdb_txn_commit(txn);
}

static void env_close(struct dfsr_store *store)
{
	if (store->env != NULL) {
		mdb_env_close(store->env);
		store->env = NULL;
	}
}

/* An environment that exists knows its size: 0 keeps it. */
static int env_open(struct dfsr_store *store, const char *path, size_t size,
		    unsigned flags)
{
	int rc;

	rc = mdb_env_create(&store->env);
	if (rc != 0) {
		store->env = NULL;
		return rc;
	}
	rc = mdb_env_set_maxdbs(store->env, STORE_DB_COUNT);
	if (rc == 0 && size != 0) {
		rc = mdb_env_set_mapsize(store->env, size);
	}
	if (rc == 0) {
		rc = mdb_env_open(store->env, path, MDB_NOTLS | flags, 0600);
	}
	return rc;
}

int store_env_open(struct dfsr_store *store)
{
	int dead, rc;

	rc = env_open(store, store->dir, 0, 0);
	if (rc == 0) {
		rc = mdb_reader_check(store->env, &dead);
	}
	if (rc == 0) {
		rc = open_tables(store, 0);
	}
	if (rc != 0) {
		env_close(store);
	}
	return store_errno(rc);
}

/* With env_lock held: nobody of ours has a transaction any more. */
static void wait_readers(struct dfsr_store *store)
{
	while (store->readers > 0) {
		pthread_cond_wait(&store->no_readers, &store->env_lock);
	}
	store_spare_drop(store);
}

int store_env_reopen(struct dfsr_store *store)
{
	int err;

	pthread_mutex_lock(&store->env_lock);
	wait_readers(store);
	env_close(store);
	err = store_env_open(store);
	pthread_mutex_unlock(&store->env_lock);
	return err;
}

int store_env_grow(struct dfsr_store *store)
{
	MDB_envinfo info;
	size_t size;
	int rc;

	pthread_mutex_lock(&store->env_lock);
	wait_readers(store);
	mdb_env_info(store->env, &info);
	size = info.me_mapsize;
	size += (size > STORE_MAP_STEP) ? size : STORE_MAP_STEP;
	rc = mdb_env_set_mapsize(store->env, size);
	if (rc != 0 &&
	    mdb_env_set_mapsize(store->env, info.me_mapsize) != 0) {
		/* there is no map at all now, LMDB must not be called */
		store->broken = true;
	}
	pthread_mutex_unlock(&store->env_lock);
	return store_errno(rc);
}

void store_env_measure(struct dfsr_store *store)
{
	MDB_envinfo info;
	MDB_stat st;

	mdb_env_info(store->env, &info);
	mdb_env_stat(store->env, &st);
	store->stats.map_bytes = info.me_mapsize;
	store->stats.used_bytes =
		((uint64_t)info.me_last_pgno + 1) * st.ms_psize;
}

/* ---- the first time --------------------------------------------------- */

static int format_write(struct dfsr_store_txn *txn)
{
	struct dfsr_push *p = store_value_start(txn);

	dfsr_push_u64(p, FORMAT_MAGIC);
	dfsr_push_u32(p, STORE_FORMAT_VERSION);
	dfsr_push_guid(p, &txn->store->folder);
	return store_value_put(txn, STORE_DB_STATE, STORE_KEY_FORMAT,
			       strlen(STORE_KEY_FORMAT));
}

static int format_commit(struct dfsr_store *store)
{
	struct dfsr_store_txn txn = {.store = store};
	int err;

	err = store_errno(mdb_txn_begin(store->env, NULL, 0, &txn.top));
	if (err != 0) {
		return err;
	}
	txn.mdb = txn.top;
	dfsr_push_init(&txn.scratch, NULL);
	err = format_write(&txn);
	TALLOC_FREE(txn.scratch.data);
	if (err != 0) {
		mdb_txn_abort(txn.top);
		return err;
	}
	return store_errno(mdb_txn_commit(txn.top));
}

static int create_file(struct dfsr_store *store, int dir_fd)
{
	char path[PATH_MAX];
	int err;

	if (snprintf(path, sizeof(path), "%s/" NEW_FILE, store->dir) >=
	    (int)sizeof(path)) {
		return ENAMETOOLONG;
	}
	/* of an earlier attempt */
	unlinkat(dir_fd, NEW_FILE, 0);
	unlinkat(dir_fd, NEW_LOCK, 0);
	err = store_errno(
		env_open(store, path, STORE_MAP_FIRST, MDB_NOSUBDIR));
	if (err == 0) {
		err = store_errno(open_tables(store, MDB_CREATE));
	}
	if (err == 0) {
		err = format_commit(store);
	}
	env_close(store);
	unlinkat(dir_fd, NEW_LOCK, 0);
	if (err == 0 && renameat(dir_fd, NEW_FILE, dir_fd, DATA_FILE) != 0) {
		err = errno;
	}
	return err;
}

int store_env_create(struct dfsr_store *store, int dir_fd)
{
	struct stat st;
	int err;

	if (fstatat(dir_fd, DATA_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		return 0;
	}
	if (errno != ENOENT) {
		return errno;
	}
	err = create_file(store, dir_fd);
	if (err == 0 && fsync(dir_fd) != 0) {
		err = errno;
	}
	return err;
}

int store_format_check(const MDB_val *val, const struct dfsr_guid *folder)
{
	struct dfsr_pull p;
	struct dfsr_guid stored;
	uint64_t magic;
	uint32_t version;
	int err;

	err = store_value_open(val, &p);
	if (err != 0) {
		return err;
	}
	magic = dfsr_pull_u64(&p);
	version = dfsr_pull_u32(&p);
	if (p.err != 0 || magic != FORMAT_MAGIC) {
		return EIO;
	}
	if (version != STORE_FORMAT_VERSION) {
		return EILSEQ;
	}
	dfsr_pull_guid(&p, &stored);
	err = store_value_end(&p);
	if (err != 0) {
		return err;
	}
	return dfsr_guid_cmp(&stored, folder) == 0 ? 0 : EINVAL;
}
