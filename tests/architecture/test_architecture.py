"""The plan of the rooms, kept by reading the source: who may import whom, and what nobody may."""

import ast
import importlib
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import likewise

PACKAGE = Path(likewise.__file__).parent
ROOT = PACKAGE.parent.parent
MODULES = sorted(PACKAGE.rglob("*.py"))

ROOMS = [
    {"errors"},
    {"memory", "extras"},
    {"compiling"},
    {"artifact"},
    {"data"},
    {"nn"},
    {"autoencoders"},
    {"evaluate"},
    {"tables"},
    {"recommend"},
    {"steps"},
    {"plots"},
    {"serve"},
    {"scale"},
    {"cli"},
    {"__main__"},
]
"""In the order that data flows; a module imports from its own room and from those before it."""

LONG = {
    "recommend/recommender.py": "the one public class: its verbs and their promises",
}
"""Files of more than `MOST_LINES`, and why."""
MOST_LINES = 300

NEEDS_AN_EXTRA = {"serve": "serve"}
"""Rooms that only a command of the same name enters, and the extra whose packages they need."""

FORBIDDEN_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal",
                     "shelve"}  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint", "print", "input"}
FORBIDDEN_ATTRIBUTES = {
    ("torch", "load"), ("torch", "save"), ("np", "load"), ("numpy", "load"), ("np", "save"),
    ("os", "system"), ("logging", "basicConfig"), ("random", "seed"), ("torch", "manual_seed"),
    ("torch", "set_num_threads"),
}  # fmt: skip
MAY_PRINT = "cli"


def called(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.fixture(params=MODULES, ids=called)
def path(request) -> Path:
    return request.param


@pytest.fixture
def tree(path) -> ast.Module:
    return ast.parse(path.read_text())


def room_of(dotted: str) -> str:
    return dotted.split(".")[1] if "." in dotted else ""


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write imports in full"
            names.add(node.module)
            if node.module == "likewise":
                names |= {f"likewise.{alias.name}" for alias in node.names}
    return names


def room_at(path: Path) -> str:
    return called(path).split("/")[0].removesuffix(".py")


def rank(room: str) -> int:
    (place,) = [n for n, rooms in enumerate(ROOMS) if room in rooms]
    return place


def test_every_room_has_its_place():
    rooms = {called(path).split("/")[0].removesuffix(".py") for path in MODULES} - {"__init__"}
    assert rooms <= set.union(*ROOMS)


def test_imports_go_one_way(path, tree):
    if path == PACKAGE / "__init__.py":
        return
    own = called(path).split("/")[0].removesuffix(".py")
    for name in imported(tree):
        if name.split(".")[0] == "likewise" and (room := room_of(name)):
            assert rank(room) < rank(own) or room == own, f"{called(path)} imports {name}"


def test_the_direction_would_be_noticed():
    upstream = ast.parse("from likewise.recommend.topk import top_k")
    assert imported(upstream) == {"likewise.recommend.topk"}
    assert rank(room_of("likewise.recommend.topk")) > rank("nn")


def test_files_are_short_or_say_why_not(path):
    n_lines = len(path.read_text().splitlines())
    if called(path) in LONG:
        assert n_lines > MOST_LINES, f"{called(path)} is short by now: take it off the list"
    else:
        assert n_lines <= MOST_LINES, f"{called(path)} has {n_lines} lines: cut it, or say why not"


def test_nothing_unpickles_evaluates_prints_or_sets_global_state(path, tree):
    assert not {name.split(".")[0] for name in imported(tree)} & FORBIDDEN_MODULES
    may_print = called(path).split("/")[0].removesuffix(".py") == MAY_PRINT
    forbidden = FORBIDDEN_CALLS - ({"print"} if may_print else set())
    attributes = FORBIDDEN_ATTRIBUTES - ({("torch", "set_num_threads")} if may_print else set())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in forbidden, f"{called(path)}:{node.lineno}"
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            pair = (node.value.id, node.attr)
            assert pair not in attributes, f"{called(path)}:{node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            pytest.fail(f"{called(path)}:{node.value.lineno} allows pickles")


def has_docstring(node) -> bool:
    """Whether there is a docstring, or the contract of a base class or a protocol has it."""
    marks = {ast.unparse(mark).split(".")[-1] for mark in node.decorator_list}
    return ast.get_docstring(node) is not None or bool(marks & {"overload", "override", "setter"})


def test_everything_public_says_what_it_is(path, tree):
    assert ast.get_docstring(tree), called(path)
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    bodies = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != "_")]
    for node in (node for body in bodies for node in body.body if isinstance(node, definitions)):
        if not node.name.startswith("_"):
            assert has_docstring(node), f"{called(path)}:{node.lineno} {node.name}"


