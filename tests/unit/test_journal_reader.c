/*
   Samba DFS Replication
   Unit tests of the change log's reader, the half in dfsrd

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

#include "../lib/journal_help.h"
#include <sched.h>
#include <stdatomic.h>

static void append(uint64_t ino, struct dfsr_journal_record *rec)
{
	*rec = help_intent(ino);
	dfsr_journal_writer_append(help_writer(), rec);
}

static void finish(struct dfsr_journal_record *rec)
{
	help_outcome(rec);
	dfsr_journal_writer_append(help_writer(), rec);
}

static bool readable(int msec)
{
	struct pollfd p = {
		.fd = dfsr_journal_reader_fd(h.r),
		.events = POLLIN,
	};

	return poll(&p, 1, msec) == 1;
}

static void no_overflow(void)
{
	assert_int_equal(dfsr_journal_overflow(h.r), 0);
}

static void test_one_reader(void **state)
{
	struct dfsr_journal_reader *other = NULL;
	uint8_t boot[16];
	unsigned found = 0;

	(void)state;
	help_open();
	dfsr_journal_boot_id(boot);
	assert_int_equal(dfsr_journal_reader_open(h.mem, h.dir, boot, &found,
						  &other), EBUSY);
	TALLOC_FREE(h.r);
	help_open();
	assert_int_equal(h.found, 0);
}

/* A created object gets its identity later. */
static void test_named(void **state)
{
	struct dfsr_journal_record rec = help_intent(0);
	struct dfsr_journal_writer *w = NULL;

	(void)state;
	help_open();
	w = help_writer();
	rec.op = DFSR_JOURNAL_OP_CREATE;
	dfsr_journal_writer_append(w, &rec);
	rec.kind = DFSR_JOURNAL_NAMED;
	strcpy(rec.name, "as it is on the disk");
	rec.parent.ino = 3;
	rec.object.ino = 31;
	rec.object.btime_sec = 7;
	rec.object.btime_nsec = 8;
	dfsr_journal_writer_append(w, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 0);
	assert_false(help_busy(31));
	help_expect(DFSR_JOURNAL_NAMED, 31);
	assert_true(help_busy(31));
	rec.kind = DFSR_JOURNAL_FLUSH;
	dfsr_journal_writer_append(w, &rec);
	help_expect(DFSR_JOURNAL_FLUSH, 31);
	assert_true(help_busy(31));
	assert_int_equal(dfsr_journal_reader_open_intents(h.r), 1);
	/* a close says only which intent is over */
	rec.name[0] = '\0';
	memset(&rec.parent, 0, sizeof(rec.parent));
	memset(&rec.object, 0, sizeof(rec.object));
	finish(&rec);
	rec = help_expect(DFSR_JOURNAL_OUTCOME, 31);
	assert_string_equal(rec.name, "as it is on the disk");
	assert_int_equal(rec.parent.ino, 3);
	assert_false(help_busy(31));
	assert_int_equal(dfsr_journal_reader_open_intents(h.r), 0);
}

/* Two handles on one object: busy until both are closed. */
static void test_busy_twice(void **state)
{
	struct dfsr_journal_record a;
	struct dfsr_journal_record b;

	(void)state;
	help_open();
	append(5, &a);
	append(5, &b);
	finish(&a);
	help_expect(DFSR_JOURNAL_INTENT, 5);
	help_expect(DFSR_JOURNAL_INTENT, 5);
	help_expect(DFSR_JOURNAL_OUTCOME, 5);
	assert_true(help_busy(5));
	finish(&b);
	help_expect(DFSR_JOURNAL_OUTCOME, 5);
	assert_false(help_busy(5));
}

static void lose_durable(struct dfsr_journal_record *rec, uint32_t msec)
{
	rec->kind = DFSR_JOURNAL_OUTCOME;
	rec->reason = DFSR_JOURNAL_REASON_DURABLE;
	rec->hold_msec = msec;
	dfsr_journal_writer_append(help_writer(), rec);
}

