/*
   Samba DFS Replication
   The worked examples of [MS-FRS2] chapter 4, with our deviations named

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

/*
 * The examples use machines A, B and C, and numbers from 1. Ours start at
 * DFSR_VSN_FIRST, 9, as 3.3.4.6.2 of the same document asks for, so A's first
 * file is A9. What else differs is said at each example.
 */

static TALLOC_CTX *top;

struct net {
	struct payloads *truth;
	struct member *m[3];
};

static struct net net_new(void)
{
	TALLOC_CTX *ctx = talloc_new(top);
	struct net n = {.truth = payloads_new(ctx)};
	unsigned i;

	for (i = 0; i < 3; i++) {
		n.m[i] = member_new(ctx, i, n.truth);
	}
	return n;
}

static void net_free(struct net *n)
{
	members_check_payloads(n->m, 3);
	talloc_free(talloc_parent(n->truth));
}

/* Highest number that m's vector has of a member. */
static uint64_t high(const struct net *n, unsigned m, unsigned of)
{
	return dfsr_vv_high(n->m[m]->vv, &n->m[of]->issuer.db);
}

static void check_vector(const struct net *n, unsigned m, uint64_t a,
			 uint64_t b, uint64_t c)
{
	assert_int_equal(high(n, m, 0), a);
	assert_int_equal(high(n, m, 1), b);
	assert_int_equal(high(n, m, 2), c);
	assert_true(member_closed(n->m[m]));
}

/* Let a member use up numbers: edits of one file of its own. */
static struct dfsr_id advance(struct net *n, unsigned m, const char *name,
			      uint64_t to)
{
	struct dfsr_id uid = member_create(n->m[m], NULL, name,
					   DFSR_KIND_FILE);

	while (n->m[m]->issuer.next_vsn <= to) {
		member_write(n->m[m], &uid);
	}
	return uid;
}

/* A creates a and b; B learns the difference and fetches both. */
static void test_4_1_1_basic_content_distribution(void **state)
{
	struct net n = net_new();
	struct dfsr_id a, b;

	(void)state;
	a = member_create(n.m[0], NULL, "a", DFSR_KIND_FILE);
	b = member_create(n.m[0], NULL, "b", DFSR_KIND_FILE);
	/* "UID coincides with the GVSN [...] of the first occurrence" */
	assert_true(dfsr_id_equal(&member_get(n.m[0], &a)->gvsn, &a));
	assert_int_equal(a.vsn, 9);
	assert_int_equal(b.vsn, 10);
	check_vector(&n, 1, 0, 0, 0);
	member_pull(n.m[1], n.m[0], NULL);
	assert_int_equal(n.m[1]->fetched, 2);
	assert_int_equal(n.m[1]->installed, 2);
	check_vector(&n, 1, 10, 0, 0);
	assert_true(dfsr_id_equal(&member_path(n.m[1], "a")->gvsn, &a));
	assert_true(dfsr_id_equal(&member_path(n.m[1], "b")->parent,
				  &n.m[1]->root));
	members_settle(n.m, 3);
	net_free(&n);
}

/* {A20, B30} on both; an edit on A is A21, and exactly that is asked for. */
static void test_4_1_2_vectors_two_machines(void **state)
{
	struct net n = net_new();
	struct dfsr_id uid;

	(void)state;
	uid = advance(&n, 0, "of-a", 20);
	advance(&n, 1, "of-b", 30);
	members_settle(n.m, 3);
	check_vector(&n, 0, 20, 30, 0);
	check_vector(&n, 1, 20, 30, 0);
	member_write(n.m[0], &uid);
	assert_int_equal(member_get(n.m[0], &uid)->gvsn.vsn, 21);
	check_vector(&n, 0, 21, 30, 0);
	member_pull(n.m[1], n.m[0], NULL);
	assert_int_equal(n.m[1]->installed, 1);
	check_vector(&n, 1, 21, 30, 0);
	members_settle(n.m, 3);
	net_free(&n);
}

/*
 * A ring: B pulls from A, C from B, A from C. A gets B31 from C, and not its
 * own A21 and A22 again, although C never spoke with A.
 */
