/*
   Samba DFS Replication
   Inside the replica database

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

#ifndef __STORE_PRIVATE_H__
#define __STORE_PRIVATE_H__

#include "dfsr_store.h"

#include <lmdb.h>
#include <pthread.h>

/** Version of everything that lies in the environment. */
#define STORE_FORMAT_VERSION 1
/** The map starts with this and doubles, by at least STORE_MAP_STEP. */
#define STORE_MAP_FIRST ((size_t)16 * 1024 * 1024)
#define STORE_MAP_STEP ((size_t)64 * 1024 * 1024)
/** Most units that share one commit. */
#define STORE_GROUP_MAX 512
/** LMDB's limit of a key. */
#define STORE_KEY_MAX 511
/** A GUID and a big-endian VSN: orders as dfsr_id_cmp(). */
#define STORE_ID_LEN 24
#define STORE_IDENT_LEN 20
#define STORE_NAME_KEY_MAX (STORE_ID_LEN + DFSR_FOLD_MAX)
/** Longest path that is built or kept. */
#define STORE_PATH_MAX (4096 * 4)
/** Longest key of the small-state table. */
#define STORE_STATE_KEY_MAX 255

/* The room's own keys start with a byte that callers may not use. */
#define STORE_KEY_FORMAT "\001format"
#define STORE_KEY_COUNTERS "\001counters"
#define STORE_KEY_VECTOR "\001vector"

enum store_db {
	STORE_DB_UID,	    /* uid → row */
	STORE_DB_NAME,	    /* resolved parent, fold key → uid */
	STORE_DB_GVSN,	    /* gvsn → uid */
	STORE_DB_IDENT,	    /* file identity → uid */
	STORE_DB_STATE,	    /* name → bytes */
	STORE_DB_HOLE,	    /* gvsn → hole */
	STORE_DB_REDO,	    /* uid → redo unit */
	STORE_DB_PRESERVED, /* sequence number → manifest entry */
	STORE_DB_PRE,	    /* path → stamp */
	STORE_DB_COUNT,
};

/**
 * A vector that nobody changes any more. Counted, because the published one
 * is seen by readers in other threads.
 */
struct store_vec {
	unsigned refs;
	struct dfsr_vv *vv;
};

/**
 * What is kept in memory beside a transaction. Each unit works on its own
 * copy, so that an aborted unit leaves nothing behind here either.
 */
struct store_mem {
	struct store_vec *vec;
	struct dfsr_guid db; /* null until the first issuer */
	uint64_t next_vsn;
	uint64_t live; /* rows with present set */
	uint64_t seq;  /* last one drawn for the manifest */
	bool vec_changed;
	bool counters_changed;
};

struct dfsr_store_txn {
	struct dfsr_store *store;
	MDB_txn *mdb; /* reads and writes go here */
	MDB_txn *top; /* the group's transaction; NULL for a reader */
	bool nest;    /* the first write begins a nested transaction */
	bool dirty;   /* something was written */
	int trouble;  /* MDB_MAP_FULL or MDB_TXN_FULL was seen */
	struct store_mem mem;
	bool mem_loaded; /* all of mem but vec, in a reader */
	struct dfsr_push scratch;
	struct dfsr_store_txn *next_spare;
};

struct store_unit {
	struct store_unit *next;
	dfsr_store_unit_fn fn;
	void *private_data;
	struct tevent_req *req; /* NULL: waited for in place, or detached */
	bool in_place;
	bool kept; /* fn returned 0 in this run of the group */
	bool done;
	int result;
};

struct store_queue {
	struct store_unit *head;
	struct store_unit **tail;
};

/** Tells a loop over callbacks that one of them has freed the store. */
struct store_guard {
	unsigned refs;
	bool gone;
};

struct dfsr_store {
	char *dir;
	struct dfsr_guid folder;
	struct dfsr_id root;
	struct tevent_context *ev;
	struct tevent_fd *fde;
	int lock_fd;
	int event_fd;
	struct store_guard *guard;

	MDB_env *env;
	MDB_dbi dbi[STORE_DB_COUNT];
	bool broken; /* the map could not be restored */

	pthread_t thread;
	bool have_thread;

	/* lock: queues, published values, counters */
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t finished;
	struct store_queue queue;
	struct store_queue done;
	unsigned waiters;
	bool stop;
	bool ringing; /* the event fd was written and not yet read */
	struct store_vec *published;
	size_t published_txnid;
	uint64_t generation;
	uint64_t holes;
	struct dfsr_store_stats stats;

	/* env_lock: readers against changes of the map */
	pthread_mutex_t env_lock;
	pthread_cond_t no_readers;
	unsigned readers;
	struct dfsr_store_txn *spare;

	/* touched by the thread alone */
	struct store_mem mem; /* as of the last commit */
	struct dfsr_push scratch;
};

/* From store/store_env.c */

