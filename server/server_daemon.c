/*
   Samba DFS Replication
   Going to the background, and saying how it went

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
#include <sys/types.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "server.h"

/** The parent reads from it: nothing but the end when all is well. */
static int ready_fd = -1;

static _Noreturn void daemon_wait(int fd)
{
	char text[2048];
	size_t len = 0;
	ssize_t got;

	while (len < sizeof(text) - 1 &&
	       ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0 ||
		(got == -1 && errno == EINTR))) {
		len += got > 0 ? (size_t)got : 0;
	}
	text[len] = '\0';
	if (len == 1 && text[0] == '\n') {
		_exit(0);
	}
	fprintf(stderr, "dfsrd: %s\n",
		len > 0 ? text : "died while it was starting: its log may say "
				 "why");
	fflush(stderr);
	_exit(1);
}

int server_daemonize(char **why)
{
	int fds[2];
	int null;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1) {
		*why = talloc_strdup(NULL, strerror(errno));
		return errno;
	}
	pid = fork();
	if (pid == -1) {
		*why = talloc_asprintf(NULL, "cannot fork: %s",
				       strerror(errno));
		return errno;
	}
	if (pid > 0) {
		close(fds[1]);
		daemon_wait(fds[0]);
	}
	close(fds[0]);
	ready_fd = fds[1];
	setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null != -1) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	if (chdir("/") == -1) {
		*why = talloc_strdup(NULL, strerror(errno));
		return errno;
	}
	return 0;
}

void server_notify(const char *state)
{
	sd_notify(0, state);
}

void server_ready(void)
{
	sd_notify(0, "READY=1");
	if (ready_fd != -1) {
		if (write(ready_fd, "\n", 1) == -1) {
			/* nobody waits any more */
			errno = 0;
		}
		close(ready_fd);
		ready_fd = -1;
	}
}

void server_failed(const char *why)
{
	server_log(0, "%s", why);
	sd_notifyf(0, "STATUS=%s", why);
	if (ready_fd == -1) {
		fprintf(stderr, "dfsrd: %s\n", why);
		return;
	}
	if (write(ready_fd, why, strlen(why)) == -1) {
		errno = 0;
	}
	close(ready_fd);
	ready_fd = -1;
}

int server_private_dir(TALLOC_CTX *mem_ctx, const char *path, char **why)
{
	struct stat st;
	int err = 0;

	if (mkdir(path, 0700) == -1 && errno != EEXIST) {
		err = errno;
	} else if (lstat(path, &st) == -1) {
		err = errno;
	} else if (!S_ISDIR(st.st_mode)) {
		err = ENOTDIR;
	} else if (st.st_uid != geteuid()) {
		err = EPERM;
	} else if ((st.st_mode & 077) != 0 && chmod(path, 0700) == -1) {
		err = errno;
	}
	if (err != 0) {
		*why = talloc_asprintf(mem_ctx, "cannot use the folder %s: %s",
				       path, strerror(err));
	}
	return err;
}
