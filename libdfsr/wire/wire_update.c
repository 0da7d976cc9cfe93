/*
   Samba DFS Replication
   Messages about updates: RequestUpdates and UpdateCancel

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
#include "wire_private.h"

/** Fewest bytes of an update: a packed record and the byte behind it. */
#define UPDATE_SIZE_MIN 128

void dfsr_msg_updates_push(struct dfsr_push *p,
			   const struct dfsr_msg_updates *m)
{
	wire_push_open(p);
	dfsr_push_guid(p, &m->folder);
	dfsr_push_id(p, &m->cursor);
	dfsr_push_u32(p, m->credits);
	dfsr_push_u32(p, m->inline_max);
	dfsr_vv_push(p, m->diff);
}

int dfsr_msg_updates_pull(TALLOC_CTX *mem_ctx, const uint8_t *data,
			  size_t len, struct dfsr_msg_updates *m)
{
	struct dfsr_pull p;

	*m = (struct dfsr_msg_updates){};
	wire_pull_open(&p, data, len);
	wire_pull_named(&p, &m->folder);
	dfsr_pull_id(&p, &m->cursor);
	m->credits = dfsr_pull_u32(&p);
	m->inline_max = dfsr_pull_u32(&p);
	if (m->credits == 0 || m->credits > DFSR_UPDATES_MAX ||
	    m->inline_max > DFSR_INLINE_MAX) {
		wire_pull_fail(&p, EBADMSG);
	}
	m->diff = dfsr_vv_pull(&p, mem_ctx);
	return wire_pull_close(&p);
}

void dfsr_msg_updates_reply_push(struct dfsr_push *p,
				 const struct dfsr_msg_updates_reply *m)
{
	const struct dfsr_update *u = NULL;
	uint64_t size = 0;
	uint32_t i;

	if (m->num > DFSR_UPDATES_MAX) {
		wire_push_fail(p, E2BIG);
		return;
	}
	wire_push_open(p);
	dfsr_push_u8(p, m->more ? 1 : 0);
	dfsr_push_id(p, &m->cursor);
	dfsr_push_u32(p, m->num);
	for (i = 0; i < m->num; i++) {
		u = &m->updates[i];
		dfsr_record_push(p, &u->rec);
		dfsr_push_u8(p, u->has_payload ? 1 : 0);
		if (u->has_payload) {
			size += wire_payload_size(&u->payload);
			wire_push_payload(p, &u->payload, DFSR_INLINE_MAX);
		}
	}
	if (size > DFSR_INLINE_MAX) {
		wire_push_fail(p, E2BIG);
	}
}

static void pull_update(struct dfsr_pull *p, TALLOC_CTX *mem_ctx,
			struct dfsr_update *u, uint64_t *size)
{
	dfsr_record_pull(p, &u->rec);
	u->has_payload = wire_pull_bool(p);
	if (p->err != 0 || !u->has_payload) {
		return;
	}
	wire_pull_payload(p, mem_ctx, &u->rec, DFSR_INLINE_MAX - *size,
			  &u->payload);
	*size += wire_payload_size(&u->payload);
	if (*size > DFSR_INLINE_MAX) {
		wire_pull_fail(p, EBADMSG);
	}
}

int dfsr_msg_updates_reply_pull(TALLOC_CTX *mem_ctx, const uint8_t *data,
				size_t len, struct dfsr_msg_updates_reply *m)
{
	struct dfsr_pull p;
	uint64_t size = 0;
	uint32_t num, i;

	*m = (struct dfsr_msg_updates_reply){};
	wire_pull_open(&p, data, len);
	m->more = wire_pull_bool(&p);
	dfsr_pull_id(&p, &m->cursor);
	num = wire_pull_count(&p, DFSR_UPDATES_MAX, UPDATE_SIZE_MIN);
	if (num > 0) {
		m->updates = talloc_zero_array(mem_ctx, struct dfsr_update,
					       num);
		if (m->updates == NULL) {
			return ENOMEM;
		}
		m->num = num;
	}
	for (i = 0; i < num && p.err == 0; i++) {
		pull_update(&p, m->updates, &m->updates[i], &size);
	}
	return wire_pull_close(&p);
}

void dfsr_msg_cancel_push(struct dfsr_push *p,
			  const struct dfsr_msg_cancel *m)
{
	wire_push_open(p);
	dfsr_push_guid(p, &m->folder);
	dfsr_push_id(p, &m->gvsn);
	dfsr_push_u32(p, m->reason);
}

int dfsr_msg_cancel_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
			 struct dfsr_msg_cancel *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_cancel){};
	wire_pull_open(&p, data, len);
	wire_pull_named(&p, &m->folder);
	dfsr_pull_id(&p, &m->gvsn);
	m->reason = dfsr_pull_u32(&p);
	return wire_pull_close(&p);
}
