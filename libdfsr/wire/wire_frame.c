/*
   Samba DFS Replication
   Where a message starts and ends in a stream

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
#include "wire_private.h"

/** Length word. */
#define FRAME_WORD 4

static uint32_t frame_u32(const uint8_t *b)
{
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
	       (uint32_t)b[3] << 24;
}

int dfsr_frame_parse(const uint8_t *data, size_t len, size_t max,
		     struct dfsr_frame *frame, size_t *needed)
{
	uint32_t rest;

	if (len < FRAME_WORD) {
		*needed = FRAME_WORD;
		return EAGAIN;
	}
	rest = frame_u32(data);
	if (rest < DFSR_FRAME_HEAD || rest > max || rest > DFSR_FRAME_MAX) {
		return EBADMSG;
	}
	*needed = (size_t)FRAME_WORD + rest;

	/* What is wrong is refused before its body is waited for. */
	if (len >= FRAME_WORD + DFSR_FRAME_HEAD) {
		*frame = (struct dfsr_frame){
			.type = data[4],
			.flags = data[5],
			.id = frame_u32(data + 8),
			.body = data + FRAME_WORD + DFSR_FRAME_HEAD,
			.body_len = rest - DFSR_FRAME_HEAD,
		};
		if ((frame->flags & ~DFSR_FRAME_REPLY) != 0 ||
		    data[6] != 0 || data[7] != 0) {
			return EBADMSG;
		}
		if (frame->type == DFSR_MSG_ERROR &&
		    (frame->flags & DFSR_FRAME_REPLY) == 0) {
			return EBADMSG;
		}
	}
	return len < *needed ? EAGAIN : 0;
}

void dfsr_frame_begin(struct dfsr_push *p, uint8_t type, uint8_t flags,
		      uint32_t id)
{
	dfsr_push_u32(p, 0);
	dfsr_push_u8(p, type);
	dfsr_push_u8(p, flags);
	dfsr_push_u16(p, 0);
	dfsr_push_u32(p, id);
}

void dfsr_frame_end(struct dfsr_push *p)
{
	size_t ofs = 0, rest, i;

	if (p->err != 0) {
		return;
	}
	/* The open frame is the one whose length is not known yet. */
	while (p->len - ofs >= FRAME_WORD + DFSR_FRAME_HEAD &&
	       frame_u32(p->data + ofs) != 0) {
		ofs += FRAME_WORD + (size_t)frame_u32(p->data + ofs);
	}
	if (p->len - ofs < FRAME_WORD + DFSR_FRAME_HEAD) {
		wire_push_fail(p, EINVAL);
		return;
	}
	rest = p->len - ofs - FRAME_WORD;
	if (rest > DFSR_FRAME_MAX) {
		wire_push_fail(p, E2BIG);
		return;
	}
	for (i = 0; i < FRAME_WORD; i++) {
		p->data[ofs + i] = (uint8_t)(rest >> (8 * i));
	}
}
