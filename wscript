#!/usr/bin/env python3
#
#  Samba DFS Replication
#  The build, driven by the waf of the Samba source tree (see ./run)
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
# Only plain waf: wafsamba's own rules assume that they stand in Samba's tree.
#
# Files are found by their place, so that a new one needs no edit here:
#
#   libdfsr/<room>/*.c             -> bin/libdfsr.so.0, bin/libdfsr_all.a
#   source3-modules/vfs_NAME*.c    -> bin/vfs/NAME.so (see build_modules)
#   server/*.c                     -> bin/dfsrd
#   tools/*.c                      -> bin/samba-dfs
#   tests/unit/test_*.c            -> bin/tests/unit/test_*
#   tests/crash/test_*.c           -> bin/tests/crash/test_*
#   tests/fuzz/fuzz_*.c            -> bin/tests/fuzz/fuzz_* (replays a corpus)
#   tests/lib/*.c                  -> linked into every test
#   docs/man/NAME.N.xml            -> bin/man/NAME.N

import glob
import os
import re

from waflib import Task

APPNAME = 'samba-dfs'
VERSION = '0.1.0'

top = '.'
out = 'bin'

ROOMS = ('types engine journal store fs apply watch wire peer config '
         'agent').split()

# What the modules may bring into smbd: the writer half of the journal and
# the values it speaks in. Nothing of it is visible outside the module.
PORCH = ('libdfsr/journal/journal_writer*.c '
         'libdfsr/journal/journal_format*.c '
         'libdfsr/journal/journal_control*.c '
         'libdfsr/types/*.c').split()

# pkg-config name -> minimum version ('' for any)
PACKAGES = {
    'talloc': '2.3',
    'tevent': '0.11',
    'tdb': '',
    'ldb': '2.0',
    'lmdb': '',
    'gnutls': '3.6.3',
    'jansson': '2.10',
    'popt': '',
    'libsystemd': '',
    'libacl': '',
    'samba-hostconfig': '',
    'samba-util': '',
    'cmocka': '1.1',
}

LIBRARY_USE = ('TALLOC TEVENT TDB LDB LMDB GNUTLS JANSSON LIBSYSTEMD LIBACL '
               'SAMBA-HOSTCONFIG SAMBA-UTIL')
PROGRAM_USE = LIBRARY_USE + ' POPT'

WARNINGS = '''
    -Wall -Wextra -Werror
    -Wmissing-prototypes -Wstrict-prototypes -Wdeclaration-after-statement
    -Wshadow -Wformat=2 -Werror=format-security -Wpointer-arith
    -Wwrite-strings
'''.split()

HARDENING = '''
    -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
    -fstack-clash-protection
'''.split()

LINKING = '-Wl,-z,relro,-z,now -Wl,--as-needed'.split()

# Where a module finds the private headers, in Samba's own order;
# S is the source tree, B its build folder.
SAMBA_INCLUDES = '''
    B/include/public B/source3 S/source3 B/source3/include S/source3/include
    S/source3/lib B S B/include S/include S/lib S/lib/replace B/lib B/librpc
    S/librpc S/source4 B/source4 S/dynconfig
'''.split()

# Later versions of Samba call it libsmbd-base-private-samba.so.0.
SMBD_LIBRARY = 'libsmbd-base-*samba*.so.0'
STYLESHEET = ('http://docbook.sourceforge.net/release/xsl/current/manpages/'
              'docbook.xsl')


def options(opt):
    opt.load('compiler_c')
    opt.add_option('--samba-source', dest='samba_source', default='',
                   help='configured source tree of the installed Samba')


def configure(conf):
    conf.load('compiler_c gnu_dirs')
    conf.find_program('pkg-config', var='PKGCONFIG')
    conf.find_program('ar', var='AR')
    conf.find_program('readelf', var='READELF')
    conf.find_program('xsltproc', var='XSLTPROC')

    for package, version in PACKAGES.items():
        wanted = [package + (' >= ' + version if version else '')]
        conf.check_cfg(package=package, uselib_store=package.upper(),
                       args=wanted + ['--cflags', '--libs'])

    conf.env.append_value('CFLAGS', ['-std=gnu11'] + HARDENING)
    for flag in ('-fcf-protection',):
        if conf.check_cc(cflags=['-Werror', flag], mandatory=False,
                         msg='Checking for ' + flag):
            conf.env.append_value('CFLAGS', [flag])
    conf.env.WARNINGS = WARNINGS
    conf.env.append_value('CFLAGS', os.environ.get('CFLAGS', '').split())
    conf.env.append_value('LINKFLAGS', LINKING)
    conf.env.append_value('LINKFLAGS', os.environ.get('LDFLAGS', '').split())
    conf.env.append_value('DEFINES', [
        '_GNU_SOURCE=1', 'DFSR_VERSION="%s"' % VERSION])

    multiarch = conf.cmd_and_log(conf.env.CC + ['-print-multiarch']).strip()
    conf.env.PREFIX = '/usr'
    conf.env.MULTIARCH = multiarch
    conf.env.LIBDIR = '/usr/lib/' + multiarch
    conf.env.VFSDIR = '/usr/lib/%s/samba/vfs' % multiarch
    conf.env.MANDIR = '/usr/share/man'

    configure_samba(conf)


