/*
   Samba DFS Replication
   Units: atomic, grouped, durable before they are told
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
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_private.h"
#include "store_fixture.h"

/* A unit that does a bit of everything and then returns what it is told. */
struct job {
	struct store_fixture *f;
	struct dfsr_row row;
	size_t bulk; /* bytes of bulk data */
	int result;
	unsigned runs;
	sem_t *hold; /* waits for this before anything else */
	sem_t *held; /* says that it does */
	/* filled by the callback */
	bool done;
	int got;
	uint64_t generation;
	unsigned *order;
	unsigned at;
};

static int do_everything(struct dfsr_store_txn *txn, struct job *j)
{
	struct dfsr_issuer issuer = {.env = &j->f->env};
	struct dfsr_hole hole = {.update = j->row.rec, .reason = 1};
	struct dfsr_preserved pr = {.rec = j->row.rec};
	int err;

	err = dfsr_store_row_put(txn, &j->row);
	if (err == 0) {
		err = dfsr_store_vv_add(txn, &j->row.rec.gvsn, 5);
	}
	if (err == 0) {
		err = dfsr_store_hole_put(txn, &hole);
	}
	if (err == 0) {
		err = dfsr_store_preserved_add(txn, &pr);
	}
	if (err == 0) {
		err = dfsr_store_issuer(txn, &issuer);
	}
	if (err == 0) {
		issuer.next_vsn++;
		err = dfsr_store_issuer_put(txn, &issuer);
	}
	return err;
}

static int put_bulk(struct dfsr_store_txn *txn, struct job *j)
{
	static uint8_t zeros[DFSR_STORE_STATE_MAX];
	size_t left = j->bulk;
	char key[64];
	int err = 0;

	while (err == 0 && left > 0) {
		size_t len = left < sizeof(zeros) ? left : sizeof(zeros);

		snprintf(key, sizeof(key), "bulk %.30s %zu", j->row.rec.name,
			 left);
		err = dfsr_store_state_put(txn, key, zeros, len);
		left -= len;
	}
	return err;
}

static int job_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct job *j = private_data;
	int err;

	__atomic_add_fetch(&j->runs, 1, __ATOMIC_RELAXED);
	if (j->hold != NULL) {
		sem_post(j->held);
		sem_wait(j->hold);
		j->hold = NULL;
	}
	err = do_everything(txn, j);
	if (err == 0) {
		err = put_bulk(txn, j);
	}
	return err != 0 ? err : j->result;
}

static struct job *job_new(struct store_fixture *f, unsigned num)
{
	struct job *j = talloc_zero_array(f->mem_ctx, struct job, num);
	struct dfsr_id root = dfsr_root_uid(&f->folder);
	char name[32];
	unsigned i;

	assert_non_null(j);
	for (i = 0; i < num; i++) {
		j[i].f = f;
		snprintf(name, sizeof(name), "job%u", i);
		store_fixture_row(f, &root, name, &j[i].row);
	}
	return j;
}

static void job_done(struct tevent_req *req)
{
	struct job *j = tevent_req_callback_data_void(req);

	j->got = dfsr_store_unit_recv(req);
	TALLOC_FREE(req);
	j->done = true;
	j->generation = dfsr_store_vv_generation(j->f->store);
	if (j->order != NULL) {
		j->at = (*j->order)++;
	}
}

static struct tevent_req *job_send(struct job *j)
{
	struct tevent_req *req = dfsr_store_unit_send(
		j->f->mem_ctx, j->f->ev, j->f->store, job_unit, j);

	assert_non_null(req);
	tevent_req_set_callback(req, job_done, j);
	return req;
}

static void loop_until(struct store_fixture *f, const bool *done)
{
	while (!*done) {
		assert_int_equal(tevent_loop_once(f->ev), 0);
	}
}

