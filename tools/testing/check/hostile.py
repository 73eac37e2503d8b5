# SPDX-License-Identifier: GPL-2.0
"""A port that breaks every rule, while two others talk; tools/testing/shm/hostile.c."""
import json
import os
import subprocess
import time

import region
import segment
import vm

SEED = 20261121
# Refusals that such a port cannot help to cause.
COUNTERS = ('rx_err_offset', 'rx_err_len_long', 'rx_err_flags', 'rx_err_seq', 'rx_err_csum',
            'rx_err_gso_type')
# Few, as each of these costs a link that has to come up again.
RINGS = ('rx_err_ring', 'tx_err_ring')
# Where processors are short a round may have seen no link up at the right moment.
ROUNDS = 3
# How long a segment may take to be itself again: a stale claim and the longest quarantine.
RECOVERY = 90


def program(folder):
    """Build it, as the server is built."""
    path = os.path.join(folder, 'hostile')
    done = subprocess.run(['make', '-s', '-C', os.path.join(vm.TOP, 'tools/testing/shm'),
                           f'O={folder}'], check=False, timeout=120, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        raise vm.VmError(f'hostile does not build:\n{done.stdout}')
    return path


def stats(guest):
    """ethtool -S: {"rx_err_ring": 3}."""
    found = {}
    for line in guest.run(f'ethtool -S {guest.ifname()}', check=True).out.splitlines()[1:]:
        name, _, value = line.strip().partition(': ')
        if value.isdigit():
            found[name] = int(value)
    return found


def attack(found, path, seconds, *options):
    """Run it beside TCP in both directions; what it did, or None."""
    name = 'everywhere' if '--everywhere' in options else 'its own'
    first, second = found.guests
    words = [path, '--server', found.shared.socket, '--seconds', str(seconds),
             '--seed', str(SEED), *options]
    for guest in (first, second):
        words += ['--arp', guest.address()]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    try:
        out, err = process.communicate(timeout=seconds + 60)
    finally:
        process.kill()
    good = process.returncode == 0
    did = json.loads(out.splitlines()[-1]) if good else {}
    enough = good and (did['anywhere'] > 100 if name == 'everywhere' else
                       did['ups'] > 0 and did['frames'] > 1000)
    found.check(f'{name}: it did what it could', enough, f'{out}{err}')
    found.note(f'{name}: {did}')
    return did


def run(ctx, seconds=None):
    """First what such a port may write, then everywhere."""
    seconds = seconds or (600 if ctx.options.stress else 20)
    folder = os.path.join(vm.run_dir(), 'hostile')
    os.makedirs(folder, exist_ok=True)
    path = program(folder)
    with segment.segment(ctx, 'hostile', 2, '16M') as found:
        first, second = found.guests
        before = [stats(guest) for guest in found.guests]
        resets = links(found)
        with found.stream(first, second, 'its own'), \
                found.stream(second, first, 'its own'):
            for _ in range(ROUNDS):
                attack(found, path, seconds)
                if rings(found, before):
                    break
        found.check('its own: the link between the others never went down',
                    links(found) == resets, f'{resets}, then {links(found)}')
        for guest, was in zip(found.guests, before):
            now = stats(guest)
            grown = {name: now[name] - was[name] for name in COUNTERS if name in now}
            found.note(f'its own: {guest.name} refused {grown}')
            found.check(f'its own: {guest.name} counts its refusals',
                        len(grown) == len(COUNTERS) and all(grown.values()), str(grown))
        found.check('its own: indices that lie are counted', rings(found, before) > 0)

        attack(found, path, seconds // 2 or 1, '--everywhere')
        for guest in found.guests:
            found.check(f'everywhere: {guest.name} lives', guest.alive() and
                        guest.run('true', timeout=30 * ctx.slow).code == 0)
        start = time.monotonic()
        good = found.wait_links(first, [second], RECOVERY)
        found.note(f'everywhere: the link is back after {time.monotonic() - start:.1f} s')
        found.check('everywhere: the others find each other again', good, found.state())
        found.pings()


def rings(found, before):
    """Refused indices."""
    return sum(stats(guest)[name] - was[name]
               for guest, was in zip(found.guests, before) for name in RINGS)


def links(found):
    """Lives and resets of the link between the two guests."""
    view = region.View(found.memory)
    one, other = (found.port(guest) for guest in found.guests)
    return [(view.link(*ends)[0], view.link(*ends)[5]) for ends in ((one, other), (other, one))] \
        if None not in (one, other) else None
