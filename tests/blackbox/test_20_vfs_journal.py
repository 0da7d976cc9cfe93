#!/usr/bin/python3
#
#  Samba DFS Replication
#  What the module says of what SMB clients do, in the stock smbd
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
# timeout: 300
"""One host without dfsrd; the test reads the journal in its place."""

import os
import shutil
import signal
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

import lab as laboratory
import smb
from cases import Cases, Skip, check, equal
from journal import Journal, ident
from lab import Lab

cases = Cases()


class World:
    """The host, its journal, and a way to ask what an operation said."""

    def __init__(self):
        self.lab = Lab(count=1, filesystems=('ext4',), dfsrd=False,
                       users=True, size='300M')
        self.host = self.lab.hosts[0]
        self.host.share = 'inherit permissions = yes'
        self.journal = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lab.close()

    def show_logs(self):
        self.lab.show_logs()

    def path(self, name=''):
        return self.host.path(name)

    def fresh(self, name, data=b'old'):
        """A file that is there already, and an empty journal."""
        with open(self.path(name), 'wb') as file:
            file.write(data)
        os.chmod(self.path(name), 0o666)
        return self.quiet()

    def quiet(self):
        self.journal.records()
        return self

    def said(self):
        return self.journal.records()

    def smb(self, **options):
        return self.host.smb(**options)

    def restart(self, objects=None, extra=''):
        """smbd with these modules, and clients that must connect again."""
        self.host.connections.clear()
        self.host.stop('smbd')
        self.lab.sweep()
        if objects is not None:
            self.host.objects = objects
        self.host.extra = extra
        self.host.write_conf()
        self.host.start_smbd()
        self.quiet()


def kinds(records):
    return [(r.kind, r.op, r.reason) for r in records]


def about(records, path_or_ident):
    """The records of one object."""
    wanted = path_or_ident
    if isinstance(wanted, str):
        wanted = ident(wanted)
    return [r for r in records if r.object == wanted]


def ended(records):
    """Every intent is over."""
    return (sum(r.kind == 'intent' for r in records) ==
            sum(r.kind == 'outcome' for r in records))


def one_pair(records, path, op='change', reason='close'):
    """Exactly one intent and its outcome, and nothing else."""
    equal(kinds(about(records, path)),
          [('intent', op, ''), ('outcome', op, reason)], repr(records))


def refused(what):
    try:
        what()
    except Exception:
        return True
    return False


# Before and after a folder is enabled


@cases.case('without a journal the share works')
def _(w):
    check(not os.path.exists(w.host.folder + '/state/dfs'), 'a journal')
    w.smb().write('early', b'x')
    equal(w.smb().read('early'), b'x')
    check(not os.path.exists(w.host.folder + '/state/dfs'), 'made one')


@cases.case('clients that are connected already are heard once it is enabled')
def _(w):
    # a handle that was opened before, and a user who may not read the journal
    alice = w.smb(user='alice')
    with alice.open('held') as file:
        file.write(b'1')
        w.journal = Journal(w.host)
        w.smb().write('between', b'x')
        equal(w.said(), [])
        w.journal.publish(w.host.content)
        file.write(b'2', 1)
        records = w.said()
        equal(kinds(about(records, w.path('held'))),
              [('intent', 'change', '')])
        check(w.journal.busy(w.path('held')), 'not busy')
    equal(kinds(w.said()), [('outcome', 'change', 'close')])
    check(not w.journal.busy(w.path('held')), 'still busy')
    check(not w.journal.overflow(), 'overflow')


# Files


@cases.case('create, write, close')
def _(w):
    w.quiet().smb().write('new', b'hello')
    records = w.said()
    equal(kinds(records), [('intent', 'create', ''), ('named', 'create', ''),
                           ('outcome', 'create', 'close')], repr(records))
    equal(records[0].parent, ident(w.path()))
    equal(records[0].name, 'new')
    equal(records[1].object, ident(w.path('new')))
    equal(records[2].object, ident(w.path('new')))
    equal((records[2].parent, records[2].name), (ident(w.path()), 'new'))


@cases.case('overwrite')
def _(w):
    os.makedirs(w.path('deep/er'), exist_ok=True)
    w.fresh('deep/er/over').smb().write('deep/er/over', b'new')
    records = w.said()
    one_pair(records, w.path('deep/er/over'))
    equal((records[1].parent, records[1].name),
          (ident(w.path('deep/er')), 'over'))


