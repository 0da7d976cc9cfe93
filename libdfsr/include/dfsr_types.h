/*
   Samba DFS Replication
   The values that every room speaks in: identifiers, version vectors,
   the update record, file identities, metadata

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

#ifndef __DFSR_TYPES_H__
#define __DFSR_TYPES_H__

/*
 * This room is pure: no clock, no random source, no syscall, no logger.
 * Time and randomness come in through struct dfsr_env.
 *
 * struct dfsr_record is a flat value without pointers on purpose: it is
 * copied between the event loop, the store's thread and the workers, and a
 * value cannot be freed twice.
 *
 * Errors are 0 or an errno value everywhere in libdfsr.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <talloc.h>

/** Longest leaf name in bytes, as on every Linux filesystem. */
#define DFSR_NAME_MAX 255
/** Longest fold key of a name in bytes: folding may lengthen a character. */
#define DFSR_FOLD_MAX 400
/** Deepest directory nesting that is replicated. */
#define DFSR_DEPTH_MAX 2048
/** Most database GUIDs in the lineage of one record. */
#define DFSR_LINEAGE_MAX 64
/** Most database GUIDs in a vector. */
#define DFSR_VV_ENTRIES_MAX 4096
/** Most intervals in a vector, over all its entries. */
#define DFSR_VV_RANGES_MAX 262144
/** Highest clock, fence or createTime that is accepted (semantics B24). */
#define DFSR_TIME_MAX ((uint64_t)1 << 62)
/** First VSN that names a file; 0 to 8 are reserved (MS-FRS2 3.3.4.6.2). */
#define DFSR_VSN_FIRST 9
/** Highest VSN: room above it, so that high + 1 never wraps. */
#define DFSR_VSN_MAX ((uint64_t)1 << 62)
/** Size of a SHA-256 in bytes. */
#define DFSR_HASH_LEN 32
/** Most xattrs of one file, and most bytes of one and of all of them. */
#define DFSR_XATTRS_MAX 4096
#define DFSR_XATTR_NAME_MAX 255
#define DFSR_XATTR_VALUE_MAX 65536
#define DFSR_META_MAX (16 * 1024 * 1024)
/** Most entries of one POSIX ACL. */
#define DFSR_ACL_MAX 1024
/** Longest target of a symbolic link. */
#define DFSR_SYMLINK_MAX 4095
/** Longest user or group name that is carried. */
#define DFSR_ACCOUNT_MAX 256

/** Name of the private directory below a content root. */
#define DFSR_PRIVATE_DIR ".DfsrPrivate"

/* ---- what a pure room may ask of the outside --------------------------- */

/**
 * The outside world of the pure rooms: time and randomness.
 */
struct dfsr_env {
	/** Now, as FILETIME: 100 ns since 1601-01-01 UTC. */
	uint64_t (*now)(void *private_data);
	/** Fill buf with len random bytes. */
	void (*random)(void *private_data, void *buf, size_t len);
	void *private_data;
};

/* ---- identifiers: types/guid.c ----------------------------------------- */

/** A GUID as 16 bytes in wire order; compared by memcmp. */
struct dfsr_guid {
	uint8_t b[16];
};

/** Room for a printed GUID, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx". */
#define DFSR_GUID_STRLEN 37

/**
 * A GUID with a version number: a UID (identity for life) or a GVSN (one
 * version), MS-FRS2 2.2.1.4.4.
 */
struct dfsr_id {
	struct dfsr_guid db;
	uint64_t vsn;
};

/** Room for a printed id, "{GUID}-v12". */
#define DFSR_ID_STRLEN 64

/** <0, 0, >0 as memcmp. */
int dfsr_guid_cmp(const struct dfsr_guid *a, const struct dfsr_guid *b);
bool dfsr_guid_is_null(const struct dfsr_guid *g);
/** Draw a random (version 4) GUID from env. */
struct dfsr_guid dfsr_guid_random(const struct dfsr_env *env);
/** Print into buf, which has DFSR_GUID_STRLEN bytes; returns buf. */
char *dfsr_guid_str(const struct dfsr_guid *g, char *buf);
/** Parse the printed form, braces allowed. @return 0 or EINVAL */
int dfsr_guid_parse(const char *s, struct dfsr_guid *g);

