/*
   Samba DFS Replication
   R4: carry out a list of steps

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
 * Three parts, each by the batch: the staged data is made durable before any
 * of it can be seen; the steps are carried out in their order; the directories
 * are made durable before the caller may commit. A step that fails leaves the
 * tree as it was, and the others go on.
 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "apply_private.h"

static bool step_staged(const struct dfsr_apply_step *step)
{
	return (step->op == DFSR_OP_INSTALL || step->op == DFSR_OP_REPLACE) &&
	       apply_name_valid(step->staged);
}

/*
 * Open a staged object for its sync. A symbolic link cannot be opened; there
 * are few of them, and syncfs() is right on every filesystem. What is not there
 * any more was put in place before a kill, and synced then.
 * @return 0 (*fd may be -1: nothing to do), or errno
 */
static int staged_sync_fd(struct dfsr_apply *apply, const char *name, int *fd,
			  bool *whole)
{
	int stagedir = apply->dirfd[DFSR_DIR_STAGING];
	struct dfsr_stamp stamp;
	int ret;

	*fd = -1;
	ret = dfsr_fs_stamp_at(stagedir, name, &stamp);
	if (ret != 0) {
		return ret == ENOENT ? 0 : ret;
	}
	if (dfsr_fs_kind(stamp.mode) == DFSR_KIND_SYMLINK) {
		*whole = true;
		return 0;
	}
	*fd = dfsr_fs_openat(stagedir, name, O_RDONLY | O_NONBLOCK, 0);
	return *fd == -1 ? errno : 0;
}

static int sync_each_staged(struct dfsr_apply *apply,
			    const struct dfsr_apply_step *steps,
			    uint32_t num_steps)
{
	int fds[APPLY_SYNC_MANY] = {-1};
	bool whole = false;
	unsigned num = 0;
	uint32_t i;
	int ret = 0;

	for (i = 0; i < num_steps && ret == 0; i++) {
		if (!step_staged(&steps[i])) {
			continue;
		}
		ret = staged_sync_fd(apply, steps[i].staged, &fds[num],
				     &whole);
		if (fds[num] != -1) {
			num++;
		}
	}
	if (ret == 0) {
		ret = whole ? dfsr_apply_sync(apply)
			    : apply_sync_files(fds, num);
	}
	while (num > 0) {
		num--;
		close(fds[num]);
	}
	return ret;
}

static int sync_all_staged(struct dfsr_apply *apply,
			   const struct dfsr_apply_step *steps,
			   uint32_t num_steps)
{
	uint32_t num = 0;
	uint32_t i;

	for (i = 0; i < num_steps; i++) {
		num += step_staged(&steps[i]) ? 1 : 0;
	}
	if (num > APPLY_SYNC_MANY) {
		return dfsr_apply_sync(apply);
	}
	return sync_each_staged(apply, steps, num_steps);
}

static int step_run(struct dfsr_apply *apply, struct dfsr_apply_step *step,
		    struct apply_sync *sync)
{
	switch (step->op) {
	case DFSR_OP_INSTALL:
		return apply_step_install(apply, step, sync);
	case DFSR_OP_REPLACE:
		return apply_step_replace(apply, step, sync);
	case DFSR_OP_MOVE:
	case DFSR_OP_PARK:
	case DFSR_OP_UNPARK:
		return apply_step_move(apply, step, sync);
	case DFSR_OP_REMOVE:
		return apply_step_remove(apply, step, sync);
	case DFSR_OP_META:
		return apply_step_meta(apply, step, sync);
	}
	return EINVAL;
}

static void step_clear(struct dfsr_apply_step *step)
{
	step->err = 0;
	step->result = (struct dfsr_stamp){.settled = false};
	step->displaced_stamp = (struct dfsr_stamp){.settled = false};
	step->displaced_changed = false;
	step->fh_len = 0;
	step->fh_type = 0;
	step->problem.what[0] = '\0';
}

int dfsr_apply_steps(struct dfsr_apply *apply, struct dfsr_apply_step *steps,
		     uint32_t num_steps)
{
	struct apply_sync sync = {.num = 0};
	uint32_t i;
	int ret;

	for (i = 0; i < num_steps; i++) {
		step_clear(&steps[i]);
	}
	ret = sync_all_staged(apply, steps, num_steps);
	if (ret != 0) {
		for (i = 0; i < num_steps; i++) {
			steps[i].err = ret;
		}
		return ret;
	}
	for (i = 0; i < num_steps; i++) {
		steps[i].err = step_run(apply, &steps[i], &sync);
	}
	return apply_sync_run(apply, &sync);
}
