/*
   Samba DFS Replication
   A small open-addressing map from ids to numbers

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
#include <string.h>

#include "engine_private.h"

static uint64_t id_hash(const struct dfsr_id *id)
{
	uint64_t a, b;

	memcpy(&a, id->db.b, sizeof(a));
	memcpy(&b, id->db.b + sizeof(a), sizeof(b));
	a ^= b * UINT64_C(0x9e3779b97f4a7c15);
	a ^= id->vsn * UINT64_C(0xc2b2ae3d27d4eb4f);
	a ^= a >> 29;
	a *= UINT64_C(0xbf58476d1ce4e5b9);
	return a ^ (a >> 32);
}

static int idmap_resize(struct dfsr_idmap *m, uint32_t size)
{
	struct dfsr_idmap old = *m;
	uint32_t i;

	m->slots = talloc_zero_array(m->mem_ctx, struct dfsr_idmap_slot, size);
	if (m->slots == NULL) {
		*m = old;
		return ENOMEM;
	}
	m->size = size;
	m->used = 0;
	for (i = 0; i < old.size; i++) {
		if (old.slots[i].used) {
			dfsr_idmap_set(m, &old.slots[i].id,
				       old.slots[i].value);
		}
	}
	talloc_free(old.slots);
	return 0;
}

int dfsr_idmap_init(TALLOC_CTX *mem_ctx, struct dfsr_idmap *m,
		    uint32_t expected)
{
	uint32_t size = 16;

	while (size / 2 < expected) {
		size *= 2;
	}
	*m = (struct dfsr_idmap){.mem_ctx = mem_ctx};
	return idmap_resize(m, size);
}

static struct dfsr_idmap_slot *idmap_slot(const struct dfsr_idmap *m,
					  const struct dfsr_id *id)
{
	uint32_t i = id_hash(id) & (m->size - 1);

	while (m->slots[i].used && !dfsr_id_equal(&m->slots[i].id, id)) {
		i = (i + 1) & (m->size - 1);
	}
	return &m->slots[i];
}

uint32_t dfsr_idmap_get(const struct dfsr_idmap *m, const struct dfsr_id *id)
{
	const struct dfsr_idmap_slot *s = idmap_slot(m, id);

	return s->used ? s->value : DFSR_IDMAP_NONE;
}

int dfsr_idmap_set(struct dfsr_idmap *m, const struct dfsr_id *id,
		   uint32_t value)
{
	struct dfsr_idmap_slot *s = idmap_slot(m, id);
	int ret;

	if (!s->used && m->used >= m->size / 2) {
		ret = idmap_resize(m, m->size * 2);
		if (ret != 0) {
			return ret;
		}
		s = idmap_slot(m, id);
	}
	if (!s->used) {
		m->used += 1;
	}
	*s = (struct dfsr_idmap_slot){.id = *id, .value = value, .used = true};
	return 0;
}
