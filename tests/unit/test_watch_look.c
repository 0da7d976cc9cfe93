/*
   Samba DFS Replication
   Looks, listings and sources on real filesystems

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
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "fs_lab.h"

static int look_at(const char *relpath, unsigned flags,
		   const struct dfsr_stamp *known, struct dfsr_look *look)
{
	return dfsr_watch_look(fs_lab.top, fs_lab.root, relpath, flags, known,
			       look);
}

static void test_kinds(void **state)
{
	uint8_t zero[DFSR_HASH_LEN] = {0};
	uint8_t hash[DFSR_HASH_LEN];
	struct dfsr_look look;
	struct dfsr_stamp stamp;

	(void)state;
	fs_lab_mkdir("d");
	fs_lab_put_text("d/f", "content");
	assert_int_equal(symlink("content", fs_lab_path("d/l")), 0);
	assert_int_equal(mkfifo(fs_lab_path("d/p"), 0600), 0);
	assert_int_equal(dfsr_fs_hash_bytes("content", 7, hash), 0);

	assert_int_equal(look_at("d/f", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_true(look.exists && look.hashed);
	assert_int_equal(look.kind, DFSR_KIND_FILE);
	assert_memory_equal(look.content_hash, hash, DFSR_HASH_LEN);
	assert_int_equal(look.stamp.size, 7);
	stamp = fs_lab_stamp("d");
	assert_true(dfsr_ident_equal(&look.parent.ident, &stamp.ident));
	assert_true(look.fh_len > 0);
	assert_non_null(look.meta);

	assert_int_equal(look_at("d/l", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_int_equal(look.kind, DFSR_KIND_SYMLINK);
	assert_memory_equal(look.content_hash, hash, DFSR_HASH_LEN);
	assert_string_equal(look.meta->symlink, "content");
	assert_int_equal(look.attributes, 0x400);

	assert_int_equal(look_at("d", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_int_equal(look.kind, DFSR_KIND_DIRECTORY);
	assert_memory_equal(look.content_hash, zero, DFSR_HASH_LEN);
	assert_int_equal(look.attributes, 0x10);

	assert_int_equal(look_at("d/p", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_true(look.exists && !look.hashed);
	assert_int_equal(look.kind, 0);

	assert_int_equal(look_at("d/none", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_false(look.exists);

	assert_int_equal(look_at("", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_true(dfsr_ident_equal(&look.stamp.ident,
				     &fs_lab.root->ident));
	assert_true(look.hashed);
}

static void test_if_changed(void **state)
{
	const unsigned flags = DFSR_LOOK_HASH | DFSR_LOOK_IF_CHANGED;
	struct dfsr_stamp known;
	struct dfsr_look look;

	(void)state;
	fs_lab_put_text("f", "one");
	assert_int_equal(look_at("f", flags, NULL, &look), 0);
	assert_true(look.hashed);
	known = fs_lab_settle("f");
	assert_int_equal(look_at("f", flags, &known, &look), 0);
	assert_false(look.hashed);
	assert_null(look.meta);
	assert_true(dfsr_stamp_equal(&known, &look.stamp));
	/* what was read too early is not trusted */
	known.settled = false;
	assert_int_equal(look_at("f", flags, &known, &look), 0);
	assert_true(look.hashed);
	/* metadata alone */
	known.settled = true;
	assert_int_equal(setxattr(fs_lab_path("f"), "user.x", "1", 1, 0), 0);
	assert_int_equal(look_at("f", flags, &known, &look), 0);
	assert_true(look.hashed);
	assert_int_equal(look.meta->num_xattrs, 1);
	/* stamps only */
	assert_int_equal(look_at("f", 0, NULL, &look), 0);
	assert_false(look.hashed);
	assert_true(look.exists);
}

