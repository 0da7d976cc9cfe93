#!/usr/bin/python3
#
#  Samba DFS Replication
#  Strangers are refused, and nothing else is disturbed
#
#  This program is free software; you can redistribute it and/or modify
#  it under the terms of the GNU General Public License as published by
#  the Free Software Foundation; either version 3 of the License, or
#  (at your option) any later version.
#
#  This program is distributed in the hope that it will be useful,
#  but WITHOUT ANY WARRANTY; without even the implied warranty of
#  MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
#  GNU General Public License for more details.
#
#  You should have received a copy of the GNU General Public License
#  along with this program; if not, see <http://www.gnu.org/licenses/>.
#
"""Attacks on the port, tokens, removed members, while replication goes on.

Each attack comes from an address of its own, since equal events of one
address are counted together.
"""

import contextlib
import json
import os
import random
import socket
import ssl
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from host import CliError
from lab import GROUP, Lab
from work import Worker

cases = Cases()
STRANGER_REFUSED, TOKEN_REFUSED = 20002, 20004
# So long may somebody who says nothing sensible stay connected.
PATIENCE = 40

SHIFTED_CLOCK = r'''
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#define SHIFT (25 * 3600)
int clock_gettime(clockid_t id, struct timespec *t)
{
	long result = syscall(SYS_clock_gettime, id, t);
	if (result == 0 && (id == CLOCK_REALTIME ||
			    id == CLOCK_REALTIME_COARSE)) {
		t->tv_sec += SHIFT;
	}
	return result;
}
int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}
time_t time(time_t *t)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (t != NULL) {
		*t = now.tv_sec;
	}
	return now.tv_sec;
}
'''

_last = [100]


def attacker(lab):
    """A new address on the replication network."""
    _last[0] += 1
    address = '10.78.0.%d' % _last[0]
    lab.ip('addr add %s/24 dev br-rep' % address)
    return address


def reach(host, address):
    return socket.create_connection((host.rep_address, host.port), 10,
                                    source_address=(address, 0))


def ends(connection, seconds=PATIENCE):
    """The other side ends the conversation, whatever it said before."""
    connection.settimeout(seconds)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while connection.recv(65536):
            pass
    connection.close()


class Steady:
    """Somebody goes on saving files meanwhile, and they go on arriving."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.stop = os.path.join(lab.folder, 'stop ' + name)

    def write(self):
        client = self.lab.hosts[0].smb(fresh=True)
        client.mkdir(self.name)
        index = 0
        while not os.path.exists(self.stop):
            client.write('%s/%d' % (self.name, index), b'%d' % index)
            index += 1
            time.sleep(0.02)

    def arrived(self):
        return len(os.listdir(self.lab.hosts[1].path(self.name)))

    def __enter__(self):
        self.worker = Worker(self.write)
        self.lab.wait_for(lambda: self.arrived() > 3, 10, 'first files')
        return self

    def goes_on(self):
        count = self.arrived()
        self.lab.wait_for(lambda: self.arrived() > count + 3, 5,
                          'replication goes on')

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.goes_on()
        finally:
            with open(self.stop, 'wb'):
                pass
            self.worker.wait()
        if kind is None:
            self.lab.alike()


def certificate(lab, name='stranger'):
    key = os.path.join(lab.folder, name + '.key')
    cert = os.path.join(lab.folder, name + '.pem')
    if not os.path.exists(cert):
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out',
             cert, '-subj', '/CN=fs02', '-days', '9'], check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return cert, key


def tls(lab, host, address, own=None, version=None):
    """A TLS connection that is cut off, in the handshake or right after."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if own:
        context.load_cert_chain(*own)
    if version:
        context.maximum_version = version
    connection = reach(host, address)
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        wrapped = context.wrap_socket(connection)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            wrapped.sendall(random.randbytes(2000))
        ends(wrapped)
    connection.close()


