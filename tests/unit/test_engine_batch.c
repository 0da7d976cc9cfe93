/*
   Samba DFS Replication
   Updates decided as a set: names, trees, bytes, limits

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

struct pair {
	struct member *a, *b, *c;
};

static struct pair three(void)
{
	TALLOC_CTX *ctx = talloc_new(top);
	struct payloads *t = payloads_new(ctx);
	struct pair p = {member_new(ctx, 0, t), member_new(ctx, 1, t),
			 member_new(ctx, 2, t)};

	return p;
}

static void settle(struct pair *p)
{
	struct member *m[] = {p->a, p->b, p->c};

	members_settle(m, 3);
	members_check_payloads(m, 3);
}

static void done(struct pair *p)
{
	settle(p);
	talloc_free(talloc_parent(p->a));
}

static void pulled(struct member *m, struct member *from, unsigned waiting)
{
	assert_int_equal(member_pull(m, from, NULL), waiting);
}

/* Files of one member under their own names, known to the others. */
static void files(struct pair *p, struct dfsr_id *uid, unsigned num)
{
	unsigned i;

	for (i = 0; i < num; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%u", i);
		uid[i] = member_create(p->a, NULL, name, DFSR_KIND_FILE);
	}
	settle(p);
}

/* f0 takes the name of f1, f1 that of f2, ..., the last that of f0. */
static void rotate(struct member *m, const struct dfsr_id *uid, unsigned num)
{
	unsigned i;

	member_rename(m, &uid[num - 1], NULL, "parking");
	for (i = num - 1; i > 0; i--) {
		char name[8];

		snprintf(name, sizeof(name), "f%u", i);
		member_rename(m, &uid[i - 1], NULL, name);
	}
	member_rename(m, &uid[num - 1], NULL, "f0");
}

static void check_rotation(unsigned num, bool reverse)
{
	struct pull_options opt = {.reverse = reverse};
	struct pair p = three();
	struct dfsr_id uid[8];
	unsigned i;

	files(&p, uid, num);
	rotate(p.a, uid, num);
	assert_int_equal(member_pull(p.b, p.a, &opt), 0);
	assert_int_equal(p.b->installed, num);
	assert_int_equal(p.b->fetched, 0);
	assert_int_equal(p.b->parks, 1);
	assert_int_equal(p.b->conflicts, 0);
	for (i = 0; i < num; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%u", (i + 1) % num);
		assert_true(dfsr_id_equal(&member_path(p.b, name)->uid,
					  &uid[i]));
	}
	done(&p);
}

static void test_swap(void **state)
{
	(void)state;
	check_rotation(2, false);
	check_rotation(2, true);
}

static void test_three_cycle(void **state)
{
	(void)state;
	check_rotation(3, false);
	check_rotation(3, true);
	check_rotation(7, false);
}

static void test_chain(void **state)
{
	struct pull_options back = {.reverse = true};
	struct pair p = three();
	struct dfsr_id uid[5];

	(void)state;
	files(&p, uid, 5);
	/* f4 -> f5, f3 -> f4, ... f0 -> f1: no circle, nothing is parked */
	member_rename(p.a, &uid[4], NULL, "f5");
	member_rename(p.a, &uid[3], NULL, "f4");
	member_rename(p.a, &uid[2], NULL, "f3");
	member_rename(p.a, &uid[1], NULL, "f2");
	member_rename(p.a, &uid[0], NULL, "f1");
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->parks, 0);
	assert_int_equal(p.b->installed, 5);
	assert_int_equal(member_pull(p.c, p.a, &back), 0);
	assert_int_equal(p.c->parks, 0);
	assert_int_equal(p.c->installed, 5);
	done(&p);
}

/* M4: each half of the swap waits for the other one, as a hole. */
static void test_swap_over_pages(void **state)
{
	struct pull_options half = {.page = 1, .incomplete = true};
	struct pull_options pages = {.page = 1};
	struct pair p = three();
	struct dfsr_id uid[2];

	(void)state;
	files(&p, uid, 2);
	rotate(p.a, uid, 2);
	assert_int_equal(member_pull(p.b, p.a, &half), 1);
	assert_int_equal(p.b->last.wait, DFSR_WAIT_NAME);
	assert_int_equal(p.b->conflicts, 0);
	assert_int_equal(member_pull(p.c, p.a, &pages), 0);
	assert_int_equal(p.c->parks, 1);
	assert_int_equal(p.c->conflicts, 0);
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->conflicts, 0);
	done(&p);
}

struct edit {
	struct dfsr_id uid;
	bool done;
};

static void edit_once(struct member *server, void *private_data)
{
	struct edit *e = private_data;

	if (!e->done) {
		member_write(server, &e->uid);
		e->done = true;
	}
}

/*
 * A7: f0 moved away, f1 took its name, and before the page with f0 was read
 * f0 changed again: it is in no page. f1 waits; nobody dies.
 */
