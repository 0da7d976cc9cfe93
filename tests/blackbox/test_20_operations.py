#!/usr/bin/python3
#
#  Samba DFS Replication
#  Every SMB operation on either host is seen on the other
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
"""Each case runs in a folder of its own, once in each direction."""

import os
import random
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from lab import Lab
from smb import CREATE, OPEN, READ, WRITE

cases = Cases()
SOME = random.Random(20).randbytes(70000)


class Step:
    """One case in one direction: client s of host a, seen on host b."""

    def __init__(self, lab, source, target, folder):
        self.lab = lab
        self.a, self.b = lab.hosts[source], lab.hosts[target]
        self.s = self.a.smb()
        self.folder = folder
        self.s.mkdir(folder)

    def at(self, name):
        return '%s/%s' % (self.folder, name)

    def write(self, name, data=b'some bytes', **options):
        self.s.write(self.at(name), data, **options)

    def seen(self, **options):
        """Both hosts are alike, with all that was done so far."""
        self.lab.alike(**options)

    def there(self, name, data):
        self.seen()
        with open(self.b.path(self.at(name)), 'rb') as file:
            got = file.read()
        check(got == data, '%s on %s: %d bytes that are not the %d expected'
              % (name, self.b.name, len(got), len(data)))

    def gone(self, name):
        self.seen()
        check(self.b.absent(self.at(name)), '%s still on %s' % (
            name, self.b.name))

    def names(self):
        self.seen()
        return sorted(os.listdir(self.b.path(self.folder)))


def operation(name):
    def register(function):
        for source, target in ((0, 1), (1, 0)):
            def case(lab, source=source, target=target):
                folder = '%s %d' % (name, source)
                function(Step(lab, source, target, folder))
            cases.list.append(('%s, fs%02d to fs%02d' % (
                name, source + 1, target + 1), case))
        return function
    return register


@operation('create')
def _(step):
    step.write('file')
    step.there('file', b'some bytes')


@operation('create, empty')
def _(step):
    step.write('file', b'')
    step.there('file', b'')


@operation('create, 24 MiB')
def _(step):
    data = random.Random(1).randbytes(24 << 20)
    step.write('file', data)
    step.there('file', data)


@operation('create, with attributes')
def _(step):
    step.write('hidden', b'h', attributes=0x22)
    step.write('system', b's', attributes=0x24)
    step.write('read only', b'r', attributes=0x21)
    step.there('read only', b'r')


@operation('overwrite')
def _(step):
    step.write('file', SOME)
    step.there('file', SOME)
    step.write('file', b'short')
    step.there('file', b'short')
    step.write('file', SOME[::-1])
    step.there('file', SOME[::-1])


@operation('overwrite a few bytes in the middle')
def _(step):
    step.write('file', SOME)
    step.seen()
    step.s.patch(step.at('file'), b'#####', 33333)
    step.there('file', SOME[:33333] + b'#####' + SOME[33338:])


@operation('overwrite 200 times in a row')
def _(step):
    for index in range(200):
        step.write('file', b'%d' % index)
    step.there('file', b'199')


@operation('append')
def _(step):
    step.write('file', SOME)
    step.seen()
    step.s.append(step.at('file'), b'and more')
    step.there('file', SOME + b'and more')


@operation('truncate')
def _(step):
    step.write('file', SOME)
    step.seen()
    step.s.truncate(step.at('file'), 1000)
    step.there('file', SOME[:1000])
    step.s.truncate(step.at('file'), 0)
    step.there('file', b'')
    step.s.truncate(step.at('file'), 5000)
    step.there('file', bytes(5000))


@operation('rename')
def _(step):
    step.write('old', SOME)
    step.seen()
    step.s.rename(step.at('old'), step.at('new'))
    step.there('new', SOME)
    step.gone('old')


@operation('rename right after create')
def _(step):
    step.write('old', SOME)
    step.s.rename(step.at('old'), step.at('new'))
    step.there('new', SOME)
    equal(step.names(), ['new'])


