/*
   Samba DFS Replication
   samba-dfs wait

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

static const struct tool_option options[] = {
	{"timeout", TOOL_VALUE, "SECONDS", "Give up after this time", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

const struct tool_verb tool_verbs_wait[] = {
	{"wait", NULL, "GROUP FOLDER", 2, 2,
	 "Return when every member is in sync", false, options, NULL, NULL},
	{.noun = NULL},
};
