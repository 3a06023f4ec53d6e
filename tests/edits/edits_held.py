"""Edits of code that libraries hold: polars, scikit-learn, pydantic and their like."""

from __future__ import annotations

from edits_case import Case, case, real

ONE = ("return 1", "return 2")
DEFAULT = "@step\ndef one(n: int, k: int = 1) -> int:\n    return n + k\n"
TWO = "@step\ndef other(n: int) -> int:\n    return n\n@pipeline\ndef main():\n    one(1)\n    other(2)\n"

HELD: list[Case] = [
    real(
        "polars lambda moved",
        "import polars as pl\nK = pl.col('a').map_elements(lambda m: abs(m) + 1, return_dtype=pl.Int64)\n",
        "int(pl.DataFrame({'a':[n]}).select(K)['a'][0])",
        ("K = pl", "# c\n\nK = pl"),
        "",
    ),
    real(
        "polars lambda helper",
        "import polars as pl\ndef h(m):\n    return m + 1\nK = pl.col('a').map_elements(lambda m: h(m), return_dtype=pl.Int64)\n",
        "int(pl.DataFrame({'a':[n]}).select(K)['a'][0])",
        ("m + 1", "m + 2"),
    ),
    real(
        "polars expr unrelated def",
        "import polars as pl\nK = pl.col('a') + 1\ndef spare():\n    return 1\n",
        "int(pl.DataFrame({'a':[n]}).select(K)['a'][0])",
        ONE,
        "",
    ),
    real(
        "polars when then list",
        "import polars as pl\nK = [pl.when(pl.col('a') > 1).then(2).otherwise(3).alias('b')]\n",
        "int(pl.DataFrame({'a':[n]}).select(K)['b'][0])",
        ("then(2)", "then(4)"),
    ),
    real(
        "polars const computed same",
        "import polars as pl\nX = 1\nK = pl.col('a') + X\n",
        "int(pl.DataFrame({'a':[n]}).select(K)['a'][0])",
        ("pl.col('a') + X", "pl.col('a') + 1"),
        "",
    ),
    real(
        "polars in dataclass field",
        "import polars as pl\nfrom dataclasses import dataclass, field\ndef clean(m):\n    return m + 1\n@dataclass\nclass A:\n    k: object = field(default_factory=lambda: pl.col('a').map_elements(clean, return_dtype=pl.Int64))\n",
        "int(pl.DataFrame({'a':[n]}).select(A().k)['a'][0])",
        ("m + 1", "m + 2"),
    ),
    real(
        "late polars const",
        "",
        "from tools import K\n    import polars as pl\n    return int(pl.DataFrame({'a':[n]}).select(K)['a'][0])",
        None,
        files={
            "tools.py": "import polars as pl\ndef clean(m):\n    return m + 1\nK = pl.col('a').map_elements(clean, return_dtype=pl.Int64)\n"
        },
        edits={"tools.py": ("m + 1", "m + 2")},
    ),
    real(
        "sklearn scorer",
        "from sklearn.metrics import make_scorer\ndef f(a, b):\n    return 1.0\nSC = make_scorer(f)\n",
        "n + int(SC._score_func(1, 2))",
        ("1.0", "2.0"),
    ),
    real(
        "np vectorize deco",
        "import numpy as np\n@np.vectorize\ndef f(x):\n    return x + 1\n",
        "int(f(n))",
        ("x + 1", "x + 2"),
    ),
    real(
        "pd apply",
        "import pandas as pd\ndef f(x):\n    return x + 1\n",
        "int(pd.Series([n]).apply(f)[0])",
        ("x + 1", "x + 2"),
    ),
    real(
        "pd pipe lambda",
        "import pandas as pd\nF = {'b': lambda d: d['a'] + 1}\n",
        "int(pd.DataFrame({'a':[n]}).assign(**F)['b'][0])",
        ("d['a'] + 1", "d['a'] + 2"),
    ),
    real(
        "pydantic settings env default",
        "from pydantic import BaseModel\nclass S(BaseModel):\n    k: int = 1\nCFG = S()\n",
        "n + CFG.k",
        ("int = 1", "int = 2"),
    ),
    real(
        "pydantic computed",
        "from pydantic import BaseModel, computed_field\nclass S(BaseModel):\n    @computed_field\n    @property\n    def k(self) -> int:\n        return 1\n",
        "n + S().k",
        ONE,
    ),
    real(
        "pydantic model_validator",
        "from pydantic import BaseModel, model_validator\nclass S(BaseModel):\n    a: int = 1\n    @model_validator(mode='after')\n    def up(self):\n        self.a += 1\n        return self\n",
        "n + S().a",
        ("+= 1", "+= 2"),
    ),
    real(
        "pydantic instance const reruns none",
        "from pydantic import BaseModel\nclass S(BaseModel):\n    k: int = 1\nCFG = S(k=3)\n",
        "n + CFG.k",
        ("CFG = S(k=3)", "CFG = S(k=1+2)"),
        "",
    ),
    real(
        "register at import with lock",
        "import threading\nL = threading.Lock()\ndef sync(f):\n    lock = threading.Lock()\n    def w(*a):\n        with lock:\n            return f(*a)\n    return w\n@sync\ndef h(n):\n    return n + 1\n",
        "h(n)",
        ("n + 1", "n + 2"),
    ),
    real(
        "get_type_hints alias",
        "from typing import get_type_hints as gth\nclass In:\n    k = 1\ndef h(a: 'In'):\n    return 1\n",
        "n + gth(h)['a'].k",
        ("k = 1", "k = 2"),
    ),
    real(
        "annotations read elsewhere not for other",
        "import typing\nclass In:\n    k = 1\ndef h(a: 'In'):\n    return 1\n@step\ndef two(n: int) -> int:\n    return len(typing.get_type_hints(h)) + n\n",
        "n + h(1)",
        ("k = 1", "k = 2"),
        "",
    ),
    real("notebook style print", "print('x')\n", "n", ("'x'", "'y'"), ""),
    case("a default written out in the pipeline", DEFAULT, ("one(1)", "one(1, k=1)"), ran="", main=TWO),
    case(
        "another value than the default, in the pipeline",
        DEFAULT,
        ("one(1)", "one(1, k=2)"),
        ran="one",
        main=TWO,
    ),
    case("the default of a step", DEFAULT, ("k: int = 1", "k: int = 2"), ran="one", main=TWO),
]
