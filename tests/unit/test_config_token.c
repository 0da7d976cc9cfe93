/*
   Samba DFS Replication
   Tokens, addresses, smb.conf

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
#include "dfsr_config.h"

static void fill(struct dfsr_token *t, const char *host)
{
	size_t i;

	memset(t, 0, sizeof(*t));
	snprintf(t->host, sizeof(t->host), "%s", host);
	t->port = 5722;
	for (i = 0; i < 32; i++) {
		t->fingerprint[i] = (uint8_t)(i * 7 + 1);
		t->secret[i] = (uint8_t)(255 - i * 5);
	}
}

static void test_round_trip(void **state)
{
	static const char *const hosts[] = {"a", "fs01.example.org",
					    "192.0.2.1", "2001:db8::1"};
	TALLOC_CTX *mem_ctx = talloc_new(NULL);
	struct dfsr_token in;
	struct dfsr_token out;
	char *text = NULL;
	size_t i;
	size_t k;

	(void)state;
	for (i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		fill(&in, hosts[i]);
		assert_int_equal(dfsr_token_format(mem_ctx, &in, &text), 0);
		assert_true(strlen(text) <= DFSR_TOKEN_STRLEN_MAX);
		for (k = 0; text[k] != '\0'; k++) {
			assert_true(text[k] > 0x20 && text[k] < 0x7f);
		}
		assert_int_equal(dfsr_token_parse(text, &out), 0);
		assert_memory_equal(&in, &out, sizeof(in));
		TALLOC_FREE(text);
	}
	fill(&in, "a b");
	assert_int_equal(dfsr_token_format(mem_ctx, &in, &text), EINVAL);
	fill(&in, "a");
	in.port = 0;
	assert_int_equal(dfsr_token_format(mem_ctx, &in, &text), EINVAL);
	memset(in.host, 'x', sizeof(in.host));
	assert_int_equal(dfsr_token_format(mem_ctx, &in, &text), EINVAL);
	assert_int_equal(talloc_total_blocks(mem_ctx), 1);
	talloc_free(mem_ctx);
}

/** Every damage of one character is found. */
static void test_damage(void **state)
{
	TALLOC_CTX *mem_ctx = talloc_new(NULL);
	struct dfsr_token in;
	struct dfsr_token out;
	char *text = NULL;
	size_t len;
	size_t i;

	(void)state;
	fill(&in, "fs01");
	assert_int_equal(dfsr_token_format(mem_ctx, &in, &text), 0);
	len = strlen(text);
	for (i = 0; i < len; i++) {
		char was = text[i];

		text[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(dfsr_token_parse(text, &out), EINVAL);
		text[i] = '!';
		assert_int_equal(dfsr_token_parse(text, &out), EINVAL);
		text[i] = '\0';
		assert_int_equal(dfsr_token_parse(text, &out), EINVAL);
		text[i] = was;
	}
	assert_int_equal(dfsr_token_parse(text, &out), 0);
	text = talloc_asprintf(mem_ctx, "%sA", text);
	assert_int_equal(dfsr_token_parse(text, &out), EINVAL);
	text = talloc_array(mem_ctx, char, 100000);
	memset(text, 'A', 99999);
	memcpy(text, "dfsr1-", 6);
	text[99999] = '\0';
	assert_int_equal(dfsr_token_parse(text, &out), EINVAL);
	talloc_free(mem_ctx);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *text;
		const char *host;
		uint16_t port;
	} good[] = {
		{"fs01", "fs01", 7},
		{"fs01:8", "fs01", 8},
		{"192.0.2.1:65535", "192.0.2.1", 65535},
		{"2001:db8::1", "2001:db8::1", 7},
		{"[2001:db8::1]", "2001:db8::1", 7},
		{"[2001:db8::1]:9", "2001:db8::1", 9},
		{"[fe80::1%eth0]:9", "fe80::1%eth0", 9},
	};
	static const char *const bad[] = {
		"", ":", ":5", "fs01:", "fs01:0", "fs01:65536", "fs01:x",
		"fs01:1x", "[::1", "[::1]x", "[::1]:", "a b", "a/b", "-x",
	};
	TALLOC_CTX *mem_ctx = talloc_new(NULL);
	uint16_t port;
	char *host = NULL;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		port = 7;
		assert_int_equal(dfsr_config_address_parse(mem_ctx,
							   good[i].text, &host,
							   &port),
				 0);
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
		text = dfsr_config_address_str(mem_ctx, host, port);
		TALLOC_FREE(host);
		assert_int_equal(dfsr_config_address_parse(mem_ctx, text,
							   &host, &port),
				 0);
		assert_string_equal(host, good[i].host);
		TALLOC_FREE(host);
		talloc_free(text);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		port = 7;
		assert_int_equal(dfsr_config_address_parse(mem_ctx, bad[i],
							   &host, &port),
				 EINVAL);
		assert_int_equal(port, 7);
	}
	assert_int_equal(talloc_total_blocks(mem_ctx), 1);
	talloc_free(mem_ctx);
}

