#
#  Samba DFS Replication
#  Lint: what the sources say
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
"""Checks that read the sources."""

import re

from lint_tree import FLOORS, PORCH, header_room, without_comments

HOUSE = ('libdfsr', 'server', 'tools')
COLUMNS = 80
FUNCTION_LINES_MAX = 120
LONGEST_SHOWN = 5

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)

# Folders and files of Samba's tree that no package ships.
PRIVATE = re.compile(
    r'(includes|vfs|passdb|messages|ntioctl|locking|auth|serverid|proto|'
    r'trans2|msdfs|smbprofile|version)\.h$|'
    r'(smbd|source3|source4|modules|locking|libcli|librpc|lib|dbwrap|rpc_\w+|'
    r'dfs_server|system|param|replace|dynconfig|libsmb)/')

# In pieces, so that this file does not find itself.
UNFINISHED = re.compile(
    r'\b(' + '|'.join(('TO' 'DO', 'FIX' 'ME', 'XX' 'X', 'HA' 'CK')) + r')\b')

# No prototypes: types, and macros that stand for several.
DECLARATION_HEAD = re.compile(r'\s*(typedef\b|struct\s+\w+\s*[;{]|'
                              r'enum\s+\w+\s*[;{]|[A-Z_]+\()')


def includes_of(source):
    """(line, is quoted, path) of each #include."""
    for match in INCLUDE.finditer(source.text):
        yield (source.line_of(match.start()), match.group(1) == '"',
               match.group(2))


def check_floors(tree):
    problems = []
    for source in tree.c_files(*HOUSE, 'source3-modules'):
        room = source.room()
        if room != 'source3-modules' and room not in FLOORS:
            problems.append(source.at(1, 'belongs to no known room'))
            continue
        for line, quoted, path in includes_of(source):
            what = floor_problem(source, room, quoted, path)
            if what:
                problems.append(source.at(line, what))
    return problems


def floor_problem(source, room, quoted, path):
    """Why a file of this room may not include this path, or None."""
    name = path.split('/')[-1]
    if name.startswith('dfsr_') and name != 'dfsr_buildid.h':
        other = header_room(name)
        if other not in FLOORS:
            return '%s is the face of no room' % path
        if room == 'source3-modules':
            if other not in PORCH:
                return 'a module of smbd may not know %s' % other
        elif other != room and FLOORS[other] >= FLOORS[room]:
            return '%s (floor %d) may not know %s (floor %d)' % (
                room, FLOORS[room], other, FLOORS[other])
        return None
    if name.endswith('_private.h') and '/' in path:
        return 'the private header of another room: %s' % path
    beside = source.path.parent / path
    if quoted and room != 'source3-modules' and not beside.is_file():
        return '%s is neither beside this file nor a public header' % path
    return None


def check_private_headers(tree):
    problems = []
    for source in tree.c_files(*HOUSE, 'tests'):
        for line, quoted, path in includes_of(source):
            if quoted and (source.path.parent / path).is_file():
                continue
            if PRIVATE.match(path):
                problems.append(source.at(
                    line, 'Samba-private header %s outside '
                    'source3-modules' % path))
    return problems


def check_licence(tree):
    return [s.at(1, 'no GPL head') for s in tree.sources
            if (s.is_c() or s.is_shell() or s.is_python()) and
            s.name != '.ci/run' and len(s.lines) > 15 and
            'GNU General Public License' not in '\n'.join(s.lines[:30])]


def check_unfinished(tree):
    return [source.at(number, 'unfinished: ' + line.strip())
            for source in tree.sources
            for number, line in enumerate(source.lines, 1)
            if UNFINISHED.search(line)]


def check_layout(tree):
    problems = []
    for source in tree.sources:
        for number, line in enumerate(source.lines, 1):
            if line != line.rstrip():
                problems.append(source.at(number, 'trailing space'))
            if not source.is_c():
                continue
            if len(line.expandtabs(8)) > COLUMNS:
                problems.append(source.at(number, 'over %d columns' %
                                          COLUMNS))
            if line.startswith(' ' * 8):
                problems.append(source.at(number, 'spaces for a tab'))
        if source.text and not source.text.endswith('\n'):
            problems.append(source.at(len(source.lines),
                                      'no newline at the end'))
        if source.text.endswith('\n\n'):
            problems.append(source.at(len(source.lines) - 1,
                                      'blank line at the end'))
    return problems


