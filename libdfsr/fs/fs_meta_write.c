/*
   Samba DFS Replication
   Making an object's metadata equal to a version's

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
 * The order matters: a new owner clears the set-id bits, so the mode comes
 * after it; a mode rewrites the mask of an ACL, so the ACL comes after that;
 * all of them touch ctime only, but the mtime comes last all the same. Foreign
 * xattrs go before new ones come, because the room for them may be one block.
 *
 * The names of xattrs come from a partner: nothing but what a replica carries
 * is ever set, or a partner could hand out capabilities.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fs_private.h"

#define FS_MODE_BITS 07777

struct meta_writer {
	int fd;
	const struct dfsr_meta *m;
	struct dfsr_fs_problem *problem;
	TALLOC_CTX *frame;
	struct fs_aliases *aliases;
	uint32_t uid;
	uint32_t gid;
	struct dfsr_push acl_access;
	struct dfsr_push acl_default;
	/* what is there */
	struct statx stx;
	char *names;
	size_t names_len;
};

/* Remember what failed, in words; returns err. */
static int cannot(struct meta_writer *w, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int cannot(struct meta_writer *w, int err, const char *fmt, ...)
{
	char what[200];
	char reason[64] = "";
	const char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	text = strerror_r(err, reason, sizeof(reason));
	snprintf(w->problem->what, sizeof(w->problem->what),
		 "the filesystem cannot hold %s: %s", what, text);
	return err;
}

static bool has_name(const struct meta_writer *w, const char *name)
{
	size_t ofs;

	for (ofs = 0; ofs < w->names_len;
	     ofs += strlen(w->names + ofs) + 1) {
		if (strcmp(w->names + ofs, name) == 0) {
			return true;
		}
	}
	return false;
}

static int xattr_cmp(const void *key, const void *member)
{
	return strcmp(key, ((const struct dfsr_xattr *)member)->name);
}

static bool wanted(const struct dfsr_meta *m, const char *name)
{
	return m->num_xattrs > 0 &&
	       bsearch(name, m->xattrs, m->num_xattrs, sizeof(*m->xattrs),
		       xattr_cmp) != NULL;
}

static int check_wanted(struct meta_writer *w)
{
	uint32_t i;

	for (i = 0; i < w->m->num_xattrs; i++) {
		const char *name = w->m->xattrs[i].name;

		if (!fs_xattr_carried(name)) {
			snprintf(w->problem->what, sizeof(w->problem->what),
				 "xattr %s is not one that a replica carries",
				 name);
			return EPERM;
		}
	}
	return 0;
}

/* What the accounts are called here; before anything is changed. */
static int resolve(struct meta_writer *w)
{
	const struct dfsr_meta *m = w->m;
	int ret;

	w->aliases = talloc_zero(w->frame, struct fs_aliases);
	if (w->aliases == NULL) {
		return ENOMEM;
	}
	dfsr_push_init(&w->acl_access, w->frame);
	dfsr_push_init(&w->acl_default, w->frame);
	ret = fs_account_local(FS_ACCOUNT_USER, m->owner, m->uid, w->aliases,
			       &w->uid);
	if (ret == 0) {
		ret = fs_account_local(FS_ACCOUNT_GROUP, m->group, m->gid,
				       w->aliases, &w->gid);
	}
	if (ret == 0 && m->acl_access.num > 0) {
		ret = fs_acl_build(&w->acl_access, &m->acl_access,
				   w->aliases);
	}
	if (ret == 0 && m->acl_default.num > 0) {
		ret = fs_acl_build(&w->acl_default, &m->acl_default,
				   w->aliases);
	}
	if (ret == EOPNOTSUPP) {
		return cannot(w, ret,
			      "two accounts that have one number here");
	}
	if (ret != 0) {
		snprintf(w->problem->what, sizeof(w->problem->what),
			 "cannot look up an account");
	}
	return ret;
}

static int look(struct meta_writer *w, bool existing)
{
	int ret;

	ret = statx(w->fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
		    STATX_BASIC_STATS, &w->stx);
	if (ret != 0) {
		return errno;
	}
	if ((w->stx.stx_mode & S_IFMT) != (w->m->mode & S_IFMT)) {
		return EINVAL;
	}
	if (!existing) {
		return 0;
	}
	return fs_xattr_names(w->frame, w->fd, &w->names, &w->names_len);
}

static int write_owner(struct meta_writer *w)
{
	int ret;

	if (w->stx.stx_uid == w->uid && w->stx.stx_gid == w->gid) {
		return 0;
	}
	ret = fchownat(w->fd, "", w->uid, w->gid,
		       AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	if (ret != 0) {
		return cannot(w, errno, "owner %u and group %u", w->uid,
			      w->gid);
	}
	return 0;
}

static int write_acl(struct meta_writer *w, const char *name,
		     const struct dfsr_push *acl)
{
	int ret;

	if (acl->len == 0) {
		return 0;
	}
	ret = fs_xattr_set(w->fd, name, acl->data, acl->len);
	if (ret != 0) {
		return cannot(w, ret, "ACL %s (%zu bytes)", name, acl->len);
	}
	return 0;
}

static int write_mode(struct meta_writer *w)
{
	struct fs_proc proc;
	int ret;

	if (S_ISLNK(w->m->mode)) {
		return 0;
	}
	ret = fchmod(w->fd, w->m->mode & FS_MODE_BITS);
	if (ret != 0 && errno == EBADF) {
		fs_proc_path(w->fd, &proc);
		ret = chmod(proc.path, w->m->mode & FS_MODE_BITS);
	}
	if (ret != 0) {
		return cannot(w, errno, "mode %o",
			      w->m->mode & FS_MODE_BITS);
	}
	return 0;
}

static int remove_acl(struct meta_writer *w, const char *name,
		      const struct dfsr_push *acl)
{
	if (acl->len > 0 || !has_name(w, name)) {
		return 0;
	}
	return fs_xattr_remove(w->fd, name);
}

static int write_permissions(struct meta_writer *w)
{
	int ret;

	ret = remove_acl(w, FS_XATTR_ACL_ACCESS, &w->acl_access);
	if (ret == 0) {
		ret = remove_acl(w, FS_XATTR_ACL_DEFAULT, &w->acl_default);
	}
	if (ret == 0) {
		ret = write_mode(w);
	}
	if (ret == 0) {
		ret = write_acl(w, FS_XATTR_ACL_ACCESS, &w->acl_access);
	}
	if (ret == 0) {
		ret = write_acl(w, FS_XATTR_ACL_DEFAULT, &w->acl_default);
	}
	return ret;
}

static int remove_foreign(struct meta_writer *w)
{
	size_t ofs;
	int ret;

	for (ofs = 0; ofs < w->names_len;
	     ofs += strlen(w->names + ofs) + 1) {
		const char *name = w->names + ofs;

		if (!fs_xattr_carried(name) || wanted(w->m, name)) {
			continue;
		}
		ret = fs_xattr_remove(w->fd, name);
		if (ret != 0) {
			return ret;
		}
	}
	return 0;
}

static int write_xattrs(struct meta_writer *w)
{
	uint32_t i;
	int ret;

	for (i = 0; i < w->m->num_xattrs; i++) {
		const struct dfsr_xattr *x = &w->m->xattrs[i];

		ret = fs_xattr_set(w->fd, x->name, x->value, x->len);
		if (ret != 0) {
			return cannot(w, ret, "xattr %s (%zu bytes)",
				      x->name, x->len);
		}
	}
	return 0;
}

static int write_aliases(struct meta_writer *w)
{
	struct dfsr_push p;
	int ret;

	if (w->aliases->num == 0) {
		if (!has_name(w, DFSR_XATTR_ACCOUNTS)) {
			return 0;
		}
		return fs_xattr_remove(w->fd, DFSR_XATTR_ACCOUNTS);
	}
	dfsr_push_init(&p, w->frame);
	fs_aliases_push(&p, w->aliases);
	if (p.err != 0) {
		return p.err;
	}
	ret = fs_xattr_set(w->fd, DFSR_XATTR_ACCOUNTS, p.data, p.len);
	if (ret != 0) {
		return cannot(w, ret,
			      "the names of accounts that do not exist here "
			      "(xattr " DFSR_XATTR_ACCOUNTS ", %zu bytes)",
			      p.len);
	}
	return 0;
}

/* A directory's mtime is what its entries make of it. */
static int write_mtime(struct meta_writer *w)
{
	struct timespec ts[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = w->m->mtime_sec, .tv_nsec = w->m->mtime_nsec},
	};
	int ret;

	if (S_ISDIR(w->m->mode)) {
		return 0;
	}
	ret = utimensat(w->fd, "", ts, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	if (ret != 0) {
		return cannot(w, errno, "the time of modification");
	}
	return 0;
}

static int meta_write(struct meta_writer *w, bool existing)
{
	int (*const steps[])(struct meta_writer *) = {
		write_owner,  write_permissions, remove_foreign,
		write_xattrs, write_aliases,	 write_mtime,
	};
	size_t i;
	int ret;

	ret = check_wanted(w);
	if (ret != 0) {
		return ret;
	}
	ret = look(w, existing);
	if (ret != 0) {
		return ret;
	}
	ret = resolve(w);
	if (ret != 0) {
		return ret;
	}
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		ret = steps[i](w);
		if (ret != 0) {
			return ret;
		}
	}
	return 0;
}

int dfsr_fs_meta_write(int fd, const struct dfsr_meta *meta, bool existing,
		       struct dfsr_fs_problem *problem)
{
	struct meta_writer w = {.fd = fd, .m = meta, .problem = problem};
	int ret;

	problem->what[0] = '\0';
	w.frame = talloc_new(NULL);
	if (w.frame == NULL) {
		return ENOMEM;
	}
	ret = meta_write(&w, existing);
	if (ret != 0 && problem->what[0] == '\0') {
		cannot(&w, ret, "the metadata");
	}
	TALLOC_FREE(w.frame);
	return ret;
}
