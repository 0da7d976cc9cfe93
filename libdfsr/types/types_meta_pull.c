/*
   Samba DFS Replication
   Metadata: reading the packed form

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

#include <errno.h>
#include <string.h>
#include "types_private.h"

/** Least bytes of a packed xattr: length, one letter, length. */
#define XATTR_PACKED_MIN (2 + 1 + 4)
/** Least bytes of a packed ACL entry. */
#define ACL_PACKED_MIN (2 + 2 + 4 + 2)

/* An empty name is written for none. */
static char *pull_account(struct dfsr_pull *p, TALLOC_CTX *mem_ctx)
{
	char *name = dfsr_pull_str(p, mem_ctx, DFSR_ACCOUNT_MAX);

	if (name != NULL && name[0] == '\0') {
		TALLOC_FREE(name);
	}
	return name;
}

static int pull_xattr(struct dfsr_pull *p, TALLOC_CTX *mem_ctx,
		      struct dfsr_xattr *x)
{
	const uint8_t *data = NULL;

	x->name = dfsr_pull_str(p, mem_ctx, DFSR_XATTR_NAME_MAX);
	x->len = dfsr_pull_blob(p, &data, DFSR_XATTR_VALUE_MAX);
	if (p->err != 0) {
		return p->err;
	}
	x->value = talloc_memdup(mem_ctx, data, x->len);
	return x->value == NULL ? ENOMEM : 0;
}

static int pull_xattrs(struct dfsr_pull *p, struct dfsr_meta *m)
{
	uint32_t num = dfsr_pull_u32(p);
	size_t total = 0;
	int ret;

	if (num > DFSR_XATTRS_MAX ||
	    num > types_pull_left(p) / XATTR_PACKED_MIN) {
		return EBADMSG;
	}
	if (num == 0) {
		return 0;
	}
	m->xattrs = talloc_zero_array(m, struct dfsr_xattr, num);
	if (m->xattrs == NULL) {
		return ENOMEM;
	}
	while (m->num_xattrs < num) {
		struct dfsr_xattr *x = &m->xattrs[m->num_xattrs];

		ret = pull_xattr(p, m->xattrs, x);
		if (ret != 0) {
			return ret;
		}
		total += x->len;
		if (total > DFSR_META_MAX) {
			return EBADMSG;
		}
		m->num_xattrs++;
	}
	return 0;
}

static int pull_acl(struct dfsr_pull *p, struct dfsr_meta *m,
		    struct dfsr_acl *acl)
{
	uint32_t num = dfsr_pull_u16(p);

	if (num > DFSR_ACL_MAX || num > types_pull_left(p) / ACL_PACKED_MIN) {
		return EBADMSG;
	}
	if (num == 0) {
		return 0;
	}
	acl->e = talloc_zero_array(m, struct dfsr_acl_entry, num);
	if (acl->e == NULL) {
		return ENOMEM;
	}
	while (acl->num < num) {
		struct dfsr_acl_entry *e = &acl->e[acl->num];

		e->tag = dfsr_pull_u16(p);
		e->perm = dfsr_pull_u16(p);
		e->id = dfsr_pull_u32(p);
		e->account = pull_account(p, acl->e);
		if (p->err != 0) {
			return p->err;
		}
		acl->num++;
	}
	return 0;
}

static int pull_fields(struct dfsr_pull *p, struct dfsr_meta *m)
{
	int ret;

	if (dfsr_pull_u8(p) != TYPES_PACK_VERSION) {
		return EBADMSG;
	}
	m->mode = dfsr_pull_u32(p);
	m->uid = dfsr_pull_u32(p);
	m->gid = dfsr_pull_u32(p);
	m->owner = pull_account(p, m);
	m->group = pull_account(p, m);
	m->mtime_sec = (int64_t)dfsr_pull_u64(p);
	m->mtime_nsec = dfsr_pull_u32(p);
	ret = pull_xattrs(p, m);
	if (ret != 0) {
		return ret;
	}
	ret = pull_acl(p, m, &m->acl_access);
	if (ret != 0) {
		return ret;
	}
	ret = pull_acl(p, m, &m->acl_default);
	if (ret != 0) {
		return ret;
	}
	if ((m->mode & TYPES_MODE_FMT) == TYPES_MODE_LNK) {
		m->symlink = dfsr_pull_str(p, m, DFSR_SYMLINK_MAX);
	}
	if (p->err != 0) {
		return p->err;
	}
	return types_meta_check(m) == 0 ? 0 : EBADMSG;
}

struct dfsr_meta *dfsr_meta_pull(struct dfsr_pull *p, TALLOC_CTX *mem_ctx)
{
	struct dfsr_meta *m = NULL;
	int ret;

	if (p->err != 0) {
		return NULL;
	}
	m = talloc_zero(mem_ctx, struct dfsr_meta);
	if (m == NULL) {
		p->err = ENOMEM;
		return NULL;
	}
	ret = pull_fields(p, m);
	if (ret != 0) {
		types_pull_fail(p, ret);
		TALLOC_FREE(m);
	}
	return m;
}