static void test_4_1_3_vectors_three_machines(void **state)
{
	struct net n = net_new();
	struct dfsr_id of_b;

	(void)state;
	advance(&n, 0, "of-a", 20);
	of_b = advance(&n, 1, "of-b", 30);
	advance(&n, 2, "of-c", 50);
	members_settle(n.m, 3);
	member_create(n.m[0], NULL, "new-1", DFSR_KIND_FILE);
	member_create(n.m[0], NULL, "new-2", DFSR_KIND_FILE);
	member_write(n.m[1], &of_b);
	check_vector(&n, 0, 22, 30, 50);
	check_vector(&n, 1, 20, 31, 50);
	check_vector(&n, 2, 20, 30, 50);
	member_pull(n.m[1], n.m[0], NULL);
	assert_int_equal(n.m[1]->installed, 2);
	check_vector(&n, 1, 22, 31, 50);
	/* one way: B31 did not flow to A */
	check_vector(&n, 0, 22, 30, 50);
	member_pull(n.m[2], n.m[1], NULL);
	assert_int_equal(n.m[2]->installed, 3);
	check_vector(&n, 2, 22, 31, 50);
	member_pull(n.m[0], n.m[2], NULL);
	assert_int_equal(n.m[0]->installed, 1);
	assert_int_equal(n.m[0]->ignored + n.m[0]->lost, 0);
	check_vector(&n, 0, 22, 31, 50);
	members_settle(n.m, 3);
	net_free(&n);
}

/*
 * A changes a, B deletes b: no conflict. The tombstone needs no data.
 * Deviation: what A's change descends from is in its lineage, so B can tell
 * that its own a is superseded; the example's records have no such field.
 */
static void test_4_1_4_concurrent_updates_and_tombstones(void **state)
{
	struct net n = net_new();
	struct dfsr_id a, b;

	(void)state;
	a = member_create(n.m[0], NULL, "a", DFSR_KIND_FILE);
	b = member_create(n.m[0], NULL, "b", DFSR_KIND_FILE);
	members_settle(n.m, 3);
	member_write(n.m[0], &a);
	member_delete(n.m[1], &b);
	assert_int_equal(member_get(n.m[0], &a)->gvsn.vsn, 11);
	assert_int_equal(member_get(n.m[1], &b)->gvsn.vsn, 9);
	assert_true(dfsr_guid_cmp(&member_get(n.m[1], &b)->gvsn.db,
				  &n.m[1]->issuer.db) == 0);
	member_pull(n.m[1], n.m[0], NULL);
	assert_int_equal(n.m[1]->installed, 1);
	assert_int_equal(n.m[1]->fetched, 1);
	assert_false(n.m[1]->last.keep_local);
	member_pull(n.m[0], n.m[1], NULL);
	assert_int_equal(n.m[0]->installed, 1);
	assert_int_equal(n.m[0]->fetched, 0);
	assert_null(member_path(n.m[0], "b"));
	/* the tombstone keeps UID and name */
	assert_false(member_get(n.m[0], &b)->present);
	assert_string_equal(member_get(n.m[0], &b)->name, "b");
	check_vector(&n, 0, 11, 9, 0);
	check_vector(&n, 1, 11, 9, 0);
	members_settle(n.m, 3);
	assert_int_equal(n.m[0]->all_kept + n.m[1]->all_kept, 0);
	net_free(&n);
}

/*
 * A renames directory p to q while B creates p/b: the child follows the UID.
 * Only the child's content is transferred. Deviation: FRS2 compares one hash,
 * here content and metadata are compared apart.
 */