/** Order by GUID bytes, then VSN. */
int dfsr_id_cmp(const struct dfsr_id *a, const struct dfsr_id *b);
bool dfsr_id_equal(const struct dfsr_id *a, const struct dfsr_id *b);
/** Print "{GUID}-vN" into buf of DFSR_ID_STRLEN bytes; returns buf. */
char *dfsr_id_str(const struct dfsr_id *id, char *buf);
/** Parse "{GUID}-vN". @return 0 or EINVAL */
int dfsr_id_parse(const char *s, struct dfsr_id *id);
/** UID of the content root of a folder: (folder GUID, 1). */
struct dfsr_id dfsr_root_uid(const struct dfsr_guid *folder);

/* ---- names: types/fold.c ----------------------------------------------- */

/**
 * Version of the folding table. It decides conflicts, so members with
 * different tables must not replicate (semantics B20).
 */
#define DFSR_FOLD_VERSION 1

/**
 * Fold a leaf name to its comparison key: one-to-one upper case of every
 * character outside of locale rules, as [MS-FSA] compares names. Bytes that
 * are not UTF-8 are kept as they are.
 *
 * @param[in]  name  NUL-terminated leaf name, at most DFSR_NAME_MAX bytes
 * @param[out] key   DFSR_FOLD_MAX + 1 bytes, NUL-terminated on success
 * @return length of the key, or 0 when the name is not acceptable
 */
size_t dfsr_fold(const char *name, char *key);
/** True if both names fold alike. */
bool dfsr_fold_equal(const char *a, const char *b);
/**
 * True if this is a name that may be replicated: 1 to DFSR_NAME_MAX bytes,
 * no '/', not "." or "..", and not the private directory (folded).
 */
bool dfsr_name_valid(const char *name);
/** True if the name folds to the private directory's. */
bool dfsr_name_private(const char *name);
/** True if any component of a path or link target is the private name. */
bool dfsr_path_has_private(const char *path);

/* ---- packing: types/pack.c --------------------------------------------- */

/**
 * A growing buffer. All numbers are little-endian. An allocation failure is
 * remembered in err and later pushes do nothing, so that it is looked at
 * once, at the end.
 */
struct dfsr_push {
	uint8_t *data; /* talloc child of the context given to init */
	size_t len;
	size_t alloc;
	TALLOC_CTX *mem_ctx;
	int err;
};

/** A reader over foreign bytes: never reads past the end; err is sticky. */
struct dfsr_pull {
	const uint8_t *data;
	size_t len;
	size_t ofs;
	int err; /* 0, EBADMSG, or ENOMEM where something is allocated */
};

/**
 * Append values, integers little-endian. A failure stays in p->err and makes
 * all later calls do nothing.
 */
void dfsr_push_init(struct dfsr_push *p, TALLOC_CTX *mem_ctx);
void dfsr_push_u8(struct dfsr_push *p, uint8_t v);
void dfsr_push_u16(struct dfsr_push *p, uint16_t v);
void dfsr_push_u32(struct dfsr_push *p, uint32_t v);
void dfsr_push_u64(struct dfsr_push *p, uint64_t v);
void dfsr_push_bytes(struct dfsr_push *p, const void *data, size_t len);
/** u32 length, then the bytes. */
void dfsr_push_blob(struct dfsr_push *p, const void *data, size_t len);
/** u16 length, then the bytes without NUL; NULL is written as "". */
void dfsr_push_str(struct dfsr_push *p, const char *s);
void dfsr_push_guid(struct dfsr_push *p, const struct dfsr_guid *g);
void dfsr_push_id(struct dfsr_push *p, const struct dfsr_id *id);

/**
 * Take values from a buffer that stays the caller's. What is not there is
 * read as zero and leaves EBADMSG in p->err; later calls do nothing.
 */
