"""Links and arguments, with the task types given, so that no embedding model has a say."""

import hashlib

import pytest

from graph.planners.retrieval_clauses import read
from graph.planners.retrieval_linking import Linker
from graph.planners.retrieval_matching import Pick
from graph.planners.retrieval_steps import Earlier
from graph.types import Input, Plan, Task
from tools.errors import InputError
from tools.outputs import Artifact, Media
from tools.tasks import TASKS

MEDIA: dict[str, Media] = {"wav": "audio", "png": "image", "txt": "text", "csv": "table"}


def file(name: str) -> Artifact:
    suffix = name.rpartition(".")[2]
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Artifact(sha256=digest, media=MEDIA[suffix], mime="a/b", suffix=f".{suffix}", name=name)


def link(request: str, files: str, *names: str, earlier: tuple[Earlier, ...] = ()) -> list[str]:
    """Return the steps for a request whose n-th clause is the n-th task, as `name(slot=source or value)`."""
    artifacts = [file(name) for name in files.split()]
    parts = read(request, artifacts)
    clauses = [clause for clause in parts.clauses if clause.plain]
    picks = [Pick(clause, TASKS[name], 1.0) for clause, name in zip(clauses, names, strict=True)]
    steps = Linker(parts, artifacts, TASKS, earlier).link(picks)
    Plan(tasks=tuple(Task(id=step.id, name=step.row.name, inputs=step.inputs) for step in steps))
    refs = {artifact.ref: artifact.name for artifact in artifacts}

    def shown(item: Input) -> str:
        return f"{item.slot}={f'<{item.source}>' if item.source else refs.get(item.value or '', item.value)}"

    return [f"{step.row.name}({', '.join(map(shown, step.inputs))})" for step in steps]


ASR, NER, SUM, TTS = "automatic-speech-recognition", "token-classification", "summarization", "text-to-speech"
OCR, DQA, MT, SIM = "image-to-text", "document-question-answering", "translation", "sentence-similarity"


def test_it_is_the_text_to_read_and_not_the_labels() -> None:
    steps = link("Transcribe this, find the names, summarise it and say it", "a.wav", ASR, NER, SUM, TTS)
    assert steps == [f"{ASR}(audio=a.wav)", f"{NER}(text=<0>)", f"{SUM}(text=<0>)", f"{TTS}(text=<2>)"]


def test_a_result_is_found_by_what_it_is_called() -> None:
    steps = link("Transcribe this, summarise it, find the names in the transcript", "a.wav", ASR, SUM, NER)
    assert steps[2] == f"{NER}(text=<0>)"


def test_a_question_about_a_page_goes_to_the_page_and_the_rest_to_its_text() -> None:
    request = "Read this page, tell me the total due, summarise it, translate the summary to French"
    assert link(request, "invoice.png", OCR, DQA, SUM, MT) == [
        f"{OCR}(image=invoice.png)",
        f"{DQA}(image=invoice.png, question=What is the total due?)",
        f"{SUM}(text=<0>)",
        f"{MT}(text=<2>, target_language=French)",
    ]


def test_a_summary_that_nobody_asked_for_is_made_when_it_is_spoken_of() -> None:
    steps = link("Transcribe it and translate the summary to French", "a.wav", ASR, MT)
    assert steps == [f"{ASR}(audio=a.wav)", f"{SUM}(text=<0>)", f"{MT}(text=<1>, target_language=French)"]


@pytest.mark.parametrize(("name", "reader", "slot"), [("a.wav", ASR, "audio"), ("p.png", OCR, "image")])
def test_a_file_is_read_first_when_its_text_is_wanted(name: str, reader: str, slot: str) -> None:
    assert link("Summarise this", name, SUM) == [f"{reader}({slot}={name})", f"{SUM}(text=<0>)"]


def test_several_files_make_several_tasks_all_the_way_down() -> None:
    steps = link("Transcribe both and translate them to Spanish", "a.wav b.wav", ASR, MT)
    assert steps == [
        f"{ASR}(audio=a.wav)",
        f"{ASR}(audio=b.wav)",
        f"{MT}(text=<0>, target_language=Spanish)",
        f"{MT}(text=<1>, target_language=Spanish)",
    ]


def test_two_transcripts_are_compared_with_each_other() -> None:
    assert (
        link("Transcribe both and compare them", "a.wav b.wav", ASR, SIM)[2]
        == f"{SIM}(text=<0>, other_text=<1>)"
    )


