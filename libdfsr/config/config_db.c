/*
   Samba DFS Replication
   The configuration database

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
 * ldb waits for its answers by running its event context. It gets one of its
 * own: on the daemon's, a change would run other handlers in the middle of
 * itself.
 *
 * The file is not mapped, so that a full disk is an error of a write and not a
 * signal.
 */

#include <sys/stat.h>
#include <sys/types.h>
#include "config_private.h"

int config_why(TALLOC_CTX *mem_ctx, char **why, int err, const char *fmt, ...)
{
	va_list ap;

	if (why != NULL) {
		va_start(ap, fmt);
		*why = talloc_vasprintf(mem_ctx, fmt, ap);
		va_end(ap);
	}
	return err;
}

static int config_ldb_errno(int ret)
{
	switch (ret) {
	case LDB_ERR_ENTRY_ALREADY_EXISTS:
		return EEXIST;
	case LDB_ERR_NO_SUCH_OBJECT:
		return ENOENT;
	case LDB_ERR_BUSY:
		return EBUSY;
	case LDB_ERR_INSUFFICIENT_ACCESS_RIGHTS:
		return EACCES;
	default:
		return EIO;
	}
}

int config_ldb_error(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx, int ret,
		     char **why)
{
	int err = config_ldb_errno(ret);

	/* what made the write fail, when tdb has left it there */
	if (err == EIO && (errno == ENOSPC || errno == EDQUOT ||
			   errno == EFBIG || errno == EROFS)) {
		err = errno;
	}
	if (ret == LDB_SUCCESS) {
		return config_why(mem_ctx, why, ENOMEM, "out of memory");
	}
	return config_why(mem_ctx, why, err,
			  "cannot change the configuration in %s: %s: check "
			  "its disk space and permissions",
			  db->path,
			  err == EIO ? ldb_strerror(ret) : strerror(err));
}

struct ldb_dn *config_dn(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
			 const char *root, ...)
{
	struct ldb_dn *dn = ldb_dn_new(mem_ctx, db->ldb, root);
	const char *value;
	va_list ap;

	va_start(ap, root);
	while (dn != NULL && (value = va_arg(ap, const char *)) != NULL) {
		struct ldb_val v = {
			.data = discard_const_p(uint8_t, value),
			.length = strlen(value),
		};

		if (!ldb_dn_add_child_val(dn, "CN", v)) {
			TALLOC_FREE(dn);
		}
	}
	va_end(ap);
	return dn;
}

/** ldb would write its complaints to stderr; they are in the error line. */
static void config_ldb_quiet(void *context, enum ldb_debug_level level,
			     const char *fmt, va_list ap)
{
	(void)context;
	(void)level;
	(void)fmt;
	(void)ap;
}

static int config_add_container(struct dfsr_configdb *db, const char *dn,
				const char *class_name, const char *attr,
				const char *value)
{
	struct ldb_message *msg = ldb_msg_new(db);
	int ret = LDB_ERR_OPERATIONS_ERROR;

	if (msg == NULL) {
		return ret;
	}
	msg->dn = ldb_dn_new(msg, db->ldb, dn);
	if (msg->dn == NULL ||
	    ldb_msg_add_string(msg, "objectClass", class_name) != 0 ||
	    (attr != NULL && ldb_msg_add_string(msg, attr, value) != 0)) {
		goto done;
	}
	ret = ldb_add(db->ldb, msg);
done:
	talloc_free(msg);
	return ret;
}

/** The empty tree of a new file. */
static int config_create_tree(struct dfsr_configdb *db)
{
	static const struct {
		const char *dn;
		const char *class_name;
		const char *attr;
		const char *value;
	} tree[] = {
		{CONFIG_BASE, "domain", NULL, NULL},
		{CONFIG_SYSTEM, "container", NULL, NULL},
		{CONFIG_GLOBAL, "msDFSR-GlobalSettings", NULL, NULL},
		{CONFIG_NODES, "sambaDfsNodes", "sambaDfsEpoch", "0"},
		{CONFIG_REMOVED, "container", NULL, NULL},
		{CONFIG_TOKENS, "container", NULL, NULL},
		{CONFIG_STATE, "sambaDfsState", "sambaDfsSchema", "1"},
	};
	size_t i;
	int ret = LDB_SUCCESS;

	for (i = 0; i < sizeof(tree) / sizeof(tree[0]); i++) {
		ret = config_add_container(db, tree[i].dn, tree[i].class_name,
					   tree[i].attr, tree[i].value);
		if (ret != LDB_SUCCESS) {
			break;
		}
	}
	return ret;
}

