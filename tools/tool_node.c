/*
   Samba DFS Replication
   samba-dfs node

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
 * init and show work on the files when there is no dfsrd: a node gets its
 * identity before its daemon is started for the first time.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "dfsr_config.h"
#include "dfsr_peer.h"
#include "tool.h"

#define FILETIME_EPOCH ((uint64_t)116444736000000000)

static const struct tool_column node_columns[] = {
	{"Name", "name", TOOL_TEXT},
	{"GUID", "guid", TOOL_TEXT},
	{"Address", "address", TOOL_TEXT},
	{"Fingerprint", "fingerprint", TOOL_TEXT},
	{"Active node", "active_node", TOOL_TEXT},
	{"Nodes", "nodes", TOOL_NUMBER},
	{"Configuration epoch", "config_epoch", TOOL_NUMBER},
	{NULL, NULL, TOOL_TEXT},
};

static const struct tool_column list_columns[] = {
	{"NAME", "name", TOOL_TEXT},
	{"ADDRESS", "address", TOOL_TEXT},
	{"SELF", "self", TOOL_YES},
	{"ACTIVE", "active", TOOL_YES},
	{"CONNECTED", "connected", TOOL_YES},
	{"FINGERPRINT", "fingerprint", TOOL_TEXT},
	{NULL, NULL, TOOL_TEXT},
};

static void print_node(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_object(result, node_columns);
}

static void print_list(struct tool *t, json_t *result)
{
	(void)t;
	tool_print_table(result, list_columns);
}

static void print_token(struct tool *t, json_t *result)
{
	(void)t;
	printf("%s\n",
	       json_string_value(json_object_get(result, "token")));
}

static void print_joined(struct tool *t, json_t *result)
{
	printf("this node %s the configuration of ",
	       t->dry_run ? "can join" : "has joined");
	tool_print_text(
		json_string_value(json_object_get(result, "joined")));
	printf(": \"samba-dfs node list\" shows its nodes\n");
}

/* ---- without a daemon ---------------------------------------------------- */

static uint64_t env_now(void *private_data)
{
	struct timespec ts;

	(void)private_data;
	clock_gettime(CLOCK_REALTIME, &ts);
	return FILETIME_EPOCH + (uint64_t)ts.tv_sec * 10000000 +
	       (uint64_t)ts.tv_nsec / 100;
}

static void env_random(void *private_data, void *buf, size_t len)
{
	uint8_t *p = buf;

	(void)private_data;
	while (len > 0) {
		ssize_t got = getrandom(p, len, 0);

		if (got > 0) {
			p += got;
			len -= (size_t)got;
		}
	}
}

static const struct dfsr_env tool_env = {
	.now = env_now,
	.random = env_random,
};

/** <state directory>, which is Samba's, and dfs in it, which is ours. */
static int make_dirs(struct tool *t)
{
	const char *dir = t->conf->dfs_dir;
	char *parent = talloc_strndup(t->conf, dir,
				      (size_t)(strrchr(dir, '/') - dir));
	int err = 0;

	if (parent == NULL) {
		return tool_fail(TOOL_FAILED, "out of memory");
	}
	if (mkdir(parent, 0755) == 0 && chmod(parent, 0755) == -1) {
		err = errno;
	}
	if (err == 0 && mkdir(dir, 0700) == -1 && errno != EEXIST) {
		err = errno;
	}
	if (err != 0) {
		return tool_fail(TOOL_FAILED, "cannot make the folder %s: %s",
				 dir, strerror(err));
	}
	return TOOL_DONE;
}

static int load_identity(struct tool *t, bool create, const char *name,
			 struct dfsr_identity **id)
{
	const char *dir = t->conf->dfs_dir;
	int err = dfsr_identity_load(t->conf, dir, id);

	if (err == ENOENT && create) {
		err = dfsr_identity_create(dir, name);
		if (err == 0 || err == EEXIST) {
			err = dfsr_identity_load(t->conf, dir, id);
		}
	}
	if (err == 0) {
		return TOOL_DONE;
	}
	if (err == ENOENT) {
		return tool_fail(TOOL_FAILED,
				 "this node has no identity yet: `samba-dfs "
				 "node init` makes one");
	}
	return tool_fail(TOOL_FAILED, "the key and certificate in %s: %s", dir,
			 err == EBADMSG ? "they do not fit together"
					: strerror(err));
}

