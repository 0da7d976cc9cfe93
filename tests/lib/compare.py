#!/usr/bin/python3
#
#  Samba DFS Replication
#  Compare two trees completely
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
"""Say every difference between two trees, one line each.

Names, kinds, bytes, every extended attribute that is not the filesystem's
own business, POSIX ACLs (they are extended attributes), mode, owner, group,
modification time to the nanosecond, targets of symbolic links. The service
folder .DfsrPrivate at the top is left out, and so are the times of
directories. With --sparse also which parts of a file are holes.

Exit status: 0 alike, 1 different, 2 cannot be compared.
"""

import argparse
import os
import stat
import sys

PRIVATE = '.DfsrPrivate'
CHUNK = 1024 * 1024
NOT_COMPARED = ('trusted.', 'security.selinux')

KINDS = {stat.S_IFREG: 'file', stat.S_IFDIR: 'directory',
         stat.S_IFLNK: 'symbolic link', stat.S_IFIFO: 'fifo',
         stat.S_IFSOCK: 'socket', stat.S_IFCHR: 'character device',
         stat.S_IFBLK: 'block device'}


def kind(status):
    return KINDS.get(stat.S_IFMT(status.st_mode), 'unknown')


def xattrs(path):
    return {name: os.getxattr(path, name, follow_symlinks=False)
            for name in os.listxattr(path, follow_symlinks=False)
            if not name.startswith(NOT_COMPARED)}


def holes(path, size):
    """The parts of a file that hold data, as a list of (start, end)."""
    parts = []
    fd = os.open(path, os.O_RDONLY)
    try:
        offset = 0
        while offset < size:
            try:
                start = os.lseek(fd, offset, os.SEEK_DATA)
            except OSError:
                break
            offset = os.lseek(fd, start, os.SEEK_HOLE)
            parts.append((start, offset))
    finally:
        os.close(fd)
    return parts


def first_difference(one, two):
    """The offset of the first byte that differs, or None."""
    with open(one, 'rb', 0) as a, open(two, 'rb', 0) as b:
        offset = 0
        while True:
            left, right = a.read(CHUNK), b.read(CHUNK)
            if left != right:
                for index, (x, y) in enumerate(zip(left, right)):
                    if x != y:
                        return offset + index
                return offset + min(len(left), len(right))
            if not left:
                return None
            offset += len(left)


class Compare:
    def __init__(self, one, two, sparse=False, ignore=()):
        self.one = os.fsencode(one)
        self.two = os.fsencode(two)
        self.sparse = sparse
        # Relative paths that are known to exist on one side only.
        self.ignore = {os.fsencode(path) for path in ignore}
        self.ignore.add(os.fsencode(PRIVATE))
        self.differences = []
        self.objects = 0

    def say(self, path, what):
        self.differences.append('%s: %s' % (
            os.fsdecode(path or b'.'), what))

    def run(self):
        self.object(b'')
        return self.differences

    def object(self, path):
        one = os.path.join(self.one, path) if path else self.one
        two = os.path.join(self.two, path) if path else self.two
        a, b = os.lstat(one), os.lstat(two)
        self.objects += 1
        if kind(a) != kind(b):
            self.say(path, '%s here, %s there' % (kind(a), kind(b)))
            return
        self.status(path, a, b)
        self.attributes(path, one, two)
        if stat.S_ISDIR(a.st_mode):
            self.directory(path, one, two)
        elif stat.S_ISLNK(a.st_mode):
            self.link(path, one, two)
        elif stat.S_ISREG(a.st_mode):
            self.file(path, one, two, a, b)

    def status(self, path, a, b):
        for name, left, right in (
                ('mode', oct(stat.S_IMODE(a.st_mode)),
                 oct(stat.S_IMODE(b.st_mode))),
                ('owner', a.st_uid, b.st_uid),
                ('group', a.st_gid, b.st_gid),
                ('device', a.st_rdev, b.st_rdev)):
            if left != right:
                self.say(path, '%s %s here, %s there' % (name, left, right))
        if not stat.S_ISDIR(a.st_mode) and a.st_mtime_ns != b.st_mtime_ns:
            self.say(path, 'mtime %d here, %d there' % (
                a.st_mtime_ns, b.st_mtime_ns))

    def attributes(self, path, one, two):
        a, b = xattrs(one), xattrs(two)
        for name in sorted(a.keys() | b.keys()):
            if name not in b:
                self.say(path, 'attribute %s only here' % name)
            elif name not in a:
                self.say(path, 'attribute %s only there' % name)
            elif a[name] != b[name]:
                self.say(path, 'attribute %s: %d bytes %s here, %d %s there'
                         % (name, len(a[name]), a[name][:24].hex(),
                            len(b[name]), b[name][:24].hex()))

    def directory(self, path, one, two):
        a, b = set(os.listdir(one)), set(os.listdir(two))
        for name in sorted(a | b):
            child = os.path.join(path, name)
            if child in self.ignore:
                continue
            if name not in b:
                self.say(child, 'only here')
            elif name not in a:
                self.say(child, 'only there')
            else:
                self.object(child)

    def link(self, path, one, two):
        a, b = os.readlink(one), os.readlink(two)
        if a != b:
            self.say(path, 'target %s here, %s there' % (
                os.fsdecode(a), os.fsdecode(b)))

    def file(self, path, one, two, a, b):
        if a.st_size != b.st_size:
            self.say(path, 'size %d here, %d there' % (a.st_size, b.st_size))
            return
        offset = first_difference(one, two)
        if offset is not None:
            self.say(path, 'bytes differ from offset %d' % offset)
        elif self.sparse:
            left, right = holes(one, a.st_size), holes(two, b.st_size)
            if left != right:
                self.say(path, 'data at %s here, %s there' % (
                    left[:4], right[:4]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('one')
    parser.add_argument('two')
    parser.add_argument('--sparse', action='store_true',
                        help='holes must be at the same places')
    options = parser.parse_args()
    compare = Compare(options.one, options.two, options.sparse)
    try:
        differences = compare.run()
    except OSError as error:
        print('compare: %s' % error, file=sys.stderr)
        return 2
    for line in differences:
        print(line)
    return 1 if differences else 0


if __name__ == '__main__':
    sys.exit(main())
