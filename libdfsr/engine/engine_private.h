/*
   Samba DFS Replication
   The engine's inner face: issuing, overlay, the set being decided

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

#ifndef __DFSR_ENGINE_PRIVATE_H__
#define __DFSR_ENGINE_PRIVATE_H__

#include "dfsr_engine.h"

/* ---- a map from ids to numbers: engine/engine_idmap.c ------------------- */

#define DFSR_IDMAP_NONE UINT32_MAX

struct dfsr_idmap_slot {
	struct dfsr_id id;
	uint32_t value;
	bool used;
};

struct dfsr_idmap {
	TALLOC_CTX *mem_ctx;
	struct dfsr_idmap_slot *slots;
	uint32_t size; /* a power of two */
	uint32_t used;
};

int dfsr_idmap_init(TALLOC_CTX *mem_ctx, struct dfsr_idmap *m,
		    uint32_t expected);
/** @return the value, or DFSR_IDMAP_NONE */
uint32_t dfsr_idmap_get(const struct dfsr_idmap *m, const struct dfsr_id *id);
int dfsr_idmap_set(struct dfsr_idmap *m, const struct dfsr_id *id,
		   uint32_t value);

/* ---- issuing: engine/engine_issue.c ------------------------------------- */

/** Append a copy of rec; list->e becomes a child of mem_ctx. */
int dfsr_issued_add(TALLOC_CTX *mem_ctx, struct dfsr_issued_list *list,
		    const struct dfsr_record *rec, bool observed);
/** Own clock, limited to what the partners think of it (now' of R1). */
uint64_t dfsr_issue_now(const struct dfsr_issuer *issuer);
/**
 * Make rec, a changed copy of base, the next version of its UID (R1).
 * @return 0, E2BIG when clock or lineage are at their limit
 */
int dfsr_issue_next(struct dfsr_issuer *issuer, const struct dfsr_view *view,
		    const struct dfsr_record *base, bool uncertain,
		    struct dfsr_record *rec);
/**
 * Make rec the first version of a new UID. h, if not NULL, held the name.
 */
int dfsr_issue_new(struct dfsr_issuer *issuer, const struct dfsr_record *h,
		   bool uncertain, struct dfsr_record *rec);
/**
 * Make rec a version that resolves a conflict: it descends from base and, if
 * not NULL, from other; its clock is one more than theirs and never "now", so
 * that a resolution does not beat a change that a user made meanwhile.
 */
int dfsr_issue_resolution(struct dfsr_issuer *issuer,
			  const struct dfsr_record *base,
			  const struct dfsr_record *other,
			  struct dfsr_record *rec);
/** nameConflict tombstone of loser; into may be NULL or makes it an alias. */
int dfsr_issue_name_loser(struct dfsr_issuer *issuer,
			  const struct dfsr_record *loser,
			  const struct dfsr_id *into,
			  struct dfsr_record *rec);

typedef int (*dfsr_tree_fn)(void *private_data, const struct dfsr_record *r);
/**
 * Call fn for everything live below top, children before their directory,
 * and for top itself at last unless below_only. `except`, if not NULL, is
 * left out with all that is below it: it moves out of the tree.
 */
int dfsr_tree_walk(const struct dfsr_view *view, const struct dfsr_record *top,
		   bool below_only, const struct dfsr_id *except,
		   dfsr_tree_fn fn, void *private_data);
/** As dfsr_engine_resolve(); *last is the last UID that was looked for. */
int dfsr_resolve_last(const struct dfsr_view *view, const struct dfsr_id *dir,
		      struct dfsr_record *r, struct dfsr_id *last);

/* ---- view plus effects of decided items: engine/engine_overlay.c -------- */

struct dfsr_overlay_entry {
	struct dfsr_record rec;
	struct dfsr_id dir; /* resolved directory, while placed */
	char *fold;	    /* key of the name, NULL when not placed */
	uint64_t name_hash;
	uint32_t next_dir;
	uint32_t next_name;
	bool parked; /* live, but at no name for the moment */
};

/** Directory whose children the base view lists under another one. */
struct dfsr_overlay_source {
	struct dfsr_id dir;
	struct dfsr_id src;
};

