"""What the page of runs shows of a directory."""

from nlpbatch.pipelines.overview import overview
from nlpbatch.pipelines.records import Records
from tests.fakes.run_records import NOW


def shown(directory):
    return {run["path"]: run for run in overview(Records(str(directory)), NOW)["runs"]}
