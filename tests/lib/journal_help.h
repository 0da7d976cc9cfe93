/*
   Samba DFS Replication
   Helpers of the change log's unit tests

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

#ifndef __JOURNAL_HELP_H__
#define __JOURNAL_HELP_H__

#include <stdarg.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "dfsr_journal.h"

/* A fresh "<state directory>/dfs" per test, and a talloc context. */
struct help {
	char dir[64];
	TALLOC_CTX *mem;
	struct dfsr_journal_reader *r;
	unsigned found;
};

static struct help h;

static inline int help_rm(const char *path, const struct stat *st, int flag,
			  struct FTW *f)
{
	(void)st;
	(void)flag;
	(void)f;
	return remove(path);
}

static inline void help_open(void)
{
	uint8_t boot[16];

	assert_int_equal(dfsr_journal_boot_id(boot), 0);
	assert_int_equal(dfsr_journal_reader_open(h.mem, h.dir, boot,
						  &h.found, &h.r), 0);
}

static inline int help_setup(void **state)
{
	(void)state;
	strcpy(h.dir, "/tmp/test_journal.XXXXXX");
	if (mkdtemp(h.dir) == NULL) {
		return -1;
	}
	h.mem = talloc_named_const(NULL, 0, "test");
	h.r = NULL;
	return h.mem == NULL ? -1 : 0;
}

static inline int help_teardown(void **state)
{
	size_t left = 0;

	(void)state;
	TALLOC_FREE(h.r);
	left = talloc_total_blocks(h.mem);
	talloc_free(h.mem);
	nftw(h.dir, help_rm, 16, FTW_DEPTH | FTW_PHYS);
	return left == 1 ? 0 : -1;
}

static inline struct dfsr_journal_writer *help_writer(void)
{
	struct dfsr_journal_writer *w = NULL;

	assert_int_equal(dfsr_journal_writer_open(h.dir, NULL, &w), 0);
	return w;
}

static inline struct dfsr_journal_record help_intent(uint64_t ino)
{
	return (struct dfsr_journal_record){
		.kind = DFSR_JOURNAL_INTENT,
		.op = DFSR_JOURNAL_OP_CHANGE,
		.object = {.ino = ino, .btime_sec = 7, .btime_nsec = 8},
		.parent = {.ino = 2},
		.name = "leaf",
	};
}

/* Turn an appended intent into its outcome. */
static inline void help_outcome(struct dfsr_journal_record *rec)
{
	rec->kind = DFSR_JOURNAL_OUTCOME;
	rec->reason = DFSR_JOURNAL_REASON_CLOSE;
}

/* The next record must be there and be this. */
static inline struct dfsr_journal_record help_expect(uint8_t kind,
						     uint64_t ino)
{
	struct dfsr_journal_record rec;

	assert_int_equal(dfsr_journal_reader_next(h.r, &rec), 0);
	assert_int_equal(rec.kind, kind);
	assert_int_equal(rec.object.ino, ino);
	return rec;
}

static inline void help_expect_end(void)
{
	struct dfsr_journal_record rec;

	assert_int_equal(dfsr_journal_reader_next(h.r, &rec), EAGAIN);
}

static inline bool help_busy(uint64_t ino)
{
	struct dfsr_ident id = {.ino = ino, .btime_sec = 7, .btime_nsec = 8};

	return dfsr_journal_reader_busy(h.r, &id);
}

/* Wait for a child that is expected to end well. */
static inline void help_wait(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static inline void help_kill(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Memory that parent and children share. */
static inline void *help_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	return p;
}

/* The file of the highest numbered segment, opened for test's own bytes. */
static inline int help_segment(uint64_t n)
{
	char path[128];
	int fd = -1;

	snprintf(path, sizeof(path), "%s/journal/segment.%llu", h.dir,
		 (unsigned long long)n);
	fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
	assert_true(fd != -1);
	return fd;
}

#endif /* __JOURNAL_HELP_H__ */
