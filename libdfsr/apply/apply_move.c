/*
   Samba DFS Replication
   Steps that move or change the own object: move, park, remove, metadata

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
#include <unistd.h>
#include "apply_private.h"

int apply_step_result(struct dfsr_apply_step *step, int pathfd)
{
	int ret;

	ret = dfsr_fs_stamp(pathfd, &step->result);
	if (ret != 0) {
		return ret;
	}
	return dfsr_fs_handle(pathfd, step->fh, &step->fh_len,
			      &step->fh_type);
}

static bool is_at(const struct apply_place *place,
		  const struct dfsr_ident *ident)
{
	struct dfsr_stamp stamp;

	return dfsr_fs_stamp_at(place->dirfd, place->leaf, &stamp) == 0 &&
	       dfsr_ident_equal(&stamp.ident, ident);
}

/* ---- move, park, unpark -------------------------------------------------- */

/*
 * What is moved is looked at again where it arrived: a client may have put
 * another object at the old name in between. That one goes back. If the client
 * has saved once more by then, it stays where it is, as a file that somebody
 * made there: one too many is better than one too few.
 */
static int move_checked(const struct apply_place *from,
			const struct apply_place *to,
			const struct dfsr_ident *ident)
{
	int ret;

	ret = apply_rename_free(from->dirfd, from->leaf, to->dirfd, to->leaf);
	if (ret != 0) {
		return ret == ENOENT ? ESTALE : ret;
	}
	if (is_at(to, ident)) {
		return 0;
	}
	apply_rename_free(to->dirfd, to->leaf, from->dirfd, from->leaf);
	return ESTALE;
}

static int move_places(struct dfsr_apply_step *step,
		       const struct apply_place *from,
		       const struct apply_place *to)
{
	struct dfsr_stamp now;
	int fd = -1;
	int ret;

	ret = apply_expect_open(from->dirfd, from->leaf, &step->expect, &fd,
				&now);
	if (ret == 0) {
		ret = move_checked(from, to, &step->expect.ident);
	} else if (ret == ESTALE && is_at(to, &step->expect.ident)) {
		/* repeated after a kill: it is there already */
		fd = dfsr_fs_openat(to->dirfd, to->leaf, O_PATH, 0);
		ret = fd == -1 ? errno : 0;
	} else if (ret == ESTALE && step->op == DFSR_OP_UNPARK &&
		   dfsr_fs_stamp_at(from->dirfd, from->leaf, &now) ==
			   ENOENT) {
		ret = ENOENT;
	}
	if (ret == 0) {
		ret = apply_step_result(step, fd);
	}
	if (fd != -1) {
		close(fd);
	}
	return ret;
}

static int park_place(struct dfsr_apply *apply,
		      const struct dfsr_apply_step *step,
		      struct apply_place *place)
{
	place->dirfd = -1;
	if (!apply_name_valid(step->park)) {
		return EINVAL;
	}
	place->dirfd = fcntl(apply->dirfd[DFSR_DIR_PARKING], F_DUPFD_CLOEXEC,
			     0);
	place->leaf = step->park;
	return place->dirfd == -1 ? errno : 0;
}

int apply_step_move(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		    struct apply_sync *sync)
{
	struct apply_place from = {.dirfd = -1};
	struct apply_place to = {.dirfd = -1};
	int ret;

	if (dfsr_ident_is_null(&step->expect.ident)) {
		return EINVAL;
	}
	if (step->op == DFSR_OP_UNPARK) {
		ret = park_place(apply, step, &from);
	} else {
		ret = apply_place_open(apply, step->path, &step->parent,
				       &from);
	}
	if (ret != 0) {
		return ret;
	}
	if (step->op == DFSR_OP_PARK) {
		ret = park_place(apply, step, &to);
	} else {
		ret = apply_place_open(apply, step->new_path,
				       &step->new_parent, &to);
	}
	if (ret == 0) {
		ret = move_places(step, &from, &to);
	}
	if (ret == 0) {
		apply_sync_add(sync, to.dirfd);
		apply_sync_add(sync, from.dirfd);
	}
	apply_place_close(&from);
	apply_place_close(&to);
	return ret;
}

/* ---- remove -------------------------------------------------------------- */

static int remove_check(struct dfsr_apply *apply,
			struct dfsr_apply_step *step,
			const struct apply_place *place)
{
	struct dfsr_stamp now;
	int fd = -1;
	int ret;

	ret = apply_expect_open(place->dirfd, place->leaf, &step->expect, &fd,
				&now);
	if (ret != 0) {
		return ret;
	}
	close(fd);
	if (dfsr_fs_kind(now.mode) == DFSR_KIND_DIRECTORY) {
		return apply_dir_empty(place->dirfd, place->leaf,
				       apply->root->dev);
	}
	if (!dfsr_stamp_equal(&step->expect, &now)) {
		step->displaced_changed = true; /* its ctime has moved */
	}
	return 0;
}

/* A look at what was put away: the right one, and still empty? */
static int remove_look(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		       const struct apply_place *gone)
{
	struct dfsr_stamp *now = &step->displaced_stamp;
	int ret;

	ret = dfsr_fs_stamp_at(gone->dirfd, gone->leaf, now);
	if (ret != 0) {
		return ret;
	}
	if (!dfsr_ident_equal(&now->ident, &step->expect.ident)) {
		return ESTALE;
	}
	if (dfsr_fs_kind(now->mode) == DFSR_KIND_DIRECTORY) {
		return apply_dir_empty(gone->dirfd, gone->leaf,
				       apply->root->dev);
	}
	return 0;
}

