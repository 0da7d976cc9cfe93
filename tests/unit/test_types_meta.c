/*
   Samba DFS Replication
   Metadata: limits, packed form, canonical form

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

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "dfsr_types.h"
#include "types_samples.h"

#define TAG_USER_OBJ 0x01
#define TAG_USER 0x02
#define TAG_GROUP 0x08
#define TAG_OTHER 0x20

static int repack(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		  struct dfsr_push *out)
{
	struct dfsr_pull p;
	struct dfsr_meta *m = NULL;
	int ret;

	dfsr_pull_init(&p, data, len);
	m = dfsr_meta_pull(&p, mem_ctx);
	assert_int_equal(m == NULL, p.err != 0);
	ret = dfsr_pull_end(&p);
	if (ret == 0) {
		dfsr_meta_push(out, m);
	}
	talloc_free(m);
	return ret;
}

static void check_acl(const struct dfsr_acl *a, const struct dfsr_acl *b)
{
	uint32_t i;

	assert_int_equal(a->num, b->num);
	for (i = 0; i < a->num; i++) {
		assert_int_equal(a->e[i].tag, b->e[i].tag);
		assert_int_equal(a->e[i].perm, b->e[i].perm);
		assert_int_equal(a->e[i].id, b->e[i].id);
		if (a->e[i].account == NULL) {
			assert_null(b->e[i].account);
		} else {
			assert_string_equal(a->e[i].account,
					    b->e[i].account);
		}
	}
}

static void check_text(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a != NULL) {
		assert_string_equal(a, b);
	}
}

static void check_meta(const struct dfsr_meta *a, const struct dfsr_meta *b)
{
	uint32_t i;

	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	check_text(a->owner, b->owner);
	check_text(a->group, b->group);
	assert_int_equal(a->mtime_sec, b->mtime_sec);
	assert_int_equal(a->mtime_nsec, b->mtime_nsec);
	assert_int_equal(a->num_xattrs, b->num_xattrs);
	for (i = 0; i < a->num_xattrs; i++) {
		assert_string_equal(a->xattrs[i].name, b->xattrs[i].name);
		assert_int_equal(a->xattrs[i].len, b->xattrs[i].len);
		assert_memory_equal(a->xattrs[i].value,
				    b->xattrs[i].value,
				    a->xattrs[i].len);
	}
	check_acl(&a->acl_access, &b->acl_access);
	check_acl(&a->acl_default, &b->acl_default);
	check_text(a->symlink, b->symlink);
}

static void test_round_trips(void **state)
{
	struct samples s = {.state = 51};
	int i;

	for (i = 0; i < 3000; i++) {
		struct dfsr_meta *m = samples_meta(&s, *state);
		struct dfsr_meta *got = NULL;
		struct dfsr_push push;
		struct dfsr_pull pull;

		dfsr_push_init(&push, *state);
		dfsr_meta_push(&push, m);
		assert_int_equal(push.err, 0);
		dfsr_pull_init(&pull, push.data, push.len);
		got = dfsr_meta_pull(&pull, *state);
		assert_int_equal(dfsr_pull_end(&pull), 0);
		assert_non_null(got);
		check_meta(m, got);
		talloc_free(got);
		talloc_free(m);
		talloc_free(push.data);
	}
}

static void test_damage(void **state)
{
	struct samples s = {.state = 52};
	int i;

	for (i = 0; i < 40; i++) {
		struct dfsr_meta *m = samples_meta(&s, *state);
		struct dfsr_push push;

		dfsr_push_init(&push, *state);
		dfsr_meta_push(&push, m);
		assert_int_equal(push.err, 0);
		samples_damage(*state, push.data, push.len, repack);
		talloc_free(m);
		talloc_free(push.data);
	}
}

/* ---- limits ------------------------------------------------------------- */

static struct dfsr_meta *plain_meta(TALLOC_CTX *mem_ctx, uint32_t mode)
{
	struct dfsr_meta *m = talloc_zero(mem_ctx, struct dfsr_meta);

	assert_non_null(m);
	m->mode = mode;
	m->uid = 1000;
	m->gid = 1001;
	m->mtime_sec = 7;
	m->mtime_nsec = 8;
	return m;
}

