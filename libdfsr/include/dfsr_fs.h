/*
   Samba DFS Replication
   The syscalls that store, apply and watch share

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

#ifndef __DFSR_FS_H__
#define __DFSR_FS_H__

/*
 * What a file is (identity, metadata, hash) and how one gets at it without
 * ever leaving the content root. Synchronous; called from worker threads;
 * no shared state except the account cache, which has its own lock.
 *
 * Paths are relative to the root, "" is the root itself; every open goes
 * component-wise below the root's descriptor (openat2 with RESOLVE_BENEATH,
 * RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV).
 */

#include <sys/types.h>

#include "dfsr_types.h"

/** An open content root. */
struct dfsr_fs_root {
	int fd; /* O_PATH|O_DIRECTORY */
	char *path;
	uint8_t fsid[16]; /* what tells filesystems apart over boots */
	struct dfsr_ident ident;
	dev_t dev; /* of this boot; for checks inside one process only */
};

/**
 * Open a content root. The destructor closes it.
 * @return 0, ENOENT, ENOTDIR, ELOOP (a symlink), or an errno
 */
int dfsr_fs_root_open(TALLOC_CTX *mem_ctx, const char *path,
		      struct dfsr_fs_root **root);
/**
 * Filesystem identity for stamps: UUID of the filesystem where the kernel
 * tells it, else f_fsid. Zero where a filesystem has none.
 */
int dfsr_fs_fsid(int fd, uint8_t fsid[16]);

/** Open below the root. @return descriptor, or -1 with errno */
int dfsr_fs_open(const struct dfsr_fs_root *root, const char *relpath,
		 int flags, mode_t mode);
/**
 * Open the directory that holds relpath, and tell its leaf.
 * @param[out] leaf points into relpath
 */
int dfsr_fs_open_parent(const struct dfsr_fs_root *root, const char *relpath,
			const char **leaf);

/**
 * Open one name, or a short path, below an open directory in the same strict
 * way. The private directories are not refused here.
 */
int dfsr_fs_openat(int dirfd, const char *path, int flags, mode_t mode);
/**
 * A descriptor that can be read, for the very inode of an O_PATH one. Never
 * waits: a lease of somebody else comes back as EAGAIN.
 * @return descriptor, or -1 with errno
 */
int dfsr_fs_reopen(int pathfd);

/** Stamp of an open object. @return 0 or errno */
int dfsr_fs_stamp(int fd, struct dfsr_stamp *stamp);
/** Stamp of a name in a directory, symlinks not followed. */
int dfsr_fs_stamp_at(int dirfd, const char *name, struct dfsr_stamp *stamp);
/**
 * As dfsr_fs_stamp_at(), and the device of this boot; "" is dirfd itself. What
 * lies on another device than the root (a btrfs subvolume) has inode numbers
 * of its own and is not replicated.
 */
int dfsr_fs_stamp_dev(int dirfd, const char *name, struct dfsr_stamp *stamp,
		      dev_t *dev);
/**
 * Does this filesystem give two changes of one file different times whenever
 * it was looked at between them (multigrain timestamps, Linux 6.13)? Then no
 * identity is ever unsettled. Tried with a file without a name in dirfd.
 */
int dfsr_fs_fine_times(int dirfd, bool *fine);
/** DFSR_KIND_* of a mode, 0 for what is not replicated. */
uint8_t dfsr_fs_kind(uint32_t mode);
/** File handle of an open object; *len 0 if the filesystem has none. */
int dfsr_fs_handle(int fd, uint8_t fh[DFSR_FH_MAX], uint8_t *len,
		   int32_t *type);
/**
 * Where the inode of a file handle is now: its path below the root.
 * @return 0, ESTALE when it is gone (or has no name below the root), or
 *         EOPNOTSUPP when it lives but the kernel cannot tell its name
 */
int dfsr_fs_handle_path(TALLOC_CTX *mem_ctx, const struct dfsr_fs_root *root,
			const uint8_t *fh, uint8_t len, int32_t type,
			char **relpath, struct dfsr_stamp *stamp);

/* ---- metadata: fs/fs_meta_read.c, fs/fs_meta_write.c --------------------- */

