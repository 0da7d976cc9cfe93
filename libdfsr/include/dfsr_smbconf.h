/*
   Samba DFS Replication
   What smb.conf says to dfsrd and samba-dfs

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

#ifndef __DFSR_SMBCONF_H__
#define __DFSR_SMBCONF_H__

#include <stdbool.h>
#include <stdint.h>
#include <talloc.h>

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

#endif /* __DFSR_SMBCONF_H__ */
