"""`likewise fit`: what was taken is said, what was asked for is done, the folder recommends."""

import gzip
import json
import re
import sqlite3

import pyarrow.parquet as papq
import pytest

import likewise
from likewise.cli.fit import MODELS
from likewise.recommend.classic import Classic

BRIEF = {
    "denoising": ["--set", "n_latent=4", "--set", "max_epochs=2"],
    "variational": ["--set", "n_latent=4", "--set", "hidden=8", "--set", "max_epochs=2"],
    "undercomplete": ["--set", "n_latent=4", "--set", "max_epochs=2"],
}
"""Settings that make a type quick."""


@pytest.fixture
def fit(run, orders, tmp_path):
    """Fit on the log, unless another is named, and return the JSON document."""

    def _fit(*arguments, log=None, model="linear"):
        named = ["--model", model, *BRIEF.get(model, [])] if model else []
        out = ["--out", tmp_path / "shop.model"]
        return run("fit", *(log or [orders]), *out, *named, "--json", *arguments).document()

    return _fit


@pytest.fixture
def weights(tmp_path):
    """Return the bytes of the weights that were written."""
    return lambda: (tmp_path / "shop.model" / "weights.safetensors").read_bytes()


def test_what_was_taken_goes_to_stderr_and_the_result_to_stdout(run, orders, tmp_path):
    out = tmp_path / "shop.model"
    result = run("fit", orders, "--out", out, "--model", "item-knn")
    assert result.out == f"wrote {out}: item-knn over 18 items, learned from 40 baskets\n"
    assert result.err.splitlines() == [
        f"read 240 rows of {orders} "
        "(user: customer, item: sku, time: date, weight: qty, title: title)",
        "kept 240 events of 40 users and 18 items, 2025-01-06T00:00:00Z to 2025-06-14T00:00:00Z",
    ]
    assert result.code == 0


def test_a_model_is_written_without_counts_of_pairs_where_memory_has_no_room_for_them(
    run, orders, tmp_path, monkeypatch
):
    monkeypatch.setattr("likewise.recommend.support.available_memory", lambda: 0)
    result = run("fit", orders, "--out", tmp_path / "shop.model", "--model", "linear")
    assert result.code == 0
    assert "memory had no room for counts of what was bought together" in result.err
    assert not likewise.load(tmp_path / "shop.model").support_.pairs.nnz


def test_quiet_says_nothing_on_stderr(run, orders, tmp_path):
    result = run("fit", orders, "--out", tmp_path / "shop.model", "--model", "linear", "-q")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("wrote ")


def test_json_is_one_document(fit, tmp_path):
    document = fit("--set", "l2=20")
    assert document["out"] == str(tmp_path / "shop.model")
    assert (document["model"], document["items"], document["baskets"]) == ("linear", 18, 40)
    assert document["parameters"]["l2"] == 20
    assert document["log"]["columns"]["item"] == "sku"


@pytest.mark.parametrize("model", MODELS)
def test_every_model_is_fitted_by_its_name(fit, run, model, tmp_path):
    assert fit(model=model)["model"] == model
    answer = run("recommend", tmp_path / "shop.model", "--basket", "85123A", "-k", 17, "--json")
    items = [r["item"] for r in answer.document()["items"]]
    assert len(set(items)) == 17
    assert "85123A" not in items


def test_without_a_model_the_best_is_looked_for_and_said(run, orders, tmp_path):
    result = run("fit", orders, "--out", tmp_path / "shop.model", "--budget", "2")
    assert "on held-out customers, best of " in result.err
    choice = likewise.load(tmp_path / "shop.model").metrics["choice"]
    assert f" of {len(choice['trials'])} trials, in " in result.err
    assert choice["budget"] == 2
    assert f" in {choice['spent']:g} of 2 seconds for choosing" in result.err
    assert choice["trials"][0]["model"] == "linear"
    assert re.search("purchases keep their weight: [0-9]+ customers? came back", result.err)
    assert choice["parts"][0]["model"] in result.err.split("chose ")[1]
    said = f"judged on {choice['judged']} customers only: which model was chosen is mostly chance"
    assert result.err.splitlines().count(said) == 1


