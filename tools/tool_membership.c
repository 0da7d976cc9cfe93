/*
   Samba DFS Replication
   samba-dfs membership

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
	{"FOLDER", "folder", TOOL_TEXT},
	{"NODE", "node", TOOL_TEXT},
	{"ENABLED", "enabled", TOOL_YES},
	{"PRIMARY", "primary", TOOL_YES},
	{"READ-ONLY", "read_only", TOOL_YES},
	{"CONTENT PATH", "content_path", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column membership_columns[] = {
	{"Group", "group", TOOL_TEXT},
	{"Folder", "folder", TOOL_TEXT},
	{"Node", "node", TOOL_TEXT},
	{"Content path", "content_path", TOOL_TEXT},
	{"Enabled", "enabled", TOOL_YES},
	{"Primary", "primary", TOOL_YES},
	{"Read-only", "read_only", TOOL_YES},
	{"Staging path", "staging_path", TOOL_TEXT},
	{"Staging quota", "staging_quota", TOOL_SIZE},
	{"Conflict path", "conflict_path", TOOL_TEXT},
	{"Conflict quota", "conflict_quota", TOOL_SIZE},
	{"Preserve deleted", "preserve_deleted", TOOL_YES},
	{NULL, NULL, TOOL_TEXT},
};

static void print_list(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_table(result, list_columns);
}

static void print_membership(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_object(result, membership_columns);
}

static const struct tool_option set_options[] = {
	{"content-path", TOOL_VALUE, "PATH", "The folder on that node", false},
	{"primary", TOOL_BOOL, NULL, "Its files win in the initial sync",
	 false},
	{"read-only", TOOL_BOOL, NULL, "Takes changes, makes none", false},
	{"enabled", TOOL_BOOL, NULL, "Whether it replicates (yes)", false},
	{"staging-path", TOOL_VALUE, "PATH",
	 "Where files are put together (in .DfsrPrivate)", false},
	{"staging-quota-mb", TOOL_VALUE, "N", "Size of staging (4096)", false},
	{"conflict-path", TOOL_VALUE, "PATH",
	 "Where losers of conflicts are kept (in .DfsrPrivate)", false},
	{"conflict-quota-mb", TOOL_VALUE, "N", "Size of it (4096)", false},
	{"preserve-deleted", TOOL_BOOL, NULL,
	 "Keep deleted files there too (yes)", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

const struct tool_verb tool_verbs_membership[] = {
	{"membership", "set", "GROUP FOLDER NODE", 3, 3,
	 "Say where and how a member holds a folder", true, set_options, NULL,
	 NULL},
	{"membership", "list", "[GROUP [FOLDER [NODE]]]", 0, 3,
	 "List the memberships", false, NULL, NULL, print_list},
	{"membership", "show", "GROUP FOLDER NODE", 3, 3, "Show a membership",
	 false, NULL, NULL, print_membership},
	{.noun = NULL},
};