static void assert_traces(struct store_fixture *f, const struct job *j,
			  bool there)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_vv *vv = NULL;
	struct dfsr_row row;

	assert_int_equal(dfsr_store_read_begin(f->store, &txn), 0);
	assert_int_equal(dfsr_store_row_by_uid(txn, &j->row.rec.uid, &row),
			 there ? 0 : ENOENT);
	assert_int_equal(dfsr_store_row_by_name(txn, &j->row.rec.parent,
						j->row.rec.name, &row),
			 there ? 0 : ENOENT);
	assert_int_equal(dfsr_store_row_by_ident(txn, &j->row.stamp.ident,
						 &row),
			 there ? 0 : ENOENT);
	assert_int_equal(dfsr_store_vv_contains(txn, &j->row.rec.gvsn),
			 there);
	dfsr_store_read_end(txn);
	vv = dfsr_store_vv_published(f->mem_ctx, f->store);
	assert_non_null(vv);
	assert_int_equal(dfsr_vv_contains(vv, &j->row.rec.gvsn), there);
	TALLOC_FREE(vv);
}

struct totals {
	uint64_t live, dead, holes, next_vsn, preserved;
};

static int totals_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct totals *t = private_data;
	struct dfsr_issuer issuer = {.env = NULL};
	struct dfsr_preserved pr = {.seq = 0};
	int err;

	t->preserved = 0;
	while (dfsr_store_preserved_next(txn, pr.seq, &pr) == 0) {
		t->preserved++;
	}
	err = dfsr_store_row_count(txn, &t->live, &t->dead);
	if (err == 0) {
		err = dfsr_store_issuer(txn, &issuer);
		t->next_vsn = (err == 0) ? issuer.next_vsn : DFSR_VSN_FIRST;
	}
	return 0;
}

static void assert_totals(struct store_fixture *f, unsigned num)
{
	struct dfsr_store_txn *txn = NULL;
	struct totals t;
	int i;

	/* as a unit sees it and as a reader sees it */
	for (i = 0; i < 2; i++) {
		if (i == 0) {
			store_fixture_unit(f, totals_unit, &t, 0);
		} else {
			assert_int_equal(dfsr_store_read_begin(f->store, &txn),
					 0);
			assert_int_equal(totals_unit(txn, &t), 0);
			dfsr_store_read_end(txn);
		}
		assert_int_equal(t.live, num);
		assert_int_equal(t.dead, 0);
		assert_int_equal(t.preserved, num);
		assert_int_equal(t.next_vsn, DFSR_VSN_FIRST + num);
	}
	assert_int_equal(dfsr_store_hole_count(f->store), num);
	store_fixture_check(f);
}

/* ---- one unit --------------------------------------------------------- */

static void test_kept(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 1);
	uint64_t generation = dfsr_store_vv_generation(f->store);

	assert_int_equal(generation, 1);
	job_send(j);
	assert_false(j->done);
	loop_until(f, &j->done);
	assert_int_equal(j->got, 0);
	assert_int_equal(j->generation, 2);
	assert_traces(f, j, true);
	assert_totals(f, 1);
	store_fixture_reopen(f);
	assert_traces(f, j, true);
	assert_totals(f, 1);
	TALLOC_FREE(j);
}

static void test_undone(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 2);
	struct dfsr_store_stats before, after;

	dfsr_store_stats(f->store, &before);
	j[0].result = EAGAIN;
	store_fixture_unit(f, job_unit, &j[0], EAGAIN);
	assert_traces(f, &j[0], false);
	assert_totals(f, 0);
	dfsr_store_stats(f->store, &after);
	assert_int_equal(after.commits, before.commits);
	assert_int_equal(dfsr_store_vv_generation(f->store), 1);
	store_fixture_unit(f, job_unit, &j[1], 0);
	assert_traces(f, &j[0], false);
	assert_totals(f, 1);
	TALLOC_FREE(j);
}

static int look_unit(struct dfsr_store_txn *txn, void *private_data)
{
	bool *known = private_data;
	struct dfsr_id id = {.vsn = 12};

	*known = dfsr_store_vv_contains(txn, &id);
	return 0;
}

