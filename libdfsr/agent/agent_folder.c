/*
   Samba DFS Replication
   Folders: proof of the root, states, start and stop

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
 * The life of one replicated folder on this member.
 *
 *   root open and proven (P9) ── private directories ── store ── redo units
 *        │                                        (R5)
 *   folder table published, every smbd has seen it
 *        │
 *        ├─ new, primary:      scan, fence initial-primary → NORMAL (4112)
 *        ├─ new, not primary:  what is there is noted as preexisting;
 *        │                     pull from a member that serves; sweep what
 *        │                     only we had → NORMAL (4104)
 *        └─ known:             scan unless journal and cursor are of this
 *                              boot → NORMAL
 *
 * Whatever is wrong with disk or path makes the folder IN_ERROR: nothing is
 * scanned, issued or served, and the same way is tried again every few
 * seconds.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "agent_event.h"
#include "agent_private.h"

#define DFSR_FOLDER_RETRY_SEC 5
/** The root is proven this often while nothing else asks. */
#define DFSR_FOLDER_PROVE_SEC 5
/** How often the writers are asked whether they have seen the table. */
#define DFSR_FOLDER_QUIESCE_USEC 5000

/** What is stored of the folder's life, under the key "phase". */
enum dfsr_folder_phase {
	DFSR_PHASE_NEW = 0,
	DFSR_PHASE_PRIMARY = 1,	     /* first scan not finished */
	DFSR_PHASE_INITIAL_SYNC = 2, /* preexisting set is fixed */
	DFSR_PHASE_NORMAL = 3,
};

static void dfsr_folder_try(struct dfsr_folder *f);
static void dfsr_folder_quiesce(struct tevent_context *ev,
				struct tevent_timer *te, struct timeval now,
				void *private_data);

const char *dfsr_folder_state_str(enum dfsr_folder_state s)
{
	switch (s) {
	case DFSR_FOLDER_UNINITIALIZED:
		return "Uninitialized";
	case DFSR_FOLDER_INITIALIZED:
		return "Initialized";
	case DFSR_FOLDER_INITIAL_SYNC:
		return "Initial Sync";
	case DFSR_FOLDER_AUTO_RECOVERY:
		return "Auto Recovery";
	case DFSR_FOLDER_NORMAL:
		return "Normal";
	case DFSR_FOLDER_IN_ERROR:
		return "In Error";
	}
	return "Unknown";
}

struct dfsr_folder *dfsr_folder_find(struct dfsr_agent *agent,
				     const struct dfsr_guid *guid)
{
	struct dfsr_folder *f = NULL;

	for (f = agent->folders; f != NULL; f = f->next) {
		if (dfsr_guid_cmp(&f->guid, guid) == 0) {
			return f;
		}
	}
	return NULL;
}

bool dfsr_folder_serves(const struct dfsr_folder *f)
{
	return f->state == DFSR_FOLDER_NORMAL ||
	       f->state == DFSR_FOLDER_AUTO_RECOVERY;
}

/* ---- small state --------------------------------------------------------- */

struct dfsr_folder_put {
	const char *key;
	const void *data;
	size_t len;
};

static int dfsr_folder_put_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_folder_put *p = private_data;

	return dfsr_store_state_put(txn, p->key, p->data, p->len);
}

/** Store one small value in place; for rare changes of state. */
static int dfsr_folder_put(struct dfsr_folder *f, const char *key,
			   const void *data, size_t len)
{
	struct dfsr_folder_put p = {key, data, len};

	return dfsr_store_unit(f->store, dfsr_folder_put_unit, &p);
}

static int dfsr_folder_get(struct dfsr_folder *f, const char *key, void *data,
			   size_t len)
{
	struct dfsr_store_txn *txn = NULL;
	uint8_t *value = NULL;
	size_t value_len = 0;
	int ret;

	ret = dfsr_store_read_begin(f->store, &txn);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_store_state_get(txn, f, key, &value, &value_len);
	dfsr_store_read_end(txn);
	if (ret == 0 && value_len != len) {
		ret = EIO;
	}
	if (ret == 0) {
		memcpy(data, value, len);
	}
	talloc_free(value);
	return ret;
}

