"""The process that holds the models, forks those that answer, and looks after them.

The models are loaded and tried here, once; the workers are forked from it, so they share the
weights' memory. A new model makes new workers; the old ones finish what they have on the old model
and retire, and the socket is the same throughout, so no request is lost. What cannot be used,
or fails while it is taken up, changes nothing: the old model is served; log and /readyz say so.
"""

import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from likewise.errors import LikewiseError
from likewise.recommend.attributes import read_attributes
from likewise.serve.app import ROUTE_NAMES, create_app
from likewise.serve.board import Board
from likewise.serve.served import Served, stamp_of, version_of
from likewise.serve.settings import Settings
from likewise.serve.worker import RETIRE, Worker

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
LOOK_EVERY = 1.0
"""Seconds between two looks at the folders."""
MOMENT = 0.05
"""Seconds between two looks at workers that are about to answer."""
TABLE = "--attributes"
"""What the table is called among the names of what was refused; no model's name begins so."""
_log = logging.getLogger("likewise.serve")


@dataclass
class Supervisor:
    """Serves models in several processes until it is told to stop.

    Parameters
    ----------
    folders : mapping of str to Path
        The models' folders by name.
    settings : Settings
        Who may ask, and how much.
    listener : socket
        Bound and listening.
    n_workers : int
        Processes that answer.
    attributes : path, optional
        A table of the items' attributes; it is read again when it changes.
    """

    folders: Mapping[str, Path]
    settings: Settings
    listener: socket.socket
    n_workers: int = 1
    attributes: Path | None = None

    _workers: dict[int, int] = field(default_factory=dict)  # pid -> slot
    _before: dict[int, int] = field(default_factory=dict)  # they answer until those above do
    _retired: dict[int, int] = field(default_factory=dict)
    _artists: dict[int, Served] = field(default_factory=dict)
    _born: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._seen = stamp_of(self.attributes)
        self._table = None if self.attributes is None else read_attributes(self.attributes)
        self.shelf = {n: Served.of(n, folder, self._table) for n, folder in self.folders.items()}
        self._board = Board.of([*self.folders], ROUTE_NAMES, n_slots=4 * self.n_workers)
        self._refused: dict[str, tuple[object, str]] = {}  # what was there, and what was said
        self._pid = os.getpid()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP looks at the folders at once."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            while True:
                self._start()
                got = signal.sigtimedwait(SIGNALS, MOMENT if self._before else LOOK_EVERY)
                number = got.si_signo if got else 0
                if number in {signal.SIGTERM, signal.SIGINT}:
                    break
                self._reap()
                if number != signal.SIGCHLD:
                    self._look(again=number == signal.SIGHUP)
        finally:
            self._stop()
            gc.unfreeze()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    # Processes

    def _start(self) -> None:
        """Fork whom is needed, and let those go whose place is taken; else try again later."""
        try:
            self._fill()
            self._draw()
        except (OSError, MemoryError) as error:
            _log.error("no process could be started; it is tried again", exc_info=error)
        if self._before and self._all_answer():
            self._retire(self._before)
            self._before = {}

    def _fill(self) -> None:
        """Fork workers until there are enough, or no slot is free for another."""
        if len(self._workers) < self.n_workers:
            gc.collect()
            gc.freeze()  # what is not counted is not written to, and stays shared
        while len(self._workers) < self.n_workers and (free := self._free_slots()):
            slot = min(free)
            pid = self._fork(partial(self._answer, slot))
            self._workers[pid], self._born[pid] = slot, time.monotonic()
            _log.info("worker started", extra={"pid": pid})

    def _free_slots(self) -> set[int]:
        taken = (self._workers | self._before | self._retired).values()
        return {*range(len(self._board.at_work))} - {*taken}

    def _all_answer(self) -> bool:
        """Return whether there are enough workers, and each takes connections."""
        slots = [*self._workers.values()]
        return len(slots) == self.n_workers and bool(
            np.isfinite(self._board.connections[slots]).all()
        )

    def _answer(self, slot: int) -> None:
        guard = create_app(self.shelf, self.settings, board=self._board, slot=slot)
        Worker(guard, self.settings, self.listener, parent=self._pid).run()

    def _draw(self) -> None:
        """Let a process of its own compute a map that is missing, one after the other."""
        waiting = [served for served in self.shelf.values() if served.is_to_be_drawn]
        if waiting and not self._artists:
            self._artists[self._fork(partial(_draw_map, waiting[0]))] = waiting[0]

    @staticmethod
    def _fork(work: Callable[[], None]) -> int:
        pid = os.fork()
        if pid:
            return pid
        code = 1
        try:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the supervisor's; a terminal tells all
            signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            work()
            code = 0
        except BaseException:  # noqa: BLE001 - a child must never return into the parent's code
            _log.exception("process failed", extra={"pid": os.getpid()})
        finally:
            os._exit(code)

    def _reap(self) -> None:
        """Notice who has ended; a worker that should not have is replaced."""
        soon = False
        while pid := _ended():
            drawn = self._artists.pop(pid, None)
            if drawn is not None and drawn.is_to_be_drawn:
                drawn.give_up_drawing()
                _log.warning("no map: it could not be computed", extra={"model": drawn.name})
            slot = (self._workers | self._before | self._retired).get(pid)
            if slot is not None:
                self._board.clear(slot)
            self._before.pop(pid, None)
            self._retired.pop(pid, None)
            if self._workers.pop(pid, None) is not None:
                _log.warning("worker died; another takes its place", extra={"pid": pid})
                soon |= time.monotonic() - self._born[pid] < LOOK_EVERY
            self._born.pop(pid, None)
        if soon:  # what dies at once would be made again and again
            time.sleep(LOOK_EVERY)

    def _stop(self) -> None:
        """Let the workers finish what they have, and end with them."""
        for pid in self._artists:
            _kill(pid, signal.SIGKILL)
        everyone = {*self._workers, *self._before, *self._retired}
        for pid in everyone:
            _kill(pid, signal.SIGTERM)
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # who comes now is refused, not left waiting
        ends = time.monotonic() + self.settings.timeout + 5
        while (everyone or self._artists) and time.monotonic() < ends:
            signal.sigtimedwait({signal.SIGCHLD}, 0.2)
            while pid := _ended():
                everyone.discard(pid)
                self._artists.pop(pid, None)
        for pid in everyone:
            _kill(pid, signal.SIGKILL)

    # Models

    def _look(self, *, again: bool) -> None:
        """Take up what has changed on disk; with `again`, also try what was refused."""
        new = self._with_new_table(again=again)
        for name, folder in self.folders.items():
            with self._refusing(name, stamp_of(folder), again=again) as is_seen:
                if not is_seen and version_of(folder) != self.shelf[name].version:
                    new[name] = Served.of(name, folder, self._table)
        if new:
            self.shelf = self.shelf | new
            for name, served in new.items():
                _log.info("model loaded", extra={"model": name, "version": served.version})
            self._replace()

    def _with_new_table(self, *, again: bool) -> dict[str, Served]:
        """Return the models with the attributes on disk, if those have changed."""
        stamp = stamp_of(self.attributes)
        with self._refusing(TABLE, stamp, again=again) as is_seen:
            if self.attributes is not None and not is_seen and stamp != self._seen:
                table = read_attributes(self.attributes)
                new = {name: old.with_attributes(table) for name, old in self.shelf.items()}
                self._table, self._seen = table, stamp
                return new
        return {}

    @contextmanager
    def _refusing(self, name: str, stamp: object, *, again: bool) -> Iterator[bool]:
        """Remember whether what is on disk can be used, and say once why not.

        It gives whether the very same was refused before, and is not to be tried `again`.
        """
        before, said = self._refused.get(name, (None, ""))
        is_seen = before == stamp and not again
        try:
            yield is_seen
        except Exception as error:  # noqa: BLE001 - whatever it is, the model before it answers
            words = f": {error}" if isinstance(error, LikewiseError) else ""
            if said != (why := f"{type(error).__name__}{words}"):
                _tell_refused(name, error, words)
            self._refused[name] = stamp, why
        else:
            if not is_seen:
                self._refused.pop(name, None)
        self._board.refuse(name, is_refused=name in self._refused)

    def _replace(self) -> None:
        """Have workers made for the models as they are now; those before go when these answer."""
        if self._before:  # these were to replace them, and need not any more
            self._retire(self._workers)
        else:
            self._before = self._workers
        self._workers = {}
        for pid, drawn in self._artists.items():
            if all(drawn.places is not served.places for served in self.shelf.values()):
                _kill(pid, signal.SIGKILL)

    def _retire(self, workers: Mapping[int, int]) -> None:
        self._retired |= workers
        for pid in workers:
            _kill(pid, RETIRE)


def _tell_refused(name: str, error: Exception, words: str) -> None:
    what = "table" if name == TABLE else "model"
    _log.error(
        f"{what} refused, the one before is used{words}",
        exc_info=None if words else error,
        extra={} if name == TABLE else {"model": name},
    )


def _draw_map(served: Served) -> None:
    os.nice(10)
    served.draw()


def _ended() -> int:
    """Return the process id of a child that has ended, 0 if there is none."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0


def _kill(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
