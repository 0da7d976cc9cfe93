/*
   Samba DFS Replication
   The agent: start, configuration, stop

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
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <jansson.h>

#include "agent_control.h"
#include "agent_event.h"
#include "agent_private.h"

#define DFSR_WORKERS_DEFAULT 4
#define DFSR_WORKERS_MAX 64

void dfsr_agent_log(struct dfsr_agent *agent, int level, const char *fmt, ...)
{
	char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	line = talloc_vasprintf(agent, fmt, ap);
	va_end(ap);
	if (line != NULL && agent->opt.log != NULL) {
		agent->opt.log(agent->opt.private_data, level, line);
	}
	talloc_free(line);
}

void dfsr_agent_event(struct dfsr_agent *agent, uint32_t id,
		      struct json_t *data, const char *fmt, ...)
{
	char *line = NULL;
	va_list ap;

	va_start(ap, fmt);
	line = talloc_vasprintf(agent, fmt, ap);
	va_end(ap);
	dfsr_eventlog_add(agent->events, id, data, "%s",
			  line != NULL ? line : "out of memory");
	talloc_free(line);
}

static void dfsr_agent_on_event(const struct dfsr_event *event,
				void *private_data)
{
	struct dfsr_agent *agent = private_data;

	if (agent->opt.event != NULL) {
		agent->opt.event(agent->opt.private_data, event->id,
				 event->level, event->message);
	}
}

/* ---- what the verbs ask for: agent_control.h --------------------------- */

struct dfsr_configdb *dfsr_agent_configdb(struct dfsr_agent *agent)
{
	return agent->configdb;
}

const struct dfsr_config *dfsr_agent_config(struct dfsr_agent *agent)
{
	return agent->config;
}

const struct dfsr_identity *dfsr_agent_identity(struct dfsr_agent *agent)
{
	return agent->identity;
}

struct dfsr_eventlog *dfsr_agent_eventlog(struct dfsr_agent *agent)
{
	return agent->events;
}

const struct dfsr_env *dfsr_agent_env(struct dfsr_agent *agent)
{
	return agent->env;
}

bool dfsr_agent_node_connected(struct dfsr_agent *agent,
			       const struct dfsr_guid *node)
{
	struct dfsr_partner *p = dfsr_partner_find(agent, node);

	return p != NULL && p->ready;
}

/* ---- directories that no folder knows ---------------------------------- */

bool dfsr_folder_is_foreign(const struct dfsr_folder *f,
			    const struct dfsr_ident *dir)
{
	return f->foreign != NULL &&
	       dfsr_ident_equal(&f->foreign[dir->ino % DFSR_FOREIGN_MAX], dir);
}

/*
 * Shares above a content root journal what lies outside of it, too. A
 * directory that is unknown even after a scan is not of this folder; it may
 * become so by a rename, and then the record of that rename finds it.
 */
void dfsr_folder_foreign(struct dfsr_folder *f, const struct dfsr_ident *dir)
{
	if (f->foreign == NULL) {
		f->foreign = talloc_zero_array(f, struct dfsr_ident,
					       DFSR_FOREIGN_MAX);
	}
	if (f->foreign == NULL || dfsr_folder_is_foreign(f, dir)) {
		return;
	}
	f->foreign[dir->ino % DFSR_FOREIGN_MAX] = *dir;
	if (dfsr_agent_folder_of(f->agent, dir) == NULL) {
		f->scan_again = true;
	}
}

/* ---- the folder table -------------------------------------------------- */

