/*
   Samba DFS Replication
   The verbs that read the configuration

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

/** The group of the first argument, or NULL for all. */
static int group_filter(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			json_t *request,
			const struct dfsr_config_group **group, char **why)
{
	const char *name = dfsr_control_arg(request, 0);

	*group = NULL;
	if (name == NULL) {
		return 0;
	}
	*group = dfsr_config_group_by_name(dfsr_agent_config(agent), name);
	if (*group == NULL) {
		*why = talloc_asprintf(mem_ctx,
				       "unknown group \"%s\": `samba-dfs "
				       "group list` shows them", name);
		return ENOENT;
	}
	return 0;
}

int dfsr_verb_group_list(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			 json_t *request, json_t **result, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	uint32_t i;

	(void)mem_ctx;
	(void)request;
	(void)why;
	*result = json_array();
	for (i = 0; i < config->num_groups; i++) {
		json_array_append_new(*result,
				      dfsr_json_group(&config->groups[i]));
	}
	return 0;
}

static void add_folders(json_t *list, const struct dfsr_config_group *g)
{
	uint32_t i;

	for (i = 0; i < g->num_folders; i++) {
		json_array_append_new(list,
				      dfsr_json_folder(g, &g->folders[i]));
	}
}

static void add_members(json_t *list, const struct dfsr_config *config,
			const struct dfsr_config_group *g)
{
	uint32_t i;

	for (i = 0; i < g->num_members; i++) {
		json_array_append_new(
			list, dfsr_json_member(config, g, &g->members[i]));
	}
}

static void add_memberships(json_t *list, const struct dfsr_config *config,
			    const struct dfsr_config_group *g,
			    const struct dfsr_config_folder *f,
			    const struct dfsr_config_node *node)
{
	uint32_t i;

	for (i = 0; i < f->num_memberships; i++) {
		const struct dfsr_config_membership *m = &f->memberships[i];

		if (node != NULL && dfsr_guid_cmp(&m->node, &node->guid) != 0) {
			continue;
		}
		json_array_append_new(list,
				      dfsr_json_membership(config, g, f, m));
	}
}

static void add_connections(json_t *list, const struct dfsr_config *config,
			    const struct dfsr_config_group *g, const char *from,
			    const char *to)
{
	uint32_t i;

	for (i = 0; i < g->num_connections; i++) {
		json_t *json =
			dfsr_json_connection(config, g, &g->connections[i]);
		const char *f =
			json_string_value(json_object_get(json, "from"));
		const char *t = json_string_value(json_object_get(json, "to"));

		if (f != NULL && t != NULL &&
		    (from == NULL || dfsr_fold_equal(f, from)) &&
		    (to == NULL || dfsr_fold_equal(t, to))) {
			json_array_append(list, json);
		}
		json_decref(json);
	}
}

int dfsr_verb_group_show(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			 json_t *request, json_t **result, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	const struct dfsr_config_group *g = NULL;
	json_t *members = json_array();
	json_t *folders = json_array();
	json_t *memberships = json_array();
	json_t *connections = json_array();
	uint32_t i;
	int err = group_filter(agent, mem_ctx, request, &g, why);

	if (err == 0) {
		*result = dfsr_json_group(g);
		add_members(members, config, g);
		add_folders(folders, g);
		for (i = 0; i < g->num_folders; i++) {
			add_memberships(memberships, config, g, &g->folders[i],
					NULL);
		}
		add_connections(connections, config, g, NULL, NULL);
		json_object_set(*result, "members", members);
		json_object_set(*result, "folders", folders);
		json_object_set(*result, "memberships", memberships);
		json_object_set(*result, "connections", connections);
	}
	json_decref(members);
	json_decref(folders);
	json_decref(memberships);
	json_decref(connections);
	return err;
}

int dfsr_verb_folder_list(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			  json_t *request, json_t **result, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	const struct dfsr_config_group *g = NULL;
	uint32_t i;
	int err = group_filter(agent, mem_ctx, request, &g, why);

	if (err != 0) {
		return err;
	}
	*result = json_array();
	for (i = 0; i < config->num_groups; i++) {
		if (g == NULL || g == &config->groups[i]) {
			add_folders(*result, &config->groups[i]);
		}
	}
	return 0;
}

