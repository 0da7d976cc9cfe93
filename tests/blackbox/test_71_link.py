#!/usr/bin/python3
#
#  Samba DFS Replication
#  A dead link is noticed, a cut transfer is never visible
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
"""Cables are pulled: nobody says goodbye."""

import os
import random
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check
from lab import Lab

cases = Cases()
# 5002 error, 5008 unreachable, 5014 ended and tried again.
GONE = (5002, 5008, 5014)
BIG = random.Random(71).randbytes(100 << 20)


def complaints(host):
    return sum(len(host.events(number)) for number in GONE)


def until(predicate, timeout, what):
    """How long it takes for a predicate on events."""
    start = time.monotonic()
    while not predicate():
        check(time.monotonic() - start < timeout, 'not within %d s: %s' % (
            timeout, what))
        time.sleep(0.1)
    return time.monotonic() - start


@cases.case('a dead link is noticed in seconds, on both sides')
def _(lab):
    before = [complaints(host) for host in lab.hosts]
    start = time.monotonic()
    lab.link_down()
    for host, count in zip(lab.hosts, before):
        until(lambda host=host, count=count: complaints(host) > count, 30,
              'event on ' + host.name)
    print('# noticed after %.1f s' % (time.monotonic() - start))


@cases.case('after it comes back, changes of meanwhile arrive soon')
def _(lab):
    a, b = lab.hosts
    a.smb().write('meanwhile a', b'1')
    b.smb().write('meanwhile b', b'2')
    time.sleep(8)
    lab.link_up()
    start = time.monotonic()
    lab.wait_for(lambda: b.holds('meanwhile a', b'1'), 30)
    lab.wait_for(lambda: a.holds('meanwhile b', b'2'), 30, host=a)
    print('# in step %.1f s after the link' % (time.monotonic() - start))
    lab.alike()


@cases.case('a short cut disturbs nobody')
def _(lab):
    a, b = lab.hosts
    for index in range(3):
        lab.link_down()
        a.smb().write('short %d' % index, b'1')
        time.sleep(0.3)
        lab.link_up()
        lab.wait_for(lambda index=index: b.holds('short %d' % index, b'1'),
                     30)


def cut_in_the_middle(lab, name, visible):
    """Start a transfer, cut it, look, mend it; the content at the end."""
    a, b = lab.hosts
    start = b.traffic()
    writer = a.smb(fresh=True)
    writer.write(name, BIG)
    until(lambda: b.traffic() - start > len(BIG) // 4, 30, 'a quarter')
    lab.link_down()
    check(b.traffic() - start < len(BIG), 'too fast to be cut')
    check(visible(b), 'a part is visible right after the cut')
    time.sleep(5)
    check(visible(b), 'a part is visible')
    lab.link_up()
    deadline = time.monotonic() + 60
    while not visible(b) is False:
        check(time.monotonic() < deadline, 'it does not arrive')
        time.sleep(0.02)
    with open(b.path(name), 'rb') as file:
        check(file.read() == BIG, 'what appeared is not all of it')
    print('# %d MB over the link for a file of %d MB' % (
        (b.traffic() - start) >> 20, len(BIG) >> 20))


@cases.case('a new file, cut in the middle of its transfer')
def _(lab):
    lab.slow('160mbit')
    cut_in_the_middle(lab, 'big', lambda b: b.absent('big'))
    lab.alike(60)


@cases.case('an overwritten file, cut in the middle of its transfer')
def _(lab):
    a, b = lab.hosts
    a.smb().write('replaced', b'old')
    lab.alike()
    cut_in_the_middle(lab, 'replaced', lambda b: b.holds('replaced', b'old'))
    lab.slow(None)
    lab.alike(60)


@cases.case('dfsrd of the receiver is killed in the middle of a transfer')
def _(lab):
    a, b = lab.hosts
    lab.slow('160mbit')
    start = b.traffic()
    a.smb().write('killed', BIG)
    until(lambda: b.traffic() - start > len(BIG) // 4, 30, 'a quarter')
    b.kill('dfsrd')
    check(b.absent('killed'), 'a part is visible')
    lab.slow(None)
    b.start_dfsrd()
    lab.wait_for(lambda: b.holds('killed', BIG), 60)
    lab.alike(60)
    staged = [name for _, _, names in os.walk(b.path('.DfsrPrivate'))
              for name in names if 'killed' in name]
    check(not staged, 'left over: %s' % staged)


@cases.case('one of the hosts is unplugged altogether, dfsrd started so')
def _(lab):
    a, b = lab.hosts
    b.stop('dfsrd')
    lab.link_down(b)
    b.start_dfsrd()
    a.smb().write('alone', b'1')
    b.smb().write('alone too', b'2')
    time.sleep(1)
    lab.link_up(b)
    lab.alike(60)


if __name__ == '__main__':
    cases.main(lambda: Lab().pair())
