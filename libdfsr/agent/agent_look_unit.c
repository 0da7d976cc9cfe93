/*
   Samba DFS Replication
   Looks in the store's thread: what was seen becomes versions

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

#include "agent_private.h"

/** State of one unit; it may run more than once, so all of it is reset. */
struct dfsr_look_ctx {
	struct dfsr_store_txn *txn;
	struct dfsr_look_batch *b;
	struct dfsr_issuer issuer;
	struct dfsr_view view;
	uint32_t num_staged;
	struct dfsr_ident *staged; /* objects that installs are bringing */
};

/** True while another decision about this UID is being carried out. */
static bool dfsr_look_locked(struct dfsr_look_ctx *c, const struct dfsr_id *uid)
{
	struct dfsr_redo redo;

	return dfsr_store_redo_get(c->txn, uid, &redo) == 0;
}

/**
 * An object that an install has put in place and whose record is not stored
 * yet is not news.
 */
static bool dfsr_look_arriving(const struct dfsr_look_ctx *c,
			       const struct dfsr_ident *ident)
{
	uint32_t i;

	for (i = 0; i < c->num_staged; i++) {
		if (dfsr_ident_equal(&c->staged[i], ident)) {
			return true;
		}
	}
	return false;
}

static int dfsr_look_redos(struct dfsr_look_ctx *c, TALLOC_CTX *mem_ctx)
{
	struct dfsr_redo redo;
	struct dfsr_id at = {0};
	int ret;

	while ((ret = dfsr_store_redo_next(c->txn, &at, &redo)) == 0) {
		at = redo.uid;
		if (dfsr_ident_is_null(&redo.staged_stamp.ident)) {
			continue;
		}
		if (c->num_staged % 64 == 0) {
			c->staged = talloc_realloc(mem_ctx, c->staged,
						   struct dfsr_ident,
						   c->num_staged + 64);
			if (c->staged == NULL) {
				return ENOMEM;
			}
		}
		c->staged[c->num_staged++] = redo.staged_stamp.ident;
	}
	return ret == ENOENT ? 0 : ret;
}

/** Store what the engine issued; observed records get the seen identity. */
static int dfsr_look_store(struct dfsr_look_ctx *c,
			   const struct dfsr_look_work *w,
			   const struct dfsr_issued_list *issued)
{
	struct dfsr_row row;
	uint32_t i;
	int ret;

	for (i = 0; i < issued->num; i++) {
		const struct dfsr_issued *e = &issued->e[i];

		ret = dfsr_store_row_by_uid(c->txn, &e->rec.uid, &row);
		if (ret == ENOENT) {
			row = (struct dfsr_row){0};
		} else if (ret != 0) {
			return ret;
		}
		row.rec = e->rec;
		if (row.clock_high < e->rec.clock) {
			row.clock_high = e->rec.clock;
		}
		row.put_time = c->b->env->now(c->b->env->private_data);
		if (e->observed) {
			row.stamp = w->look.stamp;
			memcpy(row.fh, w->look.fh, sizeof(row.fh));
			row.fh_len = w->look.fh_len;
			row.fh_type = w->look.fh_type;
		} else if (!e->rec.present) {
			row.stamp = (struct dfsr_stamp){0};
			row.fh_len = 0;
		}
		ret = dfsr_store_row_put(c->txn, &row);
		if (ret == 0) {
			ret = dfsr_store_vv_add(c->txn, &e->rec.gvsn,
						e->rec.tag);
		}
		if (ret != 0) {
			return ret;
		}
	}
	c->b->issued += issued->num;
	return dfsr_store_issuer_put(c->txn, &c->issuer);
}

/** Nothing new, but the inode looks different: remember how. */
static int dfsr_look_refresh(struct dfsr_look_ctx *c,
			     const struct dfsr_look_work *w,
			     const struct dfsr_id *uid)
{
	struct dfsr_row row;
	int ret;

	ret = dfsr_store_row_by_uid(c->txn, uid, &row);
	if (ret != 0) {
		return ret;
	}
	if (dfsr_stamp_equal(&row.stamp, &w->look.stamp) &&
	    row.stamp.settled == w->look.stamp.settled) {
		return 0;
	}
	row.stamp = w->look.stamp;
	memcpy(row.fh, w->look.fh, sizeof(row.fh));
	row.fh_len = w->look.fh_len;
	row.fh_type = w->look.fh_type;
	return dfsr_store_row_put(c->txn, &row);
}

/** The row that the seen object belongs to, if any. */
static int dfsr_look_known(struct dfsr_look_ctx *c,
			   const struct dfsr_look_work *w,
			   const struct dfsr_row *holder, bool have_holder,
			   struct dfsr_row *known, bool *have_known)
{
	int ret;

