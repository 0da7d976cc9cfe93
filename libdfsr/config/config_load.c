/*
   Samba DFS Replication
   From ldb messages to a snapshot

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

/*
 * The same code reads what is in the file and what another node has sent, so
 * everything is checked: classes stand where the tree has them, values have
 * their lengths and ranges, references lead to objects that are there.
 * Attributes and classes that are not known are left alone: a newer node may
 * have written them.
 */

#include <stdlib.h>
#include "config_private.h"

int config_load_bad(struct config_load *l, struct ldb_message *msg,
		    const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = talloc_vasprintf(l->why_ctx, fmt, ap);
	va_end(ap);
	config_why(l->why_ctx, l->why, EBADMSG,
		   "the configuration does not hold together: %s: %s",
		   ldb_dn_get_linearized(msg->dn), text != NULL ? text : "");
	talloc_free(text);
	return EBADMSG;
}

bool config_is_class(struct ldb_message *msg, const char *class_name)
{
	const struct ldb_message_element *el;
	unsigned int i;

	el = ldb_msg_find_element(msg, "objectClass");
	for (i = 0; el != NULL && i < el->num_values; i++) {
		if (el->values[i].length == strlen(class_name) &&
		    strncasecmp((const char *)el->values[i].data, class_name,
				el->values[i].length) == 0) {
			return true;
		}
	}
	return false;
}

int config_get_guid(struct config_load *l, struct ldb_message *msg,
		    const char *attr, struct dfsr_guid *guid)
{
	const struct ldb_val *v = ldb_msg_find_ldb_val(msg, attr);

	if (v == NULL || v->length != sizeof(guid->b)) {
		return config_load_bad(l, msg, "%s is no GUID", attr);
	}
	memcpy(guid->b, v->data, sizeof(guid->b));
	if (dfsr_guid_is_null(guid)) {
		return config_load_bad(l, msg, "%s is null", attr);
	}
	return 0;
}

int config_get_str(struct config_load *l, struct ldb_message *msg,
		   TALLOC_CTX *mem_ctx, const char *attr, size_t max,
		   char **value)
{
	const struct ldb_val *v = ldb_msg_find_ldb_val(msg, attr);

	*value = NULL;
	if (v == NULL) {
		return 0;
	}
	if (v->length > max || memchr(v->data, '\0', v->length) != NULL) {
		return config_load_bad(l, msg, "%s is too long", attr);
	}
	*value = talloc_strndup(mem_ctx, (const char *)v->data, v->length);
	if (*value == NULL) {
		return ENOMEM;
	}
	if (!config_text_valid(*value, max)) {
		return config_load_bad(l, msg, "%s is no text", attr);
	}
	return 0;
}

int config_get_num(struct config_load *l, struct ldb_message *msg,
		   const char *attr, int64_t max, int64_t def, int64_t *value)
{
	const struct ldb_val *v = ldb_msg_find_ldb_val(msg, attr);
	char text[24] = "";
	char *end = NULL;

	*value = def;
	if (v == NULL) {
		return 0;
	}
	if (v->length == 0 || v->length >= sizeof(text)) {
		return config_load_bad(l, msg, "%s is no number", attr);
	}
	memcpy(text, v->data, v->length);
	errno = 0;
	*value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || *value < 0 || *value > max) {
		return config_load_bad(l, msg, "%s is out of range", attr);
	}
	return 0;
}

int config_get_bool(struct config_load *l, struct ldb_message *msg,
		    const char *attr, bool def, bool *value)
{
	const char *s = ldb_msg_find_attr_as_string(msg, attr, NULL);

	*value = def;
	if (s == NULL) {
		return 0;
	}
	if (strcasecmp(s, "TRUE") != 0 && strcasecmp(s, "FALSE") != 0) {
		return config_load_bad(l, msg, "%s is not TRUE or FALSE", attr);
	}
	*value = strcasecmp(s, "TRUE") == 0;
	return 0;
}

