# SPDX-License-Identifier: GPL-2.0
"""Tests of a program of tools/ that need no guest: build, run, report."""
import argparse
import os
import shutil
import sys
import time
import traceback

import report
import vm
from server_rig import Wrong, equal, expect, run


class Context:
    """What a test gets: programs and a folder of its own."""

    def __init__(self, source, folder):
        self.source, self.top = source, folder
        self.built = {}
        self.folder = None

    def build(self, name, source=None, **variables):
        """A variant of the program, built once; -Werror as any warning is a fault."""
        source = source or self.source
        program = os.path.basename(source)
        if (program, name) not in self.built:
            folder = os.path.join(self.top, f'build-{program}-{name}')
            os.makedirs(folder)
            done = run('make', '-s', '-C', source, f'O={folder}', 'CPPFLAGS=-Werror',
                       *(f'{key}={value}' for key, value in variables.items()), seconds=600)
            if done.returncode:
                raise Wrong(done.stdout)
            self.built[program, name] = os.path.join(folder, program)
        return self.built[program, name]

    @property
    def program(self):
        return self.build('gcc', CC='gcc')


def installation(context, units, exposure):
    """make install and uninstall; the manual and the units are well-formed."""
    root, name = os.path.join(context.folder, 'root'), os.path.basename(context.program)
    make = ('make', '-s', '-C', context.source, f'O={os.path.dirname(context.program)}',
            f'DESTDIR={root}', 'PREFIX=/usr', 'UNITDIR=/usr/lib/systemd/system')
    done = run(*make, 'install', seconds=600)
    equal((done.returncode, done.stdout), (0, ''), 'make install')
    found = {os.path.relpath(os.path.join(folder, each), root)
             for folder, _, names in os.walk(root) for each in names}
    equal(found, {f'usr/sbin/{name}', f'usr/share/man/man8/{name}.8', f'etc/{name}/example.conf'} |
          {f'usr/lib/systemd/system/{unit}' for unit in units}, 'what is installed')
    if shutil.which('man'):
        manual = run('man', '--warnings', '-l', f'{root}/usr/share/man/man8/{name}.8',
                     env={**os.environ, 'MANWIDTH': '80', 'LC_ALL': 'C.UTF-8'})
        expect(not manual.returncode and 'warning' not in manual.stdout.partition('NAME')[0],
               manual.stdout[:1000])
    if shutil.which('systemd-analyze'):
        # --root wants a whole system, so the program is where the host can see it.
        folder = os.path.join(root, 'usr/lib/systemd/system')
        service = os.path.join(folder, f'{name}@.service')
        with open(service, encoding='utf-8') as file:
            text = file.read()
        expect(f'ExecStart=/usr/sbin/{name} ' in text, text)
        with open(service, 'w', encoding='utf-8') as file:
            file.write(text.replace('/usr/sbin/', f'{root}/usr/sbin/'))
        done = run('systemd-analyze', 'verify', '--man=no',
                   *(os.path.join(folder, unit.replace('@', '@lan')) for unit in units))
        equal((done.returncode, done.stdout), (0, ''), 'systemd-analyze verify')
        done = run('systemd-analyze', 'security', '--offline=yes', f'--threshold={exposure}',
                   service)
        equal(done.returncode, 0, f'exposure:\n{done.stdout[-200:]}')
    equal(run(*make, 'uninstall').returncode, 0, 'make uninstall')
    left = [each for _, _, names in os.walk(root) for each in names]
    equal(left, [], 'left by make uninstall')


def _run_test(tap, context, name, test):
    context.folder = os.path.join(context.top, name)
    os.makedirs(context.folder)
    os.chmod(context.folder, 0o755)
    start = time.monotonic()
    title = f'{name}: {test.__doc__.splitlines()[0]}'
    try:
        reason = test(context)
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


def main(description, program, modules):
    """All there is to a check; returns the exit status."""
    tests = {name: test for module in modules for name, test in module.TESTS.items()}
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('test', nargs='*', help='names of tests (default: all)')
    parser.add_argument('--source', default=os.path.join(vm.TOP, 'tools', program))
    parser.add_argument('--list', action='store_true', help='show the tests')
    options = parser.parse_args()
    unknown = set(options.test) - set(tests)
    if unknown:
        parser.error(f'no such test: {" ".join(sorted(unknown))}; there are: {" ".join(tests)}')
    if options.list:
        for name, test in tests.items():
            print(f'{name:12} {test.__doc__.splitlines()[0]}')
        return 0
    folder = os.path.join('/dev/shm', program)
    try:
        vm.isolate()
        # Ours alone, so whatever a test leaves goes with the namespaces; and
        # unlike the cache, users without rights can get there.
        vm.host('mount', '-t', 'tmpfs', '-o', 'mode=1777', program, '/dev/shm')
    except vm.VmError as error:
        sys.exit(f'{os.path.basename(sys.argv[0])}: {error}')
    os.makedirs(folder)
    tap = report.Report()
    context = Context(os.path.abspath(options.source), folder)
    try:
        tap.note(context.program)
    except Wrong as error:
        tap.not_ok(f'build: {program} can be built', str(error))
        return tap.summary()
    for name in options.test or tests:
        _run_test(tap, context, name, tests[name])
    return tap.summary()
