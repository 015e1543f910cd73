"""The commands on tables."""

import errno
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq
import pytest

import likewise
from likewise.autoencoders import TYPES
from likewise.autoencoders.neural import NeuralAutoencoder

HOUSES = Path(__file__).parents[1] / "shop" / "houses.csv"
WITH_CODE = [name for name, kind in TYPES.items() if "n_latent" in kind._get_param_names()]
needs_dev_full = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="there is no /dev/full here"
)
BRIEF = ("--set", "max_epochs=3")


def test_reduce_compares_with_pca_and_writes_what_was_asked_for(run, tmp_path):
    out, plot, save = (tmp_path / name for name in ("codes.parquet", "map.png", "m.model"))
    result = run(
        "reduce", HOUSES, "--label", "town", "--out", out, "--plot", plot, "--save", save, *BRIEF
    )
    assert result.code == 0, result.err
    assert "2 dimensions explain" in result.out
    assert "90 rows and 7 columns" in result.err
    codes = papq.read_table(out)
    assert codes.column_names == ["code1", "code2", "label"]
    assert codes.num_rows == 90
    assert plot.read_bytes().startswith(b"\x89PNG")
    model = likewise.load(save)
    assert "town" not in [column.name for column in model.encoder_.columns_]


def test_reduce_as_json(run, tmp_path):
    out = tmp_path / "codes.csv"
    result = run("reduce", HOUSES, "--dimensions", 3, "--without", "zip,town", "--out", out,
                 "--json", "--quiet", *BRIEF)  # fmt: skip
    document = result.document()
    assert result.err == ""
    assert document["dimensions"] == 3
    assert document["held_out_rows"] == 18
    assert set(document["pca"]) == {"error", "explained", "trustworthiness", "neighbours"}
    assert document["wrote"] == [str(out)]
    assert pacsv.read_csv(out).num_columns == 3


def test_the_same_seed_gives_the_same_codes(run, tmp_path):
    paths = [tmp_path / f"{n}.parquet" for n in range(3)]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        assert run("reduce", HOUSES, "--out", path, "--seed", seed, *BRIEF).code == 0
    one, again, other = map(papq.read_table, paths)
    assert one.equals(again)
    assert not one.equals(other)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--dimensions", "0"], "--dimensions 0 given"),
        (["--seconds", "0"], "--seconds 0 given"),
        (["--without", "colour"], "--without colour: the table has the columns town, zip"),
        (["--label", "colour"], "--label colour: the table has"),
        (["--type", "nonesuch"], "--type nonesuch is none of undercomplete"),
        (["--set", "n_layers=2"], "--set n_layers=2: undercomplete has the settings"),
        (["--set", "batch_size=0"], "batch_size"),
        (["--out", "codes.txt"], "--out codes.txt has no known ending"),
        (["--plot", "map.gif"], "--plot map.gif has no known ending"),
    ],
)
def test_reduce_refuses(refused, options, said):
    assert said in refused("reduce", HOUSES, *options)


