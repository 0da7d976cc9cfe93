/*
   Samba DFS Replication
   From frames to records, and many of them into one send

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
 * Frames are queued as plaintext and encrypted as late as possible: all that
 * one turn of the loop has to say goes into as few records, and these into
 * as few system calls, as there can be.
 */

/** Bytes of a frame before its body. */
#define SEND_HEAD (4 + DFSR_FRAME_HEAD)

static struct peer_chunk *send_chunk(struct dfsr_peer *peer, size_t len)
{
	struct peer_chunk *chunk = TAILQ_LAST(&peer->chunks, peer_chunks);
	size_t alloc = len > PEER_RECORD_MAX ? len : PEER_RECORD_MAX;

	if (chunk != NULL && chunk->alloc >= chunk->len + len) {
		return chunk;
	}
	chunk = talloc_size(peer, sizeof(*chunk) + alloc);
	if (chunk == NULL) {
		return NULL;
	}
	talloc_set_name_const(chunk, "struct peer_chunk");
	*chunk = (struct peer_chunk){
		.alloc = alloc,
		.data = (uint8_t *)(chunk + 1),
	};
	TAILQ_INSERT_TAIL(&peer->chunks, chunk, entry);
	return chunk;
}

static void send_u32(uint8_t *b, uint32_t v)
{
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
	b[2] = (uint8_t)(v >> 16);
	b[3] = (uint8_t)(v >> 24);
}

static void send_flush_handler(struct tevent_context *ev,
			       struct tevent_immediate *im,
			       void *private_data)
{
	struct dfsr_peer *peer =
		talloc_get_type_abort(private_data, struct dfsr_peer);

	(void)ev;
	(void)im;
	peer->flush_set = false;
	peer_flush(peer);
}

static void send_soon(struct dfsr_peer *peer, size_t len)
{
	peer->out_bytes += len;
	if (!peer->flush_set && !peer->write_blocked) {
		peer->flush_set = true;
		tevent_schedule_immediate(peer->flush_im, peer->ev,
					  send_flush_handler, peer);
	}
}

/* @return where copied bytes of the body go, or NULL */
static uint8_t *send_head(struct dfsr_peer *peer, uint8_t type, uint8_t flags,
			  uint32_t id, size_t len, size_t copied)
{
	struct peer_chunk *chunk = NULL;
	uint8_t *at = NULL;

	if (peer->state != PEER_UP) {
		return NULL;
	}
	chunk = send_chunk(peer, SEND_HEAD + copied);
	if (chunk == NULL) {
		peer_fail(peer, ENOMEM, "out of memory");
		return NULL;
	}
	at = chunk->data + chunk->len;
	send_u32(at, (uint32_t)(DFSR_FRAME_HEAD + len));
	at[4] = type;
	at[5] = flags;
	at[6] = 0;
	at[7] = 0;
	send_u32(at + 8, id);
	chunk->len += SEND_HEAD + copied;
	send_soon(peer, SEND_HEAD + copied);
	return at + SEND_HEAD;
}

void peer_send(struct dfsr_peer *peer, uint8_t type, uint8_t flags,
	       uint32_t id, const uint8_t *body, size_t len)
{
	uint8_t *at = send_head(peer, type, flags, id, len, len);

	if (at != NULL && len > 0) {
		memcpy(at, body, len);
	}
}

void peer_send_steal(struct dfsr_peer *peer, uint8_t type, uint8_t flags,
		     uint32_t id, uint8_t *body, size_t len)
{
	struct peer_chunk *chunk = NULL;

	if (len < PEER_RECORD_MAX) {
		peer_send(peer, type, flags, id, body, len);
		talloc_free(body);
		return;
	}
	chunk = talloc_zero(peer, struct peer_chunk);
	if (chunk == NULL) {
		peer_fail(peer, ENOMEM, "out of memory");
	}
	if (chunk == NULL ||
	    send_head(peer, type, flags, id, len, 0) == NULL) {
		talloc_free(chunk);
		talloc_free(body);
		return;
	}
	chunk->data = talloc_steal(chunk, body);
	chunk->len = len;
	TAILQ_INSERT_TAIL(&peer->chunks, chunk, entry);
	send_soon(peer, len);
}

/* Fill net_out from the queue. @return 0 or an error */
static int send_encrypt(struct dfsr_peer *peer)
{
	struct peer_chunk *chunk = NULL;
	size_t len, taken = 0;
	int err;

	while ((chunk = TAILQ_FIRST(&peer->chunks)) != NULL &&
	       peer_buf_left(&peer->net_out) < PEER_NET_MAX) {
		len = chunk->len - chunk->ofs;
		if (len > PEER_RECORD_MAX) {
			len = PEER_RECORD_MAX;
		}
		err = peer_tls_write(peer, chunk->data + chunk->ofs, len,
				     &taken);
		if (err != 0) {
			return err;
		}
		chunk->ofs += taken;
		peer->out_bytes -= taken;
		if (chunk->ofs == chunk->len) {
			TAILQ_REMOVE(&peer->chunks, chunk, entry);
			talloc_free(chunk);
		}
	}
	return 0;
}

void peer_flush(struct dfsr_peer *peer)
{
	uint64_t start = peer->sent;

	if (peer->state != PEER_UP && peer->state != PEER_HANDSHAKE) {
		return;
	}
	for (;;) {
		peer->write_blocked = false;
		if (peer_net_send(peer) != 0) {
			break; /* blocked, or failed */
		}
		if (TAILQ_EMPTY(&peer->chunks)) {
			break;
		}
		if (peer->sent - start >= PEER_WAKEUP_MAX) {
			peer->write_blocked = true; /* others have a turn */
			break;
		}
		if (send_encrypt(peer) != 0) {
			return;
		}
	}
	peer_flags(peer);
	peer_resume(peer);
}
