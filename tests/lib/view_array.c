/*
   Samba DFS Replication
   An array of records as the engine's view

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
#include <inttypes.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "view_array.h"

static int find(const struct view_array *va, const struct dfsr_id *uid,
		uint32_t *pos)
{
	uint32_t lo = 0, hi = va->num;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = dfsr_id_cmp(&va->e[mid]->rec.uid, uid);

		if (c == 0) {
			*pos = mid;
			return 0;
		}
		if (c < 0) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	*pos = lo;
	return ENOENT;
}

const struct dfsr_record *view_array_get(const struct view_array *va,
					 const struct dfsr_id *uid)
{
	uint32_t pos;

	return find(va, uid, &pos) == 0 ? &va->e[pos]->rec : NULL;
}

static struct dfsr_id resolve(const struct view_array *va,
			      const struct dfsr_id *dir)
{
	const struct dfsr_record *p;
	struct dfsr_id id = *dir;
	unsigned i;

	for (i = 0; i < DFSR_ALIAS_DEPTH_MAX; i++) {
		p = view_array_get(va, &id);
		if (p == NULL || !dfsr_record_is_alias(p)) {
			break;
		}
		id = p->merged_into;
	}
	return id;
}

bool view_array_lives_in(const struct view_array *va,
			 const struct dfsr_record *r,
			 const struct dfsr_id *dir)
{
	struct dfsr_id id;

	if (!r->present || r->uid.vsn == 1) {
		return false;
	}
	id = resolve(va, &r->parent);
	return dfsr_id_equal(&id, dir);
}

static int by_uid(void *private_data, const struct dfsr_id *uid,
		  struct dfsr_record *r)
{
	struct view_array *va = private_data;
	const struct dfsr_record *rec = view_array_get(va, uid);

	va->calls++;
	if (rec == NULL) {
		return ENOENT;
	}
	*r = *rec;
	return 0;
}

static int by_name(void *private_data, const struct dfsr_id *dir,
		   const char *name, struct dfsr_record *r)
{
	struct view_array *va = private_data;
	char fold[DFSR_FOLD_MAX + 1];
	uint32_t i;

	struct dfsr_id meant = resolve(va, dir);

	va->calls++;
	assert_int_not_equal(dfsr_fold(name, fold), 0);
	for (i = 0; i < va->num; i++) {
		if (strcmp(va->e[i]->fold, fold) == 0 &&
		    view_array_lives_in(va, &va->e[i]->rec, &meant))
		{
			*r = va->e[i]->rec;
			return 0;
		}
	}
	return ENOENT;
}

static int next_child(void *private_data, const struct dfsr_id *dir,
		      const char *after, struct dfsr_record *r)
{
	struct view_array *va = private_data;
	const struct view_entry *best = NULL;
	struct dfsr_id meant = resolve(va, dir);
	uint32_t i;

	va->calls++;
	for (i = 0; i < va->num; i++) {
		const struct view_entry *e = va->e[i];

		if (strcmp(e->fold, after) > 0 &&
		    (best == NULL || strcmp(e->fold, best->fold) < 0) &&
		    view_array_lives_in(va, &e->rec, &meant))
		{
			best = e;
		}
	}
	if (best == NULL) {
		return ENOENT;
	}
	*r = best->rec;
	return 0;
}

static int clock_high(void *private_data, const struct dfsr_id *uid,
		      uint64_t *clock)
{
	struct view_array *va = private_data;
	uint32_t pos;

	va->calls++;
	if (find(va, uid, &pos) != 0) {
		return ENOENT;
	}
	*clock = va->e[pos]->clock_high;
	return 0;
}

struct view_array *view_array_new(TALLOC_CTX *mem_ctx)
{
	struct view_array *va = talloc_zero(mem_ctx, struct view_array);

	assert_non_null(va);
	va->view = (struct dfsr_view){
		.by_uid = by_uid,
		.by_name = by_name,
		.next_child = next_child,
		.clock_high = clock_high,
		.private_data = va,
	};
	return va;
}

void view_array_clock(struct view_array *va, const struct dfsr_id *uid,
		      uint64_t clock)
{
	uint32_t pos;

	if (find(va, uid, &pos) == 0 && va->e[pos]->clock_high < clock) {
		va->e[pos]->clock_high = clock;
	}
}

void view_array_put(struct view_array *va, const struct dfsr_record *rec)
{
	const char *wrong = dfsr_record_valid(rec);
	struct view_entry *e;
	uint32_t pos;

	if (wrong != NULL) {
		fail_msg("record is not valid: %s", wrong);
	}
	if (find(va, &rec->uid, &pos) == 0) {
		e = va->e[pos];
	} else {
		if ((va->num & (va->num - 1)) == 0) {
			va->e = talloc_realloc(va, va->e, struct view_entry *,
					       va->num == 0 ? 1
							    : va->num * 2);
			assert_non_null(va->e);
		}
		memmove(&va->e[pos + 1], &va->e[pos],
			(va->num - pos) * sizeof(*va->e));
		e = talloc_zero(va, struct view_entry);
		assert_non_null(e);
		va->e[pos] = e;
		va->num += 1;
	}
	e->rec = *rec;
	if (dfsr_fold(rec->name, e->fold) == 0) {
		e->fold[0] = '\0';
	}
	if (e->clock_high < rec->clock) {
		e->clock_high = rec->clock;
	}
}
