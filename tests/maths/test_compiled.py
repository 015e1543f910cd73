"""Compiled loops where there is a folder to keep them in, and where there is none."""

import numpy as np
import pytest
from numba.core import caching

from likewise.autoencoders.compiled import compiled


def doubled(values):
    for n in range(len(values)):
        values[n] *= 2


@pytest.mark.parametrize("can_write", [True, False])
def test_no_folder_need_be_writable(monkeypatch, tmp_path, can_write):
    found = [caching.UserProvidedCacheLocator] if can_write else []
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", found)
    monkeypatch.setattr("numba.config.CACHE_DIR", str(tmp_path))
    values = np.arange(3.0)
    compiled()(doubled)(values)
    assert values.tolist() == [0, 2, 4]
    assert any(tmp_path.rglob("*.nbi")) == can_write
