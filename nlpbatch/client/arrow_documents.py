"""The documents of an Arrow request, checked.

pyarrow is imported where it is needed: a caller that sends only JSON does without it, and without its long import.
"""

from typing import Any

from nlpbatch.errors import InvalidRequest
from nlpbatch.wire.options import DOCUMENT_MEMBERS, Operation


def documents_array(operation: Operation, documents: Any) -> Any:
    """Return the documents of an operation as one pyarrow array, texts as `string[n]`.

    Raises:
        InvalidRequest: Not a pyarrow array, or one of another type.

    """
    import pyarrow as pa  # noqa: PLC0415 (see the module's docstring)

    name, *_ = DOCUMENT_MEMBERS[operation]
    wanted = "strings" if name == "texts" else "lists"
    if isinstance(documents, pa.ChunkedArray):
        documents = documents.combine_chunks()
    if not isinstance(documents, pa.Array):
        raise InvalidRequest(f"{name} is a {type(documents).__name__}: give a pyarrow array of {wanted}")
    if name == "texts":
        return _string_array(documents)
    if not (pa.types.is_list(documents.type) or pa.types.is_large_list(documents.type)):
        raise InvalidRequest(f"{name} is a pyarrow array of {documents.type}: give one of lists")
    return documents


def _string_array(texts: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 (as above)

    if pa.types.is_string(texts.type):
        return texts
    if any(same(texts.type) for same in (pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)):
        return texts.cast(pa.string())
    raise InvalidRequest(f"texts is a pyarrow array of {texts.type}: give one of strings")
