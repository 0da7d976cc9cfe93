/*
   Samba DFS Replication
   Journaling VFS module: hooks on names

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

/*
 * Intent before, outcome after, failed or not. An operation with two names
 * looks at both. The outcome names what has come to be, as it is now.
 *
 * A module below us may do something else than it is told: recycle renames
 * instead of removing, catia changes the name. If there is one, the object
 * is held by a descriptor, and what has become of it is asked of the kernel:
 * an outcome's second place is then where it is.
 */

static bool is_stream(const struct smb_filename *smb_fname)
{
	return smb_fname->stream_name != NULL;
}

/* Fill in what is known before; true if the operation is journaled. */
static bool path_begin(struct vfs_handle_struct *handle,
		       struct dfsr_vfs_path_op *p, uint8_t what,
		       const struct files_struct *dirfsp,
		       const struct smb_filename *smb_fname)
{
	struct dfsr_vfs_place place;
	int dirfd = dirfsp == NULL ? AT_FDCWD : fsp_get_pathref_fd(dirfsp);

	p->fd = -1;
	if (!dfsr_vfs_begin(handle, &p->op)) {
		return false;
	}
	dfsr_vfs_place(dirfsp, smb_fname, &place);
	p->rec = (struct dfsr_journal_record){
		.kind = DFSR_JOURNAL_INTENT,
		.op = is_stream(smb_fname) ? DFSR_JOURNAL_OP_META : what,
		.parent = place.parent,
	};
	strlcpy(p->rec.name, place.leaf, sizeof(p->rec.name));
	dfsr_vfs_ident(dirfd, smb_fname->base_name, &p->rec.object);
	return true;
}

