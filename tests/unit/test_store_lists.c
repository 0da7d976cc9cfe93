/*
   Samba DFS Replication
   Holes, redo units, the manifest, the preexisting set, state, vector
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

enum verb { PUT, DEL };

/* One call in a unit of its own. */
struct call {
	enum verb verb;
	struct dfsr_hole *hole;
	struct dfsr_redo *redo;
	struct dfsr_preserved *preserved;
	const char *path;
	const struct dfsr_stamp *stamp;
	const char *state;
	const void *data;
	size_t len;
	const struct dfsr_vv *vv;
	const struct dfsr_id *gvsn;
	uint64_t tag;
};

static int put_unit(struct dfsr_store_txn *txn, const struct call *c)
{
	if (c->hole != NULL) {
		return dfsr_store_hole_put(txn, c->hole);
	}
	if (c->redo != NULL) {
		return dfsr_store_redo_put(txn, c->redo);
	}
	if (c->preserved != NULL) {
		return dfsr_store_preserved_add(txn, c->preserved);
	}
	if (c->path != NULL) {
		return dfsr_store_pre_put(txn, c->path, c->stamp);
	}
	if (c->state != NULL) {
		return dfsr_store_state_put(txn, c->state, c->data, c->len);
	}
	if (c->vv != NULL) {
		return dfsr_store_vv_union(txn, c->vv);
	}
	return dfsr_store_vv_add(txn, c->gvsn, c->tag);
}

static int del_unit(struct dfsr_store_txn *txn, const struct call *c)
{
	if (c->hole != NULL) {
		return dfsr_store_hole_del(txn, &c->hole->update.gvsn);
	}
	if (c->redo != NULL) {
		return dfsr_store_redo_del(txn, &c->redo->uid);
	}
	if (c->preserved != NULL) {
		return dfsr_store_preserved_del(txn, c->preserved->seq);
	}
	if (c->path != NULL) {
		return dfsr_store_pre_del(txn, c->path);
	}
	return dfsr_store_state_del(txn, c->state);
}

static int call_unit(struct dfsr_store_txn *txn, void *private_data)
{
	const struct call *c = private_data;

	return c->verb == PUT ? put_unit(txn, c) : del_unit(txn, c);
}

static void call(struct store_fixture *f, enum verb verb, struct call c,
		 int want)
{
	c.verb = verb;
	store_fixture_unit(f, call_unit, &c, want);
}

static struct dfsr_store_txn *reader(struct store_fixture *f)
{
	struct dfsr_store_txn *txn = NULL;

	assert_int_equal(dfsr_store_read_begin(f->store, &txn), 0);
	return txn;
}

static void any_stamp(struct store_fixture *f, struct dfsr_stamp *s)
{
	memset(s, 0, sizeof(*s));
	s->ident.ino = samples_u64(&f->samples);
	s->ident.btime_sec = -5;
	s->ident.btime_nsec = 7;
	s->size = samples_u64(&f->samples);
	s->mtime_sec = -1;
	s->ctime_sec = INT64_MAX;
	s->mode = 0100644;
	s->settled = true;
}

/* ---- holes ------------------------------------------------------------ */

static void test_holes(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_hole hole = {.reason = DFSR_WAIT_SPACE, .error = -28};
	struct dfsr_hole got, first;
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_id at = {.vsn = 0};
	int i, seen = 0;

	for (i = 0; i < 50; i++) {
		samples_record(&f->samples, &hole.update);
		hole.since = samples_u64(&f->samples);
		hole.attempts = i;
		call(f, PUT, (struct call){.hole = &hole}, 0);
		if (i == 0) {
			first = hole;
		}
		assert_int_equal(dfsr_store_hole_count(f->store), i + 1);
	}
	/* putting it again counts it once */
	call(f, PUT, (struct call){.hole = &hole}, 0);
	assert_int_equal(dfsr_store_hole_count(f->store), 50);
	store_fixture_reopen(f);
	assert_int_equal(dfsr_store_hole_count(f->store), 50);

	txn = reader(f);
	while (dfsr_store_hole_next(txn, &at, &got) == 0) {
		assert_true(dfsr_id_cmp(&got.update.gvsn, &at) > 0);
		at = got.update.gvsn;
		assert_int_equal(got.error, -28);
		assert_int_equal(got.reason, DFSR_WAIT_SPACE);
		if (dfsr_id_equal(&at, &first.update.gvsn)) {
			assert_int_equal(got.since, first.since);
			assert_int_equal(got.attempts, 0);
			assert_string_equal(got.update.name,
					    first.update.name);
		}
		seen++;
	}
	dfsr_store_read_end(txn);
	assert_int_equal(seen, 50);

	call(f, DEL, (struct call){.hole = &first}, 0);
	call(f, DEL, (struct call){.hole = &first}, 0);
	assert_int_equal(dfsr_store_hole_count(f->store), 49);
	hole.reason = DFSR_WAIT_ERROR + 1;
	call(f, PUT, (struct call){.hole = &hole}, EINVAL);
}

