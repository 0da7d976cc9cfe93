/*
   Samba DFS Replication
   The event log: numbers, files, folding, waiting

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

/*
 * libtevent runs on the time of this program: it asks gettimeofday() and
 * epoll_wait(), which are the ones below. A minute passes when nothing else is
 * to be done.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <tevent.h>
#include <unistd.h>
#include <cmocka.h>
#include "agent/agent_event.h"

static uint64_t fake_ms = 1700000000000;

int gettimeofday(struct timeval *tv, void *tz)
{
	(void)tz;
	tv->tv_sec = (time_t)(fake_ms / 1000);
	tv->tv_usec = (suseconds_t)(fake_ms % 1000 * 1000);
	return 0;
}

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	(void)epfd;
	(void)events;
	(void)max;
	fake_ms += timeout > 0 ? (uint64_t)timeout : 0;
	return 0;
}

struct fixture {
	TALLOC_CTX *mem_ctx;
	struct tevent_context *ev;
	char dir[64];
	struct dfsr_eventlog *log;
	unsigned int told;
	uint32_t last_id;
	char last[256];
};

static void on_event(const struct dfsr_event *event, void *private_data)
{
	struct fixture *f = private_data;

	f->told += 1;
	f->last_id = event->id;
	snprintf(f->last, sizeof(f->last), "%s", event->message);
}

static void open_log(struct fixture *f)
{
	assert_int_equal(
		dfsr_eventlog_open(f->mem_ctx, f->ev, f->dir, &f->log), 0);
	dfsr_eventlog_set_callback(f->log, on_event, f);
}

static void start(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/dfsr-event-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->mem_ctx = talloc_new(NULL);
	f->ev = tevent_context_init(f->mem_ctx);
	open_log(f);
}

static char *file(struct fixture *f, int n)
{
	return n == 0 ? talloc_asprintf(f->mem_ctx, "%s/events.jsonl", f->dir)
		      : talloc_asprintf(f->mem_ctx, "%s/events.jsonl.%d",
					f->dir, n);
}

static void end(struct fixture *f)
{
	int i;

	TALLOC_FREE(f->log);
	TALLOC_FREE(f->ev);
	for (i = 0; i <= DFSR_EVENTLOG_OLD_MAX + 1; i++) {
		char *path = file(f, i);

		unlink(path);
		talloc_free(path);
	}
	assert_int_equal(rmdir(f->dir), 0);
	assert_int_equal(talloc_total_blocks(f->mem_ctx), 1);
	talloc_free(f->mem_ctx);
}

static size_t count(struct fixture *f, struct dfsr_event_filter filter,
		    uint64_t *first)
{
	json_t *events = NULL;
	size_t num;

	assert_int_equal(dfsr_eventlog_read(f->log, &filter, &events), 0);
	num = json_array_size(events);
	if (first != NULL) {
		*first = (uint64_t)json_integer_value(json_object_get(
			json_array_get(events, 0), "seq"));
	}
	json_decref(events);
	return num;
}

static void test_read_back(void **state)
{
	const struct dfsr_event_filter all = {.id = 0};
	struct fixture f;
	json_t *events = NULL;
	json_t *e;
	uint64_t since = 0;
	uint64_t first = 0;

	(void)state;
	start(&f);
	dfsr_eventlog_add(f.log, DFSR_EVENT_STARTED, NULL, "started %d", 1);
	dfsr_eventlog_add(f.log, DFSR_EVENT_CONFLICT,
			  json_pack("{s:s}", "path", "a/b"),
			  "two\nlines \xff and \xc3\xa9");
	dfsr_eventlog_add(f.log, DFSR_EVENT_DISK_FULL, NULL, "full");
	assert_int_equal(f.told, 3);
	assert_int_equal(dfsr_eventlog_read(f.log, &all, &events), 0);
	assert_int_equal(json_array_size(events), 3);
	e = json_array_get(events, 1);
	assert_int_equal(json_integer_value(json_object_get(e, "seq")), 2);
	assert_int_equal(json_integer_value(json_object_get(e, "id")), 4412);
	assert_string_equal(json_string_value(json_object_get(e, "level")),
			    "information");
	assert_string_equal(
		json_string_value(json_object_get(
			json_object_get(e, "data"), "path")), "a/b");
	assert_null(strchr(json_string_value(json_object_get(e, "message")),
			   '\n'));
	e = json_array_get(events, 2);
	assert_string_equal(json_string_value(json_object_get(e, "level")),
			    "error");
	assert_int_equal(dfsr_time_parse(json_string_value(json_object_get(
						 e, "time")), &since), 0);
	json_decref(events);
	assert_int_equal(count(&f, (struct dfsr_event_filter){.id = 1004},
			       NULL), 1);
	assert_int_equal(count(&f, (struct dfsr_event_filter){.after = 2},
			       NULL), 1);
	assert_int_equal(count(&f, (struct dfsr_event_filter){.limit = 2},
			       &first), 2);
	assert_int_equal(first, 2);
	assert_true(count(&f, (struct dfsr_event_filter){.since = since},
			  NULL) >= 1);
	assert_int_equal(count(&f,
			       (struct dfsr_event_filter){
				       .since = since + 36000000000},
			       NULL), 0);
	end(&f);
}

static void test_restart(void **state)
{
	struct fixture f;
	char *path;
	FILE *out;

	(void)state;
	start(&f);
	dfsr_eventlog_add(f.log, 1004, NULL, "one");
	dfsr_eventlog_add(f.log, 1008, NULL, "two");
	TALLOC_FREE(f.log);
	/* a power cut tore the last line, and somebody wrote nonsense */
	path = file(&f, 0);
	out = fopen(path, "a");
	fputs("nonsense\n{\"seq\":99,\"id\"", out);
	fclose(out);
	open_log(&f);
	assert_int_equal(dfsr_eventlog_seq(f.log), 2);
	dfsr_eventlog_add(f.log, 1004, NULL, "three");
	assert_int_equal(dfsr_eventlog_seq(f.log), 3);
	assert_int_equal(count(&f, (struct dfsr_event_filter){.id = 0}, NULL),
			 3);
	talloc_free(path);
	end(&f);
}

