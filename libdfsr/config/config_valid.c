/*
   Samba DFS Replication
   Names, paths and texts that are acceptable

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

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>
#include "config_private.h"

/** Length of the UTF-8 character at s, or 0 when it is none. */
static size_t utf8_length(const uint8_t *s)
{
	static const uint32_t lowest[5] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t value;
	size_t len;
	size_t i;

	if (s[0] < 0x80) {
		return 1;
	}
	if ((s[0] & 0xe0) == 0xc0) {
		len = 2;
	} else if ((s[0] & 0xf0) == 0xe0) {
		len = 3;
	} else if ((s[0] & 0xf8) == 0xf0) {
		len = 4;
	} else {
		return 0;
	}
	value = s[0] & (0xff >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			return 0;
		}
		value = (value << 6) | (s[i] & 0x3f);
	}
	if (value < lowest[len] || value > 0x10ffff ||
	    (value >= 0xd800 && value <= 0xdfff) ||
	    (value >= 0x80 && value < 0xa0)) {
		return 0;
	}
	return len;
}

bool config_text_valid(const char *text, size_t max)
{
	const uint8_t *s = (const uint8_t *)text;

	if (strlen(text) > max) {
		return false;
	}
	while (*s != '\0') {
		size_t len = utf8_length(s);

		if (len == 0 || *s < 0x20 || *s == 0x7f) {
			return false;
		}
		s += len;
	}
	return true;
}

bool dfsr_config_name_valid(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && config_text_valid(name, DFSR_CONFIG_NAME_MAX) &&
	       strpbrk(name, "/\\:*?\"<>|") == NULL && name[0] != ' ' &&
	       name[len - 1] != ' ' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

bool dfsr_config_host_valid(const char *host)
{
	size_t len = strlen(host);
	size_t i;

	if (len == 0 || len > DFSR_CONFIG_HOST_MAX || host[0] == '-') {
		return false;
	}
	for (i = 0; i < len; i++) {
		if (!isascii((unsigned char)host[i]) ||
		    (!isalnum((unsigned char)host[i]) &&
		     strchr("._-:%", host[i]) == NULL)) {
			return false;
		}
	}
	return true;
}

bool config_filter_valid(const char *filter)
{
	return config_text_valid(filter, DFSR_CONFIG_TEXT_MAX) &&
	       strpbrk(filter, "/\\:\"<>|") == NULL;
}

bool config_path_below(const char *path, const char *other)
{
	size_t len = strlen(other);

	return strncmp(path, other, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/');
}

static char *path_join(TALLOC_CTX *mem_ctx, const char *path, bool *dots)
{
	char *clean = talloc_strdup(mem_ctx, "");
	const char *s = path;

	while (clean != NULL && *s != '\0') {
		size_t len = strcspn(s, "/");

		if (len == 2 && s[0] == '.' && s[1] == '.') {
			*dots = true;
		}
		if (len > 0 && !(len == 1 && s[0] == '.')) {
			clean = talloc_asprintf_append_buffer(
				clean, "/%.*s", (int)len, s);
		}
		s += len;
		s += strspn(s, "/");
	}
	return clean;
}

int dfsr_config_path_clean(TALLOC_CTX *mem_ctx, const char *what,
			   const char *path, char **clean, char **why)
{
	bool dots = false;
	char *p;
	int err = EINVAL;

	if (path[0] != '/') {
		return config_why(mem_ctx, why, EINVAL,
				  "%s \"%s\" is not absolute: start it with /",
				  what, path);
	}
	if (!config_text_valid(path, DFSR_CONFIG_PATH_MAX)) {
		return config_why(mem_ctx, why, EINVAL,
				  "%s is not acceptable: at most %d bytes of "
				  "UTF-8 without control characters",
				  what, DFSR_CONFIG_PATH_MAX);
	}
	p = path_join(mem_ctx, path, &dots);
	if (p == NULL) {
		return ENOMEM;
	}
	if (dots) {
		config_why(mem_ctx, why, EINVAL,
			   "%s \"%s\" has \"..\" in it: name the folder by its "
			   "real path", what, path);
		goto fail;
	}
	if (p[0] == '\0') {
		config_why(mem_ctx, why, EINVAL,
			   "%s must not be /: name a folder of its own", what);
		goto fail;
	}
	*clean = p;
	return 0;
fail:
	talloc_free(p);
	return err;
}

static bool port_parse(const char *s, uint16_t *port)
{
	unsigned long value;
	char *end = NULL;

	if (!isdigit((unsigned char)s[0])) {
		return false;
	}
	value = strtoul(s, &end, 10);
	if (*end != '\0' || value == 0 || value > 65535) {
		return false;
	}
	*port = (uint16_t)value;
	return true;
}

int dfsr_config_address_parse(TALLOC_CTX *mem_ctx, const char *address,
			      char **host, uint16_t *port)
{
	const char *colon = strrchr(address, ':');
	const char *start = address;
	size_t len = strlen(address);
	uint16_t value = *port;

	if (address[0] == '[') {
		const char *end = strchr(address, ']');

		if (end == NULL ||
		    (end[1] != '\0' &&
		     (end[1] != ':' || !port_parse(end + 2, &value)))) {
			return EINVAL;
		}
		start = address + 1;
		len = (size_t)(end - start);
	} else if (colon != NULL && strchr(address, ':') == colon) {
		if (!port_parse(colon + 1, &value)) {
			return EINVAL;
		}
		len = (size_t)(colon - address);
	}
	*host = talloc_strndup(mem_ctx, start, len);
	if (*host == NULL) {
		return ENOMEM;
	}
	if (!dfsr_config_host_valid(*host)) {
		TALLOC_FREE(*host);
		return EINVAL;
	}
	*port = value;
	return 0;
}

char *dfsr_config_address_str(TALLOC_CTX *mem_ctx, const char *host,
			      uint16_t port)
{
	if (strchr(host, ':') != NULL) {
		return talloc_asprintf(mem_ctx, "[%s]:%u", host, port);
	}
	return talloc_asprintf(mem_ctx, "%s:%u", host, port);
}

char *dfsr_config_default_name(TALLOC_CTX *mem_ctx)
{
	char host[256] = "";
	char *dot;

	if (gethostname(host, sizeof(host) - 1) == -1) {
		host[0] = '\0';
	}
	dot = strchr(host, '.');
	if (dot != NULL) {
		*dot = '\0';
	}
	host[DFSR_CONFIG_NAME_MAX] = '\0';
	if (!dfsr_config_name_valid(host)) {
		return talloc_strdup(mem_ctx, "node");
	}
	return talloc_strdup(mem_ctx, host);
}
