#!/usr/bin/python3
#
#  Samba DFS Replication
#  Hold the tree against the rules of the house
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
"""The rules of the house, held as a test.

Each check returns lines "file:line: what"; each is one case of the output.
What is checked is what git knows or would take: ignored files are not.
"""

import sys

import lint_objects
import lint_sources
from lint_tree import Tree

CHECKS = [
    ('floors', lint_sources.check_floors),
    ('samba-private-headers', lint_sources.check_private_headers),
    ('licence-heads', lint_sources.check_licence),
    ('unfinished-work', lint_sources.check_unfinished),
    ('layout', lint_sources.check_layout),
    ('function-length', lint_sources.check_functions),
    ('documented-prototypes', lint_sources.check_documented),
    ('documented-parameters', lint_sources.check_parameters),
    ('headers-alone', lint_objects.check_headers_alone),
    ('pure-rooms', lint_objects.check_pure),
    ('module-links', lint_objects.check_modules),
    ('shellcheck', lint_objects.check_shell),
]


def main():
    tree = Tree()
    wanted = sys.argv[1:]
    failed = 0
    for name, check in CHECKS:
        if wanted and name not in wanted:
            continue
        problems = check(tree)
        for problem in problems:
            print(problem)
        print('%s %s' % ('not ok' if problems else 'ok', name), flush=True)
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
