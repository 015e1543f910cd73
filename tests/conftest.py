"""One thread (quicker on small arrays, the same bits everywhere), and properties without dice."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

settings.register_profile("likewise", derandomize=True, deadline=None)
settings.load_profile("likewise")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