@cases.case('one intent for a thousand writes')
def _(w):
    w.fresh('many')
    with w.smb().open('many', smb.OPEN) as file:
        for number in range(1000):
            file.write(b'x', number)
    one_pair(w.said(), w.path('many'))


@cases.case('append and set end of file')
def _(w):
    w.fresh('end').smb().append('end', b'more')
    one_pair(w.said(), w.path('end'))
    w.smb().truncate('end', 1)
    check(about(w.said(), w.path('end')), 'nothing')


@cases.case('reading says nothing')
def _(w):
    w.fresh('read')
    equal(w.smb().read('read'), b'old')
    w.smb().list()
    w.smb().allinfo('read')
    w.smb().get_sddl('read')
    equal(w.said(), [])


@cases.case('copy on the server')
def _(w):
    w.fresh('source', b'x' * 300000)
    w.smb().copy_on_server('source', 'copy')
    records = w.said()
    check(about(records, w.path('copy')), repr(records))
    check(ended(records), repr(records))
    equal(about(records, w.path('source')), [])


@cases.case('zero data and sparse')
def _(w):
    w.fresh('hole', b'x' * 100000)
    w.smb().punch('hole', 0, 65536)
    one_pair(w.said(), w.path('hole'))
    w.smb().set_sparse('hole')
    one_pair(w.said(), w.path('hole'))


@cases.case('flush of an open file')
def _(w):
    w.fresh('flush')
    with w.smb().impacket('flush') as (server, tree, file):
        server.flush(tree, file)
        equal(w.said(), [])
        server.write(tree, file, b'x', 0, 1)
        server.flush(tree, file)
        equal(kinds(about(w.said(), w.path('flush'))),
              [('intent', 'change', ''), ('flush', 'change', '')])
    equal(kinds(w.said()), [('outcome', 'change', 'close')])


@cases.case('a write that comes by recvfile')
def _(w):
    w.restart(extra='min receivefile size = 1024\nserver signing = disabled')
    w.fresh('received')
    put = os.path.join(w.lab.folder, 'put')
    with open(put, 'wb') as file:
        file.write(b'r' * 200000)
    w.smb().smbclient('put "%s" received' % put)
    check(w.host.holds('received', b'r' * 200000), 'not written')
    one_pair(w.said(), w.path('received'))
    w.restart()


# Metadata


@cases.case('streams name their file')
def _(w):
    w.fresh('base').smb().write_stream('base', 'alt', b'stream')
    records = w.said()
    check(about(records, w.path('base')), repr(records))
    equal({r.object for r in records}, {ident(w.path('base'))})
    check(ended(records), repr(records))
    w.smb().unlink('base:alt')
    records = w.said()
    check(about(records, w.path('base')), repr(records))
    check(ended(records), repr(records))


@cases.case('attributes, times, EAs and security')
def _(w):
    w.fresh('meta')
    root = w.smb()
    sddl = root.get_sddl('meta')
    for what in (lambda: root.set_attributes('meta', '+rh'),
                 lambda: root.set_attributes('meta', '-rh'),
                 lambda: root.set_times('meta', write='2001:02:03-04:05:06'),
                 lambda: root.set_ea('meta', 'colour', 'red'),
                 lambda: root.set_sddl('meta', 'D:' + sddl.split('D:')[1])):
        w.quiet()
        what()
        one_pair(w.said(), w.path('meta'))


@cases.case('security of a directory that is listed meanwhile')
def _(w):
    os.mkdir(w.path('listed'))
    root = w.quiet().smb()
    root.list('listed')
    root.set_sddl('listed', 'D:' + root.get_sddl('listed').split('D:')[1])
    root.list('listed')
    records = w.said()
    check(about(records, w.path('listed')), repr(records))
    check(ended(records), repr(records))


# Names


@cases.case('make and remove a directory')
def _(w):
    w.quiet().smb().mkdir('dir')
    there = ident(w.path('dir'))
    records = w.said()
    equal(kinds(records)[:2], [('intent', 'mkdir', ''),
                               ('outcome', 'mkdir', 'done')])
    equal(records[1].object, there)
    equal(records[1].parent, ident(w.path()))
    check(ended(records), repr(records))
    w.smb().rmdir('dir')
    records = about(w.said(), there)
    equal(kinds(records), [('intent', 'rmdir', ''),
                           ('outcome', 'rmdir', 'done')])


@cases.case('remove a file')
def _(w):
    there = ident(w.fresh('gone').path('gone'))
    w.smb().unlink('gone')
    records = about(w.said(), there)
    equal(kinds(records), [('intent', 'unlink', ''),
                           ('outcome', 'unlink', 'done')])
    equal(records[1].parent2[0], 0)


