/*
   Samba DFS Replication
   The configuration as text: export and import

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
 * An import replaces everything at once, in one transaction, and only after
 * the whole of it has been parsed and has passed the checks that a change
 * passes. What was removed here stays removed: a node in the received copy
 * whose key or GUID was removed is left out of it with all that belongs to it
 * (semantics B21), and the two sets of removed nodes become one.
 *
 * ldb's LDIF reader can be told to read a value from a file ("attr:< file://");
 * text from another node must never do that.
 */

#include <stdlib.h>
#include "config_private.h"

/** The last line: without it the text is not all there. */
#define LDIF_END "# end\n"

static int order_messages(const void *a, const void *b)
{
	struct ldb_message *const *x = a;
	struct ldb_message *const *y = b;

	return ldb_dn_compare((*x)->dn, (*y)->dn);
}

int config_write_ldif(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
		      struct ldb_result *res, char **_ldif)
{
	char *ldif = talloc_strdup(mem_ctx, "");
	unsigned int i;

	if (res->count > 1) {
		qsort(res->msgs, res->count, sizeof(*res->msgs),
		      order_messages);
	}
	for (i = 0; ldif != NULL && i < res->count; i++) {
		struct ldb_message *msg = res->msgs[i];
		char *text;

		ldb_msg_remove_attr(msg, "distinguishedName");
		ldb_msg_sort_elements(msg);
		text = ldb_ldif_message_string(db->ldb, mem_ctx,
					       LDB_CHANGETYPE_NONE, msg);
		if (text == NULL) {
			TALLOC_FREE(ldif);
			break;
		}
		ldif = talloc_strdup_append_buffer(ldif, text);
		talloc_free(text);
	}
	if (ldif != NULL) {
		ldif = talloc_strdup_append_buffer(ldif, LDIF_END);
	}
	*_ldif = ldif;
	return ldif == NULL ? ENOMEM : 0;
}

int dfsr_configdb_export(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
			 uint64_t *epoch, char **ldif)
{
	struct ldb_result *res = NULL;
	TALLOC_CTX *tmp = talloc_new(mem_ctx);
	unsigned int i;
	int err;

	if (tmp == NULL) {
		return ENOMEM;
	}
	err = config_read_all(db, tmp, &res, NULL);
	for (i = 0; err == 0 && i < res->count; i++) {
		if (config_is_class(res->msgs[i], "sambaDfsNodes")) {
			*epoch = ldb_msg_find_attr_as_uint64(
				res->msgs[i], "sambaDfsEpoch", 0);
		}
	}
	if (err == 0) {
		err = config_write_ldif(db, mem_ctx, res, ldif);
	}
	talloc_free(tmp);
	return err;
}

/** Undo LDIF's folding of long lines. */
static char *ldif_unfold(TALLOC_CTX *mem_ctx, const char *ldif)
{
	char *out = talloc_array(mem_ctx, char, strlen(ldif) + 1);
	const char *s = ldif;
	char *o = out;

	if (out == NULL) {
		return NULL;
	}
	while (*s != '\0') {
		if (s[0] == '\n' && s[1] == ' ') {
			s += 2;
		} else if (s[0] == '\r') {
			s += 1;
		} else {
			*o++ = *s++;
		}
	}
	*o = '\0';
	return out;
}

/** True if no line names a file. */
static bool ldif_is_plain(const char *ldif)
{
	const char *line = ldif;

	while (*line != '\0') {
		size_t len = strcspn(line, "\n");
		const char *colon = memchr(line, ':', len);

		if (colon != NULL && colon[1] == '<') {
			return false;
		}
		line += len;
		line += strspn(line, "\n");
	}
	return true;
}

struct ldif_messages {
	struct ldb_message **msgs;
	unsigned int num;
};

static int ldif_add(struct config_change *c, struct ldif_messages *m,
		    struct ldb_ldif *ldif)
{
	struct ldb_dn *base = config_dn(c->db, c->tmp, CONFIG_BASE, NULL);
	struct ldb_message **grown;

	if (ldif->changetype != LDB_CHANGETYPE_NONE ||
	    !ldb_dn_validate(ldif->msg->dn) ||
	    ldb_dn_compare_base(base, ldif->msg->dn) != 0) {
		return config_fail(c, EBADMSG,
				   "the received configuration names objects "
				   "that do not belong to it");
	}
	talloc_free(base);
	if (m->num >= DFSR_CONFIG_OBJECTS_MAX) {
		return config_fail(c, E2BIG,
				   "the received configuration has more than "
				   "%d objects", DFSR_CONFIG_OBJECTS_MAX);
	}
	grown = talloc_realloc(c->tmp, m->msgs, struct ldb_message *,
			       m->num + 1);
	if (grown == NULL) {
		return ENOMEM;
	}
	m->msgs = grown;
	grown[m->num++] = talloc_steal(grown, ldif->msg);
	return 0;
}

