/*
   Samba DFS Replication
   Version vectors against a naive model

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

#define DBS 4
#define NUMBERS 200
#define SEEDS 40
#define STEPS 1500

/* One byte per number: what a set is, without any cleverness. */
struct model {
	bool has[DBS][NUMBERS];
};

static struct dfsr_guid db_guid(unsigned int i)
{
	struct dfsr_guid g = {.b = {0}};

	/* order of the bytes is not the order of i */
	g.b[0] = (uint8_t)(0xe0 >> i);
	g.b[15] = (uint8_t)i;
	return g;
}

static void check_shape(const struct dfsr_vv *vv)
{
	uint32_t i, j;

	for (i = 0; i < vv->num_entries; i++) {
		const struct dfsr_vv_entry *e = &vv->entries[i];

		assert_true(e->num_ranges > 0);
		if (i > 0) {
			assert_true(dfsr_guid_cmp(&e[-1].db, &e->db) < 0);
		}
		for (j = 0; j < e->num_ranges; j++) {
			const struct dfsr_vv_range *r = &e->ranges[j];

			assert_true(r->low >= 1 && r->low <= r->high);
			if (j > 0) {
				assert_true(r->low > r[-1].high + 1);
			}
		}
	}
}

static void check_same(const struct dfsr_vv *vv, const struct model *m)
{
	uint64_t count = 0;
	unsigned int i, n;

	check_shape(vv);
	for (i = 0; i < DBS; i++) {
		struct dfsr_id id = {.db = db_guid(i)};
		uint64_t high = 0;

		for (n = 1; n < NUMBERS; n++) {
			id.vsn = n;
			assert_int_equal(dfsr_vv_contains(vv, &id),
					 m->has[i][n]);
			if (m->has[i][n]) {
				high = n;
				count++;
			}
		}
		id.vsn = NUMBERS;
		assert_false(dfsr_vv_contains(vv, &id));
		assert_int_equal(dfsr_vv_high(vv, &id.db), high);
	}
	assert_int_equal(dfsr_vv_count(vv), count);
	assert_int_equal(dfsr_vv_is_empty(vv), count == 0);
}

static void random_add(struct samples *s, struct dfsr_vv *vv,
		       struct model *m)
{
	unsigned int i = (unsigned int)samples_below(s, DBS);
	struct dfsr_guid db = db_guid(i);
	uint64_t low = 1 + samples_below(s, NUMBERS - 1);
	uint64_t high = low + samples_below(s, 1 + samples_below(s, 12));
	uint64_t n;

	if (high >= NUMBERS) {
		high = NUMBERS - 1;
	}
	if (low == high) {
		struct dfsr_id id = {.db = db, .vsn = low};

		assert_int_equal(dfsr_vv_add(vv, &id, 0), 0);
	} else {
		assert_int_equal(dfsr_vv_add_range(vv, &db, low, high, 0),
				 0);
	}
	for (n = low; n <= high; n++) {
		m->has[i][n] = true;
	}
}

static bool model_covers(const struct model *a, const struct model *b)
{
	unsigned int i, n;

	for (i = 0; i < DBS; i++) {
		for (n = 0; n < NUMBERS; n++) {
			if (b->has[i][n] && !a->has[i][n]) {
				return false;
			}
		}
	}
	return true;
}

static void check_pair(TALLOC_CTX *mem_ctx, const struct dfsr_vv *a,
		       const struct model *ma, const struct dfsr_vv *b,
		       const struct model *mb)
{
	struct dfsr_vv *minus = dfsr_vv_difference(mem_ctx, a, b);
	struct dfsr_vv *both = dfsr_vv_copy(mem_ctx, a);
	struct dfsr_vv *back = dfsr_vv_copy(mem_ctx, b);
	struct model m_minus = *ma;
	struct model m_both = *ma;
	unsigned int i, n;

	assert_non_null(minus);
	assert_non_null(both);
	assert_non_null(back);
	for (i = 0; i < DBS; i++) {
		for (n = 0; n < NUMBERS; n++) {
			m_minus.has[i][n] &= !mb->has[i][n];
			m_both.has[i][n] |= mb->has[i][n];
		}
	}
	check_same(minus, &m_minus);
	assert_true(dfsr_vv_equal(both, a));
	assert_int_equal(dfsr_vv_union(both, b), 0);
	check_same(both, &m_both);
	assert_int_equal(dfsr_vv_union(back, a), 0);
	assert_true(dfsr_vv_equal(both, back));
	assert_true(dfsr_vv_covers(both, a));
	assert_true(dfsr_vv_covers(both, b));
	assert_int_equal(dfsr_vv_covers(a, b), model_covers(ma, mb));
	assert_int_equal(dfsr_vv_covers(a, b), dfsr_vv_equal(both, a));
	assert_int_equal(dfsr_vv_is_empty(minus), dfsr_vv_covers(b, a));

	/* (a - b) + b is the union */
	assert_int_equal(dfsr_vv_union(minus, b), 0);
	assert_true(dfsr_vv_equal(minus, both));
	talloc_free(minus);
	talloc_free(both);
	talloc_free(back);
}

