/*
   Samba DFS Replication
   Conversations over one connection

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
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "peer_pair.h"
#include "peer/peer_private.h"

#define MANY 1000

static void test_echo(void **state)
{
	static const uint8_t text[] = "hello";
	struct peer_pair *pair = *state;
	uint8_t *answer = NULL;
	size_t len = 0;

	pair_connect(pair);
	assert_int_equal(pair_ask(pair, DFSR_MSG_HELLO, text, sizeof(text),
				  1000, &answer, &len, NULL), 0);
	assert_int_equal(len, sizeof(text));
	assert_memory_equal(answer, text, len);
	talloc_free(answer);
	assert_memory_equal(dfsr_peer_fingerprint(pair->server),
			    dfsr_identity_fingerprint(pair->client_id),
			    DFSR_FINGERPRINT_LEN);
	assert_memory_equal(dfsr_peer_remote(pair->server), "127.0.0.1:", 10);

	/* An empty body is a body, too. */
	assert_int_equal(pair_ask(pair, DFSR_MSG_CLOSE, NULL, 0, 1000,
				  &answer, &len, NULL), 0);
	assert_int_equal(len, 0);
	talloc_free(answer);
}

static void refuse_request(struct peer_pair *pair,
			   struct dfsr_request *request)
{
	(void)pair;
	dfsr_peer_refuse(request, DFSR_WERR_CHANGED, "%s is not %d", "a\nb",
			 7);
}

static void test_refusal(void **state)
{
	struct peer_pair *pair = *state;
	struct dfsr_msg_error refused = {};

	pair->request = refuse_request;
	pair_connect(pair);
	assert_int_equal(pair_ask(pair, DFSR_MSG_OPEN, NULL, 0, 1000, NULL,
				  NULL, &refused), EREMOTEIO);
	assert_int_equal(refused.code, DFSR_WERR_CHANGED);
	assert_string_equal(refused.text, "a?b is not 7");
	talloc_free(refused.text);
}

static void large_request(struct peer_pair *pair,
			  struct dfsr_request *request)
{
	uint8_t *body = NULL;
	size_t len = *(size_t *)pair->data, i;

	body = talloc_array(request, uint8_t, len);
	assert_non_null(body);
	for (i = 0; i < len; i++) {
		body[i] = (uint8_t)(i * 31 + (i >> 12) +
				    request->body[i % request->body_len]);
	}
	if (request->id % 2 == 0) {
		dfsr_peer_reply_steal(request, body, len);
	} else {
		dfsr_peer_reply(request, body, len);
	}
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {
		0, 1, 4083, 4096, 16371, 16372, 16373, 65536, 1048576,
		1048577, 16 * 1024 * 1024, DFSR_FRAME_MAX - DFSR_FRAME_HEAD,
	};
	struct peer_pair *pair = *state;
	uint8_t *answer = NULL, *asked = NULL;
	size_t len = 0, i, j, n;

	pair->request = large_request;
	pair_connect(pair);
	for (n = 0; n < 2 * sizeof(sizes) / sizeof(sizes[0]); n++) {
		i = n / 2; /* copied, then given away */
		pair->data = (void *)(uintptr_t)&sizes[i];
		asked = talloc_array(pair, uint8_t, sizes[i] + 1);
		for (j = 0; j <= sizes[i]; j++) {
			asked[j] = (uint8_t)(j * 7 + (j >> 9));
		}
		assert_int_equal(pair_ask(pair, DFSR_MSG_READ, asked,
					  sizes[i] > 0 ? sizes[i] : 1, 15000,
					  &answer, &len, NULL), 0);
		assert_int_equal(len, sizes[i]);
		for (j = 0; j < len; j++) {
			if (answer[j] != (uint8_t)(j * 31 + (j >> 12) +
						   asked[j])) {
				fail_msg("size %zu: byte %zu", sizes[i], j);
			}
		}
		talloc_free(answer);
		talloc_free(asked);
	}
}

struct many {
	struct dfsr_request *held[DFSR_PEER_REQUESTS_MAX];
	unsigned num_held;
	unsigned most_held;
	unsigned answered;
	unsigned done;
	unsigned errors;
	unsigned seed;
};

struct many_one {
	struct many *many;
	uint32_t number;
};

/* Hold requests until none more comes, then answer one at random. */
static void many_answer(struct tevent_context *ev, struct tevent_timer *te,
			struct timeval now, void *private_data)
{
	struct peer_pair *pair = private_data;
	struct many *many = pair->data;
	struct dfsr_request *request = NULL;
	unsigned i;

