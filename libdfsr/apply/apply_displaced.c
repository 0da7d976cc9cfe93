/*
   Samba DFS Replication
   R4 step 9: what was displaced

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
#include <unistd.h>
#include "apply_private.h"

static int displaced_open(struct dfsr_apply *apply, const char *name)
{
	if (!apply_name_valid(name)) {
		errno = EINVAL;
		return -1;
	}
	return dfsr_fs_openat(apply->dirfd[DFSR_DIR_DISPLACED], name, O_PATH,
			      0);
}

/*
 * A read lease is granted only when no descriptor and no shared mapping of the
 * inode can write. The stamp is read while it is held.
 */
static int lease_probe(int fd, struct dfsr_stamp *stamp)
{
	int ret, err = 0;

	ret = fcntl(fd, F_SETLEASE, F_RDLCK);
	if (ret != 0) {
		err = errno;
	}
	ret = dfsr_fs_stamp(fd, stamp);
	if (err == 0) {
		fcntl(fd, F_SETLEASE, F_UNLCK);
	}
	return err != 0 ? err : ret;
}

int dfsr_apply_displaced_probe(struct dfsr_apply *apply, const char *name,
			       struct dfsr_stamp *stamp)
{
	int pathfd, fd;
	int ret;

	pathfd = displaced_open(apply, name);
	if (pathfd == -1) {
		return errno;
	}
	ret = dfsr_fs_stamp(pathfd, stamp);
	if (ret != 0 || dfsr_fs_kind(stamp->mode) != DFSR_KIND_FILE) {
		close(pathfd);
		return ret;
	}
	fd = dfsr_fs_reopen(pathfd);
	ret = fd == -1 ? errno : 0;
	close(pathfd);
	if (fd != -1) {
		ret = lease_probe(fd, stamp);
		close(fd);
	}
	return ret;
}

int dfsr_apply_displaced_drop(struct dfsr_apply *apply, const char *name)
{
	if (!apply_name_valid(name)) {
		return EINVAL;
	}
	return apply_tree_remove(apply->dirfd[DFSR_DIR_DISPLACED], name);
}

/* Make a displaced file durable before it gets its name back. */
static int displaced_sync(struct dfsr_apply *apply, const char *name)
{
	int pathfd = displaced_open(apply, name);
	int fd, ret = 0;

	if (pathfd == -1) {
		return errno;
	}
	fd = dfsr_fs_reopen(pathfd);
	if (fd == -1 || fsync(fd) != 0) {
		ret = errno;
	}
	if (fd != -1) {
		close(fd);
	}
	close(pathfd);
	return ret;
}

static int swap_at(struct dfsr_apply *apply, const char *name,
		   const struct apply_place *place,
		   const struct dfsr_stamp *expect)
{
	int dispdir = apply->dirfd[DFSR_DIR_DISPLACED];
	struct dfsr_stamp now;
	int fd = -1;
	int ret;

	ret = apply_expect_open(place->dirfd, place->leaf, expect, &fd, &now);
	if (ret != 0) {
		return ret;
	}
	close(fd);
	ret = apply_exchange(dispdir, name, place->dirfd, place->leaf);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_stamp_at(dispdir, name, &now);
	if (ret == 0 && !dfsr_ident_equal(&now.ident, &expect->ident)) {
		/* A client put something else there in between. */
		ret = apply_exchange(dispdir, name, place->dirfd, place->leaf);
		return ret == 0 ? ESTALE : ret;
	}
	if (ret == 0 && (fsync(place->dirfd) != 0 || fsync(dispdir) != 0)) {
		ret = errno;
	}
	return ret;
}

int dfsr_apply_displaced_swap(struct dfsr_apply *apply, const char *name,
			      const char *path,
			      const struct dfsr_ident *parent,
			      const struct dfsr_stamp *expect)
{
	struct apply_place place;
	int ret;

	if (!apply_name_valid(name)) {
		return EINVAL;
	}
	ret = displaced_sync(apply, name);
	if (ret != 0) {
		return ret;
	}
	ret = apply_place_open(apply, path, parent, &place);
	if (ret != 0) {
		return ret;
	}
	ret = swap_at(apply, name, &place, expect);
	apply_place_close(&place);
	return ret;
}

int dfsr_apply_undo(struct dfsr_apply *apply, const char *staged,
		    const char *displaced,
		    const struct dfsr_ident *staged_ident)
{
	int dispdir = apply->dirfd[DFSR_DIR_DISPLACED];
	struct dfsr_stamp stamp;
	int ret;

	if (dfsr_ident_is_null(staged_ident)) {
		return EINVAL;
	}
	if (displaced != NULL && displaced[0] != '\0') {
		if (!apply_name_valid(displaced)) {
			return EINVAL;
		}
		ret = dfsr_fs_stamp_at(dispdir, displaced, &stamp);
		if (ret != 0 && ret != ENOENT) {
			return ret;
		}
		if (ret == 0 &&
		    dfsr_ident_equal(&stamp.ident, staged_ident)) {
			return apply_tree_remove(dispdir, displaced);
		}
	}
	return dfsr_apply_stage_drop(apply, staged);
}

int dfsr_apply_displaced_read(TALLOC_CTX *mem_ctx, struct dfsr_apply *apply,
			      const char *name,
			      uint8_t content_hash[DFSR_HASH_LEN],
			      uint8_t meta_hash[DFSR_HASH_LEN],
			      struct dfsr_stamp *stamp)
{
	const unsigned tries = 4;
	struct dfsr_fs_object obj;
	int fd, ret;

	fd = displaced_open(apply, name);
	if (fd == -1) {
		return errno;
	}
	ret = dfsr_fs_object_read(mem_ctx, fd,
				  apply->dirfd[DFSR_DIR_DISPLACED], tries,
				  &obj);
	close(fd);
	if (ret != 0) {
		return ret;
	}
	*stamp = obj.stamp;
	memcpy(content_hash, obj.content_hash, DFSR_HASH_LEN);
	memcpy(meta_hash, obj.meta_hash, DFSR_HASH_LEN);
	TALLOC_FREE(obj.meta);
	return 0;
}
