"""Each row of the table ``raw`` gets a verdict: kept, left out for a reason, or bad.

The table ``verdict`` has one ``code`` a row, in the order of ``raw``: 0 is kept, another is the
place of its reason, counted from one. The first reason that applies is taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from likewise.data.engine import Engine, name_sql, own_errors, text_sql, useful_line
from likewise.data.relation import Place, Relation
from likewise.data.staging import Staged
from likewise.data.text_files import line_at
from likewise.data.values import TYPED
from likewise.errors import LogError

KEPT = "raw POSITIONAL JOIN verdict WHERE code = 0"
"""What stands after FROM to read the rows that are kept, in their order."""

LARGEST = 3.4e38
"""What a float32 weight can hold."""

SHOWN = 10_000
"""What DuckDB keeps of a malformed line: so many bytes of it."""

TAKES_OTHERS = (
    "error_type = 'LINE SIZE OVER MAXIMUM' OR (error_type <> 'INVALID ENCODING' AND "
    f"(strlen(csv_line) >= {SHOWN} OR regexp_matches(trim(csv_line, '\r\n'), '[\r\n]'))) OR "
    "(error_type = 'UNQUOTED VALUE' AND byte_position - line_byte_position > strlen(csv_line))"
)
"""SQL that tells whether a malformed line runs on over other lines, which nobody counted.

A quote that a buffer of DuckDB's ends in is told beside the line before it.
"""

PLACE = "if(error_type = 'UNQUOTED VALUE', byte_position, line_byte_position)"
"""SQL of a byte of the line: of the opening quote."""

MALFORMED = "malformed line"
NOT_UTF8 = "text that is not UTF-8"
NO_TIME = "time cannot be read"
NEGATIVE = "negative weight"
AS_NUMBER = "date written as a number"
COMPACT: Mapping[str, tuple[int, int, int]] = {
    "%Y%m%d": (10**6, 19000101, 21001231),
    "%Y%m%d%H%M": (10**3, 190001010000, 210012312359),
    "%Y%m%d%H%M%S": (10**3, 19000101000000, 21001231235959),
}
"""A date as a number -> the microseconds that such are taken to count; the first and the last."""

HINTS: Mapping[str, str] = {
    AS_NUMBER: "; or say how all times are written with time_format='%Y%m%d' "
    "(--time-format %Y%m%d), '%Y%m%d%H%M' or '%Y%m%d%H%M%S'",
    NOT_UTF8: "; or convert the file first, as with: iconv -f LATIN1 -t UTF-8",
    NEGATIVE: "; leave returns out with drop={{'returns': '{column} < 0'}} "
    '(--drop "returns={column} < 0")',
    NO_TIME: "; or say how times are written with time_format='%d/%m/%Y %H:%M' "
    "(--time-format '%d/%m/%Y %H:%M'), or read the log without times: time='' (--time '')",
}


@dataclass(frozen=True)
class Reason:
    """Why a row is not kept: a label for people, the SQL that tells, the column at fault if bad."""

    label: str
    sql: str
    at_fault: str | None = None


@dataclass(frozen=True)
class Finding:
    """A reason that applied: to how many rows, and where first if that is known."""

    label: str
    count: int
    is_bad: bool
    first: Place | None = None
    column: str | None = None


def judge(
    engine: Engine,
    relation: Relation,
    staged: Staged,
    drop: Mapping[str, str],
    min_weight: float | None,
    bad_rows: str,
) -> tuple[int, list[Finding]]:
    """Make the table ``verdict``; return the number of rows read and what was left out.

    Raises
    ------
    LogError
        If a condition fails, rows are bad and `bad_rows` is ``"refuse"``, or no row is kept.
    """
    lines = _lines(staged)
    for label, condition in drop.items():
        _check_condition(engine, lines, label, condition)
    reasons = [
        *(Reason(label, f"(\n{condition}\n)") for label, condition in drop.items()),
        *_faults(relation, staged),
        *_dates_as_numbers(engine, relation, staged),
        *_too_light(staged, min_weight),
    ]
    cases = " ".join(f"WHEN {reason.sql} THEN {code}" for code, reason in enumerate(reasons, 1))
    verdict = f"CAST(CASE {cases} ELSE 0 END AS USMALLINT)"
    engine.run(f"CREATE TEMP TABLE verdict AS SELECT {verdict} AS code FROM {lines}")
    counts = engine.rows(
        "SELECT code, count(*), min(rowid) FROM verdict GROUP BY code ORDER BY code"
    )
    findings = [*malformed(engine, relation), *_found(relation, reasons, counts)]
    n_kept = sum(count for code, count, _ in counts if code == 0)
    n_rows = n_kept + sum(finding.count for finding in findings)
    require_good(findings, n_rows, bad_rows)
    if not n_rows:
        raise LogError(f"{relation.name} has columns but no rows; give a log with rows")
    if not n_kept:
        raise LogError(
            f"no rows of {relation.name} are left: of {n_rows:,} read, {in_words(findings)}; "
            "give a log with purchases, or drop less"
        )
    return n_rows, findings


def _lines(staged: Staged) -> str:
    """Return the rows of ``raw`` with the log's own column names beside the internal ones."""
    own = ", ".join(f"{sql} AS {name_sql(name)}" for name, sql in staged.own.items())
    return f"(SELECT *, {own} FROM raw)"


