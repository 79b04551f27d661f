"""What a suite or a user can set about texts and language models. Imports no torch, so listing and validating are instant."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from fortifai.config import Frozen, Identity, ModelConfig, Runtime, Sampling
from fortifai.coupling.settings import DENSE, CouplingName, blocks_of, check_widths, is_dense
from fortifai.device import DeviceName
from fortifai.errors import UserError

BYTES = 256
"""Tokens of a byte-level vocabulary without merges: one for each byte."""

COUPLED = ("llama", "mistral", "qwen2")
"""Architectures that can be coupled from narrow ones: each projection is a layer of its own, and embeddings are tied."""


class Training(Frozen):
    """How one generation is trained: AdamW on blocks, in epochs, under a budget of tokens."""

    learning_rate: Identity[float] = Field(1e-3, gt=0)
    schedule: Identity[Literal["constant", "cosine"]] = Field("constant", description="cosine decays to 0 within every fit")
    warmup: Identity[float] = Field(0.0, ge=0, lt=1, description="share of the steps in which the learning rate rises from 0")
    weight_decay: Identity[float] = Field(0.0, ge=0)
    clip: Identity[Annotated[float, Field(gt=0)] | Literal["none"]] = Field(1.0, description="largest norm of a gradient")
    batch: Identity[int] = Field(16, ge=1, description="training sequences a step")
    block: Identity[int | None] = Field(
        None, ge=2, description="tokens of a training sequence, which must divide data.block; default: a whole block"
    )
    accumulate: Identity[int] = Field(1, ge=1, description="parts that a step's batch is computed in, where memory is short")
    epochs: Identity[int] = Field(1, ge=1, description="passes over the training set")
    first_epochs: Identity[int | None] = Field(None, ge=1, description="passes of a fit from scratch; default: epochs")
    token_budget: Identity[int | None] = Field(None, ge=1, description="most tokens that one fit trains on")
    keep: Identity[Literal["last", "validation_nll", "kr_test"]] = Field("last", description="which epoch's weights a fit keeps")
    first_token: Identity[bool] = Field(
        True, description="whether the first token of a training sequence is learnt, after the begin token; false: only read"
    )
    adapting: Identity[int] = Field(
        256, ge=1, description="training sequences on which a threshold is estimated before every epoch"
    )


class LanguageModelConfig(ModelConfig):
    """A causal language model of Hugging Face: a small one trained from scratch, or a pretrained one by name or folder."""

    pretrained: Identity[str | None] = Field(None, description="a folder, a name on the hub, or smollm2-135m; none: from scratch")
    architecture: Identity[str] = Field("llama", description="from scratch: the model type of transformers")
    vocabulary: Identity[int] = Field(1024, ge=BYTES, description="from scratch: tokens of the byte-level BPE; 256 is bytes")
    hidden_size: Identity[int] = Field(128, ge=8)
    intermediate_size: Identity[int] = Field(384, ge=8)
    layers: Identity[int] = Field(3, ge=1)
    heads: Identity[int] = Field(4, ge=1)
    coupling: Identity[CouplingName] = Field(
        DENSE, exclude_if=is_dense, description="from scratch: dense, or block-diagonal:blocks=4, coupled from narrow models"
    )
    training: Identity[Training] = Training()
    device: Runtime[DeviceName] = "auto"
    precision: Runtime[Literal["auto", "float32", "bfloat16"]] = Field(
        "auto", description="of the products; auto: bfloat16 on a GPU that has it"
    )
    gradient_checkpointing: Runtime[bool] = Field(False, description="trade time for memory")
    evaluation_batch: Runtime[int] = Field(64, ge=1, description="blocks at once where no gradient is needed")

    @model_validator(mode="after")
    def _heads_fit(self) -> "LanguageModelConfig":
        if self.pretrained is None and self.hidden_size % (2 * self.heads):
            raise ValueError(f"hidden_size {self.hidden_size} must be a multiple of twice the {self.heads} heads")
        return self

    @model_validator(mode="after")
    def _can_be_coupled(self) -> "LanguageModelConfig":
        if is_dense(self.coupling):
            return self
        if self.pretrained is not None:
            raise ValueError(f"coupling {self.coupling!r} is for models from scratch: leave it or pretrained out")
        if self.architecture not in COUPLED:
            raise ValueError(f"coupling {self.coupling!r}: architecture should be one of {', '.join(COUPLED)}")
        if self.training.token_budget is not None:
            raise ValueError(f"coupling {self.coupling!r} shares out the passes of a fit: leave training.token_budget out")
        widths = {"hidden_size": self.hidden_size, "intermediate_size": self.intermediate_size, "heads": self.heads}
        check_widths(self.coupling, widths)
        return self

    @property
    def label(self) -> str:
        """The name of the pretrained model, or the architecture with its layers and width, such as ``llama-3x128``.

        One that is coupled has its blocks too: ``llama-3x128-of-4``.
        """
        if self.pretrained is not None:
            return self.pretrained.rstrip("/").rsplit("/", 1)[-1].lower()
        blocks = blocks_of(self.coupling)
        return f"{self.architecture}-{self.layers}x{self.hidden_size}{f'-of-{blocks}' if blocks > 1 else ''}"

    def narrower(self, times: int) -> Self:
        """Return a model of the same layers whose widths, and heads, are so many times fewer, and which is not coupled."""
        widths = {name: getattr(self, name) // times for name in ("hidden_size", "intermediate_size", "heads")}
        return self.model_copy(update={**widths, "coupling": DENSE})

    def fit_passes(self, *, warm: bool) -> int | None:
        """Return the epochs of a fit; None where a budget of tokens may end it before, or narrow models are part of it."""
        if self.training.token_budget is not None or blocks_of(self.coupling) > 1:
            return None
        return self.training.epochs if warm or self.training.first_epochs is None else self.training.first_epochs

    def with_fit_passes(self, passes: int) -> Self:
        """Return the same with fits of so many epochs."""
        return self.model_copy(update={"training": self.training.model_copy(update={"epochs": passes, "first_epochs": None})})


class Decoding(Sampling):
    """How a text is continued: by sampling, or by beam search where ``beams`` is above 1."""

    new_tokens: Identity[int] = Field(32, ge=1, description="tokens written at a time, each time after the source's own context")
    context: Identity[int] = Field(512, ge=0, description="most tokens of the source that are read before writing")
    top_p: Identity[float] = Field(1.0, gt=0, le=1, description="sample from the most likely tokens that hold this mass")
    top_k: Identity[int | None] = Field(None, ge=1, description="sample from this many most likely tokens")
    min_p: Identity[float] = Field(0.0, ge=0, le=1, description="leave out tokens below this share of the likeliest one's mass")
    beams: Identity[int] = Field(1, ge=1, description="above 1: beam search, which draws nothing at random")
    repetition_penalty: Identity[float] = Field(1.0, ge=1, description="divides the scores of tokens already there (CTRL)")
    do_sample: Identity[Literal["without-beams", "model"]] = Field(
        "without-beams",
        description="what is drawn at random: everything but beams; model: what the pretrained model's generation config says",
    )
    batch: Identity[int] = Field(512, ge=1, description="continuations at once, beams counted; random draws depend on it")

    @model_validator(mode="after")
    def _one_says_how(self) -> "Decoding":
        if self.do_sample == "model":
            own = {"temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k, "min_p": self.min_p}
            set_here = [name for name, value in own.items() if value != Decoding.model_fields[name].default]
            if set_here:
                raise ValueError(f"do_sample = 'model' takes {', '.join(set_here)} from the model: leave it out here")
        return self

    def require(self, model: ModelConfig) -> None:
        """Raise UserError for a model from scratch that should say itself how it is read out."""
        if self.do_sample == "model" and getattr(model, "pretrained", None) is None:
            raise UserError("do_sample = 'model' needs a pretrained model, whose generation config says how it is read out")


class TextData(Frozen):
    """Which text, and how it is cut and split. A plain string stands for ``source``."""

    source: Identity[str] = Field(
        "king-james", min_length=1, description="a bundled text, wikitext-2, or a file or folder of .txt"
    )
    mix: Identity[str | None] = Field(
        None,
        min_length=1,
        description="hub, or a folder with HellaSwag and GSM8K: training text is the paper's mix with them",
    )
    block: Identity[int] = Field(128, ge=2, description="tokens of one training sample")
    order: Identity[Literal["shuffled", "corpus"]] = Field(
        "shuffled",
        description="how real blocks are dealt; corpus: one after another, as one text, so that contexts reach over their ends",
    )
    validation: Identity[float] = Field(0.1, gt=0, lt=0.5, description="share of the text held out for validation")
    test: Identity[float] = Field(0.1, gt=0, lt=0.5, description="share of the text held out for testing")
    most_held_out: Identity[int] = Field(512, ge=1, description="most blocks in the validation and in the test split, each")
    encoding: Identity[str] = Field("utf-8", description="of a user's files")
    kr_test: Identity[str | None] = Field(None, description="a file of KR-test items; default: made from a bundled text")
    blimp: Identity[str | None] = Field(None, min_length=1, description="hub, or a folder with BLiMP's files, SUBSET.jsonl")

    @model_validator(mode="before")
    @classmethod
    def _source_alone(cls, value: Any) -> Any:
        return {"source": value} if isinstance(value, str) else value
