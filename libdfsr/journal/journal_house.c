/*
   Samba DFS Replication
   The change log: rotation, folder table, overflow mark

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
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "journal_control_folders.h"
#include "journal_reader.h"

int dfsr_journal_reader_seal(struct dfsr_journal_reader *r, size_t max_size)
{
	struct journal_segment_header h;
	uint64_t n = atomic_load(&r->page->segment);
	struct stat st;
	int fd = -1;
	int ret = journal_segment_open(r->dirfd, n, &fd, &h);

	if (ret == 0) {
		ret = fstat(fd, &st) == -1 ? errno : 0;
		close(fd);
	}
	if (ret != 0) {
		return ret;
	}
	if (max_size != 0 && (uint64_t)st.st_size <= max_size) {
		return 0;
	}
	ret = journal_segment_create(r->dirfd, r->boot, n + 1);
	if (ret == 0) {
		atomic_store(&r->page->segment, n + 1);
	}
	return ret;
}

int dfsr_journal_reader_free_consumed(
	struct dfsr_journal_reader *r,
	const struct dfsr_journal_cursor *cursor)
{
	uint64_t lowest = 0;
	uint64_t highest = 0;
	uint64_t bytes = 0;
	uint64_t end = cursor->segment;
	uint64_t n = 0;
	int ret = 0;

	ret = journal_segment_range(r->dirfd, &lowest, &highest, &bytes);
	if (ret != 0) {
		return ret == ENOENT ? 0 : ret;
	}
	end = end < r->segment ? end : r->segment;
	for (n = lowest; n < end && ret == 0; n++) {
		ret = journal_segment_remove(r->dirfd, n);
	}
	return ret;
}

uint64_t dfsr_journal_reader_size(struct dfsr_journal_reader *r)
{
	uint64_t lowest = 0;
	uint64_t highest = 0;
	uint64_t bytes = 0;

	journal_segment_range(r->dirfd, &lowest, &highest, &bytes);
	return bytes;
}

int dfsr_journal_reader_sync(struct dfsr_journal_reader *r)
{
	if (fsync(r->fd) == -1 || fsync(r->control_fd) == -1 ||
	    fsync(r->dirfd) == -1) {
		return errno;
	}
	return 0;
}

int dfsr_journal_publish_folders(struct dfsr_journal_reader *r,
				 struct dfsr_journal_folders *table)
{
	uint64_t generation = atomic_load(&r->page->generation) + 1;
	char *text = NULL;
	size_t len = 0;
	int fd = -1;
	int ret = 0;

	table->generation = generation;
	ret = journal_folders_format(table, &text, &len);
	if (ret != 0) {
		return ret;
	}
	fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = fd == -1 ? errno
		       : journal_file_replace(fd, "folders", text, len, true);
	if (fd != -1) {
		close(fd);
	}
	free(text);
	if (ret == 0) {
		atomic_store(&r->page->generation, generation);
	}
	return ret;
}

bool dfsr_journal_quiesced(struct dfsr_journal_reader *r,
			   uint64_t generation)
{
	uint16_t i = 0;

	atomic_thread_fence(memory_order_seq_cst);
	for (i = 0; i < DFSR_JOURNAL_SLOTS_MAX; i++) {
		const struct journal_slot *s = &r->page->slots[i];

		if (atomic_load(&s->active) != 0 &&
		    atomic_load(&s->acked) < generation &&
		    journal_control_locked(r->control_fd,
					   JOURNAL_LOCK_SLOT + i)) {
			return false;
		}
	}
	return true;
}

uint64_t dfsr_journal_overflow(struct dfsr_journal_reader *r)
{
	uint64_t number = atomic_load(&r->page->overflow);

	return number != atomic_load(&r->page->overflow_seen) ? number : 0;
}

uint64_t dfsr_journal_passing(struct dfsr_journal_reader *r)
{
	return atomic_load(&r->page->passing);
}

void dfsr_journal_overflow_clear(struct dfsr_journal_reader *r,
				 uint64_t number)
{
	atomic_store(&r->page->overflow_seen, number);
}
