/*
   Samba DFS Replication
   Opening: never outside of the content root, never through a link

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

/*
 * Every path is relative to the descriptor of a content root and goes through
 * openat2(), which refuses symbolic links in every component, ".." out of the
 * root, and mount points. The last component may be a symbolic link only if
 * the caller asks for O_PATH, and then it is the link itself.
 *
 * Reading is done on a second descriptor that is opened through
 * /proc/self/fd: it is the inode that was looked at and no other, so a fifo
 * or a device that a user puts at the name meanwhile is never opened. It is
 * opened with O_NONBLOCK, so that a lease held by somebody else is an error
 * here and no wait, and without any lease of our own: smbd would have to wait
 * for it (smbd-traps A2).
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "fs_private.h"

#define FS_RESOLVE (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV)

/** The kernel may ask to try again when a rename races with the walk. */
#define FS_OPEN_TRIES 32

/* Numbers of the kernel's interface that older headers lack. */
struct fs_ioc_uuid {
	uint8_t len;
	uint8_t uuid[16];
};
#define FS_IOC_GET_UUID _IOR(0x15, 0, struct fs_ioc_uuid)

struct fs_ext4_uuid {
	uint32_t len;
	uint32_t flags;
	uint8_t uuid[16];
};
/* Its size is counted without the UUID, which is a flexible array. */
#define FS_EXT4_GET_UUID _IOR('f', 44, uint64_t)

struct fs_xfs_geometry {
	uint32_t numbers[8];
	uint64_t blocks[4];
	uint8_t uuid[16];
	uint32_t more[7];
};
#define FS_XFS_GEOMETRY _IOR('X', 100, struct fs_xfs_geometry)

void fs_proc_path(int fd, struct fs_proc *proc)
{
	snprintf(proc->path, sizeof(proc->path), "/proc/self/fd/%d", fd);
}

bool fs_is_pathfd(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags != -1 && (flags & O_PATH) != 0;
}

int dfsr_fs_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = (flags & O_CREAT) ? mode : 0,
		.resolve = FS_RESOLVE,
	};
	long fd = -1;
	int i;

	for (i = 0; i < FS_OPEN_TRIES; i++) {
		fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
			break;
		}
	}
	return (int)fd;
}

/* A path that may be opened: only real names, none of them private. */
static int path_check(const char *path)
{
	char name[DFSR_NAME_MAX + 1];
	const char *p = path;

	while (true) {
		size_t len = strcspn(p, "/");

		if (len > DFSR_NAME_MAX) {
			return ENAMETOOLONG;
		}
		memcpy(name, p, len);
		name[len] = '\0';
		if (dfsr_name_private(name)) {
			return EPERM;
		}
		if (!dfsr_name_valid(name)) {
			return EINVAL;
		}
		if (p[len] == '\0') {
			return 0;
		}
		p += len + 1;
	}
}

/*
 * The kernel takes PATH_MAX bytes at a time; walk a longer path in pieces.
 * *rest is what remains below the returned descriptor, which is *own if it
 * must be closed.
 */
static int walk_long(int fd, const char *path, const char **rest, int *own)
{
	char part[PATH_MAX];

	*own = -1;
	while (strlen(path) >= PATH_MAX) {
		size_t len = PATH_MAX - 1;
		int next = -1;

		while (path[len] != '/') {
			len--;
		}
		memcpy(part, path, len);
		part[len] = '\0';
		next = dfsr_fs_openat(fd, part, O_PATH | O_DIRECTORY, 0);
		if (*own != -1) {
			int saved = errno;

			close(*own);
			errno = saved;
		}
		*own = next;
		if (next == -1) {
			return -1;
		}
		fd = next;
		path += len + 1;
	}
	*rest = path;
	return fd;
}

int dfsr_fs_open(const struct dfsr_fs_root *root, const char *relpath,
		 int flags, mode_t mode)
{
	const char *rest = NULL;
	int own = -1;
	int dirfd, fd, saved;
	int ret;

	if (relpath[0] == '\0') {
		return dfsr_fs_openat(root->fd, ".", flags, mode);
	}
	ret = path_check(relpath);
	if (ret != 0) {
		errno = ret;
		return -1;
	}
	dirfd = walk_long(root->fd, relpath, &rest, &own);
	if (dirfd == -1) {
		return -1;
	}
	fd = dfsr_fs_openat(dirfd, rest, flags, mode);
	if (own != -1) {
		saved = errno;
		close(own);
		errno = saved;
	}
	return fd;
}

