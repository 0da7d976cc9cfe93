/*
   Samba DFS Replication
   Journaling VFS module: intent and outcome of an open file

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

struct files_struct *dfsr_vfs_base(struct files_struct *fsp)
{
	return fsp->base_fsp != NULL ? fsp->base_fsp : fsp;
}

/*
 * The fsp goes away. Usually its close was seen; a directory that was listed
 * and a handle that shares its descriptor are never closed.
 */
static void state_destroy(void *data)
{
	dfsr_vfs_outcome(data, DFSR_JOURNAL_REASON_CLOSE);
}

struct dfsr_vfs_fsp *dfsr_vfs_state(struct vfs_handle_struct *handle,
				    struct files_struct *fsp, bool make)
{
	struct dfsr_vfs_conn *c = handle->data;
	struct dfsr_vfs_fsp *s = VFS_FETCH_FSP_EXTENSION(handle, fsp);

	if (s != NULL || !make || c == NULL) {
		return s;
	}
	s = VFS_ADD_FSP_EXTENSION(handle, fsp, struct dfsr_vfs_fsp,
				  state_destroy);
	if (s != NULL) {
		s->writer = c->writer;
	}
	return s;
}

/*
 * Where the file is, as far as smbd knows: another client may have renamed
 * it since. Only a hint, for an object that dfsrd has not met yet.
 */
static void name_hint(const struct files_struct *fsp,
		      struct dfsr_journal_record *rec)
{
	struct dfsr_vfs_place place;

	dfsr_vfs_place(NULL, fsp->fsp_name, &place);
	if (ISDOT(place.leaf) || ISDOTDOT(place.leaf)) {
		return;
	}
	rec->parent = place.parent;
	strlcpy(rec->name, place.leaf, sizeof(rec->name));
}

void dfsr_vfs_intend(struct vfs_handle_struct *handle,
		     struct files_struct *fsp)
{
	struct dfsr_vfs_conn *c = handle->data;
	struct files_struct *base = dfsr_vfs_base(fsp);
	struct dfsr_vfs_fsp *s = dfsr_vfs_state(handle, base, true);
	struct dfsr_journal_record rec;

	if (s == NULL) {
		dfsr_journal_writer_overflow(c->writer);
		return;
	}
	if (s->open) {
		return;
	}
	rec = (struct dfsr_journal_record){
		.kind = DFSR_JOURNAL_INTENT,
		.op = DFSR_JOURNAL_OP_CHANGE,
	};
	dfsr_vfs_ident_fsp(base, &rec.object);
	name_hint(base, &rec);
	dfsr_journal_writer_append(s->writer, &rec);
	s->object = rec.object;
	s->op = rec.op;
	s->intent = rec.intent;
	s->slot = rec.slot;
	s->incarnation = rec.incarnation;
	s->open = true;
}

void dfsr_vfs_begin_fsp(struct vfs_handle_struct *handle,
			struct files_struct *fsp, struct dfsr_vfs_op *op)
{
	if (dfsr_vfs_begin(handle, op)) {
		dfsr_vfs_intend(handle, fsp);
	}
}

void dfsr_vfs_outcome(struct dfsr_vfs_fsp *s, uint8_t reason)
{
	struct dfsr_journal_record rec;

	if (!s->open || s->stuck || s->in_flight > 0) {
		return;
	}
	rec = (struct dfsr_journal_record){
		.kind = DFSR_JOURNAL_OUTCOME,
		.op = s->op,
		.reason = reason,
		.intent = s->intent,
		.slot = s->slot,
		.incarnation = s->incarnation,
		.object = s->object,
	};
	if (s->durable) {
		rec.reason = DFSR_JOURNAL_REASON_DURABLE;
		rec.hold_msec = s->hold_msec;
	}
	dfsr_journal_writer_append(s->writer, &rec);
	s->open = false;
}

void dfsr_vfs_flush(struct vfs_handle_struct *handle,
		    struct files_struct *fsp)
{
	struct dfsr_vfs_fsp *s = dfsr_vfs_state(handle, dfsr_vfs_base(fsp),
						false);
	struct dfsr_journal_record rec;

	if (s == NULL || !s->open) {
		return;
	}
	rec = (struct dfsr_journal_record){
		.kind = DFSR_JOURNAL_FLUSH,
		.op = s->op,
		.intent = s->intent,
		.slot = s->slot,
		.incarnation = s->incarnation,
		.object = s->object,
	};
	dfsr_journal_writer_append(s->writer, &rec);
}

bool dfsr_vfs_disconnected(const struct vfs_handle_struct *handle)
{
	const struct smbd_server_connection *sconn = handle->conn->sconn;
	const struct smbXsrv_connection *x = NULL;

	if (sconn == NULL || sconn->client == NULL) {
		return false;
	}
	for (x = sconn->client->connections; x != NULL; x = x->next) {
		if (NT_STATUS_IS_OK(x->transport.status)) {
			return false;
		}
	}
	return true;
}
