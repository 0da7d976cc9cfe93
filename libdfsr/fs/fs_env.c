/*
   Samba DFS Replication
   Time, randomness and the boot id

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
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include "fs_private.h"

/** Seconds from 1601-01-01 to 1970-01-01. */
#define FS_EPOCH_SEC 11644473600ULL

static uint64_t env_now(void *private_data)
{
	struct timespec ts = {0};

	(void)private_data;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ((uint64_t)ts.tv_sec + FS_EPOCH_SEC) * 10000000ULL +
	       (uint64_t)ts.tv_nsec / 100;
}

/* Numbers that are not random would be given out twice: better to stop. */
static void env_random(void *private_data, void *buf, size_t len)
{
	uint8_t *p = buf;

	(void)private_data;
	while (len > 0) {
		ssize_t got = getrandom(p, len, 0);

		if (got == -1 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			abort();
		}
		p += got;
		len -= (size_t)got;
	}
}

static const struct dfsr_env fs_env = {
	.now = env_now,
	.random = env_random,
};

const struct dfsr_env *dfsr_fs_env(void)
{
	return &fs_env;
}
