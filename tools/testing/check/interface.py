# SPDX-License-Identifier: GPL-2.0
"""An interface of a guest that stands for a device on the virtio bus, and programs that ask
about it."""


def statistics(text):
    """What `ethtool -S` prints, by name."""
    return {key.strip(): int(value) for key, _, value in
            (line.rpartition(':') for line in text.splitlines()[1:])}


class Interface:
    """In commands, {dev} is its name, {virtio} the device on its bus, {handle} devlink's name."""

    # How long a program may take, s.
    patience = 60

    def __init__(self, ctx, guest, nic=None, name=None):
        self.ctx, self.guest, self.nic = ctx, guest, nic
        self.name = name or guest.ifname(nic)
        path = guest.run(f'readlink -f /sys/class/net/{self.name}/device', check=True).out
        self.virtio = path.strip().rpartition('/')[2]
        self.handle = f'virtio/{self.virtio}'

    def do(self, command, check=True):
        return self.guest.run(
            command.format(dev=self.name, virtio=self.virtio, handle=self.handle),
            timeout=self.patience * self.ctx.slow, check=check)

    def counters(self):
        return statistics(self.do('ethtool -S {dev}').out)
