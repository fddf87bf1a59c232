"""What a model made is taken in whatever shape it comes; no checkpoint may refuse it later."""

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from tools.outputs import Output


def test_what_no_checkpoint_can_hold_is_replaced() -> None:
    data = {"half \ud83d": ["\ud83d\ude00", 2**64, -(2**64), 2**53, True, None, 0.5]}
    output = Output(text="half \ud83d", data=data)
    assert output.text == "half \ufffd"
    assert output.data == {"half \ufffd": ["\U0001f600", str(2**64), str(-(2**64)), 2**53, True, None, 0.5]}
    serializer = JsonPlusSerializer()
    kept = output.model_dump(mode="json")
    assert serializer.loads_typed(serializer.dumps_typed(kept)) == kept
