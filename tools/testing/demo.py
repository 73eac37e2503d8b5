#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Two guests on one Ethernet segment that talk over ivnet ("make demo")."""
import argparse
import json
import os
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import vm  # noqa: E402

START = time.monotonic()


def say(text):
    print(f'[{time.monotonic() - START:5.1f} s] {text}', flush=True)


def show(text):
    for line in text.rstrip().splitlines():
        print(f'          {line}', flush=True)


def prepare(arguments):
    """Everything that needs the real network or the host's compiler."""
    say('looking for packages, kernels and the guests\' root')
    done = subprocess.run([os.path.join(HERE, 'setup.sh'), 'packages', 'root', 'kernels'],
                          check=False, timeout=1800)
    need(not done.returncode, 'setup.sh failed')
    if arguments.driver == 'ivnet':
        say(f'building the modules for Linux {arguments.kernel}')
        done = subprocess.run(['bash', '-c', '. "$1"; build_modules "$2"', 'bash',
                               os.path.join(HERE, 'lib.sh'), arguments.kernel],
                              check=False, timeout=900)
        need(not done.returncode, 'the modules do not build')


def need(condition, text):
    if not condition:
        raise vm.VmError(text)


def ping(source, target):
    result = source.run(f'ping -c3 -i0.2 -W2 {target.address()}', timeout=20)
    show(result.out.strip().splitlines()[-1] if result.out else result.err)
    need(result, f'no ping from {source.name} to {target.name}')


def iperf(source, target, options):
    """Run iperf3 for three seconds; the receiver's part of its report."""
    server = target.start_command('iperf3 -s -1 --forceflush')
    try:
        for _ in range(50):
            if 'listening' in server.output():
                break
            need(server.poll() is None, f'iperf3 does not start: {server.output("err")}')
            time.sleep(0.1)
        result = source.run(f'iperf3 -J -t3 {options} -c {target.address()}', timeout=40)
        report = json.loads(result.out or '{}')
        need(result, f'iperf3 {options}: {report.get("error", result.err)}')
        return report['end'].get('sum_received') or report['end']['sum']
    finally:
        server.kill()


def describe(guest, name):
    say(f'the device of {guest.name}')
    show(guest.run(f'ethtool -i {name}', check=True).out)
    features = guest.run(f'ethtool -k {name}', check=True).out.splitlines()
    enabled = [line.split(':')[0].strip() for line in features if ': on' in line]
    need(enabled, 'ethtool shows no feature that is on')
    show('on: ' + ', '.join(enabled))
    show(guest.run('devlink dev info').out or 'no devlink device')


def demonstrate(arguments):
    say(f'booting two guests with Linux {arguments.kernel}')
    with vm.Guest(kernel=arguments.kernel, nics=['lan'], name='left') as left, \
            vm.Guest(kernel=arguments.kernel, nics=['lan'], name='right') as right:
        guests = (left, right)
        for guest in guests:
            guest.wait()
        say(f'both are up; loading {arguments.driver}')
        for guest in guests:
            guest.load(arguments.driver)
            name = guest.addresses()[0]
            show(f'{guest.name}: {name} has {guest.address()}')
        for source, target in (guests, guests[::-1]):
            say(f'ping from {source.name} to {target.name}')
            ping(source, target)
        for source, target in (guests, guests[::-1]):
            rate = iperf(source, target, '')['bits_per_second'] / 1e6
            say(f'TCP from {source.name} to {target.name}: {rate:.0f} Mbit/s')
            need(rate > 1, 'TCP does not move')
        udp = iperf(left, right, '-u -b100M -l1400')
        say(f'UDP from left to right: {udp["bits_per_second"] / 1e6:.0f} Mbit/s, '
            f'{udp["lost_percent"]:.1f} % lost')
        describe(left, name)
        for guest in guests:
            splats = guest.splats()
            need(not splats, f'the kernel of {guest.name} complained:\n' + '\n'.join(splats))
    say('done: everything worked')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--driver', default='ivnet', help='ivnet (default) or virtio_net')
    parser.add_argument('--kernel', default='6.12')
    arguments = parser.parse_args()
    try:
        prepare(arguments)
        vm.isolate()
        demonstrate(arguments)
    except (subprocess.TimeoutExpired, vm.VmError) as error:
        sys.exit(f'demo: {error}')


if __name__ == '__main__':
    main()
