"""The same tables with nothing required: what a base or an override may leave to others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_args  # Any: JSON Schema, whose leaves are of any type.

from pydantic import BaseModel, Field, create_model

from nexus.config.fields import Model


def partial_of(model: type[BaseModel], without: Collection[str] = ()) -> type[Model]:
    """Make every key of a table optional, and of the tables in it.

    Entries of lists stay whole, and so does a table that has one of several forms: they are
    replaced, never merged.
    """
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        if name in without:
            continue
        inner = _table_in(info.annotation)
        annotation: Any = partial_of(inner) if inner else info.rebuild_annotation()
        fields[name] = (annotation | None, Field(default=None, alias=info.alias))
    return create_model(f"{model.__name__}Part", __base__=Model, __doc__=model.__doc__, **fields)


def _table_in(annotation: Any) -> type[BaseModel] | None:
    """Find the model of a key whose value is one table; None of a list or of several forms."""
    candidates = [kind for kind in (get_args(annotation) or [annotation]) if kind is not type(None)]
    only = candidates[0] if len(candidates) == 1 else None
    return only if isinstance(only, type) and issubclass(only, BaseModel) else None