static int ldif_parse(struct config_change *c, const char *text,
		      struct ldif_messages *m)
{
	char *plain = ldif_unfold(c->tmp, text);
	const char *s = plain;
	struct ldb_ldif *ldif;
	size_t len;
	int err = 0;

	if (plain == NULL) {
		return ENOMEM;
	}
	len = strlen(plain);
	if (len < strlen(LDIF_END) ||
	    strcmp(plain + len - strlen(LDIF_END), LDIF_END) != 0) {
		return config_fail(c, EBADMSG,
				   "the received configuration has no end");
	}
	plain[len - strlen(LDIF_END)] = '\0';
	if (!ldif_is_plain(plain)) {
		return config_fail(c, EBADMSG,
				   "the received configuration refers to a "
				   "file");
	}
	while (err == 0) {
		s += strspn(s, "\n");
		if (*s == '\0') {
			break;
		}
		ldif = ldb_ldif_read_string(c->db->ldb, &s);
		if (ldif == NULL) {
			err = config_fail(c, EBADMSG,
					  "the received configuration cannot "
					  "be parsed");
			break;
		}
		err = ldif_add(c, m, ldif);
		ldb_ldif_read_free(c->db->ldb, ldif);
	}
	talloc_free(plain);
	return err;
}

/** The removed nodes of this copy that the other one does not list. */
static int keep_removed(struct config_change *c, struct ldif_messages *m)
{
	struct ldb_dn *dn = config_dn(c->db, c->tmp, CONFIG_REMOVED, NULL);
	struct ldb_result *res = NULL;
	unsigned int i;
	unsigned int k;
	int ret;

	ret = ldb_search(c->db->ldb, c->tmp, &res, dn, LDB_SCOPE_SUBTREE, NULL,
			 NULL);
	if (ret == LDB_ERR_NO_SUCH_OBJECT) {
		return 0;
	}
	if (ret != LDB_SUCCESS) {
		return config_ldb_error(c->db, c->ch->mem_ctx, ret,
					c->ch->why);
	}
	for (i = 0; i < res->count; i++) {
		struct ldb_message **grown;

		for (k = 0; k < m->num; k++) {
			if (ldb_dn_compare(m->msgs[k]->dn,
					   res->msgs[i]->dn) == 0) {
				break;
			}
		}
		if (k < m->num) {
			continue;
		}
		grown = talloc_realloc(c->tmp, m->msgs, struct ldb_message *,
				       m->num + 1);
		if (grown == NULL) {
			return ENOMEM;
		}
		m->msgs = grown;
		ldb_msg_remove_attr(res->msgs[i], "distinguishedName");
		grown[m->num++] = res->msgs[i];
	}
	return 0;
}

static bool same_value(struct ldb_message *a, struct ldb_message *b,
		       const char *attr)
{
	const struct ldb_val *x = ldb_msg_find_ldb_val(a, attr);
	const struct ldb_val *y = ldb_msg_find_ldb_val(b, attr);

	return x != NULL && y != NULL && x->length == y->length &&
	       memcmp(x->data, y->data, x->length) == 0;
}

static bool was_removed(struct ldif_messages *m, struct ldb_message *node)
{
	unsigned int i;

	for (i = 0; i < m->num; i++) {
		if (config_is_class(m->msgs[i], "sambaDfsRemovedNode") &&
		    (same_value(m->msgs[i], node, "objectGUID") ||
		     same_value(m->msgs[i], node, "sambaDfsFingerprint"))) {
			return true;
		}
	}
	return false;
}

/** True if an object is the node's, or below it, or stands for it. */
static bool belongs_to(struct config_change *c, struct ldb_message *msg,
		       struct ldb_message *node)
{
	const struct ldb_val *name = ldb_dn_get_rdn_val(node->dn);
	const char *from = ldb_msg_find_attr_as_string(msg, "fromServer", NULL);
	struct ldb_dn *dn = msg->dn;
	bool found = false;
	int pass;

