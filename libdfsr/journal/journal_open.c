/*
   Samba DFS Replication
   The change log: the list of open intents at the border of segments

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

int journal_intents_save(const struct journal_intents *t, int dirfd,
			 uint64_t segment)
{
	struct journal_open_header h = {.segment = segment};
	char name[JOURNAL_NAME_LEN];
	const struct journal_intent *e = NULL;
	uint8_t *buf = NULL;
	size_t len = JOURNAL_OPEN_HEADER;
	int ret = 0;

	while ((e = journal_intents_walk(t, e)) != NULL) {
		len += e->len;
	}
	buf = talloc_array(t, uint8_t, len);
	if (buf == NULL) {
		return ENOMEM;
	}
	len = JOURNAL_OPEN_HEADER;
	while ((e = journal_intents_walk(t, e)) != NULL) {
		memcpy(buf + len, e->frame, e->len);
		len += e->len;
		h.count++;
	}
	h.sum = journal_checksum(0, buf + JOURNAL_OPEN_HEADER,
				 len - JOURNAL_OPEN_HEADER);
	journal_open_encode(&h, buf);
	journal_name(name, "open", segment);
	ret = journal_file_replace(dirfd, name, buf, len, false);
	talloc_free(buf);
	return ret;
}

int journal_intents_load(struct journal_intents *t, int dirfd,
			 uint64_t segment)
{
	struct journal_open_header h;
	struct dfsr_journal_record rec;
	char name[JOURNAL_NAME_LEN];
	uint8_t *data = NULL;
	size_t len = 0;
	size_t ofs = JOURNAL_OPEN_HEADER;
	size_t used = 0;
	uint32_t i = 0;
	int ret = 0;

	journal_name(name, "open", segment);
	ret = journal_file_read(t, dirfd, name,
				JOURNAL_OPEN_HEADER +
					(size_t)DFSR_JOURNAL_OPEN_MAX *
						DFSR_JOURNAL_FRAME_MAX,
				&data, &len);
	if (ret != 0) {
		return ret;
	}
	ret = journal_open_decode(data, len, &h);
	if (ret == 0 && (h.segment != segment ||
			 h.sum != journal_checksum(0, data + ofs,
						   len - ofs))) {
		ret = EBADMSG;
	}
	for (i = 0; ret == 0 && i < h.count; i++) {
		ret = dfsr_journal_frame_decode(data + ofs, len - ofs, &rec,
						&used);
		ofs += used;
		if (ret == 0) {
			ret = journal_intents_add(t, &rec);
		}
	}
	talloc_free(data);
	return ret == EAGAIN || ret == EEXIST ? EBADMSG : ret;
}

void journal_intents_watch_all(const struct journal_intents *t,
			       struct journal_writers *writers)
{
	const struct journal_intent *e = NULL;
	struct dfsr_journal_record rec;

	while ((e = journal_intents_walk(t, e)) != NULL) {
		if (journal_intent_record(e, &rec) == 0) {
			journal_writers_watch(writers, e->slot,
					      e->incarnation, rec.pid);
		}
	}
}
