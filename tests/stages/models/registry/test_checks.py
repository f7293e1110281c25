import pytest

from stages.catalogue import params_for_work, parse_params
from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError


def lines(base):
    with pytest.raises(FactoryError) as error:
        parse_params({"base": base})
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    ("base", "problem"),
    [
        (
            {"profile": "nope"},
            "`base.profile`: no such profile (got 'nope'; allowed: compact, flux)",
        ),
        (
            {"models": {"flow": {"path": "/nope"}}},
            "unknown key `base.models.flow.path`; known: compile, device, dtype, name, offload",
        ),
        (
            {"models": {"flow": {"nam": "x"}}},
            "unknown key `base.models.flow.nam`; did you mean `name`?",
        ),
        (
            {"models": {"flow": {"dtype": "float99"}}},
            "`base.models.flow.dtype`: Input should be 'float32', 'float16' or 'bfloat16' "
            "(got 'float99'; allowed: float32, float16, bfloat16)",
        ),
        (
            {"models": {"flow": {"device": "gpu"}}},
            "`base.models.flow.device`: String should match pattern "
            "'^(cpu|mps|(cuda|xpu)(:\\d{1,2})?)$' (got 'gpu')",
        ),
        (
            {"models": {"flow": {"offload": "yes"}}},
            "`base.models.flow.offload`: Input should be a valid boolean (got 'yes')",
        ),
        (
            {"models": {"flow": {"name": 3}}},
            "`base.models.flow.name`: Input should be a valid string (got 3)",
        ),
        (
            {"models": {"flow": {"backend": "onnx"}}},
            "`base.models.flow.backend`: no such back end (got 'onnx'; allowed: diffusers)",
        ),
        ({"models": {"flow": {"backend": [1]}}}, "`base.models.flow.backend`: no such back end"),
        (
            {"models": {"flow": None}},
            "`base.models.flow`: this role may not be left out",
        ),
        ({"models": {"flwo": {}}}, "unknown key `base.models.flwo`; did you mean `flow`?"),
        (
            {"models": {"judge": {"backend": "vlm"}}},
            "vlm needs the role `chat`, which",
        ),
        ({"models": {"flow": 3}}, "`base.models.flow`: Input should be a valid dictionary (got 3)"),
        (
            {"profile": "flux", "models": {"chat": {"parameters": {"top_p": float("nan")}}}},
            "`base.models.chat.parameters`: `parameters` must be finite",
        ),
        (
            {"profile": "flux", "models": {"chat": {"parameters": {"model": "m"}}}},
            "`base.models.chat.parameters`: `parameters` may not set model",
        ),
        (
            {"profile": "flux", "models": {"chat": {"backend": "transformers"}}},
            "`base.models.chat.name`: Field required",
        ),
    ],
)
def test_what_is_wrong_with_a_back_end_is_one_line_before_any_work(base, problem):
    (line,) = lines(base)
    assert line.startswith("params.yaml: ") and problem in line


@pytest.mark.parametrize(
    "options",
    [{"key": "sk-secret"}, {"base_url": "https://u:sk-secret@host/v1"}, {"base_url": "sk-secret"}],
)
def test_what_may_be_a_key_is_not_repeated(options):
    (line,) = lines({"profile": "flux", "models": {"chat": options}})
    assert "sk-secret" not in line and f"base.models.chat.{next(iter(options))}" in line


class TestBeforeWork:
    def params(self, root, text):
        (root / "params.yaml").write_text(text)
        with pytest.raises(FactoryError) as error:
            params_for_work(root)
        return str(error.value)

    @pytest.mark.parametrize("name", ["/no/such/folder", "weights/nothing", "owner/repo"])
    def test_a_model_that_is_nowhere(self, tmp_path, name):
        message = self.params(tmp_path, f"base: {{models: {{flow: {{name: {name}}}}}}}")
        assert message.startswith("params.yaml: `base.models.flow.name`: ")
        assert name in message

    def test_a_key_that_is_not_in_the_environment(self, tmp_path, monkeypatch):
        monkeypatch.delenv("NO_SUCH_KEY", raising=False)
        text = "base: {profile: flux, models: {chat: {key: NO_SUCH_KEY}}}"
        message = self.params(tmp_path, text)
        assert (
            message.startswith("params.yaml: `base.models.chat.key`: ") and "NO_SUCH_KEY" in message
        )

    def test_words_that_no_model_hears(self, tmp_path):
        message = self.params(tmp_path, "invert: {prompt: a cat}")
        assert message.startswith("params.yaml: `invert.prompt`: ") and "weights/compact" in message

    def test_pinned_names_of_the_hub_need_not_be_here(self, tmp_path):
        (tmp_path / "params.yaml").write_text("base: {profile: flux}")
        assert params_for_work(tmp_path)["base"] == BaseParams(profile="flux")
