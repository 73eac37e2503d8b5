#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Cost of ivnet against virtio_net and veth ("make bench").

One guest, the same devices, the drivers in turn, and counted instructions; then
two guests, or one and its host, and IVSHMEM. See Documentation/networking/performance.rst. --profile
shows where instructions go.
"""
import argparse
import difflib
import json
import os
import platform
import shlex
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
TESTING = os.path.dirname(HERE)
sys.path[:0] = [HERE, TESTING]
import counts  # noqa: E402
import host  # noqa: E402
import report  # noqa: E402
import shm  # noqa: E402
import vm  # noqa: E402
from bed import Bed  # noqa: E402
from cases import CASES  # noqa: E402

KERNELS = ('6.12', '7.x')
PAIR = ('virtio_net', 'ivnet')
NULL = ('virtio_net', 'ivnet', 'virtio_net')
START = time.monotonic()
shm.PARTS.update(host.PARTS)
shm.TEXTS.update(host.TEXTS)


def say(text):
    print(f'# [{time.monotonic() - START:4.0f} s] {text}', file=sys.stderr, flush=True)


def prepare(kernels):
    """Everything that needs the real network or the host's compiler."""
    done = subprocess.run([os.path.join(TESTING, 'setup.sh'), 'packages', 'root', 'kernels'],
                          check=False, timeout=1800, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise vm.VmError('setup.sh failed')
    for kernel in kernels:
        done = subprocess.run(['bash', '-c', '. "$1"; build_modules "$2"', 'bash',
                               os.path.join(TESTING, 'lib.sh'), kernel],
                              check=False, timeout=900)
        if done.returncode:
            raise vm.VmError(f'the modules do not build for {kernel}')


def measure(bed, case, runs, drivers):
    """Windows of each driver; runs of the drivers take turns."""
    result = [[] for _ in drivers]
    for _ in range(runs):
        for windows, driver in zip(result, drivers):
            bed.bind(driver)
            windows.append(case.run(bed))
    return result


def differences(bed):
    """Settings in which the drivers differ, as ethtool shows them."""
    texts = []
    for driver in PAIR:
        bed.bind(driver)
        texts.append(bed.setup_text())
    return [line for line in difflib.unified_diff(*texts, *PAIR, n=0, lineterm='')
            if line[0] in '+-' and line[:3] not in ('+++', '---')]


def speed(bed, runs, seconds):
    """Wall-clock rates of iperf3, in Mbit/s."""
    bed.guest.start_command('exec iperf3 -s')
    result = []
    for name, options in (('TCP receive', []), ('TCP transmit', ['-R'])):
        rates = [[] for _ in NULL]
        for _ in range(runs):
            for each, driver in zip(rates, NULL):
                bed.bind(driver)
                try:
                    done = vm.host('iperf3', '-J', '-t', str(seconds), '--connect-timeout',
                                   '5000', *options, '-c', bed.guest.address(), timeout=60)
                except vm.VmError as error:
                    # It may be the driver: say what can be known.
                    stats = bed.guest.run('ip -s link; ss -tin; ethtool -S '
                                          f'{bed.guest.ifname()} | grep -v ": 0$"').out
                    raise vm.VmError(f'{name}, {driver}: {error}\n{stats}') from None
                end = json.loads(done.stdout)['end']
                each.append(end['sum_received']['bits_per_second'] / 1e6)
        result.append((name, rates))
    return result


def bench(kernel, arguments):
    names = [name for name in arguments.case or CASES if name in CASES]
    if not names:
        return
    drivers = NULL
    if arguments.null:
        drivers = ('virtio_net', 'virtio_net')
    elif arguments.profile:
        drivers = PAIR
    results = []
    with Bed(kernel, True, arguments) as bed:
        release = bed.guest.kernel.release
        say(f'Linux {release} is up')
        for line in [] if arguments.profile else differences(bed):
            say(f'settings differ: {line}')
        for name in names:
            windows = measure(bed, CASES[name], arguments.runs, drivers)
            if arguments.profile or arguments.null:
                report.profile(CASES[name], drivers, windows, arguments.symbols)
                sys.stdout.flush()
            else:
                results.append(report.Result(CASES[name], windows))
                say(f'{kernel} {name}: total {results[-1].ratio("total")}, '
                    f'own part {results[-1].ratio("own")}')
        if arguments.profile or arguments.null:
            return
        splats = bed.guest.splats()
        if splats:
            raise vm.VmError('the kernel complained:\n' + '\n'.join(splats))
    speeds = []
    if not arguments.case:
        with Bed(kernel, False, arguments) as bed:
            speeds = speed(bed, arguments.runs, 2)
    more = f', {arguments.cmdline}' if arguments.cmdline else ''
    text = (f'Linux {release}{more}; {arguments.runs} runs; QEMU '
            f'{".".join(map(str, counts.qemu_version()))} on {platform.machine()}::\n\n'
            f'    {arguments.words}\n\n{report.tables(results, speeds)}')
    print(f'\n{text}', flush=True)
    if arguments.update:
        report.update(f'{kernel}{more}', text)


def bench_shm(kernel, part, arguments):
    if arguments.null:
        return
    if arguments.profile:
        shm.profile(kernel, part, arguments)
        return
    release, texts = shm.measure(kernel, part, arguments, say)
    more = f', {arguments.cmdline}' if arguments.cmdline else ''
    text = (f'Linux {release}{more}; {arguments.runs} runs; QEMU '
            f'{".".join(map(str, counts.qemu_version()))} on {platform.machine()}::\n\n'
            f'    {arguments.words}\n\n' + '\n'.join(texts))
    if arguments.update:
        report.update(f'{part}, {kernel}{more}', text)


def parse():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog='\n'.join([f'  {case.name:10}{case.text}' for case in CASES.values()]
                         + [f'  {part:10}{text}' for part, text in shm.TEXTS.items()]))
    add = parser.add_argument
    add('--kernel', action='append', help=f'default: {" and ".join(KERNELS)}')
    add('--case', action='append', choices=[*CASES, *shm.PARTS], metavar='CASE')
    add('--runs', type=int, help='of each driver (default 5)')
    add('--quick', action='store_true', help='three runs')
    add('--profile', action='store_true', help='show the symbols; three runs')
    add('--symbols', type=int, default=70, help='so many of them')
    add('--null', action='store_true', help='profile virtio_net against itself')
    add('--groups', action='store_true', help='show what makes up the own part')
    add('--setup', default='', metavar='COMMAND',
        help='run it in the guest for each NIC, $DEV, when ivnet drives it')
    add('--cmdline', default='', help="more for the guest's kernel, e.g. init_on_alloc=0")
    add('--update', action='store_true', help='write the tables into the document')
    arguments = parser.parse_args()
    arguments.words = shlex.join(['tools/testing/bench/bench.py', *sys.argv[1:]])
    if not arguments.runs:
        arguments.runs = 3 if arguments.quick or arguments.profile or arguments.null else 5
    return arguments


def main():
    arguments = parse()
    if arguments.groups:
        print(report.groups_text())
        return
    try:
        kernels = arguments.kernel or KERNELS
        prepare(kernels)
        # Bursts come late and together on a host with other work.
        os.nice(-5)
        vm.isolate()
        for kernel in kernels:
            bench(kernel, arguments)
            for part in shm.PARTS:
                if part in (arguments.case or shm.PARTS):
                    bench_shm(kernel, part, arguments)
    except (subprocess.SubprocessError, OSError, vm.VmError) as error:
        sys.exit(f'bench: {error}')


if __name__ == '__main__':
    main()
