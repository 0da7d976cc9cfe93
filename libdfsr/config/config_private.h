/*
   Samba DFS Replication
   Inside the config room

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

#ifndef __CONFIG_PRIVATE_H__
#define __CONFIG_PRIVATE_H__

/*
 * The tree, its classes and encodings: docs/design/0005-configuration.md.
 */

#include <errno.h>
#include <ldb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dfsr_config.h"

#ifndef discard_const_p
#define discard_const_p(type, ptr) ((type *)(uintptr_t)(ptr))
#endif

/** Everything below it travels to the other nodes ... */
#define CONFIG_BASE "DC=samba-dfs"
#define CONFIG_SYSTEM "CN=System," CONFIG_BASE
#define CONFIG_GLOBAL "CN=DFSR-GlobalSettings," CONFIG_SYSTEM
#define CONFIG_NODES "CN=Nodes," CONFIG_BASE
#define CONFIG_REMOVED "CN=Removed," CONFIG_BASE
/** ... and what is below this one does not. */
#define CONFIG_STATE "CN=DFSR-State"
#define CONFIG_TOKENS "CN=Tokens," CONFIG_STATE

#define CONFIG_SCHEMA_VERSION 1
#define CONFIG_LOCAL_SETTINGS "DFSR-LocalSettings"

struct dfsr_configdb {
	struct ldb_context *ldb;
	char *path;
};

/** Set the line, return err. */
int config_why(TALLOC_CTX *mem_ctx, char **why, int err, const char *fmt, ...)
	PRINTF_ATTRIBUTE(4, 5);
/** The errno of an ldb result, with a line that names the file. */
int config_ldb_error(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx, int ret,
		     char **why);

/** A DN below root: the values of its CN components, outermost first. */
struct ldb_dn *config_dn(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
			 const char *root, ...);

/* ---- one change: config_change.c ----------------------------------------- */

/** A change under way, inside a transaction. */
struct config_change {
	const struct dfsr_change *ch;
	struct dfsr_configdb *db;
	TALLOC_CTX *tmp;
	struct dfsr_config *config; /* as it was before */
	bool open;
	bool local;	/* touches this node's own state only: no epoch */
	bool as_sent;	/* the epoch is part of what was received */
};

/**
 * Start a change. Without any_node this node must hold the active
 * configuration.
 */
int config_begin(struct config_change *c, const struct dfsr_change *ch,
		 bool any_node);
/**
 * End it: with err 0 raise the epoch, check the whole result and commit;
 * otherwise, or when it is only tried, nothing has happened.
 */
int config_end(struct config_change *c, int err);
/** Set the line of a change, return err. */
int config_fail(struct config_change *c, int err, const char *fmt, ...)
	PRINTF_ATTRIBUTE(3, 4);

/** An object that is being written; an error is found when it is done. */
struct config_object {
	struct config_change *c;
	struct ldb_message *msg;
	bool replace;
	bool failed;
};

/** A new object; class is msDFSR-… or sambaDfs…. */
void config_object_new(struct config_object *o, struct config_change *c,
		       struct ldb_dn *dn, const char *class_name);
/** Changes of an object. */
void config_object_edit(struct config_object *o, struct config_change *c,
			struct ldb_dn *dn);
/** NULL leaves it alone; "" takes it away. */
void config_put_str(struct config_object *o, const char *attr,
		    const char *value);
void config_put_num(struct config_object *o, const char *attr, int64_t value);
void config_put_bool(struct config_object *o, const char *attr, bool value);
void config_put_blob(struct config_object *o, const char *attr,
		     const void *data, size_t len);
void config_put_guid(struct config_object *o, const char *attr,
		     const struct dfsr_guid *guid);
void config_put_dn(struct config_object *o, const char *attr,
		   struct ldb_dn *dn);
/** Carry it out. */
int config_object_add(struct config_object *o);
int config_object_modify(struct config_object *o);

int config_delete(struct config_change *c, struct ldb_dn *dn);
/** Delete an object and everything below it; fine if there is none. */
int config_delete_tree(struct config_change *c, struct ldb_dn *dn);
/** Move an object and everything below it to another name. */
int config_rename_tree(struct config_change *c, struct ldb_dn *from,
		       struct ldb_dn *to);
bool config_exists(struct config_change *c, struct ldb_dn *dn);

/* Objects by name, each with one line when it is not there. */
int config_need_node(struct config_change *c, const char *name,
		     const struct dfsr_config_node **node);
