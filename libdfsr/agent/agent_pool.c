/*
   Samba DFS Replication
   Worker threads for bytes

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
 * A fixed number of threads takes jobs from one queue; finished jobs come
 * back through an eventfd to the loop. A job's argument belongs to exactly
 * one side at a time: to the loop before and after, to the worker between.
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent_private.h"

struct dfsr_pool_job {
	struct dfsr_pool_job *next;
	void (*fn)(void *arg);
	void *arg;
	struct tevent_req *req; /* NULL once the request was freed */
};

struct dfsr_pool {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	struct dfsr_pool_job *todo, **todo_tail;
	struct dfsr_pool_job *done, **done_tail;
	bool stop;
	uint32_t num_busy; /* jobs queued or being worked on */
	pthread_cond_t idle;
	uint32_t num_threads;
	pthread_t *threads;
	int event_fd;
	struct tevent_fd *fde;
};

struct dfsr_pool_state {
	struct dfsr_pool_job *job;
	void *arg;
};

static void *dfsr_pool_thread(void *private_data)
{
	struct dfsr_pool *pool = private_data;
	struct dfsr_pool_job *job = NULL;
	uint64_t one = 1;

	pthread_mutex_lock(&pool->mutex);
	for (;;) {
		while (pool->todo == NULL && !pool->stop) {
			pthread_cond_wait(&pool->cond, &pool->mutex);
		}
		if (pool->todo == NULL) {
			break;
		}
		job = pool->todo;
		pool->todo = job->next;
		if (pool->todo == NULL) {
			pool->todo_tail = &pool->todo;
		}
		pthread_mutex_unlock(&pool->mutex);

		job->fn(job->arg);

		pthread_mutex_lock(&pool->mutex);
		job->next = NULL;
		*pool->done_tail = job;
		pool->done_tail = &job->next;
		if (--pool->num_busy == 0) {
			pthread_cond_broadcast(&pool->idle);
		}
		if (write(pool->event_fd, &one, sizeof(one)) < 0) {
			/* The counter is full: the loop is awake anyway. */
			continue;
		}
	}
	pthread_mutex_unlock(&pool->mutex);
	return NULL;
}

static void dfsr_pool_finish(struct dfsr_pool_job *job)
{
	struct dfsr_pool_state *state = NULL;

	if (job->req == NULL) {
		talloc_free(job->arg);
	} else {
		state = tevent_req_data(job->req, struct dfsr_pool_state);
		state->job = NULL;
		tevent_req_done(job->req);
	}
	free(job);
}

static void dfsr_pool_ready(struct tevent_context *ev, struct tevent_fd *fde,
			    uint16_t flags, void *private_data)
{
	struct dfsr_pool *pool = private_data;
	struct dfsr_pool_job *job = NULL;
	uint64_t count;

	(void)ev;
	(void)fde;
	(void)flags;
	if (read(pool->event_fd, &count, sizeof(count)) < 0) {
		return;
	}
	pthread_mutex_lock(&pool->mutex);
	while (pool->done != NULL) {
		job = pool->done;
		pool->done = job->next;
		if (pool->done == NULL) {
			pool->done_tail = &pool->done;
		}
		pthread_mutex_unlock(&pool->mutex);
		dfsr_pool_finish(job);
		pthread_mutex_lock(&pool->mutex);
	}
	pthread_mutex_unlock(&pool->mutex);
}

void dfsr_pool_drain(struct dfsr_pool *pool)
{
	struct dfsr_pool_job **p = NULL;
	struct dfsr_pool_job *job = NULL;

	pthread_mutex_lock(&pool->mutex);
	while (pool->num_busy > 0) {
		pthread_cond_wait(&pool->idle, &pool->mutex);
	}
	p = &pool->done;
	while (*p != NULL) {
		job = *p;
		if (job->req != NULL) {
			p = &job->next;
			continue;
		}
		*p = job->next;
		talloc_free(job->arg);
		free(job);
	}
	pool->done_tail = p;
	pthread_mutex_unlock(&pool->mutex);
}

static void dfsr_pool_drop(struct dfsr_pool_job *job)
{
	struct dfsr_pool_job *next = NULL;
	struct dfsr_pool_state *state = NULL;

	for (; job != NULL; job = next) {
		next = job->next;
		if (job->req != NULL) {
			state = tevent_req_data(job->req,
						struct dfsr_pool_state);
			state->job = NULL;
		}
		talloc_free(job->arg);
		free(job);
	}
}