/** @return what loading a file with this text gives */
static int load(TALLOC_CTX *mem_ctx, const char *text,
		struct dfsr_smbconf **conf, char **why)
{
	char path[] = "/tmp/dfsr-smbconf-XXXXXX";
	int fd = mkstemp(path);
	int err;

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	err = dfsr_smbconf_load(mem_ctx, path, conf, why);
	unlink(path);
	return err;
}

static void test_smbconf(void **state)
{
	TALLOC_CTX *mem_ctx = talloc_new(NULL);
	struct dfsr_smbconf *conf = NULL;
	char *why = NULL;

	(void)state;
	assert_int_equal(load(mem_ctx,
			      "[global]\n"
			      "state directory = /st\n"
			      "lock directory = /lk\n"
			      "pid directory = /pd\n"
			      "log file = /lg/%I/log.%m\n"
			      "log level = 1 dfsr:7 vfs:3\n"
			      "max log size = 10\n"
			      "dfsr:port = 99\n"
			      "dfsr:workers = 3\n"
			      "dfsr:interfaces = 192.0.2.1\n",
			      &conf, &why),
			 0);
	assert_string_equal(conf->dfs_dir, "/st/dfs");
	assert_string_equal(conf->run_dir, "/lk/dfs");
	assert_string_equal(conf->control, "/lk/dfs/control");
	assert_string_equal(conf->pid_file, "/pd/dfsrd.pid");
	assert_string_equal(conf->log_file, "/lg//log.dfsrd");
	assert_string_equal(conf->interfaces, "192.0.2.1");
	assert_int_equal(conf->port, 99);
	assert_int_equal(conf->workers, 3);
	assert_int_equal(conf->log_level, 7);
	assert_int_equal(conf->log_size, 10240);
	TALLOC_FREE(conf);
	assert_int_equal(load(mem_ctx,
			      "[global]\nlog file = /lg/log.smbd\n"
			      "log level = 4\n", &conf, &why), 0);
	assert_string_equal(conf->log_file, "/lg/log.dfsrd");
	assert_int_equal(conf->port, 5722);
	assert_null(conf->interfaces);
	assert_int_equal(conf->log_level, 4);
	TALLOC_FREE(conf);
	talloc_free(mem_ctx);
}

static void test_smbconf_refused(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} bad[] = {
		{"[global]\nconfig backend = registry\n", "registry"},
		{"[global]\n Config  Backend=registry\n", "registry"},
		{"[global]\ninclude = registry\n", "registry"},
		{"[global]\ndfsr:port = 0\n", "port"},
		{"[global]\ndfsr:port = 70000\n", "port"},
		{"[global]\ndfsr:port = x\n", "port"},
		{"[global]\ndfsr:workers = 1000\n", "workers"},
		{"[global]\nstate directory = /st/%m\n", "substitution"},
		{"[global\n", "parsed"},
	};
	TALLOC_CTX *mem_ctx = talloc_new(NULL);
	struct dfsr_smbconf *conf = NULL;
	char *why = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_not_equal(load(mem_ctx, bad[i].text, &conf, &why),
				     0);
		assert_non_null(why);
		assert_non_null(strstr(why, bad[i].words));
		assert_null(strchr(why, '\n'));
		TALLOC_FREE(why);
	}
	assert_int_equal(dfsr_smbconf_load(mem_ctx, "/no/such/file", &conf,
					   &why),
			 ENOENT);
	TALLOC_FREE(why);
	assert_int_equal(dfsr_smbconf_level("3"), 3);
	assert_int_equal(dfsr_smbconf_level("1 all:5"), 5);
	assert_int_equal(dfsr_smbconf_level("dfsr:9@/x 1"), 9);
	assert_int_equal(dfsr_smbconf_level(""), 0);
	assert_int_equal(talloc_total_blocks(mem_ctx), 1);
	talloc_free(mem_ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_smbconf),
		cmocka_unit_test(test_smbconf_refused),
	};

	return cmocka_run_group_tests_name("config_token", tests, NULL, NULL);
}