static int dfsr_folder_set_phase(struct dfsr_folder *f, uint8_t phase)
{
	int ret = dfsr_folder_put(f, "phase", &phase, sizeof(phase));

	if (ret == 0) {
		f->phase = phase;
	}
	return ret;
}

int dfsr_folder_need_scan(struct dfsr_folder *f)
{
	uint8_t one = 1;

	if (f->store == NULL) {
		return 0; /* it scans when it comes back */
	}
	return dfsr_folder_put(f, "need_scan", &one, sizeof(one));
}

/* ---- the proof of the root (P9) ------------------------------------------ */

/** What is stored about the root at creation. */
struct dfsr_folder_root {
	uint8_t fsid[16];
	uint64_t ino;
	int64_t btime_sec;
	uint64_t btime_nsec;
};

static void dfsr_folder_root_of(const struct dfsr_fs_root *root,
				struct dfsr_folder_root *r)
{
	*r = (struct dfsr_folder_root){
		.ino = root->ident.ino,
		.btime_sec = root->ident.btime_sec,
		.btime_nsec = root->ident.btime_nsec,
	};
	memcpy(r->fsid, root->fsid, sizeof(r->fsid));
}

/** The stamp below the private directory must be this folder's and ours. */
static int dfsr_folder_check_stamp(struct dfsr_folder *f, bool known,
				   char **why)
{
	struct dfsr_root_stamp stamp;
	int ret;

	ret = dfsr_apply_stamp_read(f->apply, &stamp);
	if (ret == ENOENT && !known) {
		return 0;
	}
	if (ret != 0) {
		*why = talloc_asprintf(f, "its stamp is missing or damaged "
				       "(%s): the content was emptied, "
				       "replaced or restored", strerror(ret));
		return ESTALE;
	}
	if (dfsr_guid_cmp(&stamp.folder, &f->guid) != 0) {
		*why = talloc_strdup(f, "it belongs to another replicated "
				     "folder; choose another path or remove "
				     "its " DFSR_PRIVATE_DIR);
		return EEXIST;
	}
	if (known && dfsr_guid_cmp(&stamp.db, &f->db) != 0) {
		*why = talloc_strdup(f, "it was stamped by another replica "
				     "database");
		return ESTALE;
	}
	return 0;
}

/** Prove that what is at the content path is the root that we know. */
static int dfsr_folder_prove(struct dfsr_folder *f, char **why)
{
	struct dfsr_fs_root *now = NULL;
	int ret;

	ret = dfsr_fs_root_open(f, f->content_path, &now);
	if (ret != 0) {
		*why = talloc_asprintf(f, "%s", strerror(ret));
		return ret;
	}
	if (!dfsr_ident_equal(&now->ident, &f->root->ident) ||
	    memcmp(now->fsid, f->root->fsid, sizeof(now->fsid)) != 0) {
		*why = talloc_strdup(f, "another directory is there now");
		ret = ESTALE;
	}
	talloc_free(now);
	if (ret == 0) {
		ret = dfsr_folder_check_stamp(f, true, why);
	}
	return ret;
}

static void dfsr_folder_close(struct dfsr_folder *f)
{
	TALLOC_FREE(f->work);
	f->scan = NULL;
	f->looks = f->looks_tail = f->looks_later = NULL;
	f->num_later = 0;
	f->look_hash = NULL;
	f->num_looks = 0;
	f->look_timer = NULL;
	f->gather_timer = NULL;
	f->look_batch = NULL;
	f->looking = false;
	f->installing = false;
	f->install_waits = NULL;
	f->displaced = NULL;
	f->displaced_timer = NULL;
	f->timer = NULL;
	dfsr_pool_drain(f->agent->pool);
	TALLOC_FREE(f->store);
	TALLOC_FREE(f->apply);
	TALLOC_FREE(f->root);
	f->work = talloc_new(f);
}

