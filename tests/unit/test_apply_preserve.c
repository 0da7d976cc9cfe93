/*
   Samba DFS Replication
   Kept files: names, counts, and the way back

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
#include "apply/apply_private.h"

#define GUID_TEXT "11223344-5566-7788-99aa-bbccddeeff00"

static struct dfsr_id id_of(uint64_t vsn)
{
	struct dfsr_id id = {.vsn = vsn};

	assert_int_equal(dfsr_guid_parse(GUID_TEXT, &id.db), 0);
	return id;
}

/* "-{GUID}-vN" as it is printed here */
static const char *id_text(uint64_t vsn)
{
	struct dfsr_id id = id_of(vsn);
	char *buf = talloc_zero_size(fs_lab.top, DFSR_ID_STRLEN);

	return dfsr_id_str(&id, buf);
}

static int keep(const char *relpath, const char *leaf, uint64_t vsn,
		char kept[DFSR_NAME_MAX + 1], uint64_t *size, uint64_t *files)
{
	struct dfsr_id id = id_of(vsn);
	struct dfsr_apply_step s = {
		.op = DFSR_OP_PARK,
		.path = relpath,
		.park = "p",
		.expect = fs_lab_stamp(relpath),
	};

	assert_int_equal(dfsr_apply_steps(fs_lab.apply, &s, 1), 0);
	assert_int_equal(s.err, 0);
	return dfsr_apply_preserve(fs_lab.apply, DFSR_DIR_PARKING, "p",
				   DFSR_DIR_CONFLICT, leaf, &id, kept, size,
				   files);
}

static char *kept_path(const char *kept)
{
	return talloc_asprintf(fs_lab.top,
			       DFSR_PRIVATE_DIR "/ConflictAndDeleted/%s",
			       kept);
}

static void assert_text(const char *relpath, const char *text)
{
	char *have = fs_lab_text(relpath);

	assert_non_null(have);
	assert_string_equal(have, text);
}

static void test_names(void **state)
{
	const char *id = id_text(12);
	const struct {
		const char *leaf;
		const char *base;
		const char *ext;
	} names[] = {
		{"report.docx", "report", ".docx"},
		{"a.tar.gz", "a.tar", ".gz"},
		{"README", "README", ""},
		{".profile", ".profile", ""},
		{"dot.", "dot", "."},
		{".a.b", ".a", ".b"},
	};
	char kept[DFSR_NAME_MAX + 1];
	uint64_t size, files;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fs_lab_put_text("f", "four");
		assert_int_equal(keep("f", names[i].leaf, 12, kept, &size,
				      &files),
				 0);
		assert_string_equal(kept,
				    talloc_asprintf(fs_lab.top, "%s-%s%s",
						    names[i].base, id,
						    names[i].ext));
		assert_int_equal(size, 4);
		assert_int_equal(files, 1);
		assert_text(kept_path(kept), "four");
	}
	/* the same once more */
	fs_lab_put_text("f", "other");
	assert_int_equal(keep("f", "report.docx", 12, kept, &size, &files),
			 0);
	assert_string_equal(kept, talloc_asprintf(fs_lab.top,
						  "report-%s-2.docx", id));
	assert_text(kept_path(kept), "other");
}

static void test_long_names(void **state)
{
	char leaf[DFSR_NAME_MAX + 1];
	char kept[DFSR_NAME_MAX + 1];
	uint64_t size, files;
	size_t i, cut;

	(void)state;
	/* characters of two bytes, so that the cut falls into one */
	for (i = 0; i < 2; i++) {
		memset(leaf, 0, sizeof(leaf));
		memset(leaf, 'x', i);
		while (strlen(leaf) + 2 + 4 <= DFSR_NAME_MAX) {
			strcat(leaf, "\xc3\xa4");
		}
		strcat(leaf, ".txt");
		fs_lab_put_text("f", "x");
		assert_int_equal(keep("f", leaf, 1ULL << 40, kept, &size,
				      &files),
				 0);
		assert_true(strlen(kept) <= DFSR_NAME_MAX);
		assert_true(strlen(kept) >= DFSR_NAME_MAX - 1);
		assert_non_null(strstr(kept, id_text(1ULL << 40)));
		assert_string_equal(kept + strlen(kept) - 4, ".txt");
		cut = (size_t)(strstr(kept, id_text(1ULL << 40)) - kept) - 1;
		assert_int_equal((cut - i) % 2, 0);
	}
	/* no UTF-8 at all is cut somewhere */
	memset(leaf, 0x80, DFSR_NAME_MAX);
	leaf[DFSR_NAME_MAX] = '\0';
	fs_lab_put_text("f", "x");
	assert_int_equal(keep("f", leaf, 1, kept, &size, &files), 0);
	assert_int_equal(strlen(kept), DFSR_NAME_MAX);
	/* an extension that is none */
	memset(leaf, 'e', DFSR_NAME_MAX);
	leaf[1] = '.';
	fs_lab_put_text("f", "x");
	assert_int_equal(keep("f", leaf, 1, kept, &size, &files), 0);
	assert_int_equal(strlen(kept), DFSR_NAME_MAX);
}

