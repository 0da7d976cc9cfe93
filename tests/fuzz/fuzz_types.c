/*
   Samba DFS Replication
   Fuzz target: the packed forms of the types room

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

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfsr_types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * What is accepted is used a little, because a value that passed the door
 * must be safe to work with.
 */

static void fuzz_vv(TALLOC_CTX *mem_ctx, struct dfsr_pull *in,
		    struct dfsr_push *out)
{
	struct dfsr_vv *vv = dfsr_vv_pull(in, mem_ctx);
	struct dfsr_vv *rest = NULL;
	char *text = NULL;

	if (vv == NULL) {
		return;
	}
	dfsr_vv_push(out, vv);
	rest = dfsr_vv_difference(mem_ctx, vv, vv);
	text = dfsr_vv_str(mem_ctx, vv);
	if (rest == NULL || text == NULL || !dfsr_vv_is_empty(rest) ||
	    !dfsr_vv_covers(vv, vv)) {
		abort();
	}
}

static void fuzz_record(TALLOC_CTX *mem_ctx, struct dfsr_pull *in,
			struct dfsr_push *out)
{
	struct dfsr_record r;

	(void)mem_ctx;
	dfsr_record_pull(in, &r);
	if (in->err != 0) {
		return;
	}
	dfsr_record_push(out, &r);
	if (dfsr_record_valid(&r) != NULL) {
		abort();
	}
}

static void fuzz_meta(TALLOC_CTX *mem_ctx, struct dfsr_pull *in,
		      struct dfsr_push *out)
{
	struct dfsr_meta *m = dfsr_meta_pull(in, mem_ctx);
	struct dfsr_push canonical;

	if (m == NULL) {
		return;
	}
	dfsr_meta_push(out, m);
	dfsr_push_init(&canonical, mem_ctx);
	dfsr_meta_push_canonical(&canonical, m);
	if (canonical.err != 0) {
		abort();
	}
}

static void fuzz_stamp(TALLOC_CTX *mem_ctx, struct dfsr_pull *in,
		       struct dfsr_push *out)
{
	struct dfsr_stamp s;

	(void)mem_ctx;
	dfsr_stamp_pull(in, &s);
	if (in->err == 0) {
		dfsr_stamp_push(out, &s);
	}
}

/* Names are any bytes without NUL; a key that still is a name is stable. */
static void fuzz_name(TALLOC_CTX *mem_ctx, struct dfsr_pull *in,
		      struct dfsr_push *out)
{
	char *name = dfsr_pull_str(in, mem_ctx, UINT16_MAX);
	char key[DFSR_FOLD_MAX + 1];
	size_t len;

	if (name == NULL) {
		return;
	}
	dfsr_push_str(out, name);
	(void)dfsr_path_has_private(name);
	len = dfsr_fold(name, key);
	if (len != strlen(key)) {
		abort();
	}
	if (len > 0 && len <= DFSR_NAME_MAX && !dfsr_fold_equal(name, key)) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(TALLOC_CTX *,
				       struct dfsr_pull *,
				       struct dfsr_push *) = {
		fuzz_vv,
		fuzz_record,
		fuzz_meta,
		fuzz_stamp,
		fuzz_name,
	};
	const size_t num = sizeof(targets) / sizeof(targets[0]);
	TALLOC_CTX *mem_ctx = NULL;
	struct dfsr_pull in;
	struct dfsr_push out;

	if (size < 1) {
		return 0;
	}
	mem_ctx = talloc_new(NULL);
	if (mem_ctx == NULL) {
		abort();
	}
	dfsr_pull_init(&in, data + 1, size - 1);
	dfsr_push_init(&out, mem_ctx);
	targets[data[0] % num](mem_ctx, &in, &out);
	if (in.err == 0) {
		/* one value has one packed form */
		if (out.err != 0 || out.len != in.ofs ||
		    memcmp(out.data, in.data, out.len) != 0) {
			abort();
		}
	}
	talloc_free(mem_ctx);
	return 0;
}
