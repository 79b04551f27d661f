"""Charts exported from Weights & Biases, made long: the axis, and a value, its least and its most for every run and metric.

The columns of such a file are ``"Step"``, ``"<run> - <metric>"``, ``"<run> - <metric>__MIN"`` and ``"<run> - <metric>__MAX"``;
over another axis than the step, each run has ``"<run> - _step"`` as well. What a run is has to be read from its name.
"""

import re
from collections.abc import Iterable, Mapping
from string import Formatter

from fortifai.errors import UserError, did_you_mean
from fortifai.fidelity.trajectories.table import Table
from fortifai.fidelity.trajectories.wide import melt

SEPARATOR, LEAST, MOST = " - ", "__MIN", "__MAX"
AXIS, STEP = "step", "_step"
GROUPED = "Group: "
"""What names of lines begin with that stand for several runs."""

FIELDS = ("objective", "seed", "suite", "modality", "model", "regime", "strategy")
"""What the name of a run may say."""

OPTION = '--run-name "{objective}-{seed}"'
MOST_NAMED = 3
"""Runs that an error names."""

_USUAL = re.compile(r"(?P<objective>.+?)[\s_,./-]+(?:seed|s)[\s_:=-]*(?P<seed>-?\d+)", re.IGNORECASE)


def is_chart(names: Iterable[str]) -> bool:
    """Return whether the columns of a table are those of an exported chart."""
    columns = {*names}
    return any(SEPARATOR in name and name.endswith(LEAST) and name.removesuffix(LEAST) in columns for name in columns)


def long_chart(table: Table, run_name: str | None) -> tuple[Table, list[str]]:
    """Return an exported chart as a long table, and remarks on how it was read.

    Args:
        table: The chart, whose axis is called ``generation`` or ``Step``.
        run_name: What names of runs look like, such as ``"{objective}-{seed}"``, where ``{}`` is anything; None stands for an
            objective, a separator, ``seed`` or ``s``, and a number.

    Raises:
        UserError: When the axis is another one, a line stands for several runs, or a run's name is not of that form.
    """
    names, source = list(table.columns), table.source
    axis = "generation" if "generation" in names else next((name for name in names if name.strip().casefold() == AXIS), None)
    if axis is None:
        other = next((name for name in names if SEPARATOR not in name), "it")
        raise UserError(f"{source}: a chart over {other!r}: if that counts generations, say so by --column 'generation={other}'")
    values = [name for name in names if SEPARATOR in name and not name.endswith((LEAST, MOST, f"{SEPARATOR}{STEP}"))]
    parts = {name: name.rpartition(SEPARATOR) for name in values}
    runs = {name: _fields(run, run_name) for name, (run, _, _) in parts.items()}
    if grouped := [name for name in values if name.startswith(GROUPED)]:
        raise UserError(f"{source}: {grouped[0]!r} is a mean over several runs, and no chain; export the chart without grouping")
    if unclear := list(dict.fromkeys(parts[name][0] for name in values if runs[name] is None)):
        form = "an objective, and then seed and its number" if run_name is None else repr(run_name)
        more = f" (and {len(unclear) - MOST_NAMED} more)" if len(unclear) > MOST_NAMED else ""
        raise UserError(
            f"{source}: the runs {', '.join(map(repr, unclear[:MOST_NAMED]))}{more} are not called {form}: say what their names "
            f"are made of, as in {OPTION}, where {{}} is anything that does not matter"
        )
    long = melt(table.without("generation").assign(generation=table.columns[axis]), values, "column")
    lines = long.columns["column"]
    known = [field for field in FIELDS if any(field in (fields or {}) for fields in runs.values())]
    for field in known:
        said = {name: (fields or {}).get(field) for name, fields in runs.items()}
        long = long.assign(**{field: lines.each(said.get)})
    long = long.assign(metric=lines.each(lambda name: parts[name][2]))
    return long.without("column"), _remarks(table, axis, parts)


def _remarks(table: Table, axis: str, parts: Mapping[str, tuple[str, str, str]]) -> list[str]:
    runs, metrics = ({part[index] for part in parts.values()} for index in (0, 2))
    remarks = [
        f"read as a chart of Weights & Biases, with {len(runs)} runs, metric {', '.join(sorted(metrics))}, over {axis}; "
        f"{LEAST} and {MOST} ignored"
    ]
    bands = [(name + LEAST, name + MOST) for name in parts if {name + LEAST, name + MOST} <= {*table.columns}]
    if averaged := sum(
        str(least) != str(most) for ends in bands for least, most in zip(*(table.columns[end].cells for end in ends), strict=True)
    ):
        remarks.append(f"{averaged} values of it are means over several steps, as {LEAST} and {MOST} differ")
    return remarks


def _fields(run: str, run_name: str | None) -> dict[str, str] | None:
    """Return what the name of a run says, or None where it is not of the form asked for."""
    match = (_USUAL if run_name is None else _pattern(run_name)).fullmatch(run)
    return match.groupdict() if match else None


def _pattern(run_name: str) -> "re.Pattern[str]":
    """Return the expression for a form such as ``"{objective}-{seed}"``.

    Raises:
        UserError: When it is malformed, names something else or twice the same, or does not name the objective.
    """
    wrong = f"--run-name {run_name!r}: should be made of {', '.join(f'{{{field}}}' for field in FIELDS)} and {{}} for anything"
    expression, fields = "", list[str]()
    try:
        parsed = list(Formatter().parse(run_name))
    except ValueError as error:
        raise UserError(f"{wrong} ({error})") from None
    for literal, field, form, conversion in parsed:
        expression += re.escape(literal)
        if field is None:
            continue
        if form or conversion or (field and field not in FIELDS):
            hint = f"; {nearest}" if (nearest := did_you_mean(field, FIELDS)) else ""
            raise UserError(f"{wrong}, not {{{field}}}{hint}")
        fields.append(field)
        expression += (r"(?P<seed>-?\d+)" if field == "seed" else f"(?P<{field}>.+?)") if field else ".*?"
    named = [field for field in fields if field]
    if "objective" not in named or len(named) > len(set(named)):
        raise UserError(f"{wrong}, each once, and {{objective}} among them")
    return re.compile(expression)
