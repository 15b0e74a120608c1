"""Names outside aggregates (interfaces.md, "Names"): state columns, features, request, keys, as_of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from featc.errors import Findings, did_you_mean
from featc.parse import Name
from featc.resolve.leaks import refuse_leak
from featc.resolve.model import AsOfRef, KeyRef, RequestRef, StateRef
from featc.resolve.openview import OpenView, Template
from featc.resolve.pieces import Parts
from featc.resolve.scope import RowReader, field_of
from featc.resolve.windows import WindowBook


@dataclass(frozen=True, slots=True)
class FeatureNeed:
    """A feature, or a family, of a view: `candidates` are the templates the name could belong to. `role` is the role
    under which a service's expression names the view."""

    view: str
    feature: str
    candidates: tuple[Template, ...]
    role: str | None = None


Meaning = FeatureNeed | Parts


@dataclass(slots=True)
class Meanings:
    """Looks up names for all views. Errors are reported once, and None returned."""

    views: Mapping[str, OpenView]
    book: WindowBook
    broken: frozenset[str]
    findings: Findings
    folded: dict[str, OpenView] = field(init=False)

    def __post_init__(self) -> None:
        self.folded = {name.casefold(): view for name, view in self.views.items()}

    def of(self, view: OpenView, template: Template, name: Name) -> Meaning | None:
        """What `name` means in a feature of `view`; None when nothing (reported, or cannot be judged)."""
        first = name.parts[0].casefold()
        if first == "as_of" and len(name.parts) == 1:
            return (AsOfRef(),)
        if first in ("request", "key") and len(name.parts) == 2:
            return (
                self._request(view, template, name) if first == "request" else self._key(view, template, name)
            )
        if len(name.parts) == 2 and first in view.roles:
            role, of = view.roles[first]
            return self._feature(view, self.views[of], template, name, role) if of else None
        if len(name.parts) == 2 and first in self.folded:
            return self._feature(view, self.folded[first], template, name)
        state = self._state(view, template, name)
        if state is not None:
            return state
        if len(name.parts) == 1:
            return self._own(view, template, name)
        self._no_view(view, template, name)
        return None

    def candidates(self, view: OpenView, feature: str) -> tuple[Template, ...]:
        """Templates a feature name could belong to: of that name, else families it could be a member of."""
        folded = feature.casefold()
        if folded in view.by_name:
            return (view.by_name[folded],)
        return tuple(
            t
            for t in view.templates
            if folded.startswith(t.name.casefold() + "_") and self.book.by_suffix(folded[len(t.name) + 1 :])
        )

    def _feature(
        self, view: OpenView, target: OpenView, template: Template, name: Name, role: str | None = None
    ) -> Meaning | None:
        feature = name.parts[1]
        found = self.candidates(target, feature)
        if found:
            return FeatureNeed(target.name, feature, found, role)
        label = self._label(view, template, name, target, feature)
        if label is not None:
            return label if isinstance(label, FeatureNeed) else None
        if not target.blind and not target.is_lost(feature):
            self._error(
                template,
                name,
                "F301",
                f"the view {target.name} has no feature '{feature}'",
                did_you_mean(feature, target.member_names) or f"give {target.name} such a feature",
            )
        return None

    def _label(
        self, view: OpenView, template: Template, name: Name, target: OpenView, word: str
    ) -> FeatureNeed | bool | None:
        """A label of `target`: the need of it, or False where a feature asks for it, which is reported; None where
        there is none of the name."""
        found = self.candidates(target.labels, word) if target.labels is not None else ()
        if not found or target.labels is None:
            return None
        if view.base is None:
            refuse_leak(view, template, name, target.labels, self.findings)
            return False
        return FeatureNeed(target.labels.name, word, found)

    def _own(self, view: OpenView, template: Template, name: Name) -> Meaning | None:
        word = name.parts[0]
        found = self.candidates(view, word)
        if found:
            return FeatureNeed(view.name, word, found)
        if view.base is not None and (found := self.candidates(view.base, word)):
            return FeatureNeed(view.base.name, word, found)
        label = self._label(view, template, name, view, word)
        if label is not None:
            return label if isinstance(label, FeatureNeed) else None
        if view.blind or view.is_lost(word):
            return None
        scope = view.opened.scope if view.opened else None
        folded = word.casefold()
        if scope and folded in scope.columns:
            column = scope.columns[folded].name
            self._error(
                template,
                name,
                "F302",
                f"{column} is a column of the source {scope.source}, with a value for each row",
                f"write key.{column}"
                if folded in {k.casefold() for k in view.key_names}
                else f"use an aggregate: {_suggested(column, scope.columns[folded].type, view)}",
            )
        elif scope and folded in scope.lets:
            self._error(
                template,
                name,
                "F302",
                f"{word} is a row expression of the source {scope.source}, with a value for each row",
                f"use an aggregate, such as count(*) filter (where {word}) or sum({word})",
            )
        elif folded in {n.casefold() for n in view.request}:
            self._error(template, name, "F301", f"'{word}' is a request column", f"write request.{word}")
        elif folded in {k.casefold() for k in view.key_names}:
            self._error(template, name, "F301", f"'{word}' is a key", f"write key.{word}")
        else:
            state = [c.name for c in scope.columns.values()] if scope and view.is_state else []
            known = [n for n in (*state, *view.member_names) if n != template.name]
            elsewhere = [f"{v.name}.{word}" for v in self.views.values() if self.candidates(v, word)]
            hint = f"write {elsewhere[0]}" if elsewhere else did_you_mean(word, known)
            hint = hint or "write an aggregate over a window, view.feature, request.x or key.x"
            what = "column or feature" if view.is_state else "feature"
            what = what if view.base is None else "label or feature"
            self._error(template, name, "F301", f"{view.spoken} has no {what} '{word}'", hint)
        return None

    def _state(self, view: OpenView, template: Template, name: Name) -> Parts | None:
        """A column or `let` name of the state row."""
        if not view.is_state or view.opened is None or view.base is not None:
            return None  # a label is about what comes after the state
        scope = view.opened.scope
        first = name.parts[0].casefold()
        if first in scope.lets and len(name.parts) == 1:
            reader = RowReader(scope, template.text, "the state", self.findings, ref=StateRef)
            return reader.name(name)
        if first not in scope.columns:
            return None
        column = scope.columns[first]
        if len(name.parts) == 1:
            return (StateRef(column.name),)
        return (
            field_of((StateRef(column.name),), name.parts[1:]) if column.type.startswith("STRUCT") else None
        )

    def _request(self, view: OpenView, template: Template, name: Name) -> Parts | None:
        found = view.request.get(name.parts[1].casefold())
        if found is not None:
            return (RequestRef(found[0]),)
        known = [n for n, _ in view.request.values()]
        self._error(
            template,
            name,
            "F319",
            f"{view.name} declares no request column '{name.parts[1]}'",
            did_you_mean(name.parts[1], known) or f"declare it: request: {{{name.parts[1]}: bigint}}",
        )
        return None

    def _key(self, view: OpenView, template: Template, name: Name) -> Parts | None:
        folded = {k.casefold(): k for k in self.key_names_of(view)}
        found = folded.get(name.parts[1].casefold())
        if found is not None:
            return (KeyRef(found),)
        if not view.blind:
            self._error(
                template,
                name,
                "F309",
                f"{view.name} has no key '{name.parts[1]}'",
                did_you_mean(name.parts[1], folded.values())
                or ("use a request column" if view.is_service else "give the view an entity"),
            )
        return None

    def key_names_of(self, view: OpenView) -> tuple[str, ...]:
        """The view's keys; for a view without entity, those of all views it could take features from."""
        if view.definition.entity is not None or view.definition.source is not None:
            return view.key_names
        mentioned = {
            n.parts[0].casefold() for t in view.templates for n in t.outer_names if len(n.parts) == 2
        }
        found = [
            k
            for v in self.views.values()
            if v.name.casefold() in mentioned and v is not view
            for k in v.key_names
        ]
        return tuple(dict.fromkeys(found))

    def _no_view(self, view: OpenView, template: Template, name: Name) -> None:
        word = name.parts[0]
        if word in self.broken or view.blind:
            return
        if word.casefold() == "source":
            self._error(
                template,
                name,
                "F301",
                "columns of the source stand bare, inside an aggregate",
                f"write {'.'.join(name.parts[1:])}",
            )
        elif len(name.parts) > 2:
            self._error(template, name, "F301", f"'{name}' has too many parts", "write view.feature")
        elif word.casefold() in {join.name.casefold() for join in view.definition.joins}:
            self._error(
                template,
                name,
                "F302",
                f"{word} is a join, and its columns have a value for each row",
                f"use an aggregate: last({name}) over lifetime",
            )
        elif view.opened and word.casefold() == view.opened.source.name.casefold():
            self._error(
                template,
                name,
                "F302",
                f"{word} is the view's source, and its columns have a value for each row",
                f"use an aggregate: sum({name.parts[1]})",
            )
        else:
            what = "role or view" if view.roles else "view"
            known = [*(role for role, _ in view.roles.values()), *self.views]
            self._error(template, name, "F301", f"there is no {what} '{word}'", did_you_mean(word, known))

    def _error(self, template: Template, name: Name, code: str, message: str, hint: str | None) -> None:
        self.findings.error(code, message, template.text.span_at(name.start, name.end - name.start), hint)


def _suggested(column: str, type_: str, view: OpenView) -> str:
    """An aggregate that suits a column's type."""
    if view.base is not None:
        return f"last({column}) over next_30d"
    if type_ == "BOOLEAN":
        return f"count(*) filter (where {column})"
    numeric = type_ in (
        "BIGINT",
        "INTEGER",
        "SMALLINT",
        "TINYINT",
        "DOUBLE",
        "FLOAT",
        "HUGEINT",
    ) or type_.startswith("DECIMAL")
    return f"sum({column})" if numeric else f"last({column}) over lifetime"
