/*
   Samba DFS Replication
   samba-dfs member

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
	{"NODE", "node", TOOL_TEXT},
	{"MEMBERSHIPS", "memberships", TOOL_NUMBER},
	{"DESCRIPTION", "description", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static void print_list(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_table(result, list_columns);
}

static const struct tool_option modify_options[] = {
	{"description", TOOL_VALUE, "TEXT", "What it is for", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

const struct tool_verb tool_verbs_member[] = {
	{"member", "add", "GROUP NODE", 2, 2, "Make a node a member of a group",
	 true, NULL, NULL, NULL},
	{"member", "list", "[GROUP]", 0, 1, "List the members", false, NULL,
	 NULL, print_list},
	{"member", "modify", "GROUP NODE", 2, 2, "Describe a member", true,
	 modify_options, NULL, NULL},
	{"member", "remove", "GROUP NODE", 2, 2,
	 "Take a member out of a group; its files stay where they are", true,
	 NULL, NULL, NULL},
	{.noun = NULL},
};
