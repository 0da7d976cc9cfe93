#!/usr/bin/python3
#
#  Samba DFS Replication
#  No operation of smbd can change something without the journal's notice
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
"""Every member of the VFS table is hooked, or harmless for a stated reason.

The table is read from the vfs.h of the Samba that the modules are built
against, so that a member which a later Samba adds fails here.
"""

import os
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'tests' / 'lib'))

from cases import Cases, Skip, check, equal

cases = Cases()
SOURCE = Path(os.environ.get('DFSR_SAMBA_SOURCE') or
              TOP / 'bin' / 'samba-source')
MODULES = TOP / 'source3-modules'


def without_comments(text):
    return re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)


def table_members(text):
    """Names of the function pointers in struct vfs_fn_pointers."""
    found = re.search(r'struct vfs_fn_pointers\s*\{(.*?)\n\};',
                      without_comments(text), re.S)
    return set(re.findall(r'\(\s*\*\s*(\w+)_fn\s*\)', found.group(1)))


def hooked():
    text = without_comments((MODULES / 'vfs_dfsr.c').read_text())
    table = re.search(r'vfs_fn_pointers vfs_dfsr_fns\s*=\s*\{(.*?)\n\};',
                      text, re.S).group(1)
    return set(re.findall(r'\.(\w+)_fn\s*=', table))


def harmless():
    rows = {}
    for line in (MODULES / 'vfs_dfsr_harmless.txt').read_text().splitlines():
        name, _, reason = line.partition('\t')
        check(name not in rows, '%s is listed twice' % name)
        rows[name] = reason.strip()
    return rows


def vfs_header():
    path = SOURCE / 'source3' / 'include' / 'vfs.h'
    if not path.exists():
        raise Skip('no Samba source at %s' % SOURCE)
    return path.read_text(errors='replace')


@cases.case('the table is read as it is')
def _():
    text = '''struct vfs_fn_pointers {
        /* int (*not_this_fn)(void); */
        int (*one_fn)(struct vfs_handle_struct *handle,
                      int (*inner)(void));
        struct tevent_req *(*two_send_fn)(void);
};'''
    equal(table_members(text), {'one', 'two_send'})
    check(len(table_members(vfs_header())) > 90, 'vfs.h has few members')


@cases.case('every member is hooked or harmless')
def _():
    missing = table_members(vfs_header()) - hooked() - set(harmless())
    check(not missing, 'neither hooked nor harmless: ' +
          ' '.join(sorted(missing)))


@cases.case('nothing is hooked that is called harmless')
def _():
    both = hooked() & set(harmless())
    check(not both, 'hooked and called harmless: ' + ' '.join(sorted(both)))


@cases.case('every harmless member has a reason')
def _():
    check(all(harmless().values()), 'a reason is missing')


@cases.case('both halves of an asynchronous change are hooked')
def _():
    ours = hooked()
    for name in sorted(ours):
        if name.endswith('_send'):
            check(name[:-5] + '_recv' in ours, name + ' has no half')


if __name__ == '__main__':
    cases.main()