@cases.case('rename into another directory, over a file')
def _(w):
    os.makedirs(w.path('to'), exist_ok=True)
    there = ident(w.fresh('to/target').path('to/target'))
    w.fresh('from')
    w.smb().rename('from', 'to/target', True)
    found = [r for r in w.said() if r.op == 'rename']
    equal(kinds(found), [('intent', 'rename', ''),
                         ('outcome', 'rename', 'done')])
    for record in found:
        equal(record.object, ident(w.path('to/target')))
        equal((record.name, record.name2), ('from', 'target'))
        equal(record.parent, ident(w.path()))
        equal(record.parent2, ident(w.path('to')))
        equal(record.replaced, there)


@cases.case('a rename that differs in case only')
def _(w):
    w.fresh('case')
    w.smb().rename('case', 'CASE')
    found = [r for r in w.said() if r.op == 'rename']
    equal([(r.name, r.name2) for r in found], [('case', 'CASE')] * 2)
    equal(found[0].object, ident(w.path('CASE')))


@cases.case('a writer whose directory another client renames')
def _(w):
    os.makedirs(w.path('sd'))
    os.chmod(w.path('sd'), 0o777)
    w.fresh('sd/f')
    there = ident(w.path('sd/f'))
    with w.smb().open('sd/f', smb.OPEN) as file:
        file.write(b'1')
        w.smb(fresh=True).rename('sd', 'sd2')
        file.write(b'2', 1)
    equal(kinds(about(w.said(), there)),
          [('intent', 'change', ''), ('outcome', 'change', 'close')])
    equal(ident(w.path('sd2/f')), there)


@cases.case('SMB1 UNIX extensions')
def _(w):
    w.restart(extra='server min protocol = NT1\nunix extensions = yes')
    w.fresh('unix')
    done = subprocess.run(
        ['smbclient', '-s', w.smb().conf, '//%s/data' % w.host.address,
         '-Uroot%x', '--option=client min protocol=NT1', '-mNT1', '-c',
         'posix; link unix hard; symlink unix soft; chmod 0640 unix'],
        stdin=subprocess.DEVNULL, capture_output=True, encoding='utf-8',
        timeout=60, check=False)
    if not os.path.lexists(w.path('soft')):
        w.restart()
        raise Skip('no SMB1 here: ' + done.stdout.strip()[-200:])
    records = w.said()
    links = [r for r in records if r.op == 'link']
    equal([(r.object, r.name, r.name2) for r in links],
          [(ident(w.path('unix')), 'unix', 'hard')] * 2)
    soft = [r for r in records if r.op == 'symlink']
    equal(soft[1].object, ident(w.path('soft')))
    check(any(r.op in ('change', 'meta') and
              r.object == ident(w.path('unix')) for r in records),
          'no chmod: %r' % records)
    check(ended(records), repr(records))
    w.restart()


# Ends


@cases.case('a client that vanishes')
def _(w):
    w.fresh('lost')
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        client = w.smb(fresh=True)
        file = client.open('lost', smb.OPEN)
        file.write(b'x')
        os.write(writing, b'x')
        signal.pause()
    os.read(reading, 1)
    w.said()
    check(w.journal.busy(w.path('lost')), 'not busy')
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
    records = w.journal.wait(lambda r: r.kind == 'outcome')
    equal(about(records, w.path('lost'))[-1].reason, 'disconnect')


@cases.case('a durable handle whose connection is cut')
def _(w):
    w.quiet()
    tool = shutil.which('smbtorture')
    if tool is None:
        raise Skip('no smbtorture')
    subprocess.run([tool, '//%s/data' % w.host.address, '-Uroot%x',
                    'smb2.durable-open.reopen2'], stdin=subprocess.DEVNULL,
                   capture_output=True, timeout=60, check=False)
    records = w.said()
    held = [r for r in records if r.reason == 'durable']
    check(held, repr(records))
    check(all(r.hold_msec >= 1000 for r in held), repr(held))
    check(ended(records), repr(records))


@cases.case('an smbd that is killed')
def _(w):
    w.fresh('killed')
    client = w.smb(fresh=True)
    file = client.open('killed', smb.OPEN)
    file.write(b'x')
    records = w.said()
    os.kill(about(records, w.path('killed'))[0].pid, signal.SIGKILL)
    records = w.journal.wait(lambda r: r.kind == 'outcome')
    equal(kinds(about(records, w.path('killed'))),
          [('outcome', 'change', 'died')])
    check(not w.journal.busy(w.path('killed')), 'still busy')
    file.number = None


