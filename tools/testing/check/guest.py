#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Selftests and device variants in guests ("make check-guest"). TAP output, the
last line sums up.

    guest.py                        everything
    guest.py --list
    guest.py --kernel 6.12 selftests variants
    guest.py --kernel 6.1 --test stats --test tso.on_and_off selftests
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import cases  # noqa: E402
import report  # noqa: E402
import vm  # noqa: E402

KERNELS = ('6.12', '6.1', '7.x')


def build(kernel):
    """Build the modules for a kernel, from the checkout as it is now."""
    done = subprocess.run(['bash', '-c', '. "$1"; build_modules "$2"', 'bash',
                           os.path.join(os.path.dirname(HERE), 'lib.sh'), kernel],
                          check=False, timeout=900)
    if done.returncode:
        raise vm.VmError(f'the modules do not build for {kernel}')


def jobs(options):
    """(case, kernel) in an order that keeps two processors busy to the end. What is
    named, both case and kernel, need not be what is done by default."""
    found = [(case, kernel) for case in cases.CASES for kernel in options.kernel or KERNELS
             if (not options.case or case.name in options.case)
             and (kernel in (case.full if options.stress else case.kernels)
                  or options.case and options.kernel)]
    return sorted(found, key=lambda job: -job[0].weight)


def run_job(case, kernel, options, tap, context=cases.Context):
    start = time.monotonic()
    try:
        case.run(context(kernel, tap, options))
    except vm.VmError as error:
        tap.not_ok(f'{kernel}: {case.name}: the guest', str(error))
    except Exception:    # one case's mistake must not end the others
        tap.not_ok(f'{kernel}: {case.name}: ends', traceback.format_exc())
    tap.note(f'{kernel}: {case.name} took {time.monotonic() - start:.0f} s')


def run_jobs(workers, jobs_arguments):
    """Jobs, so many at a time. A signal ends them at once, and with this process,
    the first of its namespace, all that they started."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        started = [pool.submit(run_job, *each) for each in jobs_arguments]
        try:
            concurrent.futures.wait(started)
        except SystemExit as signal:
            os._exit(signal.code)


def add_lying(parser):
    """Options of the case that has a device lie."""
    parser.add_argument('--seconds', type=int, help='lies: of each lie (default: 60 for all '
                        'repetitions, else none)')
    parser.add_argument('--seed', type=int, help='lies: of those at random')


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('case', nargs='*', help='names of cases (default: all)')
    parser.add_argument('--kernel', action='append', help=f'default: {" ".join(KERNELS)}')
    parser.add_argument('--test', action='append', default=[],
                        help='only this selftest (FILE or FILE.CASE)')
    parser.add_argument('--jobs', type=int, default=0,
                        help='guests at a time (default: processors, at most 4)')
    parser.add_argument('--stress', action='store_true', help='all repetitions')
    add_lying(parser)
    parser.add_argument('--no-build', action='store_true', help='the modules are built')
    parser.add_argument('--list', action='store_true', help='show the cases')
    options = parser.parse_args()
    names = [case.name for case in cases.CASES]
    unknown = set(options.case) - set(names)
    if unknown:
        parser.error(f'no such case: {" ".join(sorted(unknown))}; there are: {" ".join(names)}')
    return options


def main():
    options = arguments()
    if options.list:
        for case in cases.CASES:
            print(f'{case.name:12} {" ".join(case.kernels):14} {case.text}')
        return 0
    kernels = options.kernel or KERNELS
    try:
        if not options.no_build:
            for kernel in kernels:
                build(kernel)
        vm.isolate()
    except (subprocess.TimeoutExpired, vm.VmError) as error:
        sys.exit(f'guest.py: {error}')
    tap = report.Report()
    workers = options.jobs or max(1, min(os.cpu_count(), 4))
    run_jobs(workers, [(case, kernel, options, tap) for case, kernel in jobs(options)])
    return tap.summary()


if __name__ == '__main__':
    sys.exit(main())
