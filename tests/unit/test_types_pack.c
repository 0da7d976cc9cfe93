/*
   Samba DFS Replication
   Packing: buffers that grow, readers that never overread

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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dfsr_types.h"
#include "types_samples.h"

static void test_bytes(void **state)
{
	static const uint8_t want[] = {
		0x01,
		0x23, 0x01,
		0x67, 0x45, 0x23, 0x01,
		0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01,
		'x', 'y',
		0x03, 0x00, 0x00, 0x00, 'a', 0x00, 'b',
		0x02, 0x00, 'h', 'i',
		0x00, 0x00,
	};
	struct dfsr_push p;

	dfsr_push_init(&p, *state);
	dfsr_push_u8(&p, 0x01);
	dfsr_push_u16(&p, 0x0123);
	dfsr_push_u32(&p, 0x01234567);
	dfsr_push_u64(&p, 0x0123456789abcdefULL);
	dfsr_push_bytes(&p, "xy", 2);
	dfsr_push_blob(&p, "a\0b", 3);
	dfsr_push_str(&p, "hi");
	dfsr_push_str(&p, NULL);
	assert_int_equal(p.err, 0);
	assert_int_equal(p.len, sizeof(want));
	assert_memory_equal(p.data, want, sizeof(want));
	talloc_free(p.data);
}

static void pull_everything(struct dfsr_pull *q, TALLOC_CTX *mem_ctx,
			    const struct dfsr_id *id, bool whole)
{
	const uint8_t *blob = NULL;
	struct dfsr_id got;
	char buf[8];
	char *s = NULL;
	uint64_t u64;
	size_t len;

	u64 = dfsr_pull_u8(q);
	assert_true(!whole || u64 == 0xfe);
	u64 = dfsr_pull_u16(q);
	assert_true(!whole || u64 == 0xfedc);
	u64 = dfsr_pull_u32(q);
	assert_true(!whole || u64 == 0xfedcba98);
	u64 = dfsr_pull_u64(q);
	assert_true(!whole || u64 == 0xfedcba9876543210ULL);
	dfsr_pull_id(q, &got);
	assert_true(!whole || dfsr_id_equal(&got, id));
	len = dfsr_pull_blob(q, &blob, 4);
	if (q->err == 0) {
		assert_int_equal(len, 4);
		assert_memory_equal(blob, "blob", 4);
	} else {
		assert_int_equal(len, 0);
		assert_null(blob);
	}
	s = dfsr_pull_str(q, mem_ctx, 6);
	if (q->err == 0) {
		assert_string_equal(s, "string");
	} else {
		assert_null(s);
	}
	talloc_free(s);
	dfsr_pull_strbuf(q, buf, sizeof(buf));
	assert_string_equal(buf, q->err == 0 ? "1234567" : "");
}

static void test_round_trip_and_cuts(void **state)
{
	struct samples s = {.state = 4};
	struct dfsr_id id = {.db = samples_guid(&s), .vsn = 99};
	struct dfsr_push p;
	struct dfsr_pull q;
	size_t cut;

	dfsr_push_init(&p, *state);
	dfsr_push_u8(&p, 0xfe);
	dfsr_push_u16(&p, 0xfedc);
	dfsr_push_u32(&p, 0xfedcba98);
	dfsr_push_u64(&p, 0xfedcba9876543210ULL);
	dfsr_push_id(&p, &id);
	dfsr_push_blob(&p, "blob", 4);
	dfsr_push_str(&p, "string");
	dfsr_push_str(&p, "1234567");
	assert_int_equal(p.err, 0);

	for (cut = 0; cut < p.len; cut++) {
		uint8_t *part = talloc_memdup(*state, p.data, cut);

		assert_non_null(part);
		dfsr_pull_init(&q, part, cut);
		pull_everything(&q, *state, &id, false);
		assert_int_equal(q.err, EBADMSG);
		assert_int_equal(dfsr_pull_end(&q), EBADMSG);
		talloc_free(part);
	}
	dfsr_pull_init(&q, p.data, p.len);
	pull_everything(&q, *state, &id, true);
	assert_int_equal(dfsr_pull_end(&q), 0);

	/* one byte too many is an error, too */
	dfsr_push_u8(&p, 0);
	dfsr_pull_init(&q, p.data, p.len);
	pull_everything(&q, *state, &id, true);
	assert_int_equal(q.err, 0);
	assert_int_equal(dfsr_pull_end(&q), EBADMSG);
	talloc_free(p.data);
}

