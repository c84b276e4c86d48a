import os

import pytest

from nlpbatch.errors import ConfigError
from proxy.ledger.counters import ANALYSED, Rows, encode
from proxy.ledger.journals import Journals

ROW = ("2026-11-27", "search", "0123456789ab", "out-1")
LINE = encode(ROW, [(ANALYSED, 1)])


class Scene:
    """A directory for journals, and what went wrong in it."""

    def __init__(self, directory):
        self.errors = []
        self.directory = directory
        self.journals = Journals(directory, lambda: self.errors.append("journal"))

    def abandoned(self, own=None):
        found = list(self.journals.abandoned(own))
        for journal in found:
            journal.close(remove=False)
        return [journal.id for journal in found]


def test_what_a_dead_process_has_written_is_found_and_what_a_living_one_writes_is_not(tmp_path):
    scene = Scene(tmp_path)
    journal = scene.journals.create()
    journal.append(LINE)
    assert journal.seal() == 1
    journal.append(LINE)
    journal.append(LINE)
    assert scene.abandoned() == []
    journal.close(remove=False)  # as the death of a process unlocks it
    (left,) = scene.journals.abandoned("another")
    assert (left.id, left.left()) == (journal.id, [1, 2])
    assert [left.read(number).counts[ROW][ANALYSED] for number in left.left()] == [1, 2]
    assert scene.abandoned() == []  # it has an heir
    left.close(remove=True)
    assert list((tmp_path / "journals").iterdir()) == []
    assert scene.errors == []


def test_two_processes_never_have_one_journal(tmp_path):
    scene = Scene(tmp_path)
    first, second = scene.journals.create(), scene.journals.create()
    assert first.id != second.id
    for journal in (first, second):
        journal.close(remove=True)


def test_a_half_written_line_is_left_out_and_logged(tmp_path):
    scene = Scene(tmp_path)
    journal = scene.journals.create()
    journal.append(LINE)
    journal.append(LINE[:-9])
    assert journal.read(1).counts[ROW][ANALYSED] == 1
    assert scene.errors == ["journal"]
    journal.close(remove=True)


def test_a_full_disk_fails_nothing_and_is_logged_once_until_it_is_over(tmp_path, monkeypatch, caplog):
    scene = Scene(tmp_path)
    journal = scene.journals.create()

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        journal.append(LINE)
        journal.append(LINE)
    assert [record.message for record in caplog.records].count(
        "ledger's journal not written: counts are lost if this proxy is killed"
    ) == 1
    assert len(scene.errors) == 2
    journal.append(LINE)
    assert journal.read(1).counts[ROW][ANALYSED] == 1
    journal.close(remove=True)


def test_a_line_that_a_full_disk_cut_off_does_not_spoil_the_next(tmp_path, monkeypatch):
    scene = Scene(tmp_path)
    journal = scene.journals.create()
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: write(fd, data[:10]))
        journal.append(LINE)
    journal.append(LINE)
    assert journal.read(1).counts[ROW][ANALYSED] == 1
    journal.close(remove=True)


def test_while_no_further_file_can_be_made_counts_are_in_memory_only(tmp_path, monkeypatch):
    scene = Scene(tmp_path)
    journal = scene.journals.create()
    opened = os.open

    def full(path, *arguments):
        if str(path).endswith("2"):
            raise OSError(28, "No space left on device")
        return opened(path, *arguments)

    monkeypatch.setattr(os, "open", full)
    assert journal.seal() == 1
    journal.append(LINE)
    assert (journal.number, journal.left()) == (2, [1])
    assert journal.seal() == 2
    journal.append(LINE)
    assert journal.read(3).counts[ROW][ANALYSED] == 1
    journal.close(remove=True)


def test_lines_are_added_up_in_place(tmp_path):
    scene = Scene(tmp_path)
    journal, rows = scene.journals.create(), Rows()
    for _ in range(1000):
        rows.add(ROW, [(ANALYSED, 1)])
        journal.append(LINE)
    before_bytes = journal.size_bytes
    journal.add_up(rows)
    journal.append(LINE)
    assert journal.size_bytes < before_bytes / 100
    assert journal.read(1).counts[ROW][ANALYSED] == 1001
    journal.close(remove=True)


def test_a_batch_that_was_set_aside_stays_for_the_operator_and_is_not_carried(tmp_path):
    scene = Scene(tmp_path)
    journal = scene.journals.create()
    journal.append(LINE)
    journal.set_aside(1)
    assert journal.left() == []
    journal.close(remove=True)
    assert [path.name for path in journal.directory.glob("*.refused")] == ["00000001.refused"]
    assert scene.abandoned() == []


def test_a_directory_that_is_none_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"ledger.directory .*file can't be written to: .*: create it for the user"):
        Scene(tmp_path / "file").journals.create()
