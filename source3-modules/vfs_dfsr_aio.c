/*
   Samba DFS Replication
   Journaling VFS module: asynchronous writes

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

#include "vfs_dfsr.h"

/*
 * A request of the module below is handed up as it is, without one of our
 * own around it. What we know of it hangs below it as a small child: freed
 * by us when it is received, or with it when it is abandoned. An abandoned
 * write may still be in the thread pool and reach the disk after the close,
 * so that the file's intent then stays open until the process is dead.
 */

struct in_flight {
	struct in_flight *prev, *next;
	struct vfs_handle_struct *handle;
	struct files_struct *fsp; /* the base */
	struct dfsr_journal_writer *writer;
	struct dfsr_vfs_fsp *state; /* NULL while it is not journaled */
	struct tevent_req *req;
};

static struct in_flight *in_flight;
/* Abandoned before they had an intent: nobody can give them one. */
static bool in_flight_lost;

static int in_flight_destructor(struct in_flight *f)
{
	/* not received: the writer stays active, see dfsr_journal_quiesced */
	DLIST_REMOVE(in_flight, f);
	if (f->state != NULL) {
		f->state->in_flight--;
		f->state->stuck = true;
	} else {
		in_flight_lost = true;
	}
	return 0;
}

static void in_flight_count(struct in_flight *f)
{
	f->state = dfsr_vfs_state(f->handle, f->fsp, false);
	if (f->state != NULL) {
		f->state->in_flight++;
	}
}

void dfsr_vfs_aio_start(struct dfsr_vfs_op *op,
			struct vfs_handle_struct *handle,
			struct files_struct *fsp, struct tevent_req *req)
{
	struct in_flight *f = NULL;

	if (op->c == NULL || req == NULL) {
		dfsr_vfs_end(op);
		return;
	}
	f = talloc_zero(req, struct in_flight);
	if (f == NULL) {
		/* its end will not be seen */
		dfsr_journal_writer_overflow(op->c->writer);
		dfsr_vfs_end(op);
		return;
	}
	f->handle = handle;
	f->fsp = dfsr_vfs_base(fsp);
	f->writer = op->c->writer;
	f->req = req;
	if (op->journal) {
		in_flight_count(f);
	}
	DLIST_ADD_END(in_flight, f);
	talloc_set_destructor(f, in_flight_destructor);
	dfsr_vfs_end_sync(op);
}

void dfsr_vfs_aio_done(struct tevent_req *req)
{
	struct in_flight *f = in_flight;

	while (f != NULL && f->req != req) {
		f = f->next;
	}
	if (f == NULL) {
		return;
	}
	talloc_set_destructor(f, NULL);
	DLIST_REMOVE(in_flight, f);
	if (f->state != NULL) {
		f->state->in_flight--;
	}
	dfsr_journal_writer_leave(f->writer);
	talloc_free(f);
}

void dfsr_vfs_aio_obey(struct dfsr_journal_writer *w)
{
	struct in_flight *f = NULL;
	struct dfsr_vfs_op op;

	if (in_flight_lost) {
		dfsr_journal_writer_overflow(w);
	}
	for (f = in_flight; f != NULL; f = f->next) {
		if (f->state != NULL) {
			continue;
		}
		dfsr_vfs_begin_fsp(f->handle, f->fsp, &op);
		if (op.journal) {
			in_flight_count(f);
		}
		dfsr_vfs_end(&op);
	}
}

struct tevent_req *dfsr_vfs_pwrite_send(struct vfs_handle_struct *handle,
					TALLOC_CTX *mem_ctx,
					struct tevent_context *ev,
					struct files_struct *fsp,
					const void *data, size_t n,
					off_t offset)
{
	struct dfsr_vfs_op op;
	struct tevent_req *req = NULL;

	dfsr_vfs_begin_fsp(handle, fsp, &op);
	req = SMB_VFS_NEXT_PWRITE_SEND(mem_ctx, ev, handle, fsp, data, n,
				       offset);
	dfsr_vfs_aio_start(&op, handle, fsp, req);
	return req;
}

ssize_t dfsr_vfs_pwrite_recv(struct tevent_req *req,
			     struct vfs_aio_state *aio_state)
{
	dfsr_vfs_aio_done(req);
	return SMB_VFS_PWRITE_RECV(req, aio_state);
}

struct tevent_req *dfsr_vfs_offload_write_send(
	struct vfs_handle_struct *handle, TALLOC_CTX *mem_ctx,
	struct tevent_context *ev, uint32_t fsctl, DATA_BLOB *token,
	off_t transfer_offset, struct files_struct *dest_fsp, off_t dest_off,
	off_t to_copy)
{
	struct dfsr_vfs_op op;
	struct tevent_req *req = NULL;

	dfsr_vfs_begin_fsp(handle, dest_fsp, &op);
	req = SMB_VFS_NEXT_OFFLOAD_WRITE_SEND(handle, mem_ctx, ev, fsctl,
					      token, transfer_offset,
					      dest_fsp, dest_off, to_copy);
	dfsr_vfs_aio_start(&op, handle, dest_fsp, req);
	return req;
}

NTSTATUS dfsr_vfs_offload_write_recv(struct vfs_handle_struct *handle,
				     struct tevent_req *req, off_t *copied)
{
	dfsr_vfs_aio_done(req);
	return SMB_VFS_NEXT_OFFLOAD_WRITE_RECV(handle, req, copied);
}

struct tevent_req *dfsr_vfs_fsync_send(struct vfs_handle_struct *handle,
				       TALLOC_CTX *mem_ctx,
				       struct tevent_context *ev,
				       struct files_struct *fsp)
{
	dfsr_vfs_flush(handle, fsp);
	return SMB_VFS_NEXT_FSYNC_SEND(mem_ctx, ev, handle, fsp);
}