@pytest.mark.parametrize(
    ("request_", "chosen"),
    [("Transcribe this", "b.wav"), ("Transcribe a.wav", "a.wav"), ("Transcribe 'A.WAV'", "a.wav")],
)
def test_the_newest_file_is_taken_unless_one_is_named(request_: str, chosen: str) -> None:
    assert link(request_, "a.wav b.wav", ASR) == [f"{ASR}(audio={chosen})"]


def test_two_languages_make_two_translations() -> None:
    steps = link("Translate 'hi' to French and Spanish", "", MT)
    assert steps == [f"{MT}(text=hi, target_language=French)", f"{MT}(text=hi, target_language=Spanish)"]


def test_a_summary_in_a_language_is_translated() -> None:
    steps = link("Summarise notes.txt in German", "notes.txt", SUM)
    assert steps == [f"{SUM}(text=notes.txt)", f"{MT}(text=<0>, target_language=German)"]


def test_images_are_worked_on_one_after_the_other_unless_the_original_is_meant() -> None:
    edit, depth, label = "image-to-image", "depth-estimation", "image-classification"
    steps = link(
        "Make the sky red, estimate the depth, classify the original image", "p.png", edit, depth, label
    )
    assert steps == [
        f"{edit}(image=p.png, instruction=Make the sky red)",
        f"{depth}(image=<0>)",
        f"{label}(image=p.png)",
    ]


def test_pictures_are_made_from_a_prompt_or_from_a_text_made_before() -> None:
    draw = "text-to-image"
    assert link("Draw a cat", "", draw) == [f"{draw}(text=a cat)"]
    assert link("Transcribe this and draw it", "a.wav", ASR, draw)[1] == f"{draw}(text=<0>)"
    assert link("Transcribe this and draw a cat", "a.wav", ASR, draw)[1] == f"{draw}(text=a cat)"


def test_a_quoted_question_is_not_its_own_context() -> None:
    steps = link("Answer 'Who wrote it?' from 'Ann wrote it.'", "", "question-answering")
    assert steps == ["question-answering(question=Who wrote it?, context=Ann wrote it.)"]


def test_a_question_without_a_text_is_left_to_the_conversation() -> None:
    assert link("Who wrote Hamlet?", "", "question-answering") == []
    steps = link("Tell me who wrote Hamlet and say the answer aloud", "", "question-answering", TTS)
    assert steps == ["conversational(text=Who wrote Hamlet?)", f"{TTS}(text=<0>)"]


def test_a_repeated_wish_makes_one_task() -> None:
    depth = "depth-estimation"
    steps = link("Estimate the depth. Provide an image of the depth.", "p.png", depth, depth)
    assert steps == [f"{depth}(image=p.png)"]


