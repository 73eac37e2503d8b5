# SPDX-License-Identifier: GPL-2.0
"""Programs of tools/testing/device, each the other end of QEMU's vfio-user-pci."""
import os
import subprocess
import threading
import time

from .rig import TOP, VmError, run_dir

START = 20    # seconds that the process may take
_building = threading.Lock()


def device_program(name, **variables):
    """A program of tools/testing/device, built once per run and set of variables."""
    folder = os.path.join(run_dir(), '-'.join(['device', *variables.values()]))
    program = os.path.join(folder, name)
    with _building:
        if not os.path.exists(program):
            os.makedirs(folder, exist_ok=True)
            done = subprocess.run(['make', '-s', '-C', os.path.join(TOP, 'tools/testing/device'),
                                   f'O={folder}', program,
                                   *(f'{key}={value}' for key, value in variables.items())],
                                  check=False, timeout=300, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)
            if done.returncode:
                raise VmError(f'tools/testing/device does not build:\n{done.stdout}')
    return program


class Process:
    """A program of tools/testing/device that runs.

    name     of the program
    base     path that its files begin with
    words    its arguments
    sanitize True: built with the address and undefined-behaviour sanitizers
    """

    def __init__(self, name, base, words, sanitize=False):
        self.control, self.log = f'{base}.control', f'{base}.log'
        variables = {'SANITIZE': 'address,undefined'} if sanitize else {}
        words = [device_program(name, **variables), '--control', self.control, *words]
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        end = time.monotonic() + START
        while 'serving' not in self.messages():
            if self.process.poll() is not None or time.monotonic() > end:
                raise VmError(f'tools/testing/device does not start:\n{self.messages()}')
            time.sleep(0.02)

    def messages(self):
        """What the process has said."""
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read()

    def end(self, *paths):
        """End the process, remove its sockets; its exit status."""
        code = self.process.poll()
        if code is None:
            self.process.terminate()
            code = self.process.wait(START)
        for path in (self.control, *paths):
            if os.path.exists(path):
                os.remove(path)
        return code
