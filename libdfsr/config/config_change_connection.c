/*
   Samba DFS Replication
   Connections between members

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

/** Both ends of a connection, members of the group. */
struct ends {
	const struct dfsr_config_group *g;
	const struct dfsr_config_node *from;
	const struct dfsr_config_node *to;
};

/** What is said of a connection; -1 says nothing. */
struct words {
	int enabled;
	int rdc;
	int64_t rdc_min_kb;
};

static int find_ends(struct config_change *c, const char *group,
		     const char *from, const char *to, struct ends *e)
{
	int err = config_need_group(c, group, &e->g);

	if (err == 0) {
		err = config_need_member(c, e->g, from, &e->from);
	}
	if (err == 0) {
		err = config_need_member(c, e->g, to, &e->to);
	}
	if (err == 0 && e->from == e->to) {
		err = config_fail(c, EINVAL,
				  "--from and --to are both %s: a connection "
				  "has two ends", e->from->name);
	}
	return err;
}

static int check_words(struct config_change *c, const struct words *w)
{
	if (w->rdc_min_kb < -1 || w->rdc_min_kb > DFSR_CONFIG_RDC_KB_MAX) {
		return config_fail(c, EINVAL,
				   "the smallest size for RDC is a number of "
				   "kilobytes up to %lld",
				   (long long)DFSR_CONFIG_RDC_KB_MAX);
	}
	return 0;
}

static void turn(struct ends *e)
{
	const struct dfsr_config_node *from = e->from;

	e->from = e->to;
	e->to = from;
}

/** Any connection of the pair, enabled or not. */
static const struct dfsr_config_connection *find(const struct ends *e)
{
	uint32_t i;

	for (i = 0; i < e->g->num_connections; i++) {
		const struct dfsr_config_connection *conn =
			&e->g->connections[i];

		if (dfsr_guid_cmp(&conn->from, &e->from->guid) == 0 &&
		    dfsr_guid_cmp(&conn->to, &e->to->guid) == 0) {
			return conn;
		}
	}
	return NULL;
}

static int create_one(struct config_change *c, const struct ends *e,
		      const struct words *w)
{
	struct dfsr_config_connection conn = {.from = e->from->guid,
					      .to = e->to->guid};
	struct config_object o;

	conn.guid = dfsr_guid_random(c->ch->env);
	config_object_new(&o, c, config_dn_connection(c, e->g->name, &conn),
			  "msDFSR-Connection");
	config_put_guid(&o, "objectGUID", &conn.guid);
	config_put_dn(&o, "fromServer",
		      config_dn_member(c, e->g->name, &conn.from));
	config_put_bool(&o, "msDFSR-Enabled", w->enabled != 0);
	config_put_bool(&o, "msDFSR-RdcEnabled", w->rdc != 0);
	config_put_num(&o, "msDFSR-RdcMinFileSizeInKb",
		       w->rdc_min_kb == -1 ? DFSR_CONFIG_RDC_KB_DEFAULT
					   : w->rdc_min_kb);
	return config_object_add(&o);
}

static int connection_create(struct config_change *c, const char *group,
			     const char *from, const char *to, bool one_way,
			     const struct words *w)
{
	struct ends e = {.g = NULL};
	int created = 0;
	int pass;
	int err = find_ends(c, group, from, to, &e);

	if (err == 0) {
		err = check_words(c, w);
	}
	for (pass = 0; err == 0 && pass < (one_way ? 1 : 2); pass++) {
		if (find(&e) == NULL) {
			err = create_one(c, &e, w);
			created += 1;
		}
		turn(&e);
	}
	if (err == 0 && created == 0) {
		return config_fail(c, EEXIST,
				   "group %s has the connection between %s and "
				   "%s already: `samba-dfs connection modify` "
				   "changes it", e.g->name, from, to);
	}
	return err;
}

int dfsr_config_connection_create(const struct dfsr_change *ch,
				  const char *group, const char *from,
				  const char *to, bool one_way, int enabled,
				  int rdc, int64_t rdc_min_kb)
{
	struct words w = {enabled, rdc, rdc_min_kb};
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = connection_create(&c, group, from, to, one_way, &w);
	}
	return config_end(&c, err);
}

static int no_connection(struct config_change *c, const struct ends *e)
{
	return config_fail(c, ENOENT,
			   "group %s has no connection from %s to %s: "
			   "`samba-dfs connection list %s` shows them",
			   e->g->name, e->from->name, e->to->name,
			   e->g->name);
}

static int modify_one(struct config_change *c, const struct ends *e,
		      const struct dfsr_config_connection *conn,
		      const struct words *w)
{
	struct config_object o;

	config_object_edit(&o, c, config_dn_connection(c, e->g->name, conn));
	if (w->enabled != -1) {
		config_put_bool(&o, "msDFSR-Enabled", w->enabled == 1);
	}
	if (w->rdc != -1) {
		config_put_bool(&o, "msDFSR-RdcEnabled", w->rdc == 1);
	}
	if (w->rdc_min_kb != -1) {
		config_put_num(&o, "msDFSR-RdcMinFileSizeInKb",
			       w->rdc_min_kb);
	}
	return config_object_modify(&o);
}

static int delete_one(struct config_change *c, const struct ends *e,
		      const struct dfsr_config_connection *conn,
		      const struct words *w)
{
	(void)w;
	return config_delete(c, config_dn_connection(c, e->g->name, conn));
}

/** Do something with every connection of the pair, in one or both ways. */
static int each(struct config_change *c, struct ends *e, bool one_way,
		const struct words *w,
		int (*fn)(struct config_change *c, const struct ends *e,
			  const struct dfsr_config_connection *conn,
			  const struct words *w))
{
	struct ends first = *e;
	bool found = false;
	int pass;
	int err = 0;

	for (pass = 0; err == 0 && pass < (one_way ? 1 : 2); pass++) {
		uint32_t i;

		for (i = 0; err == 0 && i < e->g->num_connections; i++) {
			const struct dfsr_config_connection *conn =
				&e->g->connections[i];

			if (dfsr_guid_cmp(&conn->from, &e->from->guid) == 0 &&
			    dfsr_guid_cmp(&conn->to, &e->to->guid) == 0) {
				found = true;
				err = fn(c, e, conn, w);
			}
		}
		turn(e);
	}
	if (err == 0 && !found) {
		return no_connection(c, &first);
	}
	return err;
}

int dfsr_config_connection_modify(const struct dfsr_change *ch,
				  const char *group, const char *from,
				  const char *to, bool one_way, int enabled,
				  int rdc, int64_t rdc_min_kb)
{
	struct words w = {enabled, rdc, rdc_min_kb};
	struct ends e = {.g = NULL};
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = find_ends(&c, group, from, to, &e);
	}
	if (err == 0) {
		err = check_words(&c, &w);
	}
	if (err == 0) {
		err = each(&c, &e, one_way, &w, modify_one);
	}
	return config_end(&c, err);
}

int dfsr_config_connection_delete(const struct dfsr_change *ch,
				  const char *group, const char *from,
				  const char *to, bool one_way)
{
	struct words w = {-1, -1, -1};
	struct ends e = {.g = NULL};
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = find_ends(&c, group, from, to, &e);
	}
	if (err == 0) {
		err = each(&c, &e, one_way, &w, delete_one);
	}
	return config_end(&c, err);
}
