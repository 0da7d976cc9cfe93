/*
   Samba DFS Replication
   Displaced objects that somebody still writes to

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
 * An inode that was replaced while a client had it open for writing lies
 * below Displaced until a read lease says that nobody can write to it any
 * more. Then it is looked at for the last time (A8):
 *
 *   equal to the version that was superseded → dropped, unless to be kept
 *   changed, and the last write is older than the version in its place
 *                                             → it loses: ConflictAndDeleted
 *   changed, and the last write is newer      → it wins: it gets its place
 *       back and is looked at as any change; what was there loses
 *
 * The list is stored with the install, so it survives a restart. Before an
 * exchange the entry already says what will lie under its name afterwards, to
 * be kept; a kill in between keeps the other one, so that neither is lost.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_install.h"

#define DFSR_DISPLACED_CHECK_MS 500
#define DFSR_DISPLACED_VERSION 1

struct dfsr_displaced {
	struct dfsr_displaced *prev, *next;
	struct dfsr_plan_displaced d;
	struct dfsr_guid partner;
	struct dfsr_id winner;
	struct dfsr_stamp stamp; /* as it was displaced */
	bool checking;
};

int dfsr_displaced_store(struct dfsr_store_txn *txn, const char *key,
			 const struct dfsr_plan_displaced *d,
			 const struct dfsr_guid *partner,
			 const struct dfsr_id *winner,
			 const struct dfsr_stamp *stamp)
{
	struct dfsr_push p;
	int ret;

	dfsr_push_init(&p, NULL);
	dfsr_push_u8(&p, DFSR_DISPLACED_VERSION);
	dfsr_push_u8(&p, d->keep ? 1 : 0);
	dfsr_push_u32(&p, d->conflict);
	dfsr_push_str(&p, d->path);
	dfsr_record_push(&p, &d->rec);
	dfsr_push_guid(&p, partner);
	dfsr_push_id(&p, winner);
	dfsr_stamp_push(&p, stamp);
	ret = p.err;
	if (ret == 0) {
		ret = dfsr_store_state_put(txn, key, p.data, p.len);
	}
	talloc_free(p.data);
	return ret;
}

static int dfsr_displaced_unpack(const uint8_t *data, size_t len,
				 struct dfsr_displaced *x)
{
	struct dfsr_pull p;

	dfsr_pull_init(&p, data, len);
	if (dfsr_pull_u8(&p) != DFSR_DISPLACED_VERSION) {
		return EBADMSG;
	}
	x->d.keep = dfsr_pull_u8(&p) != 0;
	x->d.conflict = dfsr_pull_u32(&p);
	dfsr_pull_strbuf(&p, x->d.path, sizeof(x->d.path));
	dfsr_record_pull(&p, &x->d.rec);
	dfsr_pull_guid(&p, &x->partner);
	dfsr_pull_id(&p, &x->winner);
	dfsr_stamp_pull(&p, &x->stamp);
	return dfsr_pull_end(&p);
}

/* ---- one last look ------------------------------------------------------- */

struct dfsr_displaced_job {
	struct dfsr_folder *folder; /* for the loop alone */
	struct dfsr_displaced *x;   /* for the loop alone */
	struct dfsr_apply *apply;
	struct dfsr_plan_displaced d;
	struct dfsr_guid partner;
	struct dfsr_id winner;
	struct dfsr_stamp stamp;
	struct dfsr_store *store;
	uint64_t now;
	bool busy;
	bool changed;
	bool wins; /* it gets its place back */
	struct dfsr_row row; /* what is in its place */
	struct dfsr_ident dir;
	char *path;
	int err;
};

/** FILETIME of the last write to an object. */
static uint64_t dfsr_displaced_written(const struct dfsr_stamp *stamp)
{
	return ((uint64_t)stamp->mtime_sec + 11644473600ULL) * 10000000ULL +
	       stamp->mtime_nsec / 100;
}

