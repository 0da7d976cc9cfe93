/*
   Samba DFS Replication
   Accounts: names and numbers, and names that are not known here

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
 * A replica carries owners by name. A name that this host does not know falls
 * back to the number that came with it, and the same number may mean somebody
 * else here, or nobody. Read back, the object would then look like another
 * version than the one that was installed: a change that nobody made, which
 * would be sent to everybody, the origin included.
 *
 * So such an object gets a private xattr that says, for each number whose name
 * here is another one, the name that it stands for: an alias. A reader takes
 * the alias as long as the number is still in use on that object; once a user
 * gives the object to somebody else, the number is gone and the alias with it.
 * It lives in trusted.*, which clients can neither see nor write and which
 * symbolic links can have too. See docs/design/0004-metadata.md.
 *
 * A question to the name service may go over the network, so answers are kept
 * for a minute, in tables of fixed size. A service that is out of order is an
 * error and not "no such name": else an outage would look as if every owner
 * had changed.
 */

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "fs_private.h"

#define CACHE_SLOTS 256
#define CACHE_SECONDS 60
/** First and largest buffer for one answer; a group lists its members. */
#define LOOKUP_FIRST 4096
#define LOOKUP_MAX (16 * 1024 * 1024)
#define ALIASES_VERSION 1

struct cache_slot {
	bool used;
	bool found;
	uint8_t kind;
	uint32_t id;
	time_t expires;
	char name[DFSR_ACCOUNT_MAX + 1];
};

static struct {
	pthread_mutex_t lock;
	struct cache_slot by_id[CACHE_SLOTS];
	struct cache_slot by_name[CACHE_SLOTS];
} cache = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
};

