"""Suite files: everything that is wrong with one is reported at once, with keys; what is right becomes what runs."""

from pathlib import Path

import pytest

from fortifai.errors import UserError
from fortifai.planning.settings import parse_settings
from fortifai.planning.suite import Suite
from fortifai.planning.suite_file import build_suite, load_suite, suite_names

HEAD = 'schema = 1\nname = "own"\nversion = 1\nsummary = "a suite of one\'s own"\n'
DEFAULTS = """
[defaults]
modality = "tabular"
data = "penguins"
model.components = 2
n = 60
generations = 3
objectives = ["tce"]
strategies = ["replace", "control"]
fidelity_metric = "sliced_wasserstein"
seconds_per_generation = 0.1
"""
TWO = "[regimes.plain]\n[regimes.sharp]\nn = 80\nsampling.temperature = 0.9\n"
GOOD = HEAD + DEFAULTS + TWO


@pytest.fixture
def load(tmp_path: Path):
    def load(text: str, *settings: str) -> Suite:
        path = tmp_path / "own.toml"
        path.write_text(text)
        return load_suite(path, settings)

    return load


@pytest.fixture
def errors(load):
    def errors(text: str, *settings: str) -> list[str]:
        with pytest.raises(UserError) as caught:
            load(text, *settings)
        first, *lines = str(caught.value).split("\n")
        if lines:
            assert first.endswith(f"{len(lines)} error{'s' if len(lines) > 1 else ''}:")
        return [line.strip() for line in lines] or [first]

    return errors


# What is right


@pytest.mark.parametrize("name", suite_names())
def test_a_suite_that_comes_with_the_package_is_valid_and_called_like_its_file(name):
    suite = load_suite(name)
    assert suite.name == name
    assert suite.tag == f"{name}@{suite.version}"
    assert all(regime.objectives[0] == "ce" and "control" in regime.strategies for regime in suite.regimes)


def test_there_are_suites():
    assert {"quick", "tabular-gmm"} <= set(suite_names())


def test_a_regime_is_the_defaults_with_its_own_keys_over_them(load):
    plain, sharp = load(GOOD).regimes
    assert (plain.name, sharp.name) == ("plain", "sharp")
    assert (plain.n, sharp.n) == (60, 80)
    assert (plain.sampling.temperature, sharp.sampling.temperature) == (1, 0.9)
    assert plain.model.components == sharp.model.components == 2
    assert plain.data.source == "penguins"
    assert plain.objectives == ("ce", "tce:gamma=0.9,unit=component")
    assert plain.strategies == ("replace", "control")


def test_tables_are_merged_key_by_key(load):
    (regime,) = load(HEAD + DEFAULTS + "[regimes.a.model]\nmax_iterations = 7\n").regimes
    assert (regime.model.components, regime.model.max_iterations) == (2, 7)


def test_all_metrics_of_the_modality_are_measured_where_none_are_named(load):
    assert {"nll", "confidence_gap", "sliced_wasserstein", "tail_mass"} <= set(load(GOOD).regimes[0].metrics)
    named = load(GOOD.replace("n = 60", 'n = 60\nmetrics = ["sliced_wasserstein"]'))
    assert named.regimes[0].metrics == ("sliced_wasserstein",)


def test_the_stored_source_builds_the_same_suite_again(load):
    suite = load(GOOD, "n=70", "sampling.temperature=0.5")
    assert build_suite(suite.source, suite.overrides, where="stored") == suite


# What is wrong


@pytest.mark.parametrize(
    ("n", "message"),
    [
        ('"pool/6"', "regimes.plain.pool: is required where n is a share of it: about how many samples it has, for n = pool/6"),
        (
            '"pool/0"',
            "defaults.n: input should be a valid integer, or a share of the training pool such as \"pool/6\", not 'pool/0'",
        ),
        ("2.5", "defaults.n: input should be a valid integer, not 2.5"),
        ("0", "defaults.n: input should be greater than or equal to 1, not 0"),
    ],
)
def test_an_n_that_is_neither_a_number_nor_a_share_is_refused(errors, n, message):
    assert errors(HEAD + DEFAULTS.replace("n = 60", f"n = {n}") + "[regimes.plain]\n") == [message]


