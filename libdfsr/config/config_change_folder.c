/*
   Samba DFS Replication
   Replicated folders

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

/** LDAP holds no empty value: "," is the list of nothing. */
static const char *filter_value(const char *filter)
{
	return filter != NULL && filter[0] == '\0' ? "," : filter;
}

static int check_words(struct config_change *c, const char *description,
		       const char *file_filter, const char *directory_filter)
{
	int err = config_check_text(c, "description", description);

	if (err == 0) {
		err = config_check_filter(c, "file filter", file_filter);
	}
	if (err == 0) {
		err = config_check_filter(c, "directory filter",
					  directory_filter);
	}
	return err;
}

static int folder_taken(struct config_change *c,
			const struct dfsr_config_group *g,
			const struct dfsr_config_folder *f)
{
	return config_fail(c, EEXIST,
			   "group %s has a folder named %s already", g->name,
			   f->name);
}

static int folder_create(struct config_change *c, const char *group,
			 const char *folder, const char *description,
			 const char *file_filter, const char *directory_filter)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *f;
	struct dfsr_guid guid;
	struct config_object o;
	int err = config_need_group(c, group, &g);

	if (err == 0) {
		err = config_check_name(c, "folder name", folder);
	}
	if (err == 0) {
		err = check_words(c, description, file_filter,
				  directory_filter);
	}
	if (err != 0) {
		return err;
	}
	f = dfsr_config_folder_by_name(g, folder);
	if (f != NULL) {
		return folder_taken(c, g, f);
	}
	if (g->num_folders >= DFSR_CONFIG_FOLDERS_MAX) {
		return config_fail(c, ENOSPC,
				   "group %s has %d folders: no more", g->name,
				   DFSR_CONFIG_FOLDERS_MAX);
	}
	guid = dfsr_guid_random(c->ch->env);
	config_object_new(&o, c, config_dn_folder(c, g->name, folder),
			  "msDFSR-ContentSet");
	config_put_guid(&o, "objectGUID", &guid);
	config_put_str(&o, "description", description);
	config_put_str(&o, "msDFSR-FileFilter", filter_value(file_filter));
	config_put_str(&o, "msDFSR-DirectoryFilter",
		       filter_value(directory_filter));
	return config_object_add(&o);
}

int dfsr_config_folder_create(const struct dfsr_change *ch, const char *group,
			      const char *folder, const char *description,
			      const char *file_filter,
			      const char *directory_filter)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = folder_create(&c, group, folder, description,
				    file_filter, directory_filter);
	}
	return config_end(&c, err);
}

static int folder_rename(struct config_change *c,
			 const struct dfsr_config_group *g,
			 const struct dfsr_config_folder *f,
			 const char *new_name)
{
	const struct dfsr_config_folder *other;
	struct config_object o;
	int err = config_check_name(c, "folder name", new_name);

	if (err != 0 || strcmp(f->name, new_name) == 0) {
		return err;
	}
	other = dfsr_config_folder_by_name(g, new_name);
	if (other != NULL && other != f) {
		return folder_taken(c, g, other);
	}
	err = config_rename_tree(c, config_dn_folder(c, g->name, f->name),
				 config_dn_folder(c, g->name, new_name));
	if (err != 0) {
		return err;
	}
	config_object_edit(&o, c, config_dn_folder(c, g->name, new_name));
	config_put_str(&o, "cn", new_name);
	return config_object_modify(&o);
}

static int folder_modify(struct config_change *c, const char *group,
			 const char *folder, const char *new_name,
			 const char *description, const char *file_filter,
			 const char *directory_filter)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *f = NULL;
	struct config_object o;
	int err = config_need_folder(c, group, folder, &g, &f);

	if (err == 0) {
		err = check_words(c, description, file_filter,
				  directory_filter);
	}
	if (err != 0) {
		return err;
	}
	config_object_edit(&o, c, config_dn_folder(c, g->name, f->name));
	config_put_str(&o, "description", description);
	config_put_str(&o, "msDFSR-FileFilter", filter_value(file_filter));
	config_put_str(&o, "msDFSR-DirectoryFilter",
		       filter_value(directory_filter));
	err = config_object_modify(&o);
	if (err == 0 && new_name != NULL) {
		err = folder_rename(c, g, f, new_name);
	}
	return err;
}

int dfsr_config_folder_modify(const struct dfsr_change *ch, const char *group,
			      const char *folder, const char *new_name,
			      const char *description,
			      const char *file_filter,
			      const char *directory_filter)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = folder_modify(&c, group, folder, new_name, description,
				    file_filter, directory_filter);
	}
	return config_end(&c, err);
}

static int folder_delete(struct config_change *c, const char *group,
			 const char *folder, bool force)
{
	const struct dfsr_config_group *g = NULL;
	const struct dfsr_config_folder *f = NULL;
	uint32_t i;
	int err = config_need_folder(c, group, folder, &g, &f);

	if (err != 0) {
		return err;
	}
	for (i = 0; !force && i < f->num_memberships; i++) {
		if (f->memberships[i].enabled) {
			return config_fail(
				c, ENOTEMPTY,
				"folder %s is replicated on %s: disable its "
				"memberships first, or use --force",
				f->name,
				config_node_name(c->config,
						 &f->memberships[i].node));
		}
	}
	for (i = 0; err == 0 && i < f->num_memberships; i++) {
		err = config_delete(
			c, config_dn_subscription(c, &f->memberships[i].node,
						  &g->guid, &f->guid));
	}
	if (err == 0) {
		err = config_delete(c, config_dn_folder(c, g->name, f->name));
	}
	return err;
}

int dfsr_config_folder_delete(const struct dfsr_change *ch, const char *group,
			      const char *folder, bool force)
{
	struct config_change c;
	int err = config_begin(&c, ch, false);

	if (err == 0) {
		err = folder_delete(&c, group, folder, force);
	}
	return config_end(&c, err);
}
