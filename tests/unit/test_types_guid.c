/*
   Samba DFS Replication
   GUIDs and ids: printed forms, order

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

/* The fields of 00112233-4455-6677-8899-aabbccddeeff in wire order. */
static const struct dfsr_guid known = {
	.b = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99,
	      0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff},
};
static const char known_text[] = "00112233-4455-6677-8899-aabbccddeeff";

static void test_guid_text(void **state)
{
	char buf[DFSR_GUID_STRLEN];
	struct dfsr_guid g = {.b = {0}};

	(void)state;
	assert_ptr_equal(dfsr_guid_str(&known, buf), buf);
	assert_string_equal(buf, known_text);
	assert_int_equal(dfsr_guid_parse(known_text, &g), 0);
	assert_int_equal(dfsr_guid_cmp(&g, &known), 0);
	memset(&g, 0, sizeof(g));
	assert_int_equal(
		dfsr_guid_parse("{00112233-4455-6677-8899-AABBCCDDEEFF}", &g),
		0);
	assert_int_equal(dfsr_guid_cmp(&g, &known), 0);
}

static void test_guid_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0",
		"00112233-4455-6677-8899-aabbccddeeff}",
		"{00112233-4455-6677-8899-aabbccddeeff",
		"{00112233-4455-6677-8899-aabbccddeeff}}",
		"00112233445566778899aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeefg",
		"0011223-34455-6677-8899-aabbccddeeff",
		" 00112233-4455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeeff ",
		"0x112233-4455-6677-8899-aabbccddeeff",
		"-0112233-4455-6677-8899-aabbccddeeff",
	};
	struct dfsr_guid g = known;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(dfsr_guid_parse(bad[i], &g), EINVAL);
		/* nothing is written on the way to an error */
		assert_memory_equal(g.b, known.b, sizeof(g.b));
	}
}

/* A text that ends anywhere is not read beyond its end. */
static void test_cut_text(void **state)
{
	const char *full = "{00112233-4455-6677-8899-aabbccddeeff}-v12";
	size_t len;

	for (len = 0; len < strlen(full) - 1; len++) {
		char *cut = talloc_strndup(*state, full, len);
		struct dfsr_guid g;
		struct dfsr_id id;
		int ret;

		assert_non_null(cut);
		ret = dfsr_guid_parse(cut, &g);
		assert_int_equal(ret, len == 38 ? 0 : EINVAL);
		assert_int_equal(dfsr_id_parse(cut, &id), EINVAL);
		talloc_free(cut);
	}
}

static void fixed_random(void *private_data, void *buf, size_t len)
{
	memset(buf, *(int *)private_data, len);
}

static void test_guid_random(void **state)
{
	int fill = 0xff;
	struct dfsr_env env = {
		.random = fixed_random,
		.private_data = &fill,
	};
	char buf[DFSR_GUID_STRLEN];
	struct dfsr_guid g = dfsr_guid_random(&env);

	(void)state;
	assert_string_equal(dfsr_guid_str(&g, buf),
			    "ffffffff-ffff-4fff-bfff-ffffffffffff");
	fill = 0;
	g = dfsr_guid_random(&env);
	assert_string_equal(dfsr_guid_str(&g, buf),
			    "00000000-0000-4000-8000-000000000000");
	assert_false(dfsr_guid_is_null(&g));
	memset(&g, 0, sizeof(g));
	assert_true(dfsr_guid_is_null(&g));
	g.b[15] = 1;
	assert_false(dfsr_guid_is_null(&g));
}

static void test_id_text(void **state)
{
	static const uint64_t numbers[] = {0, 1, 12, UINT64_MAX};
	char buf[DFSR_ID_STRLEN];
	struct dfsr_id id = {.db = known};
	struct dfsr_id got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		id.vsn = numbers[i];
		assert_int_equal(dfsr_id_parse(dfsr_id_str(&id, buf), &got),
				 0);
		assert_true(dfsr_id_equal(&id, &got));
	}
	assert_string_equal(buf,
			    "{00112233-4455-6677-8899-aabbccddeeff}"
			    "-v18446744073709551615");
}

static void test_id_refused(void **state)
{
	static const char *const tails[] = {
		"",  "-v",   "-v ",  "-v-1", "-v+1",
		"v1", "-V1", "-v01", "-v1 ", "-v0x1",
		"-v18446744073709551616",
		"-v99999999999999999999",
		"-v100000000000000000000",
	};
	struct dfsr_id id;
	size_t i;

	for (i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		char *text = talloc_asprintf(*state,
					     "{%s}%s",
					     known_text,
					     tails[i]);

		assert_non_null(text);
		assert_int_equal(dfsr_id_parse(text, &id), EINVAL);
		talloc_free(text);
	}
	assert_int_equal(
		dfsr_id_parse("00112233-4455-6677-8899-aabbccddeeff-v1", &id),
		EINVAL);
}

static void test_order(void **state)
{
	struct dfsr_id a = {.db = known, .vsn = 9};
	struct dfsr_id b = a;

	(void)state;
	assert_true(dfsr_id_equal(&a, &b));
	b.vsn = UINT64_MAX;
	assert_true(dfsr_id_cmp(&a, &b) < 0);
	assert_true(dfsr_id_cmp(&b, &a) > 0);
	/* the GUID decides first, by its first wire byte */
	b.db.b[0] = 0x32;
	assert_true(dfsr_id_cmp(&a, &b) > 0);
	b.db.b[0] = 0xf0;
	assert_true(dfsr_id_cmp(&a, &b) < 0);
}

static void test_root(void **state)
{
	struct dfsr_id root = dfsr_root_uid(&known);

	(void)state;
	assert_int_equal(root.vsn, 1);
	assert_int_equal(dfsr_guid_cmp(&root.db, &known), 0);
}

static void test_round_trips(void **state)
{
	struct samples s = {.state = 3};
	int i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		char buf[DFSR_ID_STRLEN];
		struct dfsr_id id = {.db = samples_guid(&s)};
		struct dfsr_id got;

		id.vsn = samples_u64(&s);
		assert_int_equal(dfsr_id_parse(dfsr_id_str(&id, buf), &got),
				 0);
		assert_true(dfsr_id_equal(&id, &got));
	}
}

#define T(name)                                        \
	cmocka_unit_test_setup_teardown(name,          \
					samples_setup, \
					samples_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_guid_text),
		T(test_guid_refused),
		T(test_cut_text),
		T(test_guid_random),
		T(test_id_text),
		T(test_id_refused),
		T(test_order),
		T(test_root),
		T(test_round_trips),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
