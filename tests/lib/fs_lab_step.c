/*
   Samba DFS Replication
   Steps of dfsr_apply_steps() for tests

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

#include <string.h>
#include <sys/stat.h>
#include "fs_lab.h"

/* Stage a version and make a step of it that puts it at path. */
struct dfsr_apply_step *fs_lab_staged_step(enum dfsr_apply_op op,
					   const char *path, const char *text)
{
	struct dfsr_meta *m = fs_lab_meta(S_IFREG | 0644);
	struct dfsr_apply_step *s = NULL;
	struct dfsr_fs_problem problem;
	struct dfsr_stamp stamp;
	char *name = talloc_zero_size(fs_lab.top, DFSR_APPLY_NAME_MAX + 1);

	s = talloc_zero(fs_lab.top, struct dfsr_apply_step);
	assert_non_null(s);
	assert_int_equal(fs_lab_stage(m, text, name, &stamp, &problem), 0);
	s->op = op;
	s->path = path;
	s->staged = name;
	s->staged_ident = stamp.ident;
	s->displaced = talloc_asprintf(s, "old-%s", name);
	if (op == DFSR_OP_REPLACE) {
		s->expect = fs_lab_stamp(path);
	}
	return s;
}

struct dfsr_apply_step *fs_lab_own_step(enum dfsr_apply_op op,
					const char *path, const char *new_path)
{
	struct dfsr_apply_step *s = NULL;

	s = talloc_zero(fs_lab.top, struct dfsr_apply_step);
	assert_non_null(s);
	s->op = op;
	s->path = path;
	s->new_path = new_path;
	s->expect = fs_lab_stamp(path);
	s->displaced = talloc_asprintf(s, "gone-%u",
				       (unsigned)fs_lab_gvsn()->vsn);
	return s;
}

int fs_lab_run_step(struct dfsr_apply_step *s)
{
	assert_int_equal(dfsr_apply_steps(fs_lab.apply, s, 1), 0);
	return s->err;
}

char *fs_lab_displaced_text(const struct dfsr_apply_step *s)
{
	return fs_lab_text(talloc_asprintf(s, DFSR_PRIVATE_DIR
					   "/Displaced/%s", s->displaced));
}

void fs_lab_assert_text(const char *relpath, const char *text)
{
	char *have = fs_lab_text(relpath);

	assert_non_null(have);
	assert_string_equal(have, text);
}
