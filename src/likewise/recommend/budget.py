"""A budget of seconds, and how much of it is left."""

import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Budget:
    """Seconds for a piece of work that has just begun.

    Parameters
    ----------
    seconds : float
        For all of it.

    Examples
    --------
    >>> budget = Budget(60.0)
    >>> 0 <= budget.spent < 1, 59 < budget.left <= 60
    (True, True)
    """

    seconds: float
    _began: float = field(default_factory=lambda: time.monotonic())

    @property
    def spent(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds that remain; negative once it is overdrawn."""
        return self.seconds - self.spent