struct dfsr_overlay {
	const struct dfsr_view *base;
	struct dfsr_view view; /* the overlay as a view */
	struct dfsr_overlay_entry *entries;
	uint32_t num;
	uint32_t alloc;
	struct dfsr_idmap by_uid;
	struct dfsr_idmap by_dir;
	struct dfsr_idmap by_name;
	struct dfsr_overlay_source *sources;
	uint32_t num_sources;
	uint32_t num_aliases;
	uint64_t generation; /* grows with every change */
};

struct dfsr_overlay *dfsr_overlay_new(TALLOC_CTX *mem_ctx,
				      const struct dfsr_view *base,
				      uint32_t expected);
int dfsr_overlay_put(struct dfsr_overlay *ov, const struct dfsr_record *rec);
/** Take the object of r out of the tree without ending it. */
int dfsr_overlay_park(struct dfsr_overlay *ov, const struct dfsr_record *r);
bool dfsr_overlay_parked(const struct dfsr_overlay *ov,
			 const struct dfsr_id *uid);
/**
 * Any live child of dir. `after` (DFSR_FOLD_MAX + 1 bytes, "" at first) keeps
 * the place between calls, so that asking again after each of n children was
 * decided does not cost n².
 */
int dfsr_overlay_any_child(struct dfsr_overlay *ov, const struct dfsr_id *dir,
			   char *after, struct dfsr_record *r);

/* ---- the set: engine/engine_batch.c ------------------------------------- */

enum dfsr_item_state {
	DFSR_ITEM_NEW,	   /* not looked at yet */
	DFSR_ITEM_BLOCKED, /* another item has to be decided first */
	DFSR_ITEM_HELD,	   /* waits for something outside of the set */
	DFSR_ITEM_DONE,
};

struct dfsr_item {
	const struct dfsr_offer *offer;
	struct dfsr_decision *d;
	enum dfsr_item_state state;
	struct dfsr_item *blocker;
	struct dfsr_item *waiters; /* those whose blocker this is */
	struct dfsr_item *prev;
	struct dfsr_item *next;
	uint64_t generation; /* of the overlay when last evaluated */
	bool queued;
	bool older;	/* the set has a better version of this UID */
	bool fetch;	/* would be installed if its bytes were here */
	bool parked;
	bool no_park;	/* parking it led nowhere */
	bool broken;	/* a limit forbids to decide it */
	char after[DFSR_FOLD_MAX + 1];
};

struct dfsr_batch {
	struct dfsr_issuer *issuer;
	const struct dfsr_view *view;
	const struct dfsr_round *round;
	uint32_t num;
	struct dfsr_item *items;
	struct dfsr_decision *decisions; /* parent of all issued lists */
	struct dfsr_idmap by_uid;
	struct dfsr_overlay *ov;
	struct dfsr_item **queue; /* ring of num places */
	uint32_t queue_first;
	uint32_t queue_num;
	struct dfsr_item **order;
	uint32_t order_num;
	bool final; /* what is not staged is not installed */
};

/* engine/engine_item.c */

/** The update needs content or metadata that are not staged. */
bool dfsr_item_needs_bytes(const struct dfsr_item *it);
/** Let an item be evaluated (again). */
void dfsr_item_enqueue(struct dfsr_batch *b, struct dfsr_item *it);
/** The next one; b->queue_num must not be 0. */
struct dfsr_item *dfsr_item_dequeue(struct dfsr_batch *b);
/** It no longer waits for its blocker. */
void dfsr_item_unblock(struct dfsr_item *it);
/**
 * Park one item of every circle of blocked items in which one can be parked;
 * what waited for it is enqueued. seen has b->num places.
 */
int dfsr_item_break_circles(struct dfsr_batch *b, uint32_t *seen);
/** The item of a UID, or NULL. */
struct dfsr_item *dfsr_batch_item(struct dfsr_batch *b,
				  const struct dfsr_id *uid);
/** As above, and it is not decided yet. */
struct dfsr_item *dfsr_batch_open(struct dfsr_batch *b,
				  const struct dfsr_id *uid);
void dfsr_batch_settle(struct dfsr_batch *b, struct dfsr_item *it,
		       enum dfsr_verdict verdict);
void dfsr_batch_block(struct dfsr_item *it, struct dfsr_item *blocker,
		      enum dfsr_wait wait, const struct dfsr_id *wait_for);