# Packages


@cache
def declared() -> tuple[set[str], set[str]]:
    """The packages that are required, and those of all that pyproject.toml names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [name for extra in project["optional-dependencies"].values() for name in extra]
    plain = [
        {requirement.split(">")[0].split("[")[0] for requirement in requirements}
        for requirements in (project["dependencies"], [*project["dependencies"], *extras])
    ]
    return packages_of(plain[0]), packages_of(plain[1])


def of_extra(room: str) -> set[str]:
    """The packages that a room may import at once beyond the required ones."""
    if room not in NEEDS_AN_EXTRA:
        return set()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = project["optional-dependencies"][NEEDS_AN_EXTRA[room]]
    return packages_of({requirement.split(">")[0] for requirement in named})


def packages_of(distributions: set[str]) -> set[str]:
    return {
        package
        for package, owners in packages_distributions().items()
        if {owner.lower().replace("_", "-") for owner in owners} & distributions
    }


def imported_at_once(tree: ast.Module) -> set[str]:
    """What is imported when the module is; not in functions, nor for the type checker only."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {name.split(".")[0] for name in imported(ast.Module([node], []))}
    return names


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs the source tree")
def test_what_is_imported_is_declared_and_what_is_optional_waits(path, tree):
    required, all_named = declared()
    required = required | of_extra(room_at(path))
    ours = {"likewise", "__future__", *sys.stdlib_module_names}
    assert imported_at_once(tree) <= required | ours
    assert {name.split(".")[0] for name in imported(tree)} <= all_named | ours


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


HEAVY = ("torch", "sklearn", "scipy", "numpy", "pandas", "polars", "duckdb", "pyarrow",
         "matplotlib", "rich", "typer")  # fmt: skip


def test_import_likewise_imports_nothing_heavy():
    loaded = run(f"import sys, likewise; print([m for m in {HEAVY} if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_help_of_the_command_line_waits_for_nothing_heavy():
    heavy = tuple(name for name in HEAVY if name not in {"rich", "typer"})
    loaded = run(f"import sys, likewise.cli; print([m for m in {heavy} if m in sys.modules])")
    assert loaded.strip() == "[]"


OPTIONAL = ("pandas", "polars", "adbc_driver_postgresql", "adbc_driver_manager", "ray", "onnx",
            "optuna", "fastapi", "httptools", "prometheus_client", "pydantic", "starlette",
            "uvicorn", "uvloop")  # fmt: skip

WITHOUT_OPTIONAL = f"""
import sys
for name in {OPTIONAL}:
    sys.modules[name] = None  # importing it raises ImportError
import importlib
import likewise
for name in likewise.__all__:
    getattr(likewise, name)
for name in {
    sorted(
        "likewise."
        + called(path).removesuffix("__init__.py").removesuffix(".py").strip("/").replace("/", ".")
        for path in MODULES
        if (path.parent != PACKAGE or path.stem != "__init__")
        and room_at(path) not in NEEDS_AN_EXTRA
    )
}:
    importlib.import_module(name)
recommender = likewise.Recommender().fit([["tea", "cup"], ["tea", "cup", "milk"]])
print(recommender.recommend([["tea"]], k=1)[0][0].item)
"""


def test_without_optional_packages_everything_imports_and_works():
    assert run(WITHOUT_OPTIONAL).strip() == "cup"


# Names


def test_every_public_name_is_there_and_listed():
    for name in likewise.__all__:
        assert getattr(likewise, name) is not None
    assert dir(likewise) == sorted(likewise.__all__)
    assert list(likewise.__all__) == sorted(likewise.__all__)
    with pytest.raises(AttributeError, match="'likewise' has no attribute 'no_such_name'"):
        likewise.no_such_name  # noqa: B018 - the access is the test


def test_the_type_checker_sees_the_same_names():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == {(home, name) for home, names in likewise._HOMES.items() for name in names}
    assert {name for _, name in seen} == set(likewise.__all__) - {"__version__"}


def test_public_names_live_where_they_say():
    for home, names in likewise._HOMES.items():
        module = importlib.import_module(home)
        for name in names:
            assert getattr(module, name) is getattr(likewise, name)
            assert getattr(likewise, name).__doc__
