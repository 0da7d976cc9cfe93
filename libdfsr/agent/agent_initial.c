/*
   Samba DFS Replication
   Initial sync on a filled member: what was there, and the sweep

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
 * Before a non-primary member pulls for the first time it notes every object
 * that lies below its root (semantics B16): path and stamp, no hashes. An
 * update that comes to such a place is compared with it first. When a complete
 * round with a server without holes has ended, whatever of that set nobody has
 * claimed was only here: it is moved to PreExisting, a tree as one record. A
 * client's later changes are no part of the set and stay.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent_private.h"

#define DFSR_PRE_UNIT_MAX 2000

/* ---- the set ----------------------------------------------------------- */

struct dfsr_pre_job {
	struct dfsr_store *store;
	struct dfsr_fs_root *root;
	uint32_t num;
	char **paths;
	struct dfsr_stamp *stamps;
	uint64_t total;
	int err;
};

static int dfsr_pre_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_pre_job *j = private_data;
	uint32_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < j->num; i++) {
		ret = dfsr_store_pre_put(txn, j->paths[i], &j->stamps[i]);
	}
	return ret;
}

static int dfsr_pre_flush(struct dfsr_pre_job *j)
{
	int ret = 0;
	uint32_t i;

	if (j->num > 0) {
		ret = dfsr_store_unit(j->store, dfsr_pre_unit, j);
	}
	for (i = 0; i < j->num; i++) {
		talloc_free(j->paths[i]);
	}
	j->total += j->num;
	j->num = 0;
	return ret;
}

static int dfsr_pre_walk(struct dfsr_pre_job *j, const char *dir,
			 unsigned depth)
{
	struct dfsr_watch_listing *l = NULL;
	uint32_t i;
	int ret;

	if (depth > DFSR_DEPTH_MAX) {
		return ELOOP;
	}
	ret = dfsr_watch_list(j, j->root, dir, &l);
	if (ret == ENOENT || ret == ESTALE) {
		return 0;
	}
	for (i = 0; ret == 0 && i < l->num; i++) {
		char *path = dir[0] == '\0'
				     ? talloc_strdup(j, l->entries[i].name)
				     : talloc_asprintf(j, "%s/%s", dir,
						       l->entries[i].name);

		if (path == NULL) {
			ret = ENOMEM;
			break;
		}
		j->paths[j->num] = talloc_strdup(j, path);
		j->stamps[j->num++] = l->entries[i].stamp;
		if (j->num == DFSR_PRE_UNIT_MAX) {
			ret = dfsr_pre_flush(j);
		}
		if (ret == 0 && dfsr_fs_kind(l->entries[i].stamp.mode) ==
					DFSR_KIND_DIRECTORY) {
			ret = dfsr_pre_walk(j, path, depth + 1);
		}
		talloc_free(path);
	}
	talloc_free(l);
	return ret;
}

static void dfsr_pre_job_fn(void *arg)
{
	struct dfsr_pre_job *j = arg;

	j->err = dfsr_pre_walk(j, "", 0);
	if (j->err == 0) {
		j->err = dfsr_pre_flush(j);
	}
}

struct dfsr_pre_state {
	struct dfsr_folder *f;
	struct dfsr_pre_job *job;
};

static void dfsr_pre_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_pre_state *state =
		tevent_req_data(req, struct dfsr_pre_state);

	dfsr_pool_recv(subreq, state);
	TALLOC_FREE(subreq);
	if (state->job->err != 0) {
		tevent_req_error(req, state->job->err);
		return;
	}
	state->f->filled = state->job->total > 0;
	tevent_req_done(req);
}

