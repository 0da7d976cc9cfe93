/*
   Samba DFS Replication
   Fuzz target: frames, segment headers and lists of open intents

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

#include <stdlib.h>
#include <string.h>
#include "../../libdfsr/journal/journal_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/*
 * Whatever decodes must encode to the same bytes again: there is one way to
 * write a record, so that a checksum over it means something.
 */
static void check_frame(const uint8_t *data, size_t len)
{
	uint8_t again[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record rec;
	size_t used = 0;

	if (dfsr_journal_frame_decode(data, len, &rec, &used) != 0) {
		return;
	}
	if (used > len || dfsr_journal_frame_encode(&rec, again) != used ||
	    memcmp(again, data, used) != 0) {
		abort();
	}
}

/* As above for a frame whose checksums the fuzzer need not guess. */
static void check_record(const uint8_t *data, size_t len)
{
	uint8_t buf[DFSR_JOURNAL_FRAME_MAX];
	struct dfsr_journal_record rec;

	if (len < sizeof(rec)) {
		return;
	}
	memcpy(&rec, data, sizeof(rec));
	rec.hint = false;
	check_frame(buf, dfsr_journal_frame_encode(&rec, buf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct journal_segment_header segment;
	struct journal_open_header open;
	uint32_t incarnation = 0;
	uint16_t slot = 0;

	check_frame(data, len);
	check_record(data, len);
	journal_frame_writer(data, len, &slot, &incarnation);
	journal_segment_decode(data, len, &segment);
	journal_open_decode(data, len, &open);
	return 0;
}
