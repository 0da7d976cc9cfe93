/*
   Samba DFS Replication
   R4 step by step, with clients in between

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
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "fs_lab.h"

/* ---- install ------------------------------------------------------------- */

static void test_install(void **state)
{
	struct dfsr_apply_step *s = NULL;
	struct dfsr_stamp stamp;

	(void)state;
	fs_lab_mkdir("d");
	s = fs_lab_staged_step(DFSR_OP_INSTALL, "d/f", "new");
	s->parent = fs_lab_stamp("d").ident;
	assert_int_equal(fs_lab_run_step(s), 0);
	fs_lab_assert_text("d/f", "new");
	stamp = fs_lab_stamp("d/f");
	assert_true(dfsr_stamp_equal(&stamp, &s->result));
	assert_true(s->fh_len > 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 0);
	/* after a kill: done already, and said so */
	assert_int_equal(fs_lab_run_step(s), 0);
	assert_true(dfsr_stamp_equal(&stamp, &s->result));
	/* never over something */
	fs_lab_put_text("d/g", "user");
	s = fs_lab_staged_step(DFSR_OP_INSTALL, "d/g", "new");
	assert_int_equal(fs_lab_run_step(s), EEXIST);
	fs_lab_assert_text("d/g", "user");
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 1);
	/* not into another directory than was meant */
	s->path = "d/h";
	s->parent = fs_lab.root->ident;
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	assert_false(fs_lab_exists("d/h"));
	/* not a staged object that is not the one of the redo unit */
	s->parent = fs_lab_stamp("d").ident;
	s->staged_ident.ino++;
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	assert_false(fs_lab_exists("d/h"));
}

static void test_escapes(void **state)
{
	static const char *const paths[] = {
		"../x", "/tmp/x", "l/x", "a/x", "d/../x", ".DfsrPrivate",
		".DfsrPrivate/x", ".dfsrPRIVATE", "d/.DfsrPrivate", "none/x",
		"f/x", "", "d/", ".", "..",
	};
	struct dfsr_apply_step *s = NULL;
	size_t i;

	(void)state;
	fs_lab_mkdir("d");
	fs_lab_put_text("f", "x");
	assert_int_equal(symlink("d", fs_lab_path("l")), 0);
	assert_int_equal(symlink("/tmp", fs_lab_path("a")), 0);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		s = fs_lab_staged_step(DFSR_OP_INSTALL, paths[i], "bad");
		assert_int_not_equal(fs_lab_run_step(s), 0);
		assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), i + 1);
		s = fs_lab_own_step(DFSR_OP_MOVE, "f", paths[i]);
		assert_int_not_equal(fs_lab_run_step(s), 0);
		fs_lab_assert_text("f", "x");
	}
	s = fs_lab_staged_step(DFSR_OP_INSTALL, "ok", "bad");
	s->staged = "../Displaced/x";
	assert_int_equal(fs_lab_run_step(s), EINVAL);
	s = fs_lab_own_step(DFSR_OP_REMOVE, "f", NULL);
	s->displaced = "../../x";
	assert_int_equal(fs_lab_run_step(s), EINVAL);
	s = fs_lab_own_step(DFSR_OP_PARK, "f", NULL);
	s->park = "a/b";
	assert_int_equal(fs_lab_run_step(s), EINVAL);
	fs_lab_assert_text("f", "x");
	/* a link planted at the leaf is replaced as a link, never followed */
	assert_int_equal(symlink("f", fs_lab_path("k")), 0);
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "k", "new");
	assert_int_equal(fs_lab_run_step(s), 0);
	fs_lab_assert_text("k", "new");
	fs_lab_assert_text("f", "x");
}

/* ---- replace ------------------------------------------------------------- */

