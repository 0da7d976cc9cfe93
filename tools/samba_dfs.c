/*
   Samba DFS Replication
   samba-dfs: NOUN VERB [NAMES] [--options]

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
 * Everything about a verb stands in one entry of a table: how many names it
 * takes, its options, its help. Parsing, --help and the request to dfsrd are
 * made from it.
 */

#include <popt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tool.h"

static const struct tool_verb *const nouns[] = {
	tool_verbs_node,       tool_verbs_group,   tool_verbs_folder,
	tool_verbs_member,     tool_verbs_membership,
	tool_verbs_connection, tool_verbs_backlog, tool_verbs_state,
	tool_verbs_wait,       tool_verbs_events,  tool_verbs_preserved,
	tool_verbs_recover,    tool_verbs_filehash, tool_verbs_idrecord,
};
#define NUM_NOUNS (sizeof(nouns) / sizeof(nouns[0]))

/** What every command takes. */
struct globals {
	char *configfile;
	char *url;
	int level;
	int json;
	int dry_run;
	int version;
	int help;
};

int tool_fail(int status, const char *fmt, ...)
{
	char *line;
	va_list ap;

	va_start(ap, fmt);
	line = talloc_vasprintf(NULL, fmt, ap);
	va_end(ap);
	fflush(stdout);
	fprintf(stderr, "samba-dfs: %s\n", line != NULL ? line : fmt);
	talloc_free(line);
	return status;
}

const char *tool_arg(struct tool *t, size_t i)
{
	return json_string_value(json_array_get(t->args, i));
}

const char *tool_option(struct tool *t, const char *name)
{
	return json_string_value(json_object_get(t->options, name));
}

static json_t *absolute(const char *path)
{
	char *cwd = getcwd(NULL, 0);
	json_t *json = NULL;

	if (cwd != NULL) {
		json = json_sprintf("%s/%s", cwd, path);
	}
	free(cwd);
	return json;
}

void tool_absolute_arg(struct tool *t, size_t i)
{
	const char *path = tool_arg(t, i);

	if (path != NULL && path[0] != '/') {
		json_array_set_new(t->args, i, absolute(path));
	}
}

void tool_absolute_option(struct tool *t, const char *name)
{
	const char *path = tool_option(t, name);

	if (path != NULL && path[0] != '/') {
		json_object_set_new(t->options, name, absolute(path));
	}
}

/* ---- help ---------------------------------------------------------------- */

static void help_head(FILE *out, const struct tool_verb *v)
{
	const struct tool_option *o;

	fprintf(out, "Usage: samba-dfs %s%s%s%s%s", v->noun,
		v->verb != NULL ? " " : "", v->verb != NULL ? v->verb : "",
		v->args[0] != '\0' ? " " : "", v->args);
	for (o = v->options; o != NULL && o->name != NULL; o++) {
		if (o->required) {
			fprintf(out, " --%s=%s", o->name, o->arg);
		}
	}
	fprintf(out, " [options]\n");
}

static void help_line(FILE *out, const char *option, const char *arg,
		      const char *text)
{
	char left[64];

	snprintf(left, sizeof(left), "%s%s%s", option, arg != NULL ? "=" : "",
		 arg != NULL ? arg : "");
	fprintf(out, "  %-30s %s\n", left, text);
}

static void help_globals(FILE *out, const struct tool_verb *v)
{
	if (v == NULL || v->changes) {
		help_line(out, "--dry-run", NULL,
			  "Say whether it would work, change nothing");
	}
	if (v == NULL || !v->changes || v->print != NULL) {
		help_line(out, "--json", NULL, "Print JSON");
	}
	help_line(out, "-s, --configfile", "FILE", "Use this smb.conf");
	help_line(out, "-d, --debuglevel", "N", "Say more on stderr");
	help_line(out, "-V, --version", NULL, "Print the version");
	help_line(out, "-?, --help", NULL, "Show this");
}

