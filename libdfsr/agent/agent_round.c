/*
   Samba DFS Replication
   Rounds: pages of updates, their bytes, their installs

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

#include <errno.h>
#include <string.h>

#include "agent_round.h"

#define DFSR_ROUND_TIMEOUT_MS 60000

struct dfsr_round_close;

struct dfsr_pull_state {
	struct dfsr_session *s;
	struct dfsr_folder *f;
	struct dfsr_vv *server_vv;
	bool server_closed;
	struct dfsr_vv *diff;
	struct dfsr_id cursor;
	bool more;
	bool incomplete; /* something is left to a later round */
	bool progress;	 /* the last install has done something */
	uint32_t num;
	struct dfsr_item **items; /* waiters, then the page */
	TALLOC_CTX *page; /* answer that payloads point into */
	bool last; /* one more attempt without progress has been made */
	uint32_t fetching;
	uint32_t fetched;
	uint32_t next_fetch;
	struct dfsr_decision *decisions; /* of the look ahead */
	uint32_t num_decisions;
	struct dfsr_round_close *close;
	char *why;
};

static void dfsr_round_page(struct tevent_req *req);
static void dfsr_round_paged(struct tevent_req *subreq);
static void dfsr_round_prepare(struct tevent_req *req);
static void dfsr_round_fetch(struct tevent_req *req);
static void dfsr_round_fetched(struct tevent_req *subreq);
static void dfsr_round_install(struct tevent_req *req);
static void dfsr_round_installed(struct tevent_req *subreq);
static void dfsr_round_end(struct tevent_req *req);
static void dfsr_round_ended(struct tevent_req *subreq);

static void dfsr_round_error(struct tevent_req *req, int err, const char *text)
{
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);

	state->why = talloc_strdup(state, text != NULL ? text : strerror(err));
	tevent_req_error(req, err);
}

struct tevent_req *dfsr_round_send(TALLOC_CTX *mem_ctx,
				   struct dfsr_session *s,
				   const struct dfsr_vv *server_vv,
				   bool server_closed)
{
	struct tevent_req *req = NULL;
	struct dfsr_pull_state *state = NULL;
	struct dfsr_vv *own = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_pull_state);
	if (req == NULL) {
		return NULL;
	}
	state->s = s;
	state->f = s->folder;
	state->server_closed = server_closed;
	state->server_vv = dfsr_vv_copy(state, server_vv);
	own = dfsr_store_vv_published(state, s->folder->store);
	if (tevent_req_nomem(state->server_vv, req) ||
	    tevent_req_nomem(own, req)) {
		return tevent_req_post(req, s->folder->agent->ev);
	}
	state->diff = dfsr_vv_difference(state, server_vv, own);
	if (tevent_req_nomem(state->diff, req)) {
		return tevent_req_post(req, s->folder->agent->ev);
	}
	talloc_free(own);
	if (dfsr_vv_is_empty(state->diff)) {
		tevent_req_done(req);
		return tevent_req_post(req, s->folder->agent->ev);
	}
	dfsr_round_page(req);
	if (!tevent_req_is_in_progress(req)) {
		return tevent_req_post(req, s->folder->agent->ev);
	}
	return req;
}

/* ---- pages --------------------------------------------------------------- */

static void dfsr_round_page(struct tevent_req *req)
{
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	struct dfsr_msg_updates msg = {
		.folder = state->f->guid,
		.cursor = state->cursor,
		.credits = DFSR_UPDATES_MAX,
		.inline_max = state->f->filled ? 0 : DFSR_INLINE_MAX,
		.diff = state->diff,
	};
	struct tevent_req *subreq = NULL;
	struct dfsr_push push;

	dfsr_push_init(&push, state);
	dfsr_msg_updates_push(&push, &msg);
	if (push.err != 0) {
		dfsr_round_error(req, push.err, NULL);
		return;
	}
	subreq = dfsr_peer_request_send(state, state->f->agent->ev,
					state->s->partner->peer,
					DFSR_MSG_UPDATES, push.data, push.len,
					DFSR_ROUND_TIMEOUT_MS);
	talloc_free(push.data);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, dfsr_round_paged, req);
}

/** An update must be of what was asked for, and no root but the folder's. */
static bool dfsr_round_sane(const struct dfsr_pull_state *state,
			    const struct dfsr_update *u)
{
	struct dfsr_id root = dfsr_root_uid(&state->f->guid);

	if (!dfsr_vv_contains(state->diff, &u->rec.gvsn)) {
		return false;
	}
	return u->rec.uid.vsn != root.vsn ||
	       dfsr_id_equal(&u->rec.uid, &root);
}

