/*
   Samba DFS Replication
   A configuration in a temporary folder, for tests

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
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "config_fixture.h"

static uint64_t fixture_now(void *private_data)
{
	struct config_fixture *f = private_data;

	return f->now;
}

/** Not random, but never the same twice. */
static void fixture_random(void *private_data, void *buf, size_t len)
{
	struct config_fixture *f = private_data;
	uint8_t *out = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		f->seed = f->seed * 6364136223846793005ULL +
			  1442695040888963407ULL;
		out[i] = (uint8_t)(f->seed >> 56);
	}
}

void config_fixture_start(struct config_fixture *f)
{
	int err;

	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/dfsr-config-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->mem_ctx = talloc_new(NULL);
	f->now = 133000000000000000ULL;
	f->seed = 1;
	f->env.now = fixture_now;
	f->env.random = fixture_random;
	f->env.private_data = f;
	err = dfsr_configdb_open(f->mem_ctx, NULL, f->dir, &f->db, &f->why);
	assert_int_equal(err, 0);
	f->ch.db = f->db;
	f->ch.mem_ctx = f->mem_ctx;
	f->ch.why = &f->why;
	f->ch.env = &f->env;
}

void config_fixture_key(const char *name, uint8_t key[32])
{
	memset(key, 0x5a, 32);
	snprintf((char *)key, 32, "%s", name);
}

void config_fixture_init(struct config_fixture *f)
{
	uint8_t key[32];

	config_fixture_start(f);
	config_fixture_key("fs01", key);
	CONFIG_DONE(f, dfsr_config_node_init(&f->ch, "fs01", "fs01.example",
					     5722, key));
}

void config_fixture_admit(struct config_fixture *f, const char *name)
{
	struct dfsr_guid guid = dfsr_guid_random(&f->env);
	uint8_t secret[32];
	uint8_t key[32];

	config_fixture_key(name, key);
	CONFIG_DONE(f, dfsr_config_invite(&f->ch, secret));
	CONFIG_DONE(f, dfsr_config_admit(&f->ch, secret, &guid, name,
					 "192.0.2.7", 5722, key));
}

void config_fixture_end(struct config_fixture *f)
{
	char path[128];

	TALLOC_FREE(f->why);
	TALLOC_FREE(f->db);
	assert_int_equal(talloc_total_blocks(f->mem_ctx), 1);
	TALLOC_FREE(f->mem_ctx);
	snprintf(path, sizeof(path), "%s/config.ldb", f->dir);
	unlink(path);
	assert_int_equal(rmdir(f->dir), 0);
}

struct dfsr_config *config_fixture_load(struct config_fixture *f)
{
	struct dfsr_config *c = NULL;
	int err = dfsr_configdb_load(f->db, f->mem_ctx, &c, &f->why);

	config_fixture_done(f, err, "load", __FILE__, __LINE__);
	assert_non_null(c);
	return c;
}

char *config_fixture_export(struct config_fixture *f)
{
	char *ldif = NULL;
	uint64_t epoch = 0;

	assert_int_equal(
		dfsr_configdb_export(f->db, f->mem_ctx, &epoch, &ldif), 0);
	assert_non_null(ldif);
	return ldif;
}

void config_fixture_refused(struct config_fixture *f, int wanted,
			    const char *words, int err, char *before,
			    const char *call, const char *file, int line)
{
	char *after = config_fixture_export(f);

	if (err != wanted) {
		print_error("%s:%d: %s: %d (%s), not %d\n", file, line, call,
			    err, f->why != NULL ? f->why : "no line", wanted);
	}
	assert_int_equal(err, wanted);
	assert_non_null(f->why);
	if (strstr(f->why, words) == NULL || strchr(f->why, '\n') != NULL) {
		print_error("%s:%d: \"%s\" does not say \"%s\" in a line\n",
			    file, line, f->why, words);
		fail();
	}
	assert_string_equal(before, after);
	talloc_free(before);
	talloc_free(after);
	TALLOC_FREE(f->why);
}

void config_fixture_done(struct config_fixture *f, int err, const char *call,
			 const char *file, int line)
{
	if (err != 0) {
		print_error("%s:%d: %s: %d (%s)\n", file, line, call, err,
			    f->why != NULL ? f->why : "no line");
	}
	assert_int_equal(err, 0);
	TALLOC_FREE(f->why);
}
