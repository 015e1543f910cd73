"""What every estimator of likewise is: scikit-learn's, with errors of its own."""

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError

from likewise.errors import InputError


class Estimator(BaseEstimator):  # type: ignore[misc]
    """scikit-learn's base, but that a wrong parameter is an InputError, as all wrong input is."""

    def _validate_params(self) -> None:
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            raise InputError(f"{error}") from error
