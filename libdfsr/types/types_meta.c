/*
   Samba DFS Replication
   Metadata: its door, packed and canonical forms

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
 * Packed: u8 version, u32 mode, uid, gid, the names owner and group, u64
 * mtime, u32 nsec, u32 count of xattrs and for each its name and a blob, the
 * two ACLs (u16 count; per entry u16 tag, u16 perm, u32 id, name), and for a
 * symbolic link its target. It is written only if dfsr_meta_pull() will
 * accept it, by the same checks.
 *
 * The canonical form is what members must agree on to the bit although their
 * account numbers differ. So an account with a name has no number in it, an
 * ACL entry that stands for nobody in particular has none either, and the
 * named entries of an ACL, which every host sorts by its own numbers, are
 * sorted by name.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "types_private.h"

#define NSEC_PER_SEC 1000000000

/* Tags of POSIX ACL entries, as in the xattr form of Linux. */
#define ACL_TAG_USER_OBJ 0x01
#define ACL_TAG_USER 0x02
#define ACL_TAG_GROUP_OBJ 0x04
#define ACL_TAG_GROUP 0x08
#define ACL_TAG_MASK 0x10
#define ACL_TAG_OTHER 0x20
#define ACL_PERM_MAX 7

static int xattr_cmp(const void *a, const void *b)
{
	const struct dfsr_xattr *xa = a;
	const struct dfsr_xattr *xb = b;

	return strcmp(xa->name, xb->name);
}

void dfsr_meta_sort(struct dfsr_meta *m)
{
	if (m->num_xattrs > 1) {
		qsort(m->xattrs, m->num_xattrs, sizeof(*m->xattrs), xattr_cmp);
	}
}

/* ---- the door ----------------------------------------------------------- */

static bool is_dir(const struct dfsr_meta *m)
{
	return (m->mode & TYPES_MODE_FMT) == TYPES_MODE_DIR;
}

static bool account_named(const char *account)
{
	return account != NULL && account[0] != '\0';
}

static bool account_fits(const char *name)
{
	return name == NULL ||
	       strnlen(name, DFSR_ACCOUNT_MAX + 1) <= DFSR_ACCOUNT_MAX;
}

static bool acl_tag_has_id(uint16_t tag)
{
	return tag == ACL_TAG_USER || tag == ACL_TAG_GROUP;
}

static bool acl_tag_known(uint16_t tag)
{
	switch (tag) {
	case ACL_TAG_USER_OBJ:
	case ACL_TAG_USER:
	case ACL_TAG_GROUP_OBJ:
	case ACL_TAG_GROUP:
	case ACL_TAG_MASK:
	case ACL_TAG_OTHER:
		return true;
	default:
		return false;
	}
}

static int check_acl(const struct dfsr_acl *acl)
{
	uint32_t i;

	if (acl->num > DFSR_ACL_MAX) {
		return E2BIG;
	}
	for (i = 0; i < acl->num; i++) {
		const struct dfsr_acl_entry *e = &acl->e[i];

		if (!acl_tag_known(e->tag) || e->perm > ACL_PERM_MAX) {
			return EINVAL;
		}
		if (account_named(e->account) && !acl_tag_has_id(e->tag)) {
			return EINVAL;
		}
		if (!account_fits(e->account)) {
			return E2BIG;
		}
	}
	return 0;
}

static int check_xattrs(const struct dfsr_meta *m)
{
	size_t total = 0;
	uint32_t i;

	if (m->num_xattrs > DFSR_XATTRS_MAX) {
		return E2BIG;
	}
	for (i = 0; i < m->num_xattrs; i++) {
		const struct dfsr_xattr *x = &m->xattrs[i];
		size_t len = strnlen(x->name, DFSR_XATTR_NAME_MAX + 1);

		if (len == 0) {
			return EINVAL;
		}
		if (len > DFSR_XATTR_NAME_MAX ||
		    x->len > DFSR_XATTR_VALUE_MAX) {
			return E2BIG;
		}
		total += len + x->len;
		if (total > DFSR_META_MAX) {
			return E2BIG;
		}
		if (i > 0 && xattr_cmp(x - 1, x) >= 0) {
			return EINVAL;
		}
	}
	return 0;
}

static int check_kind(const struct dfsr_meta *m)
{
	uint32_t type = m->mode & TYPES_MODE_FMT;
	size_t len;

	if (m->mode > TYPES_MODE_MAX) {
		return EINVAL;
	}
	if (type != TYPES_MODE_LNK) {
		if (m->symlink != NULL) {
			return EINVAL;
		}
		if (type != TYPES_MODE_REG && type != TYPES_MODE_DIR) {
			return EINVAL;
		}
		return 0;
	}
	if (m->symlink == NULL) {
		return EINVAL;
	}
	len = strnlen(m->symlink, DFSR_SYMLINK_MAX + 1);
	if (len == 0) {
		return EINVAL;
	}
	return len > DFSR_SYMLINK_MAX ? E2BIG : 0;
}