def test_where_enough_customers_are_judged_on_nothing_is_said_of_chance(
    run, orders, tmp_path, monkeypatch
):
    monkeypatch.setattr("likewise.cli.choosing.FEW_JUDGES", 4)
    result = run("fit", orders, "--out", tmp_path / "shop.model", "--budget", "1")
    assert likewise.load(tmp_path / "shop.model").metrics["choice"]["judged"] == 4
    assert "chance" not in result.err


def test_a_neural_model_says_how_its_training_ended(run, orders, tmp_path):
    given = ["--model", "variational", *BRIEF["variational"]]
    result = run("fit", orders, "--out", tmp_path / "shop.model", *given)
    assert "trained 2 epochs, kept the weights after" in result.err
    assert "(stopped by max_epochs)" in result.err


def test_the_same_seed_finds_the_same_and_another_one_another(run, orders, tmp_path, monkeypatch):
    monkeypatch.setattr("time.monotonic", lambda: 0.0)  # how far it gets is a matter of time
    found = []
    for seed in (0, 0, 1):
        out = tmp_path / f"{len(found)}.model"
        run("fit", orders, "--out", out, "--budget", "4", "--seed", seed)
        choice = json.loads((out / "metrics.json").read_text())["choice"]
        assert len(choice["trials"]) > 10
        found.append((choice, (out / "weights.safetensors").read_bytes()))
    one, same, another = found
    assert same == one
    assert another[0]["trials"] != one[0]["trials"]


def test_the_budget_ends_training(fit):
    document = fit("--set", "max_epochs=1000000", "--set", "patience=1000000", "--budget", "0.05",
                   model="variational")  # fmt: skip
    assert document["training"]["stopped"] == "max_seconds"


def test_settings_are_read_as_the_kind_they_are(fit):
    assert fit("--set", "l2=2e2", "--set", "dropout=.5")["parameters"]["l2"] == 200.0
    given = ["--set", "hidden=8,6", "--set", "loss=bernoulli", "--set", "learning_rate=1E-2"]
    parameters = fit(*given, model="variational")["parameters"]
    assert parameters["hidden"] == [8, 6]
    assert (parameters["loss"], parameters["learning_rate"]) == ("bernoulli", 0.01)
    assert parameters["random_state"] == 0


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("l3=1", "linear has the settings dropout, item_power, l2, relaxation, user_power"),
        ("l2", "write --set NAME=VALUE"),
        ("l2=much", "--set l2=much: give a number"),
        ("l2=inf", "--set l2=inf: give a number"),
        ("l2=-1", "--set l2=-1: give a number, more than 0"),
        ("dropout=1.5", "--set dropout=1.5: give a number, 0 or more and less than 1"),
    ],
)
def test_a_setting_that_is_none_is_refused(refused, orders, tmp_path, setting, why):
    model = ["--out", tmp_path / "shop.model", "--model", "linear"]
    assert why in refused("fit", orders, *model, "--set", setting)


def test_settings_without_a_model_are_refused(refused, orders, tmp_path):
    given = ["--out", tmp_path / "shop.model", "--set", "l2=1"]
    assert "--set needs --model" in refused("fit", orders, *given)


@pytest.mark.parametrize("option", [["--device", "cpu"], ["--checkpoint", "training.ckpt"]])
def test_an_option_that_a_model_cannot_heed_is_refused(refused, orders, tmp_path, option):
    named = ["--model", "item-knn"]
    message = refused("fit", orders, "--out", tmp_path / "shop.model", *named, *option)
    assert f"{option[0]} is for models trained by epochs" in message


def test_auto_has_no_checkpoint_of_one_model(refused, orders, tmp_path):
    given = ["--out", tmp_path / "shop.model", "--checkpoint", "training.ckpt"]
    assert "auto is resumed from --trials" in refused("fit", orders, *given)