/** Does the late version win against what is current under its UID? */
static void dfsr_displaced_compare(struct dfsr_displaced_job *j,
				   const struct dfsr_stamp *stamp)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row *dir = talloc_zero(j, struct dfsr_row);
	int ret;

	if (dir == NULL || dfsr_store_read_begin(j->store, &txn) != 0) {
		return;
	}
	ret = dfsr_store_row_by_uid(txn, &j->d.rec.uid, &j->row);
	if (ret == 0) {
		ret = dfsr_store_row_by_uid(txn, &j->row.rec.parent, dir);
	}
	if (ret == 0) {
		ret = dfsr_store_path(txn, j, &j->row.rec.uid, &j->path);
	}
	dfsr_store_read_end(txn);
	j->dir = dir->stamp.ident;
	j->wins = ret == 0 && j->row.rec.present &&
		  j->row.rec.kind == DFSR_KIND_FILE &&
		  dfsr_displaced_written(stamp) > j->row.rec.clock;
}

/** The exchange, after the entry has been turned round. */
static void dfsr_displaced_swap_fn(void *arg)
{
	struct dfsr_displaced_job *j = arg;

	j->err = dfsr_apply_displaced_swap(j->apply, j->d.name, j->path,
					   &j->dir, &j->row.stamp);
	if (j->err != 0) {
		/* It loses its chance, not its bytes. */
		j->wins = false;
	} else {
		/* The winner has no number yet: its look gives it one. */
		j->winner = j->d.rec.gvsn;
		j->d.rec = j->row.rec;
	}
	j->err = dfsr_apply_preserve(j->apply, DFSR_DIR_DISPLACED, j->d.name,
				     DFSR_DIR_CONFLICT, j->d.rec.name,
				     &j->d.rec.gvsn, j->d.kept_name,
				     &j->d.size, &j->d.files);
	j->d.kept = j->err == 0;
}

/** From now on the entry stands for what is in the place, to be kept. */
static int dfsr_displaced_turn_unit(struct dfsr_store_txn *txn,
				    void *private_data)
{
	struct dfsr_displaced_job *j = private_data;
	struct dfsr_plan_displaced turned = j->d;
	char key[96];

	turned.rec = j->row.rec;
	turned.keep = true;
	snprintf(key, sizeof(key), "displaced.%s", j->d.name);
	return dfsr_displaced_store(txn, key, &turned, &j->partner,
				    &j->winner, &j->row.stamp);
}

static void dfsr_displaced_job_fn(void *arg)
{
	struct dfsr_displaced_job *j = arg;
	struct dfsr_stamp stamp;

	j->err = dfsr_apply_displaced_probe(j->apply, j->d.name, &stamp);
	if (j->err == EAGAIN) {
		j->busy = true;
		return;
	}
	if (j->err != 0) {
		return;
	}
	j->changed = !dfsr_stamp_same_data(&stamp, &j->stamp);
	if (!j->d.keep && !j->changed) {
		j->err = dfsr_apply_displaced_drop(j->apply, j->d.name);
		return;
	}
	if (j->d.conflict == DFSR_CONFLICT_NONE) {
		j->d.conflict = DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_UPDATE;
	}
	if (j->changed) {
		dfsr_displaced_compare(j, &stamp);
	}
	if (j->wins) {
		return;
	}
	j->err = dfsr_apply_preserve(j->apply, DFSR_DIR_DISPLACED, j->d.name,
				     DFSR_DIR_CONFLICT, j->d.rec.name,
				     &j->d.rec.gvsn, j->d.kept_name,
				     &j->d.size, &j->d.files);
	j->d.kept = j->err == 0;
}

static int dfsr_displaced_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_displaced_job *j = private_data;
	struct dfsr_preserved m = {
		.rec = j->d.rec,
		.winner_gvsn = j->winner,
		.partner = j->partner,
		.conflict = j->d.conflict,
		.differs = j->changed ? DFSR_PART_CONTENT : 0,
		.time = j->now,
		.size = j->d.size,
		.files = j->d.files,
	};
	char key[96];
	int ret = 0;

	if (j->d.kept) {
		snprintf(m.path, sizeof(m.path), "%s", j->d.path);
		dfsr_copy_name(m.preserved_name, j->d.kept_name);
		ret = dfsr_store_preserved_add(txn, &m);
	}
	snprintf(key, sizeof(key), "displaced.%s", j->d.name);
	return ret != 0 ? ret : dfsr_store_state_del(txn, key);
}

