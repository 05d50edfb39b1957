import json

import pytest

from vilt_core.data import json_files
from vilt_core.data.json_files import field, load_json, stream_array

ROWS = [{"id": number, "said": ["straße", '] , [ "'], "of": {"a": None}} for number in range(40)]


@pytest.mark.parametrize("portion", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"separators": (",", ":")}])
def test_a_stream_is_the_array_whatever_the_portions(tmp_path, monkeypatch, portion, layout):
    monkeypatch.setattr(json_files, "_PORTION", portion)
    file = tmp_path / "rows.json"
    file.write_text(json.dumps(ROWS[:6] if portion == 1 else ROWS, **layout))
    assert list(stream_array(file)) == json.loads(file.read_text())


@pytest.mark.parametrize("portion", [1, 7, 1 << 20])
def test_nothing_is_lost_behind_an_array(tmp_path, monkeypatch, portion):
    monkeypatch.setattr(json_files, "_PORTION", portion)
    file = tmp_path / "rows.json"
    file.write_text('[{"a": 1}] \n\n [{"a": 2}]')
    with pytest.raises(ValueError, match=r"rows\.json: expected one array alone, got '\["):
        list(stream_array(file))
    file.write_text('[{"a": 1}] \n\n ')
    assert list(stream_array(file)) == [{"a": 1}]


def test_an_empty_array_streams_nothing(tmp_path):
    file = tmp_path / "rows.json"
    file.write_text(" [ ] \n")
    assert list(stream_array(file)) == []


def test_wherever_it_is_cut_an_array_says_so(tmp_path):
    whole = json.dumps(ROWS[:3])
    file = tmp_path / "rows.json"
    for end in range(len(whole)):
        file.write_text(whole[:end])
        with pytest.raises(ValueError, match=r"rows\.json"):
            list(stream_array(file))


@pytest.mark.parametrize("content", ['{"a": 1}', "[1, 2]", "[true]", "no json", '["a"]'])
def test_what_is_no_array_of_records_is_refused(tmp_path, content):
    file = tmp_path / "rows.json"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"rows\.json: expected"):
        list(stream_array(file))


def test_load_simplifies_the_innermost_first(tmp_path):
    file = tmp_path / "rows.json"
    file.write_text(json.dumps({"answers": [{"answer": "yes"}, {"answer": "no"}]}))
    simple = load_json(file, simplify=lambda entry: entry.get("answer", entry))
    assert simple == {"answers": ["yes", "no"]}


@pytest.mark.parametrize(
    "content", [b'{"a": [1, 2', b"", b"\xff\xfe{}", b"[" * 100_000, b"1" * 5_000]
)
def test_a_damaged_file_is_named(tmp_path, content):
    file = tmp_path / "rows.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"rows\.json is not readable JSON"):
        load_json(file)


@pytest.mark.parametrize("read", [load_json, lambda path: list(stream_array(path))])
def test_a_file_that_is_not_there_is_named(tmp_path, read):
    with pytest.raises(ValueError, match=r"gone\.json, found none"):
        read(tmp_path / "gone.json")


@pytest.mark.parametrize("record", [{}, {"name": 3}, [], None, "name"])
def test_a_field_of_another_kind_is_refused(record):
    with pytest.raises(ValueError, match="row 3: expected words under 'name'"):
        field(record, "name", str, where="row 3")
