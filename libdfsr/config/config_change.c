/*
   Samba DFS Replication
   One change: check, write, raise the epoch, check again, commit

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

int config_fail(struct config_change *c, int err, const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	text = talloc_vasprintf(c->ch->mem_ctx, fmt, ap);
	va_end(ap);
	*c->ch->why = text;
	return err;
}

static int config_need_active(struct config_change *c)
{
	const struct dfsr_config *config = c->config;

	if (dfsr_guid_is_null(&config->self) || config->epoch == 0) {
		return config_fail(c, ENOENT,
				   "this node has no identity yet: "
				   "`samba-dfs node init` makes one");
	}
	if (dfsr_guid_cmp(&config->self, &config->active) != 0) {
		return config_fail(c, EROFS,
				   "node %s holds the active configuration: "
				   "change it there",
				   config_node_name(config, &config->active));
	}
	return 0;
}

int config_begin(struct config_change *c, const struct dfsr_change *ch,
		 bool any_node)
{
	int ret;
	int err;

	*c = (struct config_change){.ch = ch, .db = ch->db};
	*ch->why = NULL;
	c->tmp = talloc_new(ch->mem_ctx);
	if (c->tmp == NULL) {
		return ENOMEM;
	}
	errno = 0;
	ret = ldb_transaction_start(c->db->ldb);
	if (ret != LDB_SUCCESS) {
		return config_ldb_error(c->db, ch->mem_ctx, ret, ch->why);
	}
	c->open = true;
	err = dfsr_configdb_load(c->db, c->tmp, &c->config, ch->why);
	if (err == 0 && !any_node) {
		err = config_need_active(c);
	}
	return err;
}

static int config_raise_epoch(struct config_change *c)
{
	struct config_object o;

	config_object_edit(&o, c, config_dn(c->db, c->tmp, CONFIG_NODES, NULL));
	config_put_num(&o, "sambaDfsEpoch", (int64_t)c->config->epoch + 1);
	return config_object_modify(&o);
}

/** Look at the result as the others will; it must fit into a message. */
static int config_verify(struct config_change *c)
{
	struct ldb_result *res = NULL;
	struct dfsr_config *config = NULL;
	char *ldif = NULL;
	int err;

	err = config_read_all(c->db, c->tmp, &res, c->ch->why);
	if (err == 0) {
		err = config_load_messages(c->db, c->tmp, res->msgs,
					   res->count, &config,
					   c->ch->mem_ctx, c->ch->why);
	}
	if (err == 0) {
		err = config_write_ldif(c->db, c->tmp, res, &ldif);
	}
	if (err == 0 && strlen(ldif) > DFSR_CONFIG_LDIF_MAX) {
		err = config_fail(c, E2BIG,
				  "the configuration would be longer than %d "
				  "bytes", DFSR_CONFIG_LDIF_MAX);
	}
	return err;
}

static int config_commit(struct config_change *c)
{
	int ret;

	errno = 0;
	ret = ldb_transaction_commit(c->db->ldb);
	c->open = false;
	if (ret != LDB_SUCCESS) {
		return config_ldb_error(c->db, c->ch->mem_ctx, ret,
					c->ch->why);
	}
	return 0;
}

int config_end(struct config_change *c, int err)
{
	if (err == 0 && !c->local && !c->as_sent) {
		err = config_raise_epoch(c);
	}
	if (err == 0 && !c->local) {
		err = config_verify(c);
	}
	if (err == 0 && !c->ch->dry_run) {
		err = config_commit(c);
	}
	if (c->open) {
		ldb_transaction_cancel(c->db->ldb);
		c->open = false;
	}
	if (err != 0 && *c->ch->why == NULL) {
		config_fail(c, err, "%s", strerror(err));
	}
	TALLOC_FREE(c->tmp);
	return err;
}

/* ---- objects ------------------------------------------------------------- */

static void config_object_init(struct config_object *o,
			       struct config_change *c, struct ldb_dn *dn)
{
	*o = (struct config_object){.c = c};
	o->msg = ldb_msg_new(c->tmp);
	if (o->msg == NULL || dn == NULL) {
		o->failed = true;
		return;
	}
	o->msg->dn = talloc_steal(o->msg, dn);
}

static void config_put_val(struct config_object *o, const char *attr,
			   const void *data, size_t len)
{
	struct ldb_message_element *el = NULL;
	struct ldb_val v = {.length = len};
	int flags = o->replace ? LDB_FLAG_MOD_REPLACE : 0;

	if (o->failed) {
		return;
	}
	v.data = talloc_size(o->msg, len + 1);
	if (v.data == NULL ||
	    ldb_msg_add_empty(o->msg, attr, flags, &el) != LDB_SUCCESS) {
		o->failed = true;
		return;
	}
	memcpy(v.data, data, len);
	v.data[len] = '\0';
	if (len == 0) {
		return;
	}
	if (ldb_msg_element_add_value(o->msg, el, &v) != LDB_SUCCESS) {
		o->failed = true;
	}
}

void config_object_new(struct config_object *o, struct config_change *c,
		       struct ldb_dn *dn, const char *class_name)
{
	const struct ldb_val *v;

