"""What `model.coupling` may be: one spelling, the widths it divides, and no trace of it where it is the default."""

import json
from pathlib import Path

import pytest

from fortifai.coupling.settings import BlockDiagonal, blocks_of, check_widths, parse
from fortifai.entries.suite import identity_faults
from fortifai.errors import UserError
from fortifai.modalities.image.vae.config import VAEConfig
from fortifai.modalities.text.config import LanguageModelConfig
from fortifai.planning.suite_file import load_suite
from fortifai.records.entry_file import read_entry

ENTRIES = Path(__file__).parents[2] / "leaderboards" / "entries"
COUPLED = "block-diagonal:blocks=4"


def test_a_setting_has_one_spelling_with_its_defaults_filled_in() -> None:
    assert VAEConfig(coupling=COUPLED).coupling == "block-diagonal:blocks=4,narrow=0.5"
    assert VAEConfig(coupling=" block-diagonal:narrow=0.5, blocks=4").coupling == VAEConfig(coupling=COUPLED).coupling
    assert parse("block-diagonal") == BlockDiagonal(blocks=2, narrow=0.5)
    assert (blocks_of("dense"), blocks_of(COUPLED)) == (1, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("block-diagnal", "did you mean 'block-diagonal'"),
        ("sparse-wide", "known: dense, block-diagonal"),
        ("block-diagonal:blocks=3", "should be a power of two: 2 or 4"),
        ("block-diagonal:blocks=0", "blocks: input should be greater than or equal to 1"),
        ("block-diagonal:narrow=1", "narrow: input should be less than 1"),
        ("block-diagonal:blocks", "should be key=value"),
        ("block-diagonal:depth=2", "unknown key"),
        ("dense:blocks=2", "unknown key"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse(text)


def test_blocks_that_do_not_divide_are_refused_with_the_nearest_that_do() -> None:
    check_widths("block-diagonal:blocks=4", {"channels": 24, "latent": 20})
    with pytest.raises(UserError, match=r"8 blocks do not divide latent 20; the nearest number that divides all is 4"):
        check_widths("block-diagonal:blocks=8", {"channels": 24, "latent": 20})
    with pytest.raises(ValueError, match=r"16 blocks do not divide heads 4; the nearest number that divides all is 4"):
        LanguageModelConfig(coupling="block-diagonal:blocks=16")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pretrained": "smollm2-135m"}, "is for models from scratch: leave it or pretrained out"),
        ({"architecture": "gpt2"}, "architecture should be one of llama, mistral, qwen2"),
        ({"training": {"token_budget": 9}}, "leave training.token_budget out"),
    ],
)
def test_a_language_model_that_cannot_be_coupled_is_refused(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LanguageModelConfig.model_validate({"coupling": COUPLED} | settings)


@pytest.mark.parametrize("config", [VAEConfig, LanguageModelConfig])
def test_the_default_leaves_no_trace_in_what_identifies_a_chain(config: type[VAEConfig | LanguageModelConfig]) -> None:
    plain, named, coupled = config(), config(coupling="dense"), config(coupling=COUPLED)
    assert named == plain
    for written in (plain.identity(), plain.model_dump(), json.loads(plain.model_dump_json())):
        assert not {"coupling", "depth"} & written.keys()
    assert coupled.identity() == {**plain.identity(), "coupling": "block-diagonal:blocks=4,narrow=0.5"}
    assert coupled.label == f"{plain.label}-of-4"
    assert VAEConfig(depth=2).identity() == {**VAEConfig().identity(), "depth": 2}


def test_the_chains_of_a_published_run_of_texts_images_and_clips_keep_their_ids() -> None:
    numbers = read_entry(ENTRIES / "quick@5--fortifai.json.gz").numbers
    assert {"text", "image-vae", "audio-mel"} <= {chain.modality for chain in numbers.chains}
    assert not list(identity_faults(numbers, load_suite("quick")))
