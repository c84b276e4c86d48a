"""What the snippet test doesn't run, each with its reason. Everything else in README and docs is run.

Of these, command lines of this project are still checked by its own parsers, and TOML by its own checks.
"""

from typing import Final

from tests.docs.markdown import Block

PAGES: Final = {
    "docs/airflow.md": "needs Airflow: python -m tests.airflow installs it and runs recipes in it",
    "docs/alerts.md": "needs a mail server or a chat: tests/spark/recipe/test_recipe_alerts.py sends such alerts",
    "docs/api.md": "excerpts of requests and answers; tests/integration and how-to/languages.md send whole ones",
    "docs/architecture.md": "drawings of the ways through the code, and a benchmark",
    "docs/benchmarks.md": "benchmarks of minutes to hours, over data that isn't in the repository",
    "docs/command-line.md": "excerpts about shells and files of your own: tests/unit/cli has them",
    "docs/dashboard.md": "about a page in a browser, which tests/integration opens",
    "docs/engines.md": "tests/integration/test_engines_document.py runs it, with the service on another port",
    "docs/kubernetes.md": "needs a cluster: tests/integration/test_kubernetes.py renders and starts what is in it",
    "docs/mecab.md": "excerpts of a configuration: tests/integration/test_engine_mecab.py serves such a one",
    "docs/monitoring.md": "needs Prometheus and Grafana",
    "docs/operations.md": "needs a cluster: tests/cluster runs such jobs on HDFS and YARN, tests/spark the others",
    "docs/proxy.md": "excerpts of a configuration, and commands that ask a running fleet: tests/integration has those",
    "docs/recipes.md": "excerpts about hdfs:// and training: tests/spark runs recipes, and reads features like this",
    "docs/runbook.md": "what to look at when something is wrong",
    "docs/runs.md": "about an hdfs:// directory: tests/spark and how-to/resume.md run the command",
    "docs/scaling.md": "needs YARN or Kubernetes; its workloads take minutes: tests/benchmarks plays them",
    "docs/security.md": "about hosts, certificates and keys of your own",
    "docs/tables.md": "needs Delta and Iceberg: tests/tables runs such jobs, in an environment of its own",
    "docs/yarn.md": "needs YARN: tests/cluster/test_yarn_service.py deploys the service there",
}
"""Whole pages, older ones or about other machines."""

BLOCKS: Final = {
    "--master yarn": "needs YARN: tests/cluster submits the same jobs there",
}
"""Blocks, by words in them, on any page."""

INSTALLED_ONLY: Final = "bin/demo"
"""Installs what is missing into .venv: it is run where .venv has all of it, as after bin/test."""


def reason_not_to_run(page: str, block: Block) -> str | None:
    """Return why a block isn't run, None if it is."""
    if page in PAGES:
        return PAGES[page]
    return next((reason for words, reason in BLOCKS.items() if words in block.text), None)
