"""Similar items are those of the whole table of cosines, however it is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from likewise.autoencoders import (
    LinearAutoencoder,
    NeighbourhoodAutoencoder,
    UndercompleteAutoencoder,
)
from likewise.recommend import alike, explain
from likewise.recommend.baselines import ItemNeighbours
from likewise.recommend.recommender import Recommender

ADDITIVE = [
    LinearAutoencoder(l2=1.0),
    NeighbourhoodAutoencoder(l2=1.0, n_neighbours=4),
    ItemNeighbours(),
]
MODELS = [*ADDITIVE, UndercompleteAutoencoder(n_latent=3, max_epochs=1, random_state=0)]
LOG = sparse.csr_array(np.random.default_rng(0).random((60, 15)) < 0.3, dtype=np.float32)


@pytest.fixture(scope="module", params=MODELS, ids=lambda model: model.type_name)
def recommender(request):
    return Recommender(request.param).fit(LOG)


@given(st.integers(1, 5000), st.integers(1, 14), st.lists(st.integers(0, 14), min_size=1))
def test_the_parts_change_nothing(recommender, code_bytes, k, columns):
    codes = alike.unit(recommender.item_codes().astype(np.float64))
    cosine = codes @ codes.T
    np.fill_diagonal(cosine, -np.inf)
    short = recommender.model_._n_features_out < 15
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike, "CODE_BYTES", code_bytes)
        items, values = alike.most_alike(
            recommender.model_,
            np.array(columns),
            k,
            recommender.item_codes() if short else None,
        )
    np.testing.assert_allclose(values, -np.sort(-cosine[columns])[:, :k], atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(cosine[columns], items, 1), values, atol=1e-5)


@pytest.mark.parametrize("recommender", ADDITIVE, ids=lambda model: model.type_name, indirect=True)
def test_a_reason_of_an_additive_type_is_read_off_and_not_multiplied_out(recommender):
    model = recommender.model_
    assert model.additive
    columns, targets = np.array([3, 7, 1]), np.array([0, 7, 7, 2])
    terms = model._terms(columns, targets)
    np.testing.assert_array_equal(terms, model._unit_logits(columns)[:, targets])
    row = sparse.csr_array(LOG[:1])
    effects = explain.effects(model, row, np.array([2, 5]))
    np.testing.assert_allclose(effects.sum(axis=0), model._logits(row)[0, [2, 5]], atol=1e-5)


@given(st.integers(1, 500), st.lists(st.integers(0, 14), min_size=1))
def test_reasons_of_many_are_those_of_each_alone(recommender, logit_bytes, targets):
    """One logit for each pair of an item left out and a target, as `effects` must give them."""
    model, row = recommender.model_, sparse.csr_array(LOG[3:4])

    def without(column, target):
        rest = row.toarray()
        rest[0, column] = 0
        return model._logits(sparse.csr_array(rest))[0, target]

    slow = [[model._logits(row)[0, t] - without(c, t) for t in targets] for c in row.indices]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explain, "LOGIT_BYTES", logit_bytes)
        found = explain.effects(model, row, np.array(targets))
    np.testing.assert_allclose(found, slow, atol=1e-5)