int dfsr_agent_publish_folders(struct dfsr_agent *agent)
{
	struct dfsr_journal_folders table = {0};
	struct dfsr_folder *f = NULL;
	struct statfs sfs;
	int ret;

	for (f = agent->folders; f != NULL; f = f->next) {
		table.num++;
	}
	table.e = talloc_zero_array(agent, struct dfsr_journal_folder,
				    table.num + 1);
	if (table.e == NULL) {
		return ENOMEM;
	}
	table.num = 0;
	for (f = agent->folders; f != NULL; f = f->next) {
		struct dfsr_journal_folder *e = NULL;

		if (f->root == NULL ||
		    fstatfs(f->apply->dirfd[DFSR_DIR_STAGING], &sfs) != 0) {
			continue;
		}
		e = &table.e[table.num++];
		e->number = f->number;
		e->folder = f->guid;
		e->enabled = true;
		e->root = f->root->ident;
		memcpy(&e->fsid, &sfs.f_fsid, sizeof(e->fsid));
		e->path = f->content_path;
	}
	ret = dfsr_journal_publish_folders(agent->journal, &table);
	if (ret == 0) {
		agent->table_generation = table.generation;
	}
	talloc_free(table.e);
	return ret;
}

/* ---- configuration ----------------------------------------------------- */

static const struct dfsr_config_membership *
dfsr_agent_membership(struct dfsr_agent *agent, const struct dfsr_guid *folder,
		      const struct dfsr_config_group **g,
		      const struct dfsr_config_folder **cf)
{
	const struct dfsr_config_membership *m = NULL;

	*cf = dfsr_config_folder_by_guid(agent->config, folder, g);
	if (*cf == NULL) {
		return NULL;
	}
	m = dfsr_config_membership(*cf, &agent->config->self);
	return m != NULL && m->enabled && m->content_path != NULL ? m : NULL;
}

static void dfsr_agent_stop_folders(struct dfsr_agent *agent)
{
	const struct dfsr_config_membership *m = NULL;
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *cf = NULL;
	struct dfsr_folder *f = NULL, *next = NULL;
	bool changed = false;

	for (f = agent->folders; f != NULL; f = next) {
		next = f->next;
		m = dfsr_agent_membership(agent, &f->guid, &g, &cf);
		if (m != NULL && m->generation == f->membership_generation &&
		    strcmp(m->content_path, f->content_path) == 0) {
			f->preserve_deleted = m->preserve_deleted;
			continue;
		}
		dfsr_agent_event(agent, DFSR_EVENT_FOLDER_DISABLED, NULL,
				 "%s/%s: replication of %s has ended here",
				 f->group_name, f->name, f->content_path);
		talloc_free(f);
		changed = true;
	}
	if (changed) {
		dfsr_agent_publish_folders(agent);
	}
}

static void dfsr_agent_start_folders(struct dfsr_agent *agent)
{
	const struct dfsr_config *c = agent->config;
	const struct dfsr_config_membership *m = NULL;
	uint32_t i, k;

	for (i = 0; i < c->num_groups; i++) {
		const struct dfsr_config_group *g = &c->groups[i];

		for (k = 0; k < g->num_folders; k++) {
			const struct dfsr_config_folder *cf = &g->folders[k];

			m = dfsr_config_membership(cf, &c->self);
			if (m == NULL || !m->enabled ||
			    m->content_path == NULL ||
			    dfsr_folder_find(agent, &cf->guid) != NULL) {
				continue;
			}
			if (dfsr_folder_start(agent, g, cf, m) != 0) {
				dfsr_agent_log(agent, 0, "%s/%s: out of "
					       "memory", g->name, cf->name);
			}
		}
	}
}

/** The connection that a session stands for, if it is still enabled. */
static const struct dfsr_config_connection *
dfsr_agent_pulls(struct dfsr_agent *agent, const struct dfsr_folder *f,
		 const struct dfsr_guid *from)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *cf = NULL;
	const struct dfsr_config_membership *m = NULL;

	cf = dfsr_config_folder_by_guid(agent->config, &f->guid, &g);
	if (cf == NULL) {
		return NULL;
	}
	m = dfsr_config_membership(cf, from);
	if (m == NULL || !m->enabled) {
		return NULL;
	}
	return dfsr_config_connection(g, from, &agent->config->self);
}

