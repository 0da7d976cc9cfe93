/*
   Samba DFS Replication
   Removing what nobody needs any more

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
#include "apply_private.h"

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/** The names to keep, sorted. */
struct keep_list {
	const char **names;
	uint32_t num;
};

static bool is_kept(const struct keep_list *keep, const char *name)
{
	return keep->num > 0 && bsearch(&name, keep->names, keep->num,
					sizeof(*keep->names),
					name_cmp) != NULL;
}

static int clean_dir(DIR *dir, const struct keep_list *keep)
{
	struct dirent *d = NULL;
	int ret = 0;
	int err;

	while (true) {
		errno = 0;
		d = readdir(dir);
		if (d == NULL) {
			return errno != 0 ? errno : ret;
		}
		if (strcmp(d->d_name, ".") == 0 ||
		    strcmp(d->d_name, "..") == 0 ||
		    is_kept(keep, d->d_name)) {
			continue;
		}
		/* one that cannot be removed does not keep the others */
		err = apply_tree_remove(dirfd(dir), d->d_name);
		if (err != 0) {
			ret = err;
		}
	}
}

int dfsr_apply_clean(struct dfsr_apply *apply, enum dfsr_apply_dir which,
		     const char *const *keep, uint32_t num_keep)
{
	struct keep_list list = {.num = num_keep};
	DIR *dir = NULL;
	int fd, ret;

	if (which != DFSR_DIR_STAGING && which != DFSR_DIR_PARKING) {
		return EINVAL;
	}
	fd = dfsr_fs_openat(apply->dirfd[which], ".", O_RDONLY | O_DIRECTORY,
			    0);
	if (fd == -1) {
		return errno;
	}
	dir = fdopendir(fd);
	if (dir == NULL) {
		ret = errno;
		close(fd);
		return ret;
	}
	if (num_keep > 0) {
		list.names = talloc_memdup(NULL, keep,
					   num_keep * sizeof(*keep));
		if (list.names == NULL) {
			closedir(dir);
			return ENOMEM;
		}
		qsort(list.names, num_keep, sizeof(*list.names), name_cmp);
	}
	ret = clean_dir(dir, &list);
	closedir(dir);
	TALLOC_FREE(list.names);
	return ret;
}