void dfsr_batch_hold(struct dfsr_item *it, enum dfsr_wait wait,
		     const struct dfsr_id *wait_for);
/** Its bytes are needed and not here: it is to be fetched, not installed. */
bool dfsr_batch_lacks_bytes(const struct dfsr_batch *b,
			    const struct dfsr_item *it);
/** The state in which names may be judged (A7). */
bool dfsr_batch_may_judge(const struct dfsr_batch *b);
/** Let rec be issued by the decision of it, and seen by what follows. */
int dfsr_batch_issue(struct dfsr_batch *b, struct dfsr_item *it,
		     const struct dfsr_record *rec);
/** Install the update of it, or ask for its bytes. */
int dfsr_batch_install(struct dfsr_batch *b, struct dfsr_item *it);

/* ---- one update: engine/engine_remote.c --------------------------------- */

/** Look at an item: it is then done, blocked or held. @return 0 or errno */
int dfsr_remote_evaluate(struct dfsr_batch *b, struct dfsr_item *it);
/** A winning alias of a partner: engine/engine_alias.c */
int dfsr_alias_evaluate(struct dfsr_batch *b, struct dfsr_item *it);
/** The alias that we hold stands against what came; that is a new version. */
int dfsr_alias_keep(struct dfsr_batch *b, struct dfsr_item *it);
/** The directory that is meant by parent, as far as aliases are known. */
int dfsr_remote_place(struct dfsr_batch *b, const struct dfsr_id *parent,
		      struct dfsr_id *dir);
/** True if a live object of ours stands under the item's UID. */
bool dfsr_remote_live_local(const struct dfsr_item *it);
/**
 * Would a directory uid below dir be its own ancestor?
 * @param[out] open an undecided item on the way that may change it, or NULL
 * @param[out] seen the server has seen every directory on the way where it is
 * @return 0 for no, EEXIST for yes, or another errno
 */
int dfsr_remote_ancestor(struct dfsr_batch *b, const struct dfsr_id *uid,
			 const struct dfsr_id *dir, struct dfsr_item **open,
			 bool *seen);

/* ---- names: engine/engine_conflict.c, engine_merge.c -------------------- */

/** The update of it wants a name that h holds. */
int dfsr_conflict_name(struct dfsr_batch *b, struct dfsr_item *it,
		       const struct dfsr_id *dir, const struct dfsr_record *h);
/**
 * Has the server seen r as a child of dir? Not if r is in dir only because of
 * an alias that the server does not know.
 */
int dfsr_conflict_seen(struct dfsr_batch *b, const struct dfsr_record *r,
		       const struct dfsr_id *dir, bool *seen);
/** nameConflict tombstones for a live object and all below it. */
int dfsr_conflict_end_tree(struct dfsr_batch *b, struct dfsr_item *it,
			   const struct dfsr_record *top, bool below_only);

/** Does the way from parent to the directory that is meant pass alias? */
int dfsr_merge_passes(struct dfsr_batch *b, const struct dfsr_id *parent,
		      const struct dfsr_id *alias, bool *yes);

/** What merging one directory into another involves. */
struct dfsr_merge {
	struct dfsr_record loser;
	struct dfsr_id winner;
	/** Only children that came to the loser through this alias; or zero. */
	struct dfsr_id via;
	struct dfsr_merge *next; /* deeper pairs follow */
};

/**
 * Plan the merge of the live directory loser into winner. If the server
 * merged them (server_merged), it judged all children that it has seen. With
 * via, only those that live in loser through that alias change over.
 *
 * @param[out] open    an item that has to be decided first, or NULL
 * @param[out] unclear the round does not allow to judge a child's name
 */
int dfsr_merge_plan(TALLOC_CTX *mem_ctx, struct dfsr_batch *b,
		    const struct dfsr_record *loser,
		    const struct dfsr_id *winner, const struct dfsr_id *via,
		    bool server_merged,
		    struct dfsr_merge **plan, struct dfsr_item **open,
		    bool *unclear);
/**
 * Issue what follows for the children, and the aliases of directories deeper
 * than the first pair; the first pair's own alias is the caller's.
 */
int dfsr_merge_apply(struct dfsr_batch *b, struct dfsr_item *it,
		     struct dfsr_merge *plan);

#endif /* __DFSR_ENGINE_PRIVATE_H__ */
