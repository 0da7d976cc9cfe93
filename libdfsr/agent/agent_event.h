/*
   Samba DFS Replication
   The event log: what happened, with Windows' numbers

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

#ifndef __AGENT_EVENT_H__
#define __AGENT_EVENT_H__

/*
 * Events are JSON lines in <dir>/events.jsonl, which is rotated at
 * DFSR_EVENTLOG_FILE_MAX to events.jsonl.1 … .4. Numbers below 20000 are those
 * of Windows' "DFS Replication" log (windows-dfs 1.4); ours start at 20000.
 * Everything runs on the event loop.
 */

#include <jansson.h>
#include "dfsr_agent.h"

/** Bytes after which a file is rotated, and how many old ones are kept. */
#define DFSR_EVENTLOG_FILE_MAX (16 * 1024 * 1024)
#define DFSR_EVENTLOG_OLD_MAX 4
/** Longest line; longer data is left out, longer messages are cut. */
#define DFSR_EVENTLOG_LINE_MAX 65536
#define DFSR_EVENTLOG_MESSAGE_MAX 4096
/** Most events of one answer. */
#define DFSR_EVENTLOG_READ_MAX 10000
/** Seconds in which equal events are folded. */
#define DFSR_EVENTLOG_FOLD_SECONDS 60
/** Most keys that are told apart, and most events of one id, in that time. */
#define DFSR_EVENTLOG_KEYS_MAX 256
#define DFSR_EVENTLOG_PER_ID_MAX 64

enum dfsr_event_id {
	DFSR_EVENT_STARTING = 1002,
	DFSR_EVENT_STARTED = 1004,
	DFSR_EVENT_STOPPING = 1006,
	DFSR_EVENT_STOPPED = 1008,
	DFSR_EVENT_INTERNAL_ERROR = 1010,
	DFSR_EVENT_ACTIVE_UNREACHABLE = 1202,
	DFSR_EVENT_ACTIVE_REACHED = 1206,
	DFSR_EVENT_LISTENER_ERROR = 1208,
	DFSR_EVENT_LISTENER_READY = 1210,
	DFSR_EVENT_LOG_UNWRITABLE = 1302,
	DFSR_EVENT_VOLUME_READY = 2002,
	DFSR_EVENT_VOLUME_STOPPED = 2004,
	DFSR_EVENT_DB_RECOVERY_STARTED = 2102,
	DFSR_EVENT_DB_RECOVERY_FAILED = 2104,
	DFSR_EVENT_DB_RECOVERED = 2106,
	DFSR_EVENT_JOURNAL_WRAP = 2202,
	DFSR_EVENT_JOURNAL_LOSS = 2204,
	DFSR_EVENT_JOURNAL_RECOVERED = 2206,
	DFSR_EVENT_JOURNAL_FAILED = 2208,
	DFSR_EVENT_DIRTY_SHUTDOWN = 2212,
	DFSR_EVENT_DIRTY_STOPPED = 2213,
	DFSR_EVENT_DIRTY_RECOVERED = 2214,
	DFSR_EVENT_FOLDER_READY = 4002,
	DFSR_EVENT_FOLDER_ERROR = 4004,
	DFSR_EVENT_FOLDER_STOPPED = 4008,
	DFSR_EVENT_FOLDER_STALE = 4012,
	DFSR_EVENT_INITIAL_WAITING = 4102,
	DFSR_EVENT_INITIAL_DONE = 4104,
	DFSR_EVENT_INITIAL_PRIMARY = 4112,
	DFSR_EVENT_FOLDER_DISABLED = 4114,
	DFSR_EVENT_STAGING_HIGH = 4202,
	DFSR_EVENT_STAGING_CLEANED = 4204,
	DFSR_EVENT_STAGING_FAILED = 4206,
	DFSR_EVENT_STAGING_OVER = 4208,
	DFSR_EVENT_STAGING_PATH = 4212,
	DFSR_EVENT_FILE_BUSY = 4302,
	DFSR_EVENT_FILE_BUSY_INSTALL = 4304,
	DFSR_EVENT_FOLDER_BUSY = 4312,
	DFSR_EVENT_FILE_ENCRYPTED = 4402,
	DFSR_EVENT_FILE_UNSUPPORTED = 4406,
	DFSR_EVENT_CONFLICT = 4412,
	DFSR_EVENT_DISK_FULL = 4502,
	DFSR_EVENT_PARTNER_ERROR = 5002,
	DFSR_EVENT_PARTNER_CONNECTED = 5004,
	DFSR_EVENT_PARTNER_UNREACHABLE = 5008,
	DFSR_EVENT_PARTNER_REFUSED = 5012,
	DFSR_EVENT_PARTNER_STOPPED = 5014,
	DFSR_EVENT_PROTOCOL_VERSION = 5102,
	DFSR_EVENT_CONFIG_INVALID = 6002,
	DFSR_EVENT_CONFIG_DUPLICATE = 6004,
	DFSR_EVENT_CONFIG_INCONSISTENT = 6006,
	DFSR_EVENT_CONFIG_VERSION = 6012,
	DFSR_EVENT_CONFIG_UPDATE_FAILED = 6016,
	DFSR_EVENT_CONFIG_UPDATED = 6018,
	DFSR_EVENT_NO_OUTBOUND = 6020,
	DFSR_EVENT_VOLUME_UNSUPPORTED = 6302,
	DFSR_EVENT_ROOT_OVERLAP = 6408,
	DFSR_EVENT_ROOT_INVALID = 6404,
	DFSR_EVENT_ROOT_MOVED = 6406,
	DFSR_EVENT_CONNECTIONS_DISABLED = 6802,
	DFSR_EVENT_NO_CONNECTIONS = 6804,
	DFSR_EVENT_CONNECTION_READY = 6806,

