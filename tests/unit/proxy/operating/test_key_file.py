import json

import pytest

from nlpbatch.errors import ConfigError
from proxy.key_records import IssuedKey, KeyRecords, Revocation
from proxy.keys import StoredKey, make_key
from proxy.operating.key_file import KeyFile

KEY, ENTRY = make_key()


def filled():
    records = KeyRecords()
    records.issued[ENTRY[:12]] = IssuedKey(StoredKey.parse(ENTRY), "home", 1000.0, None, "한국")
    records.revoke("0" * 12, Revocation(5.0))
    return records


async def test_what_is_saved_is_read_again(tmp_path):
    path = tmp_path / "keys.json"
    await KeyFile(path).save(filled())
    records = KeyRecords()
    KeyFile(path).open(records)
    assert records.to_fields() == filled().to_fields()


async def test_only_its_owner_reads_it_and_no_secret_is_in_it(tmp_path):
    path = tmp_path / "keys.json"
    await KeyFile(path).save(filled())
    assert path.stat().st_mode & 0o777 == 0o600
    assert KEY.split("_", 2)[2] not in path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


def test_without_a_file_there_is_an_empty_one(tmp_path):
    path = tmp_path / "keys.json"
    KeyFile(path).open(KeyRecords())
    assert json.loads(path.read_text(encoding="utf-8")) == {"format": "1", "keys": {}}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "2", "keys": {}}', '{"format": "1", "keys": 5}', "\ud800"])
def test_what_is_no_file_of_keys_is_refused_with_the_remedy(text, tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError, match=r"keys\.json"):
        KeyFile(path).open(KeyRecords())


def test_one_damaged_key_is_refused_because_a_revocation_may_be_missing_as_well(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text('{"format": "1", "keys": {"nonsense": {}}}', encoding="utf-8")
    with pytest.raises(ConfigError, match="1 of its keys can't be read, first 'nonsense': restore it from a backup"):
        KeyFile(path).open(KeyRecords())


async def test_a_missing_folder_is_named_and_what_was_saved_stays(tmp_path):
    with pytest.raises(ConfigError, match="can't be written: No such file or directory: make room"):
        KeyFile(tmp_path / "none" / "keys.json").open(KeyRecords())