def _check_condition(engine: Engine, lines: str, label: str, condition: str) -> None:
    sql = f"SELECT count(*) FROM {lines} WHERE (\n{condition}\n)"
    with own_errors(f"the condition {condition!r} of drop {label!r}"):
        if engine.statements(sql) != 1:
            raise LogError(f"drop {label!r} is not one SQL condition: {condition!r}")
        engine.rows(sql)


def _faults(relation: Relation, staged: Staged) -> Iterator[Reason]:
    """Yield what makes a row bad."""
    roles = staged.roles
    buyer = "user" if "user" in roles else "basket"
    if relation.columns[roles["item"]].type == "JSON":
        nothing = " AND ".join(f"{column} IS NULL" for column in staged.taken)
        yield Reason(MALFORMED, f"({nothing})", roles["item"])
    yield Reason("no item", "likewise_item IS NULL", roles["item"])
    if "likewise_basket" in staged.taken:
        nobody = "likewise_user IS NULL AND likewise_basket IS NULL"
        yield Reason("no user and no basket", nobody, roles["user"])
    else:
        yield Reason(f"no {buyer}", "likewise_user IS NULL", roles[buyer])
    if "weight" in roles:
        weight = roles["weight"]
        yield Reason("weight is not a number", "likewise_weight IS NULL", weight)
        infinite = f"isnan(likewise_weight) OR abs(likewise_weight) > {LARGEST}"
        yield Reason("weight is NaN or infinite", infinite, weight)
        yield Reason(NEGATIVE, "likewise_weight < 0", weight)
    if "time" in roles:
        yield Reason(NO_TIME, "likewise_time IS NULL", roles["time"])


def _dates_as_numbers(engine: Engine, relation: Relation, staged: Staged) -> Iterator[Reason]:
    """Yield what tells numbers such as 20241231, which were taken for a time since 1970.

    Of the numbers between two such dates few are dates: where most are, none is anything else.
    """
    time = staged.roles.get("time")
    if time is None or relation.columns[time].type.startswith(TYPED):
        return
    for format_, (unit, first, last) in COMPACT.items():
        between = f"likewise_time BETWEEN {first * unit} AND {last * unit}"
        date = f"try_strptime(CAST(likewise_time // {unit} AS VARCHAR), '{format_}')"
        ((numbers, dates),) = engine.rows(
            f"SELECT count(*), count({date}) FROM raw WHERE {between}"
        )
        if dates and 2 * dates >= numbers:
            yield Reason(AS_NUMBER, between, time)


def _too_light(staged: Staged, min_weight: float | None) -> Iterator[Reason]:
    if "weight" in staged.roles:
        yield Reason("weight 0", "CAST(likewise_weight AS FLOAT) = 0")
        if min_weight is not None:
            least = f"CAST('{float(min(min_weight, LARGEST))}' AS FLOAT)"  # as weights are kept
            yield Reason(
                f"weight below {min_weight:g}", f"CAST(likewise_weight AS FLOAT) < {least}"
            )


