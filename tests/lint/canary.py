#!/usr/bin/python3
#
#  Samba DFS Replication
#  Does the lint see what it is there for?
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
"""Plant one fault per rule in a small tree; the lint must name each of them,
and must be silent about the same tree without the faults."""

import subprocess
import sys
import tempfile
from pathlib import Path

from lint import CHECKS
from lint_tree import Tree

HEAD = '/* GNU General Public License */\n' + '\n' * 16

CLEAN = {
    'libdfsr/include/dfsr_types.h':
        HEAD + '#include <stddef.h>\n/** The answer. */\nint dfsr_a(void);\n'
        'size_t dfsr_b(void);\n',
    'libdfsr/include/dfsr_engine.h':
        HEAD + '#include <dfsr_types.h>\n/** The same. */\n'
        'int dfsr_c(void);\n',
    'libdfsr/types/types_a.c':
        HEAD + '#include "dfsr_types.h"\nint dfsr_a(void)\n{\n'
        '\treturn 42;\n}\n',
    'libdfsr/engine/engine_a.c':
        HEAD + '#include <string.h>\n#include "dfsr_engine.h"\n'
        'int dfsr_c(void)\n{\n\treturn dfsr_a() + (int)strlen("x");\n}\n',
    'server/main.c':
        HEAD + 'const char *names[] = { "dfsr:port" };\n',
    'docs/man/dfsrd.8.xml': '<term>dfsr:port = N</term>\n',
    'source3-modules/vfs_x.c':
        HEAD + '#include "dfsr_types.h"\nint samba_init_module(void);\n'
        'int samba_init_module(void)\n{\n\treturn 0;\n}\n',
    'tests/good.sh': '#!/bin/sh\necho "$1"\n',
}

# Check -> file, what is put at its end, what the lint must say.
FAULTS = [
    ('floors', 'libdfsr/types/types_a.c', '#include "dfsr_engine.h"\n',
     'types (floor 0) may not know engine (floor 1)'),
    ('floors', 'libdfsr/engine/engine_a.c', '#include "dfsr_wire.h"\n',
     'engine (floor 1) may not know wire (floor 1)'),
    ('floors', 'server/main.c', '#include "store/store_private.h"\n',
     'the private header of another room'),
    ('floors', 'source3-modules/vfs_x.c', '#include "dfsr_store.h"\n',
     'a module of smbd may not know store'),
    ('samba-private-headers', 'server/main.c', '#include "smbd/smbd.h"\n',
     'Samba-private header smbd/smbd.h'),
    ('licence-heads', 'server/new.c', '\n' * 20, 'no GPL head'),
    ('unfinished-work', 'server/main.c', '/* TO' 'DO: all */\n',
     'unfinished'),
    ('layout', 'server/main.c', 'int x; \n', 'trailing space'),
    ('layout', 'server/main.c', '\t' * 9 + 'int too_long;\n',
     'over 80 columns'),
    ('function-length', 'server/main.c',
     'int f(void)\n{\n' + '\n' * 118 + '}\n', 'f has 121 lines'),
    ('documented-prototypes', 'libdfsr/include/dfsr_types.h',
     '\nint dfsr_bare(void);\n', 'dfsr_bare'),
    ('documented-parameters', 'docs/man/dfsrd.8.xml',
     '<term>dfsr:ghost = N</term>\n', 'ghost: parameter is read by no code'),
    ('documented-parameters', 'server/main.c',
     'const char *q = "dfsr:secret";\n', 'secret: parameter is in no man'),
    ('headers-alone', 'libdfsr/include/dfsr_types.h',
     '/** None. */\nuint32_t dfsr_d(void);\n', 'does not compile alone'),
    ('pure-rooms', 'libdfsr/engine/engine_a.c',
     '#include <time.h>\nlong dfsr_e(void) { return time(NULL); }\n',
     'a pure room calls time'),
    ('pure-rooms', 'libdfsr/types/types_a.c',
     'int dfsr_c(void);\nint dfsr_e(void) { return dfsr_c(); }\n',
     'types calls dfsr_c of engine'),
    ('module-links', 'source3-modules/vfs_x.c',
     'int dfsr_lost(void);\nint y(void) { return dfsr_lost(); }\n',
     'smbd does not define dfsr_lost'),
    ('module-links', 'source3-modules/vfs_x.c', 'int y;\n', 'exports y'),
    ('shellcheck', 'tests/good.sh', 'echo $2\n', 'SC2086'),
]


def make_tree(top, fault=None):
    subprocess.run(['git', 'init', '-q', top], check=True)
    files = dict(CLEAN)
    if fault:
        _, name, text, _ = fault
        files[name] = files.get(name, '') + text
    (top / '.gitignore').write_text('/bin/\n')
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def compile_tree(top):
    for name in ('libdfsr/types/types_a.c', 'libdfsr/engine/engine_a.c'):
        target = top / 'bin' / (name + '.1.o')
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(['gcc', '-O2', '-I' + str(top / 'libdfsr/include'),
                        '-c', '-o', target, top / name], check=True)
    (top / 'bin/vfs').mkdir()
    subprocess.run(['gcc', '-shared', '-fPIC',
                    '-I' + str(top / 'libdfsr/include'), '-o',
                    top / 'bin/vfs/x.so', top / 'source3-modules/vfs_x.c'],
                   check=True)


def findings(fault, checks):
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder)
        make_tree(top, fault)
        if set(checks) & {'pure-rooms', 'module-links'}:
            compile_tree(top)
        tree = Tree(top)
        return [line for name, check in CHECKS if name in checks
                for line in check(tree)]


def main():
    silent = findings(None, [name for name, _ in CHECKS])
    print('\n'.join(silent))
    print('%s silent about a clean tree' % ('not ok' if silent else 'ok'))
    failed = bool(silent)
    for fault in FAULTS:
        found = findings(fault, [fault[0]])
        seen = any(fault[3] in line for line in found)
        if not seen:
            print('# said:', found)
        print('%s %s: %s' % ('ok' if seen else 'not ok', fault[0], fault[3]))
        failed |= not seen
    missing = {name for name, _ in CHECKS} - {fault[0] for fault in FAULTS}
    for name in sorted(missing):
        print('not ok %s: no fault is planted for it' % name)
    return 1 if failed or missing else 0


if __name__ == '__main__':
    sys.exit(main())
