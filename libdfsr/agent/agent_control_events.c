/*
   Samba DFS Replication
   The verb that reads the event log

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
#include <stdlib.h>
#include <string.h>
#include <tevent.h>
#include "agent_control_config.h"

/** How long a follower waits before it asks again. */
#define FOLLOW_MS 25000
#define FILETIME_SECOND ((uint64_t)10000000)

struct events_state {
	struct dfsr_eventlog *log;
	json_t *events;
	char *why;
};

static int events_state_destructor(struct events_state *state)
{
	json_decref(state->events);
	return 0;
}

/** "2026-05-04T03:02:01", "2026-05-04", or an age: 90s, 15m, 2h, 7d. */
static int parse_since(const char *s, uint64_t now, uint64_t *since)
{
	static const char units[] = "smhd";
	static const uint64_t seconds[] = {1, 60, 3600, 86400};
	char *end = NULL;
	unsigned long long n;
	const char *unit;

	if (dfsr_time_parse(s, since) == 0) {
		return 0;
	}
	if (s[0] < '0' || s[0] > '9') {
		return EINVAL;
	}
	n = strtoull(s, &end, 10);
	unit = *end == '\0' ? NULL : strchr(units, *end);
	if (unit == NULL || end[1] != '\0' || n > 100000000) {
		return EINVAL;
	}
	n *= seconds[unit - units] * FILETIME_SECOND;
	*since = n < now ? now - n : 1;
	return 0;
}

static int events_filter(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			 json_t *request, struct dfsr_event_filter *filter,
			 char **why)
{
	const struct dfsr_env *env = dfsr_agent_env(agent);
	const char *since = dfsr_control_option(request, "since");
	int64_t id = 0;
	int64_t after = 0;
	int64_t limit = 0;
	int err;

	err = dfsr_control_number(request, "id", UINT32_MAX, 0, mem_ctx, &id,
				  why);
	if (err == 0) {
		err = dfsr_control_number(request, "after", INT64_MAX, 0,
					  mem_ctx, &after, why);
	}
	if (err == 0) {
		err = dfsr_control_number(request, "limit",
					  DFSR_EVENTLOG_READ_MAX, 100, mem_ctx,
					  &limit, why);
	}
	if (err == 0 && since != NULL &&
	    parse_since(since, env->now(env->private_data), &filter->since) !=
		    0) {
		*why = talloc_asprintf(mem_ctx,
				       "--since is a time such as "
				       "2026-05-04T03:02:01 (UTC) or an age "
				       "such as 15m, 2h or 7d, not \"%s\"",
				       since);
		err = EINVAL;
	}
	filter->id = (uint32_t)id;
	filter->after = (uint64_t)after;
	filter->limit = (uint32_t)limit;
	return err;
}

static void events_done(struct tevent_req *subreq)
{
	struct tevent_req *req =
		tevent_req_callback_data(subreq, struct tevent_req);
	struct events_state *state = tevent_req_data(req, struct events_state);
	int err = dfsr_eventlog_wait_recv(subreq, &state->events);

	TALLOC_FREE(subreq);
	if (tevent_req_error(req, (uint64_t)err)) {
		return;
	}
	tevent_req_done(req);
}

struct tevent_req *dfsr_verb_events_send(TALLOC_CTX *mem_ctx,
					 struct tevent_context *ev,
					 struct dfsr_agent *agent,
					 json_t *request)
{
	struct dfsr_event_filter filter = {.id = 0};
	struct events_state *state;
	struct tevent_req *subreq;
	struct tevent_req *req;
	bool follow = dfsr_control_option(request, "follow") != NULL;
	int err;

	req = tevent_req_create(mem_ctx, &state, struct events_state);
	if (req == NULL) {
		return NULL;
	}
	state->log = dfsr_agent_eventlog(agent);
	talloc_set_destructor(state, events_state_destructor);
	err = events_filter(agent, state, request, &filter, &state->why);
	if (tevent_req_error(req, (uint64_t)err)) {
		return tevent_req_post(req, ev);
	}
	subreq = dfsr_eventlog_wait_send(state, ev, state->log, &filter,
					 follow ? FOLLOW_MS : 0);
	if (tevent_req_nomem(subreq, req)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_set_callback(subreq, events_done, req);
	return req;
}

int dfsr_verb_events_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			  json_t **result, char **why)
{
	struct events_state *state = tevent_req_data(req, struct events_state);
	enum tevent_req_state how;
	uint64_t err = 0;

	*why = talloc_move(mem_ctx, &state->why);
	if (tevent_req_is_error(req, &how, &err)) {
		tevent_req_received(req);
		return how == TEVENT_REQ_USER_ERROR ? (int)err : ENOMEM;
	}
	*result = json_pack("{s:O, s:I}", "events", state->events, "seq",
			    (json_int_t)dfsr_eventlog_seq(state->log));
	tevent_req_received(req);
	return 0;
}
