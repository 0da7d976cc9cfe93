/*
   Samba DFS Replication
   Groups, folders, members, connections, memberships from ldb

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

/* Components of a DN, its own value first: CN=f,CN=Content,CN=g,… */
#define FOLDER_GROUP 2
#define MEMBER_GROUP 2
#define CONNECTION_MEMBER 1
#define CONNECTION_GROUP 3
#define SUBSCRIPTION_NODE 3

/** Longer than anything that is stored: paths have their own check. */
#define VALUE_MAX DFSR_CONFIG_PATH_MAX

static struct dfsr_config_group *group_named(struct config_load *l,
					     struct ldb_message *msg,
					     unsigned int component)
{
	struct dfsr_config_group *g = NULL;
	char *name = NULL;

	if (config_get_rdn(l, msg, component, l->config, &name) == 0) {
		g = discard_const_p(struct dfsr_config_group,
				    dfsr_config_group_by_name(l->config, name));
		if (g == NULL) {
			config_load_bad(l, msg, "there is no group %s", name);
		}
	}
	talloc_free(name);
	return g;
}

/** The node that a member object stands for. */
static const struct dfsr_config_node *member_node(struct config_load *l,
						  struct ldb_message *msg,
						  unsigned int component)
{
	const struct dfsr_config_node *n = NULL;
	char *name = NULL;

	if (config_get_rdn(l, msg, component, l->config, &name) == 0) {
		n = dfsr_config_node_by_name(l->config, name);
		if (n == NULL) {
			config_load_bad(l, msg, "there is no node %s", name);
		}
	}
	talloc_free(name);
	return n;
}

static int load_group(struct config_load *l, struct ldb_message *msg)
{
	struct dfsr_config *c = l->config;
	struct dfsr_config_group *g;
	int err;

	if (c->num_groups >= DFSR_CONFIG_GROUPS_MAX) {
		return config_load_bad(l, msg, "more than %d groups",
				       DFSR_CONFIG_GROUPS_MAX);
	}
	g = talloc_realloc(c, c->groups, struct dfsr_config_group,
			   c->num_groups + 1);
	if (g == NULL) {
		return ENOMEM;
	}
	c->groups = g;
	g = &g[c->num_groups];
	memset(g, 0, sizeof(*g));
	err = config_get_rdn(l, msg, 0, c, &g->name);
	if (err == 0 &&
	    !config_stands_at(msg, config_dn(l->db, c, CONFIG_GLOBAL, g->name,
					     NULL))) {
		err = config_load_bad(l, msg, "it does not belong there");
	}
	if (err == 0) {
		err = config_get_guid(l, msg, "objectGUID", &g->guid);
	}
	if (err == 0) {
		err = config_get_str(l, msg, c, "description",
				     DFSR_CONFIG_TEXT_MAX, &g->description);
	}
	c->num_groups += 1;
	return err;
}

/** A filter; the empty one, which LDAP cannot hold, is stored as ",". */
static int load_filter(struct config_load *l, struct ldb_message *msg,
		       const char *attr, char **filter)
{
	int err = config_get_str(l, msg, l->config, attr, DFSR_CONFIG_TEXT_MAX,
				 filter);

	if (err != 0 || *filter == NULL) {
		return err;
	}
	if (!config_filter_valid(*filter)) {
		return config_load_bad(l, msg, "%s is no filter", attr);
	}
	if (strcmp(*filter, ",") == 0) {
		(*filter)[0] = '\0';
	}
	return 0;
}

