/*
   Samba DFS Replication
   Random values for tests: a seeded generator and what it makes

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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "types_samples.h"

uint64_t samples_u64(struct samples *s)
{
	uint64_t z;

	s->state += 0x9e3779b97f4a7c15ULL;
	z = s->state;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t samples_below(struct samples *s, uint64_t below)
{
	return samples_u64(s) % below;
}

void samples_bytes(struct samples *s, void *buf, size_t len)
{
	uint8_t *b = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		b[i] = (uint8_t)samples_u64(s);
	}
}

struct dfsr_guid samples_guid(struct samples *s)
{
	struct dfsr_guid g;

	samples_bytes(s, g.b, sizeof(g.b));
	return g;
}

void samples_name(struct samples *s, char name[DFSR_NAME_MAX + 1])
{
	do {
		size_t len = 1 + samples_below(s, DFSR_NAME_MAX);
		bool ascii = samples_below(s, 2) == 0;
		size_t i;

		for (i = 0; i < len; i++) {
			char c = (char)(1 + samples_below(s, 255));

			if (ascii) {
				c = (char)('a' + samples_below(s, 26));
			}
			name[i] = c == '/' ? '_' : c;
		}
		name[len] = '\0';
	} while (!dfsr_name_valid(name));
}

static struct dfsr_id sample_id(struct samples *s)
{
	struct dfsr_id id = {.db = samples_guid(s)};

	id.vsn = DFSR_VSN_FIRST + samples_below(s, 1000000);
	return id;
}

void samples_record(struct samples *s, struct dfsr_record *r)
{
	uint32_t ancestors = (uint32_t)samples_below(s, 4);

	memset(r, 0, sizeof(*r));
	r->uid = sample_id(s);
	r->gvsn = sample_id(s);
	r->parent = sample_id(s);
	r->tag = samples_u64(s);
	r->fence = samples_u64(s) >> 2;
	r->clock = samples_u64(s) >> 2;
	r->create_time = samples_u64(s) >> 2;
	r->attributes = (uint32_t)samples_u64(s);
	r->flags = samples_below(s, 2) ? DFSR_FLAG_CLOCK_DECREMENTED : 0;
	r->kind = (uint8_t)(1 + samples_below(s, 3));
	r->present = samples_below(s, 2) == 0;
	r->name_conflict = !r->present && samples_below(s, 2) == 0;
	samples_bytes(s, r->meta_hash, sizeof(r->meta_hash));
	if (!dfsr_record_is_dir(r)) {
		r->size = samples_u64(s) >> 1;
		samples_bytes(s, r->content_hash, sizeof(r->content_hash));
	} else if (r->name_conflict && samples_below(s, 2) == 0) {
		r->merged_into = sample_id(s);
	}
	samples_name(s, r->name);
	if (samples_below(s, 16) == 0) {
		ancestors = DFSR_LINEAGE_MAX - 1;
	}
	assert_int_equal(dfsr_lineage_add(&r->lineage, &r->gvsn), 0);
	while (ancestors-- > 0) {
		struct dfsr_id id = sample_id(s);

		assert_int_equal(dfsr_lineage_add(&r->lineage, &id), 0);
	}
}

struct dfsr_vv *samples_vv(struct samples *s, TALLOC_CTX *mem_ctx,
			   uint32_t entries, uint32_t ranges)
{
	struct dfsr_vv *vv = dfsr_vv_new(mem_ctx);
	uint32_t i = (uint32_t)samples_below(s, entries + 1);

	assert_non_null(vv);
	while (i-- > 0) {
		struct dfsr_guid db = samples_guid(s);
		uint32_t j = 1 + (uint32_t)samples_below(s, ranges);

		while (j-- > 0) {
			uint64_t low = 1 + samples_below(s, 1000);
			uint64_t high = low + samples_below(s, 20);

			assert_int_equal(dfsr_vv_add_range(vv,
							   &db,
							   low,
							   high,
							   samples_u64(s)),
					 0);
		}
	}
	return vv;
}

static char *sample_text(struct samples *s, TALLOC_CTX *mem_ctx, size_t max)
{
	size_t len = 1 + samples_below(s, max);
	char *text = talloc_array(mem_ctx, char, len + 1);
	size_t i;

	assert_non_null(text);
	for (i = 0; i < len; i++) {
		text[i] = (char)('a' + samples_below(s, 26));
	}
	text[len] = '\0';
	return text;
}

static void sample_acl(struct samples *s, TALLOC_CTX *mem_ctx,
		       struct dfsr_acl *acl)
{
	uint32_t i;

	acl->num = (uint32_t)samples_below(s, 6);
	acl->e = talloc_zero_array(mem_ctx, struct dfsr_acl_entry, acl->num);
	assert_non_null(acl->e);
	for (i = 0; i < acl->num; i++) {
		struct dfsr_acl_entry *e = &acl->e[i];

		e->tag = (uint16_t)(1 << samples_below(s, 6));
		e->perm = (uint16_t)samples_below(s, 8);
		e->id = (uint32_t)samples_u64(s);
		if ((e->tag & 0x0a) != 0 && samples_below(s, 2) == 0) {
			e->account = sample_text(s, acl->e, 20);
		}
	}
}

static void sample_xattrs(struct samples *s, struct dfsr_meta *m)
{
	uint32_t i;

	m->num_xattrs = (uint32_t)samples_below(s, 5);
	m->xattrs = talloc_zero_array(m, struct dfsr_xattr, m->num_xattrs);
	assert_non_null(m->xattrs);
	for (i = 0; i < m->num_xattrs; i++) {
		struct dfsr_xattr *x = &m->xattrs[i];
		char *text = sample_text(s, m->xattrs, 10);

		x->name = talloc_asprintf(m->xattrs, "user.%s.%u", text, i);
		assert_non_null(x->name);
		talloc_free(text);
		x->len = samples_below(s, 40);
		x->value = talloc_array(m->xattrs, uint8_t, x->len);
		assert_non_null(x->value);
		samples_bytes(s, x->value, x->len);
	}
	dfsr_meta_sort(m);
}

struct dfsr_meta *samples_meta(struct samples *s, TALLOC_CTX *mem_ctx)
{
	static const uint32_t types[] = {0100000, 0040000, 0120000};
	struct dfsr_meta *m = talloc_zero(mem_ctx, struct dfsr_meta);
	uint32_t type = types[samples_below(s, 3)];

	assert_non_null(m);
	m->mode = type | (uint32_t)samples_below(s, 07777 + 1);
	m->uid = (uint32_t)samples_u64(s);
	m->gid = (uint32_t)samples_u64(s);
	if (samples_below(s, 2) == 0) {
		m->owner = sample_text(s, m, DFSR_ACCOUNT_MAX);
	}
	if (samples_below(s, 2) == 0) {
		m->group = sample_text(s, m, 20);
	}
	m->mtime_sec = (int64_t)samples_u64(s);
	m->mtime_nsec = (uint32_t)samples_below(s, 1000000000);
	sample_xattrs(s, m);
	sample_acl(s, m, &m->acl_access);
	if (type == 0040000) {
		sample_acl(s, m, &m->acl_default);
	}
	if (type == 0120000) {
		m->symlink = sample_text(s, m, 200);
	}
	return m;
}

/* An own copy of the exact size, so that a checker sees any overread. */
static int repack_copy(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		       samples_repack_fn repack, struct dfsr_push *out)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);
	int ret;

	assert_non_null(copy);
	memcpy(copy, data, len);
	dfsr_push_init(out, mem_ctx);
	ret = repack(mem_ctx, copy, len, out);
	free(copy);
	return ret;
}

