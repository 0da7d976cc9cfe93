#!/usr/bin/python3
#
#  Samba DFS Replication
#  Conflicts: one winner everywhere, the loser is kept
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
"""The same name changed on both hosts while the link is down."""

import json
import os
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from host import CliError
from lab import FOLDER, GROUP, Lab

cases = Cases()


def preserved(host, text):
    """The rows of preserved list that name a text, deletes left out."""
    return [row for row in host.conflicts()
            if text in json.dumps(row, ensure_ascii=False)]


def kept(host, data):
    """The files below .DfsrPrivate with these bytes."""
    found = []
    for folder, _, names in os.walk(host.path('.DfsrPrivate')):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.getsize(path) == len(data):
                with open(path, 'rb') as file:
                    if file.read() == data:
                        found.append(path)
    return found


class Cut:
    """The link is down inside, and everything is in step afterwards."""

    def __init__(self, lab):
        self.lab = lab

    def __enter__(self):
        self.lab.sync()
        self.lab.link_down()
        return self.lab.hosts

    def __exit__(self, kind, *_):
        self.lab.link_up()
        if kind is None:
            self.lab.alike(60)


def uid(host, name):
    """The UID that has this name on a host, None while nobody has it."""
    try:
        return host.cli('idrecord', host.path(name), '--json')['uid']
    except CliError:
        return None


def later():
    """The next change is newer by the clock."""
    time.sleep(0.2)


@cases.case('changed on both: the later one wins on both')
def _(lab):
    a, b = lab.hosts
    a.smb().write('plan', b'of the beginning')
    lab.alike()
    seen = len(a.events(4412))
    with Cut(lab):
        a.smb().write('plan', b'changed on fs01')
        a.smb().set_sddl('plan', 'D:P(A;;0x1f01ff;;;WD)(A;;FR;;;BA)')
        lab.sddl = a.smb().get_sddl('plan')
        later()
        b.smb().write('plan', b'changed on fs02, later')
    for host in lab.hosts:
        check(host.holds('plan', b'changed on fs02, later'), host.name)
    lab.seen = seen


@cases.case('the loser is kept where it was, with a record and event 4412')
def _(lab):
    a, b = lab.hosts
    files = kept(a, b'changed on fs01')
    equal(len(files), 1, 'kept files')
    check('ConflictAndDeleted' in files[0], files[0])
    equal(len(preserved(a, 'plan')), 1, 'records')
    a.wait_event(4412, 'plan', seen=lab.seen)
    equal(preserved(b, 'plan'), [], 'records on the winning host')


@cases.case('preserved restore --copy --to brings it back elsewhere')
def _(lab):
    a = lab.hosts[0]
    target = os.path.join(lab.folder, 'restored')
    os.mkdir(target)
    a.cli('preserved', 'restore', GROUP, FOLDER, '--path=plan', '--copy',
          '--to=' + target)
    with open(os.path.join(target, 'plan'), 'rb') as file:
        equal(file.read(), b'changed on fs01')
    check('security.NTACL' in os.listxattr(os.path.join(target, 'plan')),
          'its security descriptor is missing')
    equal(len(preserved(a, 'plan')), 1, 'records after a copy')


@cases.case('preserved restore puts it back, and it replicates')
def _(lab):
    a, b = lab.hosts
    b.smb().rename('plan', 'other plan')
    lab.alike()
    a.cli('preserved', 'restore', GROUP, FOLDER, '--path=plan')
    lab.wait_for(lambda: b.holds('plan', b'changed on fs01'), 20)
    lab.alike()
    equal(b.smb().get_sddl('plan'), lab.sddl, 'security descriptor')
    equal(preserved(a, 'plan'), [], 'records after it was moved back')


@cases.case('changed on both, the other direction')
def _(lab):
    a, b = lab.hosts
    b.smb().write('back', b'of the beginning')
    lab.alike()
    with Cut(lab):
        b.smb().write('back', b'changed on fs02')
        later()
        a.smb().write('back', b'changed on fs01, later')
    for host in lab.hosts:
        check(host.holds('back', b'changed on fs01, later'), host.name)
    equal(len(kept(b, b'changed on fs02')), 1, 'kept files')
    b.wait_event(4412, 'back')


@cases.case('deleted here, changed later there: it lives')
def _(lab):
    a, b = lab.hosts
    a.smb().write('lives', b'1')
    lab.alike()
    with Cut(lab):
        a.smb().unlink('lives')
        later()
        b.smb().write('lives', b'changed after the delete')
    for host in lab.hosts:
        check(host.holds('lives', b'changed after the delete'), host.name)


