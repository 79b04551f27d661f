"""The names of files and folders that a run leaves on disk."""

EXAMPLES = "examples"
"""The folder of a chain in which its samples are shown to people, a file for each generation."""


REAL_EXAMPLE = "real"
"""Name, without its ending, of the file that shows real data."""


FILMSTRIP = "filmstrip"
"""Name, without its ending, of the file that shows all generations below one another, where they are pictures."""


def generation_name(generation: int) -> str:
    """Name what belongs to a generation: its folder, and its example without the ending."""
    return f"generation-{generation:02d}"
