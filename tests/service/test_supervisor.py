"""The supervisor's decisions, without processes: what it takes up, refuses, and tries again."""

import errno
import shutil
import signal

import numpy as np
import pytest
from starlette.testclient import TestClient

import likewise
from likewise.serve import supervisor as module
from likewise.serve.app import create_app
from likewise.serve.logs import JsonLines
from likewise.serve.served import Served, version_of
from likewise.serve.settings import Settings
from likewise.serve.supervisor import Supervisor
from likewise.serve.worker import RETIRE


@pytest.fixture
def model(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "shop.model")


@pytest.fixture
def told(monkeypatch):
    """Workers that are forked in name only; it returns the signals that were sent."""
    signals, pids = [], iter(range(1001, 2000))
    monkeypatch.setattr(module, "_kill", lambda pid, number: signals.append((pid, number)))
    monkeypatch.setattr(Supervisor, "_fork", staticmethod(lambda work: next(pids)))
    return signals


@pytest.fixture
def supervising(model, tmp_path, told):
    def _supervising(*, attributes=None):
        return Supervisor({"shop": model}, Settings(), None, 2, attributes)

    return _supervising


def retrained(model):
    recommender = likewise.load(model)
    recommender.metrics = {"retrained": True}
    recommender.save(model)


def retired(told):
    return {pid for pid, number in told if number == RETIRE}


def answering(supervisor):
    """Let all workers say that they take connections."""
    for slot in supervisor._workers.values():
        supervisor._board.connections[slot] = 0


@pytest.mark.parametrize("fault", [RuntimeError("85123A"), MemoryError(), OSError(errno.EIO, "x")])
def test_whatever_fails_in_a_reload_the_model_before_it_is_served(
    supervising, model, monkeypatch, caplog, fault
):
    supervisor = supervising()
    version, of = supervisor.shelf["shop"].version, Served.of

    def fail(*given):
        raise fault

    monkeypatch.setattr(Served, "of", fail)
    retrained(model)
    supervisor._look(again=False)
    supervisor._look(again=True)
    assert supervisor.shelf["shop"].version == version
    assert supervisor._board.faults() == {"shop": True}
    (record,) = [r for r in caplog.records if r.message.startswith("model refused")]
    line = JsonLines().format(record)
    assert (type(fault).__name__ in line, "85123A" in line) == (True, False)

    monkeypatch.setattr(Served, "of", of)
    supervisor._look(again=True)
    assert supervisor.shelf["shop"].version == version_of(model) != version
    assert supervisor._board.faults() == {"shop": False}


def test_where_no_process_can_be_forked_the_workers_stay_and_it_is_tried_again(
    supervising, model, told, monkeypatch
):
    supervisor = supervising()
    supervisor._start()
    answering(supervisor)
    first = dict(supervisor._workers)
    retrained(model)
    supervisor._look(again=False)

    def fail(work):
        raise BlockingIOError(errno.EAGAIN, "no process")

    with monkeypatch.context() as patched:
        patched.setattr(Supervisor, "_fork", staticmethod(fail))
        supervisor._start()
    assert (supervisor._before, retired(told)) == (first, set())
    supervisor._start()
    assert len(supervisor._workers) == 2


def test_workers_retire_when_those_that_replace_them_answer(supervising, model, told):
    supervisor = supervising()
    supervisor._start()
    answering(supervisor)
    first = {*supervisor._workers}
    retrained(model)
    supervisor._look(again=False)
    supervisor._start()
    supervisor._start()
    assert not first & {*supervisor._workers}
    assert retired(told) == set()  # the new ones do not take connections yet
    answering(supervisor)
    supervisor._start()
    assert retired(told) == first


