"""`analyze`, `sentences`, `space`, `join`, `glue`, `call`: add what the service answers on a column to a DataFrame."""

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from nlpbatch.client.address import parse_addresses, urls_of
from nlpbatch.client.policy import RetryPolicy
from nlpbatch.older_python import Unpack
from nlpbatch.spark.older_spark import check_version
from nlpbatch.spark.prepare import prepare
from nlpbatch.spark.service_call import IN_FLIGHT, REQUEST_BYTES, CallSettings, ServiceCall
from nlpbatch.wire.extras import AnalyzeOptions, SentencesOptions
from nlpbatch.wire.fields import DEFAULT_FIELDS
from nlpbatch.wire.options import DEFAULT_ANALYZER, Options


def analyze(
    df: DataFrame,
    *,
    text: str,
    service: str | Sequence[str],
    api_key: str | None = None,
    analyzer: str = DEFAULT_ANALYZER,
    fields: Iterable[str] = DEFAULT_FIELDS,
    tokens: str = "tokens",
    error: str = "error",
    job: str | None = None,
    request_bytes: int = REQUEST_BYTES,
    in_flight: int = IN_FLIGHT,
    retry: RetryPolicy | None = None,
    **options: Unpack[AnalyzeOptions],
) -> DataFrame:
    """Return the DataFrame with `tokens: array<struct<fields…>>` and `error: struct<code, message>` added.

    A null text has null in both; any other row has exactly one of them. Rows, their order within a partition and all
    other columns stay as they are. Calls the service once to check and pin the analyzer's version, then lazily.

    Args:
        df: Any DataFrame.
        text: Its string column to analyse.
        service: Address of the proxy, such as "http://proxy.example:8700", or of several: a list, or one string with
            commas. Each executor's process calls one of them, and another when that one fails.
        api_key: The key the proxy's operator gave out.
        analyzer: One of the analyzers of `GET /v1/analyzers`.
        fields: Token fields, in the order wanted; see `nlpbatch.wire.fields`.
        tokens: Name of the first added column.
        error: Name of the last added column.
        job: Name under which the proxy counts all tasks as one; the application's id if None.
        request_bytes: UTF-8 bytes of text per request, 1 KiB to 8 MiB.
        in_flight: Requests under way per task, 1 to 256.
        retry: How long each request is retried before the task fails.
        options: Further options of `nlpbatch.wire.options`, such as tags=["NNG", "NNP"]. With sentences=True there is a
            column `sentences: array<struct<start, end>>`; with top_n=3 there are `candidates:
            array<struct<tokens, score>>` instead of tokens.

    Raises:
        InvalidRequest: A column or number that can't be used, named with its remedy.
        UnknownAnalyzer, UnknownOperation, UnknownField: The service doesn't offer it.
        Unauthenticated, PatienceExhausted: The key is wrong, or the service is away.
        ConfigError: The address or the key can't be used, or the driver lacks a package that PySpark asks for.

    """
    asked = Options.checked("analyze", {"analyzer": analyzer, "fields": fields, **options})
    names = {"tokens": tokens, "sentences": "sentences", "candidates": "candidates", "error": error}
    settings = CallSettings(api_key=api_key, job=job, request_bytes=request_bytes, in_flight=in_flight, retry=retry)
    return prepare(df, _call(df, service, asked, settings), text=text, names=names).apply()


def sentences(
    df: DataFrame,
    *,
    text: str,
    service: str | Sequence[str],
    into: str = "sentences",
    error: str = "error",
    analyzer: str = DEFAULT_ANALYZER,
    options: SentencesOptions | None = None,
    **settings: Unpack[CallSettings],
) -> DataFrame:
    """Return the DataFrame with `sentences: array<struct<start, end, text>>` and `error` added.

    Args:
        df: Any DataFrame.
        text: Its string column to split.
        service: Address of the proxy, or several.
        into: Name of the first added column.
        error: Name of the second added column.
        analyzer: One of the analyzers of `GET /v1/analyzers`.
        options: Further options of `nlpbatch.wire.options`; with {"return_tokens": True} each sentence has its tokens.
        settings: `api_key`, `job`, `request_bytes`, `in_flight` and `retry` as of `analyze`.

    Raises what `analyze` does.
    """
    asked = Options.checked("sentences", {"analyzer": analyzer, **(options or {})})
    names = {"sentences": into, "error": error}
    return prepare(df, _call(df, service, asked, settings), text=text, names=names).apply()