def configure_samba(conf):
    """The headers for the modules, and the smbd that they are for."""
    source = conf.options.samba_source
    if not os.path.isdir(os.path.join(source, 'bin/default/include')):
        conf.fatal('--samba-source must name a configured Samba tree: '
                   'use ./run build')
    build = os.path.join(source, 'bin/default')
    link = conf.bldnode.make_node('samba-source').abspath()
    if os.path.islink(link):
        os.unlink(link)
    os.symlink(source, link)
    # As system headers they are neither scanned nor held to our warnings.
    for path in SAMBA_INCLUDES:
        path = re.sub('^S', source, re.sub('^B', build, path))
        conf.env.append_value('SAMBA_CFLAGS', ['-isystem', path])

    found = glob.glob(os.path.join(conf.env.LIBDIR, 'samba', SMBD_LIBRARY))
    if len(found) != 1:
        conf.fatal('no %s in %s/samba' % (SMBD_LIBRARY, conf.env.LIBDIR))
    library = found[0]
    notes = conf.cmd_and_log(conf.env.READELF + ['-n', library])
    found = re.search(r'Build ID: ([0-9a-f]+)', notes)
    if not found:
        conf.fatal('%s has no build id' % library)
    conf.msg('Build id of ' + library, found.group(1))
    conf.bldnode.make_node('dfsr_buildid.h').write(
        '/* The smbd that the modules are built for. Made by wscript. */\n'
        '#define DFSR_SMBD_BUILD_ID "%s"\n'
        '#define DFSR_SMBD_LIBRARY "%s"\n' % (found.group(1), os.path.basename(library)))


def build(bld):
    bld.env.append_value('CFLAGS', bld.env.WARNINGS)
    build_library(bld)
    build_modules(bld)
    build_programs(bld)
    build_tests(bld)
    build_fuzzers(bld)
    build_manpages(bld)
    install_rest(bld)


def make(bld, idx=1, **kw):
    """Like bld(), but a new file elsewhere does not rename our objects."""
    generator = bld(**kw)
    generator.idx = idx
    return generator


def includes(bld):
    return ['libdfsr/include', 'libdfsr', bld.bldnode]


def build_library(bld):
    sources = [f for room in ROOMS
               for f in bld.path.ant_glob('libdfsr/%s/*.c' % room)]
    bld.env.HAVE_LIBRARY = bool(sources)
    if not sources:
        return
    make(bld, features='c', source=sources, target='dfsr_objects',
         includes=includes(bld), cflags=['-fPIC'], use=LIBRARY_USE)
    make(bld, features='c cshlib vnum', source='', target='dfsr',
         name='dfsr_shared', vnum=VERSION, cnum=VERSION.split('.')[0],
         linkflags=['-Wl,-z,defs'], lib=['pthread'],
         use='dfsr_objects ' + LIBRARY_USE, install_path='${LIBDIR}')
    make(bld, features='c cstlib', source='', target='dfsr_all',
         name='dfsr_static', use='dfsr_objects', install_path=None)
    bld.install_files('${PREFIX}/include/samba-dfs',
                      bld.path.ant_glob('libdfsr/include/dfsr_*.h'))
    bld(features='subst', source='libdfsr/dfsr.pc.in', target='dfsr.pc',
        VERSION=VERSION, LIBDIR=bld.env.LIBDIR, PREFIX=bld.env.PREFIX,
        install_path='${LIBDIR}/pkgconfig')


def build_modules(bld):
    """One .so per vfs_NAME.c that defines vfs_NAME_init(). vfs_NAME_*.c
    belong to it; the other files are part of every module."""
    sources = bld.path.ant_glob('source3-modules/vfs_*.c')
    names = [n.name[len('vfs_'):-len('.c')] for n in sources
             if n.name[:-len('.c')] + '_init(' in n.read(encoding='utf-8')]
    if not names:
        return
    hidden = ['-fPIC', '-fvisibility=hidden']
    porch = bld.path.ant_glob(PORCH)
    if porch:
        make(bld, idx=2, features='c', source=porch, target='porch_objects',
             includes=includes(bld), cflags=hidden, use='TALLOC')
        make(bld, features='c cstlib', source='', target='dfsr_porch',
             name='porch', use='porch_objects', install_path=None)
    common = dict(
        features='c', includes=includes(bld),
        cflags=['-fPIC'] + bld.env.SAMBA_CFLAGS,
        defines=['HAVE_CONFIG_H=1', '__STDC_WANT_LIB_EXT1__=1'] +
        ['vfs_%s_init=samba_init_module' % name for name in names],
        use='TALLOC')

    def owner(node):
        return re.match(r'vfs_([a-z0-9]+)', node.name).group(1)

    shared = [n for n in sources if owner(n) not in names]
    make(bld, source=shared, target='vfs_shared_objects', **common)
    env = bld.env.derive()
    env.cshlib_PATTERN = '%s.so'
    exports = bld.path.find_node('source3-modules/exports.map').abspath()
    for name in names:
        make(bld, source=[n for n in sources if owner(n) == name],
             target='vfs_%s_objects' % name, **common)
        # The map hides all but the init function. What stays undefined here
        # smbd has loaded; tests/lint proves it.
        make(bld, features='c cshlib', source='', target='vfs/' + name,
             name='vfs_' + name, env=env,
             linkflags=['-Wl,--version-script=' + exports,
                        '-Wl,--exclude-libs,ALL'],
             use='vfs_%s_objects vfs_shared_objects %sTALLOC' % (
                 name, 'porch ' if porch else ''),
             install_path='${VFSDIR}')


