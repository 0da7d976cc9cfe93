/*
   Samba DFS Replication
   Ways through the tree, and the keys of long paths
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"
#include "store_fixture.h"

static void assert_path(struct store_fixture *f, const struct dfsr_id *uid,
			int want_err, const char *want)
{
	struct dfsr_store_txn *txn = NULL;
	char *path = NULL;

	assert_int_equal(dfsr_store_read_begin(f->store, &txn), 0);
	assert_int_equal(dfsr_store_path(txn, f->mem_ctx, uid, &path),
			 want_err);
	dfsr_store_read_end(txn);
	if (want_err != 0) {
		assert_null(path);
		return;
	}
	assert_string_equal(path, want);
	TALLOC_FREE(path);
}

static void test_paths(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = dfsr_root_uid(&f->folder);
	struct dfsr_row a, b, c;

	store_fixture_dir(f, &root, "Über", &a);
	store_fixture_dir(f, &a.rec.uid, "b b", &b);
	store_fixture_row(f, &b.rec.uid, "c.txt", &c);
	store_fixture_put(f, &c);
	assert_path(f, &root, 0, "");
	assert_path(f, &c.rec.uid, ENOENT, NULL);
	store_fixture_put(f, &b);
	store_fixture_put(f, &a);
	assert_path(f, &a.rec.uid, 0, "Über");
	assert_path(f, &c.rec.uid, 0, "Über/b b/c.txt");

	/* of what is deleted the last name is told */
	store_fixture_kill(f, &c);
	store_fixture_put(f, &c);
	assert_path(f, &c.rec.uid, 0, "Über/b b/c.txt");
	/* but not below what is deleted */
	store_fixture_kill(f, &b);
	store_fixture_put(f, &b);
	assert_path(f, &c.rec.uid, ENOENT, NULL);
	assert_path(f, &b.rec.uid, 0, "Über/b b");
}

static void test_through_aliases(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = dfsr_root_uid(&f->folder);
	struct dfsr_row win, mid, lose, child;

	store_fixture_dir(f, &root, "win", &win);
	store_fixture_dir(f, &root, "mid", &mid);
	store_fixture_dir(f, &root, "lose", &lose);
	store_fixture_row(f, &lose.rec.uid, "c", &child);
	store_fixture_put(f, &win);
	store_fixture_put(f, &child);
	store_fixture_merge(f, &lose, &mid.rec.uid);
	store_fixture_put(f, &lose);
	store_fixture_merge(f, &mid, &win.rec.uid);
	store_fixture_put(f, &mid);
	assert_path(f, &child.rec.uid, 0, "win/c");
	store_fixture_check(f);
}

static void test_no_parent_is_a_file(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = dfsr_root_uid(&f->folder);
	struct dfsr_row file, child;

	store_fixture_row(f, &root, "file", &file);
	store_fixture_row(f, &file.rec.uid, "c", &child);
	store_fixture_put(f, &file);
	store_fixture_put(f, &child);
	assert_path(f, &child.rec.uid, ENOENT, NULL);
}

/* A tail of any length that leads into a circle of any length. */
static void test_circle(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = dfsr_root_uid(&f->folder);
	struct dfsr_row d[12];
	int tail, len, i;

	for (i = 0; i < 12; i++) {
		store_fixture_dir(f, &root, "d", &d[i]);
		snprintf(d[i].rec.name, 16, "d%d", i);
	}
	for (tail = 0; tail < 6; tail++) {
		for (len = 2; len <= 6; len++) {
			for (i = 0; i < tail + len; i++) {
				int up = i + 1 < tail + len ? i + 1 : tail;

				d[i].rec.parent = d[up].rec.uid;
				store_fixture_touch(f, &d[i]);
				store_fixture_put(f, &d[i]);
			}
			assert_path(f, &d[0].rec.uid, ELOOP, NULL);
		}
	}
}

struct chain {
	struct store_fixture *f;
	unsigned num;
	size_t name_len;
	struct dfsr_id last;
};

static int chain_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct chain *c = private_data;
	struct dfsr_id at = dfsr_root_uid(&c->f->folder);
	struct dfsr_row row;
	char name[DFSR_NAME_MAX + 1];
	unsigned i;
	int err = 0;

	memset(name, 'n', sizeof(name));
	name[c->name_len] = '\0';
	for (i = 0; i < c->num && err == 0; i++) {
		store_fixture_dir(c->f, &at, name, &row);
		err = dfsr_store_row_put(txn, &row);
		at = row.rec.uid;
	}
	c->last = at;
	return err;
}

static void test_limits(void **state)
{
	struct store_fixture *f = *state;
	struct chain c = {.f = f, .num = DFSR_DEPTH_MAX, .name_len = 1};
	char *want = calloc(1, DFSR_DEPTH_MAX * 2);
	int i;

	assert_non_null(want);
	for (i = 0; i < DFSR_DEPTH_MAX; i++) {
		memcpy(want + i * 2, "n/", 2);
	}
	want[DFSR_DEPTH_MAX * 2 - 1] = '\0';
	store_fixture_unit(f, chain_unit, &c, 0);
	assert_path(f, &c.last, 0, want);
	free(want);
	c.num++;
	store_fixture_unit(f, chain_unit, &c, 0);
	assert_path(f, &c.last, ENAMETOOLONG, NULL);

	/* 64 names of 255 bytes with 63 slashes fit, 65 do not */
	c.num = 64;
	c.name_len = 255;
	store_fixture_unit(f, chain_unit, &c, 0);
	want = calloc(1, 64 * 256);
	assert_non_null(want);
	memset(want, 'n', 64 * 256 - 1);
	for (i = 1; i < 64; i++) {
		want[i * 256 - 1] = '/';
	}
	assert_path(f, &c.last, 0, want);
	free(want);
	c.num = 65;
	store_fixture_unit(f, chain_unit, &c, 0);
	assert_path(f, &c.last, ENAMETOOLONG, NULL);
}

int main(void)
{
#define TEST(fn)                                                 \
	cmocka_unit_test_setup_teardown(fn, store_fixture_setup, \
					store_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_paths),
		TEST(test_through_aliases),
		TEST(test_no_parent_is_a_file),
		TEST(test_circle),
		TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
