/*
   Samba DFS Replication
   Journaling VFS module: what its parts share

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

#ifndef __VFS_DFSR_H__
#define __VFS_DFSR_H__

#include "vfs_compat.h"
#include "../libdfsr/include/dfsr_journal.h"

/** What the module knows of one tree connect. */
struct dfsr_vfs_conn {
	struct vfs_handle_struct *handle;
	/** NULL as long as dfsrd has never run on this host. */
	struct dfsr_journal_writer *writer;
	char *dir; /* <state directory>/dfs */
	/** Generation under which the rest was decided; 0: not yet. */
	uint64_t generation;
	bool journal;
	/** No module below us renames, redirects or splits anything. */
	bool lowest;
	/** Content roots, which clients may not rename or remove. */
	uint32_t num_roots;
	struct dfsr_ident *roots;
};

/** What the module knows of one open file; on the base of streams. */
struct dfsr_vfs_fsp {
	struct dfsr_journal_writer *writer;
	/** The intent as it was written; its kind tells whether it is open. */
	uint64_t intent;
	uint32_t incarnation;
	uint16_t slot;
	uint8_t op;
	bool open;
	bool stuck; /* a write was abandoned in flight: no outcome */
	bool durable;
	uint32_t hold_msec;
	uint32_t in_flight;
	struct dfsr_ident object;
};

/** One mutating hook in progress; on the stack of the hook. */
struct dfsr_vfs_op {
	struct dfsr_vfs_conn *c; /* NULL: not counted anywhere */
	bool journal;
};

/** A place in the tree: a directory and a leaf below it. */
struct dfsr_vfs_place {
	struct dfsr_ident parent;
	const char *leaf;
};

/** A path operation in progress. */
struct dfsr_vfs_path_op {
	struct dfsr_vfs_op op;
	struct dfsr_journal_record rec;
	int fd; /* O_PATH of the object if somebody below may move it */
};

/* ---- vfs_dfsr_conn.c ---------------------------------------------------- */

/** Set up a connection; without memory it stays without. */
void dfsr_vfs_attach(struct vfs_handle_struct *handle);
/** Add the private directory to the share's veto files. */
void dfsr_vfs_hide(struct vfs_handle_struct *handle);
/**
 * A mutating hook begins: obey the newest folder table.
 * @return true if it is to be journaled
 */
bool dfsr_vfs_begin(struct vfs_handle_struct *handle,
		    struct dfsr_vfs_op *op);
void dfsr_vfs_end(struct dfsr_vfs_op *op);
/** The hook is over, its asynchronous part goes on. */
void dfsr_vfs_end_sync(struct dfsr_vfs_op *op);

/* ---- vfs_dfsr_ident.c --------------------------------------------------- */

/** Identity of an open descriptor, or of path below it. @return success */
bool dfsr_vfs_ident(int fd, const char *path, struct dfsr_ident *ident);
/** Identity of an open file; a stream has its base's. */
bool dfsr_vfs_ident_fsp(struct files_struct *fsp, struct dfsr_ident *ident);
/** Where is this? The leaf points into smb_fname. */
void dfsr_vfs_place(const struct files_struct *dirfsp,
		    const struct smb_filename *smb_fname,
		    struct dfsr_vfs_place *place);
/** Where is this descriptor's object now, on the disk? */
void dfsr_vfs_real_place(int fd, struct dfsr_ident *parent,
			 char leaf[DFSR_NAME_MAX + 1]);
/** True if this place is the private directory or lies in it. */
bool dfsr_vfs_is_private(const struct vfs_handle_struct *handle,
			 const struct files_struct *dirfsp,
			 const struct smb_filename *smb_fname);
/** True if the object is a content root. */
bool dfsr_vfs_is_root(const struct dfsr_vfs_conn *c,
		      const struct dfsr_ident *object);

/* ---- vfs_dfsr_intent.c -------------------------------------------------- */

/** The file whose changes count: a stream is its base's. */
struct files_struct *dfsr_vfs_base(struct files_struct *fsp);
/** dfsr_vfs_begin() for an open file: its first change is an intent. */
void dfsr_vfs_begin_fsp(struct vfs_handle_struct *handle,
			struct files_struct *fsp, struct dfsr_vfs_op *op);