def program(bld, name, folder, install_path):
    """In bin/ a program finds its library beside itself, installed not."""
    sources = bld.path.ant_glob(folder + '/*.c')
    if not sources or not bld.env.HAVE_LIBRARY:
        return
    make(bld, features='c', source=sources, target=name + '_objects',
         includes=includes(bld) + [folder], cflags=['-fPIE'],
         use=PROGRAM_USE)
    common = dict(features='c cprogram', source='', lib=['pthread'],
                  use=name + '_objects dfsr_shared ' + PROGRAM_USE)
    make(bld, target=name, linkflags=['-pie', '-Wl,-rpath,$ORIGIN'],
         install_path=None, **common)
    if bld.is_install:
        make(bld, target='install/' + name, linkflags=['-pie'],
             install_path=install_path, chmod=0o755, **common)


def build_programs(bld):
    program(bld, 'dfsrd', 'server', '${PREFIX}/sbin')
    program(bld, 'samba-dfs', 'tools', '${PREFIX}/bin')


def test_flags(node):
    """A test may ask for linker flags: a comment line "ldflags: ..."."""
    found = re.search(r'^[ /*]*ldflags: *(.*?)(?: *\*/)?$',
                      node.read(encoding='utf-8')[:4000], re.M)
    return found.group(1).split() if found else []


def test_program(bld, node, use=''):
    make(bld, features='c cprogram', source=[node],
         target=str(node.path_from(bld.path))[:-len('.c')],
         includes=includes(bld) + ['tests/lib', '.'],
         cflags=['-fPIE'], linkflags=['-pie'] + test_flags(node),
         lib=['pthread', 'dl'],
         use=' '.join([use, bld.env.TESTS_LIB or '',
                       'dfsr_static' if bld.env.HAVE_LIBRARY else '',
                       PROGRAM_USE, 'CMOCKA']),
         install_path=None)


def build_tests(bld):
    helpers = bld.path.ant_glob('tests/lib/*.c')
    bld.env.TESTS_LIB = 'tests_lib' if helpers else ''
    if helpers:
        make(bld, features='c', source=helpers, target='tests_lib_objects',
             includes=includes(bld) + ['tests/lib'], cflags=['-fPIE'],
             use=PROGRAM_USE + ' CMOCKA')
        make(bld, features='c cstlib', source='',
             target='tests/lib/tests_lib', name='tests_lib',
             use='tests_lib_objects', install_path=None)
    for node in bld.path.ant_glob('tests/unit/test_*.c '
                                  'tests/crash/test_*.c'):
        test_program(bld, node)


def build_fuzzers(bld):
    """Each fuzz target also builds as a program that replays files."""
    replay = bld.path.find_node('tests/fuzz/replay_main.c')
    if not replay:
        return
    make(bld, features='c', source=[replay], target='replay_objects',
         includes=includes(bld), cflags=['-fPIE'])
    for node in bld.path.ant_glob('tests/fuzz/fuzz_*.c'):
        test_program(bld, node, 'replay_objects')


class manpage(Task.Task):
    run_str = ('${XSLTPROC} --nonet --stringparam man.output.quietly 1 '
               '--stringparam refentry.meta.get.quietly 1 '
               '-o ${TGT[0].abspath()} ' + STYLESHEET +
               ' ${SRC[0].abspath()}')
    color = 'BLUE'


def build_manpages(bld):
    for node in bld.path.ant_glob('docs/man/*.xml'):
        name = node.name[:-len('.xml')]
        target = bld.bldnode.make_node('man/' + name)
        task = manpage(env=bld.env)
        task.set_inputs(node)
        task.set_outputs(target)
        bld.add_to_group(task)
        bld.install_files('${MANDIR}/man' + name.rsplit('.')[-1], target)


def install_rest(bld):
    bld.install_files('${PREFIX}/lib/systemd/system',
                      'packaging/systemd/dfsrd.service')