/* A durable handle without its client keeps the object busy. */
static void test_durable(void **state)
{
	struct dfsr_journal_record rec;
	struct dfsr_journal_record got;
	pid_t pid = -1;

	(void)state;
	help_open();
	pid = fork();
	if (pid == 0) {
		append(5, &rec);
		lose_durable(&rec, 60000);
		_exit(0);
	}
	help_wait(pid);
	help_expect(DFSR_JOURNAL_INTENT, 5);
	help_expect(DFSR_JOURNAL_OUTCOME, 5);
	help_expect_end();
	assert_true(help_busy(5));
	assert_int_equal(dfsr_journal_reader_open_intents(h.r), 0);
	/* its client is back in another process */
	append(5, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 5);
	assert_true(help_busy(5));
	finish(&rec);
	help_expect(DFSR_JOURNAL_OUTCOME, 5);
	assert_false(help_busy(5));
	/* or it does not come back in time */
	append(6, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 6);
	lose_durable(&rec, 1);
	got = help_expect(DFSR_JOURNAL_OUTCOME, 6);
	assert_int_equal(got.reason, DFSR_JOURNAL_REASON_DURABLE);
	while (dfsr_journal_reader_next(h.r, &got) == EAGAIN) {
		assert_true(help_busy(6));
	}
	assert_int_equal(got.reason, DFSR_JOURNAL_REASON_WRITER_DIED);
	assert_false(help_busy(6));
	help_expect_end();
	no_overflow();
}

/* ---- damage ------------------------------------------------------------- */

