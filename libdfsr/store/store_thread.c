/*
   Samba DFS Replication
   The store's thread, and how results come back to the event loop

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
 * One thread per store takes whatever units are queued, up to
 * STORE_GROUP_MAX, runs them and commits them as one group. Units that arrive
 * meanwhile form the next group. Nothing waits for company: a lone unit is
 * committed at once, and under load the groups grow by themselves.
 *
 * struct store_unit is malloc'ed and belongs to the thread until `done` is
 * set under the lock. talloc knows nothing of threads, so no talloc context
 * is shared: the request with its state stays on the event loop's side, and
 * the thread sees it only as a pointer that it hands back.
 *
 * A request that is freed early waits in place until its unit is done. The
 * unit's private data is often the state of the caller's own request, which
 * dies in the same talloc_free(): there is no later moment up to which it
 * could be kept alive.
 */

#include "store_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <tevent.h>
#include <unistd.h>

struct unit_state {
	struct dfsr_store *store;
	struct store_unit *unit;
};

/* ---- queues ----------------------------------------------------------- */

void store_queue_init(struct store_queue *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

void store_queue_add(struct store_queue *q, struct store_unit *u)
{
	u->next = NULL;
	*q->tail = u;
	q->tail = &u->next;
}

struct store_unit *store_queue_take(struct store_queue *q)
{
	struct store_unit *u = q->head;

	if (u == NULL) {
		return NULL;
	}
	q->head = u->next;
	if (q->head == NULL) {
		q->tail = &q->head;
	}
	u->next = NULL;
	return u;
}

/* Cut off at most STORE_GROUP_MAX units from the front. */
static struct store_unit *queue_take_group(struct store_queue *q)
{
	struct store_unit *first = q->head;
	struct store_unit *last = first;
	unsigned num = 1;

	while (last->next != NULL && num < STORE_GROUP_MAX) {
		last = last->next;
		num++;
	}
	q->head = last->next;
	if (q->head == NULL) {
		q->tail = &q->head;
	}
	last->next = NULL;
	return first;
}

/* ---- the thread ------------------------------------------------------- */

/*
 * With the lock held: the group's results become visible.
 * @return true if the event loop has to be woken
 */
static bool group_hand_over(struct dfsr_store *store, struct store_unit *u)
{
	struct store_unit *next = NULL;
	bool ring;

	for (; u != NULL; u = next) {
		next = u->next;
		u->done = true;
		if (!u->in_place) {
			store_queue_add(&store->done, u);
		}
	}
	if (store->waiters > 0) {
		pthread_cond_broadcast(&store->finished);
	}
	ring = store->done.head != NULL && !store->ringing;
	store->ringing = store->ringing || ring;
	return ring;
}

static void ring_bell(struct dfsr_store *store)
{
	uint64_t one = 1;
	ssize_t ret;

	do {
		ret = write(store->event_fd, &one, sizeof(one));
	} while (ret == -1 && errno == EINTR);
}

static void *store_thread(void *private_data)
{
	struct dfsr_store *store = private_data;
	struct store_unit *group = NULL;
	bool ring;

	pthread_mutex_lock(&store->lock);
	for (;;) {
		while (store->queue.head == NULL && !store->stop) {
			pthread_cond_wait(&store->work, &store->lock);
		}
		if (store->queue.head == NULL) {
			break;
		}
		group = queue_take_group(&store->queue);
		pthread_mutex_unlock(&store->lock);
		store_group_run(store, group);
		pthread_mutex_lock(&store->lock);
		ring = group_hand_over(store, group);
		pthread_mutex_unlock(&store->lock);
		if (ring) {
			/* outside, or the woken one waits for the lock */
			ring_bell(store);
		}
		pthread_mutex_lock(&store->lock);
	}
	pthread_mutex_unlock(&store->lock);
	return NULL;
}

/* ---- the event loop's side -------------------------------------------- */

static void unit_finish(struct store_unit *u)
{
	struct unit_state *state = NULL;
	struct tevent_req *req = u->req;
	int result = u->result;

	free(u);
	if (req == NULL) {
		return;
	}
	state = tevent_req_data(req, struct unit_state);
	state->unit = NULL;
	if (result != 0) {
		tevent_req_error(req, result);
		return;
	}
	tevent_req_done(req);
}

struct store_guard *store_guard_new(void)
{
	struct store_guard *g = calloc(1, sizeof(*g));

	if (g != NULL) {
		g->refs = 1;
	}
	return g;
}

void store_guard_unref(struct store_guard *g)
{
	if (g == NULL) {
		return;
	}
	g->refs--;
	if (g->refs == 0) {
		free(g);
	}
}

/* @return false when there is nothing more */
static bool bell_one(struct dfsr_store *store)
{
	struct store_unit *u = NULL;

	pthread_mutex_lock(&store->lock);
	u = store_queue_take(&store->done);
	pthread_mutex_unlock(&store->lock);
	if (u == NULL) {
		return false;
	}
	unit_finish(u);
	return true;
}

static void store_bell(struct tevent_context *ev, struct tevent_fd *fde,
		       uint16_t flags, void *private_data)
{
	struct dfsr_store *store = private_data;
	struct store_guard *g = store->guard;
	uint64_t count;
	ssize_t ret;

	(void)ev;
	(void)fde;
	(void)flags;
	ret = read(store->event_fd, &count, sizeof(count));
	if (ret == -1 && errno == EINTR) {
		return;
	}
	pthread_mutex_lock(&store->lock);
	store->ringing = false;
	pthread_mutex_unlock(&store->lock);

	/*
	 * A callback may free other requests, or the store, or turn the
	 * event loop itself and so come here again.
	 */
	g->refs++;
	while (!g->gone && bell_one(store)) {
		continue;
	}
	store_guard_unref(g);
}

int store_thread_start(struct dfsr_store *store)
{
	sigset_t all, old;
	int err;

	store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (store->event_fd == -1) {
		return errno;
	}
	store->fde = tevent_add_fd(store->ev, store, store->event_fd,
				   TEVENT_FD_READ, store_bell, store);
	if (store->fde == NULL) {
		return ENOMEM;
	}
	/* signals are the event loop's business */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&store->thread, NULL, store_thread, store);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err != 0) {
		return err;
	}
	store->have_thread = true;
	pthread_setname_np(store->thread, "dfsr-store");
	return 0;
}