static void test_replace(void **state)
{
	struct dfsr_apply_step *s = NULL;
	struct dfsr_stamp stamp;

	(void)state;
	fs_lab_put_text("f", "old");
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	assert_int_equal(fs_lab_run_step(s), 0);
	fs_lab_assert_text("f", "new");
	assert_string_equal(fs_lab_displaced_text(s), "old");
	assert_false(s->displaced_changed);
	assert_true(dfsr_ident_equal(&s->displaced_stamp.ident,
				     &s->expect.ident));
	stamp = fs_lab_stamp("f");
	assert_true(dfsr_stamp_equal(&stamp, &s->result));
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_DISPLACED), 1);
	/* once more after a kill: nothing moves */
	assert_int_equal(fs_lab_run_step(s), 0);
	fs_lab_assert_text("f", "new");
	assert_string_equal(fs_lab_displaced_text(s), "old");
	assert_true(s->displaced_changed); /* cannot be known any more */
	assert_int_equal(dfsr_apply_displaced_drop(fs_lab.apply,
						   s->displaced),
			 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_DISPLACED), 0);
}

static void test_replace_refused(void **state)
{
	struct dfsr_apply_step *s = NULL;

	(void)state;
	fs_lab_put_text("f", "old");
	/* changed since it was looked at */
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	fs_lab_put_text("f", "user");
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	fs_lab_assert_text("f", "user");
	/* somebody else by that name */
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	fs_lab_put_text("g", "user");
	assert_int_equal(rename(fs_lab_path("g"), fs_lab_path("f")), 0);
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	fs_lab_assert_text("f", "user");
	/* gone */
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	assert_int_equal(unlink(fs_lab_path("f")), 0);
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	assert_false(fs_lab_exists("f"));
	/* the name for the old one is taken */
	fs_lab_put_text("f", "old");
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	fs_lab_put_text(talloc_asprintf(s, DFSR_PRIVATE_DIR "/Displaced/%s",
					s->displaced),
			"precious");
	assert_int_equal(fs_lab_run_step(s), EEXIST);
	fs_lab_assert_text("f", "old");
	assert_string_equal(fs_lab_displaced_text(s), "precious");
	/* nothing was lost on the way */
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 4);
	assert_int_equal(fs_lab_names(DFSR_DIR_DISPLACED), 1);
	/* a directory with something in it is not put away */
	fs_lab_mkdir("d");
	fs_lab_put_text("d/f", "user");
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "d", "new");
	assert_int_equal(fs_lab_run_step(s), ENOTEMPTY);
	fs_lab_assert_text("d/f", "user");
}

/* A client that changed an xattr only: the step says that it may differ. */
static void test_replace_metadata_changed(void **state)
{
	struct dfsr_apply_step *s = NULL;

	(void)state;
	fs_lab_put_text("f", "old");
	fs_lab_settle("f");
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	assert_int_equal(setxattr(fs_lab_path("f"), "user.x", "1", 1, 0), 0);
	assert_int_equal(fs_lab_run_step(s), 0);
	assert_true(s->displaced_changed);
}

/* Killed at each point of a replace: the repeated step finishes it. */
static void test_replace_resumed(void **state)
{
	struct dfsr_apply_step *s = NULL;
	char *from = NULL, *to = NULL;

	(void)state;
	fs_lab_put_text("f", "old");
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	from = talloc_asprintf(s, "%s/" DFSR_PRIVATE_DIR "/Staging/%s",
			       fs_lab.dir, s->staged);
	to = talloc_asprintf(s, "%s/" DFSR_PRIVATE_DIR "/Displaced/%s",
			     fs_lab.dir, s->displaced);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(fs_lab_run_step(s), 0);
	fs_lab_assert_text("f", "new");
	assert_string_equal(fs_lab_displaced_text(s), "old");

	/* killed there, and a client was quicker than the repetition */
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "newer");
	from = talloc_asprintf(s, "%s/" DFSR_PRIVATE_DIR "/Staging/%s",
			       fs_lab.dir, s->staged);
	to = talloc_asprintf(s, "%s/" DFSR_PRIVATE_DIR "/Displaced/%s",
			     fs_lab.dir, s->displaced);
	assert_int_equal(rename(from, to), 0);
	fs_lab_put_text("f", "user");
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	fs_lab_assert_text("f", "user");
	assert_int_equal(access(from, F_OK), 0);
	assert_int_equal(access(to, F_OK), -1);
}

