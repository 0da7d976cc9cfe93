/*
   Samba DFS Replication
   Which build of a shared library is loaded

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

#ifndef __VFS_DFSR_BUILDID_H__
#define __VFS_DFSR_BUILDID_H__

#include <stdbool.h>

/** Room for a printed build id. */
#define DFSR_BUILDID_STRLEN 129

/**
 * Compare the GNU build id of the loaded library whose file name begins with
 * name.
 *
 * @param[in]  wanted  in lower-case hex
 * @param[out] found   what it is, "" if there is no such library or id
 */
bool dfsr_buildid_is(const char *name, const char *wanted,
		     char found[DFSR_BUILDID_STRLEN]);

#endif /* __VFS_DFSR_BUILDID_H__ */
