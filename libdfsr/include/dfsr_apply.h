/*
   Samba DFS Replication
   The only room that writes into the content tree

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

#ifndef __DFSR_APPLY_H__
#define __DFSR_APPLY_H__

/*
 * R4 of docs/design/0001-semantics.md, step by step. An object is staged
 * whole below .DfsrPrivate/Staging on the content's filesystem, with all its
 * metadata; put in place by one rename or exchange; and what it displaced is
 * kept below .DfsrPrivate/Displaced until a read lease proves that nobody
 * writes to it. Nothing here decides anything. Synchronous; called from worker
 * threads.
 */

#include "dfsr_fs.h"

/** Longest name of a staged or displaced object. */
#define DFSR_APPLY_NAME_MAX 63

enum dfsr_apply_dir {
	DFSR_DIR_STAGING,
	DFSR_DIR_DISPLACED,
	DFSR_DIR_PARKING,
	DFSR_DIR_CONFLICT,    /* ConflictAndDeleted */
	DFSR_DIR_PREEXISTING, /* PreExisting */
	DFSR_DIR_COUNT
};

/** The private directories of one content root, opened. */
struct dfsr_apply {
	struct dfsr_fs_root *root;
	int dirfd[DFSR_DIR_COUNT];
};

/** The stamp that ties content to database (R6); all fixed size. */
struct dfsr_root_stamp {
	struct dfsr_guid folder;
	struct dfsr_guid db;
	struct dfsr_guid member;
	uint8_t fsid[16];
	uint64_t seq;
};

/**
 * Make and open the private directories (0700, owned by root).
 * @return 0, EXDEV if one is on another filesystem, ELOOP if one is a symlink
 */
int dfsr_apply_open(TALLOC_CTX *mem_ctx, struct dfsr_fs_root *root,
		    struct dfsr_apply **apply);
/** @return 0, ENOENT if there is none, EBADMSG if it is damaged */
int dfsr_apply_stamp_read(struct dfsr_apply *apply,
			  struct dfsr_root_stamp *stamp);
/** Replace the stamp atomically and durably. */
int dfsr_apply_stamp_write(struct dfsr_apply *apply,
			   const struct dfsr_root_stamp *stamp);

/* ---- staging: apply/apply_stage.c ---------------------------------------- */

/** One object being staged; the destructor removes it unless kept. */
struct dfsr_staged;

/**
 * Start a staged object. The name is derived from the GVSN, so that a second
 * start of the same version replaces the first.
 * @param[in] kind DFSR_KIND_*
 * @param[in] size final size of a file (space is not reserved; holes stay)
 */
int dfsr_apply_stage(TALLOC_CTX *mem_ctx, struct dfsr_apply *apply,
		     const struct dfsr_id *gvsn, uint8_t kind, uint64_t size,
		     struct dfsr_staged **staged);
/** Write a run of data; runs ascend and do not overlap. */
int dfsr_apply_stage_write(struct dfsr_staged *staged, uint64_t ofs,
			   const uint8_t *data, size_t len);
/**
 * Use the content of the own object instead of transferred bytes (reflink
 * where there is one, else copy). @return 0, ESTALE if it is not `stamp`
 */
int dfsr_apply_stage_copy(struct dfsr_staged *staged, const char *relpath,
			  const struct dfsr_stamp *stamp);
/**
 * Set size and metadata, verify both hashes, tell name and stamp. The object
 * is kept from now on until it is installed or dropped. Not yet durable: see
 * dfsr_apply_sync().
 * @return 0, EBADMSG when a hash differs, ENOSPC/E2BIG/… with *problem
 */
int dfsr_apply_stage_finish(struct dfsr_staged *staged,
			    const struct dfsr_meta *meta,
			    const uint8_t content_hash[DFSR_HASH_LEN],
			    const uint8_t meta_hash[DFSR_HASH_LEN],
			    char name[DFSR_APPLY_NAME_MAX + 1],
			    struct dfsr_stamp *stamp,
			    struct dfsr_fs_problem *problem);
/** Remove a staged object by name; ENOENT is no error. */
int dfsr_apply_stage_drop(struct dfsr_apply *apply, const char *name);

/* ---- steps: apply/apply_step.c ------------------------------------------- */

enum dfsr_apply_op {
	DFSR_OP_INSTALL, /* staged → path, which must be free */
	DFSR_OP_REPLACE, /* staged ⇄ path, displaced object to Displaced */
	DFSR_OP_MOVE,	 /* path → new path, which must be free */
	DFSR_OP_PARK,	 /* path → Parking/<park> */
	DFSR_OP_UNPARK,	 /* Parking/<park> → new path */
	DFSR_OP_REMOVE,	 /* path → Displaced; a directory must be empty of
			    all but names that are not replicated */
	DFSR_OP_META,	 /* metadata of path in place */
};

/** One step; steps of a list are carried out in order. */
struct dfsr_apply_step {
	/* in */
	enum dfsr_apply_op op;
	const char *path;	/* below the root */
	const char *new_path;	/* MOVE, UNPARK */
	struct dfsr_ident parent;     /* directory of path, checked */
	struct dfsr_ident new_parent; /* of new_path, checked */
	struct dfsr_stamp expect; /* own object at path; null ident: none */
	const char *staged;	/* INSTALL, REPLACE */
	/**
	 * INSTALL, REPLACE: who the staged object is (the redo unit says so),
	 * null: not checked. With it a step may be repeated after a kill: what
	 * is done already is not done twice.
	 */
	struct dfsr_ident staged_ident;
	const char *park;	/* PARK, UNPARK */
	const struct dfsr_meta *meta; /* META */
	/** Name that a displaced object gets (REPLACE, REMOVE). */
	const char *displaced;
	/* out */
	int err; /* 0; EEXIST, ESTALE, ENOTEMPTY, ETXTBSY … */
	struct dfsr_stamp result; /* the object now at its path */
	uint8_t fh[DFSR_FH_MAX];
	uint8_t fh_len;
	int32_t fh_type;
	struct dfsr_stamp displaced_stamp; /* as found, after the step */
	/**
	 * The displaced object differs from `expect`; or its ctime had moved
	 * before we touched it, so that its metadata may differ: read it to
	 * know (dfsr_apply_displaced_read()).
	 */
	bool displaced_changed;
	struct dfsr_fs_problem problem;
};

