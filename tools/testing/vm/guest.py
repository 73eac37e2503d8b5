# SPDX-License-Identifier: GPL-2.0
"""A guest: its QEMU, its life and what can be done with it."""
import itertools
import os
import re
import shutil
import socket
import subprocess
import time

from . import initramfs, tsc
from .commands import Agent
from .ivshmem2 import Ivshmem2
from .kernel import Kernel
from .net import Nic
from .qmp import Qmp
from .rig import CACHE, TOP, VmError, isolate, run_dir
from .shm import Shm
from .vnet import Vnet

ROOT13 = os.path.join(CACHE, 'trixie')
_folders = itertools.count(1)
_numbers = set()

# What no test may leave in the kernel's log.
SPLATS = re.compile(
    r'BUG:|WARNING:|KASAN|KCSAN|UBSAN|Oops|general protection fault|Kernel panic'
    r'|possible (recursive locking|circular locking|irq lock inversion)|suspicious RCU'
    r'|inconsistent lock state|Invalid wait context|sleeping function called'
    r'|kmemleak: \d+ new|INFO: task .* blocked|self-detected stall|detected stalls'
    r'|soft lockup|hard LOCKUP|refcount_t:|page_pool_release_retry|DMA-API:'
    r'|ODEBUG:|list_(add|del) corruption|unregister_netdevice: waiting'
    r'|NETDEV WATCHDOG|scheduling while atomic|Bad page state|nobody cared'
    r'|double free|use-after-free|hw csum failure|workqueue lockup|lock held when returning')
_SPLAT_LINES = 60

# Measured under emulation: without these a boot takes twice as long, and with
# randomised maps code is translated again for every process (norandmaps).
_CMDLINE = ('console=ttyS0 panic=-1 mitigations=off no_timer_check audit=0 '
            'random.trust_cpu=on cryptomgr.notests net.ifnames=0 loglevel=5 '
            'norandmaps')
_CMDLINE_TCG = 'tsc=reliable lpj=5000000'


def have_kvm():
    """/dev/kvm alone says nothing: it may be there and hang every guest."""
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        return bool(re.search(r'^flags.*\b(vmx|svm)\b', file.read(), re.M)) and \
            os.access('/dev/kvm', os.R_OK | os.W_OK)


def qemu_command(which):
    """The command of a QEMU: "host", "debian13" (newer) or a path."""
    if which == 'debian13':
        program = f'{ROOT13}/usr/bin/qemu-system-x86_64'
        if not os.path.exists(program):
            raise VmError('no QEMU in the Debian 13 root: run tools/testing/setup.sh root')
        return [f'{ROOT13}/lib64/ld-linux-x86-64.so.2', '--library-path',
                f'{ROOT13}/usr/lib/x86_64-linux-gnu', program,
                '-L', f'{ROOT13}/usr/share/qemu', '-L', f'{ROOT13}/usr/share/seabios']
    program = shutil.which('qemu-system-x86_64' if which == 'host' else which)
    if not program:
        raise VmError(f'no QEMU {which}: run tools/testing/setup.sh packages')
    return [program]


