#!/usr/bin/python3
#
#  Samba DFS Replication
#  10,000 changes on both sides of a cut link
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
# timeout: 900
"""10,000 changes on each host while the link is down, then the oracle.

Each host's client plays a seeded random game of creates, overwrites, renames,
moves and deletes on a tree that both had. Every version has a payload of its
own, so that afterwards can be said of each: current, kept, or rightly gone.
The oracle knows nothing of the product's records:

 * both trees are alike;
 * no payload is current that was current on neither host at the end of the cut;
 * a payload of before that one host deleted or overwrote is gone, unless the
   other host had renamed that very file (then one of the two may win);
 * a payload that a host made and still had at the end is current or kept.
"""

import json
import os
import random
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check
from lab import Lab
from work import parallel

cases = Cases()
OPERATIONS = int(os.environ.get('DFSR_OFFLINE_CHANGES', '10000'))
SEED = int(os.environ.get('DFSR_OFFLINE_SEED', '41'))
FILES, FOLDERS = 2500, 60
SECONDS_MAX = 300


class Player:
    """One client and what it believes to be on its host."""

    def __init__(self, client, who, state):
        self.client, self.who = client, who
        self.rng = random.Random('%s-%d' % (who, SEED))
        self.files = dict(state['files'])
        self.folders = list(state['folders'])
        self.touched = set()
        self.made = 0

    def payload(self):
        self.made += 1
        return '%s%06d' % (self.who, self.made)

    @staticmethod
    def bytes_of(payload):
        rng = random.Random(payload)
        return payload.encode() + b'\n' + rng.randbytes(rng.randrange(2000))

    def any_file(self):
        # A list of keys for each choice would make the game quadratic.
        while True:
            name = self.names[self.rng.randrange(len(self.names))]
            if name in self.files:
                return name

    def new_name(self):
        folder = self.rng.choice(self.folders)
        if self.rng.random() < 0.05:
            leaf = 'shared%02d' % self.rng.randrange(40)
        else:
            leaf = '%s-new%06d' % (self.who.lower(), self.made)
            self.made += 1
        return folder + '/' + leaf

    def put(self, name, payload):
        self.files[name] = payload
        self.names.append(name)

    def play(self, count):
        self.names = list(self.files)
        moves = [(self.create, 25), (self.overwrite, 30), (self.move, 20),
                 (self.replace, 3), (self.delete, 18), (self.make_folder, 2),
                 (self.move_folder, 1), (self.delete_folder, 0.1)]
        chosen = self.rng.choices([move for move, _ in moves],
                                  [weight for _, weight in moves], k=count)
        for move in chosen:
            move()

    def create(self):
        name = self.new_name()
        payload = self.payload()
        self.client.write(name, self.bytes_of(payload))
        self.put(name, payload)

    def overwrite(self):
        name = self.any_file()
        payload = self.payload()
        self.client.write(name, self.bytes_of(payload))
        self.files[name] = payload

    def move(self):
        old, new = self.any_file(), self.new_name()
        if new in self.files:
            return
        self.client.rename(old, new)
        payload = self.files.pop(old)
        self.touched.add(payload)
        self.put(new, payload)

    def replace(self):
        old, new = self.any_file(), self.any_file()
        if old == new:
            return
        self.client.rename(old, new, replace=True)
        payload = self.files.pop(old)
        self.touched.add(payload)
        self.touched.add(self.files[new])
        self.files[new] = payload

    def delete(self):
        name = self.any_file()
        self.client.unlink(name)
        del self.files[name]

    def make_folder(self):
        name = '%s/%s-sub%06d' % (self.rng.choice(self.folders),
                                  self.who.lower(), self.made)
        self.made += 1
        if name.count('/') < 6:
            self.client.mkdir(name)
            self.folders.append(name)

    def move_folder(self):
        old = self.rng.choice(self.folders)
        parent = self.rng.choice(self.folders)
        new = '%s/%s-moved%06d' % (parent, self.who.lower(), self.made)
        self.made += 1
        inside = parent == old or parent.startswith(old + '/')
        if inside or '/' not in old or new.count('/') > 6:
            return
        self.client.rename(old, new)

        def moved(name):
            if name == old or name.startswith(old + '/'):
                return new + name[len(old):]
            return name
        self.folders = [moved(name) for name in self.folders]
        self.files = {moved(name): payload
                      for name, payload in self.files.items()}
        self.names = list(self.files)

    def delete_folder(self):
        old = self.rng.choice(self.folders)
        if '/' not in old:
            return
        self.client.deltree(old)
        self.folders = [name for name in self.folders
                        if name != old and not name.startswith(old + '/')]
        self.files = {name: payload for name, payload in self.files.items()
                      if not name.startswith(old + '/')}
        self.names = list(self.files)


