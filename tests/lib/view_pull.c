/*
   Samba DFS Replication
   Members in memory: pulling, and carrying out what the engine decides

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

#define OFFERS_MAX DFSR_BATCH_MAX
#define ROUNDS_MAX 60

struct pull {
	struct member *m;
	struct member *server;
	struct dfsr_vv *server_vv;
	struct dfsr_vv *diff;
	struct dfsr_offer *offers;
	uint32_t num;
	bool complete;
	bool closed;
	struct dfsr_id *parked;
	uint32_t num_parked;
};

/* ---- carrying out -------------------------------------------------------- */

static bool is_parked(const struct pull *p, const struct dfsr_id *uid)
{
	uint32_t i;

	for (i = 0; i < p->num_parked; i++) {
		if (dfsr_id_equal(&p->parked[i], uid)) {
			return true;
		}
	}
	return false;
}

static void unpark(struct pull *p, const struct dfsr_id *uid)
{
	uint32_t i;

	for (i = 0; i < p->num_parked; i++) {
		if (dfsr_id_equal(&p->parked[i], uid)) {
			p->num_parked -= 1;
			p->parked[i] = p->parked[p->num_parked];
			return;
		}
	}
	fail_msg("was not parked");
}

static void preserved(struct member *m, const struct dfsr_record *r)
{
	if (r->kind == DFSR_KIND_FILE) {
		m->truth->p[record_payload(r)].preserved = true;
		m->kept += 1;
		m->all_kept += 1;
	}
}

static void store(struct member *m, const struct dfsr_record *r)
{
	view_array_put(m->va, r);
	assert_int_equal(dfsr_vv_add(m->vv, &r->gvsn, r->tag), 0);
}

/* Who, apart from `except`, stands at this name on the disk now? */
static const struct dfsr_record *stands_at(const struct pull *p,
					   const struct dfsr_id *dir,
					   const char *name,
					   const struct dfsr_id *except)
{
	const struct view_array *va = p->m->va;
	uint32_t i;

	for (i = 0; i < va->num; i++) {
		const struct dfsr_record *r = &va->e[i]->rec;

		if (!dfsr_id_equal(&r->uid, except) &&
		    !is_parked(p, &r->uid) &&
		    (name == NULL || dfsr_fold_equal(r->name, name)) &&
		    view_array_lives_in(va, r, dir))
		{
			return r;
		}
	}
	return NULL;
}

static void check_free(const struct pull *p, const struct dfsr_decision *d,
		       const struct dfsr_record *u)
{
	const struct dfsr_record *in_the_way;
	struct dfsr_record dir;

	if (u->uid.vsn == 1) {
		return;
	}
	assert_int_equal(dfsr_engine_resolve(&p->m->va->view, &u->parent,
					     &dir), 0);
	assert_true(dir.present && dfsr_record_is_dir(&dir));
	in_the_way = stands_at(p, &dir.uid, u->name, &u->uid);
	if (in_the_way == NULL) {
		return;
	}
	if (d->name_conflict && d->name_won &&
	    dfsr_id_equal(&in_the_way->uid, &d->holder.uid) &&
	    dfsr_record_is_dir(u) && dfsr_record_is_dir(in_the_way))
	{
		return; /* its object is taken over */
	}
	fail_msg("member %u: %s is not free", p->m->number, u->name);
}

static void carry_out_issued(struct pull *p, const struct dfsr_decision *d)
{
	uint32_t i;

	for (i = 0; i < d->issued.num; i++) {
		const struct dfsr_record *rec = &d->issued.e[i].rec;
		const struct dfsr_record *cur = member_get(p->m, &rec->uid);

		if (cur != NULL && cur->present && rec->name_conflict &&
		    !dfsr_record_is_alias(rec))
		{
			preserved(p->m, cur);
		}
		store(p->m, rec);
	}
}

static void check_local(struct pull *p, const struct dfsr_decision *d,
			const struct dfsr_record *u)
{
	const struct dfsr_record *cur = member_get(p->m, &u->uid);

	assert_int_equal(d->have_local, cur != NULL);
	if (cur != NULL) {
		assert_true(dfsr_id_equal(&d->local.gvsn, &cur->gvsn));
		assert_true(dfsr_engine_compare(u, cur) > 0);
	}
}