/* Hold the object, if somebody below us may take it elsewhere. */
static void path_hold(struct dfsr_vfs_path_op *p,
		      const struct files_struct *dirfsp,
		      const struct smb_filename *smb_fname)
{
	int saved = errno;

	if (!p->op.c->lowest && p->rec.op != DFSR_JOURNAL_OP_META) {
		p->fd = openat(fsp_get_pathref_fd(dirfsp),
			       smb_fname->base_name,
			       O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	errno = saved;
}

static void path_intent(struct dfsr_vfs_path_op *p)
{
	if (p->op.journal) {
		dfsr_journal_writer_append(p->op.c->writer, &p->rec);
	}
}

/* Where is what was held? Nowhere, if it has no name any more. */
static void path_held(struct dfsr_vfs_path_op *p)
{
	int saved = errno;
	struct stat st;

	if (fstat(p->fd, &st) == 0 && st.st_nlink > 0) {
		dfsr_vfs_real_place(p->fd, &p->rec.parent2, p->rec.name2);
	}
	close(p->fd);
	p->fd = -1;
	errno = saved;
}

static void path_end(struct dfsr_vfs_path_op *p, int error)
{
	if (p->fd != -1) {
		path_held(p);
	}
	if (p->op.journal) {
		p->rec.kind = DFSR_JOURNAL_OUTCOME;
		p->rec.reason = DFSR_JOURNAL_REASON_DONE;
		p->rec.error = error;
		dfsr_journal_writer_append(p->op.c->writer, &p->rec);
	}
	dfsr_vfs_end(&p->op);
}

/* As path_end(), for what has just been made at this place. */
static void path_made(struct dfsr_vfs_path_op *p, int ret,
		      const struct files_struct *dirfsp,
		      const struct smb_filename *smb_fname)
{
	if (p->op.journal && ret == 0) {
		dfsr_vfs_ident(fsp_get_pathref_fd(dirfsp),
			       smb_fname->base_name, &p->rec.object);
	}
	path_end(p, ret == 0 ? 0 : errno);
}

int dfsr_vfs_mkdirat(struct vfs_handle_struct *handle,
		     struct files_struct *dirfsp,
		     const struct smb_filename *smb_fname, mode_t mode)
{
	struct dfsr_vfs_path_op p;
	int ret = 0;

	path_begin(handle, &p, DFSR_JOURNAL_OP_MKDIR, dirfsp, smb_fname);
	path_intent(&p);
	ret = SMB_VFS_NEXT_MKDIRAT(handle, dirfsp, smb_fname, mode);
	path_made(&p, ret, dirfsp, smb_fname);
	return ret;
}

/* Refuse to move or remove a content root. */
static bool path_refuse(struct dfsr_vfs_path_op *p)
{
	if (!p->op.journal || !dfsr_vfs_is_root(p->op.c, &p->rec.object)) {
		return false;
	}
	dfsr_vfs_end(&p->op);
	errno = EACCES;
	return true;
}

int dfsr_vfs_unlinkat(struct vfs_handle_struct *handle,
		      struct files_struct *dirfsp,
		      const struct smb_filename *smb_fname, int flags)
{
	struct dfsr_vfs_path_op p;
	int ret = 0;

	if (dfsr_vfs_is_private(handle, dirfsp, smb_fname)) {
		errno = EACCES;
		return -1;
	}
	if (path_begin(handle, &p,
		       (flags & AT_REMOVEDIR) ? DFSR_JOURNAL_OP_RMDIR
					      : DFSR_JOURNAL_OP_UNLINK,
		       dirfsp, smb_fname)) {
		if (!is_stream(smb_fname) && path_refuse(&p)) {
			return -1;
		}
		path_hold(&p, dirfsp, smb_fname);
	}
	path_intent(&p);
	ret = SMB_VFS_NEXT_UNLINKAT(handle, dirfsp, smb_fname, flags);
	path_end(&p, ret == 0 ? 0 : errno);
	return ret;
}

/* The other place of an operation with two. */
static void path_second(struct dfsr_vfs_path_op *p,
			const struct files_struct *dirfsp,
			const struct smb_filename *smb_fname,
			struct dfsr_ident *there)
{
	struct dfsr_vfs_place place;

	dfsr_vfs_place(dirfsp, smb_fname, &place);
	p->rec.parent2 = place.parent;
	strlcpy(p->rec.name2, place.leaf, sizeof(p->rec.name2));
	dfsr_vfs_ident(fsp_get_pathref_fd(dirfsp), smb_fname->base_name,
		       there);
}

int dfsr_vfs_renameat(struct vfs_handle_struct *handle,
		      struct files_struct *srcdir_fsp,
		      const struct smb_filename *smb_fname_src,
		      struct files_struct *dstdir_fsp,
		      const struct smb_filename *smb_fname_dst
			      DFSR_COMPAT_RENAME_PARAM)
{
	struct dfsr_vfs_path_op p;
	int ret = 0;

	if (dfsr_vfs_is_private(handle, srcdir_fsp, smb_fname_src) ||
	    dfsr_vfs_is_private(handle, dstdir_fsp, smb_fname_dst)) {
		errno = EACCES;
		return -1;
	}
	if (path_begin(handle, &p, DFSR_JOURNAL_OP_RENAME, srcdir_fsp,
		       smb_fname_src)) {
		if (!is_stream(smb_fname_src) && path_refuse(&p)) {
			return -1;
		}
		path_second(&p, dstdir_fsp, smb_fname_dst, &p.rec.replaced);
		path_hold(&p, srcdir_fsp, smb_fname_src);
	}
	path_intent(&p);
	ret = SMB_VFS_NEXT_RENAMEAT(handle, srcdir_fsp, smb_fname_src,
				    dstdir_fsp, smb_fname_dst
				    DFSR_COMPAT_RENAME_ARG);
	path_end(&p, ret == 0 ? 0 : errno);
	return ret;
}

int dfsr_vfs_lchown(struct vfs_handle_struct *handle,
		    const struct smb_filename *smb_fname, uid_t uid,
		    gid_t gid)
{
	struct dfsr_vfs_path_op p;
	int ret = 0;

	path_begin(handle, &p, DFSR_JOURNAL_OP_META, NULL, smb_fname);
	path_intent(&p);
	ret = SMB_VFS_NEXT_LCHOWN(handle, smb_fname, uid, gid);
	path_end(&p, ret == 0 ? 0 : errno);
	return ret;
}

int dfsr_vfs_symlinkat(struct vfs_handle_struct *handle,
		       const struct smb_filename *link_contents,
		       struct files_struct *dirfsp,
		       const struct smb_filename *new_smb_fname)
{
	struct dfsr_vfs_path_op p;
	int ret = 0;

	path_begin(handle, &p, DFSR_JOURNAL_OP_SYMLINK, dirfsp,
		   new_smb_fname);
	path_intent(&p);
	ret = SMB_VFS_NEXT_SYMLINKAT(handle, link_contents, dirfsp,
				     new_smb_fname);
	path_made(&p, ret, dirfsp, new_smb_fname);
	return ret;
}

int dfsr_vfs_linkat(struct vfs_handle_struct *handle,
		    struct files_struct *srcfsp,
		    const struct smb_filename *old_smb_fname,
		    struct files_struct *dstfsp,
		    const struct smb_filename *new_smb_fname, int flags)
{
	struct dfsr_vfs_path_op p;
	int ret = 0;

	if (path_begin(handle, &p, DFSR_JOURNAL_OP_LINK, srcfsp,
		       old_smb_fname)) {
		path_second(&p, dstfsp, new_smb_fname, &p.rec.replaced);
	}
	path_intent(&p);
	ret = SMB_VFS_NEXT_LINKAT(handle, srcfsp, old_smb_fname, dstfsp,
				  new_smb_fname, flags);
	path_end(&p, ret == 0 ? 0 : errno);
	return ret;
}

int dfsr_vfs_mknodat(struct vfs_handle_struct *handle,
		     struct files_struct *dirfsp,
		     const struct smb_filename *smb_fname, mode_t mode,
		     SMB_DEV_T dev)
{
	struct dfsr_vfs_path_op p;
	int ret = 0;

	path_begin(handle, &p, DFSR_JOURNAL_OP_MKNOD, dirfsp, smb_fname);
	path_intent(&p);
	ret = SMB_VFS_NEXT_MKNODAT(handle, dirfsp, smb_fname, mode, dev);
	path_made(&p, ret, dirfsp, smb_fname);
	return ret;
}

/* The default implementation calls symlinkat() itself. */
NTSTATUS dfsr_vfs_create_dfs_pathat(struct vfs_handle_struct *handle,
				    struct files_struct *dirfsp,
				    const struct smb_filename *smb_fname,
				    const struct referral *reflist,
				    size_t referral_count)
{
	struct dfsr_vfs_path_op p;
	NTSTATUS status;

	path_begin(handle, &p, DFSR_JOURNAL_OP_SYMLINK, dirfsp, smb_fname);
	path_intent(&p);
	status = SMB_VFS_NEXT_CREATE_DFS_PATHAT(handle, dirfsp, smb_fname,
						reflist, referral_count);
	if (!NT_STATUS_IS_OK(status)) {
		errno = map_errno_from_nt_status(status);
	}
	path_made(&p, NT_STATUS_IS_OK(status) ? 0 : -1, dirfsp, smb_fname);
	return status;
}
