#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Two guests that talk over ivnet, by shared memory and by virtio-net ("make demo")."""
import argparse
import contextlib
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
    say(f'building the modules for Linux {arguments.kernel}')
    done = subprocess.run(['bash', '-c', '. "$1"; build_modules "$2"', 'bash',
                           os.path.join(HERE, 'lib.sh'), arguments.kernel],
                          check=False, timeout=900)
    need(not done.returncode, 'the modules do not build')


def need(condition, text):
    if not condition:
        raise vm.VmError(text)


def ping(source, target, address):
    result = source.run(f'ping -c3 -i0.2 -W2 {address}', timeout=20)
    show(result.out.strip().splitlines()[-1] if result.out else result.err)
    need(result, f'no ping from {source.name} to {target.name}')


def iperf(source, target, address, options):
    """Run iperf3 for three seconds; the receiver's part of its report."""
    server = target.start_command('iperf3 -s -1 --forceflush')
    try:
        for _ in range(50):
            if 'listening' in server.output():
                break
            need(server.poll() is None, f'iperf3 does not start: {server.output("err")}')
            time.sleep(0.1)
        result = source.run(f'iperf3 -J -t3 {options} -c {address}', timeout=40)
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


def measure(guests, addresses, path):
    """Ping, TCP and UDP both ways; the mean rate of TCP, Mbit/s."""
    rates = []
    for way in (1, -1):
        (source, _), (target, address) = list(zip(guests, addresses))[::way]
        say(f'{path}: from {source.name} to {target.name}')
        ping(source, target, address)
        rate = iperf(source, target, address, '')['bits_per_second'] / 1e6
        udp = iperf(source, target, address, '-u -b100M -l1400')
        show(f'TCP {rate:.0f} Mbit/s, UDP {udp["bits_per_second"] / 1e6:.0f} Mbit/s, '
             f'{udp["lost_percent"]:.1f} % lost')
        need(rate > 1, 'TCP does not move')
        rates.append(rate)
    return sum(rates) / len(rates)


def wire(guest, nic, number):
    """An address for a NIC that is on no segment of the rig."""
    address = f'10.99.0.{number}'
    guest.run(f'ip addr add {address}/24 dev {guest.ifname(nic)}', check=True)
    return address


def demonstrate(arguments):
    """Two guests that are connected in three ways."""
    say(f'booting two guests with Linux {arguments.kernel}')
    cables = [vm.Nic(netdev=f'socket,{end}=127.0.0.1:5000') for end in ('listen', 'connect')]
    with contextlib.ExitStack() as stack:
        guests = []
        for name, cable in zip(('left', 'right'), cables):
            guests.append(stack.enter_context(vm.Guest(
                kernel=arguments.kernel, nics=['lan', cable, vm.Shm('memory')], name=name)))
            guests[-1].wait()    # the left one has to listen first
        say(f'both are up; loading {arguments.driver} and ivnet_ivshmem')
        for number, (guest, cable) in enumerate(zip(guests, cables), 1):
            guest.load(arguments.driver)
            guest.load('ivnet_ivshmem')
            names = guest.addresses()
            wire(guest, cable, number)
            show(f'{guest.name}: {names[0]} on a bridge, {names[1]} on a socket, '
                 f'{names[2]} on shared memory')
        rates = {}
        for path, addresses in (
                ('IVSHMEM', [guest.address(2) for guest in guests]),
                ('virtio-net, socket', ['10.99.0.1', '10.99.0.2']),
                ('virtio-net, tap and bridge', [guest.address(0) for guest in guests])):
            rates[path] = measure(guests, addresses, path)
        say('TCP, both directions:')
        for path, rate in rates.items():
            ratio = f', IVSHMEM has {rates["IVSHMEM"] / rate:.1f} times as much'
            show(f'{path:27} {rate:6.0f} Mbit/s{ratio if path != "IVSHMEM" else ""}')
        show('(emulated: the bridge copies natively on the host, the guests copy for IVSHMEM)')
        for name in names[0], names[2]:
            describe(guests[1], name)
        show(guests[1].run('devlink dev info').out or 'no devlink device')
        for guest in guests:
            splats = guest.splats()
            need(not splats, f'the kernel of {guest.name} complained:\n' + '\n'.join(splats))
    say('done: everything worked')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--driver', default='ivnet',
                        help='of the virtio-net devices: ivnet (default) or virtio_net')
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
