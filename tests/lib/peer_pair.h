/*
   Samba DFS Replication
   A server and a client over loopback in one event loop

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

#ifndef __TESTS_PEER_PAIR_H__
#define __TESTS_PEER_PAIR_H__

#include <tevent.h>
#include "dfsr_peer.h"

struct peer_pair;

struct pair_end {
	unsigned count;
	int err;
	char why[256];
};

/** What a test sees; top of its talloc tree. */
struct peer_pair {
	struct tevent_context *ev;
	char dir[64]; /* holds the identities; removed at the end */
	struct dfsr_identity *server_id;
	struct dfsr_identity *client_id;
	struct dfsr_identity *other_id; /* known to nobody */
	struct dfsr_listener *listener;
	uint16_t port;
	struct dfsr_peer *server;
	struct dfsr_peer *client;
	bool distrust; /* do not call dfsr_peer_set_trusted() */
	bool accept_all;
	unsigned accepts;
	struct pair_end refused;
	struct pair_end server_closed;
	struct pair_end client_closed;
	/** Called for each request; the default answers with its body. */
	void (*request)(struct peer_pair *pair, struct dfsr_request *request);
	/** Called at the end of accept and closed, if set. */
	void (*on_accept)(struct peer_pair *pair, struct dfsr_peer *peer);
	void (*on_closed)(struct peer_pair *pair, struct dfsr_peer *peer);
	unsigned requests;
	void *data;
};

/** cmocka setup and teardown: *state is a struct peer_pair that listens. */
int pair_setup(void **state);
int pair_teardown(void **state);

/** Run the loop until *flag is not 0; fails the test after 20 seconds. */
void pair_until(struct peer_pair *pair, const volatile unsigned *flag);
/** Run the loop until *count is at least wanted. */
void pair_until_count(struct peer_pair *pair, const volatile unsigned *count,
		      unsigned wanted);
/** Run the loop for some milliseconds. */
void pair_spin(struct peer_pair *pair, unsigned ms);

/** Dial; pair->client and pair->server are set when it has succeeded. */
int pair_connect_to(struct peer_pair *pair, const struct dfsr_identity *id,
		    const uint8_t *fingerprint, const char *host,
		    uint16_t port, char **why);
/** As above with the right keys; fails the test if it does not succeed. */
void pair_connect(struct peer_pair *pair);

/** One request and its answer. @return what dfsr_peer_request_recv() did */
int pair_ask(struct peer_pair *pair, uint8_t type, const uint8_t *body,
	     size_t len, uint32_t timeout_ms, uint8_t **answer,
	     size_t *answer_len, struct dfsr_msg_error *refused);

/** A blocking socket that is connected to the listener. */
int pair_raw_socket(struct peer_pair *pair);

#endif /* __TESTS_PEER_PAIR_H__ */
