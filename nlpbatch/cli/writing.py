"""Writes the outcomes of documents, for people or as a JSON object per line."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TextIO

from nlpbatch.cli.texts import Document, Writer
from nlpbatch.wire.options import Options
from nlpbatch.wire.outcome import Candidate, Outcome, Sentence, Token

_PIPED_WIDTH = 160

# Conjoining jamo such as the one of "-ㄴ다" have no width of their own; U+11A8 to U+11C2 in order.
_FINALS = dict(zip(range(0x11A8, 0x11C3), "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ", strict=True))


def json_writer(out: TextIO, options: Options) -> Writer:
    """Return the writer of the requested members, a line per document."""
    encoding = out.encoding or "utf-8"

    def write(_: Document, outcome: Outcome) -> None:
        error = outcome.error
        members = {name: _MEMBERS[name](getattr(outcome, name)) for name in options.columns}
        members["error"] = None if error is None else {"code": error.code, "message": error.message}
        line = json.dumps(members, ensure_ascii=False)
        try:
            line.encode(encoding)
        except UnicodeEncodeError:
            line = json.dumps(members)  # escapes say the same in any encoding
        out.write(line + "\n")

    return write


def _tokens(tokens: Sequence[Token] | None) -> list[dict[str, Any]] | None:
    return None if tokens is None else [token.as_dict() for token in tokens]


def _sentences(sentences: Sequence[Sentence] | None) -> list[dict[str, Any]] | None:
    if sentences is None:
        return None
    return [
        {"start": one.start, "end": one.end}
        | ({} if one.text is None else {"text": one.text})
        | ({} if one.tokens is None else {"tokens": _tokens(one.tokens)})
        for one in sentences
    ]


def _positions(spans: Sequence[tuple[int, int]] | None) -> list[dict[str, int]] | None:
    return None if spans is None else [{"start": start, "end": end} for start, end in spans]


def _candidates(candidates: Sequence[Candidate] | None) -> list[dict[str, Any]] | None:
    if candidates is None:
        return None
    return [{"tokens": _tokens(one.tokens), "score": one.score} for one in candidates]


_MEMBERS: Final[dict[str, Callable[[Any], Any]]] = {
    "tokens": _tokens,
    "sentences": _sentences,
    "candidates": _candidates,
    "text": lambda text: text,
    "positions": _positions,
    "space_insertions": lambda flags: flags,
    "result": lambda result: result,
}


def line_writer(out: TextIO, lines: Callable[[Outcome], Sequence[str]]) -> Writer:
    """Return a writer of some lines of text per document, or its error."""
    encoding = out.encoding or "utf-8"

    def write(_: Document, outcome: Outcome) -> None:
        error = outcome.error
        shown = [f"{error.code}: {error.message}"] if error is not None else map(visible, lines(outcome))
        out.writelines(line.encode(encoding, "backslashreplace").decode(encoding) + "\n" for line in shown)

    return write


def table_writer(out: TextIO, fields: Sequence[str]) -> Writer:
    """Return a writer of a table of tokens per document, or one for each of its candidates."""
    from rich.console import Console, Group  # noqa: PLC0415  (--json does without)
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    encoding = out.encoding or "utf-8"
    console = Console(file=out, width=None if out.isatty() else _PIPED_WIDTH, highlight=False)
    columns = _columns(fields)

    def show(outcome: Outcome) -> Any:
        if outcome.error is not None:
            return Text(f"{outcome.error.code}: {outcome.error.message}", style="red")
        if outcome.candidates is not None:
            return Group(*(line for one in outcome.candidates for line in (Text(f"{one.score:.3f}"), of(one.tokens))))
        return of(outcome.tokens or ())

    def of(tokens: Sequence[Token]) -> Any:
        if not tokens:
            return Text("no tokens", style="dim")
        table = Table(show_edge=False, pad_edge=False)
        for heading, _ in columns:
            table.add_column(Text(heading), overflow="fold")
        for token in tokens:
            values = token.as_dict()
            table.add_row(*(Text(visible(cell(values))) for _, cell in columns))
        return table

    def write(document: Document, outcome: Outcome) -> None:
        with console.capture() as captured:
            if isinstance(document, str):
                console.print(Text(visible(document), style="bold", overflow="ellipsis", no_wrap=True))
            console.print(show(outcome), end="\n\n")
        out.write(captured.get().encode(encoding, "backslashreplace").decode(encoding))

    return write


def _columns(fields: Sequence[str]) -> list[tuple[str, Callable[[dict[str, Any]], str]]]:
    """Return heading and cell of each column; start and end share one, because people read them together."""

    def cell(name: str) -> Callable[[dict[str, Any]], str]:
        return lambda values: _shown(values[name])

    spans = {"start", "end"} <= set(fields)
    columns = [(name, cell(name)) for name in fields if not (spans and name in {"start", "end"})]
    if spans:
        position = sum(name != "end" for name in fields[: fields.index("start")])
        columns.insert(position, ("start-end", lambda values: f"{values['start']}-{values['end']}"))
    return columns


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def visible(text: str) -> str:
    """Return the text on one line, with escapes for characters that a terminal would obey or hide."""
    text = text.translate(_FINALS)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