static void test_4_1_5_directory_moves(void **state)
{
	struct net n = net_new();
	struct dfsr_id p, b;

	(void)state;
	p = member_create(n.m[0], NULL, "p", DFSR_KIND_DIRECTORY);
	member_create(n.m[0], &p, "a", DFSR_KIND_FILE);
	members_settle(n.m, 3);
	member_rename(n.m[0], &p, NULL, "q");
	b = member_create(n.m[1], &p, "b", DFSR_KIND_FILE);
	member_pull(n.m[1], n.m[0], NULL);
	/* one record for the directory and all that is in it */
	assert_int_equal(n.m[1]->installed, 1);
	assert_int_equal(n.m[1]->fetched, 0);
	assert_int_equal(n.m[1]->last.parts, DFSR_PART_NAME);
	assert_non_null(member_path(n.m[1], "q/a"));
	assert_non_null(member_path(n.m[1], "q/b"));
	member_pull(n.m[0], n.m[1], NULL);
	assert_int_equal(n.m[0]->fetched, 1);
	assert_true(dfsr_id_equal(&member_path(n.m[0], "q/b")->uid, &b));
	members_settle(n.m, 3);
	assert_int_equal(n.m[0]->all_kept + n.m[1]->all_kept, 0);
	net_free(&n);
}

/*
 * A and B both create a. B resolves first and makes a tombstone of A's file;
 * then it sends the winner before the tombstone, so A makes one of its own.
 * The two tombstones of one UID meet, and one of them prevails.
 *
 * Deviations. The winner is found by createTime and UID, never by the clock
 * (R2). The tombstone's clock is the loser's plus one. A nameConflict
 * tombstone beats every live version as the first key of the order. A judges
 * names only after a complete answer of a server without holes (A7), so with
 * B's winner and B's tombstone in one answer A would not make its own: here A
 * hears of the winner alone, from C, to whom B sent it before.
 */
static void test_4_1_6_name_conflicts(void **state)
{
	struct net n = net_new();
	struct dfsr_id xa, xb;
	struct dfsr_record ta, tb;

	(void)state;
	xa = member_create(n.m[0], NULL, "a", DFSR_KIND_FILE);
	n.m[1]->now = 5000;
	xb = member_create(n.m[1], NULL, "a", DFSR_KIND_FILE);
	member_pull(n.m[2], n.m[1], NULL);

	member_pull(n.m[1], n.m[0], NULL);
	tb = *member_get(n.m[1], &xa);
	assert_false(tb.present);
	assert_true(tb.name_conflict);
	assert_int_equal(tb.gvsn.vsn, 10); /* B's second number */
	assert_int_equal(tb.clock, member_get(n.m[0], &xa)->clock + 1);
	assert_int_equal(n.m[1]->fetched, 0);

	/* B's tombstone is not at A yet */
	member_pull(n.m[0], n.m[2], NULL);
	ta = *member_get(n.m[0], &xa);
	assert_true(ta.name_conflict);
	assert_int_equal(ta.gvsn.vsn, 10); /* A's second number */
	assert_int_equal(n.m[0]->kept, 1);
	assert_true(dfsr_id_equal(&member_path(n.m[0], "a")->uid, &xb));

	/* now it comes: the clocks are equal, the higher GUID prevails */
	assert_int_equal(ta.clock, tb.clock);
	assert_true(dfsr_engine_compare(&tb, &ta) > 0);
	member_pull(n.m[0], n.m[1], NULL);
	assert_true(dfsr_id_equal(&member_get(n.m[0], &xa)->gvsn, &tb.gvsn));
	member_pull(n.m[1], n.m[0], NULL);
	/* A's own is superseded: nobody hears of it but as a number */
	assert_int_equal(n.m[1]->installed + n.m[1]->lost, 0);
	assert_true(dfsr_vv_contains(n.m[1]->vv, &ta.gvsn));
	assert_true(dfsr_id_equal(&member_get(n.m[1], &xa)->gvsn, &tb.gvsn));
	members_settle(n.m, 3);
	net_free(&n);
}

/* With both in one answer, one tombstone is enough. */
static void test_4_1_6_as_one_answer(void **state)
{
	struct net n = net_new();
	struct dfsr_id xa, xb;

	(void)state;
	xa = member_create(n.m[0], NULL, "a", DFSR_KIND_FILE);
	n.m[1]->now = 5000;
	xb = member_create(n.m[1], NULL, "a", DFSR_KIND_FILE);
	member_pull(n.m[1], n.m[0], NULL);
	member_pull(n.m[0], n.m[1], NULL);
	assert_int_equal(n.m[0]->conflicts, 0);
	assert_int_equal(n.m[0]->kept, 1);
	assert_int_equal(n.m[0]->issuer.next_vsn, 10);
	assert_false(member_get(n.m[0], &xa)->present);
	assert_true(dfsr_id_equal(&member_path(n.m[0], "a")->uid, &xb));
	members_settle(n.m, 3);
	net_free(&n);
}

