"""`videobert judge`: keep a query with an answer that is right or wrong."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from search.cli.console import LibraryOption, opened, out
from search.cli.formatting import counted
from search.query.times import ClipRange
from store.catalog.judgements import Judgement


def judge(
    text: Annotated[str, typer.Argument(help="The query.")],
    video: Annotated[str, typer.Argument(help="A video of the library, or VIDEO@START-END for a part of it.")],
    library: LibraryOption = None,
    wrong: Annotated[bool, typer.Option("--wrong", help="It is no answer and should not be found.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Take a judgement back.")] = False,
) -> None:
    """Keep a query with a right or wrong answer, for `videobert evaluate --judged`."""
    if wrong and forget:
        raise typer.BadParameter("--wrong and --forget exclude each other")
    with opened(library) as held:
        place = ClipRange.parse(video)
        path = os.path.abspath(place.path.expanduser())
        judgement = Judgement(text.strip(), path, not wrong, place.start, place.end)
        if forget:
            if not held.catalog.judgements.remove(judgement):
                raise ValueError(f"nothing was judged of {video} as an answer to “{text}”")
        else:
            if not judgement.text:
                raise ValueError(f"a query needs at least one word, got {text!r}")
            duration = held.show(path)[0].duration
            if judgement.start is not None and judgement.start >= duration:
                raise ValueError(f"{path} ends at {duration:.1f} s, before the judged part begins")
            held.catalog.judgements.put(judgement)
        kept = len(held.catalog.judgements.all())
    out.print(f"This library keeps {counted(kept, 'judged answer')}.")
