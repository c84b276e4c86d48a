import tomllib

from hypothesis import given
from hypothesis import strategies as st

from nlpbatch.serving.toml_lines import line_of, lines_of

TEXT = '''log_level = "info"   # [not] = a table

[listen]
port = 8700
tls = { cert_file = "a # b", key_file = "[c]" }

[[backends]]
url = "http://a"
[[backends]]
  url = "http://b"
[tenants.default]
keys = [
  "one",  # ] not the end
  "two = 2",
]
weight = 1.0
[tenants."a.b".quota]
note = """
weight = 7
[[backends]]
"""
bytes_per_s = -1
'''


def test_every_table_and_key_has_its_line():
    lines = lines_of(TEXT)
    assert lines[("log_level",)] == 1
    assert lines[("listen",)] == 3
    assert lines[("listen", "port")] == 4
    assert lines[("backends", 0, "url")] == 8
    assert lines[("backends", 1, "url")] == 10
    assert lines[("tenants", "default", "keys")] == 12
    assert lines[("tenants", "default", "weight")] == 16
    assert lines[("tenants", "a.b", "quota", "bytes_per_s")] == 22
    assert len(lines) == 15


def test_a_key_without_a_line_has_that_of_its_table():
    lines = lines_of(TEXT)
    assert line_of(("listen", "tls", "cert_file"), lines) == 5
    assert line_of(("tenants", "default", "keys", 1), lines) == 12
    assert line_of(("backends", 1, "missing"), lines) == 9
    assert line_of(("nowhere", "x"), lines) is None
    assert line_of((), lines) is None


def test_tables_within_repeated_tables_belong_to_the_last_of_them():
    lines = lines_of("[[a]]\n[a.b]\nx = 1\n[[a]]\n[a.b]\nx = 2\n[[a.c]]\ny = 1\n")
    assert (lines[("a", 0, "b", "x")], lines[("a", 1, "b", "x")], lines[("a", 1, "c", 0, "y")]) == (3, 6, 8)


NAMES = st.text("ab_-1", min_size=1, max_size=3)
VALUES = st.sampled_from(["1", '"x"', "[1,\n 2]", '"""\n[x]\na = 1\n"""', "'''a\nb = 2'''", "{ a = 1 }", '"#" # c'])


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), max_size=5))
def test_whatever_a_file_has_the_line_of_a_key_is_where_it_is_assigned(tables):
    text = "".join(
        f"[{table}]\n" + "".join(f"{key} = {value}\n" for key, value in pairs.items())
        for table, pairs in tables.items()
    )
    parsed = tomllib.loads(text)
    lines, written = lines_of(text), text.splitlines()
    for table, pairs in parsed.items():
        for key in pairs:
            assert written[lines[(table, key)] - 1].startswith(f"{key} = ")
    assert len(lines) == len(parsed) + sum(map(len, parsed.values()))
