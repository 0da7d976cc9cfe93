/*
   Samba DFS Replication
   Bytes from file to file

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
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "apply_private.h"

#define COPY_BUF (1024 * 1024)

int apply_write_all(int fd, const void *data, size_t len, uint64_t ofs)
{
	const uint8_t *p = data;

	while (len > 0) {
		ssize_t put = pwrite(fd, p, len, (off_t)ofs);

		if (put == -1 && errno == EINTR) {
			continue;
		}
		if (put == -1) {
			return errno;
		}
		p += put;
		ofs += (uint64_t)put;
		len -= (size_t)put;
	}
	return 0;
}

static int copy_run(int from, int to, uint8_t *buf, uint64_t ofs, uint64_t end)
{
	while (ofs < end) {
		size_t want = end - ofs < COPY_BUF ? (size_t)(end - ofs)
						   : COPY_BUF;
		ssize_t got = pread(from, buf, want, (off_t)ofs);
		int ret;

		if (got == -1 && errno == EINTR) {
			continue;
		}
		if (got == -1) {
			return errno;
		}
		if (got == 0) {
			return ESTALE; /* shorter than it was */
		}
		ret = apply_write_all(to, buf, (size_t)got, ofs);
		if (ret != 0) {
			return ret;
		}
		ofs += (uint64_t)got;
	}
	return 0;
}

static int copy_runs(int from, int to, uint8_t *buf, uint64_t size)
{
	uint64_t ofs = 0;

	while (ofs < size) {
		off_t data = lseek(from, (off_t)ofs, SEEK_DATA);
		off_t hole;
		uint64_t end;
		int ret;

		if (data == -1) {
			return errno == ENXIO ? 0 : errno;
		}
		hole = lseek(from, data, SEEK_HOLE);
		if (hole == -1) {
			return errno;
		}
		end = (uint64_t)hole < size ? (uint64_t)hole : size;
		ret = copy_run(from, to, buf, (uint64_t)data, end);
		if (ret != 0) {
			return ret;
		}
		ofs = end;
	}
	return 0;
}

int apply_file_clone(int from, int to, uint64_t size)
{
	uint8_t *buf = NULL;
	int ret;

	if (size > 0 && ioctl(to, FICLONE, from) == 0) {
		return ftruncate(to, (off_t)size) == 0 ? 0 : errno;
	}
	buf = malloc(COPY_BUF);
	if (buf == NULL) {
		return ENOMEM;
	}
	ret = copy_runs(from, to, buf, size);
	free(buf);
	if (ret == 0 && ftruncate(to, (off_t)size) != 0) {
		ret = errno;
	}
	return ret;
}