static void help_verb(FILE *out, const struct tool_verb *v)
{
	const struct tool_option *o;
	char name[48];

	help_head(out, v);
	fprintf(out, "\n%s\n\nOptions:\n", v->help);
	for (o = v->options; o != NULL && o->name != NULL; o++) {
		snprintf(name, sizeof(name), "--%s", o->name);
		help_line(out, name, o->kind == TOOL_BOOL ? "yes|no" : o->arg,
			  o->help);
	}
	help_globals(out, v);
}

static void help_noun(FILE *out, const struct tool_verb *verbs)
{
	const struct tool_verb *v;
	char left[80];

	for (v = verbs; v->noun != NULL; v++) {
		snprintf(left, sizeof(left), "%s%s%s%s%s", v->noun,
			 v->verb != NULL ? " " : "",
			 v->verb != NULL ? v->verb : "",
			 v->args[0] != '\0' ? " " : "", v->args);
		fprintf(out, "  %-38s %s\n", left, v->help);
	}
}

static void help_all(FILE *out)
{
	size_t i;

	fprintf(out, "Usage: samba-dfs NOUN VERB [NAMES] [options]\n\n");
	for (i = 0; i < NUM_NOUNS; i++) {
		help_noun(out, nouns[i]);
	}
	fprintf(out, "\n`samba-dfs NOUN VERB --help` shows the options of a "
		     "command.\n\nOptions of all commands:\n");
	help_globals(out, NULL);
}

/* ---- parsing ------------------------------------------------------------- */

static const struct tool_verb *find_noun(const char *noun)
{
	size_t i;

	for (i = 0; i < NUM_NOUNS; i++) {
		if (strcmp(nouns[i]->noun, noun) == 0) {
			return nouns[i];
		}
	}
	return NULL;
}

static const struct tool_verb *find_verb(const struct tool_verb *verbs,
					 const char *verb)
{
	const struct tool_verb *v;

	for (v = verbs; v->noun != NULL; v++) {
		if (strcmp(v->verb, verb) == 0) {
			return v;
		}
	}
	return NULL;
}

#define GLOBAL_OPTIONS 7
static void global_options(struct globals *g, struct poptOption *table)
{
	const struct poptOption options[GLOBAL_OPTIONS] = {
		{"configfile", 's', POPT_ARG_STRING, &g->configfile, 0, NULL,
		 NULL},
		{"URL", 'H', POPT_ARG_STRING, &g->url, 0, NULL, NULL},
		{"debuglevel", 'd', POPT_ARG_INT, &g->level, 0, NULL, NULL},
		{"json", '\0', POPT_ARG_NONE, &g->json, 0, NULL, NULL},
		{"dry-run", '\0', POPT_ARG_NONE, &g->dry_run, 0, NULL, NULL},
		{"version", 'V', POPT_ARG_NONE, &g->version, 0, NULL, NULL},
		{"help", '?', POPT_ARG_NONE, &g->help, 0, NULL, NULL},
	};

	memcpy(table, options, sizeof(options));
}

static int bad_option(poptContext pc, int rc)
{
	return tool_fail(TOOL_USAGE, "%s: %s: --help shows the options",
			 poptBadOption(pc, POPT_BADOPTION_NOALIAS),
			 poptStrerror(rc));
}

/** "--primary" alone is "--primary=yes", whatever stands behind it. */
static const char **spell_out(TALLOC_CTX *mem_ctx, int argc,
			      const char **argv, const struct tool_verb *v)
{
	const char **out = talloc_zero_array(mem_ctx, const char *, argc + 1);
	const struct tool_option *o;
	int i;

	for (i = 0; out != NULL && i < argc; i++) {
		out[i] = argv[i];
		if (strcmp(argv[i], "--") == 0) {
			for (; i < argc; i++) {
				out[i] = argv[i];
			}
			break;
		}
		for (o = v->options; o != NULL && o->name != NULL; o++) {
			if (o->kind == TOOL_BOOL &&
			    strncmp(argv[i], "--", 2) == 0 &&
			    strcmp(argv[i] + 2, o->name) == 0) {
				out[i] = talloc_asprintf(out, "--%s=yes",
							 o->name);
			}
		}
	}
	return out;
}

