"""The seven steps of one row of a table: numbers against a slow twin, text and page."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from likewise import (
    ConvolutionalAutoencoder,
    LinearAutoencoder,
    SparseAutoencoder,
    TableAutoencoder,
    UndercompleteAutoencoder,
    VariationalAutoencoder,
)
from likewise.errors import InputError
from likewise.steps import table_steps, table_steps_html, table_steps_lines

QUICK = {"n_latent": 3, "max_epochs": 3, "random_state": 0, "device": "cpu", "precision": "float32"}
TYPES = [
    UndercompleteAutoencoder(**QUICK, hidden=(5,)),
    UndercompleteAutoencoder(**QUICK, hidden=()),
    SparseAutoencoder(**QUICK),
    ConvolutionalAutoencoder(**QUICK, filters=(4,)),
]


@pytest.fixture
def houses():
    rng = np.random.default_rng(0)
    columns = {"town": rng.choice(["<Rome>", "Oslo", None], 40), "price": rng.integers(1, 9, 40),
               "area": rng.normal(size=40)}  # fmt: skip
    return pd.DataFrame(columns)


@pytest.mark.parametrize("model", TYPES, ids=repr)
def test_the_cells_are_what_encoder_and_model_say(model, houses):
    table = TableAutoencoder(model).fit(houses)
    steps, row = table_steps(table, houses.iloc[7:8]), table.encoder_.transform(houses)[7]
    numbers = [number for cell in steps.cells for number in cell.numbers]
    assert [n.name for n in numbers] == table.encoder_.get_feature_names_out().tolist()
    np.testing.assert_allclose([n.x for n in numbers], row, rtol=1e-6)
    x_hat = table.model_.reconstruct(row[None])[0]
    np.testing.assert_allclose([n.x_hat for n in numbers], x_hat, atol=1e-5)
    np.testing.assert_allclose(
        [cell.error for cell in steps.cells], table.column_errors(houses)[7], rtol=1e-4
    )
    back = table.reconstruct(houses).iloc[7]
    assert [cell.column for cell in steps.cells] == list(houses)
    assert steps.cells[1].value == houses["price"][7]
    assert steps.cells[1].back == back["price"]
    assert steps.walk.loss == pytest.approx(
        table.model_.reconstruction_error(row[None])[0], rel=1e-4
    )
    assert steps.walk.loss_after < steps.walk.loss


@pytest.mark.parametrize("model", TYPES, ids=repr)
def test_the_steps_are_told_and_written(model, houses):
    steps = table_steps(TableAutoencoder(model).fit(houses), houses.iloc[[0]])
    lines = table_steps_lines(steps)
    assert [line[0] for line in lines if line[:1].isdigit()] == list("1234567")
    assert f"{steps.walk.loss_after:.3f} instead of {steps.walk.loss:.3f}" in "\n".join(lines)
    page = table_steps_html(steps)
    assert [f"<h2>{n} " in page for n in range(1, 8)] == [True] * 7
    assert "<Rome>" not in page
    assert "&lt;Rome&gt;" in page
    document = steps.as_dict()
    assert len(document["losses"]) == 3
    assert document["changes"][0]["told"]


@pytest.mark.parametrize("model", [*TYPES, VariationalAutoencoder(**QUICK)], ids=repr)
def test_the_loss_is_the_sum_of_the_columns_and_all_losses_have_its_unit(model, houses):
    table = TableAutoencoder(model).fit(houses.fillna("none"))
    steps = table_steps(table, houses.iloc[[0]].fillna("none"))
    assert steps.walk.loss == pytest.approx(sum(cell.error for cell in steps.cells), rel=1e-4)
    unit = table.model_.scaling_.scale**2
    assert unit < 0.9
    inner = [epoch["loss"] for epoch in table.model_.history_.epochs]
    assert steps.losses == pytest.approx([unit * loss for loss in inner])
    text = "\n".join(table_steps_lines(steps))
    assert f"over {len(inner)} epochs:" in text


def test_the_learning_rate_is_that_of_the_loss_that_is_told(houses):
    table = TableAutoencoder(TYPES[0]).fit(houses)
    (change,) = table_steps(table, houses.iloc[[7]]).walk.largest_changes("first.weight", 1)
    row, losses = table.encoder_.transform(houses)[[7]].astype(np.float32), []
    for nudge in (1e-2, -1e-2):
        twin = copy.deepcopy(table.model_)
        with torch.no_grad():
            twin.net_.first.weight[change.place] += nudge
        losses.append(twin.reconstruction_error(row)[0])
    rate = table_steps(table, houses.iloc[[7]]).walk.learning_rate
    assert change.change == pytest.approx(-rate * (losses[0] - losses[1]) / 2e-2, rel=0.02)


def test_a_truth_value_is_told_with_its_number_though_it_is_0():
    X = pd.DataFrame({"sold": pd.array([True, False, None, False] * 10, "boolean"), "n": range(40)})
    steps = table_steps(TableAutoencoder(TYPES[0]).fit(X), X.iloc[[1]])
    assert "sold = 0.00" in "\n".join(table_steps_lines(steps))


def test_a_text_that_was_not_learned_is_said_to_be_such(houses):
    table = TableAutoencoder(TYPES[0]).fit(houses.fillna("none"))
    lines = table_steps_lines(table_steps(table, houses.iloc[[0]].assign(town="Bonn")))
    assert "a text that the model did not learn" in lines[1]


def test_durations_are_told_as_such(houses):
    spans = houses.assign(wait=pd.to_timedelta(15 + 2 * np.arange(40), "h"))
    steps = table_steps(TableAutoencoder(TYPES[0]).fit(spans), spans.iloc[[0]])
    assert "15:00:00" in "\n".join(table_steps_lines(steps))
    assert "0 days" not in "\n".join(table_steps_lines(steps))
    assert "<td>15:00:00</td>" in table_steps_html(steps)


def test_a_weight_of_the_first_layer_is_called_by_its_number_of_the_row(houses):
    steps = table_steps(TableAutoencoder(TYPES[0]).fit(houses), houses.iloc[[0]])
    (first,) = steps.walk.largest_changes("first.weight", 1)
    name = steps.names[first.place[0]]
    assert steps.told(first) == f"first.weight {name}, unit {first.place[1]}"
    (inner,) = steps.walk.largest_changes("encoder.0.weight", 1)
    assert steps.told(inner) == f"encoder.0.weight {inner.place}"
    last = steps.walk.last_layer().replace("weight", "bias")
    (bias,) = steps.walk.largest_changes(last, 1)
    assert len(steps.walk.changes[last]) == len(steps.names)
    assert steps.told(bias) == f"{last} {steps.names[bias.place[0]]}"


def test_many_columns_are_cut_short():
    X = np.random.default_rng(0).normal(size=(30, 20))
    lines = table_steps_lines(table_steps(TableAutoencoder(TYPES[0]).fit(X), X[:1]))
    assert lines.count("     … and 8 more columns") == 3


def test_what_cannot_be_walked_is_refused(houses):
    numbers = houses[["price", "area"]].abs()
    with pytest.raises(InputError, match="linear autoencoder is solved at once"):
        table_steps(TableAutoencoder(LinearAutoencoder()).fit(numbers), numbers.iloc[:1])
    with pytest.raises(InputError, match="2 rows were given; give one"):
        table_steps(TableAutoencoder(TYPES[0]).fit(numbers), numbers.iloc[:2])