static time_t cache_now(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static uint32_t id_slot(enum fs_account kind, uint32_t id)
{
	return (id * 2654435761U + kind) % CACHE_SLOTS;
}

static uint32_t name_slot(enum fs_account kind, const char *name)
{
	uint32_t h = 2166136261U + kind;

	for (; *name != '\0'; name++) {
		h = (h ^ (uint8_t)*name) * 16777619U;
	}
	return h % CACHE_SLOTS;
}

static void cache_put(struct cache_slot *slot, enum fs_account kind,
		      uint32_t id, const char *name, bool found)
{
	pthread_mutex_lock(&cache.lock);
	slot->used = true;
	slot->found = found;
	slot->kind = kind;
	slot->id = id;
	slot->expires = cache_now() + CACHE_SECONDS;
	strncpy(slot->name, name, sizeof(slot->name) - 1);
	slot->name[sizeof(slot->name) - 1] = '\0';
	pthread_mutex_unlock(&cache.lock);
}

static bool slot_fresh(const struct cache_slot *slot, enum fs_account kind)
{
	return slot->used && slot->kind == kind &&
	       slot->expires > cache_now();
}

/** One question to the name service; name NULL asks by id. */
struct lookup {
	enum fs_account kind;
	const char *name;
	uint32_t id;
	/* out */
	bool found;
	uint32_t found_id;
	const char *found_name; /* in buf */
	char *buf;
};

static int lookup_user(struct lookup *l, size_t len)
{
	struct passwd pw;
	struct passwd *res = NULL;
	int ret;

	if (l->name != NULL) {
		ret = getpwnam_r(l->name, &pw, l->buf, len, &res);
	} else {
		ret = getpwuid_r(l->id, &pw, l->buf, len, &res);
	}
	if (ret == 0 && res != NULL) {
		l->found = true;
		l->found_id = res->pw_uid;
		l->found_name = res->pw_name;
	}
	return ret;
}

static int lookup_group(struct lookup *l, size_t len)
{
	struct group gr;
	struct group *res = NULL;
	int ret;

	if (l->name != NULL) {
		ret = getgrnam_r(l->name, &gr, l->buf, len, &res);
	} else {
		ret = getgrgid_r(l->id, &gr, l->buf, len, &res);
	}
	if (ret == 0 && res != NULL) {
		l->found = true;
		l->found_id = res->gr_gid;
		l->found_name = res->gr_name;
	}
	return ret;
}

/* The caller frees l->buf in any case. */
static int lookup_run(struct lookup *l)
{
	size_t len = LOOKUP_FIRST;
	int ret;

	while (true) {
		char *buf = realloc(l->buf, len);

		if (buf == NULL) {
			return ENOMEM;
		}
		l->buf = buf;
		ret = l->kind == FS_ACCOUNT_USER ? lookup_user(l, len)
						 : lookup_group(l, len);
		if (ret == EINTR) {
			continue;
		}
		if (ret != ERANGE || len >= LOOKUP_MAX) {
			break;
		}
		len *= 4;
	}
	switch (ret) {
	case ENOENT:
	case ESRCH:
	case EBADF:
	case EPERM:
		return 0; /* other words for "not found", getpwnam(3) */
	default:
		return ret;
	}
}

int fs_account_name(enum fs_account kind, uint32_t id,
		    char name[DFSR_ACCOUNT_MAX + 1])
{
	struct cache_slot *slot = &cache.by_id[id_slot(kind, id)];
	struct lookup l = {.kind = kind, .id = id};
	bool hit;
	int ret;

	pthread_mutex_lock(&cache.lock);
	hit = slot_fresh(slot, kind) && slot->id == id;
	if (hit) {
		memcpy(name, slot->name, sizeof(slot->name));
	}
	pthread_mutex_unlock(&cache.lock);
	if (hit) {
		return 0;
	}
	ret = lookup_run(&l);
	if (ret == 0) {
		name[0] = '\0';
		if (l.found && strlen(l.found_name) <= DFSR_ACCOUNT_MAX) {
			strcpy(name, l.found_name);
		}
		cache_put(slot, kind, id, name, l.found);
	}
	free(l.buf);
	return ret;
}

int fs_account_id(enum fs_account kind, const char *name, uint32_t *id)
{
	struct cache_slot *slot = &cache.by_name[name_slot(kind, name)];
	struct lookup l = {.kind = kind, .name = name};
	bool hit, found = false;
	int ret;

	if (name[0] == '\0' || strlen(name) > DFSR_ACCOUNT_MAX) {
		return ENOENT;
	}
	pthread_mutex_lock(&cache.lock);
	hit = slot_fresh(slot, kind) && strcmp(slot->name, name) == 0;
	if (hit) {
		*id = slot->id;
		found = slot->found;
	}
	pthread_mutex_unlock(&cache.lock);
	if (hit) {
		return found ? 0 : ENOENT;
	}
	ret = lookup_run(&l);
	if (ret == 0) {
		cache_put(slot, kind, l.found_id, name, l.found);
		*id = l.found_id;
	}
	found = l.found;
	free(l.buf);
	if (ret != 0) {
		return ret;
	}
	return found ? 0 : ENOENT;
}

/* ---- aliases ------------------------------------------------------------- */

static const struct fs_alias *alias_find(const struct fs_aliases *aliases,
					 enum fs_account kind, uint32_t id)
{
	uint32_t i;

	for (i = 0; aliases != NULL && i < aliases->num; i++) {
		if (aliases->a[i].kind == kind && aliases->a[i].id == id) {
			return &aliases->a[i];
		}
	}
	return NULL;
}

static int alias_add(struct fs_aliases *aliases, uint8_t kind, uint32_t id,
		     const char *name)
{
	struct fs_alias *a = NULL;

	if (aliases->num >= FS_ALIASES_MAX) {
		return E2BIG;
	}
	a = talloc_realloc(aliases, aliases->a, struct fs_alias,
			   aliases->num + 1);
	if (a == NULL) {
		return ENOMEM;
	}
	aliases->a = a;
	a = &a[aliases->num];
	a->kind = kind;
	a->id = id;
	a->name = talloc_strdup(aliases, name);
	if (a->name == NULL) {
		return ENOMEM;
	}
	aliases->num++;
	return 0;
}

int fs_aliases_parse(TALLOC_CTX *mem_ctx, const uint8_t *data, size_t len,
		     struct fs_aliases **_aliases)
{
	struct fs_aliases *aliases = NULL;
	struct dfsr_pull p;
	char name[DFSR_ACCOUNT_MAX + 1];
	uint16_t i, num;
	int ret = 0;

	aliases = talloc_zero(mem_ctx, struct fs_aliases);
	if (aliases == NULL) {
		return ENOMEM;
	}
	*_aliases = aliases;
	dfsr_pull_init(&p, data, len);
	if (dfsr_pull_u8(&p) != ALIASES_VERSION) {
		return 0;
	}
	num = dfsr_pull_u16(&p);
	for (i = 0; i < num && num <= FS_ALIASES_MAX; i++) {
		uint8_t kind = dfsr_pull_u8(&p);
		uint32_t id = dfsr_pull_u32(&p);

		dfsr_pull_strbuf(&p, name, sizeof(name));
		if (p.err != 0) {
			break;
		}
		ret = alias_add(aliases, kind, id, name);
		if (ret != 0) {
			return ret;
		}
	}
	if (dfsr_pull_end(&p) != 0) {
		aliases->num = 0;
	}
	return 0;
}

void fs_aliases_push(struct dfsr_push *p, const struct fs_aliases *aliases)
{
	uint32_t i;

	dfsr_push_u8(p, ALIASES_VERSION);
	dfsr_push_u16(p, (uint16_t)aliases->num);
	for (i = 0; i < aliases->num; i++) {
		dfsr_push_u8(p, aliases->a[i].kind);
		dfsr_push_u32(p, aliases->a[i].id);
		dfsr_push_str(p, aliases->a[i].name);
	}
}

int fs_aliases_note(struct fs_aliases *aliases, enum fs_account kind,
		    uint32_t id, const char *name)
{
	const struct fs_alias *have = alias_find(aliases, kind, id);
	char here[DFSR_ACCOUNT_MAX + 1];
	int ret;

	if (name == NULL) {
		name = "";
	}
	if (have != NULL) {
		/* two names, one number: cannot be told apart on disk */
		return strcmp(have->name, name) == 0 ? 0 : EOPNOTSUPP;
	}
	ret = fs_account_name(kind, id, here);
	if (ret != 0) {
		return ret;
	}
	if (strcmp(here, name) == 0) {
		return 0;
	}
	return alias_add(aliases, kind, id, name);
}

int fs_aliases_name(TALLOC_CTX *mem_ctx, const struct fs_aliases *aliases,
		    enum fs_account kind, uint32_t id, char **name)
{
	const struct fs_alias *alias = alias_find(aliases, kind, id);
	char here[DFSR_ACCOUNT_MAX + 1];
	const char *found = here;
	int ret;

	*name = NULL;
	if (alias != NULL) {
		found = alias->name;
	} else {
		ret = fs_account_name(kind, id, here);
		if (ret != 0) {
			return ret;
		}
	}
	if (found[0] == '\0') {
		return 0;
	}
	*name = talloc_strdup(mem_ctx, found);
	return *name == NULL ? ENOMEM : 0;
}

int fs_account_local(enum fs_account kind, const char *name, uint32_t number,
		     struct fs_aliases *aliases, uint32_t *id)
{
	int ret = ENOENT;

	if (name != NULL && name[0] != '\0') {
		ret = fs_account_id(kind, name, id);
	}
	if (ret == ENOENT) {
		*id = number;
		ret = 0;
	}
	if (ret != 0) {
		return ret;
	}
	return fs_aliases_note(aliases, kind, *id, name);
}
