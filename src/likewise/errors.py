"""What can go wrong, as one tree.

::

    LikewiseError
    ├── InputError                 what was given cannot be used (also a ValueError): exit code 2
    │   ├── LogError               a purchase log, or one of its columns or lines
    │   └── ModelFolderError       a model folder: damaged, foreign, or of another version
    └── MachineError               the machine fails, not the input (also an OSError): exit code 1
        └── NotEnoughMemoryError   the work would not fit (also a MemoryError); it was not started

Every message says what was given, what is allowed and what to do.
"""

from numbers import Integral
from typing import Any


class LikewiseError(Exception):
    """Base of every error that likewise raises on purpose."""


class InputError(LikewiseError, ValueError):
    """What was given cannot be used."""


class LogError(InputError):
    """A purchase log cannot be read as it is."""


class ModelFolderError(InputError):
    """A model folder is damaged, foreign, or of another version."""


class MachineError(LikewiseError, OSError):
    """The machine failed: no space, no permission to write, no such device."""


class NotEnoughMemoryError(MachineError, MemoryError):
    """The work would not fit into memory; nothing was started."""


def is_count(value: Any) -> bool:
    """Say whether a value is a whole number, 1 or more; a truth value is none.

    Examples
    --------
    >>> is_count(3), is_count(0), is_count(2.0), is_count(True)
    (True, False, False, False)
    """
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 1


def counted(n: int, noun: str) -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> counted(1, "trial"), counted(2_000, "epoch")
    ('1 trial', '2,000 epochs')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
