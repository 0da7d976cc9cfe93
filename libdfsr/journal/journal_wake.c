/*
   Samba DFS Replication
   The change log: from the writers' futex to the event loop

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
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "journal_private.h"

/*
 * smbd rings with a futex: no descriptor, no syscall while dfsrd is awake.
 * An event loop cannot wait for a futex, so that one thread does and writes
 * to an eventfd. It sleeps only while it is armed, that is after the loop
 * has read everything; it looks for news once more between saying "asleep"
 * and sleeping.
 */

struct journal_wake {
	struct journal_control *page;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool started;
	bool stop;
	bool armed;
	int event_fd;
	/* what the loop has read, guarded by the mutex */
	int fd;
	uint64_t segment;
	uint64_t size;
	uint64_t overflow;
};

static bool has_news(const struct journal_wake *w)
{
	struct stat st;

	if (!w->armed || w->stop ||
	    atomic_load(&w->page->segment) != w->segment ||
	    atomic_load(&w->page->overflow) != w->overflow) {
		return true;
	}
	return fstat(w->fd, &st) == -1 || (uint64_t)st.st_size != w->size;
}

static void wake_tell(struct journal_wake *w)
{
	uint64_t one = 1;

	/* the counter cannot overflow before it is read */
	if (write(w->event_fd, &one, sizeof(one)) == -1) {
		return;
	}
}

static void *wake_main(void *private_data)
{
	struct journal_wake *w = private_data;
	bool news = false;

	pthread_mutex_lock(&w->mutex);
	while (!w->stop) {
		if (!w->armed) {
			pthread_cond_wait(&w->cond, &w->mutex);
			continue;
		}
		atomic_store(&w->page->asleep, 1);
		atomic_thread_fence(memory_order_seq_cst);
		news = has_news(w);
		pthread_mutex_unlock(&w->mutex);
		while (!news && atomic_load(&w->page->asleep) == 1) {
			journal_control_sleep(w->page);
		}
		pthread_mutex_lock(&w->mutex);
		atomic_store(&w->page->asleep, 0);
		if (w->armed) {
			w->armed = false;
			wake_tell(w);
		}
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static int wake_destructor(struct journal_wake *w)
{
	if (w->started) {
		pthread_mutex_lock(&w->mutex);
		w->stop = true;
		pthread_cond_signal(&w->cond);
		pthread_mutex_unlock(&w->mutex);
		/* it may be about to fall asleep: has_news() sees stop */
		atomic_store(&w->page->asleep, 1);
		journal_control_ring(w->page);
		pthread_join(w->thread, NULL);
	}
	pthread_cond_destroy(&w->cond);
	pthread_mutex_destroy(&w->mutex);
	if (w->event_fd != -1) {
		close(w->event_fd);
	}
	return 0;
}

/* The program's signals are the main thread's. */
static int wake_start(struct journal_wake *w)
{
	sigset_t all;
	sigset_t old;
	int ret = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&w->thread, NULL, wake_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	w->started = ret == 0;
	return ret;
}

int journal_wake_new(TALLOC_CTX *mem_ctx, struct journal_control *page,
		     struct journal_wake **wake)
{
	struct journal_wake *w = talloc_zero(mem_ctx, struct journal_wake);
	int ret = 0;

	if (w == NULL) {
		return ENOMEM;
	}
	w->page = page;
	w->fd = -1;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_cond_init(&w->cond, NULL);
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	talloc_set_destructor(w, wake_destructor);
	if (w->event_fd == -1) {
		ret = errno;
		talloc_free(w);
		return ret;
	}
	ret = wake_start(w);
	if (ret != 0) {
		talloc_free(w);
		return ret;
	}
	*wake = w;
	return 0;
}

int journal_wake_fd(const struct journal_wake *wake)
{
	return wake->event_fd;
}

void journal_wake_arm(struct journal_wake *w, int fd, uint64_t n,
		     uint64_t size, uint64_t overflow)
{
	pthread_mutex_lock(&w->mutex);
	w->fd = fd;
	w->segment = n;
	w->size = size;
	w->overflow = overflow;
	w->armed = true;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->mutex);
}

void journal_wake_disarm(struct journal_wake *w)
{
	pthread_mutex_lock(&w->mutex);
	w->armed = false;
	pthread_mutex_unlock(&w->mutex);
}

void journal_wake_drain(struct journal_wake *w)
{
	uint64_t n = 0;

	while (read(w->event_fd, &n, sizeof(n)) == (ssize_t)sizeof(n)) {
		continue;
	}
}
