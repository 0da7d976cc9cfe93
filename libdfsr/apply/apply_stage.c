/*
   Samba DFS Replication
   Staging: a whole object, verified, before anybody sees it

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
 * A staged object lies in .DfsrPrivate/Staging, where no client can reach it,
 * under a name that is made from its GVSN. Bytes are hashed as they come, so
 * that a file is read once only: by whoever sent it. Runs ascend, and what lies
 * between them is a hole.
 *
 * The metadata is set, read back and hashed. Its hash must be the record's: a
 * filesystem that drops or rounds something would otherwise make a version of
 * its own out of every file that it is given, and send it to everybody.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "apply_private.h"

struct dfsr_staged {
	struct dfsr_apply *apply;
	char name[DFSR_APPLY_NAME_MAX + 1];
	uint8_t kind;
	uint64_t size;
	int fd; /* -1 for a symbolic link until the end */
	uint64_t pos;
	struct dfsr_hasher *hasher; /* of a file */
	uint8_t hash[DFSR_HASH_LEN]; /* when hasher is gone */
	struct dfsr_ident ident; /* null while there is no object */
};

static int staging(const struct dfsr_staged *staged)
{
	return staged->apply->dirfd[DFSR_DIR_STAGING];
}

static int staged_destructor(struct dfsr_staged *staged)
{
	struct dfsr_stamp stamp;
	int ret;

	if (staged->fd != -1) {
		close(staged->fd);
		staged->fd = -1;
	}
	if (dfsr_ident_is_null(&staged->ident)) {
		return 0;
	}
	/* a later start of the same version may have replaced it */
	ret = dfsr_fs_stamp_at(staging(staged), staged->name, &stamp);
	if (ret == 0 && dfsr_ident_equal(&stamp.ident, &staged->ident)) {
		apply_tree_remove(staging(staged), staged->name);
	}
	return 0;
}

static void staged_name(const struct dfsr_id *gvsn, char *name)
{
	size_t i, len = 0;

	for (i = 0; i < sizeof(gvsn->db.b); i++) {
		len += (size_t)snprintf(name + len,
					DFSR_APPLY_NAME_MAX + 1 - len, "%02x",
					gvsn->db.b[i]);
	}
	snprintf(name + len, DFSR_APPLY_NAME_MAX + 1 - len, "-%016llx",
		 (unsigned long long)gvsn->vsn);
}

static int staged_create(struct dfsr_staged *staged)
{
	int flags = O_RDWR | O_CREAT | O_EXCL;
	struct dfsr_stamp stamp;
	int ret;

	if (staged->kind == DFSR_KIND_DIRECTORY) {
		ret = mkdirat(staging(staged), staged->name, 0700);
		if (ret != 0) {
			return errno;
		}
		flags = O_RDONLY | O_DIRECTORY;
	}
	staged->fd = dfsr_fs_openat(staging(staged), staged->name, flags,
				    0600);
	if (staged->fd == -1) {
		return errno;
	}
	ret = dfsr_fs_stamp(staged->fd, &stamp);
	if (ret != 0) {
		return ret;
	}
	staged->ident = stamp.ident;
	return 0;
}

int dfsr_apply_stage(TALLOC_CTX *mem_ctx, struct dfsr_apply *apply,
		     const struct dfsr_id *gvsn, uint8_t kind, uint64_t size,
		     struct dfsr_staged **_staged)
{
	struct dfsr_staged *staged = NULL;
	int ret;

	if (kind < DFSR_KIND_FILE || kind > DFSR_KIND_SYMLINK ||
	    size > INT64_MAX) {
		return EINVAL;
	}
	staged = talloc_zero(mem_ctx, struct dfsr_staged);
	if (staged == NULL) {
		return ENOMEM;
	}
	staged->apply = apply;
	staged->kind = kind;
	staged->size = size;
	staged->fd = -1;
	staged_name(gvsn, staged->name);
	talloc_set_destructor(staged, staged_destructor);
	ret = apply_tree_remove(staging(staged), staged->name);
	if (ret == 0 && kind != DFSR_KIND_SYMLINK) {
		ret = staged_create(staged);
	}
	if (ret == 0 && kind == DFSR_KIND_FILE) {
		ret = dfsr_hasher_new(staged, &staged->hasher);
	}
	if (ret != 0) {
		TALLOC_FREE(staged);
		return ret;
	}
	*_staged = staged;
	return 0;
}

