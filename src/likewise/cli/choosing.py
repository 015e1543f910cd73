"""Choosing a model for `likewise fit` and `likewise demo`, and saying what was chosen."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likewise.cli.output import Move, Output
from likewise.errors import InputError, counted

if TYPE_CHECKING:
    from likewise.data.interactions import Interactions
    from likewise.data.log import Log
    from likewise.recommend.climbing import Trial
    from likewise.recommend.recency import Days, HalfLife
    from likewise.recommend.recommender import Recommender

FEW_JUDGES = 100
"""Customers, of whom fewer tell settings apart by little but chance."""

FEW_SECONDS = 10.0
"""A budget of fewer is told beside tenths of a second."""

MANY_REPEATS = 0.5
"""Share of purchases of what a customer had already, beyond which buying again should count."""


def require_judges(interactions: "Interactions") -> None:
    """Refuse a log in which nobody could be held out to choose settings on."""
    from likewise.recommend import checks

    checks.require_judges(interactions)


def require_times(events: "Log", repeats: bool, half_life: str | None) -> None:
    """Refuse what needs times, where the log has none."""
    option = "--repeats" if repeats else f"--half-life {half_life}"
    if events.time is None and (repeats or half_life not in {None, "none"}):
        raise InputError(
            f"{option} needs times, and the log has none; name its time column with --time"
        )


def _spending(budget: float, move: Move) -> Callable[[str, "Trial"], None]:
    """Return what moves a bar by the seconds that trials take of a budget."""
    spent = 0.0

    def tell(words: str, trial: "Trial") -> None:
        nonlocal spent
        spent += trial.seconds
        move(min(1.0, spent / budget), f"{words}{trial.score:.4f}")

    return tell


def found(
    log: "Log", output: Output, *, budget: float, weighting: str = "binary",
    half_life: "Days" = "auto", repeats: bool = False, seed: int = 0, device: str = "auto",
    trials: Path | None = None,
) -> "Recommender":  # fmt: skip
    """Fit what `auto` finds within the budget."""
    from likewise.recommend.alone import PREFIX
    from likewise.recommend.auto import auto

    with output.bar("looking for the best model") as move:
        tell = _spending(budget, move)
        result = auto(
            log, budget=budget, weighting=weighting, half_life=half_life, repeats=repeats,
            seed=seed, device=device, trials=trials,
            on_trial=lambda model, trial: tell(f"{model} ", trial),
        )  # fmt: skip
    choice, lost = (result.recommender.metrics[key] for key in ("choice", "half_life"))
    if half_life == "auto" and log.time is not None:
        say_half_life(lost, choice["metric"], output)
    judges = "held-out customers"
    if lost["days"] or repeats:
        judges = "customers of the last tenth of the log"
    words = _shares({part["model"]: part["weight"] for part in choice["parts"]})
    how = f" ({choice['calibration']})" if choice["calibration"] else ""
    words = words if how else choice["parts"][0]["model"]
    output.note(
        f"chose {words}{how}: {choice['metric']} {choice['score']:.4f} on {judges}, "
        f"best of {counted(len(choice['trials']), 'trial')}, in "
        f"{_of_budget(choice['spent'], choice['budget'])} seconds for choosing and learning"
    )
    if choice["judged"] < FEW_JUDGES:
        output.note(
            f"judged on {counted(choice['judged'], 'customer')} only: which model was chosen is "
            "mostly chance"
        )
    if (also := choice["also_bought"]) and also["model"]:
        output.note(
            f"chose {also['model']} with settings of its own for also-bought: {also['metric']} "
            f"{also['score']:.4f} on {also['customers']} others, {also['gain']['mean']:+.4f} "
            f"({also['gain']['low']:+.4f} to {also['gain']['high']:+.4f})"
        )
    output.note(*_left_out(choice["skipped"]))
    tried = {trial["model"] for trial in choice["trials"]}
    if len(tried := {name for name in tried if not name.startswith(PREFIX)}) == 1:
        output.note(
            f"there was no time to try anything beside {tried.pop()}: give a longer --budget"
        )
    elif choice["spent"] > 1.1 * choice["budget"]:
        output.note("the budget was too short for this log on this machine; give a longer --budget")
    bought_again = 1 - int(result.recommender.catalogue_.counts.sum()) / len(log)
    if log.time is not None and not repeats and bought_again > MANY_REPEATS:
        output.note(
            f"{bought_again:.0%} of the purchases are of what the customer had already: --repeats "
            "lets that count, and `recommend --keep-seen` asks for it"
        )
    return result.recommender


def _of_budget(spent: float, budget: float) -> str:
    """Say how much of a budget was spent: whole seconds, of a few of them tenths too.

    Examples
    --------
    >>> _of_budget(57.3, 60.0), _of_budget(0.9, 0.5), _of_budget(2.0, 2.0)
    ('57 of 60', '0.9 of 0.5', '2 of 2')
    """
    return f"{spent if budget < FEW_SECONDS else round(spent):g} of {budget:g}"


def _shares(weights: Mapping[str, float]) -> str:
    """Say what each part has of the whole.

    Examples
    --------
    >>> _shares({"spectral": 1.0, "linear": 1.42857})
    '0.41 spectral + 0.59 linear'
    """
    whole = sum(weights.values())
    return " + ".join(f"{weight / whole:.2g} {model}" for model, weight in weights.items())


def _left_out(skipped: Mapping[str, str]) -> list[str]:
    """Say what was not tried and why, a line for each reason.

    Examples
    --------
    >>> _left_out({"als": "no time", "deep": "no room", "kernel": "no time"})
    ['left out als, kernel: no time', 'left out deep: no room']
    """
    of: dict[str, list[str]] = {}
    for model, why in skipped.items():
        of.setdefault(why, []).append(model)
    return [f"left out {', '.join(models)}: {why}" for why, models in of.items()]


def half_life_of(log: "Log", given: "Days", output: Output) -> "HalfLife":
    """Return the days that were given, or those that serve customers who came back best."""
    from likewise.evaluate.protocol import METRIC
    from likewise.recommend.recency import choose_half_life, given_days

    if given != "auto":
        return given_days(given)
    chosen = choose_half_life(log)
    say_half_life(chosen.as_dict(), METRIC, output)
    return chosen


def half_life_asked_for(model: str, weighting: str, half_life: str | None) -> "Days":
    """Return how fast purchases shall lose weight; what is left of them takes the place of weights.

    With "auto" that may turn out to be not at all.
    """
    given = days_given(half_life)
    if half_life is None and model == "auto" and weighting == "binary":
        given = "auto"
    if given is not None and weighting != "binary":
        raise InputError(
            f"--weighting {weighting} and --half-life {half_life} do not go together: "
            "a half-life takes the place of weights; give one of the two"
        )
    return given


def days_given(text: str | None) -> "Days":
    """Return the half-life that an option gives: days, auto, or none."""
    if text is None or text == "none":
        return None
    if text == "auto":
        return "auto"
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise InputError(f"--half-life {text} given; give days, more than 0, auto or none")
    return number


def say_half_life(chosen: dict[str, Any], metric: str, output: Output) -> None:
    """Say how fast purchases lose weight, and what says so."""
    days, gain, why = chosen["days"], chosen["gain"], chosen["why"]
    if gain is not None:
        measured = (
            f"{metric} {gain['mean']:+.4f} ({gain['low']:+.4f} to {gain['high']:+.4f}) for "
            f"{gain['n']:,} customers who came back"
        )
        none = f"no half-life is better than none by more than chance ({measured})"
        why = f"better than without by {measured}" if days else none
    said = f"a purchase counts half after {days:g} days" if days else "purchases keep their weight"
    output.note(f"{said}: {why}")
