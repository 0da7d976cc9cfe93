/*
   Samba DFS Replication
   The private directories of a content root, and its stamp

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
#include "apply_private.h"

#define STAMP_NAME "stamp"
#define STAMP_NEW "stamp.new"
#define STAMP_MAGIC 0x53534644 /* "DFSS" */
#define STAMP_VERSION 1
#define STAMP_SIZE_MAX 512

static const char *const dir_names[DFSR_DIR_COUNT] = {
	[DFSR_DIR_STAGING] = "Staging",
	[DFSR_DIR_DISPLACED] = "Displaced",
	[DFSR_DIR_PARKING] = "Parking",
	[DFSR_DIR_CONFLICT] = "ConflictAndDeleted",
	[DFSR_DIR_PREEXISTING] = "PreExisting",
};

bool apply_name_valid(const char *name)
{
	return name != NULL && strlen(name) <= DFSR_APPLY_NAME_MAX &&
	       dfsr_name_valid(name);
}

/* Whatever it was before: nobody but root, and no ACL that says otherwise. */
static int make_private(int fd)
{
	struct stat st;
	int ret;

	ret = fstat(fd, &st);
	if (ret != 0) {
		return errno;
	}
	if (geteuid() == 0 && (st.st_uid != 0 || st.st_gid != 0) &&
	    fchown(fd, 0, 0) != 0) {
		return errno;
	}
	/* a default ACL of the content root is inherited; absence is fine */
	(void)fremovexattr(fd, "system.posix_acl_access");
	(void)fremovexattr(fd, "system.posix_acl_default");
	if (fgetxattr(fd, "system.posix_acl_access", NULL, 0) > 0 ||
	    fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0) {
		return EPERM;
	}
	ret = fstat(fd, &st);
	if (ret == 0 && (st.st_mode & 07777) != 0700) {
		ret = fchmod(fd, 0700);
	}
	return ret == 0 ? 0 : errno;
}

/* @return descriptor, or -1 with errno */
static int open_private(int dirfd, const char *name, dev_t dev)
{
	struct dfsr_stamp stamp;
	dev_t there;
	int fd, ret;

	ret = mkdirat(dirfd, name, 0700);
	if (ret != 0 && errno != EEXIST) {
		return -1;
	}
	fd = dfsr_fs_openat(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1) {
		/* O_DIRECTORY says ENOTDIR of a link too */
		ret = errno;
		if (dfsr_fs_stamp_at(dirfd, name, &stamp) == 0 &&
		    dfsr_fs_kind(stamp.mode) == DFSR_KIND_SYMLINK) {
			ret = ELOOP;
		}
		errno = ret;
		return -1;
	}
	ret = dfsr_fs_stamp_dev(fd, "", &stamp, &there);
	if (ret == 0 && there != dev) {
		ret = EXDEV;
	}
	if (ret == 0) {
		ret = make_private(fd);
	}
	if (ret != 0) {
		close(fd);
		errno = ret;
		return -1;
	}
	return fd;
}

static int apply_destructor(struct dfsr_apply *apply)
{
	int i;

	for (i = 0; i < DFSR_DIR_COUNT; i++) {
		if (apply->dirfd[i] != -1) {
			close(apply->dirfd[i]);
			apply->dirfd[i] = -1;
		}
	}
	return 0;
}

static int open_all(struct dfsr_apply *apply)
{
	int rootfd = -1;
	int fd = -1;
	int ret = 0;
	int i;

	rootfd = dfsr_fs_open(apply->root, "", O_RDONLY | O_DIRECTORY, 0);
	if (rootfd == -1) {
		return errno;
	}
	fd = open_private(rootfd, DFSR_PRIVATE_DIR, apply->root->dev);
	if (fd == -1) {
		ret = errno;
		close(rootfd);
		return ret;
	}
	for (i = 0; i < DFSR_DIR_COUNT; i++) {
		apply->dirfd[i] = open_private(fd, dir_names[i],
					       apply->root->dev);
		if (apply->dirfd[i] == -1) {
			ret = errno;
			break;
		}
	}
	if (ret == 0 && (fsync(fd) != 0 || fsync(rootfd) != 0)) {
		ret = errno;
	}
	close(fd);
	close(rootfd);
	return ret;
}

int dfsr_apply_open(TALLOC_CTX *mem_ctx, struct dfsr_fs_root *root,
		    struct dfsr_apply **_apply)
{
	struct dfsr_apply *apply = NULL;
	int ret;
	int i;

	apply = talloc_zero(mem_ctx, struct dfsr_apply);
	if (apply == NULL) {
		return ENOMEM;
	}
	apply->root = root;
	for (i = 0; i < DFSR_DIR_COUNT; i++) {
		apply->dirfd[i] = -1;
	}
	talloc_set_destructor(apply, apply_destructor);
	ret = open_all(apply);
	if (ret != 0) {
		TALLOC_FREE(apply);
		return ret;
	}
	*_apply = apply;
	return 0;
}

