/*
   Samba DFS Replication
   The numbers of events, their levels and meanings

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
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "agent_event.h"

/** FILETIME of 1970-01-01, and its units in a second. */
#define FILETIME_EPOCH ((uint64_t)116444736000000000)
#define FILETIME_SECOND ((uint64_t)10000000)

#define I "information"
#define W "warning"
#define E "error"

static const struct event_entry {
	uint32_t id;
	const char *level;
	const char *meaning;
} entries[] = {
	{DFSR_EVENT_STARTING, I, "The service is starting."},
	{DFSR_EVENT_STARTED, I, "The service has started."},
	{DFSR_EVENT_STOPPING, I, "The service is stopping."},
	{DFSR_EVENT_STOPPED, I, "The service has stopped."},
	{DFSR_EVENT_INTERNAL_ERROR, E, "An internal error."},
	{DFSR_EVENT_ACTIVE_UNREACHABLE, E,
	 "The node with the active configuration cannot be reached."},
	{DFSR_EVENT_ACTIVE_REACHED, I,
	 "The node with the active configuration was reached."},
	{DFSR_EVENT_LISTENER_ERROR, E, "The port cannot be listened on."},
	{DFSR_EVENT_LISTENER_READY, I, "The port is listened on."},
	{DFSR_EVENT_LOG_UNWRITABLE, E, "The log cannot be written."},
	{DFSR_EVENT_VOLUME_READY, I, "A volume is initialised."},
	{DFSR_EVENT_VOLUME_STOPPED, E, "Replication stopped on a volume."},
	{DFSR_EVENT_DB_RECOVERY_STARTED, W, "Recovery of a database began."},
	{DFSR_EVENT_DB_RECOVERY_FAILED, E,
	 "A database could not be recovered; replication is stopped."},
	{DFSR_EVENT_DB_RECOVERED, I, "A database was recovered."},
	{DFSR_EVENT_JOURNAL_WRAP, W, "The journal lost records."},
	{DFSR_EVENT_JOURNAL_LOSS, W, "The journal is gone; recovery began."},
	{DFSR_EVENT_JOURNAL_RECOVERED, I, "Recovery of the journal is done."},
	{DFSR_EVENT_JOURNAL_FAILED, E,
	 "Recovery of the journal failed; it is tried again."},
	{DFSR_EVENT_DIRTY_SHUTDOWN, W,
	 "The last stop was not clean; recovery began."},
	{DFSR_EVENT_DIRTY_STOPPED, W,
	 "The last stop was not clean; replication waits for a person."},
	{DFSR_EVENT_DIRTY_RECOVERED, I,
	 "Recovered from a stop that was not clean."},
	{DFSR_EVENT_FOLDER_READY, I, "A replicated folder is initialised."},
	{DFSR_EVENT_FOLDER_ERROR, E,
	 "Replication of a folder stopped with an error."},
	{DFSR_EVENT_FOLDER_STOPPED, W, "Replication of a folder stopped."},
	{DFSR_EVENT_FOLDER_STALE, E,
	 "A folder was disconnected for too long."},
	{DFSR_EVENT_INITIAL_WAITING, I,
	 "A folder waits for its initial replication."},
	{DFSR_EVENT_INITIAL_DONE, I, "Initial replication has finished."},
	{DFSR_EVENT_INITIAL_PRIMARY, I,
	 "The folder is initialised on its primary member."},
	{DFSR_EVENT_FOLDER_DISABLED, I, "A membership was disabled."},
	{DFSR_EVENT_STAGING_HIGH, W, "Staging is above its high watermark."},
	{DFSR_EVENT_STAGING_CLEANED, I, "Staging was cleaned."},
	{DFSR_EVENT_STAGING_FAILED, W, "Staging could not be cleaned."},
	{DFSR_EVENT_STAGING_OVER, W, "Staging is above its quota."},
	{DFSR_EVENT_STAGING_PATH, E, "The staging path cannot be used."},
	{DFSR_EVENT_FILE_BUSY, W, "A local file is in use."},
	{DFSR_EVENT_FILE_BUSY_INSTALL, W,
	 "A file is in use and waits to be replaced."},
	{DFSR_EVENT_FOLDER_BUSY, W, "A directory is in use."},
	{DFSR_EVENT_FILE_ENCRYPTED, W,
	 "An encrypted file is not replicated."},
	{DFSR_EVENT_FILE_UNSUPPORTED, W,
	 "An object of this type is not replicated."},
	{DFSR_EVENT_CONFLICT, I,
	 "A file was changed on several members; the loser was preserved."},
	{DFSR_EVENT_DISK_FULL, E, "A disk is full."},
	{DFSR_EVENT_PARTNER_ERROR, E, "An error with a partner."},
	{DFSR_EVENT_PARTNER_CONNECTED, I, "An inbound connection was made."},
	{DFSR_EVENT_PARTNER_UNREACHABLE, E, "A partner cannot be reached."},
	{DFSR_EVENT_PARTNER_REFUSED, W,
	 "A partner does not know the connection or the group."},
	{DFSR_EVENT_PARTNER_STOPPED, W,
	 "The conversation with a partner ended; it is tried again."},
	{DFSR_EVENT_PROTOCOL_VERSION, E,
	 "A partner speaks another version of the protocol."},
	{DFSR_EVENT_CONFIG_INVALID, E, "The configuration is not valid."},
	{DFSR_EVENT_CONFIG_DUPLICATE, E,
	 "The configuration has an object twice."},
	{DFSR_EVENT_CONFIG_INCONSISTENT, E,
	 "The configuration does not hold together."},
	{DFSR_EVENT_CONFIG_VERSION, E,
	 "The configuration has another layout."},
	{DFSR_EVENT_CONFIG_UPDATE_FAILED, E,
	 "The configuration could not be changed."},
	{DFSR_EVENT_CONFIG_UPDATED, I,
	 "The configuration can be changed again."},
	{DFSR_EVENT_NO_OUTBOUND, W, "A folder has no outbound connection."},
	{DFSR_EVENT_VOLUME_UNSUPPORTED, E,
	 "The filesystem cannot hold a replicated folder."},
	{DFSR_EVENT_ROOT_INVALID, E, "The content path cannot be used."},
	{DFSR_EVENT_ROOT_MOVED, W, "The content path has changed."},
	{DFSR_EVENT_ROOT_OVERLAP, E,
	 "The content path overlaps another folder."},
	{DFSR_EVENT_CONNECTIONS_DISABLED, W,
	 "A group has no enabled connection."},
	{DFSR_EVENT_NO_CONNECTIONS, W, "A group has no connections."},
	{DFSR_EVENT_CONNECTION_READY, I,
	 "At least one connection is configured."},

	{DFSR_EVENT_IDENTITY_CREATED, I, "This node has a new identity."},
	{DFSR_EVENT_STRANGER_REFUSED, W, "A connection was refused."},
	{DFSR_EVENT_TOKEN_REFUSED, W, "A token was refused."},
	{DFSR_EVENT_NODE_ADMITTED, I, "A node was admitted."},
	{DFSR_EVENT_NODE_REMOVED, I, "A node was removed."},
	{DFSR_EVENT_CONFIG_CHANGED, I, "The configuration was changed."},
	{DFSR_EVENT_CONFIG_RECEIVED, I, "A newer configuration came in."},
	{DFSR_EVENT_CONFIG_REFUSED, E,
	 "A configuration that came in was refused."},
	{DFSR_EVENT_FOLD_MISMATCH, E,
	 "A partner compares names by another table."},
	{DFSR_EVENT_CLOCK_SKEW, W, "A partner's clock differs."},
	{DFSR_EVENT_ROOT_UNPROVEN, E,
	 "The content root is not the one that was replicated."},
	{DFSR_EVENT_MASS_DELETE, E,
	 "A scan missed so much that it stopped and asks."},
	{DFSR_EVENT_SCAN_STARTED, I, "A scan began."},
	{DFSR_EVENT_SCAN_DONE, I, "A scan has finished."},
	{DFSR_EVENT_FILE_UNSTORABLE, W,
	 "The filesystem cannot hold a file as it is elsewhere."},
	{DFSR_EVENT_FILE_WAITS, W, "A file waits."},
	{DFSR_EVENT_FILE_UNREADABLE, W, "A file cannot be read."},
	{DFSR_EVENT_RESURRECTED, I,
	 "A deleted file came back: it was changed elsewhere."},
	{DFSR_EVENT_PREEXISTING, I,
	 "Files of before initial replication were preserved."},
	{DFSR_EVENT_PRESERVED_PURGED, I, "Preserved files were purged."},
	{DFSR_EVENT_PRESERVED_RESTORED, I, "Preserved files were restored."},
	{DFSR_EVENT_MODULE_MISMATCH, E,
	 "smbd's module was built for another Samba."},
	{DFSR_EVENT_ROLLBACK, E, "A database was set back in time."},
	{DFSR_EVENT_FOLDED, W, "Many equal events."},
};