static void assert_same(const struct dfsr_push *out, const uint8_t *data,
			size_t len)
{
	assert_int_equal(out->err, 0);
	assert_int_equal(out->len, len);
	assert_memory_equal(out->data, data, len);
}

void samples_damage(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		    samples_repack_fn repack)
{
	static const uint8_t flips[] = {0x01, 0x02, 0x10, 0x40, 0x80, 0xff};
	uint8_t *bad = talloc_memdup(mem_ctx, data, len);
	struct dfsr_push out;
	size_t i, j;
	int ret;

	assert_non_null(bad);
	ret = repack_copy(mem_ctx, data, len, repack, &out);
	assert_int_equal(ret, 0);
	assert_same(&out, data, len);
	TALLOC_FREE(out.data);
	for (i = 0; i < len; i++) {
		ret = repack_copy(mem_ctx, data, i, repack, &out);
		assert_int_equal(ret, EBADMSG);
		TALLOC_FREE(out.data);
	}
	for (i = 0; i < len; i++) {
		for (j = 0; j < sizeof(flips); j++) {
			bad[i] = data[i] ^ flips[j];
			ret = repack_copy(mem_ctx, bad, len, repack, &out);
			if (ret == 0) {
				assert_same(&out, bad, len);
			} else {
				assert_int_equal(ret, EBADMSG);
			}
			TALLOC_FREE(out.data);
		}
		bad[i] = data[i];
	}
	talloc_free(bad);
}

/* There is no other way to make a single talloc tree run out of memory. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
void samples_limit_memory(TALLOC_CTX *mem_ctx, size_t more)
{
	size_t size = talloc_total_size(mem_ctx) + more;

	assert_int_equal(talloc_set_memlimit(mem_ctx, size), 0);
}
#pragma GCC diagnostic pop

int samples_setup(void **state)
{
	*state = talloc_new(NULL);
	return *state == NULL ? -1 : 0;
}

int samples_teardown(void **state)
{
	size_t blocks = talloc_total_blocks(*state);

	if (blocks != 1) {
		talloc_report_full(*state, stderr);
	}
	talloc_free(*state);
	return blocks == 1 ? 0 : -1;
}