static void dfsr_agent_sessions(struct dfsr_agent *agent,
				struct dfsr_folder *f)
{
	const struct dfsr_config_connection *conn = NULL;
	struct dfsr_session *s = NULL, *next = NULL;
	struct dfsr_partner *p = NULL;

	for (s = f->sessions; s != NULL; s = next) {
		next = s->next;
		conn = s->partner == NULL
			       ? NULL
			       : dfsr_agent_pulls(agent, f, &s->partner->node);
		if (conn == NULL ||
		    dfsr_guid_cmp(&conn->guid, &s->connection) != 0) {
			talloc_free(s);
		}
	}
	for (p = agent->partners; p != NULL; p = p->next) {
		conn = dfsr_agent_pulls(agent, f, &p->node);
		for (s = f->sessions; s != NULL && s->partner != p;
		     s = s->next) {
			continue;
		}
		if (conn != NULL && s == NULL) {
			dfsr_session_start(f, p, &conn->guid);
		}
	}
}

void dfsr_agent_apply_config(struct dfsr_agent *agent)
{
	struct dfsr_folder *f = NULL;
	struct dfsr_partner *p = NULL;

	dfsr_agent_incoming_apply(agent);
	dfsr_agent_partners_apply(agent);
	dfsr_agent_stop_folders(agent);
	dfsr_agent_start_folders(agent);
	for (f = agent->folders; f != NULL; f = f->next) {
		dfsr_agent_sessions(agent, f);
	}
	for (p = agent->partners; p != NULL; p = p->next) {
		dfsr_config_follow(p);
	}
	dfsr_serve_config_changed(agent);
}

static void dfsr_agent_apply_now(struct tevent_context *ev,
				 struct tevent_immediate *im,
				 void *private_data)
{
	struct dfsr_agent *agent = private_data;

	(void)ev;
	(void)im;
	TALLOC_FREE(agent->old_configs);
	if (!agent->stopping) {
		dfsr_agent_apply_config(agent);
	}
}

/*
 * Applied in the next turn of the loop: the caller may stand on the old
 * snapshot, or serve a connection that the new one ends.
 */
void dfsr_agent_config_changed(struct dfsr_agent *agent)
{
	struct dfsr_config *config = NULL;
	char *why = NULL;
	int ret;

	ret = dfsr_configdb_load(agent->configdb, agent, &config, &why);
	if (ret != 0) {
		dfsr_agent_event(agent, DFSR_EVENT_CONFIG_INVALID, NULL,
				 "the configuration cannot be read: %s",
				 why != NULL ? why : strerror(ret));
		talloc_free(why);
		return;
	}
	if (agent->old_configs == NULL) {
		agent->old_configs = talloc_new(agent);
	}
	talloc_steal(agent->old_configs, agent->config);
	agent->config = config;
	tevent_schedule_immediate(agent->config_im, agent->ev,
				  dfsr_agent_apply_now, agent);
}

void dfsr_agent_reload(struct dfsr_agent *agent)
{
	dfsr_agent_config_changed(agent);
}

/* ---- start ------------------------------------------------------------- */

/** Keys and a node of its own, if there are none yet. */
static int dfsr_agent_identify(struct dfsr_agent *agent, char **why)
{
	struct dfsr_change ch = {
		.db = agent->configdb,
		.mem_ctx = agent,
		.why = why,
		.env = agent->env,
	};
	char *name = dfsr_config_default_name(agent);
	int ret;

	if (name == NULL) {
		return ENOMEM;
	}
	ret = dfsr_identity_load(agent, agent->opt.dfs_dir, &agent->identity);
	if (ret == ENOENT) {
		ret = dfsr_identity_create(agent->opt.dfs_dir, name);
		if (ret == 0) {
			ret = dfsr_identity_load(agent, agent->opt.dfs_dir,
						 &agent->identity);
		}
	}
	if (ret != 0) {
		*why = talloc_asprintf(agent, "the key of this node in %s "
				       "cannot be used: %s",
				       agent->opt.dfs_dir, strerror(ret));
		return ret;
	}
	ret = dfsr_configdb_load(agent->configdb, agent, &agent->config, why);
	if (ret != 0 || !dfsr_guid_is_null(&agent->config->self)) {
		return ret;
	}
	ret = dfsr_config_node_init(&ch, name, name, agent->opt.port,
				    dfsr_identity_fingerprint(
					    agent->identity));
	if (ret == 0) {
		TALLOC_FREE(agent->config);
		ret = dfsr_configdb_load(agent->configdb, agent,
					 &agent->config, why);
	}
	return ret;
}

