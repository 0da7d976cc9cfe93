#!/usr/bin/python3
#
#  Samba DFS Replication
#  A module that was built for another Samba closes no share
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
"""The module's own build id is changed, as an update of Samba would do."""

import os
import re
import shutil
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, 'tests', 'lib'))
BUILT = os.environ.get('DFSR_BIN') or os.path.join(TOP, 'bin')


def other_build(folder):
    """The programs as they are, and a module for another smbd."""
    for name in ('dfsrd', 'samba-dfs', 'libdfsr.so', 'libdfsr.so.0'):
        os.symlink(os.path.join(BUILT, name), os.path.join(folder, name))
    with open(os.path.join(BUILT, 'dfsr_buildid.h'),
              encoding='ascii') as file:
        ident = re.search(r'DFSR_SMBD_BUILD_ID "([0-9a-f]+)"',
                          file.read()).group(1)
    with open(os.path.join(BUILT, 'vfs', 'dfsr.so'), 'rb') as file:
        module = file.read()
    old, new = ident.encode(), ident[::-1].encode()
    assert old != new and module.count(old) == 1, module.count(old)
    os.mkdir(os.path.join(folder, 'vfs'))
    with open(os.path.join(folder, 'vfs', 'dfsr.so'), 'wb') as file:
        file.write(module.replace(old, new))
    return folder


FOLDER = other_build(tempfile.mkdtemp(prefix='dfsr-other-'))
os.environ['DFSR_BIN'] = FOLDER

from cases import Cases, check  # noqa: E402, after DFSR_BIN
from lab import Lab  # noqa: E402

cases = Cases()


@cases.case('the share works, and an event says what is wrong')
def _(lab):
    a = lab.hosts[0]
    client = a.smb()
    client.write('written', b'while the module passes through')
    check(client.read('written') == b'while the module passes through',
          'cannot be read')
    a.wait_event(20060)


@cases.case('a scan finds what was changed')
def _(lab):
    a, b = lab.hosts
    a.smb().write('later', b'found by a scan')
    lab.wait_for(lambda: b.holds('later', b'found by a scan'), 60)


if __name__ == '__main__':
    try:
        cases.main(lambda: Lab().pair())
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
