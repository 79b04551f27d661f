"""What a suite, or a user, can set about models of tokens of clips. Imports no torch: listing and validating stay instant."""

from typing import Self

from pydantic import Field, model_validator

from fortifai.config import Identity

from ...text.config import Decoding, LanguageModelConfig
from ...text.config import Training as TextTraining


class TokensConfig(LanguageModelConfig):
    """A causal language model from scratch over the codes of a codebook; its settings are those of a model of texts."""

    vocabulary: Identity[int] = Field(256, ge=2, le=4096, description="codes of the codebook, one for each frame")

    @model_validator(mode="after")
    def _is_of_clips(self) -> Self:
        plain = TextTraining()
        if self.pretrained is not None:
            raise ValueError("pretrained: no pretrained model knows the codes of this codebook; leave it out")
        if self.training.keep == "kr_test":
            raise ValueError("training.keep: clips have no KR-test; use 'last' or 'validation_nll'")
        if self.training.block is not None or self.training.first_token != plain.first_token:
            raise ValueError("training.block and training.first_token: a clip is one training sequence, all of which is learned")
        return self


class ClipDecoding(Decoding):
    """How a clip is written after its label, as texts are: by default in one go, each code after all before it."""

    new_tokens: Identity[int] = Field(64, ge=1, description="codes written at a time, each time after the source's own context")

    @model_validator(mode="after")
    def _from_the_codebook(self) -> Self:
        if self.do_sample == "model":
            raise ValueError("do_sample: a model from scratch does not say itself how it is read out")
        return self
