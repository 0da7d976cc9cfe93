/*
   Samba DFS Replication
   Writes the corpus of fuzz_wire: valid messages of every type

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
#include <stdio.h>
#include <string.h>
#include "wire_samples.h"

/** Messages of each type. */
#define EACH 4

/*
 * Not part of the build; the corpus is in git. To make it again, link this
 * with tests/lib/wire_samples.c, tests/lib/types_samples.c and the library,
 * and give it the folder as its argument. The same seed makes the same files.
 */

static int put(const char *dir, const char *name, size_t number,
	       const struct dfsr_push *p)
{
	char path[512];
	FILE *f = NULL;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s-%zu", dir, name, number);
	f = fopen(path, "wb");
	if (f == NULL) {
		perror(path);
		return 1;
	}
	n = fwrite(p->data, 1, p->len, f);
	return fclose(f) != 0 || n != p->len ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct samples s = {.state = 42};
	TALLOC_CTX *ctx = talloc_new(NULL);
	struct dfsr_push p;
	size_t i, j;
	int bad = argc != 2;

	for (i = 0; i < WIRE_SAMPLES && bad == 0; i++) {
		for (j = 0; j < EACH && bad == 0; j++) {
			dfsr_push_init(&p, ctx);
			dfsr_push_u8(&p, (uint8_t)i);
			wire_samples[i].fill(&s, ctx, &p);
			bad = put(argv[1], wire_samples[i].name, j, &p);
		}
	}
	dfsr_push_init(&p, ctx);
	dfsr_push_u8(&p, 0xff);
	dfsr_frame_begin(&p, DFSR_MSG_PING, 0, 1);
	p.data[1] = DFSR_FRAME_HEAD; /* the selector is in front of it */
	if (bad == 0) {
		bad = put(argv[1], "frame", 0, &p);
	}
	talloc_free(ctx);
	return bad;
}