static int dfsr_agent_mkdir(struct dfsr_agent *agent, const char *sub,
			    char **why)
{
	char *dir = talloc_asprintf(agent, "%s%s", agent->opt.dfs_dir, sub);
	int ret = 0;

	if (dir == NULL) {
		return ENOMEM;
	}
	if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
		ret = errno;
		*why = talloc_asprintf(agent, "%s cannot be made: %s", dir,
				       strerror(ret));
	}
	talloc_free(dir);
	return ret;
}

/** The place in the journal behind which nobody has looked. */
static void dfsr_agent_seek(struct dfsr_agent *agent)
{
	struct dfsr_journal_cursor oldest;
	struct dfsr_folder *f = NULL;
	bool any = false;

	for (f = agent->folders; f != NULL; f = f->next) {
		if (!f->cursor_valid) {
			continue;
		}
		if (!any || dfsr_journal_cursor_cmp(&f->cursor, &oldest) < 0) {
			oldest = f->cursor;
		}
		any = true;
	}
	if (any && dfsr_journal_reader_seek(agent->journal, &oldest) != 0) {
		for (f = agent->folders; f != NULL; f = f->next) {
			f->scan_again = true;
		}
	}
}

static int dfsr_agent_open(struct dfsr_agent *agent, char **why)
{
	int ret;

	ret = dfsr_agent_mkdir(agent, "", why);
	if (ret == 0) {
		ret = dfsr_agent_mkdir(agent, "/folders.d", why);
	}
	if (ret == 0) {
		ret = dfsr_eventlog_open(agent, agent->ev, agent->opt.dfs_dir,
					 &agent->events);
	}
	if (ret != 0) {
		return ret;
	}
	dfsr_eventlog_set_callback(agent->events, dfsr_agent_on_event, agent);
	ret = dfsr_journal_boot_id(agent->boot.b);
	if (ret == 0) {
		ret = dfsr_configdb_open(agent, agent->ev, agent->opt.dfs_dir,
					 &agent->configdb, why);
	}
	if (ret == 0) {
		ret = dfsr_agent_identify(agent, why);
	}
	if (ret == 0) {
		ret = dfsr_agent_journal_start(agent, why);
	}
	return ret;
}

static int dfsr_agent_run(struct dfsr_agent *agent, char **why)
{
	struct dfsr_folder *f = NULL;
	int ret;

	dfsr_agent_event(agent, DFSR_EVENT_STARTING, NULL,
			 "the DFS Replication service is starting");
	dfsr_agent_start_folders(agent);
	dfsr_agent_seek(agent);
	ret = dfsr_agent_listen(agent, why);
	if (ret != 0) {
		dfsr_agent_event(agent, DFSR_EVENT_LISTENER_ERROR, NULL, "%s",
				 *why);
		return ret;
	}
	ret = dfsr_agent_journal_run(agent);
	if (ret != 0) {
		return ret;
	}
	agent->journal_running = true;
	for (f = agent->folders; f != NULL; f = f->next) {
		dfsr_folder_run(f);
	}
	dfsr_agent_apply_config(agent);
	dfsr_agent_event(agent, DFSR_EVENT_STARTED, NULL,
			 "the DFS Replication service has started");
	return 0;
}

