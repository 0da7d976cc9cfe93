/*
   Samba DFS Replication
   Tables, sizes, times

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

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tool.h"

#define COLUMNS_MAX 16

char *tool_size(TALLOC_CTX *mem_ctx, uint64_t bytes)
{
	static const char *const units[] = {"B",   "KiB", "MiB", "GiB",
					    "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	int unit = 0;

	if (bytes < 1024) {
		return talloc_asprintf(mem_ctx, "%" PRIu64 " B", bytes);
	}
	while (value >= 1024 && unit < 6) {
		value /= 1024;
		unit += 1;
	}
	return talloc_asprintf(mem_ctx, "%.1f %s", value, units[unit]);
}

char *tool_age(TALLOC_CTX *mem_ctx, uint64_t seconds)
{
	unsigned int h = (unsigned int)(seconds / 3600 % 24);
	unsigned int m = (unsigned int)(seconds / 60 % 60);
	unsigned int s = (unsigned int)(seconds % 60);

	if (seconds >= 86400) {
		return talloc_asprintf(mem_ctx, "%" PRIu64 "d %02u:%02u:%02u",
				       seconds / 86400, h, m, s);
	}
	return talloc_asprintf(mem_ctx, "%02u:%02u:%02u", h, m, s);
}

void tool_print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
	putchar('\n');
}

/** A copy in which nothing can move the cursor. */
static char *printable(TALLOC_CTX *mem_ctx, const char *s)
{
	char *copy = talloc_strdup(mem_ctx, s);
	unsigned char *p;

	for (p = (unsigned char *)copy; p != NULL && *p != '\0'; p++) {
		/* C0, DEL, and C1 as UTF-8 writes it */
		if (*p < 0x20 || *p == 0x7f) {
			*p = '?';
		} else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0) {
			p[0] = '?';
			p[1] = '?';
		}
	}
	return copy;
}

void tool_print_text(const char *s)
{
	char *copy = printable(NULL, s);

	fputs(copy != NULL ? copy : "", stdout);
	talloc_free(copy);
}

static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++) {
		n += ((unsigned char)*s & 0xc0) != 0x80;
	}
	return n;
}

static char *cell(TALLOC_CTX *mem_ctx, json_t *object,
		  const struct tool_column *column)
{
	json_t *value = json_object_get(object, column->key);

	if (value == NULL || json_is_null(value)) {
		return talloc_strdup(mem_ctx, "-");
	}
	switch (column->kind) {
	case TOOL_SIZE:
		return tool_size(mem_ctx,
				 (uint64_t)json_integer_value(value));
	case TOOL_AGE:
		return tool_age(mem_ctx, (uint64_t)json_number_value(value));
	case TOOL_YES:
		return talloc_strdup(mem_ctx,
				     json_is_true(value) ? "yes" : "no");
	case TOOL_NUMBER:
		return talloc_asprintf(mem_ctx, "%" JSON_INTEGER_FORMAT,
				       json_integer_value(value));
	case TOOL_TEXT:
		break;
	}
	if (!json_is_string(value)) {
		char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		char *copy = talloc_strdup(mem_ctx, text != NULL ? text : "");

		free(text);
		return copy;
	}
	if (json_string_length(value) == 0) {
		return talloc_strdup(mem_ctx, "-");
	}
	return printable(mem_ctx, json_string_value(value));
}

static void print_cell(const char *text, size_t to, bool right, bool last)
{
	int pad = (int)(to - width(text));

	if (right) {
		printf("%*s%s", pad, "", text);
	} else {
		printf("%s%*s", text, last ? 0 : pad, "");
	}
	fputs(last ? "\n" : "  ", stdout);
}

void tool_print_table(json_t *rows, const struct tool_column *columns)
{
	TALLOC_CTX *tmp = talloc_new(NULL);
	size_t widths[COLUMNS_MAX] = {0};
	size_t num = 0;
	json_t *row;
	size_t i;
	size_t k;

	while (columns[num].title != NULL && num < COLUMNS_MAX) {
		widths[num] = width(columns[num].title);
		num += 1;
	}
	json_array_foreach(rows, i, row) {
		for (k = 0; k < num; k++) {
			char *text = cell(tmp, row, &columns[k]);
			size_t w = text == NULL ? 0 : width(text);

			widths[k] = w > widths[k] ? w : widths[k];
			talloc_free(text);
		}
	}
	for (k = 0; k < num; k++) {
		bool right = columns[k].kind == TOOL_NUMBER ||
			     columns[k].kind == TOOL_SIZE ||
			     columns[k].kind == TOOL_AGE;

		print_cell(columns[k].title, widths[k], right, k + 1 == num);
	}
	json_array_foreach(rows, i, row) {
		for (k = 0; k < num; k++) {
			bool right = columns[k].kind == TOOL_NUMBER ||
				     columns[k].kind == TOOL_SIZE ||
				     columns[k].kind == TOOL_AGE;
			char *text = cell(tmp, row, &columns[k]);

			print_cell(text != NULL ? text : "", widths[k], right,
				   k + 1 == num);
			talloc_free(text);
		}
	}
	talloc_free(tmp);
}

void tool_print_object(json_t *object, const struct tool_column *columns)
{
	size_t left = 0;
	size_t k;

	for (k = 0; columns[k].title != NULL; k++) {
		size_t w = width(columns[k].title);

		left = w > left ? w : left;
	}
	for (k = 0; columns[k].title != NULL; k++) {
		char *text = cell(NULL, object, &columns[k]);

		printf("%s:%*s %s\n", columns[k].title,
		       (int)(left - width(columns[k].title)), "",
		       text != NULL ? text : "");
		talloc_free(text);
	}
}
