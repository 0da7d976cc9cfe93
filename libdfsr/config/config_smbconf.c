/*
   Samba DFS Replication
   What smb.conf says to dfsrd and samba-dfs

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
 * samba-hostconfig reads files only: it knows neither `config backend =
 * registry` nor `include = registry`, and would silently use defaults where
 * smbd uses the registry's values. Such a configuration is refused.
 *
 * It also has something to say on stderr about log classes that it does not
 * know, of which ours is one. Our own line is the only one there.
 */

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config_private.h"
#include <param.h>

#define LINE_MAX_BYTES 65536
#define PORT_DEFAULT 5722
#define DAEMON "dfsrd"

struct loading {
	TALLOC_CTX *mem_ctx;
	char **why;
	struct loadparm_context *lp;
	struct dfsr_smbconf *conf;
};

/** "  Config Backend" and "configbackend" are one key to Samba. */
static bool key_is(const char *line, size_t len, const char *key)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (isspace((unsigned char)line[i])) {
			continue;
		}
		if (tolower((unsigned char)line[i]) != *key) {
			return false;
		}
		key++;
	}
	return *key == '\0';
}

static bool line_names_registry(const char *line)
{
	const char *equals = strchr(line, '=');
	const char *value;
	size_t len;

	if (equals == NULL || line[0] == '#' || line[0] == ';') {
		return false;
	}
	len = (size_t)(equals - line);
	value = equals + 1 + strspn(equals + 1, " \t");
	return (key_is(line, len, "configbackend") ||
		key_is(line, len, "include")) &&
	       strncasecmp(value, "registry", 8) == 0 &&
	       value[8 + strspn(value + 8, " \t\r\n")] == '\0';
}

static int refuse_registry(struct loading *l, const char *file)
{
	FILE *f = fopen(file, "re");
	char *line = NULL;
	size_t alloc = 0;
	bool found = false;
	int err;

	if (f == NULL) {
		err = errno;
		return config_why(l->mem_ctx, l->why, err,
				  "cannot read %s: %s", file, strerror(err));
	}
	while (!found && getline(&line, &alloc, f) > 0 &&
	       alloc <= LINE_MAX_BYTES) {
		found = line_names_registry(line + strspn(line, " \t"));
	}
	free(line);
	fclose(f);
	if (found) {
		return config_why(l->mem_ctx, l->why, ENOTSUP,
				  "%s keeps its configuration in the registry, "
				  "which dfsrd cannot read: put the [global] "
				  "section into a file", file);
	}
	return 0;
}

static bool load_quietly(struct loadparm_context *lp, const char *file)
{
	int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool ok;

	if (saved != -1 && null != -1) {
		fflush(stderr);
		dup2(null, STDERR_FILENO);
	}
	ok = lpcfg_load(lp, file);
	if (saved != -1 && null != -1) {
		fflush(stderr);
		dup2(saved, STDERR_FILENO);
	}
	if (saved != -1) {
		close(saved);
	}
	if (null != -1) {
		close(null);
	}
	return ok;
}

/** One parameter's value without its newline. */
static int parameter(struct loading *l, const char *name, char **value)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool ok;

	if (f == NULL) {
		return ENOMEM;
	}
	ok = lpcfg_dump_a_parameter(l->lp, NULL, name, f);
	fclose(f);
	if (ok && text != NULL) {
		text[strcspn(text, "\n")] = '\0';
		*value = talloc_strdup(l->conf, text);
	}
	free(text);
	if (!ok) {
		return config_why(l->mem_ctx, l->why, EINVAL,
				  "%s: no value for \"%s\"", l->conf->file,
				  name);
	}
	return *value == NULL ? ENOMEM : 0;
}

/** What %h and %L stand for; the rest belongs to clients and is left out. */
static const char *substitute(char letter, const char *host, bool is_log)
{
	switch (letter) {
	case '%':
		return "%";
	case 'h':
	case 'L':
		return host;
	case 'm':
		return is_log ? DAEMON : NULL;
	default:
		return is_log ? "" : NULL;
	}
}

static int expand(struct loading *l, const char *name, const char *value,
		  bool is_log, char **_out)
{
	char *host = dfsr_config_default_name(l->conf);
	char *out = talloc_strdup(l->conf, "");
	const char *s;

	for (s = value; out != NULL && host != NULL && *s != '\0'; s++) {
		const char *text;

		if (*s != '%') {
			out = talloc_strndup_append_buffer(out, s, 1);
			continue;
		}
		s++;
		text = substitute(*s, host, is_log);
		if (text == NULL) {
			return config_why(l->mem_ctx, l->why, EINVAL,
					  "%s: \"%s = %s\" has a substitution "
					  "that only a client gives a value",
					  l->conf->file, name, value);
		}
		out = talloc_strdup_append_buffer(out, text);
		if (*s == '\0') {
			break;
		}
	}
	if (out == NULL || host == NULL) {
		return ENOMEM;
	}
	*_out = out;
	return 0;
}

static int directory(struct loading *l, const char *name, const char *leaf,
		     char **path)
{
	char *value = NULL;
	char *dir = NULL;
	int err = parameter(l, name, &value);

	if (err == 0) {
		err = expand(l, name, value, false, &dir);
	}
	if (err != 0) {
		return err;
	}
	if (dir[0] != '/') {
		return config_why(l->mem_ctx, l->why, EINVAL,
				  "%s: \"%s = %s\" is no absolute path",
				  l->conf->file, name, dir);
	}
	*path = talloc_asprintf(l->conf, "%s/%s", dir, leaf);
	return *path == NULL ? ENOMEM : 0;
}

