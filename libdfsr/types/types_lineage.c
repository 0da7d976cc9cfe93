/*
   Samba DFS Replication
   Lineage: what a version descends from

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

/* @return true if db has an entry; *idx is it or the place for it */
static bool lineage_find(const struct dfsr_lineage *l,
			 const struct dfsr_guid *db, uint32_t *idx)
{
	uint32_t i;

	for (i = 0; i < l->num; i++) {
		int cmp = dfsr_guid_cmp(&l->e[i].db, db);

		if (cmp >= 0) {
			*idx = i;
			return cmp == 0;
		}
	}
	*idx = l->num;
	return false;
}

bool dfsr_lineage_has(const struct dfsr_lineage *l,
		      const struct dfsr_id *gvsn)
{
	uint32_t idx;

	return lineage_find(l, &gvsn->db, &idx) &&
	       gvsn->vsn <= l->e[idx].vsn;
}

int dfsr_lineage_add(struct dfsr_lineage *l, const struct dfsr_id *gvsn)
{
	uint32_t idx;

	if (lineage_find(l, &gvsn->db, &idx)) {
		if (l->e[idx].vsn < gvsn->vsn) {
			l->e[idx].vsn = gvsn->vsn;
		}
		return 0;
	}
	if (l->num >= DFSR_LINEAGE_MAX) {
		return E2BIG;
	}
	memmove(&l->e[idx + 1],
		&l->e[idx],
		(l->num - idx) * sizeof(l->e[0]));
	l->e[idx] = *gvsn;
	l->num++;
	return 0;
}

int dfsr_lineage_join(struct dfsr_lineage *into,
		      const struct dfsr_lineage *from)
{
	struct dfsr_lineage joined = *into;
	uint32_t i;

	for (i = 0; i < from->num; i++) {
		int ret = dfsr_lineage_add(&joined, &from->e[i]);

		if (ret != 0) {
			return ret;
		}
	}
	*into = joined;
	return 0;
}
