/*
   Samba DFS Replication
   The order of a snapshot

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

#include <stdlib.h>
#include "config_private.h"

static int order_names(const char *a, const char *b)
{
	int order = strcasecmp(a, b);

	return order != 0 ? order : strcmp(a, b);
}

static int order_nodes(const void *a, const void *b)
{
	const struct dfsr_config_node *x = a;
	const struct dfsr_config_node *y = b;

	return order_names(x->name, y->name);
}

static int order_groups(const void *a, const void *b)
{
	const struct dfsr_config_group *x = a;
	const struct dfsr_config_group *y = b;

	return order_names(x->name, y->name);
}

static int order_folders(const void *a, const void *b)
{
	const struct dfsr_config_folder *x = a;
	const struct dfsr_config_folder *y = b;

	return order_names(x->name, y->name);
}

/** Nodes are sorted, so their places are in the order of their names. */
static int order_by_node(const struct dfsr_config *c,
			 const struct dfsr_guid *a, const struct dfsr_guid *b)
{
	const struct dfsr_config_node *x = dfsr_config_node_by_guid(c, a);
	const struct dfsr_config_node *y = dfsr_config_node_by_guid(c, b);

	return (x > y) - (x < y);
}

static int order_members(const void *a, const void *b, void *config)
{
	return order_by_node(config, a, b);
}

static int order_member_info(const void *a, const void *b, void *config)
{
	const struct dfsr_config_member *x = a;
	const struct dfsr_config_member *y = b;

	return order_by_node(config, &x->node, &y->node);
}

static int order_memberships(const void *a, const void *b, void *config)
{
	const struct dfsr_config_membership *x = a;
	const struct dfsr_config_membership *y = b;

	return order_by_node(config, &x->node, &y->node);
}

static int order_connections(const void *a, const void *b, void *config)
{
	const struct dfsr_config_connection *x = a;
	const struct dfsr_config_connection *y = b;
	int order = order_by_node(config, &x->from, &y->from);

	if (order == 0) {
		order = order_by_node(config, &x->to, &y->to);
	}
	return order != 0 ? order : dfsr_guid_cmp(&x->guid, &y->guid);
}

static void sort_group(struct dfsr_config *c, struct dfsr_config_group *g)
{
	uint32_t i;

	if (g->num_members > 1) {
		qsort_r(g->members, g->num_members, sizeof(*g->members),
			order_members, c);
		qsort_r(g->member_info, g->num_members,
			sizeof(*g->member_info), order_member_info, c);
	}
	if (g->num_connections > 1) {
		qsort_r(g->connections, g->num_connections,
			sizeof(*g->connections), order_connections, c);
	}
	if (g->num_folders > 1) {
		qsort(g->folders, g->num_folders, sizeof(*g->folders),
		      order_folders);
	}
	for (i = 0; i < g->num_folders; i++) {
		struct dfsr_config_folder *f = &g->folders[i];

		if (f->num_memberships > 1) {
			qsort_r(f->memberships, f->num_memberships,
				sizeof(*f->memberships), order_memberships, c);
		}
	}
}

void config_sort(struct dfsr_config *c)
{
	uint32_t i;

	if (c->num_nodes > 1) {
		qsort(c->nodes, c->num_nodes, sizeof(*c->nodes), order_nodes);
	}
	if (c->num_groups > 1) {
		qsort(c->groups, c->num_groups, sizeof(*c->groups),
		      order_groups);
	}
	for (i = 0; i < c->num_groups; i++) {
		sort_group(c, &c->groups[i]);
	}
}
