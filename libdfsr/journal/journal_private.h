/*
   Samba DFS Replication
   The change log: what its parts share

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

#ifndef __JOURNAL_PRIVATE_H__
#define __JOURNAL_PRIVATE_H__

#include <stdatomic.h>
#include <sys/types.h>
#include "../include/dfsr_journal.h"

/* ---- formats: journal_format.c ------------------------------------------ */

#define JOURNAL_FRAME_MAGIC 0x314a4644U /* "DFJ1" */
#define JOURNAL_FRAME_VERSION 1
#define JOURNAL_FRAME_HEADER 48
#define JOURNAL_FRAME_FIXED 112
#define JOURNAL_FRAME_MIN (JOURNAL_FRAME_HEADER + JOURNAL_FRAME_FIXED)
#define JOURNAL_FRAME_ALIGN 16

/** A segment begins with this many bytes that name it. */
#define JOURNAL_SEGMENT_HEADER 64

struct journal_segment_header {
	uint8_t boot[16];
	uint64_t segment;
};

void journal_segment_encode(const struct journal_segment_header *h,
			    uint8_t buf[JOURNAL_SEGMENT_HEADER]);
int journal_segment_decode(const uint8_t *data, size_t len,
			   struct journal_segment_header *h);

/** The list of open intents is a header like this, then their frames. */
#define JOURNAL_OPEN_HEADER 32

struct journal_open_header {
	uint64_t segment;
	uint32_t count;
	uint32_t sum; /* of the frames */
};

void journal_open_encode(const struct journal_open_header *h,
			 uint8_t buf[JOURNAL_OPEN_HEADER]);
int journal_open_decode(const uint8_t *data, size_t len,
			struct journal_open_header *h);
uint32_t journal_checksum(uint32_t seed, const uint8_t *data, size_t len);
/** Writer of a frame whose header is whole, or false. */
bool journal_frame_writer(const uint8_t *data, size_t len, uint16_t *slot,
			  uint32_t *incarnation);

/* ---- the control page: journal_control.c -------------------------------- */

#define JOURNAL_CONTROL_MAGIC 0x4c52544352534644ULL /* "DFSRCTRL" */
#define JOURNAL_CONTROL_VERSION 1
#define JOURNAL_CONTROL_HEADER 4096
/** Generation of a page that has been replaced: map the new one. */
#define JOURNAL_RETIRED UINT64_MAX
/** OFD locks lie beyond the data: one byte a slot, one for the reader. */
#define JOURNAL_LOCK_SLOT 0x40000000
#define JOURNAL_LOCK_READER 0x3fffffff

struct journal_slot {
	_Atomic uint32_t pid;
	_Atomic uint32_t incarnation;
	_Atomic uint64_t start_nsec; /* CLOCK_BOOTTIME when it was taken */
	_Atomic uint64_t acked;
	_Atomic uint32_t active;
	uint32_t pad;
	_Atomic uint64_t counter;
	uint8_t reserved[24];
};

struct journal_control {
	uint64_t magic;
	uint32_t version;
	uint32_t num_slots;
	_Atomic uint64_t boot[2];
	uint8_t pad0[32];
	_Atomic uint64_t generation;
	_Atomic uint64_t segment;
	uint8_t pad1[48];
	_Atomic uint32_t asleep;
	uint8_t pad2[60];
	_Atomic uint64_t overflow;
	_Atomic uint64_t overflow_seen;
	_Atomic uint64_t passing;
	uint8_t pad3[JOURNAL_CONTROL_HEADER - 4 * 64 + 40];
	struct journal_slot slots[DFSR_JOURNAL_SLOTS_MAX];
};

_Static_assert(sizeof(struct journal_slot) == 64, "slot is a cache line");
_Static_assert(offsetof(struct journal_control, slots) ==
	       JOURNAL_CONTROL_HEADER, "slots begin at the second page");

