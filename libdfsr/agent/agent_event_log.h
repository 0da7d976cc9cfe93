/*
   Samba DFS Replication
   The files of the event log

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

#ifndef __AGENT_EVENT_LOG_H__
#define __AGENT_EVENT_LOG_H__

#include <stdbool.h>
#include "agent_event.h"

/** The newest file, open for appending. */
struct dfsr_eventfile {
	char *path;
	int fd;
	uint64_t size;
	uint64_t seq; /* of the newest event in all files */
};

/** Open, cut off a torn last line, find the newest sequence number. */
int dfsr_eventfile_open(struct dfsr_eventfile *file, TALLOC_CTX *mem_ctx,
			const char *dir);
/** Append one line, which ends with a newline; rotates before it. */
int dfsr_eventfile_append(struct dfsr_eventfile *file, const char *line,
			  size_t len);
/** Read what fits the filter from all files, oldest first. */
int dfsr_eventfile_read(struct dfsr_eventfile *file,
			const struct dfsr_event_filter *filter,
			json_t **events);
/** True if an event's JSON fits. */
bool dfsr_event_fits(json_t *event, const struct dfsr_event_filter *filter);

#endif /* __AGENT_EVENT_LOG_H__ */
