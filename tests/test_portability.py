"""Linux, macOS and Windows: no call that one of them lacks without its branch; commands run where it is missing."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src" / "inkling").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

NOT_EVERYWHERE = {
    "os": {
        "O_DIRECTORY", "WNOHANG", "chown", "chroot", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid",
        "getgid", "getloadavg", "getpgid", "getpgrp", "getsid", "getuid", "killpg", "mkfifo", "mknod", "nice",
        "posix_fadvise", "posix_spawn", "pread", "process_cpu_count", "pwrite", "register_at_fork", "sched_getaffinity",
        "sched_setaffinity", "sendfile", "setsid", "setuid", "statvfs", "sync", "sysconf", "uname", "wait", "waitpid",
    },
    "signal": {
        "SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGSTOP", "SIGTSTP", "SIGUSR1", "SIGUSR2",
        "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait",
    },
    "socket": {"AF_UNIX", "socketpair"},
    "time": {"tzset", "clock_gettime"},
}  # fmt: skip
"""What Windows or macOS does not have, by module (`process_cpu_count`: Python 3.13 only)."""
MODULES_NOT_EVERYWHERE = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
PATHS_NOT_EVERYWHERE = ("/proc", "/dev/", "/tmp", "/etc", "/sys/", "/usr")
PLATFORM_TESTS = ("sys.platform", "os.name", "platform.system", "hasattr(", "skipif", "importorskip")


def unguarded(source: str) -> list[str]:
    """Return `line: what` for every use of what some platform lacks, outside a branch for the platform.

    A branch is an `if` (or a conditional expression, or a decorator of the function) that tests the platform, itself or
    through a constant of the module, around the use or earlier in the same function.
    """
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    constants = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and _tests_platform(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def guarded(node: ast.AST) -> bool:
        while node in parents:
            node = parents[node]
            if isinstance(node, ast.If | ast.IfExp) and _tests_platform(node.test, constants):
                return True
            if isinstance(node, ast.FunctionDef):
                branches = [inner.test for inner in ast.walk(node) if isinstance(inner, ast.If | ast.IfExp)]
                if any(_tests_platform(test, constants) for test in [*branches, *node.decorator_list]):
                    return True
        return False

    return [f"{node.lineno}: {what}" for node, what in _uses(tree) if not guarded(node)]


def _tests_platform(node: ast.AST, constants: set[str]) -> bool:
    text = ast.unparse(node)
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return any(test in text for test in PLATFORM_TESTS) or bool(names & constants)


def _uses(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in NOT_EVERYWHERE.get(node.value.id, ()):
                yield node, f"{node.value.id}.{node.attr}"
            if ast.unparse(node) == "os.open" and "devnull" not in ast.unparse(_call_of(tree, node)):
                yield node, "os.open (Windows opens no folder)"
        elif isinstance(node, ast.ImportFrom) and node.module in NOT_EVERYWHERE:
            for name in {alias.name for alias in node.names} & NOT_EVERYWHERE[node.module]:
                yield node, f"{node.module}.{name}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            for module in MODULES_NOT_EVERYWHERE & set(modules):
                yield node, f"import {module}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value.startswith(PATHS_NOT_EVERYWHERE) and "\n" not in node.value:
                yield node, node.value
        elif isinstance(node, ast.keyword) and node.arg == "preexec_fn":
            yield node.value, "preexec_fn"


def _call_of(tree: ast.AST, function: ast.expr) -> ast.AST:
    return next(node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.func is function)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import os\nos.sched_getaffinity(0)", ["2: os.sched_getaffinity"]),
        ("from os import geteuid", ["1: os.geteuid"]),
        ("import fcntl", ["1: import fcntl"]),
        ("open('/proc/cpuinfo')", ["1: /proc/cpuinfo"]),
        ("os.open(folder, os.O_RDONLY)", ["1: os.open (Windows opens no folder)"]),
        ("os.open(os.devnull, os.O_WRONLY)", []),
        ("if ready:\n    os.fork()", ["2: os.fork"]),
        ("if hasattr(os, 'fork'):\n    os.fork()", []),
        ("def f():\n    if sys.platform == 'linux':\n        return os.getuid()", []),
        ("POSIX = os.name != 'nt'\ndef f():\n    if not POSIX:\n        return\n    os.open(folder, os.O_RDONLY)", []),
        ("@pytest.mark.skipif(os.name == 'nt', reason='')\ndef test():\n    os.killpg(1, 2)", []),
    ],
)
def test_the_check_finds_what_it_should(source: str, expected: list[str]) -> None:
    assert unguarded(source) == expected


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT / "src").as_posix())
def test_the_package_calls_nothing_that_a_platform_lacks(path: Path) -> None:
    assert unguarded(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_tests_say_where_they_do_not_run(path: Path) -> None:
    if path == Path(__file__):
        pytest.skip("it names what it looks for")
    assert unguarded(path.read_text(encoding="utf-8")) == []


EMULATION = '''
"""Show the modules of Inkling, and only them, the os, sys and signal of another platform."""

import builtins
import os
import sys
import types

PLATFORM = os.environ["EMULATED_PLATFORM"]
LACKS = {"os": {"sched_getaffinity", "process_cpu_count"}, "signal": set()}
if PLATFORM == "win32":
    LACKS["os"] |= {"O_DIRECTORY", "fork", "fchmod", "getegid", "geteuid", "getgid", "getloadavg", "getpgid", "getuid",
                    "killpg", "setsid", "statvfs", "sysconf", "uname"}
    LACKS["signal"] |= {"SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "pthread_sigmask", "sigwait"}


class Emulated(types.ModuleType):
    def __init__(self, module, **values):
        super().__init__(module.__name__)
        self.__dict__.update(values, real=module)

    def __getattr__(self, name):
        if name in LACKS.get(self.__name__, ()):
            raise AttributeError(f"module '{self.__name__}' has no attribute '{name}' on {PLATFORM}")
        return getattr(self.real, name)

    def __setattr__(self, name, value):
        setattr(self.real, name, value)


def open_(path, flags, *rest, **more):
    if os.path.isdir(path):
        raise PermissionError(13, "Permission denied", str(path))
    return os.open(path, flags, *rest, **more)


def rename(source, target):
    if os.path.exists(target):
        raise FileExistsError(17, "Cannot create a file when that file already exists", str(target))
    os.rename(source, target)


WINDOWS = {"name": "nt", "open": open_, "rename": rename} if PLATFORM == "win32" else {}
SHOWN = {"os": Emulated(os, **WINDOWS), "sys": Emulated(sys, platform=PLATFORM)}
real_import = builtins.__import__


def emulated_import(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if importer.split(".")[0] == "inkling" and level == 0:
        if PLATFORM == "win32" and name in ("fcntl", "grp", "pwd", "resource", "termios"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        if name == "signal" and name not in SHOWN:
            SHOWN[name] = Emulated(real_import(name))
        if name in SHOWN:
            return SHOWN[name]
    return real_import(name, globals, locals, fromlist, level)


builtins.__import__ = emulated_import
'''


class Platform:
    """Commands and code as they run on a platform that is emulated, in processes of their own and those they start."""

    def __init__(self, name: str, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(EMULATION, encoding="utf-8")
        paths = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
        self.environment = {**os.environ, "PYTHONPATH": paths, "EMULATED_PLATFORM": name}

    def python(self, *words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, words)], capture_output=True, text=True, timeout=300, env=self.environment
        )

    def inkling(self, *words: object) -> str:
        done = self.python("-m", "inkling", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(params=["darwin", "win32"])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Platform:
    folder = tmp_path / "emulation"
    folder.mkdir()
    return Platform(request.param, folder)


def test_the_emulation_lacks_what_it_should(platform: Platform, tmp_path: Path) -> None:
    module = tmp_path / "emulation" / "inkling.py"  # a module of that name, so that the emulation shows itself
    module.write_text("import os, sys\nshown = sys.platform, os.name, hasattr(os, 'sched_getaffinity')\n")
    done = platform.python("-c", "import sys, inkling; print(inkling.shown, sys.platform)")
    expected = {"darwin": ("darwin", "posix", False), "win32": ("win32", "nt", False)}
    assert done.stdout.strip() == f"{expected[platform.environment['EMULATED_PLATFORM']]} {sys.platform}", done.stderr


def test_train_resume_evaluate_and_report(platform: Platform, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ("train", "digits", "--network", "perceptron", "--train-size", 100, "--out", run, "--quiet")
    platform.inkling(*words, "--epochs", 2)
    platform.inkling(*words, "--epochs", 2, "--resume")
    assert json.loads(platform.inkling("evaluate", run, "--json", "--quiet"))["n"] == 360
    platform.inkling("report", run, "--quiet")
    assert (run / "report.html").exists()
    assert not [path for path in run.iterdir() if path.name.startswith(".") and path.suffix != ".lock"]


def test_a_study_of_two_jobs(platform: Platform, tmp_path: Path) -> None:
    platform.environment.pop("OMP_NUM_THREADS", None)  # or the number of cores would not be asked for
    study = tmp_path / "study"
    grid = ("--networks", "perceptron", "--train-sizes", "50,100", "--epochs", 2, "--seeds", 0)
    platform.inkling("study", "digits", *grid, "--jobs", 2, "--out", study, "--quiet")
    finished = [json.loads((run / "run.json").read_text())["finished"] for run in (study / "runs").iterdir()]
    assert len(finished) == 2
    assert all(finished)
