"""What is said when a request is refused: a code, a sentence, the request's id; no internals."""

from collections.abc import Iterable
from typing import Any

from starlette.responses import JSONResponse


class Refused(Exception):
    """A request that is not answered.

    Parameters
    ----------
    status : int
        Of HTTP.
    code : str
        One word for programs.
    message : str
        What was given, what is allowed, what to do.
    retry_after : int, optional
        Seconds after which to try again.
    allow : str, optional
        The methods that an address takes.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retry_after, self.allow = retry_after, allow

    def response(self, request_id: str) -> JSONResponse:
        """Return the answer that says so."""
        headers = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.allow is not None:
            headers["Allow"] = self.allow
        return JSONResponse(self.body(request_id), self.status, headers)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return the refusal as JSON has it."""
        fault = {"code": self.code, "message": self.message, "request_id": request_id}
        return {"error": fault}


NO_ADDRESS = Refused(404, "not_found", "there is no such address; /docs has those there are")

INSIDE = Refused(500, "internal", "something went wrong here; the log has the request's id")
"""What is told of an error of our own."""


def other_method(methods: Iterable[str]) -> Refused:
    """Return the refusal of a method that an address does not take; it takes these."""
    allow = ", ".join(sorted(methods))
    message = f"this address is asked by {allow} only; /docs says how"
    return Refused(405, "method_not_allowed", message, allow=allow)


def busy() -> Refused:
    """Return the refusal of one who is one too many: there is no room to wait in.

    A new one each time: an exception that is raised again keeps the frames of every time.
    """
    return Refused(429, "busy", "too many requests are waiting; try again", retry_after=1)


def unavailable(message: str) -> Refused:
    """Return the refusal of a request that was let in and cannot be answered for now."""
    return Refused(503, "unavailable", message, retry_after=1)


TOO_LONG = unavailable("the answer took too long; try again, or ask for less")
