#!/usr/bin/python3
#
#  Samba DFS Replication
#  smbtorture says the same with the module as without it
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
"""Each suite runs on two hosts side by side, one of them with the module in a
folder that dfsrd replicates. Test by test the results must be the same, good
or bad: some tests fail on stock Samba in this set-up. What differs is run
again: a test counts as different only if no run of one host ended as any run
of the other. A suite that takes longer than its share is ended, and the tests
that both got through are compared.
"""

import os
import re
import subprocess
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))

from cases import Cases, check
from host import PASSWORD
from lab import FOLDER, GROUP, Lab

cases = Cases()
SECONDS = 40
ROOT, ALICE = 'root%x', 'alice%' + PASSWORD
SUITES = [('smb2.' + name, ALICE) for name in '''
    acls async_dosmode charset check-sharemode compound compound_async
    compound_find create create_no_streams delete-on-close-perms deny dir
    dosmode durable-open durable-v2-open ea fileid getinfo ioctl
    ioctl-on-stream kernel-oplocks lease lock mangle maximum_allowed mkdir
    openattr oplock read rename rw set-sparse-ioctl setinfo sharemode streams
    timestamps winattr zero-data-ioctl
    '''.split()] + [('smb2.' + name, ROOT) for name in '''
    acls delete-on-close-perms getinfo streams
    '''.split()]
RESULT = re.compile(r'^(success|failure|error|skip): ([^\[\n]*)', re.M)


def run(lab, host, suite, user, results):
    """Run a suite once; adds each test's result to results."""
    conf = os.path.join(lab.folder, 'torture.conf')
    if not os.path.exists(conf):
        with open(conf, 'w', encoding='ascii') as file:
            file.write('[global]\n\tpanic action = /bin/true\n'
                       '\tlock directory = %s\n\tprivate dir = %s\n' % (
                           lab.folder, lab.folder))
    try:
        said = subprocess.run(
            ['smbtorture', '-s', conf, '//%s/data' % host.address,
             '-U' + user, suite], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=SECONDS, check=False, cwd=lab.folder).stdout
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b''
    for result, test in RESULT.findall(said.decode('utf-8', 'replace')):
        results.setdefault(test.strip(), set()).add(result)


def both(lab, suite, user, results):
    threads = [threading.Thread(target=run, args=(
        lab, host, suite, user, result))
        for host, result in zip(lab.hosts, results)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def different(results):
    one, two = results
    return sorted(test for test in one.keys() & two.keys()
                  if not one[test] & two[test])


def case(suite, user):
    def compare(lab):
        results = ({}, {})
        for _ in range(3):
            both(lab, suite, user, results)
            if not different(results):
                break
        check(results[0].keys() & results[1].keys(), 'no results: %s' % (
            results,))
        lost = (results[0].keys() ^ results[1].keys())
        found = ['%s: %s with the module, %s without' % (
            test, '/'.join(sorted(results[0][test])),
            '/'.join(sorted(results[1][test])))
            for test in different(results)]
        check(not found, '\n'.join(found))
        good = sum('success' in said for said in results[0].values())
        print('# %d tests alike, %d of them succeed%s' % (
            len(results[0].keys() & results[1].keys()), good,
            ', %d seen on one host only' % len(lost) if lost else ''))
        check(len(lost) <= 2 or len(lost) < len(results[0]) / 3,
              'on one host only: %s' % sorted(lost))
    cases.list.append(('%s as %s' % (suite, user.split('%')[0]), compare))


for item in SUITES:
    case(*item)


@cases.case('the module was at work')
def _(lab):
    a = lab.hosts[0]
    a.smb().write('after all of it', b'1')
    a.cli('wait', GROUP, FOLDER, '--timeout=120', timeout=130)
    record = a.cli('idrecord', a.path('after all of it'), '--json')
    check('gvsn' in record, str(record))


class OneWithout(Lab):
    def __init__(self):
        super().__init__(module=[True, False], dfsrd=[True, False],
                         users=True)
        self.pair(members=self.hosts[:1])


if __name__ == '__main__':
    cases.main(OneWithout)
