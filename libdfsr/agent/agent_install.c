/*
   Samba DFS Replication
   Installs: a set of updates through units A and B

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
 *   dfsr_install_send ─ unit A ─ steps (worker) ─ unit B ─ drop displaced
 *
 * One batch of a folder is under way at a time: the order of decisions is the
 * order on the disk. A batch belongs to its folder, not to the session that
 * asked for it: once unit A has left redo units it goes on to unit B, even if
 * the session ends meanwhile. The items go with the batch and come back to the
 * session, if it is still there.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "agent_install.h"

/** A batch with its place in the folder's queue. */
struct dfsr_install {
	struct dfsr_install *prev, *next; /* while it waits for its turn */
	struct dfsr_folder *folder;
	struct dfsr_batch *batch;
	struct tevent_req *outer; /* who waits, NULL if nobody does any more */
	struct tevent_req *subreq; /* the store or a worker has the batch */
	bool pooled;		   /* a worker has it */
	bool waiting;
};

struct dfsr_install_state {
	struct dfsr_install *in; /* NULL once it is over */
	struct dfsr_folder *folder;
	struct dfsr_batch *batch; /* handed over when it is over */
};

static void dfsr_install_drop(struct dfsr_folder *f, struct dfsr_batch *b);
static void dfsr_install_begin(struct dfsr_install *in);
static void dfsr_install_planned(struct tevent_req *subreq);
static void dfsr_install_stepped(struct tevent_req *subreq);
static void dfsr_install_committed(struct tevent_req *subreq);

/** The folder is closed under a batch: what it has left are redo units. */
static int dfsr_install_destructor(struct dfsr_install *in)
{
	struct dfsr_install_state *state = NULL;

	/* A unit is waited for here; a worker's batch goes to the pool. */
	TALLOC_FREE(in->subreq);
	if (!in->pooled) {
		TALLOC_FREE(in->batch);
	}
	if (in->outer != NULL) {
		state = tevent_req_data(in->outer, struct dfsr_install_state);
		state->in = NULL;
	}
	return 0;
}

/** The batch is over: tell who asked, give the turn to the next. */
static void dfsr_install_end(struct dfsr_install *in, int err)
{
	struct dfsr_folder *f = in->folder;
	struct tevent_req *outer = in->outer;
	struct dfsr_install_state *state = NULL;
	struct dfsr_install *next = NULL;

	f->installing = false;
	if (outer != NULL) {
		state = tevent_req_data(outer, struct dfsr_install_state);
		state->in = NULL;
		state->batch = in->batch;
	} else if (err == 0) {
		dfsr_install_drop(f, in->batch);
	} else {
		talloc_free(in->batch);
	}
	in->batch = NULL;
	in->outer = NULL;
	talloc_free(in);
	for (next = f->install_waits; next != NULL && next->next != NULL;
	     next = next->next) {
		continue;
	}
	if (next != NULL) {
		dfsr_install_begin(next);
	}
	if (outer == NULL) {
		return;
	}
	if (err != 0) {
		tevent_req_error(outer, err);
	} else {
		tevent_req_done(outer);
	}
}

/** Nobody waits any more: what has not begun does not begin. */
static void dfsr_install_cleanup(struct tevent_req *req,
				 enum tevent_req_state req_state)
{
	struct dfsr_install_state *state =
		tevent_req_data(req, struct dfsr_install_state);
	struct dfsr_install *in = state->in;

	(void)req_state;
	if (in == NULL) {
		return;
	}
	state->in = NULL;
	in->outer = NULL;
	if (in->waiting) {
		DFSR_LIST_REMOVE(in->folder->install_waits, in);
		talloc_free(in);
	}
}

/** Open for writing at smbd: its object is not touched now. */
static void dfsr_install_busy(struct dfsr_folder *f, struct dfsr_item *item)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row;

	item->offer.busy = false;
	if (dfsr_store_read_begin(f->store, &txn) != 0) {
		return;
	}
	if (dfsr_store_row_by_uid(txn, &item->offer.update.uid, &row) == 0) {
		item->offer.busy = dfsr_agent_busy(f->agent, &row.stamp.ident);
	}
	dfsr_store_read_end(txn);
}

