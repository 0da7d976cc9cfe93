/*
   Samba DFS Replication
   From decrypted bytes to whole frames

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
#include "peer_private.h"

/*
 * Small frames are cut out of a stage, which holds at least one TLS record.
 * The body of a frame that is not whole yet gets memory of its own, and the
 * rest of it is decrypted right into that, so that it is never copied again:
 * the same memory is handed to who asked for it. It grows with what has
 * come in, not with what was announced.
 */

/** Length word and head. */
#define FRAME_HEAD (4 + DFSR_FRAME_HEAD)
/** Room for a body before the first byte of it is there. */
#define FRAME_BODY_FIRST (DFSR_DATA_MAX + 4096)

static void frame_dispatch(struct dfsr_peer *peer,
			   const struct dfsr_frame *frame, uint8_t *body)
{
	if ((frame->flags & DFSR_FRAME_REPLY) != 0) {
		peer_call_answer(peer, frame, body);
	} else {
		peer_request_new(peer, frame, body);
	}
}

static int frame_body_grow(struct dfsr_peer *peer)
{
	size_t alloc = peer->cur_alloc * 2;
	uint8_t *body = NULL;

	if (alloc < FRAME_BODY_FIRST) {
		alloc = FRAME_BODY_FIRST;
	}
	if (alloc > peer->cur.body_len) {
		alloc = peer->cur.body_len;
	}
	body = talloc_realloc(peer, peer->cur_body, uint8_t, alloc);
	if (body == NULL) {
		peer_fail(peer, ENOMEM, "out of memory");
		return ENOMEM;
	}
	peer->cur_body = body;
	peer->cur_alloc = alloc;
	return 0;
}

/* The head is there, the body is not: it gets its own memory. */
static int frame_begin(struct dfsr_peer *peer, const struct dfsr_frame *frame)
{
	struct peer_buf *stage = &peer->stage;
	size_t have = peer_buf_left(stage) - FRAME_HEAD;
	int err;

	peer->cur = *frame;
	peer->cur.body = NULL;
	peer->cur_alloc = 0;
	err = frame_body_grow(peer);
	if (err != 0) {
		return err;
	}
	memcpy(peer->cur_body, stage->data + stage->ofs + FRAME_HEAD, have);
	peer->cur_have = have;
	peer_buf_eat(stage, peer_buf_left(stage));
	return 0;
}

/* @return 0 when the body is whole, EAGAIN, or an error */
static int frame_fill(struct dfsr_peer *peer)
{
	size_t got = 0;
	int err;

	while (peer->cur_have < peer->cur.body_len) {
		if (peer->cur_have == peer->cur_alloc) {
			err = frame_body_grow(peer);
			if (err != 0) {
				return err;
			}
		}
		err = peer_tls_read(peer, peer->cur_body + peer->cur_have,
				    peer->cur_alloc - peer->cur_have, &got);
		if (err != 0) {
			return err;
		}
		peer->cur_have += got;
	}
	return 0;
}

static int frame_more(struct dfsr_peer *peer)
{
	size_t got = 0;
	uint8_t *room = NULL;
	int err;

	room = peer_buf_room(peer, &peer->stage, PEER_RECORD_MAX);
	if (room == NULL) {
		peer_fail(peer, ENOMEM, "out of memory");
		return ENOMEM;
	}
	err = peer_tls_read(peer, room, PEER_RECORD_MAX, &got);
	if (err == 0) {
		peer->stage.len += got;
	}
	return err;
}

/* @return 0 with a whole frame and its body, EAGAIN, or an error */
static int frame_next(struct dfsr_peer *peer, struct dfsr_frame *frame,
		      uint8_t **body)
{
	struct peer_buf *stage = &peer->stage;
	size_t needed = 0;
	int err;

	for (;;) {
		if (peer->cur_body != NULL) {
			err = frame_fill(peer);
			if (err != 0) {
				return err;
			}
			*frame = peer->cur;
			*body = peer->cur_body;
			peer->cur_body = NULL;
			return 0;
		}
		err = dfsr_frame_parse(stage->data + stage->ofs,
				       peer_buf_left(stage), peer->frame_max,
				       frame, &needed);
		if (err == 0) {
			*body = talloc_memdup(peer, frame->body,
					      frame->body_len);
			if (*body == NULL) {
				peer_fail(peer, ENOMEM, "out of memory");
				return ENOMEM;
			}
			peer_buf_eat(stage, needed);
			return 0;
		}
		if (err != EAGAIN) {
			peer_fail(peer, EBADMSG,
				  "frame with a wrong head or length");
			return err;
		}
		if (peer_buf_left(stage) >= FRAME_HEAD) {
			err = frame_begin(peer, frame);
		} else {
			err = frame_more(peer);
		}
		if (err != 0) {
			return err;
		}
	}
}

void peer_frame_input(struct dfsr_peer *peer)
{
	const bool *gone = peer->gone;
	struct dfsr_frame frame = {};
	uint8_t *body = NULL;

	while (!*gone && peer->state == PEER_UP) {
		if (peer_paused(peer)) {
			peer->stopped = true;
			return;
		}
		if (frame_next(peer, &frame, &body) != 0) {
			return;
		}
		frame_dispatch(peer, &frame, body);
	}
}
