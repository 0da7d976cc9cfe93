/*
   Samba DFS Replication
   Rows and their four orders
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"
#include "store_fixture.h"

static struct dfsr_store_txn *reader(struct store_fixture *f)
{
	struct dfsr_store_txn *txn = NULL;

	assert_int_equal(dfsr_store_read_begin(f->store, &txn), 0);
	return txn;
}

static void assert_same_row(const struct dfsr_row *a, const struct dfsr_row *b)
{
	TALLOC_CTX *tmp = talloc_new(NULL);
	struct dfsr_push pa, pb;

	dfsr_push_init(&pa, tmp);
	dfsr_push_init(&pb, tmp);
	store_row_pack(&pa, a);
	store_row_pack(&pb, b);
	assert_int_equal(pa.err, 0);
	assert_int_equal(pa.len, pb.len);
	assert_memory_equal(pa.data, pb.data, pa.len);
	talloc_free(tmp);
}

/* by name; want NULL: nobody has it */
static void assert_name(struct store_fixture *f, const struct dfsr_id *dir,
			const char *name, const struct dfsr_row *want)
{
	struct dfsr_store_txn *txn = reader(f);
	struct dfsr_row row;
	int err;

	err = dfsr_store_row_by_name(txn, dir, name, &row);
	dfsr_store_read_end(txn);
	if (want == NULL) {
		assert_int_equal(err, ENOENT);
		return;
	}
	assert_int_equal(err, 0);
	assert_same_row(&row, want);
}

static void assert_ident(struct store_fixture *f,
			 const struct dfsr_ident *ident,
			 const struct dfsr_row *want)
{
	struct dfsr_store_txn *txn = reader(f);
	struct dfsr_row row;
	int err;

	err = dfsr_store_row_by_ident(txn, ident, &row);
	dfsr_store_read_end(txn);
	if (want == NULL) {
		assert_int_equal(err, ENOENT);
		return;
	}
	assert_int_equal(err, 0);
	assert_same_row(&row, want);
}

static struct dfsr_id root_of(struct store_fixture *f)
{
	return dfsr_root_uid(&f->folder);
}

/* ---- single rows ------------------------------------------------------ */

static void test_round_trip(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row, got;
	int i;

	for (i = 0; i < 200; i++) {
		store_fixture_row(f, &root, "x", &row);
		samples_record(&f->samples, &row.rec);
		row.fh_len = samples_below(&f->samples, DFSR_FH_MAX + 1);
		samples_bytes(&f->samples, row.fh, row.fh_len);
		if (row.rec.uid.vsn == 1) {
			continue;
		}
		store_fixture_put(f, &row);
		txn = reader(f);
		assert_int_equal(
			dfsr_store_row_by_uid(txn, &row.rec.uid, &got), 0);
		dfsr_store_read_end(txn);
		assert_same_row(&row, &got);
		assert_int_equal(got.fh_type, row.fh_type);
		assert_int_equal(got.clock_high, row.clock_high);
	}
}

static void test_orders(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_row a, was;

	store_fixture_row(f, &root, "Report.Docx", &a);
	store_fixture_put(f, &a);
	assert_name(f, &root, "report.dOCX", &a);
	assert_name(f, &root, "report", NULL);
	assert_ident(f, &a.stamp.ident, &a);

	/* moved, new inode, new version: nothing of the old stays */
	was = a;
	store_fixture_touch(f, &a);
	strcpy(a.rec.name, "b");
	a.stamp.ident.ino++;
	store_fixture_put(f, &a);
	assert_name(f, &root, "report.docx", NULL);
	assert_name(f, &root, "B", &a);
	assert_ident(f, &was.stamp.ident, NULL);
	assert_ident(f, &a.stamp.ident, &a);
	store_fixture_check(f);

	/* a case-only rename keeps its entry */
	store_fixture_touch(f, &a);
	strcpy(a.rec.name, "B");
	store_fixture_put(f, &a);
	assert_name(f, &root, "b", &a);

	store_fixture_kill(f, &a);
	store_fixture_put(f, &a);
	assert_name(f, &root, "b", NULL);
	assert_ident(f, &a.stamp.ident, NULL);
	store_fixture_check(f);
}

static int refuse_unit(struct dfsr_store_txn *txn, void *private_data)
{
	return dfsr_store_row_put(txn, private_data);
}

