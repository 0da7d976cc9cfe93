/*
   Samba DFS Replication
   Reading all that a replica carries beside the bytes

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
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fs_private.h"

/* FILE_ATTRIBUTE_* of [MS-FSCC] 2.6 */
#define ATTR_READONLY 0x1
#define ATTR_DIRECTORY 0x10
#define ATTR_NORMAL 0x80
#define ATTR_REPARSE_POINT 0x400

/** What is found while the names of the xattrs are gone through. */
struct meta_reader {
	struct dfsr_meta *m;
	int fd;
	size_t total;
	struct fs_aliases *aliases;
	bool acl_access;
	bool acl_default;
};

static int read_basics(struct meta_reader *r)
{
	struct statx stx;
	int ret;

	ret = statx(r->fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		    STATX_BASIC_STATS, &stx);
	if (ret != 0) {
		return errno;
	}
	r->m->mode = stx.stx_mode;
	r->m->uid = stx.stx_uid;
	r->m->gid = stx.stx_gid;
	r->m->mtime_sec = stx.stx_mtime.tv_sec;
	r->m->mtime_nsec = stx.stx_mtime.tv_nsec;
	return 0;
}

static int read_target(struct meta_reader *r)
{
	char buf[DFSR_SYMLINK_MAX + 2];
	ssize_t len;

	if (!S_ISLNK(r->m->mode)) {
		return 0;
	}
	len = readlinkat(r->fd, "", buf, sizeof(buf));
	if (len == -1) {
		return errno;
	}
	if (len > DFSR_SYMLINK_MAX) {
		return E2BIG;
	}
	r->m->symlink = talloc_strndup(r->m, buf, (size_t)len);
	return r->m->symlink == NULL ? ENOMEM : 0;
}

static int read_carried(struct meta_reader *r, const char *name)
{
	struct dfsr_meta *m = r->m;
	struct dfsr_xattr *x = NULL;
	int ret;

	if (m->num_xattrs >= DFSR_XATTRS_MAX) {
		return E2BIG;
	}
	x = talloc_realloc(m, m->xattrs, struct dfsr_xattr,
			   m->num_xattrs + 1);
	if (x == NULL) {
		return ENOMEM;
	}
	m->xattrs = x;
	x = &x[m->num_xattrs];
	ret = fs_xattr_value(m, r->fd, name, DFSR_XATTR_VALUE_MAX, &x->value,
			     &x->len);
	if (ret == ENODATA) {
		return 0; /* gone since it was listed */
	}
	if (ret != 0) {
		return ret;
	}
	x->name = talloc_strdup(m, name);
	if (x->name == NULL) {
		return ENOMEM;
	}
	r->total += strlen(name) + x->len;
	if (r->total > DFSR_META_MAX) {
		return E2BIG;
	}
	m->num_xattrs++;
	return 0;
}

static int read_aliases(struct meta_reader *r, TALLOC_CTX *mem_ctx)
{
	uint8_t *value = NULL;
	size_t len = 0;
	int ret;

	ret = fs_xattr_value(mem_ctx, r->fd, DFSR_XATTR_ACCOUNTS,
			     DFSR_XATTR_VALUE_MAX, &value, &len);
	if (ret == ENODATA) {
		return 0;
	}
	if (ret != 0) {
		return ret;
	}
	return fs_aliases_parse(mem_ctx, value, len, &r->aliases);
}

static int read_xattr(struct meta_reader *r, TALLOC_CTX *mem_ctx,
		      const char *name)
{
	if (fs_xattr_carried(name)) {
		return read_carried(r, name);
	}
	if (strcmp(name, DFSR_XATTR_ACCOUNTS) == 0) {
		return read_aliases(r, mem_ctx);
	}
	if (strcmp(name, FS_XATTR_ACL_ACCESS) == 0) {
		r->acl_access = true;
	} else if (strcmp(name, FS_XATTR_ACL_DEFAULT) == 0) {
		r->acl_default = true;
	}
	return 0;
}

static int read_xattrs(struct meta_reader *r, TALLOC_CTX *mem_ctx)
{
	char *names = NULL;
	size_t len, ofs;
	int ret;

	ret = fs_xattr_names(mem_ctx, r->fd, &names, &len);
	if (ret != 0) {
		return ret;
	}
	for (ofs = 0; ofs < len; ofs += strlen(names + ofs) + 1) {
		ret = read_xattr(r, mem_ctx, names + ofs);
		if (ret != 0) {
			return ret;
		}
	}
	dfsr_meta_sort(r->m);
	return 0;
}