static json_t *show_json(const struct dfsr_config *config)
{
	const struct dfsr_config_node *n =
		dfsr_config_node_by_guid(config, &config->self);
	const struct dfsr_config_node *active =
		dfsr_config_node_by_guid(config, &config->active);
	char fingerprint[DFSR_FINGERPRINT_STRLEN];
	char guid[DFSR_GUID_STRLEN];
	char *address = dfsr_config_address_str(NULL, n->host, n->port);
	json_t *json;

	json = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:i, s:I}",
			 "name", n->name, "guid",
			 dfsr_guid_str(&n->guid, guid), "address",
			 address != NULL ? address : "", "fingerprint",
			 dfsr_fingerprint_str(n->fingerprint, fingerprint),
			 "self", true, "active", active == n, "active_node",
			 active != NULL ? active->name : "", "nodes",
			 (int)config->num_nodes, "config_epoch",
			 (json_int_t)config->epoch);
	talloc_free(address);
	return json;
}

static int show_config(struct tool *t, const struct dfsr_config *config)
{
	json_t *json;

	if (dfsr_config_node_by_guid(config, &config->self) == NULL) {
		return tool_fail(TOOL_FAILED,
				 "this node is not in its configuration: it "
				 "has no identity yet (`samba-dfs node init` "
				 "makes one) or was removed");
	}
	json = show_json(config);
	if (t->json) {
		tool_print_json(json);
	} else {
		print_node(t, json);
	}
	json_decref(json);
	return TOOL_DONE;
}

/** What the command line says, or what is there, or what the host says. */
static int wanted_node(struct tool *t, const struct dfsr_config *config,
		       char **name, char **host, uint16_t *port)
{
	const struct dfsr_config_node *n =
		dfsr_config_node_by_guid(config, &config->self);
	const char *option = tool_option(t, "name");
	const char *address = tool_option(t, "address");
	char hostname[256] = "localhost";

	if (gethostname(hostname, sizeof(hostname) - 1) == -1 ||
	    !dfsr_config_host_valid(hostname)) {
		strcpy(hostname, "localhost");
	}
	if (option != NULL) {
		*name = talloc_strdup(t->conf, option);
	} else {
		*name = n != NULL ? talloc_strdup(t->conf, n->name)
				  : dfsr_config_default_name(t->conf);
	}
	*port = n != NULL ? n->port : t->conf->port;
	if (address == NULL) {
		*host = talloc_strdup(t->conf,
				      n != NULL ? n->host : hostname);
	} else if (dfsr_config_address_parse(t->conf, address, host, port) !=
		   0) {
		return tool_fail(TOOL_USAGE,
				 "address \"%s\" is not acceptable: HOST, "
				 "HOST:PORT or [IPV6]:PORT", address);
	}
	if (!dfsr_config_name_valid(*name)) {
		return tool_fail(TOOL_USAGE,
				 "node name \"%s\" is not acceptable: 1 to %d "
				 "bytes, no control characters, none of "
				 "/\\:*?\"<>|, no blank at either end", *name,
				 DFSR_CONFIG_NAME_MAX);
	}
	return TOOL_DONE;
}

static bool is_same(const struct dfsr_config *config, const char *name,
		    const char *host, uint16_t port)
{
	const struct dfsr_config_node *n =
		dfsr_config_node_by_guid(config, &config->self);

	return n != NULL && strcmp(n->name, name) == 0 &&
	       strcmp(n->host, host) == 0 && n->port == port;
}

static int open_config(struct tool *t, struct dfsr_configdb **db,
		       struct dfsr_config **config)
{
	char *why = NULL;
	int err = dfsr_configdb_open(t->conf, NULL, t->conf->dfs_dir, db,
				     &why);

	if (err == 0) {
		err = dfsr_configdb_load(*db, t->conf, config, &why);
	}
	if (err != 0) {
		return tool_fail(TOOL_FAILED, "%s",
				 why != NULL ? why : strerror(err));
	}
	return TOOL_DONE;
}

