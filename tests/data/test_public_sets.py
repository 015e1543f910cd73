"""The public sets, on small made files of the form of the owners'."""

import numpy as np
import pytest

from likewise import strong_generalisation
from likewise.data import public_sets
from likewise.data.log import Log
from likewise.data.public_sets import PUBLIC_SETS, load_split
from likewise.errors import InputError


@pytest.fixture
def ratings():
    """(user, film, rating) of 60 users, in no order."""
    rng = np.random.default_rng(0)
    pairs = rng.permutation([(u, f) for u in range(60) for f in rng.choice(30, 12, replace=False)])
    return [(int(u) + 1, int(f) + 1, int(rng.integers(1, 6))) for u, f in pairs]


def same(split, other):
    for part in ("train", "refit"):
        one, two = getattr(split, part), getattr(other, part)
        np.testing.assert_array_equal(one.matrix.toarray() > 0, two.matrix.toarray() > 0)
        assert one.users.ids.tolist() == two.users.ids.tolist()
    for part in ("validation", "test"):
        for side in ("given", "held_out"):
            one, two = (getattr(getattr(s, part), side).toarray() > 0 for s in (split, other))
            np.testing.assert_array_equal(one, two)


@pytest.fixture
def expected(ratings):
    """Liang's cut of the likes, with 10 held-out users; ids are numbers, as pandas has them."""
    user, item, weight = zip(*(rating for rating in ratings if rating[2] >= 4), strict=True)
    return strong_generalisation(Log.of(user=user, item=item, weight=weight), n_held_out=10)


def test_movielens(ratings, expected, tmp_path, monkeypatch):
    (tmp_path / "ml-20m").mkdir()
    lines = [f"{u},{f},{r}.0,111250{n}" for n, (u, f, r) in enumerate(ratings)]
    text = "\n".join(["userId,movieId,rating,timestamp", *lines])
    (tmp_path / "ml-20m" / "ratings.csv").write_text(text)
    monkeypatch.setitem(PUBLIC_SETS, "ml-20m", public_sets._liang(10))
    same(load_split("ml-20m", tmp_path), expected)


@pytest.mark.parametrize(
    ("name", "files", "text"),
    [
        ("ml-20m", ["ratings.csv"], "a,b,c\n"),
        ("msd", ["train_triplets.txt"], "garbage\n"),
        ("yelp2018", ["train.txt", "test.txt"], "0 a b\n"),
        ("netflix", [f"combined_data_{n}.txt" for n in range(1, 5)], "x,y\n"),
    ],
)
def test_files_of_another_form_are_refused(name, files, text, tmp_path):
    (tmp_path / name).mkdir()
    for file in files:
        (tmp_path / name / file).write_text(text)
    with pytest.raises(InputError, match=f"{name} are not of the form in which their owner gives"):
        load_split(name, tmp_path)


def test_netflix(ratings, tmp_path, monkeypatch):
    (tmp_path / "netflix").mkdir()
    for n in range(1, 5):
        films = [f for f in range(1, 31) if f % 4 == n % 4]
        blocks = [
            "\n".join([f"{film}:", *(f"{u},{r},2005-09-06" for u, f, r in ratings if f == film)])
            for film in films
        ]
        (tmp_path / "netflix" / f"combined_data_{n}.txt").write_text("\n".join(blocks) + "\n")
    seen = {}
    monkeypatch.setattr(
        public_sets, "strong_generalisation", lambda log, **options: seen.update(options, log=log)
    )
    load_split("netflix", tmp_path)
    log = seen["log"]
    found = set(zip(log.users.decode(log.user).tolist(), log.items.decode(log.item).tolist(),
                    strict=True))  # fmt: skip
    assert found == {(u, f) for u, f, r in ratings if r >= 4}
    assert seen["n_held_out"] == 40_000


def test_songs_of_200_users_then_users_of_20_songs(tmp_path):
    (tmp_path / "msd").mkdir()
    lines = [
        f"user{u:03d}\tSONG{s:02d}\t{1 + (u + s) % 3}"
        for u in range(260)
        for s in range(25 if u < 220 else 15)
    ] + [f"user{u:03d}\tRARE\t1" for u in range(199)]
    (tmp_path / "msd" / "train_triplets.txt").write_text("\n".join(lines))
    split = public_sets._songs(tmp_path / "msd", n_held_out=20)
    assert split.train.n_users == 220 - 40
    assert split.train.n_items == 25
    assert "RARE" not in split.train.items.ids.tolist()
    assert (split.test.held_out.sum(axis=1) == 5).all()


def test_of_half_a_file_the_owners_whole_one_is_asked_for(ratings, tmp_path):
    (tmp_path / "ml-20m").mkdir()
    lines = [f"{u},{f},{r}.0,111250{n}" for n, (u, f, r) in enumerate(ratings)]
    text = "\n".join(["userId,movieId,rating,timestamp", *lines])
    (tmp_path / "ml-20m" / "ratings.csv").write_text(text)
    why = r"ml-20m has too few users of 5 items for 10,000 validation and 10,000 test users, as pub"
    with pytest.raises(InputError, match=f"{why}.*; put the owner's whole files there"):
        load_split("ml-20m", tmp_path)


def test_lists(tmp_path):
    for name in ("gowalla", "yelp2018"):
        (tmp_path / name).mkdir()
    (tmp_path / "yelp2018" / "train.txt").write_text(
        "".join(f"{u} {' '.join(str((u + n) % 20) for n in range(10))}\n" for u in range(20)) + "\n"
    )
    (tmp_path / "yelp2018" / "test.txt").write_text("0 15\n1\n2 18 19\n")
    split = load_split("yelp2018", tmp_path)
    assert (split.refit.n_users, split.refit.n_items) == (20, 20)
    assert split.test.users.ids.tolist() == [0, 2]
    assert split.test.held_out.sum() == 3


def test_what_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="known are"):
        load_split("ml-2")
    with pytest.raises(InputError, match=r"ratings\.csv is not there"):
        load_split("ml-20m", tmp_path)
    monkeypatch.delenv("LIKEWISE_DATA", raising=False)
    with pytest.raises(InputError, match="set LIKEWISE_DATA"):
        load_split("gowalla")