static void test_elsewhere(void **state)
{
	struct dfsr_look look;

	(void)state;
	fs_lab_mkdir("d");
	fs_lab_put_text("d/f", "x");
	assert_int_equal(symlink("d", fs_lab_path("l")), 0);
	assert_int_equal(symlink("/etc/passwd", fs_lab_path("p")), 0);
	assert_int_equal(look_at("none/f", 0, NULL, &look), ESTALE);
	assert_int_equal(look_at("d/f/x", 0, NULL, &look), ESTALE);
	assert_int_equal(look_at("l/f", 0, NULL, &look), ESTALE);
	assert_int_equal(look_at("../x", 0, NULL, &look), EINVAL);
	assert_int_equal(look_at("/etc/passwd", 0, NULL, &look), EINVAL);
	assert_int_equal(look_at(".DfsrPrivate", 0, NULL, &look), EPERM);
	assert_int_equal(look_at(".DfsrPrivate/stamp", 0, NULL, &look),
			 EPERM);
	assert_int_equal(look_at("p", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_int_equal(look.kind, DFSR_KIND_SYMLINK);
}

static atomic_bool stop;

static void *keep_writing(void *path)
{
	int fd = open(path, O_WRONLY);
	uint32_t n = 0;

	while (!atomic_load(&stop)) {
		n++;
		if (pwrite(fd, &n, sizeof(n), 0) != sizeof(n)) {
			break;
		}
	}
	close(fd);
	return NULL;
}

/* Only what held still is a version. */
static void test_busy(void **state)
{
	uint8_t *big = talloc_zero_array(fs_lab.top, uint8_t, 8 * 1048576);
	struct dfsr_look look;
	pthread_t writer;
	int ret = 0;
	int i;

	(void)state;
	fs_lab_put("f", big, 8 * 1048576);
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&writer, NULL, keep_writing,
					fs_lab_path("f")),
			 0);
	/* the writer may not have its turn in one of them */
	for (i = 0; i < 200 && ret == 0; i++) {
		ret = look_at("f", DFSR_LOOK_HASH | DFSR_LOOK_NOSYNC, NULL,
			      &look);
	}
	atomic_store(&stop, true);
	pthread_join(writer, NULL);
	assert_int_equal(ret, EAGAIN);
	assert_null(look.meta);
	assert_int_equal(look_at("f", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_true(look.hashed);
}

/* A store through a mapping after the look moves the times again. */
static void test_mapping(void **state)
{
	const unsigned flags = DFSR_LOOK_HASH | DFSR_LOOK_IF_CHANGED;
	struct dfsr_stamp known;
	struct dfsr_look look;
	char *map = NULL;
	int fd;

	(void)state;
	fs_lab_put_text("f", "aaaa");
	fd = open(fs_lab_path("f"), O_RDWR);
	map = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	map[0] = 'b';
	assert_int_equal(look_at("f", DFSR_LOOK_HASH, NULL, &look), 0);
	known = fs_lab_settle("f");
	map[1] = 'b';
	assert_int_equal(look_at("f", flags, &known, &look), 0);
	assert_true(look.hashed);
	munmap(map, 4);
	close(fd);
}

static void test_list(void **state)
{
	struct dfsr_watch_listing *l = NULL;
	char name[16];
	int i;

	(void)state;
	fs_lab_mkdir("d");
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "d/n%03d", 199 - i);
		fs_lab_put_text(name, "x");
	}
	assert_int_equal(mkfifo(fs_lab_path("d/fifo"), 0600), 0);
	fs_lab_mkdir("d/.dfsrPRIVATE");
	assert_int_equal(dfsr_watch_list(fs_lab.top, fs_lab.root, "d", &l),
			 0);
	assert_int_equal(l->num, 200);
	assert_int_equal(l->skipped, 1);
	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "n%03d", i);
		assert_string_equal(l->entries[i].name, name);
		assert_int_equal(l->entries[i].stamp.size, 1);
	}
	assert_int_equal(dfsr_watch_list(fs_lab.top, fs_lab.root, "", &l), 0);
	assert_int_equal(l->num, 1);
	assert_string_equal(l->entries[0].name, "d");
	assert_int_equal(dfsr_watch_list(fs_lab.top, fs_lab.root, "d/n000",
					 &l),
			 ENOTDIR);
	assert_int_equal(dfsr_watch_list(fs_lab.top, fs_lab.root, "none", &l),
			 ENOENT);
}

/* What is mounted over a directory is not ours. */
static void test_mounted(void **state)
{
	struct dfsr_watch_listing *l = NULL;
	struct dfsr_look look;

	(void)state;
	if (strcmp(fs_lab.type, "here") == 0) {
		skip();
	}
	fs_lab_mkdir("m");
	assert_int_equal(mount("none", fs_lab_path("m"), "tmpfs", 0, NULL),
			 0);
	fs_lab_put_text("m/f", "x");
	assert_int_equal(look_at("m/f", 0, NULL, &look), EXDEV);
	assert_int_equal(look_at("m", 0, NULL, &look), 0);
	assert_true(look.exists);
	assert_int_equal(look.kind, 0);
	assert_int_equal(dfsr_watch_list(fs_lab.top, fs_lab.root, "", &l), 0);
	assert_int_equal(l->num, 0);
	assert_int_equal(l->skipped, 1);
	assert_int_equal(umount(fs_lab_path("m")), 0);
}

