"""Serves the page that edits recipes: `/recipes`, its scripts, and what they ask for; all of it in JSON.

    GET  recipes/list.json                 names of recipes, and the forms of all sections
    GET  recipes/recipe.json?name=         a file as it is
    POST recipes/draft                     a text with edits: the text after them, and what is wrong with it
    POST recipes/source                    some rows of the files that it reads
    POST recipes/write                     replaces the file, unless someone else has
    POST recipes/trial, recipes/stop       starts and stops a trial
    GET  recipes/trial.json?name=          what the trial is at
    GET  recipes/result.json?name=&stage=  what a stage of it made
    GET  recipes/report?name=&column=      the report on its sample

Everything asks for the key or the token that the page of runs asks for; what changes something must come from the page
itself.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from importlib.resources import files
from typing import Any, Final

from aiohttp import web

from nlpbatch.errors import ConfigError, InvalidRequest, NotFound
from nlpbatch.pipelines.access import HEADERS, PageAccess
from nlpbatch.pipelines.editing.document import Edit, apply
from nlpbatch.pipelines.editing.draft import assignments, check, command_for, describe_draft, describe_fault
from nlpbatch.pipelines.editing.folder import MAX_BYTES, Conflict, RecipeFolder
from nlpbatch.pipelines.editing.results import report_of, result_of
from nlpbatch.pipelines.editing.same_site import check_same_site
from nlpbatch.pipelines.editing.sources import Sources
from nlpbatch.pipelines.editing.trial import Trial
from nlpbatch.pipelines.editing.trials import Trials
from nlpbatch.pipelines.editing.typed import describe_sections
from nlpbatch.pipelines.reports import REPORT_POLICY
from nlpbatch.recipe.recipe_file import SECTIONS, read_text

_STATIC: Final = files("nlpbatch.pipelines").joinpath("static")
_TYPES: Final = {"css": "text/css", "js": "text/javascript"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _dumps(value: Any) -> str:
    """Return a value as JSON; bytes of a directory's name that are no characters become "?"."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


_answer = partial(web.json_response, dumps=_dumps, headers=HEADERS)


