#!/usr/bin/python3
#
#  Samba DFS Replication
#  Initial replication: empty and filled members
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
"""What a primary has goes everywhere; what others had is not lost.

The second host is empty, filled alike, filled with something else.
"""

import json
import os
import random
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from lab import FOLDER, GROUP, Lab

cases = Cases()
FILES, SIZE = 400, 100000


def fill(host, count=FILES):
    client = host.smb()
    rng = random.Random(60)
    for index in range(count):
        if index % 20 == 0:
            client.mkdirs('dir%02d/sub' % (index // 20))
        client.write('dir%02d/sub/file%03d' % (index // 20, index),
                     rng.randbytes(SIZE))
    client.write_stream('dir00/sub/file000', 'stream', b'of the primary')
    client.set_sddl('dir01/sub', 'D:P(A;OICI;0x1f01ff;;;WD)(A;;FR;;;BA)')


def copy(source, target):
    """What an administrator does before: rsync -aX."""
    subprocess.run(['cp', '-a', source.content + '/.', target.content],
                   check=True)


def private(host, folder, data):
    """Is there a file with these bytes in that part of .DfsrPrivate?"""
    for here, _, names in os.walk(host.path('.DfsrPrivate/' + folder)):
        for name in names:
            with open(os.path.join(here, name), 'rb') as file:
                if file.read() == data:
                    return True
    return False


@cases.case('an empty member gets everything')
def _():
    with Lab() as lab:
        a, b = lab.hosts
        fill(a)
        start = time.monotonic()
        lab.pair()
        lab.alike(120)
        print('# %d files, %d MB in %.1f s' % (
            FILES, FILES * SIZE >> 20, time.monotonic() - start))
        # Windows: 4112 on the primary, 4104 on the others.
        a.wait_event(4112)
        b.wait_event(4104)
        b.smb().write('from the other', b'1')
        a.smb().unlink('dir00/sub/file001')
        lab.alike()
        check(a.holds('from the other', b'1'), 'not on the primary')


@cases.case('content that both have is not transferred')
def _():
    with Lab() as lab:
        a, b = lab.hosts
        fill(a)
        copy(a, b)
        before = a.traffic()
        start = time.monotonic()
        lab.pair()
        used = a.traffic() - before
        lab.alike()
        print('# %d kB over the link for %d MB of files, %.1f s' % (
            used >> 10, FILES * SIZE >> 20, time.monotonic() - start))
        check(used < FILES * SIZE / 20, '%d bytes' % used)
        for host in lab.hosts:
            equal(host.conflicts(), [], 'preserved on ' + host.name)


@cases.case('a member with other files: the primary wins, they are kept')
def _():
    with Lab() as lab:
        a, b = lab.hosts
        fill(a, 100)
        copy(a, b)
        # What an old copy looks like: changed, missing, more, renamed.
        client = b.smb()
        for index in range(5):
            client.write('dir00/sub/file%03d' % index, b'old %d' % index)
        client.unlink('dir01/sub/file020')
        client.mkdirs('only/here')
        client.write('only/here/one', b'only on the other 1')
        client.write('dir02/sub/two', b'only on the other 2')
        client.rename('dir02/sub/file040', 'dir02/sub/other name')
        lab.pair()
        lab.alike(60)
        for host in lab.hosts:
            check(not host.holds('dir00/sub/file000', b'old 0'),
                  'the primary lost')
            for name in ('dir02/sub/two', 'only/here/one',
                         'dir02/sub/other name'):
                check(host.absent(name), name)
            check(not host.absent('dir01/sub/file020'), 'missing')
            check(not host.absent('dir02/sub/file040'), 'missing')
        for data in (b'only on the other 1', b'only on the other 2'):
            check(private(b, 'PreExisting', data), repr(data))
        for index in range(5):
            data = b'old %d' % index
            check(private(b, 'PreExisting', data) or
                  private(b, 'ConflictAndDeleted', data), repr(data))
        rows = json.dumps(b.rows('preserved', 'list', GROUP, FOLDER))
        for name in ('only', 'two', 'file000'):
            check(name in rows, '%s has no record: %s' % (name, rows))
        b.wait_event(20048)


@cases.case('metadata that differs is the primary\'s afterwards')
def _():
    with Lab() as lab:
        a, b = lab.hosts
        fill(a, 60)
        copy(a, b)
        client = b.smb()
        client.set_attributes('dir00/sub/file003', '+h')
        client.set_sddl('dir00/sub/file004', 'D:P(A;;0x1f01ff;;;WD)')
        client.write_stream('dir00/sub/file005', 'other', b'stream')
        os.utime(b.path('dir00/sub/file006'), ns=(1, 10 ** 18))
        wanted = a.smb().get_sddl('dir00/sub/file004')
        lab.pair()
        lab.alike(60)
        equal(b.smb().get_sddl('dir00/sub/file004'), wanted)
        check('user.DosStream.other:$DATA' not in
              os.listxattr(b.path('dir00/sub/file005')), 'stream')
        check(os.stat(b.path('dir00/sub/file006')).st_mtime_ns != 10 ** 18,
              'mtime')


@cases.case('the second host is the primary')
def _():
    with Lab() as lab:
        a, b = lab.hosts
        b.smb().write('of b', b'b')
        a.smb().write('of a', b'a')
        lab.pair(primary=1)
        lab.alike(60)
        for host in lab.hosts:
            check(host.holds('of b', b'b'), host.name)
            check(host.absent('of a'), host.name)
        check(private(a, 'PreExisting', b'a'), 'not in PreExisting')


@cases.case('clients write on both while it runs')
def _():
    with Lab() as lab:
        a, b = lab.hosts
        fill(a)
        first = a.cli('node', 'invite').strip()
        b.cli('node', 'join', first)
        for words in (('group', 'create', GROUP),
                      ('folder', 'create', GROUP, FOLDER),
                      ('member', 'add', GROUP, a.name),
                      ('member', 'add', GROUP, b.name),
                      ('connection', 'create', GROUP, '--from', a.name,
                       '--to', b.name)):
            a.cli(*words)
        # These clients were connected before there was a folder.
        old = a.smb(fresh=True)
        lab.membership(a, a, '--primary')
        lab.membership(a, b)
        for index in range(60):
            old.write('dir00/during %d' % index, b'a%d' % index)
            old.write('dir00/sub/file%03d' % (index % 20), b'new %d' % index)
        lab.alike(120)
        for index in range(60):
            check(b.holds('dir00/during %d' % index, b'a%d' % index),
                  'during %d' % index)
        b.smb().write('after', b'1')
        lab.alike()
        check(a.holds('after', b'1'), 'after')


if __name__ == '__main__':
    cases.main()
