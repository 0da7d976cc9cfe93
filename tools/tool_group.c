/*
   Samba DFS Replication
   samba-dfs group

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
	{"NAME", "name", TOOL_TEXT},
	{"MEMBERS", "members", TOOL_NUMBER},
	{"FOLDERS", "folders", TOOL_NUMBER},
	{"CONNECTIONS", "connections", TOOL_NUMBER},
	{"DESCRIPTION", "description", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column group_columns[] = {
	{"Name", "name", TOOL_TEXT},
	{"GUID", "guid", TOOL_TEXT},
	{"Description", "description", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column member_columns[] = {
	{"MEMBER", "node", TOOL_TEXT},
	{"MEMBERSHIPS", "memberships", TOOL_NUMBER},
	{"DESCRIPTION", "description", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column folder_columns[] = {
	{"FOLDER", "name", TOOL_TEXT},
	{"FILE FILTER", "file_filter", TOOL_TEXT},
	{"DIRECTORY FILTER", "directory_filter", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column membership_columns[] = {
	{"FOLDER", "folder", TOOL_TEXT},   {"NODE", "node", TOOL_TEXT},
	{"ENABLED", "enabled", TOOL_YES},  {"PRIMARY", "primary", TOOL_YES},
	{"READ-ONLY", "read_only", TOOL_YES},
	{"CONTENT PATH", "content_path", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column connection_columns[] = {
	{"FROM", "from", TOOL_TEXT},
	{"TO", "to", TOOL_TEXT},
	{"ENABLED", "enabled", TOOL_YES},
	{NULL, NULL, TOOL_TEXT},
};

static void print_list(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_table(result, list_columns);
}

static void print_group(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_object(result, group_columns);
	putchar('\n');
	tool_print_table(json_object_get(result, "members"), member_columns);
	putchar('\n');
	tool_print_table(json_object_get(result, "folders"), folder_columns);
	putchar('\n');
	tool_print_table(json_object_get(result, "memberships"),
			 membership_columns);
	putchar('\n');
	tool_print_table(json_object_get(result, "connections"),
			 connection_columns);
}

static const struct tool_option create_options[] = {
	{"description", TOOL_VALUE, "TEXT", "What it is for", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

static const struct tool_option modify_options[] = {
	{"name", TOOL_VALUE, "NAME", "A new name", false},
	{"description", TOOL_VALUE, "TEXT", "What it is for", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

static const struct tool_option delete_options[] = {
	{"force", TOOL_FLAG, NULL, "Although it has folders and members",
	 false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

const struct tool_verb tool_verbs_group[] = {
	{"group", "create", "GROUP", 1, 1, "Create a replication group", true,
	 create_options, NULL, NULL},
	{"group", "list", "", 0, 0, "List the groups", false, NULL, NULL,
	 print_list},
	{"group", "show", "GROUP", 1, 1,
	 "Show a group with its members, folders and connections", false, NULL,
	 NULL, print_group},
	{"group", "modify", "GROUP", 1, 1, "Rename or describe a group", true,
	 modify_options, NULL, NULL},
	{"group", "delete", "GROUP", 1, 1,
	 "Delete a group; the files stay where they are", true, delete_options,
	 NULL, NULL},
	{.noun = NULL},
};
