"""What a suite, or a user, can set about spoken clips, whatever models them. Imports no torch: listing stays instant."""

from typing import Literal

from pydantic import Field, model_validator

from fortifai.config import Frozen, Identity, Runtime

MOST_SPEAKERS = 400
"""Speaker settings that spoken digits are made with: voices x speeds x pitches, see `data.speech`."""


class AudioData(Frozen):
    """Which clips, how they are split, and by which features they are compared. A plain string is ``source``."""

    source: Identity[str] = Field(
        "spoken-digits",
        min_length=1,
        description="spoken-digits, by eSpeak NG; speech-commands, yesno: of torchaudio; or a folder of WAV files",
    )
    root: Runtime[str | None] = Field(None, description="folder in which torchaudio keeps its data sets; nothing is downloaded")
    speakers: Identity[int] = Field(
        MOST_SPEAKERS, ge=3, le=MOST_SPEAKERS, description="of spoken-digits: settings of voice, speed and pitch"
    )
    validation: Identity[float] = Field(0.1, gt=0, lt=0.5, description="share of the speakers held out for validation")
    test: Identity[float] = Field(0.15, gt=0, lt=0.5, description="share of the speakers held out for testing")
    most_held_out: Identity[int] = Field(1000, ge=1, description="most clips in the validation and in the test split, each")
    seed: Identity[int] = Field(0, ge=0, description="of the split")
    features: Identity[Literal["auto", "classifier", "statistics"]] = Field(
        "auto",
        description="by which clips are compared; auto: a classifier of the pool for labelled clips, else statistics of bands",
    )

    @model_validator(mode="before")
    @classmethod
    def _source_alone(cls, value: object) -> object:
        return {"source": value} if isinstance(value, str) else value
