#!/usr/bin/python3
#
#  Samba DFS Replication
#  Three members in a mesh and in a line
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
"""What one writes all have, by whatever way it came."""

import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from lab import GROUP, Lab
from work import parallel

cases = Cases()


def everywhere(lab, name, data, timeout=20):
    for host in lab.hosts:
        lab.wait_for(lambda host=host: host.holds(name, data), timeout,
                     '%s on %s' % (name, host.name), host=host)


@cases.case('each writes, all have it')
def _(lab):
    for host in lab.hosts:
        host.smb().write('of ' + host.name, host.name.encode())
    for host in lab.hosts:
        everywhere(lab, 'of ' + host.name, host.name.encode())
    lab.alike()


@cases.case('each changes what another made')
def _(lab):
    for index, host in enumerate(lab.hosts):
        other = lab.hosts[(index + 1) % 3]
        other.smb().write('of ' + host.name, b'changed')
    lab.alike()
    for host in lab.hosts:
        everywhere(lab, 'of ' + host.name, b'changed')


@cases.case('all three write a thousand files at once')
def _(lab):
    def write(host):
        client = host.smb(fresh=True)
        client.mkdir('mass ' + host.name)
        for index in range(350):
            client.write('mass %s/%d' % (host.name, index),
                         b'%d' % index * 100)
    parallel(*(lambda host=host: write(host) for host in lab.hosts))
    lab.alike(90)
    for host in lab.hosts:
        for other in lab.hosts:
            equal(len(os.listdir(host.path('mass ' + other.name))), 350)


@cases.case('a conflict of three')
def _(lab):
    lab.hosts[0].smb().write('three', b'before')
    lab.alike()
    lab.link_down()
    for host in lab.hosts:
        host.smb().write('three', b'by ' + host.name.encode())
        time.sleep(0.02)
    lab.link_up()
    lab.alike(90)
    everywhere(lab, 'three', b'by fs03')
    kept = set()
    for host in lab.hosts:
        for folder, _, names in os.walk(host.path('.DfsrPrivate')):
            for name in names:
                with open(os.path.join(folder, name), 'rb') as file:
                    kept.add(file.read(100))
    check({b'by fs01', b'by fs02'} <= kept, 'a loser is lost')


@cases.case('one is away; the others tell it')
def _(lab):
    a, b, c = lab.hosts
    c.stop('dfsrd')
    a.smb().write('news', b'1')
    b.smb().unlink('three')
    everywhere_else = [a, b]
    for host in everywhere_else:
        lab.wait_for(lambda host=host: host.holds('news', b'1') and
                     host.absent('three'), 20, host=host)
    a.stop('dfsrd')
    c.start_dfsrd()
    lab.wait_for(lambda: c.holds('news', b'1') and c.absent('three'), 30,
                 'told by the one that is left', host=c)
    a.start_dfsrd()
    lab.alike(60)


@cases.case('in a line: by way of the middle')
def _(lab):
    a, b, c = lab.hosts
    a.cli('connection', 'delete', GROUP, '--from', a.name, '--to', c.name)
    lab.wait_for(lambda: len(c.rows('connection', 'list', GROUP)) == 4, 10,
                 'four connections')
    a.smb().write('to the end', b'1')
    lab.wait_for(lambda: c.holds('to the end', b'1'), 20, host=c)
    c.smb().rename('to the end', 'and back')
    lab.wait_for(lambda: a.holds('and back', b'1') and
                 a.absent('to the end'), 20, host=a)
    b.smb().unlink('and back')
    lab.alike(60)
    for host in lab.hosts:
        check(host.absent('and back'), host.name)


@cases.case('a new member gets everything from those who are there')
def _(lab):
    a, b, c = lab.hosts
    a.cli('membership', 'set', GROUP, 'data', c.name, '--enabled=no')
    c.wait_event(4114)
    a.smb().write('while it was out', b'1')
    a.cli('membership', 'set', GROUP, 'data', c.name, '--enabled=yes')
    lab.wait_for(lambda: c.holds('while it was out', b'1'), 30, host=c)
    lab.alike(60)


if __name__ == '__main__':
    cases.main(lambda: Lab(count=3, filesystems=('xfs', 'ext4',
                                                 'btrfs')).pair())
