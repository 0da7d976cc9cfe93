/*
   Samba DFS Replication
   Messages that carry the bytes of an object

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

/** Bytes of a run before its data, and one byte of it. */
#define RUN_SIZE_MIN (8 + 4 + 1)

void wire_push_runs(struct dfsr_push *p, const struct dfsr_run *runs,
		    uint32_t num, uint64_t max)
{
	uint64_t size = 0;
	uint32_t i;

	if (num > DFSR_RUNS_MAX) {
		wire_push_fail(p, E2BIG);
		return;
	}
	dfsr_push_u32(p, num);
	for (i = 0; i < num; i++) {
		size += runs[i].len;
		dfsr_push_u64(p, runs[i].ofs);
		dfsr_push_blob(p, runs[i].data, runs[i].len);
	}
	if (size > max) {
		wire_push_fail(p, E2BIG);
	}
}

static bool run_valid(const struct dfsr_run *run, uint64_t from, uint64_t end)
{
	return run->len > 0 && run->ofs >= from && run->ofs < end &&
	       run->len <= end - run->ofs;
}

void wire_pull_runs(struct dfsr_pull *p, TALLOC_CTX *mem_ctx, uint64_t max,
		    uint64_t end, struct dfsr_run **runs, uint32_t *num)
{
	uint64_t from = 0, size = 0;
	struct dfsr_run *r = NULL;
	uint32_t count, i;

	count = wire_pull_count(p, DFSR_RUNS_MAX, RUN_SIZE_MIN);
	if (count == 0) {
		return;
	}
	r = talloc_zero_array(mem_ctx, struct dfsr_run, count);
	if (r == NULL) {
		wire_pull_fail(p, ENOMEM);
		return;
	}
	for (i = 0; i < count; i++) {
		r[i].ofs = dfsr_pull_u64(p);
		r[i].len = (uint32_t)dfsr_pull_blob(p, &r[i].data, max - size);
		if (p->err != 0 || !run_valid(&r[i], from, end)) {
			wire_pull_fail(p, EBADMSG);
			TALLOC_FREE(r);
			return;
		}
		from = r[i].ofs + r[i].len;
		size += r[i].len;
	}
	*runs = r;
	*num = count;
}

void wire_push_payload(struct dfsr_push *p, const struct dfsr_payload *m,
		       uint64_t max)
{
	if (m->meta_len > DFSR_META_MAX) {
		wire_push_fail(p, E2BIG);
		return;
	}
	dfsr_push_blob(p, m->meta, m->meta_len);
	wire_push_runs(p, m->runs, m->num_runs, max);
}

void wire_pull_payload(struct dfsr_pull *p, TALLOC_CTX *mem_ctx,
		       const struct dfsr_record *rec, uint64_t max,
		       struct dfsr_payload *m)
{
	m->meta_len = dfsr_pull_blob(p, &m->meta, DFSR_META_MAX);
	wire_pull_runs(p, mem_ctx, max, rec->size, &m->runs, &m->num_runs);
	if (!rec->present ||
	    (m->num_runs > 0 && rec->kind != DFSR_KIND_FILE)) {
		wire_pull_fail(p, EBADMSG);
	}
}

uint64_t wire_payload_size(const struct dfsr_payload *m)
{
	uint64_t size = m->meta_len;
	uint32_t i;

	for (i = 0; i < m->num_runs; i++) {
		size += m->runs[i].len;
	}
	return size;
}

void dfsr_msg_open_push(struct dfsr_push *p, const struct dfsr_msg_open *m)
{
	wire_push_open(p);
	dfsr_push_guid(p, &m->folder);
	dfsr_push_id(p, &m->uid);
	dfsr_push_id(p, &m->gvsn);
	dfsr_push_u32(p, m->inline_max);
}