static void test_looking_commits_nothing(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_store_stats before, after;
	bool known = true;

	dfsr_store_stats(f->store, &before);
	store_fixture_unit(f, look_unit, &known, 0);
	assert_false(known);
	dfsr_store_stats(f->store, &after);
	assert_int_equal(after.commits, before.commits);
	assert_int_equal(after.units, before.units + 1);
}

static void test_other_loop(void **state)
{
	struct store_fixture *f = *state;
	struct tevent_context *other = tevent_context_init(f->mem_ctx);
	struct job *j = job_new(f, 1);
	struct tevent_req *req = dfsr_store_unit_send(f->mem_ctx, other,
						      f->store, job_unit, j);

	assert_true(tevent_req_poll(req, other));
	assert_int_equal(dfsr_store_unit_recv(req), EINVAL);
	assert_int_equal(j->runs, 0);
	TALLOC_FREE(req);
	TALLOC_FREE(other);
	TALLOC_FREE(j);
}

/* ---- groups ----------------------------------------------------------- */

/* Hold the thread in jobs[0] until all of them are queued. */
static void run_group(struct store_fixture *f, struct job *jobs, unsigned num)
{
	sem_t hold, held;
	unsigned i;

	sem_init(&hold, 0, 0);
	sem_init(&held, 0, 0);
	jobs[0].hold = &hold;
	jobs[0].held = &held;
	job_send(&jobs[0]);
	sem_wait(&held);
	for (i = 1; i < num; i++) {
		job_send(&jobs[i]);
	}
	sem_post(&hold);
	for (i = 0; i < num; i++) {
		loop_until(f, &jobs[i].done);
	}
	sem_destroy(&hold);
	sem_destroy(&held);
}

static void test_group(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 21);
	struct dfsr_store_stats before, after;
	unsigned order = 0, i;

	for (i = 0; i < 21; i++) {
		j[i].order = &order;
	}
	dfsr_store_stats(f->store, &before);
	run_group(f, j, 21);
	dfsr_store_stats(f->store, &after);
	assert_int_equal(after.commits - before.commits, 2);
	assert_int_equal(after.units - before.units, 21);
	assert_true(after.commit_ns > before.commit_ns);
	for (i = 0; i < 21; i++) {
		assert_int_equal(j[i].got, 0);
		assert_int_equal(j[i].at, i);
		assert_int_equal(j[i].runs, 1);
	}
	assert_int_equal(dfsr_store_vv_generation(f->store), 3);
	assert_totals(f, 21);
	TALLOC_FREE(j);
}

/* Every pattern of failures in a group of five. */
static void test_group_failures(void **state)
{
	struct store_fixture *f = *state;
	unsigned pattern, i, kept = 0;
	char name[32];

	for (pattern = 0; pattern < 32; pattern++) {
		struct job *j = job_new(f, 6);

		for (i = 0; i < 6; i++) {
			snprintf(name, sizeof(name), "p%u-%u", pattern, i);
			strcpy(j[i].row.rec.name, name);
			if (i > 0 && (pattern & (1U << (i - 1))) != 0) {
				j[i].result = ECANCELED;
			}
		}
		run_group(f, j, 6);
		for (i = 0; i < 6; i++) {
			assert_int_equal(j[i].got, j[i].result);
			assert_traces(f, &j[i], j[i].result == 0);
			kept += (j[i].result == 0);
		}
		assert_totals(f, kept);
		TALLOC_FREE(j);
	}
	store_fixture_reopen(f);
	assert_totals(f, kept);
}

struct peek {
	struct store_fixture *f;
	struct dfsr_id gvsn;
	bool in_unit;
	bool published;
	uint64_t generation;
};

static int peek_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct peek *p = private_data;
	struct dfsr_vv *vv = dfsr_store_vv_published(NULL, p->f->store);

	p->in_unit = dfsr_store_vv_contains(txn, &p->gvsn);
	p->published = dfsr_vv_contains(vv, &p->gvsn);
	p->generation = dfsr_store_vv_generation(p->f->store);
	TALLOC_FREE(vv);
	return 0;
}