/** `log file` with %m as our name, or our own beside the one it names. */
static int log_file(struct loading *l)
{
	char *value = NULL;
	char *file = NULL;
	char *slash;
	int err = parameter(l, "log file", &value);

	if (err == 0) {
		err = expand(l, "log file", value, true, &file);
	}
	if (err != 0) {
		return err;
	}
	slash = strrchr(file, '/');
	if (slash == NULL || file[0] != '/') {
		file = talloc_strdup(l->conf, "/var/log/samba/log." DAEMON);
	} else if (strstr(slash, DAEMON) == NULL) {
		file = talloc_asprintf(l->conf, "%.*s/log." DAEMON,
				       (int)(slash - file), file);
	}
	l->conf->log_file = file;
	return file == NULL ? ENOMEM : 0;
}

int dfsr_smbconf_level(const char *value)
{
	int level = 0;
	const char *s = value;
	bool first = true;

	while (*s != '\0') {
		size_t len;

		s += strspn(s, " \t,");
		len = strcspn(s, " \t,@");
		if (len > 5 && strncasecmp(s, "dfsr:", 5) == 0) {
			return atoi(s + 5);
		}
		if (len > 4 && strncasecmp(s, "all:", 4) == 0) {
			level = atoi(s + 4);
		} else if (first && isdigit((unsigned char)s[0])) {
			level = atoi(s);
		}
		first = false;
		s += strcspn(s, " \t,");
	}
	return level;
}

static int log_words(struct loading *l)
{
	char *level = NULL;
	char *size = NULL;
	int err = parameter(l, "log level", &level);

	if (err == 0) {
		err = parameter(l, "max log size", &size);
	}
	if (err == 0) {
		l->conf->log_level = dfsr_smbconf_level(level);
		l->conf->log_size = strtoull(size, NULL, 10) * 1024;
		err = log_file(l);
	}
	return err;
}

static int number(struct loading *l, const char *name, unsigned long max,
		  unsigned long def, unsigned long *value)
{
	const char *option = strchr(name, ':') + 1;
	const char *s = lpcfg_parm_string(l->lp, NULL, "dfsr", option);
	char *end = NULL;

	*value = def;
	if (s == NULL) {
		return 0;
	}
	errno = 0;
	*value = strtoul(s, &end, 10);
	if (!isdigit((unsigned char)s[0]) || *end != '\0' || errno != 0 ||
	    *value == 0 || *value > max) {
		return config_why(l->mem_ctx, l->why, EINVAL,
				  "%s: \"%s = %s\" is no number from 1 "
				  "to %lu", l->conf->file, name, s, max);
	}
	return 0;
}

static int own_words(struct loading *l)
{
	const char *interfaces =
		lpcfg_parm_string(l->lp, NULL, "dfsr", "interfaces");
	unsigned long value = 0;
	int err = number(l, "dfsr:port", 65535, PORT_DEFAULT, &value);

	l->conf->port = (uint16_t)value;
	if (err == 0) {
		err = number(l, "dfsr:workers", DFSR_WORKERS_MAX,
			     DFSR_WORKERS_DEFAULT, &value);
		l->conf->workers = (uint32_t)value;
	}
	if (err == 0 && interfaces != NULL && interfaces[0] != '\0') {
		l->conf->interfaces = talloc_strdup(l->conf, interfaces);
		err = l->conf->interfaces == NULL ? ENOMEM : 0;
	}
	return err;
}

static int load(struct loading *l)
{
	int err = refuse_registry(l, l->conf->file);

	if (err != 0) {
		return err;
	}
	if (!load_quietly(l->lp, l->conf->file)) {
		return config_why(l->mem_ctx, l->why, EINVAL,
				  "%s cannot be parsed: `testparm` says where",
				  l->conf->file);
	}
	err = directory(l, "state directory", "dfs", &l->conf->dfs_dir);
	if (err == 0) {
		err = directory(l, "lock directory", "dfs", &l->conf->run_dir);
	}
	if (err == 0) {
		err = directory(l, "lock directory", "dfs/control",
				&l->conf->control);
	}
	if (err == 0) {
		err = directory(l, "pid directory", "dfsrd.pid",
				&l->conf->pid_file);
	}
	if (err == 0) {
		err = log_words(l);
	}
	if (err == 0) {
		err = own_words(l);
	}
	return err;
}

/** A daemon changes its folder, and reads the file again later. */
static char *absolute(TALLOC_CTX *mem_ctx, const char *file)
{
	char *cwd = file[0] == '/' ? NULL : getcwd(NULL, 0);
	char *path;

	if (cwd == NULL) {
		return talloc_strdup(mem_ctx, file);
	}
	path = talloc_asprintf(mem_ctx, "%s/%s", cwd, file);
	free(cwd);
	return path;
}

int dfsr_smbconf_load(TALLOC_CTX *mem_ctx, const char *file,
		      struct dfsr_smbconf **conf, char **why)
{
	struct loading l = {.mem_ctx = mem_ctx, .why = why};
	int err = ENOMEM;

	*why = NULL;
	l.conf = talloc_zero(mem_ctx, struct dfsr_smbconf);
	l.lp = loadparm_init(mem_ctx);
	if (l.conf == NULL || l.lp == NULL) {
		goto done;
	}
	l.conf->file = absolute(l.conf,
				file != NULL ? file : lp_default_path());
	if (l.conf->file != NULL) {
		err = load(&l);
	}
done:
	talloc_free(l.lp);
	if (err != 0) {
		TALLOC_FREE(l.conf);
		if (*why == NULL) {
			config_why(mem_ctx, why, err, "%s", strerror(err));
		}
		return err;
	}
	*conf = l.conf;
	return 0;
}
