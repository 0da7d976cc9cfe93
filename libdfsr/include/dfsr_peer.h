/*
   Samba DFS Replication
   TLS connections between nodes

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

#ifndef __DFSR_PEER_H__
#define __DFSR_PEER_H__

/*
 * TLS 1.3 with both sides pinned by the SHA-256 of their public key (SPKI),
 * framing, requests in flight, keep-alive. What the messages mean is not known
 * here. Everything runs on one tevent loop and is non-blocking; lengths are
 * bounded before memory is taken; a peer that sends what is not acceptable is
 * disconnected, with a text that says why.
 */

#include "dfsr_wire.h"

struct tevent_context;
struct tevent_req;

#define DFSR_FINGERPRINT_LEN 32
/** Printed as 64 hex digits. */
#define DFSR_FINGERPRINT_STRLEN 65
/** Most connections that have not said HELLO yet. */
#define DFSR_PEER_STRANGERS_MAX 64
/** Most connections in all. */
#define DFSR_PEER_CONNECTIONS_MAX 1024
/** Most requests of one peer that are being answered. */
#define DFSR_PEER_REQUESTS_MAX 256
/** Bytes waiting to be sent after which no request is read. */
#define DFSR_PEER_SENDBUF_MAX (32 * 1024 * 1024)
/** Silence after which a PING goes out, and after which the link is dead. */
#define DFSR_PEER_PING_MS 1000
#define DFSR_PEER_DEAD_MS 4000
/** Time for connect, handshake and HELLO. */
#define DFSR_PEER_HANDSHAKE_MS 5000

/* ---- who I am: peer/peer_identity.c ------------------------------------- */

/** Private key and self-signed certificate of a node. */
struct dfsr_identity;
/**
 * Load key.pem and cert.pem from a directory. @return 0, ENOENT if there are
 * none, EBADMSG if they do not fit, EACCES if others could read the key
 */
int dfsr_identity_load(TALLOC_CTX *mem_ctx, const char *dir,
		       struct dfsr_identity **identity);
/** Create both, 0600, atomically. @return 0, EEXIST, or an errno */
int dfsr_identity_create(const char *dir, const char *common_name);
const uint8_t *dfsr_identity_fingerprint(const struct dfsr_identity *id);
char *dfsr_fingerprint_str(const uint8_t fp[DFSR_FINGERPRINT_LEN], char *buf);
int dfsr_fingerprint_parse(const char *s, uint8_t fp[DFSR_FINGERPRINT_LEN]);

/* ---- connections: peer/peer_conn.c, peer_tls.c --------------------------- */

/** One TLS connection. talloc_free() closes it. */
struct dfsr_peer;

/** A request that waits for its answer; talloc child of the peer. */
struct dfsr_request {
	struct dfsr_peer *peer;
	uint8_t type;
	uint32_t id;
	const uint8_t *body; /* valid as long as the request */
	size_t body_len;
};

struct dfsr_peer_ops {
	/**
	 * Server: a request came in; answer now or later with
	 * dfsr_peer_reply() or dfsr_peer_refuse(), which free it. When the
	 * peer goes away first, the request is freed. PING is answered below.
	 */
	void (*request)(struct dfsr_request *request, void *private_data);
	/**
	 * The connection has ended; the peer is freed right afterwards and all
	 * requests in flight on it end with ENOTCONN.
	 * @param[in] why one line for a log
	 */
	void (*closed)(struct dfsr_peer *peer, int err, const char *why,
		       void *private_data);
};

/** Fingerprint of the public key that the other side proved to have. */
const uint8_t *dfsr_peer_fingerprint(const struct dfsr_peer *peer);
/** "address:port" of the other side. */
const char *dfsr_peer_remote(const struct dfsr_peer *peer);
/** The owner's pointer of a peer, NULL at first. */
void dfsr_peer_set_data(struct dfsr_peer *peer, void *data);
void *dfsr_peer_data(const struct dfsr_peer *peer);
/** Accept frames up to DFSR_FRAME_MAX from now on (after HELLO). */
void dfsr_peer_set_trusted(struct dfsr_peer *peer);
/** Bytes sent and received. */
void dfsr_peer_traffic(const struct dfsr_peer *peer, uint64_t *sent,
		       uint64_t *received);

/* ---- server side: peer/peer_listen.c ------------------------------------- */

struct dfsr_listener;
struct dfsr_listener_ops {
	/**
	 * A stranger has completed a TLS handshake with this key.
	 * @return 0 to keep the connection (it becomes a peer; *ops and
	 *         *private_data are then set), or an errno to refuse it
	 */
	int (*accept)(struct dfsr_peer *peer, void *private_data);
	/** A connection failed before it was accepted; for an event. */
	void (*refused)(const char *remote, const char *why,
			void *private_data);
	struct dfsr_peer_ops peer;
	void *private_data;
};
/**
 * Listen on address (NULL or "*": all) and port. Peers are talloc children
 * of the listener.
 * @return 0, EADDRINUSE, EADDRNOTAVAIL, or an errno
 */
int dfsr_peer_listen(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		     const struct dfsr_identity *identity, const char *address,
		     uint16_t port, const struct dfsr_listener_ops *ops,
		     struct dfsr_listener **listener);
/** Answer with type|REPLY and this body; frees the request. */
void dfsr_peer_reply(struct dfsr_request *request, const uint8_t *body,
		     size_t len);
/**
 * As dfsr_peer_reply(), but takes the body, a talloc chunk without other
 * owners, instead of copying it: for large answers.
 */
void dfsr_peer_reply_steal(struct dfsr_request *request, uint8_t *body,
			   size_t len);
/** Answer with DFSR_MSG_ERROR; frees the request. */
void dfsr_peer_refuse(struct dfsr_request *request, uint32_t code,
		      const char *fmt, ...) PRINTF_ATTRIBUTE(3, 4);

/* ---- client side: peer/peer_connect.c ------------------------------------ */

/**
 * Resolve, connect, handshake; refuse any key but the pinned one.
 * @param[in] fingerprint key that the other side must prove
 */
struct tevent_req *dfsr_peer_connect_send(
	TALLOC_CTX *mem_ctx, struct tevent_context *ev,
	const struct dfsr_identity *identity, const char *host, uint16_t port,
	const uint8_t fingerprint[DFSR_FINGERPRINT_LEN],
	const struct dfsr_peer_ops *ops, void *private_data);
/**
 * @param[out] why one line when it failed, below mem_ctx
 * @return 0, EPERM (wrong key), ETIMEDOUT, ECONNREFUSED, or an errno
 */
int dfsr_peer_connect_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			   struct dfsr_peer **peer, char **why);
/**
 * Send a request and wait for its answer.
 * @param[in] timeout_ms 0: wait as long as the link lives (POLL)
 */
struct tevent_req *dfsr_peer_request_send(TALLOC_CTX *mem_ctx,
					  struct tevent_context *ev,
					  struct dfsr_peer *peer, uint8_t type,
					  const uint8_t *body, size_t len,
					  uint32_t timeout_ms);
/**
 * @param[out] body    of the answer, talloc child of mem_ctx
 * @param[out] refused filled when the answer was DFSR_MSG_ERROR (→ EREMOTEIO)
 * @return 0, EREMOTEIO, ENOTCONN, ETIMEDOUT, EBADMSG
 */
int dfsr_peer_request_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			   uint8_t **body, size_t *len,
			   struct dfsr_msg_error *refused);

#endif /* __DFSR_PEER_H__ */