/** Keep the bytes of the answer as long as the item lives. */
static int dfsr_round_add(struct dfsr_pull_state *state,
			  const struct dfsr_update *u)
{
	struct dfsr_item *item = talloc_zero(state, struct dfsr_item);

	if (item == NULL) {
		return ENOMEM;
	}
	item->offer.update = u->rec;
	if (u->has_payload) {
		item->payload = talloc_memdup(item, &u->payload,
					      sizeof(u->payload));
		if (item->payload == NULL) {
			talloc_free(item);
			return ENOMEM;
		}
	}
	state->items[state->num++] = item;
	return 0;
}

static void dfsr_round_paged(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	struct dfsr_msg_updates_reply reply = {0};
	struct dfsr_msg_error refused = {0};
	uint8_t *body = NULL;
	size_t len = 0;
	uint32_t i;
	int ret;

	/* The payloads of the page point into its body. */
	TALLOC_FREE(state->page);
	state->page = talloc_new(state);
	ret = dfsr_peer_request_recv(subreq, state->page, &body, &len,
				     &refused);
	TALLOC_FREE(subreq);
	if (ret == 0) {
		ret = dfsr_msg_updates_reply_pull(state->page, body, len,
						  &reply);
	}
	if (ret != 0) {
		dfsr_round_error(req, ret, refused.text);
		return;
	}
	state->more = reply.more;
	if (reply.more && dfsr_id_cmp(&reply.cursor, &state->cursor) <= 0) {
		dfsr_round_error(req, EBADMSG, "its cursor does not advance");
		return;
	}
	state->cursor = reply.cursor;
	state->items = talloc_realloc(state, state->items, struct dfsr_item *,
				      state->num + reply.num + 1);
	if (tevent_req_nomem(state->items, req)) {
		return;
	}
	for (i = 0; i < reply.num; i++) {
		if (!dfsr_round_sane(state, &reply.updates[i])) {
			dfsr_round_error(req, EBADMSG,
					 "it sent what was not asked for");
			return;
		}
		if (dfsr_round_add(state, &reply.updates[i]) != 0) {
			tevent_req_oom(req);
			return;
		}
	}
	dfsr_round_prepare(req);
}

/* ---- looking ahead: what has to be fetched ------------------------------- */

static struct dfsr_round dfsr_round_now(const struct dfsr_pull_state *state)
{
	return (struct dfsr_round){
		.server_vv = state->server_vv,
		.server_closed = state->server_closed,
		.complete = !state->more && !state->incomplete &&
			    state->s->fresh,
	};
}

static int dfsr_round_decide(struct dfsr_pull_state *state)
{
	struct dfsr_issuer issuer = {
		.env = state->f->agent->env,
		.db = state->f->db,
		.next_vsn = DFSR_VSN_FIRST, /* nothing of this is stored */
		.fence = DFSR_FENCE_DEFAULT,
		.now_max = UINT64_MAX,
	};
	struct dfsr_round round = dfsr_round_now(state);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_offer *offers = NULL;
	struct dfsr_view view;
	uint32_t i;
	int ret;

	TALLOC_FREE(state->decisions);
	state->num_decisions = 0;
	offers = talloc_array(state, struct dfsr_offer, state->num);
	if (offers == NULL) {
		return ENOMEM;
	}
	for (i = 0; i < state->num; i++) {
		offers[i] = state->items[i]->offer;
	}
	ret = dfsr_store_read_begin(state->f->store, &txn);
	if (ret == 0) {
		dfsr_store_view(txn, &view);
		ret = dfsr_engine_batch(state, &issuer, &view, &round, offers,
					state->num, &state->decisions);
		dfsr_store_read_end(txn);
	}
	talloc_free(offers);
	if (ret == 0) {
		state->num_decisions = state->num;
	}
	return ret;
}

static void dfsr_round_prepare(struct tevent_req *req)
{
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	int ret;

	if (state->num == 0) {
		if (state->more) {
			dfsr_round_page(req);
		} else {
			dfsr_round_end(req);
		}
		return;
	}
	ret = dfsr_round_decide(state);
	if (ret != 0) {
		dfsr_round_error(req, ret, NULL);
		return;
	}
	state->next_fetch = 0;
	state->fetched = 0;
	dfsr_round_fetch(req);
}

