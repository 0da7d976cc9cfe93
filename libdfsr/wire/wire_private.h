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

#ifndef __DFSR_WIRE_PRIVATE_H__
#define __DFSR_WIRE_PRIVATE_H__

#include "dfsr_wire.h"

/** Version byte of every message of this room. */
#define WIRE_VERSION 1
/** Tags from here on may be skipped by a reader that does not know them. */
#define WIRE_TAG_OPTIONAL 0x8000
/** Longest name of the software in HELLO. */
#define WIRE_SOFTWARE_MAX 255
/** Longest node name, and longest HOST:PORT, in JOIN. */
#define WIRE_NODE_NAME_MAX 255
#define WIRE_ADDRESS_MAX 300
/** Highest offset in a file: what off_t can hold. */
#define WIRE_OFS_MAX ((uint64_t)INT64_MAX)

/* From wire/wire_str.c */

/** Remember the first error of a writer or a reader. */
void wire_push_fail(struct dfsr_push *p, int err);
void wire_pull_fail(struct dfsr_pull *p, int err);
/** Bytes that are not read yet. */
size_t wire_pull_left(const struct dfsr_pull *p);
/** Start a message: version byte. */
void wire_push_open(struct dfsr_push *p);
/** Start to read a message: version byte of this or an older version. */
void wire_pull_open(struct dfsr_pull *p, const uint8_t *data, size_t len);
/** Skip the optional parts, which must fill the rest. @return p->err */
int wire_pull_close(struct dfsr_pull *p);
/** A byte that must be 0 or 1. */
bool wire_pull_bool(struct dfsr_pull *p);
/** An identifier that may not be zero. */
void wire_pull_named(struct dfsr_pull *p, struct dfsr_guid *g);
/** A count whose elements take at least min_size bytes each. */
uint32_t wire_pull_count(struct dfsr_pull *p, uint32_t max, size_t min_size);
/**
 * A text of min to max bytes; it goes into logs and JSON, so that anything
 * but printable UTF-8 is refused.
 */
char *wire_pull_text(struct dfsr_pull *p, TALLOC_CTX *mem_ctx, size_t min,
		     size_t max);
/** Bytes of the longest start of s that is printable UTF-8. */
size_t wire_text_good(const char *s);

/* From wire/wire_file.c */

/**
 * Runs of data: ascending, none of them empty.
 * @param[in] max   most bytes of data in all of them
 * @param[in] end   size of the object: all runs end at or before it
 */
void wire_push_runs(struct dfsr_push *p, const struct dfsr_run *runs,
		    uint32_t num, uint64_t max);
void wire_pull_runs(struct dfsr_pull *p, TALLOC_CTX *mem_ctx, uint64_t max,
		    uint64_t end, struct dfsr_run **runs, uint32_t *num);
/** Metadata and at most max bytes of data of one object that exists. */
void wire_push_payload(struct dfsr_push *p, const struct dfsr_payload *m,
		       uint64_t max);
void wire_pull_payload(struct dfsr_pull *p, TALLOC_CTX *mem_ctx,
		       const struct dfsr_record *rec, uint64_t max,
		       struct dfsr_payload *m);
/** Bytes of metadata and data in a payload. */
uint64_t wire_payload_size(const struct dfsr_payload *m);

#endif /* __DFSR_WIRE_PRIVATE_H__ */
