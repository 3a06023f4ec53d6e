"""Closing a listening socket without resetting those who are already in front of it."""

from __future__ import annotations

import ctypes
import socket
import struct
import sys

_ATTACH_FILTER = 26  # SO_ATTACH_FILTER of Linux; the socket module does not name it
_TCP_FLAGS = 13
_SYN, _SYN_ACK = 0x02, 0x12

# A classic BPF program over the TCP header: code, jump if true, jump if false, operand.
_DROP_FIRST_PACKETS = (
    (0x30, 0, 0, _TCP_FLAGS),  # load the byte of flags
    (0x54, 0, 0, _SYN_ACK),  # keep SYN and ACK
    (0x15, 0, 1, _SYN),  # only SYN: the next line; else: the one after
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)


def hold_new_connections(sock: socket.socket) -> bool:
    """Let the kernel drop the first packet of each new connection to a listening socket.

    Between the last `accept` and `close` the kernel may complete another connection, which `close` then
    resets, request and all. With the first packets dropped, none can come: a client tries again after a
    moment, and is refused because nobody listens any more. Connections that exist are not touched.

    Returns:
        Whether the system can do that: Linux can.
    """
    if sys.platform != "linux":
        return False
    program = b"".join(struct.pack("HBBI", *line) for line in _DROP_FIRST_PACKETS)
    held = ctypes.create_string_buffer(program)
    option = struct.pack("HP", len(_DROP_FIRST_PACKETS), ctypes.addressof(held))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, option)
    except OSError:  # a kernel without filters: the gap stays, and is microseconds
        return False
    return True
