"""The public purchase sets by name, cut as the published tables cut them.

The files are those that their owners give out, in a folder of the set's name below a folder of
one's own; none is fetched. Shapes and protocols are checked by tests on small made files.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from likewise.data.liang import LIANG_MIN_ITEMS, strong_generalisation
from likewise.data.log import Log, read_log
from likewise.data.split import Split, fixed_lists, leave_last_out
from likewise.errors import InputError, LikewiseError

LIKED = 4.0
"""Ratings from which a film counts as liked, as in Liang et al. (2018)."""


def load_split(name: str, folder: str | Path | None = None) -> Split:
    """Load a public set and cut it as published.

    Parameters
    ----------
    name : str
        See `PUBLIC_SETS`.
    folder : path, optional
        Where the set's folder is; the environment variable LIKEWISE_DATA names it if None.

    Raises
    ------
    InputError
        If the name is unknown or its files are not there.

    Notes
    -----
    ================ ============================== ===============================================
    name             files                          protocol
    ================ ============================== ===============================================
    ml-20m           ratings.csv                    Liang's: ratings >= 4, 10,000 held-out users
    netflix          combined_data_1.txt … _4.txt   Liang's: ratings >= 4, 40,000 held-out users
    msd              train_triplets.txt             Liang's: songs of 200 users, users of 20 songs,
                                                    50,000 held-out users
    ml-1m            ratings.parquet                Liang's: ratings >= 4, a tenth held out
    ml-latest-small  ratings.parquet                ratings >= 4, the last one of each user (by
                                                    time, 28 users would be left to judge on)
    belgian-retail   baskets.parquet                baskets held out, a tenth
    ciao             ratings.parquet                whatever was rated, a tenth held out
    ml-1m-ultragcn   train.parquet, test.parquet    UltraGCN's lists
    gowalla          train and test, .parquet/.txt  LightGCN's lists; so yelp2018 and amazon-book
    ================ ============================== ===============================================

    References
    ----------
    D. Liang et al., WWW 2018, arXiv:1802.05814. X. He et al., "LightGCN", SIGIR 2020,
    arXiv:2002.02126. K. Mao et al., "UltraGCN", CIKM 2021, arXiv:2110.15114.
    """
    if name not in PUBLIC_SETS:
        raise InputError(f"there is no set {name!r}; known are {', '.join(PUBLIC_SETS)}")
    root = folder if folder is not None else os.environ.get("LIKEWISE_DATA")
    if root is None:
        raise InputError(f"{name}: set LIKEWISE_DATA to the folder that has {name}/")
    try:
        return PUBLIC_SETS[name](Path(root) / name)
    except LikewiseError:
        raise
    except (pa.ArrowException, LookupError, ValueError) as error:
        raise InputError(
            f"the files in {Path(root) / name} are not of the form in which their owner gives them "
            f"out ({error}); put the owner's own there"
        ) from error


def _present(path: Path) -> Path:
    if not path.exists():
        raise InputError(f"{path} is not there; put the owner's file of that name there")
    return path


def _published(log: Log, folder: Path, n_held_out: int, min_items: int = LIANG_MIN_ITEMS) -> Split:
    """Hold out as many users as the published tables do; fewer would be another table."""
    try:
        return strong_generalisation(log, n_held_out=n_held_out, min_items=min_items)
    except InputError as error:
        raise InputError(
            f"{folder} has too few users of {min_items} items for {n_held_out:,} validation and "
            f"{n_held_out:,} test users, as published; put the owner's whole files there"
        ) from error


def _liang(n_held_out: int) -> Callable[[Path], Split]:
    def cut(folder: Path) -> Split:
        """Read ids as numbers: who is held out is drawn from the users in the order of theirs."""
        kinds = {"userId": pa.int64(), "movieId": pa.int64(), "rating": pa.float32()}
        convert = pacsv.ConvertOptions(column_types=kinds, include_columns=list(kinds))
        table = pacsv.read_csv(_present(folder / "ratings.csv"), convert_options=convert)
        table = table.rename_columns(["user", "item", "weight"])
        return _published(read_log(table, min_weight=LIKED), folder, n_held_out)

    return cut


def _netflix(folder: Path) -> Split:
    parts = [_netflix_part(_present(folder / f"combined_data_{n}.txt")) for n in range(1, 5)]
    return _published(read_log(pa.concat_tables(parts)), folder, 40_000)


def _netflix_part(path: Path) -> pa.Table:
    """Read lines "film:" and below each of them lines "user,rating,date"."""
    read = pacsv.ReadOptions(column_names=["line"])
    lines = pacsv.read_csv(path, read, pacsv.ParseOptions(delimiter="\x01"))["line"]
    lines = lines.cast(pa.string()).combine_chunks()
    is_film = np.asarray(pc.ends_with(lines, ":"))
    films = pc.replace_substring(lines.filter(is_film), ":", "").to_numpy(zero_copy_only=False)
    film = films.astype(np.int64)[np.cumsum(is_film) - 1][~is_film]
    fields = pc.split_pattern(lines.filter(~is_film), ",", max_splits=2)
    user, rating = (pc.list_element(fields, n).cast(pa.int64()) for n in (0, 1))
    table = pa.table({"user": user, "item": film, "rating": rating})
    return table.filter(pc.greater_equal(table["rating"], LIKED)).select(["user", "item"])


def _songs(folder: Path, n_held_out: int = 50_000) -> Split:
    """Keep songs that 200 users heard, then users of 20 songs."""
    read = pacsv.ReadOptions(column_names=["user", "item", "count"])
    parse = pacsv.ParseOptions(delimiter="\t", quote_char=False)
    table = pacsv.read_csv(_present(folder / "train_triplets.txt"), read, parse)
    table = _with_at_least(table.select(["user", "item"]), "item", 200)
    return _published(read_log(table), folder, n_held_out, min_items=20)


def _with_at_least(table: pa.Table, column: str, n: int) -> pa.Table:
    codes = table[column].combine_chunks().dictionary_encode().indices.to_numpy()
    return table.filter(pa.array(np.bincount(codes)[codes] >= n))


def _ml_1m(folder: Path) -> Split:
    return strong_generalisation(_liked(folder))


def _ml_latest_small(folder: Path) -> Split:
    return leave_last_out(_liked(folder))


def _liked(folder: Path) -> Log:
    return read_log(_present(folder / "ratings.parquet"), min_weight=LIKED)


def _baskets(folder: Path) -> Split:
    return strong_generalisation(read_log(_present(folder / "baskets.parquet"), user="basket"))


def _ciao(folder: Path) -> Split:
    table = pq.read_table(_present(folder / "ratings.parquet"), columns=["user", "item"])
    return strong_generalisation(read_log(table))


def _lists(folder: Path) -> Split:
    train, test = (_list(folder, part) for part in ("train", "test"))
    return fixed_lists(train, test)


def _list(folder: Path, part: str) -> Log:
    """Read pairs, or LightGCN's lines of a user and all of the user's items."""
    if (folder / f"{part}.parquet").exists():
        return read_log(folder / f"{part}.parquet", user="user", item="item")
    user: list[int] = []
    item: list[int] = []
    with _present(folder / f"{part}.txt").open(encoding="ascii") as lines:
        for line in lines:
            first, *rest = [int(number) for number in line.split()] or [0]
            user += [first] * len(rest)
            item += rest
    return read_log(pa.table({"user": user, "item": item}))


PUBLIC_SETS: dict[str, Callable[[Path], Split]] = {
    "ml-1m-ultragcn": _lists,
    "gowalla": _lists,
    "yelp2018": _lists,
    "amazon-book": _lists,
    "ml-1m": _ml_1m,
    "ml-latest-small": _ml_latest_small,
    "belgian-retail": _baskets,
    "ciao": _ciao,
    "ml-20m": _liang(10_000),
    "netflix": _netflix,
    "msd": _songs,
}
"""Name to the function that reads a folder and cuts it."""
