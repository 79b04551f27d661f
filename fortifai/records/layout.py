"""The names of what a run leaves on disk."""

import re

CHAIN_FILE = "chain.json"
"""What a chain is, in the chain's folder."""

RECORDS_FILE = "generations.jsonl"
"""What was measured of a chain, one line a generation."""

FAILURE_FILE = "failure.json"
"""Why a chain crashed; absent where it did not."""

SUITE_FILE = "suite.json"
"""Which suite a run folder belongs to."""

MANIFEST_FILE = "manifest.json"
"""The chains that a run should have."""

ESTIMATE_FILE = "estimate.json"
"""What the generations of a run were expected to take, before any of them ran."""

NULLS = "nulls"
"""The folder of a run that holds the null of each regime."""

CODE = "code"
"""The folder of a run that holds a copy of every file of the user's own that its chains use."""

JOBS = "jobs"
"""The folder of a run that holds what it and the jobs of a cluster tell each other, while it runs, and their logs."""

GENERATION_0 = "generation-0"
"""The folder of a run that holds what its chains share: each generation 0, in a folder named by a hash of what decides it."""

SHARED_FILE = "generation.json"
"""What was measured of a shared generation, in its folder, beside its samples and its model."""

SAMPLES_FILE = "samples.safetensors"
"""What a generation made, in its folder."""

MODEL = "model"
"""The folder of a generation's model, in its folder."""

EXAMPLES = "examples"
"""The folder of a chain in which its samples are shown to people, one file a generation."""

PICTURES_FILE = "pictures.json"
"""Why some of a chain's examples are not there; absent where all are."""

REAL_EXAMPLE = "real"
"""Name, without its ending, of the file that shows real data."""

FIRST_ROW_KEY = "fortifai:row"
"""The text entry of a PNG example that holds how many pixels high its first row of samples is.

An adapter that shows images writes it, and the report's filmstrip is cut by it. Without it the whole picture is one row.
"""


def generation_name(generation: int) -> str:
    """Return the name of what belongs to a generation: its folder, and its example without the ending."""
    return f"generation-{generation:02d}"


def is_generation_name(name: str) -> bool:
    """Return whether a name is one that `generation_name` returns."""
    return re.fullmatch(r"generation-\d{2,}", name) is not None
