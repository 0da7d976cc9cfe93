/*
   Samba DFS Replication
   Places in the tree, and whether they hold what was expected

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
#include <unistd.h>
#include "apply_private.h"

int apply_place_open(struct dfsr_apply *apply, const char *path,
		     const struct dfsr_ident *parent,
		     struct apply_place *place)
{
	struct dfsr_stamp stamp;
	dev_t dev;
	int ret;

	place->dirfd = -1;
	if (path == NULL) {
		return EINVAL;
	}
	place->dirfd = dfsr_fs_open_parent(apply->root, path, &place->leaf);
	if (place->dirfd == -1) {
		switch (errno) {
		case ENOENT:
		case ENOTDIR:
		case ELOOP:
			return ESTALE;
		default:
			return errno;
		}
	}
	ret = dfsr_fs_stamp_dev(place->dirfd, "", &stamp, &dev);
	if (ret == 0 && dev != apply->root->dev) {
		ret = EXDEV;
	}
	if (ret == 0 && !dfsr_ident_is_null(parent) &&
	    !dfsr_ident_equal(parent, &stamp.ident)) {
		ret = ESTALE;
	}
	if (ret != 0) {
		apply_place_close(place);
	}
	return ret;
}

void apply_place_close(struct apply_place *place)
{
	if (place->dirfd != -1) {
		close(place->dirfd);
		place->dirfd = -1;
	}
}

bool apply_expected(const struct dfsr_stamp *expect,
		    const struct dfsr_stamp *now)
{
	/* entries come and go in a directory without a change of its own */
	if (dfsr_fs_kind(now->mode) == DFSR_KIND_DIRECTORY) {
		return dfsr_ident_equal(&expect->ident, &now->ident) &&
		       expect->mode == now->mode;
	}
	return dfsr_stamp_same_data(expect, now);
}

int apply_expect_open(int dirfd, const char *leaf,
		      const struct dfsr_stamp *expect, int *fd,
		      struct dfsr_stamp *now)
{
	int ret;

	*fd = dfsr_fs_openat(dirfd, leaf, O_PATH, 0);
	if (*fd == -1) {
		return errno == ENOENT ? ESTALE : errno;
	}
	ret = dfsr_fs_stamp(*fd, now);
	if (ret == 0 && !apply_expected(expect, now)) {
		ret = ESTALE;
	}
	if (ret != 0) {
		close(*fd);
		*fd = -1;
	}
	return ret;
}
