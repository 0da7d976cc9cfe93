/*
   Samba DFS Replication
   Who wins, what to do, in which order: decisions as values

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

#ifndef __DFSR_ENGINE_H__
#define __DFSR_ENGINE_H__

/*
 * The engine is a function: what a member holds (seen through struct
 * dfsr_view) and what it learns (an observation of its own disk, or updates
 * of a partner) go in, a decision comes out. It changes nothing, asks no
 * clock, and can be read by a log, a unit test or a simulator.
 *
 * The rules are R1 to R3 of docs/design/0001-semantics.md; where they differ
 * from MS-FRS2 3.3.4.6 that page says why.
 */

#include "dfsr_types.h"

/** Deepest chain of directory aliases that is followed. */
#define DFSR_ALIAS_DEPTH_MAX 64
/** Most updates that are decided as one set. */
#define DFSR_BATCH_MAX 1024

/* ---- what the engine sees ----------------------------------------------- */

/**
 * What a member holds. Every function returns 0, ENOENT, or another errno
 * that the engine hands up unchanged. The store implements it over one
 * transaction; tests implement it over arrays.
 */
struct dfsr_view {
	/** The record of a UID, live or tombstone. */
	int (*by_uid)(void *private_data, const struct dfsr_id *uid,
		      struct dfsr_record *r);
	/**
	 * The live record that holds a name in a directory; the name is
	 * folded, the directory already resolved through aliases.
	 */
	int (*by_name)(void *private_data, const struct dfsr_id *dir,
		       const char *name, struct dfsr_record *r);
	/**
	 * The live child of dir whose fold key follows `after` ("" starts).
	 */
	int (*next_child)(void *private_data, const struct dfsr_id *dir,
			  const char *after, struct dfsr_record *r);
	/** Highest clock of this UID that was ever compared here (R1). */
	int (*clock_high)(void *private_data, const struct dfsr_id *uid,
			  uint64_t *clock);
	void *private_data;
};

/**
 * Who issues new versions. next_vsn is raised for each one that is drawn;
 * the caller makes it durable together with the records.
 */
struct dfsr_issuer {
	const struct dfsr_env *env;
	struct dfsr_guid db;	/* database GUID of this member's folder */
	uint64_t next_vsn;	/* >= DFSR_VSN_FIRST */
	uint64_t fence;		/* fence of new versions (R1) */
	uint64_t now_max;	/* limit of now' (partners' median + 15 min), or
				   UINT64_MAX */
};

/* ---- comparators: engine/engine_compare.c ------------------------------- */

/**
 * Order two versions of one UID (R2; MS-FRS2 3.3.4.6.2 with nameConflict as
 * first key): nameConflict, fence, clock, gvsn GUID, gvsn VSN.
 * @return >0 if a wins, <0 if b wins, 0 for the same version
 */
int dfsr_engine_compare(const struct dfsr_record *a,
			const struct dfsr_record *b);
/**
 * Order two live UIDs that want one name (R2), on fields that never change:
 * fence, directory, createTime, uid GUID, uid VSN.
 */
int dfsr_engine_compare_names(const struct dfsr_record *a,
			      const struct dfsr_record *b);
/** How two versions of one UID relate by lineage. */
enum dfsr_relation {
	DFSR_SAME,	 /* the same GVSN */
	DFSR_DESCENDS,	 /* a descends from b */
	DFSR_ANCESTOR,	 /* b descends from a */
	DFSR_CONCURRENT, /* neither: the loser must be kept */
};
enum dfsr_relation dfsr_engine_relate(const struct dfsr_record *a,
				      const struct dfsr_record *b);

/* ---- local changes: engine/engine_local.c ------------------------------- */

/**
 * What was seen on the own disk at one name.
 */
struct dfsr_observation {
	struct dfsr_id parent; /* UID of the directory, live in the view */
	char name[DFSR_NAME_MAX + 1];
	bool exists; /* something is there */
	/* the rest only if it exists */
	bool uid_known; /* its identity belongs to a record */
	struct dfsr_id uid;
	uint8_t kind;
	uint32_t attributes;
	uint64_t size;
	uint8_t content_hash[DFSR_HASH_LEN];
	uint8_t meta_hash[DFSR_HASH_LEN];
	/**
	 * The record that holds this name still has its object elsewhere on
	 * the disk (it was renamed away and is observed on its own).
	 */
	bool holder_survives;
	/** Not seen to be durable before a power cut (semantics A2). */
	bool uncertain;
};

