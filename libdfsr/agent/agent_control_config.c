/*
   Samba DFS Replication
   The verbs that change the configuration

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

struct dfsr_change dfsr_control_change(struct dfsr_agent *agent,
				       TALLOC_CTX *mem_ctx, json_t *request,
				       char **why)
{
	return (struct dfsr_change){
		.db = dfsr_agent_configdb(agent),
		.mem_ctx = mem_ctx,
		.dry_run = dfsr_control_dry_run(request),
		.why = why,
		.env = dfsr_agent_env(agent),
	};
}

int dfsr_control_changed(struct dfsr_agent *agent, json_t *request, int err)
{
	json_t *args = json_object_get(request, "args");
	char *words;
	json_t *value;
	size_t i;

	if (err != 0 || dfsr_control_dry_run(request)) {
		return err;
	}
	words = talloc_asprintf(
		NULL, "%s %s",
		json_string_value(json_object_get(request, "noun")),
		json_string_value(json_object_get(request, "verb")));
	json_array_foreach(args, i, value) {
		if (words != NULL) {
			words = talloc_asprintf_append(
				words, " %s", json_string_value(value));
		}
	}
	dfsr_eventlog_add(dfsr_agent_eventlog(agent),
			  DFSR_EVENT_CONFIG_CHANGED, json_deep_copy(request),
			  "The configuration was changed: %s",
			  words != NULL ? words : "");
	talloc_free(words);
	dfsr_agent_config_changed(agent);
	return 0;
}

/* ---- groups -------------------------------------------------------------- */

static int group_create(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_group_create(
			&ch, dfsr_control_arg(request, 0),
			dfsr_control_option(request, "description")));
}

static int group_modify(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_group_modify(
			&ch, dfsr_control_arg(request, 0),
			dfsr_control_option(request, "name"),
			dfsr_control_option(request, "description")));
}

static int group_delete(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_group_delete(
			&ch, dfsr_control_arg(request, 0),
			dfsr_control_option(request, "force") != NULL));
}

/* ---- folders ------------------------------------------------------------- */

static int folder_create(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			 json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_folder_create(
			&ch, dfsr_control_arg(request, 0),
			dfsr_control_arg(request, 1),
			dfsr_control_option(request, "description"),
			dfsr_control_option(request, "file-filter"),
			dfsr_control_option(request, "directory-filter")));
}

static int folder_modify(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			 json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_folder_modify(
			&ch, dfsr_control_arg(request, 0),
			dfsr_control_arg(request, 1),
			dfsr_control_option(request, "name"),
			dfsr_control_option(request, "description"),
			dfsr_control_option(request, "file-filter"),
			dfsr_control_option(request, "directory-filter")));
}

static int folder_delete(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			 json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_folder_delete(
			&ch, dfsr_control_arg(request, 0),
			dfsr_control_arg(request, 1),
			dfsr_control_option(request, "force") != NULL));
}

/* ---- members ------------------------------------------------------------- */

static int member_add(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
		      json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_member_add(&ch, dfsr_control_arg(request, 0),
				       dfsr_control_arg(request, 1)));
}

static int member_modify(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			 json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_member_modify(
			&ch, dfsr_control_arg(request, 0),
			dfsr_control_arg(request, 1),
			dfsr_control_option(request, "description")));
}

static int member_remove(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			 json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);

	(void)result;
	return dfsr_control_changed(
		agent, request,
		dfsr_config_member_remove(&ch, dfsr_control_arg(request, 0),
					  dfsr_control_arg(request, 1)));
}

/* ---- connections --------------------------------------------------------- */

struct connection_words {
	const char *group;
	const char *from;
	const char *to;
	bool one_way;
	int enabled;
	int rdc;
	int64_t rdc_min_kb;
};

static int connection_words(json_t *request, TALLOC_CTX *mem_ctx,
			    struct connection_words *w, char **why)
{
	int err;

	w->group = dfsr_control_arg(request, 0);
	w->from = dfsr_control_option(request, "from");
	w->to = dfsr_control_option(request, "to");
	w->one_way = dfsr_control_option(request, "one-way") != NULL;
	if (w->from == NULL || w->to == NULL) {
		*why = talloc_strdup(mem_ctx,
				     "a connection needs --from and --to");
		return EINVAL;
	}
	err = dfsr_control_bool(request, "enabled", mem_ctx, &w->enabled, why);
	if (err == 0) {
		err = dfsr_control_bool(request, "rdc", mem_ctx, &w->rdc, why);
	}
	if (err == 0) {
		err = dfsr_control_number(request, "rdc-min-kb",
					  DFSR_CONFIG_RDC_KB_MAX, -1, mem_ctx,
					  &w->rdc_min_kb, why);
	}
	return err;
}

