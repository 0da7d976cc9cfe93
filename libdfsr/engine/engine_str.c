/*
   Samba DFS Replication
   Texts of verdicts, waits and conflicts

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

#include "engine_private.h"

const char *dfsr_verdict_str(enum dfsr_verdict v)
{
	switch (v) {
	case DFSR_VERDICT_IGNORE:
		return "ignore";
	case DFSR_VERDICT_LOSES:
		return "loses";
	case DFSR_VERDICT_FETCH:
		return "fetch";
	case DFSR_VERDICT_INSTALL:
		return "install";
	case DFSR_VERDICT_WAIT:
		return "wait";
	}
	return "unknown";
}

const char *dfsr_wait_str(enum dfsr_wait w)
{
	switch (w) {
	case DFSR_WAIT_NONE:
		return "none";
	case DFSR_WAIT_PARENT:
		return "parent";
	case DFSR_WAIT_NAME:
		return "name";
	case DFSR_WAIT_CHILDREN:
		return "children";
	case DFSR_WAIT_CYCLE:
		return "cycle";
	case DFSR_WAIT_BUSY:
		return "busy";
	case DFSR_WAIT_SPACE:
		return "space";
	case DFSR_WAIT_ERROR:
		return "error";
	}
	return "unknown";
}

const char *dfsr_conflict_str(enum dfsr_conflict c)
{
	switch (c) {
	case DFSR_CONFLICT_NONE:
		return "none";
	case DFSR_CONFLICT_NAME:
		return "name";
	case DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_UPDATE:
		return "remote-update-local-update";
	case DFSR_CONFLICT_REMOTE_UPDATE_LOCAL_TOMBSTONE:
		return "remote-update-local-tombstone";
	case DFSR_CONFLICT_REMOTE_TOMBSTONE_LOCAL_UPDATE:
		return "remote-tombstone-local-update";
	case DFSR_CONFLICT_PREEXISTING:
		return "preexisting";
	case DFSR_CONFLICT_DELETED:
		return "deleted";
	}
	return "unknown";
}
