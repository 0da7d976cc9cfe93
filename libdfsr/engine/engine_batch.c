/*
   Samba DFS Replication
   Updates of a partner decided as one set

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
#include <string.h>

#include "engine_private.h"

/*
 * A set of updates is one change of the tree, cut into records. Taken one by
 * one they are nonsense: the new file wants the name that the old one still
 * has, the directory is to be deleted while its children are in it, two files
 * trade their names. So they are decided together, against an overlay that
 * shows the effects of what has been decided already.
 *
 * Every item is evaluated (engine_remote.c) and is then
 *
 *   done     its verdict stands, its effects are in the overlay;
 *   blocked  by one other item of the set, which is not done yet: it is
 *            evaluated again when that one is;
 *   held     by something outside of the set. It is evaluated again when
 *            the overlay has changed and nothing else is left to do.
 *
 * When only blocked and held items are left, those that block each other in
 * a circle are names that trade places, or directories that trade levels. If
 * one of the circle is a live object of ours, it can be parked: it leaves its
 * name and its directory before anything else is carried out, and comes back
 * under its new name when its turn comes. If it turns out that its turn does
 * not come, the whole pass is repeated without parking it.
 *
 * The caller therefore carries out decisions like this: first every decision
 * with `park` set has its object moved to a parking name; then all decisions
 * in the order given. At every step the name that is taken is free, the
 * directory is there, and a directory that is removed is empty.
 *
 * Bytes. A first pass pretends that everything is staged. What would be
 * installed but is not staged is to be fetched, so that all the bytes of a
 * set are asked for at once. If there is such an item, a second pass decides
 * for good: it installs nothing that is not staged, and what depends on it
 * stays blocked. Numbers are drawn for the records of the last pass only.
 *
 * An item is looked at when it is first taken, when its blocker is done, and
 * in sweeps, so a batch of n chained items costs O(n) evaluations.
 */

/* ---- a pass -------------------------------------------------------------- */

static void item_reset(struct dfsr_item *it, uint32_t i)
{
	struct dfsr_decision *d = it->d;

	talloc_free(d->issued.e);
	memset(d, 0, sizeof(*d));
	d->offer = i;
	it->state = DFSR_ITEM_NEW;
	it->blocker = NULL;
	it->waiters = NULL;
	it->prev = NULL;
	it->next = NULL;
	it->queued = false;
	it->parked = false;
	it->after[0] = '\0';
}

/* What a former look at the item left in its decision. */
static void decision_reset(struct dfsr_decision *d)
{
	d->parts = 0;
	d->keep_local = false;
	d->conflict = DFSR_CONFLICT_NONE;
	d->name_conflict = false;
	d->name_won = false;
}

/*
 * A better version of the same UID is in the set: this one is not looked at
 * any more.
 */
static void settle_older(struct dfsr_batch *b, struct dfsr_item *it)
{
	const struct dfsr_item *best = dfsr_batch_item(b,
						&it->offer->update.uid);
	enum dfsr_relation rel = dfsr_engine_relate(&it->offer->update,
						    &best->offer->update);

	dfsr_batch_settle(b, it,
			  rel == DFSR_CONCURRENT ? DFSR_VERDICT_LOSES
						 : DFSR_VERDICT_IGNORE);
}

static int pass_start(struct dfsr_batch *b)
{
	uint32_t i;

	TALLOC_FREE(b->ov);
	b->ov = dfsr_overlay_new(b, b->view, b->num);
	if (b->ov == NULL) {
		return ENOMEM;
	}
	b->queue_first = 0;
	b->queue_num = 0;
	b->order_num = 0;
	for (i = 0; i < b->num; i++) {
		item_reset(&b->items[i], i);
	}
	for (i = 0; i < b->num; i++) {
		if (b->items[i].older) {
			settle_older(b, &b->items[i]);
		} else {
			dfsr_item_enqueue(b, &b->items[i]);
		}
	}
	return 0;
}

/* A limit that one update is beyond must not stop the others. */
static bool is_limit(int err)
{
	return err == E2BIG || err == ELOOP || err == EINVAL;
}

static int drain(struct dfsr_batch *b)
{
	int ret;

	while (b->queue_num > 0) {
		struct dfsr_item *it = dfsr_item_dequeue(b);

		if (it->state == DFSR_ITEM_DONE) {
			continue;
		}
		dfsr_item_unblock(it);
		decision_reset(it->d);
		it->generation = b->ov->generation;
		ret = dfsr_remote_evaluate(b, it);
		if (is_limit(ret) && !it->broken) {
			it->broken = true;
			return EAGAIN;
		}
		if (ret != 0) {
			return ret;
		}
	}
	return 0;
}

static void sweep(struct dfsr_batch *b)
{
	uint32_t i;

	for (i = 0; i < b->num; i++) {
		if (b->items[i].generation != b->ov->generation) {
			dfsr_item_enqueue(b, &b->items[i]);
		}
	}
}

/*
 * A parked object has to find its new place, or to lose it for good: then it
 * is taken from where it is parked. Going back is not possible.
 */
static bool well_parked(const struct dfsr_item *it)
{
	if (it->state != DFSR_ITEM_DONE) {
		return false;
	}
	return it->d->verdict == DFSR_VERDICT_INSTALL ||
	       (it->d->verdict == DFSR_VERDICT_LOSES && it->d->name_conflict);
}

/* What was parked and got no place must not have been parked. */
static bool parked_in_vain(struct dfsr_batch *b)
{
	bool found = false;
	uint32_t i;

	for (i = 0; i < b->num; i++) {
		struct dfsr_item *it = &b->items[i];

		if (it->parked && !well_parked(it)) {
			it->no_park = true;
			found = true;
		}
	}
	return found;
}

