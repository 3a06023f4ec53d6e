"""Edits of functions: helpers, closures, defaults, decorators, lambdas, generators."""

from __future__ import annotations

from edits_case import Case, case

ONE = """
@step
def one(n: int) -> int:
    return helper(n)
"""

DECORATED = """
import functools

def twice(function):
    @functools.wraps(function)
    def wrapper(n):
        return function(n) * 2
    return wrapper

def plus(amount):
    def decorate(function):
        @functools.wraps(function)
        def wrapper(n):
            return function(n) + amount
        return wrapper
    return decorate

@twice
@plus(1)
def helper(n):
    return n
"""

CALLER = """
import functools

class Times:
    def __init__(self, function, by=2):
        functools.update_wrapper(self, function)
        self.function, self.by = function, by

    def __call__(self, n):
        return self.function(n) * self.by

@Times
def helper(n):
    return n
"""

FUNCTIONS: list[Case] = [
    case(
        "a step's body",
        "@step\ndef one(n: int) -> int:\n    return n\n",
        ("return n\n\n@step", "return -n\n\n@step"),
        ran="one",
    ),
    case(
        "a helper of the module",
        "def helper(n):\n    return n\n" + ONE,
        ("    return n\n\n@step\ndef one", "    return -n\n\n@step\ndef one"),
        ran="one",
    ),
    case(
        "a helper's helper",
        "def deep(n):\n    return n\ndef helper(n):\n    return deep(n)\n" + ONE,
        ("def deep(n):\n    return n", "def deep(n):\n    return -n"),
        ran="one",
    ),
    case("a default value", "def helper(n, k=1):\n    return n * k\n" + ONE, ("k=1", "k=2"), ran="one"),
    case(
        "a keyword-only default",
        "def helper(n, *, k=1):\n    return n * k\n" + ONE,
        ("k=1", "k=2"),
        ran="one",
    ),
    case(
        "a default that became keyword-only",
        "def helper(n, k=1):\n    return n * k\n" + ONE,
        ("n, k=1", "n, *, k=1"),
        ran="one",
    ),
    case(
        "a mutable default",
        "def helper(n, k=[1, {'a': 2}]):\n    return n + k[1]['a']\n" + ONE,
        ("'a': 2", "'a': 3"),
        ran="one",
    ),
    case(
        "a default that is a function",
        "def inner(n):\n    return n\ndef helper(n, f=inner):\n    return f(n)\n" + ONE,
        ("def inner(n):\n    return n", "def inner(n):\n    return -n"),
        ran="one",
    ),
    case(
        "a default computed from a constant",
        "K = 1\ndef helper(n, k=K + 1):\n    return n * k\n" + ONE,
        ("K = 1", "K = 2"),
        ran="one",
    ),
    case(
        "a nested function",
        "def helper(n):\n    def inner(m):\n        return m + 1\n    return inner(n)\n" + ONE,
        ("m + 1", "m + 2"),
        ran="one",
    ),
    case(
        "what a closure holds",
        "def make(k):\n    def inner(n):\n        return n * k\n    return inner\nhelper = make(2)\n" + ONE,
        ("make(2)", "make(3)"),
        ran="one",
    ),
    case(
        "the function that a closure holds",
        "def make(f):\n    def inner(n):\n        return f(n)\n    return inner\ndef base(n):\n    return n\nhelper = make(base)\n"
        + ONE,
        ("def base(n):\n    return n", "def base(n):\n    return -n"),
        ran="one",
    ),
    case(
        "two closures that changed places",
        "def make(k):\n    def inner(n):\n        return n * k + 1\n    return inner\nf, g = make(2), make(3)\ndef helper(n):\n    return f(g(n))\n"
        + ONE,
        ("make(2), make(3)", "make(3), make(2)"),
        ran="one",
    ),
    case(
        "closures in a dict that changed places",
        "def make(k):\n    def inner(n):\n        return n * k\n    return inner\nT = {'f': make(2), 'g': make(3)}\ndef helper(n):\n    return T['f'](n)\n"
        + ONE,
        ("make(2), 'g': make(3)", "make(3), 'g': make(2)"),
        ran="one",
    ),
    case(
        "another closure of the same maker, used elsewhere",
        "def make(k):\n    def inner(n):\n        return n * k\n    return inner\nhelper, spare = make(2), make(3)\n"
        + ONE,
        ("make(3)", "make(4)"),
        ran="",
    ),
    case(
        "the counter that a closure starts with",
        "def make():\n    count = 1\n    def inner(n):\n        nonlocal count\n        count += 1\n        return n + count\n    return inner\nhelper = make()\n"
        + ONE,
        ("count = 1", "count = 5"),
        ran="one",
    ),
    case(
        "the body under a decorator",
        DECORATED + ONE,
        ("def helper(n):\n    return n", "def helper(n):\n    return -n"),
        ran="one",
    ),
    case(
        "the body of a decorator's wrapper",
        DECORATED + ONE,
        ("function(n) * 2", "function(n) * 3"),
        ran="one",
    ),
    case("the argument of a decorator", DECORATED + ONE, ("@plus(1)", "@plus(2)"), ran="one"),
    case("the order of decorators", DECORATED + ONE, ("@twice\n@plus(1)", "@plus(1)\n@twice"), ran="one"),
    case("a decorator removed", DECORATED + ONE, ("@twice\n@plus", "@plus"), ran="one"),
    case(
        "a class that decorates, its call",
        CALLER + ONE,
        ("self.function(n) * self.by", "self.function(n) + self.by"),
        ran="one",
    ),
    case("a class that decorates, its state", CALLER + ONE, ("by=2", "by=3"), ran="one"),
    case(
        "a class that decorates, what it decorates",
        CALLER + ONE,
        ("def helper(n):\n    return n", "def helper(n):\n    return -n"),
        ran="one",
    ),
    case(
        "a function under lru_cache",
        "import functools\n@functools.lru_cache(maxsize=None)\ndef helper(n):\n    return n\n" + ONE,
        ("def helper(n):\n    return n", "def helper(n):\n    return -n"),
        ran="one",
    ),
    case(
        "a partial's argument",
        "import functools\ndef base(n, k):\n    return n * k\nhelper = functools.partial(base, k=2)\n" + ONE,
        ("k=2", "k=3"),
        ran="one",
    ),
    case(
        "a partial's function",
        "import functools\ndef base(n, k):\n    return n * k\nhelper = functools.partial(base, k=2)\n" + ONE,
        ("n * k", "n + k"),
        ran="one",
    ),
    case("a lambda", "helper = lambda n: n + 1\n" + ONE, ("n + 1", "n + 2"), ran="one"),
    case(
        "the first of two lambdas on a line",
        "helper, spare = lambda n: n + 1, lambda n: n + 2\n" + ONE,
        ("n + 1", "n + 3"),
        ran="one",
    ),
    case(
        "the second of two lambdas on a line, used elsewhere",
        "helper, spare = lambda n: n + 1, lambda n: n + 2\n" + ONE,
        ("n + 2", "n + 3"),
        ran="",
    ),
    case(
        "two lambdas on a line that are put on two",
        "helper, spare = lambda n: n + 1, lambda n: n + 2\n" + ONE,
        ("1, lambda", "1, \\\n    lambda"),
        ran="",
    ),
    case(
        "a lambda in a table",
        "T = {'f': lambda n: n + 1}\ndef helper(n):\n    return T['f'](n)\n" + ONE,
        ("n + 1", "n + 2"),
        ran="one",
    ),
    case(
        "a lambda made in a comprehension",
        "T = [lambda n, k=k: n * k for k in (1, 2)]\ndef helper(n):\n    return T[1](n)\n" + ONE,
        ("(1, 2)", "(1, 3)"),
        ran="one",
    ),
    case(
        "a comprehension",
        "def helper(n):\n    return sum(m * 2 for m in range(n))\n" + ONE,
        ("m * 2", "m * 3"),
        ran="one",
    ),
    case(
        "a helper called in a comprehension",
        "def deep(m):\n    return m\ndef helper(n):\n    return [deep(m) for m in range(n + 1)][0]\n" + ONE,
        ("def deep(m):\n    return m", "def deep(m):\n    return -m"),
        ran="one",
    ),
    case(
        "a recursive helper",
        "def helper(n):\n    return 1 if n <= 0 else helper(n - 1) + 1\n" + ONE,
        ("helper(n - 1) + 1", "helper(n - 1) + 2"),
        ran="one",
    ),
    case(
        "one of two helpers that call each other",
        "def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)\ndef helper(n):\n    return int(even(n))\n"
        + ONE,
        ("n != 0 and", "n > 0 and"),
        ran="one",
    ),
    case(
        "a generator",
        "def items(n):\n    yield n\ndef helper(n):\n    return next(items(n))\n" + ONE,
        ("yield n", "yield -n"),
        ran="one",
    ),
    case(
        "a coroutine",
        "import asyncio\nasync def later(n):\n    return n\ndef helper(n):\n    return asyncio.run(later(n))\n"
        + ONE,
        ("async def later(n):\n    return n", "async def later(n):\n    return -n"),
        ran="one",
    ),
    case(
        "a context manager made of a generator",
        "import contextlib\n@contextlib.contextmanager\ndef around(n):\n    yield n\ndef helper(n):\n    with around(n) as m:\n        return m\n"
        + ONE,
        ("yield n", "yield -n"),
        ran="one",
    ),
    case(
        "a function registered for a type",
        "import functools\n@functools.singledispatch\ndef helper(n):\n    return n\n@helper.register\ndef _(n: int):\n    return n + 1\n@helper.register\ndef _(n: str):\n    return n\n"
        + ONE,
        ("n + 1", "n + 2"),
        ran="one",
    ),
    case(
        "the type that a function is registered for",
        "import functools\n@functools.singledispatch\ndef helper(n):\n    return n\n@helper.register(int)\ndef _(n):\n    return n + 1\n"
        + ONE,
        ("register(int)", "register(str)"),
        ran="one",
    ),
    case(
        "an attribute of a function",
        "def helper(n):\n    return n + helper.k\nhelper.k = 1\n" + ONE,
        ("helper.k = 1", "helper.k = 2"),
        ran="one",
    ),
    case(
        "a text inside an f-string",
        "def helper(n):\n    return len(f'{n} of ten')\n" + ONE,
        ("of ten", "of a hundred"),
        ran="one",
    ),
    case(
        "a format inside an f-string",
        "def helper(n):\n    return len(f'{n:3}')\n" + ONE,
        ("n:3", "n:5"),
        ran="one",
    ),
    case("a text constant", "def helper(n):\n    return len('ab') + n\n" + ONE, ("'ab'", "'abc'"), ran="one"),
    case(
        "an operator handed to map",
        "def double(n):\n    return n * 2\ndef helper(n):\n    return list(map(double, [n]))[0]\n" + ONE,
        ("n * 2", "n * 3"),
        ran="one",
    ),
    case(
        "another step that a step calls",
        "@step\ndef helper(n: int) -> int:\n    return n\n" + ONE,
        ("    return n\n\n@step\ndef one", "    return -n\n\n@step\ndef one"),
        ran="one",
    ),
    case(
        "a helper that only the other step uses",
        "def helper(n):\n    return n\ndef spare(n):\n    return n\n" + ONE,
        ("def spare(n):\n    return n", "def spare(n):\n    return -n"),
        ran="other",
        main="@step\ndef other(n: int) -> int:\n    return spare(n)\n@pipeline\ndef main():\n    one(1)\n    other(2)\n",
    ),
    case(
        "a function of the standard library for another",
        "from math import floor as f\ndef helper(n):\n    return f(n + 0.5)\n" + ONE,
        ("import floor", "import ceil"),
        ran="one",
    ),
    case(
        "a helper found in globals",
        "def helper(n):\n    return globals()['hid' + 'den'](n)\ndef hidden(n):\n    return n\n" + ONE,
        ("def hidden(n):\n    return n", "def hidden(n):\n    return -n"),
        ran="one",
    ),
    case(
        "a helper that a text evaluates",
        "def helper(n):\n    return eval('hidden(n)')\ndef hidden(n):\n    return n\n" + ONE,
        ("def hidden(n):\n    return n", "def hidden(n):\n    return -n"),
        ran="one",
    ),
    case(
        "a docstring that code reads",
        "def deep():\n    'one two'\ndef helper(n):\n    return len(deep.__doc__)\n" + ONE,
        ("one two", "one two three"),
        ran="one",
    ),
    case(
        "annotations that code reads",
        "import inspect\ndef deep(n: int):\n    return n\ndef helper(n):\n    return 1 if inspect.signature(deep).parameters['n'].annotation is int else 2\n"
        + ONE,
        ("def deep(n: int)", "def deep(n: str)"),
        ran="one",
    ),
    case(
        "a global that a function declares",
        "count = 1\ndef helper(n):\n    global count\n    count += n\n    return count\n" + ONE,
        ("count = 1", "count = 5"),
        ran="one",
    ),
    case(
        "a parameter renamed at both ends",
        "def helper(m):\n    return m\n" + ONE,
        ("def helper(m):\n    return m", "def helper(k):\n    return k"),
        ran="one",
    ),
    case(
        "a local variable renamed, which is not looked through",
        "def helper(n):\n    a = n\n    return a\n" + ONE,
        ("a = n\n    return a", "b = n\n    return b"),
        ran="one",
    ),
    case(
        "a builtin that a helper takes the place of",
        "def helper(n):\n    return abs(n)\n" + ONE,
        ("def helper", "def abs(n):\n    return n + 1\ndef helper"),
        ran="one",
    ),
]