struct parsed {
	char *value[TOOL_OPTIONS_MAX];
	int flag[TOOL_OPTIONS_MAX];
};

static int verb_options(const struct tool_verb *v, struct parsed *p,
			struct poptOption *table)
{
	int n = 0;

	for (; v->options != NULL && v->options[n].name != NULL &&
	       n < TOOL_OPTIONS_MAX; n++) {
		const struct tool_option *o = &v->options[n];

		table[n] = (struct poptOption){.longName = o->name};
		if (o->kind == TOOL_FLAG) {
			table[n].argInfo = POPT_ARG_NONE;
			table[n].arg = &p->flag[n];
		} else {
			table[n].argInfo = POPT_ARG_STRING;
			table[n].arg = &p->value[n];
		}
	}
	return n;
}

/** Options go into the request; wrong ones are told here. */
static int take_options(struct tool *t, struct parsed *p, int num)
{
	int status = TOOL_DONE;
	int i;

	for (i = 0; i < num; i++) {
		const struct tool_option *o = &t->verb->options[i];
		const char *value = p->flag[i] ? "yes" : p->value[i];
		json_t *word = value == NULL ? NULL : json_string(value);

		if (value == NULL && o->required) {
			status = tool_fail(TOOL_USAGE, "--%s=%s is missing",
					   o->name, o->arg);
		} else if (value != NULL && word == NULL) {
			status = tool_fail(TOOL_USAGE, "--%s is not UTF-8",
					   o->name);
		} else if (word != NULL) {
			json_object_set_new(t->options, o->name, word);
		}
		free(p->value[i]);
		if (status != TOOL_DONE) {
			for (i++; i < num; i++) {
				free(p->value[i]);
			}
		}
	}
	return status;
}

static int take_args(struct tool *t, poptContext pc)
{
	const char *arg;
	int num = 0;

	while ((arg = poptGetArg(pc)) != NULL) {
		json_t *word = json_string(arg);

		if (word == NULL) {
			return tool_fail(TOOL_USAGE, "a name is not UTF-8");
		}
		json_array_append_new(t->args, word);
		num += 1;
	}
	if (num < t->verb->args_min || num > t->verb->args_max) {
		return tool_fail(TOOL_USAGE, "%s: samba-dfs %s%s%s %s",
				 num < t->verb->args_min ? "names are missing"
							 : "too many names",
				 t->verb->noun,
				 t->verb->verb != NULL ? " " : "",
				 t->verb->verb != NULL ? t->verb->verb : "",
				 t->verb->args);
	}
	return TOOL_DONE;
}

static int run_verb(struct tool *t, const struct globals *g)
{
	char *why = NULL;
	int status;

	if (g->url != NULL) {
		return tool_fail(TOOL_USAGE, "-H/--URL: only the local "
				 "configuration is known so far");
	}
	if (dfsr_smbconf_load(NULL, g->configfile, &t->conf, &why) != 0) {
		status = tool_fail(TOOL_FAILED, "%s", why);
		talloc_free(why);
		return status;
	}
	t->level = g->level;
	t->json = g->json != 0;
	t->dry_run = g->dry_run != 0;
	if (t->dry_run && !t->verb->changes) {
		status = tool_fail(TOOL_USAGE, "--dry-run: this command "
				   "changes nothing");
	} else if (t->verb->run != NULL) {
		status = t->verb->run(t);
	} else {
		status = tool_run(t);
	}
	TALLOC_FREE(t->conf);
	return status;
}

