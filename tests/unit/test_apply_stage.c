/*
   Samba DFS Replication
   Staging: whole and verified, or nothing

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
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "fs_lab.h"

static char *private_path(const char *name)
{
	char *path = talloc_asprintf(fs_lab.top, "%s/" DFSR_PRIVATE_DIR "/%s",
				     fs_lab.dir, name);

	assert_non_null(path);
	return path;
}

static char *staging_path(const char *name)
{
	char *path = talloc_asprintf(fs_lab.top, "Staging/%s", name);

	assert_non_null(path);
	return private_path(path);
}

/* ---- the private directories --------------------------------------------- */

static void test_private(void **state)
{
	static const char *const names[] = {
		"", "Staging", "Displaced", "Parking", "ConflictAndDeleted",
		"PreExisting",
	};
	struct dfsr_apply *again = NULL;
	struct stat st;
	size_t i;

	(void)state;
	/* given away and opened up: taken back */
	assert_int_equal(chmod(private_path(""), 0777), 0);
	assert_int_equal(chmod(private_path("Staging"), 0777), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(private_path(""), 1000, 1000), 0);
	}
	assert_int_equal(dfsr_apply_open(fs_lab.top, fs_lab.root, &again), 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(lstat(private_path(names[i]), &st), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
		assert_int_equal(st.st_uid, geteuid());
		assert_int_equal(st.st_gid, getegid());
	}
	TALLOC_FREE(again);
}

static void test_private_acl(void **state)
{
	/* u::rwx u:1:rwx g::rwx m::rwx o::rwx */
	static const uint8_t acl[] = {
		2,    0,    0,	  0,	1, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,
		2,    0,    7,	  0,	1, 0, 0, 0, 4,	  0,	7,    0,
		0xff, 0xff, 0xff, 0xff, 16, 0, 7, 0, 0xff, 0xff, 0xff, 0xff,
		32,   0,    7,	  0,	0xff, 0xff, 0xff, 0xff,
	};
	struct dfsr_fs_root *root = NULL;
	struct dfsr_apply *apply = NULL;
	char *dir = fs_lab_path("inner");
	char *path = talloc_asprintf(dir, "%s/" DFSR_PRIVATE_DIR, dir);

	(void)state;
	fs_lab_mkdir("inner");
	assert_int_equal(setxattr(dir, "system.posix_acl_default", acl,
				  sizeof(acl), 0),
			 0);
	assert_int_equal(dfsr_fs_root_open(fs_lab.top, dir, &root), 0);
	assert_int_equal(dfsr_apply_open(root, root, &apply), 0);
	assert_int_equal(getxattr(path, "system.posix_acl_access", NULL, 0),
			 -1);
	assert_int_equal(getxattr(path, "system.posix_acl_default", NULL, 0),
			 -1);
	TALLOC_FREE(apply);
	TALLOC_FREE(root);
}

static void test_private_planted(void **state)
{
	struct dfsr_fs_root *root = NULL;
	struct dfsr_apply *apply = NULL;
	char *dir = fs_lab_path("inner");
	char *path = talloc_asprintf(dir, "%s/" DFSR_PRIVATE_DIR, dir);
	char *below = talloc_asprintf(dir, "%s/Staging", path);

	(void)state;
	fs_lab_mkdir("inner");
	fs_lab_mkdir("elsewhere");
	assert_int_equal(dfsr_fs_root_open(fs_lab.top, dir, &root), 0);
	assert_int_equal(symlink("../elsewhere", path), 0);
	assert_int_equal(dfsr_apply_open(root, root, &apply), ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
	assert_int_equal(dfsr_apply_open(root, root, &apply), ENOTDIR);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(symlink("/tmp", below), 0);
	assert_int_equal(dfsr_apply_open(root, root, &apply), ELOOP);
	assert_false(fs_lab_exists("elsewhere/Staging"));
	TALLOC_FREE(root);
}

static void test_stamp(void **state)
{
	struct dfsr_root_stamp a, b;
	char byte;
	int fd;

	(void)state;
	assert_int_equal(dfsr_apply_stamp_read(fs_lab.apply, &b), ENOENT);
	memset(&a, 0x5a, sizeof(a));
	a.seq = 1;
	assert_int_equal(dfsr_apply_stamp_write(fs_lab.apply, &a), 0);
	a.seq = 0x123456789abcdef;
	assert_int_equal(dfsr_apply_stamp_write(fs_lab.apply, &a), 0);
	assert_int_equal(dfsr_apply_stamp_read(fs_lab.apply, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_false(fs_lab_exists(DFSR_PRIVATE_DIR "/stamp.new"));
	/* one bit, one byte less, nothing, a link */
	fd = open(private_path("stamp"), O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, 30), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 30), 1);
	assert_int_equal(dfsr_apply_stamp_read(fs_lab.apply, &b), EBADMSG);
	assert_int_equal(b.seq, 0);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 30), 1);
	assert_int_equal(dfsr_apply_stamp_read(fs_lab.apply, &b), 0);
	assert_int_equal(ftruncate(fd, 116), 0);
	assert_int_equal(dfsr_apply_stamp_read(fs_lab.apply, &b), EBADMSG);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(dfsr_apply_stamp_read(fs_lab.apply, &b), EBADMSG);
	close(fd);
	assert_int_equal(unlink(private_path("stamp")), 0);
	assert_int_equal(symlink("/etc/passwd", private_path("stamp")), 0);
	assert_int_equal(dfsr_apply_stamp_read(fs_lab.apply, &b), ELOOP);
	assert_int_equal(dfsr_apply_stamp_write(fs_lab.apply, &a), 0);
	assert_int_equal(dfsr_apply_stamp_read(fs_lab.apply, &b), 0);
}

