/*
   Samba DFS Replication
   Strangers, wrong keys, broken links and nonsense

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
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "peer_pair.h"
#include "peer_raw.h"
#include "peer/peer_private.h"

/* A member can still talk: nothing else is disturbed. */
static void assert_alive(struct peer_pair *pair)
{
	struct dfsr_peer *other = pair->client;

	pair->distrust = false;
	pair->client = NULL;
	pair_connect(pair);
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 5000, NULL,
				  NULL, NULL), 0);
	TALLOC_FREE(pair->client);
	pair->client = other;
}

/* ---- keys ---------------------------------------------------------------- */

static void test_wrong_server_key(void **state)
{
	struct peer_pair *pair = *state;
	char *why = NULL;

	assert_int_equal(
		pair_connect_to(pair, pair->client_id,
				dfsr_identity_fingerprint(pair->other_id),
				"127.0.0.1", pair->port, &why), EPERM);
	assert_non_null(strstr(why, "another key"));
	assert_non_null(strstr(why, "127.0.0.1"));
	talloc_free(why);
	pair_until(pair, &pair->refused.count);
	assert_int_equal(pair->accepts, 0);
	assert_alive(pair);
}

static void test_wrong_client_key(void **state)
{
	struct peer_pair *pair = *state;
	char text[DFSR_FINGERPRINT_STRLEN];
	char *why = NULL;

	/* In TLS 1.3 the client has finished before it is looked at. */
	assert_int_equal(
		pair_connect_to(pair, pair->other_id,
				dfsr_identity_fingerprint(pair->server_id),
				"127.0.0.1", pair->port, &why), 0);
	pair_until(pair, &pair->client_closed.count);
	assert_int_equal(pair->client_closed.err, EACCES);
	pair_until(pair, &pair->refused.count);
	dfsr_fingerprint_str(dfsr_identity_fingerprint(pair->other_id), text);
	assert_non_null(strstr(pair->refused.why, text));
	assert_int_equal(pair->accepts, 0);
	assert_int_equal(pair->server_closed.count, 0);
	assert_alive(pair);
}

/* As above, with a request that is on its way when the door shuts. */
static void test_wrong_client_key_asks(void **state)
{
	struct peer_pair *pair = *state;
	char *why = NULL;

	assert_int_equal(
		pair_connect_to(pair, pair->other_id,
				dfsr_identity_fingerprint(pair->server_id),
				"127.0.0.1", pair->port, &why), 0);
	assert_int_equal(pair_ask(pair, DFSR_MSG_HELLO, NULL, 0, 5000, NULL,
				  NULL, NULL), ENOTCONN);
	pair_until(pair, &pair->client_closed.count);
	assert_int_equal(pair->client_closed.err, EACCES);
	assert_int_equal(pair->requests, 0);
	assert_alive(pair);
}

static void test_no_certificate(void **state)
{
	struct peer_pair *pair = *state;
	struct raw raw = {.talk = raw_listen};

	raw_start(pair, &raw);
	pair_until(pair, &pair->refused.count);
	raw_join(pair, &raw);
	assert_int_equal(pair->accepts, 0);
	assert_true(raw.handshake < 0 || raw.last < 0);
	assert_alive(pair);
}

static void test_old_tls(void **state)
{
	struct peer_pair *pair = *state;
	struct raw raw = {
		.priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2",
		.identity = pair->client_id,
		.talk = raw_listen,
	};

	raw_start(pair, &raw);
	pair_until(pair, &pair->refused.count);
	raw_join(pair, &raw);
	assert_true(raw.handshake < 0);
	assert_int_equal(pair->accepts, 0);
	assert_alive(pair);
}

/* ---- strangers ----------------------------------------------------------- */

static void test_random_bytes(void **state)
{
	struct peer_pair *pair = *state;
	unsigned seed = 11, i, j;
	uint8_t buf[2048];
	int fd;

	for (i = 0; i < 50; i++) {
		for (j = 0; j < sizeof(buf); j++) {
			buf[j] = (uint8_t)rand_r(&seed);
		}
		if (i % 2 == 1) {
			/* A handshake record of TLS, with nonsense in it. */
			memcpy(buf, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc"
			       "\x03\x03", 11);
		}
		fd = pair_raw_socket(pair);
		assert_int_equal(send(fd, buf, sizeof(buf), MSG_NOSIGNAL),
				 sizeof(buf));
		pair_until_count(pair, &pair->refused.count, i + 1);
		close(fd);
	}
	assert_int_equal(pair->accepts, 0);
	assert_alive(pair);
}

