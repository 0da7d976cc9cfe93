/*
   Samba DFS Replication
   What `recover resume` has to know of scans

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

#ifndef __AGENT_SCAN_H__
#define __AGENT_SCAN_H__

#include "agent_private.h"

/**
 * How many objects the last full scan missed when it stopped the folder
 * because they were too many; 0 when none did, or a later one was content.
 * This is kept over restarts. The folder needs its store.
 */
int dfsr_scan_missed(struct dfsr_folder *f, uint64_t *missed);
/** A person says that they are meant to be gone: the next scan obeys, once. */
void dfsr_scan_trust(struct dfsr_folder *f);

#endif /* __AGENT_SCAN_H__ */
