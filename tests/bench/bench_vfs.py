#!/usr/bin/python3
#
#  Samba DFS Replication
#  What the module costs smbd
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
"""The same work on a share with the module and on one without it.

One smbd, one filesystem, two shares; the work alternates between them, and
each pair of runs gives one ratio of the CPU that smbd's cgroup has used. Shown
are the median of the ratios and its 95 % interval by order statistics. Twice:
while dfsrd stands still (what the module itself costs: its journal) and while
dfsrd works (who then also competes for caches and cores). Exit status 1 if
the module alone costs more than the limit.
"""

import argparse
import math
import os
import signal
import statistics
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from lab import FOLDER, GROUP, Lab

LIMIT = 1.03
SMALL = b'\x5a' * 16384
LARGE = b'\xa5' * (1 << 20)
PLAIN = '''
[plain]
	path = {host.mounted}/plain
	read only = no
	guest ok = yes
	create mask = 0777
	directory mask = 0777
	vfs objects = acl_xattr streams_xattr
	ea support = yes
	store dos attributes = yes
'''
def create_files(client, folder, count):
    client.mkdir(folder)
    for index in range(count):
        client.write('%s/%d' % (folder, index), SMALL)


def stream(client, folder, count):
    client.mkdir(folder)
    with client.open(folder + '/stream') as file:
        for index in range(count):
            file.write(LARGE, index << 20)


class Meter:
    def __init__(self, host):
        self.host = host
        self.clients = {share: host.smb(share=share, fresh=True)
                        for share in ('data', 'plain')}
        self.number = 0

    def run(self, share, work, count):
        """(CPU seconds of smbd, wall seconds) of one run."""
        self.number += 1
        cpu, wall = self.host.cpu('smbd'), time.monotonic()
        work(self.clients[share], 'run %04d' % self.number, count)
        return (self.host.cpu('smbd') - cpu, time.monotonic() - wall)

    def pairs(self, work, count, alternations, between):
        """Ratios of CPU and of time, and CPU per operation of each."""
        cpu_ratios, wall_ratios = [], []
        used = {'data': [], 'plain': []}
        for share in used:
            self.run(share, work, count)
        for index in range(alternations):
            order = ('data', 'plain') if index % 2 else ('plain', 'data')
            taken = {}
            for share in order:
                between()
                taken[share] = self.run(share, work, count)
                used[share].append(taken[share][0] / count)
            cpu_ratios.append(taken['data'][0] / taken['plain'][0])
            wall_ratios.append(taken['data'][1] / taken['plain'][1])
        return cpu_ratios, wall_ratios, used


def interval(ratios):
    """The median and its 95 % interval, whatever the distribution."""
    ratios = sorted(ratios)
    count = len(ratios)
    rank, tail = 0, 0.5 ** count
    while tail <= 0.025:
        rank += 1
        tail += math.comb(count, rank) * 0.5 ** count
    low = max(rank - 1, 0)
    return statistics.median(ratios), ratios[low], ratios[count - 1 - low]


def report(name, result):
    cpu_ratios, wall_ratios, used = result
    cpu, low, high = interval(cpu_ratios)
    wall, wall_low, wall_high = interval(wall_ratios)
    print('%-34s %7.1f %7.1f   %.3f (%.3f to %.3f)   %.3f (%.3f to %.3f)' % (
        name, statistics.median(used['plain']) * 1e6,
        statistics.median(used['data']) * 1e6, cpu, low, high, wall,
        wall_low, wall_high), flush=True)
    return cpu, low


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--alternations', type=int, default=40)
    parser.add_argument('--files', type=int, default=250)
    parser.add_argument('--megabytes', type=int, default=48)
    parser.add_argument('--filesystem', default='xfs',
                        choices=('xfs', 'ext4', 'btrfs', 'dir'))
    options = parser.parse_args()
    over = False
    with Lab(count=1, filesystems=(options.filesystem,), size='24G',
             conf={'more': PLAIN}) as lab:
        host = lab.hosts[0]
        os.mkdir(os.path.join(host.mounted, 'plain'), 0o777)
        os.chmod(os.path.join(host.mounted, 'plain'), 0o777)
        lab.pair()
        print('%-34s %7s %7s   %-25s %s' % (
            'smbd, %d alternations, %s' % (options.alternations,
                                           options.filesystem),
            'without', 'with', 'CPU with/without', 'time with/without'))
        print('%-34s %7s %7s' % ('', 'us/op', 'us/op'))
        meter = Meter(host)
        works = (('create, write 16 KiB, close', create_files,
                  options.files),
                 ('write 1 MiB in one stream', stream, options.megabytes))
        os.kill(host.pid('dfsrd'), signal.SIGSTOP)
        for name, work, count in works:
            ratio, low = report(name, meter.pairs(
                work, count, options.alternations, lambda: None))
            over |= ratio > LIMIT and low > 1
        os.kill(host.pid('dfsrd'), signal.SIGCONT)

        def quiet():
            host.cli('wait', GROUP, FOLDER, '--timeout=120', timeout=130)
        quiet()
        for name, work, count in works:
            before = host.cpu('dfsrd')
            report(name + ', dfsrd works', meter.pairs(
                work, count, max(options.alternations // 2, 10), quiet))
            print('%-34s %7.1f us/op' % (
                '  dfsrd itself', (host.cpu('dfsrd') - before) * 1e6 /
                (max(options.alternations // 2, 10) + 1) / count))
    print('limit for the module (CPU at most %.2f): %s' % (
        LIMIT, 'NOT held' if over else 'held'))
    return 1 if over else 0


if __name__ == '__main__':
    sys.exit(main())