static void test_metadata_kept(void **state)
{
	char kept[DFSR_NAME_MAX + 1];
	struct dfsr_stamp before, after;
	uint64_t size, files;

	(void)state;
	fs_lab_put_text("f", "x");
	assert_int_equal(chmod(fs_lab_path("f"), 0640), 0);
	assert_int_equal(setxattr(fs_lab_path("f"), "user.x", "1", 1, 0), 0);
	before = fs_lab_stamp("f");
	assert_int_equal(keep("f", "f", 9, kept, &size, &files), 0);
	after = fs_lab_stamp(kept_path(kept));
	assert_true(dfsr_stamp_same_data(&before, &after));
	assert_int_equal(getxattr(fs_lab_path(kept_path(kept)), "user.x",
				  NULL, 0),
			 1);
}

static void make_tree(const char *dir)
{
	fs_lab_mkdir(dir);
	fs_lab_mkdir(talloc_asprintf(fs_lab.top, "%s/sub", dir));
	fs_lab_put_text(talloc_asprintf(fs_lab.top, "%s/a", dir), "12345");
	fs_lab_put_text(talloc_asprintf(fs_lab.top, "%s/sub/b", dir), "123");
	assert_int_equal(symlink("/etc/passwd",
				 fs_lab_path(talloc_asprintf(
					 fs_lab.top, "%s/sub/l", dir))),
			 0);
}

static void test_tree(void **state)
{
	char kept[DFSR_NAME_MAX + 1];
	uint64_t size, files;

	(void)state;
	make_tree("v1.2");
	assert_int_equal(keep("v1.2", "v1.2", 9, kept, &size, &files), 0);
	assert_string_equal(kept, talloc_asprintf(fs_lab.top, "v1.2-%s",
						  id_text(9)));
	assert_int_equal(size, 5 + 3 + 11);
	assert_int_equal(files, 3);
	/* a copy comes back, with all that is in it; the kept one stays */
	assert_int_equal(dfsr_apply_restore(fs_lab.apply, DFSR_DIR_CONFLICT,
					    kept, "back", true),
			 0);
	assert_text("back/a", "12345");
	assert_text("back/sub/b", "123");
	assert_true(fs_lab_exists("back/sub/l"));
	assert_text(talloc_asprintf(fs_lab.top, "%s/a", kept_path(kept)),
		    "12345");
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 0);
	/* then itself */
	assert_int_equal(dfsr_apply_restore(fs_lab.apply, DFSR_DIR_CONFLICT,
					    kept, "v1.2", false),
			 0);
	assert_text("v1.2/sub/b", "123");
	assert_int_equal(fs_lab_names(DFSR_DIR_CONFLICT), 0);
	assert_int_equal(dfsr_apply_restore(fs_lab.apply, DFSR_DIR_CONFLICT,
					    kept, "x", false),
			 ENOENT);
}

