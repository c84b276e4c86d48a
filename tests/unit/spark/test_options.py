import pytest

from nlpbatch.errors import ConfigError
from nlpbatch.spark.options import JobOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS, TOKEN_FIELDS

REQUIRED = {"input": "in", "text": "review", "output": "out", "service": "http://proxy:8700"}
READ = REQUIRED | {"text": ("review",)}


@pytest.fixture
def toml(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "job.toml"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def faults_of(file, given):
    with pytest.raises(ConfigError) as caught:
        JobOptions.merge(file, given)
    return caught.value.message.splitlines()


def test_what_is_not_given_has_its_default():
    options = JobOptions.merge(None, REQUIRED)
    assert options == JobOptions(**READ)
    assert options.fields == DEFAULT_FIELDS
    assert not options.overwrite


def test_a_file_alone_is_enough(toml):
    file = toml('input = "in"\ntext = "review"\noutput = "out"\nservice = "http://proxy:8700"\nin_flight = 9')
    assert JobOptions.merge(file, {}) == JobOptions(**READ, in_flight=9)


def test_the_command_line_wins_over_the_file_and_none_does_not(toml):
    file = toml('input = "other"\ntext = "review"\noutput = "out"\nservice = "http://proxy:8700"\noverwrite = true')
    options = JobOptions.merge(file, {"input": "in", "text": None, "overwrite": None})
    assert options == JobOptions(**READ, overwrite=True)


@pytest.mark.parametrize("written", ['"form, tag"', '["form", "tag"]'])
def test_fields_are_a_list_or_names_with_commas(toml, written):
    assert JobOptions.merge(toml(f"fields = {written}"), REQUIRED).fields == ("form", "tag")


def test_patience_may_be_a_whole_number(toml):
    assert JobOptions.merge(toml("patience_s = 5"), REQUIRED).patience_s == 5.0


def test_all_faults_are_named_at_once_with_their_location(toml):
    file = toml(
        'inptu = "in"\noutput = 5\nfields = ["form", "tga"]\noverwrite = "yes"\nrequest_bytes = 10\npatience_s = 0'
    )
    faults = faults_of(file, {"text": "review", "in_flight": 0})
    assert faults == [
        f"{file}: unknown option 'inptu': did you mean input?",
        f"{file}: output = 5 is not a string",
        f"{file}: fields: unknown token field 'tga': choose from {', '.join(TOKEN_FIELDS)}",
        f"{file}: overwrite = 'yes' is not true or false",
        f"{file}: request_bytes is 10, must be 1,024 to 8,388,608: choose a value in that range",
        f"{file}: patience_s is 0, must be 0.01 to 604800: choose a value in that range",
        "command line: in_flight is 0, must be 1 to 256: choose a value in that range",
        "input is missing: give --input, or set it in --config",
        "service is missing: give --service, or set it in --config",
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("in_flight", 2.5),
        ("in_flight", True),
        ("request_bytes", "64K"),
        ("patience_s", "long"),
        ("patience_s", float("nan")),
        ("patience_s", True),
        ("fields", []),
        ("fields", ["form", "form"]),
        ("fields", [1]),
        ("service", ""),
        ("overwrite", 1),
    ],
)
def test_a_value_that_cannot_be_used_is_a_fault_of_its_own(name, value):
    (fault,) = faults_of(None, REQUIRED | {name: value})
    assert name in fault


def test_a_key_is_never_shown(toml):
    secret = 8_700_123_456
    (fault,) = faults_of(toml(f"api_key = {secret}"), REQUIRED)
    assert "api_key is not a string" in fault
    assert str(secret) not in fault
    assert "s3cret" not in repr(JobOptions(**READ, api_key="s3cret"))


def test_an_unknown_option_unlike_any_other_lists_them_all(toml):
    (fault,) = faults_of(toml("zzz = 1"), REQUIRED)
    assert "choose from input, output, service, analyzer" in fault


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (fault,) = faults_of(tmp_path / "nowhere.toml", REQUIRED)
    assert "nowhere.toml: can't be read: No such file or directory" in fault


def test_a_file_that_is_not_toml_is_named_with_the_line(toml):
    (fault,) = faults_of(toml("input = 'in'\noutput = out"), REQUIRED)
    assert "not TOML" in fault
    assert "line 2" in fault


def test_a_file_in_another_encoding_is_named(toml):
    (fault,) = faults_of(toml('input = "입력"', encoding="cp949"), REQUIRED)
    assert "not TOML" in fault


def test_encoding_and_lines_of_a_record_are_checked(toml):
    faults = faults_of(toml('encoding = "klingon"\nmax_record_lines = 0'), REQUIRED)
    assert any("encoding 'klingon' is not known: choose from utf-8, cp949" in fault for fault in faults)
    assert any("max_record_lines is 0: give a whole number from 1" in fault for fault in faults)


@pytest.mark.parametrize("service", [["http://a:8700", "http://b:8700"], "http://a:8700, http://b:8700"])
def test_the_service_may_have_several_addresses(service):
    options = JobOptions.merge(None, REQUIRED | {"service": service})
    assert options.service.replace(" ", "") == "http://a:8700,http://b:8700"


def test_an_address_that_cannot_be_used_is_a_fault_among_the_others():
    faults = faults_of(None, REQUIRED | {"service": "http://a:8700,b:8700", "in_flight": 0})
    assert any(
        "command line: the service address 2 of 2 is 'b:8700', which doesn't begin with" in one for one in faults
    )
    assert len(faults) == 2


def test_a_service_that_is_no_address_is_shown_how_one_looks():
    (fault,) = faults_of(None, REQUIRED | {"service": 8700})
    assert fault.endswith('service = 8700 is not an address, or several: "http://a:8700,http://b:8700"')


def test_options_of_tables_go_with_a_table_and_not_with_what_replaces_files():
    table = {"output_table": "lake.web.tokens"}
    found = JobOptions.merge(None, REQUIRED | table | {"table_format": "iceberg"})
    assert (found.output_table, found.table_format, found.deciding()["output_table"]) == (
        *("lake.web.tokens", "iceberg"),
        "lake.web.tokens",
    )
    assert "output_table" not in JobOptions.merge(None, REQUIRED).deciding()  # as outputs of earlier versions have it
    assert faults_of(None, REQUIRED | {"evolve_schema": True}) == [
        "--table-format and --evolve-schema are of a table: name it with --output-table"
    ]
    assert faults_of(None, REQUIRED | table | {"overwrite": True})[0].startswith("--overwrite and --reprocess replace")
