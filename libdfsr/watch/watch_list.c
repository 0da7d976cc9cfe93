/*
   Samba DFS Replication
   All names of one directory

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

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dfsr_watch.h"

static int entry_cmp(const void *a, const void *b)
{
	const struct dfsr_watch_entry *ea = a;
	const struct dfsr_watch_entry *eb = b;

	return strcmp(ea->name, eb->name);
}

static struct dfsr_watch_entry *entry_new(struct dfsr_watch_listing *l)
{
	struct dfsr_watch_entry *e = NULL;
	size_t alloc = talloc_array_length(l->entries);

	if (l->num == UINT32_MAX) {
		return NULL;
	}
	if (l->num == alloc) {
		e = talloc_realloc(l, l->entries, struct dfsr_watch_entry,
				   alloc == 0 ? 64 : 2 * alloc);
		if (e == NULL) {
			return NULL;
		}
		l->entries = e;
	}
	return &l->entries[l->num];
}

static int list_name(struct dfsr_watch_listing *l, int fd, dev_t dev,
		     const char *name)
{
	struct dfsr_watch_entry *e = NULL;
	struct dfsr_stamp stamp;
	dev_t there;
	int ret;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    dfsr_name_private(name)) {
		return 0;
	}
	if (!dfsr_name_valid(name)) {
		l->skipped++;
		return 0;
	}
	ret = dfsr_fs_stamp_dev(fd, name, &stamp, &there);
	if (ret == ENOENT) {
		return 0;
	}
	if (ret != 0) {
		return ret;
	}
	if (dfsr_fs_kind(stamp.mode) == 0 || there != dev) {
		l->skipped++;
		return 0;
	}
	e = entry_new(l);
	if (e == NULL) {
		return ENOMEM;
	}
	e->stamp = stamp;
	e->name = talloc_strdup(l, name);
	if (e->name == NULL) {
		return ENOMEM;
	}
	l->num++;
	return 0;
}

static int list_names(struct dfsr_watch_listing *l, DIR *dir, dev_t dev)
{
	struct dirent *d = NULL;
	int ret;

	while (true) {
		errno = 0;
		d = readdir(dir);
		if (d == NULL) {
			return errno;
		}
		ret = list_name(l, dirfd(dir), dev, d->d_name);
		if (ret != 0) {
			return ret;
		}
	}
}

int dfsr_watch_list(TALLOC_CTX *mem_ctx, const struct dfsr_fs_root *root,
		    const char *relpath, struct dfsr_watch_listing **listing)
{
	struct dfsr_watch_listing *l = NULL;
	DIR *dir = NULL;
	int fd, ret;

	fd = dfsr_fs_open(root, relpath, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1) {
		return errno;
	}
	l = talloc_zero(mem_ctx, struct dfsr_watch_listing);
	if (l == NULL) {
		close(fd);
		return ENOMEM;
	}
	/* the stamp first: an entry that comes meanwhile makes it differ */
	ret = dfsr_fs_stamp(fd, &l->dir);
	if (ret != 0) {
		close(fd);
		goto fail;
	}
	dir = fdopendir(fd);
	if (dir == NULL) {
		ret = errno;
		close(fd);
		goto fail;
	}
	ret = list_names(l, dir, root->dev);
	closedir(dir);
	if (ret != 0) {
		goto fail;
	}
	if (l->num > 1) {
		qsort(l->entries, l->num, sizeof(*l->entries), entry_cmp);
	}
	*listing = l;
	return 0;
fail:
	TALLOC_FREE(l);
	return ret;
}
