#!/usr/bin/python3
#
#  Samba DFS Replication
#  dfsrd is away: clients do not notice, nothing is missed
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
"""dfsrd is stopped on one host, on the other, on both."""

import os
import statistics
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from lab import Lab

cases = Cases()
BLOCK = b'\x55' * 16384


def seconds_per_file(host, folder, count=150):
    """The median of the times that one create-write-close takes."""
    client = host.smb()
    client.mkdir(folder)
    taken = []
    for index in range(count):
        start = time.perf_counter()
        client.write('%s/%d' % (folder, index), BLOCK)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def change_everything(host, word):
    client = host.smb()
    client.write(word + '/new', b'made meanwhile')
    client.write(word + '/changed', b'changed meanwhile')
    client.write_stream(word + '/stream', 'more', b'meanwhile')
    client.unlink(word + '/deleted')
    client.rename(word + '/old', word + '/renamed')
    client.rename(word + '/sub', word + '/moved')
    client.deltree(word + '/tree')
    client.mkdirs(word + '/deep/er')
    client.write(word + '/deep/er/file', b'x')
    client.write(word + '/comes and goes', b'x')
    client.unlink(word + '/comes and goes')


def prepare(host, word):
    client = host.smb()
    client.mkdir(word)
    for name in ('changed', 'stream', 'deleted', 'old'):
        client.write(word + '/' + name, b'before')
    for name in ('sub', 'tree', 'tree/below'):
        client.mkdir(word + '/' + name)
        client.write(word + '/' + name + '/file', b'before')


def afterwards(host, word):
    for name, data in (('new', b'made meanwhile'),
                       ('changed', b'changed meanwhile'),
                       ('renamed', b'before'), ('moved/file', b'before'),
                       ('deep/er/file', b'x')):
        check(host.holds(word + '/' + name, data), name)
    for name in ('deleted', 'old', 'sub', 'tree', 'comes and goes'):
        check(host.absent(word + '/' + name), name + ' is there')
    equal(host.smb().read(word + '/stream:more'), b'meanwhile')


@cases.case('dfsrd stops in less than two seconds')
def _(lab):
    for host in lab.hosts:
        prepare(host, 'busy ' + host.name)
        seconds = host.stop('dfsrd')
        check(seconds < 2, '%s: %.1f s' % (host.name, seconds))
        host.start_dfsrd()
    lab.alike()


@cases.case('SMB is as fast without dfsrd')
def _(lab):
    a = lab.hosts[0]
    running, stopped = [], []
    for turn in range(3):
        running.append(seconds_per_file(a, 'running %d' % turn))
        lab.sync()
        a.stop('dfsrd')
        stopped.append(seconds_per_file(a, 'stopped %d' % turn))
        a.start_dfsrd()
        lab.sync()
    print('# %.2f ms a file with dfsrd, %.2f ms without' % (
        min(running) * 1000, min(stopped) * 1000))
    check(min(stopped) < min(running) * 1.2 + 0.0005, 'slower without it')
    lab.alike(60)


def away(name, stopped, changed):
    @cases.case(name)
    def _(lab):
        word = name.replace(',', '')
        for index in changed:
            prepare(lab.hosts[index], '%s %d' % (word, index))
        lab.alike(60)
        for index in stopped:
            lab.hosts[index].stop('dfsrd')
        for index in changed:
            change_everything(lab.hosts[index], '%s %d' % (word, index))
        for index in stopped:
            lab.hosts[index].start_dfsrd()
        lab.alike(60)
        for host in lab.hosts:
            for index in changed:
                afterwards(host, '%s %d' % (word, index))


away('away where the changes are', [0], [0])
away('away where they go', [1], [0])
away('away on both, changes on both', [0, 1], [0, 1])


@cases.case('dfsrd killed, changes, smbd restarted, dfsrd started')
def _(lab):
    a = lab.hosts[0]
    prepare(a, 'killed')
    lab.alike()
    a.kill('dfsrd')
    change_everything(a, 'killed')
    a.connections.clear()
    a.stop('smbd')
    a.start_smbd()
    a.smb().write('killed/last', b'of the new smbd')
    a.start_dfsrd()
    lab.alike(60)
    for host in lab.hosts:
        afterwards(host, 'killed')
        check(host.holds('killed/last', b'of the new smbd'), host.name)


@cases.case('smbd killed while a client writes')
def _(lab):
    a, b = lab.hosts
    client = a.smb(fresh=True)
    file = client.open('torn')
    file.write(b'x' * 100000)
    # The parent's death ends its children.
    a.connections.clear()
    a.kill('smbd')
    a.start_smbd()
    lab.wait_for(lambda: os.path.getsize(b.path('torn')) ==
                 os.path.getsize(a.path('torn')), 30)
    lab.alike(60)


@cases.case('a file that was open over a restart of dfsrd')
def _(lab):
    a, b = lab.hosts
    with a.smb(fresh=True).open('long') as file:
        file.write(b'before the restart ')
        a.stop('dfsrd')
        file.write(b'while it was away ', 19)
        a.start_dfsrd()
        file.write(b'and after', 37)
    lab.wait_for(lambda: b.holds(
        'long', b'before the restart while it was away and after'), 30)
    lab.alike()


if __name__ == '__main__':
    cases.main(lambda: Lab().pair())