int apply_private_open(const struct dfsr_apply *apply)
{
	return dfsr_fs_openat(apply->root->fd, DFSR_PRIVATE_DIR,
			      O_RDONLY | O_DIRECTORY, 0);
}

int dfsr_apply_sync(struct dfsr_apply *apply)
{
	return syncfs(apply->dirfd[DFSR_DIR_STAGING]) == 0 ? 0 : errno;
}

/* ---- the stamp ----------------------------------------------------------- */

static int stamp_pack(struct dfsr_push *p, const struct dfsr_root_stamp *stamp)
{
	uint8_t hash[DFSR_HASH_LEN];
	int ret;

	dfsr_push_u32(p, STAMP_MAGIC);
	dfsr_push_u8(p, STAMP_VERSION);
	dfsr_push_guid(p, &stamp->folder);
	dfsr_push_guid(p, &stamp->db);
	dfsr_push_guid(p, &stamp->member);
	dfsr_push_bytes(p, stamp->fsid, sizeof(stamp->fsid));
	dfsr_push_u64(p, stamp->seq);
	if (p->err != 0) {
		return p->err;
	}
	ret = dfsr_fs_hash_bytes(p->data, p->len, hash);
	if (ret != 0) {
		return ret;
	}
	dfsr_push_bytes(p, hash, sizeof(hash));
	return p->err;
}

static int stamp_unpack(const uint8_t *data, size_t len,
			struct dfsr_root_stamp *stamp)
{
	uint8_t hash[DFSR_HASH_LEN];
	const uint8_t *bytes = NULL;
	struct dfsr_pull p;
	int ret;

	dfsr_pull_init(&p, data, len);
	if (dfsr_pull_u32(&p) != STAMP_MAGIC ||
	    dfsr_pull_u8(&p) != STAMP_VERSION) {
		return EBADMSG;
	}
	dfsr_pull_guid(&p, &stamp->folder);
	dfsr_pull_guid(&p, &stamp->db);
	dfsr_pull_guid(&p, &stamp->member);
	bytes = dfsr_pull_bytes(&p, sizeof(stamp->fsid));
	if (bytes == NULL) {
		return EBADMSG;
	}
	memcpy(stamp->fsid, bytes, sizeof(stamp->fsid));
	stamp->seq = dfsr_pull_u64(&p);
	ret = dfsr_fs_hash_bytes(data, p.ofs, hash);
	if (ret != 0) {
		return ret;
	}
	bytes = dfsr_pull_bytes(&p, sizeof(hash));
	if (bytes == NULL || memcmp(bytes, hash, sizeof(hash)) != 0) {
		return EBADMSG;
	}
	return dfsr_pull_end(&p);
}

int dfsr_apply_stamp_read(struct dfsr_apply *apply,
			  struct dfsr_root_stamp *stamp)
{
	uint8_t buf[STAMP_SIZE_MAX];
	ssize_t len = -1;
	int ret = 0;
	int dirfd, fd;

	*stamp = (struct dfsr_root_stamp){.seq = 0};
	dirfd = apply_private_open(apply);
	if (dirfd == -1) {
		return errno;
	}
	fd = dfsr_fs_openat(dirfd, STAMP_NAME, O_RDONLY | O_NONBLOCK, 0);
	if (fd == -1) {
		ret = errno;
		close(dirfd);
		return ret;
	}
	len = read(fd, buf, sizeof(buf));
	if (len == -1) {
		ret = errno;
	}
	close(fd);
	close(dirfd);
	if (ret != 0) {
		return ret;
	}
	ret = stamp_unpack(buf, (size_t)len, stamp);
	if (ret != 0) {
		*stamp = (struct dfsr_root_stamp){.seq = 0};
	}
	return ret;
}

static int stamp_replace(int dirfd, const struct dfsr_push *p)
{
	int ret = 0;
	int fd;

	fd = dfsr_fs_openat(dirfd, STAMP_NEW, O_WRONLY | O_CREAT | O_TRUNC,
			    0600);
	if (fd == -1) {
		return errno;
	}
	ret = apply_write_all(fd, p->data, p->len, 0);
	if (ret == 0 && fsync(fd) != 0) {
		ret = errno;
	}
	close(fd);
	if (ret != 0) {
		return ret;
	}
	if (renameat(dirfd, STAMP_NEW, dirfd, STAMP_NAME) != 0 ||
	    fsync(dirfd) != 0) {
		return errno;
	}
	return 0;
}

int dfsr_apply_stamp_write(struct dfsr_apply *apply,
			   const struct dfsr_root_stamp *stamp)
{
	struct dfsr_push p;
	int dirfd = -1;
	int ret;

	dfsr_push_init(&p, apply);
	ret = stamp_pack(&p, stamp);
	if (ret != 0) {
		goto done;
	}
	dirfd = apply_private_open(apply);
	if (dirfd == -1) {
		ret = errno;
		goto done;
	}
	ret = stamp_replace(dirfd, &p);
	close(dirfd);
done:
	TALLOC_FREE(p.data);
	return ret;
}