static int read_acl(struct meta_reader *r, TALLOC_CTX *mem_ctx,
		    const char *name, struct dfsr_acl *acl)
{
	uint8_t *value = NULL;
	size_t len = 0;
	int ret;

	ret = fs_xattr_value(mem_ctx, r->fd, name, DFSR_XATTR_VALUE_MAX,
			     &value, &len);
	if (ret == ENODATA || ret == EOPNOTSUPP) {
		return 0;
	}
	if (ret != 0) {
		return ret;
	}
	return fs_acl_parse(r->m, value, len, r->aliases, acl);
}

static int read_acls(struct meta_reader *r, TALLOC_CTX *mem_ctx)
{
	struct dfsr_meta *m = r->m;
	int ret;

	if (r->acl_access) {
		ret = read_acl(r, mem_ctx, FS_XATTR_ACL_ACCESS,
			       &m->acl_access);
		if (ret != 0) {
			return ret;
		}
		if (fs_acl_is_mode(&m->acl_access)) {
			m->acl_access.num = 0;
		}
	}
	if (r->acl_default && S_ISDIR(m->mode)) {
		return read_acl(r, mem_ctx, FS_XATTR_ACL_DEFAULT,
				&m->acl_default);
	}
	return 0;
}

static int read_owners(struct meta_reader *r)
{
	struct dfsr_meta *m = r->m;
	int ret;

	ret = fs_aliases_name(m, r->aliases, FS_ACCOUNT_USER, m->uid,
			      &m->owner);
	if (ret != 0) {
		return ret;
	}
	return fs_aliases_name(m, r->aliases, FS_ACCOUNT_GROUP, m->gid,
			       &m->group);
}

int dfsr_fs_meta_read(TALLOC_CTX *mem_ctx, int fd, struct dfsr_meta **meta)
{
	struct meta_reader r = {.fd = fd};
	TALLOC_CTX *frame = NULL;
	int ret;

	r.m = talloc_zero(mem_ctx, struct dfsr_meta);
	frame = talloc_new(r.m);
	if (frame == NULL) {
		TALLOC_FREE(r.m);
		return ENOMEM;
	}
	ret = read_basics(&r);
	if (ret == 0) {
		ret = read_target(&r);
	}
	if (ret == 0) {
		ret = read_xattrs(&r, frame);
	}
	if (ret == 0) {
		ret = read_acls(&r, frame);
	}
	if (ret == 0) {
		ret = read_owners(&r);
	}
	TALLOC_FREE(frame);
	if (ret != 0) {
		TALLOC_FREE(r.m);
		return ret;
	}
	*meta = r.m;
	return 0;
}

int dfsr_fs_meta_hash(const struct dfsr_meta *meta,
		      uint8_t hash[DFSR_HASH_LEN])
{
	TALLOC_CTX *frame = talloc_new(NULL);
	struct dfsr_push p;
	int ret;

	if (frame == NULL) {
		return ENOMEM;
	}
	dfsr_push_init(&p, frame);
	dfsr_meta_push_canonical(&p, meta);
	ret = p.err;
	if (ret == 0) {
		ret = dfsr_fs_hash_bytes(p.data, p.len, hash);
	}
	TALLOC_FREE(frame);
	return ret;
}

/*
 * user.DOSATTRIB as smbd writes it since 3.2 (xattr.idl): an empty string
 * where older ones had the attributes as hex text, then aligned numbers:
 * u16 version, u32 version again, u32 valid flags, u32 attributes.
 */
static bool dos_attributes(const struct dfsr_xattr *x, uint32_t *attributes)
{
	const uint32_t valid_attrib = 0x1;
	struct dfsr_pull p;
	uint16_t version;
	uint32_t valid;

	dfsr_pull_init(&p, x->value, x->len);
	if (dfsr_pull_u8(&p) != 0) {
		return false;
	}
	dfsr_pull_u8(&p);
	version = dfsr_pull_u16(&p);
	if (version < 3 || version > 5) {
		return false;
	}
	dfsr_pull_u32(&p);
	valid = dfsr_pull_u32(&p);
	*attributes = dfsr_pull_u32(&p);
	return p.err == 0 && (valid & valid_attrib) != 0;
}

uint32_t dfsr_fs_attributes(const struct dfsr_meta *meta)
{
	uint32_t attributes = 0;
	uint32_t i;

	for (i = 0; i < meta->num_xattrs; i++) {
		const struct dfsr_xattr *x = &meta->xattrs[i];

		if (strcmp(x->name, FS_XATTR_DOSATTRIB) == 0 &&
		    !dos_attributes(x, &attributes)) {
			attributes = 0;
		}
	}
	if (S_ISDIR(meta->mode)) {
		return attributes | ATTR_DIRECTORY;
	}
	if (S_ISLNK(meta->mode)) {
		return attributes | ATTR_REPARSE_POINT;
	}
	if (attributes != 0) {
		return attributes;
	}
	return (meta->mode & S_IWUSR) ? ATTR_NORMAL : ATTR_READONLY;
}
