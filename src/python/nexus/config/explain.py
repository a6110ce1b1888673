"""Turn what pydantic found into problems a person can act on: field, bad value, accepted values.

Values are shown, except under `static_key`: a key pasted there by mistake must not be repeated
in a log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nexus.config.error import PROBLEMS_MAX, Problem, show, unshown
from nexus.config.layers import render
from nexus.config.limits import CountError
from nexus.config.lines import Location
from nexus.core.errors import did_you_mean

# Below these keys no value is ever shown.
SECRET_KEYS: Final = ("static_key",)

# The keys whose value is one of several models.
_UNIONS: Final = ("static_key", "public_key")

# More tables with one key than this are not a hint.
_PLACES_MAX: Final = 2

# The sign that pydantic puts after a key that is wrong itself.
_OF_KEY: Final = "[key]"

_TYPES: Final[Mapping[str, str]] = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}

_LISTS: Final = ("tuple_type", "list_type")


def explain(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """List the problems in the order of the file's model; of too many, the first and how many."""
    found = error.errors()
    problems = [_explain_one(details, model) for details in found[:PROBLEMS_MAX]]
    if more := len(found) - len(problems):
        problems.append(unshown(more))
    return list(dict.fromkeys(problems))


def _explain_one(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    location = _strip_tags(details["loc"])
    if location[1:] and location[-1] == _OF_KEY and location[-2] == details["input"]:
        location = location[:-1]
    explainer = _EXPLAINERS.get(details["type"], _explain_value)
    return Problem(render(location), explainer(details, location, model))


def _explain_unknown(details: ErrorDetails, location: Location, model: type[BaseModel]) -> str:
    accepted = accepted_keys(model, location[:-1])
    key = str(location[-1])
    hint = did_you_mean(key, accepted) or _hint_elsewhere(key, model)
    return f"unknown key; expected {', '.join(accepted)}{hint}"


def _hint_elsewhere(key: str, model: type[BaseModel]) -> str:
    """Name the tables that have the key: in TOML a key belongs to the header above it."""
    places = [place for place in _places(model, "") if place.rpartition(".")[2] == key]
    listed = " or ".join(repr(place) for place in places[:_PLACES_MAX])
    return f"; did you mean {listed}?" if places else ""


def _places(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        place = f"{prefix}{field.alias or name}"
        yield place
        for inner in _models_in(field.annotation):
            yield from _places(inner, f"{place}.")


def _explain_missing(details: ErrorDetails, location: Location, model: type[BaseModel]) -> str:
    return "is missing; this key is required"


def _explain_choice(details: ErrorDetails, location: Location, model: type[BaseModel]) -> str:
    expected = str(details.get("ctx", {}).get("expected", ""))
    accepted = expected.replace("'", "").replace(" or ", ", ")
    value = details["input"]
    hint = did_you_mean(value, accepted.split(", ")) if isinstance(value, str) else ""
    return f"{_value(details, location)}; expected {accepted}{hint}"


def _explain_value(details: ErrorDetails, location: Location, model: type[BaseModel]) -> str:
    kind = details["type"]
    if kind == "value_error":
        text = str(details["ctx"]["error"])
        if isinstance(details["ctx"]["error"], CountError):
            return text
    elif kind in _LISTS and isinstance(details["input"], dict):
        if not accepted_keys(model, (*location, 0)):
            return "is a table; expected a list, such as [...]"
        return f"is a table; expected a list of tables, each below a header {_header(location)}"
    elif kind in _TYPES:
        text = f"expected {_TYPES[kind]}"
    else:
        text = details["msg"][:1].lower() + details["msg"][1:]
    return f"{_value(details, location)}; {text}"


def _header(location: Location) -> str:
    return f"[[{'.'.join(str(key) for key in location)}]]"


_EXPLAINERS: Final[Mapping[str, Callable[[ErrorDetails, Location, type[BaseModel]], str]]] = {
    "extra_forbidden": _explain_unknown,
    "missing": _explain_missing,
    "literal_error": _explain_choice,
}


def _value(details: ErrorDetails, location: Location) -> str:
    if any(key in SECRET_KEYS for key in location) or _holds_secret(details["input"]):
        return "(value not shown)"
    return show(details["input"])


def _holds_secret(value: object) -> bool:
    """Whether a table or list that stands in a wrong place has a secret somewhere in it."""
    if isinstance(value, dict):
        inner = any(_holds_secret(held) for held in value.values())
        return inner or any(key in SECRET_KEYS for key in value)
    return isinstance(value, list) and any(_holds_secret(held) for held in value)


def accepted_keys(model: type[BaseModel], location: Location) -> list[str]:
    """List the keys of the table at `location`, as the file spells them."""
    models = [model]
    for key in location:
        if isinstance(key, int):
            continue
        models = [
            inner
            for outer in models
            for name, field in outer.model_fields.items()
            if (field.alias or name) == key
            for inner in _models_in(field.annotation)
        ]
    keys = (field.alias or name for held in models for name, field in held.model_fields.items())
    return list(dict.fromkeys(keys))


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _strip_tags(location: Location) -> Location:
    """Leave out the name that pydantic puts after a union's key for the branch it took."""
    return tuple(
        key
        for index, key in enumerate(location)
        if index == 0 or location[index - 1] not in _UNIONS
    )