static void test_bad_arguments(void **state)
{
	struct dfsr_id id = id_of(9);
	struct dfsr_stamp stamp;
	char kept[DFSR_NAME_MAX + 1];
	uint64_t size, files;

	(void)state;
	assert_int_equal(dfsr_apply_preserve(fs_lab.apply, DFSR_DIR_DISPLACED,
					     "none", DFSR_DIR_CONFLICT, "f",
					     &id, kept, &size, &files),
			 ENOENT);
	assert_int_equal(dfsr_apply_preserve(fs_lab.apply, DFSR_DIR_STAGING,
					     "x", DFSR_DIR_CONFLICT, "f", &id,
					     kept, &size, &files),
			 EINVAL);
	assert_int_equal(dfsr_apply_preserve(fs_lab.apply, DFSR_DIR_DISPLACED,
					     "x", DFSR_DIR_STAGING, "f", &id,
					     kept, &size, &files),
			 EINVAL);
	assert_int_equal(dfsr_apply_preserve(fs_lab.apply, DFSR_DIR_DISPLACED,
					     "../stamp", DFSR_DIR_CONFLICT,
					     "f", &id, kept, &size, &files),
			 EINVAL);
	assert_int_equal(dfsr_apply_preserve(fs_lab.apply, DFSR_DIR_DISPLACED,
					     "x", DFSR_DIR_CONFLICT, "../f",
					     &id, kept, &size, &files),
			 EINVAL);
	fs_lab_put_text("f", "x");
	stamp = fs_lab_stamp("f");
	assert_int_equal(dfsr_apply_preserve_path(fs_lab.apply, "f", &stamp,
						  DFSR_DIR_PARKING, &id, kept,
						  &size, &files),
			 EINVAL);
	assert_int_equal(dfsr_apply_restore(fs_lab.apply, DFSR_DIR_STAGING,
					    "f", "g", false),
			 EINVAL);
	assert_int_equal(dfsr_apply_restore(fs_lab.apply, DFSR_DIR_CONFLICT,
					    "../stamp", "g", false),
			 EINVAL);
	assert_int_equal(dfsr_apply_clean(fs_lab.apply, DFSR_DIR_CONFLICT,
					  NULL, 0),
			 EINVAL);
}

static void test_path(void **state)
{
	struct dfsr_id id = id_of(9);
	struct dfsr_stamp stamp;
	char kept[DFSR_NAME_MAX + 1];
	uint64_t size, files;

	(void)state;
	fs_lab_mkdir("d");
	fs_lab_put_text("d/f.txt", "mine");
	stamp = fs_lab_stamp("d/f.txt");
	fs_lab_put_text("d/f.txt", "changed");
	assert_int_equal(dfsr_apply_preserve_path(fs_lab.apply, "d/f.txt",
						  &stamp, DFSR_DIR_PREEXISTING,
						  &id, kept, &size, &files),
			 ESTALE);
	assert_text("d/f.txt", "changed");
	stamp = fs_lab_stamp("d/f.txt");
	assert_int_equal(dfsr_apply_preserve_path(fs_lab.apply, "d/f.txt",
						  &stamp, DFSR_DIR_PREEXISTING,
						  &id, kept, &size, &files),
			 0);
	assert_false(fs_lab_exists("d/f.txt"));
	assert_int_equal(size, 7);
	assert_int_equal(fs_lab_names(DFSR_DIR_PREEXISTING), 1);
	assert_int_equal(dfsr_apply_preserve_path(fs_lab.apply, "../f",
						  &stamp, DFSR_DIR_PREEXISTING,
						  &id, kept, &size, &files),
			 EINVAL);
}

