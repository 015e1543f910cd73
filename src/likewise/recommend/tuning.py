"""Tuning a type's settings in a space of one's own, by Optuna; a study can be gone on with."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likewise.autoencoders.base import RUN_OPTIONS, Autoencoder, copy_of
from likewise.autoencoders.neural import NeuralAutoencoder
from likewise.data.fold import FoldIn, held_out_items
from likewise.data.interactions import Interactions
from likewise.errors import InputError, MachineError, NotEnoughMemoryError
from likewise.evaluate.metrics import parse_metric
from likewise.evaluate.protocol import METRIC, evaluate
from likewise.extras import how_to_install
from likewise.nn.plan import History
from likewise.recommend.budget import Budget
from likewise.recommend.climbing import Trial
from likewise.recommend.journal import fingerprint
from likewise.recommend.recommender import Recommender

STUDY = "likewise"
SQLITE = b"SQLite format 3"
"""What such a file begins with."""


@dataclass(frozen=True)
class Span:
    """All numbers from `low` to `high`: whole ones only, or each power as likely, if asked."""

    low: float
    high: float
    log: bool = False
    whole: bool = False


@dataclass(frozen=True)
class OneOf:
    """Values to choose among, by what they are called."""

    values: Mapping[str, Any]


Space = Mapping[str, Span | OneOf]
"""What may be tried of each setting."""


def tune(
    model: Autoencoder,
    space: Space,
    train: Interactions,
    validation: FoldIn | None = None,
    *,
    n_trials: int = 50,
    max_seconds: float = math.inf,
    study: str | Path | None = None,
    metric: str = METRIC,
    weighting: str = "binary",
    seed: int = 0,
    on_trial: Callable[[Trial], None] | None = None,
) -> tuple[Autoencoder, list[Trial]]:
    """Look for the settings of a model that serve validation users best.

    Parameters
    ----------
    model : Autoencoder
        Unfitted; what `space` does not name stays as it is.
    space : mapping of str to Span or OneOf
        What may be tried.
    train, validation : Interactions, FoldIn
        What to learn from and to choose on. Without `validation`, a tenth of the users is held out.
    n_trials : int
        Trials in the study when it ends, those of earlier runs included.
    max_seconds : float
        No trial is started that would end later if it took as long as the longest of the study, of
        earlier runs too; the first of a study is always made.
    study : path, optional
        SQLite file that the study is kept in, and gone on from. It goes on for the same log, model,
        space, metric, weighting and ``random_state`` alone, so that all its trials can be compared.

    Returns
    -------
    model : Autoencoder
        Unfitted, with the best settings; its epochs are those that were best.
    trials : list of Trial
        All of the study, earlier ones first; -inf where settings could not be fitted, or would not
        fit into memory.

    Raises
    ------
    MachineError
        If Optuna is not installed.
    InputError
        If there is no such metric, or the study is one of another log, model, space, metric,
        weighting or seed of the model.
    KeyboardInterrupt
        By Ctrl-C, in the middle of a training too: what was cut short is no trial.

    References
    ----------
    T. Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", KDD 2019,
    arXiv:1907.10902.
    """
    parse_metric(metric)
    require_optuna()
    learned, judged = held_out_items(train) if validation is None else (train, validation)
    about = fingerprint(learned, judged, *_what_is_tuned(model, space), metric, weighting)
    found, refused = _study(study, about, seed), ""
    budget, longest = Budget(max_seconds), max([0.0, *map(_seconds, _done(found))])
    while (n_done := len(_done(found))) < n_trials and (not n_done or budget.left > longest):
        trial, began = found.ask(), budget.spent
        settings = {name: _suggested(trial, name, choices) for name, choices in space.items()}
        tried = copy_of(model).set_params(**settings)
        score, epochs, refused = _score(tried, learned, judged, metric, weighting)
        longest = max(longest, budget.spent - began)
        trial.set_user_attr("epochs", epochs)
        trial.set_user_attr("seconds", budget.spent - began)
        found.tell(trial, score if math.isfinite(score) else None,
                   state=None if math.isfinite(score) else _failed())  # fmt: skip
        if on_trial is not None:
            on_trial(Trial(dict(trial.params), score, budget.spent - began, refused))
    trials = _done(found)
    if not any(trial.value is not None for trial in trials):
        why = f" ({refused})" if refused else ""
        raise InputError(f"none of {len(trials)} trials could be fitted{why}; give other settings")
    best = max((t for t in trials if t.value is not None), key=lambda t: t.value)
    return _with_best(model, space, best), [_as_trial(trial) for trial in trials]


def _score(
    model: Autoencoder, learned: Interactions, judged: FoldIn, metric: str, weighting: str
) -> tuple[float, int | None, str]:
    """Return the score, the epochs that were best, and why it could not be fitted."""
    recommender = Recommender(model, weighting=weighting)
    by_epochs = isinstance(model, NeuralAutoencoder)
    try:
        recommender.fit(
            learned, validation=judged if by_epochs else None, metric=metric, support=False
        )
    except (InputError, NotEnoughMemoryError) as error:
        return -math.inf, None, str(error)
    epochs = _epochs(recommender.model_.history_) if by_epochs else None
    return evaluate(recommender, judged, metrics=(metric,)).mean(metric), epochs, ""


def _epochs(history: History) -> int:
    if history.stopped == "interrupt":
        raise KeyboardInterrupt
    return history.best_epoch


def _what_is_tuned(model: Autoencoder, space: Space) -> tuple[Any, ...]:
    """Return what trials depend on: the type, the settings that stay, what may be tried."""
    varied = {*RUN_OPTIONS, *space}
    kept = {k: v for k, v in model.get_params().items() if k not in varied}
    return model.type_name, sorted(kept.items()), sorted(space.items())


def _suggested(trial: Any, name: str, choices: Span | OneOf) -> Any:
    if isinstance(choices, OneOf):
        return choices.values[trial.suggest_categorical(name, list(choices.values))]
    if choices.whole:
        return trial.suggest_int(name, int(choices.low), int(choices.high), log=choices.log)
    return trial.suggest_float(name, choices.low, choices.high, log=choices.log)


def _with_best(model: Autoencoder, space: Space, best: Any) -> Autoencoder:
    values = {
        name: choices.values[best.params[name]] if isinstance(choices, OneOf) else best.params[name]
        for name, choices in space.items()
    }
    if (epochs := best.user_attrs.get("epochs")) is not None:
        values |= {"max_epochs": epochs, "validation_fraction": 0.0}
    chosen: Autoencoder = copy_of(model).set_params(**values)
    return chosen


def _study(file: str | Path | None, about: str, seed: int) -> Any:
    """Open or begin the study; the sampler of one that goes on draws what it has not drawn."""
    optuna = require_optuna()
    storage = None
    if file is not None:
        _require_sqlite(Path(file))
        storage = f"sqlite:///{Path(file).resolve()}"
    study = optuna.create_study(
        storage=storage, study_name=STUDY, direction="maximize", load_if_exists=True
    )
    if study.user_attrs.setdefault("about", about) != about:
        raise InputError(
            f"{file} is a study of another log, model, space, metric, weighting or seed (of models "
            "that draw); name another file"
        )
    study.set_user_attr("about", about)
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    return study


def _require_sqlite(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            start = opened.read(len(SQLITE))
    except FileNotFoundError:
        return
    if start and start != SQLITE:
        raise InputError(f"{file} is no study, and is not overwritten; name another file")


def _done(study: Any) -> Sequence[Any]:
    return [trial for trial in study.trials if trial.state.is_finished()]


def _failed() -> Any:
    return require_optuna().trial.TrialState.FAIL


def _as_trial(trial: Any) -> Trial:
    score = -math.inf if trial.value is None else float(trial.value)
    return Trial(dict(trial.params), score, _seconds(trial))


def _seconds(trial: Any) -> float:
    return float(trial.user_attrs.get("seconds", 0.0))


def require_optuna() -> Any:
    """Return the package.

    Raises
    ------
    MachineError
        If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MachineError(
            f"tuning needs the package optuna; install it with: {how_to_install('tune')}"
        ) from error
    return optuna
