/*
   Samba DFS Replication
   Every change of the configuration, with good and bad input

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
#include <cmocka.h>
#include "config_fixture.h"

static const struct dfsr_membership_change nothing = {
	.enabled = -1,
	.read_only = -1,
	.primary = -1,
	.preserve_deleted = -1,
	.staging_quota_mb = -1,
	.conflict_quota_mb = -1,
};

static int set_path(struct config_fixture *f, const char *folder,
		    const char *node, const char *path)
{
	struct dfsr_membership_change m = nothing;

	m.content_path = path;
	return dfsr_config_membership_set(&f->ch, "g", folder, node, &m);
}

static void start_group(struct config_fixture *f)
{
	config_fixture_init(f);
	config_fixture_admit(f, "fs02");
	CONFIG_DONE(f, dfsr_config_group_create(&f->ch, "g", "a group"));
	CONFIG_DONE(f, dfsr_config_folder_create(&f->ch, "g", "docs", NULL,
						 NULL, NULL));
	CONFIG_DONE(f, dfsr_config_folder_create(&f->ch, "g", "media", "d",
						 "", "cache"));
	CONFIG_DONE(f, dfsr_config_member_add(&f->ch, "g", "fs01"));
	CONFIG_DONE(f, dfsr_config_member_add(&f->ch, "g", "FS02"));
}

static void test_init(void **state)
{
	struct config_fixture f;
	struct dfsr_config *c;
	struct dfsr_guid self;
	uint8_t key[32];

	(void)state;
	config_fixture_start(&f);
	config_fixture_key("fs01", key);
	c = config_fixture_load(&f);
	assert_true(c->epoch == 0 && dfsr_guid_is_null(&c->self));
	talloc_free(c);
	CONFIG_REFUSED(&f, ENOENT, "node init",
		       dfsr_config_group_create(&f.ch, "g", NULL));
	CONFIG_REFUSED(&f, EINVAL, "node name",
		       dfsr_config_node_init(&f.ch, "a/b", "h", 1, key));
	CONFIG_REFUSED(&f, EINVAL, "address",
		       dfsr_config_node_init(&f.ch, "a", "h h", 1, key));
	CONFIG_REFUSED(&f, EINVAL, "port",
		       dfsr_config_node_init(&f.ch, "a", "h", 0, key));
	CONFIG_DONE(&f, dfsr_config_node_init(&f.ch, "a", "h", 1, key));
	c = config_fixture_load(&f);
	self = c->self;
	assert_int_equal(c->epoch, 1);
	assert_int_equal(dfsr_guid_cmp(&c->self, &c->active), 0);
	assert_int_equal(c->num_nodes, 1);
	talloc_free(c);
	/* alone it may think again */
	CONFIG_DONE(&f, dfsr_config_node_init(&f.ch, "b", "h2", 2, key));
	c = config_fixture_load(&f);
	assert_int_equal(dfsr_guid_cmp(&c->self, &self), 0);
	assert_string_equal(c->nodes[0].name, "b");
	assert_string_equal(c->nodes[0].host, "h2");
	assert_int_equal(c->nodes[0].port, 2);
	assert_memory_equal(c->nodes[0].fingerprint, key, 32);
	talloc_free(c);
	CONFIG_DONE(&f, dfsr_config_group_create(&f.ch, "g", NULL));
	CONFIG_REFUSED(&f, EEXIST, "belongs to a configuration",
		       dfsr_config_node_init(&f.ch, "c", "h", 1, key));
	config_fixture_end(&f);
}

