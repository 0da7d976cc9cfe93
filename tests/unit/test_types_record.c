/*
   Samba DFS Replication
   The update record, lineage, identities

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

/* ---- lineage ------------------------------------------------------------ */

static void test_lineage(void **state)
{
	struct samples s = {.state = 21};
	struct dfsr_lineage l = {.num = 0};
	struct dfsr_lineage copy;
	struct dfsr_id ids[DFSR_LINEAGE_MAX + 1];
	size_t i;

	(void)state;
	for (i = 0; i <= DFSR_LINEAGE_MAX; i++) {
		ids[i].db = samples_guid(&s);
		ids[i].vsn = 100 + i;
		assert_false(dfsr_lineage_has(&l, &ids[i]));
		if (i == DFSR_LINEAGE_MAX) {
			copy = l;
			assert_int_equal(dfsr_lineage_add(&l, &ids[i]),
					 E2BIG);
			assert_memory_equal(&copy, &l, sizeof(l));
			break;
		}
		assert_int_equal(dfsr_lineage_add(&l, &ids[i]), 0);
	}
	for (i = 0; i < DFSR_LINEAGE_MAX; i++) {
		assert_true(dfsr_lineage_has(&l, &ids[i]));
		ids[i].vsn--;
		assert_true(dfsr_lineage_has(&l, &ids[i]));
		/* an older number changes nothing */
		assert_int_equal(dfsr_lineage_add(&l, &ids[i]), 0);
		ids[i].vsn += 2;
		assert_false(dfsr_lineage_has(&l, &ids[i]));
		/* a newer one is raised even when the table is full */
		assert_int_equal(dfsr_lineage_add(&l, &ids[i]), 0);
		assert_true(dfsr_lineage_has(&l, &ids[i]));
	}
	assert_int_equal(l.num, DFSR_LINEAGE_MAX);
	for (i = 1; i < l.num; i++) {
		assert_true(dfsr_guid_cmp(&l.e[i - 1].db, &l.e[i].db) < 0);
	}
}

static void random_lineage(struct samples *s, struct dfsr_lineage *l)
{
	uint64_t n = samples_below(s, 10);

	memset(l, 0, sizeof(*l));
	while (n-- > 0) {
		struct dfsr_id id = {.vsn = 9 + samples_below(s, 20)};

		id.db.b[0] = (uint8_t)samples_below(s, 12);
		assert_int_equal(dfsr_lineage_add(l, &id), 0);
	}
}

/* Join is what a set of ancestors would do. */
static void test_lineage_join(void **state)
{
	struct samples s = {.state = 22};
	int round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		struct dfsr_lineage a, b, ab, ba;
		struct dfsr_id id = {.vsn = 0};
		unsigned int db, vsn;

		random_lineage(&s, &a);
		random_lineage(&s, &b);
		ab = a;
		ba = b;
		assert_int_equal(dfsr_lineage_join(&ab, &b), 0);
		assert_int_equal(dfsr_lineage_join(&ba, &a), 0);
		assert_memory_equal(&ab, &ba, sizeof(ab));
		for (db = 0; db < 12; db++) {
			for (vsn = 9; vsn < 30; vsn++) {
				bool want;

				id.db.b[0] = (uint8_t)db;
				id.vsn = vsn;
				want = dfsr_lineage_has(&a, &id) ||
				       dfsr_lineage_has(&b, &id);
				assert_int_equal(dfsr_lineage_has(&ab, &id),
						 want);
			}
		}
	}
}

static void test_lineage_join_full(void **state)
{
	struct samples s = {.state = 23};
	struct dfsr_lineage a = {.num = 0};
	struct dfsr_lineage b = {.num = 0};
	struct dfsr_lineage was;

	(void)state;
	while (a.num < DFSR_LINEAGE_MAX) {
		struct dfsr_id id = {.db = samples_guid(&s), .vsn = 9};

		assert_int_equal(dfsr_lineage_add(&a, &id), 0);
		id.vsn = 10;
		if (b.num < 10) {
			assert_int_equal(dfsr_lineage_add(&b, &id), 0);
		}
	}
	was = a;
	a.e[0].vsn = 9;
	assert_int_equal(dfsr_lineage_join(&a, &b), 0);
	b.e[0].db = samples_guid(&s);
	a = was;
	assert_int_equal(dfsr_lineage_join(&a, &b), E2BIG);
	assert_memory_equal(&a, &was, sizeof(a));
}

