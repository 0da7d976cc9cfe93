#
#  Samba DFS Replication
#  One file server of the laboratory
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
"""A host: namespaces, a filesystem, smb.conf, smbd, dfsrd."""

import contextlib
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import time

import kernel
import lab as laboratory
from smb import Smb

SID = 'S-1-5-21-1000-2000-3000'
USERS = (('alice', 20001), ('bob', 20002))
PASSWORD = 'secret'

CONF = '''[global]
	workgroup = LAB
	netbios name = {name}
	server role = standalone server
	map to guest = Bad User
	guest account = root
	disable netbios = yes
	smb ports = 445
	interfaces = {smb}/24
	bind interfaces only = yes
	load printers = no
	printing = bsd
	printcap name = /dev/null
	disable spoolss = yes
	server multi channel support = no
	lock directory = {folder}/lock
	state directory = {folder}/state
	cache directory = {folder}/cache
	private dir = {folder}/private
	pid directory = {folder}/pid
	ncalrpc dir = {folder}/ncalrpc
	log file = {folder}/log.%m
	max log size = 0
	log level = 1
	logging = file
	panic action = /bin/true
	dfsr:port = {port}
	dfsr:interfaces = {rep}
{extra}

[data]
	path = {content}
	read only = no
	guest ok = yes
	create mask = 0777
	directory mask = 0777
	vfs objects = {objects}
	ea support = yes
	store dos attributes = yes
{share}
{more}
'''


class CliError(Exception):
    """samba-dfs ended with a status other than 0."""

    def __init__(self, status, text, words):
        super().__init__('samba-dfs %s: status %d: %s' % (
            ' '.join(words), status, text.strip()))
        self.status = status
        self.text = text


