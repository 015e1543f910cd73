"""Figures: names that can be read, and a curve of one epoch that can be seen."""

import dataclasses
from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.offsetbox import AnnotationBbox

from likewise import TableAutoencoder, UndercompleteAutoencoder, plots
from likewise.nn.plan import History
from likewise.plots.labels import MISSING, OTHERS
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


def test_the_colours_of_bars_are_explained():
    row = SimpleNamespace(
        model="one", intervals={"ndcg@10": SimpleNamespace(mean=0.2, low=0.1, high=0.3)}
    )
    one = SimpleNamespace(rows=[row], n_users=40, split="last out", leaders=lambda _: {"one"})
    (axes,) = plots.metric_by_model(one, "ndcg@10").axes
    assert "blue: the best" in axes.get_xlabel()


def test_long_names_on_the_map_end_in_an_ellipsis():
    names = ["a name that goes on and on and on", "short"]
    named = _shown(plots.item_map(np.array([[0.0, 0], [9, 9]]), np.array([2, 1]), names))
    assert list(named) == ["A name that goes on and on…", "Short"]


@pytest.mark.parametrize(("n_epochs", "mark"), [(1, "o"), (3, "None")])
def test_one_epoch_is_drawn_as_a_point(n_epochs, mark):
    epochs = [{"loss": 3.0 - n, "validation": 0.1 * n} for n in range(n_epochs)]
    figure = plots.learning_curve({"one": History(epochs, best_epoch=1)})
    assert figure.axes[0].lines[0].get_marker() == mark


def test_without_held_out_rows_there_is_one_panel_and_no_legend_of_one_line():
    epochs = [{"loss": 3.0 - n, "validation": None} for n in range(3)]
    figure = plots.learning_curve({"one": History(epochs, best_epoch=3)}, loss="loss of an image")
    (axes,) = figure.axes
    assert axes.get_ylabel() == "loss of an image"
    assert axes.get_legend() is None
    both = plots.learning_curve({name: History(epochs, best_epoch=3) for name in ("one", "two")})
    assert [text.get_text() for text in both.axes[0].get_legend().get_texts()] == ["one", "two"]


@pytest.mark.parametrize(("rows", "drawn"), [(100, 3), (20, 2)])
def test_an_epoch_that_the_time_cut_short_is_not_drawn(rows, drawn):
    seen = [100, 100, rows]
    epochs = [
        {"loss": 3.0 - n, "validation": 0.1 * n, "seconds": 1.5, "rows_per_second": rows / 1.5}
        for n, rows in enumerate(seen)
    ]
    history = History(epochs, best_epoch=3, stopped="max_seconds")
    left, right = plots.learning_curve({"one": history}).axes
    assert len(left.lines[0].get_ydata()) == drawn
    assert len(right.lines[0].get_ydata()) == 3


def test_many_classes_show_those_mistaken_most_often_on_a_picture_of_bounded_size():
    classes = [f"class {n} of a long name that goes on" for n in range(300)]
    truth = np.repeat(classes, 3)
    predicted = truth.copy()
    predicted[750:762] = classes[7]  # classes 250 to 253 are taken for class 7
    figure = plots.confusion_matrix(truth, predicted, classes)
    assert max(figure.get_size_inches()) < 15
    axes = figure.axes[0]
    assert axes.get_title() == ("98.7% of 900 right; the 20 of 300 classes mistaken most often")
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert len(names) == plots.confusion.MOST_CLASSES
    assert max(map(len, names)) <= 24
    one, other = (
        next(n for n, name in enumerate(names) if name.startswith(f"class {number} "))
        for number in (7, 253)
    )
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells[one, other] == "3"


def test_few_classes_are_all_shown():
    figure = plots.confusion_matrix(np.array(["a", "b"]), np.array(["a", "a"]), ["a", "b"])
    assert figure.axes[0].get_title() == "50.0% of 2 right"


def test_a_class_without_images_is_said_to_be_untested_and_shades_are_explained():
    (axes,) = plots.confusion_matrix(np.array(["a", "a"]), np.array(["a", "b"]), ["a", "b"]).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b (untested)"]
    assert "darker: a larger share of its row" in axes.get_xlabel()


def test_a_small_error_above_a_smaller_one_is_told_inside_the_axes():
    figure = plots.error_by_dimension({2: 0.0, 8: 0.0}, {"one": {32: 1.5e-5}})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (label,) = axes.texts
    assert label.get_text() == "1.5e-05"
    assert "32" in [tick.get_text() for tick in axes.get_xticklabels()]
    assert label.get_window_extent().y1 < axes.get_window_extent().y1


def test_values_that_differ_little_are_told_whole():
    epochs = [{"loss": 177.44 + 1e-5 * n, "validation": None} for n in range(3)]
    figure = plots.learning_curve({"one": History(epochs, best_epoch=3)})
    figure.draw_without_rendering()
    assert figure.axes[0].yaxis.get_offset_text().get_text() == ""


