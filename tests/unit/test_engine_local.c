/*
   Samba DFS Replication
   What is seen on the own disk becomes versions

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
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "view_array.h"

static TALLOC_CTX *top;

static struct member *fresh(void)
{
	struct member *m = member_new(top, 0, NULL);

	m->truth = payloads_new(m);
	return m;
}

static struct dfsr_observation seen(const struct dfsr_id *dir,
				    const char *name, uint8_t kind,
				    uint8_t content)
{
	struct dfsr_observation obs = {.parent = *dir, .exists = true,
				       .kind = kind};

	snprintf(obs.name, sizeof(obs.name), "%s", name);
	if (kind != DFSR_KIND_DIRECTORY) {
		obs.content_hash[0] = content;
		obs.size = 8;
	}
	return obs;
}

static struct dfsr_observation not_there(const struct dfsr_id *dir,
					 const char *name)
{
	struct dfsr_observation obs = seen(dir, name, DFSR_KIND_FILE, 0);

	obs.exists = false;
	return obs;
}

/* Observe; *match may be NULL. @return number of records issued */
static unsigned look(struct member *m, const struct dfsr_observation *obs,
		     struct dfsr_id *match)
{
	struct dfsr_issued_list out;
	struct dfsr_id dummy;

	assert_int_equal(member_observe(m, obs, &out,
					match != NULL ? match : &dummy), 0);
	talloc_free(out.e);
	return out.num;
}

static const struct dfsr_record *rec(struct member *m,
				     const struct dfsr_id *uid)
{
	const struct dfsr_record *r = member_get(m, uid);

	assert_non_null(r);
	return r;
}

static struct dfsr_id make(struct member *m, const char *name, uint8_t kind,
			   uint8_t content)
{
	struct dfsr_observation obs = seen(&m->root, name, kind, content);
	struct dfsr_id uid;

	assert_int_equal(look(m, &obs, &uid), 1);
	return uid;
}

static void test_create(void **state)
{
	struct member *m = fresh();
	struct dfsr_id uid = make(m, "a", DFSR_KIND_FILE, 1);
	const struct dfsr_record *r = rec(m, &uid);

	(void)state;
	assert_true(dfsr_id_equal(&r->uid, &r->gvsn));
	assert_int_equal(r->uid.vsn, DFSR_VSN_FIRST);
	assert_int_equal(m->issuer.next_vsn, DFSR_VSN_FIRST + 1);
	assert_true(r->present);
	assert_true(r->tag != 0);
	assert_int_equal(r->fence, DFSR_FENCE_DEFAULT);
	assert_int_equal(r->clock, r->create_time);
	assert_int_equal(r->lineage.num, 1);
	assert_true(dfsr_id_equal(&r->parent, &m->root));
	talloc_free(m);
}

static void test_nothing_new(void **state)
{
	struct member *m = fresh();
	struct dfsr_observation obs = seen(&m->root, "a", DFSR_KIND_FILE, 1);
	struct dfsr_id uid, match;

	(void)state;
	assert_int_equal(look(m, &obs, &uid), 1);
	/* the same file under another identity: adopt it */
	assert_int_equal(look(m, &obs, &match), 0);
	assert_true(dfsr_id_equal(&uid, &match));
	obs.uid_known = true;
	obs.uid = uid;
	obs.attributes = 0x20;
	assert_int_equal(look(m, &obs, &match), 0);
	assert_int_equal(m->issuer.next_vsn, DFSR_VSN_FIRST + 1);
	talloc_free(m);
}

/* R1: whatever the clock, the fence and the limit say, a successor wins. */
static void test_successor_wins(void **state)
{
	static const uint64_t clocks[] = {1, 999, 1000, 1000000};
	static const uint64_t fences[] = {0, DFSR_FENCE_DEFAULT, 1000};
	unsigned i, j, k;

	(void)state;
	for (i = 0; i < 4 * 3 * 4; i++) {
		struct member *m = fresh();
		struct dfsr_id uid = make(m, "a", DFSR_KIND_FILE, 1);
		struct dfsr_record r = *rec(m, &uid);
		struct dfsr_observation obs = seen(&m->root, "a",
						   DFSR_KIND_FILE, 2);

		j = i % 3;
		k = i / 3 % 4;
		r.fence = fences[j];
		r.clock = clocks[k];
		r.create_time = 5; /* as a copy with an old date */
		view_array_put(m->va, &r);
		view_array_clock(m->va, &uid, i % 2 ? 5000 : 0);
		m->now = clocks[i / 12];
		m->issuer.now_max = i % 5 == 0 ? 2 : UINT64_MAX;
		assert_int_equal(look(m, &obs, NULL), 1);
		assert_true(dfsr_engine_compare(rec(m, &uid), &r) > 0);
		assert_int_equal(dfsr_engine_relate(rec(m, &uid), &r),
				 DFSR_DESCENDS);
		assert_int_equal(rec(m, &uid)->create_time, 5);
		assert_true(rec(m, &uid)->fence >= r.fence);
		assert_true(rec(m, &uid)->clock > (i % 2 ? 5000 : 0));
		talloc_free(m);
	}
}