static void test_page_is_no_cut(void **state)
{
	struct pair p = three();
	struct dfsr_id uid[2];
	struct edit e = {.done = false};
	struct pull_options opt = {.page = 1, .reverse = true,
				   .between = edit_once, .private_data = &e};

	(void)state;
	files(&p, uid, 2);
	e.uid = uid[0];
	/* by another one: the lineage of f1 does not tell */
	member_write(p.c, &uid[0]);
	settle(&p);
	member_rename(p.a, &uid[0], NULL, "away");
	member_rename(p.a, &uid[1], NULL, "f0");
	/* so that there is a second page */
	member_create(p.a, NULL, "later", DFSR_KIND_FILE);
	assert_int_equal(member_pull(p.b, p.a, &opt), 1);
	assert_true(e.done);
	assert_int_equal(p.b->conflicts, 0);
	settle(&p);
	assert_true(dfsr_id_equal(&member_path(p.b, "f0")->uid, &uid[1]));
	assert_true(dfsr_id_equal(&member_path(p.b, "away")->uid, &uid[0]));
	assert_int_equal(p.a->all_conflicts + p.b->all_conflicts +
			 p.c->all_conflicts, 0);
	done(&p);
}

static void test_save_by_rename(void **state)
{
	struct pair p = three();
	struct dfsr_id uid[1], tmp, match;

	(void)state;
	files(&p, uid, 1);
	tmp = member_create(p.a, NULL, "~tmp", DFSR_KIND_FILE);
	match = member_rename(p.a, &tmp, NULL, "f0");
	assert_true(dfsr_id_equal(&match, &uid[0]));
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->kept + p.b->conflicts, 0);
	assert_int_equal(record_payload(member_path(p.b, "f0")), 2);
	done(&p);
}

/* ---- names --------------------------------------------------------------- */

static void test_name_conflict(void **state)
{
	struct pair p = three();
	struct dfsr_id x, y;

	(void)state;
	x = member_create(p.a, NULL, "n", DFSR_KIND_FILE);
	p.b->now = 5000;
	y = member_create(p.b, NULL, "N", DFSR_KIND_FILE);
	/* at a, the younger one wins against the holder */
	pulled(p.a, p.b, 0);
	assert_true(p.a->last.name_conflict && p.a->last.name_won);
	assert_true(dfsr_id_equal(&p.a->last.holder.uid, &x));
	assert_int_equal(p.a->last.issued.num, 1);
	assert_int_equal(p.a->kept, 1);
	/* at c, who gets x first, too; the tombstones agree in the end */
	settle(&p);
	assert_true(dfsr_id_equal(&member_path(p.c, "n")->uid, &y));
	assert_true(member_get(p.c, &x)->name_conflict);
	done(&p);
}

/* The loser is never fetched; whoever has it, keeps it. */
static void test_name_loser_not_fetched(void **state)
{
	struct pair p = three();
	struct dfsr_id x;

	(void)state;
	x = member_create(p.a, NULL, "n", DFSR_KIND_FILE);
	p.b->now = 5000;
	member_create(p.b, NULL, "n", DFSR_KIND_FILE);
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->fetched, 0);
	assert_int_equal(p.b->last.verdict, DFSR_VERDICT_LOSES);
	assert_false(p.b->last.name_won);
	pulled(p.a, p.b, 0);
	assert_int_equal(p.a->kept, 1);
	assert_false(member_get(p.a, &x)->present);
	done(&p);
}

/* M3: an edit between two decisions does not turn the winner. */
static void test_names_ignore_clock(void **state)
{
	struct pair p = three();
	struct dfsr_id x, y;

	(void)state;
	x = member_create(p.a, NULL, "n", DFSR_KIND_FILE);
	p.b->now = 1000; /* the same createTime: the GUID decides */
	y = member_create(p.b, NULL, "n", DFSR_KIND_FILE);
	pulled(p.c, p.a, 0);
	pulled(p.c, p.b, 0);
	p.a->now = 100000;
	member_write(p.a, &x);
	settle(&p);
	assert_int_equal(member_get(p.a, &x)->present +
			 member_get(p.a, &y)->present, 1);
	done(&p);
}

/* Without a complete answer of a closed server, names are not judged. */
static void test_postponed(void **state)
{
	struct pull_options half = {.page = 1, .incomplete = true};
	struct pair p = three();
	struct dfsr_id x = member_create(p.a, NULL, "n", DFSR_KIND_FILE);

	(void)state;
	member_create(p.a, NULL, "m", DFSR_KIND_FILE);
	member_create(p.b, NULL, "n", DFSR_KIND_FILE);
	assert_int_equal(member_pull(p.b, p.a, &half), 1);
	assert_int_equal(p.b->last.wait, DFSR_WAIT_NAME);
	assert_int_equal(p.b->fetched, 0);
	/* the server has a hole */
	p.a->busy = x;
	dfsr_vv_add(p.a->vv, &(struct dfsr_id){{{0xee}}, 20}, 0);
	assert_false(member_closed(p.a));
	assert_int_equal(member_pull(p.b, p.a, NULL), 1);
	assert_int_equal(p.b->conflicts, 0);
	talloc_free(talloc_parent(p.a));
}

