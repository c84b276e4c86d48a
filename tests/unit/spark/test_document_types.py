from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType

from nlpbatch.spark.document_types import holds_documents


def test_a_column_holds_documents_by_its_type():
    pair = StructType([StructField("tag", StringType()), StructField("form", StringType())])
    assert holds_documents("join", ArrayType(pair))
    assert holds_documents("glue", ArrayType(StringType()))
    assert not holds_documents("join", ArrayType(StringType()))
    assert not holds_documents("join", ArrayType(StructType([StructField("form", StringType())])))
    assert not holds_documents("glue", StringType())
    assert not holds_documents("glue", ArrayType(IntegerType()))
