"""What a plan loads, how often, what a machine lacks for it, and which sizes it refuses."""

from pathlib import Path

import pytest
from planning_support import NOTHING, Done, cost, plan, regime, suite

from fortifai.config import Frozen, Identity, ModelConfig
from fortifai.contract.declaration import ModalityDeclaration, modalities
from fortifai.errors import UserError
from fortifai.modalities.tabular.adapter import GaussianMixtureAdapter
from fortifai.modalities.tabular.config import MixtureConfig, TableData
from fortifai.needs import Need
from fortifai.planning.cost import estimate
from fortifai.planning.loading import Adapters, needs_of
from fortifai.planning.plan import Plan
from fortifai.records.reading import Progress

# Once


@pytest.fixture
def adapters_made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[MixtureConfig, TableData]]:
    """The arguments of every adapter that is made from here on."""
    made: list[tuple[MixtureConfig, TableData]] = []
    plain = GaussianMixtureAdapter.__init__

    def make(self: GaussianMixtureAdapter, config: MixtureConfig, data: TableData) -> None:
        made.append((config, data))
        plain(self, config, data)

    monkeypatch.setattr(GaussianMixtureAdapter, "__init__", make)
    return made


def test_a_plan_its_statuses_and_its_cost_load_data_once(adapters_made):
    planned = plan()
    planned.statuses(NOTHING)
    planned.remaining(NOTHING)
    estimate(planned, NOTHING, workers=2, keep="all")
    planned.require_needs()
    assert adapters_made == [(MixtureConfig(components=2), TableData(source="mixture-2d"))]


def test_regimes_of_one_model_and_data_share_an_adapter_and_others_do_not(adapters_made):
    other = MixtureConfig(components=3)
    planned = plan(suite(regime(), regime(name="larger", n=80), regime(name="finer", model=other)))
    assert [config.components for config, _ in adapters_made] == [2, 3]
    assert len({facts.data_hash for facts in planned.facts.values()}) == 1


class ListedData(Frozen):
    files: Identity[list[str]]


class Listed:
    """An adapter whose data is configured by a list."""

    density = implicit = False

    def __init__(self, config: ModelConfig, data: ListedData) -> None:
        self.splits = Adapters().bind(regime()).splits

    def check(self, n: int) -> None:
        pass


def test_a_configuration_may_hold_lists(monkeypatch):
    here = f"{__name__}:Listed"
    declaration = ModalityDeclaration(
        name="listed", version="1", summary="", adapter=here, config="fortifai.config:ModelConfig", data=f"{here}Data"
    )
    monkeypatch.setitem(modalities._entries, "listed", declaration)
    adapters = Adapters()
    one, again, other = (
        adapters.bind(regime(modality="listed", model=ModelConfig(), data=ListedData(files=files), metrics=("nll",)))
        for files in (["a"], ["a"], ["b"])
    )
    assert one is again
    assert one is not other


def test_a_file_with_another_content_makes_other_chains(tmp_path: Path):
    path = tmp_path / "own.csv"
    chosen = suite(regime(data=TableData(source=str(path))))

    def planned(period: int) -> Plan:
        path.write_text("\n".join(["a,b", *(f"{i % 17},{i % period}" for i in range(200))]))
        return plan(chosen, seeds=1)

    one, other, again = planned(13), planned(14), planned(13)
    assert not {chain.id for chain in one.chains} & {chain.id for chain in other.chains}
    assert again == one


# What cannot be served is said before anything runs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 3, "model": MixtureConfig(components=4)}, "n = 3 samples are too few for 4 components"),
        ({"n": 2}, "n = 2 samples are too few for 2 columns"),
        ({"n": 100_000}, "n = 100000 real samples are asked for, and the training pool has"),
        (
            {"n": 49, "metrics": ("sliced_wasserstein", "tail_mass")},
            "n = 49 samples are too few for metric 'tail_mass', which needs 50",
        ),
        ({"data": TableData(source="penguin")}, "no data file 'penguin'.*did you mean 'penguins'"),
        (
            {"strategies": ("weighted:ratio=1000", "control")},
            "asks for 60000 real samples a generation, and the training pool has ",
        ),
    ],
)
def test_a_size_that_data_model_metrics_or_strategies_cannot_serve_is_explained(changes, message):
    with pytest.raises(UserError, match=message):
        plan(suite(regime(**changes)))