static void test_now_is_limited(void **state)
{
	struct member *m = fresh();
	struct dfsr_id uid;

	(void)state;
	m->issuer.now_max = 10;
	uid = make(m, "a", DFSR_KIND_FILE, 1);
	assert_int_equal(rec(m, &uid)->clock, 10);
	talloc_free(m);
}

/* A write over a temporary name, renamed over the document (A7). */
static void test_save_by_rename(void **state)
{
	struct member *m = fresh();
	struct dfsr_id doc = make(m, "doc", DFSR_KIND_FILE, 1);
	struct dfsr_id tmp = make(m, "tmp", DFSR_KIND_FILE, 2);
	struct dfsr_record before = *rec(m, &doc);
	struct dfsr_observation obs = seen(&m->root, "doc", DFSR_KIND_FILE, 2);
	struct dfsr_id match;

	(void)state;
	obs.uid_known = true;
	obs.uid = tmp;
	assert_int_equal(look(m, &obs, &match), 2);
	assert_true(dfsr_id_equal(&match, &doc));
	assert_int_equal(dfsr_engine_relate(rec(m, &doc), &before),
			 DFSR_DESCENDS);
	assert_int_equal(rec(m, &doc)->content_hash[0], 2);
	assert_false(rec(m, &tmp)->present);
	obs = not_there(&m->root, "tmp");
	assert_int_equal(look(m, &obs, NULL), 0);
	talloc_free(m);
}

/* The same when the temporary file was never seen under its own name. */
static void test_replaced_by_unknown(void **state)
{
	struct member *m = fresh();
	struct dfsr_id doc = make(m, "doc", DFSR_KIND_FILE, 1);
	struct dfsr_observation obs = seen(&m->root, "DOC", DFSR_KIND_FILE, 2);
	struct dfsr_id match;

	(void)state;
	assert_int_equal(look(m, &obs, &match), 1);
	assert_true(dfsr_id_equal(&match, &doc));
	assert_string_equal(rec(m, &doc)->name, "DOC");
	talloc_free(m);
}

static void test_case_rename(void **state)
{
	struct member *m = fresh();
	struct dfsr_id uid = make(m, "readme", DFSR_KIND_FILE, 1);
	struct dfsr_observation obs = seen(&m->root, "ReadMe", DFSR_KIND_FILE,
					   1);
	struct dfsr_id match;

	(void)state;
	obs.uid_known = true;
	obs.uid = uid;
	assert_int_equal(look(m, &obs, &match), 1);
	assert_true(dfsr_id_equal(&match, &uid));
	assert_string_equal(rec(m, &uid)->name, "ReadMe");
	talloc_free(m);
}

/* Move of a directory: one record, whatever is in it. */
static void test_move(void **state)
{
	struct member *m = fresh();
	struct dfsr_id d = make(m, "d", DFSR_KIND_DIRECTORY, 0);
	struct dfsr_id e = make(m, "e", DFSR_KIND_DIRECTORY, 0);
	struct dfsr_observation obs = seen(&e, "x", DFSR_KIND_DIRECTORY, 0);

	(void)state;
	member_create(m, &d, "f", DFSR_KIND_FILE);
	obs.uid_known = true;
	obs.uid = d;
	assert_int_equal(look(m, &obs, NULL), 1);
	assert_non_null(member_path(m, "e/x/f"));
	assert_null(member_path(m, "d"));
	talloc_free(m);
}

static void test_move_to_survivors_name(void **state)
{
	struct member *m = fresh();
	struct dfsr_id a = make(m, "a", DFSR_KIND_FILE, 1);
	struct dfsr_id b = make(m, "b", DFSR_KIND_FILE, 2);
	struct dfsr_observation obs = seen(&m->root, "b", DFSR_KIND_FILE, 1);
	struct dfsr_id match;

	(void)state;
	obs.uid_known = true;
	obs.uid = a;
	obs.holder_survives = true;
	assert_int_equal(look(m, &obs, &match), 1);
	assert_true(dfsr_id_equal(&match, &a));
	assert_true(rec(m, &b)->present);
	obs = seen(&m->root, "a", DFSR_KIND_FILE, 2);
	obs.uid_known = true;
	obs.uid = b;
	assert_int_equal(look(m, &obs, &match), 1);
	assert_int_equal(member_path(m, "a")->content_hash[0], 2);
	assert_int_equal(member_path(m, "b")->content_hash[0], 1);
	talloc_free(m);
}