static int pass_once(struct dfsr_batch *b, uint32_t *seen)
{
	int ret;

	ret = pass_start(b);
	while (ret == 0 && b->queue_num > 0) {
		ret = drain(b);
		if (ret != 0) {
			break;
		}
		sweep(b);
		if (b->queue_num == 0) {
			ret = dfsr_item_break_circles(b, seen);
		}
	}
	if (ret == 0 && parked_in_vain(b)) {
		ret = EAGAIN;
	}
	return ret;
}

/* EAGAIN means that an item was marked, so there is an end to it. */
static int pass(struct dfsr_batch *b)
{
	uint64_t vsn = b->issuer->next_vsn;
	uint32_t *seen;
	int ret;

	seen = talloc_array(b, uint32_t, b->num);
	if (seen == NULL) {
		return ENOMEM;
	}
	do {
		b->issuer->next_vsn = vsn;
		ret = pass_once(b, seen);
	} while (ret == EAGAIN);
	talloc_free(seen);
	return ret;
}

static bool mark_fetches(struct dfsr_batch *b)
{
	bool found = false;
	uint32_t i;

	for (i = 0; i < b->num; i++) {
		struct dfsr_item *it = &b->items[i];

		it->fetch = it->state == DFSR_ITEM_DONE &&
			    it->d->verdict == DFSR_VERDICT_INSTALL &&
			    dfsr_item_needs_bytes(it);
		found |= it->fetch;
	}
	return found;
}

static int decide(struct dfsr_batch *b)
{
	uint64_t vsn = b->issuer->next_vsn;
	uint32_t i;
	int ret;

	ret = pass(b);
	if (ret != 0 || !mark_fetches(b)) {
		return ret;
	}
	b->issuer->next_vsn = vsn;
	b->final = true;
	for (i = 0; i < b->num; i++) {
		b->items[i].no_park = false;
	}
	return pass(b);
}

/* ---- in and out ---------------------------------------------------------- */

/* Of two versions of one UID the set is about the better one. */
static int add_item(struct dfsr_batch *b, uint32_t i,
		    const struct dfsr_offer *offer)
{
	struct dfsr_item *it = &b->items[i];
	struct dfsr_item *other = dfsr_batch_item(b, &offer->update.uid);

	it->offer = offer;
	it->d = &b->decisions[i];
	if (other != NULL) {
		if (dfsr_engine_compare(&offer->update,
					&other->offer->update) <= 0)
		{
			it->older = true;
			return 0;
		}
		other->older = true;
	}
	return dfsr_idmap_set(&b->by_uid, &offer->update.uid, i);
}

static int batch_init(struct dfsr_batch *b, const struct dfsr_offer *offers,
		      uint32_t num)
{
	uint32_t i;
	int ret;

	b->num = num;
	b->items = talloc_zero_array(b, struct dfsr_item, num);
	b->queue = talloc_array(b, struct dfsr_item *, num);
	b->order = talloc_array(b, struct dfsr_item *, num);
	b->decisions = talloc_zero_array(b, struct dfsr_decision, num);
	if (b->items == NULL || b->queue == NULL || b->order == NULL ||
	    b->decisions == NULL)
	{
		return ENOMEM;
	}
	ret = dfsr_idmap_init(b, &b->by_uid, num);
	for (i = 0; ret == 0 && i < num; i++) {
		ret = add_item(b, i, &offers[i]);
	}
	return ret;
}

/* What is not done either waits or is to be fetched. */
static void finish_open(struct dfsr_item *it)
{
	struct dfsr_decision *d = it->d;

	if (it->fetch) {
		d->verdict = DFSR_VERDICT_FETCH;
		d->wait = DFSR_WAIT_NONE;
		d->wait_for = (struct dfsr_id){.vsn = 0};
	}
	d->name_conflict = false;
	d->name_won = false;
	memset(&d->holder, 0, sizeof(d->holder));
}

/* Hand the decisions out in the order in which they were made. */
static int batch_result(TALLOC_CTX *mem_ctx, struct dfsr_batch *b,
			struct dfsr_decision **out)
{
	struct dfsr_decision *d;
	uint32_t i, n = 0;

	d = talloc_array(mem_ctx, struct dfsr_decision, b->num);
	if (d == NULL) {
		return ENOMEM;
	}
	for (i = 0; i < b->order_num; i++) {
		d[n++] = *b->order[i]->d;
	}
	for (i = 0; i < b->num; i++) {
		if (b->items[i].state != DFSR_ITEM_DONE) {
			finish_open(&b->items[i]);
			d[n++] = *b->items[i].d;
		}
	}
	for (i = 0; i < n; i++) {
		talloc_steal(d, d[i].issued.e);
	}
	*out = d;
	return 0;
}

int dfsr_engine_batch(TALLOC_CTX *mem_ctx, struct dfsr_issuer *issuer,
		      const struct dfsr_view *view,
		      const struct dfsr_round *round,
		      const struct dfsr_offer *offers, uint32_t num_offers,
		      struct dfsr_decision **decisions)
{
	uint64_t vsn = issuer->next_vsn;
	struct dfsr_batch *b;
	int ret;

	*decisions = NULL;
	if (num_offers > DFSR_BATCH_MAX) {
		return E2BIG;
	}
	b = talloc_zero(NULL, struct dfsr_batch);
	if (b == NULL) {
		return ENOMEM;
	}
	b->issuer = issuer;
	b->view = view;
	b->round = round;
	ret = batch_init(b, offers, num_offers);
	if (ret == 0 && num_offers > 0) {
		ret = decide(b);
	}
	if (ret == 0) {
		ret = batch_result(mem_ctx, b, decisions);
	}
	if (ret != 0) {
		issuer->next_vsn = vsn;
	}
	talloc_free(b);
	return ret;
}
