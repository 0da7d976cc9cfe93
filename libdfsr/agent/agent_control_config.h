/*
   Samba DFS Replication
   Handlers of the configuration verbs

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

#ifndef __AGENT_CONTROL_CONFIG_H__
#define __AGENT_CONTROL_CONFIG_H__

#include "agent_control.h"

/** What a change needs; *why is set by it when it fails. */
struct dfsr_change dfsr_control_change(struct dfsr_agent *agent,
				       TALLOC_CTX *mem_ctx, json_t *request,
				       char **why);
/**
 * After a change: tell of it and apply it, unless it failed or was only
 * tried. @return err
 */
int dfsr_control_changed(struct dfsr_agent *agent, json_t *request, int err);

#define DFSR_VERB_PROTO(name)                                                 \
	int dfsr_verb_##name(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,   \
			     json_t *request, json_t **result, char **why)
/* agent_control_node.c */
DFSR_VERB_PROTO(node_init);
DFSR_VERB_PROTO(node_show);
DFSR_VERB_PROTO(node_list);
DFSR_VERB_PROTO(node_modify);
DFSR_VERB_PROTO(node_invite);
DFSR_VERB_PROTO(node_remove);
/* agent_control_list.c */
DFSR_VERB_PROTO(group_list);
DFSR_VERB_PROTO(group_show);
DFSR_VERB_PROTO(folder_list);
DFSR_VERB_PROTO(folder_show);
DFSR_VERB_PROTO(member_list);
DFSR_VERB_PROTO(membership_list);
DFSR_VERB_PROTO(membership_show);
DFSR_VERB_PROTO(connection_list);
/* agent_control_membership.c */
DFSR_VERB_PROTO(membership_check);
#undef DFSR_VERB_PROTO

struct tevent_req *dfsr_verb_membership_set_send(TALLOC_CTX *mem_ctx,
						 struct tevent_context *ev,
						 struct dfsr_agent *agent,
						 json_t *request);
int dfsr_verb_membership_set_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
				  json_t **result, char **why);
/* agent_control_events.c */
struct tevent_req *dfsr_verb_events_send(TALLOC_CTX *mem_ctx,
					 struct tevent_context *ev,
					 struct dfsr_agent *agent,
					 json_t *request);
int dfsr_verb_events_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			  json_t **result, char **why);

#endif /* __AGENT_CONTROL_CONFIG_H__ */
