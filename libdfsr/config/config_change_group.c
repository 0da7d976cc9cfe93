/*
   Samba DFS Replication
   Replication groups

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

#include "config_private.h"

/** 60 days, as Windows' tools write it (windows-dfs 3.2). */
#define TOMBSTONE_EXPIRY_MIN 86400

static int add_container(struct config_change *c, const char *group,
			 const char *name, const char *class_name)
{
	struct config_object o;

	config_object_new(&o, c,
			  config_dn(c->db, c->tmp, CONFIG_GLOBAL, group, name,
				    NULL),
			  class_name);
	return config_object_add(&o);
}

static int group_create(struct config_change *c, const char *group,
			const char *description)
{
	const struct dfsr_config_group *g;
	struct dfsr_guid guid;
	struct config_object o;
	int err = config_check_name(c, "group name", group);

	if (err == 0) {
		err = config_check_text(c, "description", description);
	}
	if (err != 0) {
		return err;
	}
	g = dfsr_config_group_by_name(c->config, group);
	if (g != NULL) {
		return config_fail(c, EEXIST,
				   "there is a group named %s already",
				   g->name);
	}
	if (c->config->num_groups >= DFSR_CONFIG_GROUPS_MAX) {
		return config_fail(c, ENOSPC, "there are %d groups: no more",
				   DFSR_CONFIG_GROUPS_MAX);
	}
	guid = dfsr_guid_random(c->ch->env);
	config_object_new(&o, c, config_dn_group(c, group),
			  "msDFSR-ReplicationGroup");
	config_put_guid(&o, "objectGUID", &guid);
	config_put_str(&o, "description", description);
	config_put_num(&o, "msDFSR-ReplicationGroupType", 0);
	config_put_num(&o, "msDFSR-TombstoneExpiryInMin",
		       TOMBSTONE_EXPIRY_MIN);
	err = config_object_add(&o);
	if (err == 0) {
		err = add_container(c, group, "Content", "msDFSR-Content");
	}
	if (err == 0) {
		err = add_container(c, group, "Topology", "msDFSR-Topology");
	}
	return err;
}

int dfsr_config_group_create(const struct dfsr_change *ch, const char *group,
			     const char *description)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = group_create(&c, group, description);
	}
	return config_end(&c, err);
}

/** References by DN go along with the group's new name. */
static int fix_references(struct config_change *c,
			  const struct dfsr_config_group *g,
			  const char *new_name)
{
	struct config_object o;
	uint32_t i;
	int err = 0;

	for (i = 0; err == 0 && i < g->num_connections; i++) {
		const struct dfsr_config_connection *conn =
			&g->connections[i];

		config_object_edit(&o, c,
				   config_dn_connection(c, new_name, conn));
		config_put_dn(&o, "fromServer",
			      config_dn_member(c, new_name, &conn->from));
		err = config_object_modify(&o);
	}
	for (i = 0; err == 0 && i < g->num_members; i++) {
		config_object_edit(&o, c,
				   config_dn_subscriber(c, &g->members[i],
							&g->guid));
		config_put_dn(&o, "msDFSR-MemberReference",
			      config_dn_member(c, new_name, &g->members[i]));
		err = config_object_modify(&o);
	}
	return err;
}

static int group_rename(struct config_change *c,
			const struct dfsr_config_group *g,
			const char *new_name)
{
	const struct dfsr_config_group *other;
	int err = config_check_name(c, "group name", new_name);

	if (err != 0 || strcmp(g->name, new_name) == 0) {
		return err;
	}
	other = dfsr_config_group_by_name(c->config, new_name);
	if (other != NULL && other != g) {
		return config_fail(c, EEXIST,
				   "there is a group named %s already",
				   other->name);
	}
	err = config_rename_tree(c, config_dn_group(c, g->name),
				 config_dn_group(c, new_name));
	if (err == 0) {
		struct config_object o;

		config_object_edit(&o, c, config_dn_group(c, new_name));
		config_put_str(&o, "cn", new_name);
		err = config_object_modify(&o);
	}
	if (err == 0) {
		err = fix_references(c, g, new_name);
	}
	return err;
}

static int group_modify(struct config_change *c, const char *group,
			const char *new_name, const char *description)
{
	const struct dfsr_config_group *g = NULL;
	struct config_object o;
	int err = config_need_group(c, group, &g);

	if (err == 0) {
		err = config_check_text(c, "description", description);
	}
	if (err != 0) {
		return err;
	}
	config_object_edit(&o, c, config_dn_group(c, g->name));
	config_put_str(&o, "description", description);
	err = config_object_modify(&o);
	if (err == 0 && new_name != NULL) {
		err = group_rename(c, g, new_name);
	}
	return err;
}

int dfsr_config_group_modify(const struct dfsr_change *ch, const char *group,
			     const char *new_name, const char *description)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = group_modify(&c, group, new_name, description);
	}
	return config_end(&c, err);
}

static int group_delete(struct config_change *c, const char *group, bool force)
{
	const struct dfsr_config_group *g = NULL;
	uint32_t i;
	int err = config_need_group(c, group, &g);

	if (err != 0) {
		return err;
	}
	if (!force && (g->num_folders > 0 || g->num_members > 0)) {
		return config_fail(c, ENOTEMPTY,
				   "group %s has %u folders and %u members: "
				   "remove them first, or use --force",
				   g->name, g->num_folders, g->num_members);
	}
	for (i = 0; err == 0 && i < g->num_members; i++) {
		err = config_delete_tree(
			c, config_dn_subscriber(c, &g->members[i], &g->guid));
	}
	if (err == 0) {
		err = config_delete_tree(c, config_dn_group(c, g->name));
	}
	return err;
}

int dfsr_config_group_delete(const struct dfsr_change *ch, const char *group,
			     bool force)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = group_delete(&c, group, force);
	}
	return config_end(&c, err);
}
