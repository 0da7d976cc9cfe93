/*
   Samba DFS Replication
   File handles: where is the inode now

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
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "fs_private.h"

struct fs_handle {
	struct file_handle h;
	uint8_t room[DFSR_FH_MAX];
};

int dfsr_fs_handle(int fd, uint8_t fh[DFSR_FH_MAX], uint8_t *len,
		   int32_t *type)
{
	struct fs_handle handle = {.h.handle_bytes = DFSR_FH_MAX};
	int mount_id;
	int ret;

	*len = 0;
	*type = 0;
	memset(fh, 0, DFSR_FH_MAX);
	ret = name_to_handle_at(fd, "", &handle.h, &mount_id, AT_EMPTY_PATH);
	if (ret != 0) {
		/* a filesystem without handles, or with longer ones */
		if (errno == EOPNOTSUPP || errno == EOVERFLOW) {
			return 0;
		}
		return errno;
	}
	memcpy(fh, handle.h.f_handle, handle.h.handle_bytes);
	*len = (uint8_t)handle.h.handle_bytes;
	*type = handle.h.handle_type;
	return 0;
}

static int handle_open(const struct dfsr_fs_root *root, const uint8_t *fh,
		       uint8_t len, int32_t type, int *fd)
{
	struct fs_handle handle = {
		.h.handle_bytes = len,
		.h.handle_type = type,
	};
	int ret = 0;
	int mount;

	if (len == 0) {
		return EOPNOTSUPP;
	}
	if (len > DFSR_FH_MAX) {
		return EINVAL;
	}
	memcpy(handle.h.f_handle, fh, len);
	mount = dfsr_fs_openat(root->fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (mount == -1) {
		return errno;
	}
	*fd = open_by_handle_at(mount, &handle.h, O_PATH | O_CLOEXEC);
	if (*fd == -1) {
		ret = errno;
	}
	close(mount);
	/* one of another filesystem or kernel: nothing that is here */
	return ret == EINVAL ? ESTALE : ret;
}

/* Where the kernel thinks that a descriptor is, without its end. */
static int fd_path(TALLOC_CTX *mem_ctx, int fd, char **path)
{
	struct fs_proc proc;
	char buf[PATH_MAX];
	ssize_t len;

	fs_proc_path(fd, &proc);
	len = readlink(proc.path, buf, sizeof(buf));
	if (len == -1) {
		return errno;
	}
	if (len == (ssize_t)sizeof(buf)) {
		return ENAMETOOLONG;
	}
	*path = talloc_strndup(mem_ctx, buf, (size_t)len);
	return *path == NULL ? ENOMEM : 0;
}

/* What of path lies below the root's, NULL if it does not. */
static const char *path_below(const char *rootpath, const char *path)
{
	size_t len = strlen(rootpath);

	if (len == 1) {
		return path + 1;
	}
	if (strncmp(path, rootpath, len) != 0) {
		return NULL;
	}
	if (path[len] == '\0') {
		return path + len;
	}
	return path[len] == '/' ? path + len + 1 : NULL;
}

/*
 * The kernel's answer may be of a moment ago, or none at all for a file whose
 * name it has not cached: a name counts when the inode is found under it.
 */
static int name_check(const struct dfsr_fs_root *root, const char *relpath,
		      const struct dfsr_stamp *stamp)
{
	struct dfsr_stamp there;
	int fd, ret;

	fd = dfsr_fs_open(root, relpath, O_PATH, 0);
	if (fd == -1) {
		return ESTALE;
	}
	ret = dfsr_fs_stamp(fd, &there);
	close(fd);
	if (ret != 0) {
		return ret;
	}
	return dfsr_ident_equal(&there.ident, &stamp->ident) ? 0 : ESTALE;
}

/* What to say of an inode that lives but was not found by its name. */
static int name_unknown(const char *path, const struct dfsr_stamp *stamp)
{
	if (stamp->nlink == 0) {
		return ESTALE;
	}
	if (dfsr_fs_kind(stamp->mode) == DFSR_KIND_DIRECTORY) {
		return ESTALE; /* its path is always known: elsewhere */
	}
	/* a real path has a directory; a name that is not cached has none */
	return path[0] == '/' && strchr(path + 1, '/') != NULL ? ESTALE
							       : EOPNOTSUPP;
}

int dfsr_fs_handle_path(TALLOC_CTX *mem_ctx, const struct dfsr_fs_root *root,
			const uint8_t *fh, uint8_t len, int32_t type,
			char **relpath, struct dfsr_stamp *stamp)
{
	TALLOC_CTX *frame = NULL;
	char *rootpath = NULL;
	char *path = NULL;
	const char *below = NULL;
	int fd = -1;
	int ret;

	ret = handle_open(root, fh, len, type, &fd);
	if (ret != 0) {
		return ret;
	}
	frame = talloc_new(mem_ctx);
	if (frame == NULL) {
		close(fd);
		return ENOMEM;
	}
	ret = dfsr_fs_stamp(fd, stamp);
	if (ret != 0) {
		goto done;
	}
	ret = fd_path(frame, root->fd, &rootpath);
	if (ret != 0) {
		goto done;
	}
	ret = fd_path(frame, fd, &path);
	if (ret != 0) {
		goto done;
	}
	below = path_below(rootpath, path);
	if (below == NULL || name_check(root, below, stamp) != 0) {
		ret = name_unknown(path, stamp);
		goto done;
	}
	*relpath = talloc_strdup(mem_ctx, below);
	if (*relpath == NULL) {
		ret = ENOMEM;
	}
done:
	close(fd);
	TALLOC_FREE(frame);
	return ret;
}
