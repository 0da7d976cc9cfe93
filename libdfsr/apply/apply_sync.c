/*
   Samba DFS Replication
   Durable by the batch

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
#include <fcntl.h>
#include <unistd.h>
#include "apply_private.h"

void apply_sync_forget(struct apply_sync *sync)
{
	while (sync->num > 0) {
		sync->num--;
		close(sync->fds[sync->num]);
	}
}

void apply_sync_add(struct apply_sync *sync, int fd)
{
	struct dfsr_stamp stamp;
	unsigned i;
	int own;

	if (sync->many) {
		return;
	}
	if (dfsr_fs_stamp(fd, &stamp) != 0) {
		goto many;
	}
	for (i = 0; i < sync->num; i++) {
		if (dfsr_ident_equal(&sync->idents[i], &stamp.ident)) {
			return;
		}
	}
	if (sync->num == APPLY_SYNC_MANY) {
		goto many;
	}
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own == -1) {
		goto many;
	}
	sync->fds[sync->num] = own;
	sync->idents[sync->num] = stamp.ident;
	sync->num++;
	return;
many:
	sync->many = true;
	apply_sync_forget(sync);
}

int apply_sync_run(struct dfsr_apply *apply, struct apply_sync *sync)
{
	int ret = 0;
	unsigned i;

	if (sync->many) {
		ret = dfsr_apply_sync(apply);
	}
	for (i = 0; i < sync->num; i++) {
		if (fsync(sync->fds[i]) != 0 && ret == 0) {
			ret = errno;
		}
	}
	apply_sync_forget(sync);
	sync->many = false;
	return ret;
}

/*
 * An error of writeback is told once per descriptor, so it must be listened to
 * here already. Directories have no range: they say so, and fsync() does it.
 */
static int range(int fd, unsigned flags)
{
	if (sync_file_range(fd, 0, 0, flags) == 0 || errno == ESPIPE ||
	    errno == EINVAL || errno == ENOSYS) {
		return 0;
	}
	return errno;
}

int apply_sync_files(const int *fds, unsigned num)
{
	unsigned i;
	int ret = 0;

	for (i = 0; i < num && num > 1 && ret == 0; i++) {
		ret = range(fds[i], SYNC_FILE_RANGE_WRITE);
	}
	for (i = 0; i < num && num > 1 && ret == 0; i++) {
		ret = range(fds[i], SYNC_FILE_RANGE_WAIT_AFTER);
	}
	for (i = 0; i < num && ret == 0; i++) {
		ret = fsync(fds[i]) == 0 ? 0 : errno;
	}
	return ret;
}
