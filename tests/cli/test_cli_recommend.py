"""`likewise recommend` and `likewise also-bought`: lists on the screen, tables in files."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.json as pajson
import pyarrow.parquet as papq
import pytest
import torch

import likewise

BASKETS = {"ann": ["85123A", "00746"], "bob": ["20725"], "eve": ["no such item"]}
TEXTS = pacsv.ConvertOptions(
    column_types={name: pa.string() for name in ("user", "item", "other")},
    strings_can_be_null=False,
)
READERS = {
    ".parquet": papq.read_table,
    ".csv": lambda path: pacsv.read_csv(path, convert_options=TEXTS),
    ".tsv": lambda path: pacsv.read_csv(
        path, parse_options=pacsv.ParseOptions(delimiter="\t"), convert_options=TEXTS
    ),
    ".jsonl": pajson.read_json,
}
CODECS = {"gz": "gzip", "zst": "zstd"}
FORMATS = ["csv", "tsv", "jsonl", "parquet", "csv.gz", "tsv.zst", "jsonl.zst"]


@pytest.fixture
def recommender(fitted):
    return likewise.load(fitted)


@pytest.fixture
def write(tmp_path):
    """Write a table of ids in the format that the ending of the name says."""

    def _write(name, columns):
        path = tmp_path / name
        rows = list(zip(*columns.values(), strict=True))
        kind, *packed = path.name.split(".")[1:]
        if kind == "parquet":
            papq.write_table(pa.table(columns), path)
            return path
        if kind == "jsonl":
            lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        else:
            separator = "," if kind == "csv" else "\t"
            lines = [separator.join(row) for row in [tuple(columns), *rows]]
        text = "".join(f"{line}\n" for line in lines).encode()
        path.write_bytes(pa.compress(text, CODECS[packed[0]], asbytes=True) if packed else text)
        return path

    return _write


@pytest.fixture
def baskets(write):
    """A table of three baskets, the last of unknown items only."""
    return lambda name="baskets.csv": write(
        name,
        {
            "user": [user for user, basket in BASKETS.items() for _ in basket],
            "item": [item for basket in BASKETS.values() for item in basket],
        },
    )


# One basket


def test_a_basket_gets_a_ranked_list(run, fitted, recommender):
    result = run("recommend", fitted, "--basket", "85123A, 00746", "-k", 3)
    assert (result.code, result.err) == (0, "")
    headers, _, *rows = result.out.split("\n")[1:-2]
    assert headers.split() == ["rank", "item", "score", "title"]
    answer = recommender.recommend([["85123A", "00746"]], 3)[0]
    for rank, (row, r) in enumerate(zip(rows, answer, strict=True), 1):
        assert row.split() == [str(rank), r.item, f"{r.score:.4f}", *r.title.split()]


def test_the_json_of_a_basket_is_what_the_library_says(run, fitted, recommender):
    document = run("recommend", fitted, "--basket", "20725", "--json").document()
    (answer,) = recommender.recommend([["20725"]], 10)
    assert document == {
        "basket": ["20725"],
        "unknown": [],
        "fallback": False,
        "items": [r._asdict() for r in answer],
    }


def test_unknown_items_are_named(run, fitted):
    result = run("recommend", fitted, "--basket", "20725,000,111", "--json")
    assert result.err == "not in the catalogue, left out: 000, 111\n"
    assert result.document()["unknown"] == ["000", "111"]
    assert not result.document()["fallback"]


def test_a_basket_of_unknown_items_gets_the_most_popular_and_is_told(run, fitted, table):
    result = run("recommend", fitted, "--basket", "000", "-k", 5, "--json")
    assert "no item of the basket is known: these are the most popular items" in result.err
    assert "their scores say how often each was bought" in result.err
    assert result.document()["fallback"]
    buyers = table.group_by("sku").aggregate([("customer", "count_distinct")]).to_pylist()
    most = sorted((row["customer_count_distinct"] for row in buyers), reverse=True)
    assert [r["score"] for r in result.document()["items"]] == most[:5]
    assert run("recommend", fitted, "--basket", "000", "-q").err == ""


def test_what_is_in_the_basket_is_left_out_unless_asked_for(run, fitted):
    basket = ["--basket", "85123A,20725", "--json", "-k"]
    without = run("recommend", fitted, *basket, 16).document()["items"]
    assert not {r["item"] for r in without} & {"85123A", "20725"}
    everything = run("recommend", fitted, *basket, 18, "--keep-seen").document()["items"]
    assert {r["item"] for r in everything} > {"85123A", "20725"}


def test_why_names_the_items_of_the_basket_that_moved_the_score(run, fitted):
    given = ["recommend", fitted, "--basket", "85123A,20725", "-k", 1, "--why"]
    (item,) = run(*given, "--json").document()["items"]
    assert {because["item"] for because in item["because"]} == {"85123A", "20725"}
    assert sum(because["effect"] for because in item["because"]) == pytest.approx(item["score"])
    first = item["because"][0]
    shown = run(*given).out
    assert "because of" in shown
    assert f"{first['title']} ({first['effect']:+.3f})" in shown


def test_what_lowered_a_score_is_no_reason_for_it(run, fitted):
    basket = ["85123A", "20725", "48138"]
    given = ["--basket", ",".join(basket), "-k", 15, "--why", "--json"]
    items = run("recommend", fitted, *given).document()["items"]
    recommender = likewise.load(fitted)
    moved = {r["item"]: recommender.explain(basket, r["item"]) for r in items}
    assert any(reason.effect < 0 for reasons in moved.values() for reason in reasons)
    for item in items:
        raised = [reason.item for reason in moved[item["item"]] if reason.effect > 0]
        assert [because["item"] for because in item["because"]] == raised


def test_of_small_scores_three_digits_are_shown(run, fitted, recommender, tmp_path):
    recommender.model_.B_ = recommender.model_.B_ * np.float32(1e-4)
    recommender.save(tmp_path / "small.model")
    for command in (["recommend", "--basket", "85123A"], ["also-bought", "85123A"]):
        name, *given = command
        lines = run(name, tmp_path / "small.model", *given, "-k", 3).out.splitlines()
        scores = [line.split()[2] for line in lines if line.split()[:1] in (["1"], ["2"], ["3"])]
        assert len(scores) == 3
        assert all(re.fullmatch(r"0\.0{4,}[1-9]\d\d", score) for score in scores)


def test_ids_and_titles_are_printed_as_they_are(run, tmp_path):
    log = tmp_path / "log.csv"
    titles = [":tea:", "[bold]cup[/bold]", "[/]"]
    rows = "".join(f"u{n},{n},{title}\nu{n},x,x\n" for n, title in enumerate(titles))
    log.write_text(f"user,item,title\n{rows}")
    run("fit", log, "--out", tmp_path / "odd.model", "--model", "popularity")
    shown = run("recommend", tmp_path / "odd.model", "--basket", "x", "-k", 3).out
    assert all(title in shown for title in titles)


# Tables


@pytest.mark.parametrize("name", [f"baskets.{kind}" for kind in FORMATS])
def test_a_table_of_baskets_is_read_in_every_format(run, fitted, recommender, baskets, name):
    rows = run("recommend", fitted, "--baskets", baskets(name), "-k", 2, "--json").document()
    found = recommender.recommend(list(BASKETS.values()), 2)
    assert [(r["user"], r["item"], r["rank"], r["fallback"]) for r in rows] == [
        (user, r.item, rank, answer.fallback)
        for user, answer in zip(BASKETS, found, strict=True)
        for rank, r in enumerate(answer, 1)
    ]


@pytest.mark.parametrize("ending", READERS)
def test_recommendations_are_written_in_every_format(run, fitted, baskets, tmp_path, ending):
    path = baskets()
    out = tmp_path / f"recs{ending}"
    result = run("recommend", fitted, "--baskets", path, "-k", 4, "--out", out)
    assert (result.code, result.out) == (0, f"wrote {out}: 12 rows\n")
    assert result.err == (
        "baskets without a known item: 1; they got the most popular items, "
        "and as scores how often each was bought\n"
    )
    written = READERS[ending](out)
    assert written.column_names == ["user", "item", "score", "fallback", "rank"]
    rows = run("recommend", fitted, "--baskets", path, "-k", 4, "--json").document()
    assert written.to_pylist() == _rounded(rows)
    assert "00746" not in written["item"].to_pylist()[:4]


def test_keep_seen_holds_for_tables_too(run, fitted, baskets):
    given = ["recommend", fitted, "--baskets", baskets(), "-k", 16, "--json"]
    seen = {("ann", "85123A"), ("ann", "00746"), ("bob", "20725")}
    pairs = {(r["user"], r["item"]) for r in run(*given).document()}
    assert not pairs & seen
    given[5] = 18
    assert {(r["user"], r["item"]) for r in run(*given, "--keep-seen").document()} > seen


def test_json_beside_a_table_says_where_it_is(run, fitted, baskets, tmp_path):
    out = tmp_path / "recs.csv"
    given = ["recommend", fitted, "--baskets", baskets(), "-k", 1, "--out", out, "--json", "-q"]
    result = run(*given)
    assert result.document() == {"out": str(out), "rows": 3}
    assert result.err == ""


# Also bought


def test_also_bought_shows_support(run, fitted, recommender, table):
    result = run("also-bought", fitted, "85123A", "20725", "-k", 2)
    assert (result.code, result.err) == (0, "")
    headings = [line for line in result.out.splitlines() if line.startswith("Customers")]
    assert headings == [
        "Customers who bought Tea pot also bought",
        "Customers who bought Fountain pen also bought",
    ]
    document = run("also-bought", fitted, "85123A", "20725", "-k", 2, "--json").document()
    assert document == {
        item: [r._asdict() for r in others]
        for item, others in recommender.also_bought(["85123A", "20725"], 2).items()
    }
    buyers = {item: set() for item in table["sku"].to_pylist()}
    for row in table.to_pylist():
        buyers[row["sku"]].add(row["customer"])
    for item, others in document.items():
        assert [r["support"] for r in others] == [
            len(buyers[item] & buyers[r["item"]]) for r in others
        ]


@pytest.mark.parametrize(("name", "ending"), list(zip(FORMATS, [*READERS] * 2, strict=False)))
def test_tables_of_items(run, fitted, write, tmp_path, name, ending):
    path = write(f"items.{name}", {"item": ["20725", "00746"]})
    out = tmp_path / f"also{ending}"
    result = run("also-bought", fitted, "--items", path, "-k", 3, "--out", out)
    assert (result.code, result.out, result.err) == (0, f"wrote {out}: 6 rows\n", "")
    written = READERS[ending](out)
    assert written.column_names == ["item", "other", "score", "support", "rank"]
    assert written["item"].to_pylist() == ["20725"] * 3 + ["00746"] * 3
    assert written["rank"].to_pylist() == [1, 2, 3] * 2
    rows = run("also-bought", fitted, "--items", path, "-k", 3, "--json").document()
    assert written.to_pylist() == _rounded(rows)


def _rounded(rows):
    """Rows as texts hold them: a score has fewer digits in CSV."""
    return [{**row, "score": pytest.approx(row["score"], rel=1e-6)} for row in rows]


# What is refused


ODD = {
    "gaps.csv": "user,item\nann,85123A\n,20725\n",
    "long.csv": "user,item\nann,85123A\nbob,20725,1,2\n",
    "odd.jsonl": '{"user": "ann", "item": "85123A"}\nnot json\n',
    "mixed.jsonl": '{"user": "ann", "item": "85123A"}\n{"user": "bob", "item": 20725}\n',
    "empty.csv": "user,item\n",
}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give --basket A,B or --baskets TABLE, one of the two"),
        (["--basket", "a", "--baskets", "b.csv"], "one of the two"),
        (["--basket", ""], "--basket is empty"),
        (["--basket", " , "], "--basket is empty"),
        (["--basket", "a", "--basket", "b"], "--basket is given 2 times, and it is one basket"),
        (["--basket", "a", "--out", "recs.csv"], "--out is for --baskets TABLE"),
        (["--baskets", "b.csv"], "--baskets needs --out TABLE (or --json)"),
        (["--baskets", "b.csv", "--why", "--json"], "--why explains one basket"),
        (["--baskets", "b.csv", "--out", "recs.xlsx"], "one of .parquet, .csv, .tsv, .jsonl"),
        (["--baskets", "b.csv", "--out", "recs.csv.gz"], "--out recs.csv.gz has no known ending"),
        (["--baskets", "b.csv", "--out", "no/recs.csv"], "there is no folder no; make it"),
        (["--baskets", "b.csv", "--out", "folder.csv"], "--out folder.csv is a folder"),
        (["--baskets", "none.csv", "--json"], "none.csv does not exist"),
        (["--baskets", "items.csv", "--json"], "items.csv has the columns item; it needs user"),
        (["--baskets", "gaps.csv", "--json"], "gaps.csv line 3: no user; fill it in"),
        (["--baskets", "long.csv", "--json"], "long.csv line 3: malformed line; mend it"),
        (["--baskets", "odd.jsonl", "--json"], "odd.jsonl line 2: no user; fill it in"),
        (["--baskets", "mixed.jsonl", "--json"], "ids in column 'item' mix texts and numbers"),
        (["--baskets", "empty.csv", "--json"], "empty.csv has columns but no rows"),
        (["--baskets", "b.csv", "--json", "-k", "0"], "k=0; ask for a whole number"),
        (["--basket", "85123A", "-k", "0"], "k=0; ask for a whole number of items, 1 or more"),
        (
            ["--basket", "85123A", "-k", "18"],
            "17 items remain beside those of the basket; ask for k <= 17 or set --keep-seen",
        ),
        (["--basket", "85123A", "-k", "19", "--keep-seen"], "k=19 but only 18 items remain"),
        (["--basket", "85123A", "-k", "many"], "Invalid value for '-k'"),
    ],
)
def test_recommend_refuses(refused, fitted, write, tmp_path, monkeypatch, arguments, why):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    write("b.csv", {"user": ["ann"], "item": ["85123A"]})
    write("items.csv", {"item": ["85123A"]})
    for name, text in ODD.items():
        (tmp_path / name).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    assert why in refused("recommend", fitted, *arguments)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give item ids, or --items TABLE, one of the two"),
        (["85123A", "--items", "items.csv"], "one of the two"),
        (["85123A", "--out", "also.csv"], "--out is for --items TABLE"),
        (["--items", "items.csv"], "--items needs --out TABLE (or --json)"),
        (["--items", "items.csv", "--out", "also.txt"], "--out also.txt has no known ending"),
        (["--items", "users.csv", "--json"], "users.csv has the columns user; it needs item"),
        (["85123A", "unheard of"], "the item 'unheard of' is not among the 18 items"),
        (["--items", "unknown.csv", "--json"], "the item 'x' is not among the 18 items"),
        (["85123A", "-k", "0"], "k=0; ask for a whole number"),
        (["85123A", "-k", "18"], "k=18 but only 17 others of an item can be listed"),
    ],
)
def test_also_bought_refuses(refused, fitted, write, tmp_path, monkeypatch, arguments, why):
    monkeypatch.chdir(tmp_path)
    write("items.csv", {"item": ["85123A"]})
    write("users.csv", {"user": ["ann"]})
    write("unknown.csv", {"item": ["x", "y"]})
    before = sorted(tmp_path.rglob("*"))
    assert why in refused("also-bought", fitted, *arguments)
    assert sorted(tmp_path.rglob("*")) == before


def test_columns_of_a_table_are_found_by_name(run, fitted, write, tmp_path):
    for name, user, item in (("own.csv", "user", "item"), ("shop.csv", "CustomerID", "sku")):
        path = write(name, {user: ["ann", "ann"], item: ["85123A", "00746"], "qty": ["1", "2"]})
        run("recommend", fitted, "--baskets", path, "-k", 3, "--out", tmp_path / f"{name}.parquet")
    own, shop = (papq.read_table(tmp_path / f"{name}.csv.parquet") for name in ("own", "shop"))
    assert own.num_rows == 3
    assert own.equals(shop)


def test_unknown_items_of_a_table_are_left_out_and_counted(run, fitted, write):
    some = write("some.csv", {"item": ["no such item", "85123A", "nor this"]})
    result = run("also-bought", fitted, "--items", some, "-k", 2, "--json")
    assert {row["item"] for row in result.document()} == {"85123A"}
    assert "not in the catalogue, left out: 2 of 3 items" in result.err


def test_quotes_keep_the_spaces_of_an_id(run, fitted):
    result = run("recommend", fitted, "--basket", '85123A , " 85123A"', "-k", 1, "--json")
    assert result.document()["basket"] == ["85123A", " 85123A"]


def test_an_id_with_a_comma_stands_in_quotes(run, fitted):
    result = run("recommend", fitted, "--basket", '85123A, "tea, green"', "-k", 2, "--json")
    assert result.document()["basket"] == ["85123A", "tea, green"]
    assert result.document()["unknown"] == ["tea, green"]


def test_more_threads_than_cores_are_taken_and_told(run, fitted, monkeypatch):
    monkeypatch.setattr("likewise.cli.options._cores", lambda: 2)
    command, said = (
        ("recommend", fitted, "--basket", "85123A"),
        "--threads 3 is more than the cores",
    )
    threads = torch.get_num_threads()
    try:
        assert f"{said} here, 2: " in run(*command, "--threads", 3).err
        assert torch.get_num_threads() == 3
        assert said not in run(*command, "--threads", 3, "--quiet").err
        assert "--threads" not in run(*command, "--threads", 2).err
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(
    "command", [("recommend", "--basket", "85123A"), ("also-bought", "85123A")]
)
def test_memory_and_threads_are_kept(run, refused, fitted, command):
    verb, *rest = command
    limits = ["--memory", "8GB", "--threads", "1"]
    assert run(verb, fitted, *rest, *limits, "-k", 2, "--json").code == 0
    assert "Invalid value for '--threads'" in refused(verb, fitted, *rest, "--threads", "0")
    for size in ("8", "GB", "-1GB", "nanGB", "infGB", "8 pounds"):
        message = refused(verb, fitted, *rest, "--memory", size)
        assert message == f"--memory {size} given; give a size such as 8GB or 500MB"
