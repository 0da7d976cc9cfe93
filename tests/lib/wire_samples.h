/*
   Samba DFS Replication
   Random messages, and pulling and pushing any of them

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

#ifndef __TESTS_WIRE_SAMPLES_H__
#define __TESTS_WIRE_SAMPLES_H__

#include "dfsr_wire.h"
#include "types_samples.h"

/** One row per message of dfsr_wire.h, in its order. */
struct wire_sample {
	const char *name;
	/** Push a random message. */
	void (*fill)(struct samples *s, TALLOC_CTX *mem_ctx,
		     struct dfsr_push *p);
	/** Pull it and push it again. */
	samples_repack_fn repack;
};

#define WIRE_SAMPLES 17
extern const struct wire_sample wire_samples[WIRE_SAMPLES];

#endif /* __TESTS_WIRE_SAMPLES_H__ */
