from __future__ import annotations

import signal

import pytest
from store_sample import run_python

from interlock import failpoints
from interlock.failpoints import BadFailpoint, parse

_HIT_THREE_TIMES = """
from interlock.failpoints import hit
for n in range(3):
    try:
        hit("publish.write")
        print(n)
    except OSError as error:
        print(error.errno)
"""


def test_without_the_variable_nothing_happens() -> None:
    assert run_python(_HIT_THREE_TIMES).stdout.split() == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("failpoint", "printed"),
    [
        ("publish.write=eio", ["5", "1", "2"]),
        ("publish.write:2=enospc", ["0", "28", "2"]),
        ("publish.rename=eio", ["0", "1", "2"]),
        ("publish.write:3=kill", ["0", "1"]),
    ],
)
def test_the_nth_pass_acts_and_no_other(failpoint: str, printed: list[str]) -> None:
    assert (
        run_python(
            _HIT_THREE_TIMES.replace("print(n)", "print(n, flush=True)"), failpoint=failpoint
        ).stdout.split()
        == printed
    )


def test_kill_leaves_no_time_for_handlers() -> None:
    code = "import atexit; atexit.register(print, 'handler')\nfrom interlock.failpoints import hit; hit('publish.write')"
    done = run_python(code, failpoint="publish.write=kill")
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "")


def test_sleep_holds_the_process_until_it_is_killed() -> None:
    code = (
        "import signal; from interlock.failpoints import hit\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2)\n"
        "hit('publish.write')"
    )
    assert run_python(code, failpoint="publish.write=sleep").returncode == -signal.SIGALRM


def test_torn_is_for_writes() -> None:
    code = "from interlock.failpoints import torn; print(torn('publish.write'), torn('publish.write'))"
    assert run_python(code, failpoint="publish.write=torn").stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "publish.writ=kill",
            "There is no failpoint 'publish.writ' in 'publish.writ=kill'.\n  at INTERLOCK_FAILPOINT\n  Did you mean 'publish.write'?",
        ),
        (
            "publish.write=kil",
            "Nothing is called 'kil' in 'publish.write=kil'.\n  at INTERLOCK_FAILPOINT\n  Did you mean 'kill'?",
        ),
        (
            "publish.write:0=kill",
            "There is no failpoint in 'publish.write:0=kill'.\n  at INTERLOCK_FAILPOINT\n  Write name=kind or name:n=kind.",
        ),
        (
            "publish.rename=torn",
            "Nothing is written at 'publish.rename' in 'publish.rename=torn'.\n  at INTERLOCK_FAILPOINT\n  Did you mean 'publish.write'?",
        ),
    ],
)
def test_a_wrong_variable_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadFailpoint) as caught:
        parse(text)
    assert str(caught.value) == message


def test_a_wrong_variable_is_noticed_where_it_would_have_acted() -> None:
    assert "BadFailpoint" in run_python(_HIT_THREE_TIMES, failpoint="nowhere=kill").stderr


def test_the_names_are_those_of_the_modules_that_write_and_remove() -> None:
    assert {name.partition(".")[0] for name in failpoints.names()} == {"publish", "records", "sweep"}
