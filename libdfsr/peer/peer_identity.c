/*
   Samba DFS Replication
   Private key and certificate of a node

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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include "peer_private.h"

/*
 * What others pin is the public key; the certificate is only its envelope,
 * because TLS wants one. So the certificate may be made again from the key
 * at any time: the key is put in place first, and a key without certificate
 * is completed and not replaced.
 */

#define IDENTITY_KEY "key.pem"
#define IDENTITY_CERT "cert.pem"
/** Longest file that is read as a key or a certificate. */
#define IDENTITY_FILE_MAX 65536
/** Longest common name of a certificate (ub-common-name, RFC 5280). */
#define IDENTITY_CN_MAX 64
#define IDENTITY_PRIORITY \
	"NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:" \
	"+AES-256-GCM:+CHACHA20-POLY1305"

struct dfsr_identity {
	struct peer_cred *cred;
	uint8_t fingerprint[DFSR_FINGERPRINT_LEN];
};

struct peer_cred *peer_cred_get(const struct dfsr_identity *identity)
{
	return peer_cred_ref(identity->cred);
}

struct peer_cred *peer_cred_ref(struct peer_cred *cred)
{
	cred->refs++;
	return cred;
}

void peer_cred_unref(struct peer_cred *cred)
{
	cred->refs--;
	if (cred->refs > 0) {
		return;
	}
	if (cred->x509 != NULL) {
		gnutls_certificate_free_credentials(cred->x509);
	}
	if (cred->priority != NULL) {
		gnutls_priority_deinit(cred->priority);
	}
	free(cred);
}

static int identity_destructor(struct dfsr_identity *id)
{
	if (id->cred != NULL) {
		peer_cred_unref(id->cred);
		id->cred = NULL;
	}
	return 0;
}

int peer_cert_fingerprint(const gnutls_datum_t *der,
			  uint8_t fp[DFSR_FINGERPRINT_LEN])
{
	gnutls_x509_crt_t crt = NULL;
	size_t len = DFSR_FINGERPRINT_LEN;
	int ret;

	ret = gnutls_x509_crt_init(&crt);
	if (ret < 0) {
		return ENOMEM;
	}
	ret = gnutls_x509_crt_import(crt, der, GNUTLS_X509_FMT_DER);
	if (ret >= 0) {
		ret = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256,
						 fp, &len);
	}
	gnutls_x509_crt_deinit(crt);
	return ret < 0 || len != DFSR_FINGERPRINT_LEN ? EBADMSG : 0;
}

/* @return a descriptor, or -1 with errno; EACCES if others may read it */
static int identity_open(int dirfd, const char *name, bool secret)
{
	struct stat st;
	int fd, err = 0;

	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					 O_CLOEXEC);
	if (fd == -1) {
		return -1;
	}
	if (fstat(fd, &st) != 0) {
		err = errno;
	} else if (!S_ISREG(st.st_mode) || st.st_size > IDENTITY_FILE_MAX) {
		err = EBADMSG;
	} else if (secret &&
		   ((st.st_mode & 077) != 0 ||
		    (st.st_uid != 0 && st.st_uid != geteuid()))) {
		err = EACCES;
	}
	if (err != 0) {
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

static int identity_read(TALLOC_CTX *mem_ctx, int dirfd, const char *name,
			 bool secret, gnutls_datum_t *out)
{
	uint8_t *data = NULL;
	size_t len = 0;
	ssize_t n;
	int fd, err;

	fd = identity_open(dirfd, name, secret);
	if (fd == -1) {
		return errno;
	}
	data = talloc_zero_array(mem_ctx, uint8_t, IDENTITY_FILE_MAX + 1);
	if (data == NULL) {
		close(fd);
		return ENOMEM;
	}
	do {
		n = read(fd, data + len, IDENTITY_FILE_MAX - len);
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n == -1 && errno == EINTR));
	err = n == -1 ? errno : 0;
	close(fd);
	out->data = data;
	out->size = (unsigned)len;
	return err;
}