/**
 * Make the tree if there is none.
 * @return an ldb result; *version is that of the file
 */
static int config_prepare(struct dfsr_configdb *db, int *version)
{
	struct ldb_result *res = NULL;
	struct ldb_dn *dn = ldb_dn_new(db, db->ldb, CONFIG_STATE);
	int ret;

	*version = CONFIG_SCHEMA_VERSION;
	ret = ldb_transaction_start(db->ldb);
	if (ret != LDB_SUCCESS) {
		goto done;
	}
	ret = ldb_search(db->ldb, dn, &res, dn, LDB_SCOPE_BASE, NULL, NULL);
	if (ret == LDB_SUCCESS && res->count == 1) {
		*version = ldb_msg_find_attr_as_int(res->msgs[0],
						    "sambaDfsSchema", 0);
		ldb_transaction_cancel(db->ldb);
		goto done;
	}
	ret = config_create_tree(db);
	if (ret == LDB_SUCCESS) {
		ret = ldb_transaction_commit(db->ldb);
	} else {
		ldb_transaction_cancel(db->ldb);
	}
done:
	talloc_free(dn);
	return ret;
}

/** tdb makes a damaged file anew if it may create one. */
static unsigned int config_flags(const char *path)
{
	struct stat st;
	bool is_new = stat(path, &st) == -1 || st.st_size == 0;

	return LDB_FLG_NOMMAP | (is_new ? 0 : LDB_FLG_DONT_CREATE_DB);
}

static int config_connect(struct dfsr_configdb *db, const char *dir)
{
	char *url = NULL;

	db->path = talloc_asprintf(db, "%s/config.ldb", dir);
	url = talloc_asprintf(db, "tdb://%s/config.ldb", dir);
	db->ldb = ldb_init(db, NULL);
	if (db->path == NULL || url == NULL || db->ldb == NULL) {
		return LDB_ERR_OPERATIONS_ERROR;
	}
	ldb_set_debug(db->ldb, config_ldb_quiet, NULL);
	ldb_set_create_perms(db->ldb, 0600);
	errno = 0;
	return ldb_connect(db->ldb, url, config_flags(db->path), NULL);
}

int dfsr_configdb_open(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		       const char *dir, struct dfsr_configdb **_db, char **why)
{
	struct dfsr_configdb *db;
	struct stat st;
	int version = 0;
	int ret;
	int err;

	(void)ev;
	if (stat(dir, &st) == -1) {
		err = errno;
		return config_why(mem_ctx, why, err,
				  "cannot open the configuration in %s: %s",
				  dir, strerror(err));
	}
	db = talloc_zero(mem_ctx, struct dfsr_configdb);
	if (db == NULL) {
		return ENOMEM;
	}
	ret = config_connect(db, dir);
	if (ret == LDB_SUCCESS) {
		ret = config_prepare(db, &version);
	}
	if (ret != LDB_SUCCESS) {
		err = config_ldb_error(db, mem_ctx, ret, why);
		goto fail;
	}
	if (version != CONFIG_SCHEMA_VERSION) {
		err = config_why(mem_ctx, why, EPROTONOSUPPORT,
				 "%s has layout %d, this program knows %d: "
				 "use the newer program",
				 db->path, version, CONFIG_SCHEMA_VERSION);
		goto fail;
	}
	*_db = db;
	return 0;
fail:
	talloc_free(db);
	return err;
}

int config_read_all(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
		    struct ldb_result **res, char **why)
{
	struct ldb_dn *base = ldb_dn_new(mem_ctx, db->ldb, CONFIG_BASE);
	int ret;

	errno = 0;
	ret = ldb_search(db->ldb, mem_ctx, res, base, LDB_SCOPE_SUBTREE, NULL,
			 NULL);
	talloc_free(base);
	if (ret != LDB_SUCCESS) {
		return config_why(mem_ctx, why, EIO,
				  "cannot read the configuration in %s: %s",
				  db->path, ldb_strerror(ret));
	}
	return 0;
}
