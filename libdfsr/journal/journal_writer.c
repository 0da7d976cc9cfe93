/*
   Samba DFS Replication
   The change log: the half that lives in smbd

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
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "journal_private.h"

/*
 * One writer per process and directory. It must cost next to nothing and
 * must never hurt its host: no wait, no fsync, no error to the caller. A
 * record is one write() with O_APPEND. What cannot be written raises the
 * overflow mark in the shared page, which needs neither memory nor disk.
 *
 * smbd forks for every client, so that a child must notice that the slot it
 * inherited is its parent's. The word `canary` lies in a page that the
 * kernel wipes at fork: one load instead of a getpid().
 *
 * smbd runs as the client's user; files of the journal are root's and are
 * opened between become_root() and unbecome_root().
 */

/** Frames between two looks at the size of the segment. */
#define FULL_CHECK 64

struct dfsr_journal_writer {
	struct dfsr_journal_writer *next;
	char *dir;
	struct dfsr_journal_root_fns root;
	uint8_t boot[16];
	bool have_boot;
	/* survive a fork */
	struct journal_control *page;
	int segment_fd;
	uint64_t segment; /* which segment_fd is; 0: none */
	bool full;	  /* the segment is at its limit */
	_Atomic uint32_t *canary;
	/* of this process only */
	int control_fd; /* holds the slot's lock */
	struct journal_slot *slot;
	uint16_t slot_number;
	uint32_t incarnation;
	uint32_t pid;
	uint32_t active;
	uint64_t counter;
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
};

static struct dfsr_journal_writer *writers;

static void writer_root(struct dfsr_journal_writer *w, bool enter)
{
	if (enter && w->root.become_root != NULL) {
		w->root.become_root();
	}
	if (!enter && w->root.unbecome_root != NULL) {
		w->root.unbecome_root();
	}
}

static void writer_drop_page(struct dfsr_journal_writer *w)
{
	if (w->slot != NULL) {
		atomic_store(&w->slot->active, 0);
	}
	w->slot = NULL;
	journal_control_unmap(w->control_fd, w->page);
	w->control_fd = -1;
	w->page = NULL;
	if (w->segment_fd != -1) {
		close(w->segment_fd);
	}
	w->segment_fd = -1;
	w->segment = 0;
}

/* Open <dir>/journal; the caller is root. */
static int writer_open_dir(const char *dir, int *fd)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/journal", dir) >=
	    (int)sizeof(path)) {
		return ENAMETOOLONG;
	}
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd == -1 ? errno : 0;
}

static uint64_t clock_nsec(clockid_t id)
{
	struct timespec ts = {0};

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The lock is ours: nobody else writes to this slot now. */
static void writer_own_slot(struct dfsr_journal_writer *w, uint32_t n)
{
	struct journal_slot *s = &w->page->slots[n];

	w->slot_number = n;
	w->incarnation = atomic_load(&s->incarnation) + 1;
	w->counter = 0;
	atomic_store(&s->acked, 0);
	atomic_store(&s->counter, 0);
	atomic_store(&s->start_nsec, clock_nsec(CLOCK_BOOTTIME));
	atomic_store(&s->incarnation, w->incarnation);
	atomic_store(&s->pid, w->pid);
	atomic_store(&s->active, w->active);
	w->slot = s;
}

/* Without a free slot the process goes on, and what it does is overflow. */
static void writer_take_slot(struct dfsr_journal_writer *w)
{
	uint32_t start = 0;
	uint32_t i = 0;

	w->pid = getpid();
	start = w->pid % DFSR_JOURNAL_SLOTS_MAX;
	for (i = 0; i < DFSR_JOURNAL_SLOTS_MAX; i++) {
		uint32_t n = (start + i) % DFSR_JOURNAL_SLOTS_MAX;
		int ret = journal_control_lock(w->control_fd,
					       JOURNAL_LOCK_SLOT + n);

		if (ret == 0) {
			writer_own_slot(w, n);
			return;
		}
		if (ret != EAGAIN) {
			return;
		}
	}
}

static int writer_map(struct dfsr_journal_writer *w)
{
	int dirfd = -1;
	int ret = 0;

	writer_root(w, true);
	ret = writer_open_dir(w->dir, &dirfd);
	if (ret == 0) {
		ret = journal_control_map(dirfd, &w->control_fd, &w->page);
		close(dirfd);
	}
	writer_root(w, false);
	if (ret == 0) {
		writer_take_slot(w);
	}
	return ret;
}

/*
 * A child has its parent's pages and segment, which are good, and its
 * parent's slot, which is not. The lock belongs to the open file, not to the
 * process, so that closing the inherited descriptor leaves it to the parent.
 */
static void writer_after_fork(struct dfsr_journal_writer *w)
{
	w->slot = NULL;
	w->active = 0;
	*w->canary = 1;
	if (w->page != NULL) {
		munmap(w->page, sizeof(*w->page));
		close(w->control_fd);
		w->page = NULL;
		w->control_fd = -1;
	}
	writer_map(w);
}

static bool writer_make_canary(struct dfsr_journal_writer *w)
{
	size_t size = sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		return false;
	}
	if (madvise(p, size, MADV_WIPEONFORK) == -1) {
		munmap(p, size);
		return false;
	}
	w->canary = p;
	*w->canary = 1;
	return true;
}

