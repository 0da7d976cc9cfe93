/*
   Samba DFS Replication
   Is a content path fit? What the disk of this node says

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
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent_control_state.h"

/** True if `path` is `root` or lies below it. */
static bool dfsr_content_below(const char *path, const char *root)
{
	size_t len = strlen(root);

	return strncmp(path, root, len) == 0 &&
	       (path[len] == '/' || path[len] == '\0');
}

static int dfsr_content_overlap(struct dfsr_agent *agent, const char *real,
				TALLOC_CTX *mem_ctx, char **why)
{
	struct dfsr_folder *f = NULL;
	char *other = NULL;
	bool inside, around;

	for (f = agent->folders; f != NULL; f = f->next) {
		other = realpath(f->content_path, NULL);
		if (other == NULL || strcmp(other, real) == 0) {
			free(other);
			continue;
		}
		inside = dfsr_content_below(real, other);
		around = dfsr_content_below(other, real);
		free(other);
		if (inside || around) {
			*why = talloc_asprintf(
				mem_ctx, "%s lies %s %s, the content path of "
				"%s/%s: choose a directory beside it", real,
				inside ? "inside" : "around", f->content_path,
				f->group_name, f->name);
			return EEXIST;
		}
	}
	return 0;
}

/** xattrs and write access, tried with a file of our own. */
static int dfsr_content_try(const char *real, TALLOC_CTX *mem_ctx, char **why)
{
	char *path = talloc_asprintf(mem_ctx, "%s/.dfsr-probe-XXXXXX", real);
	int fd, ret = 0;

	if (path == NULL) {
		return ENOMEM;
	}
	fd = mkstemp(path);
	if (fd == -1) {
		ret = errno;
		*why = talloc_asprintf(mem_ctx, "%s cannot be written to: %s",
				       real, strerror(ret));
		return ret;
	}
	if (fsetxattr(fd, "user.dfsr.probe", "1", 1, 0) != 0) {
		ret = errno;
		*why = talloc_asprintf(mem_ctx, "the filesystem of %s keeps "
				       "no extended attributes (%s): ACLs and "
				       "streams need them", real,
				       strerror(ret));
	}
	unlink(path);
	close(fd);
	return ret;
}

int dfsr_agent_check_content(struct dfsr_agent *agent, const char *path,
			     TALLOC_CTX *mem_ctx, char **why)
{
	struct stat st;
	char *real = NULL;
	int ret = 0;

	if (lstat(path, &st) != 0) {
		ret = errno;
		*why = talloc_asprintf(mem_ctx, "content path %s: %s: make it "
				       "first, on the filesystem that is to "
				       "hold the folder", path, strerror(ret));
		return ret;
	}
	if (!S_ISDIR(st.st_mode)) {
		*why = talloc_asprintf(mem_ctx, "content path %s is not a "
				       "directory", path);
		return ENOTDIR;
	}
	real = realpath(path, NULL);
	if (real == NULL) {
		return errno;
	}
	ret = dfsr_content_overlap(agent, real, mem_ctx, why);
	if (ret == 0) {
		ret = dfsr_content_try(real, mem_ctx, why);
	}
	free(real);
	return ret;
}