	(void)te;
	(void)now;
	if (many->num_held > 0) {
		i = (unsigned)rand_r(&many->seed) % many->num_held;
		request = many->held[i];
		many->held[i] = many->held[--many->num_held];
		many->answered++;
		dfsr_peer_reply(request, request->body, request->body_len);
	}
	if (many->answered < MANY) {
		tevent_add_timer(ev, pair, tevent_timeval_zero(), many_answer,
				 pair);
	}
}

static void many_request(struct peer_pair *pair, struct dfsr_request *request)
{
	struct many *many = pair->data;

	assert_true(many->num_held < DFSR_PEER_REQUESTS_MAX);
	many->held[many->num_held++] = request;
	if (many->num_held > many->most_held) {
		many->most_held = many->num_held;
	}
	if (many->most_held == DFSR_PEER_REQUESTS_MAX &&
	    many->answered == 0 && many->num_held == many->most_held) {
		tevent_add_timer(pair->ev, pair, tevent_timeval_zero(),
				 many_answer, pair);
	}
}

static void many_done(struct tevent_req *req)
{
	struct many_one *one = tevent_req_callback_data_void(req);
	uint8_t *body = NULL;
	size_t len = 0;
	int err;

	err = dfsr_peer_request_recv(req, one, &body, &len, NULL);
	talloc_free(req);
	if (err != 0 || len != sizeof(one->number) ||
	    memcmp(body, &one->number, len) != 0) {
		one->many->errors++;
	}
	one->many->done++;
	talloc_free(one);
}

static void test_many_out_of_order(void **state)
{
	struct peer_pair *pair = *state;
	struct many many = {.seed = 7};
	struct many_one *one = NULL;
	struct tevent_req *req = NULL;
	uint32_t i;

	pair->request = many_request;
	pair->data = &many;
	pair_connect(pair);
	for (i = 0; i < MANY; i++) {
		one = talloc_zero(pair, struct many_one);
		one->many = &many;
		one->number = i;
		req = dfsr_peer_request_send(pair, pair->ev, pair->client,
					     DFSR_MSG_POLL,
					     (uint8_t *)&one->number,
					     sizeof(one->number), 0);
		assert_non_null(req);
		tevent_req_set_callback(req, many_done, one);
	}
	pair_until_count(pair, &many.done, MANY);
	assert_int_equal(many.errors, 0);
	/* What is not answered is not read either. */
	assert_int_equal(many.most_held, DFSR_PEER_REQUESTS_MAX);
	assert_int_equal(pair->client_closed.count, 0);
}

static void hold_request(struct peer_pair *pair, struct dfsr_request *request)
{
	pair->data = request;
}

static void test_timeout_then_answer(void **state)
{
	struct peer_pair *pair = *state;
	struct dfsr_request *held = NULL;
	uint8_t *answer = NULL;
	size_t len = 0;

	pair->request = hold_request;
	pair_connect(pair);
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 20, NULL,
				  NULL, NULL), ETIMEDOUT);
	pair_until(pair, &pair->requests);
	held = pair->data;
	pair->request = NULL;
	/* The late answer is dropped and disturbs nothing. */
	dfsr_peer_reply(held, (const uint8_t *)"late", 4);
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ,
				  (const uint8_t *)"two", 3, 1000, &answer,
				  &len, NULL), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(answer, "two", 3);
	talloc_free(answer);
	assert_int_equal(pair->client_closed.count, 0);
}

static void test_free_in_flight(void **state)
{
	struct peer_pair *pair = *state;
	struct tevent_req *req[4];
	size_t i;

	pair_connect(pair);
	for (i = 0; i < 4; i++) {
		req[i] = dfsr_peer_request_send(pair, pair->ev, pair->client,
						DFSR_MSG_READ, NULL, 0, 0);
		assert_non_null(req[i]);
	}
	talloc_free(req[1]);
	pair_until_count(pair, &pair->requests, 2);
	for (i = 0; i < 4; i++) {
		if (i != 1) {
			talloc_free(req[i]);
		}
	}
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 1000, NULL,
				  NULL, NULL), 0);
	assert_int_equal(pair->requests, 5);
	assert_int_equal(pair->client_closed.count, 0);
}

static void kill_request(struct peer_pair *pair, struct dfsr_request *request)
{
	(void)request;
	TALLOC_FREE(pair->server);
}

static void test_server_dies(void **state)
{
	struct peer_pair *pair = *state;

	pair->request = kill_request;
	pair_connect(pair);
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 0, NULL, NULL,
				  NULL), ENOTCONN);
	pair_until(pair, &pair->client_closed.count);
	assert_int_equal(pair->client_closed.count, 1);
	assert_int_equal(pair->server_closed.count, 0);
	assert_null(pair->client);
}

static unsigned freed_requests;

static int count_destructor(struct dfsr_request *request)
{
	(void)request;
	freed_requests++;
	return 0;
}