@cases.case('the journal moves on under a user who may not open it')
def _(w):
    w.fresh('moved')
    alice = w.smb(user='alice', fresh=True)
    for number in range(5):
        with alice.open('moved', smb.OPEN) as file:
            file.write(b'x', number)
            w.journal.seal()
    records = w.said()
    equal(kinds(records), [('intent', 'change', ''),
                           ('outcome', 'change', 'close')] * 5)
    check(not w.journal.overflow(), 'overflow')


# Which shares


def add_shares(w):
    os.makedirs(w.path('inner'), exist_ok=True)
    os.chmod(w.path('inner'), 0o777)
    other = os.path.join(w.host.mounted, 'other')
    os.makedirs(other, exist_ok=True)
    w.host.share = ''.join(
        '\n[%s]\npath = %s\nread only = no\nguest ok = yes\n'
        'vfs objects = acl_xattr dfsr' % row for row in (
            ('inner', w.path('inner')), ('above', w.host.mounted),
            ('other', other)))
    w.restart()


@cases.case('shares inside and above a folder are heard, others not')
def _(w):
    add_shares(w)
    w.smb(share='inner').write('i', b'x')
    equal(w.said()[0].parent, ident(w.path('inner')))
    w.smb(share='above').write('data/inner/a', b'x')
    equal(w.said()[0].parent, ident(w.path('inner')))
    w.smb(share='other').write('o', b'x')
    equal(w.said(), [])


@cases.case('a content root can be neither renamed nor removed')
def _(w):
    above = w.smb(share='above')
    check(refused(lambda: above.rename('data', 'moved')), 'rename')
    check(os.path.isdir(w.path()), 'it is gone')
    os.rename(w.path(), w.path() + '.aside')
    os.makedirs(w.path('.DfsrPrivate/kept'))
    w.journal.publish(w.path())
    check(refused(lambda: above.rmdir('data')), 'rmdir')
    w.host.share = w.host.share.replace('[above]',
                                        '[above]\ndelete veto files = yes')
    w.restart()
    check(refused(lambda: w.smb(share='above').rmdir('data')), 'rmdir')
    check(os.path.isdir(w.path('.DfsrPrivate/kept')), 'it was emptied')
    os.removedirs(w.path('.DfsrPrivate/kept'))
    os.rename(w.path() + '.aside', w.path())
    w.journal.publish(w.path())


@cases.case('a folder that is disabled is heard no more')
def _(w):
    w.journal.publish()
    w.smb().write('unheard', b'x')
    equal(w.said(), [])
    w.journal.publish(w.path())
    w.smb().write('unheard', b'y')
    one_pair(w.said(), w.path('unheard'))


# The private directory


@cases.case('the private directory is out of reach')
def _(w):
    private = w.path('.DfsrPrivate')
    os.mkdir(private)
    with open(private + '/f', 'w', encoding='ascii') as file:
        file.write('secret')
    root = w.smb()
    check('.DfsrPrivate' not in root.list(), 'listed')
    for name in ('.DfsrPrivate', '.dfsrprivate', 'inner/../.DfsrPrivate'):
        check(refused(lambda n=name: root.read(n + '/f')), name + ' read')
        check(refused(lambda n=name: root.write(n + '/g', b'')),
              name + ' written')
        check(refused(lambda n=name: root.list(n)), name + ' listed')
    w.fresh('outside')
    check(refused(lambda: root.rename('outside', '.DfsrPrivate/x')), 'in')
    check(refused(lambda: root.rename('.DfsrPrivate', 'x')), 'moved')
    check(refused(lambda: root.mkdir('inner/.DfsrPrivate')), 'made')
    check(refused(lambda: root.write_stream('.DfsrPrivate', 's', b'')),
          'a stream')
    equal(sorted(os.listdir(private)), ['f'])


@cases.case('no link leads into the private directory')
def _(w):
    links = {'lf': '.DfsrPrivate/f', 'ld': '.DfsrPrivate',
             'la': w.path('.DfsrPrivate/f'), 'inner/lu': '../.DfsrPrivate/f',
             'l2': 'lf'}
    for name, target in links.items():
        os.symlink(target, w.path(name))
    root = w.smb()
    for name in ('lf', 'ld/f', 'la', 'inner/lu', 'l2'):
        check(refused(lambda n=name: root.read(n)), name + ' read')
        check(refused(lambda n=name: root.patch(n, b'X', 0)),
              name + ' written')
    with open(w.path('.DfsrPrivate/f'), encoding='ascii') as file:
        equal(file.read(), 'secret')
    # a link that leads elsewhere is followed as ever
    os.symlink('inner', w.path('lok'))
    root.write('lok/file', b'x')
    for name in list(links) + ['lok']:
        os.unlink(w.path(name))


