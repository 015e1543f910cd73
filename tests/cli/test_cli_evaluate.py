"""`likewise evaluate`: one honest table, on the screen, as JSON and as a page."""

import re
import shutil

import numpy as np
import pytest

import likewise

CHEAP = "popularity,recent popularity,item k-NN"


@pytest.fixture
def evaluate(run, orders):
    """Compare cheap models, unless others are named."""

    def _evaluate(*arguments, log=orders, models=CHEAP):
        named = [] if models is None else ["--models", models]
        return run("evaluate", log, "--budget", 1, *named, *arguments)

    return _evaluate


def test_models_stand_in_one_table_and_differences_are_said_in_words(evaluate):
    result = evaluate("--split", "last")
    assert result.code == 0
    first, _, headers, _, *rows = result.out.splitlines()
    assert first == "Split: last out. Test: 40 users, judged on what was new to them."
    assert headers.split()[:3] == ["model", "recall@20", "recall_capped@20"]
    assert [row.strip().split("  ")[0] for row in rows[:3]] == CHEAP.split(",")
    assert "On ndcg@10, " in result.out
    assert "± is half of a 95% bootstrap interval" in result.err
    assert result.err.startswith("read 240 rows of ")


def test_buying_again_has_a_table_of_its_own(evaluate):
    out = evaluate("--split", "time").out
    judged = re.findall(r"judged on (.*)\.$", out, flags=re.MULTILINE)
    assert judged == ["what was new to them", "all they bought, repeats too"]


def test_all_models_are_compared_if_none_is_named(evaluate):
    document = evaluate("--json", "--seeds", 1, models=None).document()
    names = [model["model"] for model in document["models"]]
    assert {"popularity", "item k-NN", "linear", "Mult-DAE", "Mult-VAE"} <= set(names)


def test_json_is_one_document_without_notes(evaluate):
    result = evaluate("--json", "-q")
    document = result.document()
    assert result.err == ""
    assert [model["model"] for model in document["models"]] == CHEAP.split(",")
    for model in document["models"]:
        ndcg = model["metrics"]["ndcg@10"]
        assert 0 <= ndcg["low"] <= ndcg["mean"] <= ndcg["high"] <= 1
    assert document["with_repeats"]["repeats"]


@pytest.mark.parametrize(
    ("arguments", "split"),
    [
        ([], "global time"),
        (["--split", "time"], "global time"),
        (["--split", "users"], "strong generalisation"),
        (["--split", "last"], "last out"),
        (["--time", ""], "strong generalisation"),
    ],
)
def test_the_log_is_cut_as_asked(evaluate, arguments, split):
    document = evaluate(*arguments, "--json", models="popularity").document()
    assert document["split"] == split


def test_purchases_lose_weight_where_that_is_ahead_before_the_test(run, fading):
    given = ["evaluate", fading, "--models", "popularity,linear,recent linear", "--budget", "1"]
    found = run(*given, "--json").document()
    assert re.fullmatch(r"global time, a half-life of \d+ days for .*", found["split"])
    mean = {m["model"]: m["metrics"]["ndcg@10"]["mean"] for m in found["models"]}
    assert mean["recent linear"] > mean["linear"]
    given[3] = "popularity"
    assert run(*given, "--json", "--half-life", "none").document()["split"] == "global time"
    named = run(*given, "--json", "--half-life", "9").document()["split"]
    assert named == "global time, a half-life of 9 days for models that heed it"


def test_a_half_life_that_cannot_be_heeded_is_refused(refused, orders):
    given = ["evaluate", orders, "--models", "popularity", "--half-life"]
    why = "--half-life 30 needs a log that is cut in time; give it with --split time"
    assert why in refused(*given, 30, "--split", "users")
    assert why in refused(*given, 30, "--split", "last")
    assert "--half-life 30 needs times, and the log has none" in refused(*given, 30, "--time", "")
    assert "give days, more than 0, auto or none" in refused(*given, "soon")


def test_a_model_that_there_is_not_is_refused_before_the_log_is_read(refused, tmp_path):
    why = refused("evaluate", tmp_path / "none.csv", "--models", "popularity,magic")
    assert "there is no model 'magic'; the models are popularity, " in why