static void carry_out_install(struct pull *p, const struct dfsr_decision *d,
			      const struct dfsr_offer *o)
{
	const struct dfsr_record *u = &o->update;

	check_local(p, d, u);
	if (d->parts & (DFSR_PART_CONTENT | DFSR_PART_META)) {
		assert_true(o->staged);
	}
	if (d->parts != 0) {
		assert_false(o->busy);
	}
	if (d->keep_local) {
		preserved(p->m, &d->local);
	}
	carry_out_issued(p, d);
	if (d->park) {
		unpark(p, &u->uid);
	}
	if (u->present) {
		check_free(p, d, u);
	} else if ((d->parts & DFSR_PART_DELETE) && !dfsr_record_is_alias(u)) {
		assert_null(stands_at(p, &u->uid, NULL, &u->uid));
	}
	store(p->m, u);
	p->m->installed += 1;
}

static void carry_out_loss(struct pull *p, const struct dfsr_decision *d,
			   const struct dfsr_record *u)
{
	if (d->park) {
		unpark(p, &u->uid);
	}
	if (d->keep_local) {
		assert_true(d->have_local && d->local.present);
		preserved(p->m, &d->local);
	}
	carry_out_issued(p, d);
	assert_int_equal(dfsr_vv_add(p->m->vv, &u->gvsn, u->tag), 0);
	view_array_clock(p->m->va, &u->uid, u->clock);
	p->m->lost += 1;
}

static void park_all(struct pull *p, const struct dfsr_decision *d)
{
	uint32_t i;

	p->num_parked = 0;
	for (i = 0; i < p->num; i++) {
		if (d[i].park) {
			assert_true(d[i].verdict == DFSR_VERDICT_INSTALL ||
				    (d[i].verdict == DFSR_VERDICT_LOSES &&
				     d[i].name_conflict));
			p->parked[p->num_parked] =
				p->offers[d[i].offer].update.uid;
			p->num_parked += 1;
			p->m->parks += 1;
			p->m->all_parks += 1;
		}
	}
}

static void digest(struct member *m, const struct dfsr_decision *d)
{
	m->digest = (m->digest ^ (d->offer * 31 + d->verdict)) *
		    UINT64_C(0x100000001b3);
	m->digest ^= d->parts + 16 * d->wait + 256 * d->keep_local;
}

/*
 * Tell what is decided; on in the last round before settling fails, and if
 * DFSR_TEST_TRACE is set.
 */
static bool trace;

static void trace_decision(const struct pull *p, const struct dfsr_decision *d)
{
	const struct dfsr_record *u = &p->offers[d->offer].update;
	char uid[DFSR_ID_STRLEN], gvsn[DFSR_ID_STRLEN], wf[DFSR_ID_STRLEN];

	if (!trace && getenv("DFSR_TEST_TRACE") == NULL) {
		return;
	}
	print_message("%u<-%u %s %s gvsn %s '%s' kind %u present %d nc %d: "
		      "%s %s for %s parts %x closed %d complete %d "
		      "issues %u\n",
		      p->m->number, p->server->number, "uid",
		      dfsr_id_str(&u->uid, uid), dfsr_id_str(&u->gvsn, gvsn),
		      u->name, u->kind, u->present, u->name_conflict,
		      dfsr_verdict_str(d->verdict), dfsr_wait_str(d->wait),
		      dfsr_id_str(&d->wait_for, wf), d->parts, p->closed,
		      p->complete, d->issued.num);
}

