/*
   Samba DFS Replication
   What the files of this room share and nobody else sees

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

#ifndef __DFSR_APPLY_PRIVATE_H__
#define __DFSR_APPLY_PRIVATE_H__

#include "dfsr_apply.h"

/**
 * With more than this the whole filesystem is synced. Measured on ext4, xfs and
 * btrfs with 16 KiB files: one syncfs() is cheaper from about 4 on, but it also
 * waits for whatever clients are writing at the time, and that has no limit.
 */
#define APPLY_SYNC_MANY 16

/* ---- apply_open.c -------------------------------------------------------- */

/** True for a name that may be used in a private directory. */
bool apply_name_valid(const char *name);
/** The private directory itself. @return descriptor, or -1 with errno */
int apply_private_open(const struct dfsr_apply *apply);

/* ---- apply_rename.c ------------------------------------------------------ */

/**
 * Rename to a name that must be free.
 * @return 0, EEXIST, ENOENT, EOPNOTSUPP, or an errno
 */
int apply_rename_free(int fromdir, const char *from, int todir,
		      const char *to);
/** The way without RENAME_NOREPLACE, for what can have two names. */
int apply_rename_by_link(int fromdir, const char *from, int todir,
			 const char *to);
/** Exchange two names. @return 0, ENOENT, EOPNOTSUPP, or an errno */
int apply_exchange(int dir1, const char *name1, int dir2, const char *name2);
/** EPERM if this is a symbolic link to something private. */
int apply_symlink_check(int dirfd, const char *name);

/* ---- apply_tree.c -------------------------------------------------------- */

/** What is in a tree; the tree itself counts. */
struct apply_count {
	uint64_t size;
	uint64_t files;
};

/** Remove a name and all below it. ENOENT is no error. */
int apply_tree_remove(int dirfd, const char *name);
/** Count files and bytes. */
int apply_tree_count(int dirfd, const char *name, struct apply_count *count);
/** Copy with all metadata; the target name must be free. */
int apply_tree_copy(int fromdir, const char *from, int todir, const char *to);
/**
 * Does a directory hold anything that is replicated?
 * @return 0, ENOTEMPTY, or an errno
 */
int apply_dir_empty(int dirfd, const char *name, dev_t dev);

/* ---- apply_file.c -------------------------------------------------------- */

/** Write all of it at ofs. @return 0 or errno */
int apply_write_all(int fd, const void *data, size_t len, uint64_t ofs);
/**
 * Make fd the same bytes as another file of this size, with the same holes; by
 * sharing its blocks where the filesystem can.
 */
int apply_file_clone(int from, int to, uint64_t size);

/* ---- apply_step.c and its helpers ---------------------------------------- */

/** Directories and objects that are to be made durable at the end. */
struct apply_sync {
	int fds[APPLY_SYNC_MANY];
	struct dfsr_ident idents[APPLY_SYNC_MANY];
	unsigned num;
	bool many; /* too many: the whole filesystem */
};

/** Remember an open directory or object; takes its own descriptor. */
void apply_sync_add(struct apply_sync *sync, int fd);
/** Sync what was remembered and forget it. @return 0 or errno */
int apply_sync_run(struct dfsr_apply *apply, struct apply_sync *sync);
void apply_sync_forget(struct apply_sync *sync);
/**
 * Make some files durable together: all are being written before the first one
 * is waited for, so that they share the commits of the filesystem's log.
 */
int apply_sync_files(const int *fds, unsigned num);

/** A place in the tree: the open directory, and the leaf in it. */
struct apply_place {
	int dirfd;
	const char *leaf;
};

/** Open and check the directory of a path. @return 0, ESTALE, or an errno */
int apply_place_open(struct dfsr_apply *apply, const char *path,
		     const struct dfsr_ident *parent,
		     struct apply_place *place);
void apply_place_close(struct apply_place *place);
/** True if an object still is what was expected, apart from its ctime. */
bool apply_expected(const struct dfsr_stamp *expect,
		    const struct dfsr_stamp *now);
/**
 * Open (O_PATH) what is expected at a name.
 * @return 0, ESTALE if it is something else or nothing, or an errno
 */
int apply_expect_open(int dirfd, const char *leaf,
		      const struct dfsr_stamp *expect, int *fd,
		      struct dfsr_stamp *now);

/** One step of a list: apply_replace.c, apply_remove.c, apply_step.c. */
int apply_step_replace(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		       struct apply_sync *sync);
int apply_step_install(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		       struct apply_sync *sync);
int apply_step_remove(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		      struct apply_sync *sync);
int apply_step_move(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		    struct apply_sync *sync);
int apply_step_meta(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		    struct apply_sync *sync);
/** Fill result and handle from the object that is in place. */
int apply_step_result(struct dfsr_apply_step *step, int pathfd);

#endif /* __DFSR_APPLY_PRIVATE_H__ */
