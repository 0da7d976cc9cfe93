/*
   Samba DFS Replication
   TLS over buffers: GnuTLS never touches the socket

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
#include "peer_private.h"

/*
 * GnuTLS reads and writes two buffers instead of the socket. So one receive
 * serves many records and one send carries many, a write never has to be
 * repeated with the same arguments, and all system calls are in one place.
 *
 * No certificate is verified by a PKI: both sides show a certificate, TLS
 * proves that they own its key, and the key is compared with the pinned one
 * (client) or looked up by the owner of the listener (server).
 */

/** Longest handshake message; a certificate of ours has 600 bytes. */
#define TLS_HANDSHAKE_MAX 32768

static ssize_t tls_pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	struct dfsr_peer *peer = ptr;
	struct peer_buf *b = &peer->net_in;
	size_t left = peer_buf_left(b);

	if (left == 0) {
		if (peer->eof) {
			return 0;
		}
		gnutls_transport_set_errno(peer->session, EAGAIN);
		return -1;
	}
	if (len > left) {
		len = left;
	}
	memcpy(data, b->data + b->ofs, len);
	peer_buf_eat(b, len);
	return (ssize_t)len;
}

static int tls_pull_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	struct dfsr_peer *peer = ptr;

	(void)ms;
	return peer->eof || peer_buf_left(&peer->net_in) > 0 ? 1 : 0;
}

static ssize_t tls_push(gnutls_transport_ptr_t ptr, const giovec_t *iov,
			int num)
{
	struct dfsr_peer *peer = ptr;
	struct peer_buf *b = &peer->net_out;
	uint8_t *room = NULL;
	size_t len = 0;
	int i;

	for (i = 0; i < num; i++) {
		len += iov[i].iov_len;
	}
	room = peer_buf_room(peer, b, len);
	if (room == NULL) {
		gnutls_transport_set_errno(peer->session, ENOMEM);
		return -1;
	}
	for (i = 0; i < num; i++) {
		memcpy(room, iov[i].iov_base, iov[i].iov_len);
		room += iov[i].iov_len;
	}
	b->len += len;
	return (ssize_t)len;
}

/* Who is it? Called when the other side's certificate has come in. */
static int tls_verify(gnutls_session_t session)
{
	struct dfsr_peer *peer = gnutls_session_get_ptr(session);
	const gnutls_datum_t *certs = NULL;
	uint8_t fp[DFSR_FINGERPRINT_LEN];
	unsigned num = 0;

	certs = gnutls_certificate_get_peers(session, &num);
	if (certs == NULL || num == 0 ||
	    peer_cert_fingerprint(&certs[0], fp) != 0) {
		return -1;
	}
	if (peer->pinned &&
	    memcmp(fp, peer->fingerprint, sizeof(fp)) != 0) {
		peer->wrong_key = true;
		return -1;
	}
	memcpy(peer->fingerprint, fp, sizeof(fp));
	peer->have_key = true;
	return 0;
}

int peer_tls_start(struct dfsr_peer *peer)
{
	unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
			 GNUTLS_NO_TICKETS;
	int ret;

	flags |= peer->server ? GNUTLS_SERVER : GNUTLS_CLIENT;
	ret = gnutls_init(&peer->session, flags);
	if (ret < 0) {
		peer->session = NULL;
		return ENOMEM;
	}
	gnutls_session_set_ptr(peer->session, peer);
	if (gnutls_priority_set(peer->session, peer->cred->priority) < 0 ||
	    gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE,
				   peer->cred->x509) < 0) {
		return ENOMEM;
	}
	if (peer->server) {
		gnutls_certificate_server_set_request(peer->session,
						      GNUTLS_CERT_REQUIRE);
	}
	gnutls_session_set_verify_function(peer->session, tls_verify);
	gnutls_handshake_set_max_packet_length(peer->session,
					       TLS_HANDSHAKE_MAX);
	gnutls_transport_set_ptr(peer->session, peer);
	gnutls_transport_set_pull_function(peer->session, tls_pull);
	gnutls_transport_set_pull_timeout_function(peer->session,
						   tls_pull_timeout);
	gnutls_transport_set_vec_push_function(peer->session, tls_push);
	return 0;
}

