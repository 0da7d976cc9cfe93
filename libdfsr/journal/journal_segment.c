/*
   Samba DFS Replication
   The change log: files of the journal folder, dfsrd's side

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

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "journal_private.h"

void journal_name(char buf[JOURNAL_NAME_LEN], const char *what, uint64_t n)
{
	snprintf(buf, JOURNAL_NAME_LEN, "%s.%" PRIu64, what, n);
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n == -1 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n == 0 ? ENOSPC : errno;
		}
		data += n;
		len -= n;
	}
	return 0;
}

int journal_file_replace(int dirfd, const char *name, const void *data,
			 size_t len, bool sync)
{
	char tmp[JOURNAL_NAME_LEN + 8];
	int fd = -1;
	int ret = 0;

	snprintf(tmp, sizeof(tmp), "%s.new", name);
	unlinkat(dirfd, tmp, 0);
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd == -1) {
		return errno;
	}
	ret = write_all(fd, data, len);
	if (ret == 0 && sync && fsync(fd) == -1) {
		ret = errno;
	}
	close(fd);
	if (ret == 0 && renameat(dirfd, tmp, dirfd, name) == -1) {
		ret = errno;
	}
	if (ret != 0) {
		unlinkat(dirfd, tmp, 0);
		return ret;
	}
	if (sync && fsync(dirfd) == -1) {
		return errno;
	}
	return 0;
}

int journal_file_read(TALLOC_CTX *mem_ctx, int dirfd, const char *name,
		      size_t max, uint8_t **data, size_t *len)
{
	struct stat st;
	ssize_t n = 0;
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	int ret = 0;

	if (fd == -1) {
		return errno;
	}
	if (fstat(fd, &st) == -1) {
		ret = errno;
		goto done;
	}
	if ((uint64_t)st.st_size > max) {
		ret = EFBIG;
		goto done;
	}
	*data = talloc_array(mem_ctx, uint8_t, st.st_size + 1);
	if (*data == NULL) {
		ret = ENOMEM;
		goto done;
	}
	for (*len = 0; *len < (size_t)st.st_size; *len += n) {
		n = pread(fd, *data + *len, st.st_size - *len, *len);
		if (n <= 0) {
			ret = n == 0 ? EBADMSG : errno;
			TALLOC_FREE(*data);
			break;
		}
	}
done:
	close(fd);
	return ret;
}

int journal_segment_create(int dirfd, const uint8_t boot[16], uint64_t n)
{
	struct journal_segment_header h = {.segment = n};
	uint8_t buf[JOURNAL_SEGMENT_HEADER];
	char name[JOURNAL_NAME_LEN];

	memcpy(h.boot, boot, sizeof(h.boot));
	journal_segment_encode(&h, buf);
	journal_name(name, "segment", n);
	return journal_file_replace(dirfd, name, buf, sizeof(buf), false);
}

int journal_segment_range(int dirfd, uint64_t *lowest, uint64_t *highest,
			  uint64_t *bytes)
{
	struct dirent *de = NULL;
	struct stat st;
	DIR *dir = NULL;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*lowest = UINT64_MAX;
	*highest = 0;
	*bytes = 0;
	dir = fd == -1 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		return errno;
	}
	while ((de = readdir(dir)) != NULL) {
		uint64_t n = 0;
		int end = 0;

		if (sscanf(de->d_name, "segment.%" SCNu64 "%n", &n, &end) !=
			    1 || de->d_name[end] != '\0' || n == 0) {
			continue;
		}
		*lowest = n < *lowest ? n : *lowest;
		*highest = n > *highest ? n : *highest;
		if (fstatat(dirfd, de->d_name, &st, 0) == 0) {
			*bytes += st.st_size;
		}
	}
	closedir(dir);
	return *highest == 0 ? ENOENT : 0;
}

int journal_segment_open(int dirfd, uint64_t n, int *fd,
			 struct journal_segment_header *h)
{
	uint8_t buf[JOURNAL_SEGMENT_HEADER];
	char name[JOURNAL_NAME_LEN];
	ssize_t got = 0;

	journal_name(name, "segment", n);
	*fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd == -1) {
		return errno;
	}
	got = pread(*fd, buf, sizeof(buf), 0);
	if (got != (ssize_t)sizeof(buf) ||
	    journal_segment_decode(buf, got, h) != 0 || h->segment != n) {
		close(*fd);
		*fd = -1;
		return EBADMSG;
	}
	return 0;
}

/*
 * Truncated first: an idle smbd may hold the file open for days, and its
 * blocks with it.
 */
int journal_segment_remove(int dirfd, uint64_t n)
{
	char name[JOURNAL_NAME_LEN];
	int fd = -1;

	journal_name(name, "open", n);
	unlinkat(dirfd, name, 0);
	journal_name(name, "segment", n);
	fd = openat(dirfd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		return errno == ENOENT ? 0 : errno;
	}
	if (ftruncate(fd, 0) == -1 || unlinkat(dirfd, name, 0) == -1) {
		int ret = errno;

		close(fd);
		return ret;
	}
	close(fd);
	return 0;
}