static int parse_verb(const struct tool_verb *v, struct globals *g, int argc,
		      const char **argv)
{
	struct poptOption table[TOOL_OPTIONS_MAX + GLOBAL_OPTIONS + 1] = {
		POPT_TABLEEND};
	struct tool t = {.verb = v};
	struct parsed p = {.flag = {0}};
	const char **words = spell_out(NULL, argc, argv, v);
	poptContext pc;
	int num = verb_options(v, &p, table);
	int status = TOOL_DONE;
	int rc;

	global_options(g, table + num);
	pc = poptGetContext("samba-dfs", argc, words, table, 0);
	t.args = json_array();
	t.options = json_object();
	rc = poptGetNextOpt(pc);
	if (rc < -1) {
		status = bad_option(pc, rc);
	} else if (g->help) {
		help_verb(stdout, v);
	} else {
		status = take_args(&t, pc);
	}
	if (rc >= -1 && status == TOOL_DONE && !g->help) {
		status = take_options(&t, &p, num);
	}
	if (rc >= -1 && status == TOOL_DONE && !g->help) {
		status = run_verb(&t, g);
	}
	poptFreeContext(pc);
	json_decref(t.args);
	json_decref(t.options);
	talloc_free(words);
	return status;
}

/** The rest of the command line, after the options that stood before it. */
static int dispatch(struct globals *g, poptContext first)
{
	const char **rest = poptGetArgs(first);
	const struct tool_verb *v;
	int skip = 0;
	int argc = 0;

	while (rest != NULL && rest[argc] != NULL) {
		argc += 1;
	}
	if (g->version) {
		printf("samba-dfs %s\n", DFSR_VERSION);
		return TOOL_DONE;
	}
	if (argc == 0 || strcmp(rest[0], "help") == 0) {
		bool asked = g->help || argc > 0;

		help_all(asked ? stdout : stderr);
		return asked ? TOOL_DONE : TOOL_USAGE;
	}
	v = find_noun(rest[0]);
	if (v == NULL) {
		return tool_fail(TOOL_USAGE, "unknown command \"%s\": --help "
				 "shows them", rest[0]);
	}
	if (v->verb != NULL) {
		const struct tool_verb *verbs = v;

		if (argc == 1 || rest[1][0] == '-') {
			bool asked = g->help ||
				     (argc > 1 &&
				      (strcmp(rest[1], "--help") == 0 ||
				       strcmp(rest[1], "-?") == 0));

			if (!asked) {
				return tool_fail(TOOL_USAGE,
						 "%s: a verb is missing: "
						 "`samba-dfs %s --help` shows "
						 "them", rest[0], rest[0]);
			}
			help_noun(stdout, verbs);
			return TOOL_DONE;
		}
		v = find_verb(verbs, rest[1]);
		if (v == NULL) {
			return tool_fail(TOOL_USAGE, "unknown command \"%s "
					 "%s\": `samba-dfs %s --help` shows "
					 "them", rest[0], rest[1], rest[0]);
		}
		skip = 1;
	}
	/* the last word before the names takes the place of a program's */
	return parse_verb(v, g, argc - skip, rest + skip);
}

int main(int argc, const char **argv)
{
	struct globals g = {.level = 0};
	struct poptOption table[GLOBAL_OPTIONS + 1] = {POPT_TABLEEND};
	poptContext pc;
	int status;
	int rc;

	global_options(&g, table);
	pc = poptGetContext("samba-dfs", argc, argv, table,
			    POPT_CONTEXT_POSIXMEHARDER);
	rc = poptGetNextOpt(pc);
	if (rc < -1) {
		status = bad_option(pc, rc);
	} else {
		status = dispatch(&g, pc);
	}
	poptFreeContext(pc);
	free(g.configfile);
	free(g.url);
	if (fflush(stdout) != 0 && status == TOOL_DONE) {
		status = tool_fail(TOOL_FAILED, "cannot write the output");
	}
	return status;
}
