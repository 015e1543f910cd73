"""What is installed on request, and how: from where this likewise came."""

import sys
from importlib.util import find_spec
from pathlib import Path

EXTRAS = {"serve": "uvicorn", "postgres": "adbc_driver_postgresql", "tune": "optuna"}
"""A module of each extra, by which one sees whether it is installed."""

_CLONE = Path(__file__).parents[2]


def is_installed(extra: str) -> bool:
    """Say whether the packages of an extra are there.

    Examples
    --------
    >>> is_installed("serve") in {True, False}
    True
    """
    return find_spec(EXTRAS[extra]) is not None


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra: of the clone, where likewise runs from one.

    Examples
    --------
    >>> "[serve]'" in how_to_install("serve")
    True
    """
    constraints = _CLONE / "constraints.txt"
    if not ((_CLONE / "pyproject.toml").is_file() and constraints.is_file()):
        return f"pip install 'likewise[{extra}]'"
    return (
        f"{_from_here(Path(sys.executable))} -m pip install --editable "
        f"'{_from_here(_CLONE)}[{extra}]' --constraint {_from_here(constraints)}"
    )


def _from_here(path: Path) -> Path:
    """Return a path as it is shortest to type."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
