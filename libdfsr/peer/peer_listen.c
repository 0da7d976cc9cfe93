/*
   Samba DFS Replication
   Who knocks at the door

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
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <netdb.h>
#include <netinet/in.h>
#include "peer_private.h"

/*
 * The port is open to everybody, so that a stranger may cost little and must
 * not keep a member out: few of them at a time, not for long, short frames.
 * When there are too many, the one that goes is the oldest of the address
 * that has most of them, so that who floods us competes with himself.
 */

/** Connections taken at one wake-up. */
#define LISTEN_ACCEPT_MAX 16
#define LISTEN_BACKLOG 128
/** Pause when there are no descriptors left. */
#define LISTEN_PAUSE_MS 200

struct dfsr_listener {
	struct tevent_context *ev;
	struct peer_cred *cred;
	struct dfsr_listener_ops ops;
	int fd;
	struct tevent_fd *fde;
	struct tevent_timer *pause;
	uint32_t num_peers;
	uint32_t num_strangers;
	TAILQ_HEAD(, dfsr_peer) strangers; /* oldest first */
};

void peer_listen_known(struct dfsr_peer *peer)
{
	if (peer->is_stranger) {
		TAILQ_REMOVE(&peer->listener->strangers, peer, stranger);
		peer->listener->num_strangers--;
		peer->is_stranger = false;
	}
}

void peer_listen_forget(struct dfsr_peer *peer)
{
	peer_listen_known(peer);
	peer->listener->num_peers--;
	peer->listener = NULL;
}

static void listen_refused(struct dfsr_listener *l, const char *remote,
			   const char *why)
{
	if (l->ops.refused != NULL) {
		l->ops.refused(remote, why, l->ops.private_data);
	}
}

static bool listen_same_host(const struct dfsr_peer *a,
			     const struct dfsr_peer *b)
{
	const struct sockaddr_in *a4 = (const void *)&a->addr;
	const struct sockaddr_in *b4 = (const void *)&b->addr;
	const struct sockaddr_in6 *a6 = (const void *)&a->addr;
	const struct sockaddr_in6 *b6 = (const void *)&b->addr;

	if (a->addr.ss_family != b->addr.ss_family) {
		return false;
	}
	if (a->addr.ss_family == AF_INET) {
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	}
	/* One host easily has a whole /64. */
	return memcmp(&a6->sin6_addr, &b6->sin6_addr,
		      IN6_IS_ADDR_V4MAPPED(&a6->sin6_addr) ? 16 : 8) == 0;
}

/* The stranger that has to go; who has shown a known key goes last. */
static struct dfsr_peer *listen_victim(struct dfsr_listener *l)
{
	struct dfsr_peer *victim = NULL, *peer = NULL, *other = NULL;
	uint32_t most = 0, num;

	TAILQ_FOREACH(peer, &l->strangers, stranger) {
		if (peer->accepted || peer->err != 0) {
			continue;
		}
		num = 0;
		TAILQ_FOREACH(other, &l->strangers, stranger) {
			if (!other->accepted &&
			    listen_same_host(peer, other)) {
				num++;
			}
		}
		if (num > most) {
			most = num;
			victim = peer;
		}
	}
	return victim != NULL ? victim : TAILQ_FIRST(&l->strangers);
}

static void listen_make_room(struct dfsr_listener *l)
{
	struct dfsr_peer *victim = NULL;

	if (l->num_strangers < DFSR_PEER_STRANGERS_MAX) {
		return;
	}
	victim = listen_victim(l);
	peer_listen_known(victim); /* ends soon; does not count any more */
	peer_fail(victim, EBUSY, "too many strangers");
}

static void listen_deadline(struct tevent_context *ev,
			    struct tevent_timer *te, struct timeval now,
			    void *private_data)
{
	struct dfsr_peer *peer =
		talloc_get_type_abort(private_data, struct dfsr_peer);

	(void)ev;
	(void)te;
	(void)now;
	TALLOC_FREE(peer->deadline);
	peer_fail(peer, ETIMEDOUT, "no %s within %u ms",
		  peer->accepted ? "HELLO" : "TLS handshake",
		  peer_timing.handshake_ms);
}

/* The handshake has ended, well or not. */
static void listen_settled(struct dfsr_peer *peer, int err, const char *why,
			   void *private_data)
{
	struct dfsr_listener *l =
		talloc_get_type_abort(private_data, struct dfsr_listener);
	char text[PEER_WHY_MAX + 100], key[DFSR_FINGERPRINT_STRLEN];
	const bool *gone = peer->gone;

	if (err != 0) {
		listen_refused(l, peer->remote, why);
		return;
	}
	err = l->ops.accept(peer, l->ops.private_data);
	if (*gone) {
		return;
	}
	if (err == 0) {
		peer_up(peer);
		return;
	}
	snprintf(text, sizeof(text), "key %s is not welcome: %s",
		 dfsr_fingerprint_str(peer->fingerprint, key), strerror(err));
	peer_tls_deny(peer);
	peer_fail(peer, err, "%s", text);
}

static int listen_take(struct dfsr_listener *l, int fd,
		       const struct sockaddr_storage *addr)
{
	struct dfsr_peer *peer = NULL;

	listen_make_room(l);
	peer = peer_new(l, l->ev, l->cred, fd, addr);
	if (peer == NULL) {
		return ENOMEM;
	}
	peer->server = true;
	peer->listener = l;
	peer->ops = l->ops.peer;
	peer->private_data = l->ops.private_data;
	peer->settled = listen_settled;
	peer->settled_data = l;
	peer->is_stranger = true;
	TAILQ_INSERT_TAIL(&l->strangers, peer, stranger);
	l->num_strangers++;
	l->num_peers++;
	peer->deadline = tevent_add_timer(
		l->ev, peer, peer_in_ms(peer_timing.handshake_ms),
		listen_deadline, peer);
	if (peer->deadline == NULL || peer_start(peer) != 0) {
		talloc_free(peer);
		return ENOMEM;
	}
	return 0;
}