static void watch_request(struct peer_pair *pair,
			  struct dfsr_request *request)
{
	pair->data = request;
	talloc_set_destructor(request, count_destructor);
}

static void test_client_dies(void **state)
{
	struct peer_pair *pair = *state;
	struct tevent_req *req = NULL;

	freed_requests = 0;
	pair->request = watch_request;
	pair_connect(pair);
	req = dfsr_peer_request_send(pair->client, pair->ev, pair->client,
				     DFSR_MSG_READ, NULL, 0, 0);
	assert_non_null(req);
	pair_until(pair, &pair->requests);
	TALLOC_FREE(pair->client);
	pair_until(pair, &pair->server_closed.count);
	pair_until(pair, &freed_requests);
	assert_int_equal(pair->client_closed.count, 0);
	assert_int_equal(pair->server_closed.count, 1);
	assert_int_equal(freed_requests, 1);
}

/* ---- everything is freed in every callback ------------------------------- */

static void free_client_in_reply(struct tevent_req *req)
{
	struct peer_pair *pair = tevent_req_callback_data_void(req);
	uint8_t *body = NULL;
	size_t len = 0;

	assert_int_equal(dfsr_peer_request_recv(req, pair, &body, &len, NULL),
			 0);
	talloc_free(body);
	TALLOC_FREE(pair->client);
	TALLOC_FREE(pair->listener);
	pair->requests = 100;
}

static void test_free_in_reply(void **state)
{
	struct peer_pair *pair = *state;
	struct tevent_req *req[8];
	size_t i;

	pair_connect(pair);
	for (i = 0; i < 8; i++) {
		req[i] = dfsr_peer_request_send(pair, pair->ev, pair->client,
						DFSR_MSG_READ, NULL, 0, 0);
		assert_non_null(req[i]);
	}
	tevent_req_set_callback(req[3], free_client_in_reply, pair);
	pair_until_count(pair, &pair->requests, 100);
	for (i = 0; i < 8; i++) {
		assert_false(tevent_req_is_in_progress(req[i]));
		talloc_free(req[i]);
	}
	assert_int_equal(pair->client_closed.count, 0);
	assert_int_equal(pair->server_closed.count, 0);
}

static void free_all_in_request(struct peer_pair *pair,
				struct dfsr_request *request)
{
	(void)request;
	TALLOC_FREE(pair->listener);
	TALLOC_FREE(pair->client);
}

static void test_free_in_request(void **state)
{
	struct peer_pair *pair = *state;
	struct tevent_req *req = NULL;
	volatile unsigned done = 0;

	(void)done;
	pair->request = free_all_in_request;
	pair_connect(pair);
	req = dfsr_peer_request_send(pair, pair->ev, pair->client,
				     DFSR_MSG_READ, NULL, 0, 0);
	assert_non_null(req);
	pair_until(pair, &pair->requests);
	assert_int_equal(dfsr_peer_request_recv(req, pair, NULL, NULL, NULL),
			 ENOTCONN);
	talloc_free(req);
	assert_int_equal(pair->client_closed.count, 0);
}

static void free_all_in_closed(struct peer_pair *pair, struct dfsr_peer *peer)
{
	talloc_free(peer);
	TALLOC_FREE(pair->listener);
	TALLOC_FREE(pair->client);
}

static void test_free_in_closed(void **state)
{
	struct peer_pair *pair = *state;

	pair_connect(pair);
	pair->on_closed = free_all_in_closed;
	TALLOC_FREE(pair->server);
	pair_until(pair, &pair->client_closed.count);
	assert_int_equal(pair->client_closed.count, 1);
}

static void test_free_in_server_closed(void **state)
{
	struct peer_pair *pair = *state;

	pair_connect(pair);
	pair->on_closed = free_all_in_closed;
	TALLOC_FREE(pair->client);
	pair_until(pair, &pair->server_closed.count);
	assert_int_equal(pair->server_closed.count, 1);
}

static void free_all_in_accept(struct peer_pair *pair, struct dfsr_peer *peer)
{
	(void)peer;
	TALLOC_FREE(pair->listener);
}

static void test_free_in_accept(void **state)
{
	struct peer_pair *pair = *state;

	pair->on_accept = free_all_in_accept;
	pair_connect(pair);
	pair_until(pair, &pair->client_closed.count);
	assert_int_equal(pair->client_closed.err, ECONNRESET);
}

static void free_connect_done(struct tevent_req *req)
{
	struct peer_pair *pair = tevent_req_callback_data_void(req);
	struct dfsr_peer *peer = NULL;

	assert_int_equal(dfsr_peer_connect_recv(req, pair, &peer, NULL), 0);
	talloc_free(peer);
	talloc_free(req);
	TALLOC_FREE(pair->listener);
	pair->requests = 100;
}

