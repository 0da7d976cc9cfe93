/*
   Samba DFS Replication
   Messages that begin and end a conversation

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

/*
 * The text may quote a file's name, which may be anything: what cannot be
 * printed is replaced, here and on the other side.
 */
static void error_clean(char *s)
{
	size_t ofs = 0;

	for (;;) {
		ofs += wire_text_good(s + ofs);
		if (s[ofs] == '\0') {
			return;
		}
		s[ofs] = '?';
	}
}

void dfsr_msg_error_push(struct dfsr_push *p, const struct dfsr_msg_error *m)
{
	char text[DFSR_ERROR_TEXT_MAX + 1] = "";

	if (m->text != NULL) {
		strncpy(text, m->text, DFSR_ERROR_TEXT_MAX);
	}
	error_clean(text);
	wire_push_open(p);
	dfsr_push_u32(p, m->code);
	dfsr_push_str(p, text);
}

int dfsr_msg_error_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
			struct dfsr_msg_error *m)
{
	struct dfsr_pull p;

	*m = (struct dfsr_msg_error){};
	wire_pull_open(&p, data, len);
	m->code = dfsr_pull_u32(&p);
	m->text = dfsr_pull_str(&p, mem_ctx, DFSR_ERROR_TEXT_MAX);
	if (m->text != NULL) {
		error_clean(m->text);
	}
	return wire_pull_close(&p);
}

void dfsr_msg_hello_push(struct dfsr_push *p, const struct dfsr_msg_hello *m)
{
	wire_push_open(p);
	dfsr_push_u16(p, m->proto_min);
	dfsr_push_u16(p, m->proto_max);
	dfsr_push_u32(p, m->fold_version);
	dfsr_push_guid(p, &m->node);
	dfsr_push_u64(p, m->config_epoch);
	dfsr_push_u64(p, m->now);
	dfsr_push_str(p, m->software);
}

int dfsr_msg_hello_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
			struct dfsr_msg_hello *m)
{
	struct dfsr_pull p;

	*m = (struct dfsr_msg_hello){};
	wire_pull_open(&p, data, len);
	m->proto_min = dfsr_pull_u16(&p);
	m->proto_max = dfsr_pull_u16(&p);
	if (m->proto_min == 0 || m->proto_min > m->proto_max) {
		wire_pull_fail(&p, EBADMSG);
	}
	m->fold_version = dfsr_pull_u32(&p);
	wire_pull_named(&p, &m->node);
	m->config_epoch = dfsr_pull_u64(&p);
	m->now = dfsr_pull_u64(&p);
	if (m->now > DFSR_TIME_MAX) {
		wire_pull_fail(&p, EBADMSG);
	}
	m->software = wire_pull_text(&p, mem_ctx, 0, WIRE_SOFTWARE_MAX);
	return wire_pull_close(&p);
}

void dfsr_msg_session_push(struct dfsr_push *p,
			   const struct dfsr_msg_session *m)
{
	wire_push_open(p);
	dfsr_push_guid(p, &m->group);
	dfsr_push_guid(p, &m->folder);
	dfsr_push_guid(p, &m->connection);
	dfsr_push_u32(p, m->fold_version);
}

int dfsr_msg_session_pull(TALLOC_CTX *mem_ctx, const uint8_t *data,
			  size_t len, struct dfsr_msg_session *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_session){};
	wire_pull_open(&p, data, len);
	wire_pull_named(&p, &m->group);
	wire_pull_named(&p, &m->folder);
	wire_pull_named(&p, &m->connection);
	m->fold_version = dfsr_pull_u32(&p);
	return wire_pull_close(&p);
}

void dfsr_msg_session_reply_push(struct dfsr_push *p,
				 const struct dfsr_msg_session_reply *m)
{
	wire_push_open(p);
	dfsr_push_guid(p, &m->db);
}

int dfsr_msg_session_reply_pull(TALLOC_CTX *mem_ctx, const uint8_t *data,
				size_t len, struct dfsr_msg_session_reply *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_session_reply){};
	wire_pull_open(&p, data, len);
	wire_pull_named(&p, &m->db);
	return wire_pull_close(&p);
}

void dfsr_msg_poll_push(struct dfsr_push *p, const struct dfsr_msg_poll *m)
{
	wire_push_open(p);
	dfsr_push_guid(p, &m->folder);
	dfsr_push_u64(p, m->generation);
}

int dfsr_msg_poll_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		       struct dfsr_msg_poll *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_poll){};
	wire_pull_open(&p, data, len);
	wire_pull_named(&p, &m->folder);
	m->generation = dfsr_pull_u64(&p);
	return wire_pull_close(&p);
}

void dfsr_msg_poll_reply_push(struct dfsr_push *p,
			      const struct dfsr_msg_poll_reply *m)
{
	wire_push_open(p);
	dfsr_push_u64(p, m->generation);
	dfsr_push_u8(p, m->closed ? 1 : 0);
	dfsr_vv_push(p, m->vv);
}

int dfsr_msg_poll_reply_pull(TALLOC_CTX *mem_ctx, const uint8_t *data,
			     size_t len, struct dfsr_msg_poll_reply *m)
{
	struct dfsr_pull p;

	*m = (struct dfsr_msg_poll_reply){};
	wire_pull_open(&p, data, len);
	m->generation = dfsr_pull_u64(&p);
	m->closed = wire_pull_bool(&p);
	m->vv = dfsr_vv_pull(&p, mem_ctx);
	return wire_pull_close(&p);
}
