/*
   Samba DFS Replication
   What the files of this room share and nobody else sees

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

#ifndef __DFSR_PEER_PRIVATE_H__
#define __DFSR_PEER_PRIVATE_H__

#include <sys/queue.h>
#include <sys/socket.h>
#include <gnutls/gnutls.h>
#include <tevent.h>
#include "dfsr_peer.h"

/*
 * struct dfsr_listener
 *   struct dfsr_peer          (client: child of who received it)
 *     peer_call               a request of ours, waits for its answer
 *     dfsr_request            a request of theirs, waits for our answer
 *       body, peer_slot
 *     peer_chunk              what waits to be encrypted
 *
 * Nothing below the public functions calls the owner: what has failed is
 * remembered by peer_fail() and told from the event loop.
 */

/** Ciphertext that is read or written at once, and at one wake-up. */
#define PEER_NET_MIN (17 * 1024)
#define PEER_NET_MAX (256 * 1024)
#define PEER_WAKEUP_MAX (2 * 1024 * 1024)
/** Plaintext of one TLS record. */
#define PEER_RECORD_MAX 16384
/** Most requests of ours in flight. */
#define PEER_CALLS_MAX 65536
/** Longest line about why a connection ended. */
#define PEER_WHY_MAX 256
/** Room for "[address]:port". */
#define PEER_REMOTE_MAX 80

/** What tests may shorten; the defaults are the public constants. */
struct peer_timing {
	uint32_t ping_ms;
	uint32_t dead_ms;
	uint32_t handshake_ms;
};
extern struct peer_timing peer_timing;

/** Bytes from ofs to len wait. */
struct peer_buf {
	uint8_t *data;
	size_t ofs;
	size_t len;
	size_t alloc;
};

/** Plaintext that waits to be encrypted. */
struct peer_chunk {
	TAILQ_ENTRY(peer_chunk) entry;
	size_t ofs;
	size_t len;
	size_t alloc; /* what more can be appended to, or 0 */
	uint8_t *data;
};

/** A request of ours; req is NULL when nobody waits for it any more. */
struct peer_call {
	LIST_ENTRY(peer_call) entry;
	struct tevent_req *req;
	uint32_t id;
	uint8_t type;
};

#define PEER_CALL_BUCKETS 256

enum peer_state {
	PEER_HANDSHAKE,
	PEER_HELD, /* handshake done, waits for its owner */
	PEER_UP,
	PEER_ENDING,
};

struct peer_cred;

struct dfsr_peer {
	struct tevent_context *ev;
	struct tevent_fd *fde;
	int fd;
	bool server;
	bool trusted;
	bool accepted; /* the owner knows it, so closed() is called */
	enum peer_state state;

	struct dfsr_peer_ops ops;
	void *private_data;
	void *data;
	/** Called once, when the handshake has ended well or not. */
	void (*settled)(struct dfsr_peer *peer, int err, const char *why,
			void *private_data);
	void *settled_data;

	/* TLS */
	struct peer_cred *cred;
	gnutls_session_t session;
	struct peer_buf net_in;
	struct peer_buf net_out;
	bool eof;
	bool pinned; /* fingerprint is the only one that is accepted */
	bool wrong_key;
	bool have_key;
	bool net_full; /* the last receive filled its buffer */
	uint8_t fingerprint[DFSR_FINGERPRINT_LEN];

	/* frames that come in */
	size_t frame_max;
	struct peer_buf stage;
	struct dfsr_frame cur; /* body in cur_body, cur_have bytes of it */
	uint8_t *cur_body;
	size_t cur_have;
	size_t cur_alloc;

	/* frames that go out */
	TAILQ_HEAD(peer_chunks, peer_chunk) chunks;
	size_t out_bytes;
	bool write_blocked;
	struct tevent_immediate *flush_im;
	bool flush_set;

	LIST_HEAD(, peer_call) calls[PEER_CALL_BUCKETS];
	uint32_t num_calls;
	uint32_t last_id;
	uint32_t num_requests;
	struct tevent_immediate *resume_im;
	bool resume_set;
	bool stopped; /* input is left because too much is unanswered */

	/* keep-alive */
	struct tevent_timer *tick;
	uint64_t sent;
	uint64_t received;
	uint64_t tick_received;
	uint64_t tick_sent;
	uint32_t silent_ticks;
	uint32_t ping_ticks;

	/* end */
	struct tevent_immediate *end_im;
	bool send_failed;
	int err;
	char why[PEER_WHY_MAX];
	bool *gone; /* set by the destructor for who is on the stack */
	bool running; /* somebody is, and frees it */

	/* listener */
	struct dfsr_listener *listener;
	TAILQ_ENTRY(dfsr_peer) stranger;
	bool is_stranger;
	struct tevent_timer *deadline;
	struct sockaddr_storage addr;
	char remote[PEER_REMOTE_MAX];
};

/* From peer/peer_identity.c */

/** The credentials behind an identity, kept while a session uses them. */
struct peer_cred {
	unsigned refs;
	gnutls_certificate_credentials_t x509;
	gnutls_priority_t priority;
};
struct peer_cred *peer_cred_get(const struct dfsr_identity *identity);
struct peer_cred *peer_cred_ref(struct peer_cred *cred);
void peer_cred_unref(struct peer_cred *cred);
/** SHA-256 over the SubjectPublicKeyInfo of a certificate in DER. */
int peer_cert_fingerprint(const gnutls_datum_t *der,
			  uint8_t fp[DFSR_FINGERPRINT_LEN]);