static void test_rotate(void **state)
{
	struct fixture f;
	char *big;
	struct stat st;
	uint64_t first = 0;
	uint64_t seq;
	char *path;
	int i;

	(void)state;
	start(&f);
	big = talloc_array(f.mem_ctx, char, 60001);
	memset(big, 'x', 60000);
	big[60000] = '\0';
	for (i = 0; i < 1800; i++) {
		dfsr_eventlog_add(f.log, 1004, json_pack("{s:s}", "d", big),
				  "event %d", i);
	}
	for (i = 0; i <= DFSR_EVENTLOG_OLD_MAX; i++) {
		path = file(&f, i);
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_size <= DFSR_EVENTLOG_FILE_MAX);
		talloc_free(path);
	}
	path = file(&f, DFSR_EVENTLOG_OLD_MAX + 1);
	assert_int_equal(stat(path, &st), -1);
	talloc_free(path);
	seq = dfsr_eventlog_seq(f.log);
	assert_int_equal(seq, 1800);
	assert_int_equal(count(&f, (struct dfsr_event_filter){.limit = 5},
			       &first), 5);
	assert_int_equal(first, 1796);
	TALLOC_FREE(f.log);
	open_log(&f);
	assert_int_equal(dfsr_eventlog_seq(f.log), seq);
	/* too long for a line: the data is left out, the event is not */
	talloc_free(big);
	big = talloc_array(f.mem_ctx, char, 100001);
	memset(big, 'y', 100000);
	big[100000] = '\0';
	dfsr_eventlog_add(f.log, 4502, json_pack("{s:s}", "d", big), "long");
	assert_int_equal(count(&f, (struct dfsr_event_filter){.id = 4502},
			       NULL), 1);
	talloc_free(big);
	end(&f);
}

