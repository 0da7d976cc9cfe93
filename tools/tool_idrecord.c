/*
   Samba DFS Replication
   samba-dfs idrecord

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

static const struct tool_column columns[] = {
	{"UID", "uid", TOOL_TEXT},
	{"GVSN", "gvsn", TOOL_TEXT},
	{"Parent", "parent", TOOL_TEXT},
	{"Path", "path", TOOL_TEXT},
	{"Name", "name", TOOL_TEXT},
	{"Kind", "kind", TOOL_TEXT},
	{"Present", "present", TOOL_YES},
	{"Name conflict", "name_conflict", TOOL_YES},
	{"Attributes", "attributes", TOOL_TEXT},
	{"Fence", "fence", TOOL_TEXT},
	{"Clock", "clock", TOOL_TEXT},
	{"Create time", "create_time", TOOL_TEXT},
	{"Size", "size", TOOL_SIZE},
	{"Content hash", "content_hash", TOOL_TEXT},
	{"Metadata hash", "meta_hash", TOOL_TEXT},
	{"Tag", "tag", TOOL_TEXT},
	{"Lineage", "lineage", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static void print_record(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_object(result, columns);
}

static int run_record(struct tool *t)
{
	if (tool_arg(t, 0)[0] != '{') {
		tool_absolute_arg(t, 0);
	}
	return tool_run(t);
}

const struct tool_verb tool_verbs_idrecord[] = {
	{"idrecord", NULL, "PATH|UID", 1, 1,
	 "Show what the database knows of a file", false, NULL, run_record,
	 print_record},
	{.noun = NULL},
};
