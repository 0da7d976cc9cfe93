/*
   Samba DFS Replication
   Inside the agent: folders, partners, sessions

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

#ifndef __DFSR_AGENT_PRIVATE_H__
#define __DFSR_AGENT_PRIVATE_H__

/*
 *   dfsr_agent
 *    ├ dfsr_pool            worker threads, for bytes
 *    ├ dfsr_journal_reader  what smbd says
 *    ├ dfsr_folder …        one per replicated folder that is enabled here
 *    │  ├ store, root, apply
 *    │  ├ looks             names and objects to look at
 *    │  └ dfsr_session …    one per partner that it pulls from
 *    ├ dfsr_partner …       one per node that this node dials
 *    └ dfsr_listener        nodes that dial this one
 *
 * Everything here runs on the one event loop, except functions called
 * *_job() (worker threads) and *_unit() (the store's thread): these see only
 * the struct that was handed to them and what is documented as shareable:
 * dfsr_fs_root, dfsr_apply and dfsr_store.
 */

#include <string.h>
#include <tevent.h>

#include "dfsr_agent.h"
#include "dfsr_apply.h"
#include "dfsr_engine.h"
#include "dfsr_journal.h"
#include "dfsr_peer.h"
#include "dfsr_store.h"
#include "dfsr_watch.h"

/** Looks that are carried out together. */
#define DFSR_LOOK_BATCH 64
/** Looks that may wait; a scan pauses beyond half of it. */
#define DFSR_LOOKS_MAX 65536
/** Attempts before a name that keeps changing is left to its next record. */
#define DFSR_LOOK_ATTEMPTS_MAX 50
/** Foreign directories remembered, per folder. */
#define DFSR_FOREIGN_MAX 4096
/** Transfers of one session at a time (MS-FRS2 <31>). */
#define DFSR_FETCHES_MAX 16
/** Files that one partner may hold open here at a time. */
#define DFSR_HANDLES_MAX 64
/** Files up to this size travel with their update. */
#define DFSR_INLINE_FILE_MAX (256 * 1024)
/** A scan that misses more than this many objects, and more than a share of
    DFSR_SCAN_MISSING_SHARE of what is known, stops and asks (P9). */
#define DFSR_SCAN_MISSING_MIN 1000
#define DFSR_SCAN_MISSING_SHARE 2 /* one half */

/** Copy a leaf name; longer ones have been refused at the door. */
static inline void dfsr_copy_name(char dst[DFSR_NAME_MAX + 1], const char *src)
{
	size_t len = strnlen(src, DFSR_NAME_MAX);

	memcpy(dst, src, len);
	dst[len] = '\0';
}

/** Doubly linked lists; the head is NULL when empty. */
#define DFSR_LIST_ADD(list, p)                          \
	do {                                            \
		(p)->prev = NULL;                       \
		(p)->next = (list);                     \
		if ((list) != NULL) {                   \
			(list)->prev = (p);             \
		}                                       \
		(list) = (p);                           \
	} while (0)
#define DFSR_LIST_REMOVE(list, p)                       \
	do {                                            \
		if ((p)->prev != NULL) {                \
			(p)->prev->next = (p)->next;    \
		} else {                                \
			(list) = (p)->next;             \
		}                                       \
		if ((p)->next != NULL) {                \
			(p)->next->prev = (p)->prev;    \
		}                                       \
		(p)->prev = (p)->next = NULL;           \
	} while (0)

/* ---- worker threads: agent_pool.c ---------------------------------------- */

struct dfsr_pool;

struct dfsr_pool *dfsr_pool_create(TALLOC_CTX *mem_ctx,
				   struct tevent_context *ev,
				   uint32_t num_threads);
/**
 * Run fn(arg) on a worker. arg is a talloc pointer that belongs to the pool
 * until the request is done; freeing the request early leaves it to the pool,
 * which frees it when the worker is through.
 */