/**
 * A record that a decision wants stored. For an object that is here it also
 * says what happens to it: a nameConflict tombstone moves it to
 * ConflictAndDeleted (a directory with all below it as one record), an alias
 * moves its children into the directory that it was merged into, and a live
 * record has the object at the place that it names.
 */
struct dfsr_issued {
	struct dfsr_record rec;
	/**
	 * It describes the observed object: stored with its identity. Of a
	 * batch: it takes over the object of decision.local, a directory
	 * whose winner lives again because of what is in it.
	 */
	bool observed;
};

struct dfsr_issued_list {
	uint32_t num;
	struct dfsr_issued *e; /* talloc child of the context given */
};

/**
 * Turn an observation into new versions. No version when nothing differs;
 * then out->num is 0 unless only the identity is to be refreshed, which the
 * caller sees from the same uid. Covers creation, change, move, delete (of a
 * tree, children first), and replacement: a rename over an existing file, or
 * a name freed and taken again, is a new version of the UID that had the name
 * and the end of the other UID (semantics A7).
 *
 * @param[out] match the UID that the observed object now belongs to, valid
 *                   if obs->exists
 * ESTALE also means that a directory seems to be below itself: one of those
 * between has moved too and is to be observed first. An uncertain version
 * (semantics A2) gets the clock of the recorded one less one, so that it wins
 * nowhere where that one is held.
 *
 * @return 0, ENOMEM, ESTALE when the parent is not a live directory, E2BIG at
 *         the limit of clock or lineage, EINVAL for a name that is not valid
 */
int dfsr_engine_local(TALLOC_CTX *mem_ctx, struct dfsr_issuer *issuer,
		      const struct dfsr_view *view,
		      const struct dfsr_observation *obs,
		      struct dfsr_issued_list *out, struct dfsr_id *match);

/* ---- updates of a partner: engine/engine_remote.c, engine_batch.c -------- */

enum dfsr_verdict {
	/** Known, or an ancestor of what we hold: into the vector. */
	DFSR_VERDICT_IGNORE,
	/** Loses against what we hold: into the vector, clock_high raised. */
	DFSR_VERDICT_LOSES,
	/** Wins and its bytes are missing here: fetch, then ask again. */
	DFSR_VERDICT_FETCH,
	/** Wins and can be installed now. */
	DFSR_VERDICT_INSTALL,
	/** Cannot be decided or done yet: a hole (R3), see wait. */
	DFSR_VERDICT_WAIT,
};

enum dfsr_wait {
	DFSR_WAIT_NONE,
	DFSR_WAIT_PARENT,   /* its directory is not here (yet) */
	DFSR_WAIT_NAME,	    /* its name is held by one that will move away */
	DFSR_WAIT_CHILDREN, /* a directory to delete is not empty yet */
	DFSR_WAIT_CYCLE,    /* would become its own ancestor */
	DFSR_WAIT_BUSY,	    /* open for writing here, or being installed */
	DFSR_WAIT_SPACE,    /* the filesystem cannot hold it (ENOSPC, E2BIG) */
	DFSR_WAIT_ERROR,    /* another error of this file; tried again */
};

/** ConflictType of manifests and events (windows-dfs 1.6). */
enum dfsr_conflict {
	DFSR_CONFLICT_NONE = 0,
	DFSR_CONFLICT_NAME = 1,
	DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_UPDATE = 2,
	DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_TOMBSTONE = 3,
	DFSR_CONFLICT_REMOTE_TOMBSTONE_LOCAL_UPDATE = 4,
	DFSR_CONFLICT_PREEXISTING = 5,
	DFSR_CONFLICT_DELETED = 6, /* superseded delete, kept by choice */
};

