"""The pages of the board from their templates."""

from functools import cache

from markupsafe import Markup

from fortifai.report.html import environment, policy


def render(template: str, **content: object) -> str:
    """Return a page of the board.

    Args:
        template: The name of its template.
        content: What the template shows.
    """
    script = _script()
    templates = environment("fortifai.leaderboard", "fortifai.report")
    return templates.get_template(template).render(policy=policy(script), script=script, **content)


@cache
def _script() -> Markup:
    """Return the only script that a page runs."""
    return Markup(environment("fortifai.leaderboard").get_template("table.js.j2").render())
