/*
   Samba DFS Replication
   The pid file: one dfsrd for each smb.conf

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

/*
 * The lock is what counts, the number in it is for people and init scripts.
 * flock() belongs to the open file, so it goes along with a fork and ends with
 * the process however that dies.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server.h"

static int pidfile_fd = -1;

static int pidfile_taken(TALLOC_CTX *mem_ctx, const char *path, int fd,
			 char **why)
{
	char text[32] = "";
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len > 0) {
		text[strcspn(text, "\n")] = '\0';
	}
	*why = talloc_asprintf(mem_ctx,
			       "dfsrd is running already (pid %s, %s)",
			       text[0] != '\0' ? text : "unknown", path);
	return EBUSY;
}

/** Lock the file that has this name now; its predecessor may just end. */
static int pidfile_lock(const char *path, int *_fd, bool *taken)
{
	for (;;) {
		struct stat by_fd;
		struct stat by_name;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			      0644);

		if (fd == -1) {
			return errno;
		}
		*_fd = fd;
		if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
			*taken = errno == EWOULDBLOCK;
			return errno;
		}
		if (fstat(fd, &by_fd) == 0 && stat(path, &by_name) == 0 &&
		    by_fd.st_ino == by_name.st_ino &&
		    by_fd.st_dev == by_name.st_dev) {
			return 0;
		}
		close(fd);
	}
}

int server_pidfile_create(TALLOC_CTX *mem_ctx, const char *path, char **why)
{
	bool taken = false;
	char text[32];
	int fd = -1;
	int len;
	int err = pidfile_lock(path, &fd, &taken);

	if (taken) {
		err = pidfile_taken(mem_ctx, path, fd, why);
		close(fd);
		return err;
	}
	if (err == 0) {
		len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
		if (fchmod(fd, 0644) == -1 || ftruncate(fd, 0) == -1 ||
		    pwrite(fd, text, (size_t)len, 0) != len) {
			err = errno != 0 ? errno : EIO;
		}
	}
	if (err != 0) {
		*why = talloc_asprintf(mem_ctx, "cannot write the pid file %s: "
				       "%s", path, strerror(err));
		if (fd != -1) {
			close(fd);
		}
		return err;
	}
	pidfile_fd = fd;
	return 0;
}

void server_pidfile_remove(const char *path)
{
	if (pidfile_fd != -1) {
		unlink(path);
		close(pidfile_fd);
		pidfile_fd = -1;
	}
}
