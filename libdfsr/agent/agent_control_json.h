/*
   Samba DFS Replication
   Configuration objects as JSON, for answers

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

#ifndef __AGENT_CONTROL_JSON_H__
#define __AGENT_CONTROL_JSON_H__

#include "agent_control.h"

/* Each returns a new reference, or NULL without memory. */
json_t *dfsr_json_node(struct dfsr_agent *agent,
		       const struct dfsr_config *config,
		       const struct dfsr_config_node *node);
json_t *dfsr_json_group(const struct dfsr_config_group *group);
json_t *dfsr_json_folder(const struct dfsr_config_group *group,
			 const struct dfsr_config_folder *folder);
json_t *dfsr_json_member(const struct dfsr_config *config,
			 const struct dfsr_config_group *group,
			 const struct dfsr_guid *member);
json_t *
dfsr_json_membership(const struct dfsr_config *config,
		     const struct dfsr_config_group *group,
		     const struct dfsr_config_folder *folder,
		     const struct dfsr_config_membership *membership);
json_t *
dfsr_json_connection(const struct dfsr_config *config,
		     const struct dfsr_config_group *group,
		     const struct dfsr_config_connection *connection);

#endif /* __AGENT_CONTROL_JSON_H__ */