static void dfsr_folder_retry(struct tevent_context *ev,
			      struct tevent_timer *te, struct timeval now,
			      void *private_data)
{
	struct dfsr_folder *f = private_data;

	(void)ev;
	(void)te;
	(void)now;
	TALLOC_FREE(f->retry_timer);
	dfsr_folder_try(f);
}

void dfsr_folder_error(struct dfsr_folder *f, uint32_t event, const char *fmt,
		       ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = talloc_vasprintf(f, fmt, ap);
	va_end(ap);
	if (text == NULL) {
		text = talloc_strdup(f, "out of memory");
	}
	if (f->error == NULL || strcmp(f->error, text) != 0) {
		dfsr_agent_event(f->agent, event, NULL,
				 "%s/%s stopped: content path %s: %s",
				 f->group_name, f->name, f->content_path,
				 text);
	}
	TALLOC_FREE(f->error);
	f->error = text;
	f->state = DFSR_FOLDER_IN_ERROR;
	f->cursor_valid = false;
	dfsr_sessions_pause(f);
	dfsr_serve_polls(f);
	if (f->retry_timer == NULL) {
		f->retry_timer = tevent_add_timer(
			f->agent->ev, f,
			tevent_timeval_current_ofs(DFSR_FOLDER_RETRY_SEC, 0),
			dfsr_folder_retry, f);
	}
}

/* ---- open ---------------------------------------------------------------- */

struct dfsr_folder_init {
	struct dfsr_folder *f;
	struct dfsr_issuer issuer;
	struct dfsr_stamp root_stamp;
};

/** Database GUID, and the record of the root directory. */
static int dfsr_folder_init_unit(struct dfsr_store_txn *txn,
				 void *private_data)
{
	struct dfsr_folder_init *i = private_data;
	struct dfsr_id uid = dfsr_root_uid(&i->f->guid);
	struct dfsr_row row;
	int ret;

	ret = dfsr_store_issuer(txn, &i->issuer);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_store_row_by_uid(txn, &uid, &row);
	if (ret != ENOENT) {
		return ret;
	}
	row = (struct dfsr_row){
		.rec = {
			.uid = uid,
			.gvsn = uid,
			.kind = DFSR_KIND_DIRECTORY,
			.attributes = 0x10,
			.present = true,
			.fence = DFSR_FENCE_DEFAULT,
			.lineage = {.num = 1, .e = {uid}},
		},
		.stamp = i->root_stamp,
	};
	return dfsr_store_row_put(txn, &row);
}

static int dfsr_folder_open_store(struct dfsr_folder *f, char **why)
{
	struct dfsr_folder_init init = {.f = f};
	char guid[DFSR_GUID_STRLEN];
	char *dir = NULL;
	int ret, fd;

	dir = talloc_asprintf(f, "%s/folders.d/%s.%llu", f->agent->opt.dfs_dir,
			      dfsr_guid_str(&f->guid, guid),
			      (unsigned long long)f->membership_generation);
	if (dir == NULL) {
		return ENOMEM;
	}
	ret = dfsr_store_open(f, f->agent->ev, dir, &f->guid, &f->store);
	if (ret != 0) {
		*why = talloc_asprintf(f, "the replica database %s cannot be "
				       "opened: %s", dir, strerror(ret));
		talloc_free(dir);
		return ret;
	}
	talloc_free(dir);
	fd = dfsr_fs_open(f->root, "", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1) {
		return errno;
	}
	ret = dfsr_fs_stamp(fd, &init.root_stamp);
	close(fd);
	if (ret != 0) {
		return ret;
	}
	init.issuer.env = f->agent->env;
	ret = dfsr_store_unit(f->store, dfsr_folder_init_unit, &init);
	f->db = init.issuer.db;
	return ret;
}

