/*
   Samba DFS Replication
   Fresh filesystems and content roots for tests of the disk rooms

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

#ifndef __FS_LAB_H__
#define __FS_LAB_H__

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "dfsr_apply.h"
#include "dfsr_watch.h"

/**
 * One filesystem with a content root per test. Mounts live in a mount
 * namespace of the test's own and vanish with it.
 */
struct fs_lab {
	TALLOC_CTX *top; /* everything of one test */
	const char *type; /* "here", "ext4", "xfs", "btrfs" */
	char *base;	  /* folder of this run */
	char *mnt;	  /* the filesystem */
	char uuid[DFSR_GUID_STRLEN]; /* that the filesystem was made with */
	unsigned count;
	/* of the test that runs */
	char *dir; /* its content root */
	struct dfsr_fs_root *root;
	struct dfsr_apply *apply;
	struct dfsr_id gvsn;
};

extern struct fs_lab fs_lab;

/**
 * Run the tests on the temporary folder and, as root, on fresh ext4, xfs and
 * btrfs. @return count of failures
 */
int fs_lab_run(const struct CMUnitTest *tests, size_t num);
#define fs_lab_run_tests(tests) \
	fs_lab_run(tests, sizeof(tests) / sizeof((tests)[0]))

/** Setup and teardown of one test: a new content root with its apply. */
int fs_lab_setup(void **state);
int fs_lab_teardown(void **state);
#define fs_lab_test(f) \
	cmocka_unit_test_setup_teardown(f, fs_lab_setup, fs_lab_teardown)

/** Run a program to its end. @return its exit status, -1 if it cannot run */
int fs_lab_command(const char *const argv[]);

/** Absolute path of a name below the content root, below top. */
char *fs_lab_path(const char *relpath);
/** Make a file with these bytes; parent directories must exist. */
void fs_lab_put(const char *relpath, const void *data, size_t len);
void fs_lab_put_text(const char *relpath, const char *text);
void fs_lab_mkdir(const char *relpath);
/** The text of a file, below top; NULL if it is not there. */
char *fs_lab_text(const char *relpath);
bool fs_lab_exists(const char *relpath);
struct dfsr_stamp fs_lab_stamp(const char *relpath);
/** Count of names in a private directory. */
unsigned fs_lab_names(enum dfsr_apply_dir dir);
/** Wait until the object's stamp is settled; polls, at most 20 ms. */
struct dfsr_stamp fs_lab_settle(const char *relpath);

/** Metadata of a plain file or directory of root. */
struct dfsr_meta *fs_lab_meta(uint32_t mode);
void fs_lab_add_xattr(struct dfsr_meta *m, const char *name, const void *value,
		      size_t len);
/** A new GVSN. */
const struct dfsr_id *fs_lab_gvsn(void);
/**
 * Stage a whole file of this text (or directory, or symbolic link) with its
 * metadata. @return result of the finish
 */
int fs_lab_stage(const struct dfsr_meta *m, const char *text,
		 char name[DFSR_APPLY_NAME_MAX + 1], struct dfsr_stamp *stamp,
		 struct dfsr_fs_problem *problem);

/** Stage a version and make a step of it that puts it at path. */
struct dfsr_apply_step *fs_lab_staged_step(enum dfsr_apply_op op,
					   const char *path,
					   const char *text);
/** A step for the object that is at path now. */
struct dfsr_apply_step *fs_lab_own_step(enum dfsr_apply_op op,
					const char *path,
					const char *new_path);
/** Carry out one step. @return its err */
int fs_lab_run_step(struct dfsr_apply_step *s);
/** The text of what a step displaced; NULL if there is none. */
char *fs_lab_displaced_text(const struct dfsr_apply_step *s);
void fs_lab_assert_text(const char *relpath, const char *text);

#endif /* __FS_LAB_H__ */