int dfsr_apply_stage_write(struct dfsr_staged *staged, uint64_t ofs,
			   const uint8_t *data, size_t len)
{
	int ret;

	if (staged->hasher == NULL || ofs < staged->pos ||
	    ofs > staged->size || len > staged->size - ofs) {
		return EINVAL;
	}
	ret = dfsr_hasher_zeroes(staged->hasher, ofs - staged->pos);
	if (ret == 0) {
		ret = dfsr_hasher_update(staged->hasher, data, len);
	}
	if (ret == 0) {
		ret = apply_write_all(staged->fd, data, len, ofs);
	}
	if (ret == 0) {
		staged->pos = ofs + len;
	}
	return ret;
}

/* Copy from an open own object; the hash is of what has arrived. */
static int copy_from(struct dfsr_staged *staged, int fd,
		     const struct dfsr_stamp *stamp)
{
	struct dfsr_stamp now;
	uint64_t size;
	int ret;

	ret = dfsr_fs_stamp(fd, &now);
	if (ret != 0) {
		return ret;
	}
	if (!dfsr_stamp_equal(stamp, &now) || now.size != staged->size) {
		return ESTALE;
	}
	ret = apply_file_clone(fd, staged->fd, staged->size);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_stamp(fd, &now);
	if (ret == 0 && !dfsr_stamp_equal(stamp, &now)) {
		ret = ESTALE;
	}
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_hash_fd(staged->fd, &size, staged->hash);
	if (ret != 0) {
		return ret;
	}
	TALLOC_FREE(staged->hasher);
	staged->pos = staged->size;
	return 0;
}

int dfsr_apply_stage_copy(struct dfsr_staged *staged, const char *relpath,
			  const struct dfsr_stamp *stamp)
{
	struct dfsr_stamp now;
	int pathfd, fd;
	int ret;

	if (staged->hasher == NULL || staged->pos != 0) {
		return EINVAL;
	}
	pathfd = dfsr_fs_open(staged->apply->root, relpath, O_PATH, 0);
	if (pathfd == -1) {
		return errno == ENOENT || errno == ENOTDIR ? ESTALE : errno;
	}
	ret = dfsr_fs_stamp(pathfd, &now);
	if (ret == 0 && dfsr_fs_kind(now.mode) != DFSR_KIND_FILE) {
		ret = ESTALE;
	}
	if (ret != 0) {
		close(pathfd);
		return ret;
	}
	fd = dfsr_fs_reopen(pathfd);
	ret = fd == -1 ? errno : 0;
	close(pathfd);
	if (fd != -1) {
		ret = copy_from(staged, fd, stamp);
		close(fd);
	}
	return ret;
}

/* ---- the end ------------------------------------------------------------- */

static int finish_file(struct dfsr_staged *staged)
{
	int ret;

	if (staged->hasher == NULL) {
		return 0; /* copied */
	}
	ret = dfsr_hasher_zeroes(staged->hasher, staged->size - staged->pos);
	if (ret != 0) {
		return ret;
	}
	if (ftruncate(staged->fd, (off_t)staged->size) != 0) {
		return errno;
	}
	dfsr_hasher_final(staged->hasher, staged->hash);
	TALLOC_FREE(staged->hasher);
	return 0;
}

static int finish_symlink(struct dfsr_staged *staged,
			  const struct dfsr_meta *meta,
			  struct dfsr_fs_problem *problem)
{
	struct dfsr_stamp stamp;
	int ret;

	if (dfsr_path_has_private(meta->symlink)) {
		snprintf(problem->what, sizeof(problem->what),
			 "symbolic link into " DFSR_PRIVATE_DIR);
		return EPERM;
	}
	ret = dfsr_fs_hash_bytes(meta->symlink, strlen(meta->symlink),
				 staged->hash);
	if (ret != 0) {
		return ret;
	}
	ret = symlinkat(meta->symlink, staging(staged), staged->name);
	if (ret != 0) {
		return errno;
	}
	staged->fd = dfsr_fs_openat(staging(staged), staged->name, O_PATH, 0);
	if (staged->fd == -1) {
		ret = errno;
		unlinkat(staging(staged), staged->name, 0);
		return ret;
	}
	ret = dfsr_fs_stamp(staged->fd, &stamp);
	staged->ident = stamp.ident;
	return ret;
}

