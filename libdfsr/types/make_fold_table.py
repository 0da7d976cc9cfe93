#!/usr/bin/env python3
# Samba DFS Replication
# Generate types_fold_table.c: one-to-one upper case of every character
#
# This program is free software; you can redistribute it and/or modify
# it under the terms of the GNU General Public License as published by
# the Free Software Foundation; either version 3 of the License, or
# (at your option) any later version.
#
# This program is distributed in the hope that it will be useful,
# but WITHOUT ANY WARRANTY; without even the implied warranty of
# MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
# GNU General Public License for more details.
#
# You should have received a copy of the GNU General Public License
# along with this program; if not, see <http://www.gnu.org/licenses/>.
"""
The committed table is frozen: it decides which names conflict, and members
with different tables must not replicate.  A newer Unicode therefore never
changes it by itself.  Whoever runs this with another Python and commits the
result raises DFSR_FOLD_VERSION.

    make_fold_table.py > types_fold_table.c

Two kinds of mappings are left out.  What has no single upper case character
(sharp s, ligatures) stays, since a comparison has to be one-to-one.  And
nothing folds into ASCII from outside (dotless i, long s): smbd and NTFS
keep those apart from i and s, and no odd spelling may become the name of
our private directory.
"""

import sys
import unicodedata

LAST = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)
ASCII_END = 0x80
# DFSR_FOLD_MAX / DFSR_NAME_MAX must not be smaller than this.
GROWTH_MAX = 1.5


def mappings():
    """All (code point, upper case code point) that the fold changes."""
    for cp in range(LAST + 1):
        if cp in SURROGATES:
            continue
        upper = chr(cp).upper()
        if len(upper) != 1 or upper == chr(cp):
            continue
        if cp >= ASCII_END > ord(upper):
            continue
        yield cp, ord(upper)


def check(table):
    """The invariants that types_fold.c builds on."""
    for cp, upper in table.items():
        assert upper not in table, hex(cp)
        was = len(chr(cp).encode("utf-8"))
        now = len(chr(upper).encode("utf-8"))
        assert now <= was * GROWTH_MAX, hex(cp)
    for cp in range(ord("a"), ord("z") + 1):
        assert table[cp] == cp - 32
    for cp in (0x131, 0x17F, 0xDF, 0x130):
        assert cp not in table, hex(cp)


def ranges(table):
    """Join neighbours with one distance, at step 1 or 2."""
    out = []
    for cp in sorted(table):
        delta = table[cp] - cp
        if out:
            last = out[-1]
            step = cp - last[1]
            if delta == last[3] and step in (1, 2):
                if last[0] == last[1] or step == last[2]:
                    last[1] = cp
                    last[2] = step
                    continue
        out.append([cp, cp, 1, delta])
    return out


def expand(rows):
    """What types_fold.c will read out of the rows."""
    table = {}
    for first, last, step, delta in rows:
        for cp in range(first, last + 1, step):
            assert cp not in table, hex(cp)
            table[cp] = cp + delta
    return table


HEAD = """/*
   Samba DFS Replication
   The frozen folding table

   This program is free software; you can redistribute it and/or modify
   it under the terms of the GNU General Public License as published by
   the Free Software Foundation; either version 3 of the License, or
   (at your option) any later version.

   This program is distributed in the hope that it will be useful,
   but WITHOUT ANY WARRANTY; without even the implied warranty of
   MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
   GNU General Public License for more details.

   You should have received a copy of the GNU General Public License
   along with this program; if not, see <http://www.gnu.org/licenses/>.
*/

/*
 * Made by make_fold_table.py from Unicode %s, %u mappings.
 * Frozen: a change of any row needs a new DFSR_FOLD_VERSION.
 */

#include "types_private.h"

const struct types_fold_range types_fold_table[] = {
"""

TAIL = """};

const size_t types_fold_table_len =
\tsizeof(types_fold_table) / sizeof(types_fold_table[0]);
"""


def main():
    table = dict(mappings())
    check(table)
    rows = ranges(table)
    assert expand(rows) == table
    sys.stdout.write(HEAD % (unicodedata.unidata_version, len(table)))
    for first, last, step, delta in rows:
        sys.stdout.write("\t{0x%05x, 0x%05x, %u, %d},\n"
                         % (first, last, step, delta))
    sys.stdout.write(TAIL)


if __name__ == "__main__":
    main()
