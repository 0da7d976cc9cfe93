/*
   Samba DFS Replication
   Journaling VFS module: the function table

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

/*
 * vfs objects = ... dfsr [io_uring|aio_*|btrfs]
 *
 * The module tells dfsrd what SMB clients are about to change and when they
 * are through. It never waits, never fails an operation because of the
 * journal and never logs on the way of an operation: what it cannot write
 * becomes the overflow mark, after which dfsrd scans.
 *
 *   open file   the first change of it writes an intent, whatever hook that
 *               is; nested and later hooks find it written. Its close, or
 *               the end of the fsp for those that are never closed
 *               (directories that were listed), writes the outcome. The
 *               state lies in an fsp extension of the base of streams.
 *   path        intent before, outcome after, with the identities of the
 *               object and of the directories (vfs_dfsr_path.c).
 *   aio         an asynchronous write counts until it is received. One that
 *               is abandoned may still reach the disk, so that the intent
 *               stays open until the process is dead (vfs_dfsr_aio.c).
 *
 * Which connections journal is decided at the first change after the folder
 * table has changed, by the identities of directories (vfs_dfsr_conn.c). The
 * hooks run as the client's user; the journal is opened as root.
 *
 * A Samba other than the one that this was built against may have other
 * structs. Then the function table is empty, and the shares go on.
 */

#include "vfs_dfsr.h"
#include "vfs_dfsr_buildid.h"
#include "dfsr_buildid.h"

static int vfs_dfsr_debug_level = DBGC_VFS;

#undef DBGC_CLASS
#define DBGC_CLASS vfs_dfsr_debug_level

static int dfsr_vfs_connect(struct vfs_handle_struct *handle,
			    const char *service, const char *user)
{
	int ret = SMB_VFS_NEXT_CONNECT(handle, service, user);

	if (ret < 0 || IS_IPC(handle->conn) || IS_PRINT(handle->conn)) {
		return ret;
	}
	dfsr_vfs_hide(handle);
	dfsr_vfs_attach(handle);
	return ret;
}

static struct vfs_fn_pointers vfs_dfsr_fns = {
	.connect_fn = dfsr_vfs_connect,
	.create_dfs_pathat_fn = dfsr_vfs_create_dfs_pathat,
	.mkdirat_fn = dfsr_vfs_mkdirat,
	.openat_fn = dfsr_vfs_openat,
	.close_fn = dfsr_vfs_close,
	.pwrite_fn = dfsr_vfs_pwrite,
	.pwrite_send_fn = dfsr_vfs_pwrite_send,
	.pwrite_recv_fn = dfsr_vfs_pwrite_recv,
	.recvfile_fn = dfsr_vfs_recvfile,
	.renameat_fn = dfsr_vfs_renameat,
	.fsync_send_fn = dfsr_vfs_fsync_send,
	.fsync_recv_fn = SMB_VFS_FSYNC_RECV,
	.unlinkat_fn = dfsr_vfs_unlinkat,
	.fchmod_fn = dfsr_vfs_fchmod,
	.fchown_fn = dfsr_vfs_fchown,
	.lchown_fn = dfsr_vfs_lchown,
	.fntimes_fn = dfsr_vfs_fntimes,
	.ftruncate_fn = dfsr_vfs_ftruncate,
	.fallocate_fn = dfsr_vfs_fallocate,
	.symlinkat_fn = dfsr_vfs_symlinkat,
	.linkat_fn = dfsr_vfs_linkat,
	.mknodat_fn = dfsr_vfs_mknodat,
	.fchflags_fn = dfsr_vfs_fchflags,
	.offload_write_send_fn = dfsr_vfs_offload_write_send,
	.offload_write_recv_fn = dfsr_vfs_offload_write_recv,
	.set_compression_fn = dfsr_vfs_set_compression,
	.fset_dos_attributes_fn = dfsr_vfs_fset_dos_attributes,
	.fset_nt_acl_fn = dfsr_vfs_fset_nt_acl,
	.sys_acl_set_fd_fn = dfsr_vfs_sys_acl_set_fd,
	.sys_acl_delete_def_fd_fn = dfsr_vfs_sys_acl_delete_def_fd,
	.fremovexattr_fn = dfsr_vfs_fremovexattr,
	.fsetxattr_fn = dfsr_vfs_fsetxattr,
	.durable_disconnect_fn = dfsr_vfs_durable_disconnect,
	.durable_reconnect_fn = dfsr_vfs_durable_reconnect,
};

static struct vfs_fn_pointers vfs_dfsr_pass_fns = {
	.connect_fn = NULL,
};

static void dfsr_vfs_wrong_build(TALLOC_CTX *mem_ctx, const char *found)
{
	char *dir = talloc_asprintf(mem_ctx, "%s/dfs", lp_state_directory());

	if (dir != NULL) {
		dfsr_journal_mark_passing(dir);
	}
	TALLOC_FREE(dir);
	DBG_ERR("built for another Samba (build id %s, running %s): changes "
		"are not journaled and will be found by scans only; install "
		"the module that belongs to this Samba\n",
		DFSR_SMBD_BUILD_ID, found);
}

static_decl_vfs;
NTSTATUS vfs_dfsr_init(TALLOC_CTX *ctx)
{
	char found[DFSR_BUILDID_STRLEN];
	struct vfs_fn_pointers *fns = &vfs_dfsr_fns;
	NTSTATUS status;

	if (!dfsr_buildid_is("libsmbd-base-", DFSR_SMBD_BUILD_ID, found)) {
		dfsr_vfs_wrong_build(ctx, found);
		fns = &vfs_dfsr_pass_fns;
	}
	status = smb_register_vfs(SMB_VFS_INTERFACE_VERSION, "dfsr", fns);
	if (!NT_STATUS_IS_OK(status)) {
		return status;
	}
	vfs_dfsr_debug_level = debug_add_class("dfsr");
	if (vfs_dfsr_debug_level == -1) {
		vfs_dfsr_debug_level = DBGC_VFS;
	}
	return NT_STATUS_OK;
}
