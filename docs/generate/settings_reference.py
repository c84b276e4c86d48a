"""Pages about configuration files, from the models that read them and the comments of the files that ship."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from toml_comments import Comment, Comments, comments_of

from nlpbatch.recipe.recipe_file import SECTIONS as RECIPE_SECTIONS
from nlpbatch.recipe.section_options import options_of
from nlpbatch.server.config import KiwiSettings, MecabSettings, OtherEngineSettings, ServerSettings
from proxy.config import ProxySettings

_BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
_LENGTHS = {MinLen: ("at least", "min_length"), MaxLen: ("at most", "max_length")}
_SIMPLE = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "nothing"}
_HEAD = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
_ANALYZERS = {
    "analyzers.NAME": (KiwiSettings, "analyzers.default", '`engine = "kiwi"`'),
    "analyzers.NAME (MeCab-ko)": (MecabSettings, "analyzers.fast", '`engine = "mecab"`'),
    "analyzers.NAME (your own)": (OtherEngineSettings, "analyzers.mood", "any other `engine`"),
}


def proxy_page(root: Path) -> str:
    """Return the page about proxy.toml."""
    comments = comments_of(root / "conf" / "proxy.toml")
    intro = "`nlpbatch proxy serve --config proxy.toml`, [commented example](../../conf/proxy.toml). "
    return _page("proxy.toml", intro, [*_tables(ProxySettings, comments)])


def server_page(root: Path) -> str:
    """Return the page about server.toml."""
    comments = comments_of(root / "conf" / "server.toml")
    tables = [*_tables(ServerSettings, comments)]
    for title, (model, commented, engine) in _ANALYZERS.items():
        said = {**_renamed(comments, "analyzers.default"), **_renamed(comments, commented)}
        rows = "".join(_model_rows(model, "analyzers.NAME", said))
        tables.append((f"[{title}]", f"With {engine}. {_first_line(model)}", rows))
    intro = "`nlpbatch serve --config server.toml`, [commented example](../../conf/server.toml). "
    return _page("server.toml", intro, tables)


def recipe_page() -> str:
    """Return the page about recipes."""
    tables = []
    for name, section in RECIPE_SECTIONS.items():
        rows = "".join(
            _row(option.name, option.kind.wanted, _default_of(section, option.name), option.help)
            for option in options_of(section).values()
        )
        tables.append((f"[{name}]", section.__doc__ or "", rows))
    intro = "`nlpbatch run recipe.toml`, `jobs/recipe.py`; what the stages do: [Recipes](../recipes.md). "
    return _page("recipe.toml", intro, tables)


def _page(title: str, intro: str, tables: list[tuple[str, str, str]]) -> str:
    note = "A key that you leave out has its default; an unknown key is an error, and all errors are named at once.\n"
    sections = [f"## {name}\n\n{about}\n\n{_HEAD}{rows}" for name, about, rows in tables if rows]
    return "\n".join([f"# {title}\n", intro + note, *sections])


def _renamed(comments: Comments, table: str) -> Comments:
    return {("analyzers.NAME", key): meaning for (within, key), meaning in comments.items() if within == table}


def _tables(
    model: type[BaseModel], comments: Comments, path: str = "", *, is_list: bool = False
) -> Iterator[tuple[str, str, str]]:
    """Yield heading, description and rows of a model's own table, then those of the tables within it."""
    heading = f"[{path}]" if path else "At the top"
    if path and is_list:
        heading = f"[[{path}]]"
    about = _first_line(model) if path else "Before the first table."
    yield heading, about, "".join(_model_rows(model, path, comments))
    for name, field in model.model_fields.items():
        inner, kind = _inner_model(field.annotation)
        if inner is not None:
            below = ".".join(filter(None, (path, name, "NAME" if kind is dict else "")))
            yield from _tables(inner, comments, below, is_list=kind is list)


