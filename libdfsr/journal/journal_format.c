/*
   Samba DFS Replication
   The change log: encoding of frames and file headers

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
#include "journal_private.h"

/*
 * A frame, all numbers little-endian:
 *
 *    0  u32 magic          4  u32 total length, a multiple of 16
 *    8  u32 body length   12  u16 slot          14  u16 version
 *   16  u32 incarnation   20  u32 pid           24  u64 counter
 *   32  u32 body checksum 36  u32 header checksum
 *   40  u64 zero
 *   48  body: u8 kind, op, reason, name length, name2 length, 3 zero,
 *       u32 error, u32 hold, u64 intent, u64 time, four identities of 20
 *       bytes, name, name2; then zeros up to the total length
 *
 * The body checksum covers everything behind the header, the padding too.
 * A client chooses the bytes of a name, but no name holds a NUL, so that no
 * header can hide in one and be found by the search after a torn frame.
 */

static void put16(uint8_t *p, uint16_t v)
{
	p[0] = v & 0xff;
	p[1] = v >> 8;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v & 0xffff);
	put16(p + 2, v >> 16);
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, v & 0xffffffffU);
	put32(p + 4, v >> 32);
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] | (uint16_t)(p[1] << 8);
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/*
 * Every step is a bijection of the state, so that one changed word always
 * changes the 64 bits that are folded at the end.
 */
uint32_t journal_checksum(uint32_t seed, const uint8_t *data, size_t len)
{
	const uint64_t mult = 0x9e3779b97f4a7c15ULL;
	uint64_t h = seed ^ (len * mult);
	size_t i = 0;

	for (i = 0; i + 8 <= len; i += 8) {
		h = (h ^ get64(data + i)) * mult;
		h ^= h >> 29;
	}
	for (; i < len; i++) {
		h = (h ^ data[i]) * mult;
		h ^= h >> 29;
	}
	return (uint32_t)(h ^ (h >> 32));
}

static void put_ident(uint8_t *p, const struct dfsr_ident *i)
{
	put64(p, i->ino);
	put64(p + 8, (uint64_t)i->btime_sec);
	put32(p + 16, i->btime_nsec);
}

static bool get_ident(const uint8_t *p, struct dfsr_ident *i)
{
	i->ino = get64(p);
	i->btime_sec = (int64_t)get64(p + 8);
	i->btime_nsec = get32(p + 16);
	return i->btime_nsec < 1000000000;
}

static void put_header(uint8_t *buf, const struct dfsr_journal_record *rec,
		       size_t body, size_t total)
{
	put32(buf, JOURNAL_FRAME_MAGIC);
	put32(buf + 4, total);
	put32(buf + 8, body);
	put16(buf + 12, rec->slot);
	put16(buf + 14, JOURNAL_FRAME_VERSION);
	put32(buf + 16, rec->incarnation);
	put32(buf + 20, rec->pid);
	put64(buf + 24, rec->counter);
	put32(buf + 32, journal_checksum(JOURNAL_FRAME_MAGIC,
					 buf + JOURNAL_FRAME_HEADER,
					 total - JOURNAL_FRAME_HEADER));
	put32(buf + 36, journal_checksum(JOURNAL_FRAME_MAGIC, buf, 36));
	put64(buf + 40, 0);
}

size_t dfsr_journal_frame_encode(const struct dfsr_journal_record *rec,
				 uint8_t *buf)
{
	uint8_t *b = buf + JOURNAL_FRAME_HEADER;
	size_t len1 = strnlen(rec->name, DFSR_NAME_MAX);
	size_t len2 = strnlen(rec->name2, DFSR_NAME_MAX);
	size_t body = JOURNAL_FRAME_FIXED + len1 + len2;
	size_t used = JOURNAL_FRAME_HEADER + body;
	size_t total = (used + JOURNAL_FRAME_ALIGN - 1) &
		       ~(size_t)(JOURNAL_FRAME_ALIGN - 1);

	b[0] = rec->kind;
	b[1] = rec->op;
	b[2] = rec->reason;
	b[3] = len1;
	b[4] = len2;
	memset(b + 5, 0, 3);
	put32(b + 8, (uint32_t)rec->error);
	put32(b + 12, rec->hold_msec);
	put64(b + 16, rec->intent);
	put64(b + 24, rec->time_nsec);
	put_ident(b + 32, &rec->object);
	put_ident(b + 52, &rec->parent);
	put_ident(b + 72, &rec->parent2);
	put_ident(b + 92, &rec->replaced);
	memcpy(b + JOURNAL_FRAME_FIXED, rec->name, len1);
	memcpy(b + JOURNAL_FRAME_FIXED + len1, rec->name2, len2);
	memset(buf + used, 0, total - used);
	put_header(buf, rec, body, total);
	return total;
}

