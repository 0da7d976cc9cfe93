/*
   Samba DFS Replication
   The replica database of one folder

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

#ifndef __DFSR_STORE_H__
#define __DFSR_STORE_H__

/*
 * One LMDB environment per replicated folder. Everything that a decision
 * changes is one unit (semantics rule 6): units run one after the other in
 * the store's own thread, each in a nested transaction; all units that are
 * ready together commit together, and a unit's request completes on the
 * caller's event loop only when its commit is durable. A unit that returns an
 * error leaves no trace and does not disturb the others.
 *
 * The unit function runs in the store's thread: it may use the transaction,
 * the engine, and memory that it was handed; it must not touch the event
 * loop, nor talloc contexts that another thread uses meanwhile.
 */

#include "dfsr_engine.h"
#include "dfsr_types.h"

struct tevent_context;
struct tevent_req;

struct dfsr_store;
struct dfsr_store_txn;

/** Most bytes of one value under a key of the small-state table. */
#define DFSR_STORE_STATE_MAX (1024 * 1024)

/** A record with what this member knows of its own copy. */
struct dfsr_row {
	struct dfsr_record rec;
	/** The object on the own disk; ident null if there is none. */
	struct dfsr_stamp stamp;
	/** name_to_handle_at() of it; fh_len 0 if the filesystem has none. */
	uint8_t fh[DFSR_FH_MAX];
	uint8_t fh_len;
	int32_t fh_type;
	/** Highest clock of this UID ever compared here (R1). */
	uint64_t clock_high;
	/** When this row was last put, FILETIME (age of a backlog). */
	uint64_t put_time;
};

/** A number that waits: it is in no vector and is asked for again (R3). */
struct dfsr_hole {
	struct dfsr_record update;
	uint32_t reason; /* enum dfsr_wait */
	int32_t error;	 /* errno of the last attempt, 0 if none */
	uint64_t since;	 /* FILETIME */
	uint32_t attempts;
};

enum dfsr_redo_step {
	DFSR_REDO_NONE = 0,
	DFSR_REDO_INSTALL = 1, /* new object: staged → name, NOREPLACE */
	DFSR_REDO_REPLACE = 2, /* exchange staged with what is there */
	DFSR_REDO_RENAME = 3,  /* the own object moves */
	DFSR_REDO_DELETE = 4,  /* the own object goes to Displaced */
	DFSR_REDO_META = 5,    /* metadata in place */
	DFSR_REDO_MKDIR = 6,
};

/**
 * A redo unit (R4 step 3): enough to finish or undo one install after a
 * kill. Keyed by UID: while it exists nobody else decides on that UID.
 */
struct dfsr_redo {
	struct dfsr_id uid;
	uint32_t step;		   /* enum dfsr_redo_step */
	struct dfsr_record update; /* what is being installed */
	struct dfsr_stamp old_stamp;	/* own object before, or null */
	struct dfsr_stamp staged_stamp; /* staged object, or null */
	char staged[64];	   /* name below Staging, "" if none */
	char displaced[64];	   /* name below Displaced, "" if none */
	bool park;
	bool keep_old;		   /* the old object must be preserved */
	uint32_t conflict;	   /* enum dfsr_conflict, for the manifest */
};

/** One entry of the manifest of kept files (windows-dfs 1.6). */
struct dfsr_preserved {
	uint64_t seq;		/* key; ascending */
	struct dfsr_record rec; /* the version that was kept */
	struct dfsr_id winner_gvsn;
	struct dfsr_guid partner; /* node whose update displaced it */
	uint32_t conflict;	/* enum dfsr_conflict */
	uint32_t differs;	/* DFSR_PART_*: what differed */
	uint64_t time;		/* FILETIME */
	uint64_t size;		/* bytes kept, of the tree for a directory */
	uint64_t files;
	uint8_t store;		/* 0 ConflictAndDeleted, 1 PreExisting */
	char path[4096];	/* below the content root, when displaced */
	char preserved_name[DFSR_NAME_MAX + 1]; /* leaf in its store */
};

/* ---- lifetime: store/store_open.c, store/store_thread.c ------------------ */

/**
 * Open or create the environment in a directory (made 0700 if missing) and
 * start its thread.
 *
 * @param[in] folder  GUID of the folder; one that differs from the stored one
 *                    is refused with EINVAL
 * @return 0, EBUSY when another process has it open, ENOSPC, EILSEQ for an
 *         unknown format version, or an errno
 */
int dfsr_store_open(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		    const char *dir, const struct dfsr_guid *folder,
		    struct dfsr_store **store);
