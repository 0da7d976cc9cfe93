#!/usr/bin/python3
#
#  Samba DFS Replication
#  A filesystem that cannot hold a file says so
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
"""xfs holds 64 KiB in each extended attribute, ext4 4 KiB in all of a file.

A stream too large for ext4 waits on that member, whole, with an event; all
else goes on; nothing is lost.
"""

import json
import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from lab import FOLDER, GROUP, Lab

cases = Cases()
UNSTORABLE = 20040


@cases.case('a file with a stream of 20 KiB waits, with an event')
def _(lab):
    a, b = lab.hosts
    a.smb().write('large', b'the bytes')
    a.smb().write_stream('large', 'stream', b's' * 20000)
    event = b.wait_event(UNSTORABLE, 'large')
    text = json.dumps(event)
    check('xattr' in text or 'attribute' in text or 'stream' in text, text)
    if not b.absent('large'):
        # Its first version, without the stream, may have been there before.
        check(b.holds('large', b'the bytes'), 'a part of it')
        check(not any(name.startswith('user.DosStream') for name in
                      os.listxattr(b.path('large'))), 'a part of it')


@cases.case('a file that had room, and then has not, keeps its old version')
def _(lab):
    a, b = lab.hosts
    a.smb().write('grows', b'old bytes')
    a.smb().write_stream('grows', 'stream', b'small')
    lab.wait_for(lambda: b.holds('grows', b'old bytes') and
                 b.smb().read('grows:stream') == b'small', 10)
    with a.smb().open('grows') as file:
        file.write(b'new bytes')
        a.smb().write_stream('grows', 'stream', b's' * 20000)
    b.wait_event(UNSTORABLE, 'grows')
    # All of the one or all of the other.
    old = (b.holds('grows', b'old bytes'), b.smb().read('grows:stream'))
    check(old == (True, b'small') or b.holds('grows', b'new bytes'), str(old))


@cases.case('others go on, in both directions')
def _(lab):
    a, b = lab.hosts
    a.smb().write('other', b'1')
    b.smb().write('back', b'2')
    lab.wait_for(lambda: b.holds('other', b'1'), 10)
    lab.wait_for(lambda: a.holds('back', b'2'), 10, host=a)


@cases.case('state says what waits')
def _(lab):
    said = ''
    deadline = time.monotonic() + 10
    while 'large' not in said and time.monotonic() < deadline:
        said = '\n'.join(json.dumps(host.cli('state', GROUP, FOLDER,
                                             '--json'))
                         for host in lab.hosts)
        said += lab.hosts[0].cli('backlog', GROUP, FOLDER, '--from',
                                 lab.hosts[0].name, '--to',
                                 lab.hosts[1].name)
    check('large' in said, said)


@cases.case('it survives a restart of both')
def _(lab):
    for host in lab.hosts:
        host.stop('dfsrd')
    for host in lab.hosts:
        host.start_dfsrd()
    lab.hosts[0].smb().write('after the restart', b'3')
    lab.wait_for(lambda: lab.hosts[1].holds('after the restart', b'3'), 20)
    check(lab.hosts[0].holds('large', b'the bytes'), 'lost on fs01')
    equal(len(lab.hosts[0].smb().read('large:stream')), 20000)


@cases.case('when the stream shrinks the file arrives')
def _(lab):
    a, b = lab.hosts
    for name in ('large', 'grows'):
        a.smb().unlink(name + ':stream')
        a.smb().write_stream(name, 'stream', b'small again')
    lab.alike(60)
    for name, data in (('large', b'the bytes'), ('grows', b'new bytes')):
        check(b.holds(name, data), name)
        equal(b.smb().read(name + ':stream'), b'small again')


@cases.case('a disk that is full: an event, and later all of it')
def _(lab):
    a, b = lab.hosts
    free = os.statvfs(b.content)
    filler = os.path.join(b.mounted, 'filler')
    with open(filler, 'wb') as file:
        os.posix_fallocate(file.fileno(), 0,
                           free.f_bavail * free.f_frsize - (20 << 20))
    data = os.urandom(30 << 20)
    a.smb().write('too much', data)
    a.smb().write('small one', b'1')
    b.wait_event(4502)
    check(b.absent('too much'), 'a part of it')
    lab.wait_for(lambda: b.holds('small one', b'1'), 20)
    os.unlink(filler)
    lab.wait_for(lambda: b.holds('too much', data), 60)
    lab.alike(60)


if __name__ == '__main__':
    cases.main(lambda: Lab(filesystems=('xfs', 'ext4'), size='1G').pair())
