#
#  Samba DFS Replication
#  Lint: what compiler, linker and shell say
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
"""Checks that ask the compiler, the linker's tools and shellcheck."""

import re
import subprocess
import tempfile
from pathlib import Path

from lint_tree import PURE

# All that a room without a clock, a random source, system calls, a logger
# and an environment can need of libc and talloc.
PURE_MAY_CALL = re.compile(
    r'_?(mem|str)[a-z_]+$|__(mem|str)[a-z]+_chk$|'
    r'_?talloc_\w+$|_?_?v?snprintf(_chk)?$|__v?asprintf_chk$|'
    r'qsort(_r)?$|bsearch$|abort$|__assert_fail$|__stack_chk_fail$|'
    r'_GLOBAL_OFFSET_TABLE_$|__ctype_\w+_loc$|is[a-z]+$|to(upper|lower)$|'
    r'__isoc99_sscanf$')

# In spite of their names these look outside.
PURE_MAY_NOT_CALL = re.compile(
    r'strerror|strftime|strptime|strsignal|strdup$|strndup$|memfd_create|'
    r'talloc_(enable|report|set_log)')

MODULE_NEEDS = {'libc.so.6', 'libtalloc.so.2'}
MODULE_EXPORTS = {'samba_init_module'}
SMBD = '/usr/sbin/smbd'

WARNINGS = '-Wall -Wextra -pedantic -Werror'.split()
PACKAGES = 'talloc tevent tdb ldb lmdb gnutls jansson libacl'.split()


def symbols(tree, *arguments):
    """(letter, name) of each symbol that nm prints, versions cut off."""
    for line in tree.output('nm', *arguments).splitlines():
        found = re.match(r'(?:[0-9a-f]+)?\s+([A-Za-z]) (\S+)$', line)
        if found:
            yield found.group(1), found.group(2).split('@')[0]


def check_headers_alone(tree):
    flags = tree.output('pkg-config', '--cflags', *PACKAGES).split()
    # With the includes of a system header a warning would stay silent.
    flags = [re.sub('^-I', '-isystem', flag) for flag in flags]
    problems = []
    for source in tree.c_files('libdfsr'):
        if not source.name.endswith('.h'):
            continue
        with tempfile.NamedTemporaryFile('w', suffix='.c') as unit:
            unit.write('#include "%s"\nextern int dfsr_unit;\n' % source.path)
            unit.flush()
            result = subprocess.run(
                ['gcc', '-std=gnu11', '-fsyntax-only', '-D_GNU_SOURCE',
                 *WARNINGS, '-Ilibdfsr/include', *flags, unit.name],
                cwd=tree.top, stderr=subprocess.PIPE, check=False)
        if result.returncode != 0:
            first = re.search(rb'(\d+):\d+: (?:fatal )?error: (.*)',
                              result.stderr)
            line, what = first.groups() if first else (b'1', result.stderr)
            problems.append(source.at(
                int(line), 'does not compile alone: ' + what.decode()))
    return problems


def check_pure(tree):
    """The pure rooms call nothing that looks outside."""
    problems = []
    owners = {}
    rooms = sorted((tree.bin / 'libdfsr').glob('*/*.1.o'))
    for path in rooms:
        for letter, name in symbols(tree, str(path)):
            if letter in 'TDBRVW':
                owners[name] = path.parent.name
    for path in rooms:
        room = path.parent.name
        source = tree.top / 'libdfsr' / room / path.name[:-len('.1.o')]
        if room not in PURE or not source.exists():
            continue
        allowed = PURE[:PURE.index(room) + 1]
        for letter, name in symbols(tree, '-u', str(path)):
            if name in owners:
                if owners[name] in allowed:
                    continue
                what = '%s calls %s of %s' % (room, name, owners[name])
            elif (not PURE_MAY_CALL.match(name) or
                  PURE_MAY_NOT_CALL.match(name)):
                what = 'a pure room calls ' + name
            else:
                continue
            problems.append('%s:%d: %s' % (
                source.relative_to(tree.top), first_use(source, name), what))
    return problems


def first_use(source, name):
    bare = re.sub(r'^_+|_chk$', '', name)
    for number, line in enumerate(source.read_text().split('\n'), 1):
        if re.search(r'\b_*%s\b' % re.escape(bare), line):
            return number
    return 1


def smbd_symbols(tree):
    """All that smbd and the libraries it loads define."""
    libraries = re.findall(r'(/\S+) \(0x', tree.output('ldd', SMBD))
    return {name for _, name in
            symbols(tree, '-D', '--defined-only', SMBD, *libraries)}


def check_modules(tree):
    """A module brings little into smbd and finds there what it asks for."""
    problems = []
    modules = sorted((tree.bin / 'vfs').glob('*.so'))
    known = smbd_symbols(tree) if modules else set()
    for path in modules:
        where = '%s:1: ' % path.relative_to(tree.top)
        dynamic = tree.output('readelf', '-Wd', str(path))
        needed = set(re.findall(r'\(NEEDED\).*\[(\S+)\]', dynamic))
        needed -= {n for n in needed if n.startswith('ld-linux')}
        problems += [where + 'needs ' + name
                     for name in sorted(needed - MODULE_NEEDS)]
        if re.search(r'\((RPATH|RUNPATH)\)', dynamic):
            problems.append(where + 'has a run path')
        exported = {name for _, name in
                    symbols(tree, '-D', '--defined-only', str(path))}
        problems += [where + 'exports ' + name
                     for name in sorted(exported - MODULE_EXPORTS)]
        problems += [where + 'does not export ' + name
                     for name in sorted(MODULE_EXPORTS - exported)]
        weak = {'__gmon_start__', '_ITM_deregisterTMCloneTable',
                '_ITM_registerTMCloneTable', '__cxa_finalize'}
        asked = {name for letter, name in symbols(tree, '-D', '-u', str(path))}
        problems += [where + 'smbd does not define ' + name
                     for name in sorted(asked - known - weak)]
    return problems


def check_shell(tree):
    scripts = [s for s in tree.sources if s.is_shell()]
    if not scripts:
        return []
    result = subprocess.run(
        ['shellcheck', '--format=gcc', '--external-sources',
         '--source-path=SCRIPTDIR', *(s.name for s in scripts)],
        cwd=tree.top, stdout=subprocess.PIPE, check=False)
    return result.stdout.decode().splitlines()
