/*
   Samba DFS Replication
   One update of a partner against what we hold

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

struct pair {
	struct member *a, *b;
};

static struct pair two(void)
{
	TALLOC_CTX *ctx = talloc_new(top);
	struct payloads *t = payloads_new(ctx);
	struct pair p = {member_new(ctx, 0, t), member_new(ctx, 1, t)};

	return p;
}

static void done(struct pair *p)
{
	struct member *m[] = {p->a, p->b};

	members_settle(m, 2);
	members_check_payloads(m, 2);
	talloc_free(talloc_parent(p->a));
}

/* One file that both have. */
static struct dfsr_id shared(struct pair *p, const char *name, uint8_t kind)
{
	struct dfsr_id uid = member_create(p->a, NULL, name, kind);

	assert_int_equal(member_pull(p->b, p->a, NULL), 0);
	assert_non_null(member_get(p->b, &uid));
	return uid;
}

static void test_update_update(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	member_write(p.a, &x);
	p.b->now = 5000;
	member_write(p.b, &x);
	/* a's version loses on its record alone: nothing is fetched */
	member_pull(p.b, p.a, NULL);
	assert_int_equal(p.b->lost, 1);
	assert_int_equal(p.b->fetched, 0);
	/* where it had been current, it is kept */
	member_pull(p.a, p.b, NULL);
	assert_int_equal(p.a->fetched, 1);
	assert_int_equal(p.a->last.verdict, DFSR_VERDICT_INSTALL);
	assert_true(p.a->last.keep_local);
	assert_int_equal(p.a->last.conflict,
			 DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_UPDATE);
	assert_int_equal(p.a->last.parts, DFSR_PART_CONTENT);
	assert_int_equal(p.a->kept, 1);
	done(&p);
}

/* An ordinary edit of what the other had is no conflict. */
static void test_successor(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	p.b->now = 1; /* a clock far behind */
	member_write(p.b, &x);
	member_pull(p.a, p.b, NULL);
	assert_false(p.a->last.keep_local);
	assert_int_equal(p.a->last.conflict, DFSR_CONFLICT_NONE);
	assert_int_equal(p.a->installed, 1);
	done(&p);
}

/* M1: b had installed it and edited, or b had seen its record only. */
static void test_lineage_tells_rival(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	p.b->now = 5000;
	member_write(p.a, &x);
	member_write(p.b, &x);
	member_pull(p.b, p.a, NULL);
	/* b's vector now has a's version, and b edits again */
	member_write(p.b, &x);
	member_pull(p.a, p.b, NULL);
	assert_true(p.a->last.keep_local);
	done(&p);
}

static void test_same_change_twice(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	member_setattr(p.a, &x, 7);
	p.b->now = 5000;
	member_setattr(p.b, &x, 7);
	member_pull(p.a, p.b, NULL);
	assert_int_equal(p.a->last.verdict, DFSR_VERDICT_INSTALL);
	assert_false(p.a->last.keep_local);
	assert_int_equal(p.a->last.parts, 0);
	assert_int_equal(p.a->fetched, 0);
	done(&p);
}

/* A17: equal bytes do not hide that the metadata differ. */
static void test_meta_conflict(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	member_setattr(p.a, &x, 7);
	p.b->now = 5000;
	member_setattr(p.b, &x, 8);
	member_pull(p.a, p.b, NULL);
	assert_true(p.a->last.keep_local);
	assert_int_equal(p.a->last.parts, DFSR_PART_META);
	assert_int_equal(p.a->fetched, 1);
	done(&p);
}

static void test_rename_needs_no_bytes(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	member_rename(p.a, &x, NULL, "y");
	member_pull(p.b, p.a, NULL);
	assert_int_equal(p.b->fetched, 0);
	assert_int_equal(p.b->last.parts, DFSR_PART_NAME);
	assert_non_null(member_path(p.b, "y"));
	/* another case of a name is a change of the name */
	member_rename(p.a, &x, NULL, "Y");
	member_pull(p.b, p.a, NULL);
	assert_int_equal(p.b->last.parts, DFSR_PART_NAME);
	assert_string_equal(member_path(p.b, "y")->name, "Y");
	done(&p);
}

static void test_symlink_target(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_SYMLINK);

	(void)state;
	member_setattr(p.a, &x, 3);
	member_pull(p.b, p.a, NULL);
	assert_int_equal(p.b->last.parts, DFSR_PART_CONTENT | DFSR_PART_META);
	done(&p);
}

