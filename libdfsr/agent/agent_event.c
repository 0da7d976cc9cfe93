/*
   Samba DFS Replication
   The event log

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
 * What an administrator has to know later is an event. Whoever can reach our
 * port can cause some of them, so those are folded: the first of a key is
 * written, the others are counted, and when the window closes one event tells
 * how many there were. In one window an id has at most
 * DFSR_EVENTLOG_PER_ID_MAX keys of its own; more share one.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <tevent.h>
#include <unistd.h>
#include "agent_event_log.h"

#define FOLD_KEY_MAX 128
#define FILETIME_EPOCH ((uint64_t)116444736000000000)

/** One key of the current window. */
struct fold {
	uint32_t id;
	char key[FOLD_KEY_MAX];
	uint64_t more; /* not written */
};

struct event_wait;

struct dfsr_eventlog {
	struct tevent_context *ev;
	struct dfsr_eventfile file;
	void (*fn)(const struct dfsr_event *event, void *private_data);
	void *private_data;
	struct fold folds[DFSR_EVENTLOG_KEYS_MAX];
	uint32_t num_folds;
	struct tevent_timer *window;
	struct event_wait *waits;
};

/** Somebody who waits for a new event. */
struct event_wait {
	struct event_wait *next;
	struct tevent_req *req;
	struct dfsr_eventlog *log;
	struct tevent_context *ev;
	struct dfsr_event_filter filter;
	json_t *events;
};

static uint64_t event_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return FILETIME_EPOCH + (uint64_t)ts.tv_sec * 10000000 +
	       (uint64_t)ts.tv_nsec / 100;
}

static int eventlog_destructor(struct dfsr_eventlog *log)
{
	while (log->waits != NULL) {
		struct event_wait *w = log->waits;

		log->waits = w->next;
		w->log = NULL;
	}
	if (log->file.fd != -1) {
		close(log->file.fd);
	}
	return 0;
}

int dfsr_eventlog_open(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		       const char *dir, struct dfsr_eventlog **_log)
{
	struct dfsr_eventlog *log = talloc_zero(mem_ctx, struct dfsr_eventlog);
	int err;

	if (log == NULL) {
		return ENOMEM;
	}
	log->ev = ev;
	log->file.fd = -1;
	talloc_set_destructor(log, eventlog_destructor);
	err = dfsr_eventfile_open(&log->file, log, dir);
	if (err != 0) {
		talloc_free(log);
		return err;
	}
	*_log = log;
	return 0;
}

void dfsr_eventlog_set_callback(struct dfsr_eventlog *log,
				void (*fn)(const struct dfsr_event *event,
					   void *private_data),
				void *private_data)
{
	log->fn = fn;
	log->private_data = private_data;
}

uint64_t dfsr_eventlog_seq(const struct dfsr_eventlog *log)
{
	return log->file.seq;
}

static json_t *event_json(const struct dfsr_event *event)
{
	char *time = dfsr_time_str(NULL, event->time);
	json_t *json;

	json = json_pack("{s:I, s:s, s:i, s:s, s:s, s:O?}", "seq",
			 (json_int_t)event->seq, "time",
			 time != NULL ? time : "", "id", (int)event->id,
			 "level", event->level, "message", event->message,
			 "data", event->data);
	talloc_free(time);
	return json;
}

/** Write the line; without its data when it would be too long. */
static void event_write(struct dfsr_eventlog *log, struct dfsr_event *event)
{
	json_t *json = event_json(event);
	char *text = json == NULL ? NULL
				  : json_dumps(json, JSON_COMPACT);
	char *line = NULL;

	if (text != NULL && strlen(text) + 1 >= DFSR_EVENTLOG_LINE_MAX) {
		json_object_set_new(json, "data", json_null());
		free(text);
		text = json_dumps(json, JSON_COMPACT);
	}
	if (text != NULL) {
		line = talloc_asprintf(log, "%s\n", text);
	}
	if (line != NULL) {
		/* a full disk must not stop replication: the callback still
		   hears of the event */
		(void)dfsr_eventfile_append(&log->file, line,
					    talloc_get_size(line) - 1);
	}
	talloc_free(line);
	free(text);
	json_decref(json);
}

