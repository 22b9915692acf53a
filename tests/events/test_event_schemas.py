"""The published schemas say what the codec does, and the files are what the types say."""

import functools
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from event_documents import ALL_TYPES, NAMES, documents, encoded, minimal, small_json
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from events import schemas
from events.codec import EVENT_TYPES, Kind, decode, encode
from events.envelope import Event, event_type
from events.refusals import Refused
from events.topics import BY_NAME, TOPICS

few = settings(
    max_examples=settings.default.max_examples // 2,  # of each type
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@functools.cache
def validator(event: type[Event]) -> Draft202012Validator:
    return Draft202012Validator(schemas.schema(event))


@functools.cache
def open_validator(event: type[Event]) -> Draft202012Validator:
    """The same schema, but unknown fields are welcome, as to every reader."""

    def opened(item: Any) -> Any:
        if isinstance(item, dict):
            return {
                key: opened(value) for key, value in item.items() if (key, value) != ("additionalProperties", False)
            }
        return [opened(value) for value in item] if isinstance(item, list) else item

    return Draft202012Validator(opened(schemas.schema(event)))


def test_the_files_are_what_the_types_say() -> None:
    assert schemas.main(["--check"]) == 0


def test_check_finds_a_changed_a_missing_and_a_stale_file_and_writing_mends_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert schemas.main([], tmp_path) == 0
    assert schemas.main(["--check"], tmp_path) == 0
    (tmp_path / "events" / "image.result.v1.json").write_text("{}")
    (tmp_path / "asyncapi.yaml").unlink()
    (tmp_path / "events" / "old.v1.json").write_text("{}")
    assert schemas.main(["--check"], tmp_path) == 1
    said = capsys.readouterr().err
    assert [name in said for name in ("image.result.v1", "asyncapi.yaml", "old.v1", "run.paused")] == [
        True, True, True, False,
    ]  # fmt: skip
    assert schemas.main([], tmp_path) == 0
    assert schemas.main(["--check"], tmp_path) == 0


@pytest.mark.parametrize(("kind", "event"), ALL_TYPES, ids=NAMES)
def test_each_schema_is_one(kind: Kind, event: type[Event]) -> None:
    schema = schemas.schema(event)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == schemas.DIALECT
    assert schema["$id"] == f"urn:imageledger:schema:{event_type(event)}:v1"
    assert schema["properties"]["event_type"] == {"const": event_type(event)}
    assert schema["title"] == event.__name__
    assert schema["description"]
    structs = [schema, *schema.get("$defs", {}).values()]
    assert all(struct["additionalProperties"] is False for struct in structs)


@few
@given(data=st.data())
@pytest.mark.parametrize(("kind", "event"), ALL_TYPES, ids=NAMES)
def test_schemas_accept_what_producers_and_encode_write(kind: Kind, event: type[Event], data: st.DataObject) -> None:
    document = data.draw(documents(event))
    validator(event).validate(document)
    validator(event).validate(msgspec.json.decode(encode(decode(kind, encoded(document)))))


@few
@given(data=st.data())
@pytest.mark.parametrize(("kind", "event"), ALL_TYPES, ids=NAMES)
def test_schemas_and_codec_agree_on_a_changed_field(kind: Kind, event: type[Event], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([*event.__struct_fields__, "event_type"]))
    schema = validator(event).schema["properties"][name]
    value = data.draw(small_json | st.integers(-5, 20) | st.text(min_size=195, max_size=205))
    # Their differences: a schema's `format` is a remark, its integers may be written 1.0, and to the codec a null is
    # absent anywhere.
    assume("date-time" not in str(schema))
    assume(b"null" not in encoded(value))
    assume(not _holds_whole_float(value))
    document = minimal(event) | {name: value}
    try:
        decode(kind, encoded(document))
    except Refused:
        accepted = False
    else:
        accepted = True
    assert open_validator(event).is_valid(document) == accepted
    assert accepted or not validator(event).is_valid(document)


def _holds_whole_float(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_holds_whole_float(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, float) and value.is_integer()


def test_a_published_schema_is_closed_where_the_codec_ignores() -> None:
    for kind, event in ALL_TYPES:
        document = minimal(event) | {"colour": "red"}
        assert not validator(event).is_valid(document)
        assert decode(kind, encoded(document)) == decode(kind, encoded(minimal(event)))


def test_feedback_without_a_subject_is_invalid() -> None:
    event = next(event for _, event in ALL_TYPES if event.__name__ == "FeedbackRecorded")
    nothing = {key: value for key, value in minimal(event).items() if key != "image_id"}
    assert not validator(event).is_valid(nothing)
    assert not validator(event).is_valid(nothing | {"image_id": None})
    assert validator(event).is_valid(nothing | {"conversation_id": "c"})


@functools.cache
def asyncapi() -> Any:
    return yaml.safe_load((schemas.FOLDER / "asyncapi.yaml").read_text("utf-8"))


def test_asyncapi_names_every_public_topic_with_its_key_and_its_events() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.1.0"
    private = {"ledger.combine", "ledger.run", "partials"}
    assert set(document["channels"]) == {topic.name for topic in TOPICS} - private
    for kind, types in EVENT_TYPES.items():
        channel = document["channels"][kind]
        assert channel["address"] == f"imageledger.{kind}"
        assert list(channel["messages"]) == [event_type(event) for event in types]
        for event in types:
            message = document["components"]["messages"][event_type(event)]
            assert message["bindings"]["kafka"]["key"]["description"] == BY_NAME[kind].key
            assert (schemas.FOLDER / message["payload"]["$ref"]).is_file()


def test_every_local_reference_of_asyncapi_leads_somewhere() -> None:
    def references(item: Any) -> list[str]:
        if isinstance(item, dict):
            own = [item["$ref"]] if "$ref" in item else []
            return own + [found for value in item.values() for found in references(value)]
        return [found for value in item for found in references(value)] if isinstance(item, list) else []

    for reference in references(asyncapi()):
        if reference.startswith("#/"):
            at = asyncapi()
            for step in reference[2:].split("/"):
                at = at[step]