/*
 * 4.2.2: a difference that is asked for in pages; each page continues after
 * the last GVSN. Deviation: FRS2 asks for tombstones before live updates to
 * have names free in time; we take updates in any order, for the set is
 * decided as one. Intervals are closed here, (low, high] there.
 */
static void test_4_2_2_requesting_updates(void **state)
{
	struct pull_options page = {.page = 7};
	struct net n = net_new();
	struct dfsr_vv *diff;
	struct dfsr_id uid[2];

	(void)state;
	diff = dfsr_vv_new(top);
	dfsr_vv_add_range(diff, &n.m[0]->issuer.db, 11, 200, 0);
	dfsr_vv_add_range(diff, &n.m[0]->issuer.db, 204, 300, 0);
	dfsr_vv_add_range(diff, &n.m[1]->issuer.db, 13, 203, 0);
	uid[0] = (struct dfsr_id){n.m[0]->issuer.db, 272};
	uid[1] = (struct dfsr_id){n.m[0]->issuer.db, 202};
	assert_true(dfsr_vv_contains(diff, &uid[0]));
	assert_false(dfsr_vv_contains(diff, &uid[1]));
	assert_int_equal(dfsr_vv_count(diff), 190 + 97 + 191);
	talloc_free(diff);

	/* names that are freed by tombstones which come last */
	uid[0] = member_create(n.m[0], NULL, "x", DFSR_KIND_DIRECTORY);
	member_create(n.m[0], &uid[0], "y", DFSR_KIND_FILE);
	members_settle(n.m, 3);
	uid[1] = member_create(n.m[0], NULL, "tmp", DFSR_KIND_FILE);
	member_delete(n.m[0], &uid[0]);
	member_rename(n.m[0], &uid[1], NULL, "x");
	page.reverse = true;
	page.page = 1;
	assert_int_equal(member_pull(n.m[1], n.m[0], &page), 0);
	assert_int_equal(n.m[1]->conflicts, 0);
	assert_int_equal(member_path(n.m[1], "x")->kind, DFSR_KIND_FILE);
	members_settle(n.m, 3);
	net_free(&n);
}

static void test_4_2_4_ordering_on_uids_and_gvsns(void **state)
{
	struct dfsr_id a = {{{0xfa}}, 1}, b = {{{0xfa}}, 2};
	struct dfsr_id c = {{{0xfa}}, 5}, d = {{{0xfb}}, 4};
	struct dfsr_record r = {.kind = DFSR_KIND_FILE}, s = r;

	(void)state;
	assert_true(dfsr_id_cmp(&a, &b) < 0);
	assert_true(dfsr_id_cmp(&c, &d) < 0);
	/* the same order decides when all other keys are equal */
	r.gvsn = c;
	s.gvsn = d;
	assert_true(dfsr_engine_compare(&r, &s) < 0);
	r.uid = a;
	s.uid = b;
	assert_true(dfsr_engine_compare_names(&r, &s) < 0);
}

static int leaks(void **state)
{
	(void)state;
	assert_int_equal(talloc_total_blocks(top), 1);
	return 0;
}

#define T(fn) cmocka_unit_test_teardown(fn, leaks)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_4_1_1_basic_content_distribution),
		T(test_4_1_2_vectors_two_machines),
		T(test_4_1_3_vectors_three_machines),
		T(test_4_1_4_concurrent_updates_and_tombstones),
		T(test_4_1_5_directory_moves),
		T(test_4_1_6_name_conflicts),
		T(test_4_1_6_as_one_answer),
		T(test_4_2_2_requesting_updates),
		T(test_4_2_4_ordering_on_uids_and_gvsns),
	};
	int ret;

	top = talloc_new(NULL);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	talloc_free(top);
	return ret;
}
