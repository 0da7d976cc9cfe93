/*
   Samba DFS Replication
   The change log between smbd and dfsrd

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


#ifndef __DFSR_JOURNAL_H__
#define __DFSR_JOURNAL_H__

#include "dfsr_types.h"

/*
 * smbd's module appends to the journal, dfsrd reads it. A record is a reason
 * to look at an object, never a fact to replay: it may come twice, late or
 * in another order than the operations.
 *
 *   <dir>/folders             which folders there are (dfsrd writes)
 *   <dir>/journal/control     one shared page of state, see journal_control.c
 *   <dir>/journal/segment.N   frames, appended by every smbd
 *   <dir>/journal/open.N      intents that were open when segment N began
 *
 * <dir> is "<state directory>/dfs". All is root's, 0700 and 0600.
 *
 * The writer half is libc only and lives in smbd: it never waits, never
 * calls fsync and never fails its caller. What it cannot write becomes the
 * overflow mark, which means: scan.
 */

/** A segment is sealed by the reader when it has grown beyond this. */
#define DFSR_JOURNAL_SEGMENT_SIZE (16 * 1024 * 1024)
/**
 * Writers fill a segment up to about this if no dfsrd seals it; beyond it
 * there are overflow marks.
 */
#define DFSR_JOURNAL_SEGMENT_MAX (256 * 1024 * 1024)
/** Longest frame in bytes. */
#define DFSR_JOURNAL_FRAME_MAX 1024
/** Most writing processes at a time; further ones cause overflow marks. */
#define DFSR_JOURNAL_SLOTS_MAX 8192
/** Most folders in the folder table. */
#define DFSR_JOURNAL_FOLDERS_MAX 1024
/** Most intents that are open at a time; more causes the overflow mark. */
#define DFSR_JOURNAL_OPEN_MAX 1048576

/* ---- records ------------------------------------------------------------ */

enum dfsr_journal_kind {
	/** Something is about to change. */
	DFSR_JOURNAL_INTENT = 1,
	/** The object of an intent is known now: it has just been created. */
	DFSR_JOURNAL_NAMED = 2,
	/**
	 * What the intent said is over, whether it succeeded or not. The
	 * reader fills in object, parent and name from the intent where the
	 * outcome has none.
	 */
	DFSR_JOURNAL_OUTCOME = 3,
	/** The client asked for a flush while the intent stays open. */
	DFSR_JOURNAL_FLUSH = 4,
};

enum dfsr_journal_op {
	/** Bytes or metadata of an open object: object, parent, name. */
	DFSR_JOURNAL_OP_CHANGE = 1,
	/** Open that creates: parent and name; the object comes with NAMED. */
	DFSR_JOURNAL_OP_CREATE = 2,
	/** Path operations: parent, name; object if it existed or is known. */
	DFSR_JOURNAL_OP_MKDIR = 3,
	DFSR_JOURNAL_OP_UNLINK = 4,
	DFSR_JOURNAL_OP_RMDIR = 5,
	/** object moves from parent/name to parent2/name2 over replaced. */
	DFSR_JOURNAL_OP_RENAME = 6,
	/*
	 * When another module stands below ours, the second place of the
	 * outcome of UNLINK, RMDIR and RENAME is where object is now, as the
	 * kernel says; a recycle bin, for example.
	 */
	/** object also gets the name parent2/name2. */
	DFSR_JOURNAL_OP_LINK = 7,
	DFSR_JOURNAL_OP_SYMLINK = 8,
	DFSR_JOURNAL_OP_MKNOD = 9,
	/** Metadata changed by name or through a handle without close. */
	DFSR_JOURNAL_OP_META = 10,
};

/** Why an intent is over. */
enum dfsr_journal_reason {
	DFSR_JOURNAL_REASON_NONE = 0,
	/** A path operation ended; error is 0 or its errno. */
	DFSR_JOURNAL_REASON_DONE = 1,
	/** The client closed the handle. */
	DFSR_JOURNAL_REASON_CLOSE = 2,
	/** The connection went away and smbd closed the handle. */
	DFSR_JOURNAL_REASON_DISCONNECT = 3,
	/**
	 * A durable handle lost its connection. The object stays busy until
	 * somebody opens it for writing again, or for hold_msec; the latter
	 * is told with WRITER_DIED.
	 */
	DFSR_JOURNAL_REASON_DURABLE = 4,
	/** The process died: made by the reader, never written by smbd. */
	DFSR_JOURNAL_REASON_WRITER_DIED = 5,
};

/**
 * One record. Identities that are not known are null (inode 0); names are
 * hints, as the module saw them, "" if unknown, and may be a client's spelling
 * when the module does not stand lowest in `vfs objects`.
 */
