#
#  Samba DFS Replication
#  An SMB client for tests
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
"""A persistent SMB connection with the operations that tests need.

Paths use slashes. Samba's own client library does what it can do; the rest is
done by smbclient (a process per call) or, for single IOCTLs, by impacket.
"""

import contextlib
import os
import subprocess

from samba import credentials
from samba.dcerpc import security
from samba.samba3 import libsmb_samba_internal as libsmb, param

SUPERSEDE, OPEN, CREATE, OPEN_IF, OVERWRITE, OVERWRITE_IF = range(6)
DIRECTORY_FILE = 0x1
NON_DIRECTORY_FILE = 0x40
GENERIC_ALL = security.SEC_FLAG_MAXIMUM_ALLOWED
READ = 0x120089
WRITE = 0x120116
SHARE_ALL = 7

FSCTL_SET_SPARSE = 0x900c4
FSCTL_SET_ZERO_DATA = 0x980c8

END_OF_FILE = 20

BLOCK = 1024 * 1024

CLIENT_CONF = '''[global]
	workgroup = LAB
	client min protocol = SMB2_02
	client max protocol = SMB3_11
	client signing = if_required
	name resolve order = host
	lock directory = {0}
	state directory = {0}
	cache directory = {0}
	private dir = {0}
'''


def backslashes(path):
    return path.replace('/', '\\')