	*have_known = false;
	if (have_holder && dfsr_ident_equal(&holder->stamp.ident,
					    &w->look.stamp.ident)) {
		*known = *holder;
		*have_known = true;
		return 0;
	}
	if (w->other_name) {
		return 0;
	}
	ret = dfsr_store_row_by_ident(c->txn, &w->look.stamp.ident, known);
	if (ret == 0 && known->rec.present) {
		*have_known = true;
	}
	return ret == ENOENT ? 0 : ret;
}

/** True if the object was there before initial sync and nobody touched it. */
static bool dfsr_look_preexisting(struct dfsr_look_ctx *c,
				  const struct dfsr_look_work *w)
{
	struct dfsr_stamp pre;

	if (!c->b->initial_sync) {
		return false;
	}
	if (dfsr_store_pre_get(c->txn, w->relpath, &pre) != 0) {
		return false;
	}
	if (dfsr_ident_equal(&pre.ident, &w->look.stamp.ident) &&
	    (w->look.kind == DFSR_KIND_DIRECTORY ||
	     dfsr_stamp_same_data(&pre, &w->look.stamp))) {
		return true;
	}
	/* A client has changed it since: it is an ordinary new file now. */
	return dfsr_store_pre_del(c->txn, w->relpath) != 0;
}

static void dfsr_look_observe(const struct dfsr_look_work *w,
			      const struct dfsr_row *dir,
			      const struct dfsr_row *known, bool have_known,
			      struct dfsr_observation *obs)
{
	*obs = (struct dfsr_observation){
		.parent = dir->rec.uid,
		.exists = w->look.exists,
		.holder_survives = w->holder_survives,
	};
	dfsr_copy_name(obs->name, w->name);
	if (!w->look.exists) {
		return;
	}
	obs->uid_known = have_known;
	if (have_known) {
		obs->uid = known->rec.uid;
	}
	obs->kind = w->look.kind;
	obs->size = w->look.kind == DFSR_KIND_DIRECTORY ? 0
							: w->look.stamp.size;
	obs->attributes = w->look.attributes;
	memcpy(obs->content_hash, w->look.content_hash, DFSR_HASH_LEN);
	memcpy(obs->meta_hash, w->look.meta_hash, DFSR_HASH_LEN);
}

/** Metadata of the root itself: the only look without a directory. */
static int dfsr_look_root(struct dfsr_look_ctx *c, struct dfsr_look_work *w)
{
	(void)c;
	/*
	 * The root's own metadata belongs to each member: its owner and ACL
	 * decide who may use the share there.
	 */
	w->result = DFSR_LOOK_DONE;
	return 0;
}

static int dfsr_look_decide(struct dfsr_look_ctx *c, struct dfsr_look_work *w,
			    const struct dfsr_observation *obs)
{
	struct dfsr_issued_list issued = {0};
	struct dfsr_id match = {0};
	TALLOC_CTX *tmp = talloc_new(c->b);
	struct dfsr_row row;
	int ret;

	if (tmp == NULL) {
		return ENOMEM;
	}
	ret = dfsr_engine_local(tmp, &c->issuer, &c->view, obs, &issued,
				&match);
	if (ret == ESTALE) {
		w->result = DFSR_LOOK_UNKNOWN_PARENT;
		talloc_free(tmp);
		return 0;
	}
	if (ret == 0 && issued.num > 0) {
		ret = dfsr_look_store(c, w, &issued);
	} else if (ret == 0 && obs->exists) {
		ret = dfsr_look_refresh(c, w, &match);
	}
	if (ret == 0 && obs->exists && obs->kind == DFSR_KIND_DIRECTORY &&
	    issued.num > 0 && !obs->uid_known &&
	    dfsr_store_row_by_uid(c->txn, &match, &row) == 0) {
		w->result = DFSR_LOOK_LIST;
	}
	if (ret == 0 && c->b->initial_sync && obs->exists) {
		ret = dfsr_store_pre_del(c->txn, w->relpath);
	}
	talloc_free(tmp);
	return ret;
}

/** What the store knew of the places and objects of one look. */
struct dfsr_look_facts {
	struct dfsr_row dir;
	struct dfsr_row holder;
	bool have_holder;
	struct dfsr_row known;
	bool have_known;
};

/**
 * @return 0, or with w->result set EALREADY when there is nothing more to do
 */
static int dfsr_look_facts(struct dfsr_look_ctx *c, struct dfsr_look_work *w,
			   struct dfsr_look_facts *f)
{
	int ret;

