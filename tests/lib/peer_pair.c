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

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <netinet/in.h>
#include <unistd.h>
#include <cmocka.h>
#include "peer_pair.h"
#include "peer/peer_private.h"

#define PAIR_LIMIT_S 20

static void pair_note(struct pair_end *end, int err, const char *why)
{
	end->count++;
	end->err = err;
	snprintf(end->why, sizeof(end->why), "%s", why);
}

static void pair_server_request(struct dfsr_request *request,
				void *private_data)
{
	struct peer_pair *pair = private_data;

	pair->requests++;
	if (pair->request != NULL) {
		pair->request(pair, request);
		return;
	}
	dfsr_peer_reply(request, request->body, request->body_len);
}

static void pair_server_closed(struct dfsr_peer *peer, int err,
			       const char *why, void *private_data)
{
	struct peer_pair *pair = private_data;

	pair_note(&pair->server_closed, err, why);
	if (pair->server == peer) {
		pair->server = NULL;
	}
	if (pair->on_closed != NULL) {
		pair->on_closed(pair, peer);
	}
}

static void pair_client_closed(struct dfsr_peer *peer, int err,
			       const char *why, void *private_data)
{
	struct peer_pair *pair = private_data;

	pair_note(&pair->client_closed, err, why);
	pair->client = NULL;
	if (pair->on_closed != NULL) {
		pair->on_closed(pair, peer);
	}
}

static int pair_accept(struct dfsr_peer *peer, void *private_data)
{
	struct peer_pair *pair = private_data;

	if (!pair->accept_all &&
	    memcmp(dfsr_peer_fingerprint(peer),
		   dfsr_identity_fingerprint(pair->client_id),
		   DFSR_FINGERPRINT_LEN) != 0) {
		return EACCES;
	}
	pair->accepts++;
	pair->server = peer;
	if (!pair->distrust) {
		dfsr_peer_set_trusted(peer);
	}
	if (pair->on_accept != NULL) {
		pair->on_accept(pair, peer);
	}
	return 0;
}

static void pair_refused(const char *remote, const char *why,
			 void *private_data)
{
	struct peer_pair *pair = private_data;

	assert_non_null(remote);
	pair_note(&pair->refused, 0, why);
}

static void pair_identity(struct peer_pair *pair, const char *name,
			  struct dfsr_identity **id)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/%s", pair->dir, name);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(dfsr_identity_create(dir, name), 0);
	assert_int_equal(dfsr_identity_load(pair, dir, id), 0);
	snprintf(dir, sizeof(dir), "%s/%s/key.pem", pair->dir, name);
	assert_int_equal(unlink(dir), 0);
	snprintf(dir, sizeof(dir), "%s/%s/cert.pem", pair->dir, name);
	assert_int_equal(unlink(dir), 0);
	snprintf(dir, sizeof(dir), "%s/%s", pair->dir, name);
	assert_int_equal(rmdir(dir), 0);
}

int pair_setup(void **state)
{
	struct dfsr_listener_ops ops = {
		.accept = pair_accept,
		.refused = pair_refused,
		.peer = {.request = pair_server_request,
			 .closed = pair_server_closed},
	};
	struct peer_pair *pair = NULL;

	pair = talloc_zero(NULL, struct peer_pair);
	assert_non_null(pair);
	pair->ev = tevent_context_init(pair);
	assert_non_null(pair->ev);
	snprintf(pair->dir, sizeof(pair->dir), "/tmp/dfsr-pair-XXXXXX");
	assert_non_null(mkdtemp(pair->dir));
	pair_identity(pair, "server", &pair->server_id);
	pair_identity(pair, "client", &pair->client_id);
	pair_identity(pair, "other", &pair->other_id);
	ops.private_data = pair;
	assert_int_equal(dfsr_peer_listen(pair, pair->ev, pair->server_id,
					  "127.0.0.1", 0, &ops,
					  &pair->listener), 0);
	pair->port = peer_listener_port(pair->listener);
	assert_true(pair->port != 0);
	*state = pair;
	return 0;
}

