"""Every error this product raises, as one tree.

    NlpbatchError
    ├── ConfigError              config_invalid         a configuration file or option is wrong
    │   ├── CatalogAway          catalog_away           the catalog of a table doesn't answer
    │   ├── OutputInUse          output_in_use          another driver writes the same output
    │   └── StorageFull          storage_full           there is no room, or no quota, left where it writes
    ├── TooManyErrors            too_many_errors        more rows of a run failed than it may have
    ├── ExpectationBreached      expectation_breached   data isn't as a recipe expects it
    ├── UnreadableInput          unreadable_input       no file of a run's input can be read
    ├── RequestError                                    the caller's fault; sending it again changes nothing
    │   ├── InvalidRequest       invalid_request
    │   ├── Unauthenticated      unauthenticated
    │   ├── TooManyFailedKeys    too_many_failed_keys   so many requests without a valid key from one address
    │   ├── NotFound             not_found
    │   ├── MethodNotAllowed     method_not_allowed
    │   ├── UnknownAnalyzer      unknown_analyzer
    │   ├── UnknownOperation     unknown_operation
    │   ├── UnknownField         unknown_field
    │   ├── InvalidOption        invalid_option
    │   ├── LengthRequired       length_required
    │   ├── BodyTimeout          body_timeout
    │   ├── RequestTooLarge      request_too_large
    │   ├── UnsupportedMediaType unsupported_media_type
    │   ├── NotAcceptable        not_acceptable
    │   ├── FingerprintMismatch  fingerprint_mismatch
    │   └── IdempotencyConflict  idempotency_conflict
    ├── Overloaded                                      an expected answer: wait, then send the same again
    │   ├── QuotaExceeded        quota_exceeded         this caller is over its own quota
    │   ├── BudgetExhausted      budget_exhausted       this caller's budget for the day or month is used up
    │   ├── QueueFull            queue_full             this caller's own queue is full
    │   ├── TenantPaused         tenant_paused          the operator has paused this caller
    │   ├── NoCapacity           no_capacity            the service as a whole has none
    │   └── Draining             draining               this process is shutting down
    └── ServiceError
        ├── InternalError        internal               a defect in the service
        ├── BackendFailed        backend_failed         the proxy got no usable answer from a backend
        ├── ServiceUnreachable   service_unreachable    no connection
        ├── ServiceTimeout       service_timeout        connected, no answer in time
        ├── UnexpectedAnswer     unexpected_answer      an answer that doesn't match the request
        └── PatienceExhausted    patience_exhausted     retried until the configured patience ran out

`code` is stable and part of the HTTP contract; `retryable` is what retry logic reads, never the message.

Longer than most files here, so that the tree and its codes are in one place.
"""

from typing import Any, ClassVar

from nlpbatch.older_python import Self


class NlpbatchError(Exception):
    """Root of all errors; carries `code`, `retryable` and optional details, and survives pickling.

    Args:
        message: Value, bound and remedy, for a person. Never contains text that was sent for analysis.
        retry_after_s: Seconds to wait before sending again, when the service computed one.
        request_id: The service's id of the request, for finding it in the logs.
        details: Further members of the problem document (JSON values).

    Attributes:
        answered: Outcomes of earlier requests of the same call, which the caller has not received.

    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    answered: tuple[Any, ...] = ()

    def __init__(
        self,
        message: str,
        /,  # so that a stranger's problem document may have a member of any name
        *,
        retry_after_s: float | None = None,
        request_id: str | None = None,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        self.details = details

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from all arguments: the default would drop the keyword ones between executor and driver."""
        return _rebuild, (type(self), self.message, self.retry_after_s, self.request_id, self.details)

    @classmethod
    def rebuild(
        cls, message: str, retry_after_s: float | None, request_id: str | None, details: dict[str, Any]
    ) -> Self:
        """Return an equal error of this class."""
        return cls(message, retry_after_s=retry_after_s, request_id=request_id, **details)


def _rebuild(cls: type[NlpbatchError], *state: Any) -> NlpbatchError:
    return cls.rebuild(*state)


class ConfigError(NlpbatchError):
    """A configuration file or a command's option is wrong."""

    code = "config_invalid"


class OutputInUse(ConfigError):
    """Another driver writes the same output; the same command succeeds once that has ended."""

    code = "output_in_use"


class CatalogAway(ConfigError):
    """The catalog of a table doesn't answer; the same command succeeds once it does."""

    code = "catalog_away"


class StorageFull(ConfigError):
    """A file system has no room left, or the directory no quota; the same command succeeds once there is some."""

    code = "storage_full"