	if (ldb_dn_compare_base(node->dn, msg->dn) == 0) {
		return true;
	}
	for (pass = 0; pass < 2 && dn != NULL && !found; pass++) {
		int n = ldb_dn_get_comp_num(dn);
		int i;

		/* CN=<node>,CN=Topology,CN=<group>,… */
		for (i = 0; i + 1 < n && !found; i++) {
			const struct ldb_val *v =
				ldb_dn_get_component_val(dn, (unsigned)i);
			const struct ldb_val *up =
				ldb_dn_get_component_val(dn,
							 (unsigned)i + 1);

			found = v->length == name->length &&
				strncasecmp((const char *)v->data,
					    (const char *)name->data,
					    v->length) == 0 &&
				up->length == strlen("Topology") &&
				strncasecmp((const char *)up->data, "Topology",
					    up->length) == 0;
		}
		dn = from == NULL || pass == 1
			     ? NULL
			     : ldb_dn_new(c->tmp, c->db->ldb, from);
		if (dn != NULL && !ldb_dn_validate(dn)) {
			dn = NULL;
		}
	}
	return found;
}

static void drop_removed(struct config_change *c, struct ldif_messages *m)
{
	struct ldb_message *node;
	unsigned int i;
	unsigned int k;
	unsigned int kept;

	for (i = 0; i < m->num; i++) {
		node = m->msgs[i];
		if (!config_is_class(node, "sambaDfsNode") ||
		    !was_removed(m, node)) {
			continue;
		}
		kept = 0;
		for (k = 0; k < m->num; k++) {
			if (!belongs_to(c, m->msgs[k], node)) {
				m->msgs[kept++] = m->msgs[k];
			}
		}
		m->num = kept;
		i = (unsigned int)-1;
	}
}

static int write_all(struct config_change *c, struct ldif_messages *m)
{
	unsigned int i;
	int ret = LDB_SUCCESS;
	int err;

	err = config_delete_tree(c, config_dn(c->db, c->tmp, CONFIG_BASE,
					      NULL));
	errno = 0;
	for (i = 0; err == 0 && ret == LDB_SUCCESS && i < m->num; i++) {
		ret = ldb_add(c->db->ldb, m->msgs[i]);
	}
	if (ret == LDB_ERR_ENTRY_ALREADY_EXISTS) {
		return config_fail(c, EBADMSG, "the received configuration "
				   "has an object twice");
	}
	if (err == 0 && ret != LDB_SUCCESS) {
		err = config_ldb_error(c->db, c->ch->mem_ctx, ret, c->ch->why);
	}
	return err;
}

int config_replace(struct config_change *c, const char *ldif)
{
	struct ldif_messages m = {.num = 0};
	int err;

	if (strlen(ldif) > DFSR_CONFIG_LDIF_MAX) {
		return config_fail(c, E2BIG,
				   "the received configuration is longer than "
				   "%d bytes", DFSR_CONFIG_LDIF_MAX);
	}
	err = ldif_parse(c, ldif, &m);
	if (err == 0) {
		err = keep_removed(c, &m);
	}
	if (err == 0) {
		struct dfsr_config *config = NULL;

		drop_removed(c, &m);
		err = config_load_messages(c->db, c->tmp, m.msgs, m.num,
					   &config, c->ch->mem_ctx,
					   c->ch->why);
		if (err == 0) {
			err = write_all(c, &m);
		}
		if (err == 0) {
			talloc_free(c->config);
			c->config = config;
		}
	}
	c->as_sent = true;
	return err;
}

int dfsr_configdb_import(struct dfsr_configdb *db, const char *ldif,
			 TALLOC_CTX *mem_ctx, char **why)
{
	char *line = NULL;
	struct dfsr_change ch = {
		.db = db, .mem_ctx = mem_ctx, .why = why ? why : &line};
	struct config_change c;
	uint64_t epoch = 0;
	int err = config_begin(&c, &ch, true);

	if (err == 0) {
		epoch = c.config->epoch;
		if (dfsr_guid_cmp(&c.config->self, &c.config->active) == 0 &&
		    epoch != 0) {
			err = config_fail(&c, EPERM,
					  "this node holds the active "
					  "configuration and takes no copy");
		}
	}
	if (err == 0) {
		err = config_replace(&c, ldif);
	}
	if (err == 0 && c.config->epoch <= epoch) {
		err = config_fail(&c, ESTALE,
				  "the received configuration has epoch %llu, "
				  "this node has %llu",
				  (unsigned long long)c.config->epoch,
				  (unsigned long long)epoch);
	}
	return config_end(&c, err);
}
