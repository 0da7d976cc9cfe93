/*
   Samba DFS Replication
   Trees: remove, count, copy

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
 * Only ever by descriptor and leaf, links never followed. The depth is
 * limited, since each level holds one or two descriptors.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "apply_private.h"

/** How often an emptied directory may turn out not to be empty. */
#define REMOVE_TRIES 4

/** Called for each name of a directory. */
typedef int (*name_fn)(int dirfd, const char *name, void *private_data);

static int each_name(DIR *dir, name_fn fn, void *private_data)
{
	struct dirent *d = NULL;
	int ret;

	while (true) {
		errno = 0;
		d = readdir(dir);
		if (d == NULL) {
			return errno;
		}
		if (strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0) {
			continue;
		}
		ret = fn(dirfd(dir), d->d_name, private_data);
		if (ret != 0) {
			return ret;
		}
	}
}

static int each_in(int dirfd, const char *name, name_fn fn,
		   void *private_data)
{
	DIR *dir = NULL;
	int fd, ret;

	fd = dfsr_fs_openat(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1) {
		return errno;
	}
	dir = fdopendir(fd);
	if (dir == NULL) {
		ret = errno;
		close(fd);
		return ret;
	}
	ret = each_name(dir, fn, private_data);
	closedir(dir);
	return ret;
}

/* ---- remove -------------------------------------------------------------- */

static int remove_name(int dirfd, const char *name, void *private_data)
{
	unsigned *depth = private_data;
	int ret = ENOTEMPTY;
	int i;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT) {
		return 0;
	}
	if (errno != EISDIR) {
		return errno;
	}
	if (*depth >= DFSR_DEPTH_MAX) {
		return ELOOP;
	}
	for (i = 0; i < REMOVE_TRIES && ret == ENOTEMPTY; i++) {
		(*depth)++;
		ret = each_in(dirfd, name, remove_name, depth);
		(*depth)--;
		if (ret == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) != 0) {
			ret = errno;
		}
	}
	return ret;
}

int apply_tree_remove(int dirfd, const char *name)
{
	unsigned depth = 0;

	return remove_name(dirfd, name, &depth);
}

/* ---- count --------------------------------------------------------------- */

struct count_state {
	struct apply_count *count;
	unsigned depth;
};

static int count_name(int dirfd, const char *name, void *private_data)
{
	struct count_state *s = private_data;
	struct dfsr_stamp stamp;
	int ret;

	ret = dfsr_fs_stamp_at(dirfd, name, &stamp);
	if (ret != 0) {
		return ret;
	}
	if (dfsr_fs_kind(stamp.mode) != DFSR_KIND_DIRECTORY) {
		s->count->files++;
		s->count->size += stamp.size;
		return 0;
	}
	if (s->depth >= DFSR_DEPTH_MAX) {
		return ELOOP;
	}
	s->depth++;
	ret = each_in(dirfd, name, count_name, s);
	s->depth--;
	return ret;
}

int apply_tree_count(int dirfd, const char *name, struct apply_count *count)
{
	struct count_state s = {.count = count};

	*count = (struct apply_count){0};
	return count_name(dirfd, name, &s);
}

/* ---- is anything replicated in it ---------------------------------------- */

static int empty_name(int dirfd, const char *name, void *private_data)
{
	const dev_t *dev = private_data;
	struct dfsr_stamp stamp;
	dev_t there;
	int ret;

	if (!dfsr_name_valid(name)) {
		return 0;
	}
	ret = dfsr_fs_stamp_dev(dirfd, name, &stamp, &there);
	if (ret == ENOENT) {
		return 0;
	}
	if (ret != 0) {
		return ret;
	}
	if (dfsr_fs_kind(stamp.mode) == 0 || there != *dev) {
		return 0;
	}
	return ENOTEMPTY;
}

int apply_dir_empty(int dirfd, const char *name, dev_t dev)
{
	return each_in(dirfd, name, empty_name, &dev);
}

/* ---- copy ---------------------------------------------------------------- */

struct copy_state {
	int todir;
	const char *to; /* NULL: by the name it has */
	unsigned depth;
};

