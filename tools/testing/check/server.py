#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tests of tools/ivshmem-server. Needs root. TAP output, the last line sums up.

    server.py                   everything
    server.py --list
    server.py limit stale       tests by name
    server.py --source DIR      another copy of the server's source, beside ../lib
"""
import os
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE)]
import native  # noqa: E402
import server_daemon  # noqa: E402
import server_protocol  # noqa: E402
import server_qemu  # noqa: E402

if __name__ == '__main__':
    sys.exit(native.main(__doc__, 'ivshmem-server',
                         (server_protocol, server_daemon, server_qemu)))
