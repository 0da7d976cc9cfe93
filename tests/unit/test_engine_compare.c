/*
   Samba DFS Replication
   Both comparators are strict total orders; how versions relate

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
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "view_array.h"

static TALLOC_CTX *top;

typedef int (*compare_fn)(const struct dfsr_record *a,
			  const struct dfsr_record *b);

/*
 * All combinations of a few values per field. UID and GVSN are different in
 * every pair of records that are to be told apart.
 */
static struct dfsr_record *versions(uint32_t *num)
{
	struct dfsr_record *list = talloc_zero_array(top, struct dfsr_record,
						     3 * 2 * 3 * 3 * 3);
	uint64_t fence, clock, db, vsn;
	uint32_t n = 0;
	unsigned nc;

	for (nc = 0; nc < 3; nc++) {
		/* live, tombstone, nameConflict tombstone */
		for (fence = 2; fence <= 3; fence++) {
			for (clock = 0; clock < 3; clock++) {
				for (db = 1; db <= 3; db++) {
					for (vsn = 9; vsn < 12; vsn++) {
						struct dfsr_record *r =
							&list[n++];

						r->present = nc == 0;
						r->name_conflict = nc == 2;
						r->fence = fence;
						r->clock = clock;
						r->gvsn.db.b[0] = db;
						r->gvsn.vsn = vsn;
					}
				}
			}
		}
	}
	*num = n;
	return list;
}

static struct dfsr_record *names(uint32_t *num)
{
	struct dfsr_record *list = talloc_zero_array(top, struct dfsr_record,
						     2 * 3 * 3 * 3 * 3);
	uint64_t fence, born, db, vsn;
	uint32_t n = 0;
	uint8_t kind;

	for (fence = 2; fence <= 3; fence++) {
		for (kind = 1; kind <= 3; kind++) {
			for (born = 0; born < 3; born++) {
				for (db = 1; db <= 3; db++) {
					for (vsn = 9; vsn < 12; vsn++) {
						struct dfsr_record *r =
							&list[n++];

						r->present = true;
						r->fence = fence;
						r->kind = kind;
						r->create_time = born;
						r->uid.db.b[0] = db;
						r->uid.vsn = vsn;
						/* must not matter */
						r->clock = (n * 7) % 5;
					}
				}
			}
		}
	}
	*num = n;
	return list;
}

/* The sign of every pair, and from it every triple. */
static void check_order(const struct dfsr_record *list, uint32_t num,
			compare_fn compare,
			bool (*same)(const struct dfsr_record *a,
				     const struct dfsr_record *b))
{
	signed char *c = talloc_array(top, signed char, num * num);
	uint32_t i, j, k;

	for (i = 0; i < num; i++) {
		for (j = 0; j < num; j++) {
			int v = compare(&list[i], &list[j]);

			c[i * num + j] = (v > 0) - (v < 0);
			/* total: only the same is equal */
			assert_int_equal(v == 0, same(&list[i], &list[j]));
		}
	}
	for (i = 0; i < num; i++) {
		for (j = 0; j < num; j++) {
			assert_int_equal(c[i * num + j], -c[j * num + i]);
			if (c[i * num + j] <= 0) {
				continue;
			}
			for (k = 0; k < num; k++) {
				if (c[j * num + k] > 0) {
					assert_int_equal(c[i * num + k], 1);
				}
			}
		}
	}
	talloc_free(c);
}

static bool same_version(const struct dfsr_record *a,
			 const struct dfsr_record *b)
{
	/* present is no key: one GVSN is live or not, never both */
	return a->name_conflict == b->name_conflict && a->fence == b->fence &&
	       a->clock == b->clock && dfsr_id_equal(&a->gvsn, &b->gvsn);
}

static bool same_name_key(const struct dfsr_record *a,
			  const struct dfsr_record *b)
{
	return a->fence == b->fence &&
	       dfsr_record_is_dir(a) == dfsr_record_is_dir(b) &&
	       a->create_time == b->create_time &&
	       dfsr_id_equal(&a->uid, &b->uid);
}

