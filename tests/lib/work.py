#
#  Samba DFS Replication
#  Many clients at once
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
"""Work in forked processes, each with connections of its own."""

import contextlib
import os
import signal
import traceback


class Worker:
    """Runs a function in a child process; wait() says whether it failed."""

    def __init__(self, function, *args):
        self.pid = os.fork()
        if self.pid:
            return
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            function(*args)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            # Not our lab to clean up.
            os._exit(status)

    def wait(self):
        if self.pid:
            _, status = os.waitpid(self.pid, 0)
            self.pid = 0
            if status != 0:
                raise AssertionError('a writer failed: status %d' % status)

    def running(self):
        if self.pid:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid == 0:
                return True
            self.pid = 0
            if status != 0:
                raise AssertionError('a writer failed: status %d' % status)
        return False

    def kill(self):
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


def parallel(*functions):
    """Run functions side by side and wait for all of them."""
    workers = [Worker(function) for function in functions]
    failed = []
    for worker in workers:
        try:
            worker.wait()
        except AssertionError as error:
            failed.append(str(error))
    if failed:
        raise AssertionError('; '.join(failed))