/**
 * Read everything that a replica carries: mode, owner, group with names,
 * mtime, user.* and security.NTACL xattrs, POSIX ACLs, symlink target.
 * Works on O_PATH descriptors of symlinks and on open files.
 */
int dfsr_fs_meta_read(TALLOC_CTX *mem_ctx, int fd, struct dfsr_meta **meta);
/** What cannot be carried over; for one clear line in an event. */
struct dfsr_fs_problem {
	char what[300]; /* e.g. "xattr user.DosStream.x:$DATA (70000 bytes)" */
};
/**
 * Where the names of accounts are kept that do not exist here, so that the
 * object still reads as the version that it is (docs/design/0004-metadata.md).
 */
#define DFSR_XATTR_ACCOUNTS "trusted.dfsr.accounts"
/**
 * Make an object's metadata equal to meta: xattrs (foreign user.* ones are
 * removed), ACLs, owner, group, mode, and the mtime last. Account names are
 * looked up here and fall back to the numbers.
 * @param[in]  existing false for a fresh staged file (nothing to remove)
 * @return 0; ENOSPC, E2BIG, EOPNOTSUPP … with *problem filled
 */
int dfsr_fs_meta_write(int fd, const struct dfsr_meta *meta, bool existing,
		       struct dfsr_fs_problem *problem);
/** SHA-256 of the canonical form, the record's meta_hash. */
int dfsr_fs_meta_hash(const struct dfsr_meta *meta,
		      uint8_t hash[DFSR_HASH_LEN]);
/** FILE_ATTRIBUTE_* from user.DOSATTRIB, or from the mode without one. */
uint32_t dfsr_fs_attributes(const struct dfsr_meta *meta);

/* ---- content hash: fs/fs_hash.c ------------------------------------------ */

/** Streaming SHA-256 over content; holes count as zeroes. */
struct dfsr_hasher;
int dfsr_hasher_new(TALLOC_CTX *mem_ctx, struct dfsr_hasher **h);
int dfsr_hasher_update(struct dfsr_hasher *h, const void *data, size_t len);
int dfsr_hasher_zeroes(struct dfsr_hasher *h, uint64_t len);
void dfsr_hasher_final(struct dfsr_hasher *h, uint8_t hash[DFSR_HASH_LEN]);
/** Hash of a whole open file, reading around holes. */
int dfsr_fs_hash_fd(int fd, uint64_t *size, uint8_t hash[DFSR_HASH_LEN]);
/**
 * Let every hash that is under way in this process end soon with ECANCELED: a
 * stop must not wait for a file of a terabyte.
 */
void dfsr_fs_cancel(bool cancel);
/** Hash of a byte string (symlink targets: content of a symlink). */
int dfsr_fs_hash_bytes(const void *data, size_t len,
		       uint8_t hash[DFSR_HASH_LEN]);

/* ---- a whole object: fs/fs_object.c -------------------------------------- */

/** One object as a version: what dfsr_watch_look() and apply both need. */
struct dfsr_fs_object {
	struct dfsr_stamp stamp; /* before and after all was read */
	struct dfsr_meta *meta;	 /* child of the context given */
	uint32_t attributes;
	uint8_t content_hash[DFSR_HASH_LEN];
	uint8_t meta_hash[DFSR_HASH_LEN];
};
/**
 * Make an object durable and read it, so that what was read is what was made
 * durable; starts over when it changes meanwhile.
 *
 * @param[in] pathfd O_PATH descriptor of the object
 * @param[in] dirfd  directory that holds it, made durable too; -1 for no sync
 * @param[in] tries  how often to try
 * @return 0, EAGAIN when it kept changing, EOPNOTSUPP for what is no file,
 *         directory or symbolic link, or an errno
 */
int dfsr_fs_object_read(TALLOC_CTX *mem_ctx, int pathfd, int dirfd,
			unsigned tries, struct dfsr_fs_object *obj);

/** FILETIME now, and random bytes: the real struct dfsr_env. */
const struct dfsr_env *dfsr_fs_env(void);

#endif /* __DFSR_FS_H__ */