/* The other way: what was half done is undone, wherever it is. */
static void test_undo(void **state)
{
	struct dfsr_apply_step *s = NULL;
	struct dfsr_ident other = {.ino = 1};
	char *from = NULL, *to = NULL;

	(void)state;
	fs_lab_put_text("f", "old");
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	from = talloc_asprintf(s, "%s/" DFSR_PRIVATE_DIR "/Staging/%s",
			       fs_lab.dir, s->staged);
	to = talloc_asprintf(s, "%s/" DFSR_PRIVATE_DIR "/Displaced/%s",
			     fs_lab.dir, s->displaced);
	assert_int_equal(rename(from, to), 0);
	/* somebody else's is left alone */
	assert_int_equal(dfsr_apply_undo(fs_lab.apply, s->staged,
					 s->displaced, &other),
			 0);
	assert_int_equal(access(to, F_OK), 0);
	assert_int_equal(dfsr_apply_undo(fs_lab.apply, s->staged,
					 s->displaced, &s->staged_ident),
			 0);
	assert_int_equal(access(to, F_OK), -1);
	fs_lab_assert_text("f", "old");
	/* still in Staging, and then nowhere */
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	assert_int_equal(dfsr_apply_undo(fs_lab.apply, s->staged, "",
					 &s->staged_ident),
			 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 0);
	assert_int_equal(dfsr_apply_undo(fs_lab.apply, s->staged,
					 s->displaced, &s->staged_ident),
			 0);
	assert_int_equal(dfsr_apply_undo(fs_lab.apply, s->staged, "../x",
					 &s->staged_ident),
			 EINVAL);
}

/* ---- an open writer ------------------------------------------------------ */

static void test_open_writer(void **state)
{
	struct dfsr_apply_step *s = NULL;
	struct dfsr_stamp stamp;
	uint8_t content[DFSR_HASH_LEN], meta[DFSR_HASH_LEN];
	uint8_t want[DFSR_HASH_LEN];
	int fd;

	(void)state;
	fs_lab_put_text("f", "old");
	fd = open(fs_lab_path("f"), O_WRONLY);
	s = fs_lab_staged_step(DFSR_OP_REPLACE, "f", "new");
	assert_int_equal(fs_lab_run_step(s), 0);
	assert_false(s->displaced_changed);
	assert_int_equal(dfsr_apply_displaced_probe(fs_lab.apply,
						    s->displaced, &stamp),
			 EAGAIN);
	/* the client goes on, and closes */
	assert_int_equal(pwrite(fd, "late!", 5, 0), 5);
	assert_int_equal(dfsr_apply_displaced_probe(fs_lab.apply,
						    s->displaced, &stamp),
			 EAGAIN);
	close(fd);
	assert_int_equal(dfsr_apply_displaced_probe(fs_lab.apply,
						    s->displaced, &stamp),
			 0);
	assert_int_equal(stamp.size, 5);
	assert_false(dfsr_stamp_same_data(&stamp, &s->displaced_stamp));
	assert_int_equal(dfsr_apply_displaced_read(fs_lab.top, fs_lab.apply,
						   s->displaced, content, meta,
						   &stamp),
			 0);
	assert_int_equal(dfsr_fs_hash_bytes("late!", 5, want), 0);
	assert_memory_equal(content, want, DFSR_HASH_LEN);
	fs_lab_assert_text("f", "new");
	/* a reader is in nobody's way */
	fd = openat(fs_lab.apply->dirfd[DFSR_DIR_DISPLACED], s->displaced,
		    O_RDONLY);
	assert_int_equal(dfsr_apply_displaced_probe(fs_lab.apply,
						    s->displaced, &stamp),
			 0);
	/* and the lease is not kept */
	close(fd);
	fd = openat(fs_lab.apply->dirfd[DFSR_DIR_DISPLACED], s->displaced,
		    O_WRONLY | O_NONBLOCK);
	assert_int_not_equal(fd, -1);
	close(fd);
	assert_int_equal(dfsr_apply_displaced_probe(fs_lab.apply, "none",
						    &stamp),
			 ENOENT);
	assert_int_equal(dfsr_apply_displaced_probe(fs_lab.apply, "../stamp",
						    &stamp),
			 EINVAL);
}