static void dfsr_displaced_stored(struct tevent_req *subreq)
{
	struct dfsr_displaced_job *j =
		tevent_req_callback_data(subreq, struct dfsr_displaced_job);
	struct dfsr_folder *f = j->folder;
	int ret;

	ret = dfsr_store_unit_recv(subreq);
	TALLOC_FREE(subreq);
	if (ret == 0 && j->d.kept) {
		dfsr_conflict_event(f, &j->d,
				    j->wins ? &f->agent->config->self
					    : &j->partner,
				    &j->winner);
	}
	if (ret == 0 && j->wins) {
		dfsr_look_name(f, &j->dir, j->row.rec.name);
		dfsr_looks_kick(f);
	}
	if (ret == 0) {
		DFSR_LIST_REMOVE(f->displaced, j->x);
		talloc_free(j->x);
	} else {
		j->x->checking = false;
	}
	talloc_free(j);
}

static void dfsr_displaced_again(struct dfsr_displaced_job *j)
{
	j->x->checking = false;
	talloc_free(j);
}

/** The manifest entry, and the end of the list's entry. */
static void dfsr_displaced_finish(struct dfsr_displaced_job *j)
{
	struct dfsr_folder *f = j->folder;
	struct tevent_req *subreq = NULL;

	subreq = dfsr_store_unit_send(f->work, f->agent->ev, f->store,
				      dfsr_displaced_unit, j);
	if (subreq == NULL) {
		dfsr_displaced_again(j);
		return;
	}
	tevent_req_set_callback(subreq, dfsr_displaced_stored, j);
}

static void dfsr_displaced_swapped(struct tevent_req *subreq)
{
	struct dfsr_displaced_job *j =
		tevent_req_callback_data(subreq, struct dfsr_displaced_job);
	int ret = dfsr_pool_recv(subreq, j->folder->work);

	TALLOC_FREE(subreq);
	if (ret != 0 || j->err != 0) {
		dfsr_displaced_again(j);
		return;
	}
	dfsr_displaced_finish(j);
}

static void dfsr_displaced_turned(struct tevent_req *subreq)
{
	struct dfsr_displaced_job *j =
		tevent_req_callback_data(subreq, struct dfsr_displaced_job);
	struct dfsr_folder *f = j->folder;
	int ret = dfsr_store_unit_recv(subreq);

	TALLOC_FREE(subreq);
	if (ret == 0) {
		subreq = dfsr_pool_send(f->work, f->agent->ev, f->agent->pool,
					dfsr_displaced_swap_fn, j);
	}
	if (subreq == NULL) {
		dfsr_displaced_again(j);
		return;
	}
	tevent_req_set_callback(subreq, dfsr_displaced_swapped, j);
}

static void dfsr_displaced_looked(struct tevent_req *subreq)
{
	struct dfsr_displaced_job *j =
		tevent_req_callback_data(subreq, struct dfsr_displaced_job);
	struct dfsr_folder *f = j->folder;
	int ret = dfsr_pool_recv(subreq, f->work);

	TALLOC_FREE(subreq);
	if (ret != 0 || j->busy || j->err != 0) {
		dfsr_displaced_again(j);
		return;
	}
	if (!j->wins) {
		dfsr_displaced_finish(j);
		return;
	}
	subreq = dfsr_store_unit_send(f->work, f->agent->ev, f->store,
				      dfsr_displaced_turn_unit, j);
	if (subreq == NULL) {
		dfsr_displaced_again(j);
		return;
	}
	tevent_req_set_callback(subreq, dfsr_displaced_turned, j);
}

static void dfsr_displaced_tick(struct tevent_context *ev,
				struct tevent_timer *te, struct timeval now,
				void *private_data)
{
	struct dfsr_folder *f = private_data;

	(void)ev;
	(void)te;
	(void)now;
	f->displaced_timer = NULL;
	dfsr_displaced_check(f);
}