/**
 * Carry out steps. `expect` is compared without ctime, which an exchange
 * moves, and of a directory identity and mode count only. What is not as
 * expected (object, parent, or the path to it) is ESTALE, a name that is taken
 * EEXIST; nothing is done then.
 *
 * REPLACE first moves the staged object to Displaced/<displaced> and then
 * exchanges it with the path: so a client's object is never in Staging, and
 * Staging can be emptied at any time. UNPARK of what is not parked is ENOENT.
 *
 * In this order: sync the staged data (by the batch), act, look at both
 * inodes, sync the directories (by the batch). A failed step does not stop
 * the others; each says in err how it went. A symlink whose target has a
 * private component is refused with EPERM.
 * @return 0, or an errno of the syncs: then nothing may be committed
 */
int dfsr_apply_steps(struct dfsr_apply *apply, struct dfsr_apply_step *steps,
		     uint32_t num_steps);

/** Make everything on the content filesystem durable (syncfs). */
int dfsr_apply_sync(struct dfsr_apply *apply);

/* ---- what was displaced: apply/apply_displaced.c ------------------------- */

/**
 * Ask for a read lease on a displaced object. Never on a live path: smbd
 * would wait (smbd-traps A2).
 * @param[out] stamp what it looks like now
 * @return 0 nobody writes to it any more, EAGAIN somebody still does, EINVAL
 *         on a filesystem that has no leases
 */
int dfsr_apply_displaced_probe(struct dfsr_apply *apply, const char *name,
			       struct dfsr_stamp *stamp);
/**
 * Undo a redo unit whose staged object is not at its path: remove that object
 * from Staging, or from Displaced when the kill came between the two halves of
 * a REPLACE. What a client made is never removed.
 * @param[in] displaced    name of the redo unit, NULL or "" if it has none
 * @param[in] staged_ident of the redo unit
 */
int dfsr_apply_undo(struct dfsr_apply *apply, const char *staged,
		    const char *displaced,
		    const struct dfsr_ident *staged_ident);
/** Drop a displaced object (a tree for a directory). */
int dfsr_apply_displaced_drop(struct dfsr_apply *apply, const char *name);
/**
 * A displaced file that was written to after it had been replaced wins after
 * all: exchange it with what is at the path now, durably. What was there lies
 * under its name in Displaced then.
 * @param[in] parent directory of path, checked
 * @param[in] expect what must be at path
 * @return 0, ESTALE when something else is there, or an errno
 */
int dfsr_apply_displaced_swap(struct dfsr_apply *apply, const char *name,
			      const char *path,
			      const struct dfsr_ident *parent,
			      const struct dfsr_stamp *expect);
/** Hash and metadata of a displaced object, as dfsr_watch_look would. */
int dfsr_apply_displaced_read(TALLOC_CTX *mem_ctx, struct dfsr_apply *apply,
			      const char *name,
			      uint8_t content_hash[DFSR_HASH_LEN],
			      uint8_t meta_hash[DFSR_HASH_LEN],
			      struct dfsr_stamp *stamp);
/**
 * Keep an object for good: move it into ConflictAndDeleted or PreExisting
 * as "<base>-{GUID}-vN.<ext>".
 * @param[in]  from     its directory (DISPLACED or PARKING), name within it
 * @param[out] kept     leaf name in the store
 * @param[out] size     bytes of the file or tree
 * @param[out] files    count of files in it
 */
int dfsr_apply_preserve(struct dfsr_apply *apply, enum dfsr_apply_dir from,
			const char *name, enum dfsr_apply_dir to,
			const char *leaf, const struct dfsr_id *gvsn,
			char kept[DFSR_NAME_MAX + 1], uint64_t *size,
			uint64_t *files);
/** The same for an object of the tree (PreExisting's sweep). */
int dfsr_apply_preserve_path(struct dfsr_apply *apply, const char *path,
			     const struct dfsr_stamp *expect,
			     enum dfsr_apply_dir to, const struct dfsr_id *gvsn,
			     char kept[DFSR_NAME_MAX + 1], uint64_t *size,
			     uint64_t *files);
/**
 * Bring a kept object back to a path that must be free; missing parent
 * directories are made. copy leaves the kept one in place.
 */
int dfsr_apply_restore(struct dfsr_apply *apply, enum dfsr_apply_dir from,
		       const char *kept, const char *path, bool copy);
/** The same to an absolute directory outside of the root. */
int dfsr_apply_restore_to(struct dfsr_apply *apply, enum dfsr_apply_dir from,
			  const char *kept, const char *dir, const char *leaf,
			  bool copy);
/**
 * Remove what is left in Staging or Parking (others: EINVAL) and is not in
 * `keep`.
 */
int dfsr_apply_clean(struct dfsr_apply *apply, enum dfsr_apply_dir dir,
		     const char *const *keep, uint32_t num_keep);

#endif /* __DFSR_APPLY_H__ */