static void test_against_model(void **state)
{
	uint64_t seed;

	for (seed = 1; seed <= SEEDS; seed++) {
		struct samples s = {.state = seed};
		struct dfsr_vv *vv[3] = {NULL};
		struct model *m = talloc_zero_array(*state, struct model, 3);
		unsigned int i;

		assert_non_null(m);
		for (i = 0; i < 3; i++) {
			vv[i] = dfsr_vv_new(m);
			assert_non_null(vv[i]);
		}
		for (i = 0; i < STEPS; i++) {
			unsigned int a = (unsigned int)samples_below(&s, 3);
			unsigned int b = (unsigned int)samples_below(&s, 3);

			random_add(&s, vv[a], &m[a]);
			if (i % 16 == 0) {
				check_same(vv[a], &m[a]);
				check_pair(m, vv[a], &m[a], vv[b], &m[b]);
			}
			if (i % 400 == 399) {
				/* begin again with a sparse set */
				talloc_free(vv[b]);
				vv[b] = dfsr_vv_new(m);
				assert_non_null(vv[b]);
				memset(&m[b], 0, sizeof(m[b]));
			}
		}
		talloc_free(m);
	}
}

static void test_limits_of_numbers(void **state)
{
	struct dfsr_vv *vv = dfsr_vv_new(*state);
	struct dfsr_guid db = db_guid(1);
	struct dfsr_id id = {.db = db, .vsn = 0};

	assert_non_null(vv);
	assert_int_equal(dfsr_vv_add(vv, &id, 0), EINVAL);
	id.vsn = DFSR_VSN_MAX + 1;
	assert_int_equal(dfsr_vv_add(vv, &id, 0), EINVAL);
	assert_int_equal(dfsr_vv_add_range(vv, &db, 7, 6, 0), EINVAL);
	assert_true(dfsr_vv_is_empty(vv));
	id.vsn = DFSR_VSN_MAX;
	assert_int_equal(dfsr_vv_add(vv, &id, 0), 0);
	assert_int_equal(dfsr_vv_add_range(vv, &db, 1, DFSR_VSN_MAX, 0), 0);
	assert_int_equal(dfsr_vv_count(vv), DFSR_VSN_MAX);
	assert_int_equal(vv->entries[0].num_ranges, 1);
	id.vsn = UINT64_MAX;
	assert_false(dfsr_vv_contains(vv, &id));
	talloc_free(vv);
}

static void test_count_saturates(void **state)
{
	struct dfsr_vv *vv = dfsr_vv_new(*state);
	unsigned int i;

	assert_non_null(vv);
	for (i = 0; i < 5; i++) {
		struct dfsr_guid db = db_guid(i);

		assert_int_equal(
			dfsr_vv_add_range(vv, &db, 1, DFSR_VSN_MAX, 0), 0);
	}
	assert_true(dfsr_vv_count(vv) == UINT64_MAX);
	talloc_free(vv);
}