/* ---- the door ----------------------------------------------------------- */

static struct dfsr_id make_id(uint8_t db, uint64_t vsn)
{
	struct dfsr_id id = {.db = {.b = {db}}, .vsn = vsn};

	return id;
}

static void plain_file(struct dfsr_record *r)
{
	memset(r, 0, sizeof(*r));
	r->uid = make_id(1, 20);
	r->gvsn = make_id(2, 30);
	r->parent = make_id(9, 1);
	r->tag = 0x1122334455667788ULL;
	r->fence = DFSR_FENCE_DEFAULT;
	r->clock = 1000;
	r->create_time = 900;
	r->size = 77;
	r->attributes = 0x20;
	r->kind = DFSR_KIND_FILE;
	r->present = true;
	memset(r->content_hash, 0xcc, sizeof(r->content_hash));
	memset(r->meta_hash, 0xdd, sizeof(r->meta_hash));
	strcpy(r->name, "a.txt");
	assert_int_equal(dfsr_lineage_add(&r->lineage, &r->uid), 0);
	assert_int_equal(dfsr_lineage_add(&r->lineage, &r->gvsn), 0);
}

static void plain_alias(struct dfsr_record *r)
{
	plain_file(r);
	r->kind = DFSR_KIND_DIRECTORY;
	r->size = 0;
	memset(r->content_hash, 0, sizeof(r->content_hash));
	r->present = false;
	r->name_conflict = true;
	r->merged_into = make_id(3, 40);
}

static void plain_root(struct dfsr_record *r)
{
	plain_file(r);
	r->kind = DFSR_KIND_DIRECTORY;
	r->size = 0;
	memset(r->content_hash, 0, sizeof(r->content_hash));
	r->uid = make_id(1, 1);
	r->gvsn = r->uid;
	r->parent = make_id(0, 0);
	r->name[0] = '\0';
	r->lineage.num = 0;
	assert_int_equal(dfsr_lineage_add(&r->lineage, &r->gvsn), 0);
}

static void test_accepted(void **state)
{
	struct dfsr_record r;

	(void)state;
	plain_file(&r);
	assert_null(dfsr_record_valid(&r));
	assert_false(dfsr_record_is_alias(&r));
	r.clock = r.fence = r.create_time = DFSR_TIME_MAX;
	r.flags = DFSR_FLAG_CLOCK_DECREMENTED;
	assert_null(dfsr_record_valid(&r));
	r.present = false;
	assert_null(dfsr_record_valid(&r));
	r.name_conflict = true;
	assert_null(dfsr_record_valid(&r));
	assert_false(dfsr_record_is_alias(&r));
	plain_alias(&r);
	assert_null(dfsr_record_valid(&r));
	assert_true(dfsr_record_is_alias(&r));
	plain_root(&r);
	assert_null(dfsr_record_valid(&r));
	r.gvsn = make_id(2, 30);
	assert_int_equal(dfsr_lineage_add(&r.lineage, &r.gvsn), 0);
	assert_null(dfsr_record_valid(&r));
}

#define REFUSED(base, change)                          \
	do {                                           \
		struct dfsr_record r;                  \
		base(&r);                              \
		assert_null(dfsr_record_valid(&r));    \
		change;                                \
		assert_non_null(dfsr_record_valid(&r)); \
	} while (0)

