"""Functions of one's own that follow commands: !die, !hang, !grow=N and !leak=N (MiB), !raise, !exit, !nap=N (ms).

The other factories do what can go wrong at load.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa

from nlpbatch.engine.functions import Functions, Operation

_KEPT = []
TYPE = pa.struct([("length", pa.int32())])


def follow(text: str) -> dict:
    for word in text.split():
        command, _, argument = word.partition("=")
        if command == "!die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif command == "!hang":
            time.sleep(60)
        elif command in {"!grow", "!leak"}:
            _KEPT.append(bytearray(os.urandom(1 << 20)) * int(argument))
            time.sleep(60 if command == "!grow" else 0)
        elif command == "!raise":
            raise LookupError(text)
        elif command == "!exit":
            sys.exit(text)
        elif command == "!nap":
            time.sleep(int(argument) / 1000)
    return {"length": len(text)}


def stamp(text: str) -> dict:
    """Return when it was called, so that an answer given again shows."""
    return {"at": time.monotonic_ns(), "by": os.getpid()}


def load() -> Functions:
    stamped = pa.struct([("at", pa.int64()), ("by", pa.int32())])
    return Functions({"follow": Operation(follow, TYPE), "stamp": Operation(stamp, stamped)})


def raises() -> Functions:
    raise RuntimeError("the model is not there")


def threads() -> Functions:
    threading.Thread(target=time.sleep, args=(60,), daemon=True, name="loader").start()
    return load()


def native_threads() -> Functions:
    """Start one that Python doesn't know of."""
    libc = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    assert libc.pthread_create(ctypes.byref(thread), None, libc.pause, None) == 0
    return load()


def threads_at_first_text() -> Functions:
    def start(text: str) -> dict:
        threading.Thread(target=time.sleep, args=(60,), daemon=True, name="late").start()
        return {"length": len(text)}

    return Functions({"start": Operation(start, TYPE)})


def exits() -> Functions:
    sys.exit("no licence")


def dies() -> Functions:
    os.kill(os.getpid(), signal.SIGKILL)
    return load()


def hangs(while_there: str = "/") -> Functions:
    while Path(while_there).exists():
        time.sleep(0.01)
    return load()


def hangs_at_first_text() -> Functions:
    def hang(text: str) -> dict:
        time.sleep(3600)
        return {"length": len(text)}

    return Functions({"hang": Operation(hang, TYPE)})


def always_fails() -> Functions:
    return Functions({"fail": Operation(lambda _: 1 / 0, TYPE)})


def after_fork() -> Functions:
    """Work in the process that loads, and in no other."""
    home = os.getpid()

    def at_home(text: str) -> dict:
        if os.getpid() != home:
            raise OSError("not here")
        return {"length": len(text)}

    return Functions({"at_home": Operation(at_home, TYPE)})


def nothing() -> dict:
    return {}


def clash() -> Functions:
    return Functions({"space": Operation(follow, TYPE)})


def untyped() -> Functions:
    return Functions({"follow": Operation(follow, pa.map_(pa.string(), pa.int32()))})


number = 7