static void test_version_order(void **state)
{
	struct dfsr_record *list;
	uint32_t num;

	(void)state;
	list = versions(&num);
	check_order(list, num, dfsr_engine_compare, same_version);
	talloc_free(list);
}

static void test_name_order(void **state)
{
	struct dfsr_record *list;
	uint32_t num;

	(void)state;
	list = names(&num);
	check_order(list, num, dfsr_engine_compare_names, same_name_key);
	talloc_free(list);
}

/* Every key beats all that stand behind it. */
static void test_version_keys(void **state)
{
	struct dfsr_record a = {.present = true}, b = {.present = true};

	(void)state;
	a.gvsn.vsn = 10;
	b.gvsn.vsn = 11;
	assert_true(dfsr_engine_compare(&a, &b) < 0);
	a.gvsn.db.b[15] = 1;
	assert_true(dfsr_engine_compare(&a, &b) > 0);
	b.clock = 1;
	assert_true(dfsr_engine_compare(&a, &b) < 0);
	a.fence = 1;
	assert_true(dfsr_engine_compare(&a, &b) > 0);
	b.present = false;
	assert_true(dfsr_engine_compare(&a, &b) > 0);
	b.name_conflict = true;
	assert_true(dfsr_engine_compare(&a, &b) < 0);
}

static void test_name_keys(void **state)
{
	struct dfsr_record a = {.kind = DFSR_KIND_FILE};
	struct dfsr_record b = {.kind = DFSR_KIND_SYMLINK};

	(void)state;
	b.uid.vsn = 1;
	assert_true(dfsr_engine_compare_names(&a, &b) < 0);
	a.uid.db.b[0] = 1;
	assert_true(dfsr_engine_compare_names(&a, &b) > 0);
	b.create_time = 1;
	assert_true(dfsr_engine_compare_names(&a, &b) < 0);
	a.kind = DFSR_KIND_DIRECTORY;
	assert_true(dfsr_engine_compare_names(&a, &b) > 0);
	b.fence = 1;
	assert_true(dfsr_engine_compare_names(&a, &b) < 0);
	a.clock = 99;
	assert_true(dfsr_engine_compare_names(&a, &b) < 0);
}

static void test_relate(void **state)
{
	struct dfsr_record a = {.gvsn = {{{1}}, 10}};
	struct dfsr_record b = {.gvsn = {{{2}}, 5}};
	struct dfsr_record c = {.gvsn = {{{1}}, 12}};

	(void)state;
	dfsr_lineage_add(&a.lineage, &a.gvsn);
	dfsr_lineage_add(&b.lineage, &b.gvsn);
	c.lineage = a.lineage;
	dfsr_lineage_add(&c.lineage, &c.gvsn);
	assert_int_equal(dfsr_engine_relate(&a, &a), DFSR_SAME);
	assert_int_equal(dfsr_engine_relate(&a, &b), DFSR_CONCURRENT);
	assert_int_equal(dfsr_engine_relate(&c, &a), DFSR_DESCENDS);
	assert_int_equal(dfsr_engine_relate(&a, &c), DFSR_ANCESTOR);
	assert_int_equal(dfsr_engine_relate(&c, &b), DFSR_CONCURRENT);
}

static void test_texts(void **state)
{
	(void)state;
	assert_string_equal(dfsr_verdict_str(DFSR_VERDICT_WAIT), "wait");
	assert_string_equal(dfsr_wait_str(DFSR_WAIT_NAME), "name");
	assert_string_equal(dfsr_conflict_str(DFSR_CONFLICT_NAME), "name");
	assert_string_equal(dfsr_wait_str((enum dfsr_wait)99), "unknown");
}

static int leaks(void **state)
{
	(void)state;
	assert_int_equal(talloc_total_blocks(top), 1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_version_order, leaks),
		cmocka_unit_test_teardown(test_name_order, leaks),
		cmocka_unit_test_teardown(test_version_keys, leaks),
		cmocka_unit_test_teardown(test_name_keys, leaks),
		cmocka_unit_test_teardown(test_relate, leaks),
		cmocka_unit_test_teardown(test_texts, leaks),
	};
	int ret;

	top = talloc_new(NULL);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	talloc_free(top);
	return ret;
}