def test_codes_that_differ_by_rounding_alone_lie_in_one_place():
    codes = np.full((8, 4), 0.7, np.float32)
    codes[3] += 1e-7
    (axes,) = plots.image_map(codes, np.ones((8, 4, 4))).axes
    boxes = [one for one in axes.artists if isinstance(one, AnnotationBbox)]
    assert len({tuple(box.xy) for box in boxes}) == 1
    assert axes.get_title() == "All images drawn have the same code"


def test_the_map_of_images_says_how_many_numbers_became_two():
    codes = np.random.default_rng(0).normal(size=(6, 3))
    (axes,) = plots.image_map(codes, np.ones((6, 4, 4))).axes
    assert axes.get_xlabel() == "3 numbers laid out by t-SNE"
    (axes,) = plots.image_map(codes[:4], np.ones((4, 4, 4))).axes
    assert axes.get_xlabel() == "3 numbers laid out by the first two"
    assert plots.image_map(codes[:, :2], np.ones((6, 4, 4))).axes[0].get_xlabel() == ""


@pytest.mark.parametrize("height", [12, 24, 48])
def test_pictures_are_as_tall_as_their_images(height):
    images = np.ones((20, height, 24))
    for figure in (plots.image_grid(images), plots.image_rows({"a": images, "b": images})):
        figure.draw_without_rendering()
        drawn = sum(axes.get_window_extent().height for axes in figure.axes)
        assert figure.bbox.height - drawn < 0.8 * figure.dpi


def test_filters_of_colours_say_that_their_mean_is_drawn():
    filters = np.random.default_rng(0).normal(size=(8, 3, 4, 4))
    assert "mean of the three colours" in plots.filter_grid(filters).axes[0].get_xlabel()
    assert "mean" not in plots.filter_grid(filters[:, :1]).axes[0].get_xlabel()


@pytest.mark.parametrize("error", [2.0, 5.0, 9.0])
def test_the_error_is_written_beside_the_line_of_pca(error):
    pca = {2: 9.0, 4: 7.0, 8: 5.5, 16: 4.5, 32: 3.0}
    figure = plots.error_by_dimension(pca, {"one": {8: error}})
    figure.draw_without_rendering()
    (axes,) = figure.axes
    line, (label,) = axes.lines[0], axes.texts
    path = line.get_path().transformed(line.get_transform())
    assert not path.intersects_bbox(label.get_window_extent(), filled=False)


def test_errors_over_several_dimensions_are_lines():
    pca, models = {2: 9.0, 8: 5.0}, {"one": {2: 6.0, 8: 3.0}, "other": {2: 5.0, 8: 2.0}}
    (axes,) = plots.error_by_dimension(pca, models).axes
    drawn = {line.get_label(): dict(zip(*line.get_data(), strict=True)) for line in axes.lines}
    assert drawn == {"PCA": pca, **models}
    assert not axes.texts
    assert len({line.get_color() for line in axes.lines}) == 3


def test_the_title_of_the_filters_of_colours_is_within_the_picture():
    for filters in (np.ones((32, 3, 3, 3)), np.ones((32, 3, 3))):
        figure = plots.filter_grid(filters)
        figure.draw_without_rendering()
        title = figure.axes[0].title.get_window_extent()
        assert figure.bbox.y0 <= title.y0 < title.y1 <= figure.bbox.y1


def test_grey_images_without_labels_have_a_colour_to_be_seen():
    figure = plots.image_map(np.random.default_rng(0).normal(size=(6, 2)), np.ones((6, 4, 4)))
    boxes = [one for one in figure.axes[0].artists if isinstance(one, AnnotationBbox)]
    pixels = boxes[0].offsetbox.get_data()
    assert to_hex(pixels[0, 0, :3]) == plots.canvas.INK
    assert not figure.legends


def test_held_out_losses_are_drawn_as_losses():
    epochs = [{"loss": 3.0 - n, "validation": n - 2.5} for n in range(3)]
    figure = plots.learning_curve(
        {"one": History(epochs, best_epoch=3)}, score="loss", held_out="images", is_loss=True
    )
    left, right = figure.axes
    assert list(left.lines[0].get_ydata()) == [3.0, 2.0, 1.0]
    assert list(right.lines[0].get_ydata()) == [2.5, 1.5, 0.5]
    assert right.lines[1].get_ydata() == [0.5]
    assert "lower is better" in right.get_title()


def test_a_row_far_out_leaves_the_others_room_on_the_map():
    X = np.random.default_rng(0).normal(size=(400, 3))
    X[7] = 1e4
    linear = UndercompleteAutoencoder(n_latent=2, hidden=(), max_epochs=1, random_state=0)
    figure = plots.reduction_map(reduce_table(X, TableAutoencoder(linear)))
    places = figure.axes[1].collections[0].get_offsets()
    assert (
        np.ptp(places, axis=0).max() < 3 * np.ptp(np.delete(places, 7, axis=0)[:50], axis=0).min()
    )


