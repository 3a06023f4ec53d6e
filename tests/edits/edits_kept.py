"""Edits of what objects keep beside what is pickled, of plans of polars, and of acts at import."""

from __future__ import annotations

from edits_case import Case, real

PL = "import polars as pl\ndef clean(m):\n    return m + 1\ndef spare(m):\n    return m + 3\n"
REG = "R = {}\ndef register(f):\n    R[f.__name__] = f\n    return f\n"
PLUGS = {
    "getattr deco": "import reg\n@getattr(reg, 'register')\ndef a(n):\n    return n + 1\n",
    "getattr called": "import reg\ndef a(n):\n    return n + 1\ngetattr(reg, 'register')(a)\n",
    "vars deco": "import reg\n@vars(reg)['register']\ndef a(n):\n    return n + 1\n",
    "dict deco": "import reg\n@reg.__dict__['register']\ndef a(n):\n    return n + 1\n",
    "lambda deco": "import reg\n@(lambda f: reg.register(f))\ndef a(n):\n    return n + 1\n",
    "alias getattr": "import reg\nr = getattr(reg, 'register')\n@r\ndef a(n):\n    return n + 1\n",
    "partial deco": "import reg\nfrom functools import partial\nr = partial(reg.register)\n@r\ndef a(n):\n    return n + 1\n",
    "walrus": "import reg\ndef a(n):\n    return n + 1\nx = (r := reg.register)(a)\n",
    "update": "import reg\ndef a(n):\n    return n + 1\nreg.R.update(a=a)\n",
    "listcomp": "import reg\ndef a(n):\n    return n + 1\n[reg.register(f) for f in (a,)]\n",
    "for": "import reg\ndef a(n):\n    return n + 1\nfor f in (a,):\n    reg.register(f)\n",
    "map": "import reg\ndef a(n):\n    return n + 1\nlist(map(reg.register, [a]))\n",
    "setdefault": "import reg\ndef a(n):\n    return n + 1\nreg.R.setdefault('a', a)\n",
    "ior": "import reg\ndef a(n):\n    return n + 1\nreg.R |= {'a': a}\n",
    "setitem op": "import reg, operator\ndef a(n):\n    return n + 1\noperator.setitem(reg.R, 'a', a)\n",
    "class deco obj": "import reg\nclass D:\n    def __call__(self, f):\n        return reg.register(f)\n@D()\ndef a(n):\n    return n + 1\n",
}

