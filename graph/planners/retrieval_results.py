"""What tasks make, and the words a request has for it."""

ANSWERS = (
    "question-answering",
    "table-question-answering",
    "visual-question-answering",
    "document-question-answering",
)
DOCUMENTS = (
    "automatic-speech-recognition",
    "image-to-text",
    "summarization",
    "translation",
    "text-generation",
    "conversational",
    "fill-mask",
)
"""Tasks that make a text to read, as opposed to an answer, labels or numbers."""
CLASSES = (
    "text-classification",
    "zero-shot-classification",
    "image-classification",
    "zero-shot-image-classification",
    "audio-classification",
    "zero-shot-audio-classification",
    "video-classification",
    "tabular-classification",
)
DETECTORS = ("object-detection", "zero-shot-object-detection")
RESULTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"summar(?:y|ies|i[sz]ed)|abstract|overview", ("summarization",)),
    (r"translat(?:ions?|ed)", ("translation",)),
    (r"transcri(?:pts?|ptions?|bed)|recogni[sz]ed (?:text|speech)", ("automatic-speech-recognition",)),
    (r"captions?|descri(?:ptions?|bed)", ("image-to-text", "text-generation", "visual-question-answering")),
    (r"answers?|answered", (*ANSWERS, "conversational")),
    (
        r"entit(?:y|ies)|names|(?:these|those) (?:people|persons|places|dates|locations|organi[sz]ations|words|terms)",
        ("token-classification",),
    ),
    (r"objects?|labels|detect(?:ed|ion|ions)|boxes", (*DETECTORS, "image-classification")),
    (r"class(?:es|ified|ifications?)?|categor(?:y|ies)|labels?", (*CLASSES, *DETECTORS)),
    (r"sentiments?|emotions?|mood|tone", ("text-classification", "audio-classification")),
    (r"similarity|score", ("sentence-similarity",)),
    (r"respons(?:e|es)|repl(?:y|ies)|conversation", ("conversational",)),
    (
        r"stor(?:y|ies)|poem|passage|variations?|generated text|new text|new sentence|paragraph",
        ("text-generation",),
    ),
    (r"extracted text|text (?:from|in|of) the (?:image|page|photo|picture)|page", ("image-to-text",)),
)
"""Words for what a task made, and the tasks that make it."""
DIGESTS = (
    "summarization",
    "question-answering",
    "token-classification",
    "text-classification",
    "zero-shot-classification",
)
"""Tasks for which `it` is a text to read rather than an answer or labels."""
LISTS = ("token-classification", *DETECTORS)
"""Tasks that make lists, which are `them` to what comes behind."""
WRITERS = ("text-generation", "conversational")
"""Tasks that take a prompt and make text."""
