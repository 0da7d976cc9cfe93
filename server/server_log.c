/*
   Samba DFS Replication
   The log of dfsrd

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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>
#include "server.h"

static struct {
	int fd;
	int level;
	uint64_t max_size;
	char file[4096];
	bool journal;
} log_state = {.fd = STDERR_FILENO};

static void log_open_file(void)
{
	int fd = open(log_state.file,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY,
		      0600);

	if (fd == -1) {
		return;
	}
	if (log_state.fd > STDERR_FILENO) {
		close(log_state.fd);
	}
	log_state.fd = fd;
}

void server_log_open(const char *file, uint64_t max_size, int level)
{
	log_state.level = level;
	log_state.max_size = max_size;
	log_state.journal = getenv("INVOCATION_ID") != NULL;
	if (file == NULL) {
		log_state.fd = STDOUT_FILENO;
		return;
	}
	snprintf(log_state.file, sizeof(log_state.file), "%s", file);
	log_open_file();
}

void server_log_level(int level)
{
	log_state.level = level;
}

void server_log_reopen(void)
{
	if (log_state.file[0] != '\0') {
		log_open_file();
	}
}

/** As Samba does it: FILE becomes FILE.old when it is too long. */
static void log_rotate(void)
{
	char old[sizeof(log_state.file) + 4];
	struct stat st;

	if (log_state.file[0] == '\0' || log_state.max_size == 0 ||
	    fstat(log_state.fd, &st) == -1 ||
	    (uint64_t)st.st_size < log_state.max_size) {
		return;
	}
	snprintf(old, sizeof(old), "%s.old", log_state.file);
	if (rename(log_state.file, old) == 0) {
		log_open_file();
	}
}

/** Control characters would forge lines and move the cursor. */
static void log_clean(char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			*text = ' ';
		}
	}
}

static void log_write(int level, char *text)
{
	char line[8192];
	char stamp[64] = "";
	struct timespec ts;
	struct tm tm;
	int len;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (localtime_r(&ts.tv_sec, &tm) != NULL) {
		strftime(stamp, sizeof(stamp), "%Y/%m/%d %H:%M:%S", &tm);
	}
	log_clean(text);
	len = snprintf(line, sizeof(line), "[%s.%06ld, %2d, pid=%d] %s\n",
		       stamp, ts.tv_nsec / 1000, level, (int)getpid(), text);
	if (len >= (int)sizeof(line)) {
		len = sizeof(line) - 1;
		line[len - 1] = '\n';
	}
	log_rotate();
	if (write(log_state.fd, line, (size_t)len) == -1) {
		return;
	}
}

void server_log_line(void *private_data, int level, const char *line)
{
	char *copy;

	(void)private_data;
	if (level > log_state.level) {
		return;
	}
	copy = talloc_strdup(NULL, line);
	if (copy != NULL) {
		log_write(level, copy);
	}
	talloc_free(copy);
}

void server_log(int level, const char *fmt, ...)
{
	char *text;
	va_list ap;

	if (level > log_state.level) {
		return;
	}
	va_start(ap, fmt);
	text = talloc_vasprintf(NULL, fmt, ap);
	va_end(ap);
	if (text != NULL) {
		log_write(level, text);
	}
	talloc_free(text);
}

void server_log_event(void *private_data, uint32_t id, const char *level,
		      const char *message)
{
	bool error = strcmp(level, "error") == 0;
	bool warning = strcmp(level, "warning") == 0;

	(void)private_data;
	server_log(error ? 0 : (warning ? 1 : 2), "event %u %s: %s", id, level,
		   message);
	if (log_state.journal) {
		sd_journal_send("MESSAGE=%s", message, "PRIORITY=%d",
				error ? 3 : (warning ? 4 : 6), "DFSR_EVENT=%u",
				id, "SYSLOG_IDENTIFIER=dfsrd", NULL);
	}
}