class Host:
    port = 5722

    def __init__(self, lab, index, name, filesystem, module, users, size,
                 conf=None):
        self.lab, self.index, self.name = lab, index, name
        self.filesystem, self.module = filesystem, module
        self.folder = os.path.join(lab.folder, name)
        self.address = '10.77.0.%d' % (11 + index)
        self.rep_address = '10.78.0.%d' % (11 + index)
        self.conf = os.path.join(self.folder, 'smb.conf')
        self.mounted = os.path.join(self.folder, 'fs')
        self.content = os.path.join(self.mounted, 'data')
        self.processes = {}
        self.connections = {}
        self.groups = {}
        self.environment = {}
        self.objects = ['acl_xattr', 'streams_xattr']
        if module:
            self.objects.append('dfsr')
        # More of smb.conf: lines of [global], lines of [data], sections.
        self.extra = self.share = self.more = ''
        for key, value in (conf or {}).items():
            setattr(self, key, value.format(host=self))
        for name in ('', 'lock', 'state', 'cache', 'private', 'pid',
                     'ncalrpc', 'fs'):
            os.mkdir(os.path.join(self.folder, name))
        os.chmod(os.path.join(self.folder, 'private'), 0o700)
        self.make_filesystem(size)
        self.hold()
        self.network()
        self.modules()
        self.write_conf()
        if users:
            self.make_users()

    # Namespaces

    def make_filesystem(self, size):
        if self.filesystem != 'dir':
            image = os.path.join(self.folder, 'image')
            with open(image, 'wb') as file:
                file.truncate(parse_size(size))
            options = {'xfs': ['-q', '-f'], 'ext4': ['-q', '-F', '-m', '0'],
                       'btrfs': ['-q', '-f']}[self.filesystem]
            run('mkfs.' + self.filesystem, *options, image)
            run('mount', '-o', 'loop', image, self.mounted)
        os.mkdir(self.content)
        os.chmod(self.content, 0o777)

    def hold(self):
        """A sleeping process that keeps this host's namespaces."""
        def enter():
            if not self.lab.keep:
                kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWNET)
        self.holder = subprocess.Popen(
            ['sleep', 'infinity'], preexec_fn=enter, cwd='/',
            start_new_session=self.lab.keep, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.namespaces = [
            os.open('/proc/%d/ns/%s' % (self.holder.pid, name), os.O_RDONLY)
            for name in ('net', 'mnt')]
        # In a chroot the root of a namespace is not ours.
        self.root = os.open('/proc/%d/root' % self.holder.pid,
                            os.O_RDONLY | os.O_DIRECTORY)

    def cable(self, name):
        """The lab's end of a cable of this host."""
        return '%s-%s' % (name, self.name)

    def network(self):
        lines = []
        inside = ['link set lo up']
        for name, address in (('smb', self.address),
                              ('rep', self.rep_address)):
            cable = self.cable(name)
            lines += ['link add %s type veth peer name %s0 netns %d' % (
                cable, name, self.holder.pid),
                'link set %s master br-%s up' % (cable, name)]
            inside += ['addr add %s/24 dev %s0' % (address, name),
                       'link set %s0 up' % name]
        self.lab.ip(*lines)
        self.run(['ip', '-batch', '-'], input='\n'.join(inside))

    def modules(self):
        """The folder of smbd's modules, with ours added."""
        where = modules_folder()
        folder = os.path.join(self.folder, 'modules')
        shutil.copytree(where, folder)
        if self.module:
            shutil.copy(os.path.join(laboratory.BIN, 'vfs', 'dfsr.so'),
                        folder)
        self.run(['mount', '--bind', folder, where])

    def write_conf(self):
        with open(self.conf, 'w', encoding='ascii') as file:
            file.write(CONF.format(
                name=self.name.upper(), smb=self.address,
                rep=self.rep_address, folder=self.folder, port=self.port,
                content=self.content, objects=' '.join(self.objects),
                extra=indent(self.extra), share=indent(self.share),
                more=self.more))

    def make_users(self):
        for path in ('passwd', 'group'):
            own = os.path.join(self.folder, path)
            shutil.copy('/etc/' + path, own)
            with open(own, 'a', encoding='ascii') as file:
                for user, number in USERS:
                    if path == 'passwd':
                        file.write('%s:x:%d:%d::/:/bin/false\n' % (
                            user, number, number))
                    else:
                        file.write('%s:x:%d:\n' % (user, number))
            self.run(['mount', '--bind', own, '/etc/' + path])
        self.run(['net', '-s', self.conf, 'setlocalsid', SID])
        for user, _ in USERS:
            self.run(['smbpasswd', '-c', self.conf, '-s', '-a', user],
                     input=(PASSWORD + '\n') * 2)

    # Processes

    def enter(self, group=None):
        """A function that moves a new process into this host."""
        def move():
            if group:
                with open(group, 'w', encoding='ascii') as file:
                    file.write('0')
            if not self.lab.keep:
                kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            for descriptor in self.namespaces:
                kernel.setns(descriptor)
            os.fchdir(self.root)
            os.chroot('.')
        return move

    def run(self, words, input=None, timeout=60, check=True):
        """Run a command on this host; what it says, errors included."""
        done = subprocess.run(
            words, input=input, encoding='utf-8', errors='replace',
            stdin=subprocess.DEVNULL if input is None else None,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=self.enter(), timeout=timeout, check=False)
        if check and done.returncode != 0:
            raise laboratory.LabError('%s: %s: %s' % (
                self.name, ' '.join(words), done.stdout.strip()))
        return done.stdout

    def spawn(self, name, words):
        """Start a daemon, with a cgroup of its own."""
        log = open(os.path.join(self.folder, 'log.' + name), 'ab')
        with log:
            self.processes[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, cwd='/',
                env=dict(os.environ, LC_ALL='C.UTF-8', **self.environment),
                # smbd ends its whole process group when it ends.
                start_new_session=True,
                preexec_fn=self.enter(self.make_group(name)))
        return self.processes[name]

    def make_group(self, name):
        """A cgroup that counts the CPU of one daemon, where there are."""
        unique = 'dfs%d-%s-%s' % (os.getpid(), self.name, name)
        for top, members in (('/sys/fs/cgroup/cpuacct', 'tasks'),
                             ('/sys/fs/cgroup', 'cgroup.procs')):
            if not os.path.exists(os.path.join(top, members)):
                continue
            folder = os.path.join(top, unique)
            try:
                os.makedirs(folder, exist_ok=True)
            except OSError:
                continue
            self.groups[name] = folder
            return os.path.join(folder, members)
        return None

    def cpu(self, name='smbd'):
        """Seconds of CPU that a daemon and its children have used."""
        folder = self.groups.get(name)
        if folder is None:
            raise laboratory.LabError('no cgroup counts the CPU here')
        usage = os.path.join(folder, 'cpuacct.usage')
        if os.path.exists(usage):
            with open(usage, encoding='ascii') as file:
                return int(file.read()) / 1e9
        with open(os.path.join(folder, 'cpu.stat'), encoding='ascii') as file:
            return int(dict(line.split() for line in file)['usage_usec']) / 1e6

    def start(self, dfsrd=True):
        # dfsrd first: what smbd's clients write from the beginning counts.
        if dfsrd:
            if not os.path.exists(os.path.join(self.folder, 'state/dfs')):
                self.cli('node', 'init', '--name', self.name,
                         '--address', '%s:%d' % (self.rep_address, self.port))
            self.start_dfsrd()
        self.start_smbd()

    def start_smbd(self):
        self.spawn('smbd', ['smbd', '-F', '--no-process-group',
                            '-s', self.conf])
        self.until(self.listens, 'smbd listens', 'smbd')

    def listens(self):
        try:
            socket.create_connection((self.address, 445), 1).close()
            return True
        except OSError:
            return False

    def start_dfsrd(self):
        self.spawn('dfsrd', [os.path.join(laboratory.BIN, 'dfsrd'),
                             '-F', '-s', self.conf])
        self.until(self.answers, 'dfsrd answers', 'dfsrd')

    def answers(self):
        try:
            self.cli('group', 'list')
            return True
        except CliError:
            return False

    def until(self, predicate, what, name, timeout=20):
        deadline = time.monotonic() + timeout
        while not predicate():
            if self.processes[name].poll() is not None:
                raise laboratory.LabError('%s: %s ended with status %s' % (
                    self.name, name, self.processes[name].returncode))
            if time.monotonic() > deadline:
                raise laboratory.LabError('%s: not within %d s: %s' % (
                    self.name, timeout, what))
            time.sleep(0.01)

    def pid(self, name):
        return self.processes[name].pid

    def stop(self, name, number=signal.SIGTERM, timeout=10):
        """End a daemon; how many seconds it took."""
        process = self.processes.pop(name, None)
        if process is None:
            return 0.0
        start = time.monotonic()
        process.send_signal(number)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise laboratory.LabError('%s: %s did not end within %d s' % (
                self.name, name, timeout)) from None
        return time.monotonic() - start

    def kill(self, name):
        self.stop(name, signal.SIGKILL)

    def close(self):
        self.connections.clear()
        for name in ('dfsrd', 'smbd'):
            with contextlib.suppress(laboratory.LabError):
                self.stop(name, timeout=4)
        self.holder.kill()
        self.holder.wait()
        for descriptor in self.namespaces + [self.root]:
            os.close(descriptor)

    def unmount(self):
        for folder in self.groups.values():
            for _ in range(100):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
                    break
                time.sleep(0.02)
        if self.filesystem != 'dir':
            try:
                kernel.unmount(self.mounted)
            except OSError:
                kernel.unmount(self.mounted, kernel.MNT_DETACH)

    # What tests ask

    def path(self, name=''):
        return os.path.join(self.content, name) if name else self.content

    def smb(self, user='root', share='data', fresh=False):
        """The connection of a user to this host; a new one when asked."""
        key = (user, share)
        if fresh or key not in self.connections:
            connection = Smb(
                os.path.join(self.lab.folder, 'client'), self.address, share,
                user, 'x' if user == 'root' else PASSWORD)
            if fresh:
                return connection
            self.connections[key] = connection
        return self.connections[key]

    def holds(self, name, data):
        with open(self.path(name), 'rb') as file:
            return file.read() == data

    def absent(self, name):
        return not os.path.lexists(self.path(name))

    def cli(self, *words, timeout=60, status=0):
        """Run samba-dfs here; text, or the value if --json is asked."""
        if len(words) == 1:
            words = shlex.split(words[0])
        command = [os.path.join(laboratory.BIN, 'samba-dfs'), '-s', self.conf]
        try:
            done = subprocess.run(
                command + list(words), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                encoding='utf-8', errors='replace',
                preexec_fn=self.enter(), timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            raise CliError(-1, 'no end within %d s' % timeout,
                           words) from None
        if done.returncode != status:
            raise CliError(done.returncode, done.stderr or done.stdout, words)
        if '--json' in words:
            return json.loads(done.stdout)
        return done.stdout if status == 0 else done.stderr

    def rows(self, *words):
        """The list that a reading verb gives as JSON."""
        value = self.cli(*words, '--json')
        if isinstance(value, dict):
            lists = [v for v in value.values() if isinstance(v, list)]
            value = lists[0] if len(lists) == 1 else [value]
        return value

    def events(self, number=None):
        words = ['events']
        if number is not None:
            words.append('--id=%d' % number)
        return self.rows(*words)

    def conflicts(self):
        """What was preserved here for another reason than a delete."""
        return [row for row in self.rows('preserved', 'list',
                                         laboratory.GROUP, laboratory.FOLDER)
                if row.get('conflict') != 'deleted']

    def wait_event(self, number, text='', seen=0, timeout=15):
        """The first event of a number that holds a text, after some seen."""
        deadline = time.monotonic() + timeout
        while True:
            found = [event for event in self.events(number)[seen:]
                     if text in json.dumps(event, ensure_ascii=False)]
            if found:
                return found[0]
            if time.monotonic() > deadline:
                raise AssertionError('%s: no event %d with "%s"' % (
                    self.name, number, text))
            time.sleep(0.05)

    def traffic(self):
        """Bytes that this host has sent and received for replication."""
        total = 0
        for line in self.run(['cat', '/proc/self/net/dev']).splitlines():
            name, _, values = line.strip().partition(':')
            if name == 'rep0':
                words = values.split()
                total = int(words[0]) + int(words[8])
        return total


def modules_folder():
    done = subprocess.run(['smbd', '-b'], stdout=subprocess.PIPE,
                          encoding='utf-8', check=True)
    for line in done.stdout.splitlines():
        word, _, value = line.strip().partition(': ')
        if word == 'MODULESDIR':
            return os.path.join(value, 'vfs')
    raise laboratory.LabError('smbd -b names no MODULESDIR')


def indent(text):
    return ''.join('\t%s\n' % line for line in text.splitlines())


def parse_size(text):
    units = {'K': 10, 'M': 20, 'G': 30}
    return int(text[:-1]) << units[text[-1]]


def run(*words):
    done = subprocess.run(words, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding='utf-8', errors='replace', check=False)
    if done.returncode != 0:
        raise laboratory.LabError('%s: %s' % (' '.join(words),
                                              done.stdout.strip()))
    return done.stdout
