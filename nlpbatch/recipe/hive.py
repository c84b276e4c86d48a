"""Settings for Hive's metastore: a remote one, or a local one in a directory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from nlpbatch.recipe.settings import SourceSettings

_REMOTE: Final = "thrift://"


def settings_of(source: SourceSettings) -> Mapping[str, str]:
    """Return Spark's settings for a source's tables.

    Without any, Spark's own hold: what `hive-site.xml` says, or `metastore_db` in the current directory.
    """
    found: dict[str, str] = {}
    if source.metastore is not None:
        if source.metastore.startswith(_REMOTE):
            found["spark.hadoop.hive.metastore.uris"] = source.metastore
        else:
            directory = Path(source.metastore).resolve()
            found["spark.hadoop.javax.jdo.option.ConnectionURL"] = f"jdbc:derby:;databaseName={directory};create=true"
    if source.warehouse is not None:
        found["spark.sql.warehouse.dir"] = source.warehouse
    return found
