"""The titles of items: those that the log itself has, or a table of their own.

Either way they are counted as the table ``titled`` (item, title, n). Shapes: I items.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.data.columns import find_columns, require_columns
from likewise.data.engine import Engine, own_errors
from likewise.data.relation import Relation
from likewise.data.sources import open_source
from likewise.data.staging import Staged
from likewise.data.values import id_of, text_of
from likewise.data.verdicts import KEPT, Finding, in_words, malformed, require_good
from likewise.data.vocabulary import Vocabulary


def count_titles(engine: Engine, staged: Staged) -> None:
    """Count the titles of each item of the log itself, as the table ``titled``."""
    counted = engine.arrays(
        "SELECT likewise_item AS item, likewise_title AS title, count(*) AS n "
        f"FROM {KEPT} AND likewise_title NOT NULL GROUP BY ALL"
    )
    items, titles = (staged.numbered[f"likewise_{name}"] for name in ("item", "title"))
    columns = {
        "item": items.take(pa.array(counted["item"])).cast(pa.string()),
        "title": titles.take(pa.array(counted["title"])),
        "n": counted["n"],
    }
    engine.connection.register("titled", pa.table(columns))


def read_titles(
    engine: Engine, source: Any, item: str | None, title: str | None, bad_rows: str
) -> list[str]:
    """Count the titles of each item of a table of titles; return what to note of its bad rows.

    Raises
    ------
    LogError
        If the table cannot be read, or rows are bad and `bad_rows` is ``"refuse"``.
    """
    relation = open_source(engine, source)
    present = list(relation.columns)
    named = {"item": item if item in present else None, "title": title}
    columns = find_columns(present, named, ("item", "title"))
    require_columns(columns, present, "item")
    require_columns(columns, present, "title")
    ids = id_of(engine, relation, columns["item"])
    text = text_of(relation.columns[columns["title"]])
    with own_errors(relation.name):
        engine.run(
            f"CREATE TEMP TABLE titles AS SELECT CAST({ids} AS VARCHAR) AS item, "
            f"trim({text}) AS title FROM {relation.sql}"
        )
    findings = list(_bad(engine, relation, columns["item"]))
    ((n_good,),) = engine.rows("SELECT count(item) FROM titles")
    n_rows = n_good + sum(finding.count for finding in findings)
    require_good(findings, n_rows, bad_rows)
    engine.run(
        "CREATE TEMP TABLE titled AS SELECT item, title, count(*) AS n "
        "FROM titles WHERE item NOT NULL GROUP BY ALL"
    )
    return [f"of {relation.name} rows were left out: {in_words(findings)}"] if findings else []


def _bad(engine: Engine, relation: Relation, item: str) -> Iterator[Finding]:
    yield from malformed(engine, relation)
    ((count, first),) = engine.rows("SELECT count(*), min(rowid) FROM titles WHERE item IS NULL")
    if count:
        yield Finding("no item", count, True, relation.locate(first, item), item)


def fetch_titles(engine: Engine, items: Vocabulary) -> NDArray[Any]:
    """Return the title of each item, of shape (I,): its most frequent one, ties alphabetical."""
    rank = "row_number() OVER (PARTITION BY item ORDER BY n DESC, title)"
    best: Mapping[str, str] = dict(
        engine.rows(f"SELECT item, title FROM titled WHERE title <> '' QUALIFY {rank} = 1")
    )
    return np.array([best.get(str(id_), "") for id_ in items.ids.tolist()], dtype=object)
