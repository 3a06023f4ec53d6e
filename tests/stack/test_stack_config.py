"""A configuration file: what it may say, and that all of its faults are said at once, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.stack.config import Config, seconds, size
from interlock.stack.config_file import LARGEST, ConfigError, read_config

MODEL = '[model.m]\npipeline = "a.b:c"\n'


def read(folder: Path, text: str, name: str = "interlock.toml") -> Config:
    (folder / name).write_text(text, encoding="utf-8")
    return read_config(folder / name)


def faults(folder: Path, text: str, name: str = "interlock.toml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, name)
    assert caught.value.where == str(folder / name)
    return [fault.strip() for fault in caught.value.faults]


def test_a_full_file_is_read(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        '[data.flights]\nuri = "f/*.csv"\n[data.late]\nuri = "late.csv"\nformat = "csv"\n'
        '[model.delays]\npipeline = "flights.pipeline:delays"\nparams = { rate = 0.1 }\ngates = ["parity"]\n'
        'retrain = { on = ["data", "drift", "auc < 0.6", "cron: 0 3 * * 1"], cooldown = "1h" }\n'
        'truth = { data = "late", key = "id" }\ndrift = { threshold = 1, min_rows = 10, every = "1m" }\n'
        'deploy = { to = "local", strategy = "swap", host = "localhost", port = 8080 }\n',
    )
    model = config.model["delays"]
    assert (config.data["late"].format, model.params, model.gates) == ("csv", {"rate": 0.1}, ("parity",))
    assert (model.retrain.cooldown, model.retrain.on[3]) == (3600, "cron: 0 3 * * 1")
    assert (model.truth and model.truth.key, model.drift.every, model.deploy.port) == ("id", 60, 8080)


def test_gates_left_out_are_told_from_no_gates(tmp_path: Path) -> None:
    assert read(tmp_path, MODEL).model["m"].gates is None
    assert read(tmp_path, MODEL + "gates = []").model["m"].gates == ()


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("2d", 172800), ("1w", 604800), (5, 5)]
)
def test_durations_are_seconds(text: object, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text", ["1", "h", "1 hour", "-1h", "1h30m", "", -1, True, None, float("inf"), "9" * 400 + "d"]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a duration is written like"):
        seconds(text)


@pytest.mark.parametrize("text", ["9999999d", 1e300, 10**400])
def test_a_duration_has_an_end_that_a_clock_can_show(text: object) -> None:
    with pytest.raises(ValueError, match="at most ten years"):
        seconds(text)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('gate = ["parity"]', "model.m.gate: there is no such key. Did you mean 'gates'?"),
        ('gates = "parity"', "model.m.gates is 'parity', but should be a list"),
        ("gates = [1]", "model.m.gates.0 is 1, but should be text"),
        ("params = 3", "model.m.params is 3, but should be a table"),
        ("drift = 4", "model.m.drift is 4, but should be a table"),
        ("drift = { threshold = nan }", "model.m.drift.threshold is nan, but should be a finite number"),
        ("drift = { min_rows = 0 }", "model.m.drift.min_rows is 0, but should be greater than or equal to 1"),
        ("drift = { min_rows = 1.5 }", "model.m.drift.min_rows is 1.5, but should be a whole number"),
        ('deploy = { port = "80" }', "model.m.deploy.port is '80', but should be a whole number"),
        ("deploy = { prot = 80 }", "model.m.deploy.prot: there is no such key. Did you mean 'port'?"),
        ('deploy = { to = "kserve" }', "model.m.deploy.to is 'kserve', but should be 'local'"),
        (
            'deploy = { strategy = "canary" }',
            (
                "model.m.deploy.strategy is 'canary', but should be 'swap' "
                "(canary and shadow roll-outs are not available in this version)"
            ),
        ),
        (
            "deploy = { steps = [5, 100] }",
            "model.m.deploy.steps: a new champion takes all traffic at once in this version",
        ),
        (
            'retrain = { on = ["data", "drfit"] }',
            (
                "model.m.retrain.on.1: 'drfit' is no trigger. Did you mean 'drift'? "
                'Others are a metric such as "auc < 0.68", and "cron: 0 3 * * 1".'
            ),
        ),
        (
            'retrain = { on = ["data", "auc < 0.7"] }',
            (
                "model.m.retrain.on: 'auc < 0.7' is a live metric, which needs the outcomes that arrive later. "
                'Name their dataset: truth = { data = "outcomes" }'
            ),
        ),
        (
            'retrain = { cooldown = "soon" }',
            'model.m.retrain.cooldown: a duration is written like "90s", "30m", "1h" or "2d"',
        ),
        ('truth = { key = "id" }', "model.m.truth.data is missing"),
        (
            'truth = { data = "late" }',
            "model.m.truth.data: there is no dataset 'late'. Say where it is in [data.late].",
        ),
    ],
)
def test_a_fault_of_a_model_names_line_key_and_what_was_expected(
    tmp_path: Path, line: str, fault: str
) -> None:
    assert faults(tmp_path, MODEL + line) == [f"line 3: {fault}"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[data.d]\n", "line 1: data.d.uri is missing"),
        ('[data.d]\nuri = ""\n', "line 2: data.d.uri is '', but should be text that is not empty"),
        (
            '[data.d]\nuri = "x"\nformat = "pickle"\n',
            "line 3: data.d.format is 'pickle', but should be 'csv', 'parquet', 'arrow' or 'json'",
        ),
        (
            '[data.d]\nuri = "x"\ncontract = "c.toml"\n',
            "line 3: data.d.contract: contracts of datasets are not available in this version",
        ),
        (
            '[data."a b"]\nuri = "x"\n',
            "line 1: 'a b' cannot be a name: use letters, digits, '_', '.' and '-', at most 100",
        ),
        (
            '[model.m]\npipeline = "flights"\n',
            "line 2: model.m.pipeline is 'flights', but should be package.module:name",
        ),
        (
            '[stack.cluster]\nstore = "s3://User:pass@b"\n',
            "line 2: stack.cluster.store: a place in a bucket is written s3://bucket/prefix, without credentials",
        ),
        (
            '[stack.cluster]\nstore = "ftp://host/x"\n',
            (
                "line 2: stack.cluster.store: there is no store for ftp://; it is a folder, or s3://bucket/prefix, "
                "gs://… or az://…"
            ),
        ),
        (
            '[stack.cluster]\ncache = "20 gigs"\n',
            'line 2: stack.cluster.cache: a size is written like "500MB" or "20GB"',
        ),
        (
            '[stack.s]\nrecords = "mysql://host/db"\n',
            'line 2: stack.s.records: records are kept in a database such as "postgresql://user:${PASSWORD}@host/database"',
        ),
        (
            '[stack.s]\nengine = "procesess"\n',
            "line 2: stack.s.engine.use: there is no engine 'procesess'. Did you mean 'processes'?",
        ),
        (
            '[stack.s]\nengine = { use = "rey" }\n',
            "line 2: stack.s.engine.use: there is no engine 'rey'. Did you mean 'ray'?",
        ),
        (
            '[stack.s]\nengine = { use = "processes", address = "auto" }\n',
            'line 2: stack.s.engine: an address is that of a cluster: engine = { use = "ray", address = "auto" }',
        ),
        (
            '[stack.s]\nengine = { use = "ray", address = "auto", workers = 2 }\n',
            "line 2: stack.s.engine: a cluster that is at an address has its own workers",
        ),
        (
            '[stack.s]\nstore = "kept"\ncache = "1GB"\n',
            'line 1: stack.s: a cache is that of a store in a bucket: store = "s3://bucket/prefix"',
        ),
        (
            "[stack.s]\nengine = { workers = 2 }\n",
            'line 2: stack.s.engine: workers are those of engine = { use = "processes" }',
        ),
        ("[modle.m]\n", "line 1: modle: there is no such key. Did you mean 'model'?"),
    ],
)
def test_a_fault_of_the_file_names_line_key_and_what_was_expected(
    tmp_path: Path, text: str, fault: str
) -> None:
    assert faults(tmp_path, text) == [fault]


def test_all_faults_are_said_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = '# flights\n[data.d]\nurl = "x"\n\n[model.m]\npipeline = "a:b"\nretrain = {\n  cooldown = "x" }\n'
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text.replace("{\n", "{"))
    assert str(caught.value).splitlines() == [
        "interlock.toml has 3 faults:",
        "  line 2: data.d.uri is missing",
        "  line 3: data.d.url: there is no such key. Did you mean 'uri'?",
        '  line 7: model.m.retrain.cooldown: a duration is written like "90s", "30m", "1h" or "2d"',
        f"  at {tmp_path / 'interlock.toml'}",
    ]


def test_a_message_lists_twenty_faults_and_counts_the_rest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "".join(f"[data.d{n}]\n" for n in range(30)))
    assert len(caught.value.faults) == 30
    assert str(caught.value).splitlines()[-2] == "  and 10 more"


def test_pyproject_is_read_the_same_way_with_its_own_lines(tmp_path: Path) -> None:
    text = '[project]\nname = "x"\n\n[tool.interlock.model.m]\npipeline = "a:b"\ngate = []\n'
    assert faults(tmp_path, text, "pyproject.toml") == [
        "line 6: model.m.gate: there is no such key. Did you mean 'gates'?"
    ]
    assert faults(tmp_path, "[tool]\ninterlock = 3\n", "pyproject.toml") == [
        "line 2: [tool.interlock] is 3, but should be a table"
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            b"[model.m\n",
            "it is no TOML: Expected ']' at the end of a table declaration (at line 1, column 9)",
        ),
        (b"a = 1\na = 2\n", "it is no TOML: Cannot overwrite a value (at line 2, column 6)"),
        (b"a = " + b"[" * 5000, "it is no TOML: maximum recursion depth exceeded"),
        (b'a = "\xff"\n', "it is not UTF-8 text: invalid start byte at byte 5"),
        (b"#" * (LARGEST + 1), "it is larger than 1,048,576 bytes"),
    ],
)
def test_a_file_that_is_no_toml_says_why(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "interlock.toml").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "interlock.toml")
    assert caught.value.faults[0].strip().startswith(said)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it cannot be read: Is a directory"):
        read_config(tmp_path)


def test_a_byte_order_mark_and_windows_lines_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "interlock.toml").write_bytes(b"\xef\xbb\xbf" + MODEL.replace("\n", "\r\n").encode())
    assert read_config(tmp_path / "interlock.toml").model["m"].pipeline == "a.b:c"


def test_a_long_value_is_cut_short_in_a_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[model.{'a' * 5000}]\npipeline = 'a:b'\n")
    assert len(caught.value.what) < 300


def test_a_dataset_says_where_it_is_and_how_it_is_kept(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        '[data.a]\nuri = "s3://bucket/a/*.csv"\nkeep = "copy"\ncheck = "content"\n'
        'options = { endpoint = "http://127.0.0.1:9000", region = "eu-west-1", anonymous = true }\n'
        '[data.b]\nuri = "postgresql://${USER}:${PASSWORD}@db/flights"\nquery = "SELECT 1"\npart_by = "day"\n'
        '[data.c]\nuri = "${DATABASE_URL}"\nquery = "SELECT 1"\n[data.d]\nuri = "duckdb:"\nquery = "SELECT 1"\n',
    )
    assert (config.data["a"].keep, config.data["a"].check, config.data["a"].options.region) == (
        "copy",
        "content",
        "eu-west-1",
    )
    assert (config.data["b"].part_by, config.data["c"].keep, config.data["c"].check) == (
        "day",
        "reference",
        "stat",
    )


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            'uri = "sqlite:///a.db"',
            'line 1: data.x: no files are read from sqlite:, and a database needs a query = "SELECT …"',
        ),
        ('uri = "a.csv"\nquery = "SELECT 1"', "line 1: data.x: a query needs the uri of a database"),
        ('uri = "a.csv"\npart_by = "day"', "line 1: data.x: part_by divides the rows of a query"),
        ('uri = "duckdb:"\nquery = "SELECT 1"\nformat = "csv"', "line 1: data.x: format is for files"),
        (
            'uri = "a.csv"\nkeep = "always"',
            "line 3: data.x.keep is 'always', but should be 'reference' or 'copy'",
        ),
        ('uri = "a.csv"\noptions = { endpont = "x" }', "Did you mean 'endpoint'?"),
    ],
)
def test_what_does_not_fit_together_in_a_dataset_is_told(tmp_path: Path, keys: str, said: str) -> None:
    (fault,) = faults(tmp_path, f"[data.x]\n{keys}\n")
    assert said in fault


@pytest.mark.parametrize(
    ("text", "found"), [("500MB", 5 * 10**8), ("1.5 kB", 1500), ("20GB", 2 * 10**10), (7, 7)]
)
def test_a_size_is_a_number_of_bytes(text: object, found: int) -> None:
    assert size(text) == found