/** Write the intent of an open file unless it is open. */
void dfsr_vfs_intend(struct vfs_handle_struct *handle,
		     struct files_struct *fsp);
/** The state of an open file, or NULL; with `make` it is made. */
struct dfsr_vfs_fsp *dfsr_vfs_state(struct vfs_handle_struct *handle,
				    struct files_struct *fsp, bool make);
/** The outcome of an open file's intent, if there is one. */
void dfsr_vfs_outcome(struct dfsr_vfs_fsp *state, uint8_t reason);
/** Say that the client wants the file flushed. */
void dfsr_vfs_flush(struct vfs_handle_struct *handle,
		    struct files_struct *fsp);
/** True if the client's connection is gone. */
bool dfsr_vfs_disconnected(const struct vfs_handle_struct *handle);

/* ---- vfs_dfsr_aio.c ----------------------------------------------------- */

/** The request writes to fsp until it is received; ends op. */
void dfsr_vfs_aio_start(struct dfsr_vfs_op *op,
			struct vfs_handle_struct *handle,
			struct files_struct *fsp, struct tevent_req *req);
/** The request is being received. */
void dfsr_vfs_aio_done(struct tevent_req *req);
/** What is in flight obeys the newest folder table, too. */
void dfsr_vfs_aio_obey(struct dfsr_journal_writer *w);

struct tevent_req *dfsr_vfs_pwrite_send(struct vfs_handle_struct *handle,
					TALLOC_CTX *mem_ctx,
					struct tevent_context *ev,
					struct files_struct *fsp,
					const void *data, size_t n,
					off_t offset);
ssize_t dfsr_vfs_pwrite_recv(struct tevent_req *req,
			     struct vfs_aio_state *aio_state);
struct tevent_req *dfsr_vfs_offload_write_send(
	struct vfs_handle_struct *handle, TALLOC_CTX *mem_ctx,
	struct tevent_context *ev, uint32_t fsctl, DATA_BLOB *token,
	off_t transfer_offset, struct files_struct *dest_fsp, off_t dest_off,
	off_t to_copy);
NTSTATUS dfsr_vfs_offload_write_recv(struct vfs_handle_struct *handle,
				     struct tevent_req *req, off_t *copied);
struct tevent_req *dfsr_vfs_fsync_send(struct vfs_handle_struct *handle,
				       TALLOC_CTX *mem_ctx,
				       struct tevent_context *ev,
				       struct files_struct *fsp);

/* ---- vfs_dfsr_file.c: hooks on open files ------------------------------- */

int dfsr_vfs_openat(struct vfs_handle_struct *handle,
		    const struct files_struct *dirfsp,
		    const struct smb_filename *smb_fname,
		    struct files_struct *fsp, const struct vfs_open_how *how);
int dfsr_vfs_close(struct vfs_handle_struct *handle,
		   struct files_struct *fsp);
ssize_t dfsr_vfs_pwrite(struct vfs_handle_struct *handle,
			struct files_struct *fsp, const void *data, size_t n,
			off_t offset);
ssize_t dfsr_vfs_recvfile(struct vfs_handle_struct *handle, int fromfd,
			  struct files_struct *tofsp, off_t offset,
			  size_t count);
int dfsr_vfs_ftruncate(struct vfs_handle_struct *handle,
		       struct files_struct *fsp, off_t offset);
int dfsr_vfs_fallocate(struct vfs_handle_struct *handle,
		       struct files_struct *fsp, uint32_t mode, off_t offset,
		       off_t len);
NTSTATUS dfsr_vfs_durable_disconnect(struct vfs_handle_struct *handle,
				     struct files_struct *fsp,
				     const DATA_BLOB old_cookie,
				     TALLOC_CTX *mem_ctx,
				     DATA_BLOB *new_cookie);