static void test_limits(void **state)
{
	static const uint8_t str[] = {3, 0, 'a', 'b', 'c'};
	static const uint8_t nul[] = {3, 0, 'a', 0, 'c'};
	static const uint8_t blob[] = {3, 0, 0, 0, 'a', 'b', 'c'};
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 'a'};
	const uint8_t *data = NULL;
	struct dfsr_pull q;
	char buf[4];

	dfsr_pull_init(&q, str, sizeof(str));
	assert_null(dfsr_pull_str(&q, *state, 2));
	assert_int_equal(q.err, EBADMSG);
	dfsr_pull_init(&q, str, sizeof(str));
	dfsr_pull_strbuf(&q, buf, 3);
	assert_int_equal(q.err, EBADMSG);
	dfsr_pull_init(&q, str, sizeof(str));
	dfsr_pull_strbuf(&q, buf, 4);
	assert_int_equal(q.err, 0);
	assert_string_equal(buf, "abc");
	dfsr_pull_init(&q, str, sizeof(str));
	dfsr_pull_strbuf(&q, buf, 0);
	assert_int_equal(q.err, EBADMSG);
	dfsr_pull_init(&q, nul, sizeof(nul));
	assert_null(dfsr_pull_str(&q, *state, 10));
	assert_int_equal(q.err, EBADMSG);
	dfsr_pull_init(&q, nul, sizeof(nul));
	dfsr_pull_strbuf(&q, buf, sizeof(buf));
	assert_int_equal(q.err, EBADMSG);
	dfsr_pull_init(&q, blob, sizeof(blob));
	assert_int_equal(dfsr_pull_blob(&q, &data, 2), 0);
	assert_null(data);
	assert_int_equal(q.err, EBADMSG);
	dfsr_pull_init(&q, huge, sizeof(huge));
	assert_int_equal(dfsr_pull_blob(&q, &data, SIZE_MAX), 0);
	assert_int_equal(q.err, EBADMSG);
}

static void test_error_sticks(void **state)
{
	static const uint8_t data[] = {1, 2, 3, 4};
	struct dfsr_pull q;
	struct dfsr_guid g = {.b = {7}};

	(void)state;
	dfsr_pull_init(&q, data, sizeof(data));
	assert_int_equal(dfsr_pull_u64(&q), 0);
	assert_int_equal(dfsr_pull_u8(&q), 0);
	assert_null(dfsr_pull_bytes(&q, 0));
	dfsr_pull_guid(&q, &g);
	assert_true(dfsr_guid_is_null(&g));
	assert_int_equal(dfsr_pull_end(&q), EBADMSG);
}

static void test_nothing(void **state)
{
	const uint8_t *data = NULL;
	struct dfsr_pull q;
	struct dfsr_push p;

	dfsr_pull_init(&q, NULL, 0);
	assert_non_null(dfsr_pull_bytes(&q, 0));
	assert_int_equal(dfsr_pull_end(&q), 0);
	assert_int_equal(dfsr_pull_u8(&q), 0);
	assert_int_equal(q.err, EBADMSG);

	dfsr_push_init(&p, *state);
	dfsr_push_bytes(&p, NULL, 0);
	dfsr_push_blob(&p, NULL, 0);
	assert_int_equal(p.err, 0);
	dfsr_pull_init(&q, p.data, p.len);
	assert_int_equal(dfsr_pull_blob(&q, &data, 0), 0);
	assert_non_null(data);
	assert_int_equal(dfsr_pull_end(&q), 0);
	talloc_free(p.data);
}

static void test_push_errors(void **state)
{
	TALLOC_CTX *ctx = talloc_new(*state);
	char *text = talloc_array(*state, char, UINT16_MAX + 2);
	struct dfsr_push p;
	size_t len;

	memset(text, 'a', UINT16_MAX + 1);
	text[UINT16_MAX + 1] = '\0';
	dfsr_push_init(&p, *state);
	dfsr_push_str(&p, text + 1);
	assert_int_equal(p.err, 0);
	dfsr_push_str(&p, text);
	assert_int_equal(p.err, E2BIG);
	talloc_free(p.data);

	dfsr_push_init(&p, ctx);
	dfsr_push_u8(&p, 1);
	samples_limit_memory(ctx, 1000);
	dfsr_push_bytes(&p, text, 5000);
	assert_int_equal(p.err, ENOMEM);
	len = p.len;
	dfsr_push_u8(&p, 1);
	assert_int_equal(p.len, len);
	dfsr_push_init(&p, *state);
	dfsr_push_bytes(&p, text, SIZE_MAX);
	assert_int_equal(p.err, ENOMEM);
	talloc_free(text);
	talloc_free(ctx);
}

static void test_growth(void **state)
{
	struct dfsr_push p;
	struct dfsr_pull q;
	uint32_t i;

	dfsr_push_init(&p, *state);
	for (i = 0; i < 1000000; i++) {
		dfsr_push_u32(&p, i);
	}
	assert_int_equal(p.err, 0);
	assert_int_equal(p.len, 4000000);
	dfsr_pull_init(&q, p.data, p.len);
	for (i = 0; i < 1000000; i++) {
		if (dfsr_pull_u32(&q) != i) {
			fail();
		}
	}
	assert_int_equal(dfsr_pull_end(&q), 0);
	talloc_free(p.data);
}

#define T(name)                                        \
	cmocka_unit_test_setup_teardown(name,          \
					samples_setup, \
					samples_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bytes),
		T(test_round_trip_and_cuts),
		T(test_limits),
		T(test_error_sticks),
		T(test_nothing),
		T(test_push_errors),
		T(test_growth),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