static void test_delete(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	member_delete(p.a, &x);
	member_pull(p.b, p.a, NULL);
	assert_int_equal(p.b->last.parts, DFSR_PART_DELETE);
	assert_false(p.b->last.keep_local);
	done(&p);
}

/* A tombstone of what was never here is remembered, no more. */
static void test_unknown_tombstone(void **state)
{
	struct pair p = two();
	struct dfsr_id x = member_create(p.a, NULL, "x", DFSR_KIND_FILE);

	(void)state;
	member_delete(p.a, &x);
	member_pull(p.b, p.a, NULL);
	assert_int_equal(p.b->last.verdict, DFSR_VERDICT_INSTALL);
	assert_int_equal(p.b->last.parts, 0);
	assert_false(member_get(p.b, &x)->present);
	done(&p);
}

static void test_delete_beats_edit(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	member_write(p.b, &x);
	p.a->now = 5000;
	member_delete(p.a, &x);
	member_pull(p.b, p.a, NULL);
	assert_true(p.b->last.keep_local);
	assert_int_equal(p.b->last.conflict,
			 DFSR_CONFLICT_REMOTE_TOMBSTONE_LOCAL_UPDATE);
	done(&p);
}

/* B11: an edit without knowledge of the delete comes back, and says so. */
static void test_edit_beats_delete(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

	(void)state;
	member_delete(p.a, &x);
	p.b->now = 5000;
	member_write(p.b, &x);
	member_pull(p.a, p.b, NULL);
	assert_int_equal(p.a->last.conflict,
			 DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_TOMBSTONE);
	assert_int_equal(p.a->last.parts, DFSR_PART_CONTENT | DFSR_PART_META |
						 DFSR_PART_NAME);
	assert_false(p.a->last.keep_local);
	assert_non_null(member_path(p.a, "x"));
	done(&p);
}

/* M2: three versions of one UID arrive in every order. */
static void test_arrival_orders(void **state)
{
	static const unsigned orders[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
		{1, 2, 0}, {2, 0, 1}, {2, 1, 0},
	};
	struct dfsr_record v[3];
	unsigned i, k;

	(void)state;
	for (i = 0; i < 6; i++) {
		struct pair p = two();
		struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);

		/* a name conflict at 101, a delete at 200, an edit at 300 */
		for (k = 0; k < 3; k++) {
			v[k] = *member_get(p.a, &x);
			v[k].gvsn.db.b[0] = 0xd0 + k;
			dfsr_lineage_add(&v[k].lineage, &v[k].gvsn);
			v[k].present = k == 2;
			v[k].name_conflict = k == 0;
			v[k].clock = k == 0 ? 101 : 100 * (k + 1);
		}
		for (k = 0; k < 3; k++) {
			view_array_put(p.a->va, &v[orders[i][k]]);
			dfsr_vv_add(p.a->vv, &v[orders[i][k]].gvsn, 0);
			member_pull(p.b, p.a, NULL);
		}
		assert_true(dfsr_id_equal(&member_get(p.b, &x)->gvsn,
					  &v[0].gvsn));
		talloc_free(talloc_parent(p.a));
	}
}

/*
 * A nameConflict tombstone is no user's delete: its issuer may never have
 * had the bytes, so it is kept even by one whose version it descends from.
 */
static void test_name_tombstone_keeps(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);
	struct dfsr_record n = *member_get(p.a, &x);

	(void)state;
	n.present = false;
	n.name_conflict = true;
	n.gvsn = (struct dfsr_id){p.a->issuer.db, p.a->issuer.next_vsn++};
	dfsr_lineage_add(&n.lineage, &n.gvsn);
	view_array_put(p.a->va, &n);
	dfsr_vv_add(p.a->vv, &n.gvsn, 0);
	member_pull(p.b, p.a, NULL);
	assert_true(p.b->last.keep_local);
	assert_int_equal(p.b->last.conflict, DFSR_CONFLICT_NAME);
	talloc_free(talloc_parent(p.a));
}

static void test_busy(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);
	struct dfsr_id y = shared(&p, "y", DFSR_KIND_FILE);

	(void)state;
	p.b->busy = x;
	member_write(p.a, &x);
	member_write(p.a, &y);
	assert_int_equal(member_pull(p.b, p.a, NULL), 1);
	assert_int_equal(p.b->last.wait, DFSR_WAIT_BUSY);
	assert_int_equal(p.b->installed, 1);
	assert_false(member_closed(p.b));
	/* what does not touch the object is not held up */
	p.b->busy = (struct dfsr_id){.vsn = 0};
	assert_int_equal(member_pull(p.b, p.a, NULL), 0);
	done(&p);
}