static struct dfsr_journal_writer *writer_new(
	const char *dir, const struct dfsr_journal_root_fns *root)
{
	struct dfsr_journal_writer *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		return NULL;
	}
	w->control_fd = -1;
	w->segment_fd = -1;
	if (root != NULL) {
		w->root = *root;
	}
	w->dir = strdup(dir);
	w->have_boot = dfsr_journal_boot_id(w->boot) == 0;
	if (w->dir == NULL || !writer_make_canary(w)) {
		free(w->dir);
		free(w);
		return NULL;
	}
	w->next = writers;
	writers = w;
	return w;
}

int dfsr_journal_writer_open(const char *dir,
			     const struct dfsr_journal_root_fns *root,
			     struct dfsr_journal_writer **writer)
{
	struct dfsr_journal_writer *w = writers;
	int ret = 0;

	while (w != NULL && strcmp(w->dir, dir) != 0) {
		w = w->next;
	}
	if (w == NULL) {
		w = writer_new(dir, root);
		if (w == NULL) {
			return ENOMEM;
		}
	} else if (*w->canary == 0) {
		writer_after_fork(w);
	}
	if (w->page == NULL) {
		ret = writer_map(w);
	} else if (w->slot == NULL) {
		writer_take_slot(w);
	}
	*writer = ret == 0 ? w : NULL;
	return ret;
}

/* The page has been replaced by one that another dfsrd understands. */
static uint64_t writer_remap(struct dfsr_journal_writer *w)
{
	writer_drop_page(w);
	if (writer_map(w) != 0) {
		return 0;
	}
	return atomic_load(&w->page->generation);
}

uint64_t dfsr_journal_writer_enter(struct dfsr_journal_writer *w)
{
	uint64_t generation = 0;

	if (atomic_load_explicit(w->canary, memory_order_relaxed) == 0) {
		writer_after_fork(w);
	}
	w->active++;
	if (w->page == NULL) {
		return 0;
	}
	if (w->slot != NULL) {
		atomic_store(&w->slot->active, w->active);
	}
	generation = atomic_load(&w->page->generation);
	if (generation == JOURNAL_RETIRED) {
		generation = writer_remap(w);
	}
	return generation == JOURNAL_RETIRED ? 0 : generation;
}

void dfsr_journal_writer_leave(struct dfsr_journal_writer *w)
{
	if (w->active == 0) {
		return; /* entered before a fork */
	}
	w->active--;
	if (w->slot != NULL) {
		atomic_store_explicit(&w->slot->active, w->active,
				      memory_order_release);
	}
}

void dfsr_journal_writer_ack(struct dfsr_journal_writer *w,
			     uint64_t generation)
{
	if (w->slot != NULL) {
		atomic_store(&w->slot->acked, generation);
	}
}

uint64_t dfsr_journal_writer_generation(const struct dfsr_journal_writer *w)
{
	uint64_t generation = 0;

	if (w->page == NULL) {
		return 0;
	}
	generation = atomic_load(&w->page->generation);
	return generation == JOURNAL_RETIRED ? 0 : generation;
}

uint32_t dfsr_journal_writer_active(const struct dfsr_journal_writer *w)
{
	return w->active;
}

void dfsr_journal_writer_overflow(struct dfsr_journal_writer *w)
{
	if (w->page != NULL) {
		journal_control_overflow(w->page);
	}
}

