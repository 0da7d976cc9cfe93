/*
   Samba DFS Replication
   Key, certificate and fingerprint of a node

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
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <gnutls/crypto.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include "dfsr_peer.h"

static char dir[64];
static char key_path[96];
static char cert_path[96];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/dfsr-identity-XXXXXX");
	if (mkdtemp(dir) == NULL) {
		return -1;
	}
	snprintf(key_path, sizeof(key_path), "%s/key.pem", dir);
	snprintf(cert_path, sizeof(cert_path), "%s/cert.pem", dir);
	*state = talloc_new(NULL);
	return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	size_t blocks = talloc_total_blocks(*state);

	unlink(key_path);
	unlink(cert_path);
	/* Fails when a temporary file is left. */
	if (rmdir(dir) != 0) {
		return -1;
	}
	talloc_free(*state);
	return blocks == 1 ? 0 : -1;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
}

static void test_create_load(void **state)
{
	struct dfsr_identity *id = NULL, *again = NULL;
	char text[DFSR_FINGERPRINT_STRLEN];
	uint8_t fp[DFSR_FINGERPRINT_LEN];
	struct stat st;

	assert_int_equal(dfsr_identity_load(*state, dir, &id), ENOENT);
	assert_int_equal(dfsr_identity_create(dir, ""), EINVAL);
	assert_int_equal(dfsr_identity_create(dir, "fs01"), 0);
	assert_int_equal(stat(key_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), 0);
	assert_int_equal(dfsr_identity_create(dir, "fs01"), EEXIST);
	assert_int_equal(dfsr_identity_load(*state, dir, &again), 0);
	assert_memory_equal(dfsr_identity_fingerprint(id),
			    dfsr_identity_fingerprint(again),
			    DFSR_FINGERPRINT_LEN);

	assert_ptr_equal(dfsr_fingerprint_str(dfsr_identity_fingerprint(id),
					      text), text);
	assert_int_equal(strlen(text), 64);
	assert_int_equal(dfsr_fingerprint_parse(text, fp), 0);
	assert_memory_equal(fp, dfsr_identity_fingerprint(id), sizeof(fp));
	talloc_free(id);
	talloc_free(again);
}

static void import_cert(gnutls_x509_crt_t *crt)
{
	gnutls_datum_t pem = {};

	assert_int_equal(gnutls_load_file(cert_path, &pem), 0);
	assert_int_equal(gnutls_x509_crt_init(crt), 0);
	assert_int_equal(gnutls_x509_crt_import(*crt, &pem,
						GNUTLS_X509_FMT_PEM), 0);
	gnutls_free(pem.data);
}

/* The fingerprint is what openssl's tools would compute, too. */
static void test_certificate(void **state)
{
	struct dfsr_identity *id = NULL;
	uint8_t sum[DFSR_FINGERPRINT_LEN];
	gnutls_x509_crt_t crt = NULL;
	gnutls_pubkey_t pub = NULL;
	gnutls_datum_t spki = {};
	char cn[128];
	size_t len = sizeof(cn);

	assert_int_equal(dfsr_identity_create(dir, "fs01.example.net"), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), 0);
	import_cert(&crt);
	assert_int_equal(gnutls_pubkey_init(&pub), 0);
	assert_int_equal(gnutls_pubkey_import_x509(pub, crt, 0), 0);
	assert_int_equal(gnutls_pubkey_export2(pub, GNUTLS_X509_FMT_DER,
					       &spki), 0);
	assert_int_equal(gnutls_hash_fast(GNUTLS_DIG_SHA256, spki.data,
					  spki.size, sum), 0);
	assert_memory_equal(sum, dfsr_identity_fingerprint(id), sizeof(sum));
	assert_int_equal(gnutls_x509_crt_get_dn_by_oid(
				 crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, cn,
				 &len), 0);
	assert_string_equal(cn, "fs01.example.net");
	assert_true(gnutls_x509_crt_get_expiration_time(crt) >
		    time(NULL) + 30LL * 365 * 86400);
	assert_int_not_equal(gnutls_x509_crt_check_issuer(crt, crt), 0);
	gnutls_free(spki.data);
	gnutls_pubkey_deinit(pub);
	gnutls_x509_crt_deinit(crt);
	talloc_free(id);
}

/* What a crash may leave is completed, and the key stays. */
static void test_key_without_cert(void **state)
{
	struct dfsr_identity *before = NULL, *after = NULL;

	assert_int_equal(dfsr_identity_create(dir, "fs01"), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &before), 0);
	assert_int_equal(unlink(cert_path), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &after), ENOENT);
	assert_int_equal(dfsr_identity_create(dir, "fs01"), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &after), 0);
	assert_memory_equal(dfsr_identity_fingerprint(before),
			    dfsr_identity_fingerprint(after),
			    DFSR_FINGERPRINT_LEN);
	talloc_free(before);
	talloc_free(after);
}

