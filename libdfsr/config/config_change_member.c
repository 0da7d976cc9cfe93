/*
   Samba DFS Replication
   Members of a group

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

static int member_add(struct config_change *c, const char *group,
		      const char *node)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_node *n = NULL;
	struct dfsr_guid guid;
	struct config_object o;
	int err = config_need_group(c, group, &g);

	if (err == 0) {
		err = config_need_node(c, node, &n);
	}
	if (err != 0) {
		return err;
	}
	if (dfsr_config_is_member(g, &n->guid)) {
		return config_fail(c, EEXIST,
				   "node %s is a member of group %s already",
				   n->name, g->name);
	}
	guid = dfsr_guid_random(c->ch->env);
	config_object_new(&o, c, config_dn_member(c, g->name, &n->guid),
			  "msDFSR-Member");
	config_put_guid(&o, "objectGUID", &guid);
	config_put_dn(&o, "msDFSR-ComputerReference",
		      config_dn(c->db, c->tmp, CONFIG_NODES, n->name, NULL));
	err = config_object_add(&o);
	if (err != 0) {
		return err;
	}
	config_object_new(&o, c, config_dn_subscriber(c, &n->guid, &g->guid),
			  "msDFSR-Subscriber");
	config_put_guid(&o, "msDFSR-ReplicationGroupGuid", &g->guid);
	config_put_dn(&o, "msDFSR-MemberReference",
		      config_dn_member(c, g->name, &n->guid));
	return config_object_add(&o);
}

int dfsr_config_member_add(const struct dfsr_change *ch, const char *group,
			   const char *node)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = member_add(&c, group, node);
	}
	return config_end(&c, err);
}

static int member_modify(struct config_change *c, const char *group,
			 const char *node, const char *description)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_node *n = NULL;
	struct config_object o;
	int err = config_need_group(c, group, &g);

	if (err == 0) {
		err = config_need_member(c, g, node, &n);
	}
	if (err == 0) {
		err = config_check_text(c, "description", description);
	}
	if (err != 0) {
		return err;
	}
	config_object_edit(&o, c, config_dn_member(c, g->name, &n->guid));
	config_put_str(&o, "description", description);
	return config_object_modify(&o);
}

int dfsr_config_member_modify(const struct dfsr_change *ch, const char *group,
			      const char *node, const char *description)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = member_modify(&c, group, node, description);
	}
	return config_end(&c, err);
}

static int member_remove(struct config_change *c, const char *group,
			 const char *node)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_node *n = NULL;
	uint32_t i;
	int err = config_need_group(c, group, &g);

	if (err == 0) {
		err = config_need_member(c, g, node, &n);
	}
	for (i = 0; err == 0 && i < g->num_connections; i++) {
		const struct dfsr_config_connection *conn =
			&g->connections[i];

		/* those that it pulls through lie below its own object */
		if (dfsr_guid_cmp(&conn->from, &n->guid) == 0) {
			err = config_delete(c, config_dn_connection(
						       c, g->name, conn));
		}
	}
	if (err == 0) {
		err = config_delete_tree(
			c, config_dn_member(c, g->name, &n->guid));
	}
	if (err == 0) {
		err = config_delete_tree(
			c, config_dn_subscriber(c, &n->guid, &g->guid));
	}
	return err;
}

int dfsr_config_member_remove(const struct dfsr_change *ch, const char *group,
			      const char *node)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = member_remove(&c, group, node);
	}
	return config_end(&c, err);
}