/* 0, EAGAIN or EBADMSG for the header alone. */
static int check_header(const uint8_t *data, size_t len)
{
	uint8_t magic[4];
	uint32_t total = 0;
	uint32_t body = 0;

	put32(magic, JOURNAL_FRAME_MAGIC);
	if (memcmp(data, magic, len < 4 ? len : 4) != 0) {
		return EBADMSG;
	}
	if (len < JOURNAL_FRAME_HEADER) {
		return EAGAIN;
	}
	total = get32(data + 4);
	body = get32(data + 8);
	if (get32(data + 36) != journal_checksum(JOURNAL_FRAME_MAGIC, data,
						 36) ||
	    get64(data + 40) != 0 ||
	    get16(data + 14) != JOURNAL_FRAME_VERSION ||
	    total < JOURNAL_FRAME_MIN || total > DFSR_JOURNAL_FRAME_MAX ||
	    total % JOURNAL_FRAME_ALIGN != 0 ||
	    body < JOURNAL_FRAME_FIXED ||
	    body > total - JOURNAL_FRAME_HEADER ||
	    total - JOURNAL_FRAME_HEADER - body >= JOURNAL_FRAME_ALIGN ||
	    get16(data + 12) >= DFSR_JOURNAL_SLOTS_MAX) {
		return EBADMSG;
	}
	return 0;
}

bool journal_frame_writer(const uint8_t *data, size_t len, uint16_t *slot,
			  uint32_t *incarnation)
{
	if (len < JOURNAL_FRAME_HEADER || check_header(data, len) != 0) {
		return false;
	}
	*slot = get16(data + 12);
	*incarnation = get32(data + 16);
	return true;
}

/* Copy a name; it must hold neither NUL nor slash. */
static bool get_name(const uint8_t *p, size_t len, char *name)
{
	if (memchr(p, '\0', len) != NULL || memchr(p, '/', len) != NULL) {
		return false;
	}
	memcpy(name, p, len);
	name[len] = '\0';
	return true;
}

static bool record_valid(const struct dfsr_journal_record *rec)
{
	bool outcome = rec->kind == DFSR_JOURNAL_OUTCOME;

	if (rec->kind < DFSR_JOURNAL_INTENT ||
	    rec->kind > DFSR_JOURNAL_FLUSH ||
	    rec->op < DFSR_JOURNAL_OP_CHANGE ||
	    rec->op > DFSR_JOURNAL_OP_META) {
		return false;
	}
	if (outcome != (rec->reason != DFSR_JOURNAL_REASON_NONE) ||
	    rec->reason > DFSR_JOURNAL_REASON_DURABLE) {
		return false;
	}
	if (rec->counter == 0 || rec->intent == 0 ||
	    rec->intent > rec->counter) {
		return false;
	}
	return rec->kind != DFSR_JOURNAL_INTENT ||
	       rec->intent == rec->counter;
}

static int decode_body(const uint8_t *b, size_t body, size_t room,
		       struct dfsr_journal_record *rec)
{
	static const uint8_t zero[JOURNAL_FRAME_ALIGN];
	const uint8_t *names = b + JOURNAL_FRAME_FIXED;

