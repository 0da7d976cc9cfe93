/*
   Samba DFS Replication
   Folding and names

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

#include "types/types_private.h"

/*
 * FNV-1a over all rows of the table. A change here means that members of
 * two releases disagree on what conflicts: raise DFSR_FOLD_VERSION.
 */
#define FROZEN_TABLE 0x14fb13ed344cb553ULL

static void check_fold(const char *name, const char *want)
{
	char key[DFSR_FOLD_MAX + 1];
	size_t len = dfsr_fold(name, key);

	assert_int_equal(len, strlen(want));
	assert_string_equal(key, want);
}

static void test_characters(void **state)
{
	(void)state;
	check_fold("abcxyz", "ABCXYZ");
	check_fold("ABC@[`{~ 019.txt", "ABC@[`{~ 019.TXT");
	check_fold("äöüéñÿ÷", "ÄÖÜÉÑŸ÷");
	check_fold("αβγςσω", "ΑΒΓΣΣΩ");
	check_fold("абвгяё", "АБВГЯЁ");
	check_fold("\xf0\x90\x90\xa8", "\xf0\x90\x90\x80");
	check_fold("日本語", "日本語");
	/* what has no single upper case, or one in ASCII only, stays */
	check_fold("ß", "ß");
	check_fold("ı", "ı");
	check_fold("ſ", "ſ");
	check_fold("İ", "İ");
	check_fold("ﬁ", "ﬁ");
	/* longer than it was: two bytes become three */
	check_fold("ɐ", "Ɐ");
}

static void test_bad_utf8(void **state)
{
	static const char *const kept[] = {
		"\x80",		    /* tail alone */
		"\xc3",		    /* cut */
		"\xc0\xaf",	    /* overlong '/' */
		"\xc1\xa1",	    /* overlong 'a' */
		"\xe0\x81\xa1",	    /* overlong 'a' in three */
		"\xe0\x83\xa4",	    /* overlong a umlaut */
		"\xed\xa0\x80",	    /* surrogate */
		"\xe2\x82",	    /* cut */
		"\xf0\x90\x90",	    /* cut */
		"\xf0\x80\x83\xa4", /* overlong in four */
		"\xf4\x90\x80\x80", /* beyond the last */
		"\xf8\x88\x80\x80\x80",
		"\xff\xfe",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		check_fold(kept[i], kept[i]);
	}
	/* letters around bad bytes fold on */
	check_fold("a\xc3" "b\xffz", "A\xc3" "B\xffZ");
	check_fold("\xc3\xc3\xa4", "\xc3\xc3\x84");
}

/* Every mapping of the table, read back through the encoder. */
static size_t put_utf8(char *out, uint32_t cp)
{
	size_t tails = cp < 0x80 ? 0 : cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
	static const uint8_t lead[] = {0x00, 0xc0, 0xe0, 0xf0};
	size_t i;

	out[0] = (char)(lead[tails] | cp >> (6 * tails));
	for (i = 1; i <= tails; i++) {
		out[i] = (char)(0x80 | (cp >> (6 * (tails - i)) & 0x3f));
	}
	out[tails + 1] = '\0';
	return tails + 1;
}

static void test_every_character(void **state)
{
	uint32_t cp;
	size_t mapped = 0;

	(void)state;
	for (cp = 1; cp <= 0x10ffff; cp++) {
		char name[8];
		char key[DFSR_FOLD_MAX + 1];
		char again[DFSR_FOLD_MAX + 1];
		size_t len = put_utf8(name, cp);
		size_t n;

		if (cp == '/') {
			continue;
		}
		n = dfsr_fold(name, key);
		assert_true(n > 0 && n <= len + len / 2);
		assert_int_equal(dfsr_fold(key, again), n);
		assert_string_equal(key, again);
		if (strcmp(name, key) != 0) {
			mapped++;
			assert_int_equal((uint8_t)key[0] < 0x80, cp < 0x80);
		}
		if (cp >= 0xd800 && cp <= 0xdfff) {
			assert_string_equal(name, key);
		}
	}
	assert_int_equal(mapped, 1421);
}

static void test_table(void **state)
{
	uint64_t hash = 0xcbf29ce484222325ULL;
	size_t i, j;

	(void)state;
	for (i = 0; i < types_fold_table_len; i++) {
		const struct types_fold_range *r = &types_fold_table[i];
		uint32_t row[4] = {
			r->first, r->last, r->step, (uint32_t)r->delta};

		assert_true(r->first <= r->last);
		assert_true(r->step == 1 || r->step == 2);
		assert_int_equal((r->last - r->first) % r->step, 0);
		if (i > 0) {
			assert_true(r[-1].last < r->first);
		}
		for (j = 0; j < 16; j++) {
			hash ^= row[j / 4] >> (8 * (j % 4)) & 0xff;
			hash *= 0x100000001b3ULL;
		}
	}
	assert_int_equal(DFSR_FOLD_VERSION, 1);
	assert_true(hash == FROZEN_TABLE);
}

