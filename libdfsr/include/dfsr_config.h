/*
   Samba DFS Replication
   The configuration objects and the one snapshot that others read

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

#ifndef __DFSR_CONFIG_H__
#define __DFSR_CONFIG_H__

/*
 * The configuration lives in an ldb with Microsoft's msDFSR-* schema (windows-dfs
 * section 3; nodes are objects of our own class). Everybody else sees one read-only
 * snapshot, struct dfsr_config; a change is a function that checks everything
 * first, changes the ldb in one transaction, and leaves a new epoch. Called on
 * the event loop; small and rare.
 *
 * Exactly one node holds the active configuration; the others hold a copy that
 * they replace whole when the active one's epoch is higher.
 */

#include "dfsr_types.h"

#define DFSR_CONFIG_NAME_MAX 64	   /* groups, folders, nodes */
#define DFSR_CONFIG_PATH_MAX 4000
#define DFSR_CONFIG_NODES_MAX 256
#define DFSR_CONFIG_GROUPS_MAX 1024
#define DFSR_CONFIG_FOLDERS_MAX 1024 /* of one group */
#define DFSR_CONFIG_TEXT_MAX 1024
/** Hours that a token of `node invite` is good for. */
#define DFSR_CONFIG_TOKEN_HOURS 24
#define DFSR_CONFIG_TOKENS_MAX 64

struct dfsr_config_node {
	struct dfsr_guid guid;
	char *name;
	char *host; /* address under which the others reach it */
	uint16_t port;
	uint8_t fingerprint[32];
};

/** What a member does with a folder (msDFSR-Subscription). */
struct dfsr_config_membership {
	struct dfsr_guid node;
	bool enabled;
	bool read_only;
	bool primary;	    /* msDFSR-Options bit 0; until it is initialised */
	bool preserve_deleted;
	char *content_path; /* absolute */
	char *staging_path; /* NULL: default */
	char *conflict_path;
	uint64_t staging_quota; /* bytes */
	uint64_t conflict_quota;
	uint64_t generation; /* raised when it is enabled anew */
};

struct dfsr_config_folder {
	struct dfsr_guid guid;
	char *name;
	char *description;
	char *file_filter; /* NULL: default */
	char *directory_filter;
	uint32_t num_memberships; /* only of members of the group */
	struct dfsr_config_membership *memberships;
};

/** Directed: `to` pulls from `from` (msDFSR-Connection below the receiver). */
struct dfsr_config_connection {
	struct dfsr_guid guid;
	struct dfsr_guid from;
	struct dfsr_guid to;
	bool enabled;
	bool rdc;
	uint64_t rdc_min_kb;
};

struct dfsr_config_group {
	struct dfsr_guid guid;
	char *name;
	char *description;
	uint32_t num_members;
	struct dfsr_guid *members; /* node GUIDs */
	uint32_t num_folders;
	struct dfsr_config_folder *folders;
	uint32_t num_connections;
	struct dfsr_config_connection *connections;
};

/** A snapshot: one talloc tree, sorted by name, never changed. */
struct dfsr_config {
	uint64_t epoch;		 /* 0: nothing configured yet */
	struct dfsr_guid self;	 /* this node, null before `node init` */
	struct dfsr_guid active; /* who holds the active configuration */
	uint32_t num_nodes;
	struct dfsr_config_node *nodes;
	uint32_t num_groups;
	struct dfsr_config_group *groups;
};

/* ---- lookups: config/config_find.c; NULL if there is none ----------------- */

const struct dfsr_config_node *
dfsr_config_node_by_guid(const struct dfsr_config *c,
			 const struct dfsr_guid *guid);
/** Names compare case-insensitively everywhere. */
const struct dfsr_config_node *
dfsr_config_node_by_name(const struct dfsr_config *c, const char *name);
const struct dfsr_config_node *
dfsr_config_node_by_key(const struct dfsr_config *c,
			const uint8_t fingerprint[32]);
const struct dfsr_config_group *
dfsr_config_group_by_name(const struct dfsr_config *c, const char *name);
const struct dfsr_config_folder *
dfsr_config_folder_by_name(const struct dfsr_config_group *g,
			   const char *name);
/** The folder of a GUID, with its group. */
const struct dfsr_config_folder *
dfsr_config_folder_by_guid(const struct dfsr_config *c,
			   const struct dfsr_guid *guid,
			   const struct dfsr_config_group **group);
const struct dfsr_config_membership *
dfsr_config_membership(const struct dfsr_config_folder *f,
		       const struct dfsr_guid *node);
bool dfsr_config_is_member(const struct dfsr_config_group *g,
			   const struct dfsr_guid *node);
/** The enabled connection from → to, the lowest GUID if there are several. */
const struct dfsr_config_connection *
dfsr_config_connection(const struct dfsr_config_group *g,
		       const struct dfsr_guid *from,
		       const struct dfsr_guid *to);
/** True if the two nodes share at least one group. */
bool dfsr_config_shares_group(const struct dfsr_config *c,
			      const struct dfsr_guid *a,
			      const struct dfsr_guid *b);

