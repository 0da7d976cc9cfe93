/*
   Samba DFS Replication
   POSIX ACLs in the form of their xattrs

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
 * The xattr is little-endian: u32 version 2, then per entry u16 tag, u16 perm,
 * u32 id. The kernel keeps the entries in the order in which they were set.
 */

#include <errno.h>
#include "fs_private.h"

#define ACL_XATTR_VERSION 2
#define ACL_XATTR_HEAD 4
#define ACL_XATTR_ENTRY 8

static bool tag_kind(uint16_t tag, enum fs_account *kind)
{
	if (tag == FS_ACL_USER) {
		*kind = FS_ACCOUNT_USER;
		return true;
	}
	if (tag == FS_ACL_GROUP) {
		*kind = FS_ACCOUNT_GROUP;
		return true;
	}
	return false;
}

static int entry_parse(TALLOC_CTX *mem_ctx, struct dfsr_pull *p,
		       const struct fs_aliases *aliases,
		       struct dfsr_acl_entry *e)
{
	enum fs_account kind;

	e->tag = dfsr_pull_u16(p);
	e->perm = dfsr_pull_u16(p);
	e->id = dfsr_pull_u32(p);
	e->account = NULL;
	if (!tag_kind(e->tag, &kind)) {
		e->id = FS_ACL_NO_ID;
		return 0;
	}
	return fs_aliases_name(mem_ctx, aliases, kind, e->id, &e->account);
}

int fs_acl_parse(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		 const struct fs_aliases *aliases, struct dfsr_acl *acl)
{
	struct dfsr_pull p;
	size_t num;
	uint32_t i;

	*acl = (struct dfsr_acl){0};
	dfsr_pull_init(&p, data, len);
	if (dfsr_pull_u32(&p) != ACL_XATTR_VERSION || p.err != 0 ||
	    (len - ACL_XATTR_HEAD) % ACL_XATTR_ENTRY != 0) {
		return EINVAL;
	}
	num = (len - ACL_XATTR_HEAD) / ACL_XATTR_ENTRY;
	if (num > DFSR_ACL_MAX) {
		return E2BIG;
	}
	if (num == 0) {
		return 0;
	}
	acl->e = talloc_zero_array(mem_ctx, struct dfsr_acl_entry, num);
	if (acl->e == NULL) {
		return ENOMEM;
	}
	for (i = 0; i < num; i++) {
		int ret = entry_parse(mem_ctx, &p, aliases, &acl->e[i]);

		if (ret != 0) {
			return ret;
		}
	}
	acl->num = (uint32_t)num;
	return dfsr_pull_end(&p) == 0 ? 0 : EINVAL;
}

bool fs_acl_is_mode(const struct dfsr_acl *acl)
{
	uint32_t i;

	for (i = 0; i < acl->num; i++) {
		switch (acl->e[i].tag) {
		case FS_ACL_USER_OBJ:
		case FS_ACL_GROUP_OBJ:
		case FS_ACL_OTHER:
			break;
		default:
			return false;
		}
	}
	return true;
}

int fs_acl_build(struct dfsr_push *p, const struct dfsr_acl *acl,
		 struct fs_aliases *aliases)
{
	uint32_t i;

	dfsr_push_u32(p, ACL_XATTR_VERSION);
	for (i = 0; i < acl->num; i++) {
		const struct dfsr_acl_entry *e = &acl->e[i];
		uint32_t id = FS_ACL_NO_ID;
		enum fs_account kind;
		int ret;

		if (tag_kind(e->tag, &kind)) {
			ret = fs_account_local(kind, e->account, e->id,
					       aliases, &id);
			if (ret != 0) {
				return ret;
			}
		}
		dfsr_push_u16(p, e->tag);
		dfsr_push_u16(p, e->perm);
		dfsr_push_u32(p, id);
	}
	return p->err;
}
