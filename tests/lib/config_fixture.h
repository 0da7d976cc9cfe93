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

#ifndef __CONFIG_FIXTURE_H__
#define __CONFIG_FIXTURE_H__

#include "dfsr_config.h"

struct config_fixture {
	TALLOC_CTX *mem_ctx;
	char dir[64];
	struct dfsr_configdb *db;
	struct dfsr_env env;
	uint64_t now;
	uint64_t seed;
	char *why;
	struct dfsr_change ch;
};

/** An empty configuration; no identity yet. */
void config_fixture_start(struct config_fixture *f);
/** The same with the node fs01. */
void config_fixture_init(struct config_fixture *f);
/** Invite and admit another node. */
void config_fixture_admit(struct config_fixture *f, const char *name);
/** Remove the files and prove that no memory is left. */
void config_fixture_end(struct config_fixture *f);
struct dfsr_config *config_fixture_load(struct config_fixture *f);
char *config_fixture_export(struct config_fixture *f);
/** A key that belongs to a name. */
void config_fixture_key(const char *name, uint8_t key[32]);

/**
 * The change must fail with this errno and a line that contains these words,
 * and leave everything as it was.
 */
#define CONFIG_REFUSED(f, wanted, words, call)                               \
	do {                                                                 \
		char *before_ = config_fixture_export(f);                    \
		int err_ = (call);                                           \
		config_fixture_refused(f, wanted, words, err_, before_,      \
				       #call, __FILE__, __LINE__);           \
	} while (0)
void config_fixture_refused(struct config_fixture *f, int wanted,
			    const char *words, int err, char *before,
			    const char *call, const char *file, int line);
/** The change must work. */
#define CONFIG_DONE(f, call)                                                 \
	do {                                                                 \
		int err_ = (call);                                           \
		config_fixture_done(f, err_, #call, __FILE__, __LINE__);     \
	} while (0)
void config_fixture_done(struct config_fixture *f, int err, const char *call,
			 const char *file, int line);

#endif /* __CONFIG_FIXTURE_H__ */