/** Compare with what was stored about root and database, or store it. */
static int dfsr_folder_bind(struct dfsr_folder *f, char **why)
{
	struct dfsr_folder_root now, known;
	struct dfsr_root_stamp stamp = {.folder = f->guid, .db = f->db};
	int ret;

	dfsr_folder_root_of(f->root, &now);
	ret = dfsr_folder_get(f, "root", &known, sizeof(known));
	if (ret == 0) {
		if (memcmp(&now, &known, sizeof(now)) != 0) {
			*why = talloc_strdup(
				f, "another directory or filesystem is there "
				   "than when it was enabled: not mounted, "
				   "moved or restored");
			return ESTALE;
		}
		return dfsr_folder_check_stamp(f, true, why);
	}
	if (ret != ENOENT) {
		return ret;
	}
	ret = dfsr_folder_check_stamp(f, false, why);
	if (ret != 0) {
		return ret;
	}
	stamp.member = f->agent->config->self;
	memcpy(stamp.fsid, f->root->fsid, sizeof(stamp.fsid));
	ret = dfsr_apply_stamp_write(f->apply, &stamp);
	if (ret == 0) {
		ret = dfsr_folder_put(f, "root", &now, sizeof(now));
	}
	return ret;
}

static int dfsr_folder_open(struct dfsr_folder *f, char **why)
{
	int ret;

	ret = dfsr_fs_root_open(f, f->content_path, &f->root);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_apply_open(f, f->root, &f->apply);
	if (ret != 0) {
		*why = talloc_asprintf(f, DFSR_PRIVATE_DIR ": %s",
				       strerror(ret));
		return ret;
	}
	ret = dfsr_fs_fine_times(f->apply->dirfd[DFSR_DIR_STAGING],
				 &f->fine_times);
	if (ret == 0) {
		ret = dfsr_folder_open_store(f, why);
	}
	if (ret == 0) {
		ret = dfsr_folder_bind(f, why);
	}
	if (ret == 0) {
		ret = dfsr_folder_get(f, "phase", &f->phase, sizeof(f->phase));
		if (ret == ENOENT) {
			f->phase = DFSR_PHASE_NEW;
			ret = 0;
		}
	}
	if (ret == 0) {
		ret = dfsr_redo_recover(f);
	}
	return ret;
}

/** True if journal and cursor of this boot say everything. */
static bool dfsr_folder_journal_whole(struct dfsr_folder *f)
{
	uint8_t need = 0;

	if (dfsr_folder_get(f, "cursor", &f->cursor, sizeof(f->cursor)) != 0 ||
	    memcmp(f->cursor.boot, f->agent->boot.b, sizeof(f->cursor.boot)) !=
		    0) {
		return false;
	}
	f->cursor_valid = true;
	return dfsr_folder_get(f, "need_scan", &need, sizeof(need)) ==
		       ENOENT ||
	       need == 0;
}

static void dfsr_folder_try(struct dfsr_folder *f)
{
	char *why = NULL;
	int ret;

	if (f->agent->stopping) {
		return;
	}
	dfsr_folder_close(f);
	f->state = DFSR_FOLDER_UNINITIALIZED;
	ret = dfsr_folder_open(f, &why);
	if (ret != 0) {
		dfsr_folder_error(f, ret == ESTALE ? 6406 : 4004, "%s",
				  why != NULL ? why : strerror(ret));
		TALLOC_FREE(f->store);
		TALLOC_FREE(f->apply);
		TALLOC_FREE(f->root);
		return;
	}
	/* The journal went on without it while it was stopped. */
	f->scan_again = !dfsr_folder_journal_whole(f) || f->redo_scan ||
			f->error != NULL || f->agent->journal_running;
	f->redo_scan = false;
	f->look_pause = true;
	if (f->agent->journal == NULL) {
		return;
	}
	if (!f->agent->journal_running) {
		return; /* the agent continues when the journal runs */
	}
	dfsr_folder_run(f);
}

