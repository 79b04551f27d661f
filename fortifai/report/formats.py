"""A score for another program: CSV with every digit, and tables of Markdown and LaTeX that go into a text as they are."""

import csv
import io

from fortifai.fidelity.scores import ScoreTable
from fortifai.report.tables import number_notes, with_title
from fortifai.sanitise import latex, markdown, one_line


def as_csv(table: ScoreTable) -> str:
    """Return a score as CSV: a line for each row, with all digits, and an estimate's ends in columns of their own.

    Args:
        table: The score, of at least one row.
    """
    rows = table.to_rows()
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: one_line(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows)
    return text.getvalue()


def as_markdown(table: ScoreTable, name: str) -> str:
    """Return a score as a Markdown table below its title, with the notes in a list.

    Args:
        table: The score, of at least one row.
        name: What the title begins with where the rows are of no suite.
    """
    from fortifai.report.markdown import environment  # here, so that no other form waits for Jinja

    title, headings, rows = with_title(table, name)
    numbered, notes = number_notes(headings, rows)
    template = environment("fortifai.report").get_template("table.md.j2")
    body = template.render(headings=headings, rows=numbered, notes=notes)
    return f"**{markdown(title)}**\n\n{body}"


def as_latex(table: ScoreTable, name: str) -> str:
    r"""Return a score as a LaTeX table, which needs ``\usepackage{booktabs}``, with the title as its caption and the notes below.

    Args:
        table: The score, of at least one row.
        name: What the title begins with where the rows are of no suite.
    """
    title, headings, rows = with_title(table, name)
    numbered, notes = number_notes(headings, rows)
    first, *others = (f"{' & '.join(map(latex, row))} \\\\" for row in [headings, *numbered])
    below = [rf"\par {number}: {latex(note)}" for number, note in enumerate(notes, 1)]
    lines = [
        r"\begin{table}",
        r"\centering\footnotesize",
        rf"\caption{{{latex(title)}}}",
        rf"\begin{{tabular}}{{{'l' * len(headings)}}}",
        r"\toprule",
        first,
        r"\midrule",
        *others,
        r"\bottomrule",
        r"\end{tabular}",
        *below,
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
