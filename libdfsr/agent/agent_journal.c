/*
   Samba DFS Replication
   The journal: records of smbd become looks

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
#include <string.h>

#include "agent_event.h"
#include "agent_private.h"

/** Deaths, sealing and freeing of segments are looked at this often. */
#define DFSR_JOURNAL_TICK_SEC 1
/** While a module passes everything through, all is scanned this often. */
#define DFSR_JOURNAL_PASSING_TICKS 30

/** True if the folder's store knows this directory or object. */
static bool dfsr_journal_knows(struct dfsr_folder *f,
			       const struct dfsr_ident *ident)
{
	struct dfsr_store_txn *txn = NULL;
	struct dfsr_row *row = &f->agent->scratch;
	bool knows = false;

	if (f->store != NULL && dfsr_store_read_begin(f->store, &txn) == 0) {
		knows = dfsr_store_row_by_ident(txn, ident, row) == 0;
		dfsr_store_read_end(txn);
	}
	return knows;
}

struct dfsr_folder *dfsr_agent_folder_of(struct dfsr_agent *agent,
					 const struct dfsr_ident *ident)
{
	struct dfsr_folder *f = NULL;

	for (f = agent->folders; f != NULL; f = f->next) {
		if (dfsr_journal_knows(f, ident)) {
			return f;
		}
	}
	return NULL;
}

/**
 * The folder that knows the directory looks at the name. A directory that
 * nobody knows yet may be new in any of them.
 */
static void dfsr_journal_look_name(struct dfsr_agent *agent,
				   const struct dfsr_ident *dir,
				   const char *name)
{
	struct dfsr_folder *f = NULL;

	if (dfsr_ident_is_null(dir) || name[0] == '\0') {
		return;
	}
	f = dfsr_agent_folder_of(agent, dir);
	if (f != NULL) {
		dfsr_look_name(f, dir, name);
		return;
	}
	for (f = agent->folders; f != NULL; f = f->next) {
		if (!dfsr_folder_is_foreign(f, dir)) {
			dfsr_look_name(f, dir, name);
		}
	}
}

static void dfsr_journal_look_object(struct dfsr_agent *agent,
				     const struct dfsr_ident *object)
{
	struct dfsr_folder *f = NULL;

	if (dfsr_ident_is_null(object)) {
		return;
	}
	f = dfsr_agent_folder_of(agent, object);
	if (f != NULL) {
		dfsr_look_object(f, object);
	}
}

static void dfsr_journal_record(struct dfsr_agent *agent,
				const struct dfsr_journal_record *r)
{
	if (r->kind != DFSR_JOURNAL_OUTCOME && r->kind != DFSR_JOURNAL_FLUSH) {
		return;
	}
	/* Where it went comes first: then the old name is free already. */
	dfsr_journal_look_name(agent, &r->parent2, r->name2);
	dfsr_journal_look_name(agent, &r->parent, r->name);
	dfsr_journal_look_object(agent, &r->object);
	dfsr_journal_look_object(agent, &r->replaced);
}

/** Whatever waited for smbd may go on. */
static void dfsr_journal_kick(struct dfsr_agent *agent)
{
	struct dfsr_folder *f = NULL;

	for (f = agent->folders; f != NULL; f = f->next) {
		dfsr_looks_kick(f);
		dfsr_folder_kick_waiters(f);
	}
}

static void dfsr_journal_scan_all(struct dfsr_agent *agent)
{
	struct dfsr_folder *f = NULL;

	for (f = agent->folders; f != NULL; f = f->next) {
		f->scan_again = true;
		dfsr_looks_kick(f);
	}
}

static void dfsr_journal_check_overflow(struct dfsr_agent *agent)
{
	struct dfsr_folder *f = NULL;
	uint64_t number = dfsr_journal_overflow(agent->journal);

	if (number == 0) {
		return;
	}
	if (agent->passing != dfsr_journal_passing(agent->journal)) {
		agent->passing = dfsr_journal_passing(agent->journal);
		dfsr_agent_event(agent, DFSR_EVENT_MODULE_MISMATCH, NULL,
				 "the module of a share was built for another "
				 "Samba and does nothing: changes are found "
				 "by scans only; install the module that "
				 "belongs to this Samba (\"./run install\")");
	}
	dfsr_agent_event(agent, 2202, NULL,
			 "the change journal has overflowed or a writer could "
			 "not write to it: all folders are scanned");
	for (f = agent->folders; f != NULL; f = f->next) {
		if (dfsr_folder_need_scan(f) != 0) {
			/* Not stored: the mark stays, we come back. */
			return;
		}
	}
	dfsr_journal_overflow_clear(agent->journal, number);
	dfsr_journal_scan_all(agent);
}

