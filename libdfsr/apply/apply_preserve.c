/*
   Samba DFS Replication
   Keeping an object for good: ConflictAndDeleted and PreExisting

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
#include <string.h>
#include <unistd.h>
#include "apply_private.h"

/** Longest extension that is kept apart from the base. */
#define EXT_MAX 64
/** How many kept objects may have one name and one version. */
#define SUFFIX_MAX 10000

/* Cut at the start of a character, if it is UTF-8 at all. */
static size_t cut_utf8(const char *s, size_t len, size_t max)
{
	size_t cut = max;

	if (len <= max) {
		return len;
	}
	while (cut > 0 && max - cut < 4 &&
	       ((uint8_t)s[cut] & 0xC0) == 0x80) {
		cut--;
	}
	return ((uint8_t)s[cut] & 0xC0) == 0x80 ? max : cut;
}

/* "<base>-{GUID}-vN.<ext>", with "-2" and so on behind it if it is taken. */
static void kept_name(const char *leaf, bool dir, const struct dfsr_id *gvsn,
		      unsigned nth, char kept[DFSR_NAME_MAX + 1])
{
	const char *dot = dir ? NULL : strrchr(leaf, '.');
	size_t leaf_len = strlen(leaf);
	char id[DFSR_ID_STRLEN];
	char suffix[16] = "";
	size_t base, rest;

	if (dot == leaf || (dot != NULL && strlen(dot) > EXT_MAX)) {
		dot = NULL;
	}
	if (dot == NULL) {
		dot = leaf + leaf_len;
	}
	if (nth > 1) {
		snprintf(suffix, sizeof(suffix), "-%u", nth);
	}
	dfsr_id_str(gvsn, id);
	rest = 1 + strlen(id) + strlen(suffix) + strlen(dot);
	base = cut_utf8(leaf, (size_t)(dot - leaf), DFSR_NAME_MAX - rest);
	snprintf(kept, DFSR_NAME_MAX + 1, "%.*s-%s%s%s", (int)base, leaf, id,
		 suffix, dot);
}

static int keep(struct dfsr_apply *apply, const struct apply_place *from,
		enum dfsr_apply_dir to, const char *leaf,
		const struct dfsr_id *gvsn, char kept[DFSR_NAME_MAX + 1])
{
	struct dfsr_stamp stamp;
	unsigned nth;
	bool dir;
	int ret;

	ret = dfsr_fs_stamp_at(from->dirfd, from->leaf, &stamp);
	if (ret != 0) {
		return ret;
	}
	dir = dfsr_fs_kind(stamp.mode) == DFSR_KIND_DIRECTORY;
	ret = EEXIST;
	for (nth = 1; nth <= SUFFIX_MAX && ret == EEXIST; nth++) {
		kept_name(leaf, dir, gvsn, nth, kept);
		ret = apply_rename_free(from->dirfd, from->leaf,
					apply->dirfd[to], kept);
	}
	return ret;
}

static int keep_finish(struct dfsr_apply *apply,
		       const struct apply_place *from, enum dfsr_apply_dir to,
		       const char *kept, uint64_t *size, uint64_t *files)
{
	struct apply_count count;
	int ret;

	ret = apply_tree_count(apply->dirfd[to], kept, &count);
	if (ret != 0) {
		return ret;
	}
	*size = count.size;
	*files = count.files;
	/* the new name first: two are better than none */
	if (fsync(apply->dirfd[to]) != 0 || fsync(from->dirfd) != 0) {
		return errno;
	}
	return 0;
}

static bool is_store(enum dfsr_apply_dir dir)
{
	return dir == DFSR_DIR_CONFLICT || dir == DFSR_DIR_PREEXISTING;
}

int dfsr_apply_preserve(struct dfsr_apply *apply, enum dfsr_apply_dir from,
			const char *name, enum dfsr_apply_dir to,
			const char *leaf, const struct dfsr_id *gvsn,
			char kept[DFSR_NAME_MAX + 1], uint64_t *size,
			uint64_t *files)
{
	struct apply_place place;
	int ret;

	if ((from != DFSR_DIR_DISPLACED && from != DFSR_DIR_PARKING) ||
	    !is_store(to) || !apply_name_valid(name) ||
	    !dfsr_name_valid(leaf)) {
		return EINVAL;
	}
	place.dirfd = apply->dirfd[from];
	place.leaf = name;
	ret = keep(apply, &place, to, leaf, gvsn, kept);
	if (ret != 0) {
		return ret;
	}
	return keep_finish(apply, &place, to, kept, size, files);
}

static int preserve_place(struct dfsr_apply *apply,
			  const struct apply_place *place,
			  const struct dfsr_stamp *expect,
			  enum dfsr_apply_dir to, const struct dfsr_id *gvsn,
			  char kept[DFSR_NAME_MAX + 1])
{
	struct dfsr_stamp now;
	int fd = -1;
	int ret;

	ret = apply_expect_open(place->dirfd, place->leaf, expect, &fd, &now);
	if (ret != 0) {
		return ret;
	}
	close(fd);
	ret = keep(apply, place, to, place->leaf, gvsn, kept);
	if (ret != 0) {
		return ret == ENOENT ? ESTALE : ret;
	}
	ret = dfsr_fs_stamp_at(apply->dirfd[to], kept, &now);
	if (ret == 0 && !apply_expected(expect, &now)) {
		/* a client was quicker: its object goes back */
		ret = apply_rename_free(apply->dirfd[to], kept, place->dirfd,
					place->leaf);
		/* or stays kept, if there is a newer one already */
		return ret == EEXIST ? 0 : ESTALE;
	}
	return ret;
}

int dfsr_apply_preserve_path(struct dfsr_apply *apply, const char *path,
			     const struct dfsr_stamp *expect,
			     enum dfsr_apply_dir to, const struct dfsr_id *gvsn,
			     char kept[DFSR_NAME_MAX + 1], uint64_t *size,
			     uint64_t *files)
{
	const struct dfsr_ident any = {0};
	struct apply_place place;
	int ret;

	if (!is_store(to)) {
		return EINVAL;
	}
	ret = apply_place_open(apply, path, &any, &place);
	if (ret != 0) {
		return ret;
	}
	ret = preserve_place(apply, &place, expect, to, gvsn, kept);
	if (ret == 0) {
		ret = keep_finish(apply, &place, to, kept, size, files);
	}
	apply_place_close(&place);
	return ret;
}