static void test_half_open(void **state)
{
	struct peer_pair *pair = *state;
	int fd[3 * DFSR_PEER_STRANGERS_MAX];
	const unsigned num = sizeof(fd) / sizeof(fd[0]);
	unsigned i;

	for (i = 0; i < num; i++) {
		fd[i] = pair_raw_socket(pair);
		pair_spin(pair, 1);
	}
	pair_until_count(pair, &pair->refused.count,
			 num - DFSR_PEER_STRANGERS_MAX);
	assert_non_null(strstr(pair->refused.why, "too many"));
	assert_alive(pair);
	for (i = 0; i < num; i++) {
		close(fd[i]);
	}
}

static void test_handshake_deadline(void **state)
{
	struct peer_pair *pair = *state;
	int fd;

	peer_timing.handshake_ms = 50;
	fd = pair_raw_socket(pair);
	pair_until(pair, &pair->refused.count);
	assert_non_null(strstr(pair->refused.why, "handshake"));
	close(fd);
	peer_timing.handshake_ms = 5000;
	assert_alive(pair);
}

/* A known key that says nothing costs a place, but not for long. */
static void test_hello_deadline(void **state)
{
	struct peer_pair *pair = *state;

	peer_timing.handshake_ms = 100;
	pair->distrust = true;
	pair_connect(pair);
	pair_until(pair, &pair->server_closed.count);
	assert_int_equal(pair->server_closed.err, ETIMEDOUT);
	assert_int_equal(pair->refused.count, 0);
	pair_until(pair, &pair->client_closed.count);
	peer_timing.handshake_ms = 5000;
	assert_alive(pair);
}

static void test_long_first_frame(void **state)
{
	static const uint8_t body[DFSR_FRAME_FIRST_MAX];
	struct peer_pair *pair = *state;

	pair->distrust = true;
	pair_connect(pair);
	assert_int_equal(pair_ask(pair, DFSR_MSG_HELLO, body,
				  sizeof(body) - DFSR_FRAME_HEAD, 1000, NULL,
				  NULL, NULL), 0);
	assert_int_equal(pair_ask(pair, DFSR_MSG_HELLO, body,
				  sizeof(body) - DFSR_FRAME_HEAD + 1, 1000,
				  NULL, NULL, NULL), ENOTCONN);
	pair_until(pair, &pair->server_closed.count);
	assert_int_equal(pair->server_closed.err, EBADMSG);
	assert_alive(pair);
}

