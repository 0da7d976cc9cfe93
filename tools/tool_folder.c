/*
   Samba DFS Replication
   samba-dfs folder

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
	{"FOLDER", "name", TOOL_TEXT},
	{"MEMBERSHIPS", "memberships", TOOL_NUMBER},
	{"FILE FILTER", "file_filter", TOOL_TEXT},
	{"DIRECTORY FILTER", "directory_filter", TOOL_TEXT},
	{"DESCRIPTION", "description", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column folder_columns[] = {
	{"Group", "group", TOOL_TEXT},
	{"Folder", "name", TOOL_TEXT},
	{"GUID", "guid", TOOL_TEXT},
	{"Description", "description", TOOL_TEXT},
	{"File filter", "file_filter", TOOL_TEXT},
	{"Directory filter", "directory_filter", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column membership_columns[] = {
	{"NODE", "node", TOOL_TEXT},
	{"ENABLED", "enabled", TOOL_YES},
	{"PRIMARY", "primary", TOOL_YES},
	{"READ-ONLY", "read_only", TOOL_YES},
	{"CONTENT PATH", "content_path", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static void print_list(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_table(result, list_columns);
}

static void print_folder(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_object(result, folder_columns);
	putchar('\n');
	tool_print_table(json_object_get(result, "memberships"),
			 membership_columns);
}

#define FOLDER_OPTIONS                                                        \
	{"description", TOOL_VALUE, "TEXT", "What it is for", false},         \
	{"file-filter", TOOL_VALUE, "LIST",                                   \
	 "Files that stay out (~*, *.bak, *.tmp)", false},                    \
	{"directory-filter", TOOL_VALUE, "LIST",                              \
	 "Directories that stay out (none)", false}

static const struct tool_option create_options[] = {
	FOLDER_OPTIONS,
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

static const struct tool_option modify_options[] = {
	{"name", TOOL_VALUE, "NAME", "A new name", false},
	FOLDER_OPTIONS,
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

static const struct tool_option delete_options[] = {
	{"force", TOOL_FLAG, NULL, "Although it is replicated", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

const struct tool_verb tool_verbs_folder[] = {
	{"folder", "create", "GROUP FOLDER", 2, 2,
	 "Create a replicated folder", true, create_options, NULL, NULL},
	{"folder", "list", "[GROUP]", 0, 1, "List the folders", false, NULL,
	 NULL, print_list},
	{"folder", "show", "GROUP FOLDER", 2, 2,
	 "Show a folder with its memberships", false, NULL, NULL,
	 print_folder},
	{"folder", "modify", "GROUP FOLDER", 2, 2,
	 "Change a folder's name or filters", true, modify_options, NULL,
	 NULL},
	{"folder", "delete", "GROUP FOLDER", 2, 2,
	 "Delete a folder; the files stay where they are", true,
	 delete_options, NULL, NULL},
	{.noun = NULL},
};
