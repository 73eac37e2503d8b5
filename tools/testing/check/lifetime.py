# SPDX-License-Identifier: GPL-2.0
"""A device comes, goes, changes its driver, with traffic on: what the host does
to a guest, or what takes the interface away."""
import time

import peer
import vm

# README's way to have ivnet from boot on, in a tree of modules with it and without.
# The devices wait until a driver comes.
FROM_BOOT = r'''
    line=$(sed -n "s/^ *echo '\\(.*\\)' > \\/etc\\/modprobe.d\\/ivnet.conf/\\1/p" /ivnet/README.md)
    [ -n "$line" ] || exit 1
    release=$(uname -r) tree=/run/tree
    to=$tree/lib/modules/$release
    mkdir -p $to/kernel $to/updates/dkms $tree/conf
    echo "$line" >$tree/conf/ivnet.conf
    cp /lib/modules/$release/modules.builtin* /lib/modules/$release/modules.order $to
    copy() {{ modprobe --show-depends "$1" | while read -r _ file _; do cp $file $to/kernel; done; }}
    copy virtio_net
    for module in ivnet ivnet_virtio; do
        file=$(find /modules-ivnet -name $module.ko | head -n1)
        for need in $(modinfo -F depends $file | tr , ' '); do
            [ $need = ivnet ] || copy $need
        done
        [ {ivnet} = no ] || cp $file $to/updates/dkms
    done
    depmod -b $tree $release
    rmmod ivnet_virtio ivnet 2>/dev/null; modprobe -r virtio_net
    modprobe -d $tree -C $tree/conf virtio_net; code=$?
    rm -r $tree
    exit $code'''
# A stream that goes on until one end is gone; the server reads a length of zero.
FLOOD = 'exec nc -w 30 {address} {port} </dev/zero >/dev/null'


