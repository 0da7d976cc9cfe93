/*
   Samba DFS Replication
   Opening and closing the store of one folder

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
 */

#include "store_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <tevent.h>
#include <unistd.h>

#define OWNER_FILE "owner"

/* ---- first look ------------------------------------------------------- */

static int load(struct dfsr_store *store, MDB_txn *mdb)
{
	struct dfsr_store_txn txn = {.store = store, .mdb = mdb};
	MDB_val val;
	int err;

	err = store_get(&txn, STORE_DB_STATE, STORE_KEY_FORMAT,
			strlen(STORE_KEY_FORMAT), &val);
	if (err == ENOENT) {
		err = EILSEQ;
	}
	if (err == 0) {
		err = store_format_check(&val, &store->folder);
	}
	if (err == 0) {
		err = store_mem_load(&txn);
	}
	if (err == 0) {
		err = store_count(&txn, STORE_DB_HOLE, &store->holes);
	}
	store->mem = txn.mem;
	return err;
}

/* Check the format and load what is kept in memory. */
static int first_look(struct dfsr_store *store)
{
	MDB_envinfo info;
	MDB_txn *mdb = NULL;
	int err;

	err = store_errno(mdb_txn_begin(store->env, NULL, MDB_RDONLY, &mdb));
	if (err != 0) {
		return err;
	}
	err = load(store, mdb);
	mdb_txn_abort(mdb);
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

static int lock_dir(struct dfsr_store *store, int dir_fd)
{
	store->lock_fd = openat(dir_fd, OWNER_FILE,
				O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				0600);
	if (store->lock_fd == -1) {
		return errno;
	}
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		return errno == EWOULDBLOCK ? EBUSY : errno;
	}
	return 0;
}

/* With made, the entry of the directory itself is new, too. */
static int open_inside(struct dfsr_store *store, int dir_fd, bool made)
{
	int err;

	err = lock_dir(store, dir_fd);
	if (err == 0) {
		err = store_env_create(store, dir_fd);
	}
	if (err == 0 && made) {
		err = sync_dir(dir_fd, "..");
	}
	if (err == 0) {
		err = store_env_open(store);
	}
	if (err == 0) {
		err = first_look(store);
	}
	return err;
}

static int open_dir(struct dfsr_store *store)
{
	bool made = false;
	int dir_fd, err;

	if (mkdir(store->dir, 0700) == 0) {
		made = true;
	} else if (errno != EEXIST) {
		return errno;
	}
	dir_fd = open(store->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd == -1) {
		return errno;
	}
	err = open_inside(store, dir_fd, made);
	close(dir_fd);
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