/* ---- redo units ------------------------------------------------------- */

static void test_redo(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_redo redo[10], got;
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_id at = {.vsn = 0};
	int i, seen = 0;

	memset(redo, 0, sizeof(redo));
	for (i = 0; i < 10; i++) {
		samples_record(&f->samples, &redo[i].update);
		redo[i].uid = redo[i].update.uid;
		redo[i].step = DFSR_REDO_REPLACE;
		any_stamp(f, &redo[i].old_stamp);
		strcpy(redo[i].staged, "staged-1");
		memset(redo[i].displaced, 'd', 63);
		redo[i].park = (i % 2) != 0;
		redo[i].keep_old = (i % 3) != 0;
		redo[i].conflict = DFSR_CONFLICT_DELETED;
		call(f, PUT, (struct call){.redo = &redo[i]}, 0);
	}
	store_fixture_reopen(f);
	txn = reader(f);
	for (i = 0; i < 10; i++) {
		assert_int_equal(dfsr_store_redo_get(txn, &redo[i].uid, &got),
				 0);
		assert_true(dfsr_stamp_equal(&got.old_stamp,
					     &redo[i].old_stamp));
		assert_true(dfsr_ident_is_null(&got.staged_stamp.ident));
		assert_string_equal(got.staged, redo[i].staged);
		assert_string_equal(got.displaced, redo[i].displaced);
		assert_int_equal(got.park, redo[i].park);
		assert_int_equal(got.keep_old, redo[i].keep_old);
		assert_int_equal(got.conflict, redo[i].conflict);
		assert_int_equal(got.step, redo[i].step);
		assert_true(dfsr_id_equal(&got.update.gvsn,
					  &redo[i].update.gvsn));
	}
	while (dfsr_store_redo_next(txn, &at, &got) == 0) {
		at = got.uid;
		seen++;
	}
	assert_int_equal(seen, 10);
	dfsr_store_read_end(txn);
	call(f, DEL, (struct call){.redo = &redo[4]}, 0);
	call(f, DEL, (struct call){.redo = &redo[4]}, 0);
	txn = reader(f);
	assert_int_equal(dfsr_store_redo_get(txn, &redo[4].uid, &got), ENOENT);
	dfsr_store_read_end(txn);
	redo[0].displaced[63] = 'd';
	call(f, PUT, (struct call){.redo = &redo[0]}, EINVAL);
}

/* ---- the manifest ----------------------------------------------------- */

static void test_manifest(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_preserved *p = calloc(3, sizeof(*p));
	struct dfsr_preserved *got = p + 1, *last = p + 2;
	struct dfsr_store_txn *txn = NULL;
	uint64_t seq = 0;
	int i;

	assert_non_null(p);
	for (i = 0; i < 300; i++) {
		samples_record(&f->samples, &p->rec);
		p->conflict = DFSR_CONFLICT_NAME;
		p->differs = DFSR_PART_META;
		p->winner_gvsn = p->rec.gvsn;
		p->partner = samples_guid(&f->samples);
		p->store = i % 2;
		p->size = i;
		memset(p->path, 'p', sizeof(p->path) - 1);
		memset(p->preserved_name, 'n', DFSR_NAME_MAX);
		call(f, PUT, (struct call){.preserved = p}, 0);
		assert_int_equal(p->seq, i + 1);
	}
	*last = *p;
	txn = reader(f);
	for (i = 0; i < 300; i++) {
		assert_int_equal(dfsr_store_preserved_next(txn, seq, got), 0);
		assert_int_equal(got->seq, i + 1);
		assert_int_equal(got->size, i);
		seq = got->seq;
	}
	assert_int_equal(dfsr_store_preserved_next(txn, seq, got), ENOENT);
	assert_int_equal(dfsr_store_preserved_get(txn, 300, got), 0);
	dfsr_store_read_end(txn);
	assert_string_equal(got->path, last->path);
	assert_string_equal(got->preserved_name, last->preserved_name);
	assert_int_equal(got->store, last->store);
	assert_int_equal(got->differs, last->differs);
	assert_int_equal(dfsr_guid_cmp(&got->partner, &last->partner), 0);

	/* a number is never used again, not even that of the last one */
	call(f, DEL, (struct call){.preserved = last}, 0);
	call(f, DEL, (struct call){.preserved = last}, 0);
	store_fixture_reopen(f);
	call(f, PUT, (struct call){.preserved = p}, 0);
	assert_int_equal(p->seq, 301);
	p->store = 2;
	call(f, PUT, (struct call){.preserved = p}, EINVAL);
	free(p);
}