struct tevent_req *dfsr_pool_send(TALLOC_CTX *mem_ctx,
				  struct tevent_context *ev,
				  struct dfsr_pool *pool,
				  void (*fn)(void *arg), void *arg);
/** errno of a request that has ended, 0 if it succeeded. */
int dfsr_req_error(struct tevent_req *req);
/** arg is given back below mem_ctx. */
int dfsr_pool_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx);

/** Wait for all workers and free what nobody waits for any more. */
void dfsr_pool_drain(struct dfsr_pool *pool);

/* ---- the agent ----------------------------------------------------------- */

struct dfsr_eventlog;
struct dfsr_folder;
struct dfsr_partner;
struct dfsr_session;

struct dfsr_agent {
	struct tevent_context *ev;
	struct dfsr_agent_options opt;
	const struct dfsr_env *env;
	struct dfsr_identity *identity;
	struct dfsr_configdb *configdb;
	struct dfsr_config *config;
	struct dfsr_eventlog *events;
	struct dfsr_pool *pool;
	struct dfsr_listener *listener;
	struct dfsr_guid boot;
	char *software; /* of HELLO */
	struct dfsr_folder *folders;
	struct dfsr_partner *partners;
	struct dfsr_incoming *incoming;
	bool stopping;
	struct tevent_immediate *config_im;
	TALLOC_CTX *old_configs; /* snapshots that somebody may stand on */
	/* journal */
	struct dfsr_journal_reader *journal;
	bool journal_running;
	uint32_t folder_number;
	uint64_t passing; /* of the modules, as last told */
	uint64_t ticks;
	unsigned journal_found; /* DFSR_JOURNAL_FOUND_* */
	struct tevent_fd *journal_fde;
	struct tevent_timer *journal_timer;
	uint64_t table_generation;
	struct dfsr_row scratch; /* too large for the stack of a callback */
	/* requests for a newer configuration that wait here */
	struct dfsr_config_wait *config_waits;
};

/** Log through the options' function; level as in Samba. */
void dfsr_agent_log(struct dfsr_agent *agent, int level, const char *fmt, ...)
	PRINTF_ATTRIBUTE(3, 4);
/** Write an event; data may be NULL and its reference is taken over. */
void dfsr_agent_event(struct dfsr_agent *agent, uint32_t id,
		      struct json_t *data, const char *fmt, ...)
	PRINTF_ATTRIBUTE(4, 5);
/** A directory that no folder knows: scan once, then remember it. */
void dfsr_folder_foreign(struct dfsr_folder *f, const struct dfsr_ident *dir);
bool dfsr_folder_is_foreign(const struct dfsr_folder *f,
			    const struct dfsr_ident *dir);
/** The folder whose store knows an identity, or NULL. */
struct dfsr_folder *dfsr_agent_folder_of(struct dfsr_agent *agent,
					 const struct dfsr_ident *ident);
/** End everything and free the agent. */
void dfsr_agent_close(struct dfsr_agent *agent);
/** Apply the snapshot in agent->config: start, change, stop folders etc. */
void dfsr_agent_apply_config(struct dfsr_agent *agent);

/* ---- folders: agent_folder.c --------------------------------------------- */

/** Windows' states of a replicated folder (WMI DfsrReplicatedFolderInfo). */
enum dfsr_folder_state {
	DFSR_FOLDER_UNINITIALIZED = 0,
	DFSR_FOLDER_INITIALIZED = 1, /* waits for its partner */
	DFSR_FOLDER_INITIAL_SYNC = 2,
	DFSR_FOLDER_AUTO_RECOVERY = 3, /* scanning */
	DFSR_FOLDER_NORMAL = 4,
	DFSR_FOLDER_IN_ERROR = 5,
};

struct dfsr_look_item;
struct dfsr_scan;

struct dfsr_folder {
	struct dfsr_folder *prev, *next;
	struct dfsr_agent *agent;
	struct dfsr_guid guid;
	struct dfsr_guid group;
	char *name;
	char *group_name;
	char *content_path;
	bool primary;
	bool preserve_deleted;
	uint64_t membership_generation;
	uint32_t number; /* in the folder table */