void dfsr_agent_journal_drain(struct dfsr_agent *agent)
{
	struct dfsr_journal_record rec;
	bool any = false;

	while (dfsr_journal_reader_next(agent->journal, &rec) == 0) {
		dfsr_journal_record(agent, &rec);
		any = true;
	}
	dfsr_journal_check_overflow(agent);
	if (any) {
		dfsr_journal_kick(agent);
	}
}

static void dfsr_journal_readable(struct tevent_context *ev,
				  struct tevent_fd *fde, uint16_t flags,
				  void *private_data)
{
	(void)ev;
	(void)fde;
	(void)flags;
	dfsr_agent_journal_drain(private_data);
}

bool dfsr_agent_busy(struct dfsr_agent *agent, const struct dfsr_ident *ident)
{
	return agent->journal != NULL && !dfsr_ident_is_null(ident) &&
	       dfsr_journal_reader_busy(agent->journal, ident);
}

/** The oldest place that any folder still needs; false: keep everything. */
static bool dfsr_journal_oldest(struct dfsr_agent *agent,
				struct dfsr_journal_cursor *oldest)
{
	struct dfsr_folder *f = NULL;
	bool any = false;

	for (f = agent->folders; f != NULL; f = f->next) {
		if (!f->cursor_valid) {
			return false;
		}
		if (!any ||
		    dfsr_journal_cursor_cmp(&f->cursor, oldest) < 0) {
			*oldest = f->cursor;
		}
		any = true;
	}
	return any;
}

static void dfsr_journal_tick(struct tevent_context *ev,
			      struct tevent_timer *te, struct timeval now,
			      void *private_data)
{
	struct dfsr_agent *agent = private_data;
	struct dfsr_journal_cursor oldest;

	(void)te;
	(void)now;
	agent->journal_timer = tevent_add_timer(
		ev, agent,
		tevent_timeval_current_ofs(DFSR_JOURNAL_TICK_SEC, 0),
		dfsr_journal_tick, agent);
	if (agent->stopping) {
		return;
	}
	dfsr_agent_journal_drain(agent);
	if (agent->passing != 0 &&
	    ++agent->ticks % DFSR_JOURNAL_PASSING_TICKS == 0) {
		dfsr_journal_scan_all(agent);
	}
	dfsr_journal_reader_seal(agent->journal, DFSR_JOURNAL_SEGMENT_SIZE);
	if (dfsr_journal_oldest(agent, &oldest)) {
		dfsr_journal_reader_free_consumed(agent->journal, &oldest);
	}
}

int dfsr_agent_journal_start(struct dfsr_agent *agent, char **why)
{
	unsigned found = 0;
	int ret;

	ret = dfsr_journal_reader_open(agent, agent->opt.dfs_dir,
				       agent->boot.b, &found, &agent->journal);
	if (ret != 0) {
		*why = talloc_asprintf(agent, "the journal below %s cannot be "
				       "opened: %s", agent->opt.dfs_dir,
				       ret == EBUSY ? "another dfsrd uses it"
						    : strerror(ret));
		return ret;
	}
	agent->journal_found = found;
	agent->passing = 0; /* what was said before this start is news */
	return 0;
}

int dfsr_agent_journal_run(struct dfsr_agent *agent)
{
	agent->journal_fde = tevent_add_fd(
		agent->ev, agent, dfsr_journal_reader_fd(agent->journal),
		TEVENT_FD_READ, dfsr_journal_readable, agent);
	agent->journal_timer = tevent_add_timer(
		agent->ev, agent,
		tevent_timeval_current_ofs(DFSR_JOURNAL_TICK_SEC, 0),
		dfsr_journal_tick, agent);
	if (agent->journal_fde == NULL || agent->journal_timer == NULL) {
		return ENOMEM;
	}
	dfsr_agent_journal_drain(agent);
	return 0;
}
