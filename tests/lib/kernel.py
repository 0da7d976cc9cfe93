#
#  Samba DFS Replication
#  The few system calls that Python 3.11 has no name for
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
"""Namespaces, mounts, inotify and fanotify, by way of libc."""

import ctypes
import os
import select
import struct
import time

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_ALL = (IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM |
          IN_MOVED_TO | IN_CREATE | IN_DELETE)

FAN_NONBLOCK = 0x2
FAN_REPORT_DFID_NAME = 0xc00
FAN_MARK_ADD = 0x1
FAN_MARK_FILESYSTEM = 0x100
FAN_ONDIR = 0x40000000
AT_FDCWD = -100

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, '%s: %s' % (what, os.strerror(number)))
    return result


def unshare(flags):
    _check(_libc.unshare(flags), 'unshare')


def setns(descriptor):
    _check(_libc.setns(descriptor, 0), 'setns')


def mount(source, target, kind=None, flags=0):
    def text(value):
        return None if value is None else os.fsencode(value)
    _check(_libc.mount(text(source), text(target), text(kind),
                       ctypes.c_ulong(flags), None), 'mount %s' % target)


def unmount(target, flags=0):
    _check(_libc.umount2(os.fsencode(target), flags), 'umount %s' % target)


def prctl(option, value):
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), 'prctl')


class Inotify:
    """What happens to the names in some directories.

    events(timeout) yields (directory, name, mask, time); the time is that of
    the moment in which the event was read, by time.monotonic().
    """

    def __init__(self, *directories, mask=IN_ALL):
        self.fd = _check(_libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC),
                         'inotify_init1')
        self.mask = mask
        self.directories = {}
        for directory in directories:
            self.add(directory)

    def add(self, directory):
        path = os.fsencode(directory)
        watch = _check(_libc.inotify_add_watch(self.fd, path, self.mask),
                       'inotify_add_watch %s' % directory)
        self.directories[watch] = str(directory)

    def events(self, timeout):
        if not select.select([self.fd], [], [], max(timeout, 0))[0]:
            return
        now = time.monotonic()
        data = os.read(self.fd, 65536)
        offset = 0
        while offset < len(data):
            watch, mask, _, length = struct.unpack_from('iIII', data, offset)
            name = data[offset + 16:offset + 16 + length].rstrip(b'\0')
            offset += 16 + length
            yield (self.directories.get(watch), os.fsdecode(name), mask, now)

    def close(self):
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Changes:
    """Wakes up when anything at all changes on one filesystem."""

    def __init__(self, path):
        self.fd = -1
        try:
            self.fd = _check(_libc.fanotify_init(
                FAN_NONBLOCK | FAN_REPORT_DFID_NAME, os.O_RDONLY),
                'fanotify_init')
            _check(_libc.fanotify_mark(
                self.fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM,
                ctypes.c_uint64(IN_ALL | FAN_ONDIR), AT_FDCWD,
                os.fsencode(path)), 'fanotify_mark')
        except OSError:
            # Not every filesystem can (overlayfs): then we look now and then.
            self.close()

    def wait(self, seconds):
        """Return at the next change, or after these seconds."""
        if self.fd < 0:
            time.sleep(min(seconds, 0.01))
        elif select.select([self.fd], [], [], seconds)[0]:
            try:
                os.read(self.fd, 65536)
            except BlockingIOError:
                pass

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
