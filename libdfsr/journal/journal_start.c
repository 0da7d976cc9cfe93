/*
   Samba DFS Replication
   The change log: opening the reader, and its cursor

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
#include <sys/stat.h>
#include <unistd.h>
#include "journal_reader.h"

static int reader_destructor(struct dfsr_journal_reader *r)
{
	TALLOC_FREE(r->wake);
	TALLOC_FREE(r->writers);
	if (r->fd != -1) {
		close(r->fd);
	}
	if (r->epoll_fd != -1) {
		close(r->epoll_fd);
	}
	journal_control_unmap(r->control_fd, r->page);
	if (r->dirfd != -1) {
		close(r->dirfd);
	}
	return 0;
}

/* ---- opening ------------------------------------------------------------ */

static int make_dirs(struct dfsr_journal_reader *r)
{
	int fd = -1;
	int ret = 0;

	if (mkdir(r->dir, 0700) == -1 && errno != EEXIST) {
		return errno;
	}
	fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1) {
		return errno;
	}
	if (mkdirat(fd, "journal", 0700) == -1 && errno != EEXIST) {
		ret = errno;
	} else {
		r->dirfd = openat(fd, "journal", O_RDONLY | O_DIRECTORY |
				  O_CLOEXEC | O_NOFOLLOW);
		ret = r->dirfd == -1 ? errno : 0;
	}
	close(fd);
	return ret;
}

/*
 * A segment of our own, whose intents are none at its start, and the page
 * says so. The boot is stored last: until then writers append nothing.
 */
static int reader_first_segment(struct dfsr_journal_reader *r)
{
	uint64_t lowest = 0;
	uint64_t highest = 0;
	uint64_t bytes = 0;
	uint64_t n = atomic_load(&r->page->segment);
	int ret = 0;

	ret = journal_segment_range(r->dirfd, &lowest, &highest, &bytes);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	n = (highest > n ? highest : n) + 1;
	ret = journal_segment_create(r->dirfd, r->boot, n);
	if (ret == 0) {
		ret = journal_intents_save(r->intents, r->dirfd, n);
	}
	if (ret == 0) {
		atomic_store(&r->page->segment, n);
		journal_control_set_boot(r->page, r->boot);
	}
	return ret;
}

static int reader_control(struct dfsr_journal_reader *r, unsigned *found)
{
	int ret = journal_control_map(r->dirfd, &r->control_fd, &r->page);

	if (ret == ENOENT || ret == EBADMSG) {
		ret = journal_control_create(r->dirfd, r->boot,
					     &r->control_fd, &r->page);
		*found |= DFSR_JOURNAL_FOUND_NEW;
	}
	if (ret != 0) {
		return ret;
	}
	ret = journal_control_lock(r->control_fd, JOURNAL_LOCK_READER);
	if (ret != 0) {
		return ret == EAGAIN ? EBUSY : ret;
	}
	if (*found != 0 || !journal_control_boot_is(r->page, r->boot)) {
		*found |= DFSR_JOURNAL_FOUND_NEW_BOOT;
		return reader_first_segment(r);
	}
	return 0;
}

/* Go to the start of segment n; ENOENT or EBADMSG if it cannot be read. */
int journal_reader_goto(struct dfsr_journal_reader *r, uint64_t n)
{
	struct journal_segment_header h;
	int fd = -1;
	int ret = journal_segment_open(r->dirfd, n, &fd, &h);

	if (ret != 0) {
		return ret;
	}
	journal_wake_disarm(r->wake);
	if (r->fd != -1) {
		close(r->fd);
	}
	r->fd = fd;
	r->header = h;
	r->segment = n;
	r->offset = JOURNAL_SEGMENT_HEADER;
	r->hint = memcmp(h.boot, r->boot, sizeof(h.boot)) != 0;
	r->torn_at = 0;
	r->buf_ofs = r->offset;
	r->buf_len = 0;
	return 0;
}

/*
 * The next segment from n on that can be read. What is missing before the
 * current one was lost.
 */
int journal_reader_goto_from(struct dfsr_journal_reader *r, uint64_t n)
{
	uint64_t current = atomic_load(&r->page->segment);
	int ret = ENOENT;

	for (; n <= current; n++) {
		ret = journal_reader_goto(r, n);
		if (ret == 0) {
			return 0;
		}
		if (ret != ENOENT && ret != EBADMSG) {
			return ret;
		}
		journal_reader_miss(r);
	}
	if (n != current + 1) {
		return EBADMSG;
	}
	/* even the current one is gone: a new one, and a scan */
	ret = reader_first_segment(r);
	if (ret != 0) {
		return ret;
	}
	return journal_reader_goto(r, atomic_load(&r->page->segment));
}

