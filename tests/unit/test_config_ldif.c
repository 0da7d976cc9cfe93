/*
   Samba DFS Replication
   Export, import, adoption: the configuration on its way

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
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <cmocka.h>
#include "config_fixture.h"

static const struct dfsr_membership_change on_docs = {
	.content_path = "/srv/docs",
	.enabled = -1,
	.read_only = -1,
	.primary = 1,
	.preserve_deleted = -1,
	.staging_quota_mb = -1,
	.conflict_quota_mb = -1,
};

/** fs01 with a group of two members and all kinds of objects. */
static void start_active(struct config_fixture *f, struct dfsr_guid *fs02)
{
	struct dfsr_config *c;

	config_fixture_init(f);
	config_fixture_admit(f, "fs02");
	CONFIG_DONE(f, dfsr_config_group_create(
			       &f->ch, "a, group",
			       "with a description that is so long that LDIF "
			       "folds the line, and with \xc3\xa9"));
	CONFIG_DONE(f, dfsr_config_folder_create(&f->ch, "a, group", "docs",
						 NULL, "", NULL));
	CONFIG_DONE(f, dfsr_config_member_add(&f->ch, "a, group", "fs01"));
	CONFIG_DONE(f, dfsr_config_member_add(&f->ch, "a, group", "fs02"));
	CONFIG_DONE(f, dfsr_config_membership_set(&f->ch, "a, group", "docs",
						  "fs01", &on_docs));
	CONFIG_DONE(f, dfsr_config_connection_create(&f->ch, "a, group",
						     "fs01", "fs02", false, -1,
						     -1, -1));
	c = config_fixture_load(f);
	*fs02 = dfsr_config_node_by_name(c, "fs02")->guid;
	talloc_free(c);
}

static int import(struct config_fixture *f, const char *ldif)
{
	return dfsr_configdb_import(f->db, ldif, f->mem_ctx, &f->why);
}

static void test_travel(void **state)
{
	struct config_fixture a;
	struct config_fixture b;
	struct dfsr_guid fs02;
	struct dfsr_config *c;
	char *ldif;
	char *other;

	(void)state;
	start_active(&a, &fs02);
	config_fixture_start(&b);
	ldif = config_fixture_export(&a);
	CONFIG_DONE(&b, dfsr_config_adopt(&b.ch, &fs02, ldif));
	other = config_fixture_export(&b);
	assert_string_equal(ldif, other);
	c = config_fixture_load(&b);
	assert_int_equal(dfsr_guid_cmp(&c->self, &fs02), 0);
	assert_string_equal(c->groups[0].folders[0].file_filter, "");
	talloc_free(c);
	/* a follower changes nothing itself */
	CONFIG_REFUSED(&b, EROFS, "fs01",
		       dfsr_config_group_create(&b.ch, "h", NULL));
	CONFIG_REFUSED(&b, ESTALE, "epoch", import(&b, ldif));
	/* the next one comes by itself; the active node takes none */
	CONFIG_DONE(&a, dfsr_config_group_delete(&a.ch, "a, group", true));
	talloc_free(ldif);
	talloc_free(other);
	ldif = config_fixture_export(&a);
	CONFIG_REFUSED(&a, EPERM, "active", import(&a, ldif));
	CONFIG_DONE(&b, import(&b, ldif));
	other = config_fixture_export(&b);
	assert_string_equal(ldif, other);
	talloc_free(ldif);
	talloc_free(other);
	config_fixture_end(&a);
	config_fixture_end(&b);
}

/** ldif with every `from` as `to`, below the fixture's context. */
static char *replaced(struct config_fixture *f, const char *ldif,
		      const char *from, const char *to)
{
	char *out = talloc_strdup(f->mem_ctx, "");
	const char *hit;

	while ((hit = strstr(ldif, from)) != NULL) {
		out = talloc_asprintf_append(out, "%.*s%s", (int)(hit - ldif),
					     ldif, to);
		ldif = hit + strlen(from);
	}
	return talloc_strdup_append(out, ldif);
}

/** Cut at the end of a line, a text is not all there. */
static void refuse_torn(struct config_fixture *f, const char *next)
{
	size_t i;

	for (i = 0; next[i] != '\0'; i++) {
		char *torn;

		if (next[i] != '\n' || next[i + 1] == '\0' ||
		    next[i + 1] == '\n' || i % 7 != 0) {
			continue;
		}
		torn = talloc_strndup(f->mem_ctx, next, i + 1);
		assert_int_not_equal(import(f, torn), 0);
		TALLOC_FREE(f->why);
		talloc_free(torn);
	}
}

