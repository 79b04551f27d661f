"""Every command, by the name it is called with."""

import typer

from fortifai.cli import calibrating, comparing, describing, leaderboards, listing, reporting, running, scoring, verifying

app = typer.Typer(
    name="fortifai",
    help="For how many generations can a generative model train on its own output before it collapses?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("list")(listing.list_)
app.command("describe")(describing.describe)
app.command("plan")(running.plan)
app.command("run")(running.run)
app.command("status")(running.status)
app.command("score")(scoring.score)
app.command("compare")(comparing.compare)
app.command("report")(reporting.report)
app.command("verify")(verifying.verify)
app.command("calibrate")(calibrating.calibrate)
app.add_typer(leaderboards.app, name="leaderboard")
