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

#ifndef __TESTS_PEER_RAW_H__
#define __TESTS_PEER_RAW_H__

#include <pthread.h>
#include <gnutls/gnutls.h>
#include "peer_pair.h"

struct raw;

/**
 * TLS on a blocking socket, in a thread, so that it may do what the room
 * under test never does.
 */
struct raw {
	const char *priority; /* NULL: TLS 1.3 */
	const struct dfsr_identity *identity; /* NULL: no certificate */
	/** Runs after the handshake. */
	void (*talk)(struct raw *raw);
	const uint8_t *send; /* for talks that send bytes */
	size_t len;
	size_t wanted; /* bytes of reply after which a slow talk ends */

	int fd;
	bool server;
	pthread_t thread;
	gnutls_session_t session;
	int handshake; /* result of gnutls_handshake() */
	int last;      /* result of the last receive */
	uint8_t reply[4096];
	size_t reply_len;
	unsigned done; /* atomic */
};

/** Connect to the pair's listener and run. */
void raw_start(struct peer_pair *pair, struct raw *raw);
/** Run as a server on a connected socket. */
void raw_serve(struct raw *raw, int fd);
/** Run the loop until the thread is done. */
void raw_join(struct peer_pair *pair, struct raw *raw);

/**
 * Talks: send all at once and read until the end; send byte by byte and read
 * what is wanted.
 */
void raw_send(struct raw *raw);
void raw_send_slowly(struct raw *raw);
/** Say nothing and wait for the end. */
void raw_listen(struct raw *raw);

/**
 * Forwards between a new port and the pair's listener, in the pair's loop.
 */
struct relay {
	struct peer_pair *pair;
	uint16_t port;
	int listen_fd;
	int fd[2];
	struct tevent_fd *fde[3];
	bool slow;	/* 1 KiB every 2 ms each way */
	struct tevent_timer *rest[2];
	bool stopped;	/* forwards nothing, closes nothing */
	size_t cut;	/* bytes after which both sides are closed, 0: never */
	size_t passed;
};

void relay_start(struct peer_pair *pair, struct relay *relay);
void relay_end(struct relay *relay);

#endif /* __TESTS_PEER_RAW_H__ */
