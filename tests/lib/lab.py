#
#  Samba DFS Replication
#  A laboratory of file servers on one machine
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
"""Two or more hosts, each with a stock smbd, the module and dfsrd.

The test's own process moves into a network and a mount namespace of its own,
so that nothing of the machine is touched and everything is gone when the last
process is. Each host is a pair of such namespaces again, held open by a
sleeping process. There are two networks:

  10.77.0.0/24  "smb": the test is .1 and host number N is .1N
  10.78.0.0/24  "rep": the same numbers; dfsrd speaks only here, so that a cut
                of this link leaves the SMB clients connected

In the mount namespace of a host the folder of smbd's modules is a copy with
dfsr.so added, and /etc/passwd has the lab's users.

    with Lab() as lab:
        lab.pair()
        a, b = lab.hosts
        a.smb().write('hello', b'world')
        lab.wait_for(lambda: b.holds('hello', b'world'))
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import compare
import host as hosts
import kernel

TOP = os.environ.get('DFSR_TOP') or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get('DFSR_BIN') or os.path.join(TOP, 'bin')
GROUP = 'lab'
FOLDER = 'data'

_alone = False


class LabError(Exception):
    pass


def be_alone():
    """Give this process namespaces of its own, once."""
    global _alone
    if _alone:
        return
    if os.getuid() != 0:
        raise LabError('the lab needs root')
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWNET)
    kernel.mount('none', '/', None, kernel.MS_REC | kernel.MS_PRIVATE)
    # What is left behind by a daemon that was killed comes to us.
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    _alone = True


def _asked_to_end(number, _frame):
    raise SystemExit(128 + number)


class Lab:
    def __init__(self, count=2, filesystems=('xfs',), module=True,
                 dfsrd=True, users=False, keep=False, names=None,
                 size='6G', conf=None):
        """
        filesystems: per host (the last one repeats): xfs, ext4, btrfs, dir
        module: per host or for all: is dfsr in vfs objects?
        dfsrd: per host or for all: does dfsrd run?
        conf: what smb.conf says more: extra ([global]), share ([data]), more
        users: are there alice and bob (password "secret") besides guests?
        """
        be_alone()
        self.keep = keep
        self.closed = False
        self.folder = tempfile.mkdtemp(prefix='dfs%d' % os.getpid(),
                                       dir=os.environ.get('TMPDIR', '/tmp'))
        os.chmod(self.folder, 0o755)
        atexit.register(self.close)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _asked_to_end)
        self.hosts = []
        try:
            self.networks()
            for index in range(count):
                kind = filesystems[min(index, len(filesystems) - 1)]
                use = module if isinstance(module, bool) else module[index]
                name = names[index] if names else 'fs%02d' % (index + 1)
                self.hosts.append(hosts.Host(
                    self, index, name, filesystem=kind, module=use,
                    users=users, size=size, conf=conf))
            for index, host in enumerate(self.hosts):
                host.start(dfsrd if isinstance(dfsrd, bool)
                           else dfsrd[index])
        except BaseException:
            self.show_logs()
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None and issubclass(kind, Exception):
            self.show_logs()
        self.close()

    def ip(self, *lines):
        done = subprocess.run(['ip', '-batch', '-'], input='\n'.join(lines),
                              encoding='ascii', stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if done.returncode != 0:
            raise LabError('ip: %s: %s' % ('; '.join(lines),
                                           done.stdout.strip()))

    def networks(self):
        self.bridges = ('smb', 'rep')
        lines = ['link set lo up']
        existing = os.listdir('/proc/sys/net/ipv4/conf')
        for name, net in zip(self.bridges, ('10.77.0', '10.78.0')):
            if 'br-' + name in existing:
                lines.append('link del br-' + name)
            lines += ['link add br-%s type bridge forward_delay 0' % name,
                      'link set br-%s up' % name,
                      'addr add %s.1/24 dev br-%s' % (net, name)]
        self.ip(*lines)

    # The first replication group

    def pair(self, primary=0, members=None, join=True):
        """Everything replicates with everything: one group, one folder."""
        members = members or self.hosts
        first = members[0]
        for host in members[1:] if join else ():
            token = first.cli('node', 'invite').strip()
            host.cli('node', 'join', token)
        first.cli('group', 'create', GROUP)
        first.cli('folder', 'create', GROUP, FOLDER)
        for host in members:
            first.cli('member', 'add', GROUP, host.name)
        for index, host in enumerate(members):
            for other in members[index + 1:]:
                first.cli('connection', 'create', GROUP,
                          '--from', host.name, '--to', other.name)
        chosen = self.hosts[primary]
        self.membership(first, chosen, '--primary')
        for host in members:
            if host is not chosen:
                self.membership(first, host)
        self.sync(members=members)
        return self

    @staticmethod
    def membership(active, host, *options):
        active.cli('membership', 'set', GROUP, FOLDER, host.name,
                   '--content-path=' + host.content, *options)

    def sync(self, timeout=60, members=None):
        """Wait until every member is in step, as each of them sees it."""
        for host in members or self.hosts:
            host.cli('wait', GROUP, FOLDER, '--timeout=%d' % timeout,
                     timeout=timeout + 10)

    def differences(self, one=0, two=1, **options):
        return compare.Compare(self.hosts[one].content,
                               self.hosts[two].content, **options).run()

    def alike(self, timeout=30, **options):
        """Every host has the same tree, now or within some seconds."""
        self.sync(max(timeout, 30))
        deadline = time.monotonic() + timeout
        pause = 0.02
        while True:
            found = []
            for index in range(1, len(self.hosts)):
                with contextlib.suppress(FileNotFoundError):
                    found += self.differences(0, index, **options)
            if not found:
                return
            if time.monotonic() > deadline:
                raise AssertionError('%d differences:\n%s' % (
                    len(found), '\n'.join(found[:20])))
            time.sleep(pause)
            pause = min(pause * 2, 1)

    # Waiting

    def wait_for(self, predicate, timeout=10, what='', host=None):
        """Return what the predicate says as soon as that is true.

        It is asked again whenever the filesystem of the host (or of the
        last one) changes. Files that come and go meanwhile are no error.
        """
        changes = kernel.Changes((host or self.hosts[-1]).content)
        deadline = time.monotonic() + timeout
        try:
            while True:
                said = None
                with contextlib.suppress(FileNotFoundError,
                                         NotADirectoryError):
                    said = predicate()
                if said:
                    return said
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError('not within %g s: %s' % (
                        timeout, what or 'what was waited for'))
                changes.wait(min(left, 0.1))
        finally:
            changes.close()

    # The link between the hosts

    def link_down(self, *chosen):
        """Pull the replication cable of these hosts (of all)."""
        for host in chosen or self.hosts:
            self.ip('link set %s down' % host.cable('rep'))

    def link_up(self, *chosen):
        for host in chosen or self.hosts:
            self.ip('link set %s up' % host.cable('rep'))

    def slow(self, rate):
        """Limit what goes to each host over the link; None: no longer."""
        for host in self.hosts:
            device = host.cable('rep')
            words = ['tc', 'qdisc', 'replace', 'dev', device, 'root', 'tbf',
                     'rate', str(rate), 'burst', '256k', 'latency', '100ms']
            if rate is None:
                words = ['tc', 'qdisc', 'del', 'dev', device, 'root']
            subprocess.run(words, check=True)

    # The end

    def keep_running(self):
        """Leave everything as it is; a process that holds our namespaces."""
        return subprocess.Popen(
            ['sleep', 'infinity'], cwd='/', start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL).pid

    def show_logs(self, lines=40):
        """What one wants to know when something went wrong."""
        for host in self.hosts:
            with contextlib.suppress(Exception):
                for line in host.cli('state').splitlines()[:lines]:
                    print('# %s state: %s' % (host.name, line))
            for name in ('dfsrd', 'smbd'):
                path = os.path.join(host.folder, 'log.' + name)
                with contextlib.suppress(OSError):
                    with open(path, errors='replace',
                              encoding='utf-8') as file:
                        tail = file.read().splitlines()[-lines:]
                    for line in tail:
                        print('# %s %s: %s' % (host.name, name, line))
        sys.stdout.flush()

    def close(self):
        if self.closed or self.keep:
            return
        self.closed = True
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for host in self.hosts:
            with contextlib.suppress(Exception):
                host.close()
        self.sweep()
        for host in self.hosts:
            with contextlib.suppress(Exception):
                host.unmount()
        with open('/proc/self/mountinfo', encoding='utf-8') as file:
            if self.folder + '/' in file.read():
                print('# something is still mounted below %s' % self.folder)
                return
        shutil.rmtree(self.folder, ignore_errors=True)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    @staticmethod
    def sweep():
        """End the daemons' children that were left over to us."""
        for _ in range(50):
            children = orphans()
            if not children:
                return
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def orphans():
    """Direct children of ours that run smbd or dfsrd."""
    found = []
    path = '/proc/self/task/%d/children' % os.getpid()
    try:
        with open(path, encoding='ascii') as file:
            pids = [int(word) for word in file.read().split()]
    except OSError:
        return found
    for pid in pids:
        with contextlib.suppress(OSError):
            with open('/proc/%d/comm' % pid, encoding='utf-8') as file:
                name = file.read().strip()
            if name.startswith(('smbd', 'dfsrd', 'rpcd', 'samba-dcerpcd',
                                'cleanupd', 'notifyd')):
                found.append(pid)
    return found
