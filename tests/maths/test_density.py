"""How dense the sparse linear autoencoder is: what memory has room for, or what is said."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from likewise import memory
from likewise.artifact import read_folder, write_folder
from likewise.autoencoders import NeighbourhoodAutoencoder, density, neighbourhood
from likewise.autoencoders.density import DENSITIES, Density, Sizes, densities
from likewise.data.interactions import Interactions
from likewise.errors import ModelFolderError, NotEnoughMemoryError
from likewise.evaluate.resources import measured
from likewise.recommend import durations
from likewise.recommend.baselines import Popularity
from likewise.recommend.blend import Blend
from likewise.recommend.estimate import estimate, model_bytes
from likewise.recommend.folder import load
from likewise.recommend.kept import densities_of
from likewise.recommend.recommender import Recommender
from likewise.recommend.selection import choose

N_ITEMS = 260
KEPT_BY_THE_ALLOCATOR = 2**22


def purchases(n_users=150, n_items=N_ITEMS, n_values=3_000, seed=0, common=0.2):
    """Rows in which every item is bought, the first by so large a share of the customers."""
    random = np.random.default_rng(seed)
    users = random.integers(0, n_users, n_values)
    items = np.concatenate([np.arange(n_items), random.integers(0, n_items, n_values - n_items)])
    buyers = np.arange(int(common * n_users))
    users, items = np.append(users, buyers), np.append(items, np.zeros_like(buyers))
    X = sparse.csr_array((np.ones(len(users), np.float32), (users, items)), (n_users, n_items))
    X.data[:] = 1
    return X


@pytest.fixture
def leave(monkeypatch):
    """Leave so many bytes free."""

    def _leave(free):
        for module in (memory, neighbourhood):
            monkeypatch.setattr(module, "available_memory", lambda: free)

    return _leave


def least(X, n_neighbours, n_whole, gram_gib="auto"):
    return Density(n_neighbours, n_whole, gram_gib).least_memory(Sizes.of(X))


def made(**given):
    return NeighbourhoodAutoencoder(l2=2.0, **given)


def assert_same(model, other):
    np.testing.assert_array_equal(model.B_.indptr, other.B_.indptr)
    np.testing.assert_array_equal(model.B_.indices, other.B_.indices)
    np.testing.assert_array_equal(model.B_.data, other.B_.data)


@pytest.mark.parametrize("n", DENSITIES)
def test_the_densest_that_memory_has_room_for_is_taken(leave, n):
    X = purchases()
    leave(least(X, n, n))
    model = made().fit(X)
    assert (model.n_neighbours_, model.n_whole_) == (n, n)
    assert_same(model, made(n_neighbours=n, n_whole=n).fit(X))
    leave(least(X, n, n) - 1)
    if n == DENSITIES[-1]:
        with pytest.raises(NotEnoughMemoryError, match="lower n_neighbours, n_whole or gram_gib"):
            made().fit(X)
    else:
        sparser = made().fit(X)
        assert sparser.n_neighbours_ == sparser.n_whole_ == n // 2
        assert sparser.B_.nnz < model.B_.nnz


def test_where_there_is_room_for_all_200_are_taken():
    model = made().fit(purchases())
    assert (model.n_neighbours_, model.n_whole_) == (200, 200)
    assert_same(model, made(n_neighbours=200, n_whole=200).fit(purchases()))


def test_where_nothing_is_common_neighbours_stand_alone(leave):
    rare, common = (purchases(1_000, 1_000, 3_000, common=share) for share in (0.09, 0.1))
    model = made().fit(rare)
    assert (model.n_neighbours_, model.n_whole_) == (400, 0)
    assert_same(model, made(n_neighbours=400, n_whole=0).fit(rare))
    other = made().fit(common)
    assert (other.n_neighbours_, other.n_whole_) == (200, 200)
    for said, taken in [
        ({"n_neighbours": 60}, (60, 0)),
        ({"n_whole": 7}, (400, 7)),
        ({"n_neighbours": 60, "n_whole": 7}, (60, 7)),
    ]:
        model = made(**said).fit(rare)
        assert (model.n_neighbours_, model.n_whole_) == taken
    leave(least(rare, 400, 0) - 1)
    assert made().fit(rare).n_neighbours_ == 200


@pytest.mark.parametrize(("n_items", "first"), [(60_000, [400]), (60_001, [])])
def test_of_many_items_fewer_neighbours_stand_alone(n_items, first):
    tried = densities("auto", "auto", "auto", Sizes(n_items, 10**6, most_held=0.05))
    assert [one.n_neighbours for one in tried] == [*first, 200, 100, 50, 25]
    assert not any(one.n_whole for one in tried)


@pytest.mark.parametrize(("common", "n_whole"), [(0.05, 0), (0.1, 0), (0.2, 200)])
def test_a_search_takes_whole_columns_where_what_it_learns_from_has_something_common(
    monkeypatch, common, n_whole
):
    log, fitted = Interactions.of_matrix(purchases(1_000, 1_000, 3_000, common=common)), []
    choice = choose(
        NeighbourhoodAutoencoder, log, max_seconds=0,
        on_better=lambda recommender, *_: fitted.append(recommender.model_),
    )  # fmt: skip
    assert fitted[0].n_whole_ == choice.trials[0].parameters["n_whole"] == n_whole
    assert choice.model.n_whole == n_whole
    monkeypatch.setattr("likewise.recommend.searches.available_memory", lambda: 0)
    assert estimate(log).density.taken.n_whole == (200 if common >= 0.1 else 0)


def test_zeros_that_are_held_are_no_purchases():
    X = purchases(1_000, 1_000, 3_000, common=0.2)
    X.data[X.indices == 0] = 0
    assert made().room_on(X).taken.n_whole == made().fit(X).n_whole_ == 0


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"n_neighbours": 60}, (60, 50)),
        ({"n_whole": 7}, (50, 7)),
        ({"n_whole": 0}, (50, 0)),
        ({"n_neighbours": 60, "n_whole": 7}, (60, 7)),
    ],
)
def test_a_number_is_kept_to_and_what_is_auto_makes_room_for_it(leave, monkeypatch, given, taken):
    monkeypatch.setattr(density, "BLOCK_BYTES", 1)  # whole columns take more than what is solved
    X = purchases(1_500, 1_500, 2_000)
    leave(least(X, *taken))
    model = made(**given).fit(X)
    assert (model.n_neighbours_, model.n_whole_) == taken
    if given.keys() != {"n_neighbours", "n_whole"}:
        leave(least(X, *taken) - 1)
        sparser = made(**given).fit(X)
        assert sum(value == 25 for value in (sparser.n_neighbours_, sparser.n_whole_)) == 1


@pytest.mark.parametrize("given", [{"n_neighbours": 200}, {"n_neighbours": 200, "n_whole": 0}])
def test_a_number_that_does_not_fit_is_refused(leave, given):
    X = purchases()
    leave(least(X, 100, 100))
    with pytest.raises(NotEnoughMemoryError, match="200 neighbours each"):
        made(**given).fit(X)


def test_a_refusal_names_what_would_have_room(leave):
    X = purchases(n_items=3_000, n_values=50_000)
    needed = least(X, 25, 25)
    leave(needed - 1)
    with pytest.raises(NotEnoughMemoryError, match=f"needs {memory.size(needed)} and"):
        made().fit(X)
    leave(needed)
    assert made().fit(X).n_neighbours_ == 25


SIZES = st.builds(
    Sizes,
    st.integers(2, 10**6),
    st.integers(1, 10**8),
    st.none() | st.integers(1, 10**12),
    st.sampled_from([0.05, 1.0]),
)


@given(SIZES, st.integers(1, 400), st.integers(0, 400), st.sampled_from(["auto", 0.001, 8.0]))
def test_the_least_memory_is_enough_and_no_less_is(sizes, n_neighbours, n_whole, gram_gib):
    tried = Density(n_neighbours, n_whole, gram_gib)
    enough = tried.least_memory(sizes)
    assert tried.bytes_with(enough, sizes) <= enough
    assert tried.bytes_with(enough - 32, sizes) > enough - 32  # a value of 8 bytes is a third


@given(SIZES, st.sampled_from(["auto", 0.001, 8.0]))
def test_the_sparser_the_less_it_takes(sizes, gram_gib):
    taken = [one.least_memory(sizes) for one in densities("auto", "auto", gram_gib, sizes)]
    assert taken == sorted(taken, reverse=True)


def test_what_was_taken_is_within_what_there_was(monkeypatch):
    X = purchases(60_000, 100_000, 120_000)
    monkeypatch.setattr(density, "BLOCK_BYTES", 2**22)
    made(n_neighbours=3, n_whole=3).fit(X[:50, :500])  # what is compiled once is not counted
    room = least(X, 25, 25) + 2**22
    assert room < least(X, 50, 50) - 2**25
    with measured():
        pass  # what was freed is given back
    limit = memory._resident() + room
    memory.limit_memory(limit)
    try:
        with measured() as cost:
            model = made().fit(X)
    finally:
        memory.limit_memory(None)
    assert (model.n_neighbours_, model.n_whole_) == (25, 25)
    assert limit - 2**27 < cost.peak_bytes <= limit + KEPT_BY_THE_ALLOCATOR


# Before a fit


@pytest.mark.parametrize("n", [200, 100, 25])
def test_a_dry_run_foresees_what_is_taken(leave, monkeypatch, n):
    monkeypatch.setattr(durations, "_seconds_per_operation", lambda: 1e-11)
    log = Interactions.of_matrix(purchases())
    free = least(log.matrix, n, n)
    leave(free)
    monkeypatch.setattr("likewise.recommend.estimate.available_memory", lambda: free)
    found, said = estimate(log, made()), estimate(log, made(n_neighbours=n, n_whole=n))
    assert found.density.taken == Density(n, n)
    assert found.density.densest == Density(200, 200)
    assert found.density.densest_bytes == least(log.matrix, 200, 200)
    assert found.fits
    assert found.seconds == said.seconds
    assert found.memory_bytes == said.memory_bytes >= model_bytes(made(), log.matrix) == free
    free -= 1
    leave(free)
    assert estimate(log, made()).fits is (n != 25)


def test_of_many_rows_a_fit_takes_what_a_dry_run_foresees(monkeypatch):
    X = purchases(60_000, N_ITEMS, 6_000_000)
    with measured():
        pass  # what was freed is given back
    limit = memory._resident() + least(X, 200, 200) + 2**23  # less than a copy of the rows
    monkeypatch.setattr(memory, "_limit", limit)
    assert made().room_on(X).taken == Density(200, 200)
    model = made().fit(X)
    assert (model.n_neighbours_, model.n_whole_) == (200, 200)


def test_a_search_is_foreseen_with_the_neighbours_that_it_begins_with(leave, monkeypatch):
    log = Interactions.of_matrix(purchases())
    monkeypatch.setattr("likewise.recommend.searches.available_memory", lambda: 0)
    found = estimate(log)
    assert (found.model, found.density.taken.n_neighbours) == ("neighbourhood", 100)
    choice = choose(NeighbourhoodAutoencoder, log, max_seconds=0)
    assert choice.trials[0].parameters["n_neighbours"] == 100
    assert (choice.model.n_neighbours, choice.model.n_whole) == (100, 200)


# The model folder


@pytest.fixture
def sparse_one(leave):
    """One that memory left 50 neighbours, and all the memory there is after it."""
    X = purchases()
    leave(least(X, 50, 50))
    model = made().fit(X)
    leave(2**40)
    return model


def test_what_memory_decided_is_in_the_folder(sparse_one, tmp_path):
    sparse_one.save(tmp_path / "m")
    contents = read_folder(tmp_path / "m", known_types=["neighbourhood"])
    assert contents.parameters["n_neighbours"] == contents.parameters["n_whole"] == "auto"
    again = load(tmp_path / "m")
    assert (again.n_neighbours_, again.n_whole_) == (50, 50)
    assert (again.n_neighbours, again.n_whole) == ("auto", "auto")
    assert_same(again, sparse_one)


@pytest.mark.parametrize(("n_items", "taken"), [(8, (7, 0)), (1, (1, 0)), (202, (200, 200))])
def test_of_few_items_no_more_is_said_than_there_are(tmp_path, n_items, taken):
    X = purchases(n_items=n_items)
    for numbers in ({}, {"n_neighbours": 200, "n_whole": 200}):
        made(**numbers).fit(X).save(tmp_path / "m")
        again = load(tmp_path / "m")
        assert (again.n_neighbours_, again.n_whole_) == taken
        assert_same(again, made(n_neighbours=taken[0], n_whole=taken[1]).fit(X))


def test_a_folder_that_says_more_than_there_are_items_is_read_as_what_was_taken(tmp_path):
    contents = made().fit(purchases(n_items=8)).contents()
    older = {"chosen": {"n_neighbours": 200, "n_whole": 200}}
    write_folder(tmp_path / "m", replace(contents, extra=contents.extra | older))
    again = load(tmp_path / "m")
    assert (again.n_neighbours_, again.n_whole_) == (7, 0)


def test_a_folder_of_numbers_says_nothing_more(tmp_path):
    made(n_neighbours=9, n_whole=4).fit(purchases()).save(tmp_path / "m")
    assert "chosen" not in read_folder(tmp_path / "m", known_types=["neighbourhood"]).extra
    again = load(tmp_path / "m")
    assert (again.n_neighbours_, again.n_whole_) == (9, 4)


@pytest.mark.parametrize(
    "chosen", [{}, [], "auto", {"n_neighbours": 50}, {"n_neighbours": "auto", "n_whole": 50},
               {"n_neighbours": 0, "n_whole": 50}, {"n_neighbours": 50, "n_whole": 1.5},
               {"n_neighbours": True, "n_whole": 50}, {"n_neighbours": 50, "n_whole": None}],
)  # fmt: skip
def test_a_folder_that_does_not_say_what_was_taken_is_refused(sparse_one, tmp_path, chosen):
    contents = sparse_one.contents()
    write_folder(tmp_path / "m", replace(contents, extra=contents.extra | {"chosen": chosen}))
    with pytest.raises(ModelFolderError, match=r"n_neighbours|n_whole"):
        load(tmp_path / "m")


def card_of(model, folder):
    Recommender(model).fit(purchases(), support=False).save(folder)
    return next(folder.glob("*.md")).read_text()


def test_the_card_leaves_out_columns_that_there_are_not(tmp_path):
    assert "Each item is solved among 9.\n" in card_of(
        made(n_neighbours=9, n_whole=0), tmp_path / "m"
    )


def test_the_card_tells_of_each_part_of_a_blend(tmp_path):
    parts = [made(n_neighbours=9, n_whole=4), made(n_neighbours=5, n_whole=0)]
    blend = Blend(parts=[parts[0], Popularity(), parts[1]])
    assert (
        "Each item is solved in one part among 9, the 4 most bought among all; in another among 5."
    ) in card_of(blend, tmp_path / "m")
    assert densities_of(blend.fit(purchases())) == [
        {"n_neighbours": 9, "n_whole": 4},
        {"n_neighbours": 5, "n_whole": 0},
    ]


@pytest.mark.parametrize("blended", [False, True])
def test_the_card_says_what_was_taken(leave, tmp_path, blended):
    X = purchases()
    leave(least(X, 50, 50))
    model = Blend(parts=[made()]) if blended else made()
    Recommender(model).fit(X, support=False).save(tmp_path / "m")
    card = next((tmp_path / "m").glob("*.md")).read_text()
    assert "Each item is solved among 50, the 50 most bought among all." in card
    leave(2**40)
    again = load(tmp_path / "m").model_
    assert (again.parts_[0] if blended else again).n_whole_ == 50
