# SPDX-License-Identifier: GPL-2.0
"""The classic format: the other side lies, about one thing at a time."""
import os
import time

import classic
import vm

# Lies that cost a frame, and their counters.
SOFT = {'flags': 'rx_err_flags', 'short': 'rx_err_len_short', 'long': 'rx_err_len_long',
        'addr': 'rx_err_offset'}
# Lies that end a life of the link, in the order in which they are told: &enum
# ivnet_classic_err, None: any of them.
HARD = {'avail-id': 6, 'avail-index': 5, 'avail-back': 5, 'garbage': None,
        'used-id': 8, 'used-twice': 8, 'used-range': 8, 'used-len': 9, 'used-none': 9,
        'used-index': 7, 'used-back': 7, 'state': 0, 'states': None}
# Without --stress.
SOME = ('avail-id', 'avail-index', 'used-id', 'used-len', 'used-index', 'state')


def soft(side, path):
    """Descriptors that lie cost their frames, and nothing else."""
    guest = side.guest
    # before it is there: it can talk to the old life of the driver as well
    before = classic.stats(guest)
    with classic.Other(path, side.shared, 0, '--lie', ','.join(SOFT), '--lies', '60',
                       '--every', '20') as other:
        side.speak(other.position)
        side.check('before lies: carrier', side.carrier())
        end = time.monotonic() + 60 * side.ctx.slow
        grown = {}
        while sum(grown.values()) < 60 and time.monotonic() < end:
            guest.run(f'ping -q -c 50 -i 0.02 -W 1 {side.shared.address()}', timeout=90)
            now = classic.stats(guest)
            grown = {name: now[name] - before[name] for name in (*SOFT.values(), 'rx_err_ring')}
        side.check('after frames that lie: ping', *side.pings())
        report = other.end()
        classic.judge(side, 'lies of descriptors', report)
        side.check('each lie of a descriptor is counted by its kind',
                   list(grown.values()) == [*(report[lie] for lie in SOFT), 0],
                   f'{grown} {report}')


def hard(side, path, kinds):
    """Each of these ends a life of the link."""
    with classic.Other(path, side.shared, 0, '--lie', ','.join(kinds), '--every', '0',
                       '--ask', seconds=3600) as other:
        side.speak(other.position)
        for lie in kinds:
            tells(side, other, lie, HARD[lie])
        report = other.end()
        side.check('each lie was told once', all(report[lie] == 1 for lie in kinds), str(report))
        # It knows what it lied about, and what came back.
        side.soon('each lie', report['left'], report['left_late'])
        classic.judge(side, 'lies that end a life', report)


def tells(side, other, lie, error):
    """One lie, to a driver that was told none before, in a flood."""
    guest = side.guest
    side.again()
    side.check(f'{lie}: carrier', side.carrier())
    before, changes = classic.stats(guest), side.carrier_changes()
    resets = side.link()['resets']
    other.ask()
    guest.run(f'ping -q -f -s 8000 -w 1 {side.shared.address()}', timeout=90)
    end = time.monotonic() + 30 * side.ctx.slow
    while side.link()['resets'] == resets and time.monotonic() < end:
        time.sleep(0.1)
    side.check(f'{lie}: the link is back', side.carrier(30))
    link, after = side.link(), classic.stats(guest)
    side.check(f'{lie}: was down, and has begun anew', link['resets'] > resets and
               side.carrier_changes() >= changes + 2, str(link))
    grown = {name: after[name] - before[name] for name in ('rx_err_ring', 'tx_err_ring')}
    if lie == 'states':
        good = True    # what it finds is an old life of the rings
    elif error is None:
        good = sum(grown.values()) == 1 and 5 <= link['error'] <= 9
    else:
        good = link['error'] == error and list(grown.values()) == [error in (5, 6), error > 6]
    side.check(f'{lie}: is counted once, by its kind', good, f'{grown} {link}')
    side.check(f'{lie}: ping', *side.pings())


def twice(side, path):
    """The second lie in a row is paid for twice."""
    with classic.Other(path, side.shared, 0, '--lie', 'used-id', '--every', '0',
                       '--ask') as other:
        side.speak(other.position)
        side.check('before two lies: carrier', side.carrier())
        for number in (1, 2):
            errors = classic.stats(side.guest)['tx_err_ring']
            other.ask()
            end = time.monotonic() + 30 * side.ctx.slow
            while classic.stats(side.guest)['tx_err_ring'] == errors and time.monotonic() < end:
                side.pings(count=2)
            side.check(f'lie {number} of two: the link is back', side.carrier(30))
        side.check('two lies: ping', *side.pings())
        retry, report = side.link()['retry_seconds'], other.end()
        side.check('two lies: a second pause of two seconds', report['used-id'] == 2 and
                   report['held'] >= 1900 and retry == 4, f'{retry} {report}')
        classic.judge(side, 'two lies', report)


def run(ctx):
    """A peer that lies costs frames, or the link for a while."""
    path = classic.program(os.path.join(vm.run_dir(), 'classic-lies'))
    with ctx.region(size='1M') as shared, \
            ctx.guest([vm.Shm(shared.name)], mem='256M', name='classic-lies') as guest:
        guest.load('ivnet_ivshmem')
        side = classic.Side(ctx, guest, shared, 'lies')
        side.addresses()
        soft(side, path)
        hard(side, path, HARD if ctx.options.stress else SOME)
        if ctx.options.stress:
            twice(side, path)
        ctx.splats(guest, 'classic: lies')
