/*
   Samba DFS Replication
   The other side of a connection, made by hand: it may misbehave

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
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>
#include <cmocka.h>
#include "peer_raw.h"
#include "peer/peer_private.h"

static ssize_t raw_receive(struct raw *raw)
{
	uint8_t buf[4096];
	ssize_t n;

	n = gnutls_record_recv(raw->session, buf, sizeof(buf));
	if (n > 0 && raw->reply_len + (size_t)n <= sizeof(raw->reply)) {
		memcpy(raw->reply + raw->reply_len, buf, (size_t)n);
		raw->reply_len += (size_t)n;
	}
	raw->last = (int)n;
	return n;
}

void raw_listen(struct raw *raw)
{
	while (raw_receive(raw) > 0) {
	}
}

void raw_send(struct raw *raw)
{
	gnutls_record_send(raw->session, raw->send, raw->len);
	raw_listen(raw);
}

void raw_send_slowly(struct raw *raw)
{
	size_t i;

	for (i = 0; i < raw->len; i++) {
		gnutls_record_send(raw->session, raw->send + i, 1);
	}
	while (raw->reply_len < raw->wanted && raw_receive(raw) > 0) {
	}
}

static void raw_session(struct raw *raw,
			gnutls_certificate_credentials_t none)
{
	const char *priority = "NORMAL:-VERS-ALL:+VERS-TLS1.3";
	struct peer_cred *cred = NULL;

	if (raw->identity != NULL) {
		cred = peer_cred_get(raw->identity);
		peer_cred_unref(cred); /* the identity has one, too */
	}
	gnutls_init(&raw->session,
		    (raw->server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
			    GNUTLS_NO_SIGNAL);
	gnutls_priority_set_direct(raw->session,
				   raw->priority != NULL ? raw->priority
							 : priority,
				   NULL);
	gnutls_credentials_set(raw->session, GNUTLS_CRD_CERTIFICATE,
			       cred != NULL ? cred->x509 : none);
	if (raw->server) {
		gnutls_certificate_server_set_request(raw->session,
						      GNUTLS_CERT_REQUIRE);
	}
	gnutls_transport_set_int(raw->session, raw->fd);
}

static void *raw_thread(void *arg)
{
	gnutls_certificate_credentials_t none = NULL;
	struct raw *raw = arg;

	gnutls_certificate_allocate_credentials(&none);
	raw_session(raw, none);
	do {
		raw->handshake = gnutls_handshake(raw->session);
	} while (raw->handshake < 0 &&
		 gnutls_error_is_fatal(raw->handshake) == 0 &&
		 raw->handshake != GNUTLS_E_AGAIN);
	if (raw->handshake == 0 && raw->talk != NULL) {
		raw->talk(raw);
	}
	gnutls_deinit(raw->session);
	gnutls_certificate_free_credentials(none);
	close(raw->fd);
	__atomic_store_n(&raw->done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void raw_go(struct raw *raw, int fd)
{
	struct timeval limit = {.tv_sec = 10};
	int on = 1;

	raw->fd = fd;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert_int_equal(pthread_create(&raw->thread, NULL, raw_thread, raw),
			 0);
}

void raw_start(struct peer_pair *pair, struct raw *raw)
{
	raw_go(raw, pair_raw_socket(pair));
}

void raw_serve(struct raw *raw, int fd)
{
	raw->server = true;
	raw_go(raw, fd);
}

void raw_join(struct peer_pair *pair, struct raw *raw)
{
	while (__atomic_load_n(&raw->done, __ATOMIC_ACQUIRE) == 0) {
		pair_spin(pair, 2);
	}
	assert_int_equal(pthread_join(raw->thread, NULL), 0);
}

/* ---- relay -------------------------------------------------------------- */

static void relay_close(struct relay *relay)
{
	int i;

	for (i = 0; i < 2; i++) {
		TALLOC_FREE(relay->rest[i]);
		TALLOC_FREE(relay->fde[i]);
		if (relay->fd[i] != -1) {
			close(relay->fd[i]);
			relay->fd[i] = -1;
		}
	}
}

static void relay_rested(struct tevent_context *ev, struct tevent_timer *te,
			 struct timeval now, void *private_data)
{
	struct relay *relay = private_data;
	int i = te == relay->rest[0] ? 0 : 1;

	(void)ev;
	(void)now;
	TALLOC_FREE(relay->rest[i]);
	tevent_fd_set_flags(relay->fde[i], TEVENT_FD_READ);
}

static void relay_readable(struct tevent_context *ev, struct tevent_fd *fde,
			   uint16_t flags, void *private_data)
{
	struct relay *relay = private_data;
	int from = fde == relay->fde[0] ? 0 : 1;
	uint8_t buf[16384];
	ssize_t n;

	(void)ev;
	(void)flags;
	if (relay->stopped) {
		tevent_fd_set_flags(fde, 0);
		return;
	}
	n = recv(relay->fd[from], buf, relay->slow ? 1024 : sizeof(buf),
		 MSG_DONTWAIT);
	if (n == -1 && errno == EAGAIN) {
		return;
	}
	if (n <= 0) {
		relay_close(relay);
		return;
	}
	relay->passed += (size_t)n;
	send(relay->fd[1 - from], buf, (size_t)n, MSG_NOSIGNAL);
	if (relay->slow) {
		tevent_fd_set_flags(fde, 0);
		relay->rest[from] = tevent_add_timer(ev, relay->pair,
						     peer_in_ms(2),
						     relay_rested, relay);
	}
	if (relay->cut > 0 && relay->passed >= relay->cut) {
		relay_close(relay);
	}
}

static void relay_accept(struct tevent_context *ev, struct tevent_fd *fde,
			 uint16_t flags, void *private_data)
{
	struct relay *relay = private_data;
	int i;

	(void)fde;
	(void)flags;
	relay->fd[0] = accept(relay->listen_fd, NULL, NULL);
	relay->fd[1] = pair_raw_socket(relay->pair);
	for (i = 0; i < 2; i++) {
		relay->fde[i] = tevent_add_fd(ev, relay->pair, relay->fd[i],
					      TEVENT_FD_READ, relay_readable,
					      relay);
	}
}

void relay_start(struct peer_pair *pair, struct relay *relay)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
	};
	socklen_t len = sizeof(sin);

	*relay = (struct relay){.pair = pair, .fd = {-1, -1}};
	relay->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(relay->listen_fd != -1);
	assert_int_equal(bind(relay->listen_fd, (struct sockaddr *)&sin,
			      sizeof(sin)), 0);
	assert_int_equal(listen(relay->listen_fd, 8), 0);
	assert_int_equal(getsockname(relay->listen_fd,
				     (struct sockaddr *)&sin, &len), 0);
	relay->port = ntohs(sin.sin_port);
	relay->fde[2] = tevent_add_fd(pair->ev, pair, relay->listen_fd,
				      TEVENT_FD_READ, relay_accept, relay);
	assert_non_null(relay->fde[2]);
}

void relay_end(struct relay *relay)
{
	relay_close(relay);
	TALLOC_FREE(relay->fde[2]);
	close(relay->listen_fd);
}