static struct dfsr_batch *dfsr_install_batch(struct dfsr_folder *f,
					     const struct dfsr_guid *partner,
					     const struct dfsr_round *round,
					     struct dfsr_item **items,
					     uint32_t num_items)
{
	struct dfsr_batch *b = talloc_zero(NULL, struct dfsr_batch);
	uint32_t i;

	if (b == NULL) {
		return NULL;
	}
	b->store = f->store;
	b->apply = f->apply;
	b->env = f->agent->env;
	b->folder = f->guid;
	b->partner = *partner;
	b->initial_sync = f->state == DFSR_FOLDER_INITIAL_SYNC;
	b->preserve_deleted = f->preserve_deleted;
	b->fine_times = f->fine_times;
	b->server_vv = dfsr_vv_copy(b, round->server_vv);
	b->server_closed = round->server_closed;
	b->complete = round->complete;
	b->num = num_items;
	b->items = talloc_array(b, struct dfsr_item *, num_items);
	b->p = talloc_zero_array(b, struct dfsr_plan_item, num_items);
	if (b->server_vv == NULL || b->items == NULL || b->p == NULL) {
		talloc_free(b);
		return NULL;
	}
	for (i = 0; i < num_items; i++) {
		b->items[i] = talloc_steal(b, items[i]);
	}
	return b;
}

