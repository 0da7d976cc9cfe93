#!/usr/bin/python3
#
#  Samba DFS Replication
#  samba-dfs and dfsrd on their own: words, permissions, full disks, signals
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
"""One dfsrd with a private smb.conf in a temporary folder; no smbd.

Every refusal must be one line on stderr with status 1 or 2, and must leave the
exported configuration as it was.
"""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, Skip, check, equal

BIN = os.path.join(TOP, 'bin')
PORT = 25722

CONF = '''[global]
	state directory = {folder}/state
	lock directory = {folder}/lock
	pid directory = {folder}/pid
	log file = {folder}/log.%m
	log level = 1 dfsr:3
	dfsr:port = {port}
	dfsr:interfaces = 127.0.0.1
'''

cases = Cases()


class Node:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix='dfsr-cli-')
        os.chmod(self.folder, 0o755)
        self.conf = os.path.join(self.folder, 'smb.conf')
        self.tmpfs = None
        with open(self.conf, 'w') as file:
            file.write(CONF.format(folder=self.folder, port=PORT))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        if self.tmpfs:
            subprocess.run(['umount', self.tmpfs])
        shutil.rmtree(self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def tool(self, *words, before=(), environment=None):
        """Status, standard output, and the lines of standard error."""
        done = subprocess.run(
            [*before, os.path.join(BIN, 'samba-dfs'), '-s', self.conf,
             *words], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60, env=environment)
        return done.returncode, done.stdout, done.stderr.splitlines()

    def do(self, *words):
        status, out, err = self.tool(*words)
        check(status == 0, '%s: %d %s' % (' '.join(words), status, err))
        return out

    def rows(self, *words):
        return json.loads(self.do(*words, '--json'))

    def configuration(self):
        return [self.rows(noun, 'list') for noun in (
            'node', 'group', 'folder', 'member', 'membership', 'connection')
        ] + [self.rows('node', 'show')['config_epoch']]

    def refused(self, *words, status=None, says=(), **more):
        got, out, err = self.tool(*words, **more)
        check(got in ((status,) if status else (1, 2)),
              '%s: status %d, %s%s' % (' '.join(words), got, out, err))
        equal(len(err), 1, 'lines of ' + ' '.join(words) + repr(err))
        check(err[0].startswith('samba-dfs: '), err[0])
        for word in says:
            check(word in err[0], '%r is not in %r' % (word, err[0]))
        return err[0]

    def daemon(self, *options, before=()):
        return subprocess.run(
            [*before, os.path.join(BIN, 'dfsrd'), '-s', self.conf, *options],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60)

    def start(self):
        done = self.daemon('-D')
        check(done.returncode == 0, done.stderr)

    def pid(self):
        try:
            with open(self.path('pid', 'dfsrd.pid')) as file:
                return int(file.read())
        except (FileNotFoundError, ValueError):
            return None

    def stop(self, number=signal.SIGTERM):
        pid = self.pid()
        if pid is None:
            return 0
        start = time.monotonic()
        os.kill(pid, number)
        while time.monotonic() - start < 10:
            try:
                with open('/proc/%d/stat' % pid) as file:
                    if file.read().rsplit(')', 1)[1].split()[0] == 'Z':
                        break
            except (FileNotFoundError, ProcessLookupError):
                break
            time.sleep(0.01)
        return time.monotonic() - start


@cases.case('without a daemon: verbs say so, node show asks for init')
def _(n):
    n.refused('group', 'list', status=1, says=['dfsrd -D', 'control'])
    n.refused('group', 'create', 'g', status=1, says=['dfsrd -D'])
    n.refused('node', 'show', status=1, says=['node init'])


@cases.case('node init makes an identity on the files, twice is once')
def _(n):
    first = json.loads(n.do('node', 'init', '--name=fs01',
                            '--address=127.0.0.1', '--json'))
    equal(first['name'], 'fs01')
    equal(first['address'], '127.0.0.1:%d' % PORT)
    equal(len(first['fingerprint']), 64)
    equal(json.loads(n.do('node', 'init', '--json')), first)
    equal(n.rows('node', 'show'), first)
    for name in ('key.pem', 'config.ldb'):
        mode = os.stat(n.path('state', 'dfs', name)).st_mode
        equal(stat.S_IMODE(mode), 0o600, name)
    equal(stat.S_IMODE(os.stat(n.path('state', 'dfs')).st_mode), 0o700)
    n.refused('node', 'init', '--name=a/b', status=2, says=['node name'])
    n.refused('node', 'init', '--address=x:0', status=2, says=['address'])
    equal(n.rows('node', 'show'), first)


@cases.case('-D returns when it is ready; a second one says who is first')
def _(n):
    n.start()
    equal(n.rows('node', 'show')['name'], 'fs01')
    second = n.daemon('-D')
    equal(second.returncode, 1)
    check(str(n.pid()) in second.stderr, second.stderr)
    third = n.daemon('-F')
    equal(third.returncode, 1)
    equal(len(third.stderr.splitlines()), 1, third.stderr)
    control = os.stat(n.path('lock', 'dfs', 'control'))
    equal(stat.S_IMODE(control.st_mode), 0o600)
    equal(stat.S_IMODE(os.stat(n.path('lock', 'dfs')).st_mode), 0o700)


@cases.case('every configuration verb works, also --dry-run and --json')
def _(n):
    os.mkdir(n.path('docs'))
    before = n.configuration()
    n.do('group', 'create', 'g', '--description=x', '--dry-run')
    equal(n.configuration(), before)
    n.do('group', 'create', 'g', '--description=A group')
    n.do('folder', 'create', 'g', 'docs', '--file-filter=*.tmp')
    n.do('folder', 'create', 'g', 'other')
    n.do('member', 'add', 'g', 'FS01')
    n.do('membership', 'set', '--primary', 'g', 'docs', 'fs01',
         '--content-path=' + n.path('docs') + '//', '--enabled=no')
    row = n.rows('membership', 'show', 'g', 'docs', 'fs01')
    equal(row['content_path'], n.path('docs'))
    equal((row['primary'], row['enabled']), (True, False))
    equal(row['staging_quota'], 4096 << 20)
    n.do('membership', 'set', 'g', 'docs', 'fs01', '--staging-quota-mb=10',
         '--primary=no')
    row, = n.rows('membership', 'list', 'g', 'docs')
    equal((row['staging_quota'], row['primary']), (10 << 20, False))
    n.do('group', 'modify', 'g', '--name=G 2')
    equal(n.rows('folder', 'show', 'G 2', 'docs')['file_filter'], '*.tmp')
    n.do('group', 'modify', 'G 2', '--name=g')
    shown = n.rows('group', 'show', 'g')
    equal([f['name'] for f in shown['folders']], ['docs', 'other'])
    for words in (['node', 'list'], ['node', 'show'], ['group', 'list'],
                  ['group', 'show', 'g'], ['folder', 'list', 'g'],
                  ['member', 'list'], ['membership', 'list'],
                  ['connection', 'list'], ['events'], ['state']):
        check(n.do(*words).strip(), ' '.join(words))


@cases.case('member modify: a description, and without one')
def _(n):
    modify = ['member', 'modify', 'g', 'fs01']
    before = n.configuration()
    row, = n.rows('member', 'list', 'g')
    equal(row['description'], '')
    n.do(*modify, '--description=x', '--dry-run')
    for status, says, words in (
            (2, ['description'], modify + ['--description=two\nlines']),
            (2, ['description'], modify + ['--description=' + 'x' * 1025]),
            (2, ['--name'], modify + ['--name=x']),
            (2, ['missing'], ['member', 'modify', 'g', '--description=x']),
            (1, ['group list'], ['member', 'modify', 'q', 'fs01',
                                 '--description=x']),
            (1, ['node list'], ['member', 'modify', 'g', 'fs09',
                                '--description=x']),
    ):
        n.refused(*words, status=status, says=says)
    equal(n.configuration(), before)
    n.do(*modify, '--description=Büro 2')
    row, = n.rows('member', 'list')
    equal(row['description'], 'Büro 2')
    equal(n.rows('group', 'show', 'g')['members'], [row])
    for words in (['member', 'list'], ['group', 'show', 'g']):
        check('Büro 2' in n.do(*words), ' '.join(words))
    n.do(*modify, '--description=')
    row, = n.rows('member', 'list', 'g')
    equal(row['description'], '')


@cases.case('nonsense is one line and changes nothing')
def _(n):
    before = n.configuration()
    path = '--content-path='
    file = n.path('a file')
    open(file, 'w').close()
    os.makedirs(n.path('docs', 'inside'), exist_ok=True)
    member = ['membership', 'set', 'g', 'other', 'fs01']
    for status, says, words in (
            (2, ['--help'], ['nothing']),
            (2, ['verb'], ['group']),
            (2, ['--help'], ['group', 'explode']),
            (2, ['missing'], ['group', 'create']),
            (2, ['too many'], ['group', 'create', 'a', 'b']),
            (2, ['--none'], ['group', 'create', 'q', '--none']),
            (2, ['-H'], ['-H', 'ldap://x', 'group', 'list']),
            (2, ['--dry-run'], ['group', 'list', '--dry-run']),
            (2, ['group name'], ['group', 'create', 'a/b']),
            (2, ['group name'], ['group', 'create', '']),
            (2, ['group name'], ['group', 'create', 'x' * 65]),
            (2, ['group name'], ['group', 'create', 'two\nlines']),
            (1, ['already'], ['group', 'create', 'G']),
            (1, ['group list'], ['group', 'show', 'q']),
            (1, ['--force'], ['group', 'delete', 'g']),
            (1, ['group list'], ['folder', 'list', 'q']),
            (1, ['folder list'], ['folder', 'delete', 'g', 'q']),
            (2, ['filter'], ['folder', 'create', 'g', 'q',
                             '--file-filter=a/b']),
            (1, ['node list'], ['member', 'add', 'g', 'fs09']),
            (1, ['already'], ['member', 'add', 'g', 'fs01']),
            (2, ['--content-path'], member),
            (2, ['absolute'], member + [path + 'docs']),
            (2, ['..'], member + [path + n.path('docs/../docs')]),
            (2, ['must not be /'], member + [path + '/']),
            (2, ['kernel'], member + [path + '/proc/1']),
            (1, ['nothere'], member + [path + n.path('nothere')]),
            (1, ['a file'], member + [path + file]),
            (1, ['docs'], member + [path + n.path('docs')]),
            (1, ['inside'], member + [path + n.path('docs', 'inside')]),
            (1, ['inside'], member + [path + n.folder]),
            (2, ['yes or no'], member + ['--enabled=maybe']),
            (2, ['quota'], member + [path + '/srv', '--staging-quota-mb=0']),
            (2, ['number'], member + ['--staging-quota-mb=-1']),
            (2, ['--to'], ['connection', 'create', 'g', '--from=fs01']),
            (2, ['two ends'], ['connection', 'create', 'g', '--from=fs01',
                               '--to=fs01']),
            (1, ['node list'], ['connection', 'create', 'g', '--from=fs01',
                                '--to=q']),
            (1, ['active'], ['node', 'remove', 'fs01']),
            (2, ['token'], ['node', 'join', 'dfsr1-AAAA']),
            (2, ['--since'], ['events', '--since=yesterday']),
            (2, ['format'], ['backlog', 'g', 'docs', '--from=fs01',
                             '--to=fs01', '--format=xml']),
    ):
        n.refused(*words, status=status, says=says)
    equal(n.configuration(), before)


@cases.case('words that are no UTF-8')
def _(n):
    before = n.configuration()
    for words in ([b'group', b'create', b'\xff'],
                  [b'group', b'create', b'q', b'--description=\xff']):
        done = subprocess.run(
            [os.path.join(BIN, 'samba-dfs').encode(), b'-s',
             n.conf.encode(), *words], capture_output=True)
        equal(done.returncode, 2)
        equal(len(done.stderr.splitlines()), 1)
    equal(n.configuration(), before)


@cases.case('another user: no permission, one line, status 1')
def _(n):
    if os.geteuid() != 0:
        raise Skip('not root')
    before = n.configuration()
    # the programs may stand where that user cannot go
    copy = tempfile.mkdtemp(prefix='dfsr-bin-')
    try:
        os.chmod(copy, 0o755)
        for name in ('samba-dfs', 'libdfsr.so.0'):
            shutil.copy(os.path.join(BIN, name), copy)
        for words in (['group', 'list'], ['group', 'create', 'q'],
                      ['node', 'show'], ['node', 'init', '--name=q']):
            done = subprocess.run(
                ['setpriv', '--reuid=65534', '--regid=65534',
                 '--clear-groups', os.path.join(copy, 'samba-dfs'), '-s',
                 n.conf, *words], capture_output=True, text=True)
            equal(done.returncode, 1, done.stderr)
            equal(len(done.stderr.splitlines()), 1, done.stderr)
    finally:
        shutil.rmtree(copy)
    equal(n.configuration(), before)


def raw(n):
    s = socket.socket(socket.AF_UNIX)
    s.connect(n.path('lock', 'dfs', 'control'))
    s.settimeout(20)
    return s


@cases.case('the control socket: nonsense, limits, many clients, hang-ups')
def _(n):
    request = b'{"noun":"group","verb":"list"}\n'
    for bad in (b'nonsense\n', b'{}\n', b'[]\n', b'{"noun":1,"verb":"x"}\n',
                b'{"noun":"group","verb":"list","args":"x"}\n',
                b'{"noun":"group","verb":"list","args":[1]}\n',
                b'{"noun":"group","verb":"list","args":["a\\u0000b"]}\n',
                b'{"noun":"group","verb":"show","options":[]}\n', b'\n',
                b'{"noun":"group","verb":"list","args":[' +
                b'"",' * 100 + b'""]}\n'):
        with raw(n) as s:
            s.sendall(bad)
            answer = json.loads(s.makefile().readline())
            equal(answer['status'], 2, bad)
            check(answer['error'], bad)
    # two in one packet, one in two
    with raw(n) as s:
        s.sendall(request + request[:10])
        lines = s.makefile()
        equal(json.loads(lines.readline())['status'], 0)
        s.sendall(request[10:])
        equal(json.loads(lines.readline())['status'], 0)
    # too long: hung up
    with raw(n) as s:
        try:
            s.sendall(b' ' * (2 << 20))
            s.sendall(b'x')
            equal(s.recv(10), b'')
        except (BrokenPipeError, ConnectionResetError):
            pass
    # followers that hang up, and more clients than there may be
    crowd = []
    for i in range(80):
        s = raw(n)
        crowd.append(s)
        try:
            s.sendall(b'{"noun":"events","verb":"show","options":'
                      b'{"follow":"yes","after":"999999"}}\n')
        except BrokenPipeError:
            pass
    for s in crowd:
        s.close()
    deadline = time.monotonic() + 10
    while n.tool('group', 'list')[0] != 0:
        check(time.monotonic() < deadline, 'no answer after the crowd')


@cases.case('events: numbers, filters, --follow')
def _(n):
    everything = n.rows('events', '--limit=0')
    check(any(e['id'] == 1004 for e in everything), 'no 1004')
    check(all(set(e) >= {'seq', 'time', 'id', 'level', 'message', 'data'}
              for e in everything), 'keys')
    some = n.rows('events', '--id=20010', '--limit=2')
    equal([e['id'] for e in some], [20010, 20010])
    equal(n.rows('events', '--since=2100-01-01'), [])
    check(n.rows('events', '--since=1h'), '--since=1h')
    child = subprocess.Popen(
        [os.path.join(BIN, 'samba-dfs'), '-s', n.conf, 'events', '--follow',
         '--id=20010', '--json', '--limit=1'], stdout=subprocess.PIPE,
        text=True)
    try:
        first = json.loads(child.stdout.readline())
        n.do('group', 'create', 'followed')
        second = json.loads(child.stdout.readline())
        check(second['seq'] > first['seq'], 'order')
        check('followed' in second['message'], second['message'])
    finally:
        child.kill()
        child.wait()
    n.do('group', 'delete', 'followed')


@cases.case('SIGHUP reopens the log and reads smb.conf again')
def _(n):
    log = n.path('log.dfsrd')
    os.rename(log, log + '.1')
    with open(n.conf) as file:
        text = file.read()
    try:
        with open(n.conf, 'w') as file:
            file.write(text.replace('dfsr:3', 'dfsr:5'))
        os.kill(n.pid(), signal.SIGHUP)
        deadline = time.monotonic() + 10
        while not os.path.exists(log) or not os.path.getsize(log):
            check(time.monotonic() < deadline, 'no new log')
            time.sleep(0.01)
    finally:
        with open(n.conf, 'w') as file:
            file.write(text)
    n.do('group', 'list')


@cases.case('SIGTERM and SIGINT: stopped within two seconds, all cleaned up')
def _(n):
    for number in (signal.SIGTERM, signal.SIGINT):
        with raw(n) as s:
            s.sendall(b'{"noun":"events","verb":"show","options":'
                      b'{"follow":"yes","after":"999999"}}\n')
            took = n.stop(number)
        check(took < 2, '%.1f s' % took)
        check(not os.path.exists(n.path('pid', 'dfsrd.pid')), 'pid file')
        check(not os.path.exists(n.path('lock', 'dfs', 'control')), 'socket')
        n.start()


@cases.case('killed: the next one starts over what is left')
def _(n):
    before = n.configuration()
    n.stop(signal.SIGKILL)
    n.refused('group', 'list', status=1, says=['dfsrd -D'])
    n.start()
    equal(n.configuration(), before)


@cases.case('-D tells why it cannot start')
def _(n):
    n.stop()
    with open(n.conf) as file:
        text = file.read()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        for line, word in (('\tinclude = registry\n', 'registry'),
                           ('\tdfsr:port = 0\n', 'dfsr:port'),
                           ('\tpid directory = /proc/none\n', '/proc')):
            with open(n.conf, 'w') as file:
                file.write(text + line)
            done = n.daemon('-D')
            equal(done.returncode, 1, line)
            equal(len(done.stderr.splitlines()), 1, done.stderr)
            check(word in done.stderr, done.stderr)
        with open(n.conf, 'w') as file:
            file.write(text)
        listener.bind(('127.0.0.1', PORT))
        listener.listen(1)
        done = n.daemon('-D')
        equal(done.returncode, 1, 'port in use')
        equal(len(done.stderr.splitlines()), 1, done.stderr)
    finally:
        listener.close()
        with open(n.conf, 'w') as file:
            file.write(text)
    for words in (['-F', '-D'], ['--none'], ['word']):
        done = n.daemon(*words)
        equal(done.returncode, 2, words)
        equal(len(done.stderr.splitlines()), 1, done.stderr)
    n.start()
    equal(n.rows('node', 'show')['name'], 'fs01')


@cases.case('a damaged configuration is refused, not made anew')
def _(n):
    n.stop()
    database = n.path('state', 'dfs', 'config.ldb')
    with open(database, 'r+b') as file:
        good = file.read(100)
        file.seek(0)
        file.write(b'\0' * 100)
    done = n.daemon('-D')
    equal(done.returncode, 1, 'started')
    equal(len(done.stderr.splitlines()), 1, done.stderr)
    with open(database, 'r+b') as file:
        equal(file.read(100), b'\0' * 100)
        file.seek(0)
        file.write(good)
    n.start()
    equal([g['name'] for g in n.rows('group', 'list')], ['g'])


@cases.case('a full disk: one line, nothing half-changed')
def _(n):
    if os.geteuid() != 0:
        raise Skip('not root')
    n.stop()
    full = n.path('full')
    os.mkdir(full)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs',
                       full]).returncode:
        raise Skip('no tmpfs here')
    n.tmpfs = full
    with open(n.conf) as file:
        text = file.read()
    with open(n.conf, 'w') as file:
        file.write(text.replace(n.folder + '/state', full))
    n.do('node', 'init', '--name=full', '--address=127.0.0.1')
    n.start()
    filler = os.open(os.path.join(full, 'filler'), os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(filler, b'x' * 4096)
    except OSError:
        os.close(filler)
    refusals = created = 0
    while refusals < 3 and created < 5000:
        status, _, err = n.tool('group', 'create', 'group%d' % created)
        if status == 0:
            created += 1
            continue
        refusals += 1
        equal((status, len(err)), (1, 1), str(err))
        check('space' in err[0], err[0])
        equal(len(n.rows('group', 'list')), created)
    equal(refusals, 3)
    groups = n.rows('group', 'list')
    os.unlink(os.path.join(full, 'filler'))
    n.do('group', 'create', 'room again')
    equal(len(n.rows('group', 'list')), len(groups) + 1)
    n.stop()
    n.start()
    equal(len(n.rows('group', 'list')), len(groups) + 1)


if __name__ == '__main__':
    cases.main(Node)
