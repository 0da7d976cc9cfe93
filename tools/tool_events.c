/*
   Samba DFS Replication
   samba-dfs events

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

#include <stdio.h>
#include "tool.h"

/** How many past events --follow starts with. */
#define FOLLOW_FIRST "10"

static const struct tool_column columns[] = {
	{"TIME", "time", TOOL_TEXT},
	{"LEVEL", "level", TOOL_TEXT},
	{"ID", "id", TOOL_NUMBER},
	{"MESSAGE", "message", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static void print_line(struct tool *t, json_t *event)
{
	if (t->json) {
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
		return;
	}
	printf("%s %-11s %5d ",
	       json_string_value(json_object_get(event, "time")),
	       json_string_value(json_object_get(event, "level")),
	       (int)json_integer_value(json_object_get(event, "id")));
	tool_print_text(json_string_value(json_object_get(event, "message")));
	putchar('\n');
}

/** Newer events in an endless series of long polls. */
static int follow(struct tool *t)
{
	json_t *options = json_deep_copy(t->options);
	int status;

	json_object_del(options, "follow");
	if (json_object_get(options, "limit") == NULL) {
		json_object_set_new(options, "limit",
				    json_string(FOLLOW_FIRST));
	}
	for (;;) {
		json_t *result = NULL;
		json_t *events;
		json_t *event;
		char seq[32];
		size_t i;

		status = tool_ask(t, options, &result);
		if (status != TOOL_DONE) {
			break;
		}
		events = json_object_get(result, "events");
		json_array_foreach(events, i, event) {
			print_line(t, event);
		}
		if (fflush(stdout) != 0) {
			json_decref(result);
			break;
		}
		snprintf(seq, sizeof(seq), "%" JSON_INTEGER_FORMAT,
			 json_integer_value(json_object_get(result, "seq")));
		json_decref(result);
		json_object_set_new(options, "after", json_string(seq));
		json_object_set_new(options, "limit", json_string("0"));
		json_object_set_new(options, "follow", json_string("yes"));
		json_object_del(options, "since");
	}
	json_decref(options);
	return status;
}

static int run_events(struct tool *t)
{
	json_t *result = NULL;
	json_t *events;
	int status;

	if (tool_option(t, "follow") != NULL) {
		return follow(t);
	}
	status = tool_ask(t, NULL, &result);
	if (status == TOOL_DONE) {
		events = json_object_get(result, "events");
		if (t->json) {
			tool_print_json(events);
		} else {
			tool_print_table(events, columns);
		}
	}
	json_decref(result);
	return status;
}

static const struct tool_option options[] = {
	{"follow", TOOL_FLAG, NULL, "Go on as new ones come", false},
	{"id", TOOL_VALUE, "N", "Only events of this number", false},
	{"since", TOOL_VALUE, "TIME",
	 "2026-05-04T03:02:01 (UTC), or an age: 15m, 2h, 7d", false},
	{"limit", TOOL_VALUE, "N", "The newest N (100)", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

const struct tool_verb tool_verbs_events[] = {
	{"events", NULL, "", 0, 0, "Show what happened on this node", false,
	 options, run_events, NULL},
	{.noun = NULL},
};
