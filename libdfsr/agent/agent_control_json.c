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

#include "agent_control_json.h"

/** Filters of a folder that says nothing (windows-dfs 1.5). */
#define FILE_FILTER_DEFAULT "~*, *.bak, *.tmp"

static json_t *json_guid(const struct dfsr_guid *guid)
{
	char text[DFSR_GUID_STRLEN];

	return json_string(dfsr_guid_str(guid, text));
}

static const char *node_name(const struct dfsr_config *config,
			     const struct dfsr_guid *guid)
{
	const struct dfsr_config_node *n =
		dfsr_config_node_by_guid(config, guid);

	return n != NULL ? n->name : "";
}

json_t *dfsr_json_node(struct dfsr_agent *agent,
		       const struct dfsr_config *config,
		       const struct dfsr_config_node *node)
{
	char fingerprint[DFSR_FINGERPRINT_STRLEN];
	bool self = dfsr_guid_cmp(&node->guid, &config->self) == 0;
	char *address = dfsr_config_address_str(NULL, node->host, node->port);
	json_t *json;

	json = json_pack(
		"{s:s, s:o, s:s, s:s, s:b, s:b, s:b}", "name", node->name,
		"guid", json_guid(&node->guid), "address",
		address != NULL ? address : "", "fingerprint",
		dfsr_fingerprint_str(node->fingerprint, fingerprint), "self",
		self, "active",
		dfsr_guid_cmp(&node->guid, &config->active) == 0, "connected",
		self || dfsr_agent_node_connected(agent, &node->guid));
	talloc_free(address);
	return json;
}

json_t *dfsr_json_group(const struct dfsr_config_group *group)
{
	return json_pack("{s:s, s:o, s:s, s:i, s:i, s:i}", "name", group->name,
			 "guid", json_guid(&group->guid), "description",
			 group->description != NULL ? group->description : "",
			 "members", (int)group->num_members, "folders",
			 (int)group->num_folders, "connections",
			 (int)group->num_connections);
}

json_t *dfsr_json_folder(const struct dfsr_config_group *group,
			 const struct dfsr_config_folder *folder)
{
	const char *files = folder->file_filter;
	const char *directories = folder->directory_filter;

	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s, s:i}", "group",
			 group->name, "name", folder->name, "guid",
			 json_guid(&folder->guid), "description",
			 folder->description != NULL ? folder->description
						     : "",
			 "file_filter",
			 files != NULL ? files : FILE_FILTER_DEFAULT,
			 "directory_filter",
			 directories != NULL ? directories : "", "memberships",
			 (int)folder->num_memberships);
}

json_t *dfsr_json_member(const struct dfsr_config *config,
			 const struct dfsr_config_group *group,
			 const struct dfsr_guid *member)
{
	const struct dfsr_config_member *info =
		dfsr_config_member(group, member);
	const char *description = info != NULL ? info->description : NULL;
	uint32_t memberships = 0;
	uint32_t i;

	for (i = 0; i < group->num_folders; i++) {
		if (dfsr_config_membership(&group->folders[i], member) !=
		    NULL) {
			memberships += 1;
		}
	}
	return json_pack("{s:s, s:s, s:o, s:s, s:i}", "group", group->name,
			 "node", node_name(config, member), "node_guid",
			 json_guid(member), "description",
			 description != NULL ? description : "",
			 "memberships", (int)memberships);
}

json_t *
dfsr_json_membership(const struct dfsr_config *config,
		     const struct dfsr_config_group *group,
		     const struct dfsr_config_folder *folder,
		     const struct dfsr_config_membership *m)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:s?, s:I, s:s?, "
		"s:I}",
		"group", group->name, "folder", folder->name, "node",
		node_name(config, &m->node), "content_path", m->content_path,
		"enabled", m->enabled, "read_only", m->read_only, "primary",
		m->primary, "preserve_deleted", m->preserve_deleted,
		"staging_path", m->staging_path, "staging_quota",
		(json_int_t)m->staging_quota, "conflict_path",
		m->conflict_path, "conflict_quota",
		(json_int_t)m->conflict_quota);
}

json_t *
dfsr_json_connection(const struct dfsr_config *config,
		     const struct dfsr_config_group *group,
		     const struct dfsr_config_connection *conn)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:I}", "group",
			 group->name, "from", node_name(config, &conn->from),
			 "to", node_name(config, &conn->to), "guid",
			 json_guid(&conn->guid), "enabled", conn->enabled,
			 "rdc", conn->rdc, "rdc_min_size",
			 (json_int_t)conn->rdc_min_kb * 1024);
}
