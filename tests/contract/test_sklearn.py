"""scikit-learn's own checks, for every type; not one is expected to fail.

One is skipped by scikit-learn itself unless SCIPY_ARRAY_API is set before SciPy is imported: the
check that arrays of other libraries are taken by estimators that declare it. These do not.
"""

from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import parametrize_with_checks

from likewise.autoencoders.classifier import AutoencoderClassifier
from likewise.autoencoders.undercomplete import UndercompleteAutoencoder
from likewise.recommend.folder import ALL_TYPES
from likewise.tables.anomalies import AnomalyDetector
from likewise.tables.autoencoder import TableAutoencoder

QUICK = {"n_latent": 2, "max_epochs": 2, "device": "cpu", "precision": "float32", "random_state": 0}
EXPECTED_FAILURES: dict[str, str] = {}
"""Check to reason. A check that fails for a good reason is a fault to mend, not to list here."""


def quick(kind: type[BaseEstimator]) -> BaseEstimator:
    known = kind().get_params()
    return kind(**{setting: value for setting, value in QUICK.items() if setting in known})


CLASSIFIER = AutoencoderClassifier(
    UndercompleteAutoencoder(**QUICK | {"n_latent": 8}), max_epochs=20, batch_size=8, random_state=0
)


TABLES = [
    AnomalyDetector(UndercompleteAutoencoder(**QUICK), random_state=0),
    TableAutoencoder(UndercompleteAutoencoder(**QUICK)),
]


def expected_failures(_: BaseEstimator) -> dict[str, str]:
    return EXPECTED_FAILURES


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [*(quick(kind) for kind in ALL_TYPES.values()), CLASSIFIER, *TABLES],
    expected_failed_checks=expected_failures,
)
def test_estimator(estimator: BaseEstimator, check: Any) -> None:
    check(estimator)