/* Every second number: as many intervals as there may be, and no more. */
static void test_limit_of_ranges(void **state)
{
	struct dfsr_vv *vv = dfsr_vv_new(*state);
	struct dfsr_vv *more = dfsr_vv_new(*state);
	struct dfsr_vv *got = NULL;
	struct dfsr_id id = {.db = db_guid(0)};
	struct dfsr_push push;
	struct dfsr_pull pull;
	uint64_t i;

	assert_non_null(vv);
	assert_non_null(more);
	for (i = 0; i < DFSR_VV_RANGES_MAX; i++) {
		id.vsn = 9 + 2 * i;
		assert_int_equal(dfsr_vv_add(vv, &id, 0), 0);
	}
	id.vsn += 2;
	assert_int_equal(dfsr_vv_add(vv, &id, 0), E2BIG);
	assert_false(dfsr_vv_contains(vv, &id));
	assert_int_equal(dfsr_vv_add(more, &id, 0), 0);
	assert_int_equal(dfsr_vv_union(vv, more), E2BIG);
	assert_int_equal(dfsr_vv_count(vv), DFSR_VV_RANGES_MAX);
	id.db = db_guid(1);
	assert_int_equal(dfsr_vv_add(vv, &id, 0), E2BIG);
	assert_int_equal(vv->num_entries, 1);

	dfsr_push_init(&push, *state);
	dfsr_vv_push(&push, vv);
	assert_int_equal(push.err, 0);
	dfsr_pull_init(&pull, push.data, push.len);
	got = dfsr_vv_pull(&pull, *state);
	assert_non_null(got);
	assert_true(dfsr_vv_equal(got, vv));
	talloc_free(got);
	talloc_free(push.data);

	/* a number that closes a hole still fits */
	id.db = db_guid(0);
	id.vsn = 10;
	assert_int_equal(dfsr_vv_add(vv, &id, 0), 0);
	assert_int_equal(vv->entries[0].num_ranges, DFSR_VV_RANGES_MAX - 1);
	talloc_free(vv);
	talloc_free(more);
}

static void test_limit_of_entries(void **state)
{
	struct samples s = {.state = 5};
	struct dfsr_vv *vv = dfsr_vv_new(*state);
	struct dfsr_vv *more = dfsr_vv_new(*state);
	struct dfsr_id id = {.vsn = 9};
	uint32_t i;

	assert_non_null(vv);
	assert_non_null(more);
	for (i = 0; i < DFSR_VV_ENTRIES_MAX; i++) {
		id.db = samples_guid(&s);
		assert_int_equal(dfsr_vv_add(vv, &id, 0), 0);
	}
	id.db = samples_guid(&s);
	assert_int_equal(dfsr_vv_add(vv, &id, 0), E2BIG);
	assert_int_equal(dfsr_vv_add(more, &id, 0), 0);
	assert_int_equal(dfsr_vv_union(vv, more), E2BIG);
	assert_int_equal(vv->num_entries, DFSR_VV_ENTRIES_MAX);
	assert_int_equal(dfsr_vv_count(vv), DFSR_VV_ENTRIES_MAX);
	talloc_free(vv);
	talloc_free(more);
}

static void test_tags(void **state)
{
	struct dfsr_vv *a = dfsr_vv_new(*state);
	struct dfsr_vv *b = dfsr_vv_new(*state);
	struct dfsr_vv *c = NULL;
	struct dfsr_guid db = db_guid(2);

	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(dfsr_vv_add_range(a, &db, 9, 12, 100), 0);
	assert_int_equal(a->entries[0].tag, 100);
	assert_int_equal(dfsr_vv_add_range(a, &db, 5, 6, 200), 0);
	assert_int_equal(a->entries[0].tag, 100);
	assert_int_equal(dfsr_vv_add_range(a, &db, 13, 13, 300), 0);
	assert_int_equal(a->entries[0].tag, 300);
	assert_int_equal(dfsr_vv_add_range(a, &db, 13, 13, 400), 0);
	assert_int_equal(a->entries[0].tag, 300);

	/* a highest number whose tag is unknown learns it */
	assert_int_equal(dfsr_vv_add_range(b, &db, 9, 13, 0), 0);
	assert_true(dfsr_vv_covers(b, a) == false);
	assert_int_equal(dfsr_vv_union(b, a), 0);
	assert_int_equal(b->entries[0].tag, 300);
	assert_int_equal(dfsr_vv_add_range(b, &db, 20, 20, 0), 0);
	assert_int_equal(b->entries[0].tag, 0);
	assert_int_equal(dfsr_vv_union(a, b), 0);
	assert_int_equal(a->entries[0].tag, 0);
	assert_true(dfsr_vv_equal(a, b));

	/* a difference keeps the tag with the number that it belongs to */
	talloc_free(b);
	b = dfsr_vv_new(*state);
	assert_non_null(b);
	assert_int_equal(dfsr_vv_add_range(a, &db, 21, 21, 500), 0);
	assert_int_equal(dfsr_vv_add_range(b, &db, 9, 10, 7), 0);
	c = dfsr_vv_difference(*state, a, b);
	assert_non_null(c);
	assert_int_equal(c->entries[0].tag, 500);
	talloc_free(c);
	assert_int_equal(dfsr_vv_add_range(b, &db, 21, 21, 500), 0);
	c = dfsr_vv_difference(*state, a, b);
	assert_non_null(c);
	assert_int_equal(c->entries[0].tag, 0);
	talloc_free(c);
	talloc_free(a);
	talloc_free(b);
}