static void test_names(void **state)
{
	static const char *const bad[] = {
		"", " a", "a ", "a/b", "a\\b", "a:b", "a\nb", "a\x7f", "\xff",
		"\xc0\xaf", "\xed\xa0\x80", "..", "a\"b", "*",
		"0123456789012345678901234567890123456789012345678901234567890"
		"1234",
	};
	static const char *const good[] = {
		"a", "Straße 1, Büro", "=+,;#", "CN=x",
		"0123456789012345678901234567890123456789012345678901234567890"
		"123",
	};
	struct config_fixture f;
	struct dfsr_config *c;
	size_t i;

	(void)state;
	config_fixture_init(&f);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CONFIG_REFUSED(&f, EINVAL, "group name",
			       dfsr_config_group_create(&f.ch, bad[i], NULL));
	}
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CONFIG_DONE(&f,
			    dfsr_config_group_create(&f.ch, good[i], NULL));
		c = config_fixture_load(&f);
		assert_non_null(dfsr_config_group_by_name(c, good[i]));
		talloc_free(c);
	}
	CONFIG_REFUSED(&f, EEXIST, "already",
		       dfsr_config_group_create(&f.ch, "A", NULL));
	CONFIG_REFUSED(&f, EEXIST, "already",
		       dfsr_config_group_create(&f.ch, "strAße 1, BÜRO",
						NULL));
	CONFIG_REFUSED(&f, EINVAL, "description",
		       dfsr_config_group_create(&f.ch, "n", "two\nlines"));
	config_fixture_end(&f);
}

static void test_group(void **state)
{
	struct config_fixture f;
	struct dfsr_config *c;
	const struct dfsr_config_group *g;

	(void)state;
	start_group(&f);
	CONFIG_DONE(&f, dfsr_config_connection_create(&f.ch, "g", "fs01",
						      "fs02", false, -1, -1,
						      -1));
	CONFIG_REFUSED(&f, ENOENT, "group list",
		       dfsr_config_group_modify(&f.ch, "x", "y", NULL));
	CONFIG_REFUSED(&f, EINVAL, "group name",
		       dfsr_config_group_modify(&f.ch, "g", "a/b", NULL));
	CONFIG_DONE(&f, dfsr_config_group_create(&f.ch, "other", NULL));
	CONFIG_REFUSED(&f, EEXIST, "already",
		       dfsr_config_group_modify(&f.ch, "g", "Other", "new"));
	CONFIG_DONE(&f, dfsr_config_group_modify(&f.ch, "g", "G", NULL));
	CONFIG_DONE(&f, dfsr_config_group_modify(&f.ch, "g", "new, name",
						 "d2"));
	c = config_fixture_load(&f);
	g = dfsr_config_group_by_name(c, "new, name");
	assert_non_null(g);
	assert_string_equal(g->description, "d2");
	assert_int_equal(g->num_members, 2);
	assert_int_equal(g->num_connections, 2);
	assert_int_equal(g->num_folders, 2);
	assert_string_equal(g->folders[0].name, "docs");
	assert_null(g->folders[0].file_filter);
	assert_string_equal(g->folders[1].file_filter, "");
	assert_string_equal(g->folders[1].directory_filter, "cache");
	talloc_free(c);
	CONFIG_DONE(&f, dfsr_config_group_modify(&f.ch, "new, name", NULL,
						 ""));
	c = config_fixture_load(&f);
	assert_null(dfsr_config_group_by_name(c, "new, name")->description);
	talloc_free(c);
	CONFIG_REFUSED(&f, ENOTEMPTY, "--force",
		       dfsr_config_group_delete(&f.ch, "new, name", false));
	CONFIG_REFUSED(&f, ENOENT, "unknown group",
		       dfsr_config_group_delete(&f.ch, "nope", true));
	CONFIG_DONE(&f, dfsr_config_group_delete(&f.ch, "new, name", true));
	CONFIG_DONE(&f, dfsr_config_group_delete(&f.ch, "other", false));
	c = config_fixture_load(&f);
	assert_int_equal(c->num_groups, 0);
	talloc_free(c);
	config_fixture_end(&f);
}