static int remove_place(struct dfsr_apply *apply, struct dfsr_apply_step *step,
			const struct apply_place *place)
{
	const struct apply_place gone = {
		.dirfd = apply->dirfd[DFSR_DIR_DISPLACED],
		.leaf = step->displaced,
	};
	int ret;

	if (is_at(&gone, &step->expect.ident)) {
		/* repeated after a kill; read it to know what it was */
		step->displaced_changed = true;
		return dfsr_fs_stamp_at(gone.dirfd, gone.leaf,
					&step->displaced_stamp);
	}
	ret = remove_check(apply, step, place);
	if (ret != 0) {
		return ret;
	}
	ret = apply_rename_free(place->dirfd, place->leaf, gone.dirfd,
				gone.leaf);
	if (ret != 0) {
		return ret == ENOENT ? ESTALE : ret;
	}
	ret = remove_look(apply, step, &gone);
	if (ret != 0) {
		/* a client was here: back, or keep what it made */
		if (apply_rename_free(gone.dirfd, gone.leaf, place->dirfd,
				      place->leaf) == 0) {
			return ret;
		}
		step->displaced_changed = true;
		return 0;
	}
	if (!apply_expected(&step->expect, &step->displaced_stamp)) {
		step->displaced_changed = true;
	}
	return 0;
}

int apply_step_remove(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		      struct apply_sync *sync)
{
	struct apply_place place;
	int ret;

	if (!apply_name_valid(step->displaced) ||
	    dfsr_ident_is_null(&step->expect.ident)) {
		return EINVAL;
	}
	ret = apply_place_open(apply, step->path, &step->parent, &place);
	if (ret != 0) {
		return ret;
	}
	ret = remove_place(apply, step, &place);
	if (ret == 0) {
		apply_sync_add(sync, place.dirfd);
		apply_sync_add(sync, apply->dirfd[DFSR_DIR_DISPLACED]);
	}
	apply_place_close(&place);
	return ret;
}

/* ---- metadata in place --------------------------------------------------- */

/* Does it read back as what was written? */
static int meta_verify(int fd, const struct dfsr_meta *meta,
		       struct dfsr_fs_problem *problem)
{
	uint8_t want[DFSR_HASH_LEN], have[DFSR_HASH_LEN];
	struct dfsr_meta *back = NULL;
	int ret;

	ret = dfsr_fs_meta_read(NULL, fd, &back);
	if (ret == 0) {
		ret = dfsr_fs_meta_hash(meta, want);
	}
	if (ret == 0) {
		ret = dfsr_fs_meta_hash(back, have);
	}
	if (ret == 0 && memcmp(want, have, sizeof(want)) != 0) {
		snprintf(problem->what, sizeof(problem->what),
			 "the filesystem does not keep the metadata as it "
			 "was written");
		ret = EOPNOTSUPP;
	}
	TALLOC_FREE(back);
	return ret;
}

/* All or nothing: what does not fit leaves the object as it was. */
static int meta_replace(int fd, const struct dfsr_meta *meta,
			struct dfsr_fs_problem *problem)
{
	struct dfsr_fs_problem undo;
	struct dfsr_meta *old = NULL;
	int ret;

	ret = dfsr_fs_meta_read(NULL, fd, &old);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_meta_write(fd, meta, true, problem);
	if (ret == 0) {
		ret = meta_verify(fd, meta, problem);
	}
	if (ret != 0) {
		(void)dfsr_fs_meta_write(fd, old, true, &undo);
	}
	TALLOC_FREE(old);
	return ret;
}

static int meta_at(struct dfsr_apply_step *step, int dirfd, int pathfd,
		   uint8_t kind, struct apply_sync *sync)
{
	int fd = pathfd;
	int ret;

	if (dfsr_fs_kind(step->meta->mode) != kind) {
		return EINVAL;
	}
	if (kind == DFSR_KIND_SYMLINK) {
		apply_sync_add(sync, dirfd);
	} else {
		fd = dfsr_fs_reopen(pathfd);
		if (fd == -1) {
			return errno;
		}
		apply_sync_add(sync, fd);
	}
	ret = meta_replace(fd, step->meta, &step->problem);
	if (ret == 0) {
		ret = apply_step_result(step, pathfd);
	}
	if (fd != pathfd) {
		close(fd);
	}
	return ret;
}

/* The content root itself has metadata too, but no place in a directory. */
static int meta_place(struct dfsr_apply *apply,
		      const struct dfsr_apply_step *step,
		      struct apply_place *place)
{
	if (step->path == NULL || step->path[0] != '\0') {
		return apply_place_open(apply, step->path, &step->parent,
					place);
	}
	place->leaf = ".";
	place->dirfd = dfsr_fs_open(apply->root, "", O_RDONLY | O_DIRECTORY,
				    0);
	return place->dirfd == -1 ? errno : 0;
}

int apply_step_meta(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		    struct apply_sync *sync)
{
	struct apply_place place;
	struct dfsr_stamp now;
	int fd = -1;
	int ret;

	if (step->meta == NULL || dfsr_ident_is_null(&step->expect.ident)) {
		return EINVAL;
	}
	ret = meta_place(apply, step, &place);
	if (ret != 0) {
		return ret;
	}
	ret = apply_expect_open(place.dirfd, place.leaf, &step->expect, &fd,
				&now);
	if (ret == 0) {
		ret = meta_at(step, place.dirfd, fd, dfsr_fs_kind(now.mode),
			      sync);
		close(fd);
	}
	apply_place_close(&place);
	return ret;
}
