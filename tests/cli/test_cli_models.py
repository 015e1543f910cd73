"""The names that the command line offers are those of the types there are."""

from likewise.cli.fit import MODELS
from likewise.recommend.folder import ALL_TYPES


def test_every_type_can_be_fitted_by_its_name():
    assert set(MODELS) == set(ALL_TYPES)
