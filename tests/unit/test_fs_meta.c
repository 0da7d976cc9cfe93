/*
   Samba DFS Replication
   Metadata: what is written reads back, whoever is known here

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

#define NOBODY "dfsr-nobody-knows-me"

static int open_rw(const char *relpath)
{
	int fd = open(fs_lab_path(relpath), O_RDWR | O_NOFOLLOW);

	if (fd == -1 && errno == EISDIR) {
		fd = open(fs_lab_path(relpath), O_RDONLY);
	}
	if (fd == -1) {
		fd = open(fs_lab_path(relpath), O_PATH | O_NOFOLLOW);
	}
	assert_int_not_equal(fd, -1);
	return fd;
}

static struct dfsr_meta *read_meta(const char *relpath)
{
	struct dfsr_meta *m = NULL;
	int fd = open_rw(relpath);

	assert_int_equal(dfsr_fs_meta_read(fs_lab.top, fd, &m), 0);
	close(fd);
	return m;
}

static void assert_same(const struct dfsr_meta *a, const struct dfsr_meta *b)
{
	uint8_t ha[DFSR_HASH_LEN], hb[DFSR_HASH_LEN];

	assert_int_equal(dfsr_fs_meta_hash(a, ha), 0);
	assert_int_equal(dfsr_fs_meta_hash(b, hb), 0);
	assert_memory_equal(ha, hb, DFSR_HASH_LEN);
}

static void write_meta(const char *relpath, const struct dfsr_meta *m)
{
	struct dfsr_fs_problem problem;
	int fd = open_rw(relpath);
	int ret;

	ret = dfsr_fs_meta_write(fd, m, true, &problem);
	if (ret != 0) {
		print_message("%s: %s\n", relpath, problem.what);
	}
	assert_int_equal(ret, 0);
	close(fd);
}

static void add_acl(struct dfsr_meta *m, struct dfsr_acl *acl, uint16_t tag,
		    uint16_t perm, uint32_t id, const char *account)
{
	acl->e = talloc_realloc(m, acl->e, struct dfsr_acl_entry,
				acl->num + 1);
	assert_non_null(acl->e);
	acl->e[acl->num++] = (struct dfsr_acl_entry){
		.tag = tag,
		.perm = perm,
		.id = id,
		.account = account != NULL ? talloc_strdup(m, account) : NULL,
	};
}

static void whole_acl(struct dfsr_meta *m, struct dfsr_acl *acl,
		      const char *account, uint32_t id)
{
	add_acl(m, acl, 0x01, 7, UINT32_MAX, NULL);
	add_acl(m, acl, 0x02, 5, id, account);
	add_acl(m, acl, 0x04, 4, UINT32_MAX, NULL);
	add_acl(m, acl, 0x08, 6, 1, "daemon");
	add_acl(m, acl, 0x10, 7, UINT32_MAX, NULL);
	add_acl(m, acl, 0x20, 0, UINT32_MAX, NULL);
}

static void test_file(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0640);
	struct dfsr_meta *back = NULL;
	struct stat st;

	(void)state;
	fs_lab_put_text("f", "bytes");
	fs_lab_add_xattr(m, "user.DosStream.x:$DATA", "stream", 7);
	fs_lab_add_xattr(m, "user.empty", "", 0);
	if (geteuid() == 0) {
		fs_lab_add_xattr(m, "security.NTACL", "\1\2\3", 3);
		m->mode = S_IFREG | 06755;
		m->uid = 4242;
		TALLOC_FREE(m->owner);
	}
	write_meta("f", m);
	assert_int_equal(lstat(fs_lab_path("f"), &st), 0);
	assert_int_equal(st.st_mode, m->mode);
	assert_int_equal(st.st_uid, m->uid);
	assert_int_equal(st.st_mtim.tv_sec, 1600000000);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	back = read_meta("f");
	assert_int_equal(back->num_xattrs, m->num_xattrs);
	assert_same(m, back);
	/* one bit of one xattr */
	m->xattrs[0].value[0] ^= 1;
	write_meta("f", m);
	assert_same(m, read_meta("f"));
}

static void test_foreign_removed(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0644);

	(void)state;
	fs_lab_put_text("f", "");
	fs_lab_add_xattr(m, "user.a", "1", 1);
	fs_lab_add_xattr(m, "user.b", "2", 1);
	whole_acl(m, &m->acl_access, "nobody", 65534);
	m->mode = S_IFREG | 0770;
	write_meta("f", m);
	assert_int_equal(read_meta("f")->acl_access.num, 6);
	m->num_xattrs = 1;
	m->acl_access.num = 0;
	m->mode = S_IFREG | 0600;
	write_meta("f", m);
	assert_int_equal(read_meta("f")->num_xattrs, 1);
	assert_int_equal(read_meta("f")->acl_access.num, 0);
	assert_same(m, read_meta("f"));
}

