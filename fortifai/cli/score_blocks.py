"""A score on a terminal: block by block, as wide as it is, with no name cut."""

from fortifai.cli.output import GAP, columns_that_fit, print_columns, print_line, print_notes, print_paragraph, width_of
from fortifai.report.blocks import Block, Blocks


def print_blocks(score: Blocks) -> None:
    """Print a score: a block for each group, its sentences, the control chains, the notes and the legend.

    Where a line of a block fits the terminal, a row is one line. Otherwise every objective has a line of its own, and its
    numbers stand below it.
    """
    print_columns([[score.title]], [0], style="bold")
    headings = [*score.headings, *(["note"] if score.notes else [])]
    lines = [headings, *(line for block in score.blocks for line in _lines(block, len(headings)))]
    widths = [max(width_of(line[place]) for line in lines) for place in range(len(headings))]
    fits = sum(widths) + GAP * (len(widths) - 1) <= columns_that_fit()
    for block in score.blocks:
        print_line()
        print_columns([[block.heading]], [0], style="bold")
        if fits:
            print_columns([headings], widths, style="dim")
            print_columns(_lines(block, len(headings)), widths)
        else:
            _print_stacked(block, headings, widths)
        if block.sentences:
            print_line()
        for sentence in block.sentences:
            print_paragraph(sentence, hanging=GAP)
    print_line()
    if score.control is not None:
        print_paragraph(score.control)
    print_notes(score.notes)
    print_paragraph(score.legend)


def _print_stacked(block: Block, headings: list[str], widths: list[int]) -> None:
    numbers = slice(1, len(block.rows[0]))
    print_columns([headings[numbers]], widths[numbers], indent=GAP, style="dim")
    for cells, note in zip(block.rows, block.notes, strict=True):
        print_line(cells[0] if note is None else f"{cells[0]}  note {note}")
        print_columns([cells[numbers]], widths[numbers], indent=GAP)


def _lines(block: Block, count: int) -> list[list[str]]:
    """Return the rows, each with the number of its note where the score has a column of them."""
    lines = [[*cells, "" if note is None else str(note)] for cells, note in zip(block.rows, block.notes, strict=True)]
    return [line[:count] for line in lines]