/** Map <dirfd>/control. @return 0, ENOENT, EBADMSG (another format), errno */
int journal_control_map(int dirfd, int *fd, struct journal_control **page);
/** Make the control page; dfsrd only. An old one is retired. */
int journal_control_create(int dirfd, const uint8_t boot[16], int *fd,
			   struct journal_control **page);
void journal_control_unmap(int fd, struct journal_control *page);
bool journal_control_boot_is(const struct journal_control *page,
			     const uint8_t boot[16]);
void journal_control_set_boot(struct journal_control *page,
			      const uint8_t boot[16]);
/** Non-blocking OFD write lock on one byte. @return 0, EAGAIN or errno */
int journal_control_lock(int fd, off_t ofs);
/** True if some living process holds the byte's lock. */
bool journal_control_locked(int fd, off_t ofs);
/** Raise the overflow mark and wake the reader. */
void journal_control_overflow(struct journal_control *page);
/** Wake the reader if it says that it is asleep. */
void journal_control_ring(struct journal_control *page);
/** Sleep until rung; returns at once if somebody rang since asleep = 1. */
void journal_control_sleep(struct journal_control *page);

/* ---- segments: journal_segment.c, dfsrd only ---------------------------- */

/** Name of a file with a number, "segment.12". */
#define JOURNAL_NAME_LEN 32
void journal_name(char buf[JOURNAL_NAME_LEN], const char *what, uint64_t n);
/** Make segment n, whose header is on disk in whole. @return 0 or errno */
int journal_segment_create(int dirfd, const uint8_t boot[16], uint64_t n);
/** Lowest and highest segment number; ENOENT if there is none. */
int journal_segment_range(int dirfd, uint64_t *lowest, uint64_t *highest,
			  uint64_t *bytes);
/** Open segment n for reading. @return 0, ENOENT, EBADMSG or errno */
int journal_segment_open(int dirfd, uint64_t n, int *fd,
			 struct journal_segment_header *h);
/** Truncate and remove a segment and its list of open intents. */
int journal_segment_remove(int dirfd, uint64_t n);
/** Replace <dirfd>/name by data. */
int journal_file_replace(int dirfd, const char *name, const void *data,
			 size_t len, bool sync);
/** Read <dirfd>/name, at most max bytes. */
int journal_file_read(TALLOC_CTX *mem_ctx, int dirfd, const char *name,
		      size_t max, uint8_t **data, size_t *len);

/* ---- open intents: journal_intents.c, dfsrd only ------------------------ */

/** One open intent; its frame is kept as it was read. */
struct journal_intent {
	struct journal_intent *prev, *next; /* of its slot, held or dead */
	struct journal_intent *next_id;
	struct journal_intent *next_object;
	struct dfsr_ident object;
	uint64_t intent;
	uint32_t incarnation;
	uint16_t slot;
	bool hint;
	uint64_t held_until; /* CLOCK_REALTIME in ns */
	size_t len;
	uint8_t *frame;
};

/** Longest time for which a durable handle is waited for. */
#define JOURNAL_HOLD_MSEC_MAX (30 * 60 * 1000)
/** Most durable handles that are waited for. */
#define JOURNAL_HELD_MAX 65536

struct journal_intents;

struct journal_intents *journal_intents_new(TALLOC_CTX *mem_ctx);
/** @return 0, EEXIST, ENOSPC at the limit, ENOMEM */
int journal_intents_add(struct journal_intents *t,
			const struct dfsr_journal_record *rec);
/** The object and place of an intent are known now. @return 0 or errno */
int journal_intents_name(struct journal_intents *t,
			 const struct dfsr_journal_record *rec);
/**
 * An intent is over. What the outcome does not say about object and place is
 * filled in from the intent. A durable handle keeps its object busy until
 * somebody else has an intent on it or its time is over.
 * @return 0 or ENOENT
 */
int journal_intents_end(struct journal_intents *t,
			struct dfsr_journal_record *rec);
/** Intents of this slot that are older than incarnation are dead now. */
void journal_intents_kill(struct journal_intents *t, uint16_t slot,
			  uint32_t incarnation);
