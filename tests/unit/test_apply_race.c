/*
   Samba DFS Replication
   Steps against clients that never pause

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
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "fs_lab.h"

/* ---- P4: what a reader sees at the path ---------------------------------- */

struct reader {
	atomic_bool stop;
	unsigned absent, torn, seen;
	char *path;
};

#define READER_SIZE 65536

static void *keep_reading(void *private_data)
{
	struct reader *r = private_data;
	static char buf[READER_SIZE + 1];

	while (!atomic_load(&r->stop)) {
		int fd = open(r->path, O_RDONLY);
		ssize_t len, i;

		if (fd == -1) {
			r->absent++;
			continue;
		}
		len = read(fd, buf, sizeof(buf));
		close(fd);
		for (i = 1; i < len && buf[i] == buf[0]; i++) {
		}
		if (len != READER_SIZE || i != len) {
			r->torn++;
		}
		r->seen++;
	}
	return NULL;
}

static void test_never_torn(void **state)
{
	struct reader r = {.path = fs_lab_path("f")};
	char *text = talloc_zero_size(fs_lab.top, READER_SIZE + 1);
	pthread_t thread;
	int i;

	(void)state;
	memset(text, 'a', READER_SIZE);
	fs_lab_put("f", text, READER_SIZE);
	assert_int_equal(pthread_create(&thread, NULL, keep_reading, &r), 0);
	for (i = 0; i < 100; i++) {
		struct dfsr_apply_step *s = NULL;

		memset(text, 'a' + i % 26, READER_SIZE);
		s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", text);
		assert_int_equal(fs_lab_run_step(s), 0);
		assert_int_equal(dfsr_apply_displaced_drop(fs_lab.apply,
							   s->displaced),
				 0);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(r.absent, 0);
	assert_int_equal(r.torn, 0);
	assert_true(r.seen > 0);
}

/* A client that renames its file over the path all the time loses none. */
struct saver {
	atomic_bool stop;
	unsigned saves;
	char *path;
};

static void *keep_saving(void *private_data)
{
	struct saver *w = private_data;
	char *temp = talloc_asprintf(NULL, "%s/temp", fs_lab.dir);

	while (!atomic_load(&w->stop)) {
		int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		char text[32];
		int len = snprintf(text, sizeof(text), "save %u", w->saves);

		if (fd == -1 || write(fd, text, (size_t)len) != len) {
			break;
		}
		close(fd);
		if (rename(temp, w->path) != 0) {
			break;
		}
		w->saves++;
	}
	TALLOC_FREE(temp);
	return NULL;
}

static void test_save_in_between(void **state)
{
	struct saver w = {.path = fs_lab_path("f")};
	unsigned done = 0, stale = 0;
	pthread_t thread;
	int i;

	(void)state;
	fs_lab_put_text("f", "save x");
	assert_int_equal(pthread_create(&thread, NULL, keep_saving, &w), 0);
	for (i = 0; i < 150; i++) {
		struct dfsr_apply_step *s = NULL;
		struct dfsr_stamp *d = NULL;

		s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "ours");
		(void)fs_lab_run_step(s);
		d = &s->displaced_stamp;
		if (s->err == ESTALE) {
			stale++;
			assert_null(fs_lab_displaced_text(s));
			continue;
		}
		assert_int_equal(s->err, 0);
		done++;
		if (!dfsr_ident_equal(&d->ident, &s->expect.ident)) {
			/* another one than was expected: we are told so */
			assert_true(s->displaced_changed);
		}
		/* whole, whoever made it */
		assert_non_null(fs_lab_displaced_text(s));
		assert_true(strcmp(fs_lab_displaced_text(s), "ours") == 0 ||
			    strncmp(fs_lab_displaced_text(s), "save ", 5) == 0);
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(done + stale, 150);
	assert_true(w.saves > 0);
}

/* What was moved or removed is what was looked at, or it went back. */
static void test_move_in_between(void **state)
{
	struct saver w = {.path = fs_lab_path("f")};
	pthread_t thread;
	unsigned moved = 0;
	int i;

	(void)state;
	fs_lab_put_text("f", "save x");
	assert_int_equal(pthread_create(&thread, NULL, keep_saving, &w), 0);
	for (i = 0; i < 600; i++) {
		struct dfsr_apply_step s = {
			.op = i % 2 == 0 ? DFSR_OP_MOVE : DFSR_OP_REMOVE,
			.path = "f",
			.new_path = "g",
			.displaced = "d",
		};
		struct dfsr_stamp there;
		int ret;

		ret = dfsr_fs_stamp_at(AT_FDCWD, w.path, &s.expect);
		if (ret == ENOENT) {
			continue; /* the client has not saved again */
		}
		(void)fs_lab_run_step(&s);
		if (s.err == ESTALE) {
			/* it went back, unless there was a newer one again */
			unlink(fs_lab_path("g"));
			continue;
		}
		assert_int_equal(s.err, 0);
		if (s.op == DFSR_OP_MOVE) {
			there = fs_lab_stamp("g");
			assert_int_equal(unlink(fs_lab_path("g")), 0);
		} else {
			there = s.displaced_stamp;
			assert_int_equal(dfsr_apply_displaced_drop(
						 fs_lab.apply, "d"),
					 0);
		}
		assert_true(dfsr_ident_equal(&there.ident, &s.expect.ident) ||
			    s.displaced_changed);
		moved++;
	}
	atomic_store(&w.stop, true);
	pthread_join(thread, NULL);
	assert_true(moved > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fs_lab_test(test_never_torn),
		fs_lab_test(test_save_in_between),
		fs_lab_test(test_move_in_between),
	};

	return fs_lab_run_tests(tests);
}