def test_a_device_that_is_not_there_is_refused(refused, orders, tmp_path):
    for named in (["--model", "variational"], []):
        given = [*named, "--device", "abacus"]
        message = refused("fit", orders, "--out", tmp_path / "shop.model", *given)
        assert message.startswith("device='abacus'")


def test_rows_are_dropped_by_conditions_and_counted(fit):
    given = ["--drop", "doubled=qty > 1", "--drop", "garden = sku LIKE '48%'"]
    dropped = fit(*given)["log"]["dropped"]
    assert dropped == {"doubled": 99, "garden": 54}


def test_min_weight_keeps_the_heavy_rows(fit):
    log = fit("--min-weight", "2")["log"]
    assert (log["rows_kept"], log["dropped"]) == (99, {"weight below 2": 141})


@pytest.mark.parametrize("condition", ["qty < 0", "=qty < 0", "returns="])
def test_a_condition_without_a_reason_is_refused(refused, orders, tmp_path, condition):
    message = refused("fit", orders, "--out", tmp_path / "shop.model", "--drop", condition)
    assert 'write it as --drop "returns=quantity < 0"' in message


def test_titles_from_a_table_of_their_own(fit, tmp_path):
    films = tmp_path / "films.csv"
    films.write_text("sku,name\n85123A,The Tea Pot\n22423,The Cup\n")
    fit("--titles", films)
    catalogue = likewise.load(tmp_path / "shop.model").catalogue_
    assert catalogue.title_of("85123A") == "The Tea Pot"
    assert catalogue.title_of("00746") == "00746"


def test_the_answer_of_a_database_is_a_log(fit, table, tmp_path):
    path = tmp_path / "shop.db"
    rows = [tuple(row.values()) for row in table.select(["customer", "sku", "qty"]).to_pylist()]
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE orders (customer TEXT, sku TEXT, qty INTEGER)")
        database.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    database.close()
    query = "SELECT customer AS who, sku AS what FROM orders WHERE qty < 3"
    given = ["--query", query, "--user", "who", "--item", "what"]
    log = fit(*given, log=[f"sqlite:///{path}"])["log"]
    assert log["columns"] == {"user": "who", "item": "what"}
    assert log["rows_read"] == sum(qty < 3 for *_, qty in rows)


def test_several_files_and_a_pattern_are_one_log(fit, table, tmp_path):
    parts = [tmp_path / f"2025-{part}.parquet" for part in (1, 2)]
    papq.write_table(table.slice(0, 100), parts[0])
    papq.write_table(table.slice(100), parts[1])
    by_names, by_pattern = fit(log=parts)["log"], fit(log=[tmp_path / "2025-*.parquet"])["log"]
    assert by_names["rows_read"] == by_pattern["rows_read"] == 240
    assert by_names["n_items"] == by_pattern["n_items"] == 18


def test_columns_are_named_and_an_empty_name_takes_none(fit, orders, tmp_path):
    renamed = orders.read_text().replace("customer,sku,date,qty,title", "a,b,c,d,e", 1)
    path = tmp_path / "letters.csv.gz"
    path.write_bytes(gzip.compress(renamed.encode()))
    named = ["--user", "a", "--item", "b", "--time", "c", "--weight", "d", "--title", "e"]
    columns = fit(*named, log=[path])["log"]["columns"]
    assert columns == {"user": "a", "item": "b", "time": "c", "weight": "d", "title": "e"}
    assert fit("--time", "", "--weight", "", "--title", "")["log"]["columns"] == {
        "user": "customer",
        "item": "sku",
    }


def test_invoices_stand_in_for_users(fit, tmp_path, orders):
    path = tmp_path / "tickets.csv"
    path.write_text(orders.read_text().replace("customer,", "paper,", 1))
    log = fit("--basket", "paper", log=[path])["log"]
    assert log["columns"]["basket"] == "paper"
    assert log["n_users"] == 40