def space(
    df: DataFrame,
    *,
    text: str,
    service: str | Sequence[str],
    into: str = "spaced",
    error: str = "error",
    analyzer: str = DEFAULT_ANALYZER,
    reset_whitespace: bool = False,
    **settings: Unpack[CallSettings],
) -> DataFrame:
    """Return the DataFrame with the text whose blanks are corrected, and `error`, added.

    With `reset_whitespace` the blanks that the text has are forgotten. Other arguments are those of `sentences`.
    """
    asked = Options.checked("space", {"analyzer": analyzer, "reset_whitespace": reset_whitespace})
    names = {"text": into, "error": error}
    return prepare(df, _call(df, service, asked, settings), text=text, names=names).apply()


def join(
    df: DataFrame,
    *,
    morphemes: str,
    service: str | Sequence[str],
    into: str = "joined",
    error: str = "error",
    analyzer: str = DEFAULT_ANALYZER,
    lm_search: bool = True,
    **settings: Unpack[CallSettings],
) -> DataFrame:
    """Return the DataFrame with the text that each row's morphemes make, and `error`, added.

    Args:
        df: Any DataFrame.
        morphemes: Its column of tokens, such as `analyze` adds: an array of structs with strings `form` and `tag`.
        service: Address of the proxy, or several.
        into: Name of the first added column.
        error: Name of the second added column.
        analyzer: One of the analyzers of `GET /v1/analyzers`.
        lm_search: Whether to choose among ambiguous forms by the language model.
        settings: `api_key`, `job`, `request_bytes`, `in_flight` and `retry` as of `analyze`.

    Raises what `analyze` does.
    """
    asked = Options.checked("join", {"analyzer": analyzer, "lm_search": lm_search})
    names = {"text": into, "error": error}
    return prepare(df, _call(df, service, asked, settings), text=morphemes, names=names).apply()


def glue(
    df: DataFrame,
    *,
    chunks: str,
    service: str | Sequence[str],
    into: str = "glued",
    error: str = "error",
    analyzer: str = DEFAULT_ANALYZER,
    **settings: Unpack[CallSettings],
) -> DataFrame:
    """Return the DataFrame with the text that each row's chunks make, and `error`, added.

    `chunks` is a column of arrays of strings: a row is one document. Other arguments are those of `join`.
    """
    asked = Options.checked("glue", {"analyzer": analyzer})
    names = {"text": into, "error": error}
    return prepare(df, _call(df, service, asked, settings), text=chunks, names=names).apply()


def call(
    df: DataFrame,
    *,
    text: str,
    service: str | Sequence[str],
    analyzer: str,
    operation: str | None = None,
    into: str = "result",
    error: str = "error",
    **settings: Unpack[CallSettings],
) -> DataFrame:
    """Return the DataFrame with what an analyzer's own operation makes of each text, and `error`, added.

    Args:
        df: Any DataFrame.
        text: Its string column.
        service: Address of the proxy, or several.
        analyzer: One of the analyzers of `GET /v1/analyzers` that has operations of its own.
        operation: Which of them; may be left out where it has only one.
        into: Name of the first added column, whose type is the one that the operation declares.
        error: Name of the second added column.
        settings: `api_key`, `job`, `request_bytes`, `in_flight` and `retry` as of `analyze`.

    Raises what `analyze` does; UnknownOperation for an operation that the analyzer doesn't have.
    """
    asked = Options.checked("call", {"analyzer": analyzer, "operation": operation})
    names = {"result": into, "error": error}
    return prepare(df, _call(df, service, asked, settings), text=text, names=names).apply()


def _call(df: DataFrame, service: str | Sequence[str], asked: Options, settings: CallSettings) -> ServiceCall:
    check_version(df.sparkSession)
    given: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
    return ServiceCall(urls_of(parse_addresses(service)), asked, given.pop("job", None) or _application_id(df), **given)


def _application_id(df: DataFrame) -> str:
    try:
        return str(df.sparkSession.sparkContext.applicationId)
    except PySparkException:
        # Spark Connect has no SparkContext; what matters is that all tasks of this call share one name.
        return f"connect-{uuid.uuid4().hex[:12]}"
