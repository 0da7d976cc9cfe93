/*
   Samba DFS Replication
   Unit tests of the change log's writer, the half in smbd

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
#include <sys/mount.h>
#include "../../libdfsr/journal/journal_private.h"

/* Without a control page there is nobody to write for. */
static void test_no_page(void **state)
{
	struct dfsr_journal_writer *w = NULL;

	(void)state;
	assert_int_equal(dfsr_journal_writer_open(h.dir, NULL, &w), ENOENT);
	assert_null(w);
	assert_int_equal(dfsr_journal_mark_passing(h.dir), ENOENT);
	help_open();
	assert_int_equal(h.found, DFSR_JOURNAL_FOUND_NEW |
			 DFSR_JOURNAL_FOUND_NEW_BOOT);
	assert_int_equal(dfsr_journal_writer_open(h.dir, NULL, &w), 0);
	assert_int_equal(dfsr_journal_mark_passing(h.dir), 0);
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
}

static void test_append(void **state)
{
	struct dfsr_journal_writer *w = NULL;
	struct dfsr_journal_record rec = help_intent(5);
	struct dfsr_journal_record got;

	(void)state;
	help_open();
	w = help_writer();
	assert_ptr_equal(w, help_writer());
	errno = 77;
	dfsr_journal_writer_append(w, &rec);
	assert_int_equal(errno, 77);
	assert_int_equal(rec.intent, 1);
	help_outcome(&rec);
	dfsr_journal_writer_append(w, &rec);
	got = help_expect(DFSR_JOURNAL_INTENT, 5);
	assert_int_equal(got.pid, getpid());
	assert_string_equal(got.name, "leaf");
	assert_true(help_busy(5));
	assert_false(help_busy(6));
	got = help_expect(DFSR_JOURNAL_OUTCOME, 5);
	assert_int_equal(got.intent, 1);
	assert_int_equal(got.counter, 2);
	assert_false(help_busy(5));
	help_expect_end();
	assert_int_equal(dfsr_journal_overflow(h.r), 0);
}

/* A forked child is another writer; its end does not end its parent. */
static void test_fork(void **state)
{
	struct dfsr_journal_writer *w = NULL;
	struct dfsr_journal_record mine = help_intent(1);
	struct dfsr_journal_record got;
	struct dfsr_journal_record theirs;
	pid_t pid = -1;

	(void)state;
	help_open();
	w = help_writer();
	dfsr_journal_writer_append(w, &mine);
	pid = fork();
	if (pid == 0) {
		struct dfsr_journal_record rec = help_intent(2);

		dfsr_journal_writer_append(w, &rec);
		/* an intent that was the parent's cannot be ended here */
		help_outcome(&mine);
		dfsr_journal_writer_append(w, &mine);
		_exit(rec.intent == 1 ? 0 : 1);
	}
	help_wait(pid);
	got = help_expect(DFSR_JOURNAL_INTENT, 1);
	theirs = help_expect(DFSR_JOURNAL_INTENT, 2);
	assert_int_not_equal(got.slot, theirs.slot);
	assert_int_equal(theirs.pid, pid);
	theirs = help_expect(DFSR_JOURNAL_OUTCOME, 2);
	assert_int_equal(theirs.reason, DFSR_JOURNAL_REASON_WRITER_DIED);
	help_expect_end();
	assert_true(help_busy(1));
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
	help_outcome(&mine);
	dfsr_journal_writer_append(w, &mine);
	help_expect(DFSR_JOURNAL_OUTCOME, 1);
}

/* In a boot that no dfsrd has seen yet, nothing is appended. */
static void test_other_boot(void **state)
{
	uint8_t boot[16] = "another boot...";
	struct dfsr_journal_record rec = help_intent(3);
	struct dfsr_journal_writer *w = NULL;

	(void)state;
	assert_int_equal(dfsr_journal_reader_open(h.mem, h.dir, boot,
						  &h.found, &h.r), 0);
	w = help_writer();
	dfsr_journal_writer_append(w, &rec);
	help_expect_end();
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
	TALLOC_FREE(h.r);
	help_open();
	assert_int_equal(h.found, DFSR_JOURNAL_FOUND_NEW_BOOT);
	rec = help_intent(4);
	dfsr_journal_writer_append(w, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 4);
}

