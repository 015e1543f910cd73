"""What the tests of tables share."""

from collections import defaultdict

import pytest


@pytest.fixture
def rows_seen_by(monkeypatch):
    """Watch the `fit` of classes: return what each of them learns from, in order."""

    def watch(*kinds):
        seen = defaultdict(list)

        def watched(kind, fit):
            def fit_and_tell(self, X, *more, **named):
                seen[kind].append(X)
                return fit(self, X, *more, **named)

            return fit_and_tell

        for kind in kinds:
            monkeypatch.setattr(kind, "fit", watched(kind, kind.fit))
        return seen

    return watch