	config_object_init(o, c, dn);
	config_put_str(o, "objectClass", class_name);
	if (o->failed) {
		return;
	}
	v = ldb_dn_get_rdn_val(o->msg->dn);
	if (v == NULL) {
		o->failed = true;
		return;
	}
	config_put_val(o, "cn", v->data, v->length);
}

void config_object_edit(struct config_object *o, struct config_change *c,
			struct ldb_dn *dn)
{
	config_object_init(o, c, dn);
	o->replace = true;
}

void config_put_str(struct config_object *o, const char *attr,
		    const char *value)
{
	if (value == NULL || (!o->replace && value[0] == '\0')) {
		return;
	}
	config_put_val(o, attr, value, strlen(value));
}

void config_put_num(struct config_object *o, const char *attr, int64_t value)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%lld", (long long)value);

	config_put_val(o, attr, text, (size_t)len);
}

void config_put_bool(struct config_object *o, const char *attr, bool value)
{
	config_put_str(o, attr, value ? "TRUE" : "FALSE");
}

void config_put_blob(struct config_object *o, const char *attr,
		     const void *data, size_t len)
{
	config_put_val(o, attr, data, len);
}

void config_put_guid(struct config_object *o, const char *attr,
		     const struct dfsr_guid *guid)
{
	config_put_val(o, attr, guid->b, sizeof(guid->b));
}

void config_put_dn(struct config_object *o, const char *attr,
		   struct ldb_dn *dn)
{
	const char *s = dn == NULL ? NULL : ldb_dn_get_linearized(dn);

	if (s == NULL) {
		o->failed = true;
		return;
	}
	config_put_str(o, attr, s);
}

static int config_object_done(struct config_object *o, int ret)
{
	if (ret == LDB_SUCCESS) {
		return 0;
	}
	return config_ldb_error(o->c->db, o->c->ch->mem_ctx, ret,
				o->c->ch->why);
}

int config_object_add(struct config_object *o)
{
	if (o->failed) {
		return ENOMEM;
	}
	errno = 0;
	return config_object_done(o, ldb_add(o->c->db->ldb, o->msg));
}

int config_object_modify(struct config_object *o)
{
	if (o->failed) {
		return ENOMEM;
	}
	if (o->msg->num_elements == 0) {
		return 0;
	}
	errno = 0;
	return config_object_done(o, ldb_modify(o->c->db->ldb, o->msg));
}

/* ---- whole subtrees ------------------------------------------------------ */

int config_delete(struct config_change *c, struct ldb_dn *dn)
{
	int ret;

	if (dn == NULL) {
		return ENOMEM;
	}
	errno = 0;
	ret = ldb_delete(c->db->ldb, dn);
	if (ret != LDB_SUCCESS) {
		return config_ldb_error(c->db, c->ch->mem_ctx, ret,
					c->ch->why);
	}
	return 0;
}

static int config_subtree(struct config_change *c, struct ldb_dn *dn,
			  struct ldb_result **res)
{
	int ret;

	if (dn == NULL) {
		return ENOMEM;
	}
	errno = 0;
	ret = ldb_search(c->db->ldb, c->tmp, res, dn, LDB_SCOPE_SUBTREE, NULL,
			 NULL);
	if (ret != LDB_SUCCESS && ret != LDB_ERR_NO_SUCH_OBJECT) {
		return config_ldb_error(c->db, c->ch->mem_ctx, ret,
					c->ch->why);
	}
	return 0;
}

int config_delete_tree(struct config_change *c, struct ldb_dn *dn)
{
	struct ldb_result *res = NULL;
	unsigned int i;
	int err = config_subtree(c, dn, &res);

	for (i = 0; err == 0 && res != NULL && i < res->count; i++) {
		err = config_delete(c, res->msgs[i]->dn);
	}
	return err;
}

int config_rename_tree(struct config_change *c, struct ldb_dn *from,
		       struct ldb_dn *to)
{
	struct ldb_result *res = NULL;
	unsigned int i;
	int base;
	int err = config_subtree(c, from, &res);

	if (err != 0 || to == NULL) {
		return err != 0 ? err : ENOMEM;
	}
	base = ldb_dn_get_comp_num(from);
	for (i = 0; res != NULL && i < res->count; i++) {
		struct ldb_dn *dn = ldb_dn_copy(c->tmp, res->msgs[i]->dn);
		int ret = LDB_ERR_OPERATIONS_ERROR;

		errno = 0;
		if (dn != NULL &&
		    ldb_dn_remove_base_components(dn, (unsigned)base) &&
		    ldb_dn_add_base(dn, to)) {
			ret = ldb_rename(c->db->ldb, res->msgs[i]->dn, dn);
		}
		if (ret != LDB_SUCCESS) {
			return config_ldb_error(c->db, c->ch->mem_ctx, ret,
						c->ch->why);
		}
	}
	return 0;
}

bool config_exists(struct config_change *c, struct ldb_dn *dn)
{
	struct ldb_result *res = NULL;

	return dn != NULL &&
	       ldb_search(c->db->ldb, c->tmp, &res, dn, LDB_SCOPE_BASE, NULL,
			  NULL) == LDB_SUCCESS &&
	       res->count == 1;
}