static int load_folder(struct config_load *l, struct ldb_message *msg)
{
	struct dfsr_config_group *g = group_named(l, msg, FOLDER_GROUP);
	struct dfsr_config_folder *f;
	int err;

	if (g == NULL) {
		return EBADMSG;
	}
	if (g->num_folders >= DFSR_CONFIG_FOLDERS_MAX) {
		return config_load_bad(l, msg, "more than %d folders",
				       DFSR_CONFIG_FOLDERS_MAX);
	}
	f = talloc_realloc(l->config, g->folders, struct dfsr_config_folder,
			   g->num_folders + 1);
	if (f == NULL) {
		return ENOMEM;
	}
	g->folders = f;
	f = &f[g->num_folders];
	memset(f, 0, sizeof(*f));
	g->num_folders += 1;
	err = config_get_rdn(l, msg, 0, l->config, &f->name);
	if (err == 0 &&
	    !config_stands_at(msg, config_dn(l->db, l->config, CONFIG_GLOBAL,
					     g->name, "Content", f->name,
					     NULL))) {
		err = config_load_bad(l, msg, "it does not belong there");
	}
	if (err == 0) {
		err = config_get_guid(l, msg, "objectGUID", &f->guid);
	}
	if (err == 0) {
		err = config_get_str(l, msg, l->config, "description",
				     DFSR_CONFIG_TEXT_MAX, &f->description);
	}
	if (err == 0) {
		err = load_filter(l, msg, "msDFSR-FileFilter",
				  &f->file_filter);
	}
	if (err == 0) {
		err = load_filter(l, msg, "msDFSR-DirectoryFilter",
				  &f->directory_filter);
	}
	return err;
}

static int load_member(struct config_load *l, struct ldb_message *msg)
{
	struct dfsr_config_group *g = group_named(l, msg, MEMBER_GROUP);
	const struct dfsr_config_node *n;
	struct dfsr_config_member *info;
	struct dfsr_guid *members;

	if (g == NULL) {
		return EBADMSG;
	}
	n = member_node(l, msg, 0);
	if (n == NULL) {
		return EBADMSG;
	}
	if (!config_stands_at(msg, config_dn(l->db, l->config, CONFIG_GLOBAL,
					     g->name, "Topology", n->name,
					     NULL))) {
		return config_load_bad(l, msg, "it does not belong there");
	}
	members = talloc_realloc(l->config, g->members, struct dfsr_guid,
				 g->num_members + 1);
	if (members == NULL) {
		return ENOMEM;
	}
	g->members = members;
	info = talloc_realloc(l->config, g->member_info,
			      struct dfsr_config_member, g->num_members + 1);
	if (info == NULL) {
		return ENOMEM;
	}
	g->member_info = info;
	info = &info[g->num_members];
	info->node = n->guid;
	info->description = NULL;
	members[g->num_members++] = n->guid;
	return config_get_str(l, msg, l->config, "description",
			      DFSR_CONFIG_TEXT_MAX, &info->description);
}

/** The member that fromServer names, in the same group. */
static const struct dfsr_config_node *from_server(struct config_load *l,
						  struct ldb_message *msg,
						  struct dfsr_config_group *g)
{
	const char *s = ldb_msg_find_attr_as_string(msg, "fromServer", "");
	struct ldb_dn *dn = ldb_dn_new(l->config, l->db->ldb, s);
	const struct dfsr_config_node *found = NULL;
	uint32_t i;

	for (i = 0; dn != NULL && ldb_dn_validate(dn) && i < g->num_members;
	     i++) {
		const struct dfsr_config_node *n =
			dfsr_config_node_by_guid(l->config, &g->members[i]);
		struct ldb_dn *other;

		other = config_dn(l->db, dn, CONFIG_GLOBAL, g->name,
				  "Topology", n->name, NULL);
		if (other != NULL && ldb_dn_compare(dn, other) == 0) {
			found = n;
			break;
		}
	}
	talloc_free(dn);
	if (found == NULL) {
		config_load_bad(l, msg, "fromServer is no member");
	}
	return found;
}

static int load_connection_values(struct config_load *l,
				  struct ldb_message *msg,
				  struct dfsr_config_connection *conn)
{
	int64_t kb = 0;
	int err;