static const struct event_entry *event_find(uint32_t id)
{
	size_t i;

	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		if (entries[i].id == id) {
			return &entries[i];
		}
	}
	return NULL;
}

const char *dfsr_event_level(uint32_t id)
{
	const struct event_entry *e = event_find(id);

	return e != NULL ? e->level : I;
}

const char *dfsr_event_meaning(uint32_t id)
{
	const struct event_entry *e = event_find(id);

	return e != NULL ? e->meaning : NULL;
}

char *dfsr_time_str(TALLOC_CTX *mem_ctx, uint64_t filetime)
{
	uint64_t since = filetime > FILETIME_EPOCH ? filetime - FILETIME_EPOCH
						   : 0;
	time_t seconds = (time_t)(since / FILETIME_SECOND);
	unsigned int ms = (unsigned int)(since % FILETIME_SECOND / 10000);
	struct tm tm;
	char text[64];

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0) {
		return NULL;
	}
	return talloc_asprintf(mem_ctx, "%s.%03uZ", text, ms);
}

int dfsr_time_parse(const char *s, uint64_t *filetime)
{
	struct tm tm;
	const char *rest;
	uint64_t fraction = 0;
	uint64_t unit = FILETIME_SECOND / 10;
	time_t seconds;

	memset(&tm, 0, sizeof(tm));
	rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL) {
		memset(&tm, 0, sizeof(tm));
		rest = strptime(s, "%Y-%m-%d", &tm);
	}
	if (rest == NULL) {
		return EINVAL;
	}
	if (*rest == '.') {
		for (rest++; *rest >= '0' && *rest <= '9'; rest++) {
			fraction += (uint64_t)(*rest - '0') * unit;
			unit /= 10;
		}
	}
	if (*rest == 'Z') {
		rest++;
	}
	seconds = timegm(&tm);
	if (*rest != '\0' || seconds < 0) {
		return EINVAL;
	}
	*filetime = FILETIME_EPOCH + (uint64_t)seconds * FILETIME_SECOND +
		    fraction;
	return 0;
}
