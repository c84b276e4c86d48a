"""Files that tasks have written become files of a table by metadata alone: nothing is decoded and encoded again.

Spark's own writer takes rows apart value by value, which costs more than all that a job does beside the analysis (see
`nlpbatch.spark.packing`). Where a table would store the rows as the staged files have them, the files are renamed into
the table's directory and added by the format's own library in the JVM: `AppendFiles` of Iceberg, Delta's Kernel. Both
are public, in the jars that Spark has for the format. Everything else is written by Spark's writer: partitioned and
sorted tables, columns that are renamed, generated or constrained, other file systems.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from nlpbatch.spark.storage import Storage
from nlpbatch.spark.tables.commits import BATCH_KEY, RUN_KEY, CommitName, TableCommits, iceberg_table
from nlpbatch.spark.tables.formats import has_jar
from nlpbatch.spark.tables.names import TableName

_KERNEL: Final = ("io.delta.kernel.Transaction", "io.delta.kernel.defaults.engine.DefaultEngine")
_ATOMIC: Final = {"file", "hdfs", "abfs", "abfss"}
"""Schemes of file systems on which a name is given once: elsewhere Spark's writer and the Kernel don't meet."""
_LOG_STORE: Final = "spark.delta.logStore."
_ODD_METADATA: Final = ("delta.generationExpression", "delta.identity.start", "delta.invariants", "CURRENT_DEFAULT")
_PLAIN_FEATURES: Final = {"appendOnly", "invariants", "deletionVectors", "timestampNtz", "vacuumProtocolCheck"}
_OLD_WRITER: Final = 2
"""Version of Delta's protocol up to which there are no features but invariants."""


class DirectFiles(ABC):
    """Adds files to one table.

    Args:
        spark: Session.
        name: The table's name.
        location: Its directory.

    """

    format: ClassVar[str]

    def __init__(self, spark: SparkSession, name: TableName, location: str) -> None:
        self.name = name
        self.location = Storage(spark, location).url.rstrip("/")
        self._spark = spark
        self._jvm: Any = spark.sparkContext._jvm  # noqa: SLF001
        self._settings: Any = spark.sparkContext._jsc.hadoopConfiguration()  # noqa: SLF001

    def can(self, schema: StructType, output: Storage) -> bool:
        """Return whether files of these columns, staged in an output, can be added.

        Args:
            schema: Columns of the rows, which are the table's in name and type.
            output: Where files are staged; a rename doesn't leave its file system.

        """
        place, own = urlsplit(self.location), urlsplit(output.url)
        if (place.scheme, place.netloc) != (own.scheme, own.netloc):
            return False
        try:
            return self._is_plain(schema)
        except Py4JError:  # a release of the format without one of these methods
            return False

    def field_ids(self) -> Mapping[tuple[str, ...], int]:
        """Return the ids that fields have in files, by their path; none if the format goes by names."""
        return {}

    @abstractmethod
    def target(self, file: str) -> str:
        """Return where a file goes."""

    @abstractmethod
    def add(self, files: Sequence[str], name: CommitName, commits: TableCommits, base: str | None) -> None:
        """Add files by one commit, unless it has been done.

        Args:
            files: Their URLs.
            name: Of the commit.
            commits: Looks the name up.
            base: As of `TableCommits.append`.

        Raises:
            Py4JJavaError: It can't be done, or its answer got lost.

        """

    @abstractmethod
    def _is_plain(self, schema: StructType) -> bool:
        """Return whether the table stores rows as the files have them."""

    def _status(self, file: str) -> Any:
        path = self._jvm.org.apache.hadoop.fs.Path(file)
        return path.getFileSystem(self._settings).getFileStatus(path)


class IcebergFiles(DirectFiles):
    """Adds files to a table of Iceberg."""

    format = "iceberg"

    def field_ids(self) -> Mapping[tuple[str, ...], int]:
        """Return the ids of all fields, those in lists and structs included."""
        return dict(_ids(self._table().schema().columns(), ()))

    def target(self, file: str) -> str:
        """Return where the table wants a file of this name."""
        return str(self._table().locationProvider().newDataLocation(file))

    def add(self, files: Sequence[str], name: CommitName, commits: TableCommits, base: str | None) -> None:
        """Append them with their metrics; the snapshot's summary has the commit's name."""
        if commits.has(name, base):
            return
        iceberg, table = self._jvm.org.apache.iceberg, self._table()
        metrics = iceberg.MetricsConfig.forTable(table)
        append = table.newAppend().set(RUN_KEY, name.run).set(BATCH_KEY, str(name.number))
        for file in files:
            read = table.io().newInputFile(file)
            found = iceberg.parquet.ParquetUtil.fileMetrics(read, metrics)
            built = iceberg.DataFiles.builder(table.spec()).withInputFile(read).withFormat("parquet")
            append = append.appendFile(built.withMetrics(found).build())
        append.commit()

    def _is_plain(self, schema: StructType) -> bool:  # noqa: ARG002  (the types are the table's)
        table = self._table()
        properties = table.properties()
        return (
            table.spec().isUnpartitioned()
            and table.sortOrder().isUnsorted()
            and properties.getOrDefault("write.format.default", "parquet") == "parquet"
            and not any(str(key).startswith("encryption.") for key in properties.keySet())
            and str(table.io().getClass().getSimpleName()) == "HadoopFileIO"
        )

    def _table(self) -> Any:
        return iceberg_table(self._spark, self.name)


