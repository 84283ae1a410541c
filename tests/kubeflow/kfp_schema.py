"""What KFP's API says of its requests and answers, read from its generated client.

`kfp_server_api` is made from the API's published definition: every call has its path,
its query and its types, and every type its fields. A request or an answer is checked
against these, and not against what we believe of them.
"""

from __future__ import annotations

import datetime
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import kfp_server_api

# Whole numbers of 64 bits: JSON has them as text, and both are read.
_INT64 = ("max_concurrency", "interval_second", "total_size")


class SchemaError(AssertionError):
    """A request or an answer is not what the API's definition says."""


@dataclass(frozen=True)
class Operation:
    """One call of the API.

    Args:
        name: Such as `run_service_create_run`; older releases leave out the service.
        method: GET, POST or DELETE.
        path: With names in braces.
        query: Names that the query may hold.
        body: Type of the body, or None.
        is_upload: Whether the body is a file in a form.
        answer: Type of the answer.
    """

    name: str
    method: str
    path: str
    query: frozenset[str]
    body: str | None
    is_upload: bool
    answer: str

    @property
    def call(self) -> str:
        """The name without the service: `create_run`."""
        return self.name.partition("_service_")[2] or self.name

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """The parts of a path, or None if it is the path of another call."""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/:]+)", re.escape(self.path))
        matched = re.fullmatch(pattern, path) if method == self.method else None
        return matched and {k: unquote(v) for k, v in matched.groupdict().items()}


def operations() -> list[Operation]:
    """All calls of the API; those with fewer names in their path come first."""
    calls = []
    for name, api in vars(kfp_server_api).items():
        if not name.endswith("ServiceApi"):
            continue
        for method_name, method in vars(api).items():
            if method_name.endswith("_with_http_info"):
                call = method_name.removesuffix("_with_http_info")
                calls.append(_operation(call, inspect.getsource(method)))
    return sorted(calls, key=lambda operation: operation.path.count("{"))


def check(value: Any, kind: str, where: str = "") -> None:
    """Refuses a JSON value that is not of a type of the API.

    Raises:
        SchemaError: It has an unknown field, or one of another type.
    """
    if value is None or kind == "object":
        return
    if matched := re.fullmatch(r"list\[(.*)\]", kind):
        _expect(isinstance(value, list), value, kind, where)
        for item in value:
            check(item, matched[1], where)
    elif matched := re.fullmatch(r"dict\(str, (.*)\)", kind):
        _expect(isinstance(value, dict), value, kind, where)
        for key, item in value.items():
            check(item, matched[1], f"{where}.{key}")
    elif kind == "datetime":
        _expect(isinstance(value, str), value, kind, where)
        datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    elif kind in _SIMPLE:
        kinds = _SIMPLE[kind]
        if where.rpartition(".")[2] in _INT64:
            kinds = (str, int)
        is_wrong_bool = isinstance(value, bool) and bool not in kinds
        _expect(isinstance(value, kinds) and not is_wrong_bool, value, kind, where)
    else:
        _check_model(value, kind, where)


def check_filter(text: str) -> list[Mapping[str, Any]]:
    """Reads the filter of a list call; returns its predicates.

    Raises:
        SchemaError: It has an unknown field, or an unknown operation.
    """
    parsed = json.loads(text)
    _only(parsed, {"predicates"}, "filter")
    model = kfp_server_api.V2beta1Predicate
    fields = {_camel(name): name for name in model.attribute_map.values()}
    operation = kfp_server_api.V2beta1PredicateOperation
    for predicate in parsed["predicates"]:
        _only(predicate, {*fields, *fields.values()}, "filter.predicates")
        number = predicate["operation"]
        _expect(
            isinstance(number, int) and 0 < number < len(operation.allowable_values),
            number,
            "V2beta1PredicateOperation",
            "filter.operation",
        )
    return parsed["predicates"]


_SIMPLE: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
}


def _check_model(value: Any, kind: str, where: str) -> None:
    model = getattr(kfp_server_api, kind)
    if allowed := getattr(model, "allowable_values", None):
        _expect(value in allowed, value, kind, where)
        return
    _expect(isinstance(value, dict), value, kind, where)
    names = {json_name: name for name, json_name in model.attribute_map.items()}
    _only(value, set(names), where or kind)
    for name, item in value.items():
        check(item, model.openapi_types[names[name]], f"{where}.{name}")


def _operation(name: str, source: str) -> Operation:
    path, method = re.findall(r"call_api\(\s*'([^']+)', '([A-Z]+)'", source)[0]
    body = re.findall(r"body_params = local_var_params\['(\w+)'\]", source)
    answer = re.findall(r"response_type='([^']+)'", source)
    return Operation(
        name,
        method,
        path,
        frozenset(re.findall(r"query_params\.append\(\('(\w+)'", source)),
        re.findall(rf":type {body[0]}: (\S+)", source)[0] if body else None,
        "local_var_files['uploadfile'] =" in source,
        answer[0],
    )


def _only(value: Mapping[str, Any], names: set[str], where: str) -> None:
    unknown = set(value) - names
    if unknown:
        raise SchemaError(f"{where} has no field {sorted(unknown)}")


def _expect(is_right: bool, value: Any, kind: str, where: str) -> None:
    if not is_right:
        raise SchemaError(f"{where} must be {kind}. Received: {value!r}")


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
