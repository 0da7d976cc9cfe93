/*
   Samba DFS Replication
   Unit tests of the change log: frames and the folder table

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

#include <stdarg.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "dfsr_journal.h"

static struct dfsr_ident ident(uint64_t n)
{
	return (struct dfsr_ident){
		.ino = n,
		.btime_sec = -(int64_t)n,
		.btime_nsec = n % 1000000000,
	};
}

static struct dfsr_journal_record sample(void)
{
	struct dfsr_journal_record rec = {
		.kind = DFSR_JOURNAL_INTENT,
		.op = DFSR_JOURNAL_OP_RENAME,
		.pid = 4711,
		.slot = 17,
		.incarnation = 3,
		.counter = 1ULL << 40,
		.intent = 1ULL << 40,
		.time_nsec = 1700000000123456789ULL,
		.object = ident(11),
		.parent = ident(12),
		.parent2 = ident(13),
		.replaced = ident(14),
		.name = "old name",
		.name2 = "new \xc3\xa4 name",
	};
	return rec;
}

static void test_round_trip(void **state)
{
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record in = sample();
	struct dfsr_journal_record out;
	size_t used = 0;
	size_t len = dfsr_journal_frame_encode(&in, buf);

	(void)state;
	assert_int_equal(len % 16, 0);
	assert_int_equal(dfsr_journal_frame_decode(buf, len, &out, &used), 0);
	assert_int_equal(used, len);
	assert_memory_equal(&in.object, &out.object, sizeof(in.object));
	assert_int_equal(out.replaced.ino, 14);
	assert_int_equal(out.parent2.btime_sec, -13);
	assert_string_equal(out.name, in.name);
	assert_string_equal(out.name2, in.name2);
	assert_int_equal(out.counter, in.counter);
	assert_int_equal(out.time_nsec, in.time_nsec);
	assert_int_equal(out.slot, 17);
	assert_false(out.hint);
}

static void test_outcome(void **state)
{
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record in = sample();
	struct dfsr_journal_record out;
	size_t used = 0;
	size_t len = 0;

	(void)state;
	in.kind = DFSR_JOURNAL_OUTCOME;
	in.reason = DFSR_JOURNAL_REASON_DURABLE;
	in.intent = 5;
	in.error = ENOSPC;
	in.hold_msec = 300000;
	len = dfsr_journal_frame_encode(&in, buf);
	assert_int_equal(dfsr_journal_frame_decode(buf, len, &out, &used), 0);
	assert_int_equal(out.intent, 5);
	assert_int_equal(out.error, ENOSPC);
	assert_int_equal(out.hold_msec, 300000);
	assert_int_equal(out.reason, DFSR_JOURNAL_REASON_DURABLE);
}

static void test_longest(void **state)
{
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record in = sample();
	struct dfsr_journal_record out;
	size_t used = 0;
	size_t len = 0;

	(void)state;
	memset(in.name, 'x', DFSR_NAME_MAX);
	memset(in.name2, 'y', DFSR_NAME_MAX);
	len = dfsr_journal_frame_encode(&in, buf);
	assert_true(len <= DFSR_JOURNAL_FRAME_MAX);
	assert_int_equal(dfsr_journal_frame_decode(buf, len, &out, &used), 0);
	assert_int_equal(strlen(out.name), DFSR_NAME_MAX);
	assert_int_equal(strlen(out.name2), DFSR_NAME_MAX);
}

/* Every prefix says "not yet"; nothing else. */
static void test_prefixes(void **state)
{
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record in = sample();
	struct dfsr_journal_record out;
	size_t used = 0;
	size_t len = dfsr_journal_frame_encode(&in, buf);
	size_t i = 0;

	(void)state;
	for (i = 0; i < len; i++) {
		uint8_t *exact = malloc(i + 1);

		memcpy(exact, buf, i);
		assert_int_equal(dfsr_journal_frame_decode(exact, i, &out,
							   &used), EAGAIN);
		assert_int_equal(used, 0);
		free(exact);
	}
}

/* One changed bit anywhere, padding included, is noticed. */
static void test_bits(void **state)
{
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record in = sample();
	struct dfsr_journal_record out;
	size_t used = 0;
	size_t len = dfsr_journal_frame_encode(&in, buf);
	size_t i = 0;

	(void)state;
	for (i = 0; i < len * 8; i++) {
		buf[i / 8] ^= 1 << (i % 8);
		assert_int_equal(dfsr_journal_frame_decode(buf, len, &out,
							   &used), EBADMSG);
		buf[i / 8] ^= 1 << (i % 8);
	}
	assert_int_equal(dfsr_journal_frame_decode(buf, len, &out, &used), 0);
}