@cases.case('random bytes')
def _(lab):
    host, address = lab.hosts[0], attacker(lab)
    rng = random.Random(50)
    with Steady(lab, 'random bytes'):
        for _ in range(20):
            connection = reach(host, address)
            # ENOTCONN comes as a bare OSError when it was cut off already.
            with contextlib.suppress(OSError):
                connection.sendall(rng.randbytes(rng.randrange(1, 100000)))
                connection.shutdown(socket.SHUT_WR)
            ends(connection)
    host.wait_event(STRANGER_REFUSED, address)


@cases.case('another protocol')
def _(lab):
    host, address = lab.hosts[0], attacker(lab)
    with Steady(lab, 'another protocol'):
        connection = reach(host, address)
        connection.sendall(b'GET / HTTP/1.1\r\nHost: fs01\r\n\r\n')
        ends(connection)
    host.wait_event(STRANGER_REFUSED, address)


@cases.case('TLS without a certificate')
def _(lab):
    host, address = lab.hosts[0], attacker(lab)
    with Steady(lab, 'no certificate'):
        tls(lab, host, address)
    host.wait_event(STRANGER_REFUSED, address)


@cases.case('TLS with a wrong key')
def _(lab):
    host, address = lab.hosts[0], attacker(lab)
    with Steady(lab, 'wrong key'):
        tls(lab, host, address, certificate(lab))
    host.wait_event(STRANGER_REFUSED, address)


@cases.case('TLS 1.2')
def _(lab):
    host, address = lab.hosts[0], attacker(lab)
    with Steady(lab, 'old version'):
        tls(lab, host, address, certificate(lab), ssl.TLSVersion.TLSv1_2)
    host.wait_event(STRANGER_REFUSED, address)


@cases.case('200 half-open connections')
def _(lab):
    host = lab.hosts[0]
    addresses = [attacker(lab) for _ in range(4)]
    hello = bytes.fromhex('1603010200010001fc0303') + b'\x11' * 40
    with Steady(lab, 'half open') as steady:
        held = []
        for index in range(200):
            with contextlib.suppress(ConnectionError):
                held.append(reach(host, addresses[index % 4]))
                if index % 2:
                    held[-1].sendall(hello)
        steady.goes_on()
        # A partner who has to come anew gets in meanwhile.
        lab.hosts[1].stop('dfsrd')
        lab.hosts[1].start_dfsrd()
        steady.goes_on()
        deadline = time.monotonic() + PATIENCE
        for connection in held:
            ends(connection, max(deadline - time.monotonic(), 0.1))
    host.wait_event(STRANGER_REFUSED, addresses[0])


@cases.case('a false server in the place of a partner')
def _(lab):
    a, b = lab.hosts[:2]
    cert, key = certificate(lab)
    seen = len(a.events())
    b.stop('dfsrd')
    said = os.path.join(lab.folder, 'said')
    with open(said, 'wb') as file:
        false = subprocess.Popen(
            ['openssl', 's_server', '-accept', '%s:%d' % (
                b.rep_address, b.port), '-cert', cert, '-key', key,
             '-Verify', '1', '-quiet'], stdin=subprocess.PIPE, stdout=file,
            stderr=subprocess.DEVNULL, preexec_fn=b.enter())
    try:
        a.smb().write('secret', b'not for everybody')
        deadline = time.monotonic() + 30
        while True:
            new = [event for event in a.events()[seen:]
                   if event.get('level') != 'information' and
                   ('key' in json.dumps(event) or
                    'fingerprint' in json.dumps(event))]
            if new:
                break
            check(time.monotonic() < deadline, 'no event about the key')
            time.sleep(0.1)
        with open(said, 'rb') as file:
            check(b'secret' not in file.read(), 'it told the false server')
    finally:
        false.kill()
        false.wait()
        b.start_dfsrd()
    lab.alike(60)


def join_refused(host, token):
    try:
        host.cli('node', 'join', token)
    except CliError as error:
        equal(error.status, 1, str(error))
        equal(len(error.text.strip().splitlines()), 1, error.text)
        return error.text
    raise AssertionError('it was let in')