/* The mark is cleared by number, so that a later one is not lost. */
static void test_overflow(void **state)
{
	struct dfsr_journal_writer *w = NULL;
	uint64_t number = 0;

	(void)state;
	help_open();
	w = help_writer();
	assert_int_equal(dfsr_journal_overflow(h.r), 0);
	dfsr_journal_writer_overflow(w);
	number = dfsr_journal_overflow(h.r);
	assert_int_not_equal(number, 0);
	dfsr_journal_writer_overflow(w);
	dfsr_journal_overflow_clear(h.r, number);
	number = dfsr_journal_overflow(h.r);
	assert_int_not_equal(number, 0);
	dfsr_journal_overflow_clear(h.r, number);
	assert_int_equal(dfsr_journal_overflow(h.r), 0);
}

static void test_full_disk(void **state)
{
	struct dfsr_journal_record rec;
	struct dfsr_journal_writer *w = NULL;
	char path[128];
	char block[4096] = {0};
	int fd = -1;
	int i = 0;

	(void)state;
	assert_int_equal(mount("none", h.dir, "tmpfs", 0, "size=1m"), 0);
	help_open();
	w = help_writer();
	snprintf(path, sizeof(path), "%s/filler", h.dir);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd != -1);
	while (write(fd, block, sizeof(block)) == sizeof(block)) {
		continue;
	}
	close(fd);
	for (i = 0; i < 100; i++) {
		rec = help_intent(1000 + i);
		dfsr_journal_writer_append(w, &rec);
	}
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
	assert_int_equal(unlink(path), 0);
	rec = help_intent(42);
	dfsr_journal_writer_append(w, &rec);
	do {
		assert_int_equal(dfsr_journal_reader_next(h.r, &rec), 0);
	} while (rec.object.ino != 42);
	help_expect_end();
	TALLOC_FREE(h.r);
	assert_int_equal(umount2(h.dir, MNT_DETACH), 0);
}

/* Nobody seals: at some size it ends, and the next segment goes on. */
static void test_full_segment(void **state)
{
	struct dfsr_journal_record rec;
	struct dfsr_journal_writer *w = NULL;
	struct stat st;
	int fd = -1;
	int i = 0;

	(void)state;
	help_open();
	w = help_writer();
	fd = help_segment(1);
	assert_int_equal(ftruncate(fd, DFSR_JOURNAL_SEGMENT_MAX), 0);
	for (i = 0; i < 200; i++) {
		rec = help_intent(1);
		dfsr_journal_writer_append(w, &rec);
	}
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_size < DFSR_JOURNAL_SEGMENT_MAX + 200 * 160);
	close(fd);
	assert_int_equal(dfsr_journal_reader_seal(h.r, 1), 0);
	rec = help_intent(42);
	dfsr_journal_writer_append(w, &rec);
	do {
		assert_int_equal(dfsr_journal_reader_next(h.r, &rec), 0);
	} while (rec.object.ino != 42);
}

/* All slots taken: the process goes on, and says that it misses things. */
static void test_slots_full(void **state)
{
	struct flock fl = {
		.l_type = F_WRLCK,
		.l_start = JOURNAL_LOCK_SLOT,
		.l_len = DFSR_JOURNAL_SLOTS_MAX,
	};
	struct dfsr_journal_writer *w = NULL;
	struct dfsr_journal_record rec = help_intent(9);
	char path[128];
	int fd = -1;

	(void)state;
	help_open();
	snprintf(path, sizeof(path), "%s/journal/control", h.dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), 0);
	w = help_writer();
	dfsr_journal_writer_enter(w);
	dfsr_journal_writer_append(w, &rec);
	dfsr_journal_writer_leave(w);
	help_expect_end();
	assert_int_not_equal(dfsr_journal_overflow(h.r), 0);
	close(fd);
	/* the next connect of the same process finds one */
	w = help_writer();
	rec = help_intent(10);
	dfsr_journal_writer_append(w, &rec);
	help_expect(DFSR_JOURNAL_INTENT, 10);
}

static struct dfsr_journal_folders one_folder(void)
{
	static char path[] = "/srv/x y%z";
	static struct dfsr_journal_folder e = {
		.number = 1,
		.enabled = true,
		.root = {.ino = 77, .btime_sec = 5, .btime_nsec = 6},
		.path = path,
	};

	return (struct dfsr_journal_folders){.num = 1, .e = &e};
}