def test_every_error_of_a_file_is_in_one_message(errors):
    text = """
schema = 2
name = "Own Suite"
version = 0
rule = "phi<2"
colour = "blue"
source = 3
[defaults]
modality = "tabular"
n = 0
objectives = ["cee"]
fidelity_metric = "nll"
seconds_per_generation = 0.1
[regimes.a]
strategies = ["replace"]
generations = 0
model.componnets = 2
model.tolerance = "small"
[regimes.b]
strategies = ["replcae", "control"]
generations = 2.5
seeds = 0
data.clip = -1
sampling.temperature = 0
sampling.beams = 3
start = "hot"
flavour = 1
[regimes.c]
modality = "tabluar"
strategies = ["control"]
generations = 0
"""
    lines = errors(text)
    expected = {
        "schema": "should be 1, not 2",
        "name": "should match pattern",
        "version": "greater than or equal to 1, not 0",
        "summary": "is required",
        "rule": "phi is 1 for the baseline",
        "colour": "unknown key (known: schema, name, version, summary, rule, regimes, defaults)",
        "source": "unknown key",
        "defaults.n": "greater than or equal to 1, not 0",
        "defaults.objectives": "unknown objective 'cee'; did you mean 'ce'",
        "defaults.fidelity_metric": "'nll' needs a model",
        "regimes.a.strategies": "every suite has control chains: add 'control'",
        "regimes.a.generations": "greater than or equal to 1, not 0",
        "regimes.a.model.componnets": "unknown key (known: components,",
        "regimes.a.model.tolerance": "should be a valid number",
        "regimes.b.strategies": "unknown strategy 'replcae'; did you mean 'replace'",
        "regimes.b.generations": "should be a valid integer",
        "regimes.b.seeds": "greater than or equal to 1, not 0",
        "regimes.b.data.clip": "greater than 0, not -1",
        "regimes.b.sampling.temperature": "greater than 0, not 0",
        "regimes.b.sampling.beams": "unknown key (known: temperature)",
        "regimes.b.start": "should be 'warm' or 'scratch', not 'hot'",
        "regimes.b.flavour": "unknown key",
        "regimes.c.modality": "unknown modality 'tabluar'; did you mean 'tabular'?",
        "regimes.c.generations": "greater than or equal to 1, not 0",
    }
    for key, message in expected.items():
        (line,) = [line for line in lines if line.startswith(f"{key}: ")]
        assert message in line
    assert len(lines) == len(expected)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["tce"]', '["tce:gamma=-2"]', "objectives: objective 'tce:gamma=-2': gamma: input should be greater than 0"),
        ('["tce"]', '"tce"', "objectives: input should be a valid tuple, not 'tce'"),
        ('["tce"]', "[3]", "objectives.0: input should be a valid string, not 3"),
        ('"replace", ', '"fresh-mix:k=1", ', "strategies: strategy 'fresh-mix:k=1': k: input should be greater"),
        ("n = 60", "n = nan", "n: input should be a finite number"),
        ("n = 60", 'n = "many"', "n: input should be a valid integer"),
        ("n = 60", 'n = 60\nname = "x"', "name: unknown key; a regime has the name of its table"),
        ("n = 60", "n = 60\nsampling = 3", "sampling: input should be a valid dictionary"),
        ('data = "penguins"', "data.colunms = []", "data.colunms: unknown key (known: source, columns,"),
        ("generations = 3\n", "", "regimes.plain.generations: is required"),
        (
            '"sliced_wasserstein"',
            '"sliced_waserstein"',
            "fidelity_metric: 'sliced_waserstein' is not one of metrics (",
        ),
        ('"sliced_wasserstein"', '"variance_ratio"', "fidelity_metric: 'variance_ratio' is best at 1.0, a distance or"),
        ('"sliced_wasserstein"', '"nll"\nmetrics = ["ks_max"]', "fidelity_metric: 'nll' is not one of metrics (ks_max)"),
        (
            "n = 60",
            'n = 60\nmetrics = ["kx_max", "sliced_wasserstein"]',
            "metrics: unknown metric 'kx_max'; did you mean",
        ),
        ("n = 60", 'n = 60\nmetrics = [["ks_max"], "sliced_wasserstein"]', "metrics.0: input should be a valid string"),
    ],
)
def test_one_mistake_is_one_error_with_its_key(errors, old, new, message):
    assert old in GOOD
    text = HEAD + DEFAULTS.replace(old, new) + "[regimes.plain]\n"
    (line,) = errors(text)
    assert line.startswith(message if message.startswith("regimes.") else f"defaults.{message}")


def test_a_mistake_in_the_defaults_is_reported_once_and_where_it_is_covered_not_at_all(errors, load):
    assert errors(GOOD.replace("n = 60", "n = 0")) == ["defaults.n: input should be greater than or equal to 1, not 0"]
    assert load(GOOD.replace("n = 60", "n = 0").replace("[regimes.plain]", "[regimes.plain]\nn = 9")).regimes[0].n == 9


def test_a_table_over_a_default_that_is_not_a_table_is_refused_because_it_would_lose_it(errors):
    (line,) = errors(HEAD + DEFAULTS + "[regimes.a]\ndata.clip = 3\n")
    assert line.startswith("regimes.a.data: a table cannot be laid over 'penguins', the default")
    (line,) = errors(HEAD + DEFAULTS + "[regimes.a]\n", "data.clip=3")
    assert line.startswith("regimes.a.data: a table cannot be laid over 'penguins', the default")