	rec->kind = b[0];
	rec->op = b[1];
	rec->reason = b[2];
	rec->error = (int32_t)get32(b + 8);
	rec->hold_msec = get32(b + 12);
	rec->intent = get64(b + 16);
	rec->time_nsec = get64(b + 24);
	if (memcmp(b + 5, zero, 3) != 0 ||
	    memcmp(b + body, zero, room - body) != 0 ||
	    body != JOURNAL_FRAME_FIXED + (size_t)b[3] + b[4] ||
	    !get_ident(b + 32, &rec->object) ||
	    !get_ident(b + 52, &rec->parent) ||
	    !get_ident(b + 72, &rec->parent2) ||
	    !get_ident(b + 92, &rec->replaced) ||
	    !get_name(names, b[3], rec->name) ||
	    !get_name(names + b[3], b[4], rec->name2) ||
	    !record_valid(rec)) {
		return EBADMSG;
	}
	return 0;
}

int dfsr_journal_frame_decode(const uint8_t *data, size_t len,
			      struct dfsr_journal_record *rec,
			      size_t *consumed)
{
	size_t total = 0;
	size_t room = 0;
	int ret = 0;

	*consumed = 0;
	ret = check_header(data, len);
	if (ret != 0) {
		return ret;
	}
	total = get32(data + 4);
	if (len < total) {
		return EAGAIN;
	}
	*consumed = total;
	room = total - JOURNAL_FRAME_HEADER;
	if (get32(data + 32) != journal_checksum(JOURNAL_FRAME_MAGIC,
						 data + JOURNAL_FRAME_HEADER,
						 room)) {
		return EBADMSG;
	}
	memset(rec, 0, sizeof(*rec));
	rec->slot = get16(data + 12);
	rec->incarnation = get32(data + 16);
	rec->pid = get32(data + 20);
	rec->counter = get64(data + 24);
	return decode_body(data + JOURNAL_FRAME_HEADER, get32(data + 8), room,
			   rec);
}

int dfsr_journal_cursor_cmp(const struct dfsr_journal_cursor *a,
			    const struct dfsr_journal_cursor *b)
{
	if (a->segment != b->segment) {
		return a->segment < b->segment ? -1 : 1;
	}
	if (a->offset != b->offset) {
		return a->offset < b->offset ? -1 : 1;
	}
	return 0;
}

static const char segment_magic[8] = "DFSRSEG1";
static const char open_magic[8] = "DFSROPN1";

void journal_segment_encode(const struct journal_segment_header *h,
			    uint8_t buf[JOURNAL_SEGMENT_HEADER])
{
	memset(buf, 0, JOURNAL_SEGMENT_HEADER);
	memcpy(buf, segment_magic, 8);
	memcpy(buf + 8, h->boot, 16);
	put64(buf + 24, h->segment);
	put32(buf + 60, journal_checksum(0, buf, 60));
}

int journal_segment_decode(const uint8_t *data, size_t len,
			   struct journal_segment_header *h)
{
	if (len < JOURNAL_SEGMENT_HEADER ||
	    memcmp(data, segment_magic, 8) != 0 ||
	    get32(data + 60) != journal_checksum(0, data, 60)) {
		return EBADMSG;
	}
	memcpy(h->boot, data + 8, 16);
	h->segment = get64(data + 24);
	return 0;
}

void journal_open_encode(const struct journal_open_header *h,
			 uint8_t buf[JOURNAL_OPEN_HEADER])
{
	memset(buf, 0, JOURNAL_OPEN_HEADER);
	memcpy(buf, open_magic, 8);
	put64(buf + 8, h->segment);
	put32(buf + 16, h->count);
	put32(buf + 20, h->sum);
	put32(buf + 28, journal_checksum(0, buf, 28));
}

int journal_open_decode(const uint8_t *data, size_t len,
			struct journal_open_header *h)
{
	if (len < JOURNAL_OPEN_HEADER || memcmp(data, open_magic, 8) != 0 ||
	    get32(data + 28) != journal_checksum(0, data, 28)) {
		return EBADMSG;
	}
	h->segment = get64(data + 8);
	h->count = get32(data + 16);
	h->sum = get32(data + 20);
	if (h->count > DFSR_JOURNAL_OPEN_MAX) {
		return EBADMSG;
	}
	return 0;
}