/* ---- the database: config/config_db.c, config_load.c ----------------------- */

struct dfsr_configdb;
struct tevent_context;

/**
 * Open or create <dir>/config.ldb with the schema.
 * @return 0, or an errno with a line in *why (below mem_ctx)
 */
int dfsr_configdb_open(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		       const char *dir, struct dfsr_configdb **db, char **why);
/** Read a snapshot. */
int dfsr_configdb_load(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
		       struct dfsr_config **config, char **why);
/** The whole configuration as LDIF, without this node's own state. */
int dfsr_configdb_export(struct dfsr_configdb *db, TALLOC_CTX *mem_ctx,
			 uint64_t *epoch, char **ldif);
/**
 * Replace the copy by the active node's. Refused when the epoch is not higher,
 * when it does not parse or validate, or when this node is the active one.
 */
int dfsr_configdb_import(struct dfsr_configdb *db, const char *ldif,
			 TALLOC_CTX *mem_ctx, char **why);

/* ---- changes: config/config_change_*.c --------------------------------------
 *
 * All return 0, EINVAL (wrong words: exit status 2), or another errno (exit
 * status 1: ENOENT, EEXIST, ENOTEMPTY, …), with one clear line in *why below
 * mem_ctx. On an error nothing has changed. With dry_run nothing changes
 * either and 0 means that it would have worked. Every change raises the epoch.
 */
struct dfsr_change {
	struct dfsr_configdb *db;
	TALLOC_CTX *mem_ctx;
	bool dry_run;
	char **why;
	const struct dfsr_env *env;
};

/** This node itself: first node of a new configuration, which it holds. */
int dfsr_config_node_init(const struct dfsr_change *ch, const char *name,
			  const char *host, uint16_t port,
			  const uint8_t fingerprint[32]);
/** Change name or address of a node; NULL and 0 keep them. */
int dfsr_config_node_modify(const struct dfsr_change *ch, const char *node,
			    const char *host, uint16_t port);
int dfsr_config_node_remove(const struct dfsr_change *ch, const char *node);
/** Draw a one-time secret, stored as a hash with its expiry. */
int dfsr_config_invite(const struct dfsr_change *ch, uint8_t secret[32]);
/**
 * Admit a node that presented a secret: checks hash, expiry and that it was
 * not used before, adds the node, ends the token; one transaction.
 * @return EACCES for a token that is wrong, used or expired
 */
int dfsr_config_admit(const struct dfsr_change *ch, const uint8_t secret[32],
		      const struct dfsr_guid *node, const char *name,
		      const char *host, uint16_t port,
		      const uint8_t fingerprint[32]);
/** Become a follower of the configuration that was received at a join. */
int dfsr_config_adopt(const struct dfsr_change *ch,
		      const struct dfsr_guid *self, const char *ldif);

int dfsr_config_group_create(const struct dfsr_change *ch, const char *group,
			     const char *description);
int dfsr_config_group_modify(const struct dfsr_change *ch, const char *group,
			     const char *new_name, const char *description);
int dfsr_config_group_delete(const struct dfsr_change *ch, const char *group,
			     bool force);
int dfsr_config_folder_create(const struct dfsr_change *ch, const char *group,
			      const char *folder, const char *description,
			      const char *file_filter,
			      const char *directory_filter);
int dfsr_config_folder_modify(const struct dfsr_change *ch, const char *group,
			      const char *folder, const char *new_name,
			      const char *description,
			      const char *file_filter,
			      const char *directory_filter);
int dfsr_config_folder_delete(const struct dfsr_change *ch, const char *group,
			      const char *folder, bool force);
int dfsr_config_member_add(const struct dfsr_change *ch, const char *group,
			   const char *node);
int dfsr_config_member_remove(const struct dfsr_change *ch, const char *group,
			      const char *node);
/** What `membership set` may say; unset parts keep what is there. */
struct dfsr_membership_change {
	const char *content_path;
	const char *staging_path;
	const char *conflict_path;
	int enabled;   /* -1 unset, 0, 1 */
	int read_only;
	int primary;
	int preserve_deleted;
	int64_t staging_quota_mb; /* -1 unset */
	int64_t conflict_quota_mb;
};
/**
 * Checks what the configuration can know: absolute, clean, not inside or
 * around another content path of the same node, one primary a folder. What
 * the disk says is checked by the node itself (agent).
 */
int dfsr_config_membership_set(const struct dfsr_change *ch,
			       const char *group, const char *folder,
			       const char *node,
			       const struct dfsr_membership_change *m);
int dfsr_config_connection_create(const struct dfsr_change *ch,
				  const char *group, const char *from,
				  const char *to, bool one_way, int enabled,
				  int rdc, int64_t rdc_min_kb);
int dfsr_config_connection_delete(const struct dfsr_change *ch,
				  const char *group, const char *from,
				  const char *to, bool one_way);

#endif /* __DFSR_CONFIG_H__ */
