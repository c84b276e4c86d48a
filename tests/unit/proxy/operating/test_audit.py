import logging
from dataclasses import replace

import pytest

from proxy.operating.audit import MAX_ENTRIES, NOBODY, Actor, Audit, AuditEntry
from proxy.shared.store import StoreAway
from tests.fakes.away_store import AwayJournal


@pytest.fixture
def audit():
    times = iter(range(1000, 10**6))
    return Audit("host:1", "an-instance", lambda: float(next(times)))


def record(audit, action="tenant.pause"):
    audit.record(action, "home", Actor("10.0.0.1", "kim"), before=False, after=True)


async def test_an_entry_says_who_changed_what_and_when(audit):
    record(audit)
    ((entry,), complete) = await audit.entries(0, 10)
    assert complete
    assert entry.to_json() == {
        "at": "1970-01-01T00:16:40Z",
        "proxy": "host:1",
        "action": "tenant.pause",
        "target": "home",
        "before": False,
        "after": True,
        "address": "10.0.0.1",
        "by": "kim",
    }


def test_a_change_is_a_line_of_the_log_whatever_else_is_logged(audit, caplog):
    logging.getLogger().setLevel(logging.ERROR)
    record(audit)
    (line,) = [line for line in caplog.records if line.name == "nlpbatch.audit"]
    assert (line.getMessage(), line.target, line.by) == ("tenant.pause", "home", "kim")


async def test_the_newest_entries_since_a_time_are_shown_the_oldest_first(audit):
    for number in range(5):
        record(audit, f"action-{number}")
    assert [entry.action for entry in (await audit.entries(1002.0, 2))[0]] == ["action-3", "action-4"]
    assert [entry.action for entry in (await audit.entries(1002.0, 9))[0]] == ["action-2", "action-3", "action-4"]


async def test_memory_holds_the_last_ten_thousand(audit):
    for _ in range(MAX_ENTRIES + 5):
        audit.record("x", "y", NOBODY)
    entries, _ = await audit.entries(0, MAX_ENTRIES)
    assert (len(entries), entries[0].at_s) == (MAX_ENTRIES, 1005.0)


async def test_what_happens_while_the_store_is_away_is_sent_when_it_is_back(audit):
    journal = audit.journal = AwayJournal()
    record(audit, "first")
    with pytest.raises(StoreAway):
        await audit.send()
    entries, complete = await audit.entries(0, 10)
    assert ([entry.action for entry in entries], complete) == (["first"], False)
    journal.back = True
    record(audit, "second")
    entries, complete = await audit.entries(0, 10)
    assert ([entry.action for entry in entries], complete) == (["first", "second"], True)
    await audit.send()
    assert len(journal.texts) == 2


async def test_an_entry_that_was_stored_twice_is_shown_once_and_garbage_not_at_all(audit):
    journal = audit.journal = AwayJournal()
    journal.back = True
    record(audit)
    await audit.send()
    garbage = [b"{", b"5", b'{"id": "1"}', b'{"id": [], "at_s": 1e300, "proxy": "", "action": "", "target": ""}']
    journal.texts += [*journal.texts, *garbage]
    assert len((await audit.entries(0, 10))[0]) == 1


def test_an_entry_passes_through_its_text_unchanged():
    entry = AuditEntry(
        "a-1", 1000.5, "host:1", "config.reload", "proxy.toml", None, {"quota.bytes_per_s": {"after": 5}}
    )
    assert AuditEntry.parse(entry.to_text().encode()) == entry


async def test_entries_of_another_recorder_are_kept_once_by_this_one_s_clock_and_owed_until_the_journal_has_them(audit):
    audit.journal = journal = AwayJournal()
    entry = AuditEntry("other-1", 2000.0, "host:2", "drain", "proxy", address="10.0.0.2", by="kim")
    with pytest.raises(StoreAway):
        await audit.take_over([entry.to_text(), "no entry"], 60.0)
    assert list(audit.own) == [replace(entry, at_s=2060.0)]
    journal.back = True
    await audit.take_over([entry.to_text()], 60.0)
    assert [AuditEntry.parse(text) for text in journal.texts] == list(audit.own)