static void test_refused(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row, bad;
	uint64_t live, dead;

	store_fixture_row(f, &root, "a", &row);
	bad = row;
	strcpy(bad.rec.name, "a/b");
	store_fixture_unit(f, refuse_unit, &bad, EINVAL);
	bad = row;
	bad.fh_len = DFSR_FH_MAX + 1;
	store_fixture_unit(f, refuse_unit, &bad, EINVAL);
	bad = row;
	bad.rec.uid = root;
	bad.rec.uid.db.b[0] ^= 1;
	bad.rec.kind = DFSR_KIND_DIRECTORY;
	store_fixture_unit(f, refuse_unit, &bad, EINVAL);

	txn = reader(f);
	assert_int_equal(dfsr_store_row_put(txn, &row), EROFS);
	assert_int_equal(dfsr_store_row_count(txn, &live, &dead), 0);
	assert_int_equal(live + dead, 0);
	assert_int_equal(dfsr_store_row_by_uid(txn, &row.rec.uid, &bad),
			 ENOENT);
	dfsr_store_read_end(txn);
}

static void test_root(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row, got;

	store_fixture_dir(f, &root, "", &row);
	row.rec.uid = root;
	memset(&row.rec.parent, 0, sizeof(row.rec.parent));
	store_fixture_put(f, &row);
	assert_ident(f, &row.stamp.ident, &row);
	txn = reader(f);
	assert_int_equal(dfsr_store_next_child(txn, &root, "", &got), ENOENT);
	dfsr_store_read_end(txn);
	store_fixture_check(f);
}

/* ---- trading names ---------------------------------------------------- */

static void test_swap(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_row a, b;

	store_fixture_row(f, &root, "a", &a);
	store_fixture_row(f, &root, "b", &b);
	store_fixture_put(f, &a);
	store_fixture_put(f, &b);
	store_fixture_touch(f, &a);
	strcpy(a.rec.name, "B");
	store_fixture_put(f, &a);
	assert_name(f, &root, "b", &a);
	assert_name(f, &root, "a", NULL);
	store_fixture_touch(f, &b);
	strcpy(b.rec.name, "A");
	store_fixture_put(f, &b);
	assert_name(f, &root, "b", &a);
	assert_name(f, &root, "a", &b);
	store_fixture_check(f);
}

static void test_ident_taken(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_row a, b;
	struct dfsr_ident shared;

	/* the number of a deleted inode is used again */
	store_fixture_row(f, &root, "a", &a);
	store_fixture_row(f, &root, "b", &b);
	store_fixture_put(f, &a);
	shared = a.stamp.ident;
	b.stamp.ident = shared;
	store_fixture_put(f, &b);
	assert_ident(f, &shared, &b);
	store_fixture_kill(f, &a);
	store_fixture_put(f, &a);
	assert_ident(f, &shared, &b);
	store_fixture_check(f);
}

/* ---- scans ------------------------------------------------------------ */

static void test_children(void **state)
{
	static const char *const names[] = {"b", "C", "a", "ab", "Ä", "zz"};
	static const char *const order[] = {"a", "ab", "b", "C", "zz", "Ä"};
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row, dir;
	char after[DFSR_NAME_MAX + 1] = "";
	size_t i;

	store_fixture_dir(f, &root, "m", &dir);
	store_fixture_put(f, &dir);
	for (i = 0; i < 6; i++) {
		store_fixture_row(f, &dir.rec.uid, names[i], &row);
		store_fixture_put(f, &row);
	}
	store_fixture_row(f, &root, "elsewhere", &row);
	store_fixture_put(f, &row);

	txn = reader(f);
	for (i = 0; i < 6; i++) {
		assert_int_equal(dfsr_store_next_child(txn, &dir.rec.uid,
						       after, &row),
				 0);
		assert_string_equal(row.rec.name, order[i]);
		strcpy(after, row.rec.name);
	}
	assert_int_equal(
		dfsr_store_next_child(txn, &dir.rec.uid, after, &row),
		ENOENT);
	dfsr_store_read_end(txn);
}

