/*
   Samba DFS Replication
   The corridor: carries values between the rooms

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

#ifndef __DFSR_AGENT_H__
#define __DFSR_AGENT_H__

/*
 * The agent owns the folders, the partners and the event log of one node. It
 * feeds what journal, scan and partners say to the engine, and carries the
 * engine's decisions to store, apply and peer. It decides nothing itself.
 */

#include "dfsr_config.h"

struct tevent_context;
struct tevent_req;
struct json_t;

struct dfsr_agent;

/** Everything that smb.conf says; strings live as long as the agent. */
struct dfsr_agent_options {
	const char *dfs_dir; /* <state directory>/dfs */
	const char *run_dir; /* <lock directory>/dfs, 0700: control socket */
	const char *listen;  /* dfsr:interfaces, NULL for all */
	uint16_t port;	     /* dfsr:port */
	uint32_t workers;    /* dfsr:workers, threads for bytes */
	/** One log line; level as in Samba: 0 error, 1 warning, 3 info. */
	void (*log)(void *private_data, int level, const char *line);
	/** An event, for journald; already written to the event log. */
	void (*event)(void *private_data, uint32_t id, const char *level,
		      const char *message);
	void *private_data;
};

/**
 * Start everything that the configuration names. An identity is made if there
 * is none.
 * @return 0, or an errno with one line in *why
 */
int dfsr_agent_start(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
		     const struct dfsr_agent_options *options,
		     struct dfsr_agent **agent, char **why);
/**
 * Stop in order: sessions, folders, stores; done within two seconds. The agent
 * is freed by it, so mem_ctx must not be below the agent.
 */
struct tevent_req *dfsr_agent_stop_send(TALLOC_CTX *mem_ctx,
					struct tevent_context *ev,
					struct dfsr_agent *agent);
int dfsr_agent_stop_recv(struct tevent_req *req);
/** Read the configuration again (SIGHUP). */
void dfsr_agent_reload(struct dfsr_agent *agent);

/* ---- verbs: agent/agent_control*.c ------------------------------------------
 *
 * A request is a JSON object
 *   {"noun": "group", "verb": "create", "args": ["g"], "options": {"k": "v"},
 *    "dry_run": false}
 * and an answer
 *   {"status": 0 | 1 | 2, "error": "one line" (if not 0), "result": …}
 */

/** Longest request of the control socket. */
#define DFSR_CONTROL_REQUEST_MAX (1024 * 1024)

/**
 * Carry out a verb, forwarded to another node when it belongs there.
 * @param[in] request borrowed reference
 */
struct tevent_req *dfsr_agent_control_send(TALLOC_CTX *mem_ctx,
					   struct tevent_context *ev,
					   struct dfsr_agent *agent,
					   struct json_t *request);
/** @param[out] answer a new reference */
int dfsr_agent_control_recv(struct tevent_req *req, struct json_t **answer);

/* ---- events: agent/agent_event.c ----------------------------------------- */

/** One entry of the event log. */
struct dfsr_event {
	uint64_t seq;
	uint64_t time; /* FILETIME */
	uint32_t id;   /* Windows' numbers, windows-dfs 1.4 */
	const char *level; /* "information", "warning", "error" */
	const char *message;
	struct json_t *data; /* object with the event's own fields */
};

#endif /* __DFSR_AGENT_H__ */