void dfsr_pull_init(struct dfsr_pull *p, const void *data, size_t len);
uint8_t dfsr_pull_u8(struct dfsr_pull *p);
uint16_t dfsr_pull_u16(struct dfsr_pull *p);
uint32_t dfsr_pull_u32(struct dfsr_pull *p);
uint64_t dfsr_pull_u64(struct dfsr_pull *p);
/** @return pointer into the input, or NULL with err set */
const uint8_t *dfsr_pull_bytes(struct dfsr_pull *p, size_t len);
/** Pull a blob of at most max bytes; *data points into the input. */
size_t dfsr_pull_blob(struct dfsr_pull *p, const uint8_t **data, size_t max);
/**
 * Pull a string of at most max bytes into a talloc'd NUL-terminated copy;
 * a NUL inside is refused. @return NULL with err set on failure
 */
char *dfsr_pull_str(struct dfsr_pull *p, TALLOC_CTX *mem_ctx, size_t max);
/** Pull a string into buf of size bytes (NUL included). */
void dfsr_pull_strbuf(struct dfsr_pull *p, char *buf, size_t size);
void dfsr_pull_guid(struct dfsr_pull *p, struct dfsr_guid *g);
void dfsr_pull_id(struct dfsr_pull *p, struct dfsr_id *id);
/** @return p->err, or EBADMSG when bytes are left over */
int dfsr_pull_end(struct dfsr_pull *p);

/* ---- version vectors: types/vv.c --------------------------------------- */

/** Closed interval of VSNs: low <= v <= high. */
struct dfsr_vv_range {
	uint64_t low;
	uint64_t high;
};

/** All that is known of one database: disjoint ascending intervals. */
struct dfsr_vv_entry {
	struct dfsr_guid db;
	uint64_t tag; /* random tag of the highest VSN, 0 if unknown (R6) */
	uint32_t num_ranges;
	struct dfsr_vv_range *ranges;
};

/** A version vector with holes (R3); entries ascend by GUID bytes. */
struct dfsr_vv {
	uint32_t num_entries;
	struct dfsr_vv_entry *entries;
};

/** An empty vector below mem_ctx, or NULL. */
struct dfsr_vv *dfsr_vv_new(TALLOC_CTX *mem_ctx);
struct dfsr_vv *dfsr_vv_copy(TALLOC_CTX *mem_ctx, const struct dfsr_vv *vv);
/** Add one number; tag (may be 0) is kept if it becomes the highest. */
int dfsr_vv_add(struct dfsr_vv *vv, const struct dfsr_id *gvsn, uint64_t tag);
/** Add low..high of db. @return 0, EINVAL, ENOMEM, E2BIG at the limits */
int dfsr_vv_add_range(struct dfsr_vv *vv, const struct dfsr_guid *db,
		      uint64_t low, uint64_t high, uint64_t tag);
/** into ∪= from */
int dfsr_vv_union(struct dfsr_vv *into, const struct dfsr_vv *from);
/** a − b as a new vector below mem_ctx, or NULL without memory. */
struct dfsr_vv *dfsr_vv_difference(TALLOC_CTX *mem_ctx,
				   const struct dfsr_vv *a,
				   const struct dfsr_vv *b);
bool dfsr_vv_contains(const struct dfsr_vv *vv, const struct dfsr_id *gvsn);
/** b ⊆ a */
bool dfsr_vv_covers(const struct dfsr_vv *a, const struct dfsr_vv *b);
bool dfsr_vv_is_empty(const struct dfsr_vv *vv);
/** Equal as sets: tags do not count, here and in covers. */
bool dfsr_vv_equal(const struct dfsr_vv *a, const struct dfsr_vv *b);
/** Highest VSN known of db, or 0. */
uint64_t dfsr_vv_high(const struct dfsr_vv *vv, const struct dfsr_guid *db);
/** Count of numbers in the vector. */
uint64_t dfsr_vv_count(const struct dfsr_vv *vv);
void dfsr_vv_push(struct dfsr_push *p, const struct dfsr_vv *vv);
/** Validates order, disjointness and limits. @return NULL with p->err set */
struct dfsr_vv *dfsr_vv_pull(struct dfsr_pull *p, TALLOC_CTX *mem_ctx);
/** Printed form for logs and --json, "GUID:[9-12,14];…". */
char *dfsr_vv_str(TALLOC_CTX *mem_ctx, const struct dfsr_vv *vv);

