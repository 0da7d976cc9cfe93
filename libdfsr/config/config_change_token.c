/*
   Samba DFS Replication
   Invitations, and the nodes that come with one

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
 * Only the hash of a secret is kept, in this node's own state: whoever reads
 * the database or a copy of it cannot join with it. A token that was used is
 * remembered until it would have expired, so that it can be called used.
 */

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include "config_private.h"

#define SECRET_LEN 32
#define FILETIME_HOUR ((uint64_t)3600 * 10000000)

static struct ldb_dn *token_dn(struct config_change *c,
			       const uint8_t secret[SECRET_LEN])
{
	uint8_t hash[DFSR_HASH_LEN];
	char hex[2 * DFSR_HASH_LEN + 1];
	size_t i;

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, secret, SECRET_LEN, hash) < 0) {
		return NULL;
	}
	for (i = 0; i < sizeof(hash); i++) {
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	}
	return config_dn(c->db, c->tmp, CONFIG_TOKENS, hex, NULL);
}

/** Delete what has expired, count what could still be used. */
static int purge_tokens(struct config_change *c, uint64_t now,
			unsigned int *usable)
{
	struct ldb_dn *dn = config_dn(c->db, c->tmp, CONFIG_TOKENS, NULL);
	struct ldb_result *res = NULL;
	unsigned int i;
	int ret;
	int err = 0;

	*usable = 0;
	ret = ldb_search(c->db->ldb, c->tmp, &res, dn, LDB_SCOPE_ONELEVEL,
			 NULL, NULL);
	if (ret != LDB_SUCCESS) {
		return config_ldb_error(c->db, c->ch->mem_ctx, ret,
					c->ch->why);
	}
	for (i = 0; err == 0 && i < res->count; i++) {
		struct ldb_message *msg = res->msgs[i];

		if (ldb_msg_find_attr_as_uint64(msg, "sambaDfsExpires", 0) <=
		    now) {
			err = config_delete(c, msg->dn);
		} else if (ldb_msg_find_element(msg, "sambaDfsUsedBy") ==
			   NULL) {
			*usable += 1;
		}
	}
	return err;
}

static int invite(struct config_change *c, uint8_t secret[SECRET_LEN])
{
	const struct dfsr_env *env = c->ch->env;
	uint64_t now = env->now(env->private_data);
	struct config_object o;
	unsigned int usable;
	int err = purge_tokens(c, now, &usable);

	if (err != 0) {
		return err;
	}
	if (usable >= DFSR_CONFIG_TOKENS_MAX) {
		return config_fail(c, ENOSPC,
				   "%d invitations are open: wait until one "
				   "is used or expires", usable);
	}
	env->random(env->private_data, secret, SECRET_LEN);
	config_object_new(&o, c, token_dn(c, secret), "sambaDfsToken");
	config_put_num(&o, "sambaDfsExpires",
		       (int64_t)(now +
				 DFSR_CONFIG_TOKEN_HOURS * FILETIME_HOUR));
	return config_object_add(&o);
}

int dfsr_config_invite(const struct dfsr_change *ch, uint8_t secret[32])
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	c.local = true;
	if (err == 0) {
		err = invite(&c, secret);
	}
	err = config_end(&c, err);
	if (err != 0) {
		memset(secret, 0, SECRET_LEN);
	}
	return err;
}

/** The token is there, has time left and was not used. */
static int check_token(struct config_change *c, struct ldb_dn *dn)
{
	const struct dfsr_env *env = c->ch->env;
	struct ldb_result *res = NULL;
	const char *used;
	int ret;

	if (dn == NULL) {
		return ENOMEM;
	}
	ret = ldb_search(c->db->ldb, c->tmp, &res, dn, LDB_SCOPE_BASE, NULL,
			 NULL);
	if (ret != LDB_SUCCESS || res->count != 1) {
		return config_fail(c, EACCES,
				   "the token is not known here: `samba-dfs "
				   "node invite` makes a new one");
	}
	used = ldb_msg_find_attr_as_string(res->msgs[0], "sambaDfsUsedBy",
					   NULL);
	if (used != NULL) {
		return config_fail(c, EACCES,
				   "the token was used by %s already: "
				   "`samba-dfs node invite` makes a new one",
				   used);
	}
	if (ldb_msg_find_attr_as_uint64(res->msgs[0], "sambaDfsExpires", 0) <=
	    env->now(env->private_data)) {
		return config_fail(c, EACCES,
				   "the token has expired: `samba-dfs node "
				   "invite` makes a new one");
	}
	return 0;
}