def _inner_model(annotation: Any) -> tuple[type[BaseModel] | None, Any]:
    """Return the model that a key is a table of, and whether it is a list or a dict of them."""
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation, None
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in {list, dict} and inspect.isclass(arguments[-1]) and issubclass(arguments[-1], BaseModel):
        return arguments[-1], origin
    return None, None


def _model_rows(model: type[BaseModel], path: str, comments: Comments) -> Iterator[str]:
    documented = attribute_docstrings(model)
    table = path.replace("tenants.NAME", "tenants.default")
    for name, field in model.model_fields.items():
        if _inner_model(field.annotation)[0] is not None or _is_analyzers(name, path):
            continue
        comment = comments.get((table, name))
        if comment is None or not comment.text:
            comment = _of_sibling(comments, table, name)
        meaning = comment.text if comment is not None else ""
        if comment is None or comment.is_shared:
            meaning = documented.get(name) or meaning
        yield _row(name, _value(field), _default(field), meaning)


def _of_sibling(comments: Comments, table: str, name: str) -> Comment | None:
    """Return what is said about a key in another table beside this one: it is said once."""
    parent = table.rpartition(".")[0]
    beside = (one for (within, key), one in comments.items() if key == name and within.startswith(f"{parent}."))
    return next((one for one in beside if one.text), None) if parent else None


def _is_analyzers(name: str, path: str) -> bool:
    return name == "analyzers" and not path


def attribute_docstrings(model: type) -> dict[str, str]:
    """Return the strings below the attributes of a class and of those that it inherits from."""
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if not issubclass(cls, BaseModel) or cls is BaseModel:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        assert isinstance(body, ast.ClassDef)  # noqa: S101  (what getsource returns of a class)
        for statement, below in zip(body.body, body.body[1:], strict=False):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and _is_text(below):
                found[statement.target.id] = " ".join(below.value.value.split())  # type: ignore[attr-defined]
    return found


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _value(field: FieldInfo) -> str:
    kind = " or ".join(_kinds(field.annotation))
    bounds = [
        f"{sign} {_plain(getattr(one, name))}"
        for one in field.metadata
        for cls, (sign, name) in _BOUNDS.items()
        if isinstance(one, cls)
    ]
    lengths = [
        f"{sign} {getattr(one, name)}"
        for one in field.metadata
        for cls, (sign, name) in _LENGTHS.items()
        if isinstance(one, cls) and _is_many(field.annotation)
    ]
    return ", ".join([kind, *bounds, *lengths])


def _is_many(annotation: Any) -> bool:
    return get_origin(annotation) in {list, dict}


def _kinds(annotation: Any) -> list[str]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _kinds(annotation.__origin__)
    if origin is Literal:
        return [f"`{_plain(one)}`" for one in arguments]
    if origin is list:
        return [f"list of {' or '.join(_kinds(arguments[0]))}"]
    if origin is dict:
        return ["table"]
    if origin is Union or type(annotation).__name__ == "UnionType":
        return [kind for one in arguments if one is not type(None) for kind in _kinds(one)]
    return [_SIMPLE.get(annotation, "table")]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    return "" if value is None else f"`{_plain(value)}`"


def _default_of(section: type[Any], name: str) -> str:
    field = next(one for one in fields(section) if one.name == name)
    value = field.default if field.default is not MISSING else None
    if field.default_factory is not MISSING:
        value = field.default_factory()
    return "" if value in (None, (), {}) else f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)  # noqa: PLR2004
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_plain(one)}" for name, one in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _row(name: str, value: str, default: str, meaning: str) -> str:
    if not meaning:
        raise ValueError(
            f"{name} has no meaning: write a comment above it in the shipped file, or a docstring below it"
        )
    return f"| `{name}` | {_cell(value)} | {_cell(default)} | {_cell(meaning)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<tab>", "⇥").replace("<", "&lt;").replace("\n", " ")


def _first_line(model: type) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]
