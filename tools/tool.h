/*
   Samba DFS Replication
   Inside samba-dfs

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

#ifndef __TOOL_H__
#define __TOOL_H__

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <talloc.h>
#include "dfsr_config.h"

/* Exit status */
#define TOOL_DONE 0
#define TOOL_FAILED 1
#define TOOL_USAGE 2

enum tool_option_kind {
	TOOL_FLAG,  /* --force */
	TOOL_BOOL,  /* --enabled=yes|no; alone it is yes */
	TOOL_VALUE, /* --name=N */
};

struct tool_option {
	const char *name;
	enum tool_option_kind kind;
	const char *arg; /* how its value is called */
	const char *help;
	bool required;
};

#define TOOL_OPTIONS_MAX 16

struct tool;

struct tool_verb {
	const char *noun;
	const char *verb; /* NULL for a noun that has none */
	const char *args; /* "GROUP FOLDER" */
	int args_min;
	int args_max;
	const char *help;
	bool changes; /* takes --dry-run; else --json */
	const struct tool_option *options; /* ends with name NULL */
	/** What to do; NULL asks dfsrd and prints. @return exit status */
	int (*run)(struct tool *t);
	/** How the result is printed; NULL prints nothing. */
	void (*print)(struct tool *t, json_t *result);
};

struct tool {
	const struct tool_verb *verb;
	struct dfsr_smbconf *conf;
	int level; /* of -d: above 0 tells what is asked */
	bool json;
	bool dry_run;
	json_t *args;
	json_t *options;
};

/** Argument and option, or NULL. */
const char *tool_arg(struct tool *t, size_t i);
const char *tool_option(struct tool *t, const char *name);
/** Make a path among the arguments absolute: dfsrd is in another folder. */
void tool_absolute_arg(struct tool *t, size_t i);
void tool_absolute_option(struct tool *t, const char *name);
/** One line on stderr. @return status */
int tool_fail(int status, const char *fmt, ...) PRINTF_ATTRIBUTE(2, 3);

/* ---- tool_control.c ------------------------------------------------------ */

/** True if a dfsrd answers there. */
bool tool_daemon_runs(struct tool *t);
/** True if one has the pid file, ready or not. */
bool tool_daemon_holds(struct tool *t);
/**
 * Ask dfsrd, and print the error line if there is one.
 * @param[in]  options instead of those of the command line, or NULL
 * @param[out] result  a new reference when the status is 0
 * @return exit status
 */
int tool_ask(struct tool *t, json_t *options, json_t **result);
/** Ask, then print as the verb says. */
int tool_run(struct tool *t);

/* ---- tool_print.c -------------------------------------------------------- */

enum tool_column_kind {
	TOOL_TEXT,
	TOOL_NUMBER,
	TOOL_SIZE,
	TOOL_YES,
	TOOL_AGE, /* seconds */
};

struct tool_column {
	const char *title;
	const char *key;
	enum tool_column_kind kind;
};

/** A table of an array of objects; columns end with title NULL. */
void tool_print_table(json_t *rows, const struct tool_column *columns);
/** One object, a line for each column. */
void tool_print_object(json_t *object, const struct tool_column *columns);
void tool_print_json(json_t *value);
/** Text that may come from anybody: control characters become '?'. */
void tool_print_text(const char *s);
/** "1.5 MiB", below mem_ctx. */
char *tool_size(TALLOC_CTX *mem_ctx, uint64_t bytes);
/** "3d 02:01:00" or "00:00:12", below mem_ctx. */
char *tool_age(TALLOC_CTX *mem_ctx, uint64_t seconds);

/* ---- the nouns ----------------------------------------------------------- */

extern const struct tool_verb tool_verbs_node[];
extern const struct tool_verb tool_verbs_group[];
extern const struct tool_verb tool_verbs_folder[];
extern const struct tool_verb tool_verbs_member[];
extern const struct tool_verb tool_verbs_membership[];
extern const struct tool_verb tool_verbs_connection[];
extern const struct tool_verb tool_verbs_backlog[];
extern const struct tool_verb tool_verbs_state[];
extern const struct tool_verb tool_verbs_wait[];
extern const struct tool_verb tool_verbs_events[];
extern const struct tool_verb tool_verbs_preserved[];
extern const struct tool_verb tool_verbs_recover[];
extern const struct tool_verb tool_verbs_filehash[];
extern const struct tool_verb tool_verbs_idrecord[];

#endif /* __TOOL_H__ */