def malformed(engine: Engine, relation: Relation) -> Iterator[Finding]:
    """Yield the lines of CSV files that could not be split into the header's columns.

    Raises
    ------
    LogError
        If one took others with it, of which nobody knows how many they are.
    """
    if not relation.files:
        return
    per_file = engine.rows(
        f"SELECT file_path, {TAKES_OTHERS} AS takes_others, min({PLACE}), "
        f"arg_min(error_message, {PLACE}), count(DISTINCT line_byte_position) "
        "FROM reject_errors JOIN reject_scans USING (scan_id, file_id) "
        f"WHERE file_path IN ({', '.join(map(text_sql, relation.files))}) GROUP BY ALL"
    )
    if per_file:
        count = sum(count for *_, count in per_file)
        file, takes_others, at, message, _ = min(
            per_file, key=lambda found: (not found[1], relation.files.index(found[0]), found[2])
        )
        where = f"{file} line {line_at(file, at)}"
        if takes_others:
            raise LogError(
                f"{where}: a malformed row runs on over further lines, or is too long "
                f"({useful_line(message)}): rows may be lost with it, so it is not skipped either; "
                "close its quote, write a quote inside a value twice, or take it out of the file"
            )
        foreign = "not utf-8" in message
        shown = None if foreign else message
        place = Place(relation.files.index(file), line_at(file, at), where, shown)
        yield Finding(NOT_UTF8 if foreign else MALFORMED, count, True, place)


def require_well_formed(engine: Engine, relation: Relation) -> None:
    """Refuse a table of which a line could not be read.

    Raises
    ------
    LogError
        With the place of the first.
    """
    for finding in malformed(engine, relation):
        where = relation.name if finding.first is None else finding.first.where
        mend = "save the file as UTF-8" if finding.label == NOT_UTF8 else "mend it, or leave it out"
        raise LogError(f"{where}: {finding.label}; {mend}")


def _found(
    relation: Relation, reasons: Sequence[Reason], counts: Sequence[tuple[Any, ...]]
) -> Iterator[Finding]:
    """Yield the reasons that applied; a place is looked up for the first bad row only."""
    applied = [(reasons[code - 1], count, row) for code, count, row in counts if code]
    first = min((row for reason, _, row in applied if reason.at_fault), default=None)
    for reason, count, row in applied:
        at = reason.at_fault
        place = relation.locate(row, at) if at and row == first else None
        yield Finding(reason.label, count, at is not None, place, at)


def require_good(findings: Sequence[Finding], n_rows: int, bad_rows: str) -> None:
    """Refuse a table with bad rows, unless they are to be skipped.

    Raises
    ------
    LogError
        With the place of the first, and the number of each kind.
    """
    bad = [finding for finding in findings if finding.is_bad]
    if bad and bad_rows == "refuse":
        place, first = min(((f.first, f) for f in bad if f.first), key=lambda pair: pair[0])
        n_bad = sum(finding.count for finding in bad)
        raise LogError(
            f"{_shown(first, place)}; {n_bad:,} of {n_rows:,} rows are bad ({in_words(bad)}): mend "
            "them or leave them out with bad_rows='skip' (--skip-bad-rows)"
            f"{HINTS.get(first.label, '').format(column=first.column)}"
        )


def _shown(finding: Finding, place: Place) -> str:
    """Return the first bad row for people: where it is, what is wrong, what stands there."""
    value = "" if place.value in (None, "") else f": {place.value!r:.80}"
    column = f" in column {finding.column!r}" if finding.column else ""
    return f"{place.where}: {finding.label}{column}{value}"


def in_words(findings: Sequence[Finding]) -> str:
    """Return how many rows were found to be what.

    Examples
    --------
    >>> in_words([Finding("no item", 2, is_bad=True), Finding("weight 0", 1000, is_bad=False)])
    '2 no item, 1,000 weight 0'
    """
    return ", ".join(f"{finding.count:,} {finding.label}" for finding in findings)
