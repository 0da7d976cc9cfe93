/*
   Samba DFS Replication
   Looking at one name

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
#include "dfsr_watch.h"

/** One look on its way. */
struct look_state {
	TALLOC_CTX *mem_ctx;
	const struct dfsr_fs_root *root;
	const char *leaf; /* NULL: the root itself */
	int dirfd;
	unsigned flags;
	const struct dfsr_stamp *known;
	struct dfsr_look *look;
};

/* The directory of a name may be gone, or something else by now. */
static int parent_errno(int err)
{
	switch (err) {
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
		return ESTALE;
	default:
		return err;
	}
}

static bool is_known(const struct look_state *s)
{
	if ((s->flags & DFSR_LOOK_IF_CHANGED) == 0 || s->known == NULL) {
		return false;
	}
	return s->known->settled &&
	       dfsr_stamp_equal(s->known, &s->look->stamp);
}

/* True if the name still leads to what was looked at. */
static bool same_name(const struct look_state *s)
{
	struct dfsr_stamp now;
	int ret;

	if (s->leaf == NULL) {
		return true;
	}
	ret = dfsr_fs_stamp_at(s->dirfd, s->leaf, &now);
	return ret == 0 &&
	       dfsr_ident_equal(&now.ident, &s->look->stamp.ident);
}

static int look_read(struct look_state *s, int pathfd)
{
	bool sync = (s->flags & DFSR_LOOK_NOSYNC) == 0;
	struct dfsr_look *look = s->look;
	struct dfsr_fs_object obj;
	int ret;

	ret = dfsr_fs_object_read(s->mem_ctx, pathfd, sync ? s->dirfd : -1,
				  1, &obj);
	if (ret != 0) {
		return ret;
	}
	if (!same_name(s)) {
		TALLOC_FREE(obj.meta);
		return EAGAIN;
	}
	look->stamp = obj.stamp;
	look->meta = obj.meta;
	look->attributes = obj.attributes;
	memcpy(look->content_hash, obj.content_hash, DFSR_HASH_LEN);
	memcpy(look->meta_hash, obj.meta_hash, DFSR_HASH_LEN);
	look->hashed = true;
	return 0;
}

static int look_object(struct look_state *s, int pathfd)
{
	struct dfsr_look *look = s->look;
	dev_t dev;
	int ret;

	ret = dfsr_fs_stamp_dev(pathfd, "", &look->stamp, &dev);
	if (ret != 0) {
		return ret;
	}
	look->exists = true;
	look->kind = dfsr_fs_kind(look->stamp.mode);
	if (dev != s->root->dev) {
		look->kind = 0;
	}
	if (look->kind == 0) {
		return 0;
	}
	ret = dfsr_fs_handle(pathfd, look->fh, &look->fh_len, &look->fh_type);
	if (ret != 0) {
		return ret;
	}
	if ((s->flags & DFSR_LOOK_HASH) == 0 || is_known(s)) {
		return 0;
	}
	return look_read(s, pathfd);
}

static int look_once(struct look_state *s)
{
	struct dfsr_look *look = s->look;
	int fd, ret;

	*look = (struct dfsr_look){.exists = false};
	ret = dfsr_fs_stamp(s->dirfd, &look->parent);
	if (ret != 0) {
		return ret;
	}
	if (look->parent.nlink == 0) {
		return ESTALE;
	}
	fd = dfsr_fs_openat(s->dirfd, s->leaf == NULL ? "." : s->leaf, O_PATH,
			    0);
	if (fd == -1 && errno == EXDEV) {
		look->exists = true; /* a mount point: kind 0 */
		return dfsr_fs_stamp_at(s->dirfd, s->leaf, &look->stamp);
	}
	if (fd == -1) {
		return errno == ENOENT ? 0 : errno;
	}
	ret = look_object(s, fd);
	close(fd);
	return ret;
}

int dfsr_watch_look(TALLOC_CTX *mem_ctx, const struct dfsr_fs_root *root,
		    const char *relpath, unsigned flags,
		    const struct dfsr_stamp *known, struct dfsr_look *look)
{
	struct look_state s = {
		.mem_ctx = mem_ctx,
		.root = root,
		.flags = flags,
		.known = known,
		.look = look,
	};
	unsigned i;
	int ret = EAGAIN;

	*look = (struct dfsr_look){.exists = false};
	if (relpath[0] == '\0') {
		s.dirfd = dfsr_fs_open(root, "", O_RDONLY | O_DIRECTORY, 0);
	} else {
		s.dirfd = dfsr_fs_open_parent(root, relpath, &s.leaf);
	}
	if (s.dirfd == -1) {
		return parent_errno(errno);
	}
	for (i = 0; i <= DFSR_LOOK_RETRIES && ret == EAGAIN; i++) {
		ret = look_once(&s);
	}
	close(s.dirfd);
	return ret;
}