struct dfsr_journal_record {
	uint8_t kind;	/* enum dfsr_journal_kind */
	uint8_t op;	/* enum dfsr_journal_op, that of the intent */
	uint8_t reason; /* enum dfsr_journal_reason, outcomes only */
	bool hint;	/* from an earlier boot: nothing is open any more */
	int32_t error;	/* errno of the operation, outcomes only */
	uint32_t hold_msec; /* see REASON_DURABLE */
	uint32_t pid;	/* the writer */
	uint16_t slot;
	uint32_t incarnation; /* of the slot */
	uint64_t counter;     /* the writer's own frame number, from 1 */
	uint64_t intent;      /* counter of the intent that this belongs to */
	uint64_t time_nsec;   /* CLOCK_REALTIME at the writer */
	struct dfsr_ident object;
	struct dfsr_ident parent;
	struct dfsr_ident parent2;
	struct dfsr_ident replaced;
	char name[DFSR_NAME_MAX + 1];
	char name2[DFSR_NAME_MAX + 1];
};

/** A place in the journal; of no use in another boot. */
struct dfsr_journal_cursor {
	uint8_t boot[16];
	uint64_t segment;
	uint64_t offset;
};

/** <0, 0, >0 for two cursors of one journal. */
int dfsr_journal_cursor_cmp(const struct dfsr_journal_cursor *a,
			    const struct dfsr_journal_cursor *b);

/**
 * Encode one frame.
 *
 * @param[in]  rec  kind, op and whatever they need; slot to intent filled
 * @param[out] buf  DFSR_JOURNAL_FRAME_MAX bytes
 * @return length of the frame, a multiple of 16
 */
size_t dfsr_journal_frame_encode(const struct dfsr_journal_record *rec,
				 uint8_t *buf);
/**
 * Decode the frame at the start of data.
 *
 * @param[out] consumed  length of the frame on success and when only its
 *                       body is damaged (EBADMSG); else 0
 * @return 0; EAGAIN if data may be the beginning of a frame that has not
 *         arrived whole; EBADMSG if it is not a frame
 */
int dfsr_journal_frame_decode(const uint8_t *data, size_t len,
			      struct dfsr_journal_record *rec,
			      size_t *consumed);

/* ---- the folder table --------------------------------------------------- */

struct dfsr_journal_folder {
	uint32_t number;
	struct dfsr_guid folder;
	bool enabled;
	bool readonly;
	struct dfsr_ident root;
	uint64_t fsid; /* statfs f_fsid, both words */
	char *path;    /* absolute; a hint, the identity decides */
};

struct dfsr_journal_folders {
	uint64_t generation;
	uint32_t num;
	struct dfsr_journal_folder *e;
};

/**
 * Read <dir>/folders. Plain malloc, because smbd does it too.
 * @return 0, ENOENT, EBADMSG (not a folder table), ENOMEM or errno
 */
int dfsr_journal_folders_read(const char *dir,
			      struct dfsr_journal_folders **table);
void dfsr_journal_folders_free(struct dfsr_journal_folders *table);

/* ---- the writer half: smbd ---------------------------------------------- */

struct dfsr_journal_writer;

/** How the writer opens root's files while it runs as a user. */
struct dfsr_journal_root_fns {
	void (*become_root)(void);
	void (*unbecome_root)(void);
};

/**
 * The writer of this process for <dir>; made at the first call, the same
 * one afterwards, also in forked children, which take a slot of their own.
 * Cheap when it exists. Must be called as root or with root functions.
 *
 * @return 0; ENOENT when dfsrd has never made a control page here
 */
int dfsr_journal_writer_open(const char *dir,
			     const struct dfsr_journal_root_fns *root,
			     struct dfsr_journal_writer **writer);
/**
 * A mutating operation begins or ends; calls nest. What happens between
 * enter and leave is visible to dfsr_journal_quiesced().
 *
 * @return the folder-table generation to be obeyed by the operation; 0
 *         when there is nothing to journal
 */
uint64_t dfsr_journal_writer_enter(struct dfsr_journal_writer *w);
void dfsr_journal_writer_leave(struct dfsr_journal_writer *w);
/**
 * Say that everything that is under way in this process, asynchronous
 * writes included, obeys this generation.
 */
void dfsr_journal_writer_ack(struct dfsr_journal_writer *w,
			     uint64_t generation);
/** The generation without entering. */
uint64_t dfsr_journal_writer_generation(const struct dfsr_journal_writer *w);
/** True outside of any enter/leave pair, aio counted out by the caller. */
uint32_t dfsr_journal_writer_active(const struct dfsr_journal_writer *w);
/**
 * Append one record. Fills pid, counter, time, and, for an INTENT, slot,
 * incarnation and intent, which the caller puts into whatever follows from
 * that intent. Never waits and never fails: trouble is the overflow mark.
 */
void dfsr_journal_writer_append(struct dfsr_journal_writer *w,
				struct dfsr_journal_record *rec);
