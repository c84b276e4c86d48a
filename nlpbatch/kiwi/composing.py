"""The methods of Kiwi that make texts: with corrected blanks, of morphemes, of chunks, of templates."""

from collections.abc import Iterable
from typing import Any

from nlpbatch.kiwi.remote import Remote, check_texts
from nlpbatch.kiwi.template import Template
from nlpbatch.kiwi.writing import to_chunks, to_flags, to_morphemes


class Composing:
    """The methods that compose texts, with kiwipiepy's signatures."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._templates: dict[str, Template] = {}

    def space(self, text: str | Iterable[str], reset_whitespace: bool = False) -> Any:
        """Return a text with its blanks corrected, with `reset_whitespace` as if it had none; or an iterator."""
        check_texts(text)
        options = {"reset_whitespace": bool(reset_whitespace)}
        if isinstance(text, str):
            return self._remote.one("space", text, options).text
        return (outcome.text for _, outcome in self._remote.each("space", text, options))

    def join(
        self,
        morphs: Iterable[Any],
        lm_search: bool = True,
        return_positions: bool = False,
    ) -> Any:
        """Return the text that morphemes make, with `return_positions` also where each of them is in it.

        Each is a token, (form, tag), or (form, tag, whether a blank precedes it).
        """
        options = {"lm_search": bool(lm_search), "return_positions": bool(return_positions)}
        outcome = self._remote.one("join", to_morphemes(morphs), options)
        return (outcome.text, list(outcome.positions or ())) if return_positions else outcome.text

    def glue(
        self,
        text_chunks: Iterable[str],
        insert_new_lines: Iterable[bool] | None = None,
        return_space_insertions: bool = False,
    ) -> Any:
        """Return the text that chunks make, with blanks or line ends between them where they belong."""
        options: dict[str, Any] = {"return_space_insertions": bool(return_space_insertions)}
        chunks = to_chunks(text_chunks)
        if insert_new_lines is not None:
            options["insert_new_lines"] = [to_flags(insert_new_lines, len(chunks))]
        outcome = self._remote.one("glue", chunks, options)
        return (outcome.text, list(outcome.space_insertions or ())) if return_space_insertions else outcome.text

    def template(self, format_str: str, cache: bool = True) -> Template:
        """Return a template whose fields are filled with morphemes, which take the form that fits there."""
        if not cache:
            return Template(self, format_str)
        if format_str not in self._templates:
            self._templates[format_str] = Template(self, format_str)
        return self._templates[format_str]
