#!/usr/bin/python3
#
#  Samba DFS Replication
#  The compare tool finds every single difference
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
"""Two equal trees; then one thing is changed, must be found, and is undone."""

import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal

cases = Cases()
TOOL = os.path.join(TOP, 'tests', 'lib', 'compare.py')
DEEP = 'dir/sub/file'


class Trees:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='dfs-compare',
                                       dir=os.environ.get('TMPDIR'))
        self.one = os.path.join(self.folder, 'one')
        os.makedirs(os.path.join(self.one, 'dir/sub/empty'))
        for index, name in enumerate(('file', 'dir/file', DEEP)):
            self.fill(os.path.join(self.one, name), index)
        os.symlink('nowhere/at all', os.path.join(self.one, 'dir/link'))
        sparse = os.path.join(self.one, 'sparse')
        with open(sparse, 'wb') as file:
            file.truncate(1 << 20)
            file.seek(1 << 19)
            file.write(b'data')
        self.fresh()

    @staticmethod
    def fill(path, seed):
        with open(path, 'wb') as file:
            file.write(bytes((seed + i) % 251 for i in range(3000000)))
        for name, value in (('user.DOSATTRIB', b'\0\0\5\0\5\0\0\0x' * 6),
                            ('user.DosStream.s:$DATA', b's' * 900),
                            ('security.NTACL', os.urandom(200))):
            os.setxattr(path, name, value)
        subprocess.run(['setfacl', '-m', 'u:1:rw,g:2:r', path], check=True)
        os.utime(path, ns=(10 ** 18, 10 ** 18 + seed))

    def fresh(self):
        """The second tree again as it must be."""
        self.two = os.path.join(self.folder, 'two')
        shutil.rmtree(self.two, ignore_errors=True)
        subprocess.run(['cp', '-a', '--sparse=always', self.one, self.two],
                       check=True)

    def compare(self, *options):
        done = subprocess.run(
            [TOOL, self.one, self.two, *options], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, encoding='utf-8', check=False)
        return done.returncode, done.stdout.splitlines()

    def close(self):
        shutil.rmtree(self.folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def found(name, path, word, *options):
    """Register a case: this change is found, alone, and says its path."""
    def register(change):
        def case(trees):
            target = os.path.join(trees.two, path)
            try:
                change(target)
                status, lines = trees.compare(*options)
                equal(status, 1, 'exit status')
                equal(len(lines), 1, '\n'.join(lines) + '\nlines')
                check(lines[0].startswith(path + ': '), lines[0])
                check(word in lines[0], lines[0])
            finally:
                trees.fresh()
        cases.list.append(('found: ' + name, case))
        return change
    return register


@cases.case('equal trees are equal')
def _(trees):
    equal(trees.compare('--sparse'), (0, []))


@cases.case('what is missing altogether cannot be compared')
def _(trees):
    status = subprocess.run([TOOL, trees.one, trees.two + 'x'],
                            stderr=subprocess.DEVNULL, check=False)
    equal(status.returncode, 2)


@cases.case('.DfsrPrivate at the top and times of directories do not count')
def _(trees):
    os.mkdir(os.path.join(trees.two, '.DfsrPrivate'))
    os.utime(os.path.join(trees.two, 'dir'), ns=(5, 5))
    equal(trees.compare(), (0, []))
    trees.fresh()


def flip(path, name, index, bit):
    value = bytearray(os.getxattr(path, name))
    value[index] ^= 1 << bit
    os.setxattr(path, name, bytes(value))


def same_time(path, change):
    """What a change of the bytes does to the time is not the point."""
    times = os.stat(path)
    change()
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


for attribute, where, which in (('security.NTACL', 0, 0),
                                ('security.NTACL', 199, 7),
                                ('user.DOSATTRIB', 20, 3),
                                ('user.DosStream.s:$DATA', 450, 5)):
    @found('bit %d of byte %d of %s' % (which, where, attribute), DEEP,
           attribute)
    def _(path, attribute=attribute, where=where, which=which):
        flip(path, attribute, where, which)


@found('an attribute more', DEEP, 'only there')
def _(path):
    os.setxattr(path, 'user.more', b'')


@found('an attribute less', 'file', 'only here')
def _(path):
    os.removexattr(path, 'user.DosStream.s:$DATA')


@found('an attribute of a directory', 'dir/sub', 'user.x')
def _(path):
    os.setxattr(path, 'user.x', b'1')


@found('an entry of an ACL', DEEP, 'system.posix_acl_access')
def _(path):
    subprocess.run(['setfacl', '-n', '-m', 'u:1:r', path], check=True)


@found('a default ACL', 'dir', 'system.posix_acl_default')
def _(path):
    subprocess.run(['setfacl', '-d', '-m', 'u::rwx', path], check=True)


for position in (0, 1500000, 2999999):
    @found('byte %d' % position, DEEP, 'offset %d' % position)
    def _(path, position=position):
        def change():
            with open(path, 'r+b') as file:
                file.seek(position)
                byte = file.read(1)[0]
                file.seek(position)
                file.write(bytes([byte ^ 1]))
        same_time(path, change)


@found('a byte more', DEEP, 'size')
def _(path):
    def change():
        with open(path, 'ab') as file:
            file.write(b'x')
    same_time(path, change)


@found('a nanosecond', DEEP, 'mtime')
def _(path):
    times = os.stat(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))


@found('a bit of the mode', 'dir/sub', 'mode')
def _(path):
    os.chmod(path, os.stat(path).st_mode ^ 0o1000)


@found('the owner', DEEP, 'owner')
def _(path):
    os.chown(path, 12345, -1)


@found('the group', 'dir/sub/empty', 'group')
def _(path):
    os.chown(path, -1, 12345)


@found('a file more', 'dir/more', 'only there')
def _(path):
    with open(path, 'wb'):
        pass


@found('a directory less', 'dir/sub/empty', 'only here')
def _(path):
    os.rmdir(path)


@found('.DfsrPrivate below the top', 'dir/.DfsrPrivate', 'only there')
def _(path):
    os.mkdir(path)


@found('a directory in place of a file', 'dir/file', 'directory there')
def _(path):
    os.unlink(path)
    os.mkdir(path)


@found('the target of a symbolic link', 'dir/link', 'target')
def _(path):
    times = os.lstat(path)
    os.unlink(path)
    os.symlink('nowhere/at  all', path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns),
             follow_symlinks=False)


@found('a hole that is gone', 'sparse', 'data at', '--sparse')
def _(path):
    def change():
        with open(path, 'r+b') as file:
            file.write(bytes(65536))
    same_time(path, change)


if __name__ == '__main__':
    cases.main(Trees)