/*
 * Requests that are still pending get their result from a later turn of the
 * event loop: their callbacks must not run inside of this destructor.
 */
void store_thread_stop(struct dfsr_store *store)
{
	struct store_unit *u = NULL;

	if (store->have_thread) {
		pthread_mutex_lock(&store->lock);
		store->stop = true;
		pthread_cond_signal(&store->work);
		pthread_mutex_unlock(&store->lock);
		pthread_join(store->thread, NULL);
		store->have_thread = false;
	}
	TALLOC_FREE(store->fde);
	while ((u = store_queue_take(&store->done)) != NULL) {
		if (u->req != NULL) {
			tevent_req_defer_callback(u->req, store->ev);
		}
		unit_finish(u);
	}
}

/* ---- units ------------------------------------------------------------ */

static struct store_unit *unit_new(dfsr_store_unit_fn fn, void *private_data)
{
	struct store_unit *u = calloc(1, sizeof(*u));

	if (u != NULL) {
		u->fn = fn;
		u->private_data = private_data;
	}
	return u;
}

/* With the lock held. */
static void unit_wait(struct dfsr_store *store, struct store_unit *u)
{
	store->waiters++;
	while (!u->done) {
		pthread_cond_wait(&store->finished, &store->lock);
	}
	store->waiters--;
}

static int unit_state_destructor(struct unit_state *state)
{
	struct dfsr_store *store = state->store;
	struct store_unit *u = state->unit;

	if (u == NULL) {
		return 0;
	}
	pthread_mutex_lock(&store->lock);
	unit_wait(store, u);
	/* it lies in the list of done ones, which frees it */
	u->req = NULL;
	pthread_mutex_unlock(&store->lock);
	return 0;
}

/* @return true if the thread has to be woken */
static bool unit_queue(struct dfsr_store *store, struct store_unit *u)
{
	store_queue_add(&store->queue, u);
	return store->queue.head == u;
}

struct tevent_req *dfsr_store_unit_send(TALLOC_CTX *mem_ctx,
					struct tevent_context *ev,
					struct dfsr_store *store,
					dfsr_store_unit_fn fn,
					void *private_data)
{
	struct tevent_req *req = NULL;
	struct unit_state *state = NULL;
	bool wake;

	req = tevent_req_create(mem_ctx, &state, struct unit_state);
	if (req == NULL) {
		return NULL;
	}
	state->store = store;
	if (ev != store->ev) {
		tevent_req_error(req, EINVAL);
		return tevent_req_post(req, ev);
	}
	state->unit = unit_new(fn, private_data);
	if (tevent_req_nomem(state->unit, req)) {
		return tevent_req_post(req, ev);
	}
	state->unit->req = req;
	talloc_set_destructor(state, unit_state_destructor);
	pthread_mutex_lock(&store->lock);
	wake = unit_queue(store, state->unit);
	pthread_mutex_unlock(&store->lock);
	if (wake) {
		pthread_cond_signal(&store->work);
	}
	return req;
}

int dfsr_store_unit_recv(struct tevent_req *req)
{
	enum tevent_req_state req_state;
	uint64_t error = 0;
	int err = 0;

	if (tevent_req_is_error(req, &req_state, &error)) {
		switch (req_state) {
		case TEVENT_REQ_USER_ERROR:
			err = (int)error;
			break;
		case TEVENT_REQ_TIMED_OUT:
			err = ETIMEDOUT;
			break;
		case TEVENT_REQ_NO_MEMORY:
			err = ENOMEM;
			break;
		default:
			err = EIO;
			break;
		}
	}
	tevent_req_received(req);
	return err;
}

int dfsr_store_unit(struct dfsr_store *store, dfsr_store_unit_fn fn,
		    void *private_data)
{
	struct store_unit *u = unit_new(fn, private_data);
	int result;

	if (u == NULL) {
		return ENOMEM;
	}
	u->in_place = true;
	pthread_mutex_lock(&store->lock);
	if (unit_queue(store, u)) {
		pthread_cond_signal(&store->work);
	}
	unit_wait(store, u);
	pthread_mutex_unlock(&store->lock);
	result = u->result;
	free(u);
	return result;
}
