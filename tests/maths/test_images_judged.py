"""Images beside PCA: on the same images, whatever their order."""

import numpy as np

from likewise import UndercompleteAutoencoder
from likewise.evaluate import images as module
from likewise.evaluate.images import judged


def test_pca_learns_from_all_classes_though_they_come_one_after_the_other(monkeypatch):
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1, 2, 3], 100)
    patterns = rng.random((4, 6, 6))
    images = (patterns[kinds] + 0.01 * rng.random((400, 6, 6))).astype(np.float32)
    model = UndercompleteAutoencoder(n_latent=3, max_epochs=1, random_state=0).fit(images)
    whole = judged(model, images, images).pca[4]
    monkeypatch.setattr(module, "_MOST_ROWS", 100)
    assert judged(model, images, images).pca[4] < 2 * whole