def test_bad_rows_are_left_out_if_asked_to(fit, refused, tmp_path, orders):
    path = tmp_path / "orders.csv"
    path.write_text(orders.read_text() + "c041,85123A,2025-07-01,many,Tea pot\n")
    message = refused("fit", path, "--out", tmp_path / "shop.model")
    assert f"{path} line 242: weight is not a number in column 'qty': 'many'" in message
    assert fit("--skip-bad-rows", log=[path])["log"]["dropped"] == {"weight is not a number": 1}


def test_times_are_read_as_they_are_written(fit, tmp_path, orders):
    path = tmp_path / "orders.csv"
    path.write_text(orders.read_text().replace("-", "."))
    log = fit("--time-format", "%Y.%m.%d", log=[path])["log"]
    assert log["first_time"] == "2025-01-06T00:00:00Z"


def test_weights_count_only_if_asked_to(fit, weights, refused, orders, tmp_path):
    seen = []
    for weighting in ("binary", "log", "linear"):
        fit("--weighting", weighting)
        assert likewise.load(tmp_path / "shop.model").weighting == weighting
        seen.append(weights())
    assert len(set(seen)) == 3
    message = refused("fit", orders, "--out", tmp_path / "shop.model", "--weighting", "heavy")
    assert message == "--weighting heavy is none of binary, log, linear"


def test_the_seed_decides_everything_random(fit, weights):
    seen = []
    for seed in ("1", "1", "2"):
        fit("--seed", seed, model="denoising")
        seen.append(weights())
    assert seen[0] == seen[1] != seen[2]


def test_training_goes_on_from_a_checkpoint(fit, tmp_path):
    given = ["--checkpoint", tmp_path / "training.ckpt", "--set", "patience=9"]
    first = fit(*given, model="denoising")["training"]["epochs"]
    assert (tmp_path / "training.ckpt").exists()
    second = fit(*given, "--set", "max_epochs=4", model="denoising")["training"]["epochs"]
    assert (len(first), len(second)) == (2, 4)
    assert second[:2] == first


def test_an_older_model_is_replaced_and_another_folder_is_not(fit, refused, orders, tmp_path):
    fit()
    assert fit(model="popularity")["model"] == "popularity"
    assert likewise.load(tmp_path / "shop.model").model_.type_name == "popularity"
    message = refused("fit", orders, "--out", tmp_path)
    assert "is not a model folder, so it is not overwritten" in message


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (["--model", "linear", "--set", "l2=-1"], "--set l2=-1: give a number, more than 0"),
        (
            ["--model", "neighbourhood", "--set", "n_neighbours=0"],
            "--set n_neighbours=0: give auto or a whole number, 1 or more",
        ),
        (["--model", "linear", "--budget", "5"], "--budget is for models trained by epochs"),
        (["--model", "popularity", "--budget", "5"], "and popularity is not one"),
    ],
)
def test_options_are_refused_before_the_log_is_read(refused, tmp_path, arguments, why):
    log, out = tmp_path / "no such log.csv", tmp_path / "shop.model"
    assert why in refused("fit", log, "--out", out, *arguments)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--model", "denoising", "--checkpoint", "other.ckpt"], "is damaged"),
        (["--model", "hvamp", "--set", "output=sampled"], "use output='blocked'"),
    ],
)
def test_what_is_refused_is_refused_before_the_classic_autoencoder(
    refused, orders, tmp_path, monkeypatch, given, why
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.ckpt").write_text("no checkpoint")
    monkeypatch.setattr(Classic, "of", lambda *_, **__: pytest.fail("it was trained"))
    assert why in refused("fit", orders, "--out", tmp_path / "m", "--quiet", *given)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("orders.csv", "user,item", "holds orders.csv, which is no trial of a search"),
        ("trials.jsonl", "no trials", "trials.jsonl line 1: these are no trials of a search"),
        ("trials.jsonl", '{"about": "x"}\n{}\n{}', "line 2: these are no trials of a search"),
        ("trials.jsonl", "\xff", "trials.jsonl line 1: these are no trials of a search"),
        ("half-life.json", "{}", "half-life.json is damaged; remove it"),
    ],
)
def test_a_folder_that_cannot_hold_trials_is_refused_before_the_log_is_read(
    refused, tmp_path, name, text, why
):
    (trials := tmp_path / "trials").mkdir()
    (path := trials / name).write_text(text, encoding="latin-1")
    given = ["--out", tmp_path / "m", "--trials", trials]
    assert why in refused("fit", tmp_path / "no such log.csv", *given)
    assert path.read_text(encoding="latin-1") == text