/* Children end before their directory, so that any prefix is sound. */
static void test_delete_tree(void **state)
{
	struct member *m = fresh();
	struct dfsr_id d = make(m, "d", DFSR_KIND_DIRECTORY, 0);
	struct dfsr_id e = member_create(m, &d, "e", DFSR_KIND_DIRECTORY);
	struct dfsr_observation obs = not_there(&m->root, "d");
	struct dfsr_issued_list out;
	struct dfsr_id match;

	(void)state;
	member_create(m, &e, "f", DFSR_KIND_FILE);
	member_create(m, &d, "g", DFSR_KIND_FILE);
	assert_int_equal(member_observe(m, &obs, &out, &match), 0);
	assert_int_equal(out.num, 4);
	assert_string_equal(out.e[0].rec.name, "f");
	assert_string_equal(out.e[1].rec.name, "e");
	assert_string_equal(out.e[2].rec.name, "g");
	assert_string_equal(out.e[3].rec.name, "d");
	assert_false(out.e[3].observed);
	talloc_free(out.e);
	talloc_free(m);
}

static void test_gone_but_survives(void **state)
{
	struct member *m = fresh();
	struct dfsr_observation obs = not_there(&m->root, "a");

	(void)state;
	assert_int_equal(look(m, &obs, NULL), 0);
	make(m, "a", DFSR_KIND_FILE, 1);
	obs.holder_survives = true;
	assert_int_equal(look(m, &obs, NULL), 0);
	obs.holder_survives = false;
	assert_int_equal(look(m, &obs, NULL), 1);
	talloc_free(m);
}

/* A file where a directory was: the new UID is born after the old one. */
static void test_other_kind(void **state)
{
	struct member *m = fresh();
	struct dfsr_id d = make(m, "x", DFSR_KIND_DIRECTORY, 0);
	struct dfsr_record old = *rec(m, &d);
	struct dfsr_observation obs = seen(&m->root, "x", DFSR_KIND_FILE, 1);
	struct dfsr_id match;

	(void)state;
	member_create(m, &d, "f", DFSR_KIND_FILE);
	old.create_time = 1000000; /* by a member whose clock is ahead */
	view_array_put(m->va, &old);
	assert_int_equal(look(m, &obs, &match), 3);
	assert_false(dfsr_id_equal(&match, &d));
	assert_int_equal(rec(m, &match)->create_time, 1000001);
	talloc_free(m);
}

/* A directory moves out of another one, and takes its name. */
static void test_child_takes_name(void **state)
{
	struct member *m = fresh();
	struct dfsr_id d = make(m, "d", DFSR_KIND_DIRECTORY, 0);
	struct dfsr_id c = member_create(m, &d, "c", DFSR_KIND_DIRECTORY);
	struct dfsr_observation obs = seen(&m->root, "d", DFSR_KIND_DIRECTORY,
					   0);

	(void)state;
	member_create(m, &c, "f", DFSR_KIND_FILE);
	obs.uid_known = true;
	obs.uid = c;
	assert_int_equal(look(m, &obs, NULL), 2);
	assert_false(rec(m, &d)->present);
	assert_non_null(member_path(m, "d/f"));
	talloc_free(m);
}

/* What cannot be on a disk is an order of observations that is wrong. */
static void test_stale(void **state)
{
	struct member *m = fresh();
	struct dfsr_id d = make(m, "d", DFSR_KIND_DIRECTORY, 0);
	struct dfsr_id c = member_create(m, &d, "c", DFSR_KIND_DIRECTORY);
	struct dfsr_observation obs = seen(&c, "d", DFSR_KIND_DIRECTORY, 0);
	struct dfsr_issued_list out;
	struct dfsr_id match;
	uint64_t vsn = m->issuer.next_vsn;

	(void)state;
	obs.uid_known = true;
	obs.uid = d;
	assert_int_equal(member_observe(m, &obs, &out, &match), ESTALE);
	member_delete(m, &c);
	vsn = m->issuer.next_vsn;
	obs.uid_known = false;
	assert_int_equal(member_observe(m, &obs, &out, &match), ESTALE);
	assert_int_equal(m->issuer.next_vsn, vsn);
	assert_int_equal(out.num, 0);
	snprintf(obs.name, sizeof(obs.name), "..");
	obs.parent = m->root;
	assert_int_equal(member_observe(m, &obs, &out, &match), EINVAL);
	talloc_free(m);
}