/* ---- staging ------------------------------------------------------------- */

static void test_file(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0640);
	char name[DFSR_APPLY_NAME_MAX + 1];
	struct dfsr_fs_problem problem;
	struct dfsr_stamp stamp;
	struct stat st;

	(void)state;
	fs_lab_add_xattr(m, "user.x", "value", 5);
	assert_int_equal(fs_lab_stage(m, "hello", name, &stamp, &problem), 0);
	assert_int_equal(stamp.size, 5);
	assert_int_equal(stamp.mtime_nsec, 123456789);
	assert_int_equal(lstat(staging_path(name), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_ino, stamp.ident.ino);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 1);
	assert_int_equal(dfsr_apply_stage_drop(fs_lab.apply, name), 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 0);
	assert_int_equal(dfsr_apply_stage_drop(fs_lab.apply, name), 0);
	assert_int_equal(dfsr_apply_stage_drop(fs_lab.apply, "../x"), EINVAL);
	assert_int_equal(dfsr_apply_stage_drop(fs_lab.apply, ".."), EINVAL);
}

static void test_directory_and_link(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFDIR | 0750);
	char name[DFSR_APPLY_NAME_MAX + 1];
	struct dfsr_fs_problem problem;
	struct dfsr_stamp stamp;
	char target[100] = "";

	(void)state;
	assert_int_equal(fs_lab_stage(m, NULL, name, &stamp, &problem), 0);
	assert_int_equal(stamp.mode, S_IFDIR | 0750);
	m = fs_lab_meta(S_IFLNK | 0777);
	m->symlink = talloc_strdup(m, "../../../etc/passwd");
	assert_int_equal(fs_lab_stage(m, NULL, name, &stamp, &problem), 0);
	assert_int_equal(stamp.mode, S_IFLNK | 0777);
	assert_true(readlink(staging_path(name), target, 99) > 0);
	assert_string_equal(target, "../../../etc/passwd");
	m->symlink = talloc_strdup(m, "a/.dfsrPRIVATE/f");
	assert_int_equal(fs_lab_stage(m, NULL, name, &stamp, &problem),
			 EPERM);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 2);
}

/* A wrong hash of bytes or metadata leaves nothing behind. */
static void test_wrong_hash(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0640);
	char name[DFSR_APPLY_NAME_MAX + 1];
	uint8_t content[DFSR_HASH_LEN], meta[DFSR_HASH_LEN];
	struct dfsr_fs_problem problem;
	struct dfsr_staged *staged = NULL;
	struct dfsr_stamp stamp;
	int i;

	(void)state;
	assert_int_equal(dfsr_fs_meta_hash(m, meta), 0);
	for (i = 0; i < 3; i++) {
		assert_int_equal(dfsr_fs_hash_bytes("hello", 5, content), 0);
		content[31] ^= i == 1 ? 1 : 0;
		meta[0] ^= i == 2 ? 1 : 0;
		assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
						  fs_lab_gvsn(),
						  DFSR_KIND_FILE, 5, &staged),
				 0);
		assert_int_equal(dfsr_apply_stage_write(
					 staged, 0,
					 (const uint8_t *)"hello", 5),
				 0);
		assert_int_equal(dfsr_apply_stage_finish(staged, m, content,
							 meta, name, &stamp,
							 &problem),
				 i == 0 ? 0 : EBADMSG);
		TALLOC_FREE(staged);
		assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 1);
	}
	/* the kind is part of the version */
	meta[0] ^= 1;
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
					  fs_lab_gvsn(), DFSR_KIND_DIRECTORY,
					  0, &staged),
			 0);
	memset(content, 0, sizeof(content));
	assert_int_equal(dfsr_apply_stage_finish(staged, m, content, meta,
						 name, &stamp, &problem),
			 EBADMSG);
	TALLOC_FREE(staged);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 1);
}