@operation('rename over an existing file')
def _(step):
    step.write('one', b'1')
    step.write('two', b'2')
    step.seen()
    step.s.rename(step.at('one'), step.at('two'), replace=True)
    step.there('two', b'1')
    equal(step.names(), ['two'])


@operation('rename a directory')
def _(step):
    step.s.mkdirs(step.at('old/below'))
    step.write('old/below/file', SOME)
    step.seen()
    step.s.rename(step.at('old'), step.at('new'))
    step.there('new/below/file', SOME)
    equal(step.names(), ['new'])


@operation('move to another directory')
def _(step):
    step.s.mkdirs(step.at('here'))
    step.s.mkdirs(step.at('there'))
    step.write('here/file', SOME)
    step.seen()
    step.s.rename(step.at('here/file'), step.at('there/other'))
    step.there('there/other', SOME)
    step.gone('here/file')


@operation('move a directory below another')
def _(step):
    step.s.mkdirs(step.at('here/tree'))
    step.s.mkdirs(step.at('there'))
    for index in range(20):
        step.write('here/tree/%d' % index, b'%d' % index)
    step.seen()
    step.s.rename(step.at('here/tree'), step.at('there/tree'))
    step.there('there/tree/19', b'19')
    step.gone('here/tree')


@operation('rename that changes only the case')
def _(step):
    step.write('file.txt', b'1')
    step.s.mkdir(step.at('directory'))
    step.write('directory/x', b'2')
    step.seen()
    step.s.rename(step.at('file.txt'), step.at('File.TXT'))
    step.s.rename(step.at('directory'), step.at('Directory'))
    equal(step.names(), ['Directory', 'File.TXT'])
    step.there('Directory/x', b'2')


@operation('swap two names')
def _(step):
    step.write('one', b'1')
    step.write('two', b'2')
    step.seen()
    step.s.rename(step.at('one'), step.at('tmp'))
    step.s.rename(step.at('two'), step.at('one'))
    step.s.rename(step.at('tmp'), step.at('two'))
    step.there('one', b'2')
    step.there('two', b'1')
    equal(step.names(), ['one', 'two'])


@operation('chain of names')
def _(step):
    for name in ('1', '2', '3', '4'):
        step.write(name, name.encode())
    step.seen()
    for old, new in (('4', '5'), ('3', '4'), ('2', '3'), ('1', '2')):
        step.s.rename(step.at(old), step.at(new))
    equal(step.names(), ['2', '3', '4', '5'])
    step.there('5', b'4')
    step.there('2', b'1')


@operation('swap two directories')
def _(step):
    for name in ('one', 'two'):
        step.s.mkdir(step.at(name))
        step.write(name + '/file', name.encode())
    step.seen()
    step.s.rename(step.at('one'), step.at('tmp'))
    step.s.rename(step.at('two'), step.at('one'))
    step.s.rename(step.at('tmp'), step.at('two'))
    step.there('one/file', b'two')
    step.there('two/file', b'one')


@operation('delete')
def _(step):
    step.write('file')
    step.seen()
    step.s.unlink(step.at('file'))
    step.gone('file')


@operation('delete right after create')
def _(step):
    step.write('file')
    step.s.unlink(step.at('file'))
    equal(step.names(), [])


@operation('delete and make again')
def _(step):
    step.write('file', b'1')
    step.seen()
    step.s.unlink(step.at('file'))
    step.write('file', b'2')
    step.there('file', b'2')
    step.s.unlink(step.at('file'))
    step.gone('file')
    step.write('file', b'3')
    step.there('file', b'3')


@operation('make and remove directories')
def _(step):
    step.s.mkdirs(step.at('a/b/c'))
    step.seen()
    check(os.path.isdir(step.b.path(step.at('a/b/c'))), 'no directory')
    step.s.rmdir(step.at('a/b/c'))
    step.gone('a/b/c')


