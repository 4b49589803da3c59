"""Checks events of OpenAI Realtime against the types of the PyPI package `openai`.

    realtime_types.py < EVENTS

EVENTS has a line of JSON for each event, `{"server": EVENT}` or `{"client": EVENT}`. Each must be of the type that
the package has for an event of its name, strictly, and have no field that the type does not know. Prints how many
events of which name there were; exit code 1 and what is wrong with the first that is not as it should be.
"""

import collections
import json
import sys
import typing

try:
    import pydantic
    from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
except ImportError as error:
    sys.exit(
        f"{error}: make a Python that has it with\n"
        "    python3 -m venv VENV && VENV/bin/pip install -r tools/ci/requirements.txt\n"
        "and name it to the tests with VOICELT_TEST_PYTHON=VENV/bin/python"
    )

# What the service shows of a session beside what clients can set; the types of the package leave it out.
SHOWN_OF_A_SESSION = {"id", "object"}


def by_name(union: typing.Any) -> dict[str, type[pydantic.BaseModel]]:
    """The types of a union of events, by the names of the events."""
    members = typing.get_args(typing.get_args(union)[0])
    return {typing.get_args(member.model_fields["type"].annotation)[0]: member for member in members}


def unknown(path: str, value: typing.Any) -> typing.Iterator[str]:
    """The fields that no type knows, in `value` and what it consists of."""
    if isinstance(value, list):
        for at, part in enumerate(value):
            yield from unknown(f"{path}[{at}]", part)
    elif isinstance(value, pydantic.BaseModel):
        for name in value.model_extra or {}:
            if not (path.endswith(".session") and name in SHOWN_OF_A_SESSION):
                yield f"{path}.{name}"
        for name in type(value).model_fields:
            yield from unknown(f"{path}.{name}", getattr(value, name))


def main() -> int:
    types = {"server": by_name(RealtimeServerEvent), "client": by_name(RealtimeClientEvent)}
    counts: collections.Counter[str] = collections.Counter()
    for line in sys.stdin:
        [(side, event)] = json.loads(line).items()
        name = event.get("type")
        if name not in types[side]:
            print(f"no event of the {side} is called {name!r}", file=sys.stderr)
            return 1
        try:
            parsed = types[side][name].model_validate_json(json.dumps(event), strict=True)
        except pydantic.ValidationError as error:
            print(f"{error}\n{json.dumps(event)[:2000]}", file=sys.stderr)
            return 1
        extra = list(unknown(name, parsed))
        if extra:
            print(f"unknown: {', '.join(extra)}\n{json.dumps(event)[:2000]}", file=sys.stderr)
            return 1
        counts[f"{side} {name}"] += 1
    for name, count in sorted(counts.items()):
        print(f"{name} {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
