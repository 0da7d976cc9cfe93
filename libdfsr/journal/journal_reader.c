/*
   Samba DFS Replication
   The change log: the half that lives in dfsrd

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
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include "journal_reader.h"

/*
 * The reader walks through the segments in the order of their numbers and
 * keeps two things up to date while it does: which intents are open, and who
 * the writers are. Both are a function of what has been read: the list of
 * open intents is saved at every border between segments (open.N), so that a
 * stored cursor is enough to rebuild them from the start of its segment.
 *
 * What is not a frame is skipped up to the next frame, never cut: smbds
 * append behind a torn one without knowing of it. It raises the overflow
 * mark. A beginning of a frame at the end of the file is left alone: it may
 * be arriving. If its writer is dead it is not.
 *
 * Segments of earlier boots are read too. Nothing in them was made durable,
 * so they prove nothing; they are hints, and whatever was open in them is
 * over.
 */

void journal_reader_miss(struct dfsr_journal_reader *r)
{
	if (!r->hint && !r->replaying) {
		atomic_fetch_add(&r->page->overflow, 1);
	}
}

/* ---- frames ------------------------------------------------------------- */

/* Read ahead from offset on; 0, or EAGAIN if the file has no more. */
static int reader_fill(struct dfsr_journal_reader *r)
{
	size_t skip = r->offset - r->buf_ofs;
	size_t had = 0;
	ssize_t n = 0;

	if (skip > 0) {
		skip = skip < r->buf_len ? skip : r->buf_len;
		memmove(r->buf, r->buf + skip, r->buf_len - skip);
		r->buf_len -= skip;
		r->buf_ofs = r->offset;
	}
	had = r->buf_len;
	n = pread(r->fd, r->buf + had, READER_BUFFER - had, r->buf_ofs + had);
	if (n == -1) {
		return errno == EINTR ? 0 : errno;
	}
	r->buf_len += n;
	return n == 0 ? EAGAIN : 0;
}

/*
 * Distance to the next frame, or to where one may be arriving, beyond the
 * start of data. With `whole` only frames count that are there entirely.
 */
static size_t next_frame(const uint8_t *data, size_t len, bool whole)
{
	struct dfsr_journal_record rec;
	const uint8_t *end = data + len;
	const uint8_t *p = data + 1;
	size_t used = 0;

	while (p < end) {
		int ret = 0;

		p = memchr(p, JOURNAL_FRAME_MAGIC & 0xff, end - p);
		if (p == NULL) {
			break;
		}
		ret = dfsr_journal_frame_decode(p, end - p, &rec, &used);
		if (ret == 0 || (ret == EAGAIN && !whole)) {
			return p - data;
		}
		p++;
	}
	return len;
}

/*
 * Skip what is no frame, or is only the head of one behind which others
 * stand already.
 */
static void reader_skip(struct dfsr_journal_reader *r, size_t distance)
{
	journal_reader_miss(r);
	r->offset += distance;
}

int journal_reader_frame(struct dfsr_journal_reader *r,
			struct dfsr_journal_record *rec)
{
	while (true) {
		const uint8_t *data = r->buf + (r->offset - r->buf_ofs);
		size_t len = r->buf_len - (r->offset - r->buf_ofs);
		size_t used = 0;
		size_t next = 0;
		int ret = EAGAIN;

		if (len > 0) {
			ret = dfsr_journal_frame_decode(data, len, rec,
							&used);
		}
		if (ret == 0) {
			rec->hint = r->hint;
			r->offset += used;
			return 0;
		}
		if (ret == EBADMSG) {
			reader_skip(r, next_frame(data, len, false));
			continue;
		}
		ret = reader_fill(r);
		if (ret == 0) {
			continue;
		}
		if (ret != EAGAIN || r->buf_len == 0) {
			return ret;
		}
		/* fill() has moved the data to the buffer's start */
		next = next_frame(r->buf, r->buf_len, true);
		if (next == r->buf_len) {
			return EAGAIN;
		}
		reader_skip(r, next);
	}
}

/*
 * A partial frame at the end whose writer is dead will never be whole. True
 * if there is more to read after all.
 */
static bool reader_check_tail(struct dfsr_journal_reader *r)
{
	uint16_t slot = 0;
	uint32_t incarnation = 0;

	if (r->buf_len == 0 || r->torn_at == r->offset || r->hint ||
	    !journal_frame_writer(r->buf, r->buf_len, &slot, &incarnation)) {
		return false;
	}
	if (journal_control_locked(r->control_fd, JOURNAL_LOCK_SLOT + slot) &&
	    atomic_load(&r->page->slots[slot].incarnation) == incarnation) {
		return false;
	}
	/* it may have been completed before its writer died */
	if (reader_fill(r) == 0) {
		return true;
	}
	r->torn_at = r->offset;
	journal_reader_miss(r);
	return false;
}