/* ---- the preexisting set ---------------------------------------------- */

#define PRE_MANY 400
#define PRE_LONG 1200

/* Short ones, long ones that differ late, and one that is a prefix. */
static void pre_path(int i, char *path)
{
	size_t len = 0;

	path[0] = '\0';
	if (i % 2 != 0) {
		/* all around the length at which keys are cut */
		len = (i % 4 == 1) ? (size_t)PRE_LONG : 430 + (size_t)i % 20;
		memset(path, 'x', len);
	}
	snprintf(path + len, 16, "%d", i);
}

static int by_key(const void *a, const void *b)
{
	const char *const *pa = a;
	const char *const *pb = b;

	return strcmp(*pa, *pb);
}

static void check_pre_order(char **seen, int num)
{
	char **sorted = calloc(num, sizeof(*sorted));
	int i;

	assert_non_null(sorted);
	memcpy(sorted, seen, num * sizeof(*sorted));
	qsort(sorted, num, sizeof(*sorted), by_key);
	for (i = 0; i < num; i++) {
		if (i > 0) {
			/* each once */
			assert_string_not_equal(sorted[i], sorted[i - 1]);
			/* and in order as far as keys go */
			assert_true(strncmp(seen[i - 1], seen[i], 440) <= 0);
		}
	}
	free(sorted);
}

static void test_pre(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_stamp stamp, got;
	char path[PRE_LONG + 32];
	char **seen = talloc_zero_array(f->mem_ctx, char *, PRE_MANY);
	const char *after = "";
	int i, num = 0;

	for (i = 0; i < PRE_MANY; i++) {
		pre_path(i, path);
		any_stamp(f, &stamp);
		stamp.nlink = i;
		call(f, PUT, (struct call){.path = path, .stamp = &stamp}, 0);
	}
	store_fixture_reopen(f);
	txn = reader(f);
	for (i = 0; i < PRE_MANY; i++) {
		pre_path(i, path);
		assert_int_equal(dfsr_store_pre_get(txn, path, &got), 0);
		assert_int_equal(got.nlink, i);
	}
	while (num < PRE_MANY) {
		assert_int_equal(dfsr_store_pre_next(txn, seen, after,
						     &seen[num], &got),
				 0);
		pre_path(got.nlink, path);
		assert_string_equal(seen[num], path);
		after = seen[num];
		num++;
	}
	assert_int_equal(dfsr_store_pre_next(txn, seen, after, &seen[0], &got),
			 ENOENT);
	dfsr_store_read_end(txn);
	check_pre_order(seen + 1, num - 1);
	TALLOC_FREE(seen);

	for (i = 0; i < PRE_MANY; i += 3) {
		pre_path(i, path);
		call(f, DEL, (struct call){.path = path}, 0);
		call(f, DEL, (struct call){.path = path}, 0);
	}
	txn = reader(f);
	for (i = 0; i < PRE_MANY; i++) {
		pre_path(i, path);
		assert_int_equal(dfsr_store_pre_get(txn, path, &got),
				 i % 3 == 0 ? ENOENT : 0);
	}
	dfsr_store_read_end(txn);
	call(f, PUT, (struct call){.path = "", .stamp = &stamp}, EINVAL);
}

/* ---- state ------------------------------------------------------------ */

