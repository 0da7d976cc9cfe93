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

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "fs_lab.h"

/** Size of the images; sparse, so it costs nothing. */
#define IMAGE_SIZE ((off_t)512 * 1024 * 1024)

struct fs_lab fs_lab;

int fs_lab_command(const char *const argv[])
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1) {
		return -1;
	}
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
		return -1;
	}
	return WEXITSTATUS(status);
}

/* ---- filesystems --------------------------------------------------------- */

/*
 * A new UUID each time: neither mkfs.btrfs nor xfs wants to see one twice, and
 * other tests may run at the same time.
 */
static int make_fs(const char *type, const char *image)
{
	const char *const ext4[] = {"mkfs.ext4", "-q",	"-F", "-U",
				    fs_lab.uuid, image, NULL};
	const char *const btrfs[] = {"mkfs.btrfs", "-q",  "-f", "-U",
				     fs_lab.uuid,  image, NULL};
	const char *xfs[] = {"mkfs.xfs", "-q", "-m", NULL, image, NULL};
	struct dfsr_guid guid = dfsr_guid_random(dfsr_fs_env());
	char option[64];

	dfsr_guid_str(&guid, fs_lab.uuid);
	snprintf(option, sizeof(option), "uuid=%s", fs_lab.uuid);
	xfs[3] = option;
	if (strcmp(type, "ext4") == 0) {
		return fs_lab_command(ext4);
	}
	if (strcmp(type, "xfs") == 0) {
		return fs_lab_command(xfs);
	}
	return fs_lab_command(btrfs);
}

/* @return true if the lab can run on it */
static bool mount_fs(const char *type)
{
	char *image = NULL;
	const char *mount_argv[] = {"mount", "-o", "loop", NULL, NULL, NULL};
	int fd, ret;

	image = talloc_asprintf(NULL, "%s/%s.img", fs_lab.base, type);
	assert_non_null(image);
	fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, IMAGE_SIZE), 0);
	close(fd);
	ret = make_fs(type, image);
	if (ret == 127) {
		print_message("SKIP %s: no mkfs.%s\n", type, type);
		TALLOC_FREE(image);
		return false;
	}
	assert_int_equal(ret, 0);
	mount_argv[3] = image;
	mount_argv[4] = fs_lab.mnt;
	ret = fs_lab_command(mount_argv);
	TALLOC_FREE(image);
	if (ret != 0) {
		print_message("SKIP %s: it cannot be mounted here\n", type);
		return false;
	}
	return true;
}

static void remove_base(void)
{
	const char *const argv[] = {"rm", "-rf", "--one-file-system",
				    fs_lab.base, NULL};

	fs_lab_command(argv);
}

/* Mounts of ours must not be seen outside, nor stay. */
static bool own_namespace(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0) {
		return false;
	}
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int run_on(const char *type, const struct CMUnitTest *tests,
		  size_t num)
{
	int failed;

	fs_lab.type = type;
	print_message("on %s\n", type);
	failed = _cmocka_run_group_tests(type, tests, num, NULL, NULL);
	return failed;
}

int fs_lab_run(const struct CMUnitTest *tests, size_t num)
{
	static const char *const types[] = {"ext4", "xfs", "btrfs"};
	const char *tmp = getenv("TMPDIR");
	int failed = 0;
	size_t i;

	fs_lab.base = talloc_asprintf(NULL, "%s/dfsr-lab-XXXXXX",
				      tmp != NULL ? tmp : "/tmp");
	if (fs_lab.base == NULL || mkdtemp(fs_lab.base) == NULL) {
		perror("mkdtemp");
		return 1;
	}
	fs_lab.mnt = talloc_asprintf(fs_lab.base, "%s/mnt", fs_lab.base);
	if (fs_lab.mnt == NULL || mkdir(fs_lab.mnt, 0755) != 0) {
		perror("mkdir");
		return 1;
	}
	failed += run_on("here", tests, num);
	if (own_namespace()) {
		for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			if (!mount_fs(types[i])) {
				continue;
			}
			failed += run_on(types[i], tests, num);
			umount2(fs_lab.mnt, MNT_DETACH);
		}
	} else {
		print_message("SKIP ext4 xfs btrfs: not root\n");
	}
	remove_base();
	TALLOC_FREE(fs_lab.base);
	return failed;
}

/* ---- one test ------------------------------------------------------------ */

int fs_lab_setup(void **state)
{
	fs_lab.top = talloc_named_const(NULL, 0, "test");
	assert_non_null(fs_lab.top);
	fs_lab.count++;
	fs_lab.dir = talloc_asprintf(fs_lab.top, "%s/root%u", fs_lab.mnt,
				     fs_lab.count);
	assert_int_equal(mkdir(fs_lab.dir, 0755), 0);
	assert_int_equal(dfsr_fs_root_open(fs_lab.top, fs_lab.dir,
					   &fs_lab.root),
			 0);
	assert_int_equal(dfsr_apply_open(fs_lab.top, fs_lab.root,
					 &fs_lab.apply),
			 0);
	*state = &fs_lab;
	return 0;
}