int dfsr_msg_open_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		       struct dfsr_msg_open *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_open){};
	wire_pull_open(&p, data, len);
	wire_pull_named(&p, &m->folder);
	dfsr_pull_id(&p, &m->uid);
	dfsr_pull_id(&p, &m->gvsn);
	m->inline_max = dfsr_pull_u32(&p);
	if (m->inline_max > DFSR_INLINE_MAX) {
		wire_pull_fail(&p, EBADMSG);
	}
	return wire_pull_close(&p);
}

void dfsr_msg_open_reply_push(struct dfsr_push *p,
			      const struct dfsr_msg_open_reply *m)
{
	wire_push_open(p);
	dfsr_record_push(p, &m->rec);
	dfsr_push_u32(p, m->handle);
	wire_push_payload(p, &m->payload, DFSR_DATA_MAX);
	dfsr_push_u64(p, m->next_ofs);
}

int dfsr_msg_open_reply_pull(TALLOC_CTX *mem_ctx, const uint8_t *data,
			     size_t len, struct dfsr_msg_open_reply *m)
{
	const struct dfsr_run *last = NULL;
	struct dfsr_pull p;

	*m = (struct dfsr_msg_open_reply){};
	wire_pull_open(&p, data, len);
	dfsr_record_pull(&p, &m->rec);
	m->handle = dfsr_pull_u32(&p);
	wire_pull_payload(&p, mem_ctx, &m->rec, DFSR_DATA_MAX, &m->payload);
	m->next_ofs = dfsr_pull_u64(&p);
	if (m->next_ofs > m->rec.size) {
		wire_pull_fail(&p, EBADMSG);
	}
	if (m->payload.num_runs > 0) {
		last = &m->payload.runs[m->payload.num_runs - 1];
		if (last->ofs + last->len > m->next_ofs) {
			wire_pull_fail(&p, EBADMSG);
		}
	}
	if (m->handle == 0 && m->rec.kind == DFSR_KIND_FILE &&
	    m->next_ofs != m->rec.size) {
		wire_pull_fail(&p, EBADMSG);
	}
	return wire_pull_close(&p);
}

void dfsr_msg_read_push(struct dfsr_push *p, const struct dfsr_msg_read *m)
{
	wire_push_open(p);
	dfsr_push_u32(p, m->handle);
	dfsr_push_u64(p, m->ofs);
	dfsr_push_u32(p, m->len);
}

int dfsr_msg_read_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		       struct dfsr_msg_read *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_read){};
	wire_pull_open(&p, data, len);
	m->handle = dfsr_pull_u32(&p);
	m->ofs = dfsr_pull_u64(&p);
	m->len = dfsr_pull_u32(&p);
	if (m->len == 0 || m->len > DFSR_DATA_MAX ||
	    m->ofs > WIRE_OFS_MAX - m->len) {
		wire_pull_fail(&p, EBADMSG);
	}
	return wire_pull_close(&p);
}

void dfsr_msg_read_reply_push(struct dfsr_push *p,
			      const struct dfsr_msg_read_reply *m)
{
	wire_push_open(p);
	wire_push_runs(p, m->runs, m->num_runs, DFSR_DATA_MAX);
}

int dfsr_msg_read_reply_pull(TALLOC_CTX *mem_ctx, const uint8_t *data,
			     size_t len, struct dfsr_msg_read_reply *m)
{
	struct dfsr_pull p;

	*m = (struct dfsr_msg_read_reply){};
	wire_pull_open(&p, data, len);
	wire_pull_runs(&p, mem_ctx, DFSR_DATA_MAX, WIRE_OFS_MAX, &m->runs,
		       &m->num_runs);
	return wire_pull_close(&p);
}

void dfsr_msg_close_push(struct dfsr_push *p, const struct dfsr_msg_close *m)
{
	wire_push_open(p);
	dfsr_push_u32(p, m->handle);
}

int dfsr_msg_close_pull(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
			struct dfsr_msg_close *m)
{
	struct dfsr_pull p;

	(void)mem_ctx;
	*m = (struct dfsr_msg_close){};
	wire_pull_open(&p, data, len);
	m->handle = dfsr_pull_u32(&p);
	return wire_pull_close(&p);
}