static void test_state(void **state)
{
	struct store_fixture *f = *state;
	size_t big = DFSR_STORE_STATE_MAX;
	uint8_t *data = calloc(1, big + 1);
	struct dfsr_store_txn *txn = NULL;
	uint8_t *got = NULL;
	size_t len = 1;

	assert_non_null(data);
	samples_bytes(&f->samples, data, big);
	call(f, PUT, (struct call){.state = "big", .data = data, .len = big},
	     0);
	call(f, PUT, (struct call){.state = "none", .data = data, .len = 0},
	     0);
	call(f, PUT,
	     (struct call){.state = "over", .data = data, .len = big + 1},
	     EINVAL);
	call(f, PUT, (struct call){.state = "", .data = data, .len = 1},
	     EINVAL);
	/* the room's own keys are out of reach */
	call(f, PUT,
	     (struct call){.state = STORE_KEY_FORMAT, .data = data, .len = 1},
	     EINVAL);
	call(f, DEL, (struct call){.state = STORE_KEY_FORMAT}, EINVAL);
	store_fixture_reopen(f);
	txn = reader(f);
	assert_int_equal(
		dfsr_store_state_get(txn, f->mem_ctx, "big", &got, &len), 0);
	assert_int_equal(len, big);
	assert_memory_equal(got, data, big);
	TALLOC_FREE(got);
	assert_int_equal(
		dfsr_store_state_get(txn, f->mem_ctx, "none", &got, &len), 0);
	assert_int_equal(len, 0);
	TALLOC_FREE(got);
	assert_int_equal(
		dfsr_store_state_get(txn, f->mem_ctx, "over", &got, &len),
		ENOENT);
	assert_null(got);
	dfsr_store_read_end(txn);
	call(f, DEL, (struct call){.state = "big"}, 0);
	call(f, DEL, (struct call){.state = "big"}, 0);
	txn = reader(f);
	assert_int_equal(
		dfsr_store_state_get(txn, f->mem_ctx, "big", &got, &len),
		ENOENT);
	dfsr_store_read_end(txn);
	free(data);
}

/* ---- the vector ------------------------------------------------------- */

static void assert_vector(struct store_fixture *f, const struct dfsr_vv *want)
{
	struct dfsr_store_txn *txn = reader(f);
	struct dfsr_vv *vv = NULL;

	assert_int_equal(dfsr_store_vv(txn, f->mem_ctx, &vv), 0);
	dfsr_store_read_end(txn);
	assert_true(dfsr_vv_equal(vv, want));
	TALLOC_FREE(vv);
	vv = dfsr_store_vv_published(f->mem_ctx, f->store);
	assert_non_null(vv);
	assert_true(dfsr_vv_equal(vv, want));
	TALLOC_FREE(vv);
}

static void test_vector(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_vv *want = dfsr_vv_new(f->mem_ctx);
	struct dfsr_store_txn *old = reader(f);
	struct dfsr_vv *empty = NULL, *part = NULL;
	struct dfsr_id id;
	uint64_t generation, i;

	assert_vector(f, want);
	for (i = 0; i < 200; i++) {
		id.db = f->folder;
		id.db.b[0] = samples_below(&f->samples, 3);
		id.vsn = 9 + samples_below(&f->samples, 300);
		call(f, PUT, (struct call){.gvsn = &id, .tag = i}, 0);
		assert_int_equal(dfsr_vv_add(want, &id, i), 0);
		assert_vector(f, want);
	}
	part = samples_vv(&f->samples, f->mem_ctx, 5, 5);
	assert_non_null(part);
	call(f, PUT, (struct call){.vv = part}, 0);
	assert_int_equal(dfsr_vv_union(want, part), 0);
	assert_vector(f, want);
	/* what is known already changes nothing, nor do other tables */
	generation = dfsr_store_vv_generation(f->store);
	call(f, PUT, (struct call){.state = "s", .data = "x", .len = 1}, 0);
	call(f, PUT, (struct call){.vv = part}, 0);
	call(f, PUT, (struct call){.gvsn = &id, .tag = 1}, 0);
	assert_int_equal(dfsr_store_vv_generation(f->store), generation);

	/* a reader keeps what it began with */
	assert_int_equal(dfsr_store_vv(old, f->mem_ctx, &empty), 0);
	assert_true(dfsr_vv_is_empty(empty));
	assert_false(dfsr_store_vv_contains(old, &id));
	assert_int_equal(dfsr_store_vv_add(old, &id, 0), EROFS);
	dfsr_store_read_end(old);
	store_fixture_reopen(f);
	assert_vector(f, want);
	assert_int_equal(dfsr_store_vv_generation(f->store), 1);
	/* a reader of another state than the published one unpacks its own */
	f->store->published_txnid = 0;
	assert_vector(f, want);
	TALLOC_FREE(empty);
	TALLOC_FREE(part);
	TALLOC_FREE(want);
}