struct tevent_req *dfsr_scan_preexisting_send(TALLOC_CTX *mem_ctx,
					      struct dfsr_folder *f)
{
	struct tevent_req *req = NULL, *subreq = NULL;
	struct dfsr_pre_state *state = NULL;
	struct dfsr_pre_job *j = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_pre_state);
	if (req == NULL) {
		return NULL;
	}
	state->f = f;
	j = talloc_zero(state, struct dfsr_pre_job);
	if (tevent_req_nomem(j, req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	state->job = j;
	j->store = f->store;
	j->root = f->root;
	j->paths = talloc_zero_array(j, char *, DFSR_PRE_UNIT_MAX);
	j->stamps = talloc_zero_array(j, struct dfsr_stamp,
				      DFSR_PRE_UNIT_MAX);
	if (tevent_req_nomem(j->paths, req) ||
	    tevent_req_nomem(j->stamps, req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	subreq = dfsr_pool_send(state, f->agent->ev, f->agent->pool,
				dfsr_pre_job_fn, j);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	tevent_req_set_callback(subreq, dfsr_pre_done, req);
	return req;
}

static int dfsr_plain_recv(struct tevent_req *req)
{
	int ret = dfsr_req_error(req);

	tevent_req_received(req);
	return ret;
}

int dfsr_scan_preexisting_recv(struct tevent_req *req)
{
	return dfsr_plain_recv(req);
}

bool dfsr_pre_any(struct dfsr_folder *f)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_stamp stamp;
	TALLOC_CTX *tmp = talloc_new(f);
	char *path = NULL;
	bool any = false;

	if (dfsr_store_read_begin(f->store, &txn) == 0) {
		any = dfsr_store_pre_next(txn, tmp, "", &path, &stamp) == 0;
		dfsr_store_read_end(txn);
	}
	talloc_free(tmp);
	return any;
}

/* ---- the sweep --------------------------------------------------------- */

struct dfsr_sweep_job {
	struct dfsr_store *store;
	struct dfsr_fs_root *root;
	struct dfsr_apply *apply;
	const struct dfsr_env *env;
	struct dfsr_guid folder;
	uint64_t kept;
	struct dfsr_preserved entry; /* to be added by the unit */
	const char *path;	     /* whose part of the set is done */
	int err;
};

/** What the store and the set know of a path. */
struct dfsr_sweep_known {
	bool live;	  /* it has a record */
	bool preexisting; /* it is of the set, and untouched */
};

static int dfsr_sweep_know(struct dfsr_sweep_job *j, const char *path,
			   const struct dfsr_stamp *stamp,
			   struct dfsr_sweep_known *k)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_stamp pre;
	struct dfsr_row row;
	int ret;

	*k = (struct dfsr_sweep_known){0};
	ret = dfsr_store_read_begin(j->store, &txn);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_store_row_by_ident(txn, &stamp->ident, &row);
	k->live = ret == 0 && row.rec.present;
	if (ret == 0 || ret == ENOENT) {
		ret = dfsr_store_pre_get(txn, path, &pre);
		k->preexisting =
			ret == 0 &&
			dfsr_ident_equal(&pre.ident, &stamp->ident) &&
			(dfsr_fs_kind(stamp->mode) == DFSR_KIND_DIRECTORY ||
			 dfsr_stamp_same_data(&pre, stamp));
	}
	dfsr_store_read_end(txn);
	return ret == ENOENT ? 0 : ret;
}

/** True if all below dir is of the set and nothing has a record. */
static int dfsr_sweep_pure(struct dfsr_sweep_job *j, const char *dir,
			   unsigned depth, bool *pure)
{
	struct dfsr_watch_listing *l = NULL;
	struct dfsr_sweep_known k;
	uint32_t i;
	int ret;

	if (depth > DFSR_DEPTH_MAX) {
		return ELOOP;
	}
	ret = dfsr_watch_list(j, j->root, dir, &l);
	for (i = 0; ret == 0 && *pure && i < l->num; i++) {
		char *path = talloc_asprintf(j, "%s/%s", dir,
					     l->entries[i].name);

		if (path == NULL) {
			ret = ENOMEM;
			break;
		}
		ret = dfsr_sweep_know(j, path, &l->entries[i].stamp, &k);
		*pure = ret == 0 && k.preexisting && !k.live;
		if (*pure && dfsr_fs_kind(l->entries[i].stamp.mode) ==
				     DFSR_KIND_DIRECTORY) {
			ret = dfsr_sweep_pure(j, path, depth + 1, pure);
		}
		talloc_free(path);
	}
	talloc_free(l);
	return ret;
}

static int dfsr_sweep_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_sweep_job *j = private_data;

	return dfsr_store_preserved_add(txn, &j->entry);
}

static int dfsr_sweep_keep(struct dfsr_sweep_job *j, const char *path,
			   const char *name, const struct dfsr_stamp *stamp)
{
	struct dfsr_preserved *m = &j->entry;
	int ret;

	*m = (struct dfsr_preserved){
		.conflict = DFSR_CONFLICT_PREEXISTING,
		.time = j->env->now(j->env->private_data),
		.store = 1,
	};
	m->rec.kind = dfsr_fs_kind(stamp->mode);
	m->rec.size = m->rec.kind == DFSR_KIND_FILE ? stamp->size : 0;
	dfsr_copy_name(m->rec.name, name);
	snprintf(m->path, sizeof(m->path), "%s", path);
	m->rec.gvsn.db = dfsr_guid_random(j->env);
	m->rec.gvsn.vsn = DFSR_VSN_FIRST;
	m->rec.uid = m->rec.gvsn;
	m->rec.parent = dfsr_root_uid(&j->folder);
	m->rec.lineage.num = 1;
	m->rec.lineage.e[0] = m->rec.gvsn;
	m->rec.present = true;
	ret = dfsr_apply_preserve_path(j->apply, path, stamp,
				       DFSR_DIR_PREEXISTING, &m->rec.gvsn,
				       m->preserved_name, &m->size, &m->files);
	if (ret == ESTALE || ret == ENOENT) {
		return 0; /* a client was faster: it is a change now */
	}
	if (ret == 0) {
		j->kept++;
		ret = dfsr_store_unit(j->store, dfsr_sweep_unit, j);
	}
	return ret;
}

