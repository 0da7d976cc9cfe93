/*
   Samba DFS Replication
   Random values for tests: a seeded generator and what it makes

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

#ifndef __TESTS_TYPES_SAMPLES_H__
#define __TESTS_TYPES_SAMPLES_H__

#include "dfsr_types.h"

/** A seeded generator: the same seed gives the same values everywhere. */
struct samples {
	uint64_t state;
};

uint64_t samples_u64(struct samples *s);
/** Evenly from 0 to below - 1. */
uint64_t samples_below(struct samples *s, uint64_t below);
void samples_bytes(struct samples *s, void *buf, size_t len);

struct dfsr_guid samples_guid(struct samples *s);
/** A leaf name that dfsr_name_valid() accepts. */
void samples_name(struct samples *s, char name[DFSR_NAME_MAX + 1]);
/** A record that dfsr_record_valid() accepts. */
void samples_record(struct samples *s, struct dfsr_record *r);
/** A vector of at most the given entries and intervals per entry. */
struct dfsr_vv *samples_vv(struct samples *s, TALLOC_CTX *mem_ctx,
			   uint32_t entries, uint32_t ranges);
/** Metadata that dfsr_meta_push() accepts. */
struct dfsr_meta *samples_meta(struct samples *s, TALLOC_CTX *mem_ctx);

/**
 * Pull a value from data, push it again into out.
 * @return the error of the pull, leftover bytes included
 */
typedef int (*samples_repack_fn)(TALLOC_CTX *mem_ctx, const uint8_t *data,
				 size_t len, struct dfsr_push *out);

/**
 * Fails the running test unless data is accepted and packs to itself, every
 * prefix is refused with EBADMSG, and every single-byte change is refused
 * with EBADMSG or packs to itself.
 */
void samples_damage(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		    samples_repack_fn repack);

/** Allocations below mem_ctx fail when they need more than `more` bytes. */
void samples_limit_memory(TALLOC_CTX *mem_ctx, size_t more);

/** cmocka setup and teardown: *state is a context that must end empty. */
int samples_setup(void **state);
int samples_teardown(void **state);

#endif /* __TESTS_TYPES_SAMPLES_H__ */