/* Later units of a group see the earlier ones; nobody outside does yet. */
static void test_published_after_commit(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 2);
	struct peek p = {.f = f, .gvsn = j[1].row.rec.gvsn};
	struct tevent_req *req = NULL;
	sem_t hold, held;

	sem_init(&hold, 0, 0);
	sem_init(&held, 0, 0);
	j[0].hold = &hold;
	j[0].held = &held;
	job_send(&j[0]);
	sem_wait(&held);
	job_send(&j[1]);
	req = dfsr_store_unit_send(f->mem_ctx, f->ev, f->store, peek_unit, &p);
	sem_post(&hold);
	assert_true(tevent_req_poll(req, f->ev));
	assert_int_equal(dfsr_store_unit_recv(req), 0);
	TALLOC_FREE(req);
	assert_true(p.in_unit);
	assert_false(p.published);
	assert_int_equal(p.generation, 2);
	assert_true(j[1].done);
	assert_int_equal(dfsr_store_vv_generation(f->store), 3);
	sem_destroy(&hold);
	sem_destroy(&held);
	TALLOC_FREE(j);
}

/* ---- growth ----------------------------------------------------------- */

static void test_growth(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 12);
	struct dfsr_store_stats s;
	unsigned i, again = 0;

	dfsr_store_stats(f->store, &s);
	assert_int_equal(s.map_bytes, STORE_MAP_FIRST);
	for (i = 1; i < 12; i++) {
		j[i].bulk = 9 * 1024 * 1024;
	}
	j[3].result = EAGAIN;
	j[9].result = EAGAIN;
	run_group(f, j, 12);
	for (i = 0; i < 12; i++) {
		assert_int_equal(j[i].got, j[i].result);
		assert_traces(f, &j[i], j[i].result == 0);
		again += j[i].runs - 1;
	}
	assert_true(again > 0);
	assert_totals(f, 10);
	dfsr_store_stats(f->store, &s);
	assert_true(s.map_bytes > 80 * 1024 * 1024);
	assert_true(s.used_bytes > 80 * 1024 * 1024);
	assert_true(s.used_bytes <= s.map_bytes);
	store_fixture_reopen(f);
	assert_totals(f, 10);
	dfsr_store_stats(f->store, &s);
	assert_true(s.map_bytes > 80 * 1024 * 1024);
	TALLOC_FREE(j);
}

static int ignorant_unit(struct dfsr_store_txn *txn, void *private_data)
{
	/* it does not look at errors */
	put_bulk(txn, private_data);
	return 0;
}

static void test_growth_with_a_reader(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 2);
	struct dfsr_store_txn *txn = NULL, *second = NULL;
	struct dfsr_store_stats before, after;
	struct dfsr_row row;
	int i;

	store_fixture_unit(f, job_unit, &j[0], 0);
	assert_int_equal(dfsr_store_read_begin(f->store, &txn), 0);
	j[1].bulk = 32 * 1024 * 1024;
	job_send(&j[1]);
	dfsr_store_stats(f->store, &before);
	for (i = 0; i < 50000; i++) {
		/* whatever the thread is at, the map stays under us */
		assert_int_equal(dfsr_store_row_by_uid(
					 txn, &j[0].row.rec.uid, &row),
				 0);
		assert_int_equal(dfsr_store_read_begin(f->store, &second), 0);
		dfsr_store_read_end(second);
	}
	/* it has not been begun again, however long that took */
	assert_int_equal(__atomic_load_n(&j[1].runs, __ATOMIC_RELAXED), 1);
	dfsr_store_stats(f->store, &after);
	assert_int_equal(after.units, before.units);
	assert_int_equal(after.map_bytes, before.map_bytes);
	dfsr_store_read_end(txn);
	loop_until(f, &j[1].done);
	assert_int_equal(j[1].got, 0);
	assert_int_equal(j[1].runs, 2);
	assert_totals(f, 2);
	TALLOC_FREE(j);
}

