#
#  Samba DFS Replication
#  The tree that the lint looks at
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
"""What the checks look at: the files, and which room each belongs to."""

import re
import subprocess
from pathlib import Path

# Arrows point downward only and never sideways (DESIGN: the house).
FLOORS = {
    'types': 0,
    'engine': 1, 'wire': 1, 'journal': 1, 'fs': 1,
    'store': 2, 'apply': 2, 'watch': 2, 'peer': 2, 'config': 2,
    'agent': 3,
    'server': 4, 'tools': 4,
}

PURE = ('types', 'engine')

# What a module inside smbd may know.
PORCH = ('types', 'journal')


class Source:
    """One text file, read once."""

    def __init__(self, top, name):
        self.name = name
        self.path = top / name
        self.text = self.path.read_text(errors='replace')
        self.lines = self.text.split('\n')

    def at(self, line, what):
        return '%s:%d: %s' % (self.name, line, what)

    def line_of(self, offset):
        return self.text.count('\n', 0, offset) + 1

    def is_c(self):
        return self.name.endswith(('.c', '.h'))

    def is_shell(self):
        return self.name.endswith('.sh') or bool(
            re.match(r'#!.*\b(ba|da)?sh\b', self.lines[0]))

    def is_python(self):
        return self.name.endswith('.py') or 'python' in self.lines[0]

    def room(self):
        """The room or top folder that a file belongs to."""
        parts = self.name.split('/')
        if parts[0] != 'libdfsr':
            return parts[0]
        if parts[1] == 'include':
            return header_room(parts[2])
        return parts[1]


def header_room(name):
    """dfsr_store.h and dfsr_store_x.h are the face of the room store."""
    found = re.match(r'dfsr_([a-z0-9]+)', name)
    return found.group(1) if found else None


def without_comments(text):
    """Blank out comments and literals; every offset stays where it was."""
    def blank(match):
        return re.sub(r'[^\n]', ' ', match.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                  r"'(?:\\.|[^'\\\n])*'", blank, text, flags=re.S)


class Tree:
    def __init__(self, top=Path(__file__).resolve().parents[2]):
        self.top = top
        self.bin = self.top / 'bin'
        names = self.output('git', 'ls-files', '-co', '--exclude-standard',
                            '--deduplicate').splitlines()
        self.sources = [Source(self.top, name) for name in sorted(names)
                        if self.is_text(name)]

    def is_text(self, name):
        path = self.top / name
        return (path.is_file() and not path.is_symlink() and
                name != 'COPYING' and '/corpus/' not in name and
                '/golden/' not in name and
                b'\0' not in path.read_bytes()[:8192])

    def output(self, *command):
        """What a program prints; its failure is ours."""
        return subprocess.run(command, cwd=self.top, check=True,
                              stdout=subprocess.PIPE).stdout.decode()

    def c_files(self, *folders):
        return [s for s in self.sources if s.is_c() and
                (not folders or s.name.split('/')[0] in folders)]
