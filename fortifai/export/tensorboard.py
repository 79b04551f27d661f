"""Export to TensorBoard: a folder of event files for every chain, a step for every generation."""

from pathlib import Path

from tensorboardX import SummaryWriter

from fortifai.export.tables import ordered, scalars_of
from fortifai.records.numbers import RunNumbers
from fortifai.sanitise import file_name


def write(numbers: RunNumbers, folder: Path) -> None:
    """Write every chain's numbers into an existing folder, as ``<regime>/<strategy>/<objective>/seed-<seed>``."""
    for chain in ordered(numbers):
        names = [file_name(name) for name in (chain.regime, chain.strategy, chain.objective)]
        with SummaryWriter(str(folder.joinpath(*names, f"seed-{chain.seed}"))) as writer:
            for generation in range(len(chain.generations)):
                for name, value in scalars_of(chain, generation).items():
                    # The clock of a record is its generation: when it was made says nothing.
                    writer.add_scalar(name.replace(".", "/", 1), value, generation, walltime=generation)
