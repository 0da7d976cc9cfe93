/*
   Samba DFS Replication
   A process that is killed while its store works
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

/*
 * A child runs units with ascending numbers and reports each one that was
 * completed through a pipe. It is killed at a random moment: while opening,
 * between commits, within one, while the map grows. Then the parent opens the
 * store: what was reported must be there, and every unit must be there with
 * all its parts or not at all.
 *
 * usage: test_store_kill [SEED]
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store_private.h"
#include "store_fixture.h"

#define ROUNDS 100
#define ROUNDS_PER_STORE 10
#define IN_FLIGHT 24
#define REPORTS_MAX 300
/** Every so many units bring data that makes the map grow. */
#define BULK_EVERY 16
#define BULK_LEN (512 * 1024)
/** Names are used again and again, so that rows move. */
#define NAMES 50

static uint64_t start_seed = 4242;

/* ---- one numbered unit ------------------------------------------------ */

struct numbered {
	struct store_fixture *f;
	uint64_t number;
	int report_fd;
};

/* All that a unit leaves behind follows from its number. */
static void numbered_row(struct store_fixture *f, const struct dfsr_guid *db,
			 uint64_t number, struct dfsr_row *row)
{
	memset(row, 0, sizeof(*row));
	row->rec.gvsn = (struct dfsr_id){.db = *db, .vsn = number};
	row->rec.uid = row->rec.gvsn;
	row->rec.parent = dfsr_root_uid(&f->folder);
	row->rec.kind = DFSR_KIND_FILE;
	row->rec.present = true;
	row->rec.tag = number * 7;
	row->rec.lineage.num = 1;
	row->rec.lineage.e[0] = row->rec.gvsn;
	snprintf(row->rec.name, sizeof(row->rec.name), "n%u",
		 (unsigned)(number % NAMES));
	row->stamp.ident.ino = number;
	row->stamp.ident.btime_sec = 1;
}

/* The one that has the name already is deleted, in the same unit. */
static int retire(struct dfsr_store_txn *txn, const struct dfsr_row *row)
{
	struct dfsr_row old;
	int err;

	err = dfsr_store_row_by_name(txn, &row->rec.parent, row->rec.name,
				     &old);
	if (err != 0) {
		return err == ENOENT ? 0 : err;
	}
	old.rec.present = false;
	return dfsr_store_row_put(txn, &old);
}

static int put_lists(struct dfsr_store_txn *txn, const struct dfsr_row *row)
{
	static const uint8_t bulk[BULK_LEN];
	struct dfsr_hole hole = {.update = row->rec, .attempts = 1};
	char key[32];
	int err;

	err = dfsr_store_hole_put(txn, &hole);
	if (err == 0) {
		err = dfsr_store_vv_add(txn, &row->rec.gvsn, row->rec.tag);
	}
	if (err == 0 && row->rec.gvsn.vsn % BULK_EVERY == 0) {
		snprintf(key, sizeof(key), "bulk%u",
			 (unsigned)row->rec.gvsn.vsn);
		err = dfsr_store_state_put(txn, key, bulk, sizeof(bulk));
	}
	return err;
}

static int numbered_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct numbered *n = private_data;
	struct dfsr_issuer issuer = {.env = &n->f->env};
	struct dfsr_row row;
	int err;

	err = dfsr_store_issuer(txn, &issuer);
	if (err != 0) {
		return err;
	}
	n->number = issuer.next_vsn++;
	numbered_row(n->f, &issuer.db, n->number, &row);
	err = retire(txn, &row);
	if (err == 0) {
		err = dfsr_store_row_put(txn, &row);
	}
	if (err == 0) {
		err = put_lists(txn, &row);
	}
	if (err == 0) {
		err = dfsr_store_issuer_put(txn, &issuer);
	}
	return err;
}

/* ---- the child -------------------------------------------------------- */

static void child_send(struct numbered *n);

static void child_done(struct tevent_req *req)
{
	struct numbered *n = tevent_req_callback_data_void(req);
	int err = dfsr_store_unit_recv(req);

	TALLOC_FREE(req);
	if (err != 0 || write(n->report_fd, &n->number, sizeof(n->number)) !=
				sizeof(n->number)) {
		_exit(2);
	}
	child_send(n);
}

static void child_send(struct numbered *n)
{
	struct tevent_req *req = dfsr_store_unit_send(
		n->f->mem_ctx, n->f->ev, n->f->store, numbered_unit, n);

	if (req == NULL) {
		_exit(3);
	}
	tevent_req_set_callback(req, child_done, n);
}

static void child_main(struct store_fixture *f, int report_fd)
{
	struct numbered n[IN_FLIGHT];
	unsigned i;

	if (dfsr_store_open(f->mem_ctx, f->ev, f->dir, &f->folder,
			    &f->store) != 0) {
		_exit(4);
	}
	for (i = 0; i < IN_FLIGHT; i++) {
		n[i] = (struct numbered){.f = f, .report_fd = report_fd};
		child_send(&n[i]);
	}
	while (tevent_loop_once(f->ev) == 0) {
		continue;
	}
	_exit(5);
}

