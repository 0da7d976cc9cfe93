/*
   Samba DFS Replication
   Objects by name, with a line when there is none

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

const char *config_node_name(const struct dfsr_config *config,
			     const struct dfsr_guid *node)
{
	const struct dfsr_config_node *n =
		dfsr_config_node_by_guid(config, node);

	return n != NULL ? n->name : "(unknown)";
}

int config_need_node(struct config_change *c, const char *name,
		     const struct dfsr_config_node **node)
{
	*node = dfsr_config_node_by_name(c->config, name);
	if (*node == NULL) {
		return config_fail(c, ENOENT,
				   "unknown node \"%s\": `samba-dfs node "
				   "list` shows them", name);
	}
	return 0;
}

int config_need_group(struct config_change *c, const char *name,
		      const struct dfsr_config_group **group)
{
	*group = dfsr_config_group_by_name(c->config, name);
	if (*group == NULL) {
		return config_fail(c, ENOENT,
				   "unknown group \"%s\": `samba-dfs group "
				   "list` shows them", name);
	}
	return 0;
}

int config_need_folder(struct config_change *c, const char *group,
		       const char *name, const struct dfsr_config_group **g,
		       const struct dfsr_config_folder **f)
{
	int err = config_need_group(c, group, g);

	if (err != 0) {
		return err;
	}
	*f = dfsr_config_folder_by_name(*g, name);
	if (*f == NULL) {
		return config_fail(c, ENOENT,
				   "group %s has no folder \"%s\": `samba-dfs "
				   "folder list %s` shows them",
				   (*g)->name, name, (*g)->name);
	}
	return 0;
}

int config_need_member(struct config_change *c,
		       const struct dfsr_config_group *group, const char *name,
		       const struct dfsr_config_node **node)
{
	int err = config_need_node(c, name, node);

	if (err != 0) {
		return err;
	}
	if (!dfsr_config_is_member(group, &(*node)->guid)) {
		return config_fail(c, ENOENT,
				   "node %s is no member of group %s: "
				   "`samba-dfs member add %s %s` makes it one",
				   (*node)->name, group->name, group->name,
				   (*node)->name);
	}
	return 0;
}

struct ldb_dn *config_dn_group(struct config_change *c, const char *group)
{
	return config_dn(c->db, c->tmp, CONFIG_GLOBAL, group, NULL);
}

struct ldb_dn *config_dn_folder(struct config_change *c, const char *group,
				const char *folder)
{
	return config_dn(c->db, c->tmp, CONFIG_GLOBAL, group, "Content",
			 folder, NULL);
}

struct ldb_dn *config_dn_member(struct config_change *c, const char *group,
				const struct dfsr_guid *node)
{
	return config_dn(c->db, c->tmp, CONFIG_GLOBAL, group, "Topology",
			 config_node_name(c->config, node), NULL);
}

struct ldb_dn *config_dn_connection(struct config_change *c, const char *group,
				    const struct dfsr_config_connection *conn)
{
	char guid[DFSR_GUID_STRLEN];

	return config_dn(c->db, c->tmp, CONFIG_GLOBAL, group, "Topology",
			 config_node_name(c->config, &conn->to),
			 dfsr_guid_str(&conn->guid, guid), NULL);
}

struct ldb_dn *config_dn_subscriber(struct config_change *c,
				    const struct dfsr_guid *node,
				    const struct dfsr_guid *group)
{
	char guid[DFSR_GUID_STRLEN];

	return config_dn(c->db, c->tmp, CONFIG_NODES,
			 config_node_name(c->config, node),
			 CONFIG_LOCAL_SETTINGS, dfsr_guid_str(group, guid),
			 NULL);
}

struct ldb_dn *config_dn_subscription(struct config_change *c,
				      const struct dfsr_guid *node,
				      const struct dfsr_guid *group,
				      const struct dfsr_guid *folder)
{
	char group_guid[DFSR_GUID_STRLEN];
	char folder_guid[DFSR_GUID_STRLEN];

	return config_dn(c->db, c->tmp, CONFIG_NODES,
			 config_node_name(c->config, node),
			 CONFIG_LOCAL_SETTINGS,
			 dfsr_guid_str(group, group_guid),
			 dfsr_guid_str(folder, folder_guid), NULL);
}

int config_check_name(struct config_change *c, const char *what,
		      const char *name)
{
	if (dfsr_config_name_valid(name)) {
		return 0;
	}
	return config_fail(c, EINVAL,
			   "%s \"%.*s\" is not acceptable: 1 to %d bytes, no "
			   "control characters, none of /\\:*?\"<>|, no blank "
			   "at either end",
			   what, config_text_valid(name, 256) ? 256 : 0, name,
			   DFSR_CONFIG_NAME_MAX);
}

int config_check_text(struct config_change *c, const char *what,
		      const char *text)
{
	if (text == NULL || config_text_valid(text, DFSR_CONFIG_TEXT_MAX)) {
		return 0;
	}
	return config_fail(c, EINVAL,
			   "%s is not acceptable: at most %d bytes of UTF-8 "
			   "without control characters",
			   what, DFSR_CONFIG_TEXT_MAX);
}

int config_check_filter(struct config_change *c, const char *what,
			const char *filter)
{
	if (filter == NULL || config_filter_valid(filter)) {
		return 0;
	}
	return config_fail(c, EINVAL,
			   "%s is not acceptable: wildcards with commas "
			   "between them, such as \"~*, *.tmp\", at most %d "
			   "bytes, none of /\\:\"<>|",
			   what, DFSR_CONFIG_TEXT_MAX);
}

int config_check_node_words(struct config_change *c, const char *name,
			    const char *host, uint16_t port)
{
	int err = 0;

	if (name != NULL) {
		err = config_check_name(c, "node name", name);
	}
	if (err == 0 && host != NULL && !dfsr_config_host_valid(host)) {
		err = config_fail(c, EINVAL,
				  "address \"%.*s\" is not acceptable: a host "
				  "name or an IP address",
				  config_text_valid(host, 256) ? 256 : 0,
				  host);
	}
	if (err == 0 && host != NULL && port == 0) {
		err = config_fail(c, EINVAL, "port 0 is not acceptable");
	}
	return err;
}