static void test_publish(void **state)
{
	struct dfsr_journal_folders t = one_folder();
	struct dfsr_journal_folders *got = NULL;
	struct dfsr_journal_writer *w = NULL;

	(void)state;
	help_open();
	w = help_writer();
	assert_int_equal(dfsr_journal_writer_enter(w), 0);
	dfsr_journal_writer_leave(w);
	assert_int_equal(dfsr_journal_publish_folders(h.r, &t), 0);
	assert_int_equal(t.generation, 1);
	assert_int_equal(dfsr_journal_writer_enter(w), 1);
	dfsr_journal_writer_leave(w);
	assert_int_equal(dfsr_journal_folders_read(h.dir, &got), 0);
	assert_int_equal(got->generation, 1);
	assert_int_equal(got->num, 1);
	assert_string_equal(got->e[0].path, "/srv/x y%z");
	assert_int_equal(got->e[0].root.btime_nsec, 6);
	dfsr_journal_folders_free(got);
	t.e[0].path = h.mem; /* anything that is no absolute path */
	t.e[0].path = talloc_strdup(h.mem, "srv");
	assert_int_equal(dfsr_journal_publish_folders(h.r, &t), EINVAL);
	assert_int_equal(dfsr_journal_writer_generation(w), 1);
	TALLOC_FREE(t.e[0].path);
}

/* Whoever began under an older generation is waited for, until it dies. */
static void test_quiesced(void **state)
{
	struct dfsr_journal_folders t = {.num = 0};
	struct dfsr_journal_writer *w = NULL;
	int fds[2];
	char c = 0;
	pid_t pid = -1;

	(void)state;
	help_open();
	w = help_writer();
	assert_int_equal(dfsr_journal_publish_folders(h.r, &t), 0);
	assert_true(dfsr_journal_quiesced(h.r, t.generation));
	dfsr_journal_writer_enter(w);
	dfsr_journal_writer_enter(w);
	assert_int_equal(dfsr_journal_writer_active(w), 2);
	assert_int_equal(dfsr_journal_publish_folders(h.r, &t), 0);
	assert_false(dfsr_journal_quiesced(h.r, t.generation));
	dfsr_journal_writer_leave(w);
	assert_false(dfsr_journal_quiesced(h.r, t.generation));
	dfsr_journal_writer_ack(w, t.generation);
	assert_true(dfsr_journal_quiesced(h.r, t.generation));
	dfsr_journal_writer_leave(w);

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dfsr_journal_writer_enter(w);
		if (write(fds[1], "x", 1) != 1) {
			_exit(1);
		}
		pause();
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(dfsr_journal_publish_folders(h.r, &t), 0);
	assert_false(dfsr_journal_quiesced(h.r, t.generation));
	help_kill(pid);
	assert_true(dfsr_journal_quiesced(h.r, t.generation));
	close(fds[0]);
	close(fds[1]);
}

/* A page of another version is replaced, and writers follow. */
static void test_retired(void **state)
{
	struct dfsr_journal_folders t = {.num = 0};
	struct dfsr_journal_writer *w = NULL;
	struct dfsr_journal_record rec = help_intent(6);
	uint32_t version = 99;
	char path[128];
	int fd = -1;

	(void)state;
	help_open();
	w = help_writer();
	assert_int_equal(dfsr_journal_publish_folders(h.r, &t), 0);
	TALLOC_FREE(h.r);
	snprintf(path, sizeof(path), "%s/journal/control", h.dir);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, &version, sizeof(version), 8), 4);
	close(fd);
	help_open();
	assert_true(h.found & DFSR_JOURNAL_FOUND_NEW);
	assert_int_equal(dfsr_journal_publish_folders(h.r, &t), 0);
	assert_int_equal(dfsr_journal_writer_enter(w), t.generation);
	dfsr_journal_writer_append(w, &rec);
	dfsr_journal_writer_leave(w);
	help_expect(DFSR_JOURNAL_INTENT, 6);
}

#define T(name) cmocka_unit_test_setup_teardown(name, help_setup, \
						help_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_no_page),   T(test_append),     T(test_fork),
		T(test_other_boot), T(test_overflow),  T(test_full_disk),
		T(test_full_segment),
		T(test_slots_full), T(test_publish),   T(test_quiesced),
		T(test_retired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