class Lifetime:
    """A guest with one NIC that is used for all of it."""

    def __init__(self, ctx, guest, server, exchange):
        self.ctx, self.guest, self.server, self.exchange = ctx, guest, server, exchange
        self.nic = guest.nics[0]

    def check(self, name, text):
        self.ctx.check(f'lifetime: {name}', not text, text)

    def works(self, nic=None):
        """Data both ways; returns what is wrong."""
        nic = nic or self.nic
        return self.exchange(self.ctx, self.guest, [nic], self.server, 300000)[nic].strip()

    def flood(self):
        """Traffic in the background."""
        command = self.guest.start_command(FLOOD.format(address=self.nic.segment.address(),
                                                        port=self.server.port))
        time.sleep(0.5)
        return command

    def give_address(self):
        name = self.guest.ifname(self.nic)
        self.guest.run(f'''ip link set {name} up
            sysctl -qw net/ipv6/conf/{name}/accept_dad=0
            ip addr replace {self.guest.address(self.nic)}/24 dev {name} &&
            ip addr replace {self.guest.address6(self.nic)}/64 dev {name} nodad''', check=True)
        return name

    def device(self):
        """(interface, virtio device, PCI device)"""
        name = self.guest.ifname(self.nic)
        virtio = self.guest.run(f'readlink -f /sys/class/net/{name}/device', check=True).out.strip()
        return name, virtio.split('/')[-1], virtio.split('/')[-2]

    def driver(self):
        name = self.guest.ifname(self.nic)
        return self.guest.run(f'ethtool -i {name}').out.split()[1]

    # What is tried; each returns what is wrong.

    def link_flaps(self):
        """The cable is pulled and put back three times."""
        name = self.guest.ifname(self.nic)
        for _ in range(3):
            for up in (False, True):
                self.guest.link(self.nic, up)
                wait = (f'for i in $(seq 100); do [ "$(cat /sys/class/net/{name}/carrier)" = '
                        f'{int(up)} ] && exit; sleep 0.1; done; exit 1')
                if not self.guest.run(wait, timeout=30 * self.ctx.slow):
                    return f'the carrier does not follow the link to {"up" if up else "down"}'
        return self.works()

    def mac_in_the_device(self):
        """What the device takes for its address: after a change, a reload, and when
        the driver has gone."""
        name = self.guest.ifname(self.nic)
        _, device, _ = self.device()
        changed = '02:fe:dc:ba:98:76'

        def shown():
            return self.guest.qmp('query-rx-filter', name=self.nic.id)[0]['main-mac']

        for step, command, wanted in (
                ('change', f'ip link set {name} address {changed}', changed),
                ('down and up', f'ip link set {name} down; ip link set {name} up', changed),
                ('reload', f'devlink dev reload virtio/{device} action driver_reinit', changed),
                ('change back', f'ip link set {name} address {self.nic.mac}', self.nic.mac)):
            self.guest.run(command, timeout=60 * self.ctx.slow, check=True)
            if shown() != wanted:
                return f'{step}: the device has {shown()}, not {wanted}'
        self.give_address()    # going down lost the IPv6 one
        return self.works()

    def sysfs_remove(self):
        """The PCI device is removed in sysfs, and found again."""
        flood = self.flood()
        _, _, pci = self.device()
        self.guest.run(f'echo 1 >/sys/bus/pci/devices/{pci}/remove',
                       timeout=60 * self.ctx.slow, check=True)
        flood.kill()
        if self.guest.run(f'[ -e /sys/bus/pci/devices/{pci} ]'):
            return 'the device is still there'
        self.guest.run('echo 1 >/sys/bus/pci/rescan',
                       timeout=60 * self.ctx.slow, check=True)
        self.give_address()
        return self.works()

    def other_driver(self):
        """To virtio_net by unbind and bind, with traffic on, and back."""
        flood = self.flood()
        _, device, _ = self.device()
        drivers = '/sys/bus/virtio/drivers'
        for old, new in (('ivnet_virtio', 'virtio_net'), ('virtio_net', 'ivnet_virtio')):
            self.guest.run(f'''modprobe virtio_net
                echo {device} >{drivers}/{old}/unbind
                [ -e {drivers}/{new}/{device} ] || echo {device} >{drivers}/{new}/bind''',
                           timeout=60 * self.ctx.slow, check=True)
            flood.kill()
            self.give_address()
            if self.driver() != new:
                return f'the driver is {self.driver()}, not {new}'
            wrong = self.works()
            if wrong:
                return f'with {new}: {wrong}'
        self.guest.run('modprobe -r virtio_net')
        return ''

    def from_boot(self):
        """What README has in modprobe.d: ivnet comes first where it is installed, and
        nothing is lost where it is not."""
        for ivnet, wanted in (('no', 'virtio_net'), ('yes', 'ivnet_virtio')):
            self.guest.run(FROM_BOOT.format(ivnet=ivnet), timeout=60 * self.ctx.slow, check=True)
            self.give_address()
            if self.driver() != wanted:
                return f'installed: {ivnet}, the driver is {self.driver()}, not {wanted}'
        wrong = self.works()
        self.guest.run('modprobe -r virtio_net')
        return wrong

    def load_and_unload(self, count):
        """The modules go and come, with the interface up."""
        name = self.guest.ifname(self.nic)
        script = f'''
            core=$(find /modules-ivnet -name ivnet.ko | head -n1)
            virtio=$(find /modules-ivnet -name ivnet_virtio.ko | head -n1)
            for i in $(seq {count}); do
                rmmod ivnet_virtio ivnet || exit 1
                [ ! -e /sys/class/net/{name} ] || {{ echo "{name} is still there"; exit 1; }}
                insmod $core && insmod $virtio || exit 1
                for try in $(seq 50); do
                    [ ! -e /sys/class/net/{name} ] || break
                    sleep 0.1
                done
                ip link set {name} up || exit 1
            done'''
        flood = self.flood()
        done = self.guest.run(script, timeout=(60 + 2 * count) * self.ctx.slow)
        flood.kill()
        if not done:
            return f'{done.out}{done.err}'
        self.give_address()
        return self.works()

    def unplug(self, count):
        """Hot unplug with traffic on, and another device in its place."""
        for _ in range(count):
            nic, bus = self.nic, self.nic.bus
            flood = self.flood()
            self.guest.unplug(nic, 60)
            flood.kill()
            # the host sees the device gone before the guest is done with it
            gone = self.guest.run(f'''for i in $(seq 100); do
                grep -q {nic.mac} /sys/class/net/*/address || exit 0; sleep 0.1; done; exit 1''')
            if not gone:
                return 'the interface is still there'
            self.nic = vm.Nic(nic.net, id=f'{nic.id}x', props=nic.props)
            self.guest.plug(self.nic, bus)
            self.guest.run(f'''for i in $(seq 100); do
                grep -q {self.nic.mac} /sys/class/net/*/address && exit 0; sleep 0.1; done; exit 1''',
                           check=True)
            self.give_address()
            wrong = self.works()
            if wrong:
                return wrong
        return ''

    def reboot(self):
        """The guest goes down with traffic on."""
        self.flood()
        if not self.guest.shutdown(60 * self.ctx.slow):
            return 'the guest did not end by itself'
        return ''


def run(ctx, exchange, port, rig):
    """All of it, in a guest of its own."""
    full = ctx.options.stress
    nic = vm.Nic(ctx.segment(), port=True)
    with peer.Server(port) as server, \
            ctx.guest([nic], name=f'lifetime-{ctx.kernel}') as guest:
        guest.load('ivnet')
        guest.addresses()
        life = Lifetime(ctx, guest, server, exchange)
        life.check('works', life.works())
        steps = [('link flaps', life.link_flaps),
                 ('MAC in the device', life.mac_in_the_device),
                 ('load and unload', lambda: life.load_and_unload(200 if full else 10)),
                 ('removed in sysfs', life.sysfs_remove),
                 ('virtio_net and back', life.other_driver),
                 ('from boot on', life.from_boot)]
        for name, step in steps:
            life.check(name, step())
        with rig:
            wrong = life.unplug(20 if full else 2)
        life.check('unplugged', wrong)
        life.check('reboot', life.reboot())
        ctx.splats(guest, 'lifetime')