/** The journal runs: tell smbd, wait until it knows, go on. */
void dfsr_folder_run(struct dfsr_folder *f)
{
	int ret;

	if (f->store == NULL) {
		return;
	}
	ret = dfsr_agent_publish_folders(f->agent);
	if (ret != 0) {
		dfsr_folder_error(f, 4004,
				  "the folder table cannot be written: %s",
				  strerror(ret));
		return;
	}
	f->quiesce_generation = f->agent->table_generation;
	dfsr_folder_quiesce(f->agent->ev, NULL, tevent_timeval_zero(), f);
}

/* ---- states -------------------------------------------------------------- */

static void dfsr_folder_prove_tick(struct tevent_context *ev,
				   struct tevent_timer *te, struct timeval now,
				   void *private_data)
{
	struct dfsr_folder *f = private_data;
	char *why = NULL;

	(void)te;
	(void)now;
	f->timer = NULL;
	if (f->agent->stopping || f->state == DFSR_FOLDER_IN_ERROR) {
		return;
	}
	if (dfsr_folder_prove(f, &why) != 0) {
		dfsr_folder_error(f, 6406, "%s", why != NULL ? why : "lost");
		return;
	}
	dfsr_folder_store_cursor(f);
	dfsr_folder_kick_waiters(f);
	f->timer = tevent_add_timer(
		ev, f->work,
		tevent_timeval_current_ofs(DFSR_FOLDER_PROVE_SEC, 0),
		dfsr_folder_prove_tick, f);
}

static void dfsr_folder_normal(struct dfsr_folder *f)
{
	TALLOC_FREE(f->error);
	f->state = DFSR_FOLDER_NORMAL;
	dfsr_sessions_resume(f);
	dfsr_serve_polls(f);
}

static void dfsr_folder_pre_done(struct tevent_req *subreq)
{
	struct dfsr_folder *f =
		tevent_req_callback_data(subreq, struct dfsr_folder);
	int ret;

	ret = dfsr_scan_preexisting_recv(subreq);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		ret = dfsr_folder_set_phase(f, DFSR_PHASE_INITIAL_SYNC);
	}
	if (ret != 0) {
		dfsr_folder_error(f, 4004, "what is there cannot be listed: "
				  "%s", strerror(ret));
		return;
	}
	f->state = DFSR_FOLDER_INITIAL_SYNC;
	f->look_pause = false;
	dfsr_agent_event(f->agent, 4102, NULL,
			 "%s/%s: initialised at %s, waiting for initial "
			 "replication from a partner",
			 f->group_name, f->name, f->content_path);
	dfsr_sessions_resume(f);
	dfsr_looks_kick(f);
}

/** smbd knows of the folder: nothing is missed from now on. */
static void dfsr_folder_ready(struct dfsr_folder *f)
{
	struct tevent_req *subreq = NULL;

	TALLOC_FREE(f->error);
	f->timer = tevent_add_timer(
		f->agent->ev, f->work,
		tevent_timeval_current_ofs(DFSR_FOLDER_PROVE_SEC, 0),
		dfsr_folder_prove_tick, f);
	f->state = DFSR_FOLDER_INITIALIZED;
	if (f->phase == DFSR_PHASE_NEW && f->primary) {
		if (dfsr_folder_set_phase(f, DFSR_PHASE_PRIMARY) != 0) {
			dfsr_folder_error(f, 2004, "the replica database "
					  "cannot be written");
			return;
		}
	}
	switch (f->phase) {
	case DFSR_PHASE_NEW:
		subreq = dfsr_scan_preexisting_send(f->work, f);
		if (subreq != NULL) {
			tevent_req_set_callback(subreq, dfsr_folder_pre_done,
						f);
		}
		return;
	case DFSR_PHASE_INITIAL_SYNC:
		f->state = DFSR_FOLDER_INITIAL_SYNC;
		f->filled = dfsr_pre_any(f);
		f->scan_again = false; /* the scan follows the sweep */
		dfsr_sessions_resume(f);
		break;
	case DFSR_PHASE_PRIMARY:
		f->scan_again = true;
		break;
	default:
		f->state = DFSR_FOLDER_AUTO_RECOVERY;
		dfsr_sessions_resume(f);
		break;
	}
	f->look_pause = false;
	dfsr_displaced_load(f);
	dfsr_looks_kick(f);
}

