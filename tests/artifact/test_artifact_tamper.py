"""A folder that is not, byte for byte, what was written is refused."""

import errno
import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likewise.artifact import read_folder, reading, write_folder
from likewise.errors import ModelFolderError, NotEnoughMemoryError

NAMES = [
    "config.json",
    "weights.safetensors",
    "items.parquet",
    "metrics.json",
    "README.md",
    "manifest.json",
]
EACH = pytest.mark.parametrize("name", NAMES)


@EACH
def test_a_flipped_bit(name, model, refusal):
    data = bytearray((model / name).read_bytes())
    data[len(data) // 2] ^= 1
    (model / name).write_bytes(data)
    message = refusal(model)
    assert name in message or name == "manifest.json"


@EACH
def test_a_truncated_file(name, model, refusal):
    os.truncate(model / name, (model / name).stat().st_size // 2)
    assert name in refusal(model)


@EACH
def test_an_empty_file(name, model, refusal):
    os.truncate(model / name, 0)
    assert name in refusal(model)


@EACH
def test_an_appended_byte(name, model, refusal):
    with (model / name).open("ab") as file:
        file.write(b"x")
    assert name in refusal(model)


@EACH
def test_a_removed_file(name, model, refusal):
    (model / name).unlink()
    assert name in refusal(model)


@EACH
def test_a_renamed_file(name, model, refusal):
    (model / name).rename(model / f"{name}.bak")
    assert name in refusal(model)


@EACH
def test_a_link_to_the_very_same_bytes(name, model, refusal):
    (model / name).rename(model.parent / name)
    (model / name).symlink_to(model.parent / name)
    assert f"{name} is a link or a folder" in refusal(model)


@EACH
def test_a_dangling_link(name, model, refusal):
    (model / name).unlink()
    (model / name).symlink_to("nowhere")
    assert f"{name} is a link or a folder" in refusal(model)


@EACH
def test_a_folder_in_place_of_a_file(name, model, refusal):
    (model / name).unlink()
    (model / name).mkdir()
    assert f"{name} is a link or a folder" in refusal(model)


@EACH
def test_a_pipe_in_place_of_a_file_is_not_waited_for(name, model, refusal):
    (model / name).unlink()
    os.mkfifo(model / name)
    assert f"{name} is a link or a folder" in refusal(model)


@EACH
def test_a_file_of_another_model(name, contents, model, refusal):
    other = model.with_name("other.model")
    tensors = {"B": contents(1).tensors["B"]}
    write_folder(other, contents(1, tensors=tensors, items=contents().items.slice(1), metrics={}))
    shutil.copy(other / name, model / name)
    message = refusal(model)
    assert "is not the file that manifest.json describes" in message
    assert name in message or name == "manifest.json"


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "weights.bin", "__pycache__", "\x1b[31m"])
def test_an_extra_file_or_folder(name, model, refusal):
    (model / name).mkdir()
    assert "is no part of a model; take it out" in refusal(model)
    (model / name).rmdir()
    (model / name).touch()
    assert "is no part of a model; take it out" in refusal(model)


def test_a_link_in_place_of_the_folder(model, refusal):
    model.rename(model.parent / "real")
    model.symlink_to("real")
    assert "is a link or a file; name the model folder itself" in refusal(model)


@EACH
def test_a_file_that_becomes_a_link_after_it_was_looked_at(name, model, refusal, monkeypatch):
    """The check sees a regular file; the opening does not follow the link all the same."""
    sizes = {path.name: path.stat().st_size for path in model.iterdir()}
    (model / name).rename(model.parent / name)
    (model / name).symlink_to(model.parent / name)
    monkeypatch.setattr(reading, "_size", lambda folder, name: sizes[name])
    assert f"{name} cannot be read: {os.strerror(errno.ELOOP)}" in refusal(model)