int config_get_rdn(struct config_load *l, struct ldb_message *msg,
		   unsigned int component, TALLOC_CTX *mem_ctx, char **value)
{
	const struct ldb_val *v = NULL;

	if ((int)component < ldb_dn_get_comp_num(msg->dn)) {
		v = ldb_dn_get_component_val(msg->dn, component);
	}
	if (v == NULL || v->length > DFSR_CONFIG_NAME_MAX) {
		return config_load_bad(l, msg, "it does not belong there");
	}
	*value = talloc_strndup(mem_ctx, (const char *)v->data, v->length);
	if (*value == NULL) {
		return ENOMEM;
	}
	if (!dfsr_config_name_valid(*value)) {
		return config_load_bad(l, msg, "its name is not acceptable");
	}
	return 0;
}

bool config_stands_at(struct ldb_message *msg, struct ldb_dn *dn)
{
	bool same = dn != NULL && ldb_dn_compare(msg->dn, dn) == 0;

	talloc_free(dn);
	return same;
}

static int load_head(struct config_load *l)
{
	struct ldb_message *msg = NULL;
	int64_t epoch;
	unsigned int i;
	int err;

	for (i = 0; i < l->num; i++) {
		if (!config_is_class(l->msgs[i], "sambaDfsNodes")) {
			continue;
		}
		if (msg != NULL ||
		    !config_stands_at(l->msgs[i],
				      config_dn(l->db, l->config, CONFIG_NODES,
						NULL))) {
			return config_load_bad(l, l->msgs[i],
					       "it does not belong there");
		}
		msg = l->msgs[i];
	}
	if (msg == NULL) {
		return config_why(l->why_ctx, l->why, EBADMSG,
				  "the configuration does not hold together: "
				  "%s is missing", CONFIG_NODES);
	}
	err = config_get_num(l, msg, "sambaDfsEpoch", INT64_MAX / 2, 0, &epoch);
	if (err != 0) {
		return err;
	}
	l->config->epoch = (uint64_t)epoch;
	if (epoch == 0) {
		return 0;
	}
	return config_get_guid(l, msg, "sambaDfsActiveNode",
			       &l->config->active);
}

static int load_node(struct config_load *l, struct ldb_message *msg,
		     struct dfsr_config_node *n)
{
	const struct ldb_val *v =
		ldb_msg_find_ldb_val(msg, "sambaDfsFingerprint");
	int64_t port;
	int err;

	err = config_get_rdn(l, msg, 0, l->config->nodes, &n->name);
	if (err != 0) {
		return err;
	}
	if (!config_stands_at(msg,
			      config_dn(l->db, l->config, CONFIG_NODES,
					n->name, NULL))) {
		return config_load_bad(l, msg, "it does not belong there");
	}
	err = config_get_guid(l, msg, "objectGUID", &n->guid);
	if (err == 0) {
		err = config_get_str(l, msg, l->config->nodes, "sambaDfsHost",
				     DFSR_CONFIG_HOST_MAX, &n->host);
	}
	if (err == 0) {
		err = config_get_num(l, msg, "sambaDfsPort", 65535, 0, &port);
	}
	if (err != 0) {
		return err;
	}
	if (n->host == NULL || !dfsr_config_host_valid(n->host) || port == 0) {
		return config_load_bad(l, msg, "it has no usable address");
	}
	n->port = (uint16_t)port;
	if (v == NULL || v->length != sizeof(n->fingerprint)) {
		return config_load_bad(l, msg, "it has no fingerprint");
	}
	memcpy(n->fingerprint, v->data, sizeof(n->fingerprint));
	return 0;
}

static int load_nodes(struct config_load *l)
{
	struct dfsr_config *c = l->config;
	unsigned int i;
	int err;

	c->nodes = talloc_array(c, struct dfsr_config_node, 0);
	for (i = 0; i < l->num; i++) {
		struct dfsr_config_node *grown;

		if (!config_is_class(l->msgs[i], "sambaDfsNode")) {
			continue;
		}
		if (c->num_nodes >= DFSR_CONFIG_NODES_MAX) {
			return config_load_bad(l, l->msgs[i],
					       "more than %d nodes",
					       DFSR_CONFIG_NODES_MAX);
		}
		grown = talloc_realloc(c, c->nodes, struct dfsr_config_node,
				       c->num_nodes + 1);
		if (grown == NULL) {
			return ENOMEM;
		}
		c->nodes = grown;
		memset(&grown[c->num_nodes], 0, sizeof(*grown));
		err = load_node(l, l->msgs[i], &grown[c->num_nodes]);
		if (err != 0) {
			return err;
		}
		c->num_nodes += 1;
	}
	return 0;
}