static int dfsr_sweep_dir(struct dfsr_sweep_job *j, const char *dir,
			  unsigned depth)
{
	struct dfsr_watch_listing *l = NULL;
	struct dfsr_sweep_known k;
	uint32_t i;
	int ret;

	if (depth > DFSR_DEPTH_MAX) {
		return ELOOP;
	}
	ret = dfsr_watch_list(j, j->root, dir, &l);
	if (ret == ENOENT || ret == ESTALE) {
		return 0;
	}
	for (i = 0; ret == 0 && i < l->num; i++) {
		const struct dfsr_watch_entry *e = &l->entries[i];
		bool is_dir =
			dfsr_fs_kind(e->stamp.mode) == DFSR_KIND_DIRECTORY;
		bool pure = true;
		char *path = dir[0] == '\0' ? talloc_strdup(j, e->name)
					    : talloc_asprintf(j, "%s/%s", dir,
							      e->name);

		if (path == NULL) {
			ret = ENOMEM;
			break;
		}
		ret = dfsr_sweep_know(j, path, &e->stamp, &k);
		pure = k.preexisting && !k.live;
		if (ret == 0 && pure && is_dir) {
			ret = dfsr_sweep_pure(j, path, depth + 1, &pure);
		}
		if (ret == 0 && pure) {
			ret = dfsr_sweep_keep(j, path, e->name, &e->stamp);
		} else if (ret == 0 && is_dir) {
			ret = dfsr_sweep_dir(j, path, depth + 1);
		}
		talloc_free(path);
	}
	talloc_free(l);
	return ret;
}

/** The set has served its purpose. */
static int dfsr_sweep_forget(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_sweep_job *j = private_data;
	struct dfsr_stamp stamp;
	char *path = NULL;
	uint32_t n;
	int ret = 0;

	for (n = 0; ret == 0 && n < DFSR_PRE_UNIT_MAX; n++) {
		ret = dfsr_store_pre_next(txn, j, "", &path, &stamp);
		if (ret == 0) {
			ret = dfsr_store_pre_del(txn, path);
			talloc_free(path);
		}
	}
	j->path = ret == ENOENT ? NULL : "";
	return ret == ENOENT ? 0 : ret;
}

static void dfsr_sweep_job_fn(void *arg)
{
	struct dfsr_sweep_job *j = arg;

	j->err = dfsr_sweep_dir(j, "", 0);
	j->path = "";
	while (j->err == 0 && j->path != NULL) {
		j->err = dfsr_store_unit(j->store, dfsr_sweep_forget, j);
	}
}

struct dfsr_sweep_state {
	struct dfsr_folder *f;
	struct dfsr_sweep_job *job;
};

static void dfsr_sweep_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_sweep_state *state =
		tevent_req_data(req, struct dfsr_sweep_state);

	dfsr_pool_recv(subreq, state);
	TALLOC_FREE(subreq);
	if (state->job->err != 0) {
		tevent_req_error(req, state->job->err);
		return;
	}
	state->f->filled = false;
	tevent_req_done(req);
}

struct tevent_req *dfsr_sweep_send(TALLOC_CTX *mem_ctx, struct dfsr_folder *f)
{
	struct tevent_req *req = NULL, *subreq = NULL;
	struct dfsr_sweep_state *state = NULL;
	struct dfsr_sweep_job *j = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_sweep_state);
	if (req == NULL) {
		return NULL;
	}
	state->f = f;
	j = talloc_zero(state, struct dfsr_sweep_job);
	if (tevent_req_nomem(j, req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	state->job = j;
	j->store = f->store;
	j->root = f->root;
	j->apply = f->apply;
	j->env = f->agent->env;
	j->folder = f->guid;
	subreq = dfsr_pool_send(state, f->agent->ev, f->agent->pool,
				dfsr_sweep_job_fn, j);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	tevent_req_set_callback(subreq, dfsr_sweep_done, req);
	return req;
}

int dfsr_sweep_recv(struct tevent_req *req, uint64_t *kept)
{
	struct dfsr_sweep_state *state =
		tevent_req_data(req, struct dfsr_sweep_state);

	*kept = state->job->kept;
	return dfsr_plain_recv(req);
}