static void test_not_carried(void **state)
{
	static const char *const names[] = {
		"security.capability", "trusted.x",
		"system.posix_acl_access", "security.selinux",
		DFSR_XATTR_ACCOUNTS,
	};
	struct dfsr_fs_problem problem;
	size_t i;
	int fd;

	(void)state;
	fs_lab_put_text("f", "");
	fd = open_rw("f");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0644);

		fs_lab_add_xattr(m, names[i], "x", 1);
		assert_int_equal(dfsr_fs_meta_write(fd, m, true, &problem),
				 EPERM);
		assert_non_null(strstr(problem.what, names[i]));
	}
	close(fd);
	if (geteuid() == 0) {
		assert_int_equal(setxattr(fs_lab_path("f"), "trusted.x", "1",
					  1, 0),
				 0);
		assert_int_equal(read_meta("f")->num_xattrs, 0);
	}
}

static void test_directory(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFDIR | 0770);
	uint8_t before[DFSR_HASH_LEN], after[DFSR_HASH_LEN];

	(void)state;
	fs_lab_mkdir("d");
	whole_acl(m, &m->acl_access, "nobody", 65534);
	whole_acl(m, &m->acl_default, "nobody", 65534);
	write_meta("d", m);
	assert_int_equal(read_meta("d")->acl_default.num, 6);
	assert_same(m, read_meta("d"));
	/* its mtime is not part of it */
	assert_int_equal(dfsr_fs_meta_hash(read_meta("d"), before), 0);
	fs_lab_put_text("d/new", "");
	assert_int_equal(dfsr_fs_meta_hash(read_meta("d"), after), 0);
	assert_memory_equal(before, after, DFSR_HASH_LEN);
	/* what inherits an ACL reads it, and can be freed of it */
	assert_true(read_meta("d/new")->acl_access.num > 0);
	m->mtime_sec = 1;
	write_meta("d", m);
	assert_int_not_equal(read_meta("d")->mtime_sec, 1);
	m = fs_lab_meta(S_IFREG | 0644);
	write_meta("d/new", m);
	assert_same(m, read_meta("d/new"));
}

static void test_symlink(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFLNK | 0777);
	struct stat st;

	(void)state;
	fs_lab_put_text("target", "untouched");
	assert_int_equal(symlink("target", fs_lab_path("l")), 0);
	m->symlink = talloc_strdup(m, "target");
	if (geteuid() == 0) {
		m->uid = 4242;
		TALLOC_FREE(m->owner);
	}
	write_meta("l", m);
	assert_same(m, read_meta("l"));
	assert_string_equal(read_meta("l")->symlink, "target");
	assert_int_equal(stat(fs_lab_path("target"), &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_not_equal(st.st_mtim.tv_sec, 1600000000);
}

/* Three entries say what the mode says. */
static void test_minimal_acl(void **state)
{
	static const uint8_t acl[] = {
		2,    0,    0,	  0,	1,    0,    6,	  0, 0xff, 0xff,
		0xff, 0xff, 4,	  0,	4,    0,    0xff, 0xff, 0xff, 0xff,
		0x20, 0,    4,	  0,	0xff, 0xff, 0xff, 0xff,
	};

	(void)state;
	fs_lab_put_text("f", "");
	assert_int_equal(setxattr(fs_lab_path("f"), "system.posix_acl_access",
				  acl, sizeof(acl), 0),
			 0);
	assert_int_equal(read_meta("f")->acl_access.num, 0);
	assert_int_equal(read_meta("f")->mode, S_IFREG | 0644);
}

/* A name that is unknown here, on a number that is somebody else's here. */
static void test_unknown_accounts(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0660);
	struct dfsr_meta *back = NULL;
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	fs_lab_put_text("f", "");
	m->uid = 1; /* daemon here */
	m->owner = talloc_strdup(m, NOBODY);
	m->gid = 54321;
	m->group = talloc_strdup(m, NOBODY "-group");
	whole_acl(m, &m->acl_access, NOBODY "-too", 77777);
	m->mode = S_IFREG | 0770;
	write_meta("f", m);
	assert_int_equal(lstat(fs_lab_path("f"), &st), 0);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 54321);
	back = read_meta("f");
	assert_string_equal(back->owner, NOBODY);
	assert_string_equal(back->group, NOBODY "-group");
	assert_string_equal(back->acl_access.e[1].account, NOBODY "-too");
	assert_string_equal(back->acl_access.e[3].account, "daemon");
	assert_same(m, back);

	/* no name there, but a name here */
	TALLOC_FREE(m->owner);
	write_meta("f", m);
	assert_null(read_meta("f")->owner);
	assert_same(m, read_meta("f"));

	/* a user gives it to somebody: that is who it belongs to */
	assert_int_equal(chown(fs_lab_path("f"), 2, 2), 0);
	back = read_meta("f");
	assert_string_equal(back->owner, "bin");
	assert_string_equal(back->group, "bin");

	/* and nothing is left when all are known */
	m = fs_lab_meta(S_IFREG | 0600);
	write_meta("f", m);
	assert_int_equal(getxattr(fs_lab_path("f"), DFSR_XATTR_ACCOUNTS, NULL,
				  0),
			 -1);
	assert_same(m, read_meta("f"));
}