/* A directory wins against a file (R2); the file is kept. */
static void test_file_against_directory(void **state)
{
	struct pair p = three();
	struct dfsr_id d;

	(void)state;
	d = member_create(p.a, NULL, "n", DFSR_KIND_DIRECTORY);
	member_create(p.a, &d, "inside", DFSR_KIND_FILE);
	p.b->now = 5000;
	member_create(p.b, NULL, "n", DFSR_KIND_FILE);
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->kept, 1);
	assert_non_null(member_path(p.b, "n/inside"));
	pulled(p.a, p.b, 0);
	done(&p);
}

/* Only a fence lets a file win; the tree is kept with all that is in it. */
static void test_fenced_file(void **state)
{
	struct pair p = three();
	struct dfsr_id d;

	(void)state;
	d = member_create(p.a, NULL, "n", DFSR_KIND_DIRECTORY);
	member_create(p.a, &d, "inside", DFSR_KIND_FILE);
	p.b->issuer.fence = 1000;
	member_create(p.b, NULL, "n", DFSR_KIND_FILE);
	pulled(p.a, p.b, 0);
	assert_int_equal(p.a->last.issued.num, 2);
	assert_int_equal(p.a->kept, 1);
	assert_int_equal(member_path(p.a, "n")->kind, DFSR_KIND_FILE);
	settle(&p);
	/* and what comes into the lost tree meanwhile, too */
	done(&p);
}

static void test_create_in_lost_tree(void **state)
{
	struct pair p = three();
	struct dfsr_id d;

	(void)state;
	d = member_create(p.a, NULL, "n", DFSR_KIND_DIRECTORY);
	pulled(p.c, p.a, 0);
	p.b->issuer.fence = 1000;
	member_create(p.b, NULL, "n", DFSR_KIND_FILE);
	member_create(p.c, &d, "new", DFSR_KIND_FILE);
	pulled(p.a, p.b, 0);
	pulled(p.c, p.a, 0);
	assert_int_equal(p.c->kept, 1);
	done(&p);
}

/* ---- directories --------------------------------------------------------- */

static void merge(bool a_younger)
{
	struct pair p = three();
	struct dfsr_id d, e;
	struct dfsr_id da, db;

	(a_younger ? p.a : p.b)->now = 5000;
	da = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	member_create(p.a, &da, "only-a", DFSR_KIND_FILE);
	member_create(p.a, &da, "both", DFSR_KIND_FILE);
	d = member_create(p.a, &da, "sub", DFSR_KIND_DIRECTORY);
	member_create(p.a, &d, "deep-a", DFSR_KIND_FILE);
	db = member_create(p.b, NULL, "D", DFSR_KIND_DIRECTORY);
	member_create(p.b, &db, "only-b", DFSR_KIND_FILE);
	member_create(p.b, &db, "BOTH", DFSR_KIND_FILE);
	e = member_create(p.b, &db, "sub", DFSR_KIND_DIRECTORY);
	member_create(p.b, &e, "deep-b", DFSR_KIND_FILE);
	pulled(p.a, p.b, 0);
	assert_non_null(member_path(p.a, "d/only-a"));
	assert_non_null(member_path(p.a, "d/only-b"));
	assert_non_null(member_path(p.a, "d/sub/deep-a"));
	assert_non_null(member_path(p.a, "d/sub/deep-b"));
	pulled(p.b, p.a, 0);
	assert_non_null(member_path(p.b, "d/sub/deep-a"));
	settle(&p);
	assert_true(dfsr_record_is_alias(
		member_get(p.c, a_younger ? &db : &da)));
	/* a directory that was merged is still found by its own UID */
	member_create(p.b, &da, "later-1", DFSR_KIND_FILE);
	member_create(p.a, &db, "later-2", DFSR_KIND_FILE);
	settle(&p);
	assert_non_null(member_path(p.c, "d/later-1"));
	assert_non_null(member_path(p.c, "d/later-2"));
	done(&p);
}

static void test_merge(void **state)
{
	(void)state;
	merge(false);
	merge(true);
}

/* Directories of one name that both stand on the disk already. */
static void test_merge_by_rename(void **state)
{
	struct pair p = three();
	struct dfsr_id d, e;

	(void)state;
	d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	e = member_create(p.a, NULL, "e", DFSR_KIND_DIRECTORY);
	member_create(p.a, &d, "x", DFSR_KIND_FILE);
	member_create(p.a, &e, "x", DFSR_KIND_FILE);
	member_create(p.a, &e, "y", DFSR_KIND_FILE);
	settle(&p);
	member_rename(p.a, &d, NULL, "same");
	member_rename(p.b, &e, NULL, "same");
	pulled(p.a, p.b, 0);
	assert_non_null(member_path(p.a, "same/x"));
	assert_non_null(member_path(p.a, "same/y"));
	assert_int_equal(p.a->kept, 1);
	done(&p);
}

