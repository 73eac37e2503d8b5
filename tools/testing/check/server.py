#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of tools/ivshmem-server. Needs root. TAP output, the last line sums up.

    server.py                   everything
    server.py --list
    server.py limit stale       tests by name
    server.py --source DIR      another copy of the server's source
"""
import argparse
import os
import sys
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import report  # noqa: E402
import server_daemon  # noqa: E402
import server_protocol  # noqa: E402
import server_qemu  # noqa: E402
import vm  # noqa: E402
from server_rig import Wrong, run  # noqa: E402

FOLDER = '/dev/shm/server'


class Context:
    """What a test gets: programs and a folder of its own."""

    def __init__(self, source):
        self.source = source
        self.built = {}
        self.folder = None

    def build(self, name, **variables):
        """A variant of the program, built once; -Werror as any warning is a fault."""
        if name not in self.built:
            folder = os.path.join(FOLDER, f'build-{name}')
            os.makedirs(folder)
            done = run('make', '-s', '-C', self.source, f'O={folder}', 'CPPFLAGS=-Werror',
                       *(f'{key}={value}' for key, value in variables.items()))
            if done.returncode:
                raise Wrong(done.stdout)
            self.built[name] = os.path.join(folder, 'ivshmem-server')
        return self.built[name]

    @property
    def program(self):
        return self.build('gcc', CC='gcc')


TESTS = {name: test for module in (server_protocol, server_daemon, server_qemu)
         for name, test in module.TESTS.items()}


def run_test(tap, context, name):
    context.folder = os.path.join(FOLDER, name)
    os.makedirs(context.folder)
    os.chmod(context.folder, 0o755)
    start = time.monotonic()
    title = f'{name}: {TESTS[name].__doc__.splitlines()[0]}'
    try:
        reason = TESTS[name](context)
    except (Wrong, vm.VmError) as error:
        tap.not_ok(title, str(error))
    except Exception:    # one test's mistake must not end the others
        tap.not_ok(title, traceback.format_exc())
    else:
        if reason:
            tap.skip(title, reason)
        else:
            tap.ok(title)
    if time.monotonic() - start > 5:
        tap.note(f'{name} took {time.monotonic() - start:.0f} s')


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('test', nargs='*', help='names of tests (default: all)')
    parser.add_argument('--source', default=os.path.join(vm.TOP, 'tools/ivshmem-server'))
    parser.add_argument('--list', action='store_true', help='show the tests')
    options = parser.parse_args()
    unknown = set(options.test) - set(TESTS)
    if unknown:
        parser.error(f'no such test: {" ".join(sorted(unknown))}; there are: {" ".join(TESTS)}')
    if options.list:
        for name, test in TESTS.items():
            print(f'{name:12} {test.__doc__.splitlines()[0]}')
        return 0
    try:
        vm.isolate()
        # Ours alone, so whatever a test leaves goes with the namespaces; and
        # unlike the cache, users without rights can get there.
        vm.host('mount', '-t', 'tmpfs', '-o', 'mode=1777', 'server', '/dev/shm')
    except vm.VmError as error:
        sys.exit(f'server.py: {error}')
    os.makedirs(FOLDER)
    tap = report.Report()
    context = Context(os.path.abspath(options.source))
    try:
        tap.note(context.program)
    except Wrong as error:
        tap.not_ok('build: the server can be built', str(error))
        return tap.summary()
    for name in options.test or TESTS:
        run_test(tap, context, name)
    return tap.summary()


if __name__ == '__main__':
    sys.exit(main())
