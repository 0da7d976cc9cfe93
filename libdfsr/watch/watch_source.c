/*
   Samba DFS Replication
   An object that is served to a partner

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
#include <unistd.h>
#include "dfsr_watch.h"

struct dfsr_source {
	int fd; /* for reading, or O_PATH of a symbolic link */
	uint8_t kind;
	struct dfsr_stamp stamp;
};

/** An answer on its way. */
struct source_read {
	struct dfsr_source *source;
	TALLOC_CTX *mem_ctx;
	struct dfsr_extent *extents;
	uint32_t num;
};

static int source_destructor(struct dfsr_source *source)
{
	if (source->fd != -1) {
		close(source->fd);
		source->fd = -1;
	}
	return 0;
}

/*
 * The times of a directory move with every entry. Whether its metadata is
 * still that of the record is for the reader to say, by the hash.
 */
static bool source_same(const struct dfsr_stamp *a, const struct dfsr_stamp *b)
{
	if (dfsr_fs_kind(a->mode) == DFSR_KIND_DIRECTORY) {
		return dfsr_ident_equal(&a->ident, &b->ident) &&
		       a->mode == b->mode;
	}
	return dfsr_stamp_equal(a, b);
}

static int source_check(const struct dfsr_source *source)
{
	struct dfsr_stamp now;
	int ret;

	ret = dfsr_fs_stamp(source->fd, &now);
	if (ret != 0) {
		return ret;
	}
	return source_same(&source->stamp, &now) ? 0 : ESTALE;
}

static int source_fd(struct dfsr_source *source, int pathfd)
{
	int ret;

	ret = dfsr_fs_stamp(pathfd, &source->stamp);
	if (ret != 0) {
		return ret;
	}
	source->kind = dfsr_fs_kind(source->stamp.mode);
	switch (source->kind) {
	case 0:
		return ESTALE;
	case DFSR_KIND_SYMLINK:
		source->fd = fcntl(pathfd, F_DUPFD_CLOEXEC, 0);
		break;
	default:
		source->fd = dfsr_fs_reopen(pathfd);
		break;
	}
	return source->fd == -1 ? errno : 0;
}

int dfsr_source_open(TALLOC_CTX *mem_ctx, const struct dfsr_fs_root *root,
		     const char *relpath, const struct dfsr_stamp *stamp,
		     struct dfsr_source **_source, struct dfsr_meta **meta)
{
	struct dfsr_source *source = NULL;
	int pathfd, ret;

	pathfd = dfsr_fs_open(root, relpath, O_PATH, 0);
	if (pathfd == -1) {
		return errno == ENOENT || errno == ENOTDIR ? ESTALE : errno;
	}
	source = talloc_zero(mem_ctx, struct dfsr_source);
	if (source == NULL) {
		close(pathfd);
		return ENOMEM;
	}
	source->fd = -1;
	talloc_set_destructor(source, source_destructor);
	ret = source_fd(source, pathfd);
	close(pathfd);
	if (ret != 0) {
		goto fail;
	}
	if (!source_same(stamp, &source->stamp)) {
		ret = ESTALE;
		goto fail;
	}
	ret = dfsr_fs_meta_read(source, source->fd, meta);
	if (ret != 0) {
		goto fail;
	}
	ret = source_check(source);
	if (ret != 0) {
		goto fail;
	}
	talloc_steal(mem_ctx, *meta);
	*_source = source;
	return 0;
fail:
	TALLOC_FREE(source);
	return ret;
}

/* The next run of data in [ofs, end); len 0 when there is none. */
static int next_run(int fd, uint64_t ofs, uint64_t end, uint64_t *start,
		    uint64_t *len)
{
	off_t data, hole;

	*start = end;
	*len = 0;
	data = lseek(fd, (off_t)ofs, SEEK_DATA);
	if (data == -1) {
		return errno == ENXIO ? 0 : errno;
	}
	if ((uint64_t)data >= end) {
		return 0;
	}
	hole = lseek(fd, data, SEEK_HOLE);
	if (hole == -1) {
		return errno;
	}
	*start = (uint64_t)data;
	*len = ((uint64_t)hole < end ? (uint64_t)hole : end) - *start;
	return 0;
}

static int read_run(struct source_read *r, uint64_t ofs, uint64_t len)
{
	struct dfsr_extent *e = NULL;
	uint8_t *data = NULL;
	size_t done = 0;

	e = talloc_realloc(r->mem_ctx, r->extents, struct dfsr_extent,
			   r->num + 1);
	if (e == NULL) {
		return ENOMEM;
	}
	r->extents = e;
	data = talloc_array(e, uint8_t, len);
	if (data == NULL) {
		return ENOMEM;
	}
	while (done < len) {
		ssize_t got = pread(r->source->fd, data + done, len - done,
				    (off_t)(ofs + done));

		if (got == -1 && errno == EINTR) {
			continue;
		}
		if (got == -1) {
			return errno;
		}
		if (got == 0) {
			return ESTALE;
		}
		done += (size_t)got;
	}
	e[r->num] = (struct dfsr_extent){
		.ofs = ofs,
		.len = (uint32_t)len,
		.data = data,
	};
	r->num++;
	return 0;
}

static int read_runs(struct source_read *r, uint64_t ofs, uint64_t end)
{
	while (ofs < end) {
		uint64_t start = 0, len = 0;
		int ret;

		ret = next_run(r->source->fd, ofs, end, &start, &len);
		if (ret != 0) {
			return ret;
		}
		if (len == 0) {
			return 0;
		}
		if (r->num == DFSR_EXTENTS_MAX - 1) {
			len = end - start; /* the last one takes holes in */
		}
		ret = read_run(r, start, len);
		if (ret != 0) {
			return ret;
		}
		ofs = start + len;
	}
	return 0;
}

int dfsr_source_read(struct dfsr_source *source, TALLOC_CTX *mem_ctx,
		     uint64_t ofs, uint32_t len, struct dfsr_extent **extents,
		     uint32_t *num_extents)
{
	struct source_read r = {.source = source, .mem_ctx = mem_ctx};
	uint64_t end = ofs + len;
	int ret;

	*extents = NULL;
	*num_extents = 0;
	if (len > DFSR_SOURCE_READ_MAX || end < ofs) {
		return EINVAL;
	}
	if (end > source->stamp.size) {
		end = source->stamp.size;
	}
	if (source->kind != DFSR_KIND_FILE) {
		end = 0;
	}
	ret = read_runs(&r, ofs, end);
	if (ret == 0) {
		ret = source_check(source);
	}
	if (ret != 0) {
		TALLOC_FREE(r.extents);
		return ret;
	}
	*extents = r.extents;
	*num_extents = r.num;
	return 0;
}
