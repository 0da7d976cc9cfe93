/*
   Samba DFS Replication
   The verbs of nodes

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

#include <errno.h>
#include <string.h>
#include "agent_control_config.h"
#include "agent_control_json.h"

static const struct dfsr_config_node *self_node(struct dfsr_agent *agent)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);

	return dfsr_config_node_by_guid(config, &config->self);
}

static json_t *show(struct dfsr_agent *agent,
		    const struct dfsr_config_node *n)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	const struct dfsr_config_node *active =
		dfsr_config_node_by_guid(config, &config->active);
	json_t *json = dfsr_json_node(agent, config, n);

	json_object_set_new(json, "active_node",
			    json_string(active != NULL ? active->name : ""));
	json_object_set_new(json, "nodes",
			    json_integer((json_int_t)config->num_nodes));
	json_object_set_new(json, "config_epoch",
			    json_integer((json_int_t)config->epoch));
	return json;
}

int dfsr_verb_node_show(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			json_t *request, json_t **result, char **why)
{
	const struct dfsr_config_node *n = self_node(agent);
	const char *name = dfsr_control_arg(request, 0);
	int err;

	if (name != NULL) {
		err = dfsr_control_node(dfsr_agent_config(agent), name,
					mem_ctx, &n, why);
		if (err != 0) {
			return err;
		}
	}
	if (n == NULL) {
		*why = talloc_strdup(mem_ctx,
				     "this node is not in the configuration: "
				     "it has no identity or was removed");
		return ENOENT;
	}
	*result = show(agent, n);
	return 0;
}

int dfsr_verb_node_list(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			json_t *request, json_t **result, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	uint32_t i;

	(void)mem_ctx;
	(void)request;
	(void)why;
	*result = json_array();
	for (i = 0; i < config->num_nodes; i++) {
		json_array_append_new(
			*result,
			dfsr_json_node(agent, config, &config->nodes[i]));
	}
	return 0;
}

static int parse_address(json_t *request, TALLOC_CTX *mem_ctx, char **host,
			 uint16_t *port, char **why)
{
	const char *address = dfsr_control_option(request, "address");

	if (address == NULL) {
		return 0;
	}
	if (dfsr_config_address_parse(mem_ctx, address, host, port) != 0) {
		*why = talloc_asprintf(mem_ctx,
				       "address \"%s\" is not acceptable: "
				       "HOST, HOST:PORT or [IPV6]:PORT",
				       address);
		return EINVAL;
	}
	return 0;
}

/** This node takes another name or address while it is alone. */
static int init_again(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
		      json_t *request, const struct dfsr_config_node *n,
		      char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);
	const char *name = dfsr_control_option(request, "name");
	char *host = n->host;
	uint16_t port = n->port;
	int err = parse_address(request, mem_ctx, &host, &port, why);

	if (err != 0) {
		return err;
	}
	if (name == NULL) {
		name = n->name;
	}
	if (strcmp(name, n->name) == 0 && strcmp(host, n->host) == 0 &&
	    port == n->port) {
		return 0;
	}
	return dfsr_control_changed(
		agent, request,
		dfsr_config_node_init(&ch, name, host, port, n->fingerprint));
}

int dfsr_verb_node_init(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			json_t *request, json_t **result, char **why)
{
	const struct dfsr_config_node *n = self_node(agent);
	int err;

	if (n == NULL) {
		*why = talloc_strdup(mem_ctx,
				     "this node was removed from its "
				     "configuration: stop dfsrd, move its "
				     "folder in the state directory away, and "
				     "start anew");
		return EPERM;
	}
	err = init_again(agent, mem_ctx, request, n, why);
	if (err != 0) {
		return err;
	}
	n = self_node(agent);
	if (n != NULL) {
		*result = show(agent, n);
	}
	return 0;
}

int dfsr_verb_node_modify(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			  json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);
	const struct dfsr_config_node *n = NULL;
	const char *name = dfsr_control_arg(request, 0);
	char *host = NULL;
	uint16_t port;
	int err = dfsr_control_node(dfsr_agent_config(agent), name, mem_ctx,
				    &n, why);

	(void)result;
	if (err != 0) {
		return err;
	}
	port = n->port;
	err = parse_address(request, mem_ctx, &host, &port, why);
	if (err == 0 && host == NULL) {
		*why = talloc_strdup(mem_ctx, "nothing to change: give "
				     "--address=HOST[:PORT]");
		err = EINVAL;
	}
	if (err != 0) {
		return err;
	}
	return dfsr_control_changed(
		agent, request, dfsr_config_node_modify(&ch, name, host, port));
}

int dfsr_verb_node_invite(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			  json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);
	const struct dfsr_config_node *n = self_node(agent);
	struct dfsr_token token;
	char *text = NULL;
	char *expires;
	int err;

	if (n == NULL) {
		*why = talloc_strdup(mem_ctx, "this node has no identity yet");
		return ENOENT;
	}
	memset(&token, 0, sizeof(token));
	memcpy(token.host, n->host, strlen(n->host));
	token.port = n->port;
	memcpy(token.fingerprint, n->fingerprint, sizeof(token.fingerprint));
	err = dfsr_config_invite(&ch, token.secret);
	if (err == 0 && ch.dry_run) {
		return 0;
	}
	if (err == 0) {
		err = dfsr_token_format(mem_ctx, &token, &text);
	}
	if (err != 0) {
		return err;
	}
	expires = dfsr_time_str(mem_ctx,
				ch.env->now(ch.env->private_data) +
					(uint64_t)DFSR_CONFIG_TOKEN_HOURS *
						3600 * 10000000);
	*result = json_pack("{s:s, s:s}", "token", text, "expires",
			    expires != NULL ? expires : "");
	return *result == NULL ? ENOMEM : 0;
}

int dfsr_verb_node_remove(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			  json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);
	const char *name = dfsr_control_arg(request, 0);
	int err = dfsr_config_node_remove(&ch, name);

	(void)result;
	if (err == 0 && !ch.dry_run) {
		dfsr_eventlog_add(dfsr_agent_eventlog(agent),
				  DFSR_EVENT_NODE_REMOVED,
				  json_pack("{s:s}", "node", name),
				  "Node %s was removed; its key is never "
				  "admitted again", name);
	}
	return dfsr_control_changed(agent, request, err);
}