static void test_folder(void **state)
{
	struct config_fixture f;
	struct dfsr_config *c;
	struct dfsr_membership_change m = nothing;

	(void)state;
	start_group(&f);
	CONFIG_REFUSED(&f, ENOENT, "unknown group",
		       dfsr_config_folder_create(&f.ch, "x", "f", NULL, NULL,
						 NULL));
	CONFIG_REFUSED(&f, EEXIST, "already",
		       dfsr_config_folder_create(&f.ch, "g", "DOCS", NULL,
						 NULL, NULL));
	CONFIG_REFUSED(&f, EINVAL, "folder name",
		       dfsr_config_folder_create(&f.ch, "g", "a/b", NULL, NULL,
						 NULL));
	CONFIG_REFUSED(&f, EINVAL, "file filter",
		       dfsr_config_folder_create(&f.ch, "g", "h", NULL, "a/b",
						 NULL));
	CONFIG_REFUSED(&f, ENOENT, "folder list",
		       dfsr_config_folder_modify(&f.ch, "g", "h", "i", NULL,
						 NULL, NULL));
	CONFIG_REFUSED(&f, EEXIST, "already",
		       dfsr_config_folder_modify(&f.ch, "g", "docs", "Media",
						 NULL, NULL, NULL));
	CONFIG_DONE(&f, dfsr_config_folder_modify(&f.ch, "g", "docs", "papers",
						  "d", "~*", NULL));
	CONFIG_DONE(&f, set_path(&f, "papers", "fs01", "/srv/papers"));
	CONFIG_REFUSED(&f, ENOTEMPTY, "fs01",
		       dfsr_config_folder_delete(&f.ch, "g", "papers", false));
	m.enabled = 0;
	CONFIG_DONE(&f, dfsr_config_membership_set(&f.ch, "g", "papers",
						   "fs01", &m));
	CONFIG_DONE(&f, dfsr_config_folder_delete(&f.ch, "g", "papers",
						  false));
	c = config_fixture_load(&f);
	assert_int_equal(c->groups[0].num_folders, 1);
	talloc_free(c);
	config_fixture_end(&f);
}

static void test_member(void **state)
{
	struct config_fixture f;
	struct dfsr_config *c;

	(void)state;
	start_group(&f);
	CONFIG_REFUSED(&f, ENOENT, "node list",
		       dfsr_config_member_add(&f.ch, "g", "fs09"));
	CONFIG_REFUSED(&f, ENOENT, "group list",
		       dfsr_config_member_add(&f.ch, "h", "fs01"));
	CONFIG_REFUSED(&f, EEXIST, "already",
		       dfsr_config_member_add(&f.ch, "g", "Fs01"));
	CONFIG_DONE(&f, set_path(&f, "docs", "fs02", "/srv/docs"));
	CONFIG_DONE(&f, dfsr_config_connection_create(&f.ch, "g", "fs01",
						      "fs02", false, -1, -1,
						      -1));
	CONFIG_DONE(&f, dfsr_config_member_remove(&f.ch, "g", "fs02"));
	CONFIG_REFUSED(&f, ENOENT, "no member",
		       dfsr_config_member_remove(&f.ch, "g", "fs02"));
	c = config_fixture_load(&f);
	assert_int_equal(c->groups[0].num_members, 1);
	assert_int_equal(c->groups[0].num_connections, 0);
	assert_int_equal(c->groups[0].folders[0].num_memberships, 0);
	talloc_free(c);
	CONFIG_DONE(&f, dfsr_config_member_add(&f.ch, "g", "fs02"));
	c = config_fixture_load(&f);
	assert_int_equal(c->groups[0].folders[0].num_memberships, 0);
	talloc_free(c);
	config_fixture_end(&f);
}

static const char *described(const struct dfsr_config *c, const char *node)
{
	const struct dfsr_config_node *n = dfsr_config_node_by_name(c, node);
	const struct dfsr_config_member *info =
		dfsr_config_member(&c->groups[0], &n->guid);

	assert_non_null(info);
	return info->description;
}