static void test_unknown_owner_of_link(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFLNK | 0777);

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	assert_int_equal(symlink("nowhere", fs_lab_path("l")), 0);
	m->symlink = talloc_strdup(m, "nowhere");
	m->uid = 1;
	m->owner = talloc_strdup(m, NOBODY);
	write_meta("l", m);
	assert_string_equal(read_meta("l")->owner, NOBODY);
	assert_same(m, read_meta("l"));
}

/* The names are known, and their numbers differ from those that came. */
static void test_known_by_name(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0600);
	struct stat st;

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	fs_lab_put_text("f", "");
	m->uid = 60000;
	m->owner = talloc_strdup(m, "daemon");
	write_meta("f", m);
	assert_int_equal(lstat(fs_lab_path("f"), &st), 0);
	assert_int_equal(st.st_uid, 1);
	assert_same(m, read_meta("f"));
}

static void test_two_of_one_number(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0770);
	struct dfsr_fs_problem problem;
	int fd;

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	fs_lab_put_text("f", "");
	m->uid = 77777;
	m->owner = talloc_strdup(m, NOBODY);
	whole_acl(m, &m->acl_access, NOBODY "-too", 77777);
	fd = open_rw("f");
	assert_int_equal(dfsr_fs_meta_write(fd, m, true, &problem),
			 EOPNOTSUPP);
	assert_non_null(strstr(problem.what, "one number"));
	close(fd);
}

static void test_damaged_aliases(void **state)
{
	static const uint8_t bad[] = {1, 0xff, 0xff, 0, 0, 0};

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	fs_lab_put_text("f", "");
	assert_int_equal(setxattr(fs_lab_path("f"), DFSR_XATTR_ACCOUNTS, bad,
				  sizeof(bad), 0),
			 0);
	assert_string_equal(read_meta("f")->owner, "root");
}

/* ext4 has one block for all of them; who has no room says which and why. */
static void test_too_large(void **state)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0644);
	struct dfsr_fs_problem problem;
	uint8_t *big = talloc_zero_array(fs_lab.top, uint8_t, 65536);
	int fd, ret;

	(void)state;
	fs_lab_put_text("f", "");
	fs_lab_add_xattr(m, "user.DosStream.x", big, 5000);
	fd = open_rw("f");
	ret = dfsr_fs_meta_write(fd, m, true, &problem);
	if (strcmp(fs_lab.type, "ext4") == 0) {
		assert_int_equal(ret, ENOSPC);
		assert_string_equal(problem.what,
				    "the filesystem cannot hold xattr "
				    "user.DosStream.x (5000 bytes): No space "
				    "left on device");
	}
	if (strcmp(fs_lab.type, "xfs") == 0) {
		assert_int_equal(ret, 0);
		m->num_xattrs = 0;
		fs_lab_add_xattr(m, "user.most", big, 65536);
		assert_int_equal(dfsr_fs_meta_write(fd, m, true, &problem),
				 0);
		assert_int_equal(read_meta("f")->xattrs[0].len, 65536);
	}
	close(fd);
}

/* A blob that smbd 4.17 wrote: version 5, archive + hidden. */
static void test_attributes(void **state)
{
	uint8_t blob[32] = {0, 0, 5, 0, 5, 0, 0, 0, 0x11, 0, 0, 0, 0x22};
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0644);

	(void)state;
	assert_int_equal(dfsr_fs_attributes(m), 0x80);
	fs_lab_add_xattr(m, "user.DOSATTRIB", blob, sizeof(blob));
	assert_int_equal(dfsr_fs_attributes(m), 0x22);
	m->mode = S_IFDIR | 0755;
	assert_int_equal(dfsr_fs_attributes(m), 0x32);
	m->mode = S_IFREG | 0444;
	m->xattrs[0].len = 9;
	assert_int_equal(dfsr_fs_attributes(m), 0x1);
}

static void test_live_descriptor(void **state)
{
	struct dfsr_meta *a = NULL, *b = NULL;
	int fd, pathfd;

	(void)state;
	fs_lab_put_text("f", "x");
	assert_int_equal(setxattr(fs_lab_path("f"), "user.x", "1", 1, 0), 0);
	fd = open(fs_lab_path("f"), O_RDONLY);
	pathfd = open(fs_lab_path("f"), O_PATH);
	assert_int_equal(dfsr_fs_meta_read(fs_lab.top, fd, &a), 0);
	assert_int_equal(dfsr_fs_meta_read(fs_lab.top, pathfd, &b), 0);
	assert_int_equal(b->num_xattrs, 1);
	assert_same(a, b);
	close(fd);
	close(pathfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fs_lab_test(test_file),
		fs_lab_test(test_foreign_removed),
		fs_lab_test(test_not_carried),
		fs_lab_test(test_directory),
		fs_lab_test(test_symlink),
		fs_lab_test(test_minimal_acl),
		fs_lab_test(test_unknown_accounts),
		fs_lab_test(test_unknown_owner_of_link),
		fs_lab_test(test_known_by_name),
		fs_lab_test(test_two_of_one_number),
		fs_lab_test(test_damaged_aliases),
		fs_lab_test(test_too_large),
		fs_lab_test(test_attributes),
		fs_lab_test(test_live_descriptor),
	};

	return fs_lab_run_tests(tests);
}
