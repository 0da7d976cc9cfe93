/*
   Samba DFS Replication
   samba-dfs connection

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

static const struct tool_column list_columns[] = {
	{"GROUP", "group", TOOL_TEXT},
	{"FROM", "from", TOOL_TEXT},
	{"TO", "to", TOOL_TEXT},
	{"ENABLED", "enabled", TOOL_YES},
	{"RDC", "rdc", TOOL_YES},
	{"RDC FROM", "rdc_min_size", TOOL_SIZE},
	{NULL, NULL, TOOL_TEXT},
};

static void print_list(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_table(result, list_columns);
}

#define ENDS(required)                                                        \
	{"from", TOOL_VALUE, "NODE", "The member that sends", required},      \
	{"to", TOOL_VALUE, "NODE", "The member that receives", required}
#define ONE_WAY                                                               \
	{"one-way", TOOL_FLAG, NULL, "Only this way, not back as well", false}
#define WORDS                                                                 \
	{"enabled", TOOL_BOOL, NULL, "Whether it is used (yes)", false},      \
	{"rdc", TOOL_BOOL, NULL, "Send differences (yes)", false},            \
	{"rdc-min-kb", TOOL_VALUE, "N", "For files from this size (64)", false}
#define END {NULL, TOOL_FLAG, NULL, NULL, false}

static const struct tool_option change_options[] = {ENDS(true), ONE_WAY, WORDS,
						    END};
static const struct tool_option delete_options[] = {ENDS(true), ONE_WAY, END};
static const struct tool_option list_options[] = {ENDS(false), END};

const struct tool_verb tool_verbs_connection[] = {
	{"connection", "create", "GROUP", 1, 1,
	 "Connect two members, both ways unless told", true, change_options,
	 NULL, NULL},
	{"connection", "list", "[GROUP]", 0, 1, "List the connections", false,
	 list_options, NULL, print_list},
	{"connection", "show", "GROUP", 1, 1,
	 "Show the connections of a group", false, list_options, NULL,
	 print_list},
	{"connection", "modify", "GROUP", 1, 1, "Change a connection", true,
	 change_options, NULL, NULL},
	{"connection", "delete", "GROUP", 1, 1, "Delete a connection", true,
	 delete_options, NULL, NULL},
	{.noun = NULL},
};
