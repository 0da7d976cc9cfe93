/*
   Samba DFS Replication
   Host names, without stopping the event loop

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
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include "peer_private.h"

/*
 * getaddrinfo() may take half a minute and cannot be interrupted, so that it
 * runs in a thread of its own. Thread and request share a job by counting
 * references: who comes last frees it, and neither waits for the other.
 */

/** Addresses of one name that are tried. */
#define RESOLVE_ADDRS_MAX 4
/** Lookups that may hang at a time. */
#define RESOLVE_THREADS_MAX 32
#define RESOLVE_HOST_MAX 255

struct resolve_job {
	int refs; /* atomic */
	int done; /* atomic; result is valid */
	int fd;	  /* eventfd: done */
	int result;
	struct addrinfo *addrs;
	char host[RESOLVE_HOST_MAX + 1];
	char port[8];
};

static int resolve_threads; /* atomic */

static void job_unref(struct resolve_job *job)
{
	if (__atomic_sub_fetch(&job->refs, 1, __ATOMIC_ACQ_REL) > 0) {
		return;
	}
	if (job->addrs != NULL) {
		freeaddrinfo(job->addrs);
	}
	close(job->fd);
	free(job);
}

static int resolve_errno(int ret)
{
	switch (ret) {
	case 0:
		return 0;
	case EAI_MEMORY:
		return ENOMEM;
	case EAI_AGAIN:
		return EAGAIN;
	default:
		return EHOSTUNREACH;
	}
}

static int resolve_copy(TALLOC_CTX *mem_ctx, const struct addrinfo *ai,
			struct sockaddr_storage **_addrs, size_t *_num)
{
	struct sockaddr_storage *addrs = NULL;
	size_t num = 0;

	addrs = talloc_zero_array(mem_ctx, struct sockaddr_storage,
				  RESOLVE_ADDRS_MAX);
	if (addrs == NULL) {
		return ENOMEM;
	}
	for (; ai != NULL && num < RESOLVE_ADDRS_MAX; ai = ai->ai_next) {
		if ((ai->ai_family == AF_INET || ai->ai_family == AF_INET6) &&
		    ai->ai_addrlen <= sizeof(addrs[0])) {
			memcpy(&addrs[num], ai->ai_addr, ai->ai_addrlen);
			num++;
		}
	}
	if (num == 0) {
		talloc_free(addrs);
		return EHOSTUNREACH;
	}
	*_addrs = addrs;
	*_num = num;
	return 0;
}

int peer_resolve_numeric(TALLOC_CTX *mem_ctx, const char *host, uint16_t port,
			 struct sockaddr_storage **addrs, size_t *num)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	struct addrinfo *ai = NULL;
	char service[8];
	int ret, err;

	snprintf(service, sizeof(service), "%u", port);
	ret = getaddrinfo(host, service, &hints, &ai);
	if (ret != 0) {
		return ret == EAI_MEMORY ? ENOMEM : EADDRNOTAVAIL;
	}
	err = resolve_copy(mem_ctx, ai, addrs, num);
	freeaddrinfo(ai);
	return err;
}

static void *resolve_thread(void *arg)
{
	struct resolve_job *job = arg;
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV,
	};
	uint64_t one = 1;
	ssize_t n;

	job->result = getaddrinfo(job->host, job->port, &hints, &job->addrs);
	if (job->result != 0) {
		job->addrs = NULL;
	}
	__atomic_store_n(&job->done, 1, __ATOMIC_RELEASE);
	do {
		n = write(job->fd, &one, sizeof(one));
	} while (n == -1 && errno == EINTR);
	job_unref(job);
	__atomic_sub_fetch(&resolve_threads, 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static int resolve_spawn(struct resolve_job *job)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	if (__atomic_add_fetch(&resolve_threads, 1, __ATOMIC_ACQ_REL) >
	    RESOLVE_THREADS_MAX) {
		err = EBUSY;
		goto fail;
	}
	err = pthread_attr_init(&attr);
	if (err != 0) {
		goto fail;
	}
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* Signals are for the thread that runs the event loop. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	job->refs++;
	err = pthread_create(&thread, &attr, resolve_thread, job);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (err == 0) {
		return 0;
	}
	job->refs--;
fail:
	__atomic_sub_fetch(&resolve_threads, 1, __ATOMIC_ACQ_REL);
	return err;
}

struct resolve_state {
	struct resolve_job *job;
	struct tevent_fd *fde;
	struct sockaddr_storage *addrs;
	size_t num;
};

static void resolve_cleanup(struct tevent_req *req,
			    enum tevent_req_state req_state)
{
	struct resolve_state *state =
		tevent_req_data(req, struct resolve_state);

	(void)req_state;
	TALLOC_FREE(state->fde);
	if (state->job != NULL) {
		job_unref(state->job);
		state->job = NULL;
	}
}

static void resolve_done(struct tevent_context *ev, struct tevent_fd *fde,
			 uint16_t flags, void *private_data)
{
	struct tevent_req *req =
		talloc_get_type_abort(private_data, struct tevent_req);
	struct resolve_state *state =
		tevent_req_data(req, struct resolve_state);
	int err;

	(void)ev;
	(void)fde;
	(void)flags;
	if (__atomic_load_n(&state->job->done, __ATOMIC_ACQUIRE) == 0) {
		return;
	}
	err = resolve_errno(state->job->result);
	if (err == 0) {
		err = resolve_copy(state, state->job->addrs, &state->addrs,
				   &state->num);
	}
	if (tevent_req_error(req, err)) {
		return;
	}
	tevent_req_done(req);
}

struct tevent_req *peer_resolve_send(TALLOC_CTX *mem_ctx,
				     struct tevent_context *ev,
				     const char *host, uint16_t port)
{
	struct tevent_req *req = NULL;
	struct resolve_state *state = NULL;
	struct resolve_job *job = NULL;

	req = tevent_req_create(mem_ctx, &state, struct resolve_state);
	if (req == NULL) {
		return NULL;
	}
	tevent_req_set_cleanup_fn(req, resolve_cleanup);
	if (host[0] == '\0' || strlen(host) > RESOLVE_HOST_MAX) {
		tevent_req_error(req, EINVAL);
		return tevent_req_post(req, ev);
	}
	job = calloc(1, sizeof(*job));
	if (tevent_req_nomem(job, req)) {
		return tevent_req_post(req, ev);
	}
	job->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (job->fd == -1) {
		tevent_req_error(req, errno);
		free(job);
		return tevent_req_post(req, ev);
	}
	job->refs = 1;
	snprintf(job->host, sizeof(job->host), "%s", host);
	snprintf(job->port, sizeof(job->port), "%u", port);
	state->job = job;
	state->fde = tevent_add_fd(ev, state, job->fd, TEVENT_FD_READ,
				   resolve_done, req);
	if (tevent_req_nomem(state->fde, req) ||
	    tevent_req_error(req, resolve_spawn(job))) {
		return tevent_req_post(req, ev);
	}
	return req;
}

int peer_resolve_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
		      struct sockaddr_storage **addrs, size_t *num)
{
	struct resolve_state *state =
		tevent_req_data(req, struct resolve_state);
	enum tevent_req_state how;
	uint64_t err = 0;

	if (tevent_req_is_error(req, &how, &err)) {
		err = how == TEVENT_REQ_NO_MEMORY ? ENOMEM : err;
		tevent_req_received(req);
		return (int)err;
	}
	*addrs = talloc_move(mem_ctx, &state->addrs);
	*num = state->num;
	tevent_req_received(req);
	return 0;
}
