"""What --set gives: read as the parameter's own constraints have it, for every type there is."""

import pytest

from likewise import ConvolutionalAutoencoder, DeepAutoencoder, InputError, LinearAutoencoder
from likewise.autoencoders import TYPES
from likewise.cli.models import configured
from likewise.recommend.baselines import Popularity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pretrain=false", False),
        ("pretrain=TRUE", True),
        ("hidden=600,200", (600, 200)),
        ("hidden=600", (600,)),
        ("hidden=", ()),
        ("hidden=auto", "auto"),
        ("learning_rate=1e-3", 1e-3),
        ("learning_rate=auto", "auto"),
        ("max_epochs=3", 3),
        ("activation=sigmoid", "sigmoid"),
        ("max_seconds=none", None),
        ("device=cpu", "cpu"),
    ],
)
def test_a_value_is_read_as_what_the_parameter_takes(text, value):
    found = configured(DeepAutoencoder(pretrain=True), [text]).get_params()[text.split("=")[0]]
    assert found == value
    assert type(found) is type(value)


def test_what_is_none_by_default_can_be_set_and_set_back():
    model = configured(ConvolutionalAutoencoder(), ["corruption=masking", "image_shape=8,8"])
    assert (model.corruption, model.image_shape) == ("masking", (8, 8))
    assert configured(model, ["corruption=none"]).corruption is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pretrain=maybe", "--set pretrain=maybe: give true or false"),
        ("pretrain=1", "give true or false"),
        ("hidden=wide", "give auto or whole numbers, such as 64,16"),
        ("max_epochs=many", "give auto or a whole number, 1 or more"),
        ("max_epochs=0", "give auto or a whole number, 1 or more"),
        ("learning_rate=nan", "give auto or a number, more than 0"),
        ("validation_fraction=1", "--set validation_fraction=1: give a number, 0 or more and less"),
        ("loss=cubic", "give auto or bernoulli or multinomial or squared"),
        ("max_epochs=2.5", "--set max_epochs=2.5: give auto or a whole number, 1 or more"),
        ("hidden=0", "give the widths of layers"),
        ("progress=none", "deep has the settings"),
        ("checkpoint=here", "deep has the settings"),
        ("random_state=3", "deep has the settings"),
        ("pretrain", "write --set NAME=VALUE"),
    ],
)
def test_what_is_no_value_is_refused_with_what_is_one(text, said):
    with pytest.raises(InputError, match=said):
        configured(DeepAutoencoder(), [text], random_state=0)


def test_a_type_without_settings_says_so():
    for text in ("x=1", "x"):
        with pytest.raises(
            InputError, match=rf"popularity has no settings; leave --set {text} out"
        ):
            configured(Popularity(), [text])


def test_what_the_command_decides_goes_only_to_types_that_have_it():
    assert configured(LinearAutoencoder(), ["l2=3"], max_seconds=2.0).get_params()["l2"] == 3
    assert configured(DeepAutoencoder(), None, max_seconds=2.0).max_seconds == 2.0


@pytest.mark.parametrize("name", TYPES)
def test_every_default_can_be_written_as_a_setting(name):
    """So no type has a parameter that --set cannot give, but for those that are no settings."""
    defaults = TYPES[name]().get_params()
    for key, value in defaults.items():
        if key in {"progress", "checkpoint", "random_state"}:
            continue
        written = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        assert configured(TYPES[name](), [f"{key}={written}"]).get_params()[key] == value
