/*
   Samba DFS Replication
   Groups of units: one transaction, one commit

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
 * A group is one write transaction of LMDB. Each unit that writes has a
 * nested transaction in it, so that one that fails is undone alone. A nested
 * transaction copies every page that the group has changed before, and most
 * units come alone, therefore
 *
 * - it is begun by the first write: a unit that only looks costs nothing;
 * - the first unit that writes has none. If it fails, the group has nothing
 *   else to lose and begins its transaction afresh.
 *
 * MDB_MAP_FULL undoes the whole group, the map is enlarged and every unit
 * runs again from its start: the environment cannot be mapped anew while a
 * transaction is open. MDB_TXN_FULL (too many changed pages) undoes a group
 * of several, and each of them then has a commit for itself.
 *
 * What the units kept in memory (struct store_mem) follows the same path: a
 * unit works on a copy, the group takes it over when the unit is kept, and it
 * is published after the commit.
 */

#include "store_private.h"

#include <errno.h>
#include <sys/statvfs.h>
#include <time.h>

/** Free blocks below which a short write is taken for a full disk. */
#define FEW_BLOCKS 64

struct store_group {
	struct dfsr_store *store;
	MDB_txn *top;
	struct store_mem mem;
	bool wrote;   /* a kept unit wrote into top */
	unsigned ran; /* units that were run, in all attempts */
	unsigned num;
};

/* ---- one unit --------------------------------------------------------- */

static int group_begin(struct store_group *g)
{
	int rc;

	g->mem = g->store->mem;
	store_vec_ref(g->mem.vec);
	g->wrote = false;
	g->top = NULL;
	rc = mdb_txn_begin(g->store->env, NULL, 0, &g->top);
	if (rc != 0) {
		store_vec_unref(g->mem.vec);
	}
	return rc;
}

static void group_abort(struct store_group *g)
{
	if (g->top != NULL) {
		mdb_txn_abort(g->top);
		g->top = NULL;
	}
	store_vec_unref(g->mem.vec);
	g->mem.vec = NULL;
}

static int unit_keep(struct store_group *g, struct dfsr_store_txn *txn)
{
	int rc = 0;

	if (txn->mdb != g->top) {
		rc = mdb_txn_commit(txn->mdb);
		if (rc == MDB_MAP_FULL || rc == MDB_TXN_FULL) {
			txn->trouble = rc;
		}
	}
	if (rc != 0) {
		store_vec_unref(txn->mem.vec);
		return rc;
	}
	store_vec_unref(g->mem.vec);
	g->mem = txn->mem;
	g->wrote = g->wrote || txn->dirty;
	return 0;
}

static int unit_undo(struct store_group *g, struct dfsr_store_txn *txn)
{
	struct store_mem mem = g->mem;
	int rc = 0;

	store_vec_unref(txn->mem.vec);
	if (txn->mdb != g->top) {
		mdb_txn_abort(txn->mdb);
		return 0;
	}
	if (!txn->dirty) {
		return 0;
	}
	/* it was the first to write: what others did is in mem alone */
	mdb_txn_abort(g->top);
	g->top = NULL;
	rc = mdb_txn_begin(g->store->env, NULL, 0, &g->top);
	g->mem = mem;
	return rc;
}

/* @return 0, or LMDB's error that ends the whole attempt */
static int unit_run(struct store_group *g, struct store_unit *u)
{
	struct dfsr_store_txn txn = {
		.store = g->store,
		.mdb = g->top,
		.top = g->top,
		.nest = g->wrote,
		.mem = g->mem,
		.mem_loaded = true,
		.scratch = g->store->scratch,
	};
	int rc;

	store_vec_ref(txn.mem.vec);
	g->ran++;
	u->kept = false;
	u->result = u->fn(&txn, u->private_data);
	g->store->scratch = txn.scratch;
	if (u->result == 0 && txn.trouble == 0) {
		rc = unit_keep(g, &txn);
		if (rc == 0) {
			u->kept = true;
			return 0;
		}
		u->result = store_errno(rc);
		return txn.trouble;
	}
	if (txn.trouble == MDB_TXN_FULL && g->num == 1) {
		txn.trouble = 0;
		u->result = E2BIG;
	}
	rc = unit_undo(g, &txn);
	return txn.trouble != 0 ? txn.trouble : rc;
}

/* ---- the group -------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/*
 * LMDB reports a short write as EIO, which is what the last blocks of a
 * filesystem look like.
 */
static int commit_errno(struct dfsr_store *store, int rc)
{
	struct statvfs st;

	if (rc == EIO && statvfs(store->dir, &st) == 0 &&
	    st.f_bavail < FEW_BLOCKS) {
		return ENOSPC;
	}
	return rc;
}