	err = config_get_guid(l, msg, "objectGUID", &conn->guid);
	if (err == 0) {
		err = config_get_bool(l, msg, "msDFSR-Enabled", true,
				      &conn->enabled);
	}
	if (err == 0) {
		err = config_get_bool(l, msg, "msDFSR-RdcEnabled", true,
				      &conn->rdc);
	}
	if (err == 0) {
		err = config_get_num(l, msg, "msDFSR-RdcMinFileSizeInKb",
				     DFSR_CONFIG_RDC_KB_MAX,
				     DFSR_CONFIG_RDC_KB_DEFAULT, &kb);
	}
	conn->rdc_min_kb = (uint64_t)kb;
	return err;
}

static int load_connection(struct config_load *l, struct ldb_message *msg)
{
	struct dfsr_config_group *g = group_named(l, msg, CONNECTION_GROUP);
	struct dfsr_config_connection *conn;
	const struct dfsr_config_node *from;
	const struct dfsr_config_node *to;
	char guid[DFSR_GUID_STRLEN];
	int err;

	if (g == NULL) {
		return EBADMSG;
	}
	to = member_node(l, msg, CONNECTION_MEMBER);
	from = to == NULL ? NULL : from_server(l, msg, g);
	if (from == NULL) {
		return EBADMSG;
	}
	if (!dfsr_config_is_member(g, &to->guid)) {
		return config_load_bad(l, msg, "%s is no member", to->name);
	}
	conn = talloc_realloc(l->config, g->connections,
			      struct dfsr_config_connection,
			      g->num_connections + 1);
	if (conn == NULL) {
		return ENOMEM;
	}
	g->connections = conn;
	conn = &conn[g->num_connections];
	memset(conn, 0, sizeof(*conn));
	g->num_connections += 1;
	conn->from = from->guid;
	conn->to = to->guid;
	err = load_connection_values(l, msg, conn);
	if (err != 0) {
		return err;
	}
	if (!config_stands_at(msg, config_dn(l->db, l->config, CONFIG_GLOBAL,
					     g->name, "Topology", to->name,
					     dfsr_guid_str(&conn->guid, guid),
					     NULL))) {
		return config_load_bad(l, msg, "it does not belong there");
	}
	return 0;
}

static int load_class(struct config_load *l, const char *class_name,
		      int (*fn)(struct config_load *l,
				struct ldb_message *msg))
{
	unsigned int i;

