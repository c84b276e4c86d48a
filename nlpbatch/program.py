"""Runs a program's main function as a process should: any standard streams, Ctrl-C, and one line for each error.

exit code  0    done, or nobody reads the output any more
           1    failed, or the output can't be written
           2    wrong usage, configuration or request: the same command will fail again
           130  Ctrl-C
"""

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from nlpbatch.errors import ConfigError, NlpbatchError, RequestError

FAILED: Final = 1
WRONG: Final = 2
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""
_OUTPUT: Final = "standard output"


def run_program(name: str, main: Callable[[], int], *, failed: str = "") -> int:
    """Return the exit code of a main function, after one line on standard error if it failed.

    Args:
        name: Of the program, which begins each line.
        main: Does the work; returns an exit code.
        failed: What stands before the code of an error that ends with 1, such as "failed: ".

    """
    _open_closed_descriptors()
    _replace_streams()
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()  # Python would complain at exit, with a code of its own
    except KeyboardInterrupt:
        return _report_interrupt(name)
    except (NlpbatchError, OSError) as error:
        if isinstance(error, OSError) and error.filename == _OUTPUT:
            _drop_output()
        if _is_interrupt(error):
            return _report_interrupt(name)
        return _report(name, error, failed) if isinstance(error, NlpbatchError) else _report_io(name, error, failed)


def exit_code(error: NlpbatchError) -> int:
    """Return what a program ends with after an error: 2 if the same command will fail again, else 1."""
    return WRONG if isinstance(error, ConfigError | RequestError) else FAILED


def _report(name: str, error: NlpbatchError, failed: str) -> int:
    code = exit_code(error)
    before = "" if isinstance(error, ConfigError) else f"{failed if code == FAILED else ''}{error.code}: "
    _say(name, f"{before}{error.message}")
    return code


def _report_io(name: str, error: OSError, failed: str) -> int:
    if error.filename == _OUTPUT and isinstance(error, BrokenPipeError):
        return 0  # the reader, such as head, has what it wanted
    reason = error.strerror or str(error)
    if error.filename == _OUTPUT:
        _say(name, f"{_OUTPUT} can't be written: {reason}")
    else:
        _say(name, f"{failed}{reason}" + ("" if error.filename is None else f": {error.filename}"))
    return FAILED


def _report_interrupt(name: str) -> int:
    _say(name, "interrupted")
    return INTERRUPTED


def _drop_output() -> None:
    """Let what is left in the buffer of standard output go nowhere: it is flushed once more at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _is_interrupt(error: BaseException | None) -> bool:
    """Return whether Ctrl-C is what an error comes from: cleaning up fails where the JVM has ended as well."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


def _say(name: str, line: str) -> None:
    sys.stderr.write(f"{name}: {line}\n")


def _open_closed_descriptors() -> None:
    """Give closed standard streams a file, else the next file or socket would become one; writing to it fails."""
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # it gets the lowest free number, which is this one


def _replace_streams() -> None:
    """Let output say what can't be written, and standard error bear everything; a caller's own streams stay."""
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _stream(_Output(1, "w", closefd=False), sys.stdout)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _stream(_Complaints(2, "w", closefd=False), sys.stderr, line_buffering=True)


def _stream(raw: io.FileIO, old: Any, *, line_buffering: bool = False) -> io.TextIOWrapper:
    """Return a text stream of the old one's encoding; what that can't show is escaped."""
    if old is not None:
        old.flush()
    encoding = "utf-8" if old is None else old.encoding
    buffered = line_buffering or raw.isatty()
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=buffered)


class _Output(io.FileIO):
    """Standard output, named in its errors."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, _OUTPUT) from error


class _Complaints(io.FileIO):
    """Standard error: where nobody can read it, nothing else fails for that."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)