static void test_growth_unnoticed(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 1);
	struct dfsr_store_stats s;

	j->bulk = 40 * 1024 * 1024;
	store_fixture_unit(f, ignorant_unit, j, 0);
	dfsr_store_stats(f->store, &s);
	assert_true(s.used_bytes > 40 * 1024 * 1024);
	TALLOC_FREE(j);
}

/* ---- full disk -------------------------------------------------------- */

/* In a child with a small filesystem of its own; says by its exit status. */
static int small_disk(struct store_fixture *outer)
{
	struct store_fixture *f = NULL;
	struct job *j = NULL;
	void *state = NULL;
	unsigned i, kept = 0, full = 0;

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", outer->base, "tmpfs", 0, "size=6m") != 0) {
		return 77;
	}
	setenv("TMPDIR", outer->base, 1);
	if (store_fixture_setup(&state) != 0) {
		return 1;
	}
	f = state;
	j = job_new(f, 40);
	for (i = 0; i < 40; i++) {
		j[i].bulk = 300 * 1024;
		j[i].got = dfsr_store_unit(f->store, job_unit, &j[i]);
		kept += (j[i].got == 0);
		full += (j[i].got == ENOSPC);
		assert_traces(f, &j[i], j[i].got == 0);
	}
	assert_int_equal(kept + full, 40);
	assert_true(kept > 5);
	assert_true(full > 5);
	assert_totals(f, kept);
	/* it goes on as soon as there is room */
	assert_int_equal(mount("none", outer->base, "tmpfs", MS_REMOUNT,
			       "size=64m"),
			 0);
	for (i = 0; i < 40; i++) {
		if (j[i].got != 0) {
			store_fixture_unit(f, job_unit, &j[i], 0);
		}
	}
	assert_totals(f, 40);
	store_fixture_reopen(f);
	assert_totals(f, 40);
	TALLOC_FREE(j);
	return store_fixture_teardown(&state);
}

static void test_full_disk(void **state)
{
	struct store_fixture *f = *state;
	int status = 0;
	pid_t pid;

	store_fixture_close(f);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(small_disk(f));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		/* no right to mount anything here */
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- requests that end early ------------------------------------------ */

static void test_freed_early(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 3);
	struct tevent_req *req[3];
	int i;

	for (i = 0; i < 3; i++) {
		req[i] = job_send(&j[i]);
	}
	TALLOC_FREE(req[1]);
	/* it has run: its memory is ours again */
	assert_int_equal(j[1].runs, 1);
	assert_false(j[1].done);
	loop_until(f, &j[2].done);
	assert_true(j[0].done);
	assert_false(j[1].done);
	assert_totals(f, 3);
	TALLOC_FREE(j);
}

/* Not from inside of the store's destructor. */
static void late_done(struct tevent_req *req)
{
	struct job *j = tevent_req_callback_data_void(req);

	j->done = (j->f->store == NULL);
}

static void test_store_freed_first(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 3);
	struct tevent_req *req[3];
	int i;

	for (i = 0; i < 3; i++) {
		req[i] = dfsr_store_unit_send(f->mem_ctx, f->ev, f->store,
					      job_unit, &j[i]);
		tevent_req_set_callback(req[i], late_done, &j[i]);
	}
	store_fixture_close(f);
	for (i = 0; i < 3; i++) {
		assert_int_equal(j[i].runs, 1);
	}
	TALLOC_FREE(req[0]);
	for (i = 1; i < 3; i++) {
		loop_until(f, &j[i].done);
		assert_int_equal(dfsr_store_unit_recv(req[i]), 0);
		TALLOC_FREE(req[i]);
	}
	store_fixture_open(f);
	assert_totals(f, 3);
	TALLOC_FREE(j);
}

