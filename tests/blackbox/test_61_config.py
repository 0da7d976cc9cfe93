#!/usr/bin/python3
#
#  Samba DFS Replication
#  The configuration moves by itself
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
"""Later changes on one node reach the others, from whichever node they come."""

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


def names(host, *words):
    return sorted(row['name'] for row in host.rows(*words))


def soon(lab, predicate, what, timeout=10):
    lab.wait_for(predicate, timeout, what)


def refused(host, *words, status=(1, 2)):
    """One clear line, and exit status 1 or 2."""
    try:
        said = host.cli(*words)
    except CliError as error:
        check(error.status in status, str(error))
        lines = error.text.strip().splitlines()
        equal(len(lines), 1, 'lines of %s: %s' % (words, error.text))
        check(len(lines[0]) > 15, lines[0])
        return lines[0]
    raise AssertionError('samba-dfs %s succeeded: %s' % (
        ' '.join(words), said))


@cases.case('a new folder, changed on the first node, is on the second')
def _(lab):
    a, b = lab.hosts
    a.cli('group', 'create', 'second')
    soon(lab, lambda: 'second' in names(b, 'group', 'list'), 'the group')
    a.cli('folder', 'create', 'second', 'other')
    soon(lab, lambda: 'other' in names(b, 'folder', 'list', 'second'),
         'the folder')


@cases.case('changed on the second node: forwarded to the first')
def _(lab):
    a, b = lab.hosts
    b.cli('group', 'create', 'third')
    check('third' in names(a, 'group', 'list'), 'not on the active node')
    soon(lab, lambda: 'third' in names(b, 'group', 'list'), 'on itself')
    b.cli('group', 'delete', 'third')
    check('third' not in names(a, 'group', 'list'), 'still there')
    soon(lab, lambda: 'third' not in names(b, 'group', 'list'), 'on itself')


@cases.case('a folder configured on the second node replicates')
def _(lab):
    a, b = lab.hosts
    for host in lab.hosts:
        os.mkdir(os.path.join(host.mounted, 'other'))
        b.cli('member', 'add', 'second', host.name)
    b.cli('connection', 'create', 'second', '--from', b.name, '--to', a.name)
    with open(os.path.join(b.mounted, 'other', 'first'), 'wb') as file:
        file.write(b'of the second host')
    for host, words in ((b, ['--primary']), (a, [])):
        b.cli('membership', 'set', 'second', 'other', host.name,
              '--content-path=' + os.path.join(host.mounted, 'other'), *words)
    b.cli('wait', 'second', 'other', '--timeout=30')
    with open(os.path.join(a.mounted, 'other', 'first'), 'rb') as file:
        equal(file.read(), b'of the second host')


@cases.case('a disabled membership gets nothing; enabled again it does')
def _(lab):
    a, b = lab.hosts
    a.cli('membership', 'set', GROUP, FOLDER, b.name, '--enabled=no')
    b.wait_event(4114)
    a.smb().write('while disabled', b'1')
    time.sleep(1)
    check(b.absent('while disabled'), 'it came')
    a.cli('membership', 'set', GROUP, FOLDER, b.name, '--enabled=yes')
    lab.alike(60)
    check(b.holds('while disabled', b'1'), 'it did not come')


@cases.case('a changed connection: one way, then both')
def _(lab):
    a, b = lab.hosts
    a.cli('connection', 'delete', GROUP, '--from', b.name, '--to', a.name,
          '--one-way')
    soon(lab, lambda: len(b.rows('connection', 'list', GROUP)) == 1,
         'one connection')
    a.smb().write('downhill', b'1')
    lab.wait_for(lambda: b.holds('downhill', b'1'), 20)
    b.smb().write('uphill', b'1')
    time.sleep(1)
    check(a.absent('uphill'), 'it went against the arrow')
    a.cli('connection', 'create', GROUP, '--from', b.name, '--to', a.name,
          '--one-way')
    lab.wait_for(lambda: a.holds('uphill', b'1'), 20, host=a)
    lab.alike()


@cases.case('changed while the other node was away')
def _(lab):
    a, b = lab.hosts
    b.stop('dfsrd')
    a.cli('group', 'create', 'fourth')
    b.start_dfsrd()
    soon(lab, lambda: 'fourth' in names(b, 'group', 'list'), 'the group', 20)


@cases.case('the active node is away: a clear refusal, and reading works')
def _(lab):
    a, b = lab.hosts
    a.stop('dfsrd')
    refused(b, 'group', 'create', 'fifth', status=(1,))
    check('fourth' in names(b, 'group', 'list'), 'reading')
    line = refused(a, 'group', 'list', status=(1,))
    check('dfsrd' in line, line)
    a.start_dfsrd()
    check('fifth' not in names(a, 'group', 'list'), 'half done')
    lab.sync()


