/*
   Samba DFS Replication
   Paths within a batch: where a UID is after the decisions so far

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

#include "agent_install.h"

/** Where a UID is by a decision of this batch. */
struct dfsr_plan_place {
	struct dfsr_id uid;
	struct dfsr_id parent;
	char name[DFSR_NAME_MAX + 1];
};

struct dfsr_plan_paths {
	struct dfsr_store_txn *txn;
	struct dfsr_view view;
	uint32_t num;
	struct dfsr_plan_place *places; /* the newest last */
};

struct dfsr_plan_paths *dfsr_plan_paths_new(TALLOC_CTX *mem_ctx,
					    struct dfsr_store_txn *txn,
					    const struct dfsr_view *view)
{
	struct dfsr_plan_paths *paths = NULL;

	paths = talloc_zero(mem_ctx, struct dfsr_plan_paths);
	if (paths != NULL) {
		paths->txn = txn;
		paths->view = *view;
	}
	return paths;
}

int dfsr_plan_paths_set(struct dfsr_plan_paths *paths,
			const struct dfsr_record *rec)
{
	struct dfsr_plan_place *place = NULL;

	/* Only directories have paths that others stand on. */
	if (rec->kind != DFSR_KIND_DIRECTORY) {
		return 0;
	}
	if (paths->num % 32 == 0) {
		place = talloc_realloc(paths, paths->places,
				       struct dfsr_plan_place,
				       paths->num + 32);
		if (place == NULL) {
			return ENOMEM;
		}
		paths->places = place;
	}
	place = &paths->places[paths->num++];
	place->uid = rec->uid;
	place->parent = rec->parent;
	dfsr_copy_name(place->name, rec->name);
	return 0;
}

static const struct dfsr_plan_place *
dfsr_plan_place_of(const struct dfsr_plan_paths *paths,
		   const struct dfsr_id *uid)
{
	uint32_t i;

	for (i = paths->num; i > 0; i--) {
		if (dfsr_id_equal(&paths->places[i - 1].uid, uid)) {
			return &paths->places[i - 1];
		}
	}
	return NULL;
}

/** Prepend a component. */
static int dfsr_plan_prepend(TALLOC_CTX *mem_ctx, char **path,
			     const char *name)
{
	char *longer = NULL;

	longer = *path == NULL
			 ? talloc_strdup(mem_ctx, name)
			 : talloc_asprintf(mem_ctx, "%s/%s", name, *path);
	if (longer == NULL) {
		return ENOMEM;
	}
	talloc_free(*path);
	*path = longer;
	return strlen(longer) < 4096 ? 0 : ENAMETOOLONG;
}

int dfsr_plan_path(struct dfsr_plan_paths *paths, TALLOC_CTX *mem_ctx,
		   const struct dfsr_id *dir, const char *name, char **path,
		   struct dfsr_ident *dir_ident)
{
	const struct dfsr_plan_place *place = NULL;
	struct dfsr_id at = *dir;
	struct dfsr_record rec;
	struct dfsr_row row;
	unsigned depth;
	int ret;

	*path = NULL;
	*dir_ident = (struct dfsr_ident){0};
	if (name[0] != '\0') {
		ret = dfsr_plan_prepend(mem_ctx, path, name);
		if (ret != 0) {
			return ret;
		}
	}
	for (depth = 0; depth < DFSR_DEPTH_MAX; depth++) {
		place = dfsr_plan_place_of(paths, &at);
		if (place != NULL) {
			ret = dfsr_plan_prepend(mem_ctx, path, place->name);
			if (ret != 0) {
				return ret;
			}
			at = place->parent;
			continue;
		}
		ret = dfsr_engine_resolve(&paths->view, &at, &rec);
		if (ret != 0) {
			return ret;
		}
		if (!dfsr_id_equal(&rec.uid, &at)) {
			at = rec.uid;
			continue;
		}
		if (depth == 0) {
			ret = dfsr_store_row_by_uid(paths->txn, &at, &row);
			if (ret != 0) {
				return ret;
			}
			*dir_ident = row.stamp.ident;
		}
		if (rec.uid.vsn == 1) {
			if (*path == NULL) {
				*path = talloc_strdup(mem_ctx, "");
			}
			return *path == NULL ? ENOMEM : 0;
		}
		if (!rec.present) {
			return ENOENT;
		}
		ret = dfsr_plan_prepend(mem_ctx, path, rec.name);
		if (ret != 0) {
			return ret;
		}
		at = rec.parent;
	}
	return ELOOP;
}
