"""Figures: names that can be read, and a curve of one epoch that can be seen."""

import numpy as np
import pytest

from likewise import TableAutoencoder, UndercompleteAutoencoder, plots
from likewise.nn.plan import History
from likewise.tables.reduction import reduce_table


def _shown(figure):
    figure.draw_without_rendering()
    return {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}


def test_names_on_the_map_do_not_overlap_and_the_most_bought_go_first():
    places = np.random.default_rng(0).normal(size=(80, 2)).astype(np.float32)
    places[1] = places[0]
    counts = np.arange(80)[::-1]
    named = _shown(plots.item_map(places, counts, [f"a product numbered {n}" for n in range(80)]))
    assert "A product numbered 0" in named
    assert "A product numbered 1" not in named
    assert 5 < len(named) < 60
    boxes = list(named.values())
    assert not any(box.count_overlaps(boxes[:n]) for n, box in enumerate(boxes))


@pytest.mark.parametrize(("n_epochs", "mark"), [(1, "o"), (3, "None")])
def test_one_epoch_is_drawn_as_a_point(n_epochs, mark):
    epochs = [{"loss": 3.0 - n, "validation": 0.1 * n} for n in range(n_epochs)]
    figure = plots.learning_curve({"one": History(epochs, best_epoch=1)})
    assert figure.axes[0].lines[0].get_marker() == mark


def test_a_row_far_out_leaves_the_others_room_on_the_map():
    X = np.random.default_rng(0).normal(size=(400, 3))
    X[7] = 1e4
    linear = UndercompleteAutoencoder(n_latent=2, hidden=(), max_epochs=1, random_state=0)
    figure = plots.reduction_map(reduce_table(X, TableAutoencoder(linear)))
    places = figure.axes[1].collections[0].get_offsets()
    assert (
        np.ptp(places, axis=0).max() < 3 * np.ptp(np.delete(places, 7, axis=0)[:50], axis=0).min()
    )
