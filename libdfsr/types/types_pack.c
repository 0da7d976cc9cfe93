/*
   Samba DFS Replication
   Packing: growing buffers and readers over foreign bytes

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

/** First allocation of a buffer: most records fit. */
#define PUSH_FIRST 512

void dfsr_push_init(struct dfsr_push *p, TALLOC_CTX *mem_ctx)
{
	*p = (struct dfsr_push){.mem_ctx = mem_ctx};
}

/* @return room for len more bytes, which are counted already, or NULL */
static uint8_t *push_room(struct dfsr_push *p, size_t len)
{
	uint8_t *data = NULL;
	size_t need, alloc;

	if (p->err != 0) {
		return NULL;
	}
	if (len > SIZE_MAX / 2 - p->len) {
		p->err = ENOMEM;
		return NULL;
	}
	need = p->len + len;
	if (need > p->alloc || p->data == NULL) {
		alloc = p->alloc == 0 ? PUSH_FIRST : p->alloc;
		while (alloc < need) {
			alloc *= 2;
		}
		data = talloc_realloc(p->mem_ctx, p->data, uint8_t, alloc);
		if (data == NULL) {
			p->err = ENOMEM;
			return NULL;
		}
		p->data = data;
		p->alloc = alloc;
	}
	data = p->data + p->len;
	p->len = need;
	return data;
}

static void push_le(struct dfsr_push *p, uint64_t v, size_t len)
{
	uint8_t *data = push_room(p, len);
	size_t i;

	if (data == NULL) {
		return;
	}
	for (i = 0; i < len; i++) {
		data[i] = (uint8_t)(v >> (8 * i));
	}
}

void dfsr_push_u8(struct dfsr_push *p, uint8_t v)
{
	push_le(p, v, 1);
}

void dfsr_push_u16(struct dfsr_push *p, uint16_t v)
{
	push_le(p, v, 2);
}

void dfsr_push_u32(struct dfsr_push *p, uint32_t v)
{
	push_le(p, v, 4);
}

void dfsr_push_u64(struct dfsr_push *p, uint64_t v)
{
	push_le(p, v, 8);
}

void dfsr_push_bytes(struct dfsr_push *p, const void *data, size_t len)
{
	uint8_t *room = push_room(p, len);

	if (room != NULL && len > 0) {
		memcpy(room, data, len);
	}
}

void dfsr_push_blob(struct dfsr_push *p, const void *data, size_t len)
{
	if (p->err == 0 && len > UINT32_MAX) {
		p->err = E2BIG;
	}
	dfsr_push_u32(p, (uint32_t)len);
	dfsr_push_bytes(p, data, len);
}

void dfsr_push_str(struct dfsr_push *p, const char *s)
{
	size_t len = s == NULL ? 0 : strlen(s);

	if (p->err == 0 && len > UINT16_MAX) {
		p->err = E2BIG;
	}
	dfsr_push_u16(p, (uint16_t)len);
	dfsr_push_bytes(p, s, len);
}

void dfsr_push_guid(struct dfsr_push *p, const struct dfsr_guid *g)
{
	dfsr_push_bytes(p, g->b, sizeof(g->b));
}

void dfsr_push_id(struct dfsr_push *p, const struct dfsr_id *id)
{
	dfsr_push_guid(p, &id->db);
	dfsr_push_u64(p, id->vsn);
}

void dfsr_pull_init(struct dfsr_pull *p, const void *data, size_t len)
{
	static const uint8_t nothing;

	*p = (struct dfsr_pull){.data = data, .len = len};
	if (data == NULL) {
		p->data = &nothing;
		p->len = 0;
	}
}

void types_pull_fail(struct dfsr_pull *p, int err)
{
	if (p->err == 0) {
		p->err = err;
	}
}

size_t types_pull_left(const struct dfsr_pull *p)
{
	return p->err == 0 ? p->len - p->ofs : 0;
}

const uint8_t *dfsr_pull_bytes(struct dfsr_pull *p, size_t len)
{
	const uint8_t *data = NULL;

	if (p->err != 0 || len > p->len - p->ofs) {
		types_pull_fail(p, EBADMSG);
		return NULL;
	}
	data = p->data + p->ofs;
	p->ofs += len;
	return data;
}

static uint64_t pull_le(struct dfsr_pull *p, size_t len)
{
	const uint8_t *data = dfsr_pull_bytes(p, len);
	uint64_t v = 0;
	size_t i;

	if (data == NULL) {
		return 0;
	}
	for (i = 0; i < len; i++) {
		v |= (uint64_t)data[i] << (8 * i);
	}
	return v;
}

uint8_t dfsr_pull_u8(struct dfsr_pull *p)
{
	return (uint8_t)pull_le(p, 1);
}

uint16_t dfsr_pull_u16(struct dfsr_pull *p)
{
	return (uint16_t)pull_le(p, 2);
}

uint32_t dfsr_pull_u32(struct dfsr_pull *p)
{
	return (uint32_t)pull_le(p, 4);
}

uint64_t dfsr_pull_u64(struct dfsr_pull *p)
{
	return pull_le(p, 8);
}

size_t dfsr_pull_blob(struct dfsr_pull *p, const uint8_t **data, size_t max)
{
	size_t len = dfsr_pull_u32(p);

	if (len > max) {
		types_pull_fail(p, EBADMSG);
	}
	*data = dfsr_pull_bytes(p, len);
	return *data == NULL ? 0 : len;
}

/* @return the string without its end, or NULL */
static const uint8_t *pull_text(struct dfsr_pull *p, size_t max, size_t *len)
{
	const uint8_t *data = NULL;

	*len = dfsr_pull_u16(p);
	if (*len > max) {
		types_pull_fail(p, EBADMSG);
	}
	data = dfsr_pull_bytes(p, *len);
	if (data == NULL) {
		return NULL;
	}
	if (memchr(data, '\0', *len) != NULL) {
		types_pull_fail(p, EBADMSG);
		return NULL;
	}
	return data;
}

char *dfsr_pull_str(struct dfsr_pull *p, TALLOC_CTX *mem_ctx, size_t max)
{
	size_t len = 0;
	const uint8_t *data = pull_text(p, max, &len);
	char *s = NULL;

	if (data == NULL) {
		return NULL;
	}
	s = talloc_strndup(mem_ctx, (const char *)data, len);
	if (s == NULL) {
		types_pull_fail(p, ENOMEM);
	}
	return s;
}

void dfsr_pull_strbuf(struct dfsr_pull *p, char *buf, size_t size)
{
	size_t len = 0;
	const uint8_t *data = NULL;

	if (size == 0) {
		types_pull_fail(p, EBADMSG);
		return;
	}
	buf[0] = '\0';
	data = pull_text(p, size - 1, &len);
	if (data == NULL) {
		return;
	}
	memcpy(buf, data, len);
	buf[len] = '\0';
}

void dfsr_pull_guid(struct dfsr_pull *p, struct dfsr_guid *g)
{
	const uint8_t *data = dfsr_pull_bytes(p, sizeof(g->b));

	if (data == NULL) {
		memset(g->b, 0, sizeof(g->b));
		return;
	}
	memcpy(g->b, data, sizeof(g->b));
}

void dfsr_pull_id(struct dfsr_pull *p, struct dfsr_id *id)
{
	dfsr_pull_guid(p, &id->db);
	id->vsn = dfsr_pull_u64(p);
}

int dfsr_pull_end(struct dfsr_pull *p)
{
	if (p->err == 0 && p->ofs != p->len) {
		p->err = EBADMSG;
	}
	return p->err;
}