int dfsr_fs_open_parent(const struct dfsr_fs_root *root, const char *relpath,
			const char **leaf)
{
	const char *slash = strrchr(relpath, '/');
	const char *name = slash == NULL ? relpath : slash + 1;
	char *dir = NULL;
	int fd, saved;

	if (dfsr_name_private(name)) {
		errno = EPERM;
		return -1;
	}
	if (!dfsr_name_valid(name)) {
		errno = EINVAL;
		return -1;
	}
	*leaf = name;
	if (slash == NULL) {
		return dfsr_fs_open(root, "", O_RDONLY | O_DIRECTORY, 0);
	}
	dir = talloc_strndup(NULL, relpath, (size_t)(slash - relpath));
	if (dir == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if (dir[0] == '\0') {
		fd = -1;
		errno = EINVAL;
	} else {
		fd = dfsr_fs_open(root, dir, O_RDONLY | O_DIRECTORY, 0);
	}
	saved = errno;
	TALLOC_FREE(dir);
	errno = saved;
	return fd;
}

int dfsr_fs_reopen(int pathfd)
{
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	struct fs_proc proc;
	int fd;

	fs_proc_path(pathfd, &proc);
	fd = open(proc.path, flags | O_NOATIME);
	if (fd == -1 && errno == EPERM) {
		fd = open(proc.path, flags);
	}
	return fd;
}

/* ---- which filesystem ---------------------------------------------------- */

/*
 * The kernel learned to tell the UUID of any filesystem in 6.9 only; asked in
 * its own way, each filesystem tells the same number before and after that.
 * f_fsid would not do on xfs: it is made from the device number.
 */
static bool fsid_uuid(int fd, uint8_t fsid[16])
{
	static const uint8_t none[16];
	struct fs_ioc_uuid any = {0};
	struct fs_ext4_uuid ext4 = {.len = 16};
	struct btrfs_ioctl_fs_info_args btrfs = {0};
	struct fs_xfs_geometry xfs = {0};

	if (ioctl(fd, FS_IOC_GET_UUID, &any) == 0 && any.len == 16) {
		memcpy(fsid, any.uuid, 16);
	} else if (ioctl(fd, FS_EXT4_GET_UUID, &ext4) == 0) {
		memcpy(fsid, ext4.uuid, 16);
	} else if (ioctl(fd, FS_XFS_GEOMETRY, &xfs) == 0) {
		memcpy(fsid, xfs.uuid, 16);
	} else if (ioctl(fd, BTRFS_IOC_FS_INFO, &btrfs) == 0) {
		memcpy(fsid, btrfs.fsid, 16);
	} else {
		return false;
	}
	return memcmp(fsid, none, sizeof(none)) != 0;
}

int dfsr_fs_fsid(int fd, uint8_t fsid[16])
{
	struct statfs sfs;
	int own = -1;
	bool ok;

	memset(fsid, 0, 16);
	if (fs_is_pathfd(fd)) {
		own = dfsr_fs_reopen(fd);
		if (own == -1) {
			return errno;
		}
		fd = own;
	}
	ok = fsid_uuid(fd, fsid);
	if (!ok && fstatfs(fd, &sfs) == 0) {
		memcpy(fsid, &sfs.f_fsid, sizeof(sfs.f_fsid));
	}
	if (own != -1) {
		close(own);
	}
	return 0;
}

static int root_destructor(struct dfsr_fs_root *root)
{
	if (root->fd != -1) {
		close(root->fd);
		root->fd = -1;
	}
	return 0;
}

int dfsr_fs_root_open(TALLOC_CTX *mem_ctx, const char *path,
		      struct dfsr_fs_root **_root)
{
	struct dfsr_fs_root *root = NULL;
	struct dfsr_stamp stamp;
	int ret = ENOMEM;

	root = talloc_zero(mem_ctx, struct dfsr_fs_root);
	if (root == NULL) {
		return ENOMEM;
	}
	root->fd = -1;
	talloc_set_destructor(root, root_destructor);
	root->path = talloc_strdup(root, path);
	if (root->path == NULL) {
		goto fail;
	}
	root->fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (root->fd == -1) {
		ret = errno;
		goto fail;
	}
	ret = dfsr_fs_stamp_dev(root->fd, "", &stamp, &root->dev);
	if (ret != 0) {
		goto fail;
	}
	if (dfsr_fs_kind(stamp.mode) != DFSR_KIND_DIRECTORY) {
		ret = dfsr_fs_kind(stamp.mode) == DFSR_KIND_SYMLINK ? ELOOP
								    : ENOTDIR;
		goto fail;
	}
	root->ident = stamp.ident;
	ret = dfsr_fs_fsid(root->fd, root->fsid);
	if (ret != 0) {
		goto fail;
	}
	*_root = root;
	return 0;
fail:
	TALLOC_FREE(root);
	return ret;
}