static void test_member_description(void **state)
{
	struct config_fixture f;
	struct dfsr_config *c;
	char *text;
	uint32_t i;

	(void)state;
	start_group(&f);
	/* sorted before the others: the texts move along with the members */
	config_fixture_admit(&f, "a3");
	CONFIG_DONE(&f, dfsr_config_member_add(&f.ch, "g", "a3"));
	text = talloc_zero_size(f.mem_ctx, DFSR_CONFIG_TEXT_MAX + 2);
	memset(text, 'x', DFSR_CONFIG_TEXT_MAX + 1);
	CONFIG_REFUSED(&f, ENOENT, "group list",
		       dfsr_config_member_modify(&f.ch, "h", "fs02", "d"));
	CONFIG_REFUSED(&f, ENOENT, "node list",
		       dfsr_config_member_modify(&f.ch, "g", "fs09", "d"));
	CONFIG_REFUSED(&f, EINVAL, "description",
		       dfsr_config_member_modify(&f.ch, "g", "fs02", "a\nb"));
	CONFIG_REFUSED(&f, EINVAL, "description",
		       dfsr_config_member_modify(&f.ch, "g", "fs02", "\xff"));
	CONFIG_REFUSED(&f, EINVAL, "description",
		       dfsr_config_member_modify(&f.ch, "g", "fs02", text));
	text[DFSR_CONFIG_TEXT_MAX] = '\0';
	CONFIG_DONE(&f, dfsr_config_member_modify(&f.ch, "g", "a3", text));
	CONFIG_DONE(&f, dfsr_config_member_modify(&f.ch, "G", "FS02",
						  " Büro 2: oben"));
	CONFIG_DONE(&f, dfsr_config_member_modify(&f.ch, "g", "fs02", NULL));
	CONFIG_DONE(&f, dfsr_config_group_modify(&f.ch, "g", "new", NULL));
	c = config_fixture_load(&f);
	assert_null(described(c, "fs01"));
	assert_string_equal(described(c, "fs02"), " Büro 2: oben");
	assert_string_equal(described(c, "a3"), text);
	talloc_free(text);
	for (i = 0; i < c->groups[0].num_members; i++) {
		assert_int_equal(
			dfsr_guid_cmp(&c->groups[0].members[i],
				      &c->groups[0].member_info[i].node),
			0);
	}
	talloc_free(c);
	CONFIG_DONE(&f, dfsr_config_member_modify(&f.ch, "new", "fs02", ""));
	CONFIG_DONE(&f, dfsr_config_member_modify(&f.ch, "new", "fs02", ""));
	/* it belongs to the member, not to the node */
	CONFIG_DONE(&f, dfsr_config_member_remove(&f.ch, "new", "a3"));
	CONFIG_REFUSED(&f, ENOENT, "no member",
		       dfsr_config_member_modify(&f.ch, "new", "a3", "d"));
	CONFIG_DONE(&f, dfsr_config_member_add(&f.ch, "new", "a3"));
	c = config_fixture_load(&f);
	assert_null(described(c, "fs02"));
	assert_null(described(c, "a3"));
	talloc_free(c);
	config_fixture_end(&f);
}

static void test_member_description_travels(void **state)
{
	struct config_fixture a;
	struct config_fixture b;
	struct dfsr_config *c;
	struct dfsr_guid fs02;
	char *ldif;

	(void)state;
	start_group(&a);
	CONFIG_DONE(&a, dfsr_config_member_modify(&a.ch, "g", "fs02", "one"));
	c = config_fixture_load(&a);
	fs02 = dfsr_config_node_by_name(c, "fs02")->guid;
	talloc_free(c);
	config_fixture_start(&b);
	ldif = config_fixture_export(&a);
	CONFIG_DONE(&b, dfsr_config_adopt(&b.ch, &fs02, ldif));
	talloc_free(ldif);
	c = config_fixture_load(&b);
	assert_null(described(c, "fs01"));
	assert_string_equal(described(c, "fs02"), "one");
	talloc_free(c);
	CONFIG_REFUSED(&b, EROFS, "fs01",
		       dfsr_config_member_modify(&b.ch, "g", "fs02", "two"));
	CONFIG_DONE(&a, dfsr_config_member_modify(&a.ch, "g", "fs02", "zwölf"));
	ldif = config_fixture_export(&a);
	CONFIG_DONE(&b, dfsr_configdb_import(b.db, ldif, b.mem_ctx, &b.why));
	talloc_free(ldif);
	c = config_fixture_load(&b);
	assert_string_equal(described(c, "fs02"), "zwölf");
	talloc_free(c);
	config_fixture_end(&a);
	config_fixture_end(&b);
}