	enum dfsr_folder_state state;
	uint8_t phase; /* enum dfsr_folder_phase, as stored */
	char *error;   /* why IN_ERROR */
	TALLOC_CTX *work; /* everything that ends when it is closed */
	struct tevent_timer *timer;
	uint64_t quiesce_generation;
	bool sweeping;
	bool redo_scan; /* a kill interrupted installs: look at everything */
	bool filled; /* initial sync found something there */
	bool scan_owed; /* need_scan is to be cleared after it */
	struct dfsr_guid db;
	struct dfsr_store *store;
	struct dfsr_fs_root *root;
	struct dfsr_apply *apply;
	/** The filesystem tells two changes apart, however close. */
	bool fine_times;
	struct tevent_timer *retry_timer;

	/* looks */
	struct dfsr_look_item *looks, *looks_tail;
	struct dfsr_look_item *looks_later; /* not ready when looked at */
	uint32_t num_later;
	struct dfsr_look_batch *look_batch;
	struct dfsr_look_item **look_hash;
	uint32_t num_looks;
	bool looking;	 /* a batch is under way */
	bool look_pause; /* between proof and scan */
	struct tevent_timer *look_timer;
	struct tevent_timer *gather_timer;
	struct timeval look_began; /* the last batch */
	struct dfsr_ident *foreign; /* DFSR_FOREIGN_MAX, by inode */
	struct dfsr_scan *scan;
	bool scan_again;
	bool scan_trusted; /* the operator allowed mass deletes */
	bool cursor_valid; /* cursor is what the store has */
	struct dfsr_journal_cursor cursor;

	/* installs */
	bool installing; /* a batch holds the content tree */
	struct dfsr_install *install_waits;
	uint64_t installed;
	struct dfsr_fetch_lock *fetches; /* versions that are being brought */
	struct dfsr_displaced *displaced;
	struct tevent_timer *displaced_timer;

	struct dfsr_session *sessions;
	struct dfsr_poll_wait *poll_waits;
	struct tevent_immediate *poll_im;
};

const char *dfsr_folder_state_str(enum dfsr_folder_state s);
/** Start a folder of the configuration. It is in agent->folders then. */
int dfsr_folder_start(struct dfsr_agent *agent,
		      const struct dfsr_config_group *group,
		      const struct dfsr_config_folder *folder,
		      const struct dfsr_config_membership *m);
struct dfsr_folder *dfsr_folder_find(struct dfsr_agent *agent,
				     const struct dfsr_guid *guid);
/** The journal runs: go on with what dfsr_folder_start() has opened. */
void dfsr_folder_run(struct dfsr_folder *f);
/** Store the journal's cursor of a folder that has nothing to look at. */
void dfsr_folder_store_cursor(struct dfsr_folder *f);
/** Stop with an event; nothing is scanned or served until it is retried. */
void dfsr_folder_error(struct dfsr_folder *f, uint32_t event, const char *fmt,
		       ...) PRINTF_ATTRIBUTE(3, 4);
/** Looks and scans are through: go on to the next state. */
void dfsr_folder_settled(struct dfsr_folder *f);
/** A complete round with a closed server has ended without waiters. */
void dfsr_folder_round_complete(struct dfsr_folder *f);
/** The durable vector may have changed: answer polls, look at what waits. */
void dfsr_folder_committed(struct dfsr_folder *f);
/** Store that a scan is needed; it runs when the looks are through. */
int dfsr_folder_need_scan(struct dfsr_folder *f);
/** An object may have become free: what waits is tried again. */
void dfsr_folder_kick_waiters(struct dfsr_folder *f);
/** True if partners may pull from it. */
bool dfsr_folder_serves(const struct dfsr_folder *f);
/** Publish the folder table to smbd's modules. */
int dfsr_agent_publish_folders(struct dfsr_agent *agent);

/* ---- looks: agent_look.c, agent_look_unit.c ------------------------------ */

