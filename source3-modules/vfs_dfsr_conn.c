/*
   Samba DFS Replication
   Journaling VFS module: which connections journal

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
#include <sys/vfs.h>

/*
 * A connection journals if its share lies inside a content root or holds
 * one. That is decided by walking from one directory to the root of the
 * filesystem and looking for the identity of the other, because paths lie:
 * symbolic links, bind mounts, %U. What cannot be excluded is journaled: a
 * record that nobody needs costs a look, one that is missing loses a change.
 *
 * It is decided at the first change after the folder table's generation has
 * moved. The generation is acknowledged only between operations, and after
 * the asynchronous writes that are under way have got their intents.
 */

/** Deepest directory that is looked at on the way up. */
#define WALK_MAX 4096

/* Of this process; hooks run on one thread. */
static uint32_t process_depth;
static uint64_t process_generation;

static const struct dfsr_journal_root_fns root_fns = {
	.become_root = become_root,
	.unbecome_root = unbecome_root,
};

void dfsr_vfs_hide(struct vfs_handle_struct *handle)
{
	const struct loadparm_substitution *lp_sub =
		loadparm_s3_global_substitution();
	int snum = SNUM(handle->conn);
	char *list = lp_veto_files(talloc_tos(), lp_sub, snum);
	char *more = NULL;
	size_t len = list == NULL ? 0 : strlen(list);

	if (len > 0 && strstr(list, "/" DFSR_PRIVATE_DIR "/") != NULL) {
		goto done;
	}
	more = talloc_asprintf(talloc_tos(), "%s%s" DFSR_PRIVATE_DIR "/",
			       len == 0 ? "" : list,
			       len > 0 && list[len - 1] == '/' ? "" : "/");
	if (more == NULL ||
	    !lp_do_parameter(snum, "veto files", more)) {
		DBG_ERR("cannot hide " DFSR_PRIVATE_DIR "\n");
	}
done:
	TALLOC_FREE(more);
	TALLOC_FREE(list);
}

/*
 * The writer, if dfsrd has ever run here. As long as it has not, this is
 * tried again at every change, and must be cheap: the user can see whether
 * the directory is there.
 */
static bool conn_writer(struct dfsr_vfs_conn *c)
{
	struct stat st;
	int saved = errno;

	if (stat(c->dir, &st) == 0 &&
	    dfsr_journal_writer_open(c->dir, &root_fns, &c->writer) != 0) {
		c->writer = NULL;
	}
	errno = saved;
	return c->writer != NULL;
}

void dfsr_vfs_attach(struct vfs_handle_struct *handle)
{
	struct dfsr_vfs_conn *c = talloc_zero(handle->conn,
					      struct dfsr_vfs_conn);

	if (c == NULL) {
		return;
	}
	c->handle = handle;
	c->lowest = handle->next != NULL && handle->next->next == NULL;
	c->dir = talloc_asprintf(c, "%s/dfs", lp_state_directory());
	if (c->dir == NULL) {
		TALLOC_FREE(c);
		return;
	}
	conn_writer(c);
	handle->data = c;
}

/* ---- does this share concern a folder? ---------------------------------- */

/* True if one of the identities is path's or that of a directory above. */
static bool walk_up(const char *path, const struct dfsr_ident *wanted,
		    uint32_t num, bool *sure)
{
	struct dfsr_ident last = {.ino = 0};
	struct dfsr_ident here;
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool found = false;
	size_t depth = 0;

	*sure = fd != -1;
	for (depth = 0; fd != -1 && !found && depth < WALK_MAX; depth++) {
		uint32_t i = 0;
		int up = -1;

		if (!dfsr_vfs_ident(fd, "", &here)) {
			*sure = false;
			break;
		}
		for (i = 0; i < num && !found; i++) {
			found = memcmp(&here, &wanted[i], sizeof(here)) == 0;
		}
		if (memcmp(&here, &last, sizeof(here)) == 0) {
			break; /* the root is its own parent */
		}
		last = here;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		*sure = up != -1;
		close(fd);
		fd = up;
	}
	if (fd != -1) {
		close(fd);
	}
	return found;
}