static int connection_create(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);
	struct connection_words w;
	int err = connection_words(request, mem_ctx, &w, why);

	(void)result;
	if (err == 0) {
		err = dfsr_config_connection_create(&ch, w.group, w.from, w.to,
						    w.one_way, w.enabled,
						    w.rdc, w.rdc_min_kb);
	}
	return dfsr_control_changed(agent, request, err);
}

static int connection_modify(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);
	struct connection_words w;
	int err = connection_words(request, mem_ctx, &w, why);

	(void)result;
	if (err == 0) {
		err = dfsr_config_connection_modify(&ch, w.group, w.from, w.to,
						    w.one_way, w.enabled,
						    w.rdc, w.rdc_min_kb);
	}
	return dfsr_control_changed(agent, request, err);
}

static int connection_delete(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     json_t *request, json_t **result, char **why)
{
	struct dfsr_change ch =
		dfsr_control_change(agent, mem_ctx, request, why);
	struct connection_words w;
	int err = connection_words(request, mem_ctx, &w, why);

	(void)result;
	if (err == 0) {
		err = dfsr_config_connection_delete(&ch, w.group, w.from, w.to,
						    w.one_way);
	}
	return dfsr_control_changed(agent, request, err);
}

/* ---- the table ----------------------------------------------------------- */

#define ACTIVE(noun_, verb_, min_, max_, fn_)                                 \
	{                                                                     \
		.noun = (noun_), .verb = (verb_),                             \
		.where = DFSR_VERB_ACTIVE, .args_min = (min_),                \
		.args_max = (max_), .fn = (fn_),                              \
	}
#define LOCAL(noun_, verb_, min_, max_, fn_)                                  \
	{                                                                     \
		.noun = (noun_), .verb = (verb_), .where = DFSR_VERB_LOCAL,   \
		.flags = DFSR_VERB_REMOTE, .args_min = (min_),                \
		.args_max = (max_), .fn = (fn_),                              \
	}

const struct dfsr_verb dfsr_verbs_config[] = {
	{.noun = "node", .verb = "init", .fn = dfsr_verb_node_init},
	LOCAL("node", "show", 0, 1, dfsr_verb_node_show),
	LOCAL("node", "list", 0, 0, dfsr_verb_node_list),
	ACTIVE("node", "modify", 1, 1, dfsr_verb_node_modify),
	ACTIVE("node", "invite", 0, 0, dfsr_verb_node_invite),
	ACTIVE("node", "remove", 1, 1, dfsr_verb_node_remove),
	ACTIVE("group", "create", 1, 1, group_create),
	ACTIVE("group", "modify", 1, 1, group_modify),
	ACTIVE("group", "delete", 1, 1, group_delete),
	LOCAL("group", "list", 0, 0, dfsr_verb_group_list),
	LOCAL("group", "show", 1, 1, dfsr_verb_group_show),
	ACTIVE("folder", "create", 2, 2, folder_create),
	ACTIVE("folder", "modify", 2, 2, folder_modify),
	ACTIVE("folder", "delete", 2, 2, folder_delete),
	LOCAL("folder", "list", 0, 1, dfsr_verb_folder_list),
	LOCAL("folder", "show", 2, 2, dfsr_verb_folder_show),
	ACTIVE("member", "add", 2, 2, member_add),
	ACTIVE("member", "modify", 2, 2, member_modify),
	ACTIVE("member", "remove", 2, 2, member_remove),
	LOCAL("member", "list", 0, 1, dfsr_verb_member_list),
	{.noun = "membership",
	 .verb = "set",
	 .where = DFSR_VERB_ACTIVE,
	 .args_min = 3,
	 .args_max = 3,
	 .send = dfsr_verb_membership_set_send,
	 .recv = dfsr_verb_membership_set_recv},
	{.noun = "membership",
	 .verb = "check",
	 .where = DFSR_VERB_NODE,
	 .node_arg = 2,
	 .args_min = 3,
	 .args_max = 3,
	 .fn = dfsr_verb_membership_check},
	LOCAL("membership", "list", 0, 3, dfsr_verb_membership_list),
	LOCAL("membership", "show", 3, 3, dfsr_verb_membership_show),
	ACTIVE("connection", "create", 1, 1, connection_create),
	ACTIVE("connection", "modify", 1, 1, connection_modify),
	ACTIVE("connection", "delete", 1, 1, connection_delete),
	LOCAL("connection", "list", 0, 1, dfsr_verb_connection_list),
	LOCAL("connection", "show", 1, 1, dfsr_verb_connection_list),
	{.noun = "events",
	 .verb = "show",
	 .send = dfsr_verb_events_send,
	 .recv = dfsr_verb_events_recv},
};
const size_t dfsr_num_verbs_config =
	sizeof(dfsr_verbs_config) / sizeof(dfsr_verbs_config[0]);
