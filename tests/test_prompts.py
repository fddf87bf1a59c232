import pytest

from prompts import PLACEHOLDER, PROMPTS, render


@pytest.mark.parametrize("name", sorted(PROMPTS))
def test_a_prompt_takes_its_values_as_they_are(name: str) -> None:
    values = {key: f"<{key}> {{text}} {{}} \\1" for key in PLACEHOLDER.findall(PROMPTS[name])}
    filled = render(name, **values)
    assert all(value in filled for value in values.values())


@pytest.mark.parametrize("values", [{}, {"problem": "x", "more": "y"}])
def test_a_value_too_few_or_too_many_is_an_error(values: dict[str, str]) -> None:
    with pytest.raises(KeyError, match="takes"):
        render("repair", **values)