# What not every machine has


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


@pytest.fixture
def needy(monkeypatch):
    """The tabular adapter, needing two things, of which one is missing: to make it would be too early."""
    needs = (Need("the table of a hub", "copy it here"), Need("a licence"))
    monkeypatch.setattr(GaussianMixtureAdapter, "needs", classmethod(lambda cls, config, data: needs))
    monkeypatch.setattr(GaussianMixtureAdapter, "__init__", lambda *_: pytest.fail("loaded what is missing"))
    return needs


def test_without_its_data_a_plan_lists_the_chains_all_the_same(needy):
    planned = plan(suite(regime(gpu=True)), strategies=["replace"])
    assert [(c.objective, c.seed, c.horizon) for c in planned.chains] == [
        (objective, seed, 3) for seed in (0, 1) for objective in ("ce", "tce:gamma=0.9,unit=component")
    ]
    assert {(chain.id, chain.data_hash) for chain in planned.chains} == {(None, None)}
    assert {status.state for status in planned.statuses(NOTHING)} == {"unavailable"}
    assert len(planned.remaining(NOTHING)) == 4
    assert planned.facts == {"plain": None}


def test_without_its_data_the_cost_is_known_in_seconds_and_not_in_bytes(needy):
    left = cost(suite(regime(gpu=True)), strategies=["replace"])
    assert (left.disk_bytes, left.memory_bytes) == (None, None)
    assert left.seconds == left.gpu_seconds == pytest.approx(4 * 4 * (0.5 + 0.01 * 60))


def test_before_the_pool_is_read_its_expected_size_serves_the_estimate(needy):
    chosen = suite(regime(n="pool/6", pool=600))
    assert {chain.n for chain in plan(chosen).chains} == {100}
    assert cost(chosen).seconds == pytest.approx((8 * 3 + 4) * (0.5 + 0.01 * 100))


def test_everything_that_is_missing_is_said_at_once(needy, no_gpu):
    with pytest.raises(UserError) as caught:
        plan(suite(regime(gpu=True), regime(name="other", gpu=True))).require_needs()
    first, *lines = str(caught.value).splitlines()
    assert first == "suite own cannot run on this machine, which lacks:"
    assert [line.split(":")[0] for line in lines] == ["  a CUDA GPU", "  the table of a hub"]
    assert "copy it here" in lines[1]


def test_a_gpu_that_is_missing_stops_a_run_but_not_the_plan(no_gpu):
    planned = plan(suite(regime(gpu=True)))
    assert {chain.id for chain in planned.chains} == {chain.id for chain in plan().chains}
    with pytest.raises(UserError, match="a CUDA GPU"):
        planned.require_needs()
    done = Done({chain.id: Progress("done", 4) for chain in planned.chains})
    assert planned.remaining(done) == []  # so that nothing has to be required


def test_a_gpu_that_is_there_is_no_obstacle(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    planned = plan(suite(regime(gpu=True)))
    assert [(need.what, need.missing) for need in planned.needs] == [("a CUDA GPU", None)]
    assert needs_of(regime(gpu=True)) == planned.needs
    planned.require_needs()


def test_what_can_be_run_without_a_modality_that_is_not_installed_is_said(monkeypatch):
    chosen = suite(regime(), regime(name="other"), regime(name="spoken", modality="audio-mel"))
    monkeypatch.setattr(ModalityDeclaration, "missing", lambda self: "needs torchaudio" if self.name == "audio-mel" else None)
    with pytest.raises(UserError) as caught:
        plan(chosen)
    assert str(caught.value).splitlines() == [
        "modality 'audio-mel' is unavailable: needs torchaudio",
        "without it, run the rest: --regime plain --regime other",
    ]
    assert plan(chosen, regimes=["plain"]).chains
