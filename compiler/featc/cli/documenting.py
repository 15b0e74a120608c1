"""`featc docs`: the catalogue as a static site."""

from __future__ import annotations

from pathlib import Path

import click

from featc.cli.session import Session, command, some


@command("docs", "The catalogue as a static site.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Default: target/docs in the project.")
@click.option("--statistics", is_flag=True, help="With what values are like, computed from the data now.")
def docs(session: Session, out: Path | None, statistics: bool) -> None:
    """The catalogue as pages to be opened from the disk or served by any web server: every feature with its meaning in
    words, definition, SQL of both plans, lineage, version, freshness and what verify proved.

    \b
    featc docs                          then open target/docs/index.html
    featc docs --statistics             with minimum, median, mean, NULLs and the like of each feature
    featc docs --out /srv/www/features

    The folder is replaced as a whole, once everything is written. Nothing in it is loaded from elsewhere.
    """
    from featc.runtime.catalogue import write_catalogue

    with session.store() as store:
        folder = out if out is not None else store.root / "target" / "docs"
        number = write_catalogue(store, folder, statistics=statistics)
        features = sum(len(view.features) for view in store.project.views.values())
    if session.is_json:
        session.data({"out": str(folder), "files": number, "features": features})
        return
    session.say(f"{some(features, 'feature')} in {some(number, 'file')} → {session.shown(folder / 'index.html')}")


COMMANDS = (docs,)
