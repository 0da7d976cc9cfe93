/*
   Samba DFS Replication
   A store in a temporary directory, for tests
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

#ifndef __TESTS_STORE_FIXTURE_H__
#define __TESTS_STORE_FIXTURE_H__

#include <limits.h>
#include <tevent.h>

#include "dfsr_store.h"
#include "types_samples.h"

struct store_fixture {
	TALLOC_CTX *mem_ctx;
	struct tevent_context *ev;
	struct dfsr_store *store;
	struct dfsr_guid folder;
	char base[PATH_MAX]; /* removed at the end */
	char dir[PATH_MAX];
	struct samples samples;
	struct dfsr_env env;
	struct samples env_random;
};

/** cmocka setup and teardown with an open store as *state. */
int store_fixture_setup(void **state);
int store_fixture_teardown(void **state);

void store_fixture_open(struct store_fixture *f);
void store_fixture_close(struct store_fixture *f);
void store_fixture_reopen(struct store_fixture *f);

/** Make and remove a temporary directory. */
void store_fixture_mkdtemp(char *base, size_t size);
void store_fixture_rmtree(const char *dir);

/** Run a unit in place; the test fails unless it returns want. */
void store_fixture_unit(struct store_fixture *f, dfsr_store_unit_fn fn,
			void *private_data, int want);
/** Store one row in a unit of its own. */
void store_fixture_put(struct store_fixture *f, const struct dfsr_row *row);

/** A live file in a directory, with a fresh UID, version and identity. */
void store_fixture_row(struct store_fixture *f, const struct dfsr_id *parent,
		       const char *name, struct dfsr_row *row);
/** The same as a directory. */
void store_fixture_dir(struct store_fixture *f, const struct dfsr_id *parent,
		       const char *name, struct dfsr_row *row);
/** Give a row the next version. */
void store_fixture_touch(struct store_fixture *f, struct dfsr_row *row);
/** Make it a tombstone of the next version. */
void store_fixture_kill(struct store_fixture *f, struct dfsr_row *row);
/** Make a directory the alias of another one. */
void store_fixture_merge(struct store_fixture *f, struct dfsr_row *row,
			 const struct dfsr_id *winner);

/** Flip a bit of a value through LMDB itself; the store must be closed. */
void store_fixture_damage(struct store_fixture *f, const char *table,
			  const void *key, size_t keylen, size_t ofs);

/**
 * Every row is reached by all of its orders and every entry leads to a row
 * that has it; the counts agree. Fails the test otherwise.
 */
void store_fixture_check(struct store_fixture *f);

#endif /* __TESTS_STORE_FIXTURE_H__ */
