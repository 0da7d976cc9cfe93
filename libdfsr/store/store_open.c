/*
   Samba DFS Replication
   Opening, closing and enlarging the environment of one folder

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
 * The directory holds LMDB's data.mdb and lock.mdb, and `owner`, which is
 * locked by flock() as long as the store is open: one process at a time, and
 * within a process one store at a time, since LMDB must not open a file
 * twice. An environment does not survive a fork: a child must leave the store
 * alone, and by holding the lock's descriptor it keeps the folder locked
 * until it execs or ends.
 *
 * LMDB maps the file at a fixed size and says MDB_MAP_FULL at the end of it.
 * The size can be changed only while this process has no transaction, so
 * readers are counted here and the thread waits for the last one to leave.
 * Readers are never kept waiting for that: a reader that opens a second
 * transaction while the thread waits would be a deadlock. They are short by
 * contract, so the thread gets its turn.
 */

#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <tevent.h>
#include <unistd.h>

#define OWNER_FILE "owner"
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

static int open_tables(struct dfsr_store *store)
{
	MDB_txn *txn = NULL;
	size_t i;
	int rc;

	rc = mdb_txn_begin(store->env, NULL, 0, &txn);
	if (rc != 0) {
		return rc;
	}
	for (i = 0; i < STORE_DB_COUNT; i++) {
		rc = mdb_dbi_open(txn, db_names[i], MDB_CREATE,
				  &store->dbi[i]);
		if (rc != 0) {
			mdb_txn_abort(txn);
			return rc;
		}
	}
	return mdb_txn_commit(txn);
}

int store_env_open(struct dfsr_store *store)
{
	char data[sizeof("/data.mdb") + PATH_MAX];
	struct stat st;
	int dead;
	int rc;

	if (snprintf(data, sizeof(data), "%s/data.mdb", store->dir) >=
	    (int)sizeof(data)) {
		return ENAMETOOLONG;
	}
	rc = mdb_env_create(&store->env);
	if (rc != 0) {
		return store_errno(rc);
	}
	rc = mdb_env_set_maxdbs(store->env, STORE_DB_COUNT);
	if (rc == 0 && (stat(data, &st) != 0 || st.st_size == 0)) {
		/* an old environment knows the size it had */
		rc = mdb_env_set_mapsize(store->env, STORE_MAP_FIRST);
	}
	if (rc == 0) {
		rc = mdb_env_open(store->env, store->dir, MDB_NOTLS, 0600);
	}
	if (rc == 0) {
		rc = mdb_reader_check(store->env, &dead);
	}
	if (rc == 0) {
		rc = open_tables(store);
	}
	if (rc != 0) {
		mdb_env_close(store->env);
		store->env = NULL;
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
	if (store->env != NULL) {
		mdb_env_close(store->env);
		store->env = NULL;
	}
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

/* ---- first use -------------------------------------------------------- */

static int format_write(struct dfsr_store_txn *txn)
{
	struct dfsr_push *p = store_value_start(txn);

	dfsr_push_u64(p, FORMAT_MAGIC);
	dfsr_push_u32(p, STORE_FORMAT_VERSION);
	dfsr_push_guid(p, &txn->store->folder);
	return store_value_put(txn, STORE_DB_STATE, STORE_KEY_FORMAT,
			       strlen(STORE_KEY_FORMAT));
}

static int format_check(const MDB_val *val, const struct dfsr_guid *folder)
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

static int load(struct dfsr_store *store, MDB_txn *mdb)
{
	struct dfsr_store_txn txn = {.store = store, .mdb = mdb, .top = mdb};
	MDB_val val;
	uint64_t num = 0;
	int err;

	dfsr_push_init(&txn.scratch, NULL);
	err = store_get(&txn, STORE_DB_STATE, STORE_KEY_FORMAT,
			strlen(STORE_KEY_FORMAT), &val);
	if (err == 0) {
		err = format_check(&val, &store->folder);
	} else if (err == ENOENT) {
		err = store_count(&txn, STORE_DB_STATE, &num);
		if (err == 0) {
			err = (num == 0) ? format_write(&txn) : EILSEQ;
		}
	}
	if (err == 0) {
		err = store_mem_load(&txn);
	}
	if (err == 0) {
		err = store_count(&txn, STORE_DB_HOLE, &store->holes);
	}
	TALLOC_FREE(txn.scratch.data);
	store->mem = txn.mem;
	return err;
}

/* Check the format and load what is kept in memory. */
static int first_look(struct dfsr_store *store)
{
	MDB_envinfo info;
	MDB_txn *mdb = NULL;
	int err;

	err = store_errno(mdb_txn_begin(store->env, NULL, 0, &mdb));
	if (err != 0) {
		return err;
	}
	err = load(store, mdb);
	if (err != 0) {
		mdb_txn_abort(mdb);
		return err;
	}
	err = store_errno(mdb_txn_commit(mdb));
	if (err != 0) {
		return err;
	}
	mdb_env_info(store->env, &info);
	store->published = store_vec_ref(store->mem.vec);
	store->published_txnid = info.me_last_txnid;
	store->generation = 1;
	store_env_measure(store);
	return 0;
}

/* ---- the directory ---------------------------------------------------- */

/* A new entry in a directory is durable only after this. */
static int sync_dir(int at, const char *path)
{
	int fd, err = 0;

	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		return errno;
	}
	if (fsync(fd) != 0) {
		err = errno;
	}
	close(fd);
	return err;
}

static int lock_dir(struct dfsr_store *store)
{
	int dir_fd, err = 0;

	dir_fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd == -1) {
		return errno;
	}
	store->lock_fd = openat(dir_fd, OWNER_FILE,
				O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				0600);
	if (store->lock_fd == -1) {
		err = errno;
	} else if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		err = (errno == EWOULDBLOCK) ? EBUSY : errno;
	}
	close(dir_fd);
	return err;
}

