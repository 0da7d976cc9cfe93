/*
   Samba DFS Replication
   Decisions per second that one store makes durable
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
 * usage: bench_store [DIR]
 *
 * Rows of a populated store get new versions: a row with all its orders, a
 * number from the issuer, the vector. 1, 8 and 64 units are kept in flight;
 * how many of them meet in one commit is up to the store.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <tevent.h>
#include <time.h>
#include <unistd.h>

#include "dfsr_store.h"

#define ROWS 20000
#define SECONDS 2.0

struct bench {
	struct tevent_context *ev;
	struct dfsr_store *store;
	struct dfsr_guid folder;
	uint64_t random;
	uint64_t finished;
	unsigned in_flight;
	double end;
};

struct one {
	struct bench *b;
	uint64_t first; /* rows to write */
	uint64_t num;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void die(const char *what, int err)
{
	fprintf(stderr, "%s: %s\n", what, strerror(err));
	exit(1);
}

static uint64_t draw(struct bench *b)
{
	b->random = b->random * UINT64_C(6364136223846793005) + 1442695040;
	return b->random >> 33;
}

static void env_random(void *private_data, void *buf, size_t len)
{
	(void)private_data;
	memset(buf, 0x42, len);
}

static void make_row(struct bench *b, uint64_t n, uint64_t vsn,
		     struct dfsr_row *row)
{
	memset(row, 0, sizeof(*row));
	row->rec.uid = (struct dfsr_id){.db = b->folder, .vsn = 100 + n};
	row->rec.gvsn = (struct dfsr_id){.db = b->folder, .vsn = vsn};
	row->rec.gvsn.db.b[0] ^= 1;
	row->rec.parent = dfsr_root_uid(&b->folder);
	row->rec.kind = DFSR_KIND_FILE;
	row->rec.present = true;
	row->rec.clock = vsn;
	row->rec.size = 4711;
	memset(row->rec.content_hash, (int)(vsn & 0xff), DFSR_HASH_LEN);
	memset(row->rec.meta_hash, 0x33, DFSR_HASH_LEN);
	snprintf(row->rec.name, sizeof(row->rec.name), "document %u.docx",
		 (unsigned)n);
	row->rec.lineage.num = 1;
	row->rec.lineage.e[0] = row->rec.gvsn;
	row->stamp.ident.ino = 1000000 + n;
	row->stamp.ident.btime_sec = 1700000000;
}

static int write_rows(struct dfsr_store_txn *txn, void *private_data)
{
	struct one *o = private_data;
	struct dfsr_env env = {.random = env_random};
	struct dfsr_issuer issuer = {.env = &env};
	struct dfsr_row row;
	uint64_t i;
	int err;

	err = dfsr_store_issuer(txn, &issuer);
	for (i = 0; i < o->num && err == 0; i++) {
		make_row(o->b, o->first + i, issuer.next_vsn++, &row);
		err = dfsr_store_row_put(txn, &row);
		if (err == 0) {
			err = dfsr_store_vv_add(txn, &row.rec.gvsn, i + 1);
		}
	}
	if (err == 0) {
		err = dfsr_store_issuer_put(txn, &issuer);
	}
	return err;
}

static void send_one(struct bench *b, struct one *o);

static void one_done(struct tevent_req *req)
{
	struct one *o = tevent_req_callback_data_void(req);
	struct bench *b = o->b;
	int err;

	err = dfsr_store_unit_recv(req);
	TALLOC_FREE(req);
	if (err != 0) {
		die("unit", err);
	}
	b->finished++;
	b->in_flight--;
	if (now() < b->end) {
		send_one(b, o);
	}
}

static void send_one(struct bench *b, struct one *o)
{
	struct tevent_req *req = NULL;

	o->b = b;
	o->first = draw(b) % ROWS;
	o->num = 1;
	req = dfsr_store_unit_send(b->store, b->ev, b->store, write_rows, o);
	if (req == NULL) {
		die("unit", ENOMEM);
	}
	tevent_req_set_callback(req, one_done, o);
	b->in_flight++;
}

static void measure(struct bench *b, unsigned in_flight)
{
	struct one *ones = calloc(in_flight, sizeof(*ones));
	struct dfsr_store_stats before, after;
	double start = now();
	double used = cpu();
	uint64_t commits;
	unsigned i;

	if (ones == NULL) {
		die("memory", ENOMEM);
	}
	dfsr_store_stats(b->store, &before);
	b->finished = 0;
	b->end = start + SECONDS;
	for (i = 0; i < in_flight; i++) {
		send_one(b, &ones[i]);
	}
	while (b->in_flight > 0) {
		tevent_loop_once(b->ev);
	}
	used = cpu() - used;
	start = now() - start;
	dfsr_store_stats(b->store, &after);
	commits = after.commits - before.commits;
	printf("%3u in flight: %8.0f decisions/s, %5.1f per commit, "
	       "%6.1f us CPU each, %6.0f us per commit\n",
	       in_flight, b->finished / start,
	       (double)b->finished / commits, used * 1e6 / b->finished,
	       (after.commit_ns - before.commit_ns) / 1e3 / commits);
	free(ones);
}

int main(int argc, char **argv)
{
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct bench b = {.random = 1, .folder = {.b = {1, 2, 3}}};
	struct one fill = {.b = &b, .num = ROWS};
	char dir[4096];
	int err;

	snprintf(dir, sizeof(dir), "%.4000s/bench-store-XXXXXX",
		 argc > 1 ? argv[1] : ".");
	if (mkdtemp(dir) == NULL) {
		die(dir, errno);
	}
	b.ev = tevent_context_init(ctx);
	err = dfsr_store_open(ctx, b.ev, dir, &b.folder, &b.store);
	if (err != 0) {
		die(dir, err);
	}
	err = dfsr_store_unit(b.store, write_rows, &fill);
	if (err != 0) {
		die("fill", err);
	}
	measure(&b, 1);
	measure(&b, 8);
	measure(&b, 64);
	printf("the store is left in %s\n", dir);
	talloc_free(ctx);
	return 0;
}
