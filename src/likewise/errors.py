"""What can go wrong, as one tree.

::

    LikewiseError
    ├── InputError (also a ValueError)      what was given cannot be used; the command line exits with 2
    │   ├── LogError                        a purchase log, or one of its columns or lines
    │   └── ModelFolderError                a model folder that is damaged, foreign or of another version
    └── MachineError (also an OSError)      what was given is fine, the machine is not; exits with 1
        └── NotEnoughMemoryError            the work would not fit (also a MemoryError); nothing was started

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
