"""Whatever happens while a model is saved, the folder holds the old model or the new one, whole."""

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from likewise.artifact import reading, swap, write_folder
from likewise.errors import InputError, MachineError

CALLS = ["open", "write", "fsync", "mkdir", "rename", "unlink", "rmdir"]
CLEARING = ["unlink", "rmdir"]  # what cannot be cleared away is left to the next writer
NOT_HERE = OSError(errno.ENOSYS, "Function not implemented")


class DeadError(BaseException):
    """The process is no more: nothing catches this."""


class Fate:
    """Let the first calls to the system pass, then die at one, and at every later one too."""

    def __init__(self, monkeypatch, last):
        self.left = last
        self.events = []
        for name in CALLS:
            monkeypatch.setattr(os, name, self.mortal(name, getattr(os, name)))
        monkeypatch.setattr(swap, "exchange", self.mortal("exchange", swap.exchange))

    def mortal(self, name, call):
        def mortal_call(*args, **keywords):
            self.left -= 1
            if self.left < 0:
                if name == "write" and self.left == -1:  # torn: half of it arrives
                    call(args[0], args[1][: len(args[1]) // 2])
                raise DeadError
            self.events.append((name, str(args[0])))
            return call(*args, **keywords)

        return mortal_call


@pytest.fixture(params=["exchange", "two renames"])
def way(request, monkeypatch):
    """Both ways to put a folder in the place of another."""
    if request.param == "two renames":

        def cannot(one, other):
            raise NOT_HERE

        monkeypatch.setattr(swap, "exchange", cannot)
    return request.param


def siblings(model):
    return sorted(path.name for path in model.parent.iterdir() if path != model)


def die_at(step, model, contents):
    """Return whether the writer died at this step."""
    with pytest.MonkeyPatch.context() as patch:
        Fate(patch, step)
        try:
            write_folder(model, contents)
        except DeadError:
            return True
    return False


def test_a_writer_killed_at_any_step_leaves_a_whole_model(way, contents, load, plain, model):
    old, new = plain(load(model)), contents(1)
    seen, step = set(), 0
    while die_at(step, model, new):
        got = plain(load(model))
        assert got == old or got["card"] == new.card, f"step {step}"
        seen.add(got["card"])
        write_folder(model, contents(0))
        assert plain(load(model)) == old, f"step {step}"
        assert siblings(model) == [], f"step {step}"
        step += 1
    assert step > 30
    assert seen == {old["card"], new.card}
    assert load(model).card == new.card


def test_a_writer_killed_before_there_is_a_model_leaves_none_or_a_whole_one(
    way, contents, load, tmp_path
):
    model, step, found = tmp_path / "new.model", 0, 0
    while die_at(step, model, contents(1)):
        if model.exists():
            assert load(model).card == contents(1).card
            found += 1
        for path in model.glob("*"):
            path.unlink()
        if model.exists():
            model.rmdir()
        step += 1
    assert step > 20
    assert found > 0
    assert load(model).card == contents(1).card


def test_a_model_left_aside_is_read_and_then_replaced(contents, load, model):
    """The one instant, without an exchange, in which the folder is not in its place."""
    aside = swap.aside_of(model)
    model.rename(aside)
    assert load(model).card == contents().card
    write_folder(model, contents(1))
    assert load(model).card == contents(1).card
    assert siblings(model) == []


def test_everything_is_synced_before_the_swap_and_the_parent_after_it(contents, model):
    with pytest.MonkeyPatch.context() as patch:
        fate = Fate(patch, 10_000)
        write_folder(model, contents(1))
    names = [name for name, _ in fate.events]
    swapped = names.index("exchange")
    files = sum(name == "write" for name in names)
    assert files >= 6
    assert names[:swapped].count("fsync") == 6 + 1, "six files and their folder"
    assert max(i for i, name in enumerate(names[:swapped]) if name == "write") < swapped
    assert names[swapped:].count("fsync") == 1, "the parent"
    assert names.index("unlink") > swapped, "nothing old is removed before the new is in place"


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("number", [errno.ENOSPC])
def test_a_machine_that_fails_anywhere_leaves_the_model_whole(
    way, call, number, contents, load, model
):
    """Every single call to the system fails once, and the process lives on."""
    nth, messages, cards = 0, [], {contents().card, contents(1).card}
    while True:
        with pytest.MonkeyPatch.context() as patch:
            left = fail_nth(patch, call, number, nth)
            try:
                write_folder(model, contents(1))
            except MachineError as error:
                messages.append(str(error))
        assert load(model).card in cards, nth
        write_folder(model, contents(0))
        assert siblings(model) == []
        if left():  # there was no nth call
            break
        nth += 1
    assert messages or call in CLEARING or (call, way) == ("rename", "exchange")
    for message in messages:
        assert message.startswith(f"cannot save the model to {str(model)!r}: {os.strerror(number)}")
        assert message.isprintable()


def fail_nth(patch, call, number, nth):
    """Make the nth call of this kind fail; return a test whether it never came to it."""
    real, count = getattr(os, call), iter(range(10_000))
    failed = []

    def failing(*args, **keywords):
        if next(count) == nth:
            failed.append(args)
            raise OSError(number, os.strerror(number))
        return real(*args, **keywords)

    patch.setattr(os, call, failing)
    return lambda: not failed


@pytest.mark.parametrize(
    "name", ["config.json", "weights.safetensors", "README.md", "manifest.json"]
)
def test_a_disk_that_fills_up_at_a_file(name, contents, load, plain, model, monkeypatch):
    before, open_, write, full = plain(load(model)), os.open, os.write, set()

    def opening(path, *args, **keywords):
        descriptor = open_(path, *args, **keywords)
        (full.add if Path(path).name == name else full.discard)(descriptor)
        return descriptor

    def writing(descriptor, data):
        if descriptor in full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "open", opening)
    monkeypatch.setattr(os, "write", writing)
    with pytest.raises(MachineError, match="No space left on device; make room there"):
        write_folder(model, contents(1))
    monkeypatch.undo()
    assert plain(load(model)) == before
    assert siblings(model) == []


def test_a_failed_swap_without_exchange_puts_the_old_model_back(contents, load, model, monkeypatch):
    rename, count = os.rename, iter(range(9))

    def cannot(one, other):
        raise NOT_HERE

    def second_fails(*args):
        if next(count) == 1:
            raise OSError(errno.EIO, "Input/output error")
        rename(*args)

    monkeypatch.setattr(swap, "exchange", cannot)
    monkeypatch.setattr(os, "rename", second_fails)
    with pytest.raises(MachineError, match="Input/output error"):
        write_folder(model, contents(1))
    assert model.is_dir()
    assert load(model).card == contents().card
    assert siblings(model) == []


def test_an_interrupted_save_clears_up(contents, load, model, monkeypatch):
    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_folder(model, contents(1))
    monkeypatch.undo()
    assert load(model).card == contents().card
    assert siblings(model) == []


def test_a_file_system_that_cannot_sync_folders_is_believed(contents, load, model, monkeypatch):
    fsync = os.fsync

    def files_only(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", files_only)
    write_folder(model, contents(1))
    assert load(model).card == contents(1).card


def test_an_exchange_that_fails_for_another_reason_is_reported(contents, model, monkeypatch):
    def busy(one, other):
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(swap, "exchange", busy)
    with pytest.raises(MachineError, match="Device or resource busy"):
        write_folder(model, contents(1))
    assert siblings(model) == []


def test_a_c_library_without_the_call_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(swap.ctypes, "CDLL", lambda *args, **keywords: object())
    with pytest.raises(OSError) as caught:
        swap.exchange(tmp_path, tmp_path)
    assert caught.value.errno == errno.ENOSYS


def test_exchange_swaps_two_folders_and_reports_failure(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    swap.exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "b").exists()
    with pytest.raises(FileNotFoundError):
        swap.exchange(tmp_path / "a", tmp_path / "missing")


def test_leftovers_of_dead_writers_go_and_those_of_live_ones_stay(contents, load, model):
    dead = model.with_name(".shop.model.likewise-new-dead")
    live = model.with_name(".shop.model.likewise-new-live")
    other = model.with_name(".other.model.likewise-new-dead")
    for folder in (dead, live, other):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
    descriptor = os.open(live, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        write_folder(model, contents(1))
    finally:
        os.close(descriptor)
    assert siblings(model) == [other.name, live.name]


def test_leftovers_that_likewise_did_not_write_stay(contents, model):
    """A link and a folder with a stranger's file have the name, not the contents."""
    target = model.parent / "target"
    target.mkdir()
    (target / "README.md").write_text("mine")
    model.with_name(".shop.model.likewise-new-link").symlink_to(target)
    model.with_name(".shop.model.likewise-old").symlink_to(target)
    stranger = model.with_name(".shop.model.likewise-new-folder")
    (stranger / "thesis").mkdir(parents=True)
    write_folder(model, contents(1))
    assert (target / "README.md").read_text() == "mine"
    assert (stranger / "thesis").is_dir()


def test_without_locks_a_save_succeeds_and_leftovers_stay(contents, load, model, monkeypatch):
    leftover = model.with_name(".shop.model.likewise-new-perhaps")
    leftover.mkdir()

    def no_locks(descriptor, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    write_folder(model, contents(1))
    assert load(model).card == contents(1).card
    assert leftover.is_dir()


def test_a_reader_overtaken_by_a_writer_reads_the_new_model(contents, load, model, monkeypatch):
    """The old folder vanishes between two of the reader's steps."""
    sizes, overtakers = reading._sizes, [3, 2, 1]

    def overtaken(folder):
        if overtakers:
            write_folder(model, contents(overtakers.pop()))
        return sizes(folder)

    monkeypatch.setattr(reading, "_sizes", overtaken)
    assert load(model).card == contents(3).card
    assert overtakers == []


def test_a_reader_overtaken_again_and_again_gives_up(contents, refusal, model, monkeypatch):
    sizes = reading._sizes

    def overtaken(folder):
        write_folder(model, contents(1))
        return sizes(folder)

    monkeypatch.setattr(reading, "_sizes", overtaken)
    assert "is missing" in refusal(model)


def in_another_process(script, model, *prefix):
    program = f"""
        import os, resource, signal, sys
        import numpy as np
        from likewise.artifact import Contents, write_folder
        from likewise.errors import MachineError
        model = {str(model)!r}
        contents = Contents("linear", {{}}, {{"B": np.ones((500, 500))}}, {{}}, None, {{}}, "new")
    """
    source = Path(swap.__file__).parents[2]
    return subprocess.run(
        [*prefix, sys.executable, "-c", textwrap.dedent(program) + textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("nth", [1, 4, 6, 7])
def test_a_killed_process(nth, contents, load, model):
    script = f"""
        fsync, left = os.fsync, list(range({nth}))
        def killed(descriptor):
            left.pop()
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            fsync(descriptor)
        os.fsync = killed
        write_folder(model, contents)
    """
    done = in_another_process(script, model)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(siblings(model)) == 1
    assert load(model).card == (contents().card if nth < 7 else "new")
    write_folder(model, contents(2))
    assert siblings(model) == []


REPORT = """
        try:
            write_folder(model, contents)
        except MachineError as error:
            print(error)
"""


def test_a_limit_on_file_sizes_is_reported(contents, load, model):
    script = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    done = in_another_process(script + textwrap.dedent(REPORT), model)
    assert "File too large; make room there" in done.stdout, done.stderr
    assert load(model).card == contents().card
    assert siblings(model) == []


def test_a_disk_that_is_really_full(tmp_path):
    """A file system of 1 MiB of its own holds a small model, and not two megabytes beside it."""
    script = f"""
        import subprocess
        from likewise.artifact import read_folder
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", {str(tmp_path)!r}]
        mounted = subprocess.run(mount)
        if mounted.returncode:
            sys.exit(77)
        small = Contents("linear", {{}}, {{}}, {{}}, None, {{}}, "old")
        write_folder(model, small)
    """
    after = """
        print(read_folder(model, known_types=["linear"]).card, os.listdir(os.path.dirname(model)))
    """
    done = in_another_process(
        textwrap.dedent(script) + textwrap.dedent(REPORT) + textwrap.dedent(after),
        tmp_path / "m",
        "unshare",
        "--map-root-user",
        "--mount",
    )
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert "No space left on device; make room there" in done.stdout, done.stderr
    assert "old ['m']" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_parent_without_write_permission(contents, load, model):
    model.parent.chmod(0o500)
    try:
        with pytest.raises(MachineError, match="Permission denied"):
            write_folder(model, contents(1))
    finally:
        model.parent.chmod(0o700)
    assert load(model).card == contents().card


def test_two_writers_at_once_leave_one_whole_model(contents, load, model, monkeypatch):
    """A second writer saves while the first is half way; the first then wins."""
    locked, once = swap.sync_folder, []

    def second_writer(folder):
        if not once:
            once.append(True)
            write_folder(model, contents(2))
        locked(folder)

    monkeypatch.setattr(swap, "sync_folder", second_writer)
    write_folder(model, contents(1))
    assert load(model).card == contents(1).card
    assert siblings(model) == []


def test_a_folder_that_appears_while_the_first_model_is_saved_is_kept(
    contents, tmp_path, monkeypatch
):
    model, sync = tmp_path / "m", swap.sync_folder

    def stranger(folder):
        if not model.exists():
            model.mkdir()
            (model / "thesis").write_text("mine")
        sync(folder)

    monkeypatch.setattr(swap, "sync_folder", stranger)
    with pytest.raises(InputError, match="not a model folder"):
        write_folder(model, contents())
    assert siblings(model) == []
    assert (model / "thesis").read_text() == "mine"
