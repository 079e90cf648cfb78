"""What people write for de-identification, as a model, or the first thing wrong in it as a sentence."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from app.errors import InvalidPolicy

Model = TypeVar("Model", bound=BaseModel)


def parsed(model: type[Model], said: object, what: str = "") -> Model:
    """`said` as this model; `what` begins the sentence. Raises InvalidPolicy."""
    try:
        return model.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    except RecursionError:
        raise InvalidPolicy("The policy is nested too deep.") from None
    where = ".".join(str(step) for step in first["loc"])
    wrong = first["msg"].removeprefix("Value error, ")
    raise InvalidPolicy(": ".join(part for part in (what, where, wrong) if part) + ".")