static uint64_t published_tag(struct store_fixture *f)
{
	struct dfsr_vv *vv = dfsr_store_vv_published(f->mem_ctx, f->store);
	uint64_t tag;

	assert_non_null(vv);
	assert_int_equal(vv->num_entries, 1);
	tag = vv->entries[0].tag;
	TALLOC_FREE(vv);
	return tag;
}

/* The tag of the highest number may come later than the number. */
static void test_late_tag(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id id = {.db = f->folder, .vsn = 10};
	struct dfsr_vv *vv = dfsr_vv_new(f->mem_ctx);

	call(f, PUT, (struct call){.gvsn = &id, .tag = 0}, 0);
	assert_int_equal(published_tag(f), 0);
	call(f, PUT, (struct call){.gvsn = &id, .tag = 44}, 0);
	assert_int_equal(published_tag(f), 44);
	id.vsn = 11;
	call(f, PUT, (struct call){.gvsn = &id, .tag = 0}, 0);
	assert_int_equal(published_tag(f), 0);
	assert_int_equal(dfsr_vv_add(vv, &id, 55), 0);
	call(f, PUT, (struct call){.vv = vv}, 0);
	assert_int_equal(published_tag(f), 55);
	call(f, PUT, (struct call){.gvsn = &id, .tag = 66}, 0);
	assert_int_equal(published_tag(f), 55);
	TALLOC_FREE(vv);
}

/* ---- damage ----------------------------------------------------------- */

static void test_damage(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_hole hole = {.reason = 1};
	struct dfsr_redo redo = {.step = 1};
	struct dfsr_preserved *pr = calloc(1, sizeof(*pr));
	struct dfsr_stamp stamp;
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_id none = {.vsn = 0};
	uint8_t key[STORE_ID_LEN], seq[8];
	uint8_t *data = NULL;
	char *path = NULL;
	size_t len;

	assert_non_null(pr);
	samples_record(&f->samples, &hole.update);
	redo.update = pr->rec = hole.update;
	redo.uid = redo.update.uid;
	any_stamp(f, &stamp);
	call(f, PUT, (struct call){.hole = &hole}, 0);
	call(f, PUT, (struct call){.redo = &redo}, 0);
	call(f, PUT, (struct call){.preserved = pr}, 0);
	call(f, PUT, (struct call){.path = "a", .stamp = &stamp}, 0);
	call(f, PUT, (struct call){.state = "s", .data = "x", .len = 1}, 0);
	store_fixture_close(f);
	store_key_id(key, &hole.update.gvsn);
	store_fixture_damage(f, "hole", key, sizeof(key), 40);
	store_key_id(key, &redo.uid);
	store_fixture_damage(f, "redo", key, sizeof(key), 0);
	store_key_u64(seq, pr->seq);
	store_fixture_damage(f, "preserved", seq, sizeof(seq), 1);
	store_fixture_damage(f, "pre", "a", 1, 20);
	store_fixture_damage(f, "state", "s", 1, 6);
	store_fixture_open(f);
	txn = reader(f);
	assert_int_equal(dfsr_store_hole_next(txn, &none, &hole), EIO);
	assert_int_equal(dfsr_store_redo_next(txn, &none, &redo), EIO);
	assert_int_equal(dfsr_store_preserved_next(txn, 0, pr), EIO);
	assert_int_equal(dfsr_store_pre_get(txn, "a", &stamp), EIO);
	assert_int_equal(
		dfsr_store_pre_next(txn, f->mem_ctx, "", &path, &stamp), EIO);
	assert_null(path);
	assert_int_equal(
		dfsr_store_state_get(txn, f->mem_ctx, "s", &data, &len), EIO);
	assert_null(data);
	dfsr_store_read_end(txn);
	free(pr);
}

int main(void)
{
#define TEST(fn)                                                 \
	cmocka_unit_test_setup_teardown(fn, store_fixture_setup, \
					store_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_holes), TEST(test_redo),   TEST(test_manifest),
		TEST(test_pre),	  TEST(test_state),  TEST(test_vector),
		TEST(test_late_tag), TEST(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
