/*
   Samba DFS Replication
   The control socket

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
 * One JSON object on one line is a request, and one line is its answer. A
 * client's requests are answered in order. While one is carried out the socket
 * is still read, so that a client that hangs up takes its request along.
 */

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "server.h"

struct client {
	struct client *prev;
	struct client *next;
	struct server_control *control;
	int fd;
	struct tevent_fd *fde;
	char *in;
	size_t in_len;
	size_t in_alloc;
	char *out; /* malloc'd by jansson */
	size_t out_len;
	size_t out_ofs;
	struct tevent_req *busy;
};

struct server_control {
	struct tevent_context *ev;
	struct dfsr_agent *agent;
	int fd;
	char *path;
	struct client *clients;
	unsigned int num;
};

static void client_next(struct client *c);

static int client_destructor(struct client *c)
{
	if (c->prev != NULL) {
		c->prev->next = c->next;
	} else {
		c->control->clients = c->next;
	}
	if (c->next != NULL) {
		c->next->prev = c->prev;
	}
	c->control->num -= 1;
	TALLOC_FREE(c->fde);
	close(c->fd);
	free(c->out);
	return 0;
}

static void client_flags(struct client *c)
{
	uint16_t flags = 0;

	/* a full buffer with a request under way is read later */
	if (c->busy == NULL || c->in_len < DFSR_CONTROL_REQUEST_MAX) {
		flags |= TEVENT_FD_READ;
	}
	if (c->out != NULL) {
		flags |= TEVENT_FD_WRITE;
	}
	tevent_fd_set_flags(c->fde, flags);
}

static void client_answer(struct client *c, json_t *answer)
{
	c->out = json_dumps(answer, JSON_COMPACT);
	c->out_ofs = 0;
	c->out_len = c->out == NULL ? 0 : strlen(c->out);
	if (c->out == NULL) {
		talloc_free(c);
		return;
	}
	/* the NUL's place is taken by the newline */
	c->out[c->out_len++] = '\n';
	client_flags(c);
}

static void client_refuse(struct client *c, const char *line)
{
	json_t *answer = json_pack("{s:i, s:s}", "status", 2, "error", line);

	client_answer(c, answer);
	json_decref(answer);
}

static void client_done(struct tevent_req *subreq)
{
	struct client *c = tevent_req_callback_data(subreq, struct client);
	json_t *answer = NULL;
	int err = dfsr_agent_control_recv(subreq, &answer);

	TALLOC_FREE(subreq);
	c->busy = NULL;
	if (err != 0) {
		answer = json_pack("{s:i, s:s}", "status", 1, "error",
				   strerror(err));
	}
	client_answer(c, answer);
	json_decref(answer);
}

static void client_request(struct client *c, json_t *request)
{
	c->busy = dfsr_agent_control_send(c, c->control->ev,
					  c->control->agent, request);
	if (c->busy == NULL) {
		client_refuse(c, "out of memory");
		return;
	}
	tevent_req_set_callback(c->busy, client_done, c);
	client_flags(c);
}

/** Take the next line out of the buffer, if there is a whole one. */
static void client_next(struct client *c)
{
	char *newline;
	size_t len;
	json_t *request;

	if (c->busy != NULL || c->out != NULL || c->in_len == 0) {
		return;
	}
	newline = memchr(c->in, '\n', c->in_len);
	if (newline == NULL) {
		if (c->in_len >= DFSR_CONTROL_REQUEST_MAX) {
			talloc_free(c);
		}
		return;
	}
	len = (size_t)(newline - c->in);
	request = json_loadb(c->in, len, 0, NULL);
	memmove(c->in, newline + 1, c->in_len - len - 1);
	c->in_len -= len + 1;
	if (request == NULL) {
		client_refuse(c, "the request is no JSON");
		return;
	}
	client_request(c, request);
	json_decref(request);
}