static void listen_again(struct tevent_context *ev, struct tevent_timer *te,
			 struct timeval now, void *private_data)
{
	struct dfsr_listener *l =
		talloc_get_type_abort(private_data, struct dfsr_listener);

	(void)ev;
	(void)te;
	(void)now;
	TALLOC_FREE(l->pause);
	tevent_fd_set_flags(l->fde, TEVENT_FD_READ);
}

/* No descriptors or no memory: the queue of the kernel has to hold. */
static void listen_pause(struct dfsr_listener *l, int err)
{
	char text[PEER_WHY_MAX];

	l->pause = tevent_add_timer(l->ev, l, peer_in_ms(LISTEN_PAUSE_MS),
				    listen_again, l);
	if (l->pause != NULL) {
		tevent_fd_set_flags(l->fde, 0);
	}
	if (!TAILQ_EMPTY(&l->strangers)) {
		peer_fail(listen_victim(l), err, "no resources for strangers");
	}
	snprintf(text, sizeof(text), "cannot accept connections: %s",
		 strerror(err));
	listen_refused(l, "listener", text);
}

static void listen_handler(struct tevent_context *ev, struct tevent_fd *fde,
			   uint16_t flags, void *private_data)
{
	struct dfsr_listener *l =
		talloc_get_type_abort(private_data, struct dfsr_listener);
	struct sockaddr_storage addr = {};
	char remote[PEER_REMOTE_MAX];
	socklen_t len;
	int fd, i;

	(void)ev;
	(void)fde;
	(void)flags;
	for (i = 0; i < LISTEN_ACCEPT_MAX; i++) {
		len = sizeof(addr);
		fd = accept4(l->fd, (struct sockaddr *)&addr, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			break;
		}
		if (l->num_peers >= DFSR_PEER_CONNECTIONS_MAX) {
			close(fd);
			peer_addr_str(&addr, remote, sizeof(remote));
			listen_refused(l, remote, "too many connections");
			return; /* the owner may have freed us */
		}
		if (listen_take(l, fd, &addr) != 0) {
			listen_pause(l, ENOMEM);
			return;
		}
	}
	if (fd == -1 && (errno == EMFILE || errno == ENFILE ||
			 errno == ENOBUFS || errno == ENOMEM)) {
		listen_pause(l, errno);
	}
}

static int listener_destructor(struct dfsr_listener *l)
{
	TALLOC_FREE(l->fde);
	if (l->fd != -1) {
		close(l->fd);
		l->fd = -1;
	}
	if (l->cred != NULL) {
		peer_cred_unref(l->cred);
		l->cred = NULL;
	}
	return 0;
}

static int listen_socket(const struct sockaddr_storage *addr, bool both)
{
	socklen_t len = addr->ss_family == AF_INET6
				? sizeof(struct sockaddr_in6)
				: sizeof(struct sockaddr_in);
	int on = 1, v6only = both ? 0 : 1;
	int fd, err;

	fd = socket(addr->ss_family,
		    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (addr->ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only,
			sizeof(v6only)) != 0) ||
	    bind(fd, (const struct sockaddr *)addr, len) != 0 ||
	    listen(fd, LISTEN_BACKLOG) != 0) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static int listen_bind(TALLOC_CTX *mem_ctx, const char *address,
		       uint16_t port, int *_fd)
{
	struct sockaddr_storage *addrs = NULL;
	bool all = address == NULL || strcmp(address, "*") == 0;
	size_t num = 0;
	int fd = -1, err;

	err = peer_resolve_numeric(mem_ctx, all ? "::" : address, port,
				   &addrs, &num);
	if (err == 0) {
		fd = listen_socket(&addrs[0], all);
		err = fd == -1 ? errno : 0;
		TALLOC_FREE(addrs);
	}
	if (all && err != 0 && err != EADDRINUSE && err != EACCES) {
		/* A kernel without IPv6. */
		err = peer_resolve_numeric(mem_ctx, "0.0.0.0", port, &addrs,
					   &num);
		if (err == 0) {
			fd = listen_socket(&addrs[0], false);
			err = fd == -1 ? errno : 0;
			TALLOC_FREE(addrs);
		}
	}
	*_fd = fd;
	return err;
}

int dfsr_peer_listen(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		     const struct dfsr_identity *identity, const char *address,
		     uint16_t port, const struct dfsr_listener_ops *ops,
		     struct dfsr_listener **listener)
{
	struct dfsr_listener *l = NULL;
	int err;

	l = talloc_zero(mem_ctx, struct dfsr_listener);
	if (l == NULL) {
		return ENOMEM;
	}
	l->ev = ev;
	l->fd = -1;
	l->ops = *ops;
	l->cred = peer_cred_get(identity);
	TAILQ_INIT(&l->strangers);
	talloc_set_destructor(l, listener_destructor);

	err = listen_bind(l, address, port, &l->fd);
	if (err != 0) {
		goto fail;
	}
	l->fde = tevent_add_fd(ev, l, l->fd, TEVENT_FD_READ, listen_handler,
			       l);
	if (l->fde == NULL) {
		err = ENOMEM;
		goto fail;
	}
	*listener = l;
	return 0;

fail:
	talloc_free(l);
	return err;
}

uint16_t peer_listener_port(const struct dfsr_listener *listener)
{
	struct sockaddr_storage addr = {};
	socklen_t len = sizeof(addr);

	getsockname(listener->fd, (struct sockaddr *)&addr, &len);
	if (addr.ss_family == AF_INET6) {
		return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
	}
	return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}
