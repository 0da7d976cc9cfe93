/*
   Samba DFS Replication
   Replay a corpus through a fuzz target, without a fuzzer

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
 * Each file given, or each file of each folder given, is one input and one
 * case. Besides itself every input is cut short at each length up to
 * REPLAY_CUTS_MAX, for a parser is most often wrong at an early end.
 *
 * Every input lies in a heap block of exactly its size, so that a read beyond
 * it is seen by a sanitizer or by valgrind.
 */

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define REPLAY_CUTS_MAX 512
#define REPLAY_INPUT_MAX (16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_bytes(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL) {
		perror("malloc");
		exit(1);
	}
	if (size > 0) {
		memcpy(copy, data, size);
	}
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static uint8_t *replay_load(const char *path, size_t *size)
{
	FILE *f = NULL;
	uint8_t *data = NULL;

	f = fopen(path, "rb");
	if (f == NULL) {
		return NULL;
	}
	data = malloc(REPLAY_INPUT_MAX);
	if (data != NULL) {
		*size = fread(data, 1, REPLAY_INPUT_MAX, f);
		if (ferror(f)) {
			free(data);
			data = NULL;
		}
	}
	fclose(f);
	return data;
}

static int replay_file(const char *path)
{
	uint8_t *data = NULL;
	size_t size = 0;
	size_t cut;

	data = replay_load(path, &size);
	if (data == NULL) {
		printf("not ok %s: %s\n", path, strerror(errno));
		return 1;
	}
	/* Said first: a crash must name its input. */
	printf("# %s\n", path);
	fflush(stdout);

	for (cut = 0; cut < size && cut < REPLAY_CUTS_MAX; cut++) {
		replay_bytes(data, cut);
	}
	replay_bytes(data, size);
	free(data);
	printf("ok %s\n", path);
	return 0;
}

static int replay_folder(const char *path)
{
	struct dirent **entries = NULL;
	int failed = 0;
	int num;
	int i;

	num = scandir(path, &entries, NULL, alphasort);
	if (num < 0) {
		printf("not ok %s: %s\n", path, strerror(errno));
		return 1;
	}
	for (i = 0; i < num; i++) {
		char name[PATH_MAX];

		if (entries[i]->d_name[0] != '.') {
			snprintf(name, sizeof(name), "%s/%s", path,
				 entries[i]->d_name);
			failed |= replay_file(name);
		}
		free(entries[i]);
	}
	free(entries);
	return failed;
}

int main(int argc, char **argv)
{
	int failed = 0;
	int i;

	for (i = 1; i < argc; i++) {
		struct stat st = {};

		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
			failed |= replay_folder(argv[i]);
		} else {
			failed |= replay_file(argv[i]);
		}
	}
	return failed;
}
