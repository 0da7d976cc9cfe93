#
#  Samba DFS Replication
#  The change log, read by a test in place of dfsrd
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
"""dfsrd's half of the journal, by way of libdfsr.so.

    journal = Journal(host)
    journal.publish(host.content)
    ...
    for record in journal.records():
        print(record)
"""

import ctypes
import errno
import os
import select
import time

import lab as laboratory

KINDS = ['?', 'intent', 'named', 'outcome', 'flush']
OPS = ['?', 'change', 'create', 'mkdir', 'unlink', 'rmdir', 'rename', 'link',
       'symlink', 'mknod', 'meta']
REASONS = ['', 'done', 'close', 'disconnect', 'durable', 'died']
STATX_BTIME = 0x800
AT_SYMLINK_NOFOLLOW = 0x100


class Ident(ctypes.Structure):
    _fields_ = [('ino', ctypes.c_uint64), ('sec', ctypes.c_int64),
                ('nsec', ctypes.c_uint32)]

    def key(self):
        return (self.ino, self.sec, self.nsec)


class RawRecord(ctypes.Structure):
    _fields_ = [('kind', ctypes.c_uint8), ('op', ctypes.c_uint8),
                ('reason', ctypes.c_uint8), ('hint', ctypes.c_bool),
                ('error', ctypes.c_int32), ('hold_msec', ctypes.c_uint32),
                ('pid', ctypes.c_uint32), ('slot', ctypes.c_uint16),
                ('incarnation', ctypes.c_uint32),
                ('counter', ctypes.c_uint64), ('intent', ctypes.c_uint64),
                ('time_nsec', ctypes.c_uint64), ('object', Ident),
                ('parent', Ident), ('parent2', Ident), ('replaced', Ident),
                ('name', ctypes.c_char * 256),
                ('name2', ctypes.c_char * 256)]


class RawFolder(ctypes.Structure):
    _fields_ = [('number', ctypes.c_uint32), ('folder', ctypes.c_uint8 * 16),
                ('enabled', ctypes.c_bool), ('readonly', ctypes.c_bool),
                ('root', Ident), ('fsid', ctypes.c_uint64),
                ('path', ctypes.c_char_p)]


class RawFolders(ctypes.Structure):
    _fields_ = [('generation', ctypes.c_uint64), ('num', ctypes.c_uint32),
                ('e', ctypes.POINTER(RawFolder))]


class StatxTime(ctypes.Structure):
    _fields_ = [('sec', ctypes.c_int64), ('nsec', ctypes.c_uint32),
                ('pad', ctypes.c_int32)]


class Statx(ctypes.Structure):
    _fields_ = [('head', ctypes.c_uint32 * 8), ('ino', ctypes.c_uint64),
                ('sizes', ctypes.c_uint64 * 3), ('atime', StatxTime),
                ('btime', StatxTime), ('rest', ctypes.c_uint8 * 256)]


def ident(path):
    """(inode, seconds, nanoseconds of birth) of what has this name."""
    libc = ctypes.CDLL(None, use_errno=True)
    got = Statx()
    if libc.statx(-100, os.fsencode(path), AT_SYMLINK_NOFOLLOW,
                  0x100 | STATX_BTIME, ctypes.byref(got)) != 0:
        raise OSError(ctypes.get_errno(), path)
    return (got.ino, got.btime.sec, got.btime.nsec)


class Record:
    def __init__(self, raw):
        self.kind = KINDS[raw.kind]
        self.op = OPS[raw.op]
        self.reason = REASONS[raw.reason]
        self.error = raw.error
        self.hold_msec = raw.hold_msec
        self.pid = raw.pid
        self.name = os.fsdecode(raw.name)
        self.name2 = os.fsdecode(raw.name2)
        for key in ('object', 'parent', 'parent2', 'replaced'):
            setattr(self, key, getattr(raw, key).key())

    def __repr__(self):
        text = '%s %s' % (self.kind, self.op)
        if self.reason:
            text += ' ' + self.reason
        if self.error:
            text += ' ' + errno.errorcode.get(self.error, str(self.error))
        return '<%s %d %s%s>' % (text, self.object[0], self.name,
                                 ' ' + self.name2 if self.name2 else '')


