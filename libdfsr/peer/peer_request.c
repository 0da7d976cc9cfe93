/*
   Samba DFS Replication
   Requests in flight, ours and theirs

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
#include <stdarg.h>
#include <string.h>
#include "peer_private.h"

/* ---- ours ---------------------------------------------------------------- */

struct request_state {
	struct peer_call *call; /* NULL when it has ended */
	uint8_t *body;
	size_t len;
	bool refused;
	struct dfsr_msg_error error;
};

static uint32_t call_bucket(uint32_t id)
{
	return id % PEER_CALL_BUCKETS;
}

static struct peer_call *call_find(struct dfsr_peer *peer, uint32_t id)
{
	struct peer_call *call = NULL;

	LIST_FOREACH(call, &peer->calls[call_bucket(id)], entry) {
		if (call->id == id) {
			return call;
		}
	}
	return NULL;
}

int peer_call_new(struct dfsr_peer *peer, struct tevent_req *req,
		  uint8_t type, struct peer_call **_call)
{
	struct peer_call *call = NULL;

	if (peer->num_calls >= PEER_CALLS_MAX) {
		return EBUSY;
	}
	call = talloc_zero(peer, struct peer_call);
	if (call == NULL) {
		return ENOMEM;
	}
	do {
		peer->last_id++;
	} while (peer->last_id == 0 ||
		 call_find(peer, peer->last_id) != NULL);
	call->id = peer->last_id;
	call->type = type;
	call->req = req;
	LIST_INSERT_HEAD(&peer->calls[call_bucket(call->id)], call, entry);
	peer->num_calls++;
	*_call = call;
	return 0;
}

/* Take it off the peer. @return who waits for it, or NULL */
static struct tevent_req *call_take(struct dfsr_peer *peer,
				    struct peer_call *call)
{
	struct tevent_req *req = call->req;
	struct request_state *state = NULL;

	if (req != NULL) {
		state = tevent_req_data(req, struct request_state);
		state->call = NULL;
	}
	LIST_REMOVE(call, entry);
	peer->num_calls--;
	talloc_free(call);
	return req;
}

void peer_call_end_all(struct dfsr_peer *peer)
{
	struct tevent_req *req = NULL;
	size_t i;

	for (i = 0; i < PEER_CALL_BUCKETS; i++) {
		while (!LIST_EMPTY(&peer->calls[i])) {
			req = call_take(peer, LIST_FIRST(&peer->calls[i]));
			if (req != NULL) {
				tevent_req_error(req, ENOTCONN);
			}
		}
	}
}

/* Nobody waits any more: the answer, if it still comes, is dropped. */
static void request_cleanup(struct tevent_req *req,
			    enum tevent_req_state req_state)
{
	struct request_state *state =
		tevent_req_data(req, struct request_state);

	(void)req_state;
	if (state->call != NULL) {
		state->call->req = NULL;
		state->call = NULL;
	}
}

struct tevent_req *dfsr_peer_request_send(TALLOC_CTX *mem_ctx,
					  struct tevent_context *ev,
					  struct dfsr_peer *peer, uint8_t type,
					  const uint8_t *body, size_t len,
					  uint32_t timeout_ms)
{
	struct tevent_req *req = NULL;
	struct request_state *state = NULL;
	int err;

	req = tevent_req_create(mem_ctx, &state, struct request_state);
	if (req == NULL) {
		return NULL;
	}
	tevent_req_set_cleanup_fn(req, request_cleanup);
	if (peer->state != PEER_UP) {
		tevent_req_error(req, ENOTCONN);
		return tevent_req_post(req, ev);
	}
	if (peer->server || len > DFSR_FRAME_MAX - DFSR_FRAME_HEAD) {
		tevent_req_error(req, peer->server ? EINVAL : EMSGSIZE);
		return tevent_req_post(req, ev);
	}
	if (timeout_ms > 0 &&
	    !tevent_req_set_endtime(req, ev, peer_in_ms(timeout_ms))) {
		return tevent_req_post(req, ev);
	}
	err = peer_call_new(peer, req, type, &state->call);
	if (tevent_req_error(req, err)) {
		return tevent_req_post(req, ev);
	}
	tevent_req_defer_callback(req, ev);
	peer_send(peer, type, 0, state->call->id, body, len);
	return req;
}

int dfsr_peer_request_recv(struct tevent_req *req, TALLOC_CTX *mem_ctx,
			   uint8_t **body, size_t *len,
			   struct dfsr_msg_error *refused)
{
	struct request_state *state =
		tevent_req_data(req, struct request_state);
	enum tevent_req_state how;
	uint64_t err = 0;

	if (tevent_req_is_error(req, &how, &err)) {
		if (how == TEVENT_REQ_TIMED_OUT) {
			err = ETIMEDOUT;
		} else if (how == TEVENT_REQ_NO_MEMORY) {
			err = ENOMEM;
		}
		tevent_req_received(req);
		return (int)err;
	}
	if (state->refused) {
		if (refused != NULL) {
			*refused = state->error;
			talloc_steal(mem_ctx, refused->text);
		}
		tevent_req_received(req);
		return EREMOTEIO;
	}
	if (body != NULL) {
		*body = talloc_move(mem_ctx, &state->body);
	}
	if (len != NULL) {
		*len = state->len;
	}
	tevent_req_received(req);
	return 0;
}