static void test_runs(void **state)
{
	struct dfsr_staged *staged = NULL;
	const uint8_t *x = (const uint8_t *)"xxxxxxxxxx";

	(void)state;
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
					  fs_lab_gvsn(), DFSR_KIND_FILE, 10,
					  &staged),
			 0);
	assert_int_equal(dfsr_apply_stage_write(staged, 4, x, 2), 0);
	assert_int_equal(dfsr_apply_stage_write(staged, 0, x, 2), EINVAL);
	assert_int_equal(dfsr_apply_stage_write(staged, 5, x, 2), EINVAL);
	assert_int_equal(dfsr_apply_stage_write(staged, 6, x, 5), EINVAL);
	assert_int_equal(dfsr_apply_stage_write(staged, 11, x, 0), EINVAL);
	assert_int_equal(dfsr_apply_stage_write(staged, UINT64_MAX, x, 2),
			 EINVAL);
	assert_int_equal(dfsr_apply_stage_write(staged, 6, x, 4), 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 1);
	TALLOC_FREE(staged);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 0);
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
					  fs_lab_gvsn(), 0, 10, &staged),
			 EINVAL);
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
					  fs_lab_gvsn(), DFSR_KIND_FILE,
					  UINT64_MAX, &staged),
			 EINVAL);
}

static void test_sparse(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0640);
	const uint64_t size = 1ULL << 26;
	char name[DFSR_APPLY_NAME_MAX + 1];
	uint8_t content[DFSR_HASH_LEN], meta[DFSR_HASH_LEN];
	struct dfsr_fs_problem problem;
	struct dfsr_staged *staged = NULL;
	struct dfsr_hasher *h = NULL;
	struct dfsr_stamp stamp;
	struct stat st;

	(void)state;
	assert_int_equal(dfsr_hasher_new(fs_lab.top, &h), 0);
	assert_int_equal(dfsr_hasher_zeroes(h, 1 << 20), 0);
	assert_int_equal(dfsr_hasher_update(h, "data", 4), 0);
	assert_int_equal(dfsr_hasher_zeroes(h, size - (1 << 20) - 4), 0);
	dfsr_hasher_final(h, content);
	assert_int_equal(dfsr_fs_meta_hash(m, meta), 0);
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
					  fs_lab_gvsn(), DFSR_KIND_FILE, size,
					  &staged),
			 0);
	assert_int_equal(dfsr_apply_stage_write(staged, 1 << 20,
						(const uint8_t *)"data", 4),
			 0);
	assert_int_equal(dfsr_apply_stage_finish(staged, m, content, meta,
						 name, &stamp, &problem),
			 0);
	TALLOC_FREE(staged);
	assert_int_equal(dfsr_apply_sync(fs_lab.apply), 0);
	assert_int_equal(lstat(staging_path(name), &st), 0);
	assert_int_equal(st.st_size, size);
	assert_true(st.st_blocks * 512 < 1048576);
	/* and once more from this copy */
	assert_int_equal(rename(staging_path(name), fs_lab_path("f")), 0);
	stamp = fs_lab_stamp("f");
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
					  fs_lab_gvsn(), DFSR_KIND_FILE, size,
					  &staged),
			 0);
	assert_int_equal(dfsr_apply_stage_copy(staged, "f", &stamp), 0);
	assert_int_equal(dfsr_apply_stage_finish(staged, m, content, meta,
						 name, &stamp, &problem),
			 0);
	TALLOC_FREE(staged);
	assert_int_equal(lstat(staging_path(name), &st), 0);
	assert_int_equal(st.st_size, size);
	assert_true(st.st_blocks * 512 < 1048576);
}

static void test_copy_stale(void **state)
{
	struct dfsr_staged *staged = NULL;
	struct dfsr_stamp stamp;

	(void)state;
	fs_lab_put_text("f", "12345");
	assert_int_equal(symlink("f", fs_lab_path("l")), 0);
	stamp = fs_lab_stamp("f");
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply,
					  fs_lab_gvsn(), DFSR_KIND_FILE, 5,
					  &staged),
			 0);
	assert_int_equal(dfsr_apply_stage_copy(staged, "none", &stamp),
			 ESTALE);
	assert_int_equal(dfsr_apply_stage_copy(staged, "l", &stamp), ESTALE);
	assert_int_equal(dfsr_apply_stage_copy(staged, ".DfsrPrivate/x",
					       &stamp),
			 EPERM);
	stamp.mtime_nsec ^= 1;
	assert_int_equal(dfsr_apply_stage_copy(staged, "f", &stamp), ESTALE);
	stamp.mtime_nsec ^= 1;
	assert_int_equal(dfsr_apply_stage_copy(staged, "f", &stamp), 0);
	assert_int_equal(dfsr_apply_stage_copy(staged, "f", &stamp), EINVAL);
	TALLOC_FREE(staged);
}