/** The item of a UID in this set, or NULL. */
static const struct dfsr_item *
dfsr_round_item(const struct dfsr_pull_state *state, const struct dfsr_id *uid)
{
	uint32_t i;

	for (i = 0; i < state->num; i++) {
		if (dfsr_id_equal(&state->items[i]->offer.update.uid, uid)) {
			return state->items[i];
		}
	}
	return NULL;
}

/**
 * Where an update will be: its directories may be in the set themselves. Only
 * a filled member asks, to find what it has there already.
 */
static char *dfsr_round_path(struct dfsr_pull_state *state,
			     TALLOC_CTX *mem_ctx,
			     const struct dfsr_record *rec)
{
	char *path = talloc_strdup(mem_ctx, rec->name);
	struct dfsr_id at = rec->parent;
	const struct dfsr_item *item = NULL;
	struct dfsr_store_txn *txn = NULL;
	char *dir = NULL;
	unsigned depth;
	int ret;

	for (depth = 0; path != NULL && depth < DFSR_DEPTH_MAX; depth++) {
		item = dfsr_round_item(state, &at);
		if (item == NULL) {
			break;
		}
		path = talloc_asprintf(mem_ctx, "%s/%s",
				       item->offer.update.name, path);
		at = item->offer.update.parent;
	}
	if (path == NULL ||
	    dfsr_store_read_begin(state->f->store, &txn) != 0) {
		return NULL;
	}
	ret = dfsr_store_path(txn, mem_ctx, &at, &dir);
	dfsr_store_read_end(txn);
	if (ret != 0) {
		return NULL;
	}
	return dir[0] == '\0' ? path
			      : talloc_asprintf(mem_ctx, "%s/%s", dir, path);
}

static void dfsr_round_fetch(struct tevent_req *req)
{
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	struct tevent_req *subreq = NULL;
	const struct dfsr_decision *d = NULL;
	struct dfsr_item *item = NULL;
	char *path = NULL;

	while (state->next_fetch < state->num_decisions &&
	       state->fetching < DFSR_FETCHES_MAX) {
		d = &state->decisions[state->next_fetch++];
		item = state->items[d->offer];
		if (d->verdict != DFSR_VERDICT_FETCH || item->offer.staged) {
			continue;
		}
		if (state->f->filled && !d->have_local) {
			path = dfsr_round_path(state, state,
					       &item->offer.update);
		}
		subreq = dfsr_fetch_send(state, state->s, item, d, path);
		TALLOC_FREE(path);
		if (tevent_req_nomem(subreq, req)) {
			return;
		}
		tevent_req_set_callback(subreq, dfsr_round_fetched, req);
		state->fetching++;
	}
	if (state->fetching == 0) {
		dfsr_round_install(req);
	}
}

static void dfsr_round_fetched(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	int ret;

	ret = dfsr_fetch_recv(subreq);
	TALLOC_FREE(subreq);
	state->fetching--;
	if (ret == ENOTCONN || ret == EBADMSG) {
		dfsr_round_error(req, ret, "a transfer was cut off");
		return;
	}
	if (ret == 0) {
		state->fetched++;
	}
	dfsr_round_fetch(req);
}

/* ---- installing ---------------------------------------------------------- */

static void dfsr_round_install(struct tevent_req *req)
{
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	struct dfsr_round round = dfsr_round_now(state);
	struct tevent_req *subreq = NULL;

	subreq = dfsr_install_send(state, state->f, &state->s->partner->node,
				   &round, state->items, state->num);
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, dfsr_round_installed, req);
}

/** Drop what is done; keep what waits, as far as there is room for it. */
static void dfsr_round_sift(struct dfsr_pull_state *state)
{
	uint32_t i, kept = 0;

	state->progress = false;
	for (i = 0; i < state->num; i++) {
		struct dfsr_item *item = state->items[i];

		if (item->done) {
			state->progress = true;
			talloc_free(item);
		} else if (kept == DFSR_ROUND_WAITERS_MAX) {
			state->incomplete = true;
			talloc_free(item);
		} else {
			/* Its page goes; what is not staged comes again. */
			item->payload = NULL;
			state->items[kept++] = item;
		}
	}
	state->num = kept;
}

static void dfsr_round_installed(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	int ret;

	ret = dfsr_install_recv(subreq, state);
	TALLOC_FREE(subreq);
	if (ret != 0) {
		state->num = 0;
		dfsr_round_error(req, ret, NULL);
		return;
	}
	dfsr_round_sift(state);
	if (state->more) {
		dfsr_round_page(req);
		return;
	}
	/*
	 * The last page: names that others of the set have freed, parents
	 * that have come, may let waiters go on; conflicts are decided now.
	 */
	if (state->num > 0 && (state->progress || !state->last)) {
		state->last = !state->progress;
		dfsr_round_prepare(req);
		return;
	}
	dfsr_round_end(req);
}

