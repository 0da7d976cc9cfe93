/*
   Samba DFS Replication
   Random histories of three members: they agree, and nothing is lost

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
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "view_array.h"

#define MEMBERS 3
#define RUNS 2500
#define STEPS 40

static TALLOC_CTX *top;
static uint64_t current_seed;

struct world {
	struct member *m[MEMBERS];
	struct payloads *truth;
	uint64_t rnd;
};

static uint32_t dice(struct world *w, uint32_t sides)
{
	w->rnd = w->rnd * UINT64_C(6364136223846793005) +
		 UINT64_C(1442695040888963407);
	return (uint32_t)(w->rnd >> 33) % sides;
}

static struct world *world_new(uint64_t seed)
{
	struct world *w = talloc_zero(top, struct world);
	unsigned i;

	assert_non_null(w);
	w->rnd = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w->truth = payloads_new(w);
	for (i = 0; i < MEMBERS; i++) {
		w->m[i] = member_new(w, i, w->truth);
		/* clocks differ by more than a whole run takes */
		w->m[i]->now += dice(w, 3) * 100000;
		w->m[i]->rnd += seed;
	}
	return w;
}

/* Any live object but the root, of one kind or (0) of any. */
static const struct dfsr_record *pick(struct world *w, struct member *m,
				      uint8_t kind)
{
	const struct dfsr_record *found[256];
	uint32_t i, n = 0;

	for (i = 0; i < m->va->num && n < 256; i++) {
		const struct dfsr_record *r = &m->va->e[i]->rec;

		if (r->present && r->uid.vsn != 1 &&
		    (kind == 0 || r->kind == kind))
		{
			found[n++] = r;
		}
	}
	return n == 0 ? NULL : found[dice(w, n)];
}

static struct dfsr_id pick_dir(struct world *w, struct member *m)
{
	const struct dfsr_record *r = NULL;

	if (dice(w, 3) != 0) {
		r = pick(w, m, DFSR_KIND_DIRECTORY);
	}
	return r != NULL ? r->uid : m->root;
}

static const char *pick_name(struct world *w)
{
	static const char *names[] = {"a", "b", "c", "A", "d", "B"};

	return names[dice(w, 6)];
}

static bool taken(struct member *m, const struct dfsr_id *dir,
		  const char *name, struct dfsr_record *h)
{
	return m->va->view.by_name(m->va, dir, name, h) == 0;
}

static void do_create(struct world *w, struct member *m, uint8_t kind)
{
	struct dfsr_id dir = pick_dir(w, m);
	const char *name = pick_name(w);
	struct dfsr_record h;

	if (!taken(m, &dir, name, &h)) {
		member_create(m, &dir, name, kind);
	}
}

static bool below(struct member *m, const struct dfsr_id *dir,
		  const struct dfsr_id *top_uid)
{
	struct dfsr_record r = {.uid = *dir};

	while (r.uid.vsn != 1) {
		if (dfsr_id_equal(&r.uid, top_uid)) {
			return true;
		}
		assert_int_equal(dfsr_engine_resolve(&m->va->view, &r.uid,
						     &r), 0);
		assert_int_equal(dfsr_engine_resolve(&m->va->view, &r.parent,
						     &r), 0);
	}
	return false;
}

static void do_rename(struct world *w, struct member *m, uint8_t kind)
{
	const struct dfsr_record *r = pick(w, m, kind);
	struct dfsr_id dir = pick_dir(w, m);
	const char *name = pick_name(w);
	struct dfsr_record h;
	struct dfsr_id uid;

	if (r == NULL) {
		return;
	}
	uid = r->uid;
	if (kind == DFSR_KIND_DIRECTORY && below(m, &dir, &uid)) {
		return;
	}
	if (taken(m, &dir, name, &h) && !dfsr_id_equal(&h.uid, &uid) &&
	    (h.kind != DFSR_KIND_FILE || kind != DFSR_KIND_FILE))
	{
		return;
	}
	member_rename(m, &uid, &dir, name);
}

/* Two names trade places, as they do for a rotation. */
static void swap(struct member *m, const struct dfsr_record *a,
		 const struct dfsr_record *b)
{
	struct dfsr_record ra = *a, rb = *b;

	member_rename(m, &ra.uid, &m->root, "swap-tmp");
	member_rename(m, &rb.uid, &ra.parent, ra.name);
	member_rename(m, &ra.uid, &rb.parent, rb.name);
}

static void do_swap(struct world *w, struct member *m)
{
	const struct dfsr_record *a = pick(w, m, DFSR_KIND_FILE);
	const struct dfsr_record *b = pick(w, m, DFSR_KIND_FILE);

	if (a != NULL && a != b) {
		swap(m, a, b);
	}
}

static void do_pull(struct world *w, unsigned to, unsigned from)
{
	struct pull_options opt = {
		.page = dice(w, 2) ? 0 : 1 + dice(w, 4),
		.reverse = dice(w, 2) != 0,
		.incomplete = dice(w, 4) == 0,
	};

	if (to != from) {
		member_pull(w->m[to], w->m[from], &opt);
	}
}

