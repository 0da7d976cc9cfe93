/*
   Samba DFS Replication
   Ways through the tree: aliases of merged directories, paths

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

#include "store_private.h"

#include <errno.h>
#include <string.h>

int store_resolve(struct dfsr_store_txn *txn, const struct dfsr_id *dir,
		  struct dfsr_id *meant)
{
	uint8_t key[STORE_ID_LEN];
	struct dfsr_id winner;
	MDB_val val;
	bool alias;
	int depth, err;

	*meant = *dir;
	for (depth = 0; depth < DFSR_ALIAS_DEPTH_MAX; depth++) {
		store_key_id(key, meant);
		err = store_get(txn, STORE_DB_UID, key, sizeof(key), &val);
		if (err == ENOENT) {
			return 0;
		}
		if (err == 0) {
			err = store_row_alias(&val, &alias, &winner);
		}
		if (err != 0 || !alias) {
			return err;
		}
		*meant = winner;
	}
	return ELOOP;
}

/* A path that is built from its end. */
struct path_builder {
	size_t start; /* first byte in use */
	char buf[STORE_PATH_MAX + 1];
};

static int path_prepend(struct path_builder *b, const char *name)
{
	size_t len = strlen(name);
	bool slash = b->buf[b->start] != '\0';

	if (len + slash > b->start) {
		return ENAMETOOLONG;
	}
	if (slash) {
		b->start--;
		b->buf[b->start] = '/';
	}
	b->start -= len;
	memcpy(b->buf + b->start, name, len);
	return 0;
}

/*
 * A circle of parents is noticed by a mark that is moved on to every
 * position that is a power of two: sooner or later it lies in the circle.
 */
static int path_walk(struct dfsr_store_txn *txn, const struct dfsr_id *uid,
		     struct path_builder *b)
{
	struct dfsr_id at = *uid;
	struct dfsr_id mark = *uid;
	struct dfsr_row row;
	unsigned depth = 0;
	int err;

	while (!dfsr_id_equal(&at, &txn->store->root)) {
		err = dfsr_store_row_by_uid(txn, &at, &row);
		if (err != 0) {
			return err;
		}
		if (depth > 0 &&
		    (!row.rec.present || !dfsr_record_is_dir(&row.rec))) {
			return ENOENT;
		}
		err = path_prepend(b, row.rec.name);
		if (err != 0) {
			return err;
		}
		err = store_resolve(txn, &row.rec.parent, &at);
		if (err != 0) {
			return err;
		}
		if (dfsr_id_equal(&at, &mark)) {
			return ELOOP;
		}
		depth++;
		if (depth > DFSR_DEPTH_MAX) {
			return ENAMETOOLONG;
		}
		if ((depth & (depth - 1)) == 0) {
			mark = at;
		}
	}
	return 0;
}

int dfsr_store_path(struct dfsr_store_txn *txn, TALLOC_CTX *mem_ctx,
		    const struct dfsr_id *uid, char **path)
{
	struct path_builder *b = NULL;
	int err;

	*path = NULL;
	b = talloc(mem_ctx, struct path_builder);
	if (b == NULL) {
		return ENOMEM;
	}
	b->start = STORE_PATH_MAX;
	b->buf[b->start] = '\0';
	err = path_walk(txn, uid, b);
	if (err == 0) {
		*path = talloc_strdup(mem_ctx, b->buf + b->start);
		err = (*path == NULL) ? ENOMEM : 0;
	}
	TALLOC_FREE(b);
	return err;
}
