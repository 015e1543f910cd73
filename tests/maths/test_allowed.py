"""A parameter that is not allowed is refused in one voice, whatever it takes."""

import pytest
from sklearn.utils._param_validation import Interval, StrOptions

from likewise import InputError
from likewise.autoencoders import TYPES
from likewise.autoencoders.allowed import in_words
from likewise.recommend.baselines import ItemNeighbours
from likewise.recommend.blend import Blend


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("linear", {"l2": -1}, "l2=-1 of LinearAutoencoder; give a number, more than 0"),
        ("linear", {"dropout": 1.5}, "give a number, 0 or more and less than 1"),
        ("linear", {"item_power": 2}, "give a number, 0 or more and 1 or less"),
        ("neighbourhood", {"n_neighbours": 0}, "give 'auto' or a whole number, 1 or more"),
        ("variational", {"n_latent": 2.5}, "n_latent=2.5 .* give a whole number, 1 or more"),
        ("variational", {"hidden": 5}, "give 'auto' or a sequence"),
        ("variational", {"max_seconds": 0}, "give None or a number, more than 0"),
        ("variational", {"random_state": "x"}, "give a whole number, 0 or more, a RandomState or"),
        ("variational", {"progress": 3}, "progress=3 .* give a function or None"),
        ("variational", {"checkpoint": 3}, "give a str or a Path or None"),
        ("deep", {"pretrain": "yes"}, "pretrain='yes' .* give True or False"),
    ],
)
def test_a_refusal_says_what_was_given_and_what_may_be(kind, given, said):
    with pytest.raises(InputError, match=said):
        TYPES[kind](**given).fit([[1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("kind", [*TYPES.values(), Blend, ItemNeighbours])
def test_whatever_a_type_takes_can_be_told(kind):
    for constraints in kind._parameter_constraints.values():
        told = in_words(constraints)
        assert told
        assert not any(type(one).__name__ in told for one in constraints if _is_made(one))


def _is_made(constraint):
    return isinstance(constraint, Interval | StrOptions)
