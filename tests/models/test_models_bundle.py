"""A bundle holds all that serving needs, answers as the run did, and notices when it does not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from models_project import FEATURES, PIPELINE, forget, opened, train, write_shop

from interlock.engine.context import RunContext
from interlock.models.bundle import KIND, BundleError, GoldenRowsDiffer, LoadedBundle, load_bundle
from interlock.models.codec import InvalidRequest
from interlock.models.codespace import CodeSpaceError
from interlock.store.blobs import CorruptBlob, LocalStore


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunContext]:
    with opened(write_shop(tmp_path_factory.mktemp("trained"))) as context:
        train(context)
        yield context


@pytest.fixture
def digest(trained: RunContext) -> str:
    return trained.records.models.get("delays", 1).bundle


@pytest.fixture
def bundle(trained: RunContext, digest: str, tmp_path: Path) -> Iterator[LoadedBundle]:
    loaded = load_bundle(trained.store, digest, workdir=tmp_path, version=1)
    yield loaded
    loaded.close()


def changed(context: RunContext, digest: str, **parts: Any) -> str:
    """Put a copy of a bundle's manifest with other parts into the store."""
    return context.store.put_manifest(KIND, context.store.get_manifest(KIND, digest) | parts)


def test_it_answers_the_recorded_rows_as_the_run_did(bundle: LoadedBundle) -> None:
    answer = bundle.predict(bundle.reference_given())
    np.testing.assert_array_equal(answer, bundle.reference_answer())
    assert (bundle.model, bundle.version, bundle.run_id) == ("delays", 1, "delays/1")


def test_it_tells_what_was_recorded(bundle: LoadedBundle) -> None:
    assert bundle.request_schema.names == ("hour", "distance")
    assert bundle.answer_schema.columns[0].type == "float"
    assert bundle.metrics_recorded == {"accuracy": 1.0, "rows": 30.0}
    assert bundle.lock is not None
    assert bundle.lock.distributions["pandas"] == pd.__version__


def test_its_metrics_are_those_of_the_run_on_the_recorded_answer(bundle: LoadedBundle) -> None:
    assert bundle.metrics(bundle.reference_answer()) == bundle.metrics_recorded


def test_later_truth_takes_the_place_of_the_holdout(bundle: LoadedBundle) -> None:
    late = bundle.truth_value("late", [1, 0, 1])
    assert bundle.truth_inputs == ("late",)
    assert isinstance(late, pd.Series)
    assert bundle.metrics(np.array([0.9, 0.9, 0.9]), {"late": late}) == {"accuracy": 2 / 3, "rows": 3.0}


def test_unknown_truth_is_refused_with_the_nearest_name(bundle: LoadedBundle) -> None:
    with pytest.raises(BundleError, match="takes no truth named 'lat'") as caught:
        bundle.metrics(bundle.reference_answer(), {"lat": []})
    assert caught.value.hint == "Did you mean 'late'?"


def test_truth_of_another_type_is_refused(bundle: LoadedBundle) -> None:
    with pytest.raises(InvalidRequest):
        bundle.truth_value("late", ["yes"])


def test_threads_get_the_answers_to_their_own_rows(bundle: LoadedBundle) -> None:
    given = bundle.reference_given()
    expected = bundle.reference_answer()
    answers: dict[int, Any] = {}

    def ask(row: int) -> None:
        answers[row] = bundle.predict(given.iloc[[row]])[0]

    threads = [threading.Thread(target=ask, args=[row]) for row in range(len(given))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_allclose([answers[row] for row in range(len(given))], expected, rtol=1e-12)


SERVE = """
import json, sys
from pathlib import Path
from interlock.models.bundle import load_bundle
from interlock.models.codec import decode_rows, encode_answer
from interlock.store.blobs import LocalStore

bundle = load_bundle(LocalStore(Path("store")), sys.argv[1], workdir=Path("work"))
given = decode_rows(bundle.request_schema, [{"hour": 20, "distance": 300.0}])
print(json.dumps([encode_answer(bundle.answer_schema, bundle.predict(given)), "shop" in sys.modules]))
"""


def test_the_store_alone_is_enough(tmp_path: Path) -> None:
    with opened(write_shop(tmp_path / "project")) as context:
        made = train(context).version
        assert made is not None
    shutil.copytree(tmp_path / "project" / ".interlock" / "store", tmp_path / "serve" / "store")
    shutil.rmtree(tmp_path / "project")
    done = subprocess.run(
        [sys.executable, "-c", SERVE, made.bundle],
        cwd=tmp_path / "serve",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (answer,), imported = json.loads(done.stdout)
    assert answer > 0.5
    assert not imported


def test_two_versions_answer_side_by_side_with_their_own_code(tmp_path: Path) -> None:
    with opened(write_shop(tmp_path)) as context:
        train(context)
        write_shop(tmp_path, features=FEATURES.replace("10.0", "-10.0"))
        train(context)
        first, second = (
            load_bundle(context.store, context.records.models.get("delays", n).bundle, workdir=tmp_path)
            for n in (1, 2)
        )
        given = first.reference_given()
        assert first.body["code"].keys() == second.body["code"].keys()
        assert first.body["code"] != second.body["code"]
        np.testing.assert_array_equal(first.predict(given), first.reference_answer())
        np.testing.assert_array_equal(second.predict(given), second.reference_answer())
        first.close()
        np.testing.assert_array_equal(second.predict(given), second.reference_answer())
        second.close()


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([0.5] * 20, r"Row 0 sent with the others is answered .*; the recorded answer is 0\.5"),
        ([], "IndexError"),
    ],
)
def test_golden_rows_that_do_not_come_out_again_refuse_the_load(
    trained: RunContext, digest: str, tmp_path: Path, answers: list[float], says: str
) -> None:
    golden = trained.store.get_manifest(KIND, digest)["golden"]
    other = changed(trained, digest, golden=golden | {"answers": answers})
    before = len(sys.meta_path)
    with pytest.raises(GoldenRowsDiffer, match=says):
        load_bundle(trained.store, other, workdir=tmp_path)
    assert len(sys.meta_path) == before