@operation('delete a tree')
def _(step):
    for index in range(5):
        step.s.mkdirs(step.at('tree/%d/below' % index))
        for name in ('x', 'y', 'below/z'):
            step.write('tree/%d/%s' % (index, name))
    step.seen()
    step.s.deltree(step.at('tree'))
    step.gone('tree')


@operation('copy on the server')
def _(step):
    step.write('file', SOME)
    step.s.copy_on_server(step.at('file'), step.at('copy'))
    step.there('copy', SOME)


@operation('a directory becomes a file, a file a directory')
def _(step):
    step.s.mkdir(step.at('one'))
    step.write('one/file')
    step.write('two')
    step.seen()
    step.s.deltree(step.at('one'))
    step.write('one', b'now a file')
    step.s.unlink(step.at('two'))
    step.s.mkdir(step.at('two'))
    step.write('two/file', b'below')
    step.there('one', b'now a file')
    step.there('two/file', b'below')


@operation('save as Word does')
def _(step):
    step.write('report.docx', b'old')
    step.s.write_stream(step.at('report.docx'), 'Zone', b'[Zone]')
    step.seen()
    step.write('~WRD0001.tmp', SOME)
    step.s.rename(step.at('report.docx'), step.at('~WRL0002.tmp'))
    step.s.rename(step.at('~WRD0001.tmp'), step.at('report.docx'))
    step.s.unlink(step.at('~WRL0002.tmp'))
    step.there('report.docx', SOME)
    equal(step.names(), ['report.docx'])


@operation('save as vim does')
def _(step):
    step.write('notes', b'old')
    step.seen()
    step.write('.notes.swp', b'swap')
    step.s.rename(step.at('notes'), step.at('notes~'))
    step.write('notes', SOME)
    step.s.unlink(step.at('notes~'))
    step.s.unlink(step.at('.notes.swp'))
    step.there('notes', SOME)
    equal(step.names(), ['notes'])


@operation('save over by rename, ten times')
def _(step):
    step.write('file', b'0')
    for index in range(1, 11):
        step.write('new', b'%d' % index)
        step.s.rename(step.at('new'), step.at('file'), replace=True)
        if index % 3 == 0:
            step.there('file', b'%d' % index)
    step.there('file', b'10')
    equal(step.names(), ['file'])


@operation('streams')
def _(step):
    path = step.at('file')
    step.write('file', b'main')
    step.s.write_stream(path, 'one', b'1' * 500)
    step.seen()
    equal(os.getxattr(step.b.path(path), 'user.DosStream.one:$DATA')[:500],
          b'1' * 500)
    step.s.write_stream(path, 'one', b'changed')
    step.s.write_stream(path, 'two', b'2')
    step.seen()
    check(step.b.smb().read(path + ':one') == b'changed', 'stream one')
    step.s.unlink(path + ':one')
    step.seen()
    names = os.listxattr(step.b.path(path))
    check('user.DosStream.one:$DATA' not in names, 'stream is still there')
    check('user.DosStream.two:$DATA' in names, 'stream two is gone')


@operation('stream of a directory')
def _(step):
    step.s.mkdir(step.at('sub'))
    step.seen()
    step.s.write_stream(step.at('sub'), 'info', b'about it')
    step.seen()
    check('user.DosStream.info:$DATA' in
          os.listxattr(step.b.path(step.at('sub'))), 'no stream')


@operation('extended attributes')
def _(step):
    step.write('file')
    step.seen()
    step.s.set_ea(step.at('file'), 'COMMENT', 'a word')
    step.seen()
    equal(os.getxattr(step.b.path(step.at('file')), 'user.COMMENT'),
          b'a word')
    step.s.set_ea(step.at('file'), 'COMMENT', '')
    step.seen()
    check('user.COMMENT' not in os.listxattr(
        step.b.path(step.at('file'))), 'still there')