static void test_gvsn_range(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row;
	struct dfsr_id from;
	uint64_t i, last = 0, seen = 0;

	/* 255 to 256 and further: little-endian keys would fail here */
	for (i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d", (int)i);
		store_fixture_row(f, &root, name, &row);
		row.rec.gvsn.vsn = 100 + i * 3;
		row.rec.lineage.e[0] = row.rec.gvsn;
		store_fixture_put(f, &row);
	}
	from = (struct dfsr_id){.db = f->folder, .vsn = 0};
	txn = reader(f);
	while (dfsr_store_next_gvsn(txn, &from, &row) == 0) {
		assert_true(row.rec.gvsn.vsn > last);
		last = row.rec.gvsn.vsn;
		from.vsn = last + 1;
		seen++;
	}
	assert_int_equal(seen, 300);
	from.vsn = 101;
	assert_int_equal(dfsr_store_next_gvsn(txn, &from, &row), 0);
	assert_int_equal(row.rec.gvsn.vsn, 103);
	/* another database never answers */
	from.db.b[15]--;
	assert_int_equal(dfsr_store_next_gvsn(txn, &from, &row), ENOENT);
	dfsr_store_read_end(txn);
}

/* ---- aliases ---------------------------------------------------------- */

static void test_alias(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_row win, lose, only, both, kept;

	store_fixture_dir(f, &root, "d", &win);
	store_fixture_dir(f, &root, "D", &lose);
	store_fixture_put(f, &win);
	store_fixture_row(f, &win.rec.uid, "both", &kept);
	store_fixture_row(f, &lose.rec.uid, "BOTH", &both);
	store_fixture_row(f, &lose.rec.uid, "only", &only);
	store_fixture_put(f, &lose);
	store_fixture_put(f, &win);
	store_fixture_put(f, &kept);
	store_fixture_put(f, &both);
	store_fixture_put(f, &only);
	store_fixture_merge(f, &lose, &win.rec.uid);
	store_fixture_put(f, &lose);

	assert_name(f, &win.rec.uid, "only", &only);
	assert_name(f, &lose.rec.uid, "only", &only);
	assert_name(f, &win.rec.uid, "both", &kept);
	assert_name(f, &lose.rec.uid, "both", &kept);
	store_fixture_check(f);

	/* the loser of the name goes; the winner's entry stays */
	store_fixture_kill(f, &both);
	store_fixture_put(f, &both);
	assert_name(f, &win.rec.uid, "both", &kept);
	/* a child that comes later under the loser's UID */
	store_fixture_row(f, &lose.rec.uid, "late", &both);
	store_fixture_put(f, &both);
	assert_name(f, &win.rec.uid, "LATE", &both);
	store_fixture_check(f);
}

static int careless_unit(struct dfsr_store_txn *txn, void *private_data)
{
	return dfsr_store_row_put(txn, private_data) == ELOOP ? 0 : EINVAL;
}

/* Children are known before the directory they lie in is. */
static void test_alias_chain(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_row d[4], child[4];
	char name[16];
	int i, j;

	for (i = 0; i < 4; i++) {
		store_fixture_dir(f, &root, "d", &d[i]);
		snprintf(name, sizeof(name), "c%d", i);
		store_fixture_row(f, &d[i].rec.uid, name, &child[i]);
		store_fixture_put(f, &child[i]);
	}
	store_fixture_put(f, &d[3]);
	for (i = 0; i < 3; i++) {
		store_fixture_merge(f, &d[i], &d[i + 1].rec.uid);
		store_fixture_put(f, &d[i]);
	}
	for (i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		for (j = 0; j < 4; j++) {
			assert_name(f, &d[j].rec.uid, name, &child[i]);
		}
	}
	store_fixture_check(f);

	/* a circle is refused, whoever proposes it */
	store_fixture_merge(f, &d[3], &d[0].rec.uid);
	store_fixture_unit(f, refuse_unit, &d[3], ELOOP);
	store_fixture_unit(f, careless_unit, &d[3], 0);
	store_fixture_check(f);
}

