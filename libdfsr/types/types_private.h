/*
   Samba DFS Replication
   What the files of this room share and nobody else sees

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

#ifndef __DFSR_TYPES_PRIVATE_H__
#define __DFSR_TYPES_PRIVATE_H__

#include "dfsr_types.h"

/** Version byte of every packed form of this room. */
#define TYPES_PACK_VERSION 1

/**
 * File modes are part of the packed metadata, so their bits are constants
 * of the format and not the host's.
 */
#define TYPES_MODE_FMT 0170000
#define TYPES_MODE_DIR 0040000
#define TYPES_MODE_REG 0100000
#define TYPES_MODE_LNK 0120000
#define TYPES_MODE_MAX 0177777

/** Code points first, first+step, ... last have their upper case at +delta. */
struct types_fold_range {
	uint32_t first;
	uint32_t last;
	uint32_t step;
	int32_t delta;
};

extern const struct types_fold_range types_fold_table[];
extern const size_t types_fold_table_len;

/** Remember the first error of a reader. */
void types_pull_fail(struct dfsr_pull *p, int err);
/** Bytes that are not read yet. */
size_t types_pull_left(const struct dfsr_pull *p);

/**
 * Index of the entry of db, or where it would be inserted.
 * @return true if it is there
 */
bool types_vv_find(const struct dfsr_vv *vv, const struct dfsr_guid *db,
		   uint32_t *idx);
/** Index of the first of num ranges that ends at or after vsn. */
uint32_t types_vv_seek(const struct dfsr_vv_range *ranges, uint32_t num,
		       uint64_t vsn);
/** Count of intervals over all entries. */
uint64_t types_vv_num_ranges(const struct dfsr_vv *vv);
/** Which tag an entry has after (high, tag) has been added to it. */
uint64_t types_vv_tag(uint64_t old_high, uint64_t old_tag, uint64_t high,
		      uint64_t tag);

/** @return 0, E2BIG over a limit, EINVAL for what no file can have */
int types_meta_check(const struct dfsr_meta *m);

#endif /* __DFSR_TYPES_PRIVATE_H__ */
