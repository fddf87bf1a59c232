import pytest

from prompts import FOLDER, PLACEHOLDER, render, source

NAMES = sorted(str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.rglob("*.md"))


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_takes_its_values_as_they_are(name: str) -> None:
    values = {key: f"<{key}> {{text}} {{}} \\1" for key in PLACEHOLDER.findall(source(name))}
    filled = render(name, **values)
    assert all(value in filled for value in values.values())


@pytest.mark.parametrize("values", [{}, {"problem": "x", "more": "y"}])
def test_a_value_too_few_or_too_many_is_an_error(values: dict[str, str]) -> None:
    with pytest.raises(KeyError, match="takes"):
        render("repair", **values)