struct tevent_req *dfsr_install_send(TALLOC_CTX *mem_ctx,
				     struct dfsr_folder *f,
				     const struct dfsr_guid *partner,
				     const struct dfsr_round *round,
				     struct dfsr_item **items,
				     uint32_t num_items)
{
	struct tevent_req *req = NULL;
	struct dfsr_install_state *state = NULL;
	struct dfsr_install *in = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_install_state);
	if (req == NULL) {
		return NULL;
	}
	state->folder = f;
	in = talloc_zero(f->work, struct dfsr_install);
	if (tevent_req_nomem(in, req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	in->folder = f;
	in->batch = dfsr_install_batch(f, partner, round, items, num_items);
	if (tevent_req_nomem(in->batch, req)) {
		talloc_free(in);
		return tevent_req_post(req, f->agent->ev);
	}
	talloc_set_destructor(in, dfsr_install_destructor);
	in->outer = req;
	state->in = in;
	tevent_req_set_cleanup_fn(req, dfsr_install_cleanup);
	if (f->installing) {
		in->waiting = true;
		DFSR_LIST_ADD(f->install_waits, in);
		return req;
	}
	dfsr_install_begin(in);
	if (!tevent_req_is_in_progress(req)) {
		return tevent_req_post(req, f->agent->ev);
	}
	return req;
}

static void dfsr_install_begin(struct dfsr_install *in)
{
	struct dfsr_folder *f = in->folder;
	struct tevent_req *subreq = NULL;
	uint32_t i;

	if (in->waiting) {
		DFSR_LIST_REMOVE(f->install_waits, in);
		in->waiting = false;
	}
	f->installing = true;
	for (i = 0; i < in->batch->num; i++) {
		dfsr_install_busy(f, in->batch->items[i]);
	}
	subreq = dfsr_store_unit_send(in, f->agent->ev, f->store,
				      dfsr_plan_unit, in->batch);
	if (subreq == NULL) {
		dfsr_install_end(in, ENOMEM);
		return;
	}
	in->subreq = subreq;
	tevent_req_set_callback(subreq, dfsr_install_planned, in);
}

static void dfsr_install_unit_b(struct dfsr_install *in)
{
	struct tevent_req *subreq = NULL;

	subreq = dfsr_store_unit_send(in, in->folder->agent->ev,
				      in->folder->store, dfsr_commit_unit,
				      in->batch);
	if (subreq == NULL) {
		dfsr_install_end(in, ENOMEM);
		return;
	}
	in->subreq = subreq;
	tevent_req_set_callback(subreq, dfsr_install_committed, in);
}

static void dfsr_install_failed(struct dfsr_folder *f, const char *what,
				int err)
{
	dfsr_folder_error(f, err == ENOSPC ? 4502 : 2004, "%s: %s", what,
			  strerror(err));
}

static void dfsr_install_planned(struct tevent_req *subreq)
{
	struct dfsr_install *in =
		tevent_req_callback_data(subreq, struct dfsr_install);
	struct dfsr_folder *f = in->folder;
	struct dfsr_batch *b = in->batch;
	bool touched = false;
	uint32_t i;
	int ret;

	ret = dfsr_store_unit_recv(subreq);
	TALLOC_FREE(in->subreq);
	if (ret != 0) {
		dfsr_install_failed(f, "the replica database cannot be "
				    "written", ret);
		dfsr_install_end(in, ret);
		return;
	}
	for (i = 0; i < b->num; i++) {
		touched = touched || (b->p[i].decided && !b->p[i].stored &&
				      b->p[i].wait == DFSR_WAIT_NONE);
	}
	if (!touched) {
		dfsr_folder_committed(f);
		dfsr_install_end(in, 0);
		return;
	}
	if (b->num_steps == 0) {
		dfsr_install_unit_b(in);
		return;
	}
	subreq = dfsr_pool_send(in, f->agent->ev, f->agent->pool,
				dfsr_plan_steps_job, b);
	if (subreq == NULL) {
		dfsr_install_end(in, ENOMEM);
		return;
	}
	in->subreq = subreq;
	in->pooled = true;
	tevent_req_set_callback(subreq, dfsr_install_stepped, in);
}

static void dfsr_install_stepped(struct tevent_req *subreq)
{
	struct dfsr_install *in =
		tevent_req_callback_data(subreq, struct dfsr_install);
	int ret;

	ret = dfsr_pool_recv(subreq, NULL);
	TALLOC_FREE(in->subreq);
	in->pooled = false;
	if (ret == 0) {
		ret = in->batch->steps_err;
	}
	if (ret != 0) {
		/* Not known to be durable: the redo units tell what to do. */
		dfsr_install_failed(in->folder, "the content filesystem "
				    "cannot be synced", ret);
		dfsr_install_end(in, ret);
		return;
	}
	dfsr_install_unit_b(in);
}

/* ---- after unit B -------------------------------------------------------- */

void dfsr_conflict_event(struct dfsr_folder *f,
			 const struct dfsr_plan_displaced *d,
			 const struct dfsr_guid *partner,
			 const struct dfsr_id *winner)
{
	const struct dfsr_config_node *node =
		dfsr_config_node_by_guid(f->agent->config, partner);
	char loser_str[DFSR_ID_STRLEN], winner_str[DFSR_ID_STRLEN];
	json_t *data = NULL;

	if (d->conflict == DFSR_CONFLICT_DELETED) {
		return;
	}
	data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}",
			 "group", f->group_name, "folder", f->name,
			 "path", d->path, "preserved_name", d->kept_name,
			 "conflict", dfsr_conflict_str(d->conflict),
			 "loser", dfsr_id_str(&d->rec.gvsn, loser_str),
			 "winner", dfsr_id_str(winner, winner_str));
	dfsr_agent_event(f->agent, 4412, data,
			 "%s/%s: %s was changed on more than one member (%s); "
			 "the version from %s won, the other is kept as %s in "
			 "ConflictAndDeleted", f->group_name, f->name, d->path,
			 dfsr_conflict_str(d->conflict),
			 node != NULL ? node->name : "a partner",
			 d->kept_name);
}

struct dfsr_drop_job {
	struct dfsr_apply *apply;
	struct dfsr_batch *batch;
};