@pytest.mark.parametrize("name", NAMES[:5])
def test_a_file_that_grows_or_shrinks_after_it_was_looked_at(name, model, refusal, monkeypatch):
    sizes = {path.name: path.stat().st_size for path in model.iterdir()}
    monkeypatch.setattr(reading, "_size", lambda folder, name: sizes[name])
    os.truncate(model / name, sizes[name] + 1)
    assert f"{name} has {sizes[name] + 1} bytes" in refusal(model)
    os.truncate(model / name, sizes[name] - 1)
    assert f"{name} is not the file" in refusal(model)


@EACH
def test_each_file_is_opened_once(name, model, load, monkeypatch):
    """What was verified is what is used: there is no second look."""
    opened, open_ = [], os.open

    def counted(path, *args, **keywords):
        opened.append(path)
        return open_(path, *args, **keywords)

    monkeypatch.setattr(os, "open", counted)
    load(model)
    assert opened.count(name) == 1


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
@EACH
def test_a_file_that_cannot_be_read(name, number, model, refusal, monkeypatch):
    open_ = os.open

    def failing(path, *args, **keywords):
        if path == name:
            raise OSError(number, os.strerror(number))
        return open_(path, *args, **keywords)

    monkeypatch.setattr(os, "open", failing)
    assert f"{name} cannot be read: {os.strerror(number)}" in refusal(model)


def test_a_folder_that_cannot_be_searched(model, refusal, monkeypatch):
    def failing(name, **keywords):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(reading.os, "stat", failing)
        assert "manifest.json cannot be read: Permission denied" in refusal(model)


def test_a_device_that_fails_while_it_is_read(model, refusal, monkeypatch):
    def failing(descriptor, buffers):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "readv", failing)
    assert "manifest.json cannot be read: Input/output error" in refusal(model)


def test_a_device_that_gives_little_at_a_time_is_read_to_the_end(
    contents, plain, load, model, monkeypatch
):
    readv = os.readv
    monkeypatch.setattr(os, "readv", lambda fd, buffers: readv(fd, [buffers[0][:7]]))
    assert load(model).card == contents().card


def test_a_model_larger_than_the_memory_is_refused_before_it_is_read(model, monkeypatch):
    asked = []

    def too_little(needed, what, instead):
        asked.append(needed)
        raise NotEnoughMemoryError(what)

    monkeypatch.setattr(reading, "require_memory", too_little)
    read, opened = os.open, []
    monkeypatch.setattr(
        os, "open", lambda path, *a, **k: opened.append(path) or read(path, *a, **k)
    )
    with pytest.raises(NotEnoughMemoryError, match="loading the model"):
        read_folder(model, known_types=["linear"])
    assert asked[0] >= (model / "weights.safetensors").stat().st_size
    assert "weights.safetensors" not in opened


def test_every_byte_counts(model, load, plain):
    """Each byte of each file, changed: refused, or (space in a manifest) the very same contents."""
    before = plain(load(model))
    refused = 0
    for name in NAMES:
        data = (model / name).read_bytes()
        for place in range(len(data)):
            changed = bytearray(data)
            changed[place] ^= 1 + place % 255
            (model / name).write_bytes(changed)
            try:
                assert plain(load(model)) == before
            except ModelFolderError:
                refused += 1
        (model / name).write_bytes(data)
    assert refused > 1000


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_mutation_gives_other_contents(data, model, load, plain):
    name = data.draw(st.sampled_from(NAMES))
    before, original = plain(load(model)), (model / name).read_bytes()
    start = data.draw(st.integers(0, len(original)))
    stop = data.draw(st.integers(start, min(len(original), start + 8)))
    insert = data.draw(st.binary(max_size=8))
    try:
        (model / name).write_bytes(original[:start] + insert + original[stop:])
        assert plain(load(model)) == before
    except ModelFolderError as error:
        message = str(error)
        assert message.isprintable()
    finally:
        (model / name).write_bytes(original)
