import pytest

from graph.planners import retrieval_arguments as arguments


@pytest.mark.parametrize(
    ("clause", "question"),
    [
        ("tell me the total due", "What is the total due?"),
        ("say the total due", "What is the total due?"),
        ("give me the names on the list", "What are the names on the list?"),
        ("tell me who signed it", "Who signed it?"),
        ("find out how much it costs", "How much it costs?"),
        ("What is the date?", "What is the date?"),
    ],
)
def test_a_clause_becomes_a_question(clause: str, question: str) -> None:
    assert arguments.question(clause) == question


@pytest.mark.parametrize(
    ("clause", "languages"),
    [
        ("translate it to French", (["French"], None)),
        ("translate it from English to German and french", (["German", "French"], "English")),
        ("translate the English text to Spanish", (["Spanish"], "English")),
        ("translate it", ([], None)),
    ],
)
def test_languages_are_told_apart(clause: str, languages: tuple[list[str], str | None]) -> None:
    assert arguments.languages(clause) == languages


@pytest.mark.parametrize(
    ("clause", "labels"),
    [
        ("Is this review positive or negative", ["positive", "negative"]),
        ("Is this positive or negative?", ["positive", "negative"]),
        ("Classify the text as sports, politics or business", ["sports", "politics", "business"]),
        ("Sort it into the categories billing, delivery and returns", ["billing", "delivery", "returns"]),
        ("Does the photo show a beach or a city?", ["beach", "city"]),
        ("Classify the text", []),
        ("Describe it as well as you can", []),
    ],
)
def test_labels_are_read_from_a_choice(clause: str, labels: list[str]) -> None:
    assert arguments.labels(clause) == labels


@pytest.mark.parametrize(
    ("clause", "prompt"),
    [
        ("Draw a castle on a hill at sunset", "a castle on a hill at sunset"),
        ("create an image of a cat wearing a hat", "a cat wearing a hat"),
        ("make me a picture of a red car.", "a red car"),
        ("make a 5 second video of a red car", "a red car"),
        ("Create an image", ""),
    ],
)
def test_a_prompt_is_what_is_to_be_shown(clause: str, prompt: str) -> None:
    assert arguments.prompt(clause) == prompt


def test_what_is_written_in_a_picture_is_a_part_of_it() -> None:
    assert arguments.lettered("Draw a sign that says 'Open'.") == "a sign that says 'Open'"
    assert arguments.lettered("Draw 'a red car'") is None


@pytest.mark.parametrize(
    ("clause", "instruction"),
    [
        ("make the sky purple", "Make the sky purple"),
        ("enhance the photo", None),
        ("edit the image", None),
    ],
)
def test_enhancing_needs_no_instruction(clause: str, instruction: str | None) -> None:
    assert arguments.instruction(clause) == instruction


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        ("say hello world", "hello world"),
        ("translate good morning to French", "good morning"),
        ("translate it to French", None),
        ("summarise it", None),
    ],
)
def test_a_text_may_stand_without_quotes(clause: str, text: str | None) -> None:
    assert arguments.inline(clause) == text
