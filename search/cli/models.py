"""`videobert models`: list, show, fetch and remove models."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.cli.console import FAILED, JsonOption, err, errors, out, print_json
from search.cli.formatting import aligned

if TYPE_CHECKING:
    from model.registry.registry import Entry

NameArgument = Annotated[str, typer.Argument(help="A name from `videobert models list`.", show_default=False)]

models = typer.Typer(
    name="models", help="List, show, fetch and remove models; no other command downloads.", no_args_is_help=True
)


@models.command(name="list")
def list_(json_: JsonOption = False) -> None:
    """List models, and which of them are on this machine."""
    from model.registry.registry import entries

    if json_:
        print_json([_facts(entry) for entry in entries().values()])
        return
    rows = [("name", "kind", "here", "MB", "what it is")]
    for entry in entries().values():
        size = f"{entry.size_mb:,}" if entry.size_mb else ""
        rows.append((entry.name, entry.kind, "yes" if entry.here else "no", size, entry.summary))
    for line in aligned(rows):
        out.print(line, markup=False)


@models.command()
def show(name: NameArgument, json_: JsonOption = False) -> None:
    """Show one model: licence, origin and, once fetched, pinned revision and checksums."""
    from model.registry.registry import entry

    with errors():
        facts = _facts(entry(name))
    if json_:
        print_json(facts)
        return
    for fact, value in facts.items():
        if fact == "files":
            for file, pinned in value.items():
                out.print(f"{'':>12}  {file}  {pinned['bytes']:,} bytes  sha256 {pinned['sha256']}", markup=False)
        elif value not in ("", ()):
            out.print(f"{fact.replace('_', ' '):>12}  {_said(value)}", markup=False)


@models.command()
def fetch(
    name: NameArgument,
    revision: Annotated[
        str | None, typer.Option(help="Commit, tag or branch on the hub; the newest by default.", show_default=False)
    ] = None,
) -> None:
    """Download a model, verify it and pin its revision and checksums."""
    from model.registry import download as fetching
    from model.registry.registry import entry

    with errors():
        known = entry(name)
        if known.here and not known.bundled:
            out.print(f"{name} is here already: {known.folder}", markup=False)
            return
        err.print(f"Fetching {known.repo or known.url or name}, about {known.size_mb:,} MB.", markup=False)
        folder = fetching.fetch(known, revision=revision)
    out.print(f"Fetched {name} into {folder} and pinned it there.", markup=False)


@models.command()
def remove(name: NameArgument) -> None:
    """Delete a fetched model from this machine."""
    from model.registry import download as fetching
    from model.registry.registry import entry

    with errors():
        removed = fetching.remove(entry(name))
    out.print(f"Removed {name}." if removed else f"{name} was not here.")
    if not removed:
        raise typer.Exit(FAILED)


def _facts(entry: Entry) -> dict[str, Any]:
    from model.registry import lock
    from model.registry.card import read_scores

    facts = asdict(entry) | {"here": entry.here, "folder": str(entry.folder), "scores": read_scores(entry.folder)}
    if entry.here and not entry.bundled and not entry.package:
        pinned = lock.read(entry.folder)
        facts |= {"revision": pinned["revision"], "fetched_at": pinned["fetched_at"], "files": pinned["files"]}
    return facts


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(each if isinstance(each, str) else " ".join(each) for each in value)
    return str(value)
