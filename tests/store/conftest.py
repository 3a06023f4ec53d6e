from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # store_sample is shared with child processes, so it is a file

from interlock.store.artifacts import ArtifactStore
from interlock.store.blobs import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def artifacts(store: LocalStore) -> ArtifactStore:
    return ArtifactStore(store)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ArtifactStore:
    """For property tests: hypothesis wants a fixture that lasts for all examples."""
    return ArtifactStore(LocalStore(tmp_path_factory.mktemp("shared")))