/** LMDB's result as an errno. */
int store_errno(int rc);
/** Make the environment if there is none in the directory. */
int store_env_create(struct dfsr_store *store, int dir_fd);
/** @return 0, EILSEQ, EINVAL for another folder's, EIO */
int store_format_check(const MDB_val *val, const struct dfsr_guid *folder);
/** Open the environment and its tables. */
int store_env_open(struct dfsr_store *store);
/** Close it and open it again: it refuses work after a failed commit. */
int store_env_reopen(struct dfsr_store *store);
/** Enlarge the map; waits until no read transaction is open. */
int store_env_grow(struct dfsr_store *store);
/** Note the size of map and file in the counters. */
void store_env_measure(struct dfsr_store *store);

/* From store/store_thread.c */

int store_thread_start(struct dfsr_store *store);
void store_thread_stop(struct dfsr_store *store);
struct store_guard *store_guard_new(void);
void store_guard_unref(struct store_guard *g);
void store_queue_init(struct store_queue *q);
void store_queue_add(struct store_queue *q, struct store_unit *u);
struct store_unit *store_queue_take(struct store_queue *q);

/* From store/store_group.c */

/** Run the units of a list as one commit and fill in their results. */
void store_group_run(struct dfsr_store *store, struct store_unit *units);

/* From store/store_txn.c */

/** End the spare read transactions. */
void store_spare_drop(struct dfsr_store *store);
/** @return 0, ENOENT, or an errno */
int store_get(struct dfsr_store_txn *txn, enum store_db db, const void *key,
	      size_t keylen, MDB_val *val);
int store_put(struct dfsr_store_txn *txn, enum store_db db, const void *key,
	      size_t keylen, const void *data, size_t len);
/** Removing what is not there is no error. */
int store_del(struct dfsr_store_txn *txn, enum store_db db, const void *key,
	      size_t keylen);
/**
 * The first entry after a key, or with equal set at it or after it. An empty
 * key starts.
 */
int store_next(struct dfsr_store_txn *txn, enum store_db db, const void *key,
	       size_t keylen, bool equal, MDB_val *found, MDB_val *val);
/** Count of entries of a table. */
int store_count(struct dfsr_store_txn *txn, enum store_db db, uint64_t *num);

/* From store/store_pack.c */

void store_key_id(uint8_t key[STORE_ID_LEN], const struct dfsr_id *id);
/** @return 0, or EIO if this is no id */
int store_id_unpack(const MDB_val *val, struct dfsr_id *id);
void store_key_ident(uint8_t key[STORE_IDENT_LEN],
		     const struct dfsr_ident *ident);
void store_key_u64(uint8_t key[8], uint64_t v);
uint64_t store_key_u64_get(const uint8_t key[8]);

/** Start a value in the transaction's scratch buffer. */
struct dfsr_push *store_value_start(struct dfsr_store_txn *txn);
/** Seal the value and store it under a key. */
int store_value_put(struct dfsr_store_txn *txn, enum store_db db,
		    const void *key, size_t keylen);
/** Check the seal. @return 0 or EIO */
int store_value_open(const MDB_val *val, struct dfsr_pull *p);
/** @return 0, or EIO when anything is left over or missing */
int store_value_end(struct dfsr_pull *p);

void store_row_pack(struct dfsr_push *p, const struct dfsr_row *row);
int store_row_unpack(const MDB_val *val, struct dfsr_row *row);
/** Is this row an alias, and of whom; without unpacking the row. */
int store_row_alias(const MDB_val *val, bool *alias, struct dfsr_id *winner);
void store_hole_pack(struct dfsr_push *p, const struct dfsr_hole *hole);
int store_hole_unpack(const MDB_val *val, struct dfsr_hole *hole);
void store_redo_pack(struct dfsr_push *p, const struct dfsr_redo *redo);
int store_redo_unpack(const MDB_val *val, struct dfsr_redo *redo);
void store_preserved_pack(struct dfsr_push *p,
			  const struct dfsr_preserved *pr);
int store_preserved_unpack(const MDB_val *val, struct dfsr_preserved *pr);

/* From store/store_rows.c */

/** A key of the name table: the directory, then the fold key. */
struct store_name_key {
	size_t len;
	uint8_t b[STORE_NAME_KEY_MAX];
};

/** Only the directory: everything below it follows. */
void store_name_key_dir(struct store_name_key *key,
			const struct dfsr_id *dir);
/** @return 0, ENOENT for what cannot be a name, or as store_resolve() */
int store_name_key_make(struct dfsr_store_txn *txn,
			const struct dfsr_id *dir, const char *name,
			struct store_name_key *key);

/* From store/store_path.c */

/**
 * Follow aliases from dir to the UID that is meant now; a UID without a row
 * means itself. @return 0, ELOOP, EIO
 */
int store_resolve(struct dfsr_store_txn *txn, const struct dfsr_id *dir,
		  struct dfsr_id *meant);

/* From store/store_state.c */

struct store_vec *store_vec_new(struct dfsr_vv *vv);
struct store_vec *store_vec_ref(struct store_vec *vec);
void store_vec_unref(struct store_vec *vec);
/** Load mem from what is durable, for a transaction that has none yet. */
int store_mem_load(struct dfsr_store_txn *txn);
/** Write what changed; called once per group, before its commit. */
int store_mem_flush(struct dfsr_store_txn *txn);

#endif /* __STORE_PRIVATE_H__ */