/* ---- move, park, swap ---------------------------------------------------- */

static void test_move(void **state)
{
	struct dfsr_apply_step *s = NULL;

	(void)state;
	fs_lab_mkdir("d");
	fs_lab_put_text("f", "x");
	s = fs_lab_own_step(DFSR_OP_MOVE, "f", "d/g");
	s->new_parent = fs_lab_stamp("d").ident;
	assert_int_equal(fs_lab_run_step(s), 0);
	fs_lab_assert_text("d/g", "x");
	assert_false(fs_lab_exists("f"));
	assert_true(dfsr_ident_equal(&s->result.ident, &s->expect.ident));
	/* again after a kill */
	assert_int_equal(fs_lab_run_step(s), 0);
	/* the spelling only */
	s = fs_lab_own_step(DFSR_OP_MOVE, "d/g", "d/G");
	assert_int_equal(fs_lab_run_step(s), 0);
	fs_lab_assert_text("d/G", "x");
	assert_false(fs_lab_exists("d/g"));
	/* over something, into something else, of something else */
	fs_lab_put_text("h", "user");
	s = fs_lab_own_step(DFSR_OP_MOVE, "d/G", "h");
	assert_int_equal(fs_lab_run_step(s), EEXIST);
	fs_lab_assert_text("h", "user");
	s->new_path = "i";
	s->new_parent = fs_lab_stamp("d").ident;
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	s->new_parent = fs_lab.root->ident;
	fs_lab_put_text("d/G", "changed");
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	fs_lab_assert_text("d/G", "changed");
	/* two names of one file are two files */
	assert_int_equal(link(fs_lab_path("h"), fs_lab_path("j")), 0);
	s = fs_lab_own_step(DFSR_OP_MOVE, "h", "j");
	assert_int_equal(fs_lab_run_step(s), EEXIST);
	assert_true(fs_lab_exists("h") && fs_lab_exists("j"));
	/* a directory with all that is in it; not into itself */
	s = fs_lab_own_step(DFSR_OP_MOVE, "d", "e");
	assert_int_equal(fs_lab_run_step(s), 0);
	fs_lab_assert_text("e/G", "changed");
	s = fs_lab_own_step(DFSR_OP_MOVE, "e", "e/x");
	assert_int_equal(fs_lab_run_step(s), EINVAL);
}

static void test_swap(void **state)
{
	struct dfsr_apply_step s[3];

	(void)state;
	fs_lab_put_text("a", "was a");
	fs_lab_put_text("b", "was b");
	memset(s, 0, sizeof(s));
	s[0].op = DFSR_OP_PARK;
	s[0].path = "a";
	s[0].park = "p1";
	s[0].expect = fs_lab_stamp("a");
	s[1].op = DFSR_OP_MOVE;
	s[1].path = "b";
	s[1].new_path = "a";
	s[1].expect = fs_lab_stamp("b");
	s[2].op = DFSR_OP_UNPARK;
	s[2].park = "p1";
	s[2].new_path = "b";
	s[2].expect = s[0].expect;
	assert_int_equal(dfsr_apply_steps(fs_lab.apply, s, 3), 0);
	assert_int_equal(s[0].err, 0);
	assert_int_equal(s[1].err, 0);
	assert_int_equal(s[2].err, 0);
	fs_lab_assert_text("a", "was b");
	fs_lab_assert_text("b", "was a");
	s[2].new_path = "c";
	assert_int_equal(fs_lab_run_step(&s[2]), ENOENT);
	assert_int_equal(fs_lab_names(DFSR_DIR_PARKING), 0);
}

