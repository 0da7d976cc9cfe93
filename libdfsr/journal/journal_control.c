/*
   Samba DFS Replication
   The change log: the control page that smbd and dfsrd share

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
#include <linux/fs.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "journal_private.h"

/*
 * One file of fixed size, mapped by dfsrd and by every smbd. It is never
 * truncated, and its blocks are allocated when it is made: a store into a
 * hole on a full disk would be SIGBUS in smbd. When its format changes it is
 * replaced, and the old page says so in the word that every operation loads
 * anyway (JOURNAL_RETIRED in the generation).
 *
 * A slot belongs to the process that holds the OFD write lock on its byte.
 * OFD, because a POSIX lock vanishes whenever the process closes any
 * descriptor of the file; the kernel drops it at death, which is the only
 * proof of death that is believed.
 *
 * Order of things, writer against reader:
 *   segment     store new number | then read the old one to its end
 *               append | fence | load the number again, moved: append again
 *   asleep      store 1 | fence | look for news | futex wait while 1
 *               append | fence | exchange 0, was 1: futex wake
 *   generation  store new one | fence | look at every slot's active
 *               store active | fence | load the generation, obey it
 */

int dfsr_journal_boot_id(uint8_t boot[16])
{
	char text[64] = {0};
	size_t i = 0;
	size_t n = 0;
	ssize_t got = 0;
	int fd = open("/proc/sys/kernel/random/boot_id",
		      O_RDONLY | O_CLOEXEC);

	if (fd == -1) {
		return errno;
	}
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0) {
		return EIO;
	}
	for (i = 0; n < 16 && i + 1 < (size_t)got; i += 2) {
		unsigned v = 0;

		if (text[i] == '-') {
			i++;
		}
		if (sscanf(text + i, "%2x", &v) != 1) {
			return EBADMSG;
		}
		boot[n++] = v;
	}
	return n == 16 ? 0 : EBADMSG;
}

int journal_control_lock(int fd, off_t ofs)
{
	struct flock fl = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = ofs,
		.l_len = 1,
	};

	if (fcntl(fd, F_OFD_SETLK, &fl) == 0) {
		return 0;
	}
	return errno == EACCES ? EAGAIN : errno;
}

bool journal_control_locked(int fd, off_t ofs)
{
	struct flock fl = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = ofs,
		.l_len = 1,
	};

	if (fcntl(fd, F_OFD_GETLK, &fl) != 0) {
		return true;
	}
	return fl.l_type != F_UNLCK;
}

static int control_mmap(int fd, struct journal_control **page)
{
	void *p = mmap(NULL, sizeof(struct journal_control),
		       PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED) {
		return errno;
	}
	*page = p;
	return 0;
}

int journal_control_map(int dirfd, int *fd, struct journal_control **page)
{
	struct stat st;
	int ret = 0;

	*fd = openat(dirfd, "control", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (*fd == -1) {
		return errno;
	}
	if (fstat(*fd, &st) == -1) {
		ret = errno;
		goto fail;
	}
	if (st.st_size != (off_t)sizeof(struct journal_control)) {
		ret = EBADMSG;
		goto fail;
	}
	ret = control_mmap(*fd, page);
	if (ret != 0) {
		goto fail;
	}
	if ((*page)->magic != JOURNAL_CONTROL_MAGIC ||
	    (*page)->version != JOURNAL_CONTROL_VERSION ||
	    (*page)->num_slots != DFSR_JOURNAL_SLOTS_MAX) {
		munmap(*page, sizeof(struct journal_control));
		ret = EBADMSG;
		goto fail;
	}
	return 0;
fail:
	close(*fd);
	*fd = -1;
	*page = NULL;
	return ret;
}

void journal_control_unmap(int fd, struct journal_control *page)
{
	if (page != NULL) {
		munmap(page, sizeof(*page));
	}
	if (fd != -1) {
		close(fd);
	}
}

/* Tell those who have the old page mapped that it is not the one any more. */
static void control_retire(int dirfd)
{
	struct stat st;
	uint64_t *words = NULL;
	int fd = openat(dirfd, "control", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1) {
		return;
	}
	if (fstat(fd, &st) == 0 && st.st_size >= JOURNAL_CONTROL_HEADER) {
		words = mmap(NULL, JOURNAL_CONTROL_HEADER,
			     PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (words != MAP_FAILED) {
			struct journal_control *old = (void *)words;

			if (old->magic == JOURNAL_CONTROL_MAGIC) {
				atomic_store(&old->generation,
					     JOURNAL_RETIRED);
			}
			munmap(words, JOURNAL_CONTROL_HEADER);
		}
	}
	close(fd);
}

/* Where every store goes to a new block, allocated blocks are no help. */
static void control_in_place(int fd)
{
	unsigned flags = 0;

	if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags |= FS_NOCOW_FL;
		ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
}

int journal_control_create(int dirfd, const uint8_t boot[16], int *fd,
			   struct journal_control **page)
{
	int ret = 0;

	unlinkat(dirfd, "control.new", 0);
	*fd = openat(dirfd, "control.new",
		     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd == -1) {
		return errno;
	}
	*page = NULL;
	control_in_place(*fd);
	ret = posix_fallocate(*fd, 0, sizeof(struct journal_control));
	if (ret == 0) {
		ret = control_mmap(*fd, page);
	}
	if (ret != 0) {
		goto fail;
	}
	(*page)->version = JOURNAL_CONTROL_VERSION;
	(*page)->num_slots = DFSR_JOURNAL_SLOTS_MAX;
	(*page)->magic = JOURNAL_CONTROL_MAGIC;
	journal_control_set_boot(*page, boot);
	if (fsync(*fd) == -1) {
		ret = errno;
		goto fail;
	}
	control_retire(dirfd);
	if (renameat(dirfd, "control.new", dirfd, "control") == -1) {
		ret = errno;
		goto fail;
	}
	return 0;
fail:
	unlinkat(dirfd, "control.new", 0);
	journal_control_unmap(*fd, *page);
	*fd = -1;
	*page = NULL;
	return ret;
}

bool journal_control_boot_is(const struct journal_control *page,
			     const uint8_t boot[16])
{
	uint64_t b[2];

	memcpy(b, boot, sizeof(b));
	return atomic_load(&page->boot[0]) == b[0] &&
	       atomic_load(&page->boot[1]) == b[1];
}

void journal_control_set_boot(struct journal_control *page,
			      const uint8_t boot[16])
{
	uint64_t b[2];

	memcpy(b, boot, sizeof(b));
	atomic_store(&page->boot[0], b[0]);
	atomic_store(&page->boot[1], b[1]);
}

void journal_control_ring(struct journal_control *page)
{
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&page->asleep, memory_order_relaxed) == 0) {
		return;
	}
	if (atomic_exchange(&page->asleep, 0) == 1) {
		syscall(SYS_futex, &page->asleep, FUTEX_WAKE, 1, NULL, NULL,
			0);
	}
}

void journal_control_sleep(struct journal_control *page)
{
	syscall(SYS_futex, &page->asleep, FUTEX_WAIT, 1, NULL, NULL, 0);
}

void journal_control_overflow(struct journal_control *page)
{
	atomic_fetch_add(&page->overflow, 1);
	journal_control_ring(page);
}