int dfsr_verb_folder_show(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			  json_t *request, json_t **result, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *f = NULL;
	json_t *memberships;
	int err = dfsr_control_folder(config, request, mem_ctx, &g, &f, why);

	if (err != 0) {
		return err;
	}
	*result = dfsr_json_folder(g, f);
	memberships = json_array();
	add_memberships(memberships, config, g, f, NULL);
	json_object_set_new(*result, "memberships", memberships);
	return 0;
}

int dfsr_verb_member_list(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			  json_t *request, json_t **result, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	const struct dfsr_config_group *g = NULL;
	uint32_t i;
	int err = group_filter(agent, mem_ctx, request, &g, why);

	if (err != 0) {
		return err;
	}
	*result = json_array();
	for (i = 0; i < config->num_groups; i++) {
		if (g == NULL || g == &config->groups[i]) {
			add_members(*result, config, &config->groups[i]);
		}
	}
	return 0;
}

/** Find what the arguments of membership list name; NULL stands for all. */
static int membership_filter(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     json_t *request,
			     const struct dfsr_config_group **g,
			     const struct dfsr_config_folder **f,
			     const struct dfsr_config_node **n, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	int err = group_filter(agent, mem_ctx, request, g, why);

	if (err == 0 && dfsr_control_arg(request, 1) != NULL) {
		err = dfsr_control_folder(config, request, mem_ctx, g, f, why);
	}
	if (err == 0 && dfsr_control_arg(request, 2) != NULL) {
		err = dfsr_control_node(config, dfsr_control_arg(request, 2),
					mem_ctx, n, why);
	}
	if (err == 0 && *n != NULL &&
	    dfsr_config_membership(*f, &(*n)->guid) == NULL) {
		*why = talloc_asprintf(mem_ctx,
				       "node %s has no membership of folder "
				       "%s: `samba-dfs membership set` gives "
				       "it one", (*n)->name, (*f)->name);
		err = ENOENT;
	}
	return err;
}

int dfsr_verb_membership_list(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			      json_t *request, json_t **result, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *f = NULL;
	const struct dfsr_config_node *n = NULL;
	uint32_t i;
	uint32_t j;
	int err = membership_filter(agent, mem_ctx, request, &g, &f, &n, why);

	if (err != 0) {
		return err;
	}
	*result = json_array();
	for (i = 0; i < config->num_groups; i++) {
		const struct dfsr_config_group *group = &config->groups[i];

		for (j = 0; j < group->num_folders &&
			    (g == NULL || g == group); j++) {
			if (f == NULL || f == &group->folders[j]) {
				add_memberships(*result, config, group,
						&group->folders[j], n);
			}
		}
	}
	return 0;
}

int dfsr_verb_membership_show(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			      json_t *request, json_t **result, char **why)
{
	json_t *list = NULL;
	int err = dfsr_verb_membership_list(agent, mem_ctx, request, &list,
					    why);

	if (err == 0) {
		*result = json_incref(json_array_get(list, 0));
	}
	json_decref(list);
	return err;
}

int dfsr_verb_connection_list(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			      json_t *request, json_t **result, char **why)
{
	const struct dfsr_config *config = dfsr_agent_config(agent);
	const struct dfsr_config_group *g = NULL;
	const char *from = dfsr_control_option(request, "from");
	const char *to = dfsr_control_option(request, "to");
	const struct dfsr_config_node *n = NULL;
	uint32_t i;
	int err = group_filter(agent, mem_ctx, request, &g, why);

	if (err == 0 && from != NULL) {
		err = dfsr_control_node(config, from, mem_ctx, &n, why);
	}
	if (err == 0 && to != NULL) {
		err = dfsr_control_node(config, to, mem_ctx, &n, why);
	}
	if (err != 0) {
		return err;
	}
	*result = json_array();
	for (i = 0; i < config->num_groups; i++) {
		if (g == NULL || g == &config->groups[i]) {
			add_connections(*result, config, &config->groups[i],
					from, to);
		}
	}
	return 0;
}