/** What is wrong with each text that is refused. */
static const struct {
	const char *from;
	const char *to;
} changes[] = {
	{"sambaDfsEpoch: ", "sambaDfsEpoch: x"},
	{"sambaDfsEpoch: ", "sambaDfsEpoch: -"},
	{"sambaDfsEpoch: ", "nothing: "},
	{"sambaDfsPort: 5722", "sambaDfsPort: 65536"},
	{"sambaDfsFingerprint:: ", "sambaDfsFingerprint:: QUFB"},
	{"sambaDfsFingerprint:: ",
	 "sambaDfsFingerprint:< file:///etc/passwd\nx:: "},
	{"msDFSR-RootPath: /srv/docs", "msDFSR-RootPath: /srv/../etc"},
	{"msDFSR-RootPath: /srv/docs", "msDFSR-RootPath: srv"},
	{"msDFSR-RootPath: /srv/docs", "x: y"},
	{"msDFSR-Enabled: TRUE", "msDFSR-Enabled: maybe"},
	{"msDFSR-StagingSizeInMb: 4096", "msDFSR-StagingSizeInMb: 9e9"},
	{"fromServer: CN=fs01", "fromServer: CN=fs03"},
	{"fromServer: CN=fs01", "fromServer: fs01"},
	{"CN=fs02,CN=Nodes", "CN=fs03,CN=Nodes"},
	{"CN=Content,", "CN=Elsewhere,"},
	{"DC=samba-dfs", "CN=DFSR-State"},
	{"dn: CN=docs,", "dn: CN=docs,CN=docs,"},
	{"dn: DC=samba-dfs\n",
	 "dn: DC=samba-dfs\nchangetype: delete\n"},
	{"dn: ", "DN"},
	{"objectClass: sambaDfsNode\n", "objectClass: top\n"},
};

static void test_import_refused(void **state)
{
	struct config_fixture a;
	struct config_fixture b;
	struct dfsr_guid fs02;
	char *first;
	char *next;
	size_t i;

	(void)state;
	start_active(&a, &fs02);
	config_fixture_start(&b);
	first = config_fixture_export(&a);
	CONFIG_DONE(&b, dfsr_config_adopt(&b.ch, &fs02, first));
	CONFIG_DONE(&a, dfsr_config_group_create(&a.ch, "more", NULL));
	next = config_fixture_export(&a);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char *bad = replaced(&b, next, changes[i].from, changes[i].to);
		char *before = config_fixture_export(&b);
		char *after;
		int err = import(&b, bad);

		if (err == 0 || b.why == NULL) {
			print_error("%s -> %s was taken\n", changes[i].from,
				    changes[i].to);
		}
		assert_int_not_equal(err, 0);
		assert_non_null(b.why);
		after = config_fixture_export(&b);
		assert_string_equal(before, after);
		TALLOC_FREE(b.why);
		talloc_free(before);
		talloc_free(after);
		talloc_free(bad);
	}
	refuse_torn(&b, next);
	CONFIG_DONE(&b, import(&b, next));
	talloc_free(first);
	talloc_free(next);
	config_fixture_end(&a);
	config_fixture_end(&b);
}

static void test_adopt_refused(void **state)
{
	struct config_fixture a;
	struct config_fixture b;
	struct dfsr_guid fs02;
	struct dfsr_guid nobody;
	struct dfsr_config *c;
	uint8_t key[32];
	char *ldif;

	(void)state;
	start_active(&a, &fs02);
	ldif = config_fixture_export(&a);
	config_fixture_start(&b);
	nobody = dfsr_guid_random(&b.env);
	CONFIG_REFUSED(&b, EBADMSG, "this node",
		       dfsr_config_adopt(&b.ch, &nobody, ldif));
	c = config_fixture_load(&a);
	CONFIG_REFUSED(&b, EBADMSG, "this node",
		       dfsr_config_adopt(&b.ch, &c->self, ldif));
	talloc_free(c);
	config_fixture_key("fs02", key);
	CONFIG_DONE(&b, dfsr_config_node_init(&b.ch, "fs02", "h", 1, key));
	CONFIG_DONE(&b, dfsr_config_group_create(&b.ch, "mine", NULL));
	CONFIG_REFUSED(&b, EEXIST, "already",
		       dfsr_config_adopt(&b.ch, &fs02, ldif));
	CONFIG_DONE(&b, dfsr_config_group_delete(&b.ch, "mine", false));
	CONFIG_DONE(&b, dfsr_config_adopt(&b.ch, &fs02, ldif));
	talloc_free(ldif);
	config_fixture_end(&a);
	config_fixture_end(&b);
}

