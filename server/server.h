/*
   Samba DFS Replication
   Inside dfsrd

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

#ifndef __SERVER_H__
#define __SERVER_H__

#include <stdbool.h>
#include <talloc.h>
#include <tevent.h>
#include "dfsr_agent.h"
#include "dfsr_config.h"

/** Clients of the control socket at a time. */
#define SERVER_CLIENTS_MAX 64
/** Time in which the agent has to stop. */
#define SERVER_STOP_SECONDS 2

/* ---- server_log.c -------------------------------------------------------- */

/** Where log lines go: a file, or standard output when file is NULL. */
void server_log_open(const char *file, uint64_t max_size, int level);
void server_log_level(int level);
/** Open the file anew: somebody may have moved it away. */
void server_log_reopen(void);
void server_log(int level, const char *fmt, ...) PRINTF_ATTRIBUTE(2, 3);
/** The functions of struct dfsr_agent_options. */
void server_log_line(void *private_data, int level, const char *line);
void server_log_event(void *private_data, uint32_t id, const char *level,
		      const char *message);

/* ---- server_pidfile.c ---------------------------------------------------- */

/** Lock and write it. @return 0, or an errno with a line in *why */
int server_pidfile_create(TALLOC_CTX *mem_ctx, const char *path, char **why);
void server_pidfile_remove(const char *path);

/* ---- server_daemon.c ----------------------------------------------------- */

/**
 * Go to the background. In the parent this does not return: it waits until
 * the daemon is ready or has failed.
 */
int server_daemonize(char **why);
/** Tell the parent, and systemd. */
void server_ready(void);
void server_failed(const char *why);
void server_notify(const char *state);

/* ---- server_control.c ---------------------------------------------------- */

struct server_control;
/** Listen on the control socket. @return 0, or an errno with a line */
int server_control_start(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
			 struct dfsr_agent *agent,
			 const struct dfsr_smbconf *conf,
			 struct server_control **control, char **why);

/** Make a directory that only we can enter, or see that it is one. */
int server_private_dir(TALLOC_CTX *mem_ctx, const char *path, char **why);

#endif /* __SERVER_H__ */
