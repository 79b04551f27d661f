"""The report of a run: its score, its pictures, and what its generations made, in Markdown and as one file of HTML."""

from dataclasses import dataclass
from pathlib import Path

from fortifai.errors import UserError
from fortifai.report.contents import PICTURES, Contents, gather
from fortifai.report.markdown import environment, write_page
from fortifai.report.plots import KINDS
from fortifai.report.style import Picture
from fortifai.report.web_page import web_page


@dataclass(frozen=True)
class _Pictures:
    about: str
    files: list[str]


def report(run: str | Path, out: str | Path) -> list[Path]:
    """Write ``README.md`` and ``index.html`` into a folder, with the score, the pictures and the examples of a run.

    The score is by the rule of the run's suite. ``index.html`` holds all that it shows, but for examples that are neither text
    nor pictures; ``README.md`` shows the files beside it. Files of the same names are replaced. An example that cannot be read
    is left out, and the pages say so.

    Args:
        run: The run folder.
        out: The folder to write.

    Returns:
        ``README.md``, ``index.html``, and then the pictures of the score.

    Raises:
        UserError: For what is not a run folder, is damaged or has no finished chain, for all that `fortifai.score` raises it
            for, and when a file cannot be written.
    """
    run, out = Path(run), Path(out)
    if run.is_file():
        raise UserError(
            f"{run}: a file, and a report is of a run folder; `fortifai score {run} --plot DIR` scores and draws a CSV file"
        )
    contents = gather(run, out)
    written = [write_page(out / "README.md", _markdown(contents)), write_page(out / "index.html", web_page(contents, out))]
    return [*written, *(file for picture in contents.pictures for file in (picture.svg, picture.png))]


def _markdown(contents: Contents) -> str:
    return (
        environment("fortifai.report")
        .get_template("page.md.j2")
        .render(
            suite=contents.numbers.suite,
            title=contents.title,
            headings=contents.headings,
            rows=contents.rows,
            notes=contents.notes,
            unfinished=contents.unfinished,
            pictures=_by_kind(contents.pictures),
            gallery=contents.gallery,
        )
    )


def _by_kind(pictures: list[Picture]) -> list[_Pictures]:
    names = {kind: [f"{PICTURES}/{picture.png.name}" for picture in pictures if picture.kind == kind] for kind in KINDS}
    return [_Pictures(KINDS[kind], of_kind) for kind, of_kind in names.items() if of_kind]
