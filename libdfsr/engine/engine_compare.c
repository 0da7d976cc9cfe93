/*
   Samba DFS Replication
   The comparators (R2) and how versions relate (A1)

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

#include <string.h>

#include "engine_private.h"

static int cmp_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/*
 * nameConflict stands first: otherwise a live version, a tombstone and a
 * nameConflict tombstone of one UID can beat each other in a circle
 * (0001-semantics A4).
 */
int dfsr_engine_compare(const struct dfsr_record *a,
			const struct dfsr_record *b)
{
	int c;

	c = (int)a->name_conflict - (int)b->name_conflict;
	if (c != 0) {
		return c;
	}
	c = cmp_u64(a->fence, b->fence);
	if (c != 0) {
		return c;
	}
	c = cmp_u64(a->clock, b->clock);
	if (c != 0) {
		return c;
	}
	return dfsr_id_cmp(&a->gvsn, &b->gvsn);
}

/*
 * The clock does not take part: it changes between two members' decisions,
 * and then each of them would end another one of the two.
 */
int dfsr_engine_compare_names(const struct dfsr_record *a,
			      const struct dfsr_record *b)
{
	int c;

	c = cmp_u64(a->fence, b->fence);
	if (c != 0) {
		return c;
	}
	c = (int)dfsr_record_is_dir(a) - (int)dfsr_record_is_dir(b);
	if (c != 0) {
		return c;
	}
	c = cmp_u64(a->create_time, b->create_time);
	if (c != 0) {
		return c;
	}
	return dfsr_id_cmp(&a->uid, &b->uid);
}

enum dfsr_relation dfsr_engine_relate(const struct dfsr_record *a,
				      const struct dfsr_record *b)
{
	if (dfsr_id_equal(&a->gvsn, &b->gvsn)) {
		return DFSR_SAME;
	}
	if (dfsr_lineage_has(&a->lineage, &b->gvsn)) {
		return DFSR_DESCENDS;
	}
	if (dfsr_lineage_has(&b->lineage, &a->gvsn)) {
		return DFSR_ANCESTOR;
	}
	return DFSR_CONCURRENT;
}