static int dfsr_pool_destructor(struct dfsr_pool *pool)
{
	struct dfsr_pool_job *todo = NULL;
	uint32_t i;

	pthread_mutex_lock(&pool->mutex);
	todo = pool->todo;
	pool->todo = NULL;
	pool->todo_tail = &pool->todo;
	pool->stop = true;
	pthread_cond_broadcast(&pool->cond);
	pthread_mutex_unlock(&pool->mutex);
	for (i = 0; i < pool->num_threads; i++) {
		pthread_join(pool->threads[i], NULL);
	}
	dfsr_pool_drop(todo);
	dfsr_pool_drop(pool->done);
	TALLOC_FREE(pool->fde);
	close(pool->event_fd);
	pthread_cond_destroy(&pool->cond);
	pthread_cond_destroy(&pool->idle);
	pthread_mutex_destroy(&pool->mutex);
	return 0;
}

struct dfsr_pool *dfsr_pool_create(TALLOC_CTX *mem_ctx,
				   struct tevent_context *ev,
				   uint32_t num_threads)
{
	struct dfsr_pool *pool = NULL;
	sigset_t all, old;

	pool = talloc_zero(mem_ctx, struct dfsr_pool);
	if (pool == NULL) {
		return NULL;
	}
	pool->threads = talloc_array(pool, pthread_t, num_threads);
	pool->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pool->threads == NULL || pool->event_fd == -1) {
		talloc_free(pool);
		return NULL;
	}
	pool->todo_tail = &pool->todo;
	pool->done_tail = &pool->done;
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->cond, NULL);
	pthread_cond_init(&pool->idle, NULL);
	talloc_set_destructor(pool, dfsr_pool_destructor);
	pool->fde = tevent_add_fd(ev, pool, pool->event_fd, TEVENT_FD_READ,
				  dfsr_pool_ready, pool);
	if (pool->fde == NULL) {
		talloc_free(pool);
		return NULL;
	}
	/* Signals belong to the loop's thread. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (pool->num_threads < num_threads) {
		if (pthread_create(&pool->threads[pool->num_threads], NULL,
				   dfsr_pool_thread, pool) != 0) {
			break;
		}
		pool->num_threads++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (pool->num_threads == 0) {
		talloc_free(pool);
		return NULL;
	}
	return pool;
}

static void dfsr_pool_cleanup(struct tevent_req *req,
			      enum tevent_req_state req_state)
{
	struct dfsr_pool_state *state =
		tevent_req_data(req, struct dfsr_pool_state);

	(void)req_state;
	if (state->job != NULL) {
		state->job->req = NULL;
		state->job = NULL;
		state->arg = NULL;
	}
}

struct tevent_req *dfsr_pool_send(TALLOC_CTX *mem_ctx,
				  struct tevent_context *ev,
				  struct dfsr_pool *pool,
				  void (*fn)(void *arg), void *arg)
{
	struct tevent_req *req = NULL;
	struct dfsr_pool_state *state = NULL;
	struct dfsr_pool_job *job = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_pool_state);
	if (req == NULL) {
		return NULL;
	}
	job = calloc(1, sizeof(*job));
	if (job == NULL) {
		tevent_req_error(req, ENOMEM);
		return tevent_req_post(req, ev);
	}
	job->fn = fn;
	job->arg = talloc_steal(NULL, arg);
	job->req = req;
	state->job = job;
	state->arg = arg;
	tevent_req_set_cleanup_fn(req, dfsr_pool_cleanup);

	pthread_mutex_lock(&pool->mutex);
	*pool->todo_tail = job;
	pool->todo_tail = &job->next;
	pool->num_busy++;
	pthread_cond_signal(&pool->cond);
	pthread_mutex_unlock(&pool->mutex);
	return req;
}

int dfsr_req_error(struct tevent_req *req)
{
	enum tevent_req_state req_state;
	uint64_t err = 0;

	if (!tevent_req_is_error(req, &req_state, &err)) {
		return 0;
	}
	return req_state == TEVENT_REQ_USER_ERROR ? (int)err : ENOMEM;
}

int dfsr_pool_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx)
{
	struct dfsr_pool_state *state =
		tevent_req_data(req, struct dfsr_pool_state);
	int ret = dfsr_req_error(req);

	if (state->arg != NULL) {
		talloc_steal(mem_ctx, state->arg);
	}
	tevent_req_received(req);
	return ret;
}