/* ---- the update record: types/record.c --------------------------------- */

/** Fences in their order (Win32 "DFSR Replicated Folders"; semantics R1). */
enum {
	DFSR_FENCE_NONE = 0,
	DFSR_FENCE_INITIAL_SYNC = 1,
	DFSR_FENCE_INITIAL_PRIMARY = 2,
	DFSR_FENCE_DEFAULT = 3, /* anything higher is a FILETIME */
};

enum dfsr_kind {
	DFSR_KIND_FILE = 1,
	DFSR_KIND_DIRECTORY = 2,
	DFSR_KIND_SYMLINK = 3,
};

/** The change lost its certainty in a power cut (MS-FRS2 2.2.1.4.4). */
#define DFSR_FLAG_CLOCK_DECREMENTED 0x10
#define DFSR_FLAGS_KNOWN 0x10

/**
 * For every database GUID the highest VSN of one UID that a version descends
 * from, itself included (semantics A1). Entries ascend by GUID bytes.
 */
struct dfsr_lineage {
	uint32_t num;
	struct dfsr_id e[DFSR_LINEAGE_MAX];
};

/** True if the lineage says that this version descends from gvsn. */
bool dfsr_lineage_has(const struct dfsr_lineage *l,
		      const struct dfsr_id *gvsn);
/** Raise one entry. @return 0 or E2BIG */
int dfsr_lineage_add(struct dfsr_lineage *l, const struct dfsr_id *gvsn);
/** into := join of both. @return 0 or E2BIG */
int dfsr_lineage_join(struct dfsr_lineage *into,
		      const struct dfsr_lineage *from);

/**
 * One row per UID: the current version of one object (FRS_UPDATE plus
 * lineage and tag). Times are FILETIME. createTime is the time at which the
 * UID was born in the model and is never a file's creation time, which is
 * payload.
 */
struct dfsr_record {
	struct dfsr_id uid;
	struct dfsr_id gvsn;
	struct dfsr_id parent;
	uint64_t tag;
	uint64_t fence;
	uint64_t clock;
	uint64_t create_time;
	uint64_t size;	     /* bytes of content; 0 for directories */
	uint32_t attributes; /* FILE_ATTRIBUTE_*, informative */
	uint32_t flags;
	uint8_t kind; /* enum dfsr_kind; never changes for a UID */
	bool present;
	bool name_conflict; /* only on tombstones */
	/** Alias of a merged directory (semantics B13); zero if none. */
	struct dfsr_id merged_into;
	uint8_t content_hash[DFSR_HASH_LEN]; /* zero for directories */
	uint8_t meta_hash[DFSR_HASH_LEN];
	char name[DFSR_NAME_MAX + 1]; /* leaf, UTF-8 as stored */
	struct dfsr_lineage lineage;
};

/** Is the object a directory? */
static inline bool dfsr_record_is_dir(const struct dfsr_record *r)
{
	return r->kind == DFSR_KIND_DIRECTORY;
}

/** True for an alias record: present 0, nameConflict 1, mergedInto set. */
bool dfsr_record_is_alias(const struct dfsr_record *r);
/**
 * The door for records from disk or network: limits, name, kind, invariants
 * (lineage contains the own gvsn; nameConflict only on tombstones).
 * @return NULL, or a static text that says what is wrong
 */
const char *dfsr_record_valid(const struct dfsr_record *r);
/** Versioned packed form; the same in the store and on the wire. */
void dfsr_record_push(struct dfsr_push *p, const struct dfsr_record *r);
/** Pull and validate; p->err = EBADMSG when it is not acceptable. */
void dfsr_record_pull(struct dfsr_pull *p, struct dfsr_record *r);

/* ---- file identity ------------------------------------------------------ */