/** Look at a name in a directory; the identity of the directory counts. */
void dfsr_look_name(struct dfsr_folder *f, const struct dfsr_ident *dir,
		    const char *name);
/** Look at an object wherever the store says that it is. */
void dfsr_look_object(struct dfsr_folder *f, const struct dfsr_ident *object);
/** Count of looks that wait or are under way. */
uint32_t dfsr_looks_pending(const struct dfsr_folder *f);
/** Go on with the queue. */
void dfsr_looks_kick(struct dfsr_folder *f);

enum dfsr_look_result {
	DFSR_LOOK_DONE,
	DFSR_LOOK_AGAIN,	  /* moved under us, or being installed */
	DFSR_LOOK_UNKNOWN_PARENT, /* its directory is not in the store */
	DFSR_LOOK_LIST,		  /* a new directory: list it */
	DFSR_LOOK_FAILED,
};

/** One look from the queue to the store. */
struct dfsr_look_work {
	bool by_object;
	struct dfsr_ident object;
	struct dfsr_ident dir;
	char name[DFSR_NAME_MAX + 1];
	unsigned attempts;
	/* the worker's findings */
	int err;
	char *relpath;
	struct dfsr_look look;
	bool holder_survives; /* elsewhere: look there too */
	struct dfsr_ident holder_dir;
	char holder_name[DFSR_NAME_MAX + 1];
	bool other_name; /* nlink > 1 and the known name still has it */
	/** GVSN of the record that held the name when it was looked at. */
	struct dfsr_id holder_gvsn;
	enum dfsr_look_result looked;
	/* the unit's */
	enum dfsr_look_result result;
};

/** A batch of looks; handed from the loop to a worker to the store. */
struct dfsr_look_batch {
	struct dfsr_store *store;
	struct dfsr_fs_root *root;
	struct dfsr_apply *apply;
	const struct dfsr_env *env;
	uint64_t fence;
	bool fine_times;   /* every stamp is settled */
	bool initial_sync; /* preexisting objects are not looked at */
	uint32_t num;
	struct dfsr_look_work *w;
	bool cursor_set; /* the journal is looked at up to cursor then */
	struct dfsr_journal_cursor cursor;
	uint32_t issued; /* versions that the unit issued */
};

/** Engine and store, in the store's thread. */
int dfsr_look_unit(struct dfsr_store_txn *txn, void *private_data);

/* ---- scans: agent_scan.c ------------------------------------------------- */

/** Compare the whole tree with the store; differences become looks. */
void dfsr_scan_start(struct dfsr_folder *f);
/** List one directory that is new and look at everything in it. */
void dfsr_scan_directory(struct dfsr_folder *f, const struct dfsr_ident *dir);
bool dfsr_scan_active(const struct dfsr_folder *f);
/** Go on when the look queue has room again. */
void dfsr_scan_kick(struct dfsr_folder *f);
/** Fix the preexisting set: a walk of stamps, no hashing; in a worker. */
struct tevent_req *dfsr_scan_preexisting_send(TALLOC_CTX *mem_ctx,
					      struct dfsr_folder *f);
int dfsr_scan_preexisting_recv(struct tevent_req *req);
/** True if something of the preexisting set is left. */
bool dfsr_pre_any(struct dfsr_folder *f);
/** Move what only this member had into PreExisting. */
struct tevent_req *dfsr_sweep_send(TALLOC_CTX *mem_ctx, struct dfsr_folder *f);
int dfsr_sweep_recv(struct tevent_req *req, uint64_t *kept);

/* ---- journal: agent_journal.c -------------------------------------------- */

int dfsr_agent_journal_start(struct dfsr_agent *agent, char **why);
/** Begin to read; the folders are there and the place has been set. */
int dfsr_agent_journal_run(struct dfsr_agent *agent);
/** Read everything that is there now. */
void dfsr_agent_journal_drain(struct dfsr_agent *agent);
/** True if smbd has this object open for writing. */
bool dfsr_agent_busy(struct dfsr_agent *agent, const struct dfsr_ident *ident);