static void client_read(struct client *c)
{
	ssize_t got;

	if (c->in_len == c->in_alloc) {
		size_t alloc = c->in_alloc == 0 ? 4096 : 2 * c->in_alloc;
		char *in;

		if (alloc > DFSR_CONTROL_REQUEST_MAX) {
			alloc = DFSR_CONTROL_REQUEST_MAX;
		}
		in = talloc_realloc(c, c->in, char, alloc);
		if (in == NULL || alloc == c->in_alloc) {
			talloc_free(c);
			return;
		}
		c->in = in;
		c->in_alloc = alloc;
	}
	got = recv(c->fd, c->in + c->in_len, c->in_alloc - c->in_len, 0);
	if (got == -1 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (got <= 0) {
		/* hung up: its request goes with it */
		talloc_free(c);
		return;
	}
	c->in_len += (size_t)got;
	client_flags(c);
	client_next(c);
}

static void client_write(struct client *c)
{
	ssize_t done = send(c->fd, c->out + c->out_ofs,
			    c->out_len - c->out_ofs, MSG_NOSIGNAL);

	if (done == -1 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (done == -1) {
		talloc_free(c);
		return;
	}
	c->out_ofs += (size_t)done;
	if (c->out_ofs < c->out_len) {
		return;
	}
	free(c->out);
	c->out = NULL;
	client_flags(c);
	client_next(c);
}

static void client_handler(struct tevent_context *ev, struct tevent_fd *fde,
			   uint16_t flags, void *private_data)
{
	struct client *c = talloc_get_type_abort(private_data, struct client);

	(void)ev;
	(void)fde;
	if ((flags & TEVENT_FD_WRITE) != 0 && c->out != NULL) {
		client_write(c);
		return;
	}
	if ((flags & TEVENT_FD_READ) != 0) {
		client_read(c);
	}
}

/** Only root, or whoever dfsrd runs as in a test. */
static bool peer_may(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1) {
		return false;
	}
	return cred.uid == 0 || cred.uid == geteuid();
}

static void client_add(struct server_control *control, int fd)
{
	struct client *c = talloc_zero(control, struct client);

	if (c == NULL) {
		close(fd);
		return;
	}
	c->control = control;
	c->fd = fd;
	c->next = control->clients;
	if (c->next != NULL) {
		c->next->prev = c;
	}
	control->clients = c;
	control->num += 1;
	talloc_set_destructor(c, client_destructor);
	c->fde = tevent_add_fd(control->ev, c, fd, TEVENT_FD_READ,
			       client_handler, c);
	if (c->fde == NULL) {
		talloc_free(c);
	}
}

static void control_accept(struct tevent_context *ev, struct tevent_fd *fde,
			   uint16_t flags, void *private_data)
{
	struct server_control *control =
		talloc_get_type_abort(private_data, struct server_control);
	int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)ev;
	(void)fde;
	(void)flags;
	if (fd == -1) {
		return;
	}
	if (!peer_may(fd)) {
		server_log(1, "control socket: only root may ask");
		close(fd);
		return;
	}
	if (control->num >= SERVER_CLIENTS_MAX) {
		server_log(1, "control socket: %u clients, no more",
			   control->num);
		close(fd);
		return;
	}
	client_add(control, fd);
}

static int control_destructor(struct server_control *control)
{
	while (control->clients != NULL) {
		talloc_free(control->clients);
	}
	if (control->fd != -1) {
		close(control->fd);
		unlink(control->path);
	}
	return 0;
}

/** Whoever holds the pid file's lock may replace what a dead one left. */
static int control_listen(struct server_control *control)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(control->path) >= sizeof(sun.sun_path)) {
		return ENAMETOOLONG;
	}
	memcpy(sun.sun_path, control->path, strlen(control->path));
	unlink(control->path);
	control->fd = socket(AF_UNIX,
			     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->fd == -1 ||
	    bind(control->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    chmod(control->path, 0600) == -1 ||
	    listen(control->fd, SERVER_CLIENTS_MAX) == -1) {
		return errno;
	}
	return 0;
}

int server_control_start(TALLOC_CTX *mem_ctx, struct tevent_context *ev,
			 struct dfsr_agent *agent,
			 const struct dfsr_smbconf *conf,
			 struct server_control **_control, char **why)
{
	struct server_control *control =
		talloc_zero(mem_ctx, struct server_control);
	struct tevent_fd *fde;
	int err;

	if (control == NULL) {
		return ENOMEM;
	}
	control->ev = ev;
	control->agent = agent;
	control->fd = -1;
	control->path = talloc_strdup(control, conf->control);
	talloc_set_destructor(control, control_destructor);
	err = control->path == NULL ? ENOMEM : control_listen(control);
	if (err != 0) {
		*why = talloc_asprintf(mem_ctx,
				       "cannot listen on the control socket "
				       "%s: %s", conf->control, strerror(err));
		talloc_free(control);
		return err;
	}
	fde = tevent_add_fd(ev, control, control->fd, TEVENT_FD_READ,
			    control_accept, control);
	if (fde == NULL) {
		talloc_free(control);
		return ENOMEM;
	}
	*_control = control;
	return 0;
}
