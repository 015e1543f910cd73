"""The log: a line of JSON for each request and event, on stderr. It names no customer, no product.

It says the route and not the path, the status and not the body, and of an exception its type and
where it was raised: its words may hold what a customer has.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

FIELDS = ("request_id", "method", "route", "status", "ms", "model", "version", "pid", "url")


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        event = record.getMessage()
        if record.name == "asyncio":  # its further lines show what a task holds
            event = event.partition("\n")[0]
        line = {"time": time, "level": record.levelname.lower(), "event": event}
        line |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info and record.exc_info[1]:
            line["error"] = _wordless(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


def _wordless(error: BaseException) -> str:
    """Return the frames and the type of an exception, after those of what it came from."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = f"{_wordless(cause)}\n" if cause else ""
    found = traceback.extract_tb(error.__traceback__)
    frames = "".join(f"{frame.filename}:{frame.lineno} {frame.name}\n" for frame in found)
    return f"{before}{frames}{type(error).__module__}.{type(error).__qualname__}"


def log_to_stderr(*, quiet: bool) -> None:
    """Write the service's log; if quiet, warnings and errors only."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (
        ("likewise.serve", logging.WARNING if quiet else logging.INFO),
        ("uvicorn.error", logging.WARNING),
        ("asyncio", logging.ERROR),
    ):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
