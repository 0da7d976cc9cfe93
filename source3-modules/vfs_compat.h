/*
   Samba DFS Replication
   What differs between the versions of Samba's VFS interface

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

#ifndef __VFS_COMPAT_H__
#define __VFS_COMPAT_H__

#include "includes.h"
#include "smbd/smbd.h"
#include "smbd/globals.h"
#include "system/filesys.h"

/*
 * The only place with conditions on SMB_VFS_INTERFACE_VERSION. 47 is Samba
 * 4.17, 48 is 4.18, 49 is 4.19, 50 is 4.22, 51 is 4.23, 52 is 4.24.
 */

/* renameat has a struct vfs_rename_how from 50 on. */
#if SMB_VFS_INTERFACE_VERSION >= 50
#define DFSR_COMPAT_RENAME_PARAM , const struct vfs_rename_how *how
#define DFSR_COMPAT_RENAME_ARG , how
#else
#define DFSR_COMPAT_RENAME_PARAM
#define DFSR_COMPAT_RENAME_ARG
#endif

#endif /* __VFS_COMPAT_H__ */
