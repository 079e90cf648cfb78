"""How records tell of people: by row and by the name that others read."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field


class Person(BaseModel):
    """Somebody, as others read of them."""

    id: int = Field(examples=[7])
    name: str = Field(examples=["Ada Lovelace"])


class Named(BaseModel):
    """A record of somebody."""

    person: Person | None = Field(examples=[{"id": 7, "name": "Ada Lovelace"}])

    @staticmethod
    def of(record: Any) -> dict[str, Any]:
        """The values of a record with `person`, their row, and `person_name`."""
        values = asdict(record)
        name, row = values.pop("person_name"), values["person"]
        return {**values, "person": None if row is None else {"id": row, "name": name}}