/* ---- partners: agent_partner.c ------------------------------------------- */

/** A node that this node dials. */
struct dfsr_partner {
	struct dfsr_partner *prev, *next;
	struct dfsr_agent *agent;
	struct dfsr_guid node;
	char *name;
	char *host;
	uint16_t port;
	uint8_t fingerprint[DFSR_FINGERPRINT_LEN];
	struct dfsr_peer *peer; /* NULL while not connected */
	bool ready;		/* HELLO has been answered */
	struct tevent_req *connecting;
	struct tevent_timer *timer;
	uint32_t backoff_ms;
	char *last_error;
	uint64_t since; /* FILETIME of the last change of state */
	struct tevent_req *hello;
	struct tevent_req *config_poll;
	struct dfsr_session *sessions; /* through partner_next */
	struct dfsr_partner_request_state *waiting; /* for the link */
};

/** Send what waited for the link. */
void dfsr_partner_flush(struct dfsr_partner *p);
/** Append the body of our HELLO. */
void dfsr_hello_push(struct dfsr_agent *agent, struct dfsr_push *push);
/** Follow the configuration, if this partner holds the active one. */
void dfsr_config_follow(struct dfsr_partner *p);
/** The partner of a node, or NULL. */
struct dfsr_partner *dfsr_partner_find(struct dfsr_agent *agent,
				       const struct dfsr_guid *node);
int dfsr_agent_partners_apply(struct dfsr_agent *agent);
/** Ask a node, dialled or not yet: waits for the link up to timeout. */
struct tevent_req *dfsr_partner_request_send(TALLOC_CTX *mem_ctx,
					     struct dfsr_agent *agent,
					     const struct dfsr_guid *node,
					     uint8_t type,
					     const uint8_t *body, size_t len,
					     uint32_t timeout_ms);
int dfsr_partner_request_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			      uint8_t **body, size_t *len, char **why);

/* ---- serving: agent_incoming.c, agent_serve.c ---------------------------- */

/** A node that has dialled this one. */
struct dfsr_incoming {
	struct dfsr_incoming *prev, *next;
	struct dfsr_agent *agent;
	struct dfsr_peer *peer;
	struct dfsr_guid node; /* null: a stranger that may only join */
	char *name;
	bool hello;
	uint32_t next_handle;
	struct dfsr_serve_handle *handles;
	uint32_t num_handles;
};

int dfsr_agent_listen(struct dfsr_agent *agent, char **why);
/** Close connections of nodes that the configuration no longer names. */
void dfsr_agent_incoming_apply(struct dfsr_agent *agent);
void dfsr_serve_request(struct dfsr_incoming *in, struct dfsr_request *req);
/** Answer polls of this folder whose generation is stale. */
void dfsr_serve_polls(struct dfsr_folder *f);
/** The folder goes away: refuse what waits. */
void dfsr_serve_polls_drop(struct dfsr_folder *f);
void dfsr_serve_join(struct dfsr_incoming *in, struct dfsr_request *req);
/** Answer waiting configuration requests. */
void dfsr_serve_config_changed(struct dfsr_agent *agent);
void dfsr_serve_config(struct dfsr_incoming *in, struct dfsr_request *req);
void dfsr_serve_control(struct dfsr_incoming *in, struct dfsr_request *req);

/* ---- pulling: agent_session.c, agent_fetch.c, agent_install*.c ----------- */

enum dfsr_session_state {
	DFSR_SESSION_DISCONNECTED,
	DFSR_SESSION_CONNECTED,
	DFSR_SESSION_POLLING,
	DFSR_SESSION_UPDATING,
};