/* B12: the directory lives because somebody put something into it. */
static void test_delete_against_create(void **state)
{
	struct pair p = three();
	struct dfsr_id d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	struct dfsr_id e = member_create(p.a, &d, "e", DFSR_KIND_DIRECTORY);

	(void)state;
	member_create(p.a, &e, "old", DFSR_KIND_FILE);
	settle(&p);
	member_delete(p.a, &d);
	member_create(p.b, &e, "new", DFSR_KIND_FILE);
	pulled(p.b, p.a, 0);
	assert_null(member_path(p.b, "d/e/old"));
	assert_non_null(member_path(p.b, "d/e/new"));
	pulled(p.a, p.b, 0);
	assert_non_null(member_path(p.a, "d/e/new"));
	done(&p);
}

/* A7 for B12: the child has moved out at the server, its record is late. */
static void test_child_is_on_its_way(void **state)
{
	struct pair p = three();
	struct dfsr_id d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	struct edit e = {.uid = member_create(p.a, &d, "f", DFSR_KIND_FILE)};
	struct pull_options opt = {.page = 1, .reverse = true,
				   .between = edit_once, .private_data = &e};

	(void)state;
	settle(&p);
	member_rename(p.a, &e.uid, NULL, "out");
	member_delete(p.a, &d);
	member_create(p.a, NULL, "later", DFSR_KIND_FILE);
	assert_int_equal(member_pull(p.b, p.a, &opt), 1);
	assert_true(e.done);
	assert_int_equal(p.b->last.wait, DFSR_WAIT_CHILDREN);
	settle(&p);
	assert_null(member_path(p.b, "d"));
	assert_non_null(member_path(p.b, "out"));
	done(&p);
}

/* The same, but the deleter pulls first and has to wait. */
static void test_create_against_delete(void **state)
{
	struct pair p = three();
	struct dfsr_id d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);

	(void)state;
	settle(&p);
	member_delete(p.a, &d);
	member_create(p.b, &d, "new", DFSR_KIND_FILE);
	pulled(p.a, p.b, 1);
	assert_int_equal(p.a->last.wait, DFSR_WAIT_PARENT);
	settle(&p);
	assert_non_null(member_path(p.a, "d/new"));
	done(&p);
}

/* B14: both stay where they were, or one moves; nothing hangs in the air. */
static void test_crossed_moves(void **state)
{
	struct pair p = three();
	struct dfsr_id d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	struct dfsr_id e = member_create(p.a, NULL, "e", DFSR_KIND_DIRECTORY);

	(void)state;
	settle(&p);
	member_rename(p.a, &d, &e, "d");
	member_rename(p.b, &e, &d, "e");
	pulled(p.a, p.b, 0);
	assert_int_equal(p.a->last.verdict, DFSR_VERDICT_LOSES);
	settle(&p);
	assert_non_null(member_get(p.c, &d));
	done(&p);
}

/* A directory gives its name to what was in it, or goes below it. */
static void test_levels(void **state)
{
	struct pair p = three();
	struct dfsr_id d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	struct dfsr_id c = member_create(p.a, &d, "c", DFSR_KIND_DIRECTORY);
	struct dfsr_id n;

	(void)state;
	member_create(p.a, &c, "f", DFSR_KIND_FILE);
	settle(&p);
	/* the child comes up, the parent goes below it */
	member_rename(p.a, &c, NULL, "t");
	member_rename(p.a, &d, &c, "c");
	member_rename(p.a, &c, NULL, "d");
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->parks, 1);
	assert_non_null(member_path(p.b, "d/c"));
	assert_non_null(member_path(p.b, "d/f"));
	/* the child takes the place of the parent, which ends */
	member_rename(p.a, &d, NULL, "t");
	member_delete(p.a, &c);
	c = member_create(p.a, &d, "t", DFSR_KIND_DIRECTORY);
	settle(&p);
	member_rename(p.a, &c, NULL, "u");
	member_delete(p.a, &d);
	member_rename(p.a, &c, NULL, "t");
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->parks, 1);
	/* a new directory takes the name of what moves into it */
	n = member_create(p.a, NULL, "new", DFSR_KIND_DIRECTORY);
	member_rename(p.a, &c, &n, "x");
	member_rename(p.a, &n, NULL, "t");
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->parks, 1);
	assert_non_null(member_path(p.b, "t/x"));
	done(&p);
}

/* Three directories of one name; the losers' aliases differ at first. */
static void test_three_of_one_name(void **state)
{
	struct pair p = three();
	struct dfsr_id d[3];

	(void)state;
	d[0] = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	d[1] = member_create(p.b, NULL, "d", DFSR_KIND_DIRECTORY);
	d[2] = member_create(p.c, NULL, "d", DFSR_KIND_DIRECTORY);
	member_create(p.a, &d[0], "a", DFSR_KIND_FILE);
	member_create(p.b, &d[1], "b", DFSR_KIND_FILE);
	member_create(p.c, &d[2], "c", DFSR_KIND_FILE);
	pulled(p.b, p.a, 0);
	pulled(p.c, p.a, 0);
	settle(&p);
	assert_non_null(member_path(p.a, "d/a"));
	assert_non_null(member_path(p.a, "d/b"));
	assert_non_null(member_path(p.a, "d/c"));
	done(&p);
}