static void close_in_callback(struct tevent_req *req)
{
	struct job *j = tevent_req_callback_data_void(req);

	j->got = dfsr_store_unit_recv(req);
	TALLOC_FREE(req);
	store_fixture_close(j->f);
	j->done = true;
}

static void test_store_freed_in_callback(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 4);
	struct tevent_req *req[4];
	int i;

	for (i = 0; i < 4; i++) {
		req[i] = dfsr_store_unit_send(f->mem_ctx, f->ev, f->store,
					      job_unit, &j[i]);
	}
	tevent_req_set_callback(req[0], close_in_callback, &j[0]);
	loop_until(f, &j[0].done);
	for (i = 1; i < 4; i++) {
		assert_true(tevent_req_poll(req[i], f->ev));
		assert_int_equal(dfsr_store_unit_recv(req[i]), 0);
		TALLOC_FREE(req[i]);
	}
	store_fixture_open(f);
	assert_totals(f, 4);
	TALLOC_FREE(j);
}

/* ---- opening ---------------------------------------------------------- */

static void test_exclusive(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_store *second = NULL;
	struct job *j = job_new(f, 1);
	int status = 0;
	pid_t pid;

	assert_string_equal(dfsr_store_dir(f->store), f->dir);
	assert_int_equal(dfsr_store_open(f->mem_ctx, f->ev, f->dir, &f->folder,
					 &second),
			 EBUSY);
	assert_null(second);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		TALLOC_CTX *ctx = talloc_new(NULL);
		int err = dfsr_store_open(ctx, tevent_context_init(ctx),
					  f->dir, &f->folder, &second);

		_exit(err == EBUSY ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* being refused has disturbed nothing */
	store_fixture_unit(f, job_unit, j, 0);
	assert_totals(f, 1);
	TALLOC_FREE(j);
}

static void test_other_folder(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_guid other = f->folder;
	struct dfsr_store *second = NULL;
	struct stat st;

	assert_int_equal(stat(f->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	store_fixture_close(f);
	other.b[7] ^= 1;
	assert_int_equal(dfsr_store_open(f->mem_ctx, f->ev, f->dir, &other,
					 &second),
			 EINVAL);
	assert_null(second);
	store_fixture_open(f);
}

/* What was left half-made is made again; what is not ours is refused. */
static void test_half_made(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 1);
	char path[PATH_MAX + 16];
	FILE *file = NULL;
	MDB_env *env = NULL;

	store_fixture_close(f);
	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	snprintf(path, sizeof(path), "%s/data.new", f->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("half of a page", file) >= 0);
	assert_int_equal(fclose(file), 0);
	store_fixture_open(f);
	store_fixture_unit(f, job_unit, j, 0);
	assert_totals(f, 1);
	assert_int_equal(access(path, F_OK), -1);
	store_fixture_close(f);

	snprintf(path, sizeof(path), "%s/data.mdb", f->dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, f->dir, 0, 0600), 0);
	mdb_env_close(env);
	assert_int_equal(dfsr_store_open(f->mem_ctx, f->ev, f->dir, &f->folder,
					 &f->store),
			 EILSEQ);
	TALLOC_FREE(j);
}

static int future_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct store_fixture *f = private_data;
	struct dfsr_push *p = store_value_start(txn);

	dfsr_push_u64(p, UINT64_C(0x31524f5453464453));
	dfsr_push_u32(p, STORE_FORMAT_VERSION + 1);
	dfsr_push_guid(p, &f->folder);
	return store_value_put(txn, STORE_DB_STATE, STORE_KEY_FORMAT,
			       strlen(STORE_KEY_FORMAT));
}

static void test_future_format(void **state)
{
	struct store_fixture *f = *state;

	store_fixture_unit(f, future_unit, f, 0);
	store_fixture_close(f);
	assert_int_equal(dfsr_store_open(f->mem_ctx, f->ev, f->dir, &f->folder,
					 &f->store),
			 EILSEQ);
	assert_null(f->store);
}