/* Another version of an alias names another winner. */
static void test_alias_changes(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_row w1, w2, lose, own, child;

	store_fixture_dir(f, &root, "w1", &w1);
	store_fixture_dir(f, &root, "w2", &w2);
	store_fixture_dir(f, &root, "l", &lose);
	store_fixture_row(f, &w1.rec.uid, "own", &own);
	store_fixture_row(f, &lose.rec.uid, "child", &child);
	store_fixture_put(f, &w1);
	store_fixture_put(f, &w2);
	store_fixture_put(f, &own);
	store_fixture_put(f, &child);
	store_fixture_merge(f, &lose, &w1.rec.uid);
	store_fixture_put(f, &lose);
	assert_name(f, &w1.rec.uid, "child", &child);
	store_fixture_merge(f, &lose, &w2.rec.uid);
	store_fixture_put(f, &lose);
	assert_name(f, &w1.rec.uid, "child", NULL);
	assert_name(f, &w2.rec.uid, "child", &child);
	assert_name(f, &w1.rec.uid, "own", &own);
	store_fixture_check(f);
}

/* ---- against a model -------------------------------------------------- */

#define MODEL_UIDS 40
#define MODEL_NAMES 12
#define MODEL_STEPS 3000

struct model {
	struct dfsr_row rows[MODEL_UIDS];
	bool known[MODEL_UIDS];
	struct dfsr_row dirs[3];
};

static void model_name(uint64_t n, char *name)
{
	snprintf(name, 16, "%s%d", n % 2 ? "Na" : "nA", (int)(n / 2));
}

static void model_step(struct store_fixture *f, struct model *m, uint64_t i)
{
	struct dfsr_row *row = &m->rows[i];
	uint64_t what = samples_below(&f->samples, 8);

	if (!m->known[i]) {
		store_fixture_row(f, &m->dirs[0].rec.uid, "x", row);
		m->known[i] = true;
	}
	store_fixture_touch(f, row);
	row->rec.present = (what != 0);
	row->rec.parent = m->dirs[samples_below(&f->samples, 3)].rec.uid;
	model_name(samples_below(&f->samples, MODEL_NAMES), row->rec.name);
	if (what == 1) {
		memset(&row->stamp.ident, 0, sizeof(row->stamp.ident));
	} else if (what < 4) {
		row->stamp.ident.ino = 1 + samples_below(&f->samples, 30);
		row->stamp.ident.btime_sec = 1700000000;
		row->stamp.ident.btime_nsec = 0;
	}
}

/*
 * The naive model of an index is the order of the puts: a name or identity
 * belongs to the row that was put last with it, until that row leaves it.
 */
struct owner {
	int name[3][MODEL_NAMES / 2];
	int ident[32];
};

static int dir_of(const struct model *m, const struct dfsr_row *row)
{
	int d;

	for (d = 0; d < 3; d++) {
		if (dfsr_id_equal(&m->dirs[d].rec.uid, &row->rec.parent)) {
			return d;
		}
	}
	fail();
	return 0;
}

static void owner_apply(const struct model *m, struct owner *o, int i)
{
	const struct dfsr_row *row = &m->rows[i];
	int d, n;

	for (d = 0; d < 3; d++) {
		for (n = 0; n < MODEL_NAMES / 2; n++) {
			if (o->name[d][n] == i) {
				o->name[d][n] = -1;
			}
		}
	}
	for (n = 0; n < 32; n++) {
		if (o->ident[n] == i) {
			o->ident[n] = -1;
		}
	}
	if (!row->rec.present) {
		return;
	}
	o->name[dir_of(m, row)][atoi(row->rec.name + 2)] = i;
	if (row->stamp.ident.ino < 32 && row->stamp.ident.ino > 0) {
		o->ident[row->stamp.ident.ino] = i;
	}
}

static void model_compare(struct store_fixture *f, const struct model *m,
			  const struct owner *o)
{
	struct dfsr_ident ident = {.btime_sec = 1700000000};
	char name[16];
	int d, n, i;

	for (d = 0; d < 3; d++) {
		for (n = 0; n < MODEL_NAMES / 2; n++) {
			i = o->name[d][n];
			model_name(n * 2, name);
			assert_name(f, &m->dirs[d].rec.uid, name,
				    i < 0 ? NULL : &m->rows[i]);
		}
	}
	for (n = 1; n < 32; n++) {
		i = o->ident[n];
		ident.ino = n;
		assert_ident(f, &ident, i < 0 ? NULL : &m->rows[i]);
	}
}

static void check_gvsns(struct store_fixture *f, const struct model *m)
{
	struct dfsr_store_txn *txn = reader(f);
	struct dfsr_id from = {.db = f->folder};
	struct dfsr_row row;
	int i, want = 3, have = 0;

	for (i = 0; i < MODEL_UIDS; i++) {
		want += m->known[i];
	}
	while (dfsr_store_next_gvsn(txn, &from, &row) == 0) {
		from.vsn = row.rec.gvsn.vsn + 1;
		have++;
	}
	dfsr_store_read_end(txn);
	assert_int_equal(have, want);
}

