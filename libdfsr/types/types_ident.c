/*
   Samba DFS Replication
   File identities and stamps

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

bool dfsr_ident_equal(const struct dfsr_ident *a, const struct dfsr_ident *b)
{
	return a->ino == b->ino && a->btime_sec == b->btime_sec &&
	       a->btime_nsec == b->btime_nsec;
}

bool dfsr_ident_is_null(const struct dfsr_ident *a)
{
	return a->ino == 0 && a->btime_sec == 0 && a->btime_nsec == 0;
}

bool dfsr_stamp_same_data(const struct dfsr_stamp *a,
			  const struct dfsr_stamp *b)
{
	return dfsr_ident_equal(&a->ident, &b->ident) && a->size == b->size &&
	       a->mtime_sec == b->mtime_sec &&
	       a->mtime_nsec == b->mtime_nsec && a->mode == b->mode;
}

bool dfsr_stamp_equal(const struct dfsr_stamp *a, const struct dfsr_stamp *b)
{
	return dfsr_stamp_same_data(a, b) && a->ctime_sec == b->ctime_sec &&
	       a->ctime_nsec == b->ctime_nsec;
}

void dfsr_ident_push(struct dfsr_push *p, const struct dfsr_ident *i)
{
	dfsr_push_u64(p, i->ino);
	dfsr_push_u64(p, (uint64_t)i->btime_sec);
	dfsr_push_u32(p, i->btime_nsec);
}

void dfsr_ident_pull(struct dfsr_pull *p, struct dfsr_ident *i)
{
	i->ino = dfsr_pull_u64(p);
	i->btime_sec = (int64_t)dfsr_pull_u64(p);
	i->btime_nsec = dfsr_pull_u32(p);
	if (p->err != 0) {
		memset(i, 0, sizeof(*i));
	}
}

void dfsr_stamp_push(struct dfsr_push *p, const struct dfsr_stamp *s)
{
	dfsr_push_u8(p, TYPES_PACK_VERSION);
	dfsr_ident_push(p, &s->ident);
	dfsr_push_u64(p, s->size);
	dfsr_push_u64(p, (uint64_t)s->mtime_sec);
	dfsr_push_u64(p, (uint64_t)s->ctime_sec);
	dfsr_push_u32(p, s->mtime_nsec);
	dfsr_push_u32(p, s->ctime_nsec);
	dfsr_push_u32(p, s->nlink);
	dfsr_push_u32(p, s->mode);
	dfsr_push_u8(p, s->settled ? 1 : 0);
}

void dfsr_stamp_pull(struct dfsr_pull *p, struct dfsr_stamp *s)
{
	uint8_t settled;

	memset(s, 0, sizeof(*s));
	if (dfsr_pull_u8(p) != TYPES_PACK_VERSION) {
		types_pull_fail(p, EBADMSG);
		return;
	}
	dfsr_ident_pull(p, &s->ident);
	s->size = dfsr_pull_u64(p);
	s->mtime_sec = (int64_t)dfsr_pull_u64(p);
	s->ctime_sec = (int64_t)dfsr_pull_u64(p);
	s->mtime_nsec = dfsr_pull_u32(p);
	s->ctime_nsec = dfsr_pull_u32(p);
	s->nlink = dfsr_pull_u32(p);
	s->mode = dfsr_pull_u32(p);
	settled = dfsr_pull_u8(p);
	s->settled = (settled == 1);
	if (settled > 1) {
		types_pull_fail(p, EBADMSG);
	}
	if (p->err != 0) {
		memset(s, 0, sizeof(*s));
	}
}