static void test_no_descriptors(void **state)
{
	struct peer_pair *pair = *state;
	struct rlimit old, low;
	int fd[8], next;
	unsigned i;

	for (i = 0; i < 8; i++) {
		fd[i] = -1;
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd[0] = pair_raw_socket(pair);
	next = dup(fd[0]);
	close(next);
	low = (struct rlimit){.rlim_cur = (rlim_t)next,
			      .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	pair_spin(pair, 500);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_non_null(strstr(pair->refused.why, "cannot accept"));
	/* It waits between two attempts. */
	assert_in_range(pair->refused.count, 1, 4);
	assert_alive(pair);
	close(fd[0]);
}

/* ---- nonsense of a member ------------------------------------------------ */

static void member_sends(struct peer_pair *pair, const void *data, size_t len,
			 void (*talk)(struct raw *raw), struct raw *raw)
{
	*raw = (struct raw){
		.identity = pair->client_id,
		.talk = talk,
		.send = data,
		.len = len,
		.wanted = len,
	};
	raw_start(pair, raw);
	pair_until(pair, &pair->server_closed.count);
	raw_join(pair, raw);
}

static void test_bad_frames(void **state)
{
	static const struct {
		const char *data;
		size_t len;
	} bad[] = {
		{"\x07\0\0\0\x07\0\0\0\1\0\0\0", 12},	/* too short */
		{"\0\0\0\0\x07\0\0\0\1\0\0\0", 12},
		{"\xff\xff\xff\xff\x07\0\0\0\1\0\0\0", 12},
		{"\1\0\x40\1\x07\0\0\0\1\0\0\0", 12}, /* > FRAME_MAX */
		{"\x08\0\0\0\x07\2\0\0\1\0\0\0", 12}, /* flags */
		{"\x08\0\0\0\x07\0\1\0\1\0\0\0", 12}, /* zero */
		{"\x08\0\0\0\0\0\0\0\1\0\0\0", 12},	/* ERROR asked */
		{"\x08\0\0\0\x07\1\0\0\1\0\0\0", 12}, /* not asked */
		{"\x09\0\0\0\2\0\0\0\1\0\0\0x", 13}, /* PING + body */
	};
	struct peer_pair *pair = *state;
	struct raw raw;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		pair->server_closed.count = 0;
		member_sends(pair, bad[i].data, bad[i].len, raw_send, &raw);
		assert_int_equal(pair->server_closed.err, EBADMSG);
		assert_int_equal(pair->requests, 0);
	}
	assert_alive(pair);
}

static void test_byte_by_byte(void **state)
{
	static const uint8_t frames[] =
		"\x0b\0\0\0\x08\0\0\0\1\0\0\0abc"
		"\x08\0\0\0\x02\0\0\0\2\0\0\0";
	static const uint8_t answers[] =
		"\x0b\0\0\0\x08\1\0\0\1\0\0\0abc"
		"\x08\0\0\0\x02\1\0\0\2\0\0\0";
	struct peer_pair *pair = *state;
	struct raw raw;

	member_sends(pair, frames, sizeof(frames) - 1, raw_send_slowly, &raw);
	assert_int_equal(raw.reply_len, sizeof(answers) - 1);
	assert_memory_equal(raw.reply, answers, sizeof(answers) - 1);
	assert_int_equal(pair->requests, 1);
}

/* ---- nonsense of a server ------------------------------------------------ */

static void server_answers(struct raw *raw)
{
	uint8_t buf[4096];

	gnutls_record_recv(raw->session, buf, sizeof(buf));
	raw_send(raw);
}

/* The pair's client talks to a server made by hand. */
static void client_hears(struct peer_pair *pair, const char *data, size_t len,
			 int wanted)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
	};
	struct raw raw = {
		.identity = pair->server_id,
		.talk = server_answers,
		.send = (const uint8_t *)data,
		.len = len,
	};
	struct dfsr_peer_ops ops = {};
	struct tevent_req *req = NULL;
	struct dfsr_peer *peer = NULL;
	socklen_t slen = sizeof(sin);
	int lfd;

	lfd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(lfd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(listen(lfd, 1), 0);
	getsockname(lfd, (struct sockaddr *)&sin, &slen);
	req = dfsr_peer_connect_send(
		pair, pair->ev, pair->client_id, "127.0.0.1",
		ntohs(sin.sin_port),
		dfsr_identity_fingerprint(pair->server_id), &ops, NULL);
	assert_non_null(req);
	raw_serve(&raw, accept(lfd, NULL, NULL));
	close(lfd);
	assert_true(tevent_req_poll(req, pair->ev));
	assert_int_equal(dfsr_peer_connect_recv(req, pair, &peer, NULL), 0);
	talloc_free(req);
	pair->client = peer;
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 0, NULL, NULL,
				  NULL), wanted);
	if (wanted == 0) {
		TALLOC_FREE(pair->client);
	}
	pair->client = NULL;
	raw_join(pair, &raw);
}

static void test_bad_answers(void **state)
{
	struct peer_pair *pair = *state;

	client_hears(pair, "\x08\0\0\0\x08\1\0\0\1\0\0\0", 12, 0);
	/* unknown id */
	client_hears(pair, "\x08\0\0\0\x08\1\0\0\2\0\0\0", 12, ENOTCONN);
	/* another type */
	client_hears(pair, "\x08\0\0\0\x07\1\0\0\1\0\0\0", 12, ENOTCONN);
	/* a request to the side that asks */
	client_hears(pair, "\x08\0\0\0\x08\0\0\0\1\0\0\0", 12, ENOTCONN);
	/* a refusal without content */
	client_hears(pair, "\x08\0\0\0\0\1\0\0\1\0\0\0", 12, EBADMSG);
	/* a frame that never ends */
	client_hears(pair, "\xff\xff\xff\x7f\x08\1\0\0\1\0\0\0", 12,
		     ENOTCONN);
}

/* ---- links --------------------------------------------------------------- */