/** What has to change on the disk to get from what we hold to the update. */
#define DFSR_PART_CONTENT 0x1 /* bytes differ, or nothing is here */
#define DFSR_PART_META 0x2
#define DFSR_PART_NAME 0x4   /* another name or directory */
#define DFSR_PART_DELETE 0x8 /* remove what is here */

/** One update of a set, with what is known of it. */
struct dfsr_offer {
	struct dfsr_record update;
	/** Its bytes (and metadata) are staged here. */
	bool staged;
	/** The own object may not be touched now (open, being installed). */
	bool busy;
};

/**
 * What to do with one update. First every decision with `park` has its object
 * moved to a parking name, then the decisions are carried out in their order,
 * of each: keep_local, the issued records, the update itself.
 *
 * - LOSES with parts DELETE: a name was lost, and an older version that is
 *   here goes with it (keep_local), or merges, as the issued records say.
 * - INSTALL of a directory with name_won against a directory, while no live
 *   object is here under its UID: the object of holder becomes that of the
 *   update, children and all; parts say what differs on it. Its alias is
 *   among the issued records or comes as a decision of the set.
 * - INSTALL of an alias with parts DELETE: the children of local move into
 *   the directory that merged_into leads to. With parts NAME: local is an
 *   alias already, and what came to its target through it moves on.
 */
struct dfsr_decision {
	uint32_t offer; /* index into the offers */
	enum dfsr_verdict verdict;
	enum dfsr_wait wait;
	struct dfsr_id wait_for; /* UID waited for, if any */
	unsigned parts;		 /* DFSR_PART_*, for FETCH and INSTALL */
	bool have_local;	 /* local is what we hold under this UID */
	struct dfsr_record local;
	/** Local is live, and concurrent or ended by a name: preserve it. */
	bool keep_local;
	enum dfsr_conflict conflict;
	/** INSTALL, or LOSES with name_conflict: move the own object out of
	    the way first, it trades names with others of the set. */
	bool park;
	/** A name conflict was decided; holder lost if name_won. */
	bool name_conflict;
	bool name_won;
	struct dfsr_record holder;
	/**
	 * Records that this member issues because of the decision: a
	 * nameConflict tombstone of the loser, the alias of a merged
	 * directory and what follows for its children, or a directory that
	 * lives on because it has live children (semantics B12).
	 */
	struct dfsr_issued_list issued;
};

/**
 * What is known about the server that the updates came from. A server whose
 * holes wait for a judgement only (name, parent, children, cycle) and have
 * done so over a whole round with each of its partners counts as closed, too:
 * otherwise two members that wait for each other wait for ever.
 */
struct dfsr_round {
	const struct dfsr_vv *server_vv; /* its vector when they were read */
	bool server_closed; /* its vector has no holes */
	bool complete; /* every update of the difference has been returned */
};

/**
 * Decide a set of updates as one: in ancestral order, tombstones and moves
 * free the names that others of the set take, swaps and chains resolve by
 * parking. Pure: the effects of earlier decisions are seen by later ones
 * through an overlay. Decisions come in the order in which they are to be
 * carried out; every offer has exactly one.
 *
 * A name held by `h` is a conflict only if the server had not seen h and the
 * update does not descend from it, and only if round->server_closed and
 * round->complete; otherwise the update waits (semantics A7).
 *
 * @return 0, ENOMEM, or an error of the view
 */
int dfsr_engine_batch(TALLOC_CTX *mem_ctx, struct dfsr_issuer *issuer,
		      const struct dfsr_view *view,
		      const struct dfsr_round *round,
		      const struct dfsr_offer *offers, uint32_t num_offers,
		      struct dfsr_decision **decisions);

/**
 * Follow directory aliases (semantics B13) from dir to the record that is
 * meant now. @return 0, ENOENT, ELOOP
 */
int dfsr_engine_resolve(const struct dfsr_view *view,
			const struct dfsr_id *dir, struct dfsr_record *r);

/** Static texts for logs and --json, e.g. "wait", "name". */
const char *dfsr_verdict_str(enum dfsr_verdict v);
const char *dfsr_wait_str(enum dfsr_wait w);
const char *dfsr_conflict_str(enum dfsr_conflict c);

#endif /* __DFSR_ENGINE_H__ */