def payloads(folder):
    """path -> payload of all files below a folder."""
    found = {}
    for here, names, leaves in os.walk(folder):
        if here == folder and '.DfsrPrivate' in names and \
                not folder.endswith('.DfsrPrivate'):
            names.remove('.DfsrPrivate')
        for leaf in leaves:
            path = os.path.join(here, leaf)
            with open(path, 'rb') as file:
                line = file.readline(40).rstrip(b'\n')
            found[os.path.relpath(path, folder)] = line.decode(
                'ascii', 'replace')
    return found


@cases.case('a tree that both have')
def _(lab):
    client = lab.hosts[0].smb()
    state = {'files': {}, 'folders': []}
    for index in range(FOLDERS):
        name = 'd%02d' % index
        if index >= 20:
            name = '%s/%s' % (state['folders'][index - 20], name)
        client.mkdir(name)
        state['folders'].append(name)
    player = Player(client, 'I', state)
    player.names = []
    for _ in range(FILES):
        player.create()
    lab.state = {'files': player.files, 'folders': state['folders']}
    lab.alike(60)


@cases.case('changes on both with the link down')
def _(lab):
    lab.link_down()
    start = time.monotonic()

    def play(host, who):
        player = Player(host.smb(fresh=True), who, lab.state)
        player.play(OPERATIONS)
        with open(os.path.join(lab.folder, 'played-' + who), 'w',
                  encoding='utf-8') as file:
            json.dump({'files': player.files,
                       'touched': sorted(player.touched)}, file)

    parallel(*(lambda host=host, who=who: play(host, who)
               for host, who in zip(lab.hosts, 'AB')))
    lab.played = []
    for host, who in zip(lab.hosts, 'AB'):
        with open(os.path.join(lab.folder, 'played-' + who),
                  encoding='utf-8') as file:
            played = json.load(file)
        check(payloads(host.content) == played['files'],
              'the player of %s is wrong about its tree' % host.name)
        lab.played.append(played)
    print('# 2 x %d changes, seed %d, in %.1f s' % (
        OPERATIONS, SEED, time.monotonic() - start))


@cases.case('they converge')
def _(lab):
    start = time.monotonic()
    lab.link_up()
    lab.sync(SECONDS_MAX)
    lab.alike(60)
    print('# in step after %.1f s' % (time.monotonic() - start))


def sample(found):
    return '%d, e.g. %s' % (len(found), sorted(found)[:8])


@cases.case('nothing is resurrected')
def _(lab):
    before = set(lab.state['files'].values())
    a, b = (set(played['files'].values()) for played in lab.played)
    touched = [set(played['touched']) for played in lab.played]
    current = set(payloads(lab.hosts[0].content).values())
    strange = current - a - b
    check(not strange, 'current, but it was on neither: ' + sample(strange))
    for mine, other, moved in ((a, b, touched[1]), (b, a, touched[0])):
        back = (before - mine) & other & current - moved
        check(not back, 'deleted or overwritten, but back: ' + sample(back))


@cases.case('nothing is lost')
def _(lab):
    before = set(lab.state['files'].values())
    a, b = (set(played['files'].values()) for played in lab.played)
    current = set(payloads(lab.hosts[0].content).values())
    kept = set()
    for host in lab.hosts:
        kept |= set(payloads(host.path('.DfsrPrivate')).values())
    lost = ((a | b) - before | (a & b)) - current - kept
    check(not lost, 'neither current nor kept: ' + sample(lost))
    print('# %d current, %d kept aside' % (len(current),
                                           len(kept - current)))


@cases.case('what is kept aside has a record')
def _(lab):
    for host in lab.hosts:
        files = payloads(host.path('.DfsrPrivate/ConflictAndDeleted'))
        rows = host.rows('preserved', 'list', 'lab', 'data')
        check(len(rows) >= len(set(name.split('/')[0] for name in files
                                   if 'anifest' not in name)),
              '%s: %d records for %d files' % (host.name, len(rows),
                                               len(files)))


if __name__ == '__main__':
    cases.main(lambda: Lab().pair())
