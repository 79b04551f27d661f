"""One item of a KR-test."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Item(BaseModel):
    """A context, its true continuation and a false one, and where in the text it stands (a count that rises with position)."""

    model_config = ConfigDict(frozen=True)

    context: str
    sentence_true: str = Field(pattern=r"\S")
    sentence_false: str = Field(pattern=r"\S")
    location: int = Field(ge=0)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.sentence_true == self.sentence_false:
            raise ValueError("sentence_true and sentence_false are the same")
        return self
