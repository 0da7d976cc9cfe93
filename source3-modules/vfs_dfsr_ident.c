/*
   Samba DFS Replication
   Journaling VFS module: who an object is

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

#include "vfs_dfsr.h"
#include <sys/stat.h>
#include <sys/sysmacros.h>

bool dfsr_vfs_ident(int fd, const char *path, struct dfsr_ident *ident)
{
	struct statx stx;
	int saved = errno;
	int ret = statx(fd, path, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
			STATX_INO | STATX_BTIME, &stx);

	errno = saved;
	if (ret == -1) {
		*ident = (struct dfsr_ident){.ino = 0};
		return false;
	}
	*ident = (struct dfsr_ident){.ino = stx.stx_ino};
	if (stx.stx_mask & STATX_BTIME) {
		ident->btime_sec = stx.stx_btime.tv_sec;
		ident->btime_nsec = stx.stx_btime.tv_nsec;
	}
	return true;
}

bool dfsr_vfs_ident_fsp(struct files_struct *fsp, struct dfsr_ident *ident)
{
	struct files_struct *base = dfsr_vfs_base(fsp);
	int fd = fsp_get_pathref_fd(base);

	if (fd == -1) {
		/* a stat open: its name is all there is */
		return dfsr_vfs_ident(AT_FDCWD, base->fsp_name->base_name,
				      ident);
	}
	return dfsr_vfs_ident(fd, "", ident);
}

void dfsr_vfs_place(const struct files_struct *dirfsp,
		    const struct smb_filename *smb_fname,
		    struct dfsr_vfs_place *place)
{
	const char *name = smb_fname->base_name;
	const char *slash = strrchr(name, '/');
	int fd = dirfsp == NULL ? AT_FDCWD : fsp_get_pathref_fd(dirfsp);
	char dir[PATH_MAX] = "";

	place->leaf = slash == NULL ? name : slash + 1;
	if (slash != NULL && slash - name < (ptrdiff_t)sizeof(dir) - 1) {
		memcpy(dir, name, MAX(slash - name, 1));
		dir[MAX(slash - name, 1)] = '\0';
	}
	dfsr_vfs_ident(fd, dir, &place->parent);
}

void dfsr_vfs_real_place(int fd, struct dfsr_ident *parent,
			 char leaf[DFSR_NAME_MAX + 1])
{
	char proc[64];
	char path[PATH_MAX];
	char *slash = NULL;
	int saved = errno;
	ssize_t len = 0;

	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	len = readlink(proc, path, sizeof(path) - 1);
	errno = saved;
	if (len <= 0) {
		return;
	}
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (slash == NULL || strlen(slash + 1) > DFSR_NAME_MAX) {
		return;
	}
	strlcpy(leaf, slash + 1, DFSR_NAME_MAX + 1);
	*slash = '\0';
	dfsr_vfs_ident(AT_FDCWD, path[0] == '\0' ? "/" : path, parent);
}

/* True if name is a component of path. */
static bool has_component(const char *path, const char *name)
{
	size_t len = strlen(name);
	const char *p = path;

	while ((p = strstr(p, name)) != NULL) {
		if ((p == path || p[-1] == '/') &&
		    (p[len] == '/' || p[len] == '\0')) {
			return true;
		}
		p += len;
	}
	return false;
}

/*
 * Names are vetoed by smbd. What is left is a symbolic link to a file in
 * there, which smbd follows by going to the directory of the target, and
 * `delete veto files`. A share that lies in the private directory is the
 * administrator's own wish.
 */
bool dfsr_vfs_is_private(const struct vfs_handle_struct *handle,
			 const struct files_struct *dirfsp,
			 const struct smb_filename *smb_fname)
{
	/* streams are opened without a directory */
	if ((dirfsp == NULL || dirfsp->fsp_name == NULL ||
	     !has_component(dirfsp->fsp_name->base_name, DFSR_PRIVATE_DIR)) &&
	    !has_component(smb_fname->base_name, DFSR_PRIVATE_DIR)) {
		return false;
	}
	return !has_component(handle->conn->connectpath, DFSR_PRIVATE_DIR);
}

bool dfsr_vfs_is_root(const struct dfsr_vfs_conn *c,
		      const struct dfsr_ident *object)
{
	uint32_t i = 0;

	for (i = 0; i < c->num_roots; i++) {
		const struct dfsr_ident *r = &c->roots[i];

		if (r->ino == object->ino &&
		    r->btime_sec == object->btime_sec &&
		    r->btime_nsec == object->btime_nsec) {
			return true;
		}
	}
	return false;
}
