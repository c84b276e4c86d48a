"""Spark types of columns whose rows are documents as lists; see `nlpbatch.client.columns.list_documents`."""

from pyspark.sql.types import ArrayType, DataType, StringType, StructType

from nlpbatch.wire.options import Operation


def holds_documents(operation: Operation, kind: DataType) -> bool:
    """Return whether a column of this type has the documents of such an operation."""
    if not isinstance(kind, ArrayType):
        return False
    entry = kind.elementType
    if operation == "glue":
        return isinstance(entry, StringType)
    fields = {field.name: field.dataType for field in entry} if isinstance(entry, StructType) else {}
    return all(isinstance(fields.get(name), StringType) for name in ("form", "tag"))


def wanted_type(operation: Operation) -> str:
    """Return what such a column is to hold, in Spark's words."""
    return "array<string>" if operation == "glue" else "array<struct<form: string, tag: string>>"
