"""A refusal of memory says what leaves no more: the machine, or a limit that was set."""

from collections.abc import Iterator

import pytest

from likewise import memory
from likewise.errors import NotEnoughMemoryError
from likewise.memory import limit_for, limit_memory, require_memory


@pytest.fixture(autouse=True)
def no_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(memory, "_machine_available", lambda: 2**30)
    monkeypatch.setattr(memory, "_control_group_available", list)
    monkeypatch.setattr(memory, "_resident", lambda: 2**29)
    yield
    limit_memory(None)


@pytest.mark.parametrize(
    ("limit", "by", "words"),
    [
        (None, "", "1.0 GiB are free; wait"),
        (2**40, "--memory 1TB", "1.0 GiB are free; wait"),
        (
            2**30,
            "--memory 1GB",
            "--memory 1GB leaves 512 MiB beside the 512 MiB taken already, on a machine with "
            "1.0 GiB free; wait",
        ),
        (
            2**20,
            "",
            "limit_memory(1048576) leaves 0 MiB beside the 512 MiB taken already, on a machine "
            "with 1.0 GiB free; wait",
        ),
    ],
)
def test_what_leaves_no_more_is_named(limit, by, words):
    limit_memory(limit, by)
    with pytest.raises(NotEnoughMemoryError) as refusal:
        require_memory(2**31, "a table", "wait")
    assert str(refusal.value) == f"a table needs 2.0 GiB and {words}"


def test_a_limit_that_could_be_raised_says_how_far():
    limit_memory(500 * 2**20, "--memory 500MB")
    with pytest.raises(NotEnoughMemoryError) as refusal:
        require_memory(2**28, "a table", "wait")
    assert str(refusal.value) == (
        "a table needs 256 MiB and --memory 500MB leaves 0 MiB beside the 512 MiB taken already "
        "(the program itself takes about 400 MiB); raise it to 810 MiB or more, or wait"
    )
    limit_memory(810 * 2**20)
    require_memory(2**28, "a table", "wait")


def test_what_a_limit_would_have_to_be():
    assert limit_for(2**28) is None  # none is set
    limit_memory(600 * 2**20)
    assert limit_for(2**28) == 810
    assert limit_for(2**31) is None  # the machine has less
    limit_memory(810 * 2**20)
    require_memory(2**28, "a table", "wait")
