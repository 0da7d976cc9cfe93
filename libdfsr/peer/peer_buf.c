/*
   Samba DFS Replication
   Bytes that wait on their way between socket and TLS

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
#include "peer_private.h"

uint8_t *peer_buf_room(TALLOC_CTX *mem_ctx, struct peer_buf *b, size_t len)
{
	uint8_t *data = NULL;
	size_t alloc;

	if (b->alloc - b->len >= len && b->data != NULL) {
		return b->data + b->len;
	}
	if (b->ofs > 0) {
		memmove(b->data, b->data + b->ofs, b->len - b->ofs);
		b->len -= b->ofs;
		b->ofs = 0;
		if (b->alloc - b->len >= len) {
			return b->data + b->len;
		}
	}
	alloc = b->alloc == 0 ? PEER_NET_MIN : b->alloc;
	while (alloc < b->len + len) {
		alloc *= 2;
	}
	data = talloc_realloc(mem_ctx, b->data, uint8_t, alloc);
	if (data == NULL) {
		return NULL;
	}
	b->data = data;
	b->alloc = alloc;
	return b->data + b->len;
}

size_t peer_buf_left(const struct peer_buf *b)
{
	return b->len - b->ofs;
}

void peer_buf_eat(struct peer_buf *b, size_t len)
{
	b->ofs += len;
	if (b->ofs == b->len) {
		b->ofs = 0;
		b->len = 0;
	}
}

void peer_buf_shrink(struct peer_buf *b)
{
	if (b->len == 0 && b->data != NULL) {
		TALLOC_FREE(b->data);
		b->alloc = 0;
	}
}