/** Nobody is in who was removed. */
static int load_removed(struct config_load *l)
{
	const struct dfsr_config_node *n;
	unsigned int i;

	for (i = 0; i < l->num; i++) {
		const struct ldb_val *fp;
		struct dfsr_guid guid;
		int err;

		if (!config_is_class(l->msgs[i], "sambaDfsRemovedNode")) {
			continue;
		}
		err = config_get_guid(l, l->msgs[i], "objectGUID", &guid);
		if (err != 0) {
			return err;
		}
		fp = ldb_msg_find_ldb_val(l->msgs[i], "sambaDfsFingerprint");
		if (fp == NULL || fp->length != 32) {
			return config_load_bad(l, l->msgs[i],
					       "it has no fingerprint");
		}
		n = dfsr_config_node_by_guid(l->config, &guid);
		if (n == NULL) {
			n = dfsr_config_node_by_key(l->config, fp->data);
		}
		if (n != NULL) {
			return config_load_bad(l, l->msgs[i],
					       "the removed node is back as %s",
					       n->name);
		}
	}
	return 0;
}

int config_load_messages(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
			 struct ldb_message **msgs, unsigned int num,
			 struct dfsr_config **config, TALLOC_CTX *why_ctx,
			 char **why)
{
	struct config_load l = {
		.db = db,
		.msgs = msgs,
		.num = num,
		.why = why,
		.why_ctx = why_ctx,
	};
	int err;

	if (num > DFSR_CONFIG_OBJECTS_MAX) {
		return config_why(why_ctx, why, E2BIG,
				  "the configuration would have more than %d "
				  "objects", DFSR_CONFIG_OBJECTS_MAX);
	}
	l.config = talloc_zero(mem_ctx, struct dfsr_config);
	if (l.config == NULL) {
		return ENOMEM;
	}
	err = load_head(&l);
	if (err == 0) {
		err = load_nodes(&l);
	}
	if (err == 0) {
		err = load_removed(&l);
	}
	if (err == 0) {
		err = config_load_groups(&l);
	}
	if (err == 0) {
		err = config_load_subscriptions(&l);
	}
	if (err == 0) {
		config_sort(l.config);
		err = config_check(l.config, why_ctx, why);
	}
	if (err != 0) {
		TALLOC_FREE(l.config);
		return err;
	}
	*config = l.config;
	return 0;
}

/** Who this node is, from its own state. */
static int load_self(struct dfsr_configdb *db, struct dfsr_config *config)
{
	struct ldb_dn *dn = ldb_dn_new(config, db->ldb, CONFIG_STATE);
	struct ldb_result *res = NULL;
	const struct ldb_val *v;
	int err = 0;

	if (dn == NULL || ldb_search(db->ldb, dn, &res, dn, LDB_SCOPE_BASE,
				     NULL, NULL) != LDB_SUCCESS) {
		err = EIO;
	} else if (res->count == 1) {
		v = ldb_msg_find_ldb_val(res->msgs[0], "sambaDfsSelf");
		if (v != NULL && v->length == sizeof(config->self.b)) {
			memcpy(config->self.b, v->data, v->length);
		}
	}
	talloc_free(dn);
	return err;
}

int dfsr_configdb_load(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
		       struct dfsr_config **config, char **why)
{
	struct ldb_result *res = NULL;
	TALLOC_CTX *tmp = talloc_new(mem_ctx);
	struct dfsr_config *c = NULL;
	int err;

	if (tmp == NULL) {
		return ENOMEM;
	}
	err = config_read_all(db, tmp, &res, why);
	if (err == 0) {
		err = config_load_messages(db, mem_ctx, res->msgs, res->count,
					   &c, mem_ctx, why);
	}
	if (err == 0) {
		err = load_self(db, c);
		if (err != 0) {
			TALLOC_FREE(c);
			config_why(mem_ctx, why, err, "cannot read %s",
				   db->path);
		}
	}
	*config = c;
	talloc_free(tmp);
	return err;
}