static void test_removed_stays_removed(void **state)
{
	struct config_fixture a;
	struct config_fixture b;
	struct dfsr_guid fs02;
	struct dfsr_guid fs03;
	struct dfsr_config *c;
	uint8_t secret[32];
	uint8_t key[32];
	char *ldif;
	char *old;

	(void)state;
	start_active(&a, &fs02);
	config_fixture_admit(&a, "fs03");
	CONFIG_DONE(&a, dfsr_config_member_add(&a.ch, "a, group", "fs03"));
	CONFIG_DONE(&a, dfsr_config_connection_create(
				&a.ch, "a, group", "fs03", "fs02", false, -1,
				-1, -1));
	c = config_fixture_load(&a);
	fs03 = dfsr_config_node_by_name(c, "fs03")->guid;
	talloc_free(c);
	old = config_fixture_export(&a);
	CONFIG_REFUSED(&a, EBUSY, "active",
		       dfsr_config_node_remove(&a.ch, "fs01"));
	CONFIG_REFUSED(&a, ENOENT, "node list",
		       dfsr_config_node_remove(&a.ch, "fs09"));
	CONFIG_DONE(&a, dfsr_config_node_remove(&a.ch, "fs03"));
	config_fixture_key("fs03", key);
	CONFIG_DONE(&a, dfsr_config_invite(&a.ch, secret));
	CONFIG_REFUSED(&a, EACCES, "removed",
		       dfsr_config_admit(&a.ch, secret, &fs03, "fs03", "h", 1,
					 key));
	key[31] ^= 1;
	CONFIG_REFUSED(&a, EACCES, "removed",
		       dfsr_config_admit(&a.ch, secret, &fs03, "other", "h",
					 1, key));
	/* a follower that knows of it keeps it out of any other copy */
	config_fixture_start(&b);
	ldif = config_fixture_export(&a);
	CONFIG_DONE(&b, dfsr_config_adopt(&b.ch, &fs02, ldif));
	talloc_free(ldif);
	ldif = replaced(&b, old, "sambaDfsEpoch: ", "sambaDfsEpoch: 9");
	CONFIG_DONE(&b, import(&b, ldif));
	c = config_fixture_load(&b);
	assert_null(dfsr_config_node_by_name(c, "fs03"));
	assert_int_equal(c->groups[0].num_members, 2);
	assert_int_equal(c->groups[0].num_connections, 2);
	talloc_free(c);
	talloc_free(ldif);
	talloc_free(old);
	config_fixture_end(&a);
	config_fixture_end(&b);
}

static void test_tokens(void **state)
{
	struct config_fixture f;
	struct dfsr_guid guid;
	uint8_t secret[32];
	uint8_t key[32];
	char *before;
	char *after;

	(void)state;
	config_fixture_init(&f);
	guid = dfsr_guid_random(&f.env);
	config_fixture_key("fs02", key);
	before = config_fixture_export(&f);
	CONFIG_DONE(&f, dfsr_config_invite(&f.ch, secret));
	after = config_fixture_export(&f);
	assert_string_equal(before, after); /* tokens do not travel */
	talloc_free(before);
	talloc_free(after);
	secret[0] ^= 1;
	CONFIG_REFUSED(&f, EACCES, "not known",
		       dfsr_config_admit(&f.ch, secret, &guid, "fs02", "h", 1,
					 key));
	secret[0] ^= 1;
	CONFIG_REFUSED(&f, EEXIST, "named",
		       dfsr_config_admit(&f.ch, secret, &guid, "FS01", "h", 1,
					 key));
	CONFIG_REFUSED(&f, EINVAL, "node name",
		       dfsr_config_admit(&f.ch, secret, &guid, "a/b", "h", 1,
					 key));
	f.ch.dry_run = true;
	CONFIG_DONE(&f, dfsr_config_admit(&f.ch, secret, &guid, "fs02", "h", 1,
					  key));
	f.ch.dry_run = false;
	CONFIG_DONE(&f, dfsr_config_admit(&f.ch, secret, &guid, "fs02", "h", 1,
					  key));
	CONFIG_REFUSED(&f, EACCES, "used by fs02",
		       dfsr_config_admit(&f.ch, secret, &guid, "fs02", "h", 1,
					 key));
	config_fixture_end(&f);
}

