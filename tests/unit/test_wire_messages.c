/*
   Samba DFS Replication
   Every message: there and back, cut, damaged, and too much of it

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
#include "wire_samples.h"

/** Random messages of each type. */
#define ROUNDS 40

static void test_round_trip(void **state)
{
	struct samples s = {.state = 1};
	struct dfsr_push p, out;
	TALLOC_CTX *tmp = NULL;
	size_t i, round;

	for (i = 0; i < WIRE_SAMPLES; i++) {
		for (round = 0; round < 20 * ROUNDS; round++) {
			tmp = talloc_new(*state);
			dfsr_push_init(&p, tmp);
			wire_samples[i].fill(&s, tmp, &p);
			assert_int_equal(p.err, 0);
			dfsr_push_init(&out, tmp);
			if (wire_samples[i].repack(tmp, p.data, p.len,
						   &out) != 0) {
				fail_msg("%s is refused",
					 wire_samples[i].name);
			}
			assert_int_equal(out.len, p.len);
			assert_memory_equal(out.data, p.data, p.len);
			talloc_free(tmp);
		}
	}
}

/* Every prefix and every changed byte, with the bytes on the heap so that a
   sanitizer sees one read too far. */
static void test_damage(void **state)
{
	struct samples s = {.state = 2};
	struct dfsr_push p;
	TALLOC_CTX *tmp = NULL;
	size_t i, round;

	/* ERROR cleans its text instead of refusing it. */
	for (i = 1; i < WIRE_SAMPLES; i++) {
		for (round = 0; round < ROUNDS / 10; round++) {
			tmp = talloc_new(*state);
			dfsr_push_init(&p, tmp);
			wire_samples[i].fill(&s, tmp, &p);
			samples_damage(tmp, p.data, p.len,
				       wire_samples[i].repack);
			talloc_free(tmp);
		}
	}
}

static void test_random_input(void **state)
{
	struct samples s = {.state = 3};
	struct dfsr_push out;
	TALLOC_CTX *tmp = NULL;
	uint8_t *data = NULL;
	size_t i, round, len;
	int err;

	for (round = 0; round < 20000; round++) {
		i = samples_below(&s, WIRE_SAMPLES);
		tmp = talloc_new(*state);
		len = samples_below(&s, 200);
		data = talloc_size(tmp, len);
		samples_bytes(&s, data, len);
		if (len > 0) {
			data[0] = 1;
		}
		dfsr_push_init(&out, tmp);
		err = wire_samples[i].repack(tmp, data, len, &out);
		assert_true(err == 0 || err == EBADMSG);
		talloc_free(tmp);
	}
}

static void test_versions_and_parts(void **state)
{
	static const uint8_t skipped[] = {0x00, 0x80, 3, 0, 0, 0, 'a', 'b',
					  'c', 0xff, 0xff, 0, 0, 0, 0};
	static const uint8_t unknown[] = {0xff, 0x7f, 0, 0, 0, 0};
	struct samples s = {.state = 4};
	struct dfsr_push p, out;
	TALLOC_CTX *tmp = NULL;
	size_t i, whole, n;

	for (i = 0; i < WIRE_SAMPLES; i++) {
		tmp = talloc_new(*state);
		dfsr_push_init(&p, tmp);
		wire_samples[i].fill(&s, tmp, &p);
		whole = p.len;

		dfsr_push_bytes(&p, skipped, sizeof(skipped));
		dfsr_push_init(&out, tmp);
		assert_int_equal(wire_samples[i].repack(tmp, p.data, p.len,
							&out), 0);
		assert_int_equal(out.len, whole);
		/* A part that is cut is refused. */
		for (n = 1; n < sizeof(skipped); n++) {
			assert_int_equal(
				wire_samples[i].repack(tmp, p.data, whole + n,
						       &out),
				n == 9 ? 0 : EBADMSG);
		}

		p.len = whole;
		dfsr_push_bytes(&p, unknown, sizeof(unknown));
		assert_int_equal(wire_samples[i].repack(tmp, p.data, p.len,
							&out), EBADMSG);
		p.data[0] = 2;
		assert_int_equal(wire_samples[i].repack(tmp, p.data, whole,
							&out), EBADMSG);
		p.data[0] = 0;
		assert_int_equal(wire_samples[i].repack(tmp, p.data, whole,
							&out), EBADMSG);
		talloc_free(tmp);
	}
}

