/*
   Samba DFS Replication
   Items of a set: who waits for whom, effects, circles

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

#include <string.h>

#include "engine_private.h"

bool dfsr_item_needs_bytes(const struct dfsr_item *it)
{
	return (it->d->parts & (DFSR_PART_CONTENT | DFSR_PART_META)) &&
	       !it->offer->staged;
}

bool dfsr_batch_lacks_bytes(const struct dfsr_batch *b,
			    const struct dfsr_item *it)
{
	return b->final && dfsr_item_needs_bytes(it);
}

bool dfsr_batch_may_judge(const struct dfsr_batch *b)
{
	return b->round->server_closed && b->round->complete;
}

struct dfsr_item *dfsr_batch_item(struct dfsr_batch *b,
				  const struct dfsr_id *uid)
{
	uint32_t i = dfsr_idmap_get(&b->by_uid, uid);

	return i == DFSR_IDMAP_NONE ? NULL : &b->items[i];
}

struct dfsr_item *dfsr_batch_open(struct dfsr_batch *b,
				  const struct dfsr_id *uid)
{
	struct dfsr_item *it = dfsr_batch_item(b, uid);

	return it != NULL && it->state != DFSR_ITEM_DONE ? it : NULL;
}

/* ---- who waits for whom -------------------------------------------------- */

void dfsr_item_enqueue(struct dfsr_batch *b, struct dfsr_item *it)
{
	if (it->queued || it->state == DFSR_ITEM_DONE) {
		return;
	}
	it->queued = true;
	b->queue[(b->queue_first + b->queue_num) % b->num] = it;
	b->queue_num += 1;
}

struct dfsr_item *dfsr_item_dequeue(struct dfsr_batch *b)
{
	struct dfsr_item *it = b->queue[b->queue_first];

	b->queue_first = (b->queue_first + 1) % b->num;
	b->queue_num -= 1;
	it->queued = false;
	return it;
}

void dfsr_item_unblock(struct dfsr_item *it)
{
	if (it->blocker == NULL) {
		return;
	}
	if (it->prev != NULL) {
		it->prev->next = it->next;
	} else {
		it->blocker->waiters = it->next;
	}
	if (it->next != NULL) {
		it->next->prev = it->prev;
	}
	it->blocker = NULL;
	it->prev = NULL;
	it->next = NULL;
}

static void wake_waiters(struct dfsr_batch *b, struct dfsr_item *it)
{
	struct dfsr_item *w;

	for (w = it->waiters; w != NULL; w = w->next) {
		dfsr_item_enqueue(b, w);
	}
}

void dfsr_batch_block(struct dfsr_item *it, struct dfsr_item *blocker,
		      enum dfsr_wait wait, const struct dfsr_id *wait_for)
{
	dfsr_batch_hold(it, wait, wait_for);
	it->state = DFSR_ITEM_BLOCKED;
	it->blocker = blocker;
	it->next = blocker->waiters;
	if (it->next != NULL) {
		it->next->prev = it;
	}
	blocker->waiters = it;
}

void dfsr_batch_hold(struct dfsr_item *it, enum dfsr_wait wait,
		     const struct dfsr_id *wait_for)
{
	dfsr_item_unblock(it);
	it->state = DFSR_ITEM_HELD;
	it->d->verdict = DFSR_VERDICT_WAIT;
	it->d->wait = wait;
	it->d->wait_for = *wait_for;
}

void dfsr_batch_settle(struct dfsr_batch *b, struct dfsr_item *it,
		       enum dfsr_verdict verdict)
{
	dfsr_item_unblock(it);
	it->state = DFSR_ITEM_DONE;
	it->d->verdict = verdict;
	it->d->wait = DFSR_WAIT_NONE;
	it->d->wait_for = (struct dfsr_id){.vsn = 0};
	it->d->park = it->parked;
	b->order[b->order_num] = it;
	b->order_num += 1;
	wake_waiters(b, it);
}

/* ---- effects ------------------------------------------------------------- */

int dfsr_batch_issue(struct dfsr_batch *b, struct dfsr_item *it,
		     const struct dfsr_record *rec)
{
	int ret;

	ret = dfsr_issued_add(b->decisions, &it->d->issued, rec, false);
	if (ret != 0) {
		return ret;
	}
	return dfsr_overlay_put(b->ov, rec);
}

int dfsr_batch_install(struct dfsr_batch *b, struct dfsr_item *it)
{
	int ret;

	if (dfsr_batch_lacks_bytes(b, it)) {
		dfsr_batch_hold(it, DFSR_WAIT_NONE, &it->offer->update.uid);
		it->fetch = true;
		return 0;
	}
	ret = dfsr_overlay_put(b->ov, &it->offer->update);
	if (ret != 0) {
		return ret;
	}
	dfsr_batch_settle(b, it, DFSR_VERDICT_INSTALL);
	return 0;
}

/* ---- circles ------------------------------------------------------------- */

/* An alias can be parked too: its children go on from there. */
static bool may_park(const struct dfsr_batch *b, const struct dfsr_item *waiter)
{
	const struct dfsr_item *it = waiter->blocker;
	const struct dfsr_record *u = &it->offer->update;

	switch (waiter->d->wait) {
	case DFSR_WAIT_NAME:
	case DFSR_WAIT_CYCLE:
	case DFSR_WAIT_CHILDREN:
		break;
	default:
		return false;
	}
	if (!dfsr_record_is_alias(u) &&
	    !(u->present && (it->d->parts & DFSR_PART_NAME)))
	{
		return false;
	}
	return dfsr_remote_live_local(it) && !it->offer->busy && !it->parked &&
	       !it->no_park && !dfsr_batch_lacks_bytes(b, it);
}

/* Park one item of the circle that `it` is part of. */
static int break_circle(struct dfsr_batch *b, struct dfsr_item *it)
{
	struct dfsr_item *w = it;
	struct dfsr_item *p;
	int ret;

	do {
		p = w->blocker;
		if (may_park(b, w)) {
			ret = dfsr_overlay_park(b->ov, &p->d->local);
			if (ret != 0) {
				return ret;
			}
			p->parked = true;
			wake_waiters(b, p);
			return 0;
		}
		w = p;
	} while (w != it);
	return 0;
}

/* Every item has one blocker at most, so circles are found by walking. */
int dfsr_item_break_circles(struct dfsr_batch *b, uint32_t *seen)
{
	uint32_t i;
	int ret;

	memset(seen, 0, b->num * sizeof(*seen));
	for (i = 0; i < b->num; i++) {
		struct dfsr_item *it = &b->items[i];

		while (it != NULL && it->state == DFSR_ITEM_BLOCKED &&
		       seen[it - b->items] == 0)
		{
			seen[it - b->items] = i + 1;
			it = it->blocker;
		}
		if (it == NULL || it->state != DFSR_ITEM_BLOCKED ||
		    seen[it - b->items] != i + 1)
		{
			continue;
		}
		ret = break_circle(b, it);
		if (ret != 0) {
			return ret;
		}
	}
	return 0;
}