/* After an allocation that failed the vector is what it was. */
static void test_no_memory(void **state)
{
	struct samples s = {.state = 77};
	struct dfsr_vv *other = samples_vv(&s, *state, 20, 20);
	size_t limit;
	unsigned int failed = 0;

	for (limit = 0; limit < 40000; limit += 512) {
		TALLOC_CTX *ctx = talloc_new(*state);
		struct dfsr_vv *vv = dfsr_vv_new(ctx);
		struct dfsr_vv *was = NULL;
		struct dfsr_id id = {.db = db_guid(0), .vsn = 9};
		unsigned int i;
		int ret = 0;

		assert_non_null(vv);
		assert_int_equal(dfsr_vv_add(vv, &id, 1), 0);
		samples_limit_memory(ctx, limit);
		for (i = 0; i < 200 && ret == 0; i++) {
			uint64_t count = dfsr_vv_count(vv);

			id.db = samples_guid(&s);
			ret = dfsr_vv_add(vv, &id, 1);
			if (ret != 0) {
				assert_int_equal(ret, ENOMEM);
				assert_int_equal(dfsr_vv_count(vv), count);
			}
		}
		was = dfsr_vv_copy(*state, vv);
		assert_non_null(was);
		check_shape(vv);
		ret = dfsr_vv_union(vv, other);
		check_shape(vv);
		if (ret != 0) {
			assert_int_equal(ret, ENOMEM);
			assert_true(dfsr_vv_equal(vv, was));
			failed++;
		} else {
			assert_true(dfsr_vv_covers(vv, other));
		}
		talloc_free(was);
		talloc_free(ctx);
	}
	assert_true(failed > 0);
	talloc_free(other);
}

/* A union leaves no arrays behind below the vector. */
static void test_no_garbage(void **state)
{
	struct samples s = {.state = 6};
	struct model unused;
	struct dfsr_vv *vv = dfsr_vv_new(*state);
	unsigned int i, j;

	assert_non_null(vv);
	for (i = 0; i < 200; i++) {
		struct dfsr_vv *more = samples_vv(&s, *state, 1, 10);

		for (j = 0; j < 3; j++) {
			random_add(&s, more, &unused);
		}
		assert_int_equal(dfsr_vv_union(vv, more), 0);
		assert_int_equal(dfsr_vv_union(vv, vv), 0);
		talloc_free(more);
		assert_int_equal(talloc_total_blocks(vv),
				 2 + vv->num_entries);
	}
	talloc_free(vv);
}

/* A million numbers of one member, with holes, in a moment. */
static void test_many_numbers(void **state)
{
	struct dfsr_vv *vv = dfsr_vv_new(*state);
	struct dfsr_id id = {.db = db_guid(3)};
	uint64_t i;

	assert_non_null(vv);
	for (i = 0; i < 1000000; i++) {
		id.vsn = 9 + i + i / 10;
		assert_int_equal(dfsr_vv_add(vv, &id, i), 0);
	}
	assert_int_equal(dfsr_vv_count(vv), 1000000);
	assert_int_equal(vv->entries[0].num_ranges, 100000);
	talloc_free(vv);
}

static int repack(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		  struct dfsr_push *out)
{
	struct dfsr_pull pull;
	struct dfsr_vv *vv = NULL;
	int ret;

	dfsr_pull_init(&pull, data, len);
	vv = dfsr_vv_pull(&pull, mem_ctx);
	ret = dfsr_pull_end(&pull);
	assert_int_equal(vv == NULL && ret == 0, 0);
	if (vv != NULL && ret == 0) {
		check_shape(vv);
		dfsr_vv_push(out, vv);
	}
	talloc_free(vv);
	return ret;
}

