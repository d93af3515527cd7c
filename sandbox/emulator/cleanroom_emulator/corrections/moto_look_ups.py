"""Not a difference from AWS but from its speed: what moto works out anew for every call is kept or looked up.

A third of a call's time goes into listing moto's directories, the methods of its classes, and every tag there is.
"""

from __future__ import annotations

import functools
from typing import Any

import moto.backends
import moto.core.responses
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

from ..amendments import Amendments

amendments = Amendments()

_modules = moto.backends.list_of_moto_modules
_method_names = moto.core.responses.method_names_from_class


@functools.cache
def list_of_moto_modules() -> frozenset[str]:
    return frozenset(_modules())


@functools.cache
def method_names_from_class(clazz: type) -> frozenset[str]:
    """Asked first when every correction has been applied."""
    return frozenset(_method_names(clazz))


@amendments.add(TaggedEC2Resource)
def get_tags(self: Any) -> list[dict[str, str]]:
    if not self.id:
        return []
    resource_type = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
    return [
        {"resource_id": self.id, "key": key, "value": value, "resource_type": resource_type}
        for key, value in self.ec2_backend.tags.get(self.id, {}).copy().items()
    ]


def apply() -> None:
    amendments.apply()
    moto.backends.list_of_moto_modules = list_of_moto_modules
    moto.core.responses.method_names_from_class = method_names_from_class
