"""The codes of the load phase and what each means, for `featc help CODE`."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "F101": "No project: there is no featc.yaml here or in any folder above. Go to the project's folder, name it "
    "with --project, or make one with featc init DIR.",
    "F102": "The file is not valid YAML. Often a plain value holds ': ', '{', '[', '%', '@' or a tab: quote "
    "it, or put it into a block (a '|' after the key, the text indented below).",
    "F103": "The file cannot be read as text: it is missing, not UTF-8, or holds control characters. Save it as "
    "UTF-8.",
    "F104": "YAML that featc does not take: several documents in a file, '<<' merges, tags such as !include, keys"
    " that are not plain text. Use one document per file, and write things out.",
    "F105": "The same key stands twice in one mapping. YAML would silently keep the last one.",
    "F106": "A key that means nothing here, mostly a misspelling. Correct it by the hint, which names the nearest"
    " key that is known there.",
    "F107": "Inside { } a comma ends a value, so what follows it became a key without a value. Quote the "
    "value, or use block style.",
    "F108": "Brackets or quotes of an unquoted SQL value do not match, mostly because YAML ended the value early."
    " Quote the value, or put it below its key after a |.",
    "F109": "' #' starts a comment in YAML, and here it cuts an expression in two. Quote the value.",
    "F110": "A plain value that YAML versions read differently (no, on, 012, 1e3, 1_000, 12:30). Quote it, "
    "or write it in a way that has one meaning.",
    "F111": "The value has the wrong shape: a list where a mapping is needed, for instance. The hint shows the "
    "shape that is needed.",
    "F112": "Something that must be there is missing. Add the key that the message names.",
    "F113": "A key has no value. Write the value, or delete the key; null stands for none.",
    "F115": "Not a name: names are letters, digits and _, and do not start with a digit. Rename it; the hint "
    "shows how it could be called.",
    "F116": "The name is reserved (request, key, source, as_of) or belongs to a built-in window. Choose another "
    "name.",
    "F117": "Two definitions of one kind have the same name, or names that differ by letter case only. Rename one"
    " of them; the message says where the other stands.",
    "F118": "The value is not one of those allowed here. Write one of those that the hint lists.",
    "F119": "Not a duration. Durations are numbers with the units us ms s m h d w, such as 7d or 1d12h.",
    "F120": "featc.yaml has no target of that name. Correct the name after --target or default_target, or add the"
    " target under targets:.",
    "F121": "featc.yaml is of a version that this featc does not know. Write version: 1, or use a newer featc.",
    "F122": "A folder listed under paths: in featc.yaml does not exist. Create it, or correct paths:.",
    "F123": "Two settings contradict each other, or one lacks another that it needs. The message names both: keep"
    " one, or add the one that lacks.",
    "F124": "Something is wrong with a feature's each: or its name template. The message says what; each: takes lists, "
    "and name: holds every parameter.",
    "F125": "Two targets of featc.yaml keep their tables in one database or online store. Give each one of its own.",
    "F130": "Jinja cannot read the template. Close what was opened, {{ … }} or {% … %}; text with braces of its "
    "own stands in {% raw %}.",
    "F131": "Jinja does not know the name. Known are var, env_var, target, source, ref and the project's "
    "macros.",
    "F132": "featc.yaml has no such entry under vars:. Add it under vars:, or correct the name.",
    "F133": "The environment variable is not set and env_var was given no default. Set the variable, or give a "
    "default: env_var('NAME', 'default').",
    "F134": "Secrets (FEATC_SECRET_…) may be used under targets: in featc.yaml only, so that they never "
    "reach SQL, fingerprints or the manifest.",
    "F135": "Jinja failed while rendering. The message says why; mend the template or the values it is given.",
    "F136": "A file in macros/ cannot be read, or two macros have the same name. Make it readable UTF-8, and give"
    " each macro a name of its own.",
    "F137": "source(…) or ref(…) names something that is not defined. Name a source or view that is defined; "
    "featc ls shows them.",
    "F140": "since: or until: of deprecated: is no day. Days are written as 2026-01-31.",
    "F141": "A definition is deprecated until a day before since:. until: is the last day of its use.",
    "F199": "The language has this, but this version of featc does not build it yet. Leave it out for now; the "
    "hint says what to use instead, if anything.",
}