static void test_damaged_state(void **state)
{
	static const char *const keys[] = {STORE_KEY_FORMAT, STORE_KEY_VECTOR,
					   STORE_KEY_COUNTERS};
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 1);
	size_t i;

	store_fixture_unit(f, job_unit, j, 0);
	store_fixture_close(f);
	for (i = 0; i < 3; i++) {
		store_fixture_damage(f, "state", keys[i], strlen(keys[i]), 11);
		assert_int_equal(dfsr_store_open(f->mem_ctx, f->ev, f->dir,
						 &f->folder, &f->store),
				 EIO);
		store_fixture_damage(f, "state", keys[i], strlen(keys[i]), 11);
	}
	store_fixture_open(f);
	assert_totals(f, 1);
	TALLOC_FREE(j);
}

/* LMDB refuses all work after some errors, until it is opened again. */
static void test_opened_again(void **state)
{
	struct store_fixture *f = *state;
	struct job *j = job_new(f, 2);

	store_fixture_unit(f, job_unit, &j[0], 0);
	assert_int_equal(store_env_reopen(f->store), 0);
	assert_totals(f, 1);
	store_fixture_unit(f, job_unit, &j[1], 0);
	assert_totals(f, 2);
	TALLOC_FREE(j);
}

/* ---- the issuer ------------------------------------------------------- */

static int issuer_unit(struct dfsr_store_txn *txn, void *private_data)
{
	return dfsr_store_issuer(txn, private_data);
}

static int issuer_put_unit(struct dfsr_store_txn *txn, void *private_data)
{
	return dfsr_store_issuer_put(txn, private_data);
}

static void test_issuer(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_issuer a = {.env = NULL};
	struct dfsr_issuer b = {.env = &f->env, .fence = 3, .now_max = 9};
	struct dfsr_store_txn *txn = NULL;

	store_fixture_unit(f, issuer_unit, &a, EINVAL);
	assert_int_equal(dfsr_store_read_begin(f->store, &txn), 0);
	assert_int_equal(dfsr_store_issuer(txn, &b), ENOENT);
	dfsr_store_read_end(txn);
	store_fixture_unit(f, issuer_unit, &b, 0);
	assert_int_equal(b.next_vsn, DFSR_VSN_FIRST);
	assert_int_equal(b.fence, 3);
	assert_int_equal(b.now_max, 9);
	assert_false(dfsr_guid_is_null(&b.db));
	b.next_vsn += 100;
	store_fixture_unit(f, issuer_put_unit, &b, 0);
	store_fixture_reopen(f);
	store_fixture_unit(f, issuer_unit, &a, 0);
	assert_int_equal(dfsr_guid_cmp(&a.db, &b.db), 0);
	assert_int_equal(a.next_vsn, b.next_vsn);
	/* numbers go up only, and under one name */
	a.next_vsn--;
	store_fixture_unit(f, issuer_put_unit, &a, EINVAL);
	a.next_vsn += 2;
	a.db.b[0] ^= 1;
	store_fixture_unit(f, issuer_put_unit, &a, EINVAL);
}

int main(void)
{
#define TEST(fn)                                                 \
	cmocka_unit_test_setup_teardown(fn, store_fixture_setup, \
					store_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_kept),
		TEST(test_undone),
		TEST(test_looking_commits_nothing),
		TEST(test_other_loop),
		TEST(test_group),
		TEST(test_group_failures),
		TEST(test_published_after_commit),
		TEST(test_growth),
		TEST(test_growth_with_a_reader),
		TEST(test_growth_unnoticed),
		TEST(test_full_disk),
		TEST(test_freed_early),
		TEST(test_store_freed_first),
		TEST(test_store_freed_in_callback),
		TEST(test_exclusive),
		TEST(test_other_folder),
		TEST(test_half_made),
		TEST(test_future_format),
		TEST(test_damaged_state),
		TEST(test_opened_again),
		TEST(test_issuer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
