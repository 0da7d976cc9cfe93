/*
   Samba DFS Replication
   The change log: which intents are open

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
#include "journal_private.h"

/*
 * Two chained hash tables over the same entries: by (slot, incarnation,
 * intent), to find what an outcome ends, and by object, to answer whether
 * somebody has it open for writing. Per slot a list, for the day on which
 * its writer dies. The dead wait in a list of their own to be reported; so do
 * the durable handles without a client, which only the table by object knows.
 */

#define INTENTS_BUCKETS_MIN 1024

struct journal_intents {
	struct journal_intent **by_id;
	struct journal_intent **by_object;
	struct journal_intent *of_slot[DFSR_JOURNAL_SLOTS_MAX];
	struct journal_intent *held;
	struct journal_intent *dead_head;
	struct journal_intent *dead_tail;
	size_t num_buckets; /* a power of two */
	size_t count;	    /* without the held and the dead */
	size_t num_held;
};

static size_t mix(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ (b << 32 | b >> 32)) * 0x9e3779b97f4a7c15ULL;

	return h ^ (h >> 31);
}

static struct journal_intent **id_bucket(const struct journal_intents *t,
					 uint16_t slot, uint32_t incarnation,
					 uint64_t intent)
{
	size_t h = mix((uint64_t)slot << 32 | incarnation, intent);

	return &t->by_id[h & (t->num_buckets - 1)];
}

static struct journal_intent **object_bucket(
	const struct journal_intents *t, const struct dfsr_ident *o)
{
	size_t h = mix(o->ino, (uint64_t)o->btime_sec ^ o->btime_nsec);

	return &t->by_object[h & (t->num_buckets - 1)];
}

static bool same_object(const struct dfsr_ident *a,
			const struct dfsr_ident *b)
{
	return a->ino == b->ino && a->btime_sec == b->btime_sec &&
	       a->btime_nsec == b->btime_nsec;
}

struct journal_intents *journal_intents_new(TALLOC_CTX *mem_ctx)
{
	struct journal_intents *t = talloc_zero(mem_ctx,
						struct journal_intents);

	if (t == NULL) {
		return NULL;
	}
	t->num_buckets = INTENTS_BUCKETS_MIN;
	t->by_id = talloc_zero_array(t, struct journal_intent *,
				     t->num_buckets);
	t->by_object = talloc_zero_array(t, struct journal_intent *,
					 t->num_buckets);
	if (t->by_id == NULL || t->by_object == NULL) {
		TALLOC_FREE(t);
	}
	return t;
}

static void object_insert(struct journal_intents *t,
			  struct journal_intent *e)
{
	struct journal_intent **b = object_bucket(t, &e->object);

	if (e->object.ino != 0) {
		e->next_object = *b;
		*b = e;
	}
}

static void hash_insert(struct journal_intents *t, struct journal_intent *e)
{
	struct journal_intent **b = id_bucket(t, e->slot, e->incarnation,
					      e->intent);

	e->next_id = *b;
	*b = e;
	object_insert(t, e);
}

static void object_remove(struct journal_intents *t,
			  struct journal_intent *e)
{
	struct journal_intent **b = object_bucket(t, &e->object);

	while (e->object.ino != 0 && *b != NULL) {
		if (*b == e) {
			*b = e->next_object;
			break;
		}
		b = &(*b)->next_object;
	}
}

static void hash_remove(struct journal_intents *t, struct journal_intent *e)
{
	struct journal_intent **b = id_bucket(t, e->slot, e->incarnation,
					      e->intent);

	while (*b != NULL && *b != e) {
		b = &(*b)->next_id;
	}
	if (*b != NULL) {
		*b = e->next_id;
	}
	object_remove(t, e);
}

/* Twice the buckets; when there is no memory it goes on with fewer. */
static void hash_grow(struct journal_intents *t)
{
	size_t n = t->num_buckets * 2;
	struct journal_intent **ids = NULL;
	struct journal_intent **objects = NULL;
	struct journal_intent *e = NULL;
	size_t s = 0;

	ids = talloc_zero_array(t, struct journal_intent *, n);
	objects = talloc_zero_array(t, struct journal_intent *, n);
	if (ids == NULL || objects == NULL) {
		TALLOC_FREE(ids);
		TALLOC_FREE(objects);
		return;
	}
	TALLOC_FREE(t->by_id);
	TALLOC_FREE(t->by_object);
	t->by_id = ids;
	t->by_object = objects;
	t->num_buckets = n;
	for (s = 0; s < DFSR_JOURNAL_SLOTS_MAX; s++) {
		for (e = t->of_slot[s]; e != NULL; e = e->next) {
			hash_insert(t, e);
		}
	}
	for (e = t->held; e != NULL; e = e->next) {
		object_insert(t, e);
	}
}