class TooManyErrors(NlpbatchError):
    """More rows of a run failed than `max_error_ratio` allows; finished rows stay, and the run can be resumed."""

    code = "too_many_errors"


class ExpectationBreached(NlpbatchError):
    """Data isn't as a recipe's `[expect]` says that it must be; what was made before stays."""

    code = "expectation_breached"


class UnreadableInput(NlpbatchError):
    """No file of a run's input can be read: all were set aside."""

    code = "unreadable_input"


class RequestError(NlpbatchError):
    """The caller's fault: the same request will be refused again."""

    code = "invalid_request"


class InvalidRequest(RequestError):
    """The request can't be read, or a member has the wrong type or value; `path` points at it."""


class Unauthenticated(RequestError):
    """No API key, or one that the proxy doesn't know."""

    code = "unauthenticated"


class TooManyFailedKeys(RequestError):
    """No valid key, and many such requests from the same address before: waiting doesn't make the key valid."""

    code = "too_many_failed_keys"


class NotFound(RequestError):
    """No such path."""

    code = "not_found"


class MethodNotAllowed(RequestError):
    """The path exists, the method doesn't."""

    code = "method_not_allowed"


class UnknownAnalyzer(RequestError):
    """The service has no analyzer of that name."""

    code = "unknown_analyzer"


class UnknownOperation(RequestError):
    """The analyzer doesn't offer the operation, or has none of its own of that name."""

    code = "unknown_operation"


class UnknownField(RequestError):
    """A token field that the service doesn't offer."""

    code = "unknown_field"


class InvalidOption(RequestError):
    """An option has a value that the engine does not take; `path` points at it."""

    code = "invalid_option"


class LengthRequired(RequestError):
    """A request body without Content-Length: its cost can't be known before it is read."""

    code = "length_required"


class BodyTimeout(RequestError):
    """The caller was admitted and then took too long to send its body."""

    code = "body_timeout"


class RequestTooLarge(RequestError):
    """The body or its number of documents is over the limit."""

    code = "request_too_large"


class UnsupportedMediaType(RequestError):
    """A Content-Type that is neither JSON nor an Arrow stream."""

    code = "unsupported_media_type"


class NotAcceptable(RequestError):
    """An Accept header that asks for neither JSON nor an Arrow stream."""

    code = "not_acceptable"


class FingerprintMismatch(RequestError):
    """The analyzer is no longer the one that `If-Match` pinned."""

    code = "fingerprint_mismatch"


class IdempotencyConflict(RequestError):
    """The Idempotency-Key was used for another question."""

    code = "idempotency_conflict"


class Overloaded(NlpbatchError):
    """Too much at once: the same request will be accepted later."""

    code = "no_capacity"
    retryable = True


class QuotaExceeded(Overloaded):
    """This caller has sent as much as its quota allows, or has as many requests under way."""

    code = "quota_exceeded"


class BudgetExhausted(Overloaded):
    """This caller has used up its budget for a day or a month; `begins_again_at` says when the next one begins.

    Clients wait for that only if it is within their patience, and raise this error at once if it isn't.
    """

    code = "budget_exhausted"


class TenantPaused(Overloaded):
    """The operator lets nothing of this caller's through at present."""

    code = "tenant_paused"


class QueueFull(Overloaded):
    """This caller has as much waiting as it may have."""

    code = "queue_full"


class NoCapacity(Overloaded):
    """The service as a whole can't take more now."""

    code = "no_capacity"


class Draining(Overloaded):
    """The process that answered is shutting down."""

    code = "draining"


class ServiceError(NlpbatchError):
    """The service failed, or couldn't be reached."""


class InternalError(ServiceError):
    """A defect in the service; the request may be innocent, so it is sent again a few times."""

    code = "internal"
    retryable = True


class BackendFailed(ServiceError):
    """The proxy got no usable answer from any backend."""

    code = "backend_failed"
    retryable = True


class ServiceUnreachable(ServiceError):
    """No connection to the service, or it broke off."""

    code = "service_unreachable"
    retryable = True


class ServiceTimeout(ServiceError):
    """Connected, but no answer within the attempt's time."""

    code = "service_timeout"
    retryable = True


class UnexpectedAnswer(ServiceError):
    """The answer doesn't match the request: wrong type, wrong number of outcomes, or not from this service."""

    code = "unexpected_answer"


class PatienceExhausted(ServiceError):
    """Retried for as long as the caller was willing to wait; the last error is the cause."""

    code = "patience_exhausted"
