/*
   Samba DFS Replication
   Nodes: init, modify, remove, adopt

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

int config_add_node(struct config_change *c, const struct dfsr_guid *guid,
		    const char *name, const char *host, uint16_t port,
		    const uint8_t fingerprint[32])
{
	struct config_object o;
	int err;

	config_object_new(&o, c,
			  config_dn(c->db, c->tmp, CONFIG_NODES, name, NULL),
			  "sambaDfsNode");
	config_put_guid(&o, "objectGUID", guid);
	config_put_str(&o, "sambaDfsHost", host);
	config_put_num(&o, "sambaDfsPort", port);
	config_put_blob(&o, "sambaDfsFingerprint", fingerprint, 32);
	err = config_object_add(&o);
	if (err != 0) {
		return err;
	}
	config_object_new(&o, c,
			  config_dn(c->db, c->tmp, CONFIG_NODES, name,
				    CONFIG_LOCAL_SETTINGS, NULL),
			  "msDFSR-LocalSettings");
	config_put_str(&o, "msDFSR-Version", "1.0.0.0");
	return config_object_add(&o);
}

static int set_self(struct config_change *c, const struct dfsr_guid *self)
{
	struct config_object o;

	config_object_edit(&o, c, config_dn(c->db, c->tmp, CONFIG_STATE, NULL));
	config_put_guid(&o, "sambaDfsSelf", self);
	return config_object_modify(&o);
}

static int set_active(struct config_change *c, const struct dfsr_guid *active)
{
	struct config_object o;

	config_object_edit(&o, c, config_dn(c->db, c->tmp, CONFIG_NODES, NULL));
	config_put_guid(&o, "sambaDfsActiveNode", active);
	return config_object_modify(&o);
}

/** True while nothing but this node is configured. */
static bool is_alone(const struct dfsr_config *config)
{
	return config->num_nodes <= 1 && config->num_groups == 0;
}

static int node_init(struct config_change *c, const char *name,
		     const char *host, uint16_t port,
		     const uint8_t fingerprint[32])
{
	struct dfsr_guid self = c->config->self;
	int err = config_check_node_words(c, name, host, port);

	if (err != 0) {
		return err;
	}
	if (!is_alone(c->config)) {
		return config_fail(c, EEXIST,
				   "this node is %s already and belongs to a "
				   "configuration: its name stays",
				   config_node_name(c->config, &self));
	}
	if (dfsr_guid_is_null(&self)) {
		self = dfsr_guid_random(c->ch->env);
	}
	if (c->config->num_nodes == 1) {
		err = config_delete_tree(
			c, config_dn(c->db, c->tmp, CONFIG_NODES,
				     c->config->nodes[0].name, NULL));
	}
	if (err == 0) {
		err = config_add_node(c, &self, name, host, port, fingerprint);
	}
	if (err == 0) {
		err = set_self(c, &self);
	}
	if (err == 0) {
		err = set_active(c, &self);
	}
	return err;
}

int dfsr_config_node_init(const struct dfsr_change *ch, const char *name,
			  const char *host, uint16_t port,
			  const uint8_t fingerprint[32])
{
	struct config_change c;
	int err = config_begin(&c, ch, true);

	if (err == 0) {
		err = node_init(&c, name, host, port, fingerprint);
	}
	return config_end(&c, err);
}

static int node_modify(struct config_change *c, const char *node,
		       const char *host, uint16_t port)
{
	const struct dfsr_config_node *n = NULL;
	struct config_object o;
	int err = config_need_node(c, node, &n);

	if (err == 0) {
		err = config_check_node_words(c, NULL,
					      host != NULL ? host : n->host,
					      port != 0 ? port : n->port);
	}
	if (err != 0) {
		return err;
	}
	config_object_edit(&o, c,
			   config_dn(c->db, c->tmp, CONFIG_NODES, n->name,
				     NULL));
	config_put_str(&o, "sambaDfsHost", host);
	if (port != 0) {
		config_put_num(&o, "sambaDfsPort", port);
	}
	return config_object_modify(&o);
}

int dfsr_config_node_modify(const struct dfsr_change *ch, const char *node,
			    const char *host, uint16_t port)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = node_modify(&c, node, host, port);
	}
	return config_end(&c, err);
}