static void test_refused(void **state)
{
	(void)state;
	REFUSED(plain_file, r.uid.vsn = 0);
	REFUSED(plain_file, r.uid.vsn = DFSR_VSN_MAX + 1);
	REFUSED(plain_file, memset(&r.uid.db, 0, sizeof(r.uid.db)));
	REFUSED(plain_file, r.gvsn.vsn = DFSR_VSN_FIRST - 1);
	REFUSED(plain_file, r.gvsn.vsn = r.lineage.e[1].vsn + 1);
	REFUSED(plain_file, r.gvsn.db.b[0] = 5);
	REFUSED(plain_file, r.parent.vsn = 0);
	REFUSED(plain_file, r.parent = r.uid);
	REFUSED(plain_file, r.fence = DFSR_TIME_MAX + 1);
	REFUSED(plain_file, r.clock = DFSR_TIME_MAX + 1);
	REFUSED(plain_file, r.clock = UINT64_MAX);
	REFUSED(plain_file, r.create_time = DFSR_TIME_MAX + 1);
	REFUSED(plain_file, r.size = (uint64_t)INT64_MAX + 1);
	REFUSED(plain_file, r.flags = 1);
	REFUSED(plain_file, r.kind = 0);
	REFUSED(plain_file, r.kind = 4);
	REFUSED(plain_file, r.name_conflict = true);
	REFUSED(plain_file, r.merged_into = make_id(3, 40));
	REFUSED(plain_file, r.name[0] = '\0');
	REFUSED(plain_file, r.name[0] = '/');
	REFUSED(plain_file, strcpy(r.name, ".."));
	REFUSED(plain_file, strcpy(r.name, ".dfsrprivate"));
	REFUSED(plain_file, memset(r.name, 'a', sizeof(r.name)));
	REFUSED(plain_file, r.lineage.num = 0);
	REFUSED(plain_file, r.lineage.num = DFSR_LINEAGE_MAX + 1);
	REFUSED(plain_file, r.lineage.e[1] = r.lineage.e[0]);
	REFUSED(plain_file, r.lineage.e[0].db.b[0] = 3);
	REFUSED(plain_file, r.lineage.e[0].vsn = 0);
	REFUSED(plain_file, r.lineage.e[0].vsn = UINT64_MAX);
	REFUSED(plain_alias, r.present = true);
	REFUSED(plain_alias, r.name_conflict = false);
	REFUSED(plain_alias, r.kind = DFSR_KIND_FILE);
	REFUSED(plain_alias, r.merged_into = r.uid);
	REFUSED(plain_alias, r.merged_into.vsn = 0);
	REFUSED(plain_alias, r.size = 1);
	REFUSED(plain_alias, r.content_hash[31] = 1);
	REFUSED(plain_root, r.present = false);
	REFUSED(plain_root, r.kind = DFSR_KIND_FILE);
	REFUSED(plain_root, strcpy(r.name, "a/b"));
	REFUSED(plain_root, r.uid.vsn = 9);
}

/* ---- packed ------------------------------------------------------------- */

static int repack(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		  struct dfsr_push *out)
{
	static const struct dfsr_record none;
	struct dfsr_record r;
	struct dfsr_pull p;
	int ret;

	(void)mem_ctx;
	memset(&r, 0x55, sizeof(r));
	dfsr_pull_init(&p, data, len);
	dfsr_record_pull(&p, &r);
	if (p.err != 0) {
		assert_memory_equal(&r, &none, sizeof(r));
	}
	ret = dfsr_pull_end(&p);
	if (ret == 0) {
		assert_null(dfsr_record_valid(&r));
		dfsr_record_push(out, &r);
	}
	return ret;
}

static void test_round_trips(void **state)
{
	struct samples s = {.state = 31};
	int i;

	for (i = 0; i < 5000; i++) {
		struct dfsr_record r, got;
		struct dfsr_push push;
		struct dfsr_pull pull;

		samples_record(&s, &r);
		assert_null(dfsr_record_valid(&r));
		dfsr_push_init(&push, *state);
		dfsr_record_push(&push, &r);
		assert_int_equal(push.err, 0);
		dfsr_pull_init(&pull, push.data, push.len);
		dfsr_record_pull(&pull, &got);
		assert_int_equal(dfsr_pull_end(&pull), 0);
		/* name behind its end is not part of the value */
		memset(r.name + strlen(r.name),
		       0,
		       sizeof(r.name) - strlen(r.name));
		assert_memory_equal(&r, &got, sizeof(r));
		assert_int_equal(repack(*state, push.data, push.len, &push),
				 0);
		assert_int_equal(push.len % 2, 0);
		assert_memory_equal(push.data,
				    push.data + push.len / 2,
				    push.len / 2);
		talloc_free(push.data);
	}
}