static void add_xattrs(struct dfsr_meta *m, uint32_t num, size_t len)
{
	uint32_t i;

	m->num_xattrs = num;
	m->xattrs = talloc_zero_array(m, struct dfsr_xattr, num);
	assert_non_null(m->xattrs);
	for (i = 0; i < num; i++) {
		m->xattrs[i].name = talloc_asprintf(m->xattrs,
						    "user.%05u",
						    num - i);
		m->xattrs[i].value = talloc_zero_array(m->xattrs,
						       uint8_t,
						       len);
		m->xattrs[i].len = len;
	}
}

static void add_acl(struct dfsr_meta *m, struct dfsr_acl *acl, uint32_t num)
{
	uint32_t i;

	acl->num = num;
	acl->e = talloc_zero_array(m, struct dfsr_acl_entry, num);
	assert_non_null(acl->e);
	for (i = 0; i < num; i++) {
		acl->e[i].tag = TAG_USER;
		acl->e[i].id = i;
	}
}

static char *long_text(struct dfsr_meta *m, size_t len)
{
	char *text = talloc_zero_array(m, char, len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	return text;
}

/* What may be pushed may be pulled; then it is freed. */
static void check_push(TALLOC_CTX *mem_ctx, struct dfsr_meta *m, int want)
{
	struct dfsr_push push, canonical;
	struct dfsr_pull pull;
	struct dfsr_meta *got = NULL;

	dfsr_push_init(&canonical, mem_ctx);
	dfsr_meta_push_canonical(&canonical, m);
	assert_int_equal(canonical.err, want);
	talloc_free(canonical.data);
	dfsr_push_init(&push, mem_ctx);
	dfsr_meta_push(&push, m);
	assert_int_equal(push.err, want);
	if (want == 0) {
		dfsr_pull_init(&pull, push.data, push.len);
		got = dfsr_meta_pull(&pull, mem_ctx);
		assert_int_equal(dfsr_pull_end(&pull), 0);
		check_meta(m, got);
	} else {
		assert_int_equal(push.len, 0);
	}
	talloc_free(got);
	talloc_free(push.data);
	talloc_free(m);
}

static void test_kinds(void **state)
{
	struct dfsr_meta *m = NULL;

	check_push(*state, plain_meta(*state, 0100644), 0);
	check_push(*state, plain_meta(*state, 0107777), 0);
	check_push(*state, plain_meta(*state, 0040755), 0);
	check_push(*state, plain_meta(*state, 0644), EINVAL);
	check_push(*state, plain_meta(*state, 0010644), EINVAL);
	check_push(*state, plain_meta(*state, 0020644), EINVAL);
	check_push(*state, plain_meta(*state, 0060644), EINVAL);
	check_push(*state, plain_meta(*state, 0140644), EINVAL);
	check_push(*state, plain_meta(*state, 01100644), EINVAL);
	check_push(*state, plain_meta(*state, 0120777), EINVAL);
	m = plain_meta(*state, 0120777);
	m->symlink = long_text(m, 0);
	check_push(*state, m, EINVAL);
	m = plain_meta(*state, 0120777);
	m->symlink = long_text(m, DFSR_SYMLINK_MAX);
	check_push(*state, m, 0);
	m = plain_meta(*state, 0120777);
	m->symlink = long_text(m, DFSR_SYMLINK_MAX + 1);
	check_push(*state, m, E2BIG);
	m = plain_meta(*state, 0100644);
	m->symlink = long_text(m, 3);
	check_push(*state, m, EINVAL);
}

static void test_numbers_and_accounts(void **state)
{
	struct dfsr_meta *m = plain_meta(*state, 0100644);

	m->mtime_nsec = 999999999;
	m->mtime_sec = INT64_MIN;
	m->owner = long_text(m, DFSR_ACCOUNT_MAX);
	m->group = long_text(m, DFSR_ACCOUNT_MAX);
	check_push(*state, m, 0);
	m = plain_meta(*state, 0100644);
	m->mtime_nsec = 1000000000;
	check_push(*state, m, EINVAL);
	m = plain_meta(*state, 0100644);
	m->owner = long_text(m, DFSR_ACCOUNT_MAX + 1);
	check_push(*state, m, E2BIG);
	m = plain_meta(*state, 0100644);
	m->group = long_text(m, DFSR_ACCOUNT_MAX + 1);
	check_push(*state, m, E2BIG);
}

static void test_acls(void **state)
{
	struct dfsr_meta *m = plain_meta(*state, 0040755);

	add_acl(m, &m->acl_access, DFSR_ACL_MAX);
	add_acl(m, &m->acl_default, DFSR_ACL_MAX);
	m->acl_access.e[0].account = long_text(m, DFSR_ACCOUNT_MAX);
	m->acl_access.e[1].perm = 7;
	check_push(*state, m, 0);
	m = plain_meta(*state, 0100644);
	add_acl(m, &m->acl_access, DFSR_ACL_MAX + 1);
	check_push(*state, m, E2BIG);
	m = plain_meta(*state, 0100644);
	add_acl(m, &m->acl_default, 1);
	check_push(*state, m, EINVAL);
	m = plain_meta(*state, 0100644);
	add_acl(m, &m->acl_access, 1);
	m->acl_access.e[0].perm = 8;
	check_push(*state, m, EINVAL);
	m = plain_meta(*state, 0100644);
	add_acl(m, &m->acl_access, 1);
	m->acl_access.e[0].tag = 3;
	check_push(*state, m, EINVAL);
	m = plain_meta(*state, 0100644);
	add_acl(m, &m->acl_access, 1);
	m->acl_access.e[0].tag = TAG_OTHER;
	m->acl_access.e[0].account = long_text(m, 3);
	check_push(*state, m, EINVAL);
	m = plain_meta(*state, 0100644);
	add_acl(m, &m->acl_access, 1);
	m->acl_access.e[0].account = long_text(m, DFSR_ACCOUNT_MAX + 1);
	check_push(*state, m, E2BIG);
}

static void test_xattrs(void **state)
{
	struct dfsr_meta *m = plain_meta(*state, 0100644);

	add_xattrs(m, DFSR_XATTRS_MAX, 3);
	dfsr_meta_sort(m);
	assert_string_equal(m->xattrs[0].name, "user.00001");
	check_push(*state, m, 0);
	m = plain_meta(*state, 0100644);
	add_xattrs(m, DFSR_XATTRS_MAX + 1, 3);
	dfsr_meta_sort(m);
	check_push(*state, m, E2BIG);
	/* forgot to sort */
	m = plain_meta(*state, 0100644);
	add_xattrs(m, 2, 3);
	check_push(*state, m, EINVAL);
	/* twice the same */
	m = plain_meta(*state, 0100644);
	add_xattrs(m, 2, 3);
	m->xattrs[1].name = m->xattrs[0].name;
	check_push(*state, m, EINVAL);
	m = plain_meta(*state, 0100644);
	add_xattrs(m, 1, DFSR_XATTR_VALUE_MAX);
	m->xattrs[0].name = long_text(m, DFSR_XATTR_NAME_MAX);
	check_push(*state, m, 0);
	m = plain_meta(*state, 0100644);
	add_xattrs(m, 1, DFSR_XATTR_VALUE_MAX + 1);
	check_push(*state, m, E2BIG);
	m = plain_meta(*state, 0100644);
	add_xattrs(m, 1, 0);
	m->xattrs[0].name = long_text(m, DFSR_XATTR_NAME_MAX + 1);
	check_push(*state, m, E2BIG);
	m = plain_meta(*state, 0100644);
	add_xattrs(m, 1, 0);
	m->xattrs[0].name = long_text(m, 0);
	check_push(*state, m, EINVAL);
	/* each is small enough, all together are not */
	m = plain_meta(*state, 0100644);
	add_xattrs(m,
		   DFSR_META_MAX / DFSR_XATTR_VALUE_MAX,
		   DFSR_XATTR_VALUE_MAX);
	dfsr_meta_sort(m);
	check_push(*state, m, E2BIG);
}

/* ---- foreign bytes ------------------------------------------------------ */

static void test_no_early_allocation(void **state)
{
	struct dfsr_meta *m = plain_meta(*state, 0100644);
	struct dfsr_push push;
	struct dfsr_pull pull;
	size_t before;

	/* the count of xattrs follows version, numbers and empty names */
	const size_t count_at = 1 + 3 * 4 + 2 * 2 + 8 + 4;

	dfsr_push_init(&push, *state);
	dfsr_meta_push(&push, m);
	assert_int_equal(push.err, 0);
	assert_int_equal(push.len, count_at + 4 + 2 + 2);
	push.data[count_at + 1] = 0x10; /* 4096 */
	before = talloc_total_size(*state);
	samples_limit_memory(*state, 4096);
	dfsr_pull_init(&pull, push.data, push.len);
	assert_null(dfsr_meta_pull(&pull, *state));
	assert_int_equal(pull.err, EBADMSG);
	assert_int_equal(talloc_total_size(*state), before);
	push.data[count_at + 1] = 0;
	push.data[count_at + 5] = 0x04; /* 1024 ACL entries */
	dfsr_pull_init(&pull, push.data, push.len);
	assert_null(dfsr_meta_pull(&pull, *state));
	assert_int_equal(pull.err, EBADMSG);
	talloc_free(push.data);
	talloc_free(m);
}

static void test_version(void **state)
{
	struct dfsr_meta *m = plain_meta(*state, 0100644);
	struct dfsr_push push;
	struct dfsr_pull pull;

	dfsr_push_init(&push, *state);
	dfsr_meta_push(&push, m);
	push.data[0] = 2;
	dfsr_pull_init(&pull, push.data, push.len);
	assert_null(dfsr_meta_pull(&pull, *state));
	assert_int_equal(pull.err, EBADMSG);
	talloc_free(push.data);
	talloc_free(m);
}

static void test_no_memory(void **state)
{
	struct samples s = {.state = 53};
	struct dfsr_meta *m = NULL;
	struct dfsr_push push;
	unsigned int failed = 0;
	unsigned int worked = 0;
	size_t limit;

	do {
		talloc_free(m);
		m = samples_meta(&s, *state);
	} while (m->num_xattrs < 3 || m->acl_access.num < 3);
	dfsr_push_init(&push, *state);
	dfsr_meta_push(&push, m);
	assert_int_equal(push.err, 0);
	for (limit = 0; limit < 6000; limit += 16) {
		TALLOC_CTX *ctx = talloc_new(*state);
		struct dfsr_pull pull;
		struct dfsr_meta *got = NULL;

		samples_limit_memory(ctx, limit);
		dfsr_pull_init(&pull, push.data, push.len);
		got = dfsr_meta_pull(&pull, ctx);
		if (got == NULL) {
			assert_int_equal(pull.err, ENOMEM);
			assert_int_equal(talloc_total_blocks(ctx), 1);
			failed++;
		} else {
			worked++;
		}
		talloc_free(ctx);
	}
	assert_true(failed > 0);
	assert_true(worked > 0);
	talloc_free(push.data);
	talloc_free(m);
}

/* ---- the canonical form ------------------------------------------------- */

static bool same_canonical(TALLOC_CTX *mem_ctx, const struct dfsr_meta *a,
			   const struct dfsr_meta *b)
{
	struct dfsr_push pa, pb;
	bool same;

	dfsr_push_init(&pa, mem_ctx);
	dfsr_push_init(&pb, mem_ctx);
	dfsr_meta_push_canonical(&pa, a);
	dfsr_meta_push_canonical(&pb, b);
	assert_int_equal(pa.err, 0);
	assert_int_equal(pb.err, 0);
	same = pa.len == pb.len && memcmp(pa.data, pb.data, pa.len) == 0;
	talloc_free(pa.data);
	talloc_free(pb.data);
	return same;
}

static char *text(struct dfsr_meta *m, const char *s)
{
	char *copy = talloc_strdup(m, s);

	assert_non_null(copy);
	return copy;
}

static void test_canonical_accounts(void **state)
{
	struct dfsr_meta *a = plain_meta(*state, 0100644);
	struct dfsr_meta *b = plain_meta(*state, 0100644);

	assert_true(same_canonical(*state, a, b));
	b->uid++;
	assert_false(same_canonical(*state, a, b));
	a->owner = text(a, "alice");
	b->owner = text(b, "alice");
	assert_true(same_canonical(*state, a, b));
	b->gid++;
	assert_false(same_canonical(*state, a, b));
	a->group = text(a, "staff");
	b->group = text(b, "staff");
	assert_true(same_canonical(*state, a, b));
	b->group = text(b, "other");
	assert_false(same_canonical(*state, a, b));
	b->group = text(b, "staff");
	b->mtime_nsec++;
	assert_false(same_canonical(*state, a, b));
	b->mtime_nsec--;
	b->mode++;
	assert_false(same_canonical(*state, a, b));
	talloc_free(a);
	talloc_free(b);
}

static void test_canonical_directory(void **state)
{
	struct dfsr_meta *a = plain_meta(*state, 0040755);
	struct dfsr_meta *b = plain_meta(*state, 0040755);

	b->mtime_sec += 5;
	b->mtime_nsec += 5;
	assert_true(same_canonical(*state, a, b));
	add_acl(a, &a->acl_access, 1);
	add_acl(b, &b->acl_default, 1);
	assert_false(same_canonical(*state, a, b));
	talloc_free(a);
	talloc_free(b);
}

/* Each member sorts and numbers the named entries by its own accounts. */
static void test_canonical_acl(void **state)
{
	struct dfsr_meta *a = plain_meta(*state, 0100644);
	struct dfsr_meta *b = plain_meta(*state, 0100644);
	struct dfsr_acl_entry *ea = NULL;
	struct dfsr_acl_entry *eb = NULL;

	add_acl(a, &a->acl_access, 4);
	add_acl(b, &b->acl_access, 4);
	ea = a->acl_access.e;
	eb = b->acl_access.e;
	ea[0] = (struct dfsr_acl_entry){.tag = TAG_USER_OBJ, .perm = 7};
	eb[0] = (struct dfsr_acl_entry){
		.tag = TAG_USER_OBJ, .perm = 7, .id = UINT32_MAX};
	ea[1] = (struct dfsr_acl_entry){
		.tag = TAG_USER, .perm = 4, .id = 10,
		.account = text(a, "zoe")};
	ea[2] = (struct dfsr_acl_entry){
		.tag = TAG_USER, .perm = 6, .id = 20,
		.account = text(a, "bob")};
	eb[1] = (struct dfsr_acl_entry){
		.tag = TAG_USER, .perm = 6, .id = 5,
		.account = text(b, "bob")};
	eb[2] = (struct dfsr_acl_entry){
		.tag = TAG_USER, .perm = 4, .id = 6,
		.account = text(b, "zoe")};
	ea[3] = (struct dfsr_acl_entry){.tag = TAG_GROUP, .id = 9};
	eb[3] = (struct dfsr_acl_entry){.tag = TAG_GROUP, .id = 9};
	assert_true(same_canonical(*state, a, b));
	/* the caller's order is his own */
	assert_string_equal(ea[1].account, "zoe");
	eb[3].id = 10;
	assert_false(same_canonical(*state, a, b));
	eb[3].id = 9;
	eb[2].perm = 5;
	assert_false(same_canonical(*state, a, b));
	talloc_free(a);
	talloc_free(b);
}

/* One bit of one xattr is another hash. */
static void test_canonical_xattr(void **state)
{
	struct dfsr_meta *a = plain_meta(*state, 0100644);
	struct dfsr_meta *b = plain_meta(*state, 0100644);

	add_xattrs(a, 3, 10);
	add_xattrs(b, 3, 10);
	dfsr_meta_sort(a);
	dfsr_meta_sort(b);
	assert_true(same_canonical(*state, a, b));
	b->xattrs[1].value[9] ^= 1;
	assert_false(same_canonical(*state, a, b));
	b->xattrs[1].value[9] ^= 1;
	b->xattrs[2].len--;
	assert_false(same_canonical(*state, a, b));
	talloc_free(a);
	talloc_free(b);
}

#define T(name)                                        \
	cmocka_unit_test_setup_teardown(name,          \
					samples_setup, \
					samples_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trips),
		T(test_damage),
		T(test_kinds),
		T(test_numbers_and_accounts),
		T(test_acls),
		T(test_xattrs),
		T(test_no_early_allocation),
		T(test_version),
		T(test_no_memory),
		T(test_canonical_accounts),
		T(test_canonical_directory),
		T(test_canonical_acl),
		T(test_canonical_xattr),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
