/*
   Samba DFS Replication
   samba-dfs preserved

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
#include <stdio.h>
#include "tool.h"

static const struct tool_column columns[] = {
	{"ID", "id", TOOL_TEXT},
	{"TIME", "time", TOOL_TEXT},
	{"REASON", "reason", TOOL_TEXT},
	{"SIZE", "size", TOOL_SIZE},
	{"FILES", "files", TOOL_NUMBER},
	{"PARTNER", "partner", TOOL_TEXT},
	{"PATH", "path", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static void print_list(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_table(result, columns);
}

static void print_restored(struct tool *t, json_t *result)
{
	json_t *paths = json_object_get(result, "paths");
	const char *to = json_string_value(json_object_get(result, "to"));
	json_t *path;
	size_t i;

	json_array_foreach(paths, i, path) {
		printf("%s ", t->dry_run ? "would restore" : "restored");
		tool_print_text(json_string_value(path));
		if (to != NULL) {
			printf(" to ");
			tool_print_text(to);
		}
		putchar('\n');
	}
}

static const struct tool_option list_options[] = {
	{"path", TOOL_VALUE, "PATH",
	 "Only this path of the folder, and what is below it", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

static const struct tool_option restore_options[] = {
	{"path", TOOL_VALUE, "PATH",
	 "Only this path of the folder, and what is below it", false},
	{"id", TOOL_VALUE, "ID", "Only the one with this ID in the list",
	 false},
	{"all-versions", TOOL_FLAG, NULL, "Not only the newest of each path",
	 false},
	{"copy", TOOL_FLAG, NULL, "Keep the preserved file as well", false},
	{"to", TOOL_VALUE, "DIR", "Into this folder, not where it was", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

static int run_restore(struct tool *t)
{
	tool_absolute_option(t, "to");
	return tool_run(t);
}

const struct tool_verb tool_verbs_preserved[] = {
	{"preserved", "list", "GROUP FOLDER", 2, 2,
	 "List the files that lost a conflict, were deleted or were there "
	 "before", false, list_options, NULL, print_list},
	{"preserved", "restore", "GROUP FOLDER", 2, 2,
	 "Bring preserved files back; without --path and --id, all of them",
	 true, restore_options,
	 run_restore, print_restored},
	{.noun = NULL},
};