static int identity_use(struct dfsr_identity *id, const gnutls_datum_t *key,
			const gnutls_datum_t *cert)
{
	gnutls_x509_crt_t crt = NULL;
	size_t len = sizeof(id->fingerprint);
	int ret;

	id->cred = calloc(1, sizeof(*id->cred));
	if (id->cred == NULL) {
		return ENOMEM;
	}
	id->cred->refs = 1;
	if (gnutls_certificate_allocate_credentials(&id->cred->x509) < 0 ||
	    gnutls_priority_init(&id->cred->priority, IDENTITY_PRIORITY,
				 NULL) < 0 ||
	    gnutls_x509_crt_init(&crt) < 0) {
		return ENOMEM;
	}
	ret = gnutls_certificate_set_x509_key_mem(id->cred->x509, cert, key,
						  GNUTLS_X509_FMT_PEM);
	if (ret >= 0) {
		ret = gnutls_x509_crt_import(crt, cert, GNUTLS_X509_FMT_PEM);
	}
	if (ret >= 0) {
		ret = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256,
						 id->fingerprint, &len);
	}
	gnutls_x509_crt_deinit(crt);
	return ret < 0 ? EBADMSG : 0;
}

int dfsr_identity_load(TALLOC_CTX *mem_ctx, const char *dir,
		       struct dfsr_identity **identity)
{
	struct dfsr_identity *id = NULL;
	gnutls_datum_t key = {}, cert = {};
	int dirfd, err;

	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1) {
		return errno;
	}
	id = talloc_zero(mem_ctx, struct dfsr_identity);
	if (id == NULL) {
		close(dirfd);
		return ENOMEM;
	}
	talloc_set_destructor(id, identity_destructor);

	err = identity_read(id, dirfd, IDENTITY_KEY, true, &key);
	if (err == 0) {
		err = identity_read(id, dirfd, IDENTITY_CERT, false, &cert);
	}
	close(dirfd);
	if (err == 0) {
		err = identity_use(id, &key, &cert);
	}
	if (key.data != NULL) {
		gnutls_memset(key.data, 0, key.size);
		talloc_free(key.data);
	}
	talloc_free(cert.data);
	if (err != 0) {
		talloc_free(id);
		return err;
	}
	*identity = id;
	return 0;
}

static int identity_write_all(int fd, const gnutls_datum_t *data)
{
	size_t ofs = 0;
	ssize_t n;

	while (ofs < data->size) {
		n = write(fd, data->data + ofs, data->size - ofs);
		if (n == -1 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return n == 0 ? EIO : errno;
		}
		ofs += (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

/* Put a whole file in place, never over another one. */
static int identity_put(int dirfd, const char *name,
			const gnutls_datum_t *data)
{
	char tmp[64];
	int fd, err;

	snprintf(tmp, sizeof(tmp), ".%s.%ld", name, (long)getpid());
	unlinkat(dirfd, tmp, 0);
	fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    0600);
	if (fd == -1) {
		return errno;
	}
	err = identity_write_all(fd, data);
	if (close(fd) != 0 && err == 0) {
		err = errno;
	}
	if (err == 0 && renameat2(dirfd, tmp, dirfd, name,
				  RENAME_NOREPLACE) != 0) {
		err = errno;
	}
	if (err != 0) {
		unlinkat(dirfd, tmp, 0);
		return err;
	}
	return fsync(dirfd) == 0 ? 0 : errno;
}

/* The key that is there already, or a new one. */
static int identity_make_key(int dirfd, gnutls_x509_privkey_t key)
{
	gnutls_datum_t pem = {};
	int err, ret;

	err = identity_read(NULL, dirfd, IDENTITY_KEY, true, &pem);
	if (err == 0) {
		ret = gnutls_x509_privkey_import2(key, &pem,
						  GNUTLS_X509_FMT_PEM, NULL,
						  GNUTLS_PKCS_PLAIN);
		gnutls_memset(pem.data, 0, pem.size);
		talloc_free(pem.data);
		return ret < 0 ? EBADMSG : 0;
	}
	talloc_free(pem.data);
	if (err != ENOENT) {
		return err;
	}
	ret = gnutls_x509_privkey_generate(
		key, GNUTLS_PK_ECDSA,
		GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
	if (ret >= 0) {
		ret = gnutls_x509_privkey_export2_pkcs8(
			key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN,
			&pem);
	}
	if (ret < 0) {
		return EIO;
	}
	err = identity_put(dirfd, IDENTITY_KEY, &pem);
	gnutls_memset(pem.data, 0, pem.size);
	gnutls_free(pem.data);
	return err;
}

static int identity_fill_cert(gnutls_x509_crt_t crt,
			      gnutls_x509_privkey_t key, const char *name)
{
	uint8_t serial[16];
	size_t len = strlen(name);
	time_t now = time(NULL);
	int ret;

	if (len > IDENTITY_CN_MAX) {
		len = IDENTITY_CN_MAX;
	}
	ret = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
	serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, no leading zero */
	/* Peers look at the key only, so that clocks need not agree. */
	if (ret < 0 || gnutls_x509_crt_set_version(crt, 3) < 0 ||
	    gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)) < 0 ||
	    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0,
					  name, (unsigned)len) < 0 ||
	    gnutls_x509_crt_set_activation_time(crt, now - 86400) < 0 ||
	    gnutls_x509_crt_set_expiration_time(crt, (time_t)-1) < 0 ||
	    gnutls_x509_crt_set_basic_constraints(crt, 0, -1) < 0 ||
	    gnutls_x509_crt_set_key_usage(
		    crt, GNUTLS_KEY_DIGITAL_SIGNATURE) < 0 ||
	    gnutls_x509_crt_set_key(crt, key) < 0 ||
	    gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) < 0) {
		return EIO;
	}
	return 0;
}