static int open_dir(struct dfsr_store *store)
{
	bool made = false;
	int err;

	if (mkdir(store->dir, 0700) == 0) {
		made = true;
	} else if (errno != EEXIST) {
		return errno;
	}
	err = lock_dir(store);
	if (err != 0) {
		return err;
	}
	err = store_env_open(store);
	if (err != 0) {
		return err;
	}
	err = first_look(store);
	if (err != 0) {
		return err;
	}
	err = sync_dir(AT_FDCWD, store->dir);
	if (err == 0 && made) {
		char *up = talloc_asprintf(store, "%s/..", store->dir);

		if (up == NULL) {
			return ENOMEM;
		}
		err = sync_dir(AT_FDCWD, up);
		TALLOC_FREE(up);
	}
	return err;
}

/* ---- lifetime --------------------------------------------------------- */

static int store_destructor(struct dfsr_store *store)
{
	store_thread_stop(store);
	store_vec_unref(store->published);
	store_vec_unref(store->mem.vec);
	TALLOC_FREE(store->scratch.data);
	store_spare_drop(store);
	if (store->env != NULL) {
		mdb_env_close(store->env);
	}
	if (store->event_fd != -1) {
		close(store->event_fd);
	}
	if (store->lock_fd != -1) {
		close(store->lock_fd);
	}
	pthread_mutex_destroy(&store->lock);
	pthread_mutex_destroy(&store->env_lock);
	pthread_cond_destroy(&store->work);
	pthread_cond_destroy(&store->finished);
	pthread_cond_destroy(&store->no_readers);
	store->guard->gone = true;
	store_guard_unref(store->guard);
	return 0;
}

static struct dfsr_store *store_new(TALLOC_CTX *mem_ctx, const char *dir)
{
	struct dfsr_store *store = talloc_zero(mem_ctx, struct dfsr_store);

	if (store == NULL) {
		return NULL;
	}
	store->dir = talloc_strdup(store, dir);
	store->guard = store_guard_new();
	if (store->dir == NULL || store->guard == NULL) {
		store_guard_unref(store->guard);
		TALLOC_FREE(store);
		return NULL;
	}
	store->lock_fd = -1;
	store->event_fd = -1;
	/* without attributes none of these can fail on Linux */
	pthread_mutex_init(&store->lock, NULL);
	pthread_mutex_init(&store->env_lock, NULL);
	pthread_cond_init(&store->work, NULL);
	pthread_cond_init(&store->finished, NULL);
	pthread_cond_init(&store->no_readers, NULL);
	store_queue_init(&store->queue);
	store_queue_init(&store->done);
	talloc_set_destructor(store, store_destructor);
	return store;
}

int dfsr_store_open(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		    const char *dir, const struct dfsr_guid *folder,
		    struct dfsr_store **out)
{
	struct dfsr_store *store = NULL;
	int err;

	*out = NULL;
	if (dir[0] == '\0' || dfsr_guid_is_null(folder)) {
		return EINVAL;
	}
	store = store_new(mem_ctx, dir);
	if (store == NULL) {
		return ENOMEM;
	}
	store->ev = ev;
	store->folder = *folder;
	store->root = dfsr_root_uid(folder);
	err = open_dir(store);
	if (err == 0) {
		err = store_thread_start(store);
	}
	if (err != 0) {
		TALLOC_FREE(store);
		return err;
	}
	*out = store;
	return 0;
}

const char *dfsr_store_dir(const struct dfsr_store *store)
{
	return store->dir;
}

void dfsr_store_stats(struct dfsr_store *store, struct dfsr_store_stats *s)
{
	pthread_mutex_lock(&store->lock);
	*s = store->stats;
	pthread_mutex_unlock(&store->lock);
}
