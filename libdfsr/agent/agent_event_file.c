/*
   Samba DFS Replication
   The files of the event log: append, rotate, read back

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
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agent_event_log.h"

static char *old_path(const struct dfsr_eventfile *file, int n)
{
	if (n == 0) {
		return talloc_strdup(file->path, file->path);
	}
	return talloc_asprintf(file->path, "%s.%d", file->path, n);
}

bool dfsr_event_fits(json_t *event, const struct dfsr_event_filter *filter)
{
	uint64_t since = 0;
	const char *time = json_string_value(json_object_get(event, "time"));
	json_int_t seq = json_integer_value(json_object_get(event, "seq"));
	json_int_t id = json_integer_value(json_object_get(event, "id"));

	if ((uint64_t)seq <= filter->after ||
	    (filter->id != 0 && (uint32_t)id != filter->id)) {
		return false;
	}
	if (filter->since == 0) {
		return true;
	}
	return time != NULL && dfsr_time_parse(time, &since) == 0 &&
	       since >= filter->since;
}

/** Keep the newest ones only. */
static void keep_newest(json_t *events, uint32_t limit)
{
	while (json_array_size(events) > limit) {
		json_array_remove(events, 0);
	}
}

static int read_file(const char *path, const struct dfsr_event_filter *filter,
		     uint32_t limit, json_t *events)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t alloc = 0;
	ssize_t len;
	int err = 0;

	if (f == NULL) {
		return errno == ENOENT ? 0 : errno;
	}
	while ((len = getline(&line, &alloc, f)) > 0) {
		json_t *event;

		if (len > DFSR_EVENTLOG_LINE_MAX || line[len - 1] != '\n') {
			continue;
		}
		event = json_loadb(line, (size_t)len, 0, NULL);
		if (event != NULL && dfsr_event_fits(event, filter)) {
			json_array_append(events, event);
		}
		json_decref(event);
		/* in big steps: each one moves the whole array */
		if (json_array_size(events) > 2 * (size_t)limit + 1000) {
			keep_newest(events, limit);
		}
	}
	if (ferror(f)) {
		err = EIO;
	}
	free(line);
	fclose(f);
	return err;
}

int dfsr_eventfile_read(struct dfsr_eventfile *file,
			const struct dfsr_event_filter *filter,
			json_t **_events)
{
	uint32_t limit = filter->limit;
	json_t *events = json_array();
	int err = 0;
	int i;

	if (events == NULL) {
		return ENOMEM;
	}
	if (limit == 0 || limit > DFSR_EVENTLOG_READ_MAX) {
		limit = DFSR_EVENTLOG_READ_MAX;
	}
	for (i = DFSR_EVENTLOG_OLD_MAX; err == 0 && i >= 0; i--) {
		char *path = old_path(file, i);

		if (path == NULL) {
			err = ENOMEM;
			break;
		}
		if (filter->after < file->seq) {
			err = read_file(path, filter, limit, events);
		}
		talloc_free(path);
	}
	if (err != 0) {
		json_decref(events);
		return err;
	}
	keep_newest(events, limit);
	*_events = events;
	return 0;
}

/** Where the last whole line ends; what is behind it was torn. */
static int find_end(struct dfsr_eventfile *file, off_t *end)
{
	char buf[4096];
	off_t ofs = (off_t)file->size;

	while (ofs > 0) {
		size_t len = ofs < (off_t)sizeof(buf) ? (size_t)ofs
						      : sizeof(buf);
		const char *newline;

		if (pread(file->fd, buf, len, ofs - (off_t)len) !=
		    (ssize_t)len) {
			return EIO;
		}
		newline = memrchr(buf, '\n', len);
		if (newline != NULL) {
			*end = ofs - (off_t)len + (newline - buf) + 1;
			return 0;
		}
		ofs -= (off_t)len;
	}
	*end = 0;
	return 0;
}

static int find_seq(struct dfsr_eventfile *file)
{
	const struct dfsr_event_filter newest = {.limit = 1};
	json_t *events = NULL;
	int i;

	for (i = 0; i <= DFSR_EVENTLOG_OLD_MAX && file->seq == 0; i++) {
		char *path = old_path(file, i);
		json_t *event;

		events = json_array();
		if (path == NULL || events == NULL ||
		    read_file(path, &newest, 1, events) != 0) {
			json_decref(events);
			talloc_free(path);
			return ENOMEM;
		}
		keep_newest(events, 1);
		event = json_array_get(events, 0);
		file->seq = (uint64_t)json_integer_value(
			json_object_get(event, "seq"));
		json_decref(events);
		talloc_free(path);
	}
	return 0;
}

int dfsr_eventfile_open(struct dfsr_eventfile *file, TALLOC_CTX *mem_ctx,
			const char *dir)
{
	struct stat st;
	off_t end = 0;
	int err;

	*file = (struct dfsr_eventfile){.fd = -1};
	file->path = talloc_asprintf(mem_ctx, "%s/events.jsonl", dir);
	if (file->path == NULL) {
		return ENOMEM;
	}
	file->fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC |
			O_NOFOLLOW, 0600);
	if (file->fd == -1 || fstat(file->fd, &st) == -1) {
		return errno;
	}
	file->size = (uint64_t)st.st_size;
	err = find_end(file, &end);
	if (err == 0 && end != st.st_size) {
		if (ftruncate(file->fd, end) == -1) {
			return errno;
		}
		file->size = (uint64_t)end;
	}
	return err != 0 ? err : find_seq(file);
}

static int rotate(struct dfsr_eventfile *file)
{
	int fd;
	int i;

	for (i = DFSR_EVENTLOG_OLD_MAX; i > 0; i--) {
		char *from = old_path(file, i - 1);
		char *to = old_path(file, i);
		int err = 0;

		if (from == NULL || to == NULL) {
			err = ENOMEM;
		} else if (rename(from, to) == -1 && errno != ENOENT) {
			err = errno;
		}
		talloc_free(from);
		talloc_free(to);
		if (err != 0) {
			return err;
		}
	}
	fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC |
		  O_NOFOLLOW, 0600);
	if (fd == -1) {
		return errno;
	}
	close(file->fd);
	file->fd = fd;
	file->size = 0;
	return 0;
}

int dfsr_eventfile_append(struct dfsr_eventfile *file, const char *line,
			  size_t len)
{
	ssize_t done;

	if (file->size > 0 && file->size + len > DFSR_EVENTLOG_FILE_MAX) {
		int err = rotate(file);

		if (err != 0) {
			return err;
		}
	}
	done = write(file->fd, line, len);
	if (done == (ssize_t)len) {
		file->size += len;
		return 0;
	}
	if (done > 0 && ftruncate(file->fd, (off_t)file->size) == -1) {
		/* the next line would continue the torn one */
		file->size += (uint64_t)done;
		return errno;
	}
	return done == -1 ? errno : ENOSPC;
}
