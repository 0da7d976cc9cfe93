/*
   Samba DFS Replication
   R4 step 5 and 6: exchange, and a look at both inodes

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
 * The staged object goes to Displaced under the name that the old one will
 * have, and is exchanged with the path from there. So the old object is in its
 * place by one atomic step, and no client's object is ever in Staging.
 *
 * Between the check and the exchange a client may write, rename another file
 * over the path, or delete it. What then lies in Displaced is looked at; if it
 * is not what was expected, it is a version that a client made, and the caller
 * is told so.
 *
 * After a kill the step may be repeated. Where the staged inode is says how far
 * it came: in Staging, nothing was done; in Displaced, it was not exchanged; at
 * the path, only the look is left.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "apply_private.h"

static bool is_at(int dirfd, const char *name, const struct dfsr_ident *ident)
{
	struct dfsr_stamp stamp;

	return dfsr_fs_stamp_at(dirfd, name, &stamp) == 0 &&
	       dfsr_ident_equal(&stamp.ident, ident);
}

/* @return 0 and *done, or errno */
static int replace_resume(struct dfsr_apply *apply,
			  const struct dfsr_apply_step *step,
			  const struct apply_place *place, bool *done)
{
	int stagedir = apply->dirfd[DFSR_DIR_STAGING];
	int dispdir = apply->dirfd[DFSR_DIR_DISPLACED];

	*done = false;
	if (dfsr_ident_is_null(&step->staged_ident)) {
		return 0;
	}
	if (is_at(place->dirfd, place->leaf, &step->staged_ident)) {
		*done = true;
		return 0;
	}
	if (is_at(dispdir, step->displaced, &step->staged_ident)) {
		return apply_rename_free(dispdir, step->displaced, stagedir,
					 step->staged);
	}
	return 0;
}

/* The staged object, checked. @return 0 or errno */
static int staged_open(struct dfsr_apply *apply,
		       const struct dfsr_apply_step *step, int *fd)
{
	int stagedir = apply->dirfd[DFSR_DIR_STAGING];
	struct dfsr_stamp stamp;
	int ret;

	ret = apply_symlink_check(stagedir, step->staged);
	if (ret != 0) {
		return ret;
	}
	*fd = dfsr_fs_openat(stagedir, step->staged, O_PATH, 0);
	if (*fd == -1) {
		return errno;
	}
	ret = dfsr_fs_stamp(*fd, &stamp);
	if (ret == 0 && !dfsr_ident_is_null(&step->staged_ident) &&
	    !dfsr_ident_equal(&stamp.ident, &step->staged_ident)) {
		ret = ESTALE;
	}
	if (ret != 0) {
		close(*fd);
		*fd = -1;
	}
	return ret;
}

/* Is it what was expected, and may it be put away? */
static int old_check(struct dfsr_apply *apply, struct dfsr_apply_step *step,
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

static int exchange(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		    const struct apply_place *place)
{
	int stagedir = apply->dirfd[DFSR_DIR_STAGING];
	int dispdir = apply->dirfd[DFSR_DIR_DISPLACED];
	int ret;

	ret = apply_rename_free(stagedir, step->staged, dispdir,
				step->displaced);
	if (ret != 0) {
		return ret;
	}
	ret = apply_exchange(dispdir, step->displaced, place->dirfd,
			     place->leaf);
	if (ret != 0) {
		apply_rename_free(dispdir, step->displaced, stagedir,
				  step->staged);
		return ret == ENOENT ? ESTALE : ret;
	}
	return 0;
}

static int look_at_both(struct dfsr_apply *apply,
			struct dfsr_apply_step *step, int newfd)
{
	int ret;

	ret = apply_step_result(step, newfd);
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_fs_stamp_at(apply->dirfd[DFSR_DIR_DISPLACED],
			       step->displaced, &step->displaced_stamp);
	if (ret != 0) {
		return ret;
	}
	if (!apply_expected(&step->expect, &step->displaced_stamp)) {
		step->displaced_changed = true;
	}
	return 0;
}

static int replace_at(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		      const struct apply_place *place, int *newfd)
{
	bool done = false;
	int ret;

	ret = replace_resume(apply, step, place, &done);
	if (ret != 0) {
		return ret;
	}
	if (done) {
		/* what it was just before is not known any more */
		step->displaced_changed = true;
		*newfd = dfsr_fs_openat(place->dirfd, place->leaf, O_PATH, 0);
		return *newfd == -1 ? errno : 0;
	}
	ret = staged_open(apply, step, newfd);
	if (ret != 0) {
		return ret;
	}
	ret = old_check(apply, step, place);
	if (ret != 0) {
		return ret;
	}
	return exchange(apply, step, place);
}

int apply_step_replace(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		       struct apply_sync *sync)
{
	struct apply_place place;
	int newfd = -1;
	int ret;

	if (!apply_name_valid(step->staged) ||
	    !apply_name_valid(step->displaced) ||
	    dfsr_ident_is_null(&step->expect.ident)) {
		return EINVAL;
	}
	ret = apply_place_open(apply, step->path, &step->parent, &place);
	if (ret != 0) {
		return ret;
	}
	ret = replace_at(apply, step, &place, &newfd);
	if (ret == 0) {
		apply_sync_add(sync, place.dirfd);
		apply_sync_add(sync, apply->dirfd[DFSR_DIR_DISPLACED]);
		apply_sync_add(sync, apply->dirfd[DFSR_DIR_STAGING]);
		ret = look_at_both(apply, step, newfd);
	}
	if (newfd != -1) {
		close(newfd);
	}
	apply_place_close(&place);
	return ret;
}

/* ---- install: nothing may be there --------------------------------------- */

static int install_at(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		      const struct apply_place *place, int *newfd)
{
	int ret;

	if (!dfsr_ident_is_null(&step->staged_ident) &&
	    is_at(place->dirfd, place->leaf, &step->staged_ident)) {
		*newfd = dfsr_fs_openat(place->dirfd, place->leaf, O_PATH, 0);
		return *newfd == -1 ? errno : 0;
	}
	ret = staged_open(apply, step, newfd);
	if (ret != 0) {
		return ret;
	}
	return apply_rename_free(apply->dirfd[DFSR_DIR_STAGING], step->staged,
				 place->dirfd, place->leaf);
}

int apply_step_install(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		       struct apply_sync *sync)
{
	struct apply_place place;
	int newfd = -1;
	int ret;

	if (!apply_name_valid(step->staged)) {
		return EINVAL;
	}
	ret = apply_place_open(apply, step->path, &step->parent, &place);
	if (ret != 0) {
		return ret;
	}
	ret = install_at(apply, step, &place, &newfd);
	if (ret == 0) {
		apply_sync_add(sync, place.dirfd);
		apply_sync_add(sync, apply->dirfd[DFSR_DIR_STAGING]);
		ret = apply_step_result(step, newfd);
	}
	if (newfd != -1) {
		close(newfd);
	}
	apply_place_close(&place);
	return ret;
}