@cases.case('changed here, deleted later there: kept')
def _(lab):
    a, b = lab.hosts
    a.smb().write('dies', b'1')
    lab.alike()
    with Cut(lab):
        a.smb().write('dies', b'changed before the delete')
        later()
        b.smb().unlink('dies')
    for host in lab.hosts:
        check(host.absent('dies'), host.name)
    equal(len(kept(a, b'changed before the delete')), 1, 'kept files')
    equal(len(preserved(a, 'dies')), 1, 'records')


@cases.case('deleted on both')
def _(lab):
    a, b = lab.hosts
    a.smb().write('both', b'1')
    lab.alike()
    with Cut(lab):
        a.smb().unlink('both')
        b.smb().unlink('both')
    for host in lab.hosts:
        check(host.absent('both'), host.name)
        equal(preserved(host, 'both'), [], host.name)


@cases.case('two new files of one name: one name, both contents')
def _(lab):
    a, b = lab.hosts
    with Cut(lab):
        a.smb().write('new', b'new on fs01')
        later()
        b.smb().write('NEW', b'new on fs02')
    names = [name for name in os.listdir(a.content) if name.lower() == 'new']
    equal(len(names), 1, str(names))
    with open(a.path(names[0]), 'rb') as file:
        winner = file.read()
    loser = {b'new on fs01': b'new on fs02',
             b'new on fs02': b'new on fs01'}[winner]
    keepers = [host.name for host in lab.hosts if kept(host, loser)]
    check(keepers, 'the loser is nowhere')
    check(any(preserved(host, 'new') or preserved(host, 'NEW')
              for host in lab.hosts), 'no record')


@cases.case('two new directories of one name are merged')
def _(lab):
    a, b = lab.hosts
    with Cut(lab):
        a.smb().mkdir('folder')
        a.smb().write('folder/one', b'1')
        b.smb().mkdir('folder')
        b.smb().write('folder/two', b'2')
    for host in lab.hosts:
        equal(sorted(os.listdir(host.path('folder'))), ['one', 'two'])
    a.smb().write('folder/three', b'3')
    b.smb().write('folder/four', b'4')
    lab.alike()
    equal(len(os.listdir(b.path('folder'))), 4)


@cases.case('the same bytes on both: no conflict')
def _(lab):
    a, b = lab.hosts
    a.smb().write('same', b'1')
    lab.alike()
    with Cut(lab):
        for host in lab.hosts:
            host.smb().write('same', b'equal bytes')
            host.smb().set_times('same', write='07:08:09-10:11:12')
    for host in lab.hosts:
        equal(preserved(host, 'same'), [], host.name)


@cases.case('renamed here, changed there: in step, the change is there')
def _(lab):
    a, b = lab.hosts
    a.smb().write('first', b'1')
    lab.alike()
    with Cut(lab):
        a.smb().rename('first', 'second')
        later()
        b.smb().write('first', b'changed under its old name')
    current = [name for name in ('first', 'second')
               if os.path.exists(a.path(name))]
    equal(len(current), 1, str(current))
    check(a.holds(current[0], b'changed under its old name'), current[0])


@cases.case('renamed to two names: one of them')
def _(lab):
    a, b = lab.hosts
    a.smb().write('origin', b'only one')
    lab.alike()
    with Cut(lab):
        a.smb().rename('origin', 'to fs01')
        later()
        b.smb().rename('origin', 'to fs02')
    for host in lab.hosts:
        check(host.holds('to fs02', b'only one'), host.name)
        check(host.absent('to fs01') and host.absent('origin'), host.name)


@cases.case('a tree deleted here, a file in it made there: the file lives')
def _(lab):
    a, b = lab.hosts
    a.smb().mkdirs('top/middle')
    a.smb().write('top/middle/old', b'old')
    lab.alike()
    with Cut(lab):
        b.smb().write('top/middle/new', b'made meanwhile')
        later()
        a.smb().deltree('top')
    for host in lab.hosts:
        check(host.absent('top/middle/old'), 'resurrected')
        check(host.holds('top/middle/new', b'made meanwhile'), host.name)


@cases.case('exchanged names here, changed both there')
def _(lab):
    a, b = lab.hosts
    a.smb().write('left', b'L')
    a.smb().write('right', b'R')
    lab.alike()
    left = uid(a, 'left')
    with Cut(lab):
        a.smb().rename('left', 'x')
        a.smb().rename('right', 'left')
        a.smb().rename('x', 'right')
        # The clock of a version is that of its record.
        lab.wait_for(lambda: uid(a, 'right') == left)
        later()
        b.smb().write('left', b'L2')
        b.smb().write('right', b'R2')
    contents = set()
    for name in ('left', 'right'):
        with open(a.path(name), 'rb') as file:
            contents.add(file.read())
    equal(contents, {b'L2', b'R2'})


if __name__ == '__main__':
    cases.main(lambda: Lab().pair())