static void test_membership_words(void **state)
{
	static const char *const bad[] = {
		"", "srv", "./srv", "/", "//", "/.", "/srv/../etc", "/..",
		"/srv/\n", "/proc/x", "/dev", "/srv/.DfsrPrivate/x",
		"/srv/.dfsrprivate",
	};
	struct config_fixture f;
	struct dfsr_membership_change m = nothing;
	size_t i;

	(void)state;
	start_group(&f);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CONFIG_REFUSED(&f, EINVAL, "content path",
			       set_path(&f, "docs", "fs01", bad[i]));
	}
	CONFIG_REFUSED(&f, EINVAL, "--content-path",
		       dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						  &m));
	CONFIG_REFUSED(&f, ENOENT, "folder list",
		       set_path(&f, "nope", "fs01", "/srv"));
	CONFIG_REFUSED(&f, ENOENT, "node list",
		       set_path(&f, "docs", "nope", "/srv"));
	CONFIG_DONE(&f, dfsr_config_member_remove(&f.ch, "g", "fs02"));
	CONFIG_REFUSED(&f, ENOENT, "member add",
		       set_path(&f, "docs", "fs02", "/srv"));
	m.content_path = "/srv/docs";
	m.staging_quota_mb = 0;
	CONFIG_REFUSED(&f, EINVAL, "quota",
		       dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						  &m));
	m.staging_quota_mb = -1;
	m.primary = 1;
	m.read_only = 1;
	CONFIG_REFUSED(&f, EINVAL, "read-only",
		       dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						  &m));
	config_fixture_end(&f);
}

static void test_membership_overlap(void **state)
{
	struct config_fixture f;
	struct dfsr_membership_change m = nothing;

	(void)state;
	start_group(&f);
	CONFIG_DONE(&f, set_path(&f, "docs", "fs01", "//srv/./docs//"));
	CONFIG_REFUSED(&f, EEXIST, "also the",
		       set_path(&f, "media", "fs01", "/srv/docs"));
	CONFIG_REFUSED(&f, EEXIST, "inside",
		       set_path(&f, "media", "fs01", "/srv/docs/media"));
	CONFIG_REFUSED(&f, EEXIST, "inside",
		       set_path(&f, "media", "fs01", "/srv"));
	/* on another node it is another disk; a common start is no parent */
	CONFIG_DONE(&f, set_path(&f, "media", "fs02", "/srv/docs"));
	CONFIG_DONE(&f, set_path(&f, "media", "fs01", "/srv/docs-media"));
	m.staging_path = "/srv/docs/x";
	CONFIG_REFUSED(&f, EEXIST, "staging path",
		       dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						  &m));
	CONFIG_REFUSED(&f, EEXIST, "staging path",
		       dfsr_config_membership_set(&f.ch, "g", "media", "fs01",
						  &m));
	m.staging_path = "/srv/docs/.DfsrPrivate/stage";
	CONFIG_REFUSED(&f, EEXIST, "staging path",
		       dfsr_config_membership_set(&f.ch, "g", "media", "fs01",
						  &m));
	CONFIG_DONE(&f, dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						   &m));
	m.staging_path = "/var/stage";
	m.conflict_path = "/var/stage/c";
	CONFIG_REFUSED(&f, EEXIST, "conflict path",
		       dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						  &m));
	m.conflict_path = "/var/conflict";
	CONFIG_DONE(&f, dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						   &m));
	config_fixture_end(&f);
}

