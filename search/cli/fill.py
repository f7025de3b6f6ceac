"""`videobert fill`: the words that are missing from a sentence about a video."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from search.cli.console import JsonOption, LibraryOption, opened, out, print_json


def fill(
    video: Annotated[str, typer.Argument(help="A video of the library or any other, or PATH@START-END for a part.")],
    text: Annotated[
        str, typer.Argument(help='A sentence with blanks: "now let me show you how to [MASK] the [MASK]".')
    ],
    library: LibraryOption = None,
    top: Annotated[int, typer.Option("--top", "-n", min=1, help="Guesses for each blank.")] = 5,
    json_: JsonOption = False,
) -> None:
    """Guess the words that are missing from a sentence about a video."""
    with opened(library) as held:
        guesses = held.fill(video, text, top=top)
    if json_:
        print_json([[asdict(guess) for guess in blank] for blank in guesses])
        return
    for number, blank in enumerate(guesses, start=1):
        said = ", ".join(f"{guess.word} {guess.probability:.0%}" for guess in blank)
        out.print(f"{number:>3}. {said}", markup=False)
