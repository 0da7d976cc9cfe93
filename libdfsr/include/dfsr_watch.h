/*
   Samba DFS Replication
   Looking at the content tree: one object, one directory

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

#ifndef __DFSR_WATCH_H__
#define __DFSR_WATCH_H__

/*
 * The room that reads the content tree for changes. A look is the only way
 * to learn a version: bytes hashed, made durable, looked at again.
 * Synchronous; called from worker threads.
 */

#include "dfsr_fs.h"

/** How often a look starts over when the object changes under it. */
#define DFSR_LOOK_RETRIES 3

/** What was found at a name. */
struct dfsr_look {
	bool exists;
	uint8_t kind; /* DFSR_KIND_*; 0: something that is not replicated */
	struct dfsr_stamp parent; /* the directory that holds the name */
	struct dfsr_stamp stamp;
	uint8_t fh[DFSR_FH_MAX];
	uint8_t fh_len;
	int32_t fh_type;
	/* the rest only when it was read, see flags */
	uint32_t attributes;
	uint8_t content_hash[DFSR_HASH_LEN];
	uint8_t meta_hash[DFSR_HASH_LEN];
	bool hashed;
	struct dfsr_meta *meta;
};

/** Make the object and its name durable, read metadata and content. */
#define DFSR_LOOK_HASH 0x1
/**
 * Do not sync. For a batch the caller syncs the filesystem after its looks and
 * then compares the stamps once more (a look without DFSR_LOOK_HASH): what
 * moved is looked at again. One more sync before the looks makes that hold for
 * stores through shared mappings too, see fs_object.c.
 */
#define DFSR_LOOK_NOSYNC 0x2
/**
 * Hash only if the stamp differs from *known, or *known is unsettled. Else
 * hashed is false and only the stamps and the handle are filled: the same
 * ctime means the same metadata.
 */
#define DFSR_LOOK_IF_CHANGED 0x4

/**
 * Look at a name below the root.
 *
 * @param[in] known what the store says its object looked like, or NULL
 * @return 0 (also when nothing is there), EAGAIN when it kept changing,
 *         ESTALE when its directory is gone (or is a symbolic link now),
 *         EPERM and EINVAL for a path that is never replicated, or an errno
 */
int dfsr_watch_look(TALLOC_CTX *mem_ctx, const struct dfsr_fs_root *root,
		    const char *relpath, unsigned flags,
		    const struct dfsr_stamp *known, struct dfsr_look *look);

struct dfsr_watch_entry {
	char *name;
	struct dfsr_stamp stamp;
};

struct dfsr_watch_listing {
	struct dfsr_stamp dir;
	uint32_t num; /* ascending by name bytes */
	struct dfsr_watch_entry *entries;
	uint32_t skipped; /* names or kinds that cannot be replicated */
};

/**
 * All names of one directory with their stamps, without "." and "..", the
 * private directory, and what dfsr_name_valid() refuses.
 */
int dfsr_watch_list(TALLOC_CTX *mem_ctx, const struct dfsr_fs_root *root,
		    const char *relpath, struct dfsr_watch_listing **listing);

/**
 * An object that is open to be served to a partner. Bytes are sent only while
 * its stamp is what the record was made from (semantics B19).
 */
struct dfsr_source;
/**
 * @param[in] stamp what the row says; another one → ESTALE; of a directory
 *                  identity and mode count only, its times move with its
 *                  entries: compare the hash of meta
 * @param[out] meta the metadata now
 */
int dfsr_source_open(TALLOC_CTX *mem_ctx, const struct dfsr_fs_root *root,
		     const char *relpath, const struct dfsr_stamp *stamp,
		     struct dfsr_source **source, struct dfsr_meta **meta);
/** One run of data; the bytes between runs are holes. */
struct dfsr_extent {
	uint64_t ofs;
	uint32_t len;
	const uint8_t *data;
};
/** Most extents of one answer. */
#define DFSR_EXTENTS_MAX 4096
/** Most bytes of one answer. */
#define DFSR_SOURCE_READ_MAX (8 * 1024 * 1024)
/**
 * Read [ofs, ofs + len) as runs of data below mem_ctx; what lies behind the end
 * of the file is left out.
 * @param[in] len at most DFSR_SOURCE_READ_MAX, else EINVAL
 * @return 0, ESTALE when the object has changed since it was opened
 */
int dfsr_source_read(struct dfsr_source *source, TALLOC_CTX *mem_ctx,
		     uint64_t ofs, uint32_t len, struct dfsr_extent **extents,
		     uint32_t *num_extents);

#endif /* __DFSR_WATCH_H__ */