static struct journal_intent *find(const struct journal_intents *t,
				   const struct dfsr_journal_record *rec)
{
	struct journal_intent *e = *id_bucket(t, rec->slot, rec->incarnation,
					      rec->intent);

	while (e != NULL &&
	       (e->slot != rec->slot || e->incarnation != rec->incarnation ||
		e->intent != rec->intent)) {
		e = e->next_id;
	}
	return e;
}

static void bury_later(struct journal_intents *t, struct journal_intent *e)
{
	e->prev = NULL;
	e->next = NULL;
	if (t->dead_tail != NULL) {
		t->dead_tail->next = e;
	} else {
		t->dead_head = e;
	}
	t->dead_tail = e;
}

static void list_remove(struct journal_intent **head,
			struct journal_intent *e)
{
	if (e->prev != NULL) {
		e->prev->next = e->next;
	} else {
		*head = e->next;
	}
	if (e->next != NULL) {
		e->next->prev = e->prev;
	}
	e->prev = NULL;
	e->next = NULL;
}

static void list_add(struct journal_intent **head, struct journal_intent *e)
{
	e->prev = NULL;
	e->next = *head;
	if (e->next != NULL) {
		e->next->prev = e;
	}
	*head = e;
}

/* Somebody has it open again: its durable handle is waited for no more. */
static void release_held(struct journal_intents *t,
			 const struct dfsr_ident *object)
{
	struct journal_intent *e = t->held;

	while (e != NULL && object->ino != 0) {
		struct journal_intent *next = e->next;

		if (same_object(&e->object, object)) {
			object_remove(t, e);
			list_remove(&t->held, e);
			t->num_held--;
			talloc_free(e);
		}
		e = next;
	}
}

/* Keep the record as a frame, in place of the one that is there. */
static bool intent_keep(struct journal_intent *e,
			const struct dfsr_journal_record *rec)
{
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
	size_t len = dfsr_journal_frame_encode(rec, buf);
	uint8_t *frame = talloc_memdup(e, buf, len);

	if (frame == NULL) {
		return false;
	}
	talloc_free(e->frame);
	e->frame = frame;
	e->len = len;
	return true;
}

int journal_intents_add(struct journal_intents *t,
			const struct dfsr_journal_record *rec)
{
	struct journal_intent *e = NULL;

	if (find(t, rec) != NULL) {
		return EEXIST;
	}
	if (t->count >= DFSR_JOURNAL_OPEN_MAX) {
		return ENOSPC;
	}
	if (t->count >= t->num_buckets) {
		hash_grow(t);
	}
	e = talloc_zero(t, struct journal_intent);
	if (e == NULL) {
		return ENOMEM;
	}
	if (!intent_keep(e, rec)) {
		talloc_free(e);
		return ENOMEM;
	}
	release_held(t, &rec->object);
	e->object = rec->object;
	e->intent = rec->intent;
	e->incarnation = rec->incarnation;
	e->slot = rec->slot;
	e->hint = rec->hint;
	hash_insert(t, e);
	list_add(&t->of_slot[e->slot], e);
	t->count++;
	return 0;
}

int journal_intent_record(const struct journal_intent *e,
			  struct dfsr_journal_record *rec)
{
	size_t consumed = 0;

	return dfsr_journal_frame_decode(e->frame, e->len, rec, &consumed);
}

int journal_intents_name(struct journal_intents *t,
			 const struct dfsr_journal_record *rec)
{
	struct journal_intent *e = find(t, rec);
	struct dfsr_journal_record old;
	int ret = 0;

	if (e == NULL) {
		return ENOENT;
	}
	ret = journal_intent_record(e, &old);
	if (ret != 0) {
		return ret;
	}
	old.object = rec->object;
	if (rec->parent.ino != 0 && rec->name[0] != '\0') {
		old.parent = rec->parent;
		memcpy(old.name, rec->name, sizeof(old.name));
	}
	if (!intent_keep(e, &old)) {
		return ENOMEM;
	}
	object_remove(t, e);
	e->object = rec->object;
	object_insert(t, e);
	return 0;
}

static void unlink_entry(struct journal_intents *t, struct journal_intent *e)
{
	hash_remove(t, e);
	list_remove(&t->of_slot[e->slot], e);
	t->count--;
}

