/*
   Samba DFS Replication
   Dialling a partner

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
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include "peer_private.h"

/* resolve -> for each address: connect -> handshake -> done */

struct connect_state {
	struct tevent_context *ev;
	struct peer_cred *cred;
	struct dfsr_peer_ops ops;
	void *private_data;
	uint8_t fingerprint[DFSR_FINGERPRINT_LEN];
	const char *host;
	uint16_t port;
	struct tevent_req *lookup;
	struct sockaddr_storage *addrs;
	size_t num;
	size_t next;
	int fd;
	struct tevent_fd *fde;
	struct tevent_timer *timer;
	struct dfsr_peer *peer;
	int err; /* of the last address that was tried */
	char why[PEER_WHY_MAX + PEER_REMOTE_MAX];
};

static void connect_resolved(struct tevent_req *subreq);
static void connect_next(struct tevent_req *req);

static void connect_drop(struct connect_state *state)
{
	TALLOC_FREE(state->timer);
	TALLOC_FREE(state->fde);
	if (state->fd != -1) {
		close(state->fd);
		state->fd = -1;
	}
}

static void connect_cleanup(struct tevent_req *req,
			    enum tevent_req_state req_state)
{
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);

	connect_drop(state);
	TALLOC_FREE(state->lookup);
	if (req_state != TEVENT_REQ_DONE) {
		TALLOC_FREE(state->peer);
	}
	if (state->cred != NULL) {
		peer_cred_unref(state->cred);
		state->cred = NULL;
	}
}

static void connect_why(struct connect_state *state, int err,
			const char *fmt, ...) PRINTF_ATTRIBUTE(3, 4);
static void connect_why(struct connect_state *state, int err,
			const char *fmt, ...)
{
	va_list ap;

	state->err = err;
	va_start(ap, fmt);
	vsnprintf(state->why, sizeof(state->why), fmt, ap);
	va_end(ap);
}

static void connect_timeout(struct tevent_context *ev,
			    struct tevent_timer *te, struct timeval now,
			    void *private_data)
{
	struct tevent_req *req =
		talloc_get_type_abort(private_data, struct tevent_req);
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);

	(void)ev;
	(void)te;
	(void)now;
	connect_why(state, ETIMEDOUT, "%s port %u: no answer in time%s",
		    state->host, state->port,
		    state->lookup != NULL ? " from the name service"
		    : state->peer != NULL ? " to the TLS handshake"
					  : "");
	connect_drop(state);
	TALLOC_FREE(state->lookup);
	TALLOC_FREE(state->peer);
	connect_next(req);
}

static bool connect_arm(struct tevent_req *req, uint32_t ms)
{
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);

	state->timer = tevent_add_timer(state->ev, state, peer_in_ms(ms),
					connect_timeout, req);
	return !tevent_req_nomem(state->timer, req);
}

/* The handshake has ended, well or not. */
static void connect_settled(struct dfsr_peer *peer, int err, const char *why,
			    void *private_data)
{
	struct tevent_req *req =
		talloc_get_type_abort(private_data, struct tevent_req);
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);

	TALLOC_FREE(state->timer);
	if (err == 0) {
		tevent_req_done(req);
		return;
	}
	connect_why(state, err, "%s: %s", peer->remote, why);
	state->peer = NULL; /* ends by itself */
	talloc_steal(state->ev, peer);
	if (err == EPERM || err == EACCES) {
		tevent_req_error(req, err);
		return;
	}
	connect_next(req);
}

static int connect_shake(struct tevent_req *req)
{
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);
	struct dfsr_peer *peer = NULL;
	int fd = state->fd;

	state->fd = -1;
	TALLOC_FREE(state->fde);
	peer = peer_new(state, state->ev, state->cred, fd,
			&state->addrs[state->next - 1]);
	if (peer == NULL) {
		return ENOMEM;
	}
	peer->ops = state->ops;
	peer->private_data = state->private_data;
	peer->settled = connect_settled;
	peer->settled_data = req;
	peer->pinned = true;
	memcpy(peer->fingerprint, state->fingerprint,
	       sizeof(peer->fingerprint));
	state->peer = peer;
	return peer_start(peer);
}