@cases.case('nonsense is refused in one line and changes nothing')
def _(lab):
    a, b = lab.hosts
    file = os.path.join(a.mounted, 'a file')
    with open(file, 'wb'):
        pass
    inside = os.path.join(a.content, 'inside')
    a.smb().mkdir('inside')
    before = a.cli('membership', 'list', GROUP, FOLDER, '--json')
    groups = names(a, 'group', 'list')
    path = '--content-path='
    for words in (
            ['nothing'], ['group', 'explode'], ['group', 'create'],
            ['group', 'create', 'a/b'], ['group', 'create', 'x' * 300],
            ['group', 'create', 'q', '--no-such-option'],
            ['group', 'show', 'unknown'], ['group', 'delete', 'unknown'],
            ['folder', 'create', 'unknown', 'f'],
            ['folder', 'list', 'unknown'],
            ['member', 'add', GROUP, 'unknown'],
            ['member', 'remove', GROUP, 'unknown'],
            ['membership', 'set', GROUP, 'unknown', a.name, path + '/x'],
            ['membership', 'set', 'second', 'other', a.name,
             path + 'relative'],
            ['membership', 'set', 'second', 'other', a.name,
             path + '/no/such/path'],
            ['membership', 'set', 'second', 'other', a.name, path + file],
            ['membership', 'set', 'second', 'other', a.name,
             path + a.content],
            ['membership', 'set', 'second', 'other', a.name, path + inside],
            ['membership', 'set', 'second', 'other', a.name,
             path + a.mounted],
            ['connection', 'create', GROUP, '--from', a.name, '--to',
             'unknown'],
            ['connection', 'create', GROUP, '--from', a.name, '--to', a.name],
            ['connection', 'create', GROUP],
            ['backlog', GROUP, FOLDER, '--from', 'unknown', '--to', b.name],
            ['wait', GROUP, FOLDER, '--timeout=never'],
            ['wait', GROUP, 'unknown'], ['state', 'unknown'],
            ['preserved', 'restore', GROUP, FOLDER, '--path=not there'],
            ['filehash', '/no/such/file'], ['idrecord', '/no/such/file'],
            ['node', 'join', 'nonsense'], ['node', 'remove', 'unknown']):
        refused(a, *words)
    equal(a.cli('membership', 'list', GROUP, FOLDER, '--json'), before)
    equal(names(a, 'group', 'list'), groups)
    lab.alike()


@cases.case('without permission: one line, status 1')
def _(lab):
    a = lab.hosts[0]
    words = [os.path.join(os.path.dirname(os.path.realpath(
        a.processes['dfsrd'].args[0])), 'samba-dfs'),
        '-s', a.conf, 'group', 'create', 'sixth']
    script = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"'
    said = a.run(['sh', '-c', script, 'sh'] + words, check=False)
    equal(len(said.strip().splitlines()), 1, said)
    check('sixth' not in names(a, 'group', 'list'), 'it was allowed')


@cases.case('--dry-run changes nothing, repeated verbs do no harm')
def _(lab):
    a, b = lab.hosts
    a.cli('group', 'create', 'dry', '--dry-run')
    check('dry' not in names(a, 'group', 'list'), 'it is there')
    before = json.dumps(a.cli('membership', 'show', GROUP, FOLDER, a.name,
                              '--json'))
    a.cli('membership', 'set', GROUP, FOLDER, a.name,
          '--content-path=' + a.content)
    equal(json.dumps(a.cli('membership', 'show', GROUP, FOLDER, a.name,
                           '--json')), before)
    lab.alike()


@cases.case('reading verbs give JSON with stable keys')
def _(lab):
    a, b = lab.hosts
    for words in (['node', 'show'], ['node', 'list'], ['group', 'list'],
                  ['group', 'show', GROUP], ['folder', 'list', GROUP],
                  ['folder', 'show', GROUP, FOLDER],
                  ['member', 'list', GROUP],
                  ['membership', 'list', GROUP, FOLDER],
                  ['connection', 'list', GROUP], ['state'],
                  ['state', GROUP, FOLDER], ['events'],
                  ['backlog', GROUP, FOLDER, '--from', a.name, '--to',
                   b.name], ['preserved', 'list', GROUP, FOLDER]):
        for host in lab.hosts:
            host.cli(*words, '--json')
            host.cli(*words)
    a.smb().write('hashed', b'same')
    lab.alike()
    equal(a.cli('filehash', a.path('hashed')).split()[0],
          b.cli('filehash', b.path('hashed')).split()[0])
    one = a.cli('idrecord', a.path('hashed'), '--json')
    two = b.cli('idrecord', b.path('hashed'), '--json')
    equal(one['uid'], two['uid'], 'uid')
    equal(one['gvsn'], two['gvsn'], 'gvsn')


@cases.case('the backlog is counted')
def _(lab):
    a, b = lab.hosts
    lab.slow('4mbit')
    for index in range(25):
        a.smb().write('waiting %d' % index, os.urandom(100000))
    lab.wait_for(lambda: 'waiting 2' in a.cli(
        'backlog', GROUP, FOLDER, '--from', a.name, '--to', b.name,
        '--limit=1000'), 20)
    lab.slow(None)
    lab.alike(60)
    said = json.dumps(a.cli('backlog', GROUP, FOLDER, '--from', a.name,
                            '--to', b.name, '--json'))
    check('waiting' not in said, said)


if __name__ == '__main__':
    cases.main(lambda: Lab().pair())
