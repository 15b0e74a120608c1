"""The files of a build: SQL, manifest, and the definitions it was made of, by which `featc diff` compares builds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from featc.emit import build_files
from featc.runtime.planning.plan import lock_of, versions_now
from featc.runtime.planning.sides import BUILT
from featc.secrets import mask
from featc.versions.lock import read_lock

if TYPE_CHECKING:
    from featc.runtime.store import FeatureStore


def built(store: FeatureStore, only: Collection[tuple[str, str]] | None = None) -> dict[str, str]:
    """Every file of a build by its path below the build folder, the manifest last. Raises FeatcError F87x."""
    files = dict(build_files(replace(store.compiled, project=store.numbered), only))
    definitions = mask(lock_of(store.compiled, versions_now(store.compiled), read_lock(store.root)).text())
    manifest = {"manifest.json": files.pop("manifest.json")}
    return {**files, BUILT: definitions, **manifest}