static void test_free_in_connect(void **state)
{
	struct dfsr_peer_ops ops = {};
	struct peer_pair *pair = *state;
	struct tevent_req *req = NULL;

	req = dfsr_peer_connect_send(
		pair, pair->ev, pair->client_id, "127.0.0.1", pair->port,
		dfsr_identity_fingerprint(pair->server_id), &ops, NULL);
	assert_non_null(req);
	tevent_req_set_callback(req, free_connect_done, pair);
	pair_until_count(pair, &pair->requests, 100);
}

/* ---- back-pressure ------------------------------------------------------- */

static void flood_request(struct peer_pair *pair,
			  struct dfsr_request *request)
{
	static uint8_t body[1024 * 1024];

	(void)pair;
	dfsr_peer_reply(request, body, sizeof(body));
}

static void flood_done(struct tevent_req *req)
{
	unsigned *done = tevent_req_callback_data_void(req);

	(*done)++;
}

static void test_backpressure(void **state)
{
	struct peer_pair *pair = *state;
	struct tevent_req *req[100];
	unsigned done = 0;
	size_t most = 0, i;

	pair->request = flood_request;
	pair_connect(pair);
	for (i = 0; i < 100; i++) {
		req[i] = dfsr_peer_request_send(pair, pair->ev, pair->client,
						DFSR_MSG_READ, NULL, 0, 0);
		assert_non_null(req[i]);
		tevent_req_set_callback(req[i], flood_done, &done);
	}
	while (done < 100) {
		assert_int_equal(tevent_loop_once(pair->ev), 0);
		if (pair->server->out_bytes > most) {
			most = pair->server->out_bytes;
		}
	}
	for (i = 0; i < 100; i++) {
		talloc_free(req[i]);
	}
	assert_true(most > DFSR_PEER_SENDBUF_MAX / 2);
	assert_true(most < DFSR_PEER_SENDBUF_MAX + 2 * 1024 * 1024);
	assert_int_equal(pair->client_closed.count, 0);
}

/* ---- keep-alive ---------------------------------------------------------- */

static void test_idle_stays(void **state)
{
	struct peer_pair *pair = *state;
	uint64_t sent = 0, received = 0;

	peer_timing.ping_ms = 20;
	peer_timing.dead_ms = 200;
	pair_connect(pair);
	pair_spin(pair, 600);
	assert_int_equal(pair->client_closed.count, 0);
	assert_int_equal(pair->server_closed.count, 0);
	assert_int_equal(pair->requests, 0);
	dfsr_peer_traffic(pair->client, &sent, &received);
	assert_true(received > 1000);
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 1000, NULL,
				  NULL, NULL), 0);
}

static void keep_request(struct peer_pair *pair, struct dfsr_request *request)
{
	(void)pair;
	(void)request;
}

/* A server that has too much to do is not taken for dead. */
static void test_busy_stays(void **state)
{
	struct peer_pair *pair = *state;
	struct tevent_req *req[DFSR_PEER_REQUESTS_MAX + 10];
	size_t i;

	peer_timing.ping_ms = 20;
	peer_timing.dead_ms = 100;
	pair->request = keep_request;
	pair_connect(pair);
	for (i = 0; i < DFSR_PEER_REQUESTS_MAX + 10; i++) {
		req[i] = dfsr_peer_request_send(pair, pair->ev, pair->client,
						DFSR_MSG_POLL, NULL, 0, 0);
		assert_non_null(req[i]);
	}
	pair_until_count(pair, &pair->requests, DFSR_PEER_REQUESTS_MAX);
	pair_spin(pair, 500);
	assert_int_equal(pair->requests, DFSR_PEER_REQUESTS_MAX);
	assert_int_equal(pair->client_closed.count, 0);
	assert_int_equal(pair->server_closed.count, 0);
	for (i = 0; i < DFSR_PEER_REQUESTS_MAX + 10; i++) {
		talloc_free(req[i]);
	}
}

#define CONN_TEST(name) \
	cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONN_TEST(test_echo),
		CONN_TEST(test_refusal),
		CONN_TEST(test_sizes),
		CONN_TEST(test_many_out_of_order),
		CONN_TEST(test_timeout_then_answer),
		CONN_TEST(test_free_in_flight),
		CONN_TEST(test_server_dies),
		CONN_TEST(test_client_dies),
		CONN_TEST(test_free_in_reply),
		CONN_TEST(test_free_in_request),
		CONN_TEST(test_free_in_closed),
		CONN_TEST(test_free_in_server_closed),
		CONN_TEST(test_free_in_accept),
		CONN_TEST(test_free_in_connect),
		CONN_TEST(test_backpressure),
		CONN_TEST(test_idle_stays),
		CONN_TEST(test_busy_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
