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
 * The configuration lives in an ldb with Microsoft's msDFSR-* schema
 * (windows-dfs section 3; nodes are objects of our own class). Everybody else
 * sees one read-only snapshot, struct dfsr_config; a change is a function that
 * checks everything first, changes the ldb in one transaction, and leaves a
 * new epoch. Called on the event loop; small and rare.
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
#define DFSR_CONFIG_HOST_MAX 253
#define DFSR_CONFIG_QUOTA_MB_MAX ((int64_t)1 << 32)
#define DFSR_CONFIG_RDC_KB_MAX ((int64_t)1 << 40)
/** What a membership gets that says nothing (windows-dfs 1.5). */
#define DFSR_CONFIG_QUOTA_MB_DEFAULT 4096
#define DFSR_CONFIG_RDC_KB_DEFAULT 64
/** The whole configuration: it travels as one message. */
#define DFSR_CONFIG_OBJECTS_MAX 32768
#define DFSR_CONFIG_LDIF_MAX (15 * 1024 * 1024)

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

/** What is said about a member (msDFSR-Member). */
struct dfsr_config_member {
	struct dfsr_guid node;
	char *description; /* NULL: none */
};

struct dfsr_config_group {
	struct dfsr_guid guid;
	char *name;
	char *description;
	uint32_t num_members;
	struct dfsr_guid *members; /* node GUIDs */
	struct dfsr_config_member *member_info; /* of the same, in order */
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

/* ---- lookups: config/config_find.c; NULL if there is none ---------------- */

/** The first object with that identifier or name. */
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
const struct dfsr_config_member *
dfsr_config_member(const struct dfsr_config_group *g,
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

/* ---- the database: config/config_db.c, config_load.c --------------------- */

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

/**
 * This node itself: first node of a new configuration, which it holds. As long
 * as it is alone and has no groups it may be called again and takes a new name
 * and address; the GUID stays. Else EEXIST.
 */
int dfsr_config_node_init(const struct dfsr_change *ch, const char *name,
			  const char *host, uint16_t port,
			  const uint8_t fingerprint[32]);
/** Change the address of a node; NULL and 0 keep host and port. */
int dfsr_config_node_modify(const struct dfsr_change *ch, const char *node,
			    const char *host, uint16_t port);
/**
 * Take a node out of everything. Its key and its GUID are never admitted
 * again (semantics B21).
 */
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
/**
 * Become a follower of the configuration that was received at a join. EEXIST
 * when this node belongs to one with other nodes or groups already.
 */
int dfsr_config_adopt(const struct dfsr_change *ch,
		      const struct dfsr_guid *self, const char *ldif);

/**
 * The objects of a group, by name. A NULL argument of _modify keeps what is
 * there; force deletes what others still hang off.
 */
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
int dfsr_config_member_modify(const struct dfsr_change *ch, const char *group,
			      const char *node, const char *description);
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
/** -1 keeps a value. */
int dfsr_config_connection_modify(const struct dfsr_change *ch,
				  const char *group, const char *from,
				  const char *to, bool one_way, int enabled,
				  int rdc, int64_t rdc_min_kb);
int dfsr_config_connection_delete(const struct dfsr_change *ch,
				  const char *group, const char *from,
				  const char *to, bool one_way);

/* ---- what may be said: config/config_valid.c ----------------------------- */

/**
 * True for the name of a group, folder or node: 1 to DFSR_CONFIG_NAME_MAX
 * bytes of UTF-8, no control characters, none of /\:*?"<>|, no blank at
 * either end.
 */
bool dfsr_config_name_valid(const char *name);
/** True for a host name or an address. */
bool dfsr_config_host_valid(const char *host);
/**
 * An absolute path in its one form: no empty or "." component, no slash at
 * the end.
 * @return 0, or EINVAL with a line that starts with what
 */
int dfsr_config_path_clean(TALLOC_CTX *mem_ctx, const char *what,
			   const char *path, char **clean, char **why);
/** Split HOST, HOST:PORT, [V6]:PORT or V6; *port stays when there is none. */
int dfsr_config_address_parse(TALLOC_CTX *mem_ctx, const char *address,
			      char **host, uint16_t *port);
/** The reverse, with brackets where they are needed. */
char *dfsr_config_address_str(TALLOC_CTX *mem_ctx, const char *host,
			      uint16_t port);
/** A name for this node made of the host's. */
char *dfsr_config_default_name(TALLOC_CTX *mem_ctx);

/* ---- tokens of `node invite`: config/config_token.c ---------------------- */

/** What a new node has to know of the one that it asks. */
struct dfsr_token {
	char host[DFSR_CONFIG_HOST_MAX + 1];
	uint16_t port;
	uint8_t fingerprint[32];
	uint8_t secret[32];
};

/** Longest printed token. */
#define DFSR_TOKEN_STRLEN_MAX 512

/** One printable word below mem_ctx. @return 0, EINVAL, ENOMEM */
int dfsr_token_format(TALLOC_CTX *mem_ctx, const struct dfsr_token *token,
		      char **text);
/** @return 0, or EINVAL for a word that is no token, or not all of one */
int dfsr_token_parse(const char *text, struct dfsr_token *token);

/* ---- smb.conf: config/config_smbconf.c ----------------------------------- */

#define DFSR_WORKERS_DEFAULT 4
#define DFSR_WORKERS_MAX 64

/** Everything that is taken from smb.conf; strings are talloc children. */
struct dfsr_smbconf {
	char *file;
	char *dfs_dir;	 /* <state directory>/dfs */
	char *run_dir;	 /* <lock directory>/dfs */
	char *control;	 /* <lock directory>/dfs/control */
	char *pid_file;	 /* <pid directory>/dfsrd.pid */
	char *log_file;	 /* `log file` as the daemons of Samba do it */
	uint64_t log_size; /* `max log size` in bytes, 0 for no limit */
	int log_level;	 /* `log level`, with dfsr:N */
	char *interfaces; /* dfsr:interfaces, NULL for all */
	uint16_t port;	 /* dfsr:port */
	uint32_t workers; /* dfsr:workers */
};

/**
 * Read smb.conf with Samba's own parser.
 * @param[in]  file  NULL for the system's
 * @return 0, or an errno with one line in *why below mem_ctx
 */
int dfsr_smbconf_load(TALLOC_CTX *mem_ctx, const char *file,
		      struct dfsr_smbconf **conf, char **why);
/** The level for dfsrd in a `log level` line. */
int dfsr_smbconf_level(const char *value);

#endif /* __DFSR_CONFIG_H__ */
