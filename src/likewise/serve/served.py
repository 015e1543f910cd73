"""A model as it is served: the recommender, its name and version, and what is looked up in it."""

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from likewise.artifact import Contents
from likewise.artifact.contents import MANIFEST
from likewise.autoencoders import UndercompleteAutoencoder
from likewise.errors import InputError, ModelFolderError
from likewise.recommend.attributes import Attributes, read_attributes
from likewise.recommend.folder import load
from likewise.recommend.recommender import Recommender
from likewise.serve.board import shared

MAX_WORDS = 16
"""How many words of a query are looked for: each looks through the catalogue."""
Shelf = Mapping[str, "Served"]
"""The models by name, in the order given; the first answers requests that name none."""


@dataclass(frozen=True)
class Served:
    """A recommender with a name, a version, and a place for its map.

    Parameters
    ----------
    name : str
        What requests call it.
    version : str
        Twelve digits of the sha256 of the folder's manifest.
    recommender : Recommender
        Fitted; never changed.
    places : ndarray of shape (I, 2), float32
        Memory that processes share; NaN, where the folder keeps none, until :meth:`draw`; inf
        where they cannot be computed.
    """

    name: str
    version: str
    recommender: Recommender
    places: NDArray[np.float32] = field(repr=False)
    attributes: Attributes = field(default_factory=Attributes)

    @cached_property
    def contents(self) -> Contents:
        """What its folder says of it."""
        return self.recommender.contents()

    @property
    def has_steps(self) -> bool:
        """Whether the seven steps can be shown."""
        model = self.recommender.model_
        return self.recommender.classic_ is not None or isinstance(model, UndercompleteAutoencoder)

    @classmethod
    def of(cls, name: str, folder: Path, table: pa.Table | None = None) -> Self:
        """Load a model folder, and try it once; `table` has its items' attributes.

        What is wrong with the folder is a LikewiseError; trying it may raise anything.

        Raises
        ------
        ModelFolderError
            If the folder is damaged, or holds no recommender.
        """
        version = version_of(folder)
        recommender = load(folder)
        if not isinstance(recommender, Recommender):
            raise ModelFolderError(
                f"{folder} holds a bare autoencoder; give a folder that `likewise fit` wrote"
            )
        catalogue = recommender.catalogue_
        attributes = Attributes() if table is None else Attributes.of(table, catalogue)
        served = cls(name, version, recommender, _places(recommender), attributes)
        served._warm()
        return served

    def with_attributes(self, table: pa.Table) -> Self:
        """Return the same model with other attributes of its items."""
        attributes = Attributes.of(table, self.recommender.catalogue_)
        other = replace(self, attributes=attributes)
        other._warm()
        return other

    def known(self, ids: Iterable[Any]) -> tuple[list[Any], list[Any]]:
        """Return the ids that the model knows, as it writes them, and those that it does not."""
        given = list(ids)
        items = self.recommender.catalogue_.items
        rows = items.encode(given)
        unknown = [id_ for id_, row in zip(given, rows, strict=True) if row < 0]
        return items.decode(rows[rows >= 0]).tolist(), list(dict.fromkeys(unknown))

    def find(self, query: str, limit: int) -> tuple[list[int], int]:
        """Return the rows of items that hold every word of the query, bought most first.

        Words are looked for in titles and ids, whatever their case; the first `MAX_WORDS`
        different ones are.

        Returns
        -------
        rows : list of int
            At most `limit`; an item whose id is the query comes first.
        total : int
            How many were found.
        """
        order, texts = self._texts
        found: Sequence[int] = range(len(texts))
        for word in [*dict.fromkeys(query.casefold().split())][:MAX_WORDS]:
            found = [place for place in found if word in texts[place]]
        rows = order[np.asarray(found, dtype=np.int64)].tolist()
        (exact,) = self.recommender.catalogue_.items.encode([query.strip()]).tolist()
        if exact in rows[1:]:
            rows.remove(exact)
            rows.insert(0, exact)
        return rows[:limit], len(rows)

    def draw(self) -> None:
        """Compute the places of the items on the map."""
        from likewise.recommend.places import item_places

        self.places[:] = item_places(self.recommender)

    def give_up_drawing(self) -> None:
        """Remember that there will be no map."""
        self.places[:] = np.inf

    @property
    def is_drawn(self) -> bool:
        """Whether the map is there."""
        return bool(np.isfinite(self.places).all())

    @property
    def is_to_be_drawn(self) -> bool:
        """Whether the map is still missing, and may come."""
        return bool(np.isnan(self.places).any())

    @cached_property
    def _texts(self) -> tuple[NDArray[np.int64], list[str]]:
        catalogue = self.recommender.catalogue_
        order = np.argsort(-catalogue.counts, kind="stable")
        ids = catalogue.items.ids.tolist()
        return order, [f"{catalogue.titles[row]} {ids[row]}".casefold() for row in order]

    def _warm(self) -> None:
        """Answer once, so that a model that cannot is noticed, and what is cached is shared."""
        first = self.recommender.catalogue_.items.ids[:1].tolist()
        self.recommender.recommend([first], 1)
        self.recommender.also_bought(first, 1)
        self.find("", 1)


def shelf_of(folders: Mapping[str, Path], attributes: Path | None = None) -> dict[str, Served]:
    """Load the models by name, with the attributes of their items."""
    table = None if attributes is None else read_attributes(attributes)
    return {name: Served.of(name, folder, table) for name, folder in folders.items()}


def stamp_of(*paths: Path | None) -> tuple[object, ...]:
    """Return what tells whether files, or those in folders, were written again since."""
    given = [path for path in paths if path is not None]
    within = [Path(at, file) for path in given for at, _, files in os.walk(path) for file in files]
    return tuple(map(_stamp, [*given, *sorted(within)]))


def _stamp(file: Path) -> tuple[object, ...]:
    try:
        stat = file.stat()
    except OSError:  # it is not there, or no longer
        return (file, None)
    return (file, stat.st_ino, stat.st_size, stat.st_mtime_ns)


def named_folders(given: Sequence[str]) -> dict[str, Path]:
    """Return name -> folder of arguments such as ``shop.model`` or ``films=runs/films.model``.

    Examples
    --------
    >>> [*named_folders(["runs/shop.model", "other=runs/films.model"])]
    ['shop', 'other']
    """
    folders: dict[str, Path] = {}
    for argument in given:
        name, separator, path = argument.partition("=")
        folder = Path(path if separator else argument)
        name = name if separator else folder.absolute().name.removesuffix(".model")
        if not 0 < len(name) <= 64:
            raise InputError(f"the model's name is {name!r}; give 1 to 64 letters: NAME=FOLDER")
        if name in folders:
            raise InputError(f"two models are called {name!r}; name one of them: NAME=FOLDER")
        folders[name] = folder
    return folders


def version_of(folder: Path) -> str:
    """Return the version of the model in a folder."""
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()[:12]
    except OSError as error:
        if not folder.exists():
            raise ModelFolderError(
                f"there is no folder {folder}; give one that `likewise fit --out` wrote"
            ) from None
        raise ModelFolderError(
            f"{folder} is no model folder: {MANIFEST} cannot be read; give what `likewise fit` "
            "wrote"
        ) from error


def _places(recommender: Recommender) -> NDArray[np.float32]:
    """Return memory for the places that processes share, with those that the folder keeps."""
    places = shared((recommender.n_items, 2), np.float32)
    places[:] = np.nan if recommender.places_ is None else recommender.places_
    return places
