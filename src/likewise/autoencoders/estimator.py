"""What every estimator of likewise is: scikit-learn's, with errors of its own."""

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError

from likewise.errors import InputError


class Estimator(BaseEstimator):  # type: ignore[misc]
    """scikit-learn's base, but that a wrong parameter is an InputError, as all wrong input is.

    A truth value is wrong where a number is asked for, of which Python counts it as one.
    """

    def _validate_params(self) -> None:
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            raise InputError(f"{error}") from error
        for name, value in self.get_params(deep=False).items():
            allowed = self._parameter_constraints.get(name, ["boolean"])
            if isinstance(value, bool) and "boolean" not in allowed:
                raise InputError(
                    f"{name}={value!r} of {type(self).__name__} is no truth value; "
                    f"give {int(value)} if that is meant"
                )