@pytest.mark.parametrize("options", [["--out", "o.csv"], ["--plot", "o.png"], ["--save", "m"]])
def test_a_folder_that_takes_no_file_is_noticed_before_the_work(run, monkeypatch, options):
    def denied(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("likewise.artifact.swap.tempfile.TemporaryFile", denied)
    result = run("reduce", HOUSES, *options)
    assert result.code == 1
    assert result.err.endswith(f"{options[1]} cannot be written: Permission denied\n")
    assert "learned" not in result.err


@needs_dev_full
def test_a_disk_that_is_full_while_a_picture_is_written(run, tmp_path):
    (tmp_path / "full.png").symlink_to("/dev/full")
    result = run("reduce", HOUSES, "--plot", tmp_path / "full.png", *BRIEF)
    assert result.code == 1
    assert "full.png cannot be written: No space left" in result.err


@pytest.mark.parametrize("kind", WITH_CODE)
def test_every_type_with_a_code_reduces_and_makes_features(run, tmp_path, kind):
    brief = BRIEF if issubclass(TYPES[kind], NeuralAutoencoder) else ()
    for command in ("reduce", "features"):
        out = tmp_path / f"{command}.parquet"
        result = run(command, HOUSES, "--without", "town,zip", "--type", kind, "--out", out, *brief)
        assert (result.code, papq.read_table(out).num_rows) == (0, 90), result.err


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_ranks_rows(run, kind):
    brief = BRIEF if issubclass(TYPES[kind], NeuralAutoencoder) else ()
    result = run("anomalies", HOUSES, "--without", "town,zip", "--type", kind, *brief)
    assert (result.code, "row" in result.out) == (0, True), result.err


def test_the_deep_type_may_be_pre_trained(run, tmp_path):
    deep = ("--type", "deep", "--set", "pretrain=true")
    out = tmp_path / "codes.csv"
    assert run("reduce", HOUSES, "--without", "town", *deep, "--out", out, *BRIEF).code == 0


def test_a_type_without_a_code_is_refused(refused):
    assert "linear has no code" in refused("reduce", HOUSES, "--type", "linear")


def test_a_value_beyond_float32_is_the_strangest(run, tmp_path):
    text = HOUSES.read_text().splitlines()
    places = text[0].split(",")
    row = text[7].split(",")
    row[places.index("price")] = "1e60"
    far = tmp_path / "far.csv"
    far.write_text("\n".join([*text[:7], ",".join(row), *text[8:]]) + "\n")
    save = tmp_path / "m.model"
    assert run("anomalies", HOUSES, "--without", "town", "--save", save, *BRIEF).code == 0
    found = run("anomalies", far, "--model", save, "--json").document()
    assert found["anomalies"][0]["row"] == 7
    for seed in range(4):  # in some of them it is among the rows to judge by
        assert run("reduce", far, "--without", "town", "--seed", seed, "--out", tmp_path / "c.csv",
                   *BRIEF).code == 0  # fmt: skip


def test_dates_are_written_as_lines_of_json(run, tmp_path):
    text = HOUSES.read_text().splitlines()
    days = [f"{line},2024-05-{1 + n % 28:02}" for n, line in enumerate(text[1:])]
    (tmp_path / "days.csv").write_text("\n".join([text[0] + ",day", *days]) + "\n")
    out = tmp_path / "codes.jsonl"
    assert run("reduce", tmp_path / "days.csv", "--label", "day", "--out", out, *BRIEF).code == 0
    assert '"label": "2024-05-01"' in out.read_text().splitlines()[0]


def test_a_detector_of_arrays_is_refused(refused, tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    likewise.AnomalyDetector(max_seconds=1, random_state=0).fit(X).save(tmp_path / "m")
    assert "whose columns have no names" in refused("anomalies", HOUSES, "--model", tmp_path / "m")


def test_rows_without_an_answer_are_left_out_of_the_probe_alone(run, tmp_path):
    table = pa.table(
        {"a": np.arange(30.0), "b": np.arange(30.0) % 7, "y": [float("nan"), *range(29)]}
    )
    papq.write_table(table, tmp_path / "t.parquet")
    out = tmp_path / "f.parquet"
    result = run("features", tmp_path / "t.parquet", "--target", "y", "--out", out, *BRIEF)
    assert "the target is missing in 1 row: only features use them" in result.err
    assert papq.read_table(out).num_rows == 30


def test_a_column_of_names_is_refused_with_what_to_do(refused, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("name,n\n" + "".join(f"n{n},{n}\n" for n in range(200)))
    said = refused("reduce", path)
    assert "'name' has 160 different texts" in said
    assert "(--without), or allow more than 100 with --max-categories" in said


def test_more_texts_are_allowed_on_request(run, refused, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("name,n,k\n" + "".join(f"n{n % 120},{n},{n % 2}\n" for n in range(240)))
    more = ("--max-categories", 200, *BRIEF)
    out = ("--out", tmp_path / "o.csv", "--dimensions", 2)
    for command in (("reduce", *out), ("features", "--target", "k", *out), ("features", *out[:2])):
        assert run(*command, path, *more).code == 0
    save = tmp_path / "m.model"
    assert run("anomalies", path, "--save", save, *more).code == 0
    said = refused("anomalies", path, "--model", save, *more[:2])
    assert "leave out --max-categories" in said


def test_decimal_commas_are_told(run, refused, tmp_path):
    path = tmp_path / "german.csv"
    path.write_text("Fläche;n\n" + "".join(f"{n},5;{n}\n" for n in range(40)))
    result = run("reduce", path, "--out", tmp_path / "o.csv", *BRIEF)
    assert "column 'Fläche' is read as texts: its values look like numbers with a" in result.err
    path.write_text("Fläche;n\n" + "".join(f"{n},5;{n}\n" for n in range(200)))
    assert "numbers with a decimal comma" in refused("reduce", path)


def test_durations_are_shown_as_such(run, tmp_path):
    waits = pa.array((np.arange(40) % 7 + 15) * 3600 * 10**6, pa.duration("us"))
    table = pa.table({"wait": waits, "n": np.arange(40) % 7, "m": np.arange(40.0)})
    path, save = tmp_path / "waits.parquet", tmp_path / "m.model"
    papq.write_table(table, path)
    result = run("anomalies", path, "--save", save, *BRIEF)
    assert "1 duration, 1 whole number, 1 number" in result.err
    assert "wait 15:00:00 (" in result.out
    assert "wait  " in (text := run("steps", save, "--table", path).out)
    assert "15:00:00" in text
    for ending in ("csv", "jsonl", "parquet"):
        out = ("--out", tmp_path / f"o.{ending}", "--plot", tmp_path / "o.png")
        assert run("reduce", path, "--label", "wait", *out, *BRIEF).code == 0


def test_a_duration_may_be_told_from_features(run, tmp_path):
    waits = pa.array(np.arange(40) * 3600 * 10**6, pa.duration("us"))
    papq.write_table(pa.table({"wait": waits, "n": np.arange(40.0)}), tmp_path / "t.parquet")
    assert "R² of" in run("features", tmp_path / "t.parquet", "--target", "wait", *BRIEF).out


def test_what_was_chosen_by_the_data_speaks_of_columns_that_are_there(run, tmp_path):
    for names, said in (("town,zip", "column's mean, by the"), ("rooms,area,price,built", "texts")):
        result = run("reduce", HOUSES, "--without", names, "--out", tmp_path / "o.csv",
                     "--dimensions", 1, *BRIEF)  # fmt: skip
        assert said in result.err
        assert result.out.startswith("1 dimension explains ")


def test_a_target_that_is_missing_everywhere_is_said_to_be(refused, tmp_path):
    papq.write_table(
        pa.table({"a": np.arange(30.0), "y": pa.nulls(30, pa.float64())}), tmp_path / "t.parquet"
    )
    said = refused("features", tmp_path / "t.parquet", "--target", "y")
    assert "the target is missing in all rows" in said


def test_anomalies_are_ranked_with_their_causes(run, tmp_path):
    out, save = tmp_path / "ranked.csv", tmp_path / "m.model"
    result = run("anomalies", HOUSES, "-k", 2, "--out", out, "--save", save)
    assert result.code == 0, result.err
    assert "price 990000" in result.out
    ranked = pacsv.read_csv(out)
    assert ranked.column_names == ["row", "score", "causes"]
    assert ranked["row"].to_pylist()[:2] == [42, 73]
    assert ranked.num_rows == 90
    again = run("anomalies", HOUSES, "--model", save, "-k", 2, "--json").document()
    assert [found["row"] for found in again["anomalies"]] == [42, 73]
    assert again["anomalies"][0]["causes"][0]["column"] == "price"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-k", "0"], "-k 0 given"),
        (["--type", "nonesuch"], "--type nonesuch is none of"),
        (["--model", "m", "--set", "n_latent=3"], "--model scores by a model that is there"),
        (["--model", "m", "--seed", "3", "--type", "sparse"], "leave out --type, --seed"),
        (["--out", "ranked.txt"], "--out ranked.txt has no known ending"),
    ],
)
def test_anomalies_refuses(refused, options, said):
    assert said in refused("anomalies", HOUSES, *options)


def test_anomalies_needs_the_columns_that_its_model_knows(run, refused, tmp_path):
    save = tmp_path / "m.model"
    assert run("anomalies", HOUSES, "--save", save, *BRIEF).code == 0
    (tmp_path / "less.csv").write_text("town,zip\nRome,1\n")
    said = refused("anomalies", tmp_path / "less.csv", "--model", save)
    assert "--model needs the column rooms" in said
    assert run("reduce", HOUSES, "--save", tmp_path / "r.model", *BRIEF).code == 0
    assert "finds no anomalies" in refused("anomalies", HOUSES, "--model", tmp_path / "r.model")


def test_features_are_written_and_probed(run, tmp_path):
    out, save = tmp_path / "features.parquet", tmp_path / "m.model"
    document = run("features", HOUSES, "--target", "price", "--dimensions", 4, "--out", out,
                   "--save", save, "--json", *BRIEF).document()  # fmt: skip
    assert document["measure"] == "R²"
    assert set(document["scores"]) == {"columns", "PCA", "codes", "columns and codes"}
    features = papq.read_table(out)
    assert features.column_names == [*(f"feature{n}" for n in range(1, 5)), "target"]
    known = [column.name for column in likewise.load(save).encoder_.columns_]
    assert "price" not in known


def test_features_are_half_as_many_as_the_encoded_columns_if_not_told(run, tmp_path):
    out = tmp_path / "features.csv"
    result = run("features", HOUSES, "--without", "town,zip", "--out", out, *BRIEF)
    assert "makes 3 features of 6 encoded columns (--dimensions)" in result.err
    assert out.read_text().splitlines()[0].replace('"', "") == "feature1,feature2,feature3"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "name --out, --target or --save"),
        (["--target", "colour"], "--target colour: the table has the columns"),
        (["--target", "built"], "the target is"),
        (["--dimensions", "0", "--target", "price"], "--dimensions 0 given"),
        (["--type", "linear", "--target", "price"], "linear has no code"),
    ],
)
def test_features_refuses(refused, options, said):
    assert said in refused("features", HOUSES, *options)


