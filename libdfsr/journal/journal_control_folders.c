/*
   Samba DFS Replication
   The change log: the folder table, a text file

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
#include "journal_private.h"
#include "journal_control_folders.h"

/*
 *   dfsr-folders 1 <generation> <number of folders>
 *   <number> <GUID> <enabled> <readonly> <inode> <sec>.<nsec> <fsid> <path>
 *   end
 *
 * The path comes last, percent-encoded, so that it may hold anything.
 */

#define FOLDERS_LINE_MAX (3 * PATH_MAX + 256)
#define FOLDERS_FILE_MAX (DFSR_JOURNAL_FOLDERS_MAX * FOLDERS_LINE_MAX)

void dfsr_journal_folders_free(struct dfsr_journal_folders *table)
{
	uint32_t i = 0;

	if (table == NULL) {
		return;
	}
	for (i = 0; i < table->num; i++) {
		free(table->e[i].path);
	}
	free(table->e);
	free(table);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return -1;
}

/* Decode in place; false if it is not what path_encode() makes. */
static bool path_decode(char *s)
{
	char *out = s;

	if (*s != '/') {
		return false;
	}
	while (*s != '\0') {
		int hi = 0;
		int lo = 0;

		if (*s != '%') {
			*out++ = *s++;
			continue;
		}
		hi = hex_digit(s[1]);
		lo = hi < 0 ? -1 : hex_digit(s[2]);
		if (lo < 0 || (hi == 0 && lo == 0)) {
			return false;
		}
		*out++ = (char)(hi * 16 + lo);
		s += 3;
	}
	*out = '\0';
	return true;
}

static bool path_encode(FILE *f, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char c = *s;

		if (c <= ' ' || c == '%' || c >= 0x7f) {
			fprintf(f, "%%%02x", c);
		} else {
			fputc(c, f);
		}
	}
	return ferror(f) == 0;
}

static bool folder_parse(char *line, struct dfsr_journal_folder *e)
{
	char guid[DFSR_GUID_STRLEN];
	unsigned enabled = 0;
	unsigned readonly = 0;
	int pos = 0;

	if (sscanf(line,
		   "%" SCNu32 " %36s %1u %1u %" SCNu64 " %" SCNd64
		   ".%9" SCNu32 " %" SCNx64 " %n",
		   &e->number, guid, &enabled, &readonly, &e->root.ino,
		   &e->root.btime_sec, &e->root.btime_nsec, &e->fsid,
		   &pos) != 8 || pos == 0) {
		return false;
	}
	if (dfsr_guid_parse(guid, &e->folder) != 0 || enabled > 1 ||
	    readonly > 1 || strlen(line + pos) > FOLDERS_LINE_MAX ||
	    !path_decode(line + pos)) {
		return false;
	}
	e->enabled = enabled == 1;
	e->readonly = readonly == 1;
	e->path = strdup(line + pos);
	return e->path != NULL;
}

/* Cut the next line out of *text; NULL at the end or without newline. */
static char *next_line(char **text)
{
	char *line = *text;
	char *end = strchr(line, '\n');

	if (end == NULL) {
		return NULL;
	}
	*end = '\0';
	*text = end + 1;
	return line;
}

static int folders_parse(char *text, struct dfsr_journal_folders *table)
{
	char *line = next_line(&text);
	uint32_t num = 0;
	int end = 0;

	if (line == NULL ||
	    sscanf(line, "dfsr-folders 1 %" SCNu64 " %" SCNu32 "%n",
		   &table->generation, &num, &end) != 2 ||
	    line[end] != '\0' || num > DFSR_JOURNAL_FOLDERS_MAX) {
		return EBADMSG;
	}
	table->e = calloc(num + 1, sizeof(table->e[0]));
	if (table->e == NULL) {
		return ENOMEM;
	}
	while (table->num < num) {
		line = next_line(&text);
		if (line == NULL ||
		    !folder_parse(line, &table->e[table->num])) {
			return EBADMSG;
		}
		table->num++;
	}
	line = next_line(&text);
	if (line == NULL || strcmp(line, "end") != 0 || *text != '\0') {
		return EBADMSG;
	}
	return 0;
}

static int read_text(int fd, char **text)
{
	struct stat st;
	size_t done = 0;

	if (fstat(fd, &st) == -1) {
		return errno;
	}
	if (st.st_size > FOLDERS_FILE_MAX) {
		return EBADMSG;
	}
	*text = calloc(1, st.st_size + 1);
	if (*text == NULL) {
		return ENOMEM;
	}
	while (done < (size_t)st.st_size) {
		ssize_t n = pread(fd, *text + done, st.st_size - done, done);

		if (n <= 0) {
			return n == 0 ? EBADMSG : errno;
		}
		done += n;
	}
	return strlen(*text) == done ? 0 : EBADMSG;
}

int dfsr_journal_folders_read(const char *dir,
			      struct dfsr_journal_folders **table)
{
	char path[PATH_MAX];
	char *text = NULL;
	int fd = -1;
	int ret = 0;

	*table = NULL;
	if (snprintf(path, sizeof(path), "%s/folders", dir) >=
	    (int)sizeof(path)) {
		return ENAMETOOLONG;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		return errno;
	}
	ret = read_text(fd, &text);
	close(fd);
	if (ret == 0) {
		*table = calloc(1, sizeof(**table));
		ret = *table == NULL ? ENOMEM : folders_parse(text, *table);
	}
	free(text);
	if (ret != 0) {
		dfsr_journal_folders_free(*table);
		*table = NULL;
	}
	return ret;
}

int journal_folders_format(const struct dfsr_journal_folders *table,
			   char **text, size_t *len)
{
	char guid[DFSR_GUID_STRLEN];
	FILE *f = NULL;
	uint32_t i = 0;
	bool ok = true;

	if (table->num > DFSR_JOURNAL_FOLDERS_MAX) {
		return E2BIG;
	}
	f = open_memstream(text, len);
	if (f == NULL) {
		return ENOMEM;
	}
	fprintf(f, "dfsr-folders 1 %" PRIu64 " %" PRIu32 "\n",
		table->generation, table->num);
	for (i = 0; i < table->num && ok; i++) {
		const struct dfsr_journal_folder *e = &table->e[i];

		fprintf(f, "%" PRIu32 " %s %d %d %" PRIu64 " %" PRId64
			".%09" PRIu32 " %" PRIx64 " ",
			e->number, dfsr_guid_str(&e->folder, guid),
			e->enabled, e->readonly, e->root.ino,
			e->root.btime_sec, e->root.btime_nsec, e->fsid);
		ok = e->path[0] == '/' && strlen(e->path) < PATH_MAX &&
		     path_encode(f, e->path);
		fputc('\n', f);
	}
	fputs("end\n", f);
	if (fclose(f) != 0) {
		ok = false;
	}
	if (!ok) {
		free(*text);
		return EINVAL;
	}
	return 0;
}
