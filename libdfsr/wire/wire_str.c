/*
   Samba DFS Replication
   What all messages share: version, optional parts, texts

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
#include "wire_private.h"

void wire_push_fail(struct dfsr_push *p, int err)
{
	if (p->err == 0) {
		p->err = err;
	}
}

void wire_pull_fail(struct dfsr_pull *p, int err)
{
	if (p->err == 0) {
		p->err = err;
	}
}

size_t wire_pull_left(const struct dfsr_pull *p)
{
	return p->err == 0 ? p->len - p->ofs : 0;
}

void wire_push_open(struct dfsr_push *p)
{
	dfsr_push_u8(p, WIRE_VERSION);
}

void wire_pull_open(struct dfsr_pull *p, const uint8_t *data, size_t len)
{
	dfsr_pull_init(p, data, len);
	if (dfsr_pull_u8(p) != WIRE_VERSION) {
		wire_pull_fail(p, EBADMSG);
	}
}

int wire_pull_close(struct dfsr_pull *p)
{
	const uint8_t *part = NULL;

	while (wire_pull_left(p) > 0) {
		if (dfsr_pull_u16(p) < WIRE_TAG_OPTIONAL) {
			wire_pull_fail(p, EBADMSG);
		}
		dfsr_pull_blob(p, &part, DFSR_FRAME_MAX);
	}
	return dfsr_pull_end(p);
}

bool wire_pull_bool(struct dfsr_pull *p)
{
	uint8_t v = dfsr_pull_u8(p);

	if (v > 1) {
		wire_pull_fail(p, EBADMSG);
	}
	return v == 1;
}

void wire_pull_named(struct dfsr_pull *p, struct dfsr_guid *g)
{
	dfsr_pull_guid(p, g);
	if (dfsr_guid_is_null(g)) {
		wire_pull_fail(p, EBADMSG);
	}
}

uint32_t wire_pull_count(struct dfsr_pull *p, uint32_t max, size_t min_size)
{
	uint32_t num = dfsr_pull_u32(p);

	if (p->err != 0 || num > max || num > wire_pull_left(p) / min_size) {
		wire_pull_fail(p, EBADMSG);
		return 0;
	}
	return num;
}

/* @return length of the character that s starts with, 0 if it is none */
static size_t text_char(const unsigned char *s)
{
	uint32_t c;
	size_t len, i;

	if (s[0] < 0x80) {
		return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
	}
	if (s[0] >= 0xc2 && s[0] < 0xe0) {
		len = 2;
	} else if (s[0] >= 0xe0 && s[0] < 0xf0) {
		len = 3;
	} else if (s[0] >= 0xf0 && s[0] < 0xf5) {
		len = 4;
	} else {
		return 0;
	}
	c = s[0] & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000)) {
		return 0;
	}
	if (c < 0xa0 || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ||
	    c == 0x2028 || c == 0x2029) {
		return 0;
	}
	return len;
}

size_t wire_text_good(const char *s)
{
	const unsigned char *at = (const unsigned char *)s;
	size_t len;

	while (*at != '\0') {
		len = text_char(at);
		if (len == 0) {
			break;
		}
		at += len;
	}
	return (size_t)(at - (const unsigned char *)s);
}

char *wire_pull_text(struct dfsr_pull *p, TALLOC_CTX *mem_ctx, size_t min,
		     size_t max)
{
	char *s = dfsr_pull_str(p, mem_ctx, max);

	if (s == NULL) {
		return NULL;
	}
	if (strlen(s) < min || s[wire_text_good(s)] != '\0') {
		TALLOC_FREE(s);
		wire_pull_fail(p, EBADMSG);
	}
	return s;
}

const char *dfsr_wire_error_str(uint32_t code)
{
	switch (code) {
	case DFSR_WERR_PROTOCOL:
		return "message not understood";
	case DFSR_WERR_ACCESS:
		return "not named by the configuration";
	case DFSR_WERR_NOT_FOUND:
		return "no such folder";
	case DFSR_WERR_NOT_READY:
		return "not ready";
	case DFSR_WERR_CHANGED:
		return "object has changed";
	case DFSR_WERR_BUSY:
		return "busy, try again later";
	case DFSR_WERR_FOLD:
		return "another table for folding names";
	case DFSR_WERR_IO:
		return "object cannot be read";
	case DFSR_WERR_TOKEN:
		return "token is wrong, used or expired";
	}
	return "unknown error";
}
