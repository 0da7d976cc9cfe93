/*
   Samba DFS Replication
   dfsrd: starts the agent and lets it be asked

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
#include <popt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "server.h"

/** File descriptors that are asked for: a few for each open file. */
#define NOFILE_WANTED 65536

struct dfsrd {
	struct tevent_context *ev;
	struct dfsr_smbconf *conf;
	struct dfsr_agent *agent;
	struct server_control *control;
	int level; /* of the command line, -1 for smb.conf's */
	bool to_stdout;
	bool stopping;
	bool done;
};

struct options {
	char *configfile;
	char *log_base;
	int level;
	int foreground;
	int daemon;
	int interactive;
	int to_stdout;
};

static void stop_done(struct tevent_req *req)
{
	struct dfsrd *d = tevent_req_callback_data(req, struct dfsrd);

	dfsr_agent_stop_recv(req);
	TALLOC_FREE(req);
	/* freed by its stop */
	d->agent = NULL;
	d->done = true;
}

static void stop_late(struct tevent_context *ev, struct tevent_timer *te,
		      struct timeval now, void *private_data)
{
	struct dfsrd *d = private_data;

	(void)ev;
	(void)te;
	(void)now;
	server_log(0, "the agent did not stop in %d seconds",
		   SERVER_STOP_SECONDS);
	d->done = true;
}

static void stop_handler(struct tevent_context *ev, struct tevent_signal *se,
			 int signum, int count, void *siginfo,
			 void *private_data)
{
	struct dfsrd *d = private_data;
	struct tevent_req *req;
	struct tevent_timer *te;

	(void)se;
	(void)count;
	(void)siginfo;
	if (d->stopping) {
		return;
	}
	d->stopping = true;
	server_notify("STOPPING=1");
	server_log(1, "stopping: %s", strsignal(signum));
	TALLOC_FREE(d->control);
	te = tevent_add_timer(ev, d,
			      tevent_timeval_current_ofs(SERVER_STOP_SECONDS,
							 0),
			      stop_late, d);
	req = dfsr_agent_stop_send(d, ev, d->agent);
	if (te == NULL || req == NULL) {
		d->done = true;
		return;
	}
	tevent_req_set_callback(req, stop_done, d);
}

static void reload_handler(struct tevent_context *ev,
			   struct tevent_signal *se, int signum, int count,
			   void *siginfo, void *private_data)
{
	struct dfsrd *d = private_data;
	struct dfsr_smbconf *conf = NULL;
	char *why = NULL;

	(void)ev;
	(void)se;
	(void)signum;
	(void)count;
	(void)siginfo;
	if (d->stopping) {
		return;
	}
	server_log_reopen();
	if (dfsr_smbconf_load(d, d->conf->file, &conf, &why) != 0) {
		server_log(0, "reload: %s", why);
		TALLOC_FREE(why);
		return;
	}
	if (d->level == -1) {
		server_log_level(conf->log_level);
	}
	/* paths, port and interfaces are those of the start */
	TALLOC_FREE(conf);
	server_log(1, "reloading");
	dfsr_agent_reload(d->agent);
}

static int add_signals(struct dfsrd *d)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (tevent_add_signal(d->ev, d->ev, SIGTERM, 0, stop_handler, d) ==
		    NULL ||
	    tevent_add_signal(d->ev, d->ev, SIGINT, 0, stop_handler, d) ==
		    NULL ||
	    tevent_add_signal(d->ev, d->ev, SIGHUP, 0, reload_handler, d) ==
		    NULL) {
		return ENOMEM;
	}
	return 0;
}

static void raise_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == -1) {
		return;
	}
	if (lim.rlim_max < NOFILE_WANTED) {
		struct rlimit more = {NOFILE_WANTED, NOFILE_WANTED};

		if (setrlimit(RLIMIT_NOFILE, &more) == 0) {
			return;
		}
	}
	lim.rlim_cur = lim.rlim_max < NOFILE_WANTED ? lim.rlim_max
						    : NOFILE_WANTED;
	setrlimit(RLIMIT_NOFILE, &lim);
}

/** Samba's own folders, which smbd makes too when they are not there. */
static int make_folder_of(struct dfsrd *d, const char *path, char **why)
{
	const char *slash = strrchr(path, '/');
	char *dir = talloc_strndup(d, path, (size_t)(slash - path));
	int err = 0;

	if (dir == NULL) {
		return ENOMEM;
	}
	if (mkdir(dir, 0755) == 0) {
		/* the umask is stricter */
		if (chmod(dir, 0755) == -1) {
			err = errno;
		}
	} else if (errno != EEXIST) {
		err = errno;
	}
	if (err != 0) {
		*why = talloc_asprintf(d, "cannot make the folder %s: %s", dir,
				       strerror(err));
	}
	talloc_free(dir);
	return err;
}

static int start_agent(struct dfsrd *d, char **why)
{
	struct dfsr_agent_options options = {
		.dfs_dir = d->conf->dfs_dir,
		.run_dir = d->conf->run_dir,
		.listen = d->conf->interfaces,
		.port = d->conf->port,
		.workers = d->conf->workers,
		.log = server_log_line,
		.event = server_log_event,
		.private_data = d,
	};
	int err = make_folder_of(d, d->conf->dfs_dir, why);

	if (err == 0) {
		err = make_folder_of(d, d->conf->run_dir, why);
	}
	if (err == 0) {
		err = server_private_dir(d, d->conf->dfs_dir, why);
	}
	if (err == 0) {
		err = server_private_dir(d, d->conf->run_dir, why);
	}
	if (err == 0) {
		err = dfsr_agent_start(d, d->ev, &options, &d->agent, why);
	}
	if (err == 0) {
		err = server_control_start(d, d->ev, d->agent, d->conf,
					   &d->control, why);
	}
	return err;
}