class RecipePages:
    """The page that edits the recipes of a folder.

    Args:
        folder: The recipes.

    """

    def __init__(self, folder: RecipeFolder) -> None:
        self._folder = folder
        self._trials = Trials()
        self._sources = Sources()

    def add_to(self, app: web.Application, access: PageAccess) -> None:
        """Add the page to an application, for those who may see it."""

        async def page(request: web.Request) -> web.StreamResponse:
            instead = access.admit(request)
            return await self._page(request) if instead is None else instead

        def known(handler: _Handler) -> _Handler:
            async def answer(request: web.Request) -> web.StreamResponse:
                access.check(request)
                if request.method == "POST":
                    check_same_site(request)
                try:
                    return await handler(request)
                except ConfigError as error:
                    return _answer({"detail": error.message}, status=422)

            return answer

        add = app.router.add_get
        add("/recipes", page)
        add("/recipes/static/{file}", known(self._static))
        add("/recipes/list.json", known(self._list))
        add("/recipes/recipe.json", known(self._read))
        add("/recipes/trial.json", known(self._trial))
        add("/recipes/result.json", known(self._result))
        add("/recipes/report", known(self._report))
        app.router.add_post("/recipes/draft", known(self._draft))
        app.router.add_post("/recipes/source", known(self._source))
        app.router.add_post("/recipes/write", known(self._write))
        app.router.add_post("/recipes/trial", known(self._start))
        app.router.add_post("/recipes/stop", known(self._stop))
        app.on_cleanup.append(self._clean_up)

    async def _page(self, _: web.Request) -> web.StreamResponse:
        headers = HEADERS | {"Content-Security-Policy": _POLICY}
        text = _STATIC.joinpath("editor", "editor.html").read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _static(self, request: web.Request) -> web.StreamResponse:
        wanted = request.match_info["file"]
        found = {one.name: one for folder in (_STATIC, _STATIC.joinpath("editor")) for one in folder.iterdir()}
        kind = _TYPES.get(wanted.rpartition(".")[2])
        if wanted not in found or kind is None:
            raise NotFound(f"there is no {wanted!r} of this page")
        return web.Response(text=found[wanted].read_text(encoding="utf-8"), content_type=kind, headers=HEADERS)

    async def _list(self, _: web.Request) -> web.StreamResponse:
        names = await asyncio.to_thread(self._folder.names)
        directory = str(self._folder.directory)
        return _answer({"directory": directory, "recipes": names, "sections": describe_sections(SECTIONS)})

    async def _read(self, request: web.Request) -> web.StreamResponse:
        found = await asyncio.to_thread(self._folder.read, request.query.get("name", ""))
        return _answer(asdict(found))

    async def _draft(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        name, text = _text(body, "name"), _recipe_text(body)
        return _answer(await asyncio.to_thread(self._after_edits, name, text, _edits(body), _variables(body)))

    def _after_edits(self, name: str, text: str, edits: Sequence[Edit], given: Mapping[str, str]) -> dict[str, Any]:
        """Return the text after the edits, and what `describe_draft` says; what can't be put in is among the faults."""
        path, refused = self._folder.path(name), []
        for edit in edits:
            try:
                text = apply(text, edit)
            except ConfigError as error:
                refused.append({"text": error.message, "section": edit.section, "key": edit.key, "refused": True})
        found = describe_draft(text, given)
        settings = []
        if found["sections"] is not None:
            members = read_text(text)
            settings = assignments(members, given)
            if not found["faults"]:
                found["faults"] = [describe_fault(fault) for fault in self._sources.faults(check(members, given)[0])]
        found |= {"faults": [*refused, *found["faults"]], "is_right": found["is_right"] and not refused, "text": text}
        return found | {"command": command_for(path, settings)}

    async def _source(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        return _answer(await asyncio.to_thread(self._look, _recipe_text(body), _variables(body)))

    def _look(self, text: str, given: Mapping[str, str]) -> dict[str, Any]:
        recipe, faults = check(read_text(text), given)
        if wrong := [fault for fault in faults if fault.section == "source"]:
            raise ConfigError("\n".join(wrong))
        return self._sources.look(recipe)

    async def _write(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        name, text = _text(body, "name"), _recipe_text(body)
        digest = None if body.get("digest") is None else _text(body, "digest")
        found = await asyncio.to_thread(describe_draft, text, _variables(body))
        if not found["is_right"]:
            wrong = "\n".join(fault["text"] for fault in found["faults"])
            raise ConfigError(f"{name} wasn't written, because no command would take it:\n{wrong}")
        written = await asyncio.to_thread(self._folder.write, name, text, digest)
        if isinstance(written, Conflict):
            return _answer(asdict(written) | {"detail": written.message}, status=409)
        return _answer({"digest": written.digest})

    async def _start(self, request: web.Request) -> web.StreamResponse:
        body = await _body(request)
        name = _text(body, "name")
        await asyncio.to_thread(self._folder.path, name)
        overwrite = body.get("overwrite", False) is True
        trial = await self._trials.start(name, _recipe_text(body), _variables(body), overwrite=overwrite)
        return _answer(trial.describe())

    async def _stop(self, request: web.Request) -> web.StreamResponse:
        trial = self._known_trial(_text(await _body(request), "name"))
        await asyncio.shield(trial.stop())
        return _answer(trial.describe())

    async def _trial(self, request: web.Request) -> web.StreamResponse:
        trial = self._trials.get(request.query.get("name", ""))
        return _answer(None if trial is None else trial.describe())

    async def _result(self, request: web.Request) -> web.StreamResponse:
        recipe, stage = self._known_trial(request.query.get("name", "")).recipe, request.query.get("stage", "")
        return _answer(await asyncio.to_thread(result_of, recipe, stage))

    async def _report(self, request: web.Request) -> web.StreamResponse:
        recipe, column = self._known_trial(request.query.get("name", "")).recipe, request.query.get("column", "")
        body = await asyncio.to_thread(report_of, recipe, column)
        headers = HEADERS | {"Content-Security-Policy": REPORT_POLICY}
        return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)

    def _known_trial(self, name: str) -> Trial:
        trial = self._trials.get(name)
        if trial is None:
            raise ConfigError(f"{name!r} was not tried yet")
        return trial

    async def _clean_up(self, _: web.Application) -> None:
        await self._trials.stop_all()


async def _body(request: web.Request) -> Mapping[str, Any]:
    try:
        body = await request.json()
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("the body has half of a character, which no file can hold: take it out") from error
    except (ValueError, LookupError, RecursionError) as error:
        raise InvalidRequest(f"the body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise InvalidRequest("the body must be a JSON object")
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string")
    return value


def _recipe_text(body: Mapping[str, Any]) -> str:
    text = _text(body, "text")
    if (size_bytes := len(text.encode())) > MAX_BYTES:
        raise ConfigError(f"the recipe has {size_bytes:,} bytes, and {MAX_BYTES:,} are the most: shorten it")
    return text


def _variables(body: Mapping[str, Any]) -> dict[str, str]:
    given = body.get("variables", {})
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise InvalidRequest("variables must be an object of strings")
    return given


def _edits(body: Mapping[str, Any]) -> list[Edit]:
    try:
        edits = [Edit(str(one["section"]), one["key"], one["typed"]) for one in body.get("edits", [])]
    except (KeyError, TypeError) as error:
        raise InvalidRequest("edits must be objects with section, key and typed") from error
    if not all(isinstance(value, str | None) for edit in edits for value in (edit.key, edit.typed)):
        raise InvalidRequest("key and typed of an edit must be strings or null")
    return edits
