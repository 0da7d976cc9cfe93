/*
   Samba DFS Replication
   What must hold of a whole configuration

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
 * Checked after every change before it is committed, and of everything that is
 * read or received: a configuration that breaks one of these would lose data.
 * The paths of one node are the hard part. Whatever is below a content path is
 * replicated, so nothing else may lie there: no other content path, no staging
 * or conflict folder, except those in the folder's own private directory.
 */

#include <stdlib.h>
#include "config_private.h"

enum path_kind {
	PATH_CONTENT = 0,
	PATH_STAGING = 1,
	PATH_CONFLICT = 2,
};

struct node_path {
	const char *path;
	const struct dfsr_config_group *group;
	const struct dfsr_config_folder *folder;
	enum path_kind kind;
};

static const char *const path_words[] = {
	"content path",
	"staging path",
	"conflict path",
};

static int check_nodes(const struct dfsr_config *c, TALLOC_CTX *mem_ctx,
		       char **why)
{
	uint32_t i;

	for (i = 0; i < c->num_nodes; i++) {
		const struct dfsr_config_node *n = &c->nodes[i];

		if (dfsr_config_node_by_name(c, n->name) != n ||
		    dfsr_config_node_by_guid(c, &n->guid) != n ||
		    dfsr_config_node_by_key(c, n->fingerprint) != n) {
			return config_why(mem_ctx, why, EEXIST,
					  "two nodes have the name, the GUID "
					  "or the key of %s", n->name);
		}
	}
	if (c->epoch != 0 && dfsr_config_node_by_guid(c, &c->active) == NULL) {
		return config_why(mem_ctx, why, EBADMSG,
				  "the node with the active configuration is "
				  "not in it");
	}
	return 0;
}

static int check_folder(const struct dfsr_config *c,
			const struct dfsr_config_group *g,
			const struct dfsr_config_folder *f,
			TALLOC_CTX *mem_ctx, char **why)
{
	const struct dfsr_config_group *other = NULL;
	const struct dfsr_config_membership *primary = NULL;
	uint32_t i;

	if (dfsr_config_folder_by_name(g, f->name) != f ||
	    dfsr_config_folder_by_guid(c, &f->guid, &other) != f) {
		return config_why(mem_ctx, why, EEXIST,
				  "group %s has two folders of the name or "
				  "the GUID of %s", g->name, f->name);
	}
	for (i = 0; i < f->num_memberships; i++) {
		const struct dfsr_config_membership *m = &f->memberships[i];

		if (dfsr_config_membership(f, &m->node) != m) {
			return config_why(mem_ctx, why, EEXIST,
					  "node %s has two memberships of %s",
					  config_node_name(c, &m->node),
					  f->name);
		}
		if (!m->primary) {
			continue;
		}
		if (m->read_only) {
			return config_why(
				mem_ctx, why, EINVAL,
				"%s cannot be the primary member of %s and "
				"read-only: choose one",
				config_node_name(c, &m->node), f->name);
		}
		if (primary != NULL) {
			return config_why(
				mem_ctx, why, EEXIST,
				"folder %s would have two primary members, %s "
				"and %s: take it from one with `membership "
				"set … --primary=no`",
				f->name, config_node_name(c, &primary->node),
				config_node_name(c, &m->node));
		}
		primary = m;
	}
	return 0;
}