@pytest.mark.parametrize("command", ["reduce", "anomalies"])
def test_the_seven_steps_of_a_row(run, refused, tmp_path, command):
    save, page = tmp_path / "m.model", tmp_path / "steps.html"
    assert run(command, HOUSES, "--save", save, *BRIEF).code == 0
    steps = ["steps", save, "--table", HOUSES]
    document = run(*steps, "--row", 42, "--out", page, "--json").document()
    price = next(cell for cell in document["cells"] if cell["column"] == "price")
    assert price["value"] == 990_000
    assert document["loss_after"] < document["loss"]
    assert "came back as" in page.read_text()
    assert "1  Take one row x: 7 columns" in run(*steps).out
    assert "--row 91 given" in refused(*steps, "--row", 91)
    assert "one of .html" in refused(*steps, "--out", tmp_path / "steps.png")
    assert "only one of them" in refused(*steps, "--basket", "a")
    (tmp_path / "less.csv").write_text("town,zip\nRome,1\n")
    said = refused("steps", save, "--table", tmp_path / "less.csv")
    assert "the model needs the column" in said


def test_steps_of_a_row_need_a_model_of_a_table(refused, tmp_path):
    likewise.UndercompleteAutoencoder(n_latent=1, max_epochs=1).fit([[0.0, 1], [1, 0]]).save(
        tmp_path / "m.model"
    )
    said = refused("steps", tmp_path / "m.model", "--table", HOUSES)
    assert "holds no autoencoder of a table" in said


@pytest.mark.parametrize("command", ["reduce", "features", "anomalies"])
def test_training_that_the_time_cut_short_is_said_to_be(run, tmp_path, command):
    rest = (command, HOUSES, "--out", tmp_path / "o.csv")
    cut = run(*rest, "--seconds", 1e-6, "--json")
    assert "the time ended the training in epoch 1: give more --seconds" in cut.err
    assert cut.document()["stopped"] == "max_seconds"
    whole = run(*rest, "--json", *BRIEF)
    assert "the time" not in whole.err
    assert whole.document()["stopped"] == "max_epochs"


def test_features_say_that_several_trainings_share_the_time(run):
    cut = run("features", HOUSES, "--target", "price", "--seconds", 1e-6)
    assert "the time, shared by 4 trainings, ended the training in epoch 1" in cut.err


@pytest.mark.parametrize("command", ["reduce", "features", "anomalies"])
def test_what_was_chosen_by_the_data_is_said(run, tmp_path, command):
    result = run(command, HOUSES, "--out", tmp_path / "o.csv", *BRIEF)
    assert "deviations from its column's mean" in result.err
    assert "by the squared loss" in result.err
    assert run(command, HOUSES, "--out", tmp_path / "o.csv", *BRIEF, "--quiet").err == ""