/** @return exit status */
static int run(struct dfsrd *d)
{
	char *why = NULL;
	int err = make_folder_of(d, d->conf->pid_file, &why);

	if (err == 0) {
		err = server_pidfile_create(d, d->conf->pid_file, &why);
	}
	if (err != 0) {
		server_failed(why != NULL ? why : strerror(err));
		return 1;
	}
	err = add_signals(d);
	if (err == 0) {
		err = start_agent(d, &why);
	}
	if (err != 0) {
		server_failed(why != NULL ? why : strerror(err));
		server_pidfile_remove(d->conf->pid_file);
		return 1;
	}
	server_log(1, "dfsrd %s is ready, configuration from %s",
		   DFSR_VERSION, d->conf->file);
	server_ready();
	while (!d->done) {
		if (tevent_loop_once(d->ev) != 0) {
			server_log(0, "the event loop failed: %s",
				   strerror(errno));
			break;
		}
	}
	TALLOC_FREE(d->control);
	server_pidfile_remove(d->conf->pid_file);
	if (d->agent != NULL) {
		/* its threads may still be at work: what they left undone is
		   redone at the next start, as after a kill */
		fflush(stdout);
		_exit(1);
	}
	server_log(1, "stopped");
	return 0;
}

static int open_log(struct dfsrd *d, const struct options *o)
{
	int level = o->level >= 0 ? o->level : d->conf->log_level;
	char *file = d->conf->log_file;

	if (o->log_base != NULL) {
		file = talloc_asprintf(d, "%s/log.dfsrd", o->log_base);
		if (file == NULL) {
			return ENOMEM;
		}
	}
	server_log_open(d->to_stdout ? NULL : file, d->conf->log_size, level);
	return 0;
}

static int parse(int argc, const char **argv, struct options *o)
{
	int version = 0;
	struct poptOption table[] = {
		POPT_AUTOHELP
		{"configfile", 's', POPT_ARG_STRING, &o->configfile, 0,
		 "Use this smb.conf", "FILE"},
		{"foreground", 'F', POPT_ARG_NONE, &o->foreground, 0,
		 "Stay in the foreground", NULL},
		{"daemon", 'D', POPT_ARG_NONE, &o->daemon, 0,
		 "Become a daemon (default): returns when it is ready", NULL},
		{"interactive", 'i', POPT_ARG_NONE, &o->interactive, 0,
		 "Stay in the foreground and log to standard output", NULL},
		{"debuglevel", 'd', POPT_ARG_INT, &o->level, 0,
		 "Log level, instead of smb.conf's", "N"},
		{"log-basename", 'l', POPT_ARG_STRING, &o->log_base, 0,
		 "Folder for the log file log.dfsrd", "DIR"},
		{"debug-stdout", '\0', POPT_ARG_NONE, &o->to_stdout, 0,
		 "Log to standard output", NULL},
		{"version", 'V', POPT_ARG_NONE, &version, 0,
		 "Print the version", NULL},
		POPT_TABLEEND};
	poptContext pc = poptGetContext("dfsrd", argc, argv, table, 0);
	int status = -1;
	int rc = poptGetNextOpt(pc);

	if (rc < -1) {
		fprintf(stderr, "dfsrd: %s: %s\n",
			poptBadOption(pc, POPT_BADOPTION_NOALIAS),
			poptStrerror(rc));
		status = 2;
	} else if (poptPeekArg(pc) != NULL) {
		fprintf(stderr, "dfsrd: what is \"%s\"? --help shows the "
			"options\n", poptPeekArg(pc));
		status = 2;
	} else if (o->daemon && (o->foreground || o->interactive)) {
		fprintf(stderr, "dfsrd: -D and -F cannot both be\n");
		status = 2;
	} else if (version) {
		printf("dfsrd %s\n", DFSR_VERSION);
		status = 0;
	}
	poptFreeContext(pc);
	return status;
}

int main(int argc, const char **argv)
{
	struct options o = {.level = -1};
	struct dfsrd *d;
	char *why = NULL;
	int status = parse(argc, argv, &o);

	if (status != -1) {
		return status;
	}
	umask(077);
	d = talloc_zero(NULL, struct dfsrd);
	if (d == NULL) {
		return 1;
	}
	d->level = o.level;
	d->to_stdout = o.to_stdout || o.interactive;
	if (dfsr_smbconf_load(d, o.configfile, &d->conf, &why) != 0) {
		fprintf(stderr, "dfsrd: %s\n", why);
		return 1;
	}
	if (!o.foreground && !o.interactive &&
	    server_daemonize(&why) != 0) {
		server_failed(why != NULL ? why : "cannot become a daemon");
		return 1;
	}
	raise_limits();
	d->ev = tevent_context_init(d);
	if (d->ev == NULL || open_log(d, &o) != 0) {
		server_failed("out of memory");
		return 1;
	}
	status = run(d);
	talloc_free(d);
	free(o.configfile);
	free(o.log_base);
	return status;
}
