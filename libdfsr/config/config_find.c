/*
   Samba DFS Replication
   Lookups in a snapshot

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

#include <string.h>
#include "dfsr_config.h"

const struct dfsr_config_node *
dfsr_config_node_by_guid(const struct dfsr_config *c,
			 const struct dfsr_guid *guid)
{
	uint32_t i;

	for (i = 0; i < c->num_nodes; i++) {
		if (dfsr_guid_cmp(&c->nodes[i].guid, guid) == 0) {
			return &c->nodes[i];
		}
	}
	return NULL;
}

const struct dfsr_config_node *
dfsr_config_node_by_name(const struct dfsr_config *c, const char *name)
{
	uint32_t i;

	for (i = 0; i < c->num_nodes; i++) {
		if (dfsr_fold_equal(c->nodes[i].name, name)) {
			return &c->nodes[i];
		}
	}
	return NULL;
}

const struct dfsr_config_node *
dfsr_config_node_by_key(const struct dfsr_config *c,
			const uint8_t fingerprint[32])
{
	uint32_t i;

	for (i = 0; i < c->num_nodes; i++) {
		if (memcmp(c->nodes[i].fingerprint, fingerprint, 32) == 0) {
			return &c->nodes[i];
		}
	}
	return NULL;
}

const struct dfsr_config_group *
dfsr_config_group_by_name(const struct dfsr_config *c, const char *name)
{
	uint32_t i;

	for (i = 0; i < c->num_groups; i++) {
		if (dfsr_fold_equal(c->groups[i].name, name)) {
			return &c->groups[i];
		}
	}
	return NULL;
}

const struct dfsr_config_folder *
dfsr_config_folder_by_name(const struct dfsr_config_group *g, const char *name)
{
	uint32_t i;

	for (i = 0; i < g->num_folders; i++) {
		if (dfsr_fold_equal(g->folders[i].name, name)) {
			return &g->folders[i];
		}
	}
	return NULL;
}

const struct dfsr_config_folder *
dfsr_config_folder_by_guid(const struct dfsr_config *c,
			   const struct dfsr_guid *guid,
			   const struct dfsr_config_group **group)
{
	uint32_t i;
	uint32_t j;

	for (i = 0; i < c->num_groups; i++) {
		const struct dfsr_config_group *g = &c->groups[i];

		for (j = 0; j < g->num_folders; j++) {
			if (dfsr_guid_cmp(&g->folders[j].guid, guid) != 0) {
				continue;
			}
			if (group != NULL) {
				*group = g;
			}
			return &g->folders[j];
		}
	}
	return NULL;
}

const struct dfsr_config_membership *
dfsr_config_membership(const struct dfsr_config_folder *f,
		       const struct dfsr_guid *node)
{
	uint32_t i;

	for (i = 0; i < f->num_memberships; i++) {
		if (dfsr_guid_cmp(&f->memberships[i].node, node) == 0) {
			return &f->memberships[i];
		}
	}
	return NULL;
}

bool dfsr_config_is_member(const struct dfsr_config_group *g,
			   const struct dfsr_guid *node)
{
	uint32_t i;

	for (i = 0; i < g->num_members; i++) {
		if (dfsr_guid_cmp(&g->members[i], node) == 0) {
			return true;
		}
	}
	return false;
}

const struct dfsr_config_member *
dfsr_config_member(const struct dfsr_config_group *g,
		   const struct dfsr_guid *node)
{
	uint32_t i;

	for (i = 0; i < g->num_members; i++) {
		if (dfsr_guid_cmp(&g->member_info[i].node, node) == 0) {
			return &g->member_info[i];
		}
	}
	return NULL;
}

const struct dfsr_config_connection *
dfsr_config_connection(const struct dfsr_config_group *g,
		       const struct dfsr_guid *from,
		       const struct dfsr_guid *to)
{
	const struct dfsr_config_connection *found = NULL;
	uint32_t i;

	for (i = 0; i < g->num_connections; i++) {
		const struct dfsr_config_connection *conn =
			&g->connections[i];

		if (!conn->enabled || dfsr_guid_cmp(&conn->from, from) != 0 ||
		    dfsr_guid_cmp(&conn->to, to) != 0) {
			continue;
		}
		if (found == NULL ||
		    dfsr_guid_cmp(&conn->guid, &found->guid) < 0) {
			found = conn;
		}
	}
	return found;
}

bool dfsr_config_shares_group(const struct dfsr_config *c,
			      const struct dfsr_guid *a,
			      const struct dfsr_guid *b)
{
	uint32_t i;

	for (i = 0; i < c->num_groups; i++) {
		if (dfsr_config_is_member(&c->groups[i], a) &&
		    dfsr_config_is_member(&c->groups[i], b)) {
			return true;
		}
	}
	return false;
}