static void test_model(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct model *m = calloc(1, sizeof(*m));
	struct owner o;
	char name[16];
	int step, i;

	assert_non_null(m);
	memset(&o, 0xff, sizeof(o));
	for (i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "dir%d", i);
		store_fixture_dir(f, &root, name, &m->dirs[i]);
		store_fixture_put(f, &m->dirs[i]);
	}
	for (step = 0; step < MODEL_STEPS; step++) {
		i = (int)samples_below(&f->samples, MODEL_UIDS);
		model_step(f, m, i);
		store_fixture_put(f, &m->rows[i]);
		owner_apply(m, &o, i);
		if (step % 50 == 0) {
			model_compare(f, m, &o);
			check_gvsns(f, m);
		}
	}
	store_fixture_reopen(f);
	model_compare(f, m, &o);
	check_gvsns(f, m);
	free(m);
}

/* ---- the engine's view ------------------------------------------------ */

static void test_view(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_view view;
	struct dfsr_record rec;
	struct dfsr_row row;
	uint64_t clock = 0;

	store_fixture_row(f, &root, "a", &row);
	store_fixture_put(f, &row);
	txn = reader(f);
	dfsr_store_view(txn, &view);
	assert_int_equal(view.by_uid(view.private_data, &row.rec.uid, &rec),
			 0);
	assert_true(dfsr_id_equal(&rec.gvsn, &row.rec.gvsn));
	assert_int_equal(view.by_name(view.private_data, &root, "A", &rec), 0);
	assert_int_equal(view.next_child(view.private_data, &root, "", &rec),
			 0);
	assert_true(dfsr_id_equal(&rec.uid, &row.rec.uid));
	assert_int_equal(
		view.clock_high(view.private_data, &row.rec.uid, &clock), 0);
	assert_int_equal(clock, row.clock_high);
	assert_int_equal(view.clock_high(view.private_data, &root, &clock),
			 ENOENT);
	dfsr_store_read_end(txn);
}

/* ---- damage ----------------------------------------------------------- */

static void test_damage(void **state)
{
	struct store_fixture *f = *state;
	struct dfsr_id root = root_of(f);
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row row, got;
	uint8_t key[STORE_ID_LEN];
	size_t ofs;

	store_fixture_row(f, &root, "a", &row);
	store_fixture_put(f, &row);
	store_key_id(key, &row.rec.uid);
	for (ofs = 0; ofs < 280; ofs += 7) {
		store_fixture_close(f);
		store_fixture_damage(f, "uid", key, sizeof(key), ofs);
		store_fixture_open(f);
		txn = reader(f);
		assert_int_equal(
			dfsr_store_row_by_uid(txn, &row.rec.uid, &got), EIO);
		assert_int_equal(
			dfsr_store_row_by_name(txn, &root, "a", &got), EIO);
		dfsr_store_read_end(txn);
		/* it is not written over either: that would orphan entries */
		store_fixture_unit(f, refuse_unit, &row, EIO);
		store_fixture_close(f);
		store_fixture_damage(f, "uid", key, sizeof(key), ofs);
		store_fixture_open(f);
	}
	assert_name(f, &root, "a", &row);

	store_fixture_close(f);
	store_key_id(key, &row.rec.gvsn);
	store_fixture_damage(f, "gvsn", key, sizeof(key), 3);
	store_fixture_open(f);
	txn = reader(f);
	assert_int_equal(dfsr_store_next_gvsn(txn, &row.rec.gvsn, &got), EIO);
	dfsr_store_read_end(txn);
}

int main(void)
{
#define TEST(fn)                                                    \
	cmocka_unit_test_setup_teardown(fn, store_fixture_setup, \
					store_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip), TEST(test_orders),
		TEST(test_refused),    TEST(test_root),
		TEST(test_swap),       TEST(test_ident_taken),
		TEST(test_children),   TEST(test_gvsn_range),
		TEST(test_alias),      TEST(test_alias_chain),
		TEST(test_alias_changes), TEST(test_model),
		TEST(test_view),       TEST(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
