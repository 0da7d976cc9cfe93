/*
   Samba DFS Replication
   The change log: writing the folder table

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

#ifndef __JOURNAL_CONTROL_FOLDERS_H__
#define __JOURNAL_CONTROL_FOLDERS_H__

#include <limits.h>
#include "../include/dfsr_journal.h"

/**
 * The text of a folder table, to be released with free().
 * @return 0, E2BIG, EINVAL (a path that is not absolute), ENOMEM
 */
int journal_folders_format(const struct dfsr_journal_folders *table,
			   char **text, size_t *len);

#endif /* __JOURNAL_CONTROL_FOLDERS_H__ */
