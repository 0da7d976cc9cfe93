/*
   Samba DFS Replication
   Leaf names: validity and case folding

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

/*
 * smbd lets the disk hold any bytes in a name and compares without regard
 * to case, so two members must agree on which names are one name. The table
 * is frozen and has no locale (semantics B20). It is wider than smbd's own,
 * whose version changes with releases: what smbd takes for one name folds
 * to one key here, too.
 *
 * Bytes that are not well-formed UTF-8 (RFC 3629: overlong forms, surrogates
 * and numbers above 10FFFF included) pass through one by one. A character
 * never folds into or out of such bytes and its first byte is never a
 * continuation byte, so the key reads like the name and folding it again
 * changes nothing.
 */

#include <string.h>
#include "types_private.h"

/** Longest UTF-8 form of a character. */
#define UTF8_MAX 4
/* Every mapping of the table grows by at most one half. */
_Static_assert(DFSR_NAME_MAX + DFSR_NAME_MAX / 2 + UTF8_MAX <= DFSR_FOLD_MAX,
	       "a folded name has room");

static bool utf8_tail(uint8_t c)
{
	return (c & 0xc0) == 0x80;
}

/**
 * Decode one character of at least two bytes; a NUL ends s and is no tail,
 * so nothing behind it is looked at.
 * @return its length, or 0 if the bytes are not UTF-8
 */
static size_t utf8_get(const uint8_t *s, uint32_t *cp)
{
	if (s[0] >= 0xc2 && s[0] <= 0xdf && utf8_tail(s[1])) {
		*cp = (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
		return 2;
	}
	if ((s[0] & 0xf0) == 0xe0 && utf8_tail(s[1]) && utf8_tail(s[2])) {
		*cp = (uint32_t)(s[0] & 0x0f) << 12 |
		      (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
		if (*cp < 0x800 || (*cp >= 0xd800 && *cp <= 0xdfff)) {
			return 0;
		}
		return 3;
	}
	if ((s[0] & 0xf8) == 0xf0 && utf8_tail(s[1]) && utf8_tail(s[2]) &&
	    utf8_tail(s[3])) {
		*cp = (uint32_t)(s[0] & 0x07) << 18 |
		      (uint32_t)(s[1] & 0x3f) << 12 |
		      (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3f);
		if (*cp < 0x10000 || *cp > 0x10ffff) {
			return 0;
		}
		return 4;
	}
	return 0;
}

/* Encode a character beyond ASCII. */
static size_t utf8_put(uint8_t *out, uint32_t cp)
{
	if (cp < 0x800) {
		out[0] = (uint8_t)(0xc0 | cp >> 6);
		out[1] = (uint8_t)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (uint8_t)(0xe0 | cp >> 12);
		out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | cp >> 18);
	out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (cp & 0x3f));
	return 4;
}

static uint32_t fold_cp(uint32_t cp)
{
	size_t low = 0;
	size_t high = types_fold_table_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct types_fold_range *r = &types_fold_table[mid];

		if (cp < r->first) {
			high = mid;
		} else if (cp > r->last) {
			low = mid + 1;
		} else if ((cp - r->first) % r->step != 0) {
			return cp;
		} else {
			return (uint32_t)((int32_t)cp + r->delta);
		}
	}
	return cp;
}

/* Fold one leaf of len bytes, which something other than a tail follows. */
static size_t fold_bytes(const char *name, size_t len, char *key)
{
	const uint8_t *s = (const uint8_t *)name;
	uint8_t *out = (uint8_t *)key;
	size_t i = 0;
	size_t n = 0;

	while (i < len) {
		uint32_t cp = 0;
		size_t used;

		if (s[i] < 0x80) {
			bool lower = (s[i] >= 'a' && s[i] <= 'z');

			out[n++] = lower ? s[i] - 'a' + 'A' : s[i];
			i++;
			continue;
		}
		used = utf8_get(&s[i], &cp);
		if (used == 0) {
			out[n++] = s[i++];
			continue;
		}
		n += utf8_put(&out[n], fold_cp(cp));
		i += used;
	}
	out[n] = '\0';
	return n;
}

size_t dfsr_fold(const char *name, char *key)
{
	size_t len = strnlen(name, DFSR_NAME_MAX + 1);

	key[0] = '\0';
	if (len == 0 || len > DFSR_NAME_MAX) {
		return 0;
	}
	if (memchr(name, '/', len) != NULL) {
		return 0;
	}
	return fold_bytes(name, len, key);
}

bool dfsr_fold_equal(const char *a, const char *b)
{
	char key_a[DFSR_FOLD_MAX + 1];
	char key_b[DFSR_FOLD_MAX + 1];
	size_t len_a = dfsr_fold(a, key_a);
	size_t len_b = dfsr_fold(b, key_b);

	if (len_a == 0 || len_a != len_b) {
		return false;
	}
	return memcmp(key_a, key_b, len_a) == 0;
}

bool dfsr_name_private(const char *name)
{
	return dfsr_fold_equal(name, DFSR_PRIVATE_DIR);
}

bool dfsr_name_valid(const char *name)
{
	char key[DFSR_FOLD_MAX + 1];

	if (dfsr_fold(name, key) == 0) {
		return false;
	}
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return false;
	}
	return !dfsr_name_private(name);
}

bool dfsr_path_has_private(const char *path)
{
	const char *start = path;

	while (*start != '\0') {
		size_t len = strcspn(start, "/");
		char leaf[DFSR_NAME_MAX + 1];

		if (len > 0 && len <= DFSR_NAME_MAX) {
			memcpy(leaf, start, len);
			leaf[len] = '\0';
			if (dfsr_name_private(leaf)) {
				return true;
			}
		}
		start += len;
		start += strspn(start, "/");
	}
	return false;
}
