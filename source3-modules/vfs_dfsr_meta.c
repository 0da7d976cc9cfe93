/*
   Samba DFS Replication
   Journaling VFS module: hooks on metadata of open files

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

int dfsr_vfs_fchmod(struct vfs_handle_struct *handle,
		    struct files_struct *fsp, mode_t mode)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_FCHMOD(handle, fsp, mode);
	dfsr_vfs_end(&op);
	return ret;
}

int dfsr_vfs_fchown(struct vfs_handle_struct *handle,
		    struct files_struct *fsp, uid_t uid, gid_t gid)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_FCHOWN(handle, fsp, uid, gid);
	dfsr_vfs_end(&op);
	return ret;
}

/* smbd calls this to set no time at all; access times are not replicated. */
static bool changes_nothing(const struct smb_file_time *ft)
{
	return is_omit_timespec(&ft->mtime) && is_omit_timespec(&ft->ctime) &&
	       is_omit_timespec(&ft->create_time);
}

int dfsr_vfs_fntimes(struct vfs_handle_struct *handle,
		     struct files_struct *fsp, struct smb_file_time *ft)
{
	struct dfsr_vfs_op op = {.c = NULL};
	int ret = 0;

	if (!changes_nothing(ft)) {
		dfsr_vfs_begin_fsp(handle, fsp, &op);
	}
	ret = SMB_VFS_NEXT_FNTIMES(handle, fsp, ft);
	dfsr_vfs_end(&op);
	return ret;
}

int dfsr_vfs_fchflags(struct vfs_handle_struct *handle,
		      struct files_struct *fsp, unsigned int flags)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_FCHFLAGS(handle, fsp, flags);
	dfsr_vfs_end(&op);
	return ret;
}

NTSTATUS dfsr_vfs_set_compression(struct vfs_handle_struct *handle,
				  TALLOC_CTX *mem_ctx,
				  struct files_struct *fsp,
				  uint16_t compression_fmt)
{
	struct dfsr_vfs_op op;
	NTSTATUS status;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	status = SMB_VFS_NEXT_SET_COMPRESSION(handle, mem_ctx, fsp,
					      compression_fmt);
	dfsr_vfs_end(&op);
	return status;
}

NTSTATUS dfsr_vfs_fset_dos_attributes(struct vfs_handle_struct *handle,
				      struct files_struct *fsp,
				      uint32_t dosmode)
{
	struct dfsr_vfs_op op;
	NTSTATUS status;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	status = SMB_VFS_NEXT_FSET_DOS_ATTRIBUTES(handle, fsp, dosmode);
	dfsr_vfs_end(&op);
	return status;
}

NTSTATUS dfsr_vfs_fset_nt_acl(struct vfs_handle_struct *handle,
			      struct files_struct *fsp,
			      uint32_t security_info_sent,
			      const struct security_descriptor *psd)
{
	struct dfsr_vfs_op op;
	NTSTATUS status;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	status = SMB_VFS_NEXT_FSET_NT_ACL(handle, fsp, security_info_sent,
					  psd);
	dfsr_vfs_end(&op);
	return status;
}

int dfsr_vfs_sys_acl_set_fd(struct vfs_handle_struct *handle,
			    struct files_struct *fsp, SMB_ACL_TYPE_T type,
			    SMB_ACL_T theacl)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_SYS_ACL_SET_FD(handle, fsp, type, theacl);
	dfsr_vfs_end(&op);
	return ret;
}

int dfsr_vfs_sys_acl_delete_def_fd(struct vfs_handle_struct *handle,
				   struct files_struct *fsp)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_SYS_ACL_DELETE_DEF_FD(handle, fsp);
	dfsr_vfs_end(&op);
	return ret;
}

int dfsr_vfs_fremovexattr(struct vfs_handle_struct *handle,
			  struct files_struct *fsp, const char *name)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_FREMOVEXATTR(handle, fsp, name);
	dfsr_vfs_end(&op);
	return ret;
}

int dfsr_vfs_fsetxattr(struct vfs_handle_struct *handle,
		       struct files_struct *fsp, const char *name,
		       const void *value, size_t size, int flags)
{
	struct dfsr_vfs_op op;
	int ret = 0;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	ret = SMB_VFS_NEXT_FSETXATTR(handle, fsp, name, value, size, flags);
	dfsr_vfs_end(&op);
	return ret;
}
