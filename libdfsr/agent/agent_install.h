/*
   Samba DFS Replication
   One batch of installs on its way through R4

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

#ifndef __AGENT_INSTALL_H__
#define __AGENT_INSTALL_H__

#include "agent_private.h"

/** Most steps that one update takes: park, remove, move, replace. */
#define DFSR_PLAN_STEPS_PER_ITEM 5

/** Why a step is there; decides what a failure means and what is stored. */
enum dfsr_plan_role {
	DFSR_ROLE_MAIN,	  /* brings the update's object to its place */
	DFSR_ROLE_MOVE,	  /* gets the own object to the new name first */
	DFSR_ROLE_PARK,	  /* gets it out of the way */
	DFSR_ROLE_REMOVE, /* the own object, because of a tombstone */
	DFSR_ROLE_HOLDER, /* the loser of a name */
};

/** What happens to an object that a step displaced. */
struct dfsr_plan_displaced {
	bool used;
	char name[DFSR_APPLY_NAME_MAX + 1];
	bool keep;
	enum dfsr_conflict conflict;
	struct dfsr_record rec; /* version that it held */
	char path[4096];
	/* after the steps */
	bool busy; /* somebody writes to it: watch it */
	bool kept;
	char kept_name[DFSR_NAME_MAX + 1];
	uint64_t size;
	uint64_t files;
	int err;
};

/** A step with its meaning. */
struct dfsr_plan_step {
	uint32_t item; /* index into the items */
	enum dfsr_plan_role role;
	struct dfsr_id uid; /* whose object it is */
	struct dfsr_plan_displaced displaced;
};

/** What becomes of one item. */
struct dfsr_plan_item {
	struct dfsr_decision d;
	bool decided;
	bool stored; /* all that it needs was stored by unit A */
	bool failed;
	enum dfsr_wait wait;
	int err;
	bool merged; /* takes over the holder's directory */
	struct dfsr_row row; /* own row before, if d.have_local */
	struct dfsr_row holder; /* if d.name_won */
	char path[4096]; /* where the update lives, for manifest and events */
	/** Object at the target in initial sync: what was there before. */
	bool preexisting;
	struct dfsr_stamp pre_stamp;
	char *problem; /* of a failed step */
};

/** A batch; one talloc tree that goes from loop to store to worker. */
struct dfsr_batch {
	struct dfsr_store *store;
	struct dfsr_apply *apply;
	const struct dfsr_env *env;
	struct dfsr_guid folder;
	struct dfsr_guid partner;
	bool initial_sync;
	bool preserve_deleted;
	bool fine_times;
	/* the round, copied */
	struct dfsr_vv *server_vv;
	bool server_closed;
	bool complete;
	uint32_t num;
	struct dfsr_item **items; /* borrowed; not touched by the loop now */
	struct dfsr_plan_item *p; /* per item */
	/* the plan */
	uint32_t num_steps;
	struct dfsr_apply_step *steps;
	struct dfsr_plan_step *plan; /* per step */
	uint32_t *order;	     /* items in the order of the decisions */
	int steps_err;
};

/** Unit A: decide, store what needs no disk, leave redo units, plan. */
int dfsr_plan_unit(struct dfsr_store_txn *txn, void *private_data);
/**
 * Store a record that came or was issued, with its number.
 * @param[in] keep_object the row's own object stays as it is
 */
int dfsr_plan_store(struct dfsr_store_txn *txn, const struct dfsr_env *env,
		    const struct dfsr_record *rec, bool keep_object);
/** The steps, and what was displaced; in a worker. */
void dfsr_plan_steps_job(void *arg);
/** Unit B: store what has been done. */
int dfsr_commit_unit(struct dfsr_store_txn *txn, void *private_data);

/** Remember a displaced object that somebody writes to; within unit B. */
int dfsr_displaced_store(struct dfsr_store_txn *txn, const char *key,
			 const struct dfsr_plan_displaced *d,
			 const struct dfsr_guid *partner,
			 const struct dfsr_id *winner,
			 const struct dfsr_stamp *stamp);
/** Ask for its lease now and then; the loop's half of the above. */
int dfsr_displaced_watch(struct dfsr_folder *f,
			 const struct dfsr_plan_displaced *d,
			 const struct dfsr_guid *partner,
			 const struct dfsr_id *winner,
			 const struct dfsr_stamp *stamp);
/** Event 4412 and its like: what was kept, why, and where it is. */
void dfsr_conflict_event(struct dfsr_folder *f,
			 const struct dfsr_plan_displaced *d,
			 const struct dfsr_guid *partner,
			 const struct dfsr_id *winner);

/** Path that a UID has after the decisions so far; agent_plan_path.c. */
struct dfsr_plan_paths;
struct dfsr_plan_paths *dfsr_plan_paths_new(TALLOC_CTX *mem_ctx,
					    struct dfsr_store_txn *txn,
					    const struct dfsr_view *view);
/** From now on the UID of rec is where rec says. */
int dfsr_plan_paths_set(struct dfsr_plan_paths *paths,
			const struct dfsr_record *rec);
/** The UID's object is at path, whatever its record says. */
int dfsr_plan_path(struct dfsr_plan_paths *paths, TALLOC_CTX *mem_ctx,
		   const struct dfsr_id *dir, const char *name, char **path,
		   struct dfsr_ident *dir_ident);

#endif /* __AGENT_INSTALL_H__ */
