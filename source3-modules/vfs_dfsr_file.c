/*
   Samba DFS Replication
   Journaling VFS module: hooks on open files

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

/* The file has come to be and is open: from now on its intent is fsp's. */
static void adopt(struct vfs_handle_struct *handle, struct files_struct *fsp,
		  int fd, struct dfsr_journal_record *rec)
{
	struct dfsr_vfs_conn *c = handle->data;
	struct dfsr_vfs_fsp *s = dfsr_vfs_state(handle, fsp, true);

	if (s == NULL || s->open) {
		/* nobody would end this intent */
		rec->kind = DFSR_JOURNAL_OUTCOME;
		rec->reason = DFSR_JOURNAL_REASON_DONE;
		dfsr_journal_writer_append(c->writer, rec);
		dfsr_journal_writer_overflow(c->writer);
		return;
	}
	rec->kind = DFSR_JOURNAL_NAMED;
	dfsr_vfs_ident(fd, "", &rec->object);
	if (!c->lowest) {
		dfsr_vfs_real_place(fd, &rec->parent, rec->name);
	}
	dfsr_journal_writer_append(c->writer, rec);
	s->object = rec->object;
	s->op = rec->op;
	s->intent = rec->intent;
	s->slot = rec->slot;
	s->incarnation = rec->incarnation;
	s->open = true;
}

/* An open that creates or empties what it opens. */
static int open_create(struct vfs_handle_struct *handle,
		       const struct files_struct *dirfsp,
		       const struct smb_filename *smb_fname,
		       struct files_struct *fsp,
		       const struct vfs_open_how *how)
{
	struct dfsr_vfs_conn *c = handle->data;
	struct dfsr_journal_record rec = {
		.kind = DFSR_JOURNAL_INTENT,
		.op = DFSR_JOURNAL_OP_CREATE,
	};
	struct dfsr_vfs_place place;
	int fd = -1;

	dfsr_vfs_place(dirfsp, smb_fname, &place);
	rec.parent = place.parent;
	strlcpy(rec.name, place.leaf, sizeof(rec.name));
	dfsr_journal_writer_append(c->writer, &rec);
	fd = SMB_VFS_NEXT_OPENAT(handle, dirfsp, smb_fname, fsp, how);
	if (fd == -1) {
		rec.kind = DFSR_JOURNAL_OUTCOME;
		rec.reason = DFSR_JOURNAL_REASON_DONE;
		rec.error = errno;
		dfsr_journal_writer_append(c->writer, &rec);
		return -1;
	}
	adopt(handle, fsp, fd, &rec);
	return fd;
}

/*
 * smbd turns the descriptor it has into one with more rights by opening it
 * again under its name in /proc, with O_CREAT left in the flags.
 */
static bool is_reopen(const struct smb_filename *smb_fname)
{
	static const char proc[] = "/proc/self/fd/";

	return strncmp(smb_fname->base_name, proc, sizeof(proc) - 1) == 0;
}

int dfsr_vfs_openat(struct vfs_handle_struct *handle,
		    const struct files_struct *dirfsp,
		    const struct smb_filename *smb_fname,
		    struct files_struct *fsp, const struct vfs_open_how *how)
{
	bool reopen = is_reopen(smb_fname);
	int changing = reopen ? O_TRUNC : O_CREAT | O_TRUNC;
	struct dfsr_vfs_op op;
	int fd = -1;

	if (dfsr_vfs_is_private(handle, dirfsp, smb_fname)) {
		errno = EACCES;
		return -1;
	}
	if (!(how->flags & changing)) {
		return SMB_VFS_NEXT_OPENAT(handle, dirfsp, smb_fname, fsp,
					   how);
	}
	if (reopen || fsp->base_fsp != NULL) {
		dfsr_vfs_begin_fsp(handle, fsp, &op);
		fd = SMB_VFS_NEXT_OPENAT(handle, dirfsp, smb_fname, fsp, how);
	} else if (dfsr_vfs_begin(handle, &op)) {
		fd = open_create(handle, dirfsp, smb_fname, fsp, how);
	} else {
		fd = SMB_VFS_NEXT_OPENAT(handle, dirfsp, smb_fname, fsp, how);
	}
	dfsr_vfs_end(&op);
	return fd;
}

