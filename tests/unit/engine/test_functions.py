import math
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.engine.functions import FunctionEngine
from nlpbatch.engine.loading import check_one_thread, load
from nlpbatch.engine.protocol import EngineInfo, EngineSpec
from nlpbatch.engine.results import WrongResult, checker
from nlpbatch.errors import ConfigError
from nlpbatch.wire.results import check_result_type, type_from_json, type_to_json

ROUGH = "python:tests.fakes.rough_operations"
ROW = pa.struct(
    [("word", pa.string()), ("n", pa.int32()), ("big", pa.int64()), ("x", pa.float32()), ("ok", pa.bool_())]
)
VALUE = {"word": "가", "n": 1, "big": 2**40, "x": 0.5, "ok": None}
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def message(spec: EngineSpec) -> str:
    with pytest.raises(ConfigError) as caught:
        load(spec)
    return caught.value.message


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("python:", "names no factory: write python:package.module:factory"),
        ("python:module", "names no factory"),
        ("python:no_such_module:load", "there is no module 'no_such_module'"),
        ("python:tests.fakes.no_such:load", "there is no module 'tests.fakes.no_such'"),
        (f"{ROUGH}:nowhere", "has no 'nowhere': write the name of the factory"),
        (f"{ROUGH}:number", "is a int: name a function that returns Functions"),
        (f"{ROUGH}:raises", "raised RuntimeError: the model is not there"),
        (f"{ROUGH}:nothing", "returned a dict: return nlpbatch.engine.functions.Functions"),
        (f"{ROUGH}:clash", "named 'space', as one of this service's own"),
        (f"{ROUGH}:untyped", "operation follow: the declared result is map<string, int32>"),
        ("no-such-engine", "there is no engine 'no-such-engine': choose from kiwi, mecab"),
    ],
)
def test_what_cannot_be_loaded_is_named_with_the_remedy(where, says):
    assert says in message(EngineSpec("own", where))


def test_settings_that_the_factory_does_not_take_are_named():
    said = message(EngineSpec("own", f"{ROUGH}:load", {"threshold": 1}))
    assert "doesn't take these settings: got an unexpected keyword argument 'threshold'" in said


def test_a_module_with_a_fault_of_syntax_is_named(tmp_path):
    (tmp_path / "with_a_fault.py").write_text("def load(:\n")
    said = message(EngineSpec("own", "python:with_a_fault:load", directory=str(tmp_path)))
    assert said.startswith("with_a_fault can't be imported: SyntaxError")


def test_a_process_with_threads_is_refused_with_their_names(monkeypatch):
    import threading  # noqa: PLC0415

    stop = threading.Event()
    one = threading.Thread(target=stop.wait, name="a-thread-of-the-test")
    one.start()
    try:
        with pytest.raises(ConfigError, match=r"threads while it was loaded.*OMP_NUM_THREADS=1"):
            check_one_thread()
    finally:
        stop.set()
        one.join()


def written(directory: Path, name: str, source: str = "") -> Path:
    file = directory / f"{name}.py"
    file.write_text(
        "import pyarrow as pa\nfrom nlpbatch.engine.functions import Functions, Operation\n"
        "def load(files=(), **more):\n"
        "    return Functions({'size': Operation(len_of, pa.struct([('n', pa.int32())]))}, files=files)\n"
        f"def len_of(text):\n    return {{'n': len(text)}}\n{source}"
    )
    return file


def fingerprint(directory: Path, name: str, **settings) -> str:
    sys.modules.pop(name, None)
    return load(EngineSpec("own", f"python:{name}:load", settings, directory=str(directory))).info.fingerprint