/** Longest file handle that is kept for an inode. */
#define DFSR_FH_MAX 64

/**
 * Who an inode is, within one filesystem: number and birth time. Neither a
 * path nor st_dev takes part (smbd-traps A1, A13).
 */
struct dfsr_ident {
	uint64_t ino;
	int64_t btime_sec;
	uint32_t btime_nsec;
};

/** Compare identities; the null identity is all zero and names nothing. */
bool dfsr_ident_equal(const struct dfsr_ident *a, const struct dfsr_ident *b);
bool dfsr_ident_is_null(const struct dfsr_ident *a);

/**
 * What an inode looked like when it was last read; compared for equality
 * only. `settled` is false when ctime was younger than 20 ms at that time.
 */
struct dfsr_stamp {
	struct dfsr_ident ident;
	uint64_t size;
	int64_t mtime_sec;
	int64_t ctime_sec;
	uint32_t mtime_nsec;
	uint32_t ctime_nsec;
	uint32_t nlink;
	uint32_t mode; /* st_mode */
	bool settled;
};

/** Same inode, size, mtime, ctime and mode. */
bool dfsr_stamp_equal(const struct dfsr_stamp *a, const struct dfsr_stamp *b);
/** As above without ctime: an exchange may change it (semantics A8). */
bool dfsr_stamp_same_data(const struct dfsr_stamp *a,
			  const struct dfsr_stamp *b);
void dfsr_ident_push(struct dfsr_push *p, const struct dfsr_ident *i);
void dfsr_ident_pull(struct dfsr_pull *p, struct dfsr_ident *i);
void dfsr_stamp_push(struct dfsr_push *p, const struct dfsr_stamp *s);
void dfsr_stamp_pull(struct dfsr_pull *p, struct dfsr_stamp *s);

/* ---- metadata: types/meta.c --------------------------------------------- */

struct dfsr_xattr {
	char *name;
	uint8_t *value;
	size_t len;
};

/** One POSIX ACL entry; tag and perm as in <sys/acl.h>'s xattr form. */
struct dfsr_acl_entry {
	uint16_t tag;
	uint16_t perm;
	uint32_t id;	 /* number on the member that read it */
	char *account;	 /* its name there, NULL if it has none */
};

struct dfsr_acl {
	uint32_t num;
	struct dfsr_acl_entry *e;
};

/**
 * Everything that a replica carries beside the bytes (windows-dfs 4.6). One
 * talloc tree: all pointers are children of the struct.
 */
struct dfsr_meta {
	uint32_t mode; /* st_mode with type */
	uint32_t uid;
	uint32_t gid;
	char *owner; /* account names, NULL if they have none */
	char *group;
	int64_t mtime_sec;
	uint32_t mtime_nsec;
	uint32_t num_xattrs; /* ascending by name */
	struct dfsr_xattr *xattrs;
	struct dfsr_acl acl_access;  /* num 0: none beyond mode */
	struct dfsr_acl acl_default; /* directories only */
	char *symlink; /* target, NULL for other kinds */
};

/** Sort the xattrs by name; to be called once after filling. */
void dfsr_meta_sort(struct dfsr_meta *m);
/**
 * Push what dfsr_meta_pull would accept; otherwise p->err is E2BIG (a limit)
 * or EINVAL (xattrs not sorted, a type that is not replicated, ...), so that
 * it is found where the file is and not by a partner.
 */
void dfsr_meta_push(struct dfsr_push *p, const struct dfsr_meta *m);
/** Validates every limit. @return NULL with p->err set */
struct dfsr_meta *dfsr_meta_pull(struct dfsr_pull *p, TALLOC_CTX *mem_ctx);
/**
 * The bytes whose SHA-256 is the record's meta_hash: as dfsr_meta_push, but
 * an account that has a name is written without its number, so that members
 * with other uid tables agree; and without the mtime of a directory, which
 * changes with every entry.
 */
void dfsr_meta_push_canonical(struct dfsr_push *p, const struct dfsr_meta *m);

#endif /* __DFSR_TYPES_H__ */
