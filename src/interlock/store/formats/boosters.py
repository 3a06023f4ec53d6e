"""LightGBM and XGBoost models in the formats of their own libraries, which other versions can read.

A scikit-learn wrapper is two things: the booster, and the attributes of the wrapper. The attributes are saved
as any other dict, each in the format that fits it.
"""

from __future__ import annotations

from typing import Any

from interlock.extras import require
from interlock.identity.artifact import Artifact
from interlock.store.formats.containers import blobs_of
from interlock.store.formats.format import BLOBS, Stored, Unstorable, Vault, loaded

_LIGHTGBM = ("LGBMClassifier", "LGBMRegressor", "LGBMRanker")
_XGBOOST = ("XGBClassifier", "XGBRegressor", "XGBRanker", "XGBRFClassifier", "XGBRFRegressor")


class LightgbmFormat:
    """LightGBM boosters and their wrappers, as LightGBM's text."""

    name = "lightgbm"

    def handles(self, value: Any) -> bool:
        """Match fitted models."""
        return _is_fitted(value, "lightgbm", _LIGHTGBM)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the text and, of a wrapper, its attributes."""
        booster = value if type(value).__name__ == "Booster" else value.booster_
        text = booster.model_to_string(num_iteration=-1)
        state = {"best_iteration": booster.best_iteration, "params": dict(booster.params)}
        return _put(vault, text.encode(), value, state)

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Read the text."""
        lightgbm = require("lightgbm", extra="boosters")
        booster = lightgbm.Booster(model_str=vault.bytes(artifact).decode())
        state = vault.load(Artifact.from_json(artifact.meta["state"]))
        booster.best_iteration = state["booster"]["best_iteration"]
        booster.params = state["booster"]["params"]
        return _wrap(lightgbm, artifact, booster, state, _LIGHTGBM)


class XgboostFormat:
    """XGBoost boosters and their wrappers, as XGBoost's UBJSON."""

    name = "xgboost"

    def handles(self, value: Any) -> bool:
        """Match fitted models."""
        return _is_fitted(value, "xgboost", _XGBOOST)

    def save(self, value: Any, vault: Vault) -> Stored:
        """Write the UBJSON and, of a wrapper, its attributes."""
        booster = value if type(value).__name__ == "Booster" else value.get_booster()
        return _put(vault, bytes(booster.save_raw("ubj")), value, {})

    def load(self, artifact: Artifact, vault: Vault) -> Any:
        """Read the UBJSON."""
        xgboost = require("xgboost", extra="boosters")
        booster = xgboost.Booster()
        booster.load_model(bytearray(vault.bytes(artifact)))
        state = vault.load(Artifact.from_json(artifact.meta["state"]))
        return _wrap(xgboost, artifact, booster, state, _XGBOOST)


def _is_fitted(value: Any, library: str, wrappers: tuple[str, ...]) -> bool:
    module = loaded(library)
    cls = type(value)
    if module is None or cls.__module__.partition(".")[0] != library:
        return False
    return cls.__name__ == "Booster" or (cls.__name__ in wrappers and value.__sklearn_is_fitted__())


def _put(vault: Vault, model: bytes, value: Any, booster: dict[str, Any]) -> Stored:
    cls = type(value)
    attributes = {} if cls.__name__ == "Booster" else _attributes(value)
    try:
        state = vault.save({"booster": booster, "attributes": attributes})
    except Unstorable as error:
        raise Unstorable(f"Something in the {cls.__name__} cannot be kept. {error.what}") from error
    library = cls.__module__.partition(".")[0]
    return vault.put_bytes(
        model,
        **{
            "class": cls.__name__,
            "state": state.to_json(),
            "version": require(library, extra="boosters").__version__,
            BLOBS: blobs_of(state),
        },
    )


def _attributes(value: Any) -> dict[str, Any]:
    """Return what a wrapper consists of beside its booster; dicts that count are plain dicts afterwards."""
    return {name: _plain_dicts(item) for name, item in vars(value).items() if name != "_Booster"}


def _plain_dicts(value: Any) -> Any:
    return {key: _plain_dicts(item) for key, item in value.items()} if isinstance(value, dict) else value


def _wrap(
    library: Any, artifact: Artifact, booster: Any, state: dict[str, Any], known: tuple[str, ...]
) -> Any:
    name = artifact.meta["class"]
    if name not in known:
        return booster
    model = getattr(library, name)()
    vars(model).clear()
    vars(model).update(state["attributes"], _Booster=booster)
    return model