static void test_restore(void **state)
{
	static const char *const bad[] = {
		"../x", "/tmp/x", "l/x", ".DfsrPrivate/x", "a//b", "a/", "",
		"a/../b", "f/x", ".DFSRprivate",
	};
	char kept[DFSR_NAME_MAX + 1];
	struct stat st;
	uint64_t size, files;
	size_t i;

	(void)state;
	fs_lab_mkdir("d");
	assert_int_equal(chmod(fs_lab_path("d"), 02770), 0);
	assert_int_equal(symlink("d", fs_lab_path("l")), 0);
	fs_lab_put_text("f", "x");
	assert_int_equal(keep("f", "f", 9, kept, &size, &files), 0);
	fs_lab_put_text("f", "in the way");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(dfsr_apply_restore(fs_lab.apply,
							DFSR_DIR_CONFLICT,
							kept, bad[i], false),
				     0);
	}
	assert_int_equal(dfsr_apply_restore(fs_lab.apply, DFSR_DIR_CONFLICT,
					    kept, "f", false),
			 EEXIST);
	assert_int_equal(fs_lab_names(DFSR_DIR_CONFLICT), 1);
	/* missing directories are made as the nearest one that exists */
	assert_int_equal(dfsr_apply_restore(fs_lab.apply, DFSR_DIR_CONFLICT,
					    kept, "d/new/newer/f", false),
			 0);
	assert_text("d/new/newer/f", "x");
	assert_int_equal(lstat(fs_lab_path("d/new/newer"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 02770);
	assert_int_equal(fs_lab_names(DFSR_DIR_CONFLICT), 0);
}

static void test_restore_to(void **state)
{
	char kept[DFSR_NAME_MAX + 1];
	char *out = talloc_asprintf(fs_lab.top, "%s/out%u", fs_lab.base,
				    fs_lab.count);
	char *copy = talloc_asprintf(out, "%s/copy.txt", out);
	char *file = talloc_asprintf(out, "%s/file.txt", out);
	uint64_t size, files;
	struct stat st;

	(void)state;
	/* another filesystem than the root's, except "here" */
	assert_int_equal(mkdir(out, 0755), 0);
	fs_lab_put_text("f", "text");
	assert_int_equal(setxattr(fs_lab_path("f"), "user.x", "1", 1, 0), 0);
	assert_int_equal(keep("f", "f", 9, kept, &size, &files), 0);
	assert_int_equal(dfsr_apply_restore_to(fs_lab.apply,
					       DFSR_DIR_CONFLICT, kept, out,
					       "copy.txt", true),
			 0);
	assert_int_equal(lstat(copy, &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(getxattr(copy, "user.x", NULL, 0), 1);
	assert_int_equal(dfsr_apply_restore_to(fs_lab.apply,
					       DFSR_DIR_CONFLICT, kept, out,
					       "copy.txt", false),
			 EEXIST);
	assert_int_equal(dfsr_apply_restore_to(fs_lab.apply,
					       DFSR_DIR_CONFLICT, kept, out,
					       "../x", false),
			 EINVAL);
	assert_int_equal(dfsr_apply_restore_to(fs_lab.apply,
					       DFSR_DIR_CONFLICT, kept, "out",
					       "x", false),
			 EINVAL);
	assert_int_equal(dfsr_apply_restore_to(fs_lab.apply,
					       DFSR_DIR_CONFLICT, kept, out,
					       "file.txt", false),
			 0);
	assert_int_equal(lstat(file, &st), 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_CONFLICT), 0);
}

static void test_clean(void **state)
{
	static const char *const keep_names[] = {"z", "k"};

	(void)state;
	fs_lab_put_text(DFSR_PRIVATE_DIR "/Staging/k", "");
	fs_lab_put_text(DFSR_PRIVATE_DIR "/Staging/x", "");
	make_tree(DFSR_PRIVATE_DIR "/Staging/t");
	assert_int_equal(symlink(fs_lab.dir,
				 fs_lab_path(DFSR_PRIVATE_DIR "/Staging/l")),
			 0);
	fs_lab_put_text(DFSR_PRIVATE_DIR "/Parking/x", "");
	fs_lab_put_text("f", "stays");
	assert_int_equal(dfsr_apply_clean(fs_lab.apply, DFSR_DIR_STAGING,
					  keep_names, 2),
			 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_STAGING), 1);
	assert_true(fs_lab_exists(DFSR_PRIVATE_DIR "/Staging/k"));
	assert_int_equal(fs_lab_names(DFSR_DIR_PARKING), 1);
	assert_int_equal(dfsr_apply_clean(fs_lab.apply, DFSR_DIR_PARKING,
					  NULL, 0),
			 0);
	assert_int_equal(fs_lab_names(DFSR_DIR_PARKING), 0);
	assert_text("f", "stays");
}

/* The way of a filesystem that cannot rename without replacing. */
static void test_rename_by_link(void **state)
{
	int fd = open(fs_lab.dir, O_RDONLY | O_DIRECTORY);

	(void)state;
	fs_lab_put_text("a", "a");
	fs_lab_put_text("b", "b");
	fs_lab_mkdir("d");
	assert_int_equal(apply_rename_by_link(fd, "a", fd, "b"), EEXIST);
	assert_text("a", "a");
	assert_text("b", "b");
	assert_int_equal(apply_rename_by_link(fd, "a", fd, "c"), 0);
	assert_text("c", "a");
	assert_false(fs_lab_exists("a"));
	assert_int_equal(apply_rename_by_link(fd, "d", fd, "e"), EOPNOTSUPP);
	assert_int_equal(apply_rename_by_link(fd, "x", fd, "e"), ENOENT);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fs_lab_test(test_names),
		fs_lab_test(test_long_names),
		fs_lab_test(test_metadata_kept),
		fs_lab_test(test_tree),
		fs_lab_test(test_bad_arguments),
		fs_lab_test(test_path),
		fs_lab_test(test_restore),
		fs_lab_test(test_restore_to),
		fs_lab_test(test_clean),
		fs_lab_test(test_rename_by_link),
	};

	return fs_lab_run_tests(tests);
}
