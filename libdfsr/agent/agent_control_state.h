/*
   Samba DFS Replication
   Verbs about what is replicated

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

#ifndef __AGENT_CONTROL_STATE_H__
#define __AGENT_CONTROL_STATE_H__

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "agent_control.h"
#include "agent_private.h"

/** UTC, ISO 8601; null for a time before 1970. A new reference. */
json_t *dfsr_json_time(uint64_t filetime);
/** A path or name, which may hold any bytes. */
json_t *dfsr_json_path(const char *path);
/** {GUID}-vN. A new reference. */
json_t *dfsr_json_id(const struct dfsr_id *id);
/** The folder that GROUP and FOLDER name, open on this node. */
int dfsr_state_folder(struct dfsr_agent *agent, json_t *request,
		      TALLOC_CTX *mem_ctx, struct dfsr_folder **f, char **why);
/** State, vector in hex, and what is pending, after a look at the journal. */
json_t *dfsr_state_vector(struct dfsr_folder *f);
/** A vector as text, below mem_ctx. */
char *dfsr_state_hex(TALLOC_CTX *mem_ctx, const struct dfsr_vv *vv);
/** @return NULL if it is not acceptable */
struct dfsr_vv *dfsr_state_unhex(TALLOC_CTX *mem_ctx, const char *hex);

/* agent_control_state.c; other nodes may ask for folder_* */
int dfsr_verb_folder_vector(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			    json_t *request, json_t **result, char **why);
int dfsr_verb_folder_backlog(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     json_t *request, json_t **result, char **why);
int dfsr_verb_state(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
		    json_t *request, json_t **result, char **why);

/* agent_control_wait.c */
struct tevent_req *dfsr_verb_backlog_send(TALLOC_CTX *mem_ctx,
					  struct tevent_context *ev,
					  struct dfsr_agent *agent,
					  json_t *request);
int dfsr_verb_backlog_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			   json_t **result, char **why);
struct tevent_req *dfsr_verb_wait_send(TALLOC_CTX *mem_ctx,
				       struct tevent_context *ev,
				       struct dfsr_agent *agent,
				       json_t *request);
int dfsr_verb_wait_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			json_t **result, char **why);

/* agent_control_file.c */
int dfsr_verb_idrecord(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
		       json_t *request, json_t **result, char **why);
struct tevent_req *dfsr_verb_filehash_send(TALLOC_CTX *mem_ctx,
					   struct tevent_context *ev,
					   struct dfsr_agent *agent,
					   json_t *request);
int dfsr_verb_filehash_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			    json_t **result, char **why);
int dfsr_verb_resume(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
		     json_t *request, json_t **result, char **why);

/* agent_control_preserved.c */
int dfsr_verb_preserved_list(struct dfsr_agent *agent, TALLOC_CTX *mem_ctx,
			     json_t *request, json_t **result, char **why);
struct tevent_req *dfsr_verb_restore_send(TALLOC_CTX *mem_ctx,
					  struct tevent_context *ev,
					  struct dfsr_agent *agent,
					  json_t *request);
int dfsr_verb_restore_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			   json_t **result, char **why);

/* agent_join.c */
struct tevent_req *dfsr_verb_join_send(TALLOC_CTX *mem_ctx,
				       struct tevent_context *ev,
				       struct dfsr_agent *agent,
				       json_t *request);
int dfsr_verb_join_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			json_t **result, char **why);

#endif /* __AGENT_CONTROL_STATE_H__ */