static int identity_make_cert(int dirfd, gnutls_x509_privkey_t key,
			      const char *name)
{
	gnutls_x509_crt_t crt = NULL;
	gnutls_datum_t pem = {};
	int err;

	if (gnutls_x509_crt_init(&crt) < 0) {
		return ENOMEM;
	}
	err = identity_fill_cert(crt, key, name);
	if (err == 0 &&
	    gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem) < 0) {
		err = ENOMEM;
	}
	if (err == 0) {
		err = identity_put(dirfd, IDENTITY_CERT, &pem);
	}
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(crt);
	return err;
}

int dfsr_identity_create(const char *dir, const char *common_name)
{
	gnutls_x509_privkey_t key = NULL;
	bool have_key, have_cert;
	int dirfd, err = 0;

	if (common_name[0] == '\0') {
		return EINVAL;
	}
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd == -1) {
		return errno;
	}
	have_key = faccessat(dirfd, IDENTITY_KEY, F_OK, AT_EACCESS) == 0;
	have_cert = faccessat(dirfd, IDENTITY_CERT, F_OK, AT_EACCESS) == 0;
	if (have_key && have_cert) {
		err = EEXIST;
	} else if (have_cert && unlinkat(dirfd, IDENTITY_CERT, 0) != 0) {
		err = errno; /* a certificate of a lost key */
	}
	if (err == 0 && gnutls_x509_privkey_init(&key) < 0) {
		err = ENOMEM;
	}
	if (err == 0) {
		err = identity_make_key(dirfd, key);
	}
	if (err == 0) {
		err = identity_make_cert(dirfd, key, common_name);
	}
	if (key != NULL) {
		gnutls_x509_privkey_deinit(key);
	}
	close(dirfd);
	return err;
}

const uint8_t *dfsr_identity_fingerprint(const struct dfsr_identity *id)
{
	return id->fingerprint;
}

char *dfsr_fingerprint_str(const uint8_t fp[DFSR_FINGERPRINT_LEN], char *buf)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < DFSR_FINGERPRINT_LEN; i++) {
		buf[2 * i] = digits[fp[i] >> 4];
		buf[2 * i + 1] = digits[fp[i] & 15];
	}
	buf[2 * i] = '\0';
	return buf;
}

static int fingerprint_digit(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	if (c >= 'A' && c <= 'F') {
		return c - 'A' + 10;
	}
	return -1;
}

int dfsr_fingerprint_parse(const char *s, uint8_t fp[DFSR_FINGERPRINT_LEN])
{
	int high, low;
	size_t i;

	if (strlen(s) != 2 * DFSR_FINGERPRINT_LEN) {
		return EINVAL;
	}
	for (i = 0; i < DFSR_FINGERPRINT_LEN; i++) {
		high = fingerprint_digit(s[2 * i]);
		low = fingerprint_digit(s[2 * i + 1]);
		if (high < 0 || low < 0) {
			return EINVAL;
		}
		fp[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
