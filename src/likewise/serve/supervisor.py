"""The process that holds the models, forks those that answer, and looks after them.

The models are loaded and tried here, once; the workers are forked from it, so they share the
weights' memory. A new model makes new workers; the old ones finish what they have on the old model
and retire, and the socket is the same throughout, so no request is lost. A folder that cannot be
used changes nothing: the old model is served, and the log and /readyz say so.
"""

import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from likewise.errors import LikewiseError
from likewise.serve.app import ROUTE_NAMES, create_app
from likewise.serve.board import Board
from likewise.serve.served import Served, shelf_of, version_of
from likewise.serve.settings import Settings
from likewise.serve.worker import RETIRE, Worker

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
LOOK_EVERY = 1.0
"""Seconds between two looks at the folders."""
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
        A table of the items' attributes; it is read again with each new model.
    """

    folders: Mapping[str, Path]
    settings: Settings
    listener: socket.socket
    n_workers: int = 1
    attributes: Path | None = None

    _workers: dict[int, int] = field(default_factory=dict)  # pid -> slot
    _retired: dict[int, int] = field(default_factory=dict)
    _artists: set[int] = field(default_factory=set)
    _born: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shelf = shelf_of(self.folders, self.attributes)
        self._board = Board.of([*self.folders], ROUTE_NAMES, n_slots=4 * self.n_workers)
        self._refused: dict[str, str] = {}
        self._pid = os.getpid()

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP looks at the folders at once."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            self._draw()
            while True:
                self._fill()
                got = signal.sigtimedwait(SIGNALS, LOOK_EVERY)
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

    def _fill(self) -> None:
        """Fork workers until there are enough; one that died at once is waited for a little."""
        if len(self._workers) < self.n_workers:
            gc.collect()
            gc.freeze()  # what is not counted is not written to, and stays shared
        while len(self._workers) < self.n_workers:
            slot = self._free_slot()
            pid = self._fork(partial(self._answer, slot))
            self._workers[pid], self._born[pid] = slot, time.monotonic()
            _log.info("worker started", extra={"pid": pid})

    def _free_slot(self) -> int:
        taken = {*self._workers.values(), *self._retired.values()}
        return min({*range(len(self._board.at_work))} - taken, default=0)

    def _answer(self, slot: int) -> None:
        app, guard = create_app(self.shelf, self.settings, board=self._board, slot=slot)
        Worker(app, guard, self.settings, self.listener, parent=self._pid).run()

    def _draw(self) -> None:
        """Let a process of its own compute the maps that are missing."""
        waiting = [served for served in self.shelf.values() if not served.is_drawn]
        if waiting:
            self._artists.add(self._fork(partial(_draw_all, waiting)))

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
        while pid := _ended():
            self._artists.discard(pid)
            slot = (self._workers | self._retired).get(pid)
            if slot is not None:
                self._board.clear(slot)
            self._retired.pop(pid, None)
            if self._workers.pop(pid, None) is not None:
                _log.warning("worker died; another takes its place", extra={"pid": pid})
                if time.monotonic() - self._born[pid] < LOOK_EVERY:
                    time.sleep(LOOK_EVERY)
            self._born.pop(pid, None)

    def _stop(self) -> None:
        """Let the workers finish what they have, and end with them."""
        for pid in self._artists:
            _kill(pid, signal.SIGKILL)
        everyone = {*self._workers, *self._retired}
        for pid in everyone:
            _kill(pid, signal.SIGTERM)
        ends = time.monotonic() + self.settings.timeout + 5
        while (everyone or self._artists) and time.monotonic() < ends:
            signal.sigtimedwait({signal.SIGCHLD}, 0.2)
            while pid := _ended():
                everyone.discard(pid)
                self._artists.discard(pid)
        for pid in everyone:
            _kill(pid, signal.SIGKILL)

    # Models

    def _look(self, *, again: bool) -> None:
        """Take up the folders that have changed; with `again`, also try those that were refused."""
        new: dict[str, Served] = {}
        for name, folder in self.folders.items():
            try:
                version = version_of(folder)
                seen = self._refused.get(name) == version and not again
                if version != self.shelf[name].version and not seen:
                    new |= shelf_of({name: folder}, self.attributes)
                    version = new[name].version
                if name in new or version == self.shelf[name].version:
                    self._note(name, None)
            except LikewiseError as error:
                self._note(name, error)
        if new:
            self.shelf = self.shelf | new
            for name, served in new.items():
                _log.info("model loaded", extra={"model": name, "version": served.version})
            self._replace()

    def _note(self, name: str, error: LikewiseError | None) -> None:
        """Remember, and say once, whether what is in a model's folder can be used."""
        self._board.refused[self._board.models.index(name)] = error is not None
        if error is None:
            self._refused.pop(name, None)
            return
        try:
            version = version_of(self.folders[name])
        except LikewiseError:
            version = "none"
        if self._refused.get(name) != version:
            _log.error(f"model refused, the one before is served: {error}", extra={"model": name})
        self._refused[name] = version

    def _replace(self) -> None:
        """Fork workers with the models as they are now, and retire those before."""
        before, self._workers = self._workers, {}
        self._retired |= before
        self._fill()
        for pid in before:
            _kill(pid, RETIRE)
        self._draw()


def _draw_all(waiting: list[Served]) -> None:
    os.nice(10)
    for served in waiting:
        try:
            served.draw()
        except LikewiseError as error:
            _log.warning(f"no map: {error}", extra={"model": served.name})


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