/* The other side's alert, put into words. */
static int tls_alert(struct dfsr_peer *peer, char *why, size_t len)
{
	gnutls_alert_description_t alert = gnutls_alert_get(peer->session);
	const char *name = gnutls_alert_get_name(alert);
	int err = ECONNRESET;

	switch (alert) {
	case GNUTLS_A_ACCESS_DENIED:
	case GNUTLS_A_BAD_CERTIFICATE:
	case GNUTLS_A_CERTIFICATE_UNKNOWN:
	case GNUTLS_A_CERTIFICATE_REQUIRED:
	case GNUTLS_A_UNKNOWN_CA:
		err = EACCES;
		break;
	default:
		break;
	}
	snprintf(why, len, "the other side refused us: %s",
		 name != NULL ? name : "unknown alert");
	return err;
}

static int tls_failed(struct dfsr_peer *peer, int ret)
{
	char why[PEER_WHY_MAX];

	if (peer->wrong_key) {
		peer_fail(peer, EPERM, "the other side has another key than "
			  "the pinned one");
	} else if (ret == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		ret = tls_alert(peer, why, sizeof(why));
		peer_fail(peer, ret, "%s", why);
	} else if (ret == GNUTLS_E_PREMATURE_TERMINATION ||
		   ret == GNUTLS_E_PULL_ERROR) {
		peer_fail(peer, ECONNRESET,
			  "connection closed by the other side");
	} else if (ret == GNUTLS_E_MEMORY_ERROR ||
		   ret == GNUTLS_E_PUSH_ERROR) {
		peer_fail(peer, ENOMEM, "out of memory");
	} else {
		peer_fail(peer, EBADMSG, "TLS: %s", gnutls_strerror(ret));
	}
	return peer->err;
}

int peer_tls_handshake(struct dfsr_peer *peer)
{
	int ret, err;

	do {
		ret = gnutls_handshake(peer->session);
	} while (ret < 0 && ret != GNUTLS_E_AGAIN &&
		 gnutls_error_is_fatal(ret) == 0);

	if (ret == GNUTLS_E_SUCCESS && !peer->have_key) {
		ret = GNUTLS_E_NO_CERTIFICATE_FOUND;
	}
	if (ret < 0 && ret != GNUTLS_E_AGAIN) {
		err = tls_failed(peer, ret);
		if (!peer->eof) {
			gnutls_alert_send_appropriate(peer->session, ret);
			peer_net_send(peer);
		}
		return err;
	}
	return ret == GNUTLS_E_AGAIN ? EAGAIN : 0;
}

int peer_tls_read(struct dfsr_peer *peer, uint8_t *buf, size_t len,
		  size_t *got)
{
	ssize_t ret;

	do {
		ret = gnutls_record_recv(peer->session, buf, len);
	} while (ret < 0 && ret != GNUTLS_E_AGAIN &&
		 gnutls_error_is_fatal((int)ret) == 0);

	if (ret == GNUTLS_E_AGAIN) {
		return EAGAIN;
	}
	if (ret < 0) {
		return tls_failed(peer, (int)ret);
	}
	if (ret == 0) {
		peer_fail(peer, ECONNRESET,
			  "connection closed by the other side");
		return ECONNRESET;
	}
	*got = (size_t)ret;
	return 0;
}

int peer_tls_write(struct dfsr_peer *peer, const uint8_t *buf, size_t len,
		   size_t *taken)
{
	ssize_t ret;

	ret = gnutls_record_send(peer->session, buf, len);
	if (ret < 0) {
		return tls_failed(peer, (int)ret);
	}
	*taken = (size_t)ret;
	return 0;
}

void peer_tls_deny(struct dfsr_peer *peer)
{
	gnutls_alert_send(peer->session, GNUTLS_AL_FATAL,
			  GNUTLS_A_ACCESS_DENIED);
	peer_net_send(peer);
}

void peer_tls_last_words(struct dfsr_peer *peer)
{
	uint8_t scratch[4096];
	size_t got, asked;
	ssize_t ret;

	if (peer->session == NULL || peer->eof) {
		return;
	}
	do {
		if (peer_net_recv(peer, &got, &asked) != 0) {
			return;
		}
		do {
			ret = gnutls_record_recv(peer->session, scratch,
						 sizeof(scratch));
		} while (ret > 0);
	} while (ret == GNUTLS_E_AGAIN && got == asked);
	if (ret == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		peer->err = tls_alert(peer, peer->why, sizeof(peer->why));
	}
}

void peer_tls_end(struct dfsr_peer *peer)
{
	if (peer->session == NULL) {
		return;
	}
	if (peer->state == PEER_UP && !peer->write_blocked) {
		gnutls_bye(peer->session, GNUTLS_SHUT_WR);
		peer_net_send(peer);
	}
	gnutls_deinit(peer->session);
	peer->session = NULL;
}