static void test_fold(void **state)
{
	struct fixture f;
	char key[32];
	unsigned int told;
	int i;

	(void)state;
	start(&f);
	for (i = 0; i < 1000; i++) {
		dfsr_eventlog_add_folded(f.log, DFSR_EVENT_STRANGER_REFUSED,
					 "192.0.2.1",
					 json_pack("{s:i}", "i", i), "no %d",
					 i);
	}
	assert_int_equal(f.told, 1);
	dfsr_eventlog_add_folded(f.log, DFSR_EVENT_STRANGER_REFUSED,
				 "192.0.2.2", NULL, "another");
	dfsr_eventlog_add_folded(f.log, DFSR_EVENT_TOKEN_REFUSED, "192.0.2.1",
				 NULL, "another id");
	assert_int_equal(f.told, 3);
	assert_int_equal(tevent_loop_once(f.ev), 0);
	while (f.told < 4) {
		assert_int_equal(tevent_loop_once(f.ev), 0);
	}
	assert_int_equal(f.last_id, DFSR_EVENT_FOLDED);
	assert_non_null(strstr(f.last, "999 more"));
	assert_non_null(strstr(f.last, "192.0.2.1"));
	/* the next window begins anew */
	dfsr_eventlog_add_folded(f.log, DFSR_EVENT_STRANGER_REFUSED,
				 "192.0.2.1", NULL, "no");
	assert_int_equal(f.told, 5);
	/* keys without end are bounded, and another id keeps its voice */
	told = f.told;
	for (i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "2001:db8::%x", i);
		dfsr_eventlog_add_folded(f.log, DFSR_EVENT_STRANGER_REFUSED,
					 key, NULL, "no");
	}
	assert_true(f.told - told <= DFSR_EVENTLOG_PER_ID_MAX + 1);
	told = f.told;
	dfsr_eventlog_add_folded(f.log, DFSR_EVENT_TOKEN_REFUSED, "x", NULL,
				 "no");
	assert_int_equal(f.told, told + 1);
	end(&f);
}

struct waiter {
	bool done;
	json_t *events;
};

static void waited(struct tevent_req *req)
{
	struct waiter *w = tevent_req_callback_data_void(req);

	assert_int_equal(dfsr_eventlog_wait_recv(req, &w->events), 0);
	w->done = true;
	talloc_free(req);
}

static void test_wait(void **state)
{
	struct dfsr_event_filter filter = {.id = 4412};
	struct fixture f;
	struct waiter w = {.done = false};
	struct tevent_req *req;
	uint64_t before;

	(void)state;
	start(&f);
	dfsr_eventlog_add(f.log, 4412, NULL, "old");
	filter.after = dfsr_eventlog_seq(f.log);
	req = dfsr_eventlog_wait_send(f.mem_ctx, f.ev, f.log, &filter, 1000);
	tevent_req_set_callback(req, waited, &w);
	dfsr_eventlog_add(f.log, 1004, NULL, "not this one");
	dfsr_eventlog_add(f.log, 4412, NULL, "this one");
	assert_false(w.done);
	while (!w.done) {
		assert_int_equal(tevent_loop_once(f.ev), 0);
	}
	assert_int_equal(json_array_size(w.events), 1);
	json_decref(w.events);

	/* nothing comes: an empty answer after the time */
	memset(&w, 0, sizeof(w));
	filter.after = dfsr_eventlog_seq(f.log);
	before = fake_ms;
	req = dfsr_eventlog_wait_send(f.mem_ctx, f.ev, f.log, &filter, 5000);
	tevent_req_set_callback(req, waited, &w);
	while (!w.done) {
		assert_int_equal(tevent_loop_once(f.ev), 0);
	}
	assert_int_equal(json_array_size(w.events), 0);
	assert_true(fake_ms - before >= 4990);
	json_decref(w.events);

	/* who hangs up is forgotten; a log that ends leaves nobody behind */
	req = dfsr_eventlog_wait_send(f.mem_ctx, f.ev, f.log, &filter, 5000);
	talloc_free(req);
	dfsr_eventlog_add(f.log, 4412, NULL, "nobody waits");
	filter.after = dfsr_eventlog_seq(f.log);
	req = dfsr_eventlog_wait_send(f.mem_ctx, f.ev, f.log, &filter, 5000);
	TALLOC_FREE(f.log);
	talloc_free(req);
	end(&f);
}

static void test_table(void **state)
{
	uint64_t t = 0;
	char *s;

	(void)state;
	assert_string_equal(dfsr_event_level(DFSR_EVENT_DIRTY_SHUTDOWN),
			    "warning");
	assert_string_equal(dfsr_event_level(12345), "information");
	assert_null(dfsr_event_meaning(12345));
	assert_non_null(dfsr_event_meaning(DFSR_EVENT_ROLLBACK));
	assert_int_equal(dfsr_time_parse("2026-05-04T03:02:01.25Z", &t), 0);
	s = dfsr_time_str(NULL, t);
	assert_string_equal(s, "2026-05-04T03:02:01.250Z");
	talloc_free(s);
	assert_int_equal(dfsr_time_parse("2026-05-04", &t), 0);
	assert_int_equal(dfsr_time_parse("yesterday", &t), EINVAL);
	assert_int_equal(dfsr_time_parse("2026-05-04T03:02:01x", &t), EINVAL);
	assert_int_equal(dfsr_time_parse("", &t), EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_rotate),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("agent_event", tests, NULL, NULL);
}