/* @return 0 with the answer in the state of the request, or an errno */
static int call_deliver(struct tevent_req *req,
			const struct dfsr_frame *frame, uint8_t *body)
{
	struct request_state *state =
		tevent_req_data(req, struct request_state);

	if (frame->type == DFSR_MSG_ERROR) {
		state->refused = true;
		return dfsr_msg_error_pull(state, body, frame->body_len,
					   &state->error);
	}
	state->body = talloc_steal(state, body);
	state->len = frame->body_len;
	return 0;
}

void peer_call_answer(struct dfsr_peer *peer, const struct dfsr_frame *frame,
		      uint8_t *body)
{
	struct peer_call *call = call_find(peer, frame->id);
	struct tevent_req *req = NULL;
	int err;

	if (call == NULL) {
		peer_fail(peer, EBADMSG, "answer to what was not asked");
		return;
	}
	if (frame->type != call->type && frame->type != DFSR_MSG_ERROR) {
		peer_fail(peer, EBADMSG, "answer of type %u to a request of "
			  "type %u", frame->type, call->type);
		return;
	}
	req = call_take(peer, call);
	if (req == NULL) {
		talloc_free(body);
		return;
	}
	err = call_deliver(req, frame, body);
	if (frame->type == DFSR_MSG_ERROR) {
		talloc_free(body);
	}
	if (err != 0) {
		tevent_req_error(req, err);
		peer_fail(peer, err, "refusal that cannot be read");
		return;
	}
	tevent_req_done(req);
}

/* ---- theirs -------------------------------------------------------------- */

/** Counts a request as long as it lives; its child, so that the owner may
    set a destructor on the request itself. */
struct peer_slot {
	struct dfsr_peer *peer;
};

static int slot_destructor(struct peer_slot *slot)
{
	slot->peer->num_requests--;
	peer_resume(slot->peer);
	return 0;
}

static void request_ping(struct dfsr_peer *peer,
			 const struct dfsr_frame *frame)
{
	if (frame->body_len != 0) {
		peer_fail(peer, EBADMSG, "PING with a body");
		return;
	}
	if (peer->out_bytes > 2 * DFSR_PEER_SENDBUF_MAX) {
		peer_fail(peer, ENOBUFS, "asks, but does not read");
		return;
	}
	peer_send(peer, DFSR_MSG_PING, DFSR_FRAME_REPLY, frame->id, NULL, 0);
}

void peer_request_new(struct dfsr_peer *peer, const struct dfsr_frame *frame,
		      uint8_t *body)
{
	struct dfsr_request *request = NULL;
	struct peer_slot *slot = NULL;

	if (frame->type == DFSR_MSG_PING) {
		talloc_free(body);
		request_ping(peer, frame);
		return;
	}
	if (!peer->server || peer->ops.request == NULL) {
		peer_fail(peer, EBADMSG, "request of type %u to the side that "
			  "asks", frame->type);
		return;
	}
	request = talloc_zero(peer, struct dfsr_request);
	slot = talloc_zero(request, struct peer_slot);
	if (request == NULL || slot == NULL) {
		talloc_free(request);
		peer_fail(peer, ENOMEM, "out of memory");
		return;
	}
	slot->peer = peer;
	talloc_set_destructor(slot, slot_destructor);
	peer->num_requests++;
	request->peer = peer;
	request->type = frame->type;
	request->id = frame->id;
	request->body = talloc_steal(request, body);
	request->body_len = frame->body_len;
	peer->ops.request(request, peer->private_data);
}

void dfsr_peer_reply(struct dfsr_request *request, const uint8_t *body,
		     size_t len)
{
	if (len > DFSR_FRAME_MAX - DFSR_FRAME_HEAD) {
		dfsr_peer_refuse(request, DFSR_WERR_IO,
				 "answer of %zu bytes is too long", len);
		return;
	}
	peer_send(request->peer, request->type, DFSR_FRAME_REPLY, request->id,
		  body, len);
	talloc_free(request);
}

void dfsr_peer_reply_steal(struct dfsr_request *request, uint8_t *body,
			   size_t len)
{
	if (len > DFSR_FRAME_MAX - DFSR_FRAME_HEAD) {
		talloc_free(body);
		dfsr_peer_refuse(request, DFSR_WERR_IO,
				 "answer of %zu bytes is too long", len);
		return;
	}
	peer_send_steal(request->peer, request->type, DFSR_FRAME_REPLY,
			request->id, body, len);
	talloc_free(request);
}

void dfsr_peer_refuse(struct dfsr_request *request, uint32_t code,
		      const char *fmt, ...)
{
	struct dfsr_msg_error error = {.code = code};
	struct dfsr_push p = {};
	va_list ap;

	va_start(ap, fmt);
	error.text = talloc_vasprintf(request, fmt, ap);
	va_end(ap);
	dfsr_push_init(&p, request);
	dfsr_msg_error_push(&p, &error);
	if (p.err != 0) {
		peer_fail(request->peer, p.err, "out of memory");
	} else {
		peer_send(request->peer, DFSR_MSG_ERROR, DFSR_FRAME_REPLY,
			  request->id, p.data, p.len);
	}
	talloc_free(request);
}
