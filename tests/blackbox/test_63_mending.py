#!/usr/bin/python3
#
#  Samba DFS Replication
#  state, preserved restore and recover resume, as a person sees them
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
"""Two hosts; what one of them deletes comes back by the other's store."""

import os
import shutil
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from lab import FOLDER, GROUP, Lab

# More than a scan may miss without asking: 1000, and half of everything.
MANY = 1100

cases = Cases()


def paths(host, *options):
    return sorted(row['path'] for row in host.rows(
        'preserved', 'list', GROUP, FOLDER, *options))


def restore(host, *options, **more):
    return host.cli('preserved', 'restore', GROUP, FOLDER, *options, **more)


@cases.case('node join: --dry-run only looks, then it says what it did')
def _(lab):
    a, b = lab.hosts
    token = a.cli('node', 'invite').strip()
    text = b.cli('node', 'join', token, '--dry-run')
    check('can join the configuration of ' + a.rep_address in text, text)
    for host in lab.hosts:
        equal([row['name'] for row in host.rows('node', 'list')],
              [host.name], host.name)
    text = b.cli('node', 'join', token)
    check('has joined the configuration of ' + a.rep_address in text, text)
    equal(len(b.rows('node', 'list')), 2)
    token = a.cli('node', 'invite').strip()
    check('belongs' in b.cli('node', 'join', token, status=1), 'joined twice')
    lab.pair(join=False)


@cases.case('state as JSON: every key, and counts that are right')
def _(lab):
    a, b = lab.hosts
    a.smb().mkdir('counted')
    a.smb().write('counted/file', b'x')
    lab.alike()
    state = b.cli('state', '--json')
    equal(state['node'], b.name)
    folder, = state['folders']
    equal(set(folder), {'group', 'folder', 'state', 'content_path', 'error',
                        'objects', 'tombstones', 'holes', 'displaced',
                        'looks', 'scanning', 'installed'})
    equal((folder['state'], folder['error'], folder['holes']),
          ('Normal', '', []))
    equal(folder['objects'], a.cli('state', '--json')['folders'][0]['objects'],
          'objects on both')
    check(folder['installed'] >= 2, folder['installed'])
    connection, = state['connections']
    equal((connection['from'], connection['to'], connection['waiting']),
          (a.name, b.name, 0))
    check(connection['received'] > 0, connection)


@cases.case('state as text says the same')
def _(lab):
    b = lab.hosts[1]
    folder, = b.cli('state', '--json')['folders']
    text = b.cli('state', GROUP, FOLDER)
    lines = dict(line.split(':', 1) for line in text.splitlines()
                 if ':' in line and 'polling' not in line)
    for title, value in (('State', 'Normal'), ('Error', '-'),
                         ('Objects', folder['objects']),
                         ('Tombstones', folder['tombstones']),
                         ('Installed', folder['installed']),
                         ('Scanning', 'no'), ('Displaced, in use', 0),
                         ('Waiting updates', 0)):
        equal(lines[title].strip(), str(value), title)
    rows = [line.split() for line in text.splitlines()]
    titles = next(row for row in rows if row[:1] == ['GROUP'])
    check('WAITING' in titles and 'FOLDER' in titles, titles)
    check('Files' not in lines, text)


@cases.case('membership show: one object')
def _(lab):
    a, b = lab.hosts
    shown = a.cli('membership', 'show', GROUP, FOLDER, b.name, '--json')
    equal((shown['node'], shown['content_path']), (b.name, b.content))
    check(b.content in a.cli('membership', 'show', GROUP, FOLDER, b.name),
          'text')


@cases.case('backlog says so when the receiver is not heard')
def _(lab):
    a, b = lab.hosts
    words = ['backlog', GROUP, FOLDER, '--from', a.name, '--to', b.name]
    equal(a.cli(*words, '--json')['partner_reached'], True)
    check('has everything' in a.cli(*words), 'text')
    lab.link_down()
    try:
        a.smb().write('unheard', b'x')
        # a host does not know at once that its cable is cut
        answer = a.cli(*words, '--json', timeout=120)
        equal((answer['partner_reached'], answer['count']), (False, 1))
        done = a.run([os.path.join(TOP, 'bin', 'samba-dfs'), '-s', a.conf,
                      *words], timeout=120)
        check('last heard' in done and 'unheard' in done, done)
    finally:
        lab.link_up()
    lab.alike(60)