/* Counts that promise more than there is take no memory. */
static void test_huge_counts(void **state)
{
	static const uint32_t counts[] = {2, 255, 256, 257, 4096, 4097,
					  0x10000, 0x7fffffff, 0xffffffff};
	struct dfsr_msg_updates_reply updates;
	struct dfsr_msg_read_reply read;
	struct dfsr_id none = {};
	struct dfsr_push p;
	TALLOC_CTX *tmp = NULL;
	size_t i;

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		tmp = talloc_new(*state);
		dfsr_push_init(&p, *state);
		dfsr_push_u8(&p, 1);
		dfsr_push_u8(&p, 0);
		dfsr_push_id(&p, &none);
		dfsr_push_u32(&p, counts[i]);
		dfsr_push_u64(&p, 0);
		samples_limit_memory(tmp, 100);
		assert_int_equal(dfsr_msg_updates_reply_pull(
					 tmp, p.data, p.len, &updates),
				 EBADMSG);
		assert_int_equal(talloc_total_blocks(tmp), 1);
		p.len = 0;
		dfsr_push_u8(&p, 1);
		dfsr_push_u32(&p, counts[i]);
		dfsr_push_u64(&p, 0);
		assert_int_equal(dfsr_msg_read_reply_pull(tmp, p.data, p.len,
							  &read), EBADMSG);
		assert_int_equal(talloc_total_blocks(tmp), 1);
		talloc_free(p.data);
		talloc_free(tmp);
	}
}

static int pull_runs(TALLOC_CTX *mem_ctx, const struct dfsr_run *runs,
		     uint32_t num)
{
	struct dfsr_msg_read_reply m = {.num_runs = num}, back;
	TALLOC_CTX *tmp = talloc_new(mem_ctx);
	struct dfsr_push p;
	int err;

	m.runs = talloc_memdup(tmp, runs, num * sizeof(runs[0]));
	dfsr_push_init(&p, tmp);
	dfsr_msg_read_reply_push(&p, &m);
	assert_int_equal(p.err, 0);
	err = dfsr_msg_read_reply_pull(tmp, p.data, p.len, &back);
	talloc_free(tmp);
	return err;
}

static void test_runs(void **state)
{
	static const uint8_t d[8];
	struct dfsr_run good[] = {{0, 4, d}, {4, 4, d}, {100, 1, d}};
	struct dfsr_run empty[] = {{0, 0, d}};
	struct dfsr_run overlap[] = {{0, 4, d}, {3, 4, d}};
	struct dfsr_run back[] = {{8, 4, d}, {0, 4, d}};
	struct dfsr_run last[] = {{INT64_MAX - 8, 8, d}};
	struct dfsr_run past[] = {{INT64_MAX - 7, 8, d}};
	struct dfsr_run wrap[] = {{UINT64_MAX - 3, 8, d}};

	assert_int_equal(pull_runs(*state, good, 3), 0);
	assert_int_equal(pull_runs(*state, last, 1), 0);
	assert_int_equal(pull_runs(*state, empty, 1), EBADMSG);
	assert_int_equal(pull_runs(*state, overlap, 2), EBADMSG);
	assert_int_equal(pull_runs(*state, back, 2), EBADMSG);
	assert_int_equal(pull_runs(*state, past, 1), EBADMSG);
	assert_int_equal(pull_runs(*state, wrap, 1), EBADMSG);
}

static void test_push_limits(void **state)
{
	static uint8_t data[DFSR_DATA_MAX + 1];
	struct dfsr_run run = {0, DFSR_DATA_MAX + 1, data};
	struct dfsr_msg_read_reply read = {.num_runs = 1, .runs = &run};
	struct dfsr_msg_updates_reply updates = {.num = DFSR_UPDATES_MAX + 1};
	struct dfsr_msg_document document = {.data = data,
					     .len = DFSR_CONTROL_MAX + 1};
	struct dfsr_push p;

	dfsr_push_init(&p, *state);
	dfsr_msg_read_reply_push(&p, &read);
	assert_int_equal(p.err, E2BIG);
	talloc_free(p.data);
	dfsr_push_init(&p, *state);
	dfsr_msg_updates_reply_push(&p, &updates);
	assert_int_equal(p.err, E2BIG);
	talloc_free(p.data);
	dfsr_push_init(&p, *state);
	dfsr_msg_document_push(&p, &document);
	assert_int_equal(p.err, E2BIG);
	talloc_free(p.data);
}