@operation('DOS attributes')
def _(step):
    step.write('file')
    step.s.mkdir(step.at('sub'))
    step.seen()
    step.s.set_attributes(step.at('file'), '+rhs')
    step.s.set_attributes(step.at('sub'), '+h')
    step.seen()
    info = step.b.smb().allinfo(step.at('file'))
    check('attributes: RHSA' in info, info)
    step.s.set_attributes(step.at('file'), '-rhsa')
    step.seen()
    info = step.b.smb().allinfo(step.at('file'))
    check('RHS' not in info, info)


@operation('times')
def _(step):
    step.write('file')
    step.seen()
    step.s.set_times(step.at('file'), create='01:02:03-04:05:06',
                     write='07:08:09-10:11:12')
    step.seen()
    info = step.b.smb().allinfo(step.at('file'))
    check('04:05:06 2001' in info and '10:11:12 2007' in info, info)


@operation('security descriptor')
def _(step):
    step.write('file')
    step.seen()
    sddl = 'D:P(A;;0x1f01ff;;;WD)(A;;FR;;;BA)(D;;DC;;;BG)'
    step.s.set_sddl(step.at('file'), sddl)
    step.seen()
    equal(step.b.smb().get_sddl(step.at('file')),
          step.s.get_sddl(step.at('file')))
    check('(A;;0x00120089;;;BA)' in step.b.smb().get_sddl(step.at('file')),
          step.b.smb().get_sddl(step.at('file')))


@operation('inherited security')
def _(step):
    step.s.mkdir(step.at('sub'))
    step.s.set_sddl(step.at('sub'),
                    'D:P(A;OICI;0x1f01ff;;;WD)(A;OICI;FR;;;BA)')
    step.write('sub/file')
    step.seen()
    got = step.b.smb().get_sddl(step.at('sub/file'))
    check('BA)' in got, got)
    step.b.smb().write(step.at('sub/other'), b'made there')
    step.seen()
    got = step.s.get_sddl(step.at('sub/other'))
    check('BA)' in got, got)


@operation('a file of a user')
def _(step):
    alice = step.a.smb('alice')
    step.s.set_sddl(step.folder, 'D:(A;OICI;0x1f01ff;;;WD)')
    step.seen()
    alice.write(step.at('hers'), b'of alice')
    step.there('hers', b'of alice')
    equal(os.stat(step.b.path(step.at('hers'))).st_uid, 20001, 'owner')
    alice.set_sddl(step.at('hers'), 'D:P(A;;0x1f01ff;;;%s)' % (
        alice.get_sddl(step.at('hers')).split('G:')[0][2:]))
    step.seen()
    equal(step.b.smb('alice').read(step.at('hers')), b'of alice')
    try:
        step.b.smb('bob').read(step.at('hers'))
    except Exception as error:
        check('Access Denied' in str(error) or 'denied' in str(error).lower(),
              str(error))
    else:
        raise AssertionError('bob can read it')


@operation('names of all kinds')
def _(step):
    names = ['Grüße', 'ΑΒΓ', '日本語のファイル', 'emoji 😀', 'a b  c',
             'é', '.dot', 'x' * 255, '漢' * 85, '%41', "it's",
             '-rf', 'UPPER', 'a;b&c$d', '~', '#1#']
    for name in names:
        step.write(name, name.encode())
    equal(step.names(), sorted(names))
    for name in names:
        step.there(name, name.encode())
    step.s.rename(step.at('Grüße'), step.at('GRÜSSE'))
    step.s.unlink(step.at('漢' * 85))
    step.seen()


@operation('60 directories deep')
def _(step):
    path = '/'.join('level%02d' % index for index in range(60))
    step.s.mkdirs(step.at(path))
    step.write(path + '/file', b'at the end')
    step.there(path + '/file', b'at the end')
    step.s.rename(step.at('level00/level01'), step.at('short'))
    step.there('short/' + path[16:] + '/file', b'at the end')


