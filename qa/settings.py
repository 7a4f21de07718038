"""Settings, read from an environment mapping that the caller passes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from qa.errors import SettingsError

PREFIX = "TIAOWEN_"
CHOICES = {
    "enrichment": ("on", "off"),
    "gaps": ("on", "off"),
    "feedback": ("on", "off"),
    "follow_ups": ("rules", "model", "off"),
    "generation": ("on", "off"),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default; each is one environment variable with the prefix."""

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 0  # as many as the machine can use
    corpus: Path = Path("corpus")
    index: Path = Path("index")
    jobs: Path = Path()  # a folder in that of the index
    jobs_waiting: int = 20
    jobs_kept: int = 200
    jobs_days: int = 7
    encoder: str = "embedded"
    enrichment: str = "on"
    gaps: str = "on"
    follow_ups: str = "rules"
    feedback: str = "on"
    manage_key: str = field(default="", repr=False)
    origins: str = ""
    generation: str = "off"
    llm_url: str = ""
    llm_model: str = ""
    llm_key: str = field(default="", repr=False)
    llm_seconds: int = 20
    max_question_chars: int = 2000
    max_top_k: int = 50
    max_upload_mb: int = 20
    log_level: str = "info"
    public_url: str = ""
    slack_signing_secret: str = field(default="", repr=False)
    slack_bot_token: str = field(default="", repr=False)
    slack_url: str = "https://slack.com/api"
    feishu_app_id: str = ""
    feishu_app_secret: str = field(default="", repr=False)
    feishu_token: str = field(default="", repr=False)
    feishu_encrypt_key: str = field(default="", repr=False)
    feishu_url: str = "https://open.feishu.cn/open-apis"
    dingtalk_secret: str = field(default="", repr=False)
    dingtalk_url: str = ""
    wecom_token: str = field(default="", repr=False)
    wecom_aes_key: str = field(default="", repr=False)
    wecom_corp_id: str = ""
    wecom_secret: str = field(default="", repr=False)
    wecom_url: str = "https://qyapi.weixin.qq.com/cgi-bin"
    teams_app_id: str = ""
    teams_app_password: str = field(default="", repr=False)
    teams_tenant: str = ""
    teams_url: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings an environment asks for; an unusable value is a SettingsError."""
        home = _home()
        values: dict[str, object] = {"corpus": home / "corpus", "index": home / "index"}
        for one in fields(cls):
            name = PREFIX + one.name.upper()
            text = environ.get(name, "").strip()
            if text:
                values[one.name] = _parse(name, text, one.default, CHOICES.get(one.name, ()))
        return cls(**values)  # type: ignore[arg-type]

    def to_env(self) -> dict[str, str]:
        """Return the environment that `from_env` makes these settings of."""
        return {PREFIX + one.name.upper(): str(getattr(self, one.name)) for one in fields(self)}

    @property
    def jobs_folder(self) -> Path:
        """Return the folder of the workbooks that are answered in the background."""
        return self.index / "jobs" if self.jobs == Path() else self.jobs


def _home() -> Path:
    """Return the folder that holds corpus/: here, else the checkout the package runs from."""
    here = Path.cwd()
    checkout = Path(__file__).resolve().parent.parent
    if not (here / "corpus").is_dir() and (checkout / "corpus" / "catalog.toml").is_file():
        return checkout
    return here


def _parse(name: str, text: str, default: object, choices: tuple[str, ...]) -> object:
    if choices:
        if text.lower() not in choices:
            raise SettingsError(
                f"{name}={text!r} is none of {', '.join(choices)}; unset it to use {default}"
            )
        return text.lower()
    if isinstance(default, Path):
        return Path(text)
    if isinstance(default, int):
        if not text.isdecimal() or int(text) > 1_000_000:
            raise SettingsError(
                f"{name}={text!r} is not a whole number from 0 to 1000000; "
                f"unset it to use {default}"
            )
        return int(text)
    return text