@cases.case('preserved --path: a directory means all below, and only that')
def _(lab):
    a, b = lab.hosts
    for folder in ('box', 'boxes'):
        a.smb().mkdirs(folder + '/in')
        a.smb().write(folder + '/one', b'1' + folder.encode())
        a.smb().write(folder + '/in/two', b'2' + folder.encode())
    lab.alike()
    for folder in ('box', 'boxes'):
        a.smb().deltree(folder)
    lab.alike()
    kept = [path for path in paths(b) if path.startswith('box')]
    below = [path for path in kept if path.split('/')[0] == 'box']
    check(below and len(below) < len(kept), kept)
    for path in ('box', 'box/', '/box'):
        equal(paths(b, '--path=' + path), below, path)
    equal(paths(b, '--path=bo'), [])
    text = restore(b, '--path=box', '--dry-run')
    check('would restore box' in text, text)
    check(b.absent('box'), 'a dry run restored')
    check('nothing is preserved' in restore(b, '--path=bo', status=1), 'bo')
    text = restore(b, '--path=box/')
    equal(sorted(text.splitlines()), ['restored ' + path for path in below])
    for host in lab.hosts:
        lab.wait_for(lambda host=host: host.holds('box/one', b'1box') and
                     host.holds('box/in/two', b'2box'), 20, host=host)
        check(host.absent('boxes'), 'boxes on ' + host.name)
    lab.alike()
    equal(paths(b, '--path=box'), [])


@cases.case('preserved restore --id: one of several versions')
def _(lab):
    a, b = lab.hosts
    for data in (b'first', b'second', b'third'):
        a.smb().write('versions', data)
        lab.alike()
        a.smb().unlink('versions')
        lab.alike()
    rows = b.rows('preserved', 'list', GROUP, FOLDER, '--path=versions')
    equal(len(rows), 3, 'versions')
    first, second, third = sorted(row['id'] for row in rows)
    for words, status, says in (
            (['--id=x'], 2, 'number'), (['--id=-1'], 2, 'number'),
            (['--id='], 2, 'number'),
            (['--id=0'], 1, 'no ID 0'),
            (['--id=99999'], 1, 'no ID 99999'),
            (['--id=%d' % second, '--path=box'], 1, 'no ID')):
        text = restore(b, *words, status=status)
        check(says in text and len(text.splitlines()) == 1, text)
    check(b.absent('versions'), 'restored by a refusal')
    restore(b, '--id=%d' % second)
    lab.wait_for(lambda: a.holds('versions', b'second'), 20, host=a)
    lab.alike()
    equal(sorted(row['id'] for row in b.rows(
        'preserved', 'list', GROUP, FOLDER, '--path=versions')),
        [first, third])
    text = restore(b, '--id=%d' % first, status=1)
    check('something is there' in text, text)
    target = os.path.join(lab.folder, 'elsewhere')
    os.mkdir(target)
    text = restore(b, '--id=%d' % first, '--copy', '--to=' + target)
    equal(text, 'restored versions to %s\n' % target)
    with open(os.path.join(target, 'versions'), 'rb') as file:
        equal(file.read(), b'first')


@cases.case('recover resume is refused where nothing waits')
def _(lab):
    a = lab.hosts[0]
    for words, says in (([GROUP, FOLDER], 'does not wait'),
                        ([GROUP, 'nothing'], 'folder list'),
                        (['nothing', FOLDER], 'group list')):
        text = a.cli('recover', 'resume', *words, status=1)
        check(says in text and len(text.splitlines()) == 1, text)
    a.cli('recover', 'resume', GROUP, status=2)


def bait(lab):
    """Something to restore on the first host: that lets it scan."""
    a, b = lab.hosts
    a.smb().write('bait', b'x')
    lab.alike(120)
    b.smb().unlink('bait')
    lab.alike()


@cases.case('a scan that finds everything elsewhere does not ask')
def _(lab):
    a, b = lab.hosts
    a.smb().mkdir('some')
    for index in range(MANY):
        a.smb().write('some/%d' % index, b'')
    bait(lab)
    # Behind Samba's back.
    os.rename(a.path('some'), a.path('many'))
    restore(a, '--path=bait')
    lab.wait_for(lambda: b.absent('some') and
                 len(os.listdir(b.path('many'))) == MANY, 60, host=b)
    lab.alike(60)
    equal(a.events(4004), [])


@cases.case('a scan that misses too much asks; a restart asks again')
def _(lab):
    a, b = lab.hosts
    bait(lab)
    shutil.rmtree(a.path('many'))
    restore(a, '--path=bait')
    a.wait_event(4004, 'recover resume %s %s' % (GROUP, FOLDER), timeout=30)
    check('In Error' in a.cli('state'), a.cli('state'))
    equal(len(os.listdir(b.path('many'))), MANY, 'files on the other one')
    a.stop('dfsrd')
    a.start_dfsrd()
    a.wait_event(4004, 'recover resume', seen=1, timeout=30)
    equal(len(os.listdir(b.path('many'))), MANY, 'after a restart')


@cases.case('recover resume: now they are deleted, and trust ends there')
def _(lab):
    a, b = lab.hosts
    text = a.cli('recover', 'resume', GROUP, FOLDER, '--dry-run')
    check('would go on' in text and str(MANY + 1) in text, text)
    text = a.cli('recover', 'resume', GROUP, FOLDER)
    check('goes on' in text and str(MANY + 1) in text, text)
    lab.wait_for(lambda: b.absent('many'), 60, host=b)
    lab.alike(60)
    text = a.cli('recover', 'resume', GROUP, FOLDER, status=1)
    check('does not wait' in text, text)


if __name__ == '__main__':
    cases.main(Lab)