def test_workers_that_never_answered_go_first_and_slots_do_not_run_out(supervising, model, told):
    supervisor = supervising()
    supervisor._start()
    answering(supervisor)
    first = {*supervisor._workers}
    for _ in range(6):  # none of these ends
        supervisor._replace()
        supervisor._start()
        slots = [
            slot
            for workers in (supervisor._workers, supervisor._before, supervisor._retired)
            for slot in workers.values()
        ]
        assert len(slots) == len({*slots}) <= len(supervisor._board.at_work)
    assert {*supervisor._before} == first
    assert not first & retired(told)


def test_a_folder_copied_in_place_is_tried_until_it_is_whole(supervising, model, folder, tmp_path):
    supervisor = supervising()
    newer = shutil.copytree(folder, tmp_path / "newer.model")
    retrained(newer)
    shutil.copy(newer / "manifest.json", model / "manifest.json")
    (model / "weights.safetensors").write_bytes(b"half of them")
    supervisor._look(again=False)
    assert supervisor._board.faults() == {"shop": True}
    for file in newer.iterdir():  # the manifest's bytes stay the same
        shutil.copy(file, model / file.name)
    supervisor._look(again=False)
    assert supervisor.shelf["shop"].version == version_of(newer)
    assert supervisor._board.faults() == {"shop": False}


def test_the_same_bad_folder_is_tried_once(supervising, model, monkeypatch):
    supervisor = supervising()
    (model / "manifest.json").write_text("{}")
    tried = []
    monkeypatch.setattr(module, "version_of", lambda folder: tried.append(folder) or "x")
    for _ in range(3):
        supervisor._look(again=False)
    assert len(tried) == 1
    supervisor._look(again=True)
    assert len(tried) == 2


def test_a_table_that_changes_is_read_again_and_a_bad_one_is_refused(supervising, tmp_path):
    table = tmp_path / "items.csv"
    table.write_text("item,price\n85123A,1\n")
    supervisor = supervising(attributes=table)
    row = supervisor.shelf["shop"].recommender.catalogue_.items.encode(["85123A"])[0]
    before = supervisor.shelf["shop"]

    def price():
        return supervisor.shelf["shop"].attributes.row(row)["price"]

    supervisor._look(again=True)
    assert supervisor.shelf["shop"] is before
    table.write_text("item,price\n85123A,22\n")
    supervisor._look(again=False)
    assert price() == 22
    assert supervisor.shelf["shop"].recommender is before.recommender  # not loaded again

    table.write_text("item,price\n85123A,cheap\n")
    supervisor._look(again=False)
    assert price() == 22
    app = create_app(supervisor.shelf, board=supervisor._board)
    told = TestClient(app, base_url="http://localhost").get("/readyz").json()
    assert (told["models"], "table" in told["attributes"]) == ({"shop": "ok"}, True)
    table.write_text("item,price\n85123A,3\n")
    supervisor._look(again=False)
    assert price() == 3
    told = TestClient(app, base_url="http://localhost").get("/readyz").json()
    assert told == {"ready": True, "models": {"shop": "ok"}}


def test_a_map_that_cannot_be_drawn_is_not_waited_for(supervising, monkeypatch):
    supervisor = supervising()
    served = supervisor.shelf["shop"]
    app = create_app(supervisor.shelf)
    client = TestClient(app, base_url="http://localhost")
    served.places[:] = np.nan
    supervisor._start()
    assert client.get("/v1/map").status_code == 503
    (artist,) = supervisor._artists
    ended = [artist, 0]
    monkeypatch.setattr(module, "_ended", lambda: ended.pop(0))
    supervisor._reap()
    assert client.get("/v1/map").status_code == 404
    supervisor._start()
    assert supervisor._artists == {}


def test_who_draws_for_a_model_that_has_gone_is_ended(supervising, model, told):
    supervisor = supervising()
    supervisor.shelf["shop"].places[:] = np.nan
    supervisor._start()
    (artist,) = supervisor._artists
    supervisor._replace()
    assert told == []
    retrained(model)
    supervisor._look(again=False)
    assert (artist, signal.SIGKILL) in told