static void test_damage(void **state)
{
	struct samples s = {.state = 32};
	int i;

	for (i = 0; i < 40; i++) {
		struct dfsr_record r;
		struct dfsr_push push;

		samples_record(&s, &r);
		if (i == 0) {
			plain_alias(&r);
		} else if (i == 1) {
			plain_root(&r);
		} else if (i == 2) {
			plain_file(&r);
		}
		dfsr_push_init(&push, *state);
		dfsr_record_push(&push, &r);
		assert_int_equal(push.err, 0);
		samples_damage(*state, push.data, push.len, repack);
		talloc_free(push.data);
	}
}

/* The form is on other people's disks: it may not change by accident. */
static void test_frozen_form(void **state)
{
	static const uint8_t head[] = {
		1, 1, 0x05,	      /* version, file, present + hash */
		0, 0, 0, 0,	      /* flags */
		0x20, 0, 0, 0,	      /* attributes */
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		20, 0, 0, 0, 0, 0, 0, 0, /* uid */
		2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		30, 0, 0, 0, 0, 0, 0, 0, /* gvsn */
		9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 0, 0, 0, 0, 0, 0, 0, /* parent */
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* tag */
		3, 0, 0, 0, 0, 0, 0, 0, /* fence */
		0xe8, 3, 0, 0, 0, 0, 0, 0, /* clock */
		0x84, 3, 0, 0, 0, 0, 0, 0, /* create_time */
		77, 0, 0, 0, 0, 0, 0, 0, /* size */
	};
	static const uint8_t tail[] = {
		5, 0, 'a', '.', 't', 'x', 't',
		2,
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		20, 0, 0, 0, 0, 0, 0, 0,
		2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		30, 0, 0, 0, 0, 0, 0, 0,
	};
	uint8_t hashes[2 * DFSR_HASH_LEN];
	struct dfsr_record r;
	struct dfsr_push p;

	memset(hashes, 0xdd, DFSR_HASH_LEN);
	memset(hashes + DFSR_HASH_LEN, 0xcc, DFSR_HASH_LEN);
	plain_file(&r);
	dfsr_push_init(&p, *state);
	dfsr_record_push(&p, &r);
	assert_int_equal(p.err, 0);
	assert_int_equal(p.len,
			 sizeof(head) + sizeof(hashes) + sizeof(tail));
	assert_memory_equal(p.data, head, sizeof(head));
	assert_memory_equal(p.data + sizeof(head), hashes, sizeof(hashes));
	assert_memory_equal(p.data + p.len - sizeof(tail),
			    tail,
			    sizeof(tail));
	talloc_free(p.data);
}

/* What is zero is left out; written out it is a second form of one value. */
static void test_one_form_only(void **state)
{
	const size_t hash_at = 3 + 2 * 4 + 3 * 24 + 5 * 8 + DFSR_HASH_LEN;
	struct dfsr_record r;
	struct dfsr_push p;
	struct dfsr_pull q;

	plain_file(&r);
	dfsr_push_init(&p, *state);
	dfsr_record_push(&p, &r);
	assert_int_equal(p.err, 0);
	assert_int_equal(p.data[hash_at], 0xcc);
	memset(p.data + hash_at, 0, DFSR_HASH_LEN);
	dfsr_pull_init(&q, p.data, p.len);
	dfsr_record_pull(&q, &r);
	assert_int_equal(q.err, EBADMSG);
	talloc_free(p.data);
}

static void test_push_refuses(void **state)
{
	struct dfsr_record r;
	struct dfsr_push p;

	plain_file(&r);
	memset(r.name, 'a', sizeof(r.name));
	dfsr_push_init(&p, *state);
	dfsr_record_push(&p, &r);
	assert_int_equal(p.err, EINVAL);
	plain_file(&r);
	r.lineage.num = DFSR_LINEAGE_MAX + 1;
	dfsr_push_init(&p, *state);
	dfsr_record_push(&p, &r);
	assert_int_equal(p.err, EINVAL);
}

/* ---- identities --------------------------------------------------------- */

static int repack_stamp(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
			struct dfsr_push *out)
{
	struct dfsr_stamp s;
	struct dfsr_pull p;
	int ret;

