"""Writers beside a removal of garbage that never rests and is killed now and then: nothing that is needed may go.

    python chaos/gc.py                      # a store in a folder, 8 writers, until 200 removals are done
    python chaos/gc.py --bucket             # the same in an S3 that is started for it
    python chaos/gc.py --writers 3 --rounds 5

Writers put few different contents again and again, so that each of them is now needed, now garbage, and found in
place just when it may be removed. Some of what they put they record in a run, and some they forget. At the end the
store must be sound: every run finds all that it names.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from interlock.engine.context import RunContext, open_context
from interlock.failpoints import VARIABLE
from interlock.history.checked_store import check_store
from interlock.history.garbage import GcWish, collect
from interlock.identity.artifact import Artifact
from interlock.identity.digest import digest_json
from interlock.records.model import Commit, StepRecord
from interlock.stack.home import find_project
from interlock.store.blobs import LocalStore
from interlock.store.bucket_store import BucketStore
from interlock.store.keys import blob_path
from interlock.store.near import NearStore
from interlock.store.pace import Pace

PACE = Pace(fresh=1.0, look=0.2, notice=0.5)
GRACE = 8.0
"""Seconds: what is relied on must be recorded within the difference of this and `PACE.fresh`, also on a slow machine."""
THINKING = 3.0
"""Seconds that a writer takes at most from relying on something to recording it: time in which it may vanish."""
CONTENTS = 100
KEPT = 12
"""Runs that keep what they made: what others made is garbage soon, and wanted again."""
BUCKET = "chaos"


@contextlib.contextmanager
def hurried(project: Path) -> Iterator[RunContext]:
    """Open a project whose store has a quicker pace than usual."""
    with open_context(find_project(project)) as context:
        store = context.store
        if isinstance(store, BucketStore):
            near = NearStore(project / f"near-{os.getpid()}", 10**8)
            yield replace(context, store=BucketStore(store.objects, near, store.cache, pace=PACE))
        else:
            yield replace(context, store=LocalStore(store.root, pace=PACE))


def write(project: Path, seed: int) -> None:
    """Put contents until told to stop; record some of them in runs."""
    chance = random.Random(seed)
    with hurried(project) as context:
        print("begun", flush=True)
        while not (project / "stop").exists():
            contents = [b"%d" % chance.randrange(CONTENTS) * 500 for _ in range(3)]
            digests = [put(context, one, chance) for one in contents]
            if chance.random() < 0.7:
                time.sleep(chance.uniform(0.0, THINKING))
                record(context, contents, digests)
                for pause in (0.0, 1.0):  # this run is among the newest
                    time.sleep(pause)
                    check(context, digests)
            for digest in digests[: chance.randrange(2)]:
                context.store.has(digest)


def put(context: RunContext, data: bytes, chance: random.Random) -> str:
    """Put bytes in one of the ways there are."""
    if chance.random() < 0.5:
        return context.store.put_bytes(data)
    return context.store.put_stream(lambda out: out.write(data))[0]


def record(context: RunContext, contents: list[bytes], digests: list[str]) -> None:
    """Record a run that made these blobs; then forget it as an experiment would, one time in three."""
    code = context.store.put_manifest("code", {"files": {"p.py": digests[0]}})
    graph = context.store.put_manifest("graph", {"nodes": {digests[0]: {}}})
    version = digest_json(digests)[7:19]
    run = context.records.runs.start("chaos", commit=Commit(version, {}, code, graph))
    for position, (data, digest) in enumerate(zip(contents, digests, strict=True)):
        outputs = {"result": Artifact(digest_json(digest), "bytes", "bytes", len(data), digest)}
        step = StepRecord(f"s{position}", position, "s", "step", "ran", digest, outputs=outputs)
        context.records.steps.record(run.id, step)
    context.records.runs.finish(run.id, "succeeded")


def check(context: RunContext, digests: list[str]) -> None:
    """See whether what a run names is there, without relying on it."""
    store = context.store
    for path in map(blob_path, digests):
        there = (
            (store.root / path).exists()
            if isinstance(store, LocalStore)
            else store.objects.head(path) is not None
        )
        if not there:
            raise RuntimeError(f"{path} is gone, and a run names it")


def gc(project: Path) -> None:
    """Remove garbage once, and let go of what older runs made."""
    with hurried(project) as context:
        done = collect(context, GcWish(grace=GRACE, keep_runs=KEPT))
        print(done.blobs + done.manifests, flush=True)


def storm(project: Path, writers: int, rounds: int) -> tuple[int, int, bool]:
    """Let writers and removals loose; return what went, how many removals were killed, and whether all is sound."""
    chance = random.Random(7)
    me = [sys.executable, __file__]
    started = [
        subprocess.Popen([*me, "write", str(project), str(n)], stdout=subprocess.PIPE) for n in range(writers)
    ]
    removed = killed = done = 0
    try:
        for one in started:
            assert one.stdout is not None
            one.stdout.readline()
        while done < rounds:
            kill = chance.random() < 0.3
            point = {VARIABLE: f"sweep.remove:{chance.randrange(1, 9)}=kill"} if kill else {}
            # A killed removal from a bucket counts as under way for a while: that is not waited for here.
            if kill and "bucket" in (project / "interlock.toml").read_text():
                point = {}
            ended = subprocess.run(
                [*me, "gc", str(project)],
                env={**os.environ, **point},
                capture_output=True,
                text=True,
                check=False,
            )
            if ended.returncode not in (0, -9):
                raise RuntimeError(ended.stderr)
            killed += ended.returncode == -9
            removed += int(ended.stdout or 0)
            done += int(ended.stdout or 0) > 0 or ended.returncode == -9
            if any(one.poll() is not None for one in started):
                raise RuntimeError("a writer died")
    finally:
        (project / "stop").touch()
        for one in started:
            one.communicate(timeout=60)
    if any(one.returncode for one in started):
        raise RuntimeError("a writer failed")
    with hurried(project) as context:
        checked = check_store(context)
    for lost in [*checked.missing, *checked.damaged]:
        print(lost)
    return removed, killed, checked.is_sound


@contextlib.contextmanager
def s3() -> Iterator[None]:
    """Run an S3 with a bucket, and set the variables by which it is found."""
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_REGION": "us-east-1",
    }
    try:
        boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(
            Bucket=BUCKET
        )
        yield
    finally:
        server.stop()


def main() -> int:
    """Do what the words of the command line say."""
    if sys.argv[1:2] == ["write"]:
        write(Path(sys.argv[2]), int(sys.argv[3]))
        return 0
    if sys.argv[1:2] == ["gc"]:
        gc(Path(sys.argv[2]))
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument(
        "--rounds", type=int, default=200, help="removals that removed something, or were killed"
    )
    parser.add_argument("--bucket", action="store_true", help="in a bucket")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, s3() if options.bucket else contextlib.nullcontext():
        project = Path(folder)
        store = f"s3://{BUCKET}/bucket" if options.bucket else "store"
        (project / "interlock.toml").write_text(f'[stack.default]\nstore = "{store}"\n')
        clock = time.monotonic()
        removed, killed, sound = storm(project, options.writers, options.rounds)
    print(
        f"{options.writers} writers, {options.rounds} removals ({killed} killed), {removed} objects removed, "
        f"{time.monotonic() - clock:.0f} s: {'sound' if sound else 'NOT SOUND'}"
    )
    return 0 if sound and removed else 1


if __name__ == "__main__":
    sys.exit(main())
