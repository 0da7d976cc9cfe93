/*
   Samba DFS Replication
   samba-dfs backlog

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
#include <string.h>
#include "tool.h"

static const struct tool_column columns[] = {
	{"AGE", "age_seconds", TOOL_AGE},
	{"SIZE", "size", TOOL_SIZE},
	{"KIND", "kind", TOOL_TEXT},
	{"PATH", "path", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

/** The words of dfsrdiag, which scripts look for. */
static void print_dfsrdiag(struct tool *t, json_t *result)
{
	json_t *files = json_object_get(result, "files");
	json_int_t count =
		json_integer_value(json_object_get(result, "count"));
	const char *from = tool_option(t, "from");
	const char *to = tool_option(t, "to");
	json_t *file;
	size_t i;

	if (count == 0) {
		printf("No Backlog - member <%s> is in sync with partner "
		       "<%s>\n", to, from);
		return;
	}
	printf("Member <%s> Backlog File Count: %" JSON_INTEGER_FORMAT "\n",
	       to, count);
	printf("Backlog File Names (first %zu files)\n",
	       json_array_size(files));
	json_array_foreach(files, i, file) {
		const char *path =
			json_string_value(json_object_get(file, "path"));
		const char *slash = path == NULL ? NULL : strrchr(path, '/');

		printf("     %zu. File name: ", i + 1);
		tool_print_text(slash != NULL ? slash + 1
					      : (path != NULL ? path : ""));
		putchar('\n');
	}
}

static void print_backlog(struct tool *t, json_t *result)
{
	json_t *files = json_object_get(result, "files");
	json_t *oldest = json_object_get(result, "oldest_seconds");
	json_int_t count =
		json_integer_value(json_object_get(result, "count"));
	const char *format = tool_option(t, "format");
	char *size;
	char *age;

	if (json_is_false(json_object_get(result, "partner_reached"))) {
		fprintf(stderr, "samba-dfs: %s cannot be asked: counted by "
			"what it had when it was last heard\n",
			tool_option(t, "to"));
	}
	if (format != NULL) {
		print_dfsrdiag(t, result);
		return;
	}
	if (count == 0) {
		printf("%s has everything that %s has\n",
		       tool_option(t, "to"), tool_option(t, "from"));
		return;
	}
	size = tool_size(NULL, (uint64_t)json_integer_value(
				       json_object_get(result, "bytes")));
	age = tool_age(NULL, (uint64_t)json_number_value(oldest));
	printf("%" JSON_INTEGER_FORMAT " changes, %s, oldest %s\n\n", count,
	       size != NULL ? size : "",
	       json_is_number(oldest) && age != NULL ? age : "-");
	tool_print_table(files, columns);
	talloc_free(size);
	talloc_free(age);
}

static int run_backlog(struct tool *t)
{
	const char *format = tool_option(t, "format");

	if (format != NULL && strcmp(format, "dfsrdiag") != 0) {
		return tool_fail(TOOL_USAGE, "unknown format \"%s\": dfsrdiag "
				 "is known", format);
	}
	return tool_run(t);
}

static const struct tool_option options[] = {
	{"from", TOOL_VALUE, "NODE", "The member that sends", true},
	{"to", TOOL_VALUE, "NODE", "The member that receives", true},
	{"limit", TOOL_VALUE, "N", "Names that are listed (100)", false},
	{"format", TOOL_VALUE, "dfsrdiag", "As dfsrdiag Backlog prints it",
	 false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

const struct tool_verb tool_verbs_backlog[] = {
	{"backlog", NULL, "GROUP FOLDER", 2, 2,
	 "What a member has yet to receive from another", false, options,
	 run_backlog, print_backlog},
	{.noun = NULL},
};