static void test_damage(void **state)
{
	uint64_t seed;

	for (seed = 1; seed <= 30; seed++) {
		struct samples s = {.state = seed};
		struct dfsr_vv *vv = samples_vv(&s, *state, 5, 6);
		struct dfsr_push push;

		dfsr_push_init(&push, *state);
		dfsr_vv_push(&push, vv);
		assert_int_equal(push.err, 0);
		samples_damage(*state, push.data, push.len, repack);
		talloc_free(push.data);
		talloc_free(vv);
	}
}

static void check_refused(TALLOC_CTX *mem_ctx, struct dfsr_push *push)
{
	struct dfsr_pull pull;

	assert_int_equal(push->err, 0);
	dfsr_pull_init(&pull, push->data, push->len);
	assert_null(dfsr_vv_pull(&pull, mem_ctx));
	assert_int_equal(pull.err, EBADMSG);
	TALLOC_FREE(push->data);
	dfsr_push_init(push, mem_ctx);
}

static void push_head(struct dfsr_push *p, uint8_t version, uint32_t entries,
		      uint32_t ranges)
{
	struct dfsr_guid db = db_guid(0);

	dfsr_push_u8(p, version);
	dfsr_push_u32(p, entries);
	dfsr_push_guid(p, &db);
	dfsr_push_u64(p, 1);
	dfsr_push_u32(p, ranges);
}

static void push_range(struct dfsr_push *p, uint64_t low, uint64_t high)
{
	dfsr_push_u64(p, low);
	dfsr_push_u64(p, high);
}

static void test_refused(void **state)
{
	static const uint64_t bad[][4] = {
		{9, 10, 11, 12},	       /* touch */
		{9, 12, 11, 14},	       /* overlap */
		{20, 21, 9, 10},	       /* descend */
		{0, 10, 12, 13},	       /* zero */
		{10, 9, 12, 13},	       /* backwards */
		{9, 10, 12, DFSR_VSN_MAX + 1}, /* beyond */
		{9, UINT64_MAX, 0, 0},	       /* wraps */
	};
	struct dfsr_push push;
	size_t i;

	dfsr_push_init(&push, *state);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		push_head(&push, 1, 1, 2);
		push_range(&push, bad[i][0], bad[i][1]);
		push_range(&push, bad[i][2], bad[i][3]);
		check_refused(*state, &push);
	}
	push_head(&push, 2, 1, 1);
	push_range(&push, 9, 9);
	check_refused(*state, &push);
	push_head(&push, 1, 1, 0);
	push_range(&push, 9, 9);
	check_refused(*state, &push);
	push_head(&push, 1, UINT32_MAX, 1);
	push_range(&push, 9, 9);
	check_refused(*state, &push);
	push_head(&push, 1, 1, UINT32_MAX);
	push_range(&push, 9, 9);
	check_refused(*state, &push);
	/* the same database twice */
	push_head(&push, 1, 2, 1);
	push_range(&push, 9, 9);
	dfsr_push_bytes(&push, push.data + 5, push.len - 5);
	check_refused(*state, &push);
	talloc_free(push.data);
}

static void test_text(void **state)
{
	struct dfsr_vv *vv = dfsr_vv_new(*state);
	struct dfsr_guid a = {.b = {1}};
	struct dfsr_guid b = {.b = {2}};
	char *text = NULL;

	assert_non_null(vv);
	text = dfsr_vv_str(*state, vv);
	assert_string_equal(text, "");
	talloc_free(text);
	assert_int_equal(dfsr_vv_add_range(vv, &b, 1, DFSR_VSN_MAX, 0), 0);
	assert_int_equal(dfsr_vv_add_range(vv, &a, 14, 14, 0), 0);
	assert_int_equal(dfsr_vv_add_range(vv, &a, 9, 12, 0), 0);
	text = dfsr_vv_str(*state, vv);
	assert_string_equal(text,
			    "00000001-0000-0000-0000-000000000000:"
			    "[9-12,14];"
			    "00000002-0000-0000-0000-000000000000:"
			    "[1-4611686018427387904]");
	talloc_free(text);
	talloc_free(vv);
}

#define T(name)                                        \
	cmocka_unit_test_setup_teardown(name,          \
					samples_setup, \
					samples_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_against_model),
		T(test_limits_of_numbers),
		T(test_count_saturates),
		T(test_limit_of_ranges),
		T(test_limit_of_entries),
		T(test_tags),
		T(test_no_memory),
		T(test_no_garbage),
		T(test_many_numbers),
		T(test_damage),
		T(test_refused),
		T(test_text),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