/* ---- remove -------------------------------------------------------------- */

static void test_remove(void **state)
{
	struct dfsr_apply_step *s = NULL;

	(void)state;
	fs_lab_put_text("f", "x");
	s = fs_lab_own_step(DFSR_OP_REMOVE, "f", NULL);
	assert_int_equal(fs_lab_run_step(s), 0);
	assert_false(fs_lab_exists("f"));
	assert_false(s->displaced_changed);
	assert_string_equal(fs_lab_displaced_text(s), "x");
	assert_int_equal(fs_lab_run_step(s), 0); /* again */
	/* one that changed stays */
	fs_lab_put_text("f", "x");
	s = fs_lab_own_step(DFSR_OP_REMOVE, "f", NULL);
	fs_lab_put_text("f", "edited");
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	fs_lab_assert_text("f", "edited");
	/* a link, not what it points to */
	assert_int_equal(symlink("f", fs_lab_path("l")), 0);
	s = fs_lab_own_step(DFSR_OP_REMOVE, "l", NULL);
	assert_int_equal(fs_lab_run_step(s), 0);
	assert_true(fs_lab_exists("f"));
	assert_false(fs_lab_exists("l"));
}

static void test_remove_directory(void **state)
{
	struct dfsr_apply_step *s = NULL;

	(void)state;
	fs_lab_mkdir("d");
	fs_lab_put_text("d/f", "x");
	s = fs_lab_own_step(DFSR_OP_REMOVE, "d", NULL);
	assert_int_equal(fs_lab_run_step(s), ENOTEMPTY);
	fs_lab_assert_text("d/f", "x");
	assert_int_equal(unlink(fs_lab_path("d/f")), 0);
	/* what is never replicated does not keep it */
	assert_int_equal(mkfifo(fs_lab_path("d/fifo"), 0600), 0);
	assert_int_equal(fs_lab_run_step(s), 0);
	assert_false(fs_lab_exists("d"));
	assert_int_equal(fs_lab_names(DFSR_DIR_DISPLACED), 1);
	assert_int_equal(dfsr_apply_displaced_drop(fs_lab.apply,
						   s->displaced),
			 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_DISPLACED), 0);
}

/* ---- metadata in place --------------------------------------------------- */