EARLIER = (Earlier(ASR, "The whole speech."), Earlier(SUM, "In short."), Earlier(NER, "Ann (PERSON)"))


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ("Translate that summary to French", "In short."),
        ("Translate the transcript to French", "The whole speech."),
        ("Translate it to French", "In short."),
        ("Translate 'hello' to French", "hello"),
    ],
)
def test_a_later_turn_comes_back_to_earlier_results(request_: str, text: str) -> None:
    assert link(request_, "a.wav", MT, earlier=EARLIER) == [f"{MT}(text={text}, target_language=French)"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (ASR, "This needs an audio file; attach one (--file on the command line)."),
        ("image-segmentation", "This needs an image; attach one (--file on the command line)."),
        (
            SUM,
            "This needs a text: put it in quotes or after a colon, or attach a file (--file on the command line).",
        ),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(name: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        link("Do it", "", name)
    assert str(error.value) == sentence


GEN, QA = "text-generation", "question-answering"


def test_a_writer_gets_the_text_and_what_to_write_about_it() -> None:
    steps = link("Summarise notes.txt, write a poem about the summary", "notes.txt", SUM, GEN)
    assert steps[1] == f"{GEN}(text=<0>, instruction=write a poem about the summary)"
    steps = link("Rephrase 'We are late' more politely", "", GEN)
    assert steps == [f"{GEN}(text=We are late, instruction=Rephrase this text more politely)"]
    assert link("Write a poem about the sea", "", GEN) == [f"{GEN}(text=Write a poem about the sea)"]


@pytest.mark.parametrize(
    ("wish", "name", "reader", "slot"),
    [
        ("Write a poem about this picture", "p.png", OCR, "image"),
        ("Write a reply to this voice message", "a.wav", ASR, "audio"),
        ("Turn this recording into a blog post", "a.wav", ASR, "audio"),
    ],
)
def test_what_is_to_be_written_about_is_read_first(wish: str, name: str, reader: str, slot: str) -> None:
    assert link(wish, name, "text-generation") == [
        f"{reader}({slot}={name})",
        f"text-generation(text=<0>, instruction={wish})",
    ]
    assert link("Write a poem about the sea", name, "text-generation") == [
        "text-generation(text=Write a poem about the sea)"
    ]


def test_a_recording_that_is_named_is_read_though_another_one_was() -> None:
    assert link("Transcribe a.wav and summarise b.wav", "a.wav b.wav", ASR, SUM) == [
        f"{ASR}(audio=a.wav)",
        f"{ASR}(audio=b.wav)",
        f"{SUM}(text=<1>)",
    ]


def test_what_was_made_of_a_recording_is_read_rather_than_the_recording() -> None:
    assert link("Clean it and summarise it", "a.wav", "audio-to-audio", SUM) == [
        "audio-to-audio(audio=a.wav)",
        f"{ASR}(audio=<0>)",
        f"{SUM}(text=<1>)",
    ]


def test_what_was_asked_for_in_a_language_is_spoken_in_it() -> None:
    request = "Summarise it in French and read the summary aloud"
    assert link(request, "a.txt", SUM, TTS)[1:] == [
        f"{MT}(text=<0>, target_language=French)",
        f"{TTS}(text=<1>)",
    ]
    request = "Summarise it, translate it to French and read the summary aloud"
    assert link(request, "a.txt", SUM, MT, TTS)[2:] == [f"{TTS}(text=<0>)"]


def test_them_are_the_names_that_were_found_and_it_is_the_text() -> None:
    found = [f"{ASR}(audio=a.wav)", f"{NER}(text=<0>)"]
    assert link("Transcribe it, find the names and read them out", "a.wav", ASR, NER, TTS) == [
        *found,
        f"{TTS}(text=<1>)",
    ]
    assert link("Transcribe it, find the names and read it out", "a.wav", ASR, NER, TTS) == [
        *found,
        f"{TTS}(text=<0>)",
    ]


def test_a_quote_and_not_its_label_is_translated() -> None:
    steps = link("Classify 'How bad!'. Translate it to German.", "", "text-classification", MT)
    assert steps[1] == f"{MT}(text=How bad!, target_language=German)"


def test_without_a_text_the_last_one_of_the_turns_before_is_meant() -> None:
    before = (Earlier(ASR, "artifact://a"), Earlier(SUM, "artifact://b"))
    assert link("Shorter please", "", SUM, earlier=before) == [f"{SUM}(text=artifact://b)"]


def test_one_summary_is_wanted_in_two_languages() -> None:
    assert link("Summarise it in German and French", "a.txt", SUM)[1:] == [
        f"{MT}(text=<0>, target_language=German)",
        f"{MT}(text=<0>, target_language=French)",
    ]


def test_a_summary_is_made_before_a_poem_about_it() -> None:
    assert link("Write a poem about the summary of notes.txt", "notes.txt", GEN)[:1] == [
        f"{SUM}(text=notes.txt)"
    ]


def test_a_text_is_translated_before_it_is_read_in_a_language() -> None:
    steps = link("Transcribe this and read it aloud in French", "a.wav", ASR, TTS)
    assert steps[1:] == [f"{MT}(text=<0>, target_language=French)", f"{TTS}(text=<1>)"]


def test_a_question_may_be_spoken_in_a_recording() -> None:
    request = "I recorded a question in a.wav about the page p.png. Look up the answer on the page"
    assert link(request, "a.wav p.png", DQA) == [f"{ASR}(audio=a.wav)", f"{DQA}(image=p.png, question=<0>)"]


def test_two_questions_are_both_asked_of_the_text() -> None:
    steps = link("Transcribe this. Who is calling? When do they meet?", "a.wav", ASR, QA, QA)
    assert [step.endswith("context=<0>)") for step in steps] == [False, True, True]


def test_results_of_earlier_turns_are_counted() -> None:
    earlier = (Earlier(SUM, "One."), Earlier(ASR, "Talk."), Earlier(SUM, "Two."))
    assert link("Read the first summary aloud", "", TTS, earlier=earlier) == [f"{TTS}(text=One.)"]
    assert link("Compare the first summary with the second summary", "", SIM, earlier=earlier) == [
        f"{SIM}(text=One., other_text=Two.)"
    ]


def test_several_named_files_give_several_tasks() -> None:
    assert link("Transcribe a.wav and b.wav", "a.wav b.wav", ASR) == [
        f"{ASR}(audio=a.wav)",
        f"{ASR}(audio=b.wav)",
    ]