/*
 * talloc_free(store) runs and commits what is queued, and closes. Requests
 * that are still pending are completed by a later turn of the event loop.
 * The store does not survive a fork(): a child must not touch it.
 */

/** Directory that was given to open; for messages. */
const char *dfsr_store_dir(const struct dfsr_store *store);

/** Counters since open. */
struct dfsr_store_stats {
	uint64_t units;
	uint64_t commits;
	uint64_t commit_ns; /* time spent in commits */
	uint64_t map_bytes;
	uint64_t used_bytes;
};
void dfsr_store_stats(struct dfsr_store *store, struct dfsr_store_stats *s);

/* ---- units -------------------------------------------------------------- */

/**
 * A unit may run more than once: when the map has to grow, everything that
 * its group did is undone and every unit of it starts again. So it computes
 * its results from the transaction and its input, assigns what it hands back
 * instead of adding to it, and does nothing that cannot be done twice. An
 * error of a store call is handed up.
 *
 * @return 0 to keep what it did, anything else to undo it
 */
typedef int (*dfsr_store_unit_fn)(struct dfsr_store_txn *txn,
				  void *private_data);

/**
 * Run one atomic unit and wait until it is durable. private_data must stay
 * valid until the request is done. A request that is freed earlier waits in
 * place until its unit has run, so private_data may be the state of the
 * caller's own request. ev is the one that was given to dfsr_store_open().
 */
struct tevent_req *dfsr_store_unit_send(TALLOC_CTX *mem_ctx,
					struct tevent_context *ev,
					struct dfsr_store *store,
					dfsr_store_unit_fn fn,
					void *private_data);
/** @return what fn returned, or the errno of the commit */
int dfsr_store_unit_recv(struct tevent_req *req);

/** The same, waiting in place: for start-up and tools, not for the loop. */
int dfsr_store_unit(struct dfsr_store *store, dfsr_store_unit_fn fn,
		    void *private_data);

/**
 * A read transaction of the calling thread over what is durable. Keep it
 * short: never over a wait (semantics B18), and not over dfsr_store_unit(),
 * which may have to wait for the last reader before the map can grow.
 */
int dfsr_store_read_begin(struct dfsr_store *store,
			  struct dfsr_store_txn **txn);
void dfsr_store_read_end(struct dfsr_store_txn *txn);

/* ---- rows: store/store_rows.c -------------------------------------------- */

/** @return 0, ENOENT, EIO for a damaged row, or an errno (all lookups) */
int dfsr_store_row_by_uid(struct dfsr_store_txn *txn,
			  const struct dfsr_id *uid, struct dfsr_row *row);
/** The live row that holds a name; dir is resolved through aliases. */
int dfsr_store_row_by_name(struct dfsr_store_txn *txn,
			   const struct dfsr_id *dir, const char *name,
			   struct dfsr_row *row);
/** The row whose own object has this identity. */
int dfsr_store_row_by_ident(struct dfsr_store_txn *txn,
			    const struct dfsr_ident *ident,
			    struct dfsr_row *row);
/** The live child of dir with the next fold key after `after`. */
int dfsr_store_next_child(struct dfsr_store_txn *txn,
			  const struct dfsr_id *dir, const char *after,
			  struct dfsr_row *row);
/**
 * The row with the lowest GVSN of *from's database that is >= *from
 * (RequestUpdates' range scan). @return 0 or ENOENT past the last
 */
int dfsr_store_next_gvsn(struct dfsr_store_txn *txn,
			 const struct dfsr_id *from, struct dfsr_row *row);
/** The row that follows uid in UID order; a zero uid starts. */
int dfsr_store_next_uid(struct dfsr_store_txn *txn,
			const struct dfsr_id *uid, struct dfsr_row *row);
/**
 * Store a row and keep all four orders (UID, name, GVSN, identity) in step
 * with it. A live row takes its name from whoever had it in the index; an
 * alias hands its children over to its winner.
 */
int dfsr_store_row_put(struct dfsr_store_txn *txn, const struct dfsr_row *row);
/** Count of live rows and of tombstones. */
int dfsr_store_row_count(struct dfsr_store_txn *txn, uint64_t *live,
			 uint64_t *tombstones);
/**
 * Path of a record below the content root ("" for the root), following
 * parents through aliases. @return 0, ENOENT when a parent is missing or
 * dead, ELOOP, ENAMETOOLONG beyond DFSR_DEPTH_MAX or PATH_MAX * 4
 */
int dfsr_store_path(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
		    const struct dfsr_id *uid, char **path);

