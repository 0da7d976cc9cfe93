#!/usr/bin/python3
#
#  Samba DFS Replication
#  dfsrd is killed under load, again and again
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
"""Clients work on both hosts while dfsrd dies by SIGKILL and is started.

Each host's client works in a folder of its own, so that it is known exactly
what must be there at the end.
"""

import json
import os
import random
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check, equal
from lab import Lab
from work import Worker

cases = Cases()
ROUNDS = 8


def work(lab, host, number, seed):
    """Play for a while, then leave what must be there in a file."""
    rng = random.Random('%d-%d' % (number, seed))
    client = host.smb(fresh=True)
    top = 'of %s %d' % (host.name, seed)
    client.mkdir(top)
    files = {}
    stop = os.path.join(lab.folder, 'stop')
    count = 0
    while not os.path.exists(stop):
        count += 1
        choice = rng.random()
        if choice < 0.45 or len(files) < 5:
            name = '%s/file%d' % (top, count)
        elif choice < 0.7:
            name = rng.choice(list(files))
        elif choice < 0.85:
            old = rng.choice(list(files))
            new = '%s/moved%d' % (top, count)
            client.rename(old, new)
            files[new] = files.pop(old)
            continue
        else:
            old = rng.choice(list(files))
            client.unlink(old)
            del files[old]
            continue
        data = '%s %d ' % (host.name, count) * rng.randrange(1, 2000)
        client.write(name, data.encode())
        files[name] = [len(data), count]
    with open(os.path.join(lab.folder, 'left by ' + host.name), 'w',
              encoding='utf-8') as file:
        json.dump(files, file)


def expect(lab, host):
    """What the client of a host left is on every host."""
    with open(os.path.join(lab.folder, 'left by ' + host.name),
              encoding='utf-8') as file:
        files = json.load(file)
    check(files, 'nothing was done')
    top = os.path.dirname(next(iter(files)))
    for other in lab.hosts:
        equal(sorted(os.listdir(other.path(top))),
              sorted(name.split('/')[-1] for name in files),
              'names on ' + other.name)
        for name, (length, count) in files.items():
            with open(other.path(name), 'rb') as file:
                data = file.read()
            check(len(data) == length and data.startswith(
                b'%s %d ' % (host.name.encode(), count)),
                '%s on %s' % (name, other.name))
    return len(files)


def round_of(seed):
    @cases.case('round %d' % seed)
    def _(lab):
        rng = random.Random(seed)
        stop = os.path.join(lab.folder, 'stop')
        if os.path.exists(stop):
            os.unlink(stop)
        workers = [Worker(work, lab, host, index, seed)
                   for index, host in enumerate(lab.hosts)]
        victims = [lab.hosts[seed % 2]] if seed < 6 else list(lab.hosts)
        try:
            for _ in range(3):
                time.sleep(rng.uniform(0.1, 0.8))
                for host in victims:
                    host.kill('dfsrd')
                time.sleep(rng.uniform(0, 0.2))
                for host in victims:
                    host.start_dfsrd()
        finally:
            with open(stop, 'wb'):
                pass
            for worker in workers:
                worker.wait()
        lab.alike(90)
        print('# %s files left' % [expect(lab, host) for host in lab.hosts])


for number in range(ROUNDS):
    round_of(number)


@cases.case('no staging is left over')
def _(lab):
    for host in lab.hosts:
        host.stop('dfsrd')
        host.start_dfsrd()
    lab.alike()
    for host in lab.hosts:
        left = [name for folder, _, names in os.walk(
            host.path('.DfsrPrivate/Staging')) for name in names]
        equal(left, [], 'staging of ' + host.name)


if __name__ == '__main__':
    cases.main(lambda: Lab().pair())