/* An outcome at a close says little; its intent knows the rest. */
static void fill_in(struct dfsr_journal_record *rec,
		    const struct dfsr_journal_record *intent)
{
	if (rec->object.ino == 0) {
		rec->object = intent->object;
	}
	if (rec->parent.ino == 0 && rec->name[0] == '\0') {
		rec->parent = intent->parent;
		memcpy(rec->name, intent->name, sizeof(rec->name));
	}
}

static void hold(struct journal_intents *t, struct journal_intent *e,
		 const struct dfsr_journal_record *rec)
{
	uint64_t msec = rec->hold_msec;

	if (msec > JOURNAL_HOLD_MSEC_MAX) {
		msec = JOURNAL_HOLD_MSEC_MAX;
	}
	e->held_until = rec->time_nsec + msec * 1000000;
	object_insert(t, e);
	list_add(&t->held, e);
	t->num_held++;
}

int journal_intents_end(struct journal_intents *t,
			struct dfsr_journal_record *rec)
{
	struct journal_intent *e = find(t, rec);
	struct dfsr_journal_record intent;

	if (e == NULL) {
		return ENOENT;
	}
	if (journal_intent_record(e, &intent) == 0) {
		fill_in(rec, &intent);
	}
	unlink_entry(t, e);
	if (rec->reason == DFSR_JOURNAL_REASON_DURABLE && !rec->hint &&
	    t->num_held < JOURNAL_HELD_MAX) {
		hold(t, e, rec);
	} else {
		talloc_free(e);
	}
	return 0;
}

void journal_intents_expire(struct journal_intents *t, uint64_t now)
{
	struct journal_intent *e = t->held;

	while (e != NULL) {
		struct journal_intent *next = e->next;

		if (e->held_until <= now) {
			object_remove(t, e);
			list_remove(&t->held, e);
			t->num_held--;
			bury_later(t, e);
		}
		e = next;
	}
}

void journal_intents_kill(struct journal_intents *t, uint16_t slot,
			  uint32_t incarnation)
{
	struct journal_intent *e = t->of_slot[slot];

	while (e != NULL) {
		struct journal_intent *next = e->next;

		if (e->incarnation < incarnation) {
			unlink_entry(t, e);
			bury_later(t, e);
		}
		e = next;
	}
}

void journal_intents_kill_all(struct journal_intents *t)
{
	uint16_t s = 0;

	for (s = 0; s < DFSR_JOURNAL_SLOTS_MAX; s++) {
		if (t->of_slot[s] != NULL) {
			journal_intents_kill(t, s, UINT32_MAX);
		}
	}
}

int journal_intents_bury(struct journal_intents *t,
			 struct dfsr_journal_record *rec)
{
	struct journal_intent *e = t->dead_head;
	int ret = 0;

	if (e == NULL) {
		return ENOENT;
	}
	t->dead_head = e->next;
	if (t->dead_head == NULL) {
		t->dead_tail = NULL;
	}
	ret = journal_intent_record(e, rec);
	rec->kind = DFSR_JOURNAL_OUTCOME;
	rec->reason = DFSR_JOURNAL_REASON_WRITER_DIED;
	rec->hint = e->hint;
	talloc_free(e);
	return ret;
}

void journal_intents_clear(struct journal_intents *t)
{
	struct dfsr_journal_record rec;

	journal_intents_kill_all(t);
	journal_intents_expire(t, UINT64_MAX);
	while (journal_intents_bury(t, &rec) != ENOENT) {
		continue;
	}
}

bool journal_intents_has(const struct journal_intents *t,
			 const struct dfsr_ident *object)
{
	const struct journal_intent *e = *object_bucket(t, object);

	while (e != NULL && (e->hint || !same_object(&e->object, object))) {
		e = e->next_object;
	}
	return e != NULL && object->ino != 0;
}

size_t journal_intents_count(const struct journal_intents *t)
{
	return t->count;
}

const struct journal_intent *journal_intents_walk(
	const struct journal_intents *t, const struct journal_intent *e)
{
	size_t s = e == NULL ? 0 : e->slot + 1;

	if (e != NULL && e->next != NULL) {
		return e->next;
	}
	while (s < DFSR_JOURNAL_SLOTS_MAX && t->of_slot[s] == NULL) {
		s++;
	}
	return s < DFSR_JOURNAL_SLOTS_MAX ? t->of_slot[s] : NULL;
}