static void dfsr_folder_quiesce(struct tevent_context *ev,
				struct tevent_timer *te, struct timeval now,
				void *private_data)
{
	struct dfsr_folder *f = private_data;

	(void)te;
	(void)now;
	f->timer = NULL;
	if (!dfsr_journal_quiesced(f->agent->journal, f->quiesce_generation)) {
		f->timer = tevent_add_timer(
			ev, f->work,
			tevent_timeval_current_ofs(0,
						   DFSR_FOLDER_QUIESCE_USEC),
			dfsr_folder_quiesce, f);
		return;
	}
	dfsr_folder_ready(f);
}

static void dfsr_folder_swept(struct tevent_req *subreq)
{
	struct dfsr_folder *f =
		tevent_req_callback_data(subreq, struct dfsr_folder);
	uint64_t kept = 0;
	int ret;

	ret = dfsr_sweep_recv(subreq, &kept);
	TALLOC_FREE(subreq);
	f->sweeping = false;
	f->look_pause = false;
	if (ret == 0) {
		ret = dfsr_folder_set_phase(f, DFSR_PHASE_NORMAL);
	}
	if (ret != 0) {
		dfsr_folder_error(f, 4004,
				  "what only this member had could not be "
				  "moved to PreExisting: %s", strerror(ret));
		return;
	}
	if (kept > 0) {
		dfsr_agent_event(f->agent, DFSR_EVENT_PREEXISTING, NULL,
				 "%s/%s: %llu files and folders that only "
				 "this member had are in PreExisting: see "
				 "\"samba-dfs preserved list\"",
				 f->group_name, f->name,
				 (unsigned long long)kept);
	}
	dfsr_agent_event(f->agent, 4104, NULL,
			 "%s/%s: initial replication at %s has finished; "
			 "%llu objects that only this member had are in "
			 "PreExisting", f->group_name, f->name,
			 f->content_path, (unsigned long long)kept);
	f->scan_again = true;
	dfsr_folder_normal(f);
	dfsr_looks_kick(f);
}

void dfsr_folder_round_complete(struct dfsr_folder *f)
{
	struct tevent_req *subreq = NULL;

	if (f->state != DFSR_FOLDER_INITIAL_SYNC || f->sweeping ||
	    f->installing || dfsr_looks_pending(f) != 0) {
		return;
	}
	subreq = dfsr_sweep_send(f->work, f);
	if (subreq == NULL) {
		return;
	}
	f->sweeping = true;
	f->look_pause = true;
	tevent_req_set_callback(subreq, dfsr_folder_swept, f);
}

/** A full scan has been through: it is no longer owed. */
static void dfsr_folder_scanned(struct dfsr_folder *f)
{
	uint8_t zero = 0;

	if (f->scan_owed) {
		f->scan_owed = false;
		dfsr_folder_put(f, "need_scan", &zero, sizeof(zero));
	}
	if (f->state == DFSR_FOLDER_INITIALIZED &&
	    f->phase == DFSR_PHASE_PRIMARY) {
		if (dfsr_folder_set_phase(f, DFSR_PHASE_NORMAL) != 0) {
			return;
		}
		dfsr_agent_event(f->agent, 4112, NULL,
				 "%s/%s: initialised at %s on the primary "
				 "member", f->group_name, f->name,
				 f->content_path);
		dfsr_folder_normal(f);
	} else if (f->state == DFSR_FOLDER_AUTO_RECOVERY) {
		dfsr_folder_normal(f);
	}
}

void dfsr_folder_settled(struct dfsr_folder *f)
{
	char *why = NULL;

	if (f->scan != NULL) {
		dfsr_scan_kick(f);
		return;
	}
	if (f->scan_again && f->state != DFSR_FOLDER_INITIAL_SYNC) {
		if (dfsr_folder_prove(f, &why) != 0) {
			dfsr_folder_error(f, 6406, "%s",
					  why != NULL ? why : "lost");
			return;
		}
		f->scan_owed = true;
		dfsr_scan_start(f);
		return;
	}
	dfsr_folder_scanned(f);
}

