/*
   Samba DFS Replication
   Sessions: poll a partner's vector, pull the difference

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
 * The downstream end of one (connection, folder), MS-FRS2 3.3.4:
 *
 *   link up ─ SESSION ─ POLL ─ round ─ POLL ─ …
 *
 * POLL is answered when the server's vector has changed. Whatever could not
 * be done in a round is a hole in our vector, so the next round asks for it
 * again; a session that has holes asks again when something that it waits for
 * may have changed (kick), and in growing intervals.
 *
 * An answer that waited at the server may have waited on the way, too: a link
 * that was down delivers the first change that was made meanwhile, and a
 * vector that knows of no other. It is good for pulling, but whether a name
 * is in conflict is judged by a vector that was asked for when nothing else
 * was left to do (semantics A7). Only asked for, not unchanged: a busy server
 * must not put a judgement off for ever.
 */

#include <errno.h>
#include <string.h>

#include "agent_round.h"

#define DFSR_SESSION_BACKOFF_MIN_MS 200
#define DFSR_SESSION_BACKOFF_MAX_MS 60000
#define DFSR_SESSION_TIMEOUT_MS 30000

static void dfsr_session_open(struct dfsr_session *s);
static void dfsr_session_poll(struct dfsr_session *s, bool now);

static void dfsr_session_set(struct dfsr_session *s,
			     enum dfsr_session_state state)
{
	const struct dfsr_env *env = s->folder->agent->env;

	if (s->state != state) {
		s->state = state;
		s->since = env->now(env->private_data);
	}
}

static void dfsr_session_stop_req(struct dfsr_session *s)
{
	TALLOC_FREE(s->req);
	TALLOC_FREE(s->timer);
}

/** True if the folder may pull now. */
static bool dfsr_session_may(const struct dfsr_session *s)
{
	const struct dfsr_folder *f = s->folder;

	return f->state == DFSR_FOLDER_INITIAL_SYNC ||
	       f->state == DFSR_FOLDER_AUTO_RECOVERY ||
	       f->state == DFSR_FOLDER_NORMAL;
}

static void dfsr_session_timer(struct tevent_context *ev,
			       struct tevent_timer *te, struct timeval now,
			       void *private_data)
{
	struct dfsr_session *s = private_data;

	(void)ev;
	(void)te;
	(void)now;
	s->timer = NULL;
	if (s->state == DFSR_SESSION_DISCONNECTED) {
		dfsr_session_open(s);
	} else {
		dfsr_session_kick(s);
	}
}

/** Ask again after a while, each time a little later. */
static void dfsr_session_later(struct dfsr_session *s)
{
	if (s->timer != NULL) {
		return;
	}
	s->timer = tevent_add_timer(
		s->folder->agent->ev, s,
		tevent_timeval_current_ofs(s->backoff_ms / 1000,
					   (s->backoff_ms % 1000) * 1000),
		dfsr_session_timer, s);
	s->backoff_ms = s->backoff_ms * 2 > DFSR_SESSION_BACKOFF_MAX_MS
				? DFSR_SESSION_BACKOFF_MAX_MS
				: s->backoff_ms * 2;
}

static void dfsr_session_failed(struct dfsr_session *s, const char *why)
{
	dfsr_session_stop_req(s);
	if (s->last_error == NULL || strcmp(s->last_error, why) != 0) {
		TALLOC_FREE(s->last_error);
		s->last_error = talloc_strdup(s, why);
		dfsr_agent_event(s->folder->agent, 5012, NULL,
				 "%s/%s: partner %s does not serve now: %s; "
				 "it is asked again", s->folder->group_name,
				 s->folder->name,
				 s->partner != NULL ? s->partner->name : "?",
				 why);
	}
	dfsr_session_set(s, DFSR_SESSION_DISCONNECTED);
	dfsr_session_later(s);
}

/* ---- SESSION ------------------------------------------------------------- */