class Guest:
    """A virtual machine; starts on entering a "with", is killed on leaving it.

    kernel   name in the cache ("6.12"), a path or a Kernel
    nics     list of Nic, Shm, Ivshmem2 and Vnet, or of texts as for --nic
    name     host name, and name in messages
    smp, mem processors and memory ("512M")
    root     folder that becomes the guest's root, read-only with an overlay
    qemu     "host", "debian13" or a path
    iommu    True: an Intel IOMMU (give the NIC iommu_platform=on as well); or a text,
             its properties
    high_bars  True: the firmware puts 64-bit BARs above 4 GiB, as on large machines
    icount   e.g. "shift=0,sleep=off": count instructions, one thread
    ports    spare root ports for plug()
    shared_memory  memory other processes can map (vhost-user, vfio-user)
    cmdline  more for the kernel's command line
    args     more arguments for QEMU
    log      file for the console (default: in the run's folder)
    debug    True: show QEMU's command line and the console as it comes
    """

    def __init__(self, kernel='6.12', nics=(), name=None, smp=1, mem='512M', root=None,
                 qemu='host', iommu=False, icount=None, ports=0, shared_memory=False,
                 high_bars=False, cmdline='', args=(), log=None, debug=False):
        isolate()
        # It becomes part of addresses, so numbers of guests that are gone come back.
        self.number = next(n for n in range(1, 200) if n not in _numbers)
        _numbers.add(self.number)
        self.name = name or f'guest{self.number}'
        self.kernel = Kernel.find(kernel)
        self.nics = [Nic.parse(nic) if isinstance(nic, str) else nic for nic in nics]
        self.smp, self.mem = smp, mem
        self.root = root or ROOT13
        if not os.path.isdir(os.path.join(self.root, 'usr')):
            raise VmError(f'no root {self.root}: run tools/testing/setup.sh root')
        self.qemu = next((nic.qemu for nic in self.nics if hasattr(nic, 'qemu')), qemu)
        self.iommu, self.icount, self.ports = iommu, icount, ports
        self.shared_memory = shared_memory or any(isinstance(nic, Vnet) for nic in self.nics)
        self.high_bars = high_bars
        self.cmdline, self.args, self.debug = cmdline, list(args), debug
        self.kvm = have_kvm() and not icount
        self.dir = os.path.join(run_dir(), str(next(_folders)))
        self.out = os.path.join(self.dir, 'out')
        os.makedirs(self.out)
        self.log = os.path.abspath(log) if log else os.path.join(self.dir, 'console')
        self.process = self.agent = self.qmp_client = None
        self.boot_seconds = None
        self.started = None
        self.plugged = 0
        for index, nic in enumerate(self.nics):
            nic.prepare(self, index)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
        for nic in self.nics:
            nic.release()
        _numbers.discard(self.number)

    # Life

    def _machine(self):
        machine = 'q35,usb=off'
        if self.kvm and self.iommu:
            machine += ',kernel-irqchip=split'
        if self.shared_memory:
            machine += ',memory-backend=mem'
        if self.kvm:
            accel, cpu = ['-accel', 'kvm'], 'host'
        else:
            # A newer model than this has ERMS, which emulation copies by bytes with.
            accel, cpu = ['-accel', 'tcg,tb-size=256,thread='
                          + ('single' if self.icount else 'multi')], 'Nehalem,+rdrand'
        smp = str(self.smp)
        if self._lone():
            smp += ',maxcpus=2'
        result = ['-machine', machine, *accel, '-cpu', cpu, '-smp', smp,
                  '-m', self.mem, '-nodefaults', '-no-user-config', '-no-reboot',
                  '-display', 'none']
        if self.icount:
            result += ['-icount', self.icount]
        if self.shared_memory:
            result += ['-object', f'memory-backend-memfd,id=mem,size={self.mem},share=on']
        if self.iommu:
            properties = 'device-iotlb=on,intremap=off' if self.iommu is True else self.iommu
            result += ['-device', f'intel-iommu,{properties}']
        if self.high_bars:
            # No room for this one below 4 GiB, so all of them move.
            result += ['-device', 'pci-testdev,membar=4G']
        return result

    def _lone(self):
        """One emulated processor. Unless there may be a second one QEMU leaves out
        what orders its memory accesses, as if nobody else saw them; but its own I/O
        thread does, and so do other guests. Interrupts and doorbells are lost then.
        """
        return self.smp == 1 and not self.kvm and not self.icount

    def _shares(self):
        shares = {'root': (self.root, True), 'out': (self.out, False), 'ivnet': (TOP, True)}
        if self.kernel.modules:
            shares['modules'] = (self.kernel.modules, True)
        if self.kernel.built:
            os.makedirs(self.kernel.built, exist_ok=True)
            shares['built'] = (self.kernel.built, True)
        result = []
        for tag, (path, readonly) in shares.items():
            result += ['-fsdev', f'local,id={tag},path={path},security_model=none,'
                       f'multidevs=remap,readonly={"on" if readonly else "off"}',
                       '-device', f'virtio-9p-pci,fsdev={tag},mount_tag={tag}']
        image = f'{self.root}.erofs'
        if os.path.exists(image):
            result += ['-drive', f'if=none,id=root,format=raw,readonly=on,file={image}',
                       '-device', 'virtio-blk-pci,drive=root']
        return result, ','.join(shares)

    def _arguments(self, fds):
        shares, tags = self._shares()
        measured = not self.kvm and not self.icount and tsc.khz()
        words = [_CMDLINE, '' if self.kvm else _CMDLINE_TCG,
                 f'tsc_early_khz={measured}' if measured else '',
                 'possible_cpus=1' if self._lone() else '',
                 'intel_iommu=on' if self.iommu else '', f'ivnet_name={self.name}',
                 f'ivnet_tags={tags}', f'ivnet_release={self.kernel.release}', self.cmdline]
        console = f'file,id=console,path={self.log}'
        if self.debug:
            console = f'stdio,id=console,signal=off,logfile={self.log}'
        result = qemu_command(self.qemu) + self._machine() + [
            '-kernel', self.kernel.image, '-initrd', initramfs.build(self.kernel),
            '-append', ' '.join(filter(None, words)),
            '-chardev', console, '-serial', 'chardev:console',
            '-chardev', f'socket,id=qmp,fd={fds["qmp"]}', '-mon', 'chardev=qmp,mode=control',
            '-device', 'virtio-serial-pci',
            '-chardev', f'socket,id=agent,fd={fds["agent"]}',
            '-device', 'virtserialport,chardev=agent,name=agent',
            '-chardev', f'socket,id=shell,fd={fds["shell"]}',
            '-device', 'virtconsole,chardev=shell', *shares]
        port = itertools.count(1)
        for number in range(self.ports):
            result += self._root_port(f'port{number}', next(port))
        for nic in self.nics:
            if nic.port:
                nic.bus = f'{nic.id}-port'
                result += self._root_port(nic.bus, next(port))
            result += nic.arguments()
        return result + self.args

    @staticmethod
    def _root_port(name, number):
        return ['-device', f'pcie-root-port,id={name},chassis={number},slot={number},'
                'pref64-reserve=32M,mem-reserve=2M']

    def start(self):
        """Start QEMU; the first command waits until the guest is up."""
        if self.process:
            raise VmError(f'{self.name} runs already')
        for nic in self.nics:
            nic.attach()
        ends = {name: socket.socketpair() for name in ('qmp', 'agent', 'shell')}
        fds = {name: theirs.fileno() for name, (_, theirs) in ends.items()}
        command = self._arguments(fds)
        if self.debug:
            print(' '.join(command), flush=True)
        self.started = time.monotonic()
        self.boot_seconds = None
        with open(os.path.join(self.dir, 'qemu'), 'w', encoding='utf-8') as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=None if self.debug else errors,
                stderr=errors, pass_fds=fds.values(), start_new_session=True)
        for _, theirs in ends.values():
            theirs.close()
        self.qmp_client = Qmp(ends['qmp'][0])
        self.shell_socket = ends['shell'][0]
        self.agent = Agent(self, ends['agent'][0])
        return self

    def wait(self, timeout=None):
        """Wait until the guest takes commands."""
        if timeout is None:
            timeout = (240 if self.kernel.slow else 90) * (3 if self.icount else 1)
        if not self.agent:
            raise VmError(f'{self.name} does not run')
        self.agent.wait_ready(timeout - (time.monotonic() - self.started))
        if self.boot_seconds is None:
            self.boot_seconds = time.monotonic() - self.started
        return self

    def alive(self):
        return bool(self.process) and self.process.poll() is None

    def kill(self):
        """End the guest at once, as a power failure."""
        if self.process:
            self.process.kill()
            self._reap(10)

    def shutdown(self, timeout=15):
        """Let the guest stop its drivers and end; True if it did in time."""
        self.wait()
        self.agent.send('halt')
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        self._reap(1)
        return True

    def restart(self):
        """Kill and start again; the log is continued in a file of its own."""
        self.kill()
        if os.path.exists(self.log):
            shutil.move(self.log, f'{self.log}.{int(time.monotonic() * 1000)}')
        return self.start()

    def reboot(self, command=None):
        """Start the guest anew within its QEMU, by a reset or by a command in it;
        wait() waits until it is up again."""
        self.wait()
        self.qmp('set-action', reboot='reset')
        self.started, self.boot_seconds = time.monotonic(), None
        self.agent.expect_restart()
        if command:
            self.agent.start(command)
        else:
            self.qmp('system_reset')
        self.qmp_client.wait_event('RESET', 60)
        self.wait()
        self.qmp('set-action', reboot='shutdown')
        return self

    def pause(self):
        """Stop its processors, until resume()."""
        self.qmp('stop')

    def resume(self):
        self.qmp('cont')

    def migrate(self, target, timeout=60):
        """Go on as another guest, which is of the same make and was started with "-incoming
        defer"; commands do without shares, none of which may be mounted. This one ends.

        It stands still meanwhile: emulation may lose what a processor writes."""
        uri = f'unix:{os.path.join(self.dir, "migration")}'
        self.pause()
        target.qmp('migrate-incoming', uri=uri)
        self.qmp('migrate', uri=uri)
        deadline = time.monotonic() + timeout
        # The source is done when all is sent. What is told to go on before it has read
        # that takes over that the source was paused, and stays so.
        for end in (self, target):
            end.wait_migrated(deadline)
        target.agent.take_over(self.agent)
        target.resume()
        self.kill()

    def wait_migrated(self, deadline):
        """Wait until this end of a migration is done."""
        while True:
            found = self.qmp('query-migrate')
            if found.get('status') == 'completed':
                return
            if found.get('status') == 'failed' or time.monotonic() > deadline:
                raise VmError(f'{self.name} does not migrate: {found}')
            time.sleep(0.05)

    def _reap(self, timeout):
        self.process.wait(timeout)
        self.agent.close()
        self.qmp_client.close()
        self.shell_socket.close()
        self.process = None

    def describe_end(self):
        """Why the guest is gone: QEMU's words and the end of the console."""
        with open(os.path.join(self.dir, 'qemu'), encoding='utf-8', errors='replace') as file:
            words = file.read().strip()
        tail = '\n'.join(self.console().splitlines()[-25:])
        return f'{self.name} has ended. QEMU: {words or "no message"}\n{tail}'

    # Commands and files

    def run(self, command, timeout=60, check=False, stream=None):
        """Run a command (text for sh, or a list); see commands.Result."""
        self.wait()
        return self.agent.start(command).wait(timeout, check=check, stream=stream)

    def start_command(self, command):
        """Start a command in the background: has wait(), poll(), kill()."""
        self.wait()
        return self.agent.start(command)

    def push(self, source, target):
        """Copy a file or folder of the host into the guest."""
        with self.agent.parcel() as (here, there):
            if os.path.isdir(source):
                shutil.copytree(source, os.path.join(here, 'it'), symlinks=True)
            else:
                shutil.copy2(source, os.path.join(here, 'it'))
            self.run(['cp', '-aT', f'{there}/it', target], check=True)

    def pull(self, source, target):
        """Copy a file or folder of the guest to the host."""
        with self.agent.parcel() as (here, there):
            self.run(['cp', '-rT', source, f'{there}/it'], check=True)
            shutil.move(os.path.join(here, 'it'), target)

    def write(self, path, text):
        with self.agent.parcel() as (here, there):
            with open(os.path.join(here, 'it'), 'w', encoding='utf-8') as file:
                file.write(text)
            self.run(['cp', '-T', f'{there}/it', path], check=True)

    def read(self, path):
        return self.run(['cat', path], check=True).out

    # Log

    def console(self):
        """All the console has shown since the start."""
        try:
            with open(self.log, encoding='utf-8', errors='replace') as file:
                return file.read()
        except FileNotFoundError:
            return ''

    def dmesg(self):
        return self.run('dmesg', check=True).out

    def splats(self, ignore=None):
        """Kernel complaints in the console's log, each with what follows it.

        ignore is a pattern; complaints whose first line has it are left out.
        """
        found, lines, index = [], self.console().splitlines(), 0
        while index < len(lines):
            if not SPLATS.search(lines[index]):
                index += 1
                continue
            end = index + 1
            while end < min(len(lines), index + _SPLAT_LINES) and \
                    'end trace' not in lines[end - 1]:
                end += 1
            if not (ignore and re.search(ignore, lines[index])):
                found.append('\n'.join(lines[index:end]))
            index = end
        return found

    # Devices

    def qmp(self, command, timeout=20, **arguments):
        return self.qmp_client.command(command, timeout, **arguments)

    def plug(self, nic, bus=None):
        """Add a NIC to the running guest, at a spare root port."""
        nic.prepare(self, len(self.nics) + self.plugged)
        nic.bus = bus or nic.bus or f'port{self.plugged % max(self.ports, 1)}'
        self.plugged += 1
        if isinstance(nic, Shm):
            self._plug_backend(nic)
        else:
            self.qmp_client.raw('netdev_add', nic.backend())
        self.qmp_client.raw('device_add', nic.device())
        if nic not in self.nics:
            self.nics.append(nic)
        return nic

    def _plug_backend(self, nic):
        if nic.plain:
            self.qmp_client.raw('object-add', nic.backend())
        else:
            address = {'type': 'unix', 'data': {'path': nic.segment.socket}}
            self.qmp_client.raw('chardev-add', {
                'id': f'{nic.id}-net', 'backend': {
                    'type': 'socket', 'data': {'addr': address, 'server': False}}})

    def unplug(self, nic, timeout=30):
        """Ask the guest to give up a NIC, and wait until it did."""
        self.qmp('device_del', id=nic.id)
        self.qmp_client.wait_event('DEVICE_DELETED', timeout, device=nic.id)
        if not isinstance(nic, Shm):
            self.qmp('netdev_del', id=f'{nic.id}-net')
        elif nic.plain:
            self.qmp('object-del', id=f'{nic.id}-mem')
        else:
            self.qmp('chardev-remove', id=f'{nic.id}-net')
        nic.release()
        self.nics.remove(nic)

    def link(self, nic, up):
        """The cable of a NIC."""
        self.qmp('set_link', name=nic.id, up=up)

    # Network

    def load(self, driver, **parameters):
        """Load "virtio_net", "ivnet" (the virtio transport), "ivnet_ivshmem", "ivnet_loop"
        (each with what it needs) or any module."""
        words = ' '.join(f'{key}={value}' for key, value in parameters.items())
        if driver in ('ivnet', 'ivnet_ivshmem', 'ivnet_loop'):
            return self.insmod('ivnet_virtio' if driver == 'ivnet' else driver, words)
        return self.run(f'modprobe {driver} {words}', check=True)

    def insmod(self, name, parameters=''):
        """Load one of our modules, and before it what it needs of ours and the kernel's."""
        return self.run(f''': insmod {name} {parameters}
            load() {{
                [ ! -d "/sys/module/$1" ] || return 0
                file=$(find /modules-ivnet -name "$1.ko" | head -n1)
                [ -n "$file" ] || {{ modprobe "$1"; return; }}
                for need in $(modinfo -F depends "$file" | tr , ' '); do
                    load $need || return
                done
                # the recursion has changed $file
                file=$(find /modules-ivnet -name "$1.ko" | head -n1)
                shift
                insmod "$file" "$@"
            }}
            [ -n "$(find /modules-ivnet -name {name}.ko)" ] || {{
                echo "{name}.ko is not built for this kernel" >&2; exit 1; }}
            [ ! -d /sys/module/{name} ] || {{ echo "{name} is loaded" >&2; exit 1; }}
            load {name} {parameters}''', timeout=480 if self.kernel.slow else 60, check=True)

    def address(self, nic=0):
        """The IPv4 address addresses() gives to a NIC."""
        return self._nic(nic).segment.address(10 + self.number)

    def address6(self, nic=0):
        return self._nic(nic).segment.address6(10 + self.number)

    def ifname(self, nic=0):
        """Name of a NIC's network device in the guest: found by its address, or, as
        IVSHMEM devices have none, by its place."""
        if isinstance(self._nic(nic), (Shm, Ivshmem2)):
            place = self.pci_address(nic)
            return self.run(f''': network device of {self._nic(nic).id}
                ls /sys/bus/pci/devices/{place}/net || {{
                    echo "{place} has no network device" >&2; exit 1; }}''', check=True).out.strip()
        return self.run(f''': network device of {self._nic(nic).id}
            for name in /sys/class/net/*; do
                [ "$(cat $name/address)" != {self._nic(nic).mac} ] || {{
                    echo "${{name##*/}}"; exit 0; }}
            done
            echo "no network device with {self._nic(nic).mac}" >&2; exit 1''',
                        check=True).out.strip()

    def pci_address(self, nic=0):
        """Where a device is in the guest, e.g. 0000:00:10.0."""
        buses = [bus['devices'] for bus in self.qmp('query-pci')]
        while buses:
            for device in buses.pop():
                if device['qdev_id'] == self._nic(nic).id:
                    return f'0000:{device["bus"]:02x}:{device["slot"]:02x}.{device["function"]}'
                buses.append(device.get('pci_bridge', {}).get('devices', []))
        raise VmError(f'{self.name}: no device {self._nic(nic).id}')

    def addresses(self):
        """Give every NIC on a segment its addresses and set it up."""
        names = []
        for nic in self.nics:
            name = self.ifname(nic)
            names.append(name)
            command = f'ip link set {name} up'
            if nic.segment:
                command = (f'sysctl -qw net.ipv6.conf.{name}.accept_dad=0; {command} && '
                           f'ip addr add {self.address(nic)}/24 dev {name} && '
                           f'ip addr add {self.address6(nic)}/64 dev {name} nodad')
            self.run(command, check=True)
        return names

    def _nic(self, nic):
        return self.nics[nic] if isinstance(nic, int) else nic
