/*
   Samba DFS Replication
   Stamps: what an inode looks like now

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
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>
#include "fs_private.h"

#define NSEC_PER_SEC 1000000000LL

/**
 * Before Linux 6.13 times advance with the tick, 4 ms or 10 ms: a second
 * change within the same tick cannot be seen in them.
 */
#define FS_SETTLE_NSEC (20 * 1000000LL)

/* A ctime in the future has no age: the clock was set back. */
static bool is_settled(const struct timespec *now,
		       const struct statx_timestamp *ctime)
{
	__int128 age;

	age = ((__int128)now->tv_sec - ctime->tv_sec) * NSEC_PER_SEC;
	age += now->tv_nsec - (int64_t)ctime->tv_nsec;
	return age >= FS_SETTLE_NSEC;
}

int dfsr_fs_stamp_dev(int dirfd, const char *name, struct dfsr_stamp *stamp,
		      dev_t *dev)
{
	struct statx stx;
	struct timespec now;
	int ret;

	/* the clock first: an age that is too small does no harm */
	ret = clock_gettime(CLOCK_REALTIME, &now);
	if (ret != 0) {
		return errno;
	}
	ret = statx(dirfd, name,
		    AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		    STATX_BASIC_STATS | STATX_BTIME, &stx);
	if (ret != 0) {
		return errno;
	}
	*stamp = (struct dfsr_stamp){
		.ident.ino = stx.stx_ino,
		.size = stx.stx_size,
		.mtime_sec = stx.stx_mtime.tv_sec,
		.mtime_nsec = stx.stx_mtime.tv_nsec,
		.ctime_sec = stx.stx_ctime.tv_sec,
		.ctime_nsec = stx.stx_ctime.tv_nsec,
		.nlink = stx.stx_nlink,
		.mode = stx.stx_mode,
		.settled = is_settled(&now, &stx.stx_ctime),
	};
	if (stx.stx_mask & STATX_BTIME) {
		stamp->ident.btime_sec = stx.stx_btime.tv_sec;
		stamp->ident.btime_nsec = stx.stx_btime.tv_nsec;
	}
	if (dev != NULL) {
		*dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	}
	return 0;
}

int dfsr_fs_stamp(int fd, struct dfsr_stamp *stamp)
{
	return dfsr_fs_stamp_dev(fd, "", stamp, NULL);
}

int dfsr_fs_stamp_at(int dirfd, const char *name, struct dfsr_stamp *stamp)
{
	if (name[0] == '\0') {
		return ENOENT;
	}
	return dfsr_fs_stamp_dev(dirfd, name, stamp, NULL);
}

uint8_t dfsr_fs_kind(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return DFSR_KIND_FILE;
	case S_IFDIR:
		return DFSR_KIND_DIRECTORY;
	case S_IFLNK:
		return DFSR_KIND_SYMLINK;
	default:
		return 0;
	}
}

/** Times two changes with a look between them are made. */
#define FS_FINE_TRIES 16

int dfsr_fs_fine_times(int dirfd, bool *fine)
{
	struct dfsr_stamp before, after;
	unsigned i;
	int fd, ret = 0;

	*fine = false;
	fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd == -1) {
		return errno == EOPNOTSUPP || errno == EISDIR ? 0 : errno;
	}
	for (i = 0; ret == 0 && i < FS_FINE_TRIES; i++) {
		ret = pwrite(fd, "x", 1, 0) == 1 ? dfsr_fs_stamp(fd, &before)
						  : errno;
		if (ret == 0) {
			ret = pwrite(fd, "y", 1, 0) == 1
				      ? dfsr_fs_stamp(fd, &after)
				      : errno;
		}
		if (ret == 0 && before.ctime_sec == after.ctime_sec &&
		    before.ctime_nsec == after.ctime_nsec) {
			break;
		}
	}
	close(fd);
	*fine = ret == 0 && i == FS_FINE_TRIES;
	return ret;
}
