/*
   Samba DFS Replication
   samba-dfs recover

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

static void print_resumed(struct tool *t, json_t *result)
{
	printf("%s/%s %s: the next scan deletes %" JSON_INTEGER_FORMAT
	       " missing objects on the other members\n",
	       tool_arg(t, 0), tool_arg(t, 1),
	       t->dry_run ? "would go on" : "goes on",
	       json_integer_value(json_object_get(result, "missed")));
}

const struct tool_verb tool_verbs_recover[] = {
	{"recover", "resume", "GROUP FOLDER", 2, 2,
	 "Confirm that what a scan missed (event 4004) is meant to be gone",
	 true, NULL, NULL, print_resumed},
	{.noun = NULL},
};