static void test_subvolume(void **state)
{
	const char *argv[] = {"btrfs", "subvolume", "create", NULL, NULL};
	struct dfsr_watch_listing *l = NULL;
	struct dfsr_look look;

	(void)state;
	if (strcmp(fs_lab.type, "btrfs") != 0) {
		skip();
	}
	argv[3] = fs_lab_path("v");
	assert_int_equal(fs_lab_command(argv), 0);
	fs_lab_put_text("v/f", "x");
	assert_int_equal(look_at("v", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_int_equal(look.kind, 0);
	assert_int_equal(look_at("v/f", DFSR_LOOK_HASH, NULL, &look), 0);
	assert_int_equal(look.kind, 0);
	assert_int_equal(dfsr_watch_list(fs_lab.top, fs_lab.root, "", &l), 0);
	assert_int_equal(l->num, 0);
}

/* ---- sources ------------------------------------------------------------- */

static void test_source(void **state)
{
	struct dfsr_source *source = NULL;
	struct dfsr_extent *e = NULL;
	struct dfsr_meta *meta = NULL;
	struct dfsr_stamp stamp, other;
	uint32_t num;
	int fd;

	(void)state;
	fd = open(fs_lab_path("s"), O_RDWR | O_CREAT, 0644);
	assert_int_equal(pwrite(fd, "head", 4, 0), 4);
	assert_int_equal(pwrite(fd, "tail", 4, 3 * 1048576), 4);
	assert_int_equal(ftruncate(fd, 4 * 1048576), 0);
	stamp = fs_lab_stamp("s");
	other = stamp;
	other.ctime_nsec ^= 1;
	assert_int_equal(dfsr_source_open(fs_lab.top, fs_lab.root, "s",
					  &other, &source, &meta),
			 ESTALE);
	assert_int_equal(dfsr_source_open(fs_lab.top, fs_lab.root, "none",
					  &stamp, &source, &meta),
			 ESTALE);
	assert_int_equal(dfsr_source_open(fs_lab.top, fs_lab.root, "s",
					  &stamp, &source, &meta),
			 0);
	assert_int_equal(meta->mode, S_IFREG | 0644);
	assert_int_equal(dfsr_source_read(source, fs_lab.top, 0, 8 * 1048576,
					  &e, &num),
			 0);
	assert_int_equal(num, 2);
	assert_int_equal(e[0].ofs, 0);
	assert_true(e[0].len < 1048576);
	assert_memory_equal(e[0].data, "head", 4);
	assert_int_equal(e[1].ofs, 3 * 1048576);
	assert_memory_equal(e[1].data, "tail", 4);
	/* inside of a hole, behind the end, too much at once */
	assert_int_equal(dfsr_source_read(source, fs_lab.top, 1048576, 4096,
					  &e, &num),
			 0);
	assert_int_equal(num, 0);
	assert_int_equal(dfsr_source_read(source, fs_lab.top, 1ULL << 40, 10,
					  &e, &num),
			 0);
	assert_int_equal(num, 0);
	assert_int_equal(dfsr_source_read(source, fs_lab.top, 0,
					  DFSR_SOURCE_READ_MAX + 1, &e, &num),
			 EINVAL);
	assert_int_equal(dfsr_source_read(source, fs_lab.top, UINT64_MAX, 2,
					  &e, &num),
			 EINVAL);
	/* a range that starts within data */
	assert_int_equal(dfsr_source_read(source, fs_lab.top, 2, 2, &e, &num),
			 0);
	assert_int_equal(num, 1);
	assert_memory_equal(e[0].data, "ad", 2);
	/* one byte written in place: not a byte more is served */
	assert_int_equal(pwrite(fd, "H", 1, 0), 1);
	assert_int_equal(dfsr_source_read(source, fs_lab.top, 0, 4, &e, &num),
			 ESTALE);
	assert_int_equal(num, 0);
	TALLOC_FREE(source);
	close(fd);
}

static void test_source_others(void **state)
{
	struct dfsr_source *source = NULL;
	struct dfsr_extent *e = NULL;
	struct dfsr_meta *meta = NULL;
	struct dfsr_stamp stamp;
	uint32_t num;

	(void)state;
	fs_lab_mkdir("d");
	assert_int_equal(symlink("/etc/passwd", fs_lab_path("l")), 0);
	stamp = fs_lab_stamp("l");
	assert_int_equal(dfsr_source_open(fs_lab.top, fs_lab.root, "l",
					  &stamp, &source, &meta),
			 0);
	assert_string_equal(meta->symlink, "/etc/passwd");
	assert_int_equal(dfsr_source_read(source, fs_lab.top, 0, 100, &e,
					  &num),
			 0);
	assert_int_equal(num, 0);
	TALLOC_FREE(source);
	stamp = fs_lab_stamp("d");
	assert_int_equal(dfsr_source_open(fs_lab.top, fs_lab.root, "d",
					  &stamp, &source, &meta),
			 0);
	assert_int_equal(dfsr_source_read(source, fs_lab.top, 0, 100, &e,
					  &num),
			 0);
	assert_int_equal(num, 0);
	TALLOC_FREE(source);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fs_lab_test(test_kinds),     fs_lab_test(test_if_changed),
		fs_lab_test(test_elsewhere), fs_lab_test(test_busy),
		fs_lab_test(test_mapping),   fs_lab_test(test_list),
		fs_lab_test(test_mounted),   fs_lab_test(test_subvolume),
		fs_lab_test(test_source),    fs_lab_test(test_source_others),
	};

	return fs_lab_run_tests(tests);
}