static void dfsr_drop_job_fn(void *arg)
{
	struct dfsr_drop_job *j = arg;
	const struct dfsr_batch *b = j->batch;
	uint32_t k;

	for (k = 0; k < b->num_steps; k++) {
		const struct dfsr_plan_displaced *d = &b->plan[k].displaced;

		if (b->steps[k].err == 0 && d->used && !d->kept && !d->busy) {
			dfsr_apply_displaced_drop(j->apply, d->name);
		}
	}
}

static void dfsr_drop_done(struct tevent_req *subreq)
{
	TALLOC_CTX *tmp = tevent_req_callback_data_void(subreq);

	dfsr_pool_recv(subreq, tmp);
	TALLOC_FREE(subreq);
	talloc_free(tmp);
}

/** What was displaced and is not needed any more goes, in a worker. */
static void dfsr_install_drop(struct dfsr_folder *f, struct dfsr_batch *b)
{
	TALLOC_CTX *tmp = talloc_new(f->work);
	struct dfsr_drop_job *j = talloc_zero(NULL, struct dfsr_drop_job);
	struct tevent_req *subreq = NULL;

	if (tmp != NULL && j != NULL) {
		j->apply = f->apply;
		j->batch = talloc_steal(j, b);
		subreq = dfsr_pool_send(tmp, f->agent->ev, f->agent->pool,
					dfsr_drop_job_fn, j);
	}
	if (subreq == NULL) {
		/* They are dropped at the next start. */
		talloc_free(j);
		talloc_free(tmp);
		return;
	}
	tevent_req_set_callback(subreq, dfsr_drop_done, tmp);
}

static void dfsr_install_report(struct dfsr_folder *f, struct dfsr_batch *b)
{
	uint32_t k, i;

	for (k = 0; k < b->num_steps; k++) {
		const struct dfsr_plan_displaced *d = &b->plan[k].displaced;
		const struct dfsr_record *u =
			&b->items[b->plan[k].item]->offer.update;

		if (b->steps[k].err != 0 || !d->used) {
			continue;
		}
		if (d->kept) {
			dfsr_conflict_event(f, d, &b->partner, &u->gvsn);
		} else if (d->busy) {
			dfsr_displaced_watch(f, d, &b->partner, &u->gvsn,
					     &b->steps[k].displaced_stamp);
		}
	}
	for (i = 0; i < b->num; i++) {
		if (!b->p[i].failed) {
			continue;
		}
		dfsr_fetch_problem(f, &b->items[i]->offer.update,
				   b->p[i].path, b->p[i].err,
				   b->p[i].problem);
		/* What is there now may be news to us as well. */
		dfsr_folder_look_path(f, &b->items[i]->offer.update);
	}
	dfsr_displaced_check(f);
}

static void dfsr_install_committed(struct tevent_req *subreq)
{
	struct dfsr_install *in =
		tevent_req_callback_data(subreq, struct dfsr_install);
	struct dfsr_folder *f = in->folder;
	int ret;

	ret = dfsr_store_unit_recv(subreq);
	TALLOC_FREE(in->subreq);
	if (ret != 0) {
		dfsr_install_failed(f, "the replica database cannot be "
				    "written", ret);
		dfsr_install_end(in, ret);
		return;
	}
	f->installed += in->batch->num;
	dfsr_install_report(f, in->batch);
	dfsr_folder_committed(f);
	dfsr_install_end(in, 0);
}

int dfsr_install_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx)
{
	struct dfsr_install_state *state =
		tevent_req_data(req, struct dfsr_install_state);
	struct dfsr_batch *b = state->batch;
	int ret = dfsr_req_error(req);
	uint32_t i;

	if (ret != 0) {
		talloc_free(b);
		tevent_req_received(req);
		return ret;
	}
	for (i = 0; i < b->num; i++) {
		b->items[i]->done = b->p[i].stored ||
				    (b->p[i].decided &&
				     b->p[i].wait == DFSR_WAIT_NONE);
		b->items[i]->wait = b->p[i].wait;
		b->items[i]->err = b->p[i].err;
		talloc_steal(mem_ctx, b->items[i]);
	}
	dfsr_install_drop(state->folder, b);
	tevent_req_received(req);
	return 0;
}
