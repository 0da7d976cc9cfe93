/*
   Samba DFS Replication
   The messages between members, and their codec

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

#ifndef __DFSR_WIRE_H__
#define __DFSR_WIRE_H__

/*
 * FRS2's conversation (EstablishConnection, EstablishSession,
 * RequestVersionVector, AsyncPoll, RequestUpdates, UpdateCancel, file
 * transfer) in our own encoding: MS-FRS2 3.1.4, docs/protocol/wire.md. No
 * sockets, no policy.
 *
 * A frame is: u32 length of the rest, u8 type, u8 flags, u16 zero, u32
 * request id, body; little-endian. A connection is dialled by the downstream
 * member; it asks, the upstream member answers; many requests may be in flight
 * and are answered in any order. The first request is HELLO.
 *
 * Every message starts with a u8 version and may end with optional parts
 * {u16 tag, u32 length, bytes} that a reader of this version skips.
 */

#include "dfsr_types.h"

#define DFSR_PROTO_MIN 1
#define DFSR_PROTO_MAX 1
#define DFSR_PORT_DEFAULT 5722

/** Bytes before the body: type, flags, zero, id; after the length word. */
#define DFSR_FRAME_HEAD 8
/** Longest frame, without its length word. */
#define DFSR_FRAME_MAX (20 * 1024 * 1024)
/** Longest frame before HELLO has been accepted. */
#define DFSR_FRAME_FIRST_MAX 4096
/** Most updates in one page (MS-FRS2 3.2.4.1.6). */
#define DFSR_UPDATES_MAX 256
/** Most bytes of content in one answer. */
#define DFSR_DATA_MAX (1024 * 1024)
/** Most bytes of inline payload in one page of updates. */
#define DFSR_INLINE_MAX (4 * 1024 * 1024)
/** Longest text of an error. */
#define DFSR_ERROR_TEXT_MAX 1024
/** Longest control document (JSON) and configuration (LDIF). */
#define DFSR_CONTROL_MAX (16 * 1024 * 1024)
/** Most runs of data in one answer. */
#define DFSR_RUNS_MAX 4096

enum dfsr_msg_type {
	DFSR_MSG_ERROR = 0, /* only as an answer */
	DFSR_MSG_HELLO = 1,
	DFSR_MSG_PING = 2,
	DFSR_MSG_SESSION = 3, /* EstablishConnection + EstablishSession */
	DFSR_MSG_POLL = 4,    /* RequestVersionVector + AsyncPoll */
	DFSR_MSG_UPDATES = 5, /* RequestUpdates */
	DFSR_MSG_CANCEL = 6,  /* UpdateCancel, a hint */
	DFSR_MSG_OPEN = 7,    /* InitializeFileTransferAsync */
	DFSR_MSG_READ = 8,    /* RawGetFileData */
	DFSR_MSG_CLOSE = 9,
	DFSR_MSG_CONFIG = 10, /* configuration newer than an epoch, or wait */
	DFSR_MSG_CONTROL = 11, /* a verb, forwarded */
	DFSR_MSG_JOIN = 12,    /* a new node with a token */
};

#define DFSR_FRAME_REPLY 0x1

struct dfsr_frame {
	uint8_t type;
	uint8_t flags;
	uint32_t id;
	const uint8_t *body; /* points into the caller's buffer */
	size_t body_len;
};

/**
 * Look at the start of a stream.
 * @param[in]  max    longest frame that is acceptable now
 * @param[out] needed bytes that the whole frame takes, with length word
 * @return 0 with *frame filled, EAGAIN when more bytes are needed, EBADMSG
 */
int dfsr_frame_parse(const uint8_t *data, size_t len, size_t max,
		     struct dfsr_frame *frame, size_t *needed);
/** Start a frame in p; dfsr_frame_end() fills in its length. */
void dfsr_frame_begin(struct dfsr_push *p, uint8_t type, uint8_t flags,
		      uint32_t id);
void dfsr_frame_end(struct dfsr_push *p);

/** Why a request was refused; what the other side does about it. */
enum dfsr_wire_error {
	DFSR_WERR_PROTOCOL = 1,	  /* message not understood: disconnect */
	DFSR_WERR_ACCESS = 2,	  /* not named by the configuration */
	DFSR_WERR_NOT_FOUND = 3,  /* no such folder here: session only */
	DFSR_WERR_NOT_READY = 4,  /* initial sync, in error, disabled */
	DFSR_WERR_CHANGED = 5,	  /* object changed: a hole, ask again */
	DFSR_WERR_BUSY = 6,	  /* limits: try again later */
	DFSR_WERR_FOLD = 7,	  /* another fold table: event, no retry */
	DFSR_WERR_IO = 8,	  /* the object cannot be read */
	DFSR_WERR_TOKEN = 9,	  /* join: used, expired or wrong */
};

struct dfsr_msg_error {
	uint32_t code; /* enum dfsr_wire_error */
	char *text;
};