static void test_membership_values(void **state)
{
	struct config_fixture f;
	struct dfsr_membership_change m = nothing;
	const struct dfsr_config_membership *got;
	struct dfsr_config *c;

	(void)state;
	start_group(&f);
	m.content_path = "/srv/docs";
	m.primary = 1;
	CONFIG_DONE(&f, dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						   &m));
	CONFIG_REFUSED(&f, EEXIST, "--primary=no",
		       dfsr_config_membership_set(&f.ch, "g", "docs", "fs02",
						  &m));
	c = config_fixture_load(&f);
	got = dfsr_config_membership(&c->groups[0].folders[0], &c->self);
	assert_true(got->enabled && got->primary && !got->read_only &&
		    got->preserve_deleted);
	assert_int_equal(got->staging_quota, 4096ULL << 20);
	assert_int_equal(got->conflict_quota, 4096ULL << 20);
	assert_int_equal(got->generation, 1);
	talloc_free(c);
	m = nothing;
	m.enabled = 0;
	m.primary = 0;
	m.read_only = 1;
	m.preserve_deleted = 0;
	m.staging_quota_mb = 10;
	m.conflict_quota_mb = 0;
	m.staging_path = "/var/stage/";
	CONFIG_DONE(&f, dfsr_config_membership_set(&f.ch, "G", "Docs", "FS01",
						   &m));
	c = config_fixture_load(&f);
	got = dfsr_config_membership(&c->groups[0].folders[0], &c->self);
	assert_true(!got->enabled && !got->primary && got->read_only &&
		    !got->preserve_deleted);
	assert_int_equal(got->staging_quota, 10ULL << 20);
	assert_int_equal(got->conflict_quota, 0);
	assert_string_equal(got->staging_path, "/var/stage");
	assert_string_equal(got->content_path, "/srv/docs");
	assert_int_equal(got->generation, 1);
	talloc_free(c);
	m = nothing;
	m.enabled = 1;
	m.staging_path = "";
	CONFIG_DONE(&f, dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						   &m));
	/* said again it is the same */
	CONFIG_DONE(&f, dfsr_config_membership_set(&f.ch, "g", "docs", "fs01",
						   &m));
	c = config_fixture_load(&f);
	got = dfsr_config_membership(&c->groups[0].folders[0], &c->self);
	assert_null(got->staging_path);
	assert_int_equal(got->generation, 2);
	talloc_free(c);
	config_fixture_end(&f);
}

static void test_connection(void **state)
{
	struct config_fixture f;
	const struct dfsr_config_connection *conn;
	struct dfsr_config *c;
	const struct dfsr_guid *a;
	const struct dfsr_guid *b;

	(void)state;
	start_group(&f);
	CONFIG_REFUSED(&f, EINVAL, "two ends",
		       dfsr_config_connection_create(&f.ch, "g", "fs01",
						     "FS01", false, -1, -1,
						     -1));
	CONFIG_REFUSED(&f, ENOENT, "node list",
		       dfsr_config_connection_create(&f.ch, "g", "fs01", "x",
						     false, -1, -1, -1));
	CONFIG_REFUSED(&f, EINVAL, "RDC",
		       dfsr_config_connection_create(&f.ch, "g", "fs01",
						     "fs02", false, -1, -1,
						     -2));
	CONFIG_DONE(&f, dfsr_config_connection_create(
				&f.ch, "g", "fs01", "fs02", true, 0, 0, 7));
	CONFIG_REFUSED(&f, EEXIST, "already",
		       dfsr_config_connection_create(&f.ch, "g", "fs01",
						     "fs02", true, -1, -1,
						     -1));
	/* what is missing of a two-way one is added */
	CONFIG_DONE(&f, dfsr_config_connection_create(
				&f.ch, "g", "fs01", "fs02", false, -1, -1,
				-1));
	c = config_fixture_load(&f);
	a = &c->nodes[0].guid;
	b = &c->nodes[1].guid;
	assert_int_equal(c->groups[0].num_connections, 2);
	assert_null(dfsr_config_connection(&c->groups[0], a, b));
	conn = dfsr_config_connection(&c->groups[0], b, a);
	assert_non_null(conn);
	assert_true(conn->rdc && conn->rdc_min_kb == 64);
	talloc_free(c);
	config_fixture_end(&f);
}

