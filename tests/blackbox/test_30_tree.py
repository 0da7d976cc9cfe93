#!/usr/bin/python3
#
#  Samba DFS Replication
#  Samba's source tree arrives identical
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
# timeout: 900
"""Samba's own source, written by clients of one host, is the same on the other.

Extended attributes, streams, ACLs, DOS attributes and times are set on some of
the files. The bytes are also held against the source itself.
"""

import os
import random
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

import compare
from cases import Cases, check, equal
from lab import Lab
from work import parallel

cases = Cases()
SOURCE = os.path.realpath(os.environ.get('DFSR_SAMBA_SOURCE') or
                          os.path.join(TOP, 'bin', 'samba-source'))
WRITERS = 2
# From the first byte written to both hosts in step.
SECONDS_MAX = 300


def source_files():
    """(directories, files) of the source, without what a build adds."""
    directories, files = [], []
    for folder, names, leaves in os.walk(SOURCE):
        here = os.path.relpath(folder, SOURCE)
        if here == '.':
            names[:] = [name for name in names if name != 'bin']
            here = ''
        # What a client would see as 8.3 names or streams is not for SMB.
        names.sort()
        directories += [os.path.join(here, name) for name in names
                        if not os.path.islink(os.path.join(folder, name))]
        files += [os.path.join(here, name) for name in sorted(leaves)
                  if os.path.isfile(os.path.join(folder, name)) and
                  not os.path.islink(os.path.join(folder, name)) and
                  not set(name) & set('"*:<>?\\|')]
    return directories, files


def write_some(host, files, first):
    client = host.smb(fresh=True)
    for index in range(first, len(files), WRITERS):
        with open(os.path.join(SOURCE, files[index]), 'rb') as file:
            client.write('tree/' + files[index], file.read(),
                         attributes=0x22 if index % 50 == 0 else 0)


def decorate(host, files):
    """Streams, attributes, ACLs and times on some of the files."""
    client = host.smb(fresh=True)
    chosen = random.Random(30).sample(files, 300)
    for index, name in enumerate(chosen):
        path = 'tree/' + name
        if index % 3 == 0:
            with client.open(path + ':Zone.Identifier') as file:
                file.write(b'[ZoneTransfer]\r\nZoneId=%d\r\n' % index)
        elif index % 3 == 1:
            client.set_sddl(path, 'D:P(A;;0x1f01ff;;;WD)(A;;FR;;;S-1-5-21-'
                            '1-2-3-%d)' % (1000 + index))
    some = ['tree/' + name for name in chosen[:20] if '"' not in name]
    client.smbclient(*('setmode "%s" +hs' % name for name in some))
    client.smbclient(*('utimes "%s" 99:01:02-03:04:05 -1 98:07:06-05:04:03 '
                       '-1' % name for name in some[:10]))
    client.smbclient(*('setea "%s" user.word value' % name
                       for name in some))


@cases.case('written in parallel, in step in time')
def _(lab):
    a = lab.hosts[0]
    directories, files = source_files()
    check(len(files) > 10000, 'only %d files in %s' % (len(files), SOURCE))
    start = time.monotonic()
    client = a.smb()
    client.mkdir('tree')
    for name in directories:
        client.mkdir('tree/' + name)
    parallel(*(lambda first=first: write_some(a, files, first)
               for first in range(WRITERS)))
    written = time.monotonic()
    lab.sync(SECONDS_MAX)
    done = time.monotonic()
    print('# %d files in %d directories: written in %.1f s, in step %.1f s '
          'later' % (len(files), len(directories), written - start,
                     done - written))
    check(done - start < SECONDS_MAX, '%d s' % (done - start))
    lab.files, lab.directories = files, directories


@cases.case('identical, with every attribute, ACL, owner and time')
def _(lab):
    compared = compare.Compare(lab.hosts[0].content, lab.hosts[1].content)
    differences = compared.run()
    check(not differences, '%d differences:\n%s' % (
        len(differences), '\n'.join(differences[:20])))
    equal(compared.objects, len(lab.files) + len(lab.directories) + 2)


@cases.case('the bytes are those of the source')
def _(lab):
    tree = lab.hosts[1].path('tree')
    for name in lab.files:
        if compare.first_difference(os.path.join(SOURCE, name),
                                    os.path.join(tree, name)) is not None:
            raise AssertionError('%s differs' % name)


@cases.case('decorated: streams, ACLs, attributes, times')
def _(lab):
    decorate(lab.hosts[0], lab.files)
    lab.alike(120)
    streams = 0
    for folder, _, names in os.walk(lab.hosts[1].path('tree')):
        for name in names:
            streams += any(attribute.startswith('user.DosStream.') for
                           attribute in os.listxattr(
                               os.path.join(folder, name)))
    equal(streams, 100, 'files with streams')


@cases.case('the compare tool sees one bit of one attribute here')
def _(lab):
    path = lab.hosts[1].path('tree/' + lab.files[4711])
    value = bytearray(os.getxattr(path, 'security.NTACL'))
    value[-1] ^= 1
    # On a copy: the tree itself is replicated.
    copy = os.path.join(lab.folder, 'copy')
    for name, change in (('one', False), ('two', True)):
        target = os.path.join(copy, name)
        os.makedirs(target)
        with open(os.path.join(target, 'file'), 'wb'):
            pass
        original = os.getxattr(path, 'security.NTACL')
        os.setxattr(os.path.join(target, 'file'), 'security.NTACL',
                    bytes(value) if change else original)
        os.utime(os.path.join(target, 'file'), ns=(1, 1))
    found = compare.Compare(os.path.join(copy, 'one'),
                            os.path.join(copy, 'two')).run()
    equal(len(found), 1, str(found))
    check('security.NTACL' in found[0], found[0])


@cases.case('renamed whole: at once on the other host')
def _(lab):
    a, b = lab.hosts
    start = time.monotonic()
    a.smb().rename('tree', 'renamed')
    lab.wait_for(lambda: os.path.isdir(b.path('renamed')) and
                 b.absent('tree'), 20)
    print('# %d files renamed in %.0f ms' % (
        len(lab.files), (time.monotonic() - start) * 1000))
    lab.alike(60)


@cases.case('deleted whole, from the other side')
def _(lab):
    a, b = lab.hosts
    start = time.monotonic()
    b.smb().deltree('renamed')
    deleted = time.monotonic()
    lab.sync(SECONDS_MAX)
    print('# deleted in %.1f s, in step %.1f s later' % (
        deleted - start, time.monotonic() - deleted))
    lab.alike(60)
    check(a.absent('renamed'), 'still there')


if __name__ == '__main__':
    cases.main(lambda: Lab().pair())