@operation('sparse files stay sparse')
def _(step):
    step.write('file', b'x' * (4 << 20))
    step.s.set_sparse(step.at('file'))
    step.s.punch(step.at('file'), 1 << 20, 3 << 20)
    step.s.patch(step.at('file'), b'end', (16 << 20) - 3)
    step.seen()
    here = os.stat(step.a.path(step.at('file'))).st_blocks
    there = os.stat(step.b.path(step.at('file'))).st_blocks
    check(there <= here + 512, '%d blocks here, %d there' % (here, there))


@operation('a directory is renamed while a file in it is written')
def _(step):
    step.s.mkdir(step.at('sub'))
    step.write('sub/file', b'first')
    step.seen()
    other = step.a.smb(fresh=True)
    with other.open(step.at('sub/file'), OPEN, access=READ | WRITE) as file:
        file.write(b'second', 5)
        step.s.rename(step.at('sub'), step.at('renamed'))
        file.write(b'last', 11)
    step.there('renamed/file', b'firstsecondlast')
    equal(step.names(), ['renamed'])


@operation('a file is renamed while it is written')
def _(step):
    step.write('file', b'first')
    step.seen()
    other = step.a.smb(fresh=True)
    with other.open(step.at('file'), OPEN, access=READ | WRITE) as file:
        file.write(b'second', 5)
        step.s.rename(step.at('file'), step.at('renamed'))
        file.write(b'last', 11)
    step.there('renamed', b'firstsecondlast')
    equal(step.names(), ['renamed'])


@operation('a file is complete when it appears')
def _(step):
    with step.s.open(step.at('file'), CREATE) as file:
        file.write(SOME[:30000])
        step.s.write(step.at('beside'), b'1')
        step.lab.wait_for(lambda: step.b.holds(step.at('beside'), b'1'),
                          host=step.b)
        got = step.b.path(step.at('file'))
        if os.path.exists(got):
            check(os.path.getsize(got) in (0, 30000), 'a part is visible')
        file.write(SOME[30000:], 30000)
    step.there('file', SOME)


@operation('deleted while somebody has it open')
def _(step):
    step.write('file', SOME)
    step.seen()
    other = step.a.smb(fresh=True)
    with other.open(step.at('file'), OPEN, access=READ) as file:
        step.s.unlink(step.at('file'))
        equal(file.read(5), SOME[:5])
    step.gone('file')


@operation('symbolic links are links')
def _(step):
    step.write('file', b'of the link')
    step.s.symlink('file', step.at('link'))
    step.s.symlink('nowhere/at all', step.at('dangling'))
    step.seen()
    equal(os.readlink(step.b.path(step.at('link'))), 'file')
    equal(os.readlink(step.b.path(step.at('dangling'))), 'nowhere/at all')
    step.s.posix('posix_unlink "%s"' % step.at('dangling'))
    step.gone('dangling')
    step.s.rename(step.at('file'), step.at('renamed'))
    step.seen()
    equal(os.readlink(step.b.path(step.at('link'))), 'file')


@cases.case('nothing was lost or kept aside on the way')
def _(lab):
    lab.alike()
    for host in lab.hosts:
        equal(host.conflicts(), [], 'preserved on ' + host.name)


@cases.case('.DfsrPrivate cannot be seen or opened')
def _(lab):
    for host in lab.hosts:
        client = host.smb()
        check('.DfsrPrivate' not in client.list(), 'it is listed')
        for name in ('.DfsrPrivate', '.dfsrprivate', '.DFSRPR~1'):
            for attempt in (lambda: client.list(name),
                            lambda: client.write(name + '/x', b''),
                            lambda: client.mkdir(name),
                            lambda: client.rename(name, 'mine'),
                            lambda: client.rmdir(name)):
                try:
                    attempt()
                except Exception:
                    continue
                if name != '.DFSRPR~1':
                    raise AssertionError('%s is reachable' % name)
        mode = os.stat(host.path('.DfsrPrivate')).st_mode & 0o777
        equal(mode, 0o700, 'mode of .DfsrPrivate')


if __name__ == '__main__':
    # Only SMB1 has symbolic links.
    cases.main(lambda: Lab(users=True, conf={
        'extra': 'server min protocol = NT1'}).pair())