/*
 * Two members merge one directory into different ones, which then part: both
 * sides agree on one of the two, and the children follow.
 */
static void two_winners(bool first_younger)
{
	struct pair p = three();
	struct dfsr_id d, o, w;

	d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	member_create(p.a, &d, "x", DFSR_KIND_FILE);
	member_create(p.a, &d, "only-d", DFSR_KIND_FILE);
	p.b->now = first_younger ? 9000 : 5000;
	p.c->now = 7000;
	o = member_create(p.b, NULL, "d", DFSR_KIND_DIRECTORY);
	member_create(p.b, &o, "only-o", DFSR_KIND_FILE);
	member_create(p.b, &o, "y", DFSR_KIND_FILE);
	w = member_create(p.c, NULL, "d", DFSR_KIND_DIRECTORY);
	member_create(p.c, &w, "only-w", DFSR_KIND_FILE);
	member_create(p.c, &w, "y", DFSR_KIND_FILE);
	member_create(first_younger ? p.b : p.c, first_younger ? &o : &w, "X",
		      DFSR_KIND_FILE);
	pulled(p.b, p.a, 0);
	member_rename(p.b, &o, NULL, "o");
	pulled(p.c, p.a, 0);
	member_rename(p.c, &w, NULL, "w");
	assert_non_null(member_path(p.b, "o/only-d"));
	assert_non_null(member_path(p.c, "w/only-d"));
	settle(&p);
	assert_non_null(member_path(p.a, first_younger ? "o/only-d"
						       : "w/only-d"));
	assert_non_null(member_path(p.a, "o/only-o"));
	assert_non_null(member_path(p.a, "w/only-w"));
	/* what did not come through the alias is not concerned */
	assert_non_null(member_path(p.a, "o/y"));
	assert_non_null(member_path(p.a, "w/y"));
	done(&p);
}

static void test_two_winners(void **state)
{
	(void)state;
	two_winners(true);
	two_winners(false);
}

/* One moves the winner into the loser while another merges them. */
static void test_winner_within_loser(void **state)
{
	struct pair p = three();
	struct dfsr_id l, w;

	(void)state;
	l = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	member_create(p.a, &l, "of-l", DFSR_KIND_FILE);
	p.b->now = 5000;
	w = member_create(p.b, NULL, "d", DFSR_KIND_DIRECTORY);
	member_create(p.b, &w, "of-w", DFSR_KIND_FILE);
	pulled(p.c, p.b, 0);
	member_rename(p.c, &w, NULL, "w");
	pulled(p.c, p.a, 0);
	member_rename(p.c, &w, &l, "w");
	pulled(p.b, p.a, 0);
	assert_true(dfsr_record_is_alias(member_get(p.b, &l)));
	pulled(p.c, p.b, 0);
	assert_int_equal(p.c->parks, 1);
	assert_non_null(member_path(p.c, "d/of-l"));
	assert_non_null(member_path(p.c, "d/of-w"));
	settle(&p);
	assert_non_null(member_path(p.a, "d/of-l"));
	done(&p);
}

/* ---- bytes and limits ---------------------------------------------------- */

struct set {
	struct dfsr_offer *offers;
	uint32_t num;
	struct dfsr_decision *d;
};

static void offer(struct set *s, const struct dfsr_record *r, bool staged)
{
	s->offers[s->num] = (struct dfsr_offer){.update = *r,
						.staged = staged};
	s->num += 1;
}

static void decide(struct pair *p, struct set *s)
{
	struct dfsr_round round = {.server_vv = p->a->vv,
				   .server_closed = true, .complete = true};

	assert_int_equal(dfsr_engine_batch(s->offers, &p->b->issuer,
					   &p->b->va->view, &round, s->offers,
					   s->num, &s->d), 0);
}

static struct set set_new(struct pair *p, uint32_t num)
{
	struct set s = {.offers = talloc_zero_array(p->a, struct dfsr_offer,
						    num)};

	assert_non_null(s.offers);
	return s;
}

static const struct dfsr_decision *of(const struct set *s, uint32_t num)
{
	uint32_t i;

	for (i = 0; i < s->num; i++) {
		if (s->d[i].offer == num) {
			return &s->d[i];
		}
	}
	fail_msg("offer %u has no decision", num);
	return NULL;
}