@pytest.mark.parametrize("text", [HEAD, HEAD + DEFAULTS, HEAD + "defaults = 1\n[regimes.a]\n", HEAD + "regimes = 3\n"])
@pytest.mark.parametrize("settings", [(), ("n=5",), ("regimes.a.n=5",)])
def test_a_file_without_tables_where_they_belong_says_so(errors, text, settings):
    (line,) = errors(text, *settings)
    assert "needs at least one [regimes.<name>] table; `defaults` is a table too" in line


def test_a_file_with_no_regime_says_so(errors):
    assert any("regimes: there is none" in line for line in errors(HEAD + DEFAULTS + "[regimes]\n"))


@pytest.mark.parametrize("text", ["name = ", "a = 1\na = 2\n", "[defaults\n", "x = 1 y = 2"])
def test_a_file_that_is_not_toml_is_reported_with_the_line(errors, text):
    (line,) = errors(text)
    assert "own.toml: is not TOML: " in line
    assert "line " in line or "end of document" in line


def test_a_file_that_cannot_be_read_is_reported(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    for path in (tmp_path / "absent.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(UserError, match=f"suite file {path}: cannot be read"):
            load_suite(path)


def test_an_unknown_suite_is_a_spelling_mistake():
    with pytest.raises(UserError, match="unknown suite 'qiuck'; did you mean 'quick'"):
        load_suite("qiuck")


# Settings


def test_a_setting_reaches_every_regime_and_wins_over_its_own_keys(load):
    assert [regime.n for regime in load(GOOD, "n=500").regimes] == [500, 500]
    assert [regime.sampling.temperature for regime in load(GOOD, "sampling.temperature=0.8").regimes] == [0.8, 0.8]
    assert [regime.n for regime in load(GOOD, "regimes.sharp.n=500").regimes] == [60, 500]
    assert load(GOOD, 'objectives=["tce:gamma=3"]').regimes[1].objectives == ("ce", "tce:gamma=3,unit=component")


def test_a_setting_that_is_not_toml_is_plain_text(load):
    assert {regime.data.source for regime in load(GOOD, "data=/some/table.csv").regimes} == {"/some/table.csv"}
    assert load(GOOD, "rule=phi<0.5", "summary=mine").rule == "phi<0.5"
    assert parse_settings(["a=1e-3", "b=true", "c=[1, 2]", "d=x=y", " e = 5", 'f="5"']) == {
        "a": 1e-3, "b": True, "c": [1, 2], "d": "x=y", "e": 5, "f": "5",
    }  # fmt: skip


@pytest.mark.parametrize("setting", ["n", "=5", " =5", ""])
def test_a_setting_is_a_key_and_a_value(setting):
    with pytest.raises(UserError, match="should be key=value, such as --set sampling"):
        parse_settings([setting])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("regimes.shrap.n=5", "--set regimes.shrap.n: should be regimes.<name>.<key>; regimes: plain, sharp"),
        ("regimes.sharp=5", "--set regimes.sharp: should be regimes.<name>.<key>"),
        ("regimes=5", "--set regimes: should be regimes.<name>.<key>"),
        ("regimes.sharp.n.x=5", "--set regimes.sharp.n.x: n is 80, not a table whose keys can be set"),
        ("regimes.plain.n=0", "regimes.plain.n: input should be greater than or equal to 1, not 0"),
        ("regimes.plain.model.size=1", "regimes.plain.model.size: unknown key"),
        ("regimes.plain.model=1", "regimes.plain.model: input should be a valid dictionary"),
        ("regimes.plain.name=x", "regimes.plain.name: unknown key"),
        ("rule=phi>1", "rule: rule 'phi>1': "),
    ],
)
def test_a_setting_that_fits_nowhere_is_an_error_with_its_key(errors, setting, message):
    (line,) = errors(GOOD, setting)
    assert line.startswith(message)


@pytest.mark.parametrize("key", ["version", "schema", "nn", "overrides"])
def test_what_is_not_a_key_of_a_regime_cannot_be_set(errors, key):
    lines = errors(GOOD, f"{key}=2")
    assert [line.partition(" (")[0] for line in lines] == [f"regimes.{name}.{key}: unknown key" for name in ("plain", "sharp")]


def test_the_tag_is_another_for_other_settings_and_stable_for_the_same(load):
    assert load(GOOD).tag == "own@1"
    assert load(GOOD, "n=500").tag == "own@1+8c123f8f"  # run folders are named so: never to change
    assert load(GOOD, "n=500", "data=x").tag == load(GOOD, "data=x", "n = 500").tag
    settings = [(), ("n=500",), ("n=501",), ("regimes.plain.n=500",), ("n=500", "data=x"), ("rule=phi<0.5",)]
    assert len({load(GOOD, *chosen).tag for chosen in settings}) == len(settings)


def test_a_setting_that_is_a_table_does_not_change_when_another_goes_into_it(load):
    suite = load(GOOD, "model={components=3}", "model.components=4")
    assert suite.overrides == {"model": {"components": 3}, "model.components": 4}
    assert {regime.model.components for regime in suite.regimes} == {4}