@cases.case('tokens: nonsense, wrong, used')
def _(lab):
    a, _, c = lab.hosts[:3]
    known = a.rows('node', 'list')
    with Steady(lab, 'tokens'):
        token = a.cli('node', 'invite').strip()
        equal(len(token.split()), 1, 'words of the token')
        for wrong in ('nonsense', token[:-2], token[:-6] + 'AAAAAA'):
            try:
                c.cli('node', 'join', wrong)
            except CliError as error:
                check(error.status in (1, 2), str(error))
            else:
                raise AssertionError('let in with ' + wrong)
        equal(len(a.rows('node', 'list')), len(known), 'nodes')
        c.cli('node', 'join', token)
        equal(len(a.rows('node', 'list')), len(known) + 1, 'nodes')
        seen = len(a.events(TOKEN_REFUSED))
        join_refused(lab.hosts[3], token)
        a.wait_event(TOKEN_REFUSED, seen=seen)
        equal(len(a.rows('node', 'list')), len(known) + 1, 'nodes')


@cases.case('a node that is no member gets nothing')
def _(lab):
    c = lab.hosts[2]
    lab.hosts[0].smb().write('not for fs03', b'1')
    lab.sync(members=lab.hosts[:2])
    equal(os.listdir(c.content), [], 'content of fs03')


@cases.case('a member removed from the group')
def _(lab):
    a, b, c = lab.hosts[:3]
    a.cli('member', 'add', GROUP, c.name)
    for other in (a, b):
        a.cli('connection', 'create', GROUP, '--from', other.name,
              '--to', c.name)
    lab.membership(a, c)
    lab.sync(members=[a, b, c])
    lab.wait_for(lambda: c.holds('not for fs03', b'1'), 20, host=c)
    with Steady(lab, 'removed'):
        a.cli('member', 'remove', GROUP, c.name)
        a.smb().write('after the removal', b'1')
        c.smb().write('of the removed', b'1')
        time.sleep(2)
        check(c.absent('after the removal'), 'it still gets files')
        for host in (a, b):
            check(host.absent('of the removed'), 'its files still come')


@cases.case('a removed node is a stranger')
def _(lab):
    a, _, c = lab.hosts[:3]
    seen = len(a.events(STRANGER_REFUSED))
    with Steady(lab, 'removed node'):
        a.cli('node', 'remove', c.name)
        c.stop('dfsrd')
        c.start_dfsrd()
        a.wait_event(STRANGER_REFUSED, c.rep_address, seen=seen, timeout=40)
    check(c.name not in json.dumps(a.rows('node', 'list')), 'still a node')


@cases.case('an expired token')
def _(lab):
    a, d = lab.hosts[0], lab.hosts[3]
    token = a.cli('node', 'invite').strip()
    source = os.path.join(lab.folder, 'shift.c')
    shifted = os.path.join(lab.folder, 'shift.so')
    with open(source, 'w', encoding='ascii') as file:
        file.write(SHIFTED_CLOCK)
    subprocess.run(['gcc', '-shared', '-fPIC', '-O1', '-o', shifted, source],
                   check=True)
    seen = len(a.events(TOKEN_REFUSED))
    a.stop('dfsrd')
    a.environment['LD_PRELOAD'] = shifted
    a.start_dfsrd()
    try:
        join_refused(d, token)
        a.wait_event(TOKEN_REFUSED, seen=seen)
    finally:
        a.stop('dfsrd')
        del a.environment['LD_PRELOAD']
        a.start_dfsrd()
    check(d.name not in json.dumps(a.rows('node', 'list')), 'it was let in')


@cases.case('afterwards the two are in step')
def _(lab):
    a, b = lab.hosts[:2]
    lab.sync(members=[a, b])
    equal(lab.differences(), [])
    for host in (a, b):
        equal(host.conflicts(), [], host.name)


class TwoOfFour(Lab):
    """fs01 and fs02 replicate; fs03 and fs04 know nobody yet."""

    def __init__(self):
        super().__init__(count=4)
        self.pair(members=self.hosts[:2])

    def alike(self, timeout=30, **options):
        self.sync(timeout, members=self.hosts[:2])
        found = self.differences(**options)
        check(not found, '\n'.join(found[:20]))


if __name__ == '__main__':
    cases.main(TwoOfFour)
