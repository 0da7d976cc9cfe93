#!/usr/bin/python3
#
#  Samba DFS Replication
#  From an SMB close on one host to the complete file on the other
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
"""One client saves files of 16 KiB, one after the other.

The time runs from the moment in which the close has returned to the moment in
which the filesystem of the other host tells (by inotify) of the file under its
name and all of its bytes are there. dfsrd has made the bytes durable before it
gives them their name. Exit status 1 if the limits are not held.
"""

import argparse
import os
import random
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

import kernel
from lab import Lab

SIZE = 16384
MEDIAN_MAX, P99_MAX = 10.0, 50.0
WARM_UP = 20


def percentile(values, part):
    values = sorted(values)
    return values[min(int(len(values) * part / 100), len(values) - 1)]


def measure(source, target, count, folder, overwrite):
    """Milliseconds of each file."""
    client = source.smb()
    client.mkdir(folder)
    deadline = time.monotonic() + 20
    while not os.path.isdir(target.path(folder)):
        if time.monotonic() > deadline:
            raise SystemExit('the directory does not arrive')
        time.sleep(0.005)
    rng = random.Random(count)
    times = []
    with kernel.Inotify(target.path(folder)) as watch:
        for index in range(count + WARM_UP):
            leaf = 'file' if overwrite else 'file%04d' % index
            data = rng.randbytes(SIZE)
            client.write('%s/%s' % (folder, leaf), data)
            start = time.monotonic()
            end = arrival(watch, target.path(folder), leaf, data)
            if index >= WARM_UP:
                times.append((end - start) * 1000)
    return times


def arrival(watch, folder, leaf, data):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for _, name, _, now in watch.events(deadline - time.monotonic()):
            if name != leaf:
                continue
            try:
                with open(os.path.join(folder, leaf), 'rb') as file:
                    if file.read() == data:
                        return now
            except FileNotFoundError:
                pass
    raise SystemExit('%s has not arrived within 20 s' % leaf)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--files', type=int, default=300)
    parser.add_argument('--filesystem', default='xfs',
                        choices=('xfs', 'ext4', 'btrfs', 'dir'))
    options = parser.parse_args()
    late = False
    with Lab(filesystems=(options.filesystem,)) as lab:
        lab.pair()
        a, b = lab.hosts
        print('%d files of %d KiB, %s, milliseconds from close on one host '
              'to the file on the other' % (
                  options.files, SIZE >> 10, options.filesystem))
        print('%-28s %8s %8s %8s %8s' % ('', 'median', '90 %', '99 %',
                                         'max'))
        for name, source, target, overwrite in (
                ('new, fs01 to fs02', a, b, False),
                ('new, fs02 to fs01', b, a, False),
                ('overwritten, fs01 to fs02', a, b, True)):
            times = measure(source, target, options.files,
                            name.replace(',', ''), overwrite)
            print('%-28s %8.2f %8.2f %8.2f %8.2f' % (
                name, percentile(times, 50), percentile(times, 90),
                percentile(times, 99), max(times)), flush=True)
            late |= (percentile(times, 50) > MEDIAN_MAX or
                     percentile(times, 99) > P99_MAX)
    print('limits (median %g, 99 %% %g): %s' % (
        MEDIAN_MAX, P99_MAX, 'NOT held' if late else 'held'))
    return 1 if late else 0


if __name__ == '__main__':
    sys.exit(main())
