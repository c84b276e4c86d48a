import pytest

from nlpbatch import Client
from nlpbatch.cli.stack import Stack, StackOptions
from tests.fakes.commands import run
from tests.fakes.own_service import write_config


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    config = write_config(tmp_path_factory.mktemp("own"))
    with Stack(StackOptions(server_config=config)) as running:
        yield running


@pytest.fixture
def client(own):
    with Client(own.service, api_key=own.api_key) as client:
        yield client


@pytest.fixture
def command(own):
    def call(*arguments):
        return run("call", *arguments, NLPBATCH_SERVICE=own.service, NLPBATCH_API_KEY=own.api_key)

    return call
