/*
   Samba DFS Replication
   Bringing a kept object back

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
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "apply_private.h"

#define TEMP_NAME_LEN 48
#define MODE_BITS 07777

/* A name for a copy on its way; nobody guesses it. */
static void temp_name(char name[TEMP_NAME_LEN])
{
	const struct dfsr_env *env = dfsr_fs_env();
	uint64_t a[2];

	env->random(env->private_data, a, sizeof(a));
	snprintf(name, TEMP_NAME_LEN, ".dfsr-%016llx%016llx",
		 (unsigned long long)a[0], (unsigned long long)a[1]);
}

/*
 * A new directory is as its parent is: owner, group, mode; a default ACL was
 * inherited by the kernel.
 */
static int like_parent(int parentfd, int fd)
{
	struct stat st;

	if (fstat(parentfd, &st) != 0) {
		return errno;
	}
	if (geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) != 0) {
		return errno;
	}
	if (fgetxattr(fd, "system.posix_acl_access", NULL, 0) > 0) {
		return 0;
	}
	return fchmod(fd, st.st_mode & MODE_BITS) == 0 ? 0 : errno;
}

/* @return descriptor of the directory, made if it is missing; -1 with errno */
static int enter(int parentfd, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY;
	int fd, ret;

	fd = dfsr_fs_openat(parentfd, name, flags, 0);
	if (fd != -1 || errno != ENOENT) {
		return fd;
	}
	if (mkdirat(parentfd, name, 0755) != 0 && errno != EEXIST) {
		return -1;
	}
	fd = dfsr_fs_openat(parentfd, name, flags, 0);
	if (fd == -1) {
		return -1;
	}
	ret = like_parent(parentfd, fd);
	if (ret == 0 && (fsync(fd) != 0 || fsync(parentfd) != 0)) {
		ret = errno;
	}
	if (ret != 0) {
		close(fd);
		errno = ret;
		return -1;
	}
	return fd;
}

/* Open the directory of path, making what is missing. */
static int make_parents(struct dfsr_apply *apply, const char *path,
			struct apply_place *place)
{
	char name[DFSR_NAME_MAX + 1];
	const char *slash = NULL;
	int ret = 0;

	place->dirfd = dfsr_fs_open(apply->root, "", O_RDONLY | O_DIRECTORY,
				    0);
	if (place->dirfd == -1) {
		return errno;
	}
	while (ret == 0 && (slash = strchr(path, '/')) != NULL) {
		size_t len = (size_t)(slash - path);
		int next = -1;

		if (len == 0 || len > DFSR_NAME_MAX) {
			ret = EINVAL;
			break;
		}
		memcpy(name, path, len);
		name[len] = '\0';
		path = slash + 1;
		if (!dfsr_name_valid(name)) {
			ret = EINVAL;
			break;
		}
		next = enter(place->dirfd, name);
		ret = next == -1 ? errno : 0;
		apply_place_close(place);
		place->dirfd = next;
	}
	if (ret == 0 && !dfsr_name_valid(path)) {
		ret = EINVAL;
	}
	if (ret != 0) {
		apply_place_close(place);
		return ret;
	}
	place->leaf = path;
	return 0;
}

/* Copy beside the target under another name, durable, then rename. */
static int copy_to(int fromdir, const char *kept, int viadir,
		   const struct apply_place *to)
{
	char temp[TEMP_NAME_LEN];
	int ret;

	temp_name(temp);
	ret = apply_tree_copy(fromdir, kept, viadir, temp);
	if (ret != 0) {
		return ret;
	}
	if (syncfs(viadir) != 0) {
		ret = errno;
	} else {
		ret = apply_rename_free(viadir, temp, to->dirfd, to->leaf);
	}
	if (ret != 0) {
		apply_tree_remove(viadir, temp);
	}
	return ret;
}

static bool is_free(const struct apply_place *place)
{
	struct dfsr_stamp stamp;

	return dfsr_fs_stamp_at(place->dirfd, place->leaf, &stamp) == ENOENT;
}

static int restore_place(struct dfsr_apply *apply, enum dfsr_apply_dir from,
			 const char *kept, int viadir,
			 const struct apply_place *to, bool copy)
{
	int fromdir = apply->dirfd[from];
	int ret;

	if (!is_free(to)) {
		return EEXIST;
	}
	ret = apply_symlink_check(fromdir, kept);
	if (ret != 0) {
		return ret;
	}
	if (!copy) {
		ret = apply_rename_free(fromdir, kept, to->dirfd, to->leaf);
	}
	if (copy || ret == EXDEV) {
		ret = copy_to(fromdir, kept, viadir, to);
		if (ret == 0 && fsync(to->dirfd) != 0) {
			ret = errno;
		}
		if (ret == 0 && !copy) {
			ret = apply_tree_remove(fromdir, kept);
		}
	}
	if (ret != 0) {
		return ret;
	}
	if (fsync(to->dirfd) != 0 || fsync(fromdir) != 0) {
		return errno;
	}
	return 0;
}

static bool source_valid(enum dfsr_apply_dir from, const char *kept)
{
	return (from == DFSR_DIR_CONFLICT || from == DFSR_DIR_PREEXISTING) &&
	       dfsr_name_valid(kept);
}

int dfsr_apply_restore(struct dfsr_apply *apply, enum dfsr_apply_dir from,
		       const char *kept, const char *path, bool copy)
{
	struct apply_place place;
	struct dfsr_stamp stamp;
	int ret;

	if (!source_valid(from, kept)) {
		return EINVAL;
	}
	ret = dfsr_fs_stamp_at(apply->dirfd[from], kept, &stamp);
	if (ret != 0) {
		return ret;
	}
	ret = make_parents(apply, path, &place);
	if (ret != 0) {
		return ret;
	}
	ret = restore_place(apply, from, kept,
			    apply->dirfd[DFSR_DIR_STAGING], &place, copy);
	apply_place_close(&place);
	return ret;
}

int dfsr_apply_restore_to(struct dfsr_apply *apply, enum dfsr_apply_dir from,
			  const char *kept, const char *dir, const char *leaf,
			  bool copy)
{
	struct apply_place place = {.leaf = leaf};
	struct dfsr_stamp stamp;
	int ret;

	if (!source_valid(from, kept) || !dfsr_name_valid(leaf) ||
	    dir[0] != '/') {
		return EINVAL;
	}
	ret = dfsr_fs_stamp_at(apply->dirfd[from], kept, &stamp);
	if (ret != 0) {
		return ret;
	}
	place.dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place.dirfd == -1) {
		return errno;
	}
	ret = restore_place(apply, from, kept, place.dirfd, &place, copy);
	apply_place_close(&place);
	return ret;
}