/* What is durable now may be seen. */
static void publish(struct store_group *g, size_t txnid, uint64_t holes,
		    uint64_t ns)
{
	struct dfsr_store *store = g->store;
	struct store_vec *old = NULL;
	bool changed = g->mem.vec_changed;
	MDB_envinfo info;

	g->mem.vec_changed = false;
	g->mem.counters_changed = false;
	store_vec_unref(store->mem.vec);
	store->mem = g->mem;
	g->mem.vec = NULL;

	mdb_env_info(store->env, &info);
	if (info.me_last_txnid != txnid) {
		/* nothing was written, LMDB did not commit */
		return;
	}
	pthread_mutex_lock(&store->lock);
	old = store->published;
	store->published = store_vec_ref(store->mem.vec);
	store->published_txnid = txnid;
	store->holes = holes;
	if (changed) {
		store->generation++;
	}
	store->stats.commits++;
	store->stats.commit_ns += ns;
	store_env_measure(store);
	pthread_mutex_unlock(&store->lock);
	store_vec_unref(old);
}

static int group_flush(struct store_group *g, uint64_t *holes)
{
	struct dfsr_store_txn txn = {
		.store = g->store,
		.mdb = g->top,
		.top = g->top,
		.mem = g->mem,
		.scratch = g->store->scratch,
	};
	int err;

	err = store_mem_flush(&txn);
	if (err == 0) {
		err = store_count(&txn, STORE_DB_HOLE, holes);
	}
	g->store->scratch = txn.scratch;
	return txn.trouble != 0 ? txn.trouble : err;
}

static int group_commit(struct store_group *g)
{
	uint64_t holes = 0;
	uint64_t start;
	size_t txnid;
	int rc;

	rc = group_flush(g, &holes);
	if (rc != 0) {
		group_abort(g);
		return rc;
	}
	txnid = mdb_txn_id(g->top);
	start = now_ns();
	rc = mdb_txn_commit(g->top);
	g->top = NULL;
	if (rc != 0) {
		group_abort(g);
		return commit_errno(g->store, rc);
	}
	publish(g, txnid, holes, now_ns() - start);
	return 0;
}

/* @return 0, or what LMDB said; then nothing of the group is kept */
static int group_try(struct store_group *g, struct store_unit *units)
{
	struct store_unit *u = NULL;
	bool any = false;
	int rc;

	rc = group_begin(g);
	if (rc != 0) {
		return rc;
	}
	for (u = units; u != NULL; u = u->next) {
		rc = unit_run(g, u);
		if (rc != 0) {
			group_abort(g);
			return rc;
		}
		any = any || u->kept;
	}
	if (!any) {
		group_abort(g);
		return 0;
	}
	return group_commit(g);
}

static void group_fail(struct store_unit *units, int err)
{
	struct store_unit *u = NULL;

	for (u = units; u != NULL; u = u->next) {
		if (u->kept || u->result == 0) {
			u->result = err;
		}
	}
}

/* @return 0 if it is worth another attempt */
static int group_mend(struct dfsr_store *store, int rc, bool *reopened)
{
	if (store->broken) {
		return EIO;
	}
	if (rc == MDB_MAP_FULL) {
		return store_env_grow(store);
	}
	if (rc == MDB_PANIC && !*reopened) {
		*reopened = true;
		return store_env_reopen(store);
	}
	return store_errno(rc);
}

static void group_run(struct store_group *g, struct store_unit *units)
{
	struct store_unit *u = NULL;
	bool reopened = false;
	int rc, err;

	g->num = 0;
	for (u = units; u != NULL; u = u->next) {
		/* until it has run, it shares the fate of the group */
		u->kept = true;
		u->result = 0;
		g->num++;
	}
	while (!g->store->broken) {
		if (g->store->env == NULL) {
			/* it could not be opened again last time */
			err = store_env_reopen(g->store);
			if (err != 0) {
				group_fail(units, err);
				return;
			}
		}
		rc = group_try(g, units);
		if (rc == 0) {
			return;
		}
		if (rc == MDB_TXN_FULL && g->num > 1) {
			for (u = units; u != NULL; u = u->next) {
				struct store_unit *rest = u->next;

				u->next = NULL;
				group_run(g, u);
				u->next = rest;
			}
			return;
		}
		err = group_mend(g->store, rc, &reopened);
		if (err != 0) {
			group_fail(units, err);
			return;
		}
	}
	group_fail(units, EIO);
}

void store_group_run(struct dfsr_store *store, struct store_unit *units)
{
	struct store_group g = {.store = store};
	struct store_unit *u = NULL;
	unsigned num = 0;

	for (u = units; u != NULL; u = u->next) {
		num++;
	}
	group_run(&g, units);
	pthread_mutex_lock(&store->lock);
	store->stats.units += num;
	pthread_mutex_unlock(&store->lock);
}
