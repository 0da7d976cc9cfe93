/*
   Samba DFS Replication
   Random messages, and pulling and pushing any of them

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

#include <string.h>
#include "wire_samples.h"

#define REPACK(name)                                                    \
	static int repack_##name(TALLOC_CTX *mem_ctx,                   \
				 const uint8_t *data, size_t len,       \
				 struct dfsr_push *out)                 \
	{                                                               \
		TALLOC_CTX *tmp = talloc_new(mem_ctx);                  \
		struct dfsr_msg_##name m;                               \
		int err;                                                \
							\
		err = dfsr_msg_##name##_pull(tmp, data, len, &m);       \
		if (err == 0) {                                         \
			dfsr_msg_##name##_push(out, &m);                \
		}                                                       \
		talloc_free(tmp);                                       \
		return err;                                             \
	}
REPACK(error)
REPACK(hello)
REPACK(session)
REPACK(session_reply)
REPACK(poll)
REPACK(poll_reply)
REPACK(updates)
REPACK(updates_reply)
REPACK(cancel)
REPACK(open)
REPACK(open_reply)
REPACK(read)
REPACK(read_reply)
REPACK(close)
REPACK(config)
REPACK(document)
REPACK(join)

static struct dfsr_id sample_id(struct samples *s)
{
	return (struct dfsr_id){samples_guid(s), samples_u64(s)};
}

static uint8_t *sample_bytes(struct samples *s, TALLOC_CTX *mem_ctx,
			     size_t len)
{
	uint8_t *data = talloc_size(mem_ctx, len);

	samples_bytes(s, data, len);
	return data;
}

static char *sample_word(struct samples *s, TALLOC_CTX *mem_ctx, size_t max)
{
	static const char *const parts[] = {"a", "Z9", " ", "\xc3\xa4",
					    "\xe2\x82\xac",
					    "\xf0\x9f\x98\x80", "%s"};
	char *text = talloc_strdup(mem_ctx, "w");
	const char *part = NULL;

	while (samples_below(s, 8) != 0) {
		part = parts[samples_below(s, 7)];
		if (strlen(text) + strlen(part) > max) {
			break;
		}
		text = talloc_strdup_append(text, part);
	}
	return text;
}

/* Runs that end at or before end. */
static uint32_t sample_runs(struct samples *s, TALLOC_CTX *mem_ctx,
			    uint64_t end, struct dfsr_run **_runs)
{
	uint32_t num = (uint32_t)samples_below(s, 5), i;
	struct dfsr_run *runs = talloc_zero_array(mem_ctx, struct dfsr_run,
						  num + 1);
	uint64_t ofs = 0;

	for (i = 0; i < num && ofs < end; i++) {
		runs[i].ofs = ofs + samples_below(s, end - ofs);
		runs[i].len = 1 + (uint32_t)samples_below(s, 40);
		if (runs[i].len > end - runs[i].ofs) {
			runs[i].len = (uint32_t)(end - runs[i].ofs);
		}
		runs[i].data = sample_bytes(s, mem_ctx, runs[i].len);
		ofs = runs[i].ofs + runs[i].len;
	}
	*_runs = runs;
	return i;
}

/* @return the end of the last run */
static uint64_t sample_payload(struct samples *s, TALLOC_CTX *mem_ctx,
			       const struct dfsr_record *rec,
			       struct dfsr_payload *m)
{
	struct dfsr_run *last = NULL;

	m->meta_len = samples_below(s, 60);
	m->meta = sample_bytes(s, mem_ctx, m->meta_len);
	if (rec->kind != DFSR_KIND_FILE) {
		return 0;
	}
	m->num_runs = sample_runs(s, mem_ctx, rec->size, &m->runs);
	if (m->num_runs == 0) {
		return 0;
	}
	last = &m->runs[m->num_runs - 1];
	return last->ofs + last->len;
}

static void fill_error(struct samples *s, TALLOC_CTX *mem_ctx,
		       struct dfsr_push *p)
{
	struct dfsr_msg_error m = {
		.code = (uint32_t)samples_below(s, 12),
		.text = sample_word(s, mem_ctx, DFSR_ERROR_TEXT_MAX),
	};

