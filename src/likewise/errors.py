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
