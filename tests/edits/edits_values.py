"""Edits of constants: numbers, containers, patterns, arrays, registries, what imports compute and change."""

from __future__ import annotations

from edits_case import Case, case

ONE = """
@step
def one(n: int) -> int:
    return {}
"""


def constant(name: str, text: str, use: str, edit: tuple[str, str], ran: str = "one") -> Case:
    """Build a case of a constant `K` that `one` uses."""
    return case(name, f"{text}\n" + ONE.format(use), edit, ran=ran)


VALUES: list[Case] = [
    constant("a number", "K = 1", "n + K", ("K = 1", "K = 2")),
    constant("a number of another type", "K = 1", "int(n / K)", ("K = 1", "K = 1.0")),
    constant("a number written in another way", "K = 16", "n + K", ("K = 16", "K = 0x10"), ran=""),
    constant("a number computed in another way", "K = 4", "n + K", ("K = 4", "K = 2 * 2"), ran=""),
    constant("a dict", "K = {'a': 1}", "n + K['a']", ("'a': 1", "'a': 2")),
    constant("a nested dict", "K = {'a': {'b': [1, 2]}}", "n + K['a']['b'][1]", ("[1, 2]", "[1, 3]")),
    constant(
        "the order in which a set is written",
        "K = {'x', 'y', 'z'}",
        "n + len(K)",
        ("'x', 'y', 'z'", "'z', 'y', 'x'"),
        ran="",
    ),
    constant(
        "the order of a dict",
        "K = {'a': 1, 'b': 2}",
        "n + list(K.values())[0]",
        ("'a': 1, 'b': 2", "'b': 2, 'a': 1"),
    ),
    constant(
        "the order of a dict in a list",
        "K = [{'a': 1, 'b': 2}]",
        "n + list(K[0].values())[0]",
        ("'a': 1, 'b': 2", "'b': 2, 'a': 1"),
    ),
    constant(
        "the order of a defaultdict",
        "from collections import defaultdict\nK = defaultdict(int, {'a': 1, 'b': 2})",
        "n + list(K.values())[0]",
        ("'a': 1, 'b': 2", "'b': 2, 'a': 1"),
    ),
    constant(
        "the order of a read-only dict",
        "from types import MappingProxyType\nK = MappingProxyType({'a': 1, 'b': 2})",
        "n + list(K.values())[0]",
        ("'a': 1, 'b': 2", "'b': 2, 'a': 1"),
    ),
    constant(
        "the order of a dict that an object holds",
        "class A:\n    def __init__(self, k):\n        self.k = k\nK = A({'a': 1, 'b': 2})",
        "n + list(K.k.values())[0]",
        ("'a': 1, 'b': 2", "'b': 2, 'a': 1"),
    ),
    constant(
        "the order of a dict in a default value",
        "W = {'a': 1, 'b': 2}\ndef helper(n, k=W):\n    return n + list(k.values())[0]",
        "helper(n)",
        ("'a': 1, 'b': 2", "'b': 2, 'a': 1"),
    ),
    constant(
        "the order of a dict in a closure",
        "W = {'a': 1, 'b': 2}\ndef make(k):\n    return lambda n: n + list(k.values())[0]\nhelper = make(W)",
        "helper(n)",
        ("'a': 1, 'b': 2", "'b': 2, 'a': 1"),
    ),
    constant(
        "a dict filled in another way in the same order",
        "K = {'a': 1, 'b': 2}",
        "n + list(K.values())[0]",
        ("K = {'a': 1, 'b': 2}", "K = {'a': 1}\nK['b'] = 2"),
        ran="",
    ),
    constant(
        "a dict that keeps its order by its class",
        "from collections import OrderedDict\nK = {'a': 1}",
        "n + len(repr(K))",
        ("K = {'a': 1}", "K = OrderedDict({'a': 1})"),
    ),
    constant("a pattern", "import re\nK = re.compile('a+')", "n + len(K.findall('aab'))", ("'a+'", "'a'")),
    constant(
        "the flags of a pattern",
        "import re\nK = re.compile('A')",
        "n + len(K.findall('aab'))",
        ("compile('A')", "compile('A', re.I)"),
    ),
    constant(
        "an array", "import numpy as np\nK = np.array([1, 2])", "n + int(K.sum())", ("[1, 2]", "[1, 3]")
    ),
    constant(
        "an array with the same values",
        "import numpy as np\nK = np.array([0, 1])",
        "n + int(K.sum())",
        ("np.array([0, 1])", "np.arange(2)"),
        ran="",
    ),
    constant("what an import computes", "K = [m * 2 for m in range(3)]", "n + K[1]", ("m * 2", "m * 3")),
    constant(
        "what an import computes with a function",
        "def size():\n    return 3\nK = size()",
        "n + K",
        ("return 3", "return 4"),
    ),
    constant(
        "a function that computes the same",
        "def size():\n    return 3\nK = size()",
        "n + K",
        ("return 3", "return 1 + 2"),
        ran="",
    ),
    constant(
        "a constant that a later statement changes",
        "K = [1]\nK.append(2)",
        "n + K[-1]",
        ("append(2)", "append(3)"),
    ),
    constant("a constant that an update changes", "K = {}\nK.update(a=2)", "n + K['a']", ("a=2", "a=3")),
    constant(
        "a constant that a loop fills",
        "K = {}\nfor m in range(3):\n    K[m] = m",
        "n + K[2]",
        ("K[m] = m", "K[m] = -m"),
    ),
    constant(
        "a registry that decorators fill",
        "K = {}\ndef register(f):\n    K[f.__name__] = f\n    return f\n@register\ndef go(n):\n    return n + 1",
        "K['go'](n)",
        ("n + 1", "n + 2"),
    ),
    constant(
        "an entry added to a registry",
        "K = {}\ndef register(f):\n    K[f.__name__] = f\n    return f\n@register\ndef go(n):\n    return n + 1",
        "sum(f(n) for f in K.values())",
        ("@register\ndef go", "@register\ndef more(n):\n    return n\n@register\ndef go"),
    ),
    constant(
        "the name in a registry, of a function that is called by its own",
        "K = {}\ndef register(name):\n    def keep(f):\n        K[name] = f\n        return f\n    return keep\n@register('a')\ndef go(n):\n    return n + 1",
        "go(n)",
        ("'a'", "'b'"),
        ran="",
    ),
    constant("a constant that nothing uses", "K = 1", "n", ("K = 1", "K = 2"), ran=""),
    constant(
        "a constant that only an unused function uses",
        "K = 1\ndef spare():\n    return K",
        "n",
        ("K = 1", "K = 2"),
        ran="",
    ),
    constant("a constant of a constant", "A = 1\nK = [A]", "n + K[0]", ("A = 1", "A = 2")),
    constant(
        "a path made of the file's own",
        "from pathlib import Path\nK = {'data': str(Path(__file__).parent / 'a')}",
        "n + len(K)",
        ("/ 'a'", "/ 'b'"),
    ),
    constant("a date", "import datetime as dt\nK = dt.date(2020, 1, 1)", "n + K.day", ("1, 1)", "1, 2)")),
    constant("a range", "K = range(3)", "n + sum(K)", ("range(3)", "range(4)")),
    constant(
        "a decimal", "from decimal import Decimal\nK = Decimal('1.0')", "n + int(K)", ("'1.0'", "'2.0'")
    ),
    constant(
        "an attribute of a namespace",
        "from types import SimpleNamespace\nK = SimpleNamespace(a=1)",
        "n + K.a",
        ("a=1", "a=2"),
    ),
    constant(
        "a function in a namespace",
        "from types import SimpleNamespace\ndef go(n):\n    return n\nK = SimpleNamespace(go=go)",
        "K.go(n)",
        ("def go(n):\n    return n", "def go(n):\n    return -n"),
    ),
    constant(
        "a method caller",
        "from operator import methodcaller\nK = methodcaller('upper')",
        "n + len(K('a'))",
        ("'upper'", "'lower'"),
    ),
    constant(
        "a library kept in a table",
        "import math\nK = {'m': math}",
        "n + int(K['m'].floor(1.5))",
        ("K = {'m': math}", "import cmath\nK = {'m': math, 'c': cmath}"),
    ),
    constant(
        "the seed of a library, at import",
        "import random\nrandom.seed(1)",
        "n + random.randrange(5)",
        ("seed(1)", "seed(2)"),
        ran="one other",
    ),
    constant(
        "an environment variable set at import",
        "import os\nos.environ['K'] = '1'",
        "n + int(os.environ['K'])",
        ("= '1'", "= '2'"),
        ran="one other",
    ),
    constant(
        "a library changed at import",
        "import math\nmath.twice = lambda n: n * 2",
        "math.twice(n)",
        ("n * 2", "n * 3"),
        ran="one other",
    ),
    constant(
        "an option of a library, set by a function at import",
        "import decimal\ndef set_up():\n    decimal.getcontext().prec = 5\nset_up()",
        "n + len(str(decimal.Decimal(1) / 3))",
        ("prec = 5", "prec = 6"),
        ran="one other",
    ),
    constant("what is printed at import", "print('hello')", "n", ("'hello'", "'bye'"), ran=""),
    constant(
        "a logger",
        "import logging\nlog = logging.getLogger(__name__)",
        "n + log.info('x') if False else n",
        ("getLogger(__name__)", "getLogger(__name__)  # ours"),
        ran="",
    ),
    constant(
        "what only the script does",
        "K = 1\nif __name__ == '__main__':\n    print(K)",
        "n",
        ("print(K)", "print(K, K)"),
        ran="",
    ),
]
