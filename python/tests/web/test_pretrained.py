"""The pretrained model of the page, and the tool that trains it."""

import importlib.util
import math

import recurrent
from recurrent.demo.sentences import CORPUS
from recurrent.web.actions import PRETRAINED, perform
from sessions import frame_part, open_session, wait_for
from support import ROOT


def test_sentences_are_memorized():
    with open_session(CORPUS.read_text(encoding="utf-8")) as session:
        perform(session, "pretrained", {})
        sentences, model = session.trainer.sentences, session.trainer.model
        assert len(sentences) == 100
        assert sum(model.cost(sentence).cost < math.log(3 * len(sentences)) for sentence in sentences) >= 99
        assert any(memorized for _, memorized in frame_part(session, "samples")["samples"])
        # further training keeps them
        subscriber = session.subscribe()
        perform(session, "resume", {})
        wait_for(lambda: session.trainer.step > 1000)
        assert max(y for _, y in session.trainer.curve.points) < math.log(1.3)
        subscriber.close()


def test_ships():
    assert PRETRAINED.is_file()


def test_tool(tmp_path):
    spec = importlib.util.spec_from_file_location("pretrain", ROOT / "python" / "tools" / "pretrain.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    tool.pretrain(tmp_path / "m.json", "--epochs", "1", "--hidden-sizes", "4", "--embedding", "2")
    model = recurrent.SentenceModel.load_recurrentjs(tmp_path / "m.json")
    assert model.hidden_sizes == (4,) and len(model.step_cache) == len(model.parameters)
    assert all(float(f"{x:.5g}") == x for x in model.parameters.flat.w[:, 0].tolist())