/** The downstream end of (connection, folder), MS-FRS2 3.3. */
struct dfsr_session {
	struct dfsr_session *prev, *next; /* of the folder */
	struct dfsr_session *partner_next; /* of the partner */
	struct dfsr_folder *folder;
	struct dfsr_partner *partner;
	struct dfsr_guid connection;
	enum dfsr_session_state state;
	uint64_t since;
	struct tevent_req *req; /* the step under way */
	struct tevent_timer *timer;
	uint32_t backoff_ms;
	uint64_t generation; /* of the server's vector, last seen */
	bool again;	     /* something that waited may go on */
	char *last_error;
	struct dfsr_vv *server_vv; /* as of the last answer, or NULL */
	uint32_t waiting; /* updates that the last round left as holes */
	bool server_closed;
	/** server_vv was asked for, not an answer that had waited. */
	bool fresh;
};

int dfsr_session_start(struct dfsr_folder *f, struct dfsr_partner *p,
		       const struct dfsr_guid *connection);
/** All sessions of a folder: stop asking, ask again, end. */
void dfsr_sessions_pause(struct dfsr_folder *f);
void dfsr_sessions_resume(struct dfsr_folder *f);
void dfsr_sessions_free(struct dfsr_folder *f);
/** The link came up. */
void dfsr_session_connected(struct dfsr_session *s);
/** The link went away. */
void dfsr_session_disconnected(struct dfsr_session *s, const char *why);
/** What waits may go on now: ask for the difference again. */
void dfsr_session_kick(struct dfsr_session *s);

/** An update on its way through one batch. */
struct dfsr_item {
	struct dfsr_offer offer;
	struct dfsr_payload *payload; /* arrived with it, or NULL */
	struct dfsr_meta *meta;	      /* once staged */
	char staged[DFSR_APPLY_NAME_MAX + 1];
	struct dfsr_stamp staged_stamp;
	bool adopt; /* the object at its place is equal already */
	struct dfsr_stamp adopt_stamp;
	uint8_t adopt_fh[DFSR_FH_MAX];
	uint8_t adopt_fh_len;
	int32_t adopt_fh_type;
	int err; /* why it could not be fetched */
	enum dfsr_wait wait;
	bool done; /* in the vector */
	struct dfsr_fetch_lock *lock; /* nobody else brings it meanwhile */
};

/**
 * Get the bytes of an item into a staged object.
 * @param[in] path where an equal object may lie already, or NULL
 */
struct tevent_req *dfsr_fetch_send(TALLOC_CTX *mem_ctx, struct dfsr_session *s,
				   struct dfsr_item *item,
				   const struct dfsr_decision *d,
				   const char *path);
int dfsr_fetch_recv(struct tevent_req *req);

/**
 * Decide and carry out a set of items: units A and B of R4 with the steps
 * between. Items that could not be done keep their reason in wait.
 */
struct tevent_req *dfsr_install_send(TALLOC_CTX *mem_ctx,
				     struct dfsr_folder *f,
				     const struct dfsr_guid *partner,
				     const struct dfsr_round *round,
				     struct dfsr_item **items,
				     uint32_t num_items);
/** The items are given back below mem_ctx; on an error they are gone. */
int dfsr_install_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx);
/** One event for an update that cannot be stored here, once per reason. */
void dfsr_fetch_problem(struct dfsr_folder *f, const struct dfsr_record *u,
			const char *path, int err, const char *what);
/** Path that a record says, or its name alone; below mem_ctx. */
char *dfsr_folder_path(struct dfsr_folder *f, TALLOC_CTX *mem_ctx,
		       const struct dfsr_record *rec);
/** Look at the name that an update wants, and at the own object's. */
void dfsr_folder_look_path(struct dfsr_folder *f, const struct dfsr_record *u);
/** Finish or undo what a kill interrupted (R5); at start, in place. */
int dfsr_redo_recover(struct dfsr_folder *f);
/** Ask for leases on what was displaced. */
void dfsr_displaced_check(struct dfsr_folder *f);
/** What was displaced before the last stop. */
void dfsr_displaced_load(struct dfsr_folder *f);
uint32_t dfsr_displaced_count(const struct dfsr_folder *f);

#endif /* __DFSR_AGENT_PRIVATE_H__ */