NTSTATUS dfsr_vfs_durable_reconnect(struct vfs_handle_struct *handle,
				    struct smb_request *smb1req,
				    struct smbXsrv_open *op,
				    const DATA_BLOB old_cookie,
				    TALLOC_CTX *mem_ctx,
				    struct files_struct **fsp,
				    DATA_BLOB *new_cookie);

/* ---- vfs_dfsr_meta.c: hooks on metadata of open files ------------------- */

int dfsr_vfs_fchmod(struct vfs_handle_struct *handle,
		    struct files_struct *fsp, mode_t mode);
int dfsr_vfs_fchown(struct vfs_handle_struct *handle,
		    struct files_struct *fsp, uid_t uid, gid_t gid);
int dfsr_vfs_fntimes(struct vfs_handle_struct *handle,
		     struct files_struct *fsp, struct smb_file_time *ft);
int dfsr_vfs_fchflags(struct vfs_handle_struct *handle,
		      struct files_struct *fsp, unsigned int flags);
NTSTATUS dfsr_vfs_set_compression(struct vfs_handle_struct *handle,
				  TALLOC_CTX *mem_ctx,
				  struct files_struct *fsp,
				  uint16_t compression_fmt);
NTSTATUS dfsr_vfs_fset_dos_attributes(struct vfs_handle_struct *handle,
				      struct files_struct *fsp,
				      uint32_t dosmode);
NTSTATUS dfsr_vfs_fset_nt_acl(struct vfs_handle_struct *handle,
			      struct files_struct *fsp,
			      uint32_t security_info_sent,
			      const struct security_descriptor *psd);
int dfsr_vfs_sys_acl_set_fd(struct vfs_handle_struct *handle,
			    struct files_struct *fsp, SMB_ACL_TYPE_T type,
			    SMB_ACL_T theacl);
int dfsr_vfs_sys_acl_delete_def_fd(struct vfs_handle_struct *handle,
				   struct files_struct *fsp);
int dfsr_vfs_fremovexattr(struct vfs_handle_struct *handle,
			  struct files_struct *fsp, const char *name);
int dfsr_vfs_fsetxattr(struct vfs_handle_struct *handle,
		       struct files_struct *fsp, const char *name,
		       const void *value, size_t size, int flags);

/* ---- vfs_dfsr_path.c: hooks on names ------------------------------------ */

int dfsr_vfs_mkdirat(struct vfs_handle_struct *handle,
		     struct files_struct *dirfsp,
		     const struct smb_filename *smb_fname, mode_t mode);
int dfsr_vfs_renameat(struct vfs_handle_struct *handle,
		      struct files_struct *srcdir_fsp,
		      const struct smb_filename *smb_fname_src,
		      struct files_struct *dstdir_fsp,
		      const struct smb_filename *smb_fname_dst
			      DFSR_COMPAT_RENAME_PARAM);
int dfsr_vfs_unlinkat(struct vfs_handle_struct *handle,
		      struct files_struct *dirfsp,
		      const struct smb_filename *smb_fname, int flags);
int dfsr_vfs_lchown(struct vfs_handle_struct *handle,
		    const struct smb_filename *smb_fname, uid_t uid,
		    gid_t gid);
int dfsr_vfs_symlinkat(struct vfs_handle_struct *handle,
		       const struct smb_filename *link_contents,
		       struct files_struct *dirfsp,
		       const struct smb_filename *new_smb_fname);
int dfsr_vfs_linkat(struct vfs_handle_struct *handle,
		    struct files_struct *srcfsp,
		    const struct smb_filename *old_smb_fname,
		    struct files_struct *dstfsp,
		    const struct smb_filename *new_smb_fname, int flags);
int dfsr_vfs_mknodat(struct vfs_handle_struct *handle,
		     struct files_struct *dirfsp,
		     const struct smb_filename *smb_fname, mode_t mode,
		     SMB_DEV_T dev);
NTSTATUS dfsr_vfs_create_dfs_pathat(struct vfs_handle_struct *handle,
				    struct files_struct *dirfsp,
				    const struct smb_filename *smb_fname,
				    const struct referral *reflist,
				    size_t referral_count);

#endif /* __VFS_DFSR_H__ */