int pair_teardown(void **state)
{
	struct peer_pair *pair = *state;

	rmdir(pair->dir);
	peer_timing = (struct peer_timing){
		.ping_ms = DFSR_PEER_PING_MS,
		.dead_ms = DFSR_PEER_DEAD_MS,
		.handshake_ms = DFSR_PEER_HANDSHAKE_MS,
	};
	TALLOC_FREE(pair->client);
	TALLOC_FREE(pair->listener);
	TALLOC_FREE(pair->server_id);
	TALLOC_FREE(pair->client_id);
	TALLOC_FREE(pair->other_id);
	TALLOC_FREE(pair->ev);
	if (talloc_total_blocks(pair) != 1) {
		talloc_report_full(pair, stderr);
		return -1;
	}
	talloc_free(pair);
	return 0;
}

static void pair_late(struct tevent_context *ev, struct tevent_timer *te,
		      struct timeval now, void *private_data)
{
	bool *late = private_data;

	(void)ev;
	(void)te;
	(void)now;
	*late = true;
}

void pair_until_count(struct peer_pair *pair, const volatile unsigned *count,
		      unsigned wanted)
{
	struct tevent_timer *te = NULL;
	bool late = false;

	te = tevent_add_timer(pair->ev, pair,
			      tevent_timeval_current_ofs(PAIR_LIMIT_S, 0),
			      pair_late, &late);
	assert_non_null(te);
	while (*count < wanted && !late) {
		assert_int_equal(tevent_loop_once(pair->ev), 0);
	}
	if (!late) {
		talloc_free(te);
	}
	assert_false(late);
}

void pair_until(struct peer_pair *pair, const volatile unsigned *flag)
{
	pair_until_count(pair, flag, 1);
}

void pair_spin(struct peer_pair *pair, unsigned ms)
{
	struct tevent_timer *te = NULL;
	bool late = false;

	te = tevent_add_timer(pair->ev, pair, peer_in_ms(ms), pair_late,
			      &late);
	assert_non_null(te);
	while (!late) {
		assert_int_equal(tevent_loop_once(pair->ev), 0);
	}
}

static void pair_done(struct tevent_req *req)
{
	volatile unsigned *done =
		tevent_req_callback_data_void(req);

	*done = 1;
}

int pair_connect_to(struct peer_pair *pair, const struct dfsr_identity *id,
		    const uint8_t *fingerprint, const char *host,
		    uint16_t port, char **why)
{
	struct dfsr_peer_ops ops = {.closed = pair_client_closed};
	struct tevent_req *req = NULL;
	volatile unsigned done = 0;
	int err;

	req = dfsr_peer_connect_send(pair, pair->ev, id, host, port,
				     fingerprint, &ops, pair);
	assert_non_null(req);
	tevent_req_set_callback(req, pair_done,
				(void *)(uintptr_t)&done);
	pair_until(pair, &done);
	err = dfsr_peer_connect_recv(req, pair, &pair->client, why);
	talloc_free(req);
	if (err == 0 && !pair->distrust) {
		dfsr_peer_set_trusted(pair->client);
	}
	return err;
}

void pair_connect(struct peer_pair *pair)
{
	unsigned accepts = pair->accepts;
	char *why = NULL;
	int err;

	err = pair_connect_to(pair, pair->client_id,
			      dfsr_identity_fingerprint(pair->server_id),
			      "127.0.0.1", pair->port, &why);
	if (err != 0) {
		fail_msg("connect: %s (%s)", why, strerror(err));
	}
	pair_until_count(pair, &pair->accepts, accepts + 1);
}

int pair_ask(struct peer_pair *pair, uint8_t type, const uint8_t *body,
	     size_t len, uint32_t timeout_ms, uint8_t **answer,
	     size_t *answer_len, struct dfsr_msg_error *refused)
{
	struct tevent_req *req = NULL;
	volatile unsigned done = 0;
	int err;

	req = dfsr_peer_request_send(pair, pair->ev, pair->client, type, body,
				     len, timeout_ms);
	assert_non_null(req);
	tevent_req_set_callback(req, pair_done,
				(void *)(uintptr_t)&done);
	pair_until(pair, &done);
	err = dfsr_peer_request_recv(req, pair, answer, answer_len, refused);
	talloc_free(req);
	return err;
}

int pair_raw_socket(struct peer_pair *pair)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(pair->port),
		.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
	};
	int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd != -1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sin, sizeof(sin)),
			 0);
	return fd;
}