static void event_wake(struct dfsr_eventlog *log, struct dfsr_event *event)
{
	json_t *json = log->waits == NULL ? NULL : event_json(event);
	struct event_wait **w = &log->waits;

	while (json != NULL && *w != NULL) {
		struct event_wait *wait = *w;

		if (!dfsr_event_fits(json, &wait->filter)) {
			w = &wait->next;
			continue;
		}
		*w = wait->next;
		wait->log = NULL;
		json_array_append(wait->events, json);
		tevent_req_defer_callback(wait->req, wait->ev);
		tevent_req_done(wait->req);
	}
	json_decref(json);
}

static bool event_is_utf8(const char *s)
{
	json_t *json = json_string(s);
	bool good = json != NULL;

	json_decref(json);
	return good;
}

static void event_emit(struct dfsr_eventlog *log, uint32_t id, json_t *data,
		       char *message)
{
	struct dfsr_event event = {
		.time = event_now(),
		.id = id,
		.level = dfsr_event_level(id),
		.data = data,
	};
	size_t i;

	if (message == NULL) {
		json_decref(data);
		return;
	}
	/* one line, and JSON that is UTF-8 */
	for (i = 0; message[i] != '\0'; i++) {
		if ((unsigned char)message[i] < 0x20 || message[i] == 0x7f) {
			message[i] = ' ';
		}
	}
	if (i > DFSR_EVENTLOG_MESSAGE_MAX) {
		message[DFSR_EVENTLOG_MESSAGE_MAX] = '\0';
	}
	if (!event_is_utf8(message)) {
		for (i = 0; message[i] != '\0'; i++) {
			if ((unsigned char)message[i] >= 0x80) {
				message[i] = '?';
			}
		}
	}
	event.message = message;
	event.seq = ++log->file.seq;
	event_write(log, &event);
	event_wake(log, &event);
	if (log->fn != NULL) {
		log->fn(&event, log->private_data);
	}
	json_decref(data);
	talloc_free(message);
}

void dfsr_eventlog_add(struct dfsr_eventlog *log, uint32_t id, json_t *data,
		       const char *fmt, ...)
{
	char *message;
	va_list ap;

	va_start(ap, fmt);
	message = talloc_vasprintf(log, fmt, ap);
	va_end(ap);
	event_emit(log, id, data, message);
}

/* ---- folding ------------------------------------------------------------- */

static void fold_tell(struct dfsr_eventlog *log, const struct fold *f)
{
	const char *meaning = dfsr_event_meaning(f->id);
	char *message;

	message = talloc_asprintf(
		log, "%llu more events %u in the last %d seconds%s%s: %s",
		(unsigned long long)f->more, f->id,
		DFSR_EVENTLOG_FOLD_SECONDS, f->key[0] != '\0' ? " about " : "",
		f->key, meaning != NULL ? meaning : "");
	event_emit(log, DFSR_EVENT_FOLDED,
		   json_pack("{s:i, s:o*, s:I}", "id", (int)f->id, "key",
			     json_string(f->key), "count",
			     (json_int_t)f->more),
		   message);
}

static void fold_window_ends(struct tevent_context *ev,
			     struct tevent_timer *te, struct timeval now,
			     void *private_data)
{
	struct dfsr_eventlog *log = private_data;
	uint32_t num = log->num_folds;
	uint32_t i;

	(void)ev;
	(void)te;
	(void)now;
	TALLOC_FREE(log->window);
	log->num_folds = 0;
	for (i = 0; i < num; i++) {
		if (log->folds[i].more > 0) {
			fold_tell(log, &log->folds[i]);
		}
	}
}