static void test_tokens_again(void **state)
{
	struct config_fixture f;
	struct dfsr_guid guid;
	uint8_t secret[32];
	uint8_t key[32];
	int i;

	(void)state;
	config_fixture_init(&f);
	guid = dfsr_guid_random(&f.env);
	config_fixture_key("fs02", key);
	CONFIG_DONE(&f, dfsr_config_invite(&f.ch, secret));
	CONFIG_DONE(&f, dfsr_config_admit(&f.ch, secret, &guid, "fs02", "h", 1,
					  key));
	/* the same node once more, with a new token */
	CONFIG_DONE(&f, dfsr_config_invite(&f.ch, secret));
	CONFIG_DONE(&f, dfsr_config_admit(&f.ch, secret, &guid, "fs02", "h2",
					  2, key));
	CONFIG_DONE(&f, dfsr_config_invite(&f.ch, secret));
	key[31] ^= 1;
	CONFIG_REFUSED(&f, EEXIST, "GUID or key",
		       dfsr_config_admit(&f.ch, secret, &guid, "fs03", "h", 1,
					 key));
	f.now += (uint64_t)DFSR_CONFIG_TOKEN_HOURS * 3600 * 10000000;
	CONFIG_REFUSED(&f, EACCES, "expired",
		       dfsr_config_admit(&f.ch, secret, &guid, "fs02", "h", 1,
					 key));
	for (i = 0; i < DFSR_CONFIG_TOKENS_MAX; i++) {
		CONFIG_DONE(&f, dfsr_config_invite(&f.ch, secret));
	}
	CONFIG_REFUSED(&f, ENOSPC, "invitations",
		       dfsr_config_invite(&f.ch, secret));
	config_fixture_end(&f);
}

/** No file may grow: the disk is full at every point of a change. */
static void test_disk_full(void **state)
{
	struct config_fixture f;
	struct rlimit old;
	struct rlimit limit;
	struct dfsr_config *c;
	struct stat st;
	char path[128];
	char name[32];
	char *before;
	char *after;
	int failures = 0;
	int i;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	config_fixture_init(&f);
	snprintf(path, sizeof(path), "%s/config.ldb", f.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	for (i = 0; i < 4000 && failures < 5; i++) {
		int err;

		before = config_fixture_export(&f);
		limit = old;
		limit.rlim_cur = (rlim_t)st.st_size + (rlim_t)failures * 4096;
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
		snprintf(name, sizeof(name), "group%d", i);
		err = dfsr_config_group_create(
			&f.ch, name,
			"a description that takes some room in the file");
		assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
		after = config_fixture_export(&f);
		if (err != 0) {
			assert_non_null(f.why);
			assert_non_null(strstr(f.why, "disk space"));
			assert_string_equal(before, after);
			failures += 1;
		}
		talloc_free(before);
		talloc_free(after);
		TALLOC_FREE(f.why);
	}
	assert_int_equal(failures, 5);
	/* with room again all is well */
	CONFIG_DONE(&f, dfsr_config_group_create(&f.ch, "last", NULL));
	c = config_fixture_load(&f);
	assert_int_equal(c->num_groups, (uint32_t)i - 5 + 1);
	talloc_free(c);
	config_fixture_end(&f);
}

static void test_open_refused(void **state)
{
	TALLOC_CTX *mem_ctx = talloc_new(NULL);
	struct dfsr_configdb *db = NULL;
	char dir[] = "/tmp/dfsr-config-XXXXXX";
	char path[64];
	char *why = NULL;
	FILE *f;

	(void)state;
	assert_int_equal(dfsr_configdb_open(mem_ctx, NULL, "/no/such/dir", &db,
					    &why),
			 ENOENT);
	assert_non_null(strstr(why, "/no/such/dir"));
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/config.ldb", dir);
	f = fopen(path, "w");
	fputs("this is no database, and it is longer than a header of one is",
	      f);
	fclose(f);
	TALLOC_FREE(why);
	assert_int_not_equal(dfsr_configdb_open(mem_ctx, NULL, dir, &db, &why),
			     0);
	assert_non_null(why);
	TALLOC_FREE(why);
	assert_int_equal(remove(path), 0);
	assert_int_equal(remove(dir), 0);
	assert_int_equal(talloc_total_blocks(mem_ctx), 1);
	talloc_free(mem_ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_travel),
		cmocka_unit_test(test_import_refused),
		cmocka_unit_test(test_adopt_refused),
		cmocka_unit_test(test_removed_stays_removed),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_tokens_again),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_open_refused),
	};

	return cmocka_run_group_tests_name("config_ldif", tests, NULL, NULL);
}
