/*
   Samba DFS Replication
   How fast two peers talk over loopback TLS

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
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <tevent.h>
#include "dfsr_peer.h"
#include "peer/peer_private.h"

/*
 * Server and client are two processes. Printed are round trips per second
 * with one and with 64 small requests in flight, and the throughput of 1 MiB
 * answers with 8 in flight, with the processor time of both sides. An argument
 * "small" or "large" runs one half, for a profiler.
 */

#define BENCH_MS 2000
#define BENCH_DATA (1024 * 1024)

struct bench {
	struct tevent_context *ev;
	struct dfsr_identity *id;
	struct dfsr_peer *peer;
	uint8_t *data;
	uint8_t type;
	uint64_t done;
	unsigned in_flight;
	bool stop;
	int err;
};

static double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double bench_cpu(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- server -------------------------------------------------------------- */

static void server_request(struct dfsr_request *request, void *private_data)
{
	struct bench *b = private_data;

	if (request->type == DFSR_MSG_CLOSE) {
		double cpu = bench_cpu(RUSAGE_SELF);

		dfsr_peer_reply(request, (uint8_t *)&cpu, sizeof(cpu));
		return;
	}
	if (request->type == DFSR_MSG_READ) {
		/* Stands for the read of a file. */
		dfsr_peer_reply_steal(request,
				      talloc_memdup(b, b->data, BENCH_DATA),
				      BENCH_DATA);
		return;
	}
	dfsr_peer_reply(request, b->data, 40);
}

static void server_closed(struct dfsr_peer *peer, int err, const char *why,
			  void *private_data)
{
	struct bench *b = private_data;

	(void)peer;
	(void)err;
	(void)why;
	b->stop = true;
}

static int server_accept(struct dfsr_peer *peer, void *private_data)
{
	(void)private_data;
	dfsr_peer_set_trusted(peer);
	return 0;
}

static int bench_server(struct bench *b, int port_fd)
{
	struct dfsr_listener_ops ops = {
		.accept = server_accept,
		.peer = {.request = server_request, .closed = server_closed},
		.private_data = b,
	};
	struct dfsr_listener *listener = NULL;
	uint16_t port;
	int err;

	err = dfsr_peer_listen(b, b->ev, b->id, "127.0.0.1", 0, &ops,
			       &listener);
	if (err != 0) {
		return err;
	}
	port = peer_listener_port(listener);
	if (write(port_fd, &port, sizeof(port)) != sizeof(port)) {
		return EIO;
	}
	while (!b->stop) {
		tevent_loop_once(b->ev);
	}
	return 0;
}

/* ---- client -------------------------------------------------------------- */

static void client_ask(struct bench *b);

static void client_done(struct tevent_req *req)
{
	struct bench *b = tevent_req_callback_data_void(req);
	uint8_t *body = NULL;
	size_t len = 0;
	int err;

	err = dfsr_peer_request_recv(req, b, &body, &len, NULL);
	talloc_free(req);
	talloc_free(body);
	b->in_flight--;
	b->done++;
	if (err != 0) {
		b->err = err;
		b->stop = true;
	}
	if (!b->stop) {
		client_ask(b);
	}
}

static void client_ask(struct bench *b)
{
	struct tevent_req *req = NULL;

	req = dfsr_peer_request_send(b, b->ev, b->peer, b->type, b->data, 40,
				     0);
	if (req == NULL) {
		b->err = ENOMEM;
		b->stop = true;
		return;
	}
	b->in_flight++;
	tevent_req_set_callback(req, client_done, b);
}

static double server_cpu(struct bench *b)
{
	struct tevent_req *req = NULL;
	uint8_t *body = NULL;
	double cpu = 0;
	size_t len = 0;

	req = dfsr_peer_request_send(b, b->ev, b->peer, DFSR_MSG_CLOSE, NULL,
				     0, 0);
	if (req != NULL && tevent_req_poll(req, b->ev) &&
	    dfsr_peer_request_recv(req, b, &body, &len, NULL) == 0 &&
	    len == sizeof(cpu)) {
		memcpy(&cpu, body, sizeof(cpu));
	}
	talloc_free(body);
	talloc_free(req);
	return cpu;
}

static void client_stop(struct tevent_context *ev, struct tevent_timer *te,
			struct timeval now, void *private_data)
{
	struct bench *b = private_data;

	(void)ev;
	(void)te;
	(void)now;
	b->stop = true;
}

static void client_run(struct bench *b, const char *name, uint8_t type,
		       unsigned depth)
{
	double start, cpu, far, took;
	unsigned i;

	b->type = type;
	b->stop = false;
	b->done = 0;
	far = server_cpu(b);
	cpu = bench_cpu(RUSAGE_SELF);
	start = bench_now();
	tevent_add_timer(b->ev, b, peer_in_ms(BENCH_MS), client_stop, b);
	for (i = 0; i < depth; i++) {
		client_ask(b);
	}
	while (!b->stop || b->in_flight > 0) {
		tevent_loop_once(b->ev);
	}
	took = bench_now() - start;
	cpu = bench_cpu(RUSAGE_SELF) - cpu;
	far = server_cpu(b) - far;
	printf("%-24s %10.0f /s", name, (double)b->done / took);
	if (type == DFSR_MSG_READ) {
		printf(" %8.0f MB/s",
		       (double)b->done * BENCH_DATA / took / 1e6);
	}
	printf("   cpu us each: client %.1f server %.1f%s%s\n",
	       cpu * 1e6 / (double)b->done, far * 1e6 / (double)b->done,
	       b->err != 0 ? "  " : "", b->err != 0 ? strerror(b->err) : "");
}

static int bench_client(struct bench *b, uint16_t port, const char *only)
{
	struct dfsr_peer_ops ops = {};
	struct tevent_req *req = NULL;
	char *why = NULL;
	int err;

	req = dfsr_peer_connect_send(b, b->ev, b->id, "127.0.0.1", port,
				     dfsr_identity_fingerprint(b->id), &ops,
				     b);
	if (req == NULL || !tevent_req_poll(req, b->ev)) {
		return ENOMEM;
	}
	err = dfsr_peer_connect_recv(req, b, &b->peer, &why);
	if (err != 0) {
		fprintf(stderr, "connect: %s\n", why);
		return err;
	}
	dfsr_peer_set_trusted(b->peer);
	if (only == NULL || strcmp(only, "small") == 0) {
		client_run(b, "round trips, 1 deep", DFSR_MSG_POLL, 1);
		client_run(b, "round trips, 64 deep", DFSR_MSG_POLL, 64);
	}
	if (only == NULL || strcmp(only, "large") == 0) {
		client_run(b, "1 MiB answers, 8 deep", DFSR_MSG_READ, 8);
	}
	return b->err;
}

static struct bench *bench_new(struct dfsr_identity *id)
{
	struct bench *b = talloc_zero(NULL, struct bench);

	b->ev = tevent_context_init(b);
	b->id = id;
	b->data = talloc_size(b, BENCH_DATA);
	memset(b->data, 0x5a, BENCH_DATA);
	return b;
}

static int bench_identity(struct dfsr_identity **id)
{
	char dir[] = "/tmp/dfsr-bench-XXXXXX", path[64];
	int err;

	if (mkdtemp(dir) == NULL) {
		return errno;
	}
	err = dfsr_identity_create(dir, "bench");
	if (err == 0) {
		err = dfsr_identity_load(NULL, dir, id);
	}
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/cert.pem", dir);
	unlink(path);
	rmdir(dir);
	return err;
}

int main(int argc, char **argv)
{
	struct dfsr_identity *id = NULL;
	uint16_t port = 0;
	int fd[2], err;
	pid_t pid;

	err = bench_identity(&id);
	if (err != 0 || pipe(fd) != 0) {
		fprintf(stderr, "bench: %s\n", strerror(err));
		return 1;
	}
	pid = fork();
	if (pid == 0) {
		exit(bench_server(bench_new(id), fd[1]) == 0 ? 0 : 1);
	}
	if (pid == -1 || read(fd[0], &port, sizeof(port)) != sizeof(port)) {
		fprintf(stderr, "bench: no server\n");
		return 1;
	}
	err = bench_client(bench_new(id), port, argc > 1 ? argv[1] : NULL);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return err == 0 ? 0 : 1;
}