static void connect_by_relay(struct peer_pair *pair, struct relay *relay)
{
	char *why = NULL;

	relay_start(pair, relay);
	assert_int_equal(
		pair_connect_to(pair, pair->client_id,
				dfsr_identity_fingerprint(pair->server_id),
				"127.0.0.1", relay->port, &why), 0);
	pair_until(pair, &pair->accepts);
}

static void test_silent_link(void **state)
{
	struct peer_pair *pair = *state;
	struct relay relay;

	peer_timing.ping_ms = 20;
	peer_timing.dead_ms = 100;
	connect_by_relay(pair, &relay);
	pair_spin(pair, 300);
	assert_int_equal(pair->client_closed.count, 0);
	relay.stopped = true;
	assert_int_equal(pair_ask(pair, DFSR_MSG_POLL, NULL, 0, 0, NULL, NULL,
				  NULL), ENOTCONN);
	pair_until(pair, &pair->client_closed.count);
	pair_until(pair, &pair->server_closed.count);
	assert_int_equal(pair->client_closed.err, ETIMEDOUT);
	assert_int_equal(pair->server_closed.err, ETIMEDOUT);
	relay_end(&relay);
	peer_timing.ping_ms = 1000;
	peer_timing.dead_ms = 4000;
	assert_alive(pair);
}

static void answer_some(struct peer_pair *pair, struct dfsr_request *request)
{
	uint8_t *body = talloc_zero_size(request, 400 * 1024);

	(void)pair;
	dfsr_peer_reply(request, body, 400 * 1024);
}

/* Slow is not dead, for neither side. */
static void test_slow_link(void **state)
{
	struct peer_pair *pair = *state;
	uint8_t *body = talloc_zero_size(pair, 400 * 1024);
	struct relay relay;

	/* The frame takes almost a second. */
	peer_timing.ping_ms = 80;
	peer_timing.dead_ms = 250;
	connect_by_relay(pair, &relay);
	pair->request = answer_some;
	relay.slow = true;
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 0, NULL, NULL,
				  NULL), 0);
	pair->request = NULL;
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, body, 400 * 1024, 0,
				  NULL, NULL, NULL), 0);
	assert_int_equal(pair->client_closed.count, 0);
	assert_int_equal(pair->server_closed.count, 0);
	TALLOC_FREE(pair->client);
	relay_end(&relay);
	talloc_free(body);
}

static void answer_much(struct peer_pair *pair, struct dfsr_request *request)
{
	uint8_t *body = talloc_zero_size(request, 16 * 1024 * 1024);

	(void)pair;
	dfsr_peer_reply(request, body, 16 * 1024 * 1024);
}

static void test_cut_in_frame(void **state)
{
	static const size_t cuts[] = {4000, 20000, 100000, 3000000};
	struct peer_pair *pair = *state;
	struct relay relay;
	size_t i;

	pair->request = answer_much;
	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		pair->accepts = 0;
		pair->client_closed.count = 0;
		pair->server_closed.count = 0;
		connect_by_relay(pair, &relay);
		relay.cut = cuts[i];
		assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 0,
					  NULL, NULL, NULL), ENOTCONN);
		pair_until(pair, &pair->client_closed.count);
		pair_until(pair, &pair->server_closed.count);
		relay_end(&relay);
	}
	pair->request = NULL;
	assert_alive(pair);
}

/* Either side is freed while much is on its way. */
static void test_free_in_frame(void **state)
{
	struct peer_pair *pair = *state;
	struct tevent_req *req = NULL;
	unsigned turns, i;

	pair->request = answer_much;
	for (turns = 1; turns < 40; turns++) {
		pair_connect(pair);
		req = dfsr_peer_request_send(pair, pair->ev, pair->client,
					     DFSR_MSG_READ, NULL, 0, 0);
		assert_non_null(req);
		for (i = 0; i < turns; i++) {
			tevent_loop_once(pair->ev);
		}
		if (turns % 2 == 0 || pair->server == NULL) {
			TALLOC_FREE(pair->client);
		} else {
			TALLOC_FREE(pair->server);
		}
		talloc_free(req);
		pair_spin(pair, 1);
		TALLOC_FREE(pair->client);
	}
}

