from pathlib import Path

import pytest
from pydantic import Field

from nlpbatch.errors import ConfigError
from nlpbatch.serving.settings import Settings, check, load, read


class Group(Settings):
    port: int = Field(80, ge=1, le=65535)
    host: str = "localhost"


class Whole(Settings):
    group: Group = Group()
    name: str


def faults(members: dict) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        check(members, Whole, "x.toml")
    return caught.value.message.splitlines()


def test_all_faults_are_named_at_once_with_file_key_and_value() -> None:
    found = faults({"group": {"port": 0, "hots": "a"}, "more": 1})
    assert len(found) == 4
    assert all(line.startswith("x.toml: ") for line in found)
    text = "\n".join(found)
    for part in (
        "group.port = 0: ",
        "group.hots: unknown key: did you mean host?",
        "name: missing",
        "more: unknown key",
    ):
        assert part in text


def test_an_unknown_key_without_a_near_one_lists_the_choices() -> None:
    assert "choose from group, name" in faults({"name": "a", "zzz": 1})[0]


def test_values_are_frozen() -> None:
    whole = check({"name": "a"}, Whole, "x.toml")
    with pytest.raises(ValueError, match="frozen"):
        whole.name = "b"


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        load(tmp_path / "none.toml", Whole)
    broken = tmp_path / "broken.toml"
    broken.write_text("name = 'a'\n[group\n")
    with pytest.raises(ConfigError, match=r"broken.toml:2: not TOML: "):
        load(broken, Whole)
    broken.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigError, match="not UTF-8 at byte 8"):
        load(broken, Whole)


def test_the_command_line_goes_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("name = 'a'\n[group]\nport = 81\nhost = 'b'\n")
    whole = read(file, Whole, {("group", "port"): 82, ("group", "host"): None})
    assert (whole.group.port, whole.group.host) == (82, "b")


def test_each_fault_of_a_file_names_its_line_and_they_come_in_that_order(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("\n[group]\nhost = 'b'\nport = 0\n[more]\n")
    with pytest.raises(ConfigError) as caught:
        load(file, Whole)
    starts = ["x.toml: name: missing", "x.toml:4: group.port = 0: ", "x.toml:5: more: unknown key"]
    found = [line.removeprefix(f"{tmp_path}/") for line in caught.value.message.splitlines()]
    assert [line[: len(start)] for line, start in zip(found, starts, strict=True)] == starts
    assert caught.value.details["faults"] == caught.value.message.splitlines()


def test_what_is_missing_in_a_table_names_the_table_s_line(tmp_path: Path) -> None:
    class Named(Settings):
        shelf: dict[str, Whole]

    file = tmp_path / "x.toml"
    file.write_text("[shelf.a]\nname = 'a'\n[shelf.b]\n")
    with pytest.raises(ConfigError, match=r"x.toml:3: shelf\.b\.name: missing"):
        load(file, Named)


def test_what_the_command_line_gave_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("[group]\nport = 81\nhots = 'b'\n")
    with pytest.raises(ConfigError) as caught:
        read(file, Whole, {("group", "port"): 0, ("name",): "a"})
    assert "command line: group.port = 0: " in caught.value.message
    assert "x.toml:3: group.hots: " in caught.value.message


def test_arrays_too_deep_to_read_are_a_fault_and_no_crash(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text(f"name = {'[' * 5000}{']' * 5000}\n")
    with pytest.raises(ConfigError, match="too deep"):
        load(file, Whole)


def test_a_long_value_is_not_repeated_whole() -> None:
    assert len(faults({"name": "a", "group": {"port": "9" * 10_000}})[0]) < 200


class Shelf(Settings):
    by_name: dict[str, Group] = Field(default_factory=dict)
    in_order: list[Group] = Field(default_factory=list)
    fixed: tuple[Group, ...] = ()
    perhaps: Group | None = None


@pytest.mark.parametrize(
    "members",
    [
        {"by_name": {"a": {"prt": 1}}},
        {"in_order": [{"port": 1}, {"prt": 1}]},
        {"fixed": [{"prt": 1}]},
        {"perhaps": {"prt": 1}},
    ],
    ids=["by name", "in order", "fixed", "perhaps"],
)
def test_the_nearest_key_is_found_in_groups_within_collections_too(members: dict) -> None:
    with pytest.raises(ConfigError, match=r"\.prt: unknown key: did you mean port\?"):
        check(members, Shelf, "x.toml")


def test_the_command_line_over_a_file_that_has_no_group_there_is_a_fault_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_text("name = 'a'\ngroup = 3\n")
    with pytest.raises(ConfigError, match=r"x.toml:2: group = 3: "):
        read(file, Whole, {("group", "port"): 82})


def test_without_a_file_the_defaults_and_the_command_line_hold() -> None:
    class Optional(Settings):
        group: Group = Group()

    assert read(None, Optional, {("group", "port"): 82}) == Optional(group=Group(port=82))
    with pytest.raises(ConfigError, match=r"command line: group\.port = 0"):
        read(None, Optional, {("group", "port"): 0})


def test_a_default_out_of_range_is_a_fault_as_well() -> None:
    class Wrong(Settings):
        port: int = Field(0, ge=1)

    with pytest.raises(ConfigError, match="port = 0"):
        check({}, Wrong, "x.toml")


def test_the_faults_are_also_there_one_by_one() -> None:
    with pytest.raises(ConfigError) as caught:
        check({"group": {"port": 0}}, Whole, "x.toml")
    assert len(caught.value.details["faults"]) == 2
