# SPDX-License-Identifier: GPL-2.0
"""tools/ivnet-dump in guests."""
import os
import threading

import vm

_lock = threading.Lock()


def program():
    """Build it, once in a run; any warning is a fault."""
    folder = os.path.join(vm.run_dir(), 'ivnet-dump')
    path = os.path.join(folder, 'ivnet-dump')
    with _lock:
        if not os.path.exists(path):
            os.makedirs(folder, exist_ok=True)
            vm.host('make', '-s', '-C', os.path.join(vm.TOP, 'tools/ivnet-dump'), f'O={folder}',
                    'CPPFLAGS=-Werror', timeout=120)
    return path


def give(guest):
    """Install it in a guest."""
    guest.push(program(), '/usr/local/sbin/ivnet-dump')


# The interface gets its name again, as that is the first one that is free.
TRIP = r''': dump and replay {name}
set -e
addresses=$(ip -o addr show dev {name} scope global | awk '{{ print $4 }}')
ivnet-dump {name} >/run/{name}.conf
device=$(readlink -f /sys/class/net/{name}/device)
cd $(readlink -f $device/driver)
echo ${{device##*/}} >unbind
echo ${{device##*/}} >bind
! ivnet-dump {name} | cmp -s /run/{name}.conf || echo "a fresh device is like this one"
sh -e /run/{name}.conf >/dev/null
for address in $addresses; do ip addr add $address dev {name}; done
ivnet-dump {name} | diff /run/{name}.conf - || true'''


def trip(ctx, guest, name, *lines):
    """A dump has these lines, and gives a fresh device the same configuration; what is
    wrong."""
    done = guest.run(TRIP.format(name=name), timeout=120 * ctx.slow)
    text = guest.read(f'/run/{name}.conf')
    wrong = f'{done.out}{done.err}' if done.code or done.out else ''
    for line in lines:
        if line not in text:
            wrong += f'no "{line}" in:\n{text}'
    return wrong
