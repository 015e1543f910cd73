"""The small classic autoencoder that `steps` shows: enough epochs to see, whatever the log."""

import numpy as np
from scipy import sparse

from likewise.data.interactions import Interactions
from likewise.recommend.classic import Classic


def test_it_learns_for_twenty_epochs_from_a_sample_of_the_baskets():
    random = np.random.default_rng(0)
    log = Interactions.of_matrix(sparse.csr_array(random.random((600, 12)) < 0.3, dtype=float))
    classic = Classic.of(log)
    assert len(classic.losses) == 20
    assert classic.losses[-1] < classic.losses[0]
    assert classic.model.history_.stopped == "max_epochs"
    assert Classic.of(log).losses == classic.losses
