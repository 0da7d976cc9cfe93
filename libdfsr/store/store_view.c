/*
   Samba DFS Replication
   What the engine sees of a transaction

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

#include "store_private.h"

static int view_by_uid(void *private_data, const struct dfsr_id *uid,
		       struct dfsr_record *r)
{
	struct dfsr_row row;
	int err = dfsr_store_row_by_uid(private_data, uid, &row);

	if (err == 0) {
		*r = row.rec;
	}
	return err;
}

static int view_by_name(void *private_data, const struct dfsr_id *dir,
			const char *name, struct dfsr_record *r)
{
	struct dfsr_row row;
	int err = dfsr_store_row_by_name(private_data, dir, name, &row);

	if (err == 0) {
		*r = row.rec;
	}
	return err;
}

static int view_next_child(void *private_data, const struct dfsr_id *dir,
			   const char *after, struct dfsr_record *r)
{
	struct dfsr_row row;
	int err = dfsr_store_next_child(private_data, dir, after, &row);

	if (err == 0) {
		*r = row.rec;
	}
	return err;
}

static int view_clock_high(void *private_data, const struct dfsr_id *uid,
			   uint64_t *clock)
{
	struct dfsr_row row;
	int err = dfsr_store_row_by_uid(private_data, uid, &row);

	if (err != 0) {
		return err;
	}
	*clock = row.clock_high;
	if (row.rec.clock > *clock) {
		*clock = row.rec.clock;
	}
	return 0;
}

void dfsr_store_view(struct dfsr_store_txn *txn, struct dfsr_view *view)
{
	*view = (struct dfsr_view){
		.by_uid = view_by_uid,
		.by_name = view_by_name,
		.next_child = view_next_child,
		.clock_high = view_clock_high,
		.private_data = txn,
	};
}