static void test_free_while_dialling(void **state)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost"};
	struct dfsr_peer_ops ops = {};
	struct peer_pair *pair = *state;
	struct tevent_req *req = NULL;
	unsigned turns, i, h;

	for (h = 0; h < 2; h++) {
		for (turns = 0; turns < 16; turns++) {
			req = dfsr_peer_connect_send(
				pair, pair->ev, pair->client_id, hosts[h],
				pair->port,
				dfsr_identity_fingerprint(pair->server_id),
				&ops, NULL);
			assert_non_null(req);
			for (i = 0; i < turns; i++) {
				pair_spin(pair, 1);
			}
			talloc_free(req);
			pair_spin(pair, 1);
		}
	}
	assert_alive(pair);
}

static void test_dial_errors(void **state)
{
	struct peer_pair *pair = *state;
	const uint8_t *fp = dfsr_identity_fingerprint(pair->server_id);
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
	};
	socklen_t len = sizeof(sin);
	char *why = NULL;
	int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	assert_int_equal(pair_connect_to(pair, pair->client_id, fp,
					 "127.0.0.1", ntohs(sin.sin_port),
					 &why), ECONNREFUSED);
	assert_non_null(strstr(why, "127.0.0.1"));
	TALLOC_FREE(why);

	/* A port where nobody speaks. */
	peer_timing.handshake_ms = 100;
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(pair_connect_to(pair, pair->client_id, fp,
					 "127.0.0.1", ntohs(sin.sin_port),
					 &why), ETIMEDOUT);
	assert_non_null(strstr(why, "TLS"));
	TALLOC_FREE(why);
	close(fd);

	peer_timing.handshake_ms = 5000;
	assert_int_not_equal(pair_connect_to(pair, pair->client_id, fp,
					     "no.such.host.invalid", 1, &why),
			     0);
	assert_non_null(strstr(why, "no.such.host.invalid"));
	TALLOC_FREE(why);
	assert_int_equal(pair_connect_to(pair, pair->client_id, fp, "", 1,
					 &why), EINVAL);
	TALLOC_FREE(why);

	/* A name is looked up, and the address that answers is found. */
	assert_int_equal(pair_connect_to(pair, pair->client_id, fp,
					 "localhost", pair->port, &why), 0);
	assert_int_equal(pair_ask(pair, DFSR_MSG_READ, NULL, 0, 5000, NULL,
				  NULL, NULL), 0);
}

static void test_listen_errors(void **state)
{
	struct peer_pair *pair = *state;
	struct dfsr_listener_ops ops = {};
	struct dfsr_listener *l = NULL;

	assert_int_equal(dfsr_peer_listen(pair, pair->ev, pair->server_id,
					  "127.0.0.1", pair->port, &ops, &l),
			 EADDRINUSE);
	assert_int_equal(dfsr_peer_listen(pair, pair->ev, pair->server_id,
					  "192.0.2.1", 0, &ops, &l),
			 EADDRNOTAVAIL);
	assert_int_equal(dfsr_peer_listen(pair, pair->ev, pair->server_id,
					  "fs01", 0, &ops, &l),
			 EADDRNOTAVAIL);
	assert_int_equal(dfsr_peer_listen(pair, pair->ev, pair->server_id,
					  "*", 0, &ops, &l), 0);
	assert_true(peer_listener_port(l) != 0);
	talloc_free(l);
}

#define HOSTILE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOSTILE_TEST(test_wrong_server_key),
		HOSTILE_TEST(test_wrong_client_key),
		HOSTILE_TEST(test_wrong_client_key_asks),
		HOSTILE_TEST(test_no_certificate),
		HOSTILE_TEST(test_old_tls),
		HOSTILE_TEST(test_random_bytes),
		HOSTILE_TEST(test_half_open),
		HOSTILE_TEST(test_handshake_deadline),
		HOSTILE_TEST(test_hello_deadline),
		HOSTILE_TEST(test_long_first_frame),
		HOSTILE_TEST(test_no_descriptors),
		HOSTILE_TEST(test_bad_frames),
		HOSTILE_TEST(test_byte_by_byte),
		HOSTILE_TEST(test_bad_answers),
		HOSTILE_TEST(test_silent_link),
		HOSTILE_TEST(test_slow_link),
		HOSTILE_TEST(test_cut_in_frame),
		HOSTILE_TEST(test_free_in_frame),
		HOSTILE_TEST(test_free_while_dialling),
		HOSTILE_TEST(test_dial_errors),
		HOSTILE_TEST(test_listen_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