static int check_group(const struct dfsr_config *c,
		       const struct dfsr_config_group *g, TALLOC_CTX *mem_ctx,
		       char **why)
{
	uint32_t i;
	uint32_t j;
	int err;

	if (dfsr_config_group_by_name(c, g->name) != g) {
		return config_why(mem_ctx, why, EEXIST,
				  "there are two groups named %s", g->name);
	}
	for (i = 0; i < c->num_groups; i++) {
		if (&c->groups[i] != g &&
		    dfsr_guid_cmp(&c->groups[i].guid, &g->guid) == 0) {
			return config_why(mem_ctx, why, EEXIST,
					  "groups %s and %s have one GUID",
					  g->name, c->groups[i].name);
		}
	}
	for (i = 0; i < g->num_connections; i++) {
		const struct dfsr_config_connection *conn =
			&g->connections[i];

		if (dfsr_guid_cmp(&conn->from, &conn->to) == 0) {
			return config_why(mem_ctx, why, EINVAL,
					  "group %s has a connection of %s "
					  "with itself", g->name,
					  config_node_name(c, &conn->to));
		}
		for (j = 0; j < i; j++) {
			if (dfsr_guid_cmp(&conn->guid,
					  &g->connections[j].guid) == 0) {
				return config_why(mem_ctx, why, EEXIST,
						  "group %s has two "
						  "connections of one GUID",
						  g->name);
			}
		}
	}
	for (i = 0; i < g->num_folders; i++) {
		err = check_folder(c, g, &g->folders[i], mem_ctx, why);
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

/** By components: what lies below a path follows right after it. */
static int order_paths(const void *a, const void *b)
{
	const struct node_path *x = a;
	const struct node_path *y = b;
	const unsigned char *s = (const unsigned char *)x->path;
	const unsigned char *t = (const unsigned char *)y->path;
	int order;

	while (*s != '\0' && *s == *t) {
		s++;
		t++;
	}
	order = (*s == '/' ? 1 : (*s == '\0' ? 0 : *s + 1)) -
		(*t == '/' ? 1 : (*t == '\0' ? 0 : *t + 1));
	if (order != 0) {
		return order;
	}
	return (x->kind > y->kind) - (x->kind < y->kind);
}

/** A folder's staging and conflict folders may lie in its private one. */
static bool may_lie_below(const struct node_path *inner,
			  const struct node_path *outer)
{
	size_t len = strlen(outer->path);
	const char *rest = inner->path + len;
	const size_t private_len = strlen("/" DFSR_PRIVATE_DIR "/");

	return inner->folder == outer->folder && outer->kind == PATH_CONTENT &&
	       inner->kind != PATH_CONTENT && inner->path[len] == '/' &&
	       strncmp(rest, "/" DFSR_PRIVATE_DIR "/", private_len) == 0;
}

static int overlap(const struct dfsr_config *c, const struct dfsr_guid *node,
		   const struct node_path *inner,
		   const struct node_path *outer, TALLOC_CTX *mem_ctx,
		   char **why)
{
	bool same = strcmp(inner->path, outer->path) == 0;

	return config_why(mem_ctx, why, EEXIST,
			  "%s %s of folder %s/%s on %s %s %s %s of folder "
			  "%s/%s: choose another path",
			  path_words[inner->kind], inner->path,
			  inner->group->name, inner->folder->name,
			  config_node_name(c, node),
			  same ? "is also the" : "lies inside the",
			  path_words[outer->kind], outer->path,
			  outer->group->name, outer->folder->name);
}

static size_t gather_paths(const struct dfsr_config *c,
			   const struct dfsr_guid *node,
			   struct node_path *paths)
{
	size_t num = 0;
	uint32_t i;
	uint32_t j;

	for (i = 0; i < c->num_groups; i++) {
		const struct dfsr_config_group *g = &c->groups[i];

		for (j = 0; j < g->num_folders; j++) {
			const struct dfsr_config_folder *f = &g->folders[j];
			const struct dfsr_config_membership *m =
				dfsr_config_membership(f, node);
			const char *path[3];
			int k;

			if (m == NULL) {
				continue;
			}
			path[PATH_CONTENT] = m->content_path;
			path[PATH_STAGING] = m->staging_path;
			path[PATH_CONFLICT] = m->conflict_path;
			for (k = 0; k < 3; k++) {
				if (path[k] == NULL) {
					continue;
				}
				paths[num].path = path[k];
				paths[num].group = g;
				paths[num].folder = f;
				paths[num].kind = (enum path_kind)k;
				num += 1;
			}
		}
	}
	return num;
}

/** stack holds the paths that the current one lies below. */
static int check_paths(const struct dfsr_config *c,
		       const struct dfsr_guid *node, struct node_path *paths,
		       const struct node_path **stack, TALLOC_CTX *mem_ctx,
		       char **why)
{
	size_t num = gather_paths(c, node, paths);
	size_t depth = 0;
	size_t i;
	size_t k;

	if (num > 1) {
		qsort(paths, num, sizeof(*paths), order_paths);
	}
	for (i = 0; i < num; i++) {
		while (depth > 0 &&
		       !config_path_below(paths[i].path,
					  stack[depth - 1]->path)) {
			depth -= 1;
		}
		for (k = 0; k < depth; k++) {
			if (!may_lie_below(&paths[i], stack[k])) {
				return overlap(c, node, &paths[i], stack[k],
					       mem_ctx, why);
			}
		}
		if (config_path_below(paths[i].path, "/proc") ||
		    config_path_below(paths[i].path, "/sys") ||
		    config_path_below(paths[i].path, "/dev")) {
			return config_why(mem_ctx, why, EINVAL,
					  "%s %s is on a filesystem of the "
					  "kernel: choose another path",
					  path_words[paths[i].kind],
					  paths[i].path);
		}
		stack[depth++] = &paths[i];
	}
	return 0;
}

static int check_all_paths(const struct dfsr_config *c, TALLOC_CTX *mem_ctx,
			   char **why)
{
	const struct node_path **stack;
	struct node_path *paths;
	size_t num = 0;
	uint32_t i;
	int err = 0;

	for (i = 0; i < c->num_groups; i++) {
		num += c->groups[i].num_folders;
	}
	paths = talloc_array(mem_ctx, struct node_path, num * 3 + 1);
	stack = talloc_array(mem_ctx, const struct node_path *, num * 3 + 1);
	if (paths == NULL || stack == NULL) {
		err = ENOMEM;
	}
	for (i = 0; err == 0 && i < c->num_nodes; i++) {
		err = check_paths(c, &c->nodes[i].guid, paths, stack, mem_ctx,
				  why);
	}
	talloc_free(stack);
	talloc_free(paths);
	return err;
}

int config_check(const struct dfsr_config *c, TALLOC_CTX *mem_ctx, char **why)
{
	uint32_t i;
	int err;

	err = check_nodes(c, mem_ctx, why);
	for (i = 0; err == 0 && i < c->num_groups; i++) {
		err = check_group(c, &c->groups[i], mem_ctx, why);
	}
	if (err == 0) {
		err = check_all_paths(c, mem_ctx, why);
	}
	return err;
}