def test_trials_below_what_cannot_be_written_are_refused_before_the_log_is_read(refused, tmp_path):
    (tmp_path / "file").touch()
    given = ["fit", tmp_path / "no such log.csv", "--out", tmp_path / "m", "--trials"]
    assert "file is a file; name a folder" in refused(*given, tmp_path / "file" / "below")
    message = refused(*given, "/proc/trials", code=1)
    assert message.startswith("the trials in /proc/trials cannot be written")


def test_a_fit_that_would_not_keep_to_memory_is_refused(refused, orders, tmp_path):
    message = refused("fit", orders, "--out", tmp_path / "m", "--memory", "1MB", code=1)
    assert re.fullmatch(
        r"reading a log needs 208 MiB and --memory 1MB leaves 0 MiB beside the .* (M|G)iB taken "
        r"already \(the program .*\); raise it to \d+ MiB or more, or free some memory",
        message,
    )


def test_a_half_life_is_kept_to_and_chosen(fit, run, orders, tmp_path):
    fit("--half-life", 30, "--set", "l2=5")
    recommender = likewise.load(tmp_path / "shop.model")
    assert recommender.weighting == "recent"
    assert recommender.metrics["half_life"]["days"] == 30
    fit(model="linear")
    assert not (recommender.model_.B_ == likewise.load(tmp_path / "shop.model").model_.B_).all()
    given = ["--half-life", "auto", "--set", "l2=5"]
    result = run("fit", orders, "--out", tmp_path / "shop.model", "--model", "linear", *given)
    assert result.code == 0
    assert "purchases keep their weight: " in result.err
    assert likewise.load(tmp_path / "shop.model").metrics["half_life"]["days"] is None


def test_auto_chooses_a_half_life_unless_told_otherwise(run, fading, tmp_path):
    out = tmp_path / "shop.model"
    result = run("fit", fading, "--out", out, "--budget", "3")
    recommender = likewise.load(out)
    days = recommender.metrics["half_life"]["days"]
    assert days < 100
    assert recommender.weighting == "recent"
    assert (
        f"a purchase counts half after {days:g} days: better than without by ndcg@100 +"
        in result.err
    )
    run("fit", fading, "--out", out, "--budget", "1", "--half-life", "none")
    assert likewise.load(out).metrics["half_life"]["days"] is None
    run("fit", fading, "--out", out, "--budget", "1", "--half-life", "30")
    assert likewise.load(out).metrics["half_life"]["days"] == 30
    run("fit", fading, "--out", out, "--budget", "1", "--weighting", "log")
    assert likewise.load(out).weighting == "log"


def test_buying_again_counts_if_asked_to(run, orders, tmp_path):
    given = ["--repeats", "--budget", "1", "--json"]
    document = run("fit", orders, "--out", tmp_path / "shop.model", *given).document()
    assert document["choice"]["repeats"]
    assert "personal-frequency" in {trial["model"] for trial in document["choice"]["trials"]}