# Where it stands among the modules


def churn(w, root):
    """Everything by name, with a name that catia changes on the disk."""
    w.quiet()
    root.write('m\u00a4n', b'1')
    root.write_stream('m\u00a4n', 's', b'2')
    root.rename('m\u00a4n', 'n\u00a4')
    root.unlink('n\u00a4')
    root.mkdir('p\u00a4')
    root.rmdir('p\u00a4')


CATIA = ('catia:mappings = 0x3f:0xa4')


@cases.case('on top, in the middle and lowest, with all the others')
def _(w):
    others = ['catia', 'fruit', 'streams_xattr', 'acl_xattr']
    extra = CATIA + '\nfruit:resource = stream\nfruit:metadata = stream'
    for place in range(len(others) + 1):
        w.restart(others[:place] + ['dfsr'] + others[place:], extra)
        churn(w, w.smb())
        records = w.said()
        told = [(r.kind, r.op) for r in records]
        for pair in (('named', 'create'), ('outcome', 'rename'),
                     ('outcome', 'unlink'), ('outcome', 'mkdir'),
                     ('outcome', 'rmdir')):
            check(pair in told, 'dfsr at %d: no %s in %r' % (
                place, pair, records))
        check(ended(records), 'dfsr at %d: %r' % (place, records))
        check(not w.journal.overflow(), 'overflow')
        # the file that was made is the one that was renamed and removed
        made = [r for r in records if r.kind == 'named'][0].object
        moved = [r for r in records if (r.kind, r.op) ==
                 ('outcome', 'rename')][0]
        equal(moved.parent2, ident(w.path()), 'dfsr at %d' % place)
        if place > 0:
            equal(moved.object, made, 'dfsr at %d' % place)
            equal(moved.name2, 'n?')


@cases.case('what recycle below us moves away is found')
def _(w):
    w.restart(['dfsr', 'recycle'], 'recycle:repository = .recycle')
    there = ident(w.fresh('thrown').path('thrown'))
    w.smb().unlink('thrown')
    end = [r for r in about(w.said(), there) if r.kind == 'outcome'][-1]
    equal(end.parent2, ident(w.path('.recycle')))
    equal(end.name2, 'thrown')
    w.restart(['recycle', 'dfsr'], 'recycle:repository = .recycle')
    there = ident(w.fresh('thrown2').path('thrown2'))
    w.smb().unlink('thrown2')
    told = [r for r in about(w.said(), there) if r.op == 'rename']
    equal(told[-1].parent2, ident(w.path('.recycle')))


# The module itself


@cases.case('under another build of Samba it steps aside')
def _(w):
    module = os.path.join(w.host.folder, 'modules', 'dfsr.so')
    with open(os.path.join(laboratory.BIN, 'dfsr_buildid.h'),
              encoding='ascii') as file:
        build = file.read().split('"')[1].encode()
    with open(module, 'rb') as file:
        data = file.read()
    check(build in data, 'no build id in the module')
    w.restart(['acl_xattr', 'streams_xattr', 'dfsr'])
    w.journal.overflow()
    other = module + '.new'
    with open(other, 'wb') as file:
        file.write(data.replace(build, b'0' * len(build)))
    os.rename(other, module)
    w.restart()
    w.smb().write('unjournaled', b'x')
    equal(w.smb().read('unjournaled'), b'x')
    equal(w.said(), [])
    check(w.journal.overflow(), 'no overflow mark')
    with open(other, 'wb') as file:
        file.write(data)
    os.rename(other, module)
    w.restart()


@cases.case('no journal folder can be opened: the share works')
def _(w):
    journal = w.journal.dir + '/journal'
    os.rename(journal, journal + '.aside')
    w.restart()
    w.smb().write('blind', b'x')
    equal(w.smb().read('blind'), b'x')
    os.rename(journal + '.aside', journal)
    # it comes back while the client is connected
    w.smb().write('seen', b'x')
    check(about(w.said(), w.path('seen')), 'nothing')


if __name__ == '__main__':
    cases.main(World)
