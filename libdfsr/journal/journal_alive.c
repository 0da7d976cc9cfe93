/*
   Samba DFS Replication
   The change log: the writing processes, as dfsrd sees them

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
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "journal_private.h"

/*
 * Death of a writer: its pidfd becomes readable, and then the OFD lock of
 * its slot can be had. The lock decides, because numbers of processes come
 * again; the pidfd only says when to look. Between the proof of death and
 * the burial of its open intents the journal must be read to its end: the
 * outcome may still lie in it. So a suspect goes through
 *
 *   ALIVE -> SUSPECT (pidfd fired) -> CONFIRMED (lock is free) -> NONE
 */

enum writer_state {
	WRITER_NONE = 0,
	WRITER_ALIVE,
	WRITER_SUSPECT,
	WRITER_CONFIRMED,
};

struct writer {
	uint32_t seen_incarnation; /* of the last frame; 0: none */
	uint32_t incarnation;	   /* that is watched */
	uint64_t counter;	   /* of the last frame */
	enum writer_state state;
	int pidfd;
};

struct journal_writers {
	struct journal_control *page;
	int control_fd;
	int epoll_fd;
	size_t num_suspects; /* SUSPECT and CONFIRMED */
	struct writer w[DFSR_JOURNAL_SLOTS_MAX];
};

static void close_pidfd(struct writer *w)
{
	if (w->pidfd != -1) {
		close(w->pidfd); /* leaves the epoll set with it */
		w->pidfd = -1;
	}
}

static void set_state(struct journal_writers *ws, struct writer *w,
		      enum writer_state state)
{
	if (w->state >= WRITER_SUSPECT) {
		ws->num_suspects--;
	}
	if (state >= WRITER_SUSPECT) {
		ws->num_suspects++;
	}
	w->state = state;
	if (state != WRITER_ALIVE) {
		close_pidfd(w);
	}
}

static int writers_destructor(struct journal_writers *ws)
{
	size_t i = 0;

	for (i = 0; i < DFSR_JOURNAL_SLOTS_MAX; i++) {
		close_pidfd(&ws->w[i]);
	}
	return 0;
}

int journal_writers_new(TALLOC_CTX *mem_ctx, int control_fd,
			struct journal_control *page, int epoll_fd,
			struct journal_writers **writers)
{
	struct journal_writers *ws = talloc_zero(mem_ctx,
						 struct journal_writers);
	size_t i = 0;

	if (ws == NULL) {
		return ENOMEM;
	}
	for (i = 0; i < DFSR_JOURNAL_SLOTS_MAX; i++) {
		ws->w[i].pidfd = -1;
	}
	ws->page = page;
	ws->control_fd = control_fd;
	ws->epoll_fd = epoll_fd;
	talloc_set_destructor(ws, writers_destructor);
	*writers = ws;
	return 0;
}

void journal_writers_reset(struct journal_writers *ws)
{
	size_t i = 0;

	for (i = 0; i < DFSR_JOURNAL_SLOTS_MAX; i++) {
		set_state(ws, &ws->w[i], WRITER_NONE);
		ws->w[i].seen_incarnation = 0;
		ws->w[i].counter = 0;
	}
}

int journal_writers_seen(struct journal_writers *ws,
			 const struct dfsr_journal_record *rec, bool *gap,
			 bool *newborn)
{
	struct writer *w = &ws->w[rec->slot];

	*gap = false;
	*newborn = false;
	if (w->seen_incarnation != rec->incarnation) {
		*newborn = w->seen_incarnation != 0;
		w->seen_incarnation = rec->incarnation;
		w->counter = rec->counter;
		if (*newborn) {
			set_state(ws, w, WRITER_NONE);
		}
		return 0;
	}
	if (rec->counter <= w->counter) {
		return EALREADY;
	}
	*gap = rec->counter != w->counter + 1;
	w->counter = rec->counter;
	return 0;
}

/* The slot's lock is free or somebody else's. */
static bool writer_is_dead(const struct journal_writers *ws, uint16_t slot,
			   uint32_t incarnation)
{
	const struct journal_slot *s = &ws->page->slots[slot];

	if (atomic_load(&s->incarnation) != incarnation) {
		return true;
	}
	return !journal_control_locked(ws->control_fd,
				       JOURNAL_LOCK_SLOT + slot);
}

void journal_writers_watch(struct journal_writers *ws, uint16_t slot,
			   uint32_t incarnation, uint32_t pid)
{
	struct writer *w = &ws->w[slot];
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = slot};

	if (w->state != WRITER_NONE && w->incarnation == incarnation) {
		return;
	}
	set_state(ws, w, WRITER_NONE);
	w->incarnation = incarnation;
	w->pidfd = syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (w->pidfd == -1 || writer_is_dead(ws, slot, incarnation) ||
	    epoll_ctl(ws->epoll_fd, EPOLL_CTL_ADD, w->pidfd, &ev) == -1) {
		set_state(ws, w, WRITER_SUSPECT);
		return;
	}
	set_state(ws, w, WRITER_ALIVE);
}

void journal_writers_event(struct journal_writers *ws, uint64_t data)
{
	if (data < DFSR_JOURNAL_SLOTS_MAX &&
	    ws->w[data].state == WRITER_ALIVE) {
		set_state(ws, &ws->w[data], WRITER_SUSPECT);
	}
}

bool journal_writers_suspects(const struct journal_writers *ws)
{
	return ws->num_suspects > 0;
}

bool journal_writers_check(struct journal_writers *ws,
			   void (*dead)(void *private_data, uint16_t slot,
					uint32_t incarnation),
			   void *private_data)
{
	bool confirmed = false;
	size_t i = 0;

	for (i = 0; ws->num_suspects > 0 && i < DFSR_JOURNAL_SLOTS_MAX; i++) {
		struct writer *w = &ws->w[i];

		if (w->state == WRITER_CONFIRMED) {
			set_state(ws, w, WRITER_NONE);
			dead(private_data, i, w->incarnation + 1);
		} else if (w->state == WRITER_SUSPECT &&
			   writer_is_dead(ws, i, w->incarnation)) {
			set_state(ws, w, WRITER_CONFIRMED);
			confirmed = true;
		}
	}
	return confirmed;
}
