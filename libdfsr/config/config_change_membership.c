/*
   Samba DFS Replication
   What a member does with a folder

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

#include "config_private.h"

/** The membership as it will be. */
struct wanted {
	char *content_path;
	char *staging_path; /* NULL keeps, "" is the default */
	char *conflict_path;
	bool enabled;
	bool read_only;
	bool primary;
	bool preserve_deleted;
	uint64_t generation;
};

static int clean_path(struct config_change *c, const char *what,
		      const char *path, char **clean)
{
	int err;

	*clean = NULL;
	if (path == NULL) {
		return 0;
	}
	err = dfsr_config_path_clean(c->ch->mem_ctx, what, path, clean,
				     c->ch->why);
	if (err == 0) {
		talloc_steal(c->tmp, *clean);
	}
	return err;
}

/** A private path may be taken back to its default with "". */
static int clean_private(struct config_change *c, const char *what,
			 const char *path, char **clean)
{
	if (path != NULL && path[0] == '\0') {
		*clean = talloc_strdup(c->tmp, "");
		return *clean == NULL ? ENOMEM : 0;
	}
	return clean_path(c, what, path, clean);
}

static int check_content(struct config_change *c, const char *path)
{
	if (dfsr_path_has_private(path)) {
		return config_fail(c, EINVAL,
				   "content path %s leads into a %s folder, "
				   "which belongs to replication itself",
				   path, DFSR_PRIVATE_DIR);
	}
	return 0;
}

static int check_quotas(struct config_change *c,
			const struct dfsr_membership_change *m)
{
	if (m->staging_quota_mb < -1 || m->conflict_quota_mb < -1 ||
	    m->staging_quota_mb > DFSR_CONFIG_QUOTA_MB_MAX ||
	    m->conflict_quota_mb > DFSR_CONFIG_QUOTA_MB_MAX ||
	    m->staging_quota_mb == 0) {
		return config_fail(c, EINVAL,
				   "a quota is a number of megabytes from 1 "
				   "to %lld",
				   (long long)DFSR_CONFIG_QUOTA_MB_MAX);
	}
	return 0;
}

static bool choose(int wanted, bool present)
{
	return wanted == -1 ? present : wanted == 1;
}

static int plan(struct config_change *c, const struct dfsr_config_folder *f,
		const struct dfsr_config_node *n,
		const struct dfsr_config_membership *old,
		const struct dfsr_membership_change *m, struct wanted *w)
{
	bool moved;
	int err = clean_path(c, "content path", m->content_path,
			     &w->content_path);

	if (err == 0) {
		err = clean_private(c, "staging path", m->staging_path,
				    &w->staging_path);
	}
	if (err == 0) {
		err = clean_private(c, "conflict path", m->conflict_path,
				    &w->conflict_path);
	}
	if (err == 0) {
		err = check_quotas(c, m);
	}
	if (err == 0 && w->content_path != NULL) {
		err = check_content(c, w->content_path);
	}
	if (err != 0) {
		return err;
	}
	if (old == NULL && w->content_path == NULL) {
		return config_fail(c, EINVAL,
				   "node %s has no content path for folder %s "
				   "yet: give one with --content-path",
				   n->name, f->name);
	}
	w->enabled = choose(m->enabled, old == NULL || old->enabled);
	w->read_only = choose(m->read_only, old != NULL && old->read_only);
	w->primary = choose(m->primary, old != NULL && old->primary);
	w->preserve_deleted = choose(m->preserve_deleted,
				     old == NULL || old->preserve_deleted);
	moved = old != NULL && w->content_path != NULL &&
		strcmp(old->content_path, w->content_path) != 0;
	w->generation = old == NULL ? 0 : old->generation;
	if (w->enabled && (old == NULL || !old->enabled || moved)) {
		w->generation += 1;
	}
	return 0;
}

static int write_membership(struct config_object *o,
			    bool is_new, const struct wanted *w,
			    const struct dfsr_membership_change *m)
{
	config_put_str(o, "msDFSR-RootPath", w->content_path);
	config_put_str(o, "msDFSR-StagingPath", w->staging_path);
	config_put_str(o, "msDFSR-ConflictPath", w->conflict_path);
	config_put_bool(o, "msDFSR-Enabled", w->enabled);
	config_put_bool(o, "msDFSR-ReadOnly", w->read_only);
	config_put_num(o, "msDFSR-Options", w->primary ? 1 : 0);
	config_put_bool(o, "sambaDfsPreserveDeleted", w->preserve_deleted);
	config_put_num(o, "sambaDfsGeneration", (int64_t)w->generation);
	if (m->staging_quota_mb != -1 || is_new) {
		config_put_num(o, "msDFSR-StagingSizeInMb",
			       m->staging_quota_mb != -1
				       ? m->staging_quota_mb
				       : DFSR_CONFIG_QUOTA_MB_DEFAULT);
	}
	if (m->conflict_quota_mb != -1 || is_new) {
		config_put_num(o, "msDFSR-ConflictSizeInMb",
			       m->conflict_quota_mb != -1
				       ? m->conflict_quota_mb
				       : DFSR_CONFIG_QUOTA_MB_DEFAULT);
	}
	return is_new ? config_object_add(o) : config_object_modify(o);
}

static int membership_set(struct config_change *c, const char *group,
			  const char *folder, const char *node,
			  const struct dfsr_membership_change *m)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *f = NULL;
	const struct dfsr_config_node *n = NULL;
	const struct dfsr_config_membership *old;
	struct config_object o;
	struct ldb_dn *dn;
	struct wanted w;
	int err = config_need_folder(c, group, folder, &g, &f);

	memset(&w, 0, sizeof(w));
	if (err == 0) {
		err = config_need_member(c, g, node, &n);
	}
	if (err != 0) {
		return err;
	}
	old = dfsr_config_membership(f, &n->guid);
	err = plan(c, f, n, old, m, &w);
	if (err != 0) {
		return err;
	}
	dn = config_dn_subscription(c, &n->guid, &g->guid, &f->guid);
	if (old != NULL) {
		config_object_edit(&o, c, dn);
	} else {
		config_object_new(&o, c, dn, "msDFSR-Subscription");
		config_put_guid(&o, "msDFSR-ReplicationGroupGuid", &g->guid);
		config_put_guid(&o, "msDFSR-ContentSetGuid", &f->guid);
	}
	return write_membership(&o, old == NULL, &w, m);
}

int dfsr_config_membership_set(const struct dfsr_change *ch,
			       const char *group, const char *folder,
			       const char *node,
			       const struct dfsr_membership_change *m)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = membership_set(&c, group, folder, node, m);
	}
	return config_end(&c, err);
}
