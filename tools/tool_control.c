/*
   Samba DFS Replication
   Asking dfsrd

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
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "tool.h"

/** Longest answer that is read. */
#define ANSWER_MAX ((size_t)256 * 1024 * 1024)

static int control_connect(struct tool *t, int *_fd)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(t->conf->control) >= sizeof(sun.sun_path)) {
		return ENAMETOOLONG;
	}
	memcpy(sun.sun_path, t->conf->control, strlen(t->conf->control));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		return errno;
	}
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		int err = errno;

		close(fd);
		return err;
	}
	*_fd = fd;
	return 0;
}

bool tool_daemon_runs(struct tool *t)
{
	int fd = -1;

	if (control_connect(t, &fd) != 0) {
		return false;
	}
	close(fd);
	return true;
}

bool tool_daemon_holds(struct tool *t)
{
	int fd = open(t->conf->pid_file, O_RDONLY | O_CLOEXEC);
	bool held;

	if (fd == -1) {
		return false;
	}
	held = flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;
	close(fd);
	return held;
}

static int not_running(struct tool *t, int err)
{
	if (err == EACCES || err == EPERM) {
		return tool_fail(TOOL_FAILED,
				 "no permission to ask dfsrd (%s): only root "
				 "may", t->conf->control);
	}
	if (err == ENOENT || err == ECONNREFUSED || err == ENOTDIR) {
		if (tool_daemon_holds(t)) {
			return tool_fail(TOOL_FAILED,
					 "dfsrd is starting or stopping: try "
					 "again");
		}
		return tool_fail(TOOL_FAILED,
				 "dfsrd is not running (no control socket at "
				 "%s): start it with \"dfsrd -D\"",
				 t->conf->control);
	}
	return tool_fail(TOOL_FAILED, "cannot ask dfsrd at %s: %s",
			 t->conf->control, strerror(err));
}

static bool send_line(int fd, char *text)
{
	size_t len = strlen(text);
	size_t ofs = 0;

	text[len++] = '\n';
	while (ofs < len) {
		ssize_t done = send(fd, text + ofs, len - ofs, MSG_NOSIGNAL);

		if (done == -1 && errno != EINTR) {
			return false;
		}
		ofs += done > 0 ? (size_t)done : 0;
	}
	return true;
}

static json_t *receive_line(int fd)
{
	size_t alloc = 65536;
	size_t len = 0;
	char *text = malloc(alloc);
	json_t *answer = NULL;

	while (text != NULL) {
		ssize_t got;

		if (len == alloc) {
			char *more = alloc >= ANSWER_MAX
					     ? NULL
					     : realloc(text, 2 * alloc);

			if (more == NULL) {
				break;
			}
			text = more;
			alloc *= 2;
		}
		got = recv(fd, text + len, alloc - len, 0);
		if (got == -1 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			break;
		}
		len += (size_t)got;
		if (text[len - 1] == '\n') {
			answer = json_loadb(text, len, 0, NULL);
			break;
		}
	}
	free(text);
	return answer;
}

static json_t *make_request(struct tool *t, json_t *options)
{
	const struct tool_verb *v = t->verb;

	return json_pack("{s:s, s:s, s:O, s:O, s:b}", "noun", v->noun, "verb",
			 v->verb != NULL ? v->verb : "show", "args", t->args,
			 "options", options != NULL ? options : t->options,
			 "dry_run", t->dry_run);
}

static int take_answer(json_t *answer, json_t **result)
{
	json_t *status = json_object_get(answer, "status");
	const char *line = json_string_value(json_object_get(answer, "error"));
	const char *warning;

	if (!json_is_integer(status)) {
		return tool_fail(TOOL_FAILED,
				 "dfsrd hung up before it answered: its log "
				 "may say why");
	}
	if (json_integer_value(status) != 0) {
		return tool_fail(json_integer_value(status) == TOOL_USAGE
					 ? TOOL_USAGE
					 : TOOL_FAILED,
				 "%s", line != NULL ? line : "failed");
	}
	*result = json_incref(json_object_get(answer, "result"));
	warning = json_string_value(json_object_get(*result, "warning"));
	if (warning != NULL) {
		fprintf(stderr, "samba-dfs: warning: %s\n", warning);
	}
	return TOOL_DONE;
}

int tool_ask(struct tool *t, json_t *options, json_t **result)
{
	json_t *request = make_request(t, options);
	char *text = request == NULL ? NULL
				     : json_dumps(request, JSON_COMPACT);
	json_t *answer = NULL;
	int fd = -1;
	int status;
	int err;

	*result = NULL;
	json_decref(request);
	if (text == NULL) {
		return tool_fail(TOOL_FAILED, "out of memory");
	}
	if (t->level > 0) {
		fprintf(stderr, "asking %s: %s\n", t->conf->control, text);
	}
	err = control_connect(t, &fd);
	if (err != 0) {
		free(text);
		return not_running(t, err);
	}
	if (send_line(fd, text)) {
		answer = receive_line(fd);
	}
	status = take_answer(answer, result);
	json_decref(answer);
	free(text);
	close(fd);
	return status;
}

int tool_run(struct tool *t)
{
	json_t *result = NULL;
	int status = tool_ask(t, NULL, &result);

	if (status == TOOL_DONE) {
		if (t->json) {
			tool_print_json(result);
		} else if (t->verb->print != NULL && !json_is_null(result)) {
			t->verb->print(t, result);
		}
	}
	json_decref(result);
	return status;
}