static void test_unknown_parent(void **state)
{
	struct pair p = two();
	struct dfsr_id d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	struct pull_options one = {.page = 1, .reverse = true,
				   .incomplete = true};

	(void)state;
	member_create(p.a, &d, "f", DFSR_KIND_FILE);
	assert_int_equal(member_pull(p.b, p.a, &one), 1);
	assert_int_equal(p.b->last.wait, DFSR_WAIT_PARENT);
	assert_true(dfsr_id_equal(&p.b->last.wait_for, &d));
	assert_int_equal(p.b->fetched, 0);
	done(&p);
}

static void test_root(void **state)
{
	struct pair p = two();
	struct dfsr_record r = *member_get(p.a, &p.a->root);

	(void)state;
	r.meta_hash[0] = 9;
	r.clock = 50;
	snprintf(r.name, sizeof(r.name), "elsewhere");
	r.gvsn = (struct dfsr_id){p.a->issuer.db, p.a->issuer.next_vsn++};
	dfsr_lineage_add(&r.lineage, &r.gvsn);
	view_array_put(p.a->va, &r);
	dfsr_vv_add(p.a->vv, &r.gvsn, 0);
	member_pull(p.b, p.a, NULL);
	assert_int_equal(p.b->last.parts, DFSR_PART_META);
	done(&p);
}

/* The root of another folder is not ours to change. */
static void test_foreign_root(void **state)
{
	struct pair p = two();
	struct dfsr_record r = *member_get(p.a, &p.a->root);

	(void)state;
	r.uid.db.b[3] = 0xee;
	r.gvsn = (struct dfsr_id){p.a->issuer.db, p.a->issuer.next_vsn++};
	dfsr_lineage_add(&r.lineage, &r.gvsn);
	view_array_put(p.a->va, &r);
	dfsr_vv_add(p.a->vv, &r.gvsn, 0);
	assert_int_equal(member_pull(p.b, p.a, NULL), 1);
	assert_int_equal(p.b->last.wait, DFSR_WAIT_ERROR);
	talloc_free(talloc_parent(p.a));
}

/* A kind never changes for a UID; a partner that says so is wrong. */
static void test_kind_changes(void **state)
{
	struct pair p = two();
	struct dfsr_id x = shared(&p, "x", DFSR_KIND_FILE);
	struct dfsr_record r = *member_get(p.a, &x);

	(void)state;
	r.kind = DFSR_KIND_SYMLINK;
	r.clock += 10;
	r.gvsn.vsn = p.a->issuer.next_vsn++;
	dfsr_lineage_add(&r.lineage, &r.gvsn);
	view_array_put(p.a->va, &r);
	dfsr_vv_add(p.a->vv, &r.gvsn, 0);
	assert_int_equal(member_pull(p.b, p.a, NULL), 1);
	assert_int_equal(p.b->last.wait, DFSR_WAIT_ERROR);
	talloc_free(talloc_parent(p.a));
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
		cmocka_unit_test_teardown(test_update_update, leaks),
		cmocka_unit_test_teardown(test_successor, leaks),
		cmocka_unit_test_teardown(test_lineage_tells_rival, leaks),
		cmocka_unit_test_teardown(test_same_change_twice, leaks),
		cmocka_unit_test_teardown(test_meta_conflict, leaks),
		cmocka_unit_test_teardown(test_rename_needs_no_bytes, leaks),
		cmocka_unit_test_teardown(test_symlink_target, leaks),
		cmocka_unit_test_teardown(test_delete, leaks),
		cmocka_unit_test_teardown(test_unknown_tombstone, leaks),
		cmocka_unit_test_teardown(test_delete_beats_edit, leaks),
		cmocka_unit_test_teardown(test_edit_beats_delete, leaks),
		cmocka_unit_test_teardown(test_arrival_orders, leaks),
		cmocka_unit_test_teardown(test_name_tombstone_keeps, leaks),
		cmocka_unit_test_teardown(test_busy, leaks),
		cmocka_unit_test_teardown(test_unknown_parent, leaks),
		cmocka_unit_test_teardown(test_root, leaks),
		cmocka_unit_test_teardown(test_foreign_root, leaks),
		cmocka_unit_test_teardown(test_kind_changes, leaks),
	};
	int ret;

	top = talloc_new(NULL);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	talloc_free(top);
	return ret;
}