/** Member object and connections of a node in one group. */
static int leave_group(struct config_change *c,
		       const struct dfsr_config_group *g,
		       const struct dfsr_guid *node)
{
	uint32_t i;
	int err = 0;

	for (i = 0; err == 0 && i < g->num_connections; i++) {
		const struct dfsr_config_connection *conn =
			&g->connections[i];

		/* those that it pulls through lie below its own object */
		if (dfsr_guid_cmp(&conn->from, node) == 0) {
			err = config_delete(c, config_dn_connection(
						       c, g->name, conn));
		}
	}
	if (err == 0) {
		err = config_delete_tree(c,
					 config_dn_member(c, g->name, node));
	}
	return err;
}

static int remember_removed(struct config_change *c,
			    const struct dfsr_config_node *n)
{
	char guid[DFSR_GUID_STRLEN];
	struct config_object o;

	config_object_new(&o, c,
			  config_dn(c->db, c->tmp, CONFIG_REMOVED,
				    dfsr_guid_str(&n->guid, guid), NULL),
			  "sambaDfsRemovedNode");
	config_put_guid(&o, "objectGUID", &n->guid);
	config_put_blob(&o, "sambaDfsFingerprint", n->fingerprint, 32);
	config_put_str(&o, "displayName", n->name);
	return config_object_add(&o);
}

static int node_remove(struct config_change *c, const char *node)
{
	const struct dfsr_config_node *n = NULL;
	uint32_t i;
	int err = config_need_node(c, node, &n);

	if (err != 0) {
		return err;
	}
	if (dfsr_guid_cmp(&n->guid, &c->config->active) == 0) {
		return config_fail(c, EBUSY,
				   "node %s holds the active configuration "
				   "and cannot be removed", n->name);
	}
	for (i = 0; err == 0 && i < c->config->num_groups; i++) {
		const struct dfsr_config_group *g = &c->config->groups[i];

		if (dfsr_config_is_member(g, &n->guid)) {
			err = leave_group(c, g, &n->guid);
		}
	}
	if (err == 0) {
		err = config_delete_tree(
			c, config_dn(c->db, c->tmp, CONFIG_NODES, n->name,
				     NULL));
	}
	if (err == 0) {
		err = remember_removed(c, n);
	}
	return err;
}

int dfsr_config_node_remove(const struct dfsr_change *ch, const char *node)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = node_remove(&c, node);
	}
	return config_end(&c, err);
}

static int forget_old(struct config_change *c)
{
	struct ldb_dn *dn = config_dn(c->db, c->tmp, CONFIG_TOKENS, NULL);
	struct config_object o;
	int err;

	/* what was removed from the configuration of one node alone, and
	   its invitations, mean nothing in the new one */
	err = config_delete_tree(c, config_dn(c->db, c->tmp, CONFIG_REMOVED,
					      NULL));
	if (err == 0) {
		err = config_delete_tree(c, dn);
	}
	if (err == 0) {
		config_object_new(&o, c, dn, "container");
		err = config_object_add(&o);
	}
	return err;
}

static int adopt(struct config_change *c, const struct dfsr_guid *self,
		 const char *ldif)
{
	int err;

	if (!is_alone(c->config)) {
		return config_fail(c, EEXIST,
				   "this node belongs to a configuration with "
				   "other nodes or groups already");
	}
	err = forget_old(c);
	if (err == 0) {
		err = config_replace(c, ldif);
	}
	if (err != 0) {
		return err;
	}
	if (dfsr_config_node_by_guid(c->config, self) == NULL ||
	    dfsr_guid_cmp(self, &c->config->active) == 0) {
		return config_fail(c, EBADMSG,
				   "the received configuration does not have "
				   "this node as one that follows");
	}
	return set_self(c, self);
}

int dfsr_config_adopt(const struct dfsr_change *ch,
		      const struct dfsr_guid *self, const char *ldif)
{
	struct config_change c;
	int err = config_begin(&c, ch, true);

	if (err == 0) {
		err = adopt(&c, self, ldif);
	}
	return config_end(&c, err);
}