/* The bytes of a file. @return descriptor of the copy, or -1 with errno */
static int copy_file(int pathfd, int todir, const char *to, uint64_t size)
{
	int from, fd, ret;

	from = dfsr_fs_reopen(pathfd);
	if (from == -1) {
		return -1;
	}
	fd = dfsr_fs_openat(todir, to, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd == -1) {
		ret = errno;
		close(from);
		errno = ret;
		return -1;
	}
	ret = apply_file_clone(from, fd, size);
	close(from);
	if (ret != 0) {
		close(fd);
		errno = ret;
		return -1;
	}
	return fd;
}

static int copy_name(int dirfd, const char *name, void *private_data);

/* @return descriptor of the new directory, or -1 with errno */
static int copy_dir(int dirfd, const char *name, struct copy_state *s,
		    const char *to)
{
	struct copy_state below = {.depth = s->depth + 1};
	int ret;

	if (s->depth >= DFSR_DEPTH_MAX) {
		errno = ELOOP;
		return -1;
	}
	if (mkdirat(s->todir, to, 0700) != 0) {
		return -1;
	}
	below.todir = dfsr_fs_openat(s->todir, to, O_RDONLY | O_DIRECTORY, 0);
	if (below.todir == -1) {
		return -1;
	}
	ret = each_in(dirfd, name, copy_name, &below);
	if (ret != 0) {
		close(below.todir);
		errno = ret;
		return -1;
	}
	return below.todir;
}

static int copy_symlink(const struct dfsr_meta *meta, int todir,
			const char *to)
{
	if (symlinkat(meta->symlink, todir, to) != 0) {
		return -1;
	}
	return dfsr_fs_openat(todir, to, O_PATH, 0);
}

static int copy_object(int pathfd, int dirfd, const char *name,
		       struct copy_state *s, const struct dfsr_meta *meta)
{
	const char *to = s->to != NULL ? s->to : name;
	struct dfsr_fs_problem problem;
	struct dfsr_stamp stamp;
	int fd = -1;
	int ret;

	ret = dfsr_fs_stamp(pathfd, &stamp);
	if (ret != 0) {
		return ret;
	}
	switch (dfsr_fs_kind(stamp.mode)) {
	case DFSR_KIND_FILE:
		fd = copy_file(pathfd, s->todir, to, stamp.size);
		break;
	case DFSR_KIND_DIRECTORY:
		fd = copy_dir(dirfd, name, s, to);
		break;
	default:
		fd = copy_symlink(meta, s->todir, to);
		break;
	}
	if (fd == -1) {
		return errno;
	}
	/* an ACL may have been inherited: treat it as not fresh */
	ret = dfsr_fs_meta_write(fd, meta, true, &problem);
	close(fd);
	return ret;
}

static int copy_name(int dirfd, const char *name, void *private_data)
{
	struct copy_state *s = private_data;
	struct dfsr_meta *meta = NULL;
	struct dfsr_stamp stamp;
	int pathfd, ret;

	pathfd = dfsr_fs_openat(dirfd, name, O_PATH, 0);
	if (pathfd == -1) {
		return errno;
	}
	ret = dfsr_fs_stamp(pathfd, &stamp);
	if (ret == 0 && dfsr_fs_kind(stamp.mode) != 0) {
		ret = dfsr_fs_meta_read(NULL, pathfd, &meta);
		if (ret == 0) {
			ret = copy_object(pathfd, dirfd, name, s, meta);
		}
	}
	TALLOC_FREE(meta);
	close(pathfd);
	return ret;
}

int apply_tree_copy(int fromdir, const char *from, int todir, const char *to)
{
	struct copy_state s = {.todir = todir, .to = to};
	struct dfsr_stamp stamp;
	int ret;

	ret = dfsr_fs_stamp_at(todir, to, &stamp);
	if (ret != ENOENT) {
		return ret == 0 ? EEXIST : ret;
	}
	ret = copy_name(fromdir, from, &s);
	if (ret != 0) {
		apply_tree_remove(todir, to);
	}
	return ret;
}