/* All bytes of a set are asked for at once; nothing overtakes them. */
static void test_fetch_at_once(void **state)
{
	struct pair p = three();
	struct dfsr_id d = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	struct dfsr_id e = member_create(p.a, &d, "e", DFSR_KIND_DIRECTORY);
	struct dfsr_id f = member_create(p.a, &e, "f", DFSR_KIND_FILE);
	struct dfsr_id g = member_create(p.a, &e, "g", DFSR_KIND_FILE);
	struct dfsr_id h = member_create(p.a, NULL, "h", DFSR_KIND_FILE);
	struct set s = set_new(&p, 5);

	(void)state;
	offer(&s, member_get(p.a, &f), false);
	offer(&s, member_get(p.a, &g), true);
	offer(&s, member_get(p.a, &e), false);
	offer(&s, member_get(p.a, &d), true);
	offer(&s, member_get(p.a, &h), true);
	decide(&p, &s);
	assert_int_equal(of(&s, 0)->verdict, DFSR_VERDICT_FETCH);
	assert_int_equal(of(&s, 1)->verdict, DFSR_VERDICT_WAIT);
	assert_int_equal(of(&s, 1)->wait, DFSR_WAIT_PARENT);
	assert_int_equal(of(&s, 2)->verdict, DFSR_VERDICT_FETCH);
	assert_int_equal(of(&s, 3)->verdict, DFSR_VERDICT_INSTALL);
	assert_int_equal(of(&s, 4)->verdict, DFSR_VERDICT_INSTALL);
	done(&p);
}

/* A name that frees itself with a fetch is not taken before. */
static void test_name_waits_for_bytes(void **state)
{
	struct pair p = three();
	struct dfsr_id uid[2];
	struct set s;

	(void)state;
	files(&p, uid, 2);
	member_rename(p.a, &uid[0], NULL, "away");
	member_write(p.a, &uid[0]);
	member_rename(p.a, &uid[1], NULL, "f0");
	s = set_new(&p, 2);
	offer(&s, member_get(p.a, &uid[1]), false);
	offer(&s, member_get(p.a, &uid[0]), false);
	decide(&p, &s);
	assert_int_equal(of(&s, 0)->verdict, DFSR_VERDICT_WAIT);
	assert_int_equal(of(&s, 0)->wait, DFSR_WAIT_NAME);
	assert_int_equal(of(&s, 1)->verdict, DFSR_VERDICT_FETCH);
	assert_int_equal(of(&s, 1)->parts,
			 DFSR_PART_CONTENT | DFSR_PART_NAME);
	s.offers[1].staged = true;
	decide(&p, &s);
	assert_int_equal(s.d[0].offer, 1);
	assert_int_equal(s.d[1].offer, 0);
	assert_int_equal(s.d[1].verdict, DFSR_VERDICT_INSTALL);
	done(&p);
}

/* A conflict that will be won draws no number before the bytes are here. */
static void test_no_number_before_bytes(void **state)
{
	struct pair p = three();
	struct dfsr_id x;
	uint64_t vsn;
	struct set s;

	(void)state;
	member_create(p.b, NULL, "n", DFSR_KIND_FILE);
	p.a->now = 5000;
	x = member_create(p.a, NULL, "n", DFSR_KIND_FILE);
	vsn = p.b->issuer.next_vsn;
	s = set_new(&p, 1);
	offer(&s, member_get(p.a, &x), false);
	decide(&p, &s);
	assert_int_equal(of(&s, 0)->verdict, DFSR_VERDICT_FETCH);
	assert_int_equal(of(&s, 0)->issued.num, 0);
	assert_false(of(&s, 0)->name_conflict);
	assert_int_equal(p.b->issuer.next_vsn, vsn);
	s.offers[0].staged = true;
	decide(&p, &s);
	assert_int_equal(of(&s, 0)->issued.num, 1);
	assert_int_equal(of(&s, 0)->issued.e[0].rec.gvsn.vsn, vsn);
	assert_int_equal(p.b->issuer.next_vsn, vsn + 1);
	p.b->issuer.next_vsn = vsn; /* it was not carried out */
	done(&p);
}

/*
 * One exchanges the names, another changes both meanwhile: its versions win
 * with the names that they carry. Whoever exchanged holds each of these names
 * under another UID, in a version that the server has not seen; still it is
 * no conflict, because the set moves the holder away.
 */
static void check_exchange_against_edits(unsigned num, unsigned staged)
{
	struct pair p = three();
	struct dfsr_id uid[8];
	struct set s = set_new(&p, num);
	uint64_t vsn;
	unsigned i;

	files(&p, uid, num);
	rotate(p.b, uid, num);
	p.a->now += 5000;
	for (i = 0; i < num; i++) {
		member_write(p.a, &uid[i]);
		offer(&s, member_get(p.a, &uid[i]), staged & (1U << i));
	}
	vsn = p.b->issuer.next_vsn;
	decide(&p, &s);
	for (i = 0; i < num; i++) {
		assert_int_equal(of(&s, i)->issued.num, 0);
		assert_false(of(&s, i)->name_conflict);
		if (staged & (1U << i)) {
			assert_int_equal(of(&s, i)->verdict,
					 DFSR_VERDICT_WAIT);
			assert_int_equal(of(&s, i)->wait, DFSR_WAIT_NAME);
		} else {
			assert_int_equal(of(&s, i)->verdict,
					 DFSR_VERDICT_FETCH);
		}
		s.offers[i].staged = true;
	}
	decide(&p, &s);
	for (i = 0; i < num; i++) {
		assert_int_equal(of(&s, i)->verdict, DFSR_VERDICT_INSTALL);
		assert_int_equal(of(&s, i)->parts,
				 DFSR_PART_CONTENT | DFSR_PART_NAME);
		assert_int_equal(of(&s, i)->issued.num, 0);
		assert_false(of(&s, i)->name_conflict);
	}
	assert_int_equal(p.b->issuer.next_vsn, vsn);
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->conflicts, 0);
	assert_int_equal(p.b->parks, 1);
	settle(&p);
	for (i = 0; i < num; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%u", i);
		assert_true(dfsr_id_equal(&member_path(p.b, name)->uid,
					  &uid[i]));
		assert_int_equal(record_payload(member_path(p.b, name)),
				 num + i + 1);
	}
	assert_int_equal(p.a->all_conflicts + p.b->all_conflicts +
			 p.c->all_conflicts, 0);
	done(&p);
}