/* From peer/peer_tls.c */

/** Begin a session; for a client peer->fingerprint is the pinned key. */
int peer_tls_start(struct dfsr_peer *peer);
/** @return 0, EAGAIN, or an error with peer_fail() called */
int peer_tls_handshake(struct dfsr_peer *peer);
/** @return 0, EAGAIN, or an error with peer_fail() called */
int peer_tls_read(struct dfsr_peer *peer, uint8_t *buf, size_t len,
		  size_t *got);
/** Encrypt one record into net_out. @return 0, or as above */
int peer_tls_write(struct dfsr_peer *peer, const uint8_t *buf, size_t len,
		   size_t *taken);
/** Say that this key is not welcome. */
void peer_tls_deny(struct dfsr_peer *peer);
/** The other side's last alert, if it sent one before it closed. */
void peer_tls_last_words(struct dfsr_peer *peer);
void peer_tls_end(struct dfsr_peer *peer);

/* From peer/peer_buf.c */

/** Room for len more bytes behind the waiting ones; NULL without memory. */
uint8_t *peer_buf_room(TALLOC_CTX *mem_ctx, struct peer_buf *b, size_t len);
size_t peer_buf_left(const struct peer_buf *b);
/** Bytes at the front are done. */
void peer_buf_eat(struct peer_buf *b, size_t len);
/** Give memory back if nothing waits. */
void peer_buf_shrink(struct peer_buf *b);

/* From peer/peer_conn.c */

/**
 * A peer for a socket, which it owns from now on.
 * @return NULL with the socket closed when there is no memory
 */
struct dfsr_peer *peer_new(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
			   struct peer_cred *cred, int fd,
			   const struct sockaddr_storage *addr);
/** Begin the handshake. */
int peer_start(struct dfsr_peer *peer);
/** The owner takes it: frames flow. */
void peer_up(struct dfsr_peer *peer);
/** The connection ends; the owner is told from the event loop. */
void peer_fail(struct dfsr_peer *peer, int err, const char *fmt, ...)
	PRINTF_ATTRIBUTE(3, 4);
/** The other side may go on for a while: read, decrypt, deliver. */
void peer_run(struct dfsr_peer *peer);
/** True while no requests are read because too much is unanswered. */
bool peer_paused(const struct dfsr_peer *peer);
/** Go on reading if that was stopped. */
void peer_resume(struct dfsr_peer *peer);
/** Read and write according to the state. */
void peer_flags(struct dfsr_peer *peer);
/** Send net_out. @return 0, EAGAIN, or an error with peer_fail() called */
int peer_net_send(struct dfsr_peer *peer);
/** Receive into net_in. @return 0, EAGAIN, or an error as above */
int peer_net_recv(struct dfsr_peer *peer, size_t *got, size_t *asked);
void peer_addr_str(const struct sockaddr_storage *addr, char *buf,
		   size_t len);
struct timeval peer_in_ms(uint32_t ms);

/* From peer/peer_alive.c */

int peer_alive_start(struct dfsr_peer *peer);

/* From peer/peer_frame.c */

/** Decrypt and deliver what is there; stops when *peer->gone is set. */
void peer_frame_input(struct dfsr_peer *peer);

/* From peer/peer_send.c */

/** Queue a frame; it is sent at the end of this turn of the loop. */
void peer_send(struct dfsr_peer *peer, uint8_t type, uint8_t flags,
	       uint32_t id, const uint8_t *body, size_t len);
/** The same, but the body becomes the peer's. */
void peer_send_steal(struct dfsr_peer *peer, uint8_t type, uint8_t flags,
		     uint32_t id, uint8_t *body, size_t len);
/** Encrypt and send as much as the socket takes. */
void peer_flush(struct dfsr_peer *peer);

/* From peer/peer_request.c */

/** Begin a request that nobody waits for (PING). */
int peer_call_new(struct dfsr_peer *peer, struct tevent_req *req,
		  uint8_t type, struct peer_call **call);
/** An answer has come in; body is a child of the peer and given away. */
void peer_call_answer(struct dfsr_peer *peer, const struct dfsr_frame *frame,
		      uint8_t *body);
/** All requests in flight end with ENOTCONN. */
void peer_call_end_all(struct dfsr_peer *peer);
/** A request has come in; body is a child of the peer and given away. */
void peer_request_new(struct dfsr_peer *peer, const struct dfsr_frame *frame,
		      uint8_t *body);

/* From peer/peer_listen.c */

/** No stranger any more. */
void peer_listen_known(struct dfsr_peer *peer);
void peer_listen_forget(struct dfsr_peer *peer);
/** Port that was bound: for tests, which listen on port 0. */
uint16_t peer_listener_port(const struct dfsr_listener *listener);

/* From peer/peer_resolve.c */

/**
 * Addresses of a host name; the lookup runs in a thread.
 * @return EBUSY from recv when too many lookups hang
 */
struct tevent_req *peer_resolve_send(TALLOC_CTX *mem_ctx,
				     struct tevent_context *ev,
				     const char *host, uint16_t port);
int peer_resolve_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
		      struct sockaddr_storage **addrs, size_t *num);
/** Addresses of a numeric host, without asking anybody. */
int peer_resolve_numeric(TALLOC_CTX *mem_ctx, const char *host, uint16_t port,
			 struct sockaddr_storage **addrs, size_t *num);

#endif /* __DFSR_PEER_PRIVATE_H__ */