/** All are dead. */
void journal_intents_kill_all(struct journal_intents *t);
/** Durable handles whose time is over by now (ns) are dead. */
void journal_intents_expire(struct journal_intents *t, uint64_t now);
/** Take one of the dead as an outcome. @return 0 or ENOENT */
int journal_intents_bury(struct journal_intents *t,
			 struct dfsr_journal_record *rec);
/** Forget everything. */
void journal_intents_clear(struct journal_intents *t);
bool journal_intents_has(const struct journal_intents *t,
			 const struct dfsr_ident *object);
size_t journal_intents_count(const struct journal_intents *t);
/** The intent behind e, or the first; not the held, not the dead. */
const struct journal_intent *journal_intents_walk(
	const struct journal_intents *t, const struct journal_intent *e);
/** The record that an intent was. @return 0 or EBADMSG */
int journal_intent_record(const struct journal_intent *e,
			  struct dfsr_journal_record *rec);

/* ---- the doorbell's listener: journal_wake.c, dfsrd only ---------------- */

struct journal_wake;

/** Start the thread that turns the futex into an eventfd. */
int journal_wake_new(TALLOC_CTX *mem_ctx, struct journal_control *page,
		     struct journal_wake **wake);
int journal_wake_fd(const struct journal_wake *wake);
/**
 * Everything has been read: segment `n` (open as fd) up to `size`. The
 * descriptor becomes readable when there is more than that.
 */
void journal_wake_arm(struct journal_wake *wake, int fd, uint64_t n,
		     uint64_t size, uint64_t overflow);
/** To be called before the fd given to arm() is closed. */
void journal_wake_disarm(struct journal_wake *wake);
/** Take back a readiness that has been seen. */
void journal_wake_drain(struct journal_wake *wake);

/* ---- writers as the reader sees them: journal_alive.c, dfsrd only ----- */

struct journal_writers;

int journal_writers_new(TALLOC_CTX *mem_ctx, int control_fd,
			struct journal_control *page, int epoll_fd,
			struct journal_writers **writers);
/**
 * A frame of this writer was read.
 *
 * @param[out] gap     frames of it are missing before this one
 * @param[out] newborn the slot changed hands: older intents are dead
 * @return 0; EALREADY if the frame was read before
 */
int journal_writers_seen(struct journal_writers *w,
			 const struct dfsr_journal_record *rec, bool *gap,
			 bool *newborn);
/** Forget what was seen. */
void journal_writers_reset(struct journal_writers *w);
/** Watch the writer of a slot for its death. */
void journal_writers_watch(struct journal_writers *w, uint16_t slot,
			   uint32_t incarnation, uint32_t pid);
/** A descriptor in the epoll set is readable. */
void journal_writers_event(struct journal_writers *w, uint64_t data);
/** True if there is a death to be confirmed or reported. */
bool journal_writers_suspects(const struct journal_writers *w);
/**
 * Look at the suspects. Those that are dead are confirmed the first time
 * and reported the second, so that the journal is read to its end between.
 *
 * @param[in] dead called for each reported slot: its intents with an
 *                 incarnation below the given one are dead
 * @return true if there were new confirmations: read to the end, call again
 */
bool journal_writers_check(struct journal_writers *w,
			   void (*dead)(void *private_data, uint16_t slot,
					uint32_t incarnation),
			   void *private_data);

/* ---- intents at the border of segments: journal_open.c, dfsrd only ------ */

/** Write all, the dead excepted, as <dirfd>/open.<segment>. */
int journal_intents_save(const struct journal_intents *t, int dirfd,
			 uint64_t segment);
/** Add those of <dirfd>/open.<segment>. */
int journal_intents_load(struct journal_intents *t, int dirfd,
			 uint64_t segment);
/** Watch the writers of all open intents. */
void journal_intents_watch_all(const struct journal_intents *t,
			       struct journal_writers *writers);

#endif /* __JOURNAL_PRIVATE_H__ */
