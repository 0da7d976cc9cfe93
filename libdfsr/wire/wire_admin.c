/*
   Samba DFS Replication
   Messages about the configuration: documents, and new nodes

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

void dfsr_msg_config_push(struct dfsr_push *p,
			  const struct dfsr_msg_config *m)
{
	wire_push_open(p);
	dfsr_push_u64(p, m->epoch);
}

int dfsr_msg_config_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
			 struct dfsr_msg_config *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_config){};
	wire_pull_open(&p, data, len);
	m->epoch = dfsr_pull_u64(&p);
	return wire_pull_close(&p);
}

void dfsr_msg_document_push(struct dfsr_push *p,
			    const struct dfsr_msg_document *m)
{
	if (m->len > DFSR_CONTROL_MAX) {
		wire_push_fail(p, E2BIG);
		return;
	}
	wire_push_open(p);
	dfsr_push_u64(p, m->epoch);
	dfsr_push_blob(p, m->data, m->len);
}

int dfsr_msg_document_pull(TALLOC_CTX *mem_ctx, const uint8_t *data,
			   size_t len, struct dfsr_msg_document *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_document){};
	wire_pull_open(&p, data, len);
	m->epoch = dfsr_pull_u64(&p);
	m->len = dfsr_pull_blob(&p, &m->data, DFSR_CONTROL_MAX);
	return wire_pull_close(&p);
}

void dfsr_msg_join_push(struct dfsr_push *p, const struct dfsr_msg_join *m)
{
	wire_push_open(p);
	dfsr_push_guid(p, &m->node);
	dfsr_push_bytes(p, m->secret, sizeof(m->secret));
	dfsr_push_str(p, m->name);
	dfsr_push_str(p, m->address);
}

int dfsr_msg_join_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		       struct dfsr_msg_join *m)
{
	const uint8_t *secret = NULL;
	struct dfsr_pull p;

	*m = (struct dfsr_msg_join){};
	wire_pull_open(&p, data, len);
	wire_pull_named(&p, &m->node);
	secret = dfsr_pull_bytes(&p, sizeof(m->secret));
	if (secret != NULL) {
		memcpy(m->secret, secret, sizeof(m->secret));
	}
	m->name = wire_pull_text(&p, mem_ctx, 1, WIRE_NODE_NAME_MAX);
	m->address = wire_pull_text(&p, mem_ctx, 1, WIRE_ADDRESS_MAX);
	return wire_pull_close(&p);
}