static bool removed_before(struct config_change *c,
			   const struct dfsr_guid *guid,
			   const uint8_t fingerprint[32])
{
	struct ldb_dn *dn = config_dn(c->db, c->tmp, CONFIG_REMOVED, NULL);
	struct ldb_result *res = NULL;
	unsigned int i;

	if (ldb_search(c->db->ldb, c->tmp, &res, dn, LDB_SCOPE_ONELEVEL, NULL,
		       NULL) != LDB_SUCCESS) {
		return true;
	}
	for (i = 0; i < res->count; i++) {
		const struct ldb_val *g =
			ldb_msg_find_ldb_val(res->msgs[i], "objectGUID");
		const struct ldb_val *f = ldb_msg_find_ldb_val(
			res->msgs[i], "sambaDfsFingerprint");

		if ((g != NULL && g->length == sizeof(guid->b) &&
		     memcmp(g->data, guid->b, g->length) == 0) ||
		    (f != NULL && f->length == 32 &&
		     memcmp(f->data, fingerprint, 32) == 0)) {
			return true;
		}
	}
	return false;
}

/** The same node once more: its first join did not get through. */
static int admit_again(struct config_change *c,
		       const struct dfsr_config_node *n, const char *host,
		       uint16_t port)
{
	struct config_object o;

	config_object_edit(&o, c,
			   config_dn(c->db, c->tmp, CONFIG_NODES, n->name,
				     NULL));
	config_put_str(&o, "sambaDfsHost", host);
	config_put_num(&o, "sambaDfsPort", port);
	return config_object_modify(&o);
}

static int admit_node(struct config_change *c, const struct dfsr_guid *guid,
		      const char *name, const char *host, uint16_t port,
		      const uint8_t fingerprint[32])
{
	const struct dfsr_config_node *n;
	int err = config_check_node_words(c, name, host, port);

	if (err != 0) {
		return err;
	}
	if (dfsr_guid_is_null(guid)) {
		return config_fail(c, EINVAL, "the node has no GUID");
	}
	if (removed_before(c, guid, fingerprint)) {
		return config_fail(c, EACCES,
				   "node %s was removed from this "
				   "configuration: it needs a new identity",
				   name);
	}
	n = dfsr_config_node_by_guid(c->config, guid);
	if (n != NULL && dfsr_fold_equal(n->name, name) &&
	    memcmp(n->fingerprint, fingerprint, 32) == 0 &&
	    dfsr_guid_cmp(guid, &c->config->active) != 0) {
		return admit_again(c, n, host, port);
	}
	if (n != NULL ||
	    dfsr_config_node_by_key(c->config, fingerprint) != NULL) {
		return config_fail(c, EEXIST,
				   "a node with this GUID or key is in the "
				   "configuration already");
	}
	if (dfsr_config_node_by_name(c->config, name) != NULL) {
		return config_fail(c, EEXIST,
				   "there is a node named %s already: choose "
				   "another with `samba-dfs node init --name`",
				   name);
	}
	if (c->config->num_nodes >= DFSR_CONFIG_NODES_MAX) {
		return config_fail(c, ENOSPC, "there are %d nodes: no more",
				   DFSR_CONFIG_NODES_MAX);
	}
	return config_add_node(c, guid, name, host, port, fingerprint);
}

int dfsr_config_admit(const struct dfsr_change *ch, const uint8_t secret[32],
		      const struct dfsr_guid *node, const char *name,
		      const char *host, uint16_t port,
		      const uint8_t fingerprint[32])
{
	struct config_change c;
	struct config_object o;
	struct ldb_dn *dn = NULL;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		dn = token_dn(&c, secret);
		err = check_token(&c, dn);
	}
	if (err == 0) {
		err = admit_node(&c, node, name, host, port, fingerprint);
	}
	if (err == 0) {
		config_object_edit(&o, &c, dn);
		config_put_str(&o, "sambaDfsUsedBy", name);
		err = config_object_modify(&o);
	}
	return config_end(&c, err);
}