/** The engine's view over a transaction; valid as long as it is. */
void dfsr_store_view(struct dfsr_store_txn *txn, struct dfsr_view *view);

/* ---- vector, issuer, state: store/store_state.c -------------------------- */

/** A copy of the vector below mem_ctx. */
int dfsr_store_vv(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
		  struct dfsr_vv **vv);
int dfsr_store_vv_add(struct dfsr_store_txn *txn, const struct dfsr_id *gvsn,
		      uint64_t tag);
int dfsr_store_vv_union(struct dfsr_store_txn *txn, const struct dfsr_vv *vv);
bool dfsr_store_vv_contains(struct dfsr_store_txn *txn,
			    const struct dfsr_id *gvsn);
/**
 * Generation of the durable vector: grows whenever a commit changed it; kept
 * in memory only, starts at 1. Callable from the event loop.
 */
uint64_t dfsr_store_vv_generation(struct dfsr_store *store);
/** The durable vector as of the last commit, as a copy; event loop only. */
struct dfsr_vv *dfsr_store_vv_published(TALLOC_CTX *mem_ctx,
					struct dfsr_store *store);

/**
 * Load the issuer: database GUID (drawn from env at creation) and next VSN.
 * env, fence and now_max are the caller's.
 */
int dfsr_store_issuer(struct dfsr_store_txn *txn, struct dfsr_issuer *issuer);
/** Store next_vsn after issuing. */
int dfsr_store_issuer_put(struct dfsr_store_txn *txn,
			  const struct dfsr_issuer *issuer);

/** Small named state: cursor, root identity, folder state … */
int dfsr_store_state_get(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
			 const char *key, uint8_t **data, size_t *len);
int dfsr_store_state_put(struct dfsr_store_txn *txn, const char *key,
			 const void *data, size_t len);
int dfsr_store_state_del(struct dfsr_store_txn *txn, const char *key);

/* ---- holes, redo units, manifest, preexisting: store/store_lists.c ------- */

/** Note a version that waits; what is there under its GVSN is replaced. */
int dfsr_store_hole_put(struct dfsr_store_txn *txn,
			const struct dfsr_hole *hole);
/** Removing what is not there is no error (all _del). */
int dfsr_store_hole_del(struct dfsr_store_txn *txn,
			const struct dfsr_id *gvsn);
/** The hole that follows gvsn; a zero id starts. */
int dfsr_store_hole_next(struct dfsr_store_txn *txn,
			 const struct dfsr_id *gvsn, struct dfsr_hole *hole);
/** Count of holes; durable value, callable from the event loop. */
uint64_t dfsr_store_hole_count(struct dfsr_store *store);

/**
 * The redo unit of an object: at most one per UID, put before its first step
 * and deleted after its last. _get and _next return ENOENT if there is none;
 * _next gives the unit that follows uid, a zero id starts.
 */
int dfsr_store_redo_put(struct dfsr_store_txn *txn,
			const struct dfsr_redo *redo);
int dfsr_store_redo_get(struct dfsr_store_txn *txn, const struct dfsr_id *uid,
			struct dfsr_redo *redo);
int dfsr_store_redo_del(struct dfsr_store_txn *txn,
			const struct dfsr_id *uid);
int dfsr_store_redo_next(struct dfsr_store_txn *txn,
			 const struct dfsr_id *uid, struct dfsr_redo *redo);

/** Add an entry; seq is drawn and written back. */
int dfsr_store_preserved_add(struct dfsr_store_txn *txn,
			     struct dfsr_preserved *p);
int dfsr_store_preserved_get(struct dfsr_store_txn *txn, uint64_t seq,
			     struct dfsr_preserved *p);
int dfsr_store_preserved_del(struct dfsr_store_txn *txn, uint64_t seq);
/** The entry with the next seq after `after`; 0 starts. */
int dfsr_store_preserved_next(struct dfsr_store_txn *txn, uint64_t after,
			      struct dfsr_preserved *p);

/**
 * The set of objects that a non-primary member had when its initial sync
 * started (semantics B16): path below the root → identity.
 */
int dfsr_store_pre_put(struct dfsr_store_txn *txn, const char *path,
		       const struct dfsr_stamp *stamp);
int dfsr_store_pre_get(struct dfsr_store_txn *txn, const char *path,
		       struct dfsr_stamp *stamp);
int dfsr_store_pre_del(struct dfsr_store_txn *txn, const char *path);
/** The path that follows `after` in byte order; "" starts. */
int dfsr_store_pre_next(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
			const char *after, char **path,
			struct dfsr_stamp *stamp);

#endif /* __DFSR_STORE_H__ */