	/* what Windows has no number for */
	DFSR_EVENT_IDENTITY_CREATED = 20000,
	DFSR_EVENT_STRANGER_REFUSED = 20002,
	DFSR_EVENT_TOKEN_REFUSED = 20004,
	DFSR_EVENT_NODE_ADMITTED = 20006,
	DFSR_EVENT_NODE_REMOVED = 20008,
	DFSR_EVENT_CONFIG_CHANGED = 20010,
	DFSR_EVENT_CONFIG_RECEIVED = 20012,
	DFSR_EVENT_CONFIG_REFUSED = 20014,
	DFSR_EVENT_FOLD_MISMATCH = 20020,
	DFSR_EVENT_CLOCK_SKEW = 20022,
	DFSR_EVENT_ROOT_UNPROVEN = 20030,
	DFSR_EVENT_MASS_DELETE = 20032,
	DFSR_EVENT_SCAN_STARTED = 20034,
	DFSR_EVENT_SCAN_DONE = 20036,
	DFSR_EVENT_FILE_UNSTORABLE = 20040,
	DFSR_EVENT_FILE_WAITS = 20042,
	DFSR_EVENT_FILE_UNREADABLE = 20044,
	DFSR_EVENT_RESURRECTED = 20046,
	DFSR_EVENT_PREEXISTING = 20048,
	DFSR_EVENT_PRESERVED_PURGED = 20050,
	DFSR_EVENT_PRESERVED_RESTORED = 20052,
	DFSR_EVENT_MODULE_MISMATCH = 20060,
	DFSR_EVENT_ROLLBACK = 20070,
	DFSR_EVENT_FOLDED = 20099,
};

struct dfsr_eventlog;

/** "information", "warning" or "error"; unknown numbers are information. */
const char *dfsr_event_level(uint32_t id);
/** What the number means, or NULL for one that is not in the table. */
const char *dfsr_event_meaning(uint32_t id);

/**
 * Open or create the log. Sequence numbers go on where the files end.
 * @param[in] dir <state directory>/dfs
 * @return 0 or an errno; a log that cannot be written later on drops its
 *         events and still passes them to the callback
 */
int dfsr_eventlog_open(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		       const char *dir, struct dfsr_eventlog **log);
/** Tell fn of every event once it has been written. */
void dfsr_eventlog_set_callback(struct dfsr_eventlog *log,
				void (*fn)(const struct dfsr_event *event,
					   void *private_data),
				void *private_data);
/**
 * Log an event.
 * @param[in] data object with the event's own fields, or NULL; the reference
 *                 is stolen
 */
void dfsr_eventlog_add(struct dfsr_eventlog *log, uint32_t id, json_t *data,
		       const char *fmt, ...) PRINTF_ATTRIBUTE(4, 5);
/**
 * The same for what somebody else can cause as often as he likes: after the
 * first event of this id and key the others are counted, and told of in one
 * event DFSR_EVENT_FOLDED at the end of DFSR_EVENTLOG_FOLD_SECONDS.
 * @param[in] key who or what it is about: an address without its port, a path
 */
void dfsr_eventlog_add_folded(struct dfsr_eventlog *log, uint32_t id,
			      const char *key, json_t *data, const char *fmt,
			      ...) PRINTF_ATTRIBUTE(5, 6);

/** What to read; 0 stands for any. */
struct dfsr_event_filter {
	uint32_t id;
	uint64_t since; /* FILETIME: not older */
	uint64_t after; /* sequence number: only later ones */
	uint32_t limit; /* the newest ones; 0 is DFSR_EVENTLOG_READ_MAX */
};
/**
 * Read events, oldest first.
 * @param[out] events a new array of objects with seq, time, id, level,
 *                    message and data
 */
int dfsr_eventlog_read(struct dfsr_eventlog *log,
		       const struct dfsr_event_filter *filter,
		       json_t **events);
/** Sequence number of the newest event. */
uint64_t dfsr_eventlog_seq(const struct dfsr_eventlog *log);
/**
 * Wait until there is an event after filter->after that fits, or until the
 * time has passed, which is no error: the array is empty then.
 */
struct tevent_req *
dfsr_eventlog_wait_send(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
			struct dfsr_eventlog *log,
			const struct dfsr_event_filter *filter,
			uint32_t timeout_ms);
int dfsr_eventlog_wait_recv(struct tevent_req *req, json_t **events);

/** FILETIME as "2026-05-04T03:02:01.123Z" below mem_ctx. */
char *dfsr_time_str(TALLOC_CTX *mem_ctx, uint64_t filetime);
/** The reverse, fraction optional. @return 0 or EINVAL */
int dfsr_time_parse(const char *s, uint64_t *filetime);

#endif /* __AGENT_EVENT_H__ */
