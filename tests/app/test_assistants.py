from app.assistants import every_file, pictures_box

PLACES = [["image"], ["pictures", "items"]]


def test_every_file_of_a_list_has_a_place():
    found = every_file({"image": "a", "pictures": ["b", "c"]}, PLACES)
    assert [place for place in found if "items" not in place] == [
        ["image"],
        ["pictures", 0],
        ["pictures", 1],
    ]


def test_what_is_no_list_has_no_further_places():
    for sent in ({}, {"pictures": None}, {"pictures": "b"}):
        assert every_file(sent, PLACES) == PLACES


def test_the_box_of_pictures_says_all_in_one_place():
    schema = pictures_box().api_info()
    assert "$ref" not in str(schema)
    assert (
        schema["items"]["properties"]["meta"]["properties"]["_type"]["const"] == "gradio.FileData"
    )
