#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The guests' tests on a kernel with KASAN, lockdep, kmemleak and fault injection
("make check-debug"), with all repetitions. TAP output, the last line sums up.

    debug.py [--quick] [--test FILE[.CASE]] [CASE...]
"""
import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import cases  # noqa: E402
import guest  # noqa: E402
import report  # noqa: E402
import vm  # noqa: E402

NAME = 'debug'
# Of a guest that dies often, so that it is back soon.
STOCK = '6.12'
# That kernel has no power button, no hibernation and no kexec; and no vfio, which
# looks at a device without a driver of ours.
LEFT_OUT = ('device', 'power')
# Emulated, with KASAN, a kernel is this much slower than a stock one.
SLOW = 8
# Complaints of that kernel about itself, without any driver of ours loaded.
IGNORE = None
# Everything goes; what was freed late (RCU, page pools) gets time; then twice,
# as the first scan marks what only looks lost.
LEAKS = r''': unload, look for leaks
ip netns del remote 2>/dev/null
for module in ivnet_virtio ivnet_loop ivnet_ivshmem ivnet_shm ivnet; do
    [ ! -d /sys/module/$module ] || rmmod $module || exit 1
done
sleep 5
for i in 1 2 3; do
    echo scan >/sys/kernel/debug/kmemleak
    sleep 3
done
cat /sys/kernel/debug/kmemleak'''


class Debug(cases.Context):
    """On the debug kernel; each guest ends with a look for leaks."""

    def __init__(self, kernel, tap, options):
        super().__init__(kernel, tap, options)
        self.slow = SLOW
        self.stock = STOCK

    def boot(self):
        info = vm.read_info(NAME)
        return vm.Kernel(info['VMLINUX'], info['MODULES'],
                         os.path.join(vm.CACHE, 'build', info['RELEASE']), info['RELEASE'],
                         slow=True)

    def splats(self, machine, name, ignore=IGNORE):
        if machine.alive() and machine.kernel.slow:
            self.pools(machine, name)
            done = machine.run(LEAKS, timeout=300)
            self.check(f'{name}: the modules unload', done.code == 0, done.out + done.err)
            self.check(f'{name}: nothing leaks', not done.out.strip(), done.out[:6000])
        super().splats(machine, name, ignore)

    def pools(self, machine, name):
        """Page pools whose queues are gone have all their pages back."""
        script = r'''for i in $(seq 60); do
            python3 -B /ivnet/tools/testing/check/pools.py >/tmp/pools || exit 3
            grep -q detached /tmp/pools || exit 0
            sleep 1
        done; cat /tmp/pools; exit 1'''
        done = machine.run(script, timeout=120 * self.slow)
        self.check(f'{name}: no page pool waits for pages', done.code == 0, done.out + done.err)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('case', nargs='*', help='names of cases (default: all)')
    parser.add_argument('--test', action='append', default=[],
                        help='only this selftest (FILE or FILE.CASE)')
    parser.add_argument('--quick', action='store_true', help='fewer repetitions')
    parser.add_argument('--jobs', type=int, default=2, help='guests at a time')
    guest.add_lying(parser)
    options = parser.parse_args()
    options.stress = not options.quick
    return options


def faults(ctx):
    """Memory that is refused while something is changed."""
    segment = ctx.segment()
    nics = [vm.Nic(segment, queues=2), vm.Nic(segment, queues=2)]
    with ctx.guest(nics, smp=2, mem='1G', qemu=cases.SMP_QEMU, name='faults') as machine:
        machine.load('ivnet')
        tests = [each for each in ctx.options.test if each.startswith('faults')] or ['faults']
        ctx.options = argparse.Namespace(**{**vars(ctx.options), 'test': tests})
        cases.run_selftests(ctx, machine, '', 'eth0', 'eth1', 1200)
        ctx.splats(machine, 'faults')


def main():
    options = arguments()
    try:
        done = subprocess.run([os.path.join(os.path.dirname(HERE), 'kernels', 'build.sh'), NAME],
                              check=False, stdout=subprocess.DEVNULL, timeout=3 * 3600)
        if done.returncode:
            raise vm.VmError('no debug kernel')
        guest.build(NAME)
        guest.build(STOCK)
        vm.isolate()
    except (subprocess.TimeoutExpired, vm.VmError) as error:
        sys.exit(f'debug.py: {error}')
    tap = report.Report()
    chosen = [each for each in cases.CASES
              if STOCK in each.full and each.name not in LEFT_OUT]
    chosen.append(cases.Case(faults, 'faults', (NAME,), (NAME,), 300, faults.__doc__))
    chosen = [each for each in chosen if not options.case or each.name in options.case]
    guest.run_jobs(options.jobs, [(each, NAME, options, tap, Debug) for each in
                                  sorted(chosen, key=lambda case: -case.weight)])
    return tap.summary()


if __name__ == '__main__':
    sys.exit(main())