/* The second start of a version replaces the first, whose end harms nobody. */
static void test_again(void **state)
{
	struct dfsr_staged *first = NULL, *second = NULL;
	const struct dfsr_id *gvsn = fs_lab_gvsn();

	(void)state;
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply, gvsn,
					  DFSR_KIND_DIRECTORY, 0, &first),
			 0);
	assert_int_equal(dfsr_apply_stage(fs_lab.top, fs_lab.apply, gvsn,
					  DFSR_KIND_FILE, 0, &second),
			 0);
	TALLOC_FREE(first);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 1);
	TALLOC_FREE(second);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 0);
}

/* What a filesystem cannot hold is named, and nothing is left. */
static void test_no_room(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0640);
	char name[DFSR_APPLY_NAME_MAX + 1];
	uint8_t *big = talloc_zero_array(fs_lab.top, uint8_t, 5000);
	struct dfsr_fs_problem problem;
	struct dfsr_stamp stamp;
	int ret;

	(void)state;
	fs_lab_add_xattr(m, "user.DosStream.x:$DATA", big, 5000);
	ret = fs_lab_stage(m, "hello", name, &stamp, &problem);
	if (strcmp(fs_lab.type, "ext4") == 0) {
		assert_int_equal(ret, ENOSPC);
		assert_non_null(strstr(problem.what,
				       "user.DosStream.x:$DATA (5000 bytes)"));
		assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 0);
	} else if (strcmp(fs_lab.type, "here") != 0) {
		assert_int_equal(ret, 0);
	}
	/* no filesystem can hold a time as late as this */
	m = fs_lab_meta(S_IFREG | 0640);
	m->mtime_sec = 1LL << 50;
	ret = fs_lab_stage(m, "hello", name, &stamp, &problem);
	if (strcmp(fs_lab.type, "btrfs") != 0) {
		assert_int_equal(ret, EOPNOTSUPP);
		assert_non_null(strstr(problem.what, "time of modification"));
	}
}

/* A full disk: said so, nothing left, and room again afterwards. */
static void test_disk_full(void **state)
{
	struct dfsr_fs_root *root = NULL;
	struct dfsr_apply *apply = NULL;
	struct dfsr_staged *staged = NULL;
	uint8_t *big = talloc_array(fs_lab.top, uint8_t, 2 * 1048576);
	const char *dir = fs_lab_path("small");
	uint64_t n = 0;
	int ret = 0;

	(void)state;
	if (strcmp(fs_lab.type, "here") == 0) {
		skip();
	}
	memset(big, 'x', 2 * 1048576);
	fs_lab_mkdir("small");
	assert_int_equal(mount("none", dir, "tmpfs", 0, "size=1m"), 0);
	assert_int_equal(dfsr_fs_root_open(fs_lab.top, dir, &root), 0);
	assert_int_equal(dfsr_apply_open(root, root, &apply), 0);
	assert_int_equal(dfsr_apply_stage(root, apply, fs_lab_gvsn(),
					  DFSR_KIND_FILE, 2 * 1048576,
					  &staged),
			 0);
	while (ret == 0 && n < 2 * 1048576) {
		ret = dfsr_apply_stage_write(staged, n, big + n, 65536);
		n += 65536;
	}
	assert_int_equal(ret, ENOSPC);
	TALLOC_FREE(staged);
	assert_int_equal(dfsr_apply_stage(root, apply, fs_lab_gvsn(),
					  DFSR_KIND_FILE, 524288, &staged),
			 0);
	assert_int_equal(dfsr_apply_stage_write(staged, 0, big, 524288), 0);
	TALLOC_FREE(staged);
	TALLOC_FREE(root);
	assert_int_equal(umount(dir), 0);
}

static void test_unknown_account(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0640);
	char name[DFSR_APPLY_NAME_MAX + 1];
	struct dfsr_fs_problem problem;
	struct dfsr_stamp stamp;

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	m->uid = 1;
	m->owner = talloc_strdup(m, "dfsr-nobody-knows-me");
	assert_int_equal(fs_lab_stage(m, "hello", name, &stamp, &problem), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fs_lab_test(test_private),
		fs_lab_test(test_private_acl),
		fs_lab_test(test_private_planted),
		fs_lab_test(test_stamp),
		fs_lab_test(test_file),
		fs_lab_test(test_directory_and_link),
		fs_lab_test(test_wrong_hash),
		fs_lab_test(test_runs),
		fs_lab_test(test_sparse),
		fs_lab_test(test_copy_stale),
		fs_lab_test(test_again),
		fs_lab_test(test_no_room),
		fs_lab_test(test_disk_full),
		fs_lab_test(test_unknown_account),
	};

	return fs_lab_run_tests(tests);
}