static int init_on_files(struct tool *t)
{
	struct dfsr_identity *id = NULL;
	struct dfsr_configdb *db = NULL;
	struct dfsr_config *config = NULL;
	struct dfsr_change ch = {.mem_ctx = t->conf, .env = &tool_env};
	char *why = NULL;
	char *name = NULL;
	char *host = NULL;
	uint16_t port = 0;
	int status = make_dirs(t);
	int err;

	if (status == TOOL_DONE) {
		status = open_config(t, &db, &config);
	}
	if (status == TOOL_DONE) {
		status = wanted_node(t, config, &name, &host, &port);
	}
	if (status == TOOL_DONE) {
		status = load_identity(t, true, name, &id);
	}
	if (status != TOOL_DONE || is_same(config, name, host, port)) {
		return status != TOOL_DONE ? status : show_config(t, config);
	}
	ch.db = db;
	ch.why = &why;
	err = dfsr_config_node_init(&ch, name, host, port,
				    dfsr_identity_fingerprint(id));
	if (err != 0) {
		return tool_fail(err == EINVAL ? TOOL_USAGE : TOOL_FAILED,
				 "%s", why);
	}
	err = dfsr_configdb_load(db, t->conf, &config, &why);
	if (err != 0) {
		return tool_fail(TOOL_FAILED, "%s", why);
	}
	return show_config(t, config);
}

static int starting(void)
{
	return tool_fail(TOOL_FAILED,
			 "dfsrd is starting or stopping: try again");
}

static int run_init(struct tool *t)
{
	if (tool_daemon_runs(t)) {
		return tool_run(t);
	}
	if (tool_daemon_holds(t)) {
		return starting();
	}
	if (t->dry_run) {
		return tool_fail(TOOL_USAGE, "--dry-run: node init without "
				 "dfsrd cannot be tried only");
	}
	umask(077);
	return init_on_files(t);
}

static int run_show(struct tool *t)
{
	struct dfsr_identity *id = NULL;
	struct dfsr_configdb *db = NULL;
	struct dfsr_config *config = NULL;
	int status;

	if (tool_daemon_runs(t) || tool_arg(t, 0) != NULL) {
		return tool_run(t);
	}
	if (tool_daemon_holds(t)) {
		return starting();
	}
	status = load_identity(t, false, NULL, &id);
	if (status == TOOL_DONE) {
		status = open_config(t, &db, &config);
	}
	if (status == TOOL_DONE) {
		status = show_config(t, config);
	}
	return status;
}

static int run_join(struct tool *t)
{
	struct dfsr_token token;

	if (dfsr_token_parse(tool_arg(t, 0), &token) != 0) {
		return tool_fail(TOOL_USAGE,
				 "this is no token, or not all of one: it is "
				 "the word that `samba-dfs node invite` "
				 "prints on another node");
	}
	memset(&token, 0, sizeof(token));
	return tool_run(t);
}

static const struct tool_option init_options[] = {
	{"name", TOOL_VALUE, "NAME", "Name of the node (the host's)", false},
	{"address", TOOL_VALUE, "HOST[:PORT]",
	 "Where the other nodes reach it", false},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

static const struct tool_option modify_options[] = {
	{"address", TOOL_VALUE, "HOST[:PORT]",
	 "Where the other nodes reach it", true},
	{NULL, TOOL_FLAG, NULL, NULL, false},
};

const struct tool_verb tool_verbs_node[] = {
	{"node", "init", "", 0, 0,
	 "Make this node's key and certificate, and its configuration", true,
	 init_options, run_init, print_node},
	{"node", "show", "[NODE]", 0, 1, "Show this node, or another", false,
	 NULL, run_show, print_node},
	{"node", "list", "", 0, 0, "List all nodes", false, NULL, NULL,
	 print_list},
	{"node", "modify", "NODE", 1, 1, "Change a node's address", true,
	 modify_options, NULL, NULL},
	{"node", "invite", "", 0, 0,
	 "Print a token with which one new node may join", true, NULL, NULL,
	 print_token},
	{"node", "join", "TOKEN", 1, 1,
	 "Join the configuration of the node that printed the token", true,
	 NULL, run_join, print_joined},
	{"node", "remove", "NODE", 1, 1,
	 "Remove a node; its key is never admitted again", true, NULL, NULL,
	 NULL},
	{.noun = NULL},
};