class DeltaFiles(DirectFiles):
    """Adds files to a table of Delta."""

    format = "delta"

    def target(self, file: str) -> str:
        """Return a place beside the table's other files."""
        return f"{self.location}/{file}"

    def add(self, files: Sequence[str], name: CommitName, commits: TableCommits, base: str | None) -> None:  # noqa: ARG002
        """Add them by a transaction with the commit's name, which Delta makes once."""
        kernel, optional = self._jvm.io.delta.kernel, self._jvm.java.util.Optional
        engine = kernel.defaults.engine.DefaultEngine.create(self._settings)
        builder = kernel.Table.forPath(engine, self.location).createTransactionBuilder(
            engine, "nlpbatch", kernel.Operation.WRITE
        )
        try:
            transaction = builder.withTransactionId(engine, name.run, name.number).build(engine)
            state = transaction.getTransactionState(engine)
            statuses = self._jvm.java.util.ArrayList()
            for file in files:
                found = self._status(file)
                statistics = kernel.statistics.DataFileStatistics(
                    self._rows(file), *(self._jvm.java.util.HashMap() for _ in range(3)), optional.empty()
                )
                statuses.add(
                    kernel.utils.DataFileStatus(
                        str(found.getPath().toString()),
                        found.getLen(),
                        found.getModificationTime(),
                        optional.of(statistics),
                    )
                )
            closeable = kernel.internal.util.Utils.toCloseableIterator
            context = kernel.Transaction.getWriteContext(engine, state, self._jvm.java.util.HashMap())
            actions = kernel.Transaction.generateAppendActions(engine, state, closeable(statuses.iterator()), context)
            transaction.commit(engine, kernel.utils.CloseableIterable.inMemoryIterable(actions))
        except Py4JJavaError as error:
            if "ConcurrentTransactionException" not in str(error.java_exception.getClass().getName()):
                raise  # else the commit is there

    def _rows(self, file: str) -> int:
        parquet = self._jvm.org.apache.parquet.hadoop
        path = self._jvm.org.apache.hadoop.fs.Path(file)
        reader = parquet.ParquetFileReader.open(parquet.util.HadoopInputFile.fromPath(path, self._settings))
        try:
            return int(reader.getRecordCount())
        finally:
            reader.close()

    def _is_plain(self, schema: StructType) -> bool:
        settings = [name for name, _ in self._spark.sparkContext.getConf().getAll()]
        if urlsplit(self.location).scheme not in _ATOMIC or any(name.startswith(_LOG_STORE) for name in settings):
            return False
        if not all(has_jar(self._spark, name) for name in _KERNEL):
            return False
        detail = self._spark.sql(f"DESCRIBE DETAIL {self.name}").collect()[0]
        features = set(detail["tableFeatures"] or ())
        odd = {"delta.columnMapping.mode", "delta.checkpointPolicy"} & set(detail["properties"])
        columns = self._spark.table(str(self.name)).schema
        return (
            not detail["partitionColumns"]
            and not odd
            and not any(key.startswith("delta.constraints.") for key in detail["properties"])
            and (detail["minWriterVersion"] <= _OLD_WRITER or features <= _PLAIN_FEATURES)
            and not any(key in one.metadata for one in columns for key in _ODD_METADATA)
            and len(schema) > 0
        )


def _ids(fields: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the paths and ids of fields and of all within them, named as in Parquet."""
    for field in fields:
        here = (*path, str(field.name()))
        yield here, int(field.fieldId())
        kind = field.type()
        if kind.isNestedType():
            yield from _ids(kind.asNestedType().fields(), here)


DIRECT: Final[dict[str, type[DirectFiles]]] = {one.format: one for one in (DeltaFiles, IcebergFiles)}
"""What adds files to tables of a format."""
