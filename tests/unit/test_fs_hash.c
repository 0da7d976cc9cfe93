/*
   Samba DFS Replication
   Content hashes: holes are zeroes, all sizes agree

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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "fs_lab.h"

static const uint8_t empty_hash[DFSR_HASH_LEN] = {
	0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4,
	0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b,
	0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
};

static const uint8_t abc_hash[DFSR_HASH_LEN] = {
	0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
	0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
	0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
};

static uint64_t hash_path(const char *relpath, uint8_t hash[DFSR_HASH_LEN])
{
	uint64_t size;
	int fd = open(fs_lab_path(relpath), O_RDONLY);

	assert_int_not_equal(fd, -1);
	assert_int_equal(dfsr_fs_hash_fd(fd, &size, hash), 0);
	close(fd);
	return size;
}

static void test_known(void **state)
{
	uint8_t hash[DFSR_HASH_LEN];
	struct dfsr_hasher *h = NULL;

	(void)state;
	fs_lab_put_text("empty", "");
	assert_int_equal(hash_path("empty", hash), 0);
	assert_memory_equal(hash, empty_hash, DFSR_HASH_LEN);
	fs_lab_put_text("abc", "abc");
	assert_int_equal(hash_path("abc", hash), 3);
	assert_memory_equal(hash, abc_hash, DFSR_HASH_LEN);
	assert_int_equal(dfsr_fs_hash_bytes("abc", 3, hash), 0);
	assert_memory_equal(hash, abc_hash, DFSR_HASH_LEN);
	assert_int_equal(dfsr_hasher_new(fs_lab.top, &h), 0);
	assert_int_equal(dfsr_hasher_update(h, "a", 1), 0);
	assert_int_equal(dfsr_hasher_update(h, NULL, 0), 0);
	assert_int_equal(dfsr_hasher_update(h, "bc", 2), 0);
	dfsr_hasher_final(h, hash);
	assert_memory_equal(hash, abc_hash, DFSR_HASH_LEN);
	TALLOC_FREE(h);
}

/* Around every border of the buffers, and with and without holes. */
static void test_sizes(void **state)
{
	static const size_t sizes[] = {
		1,	 4095,	  4096,	   32767,	32768, 32769,
		1048575, 1048576, 1048577, 3 * 1048576 + 17,
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t a[DFSR_HASH_LEN], b[DFSR_HASH_LEN];
		uint8_t *data = talloc_array(fs_lab.top, uint8_t, sizes[i]);
		size_t j;

		for (j = 0; j < sizes[i]; j++) {
			data[j] = (uint8_t)(j * 131 + i);
		}
		fs_lab_put("f", data, sizes[i]);
		assert_int_equal(hash_path("f", a), sizes[i]);
		assert_int_equal(dfsr_fs_hash_bytes(data, sizes[i], b), 0);
		assert_memory_equal(a, b, DFSR_HASH_LEN);
		TALLOC_FREE(data);
	}
}

static void test_sparse(void **state)
{
	const off_t size = 40 * 1048576 + 5;
	uint8_t a[DFSR_HASH_LEN], b[DFSR_HASH_LEN];
	struct dfsr_hasher *h = NULL;
	char *zero = talloc_zero_array(fs_lab.top, char, 8192);
	int fd;

	(void)state;
	fd = open(fs_lab_path("s"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(pwrite(fd, "head", 4, 0), 4);
	assert_int_equal(pwrite(fd, "middle", 6, 20 * 1048576 - 3), 6);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
	assert_int_equal(hash_path("s", a), size);
	assert_int_equal(dfsr_hasher_new(fs_lab.top, &h), 0);
	assert_int_equal(dfsr_hasher_update(h, "head", 4), 0);
	assert_int_equal(dfsr_hasher_zeroes(h, 20 * 1048576 - 3 - 4), 0);
	assert_int_equal(dfsr_hasher_update(h, "middle", 6), 0);
	assert_int_equal(dfsr_hasher_zeroes(h, size - 20 * 1048576 - 3 -
						       8192),
			 0);
	assert_int_equal(dfsr_hasher_update(h, zero, 8192), 0);
	dfsr_hasher_final(h, b);
	assert_memory_equal(a, b, DFSR_HASH_LEN);
	TALLOC_FREE(h);
	/* nothing but a hole */
	assert_int_equal(truncate(fs_lab_path("s"), 0), 0);
	assert_int_equal(truncate(fs_lab_path("s"), 100000), 0);
	hash_path("s", a);
	assert_int_equal(dfsr_hasher_new(fs_lab.top, &h), 0);
	assert_int_equal(dfsr_hasher_zeroes(h, 100000), 0);
	dfsr_hasher_final(h, b);
	assert_memory_equal(a, b, DFSR_HASH_LEN);
	TALLOC_FREE(h);
}

static void test_errors(void **state)
{
	uint8_t hash[DFSR_HASH_LEN];
	uint64_t size;
	int fd;

	(void)state;
	fs_lab_put_text("f", "x");
	fd = open(fs_lab_path("f"), O_WRONLY);
	assert_int_equal(dfsr_fs_hash_fd(fd, &size, hash), EBADF);
	close(fd);
	assert_int_equal(dfsr_fs_hash_fd(-1, &size, hash), EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		fs_lab_test(test_known),
		fs_lab_test(test_sizes),
		fs_lab_test(test_sparse),
		fs_lab_test(test_errors),
	};

	return fs_lab_run_tests(tests);
}
