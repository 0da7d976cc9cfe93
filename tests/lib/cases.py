#
#  Samba DFS Replication
#  One way to say how a case ended
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
"""A test file is a list of functions that run one after the other.

    cases = Cases()

    @cases.case('a file appears')
    def _(lab):
        ...

    if __name__ == '__main__':
        cases.main(lambda: Lab().pair())

A case fails by any exception; the others still run.
"""

import sys
import time
import traceback


class Skip(Exception):
    """This case cannot be run here; the text says why."""


class Cases:
    def __init__(self):
        self.list = []
        self.failed = 0

    def case(self, name):
        def register(function):
            self.list.append((name, function))
            return function
        return register

    def run(self, name, function, *args):
        start = time.monotonic()
        try:
            function(*args)
        except Skip as reason:
            print('ok %s # SKIP %s' % (name, reason), flush=True)
            return
        except Exception as error:
            self.failed += 1
            print('not ok %s' % name, flush=True)
            text = str(error) or type(error).__name__
            for line in text.splitlines()[:40]:
                print('#   %s' % line)
            trace = traceback.extract_tb(error.__traceback__)
            for frame in trace[-4:]:
                print('#   at %s:%d: %s' % (
                    frame.filename.rsplit('/', 1)[-1], frame.lineno,
                    frame.line))
            sys.stdout.flush()
            return
        print('ok %s' % name, flush=True)
        if time.monotonic() - start > 1:
            print('#   %.1f s' % (time.monotonic() - start), flush=True)

    def selected(self):
        """The cases whose name holds a word of the command line."""
        words = sys.argv[1:]
        return [(name, function) for name, function in self.list
                if not words or any(word in name for word in words)]

    def main(self, make_lab=None):
        """Run every case, each with the lab if there is one, and exit."""
        if make_lab is None:
            for name, function in self.selected():
                self.run(name, function)
        else:
            with make_lab() as lab:
                for name, function in self.selected():
                    self.run(name, function, lab)
                if self.failed and hasattr(lab, "show_logs"):
                    lab.show_logs()
        sys.exit(1 if self.failed else 0)


def equal(got, expected, what=''):
    if got != expected:
        raise AssertionError('%s: got %.300r, expected %.300r' % (
            what or 'values differ', got, expected))


def check(condition, what):
    if not condition:
        raise AssertionError(what)