	ret = dfsr_store_row_by_ident(c->txn, &w->look.parent.ident, &f->dir);
	if (ret == ENOENT || (ret == 0 && !f->dir.rec.present)) {
		w->result = DFSR_LOOK_UNKNOWN_PARENT;
		return EALREADY;
	}
	if (ret != 0) {
		return ret;
	}
	ret = dfsr_store_row_by_name(c->txn, &f->dir.rec.uid, w->name,
				     &f->holder);
	if (ret != 0 && ret != ENOENT) {
		return ret;
	}
	f->have_holder = ret == 0;
	if (!f->have_holder) {
		f->holder.rec.gvsn = (struct dfsr_id){0};
	}
	if (!dfsr_id_equal(&f->holder.rec.gvsn, &w->holder_gvsn) ||
	    (w->look.exists &&
	     dfsr_look_arriving(c, &w->look.stamp.ident))) {
		/* Something came or went between the look and now. */
		w->result = DFSR_LOOK_AGAIN;
		return EALREADY;
	}
	if (w->look.exists && w->look.kind != 0) {
		return dfsr_look_known(c, w, &f->holder, f->have_holder,
				       &f->known, &f->have_known);
	}
	return 0;
}

/** Unchanged since the store knew it at this very place. */
static int dfsr_look_unchanged(struct dfsr_look_ctx *c,
			       struct dfsr_look_work *w,
			       const struct dfsr_look_facts *f)
{
	if (!f->have_known || !f->have_holder ||
	    !dfsr_id_equal(&f->known.rec.uid, &f->holder.rec.uid) ||
	    strcmp(f->holder.rec.name, w->name) != 0) {
		w->result = DFSR_LOOK_AGAIN;
		return 0;
	}
	return dfsr_look_refresh(c, w, &f->known.rec.uid);
}

static int dfsr_look_apply(struct dfsr_look_ctx *c, struct dfsr_look_work *w)
{
	struct dfsr_look_facts f = {.have_known = false};
	struct dfsr_observation obs;
	int ret;

	if (w->relpath[0] == '\0') {
		return dfsr_look_root(c, w);
	}
	ret = dfsr_look_facts(c, w, &f);
	if (ret != 0) {
		return ret == EALREADY ? 0 : ret;
	}
	if (w->look.exists && w->look.kind == 0) {
		return 0;
	}
	if (w->look.exists && !f.have_known && dfsr_look_preexisting(c, w)) {
		return 0;
	}
	if (!w->look.exists &&
	    (!f.have_holder || strcmp(f.holder.rec.name, w->name) != 0)) {
		/* Nothing there, and nothing of that spelling known. */
		return 0;
	}
	if ((f.have_holder && dfsr_look_locked(c, &f.holder.rec.uid)) ||
	    (f.have_known && dfsr_look_locked(c, &f.known.rec.uid))) {
		w->result = DFSR_LOOK_AGAIN;
		return 0;
	}
	if (w->look.exists && !w->look.hashed) {
		return dfsr_look_unchanged(c, w, &f);
	}
	dfsr_look_observe(w, &f.dir, &f.known, f.have_known, &obs);
	return dfsr_look_decide(c, w, &obs);
}

int dfsr_look_unit(struct dfsr_store_txn *txn, void *private_data)
{
	struct dfsr_look_batch *b = private_data;
	struct dfsr_look_ctx c = {
		.txn = txn,
		.b = b,
		.issuer = {
			.env = b->env,
			.fence = b->fence,
			.now_max = UINT64_MAX,
		},
	};
	bool through = true;
	uint32_t i;
	int ret;

	b->issued = 0;
	ret = dfsr_store_issuer(txn, &c.issuer);
	if (ret != 0) {
		return ret;
	}
	dfsr_store_view(txn, &c.view);
	ret = dfsr_look_redos(&c, b);
	if (ret != 0) {
		return ret;
	}
	for (i = 0; i < b->num; i++) {
		struct dfsr_look_work *w = &b->w[i];

		if (w->looked != DFSR_LOOK_DONE) {
			w->result = w->looked;
			through = through && w->looked == DFSR_LOOK_FAILED;
			continue;
		}
		w->result = DFSR_LOOK_DONE;
		ret = dfsr_look_apply(&c, w);
		if (ret != 0) {
			return ret;
		}
		through = through && w->result == DFSR_LOOK_DONE &&
			  !w->holder_survives;
	}
	b->cursor_set = b->cursor_set && through;
	if (b->cursor_set) {
		ret = dfsr_store_state_put(txn, "cursor", &b->cursor,
					   sizeof(b->cursor));
	}
	return ret;
}
