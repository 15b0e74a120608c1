"""Services that mix versions: they pin one of a view, and give what is computed from that view as it is now."""

from __future__ import annotations

from collections.abc import Iterator

from featc.errors import Diagnostic
from featc.fingerprint import Layers
from featc.names import PIN, is_kept, pinned
from featc.resolve.model import Project
from featc.resolve.upstream import behind
from featc.versions.kept import kept_versions, lock_in
from featc.versions.lock import Lock


def mixed(project: Project, lock: Lock) -> Iterator[Diagnostic]:
    """A warning (F889) for each view that a service gives whose features read another one as it is now, where the
    service gives that one as it was, and what is read means something else by now. A service that names a view both
    ways means to mix."""
    layers = Layers(project)
    for service in project.services.values():
        given = {o.view for o in service.training}
        both = {project.view(name).origin for name in given if not is_kept(name)}
        pins = {m[1]: int(m[2]) for m in map(PIN.fullmatch, given) if m is not None and m[1] not in both}
        told = set()
        for output in service.training:
            if not pins or is_kept(output.view):
                continue
            asked = project.view(output.view).origin
            for view, feature in behind(project, [(output.view, output.feature)]):
                version = pins.get(view)
                if version is None or (asked, view) in told or _same(project, layers, view, version, feature):
                    continue
                told.add((asked, view))
                reader = output.name if asked == service.own else f"{asked}.{output.feature}"
                message = f"{service.name} gives {view} as v{version}, and {reader}, which is computed from {view}."
                message += f"{feature} as it is now"
                hint = _way_out(lock, asked, view, version)
                yield Diagnostic("F889", message, output.span or service.span, hint, "warning")


def _same(project: Project, layers: Layers, view: str, version: int, feature: str) -> bool:
    """Whether a feature means the same in a version of its view, or was none then."""
    was = project.views[pinned(view, version)]
    there = feature in {f.name for f in was.features}
    return not there or layers.feature(was.name, feature) == layers.feature(view, feature)


def _way_out(lock: Lock, asked: str, view: str, version: int) -> str:
    fits = [v for v in kept_versions(lock, asked) if _read(lock, pinned(asked, v), view) == version]
    if fits:
        return f"pin {pinned(asked, fits[-1])} too, which was computed from v{version}"
    return f"give {view} without a version, or both, where that is meant"


def _read(lock: Lock, name: str, view: str) -> int | None:
    """The version of a view that a kept version was computed from."""
    entry = lock.by_name["kept", name]
    known = lock_in(entry, lock.project).versions().get(("view", view))
    return None if known is None else known.version
