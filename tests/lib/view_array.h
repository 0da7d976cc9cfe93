/*
   Samba DFS Replication
   Members in memory: an array as view, decisions carried out and checked

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

#ifndef __TESTS_LIB_VIEW_ARRAY_H__
#define __TESTS_LIB_VIEW_ARRAY_H__

#include "dfsr_engine.h"

/* ---- an array as view ---------------------------------------------------- */

struct view_entry {
	struct dfsr_record rec;
	char fold[DFSR_FOLD_MAX + 1];
	uint64_t clock_high;
};

struct view_array {
	struct view_entry **e; /* ascending by UID */
	uint32_t num;
	struct dfsr_view view;
	unsigned calls; /* of any of the view's functions */
};

struct view_array *view_array_new(TALLOC_CTX *mem_ctx);
void view_array_put(struct view_array *va, const struct dfsr_record *rec);
/** @return the record, or NULL */
const struct dfsr_record *view_array_get(const struct view_array *va,
					 const struct dfsr_id *uid);
void view_array_clock(struct view_array *va, const struct dfsr_id *uid,
		      uint64_t clock);

/** Is r live and, aliases followed, a child of dir? */
bool view_array_lives_in(const struct view_array *va,
			 const struct dfsr_record *r,
			 const struct dfsr_id *dir);

/* ---- what clients wrote -------------------------------------------------- */

/**
 * The ground truth, independent of any field of the product: each write has
 * a payload; it may only disappear if a client replaced or deleted it where
 * it was current, or if a member preserved it.
 */
struct payloads {
	uint32_t num; /* payloads are 1 to num */
	uint32_t alloc;
	struct {
		bool superseded;
		bool preserved;
	} *p;
};

/* ---- a member ------------------------------------------------------------ */

struct member {
	unsigned number;
	struct view_array *va;
	struct dfsr_vv *vv;
	struct dfsr_env env;
	struct dfsr_issuer issuer;
	struct dfsr_id root;
	uint64_t now;
	uint64_t rnd;
	struct payloads *truth;
	struct dfsr_id busy; /* UID that may not be touched */
	/**
	 * It waits for nothing but a judgement, and a whole round with every
	 * partner has changed nothing: then it counts as closed. Otherwise
	 * two members that wait for each other's holes wait for ever.
	 */
	bool stalled;
	/* of the last pull */
	unsigned installed, fetched, lost, ignored, waiting, parks, kept;
	unsigned conflicts; /* names judged */
	/* of all pulls */
	unsigned all_parks, all_kept, all_conflicts;
	struct dfsr_decision last; /* the last one that was no IGNORE */
	uint64_t digest; /* of everything decided, for determinism */
};

/** Member `number` of the folder that all members of a test share. */
struct member *member_new(TALLOC_CTX *mem_ctx, unsigned number,
			  struct payloads *truth);
struct payloads *payloads_new(TALLOC_CTX *mem_ctx);
uint32_t payload_new(struct payloads *t);

/** Hand an observation to the engine and store what comes out. */
int member_observe(struct member *m, const struct dfsr_observation *obs,
		   struct dfsr_issued_list *out, struct dfsr_id *match);

/* what clients do; NULL as directory is the root */
struct dfsr_id member_create(struct member *m, const struct dfsr_id *dir,
			     const char *name, uint8_t kind);
void member_write(struct member *m, const struct dfsr_id *uid);
void member_setattr(struct member *m, const struct dfsr_id *uid,
		    uint8_t value);
/** Rename; over an existing file or symlink of the same kind it replaces. */
struct dfsr_id member_rename(struct member *m, const struct dfsr_id *uid,
			     const struct dfsr_id *dir, const char *name);
/** Delete, with everything below. */
void member_delete(struct member *m, const struct dfsr_id *uid);

const struct dfsr_record *member_get(const struct member *m,
				     const struct dfsr_id *uid);
/** The live record at a path, "a/b/c", or NULL. */
const struct dfsr_record *member_path(const struct member *m,
				      const char *path);
/** The tree as text, sorted: one line per object with its payload. */
char *member_tree(TALLOC_CTX *mem_ctx, struct member *m);
uint32_t record_payload(const struct dfsr_record *r);
bool member_closed(const struct member *m);

/* ---- replication --------------------------------------------------------- */

struct pull_options {
	unsigned page;	   /* updates per page, 0 for one page */
	bool reverse;	   /* newest first */
	/** Called between pages: the server may change. */
	void (*between)(struct member *server, void *private_data);
	void *private_data;
	bool incomplete;   /* stop after the first page */
};

/**
 * m pulls from server everything that it lacks; fetches are answered at once.
 * Decisions are carried out one by one, and each step is checked: names are
 * free when they are taken, directories are there, removed ones are empty.
 * @return number of updates that wait
 */
unsigned member_pull(struct member *m, struct member *server,
		     const struct pull_options *opt);
/**
 * Pull in all directions until nothing changes; fails if the members' records
 * or trees differ then.
 */
void members_settle(struct member **m, unsigned num);
/** Fail if a payload was lost. */
void members_check_payloads(struct member **m, unsigned num);

#endif /* __TESTS_LIB_VIEW_ARRAY_H__ */