/* ---- the end ------------------------------------------------------------- */

struct dfsr_round_close {
	struct dfsr_vv *vv; /* to be joined, or NULL */
	uint64_t now;
	uint32_t num;
	struct dfsr_hole *holes;
};

static int dfsr_round_hole(struct dfsr_store_txn *txn,
			   const struct dfsr_round_close *c,
			   const struct dfsr_hole *new_hole)
{
	struct dfsr_id before = new_hole->update.gvsn;
	struct dfsr_hole hole = *new_hole, old;

	if (dfsr_store_vv_contains(txn, &before)) {
		return 0;
	}
	hole.since = c->now;
	hole.attempts = 1;
	before.vsn--;
	if (dfsr_store_hole_next(txn, &before, &old) == 0 &&
	    dfsr_id_equal(&old.update.gvsn, &hole.update.gvsn)) {
		hole.since = old.since;
		hole.attempts = old.attempts + 1;
	}
	return dfsr_store_hole_put(txn, &hole);
}

/** Holes whose number is known by now are none any more. */
static int dfsr_round_tidy(struct dfsr_store_txn *txn)
{
	struct dfsr_id at = {0};
	struct dfsr_hole hole;
	int ret;

	while ((ret = dfsr_store_hole_next(txn, &at, &hole)) == 0) {
		at = hole.update.gvsn;
		if (dfsr_store_vv_contains(txn, &at)) {
			ret = dfsr_store_hole_del(txn, &at);
			if (ret != 0) {
				return ret;
			}
		}
	}
	return ret == ENOENT ? 0 : ret;
}

static int dfsr_round_close_unit(struct dfsr_store_txn *txn,
				 void *private_data)
{
	struct dfsr_round_close *c = private_data;
	uint32_t i;
	int ret = 0;

	for (i = 0; ret == 0 && i < c->num; i++) {
		ret = dfsr_round_hole(txn, c, &c->holes[i]);
	}
	if (ret == 0 && c->vv != NULL) {
		ret = dfsr_store_vv_union(txn, c->vv);
	}
	return ret != 0 ? ret : dfsr_round_tidy(txn);
}

static void dfsr_round_end(struct tevent_req *req)
{
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	const struct dfsr_env *env = state->f->agent->env;
	struct dfsr_round_close *c = NULL;
	struct tevent_req *subreq = NULL;
	uint32_t i;

	c = talloc_zero(NULL, struct dfsr_round_close);
	if (tevent_req_nomem(c, req)) {
		return;
	}
	c->now = env->now(env->private_data);
	c->num = state->num;
	c->holes = talloc_zero_array(c, struct dfsr_hole, state->num + 1);
	if (state->num == 0 && !state->incomplete) {
		c->vv = dfsr_vv_copy(c, state->diff);
	}
	if (c->holes == NULL || (state->num == 0 && !state->incomplete &&
				 c->vv == NULL)) {
		talloc_free(c);
		tevent_req_oom(req);
		return;
	}
	for (i = 0; i < state->num; i++) {
		c->holes[i].update = state->items[i]->offer.update;
		c->holes[i].reason = state->items[i]->wait;
		c->holes[i].error = state->items[i]->err;
	}
	subreq = dfsr_store_unit_send(state, state->f->agent->ev,
				      state->f->store, dfsr_round_close_unit,
				      c);
	state->close = c;
	if (tevent_req_nomem(subreq, req)) {
		return;
	}
	tevent_req_set_callback(subreq, dfsr_round_ended, req);
}

static void dfsr_round_ended(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	int ret;

	ret = dfsr_store_unit_recv(subreq);
	TALLOC_FREE(subreq);
	TALLOC_FREE(state->close);
	if (ret != 0) {
		dfsr_round_error(req, ret, NULL);
		return;
	}
	dfsr_folder_committed(state->f);
	tevent_req_done(req);
}

int dfsr_round_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
		    uint32_t *waiting, char **why)
{
	struct dfsr_pull_state *state =
		tevent_req_data(req, struct dfsr_pull_state);
	int ret = dfsr_req_error(req);

	*waiting = state->num + (state->incomplete ? 1 : 0);
	if (ret != 0 && state->why != NULL) {
		*why = talloc_move(mem_ctx, &state->why);
	}
	tevent_req_received(req);
	return ret;
}