class Journal:
    def __init__(self, host):
        self.lib = ctypes.CDLL(os.path.join(laboratory.BIN, 'libdfsr.so'))
        self.lib.dfsr_journal_overflow.restype = ctypes.c_uint64
        self.lib.dfsr_journal_overflow.argtypes = [ctypes.c_void_p]
        self.lib.dfsr_journal_overflow_clear.argtypes = [ctypes.c_void_p,
                                                         ctypes.c_uint64]
        self.lib.dfsr_journal_quiesced.argtypes = [ctypes.c_void_p,
                                                   ctypes.c_uint64]
        self.lib.dfsr_journal_quiesced.restype = ctypes.c_bool
        self.lib.dfsr_journal_reader_seal.argtypes = [ctypes.c_void_p,
                                                      ctypes.c_size_t]
        self.lib.dfsr_journal_reader_busy.restype = ctypes.c_bool
        self.dir = os.path.join(host.folder, 'state', 'dfs')
        self.reader = ctypes.c_void_p()
        self.open()

    def open(self):
        boot = (ctypes.c_uint8 * 16)()
        found = ctypes.c_uint()
        self.call('dfsr_journal_boot_id', boot)
        self.call('dfsr_journal_reader_open', None,
                  os.fsencode(self.dir), boot, ctypes.byref(found),
                  ctypes.byref(self.reader))

    def call(self, name, *args):
        ret = getattr(self.lib, name)(*args)
        if ret != 0:
            raise OSError(ret, '%s: %s' % (name, os.strerror(ret)))

    def publish(self, *roots, quiesce=True):
        """Enable folders with these roots, and nothing else."""
        rows = (RawFolder * max(len(roots), 1))()
        for index, root in enumerate(roots):
            row = rows[index]
            row.number = index + 1
            row.enabled = True
            row.root.ino, row.root.sec, row.root.nsec = ident(root)
            row.fsid = os.statvfs(root).f_fsid
            row.path = os.fsencode(root)
        table = RawFolders(0, len(roots), rows)
        self.call('dfsr_journal_publish_folders', self.reader,
                  ctypes.byref(table))
        deadline = time.monotonic() + 10
        while quiesce and not self.quiesced(table.generation):
            if time.monotonic() > deadline:
                raise AssertionError('smbd does not obey')
            time.sleep(0.005)
        return table.generation

    def quiesced(self, generation):
        return self.lib.dfsr_journal_quiesced(self.reader, generation)

    def records(self):
        """Everything that is new."""
        found = []
        while True:
            raw = RawRecord()
            ret = self.lib.dfsr_journal_reader_next(self.reader,
                                                    ctypes.byref(raw))
            if ret == errno.EAGAIN:
                return found
            if ret != 0:
                raise OSError(ret, os.strerror(ret))
            found.append(Record(raw))

    def wait(self, predicate, timeout=10):
        """Records up to the first for which the predicate holds."""
        found = []
        deadline = time.monotonic() + timeout
        while True:
            found += self.records()
            if any(predicate(record) for record in found):
                return found
            left = deadline - time.monotonic()
            fd = self.lib.dfsr_journal_reader_fd(self.reader)
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise AssertionError('not seen; only %r' % (found,))

    def busy(self, path):
        raw = Ident(*ident(path))
        return self.lib.dfsr_journal_reader_busy(self.reader,
                                                 ctypes.byref(raw))

    def overflow(self):
        """True if the mark was set; it is cleared."""
        number = self.lib.dfsr_journal_overflow(self.reader)
        self.lib.dfsr_journal_overflow_clear(self.reader, number)
        return number != 0

    def seal(self):
        self.call('dfsr_journal_reader_seal', self.reader, 0)