static void test_exchange_against_edits(void **state)
{
	unsigned num, staged;

	(void)state;
	for (num = 2; num <= 4; num++) {
		for (staged = 0; staged < (1U << num) - 1; staged++) {
			check_exchange_against_edits(num, staged);
		}
	}
}

/*
 * Here the holder's own offer loses, so the holder stays and it is a conflict
 * after all, judged when the offer was decided and not before.
 */
static void check_holder_stays(bool staged)
{
	struct pair p = three();
	struct dfsr_id uid[2];
	struct set s = set_new(&p, 2);
	const struct dfsr_decision *d;
	uint64_t vsn;

	files(&p, uid, 2);
	member_write(p.a, &uid[1]);
	p.b->now = p.a->now + 1000;
	rotate(p.b, uid, 2);
	p.a->now = p.b->now + 1000;
	member_write(p.a, &uid[0]);
	offer(&s, member_get(p.a, &uid[0]), staged);
	offer(&s, member_get(p.a, &uid[1]), staged);
	vsn = p.b->issuer.next_vsn;
	decide(&p, &s);
	d = of(&s, 1);
	assert_int_equal(d->verdict, DFSR_VERDICT_LOSES);
	assert_int_equal(d->issued.num, 0);
	d = of(&s, 0);
	assert_true(d->name_conflict);
	assert_true(dfsr_id_equal(&d->holder.uid, &uid[1]));
	assert_int_equal(d->issued.num, 1);
	p.b->issuer.next_vsn = vsn; /* it was not carried out */
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->conflicts, 1);
	done(&p);
}

static void test_holder_stays(void **state)
{
	(void)state;
	check_holder_stays(false);
	check_holder_stays(true);
}

/* Nor is it judged while the holder cannot move: it waits with it. */
static void test_holder_waits(void **state)
{
	struct pair p = three();
	struct dfsr_id uid[3];
	unsigned i;

	(void)state;
	files(&p, uid, 3);
	rotate(p.b, uid, 3);
	p.a->now += 5000;
	for (i = 0; i < 3; i++) {
		member_write(p.a, &uid[i]);
	}
	p.b->busy = uid[1];
	pulled(p.b, p.a, 3);
	assert_int_equal(p.b->conflicts + p.b->parks, 0);
	p.b->busy = (struct dfsr_id){.vsn = 0};
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->conflicts, 0);
	done(&p);
}

/*
 * The vector was taken between the two changes. What it describes is a whole
 * state of the server, in which one changed and the other did not: two want
 * one name, and a set of one tells nothing else. All agree on what was lost,
 * and it is kept; that such a vector is not judged by is the caller's work.
 */
static void test_exchange_between_edits(void **state)
{
	struct pair p = three();
	struct dfsr_id uid[2];

	(void)state;
	files(&p, uid, 2);
	rotate(p.b, uid, 2);
	p.a->now += 5000;
	member_write(p.a, &uid[0]);
	pulled(p.b, p.a, 0);
	assert_int_equal(p.b->conflicts, 1);
	member_write(p.a, &uid[1]);
	pulled(p.b, p.a, 0);
	done(&p);
}

/* A swap in which one object is open: both wait, nothing is parked. */
static void test_busy_in_circle(void **state)
{
	struct pair p = three();
	struct dfsr_id uid[2];

	(void)state;
	files(&p, uid, 2);
	rotate(p.a, uid, 2);
	p.b->busy = uid[0];
	pulled(p.b, p.a, 2);
	assert_int_equal(p.b->parks, 0);
	p.b->busy = (struct dfsr_id){.vsn = 0};
	done(&p);
}