static uint64_t path_mount(const char *path)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &stx) == -1 ||
	    !(stx.stx_mask & STATX_MNT_ID)) {
		return 0;
	}
	return stx.stx_mnt_id;
}

/* One filesystem, mounted twice: walking up cannot tell. */
static bool other_mount(const char *share,
			const struct dfsr_journal_folder *e)
{
	struct statfs fs;
	uint64_t fsid = 0;

	if (statfs(share, &fs) == -1) {
		return true;
	}
	memcpy(&fsid, &fs.f_fsid, sizeof(fsid));
	return fsid == e->fsid && path_mount(share) != path_mount(e->path);
}

static bool folder_concerns(const char *share, const struct dfsr_ident *top,
			    const struct dfsr_journal_folder *e)
{
	bool sure = false;

	if (!e->enabled) {
		return false;
	}
	if (walk_up(share, &e->root, 1, &sure) || !sure) {
		return true;
	}
	if (walk_up(e->path, top, 1, &sure) || !sure) {
		return true;
	}
	return other_mount(share, e);
}

static void conn_roots(struct dfsr_vfs_conn *c,
		       const struct dfsr_journal_folders *t)
{
	uint32_t i = 0;

	TALLOC_FREE(c->roots);
	c->num_roots = 0;
	c->roots = talloc_array(c, struct dfsr_ident, t->num);
	for (i = 0; c->roots != NULL && i < t->num; i++) {
		if (t->e[i].enabled) {
			c->roots[c->num_roots++] = t->e[i].root;
		}
	}
}

/* As root. */
static void conn_decide(struct dfsr_vfs_conn *c,
			const struct dfsr_journal_folders *t)
{
	const char *share = c->handle->conn->connectpath;
	struct dfsr_ident top;
	uint32_t i = 0;

	conn_roots(c, t);
	c->journal = !dfsr_vfs_ident(AT_FDCWD, share, &top) && t->num > 0;
	for (i = 0; i < t->num && !c->journal; i++) {
		c->journal = folder_concerns(share, &top, &t->e[i]);
	}
}

static void conn_evaluate(struct dfsr_vfs_conn *c, uint64_t generation)
{
	struct dfsr_journal_folders *t = NULL;
	int saved = errno;
	int ret = 0;

	if (generation == 0) {
		c->journal = false;
		c->generation = 0;
		return;
	}
	become_root();
	ret = dfsr_journal_folders_read(c->dir, &t);
	if (ret == 0) {
		conn_decide(c, t);
	}
	unbecome_root();
	dfsr_journal_folders_free(t);
	if (ret != 0) {
		/* no idea which folders there are: say everything */
		c->journal = true;
	}
	c->generation = generation;
	errno = saved;
}

/* ---- every mutating hook ------------------------------------------------ */

static void process_obey(struct dfsr_vfs_conn *c, uint64_t generation)
{
	process_generation = generation;
	dfsr_vfs_aio_obey(c->writer);
	dfsr_journal_writer_ack(c->writer, generation);
}

bool dfsr_vfs_begin(struct vfs_handle_struct *handle, struct dfsr_vfs_op *op)
{
	struct dfsr_vfs_conn *c = handle->data;
	uint64_t generation = 0;

	op->c = NULL;
	op->journal = false;
	if (c == NULL || (c->writer == NULL && !conn_writer(c))) {
		return false;
	}
	op->c = c;
	generation = dfsr_journal_writer_enter(c->writer);
	if (generation != process_generation && process_depth == 0) {
		process_obey(c, generation);
	}
	process_depth++;
	if (generation != c->generation) {
		conn_evaluate(c, generation);
	}
	op->journal = c->journal;
	return op->journal;
}

void dfsr_vfs_end_sync(struct dfsr_vfs_op *op)
{
	if (op->c != NULL) {
		process_depth--;
	}
}

void dfsr_vfs_end(struct dfsr_vfs_op *op)
{
	if (op->c != NULL) {
		process_depth--;
		dfsr_journal_writer_leave(op->c->writer);
	}
}
