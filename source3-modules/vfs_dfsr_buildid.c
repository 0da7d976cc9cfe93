/*
   Samba DFS Replication
   Which build of a shared library is loaded

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

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include "vfs_dfsr_buildid.h"

struct buildid_search {
	const char *name;
	char *buf;
};

static size_t align4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Look through one segment of notes. */
static bool search_notes(const char *p, size_t len, char *buf)
{
	size_t i = 0;

	while (len >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *n = (const void *)p;
		size_t name = sizeof(*n);
		size_t desc = name + align4(n->n_namesz);
		size_t end = desc + align4(n->n_descsz);

		if (end > len) {
			return false;
		}
		if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 &&
		    memcmp(p + name, "GNU", 4) == 0 &&
		    n->n_descsz * 2 < DFSR_BUILDID_STRLEN) {
			for (i = 0; i < n->n_descsz; i++) {
				snprintf(buf + 2 * i, 3, "%02x",
					 (unsigned char)p[desc + i]);
			}
			return true;
		}
		p += end;
		len -= end;
	}
	return false;
}

static int search_object(struct dl_phdr_info *info, size_t size,
			 void *private_data)
{
	struct buildid_search *s = private_data;
	const char *base = strrchr(info->dlpi_name, '/');
	int i = 0;

	(void)size;
	base = base == NULL ? info->dlpi_name : base + 1;
	if (strncmp(base, s->name, strlen(s->name)) != 0) {
		return 0;
	}
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_NOTE &&
		    search_notes((const char *)info->dlpi_addr + ph->p_vaddr,
				 ph->p_memsz, s->buf)) {
			return 1;
		}
	}
	return 0;
}

bool dfsr_buildid_is(const char *name, const char *wanted,
		     char found[DFSR_BUILDID_STRLEN])
{
	struct buildid_search s = {.name = name, .buf = found};

	found[0] = '\0';
	return dl_iterate_phdr(search_object, &s) == 1 &&
	       strcmp(found, wanted) == 0;
}