/* Well-formed frames whose contents cannot be. */
static void test_nonsense(void **state)
{
	struct dfsr_journal_record bad[8];
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record out;
	size_t used = 0;
	size_t i = 0;

	(void)state;
	for (i = 0; i < 8; i++) {
		bad[i] = sample();
	}
	bad[0].kind = 9;
	bad[1].op = 77;
	bad[2].reason = DFSR_JOURNAL_REASON_CLOSE; /* of an intent */
	bad[3].kind = DFSR_JOURNAL_OUTCOME;	   /* without reason */
	bad[4].intent = 1;			   /* not its own counter */
	bad[5].counter = 0;
	bad[6].object.btime_nsec = 1000000000;
	strcpy(bad[7].name, "a/b");
	for (i = 0; i < 8; i++) {
		size_t len = dfsr_journal_frame_encode(&bad[i], buf);

		assert_int_equal(dfsr_journal_frame_decode(buf, len, &out,
							   &used), EBADMSG);
		assert_int_equal(used, len);
	}
}

static void test_cursor_order(void **state)
{
	struct dfsr_journal_cursor a = {.segment = 2, .offset = 900};
	struct dfsr_journal_cursor b = {.segment = 3, .offset = 64};

	(void)state;
	assert_true(dfsr_journal_cursor_cmp(&a, &b) < 0);
	assert_true(dfsr_journal_cursor_cmp(&b, &a) > 0);
	b = a;
	assert_int_equal(dfsr_journal_cursor_cmp(&a, &b), 0);
	b.offset++;
	assert_true(dfsr_journal_cursor_cmp(&a, &b) < 0);
}

/* ---- the folder table --------------------------------------------------- */

static char dir[] = "/tmp/test_journal_format.XXXXXX";

static void put_table(const char *text, size_t len)
{
	char path[128];
	FILE *f = NULL;

	snprintf(path, sizeof(path), "%s/folders", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static const char table_text[] =
	"dfsr-folders 1 7 2\n"
	"1 01020304-0506-0708-090a-0b0c0d0e0f10 1 0 256 1700000000.000000042 "
	"fedcba9876543210 /srv/a%20b\n"
	"2 01020304-0506-0708-090a-0b0c0d0e0f11 0 1 2 -5.999999999 0 /\n"
	"end\n";

static void test_table(void **state)
{
	struct dfsr_journal_folders *t = NULL;

	(void)state;
	put_table(table_text, strlen(table_text));
	assert_int_equal(dfsr_journal_folders_read(dir, &t), 0);
	assert_int_equal(t->generation, 7);
	assert_int_equal(t->num, 2);
	assert_true(t->e[0].enabled);
	assert_false(t->e[0].readonly);
	assert_int_equal(t->e[0].root.ino, 256);
	assert_int_equal(t->e[0].root.btime_nsec, 42);
	assert_true(t->e[0].fsid == 0xfedcba9876543210ULL);
	assert_string_equal(t->e[0].path, "/srv/a b");
	assert_true(t->e[1].readonly);
	assert_int_equal(t->e[1].root.btime_sec, -5);
	dfsr_journal_folders_free(t);
}

static void test_table_prefixes(void **state)
{
	struct dfsr_journal_folders *t = NULL;
	size_t i = 0;

	(void)state;
	for (i = 0; i < strlen(table_text); i++) {
		put_table(table_text, i);
		assert_int_equal(dfsr_journal_folders_read(dir, &t), EBADMSG);
		assert_null(t);
	}
}

static void test_table_nonsense(void **state)
{
	static const char *bad[] = {
		"dfsr-folders 2 1 0\nend\n",
		"dfsr-folders 1 1 4000000000\nend\n",
		"dfsr-folders 1 1 0\nend\nmore\n",
		"dfsr-folders 1 1 1\n1 xx 1 0 1 1.0 0 /a\nend\n",
		"dfsr-folders 1 1 1\n1 01020304-0506-0708-090a-0b0c0d0e0f10 "
		"1 0 1 1.0 0 relative\nend\n",
		"dfsr-folders 1 1 1\n1 01020304-0506-0708-090a-0b0c0d0e0f10 "
		"1 0 1 1.0 0 /a%0\nend\n",
		"dfsr-folders 1 1 1\n1 01020304-0506-0708-090a-0b0c0d0e0f10 "
		"1 0 1 1.0 0 /a%00b\nend\n",
		"dfsr-folders 1 1 1\n1 01020304-0506-0708-090a-0b0c0d0e0f10 "
		"2 0 1 1.0 0 /a\nend\n",
	};
	struct dfsr_journal_folders *t = NULL;
	size_t i = 0;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_table(bad[i], strlen(bad[i]));
		assert_int_equal(dfsr_journal_folders_read(dir, &t), EBADMSG);
	}
	put_table("dfsr-folders 1 1 0\nend\n\0x", 25);
	assert_int_equal(dfsr_journal_folders_read(dir, &t), EBADMSG);
}

static void test_table_absent(void **state)
{
	struct dfsr_journal_folders *t = NULL;

	(void)state;
	assert_int_equal(dfsr_journal_folders_read("/nonexistent", &t),
			 ENOENT);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/folders", dir);
	unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_outcome),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_cursor_order),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_prefixes),
		cmocka_unit_test(test_table_nonsense),
		cmocka_unit_test(test_table_absent),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