	for (i = 0; i < l->num; i++) {
		int err;

		if (!config_is_class(l->msgs[i], class_name)) {
			continue;
		}
		err = fn(l, l->msgs[i]);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

int config_load_groups(struct config_load *l)
{
	int err = load_class(l, "msDFSR-ReplicationGroup", load_group);

	if (err == 0) {
		err = load_class(l, "msDFSR-ContentSet", load_folder);
	}
	if (err == 0) {
		err = load_class(l, "msDFSR-Member", load_member);
	}
	if (err == 0) {
		err = load_class(l, "msDFSR-Connection", load_connection);
	}
	return err;
}

static int load_path(struct config_load *l, struct ldb_message *msg,
		     const char *attr, char **path)
{
	char *clean = NULL;
	int err;

	err = config_get_str(l, msg, l->config, attr, VALUE_MAX, path);
	if (err != 0 || *path == NULL) {
		return err;
	}
	err = dfsr_config_path_clean(l->config, attr, *path, &clean, NULL);
	if (err != 0 || strcmp(clean, *path) != 0) {
		return config_load_bad(l, msg, "%s is no clean path", attr);
	}
	talloc_free(clean);
	return 0;
}

static int load_quota(struct config_load *l, struct ldb_message *msg,
		      const char *attr, uint64_t *quota)
{
	int64_t mb = 0;
	int err = config_get_num(l, msg, attr, DFSR_CONFIG_QUOTA_MB_MAX,
				 DFSR_CONFIG_QUOTA_MB_DEFAULT, &mb);

	*quota = (uint64_t)mb * 1024 * 1024;
	return err;
}

static int load_subscription_values(struct config_load *l,
				    struct ldb_message *msg,
				    struct dfsr_config_membership *m)
{
	int64_t options = 0;
	int64_t generation = 0;
	int err;

	err = load_path(l, msg, "msDFSR-RootPath", &m->content_path);
	if (err == 0) {
		err = load_path(l, msg, "msDFSR-StagingPath",
				&m->staging_path);
	}
	if (err == 0) {
		err = load_path(l, msg, "msDFSR-ConflictPath",
				&m->conflict_path);
	}
	if (err == 0) {
		err = load_quota(l, msg, "msDFSR-StagingSizeInMb",
				 &m->staging_quota);
	}
	if (err == 0) {
		err = load_quota(l, msg, "msDFSR-ConflictSizeInMb",
				 &m->conflict_quota);
	}
	if (err == 0) {
		err = config_get_bool(l, msg, "msDFSR-Enabled", false,
				      &m->enabled);
	}
	if (err == 0) {
		err = config_get_bool(l, msg, "msDFSR-ReadOnly", false,
				      &m->read_only);
	}
	if (err == 0) {
		err = config_get_bool(l, msg, "sambaDfsPreserveDeleted", true,
				      &m->preserve_deleted);
	}
	if (err == 0) {
		err = config_get_num(l, msg, "msDFSR-Options", INT32_MAX, 0,
				     &options);
	}
	if (err == 0) {
		err = config_get_num(l, msg, "sambaDfsGeneration",
				     INT64_MAX / 2, 0, &generation);
	}
	m->primary = (options & 1) != 0;
	m->generation = (uint64_t)generation;
	if (err == 0 && m->content_path == NULL) {
		err = config_load_bad(l, msg, "it has no msDFSR-RootPath");
	}
	return err;
}

/** Find what a subscription belongs to; it must stand where they say. */
static int subscription_place(struct config_load *l, struct ldb_message *msg,
			      struct dfsr_config_folder **folder,
			      const struct dfsr_config_node **node)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *f;
	char group_guid[DFSR_GUID_STRLEN];
	char folder_guid[DFSR_GUID_STRLEN];
	struct dfsr_guid guid;
	int err;

	err = config_get_guid(l, msg, "msDFSR-ContentSetGuid", &guid);
	if (err != 0) {
		return err;
	}
	f = dfsr_config_folder_by_guid(l->config, &guid, &g);
	*node = member_node(l, msg, SUBSCRIPTION_NODE);
	if (f == NULL || *node == NULL) {
		return config_load_bad(l, msg, "there is no such folder");
	}
	if (!dfsr_config_is_member(g, &(*node)->guid)) {
		return config_load_bad(l, msg, "%s is no member of %s",
				       (*node)->name, g->name);
	}
	if (!config_stands_at(msg,
			      config_dn(l->db, l->config, CONFIG_NODES,
					(*node)->name, CONFIG_LOCAL_SETTINGS,
					dfsr_guid_str(&g->guid, group_guid),
					dfsr_guid_str(&f->guid, folder_guid),
					NULL))) {
		return config_load_bad(l, msg, "it does not belong there");
	}
	*folder = discard_const_p(struct dfsr_config_folder, f);
	return 0;
}

static int load_subscription(struct config_load *l, struct ldb_message *msg)
{
	struct dfsr_config_folder *f = NULL;
	const struct dfsr_config_node *n = NULL;
	struct dfsr_config_membership *m;
	int err = subscription_place(l, msg, &f, &n);

	if (err != 0) {
		return err;
	}
	m = talloc_realloc(l->config, f->memberships,
			   struct dfsr_config_membership,
			   f->num_memberships + 1);
	if (m == NULL) {
		return ENOMEM;
	}
	f->memberships = m;
	m = &m[f->num_memberships];
	memset(m, 0, sizeof(*m));
	f->num_memberships += 1;
	m->node = n->guid;
	return load_subscription_values(l, msg, m);
}

int config_load_subscriptions(struct config_load *l)
{
	return load_class(l, "msDFSR-Subscription", load_subscription);
}