static void dfsr_session_opened(struct tevent_req *subreq)
{
	struct dfsr_session *s =
		tevent_req_callback_data(subreq, struct dfsr_session);
	struct dfsr_msg_session_reply reply;
	struct dfsr_msg_error refused = {0};
	TALLOC_CTX *tmp = talloc_new(s);
	uint8_t *body = NULL;
	size_t len = 0;
	int ret;

	ret = dfsr_peer_request_recv(subreq, tmp, &body, &len, &refused);
	s->req = NULL;
	TALLOC_FREE(subreq);
	if (ret == 0) {
		ret = dfsr_msg_session_reply_pull(tmp, body, len, &reply);
	}
	if (ret != 0) {
		dfsr_session_failed(s, refused.text != NULL ? refused.text
							    : strerror(ret));
		talloc_free(tmp);
		return;
	}
	talloc_free(tmp);
	TALLOC_FREE(s->last_error);
	s->backoff_ms = DFSR_SESSION_BACKOFF_MIN_MS;
	dfsr_session_set(s, DFSR_SESSION_CONNECTED);
	dfsr_session_poll(s, true);
}

static void dfsr_session_open(struct dfsr_session *s)
{
	struct dfsr_msg_session msg = {
		.group = s->folder->group,
		.folder = s->folder->guid,
		.connection = s->connection,
		.fold_version = DFSR_FOLD_VERSION,
	};
	struct dfsr_push push;

	if (s->req != NULL || s->partner == NULL || !s->partner->ready ||
	    !dfsr_session_may(s)) {
		return;
	}
	TALLOC_FREE(s->timer);
	dfsr_push_init(&push, s);
	dfsr_msg_session_push(&push, &msg);
	s->req = dfsr_peer_request_send(s, s->folder->agent->ev,
					s->partner->peer, DFSR_MSG_SESSION,
					push.data, push.len,
					DFSR_SESSION_TIMEOUT_MS);
	talloc_free(push.data);
	if (s->req == NULL) {
		dfsr_session_later(s);
		return;
	}
	tevent_req_set_callback(s->req, dfsr_session_opened, s);
}

/* ---- POLL, and the round that follows ------------------------------------ */

static void dfsr_session_rounded(struct tevent_req *subreq)
{
	struct dfsr_session *s =
		tevent_req_callback_data(subreq, struct dfsr_session);
	uint32_t waiting = 0;
	char *why = NULL;
	int ret;

	ret = dfsr_round_recv(subreq, s, &waiting, &why);
	s->req = NULL;
	TALLOC_FREE(subreq);
	if (ret != 0) {
		dfsr_session_failed(s, why != NULL ? why : strerror(ret));
		talloc_free(why);
		return;
	}
	s->waiting = waiting;
	if (waiting == 0) {
		s->backoff_ms = DFSR_SESSION_BACKOFF_MIN_MS;
		if (s->server_closed) {
			dfsr_folder_round_complete(s->folder);
		}
	} else {
		dfsr_session_later(s);
	}
	/* What an old vector left open, a new one may decide. */
	dfsr_session_poll(s, s->again || (waiting > 0 && !s->fresh));
}

static void dfsr_session_polled(struct tevent_req *subreq)
{
	struct dfsr_session *s =
		tevent_req_callback_data(subreq, struct dfsr_session);
	struct dfsr_msg_poll_reply reply = {0};
	struct dfsr_msg_error refused = {0};
	TALLOC_CTX *tmp = talloc_new(s);
	uint8_t *body = NULL;
	size_t len = 0;
	int ret;

	ret = dfsr_peer_request_recv(subreq, tmp, &body, &len, &refused);
	s->req = NULL;
	TALLOC_FREE(subreq);
	if (ret == 0) {
		ret = dfsr_msg_poll_reply_pull(tmp, body, len, &reply);
	}
	if (ret != 0) {
		dfsr_session_failed(s, refused.text != NULL ? refused.text
							    : strerror(ret));
		talloc_free(tmp);
		return;
	}
	s->generation = reply.generation;
	s->server_closed = reply.closed;
	TALLOC_FREE(s->server_vv);
	s->server_vv = dfsr_vv_copy(s, reply.vv);
	dfsr_session_set(s, DFSR_SESSION_UPDATING);
	s->req = dfsr_round_send(s, s, reply.vv, reply.closed);
	talloc_free(tmp);
	if (s->req == NULL) {
		dfsr_session_failed(s, strerror(ENOMEM));
		return;
	}
	tevent_req_set_callback(s->req, dfsr_session_rounded, s);
}