int dfsr_agent_start(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		     const struct dfsr_agent_options *options,
		     struct dfsr_agent **agentp, char **why)
{
	struct dfsr_agent *agent = NULL;
	char *reason = NULL;
	uint32_t workers = options->workers;
	int ret;

	agent = talloc_zero(mem_ctx, struct dfsr_agent);
	if (agent == NULL) {
		return ENOMEM;
	}
	dfsr_fs_cancel(false);
	agent->ev = ev;
	agent->opt = *options;
	agent->env = dfsr_fs_env();
	agent->software = talloc_strdup(agent, "samba-dfs");
	agent->config_im = tevent_create_immediate(agent);
	if (workers == 0 || workers > DFSR_WORKERS_MAX) {
		workers = DFSR_WORKERS_DEFAULT;
	}
	agent->pool = dfsr_pool_create(agent, ev, workers);
	ret = agent->pool == NULL || agent->software == NULL ||
			      agent->config_im == NULL
		      ? ENOMEM
		      : dfsr_agent_open(agent, &reason);
	if (ret == 0) {
		ret = dfsr_agent_run(agent, &reason);
	}
	if (ret != 0) {
		*why = talloc_strdup(mem_ctx, reason != NULL ? reason
							     : strerror(ret));
		dfsr_agent_close(agent);
		return ret;
	}
	*agentp = agent;
	return 0;
}

/* ---- stop -------------------------------------------------------------- */

/** Everything in an order in which nobody looks at what is gone. */
void dfsr_agent_close(struct dfsr_agent *agent)
{
	agent->stopping = true;
	dfsr_fs_cancel(true);
	TALLOC_FREE(agent->journal_fde);
	TALLOC_FREE(agent->journal_timer);
	TALLOC_FREE(agent->listener);
	while (agent->folders != NULL) {
		talloc_free(agent->folders);
	}
	while (agent->partners != NULL) {
		talloc_free(agent->partners);
	}
	TALLOC_FREE(agent->pool);
	TALLOC_FREE(agent->journal);
	talloc_free(agent);
}

struct dfsr_agent_stop_state {
	struct dfsr_agent *agent;
};

static void dfsr_agent_stop_now(struct tevent_context *ev,
				struct tevent_timer *te, struct timeval now,
				void *private_data)
{
	struct tevent_req *req =
		talloc_get_type_abort(private_data, struct tevent_req);
	struct dfsr_agent_stop_state *state =
		tevent_req_data(req, struct dfsr_agent_stop_state);

	(void)ev;
	(void)te;
	(void)now;
	dfsr_agent_event(state->agent, DFSR_EVENT_STOPPED, NULL,
			 "the DFS Replication service has stopped");
	dfsr_agent_close(state->agent);
	tevent_req_done(req);
}

struct tevent_req *dfsr_agent_stop_send(TALLOC_CTX *mem_ctx,
					struct tevent_context *ev,
					struct dfsr_agent *agent)
{
	struct tevent_req *req = NULL;
	struct dfsr_agent_stop_state *state = NULL;
	struct dfsr_folder *f = NULL;

	req = tevent_req_create(mem_ctx, &state, struct dfsr_agent_stop_state);
	if (req == NULL) {
		return NULL;
	}
	state->agent = agent;
	dfsr_agent_event(agent, DFSR_EVENT_STOPPING, NULL,
			 "the DFS Replication service is stopping");
	/* What is under way is not waited for: the redo units say it. */
	agent->stopping = true;
	for (f = agent->folders; f != NULL; f = f->next) {
		dfsr_folder_store_cursor(f);
	}
	if (tevent_add_timer(ev, state, tevent_timeval_current(),
			     dfsr_agent_stop_now, req) == NULL) {
		tevent_req_oom(req);
		return tevent_req_post(req, ev);
	}
	return req;
}

int dfsr_agent_stop_recv(struct tevent_req *req)
{
	tevent_req_received(req);
	return 0;
}
