/*
   Samba DFS Replication
   Opening below a root, identities, handles, which filesystem

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
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "fs_lab.h"

static int open_errno(const char *relpath, int flags)
{
	int fd = dfsr_fs_open(fs_lab.root, relpath, flags, 0600);
	int err = errno;

	if (fd != -1) {
		close(fd);
		return 0;
	}
	return err;
}

static void test_root(void **state)
{
	struct dfsr_fs_root *root = NULL;

	(void)state;
	fs_lab_put_text("f", "");
	assert_int_equal(symlink(fs_lab.dir, fs_lab_path("l")), 0);
	assert_int_equal(dfsr_fs_root_open(fs_lab.top, fs_lab_path("l"),
					   &root),
			 ELOOP);
	assert_int_equal(dfsr_fs_root_open(fs_lab.top, fs_lab_path("f"),
					   &root),
			 ENOTDIR);
	assert_int_equal(dfsr_fs_root_open(fs_lab.top, fs_lab_path("none"),
					   &root),
			 ENOENT);
	assert_int_equal(dfsr_fs_root_open(fs_lab.top, fs_lab.dir, &root), 0);
	assert_true(dfsr_ident_equal(&root->ident, &fs_lab.root->ident));
	assert_memory_equal(root->fsid, fs_lab.root->fsid, 16);
}

static void test_fsid(void **state)
{
	uint8_t want[16];
	char hex[33] = "";
	const char *p = fs_lab.uuid;
	size_t i;

	(void)state;
	if (strcmp(fs_lab.type, "here") == 0) {
		skip();
	}
	for (i = 0; i < 32; p++) {
		if (*p != '-') {
			hex[i++] = *p;
		}
	}
	for (i = 0; i < 16; i++) {
		unsigned byte;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		want[i] = (uint8_t)byte;
	}
	assert_memory_equal(fs_lab.root->fsid, want, 16);
}

/* Whatever a path says, nothing outside of the root is opened. */
static void test_escapes(void **state)
{
	static const char *const invalid[] = {
		"..", "../x", "d/../../x", "d/..", ".", "./f", "d/./f",
		"/etc/passwd", "d//f", "d/", "/",
	};
	static const char *const private[] = {
		".DfsrPrivate", ".dfsrprivate", ".DFSRPRIVATE/Staging",
		"d/.DfsrPrivate", "d/.DfsrPrivate/f",
	};
	const char *leaf = NULL;
	size_t i;

	(void)state;
	fs_lab_mkdir("d");
	fs_lab_put_text("d/f", "x");
	assert_int_equal(symlink("d", fs_lab_path("inner")), 0);
	assert_int_equal(symlink("/etc", fs_lab_path("outer")), 0);
	assert_int_equal(symlink("/etc/passwd", fs_lab_path("leaf")), 0);
	assert_int_equal(open_errno("d/f", O_RDONLY), 0);
	assert_int_equal(open_errno("", O_RDONLY), 0);
	for (i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		assert_int_equal(open_errno(invalid[i], O_PATH), EINVAL);
	}
	for (i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
		assert_int_equal(open_errno(private[i], O_PATH), EPERM);
	}
	assert_int_equal(open_errno("inner/f", O_RDONLY), ELOOP);
	assert_int_equal(open_errno("outer/passwd", O_RDONLY), ELOOP);
	assert_int_equal(open_errno("leaf", O_RDONLY), ELOOP);
	assert_int_equal(open_errno("leaf", O_WRONLY | O_CREAT), ELOOP);
	assert_int_equal(open_errno("leaf", O_PATH), 0);
	assert_int_equal(dfsr_fs_open_parent(fs_lab.root, "inner/f", &leaf),
			 -1);
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(dfsr_fs_open_parent(fs_lab.root, "inner/d/f", &leaf),
			 -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(dfsr_fs_open_parent(fs_lab.root, "", &leaf), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dfsr_fs_open_parent(fs_lab.root, "/f", &leaf), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dfsr_fs_open_parent(fs_lab.root, ".DfsrPrivate",
					     &leaf),
			 -1);
	assert_int_equal(errno, EPERM);
}

static void test_reopen(void **state)
{
	int fd, other;

	(void)state;
	fs_lab_put_text("f", "old");
	fd = dfsr_fs_open(fs_lab.root, "f", O_PATH, 0);
	assert_int_not_equal(fd, -1);
	fs_lab_put_text("g", "new");
	assert_int_equal(rename(fs_lab_path("g"), fs_lab_path("f")), 0);
	other = dfsr_fs_reopen(fd);
	assert_int_not_equal(other, -1);
	{
		char buf[8] = "";

		assert_int_equal(read(other, buf, sizeof(buf)), 3);
		assert_string_equal(buf, "old");
	}
	close(other);
	close(fd);
}

/* A foreign write lease is an error at once and no wait. */
static void test_leased(void **state)
{
	int holder, fd;

	(void)state;
	fs_lab_put_text("f", "x");
	holder = open(fs_lab_path("f"), O_RDWR);
	assert_int_equal(fcntl(holder, F_SETSIG, SIGURG), 0);
	assert_int_equal(fcntl(holder, F_SETLEASE, F_WRLCK), 0);
	fd = dfsr_fs_open(fs_lab.root, "f", O_PATH, 0);
	assert_int_not_equal(fd, -1);
	assert_int_equal(dfsr_fs_reopen(fd), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(fcntl(holder, F_SETLEASE, F_UNLCK), 0);
	close(holder);
	close(fd);
}

/* A path may be longer than the kernel takes at once. */
static void test_long_path(void **state)
{
	char name[DFSR_NAME_MAX + 1];
	char *path = NULL;
	int fd, next;
	int i;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fd = open(fs_lab.dir, O_RDONLY);
	for (i = 0; i < 40; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY);
		assert_int_not_equal(next, -1);
		close(fd);
		fd = next;
		path = i == 0 ? talloc_strdup(fs_lab.top, name)
			      : talloc_asprintf_append(path, "/%s", name);
		assert_non_null(path);
	}
	close(fd);
	assert_int_equal(open_errno(path, O_RDONLY), 0);
	path = talloc_asprintf_append(path, "/none");
	assert_int_equal(open_errno(path, O_RDONLY), ENOENT);
}

static void test_stamp(void **state)
{
	struct dfsr_stamp a, b;
	struct timespec future[2] = {{.tv_nsec = UTIME_OMIT},
				     {.tv_sec = 4000000000}};

	(void)state;
	fs_lab_put_text("f", "x");
	a = fs_lab_stamp("f");
	assert_int_equal(a.size, 1);
	assert_int_not_equal(a.ident.btime_sec, 0);
	a = fs_lab_settle("f");
	assert_true(a.settled);
	assert_int_equal(utimensat(AT_FDCWD, fs_lab_path("f"), future, 0),
			 0);
	b = fs_lab_stamp("f");
	assert_false(b.settled);
	assert_int_equal(b.mtime_sec, 4000000000);
	assert_true(dfsr_ident_equal(&a.ident, &b.ident));
	assert_false(dfsr_stamp_same_data(&a, &b));
	assert_int_equal(rename(fs_lab_path("f"), fs_lab_path("g")), 0);
	a = fs_lab_stamp("g");
	assert_true(dfsr_stamp_same_data(&a, &b));
	/* a new file is somebody else, even on the same inode number */
	assert_int_equal(unlink(fs_lab_path("g")), 0);
	fs_lab_put_text("g", "x");
	b = fs_lab_stamp("g");
	assert_false(dfsr_ident_equal(&a.ident, &b.ident));
	assert_int_equal(dfsr_fs_stamp_at(AT_FDCWD, fs_lab_path("none"), &a),
			 ENOENT);
}

static void test_kind(void **state)
{
	(void)state;
	assert_int_equal(dfsr_fs_kind(S_IFREG | 0644), DFSR_KIND_FILE);
	assert_int_equal(dfsr_fs_kind(S_IFDIR), DFSR_KIND_DIRECTORY);
	assert_int_equal(dfsr_fs_kind(S_IFLNK), DFSR_KIND_SYMLINK);
	assert_int_equal(dfsr_fs_kind(S_IFIFO), 0);
	assert_int_equal(dfsr_fs_kind(S_IFSOCK), 0);
	assert_int_equal(dfsr_fs_kind(S_IFBLK), 0);
	assert_int_equal(dfsr_fs_kind(S_IFCHR), 0);
}

struct handle {
	uint8_t fh[DFSR_FH_MAX];
	uint8_t len;
	int32_t type;
};

static struct handle handle_of(const char *relpath)
{
	struct handle h;
	int fd = dfsr_fs_open(fs_lab.root, relpath, O_PATH, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(dfsr_fs_handle(fd, h.fh, &h.len, &h.type), 0);
	assert_true(h.len > 0);
	close(fd);
	return h;
}

static int where(const struct handle *h, char **path)
{
	struct dfsr_stamp stamp;

	return dfsr_fs_handle_path(fs_lab.top, fs_lab.root, h->fh, h->len,
				   h->type, path, &stamp);
}

static void test_handle(void **state)
{
	char *path = NULL;
	struct handle file, dir, link;

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	fs_lab_mkdir("d");
	fs_lab_put_text("d/f", "x");
	assert_int_equal(symlink("x", fs_lab_path("l")), 0);
	file = handle_of("d/f");
	dir = handle_of("d");
	link = handle_of("l");
	assert_int_equal(where(&file, &path), 0);
	assert_string_equal(path, "d/f");
	assert_int_equal(where(&link, &path), 0);
	assert_string_equal(path, "l");
	assert_int_equal(rename(fs_lab_path("d"), fs_lab_path("e")), 0);
	assert_int_equal(where(&file, &path), 0);
	assert_string_equal(path, "e/f");
	assert_int_equal(where(&dir, &path), 0);
	assert_string_equal(path, "e");
	/* into the private directory: no name that anybody replicates */
	assert_int_equal(rename(fs_lab_path("e/f"),
				fs_lab_path(".DfsrPrivate/f")),
			 0);
	assert_int_equal(where(&file, &path), ESTALE);
	assert_int_equal(unlink(fs_lab_path(".DfsrPrivate/f")), 0);
	assert_int_equal(where(&file, &path), ESTALE);
	/* nonsense from a disk */
	file.len = 3;
	assert_int_not_equal(where(&file, &path), 0);
	file.len = 0;
	assert_int_equal(where(&file, &path), EOPNOTSUPP);
	file.len = 255;
	assert_int_equal(where(&file, &path), EINVAL);
}

/* A name that the kernel has forgotten: found, or said to be unknown. */
static void test_handle_cold(void **state)
{
	char *path = NULL;
	struct handle file, dir;
	int fd, ret;

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	fs_lab_mkdir("d");
	fs_lab_mkdir("d/e");
	fs_lab_put_text("d/e/f", "x");
	file = handle_of("d/e/f");
	dir = handle_of("d/e");
	fd = open(fs_lab.dir, O_RDONLY);
	assert_int_equal(syncfs(fd), 0);
	close(fd);
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (fd == -1 || write(fd, "2", 1) != 1) {
		skip();
	}
	close(fd);
	ret = where(&file, &path);
	if (ret == 0) {
		assert_string_equal(path, "d/e/f");
	} else {
		assert_int_equal(ret, EOPNOTSUPP);
	}
	assert_int_equal(where(&dir, &path), 0);
	assert_string_equal(path, "d/e");
}

static void test_env(void **state)
{
	const struct dfsr_env *env = dfsr_fs_env();
	struct dfsr_guid a, b;
	uint64_t now = env->now(env->private_data);

	(void)state;
	assert_true(now > 133000000000000000ULL);
	assert_true(now < DFSR_TIME_MAX);
	a = dfsr_guid_random(env);
	b = dfsr_guid_random(env);
	assert_int_not_equal(dfsr_guid_cmp(&a, &b), 0);
	assert_false(dfsr_guid_is_null(&a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fs_lab_test(test_root),	     fs_lab_test(test_fsid),
		fs_lab_test(test_escapes),   fs_lab_test(test_reopen),
		fs_lab_test(test_leased),    fs_lab_test(test_long_path),
		fs_lab_test(test_stamp),     fs_lab_test(test_kind),
		fs_lab_test(test_handle),    fs_lab_test(test_handle_cold),
		fs_lab_test(test_env),
	};

	return fs_lab_run_tests(tests);
}
