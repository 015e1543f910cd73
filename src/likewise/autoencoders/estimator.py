"""What every estimator of likewise is: scikit-learn's, with errors of its own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from likewise.autoencoders.allowed import in_words, is_allowed
from likewise.errors import InputError


class Estimator(BaseEstimator):  # type: ignore[misc]
    """scikit-learn's base, but that a wrong parameter is an InputError, as all wrong input is.

    A truth value is wrong where a number is asked for, of which Python counts it as one.
    """

    _made_by: Mapping[str, Any] = MappingProxyType({})
    """Parameters that answers rest on together with what was learned, as they were then."""

    def _as_used(self, name: str) -> Any:
        """Return a parameter as answers use it."""
        return getattr(self, name)

    def _require_fitted(self) -> None:
        """Refuse to answer before a fit, and with parameters that do not go with what was learned.

        Raises
        ------
        InputError
            If a parameter that answers rest on was set after the fit.
        """
        if not getattr(self, "is_fitted_", False):
            check_is_fitted(self)  # asked of a fitted one, it takes a tenth of a basket's answer
        for name, then in self._made_by.items():
            if self._as_used(name) != then:
                raise InputError(
                    f"{name}={getattr(self, name)!r} was set after a fit that had {name}={then!r}, "
                    "which its answers rest on; set it back, or fit anew"
                )

    def _validate_params(self) -> None:
        for name, value in self.get_params(deep=False).items():
            allowed = self._parameter_constraints.get(name)
            if isinstance(value, bool) and "boolean" not in (allowed or ["boolean"]):
                raise InputError(
                    f"{name}={value!r} of {type(self).__name__} is no truth value; "
                    f"give {int(value)} if that is meant"
                )
            if allowed is not None and not is_allowed(value, allowed):
                raise InputError(
                    f"{name}={value!r} of {type(self).__name__}; give {in_words(allowed)}"
                )