static void dfsr_session_poll(struct dfsr_session *s, bool now)
{
	struct dfsr_msg_poll msg = {
		.folder = s->folder->guid,
		.generation = now ? 0 : s->generation,
	};
	struct dfsr_push push;

	if (!dfsr_session_may(s)) {
		dfsr_session_set(s, DFSR_SESSION_DISCONNECTED);
		return;
	}
	s->again = false;
	s->fresh = msg.generation == 0;
	dfsr_push_init(&push, s);
	dfsr_msg_poll_push(&push, &msg);
	s->req = dfsr_peer_request_send(s, s->folder->agent->ev,
					s->partner->peer, DFSR_MSG_POLL,
					push.data, push.len, 0);
	talloc_free(push.data);
	if (s->req == NULL) {
		dfsr_session_failed(s, strerror(ENOMEM));
		return;
	}
	dfsr_session_set(s, DFSR_SESSION_POLLING);
	tevent_req_set_callback(s->req, dfsr_session_polled, s);
}

void dfsr_session_kick(struct dfsr_session *s)
{
	if (s->state == DFSR_SESSION_DISCONNECTED) {
		dfsr_session_open(s);
		return;
	}
	s->again = true;
	if (s->state == DFSR_SESSION_POLLING && s->partner != NULL &&
	    s->partner->ready) {
		dfsr_session_stop_req(s);
		dfsr_session_poll(s, true);
	}
}

void dfsr_session_connected(struct dfsr_session *s)
{
	s->backoff_ms = DFSR_SESSION_BACKOFF_MIN_MS;
	dfsr_session_open(s);
}

void dfsr_session_disconnected(struct dfsr_session *s, const char *why)
{
	dfsr_session_stop_req(s);
	TALLOC_FREE(s->last_error);
	s->last_error = talloc_strdup(s, why);
	dfsr_session_set(s, DFSR_SESSION_DISCONNECTED);
}

/* ---- the set of sessions ------------------------------------------------- */

static int dfsr_session_destructor(struct dfsr_session *s)
{
	struct dfsr_session **p = NULL;

	DFSR_LIST_REMOVE(s->folder->sessions, s);
	if (s->partner != NULL) {
		p = &s->partner->sessions;
		while (*p != NULL && *p != s) {
			p = &(*p)->partner_next;
		}
		if (*p == s) {
			*p = s->partner_next;
		}
	}
	return 0;
}

int dfsr_session_start(struct dfsr_folder *f, struct dfsr_partner *p,
		       const struct dfsr_guid *connection)
{
	struct dfsr_session *s = talloc_zero(f, struct dfsr_session);

	if (s == NULL) {
		return ENOMEM;
	}
	s->folder = f;
	s->partner = p;
	s->connection = *connection;
	s->backoff_ms = DFSR_SESSION_BACKOFF_MIN_MS;
	DFSR_LIST_ADD(f->sessions, s);
	s->partner_next = p->sessions;
	p->sessions = s;
	talloc_set_destructor(s, dfsr_session_destructor);
	dfsr_session_open(s);
	return 0;
}

void dfsr_sessions_pause(struct dfsr_folder *f)
{
	struct dfsr_session *s = NULL;

	for (s = f->sessions; s != NULL; s = s->next) {
		dfsr_session_stop_req(s);
		dfsr_session_set(s, DFSR_SESSION_DISCONNECTED);
	}
}

void dfsr_sessions_resume(struct dfsr_folder *f)
{
	struct dfsr_session *s = NULL;

	for (s = f->sessions; s != NULL; s = s->next) {
		if (s->state == DFSR_SESSION_DISCONNECTED) {
			dfsr_session_open(s);
		}
	}
}

void dfsr_sessions_free(struct dfsr_folder *f)
{
	while (f->sessions != NULL) {
		talloc_free(f->sessions);
	}
}

void dfsr_folder_kick_waiters(struct dfsr_folder *f)
{
	struct dfsr_session *s = NULL;

	for (s = f->sessions; s != NULL; s = s->next) {
		if (s->waiting > 0) {
			dfsr_session_kick(s);
		}
	}
}
