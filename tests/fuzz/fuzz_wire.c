/*
   Samba DFS Replication
   Fuzz target: the messages between members

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

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dfsr_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * The first byte selects the message, 0xff the frames. What is accepted is
 * pushed and pulled again: the second time nothing may change any more.
 */

#define FUZZ(name)                                                      \
	static int fuzz_##name(TALLOC_CTX *mem_ctx, const uint8_t *data, \
			       size_t len, struct dfsr_push *out)       \
	{                                                               \
		struct dfsr_msg_##name m;                               \
		int err;                                                \
							\
		err = dfsr_msg_##name##_pull(mem_ctx, data, len, &m);   \
		if (err == 0) {                                         \
			dfsr_msg_##name##_push(out, &m);                \
		}                                                       \
		return err;                                             \
	}
FUZZ(error)
FUZZ(hello)
FUZZ(session)
FUZZ(session_reply)
FUZZ(poll)
FUZZ(poll_reply)
FUZZ(updates)
FUZZ(updates_reply)
FUZZ(cancel)
FUZZ(open)
FUZZ(open_reply)
FUZZ(read)
FUZZ(read_reply)
FUZZ(close)
FUZZ(config)
FUZZ(document)
FUZZ(join)

typedef int (*fuzz_fn)(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		       struct dfsr_push *out);

static const fuzz_fn messages[] = {
	fuzz_error,
	fuzz_hello,
	fuzz_session,
	fuzz_session_reply,
	fuzz_poll,
	fuzz_poll_reply,
	fuzz_updates,
	fuzz_updates_reply,
	fuzz_cancel,
	fuzz_open,
	fuzz_open_reply,
	fuzz_read,
	fuzz_read_reply,
	fuzz_close,
	fuzz_config,
	fuzz_document,
	fuzz_join,
};

static void fuzz_frames(const uint8_t *data, size_t size)
{
	struct dfsr_frame frame = {};
	size_t needed = 0, i;
	volatile uint8_t sum = 0;

	while (dfsr_frame_parse(data, size, DFSR_FRAME_MAX, &frame,
				&needed) == 0) {
		if (needed > size || needed == 0) {
			abort();
		}
		for (i = 0; i < frame.body_len; i++) {
			sum ^= frame.body[i];
		}
		data += needed;
		size -= needed;
	}
}

static void fuzz_message(fuzz_fn repack, const uint8_t *data, size_t size)
{
	TALLOC_CTX *tmp = talloc_new(NULL);
	struct dfsr_push once, twice;

	dfsr_push_init(&once, tmp);
	dfsr_push_init(&twice, tmp);
	if (repack(tmp, data, size, &once) == 0) {
		if (once.err != 0 ||
		    repack(tmp, once.data, once.len, &twice) != 0 ||
		    twice.len != once.len ||
		    memcmp(once.data, twice.data, once.len) != 0) {
			abort();
		}
	}
	talloc_free(tmp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	if (data[0] == 0xff) {
		fuzz_frames(data + 1, size - 1);
	} else if (data[0] < sizeof(messages) / sizeof(messages[0])) {
		fuzz_message(messages[data[0]], data + 1, size - 1);
	}
	return 0;
}
