/*
   Samba DFS Replication
   Renames that replace nothing, and exchanges

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
#include <sys/stat.h>
#include <unistd.h>
#include "apply_private.h"

/*
 * Two names for a moment, and none missing at any. If the second step fails
 * the first is undone.
 */
int apply_rename_by_link(int fromdir, const char *from, int todir,
			 const char *to)
{
	struct dfsr_stamp stamp;
	int ret;

	ret = dfsr_fs_stamp_at(fromdir, from, &stamp);
	if (ret != 0) {
		return ret;
	}
	if (dfsr_fs_kind(stamp.mode) == DFSR_KIND_DIRECTORY) {
		return EOPNOTSUPP;
	}
	if (linkat(fromdir, from, todir, to, 0) != 0) {
		return errno;
	}
	if (unlinkat(fromdir, from, 0) != 0) {
		ret = errno;
		unlinkat(todir, to, 0);
		return ret;
	}
	return 0;
}

int apply_rename_free(int fromdir, const char *from, int todir, const char *to)
{
	int ret, err;

	if (renameat2(fromdir, from, todir, to, RENAME_NOREPLACE) == 0) {
		return 0;
	}
	ret = errno;
	if (ret != EINVAL && ret != ENOSYS) {
		return ret;
	}
	/* the filesystem does not know the flag, or this is a bad move */
	err = apply_rename_by_link(fromdir, from, todir, to);
	return err == 0 || err == EEXIST ? err : ret;
}

int apply_exchange(int dir1, const char *name1, int dir2, const char *name2)
{
	if (renameat2(dir1, name1, dir2, name2, RENAME_EXCHANGE) == 0) {
		return 0;
	}
	return errno == EINVAL || errno == ENOSYS ? EOPNOTSUPP : errno;
}

int apply_symlink_check(int dirfd, const char *name)
{
	char target[DFSR_SYMLINK_MAX + 1];
	ssize_t len;

	len = readlinkat(dirfd, name, target, sizeof(target));
	if (len == -1) {
		return errno == EINVAL ? 0 : errno; /* no link */
	}
	if (len == (ssize_t)sizeof(target)) {
		return ENAMETOOLONG;
	}
	target[len] = '\0';
	return dfsr_path_has_private(target) ? EPERM : 0;
}
