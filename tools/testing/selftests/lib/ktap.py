# SPDX-License-Identifier: GPL-2.0
"""Test cases and their results.

    from lib.ktap import case, main

    @case('117 118')            # rows of the list of features
    def jumbo(t):
        t.defer(undo, ...)      # runs at the end of the case, last one first
        t.equal(have, want, 'what')

    if __name__ == '__main__':
        main()
"""
import os
import signal
import subprocess
import sys
import traceback


class Skip(Exception):
    """The case cannot be tried here; the text says why."""


class Failed(Exception):
    """A comparison went wrong."""


_cases = []


def quick():
    """Fewer repetitions, as "make check" wants them?"""
    return os.environ.get('QUICK', '') not in ('', '0') and not stress()


def stress():
    return os.environ.get('STRESS', '') not in ('', '0')


def times(full, short):
    """How often to repeat: all of it, or what a quick run takes."""
    return short if quick() else full


def slow():
    """Deadlines grow by this on a kernel with debugging."""
    return int(os.environ.get('SLOW', '1'))


def case(rows='', timeout=60):
    """Mark a function as test case."""
    def register(function):
        function.rows, function.timeout = rows, timeout
        _cases.append(function)
        return function
    return register


def reset():
    _cases.clear()


def _chosen(wanted):
    return [each for each in _cases if not wanted or each.__name__ in wanted]


def deadline(wanted):
    return sum(each.timeout for each in _chosen(wanted)) * slow() + 30


class Test:
    """What a case gets."""

    def __init__(self):
        from lib.net import Net
        self.net = Net()
        self.undo = []

    def defer(self, function, *arguments, **named):
        self.undo.append((function, arguments, named))

    def clean(self):
        while self.undo:
            function, arguments, named = self.undo.pop()
            function(*arguments, **named)

    @staticmethod
    def skip(reason):
        raise Skip(reason)

    @staticmethod
    def fail(text):
        raise Failed(text)

    @staticmethod
    def true(condition, text):
        if not condition:
            raise Failed(text)

    @staticmethod
    def equal(have, want, what):
        if have != want:
            raise Failed(f'{what}: {_difference(have, want)}')

    @staticmethod
    def grew(before, after, name, least=1):
        """A counter of two snapshots went up."""
        if name not in before:
            raise Failed(f'there is no counter {name}')
        if after[name] - before[name] < least:
            raise Failed(f'{name} grew by {after[name] - before[name]}, not at least {least}')

    @staticmethod
    def same(before, after, name):
        if name not in before:
            raise Failed(f'there is no counter {name}')
        if after[name] != before[name]:
            raise Failed(f'{name} grew by {after[name] - before[name]}')


def _difference(have, want):
    """Two values, or of large ones only what differs."""
    if len(repr(have)) + len(repr(want)) > 300:
        if isinstance(have, dict) and isinstance(want, dict):
            keys = sorted(key for key in {*have, *want} if have.get(key) != want.get(key))
            have, want = ({key: each.get(key) for key in keys} for each in (have, want))
        elif isinstance(have, (list, tuple)) and len(have) == len(want):
            return '; '.join(_difference(*pair) for pair in zip(have, want) if pair[0] != pair[1])
        elif isinstance(have, list):
            return (f'too many: {[each for each in have if have.count(each) > want.count(each)]}, '
                    f'missing: {[each for each in want if want.count(each) > have.count(each)]}')
    return f'{have!r}, not {want!r}'


def _alarm(_number, frame):
    where = ''.join(traceback.format_stack(frame)[-3:])
    raise TimeoutError(f'the case takes too long, in\n{where}')


def _describe(error):
    text = str(error) or type(error).__name__
    if isinstance(error, subprocess.CalledProcessError):
        text += f'\n{error.stdout}{error.stderr}'
    if not isinstance(error, Failed):
        text = f'{type(error).__name__}: {text}\n' + ''.join(
            traceback.format_tb(error.__traceback__)[-4:])
    else:
        last = traceback.extract_tb(error.__traceback__)[-2]
        text += f' (line {last.lineno})'
    return text


def _run(function):
    """Result of one case: (ok, skipped, text)."""
    result, test = (True, False, ''), None
    signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(function.timeout * slow())
    try:
        test = Test()
        function(test)
    except Skip as reason:
        result = True, True, str(reason)
    except Exception as error:    # whatever it is, the next case runs
        result = False, False, _describe(error)
    signal.alarm(60 * slow())
    try:
        if test:
            test.clean()
    except Exception as error:
        result = False, False, f'{result[2]}\ncleaning up: {_describe(error)}'
    signal.alarm(0)
    return result


def run_cases(wanted=(), indent=''):
    chosen = _chosen(wanted)
    print(f'{indent}KTAP version 1\n{indent}1..{len(chosen)}', flush=True)
    failed = False
    for number, function in enumerate(chosen, 1):
        good, skipped, text = _run(function)
        line = f'{"ok" if good else "not ok"} {number} {function.__name__}'
        if skipped:
            line += f' # SKIP {text}'
        elif text:
            print('\n'.join(f'{indent}# {each}' for each in text.rstrip().splitlines()))
        print(f'{indent}{line}', flush=True)
        failed = failed or not good
    return int(failed)


def main():
    """For a file that is run by itself: arguments name cases."""
    sys.exit(run_cases(set(sys.argv[1:])))