void dfsr_displaced_check(struct dfsr_folder *f)
{
	struct dfsr_displaced *x = NULL;
	struct dfsr_displaced_job *j = NULL;
	struct tevent_req *subreq = NULL;

	if (f->displaced == NULL || f->agent->stopping || f->work == NULL ||
	    f->state == DFSR_FOLDER_IN_ERROR) {
		return;
	}
	for (x = f->displaced; x != NULL; x = x->next) {
		if (x->checking) {
			continue;
		}
		j = talloc_zero(NULL, struct dfsr_displaced_job);
		if (j == NULL) {
			break;
		}
		j->folder = f;
		j->x = x;
		j->apply = f->apply;
		j->store = f->store;
		j->d = x->d;
		j->partner = x->partner;
		j->winner = x->winner;
		j->stamp = x->stamp;
		j->now = f->agent->env->now(f->agent->env->private_data);
		subreq = dfsr_pool_send(f->work, f->agent->ev, f->agent->pool,
					dfsr_displaced_job_fn, j);
		if (subreq == NULL) {
			talloc_free(j);
			break;
		}
		x->checking = true;
		tevent_req_set_callback(subreq, dfsr_displaced_looked, j);
	}
	if (f->displaced_timer == NULL) {
		f->displaced_timer = tevent_add_timer(
			f->agent->ev, f->work,
			tevent_timeval_current_ofs(
				0, DFSR_DISPLACED_CHECK_MS * 1000),
			dfsr_displaced_tick, f);
	}
}

int dfsr_displaced_watch(struct dfsr_folder *f,
			 const struct dfsr_plan_displaced *d,
			 const struct dfsr_guid *partner,
			 const struct dfsr_id *winner,
			 const struct dfsr_stamp *stamp)
{
	struct dfsr_displaced *x = talloc_zero(f->work, struct dfsr_displaced);

	if (x == NULL) {
		return ENOMEM; /* found again at the next start */
	}
	x->d = *d;
	x->partner = *partner;
	x->winner = *winner;
	x->stamp = *stamp;
	DFSR_LIST_ADD(f->displaced, x);
	return 0;
}

uint32_t dfsr_displaced_count(const struct dfsr_folder *f)
{
	const struct dfsr_displaced *x = NULL;
	uint32_t n = 0;

	for (x = f->displaced; x != NULL; x = x->next) {
		n++;
	}
	return n;
}

/** One name below Displaced that was there at the start. */
static void dfsr_displaced_found(struct dfsr_folder *f,
				 struct dfsr_store_txn *txn, const char *name)
{
	struct dfsr_displaced x = {0};
	TALLOC_CTX *tmp = talloc_new(f);
	uint8_t *data = NULL;
	size_t len = 0;
	char key[96];

	snprintf(key, sizeof(key), "displaced.%s", name);
	if (dfsr_store_state_get(txn, tmp, key, &data, &len) != 0 ||
	    dfsr_displaced_unpack(data, len, &x) != 0) {
		/* Superseded, and nobody wrote to it after its install. */
		dfsr_apply_displaced_drop(f->apply, name);
		talloc_free(tmp);
		return;
	}
	snprintf(x.d.name, sizeof(x.d.name), "%s", name);
	x.d.used = true;
	dfsr_displaced_watch(f, &x.d, &x.partner, &x.winner, &x.stamp);
	talloc_free(tmp);
}

void dfsr_displaced_load(struct dfsr_folder *f)
{
	struct dfsr_store_txn *txn = NULL;
	struct dirent *e = NULL;
	DIR *dir = NULL;
	int fd;

	fd = openat(f->apply->dirfd[DFSR_DIR_DISPLACED], ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		return;
	}
	dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return;
	}
	if (dfsr_store_read_begin(f->store, &txn) == 0) {
		while ((e = readdir(dir)) != NULL) {
			if (e->d_name[0] != '.' &&
			    strlen(e->d_name) <= DFSR_APPLY_NAME_MAX) {
				dfsr_displaced_found(f, txn, e->d_name);
			}
		}
		dfsr_store_read_end(txn);
	}
	closedir(dir);
	dfsr_displaced_check(f);
}