/* @return number of fetches that were answered */
static unsigned carry_out(struct pull *p, const struct dfsr_decision *d)
{
	unsigned fetched = 0;
	uint32_t i, left = 0;

	park_all(p, d);
	for (i = 0; i < p->num; i++) {
		struct dfsr_offer *o = &p->offers[d[i].offer];

		trace_decision(p, &d[i]);
		digest(p->m, &d[i]);
		p->m->conflicts += d[i].name_conflict;
		p->m->all_conflicts += d[i].name_conflict;
		if (d[i].verdict != DFSR_VERDICT_IGNORE) {
			p->m->last = d[i];
		}
		switch (d[i].verdict) {
		case DFSR_VERDICT_IGNORE:
			assert_int_equal(dfsr_vv_add(p->m->vv,
						     &o->update.gvsn,
						     o->update.tag), 0);
			p->m->ignored += 1;
			o->update.kind = 0;
			break;
		case DFSR_VERDICT_LOSES:
			carry_out_loss(p, &d[i], &o->update);
			o->update.kind = 0;
			break;
		case DFSR_VERDICT_INSTALL:
			carry_out_install(p, &d[i], o);
			o->update.kind = 0;
			break;
		case DFSR_VERDICT_FETCH:
			assert_false(o->staged);
			assert_true(d[i].parts &
				    (DFSR_PART_CONTENT | DFSR_PART_META));
			o->staged = true;
			fetched += 1;
			break;
		case DFSR_VERDICT_WAIT:
			assert_int_not_equal(d[i].wait, DFSR_WAIT_NONE);
			break;
		}
	}
	assert_int_equal(p->num_parked, 0);
	for (i = 0; i < p->num; i++) {
		if (p->offers[i].update.kind != 0) {
			p->offers[left++] = p->offers[i];
		}
	}
	p->num = left;
	p->m->fetched += fetched;
	return fetched;
}

static void decide(struct pull *p)
{
	struct dfsr_round round = {
		.server_vv = p->server_vv,
		.server_closed = p->closed,
		.complete = p->complete,
	};
	struct dfsr_decision *d;
	unsigned fetched;
	uint32_t i;
	char *tree;

	do {
		for (i = 0; i < p->num; i++) {
			p->offers[i].busy = dfsr_id_equal(
				&p->m->busy, &p->offers[i].update.uid);
		}
		assert_int_equal(dfsr_engine_batch(p->m, &p->m->issuer,
						   &p->m->va->view, &round,
						   p->offers, p->num, &d),
				 0);
		fetched = carry_out(p, d);
		talloc_free(d);
		tree = member_tree(NULL, p->m);
		talloc_free(tree);
	} while (fetched > 0);
}

/* ---- pulling ------------------------------------------------------------- */

static int by_gvsn(const void *a, const void *b)
{
	const struct dfsr_record *const *ra = a;
	const struct dfsr_record *const *rb = b;

	return dfsr_id_cmp(&(*ra)->gvsn, &(*rb)->gvsn);
}

/* What the server has of the difference, as it is now. */
static uint32_t answer(struct pull *p, const struct dfsr_vv *sent,
		       bool reverse, const struct dfsr_record **list)
{
	const struct view_array *va = p->server->va;
	uint32_t i, n = 0;

	for (i = 0; i < va->num; i++) {
		const struct dfsr_record *r = &va->e[i]->rec;

		if (dfsr_vv_contains(p->diff, &r->gvsn) &&
		    !dfsr_vv_contains(sent, &r->gvsn))
		{
			assert_true(n < OFFERS_MAX);
			list[n++] = r;
		}
	}
	qsort(list, n, sizeof(*list), by_gvsn);
	for (i = 0; reverse && i < n / 2; i++) {
		const struct dfsr_record *r = list[i];

		list[i] = list[n - 1 - i];
		list[n - 1 - i] = r;
	}
	return n;
}

static void take_page(struct pull *p, struct dfsr_vv *sent,
		      const struct pull_options *opt)
{
	const struct dfsr_record **list;
	uint32_t i, n;

	list = talloc_array(p->offers, const struct dfsr_record *,
			    OFFERS_MAX);
	assert_non_null(list);
	n = answer(p, sent, opt->reverse, list);
	p->complete = true;
	if (opt->page != 0 && n > opt->page) {
		n = opt->page;
		p->complete = false;
	}
	for (i = 0; i < n; i++) {
		assert_true(p->num < OFFERS_MAX);
		memset(&p->offers[p->num], 0, sizeof(p->offers[0]));
		p->offers[p->num].update = *list[i];
		p->num += 1;
		assert_int_equal(dfsr_vv_add(sent, &list[i]->gvsn, 0), 0);
	}
	talloc_free(list);
}

