/*
   Samba DFS Replication
   One round: everything that a server has and we have not

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

#ifndef __AGENT_ROUND_H__
#define __AGENT_ROUND_H__

#include "agent_private.h"

/** Waiting updates that are carried from page to page of a round. */
#define DFSR_ROUND_WAITERS_MAX (DFSR_BATCH_MAX - DFSR_UPDATES_MAX)

/**
 * Pull the difference between the server's vector and ours: pages of
 * updates, their bytes, their installs; then, if nothing waits, the numbers
 * that a complete answer left out (R3 iv).
 */
struct tevent_req *dfsr_round_send(TALLOC_CTX *mem_ctx,
				   struct dfsr_session *s,
				   const struct dfsr_vv *server_vv,
				   bool server_closed);
/**
 * @param[out] waiting updates that wait, of any reason
 * @param[out] why     one line below mem_ctx on an error
 * @return 0, EREMOTEIO when the server refused, ENOTCONN, EBADMSG, …
 */
int dfsr_round_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
		    uint32_t *waiting, char **why);

#endif /* __AGENT_ROUND_H__ */
