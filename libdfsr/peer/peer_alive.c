/*
   Samba DFS Replication
   Keep-alive: a dead link is noticed in seconds

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
#include "peer_private.h"

/*
 * Who has sent nothing for a while sends a PING, so that each side always
 * has something to hear. It is not enough to ask when nothing was heard: who
 * receives a long frame over a slow link hears all the time, but who sends
 * it would wait for an answer to a PING that stands behind that frame.
 *
 * Time is counted in ticks between which nothing came in, not read from a
 * clock: a clock that is set, or a process that was stopped, must not look
 * like a dead link. For the same reason it counts what waits in the socket.
 * While no requests are read (peer_paused) nothing can be heard, and TCP's
 * own timeout finds the dead link.
 */

static void alive_tick(struct tevent_context *ev, struct tevent_timer *te,
		       struct timeval now, void *private_data);

static uint32_t alive_tick_ms(void)
{
	return peer_timing.ping_ms > 1 ? peer_timing.ping_ms / 2 : 1;
}

static int alive_arm(struct dfsr_peer *peer)
{
	peer->tick = tevent_add_timer(peer->ev, peer,
				      peer_in_ms(alive_tick_ms()),
				      alive_tick, peer);
	return peer->tick == NULL ? ENOMEM : 0;
}

static void alive_ping(struct dfsr_peer *peer)
{
	struct peer_call *call = NULL;

	peer->ping_ticks = 0;
	if (peer_call_new(peer, NULL, DFSR_MSG_PING, &call) != 0) {
		peer_fail(peer, ENOMEM, "out of memory");
		return;
	}
	peer_send(peer, DFSR_MSG_PING, 0, call->id, NULL, 0);
}

/* True if something came in since the last tick, read or not. */
static bool alive_heard(struct dfsr_peer *peer)
{
	uint8_t byte;

	if (peer->received == peer->tick_received &&
	    recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
		return false;
	}
	peer->tick_received = peer->received;
	peer->silent_ticks = 0;
	return true;
}

static void alive_speak(struct dfsr_peer *peer)
{
	if (peer->sent != peer->tick_sent) {
		peer->tick_sent = peer->sent;
		peer->ping_ticks = 0;
		return;
	}
	peer->ping_ticks++;
	if (peer->ping_ticks * alive_tick_ms() >= peer_timing.ping_ms) {
		alive_ping(peer);
		peer_flush(peer); /* finds out whether sending still works */
	}
}

static void alive_silent(struct dfsr_peer *peer)
{
	peer_buf_shrink(&peer->net_in);
	peer_buf_shrink(&peer->net_out);
	peer_buf_shrink(&peer->stage);
	peer->silent_ticks++;
	if (peer->silent_ticks * alive_tick_ms() > peer_timing.dead_ms) {
		peer_fail(peer, ETIMEDOUT,
			  "nothing heard from the other side for %u ms",
			  peer_timing.dead_ms);
	}
}

static void alive_tick(struct tevent_context *ev, struct tevent_timer *te,
		       struct timeval now, void *private_data)
{
	struct dfsr_peer *peer =
		talloc_get_type_abort(private_data, struct dfsr_peer);

	(void)ev;
	(void)te;
	(void)now;
	TALLOC_FREE(peer->tick);
	if (peer->stopped) {
		peer->silent_ticks = 0;
	} else if (!alive_heard(peer)) {
		alive_silent(peer);
	}
	if (peer->err == 0) {
		alive_speak(peer);
	}
	if (peer->err == 0 && alive_arm(peer) != 0) {
		peer_fail(peer, ENOMEM, "out of memory");
	}
}

int peer_alive_start(struct dfsr_peer *peer)
{
	peer->tick_received = peer->received;
	return alive_arm(peer);
}