int config_need_group(struct config_change *c, const char *name,
		      const struct dfsr_config_group **group);
int config_need_folder(struct config_change *c, const char *group,
		       const char *name, const struct dfsr_config_group **g,
		       const struct dfsr_config_folder **f);
int config_need_member(struct config_change *c,
		       const struct dfsr_config_group *group, const char *name,
		       const struct dfsr_config_node **node);
const char *config_node_name(const struct dfsr_config *config,
			     const struct dfsr_guid *node);

struct ldb_dn *config_dn_group(struct config_change *c, const char *group);
struct ldb_dn *config_dn_folder(struct config_change *c, const char *group,
				const char *folder);
struct ldb_dn *config_dn_member(struct config_change *c, const char *group,
				const struct dfsr_guid *node);
struct ldb_dn *config_dn_connection(struct config_change *c, const char *group,
				    const struct dfsr_config_connection *conn);
struct ldb_dn *config_dn_subscriber(struct config_change *c,
				    const struct dfsr_guid *node,
				    const struct dfsr_guid *group);
struct ldb_dn *config_dn_subscription(struct config_change *c,
				      const struct dfsr_guid *node,
				      const struct dfsr_guid *group,
				      const struct dfsr_guid *folder);
/** Objects of a node that is new here. */
int config_add_node(struct config_change *c, const struct dfsr_guid *guid,
		    const char *name, const char *host, uint16_t port,
		    const uint8_t fingerprint[32]);
/** What a name, host and port must be. */
int config_check_node_words(struct config_change *c, const char *name,
			    const char *host, uint16_t port);
int config_check_name(struct config_change *c, const char *what,
		      const char *name);
int config_check_text(struct config_change *c, const char *what,
		      const char *text);
int config_check_filter(struct config_change *c, const char *what,
			const char *filter);

/* ---- reading: config_load.c, config_load_group.c ------------------------- */

/** A growing snapshot. */
struct config_load {
	struct dfsr_configdb *db;
	struct dfsr_config *config;
	struct ldb_message **msgs;
	unsigned int num;
	char **why;
	TALLOC_CTX *why_ctx;
};

/** Make a snapshot of messages and check all of it. */
int config_load_messages(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
			 struct ldb_message **msgs, unsigned int num,
			 struct dfsr_config **config, TALLOC_CTX *why_ctx,
			 char **why);
int config_load_bad(struct config_load *l, struct ldb_message *msg,
		    const char *fmt, ...) PRINTF_ATTRIBUTE(3, 4);
bool config_is_class(struct ldb_message *msg, const char *class_name);
int config_get_guid(struct config_load *l, struct ldb_message *msg,
		    const char *attr, struct dfsr_guid *guid);
int config_get_str(struct config_load *l, struct ldb_message *msg,
		   TALLOC_CTX *mem_ctx, const char *attr, size_t max,
		   char **value);
int config_get_num(struct config_load *l, struct ldb_message *msg,
		   const char *attr, int64_t max, int64_t def, int64_t *value);
int config_get_bool(struct config_load *l, struct ldb_message *msg,
		    const char *attr, bool def, bool *value);
/** Value of a component of the object's DN; 0 is its own. */
int config_get_rdn(struct config_load *l, struct ldb_message *msg,
		   unsigned int component, TALLOC_CTX *mem_ctx, char **value);
/** True if the object's DN is dn, which is freed. */
bool config_stands_at(struct ldb_message *msg, struct ldb_dn *dn);
int config_load_groups(struct config_load *l);
int config_load_subscriptions(struct config_load *l);
/** Bring everything into the order that the header promises. */
void config_sort(struct dfsr_config *config);

/* ---- validation: config_valid.c, config_check.c -------------------------- */

/** Everything that must hold of a whole configuration. */
int config_check(const struct dfsr_config *config, TALLOC_CTX *mem_ctx,
		 char **why);
bool config_text_valid(const char *text, size_t max);
bool config_filter_valid(const char *filter);
/** True if path is other or lies below it; both are clean. */
bool config_path_below(const char *path, const char *other);

/** All objects that travel. */
int config_read_all(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
		    struct ldb_result **res, char **why);
/** Their LDIF, in a fixed order. */
int config_write_ldif(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
		      struct ldb_result *res, char **ldif);
/** Replace everything that travels by what was sent; inside a change. */
int config_replace(struct config_change *c, const char *ldif);

#endif /* __CONFIG_PRIVATE_H__ */
