/*
   Samba DFS Replication
   Members in memory: what clients do, and replication between them

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
#include <inttypes.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "view_array.h"

static const struct dfsr_guid folder = {.b = {0xf0, 1, 2, 3}};

/* ---- outside ------------------------------------------------------------- */

static uint64_t member_now(void *private_data)
{
	struct member *m = private_data;

	m->now += 1;
	return m->now;
}

static void member_random(void *private_data, void *buf, size_t len)
{
	struct member *m = private_data;
	uint8_t *p = buf;

	while (len-- > 0) {
		m->rnd = m->rnd * UINT64_C(6364136223846793005) + 1;
		*p++ = m->rnd >> 56;
	}
}

struct payloads *payloads_new(TALLOC_CTX *mem_ctx)
{
	struct payloads *t = talloc_zero(mem_ctx, struct payloads);

	assert_non_null(t);
	return t;
}

uint32_t payload_new(struct payloads *t)
{
	if (t->num + 1 >= t->alloc) {
		t->alloc = t->alloc == 0 ? 64 : t->alloc * 2;
		t->p = talloc_realloc_size(t, t->p,
					   t->alloc * sizeof(*t->p));
		assert_non_null(t->p);
	}
	t->num += 1;
	memset(&t->p[t->num], 0, sizeof(t->p[0]));
	return t->num;
}

uint32_t record_payload(const struct dfsr_record *r)
{
	uint32_t v;

	memcpy(&v, r->content_hash, sizeof(v));
	return v;
}

static void set_payload(struct dfsr_observation *obs, uint32_t v)
{
	memset(obs->content_hash, 0, DFSR_HASH_LEN);
	memcpy(obs->content_hash, &v, sizeof(v));
	obs->content_hash[DFSR_HASH_LEN - 1] = 1;
	obs->size = 8;
}

static void superseded(struct member *m, const struct dfsr_record *r)
{
	if (r->kind == DFSR_KIND_FILE) {
		m->truth->p[record_payload(r)].superseded = true;
	}
}

struct member *member_new(TALLOC_CTX *mem_ctx, unsigned number,
			  struct payloads *truth)
{
	struct member *m = talloc_zero(mem_ctx, struct member);
	struct dfsr_record root = {
		.kind = DFSR_KIND_DIRECTORY,
		.present = true,
		.fence = DFSR_FENCE_DEFAULT,
		.tag = 1,
	};

	assert_non_null(m);
	m->number = number;
	m->truth = truth;
	m->va = view_array_new(m);
	m->vv = dfsr_vv_new(m);
	m->now = 1000;
	m->rnd = 77 + number;
	m->env = (struct dfsr_env){member_now, member_random, m};
	m->issuer = (struct dfsr_issuer){
		.env = &m->env,
		.db = {.b = {0xa0 + number, number}},
		.next_vsn = DFSR_VSN_FIRST,
		.fence = DFSR_FENCE_DEFAULT,
		.now_max = UINT64_MAX,
	};
	m->root = dfsr_root_uid(&folder);
	root.uid = m->root;
	root.gvsn = m->root;
	assert_int_equal(dfsr_lineage_add(&root.lineage, &root.gvsn), 0);
	snprintf(root.name, sizeof(root.name), "root");
	view_array_put(m->va, &root);
	return m;
}

const struct dfsr_record *member_get(const struct member *m,
				     const struct dfsr_id *uid)
{
	return view_array_get(m->va, uid);
}

/* ---- the tree ------------------------------------------------------------ */

const struct dfsr_record *member_path(const struct member *m,
				      const char *path)
{
	const struct dfsr_view *v = &m->va->view;
	struct dfsr_id dir = m->root;
	struct dfsr_record r;
	char *copy = talloc_strdup(m->va, path);
	char *save = NULL, *leaf;
	bool found = true;

	for (leaf = strtok_r(copy, "/", &save); leaf != NULL && found;
	     leaf = strtok_r(NULL, "/", &save))
	{
		found = v->by_name(m->va, &dir, leaf, &r) == 0;
		dir = r.uid;
	}
	talloc_free(copy);
	return found ? member_get(m, &dir) : NULL;
}

static char *tree_below(char *s, struct member *m, const struct dfsr_id *dir,
			unsigned depth, unsigned *count)
{
	struct dfsr_record *r = talloc_zero(m, struct dfsr_record);
	char after[DFSR_FOLD_MAX + 1] = "";
	char last[DFSR_FOLD_MAX + 1] = "";

	assert_true(depth < DFSR_DEPTH_MAX);
	while (m->va->view.next_child(m->va, dir, after, r) == 0) {
		s = talloc_asprintf_append(s, "%*s%s %u %u %u\n", depth * 2,
					   "", r->name, r->kind,
					   record_payload(r),
					   r->meta_hash[0]);
		assert_non_null(s);
		dfsr_fold(r->name, after);
		assert_string_not_equal(after, last);
		snprintf(last, sizeof(last), "%s", after);
		*count += 1;
		s = tree_below(s, m, &r->uid, depth + 1, count);
	}
	talloc_free(r);
	return s;
}

/* Every live record hangs in the tree, and no name is held twice. */
static void check_tree(struct member *m, unsigned count)
{
	uint32_t i, live = 0;

	for (i = 0; i < m->va->num; i++) {
		live += m->va->e[i]->rec.present;
	}
	if (live != count + 1) {
		fail_msg("member %u: %u live records, %u in the tree",
			 m->number, live - 1, count);
	}
}