KEPT: list[Case] = [
    real(
        "polars named default",
        PL
        + "def h(n, k=pl.col('a').map_elements(clean, return_dtype=pl.Int64)):\n    return int(pl.DataFrame({'a':[n]}).select(k)['a'][0])\n",
        "h(n)",
        ("m + 1", "m + 2"),
    ),
    real(
        "polars named closure",
        PL
        + "def make(k):\n    return lambda n: int(pl.DataFrame({'a':[n]}).select(k)['a'][0])\nK = make(pl.col('a').map_elements(clean, return_dtype=pl.Int64))\n",
        "K(n)",
        ("m + 1", "m + 2"),
    ),
    real(
        "polars named closure in class attr",
        PL + "class A:\n    k = pl.col('a').map_elements(clean, return_dtype=pl.Int64)\n",
        "int(pl.DataFrame({'a':[n]}).select(A.k)['a'][0])",
        ("m + 1", "m + 2"),
    ),
    real(
        "polars named in attribute of object",
        PL
        + "class A:\n    def __init__(self):\n        self.k = pl.col('a').map_elements(clean, return_dtype=pl.Int64)\nK = A()\n",
        "int(pl.DataFrame({'a':[n]}).select(K.k)['a'][0])",
        ("m + 1", "m + 2"),
    ),
    real(
        "polars partial",
        PL
        + "from functools import partial\ndef use(k, n):\n    return int(pl.DataFrame({'a':[n]}).select(k)['a'][0])\nK = partial(use, pl.col('a').map_elements(clean, return_dtype=pl.Int64))\n",
        "K(n)",
        ("m + 1", "m + 2"),
    ),
    real(
        "polars default spare",
        PL
        + "def h(n, k=pl.col('a').map_elements(clean, return_dtype=pl.Int64)):\n    return int(pl.DataFrame({'a':[n]}).select(k)['a'][0])\n",
        "h(n)",
        ("m + 3", "m + 4"),
        "",
    ),
    real(
        "state hidden by copyreg",
        "import copyreg\nclass A:\n    def __init__(self, k):\n        self.k = k\ncopyreg.pickle(A, lambda a: (A, (0,)))\nK = A(1)\n",
        "n + K.k",
        ("A(1)", "A(2)"),
    ),
    real(
        "state hidden by foreign base",
        "import threading, logging\nclass A(logging.Logger):\n    pass\nK = A('x')\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "state hidden by foreign base Path",
        "import pathlib\nclass A(type(pathlib.Path())):\n    k = 0\nK = A('x')\nK.__dict__ if hasattr(K,'__dict__') else 0\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "state hidden by foreign base exc",
        "class A(OSError):\n    pass\nK = A(1,'x')\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "state hidden by numpy subclass",
        "import numpy as np\nclass A(np.ndarray):\n    pass\nK = np.zeros(2).view(A)\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "state in pandas attrs",
        "import pandas as pd\nK = pd.DataFrame({'a':[1]})\nK.attrs['k'] = 1\n",
        "n + K.attrs['k']",
        ("= 1", "= 2"),
    ),
    real(
        "pandas subclass",
        "import pandas as pd\nclass A(pd.DataFrame):\n    _metadata = ['k']\nK = A({'a':[1]})\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "list subclass attr",
        "class A(list):\n    pass\nK = A([1])\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "str subclass attr",
        "class A(str):\n    pass\nK = A('x')\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "int subclass attr", "class A(int):\n    pass\nK = A(3)\nK.k = 1\n", "n + K.k", ("K.k = 1", "K.k = 2")
    ),
    real(
        "enum member attr",
        "from enum import Enum\nclass A(Enum):\n    X = 1\nA.X.k = 1\n",
        "n + A.X.k",
        ("k = 1", "k = 2"),
    ),
    real(
        "datetime subclass attr",
        "import datetime as dt\nclass A(dt.date):\n    pass\nK = A(2020,1,1)\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "decimal subclass",
        "from decimal import Decimal\nclass A(Decimal):\n    pass\nK = A(3)\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "sklearn subclass",
        "from sklearn.base import BaseEstimator\nclass A(BaseEstimator):\n    def __init__(self, k=1):\n        self.k = k\nK = A(k=1)\n",
        "n + K.k",
        ("A(k=1)", "A(k=2)"),
    ),
    real(
        "thread local",
        "import threading\nK = threading.local()\nK.k = 1\n",
        "n + K.k",
        ("K.k = 1", "K.k = 2"),
    ),
    real(
        "simple namespace",
        "from types import SimpleNamespace\nK = SimpleNamespace(k=1)\n",
        "n + K.k",
        ("k=1", "k=2"),
    ),
    real(
        "weakref dict",
        "import weakref\nclass A:\n    k = 1\na = A()\na.k = 5\nK = weakref.ref(a)\n",
        "n + K().k",
        ("k = 5", "k = 6"),
    ),
    real(
        "weakvaluedict",
        "import weakref\nclass A:\n    k = 1\na = A()\na.k = 5\nK = weakref.WeakValueDictionary(x=a)\n",
        "n + K['x'].k",
        ("k = 5", "k = 6"),
    ),
    real(
        "Base.register virtual",
        "from abc import ABC\nclass Base(ABC):\n    pass\nclass X:\n    k = 1\nBase.register(X)\n",
        "n + isinstance(X(), Base)",
        ("Base.register(X)\n", ""),
    ),
    real(
        "Base.register other unaffected",
        "from abc import ABC\nclass Base(ABC):\n    pass\nclass X:\n    k = 1\nBase.register(X)\n",
        "n",
        ("k = 1", "k = 2"),
        "",
    ),
    *(
        real(
            f"a plug-in by {name}, {when}",
            "from reg import R\n" + ("import plug\n" if when == "at once" else ""),
            ("import plug\n    " if when == "late" else "") + "return R['a'](n)",
            None,
            files={"reg.py": REG, "plug.py": plug},
            edits={"plug.py": ("n + 1", "n + 2")},
        )
        for name, plug in PLUGS.items()
        for when in ("at once", "late")
        if when == "late" or name not in ("map", "setitem op")
    ),
]