	(void)mem_ctx;
	dfsr_pull_init(&p, data, len);
	dfsr_stamp_pull(&p, &s);
	ret = dfsr_pull_end(&p);
	if (ret == 0) {
		dfsr_stamp_push(out, &s);
	}
	return ret;
}

static int repack_ident(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
			struct dfsr_push *out)
{
	struct dfsr_ident i;
	struct dfsr_pull p;
	int ret;

	(void)mem_ctx;
	dfsr_pull_init(&p, data, len);
	dfsr_ident_pull(&p, &i);
	ret = dfsr_pull_end(&p);
	if (ret == 0) {
		dfsr_ident_push(out, &i);
	}
	return ret;
}

static void random_stamp(struct samples *s, struct dfsr_stamp *st)
{
	memset(st, 0, sizeof(*st));
	st->ident.ino = samples_u64(s);
	st->ident.btime_sec = (int64_t)samples_u64(s);
	st->ident.btime_nsec = (uint32_t)samples_u64(s);
	st->size = samples_u64(s);
	st->mtime_sec = (int64_t)samples_u64(s);
	st->mtime_nsec = (uint32_t)samples_u64(s);
	st->ctime_sec = (int64_t)samples_u64(s);
	st->ctime_nsec = (uint32_t)samples_u64(s);
	st->nlink = (uint32_t)samples_u64(s);
	st->mode = (uint32_t)samples_u64(s);
	st->settled = samples_below(s, 2) == 0;
}

static void test_stamps(void **state)
{
	struct samples s = {.state = 41};
	int i;

	for (i = 0; i < 100; i++) {
		struct dfsr_stamp st, got;
		struct dfsr_push push;
		struct dfsr_pull pull;

		random_stamp(&s, &st);
		dfsr_push_init(&push, *state);
		dfsr_stamp_push(&push, &st);
		dfsr_pull_init(&pull, push.data, push.len);
		dfsr_stamp_pull(&pull, &got);
		assert_int_equal(dfsr_pull_end(&pull), 0);
		assert_true(dfsr_stamp_equal(&st, &got));
		assert_int_equal(st.nlink, got.nlink);
		assert_int_equal(st.settled, got.settled);
		samples_damage(*state, push.data, push.len, repack_stamp);
		talloc_free(push.data);

		dfsr_push_init(&push, *state);
		dfsr_ident_push(&push, &st.ident);
		samples_damage(*state, push.data, push.len, repack_ident);
		talloc_free(push.data);
	}
}

#define DIFFERS(field, same_data)                             \
	do {                                                  \
		struct dfsr_stamp b = a;                      \
		b.field++;                                    \
		assert_false(dfsr_stamp_equal(&a, &b));       \
		assert_int_equal(dfsr_stamp_same_data(&a, &b), \
				 same_data);                  \
	} while (0)

static void test_stamp_equality(void **state)
{
	struct dfsr_stamp a = {.ident = {.ino = 5}, .settled = true};
	struct dfsr_stamp c = a;
	struct dfsr_ident none = {.ino = 0};

	(void)state;
	DIFFERS(ident.ino, false);
	DIFFERS(ident.btime_sec, false);
	DIFFERS(ident.btime_nsec, false);
	DIFFERS(size, false);
	DIFFERS(mtime_sec, false);
	DIFFERS(mtime_nsec, false);
	DIFFERS(mode, false);
	DIFFERS(ctime_sec, true);
	DIFFERS(ctime_nsec, true);
	c.nlink++;
	c.settled = false;
	assert_true(dfsr_stamp_equal(&a, &c));
	assert_true(dfsr_ident_is_null(&none));
	assert_false(dfsr_ident_is_null(&a.ident));
	assert_true(dfsr_ident_equal(&a.ident, &c.ident));
}

#define T(name)                                        \
	cmocka_unit_test_setup_teardown(name,          \
					samples_setup, \
					samples_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_lineage),
		T(test_lineage_join),
		T(test_lineage_join_full),
		T(test_accepted),
		T(test_refused),
		T(test_round_trips),
		T(test_damage),
		T(test_frozen_form),
		T(test_one_form_only),
		T(test_push_refuses),
		T(test_stamps),
		T(test_stamp_equality),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