/* What is told to logs and JSON is printable. */
static void test_texts(void **state)
{
	static const char *const bad[] = {
		"a\nb", "\x1b[2J", "a\x7f", "\xff", "\xc3", "\xc0\xaf",
		"\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"\xc2\x85", "\xe2\x80\xa8", "x\xe2\x82",
	};
	struct samples s = {.state = 5};
	struct dfsr_msg_join join = {.node = samples_guid(&s)}, joined;
	struct dfsr_msg_error error = {.code = 1}, heard;
	struct dfsr_push p;
	TALLOC_CTX *tmp = NULL;
	char name[8], address[8] = "a:1", text[8];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tmp = talloc_new(*state);
		strcpy(name, bad[i]);
		join.name = name;
		join.address = address;
		dfsr_push_init(&p, tmp);
		dfsr_msg_join_push(&p, &join);
		assert_int_equal(dfsr_msg_join_pull(tmp, p.data, p.len,
						    &joined), EBADMSG);
		strcpy(text, bad[i]);
		error.text = text;
		dfsr_push_init(&p, tmp);
		dfsr_msg_error_push(&p, &error);
		assert_int_equal(dfsr_msg_error_pull(tmp, p.data, p.len,
						     &heard), 0);
		assert_int_equal(strlen(heard.text), strlen(bad[i]));
		assert_non_null(strchr(heard.text, '?'));
		talloc_free(tmp);
	}
	for (i = 0; i < 12; i++) {
		assert_non_null(dfsr_wire_error_str((uint32_t)i));
	}
}

/* ---- frames -------------------------------------------------------------- */

static void test_frames(void **state)
{
	struct dfsr_frame frame = {};
	struct dfsr_push p;
	size_t needed = 0, i, first;
	uint8_t *copy = NULL;

	dfsr_push_init(&p, *state);
	dfsr_frame_begin(&p, DFSR_MSG_READ, 0, 7);
	dfsr_push_bytes(&p, "abc", 3);
	dfsr_frame_end(&p);
	first = p.len;
	dfsr_frame_begin(&p, DFSR_MSG_READ, DFSR_FRAME_REPLY, 0x80000001);
	dfsr_frame_end(&p);
	assert_int_equal(p.err, 0);
	assert_int_equal(first, 15);
	assert_int_equal(p.len, 27);

	for (i = 0; i < first; i++) {
		copy = talloc_memdup(*state, p.data, i);
		assert_int_equal(dfsr_frame_parse(copy, i, DFSR_FRAME_MAX,
						  &frame, &needed), EAGAIN);
		assert_int_equal(needed, i < 4 ? 4 : first);
		talloc_free(copy);
	}
	assert_int_equal(dfsr_frame_parse(p.data, p.len, 11, &frame, &needed),
			 0);
	assert_int_equal(needed, first);
	assert_int_equal(frame.type, DFSR_MSG_READ);
	assert_int_equal(frame.flags, 0);
	assert_int_equal(frame.id, 7);
	assert_int_equal(frame.body_len, 3);
	assert_memory_equal(frame.body, "abc", 3);
	assert_int_equal(dfsr_frame_parse(p.data, p.len, 10, &frame, &needed),
			 EBADMSG);
	assert_int_equal(dfsr_frame_parse(p.data + first, p.len - first,
					  DFSR_FRAME_MAX, &frame, &needed),
			 0);
	assert_int_equal(frame.flags, DFSR_FRAME_REPLY);
	assert_int_equal(frame.id, 0x80000001);
	assert_int_equal(frame.body_len, 0);
	talloc_free(p.data);

	dfsr_push_init(&p, *state);
	dfsr_frame_end(&p);
	assert_int_equal(p.err, EINVAL);
}

static void test_long_frame(void **state)
{
	struct dfsr_frame frame = {};
	struct dfsr_push p;
	uint8_t *body = NULL;
	size_t needed = 0;

	body = talloc_zero_size(*state, DFSR_FRAME_MAX);
	dfsr_push_init(&p, *state);
	dfsr_frame_begin(&p, DFSR_MSG_READ, 0, 1);
	dfsr_push_bytes(&p, body, DFSR_FRAME_MAX - DFSR_FRAME_HEAD);
	dfsr_frame_end(&p);
	assert_int_equal(p.err, 0);
	assert_int_equal(dfsr_frame_parse(p.data, p.len, DFSR_FRAME_MAX,
					  &frame, &needed), 0);
	talloc_free(p.data);
	dfsr_push_init(&p, *state);
	dfsr_frame_begin(&p, DFSR_MSG_READ, 0, 1);
	dfsr_push_bytes(&p, body, DFSR_FRAME_MAX - DFSR_FRAME_HEAD + 1);
	dfsr_frame_end(&p);
	assert_int_equal(p.err, E2BIG);
	talloc_free(p.data);
	talloc_free(body);
}

#define T(name)                                        \
	cmocka_unit_test_setup_teardown(name,          \
					samples_setup, \
					samples_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trip),
		T(test_damage),
		T(test_random_input),
		T(test_versions_and_parts),
		T(test_huge_counts),
		T(test_runs),
		T(test_push_limits),
		T(test_texts),
		T(test_frames),
		T(test_long_frame),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