static void test_cert_without_key(void **state)
{
	struct dfsr_identity *id = NULL;

	assert_int_equal(dfsr_identity_create(dir, "fs01"), 0);
	assert_int_equal(unlink(key_path), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), ENOENT);
	assert_int_equal(dfsr_identity_create(dir, "fs01"), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), 0);
	talloc_free(id);
}

static void test_key_of_another(void **state)
{
	struct dfsr_identity *id = NULL;
	char kept[128];

	snprintf(kept, sizeof(kept), "%s/kept", dir);
	assert_int_equal(dfsr_identity_create(dir, "fs01"), 0);
	assert_int_equal(rename(cert_path, kept), 0);
	assert_int_equal(unlink(key_path), 0);
	assert_int_equal(dfsr_identity_create(dir, "fs01"), 0);
	assert_int_equal(rename(kept, cert_path), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), EBADMSG);
}

static void test_key_for_all_eyes(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0666};
	struct dfsr_identity *id = NULL;
	size_t i;

	assert_int_equal(dfsr_identity_create(dir, "fs01"), 0);
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(key_path, modes[i]), 0);
		assert_int_equal(dfsr_identity_load(*state, dir, &id),
				 EACCES);
	}
	assert_int_equal(chmod(key_path, 0400), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), 0);
	talloc_free(id);
	/* A certificate is not a secret. */
	assert_int_equal(chmod(cert_path, 0644), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), 0);
	talloc_free(id);
}

static void test_nonsense_files(void **state)
{
	struct dfsr_identity *id = NULL;

	write_file(key_path, "", 0600);
	write_file(cert_path, "", 0600);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), EBADMSG);
	write_file(key_path, "-----BEGIN PRIVATE KEY-----\nAAAA\n", 0600);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), EBADMSG);
	assert_int_equal(unlink(cert_path), 0);
	assert_int_equal(dfsr_identity_create(dir, "fs01"), EBADMSG);
	assert_int_equal(unlink(key_path), 0);

	assert_int_equal(mkfifo(key_path, 0600), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), EBADMSG);
	assert_int_equal(unlink(key_path), 0);
	assert_int_equal(symlink("/dev/zero", key_path), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), ELOOP);

	assert_int_equal(dfsr_identity_load(*state, "/nonexistent", &id),
			 ENOENT);
	assert_int_equal(dfsr_identity_create("/nonexistent", "a"), ENOENT);
}

static void test_long_name(void **state)
{
	struct dfsr_identity *id = NULL;
	char name[256];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(dfsr_identity_create(dir, name), 0);
	assert_int_equal(dfsr_identity_load(*state, dir, &id), 0);
	talloc_free(id);
}

static void test_fingerprint_text(void **state)
{
	char text[DFSR_FINGERPRINT_STRLEN + 1];
	uint8_t fp[DFSR_FINGERPRINT_LEN], back[DFSR_FINGERPRINT_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(fp); i++) {
		fp[i] = (uint8_t)(i * 37);
	}
	dfsr_fingerprint_str(fp, text);
	assert_int_equal(dfsr_fingerprint_parse(text, back), 0);
	assert_memory_equal(fp, back, sizeof(fp));
	for (i = 0; i < 64; i++) {
		if (text[i] >= 'a') {
			text[i] = (char)(text[i] - 'a' + 'A');
		}
	}
	assert_int_equal(dfsr_fingerprint_parse(text, back), 0);
	assert_memory_equal(fp, back, sizeof(fp));
	for (i = 0; i < 64; i++) {
		char was = text[i];

		text[i] = 'g';
		assert_int_equal(dfsr_fingerprint_parse(text, back), EINVAL);
		text[i] = was;
	}
	text[64] = '0';
	text[65] = '\0';
	assert_int_equal(dfsr_fingerprint_parse(text, back), EINVAL);
	text[63] = '\0';
	assert_int_equal(dfsr_fingerprint_parse(text, back), EINVAL);
	assert_int_equal(dfsr_fingerprint_parse("", back), EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_create_load),
		T(test_certificate),
		T(test_key_without_cert),
		T(test_cert_without_key),
		T(test_key_of_another),
		T(test_key_for_all_eyes),
		T(test_nonsense_files),
		T(test_long_name),
		T(test_fingerprint_text),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