# Labels on maps


@pytest.fixture(scope="module")
def reduction():
    X = np.random.default_rng(0).normal(size=(60, 3))
    linear = UndercompleteAutoencoder(n_latent=2, hidden=(), max_epochs=1, random_state=0)
    return reduce_table(X, TableAutoencoder(linear))


def legend(figure):
    """Return name -> colour."""
    entries = figure.legends[0].legend_handles
    return {one.get_label(): to_hex(np.ravel(one.get_facecolor())[:3]) for one in entries}


def test_the_most_frequent_labels_are_named_and_the_others_told_from_what_has_none(reduction):
    labels = [*(f"kind {n}" for n in range(12) for _ in range(2 + (n < 10) * 2)), *[None] * 16]
    named = legend(plots.reduction_map(reduction, labels))
    assert set(named) == {*(f"kind {n}" for n in range(10)), "2 others", "no label"}
    assert (named["2 others"], named["no label"]) == (OTHERS, MISSING)
    assert len(set(named.values())) == 12


def test_dates_are_a_scale_and_a_missing_one_is_grey(reduction):
    days = [date(2020, 1, 1) + timedelta(days=20 * n) for n in range(59)]
    figure = plots.reduction_map(reduction, [*days, None])
    assert list(legend(figure)) == ["no label"]
    (bar,) = figure.axes[2:]
    figure.draw_without_rendering()
    assert {"2021", "2022", "2023"} <= {text.get_text() for text in bar.get_yticklabels()}


def test_numbers_are_a_scale_though_some_are_missing(reduction):
    figure = plots.reduction_map(reduction, [None, float("nan"), *map(float, range(58))])
    assert list(legend(figure)) == ["no label"]
    assert len(figure.axes) == 3


def test_the_scale_and_the_legend_name_the_column(reduction):
    figure = plots.reduction_map(reduction, list(range(60)), name="price")
    assert figure.axes[2].get_ylabel() == "price"
    figure = plots.reduction_map(reduction, ["ink", "tea"] * 30, name="kind")
    assert figure.legends[0].get_title().get_text() == "kind"
    spans = [None, *(timedelta(hours=n) for n in range(59))]
    figure = plots.reduction_map(reduction, spans, name="wait")
    assert figure.axes[2].get_ylabel() == "wait (days)"


def test_durations_are_drawn_in_a_unit_that_suits_them(reduction):
    spans = [timedelta(seconds=n) for n in range(60)]
    bar = plots.reduction_map(reduction, spans, name="wait").axes[2]
    assert bar.get_ylabel() == "wait (seconds)"
    assert bar.get_ylim() == (0, 59)


def test_of_more_than_two_numbers_the_map_shows_the_plane_of_most_spread_and_says_so(reduction):
    assert "plane" not in plots.reduction_map(reduction).get_suptitle()
    X = np.random.default_rng(0).normal(size=(60, 5))
    codes = np.column_stack([np.zeros((60, 2)), X[:, :1], 2 * X[:, 1:2]])
    four = dataclasses.replace(reduction, codes=codes, pca_codes=codes)
    figure = plots.reduction_map(four)
    assert "the plane in which they spread most" in figure.get_suptitle()
    assert figure.axes[0].get_title().endswith("explained by 4 numbers")
    places = figure.axes[0].collections[0].get_offsets()
    assert np.ptp(places, axis=0).min() > 1


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4)], ids=["grey", "colour"])
def test_images_of_many_classes_have_a_legend_and_colour_ones_a_frame(shape):
    labels = np.array([*np.repeat(np.arange(10), 2), 10, 11, -1])
    codes = np.random.default_rng(0).normal(size=(23, 2))
    classes = [f"class {n}" for n in range(12)]
    figure = plots.image_map(codes, np.ones((23, *shape)), labels, classes)
    named = legend(figure)
    assert list(named) == [*classes[:10], "other classes", "no label"]
    assert len(set(named.values())) == 12
    boxes = [one for one in figure.axes[0].artists if isinstance(one, AnnotationBbox)]
    framed = [to_hex(box.patch.get_edgecolor()) for box in boxes if box.patch.get_visible()]
    owners = [*np.repeat(classes[:10], 2), *["other classes"] * 2, "no label"]
    assert framed == ([named[owner] for owner in owners] if len(shape) == 3 else [])


def test_classes_without_names_are_named_by_their_numbers():
    codes = np.random.default_rng(0).normal(size=(6, 2))
    figure = plots.image_map(codes, np.ones((6, 4, 4)), np.array([0, 0, 1, 1, 1, 2]))
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2"]