static int finish_content(struct dfsr_staged *staged,
			  const struct dfsr_meta *meta,
			  struct dfsr_fs_problem *problem)
{
	switch (staged->kind) {
	case DFSR_KIND_FILE:
		return finish_file(staged);
	case DFSR_KIND_SYMLINK:
		return finish_symlink(staged, meta, problem);
	default:
		return 0; /* all zeroes, as it was made */
	}
}

/* Which part of the metadata did not come back as it was written. */
static const char *what_differs(const struct dfsr_meta *a,
				const struct dfsr_meta *b)
{
	uint32_t i;

	if (a->mode != b->mode) {
		return "the mode";
	}
	if (a->mtime_sec != b->mtime_sec || a->mtime_nsec != b->mtime_nsec) {
		return "the time of modification";
	}
	if (a->num_xattrs != b->num_xattrs) {
		return "all xattrs";
	}
	for (i = 0; i < a->num_xattrs; i++) {
		const struct dfsr_xattr *x = &a->xattrs[i];
		const struct dfsr_xattr *y = &b->xattrs[i];

		if (strcmp(x->name, y->name) != 0 || x->len != y->len ||
		    memcmp(x->value, y->value, x->len) != 0) {
			return x->name;
		}
	}
	if (a->acl_access.num != b->acl_access.num ||
	    a->acl_default.num != b->acl_default.num) {
		return "the ACL";
	}
	return "the owners or the ACL";
}

static int verify_meta(int fd, const struct dfsr_meta *meta,
		       const uint8_t meta_hash[DFSR_HASH_LEN],
		       struct dfsr_fs_problem *problem)
{
	struct dfsr_meta *back = NULL;
	uint8_t hash[DFSR_HASH_LEN];
	int ret;

	ret = dfsr_fs_meta_read(NULL, fd, &back);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_meta_hash(back, hash);
	if (ret == 0 && memcmp(hash, meta_hash, sizeof(hash)) != 0) {
		snprintf(problem->what, sizeof(problem->what),
			 "the filesystem does not keep %s as it was written",
			 what_differs(meta, back));
		ret = EOPNOTSUPP;
	}
	TALLOC_FREE(back);
	return ret;
}

static int stage_finish(struct dfsr_staged *staged,
			const struct dfsr_meta *meta,
			const uint8_t content_hash[DFSR_HASH_LEN],
			const uint8_t meta_hash[DFSR_HASH_LEN],
			struct dfsr_stamp *stamp,
			struct dfsr_fs_problem *problem)
{
	uint8_t hash[DFSR_HASH_LEN];
	int ret;

	if (dfsr_fs_kind(meta->mode) != staged->kind) {
		return EBADMSG;
	}
	ret = dfsr_fs_meta_hash(meta, hash);
	if (ret != 0) {
		return ret;
	}
	if (memcmp(hash, meta_hash, sizeof(hash)) != 0) {
		return EBADMSG;
	}
	ret = finish_content(staged, meta, problem);
	if (ret != 0) {
		return ret;
	}
	if (memcmp(staged->hash, content_hash, DFSR_HASH_LEN) != 0) {
		return EBADMSG;
	}
	ret = dfsr_fs_meta_write(staged->fd, meta, false, problem);
	if (ret != 0) {
		return ret;
	}
	ret = verify_meta(staged->fd, meta, meta_hash, problem);
	if (ret != 0) {
		return ret;
	}
	return dfsr_fs_stamp(staged->fd, stamp);
}

int dfsr_apply_stage_finish(struct dfsr_staged *staged,
			    const struct dfsr_meta *meta,
			    const uint8_t content_hash[DFSR_HASH_LEN],
			    const uint8_t meta_hash[DFSR_HASH_LEN],
			    char name[DFSR_APPLY_NAME_MAX + 1],
			    struct dfsr_stamp *stamp,
			    struct dfsr_fs_problem *problem)
{
	int ret;

	problem->what[0] = '\0';
	ret = stage_finish(staged, meta, content_hash, meta_hash, stamp,
			   problem);
	if (ret != 0) {
		return ret;
	}
	/* no writer of ours may be in the way of a lease later */
	close(staged->fd);
	staged->fd = -1;
	staged->ident = (struct dfsr_ident){0};
	memcpy(name, staged->name, sizeof(staged->name));
	return 0;
}

int dfsr_apply_stage_drop(struct dfsr_apply *apply, const char *name)
{
	if (!apply_name_valid(name)) {
		return EINVAL;
	}
	return apply_tree_remove(apply->dirfd[DFSR_DIR_STAGING], name);
}
