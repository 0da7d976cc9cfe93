#!/usr/bin/python3
#
#  Samba DFS Replication
#  Files that somebody holds open for writing while an update arrives
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
"""An update never takes away what a writer is still writing."""

import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from lab import Lab
from smb import OPEN, READ, WRITE

cases = Cases()


def kept(host, data):
    """True if these bytes lie in ConflictAndDeleted of a host."""
    store = host.path('.DfsrPrivate/ConflictAndDeleted')
    for name in os.listdir(store):
        with open(os.path.join(store, name), 'rb') as file:
            if file.read() == data:
                return True
    return False


def waits(host, name):
    state = host.cli('state', '--json')
    return any(hole['path'] == name for folder in state['folders']
               for hole in folder['holes'])


@cases.case('open over SMB: the update waits, then the later one wins')
def _(lab):
    a, b = lab.hosts
    a.smb().write('held', b'0')
    lab.alike()
    with b.smb(fresh=True).open('held', OPEN, access=READ | WRITE) as file:
        file.write(b'first of b')
        a.smb().write('held', b'written by a')
        lab.wait_for(lambda: waits(b, 'held'), 20)
        check(not b.holds('held', b'written by a'), 'replaced while open')
        file.write(b'last words of b')
    lab.alike()
    for host in lab.hosts:
        check(host.holds('held', b'last words of b'), host.name)
    check(kept(a, b'written by a') or kept(b, b'written by a'),
          'the version of a is lost')


@cases.case('open beside SMB, written after the update: it wins, too')
def _(lab):
    a, b = lab.hosts
    a.smb().write('local', b'0')
    lab.alike()
    seen = len(b.events(4412))
    with open(b.path('local'), 'r+b', buffering=0) as file:
        a.smb().write('local', b'written by a')
        lab.wait_for(lambda: b.holds('local', b'written by a'), 20)
        # The clock of a's version is that of its record.
        time.sleep(0.1)
        file.write(b'late words of b')
    b.wait_event(4412, 'local', seen=seen)
    lab.wait_for(lambda: a.holds('local', b'late words of b'), 20)
    lab.alike()
    check(kept(b, b'written by a'), 'the version of a is lost')


@cases.case('open beside SMB and not written: nothing is kept')
def _(lab):
    a, b = lab.hosts
    a.smb().write('idle', b'0')
    lab.alike()
    before = len(b.rows('preserved', 'list', 'lab', 'data'))
    with open(b.path('idle'), 'r+b', buffering=0):
        a.smb().write('idle', b'written by a')
        lab.wait_for(lambda: b.holds('idle', b'written by a'), 20)
    lab.alike()
    equal(len(b.rows('preserved', 'list', 'lab', 'data')), before)
    equal(os.listdir(b.path('.DfsrPrivate/Displaced')), [])


if __name__ == '__main__':
    cases.main(lambda: Lab().pair())