/* Two versions of one UID, read before and after a change of the server. */
static void test_same_uid_twice(void **state)
{
	struct pair p = three();
	struct dfsr_id x = member_create(p.a, NULL, "x", DFSR_KIND_FILE);
	struct set s = set_new(&p, 3);

	(void)state;
	offer(&s, member_get(p.a, &x), true);
	member_write(p.a, &x);
	offer(&s, member_get(p.a, &x), true);
	offer(&s, member_get(p.a, &x), true);
	decide(&p, &s);
	assert_int_equal(of(&s, 0)->verdict, DFSR_VERDICT_IGNORE);
	assert_int_equal(of(&s, 1)->verdict, DFSR_VERDICT_INSTALL);
	assert_int_equal(of(&s, 2)->verdict, DFSR_VERDICT_IGNORE);
	done(&p);
}

/* What cannot be decided for a limit must not stop the rest. */
static void test_limits(void **state)
{
	struct pair p = three();
	struct dfsr_round round = {.server_vv = p.a->vv,
				   .server_closed = true, .complete = true};
	struct dfsr_decision *d;
	struct dfsr_id x = member_create(p.a, NULL, "n", DFSR_KIND_FILE);
	struct dfsr_id y = member_create(p.a, NULL, "m", DFSR_KIND_FILE);
	struct dfsr_record full = *member_get(p.a, &x);
	uint64_t vsn;
	struct set s = set_new(&p, 2);
	unsigned i;

	(void)state;
	p.b->now = 5000;
	member_create(p.b, NULL, "n", DFSR_KIND_FILE);
	vsn = p.b->issuer.next_vsn;
	full.lineage.num = 0;
	for (i = 1; i <= DFSR_LINEAGE_MAX; i++) {
		struct dfsr_id id = {.db = {.b = {[15] = i}}, .vsn = 1000};

		assert_int_equal(dfsr_lineage_add(&full.lineage, &id), 0);
		full.gvsn = id;
	}
	offer(&s, &full, true);
	offer(&s, member_get(p.a, &y), true);
	decide(&p, &s);
	assert_int_equal(of(&s, 0)->verdict, DFSR_VERDICT_WAIT);
	assert_int_equal(of(&s, 0)->wait, DFSR_WAIT_ERROR);
	assert_int_equal(of(&s, 1)->verdict, DFSR_VERDICT_INSTALL);
	assert_int_equal(p.b->issuer.next_vsn, vsn);
	assert_int_equal(dfsr_engine_batch(p.a, &p.b->issuer, &p.b->va->view,
					   &round, s.offers,
					   DFSR_BATCH_MAX + 1, &d), E2BIG);
	assert_int_equal(dfsr_engine_batch(s.offers, &p.b->issuer,
					   &p.b->va->view, &round, s.offers, 0,
					   &d), 0);
	done(&p);
}

/*
 * A full set in the worst order costs a few looks per item, not n of them:
 * counted, not timed.
 */
static void check_cost(bool reverse, bool chain)
{
	struct pull_options opt = {.reverse = reverse};
	struct pair p = three();
	struct dfsr_id dir = p.a->root;
	unsigned i, n = chain ? 500 : 1000;

	if (!chain) {
		dir = member_create(p.a, NULL, "d", DFSR_KIND_DIRECTORY);
	}
	for (i = 0; i < n; i++) {
		struct dfsr_id uid;
		char name[12];

		snprintf(name, sizeof(name), "n%u", i);
		uid = member_create(p.a, &dir, name,
				    chain ? DFSR_KIND_DIRECTORY
					  : DFSR_KIND_FILE);
		if (chain) {
			dir = uid;
		}
	}
	p.b->va->calls = 0;
	assert_int_equal(member_pull(p.b, p.a, &opt), 0);
	assert_true(p.b->va->calls < 40 * n);
	if (!chain) {
		member_delete(p.a, &dir);
		p.b->va->calls = 0;
		assert_int_equal(member_pull(p.b, p.a, &opt), 0);
		assert_true(p.b->va->calls < 40 * n);
		assert_int_equal(p.b->installed, n + 1);
	}
	talloc_free(talloc_parent(p.a));
}

static void test_cost(void **state)
{
	(void)state;
	check_cost(false, false);
	check_cost(true, false);
	check_cost(true, true);
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
		T(test_swap), T(test_three_cycle), T(test_chain),
		T(test_swap_over_pages), T(test_page_is_no_cut),
		T(test_save_by_rename), T(test_name_conflict),
		T(test_name_loser_not_fetched), T(test_names_ignore_clock),
		T(test_postponed), T(test_file_against_directory),
		T(test_fenced_file), T(test_create_in_lost_tree),
		T(test_merge), T(test_merge_by_rename),
		T(test_delete_against_create), T(test_create_against_delete),
		T(test_crossed_moves), T(test_levels),
		T(test_three_of_one_name), T(test_two_winners),
		T(test_winner_within_loser),
		T(test_child_is_on_its_way), T(test_fetch_at_once),
		T(test_name_waits_for_bytes), T(test_no_number_before_bytes),
		T(test_exchange_against_edits), T(test_holder_stays),
		T(test_holder_waits), T(test_exchange_between_edits),
		T(test_busy_in_circle), T(test_same_uid_twice),
		T(test_limits), T(test_cost),
	};
	int ret;

	top = talloc_new(NULL);
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	talloc_free(top);
	return ret;
}
