"""The names that the command line offers are those of the types there are."""

from likewise.cli.fit import MODELS
from likewise.recommend.folder import ALL_TYPES


def test_every_type_that_learns_purchases_can_be_fitted_by_its_name():
    of_purchases = {name for name, model in ALL_TYPES.items() if model.sparse_rows}
    not_by_name = {"blend", "personal-frequency"}  # auto makes one; the other knows nothing new
    assert set(MODELS) == of_purchases - not_by_name