def test_golden_rows_that_differ_name_what_changed_in_the_environment(
    trained: RunContext, digest: str, tmp_path: Path
) -> None:
    body = trained.store.get_manifest(KIND, digest)
    lock = body["lock"] | {"distributions": body["lock"]["distributions"] | {"scikit-learn": "0.1"}}
    other = changed(trained, digest, lock=lock, golden=body["golden"] | {"answers": [0.5] * 20})
    with pytest.raises(GoldenRowsDiffer) as caught:
        load_bundle(trained.store, other, workdir=tmp_path)
    assert caught.value.hint.startswith("Changed since: scikit-learn 0.1 → 1.")


def test_a_bundle_of_a_later_format_is_refused(trained: RunContext, digest: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="was made by a later Interlock"):
        load_bundle(trained.store, changed(trained, digest, format=99), workdir=tmp_path)


@pytest.mark.parametrize("name", ["../escaped.py", "/escaped.py", "shop/data.txt", "..\\escaped.py"])
def test_code_never_leaves_its_folder(trained: RunContext, digest: str, tmp_path: Path, name: str) -> None:
    code = trained.store.get_manifest(KIND, digest)["code"]
    other = changed(trained, digest, code=code | {name: next(iter(code.values()))})
    with pytest.raises(BundleError, match="which is no path of a Python module"):
        load_bundle(trained.store, other, workdir=tmp_path / "a" / "b")
    assert not list(tmp_path.rglob("escaped.py"))


def test_code_that_was_edited_where_it_lies_is_laid_out_anew(
    trained: RunContext, digest: str, tmp_path: Path
) -> None:
    load_bundle(trained.store, digest, workdir=tmp_path).close()
    (file,) = tmp_path.rglob("features.py")
    file.chmod(0o644)
    file.write_text("raise SystemExit('edited')")
    loaded = load_bundle(trained.store, digest, workdir=tmp_path)
    assert file.read_text() == FEATURES
    loaded.close()


def test_a_damaged_file_of_the_code_is_noticed_before_it_runs(tmp_path: Path) -> None:
    with opened(write_shop(tmp_path)) as context:
        version = train(context).version
        assert version is not None
        blob = context.store.get_manifest(KIND, version.bundle)["code"]["shop/features.py"]
    file = tmp_path / ".interlock/store/blobs" / blob[7:9] / blob[7:]
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"10.0", b"11.0"))
    with pytest.raises(CorruptBlob):
        load_bundle(LocalStore(tmp_path / ".interlock/store"), version.bundle, workdir=tmp_path / "work")


def test_code_that_cannot_be_imported_is_named(trained: RunContext, digest: str, tmp_path: Path) -> None:
    code = trained.store.get_manifest(KIND, digest)["code"]
    blob = trained.store.put_bytes(b"import not_there\n")
    other = changed(trained, digest, code=code | {"shop/pipeline.py": blob})
    with pytest.raises(CodeSpaceError, match="No module named 'not_there'") as caught:
        load_bundle(trained.store, other, workdir=tmp_path)
    assert caught.value.where == "shop/pipeline.py:1"


def test_reference_data_and_constants_go_along(tmp_path: Path) -> None:
    text = PIPELINE.replace(
        "def score(model: LogisticRegression, x: pd.DataFrame)",
        "def score(model: LogisticRegression, x: pd.DataFrame, rates: pd.DataFrame, more: object)",
    )
    text = text.replace("[:, 1]", "[:, 1] * rates['rate'][0] * more['by'][0]")
    text = text.replace(
        "score(model, given)", 'score(model, given, data("rates.csv", reference=True), {"by": (1, "x")})'
    )
    folder = write_shop(tmp_path, pipeline=text)
    (folder / "rates.csv").write_text("rate\n0.5\n")
    with opened(folder) as context:
        version = train(context).version
        assert version is not None
    forget(folder)
    (folder / "rates.csv").unlink()
    loaded = load_bundle(LocalStore(folder / ".interlock/store"), version.bundle, workdir=tmp_path / "work")
    assert loaded.predict(loaded.reference_given()).max() <= 0.5
    loaded.close()


MAPPED = """
from typing import NamedTuple

import numpy as np
import pandas as pd
from interlock import data, deployable, fit, pipeline, split, step


class Parts(NamedTuple):
    near: list
    far: list


@step
def hours(rows: pd.DataFrame) -> list: return rows["hour"].tolist()

@step
def parts(hours: list) -> Parts: return Parts(hours, [hour + 1 for hour in hours])

@step
def double(hour: int, *, by: int) -> float: return float(hour * by)

def total(near: list, far: dict) -> list: return [a + b for a, b in zip(near, far["far"])]

adding = step(total, name="adding")

@pipeline
def delays():
    given = hours(data("flights"))
    near, far = parts(given)
    return deployable(given=given, answer=adding(double.map(near, by=3), {"far": far}))
"""


def test_named_outputs_maps_groups_and_renamed_steps_go_along(tmp_path: Path) -> None:
    with opened(write_shop(tmp_path, pipeline=MAPPED)) as context:
        version = train(context).version
        assert version is not None
        loaded = load_bundle(context.store, version.bundle, workdir=tmp_path)
        assert loaded.predict([5, 0]) == [21.0, 1.0]
        assert loaded.truth_inputs == ()
        with pytest.raises(BundleError, match="has no metrics step"):
            loaded.metrics([1.0])
        loaded.close()