class File:
    """An open file."""

    def __init__(self, connection, number):
        self.connection = connection
        self.number = number

    def write(self, data, offset=0):
        view = memoryview(data)
        while len(view):
            part = bytes(view[:BLOCK])
            done = self.connection.write(self.number, part, offset)
            view, offset = view[done:], offset + done

    def read(self, size, offset=0):
        return self.connection.read(self.number, offset, size)

    def close(self):
        if self.number is not None:
            number, self.number = self.number, None
            self.connection.close(number)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Smb:
    def __init__(self, folder, address, share, user='root', password='x'):
        """folder: where the client may keep its own files."""
        self.address, self.share = address, share
        self.user, self.password = user, password
        os.makedirs(folder, exist_ok=True)
        self.conf = os.path.join(folder, 'client.conf')
        if not os.path.exists(self.conf):
            with open(self.conf, 'w', encoding='ascii') as file:
                file.write(CLIENT_CONF.format(folder))
        self.parameters = param.get_context()
        self.parameters.load(self.conf)
        self.connect()

    def connect(self):
        who = credentials.Credentials()
        who.guess(self.parameters)
        who.set_kerberos_state(credentials.DONT_USE_KERBEROS)
        who.set_username(self.user)
        who.set_password(self.password)
        who.set_domain('LAB')
        self.connection = libsmb.Conn(self.address, self.share,
                                      self.parameters, who)
        self.connection.settimeout(60000)

    def close(self):
        self.connection = None

    # Files

    def open(self, path, how=OPEN_IF, access=GENERIC_ALL, share=SHARE_ALL,
             attributes=0, options=NON_DIRECTORY_FILE):
        return File(self.connection, self.connection.create(
            backslashes(path), DesiredAccess=access,
            FileAttributes=attributes, ShareAccess=share,
            CreateDisposition=how, CreateOptions=options))

    def write(self, path, data, attributes=0):
        with self.open(path, OVERWRITE_IF, attributes=attributes) as file:
            file.write(data)

    def write_stream(self, path, name, data):
        """Make or replace a stream; the file's attributes stay."""
        with self.open('%s:%s' % (path, name), OPEN_IF) as file:
            file.write(data)
        self.truncate('%s:%s' % (path, name), len(data))

    def append(self, path, data):
        with self.open(path, OPEN) as file:
            file.write(data, self.size(path))

    def patch(self, path, data, offset):
        with self.open(path, OPEN) as file:
            file.write(data, offset)

    def read(self, path):
        return self.connection.loadfile(backslashes(path))

    def rename(self, old, new, replace=False):
        self.connection.rename(backslashes(old), backslashes(new), replace)

    def unlink(self, path):
        self.connection.unlink(backslashes(path))

    def mkdir(self, path):
        self.connection.mkdir(backslashes(path))

    def mkdirs(self, path):
        done = ''
        for part in path.split('/'):
            done = done + '/' + part if done else part
            if not self.isdir(done):
                self.mkdir(done)

    def rmdir(self, path):
        self.connection.rmdir(backslashes(path))

    def deltree(self, path):
        self.connection.deltree(backslashes(path))

    def isdir(self, path):
        return self.connection.chkpath(backslashes(path))

    def list(self, path=''):
        names = self.connection.list(
            backslashes(path), '*', libsmb.FILE_ATTRIBUTE_SYSTEM |
            libsmb.FILE_ATTRIBUTE_HIDDEN | libsmb.FILE_ATTRIBUTE_DIRECTORY |
            libsmb.FILE_ATTRIBUTE_ARCHIVE | libsmb.FILE_ATTRIBUTE_READONLY)
        return {entry['name']: entry for entry in names
                if entry['name'] not in ('.', '..')}

    def exists(self, path):
        parent, _, name = path.rpartition('/')
        return name in self.list(parent)

    def size(self, path):
        parent, _, name = path.rpartition('/')
        return self.list(parent)[name]['size']

    # Security

    def get_sddl(self, path):
        return self.connection.get_acl(
            backslashes(path), 7, READ).as_sddl()

    def set_sddl(self, path, sddl):
        """Set owner, group and DACL, as far as the SDDL names them."""
        what = 0
        for letter, bit in (('O:', security.SECINFO_OWNER),
                            ('G:', security.SECINFO_GROUP),
                            ('D:', security.SECINFO_DACL)):
            if letter in sddl:
                what |= bit
        descriptor = security.descriptor.from_sddl(
            sddl, security.dom_sid('S-1-5-21-1-2-3'))
        self.connection.set_acl(backslashes(path), descriptor, what)

    # What only smbclient can say

    def smbclient(self, *commands, folder=None, options=()):
        done = subprocess.run(
            ['smbclient', '-s', self.conf,
             '//%s/%s' % (self.address, self.share),
             '-U%s%%%s' % (self.user, self.password), *options, '-c',
             '; '.join(commands)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
            check=False, encoding='utf-8', errors='replace', timeout=600)
        if done.returncode != 0 or 'NT_STATUS_' in done.stdout:
            raise OSError('smbclient %s: %s' % (
                '; '.join(commands), done.stdout.strip()))
        return done.stdout

    def posix(self, *commands):
        """Commands of SMB1's UNIX extensions."""
        return self.smbclient('posix', *commands, options=(
            '-mNT1', '--option=client min protocol=NT1'))

    def symlink(self, target, path):
        self.posix('symlink "%s" "%s"' % (target, path))

    def set_attributes(self, path, change):
        """change: as smbclient's setmode, e.g. +rh-a"""
        self.smbclient('setmode "%s" %s' % (backslashes(path), change))

    def set_times(self, path, create='-1', write='-1'):
        """Times as smbclient's utimes: YY:MM:DD-HH:MM:SS, or -1."""
        self.smbclient('utimes "%s" %s -1 %s -1' % (
            backslashes(path), create, write))

    def set_ea(self, path, name, value):
        self.smbclient('setea "%s" %s "%s"' % (
            backslashes(path), name, value))

    def copy_on_server(self, old, new):
        self.smbclient('scopy "%s" "%s"' % (
            backslashes(old), backslashes(new)))

    def allinfo(self, path):
        return self.smbclient('allinfo "%s"' % backslashes(path))

    # What needs single requests

    def ioctl(self, path, code, data=b''):
        with self.impacket(path) as (server, tree, file):
            server.ioctl(tree, file, code, flags=1, inputBlob=data,
                         maxOutputResponse=0)

    def truncate(self, path, size):
        with self.impacket(path) as (server, tree, file):
            server.setInfo(tree, file, inputBlob=size.to_bytes(8, 'little'),
                           infoType=1, fileInfoClass=END_OF_FILE)

    @contextlib.contextmanager
    def impacket(self, path):
        from impacket import smb3structs
        from impacket.smbconnection import SMBConnection
        session = SMBConnection(self.address, self.address, timeout=30)
        session.login(self.user, self.password)
        try:
            server = session.getSMBServer()
            tree = session.connectTree(self.share)
            file = server.create(tree, backslashes(path), GENERIC_ALL,
                                 SHARE_ALL, 0, smb3structs.FILE_OPEN, 0)
            try:
                yield server, tree, file
            finally:
                server.close(tree, file)
        finally:
            session.close()

    def set_sparse(self, path):
        self.ioctl(path, FSCTL_SET_SPARSE)

    def punch(self, path, start, end):
        self.ioctl(path, FSCTL_SET_ZERO_DATA, start.to_bytes(8, 'little') +
                   end.to_bytes(8, 'little'))