/* ---- odds and ends ------------------------------------------------------- */

void dfsr_folder_store_cursor(struct dfsr_folder *f)
{
	struct dfsr_journal_cursor cursor;

	if (f->store == NULL || f->state == DFSR_FOLDER_IN_ERROR ||
	    dfsr_looks_pending(f) != 0 || f->scan != NULL || f->scan_again ||
	    f->look_pause) {
		return;
	}
	dfsr_journal_reader_cursor(f->agent->journal, &cursor);
	if (f->cursor_valid &&
	    dfsr_journal_cursor_cmp(&cursor, &f->cursor) == 0) {
		return;
	}
	if (dfsr_folder_put(f, "cursor", &cursor, sizeof(cursor)) == 0) {
		f->cursor = cursor;
		f->cursor_valid = true;
	}
}

char *dfsr_folder_path(struct dfsr_folder *f, TALLOC_CTX *mem_ctx,
		       const struct dfsr_record *rec)
{
	struct dfsr_store_txn *txn = NULL;
	char *dir = NULL;
	int ret;

	ret = dfsr_store_read_begin(f->store, &txn);
	if (ret == 0) {
		ret = dfsr_store_path(txn, mem_ctx, &rec->parent, &dir);
		dfsr_store_read_end(txn);
	}
	return ret != 0 || dir[0] == '\0'
		       ? talloc_strdup(mem_ctx, rec->name)
		       : talloc_asprintf(mem_ctx, "%s/%s", dir, rec->name);
}

void dfsr_folder_look_path(struct dfsr_folder *f, const struct dfsr_record *u)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row dir, own;
	bool have_dir = false, have_own = false;

	if (dfsr_store_read_begin(f->store, &txn) != 0) {
		return;
	}
	have_dir = dfsr_store_row_by_uid(txn, &u->parent, &dir) == 0;
	have_own = dfsr_store_row_by_uid(txn, &u->uid, &own) == 0;
	dfsr_store_read_end(txn);
	if (have_dir && u->present) {
		dfsr_look_name(f, &dir.stamp.ident, u->name);
	}
	if (have_own) {
		dfsr_look_object(f, &own.stamp.ident);
	}
	dfsr_looks_kick(f);
}

/* ---- start and stop ------------------------------------------------------ */

static int dfsr_folder_destructor(struct dfsr_folder *f)
{
	DFSR_LIST_REMOVE(f->agent->folders, f);
	TALLOC_FREE(f->poll_im);
	dfsr_serve_polls_drop(f);
	dfsr_sessions_free(f);
	dfsr_folder_close(f);
	return 0;
}

int dfsr_folder_start(struct dfsr_agent *agent,
		      const struct dfsr_config_group *group,
		      const struct dfsr_config_folder *folder,
		      const struct dfsr_config_membership *m)
{
	struct dfsr_folder *f = NULL;

	f = talloc_zero(agent, struct dfsr_folder);
	if (f == NULL) {
		return ENOMEM;
	}
	f->agent = agent;
	f->guid = folder->guid;
	f->group = group->guid;
	f->name = talloc_strdup(f, folder->name);
	f->group_name = talloc_strdup(f, group->name);
	f->content_path = talloc_strdup(f, m->content_path);
	f->primary = m->primary;
	f->preserve_deleted = m->preserve_deleted;
	f->membership_generation = m->generation;
	f->number = ++agent->folder_number;
	f->poll_im = tevent_create_immediate(f);
	f->work = talloc_new(f);
	if (f->name == NULL || f->group_name == NULL ||
	    f->content_path == NULL || f->poll_im == NULL || f->work == NULL) {
		talloc_free(f);
		return ENOMEM;
	}
	DFSR_LIST_ADD(agent->folders, f);
	talloc_set_destructor(f, dfsr_folder_destructor);
	dfsr_folder_try(f);
	return 0;
}
