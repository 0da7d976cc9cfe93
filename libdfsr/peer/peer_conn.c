/*
   Samba DFS Replication
   One connection: socket, life and end

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
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include "peer_private.h"

/*
 * A connection is freed by its owner at any moment, also from a callback
 * that this room has called. So:
 *
 * - only peer_run() and peer_end() call the owner, both from the top of the
 *   event loop, and both look afterwards whether the peer still exists: the
 *   destructor sets *peer->gone, a flag on their stack;
 * - whatever fails deeper down calls peer_fail(), which takes note, stops
 *   reading and writing, and lets peer_end() follow as an immediate event;
 * - requests that wait are answered by deferred callbacks.
 */

struct peer_timing peer_timing = {
	.ping_ms = DFSR_PEER_PING_MS,
	.dead_ms = DFSR_PEER_DEAD_MS,
	.handshake_ms = DFSR_PEER_HANDSHAKE_MS,
};

struct timeval peer_in_ms(uint32_t ms)
{
	return tevent_timeval_current_ofs(ms / 1000, (ms % 1000) * 1000);
}

void peer_addr_str(const struct sockaddr_storage *addr, char *buf,
		   size_t len)
{
	const struct sockaddr_in6 *in6 = (const void *)addr;
	char host[64] = "", port[8] = "";
	const char *shown = host;
	socklen_t alen = addr->ss_family == AF_INET6
				 ? sizeof(struct sockaddr_in6)
				 : sizeof(struct sockaddr_in);
	bool brackets = addr->ss_family == AF_INET6;

	if (getnameinfo((const struct sockaddr *)addr, alen, host,
			sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		snprintf(buf, len, "unknown");
		return;
	}
	if (brackets && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		brackets = false;
		shown = host + sizeof("::ffff:") - 1;
	}
	snprintf(buf, len, brackets ? "[%s]:%s" : "%s:%s", shown, port);
}

static void peer_end(struct tevent_context *ev, struct tevent_immediate *im,
		     void *private_data)
{
	struct dfsr_peer *peer =
		talloc_get_type_abort(private_data, struct dfsr_peer);
	bool *gone = peer->gone;

	(void)ev;
	(void)im;
	if (peer->send_failed) {
		/* Perhaps it said why before it closed. */
		peer_tls_last_words(peer);
	}
	TALLOC_FREE(peer->tick);
	TALLOC_FREE(peer->deadline);
	peer_call_end_all(peer);
	peer->running = true;
	if (peer->accepted) {
		if (peer->ops.closed != NULL) {
			peer->ops.closed(peer, peer->err, peer->why,
					 peer->private_data);
		}
	} else {
		peer->settled(peer, peer->err, peer->why,
			      peer->settled_data);
	}
	if (!*gone) {
		talloc_free(peer);
	}
	talloc_free(gone);
}

void peer_fail(struct dfsr_peer *peer, int err, const char *fmt, ...)
{
	va_list ap;

	if (peer->err != 0) {
		return;
	}
	va_start(ap, fmt);
	vsnprintf(peer->why, sizeof(peer->why), fmt, ap);
	va_end(ap);
	peer->err = err;
	peer->state = PEER_ENDING;
	peer_flags(peer);
	tevent_schedule_immediate(peer->end_im, peer->ev, peer_end, peer);
}

bool peer_paused(const struct dfsr_peer *peer)
{
	return peer->server && (peer->out_bytes > DFSR_PEER_SENDBUF_MAX ||
				peer->num_requests >= DFSR_PEER_REQUESTS_MAX);
}

void peer_flags(struct dfsr_peer *peer)
{
	uint16_t flags = 0;

	if (peer->fde == NULL) {
		return;
	}
	if (peer->state == PEER_HANDSHAKE ||
	    (peer->state == PEER_UP && !peer->stopped)) {
		flags |= TEVENT_FD_READ;
	}
	if (peer->state != PEER_ENDING && peer->write_blocked) {
		flags |= TEVENT_FD_WRITE;
	}
	tevent_fd_set_flags(peer->fde, flags);
}

int peer_net_send(struct dfsr_peer *peer)
{
	struct peer_buf *b = &peer->net_out;
	ssize_t n;

	while (peer_buf_left(b) > 0) {
		n = send(peer->fd, b->data + b->ofs, peer_buf_left(b),
			 MSG_NOSIGNAL);
		if (n >= 0) {
			peer->sent += (size_t)n;
			peer_buf_eat(b, (size_t)n);
		} else if (errno == EAGAIN) {
			peer->write_blocked = true;
			return EAGAIN;
		} else if (errno != EINTR) {
			peer->send_failed = true;
			peer_fail(peer, errno, "sending failed: %s",
				  strerror(errno));
			return peer->err;
		}
	}
	return 0;
}

int peer_net_recv(struct dfsr_peer *peer, size_t *got, size_t *asked)
{
	struct peer_buf *b = &peer->net_in;
	size_t want = b->alloc == 0 ? PEER_NET_MIN : b->alloc;
	uint8_t *room = NULL;
	ssize_t n;

	if (peer->net_full && want < PEER_NET_MAX) {
		want *= 2;
	}
	want -= peer_buf_left(b);
	room = peer_buf_room(peer, b, want);
	if (room == NULL) {
		peer_fail(peer, ENOMEM, "out of memory");
		return ENOMEM;
	}
	do {
		n = recv(peer->fd, room, want, 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno == EAGAIN) {
		return EAGAIN;
	}
	if (n == -1) {
		peer_fail(peer, errno, "receiving failed: %s",
			  strerror(errno));
		return peer->err;
	}
	b->len += (size_t)n;
	peer->received += (size_t)n;
	peer->eof = n == 0;
	peer->net_full = (size_t)n == want;
	*got = (size_t)n;
	*asked = want;
	return 0;
}

/* One step of the handshake; the owner is told when it was the last. */
static void peer_shake(struct dfsr_peer *peer)
{
	int err;

	err = peer_tls_handshake(peer);
	if (err != 0 && err != EAGAIN) {
		return;
	}
	if (peer_net_send(peer) == 0) {
		peer->write_blocked = false;
	}
	if (err == 0 && peer->err == 0) {
		peer->state = PEER_HELD;
		peer_flags(peer);
		peer->settled(peer, 0, NULL, peer->settled_data);
	}
}

static void peer_work(struct dfsr_peer *peer, const bool *gone)
{
	size_t budget = PEER_WAKEUP_MAX;
	size_t got = 0, asked = 0;
	bool drained = false;

	for (;;) {
		if (peer->state == PEER_HANDSHAKE) {
			peer_shake(peer);
		}
		if (!*gone && peer->state == PEER_UP) {
			peer_frame_input(peer);
		}
		if (*gone || peer->stopped || drained || budget == 0 ||
		    (peer->state != PEER_HANDSHAKE &&
		     peer->state != PEER_UP)) {
			return;
		}
		if (peer_net_recv(peer, &got, &asked) != 0) {
			return;
		}
		drained = got < asked;
		budget -= got < budget ? got : budget;
	}
}

void peer_run(struct dfsr_peer *peer)
{
	bool *gone = peer->gone;

	if (peer->running) {
		return; /* called from a callback of a run further up */
	}
	peer->running = true;
	peer_work(peer, gone);
	if (*gone) {
		talloc_free(gone);
		return;
	}
	peer->running = false;
	if (peer->state == PEER_UP && !peer->write_blocked &&
	    peer_buf_left(&peer->net_out) > 0) {
		peer_flush(peer); /* what TLS itself had to say */
	}
	peer_flags(peer);
}

static void peer_fd_handler(struct tevent_context *ev, struct tevent_fd *fde,
			    uint16_t flags, void *private_data)
{
	struct dfsr_peer *peer =
		talloc_get_type_abort(private_data, struct dfsr_peer);

	(void)ev;
	(void)fde;
	/* Reading comes last: after it the peer may be gone. */
	if ((flags & TEVENT_FD_WRITE) != 0) {
		peer_flush(peer);
	}
	if ((flags & TEVENT_FD_READ) != 0) {
		peer_run(peer);
	}
}

static void peer_resume_handler(struct tevent_context *ev,
				struct tevent_immediate *im,
				void *private_data)
{
	struct dfsr_peer *peer =
		talloc_get_type_abort(private_data, struct dfsr_peer);

	(void)ev;
	(void)im;
	peer->resume_set = false;
	peer->stopped = false;
	peer_run(peer);
}

void peer_resume(struct dfsr_peer *peer)
{
	if (!peer->stopped || peer->resume_set || peer->state != PEER_UP ||
	    peer_paused(peer)) {
		return;
	}
	peer->resume_set = true;
	tevent_schedule_immediate(peer->resume_im, peer->ev,
				  peer_resume_handler, peer);
}

static int peer_destructor(struct dfsr_peer *peer)
{
	if (peer->running) {
		*peer->gone = true;
	} else {
		talloc_free(peer->gone);
	}
	peer->gone = NULL;
	peer_call_end_all(peer);
	if (peer->listener != NULL) {
		peer_listen_forget(peer);
	}
	if (peer->state == PEER_UP) {
		/* A refusal that was just written should still arrive. */
		peer_flush(peer);
	}
	peer_tls_end(peer);
	peer->state = PEER_ENDING;
	TALLOC_FREE(peer->fde);
	if (peer->fd != -1) {
		close(peer->fd);
		peer->fd = -1;
	}
	if (peer->cred != NULL) {
		peer_cred_unref(peer->cred);
		peer->cred = NULL;
	}
	return 0;
}

static void peer_set_options(int fd)
{
	/*
	 * The keep-alive here finds a dead link first; this one is for the
	 * time in which we do not read. A shorter one would take a partner
	 * that does not read for a while (window zero) for dead.
	 */
	unsigned ms = 4 * DFSR_PEER_DEAD_MS;
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

struct dfsr_peer *peer_new(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
			   struct peer_cred *cred, int fd,
			   const struct sockaddr_storage *addr)
{
	struct dfsr_peer *peer = NULL;

	peer = talloc_zero(mem_ctx, struct dfsr_peer);
	if (peer == NULL) {
		close(fd);
		return NULL;
	}
	peer->ev = ev;
	peer->fd = fd;
	peer->addr = *addr;
	peer->cred = peer_cred_ref(cred);
	peer->frame_max = DFSR_FRAME_FIRST_MAX;
	TAILQ_INIT(&peer->chunks);
	talloc_set_destructor(peer, peer_destructor);
	peer_addr_str(addr, peer->remote, sizeof(peer->remote));
	peer_set_options(fd);

	peer->fde = tevent_add_fd(ev, peer, fd, 0, peer_fd_handler, peer);
	peer->gone = talloc_zero(NULL, bool);
	peer->flush_im = tevent_create_immediate(peer);
	peer->resume_im = tevent_create_immediate(peer);
	peer->end_im = tevent_create_immediate(peer);
	if (peer->fde == NULL || peer->gone == NULL ||
	    peer->flush_im == NULL || peer->resume_im == NULL ||
	    peer->end_im == NULL) {
		talloc_free(peer);
		return NULL;
	}
	return peer;
}

int peer_start(struct dfsr_peer *peer)
{
	int err;

	err = peer_tls_start(peer);
	if (err != 0) {
		return err;
	}
	peer->state = PEER_HANDSHAKE;
	peer->stopped = true;
	peer->resume_set = true;
	tevent_schedule_immediate(peer->resume_im, peer->ev,
				  peer_resume_handler, peer);
	return 0;
}

void peer_up(struct dfsr_peer *peer)
{
	peer->accepted = true;
	if (peer->err != 0) {
		return;
	}
	peer->state = PEER_UP;
	if (peer_alive_start(peer) != 0) {
		peer_fail(peer, ENOMEM, "out of memory");
		return;
	}
	/* The first frames may have come with the end of the handshake. */
	peer->stopped = true;
	peer_resume(peer);
}

const uint8_t *dfsr_peer_fingerprint(const struct dfsr_peer *peer)
{
	return peer->fingerprint;
}

const char *dfsr_peer_remote(const struct dfsr_peer *peer)
{
	return peer->remote;
}

void dfsr_peer_set_data(struct dfsr_peer *peer, void *data)
{
	peer->data = data;
}

void *dfsr_peer_data(const struct dfsr_peer *peer)
{
	return peer->data;
}

void dfsr_peer_set_trusted(struct dfsr_peer *peer)
{
	peer->trusted = true;
	peer->frame_max = DFSR_FRAME_MAX;
	TALLOC_FREE(peer->deadline);
	if (peer->listener != NULL) {
		peer_listen_known(peer);
	}
}

void dfsr_peer_traffic(const struct dfsr_peer *peer, uint64_t *sent,
		       uint64_t *received)
{
	*sent = peer->sent;
	*received = peer->received;
}
