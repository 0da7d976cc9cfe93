/*
   Samba DFS Replication
   The change log: the reader, as its parts share it

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

#ifndef __JOURNAL_READER_H__
#define __JOURNAL_READER_H__

#include "journal_private.h"

#define READER_BUFFER (128 * 1024)

struct dfsr_journal_reader {
	char *dir;
	int dirfd; /* <dir>/journal */
	int control_fd;
	int epoll_fd;
	struct journal_control *page;
	struct journal_wake *wake;
	struct journal_writers *writers;
	struct journal_intents *intents;
	uint8_t boot[16];
	/* where it stands */
	int fd;
	uint64_t segment;
	uint64_t offset;      /* of the next frame */
	struct journal_segment_header header;
	bool hint;	      /* the segment is of an earlier boot */
	bool replaying;	      /* on the way to a cursor: it was reported */
	uint64_t torn_at;     /* partial frame that has been reported */
	/* what is read ahead: file bytes from buf_ofs */
	uint8_t *buf;
	uint64_t buf_ofs;
	size_t buf_len;
};

/** Something was missed, unless that is known or lies in another boot. */
void journal_reader_miss(struct dfsr_journal_reader *r);
/** Go to the start of segment n. @return 0, ENOENT, EBADMSG or errno */
int journal_reader_goto(struct dfsr_journal_reader *r, uint64_t n);
/** Go to the first readable segment from n on. */
int journal_reader_goto_from(struct dfsr_journal_reader *r, uint64_t n);
/** Forget everything and stand at the oldest segment. */
int journal_reader_goto_oldest(struct dfsr_journal_reader *r);
/** The next frame of this segment: 0, EAGAIN at its end, or errno. */
int journal_reader_frame(struct dfsr_journal_reader *r,
			 struct dfsr_journal_record *rec);
/**
 * Take a frame into account and complete it.
 * @return 0, or EALREADY for one that need not be delivered
 */
int journal_reader_apply(struct dfsr_journal_reader *r,
			 struct dfsr_journal_record *rec);

#endif /* __JOURNAL_READER_H__ */