int journal_reader_apply(struct dfsr_journal_reader *r,
			struct dfsr_journal_record *rec)
{
	bool gap = false;
	bool newborn = false;
	int ret = journal_writers_seen(r->writers, rec, &gap, &newborn);

	if (ret != 0) {
		return ret;
	}
	if (gap) {
		journal_reader_miss(r);
	}
	if (newborn) {
		journal_intents_kill(r->intents, rec->slot, rec->incarnation);
	}
	switch (rec->kind) {
	case DFSR_JOURNAL_INTENT:
		ret = journal_intents_add(r->intents, rec);
		if (ret == ENOSPC || ret == ENOMEM) {
			journal_reader_miss(r);
		}
		break;
	case DFSR_JOURNAL_NAMED:
		if (journal_intents_name(r->intents, rec) == ENOMEM) {
			journal_reader_miss(r);
		}
		break;
	case DFSR_JOURNAL_OUTCOME:
		journal_intents_end(r->intents, rec);
		break;
	default:
		break;
	}
	if (!r->hint) {
		journal_writers_watch(r->writers, rec->slot,
				      rec->incarnation, rec->pid);
	}
	return 0;
}

/* ---- from segment to segment -------------------------------------------- */

/*
 * The segment is read to its end, and a later one is current. It was before
 * that last read, because it is this thread that seals: whoever appends here
 * now will see that and append there again. So will the writer of a frame
 * that is here in part, unless it is dead and has nothing to tell.
 */
static int reader_cross(struct dfsr_journal_reader *r)
{
	bool was_hint = r->hint;
	int ret = 0;

	if (!was_hint) {
		/* without it a restart has to scan, which it notices */
		journal_intents_save(r->intents, r->dirfd, r->segment + 1);
	}
	ret = journal_reader_goto_from(r, r->segment + 1);
	if (ret == 0 && was_hint) {
		if (!r->hint) {
			journal_intents_kill_all(r->intents);
		}
		journal_writers_reset(r->writers);
	}
	return ret;
}

/* ---- the dead ----------------------------------------------------------- */

static void reader_dead(void *private_data, uint16_t slot,
			uint32_t incarnation)
{
	struct dfsr_journal_reader *r = private_data;

	journal_intents_kill(r->intents, slot, incarnation);
}

/* True if the journal or the list of the dead must be looked at again. */
static bool reader_reap(struct dfsr_journal_reader *r)
{
	struct epoll_event ev[32];
	int n = 0;
	int i = 0;

	do {
		n = epoll_wait(r->epoll_fd, ev, 32, 0);
		for (i = 0; i < n; i++) {
			if (ev[i].data.u64 == UINT64_MAX) {
				journal_wake_drain(r->wake);
			} else {
				journal_writers_event(r->writers,
						      ev[i].data.u64);
			}
		}
	} while (n == 32);
	if (!journal_writers_suspects(r->writers)) {
		return false;
	}
	if (journal_writers_check(r->writers, reader_dead, r)) {
		return true;
	}
	return reader_check_tail(r);
}

static uint64_t now_nsec(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void reader_arm(struct dfsr_journal_reader *r)
{
	journal_wake_arm(r->wake, r->fd, r->segment,
			 r->buf_ofs + r->buf_len,
			 atomic_load(&r->page->overflow));
}

int dfsr_journal_reader_next(struct dfsr_journal_reader *r,
			     struct dfsr_journal_record *rec)
{
	int ret = 0;

	while (true) {
		if (journal_intents_bury(r->intents, rec) == 0) {
			return 0;
		}
		ret = journal_reader_frame(r, rec);
		if (ret == 0) {
			ret = journal_reader_apply(r, rec);
			if (ret == 0) {
				return 0;
			}
			continue;
		}
		if (ret != EAGAIN) {
			return ret;
		}
		if (atomic_load(&r->page->segment) != r->segment) {
			ret = reader_cross(r);
			if (ret != 0) {
				return ret;
			}
			continue;
		}
		if (reader_reap(r)) {
			continue;
		}
		journal_intents_expire(r->intents, now_nsec());
		if (journal_intents_bury(r->intents, rec) == 0) {
			return 0;
		}
		reader_arm(r);
		return EAGAIN;
	}
}
