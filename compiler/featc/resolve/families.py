"""Which features are families, and over which windows (interfaces.md, "Definitions")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from featc.errors import Findings, did_you_mean
from featc.parse import Name
from featc.resolve.meaning import FeatureNeed, Meaning, Meanings
from featc.resolve.model import Window
from featc.resolve.openview import OpenView, Template
from featc.resolve.order import circle
from featc.resolve.windows import WindowBook, suffix_of


@dataclass(frozen=True, slots=True)
class Member:
    """A family's member, or a feature that is no family (`window` None); `whole`: the family is meant."""

    template: Template
    window: Window | None
    whole: bool = False


@dataclass(slots=True)
class Families:
    """Finds out for all templates, parents first, what they are."""

    views: Mapping[str, OpenView]
    meanings: Meanings
    book: WindowBook
    findings: Findings
    meant: dict[tuple[Template, int], Meaning] = field(default_factory=dict)
    order: list[Template] = field(default_factory=list)

    def settle(self) -> None:
        """Orders the templates and gives each its windows."""
        templates = [t for view in self.views.values() for t in view.templates]
        needs: dict[Template, list[Template]] = {}
        for template in templates:
            view = self.views[template.view]
            parents: list[Template] = []
            for name in () if template.broken else template.outer_names:
                meaning = self.meanings.of(view, template, name)
                if meaning is None:
                    template.broken = True
                    continue
                self.meant[template, name.start] = meaning
                if isinstance(meaning, FeatureNeed):
                    parents += meaning.candidates
            needs[template] = parents
        ordered, loops = circle(needs)
        for loop in loops:
            self._report(loop)
        placed = set(ordered)
        for template in templates:
            if template not in placed:
                template.broken = True
        self.order = ordered
        for template in ordered:
            self._windows(template, needs[template])

    def _report(self, loop: tuple[Template, ...]) -> None:
        way = " → ".join(f"{t.view}.{t.name}" for t in (*loop, loop[0]))
        first, second = loop[0], loop[1 % len(loop)]
        name = next((n for n in first.outer_names if self._leads_to(first, n, second)), None)
        span = first.text.span_at(name.start, name.end - name.start) if name else first.text.span
        message = (
            f"{first.name} needs itself" if len(loop) == 1 else f"features need each other in a circle: {way}"
        )
        hint = (
            "an expression cannot use its own result; a column stands inside an aggregate"
            if len(loop) == 1
            else "write one of them without the others"
        )
        view = self.views[first.view]
        if len(loop) == 1 and first.definition.sql is None:  # features: [plan], and no such column
            known = [c.name for c in view.opened.scope.columns.values()] if view.opened else []
            if not view.blind:
                where = view.opened.scope.source if view.opened else f"the view {view.name}"
                message = f"{where} has no column '{first.name}'"
                hint = did_you_mean(first.name, known) or "write what it is, as in name: expression"
                self.findings.error("F301", message, span, hint)
            return
        self.findings.error("F306", message, span, hint)

    def _leads_to(self, template: Template, name: Name, parent: Template) -> bool:
        meaning = self.meant.get((template, name.start))
        return isinstance(meaning, FeatureNeed) and parent in meaning.candidates

    def _windows(self, template: Template, parents: list[Template]) -> None:
        """Decides whether a template is a family, and checks that its parents have the members it needs."""
        if any(p.broken for p in parents):
            template.broken = True
        if template.broken:
            return
        view = self.views[template.view]
        open_calls = template.open_calls
        whole = [(n, m.template) for n, m in self._members(template) if m.whole]
        if template.broken:
            return
        if template.over and not self._takes_over(template, whole):
            return
        template.family = bool(open_calls or whole)
        if not template.family:
            if template.definition.windows is not None:
                self.findings.error(
                    "F321",
                    f"{template.name} has windows, and nothing in it is without OVER",
                    template.definition.span,
                    "remove windows, or the OVER",
                )
            return
        listed = template.definition.windows
        own = (
            None
            if listed is None
            else tuple({w.name: w for w in map(self.book.listed, listed) if w is not None}.values())
        )
        if own is None and (open_calls or (view.definition.source is None and view.windows)):
            own = view.windows
        if open_calls and not own:
            self._missing(template, view)
            return
        shared = [w for w in (whole[0][1].windows if whole else ()) if all(w in p.windows for _, p in whole)]
        template.windows = tuple(shared) if own is None else own
        self._check_members(template, whole, own is not None)

    def _takes_over(self, template: Template, whole: list[tuple[Name, Template]]) -> bool:
        """Whether `over:` of a feature has something to be about, and no family beside it; an error otherwise."""
        span = template.definition.over[0].span
        if all(c.over is not None for c in template.calls):
            message, hint = "has over, and no aggregate without OVER", "remove over:, or the OVER in its text"
        elif whole:
            message, hint = f"has over, and {whole[0][1].name} is a family", "name one of the family's members"
        else:
            return True
        self.findings.error("F338", f"{template.name} {message}", span, hint)
        template.broken = True
        return False

    def _members(self, template: Template) -> list[tuple[Name, Member]]:
        found = []
        for name in template.outer_names:
            meaning = self.meant[template, name.start]
            if isinstance(meaning, FeatureNeed):
                member = self.member(meaning, template, name)
                if member is None:
                    template.broken = True
                else:
                    found.append((name, member))
        return found

    def member(self, need: FeatureNeed, template: Template, name: Name) -> Member | None:
        """The one feature or family that is meant; None (reported) when no candidate has such a member."""
        target = self.views[need.view]
        for candidate in need.candidates:
            if candidate.name.casefold() == need.feature.casefold():
                return Member(candidate, None, whole=candidate.family)
            for member, window in candidate.members:
                if candidate.family and member.casefold() == need.feature.casefold():
                    return Member(candidate, window)
        if not any(c.broken for c in need.candidates) and not target.is_lost(need.feature):
            known = [n for n in target.member_names if n != template.name]
            self._error(
                template,
                name,
                "F301",
                f"the view {target.name} has no feature '{need.feature}'",
                did_you_mean(need.feature, known),
            )
        return None

    def _missing(self, template: Template, view: OpenView) -> None:
        template.broken = True
        call = template.open_calls[0]
        listed = view.definition.windows or template.definition.windows
        if listed:
            return  # the windows themselves have errors, which were reported
        self.findings.error(
            "F303",
            f"{call.name} has no window",
            template.text.span_at(call.start, call.end - call.start),
            f"write one, as in {call.name}(…) over last_7d, or give the view windows: [7d, 30d]",
        )

    def _check_members(self, template: Template, whole: list[tuple[Name, Template]], chosen: bool) -> None:
        if not template.windows:
            names = ", ".join(f"{p.name} ({', '.join(map(suffix_of, p.windows))})" for _, p in whole)
            self._error(
                template,
                whole[0][0],
                "F322",
                f"the families in {template.name} share no window: {names}",
                "give them the same windows:",
            )
            template.broken = True
            return
        for name, parent in whole if chosen else ():
            lacking = [suffix_of(w) for w in template.windows if w not in parent.windows]
            if lacking:
                shared = [suffix_of(w) for w in template.windows if w in parent.windows]
                self._error(
                    template,
                    name,
                    "F322",
                    f"{parent.name} has no member for {', '.join(lacking)}",
                    f"give {parent.name} those windows, or {template.name} windows: [{', '.join(shared)}]",
                )
                template.broken = True

    def _error(self, template: Template, name: Name, code: str, message: str, hint: str | None) -> None:
        self.findings.error(code, message, template.text.span_at(name.start, name.end - name.start), hint)