static void test_random_names(void **state)
{
	struct samples s = {.state = 11};
	int i;

	(void)state;
	for (i = 0; i < 20000; i++) {
		char name[DFSR_NAME_MAX + 1];
		char key[DFSR_FOLD_MAX + 1];
		char again[DFSR_FOLD_MAX + 1];
		size_t len;

		samples_name(&s, name);
		len = dfsr_fold(name, key);
		assert_int_equal(len, strlen(key));
		/* the key of a long name may be too long for a name */
		if (len <= DFSR_NAME_MAX) {
			assert_int_equal(dfsr_fold(key, again), len);
			assert_string_equal(key, again);
			assert_true(dfsr_fold_equal(name, key));
		}
		assert_true(dfsr_fold_equal(name, name));
	}
}

/* A heap block of the exact size shows a checker any overread. */
static void test_exact_blocks(void **state)
{
	struct samples s = {.state = 12};
	int i;

	for (i = 0; i < 20000; i++) {
		size_t len = 1 + samples_below(&s, 6);
		char *name = talloc_array(*state, char, len + 1);
		char key[DFSR_FOLD_MAX + 1];
		size_t j;

		assert_non_null(name);
		for (j = 0; j < len; j++) {
			name[j] = (char)(0x80 + samples_below(&s, 128));
		}
		name[len] = '\0';
		assert_true(dfsr_fold(name, key) > 0);
		talloc_free(name);
	}
}

static void test_longest(void **state)
{
	char name[DFSR_NAME_MAX + 2];
	char key[DFSR_FOLD_MAX + 1];
	size_t i;

	(void)state;
	/* U+0250 takes two bytes, its upper case three */
	for (i = 0; i + 1 < DFSR_NAME_MAX; i += 2) {
		memcpy(&name[i], "\xc9\x90", 2);
	}
	name[i] = 'a';
	name[DFSR_NAME_MAX] = '\0';
	assert_int_equal(dfsr_fold(name, key), DFSR_NAME_MAX / 2 * 3 + 1);
	assert_true(dfsr_name_valid(name));
	name[DFSR_NAME_MAX] = 'a';
	name[DFSR_NAME_MAX + 1] = '\0';
	assert_int_equal(dfsr_fold(name, key), 0);
	assert_string_equal(key, "");
	assert_false(dfsr_name_valid(name));
}

static void test_valid(void **state)
{
	static const char *const good[] = {
		"a", "...", " ", ".DfsrPrivat", ".DfsrPrivate2", "a\\b",
		"DfsrPrivate", "\xff", ".DfsrPr\xc4\xb1vate",
	};
	static const char *const bad[] = {
		"", ".", "..", "/", "a/b", ".DfsrPrivate", ".dfsrprivate",
		".DFSRPRIVATE",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(dfsr_name_valid(good[i]));
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(dfsr_name_valid(bad[i]));
	}
	assert_true(dfsr_name_private(".dFsRpRiVaTe"));
	assert_false(dfsr_name_private(""));
	assert_false(dfsr_name_private("."));
}

static void test_equal(void **state)
{
	(void)state;
	assert_true(dfsr_fold_equal("Straße", "STRAßE"));
	assert_false(dfsr_fold_equal("Straße", "STRASSE"));
	assert_false(dfsr_fold_equal("a", "ab"));
	assert_false(dfsr_fold_equal("", ""));
	assert_false(dfsr_fold_equal("K", "\xe2\x84\xaa"));
}

static void test_paths(void **state)
{
	char *path = NULL;

	assert_true(dfsr_path_has_private(".DfsrPrivate"));
	assert_true(dfsr_path_has_private("/.dfsrPRIVATE"));
	assert_true(dfsr_path_has_private("a/../.DfsrPrivate/b"));
	assert_true(dfsr_path_has_private("a//.DfsrPrivate//"));
	assert_false(dfsr_path_has_private(""));
	assert_false(dfsr_path_has_private("/"));
	assert_false(dfsr_path_has_private("a/DfsrPrivate/.Dfsr/Private"));
	/* a component that is too long hides nothing behind it */
	path = talloc_asprintf(*state, "%0300d/.DfsrPrivate", 0);
	assert_non_null(path);
	assert_true(dfsr_path_has_private(path));
	talloc_free(path);
}

#define T(name)                                        \
	cmocka_unit_test_setup_teardown(name,          \
					samples_setup, \
					samples_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_characters),
		T(test_bad_utf8),
		T(test_every_character),
		T(test_table),
		T(test_random_names),
		T(test_exact_blocks),
		T(test_longest),
		T(test_valid),
		T(test_equal),
		T(test_paths),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