def test_the_fingerprint_is_of_all_that_decides_and_not_of_where_it_is(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    for directory in (first, second):
        directory.mkdir()
    written(first, "own_fingerprint")
    plain = fingerprint(first, "own_fingerprint")
    assert fingerprint(first, "own_fingerprint") == plain
    assert fingerprint(first, "own_fingerprint", long=3) != plain
    model = tmp_path / "model.bin"
    model.write_bytes(b"1")
    with_model = fingerprint(first, "own_fingerprint", files=[str(model)])
    model.write_bytes(b"2")
    assert len({plain, with_model, fingerprint(first, "own_fingerprint", files=[str(model)])}) == 3
    sys.path.remove(str(first))
    written(second, "own_fingerprint")
    assert fingerprint(second, "own_fingerprint") == plain
    written(second, "own_fingerprint", "# changed\n")
    assert fingerprint(second, "own_fingerprint") != plain
    sys.path.remove(str(second))


def test_files_that_are_not_there_are_named(tmp_path):
    written(tmp_path, "own_files")
    with pytest.raises(ConfigError, match="no-such-file: can't be read: No such file"):
        fingerprint(tmp_path, "own_files", files=[str(tmp_path / "no-such-file")])
    sys.path.remove(str(tmp_path))


def test_what_it_offers_travels_as_json():
    info = FunctionEngine(EngineSpec("own", f"{ROUGH}:load")).info
    assert EngineInfo.from_json(info.to_json()) == info
    assert [(one.name, one.path, one.result) for one in info.operations] == [
        ("follow", "/v1/call", {"struct": {"length": "int32"}}),
        ("stamp", "/v1/call", {"struct": {"at": "int64", "by": "int32"}}),
    ]


@pytest.mark.parametrize("type_", [ROW, pa.list_(ROW), pa.struct([("deep", pa.list_(pa.list_(ROW)))])])
def test_types_travel_as_json(type_):
    assert type_from_json(type_to_json(check_result_type(type_))) == type_


@pytest.mark.parametrize(
    ("type_", "says"),
    [
        (dict, "is a type: declare a type of pyarrow"),
        (pa.string(), "declare a struct, or a list of structs"),
        (pa.struct([]), "without members"),
        (pa.struct([("a", pa.uint8())]), "result.a is uint8: declare one of string, bool"),
        (pa.struct([("a", pa.string()), ("A", pa.string())]), "several members 'a'"),
        (pa.struct([("", pa.string())]), "has a member ''"),
    ],
)
def test_types_that_cannot_be_written_everywhere_are_refused(type_, says):
    with pytest.raises(ConfigError, match=says):
        check_result_type(type_)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (None, "the result is None"),
        ([VALUE], "the result is a list, declared is a dict"),
        ({"word": "가"}, "has no member 'n': declared are word, n, big, x, ok"),
        (VALUE | {"more": 1}, "has a member that isn't declared"),
        (VALUE | {"word": 7}, "the result.word is a int, declared is a string"),
        (VALUE | {"n": 2**31}, "the result.n is out of the range of int32"),
        (VALUE | {"n": 1.0}, "the result.n is a float, declared is int32"),
        (VALUE | {"n": True}, "the result.n is a bool"),
        (VALUE | {"x": math.nan}, "the result.x is not finite in float"),
        (VALUE | {"x": 1e300}, "the result.x is not finite in float"),
        (VALUE | {"x": 10**400}, "the result.x is not finite in float"),
        (VALUE | {"x": float}, "the result.x is a type"),
        (VALUE | {"n": int}, "the result.n is a type"),
        (VALUE | {"ok": 1}, "the result.ok is a int, declared is a bool"),
        (VALUE | {"word": "\ud800"}, "lone surrogate"),
    ],
)
def test_results_of_another_type_are_named_without_their_values(value, says):
    with pytest.raises(WrongResult) as caught:
        checker(ROW)(value)
    assert says in str(caught.value)
    assert "가" not in str(caught.value)


@given(JUNK)
def test_whatever_is_returned_is_written_as_declared_or_refused(value):
    for type_ in (ROW, pa.list_(ROW)):
        try:
            checked = checker(type_)(value)
        except WrongResult:
            continue
        pa.array([checked], type_).validate(full=True)
