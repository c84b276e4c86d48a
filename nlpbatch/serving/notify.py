"""Tells the service manager, where there is one, that this process serves: see sd_notify(3)."""

import os
import socket
from contextlib import suppress


def notify_ready() -> None:
    """Say so; does nothing where nobody has asked for it with `$NOTIFY_SOCKET`."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # a name that is no file
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"READY=1", address)
