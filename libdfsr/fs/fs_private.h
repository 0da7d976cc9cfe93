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

#ifndef __DFSR_FS_PRIVATE_H__
#define __DFSR_FS_PRIVATE_H__

#include "dfsr_fs.h"

#define FS_XATTR_USER "user."
#define FS_XATTR_NTACL "security.NTACL"
#define FS_XATTR_DOSATTRIB "user.DOSATTRIB"
#define FS_XATTR_ACL_ACCESS "system.posix_acl_access"
#define FS_XATTR_ACL_DEFAULT "system.posix_acl_default"

/** Tags of POSIX ACL entries, as in the xattr form of Linux. */
#define FS_ACL_USER_OBJ 0x01
#define FS_ACL_USER 0x02
#define FS_ACL_GROUP_OBJ 0x04
#define FS_ACL_GROUP 0x08
#define FS_ACL_MASK 0x10
#define FS_ACL_OTHER 0x20
#define FS_ACL_NO_ID UINT32_MAX

/** "/proc/self/fd/N": a way to the inode of a descriptor. */
struct fs_proc {
	char path[40];
};

void fs_proc_path(int fd, struct fs_proc *proc);
/** True for a descriptor that was opened with O_PATH. */
bool fs_is_pathfd(int fd);

/* ---- xattrs of any descriptor, O_PATH ones too: fs_xattr.c --------------- */

/** @return length, or -1 with errno */
ssize_t fs_xattr_get(int fd, const char *name, void *value, size_t size);
/** @return 0 or errno */
int fs_xattr_set(int fd, const char *name, const void *value, size_t len);
/** @return 0 (also when there is none) or errno */
int fs_xattr_remove(int fd, const char *name);
/** Names one behind the other, each with its NUL. @return 0 or errno */
int fs_xattr_names(TALLOC_CTX *mem_ctx, int fd, char **names, size_t *len);
/** A whole value. @return 0, ENODATA, E2BIG over the limit, or an errno */
int fs_xattr_value(TALLOC_CTX *mem_ctx, int fd, const char *name, size_t max,
		   uint8_t **value, size_t *len);
/** True for an xattr that a replica carries. */
bool fs_xattr_carried(const char *name);

/* ---- accounts: fs_account.c ---------------------------------------------- */

enum fs_account {
	FS_ACCOUNT_USER = 0,
	FS_ACCOUNT_GROUP = 1,
};

/** Name of a number, "" if it has none. @return 0 or errno of the service */
int fs_account_name(enum fs_account kind, uint32_t id,
		    char name[DFSR_ACCOUNT_MAX + 1]);
/** Number of a name. @return 0, ENOENT, or errno of the service */
int fs_account_id(enum fs_account kind, const char *name, uint32_t *id);

/** Names that numbers of one object stand for, other than here. */
struct fs_alias {
	uint8_t kind;
	uint32_t id;
	char *name; /* "" for none */
};

struct fs_aliases {
	uint32_t num;
	struct fs_alias *a;
};

/** Most aliases of one object: owner, group, both its ACLs. */
#define FS_ALIASES_MAX (2 * DFSR_ACL_MAX + 2)

/** Parse the private xattr. What is not understood is no alias at all. */
int fs_aliases_parse(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		     struct fs_aliases **aliases);
/** Add what the object says of a number if this host says otherwise. */
int fs_aliases_note(struct fs_aliases *aliases, enum fs_account kind,
		    uint32_t id, const char *name);
void fs_aliases_push(struct dfsr_push *p, const struct fs_aliases *aliases);
/** Name of a number of an object: its alias, else this host's name. */
int fs_aliases_name(TALLOC_CTX *mem_ctx, const struct fs_aliases *aliases,
		    enum fs_account kind, uint32_t id, char **name);

/* ---- POSIX ACLs: fs_acl.c ------------------------------------------------ */

/** Parse the xattr form. @return 0, EINVAL, E2BIG, ENOMEM */
int fs_acl_parse(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		 const struct fs_aliases *aliases, struct dfsr_acl *acl);
/** True if an access ACL says no more than the mode. */
bool fs_acl_is_mode(const struct dfsr_acl *acl);
/** The xattr form with the numbers of this host; notes what has none. */
int fs_acl_build(struct dfsr_push *p, const struct dfsr_acl *acl,
		 struct fs_aliases *aliases);
/** Number of an account here: by name, else the number that came. */
int fs_account_local(enum fs_account kind, const char *name, uint32_t number,
		     struct fs_aliases *aliases, uint32_t *id);

/* ---- content: fs_hash.c -------------------------------------------------- */

/**
 * Hash of an open file.
 * @param[in] expect NULL, or give up with EAGAIN once it looks different
 */
int fs_hash_file(int fd, const struct dfsr_stamp *expect, uint64_t *size,
		 uint8_t hash[DFSR_HASH_LEN]);

#endif /* __DFSR_FS_PRIVATE_H__ */
