/*
   Samba DFS Replication
   samba-dfs filehash

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
	{"Path", "path", TOOL_TEXT},
	{"Content hash", "content_hash", TOOL_TEXT},
	{"Metadata hash", "meta_hash", TOOL_TEXT},
	{"Size", "size", TOOL_SIZE},
	{NULL, NULL, TOOL_TEXT},
};

static void print_hash(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_object(result, columns);
}

static int run_hash(struct tool *t)
{
	tool_absolute_arg(t, 0);
	return tool_run(t);
}

const struct tool_verb tool_verbs_filehash[] = {
	{"filehash", NULL, "PATH", 1, 1,
	 "Hash a file as replication does, to compare it with a copy", false,
	 NULL, run_hash, print_hash},
	{.noun = NULL},
};