/* A2: it wins nowhere where the recorded version is, whatever the GUIDs. */
static void test_uncertain(void **state)
{
	struct member *m = fresh();
	struct dfsr_id uid = make(m, "a", DFSR_KIND_FILE, 1);
	struct dfsr_record before = *rec(m, &uid), torn;
	struct dfsr_observation obs = seen(&m->root, "a", DFSR_KIND_FILE, 2);

	(void)state;
	obs.uncertain = true;
	assert_int_equal(look(m, &obs, NULL), 1);
	torn = *rec(m, &uid);
	assert_true(torn.flags & DFSR_FLAG_CLOCK_DECREMENTED);
	assert_true(dfsr_engine_compare(&torn, &before) < 0);
	assert_int_equal(torn.lineage.num, 1);
	assert_false(dfsr_lineage_has(&before.lineage, &torn.gvsn));
	/* a user's later edit is an ordinary version again */
	obs.uncertain = false;
	obs.content_hash[0] = 3;
	assert_int_equal(look(m, &obs, NULL), 1);
	assert_false(rec(m, &uid)->flags & DFSR_FLAG_CLOCK_DECREMENTED);
	assert_true(dfsr_engine_compare(rec(m, &uid), &before) > 0);
	talloc_free(m);
}

/* What a name conflict ended does not come back under its UID. */
static void test_after_name_conflict(void **state)
{
	struct member *m = fresh();
	struct dfsr_id uid = make(m, "a", DFSR_KIND_FILE, 1);
	struct dfsr_record r = *rec(m, &uid);
	struct dfsr_observation obs = seen(&m->root, "b", DFSR_KIND_FILE, 1);
	struct dfsr_id match;

	(void)state;
	r.present = false;
	r.name_conflict = true;
	view_array_put(m->va, &r);
	obs.uid_known = true;
	obs.uid = uid;
	assert_int_equal(look(m, &obs, &match), 1);
	assert_false(dfsr_id_equal(&match, &uid));
	talloc_free(m);
}

/* Limits are refused, and no number is used up. */
static void test_limits(void **state)
{
	struct member *m = fresh();
	struct dfsr_id uid = make(m, "a", DFSR_KIND_FILE, 1);
	struct dfsr_record r = *rec(m, &uid);
	struct dfsr_observation obs = seen(&m->root, "a", DFSR_KIND_FILE, 2);
	struct dfsr_issued_list out;
	struct dfsr_id match;
	uint64_t vsn = m->issuer.next_vsn;
	unsigned i;

	(void)state;
	r.clock = DFSR_TIME_MAX;
	view_array_put(m->va, &r);
	assert_int_equal(member_observe(m, &obs, &out, &match), E2BIG);
	uid = make(m, "b", DFSR_KIND_FILE, 1);
	vsn = m->issuer.next_vsn;
	r = *rec(m, &uid);
	r.gvsn.db.b[15] = 1;
	r.lineage.num = 0;
	for (i = 1; i <= DFSR_LINEAGE_MAX; i++) {
		struct dfsr_id id = {.db = {.b = {[15] = i}}, .vsn = 1000};

		assert_int_equal(dfsr_lineage_add(&r.lineage, &id), 0);
	}
	r.gvsn.vsn = 1000;
	memset(r.gvsn.db.b, 0, 15);
	view_array_put(m->va, &r);
	snprintf(obs.name, sizeof(obs.name), "b");
	assert_int_equal(member_observe(m, &obs, &out, &match), E2BIG);
	assert_int_equal(m->issuer.next_vsn, vsn);
	talloc_free(m);
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
		cmocka_unit_test_teardown(test_create, leaks),
		cmocka_unit_test_teardown(test_nothing_new, leaks),
		cmocka_unit_test_teardown(test_successor_wins, leaks),
		cmocka_unit_test_teardown(test_now_is_limited, leaks),
		cmocka_unit_test_teardown(test_save_by_rename, leaks),
		cmocka_unit_test_teardown(test_replaced_by_unknown, leaks),
		cmocka_unit_test_teardown(test_case_rename, leaks),
		cmocka_unit_test_teardown(test_move, leaks),
		cmocka_unit_test_teardown(test_move_to_survivors_name, leaks),
		cmocka_unit_test_teardown(test_delete_tree, leaks),
		cmocka_unit_test_teardown(test_gone_but_survives, leaks),
		cmocka_unit_test_teardown(test_other_kind, leaks),
		cmocka_unit_test_teardown(test_child_takes_name, leaks),
		cmocka_unit_test_teardown(test_stale, leaks),
		cmocka_unit_test_teardown(test_uncertain, leaks),
		cmocka_unit_test_teardown(test_after_name_conflict, leaks),
		cmocka_unit_test_teardown(test_limits, leaks),
	};
	int ret;

	top = talloc_new(NULL);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	talloc_free(top);
	return ret;
}