static void damage(const void *data, size_t len)
{
	int fd = help_segment(1);

	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void test_torn_middle(void **state)
{
	uint8_t frame[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record rec = help_intent(99);
	size_t cut = 0;
	size_t len = 0;

	(void)state;
	help_open();
	rec.counter = 1;
	rec.intent = 1;
	rec.slot = 8000;
	len = dfsr_journal_frame_encode(&rec, frame);
	for (cut = 1; cut < len; cut++) {
		append(1, &rec);
		damage(frame, cut);
		append(2, &rec);
		help_expect(DFSR_JOURNAL_INTENT, 1);
		help_expect(DFSR_JOURNAL_INTENT, 2);
		help_expect_end();
		assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
		dfsr_journal_overflow_clear(h.r, dfsr_journal_overflow(h.r));
	}
}

/* A torn frame that claims to be longer than what stands behind it. */
static void test_torn_long(void **state)
{
	uint8_t frame[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record rec = help_intent(99);

	(void)state;
	help_open();
	memset(rec.name, 'x', DFSR_NAME_MAX);
	memset(rec.name2, 'y', DFSR_NAME_MAX);
	rec.counter = rec.intent = 1;
	dfsr_journal_frame_encode(&rec, frame);
	append(1, &rec);
	damage(frame, 100);
	append(2, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 1);
	help_expect(DFSR_JOURNAL_INTENT, 2);
	help_expect_end();
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
}

static void test_garbage(void **state)
{
	struct dfsr_journal_record rec;
	uint8_t *junk = talloc_array(h.mem, uint8_t, 300000);
	size_t i = 0;

	(void)state;
	help_open();
	append(1, &rec);
	for (i = 0; i < 300000; i++) {
		junk[i] = (i * 2654435761u) >> 13;
	}
	damage(junk, 300000);
	append(2, &rec);
	damage("\0\0\0\0\0", 5);
	append(3, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 1);
	help_expect(DFSR_JOURNAL_INTENT, 2);
	help_expect(DFSR_JOURNAL_INTENT, 3);
	help_expect_end();
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
	talloc_free(junk);
}

/* A frame that arrives in pieces is neither skipped nor overflow. */
static void test_arriving(void **state)
{
	uint8_t frame[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record rec = help_intent(7);
	size_t cut = 0;
	size_t len = 0;
	uint64_t n = 0;

	(void)state;
	help_open();
	rec.slot = 8000;
	rec.incarnation = 1;
	for (cut = 1; cut < 160; cut += 13) {
		rec.counter = rec.intent = ++n;
		len = dfsr_journal_frame_encode(&rec, frame);
		damage(frame, cut);
		help_expect_end();
		no_overflow();
		damage(frame + cut, len - cut);
		help_expect(DFSR_JOURNAL_INTENT, 7);
		/* no process holds slot 8000 */
		help_expect(DFSR_JOURNAL_OUTCOME, 7);
		help_expect_end();
		no_overflow();
	}
}

/* A gap in a writer's own numbers: something did not arrive. */
static void test_gap(void **state)
{
	uint8_t frame[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record rec = help_intent(7);
	uint64_t n = 0;

	(void)state;
	help_open();
	rec.slot = 8000;
	rec.incarnation = 1;
	for (n = 1; n < 5; n++) {
		if (n == 3) {
			continue;
		}
		rec.counter = rec.intent = n;
		damage(frame, dfsr_journal_frame_encode(&rec, frame));
	}
	help_expect(DFSR_JOURNAL_INTENT, 7);
	help_expect(DFSR_JOURNAL_INTENT, 7);
	no_overflow();
	help_expect(DFSR_JOURNAL_INTENT, 7);
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
	/* and a frame that comes twice is told once */
	damage(frame, dfsr_journal_frame_encode(&rec, frame));
	rec.counter = rec.intent = 5;
	damage(frame, dfsr_journal_frame_encode(&rec, frame));
	rec = help_expect(DFSR_JOURNAL_INTENT, 7);
	assert_int_equal(rec.counter, 5);
}

/* ---- the cursor --------------------------------------------------------- */

static void restart(const struct dfsr_journal_cursor *c, int expected)
{
	TALLOC_FREE(h.r);
	help_open();
	assert_int_equal(dfsr_journal_reader_seek(h.r, c), expected);
}

/* From every place a restart goes on with the next and knows what is open. */
static void test_cursor(void **state)
{
	struct dfsr_journal_record open[8];
	struct dfsr_journal_cursor at[64];
	struct dfsr_journal_record rec;
	size_t count[64];
	size_t n = 0;
	size_t i = 0;

	(void)state;
	help_open();
	for (i = 0; i < 8; i++) {
		append(100 + i, &open[i]);
	}
	assert_int_equal(dfsr_journal_reader_seal(h.r, 0), 0);
	for (i = 0; i < 4; i++) {
		finish(&open[i]);
	}
	assert_int_equal(dfsr_journal_reader_seal(h.r, 0), 0);
	for (i = 4; i < 7; i++) {
		finish(&open[i]);
	}
	do {
		dfsr_journal_reader_cursor(h.r, &at[n]);
		count[n] = dfsr_journal_reader_open_intents(h.r);
		n++;
	} while (dfsr_journal_reader_next(h.r, &rec) == 0);
	assert_int_equal(n, 16);
	for (i = 0; i < n; i++) {
		size_t left = 0;

		restart(&at[i], 0);
		assert_int_equal(dfsr_journal_reader_open_intents(h.r),
				 count[i]);
		while (dfsr_journal_reader_next(h.r, &rec) == 0) {
			left++;
		}
		assert_int_equal(left, 15 - i);
		assert_true(help_busy(107));
		assert_false(help_busy(106));
	}
	no_overflow();
}

static void test_cursor_stale(void **state)
{
	struct dfsr_journal_cursor c;
	struct dfsr_journal_cursor other;
	struct dfsr_journal_record rec;

	(void)state;
	help_open();
	append(1, &rec);
	append(2, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 1);
	dfsr_journal_reader_cursor(h.r, &c);
	other = c;
	other.boot[3] ^= 1;
	restart(&other, ESTALE);
	help_expect(DFSR_JOURNAL_INTENT, 1);
	other = c;
	other.offset += 16;
	restart(&other, ESTALE);
	other = c;
	other.offset += 100000;
	restart(&other, ESTALE);
	other = c;
	other.segment++;
	restart(&other, ESTALE);
	other.segment = 0;
	restart(&other, ESTALE);
	no_overflow();
	restart(&c, 0);
	help_expect(DFSR_JOURNAL_INTENT, 2);
}

/* A lost list of open intents is noticed. */
static void test_open_list_lost(void **state)
{
	struct dfsr_journal_record rec;
	struct dfsr_journal_cursor c;
	char path[128];

	(void)state;
	help_open();
	append(1, &rec);
	assert_int_equal(dfsr_journal_reader_seal(h.r, 0), 0);
	help_expect(DFSR_JOURNAL_INTENT, 1);
	help_expect_end();
	dfsr_journal_reader_cursor(h.r, &c);
	assert_int_equal(c.segment, 2);
	restart(&c, 0);
	no_overflow();
	assert_true(help_busy(1));
	snprintf(path, sizeof(path), "%s/journal/open.2", h.dir);
	assert_int_equal(truncate(path, 50), 0);
	restart(&c, 0);
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
}

/* What an earlier boot left is told as hints, and nothing of it is open. */
static void test_earlier_boot(void **state)
{
	uint8_t boot[16] = "the next boot..";
	struct dfsr_journal_record rec;
	struct dfsr_journal_record a;
	struct dfsr_journal_record b;

	(void)state;
	help_open();
	append(1, &a);
	append(2, &b);
	finish(&a);
	TALLOC_FREE(h.r);
	assert_int_equal(dfsr_journal_reader_open(h.mem, h.dir, boot,
						  &h.found, &h.r), 0);
	assert_int_equal(h.found, DFSR_JOURNAL_FOUND_NEW_BOOT);
	assert_true(help_expect(DFSR_JOURNAL_INTENT, 1).hint);
	assert_true(help_expect(DFSR_JOURNAL_INTENT, 2).hint);
	assert_false(help_busy(2));
	assert_true(help_expect(DFSR_JOURNAL_OUTCOME, 1).hint);
	rec = help_expect(DFSR_JOURNAL_OUTCOME, 2);
	assert_true(rec.hint);
	assert_int_equal(rec.reason, DFSR_JOURNAL_REASON_WRITER_DIED);
	help_expect_end();
	assert_int_equal(dfsr_journal_reader_open_intents(h.r), 0);
}

/* ---- rotation ----------------------------------------------------------- */

#define LOAD_WRITERS 3
#define LOAD_PAIRS 8000

#define LOAD_AHEAD 2000

/* A writer stays at most so far ahead of what the reader has seen of it. */
static void load_writer(int n, _Atomic uint64_t *seen)
{
	struct dfsr_journal_writer *w = help_writer();
	int i = 0;

	for (i = 0; i < LOAD_PAIRS; i++) {
		struct dfsr_journal_record rec = help_intent(1 + n);

		while (2 * (uint64_t)i > atomic_load(seen) + LOAD_AHEAD) {
			sched_yield();
		}

		dfsr_journal_writer_append(w, &rec);
		help_outcome(&rec);
		dfsr_journal_writer_append(w, &rec);
	}
	_exit(0);
}

static void test_rotation_under_load(void **state)
{
	_Atomic uint64_t *next = help_shared(4096);
	struct dfsr_journal_cursor c;
	struct dfsr_journal_record rec;
	pid_t pid[LOAD_WRITERS];
	uint64_t got = 0;
	int i = 0;

	(void)state;
	help_open();
	for (i = 0; i < LOAD_WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			load_writer(i, &next[i]);
		}
	}
	while (got < (uint64_t)LOAD_WRITERS * LOAD_PAIRS * 2) {
		int ret = dfsr_journal_reader_next(h.r, &rec);

		if (ret == EAGAIN) {
			assert_true(readable(10000));
			assert_int_equal(dfsr_journal_reader_seal(h.r, 4096),
					 0);
			dfsr_journal_reader_cursor(h.r, &c);
			assert_int_equal(
				dfsr_journal_reader_free_consumed(h.r, &c),
				0);
			continue;
		}
		assert_int_equal(ret, 0);
		i = rec.object.ino - 1;
		assert_int_equal(rec.counter, atomic_load(&next[i]) + 1);
		atomic_store(&next[i], rec.counter);
		if (++got % 1000 == 0) {
			assert_int_equal(dfsr_journal_reader_seal(h.r, 4096),
					 0);
		}
	}
	for (i = 0; i < LOAD_WRITERS; i++) {
		help_wait(pid[i]);
	}
	help_expect_end();
	no_overflow();
	dfsr_journal_reader_cursor(h.r, &c);
	assert_true(c.segment > 5);
	assert_int_equal(dfsr_journal_reader_open_intents(h.r), 0);
	munmap((void *)next, 4096);
}

/*
 * dfsrd is killed and started again and again while smbds write: from the
 * stored cursor on everything comes, and what was open is open. A frame that
 * its writer had to append to two segments may come again after a restart.
 */
static void test_restart_under_load(void **state)
{
	_Atomic uint64_t *next = help_shared(4096);
	struct dfsr_journal_cursor c;
	struct dfsr_journal_record rec;
	pid_t pid[LOAD_WRITERS];
	uint64_t got = 0;
	size_t open = 0;
	int i = 0;

	(void)state;
	help_open();
	/* the writers must not inherit the reader's lock */
	TALLOC_FREE(h.r);
	for (i = 0; i < LOAD_WRITERS; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			load_writer(i, &next[i]);
		}
	}
	help_open();
	while (got < (uint64_t)LOAD_WRITERS * LOAD_PAIRS * 2) {
		if (dfsr_journal_reader_next(h.r, &rec) != 0) {
			assert_true(readable(10000));
			continue;
		}
		i = rec.object.ino - 1;
		if (rec.counter == atomic_load(&next[i])) {
			continue;
		}
		assert_int_equal(rec.counter, atomic_load(&next[i]) + 1);
		atomic_store(&next[i], rec.counter);
		if (++got % 997 != 0) {
			continue;
		}
		assert_int_equal(dfsr_journal_reader_seal(h.r, 100000), 0);
		dfsr_journal_reader_cursor(h.r, &c);
		open = dfsr_journal_reader_open_intents(h.r);
		restart(&c, 0);
		assert_int_equal(dfsr_journal_reader_open_intents(h.r), open);
		assert_int_equal(dfsr_journal_reader_free_consumed(h.r, &c),
				 0);
	}
	for (i = 0; i < LOAD_WRITERS; i++) {
		help_wait(pid[i]);
	}
	help_expect_end();
	no_overflow();
	munmap((void *)next, 4096);
}

/* Consumed segments leave no bytes behind, also for those who hold them. */
static void test_freed(void **state)
{
	struct dfsr_journal_cursor c;
	struct dfsr_journal_record rec;
	struct stat st;
	int fd = -1;

	(void)state;
	help_open();
	append(1, &rec);
	fd = help_segment(1);
	assert_int_equal(dfsr_journal_reader_seal(h.r, 1 << 20), 0);
	assert_int_equal(dfsr_journal_reader_seal(h.r, 0), 0);
	help_expect(DFSR_JOURNAL_INTENT, 1);
	help_expect_end();
	dfsr_journal_reader_cursor(h.r, &c);
	assert_int_equal(c.segment, 2);
	assert_int_equal(dfsr_journal_reader_free_consumed(h.r, &c), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_nlink, 0);
	close(fd);
	/* the intent was carried over the border */
	assert_true(help_busy(1));
	restart(&c, 0);
	assert_true(help_busy(1));
	append(2, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 2);
	assert_int_equal(dfsr_journal_reader_sync(h.r), 0);
	no_overflow();
}

/* ---- death -------------------------------------------------------------- */

static void test_death_wakes(void **state)
{
	struct dfsr_journal_record rec;
	int fds[2];
	char c = 0;
	pid_t pid = -1;

	(void)state;
	help_open();
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		append(5, &rec);
		append(6, &rec);
		finish(&rec);
		if (write(fds[1], "x", 1) != 1) {
			_exit(1);
		}
		pause();
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	help_expect(DFSR_JOURNAL_INTENT, 5);
	help_expect(DFSR_JOURNAL_INTENT, 6);
	help_expect(DFSR_JOURNAL_OUTCOME, 6);
	help_expect_end();
	assert_true(help_busy(5));
	help_kill(pid);
	assert_true(readable(10000));
	rec = help_expect(DFSR_JOURNAL_OUTCOME, 5);
	assert_int_equal(rec.reason, DFSR_JOURNAL_REASON_WRITER_DIED);
	assert_int_equal(rec.pid, pid);
	assert_string_equal(rec.name, "leaf");
	assert_false(help_busy(5));
	help_expect_end();
	no_overflow();
	close(fds[0]);
	close(fds[1]);
}

/* A writer that died while no dfsrd ran is found at the next start. */
static void test_death_unseen(void **state)
{
	struct dfsr_journal_record rec;
	struct dfsr_journal_cursor c;
	pid_t pid = -1;

	(void)state;
	help_open();
	dfsr_journal_reader_cursor(h.r, &c);
	TALLOC_FREE(h.r);
	pid = fork();
	if (pid == 0) {
		append(5, &rec);
		_exit(0);
	}
	help_wait(pid);
	help_open();
	assert_int_equal(dfsr_journal_reader_seek(h.r, &c), 0);
	help_expect(DFSR_JOURNAL_INTENT, 5);
	help_expect(DFSR_JOURNAL_OUTCOME, 5);
	help_expect_end();
}

/* How far the reader has come with one writer. */
struct progress {
	uint64_t seen;
	uint64_t open;
};

/* One record of a writer whose objects are numbered from 1. */
static bool follow(struct progress *p)
{
	struct dfsr_journal_record rec;

	if (dfsr_journal_reader_next(h.r, &rec) != 0) {
		return false;
	}
	if (rec.kind == DFSR_JOURNAL_INTENT) {
		assert_int_equal(rec.object.ino, ++p->seen);
		p->open++;
	} else {
		p->open--;
	}
	return true;
}

static void write_until_killed(_Atomic uint64_t *begun)
{
	struct dfsr_journal_record rec;
	uint64_t i = 0;

	for (i = 1;; i++) {
		append(i, &rec);
		atomic_store(begun, i);
		if (i % 3 != 0) {
			finish(&rec);
		}
	}
}

/*
 * Writers are killed wherever they happen to be. Whatever a writer had
 * begun, which it says in shared memory, must have been told, and must come
 * to an end.
 */
static void test_kill_anywhere(void **state)
{
	_Atomic uint64_t *begun = help_shared(4096);
	unsigned seed = 12345;
	int round = 0;

	(void)state;
	help_open();
	for (round = 0; round < 150; round++) {
		struct progress p = {0};
		uint64_t limit = 0;
		pid_t pid = -1;

		seed = seed * 1103515245 + 12345;
		limit = 1 + seed % 200;
		atomic_store(begun, 0);
		pid = fork();
		if (pid == 0) {
			write_until_killed(begun);
		}
		while (atomic_load(begun) < limit) {
			if (follow(&p) && p.seen % 40 == 0) {
				dfsr_journal_reader_seal(h.r, 0);
			}
		}
		help_kill(pid);
		while (follow(&p)) {
			continue;
		}
		assert_true(p.seen >= atomic_load(begun));
		assert_int_equal(p.open, 0);
		assert_int_equal(dfsr_journal_reader_open_intents(h.r), 0);
	}
	munmap((void *)begun, 4096);
}

/* ---- waking up ---------------------------------------------------------- */

static void test_wake(void **state)
{
	struct dfsr_journal_record rec;
	struct dfsr_journal_record got;
	int fds[2];
	char c = 'x';
	pid_t pid = -1;
	int i = 0;

	(void)state;
	help_open();
	assert_int_equal(pipe(fds), 0);
	help_expect_end();
	pid = fork();
	if (pid == 0) {
		for (i = 0; i < 200; i++) {
			append(5, &rec);
			finish(&rec);
			if (read(fds[0], &c, 1) != 1) {
				_exit(1);
			}
		}
		_exit(0);
	}
	for (i = 0; i < 200; i++) {
		bool done = false;

		while (!done) {
			if (dfsr_journal_reader_next(h.r, &got) == EAGAIN) {
				assert_true(readable(10000));
				continue;
			}
			done = got.kind == DFSR_JOURNAL_OUTCOME;
		}
		assert_int_equal(write(fds[1], "x", 1), 1);
	}
	help_wait(pid);
	help_expect_end();
	no_overflow();
	close(fds[0]);
	close(fds[1]);
}

static void test_wake_overflow(void **state)
{
	(void)state;
	help_open();
	help_expect_end();
	assert_int_equal(dfsr_journal_mark_passing(h.dir), 0);
	assert_true(readable(10000));
	help_expect_end();
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
}

static void test_many_open(void **state)
{
	struct dfsr_journal_record *recs = talloc_array(
		h.mem, struct dfsr_journal_record, 5000);
	int i = 0;

	(void)state;
	help_open();
	for (i = 0; i < 5000; i++) {
		append(1000 + i, &recs[i]);
	}
	for (i = 0; i < 5000; i++) {
		help_expect(DFSR_JOURNAL_INTENT, 1000 + i);
	}
	assert_int_equal(dfsr_journal_reader_open_intents(h.r), 5000);
	for (i = 0; i < 5000; i++) {
		assert_true(help_busy(1000 + i));
		finish(&recs[i]);
		help_expect(DFSR_JOURNAL_OUTCOME, 1000 + i);
		assert_false(help_busy(1000 + i));
	}
	talloc_free(recs);
}

#define T(name) cmocka_unit_test_setup_teardown(name, help_setup, \
						help_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_reader),  T(test_named),
		T(test_busy_twice),  T(test_torn_middle),
		T(test_durable),
		T(test_torn_long),
		T(test_garbage),     T(test_arriving),
		T(test_gap),	     T(test_cursor),
		T(test_cursor_stale), T(test_open_list_lost),
		T(test_earlier_boot), T(test_rotation_under_load),
		T(test_restart_under_load),
		T(test_freed),	     T(test_death_wakes),
		T(test_death_unseen), T(test_kill_anywhere),
		T(test_wake),	     T(test_wake_overflow),
		T(test_many_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