static void connect_writable(struct tevent_context *ev, struct tevent_fd *fde,
			     uint16_t flags, void *private_data)
{
	struct tevent_req *req =
		talloc_get_type_abort(private_data, struct tevent_req);
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);
	socklen_t len = sizeof(int);
	int err = 0;

	(void)ev;
	(void)fde;
	(void)flags;
	if (getsockopt(state->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0) {
		err = errno;
	}
	if (err == 0) {
		err = connect_shake(req);
		if (err == 0) {
			return;
		}
	}
	connect_why(state, err, "%s port %u: %s", state->host, state->port,
		    strerror(err));
	connect_drop(state);
	TALLOC_FREE(state->peer);
	connect_next(req);
}

/* @return 0 when it is on its way */
static int connect_try(struct tevent_req *req,
		       const struct sockaddr_storage *addr)
{
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);
	socklen_t len = addr->ss_family == AF_INET6
				? sizeof(struct sockaddr_in6)
				: sizeof(struct sockaddr_in);

	state->fd = socket(addr->ss_family,
			   SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (state->fd == -1) {
		return errno;
	}
	if (connect(state->fd, (const struct sockaddr *)addr, len) != 0 &&
	    errno != EINPROGRESS) {
		return errno;
	}
	/* tevent tells errors only to who waits for READ. */
	state->fde = tevent_add_fd(state->ev, state, state->fd,
				   TEVENT_FD_READ | TEVENT_FD_WRITE,
				   connect_writable, req);
	return state->fde == NULL ? ENOMEM : 0;
}

static void connect_next(struct tevent_req *req)
{
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);
	int err;

	while (state->next < state->num) {
		err = connect_try(req, &state->addrs[state->next++]);
		if (err == 0) {
			/* All addresses share the time. */
			connect_arm(req, peer_timing.handshake_ms /
						 (uint32_t)state->num);
			return;
		}
		connect_why(state, err, "%s port %u: %s", state->host,
			    state->port, strerror(err));
		connect_drop(state);
	}
	tevent_req_error(req, state->err);
}

struct tevent_req *dfsr_peer_connect_send(
	TALLOC_CTX *mem_ctx, struct tevent_context *ev,
	const struct dfsr_identity *identity, const char *host, uint16_t port,
	const uint8_t fingerprint[DFSR_FINGERPRINT_LEN],
	const struct dfsr_peer_ops *ops, void *private_data)
{
	struct tevent_req *req = NULL;
	struct connect_state *state = NULL;

	req = tevent_req_create(mem_ctx, &state, struct connect_state);
	if (req == NULL) {
		return NULL;
	}
	state->ev = ev;
	state->fd = -1;
	state->cred = peer_cred_get(identity);
	state->ops = *ops;
	state->private_data = private_data;
	state->port = port;
	connect_why(state, EHOSTUNREACH, "out of memory");
	memcpy(state->fingerprint, fingerprint, sizeof(state->fingerprint));
	tevent_req_set_cleanup_fn(req, connect_cleanup);
	state->host = talloc_strdup(state, host);
	if (tevent_req_nomem(state->host, req)) {
		return tevent_req_post(req, ev);
	}

	if (peer_resolve_numeric(state, host, port, &state->addrs,
				 &state->num) == 0) {
		connect_next(req);
		if (!tevent_req_is_in_progress(req)) {
			return tevent_req_post(req, ev);
		}
		return req;
	}
	state->lookup = peer_resolve_send(state, ev, host, port);
	if (tevent_req_nomem(state->lookup, req) ||
	    !connect_arm(req, peer_timing.handshake_ms)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_set_callback(state->lookup, connect_resolved, req);
	return req;
}

static void connect_resolved(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);
	int err;

	TALLOC_FREE(state->timer);
	err = peer_resolve_recv(subreq, state, &state->addrs, &state->num);
	TALLOC_FREE(state->lookup);
	if (err != 0) {
		connect_why(state, err, "%s: no address found: %s",
			    state->host, strerror(err));
	}
	connect_next(req);
}

int dfsr_peer_connect_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			   struct dfsr_peer **peer, char **why)
{
	struct connect_state *state =
		tevent_req_data(req, struct connect_state);
	enum tevent_req_state how;
	uint64_t err = 0;

	if (tevent_req_is_error(req, &how, &err)) {
		err = how == TEVENT_REQ_NO_MEMORY ? ENOMEM : err;
		if (why != NULL) {
			*why = talloc_strdup(mem_ctx, state->why);
		}
		tevent_req_received(req);
		return (int)err;
	}
	*peer = talloc_move(mem_ctx, &state->peer);
	peer_up(*peer);
	tevent_req_received(req);
	return 0;
}
