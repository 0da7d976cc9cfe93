/*
   Samba DFS Replication
   xattrs of any descriptor, O_PATH ones too

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
#include <string.h>
#include <sys/xattr.h>
#include "fs_private.h"

/** Longest list of names that is taken: the kernel's own limit. */
#define FS_XATTR_LIST_MAX 65536
/** Buffer in which most values fit at the first attempt. */
#define FS_XATTR_FIRST 1024

/*
 * The calls that take a descriptor refuse O_PATH ones; the magic link in
 * /proc leads to the very inode, and to a symbolic link itself.
 */
ssize_t fs_xattr_get(int fd, const char *name, void *value, size_t size)
{
	struct fs_proc proc;
	ssize_t len;

	len = fgetxattr(fd, name, value, size);
	if (len == -1 && errno == EBADF) {
		fs_proc_path(fd, &proc);
		len = getxattr(proc.path, name, value, size);
	}
	return len;
}

int fs_xattr_set(int fd, const char *name, const void *value, size_t len)
{
	struct fs_proc proc;
	int ret;

	ret = fsetxattr(fd, name, value, len, 0);
	if (ret == -1 && errno == EBADF) {
		fs_proc_path(fd, &proc);
		ret = setxattr(proc.path, name, value, len, 0);
	}
	return ret == -1 ? errno : 0;
}

int fs_xattr_remove(int fd, const char *name)
{
	struct fs_proc proc;
	int ret;

	ret = fremovexattr(fd, name);
	if (ret == -1 && errno == EBADF) {
		fs_proc_path(fd, &proc);
		ret = removexattr(proc.path, name);
	}
	if (ret == -1 && errno != ENODATA) {
		return errno;
	}
	return 0;
}

static ssize_t xattr_list(int fd, char *list, size_t size)
{
	struct fs_proc proc;
	ssize_t len;

	len = flistxattr(fd, list, size);
	if (len == -1 && errno == EBADF) {
		fs_proc_path(fd, &proc);
		len = listxattr(proc.path, list, size);
	}
	return len;
}

int fs_xattr_names(TALLOC_CTX *mem_ctx, int fd, char **_names, size_t *_len)
{
	char buf[FS_XATTR_FIRST];
	char *names = NULL;
	ssize_t len;

	*_names = NULL;
	*_len = 0;
	len = xattr_list(fd, buf, sizeof(buf));
	if (len == -1 && errno == EOPNOTSUPP) {
		return 0;
	}
	if (len == -1 && errno != ERANGE) {
		return errno;
	}
	if (len == 0) {
		return 0;
	}
	if (len > 0) {
		names = talloc_memdup(mem_ctx, buf, (size_t)len);
		if (names == NULL) {
			return ENOMEM;
		}
	} else {
		names = talloc_array(mem_ctx, char, FS_XATTR_LIST_MAX);
		if (names == NULL) {
			return ENOMEM;
		}
		len = xattr_list(fd, names, FS_XATTR_LIST_MAX);
		if (len == -1) {
			int err = errno;

			TALLOC_FREE(names);
			return err;
		}
	}
	*_names = names;
	*_len = (size_t)len;
	return 0;
}

int fs_xattr_value(TALLOC_CTX *mem_ctx, int fd, const char *name, size_t max,
		   uint8_t **_value, size_t *_len)
{
	uint8_t buf[FS_XATTR_FIRST];
	uint8_t *value = NULL;
	ssize_t len;
	int err;

	len = fs_xattr_get(fd, name, buf, sizeof(buf));
	if (len >= 0) {
		value = talloc_memdup(mem_ctx, buf, (size_t)len);
		if (value == NULL) {
			return ENOMEM;
		}
		*_value = value;
		*_len = (size_t)len;
		return 0;
	}
	if (errno != ERANGE) {
		return errno;
	}
	value = talloc_array(mem_ctx, uint8_t, max);
	if (value == NULL) {
		return ENOMEM;
	}
	len = fs_xattr_get(fd, name, value, max);
	if (len == -1) {
		err = errno == ERANGE ? E2BIG : errno;
		TALLOC_FREE(value);
		return err;
	}
	*_value = talloc_realloc(mem_ctx, value, uint8_t, (size_t)len);
	*_len = (size_t)len;
	return 0;
}

bool fs_xattr_carried(const char *name)
{
	return strncmp(name, FS_XATTR_USER, strlen(FS_XATTR_USER)) == 0 ||
	       strcmp(name, FS_XATTR_NTACL) == 0;
}