int types_meta_check(const struct dfsr_meta *m)
{
	int ret = check_kind(m);

	if (ret != 0) {
		return ret;
	}
	if (m->mtime_nsec >= NSEC_PER_SEC) {
		return EINVAL;
	}
	if (!account_fits(m->owner) || !account_fits(m->group)) {
		return E2BIG;
	}
	if (m->acl_default.num > 0 && !is_dir(m)) {
		return EINVAL;
	}
	ret = check_acl(&m->acl_access);
	if (ret != 0) {
		return ret;
	}
	ret = check_acl(&m->acl_default);
	if (ret != 0) {
		return ret;
	}
	return check_xattrs(m);
}

/* ---- packed ------------------------------------------------------------- */

/* @return false with p->err set when it must not be written */
static bool may_push(struct dfsr_push *p, const struct dfsr_meta *m)
{
	if (p->err == 0) {
		p->err = types_meta_check(m);
	}
	return p->err == 0;
}

static void push_xattrs(struct dfsr_push *p, const struct dfsr_meta *m)
{
	uint32_t i;

	dfsr_push_u32(p, m->num_xattrs);
	for (i = 0; i < m->num_xattrs; i++) {
		const struct dfsr_xattr *x = &m->xattrs[i];

		dfsr_push_str(p, x->name);
		dfsr_push_blob(p, x->value, x->len);
	}
}

static void push_acl(struct dfsr_push *p, const struct dfsr_acl *acl)
{
	uint32_t i;

	dfsr_push_u16(p, (uint16_t)acl->num);
	for (i = 0; i < acl->num; i++) {
		const struct dfsr_acl_entry *e = &acl->e[i];

		dfsr_push_u16(p, e->tag);
		dfsr_push_u16(p, e->perm);
		dfsr_push_u32(p, e->id);
		dfsr_push_str(p, e->account);
	}
}

void dfsr_meta_push(struct dfsr_push *p, const struct dfsr_meta *m)
{
	if (!may_push(p, m)) {
		return;
	}
	dfsr_push_u8(p, TYPES_PACK_VERSION);
	dfsr_push_u32(p, m->mode);
	dfsr_push_u32(p, m->uid);
	dfsr_push_u32(p, m->gid);
	dfsr_push_str(p, m->owner);
	dfsr_push_str(p, m->group);
	dfsr_push_u64(p, (uint64_t)m->mtime_sec);
	dfsr_push_u32(p, m->mtime_nsec);
	push_xattrs(p, m);
	push_acl(p, &m->acl_access);
	push_acl(p, &m->acl_default);
	if (m->symlink != NULL) {
		dfsr_push_str(p, m->symlink);
	}
}

/* ---- canonical ---------------------------------------------------------- */

/* The name, or an empty name and then the number. */
static void push_account(struct dfsr_push *p, const char *account,
			 uint32_t number)
{
	dfsr_push_str(p, account);
	if (!account_named(account)) {
		dfsr_push_u32(p, number);
	}
}

static int acl_cmp(const void *a, const void *b)
{
	const struct dfsr_acl_entry *ea = a;
	const struct dfsr_acl_entry *eb = b;
	const char *name_a = ea->account != NULL ? ea->account : "";
	const char *name_b = eb->account != NULL ? eb->account : "";
	int cmp;

	if (ea->tag != eb->tag) {
		return ea->tag < eb->tag ? -1 : 1;
	}
	cmp = strcmp(name_a, name_b);
	if (cmp != 0) {
		return cmp;
	}
	if (name_a[0] == '\0' && acl_tag_has_id(ea->tag) &&
	    ea->id != eb->id) {
		return ea->id < eb->id ? -1 : 1;
	}
	return (ea->perm > eb->perm) - (ea->perm < eb->perm);
}

static void push_acl_canonical(struct dfsr_push *p,
			       const struct dfsr_acl *acl)
{
	struct dfsr_acl_entry *sorted = NULL;
	uint32_t i;

	dfsr_push_u16(p, (uint16_t)acl->num);
	if (p->err != 0 || acl->num == 0) {
		return;
	}
	sorted = talloc_memdup(p->mem_ctx,
			       acl->e,
			       acl->num * sizeof(*sorted));
	if (sorted == NULL) {
		p->err = ENOMEM;
		return;
	}
	qsort(sorted, acl->num, sizeof(*sorted), acl_cmp);
	for (i = 0; i < acl->num; i++) {
		dfsr_push_u16(p, sorted[i].tag);
		dfsr_push_u16(p, sorted[i].perm);
		if (acl_tag_has_id(sorted[i].tag)) {
			push_account(p, sorted[i].account, sorted[i].id);
		}
	}
	TALLOC_FREE(sorted);
}

void dfsr_meta_push_canonical(struct dfsr_push *p, const struct dfsr_meta *m)
{
	if (!may_push(p, m)) {
		return;
	}
	dfsr_push_u8(p, TYPES_PACK_VERSION);
	dfsr_push_u32(p, m->mode);
	push_account(p, m->owner, m->uid);
	push_account(p, m->group, m->gid);
	if (!is_dir(m)) {
		dfsr_push_u64(p, (uint64_t)m->mtime_sec);
		dfsr_push_u32(p, m->mtime_nsec);
	}
	push_xattrs(p, m);
	push_acl_canonical(p, &m->acl_access);
	push_acl_canonical(p, &m->acl_default);
	if (m->symlink != NULL) {
		dfsr_push_str(p, m->symlink);
	}
}