/* ---- the parent ------------------------------------------------------- */

/* @return the highest number that was reported, 0 if none */
static uint64_t read_reports(int fd, uint64_t most)
{
	uint64_t number, high = 0, count = 0;

	while (count < most &&
	       read(fd, &number, sizeof(number)) == sizeof(number)) {
		/* in the order of the units, hence without gaps */
		assert_true(number == high + 1 || high == 0);
		high = number;
		count++;
	}
	return high;
}

static uint64_t kill_round(struct store_fixture *f)
{
	struct timespec nap = {.tv_nsec = 0};
	uint64_t high, rest, most;
	int fds[2], status = 0;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		close(fds[0]);
		child_main(f, fds[1]);
	}
	close(fds[1]);
	/* some die while they open the store */
	most = samples_below(&f->samples, 5) == 0
		       ? 0
		       : samples_below(&f->samples, REPORTS_MAX);
	high = read_reports(fds[0], most);
	nap.tv_nsec = (long)samples_below(&f->samples, 4000000);
	nanosleep(&nap, NULL);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	rest = read_reports(fds[0], UINT64_MAX);
	close(fds[0]);
	return rest > high ? rest : high;
}

static void check_number(struct store_fixture *f, struct dfsr_store_txn *txn,
			 const struct dfsr_guid *db, uint64_t number)
{
	struct dfsr_hole hole;
	struct dfsr_row want, row;
	struct dfsr_id before;
	uint8_t *data = NULL;
	char key[32];
	size_t len;

	numbered_row(f, db, number, &want);
	assert_int_equal(dfsr_store_row_by_uid(txn, &want.rec.uid, &row), 0);
	assert_int_equal(row.rec.tag, want.rec.tag);
	assert_true(dfsr_store_vv_contains(txn, &want.rec.gvsn));
	before = want.rec.gvsn;
	before.vsn--;
	assert_int_equal(dfsr_store_hole_next(txn, &before, &hole), 0);
	assert_int_equal(hole.update.gvsn.vsn, number);
	if (number % BULK_EVERY == 0) {
		snprintf(key, sizeof(key), "bulk%u", (unsigned)number);
		assert_int_equal(dfsr_store_state_get(txn, f->mem_ctx, key,
						      &data, &len),
				 0);
		assert_int_equal(len, BULK_LEN);
		TALLOC_FREE(data);
	}
}

static void check_store(struct store_fixture *f, uint64_t reported)
{
	struct dfsr_issuer issuer = {.env = NULL};
	struct dfsr_store_txn *txn = NULL;
	uint64_t number, live, dead, have;
	struct dfsr_vv *vv = NULL;
	int err;

	assert_int_equal(dfsr_store_read_begin(f->store, &txn), 0);
	err = dfsr_store_issuer(txn, &issuer);
	if (err == ENOENT) {
		/* killed before the first commit */
		assert_int_equal(reported, 0);
		dfsr_store_read_end(txn);
		return;
	}
	assert_int_equal(err, 0);
	assert_true(reported < issuer.next_vsn);
	for (number = DFSR_VSN_FIRST; number < issuer.next_vsn; number++) {
		check_number(f, txn, &issuer.db, number);
	}
	have = issuer.next_vsn - DFSR_VSN_FIRST;
	assert_int_equal(dfsr_store_row_count(txn, &live, &dead), 0);
	assert_int_equal(live + dead, have);
	assert_int_equal(live, have < NAMES ? have : NAMES);
	assert_int_equal(dfsr_store_vv(txn, f->mem_ctx, &vv), 0);
	assert_int_equal(dfsr_vv_count(vv), have);
	TALLOC_FREE(vv);
	dfsr_store_read_end(txn);
	assert_int_equal(dfsr_store_hole_count(f->store), have);
	store_fixture_check(f);
}

static void test_kill(void **state)
{
	struct store_fixture *f = *state;
	uint64_t reported = 0, last, killed_at_work = 0;
	unsigned round;

	f->samples.state = start_seed;
	store_fixture_close(f);
	for (round = 0; round < ROUNDS; round++) {
		if (round % ROUNDS_PER_STORE == 0) {
			store_fixture_rmtree(f->dir);
			reported = 0;
		}
		last = kill_round(f);
		reported = last > reported ? last : reported;
		killed_at_work += (last != 0);
		store_fixture_open(f);
		check_store(f, reported);
		store_fixture_close(f);
	}
	/* or the test has killed nobody that worked */
	assert_true(killed_at_work > ROUNDS / 3);
	store_fixture_open(f);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kill, store_fixture_setup,
						store_fixture_teardown),
	};

	if (argc > 1) {
		start_seed = strtoull(argv[1], NULL, 10);
	}
	printf("seed %llu\n", (unsigned long long)start_seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