static void test_connection_change(void **state)
{
	struct config_fixture f;
	const struct dfsr_config_connection *conn;
	struct dfsr_config *c;

	(void)state;
	start_group(&f);
	CONFIG_REFUSED(&f, ENOENT, "connection list",
		       dfsr_config_connection_modify(&f.ch, "g", "fs01",
						     "fs02", false, 1, -1,
						     -1));
	CONFIG_DONE(&f, dfsr_config_connection_create(
				&f.ch, "g", "fs01", "fs02", true, 0, 0, 7));
	CONFIG_DONE(&f, dfsr_config_connection_create(
				&f.ch, "g", "fs02", "fs01", true, -1, -1,
				-1));
	CONFIG_DONE(&f, dfsr_config_connection_modify(
				&f.ch, "g", "fs01", "fs02", true, 1, -1, -1));
	c = config_fixture_load(&f);
	conn = dfsr_config_connection(&c->groups[0], &c->nodes[0].guid,
				      &c->nodes[1].guid);
	assert_non_null(conn);
	assert_true(!conn->rdc && conn->rdc_min_kb == 7);
	talloc_free(c);
	CONFIG_DONE(&f, dfsr_config_connection_delete(&f.ch, "g", "fs02",
						      "fs01", true));
	CONFIG_REFUSED(&f, ENOENT, "connection list",
		       dfsr_config_connection_delete(&f.ch, "g", "fs02",
						     "fs01", true));
	CONFIG_DONE(&f, dfsr_config_connection_delete(&f.ch, "g", "fs02",
						      "fs01", false));
	c = config_fixture_load(&f);
	assert_int_equal(c->groups[0].num_connections, 0);
	talloc_free(c);
	config_fixture_end(&f);
}

static void test_dry_run(void **state)
{
	struct config_fixture f;
	char *before;
	char *after;

	(void)state;
	start_group(&f);
	before = config_fixture_export(&f);
	f.ch.dry_run = true;
	CONFIG_DONE(&f, dfsr_config_group_create(&f.ch, "h", NULL));
	CONFIG_DONE(&f, dfsr_config_group_delete(&f.ch, "g", true));
	CONFIG_DONE(&f, dfsr_config_node_remove(&f.ch, "fs02"));
	CONFIG_DONE(&f, dfsr_config_member_modify(&f.ch, "g", "fs02", "d"));
	CONFIG_REFUSED(&f, EINVAL, "description",
		       dfsr_config_member_modify(&f.ch, "g", "fs02", "\n"));
	CONFIG_DONE(&f, set_path(&f, "docs", "fs01", "/srv/docs"));
	CONFIG_REFUSED(&f, EEXIST, "already",
		       dfsr_config_group_create(&f.ch, "g", NULL));
	after = config_fixture_export(&f);
	assert_string_equal(before, after);
	talloc_free(before);
	talloc_free(after);
	config_fixture_end(&f);
}

static void test_many_nodes(void **state)
{
	struct config_fixture f;
	struct dfsr_config *c;
	char name[32];
	uint8_t secret[32];
	uint8_t key[32];
	struct dfsr_guid guid;
	int i;

	(void)state;
	config_fixture_init(&f);
	CONFIG_DONE(&f, dfsr_config_group_create(&f.ch, "g", NULL));
	for (i = 1; i < DFSR_CONFIG_NODES_MAX; i++) {
		snprintf(name, sizeof(name), "node%d", i);
		config_fixture_admit(&f, name);
		CONFIG_DONE(&f, dfsr_config_member_add(&f.ch, "g", name));
	}
	c = config_fixture_load(&f);
	assert_int_equal(c->num_nodes, DFSR_CONFIG_NODES_MAX);
	assert_int_equal(c->groups[0].num_members, DFSR_CONFIG_NODES_MAX - 1);
	for (i = 1; i < (int)c->num_nodes; i++) {
		assert_true(strcasecmp(c->nodes[i - 1].name,
				       c->nodes[i].name) < 0);
	}
	talloc_free(c);
	CONFIG_DONE(&f, dfsr_config_invite(&f.ch, secret));
	config_fixture_key("late", key);
	guid = dfsr_guid_random(&f.env);
	CONFIG_REFUSED(&f, ENOSPC, "no more",
		       dfsr_config_admit(&f.ch, secret, &guid, "late", "h", 1,
					 key));
	config_fixture_end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_member),
		cmocka_unit_test(test_member_description),
		cmocka_unit_test(test_member_description_travels),
		cmocka_unit_test(test_membership_words),
		cmocka_unit_test(test_membership_overlap),
		cmocka_unit_test(test_membership_values),
		cmocka_unit_test(test_connection),
		cmocka_unit_test(test_connection_change),
		cmocka_unit_test(test_dry_run),
		cmocka_unit_test(test_many_nodes),
	};

	return cmocka_run_group_tests_name("config_change", tests, NULL, NULL);
}