/* The oldest segment, with the intents that were open when it began. */
int journal_reader_goto_oldest(struct dfsr_journal_reader *r)
{
	uint64_t lowest = 0;
	uint64_t highest = 0;
	uint64_t bytes = 0;
	int ret = journal_segment_range(r->dirfd, &lowest, &highest, &bytes);

	if (ret == ENOENT || lowest > atomic_load(&r->page->segment)) {
		lowest = atomic_load(&r->page->segment);
	} else if (ret != 0) {
		return ret;
	}
	journal_writers_reset(r->writers);
	journal_intents_clear(r->intents);
	return journal_reader_goto_from(r, lowest);
}

static int reader_parts(struct dfsr_journal_reader *r)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
	int ret = 0;

	r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (r->epoll_fd == -1) {
		return errno;
	}
	ret = journal_wake_new(r, r->page, &r->wake);
	if (ret != 0) {
		return ret;
	}
	if (epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, journal_wake_fd(r->wake),
		      &ev) == -1) {
		return errno;
	}
	return journal_writers_new(r, r->control_fd, r->page, r->epoll_fd,
				   &r->writers);
}

int dfsr_journal_reader_open(TALLOC_CTX *mem_ctx, const char *dir,
			     const uint8_t boot[16], unsigned *found,
			     struct dfsr_journal_reader **reader)
{
	struct dfsr_journal_reader *r = NULL;
	int ret = ENOMEM;

	*found = 0;
	r = talloc_zero(mem_ctx, struct dfsr_journal_reader);
	if (r == NULL) {
		return ENOMEM;
	}
	r->dirfd = -1;
	r->control_fd = -1;
	r->epoll_fd = -1;
	r->fd = -1;
	memcpy(r->boot, boot, sizeof(r->boot));
	talloc_set_destructor(r, reader_destructor);
	r->dir = talloc_strdup(r, dir);
	r->buf = talloc_array(r, uint8_t, READER_BUFFER);
	r->intents = journal_intents_new(r);
	if (r->dir == NULL || r->buf == NULL || r->intents == NULL) {
		goto fail;
	}
	ret = make_dirs(r);
	if (ret == 0) {
		ret = reader_control(r, found);
	}
	if (ret == 0) {
		ret = reader_parts(r);
	}
	if (ret == 0) {
		ret = journal_reader_goto_oldest(r);
	}
	if (ret != 0) {
		goto fail;
	}
	*reader = r;
	return 0;
fail:
	talloc_free(r);
	return ret;
}

/* ---- the cursor --------------------------------------------------------- */

int dfsr_journal_reader_fd(struct dfsr_journal_reader *r)
{
	return r->epoll_fd;
}

void dfsr_journal_reader_cursor(const struct dfsr_journal_reader *r,
				struct dfsr_journal_cursor *cursor)
{
	memcpy(cursor->boot, r->header.boot, sizeof(cursor->boot));
	cursor->segment = r->segment;
	cursor->offset = r->offset;
}

/* Read up to the cursor without telling anybody. */
static int reader_replay(struct dfsr_journal_reader *r, uint64_t offset)
{
	struct dfsr_journal_record rec;
	int ret = 0;

	r->replaying = true;
	while (ret == 0 && r->offset < offset) {
		ret = journal_reader_frame(r, &rec);
		if (ret == 0) {
			journal_reader_apply(r, &rec);
		}
	}
	r->replaying = false;
	if (ret == 0 && r->offset == offset) {
		return 0;
	}
	return ret == 0 || ret == EAGAIN ? ESTALE : ret;
}

int dfsr_journal_reader_seek(struct dfsr_journal_reader *r,
			     const struct dfsr_journal_cursor *cursor)
{
	int ret = ESTALE;

	journal_writers_reset(r->writers);
	journal_intents_clear(r->intents);
	if (memcmp(cursor->boot, r->boot, sizeof(r->boot)) != 0 ||
	    cursor->segment > atomic_load(&r->page->segment) ||
	    journal_reader_goto(r, cursor->segment) != 0) {
		goto stale;
	}
	if (journal_intents_load(r->intents, r->dirfd, cursor->segment) !=
	    0) {
		journal_reader_miss(r);
		journal_intents_clear(r->intents);
	}
	journal_intents_watch_all(r->intents, r->writers);
	ret = reader_replay(r, cursor->offset);
	if (ret == 0) {
		return 0;
	}
stale:
	if (ret == ESTALE) {
		int err = journal_reader_goto_oldest(r);

		ret = err == 0 ? ESTALE : err;
	}
	return ret;
}

bool dfsr_journal_reader_busy(const struct dfsr_journal_reader *r,
			      const struct dfsr_ident *object)
{
	return journal_intents_has(r->intents, object);
}

size_t dfsr_journal_reader_open_intents(const struct dfsr_journal_reader *r)
{
	return journal_intents_count(r->intents);
}
