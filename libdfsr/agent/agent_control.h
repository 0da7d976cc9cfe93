/*
   Samba DFS Replication
   Verbs: how a request finds its handler and its node

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

#ifndef __AGENT_CONTROL_H__
#define __AGENT_CONTROL_H__

#include <jansson.h>
#include "dfsr_agent.h"
#include "dfsr_config.h"
#include "dfsr_peer.h"
#include "agent_event.h"

#define DFSR_CONTROL_ARGS_MAX 16
#define DFSR_CONTROL_OPTIONS_MAX 64
#define DFSR_CONTROL_WORD_MAX 8192

/* ---- what the agent gives: agent/agent.c and its neighbours -------------- */

struct dfsr_configdb *dfsr_agent_configdb(struct dfsr_agent *agent);
/** The current snapshot. */
const struct dfsr_config *dfsr_agent_config(struct dfsr_agent *agent);
/** To be called after each change: load, apply, tell the other nodes. */
void dfsr_agent_config_changed(struct dfsr_agent *agent);
const struct dfsr_identity *dfsr_agent_identity(struct dfsr_agent *agent);
struct dfsr_eventlog *dfsr_agent_eventlog(struct dfsr_agent *agent);
const struct dfsr_env *dfsr_agent_env(struct dfsr_agent *agent);
/** True if there is a trusted connection with the node now. */
bool dfsr_agent_node_connected(struct dfsr_agent *agent,
			       const struct dfsr_guid *node);
/**
 * What the disk says about a content path of this node: it exists, is a
 * directory, on a filesystem with xattrs, writable, and not inside or around
 * another folder, by its real path.
 * @return 0, or an errno with one line in *why below mem_ctx
 */
int dfsr_agent_check_content(struct dfsr_agent *agent, const char *path,
			     TALLOC_CTX *mem_ctx, char **why);
/**
 * Carry a request to another node.
 * @param[in] request borrowed reference
 */
struct tevent_req *dfsr_agent_forward_send(TALLOC_CTX *mem_ctx,
					   struct tevent_context *ev,
					   struct dfsr_agent *agent,
					   const struct dfsr_guid *node,
					   json_t *request);
/**
 * @param[out] answer a new reference, as of dfsr_agent_control_recv()
 * @return 0, ENOTCONN when the node cannot be reached, or another errno
 */
int dfsr_agent_forward_recv(struct tevent_req *req, json_t **answer);

/* ---- handlers ------------------------------------------------------------ */

/**
 * A verb that is done at once.
 * @param[in]  request borrowed; its shape was checked (see control_arg())
 * @param[out] result  a new reference, or left NULL
 * @param[out] why     one line below mem_ctx when it fails
 * @return 0; EINVAL for exit status 2; any other errno for exit status 1
 */
typedef int (*dfsr_verb_fn)(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			    json_t *request, json_t **result, char **why);
/** A verb that takes time; the request is borrowed: keep a reference. */
typedef struct tevent_req *(*dfsr_verb_send_fn)(TALLOC_CTX *mem_ctx,
						struct tevent_context *ev,
						struct dfsr_agent *agent,
						json_t *request);
typedef int (*dfsr_verb_recv_fn)(struct tevent_req *req, TALLOC_CTX *mem_ctx,
				 json_t **result, char **why);

enum dfsr_verb_where {
	DFSR_VERB_LOCAL,  /* on the node that is asked */
	DFSR_VERB_ACTIVE, /* on the node with the active configuration */
	DFSR_VERB_NODE,	  /* on the node that the argument `node_arg` names */
};

#define DFSR_VERB_REMOTE 0x1 /* LOCAL, and another node may ask for it */

/*
 * Nouns that have no verb on the command line (backlog, state, wait, events,
 * filehash, idrecord) have the verb "show".
 */

struct dfsr_verb {
	const char *noun;
	const char *verb;
	enum dfsr_verb_where where;
	uint32_t flags;
	uint32_t node_arg;
	uint32_t args_min;
	uint32_t args_max;
	dfsr_verb_fn fn; /* or both of: */
	dfsr_verb_send_fn send;
	dfsr_verb_recv_fn recv;
};

/** The argument, or NULL when there are fewer. */
const char *dfsr_control_arg(json_t *request, size_t i);
/** The option's value, or NULL. Flags have the value "yes". */
const char *dfsr_control_option(json_t *request, const char *name);
bool dfsr_control_dry_run(json_t *request);
/** A yes/no option. @return 0 with -1 when it is not there, or EINVAL */
int dfsr_control_bool(json_t *request, const char *name, TALLOC_CTX *mem_ctx,
		      int *value, char **why);
/** A number from 0 to max. @return 0 with def when it is not there */
int dfsr_control_number(json_t *request, const char *name, int64_t max,
			int64_t def, TALLOC_CTX *mem_ctx, int64_t *value,
			char **why);
/** GROUP and FOLDER of the first two arguments, or ENOENT with a line. */
int dfsr_control_folder(const struct dfsr_config *config, json_t *request,
			TALLOC_CTX *mem_ctx,
			const struct dfsr_config_group **group,
			const struct dfsr_config_folder **folder, char **why);
/** A node by its name, or ENOENT with a line. */
int dfsr_control_node(const struct dfsr_config *config, const char *name,
		      TALLOC_CTX *mem_ctx,
		      const struct dfsr_config_node **node, char **why);

/**
 * As dfsr_agent_control_send() for a request that came from another node: only
 * verbs that other nodes may ask for, and never passed on. Ends with
 * dfsr_agent_control_recv().
 */
struct tevent_req *dfsr_agent_control_remote_send(TALLOC_CTX *mem_ctx,
						  struct tevent_context *ev,
						  struct dfsr_agent *agent,
						  const struct dfsr_guid *from,
						  json_t *request);

/* agent/agent_control_config.c */
extern const struct dfsr_verb dfsr_verbs_config[];
extern const size_t dfsr_num_verbs_config;
/* agent/agent_control_state.c */
extern const struct dfsr_verb dfsr_verbs_state[];
extern const size_t dfsr_num_verbs_state;

#endif /* __AGENT_CONTROL_H__ */