/** @return true when the event is the first of its key and is written */
static bool fold_count(struct dfsr_eventlog *log, uint32_t id, const char *key)
{
	uint32_t of_id = 0;
	uint32_t i;
	struct fold *f;

	for (i = 0; i < log->num_folds; i++) {
		f = &log->folds[i];
		if (f->id != id) {
			continue;
		}
		of_id += 1;
		if (strncmp(f->key, key, FOLD_KEY_MAX - 1) == 0) {
			f->more += 1;
			return false;
		}
	}
	if (key[0] != '\0' &&
	    (of_id >= DFSR_EVENTLOG_PER_ID_MAX ||
	     log->num_folds >= DFSR_EVENTLOG_KEYS_MAX / 2)) {
		return fold_count(log, id, "");
	}
	if (log->num_folds >= DFSR_EVENTLOG_KEYS_MAX) {
		return false;
	}
	f = &log->folds[log->num_folds++];
	f->id = id;
	f->more = 0;
	snprintf(f->key, sizeof(f->key), "%s", key);
	if (log->window == NULL) {
		log->window = tevent_add_timer(
			log->ev, log,
			tevent_timeval_current_ofs(DFSR_EVENTLOG_FOLD_SECONDS,
						   0),
			fold_window_ends, log);
	}
	return true;
}

void dfsr_eventlog_add_folded(struct dfsr_eventlog *log, uint32_t id,
			      const char *key, json_t *data, const char *fmt,
			      ...)
{
	char *message;
	va_list ap;

	if (!fold_count(log, id, key)) {
		json_decref(data);
		return;
	}
	va_start(ap, fmt);
	message = talloc_vasprintf(log, fmt, ap);
	va_end(ap);
	event_emit(log, id, data, message);
}

/* ---- reading ------------------------------------------------------------- */

int dfsr_eventlog_read(struct dfsr_eventlog *log,
		       const struct dfsr_event_filter *filter,
		       json_t **events)
{
	return dfsr_eventfile_read(&log->file, filter, events);
}

static int event_wait_destructor(struct event_wait *wait)
{
	struct event_wait **w;

	for (w = wait->log == NULL ? NULL : &wait->log->waits;
	     w != NULL && *w != NULL; w = &(*w)->next) {
		if (*w == wait) {
			*w = wait->next;
			break;
		}
	}
	json_decref(wait->events);
	return 0;
}

static void event_wait_timeout(struct tevent_context *ev,
			       struct tevent_timer *te, struct timeval now,
			       void *private_data)
{
	struct tevent_req *req =
		talloc_get_type_abort(private_data, struct tevent_req);

	(void)ev;
	(void)te;
	(void)now;
	tevent_req_done(req);
}

struct tevent_req *
dfsr_eventlog_wait_send(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
			struct dfsr_eventlog *log,
			const struct dfsr_event_filter *filter,
			uint32_t timeout_ms)
{
	struct tevent_req *req;
	struct event_wait *state;
	struct tevent_timer *te;
	int err;

	req = tevent_req_create(mem_ctx, &state, struct event_wait);
	if (req == NULL) {
		return NULL;
	}
	*state = (struct event_wait){
		.req = req, .ev = ev, .filter = *filter};
	talloc_set_destructor(state, event_wait_destructor);
	err = dfsr_eventlog_read(log, filter, &state->events);
	if (err != 0) {
		tevent_req_error(req, (uint64_t)err);
		return tevent_req_post(req, ev);
	}
	if (json_array_size(state->events) > 0 || timeout_ms == 0) {
		tevent_req_done(req);
		return tevent_req_post(req, ev);
	}
	te = tevent_add_timer(ev, state,
			      tevent_timeval_current_ofs(
				      timeout_ms / 1000,
				      timeout_ms % 1000 * 1000),
			      event_wait_timeout, req);
	if (tevent_req_nomem(te, req)) {
		return tevent_req_post(req, ev);
	}
	state->log = log;
	state->next = log->waits;
	log->waits = state;
	return req;
}

int dfsr_eventlog_wait_recv(struct tevent_req *req, json_t **events)
{
	struct event_wait *state = tevent_req_data(req, struct event_wait);
	enum tevent_req_state how;
	uint64_t err = 0;

	if (tevent_req_is_error(req, &how, &err)) {
		tevent_req_received(req);
		return how == TEVENT_REQ_USER_ERROR ? (int)err : ENOMEM;
	}
	*events = json_incref(state->events);
	tevent_req_received(req);
	return 0;
}
