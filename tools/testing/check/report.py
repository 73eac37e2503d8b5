# SPDX-License-Identifier: GPL-2.0
"""Results as TAP, from several threads; and how to read a guest's KTAP."""
import re
import sys
import threading
import time

_RESULT = re.compile(r'(not )?ok \d+ (?:- )?(.*)')


class Report:
    def __init__(self, stream=sys.stdout):
        self.stream = stream
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.start = time.monotonic()

    def note(self, text):
        with self.lock:
            for line in text.rstrip().splitlines():
                print(f'# {line}', file=self.stream, flush=True)

    def _line(self, result, name, text=''):
        number = self.passed + self.failed + self.skipped
        print(f'{result} {number} - {name}', file=self.stream)
        for line in text.rstrip().splitlines():
            print(f'#   {line}', file=self.stream)
        self.stream.flush()

    def ok(self, name):
        with self.lock:
            self.passed += 1
            self._line('ok', name)

    def not_ok(self, name, text=''):
        with self.lock:
            self.failed += 1
            self._line('not ok', name, text)

    def skip(self, name, reason):
        with self.lock:
            self.skipped += 1
            self._line('ok', f'{name} # SKIP {reason}')

    def result(self, name, good, text=''):
        if good:
            self.ok(name)
        else:
            self.not_ok(name, text)

    def summary(self):
        """The last lines; returns the exit status."""
        total = self.passed + self.failed + self.skipped
        print(f'# {time.monotonic() - self.start:.0f} s', file=self.stream)
        print(f'1..{total}', file=self.stream)
        print(f'# {self.passed} passed, {self.failed} failed, {self.skipped} skipped',
              file=self.stream, flush=True)
        return int(self.failed > 0 or total == 0)


class Ktap:
    """A stream for vm's Command.wait() that reports each case of nested KTAP.

    names tells results apart: prefix, the name of the subtest, the case.
    """

    def __init__(self, report, prefix, depth=1, ignore=()):
        self.report, self.prefix, self.depth = report, prefix, depth
        self.ignore = dict(ignore)
        self.buffer, self.subtest, self.text = '', '', []
        self.seen = 0
        self.done = False    # the summary came
        self.errors = ''

    def __call__(self, name, data):
        text = data.decode(errors='replace')
        if name == 'err':
            self.errors += text
            return
        *lines, self.buffer = (self.buffer + text).split('\n')
        for line in lines:
            self.line(line)

    def line(self, line):
        words = line.strip()
        depth = (len(line) - len(line.lstrip(' '))) // 4
        result = _RESULT.match(words)
        if words.startswith('# Subtest: '):
            self.subtest, self.text = words[11:], []
        elif result and depth == self.depth:
            self._report(bool(result.group(1)), result.group(2))
        elif result and depth == self.depth - 1:
            self.report.note(f'{self.prefix}{result.group(2).replace(" # ", ": ")}')
        elif re.match(r'# \d+ passed, \d+ failed', words) or words.startswith('# Totals:'):
            self.done = True
        elif words.startswith('# ') or depth > self.depth:
            self.text = self.text[-40:] + [words.removeprefix('# ')]

    def _report(self, failed, name):
        self.seen += 1
        name, _, reason = name.partition(' # ')
        full = '.'.join(filter(None, (self.subtest, name)))
        text, self.text = '\n'.join(self.text + ([reason] if failed and reason else [])), []
        if reason.startswith(('SKIP', 'XFAIL')):
            self.report.skip(f'{self.prefix}{full}', reason.partition(' ')[2] or text or 'no reason')
        elif failed and full in self.ignore:
            self.report.skip(f'{self.prefix}{full}', self.ignore[full])
        else:
            self.report.result(f'{self.prefix}{full}', not failed, text)