struct dfsr_msg_hello {
	uint16_t proto_min;
	uint16_t proto_max;
	uint32_t fold_version;
	struct dfsr_guid node;
	uint64_t config_epoch;
	uint64_t now; /* FILETIME of the sender: clock skew */
	char *software;
};

struct dfsr_msg_session {
	struct dfsr_guid group;
	struct dfsr_guid folder;
	struct dfsr_guid connection;
	uint32_t fold_version;
};
struct dfsr_msg_session_reply {
	struct dfsr_guid db;
};

struct dfsr_msg_poll {
	struct dfsr_guid folder;
	uint64_t generation; /* answer when the vector's is another; 0: now */
};
struct dfsr_msg_poll_reply {
	uint64_t generation;
	bool closed; /* no holes in it */
	struct dfsr_vv *vv;
};

struct dfsr_msg_updates {
	struct dfsr_guid folder;
	struct dfsr_id cursor; /* zero at first, then as returned */
	uint32_t credits;      /* most updates, <= DFSR_UPDATES_MAX */
	uint32_t inline_max;   /* most bytes of payload, 0: none */
	struct dfsr_vv *diff;
};

/** One run of data of a file; between runs are holes. */
struct dfsr_run {
	uint64_t ofs;
	uint32_t len;
	const uint8_t *data;
};

/** Metadata and bytes of one small object, sent with its update. */
struct dfsr_payload {
	const uint8_t *meta; /* dfsr_meta_push form */
	size_t meta_len;
	uint32_t num_runs;
	struct dfsr_run *runs;
};

struct dfsr_update {
	struct dfsr_record rec;
	bool has_payload; /* whole: nothing is left to be read */
	struct dfsr_payload payload;
};
struct dfsr_msg_updates_reply {
	bool more; /* ask again with cursor */
	struct dfsr_id cursor;
	uint32_t num;
	struct dfsr_update *updates;
};

struct dfsr_msg_cancel {
	struct dfsr_guid folder;
	struct dfsr_id gvsn;
	uint32_t reason; /* enum dfsr_wait */
};

struct dfsr_msg_open {
	struct dfsr_guid folder;
	struct dfsr_id uid;
	struct dfsr_id gvsn;
	uint32_t inline_max;
};
struct dfsr_msg_open_reply {
	struct dfsr_record rec; /* the version that is served, gvsn as asked */
	uint32_t handle;	/* 0 when the payload is whole */
	struct dfsr_payload payload;
	uint64_t next_ofs; /* first byte not in the payload */
};

struct dfsr_msg_read {
	uint32_t handle;
	uint64_t ofs;
	uint32_t len; /* <= DFSR_DATA_MAX */
};
struct dfsr_msg_read_reply {
	uint32_t num_runs;
	struct dfsr_run *runs;
};

struct dfsr_msg_close {
	uint32_t handle;
};

struct dfsr_msg_config {
	uint64_t epoch; /* answer when the configuration's is higher */
};
/** A document: configuration (LDIF) or control (JSON). */
struct dfsr_msg_document {
	uint64_t epoch;
	const uint8_t *data;
	size_t len;
};

struct dfsr_msg_join {
	struct dfsr_guid node;
	uint8_t secret[32];
	char *name;
	char *address; /* HOST:PORT under which others reach it */
};

/*
 * dfsr_msg_X_push() appends a body; dfsr_msg_X_pull() checks everything that
 * can be checked without knowing the receiver's state: limits, records by
 * dfsr_record_valid(), runs ascending within len, strings. Pointers in pulled
 * messages are talloc children of mem_ctx or point into the input.
 * All pulls return 0, EBADMSG, or ENOMEM.
 */
#define DFSR_MSG_PROTO(name)                                              \
	void dfsr_msg_##name##_push(struct dfsr_push *p,                  \
				    const struct dfsr_msg_##name *m);     \
	int dfsr_msg_##name##_pull(TALLOC_CTX *mem_ctx,                   \
				   const uint8_t *data, size_t len,       \
				   struct dfsr_msg_##name *m)
DFSR_MSG_PROTO(error);
DFSR_MSG_PROTO(hello);
DFSR_MSG_PROTO(session);
DFSR_MSG_PROTO(session_reply);
DFSR_MSG_PROTO(poll);
DFSR_MSG_PROTO(poll_reply);
DFSR_MSG_PROTO(updates);
DFSR_MSG_PROTO(updates_reply);
DFSR_MSG_PROTO(cancel);
DFSR_MSG_PROTO(open);
DFSR_MSG_PROTO(open_reply);
DFSR_MSG_PROTO(read);
DFSR_MSG_PROTO(read_reply);
DFSR_MSG_PROTO(close);
DFSR_MSG_PROTO(config);
DFSR_MSG_PROTO(document);
DFSR_MSG_PROTO(join);
#undef DFSR_MSG_PROTO

/** Static text of an error code. */
const char *dfsr_wire_error_str(uint32_t code);

#endif /* __DFSR_WIRE_H__ */