int fs_lab_teardown(void **state)
{
	*state = NULL;
	TALLOC_FREE(fs_lab.apply);
	TALLOC_FREE(fs_lab.root);
	talloc_free_children(fs_lab.top);
	assert_int_equal(talloc_total_blocks(fs_lab.top), 1);
	TALLOC_FREE(fs_lab.top);
	return 0;
}

char *fs_lab_path(const char *relpath)
{
	char *path = talloc_asprintf(fs_lab.top, "%s/%s", fs_lab.dir,
				     relpath);

	assert_non_null(path);
	return path;
}

void fs_lab_put(const char *relpath, const void *data, size_t len)
{
	int fd;

	fd = open(fs_lab_path(relpath), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

void fs_lab_put_text(const char *relpath, const char *text)
{
	fs_lab_put(relpath, text, strlen(text));
}

void fs_lab_mkdir(const char *relpath)
{
	assert_int_equal(mkdir(fs_lab_path(relpath), 0755), 0);
}

char *fs_lab_text(const char *relpath)
{
	char buf[4096];
	ssize_t len;
	int fd;

	fd = open(fs_lab_path(relpath), O_RDONLY | O_NOFOLLOW);
	if (fd == -1) {
		return NULL;
	}
	len = read(fd, buf, sizeof(buf));
	assert_true(len >= 0);
	close(fd);
	return talloc_strndup(fs_lab.top, buf, (size_t)len);
}

bool fs_lab_exists(const char *relpath)
{
	struct stat st;

	return lstat(fs_lab_path(relpath), &st) == 0;
}

struct dfsr_stamp fs_lab_stamp(const char *relpath)
{
	struct dfsr_stamp stamp;

	assert_int_equal(dfsr_fs_stamp_at(AT_FDCWD, fs_lab_path(relpath),
					  &stamp),
			 0);
	return stamp;
}

struct dfsr_stamp fs_lab_settle(const char *relpath)
{
	struct dfsr_stamp stamp;

	do {
		struct timespec ts = {.tv_nsec = 1000000};

		nanosleep(&ts, NULL);
		stamp = fs_lab_stamp(relpath);
	} while (!stamp.settled);
	return stamp;
}

unsigned fs_lab_names(enum dfsr_apply_dir which)
{
	unsigned num = 0;
	DIR *dir = NULL;
	int fd;

	fd = openat(fs_lab.apply->dirfd[which], ".", O_RDONLY);
	assert_int_not_equal(fd, -1);
	dir = fdopendir(fd);
	assert_non_null(dir);
	while (readdir(dir) != NULL) {
		num++;
	}
	closedir(dir);
	return num - 2;
}

/* ---- versions ------------------------------------------------------------ */

struct dfsr_meta *fs_lab_meta(uint32_t mode)
{
	struct dfsr_meta *m = talloc_zero(fs_lab.top, struct dfsr_meta);

	assert_non_null(m);
	m->mode = mode;
	m->uid = geteuid();
	m->gid = getegid();
	if (m->uid == 0) {
		m->owner = talloc_strdup(m, "root");
		m->group = talloc_strdup(m, "root");
	}
	m->mtime_sec = 1600000000;
	m->mtime_nsec = 123456789;
	return m;
}

void fs_lab_add_xattr(struct dfsr_meta *m, const char *name, const void *value,
		      size_t len)
{
	struct dfsr_xattr *x = NULL;

	m->xattrs = talloc_realloc(m, m->xattrs, struct dfsr_xattr,
				   m->num_xattrs + 1);
	assert_non_null(m->xattrs);
	x = &m->xattrs[m->num_xattrs++];
	x->name = talloc_strdup(m, name);
	x->value = talloc_memdup(m, value, len);
	x->len = len;
	assert_non_null(x->name);
	dfsr_meta_sort(m);
}

const struct dfsr_id *fs_lab_gvsn(void)
{
	memset(fs_lab.gvsn.db.b, 0xab, sizeof(fs_lab.gvsn.db.b));
	fs_lab.gvsn.vsn += 1;
	return &fs_lab.gvsn;
}

int fs_lab_stage(const struct dfsr_meta *m, const char *text,
		 char name[DFSR_APPLY_NAME_MAX + 1], struct dfsr_stamp *stamp,
		 struct dfsr_fs_problem *problem)
{
	uint8_t kind = dfsr_fs_kind(m->mode);
	uint8_t content[DFSR_HASH_LEN] = {0};
	uint8_t meta[DFSR_HASH_LEN];
	struct dfsr_staged *staged = NULL;
	size_t len = text == NULL ? 0 : strlen(text);
	int ret;

	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
					  fs_lab_gvsn(), kind, len, &staged),
			 0);
	if (kind == DFSR_KIND_FILE) {
		assert_int_equal(dfsr_apply_stage_write(
					 staged, 0, (const uint8_t *)text,
					 len),
				 0);
		assert_int_equal(dfsr_fs_hash_bytes(text, len, content), 0);
	} else if (kind == DFSR_KIND_SYMLINK) {
		assert_int_equal(dfsr_fs_hash_bytes(m->symlink,
						    strlen(m->symlink),
						    content),
				 0);
	}
	assert_int_equal(dfsr_fs_meta_hash(m, meta), 0);
	ret = dfsr_apply_stage_finish(staged, m, content, meta, name, stamp,
				      problem);
	TALLOC_FREE(staged);
	return ret;
}