int dfsr_vfs_close(struct vfs_handle_struct *handle, struct files_struct *fsp)
{
	struct dfsr_vfs_fsp *s = dfsr_vfs_state(handle, fsp, false);
	int ret = SMB_VFS_NEXT_CLOSE(handle, fsp);

	if (s != NULL && s->open) {
		dfsr_vfs_outcome(s, dfsr_vfs_disconnected(handle)
					    ? DFSR_JOURNAL_REASON_DISCONNECT
					    : DFSR_JOURNAL_REASON_CLOSE);
	}
	return ret;
}

ssize_t dfsr_vfs_pwrite(struct vfs_handle_struct *handle,
			struct files_struct *fsp, const void *data, size_t n,
			off_t offset)
{
	struct dfsr_vfs_op op;
	ssize_t ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_PWRITE(handle, fsp, data, n, offset);
	dfsr_vfs_end(&op);
	return ret;
}

ssize_t dfsr_vfs_recvfile(struct vfs_handle_struct *handle, int fromfd,
			  struct files_struct *tofsp, off_t offset,
			  size_t count)
{
	struct dfsr_vfs_op op;
	ssize_t ret = 0;

	dfsr_vfs_begin_fsp(handle, tofsp, &op);
	ret = SMB_VFS_NEXT_RECVFILE(handle, fromfd, tofsp, offset, count);
	dfsr_vfs_end(&op);
	return ret;
}

int dfsr_vfs_ftruncate(struct vfs_handle_struct *handle,
		       struct files_struct *fsp, off_t offset)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_FTRUNCATE(handle, fsp, offset);
	dfsr_vfs_end(&op);
	return ret;
}

int dfsr_vfs_fallocate(struct vfs_handle_struct *handle,
		       struct files_struct *fsp, uint32_t mode, off_t offset,
		       off_t len)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_FALLOCATE(handle, fsp, mode, offset, len);
	dfsr_vfs_end(&op);
	return ret;
}

/*
 * The cable was pulled: the close below this is no client's. The handle is
 * kept for its client, and nobody tells when it is given up.
 */
NTSTATUS dfsr_vfs_durable_disconnect(struct vfs_handle_struct *handle,
				     struct files_struct *fsp,
				     const DATA_BLOB old_cookie,
				     TALLOC_CTX *mem_ctx,
				     DATA_BLOB *new_cookie)
{
	struct dfsr_vfs_fsp *s = dfsr_vfs_state(handle, dfsr_vfs_base(fsp),
						false);
	NTSTATUS status;

	if (s != NULL && fsp->op != NULL) {
		s->durable = true;
		s->hold_msec = fsp->op->global->durable_timeout_msec;
	}
	status = SMB_VFS_NEXT_DURABLE_DISCONNECT(handle, fsp, old_cookie,
						 mem_ctx, new_cookie);
	if (s != NULL && !NT_STATUS_IS_OK(status)) {
		s->durable = false;
	}
	return status;
}

/* It is back, in another process, and may go on writing. */
NTSTATUS dfsr_vfs_durable_reconnect(struct vfs_handle_struct *handle,
				    struct smb_request *smb1req,
				    struct smbXsrv_open *op,
				    const DATA_BLOB old_cookie,
				    TALLOC_CTX *mem_ctx,
				    struct files_struct **fsp,
				    DATA_BLOB *new_cookie)
{
	struct dfsr_vfs_op vfs_op;
	NTSTATUS status = SMB_VFS_NEXT_DURABLE_RECONNECT(
		handle, smb1req, op, old_cookie, mem_ctx, fsp, new_cookie);

	if (NT_STATUS_IS_OK(status) && (*fsp)->fsp_flags.can_write) {
		dfsr_vfs_begin_fsp(handle, *fsp, &vfs_op);
		dfsr_vfs_end(&vfs_op);
	}
	return status;
}
