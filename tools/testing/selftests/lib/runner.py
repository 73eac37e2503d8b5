# SPDX-License-Identifier: GPL-2.0
"""Runs test files, each in a child with a deadline; KTAP, then a summary."""
import importlib
import importlib.util
import os
import select
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
sys.path.insert(0, TESTS)
from lib import ktap    # noqa: E402

for each in ('net', 'packets', 'segments', 'traffic'):    # once, for all files
    importlib.import_module(f'lib.{each}')

# In this order: what everything needs first, what takes long last.
ORDER = ('link', 'transfer', 'mtu', 'csum', 'fragments', 'tso', 'uso', 'gro', 'sg', 'ring',
         'tunables', 'channels', 'stats', 'mac', 'vlan', 'uppers', 'netpoll', 'devlink', 'dump',
         'observe', 'knobs', 'badinput', 'shm', 'stress')
# Run only when they are named: they need a kernel made for tests.
EXTRA = ('faults',)
DEADLINE = 300


def load(name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(TESTS, f'{name}.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def child(name, wanted):
    """Run the cases of a file in a process of its own."""
    ktap.reset()
    load(name)
    signal.alarm(ktap.deadline(wanted))
    sys.exit(ktap.run_cases(wanted, indent='    '))


def end(pid):
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(pid, 0)


def run_file(name, wanted, tally):
    """Fork, hand on what the child says, count its results."""
    readable, writable = os.pipe()
    print(f'    # Subtest: {name}', flush=True)
    pid = os.fork()
    if not pid:
        os.setpgid(0, 0)
        os.close(readable)
        os.dup2(writable, 1)
        os.dup2(writable, 2)
        child(name, wanted)
    os.close(writable)
    deadline = time.monotonic() + DEADLINE * ktap.slow() * (4 if ktap.stress() else 1)
    buffer, plan, seen, reason = b'', None, 0, ''
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([readable], [], [], left)[0]:
            reason = 'deadline'
            end(pid)
            break
        data = os.read(readable, 65536)
        if not data:
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            if status not in (0, 1):
                reason = f'ended with status {status}'
            break
        *lines, buffer = (buffer + data).split(b'\n')
        for line in lines:
            text = line.decode(errors='replace')
            print(text, flush=True)
            text = text.strip()
            if text.startswith('1..'):
                plan = int(text[3:])
            elif text.startswith(('ok ', 'not ok ')):
                seen += 1
                tally['failed' if text.startswith('not') else
                      'skipped' if '# SKIP' in text else 'passed'] += 1
    os.close(readable)
    if not reason and seen != plan:
        reason = f'{seen} of {plan} results'
    if reason:
        print(f'    # {buffer.decode(errors="replace")}')
        print(f'    not ok {seen + 1} {name}.ends # {reason}', flush=True)
        tally['failed'] += 1
    return reason


def main():
    wanted = {}
    for word in sys.argv[1:] or ORDER:
        name, _, case = word.partition('.')
        wanted.setdefault(name, set())
        if case:
            wanted[name].add(case)
    names = [name for name in ORDER + EXTRA if name in wanted]
    unknown = set(wanted) - set(names)
    if unknown:
        sys.exit(f'no such test: {" ".join(sorted(unknown))}; there are: {" ".join(ORDER)}')
    tally = {'passed': 0, 'failed': 0, 'skipped': 0}
    print('KTAP version 1')
    print(f'1..{len(names)}', flush=True)
    for number, name in enumerate(names, 1):
        before, start = tally['failed'], time.monotonic()
        run_file(name, wanted[name], tally)
        good = 'ok' if tally['failed'] == before else 'not ok'
        print(f'{good} {number} {name} # {time.monotonic() - start:.1f} s', flush=True)
    print(f'# {tally["passed"]} passed, {tally["failed"]} failed, {tally["skipped"]} skipped')
    sys.exit(bool(tally['failed']))


if __name__ == '__main__':
    main()
