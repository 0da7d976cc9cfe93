/*
   Samba DFS Replication
   GUIDs and versioned ids

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
 * Wire order is DCE's: the first three fields little-endian, the rest as
 * printed. Comparisons are over the wire bytes (MS-FRS2 3.3.4.6.2), so they
 * do not agree with the order of the printed forms.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "types_private.h"

#define GUID_TEXT_LEN (DFSR_GUID_STRLEN - 1)
/** Digits of the highest uint64_t. */
#define VSN_DIGITS_MAX 20

/** The wire byte that each printed pair of digits stands for. */
static const uint8_t guid_order[16] = {3, 2, 1, 0,  5,	4,  7,	6,
				       8, 9, 10, 11, 12, 13, 14, 15};

static bool guid_dash_before(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

int dfsr_guid_cmp(const struct dfsr_guid *a, const struct dfsr_guid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

bool dfsr_guid_is_null(const struct dfsr_guid *g)
{
	static const struct dfsr_guid null_guid;

	return dfsr_guid_cmp(g, &null_guid) == 0;
}

struct dfsr_guid dfsr_guid_random(const struct dfsr_env *env)
{
	struct dfsr_guid g = {.b = {0}};

	env->random(env->private_data, g.b, sizeof(g.b));
	/* RFC 4122 4.4; time_hi is little-endian here */
	g.b[7] = (g.b[7] & 0x0f) | 0x40;
	g.b[8] = (g.b[8] & 0x3f) | 0x80;
	return g;
}

char *dfsr_guid_str(const struct dfsr_guid *g, char *buf)
{
	static const char hex[] = "0123456789abcdef";
	char *out = buf;
	size_t i;

	for (i = 0; i < sizeof(g->b); i++) {
		uint8_t v = g->b[guid_order[i]];

		if (guid_dash_before(i)) {
			*out++ = '-';
		}
		*out++ = hex[v >> 4];
		*out++ = hex[v & 0x0f];
	}
	*out = '\0';
	return buf;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

/* Reads at most the GUID_TEXT_LEN characters that it accepts. */
static const char *guid_scan(const char *s, struct dfsr_guid *g)
{
	size_t i;

	for (i = 0; i < sizeof(g->b); i++) {
		int high, low;

		if (guid_dash_before(i) && *s++ != '-') {
			return NULL;
		}
		high = hex_value(s[0]);
		if (high < 0) {
			return NULL;
		}
		low = hex_value(s[1]);
		if (low < 0) {
			return NULL;
		}
		g->b[guid_order[i]] = (uint8_t)(high << 4 | low);
		s += 2;
	}
	return s;
}

int dfsr_guid_parse(const char *s, struct dfsr_guid *g)
{
	struct dfsr_guid tmp = {.b = {0}};
	bool braced = (*s == '{');
	const char *end = guid_scan(braced ? s + 1 : s, &tmp);

	if (end == NULL) {
		return EINVAL;
	}
	if (braced && *end++ != '}') {
		return EINVAL;
	}
	if (*end != '\0') {
		return EINVAL;
	}
	*g = tmp;
	return 0;
}

int dfsr_id_cmp(const struct dfsr_id *a, const struct dfsr_id *b)
{
	int cmp = dfsr_guid_cmp(&a->db, &b->db);

	if (cmp != 0) {
		return cmp;
	}
	return (a->vsn > b->vsn) - (a->vsn < b->vsn);
}

bool dfsr_id_equal(const struct dfsr_id *a, const struct dfsr_id *b)
{
	return dfsr_id_cmp(a, b) == 0;
}

char *dfsr_id_str(const struct dfsr_id *id, char *buf)
{
	char guid[DFSR_GUID_STRLEN];

	snprintf(buf,
		 DFSR_ID_STRLEN,
		 "{%s}-v%llu",
		 dfsr_guid_str(&id->db, guid),
		 (unsigned long long)id->vsn);
	return buf;
}

/* One spelling per number: no sign, no blank, no leading zero. */
static int vsn_parse(const char *s, uint64_t *vsn)
{
	uint64_t v = 0;
	size_t len = strspn(s, "0123456789");
	size_t i;

	if (len == 0 || len > VSN_DIGITS_MAX || s[len] != '\0') {
		return EINVAL;
	}
	if (s[0] == '0' && len > 1) {
		return EINVAL;
	}
	for (i = 0; i < len; i++) {
		unsigned int digit = (unsigned int)(s[i] - '0');

		if (v > (UINT64_MAX - digit) / 10) {
			return EINVAL;
		}
		v = v * 10 + digit;
	}
	*vsn = v;
	return 0;
}

int dfsr_id_parse(const char *s, struct dfsr_id *id)
{
	struct dfsr_id tmp = {.vsn = 0};
	const char *end = NULL;
	int ret;

	if (*s != '{') {
		return EINVAL;
	}
	end = guid_scan(s + 1, &tmp.db);
	if (end == NULL || strncmp(end, "}-v", 3) != 0) {
		return EINVAL;
	}
	ret = vsn_parse(end + 3, &tmp.vsn);
	if (ret != 0) {
		return ret;
	}
	*id = tmp;
	return 0;
}

struct dfsr_id dfsr_root_uid(const struct dfsr_guid *folder)
{
	struct dfsr_id id = {.db = *folder, .vsn = 1};

	return id;
}