/** Set the overflow mark: the daemon must scan. */
void dfsr_journal_writer_overflow(struct dfsr_journal_writer *w);
/**
 * Say that a module passes everything through because it was built for
 * another Samba, and set the overflow mark. @return 0 or errno
 */
int dfsr_journal_mark_passing(const char *dir);

/* ---- the reader half: dfsrd --------------------------------------------- */

struct dfsr_journal_reader;

/** What dfsr_journal_reader_open() found; or-ed. */
#define DFSR_JOURNAL_FOUND_NEW 0x1	/* made now: scan all folders */
#define DFSR_JOURNAL_FOUND_NEW_BOOT 0x2 /* last used in another boot */

/** Fill the kernel's boot id. @return 0 or errno */
int dfsr_journal_boot_id(uint8_t boot[16]);
/**
 * Open the journal below dir, making directories, control page and first
 * segment as needed. One reader at a time (EBUSY otherwise). It stands at
 * the oldest segment; records of earlier boots come first, as hints.
 *
 * @param[in]  boot   the kernel's boot id
 * @param[out] found  DFSR_JOURNAL_FOUND_*
 * @return 0, EBUSY or errno
 */
int dfsr_journal_reader_open(TALLOC_CTX *mem_ctx, const char *dir,
			     const uint8_t boot[16], unsigned *found,
			     struct dfsr_journal_reader **reader);
/**
 * A descriptor for the event loop. When it becomes readable: call
 * dfsr_journal_reader_next() until EAGAIN, which also arms it again; then
 * look at dfsr_journal_overflow(). Call it on a slow timer too (a minute).
 */
int dfsr_journal_reader_fd(struct dfsr_journal_reader *r);
/**
 * The next record; does not block. Deaths of writers come as outcomes with
 * REASON_WRITER_DIED, one for each of their open intents.
 * @return 0, EAGAIN when there is nothing now, or errno
 */
int dfsr_journal_reader_next(struct dfsr_journal_reader *r,
			     struct dfsr_journal_record *rec);
/**
 * The place behind the last record that next() returned. Store it with the
 * commit that covers everything up to there; open intents do not hold it
 * back, they are found again by seek().
 */
void dfsr_journal_reader_cursor(const struct dfsr_journal_reader *r,
				struct dfsr_journal_cursor *cursor);
/**
 * Continue behind a stored cursor. Intents that were open there are open
 * again.
 * @return 0; ESTALE if that place is gone or of another boot: the reader
 *         stands at the oldest segment then, and the folders need a scan
 */
int dfsr_journal_reader_seek(struct dfsr_journal_reader *r,
			     const struct dfsr_journal_cursor *cursor);
/**
 * True while a living smbd has an open intent on this object, or a durable
 * handle on it waits for its client.
 */
bool dfsr_journal_reader_busy(const struct dfsr_journal_reader *r,
			      const struct dfsr_ident *object);
/** Number of open intents. */
size_t dfsr_journal_reader_open_intents(const struct dfsr_journal_reader *r);
/**
 * Begin a new segment if the current one is larger than max_size
 * (DFSR_JOURNAL_SEGMENT_SIZE; 0: always). To be called now and then.
 */
int dfsr_journal_reader_seal(struct dfsr_journal_reader *r, size_t max_size);
/** Remove the segments before the cursor's, whose records are all done. */
int dfsr_journal_reader_free_consumed(
	struct dfsr_journal_reader *r,
	const struct dfsr_journal_cursor *cursor);
/** Bytes in all segments, for watermarks. */
uint64_t dfsr_journal_reader_size(struct dfsr_journal_reader *r);
/** fsync segment and control page: an orderly end of the host. */
int dfsr_journal_reader_sync(struct dfsr_journal_reader *r);

/**
 * Replace the folder table and raise the generation, which is stored in
 * table->generation. Every smbd obeys it from its next operation on.
 */
int dfsr_journal_publish_folders(struct dfsr_journal_reader *r,
				 struct dfsr_journal_folders *table);
/**
 * True when no process can still be inside an operation that began under
 * an older generation: from now on nothing is missed.
 */
bool dfsr_journal_quiesced(struct dfsr_journal_reader *r,
			   uint64_t generation);
/**
 * 0, or a number if changes may have been missed since the last clear. The
 * mark goes with dfsr_journal_overflow_clear(), to be called with that
 * number when the need for a scan has been stored safely and before the
 * scan begins.
 */
uint64_t dfsr_journal_overflow(struct dfsr_journal_reader *r);
void dfsr_journal_overflow_clear(struct dfsr_journal_reader *r,
				 uint64_t number);
/** Times that a module has said that it passes everything through. */
uint64_t dfsr_journal_passing(struct dfsr_journal_reader *r);

#endif /* __DFSR_JOURNAL_H__ */