	dfsr_msg_error_push(p, &m);
}

static void fill_hello(struct samples *s, TALLOC_CTX *mem_ctx,
		       struct dfsr_push *p)
{
	struct dfsr_msg_hello m = {
		.proto_min = 1 + (uint16_t)samples_below(s, 3),
		.proto_max = 3 + (uint16_t)samples_below(s, 3),
		.fold_version = (uint32_t)samples_u64(s),
		.node = samples_guid(s),
		.config_epoch = samples_u64(s),
		.now = samples_below(s, DFSR_TIME_MAX),
		.software = sample_word(s, mem_ctx, 255),
	};

	dfsr_msg_hello_push(p, &m);
}

static void fill_session(struct samples *s, TALLOC_CTX *mem_ctx,
			 struct dfsr_push *p)
{
	struct dfsr_msg_session m = {
		.group = samples_guid(s),
		.folder = samples_guid(s),
		.connection = samples_guid(s),
		.fold_version = (uint32_t)samples_u64(s),
	};

	(void)mem_ctx;
	dfsr_msg_session_push(p, &m);
}

static void fill_session_reply(struct samples *s, TALLOC_CTX *mem_ctx,
			       struct dfsr_push *p)
{
	struct dfsr_msg_session_reply m = {.db = samples_guid(s)};

	(void)mem_ctx;
	dfsr_msg_session_reply_push(p, &m);
}

static void fill_poll(struct samples *s, TALLOC_CTX *mem_ctx,
		      struct dfsr_push *p)
{
	struct dfsr_msg_poll m = {
		.folder = samples_guid(s),
		.generation = samples_u64(s),
	};

	(void)mem_ctx;
	dfsr_msg_poll_push(p, &m);
}

static void fill_poll_reply(struct samples *s, TALLOC_CTX *mem_ctx,
			    struct dfsr_push *p)
{
	struct dfsr_msg_poll_reply m = {
		.generation = samples_u64(s),
		.closed = samples_below(s, 2) == 1,
		.vv = samples_vv(s, mem_ctx, 3, 3),
	};

	dfsr_msg_poll_reply_push(p, &m);
}

static void fill_updates(struct samples *s, TALLOC_CTX *mem_ctx,
			 struct dfsr_push *p)
{
	struct dfsr_msg_updates m = {
		.folder = samples_guid(s),
		.cursor = sample_id(s),
		.credits = 1 + (uint32_t)samples_below(s, DFSR_UPDATES_MAX),
		.inline_max = (uint32_t)samples_below(s, DFSR_INLINE_MAX + 1),
		.diff = samples_vv(s, mem_ctx, 3, 3),
	};

	dfsr_msg_updates_push(p, &m);
}

static void fill_updates_reply(struct samples *s, TALLOC_CTX *mem_ctx,
			       struct dfsr_push *p)
{
	struct dfsr_msg_updates_reply m = {
		.more = samples_below(s, 2) == 1,
		.cursor = sample_id(s),
		.num = (uint32_t)samples_below(s, 4),
	};
	struct dfsr_update *u = NULL;
	uint32_t i;

	m.updates = talloc_zero_array(mem_ctx, struct dfsr_update,
				      m.num + 1);
	for (i = 0; i < m.num; i++) {
		u = &m.updates[i];
		samples_record(s, &u->rec);
		u->has_payload = u->rec.present && samples_below(s, 2) == 1;
		if (u->has_payload) {
			sample_payload(s, mem_ctx, &u->rec, &u->payload);
		}
	}
	dfsr_msg_updates_reply_push(p, &m);
}

static void fill_cancel(struct samples *s, TALLOC_CTX *mem_ctx,
			struct dfsr_push *p)
{
	struct dfsr_msg_cancel m = {
		.folder = samples_guid(s),
		.gvsn = sample_id(s),
		.reason = (uint32_t)samples_below(s, 8),
	};

	(void)mem_ctx;
	dfsr_msg_cancel_push(p, &m);
}

