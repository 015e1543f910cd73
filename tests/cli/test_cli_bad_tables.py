"""Tables and images that are bad or strange, on the command line: refused by name, or handled."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from PIL import Image

BRIEF = ("--set", "max_epochs=2", "--seconds", "20")


def write_table(path, columns):
    names, rows = list(columns), zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(names), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


@pytest.fixture
def table(tmp_path):
    """Write a csv of two columns of 40 numbers, and those that are given."""
    rng = np.random.default_rng(0)

    def make(**columns):
        a = rng.normal(size=40).round(3).tolist()
        return write_table(tmp_path / "t.csv", {"a": a, "b": [2 * x for x in a], **columns})

    return make


def numbers(path):
    found = pacsv.read_csv(path)
    return np.column_stack([column.to_numpy() for column in found.columns])


@pytest.mark.parametrize("command", ["reduce", "features"])
@pytest.mark.parametrize(
    "column",
    [
        ["nan", "", *range(38)],
        [7] * 40,
        ["x"] * 40,
        [1e300, -1e300] * 20,
        [1e-300, 0] * 20,
    ],
    ids=["missing", "constant", "constant text", "huge", "tiny"],
)
def test_a_strange_column_is_learned_and_all_codes_are_numbers(
    run, table, tmp_path, command, column
):
    out = tmp_path / "codes.csv"
    result = run(command, table(c=column), "--dimensions", 2, "--out", out, *BRIEF)
    assert result.code == 0, result.err
    assert np.isfinite(numbers(out)).all()


def test_a_strange_column_is_scored_too(run, table):
    for column in (["nan", "", *range(38)], [7] * 40, [1e300, -1e300] * 20):
        document = run("anomalies", table(c=column), *BRIEF, "--json").document()
        assert np.isfinite([row["score"] for row in document["anomalies"]]).all()


@pytest.mark.parametrize("command", ["reduce", "features", "anomalies"])
def test_infinity_is_refused_by_column(refused, table, tmp_path, command):
    out = [] if command == "anomalies" else ["--out", tmp_path / "o.csv"]
    said = refused(command, table(c=["inf", *range(39)]), *out, *BRIEF)
    assert "'c'" in said
    assert "infinit" in said


def test_one_column_is_learned(run, tmp_path):
    path = write_table(tmp_path / "one.csv", {"a": range(40)})
    out = tmp_path / "codes.csv"
    assert run("reduce", path, "--dimensions", 1, "--out", out, *BRIEF).code == 0
    assert numbers(out).shape == (40, 1)
    assert run("anomalies", path, *BRIEF).code == 0


def test_one_row_cannot_be_judged_and_no_row_not_learned(refused, tmp_path):
    path = write_table(tmp_path / "one.csv", {"a": [1], "b": [2]})
    assert "a table of 1 row was given" in refused("reduce", path, *BRIEF)
    assert "1 row was given" in refused("anomalies", path, *BRIEF)
    empty = write_table(tmp_path / "none.csv", {"a": [], "b": []})
    for command in ("reduce", "anomalies"):
        assert refused(command, empty, *BRIEF)


def test_a_table_of_equal_rows_has_nothing_to_reduce(refused, tmp_path):
    path = write_table(tmp_path / "same.csv", {"a": [1] * 40, "b": ["x"] * 40})
    assert "all columns are constant" in refused("reduce", path, *BRIEF)


def picture(path, size=(8, 8), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, 100 if mode == "L" else (1, 2, 3)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Twelve grey images of 8 x 8."""
    for n in range(12):
        picture(tmp_path / "photos" / f"{n:02}.png")
    return tmp_path / "photos"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: picture(f / "odd.png", (9, 8)), "odd.png is 9 x 8"),
        (lambda f: picture(f / "odd.png", mode="RGB"), "odd.png is colour"),
        (lambda f: (f / "odd.png").write_bytes(b"\x89PNG\r\n\x1a\nno"), "odd.png is damaged"),
        (lambda f: picture(f / "odd.png", (6000, 5000)), "more than the 25,000,000 allowed"),
    ],
    ids=["size", "mode", "corrupt", "bomb"],
)
def test_a_bad_image_is_refused_by_name(refused, folder, tmp_path, spoil, said):
    spoil(folder)
    out = tmp_path / "out"
    assert said in refused("images", folder, "--out", out, *BRIEF)
    assert not (out / "images.model").exists()


def test_images_without_labels_are_learned_and_not_recognised(run, folder, tmp_path):
    quick = ["--set", "filters=4", "--dimensions", 2]
    result = run("images", folder, "--out", tmp_path / "out", *quick, *BRIEF, "--json")
    assert result.document()["classifier"] is None


def test_an_image_that_is_not_labelled_among_some_that_are_is_no_class(run, folder, tmp_path):
    for kind in ("cats", "dogs"):
        for n in range(6):
            picture(folder / kind / f"{n}.png")
    quick = ["--set", "filters=4", "--dimensions", 2]
    document = run("images", folder, "--out", tmp_path / "out", *quick, *BRIEF, "--json").document()
    assert document["classifier"] is not None


def test_a_folder_without_pictures_is_told_of_the_other_kinds(refused, tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"")
    said = refused("images", tmp_path, "--out", tmp_path / "out", *BRIEF)
    assert "an .npz or idx file itself" in said


@pytest.fixture
def nested(tmp_path):
    """Return a Parquet file of a column of numbers, one of lists and one of structs."""
    columns = {"a": np.arange(40.0), "tags": [[1, 2]] * 40, "place": [{"x": 1}] * 40}
    pq.write_table(pa.table(columns), tmp_path / "nested.parquet")
    return tmp_path / "nested.parquet"


@pytest.mark.parametrize("command", ["reduce", "features", "anomalies"])
def test_columns_of_lists_and_structs_are_refused_by_name_and_type(run, nested, tmp_path, command):
    result = run(command, nested, "--out", tmp_path / "out.csv", *BRIEF)
    assert result.code == 2
    assert "column 'tags' is of type list<" in result.err
    assert "column 'place' is of type struct<x: int64>" in result.err
    assert "a column holds numbers, texts, truth values, dates or times" in result.err


def test_they_are_no_labels_but_may_be_left_out(run, nested, tmp_path):
    result = run("reduce", nested, "--without", "place", "--label", "tags", *BRIEF)
    assert (result.code, "column 'tags' is of type list<" in result.err) == (2, True)
    out = tmp_path / "codes.csv"
    assert run("reduce", nested, "--without", "place,tags", "--out", out, *BRIEF).code == 0


def test_columns_are_left_out_by_names_as_csv_has_them(run, refused, tmp_path):
    path = tmp_path / "t.csv"
    rows = "".join(f"{n},{n % 7},{n % 5},{n % 3}\n" for n in range(40))
    path.write_text(',"sq ft, total",b,c\n' + rows)
    result = run("reduce", path, "--without", '"sq ft, total",column1,column1', *BRIEF)
    assert result.code == 0, result.err
    assert "read 40 rows and 2 columns" in result.err
    said = refused("reduce", path, "--without", "sq ft", *BRIEF)
    assert 'the table has the columns column1, "sq ft, total", b, c' in said


def test_a_column_that_numbers_the_rows_and_one_without_values_are_said(run, table):
    result = run("reduce", table(id=range(1, 41), none=[""] * 40), *BRIEF)
    assert "column 'id' numbers the rows; --without id leaves it out" in result.err
    assert "1 empty" in result.err
