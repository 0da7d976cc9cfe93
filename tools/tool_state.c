/*
   Samba DFS Replication
   samba-dfs state

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

#include <inttypes.h>
#include <stdio.h>
#include "tool.h"

static const struct tool_column folder_columns[] = {
	{"Group", "group", TOOL_TEXT},
	{"Folder", "folder", TOOL_TEXT},
	{"State", "state", TOOL_TEXT},
	{"Content path", "content_path", TOOL_TEXT},
	{"Error", "error", TOOL_TEXT},
	{"Objects", "objects", TOOL_NUMBER},
	{"Tombstones", "tombstones", TOOL_NUMBER},
	{"Installed", "installed", TOOL_NUMBER},
	{"To be looked at", "looks", TOOL_NUMBER},
	{"Scanning", "scanning", TOOL_YES},
	{"Displaced, in use", "displaced", TOOL_NUMBER},
	{"Waiting updates", "num_holes", TOOL_NUMBER},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column hole_columns[] = {
	{"WAITS FOR", "reason", TOOL_TEXT},
	{"SINCE", "since", TOOL_TEXT},
	{"TRIED", "attempts", TOOL_NUMBER},
	{"ERROR", "error", TOOL_TEXT},
	{"PATH", "path", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column connection_columns[] = {
	{"GROUP", "group", TOOL_TEXT},
	{"FOLDER", "folder", TOOL_TEXT},
	{"FROM", "from", TOOL_TEXT},
	{"TO", "to", TOOL_TEXT},
	{"STATE", "state", TOOL_TEXT},
	{"SINCE", "since", TOOL_TEXT},
	{"WAITING", "waiting", TOOL_NUMBER},
	{"SENT", "sent", TOOL_SIZE},
	{"RECEIVED", "received", TOOL_SIZE},
	{"LAST ERROR", "last_error", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static void print_folder(json_t *folder)
{
	json_t *holes = json_object_get(folder, "holes");
	size_t num = json_array_size(holes);

	json_object_set_new(folder, "num_holes",
			    json_integer((json_int_t)num));
	tool_print_object(folder, folder_columns);
	if (num > 0) {
		putchar('\n');
		tool_print_table(holes, hole_columns);
	}
	putchar('\n');
}

static void print_state(struct tool *t, json_t *result)
{
	json_t *folders = json_object_get(result, "folders");
	json_t *connections = json_object_get(result, "connections");
	json_t *folder;
	size_t i;

	(void)t;
	json_array_foreach(folders, i, folder) {
		print_folder(folder);
	}
	if (json_array_size(folders) == 0) {
		printf("no folder is replicated on this node\n\n");
	}
	tool_print_table(connections, connection_columns);
}

const struct tool_verb tool_verbs_state[] = {
	{"state", NULL, "[GROUP [FOLDER]]", 0, 2,
	 "Show what this node replicates, and what waits for what", false,
	 NULL, NULL, print_state},
	{.noun = NULL},
};