def test_where_most_is_bought_again_repeats_are_pointed_to(run, orders, tmp_path):
    lines = orders.read_text(encoding="utf-8").splitlines()
    again = tmp_path / "again.csv"
    later = [line.replace("2025-", "2026-") for line in lines[1:]]
    again.write_text("\n".join([*lines, *later, *(x.replace("2026-", "2027-") for x in later)]))
    out, said = ("--out", tmp_path / "shop.model", "--budget", "1"), "--repeats lets that count"
    assert said in run("fit", again, *out).err
    assert said not in run("fit", again, *out, "--repeats").err
    assert said not in run("fit", orders, *out).err


def test_auto_says_what_it_chose_and_keeps_its_trials(run, orders, tmp_path):
    given = ["--model", "auto", "--budget", "2s", "--trials", tmp_path / "trials"]
    document = run("fit", orders, "--out", tmp_path / "shop.model", *given, "--json").document()
    choice = document["choice"]
    assert choice["trials"]
    assert sum(part["weight"] for part in choice["parts"]) >= 1
    lines = (tmp_path / "trials" / "trials.jsonl").read_text().splitlines()
    assert len(lines) == len(choice["trials"]) + 1


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--half-life", "soon"], "give days, more than 0, auto or none"),
        (["--half-life", "0"], "give days, more than 0, auto or none"),
        (["--half-life", "30", "--weighting", "log"], "do not go together"),
        (["--weighting", "recent"], "--weighting recent is none of binary, log, linear"),
        (["--half-life", "30", "--time", ""], "--half-life 30 needs times, and the log has none"),
        (["--half-life", "auto", "--time", ""], "--half-life auto needs times"),
        (["--model", "linear", "--trials", "t"], "--trials keeps the trials of --model auto"),
        (["--model", "auto", "--set", "l2=1"], "--set needs --model with a type"),
        (["--model", "linear", "--repeats"], "--repeats says what --model auto chooses by"),
        (["--repeats", "--time", ""], "--repeats needs times, and the log has none; name its"),
    ],
)
def test_recency_and_auto_refuse_what_they_cannot_heed(refused, orders, tmp_path, given, why):
    assert why in refused("fit", orders, "--out", tmp_path / "shop.model", *given)


def test_a_fit_says_where_memory_makes_it_less_dense_and_what_would_do(run, many_items, tmp_path):
    arguments = ["fit", many_items, "--out", tmp_path / "m", "--model", "neighbourhood", "--memory"]
    (line,) = [said for said in run(*arguments, "520MB").err.splitlines() if "took" in said]
    found = re.fullmatch(
        r"took 100 neighbours, and 100 columns over all items: memory has no room for 200 and 200, "
        r"for which --memory (\d+MiB) would do",
        line,
    )
    recommender = likewise.load(tmp_path / "m")
    assert recommender.metrics["density"] == {"n_neighbours": 100, "n_whole": 100}
    assert (recommender.model_.n_neighbours_, recommender.model_.n_whole_) == (100, 100)
    document = run(*arguments, found[1], "--json")
    assert document.document()["density"] == {"n_neighbours": 200, "n_whole": 200}
    assert "took" not in document.err


def test_a_fit_on_a_machine_of_little_memory_says_how_much_would_do(
    run, many_items, tmp_path, monkeypatch
):
    monkeypatch.setattr("likewise.memory._machine_available", lambda: 120 * 2**20)
    result = run("fit", many_items, "--out", tmp_path / "m", "--model", "neighbourhood")
    assert re.search(r"200 and 200, for which 1\d\d MiB of free memory would do\n", result.err)


def test_a_number_of_neighbours_is_kept_to_or_refused(fit, refused, many_items, tmp_path):
    given = ["--memory", "520MB", "--set", "n_whole=0", "--set"]
    document = fit(*given, "n_neighbours=40", log=[many_items], model="neighbourhood")
    assert document["density"] == {"n_neighbours": 40, "n_whole": 0}
    out = ["--out", tmp_path / "m", "--model", "neighbourhood", "--quiet"]
    message = refused("fit", many_items, *out, *given, "n_neighbours=200", code=1)
    assert "(200 neighbours each" in message
    assert "raise it to " in message