static void fill_open(struct samples *s, TALLOC_CTX *mem_ctx,
		      struct dfsr_push *p)
{
	struct dfsr_msg_open m = {
		.folder = samples_guid(s),
		.uid = sample_id(s),
		.gvsn = sample_id(s),
		.inline_max = (uint32_t)samples_below(s, DFSR_DATA_MAX),
	};

	(void)mem_ctx;
	dfsr_msg_open_push(p, &m);
}

static void fill_open_reply(struct samples *s, TALLOC_CTX *mem_ctx,
			    struct dfsr_push *p)
{
	struct dfsr_msg_open_reply m = {};
	uint64_t end;

	do {
		samples_record(s, &m.rec);
	} while (!m.rec.present);
	end = sample_payload(s, mem_ctx, &m.rec, &m.payload);
	m.handle = (uint32_t)samples_below(s, 3);
	m.next_ofs = m.rec.size;
	if (m.handle != 0) {
		m.next_ofs = end + samples_below(s, m.rec.size - end + 1);
	}
	dfsr_msg_open_reply_push(p, &m);
}

static void fill_read(struct samples *s, TALLOC_CTX *mem_ctx,
		      struct dfsr_push *p)
{
	struct dfsr_msg_read m = {
		.handle = (uint32_t)samples_u64(s),
		.ofs = samples_below(s, INT64_MAX - DFSR_DATA_MAX),
		.len = 1 + (uint32_t)samples_below(s, DFSR_DATA_MAX),
	};

	(void)mem_ctx;
	dfsr_msg_read_push(p, &m);
}

static void fill_read_reply(struct samples *s, TALLOC_CTX *mem_ctx,
			    struct dfsr_push *p)
{
	struct dfsr_msg_read_reply m = {};

	m.num_runs = sample_runs(s, mem_ctx, INT64_MAX, &m.runs);
	dfsr_msg_read_reply_push(p, &m);
}

static void fill_close(struct samples *s, TALLOC_CTX *mem_ctx,
		       struct dfsr_push *p)
{
	struct dfsr_msg_close m = {.handle = (uint32_t)samples_u64(s)};

	(void)mem_ctx;
	dfsr_msg_close_push(p, &m);
}

static void fill_config(struct samples *s, TALLOC_CTX *mem_ctx,
			struct dfsr_push *p)
{
	struct dfsr_msg_config m = {.epoch = samples_u64(s)};

	(void)mem_ctx;
	dfsr_msg_config_push(p, &m);
}

static void fill_document(struct samples *s, TALLOC_CTX *mem_ctx,
			  struct dfsr_push *p)
{
	struct dfsr_msg_document m = {
		.epoch = samples_u64(s),
		.len = samples_below(s, 300),
	};

	m.data = sample_bytes(s, mem_ctx, m.len);
	dfsr_msg_document_push(p, &m);
}

static void fill_join(struct samples *s, TALLOC_CTX *mem_ctx,
		      struct dfsr_push *p)
{
	struct dfsr_msg_join m = {
		.node = samples_guid(s),
		.name = sample_word(s, mem_ctx, 255),
		.address = sample_word(s, mem_ctx, 300),
	};

	samples_bytes(s, m.secret, sizeof(m.secret));
	dfsr_msg_join_push(p, &m);
}

const struct wire_sample wire_samples[WIRE_SAMPLES] = {
	{"error", fill_error, repack_error},
	{"hello", fill_hello, repack_hello},
	{"session", fill_session, repack_session},
	{"session_reply", fill_session_reply, repack_session_reply},
	{"poll", fill_poll, repack_poll},
	{"poll_reply", fill_poll_reply, repack_poll_reply},
	{"updates", fill_updates, repack_updates},
	{"updates_reply", fill_updates_reply, repack_updates_reply},
	{"cancel", fill_cancel, repack_cancel},
	{"open", fill_open, repack_open},
	{"open_reply", fill_open_reply, repack_open_reply},
	{"read", fill_read, repack_read},
	{"read_reply", fill_read_reply, repack_read_reply},
	{"close", fill_close, repack_close},
	{"config", fill_config, repack_config},
	{"document", fill_document, repack_document},
	{"join", fill_join, repack_join},
};