/*
 * One member exchanges two names while another one changes both files, which
 * it does not know to have moved. Sometimes a third one looks in between.
 */
static void do_exchange(struct world *w, unsigned here, unsigned there)
{
	struct member *m = w->m[here];
	const struct dfsr_record *a = pick(w, m, DFSR_KIND_FILE);
	const struct dfsr_record *b = pick(w, m, DFSR_KIND_FILE);
	struct dfsr_id uid[2];
	unsigned i;

	if (a == NULL || a == b || here == there) {
		return;
	}
	uid[0] = a->uid;
	uid[1] = b->uid;
	swap(m, a, b);
	for (i = 0; i < 2; i++) {
		const struct dfsr_record *r = member_get(w->m[there], &uid[i]);

		if (r != NULL && r->present) {
			member_write(w->m[there], &uid[i]);
		}
		if (dice(w, 4) == 0) {
			do_pull(w, dice(w, MEMBERS), there);
		}
	}
	do_pull(w, here, there);
}

/* An editor's save: a temporary file renamed over the document. */
static void do_save(struct world *w, struct member *m)
{
	const struct dfsr_record *r = pick(w, m, DFSR_KIND_FILE);
	struct dfsr_record old, h;
	struct dfsr_id tmp;

	if (r == NULL || taken(m, &r->parent, "save-tmp", &h)) {
		return;
	}
	old = *r;
	tmp = member_create(m, &old.parent, "save-tmp", DFSR_KIND_FILE);
	member_rename(m, &tmp, &old.parent, old.name);
}

/* Now and then an object is open, and what concerns it waits as a hole. */
static void do_open(struct world *w, struct member *m)
{
	const struct dfsr_record *r = pick(w, m, 0);

	memset(&m->busy, 0, sizeof(m->busy));
	if (r != NULL && dice(w, 2)) {
		m->busy = r->uid;
	}
}

static void step(struct world *w, bool dirs)
{
	struct member *m = w->m[dice(w, MEMBERS)];
	const struct dfsr_record *r;

	switch (dice(w, 14)) {
	case 0:
	case 1:
		do_create(w, m, DFSR_KIND_FILE);
		break;
	case 2:
		do_create(w, m, dirs ? DFSR_KIND_DIRECTORY : DFSR_KIND_FILE);
		break;
	case 3:
		r = pick(w, m, DFSR_KIND_FILE);
		if (r != NULL) {
			member_write(m, &r->uid);
		}
		break;
	case 4:
	case 5:
		do_rename(w, m, DFSR_KIND_FILE);
		break;
	case 6:
		r = pick(w, m, dirs && dice(w, 2) ? 0 : DFSR_KIND_FILE);
		if (r != NULL) {
			member_delete(m, &r->uid);
		}
		break;
	case 7:
		do_swap(w, m);
		break;
	case 8:
		do_save(w, m);
		break;
	case 9:
		if (dirs) {
			do_rename(w, m, DFSR_KIND_DIRECTORY);
		}
		break;
	case 10:
		do_open(w, m);
		break;
	case 11:
		do_exchange(w, dice(w, MEMBERS), dice(w, MEMBERS));
		break;
	default:
		do_pull(w, dice(w, MEMBERS), dice(w, MEMBERS));
		break;
	}
}

static void run(uint64_t seed, bool dirs, unsigned *kept, unsigned *conflicts,
		unsigned *parks)
{
	struct world *w = world_new(seed);
	unsigned i, steps = 5 + dice(w, STEPS);

	for (i = 0; i < steps; i++) {
		step(w, dirs);
	}
	for (i = 0; i < MEMBERS; i++) {
		memset(&w->m[i]->busy, 0, sizeof(w->m[i]->busy));
	}
	members_settle(w->m, MEMBERS);
	members_check_payloads(w->m, MEMBERS);
	for (i = 0; i < MEMBERS; i++) {
		*kept += w->m[i]->all_kept;
		*conflicts += w->m[i]->all_conflicts;
		*parks += w->m[i]->all_parks;
	}
	talloc_free(w);
}

static void run_many(uint64_t first, bool dirs)
{
	const char *only = getenv("DFSR_TEST_SEED");
	unsigned kept = 0, conflicts = 0, parks = 0;
	uint64_t seed;

	for (seed = first; seed < first + RUNS; seed++) {
		if (only != NULL && strtoull(only, NULL, 10) != seed) {
			continue;
		}
		current_seed = seed;
		run(seed, dirs, &kept, &conflicts, &parks);
	}
	if (only == NULL) {
		/* the histories must reach what they are for */
		assert_true(kept > RUNS / 10);
		assert_true(conflicts > RUNS / 10);
		assert_true(parks > 10);
	}
}

static void test_files(void **state)
{
	(void)state;
	run_many(1, false);
}

static void test_trees(void **state)
{
	(void)state;
	run_many(1000000, true);
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(talloc_total_blocks(top), 1);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_files, teardown),
		cmocka_unit_test_teardown(test_trees, teardown),
	};
	int ret;

	top = talloc_new(NULL);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	if (ret != 0) {
		print_error("seed %llu\n", (unsigned long long)current_seed);
	}
	talloc_free(top);
	return ret;
}
