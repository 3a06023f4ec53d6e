"""Does the cache notice an edit? A small project is run twice, edited, and run again, each time in a fresh process.

Interlock is run here, and so is a peer that is installed beside it (apache-hamilton, dvc). What the other peers
did is recorded: each was run in November 2026 on the same project and the same edits, by its own fresh processes.

RAN: the step ran again. HIT: the earlier result was taken. An exclamation mark stands behind a wrong answer: a stale
result that was taken, or work that was done again for nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HELPERS = "def other(x):\n    return x * 2\n"
WORK = '''
import os
import small_library
from helper_mod import other

K = 10

def _helper(x):
    return x + 1

{decorator}def work(seed: int, path: {path}) -> int:
    """Doc of work."""
    # a comment
    open(os.environ["MARK"], "a").write("x")
    body = 0
    return _helper(other(seed)) * K + len(open(path).read()) + small_library.ONE + body
'''
INTERLOCK = "from pathlib import Path\nfrom interlock import data, pipeline, step\n"
PIPELINE = '\n@pipeline\ndef main():\n    work(3, data("input.csv"))\n'
HAMILTON = (
    "import flow\nfrom hamilton import driver\n"
    "made = driver.Builder().with_modules(flow).with_cache(path='cache').build()\n"
    "made.execute(['work'], inputs={'seed': 3, 'path': 'input.csv'})\n"
)
DVC = "stages:\n  work:\n    cmd: {python} main.py\n    deps: [flow.py, main.py, input.csv]\n    outs: [out.txt]\n"
DVC_MAIN = "import flow\nopen('out.txt', 'w').write(str(flow.work(3, 'input.csv')))\n"

# Edit: (file, text, replacement, whether it matters).
EDITS = {
    "step body": ("flow.py", "body = 0", "body = 1", True),
    "helper in the same file": ("flow.py", "x + 1", "x + 2", True),
    "helper in an imported module": ("helper_mod.py", "x * 2", "x * 3", True),
    "module constant": ("flow.py", "K = 10", "K = 11", True),
    "comment": ("flow.py", "# a comment", "# another", False),
    "docstring": ("flow.py", "Doc of work", "Other doc", False),
    "unrelated function added": ("flow.py", "K = 10", "K = 10\n\ndef _spare():\n    pass\n", False),
    "content of the input file": ("input.csv", "hello", "hello world", True),
    "version of a package": ("site-packages/small_library-1.0.dist-info", "1.0", "1.1", True),
}
RECORDED = {
    "zenml 0.98": "RAN HIT HIT HIT RAN RAN HIT HIT -",
    "prefect 3.8": "RAN HIT HIT HIT RAN RAN HIT HIT -",
    "flyte 2.12": "RAN HIT HIT HIT HIT RAN HIT HIT -",
    "hamilton 1.90": "RAN HIT HIT HIT HIT HIT HIT HIT -",
    "dvc 3.67": "RAN RAN HIT RAN RAN RAN RAN RAN -",
}

Setup = Callable[[Path], list[str]]


def set_up_interlock(folder: Path) -> list[str]:
    """Write the pipeline and return the command that runs it."""
    text = INTERLOCK + WORK.format(decorator="@step\n", path="Path") + PIPELINE
    (folder / "flow.py").write_text(text)
    return [sys.executable, "-m", "interlock", "run", "flow:main"]


def set_up_hamilton(folder: Path) -> list[str]:
    """Write a driver with a cache and return the command that runs it."""
    (folder / "flow.py").write_text(WORK.format(decorator="", path="str"))
    (folder / "main.py").write_text(HAMILTON)
    return [sys.executable, "main.py"]


def set_up_dvc(folder: Path) -> list[str]:
    """Write a stage of the script and its input and return the command that runs it."""
    (folder / "flow.py").write_text(WORK.format(decorator="", path="str"))
    (folder / "main.py").write_text(DVC_MAIN)
    (folder / "dvc.yaml").write_text(DVC.format(python=sys.executable))
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["dvc", "init", "-q"], cwd=folder, check=True)
    return ["dvc", "repro", "-q"]


def verdicts(set_up: Setup, base: Path) -> list[str]:
    """Run the project, then each edit of a copy of it, and return what each run did."""
    before = base / "before"
    (before / "site-packages" / "small_library-1.0.dist-info").mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: small_library\nVersion: 1.0\n"
    (before / "site-packages" / "small_library-1.0.dist-info" / "METADATA").write_text(metadata)
    (before / "site-packages" / "small_library.py").write_text("ONE = 1\n")
    (before / "input.csv").write_text("hello")
    (before / "helper_mod.py").write_text(HELPERS)
    command = set_up(before)
    assert [run(command, before), run(command, before)] == ["RAN", "HIT"]
    return [
        after_edit(command, before, base / f"edit {number}", *edit[:3])
        for number, edit in enumerate(EDITS.values())
    ]


def after_edit(command: list[str], before: Path, folder: Path, file: str, text: str, replacement: str) -> str:
    """Copy the project to another folder, edit it there, and run it."""
    shutil.copytree(before, folder, symlinks=True)
    path = folder / file
    if path.is_dir():
        path.rename(path.with_name(path.name.replace(text, replacement)))
        return run(command, folder)
    content = path.read_text()
    assert text in content
    path.write_text(content.replace(text, replacement))
    return run(command, folder)


def run(command: list[str], folder: Path) -> str:
    """Run the project in a fresh process and say whether the step ran."""
    mark = folder / "MARK"
    mark.write_text("")
    path = os.pathsep.join([str(folder / "site-packages"), os.environ.get("PYTHONPATH", "")])
    surroundings = {**os.environ, "MARK": str(mark), "PYTHONPATH": path.rstrip(os.pathsep)}
    surroundings["PYTHONDONTWRITEBYTECODE"] = "1"
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return "RAN" if mark.read_text() else "HIT"


def judged(verdict: str, *, matters: bool) -> str:
    """Mark a wrong verdict."""
    return verdict if verdict in ("-", "RAN" if matters else "HIT") else f"{verdict} !"


def main() -> None:
    """Run what is installed and print the table."""
    here: dict[str, Setup] = {"interlock": set_up_interlock}
    if importlib.util.find_spec("hamilton"):
        here["hamilton"] = set_up_hamilton
    if shutil.which("dvc"):
        here["dvc"] = set_up_dvc
    columns: dict[str, list[str]] = {}
    for name, set_up in here.items():
        with tempfile.TemporaryDirectory() as folder:
            columns[name] = verdicts(set_up, Path(folder))
    for name, recorded in RECORDED.items():
        if name.partition(" ")[0] not in here:
            columns[f"{name}*"] = recorded.split()
    print(f"{'edit':<30}" + "".join(f"{name:<16}" for name in columns))
    for number, (name, edit) in enumerate(EDITS.items()):
        row = (judged(column[number], matters=edit[3]) for column in columns.values())
        print(f"{name:<30}" + "".join(f"{one:<16}" for one in row))
    print("* recorded; ! a wrong answer: stale, or done again for nothing")
    wrong = [
        name
        for number, name in enumerate(EDITS)
        if "!" in judged(columns["interlock"][number], matters=EDITS[name][3])
    ]
    if wrong:
        raise SystemExit(f"Interlock was wrong about: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
