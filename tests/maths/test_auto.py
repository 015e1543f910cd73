"""`auto`: what wins a search, what it writes down, and that it can be gone on with."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

import likewise
from likewise.autoencoders import (
    KernelAutoencoder,
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
    RecVAE,
    SpectralAutoencoder,
)
from likewise.data.fold import FoldIn, held_out_items
from likewise.data.interactions import Interactions
from likewise.data.vocabulary import Vocabulary
from likewise.errors import InputError, NotEnoughMemoryError
from likewise.evaluate.protocol import METRIC, evaluate
from likewise.recommend import auto as module
from likewise.recommend import companions, estimate, search, trained
from likewise.recommend.auto import auto
from likewise.recommend.baselines import ItemNeighbours, Popularity, RP3Beta
from likewise.recommend.beside import Beside
from likewise.recommend.blend import CALIBRATIONS, Blend
from likewise.recommend.candidates import neural_candidates
from likewise.recommend.climbing import Trial
from likewise.recommend.folder import load
from likewise.recommend.journal import TRIALS, Journal, fingerprint
from likewise.recommend.recommender import Recommender
from likewise.recommend.search import Search
from likewise.recommend.searches import ALONE, LINEAR, SEARCHES, closed_forms
from likewise.recommend.selection import choose
from likewise.recommend.support import Support
from likewise.recommend.weights import Summed, choose_weights, some_of, weighed_on


@pytest.fixture(scope="module")
def shop():
    """Customers who keep to one of three groups of items."""
    rng = np.random.default_rng(0)
    own = np.arange(12) // 4 == rng.integers(0, 3, 90)[:, None]
    bought = rng.random((90, 12)) < np.where(own, 0.7, 0.1)
    return Interactions.of([[f"i{n}" for n in np.flatnonzero(row)] for row in bought])


@pytest.fixture(autouse=True)
def _timeless(monkeypatch):
    """Let no time pass: what is tried shall not depend on how busy the machine is."""
    monkeypatch.setattr("time.monotonic", lambda: 0.0)


@pytest.fixture
def small(monkeypatch):
    """Let neural candidates be small, and begin with them whatever time is left."""

    def candidates(n_users, **run):
        found = neural_candidates(n_users, **run)
        for model in found.values():
            model.set_params(n_latent=3, max_epochs=3)
            if model.hidden != "auto":
                model.set_params(hidden=[8] * len(model.hidden))
        return found

    monkeypatch.setattr(module, "neural_candidates", candidates)
    monkeypatch.setattr(trained, "LEAST_SECONDS", 0.0)


def test_every_family_is_tried_and_the_best_is_fitted_on_everything(shop, small):
    found = auto(shop, budget=8, seed=3)
    tried = {name for name, _ in found.trials}
    assert {"linear", "item-knn", *neural_candidates(90)} <= tried
    best = max(trial.score for _, trial in found.trials)
    assert found.weights.score >= best
    model = found.recommender.model_
    assert isinstance(model, Blend) == (len(found.parts) > 1)
    np.testing.assert_array_equal(found.recommender.catalogue_.counts, shop.item_counts)
    choice = found.recommender.metrics["choice"]
    assert json.loads(json.dumps(choice)) == choice
    assert [part["weight"] for part in choice["parts"]] == list(found.weights.weights)
    assert len(choice["trials"]) == len(found.trials)


@pytest.fixture
def dated(tmp_path):
    """A log with times of customers who keep to one of three groups of items."""
    rng = np.random.default_rng(0)
    days = np.datetime64("2025-01-01") + rng.integers(0, 100, (90, 12))
    own = np.arange(12) // 4 == rng.integers(0, 3, 90)[:, None]
    bought = rng.random((90, 12)) < np.where(own, 0.5, 0.1)
    lines = [f"u{user},i{item},{days[user, item]}" for user, item in np.argwhere(bought)]
    (tmp_path / "log.csv").write_text("\n".join(["user,item,time", *lines]))
    return likewise.read_log(tmp_path / "log.csv")


def test_the_same_seed_finds_the_same_to_the_last_bit_and_another_one_another(
    dated, small, monkeypatch
):
    """From the half-life and the customers held out to what is fitted on everything."""
    candidates = module.neural_candidates
    monkeypatch.setattr(
        module, "neural_candidates", lambda *_, **run: {"RecVAE": candidates(90, **run)["RecVAE"]}
    )
    one, same, another = (auto(dated, budget=8, seed=seed) for seed in (3, 3, 4))
    tried = {name for name, _ in one.trials}
    assert {"linear", "kernel", "spectral", "item-knn", "RecVAE"} <= tried
    assert same.trials == one.trials  # names, settings, scores
    assert same.weights == one.weights
    assert len(one.parts) > 1
    assert [(name, part.get_params()) for name, part in same.parts] == [
        (name, part.get_params()) for name, part in one.parts
    ]
    assert same.recommender.metrics == one.recommender.metrics
    baskets, items = [["i0"], ["i1", "i9"], []], ["i0", "i7"]
    assert same.recommender.recommend(baskets, k=5) == one.recommender.recommend(baskets, k=5)
    assert same.recommender.also_bought(items, k=5) == one.recommender.also_bought(items, k=5)
    assert another.trials != one.trials


def test_the_best_setting_is_fitted_once_to_be_judged(shop, monkeypatch):
    fits, fit = [], ItemNeighbours._fit

    def counted(model, X, validate):
        fits.append(model.get_params())
        fit(model, X, validate)

    monkeypatch.setattr(ItemNeighbours, "_fit", counted)
    monkeypatch.setattr(search, "closed_forms", lambda *_: [ItemNeighbours])
    found = auto(shop, budget=4, neural=False, support=False)
    tried = [trial.parameters for _, trial in found.trials]
    assert fits == [*tried, found.parts[0][1].get_params()]  # and again, on everything


def test_parts_that_do_not_fit_in_memory_together_are_fewer(shop, monkeypatch):
    whole = auto(shop, budget=4, neural=False)
    assert len(whole.parts) > 1
    fit = Blend._fit

    def refuse(blend, X, validate):
        if len(blend.parts) >= len(whole.parts):
            raise NotEnoughMemoryError("too many at once")
        fit(blend, X, validate)

    monkeypatch.setattr(Blend, "_fit", refuse)
    fewer = auto(shop, budget=4, neural=False)
    weakest = whole.parts[-1][0]
    assert {name for name, _ in fewer.parts} <= {name for name, _ in whole.parts} - {weakest}
    choice = fewer.recommender.metrics["choice"]
    assert choice["skipped"][weakest] == "too many at once"
    assert len(choice["parts"]) == len(fewer.parts) == len(fewer.weights.weights)
    learned, judged = held_out_items(shop)
    again = Recommender(fewer.recommender.model).fit(learned, support=False)
    assert evaluate(again, judged, (METRIC,)).mean(METRIC) == pytest.approx(fewer.weights.score)


def test_one_part_that_does_not_fit_in_memory_is_refused(shop, monkeypatch):
    fit = search.Search.fitted

    def refuse(self, model, interactions, validation=None):
        if interactions is shop:
            raise NotEnoughMemoryError("no room")
        return fit(self, model, interactions, validation)

    monkeypatch.setattr(search.Search, "fitted", refuse)
    with pytest.raises(NotEnoughMemoryError, match="no room"):
        auto(shop, budget=4, neural=False)


def test_scores_are_let_go_before_everything_is_learned(shop, monkeypatch):
    fit, held = search.Search.fitted, []

    def watch(self, model, interactions, validation=None):
        if interactions is shop:
            held.append((self.found, self.beside.total))
        return fit(self, model, interactions, validation)

    monkeypatch.setattr(search.Search, "fitted", watch)
    auto(shop, budget=4, neural=False, support=False)
    assert held == [([], None)]


def test_a_model_whose_scores_have_no_room_is_left_out(shop, monkeypatch):
    given, as_found, scored = search.require_memory, search.Search.as_found, set()

    def noted(self, name, *rest):
        scored.add(name)
        return as_found(self, name, *rest)

    def short(needed, *why):
        given(needed if len(scored) < 2 else 1 << 60, *why)

    monkeypatch.setattr(search.Search, "as_found", noted)
    monkeypatch.setattr(search, "require_memory", short)
    found = auto(shop, budget=4, neural=False, repeats=False, support=False)
    skipped = found.recommender.metrics["choice"]["skipped"]
    assert len(scored) > 1
    assert sum("scoring" in why for why in skipped.values()) == len(scored) - 1
    assert [name for name, _ in found.parts] == ["linear"]


def test_where_what_won_alone_does_not_fit_on_everything_another_is_taken(shop, monkeypatch):
    fit, refused = search.Search.fitted, []

    def refuse(self, model, interactions, validation=None):
        if interactions is shop and (isinstance(model, Blend) or not refused):
            refused.append(model)
            raise NotEnoughMemoryError("no room")
        return fit(self, model, interactions, validation)

    monkeypatch.setattr(search.Search, "fitted", refuse)
    found = auto(shop, budget=4, neural=False, support=False)
    assert refused
    assert len(found.parts) == 1
    skipped = found.recommender.metrics["choice"]["skipped"]
    assert "no room" in skipped.values()
    assert found.parts[0][0] not in skipped


def test_fewer_pairs_are_counted_where_memory_is_short(shop, monkeypatch):
    monkeypatch.setattr(Support, "most_that_fit", lambda matrix: 12)
    found = auto(shop, budget=4, neural=False)
    assert found.recommender.support_.pairs.nnz <= 12 + shop.n_items


def test_no_two_rungs_are_the_same_model_on_a_small_log():
    baskets = [[n % 60, (n + 1) % 60] for n in range(90)]
    for kind, limited in {
        SpectralAutoencoder: {"n_latent": ([8, 16, 32, 50, 70], 50)},
        KernelAutoencoder: {"n_landmarks": ([250], 250)},
        ItemNeighbours: {"n_neighbours": ([10, 20, 50, 100], 50)},
    }.items():
        small = SEARCHES[kind].within(Interactions.of(baskets))
        for name, (rungs, start) in limited.items():
            assert (small.ladders[name], small.start[name]) == (rungs, start)
        others = set(small.ladders) - set(limited)
        assert all(small.ladders[name] is SEARCHES[kind].ladders[name] for name in others)
    exact = Interactions.of([[*range(50)]] * 50)
    spectral = SEARCHES[SpectralAutoencoder].within(exact)
    assert (spectral.ladders["n_latent"][-1], spectral.start["n_latent"]) == (50, 50)


def test_a_large_log_has_all_rungs():
    bought = sparse.eye_array(4_100, format="lil")
    bought[:, 0] = 1
    large = Interactions.of_matrix(bought.tocsr())
    for whole in (*SEARCHES.values(), *ALONE.values(), *LINEAR.values()):
        assert whole.within(large).start == whole.start | whole.begin(large)
        assert whole.within(large).ladders == whole.ladders


def test_only_the_exact_one_begins_by_how_large_a_catalogue_is():
    few, many = (Interactions.of_matrix(sparse.eye_array(n).tocsr()) for n in (9_000, 9_001))
    begins = [SEARCHES[LinearAutoencoder].within(log).start for log in (few, many)]
    assert [(start["l2"], start["dropout"]) for start in begins] == [(178.0, 0.5), (100.0, 0.4)]
    for other in (ALONE[LinearAutoencoder], LINEAR["DAN"], SEARCHES[NeighbourhoodAutoencoder]):
        assert {other.within(log).start["l2"] for log in (few, many)} == {other.start["l2"]}


def test_the_spectral_search_is_not_stuck_where_all_rungs_are_the_whole_log():
    """Of 60 items, 70, 100 and 140 directions are all that there are, and score alike."""
    rng = np.random.default_rng(0)
    own = np.arange(60) // 10 == rng.integers(0, 6, 200)[:, None]
    bought = rng.random((200, 60)) < np.where(own, 0.6, 0.05)
    groups = Interactions.of([np.flatnonzero(row).tolist() for row in bought])
    choice = choose(SpectralAutoencoder, groups, max_seconds=1)
    assert choice.model.n_latent < 50
    assert not {70, 100, 140} <= {trial.parameters["n_latent"] for trial in choice.trials}


@pytest.mark.parametrize("most", [40, 1])
def test_settings_that_would_not_fit_in_memory_are_no_end_of_the_others(shop, monkeypatch, most):
    room = KernelAutoencoder._require_room

    def refuse(model, X):
        if model.n_landmarks > most:
            raise NotEnoughMemoryError("lower n_landmarks")
        room(model, X)

    monkeypatch.setattr(KernelAutoencoder, "_require_room", refuse)
    ladders = SEARCHES[KernelAutoencoder].only(
        "n_landmarks", plain=KernelAutoencoder().get_params()
    )
    ladders = replace(
        ladders,
        ladders={"n_landmarks": [10, 20, 40, 80]},
        start=ladders.start | {"n_landmarks": 80},
    )
    if most == 1:
        with pytest.raises(InputError, match=r"none of .* could be fitted; lower n_landmarks"):
            choose(KernelAutoencoder, shop, search=ladders, max_seconds=1)
        return
    choice = choose(KernelAutoencoder, shop, search=ladders, max_seconds=1)
    assert choice.model.n_landmarks <= most
    refused = {
        trial.parameters["n_landmarks"] for trial in choice.trials if trial.score == -math.inf
    }
    assert 80 in refused


def test_where_buying_again_counts_habits_are_a_part(shop, monkeypatch):
    learned, judged = held_out_items(shop)
    again = FoldIn(judged.given, judged.given + judged.held_out, judged.users)
    monkeypatch.setattr(search, "closed_forms", lambda *_: [ItemNeighbours, RP3Beta])
    found = auto(learned, again, budget=4, repeats=True)
    assert "personal-frequency" in {name for name, _ in found.trials}
    assert "personal-frequency" in {name for name, _ in found.parts}
    assert found.recommender.metrics["choice"]["repeats"]
    assert found.recommender.model_.counts
    assert found.recommender.weighting == "log"
    score = evaluate(found.recommender, again, (METRIC,), repeats=True).mean(METRIC)
    assert score == pytest.approx(found.weights.score)
    new_only = auto(learned, again, budget=4).recommender
    assert new_only.weighting == "binary"
    assert not getattr(new_only.model_, "counts", False)
    assert score > evaluate(new_only, again, (METRIC,), repeats=True).mean(METRIC)


@pytest.mark.parametrize("made", [1, 4, 7])
def test_where_settings_tie_a_search_that_is_gone_on_with_takes_the_same(tmp_path, made):
    rng = np.random.default_rng(1)
    own = rng.integers(0, 3, 60)[:, None] == np.arange(12) % 3
    bought = rng.random((60, 12)) < np.where(own, 0.6, 0.1)
    few = Interactions.of([[f"i{n}" for n in np.flatnonzero(row)] for row in bought if row.any()])
    whole = auto(few, budget=60, neural=False, metric="recall@3")  # of the 6 who judge
    told = []

    def interrupt(*trial):
        told.append(trial)
        if len(told) == made:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        auto(few, budget=60, neural=False, metric="recall@3", trials=tmp_path, on_trial=interrupt)
    again = auto(few, budget=60, neural=False, metric="recall@3", trials=tmp_path)
    assert [(name, part.get_params()) for name, part in again.parts] == [
        (name, part.get_params()) for name, part in whole.parts
    ]


def test_neural_models_are_judged_by_the_metric_that_was_asked_for(shop, small):
    learned, judged = held_out_items(shop, fraction=0.3)
    found, n = auto(learned, judged, budget=8, metric="hit_rate@1"), len(judged)
    for name in neural_candidates(90):
        hits = n * np.array([trial.score for tried, trial in found.trials if tried == name])
        np.testing.assert_allclose(hits, hits.round(), atol=1e-9, err_msg=name)  # of n customers


def test_neural_models_are_judged_on_repeats_where_those_count(shop, small):
    judged = FoldIn(shop.matrix, shop.matrix, shop.users)  # nothing new is to be found
    found = auto(shop, judged, budget=8, repeats=True)
    assert not set(neural_candidates(90)) & set(found.recommender.metrics["choice"]["skipped"])


def test_a_neural_model_whose_epoch_takes_longer_than_its_time_is_left_out(
    shop, small, monkeypatch
):
    fitted = Search.fitted

    def in_no_time(self, model, *rest):
        recommender = fitted(self, model, *rest)
        if isinstance(model, RecVAE) and model.max_seconds is not None:
            recommender.model_.history_.epochs[1:] = []
            recommender.model_.history_.stopped = "max_seconds"
        return recommender

    monkeypatch.setattr(Search, "fitted", in_no_time)
    found = auto(shop, budget=8)
    skipped = found.recommender.metrics["choice"]["skipped"]
    assert set(neural_candidates(90)) & set(skipped) == {"RecVAE"}
    assert "an epoch takes longer; give a longer budget" in skipped["RecVAE"]
    assert "RecVAE" not in {name for name, _ in found.trials}
    assert {"cosine", "sharp cosine", "Mult-VAE"} <= {name for name, _ in found.trials}


def test_time_is_set_aside_for_the_others_of_each_item(monkeypatch):
    rng = np.random.default_rng(0)
    own = np.arange(12) // 4 == rng.integers(0, 3, 600)[:, None]
    bought = rng.random((600, 12)) < np.where(own, 0.7, 0.1)
    shop = Interactions.of([[f"i{n}" for n in np.flatnonzero(row)] for row in bought if row.any()])
    kinds = ("linear", "item-knn", "rp3beta")
    with_room = auto(shop, budget=8, neural=False).recommender.metrics["choice"]["skipped"]
    assert not [kind for kind in kinds if f"also bought: {kind}" in with_room]
    monkeypatch.setattr(companions, "PAIRS_PER_SECOND", 12**2 / 9)  # nine of eight seconds
    without = auto(shop, budget=8, neural=False).recommender
    for kind in kinds:
        said = without.metrics["choice"]["skipped"][f"also bought: {kind}"]
        assert said == "there was no time left for a trial"
    assert without.companions_ is None


def test_what_could_not_be_fitted_on_everything_in_the_end_is_not_tried(shop, monkeypatch):
    def no_room_for_many(model, matrix):
        return 1 << 60 if isinstance(model, SpectralAutoencoder) and matrix.shape[0] == 90 else 1

    monkeypatch.setattr(estimate, "model_bytes", no_room_for_many)
    found = auto(shop, budget=8, neural=False)
    assert "spectral" not in {name for name, _ in found.trials}
    said = found.recommender.metrics["choice"]["skipped"]["spectral"]
    assert said.startswith("fitting spectral on all 90 rows needs")


def test_half_of_the_neural_models_go_on(shop, small):
    found = auto(shop, budget=8)
    neural = [name for name, _ in found.trials if name in neural_candidates(90)]
    assert len(neural) == 4 + 2 + 1
    assert set(neural[4:6]) <= set(neural[:4])
    assert neural[6] in neural[4:6]


def test_without_neural_models_closed_forms_are_blended(shop, small):
    found = auto(shop, budget=8, neural=False)
    assert {name for name, _ in found.trials} == {*_closed()}


def test_a_short_budget_is_for_closed_forms_alone(shop):
    found = auto(shop, budget=0.5)
    assert {name for name, _ in found.trials} <= {*map(str, _closed())}
    said = found.recommender.metrics["choice"]["skipped"]["neural models"]
    assert said.endswith("and 5 s are the least for one; give a longer budget")


def _closed():
    return [kind.type_name for kind in closed_forms(12)]


def test_a_search_is_gone_on_with(shop, small, tmp_path, monkeypatch):
    first = auto(shop, budget=8, trials=tmp_path / "t")
    text = (tmp_path / "t" / TRIALS).read_text()
    made = {(name, str(trial.parameters), trial.score) for name, trial in first.trials}
    assert len(made) <= len(text.splitlines()) - 1 <= len(first.trials)
    monkeypatch.setattr(
        "likewise.recommend.selection.evaluate", lambda *_, **__: pytest.fail("tried again")
    )
    again = auto(shop, budget=8, trials=tmp_path / "t")
    assert [t.score for _, t in again.trials] == [t.score for _, t in first.trials]
    assert again.weights == first.weights
    assert (tmp_path / "t" / TRIALS).read_text() == text


@pytest.mark.parametrize("lines", ["{}", "no json", '{"about": "other"}', "[]"])
def test_trials_of_another_search_are_refused(shop, tmp_path, lines):
    (tmp_path / TRIALS).write_text(lines + "\n" + lines + "\n")
    with pytest.raises(InputError, match="name another folder"):
        auto(shop, budget=1, trials=tmp_path)


def test_a_folder_of_something_else_is_no_place_for_trials_and_stays_as_it_is(shop, tmp_path):
    model = tmp_path / "good.model"
    Recommender(Popularity()).fit(shop).save(model)
    with pytest.raises(InputError, match="which is no trial of a search; name another folder"):
        auto(shop, budget=1, trials=model)
    assert load(model).n_items == shop.n_items
    (log := tmp_path / "log.csv").write_text("user,item\n")
    with pytest.raises(InputError, match=r"log\.csv is a file; name a folder"):
        auto(shop, budget=1, trials=log)
    (tmp_path / "kept").mkdir()
    for name in (TRIALS, "recvae.checkpoint", ".recvae.checkpoint.12"):
        (tmp_path / "kept" / name).touch()
    Journal(tmp_path / "kept", "a")


def test_a_line_that_was_cut_off_is_tried_again(tmp_path):
    journal = Journal(tmp_path, "a")
    journal.add("linear", Trial({"l2": 1.0}, 0.5, 0.1))
    journal.add("linear", Trial({"l2": 2.0}, -math.inf, 0.1))
    with (tmp_path / TRIALS).open("a") as file:
        file.write('{"model": "linear", "para')
    score = Journal(tmp_path, "a").remembered("linear", lambda parameters: 7.0)
    assert [score({"l2": l2}) for l2 in (1.0, 2.0, 3.0)] == [0.5, -math.inf, 7.0]
    score = Journal(tmp_path, "a").remembered("linear", lambda parameters: 8.0)
    assert [score({"l2": l2}) for l2 in (1.0, 2.0, 3.0, 4.0)] == [0.5, -math.inf, 7.0, 8.0]
    assert [path.name for path in tmp_path.iterdir()] == [TRIALS]


def test_the_fingerprint_is_of_the_purchases_of_what_is_to_be_found_and_of_the_options(shop):
    _, judged = held_out_items(shop)
    one = fingerprint(shop, judged, "binary", 0)
    assert one == fingerprint(shop, judged, "binary", 0)
    assert one not in [
        fingerprint(shop, judged, "log", 0),
        fingerprint(shop.take(np.arange(90) < 89), judged, "binary", 0),
        fingerprint(shop, replace(judged, held_out=judged.given), "binary", 0),
    ]


@pytest.mark.parametrize("budget", [0, -1, math.nan, math.inf, "10m", None, True])
def test_a_budget_that_is_no_time_is_refused(shop, budget):
    with pytest.raises(InputError, match="budget"):
        auto(shop, budget=budget)


def test_whatever_holds_purchases_is_taken(tmp_path):
    baskets = [["tea", "cup", "milk"], ["ink", "pen", "pad"]] * 20
    lines = [f"{user},{item}" for user, basket in enumerate(baskets) for item in basket]
    (tmp_path / "log.csv").write_text("\n".join(["user,item", *lines]))
    for log in (baskets, likewise.read_log(tmp_path / "log.csv")):
        found = auto(log, refit=log, budget=0.5, neural=False, support=False)
        assert [r.item for r in found.recommender.recommend([["tea", "cup"]], k=1)[0]] == ["milk"]
    with pytest.raises(InputError, match="validation is list; give the validation part"):
        auto(baskets, baskets, budget=0.5)
    with pytest.raises(InputError, match="metric 'ndcg' is not known"):
        auto(baskets, metric="ndcg")


def test_too_few_customers_are_refused_in_one_sentence_before_the_work():
    for baskets in ([["tea", "cup"]] * 2, [["tea", "cup"], ["tea"], ["cup"]]):
        with pytest.raises(InputError, match=f"takes 3 customers .* the log has {len(baskets)},"):
            auto(baskets, budget=1, on_trial=lambda *_: pytest.fail("tried"))
    found = auto([["tea", "cup"], ["tea", "cup", "pot"], ["cup"]], budget=0.5, neural=False)
    assert found.trials


def test_weights_score_what_the_blend_of_them_does(shop):
    learned, judged = held_out_items(shop)
    models = [LinearAutoencoder(l2=5.0), LinearAutoencoder(l2=1e4), Popularity()]
    parts = [Recommender(model).fit(learned, support=False) for model in models]
    some = weighed_on(judged, shop.n_items)
    found = choose_weights([part.scorer.scores(some.given) for part in parts], some, METRIC)
    assert found.weights[0] == 1
    assert found.calibration in CALIBRATIONS
    blend = Blend(parts=models, weights=found.weights, calibration=found.calibration)
    fitted = Recommender(blend).fit(learned, support=False)
    assert evaluate(fitted, judged, (METRIC,)).mean(METRIC) == pytest.approx(found.score)
    alone = evaluate(parts[0], judged, (METRIC,)).mean(METRIC)
    assert found.score >= alone


def test_where_no_blend_is_better_the_first_part_is_alone(shop):
    learned, judged = held_out_items(shop)
    part = Recommender(LinearAutoencoder(l2=5.0)).fit(learned, support=False)
    scores = part.scorer.scores(judged.given)
    found = choose_weights([scores, scores.copy()], judged, METRIC)
    assert found.weights == (1.0, 0.0)
    assert found.calibration == next(iter(CALIBRATIONS))


def test_every_calibration_has_its_turn_though_climbing_takes_all_that_it_may(monkeypatch):
    clock, seen = [0.0], []
    monkeypatch.setattr("likewise.recommend.budget.time.monotonic", lambda: clock[0])

    def slowly(tables, score, starts, max_seconds):
        clock[0] += max_seconds
        seen.append(max_seconds)
        return starts[0], 0.0

    monkeypatch.setattr("likewise.recommend.weights._climbed", slowly)
    part = np.random.default_rng(0).random((3, 5), dtype=np.float32)
    choose_weights([part, part], None, METRIC, max_seconds=8.0)
    assert seen == [4.0, 2.0, 1.0, 0.5]
    assert len(seen) == len(CALIBRATIONS)
    choose_weights([part], None, METRIC, max_seconds=8.0)
    assert seen[4:] == [4.0]  # alone, once


def test_a_type_is_left_out_only_if_a_trial_of_it_was_expected_to_be_long(shop, monkeypatch):
    """However long one of the linear autoencoder took: another type may be quicker."""
    learned, judged = held_out_items(shop)
    journal = Journal(None, "a")
    journal.add("linear", Trial({}, 0.5, seconds=8.0))
    one = search.Search(learned, judged, shop, "binary", METRIC, search.Budget(60.0), journal)
    ladders = SEARCHES[KernelAutoencoder].within(learned)
    one._require_time(KernelAutoencoder, ladders, 5.0)  # no time passes in the trial on a few
    with pytest.raises(InputError, match=r"about 8\.0 s, and 0\.5 s"):
        one._require_time(KernelAutoencoder, ladders, 0.5)
    monkeypatch.setattr(search.Search, "_expected", lambda *_: 6.0)
    with pytest.raises(InputError, match=r"about 6\.0 s, and 5\.0 s"):
        one._require_time(KernelAutoencoder, ladders, 5.0)


def test_a_type_that_is_remembered_is_neither_left_out_nor_tried_on_a_few(shop, monkeypatch):
    learned, judged = held_out_items(shop)
    journal = Journal(None, "a")
    journal.add("linear", Trial({}, 0.5, seconds=8.0))
    one = search.Search(learned, judged, shop, "binary", METRIC, search.Budget(60.0), journal)
    ladders = SEARCHES[KernelAutoencoder].within(learned)
    journal.add("kernel", Trial(ladders.start, 0.5, seconds=20.0))
    monkeypatch.setattr(search.Search, "_expected", lambda *_: pytest.fail("tried on a few"))
    one._require_time(KernelAutoencoder, ladders, 0.5)


def test_a_search_gone_on_with_knows_how_long_trials_took(tmp_path):
    Journal(tmp_path, "a").add("linear", Trial({"l2": 1.0}, 0.5, seconds=8.0))
    journal = Journal(tmp_path, "a")
    assert journal.times() == []
    assert journal.remembered("linear", lambda _: 0.0)({"l2": 1.0}) == 0.5
    assert journal.trials[0][1].seconds == 0.0
    assert (journal.times(), journal.times("kernel")) == ([8.0], [])
    assert journal.lasted("linear", {"l2": 1.0}) == 8.0
    assert journal.lasted("linear", {"l2": 2.0}) is None


def test_a_trial_stands_once_in_the_folder(tmp_path):
    """A network that is learned further, or comes from a checkpoint, may be what it was."""
    for _ in range(2):
        journal = Journal(tmp_path, "a")
        journal.add("cosine", Trial({"n": 1}, 0.5, seconds=2.0))
        journal.add("cosine", Trial({"n": 1}, 0.5, seconds=4.0))
        assert len(journal.trials) == 2
    journal.add("cosine", Trial({"n": 2}, 0.6, seconds=9.0))
    lines = (tmp_path / "trials.jsonl").read_text().splitlines()
    assert [json.loads(line).get("score") for line in lines] == [None, 0.5, 0.6]


def test_of_many_users_some_are_judged_on(shop):
    _, judged = held_out_items(shop)
    few = some_of(judged, 4)
    assert len(few) == 4
    assert set(few.users.ids) <= set(judged.users.ids)
    assert some_of(judged, len(judged)) is judged
    assert len(some_of(judged, 0)) == 1


def test_the_seed_is_that_of_closed_forms_that_draw():
    for kind, draws in {KernelAutoencoder: True, LinearAutoencoder: False}.items():
        ladders = SEARCHES[kind].on("cpu", 7)
        made = ladders.model(ladders.start, Interactions.of([[1, 2]]))
        assert made.get_params().get("random_state") == (7 if draws else None)


def beside_of(held, n_items=3):
    """Two customers of nothing, and what each is to find."""
    given = sparse.csr_array((2, n_items), dtype=np.float32)
    return Beside(FoldIn(given, sparse.csr_array(np.float32(held)), np.array(["a", "b"])), "ndcg@1")


def test_a_part_is_judged_by_what_the_sum_reaches_with_it():
    """Hand-worked: one part serves one customer, another the other; alike ones add nothing."""
    beside = beside_of([[1, 0, 0], [0, 0, 1]])
    first = np.array([[2, 1, 0], [1.1, 0, 1.0]], np.float32)
    same, other = first.copy(), np.array([[0, 0.1, 0], [0, 0, 1]], np.float32)
    assert beside.best(first) == (0.5, 1.0)
    beside.add(Popularity(), first)
    assert beside.best(same)[0] == 0.5
    assert beside.best(other)[0] == 1.0
    digest = beside.digest
    beside.add(Popularity(), same)
    assert (beside.digest, len(beside.parts)) == (digest, 1)
    beside.add(ItemNeighbours(), other)
    assert beside.best(same)[0] == 1.0
    assert beside.digest != digest


def test_what_was_judged_beside_another_sum_is_not_remembered(tmp_path):
    journal = Journal(tmp_path, "a")
    assert journal.remembered("kernel", lambda _: 0.5, "one sum")({"l2": 1.0}) == 0.5
    journal = Journal(tmp_path, "a")
    assert journal.remembered("kernel", lambda _: 0.6, "another")({"l2": 1.0}) == 0.6
    assert journal.remembered("kernel", lambda _: 0.7, "one sum")({"l2": 1.0}) == 0.5
    assert journal.lasted("kernel", {"l2": 1.0}, "one sum") is not None
    assert journal.lasted("kernel", {"l2": 1.0}) is None


def test_a_sum_for_fewer_customers_is_another():
    """As many are weighed on as memory has room for: less when a search is gone on with, say."""
    both = beside_of([[1, 0, 0], [0, 0, 1]])
    given, held = both.fold.given[:1], both.fold.held_out[:1]
    one = Beside(FoldIn(given, held, np.array(["a"])), "ndcg@1")
    assert both.digest == one.digest == ""
    for beside in (both, one):
        beside.add(Popularity(), np.array([[2, 1, 0], [1, 0, 2]], np.float32)[: len(beside.fold)])
    assert both.weights == one.weights
    assert both.digest != one.digest


def test_a_journal_whose_sums_are_no_words_is_refused(tmp_path):
    Journal(tmp_path, "a").add("kernel", Trial({}, 0.5, 1.0), "one sum")
    path = tmp_path / TRIALS
    path.write_text(path.read_text().replace('"one sum"', "[]") + '{"about": "x"}')
    with pytest.raises(InputError, match="line 2: these are no trials"):
        Journal(tmp_path, "a")


def test_the_score_of_a_part_is_its_own(shop):
    """That of its trials, behind the first type, is the sum's."""
    learned, judged = held_out_items(shop)
    found = auto(learned, judged, budget=5, neural=False, support=False)
    for part in found.recommender.metrics["choice"]["parts"]:
        model = dict(found.parts)[part["model"]]
        alone = Recommender(model).fit(learned, support=False)
        assert part["score"] == pytest.approx(evaluate(alone, judged, (METRIC,)).mean(METRIC))


@pytest.mark.parametrize("known", [(0.4, 1.1, 0.37, 2.0), (0.0, 1.0, 0.9, 0.0)])
def test_weights_are_no_worse_than_what_is_known(known, monkeypatch):
    """Four parts of chance: climbs may end lower than a sum that was seen."""
    rng = np.random.default_rng(3)
    held = sparse.csr_array((rng.random((40, 30)) < 0.1).astype(np.float32))
    fold = FoldIn(sparse.csr_array((40, 30), dtype=np.float32), held, Vocabulary(np.arange(40)))
    raw = [rng.random((40, 30)).astype(np.float32) + r * held.toarray() for r in (0.3, 0.2, 0.1, 0)]
    tables = [CALIBRATIONS["z-score"](scores) for scores in raw]
    if not known[0]:  # the first part hurts, and nothing that is tried outweighs it
        raw[0], tables[0] = -raw[1], -tables[1]
        monkeypatch.setattr("likewise.recommend.weights.LADDER", (0.0, 0.5))
    seen = evaluate(Summed(tables, known), fold, (METRIC,)).mean(METRIC)
    assert choose_weights(raw, fold, METRIC, known=known, max_seconds=1e-3).score >= seen
