/*
   Samba DFS Replication
   The one word of node invite

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
 * "dfsr1-" and base64url of: u16 port, u8 length of the host, host, 32 bytes
 * of fingerprint, 32 bytes of secret, 4 bytes of SHA-256 over all of these,
 * so that a word that was not copied whole is called that.
 */

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include "config_private.h"

#define TOKEN_PREFIX "dfsr1-"
#define TOKEN_SUM_LEN 4
#define TOKEN_BYTES_MAX (3 + DFSR_CONFIG_HOST_MAX + 64 + TOKEN_SUM_LEN)

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "abcdefghijklmnopqrstuvwxyz0123456789-_";

static bool token_sum(const uint8_t *data, size_t len,
		      uint8_t sum[TOKEN_SUM_LEN])
{
	uint8_t hash[DFSR_HASH_LEN];

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, data, len, hash) < 0) {
		return false;
	}
	memcpy(sum, hash, TOKEN_SUM_LEN);
	return true;
}

static char *encode(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len)
{
	const size_t prefix = strlen(TOKEN_PREFIX);
	const size_t room = prefix + (len + 2) / 3 * 4 + 1;
	char *text = talloc_array(mem_ctx, char, room);
	char *out = text;
	uint32_t bits = 0;
	int have = 0;
	size_t i;

	if (text == NULL) {
		return NULL;
	}
	memcpy(out, TOKEN_PREFIX, prefix);
	out += prefix;
	for (i = 0; i < len; i++) {
		bits = (bits << 8) | data[i];
		have += 8;
		while (have >= 6) {
			have -= 6;
			*out++ = digits[(bits >> have) & 63];
		}
	}
	if (have > 0) {
		*out++ = digits[(bits << (6 - have)) & 63];
	}
	*out = '\0';
	return text;
}

static bool decode(const char *text, uint8_t *data, size_t max, size_t *len)
{
	uint32_t bits = 0;
	int have = 0;

	*len = 0;
	for (; *text != '\0'; text++) {
		const char *digit = strchr(digits, *text);

		if (digit == NULL) {
			return false;
		}
		bits = (bits << 6) | (uint32_t)(digit - digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			if (*len >= max) {
				return false;
			}
			data[(*len)++] = (uint8_t)(bits >> have);
		}
	}
	return have < 6 && (bits & ((1u << have) - 1)) == 0;
}

int dfsr_token_format(TALLOC_CTX *mem_ctx, const struct dfsr_token *token,
		      char **text)
{
	uint8_t data[TOKEN_BYTES_MAX];
	size_t host = strnlen(token->host, sizeof(token->host));
	size_t len = 0;

	if (host == sizeof(token->host) ||
	    !dfsr_config_host_valid(token->host) || token->port == 0) {
		return EINVAL;
	}
	data[len++] = token->port & 0xff;
	data[len++] = token->port >> 8;
	data[len++] = (uint8_t)host;
	memcpy(data + len, token->host, host);
	len += host;
	memcpy(data + len, token->fingerprint, sizeof(token->fingerprint));
	len += sizeof(token->fingerprint);
	memcpy(data + len, token->secret, sizeof(token->secret));
	len += sizeof(token->secret);
	if (!token_sum(data, len, data + len)) {
		return EIO;
	}
	*text = encode(mem_ctx, data, len + TOKEN_SUM_LEN);
	gnutls_memset(data, 0, sizeof(data));
	return *text == NULL ? ENOMEM : 0;
}

int dfsr_token_parse(const char *text, struct dfsr_token *token)
{
	uint8_t data[TOKEN_BYTES_MAX];
	uint8_t sum[TOKEN_SUM_LEN];
	const size_t prefix = strlen(TOKEN_PREFIX);
	size_t len = 0;
	size_t host;
	int err = EINVAL;

	if (strlen(text) > DFSR_TOKEN_STRLEN_MAX ||
	    strncmp(text, TOKEN_PREFIX, prefix) != 0 ||
	    !decode(text + prefix, data, sizeof(data), &len) ||
	    len < 3 + 64 + TOKEN_SUM_LEN) {
		return EINVAL;
	}
	host = data[2];
	len -= TOKEN_SUM_LEN;
	if (len != 3 + host + 64 || host > DFSR_CONFIG_HOST_MAX ||
	    !token_sum(data, len, sum) ||
	    memcmp(sum, data + len, sizeof(sum)) != 0) {
		goto done;
	}
	memset(token, 0, sizeof(*token));
	token->port = (uint16_t)(data[0] | data[1] << 8);
	memcpy(token->host, data + 3, host);
	memcpy(token->fingerprint, data + 3 + host, 32);
	memcpy(token->secret, data + 3 + host + 32, 32);
	if (token->port != 0 && strlen(token->host) == host &&
	    dfsr_config_host_valid(token->host)) {
		err = 0;
	}
done:
	gnutls_memset(data, 0, sizeof(data));
	return err;
}