def functions_of(source):
    """(name, first line, number of lines); Samba's form puts { and } of a
    function into the first column."""
    code = without_comments(source.text).split('\n')
    start = None
    for number, line in enumerate(code):
        if line.startswith('{') and number > 0:
            start = number - 1
            while start > 0 and re.match(r'[\s)]', code[start]):
                start -= 1
        elif line.startswith('}') and start is not None:
            found = re.search(r'(\w+)\s*\(', ' '.join(code[start:start + 3]))
            # struct, enum and arrays close with more than a brace
            if found and line.strip() == '}':
                yield found.group(1), start + 1, number - start + 1
            start = None


def check_functions(tree):
    problems = []
    longest = []
    for source in tree.c_files():
        if not source.name.endswith('.c'):
            continue
        for name, line, length in functions_of(source):
            longest.append((length, source.at(line, name)))
            if length > FUNCTION_LINES_MAX:
                problems.append(source.at(line, '%s has %d lines (over %d)' % (
                    name, length, FUNCTION_LINES_MAX)))
    longest.sort(reverse=True)
    for length, where in longest[:LONGEST_SHOWN]:
        print('# %d lines: %s' % (length, where))
    return problems


def declarations_of(source):
    """(offset, text) of each declaration at the top level of a header."""
    code = without_comments(source.text)
    code = re.sub(r'^[ \t]*#(?:[^\n\\]|\\\n|\\.)*',
                  lambda m: re.sub(r'[^\n]', ' ', m.group(0)), code,
                  flags=re.M)
    depth = 0
    start = 0
    for offset, char in enumerate(code):
        if char == '{':
            depth += 1
        elif char == '}':
            depth -= 1
            if depth == 0 and re.match(r'\s*static inline', code[start:]):
                yield start, code[start:offset + 1]
                start = offset + 1
        elif char == ';' and depth == 0:
            yield start, code[start:offset + 1]
            start = offset + 1


def check_documented(tree):
    """One comment may speak for a paragraph of prototypes."""
    problems = []
    for source in tree.c_files('libdfsr'):
        if not source.name.startswith('libdfsr/include/'):
            continue
        end_of_documented = None
        for offset, text in declarations_of(source):
            head = text.split('{')[0]
            begin = offset + len(text) - len(text.lstrip())
            end = offset + len(text)
            before = source.text[:begin].rstrip()
            comment = before[before.rfind('/*'):]
            gap = source.text[end_of_documented or 0:begin]
            if ((before.endswith('*/') and comment.startswith('/**')) or
                    (end_of_documented and '\n\n' not in gap)):
                end_of_documented = end
                continue
            if '(' not in head or DECLARATION_HEAD.match(head):
                continue
            name = re.search(r'(\w+)\s*\(', head).group(1)
            problems.append(source.at(source.line_of(begin), 'prototype '
                                      'without a /** comment: ' + name))
    return problems


def check_parameters(tree):
    """Each dfsr: parameter is in a man page, and the other way round."""
    used = {}
    documented = {}
    for source in tree.sources:
        if source.name.startswith('docs/man/'):
            for match in re.finditer(r'<term>([^<]*)', source.text):
                for name in re.findall(r'dfsr:([a-z][a-z0-9 ]*)',
                                       match.group(1)):
                    documented.setdefault(name.strip(), source.at(
                        source.line_of(match.start()), name.strip()))
        elif source.is_c() and not source.name.startswith('tests/'):
            for match in re.finditer(
                    r'"dfsr(?:"\s*,\s*"|:)([a-z][a-z0-9 ]*)"', source.text):
                used.setdefault(match.group(1), source.at(
                    source.line_of(match.start()), match.group(1)))
    if not (tree.top / 'docs' / 'man').is_dir():
        return []
    return sorted(
        ['%s: parameter is in no man page (as <term>dfsr:NAME' % where + ')'
         for name, where in used.items() if name not in documented] +
        ['%s: parameter is read by no code' % where
         for name, where in documented.items() if name not in used])
