/*
   Samba DFS Replication
   SHA-256 over content, reading around holes

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
#include <stdatomic.h>
#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fs_private.h"

/** Files up to this size are read at once into the stack. */
#define HASH_SMALL (32 * 1024)
#define HASH_BUF (1024 * 1024)
/** How often a long read asks whether it is still worth it. */
#define HASH_CHECK (64 * 1024 * 1024)

struct dfsr_hasher {
	gnutls_hash_hd_t hd;
};

static int hasher_destructor(struct dfsr_hasher *h)
{
	if (h->hd != NULL) {
		gnutls_hash_deinit(h->hd, NULL);
		h->hd = NULL;
	}
	return 0;
}

int dfsr_hasher_new(TALLOC_CTX *mem_ctx, struct dfsr_hasher **_h)
{
	struct dfsr_hasher *h = NULL;
	int ret;

	h = talloc_zero(mem_ctx, struct dfsr_hasher);
	if (h == NULL) {
		return ENOMEM;
	}
	ret = gnutls_hash_init(&h->hd, GNUTLS_DIG_SHA256);
	if (ret < 0) {
		h->hd = NULL;
		TALLOC_FREE(h);
		return ret == GNUTLS_E_MEMORY_ERROR ? ENOMEM : EIO;
	}
	talloc_set_destructor(h, hasher_destructor);
	*_h = h;
	return 0;
}

int dfsr_hasher_update(struct dfsr_hasher *h, const void *data, size_t len)
{
	if (len == 0) {
		return 0;
	}
	return gnutls_hash(h->hd, data, len) < 0 ? EIO : 0;
}

int dfsr_hasher_zeroes(struct dfsr_hasher *h, uint64_t len)
{
	static const uint8_t zeroes[64 * 1024];

	while (len > 0) {
		size_t n = len < sizeof(zeroes) ? (size_t)len : sizeof(zeroes);
		int ret = dfsr_hasher_update(h, zeroes, n);

		if (ret != 0) {
			return ret;
		}
		len -= n;
	}
	return 0;
}

void dfsr_hasher_final(struct dfsr_hasher *h, uint8_t hash[DFSR_HASH_LEN])
{
	gnutls_hash_output(h->hd, hash);
}

int dfsr_fs_hash_bytes(const void *data, size_t len,
		       uint8_t hash[DFSR_HASH_LEN])
{
	return gnutls_hash_fast(GNUTLS_DIG_SHA256, data, len, hash) < 0 ? EIO
									: 0;
}

static atomic_bool fs_cancelled;

void dfsr_fs_cancel(bool cancel)
{
	atomic_store(&fs_cancelled, cancel);
}

static ssize_t pread_retry(int fd, void *buf, size_t len, uint64_t ofs)
{
	ssize_t got;

	do {
		got = pread(fd, buf, len, (off_t)ofs);
	} while (got == -1 && errno == EINTR);
	return got;
}

/* One run of data. *ofs is where it stopped: early at the end of file. */
static int hash_run(struct dfsr_hasher *h, int fd, uint8_t *buf, uint64_t *ofs,
		    uint64_t end, const struct dfsr_stamp *expect)
{
	uint64_t checked = *ofs;
	int ret;

	while (*ofs < end) {
		size_t want = HASH_BUF;
		struct dfsr_stamp now;
		ssize_t got;

		if (atomic_load(&fs_cancelled)) {
			return ECANCELED;
		}
		if (want > end - *ofs) {
			want = (size_t)(end - *ofs);
		}
		got = pread_retry(fd, buf, want, *ofs);
		if (got == -1) {
			return errno;
		}
		if (got == 0) {
			return 0;
		}
		ret = dfsr_hasher_update(h, buf, (size_t)got);
		if (ret != 0) {
			return ret;
		}
		*ofs += (uint64_t)got;
		if (expect == NULL || *ofs - checked < HASH_CHECK) {
			continue;
		}
		checked = *ofs;
		ret = dfsr_fs_stamp(fd, &now);
		if (ret != 0) {
			return ret;
		}
		if (!dfsr_stamp_equal(expect, &now)) {
			return EAGAIN;
		}
	}
	return 0;
}

/* From a hole at ofs to the next data, or to the end. */
static int next_data(int fd, uint64_t ofs, uint64_t size, uint64_t *data,
		     uint64_t *hole)
{
	off_t pos = lseek(fd, (off_t)ofs, SEEK_DATA);

	if (pos == -1) {
		if (errno == ENXIO) {
			*data = *hole = size;
			return 0;
		}
		if (errno != EINVAL) {
			return errno;
		}
		*data = ofs; /* no such thing here: all is data */
		*hole = size;
		return 0;
	}
	*data = (uint64_t)pos < size ? (uint64_t)pos : size;
	pos = lseek(fd, pos, SEEK_HOLE);
	*hole = pos == -1 || (uint64_t)pos > size ? size : (uint64_t)pos;
	return 0;
}

static int hash_large(struct dfsr_hasher *h, int fd, uint8_t *buf,
		      uint64_t size, const struct dfsr_stamp *expect)
{
	uint64_t ofs = 0;

	while (ofs < size) {
		uint64_t data = 0, hole = 0;
		int ret;

		ret = next_data(fd, ofs, size, &data, &hole);
		if (ret != 0) {
			return ret;
		}
		ret = dfsr_hasher_zeroes(h, data - ofs);
		if (ret != 0) {
			return ret;
		}
		ofs = data;
		ret = hash_run(h, fd, buf, &ofs, hole, expect);
		if (ret != 0) {
			return ret;
		}
		if (ofs < hole) {
			return EAGAIN; /* shorter than a moment ago */
		}
	}
	return 0;
}

int fs_hash_file(int fd, const struct dfsr_stamp *expect, uint64_t *size,
		 uint8_t hash[DFSR_HASH_LEN])
{
	struct dfsr_hasher *h = NULL;
	struct dfsr_stamp stamp;
	uint8_t small[HASH_SMALL];
	void *buf = NULL;
	ssize_t got;
	int ret;

	ret = dfsr_fs_stamp(fd, &stamp);
	if (ret != 0) {
		return ret;
	}
	*size = stamp.size;
	if (stamp.size < sizeof(small)) {
		got = pread_retry(fd, small, sizeof(small), 0);
		if (got == -1) {
			return errno;
		}
		if ((uint64_t)got != stamp.size) {
			return EAGAIN;
		}
		return dfsr_fs_hash_bytes(small, (size_t)got, hash);
	}
	if (posix_memalign(&buf, 4096, HASH_BUF) != 0) {
		return ENOMEM;
	}
	ret = dfsr_hasher_new(NULL, &h);
	if (ret == 0) {
		ret = hash_large(h, fd, buf, stamp.size, expect);
	}
	if (ret == 0) {
		dfsr_hasher_final(h, hash);
	}
	TALLOC_FREE(h);
	free(buf);
	return ret;
}

int dfsr_fs_hash_fd(int fd, uint64_t *size, uint8_t hash[DFSR_HASH_LEN])
{
	return fs_hash_file(fd, NULL, size, hash);
}