int dfsr_journal_mark_passing(const char *dir)
{
	struct journal_control *page = NULL;
	int dirfd = -1;
	int fd = -1;
	int ret = writer_open_dir(dir, &dirfd);

	if (ret != 0) {
		return ret;
	}
	ret = journal_control_map(dirfd, &fd, &page);
	close(dirfd);
	if (ret != 0) {
		return ret;
	}
	atomic_fetch_add(&page->passing, 1);
	journal_control_overflow(page);
	journal_control_unmap(fd, page);
	return 0;
}

static bool writer_open_segment(struct dfsr_journal_writer *w, uint64_t n)
{
	char path[PATH_MAX];
	int fd = -1;

	if (snprintf(path, sizeof(path), "%s/journal/segment.%llu", w->dir,
		     (unsigned long long)n) >= (int)sizeof(path)) {
		return false;
	}
	writer_root(w, true);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	writer_root(w, false);
	if (fd == -1) {
		return false;
	}
	if (w->segment_fd != -1) {
		close(w->segment_fd);
	}
	w->segment_fd = fd;
	w->segment = n;
	w->full = false;
	return true;
}

/*
 * Looked at now and then: without a dfsrd that seals it the segment must not
 * grow for ever. The end of the last append is where the descriptor stands.
 */
static bool writer_full(struct dfsr_journal_writer *w)
{
	if (!w->full && w->counter % FULL_CHECK == 0) {
		w->full = lseek(w->segment_fd, 0, SEEK_CUR) >
			  DFSR_JOURNAL_SEGMENT_MAX;
	}
	return w->full;
}

/*
 * Append the frame to the current segment; if another one has become the
 * current one meanwhile, the reader may be through with the old one, so that
 * the frame is written again: twice does no harm.
 */
static bool writer_put(struct dfsr_journal_writer *w, size_t len)
{
	uint64_t n = atomic_load(&w->page->segment);
	uint64_t now = 0;

	while (true) {
		if (n != w->segment && !writer_open_segment(w, n)) {
			now = atomic_load(&w->page->segment);
			if (now == n) {
				return false;
			}
			n = now;
			continue;
		}
		if (writer_full(w) ||
		    write(w->segment_fd, w->buf, len) != (ssize_t)len) {
			return false;
		}
		atomic_thread_fence(memory_order_seq_cst);
		now = atomic_load(&w->page->segment);
		if (now == n) {
			return true;
		}
		n = now;
	}
}

/*
 * Intents wake nobody: there is nothing to look at yet. Only the first frame
 * of a writer does, so that the reader begins to watch over its life.
 */
static bool wants_bell(const struct dfsr_journal_record *rec)
{
	return rec->counter == 1 || rec->kind == DFSR_JOURNAL_OUTCOME ||
	       rec->kind == DFSR_JOURNAL_FLUSH;
}

/*
 * Sign a record as ours. False if this process cannot: it has no slot, the
 * journal is of another boot, or the intent was another process's.
 */
static bool writer_sign(struct dfsr_journal_writer *w,
			struct dfsr_journal_record *rec)
{
	if (w->slot == NULL || !w->have_boot ||
	    !journal_control_boot_is(w->page, w->boot)) {
		rec->intent = 0;
		return false;
	}
	if (rec->kind != DFSR_JOURNAL_INTENT &&
	    (rec->intent == 0 || rec->slot != w->slot_number ||
	     rec->incarnation != w->incarnation)) {
		return false;
	}
	rec->slot = w->slot_number;
	rec->incarnation = w->incarnation;
	rec->pid = w->pid;
	rec->counter = ++w->counter;
	rec->time_nsec = clock_nsec(CLOCK_REALTIME);
	if (rec->kind == DFSR_JOURNAL_INTENT) {
		rec->intent = rec->counter;
	}
	atomic_store_explicit(&w->slot->counter, w->counter,
			      memory_order_relaxed);
	return true;
}

void dfsr_journal_writer_append(struct dfsr_journal_writer *w,
				struct dfsr_journal_record *rec)
{
	int saved = errno;

	if (atomic_load_explicit(w->canary, memory_order_relaxed) == 0) {
		writer_after_fork(w);
	}
	if (w->page == NULL) {
		rec->intent = 0;
		return;
	}
	if (!writer_sign(w, rec) ||
	    !writer_put(w, dfsr_journal_frame_encode(rec, w->buf))) {
		journal_control_overflow(w->page);
	} else if (wants_bell(rec)) {
		journal_control_ring(w->page);
	}
	errno = saved;
}