char *member_tree(TALLOC_CTX *mem_ctx, struct member *m)
{
	unsigned count = 0;
	char *s = tree_below(talloc_strdup(mem_ctx, ""), m, &m->root, 0,
			     &count);

	check_tree(m, count);
	return s;
}

bool member_closed(const struct member *m)
{
	uint32_t i;

	for (i = 0; !m->stalled && i < m->vv->num_entries; i++) {
		const struct dfsr_vv_entry *e = &m->vv->entries[i];

		if (e->num_ranges != 1 || e->ranges[0].low != DFSR_VSN_FIRST) {
			return false;
		}
	}
	return true;
}

/* ---- clients ------------------------------------------------------------- */

static void know(struct member *m, const struct dfsr_record *r)
{
	assert_int_equal(dfsr_vv_add(m->vv, &r->gvsn, r->tag), 0);
}

int member_observe(struct member *m, const struct dfsr_observation *obs,
		   struct dfsr_issued_list *out, struct dfsr_id *match)
{
	uint32_t i;
	int ret;

	ret = dfsr_engine_local(m, &m->issuer, &m->va->view, obs, out, match);
	for (i = 0; ret == 0 && i < out->num; i++) {
		view_array_put(m->va, &out->e[i].rec);
		know(m, &out->e[i].rec);
	}
	return ret;
}

static void observe(struct member *m, const struct dfsr_observation *obs,
		    struct dfsr_id *match)
{
	struct dfsr_issued_list out;
	struct dfsr_id dummy;

	assert_int_equal(member_observe(m, obs, &out,
					match != NULL ? match : &dummy),
			 0);
	talloc_free(out.e);
}

static void observe_at(struct dfsr_observation *obs, const struct dfsr_id *dir,
		       const char *name)
{
	memset(obs, 0, sizeof(*obs));
	obs->parent = *dir;
	snprintf(obs->name, sizeof(obs->name), "%s", name);
}

static void observe_record(struct dfsr_observation *obs,
			   const struct dfsr_record *r)
{
	observe_at(obs, &r->parent, r->name);
	obs->exists = true;
	obs->uid_known = true;
	obs->uid = r->uid;
	obs->kind = r->kind;
	obs->size = r->size;
	obs->attributes = r->attributes;
	memcpy(obs->content_hash, r->content_hash, DFSR_HASH_LEN);
	memcpy(obs->meta_hash, r->meta_hash, DFSR_HASH_LEN);
}

static const struct dfsr_record *get_live(struct member *m,
					  const struct dfsr_id *uid)
{
	const struct dfsr_record *r = member_get(m, uid);

	assert_non_null(r);
	assert_true(r->present);
	return r;
}

struct dfsr_id member_create(struct member *m, const struct dfsr_id *dir,
			     const char *name, uint8_t kind)
{
	struct dfsr_observation obs;
	struct dfsr_id uid;

	observe_at(&obs, dir != NULL ? dir : &m->root, name);
	obs.exists = true;
	obs.kind = kind;
	if (kind == DFSR_KIND_FILE) {
		set_payload(&obs, payload_new(m->truth));
	}
	observe(m, &obs, &uid);
	return uid;
}

void member_write(struct member *m, const struct dfsr_id *uid)
{
	const struct dfsr_record *r = get_live(m, uid);
	struct dfsr_observation obs;

	observe_record(&obs, r);
	superseded(m, r);
	set_payload(&obs, payload_new(m->truth));
	observe(m, &obs, NULL);
}

void member_setattr(struct member *m, const struct dfsr_id *uid,
		    uint8_t value)
{
	struct dfsr_observation obs;

	observe_record(&obs, get_live(m, uid));
	obs.meta_hash[0] = value;
	observe(m, &obs, NULL);
}

struct dfsr_id member_rename(struct member *m, const struct dfsr_id *uid,
			     const struct dfsr_id *dir, const char *name)
{
	struct dfsr_record old = *get_live(m, uid);
	struct dfsr_observation obs;
	struct dfsr_record h;
	struct dfsr_id match;

	observe_record(&obs, &old);
	obs.parent = dir != NULL ? *dir : m->root;
	snprintf(obs.name, sizeof(obs.name), "%s", name);
	if (m->va->view.by_name(m->va, &obs.parent, name, &h) == 0 &&
	    !dfsr_id_equal(&h.uid, uid))
	{
		superseded(m, &h);
	}
	observe(m, &obs, &match);
	/* the name it had */
	observe_at(&obs, &old.parent, old.name);
	obs.holder_survives = true;
	observe(m, &obs, NULL);
	return match;
}

static void supersede_tree(struct member *m, const struct dfsr_record *top)
{
	struct dfsr_record *r = talloc_zero(m, struct dfsr_record);
	char after[DFSR_FOLD_MAX + 1] = "";

	superseded(m, top);
	while (m->va->view.next_child(m->va, &top->uid, after, r) == 0) {
		dfsr_fold(r->name, after);
		supersede_tree(m, r);
	}
	talloc_free(r);
}

void member_delete(struct member *m, const struct dfsr_id *uid)
{
	const struct dfsr_record *r = get_live(m, uid);
	struct dfsr_observation obs;

	supersede_tree(m, r);
	observe_at(&obs, &r->parent, r->name);
	observe(m, &obs, NULL);
	assert_false(member_get(m, uid)->present);
}
