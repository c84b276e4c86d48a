"""Functions of one's own that follow commands: !die, !hang, !grow=N (MiB), !raise; and what can go wrong at load."""

import os
import signal
import threading
import time

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
        elif command == "!grow":
            _KEPT.append(bytearray(os.urandom(1 << 20)) * int(argument))
            time.sleep(60)
        elif command == "!raise":
            raise LookupError(text)
    return {"length": len(text)}


def load() -> Functions:
    return Functions({"follow": Operation(follow, TYPE)})


def raises() -> Functions:
    raise RuntimeError("the model is not there")


def threads() -> Functions:
    threading.Thread(target=time.sleep, args=(60,), daemon=True, name="loader").start()
    return load()


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
