# SPDX-License-Identifier: GPL-2.0
"""Isolation and clean-up of a run.

isolate() moves the rest of the program into a child that has its own network,
mount and process namespaces. The child is process 1 there, so the kernel ends
everything it started when it ends, however that happens; and it is killed when
its parent goes away.
"""
import ctypes
import os
import select
import signal
import subprocess
import sys

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_NEWNS, _NEWPID, _NEWNET = 0x20000, 0x20000000, 0x40000000
_isolated = False

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
CACHE = os.environ.get('IVNET_CACHE') or os.path.join(
    os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'ivnet')


class VmError(Exception):
    """Anything the rig cannot do, in words for the user."""


def host(*command, timeout=30, check=True):
    """Run a command on the host (inside the rig's namespaces)."""
    try:
        done = subprocess.run(command, timeout=timeout, check=False, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    except OSError as error:
        raise VmError(f'{command[0]}: {error.strerror}') from None
    except subprocess.TimeoutExpired:
        raise VmError(f'{" ".join(command)}: no end after {timeout} s') from None
    if check and done.returncode:
        raise VmError(f'{" ".join(command)}: exit {done.returncode}: {done.stderr.strip()}')
    return done


def run_dir():
    """A folder for this run's files; it vanishes with the namespaces."""
    return os.path.join(CACHE, 'run')


def _mount(source, target, kind, flags=0, data=None):
    arguments = [text.encode() if text else None for text in (source, target, kind)]
    if _libc.mount(*arguments, ctypes.c_ulong(flags), data and data.encode()):
        raise VmError(f'mount {target}: {os.strerror(ctypes.get_errno())}')


def _unshare(flags):
    if _libc.unshare(flags):
        raise VmError(f'unshare: {os.strerror(ctypes.get_errno())}')


def _relay(child):
    """The outer process: pass signals on, end as the child ends."""
    def forward(number, _frame):
        try:
            os.kill(child, number)
        except ProcessLookupError:
            pass

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, forward)
    # Ctrl-C reaches the child by the terminal; a kill -INT reaches only us.
    signal.signal(signal.SIGINT, forward)
    while True:
        try:
            _, status = os.waitpid(child, 0)
            break
        except InterruptedError:
            continue
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _on_signal(number, _frame):
    # A second signal must not interrupt the clean-up the first one started.
    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


def isolate():
    """Continue in a child with its own namespaces; once per program."""
    global _isolated
    if _isolated:
        return
    if os.geteuid():
        raise VmError('guests need root, for their network: run this as root')
    sys.stdout.flush()
    sys.stderr.flush()
    os.makedirs(run_dir(), exist_ok=True)
    alive, parent_end = os.pipe()
    _unshare(_NEWPID)
    child = os.fork()
    if child:
        os.close(alive)
        _relay(child)
    os.close(parent_end)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if select.select([alive], [], [], 0)[0]:
        os._exit(1)    # the parent ended before the kernel knew what to do then
    os.close(alive)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT):
        signal.signal(number, _on_signal)
    _unshare(_NEWNET | _NEWNS)
    _mount(None, '/', None, _MS_REC | _MS_PRIVATE)
    _mount('proc', '/proc', 'proc')
    _mount('sysfs', '/sys', 'sysfs')
    _mount('run', run_dir(), 'tmpfs', 0, 'mode=700')
    host('ip', 'link', 'set', 'lo', 'up')
    _isolated = True
