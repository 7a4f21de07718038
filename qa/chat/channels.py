"""Settings → the channels that have been set up."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from qa.chat.channel import Channel
from qa.errors import ChannelNotFoundError, SettingsError
from qa.settings import PREFIX, Settings

# What each channel needs; one that has some of it and not all is a mistake.
_NEEDED = {
    "slack": ("slack_signing_secret", "slack_bot_token"),
    "feishu": ("feishu_app_id", "feishu_app_secret", "feishu_token"),
    "dingtalk": ("dingtalk_secret",),
    "wecom": ("wecom_token", "wecom_aes_key"),
    "teams": ("teams_app_id", "teams_app_password"),
}
_ADDRESSES = ("public_url", "slack_url", "feishu_url", "dingtalk_url", "wecom_url", "teams_url")


def open_channels(settings: Settings) -> dict[str, Channel]:
    """Return the channels whose settings are complete, by name; raises SettingsError."""
    found: dict[str, Channel] = {}
    for name, needed in _NEEDED.items():
        missing = [one for one in needed if not getattr(settings, one)]
        if not missing:
            _check_secrets(needed, settings)
            found[name] = _OPENERS[name](settings)
        elif len(missing) < len(needed):
            raise SettingsError(
                f"{name} is half set up: set {_variables(missing)} as well, or unset "
                f"{_variables([one for one in needed if one not in missing])}; see docs/chat.md"
            )
    for one in _ADDRESSES if found else ():
        _check_address(one, getattr(settings, one))
    return found


def channel_of(channels: dict[str, Channel], name: str) -> Channel:
    """Return a channel by its name; raises ChannelNotFoundError."""
    if name in channels:
        return channels[name]
    if name not in _NEEDED:
        raise ChannelNotFoundError(
            f"there is no chat {name[:40]!r}; use one of {', '.join(_NEEDED)}"
        )
    raise ChannelNotFoundError(
        f"{name} has not been set up; set {_variables(_NEEDED[name])} and start the service "
        "again (docs/chat.md)"
    )


def _variables(names: tuple[str, ...] | list[str]) -> str:
    return " and ".join(f"{PREFIX}{one.upper()}" for one in names)


def _check_secrets(names: tuple[str, ...], settings: Settings) -> None:
    for one in names:
        value = getattr(settings, one)
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise SettingsError(
                f"{_variables([one])} has characters that none has; copy it again from the console"
            )


def _check_address(name: str, url: str) -> None:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.query):
        raise SettingsError(
            f"{_variables([name])}={url!r} is no address such as https://tiaowen.example.cn"
        )


def _slack(settings: Settings) -> Channel:
    from qa.chat.sending import Sender
    from qa.chat.slack import Slack

    return Slack(
        settings.slack_signing_secret,
        settings.slack_bot_token,
        settings.slack_url.rstrip("/"),
        Sender("Slack"),
    )


def _feishu(settings: Settings) -> Channel:
    from qa.chat.feishu import Feishu
    from qa.chat.sending import Sender

    return Feishu(
        settings.feishu_app_id,
        settings.feishu_app_secret,
        settings.feishu_token,
        settings.feishu_encrypt_key,
        settings.feishu_url.rstrip("/"),
        Sender("Feishu"),
    )


def _dingtalk(settings: Settings) -> Channel:
    from qa.chat.dingtalk import DingTalk
    from qa.chat.sending import Sender

    return DingTalk(settings.dingtalk_secret, settings.dingtalk_url, Sender("DingTalk"))


def _wecom(settings: Settings) -> Channel:
    from qa.chat.sending import Sender
    from qa.chat.wecom import WeCom
    from qa.chat.wecom_crypt import Crypt

    crypt = Crypt.of(settings.wecom_token, settings.wecom_aes_key, settings.wecom_corp_id)
    return WeCom(crypt, settings.wecom_secret, settings.wecom_url.rstrip("/"), Sender("WeCom"))


def _teams(settings: Settings) -> Channel:
    from qa.chat.sending import Sender
    from qa.chat.teams import Teams
    from qa.chat.teams_token import KeyRing

    url = settings.teams_url.rstrip("/")
    keys = KeyRing(Sender("Teams", seconds=5.0, pauses=()), url)
    return Teams(
        settings.teams_app_id,
        settings.teams_app_password,
        settings.teams_tenant,
        url,
        Sender("Teams"),
        keys,
    )


_OPENERS: dict[str, Callable[[Settings], Channel]] = {
    "slack": _slack,
    "feishu": _feishu,
    "dingtalk": _dingtalk,
    "wecom": _wecom,
    "teams": _teams,
}