def test_models_with_chance_in_them_are_fitted_with_several_seeds(evaluate):
    document = evaluate("--seeds", 2, "--json", models="undercomplete,popularity").document()
    assert {m["model"]: m["seeds"] for m in document["models"]} == {
        "popularity": 1,
        "undercomplete": 2,
    }
    assert document["sentences"][-1].startswith("undercomplete was fitted with 2 seeds")


def test_lists_from_one_item_are_judged_on_their_own(evaluate):
    given = ["--split", "last", "--json"]
    from_histories = evaluate(*given, models="item k-NN").document()
    from_one_item = evaluate(*given, "--also-bought", models="item k-NN").document()
    assert from_one_item["users"] <= from_histories["users"]
    means = [d["models"][0]["metrics"]["ndcg@10"]["mean"] for d in (from_histories, from_one_item)]
    assert means[0] != means[1]


def test_the_report_is_one_page_that_loads_nothing(evaluate, tmp_path):
    out = tmp_path / "report.html"
    result = evaluate("--out", out)
    assert result.out.endswith(f"wrote {out}\n")
    page = out.read_text(encoding="utf-8")
    assert page.count("data:image/svg+xml") == 2
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:|#)", page)
    assert not re.findall(r"url\((?![\"']?(?:data:|#))|@import", page)
    for model in CHEAP.split(","):
        assert model in page


def test_models_may_be_named_as_fit_names_them(evaluate):
    assert "item k-NN" in evaluate("--split", "users", models="item-knn").out


def test_the_log_is_read_with_the_same_options_as_by_fit(evaluate):
    given = ["--drop", "single=qty = 1", "--split", "users", "--weight", "qty", "--title", ""]
    result = evaluate(*given, models="popularity")
    assert "dropped 141 rows: single" in result.err
    assert "title" not in result.err.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--models", "popularity,magic"], "there is no model 'magic'; the models are popularity"),
        (["--models", ","], "0 models"),
        (["--split", "time", "--time", ""], "a global-time split needs times"),
        (["--split", "last", "--time", ""], "leave-last-out needs times"),
        (["--split", "odd"], "Invalid value for '--split'"),
        (["--seeds", "0"], "--seeds 0 given; give 1 or more"),
        (["--budget", "0"], "--budget 0 given; give seconds, more than 0"),
        (["--budget", "nan"], "--budget nan given"),
        (["--budget", "inf"], "--budget inf given"),
        (["--out", "report.pdf"], "--out report.pdf has no known ending; it is one of .html"),
        (["--out", "nowhere/report.html"], "there is no folder nowhere"),
        (["--min-weight", "nan"], "--min-weight nan given; give a finite number"),
        (["--drop", "odd=nothing > 1"], "nothing"),
        (["--titles", "none.csv"], "none.csv does not exist"),
        (["--user", "buyer"], "no column 'buyer' for user; the columns are 'customer', 'sku'"),
        (["--query", "SELECT 1"], "query is for databases"),
    ],
)
def test_evaluate_refuses(refused, orders, tmp_path, monkeypatch, arguments, why):
    monkeypatch.chdir(tmp_path)
    assert why in refused("evaluate", orders, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_recent_popularity_needs_times(refused, orders):
    message = refused("evaluate", orders, "--time", "", "--models", "recent popularity")
    assert "there is no model 'recent popularity'" in message


def test_results_are_kept_in_a_model_folder(evaluate, fitted, tmp_path):
    folder = shutil.copytree(fitted, tmp_path / "shop.model")
    result = evaluate("--split", "last", "--keep-in", folder)
    assert result.out.splitlines()[-1] == f"kept the results in {folder}"
    kept = likewise.load(folder).metrics["comparison"]
    assert [model["model"] for model in kept["models"]] == CHEAP.split(",")
    assert kept["sentences"]


def test_a_wrong_folder_to_keep_in_is_refused_before_the_work(refused, orders, tmp_path):
    assert "cannot be opened" in refused("evaluate", orders, "--keep-in", tmp_path / "none")
    table = np.random.default_rng(0).normal(size=(20, 3))
    likewise.UndercompleteAutoencoder(n_latent=1, max_epochs=1).fit(table).save(tmp_path / "bare")
    assert "bare autoencoder" in refused("evaluate", orders, "--keep-in", tmp_path / "bare")
