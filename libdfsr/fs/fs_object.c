/*
   Samba DFS Replication
   One object as a version: durable, read, and still the same

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
 * No version may be named before its bytes are durable, and the hash must be
 * of the durable bytes. So the order is: look, make durable, read and hash,
 * look again. Whatever is written after the first look moves mtime or ctime,
 * and that holds for a shared mapping too only because the sync comes before
 * the reading: writeback protects its pages, and the next store into one faults
 * and sets the times. A store between a hash and a later sync would be durable,
 * unhashed and invisible.
 *
 * fsync() and not fdatasync(): xattrs, ACLs, owner and times are as much part
 * of a version as its bytes. The directory is synced too, since a name that is
 * lost in a power cut would look like a delete. What has nothing to write costs
 * next to nothing.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "fs_private.h"

/*
 * A symbolic link cannot be opened for a sync. On a journaling filesystem the
 * sync of its directory writes the log with it; btrfs logs by inode.
 */
static int sync_symlink(int dirfd)
{
	struct statfs sfs;
	int ret;

	ret = fstatfs(dirfd, &sfs);
	if (ret == 0) {
		ret = sfs.f_type == BTRFS_SUPER_MAGIC ? syncfs(dirfd)
						      : fsync(dirfd);
	}
	return ret == 0 ? 0 : errno;
}

static int object_sync(int fd, uint8_t kind, int dirfd)
{
	if (dirfd == -1) {
		return 0;
	}
	if (kind == DFSR_KIND_SYMLINK) {
		return sync_symlink(dirfd);
	}
	if (fsync(fd) != 0 || fsync(dirfd) != 0) {
		return errno;
	}
	return 0;
}

static int object_content(int fd, uint8_t kind, struct dfsr_fs_object *obj)
{
	uint64_t size;

	switch (kind) {
	case DFSR_KIND_FILE:
		return fs_hash_file(fd, &obj->stamp, &size,
				    obj->content_hash);
	case DFSR_KIND_SYMLINK:
		return dfsr_fs_hash_bytes(obj->meta->symlink,
					  strlen(obj->meta->symlink),
					  obj->content_hash);
	default:
		memset(obj->content_hash, 0, sizeof(obj->content_hash));
		return 0;
	}
}

/* @return 0, EAGAIN if it changed meanwhile, or an errno */
static int object_try(TALLOC_CTX *mem_ctx, int fd, uint8_t kind, int dirfd,
		      struct dfsr_fs_object *obj)
{
	struct dfsr_stamp after;
	int ret;

	ret = dfsr_fs_stamp(fd, &obj->stamp);
	if (ret != 0) {
		return ret;
	}
	ret = object_sync(fd, kind, dirfd);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_meta_read(mem_ctx, fd, &obj->meta);
	if (ret != 0) {
		return ret;
	}
	obj->attributes = dfsr_fs_attributes(obj->meta);
	ret = object_content(fd, kind, obj);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_meta_hash(obj->meta, obj->meta_hash);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_stamp(fd, &after);
	if (ret != 0) {
		return ret;
	}
	if (!dfsr_stamp_equal(&obj->stamp, &after)) {
		return EAGAIN;
	}
	return 0;
}

int dfsr_fs_object_read(TALLOC_CTX *mem_ctx, int pathfd, int dirfd,
			unsigned tries, struct dfsr_fs_object *obj)
{
	struct dfsr_stamp stamp;
	int fd = pathfd;
	uint8_t kind;
	unsigned i;
	int ret;

	memset(obj, 0, sizeof(*obj));
	ret = dfsr_fs_stamp(pathfd, &stamp);
	if (ret != 0) {
		return ret;
	}
	kind = dfsr_fs_kind(stamp.mode);
	if (kind == 0) {
		return EOPNOTSUPP;
	}
	if (kind != DFSR_KIND_SYMLINK) {
		fd = dfsr_fs_reopen(pathfd);
		if (fd == -1) {
			return errno;
		}
	}
	ret = EAGAIN;
	for (i = 0; i < tries && ret == EAGAIN; i++) {
		TALLOC_FREE(obj->meta);
		ret = object_try(mem_ctx, fd, kind, dirfd, obj);
	}
	if (ret == EAGAIN && kind == DFSR_KIND_DIRECTORY &&
	    obj->meta != NULL) {
		/*
		 * Its entries come and go, which is no change of its own. The
		 * stamp is from before: a real one will be found by it.
		 */
		obj->stamp.settled = false;
		ret = 0;
	}
	if (ret != 0) {
		TALLOC_FREE(obj->meta);
	}
	if (fd != pathfd) {
		close(fd);
	}
	return ret;
}