unsigned member_pull(struct member *m, struct member *server,
		     const struct pull_options *opt)
{
	static const struct pull_options plain;
	struct pull p = {.m = m, .server = server};
	struct dfsr_vv *sent = dfsr_vv_new(m);

	opt = opt != NULL ? opt : &plain;
	m->installed = m->fetched = m->lost = m->ignored = m->parks = 0;
	m->kept = m->conflicts = 0;
	p.server_vv = dfsr_vv_copy(m, server->vv);
	p.closed = member_closed(server);
	p.diff = dfsr_vv_difference(m, server->vv, m->vv);
	p.offers = talloc_array(m, struct dfsr_offer, OFFERS_MAX);
	p.parked = talloc_array(p.offers, struct dfsr_id, OFFERS_MAX);
	assert_non_null(p.parked);
	for (;;) {
		take_page(&p, sent, opt);
		decide(&p);
		if (p.complete || opt->incomplete) {
			break;
		}
		if (opt->between != NULL) {
			opt->between(server, opt->private_data);
		}
	}
	if (p.num == 0 && p.complete) {
		assert_int_equal(dfsr_vv_union(m->vv, p.server_vv), 0);
	}
	m->waiting = p.num;
	talloc_free(p.offers);
	talloc_free(p.diff);
	talloc_free(p.server_vv);
	talloc_free(sent);
	return m->waiting;
}

static void check_same(struct member *a, struct member *b)
{
	char *ta = member_tree(a, a);
	char *tb = member_tree(a, b);
	uint32_t i;

	if (strcmp(ta, tb) != 0) {
		fail_msg("members %u and %u differ:\n%s---\n%s", a->number,
			 b->number, ta, tb);
	}
	talloc_free(ta);
	talloc_free(tb);
	assert_int_equal(a->va->num, b->va->num);
	for (i = 0; i < a->va->num; i++) {
		assert_true(dfsr_id_equal(&a->va->e[i]->rec.gvsn,
					  &b->va->e[i]->rec.gvsn));
	}
}

/* @return true if anything was decided for good */
static bool pull_all(struct member **m, unsigned num, unsigned *waiting)
{
	bool progress = false;
	unsigned i, j;

	*waiting = 0;
	for (i = 0; i < num; i++) {
		for (j = 0; j < num; j++) {
			if (i != j) {
				*waiting += member_pull(m[i], m[j], NULL);
				progress |= m[i]->installed + m[i]->lost +
					    m[i]->ignored > 0;
			}
		}
	}
	return progress;
}

static bool settled(struct member **m, unsigned num, unsigned waiting)
{
	unsigned i;

	for (i = 1; i < num; i++) {
		if (!dfsr_vv_covers(m[0]->vv, m[i]->vv) ||
		    !dfsr_vv_covers(m[i]->vv, m[0]->vv))
		{
			return false;
		}
	}
	return waiting == 0;
}

static void dump_waiting(struct member **m, unsigned num)
{
	unsigned i;
	char *s;

	for (i = 0; i < num; i++) {
		s = member_tree(m[i], m[i]);
		print_message("member %u waits for %u (last: %s %s):\n%s", i,
			      m[i]->waiting,
			      dfsr_verdict_str(m[i]->last.verdict),
			      dfsr_wait_str(m[i]->last.wait), s);
		talloc_free(s);
		s = dfsr_vv_str(m[i], m[i]->vv);
		print_message("%s\n", s);
		talloc_free(s);
	}
}

void members_settle(struct member **m, unsigned num)
{
	unsigned round, i, waiting;
	bool progress;

	for (round = 0; round < ROUNDS_MAX; round++) {
		trace = round + 1 == ROUNDS_MAX;
		progress = pull_all(m, num, &waiting);
		if (settled(m, num, waiting)) {
			break;
		}
		for (i = 0; i < num; i++) {
			m[i]->stalled = !progress;
		}
	}
	trace = false;
	if (round == ROUNDS_MAX) {
		dump_waiting(m, num);
		fail_msg("the members do not settle");
	}
	for (i = 1; i < num; i++) {
		check_same(m[0], m[i]);
	}
}

void members_check_payloads(struct member **m, unsigned num)
{
	struct payloads *t = m[0]->truth;
	bool *current = talloc_zero_array(m[0], bool, t->num + 1);
	uint32_t i;

	assert_true(num > 0);
	for (i = 0; i < m[0]->va->num; i++) {
		const struct dfsr_record *r = &m[0]->va->e[i]->rec;

		if (r->present && r->kind == DFSR_KIND_FILE) {
			current[record_payload(r)] = true;
		}
	}
	for (i = 1; i <= t->num; i++) {
		if (!current[i] && !t->p[i].superseded && !t->p[i].preserved) {
			fail_msg("payload %u is lost", i);
		}
	}
	talloc_free(current);
}