static void test_meta(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0600);
	struct dfsr_apply_step *s = NULL;
	struct stat st;
	char value[8] = "";
	uint8_t *big = talloc_zero_array(fs_lab.top, uint8_t, 5000);

	(void)state;
	fs_lab_put_text("f", "x");
	assert_int_equal(setxattr(fs_lab_path("f"), "user.old", "1", 1, 0),
			 0);
	s = fs_lab_own_step(DFSR_OP_META, "f", NULL);
	fs_lab_add_xattr(m, "user.new", "2", 1);
	s->meta = m;
	assert_int_equal(fs_lab_run_step(s), 0);
	assert_int_equal(lstat(fs_lab_path("f"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	assert_int_equal(s->result.mtime_nsec, 123456789);
	assert_int_equal(getxattr(fs_lab_path("f"), "user.old", value, 8),
			 -1);
	assert_int_equal(getxattr(fs_lab_path("f"), "user.new", value, 8), 1);
	/* not what it was meant for any more */
	fs_lab_put_text("f", "edited");
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	/* all or nothing */
	if (strcmp(fs_lab.type, "ext4") == 0) {
		s = fs_lab_own_step(DFSR_OP_META, "f", NULL);
		m = fs_lab_meta(S_IFREG | 0400);
		fs_lab_add_xattr(m, "user.big", big, 5000);
		s->meta = m;
		assert_int_equal(fs_lab_run_step(s), ENOSPC);
		assert_non_null(strstr(s->problem.what, "user.big"));
		assert_int_equal(getxattr(fs_lab_path("f"), "user.new", value,
					  8),
				 1);
		assert_int_equal(lstat(fs_lab_path("f"), &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
	}
	/* the root, and a kind that it does not have */
	s = talloc_zero(fs_lab.top, struct dfsr_apply_step);
	s->op = DFSR_OP_META;
	s->path = "";
	s->expect = fs_lab_stamp("");
	s->meta = fs_lab_meta(S_IFDIR | 0711);
	assert_int_equal(fs_lab_run_step(s), 0);
	assert_int_equal(lstat(fs_lab.dir, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0711);
	s->meta = m;
	assert_int_equal(fs_lab_run_step(s), ESTALE);
	s->expect = fs_lab_stamp("");
	assert_int_equal(fs_lab_run_step(s), EINVAL);
}

/* ---- a batch ------------------------------------------------------------- */

static void batch_of(uint32_t num, uint32_t taken)
{
	struct dfsr_apply_step *s = NULL;
	uint32_t i;

	s = talloc_zero_array(fs_lab.top, struct dfsr_apply_step, num);
	for (i = 0; i < num; i++) {
		char *dir = talloc_asprintf(s, "d%u-%u", num, i);

		fs_lab_mkdir(dir);
		s[i] = *fs_lab_staged_step(DFSR_OP_INSTALL,
				    talloc_asprintf(s, "%s/f", dir), dir);
	}
	/* one of them fails, and only that one */
	fs_lab_put_text(s[taken].path, "user");
	assert_int_equal(dfsr_apply_steps(fs_lab.apply, s, num), 0);
	for (i = 0; i < num; i++) {
		char *dir = talloc_asprintf(s, "d%u-%u", num, i);

		assert_int_equal(s[i].err, i == taken ? EEXIST : 0);
		fs_lab_assert_text(s[i].path, i == taken ? "user" : dir);
	}
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 1);
	assert_int_equal(dfsr_apply_stage_drop(fs_lab.apply, s[taken].staged),
			 0);
}

/* Few are synced one by one, many with the filesystem. */
static void test_batch(void **state)
{
	(void)state;
	batch_of(5, 2);
	batch_of(40, 20);
}

/* Two members of one list, of which the second needs the first. */
static void test_in_order(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFDIR | 0755);
	struct dfsr_meta *l = fs_lab_meta(S_IFLNK | 0777);
	char dir[DFSR_APPLY_NAME_MAX + 1], link[DFSR_APPLY_NAME_MAX + 1];
	struct dfsr_fs_problem problem;
	struct dfsr_stamp stamp;
	struct dfsr_apply_step s[2] = {
		{.op = DFSR_OP_INSTALL, .path = "d", .staged = dir},
		{.op = DFSR_OP_INSTALL, .path = "d/l", .staged = link},
	};

	(void)state;
	l->symlink = talloc_strdup(l, "/etc");
	assert_int_equal(fs_lab_stage(m, NULL, dir, &stamp, &problem), 0);
	s[1].parent = stamp.ident;
	assert_int_equal(fs_lab_stage(l, NULL, link, &stamp, &problem), 0);
	assert_int_equal(dfsr_apply_steps(fs_lab.apply, s, 2), 0);
	assert_int_equal(s[0].err, 0);
	assert_int_equal(s[1].err, 0);
	assert_int_equal(s[1].result.mode, S_IFLNK | 0777);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fs_lab_test(test_install),
		fs_lab_test(test_escapes),
		fs_lab_test(test_replace),
		fs_lab_test(test_replace_refused),
		fs_lab_test(test_replace_metadata_changed),
		fs_lab_test(test_replace_resumed),
		fs_lab_test(test_undo),
		fs_lab_test(test_open_writer),
		fs_lab_test(test_move),
		fs_lab_test(test_swap),
		fs_lab_test(test_remove),
		fs_lab_test(test_remove_directory),
		fs_lab_test(test_meta),
		fs_lab_test(test_batch),
		fs_lab_test(test_in_order),
	};

	return fs_lab_run_tests(tests);
}
