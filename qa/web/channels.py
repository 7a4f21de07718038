"""`/v1/chat/{channel}`: what an office chat sends, answered at once or afterwards."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from qa.chat.channel import Channel, Content, Ignored, Incoming, IncomingMessage
from qa.chat.channels import channel_of, open_channels
from qa.chat.dialogue import Dialogue
from qa.chat.memory import open_memory
from qa.errors import DeliveryError
from qa.models import Answer
from qa.settings import Settings
from qa.web.holder import EngineSource

logger = logging.getLogger(__name__)

_RECEIVING = 8  # threads of each worker; whoever waits for a platform holds up nobody else
_ANSWERING = 16
COMPLETIONS = "completions"  # the address beside ours that imitates OpenAI


class ChannelService:
    """The endpoint of every channel. Work is done in threads, since it reads and writes files."""

    def __init__(
        self, source: EngineSource, settings: Settings, note: Callable[[Answer], None]
    ) -> None:
        """Open the channels of the settings; raises SettingsError for one that is half set up."""
        self._channels = open_channels(settings)
        self._receiving = CapacityLimiter(_RECEIVING)
        self._answering = CapacityLimiter(_ANSWERING)
        self._dialogue: Dialogue | None = None
        if self._channels:
            memory = open_memory(settings.index)
            self._dialogue = Dialogue(source.current, settings, memory, note)

    async def receive(self, request: Request, channel: str) -> Response:
        """Take what a chat platform sends; docs/chat.md says how to connect one."""
        if channel == COMPLETIONS:
            raise HTTPException(405, headers={"Allow": "POST"})
        found = channel_of(self._channels, channel)
        incoming = Incoming(
            method=request.method,
            headers=dict(request.headers),
            query=dict(request.query_params),
            body=await request.body(),
            now=time.time(),
        )
        return await to_thread.run_sync(self._handle, found, incoming, limiter=self._receiving)

    async def echo(self, request: Request, channel: str) -> Response:
        """Answer the test of the address that WeCom makes when it is entered."""
        return await self.receive(request, channel)

    def _handle(self, channel: Channel, incoming: Incoming) -> Response:
        assert self._dialogue is not None
        received = channel.receive(incoming)
        if isinstance(received, Content):
            return _response(received)
        if isinstance(received, Ignored):
            logger.debug("%s: nothing is said, since it is %s", channel.name, received.reason)
            return _response(channel.acknowledgement)
        if not self._dialogue.is_new(channel.name, received, incoming.now):
            return _response(channel.acknowledgement)
        if channel.answers_at_once(received):
            reply = self._dialogue.answer(channel.name, received, incoming.now, at_once=True)
            return _response(channel.respond(received, reply, incoming.now))
        answering = BackgroundTask(self._answer_later, channel, received, incoming.now)
        return _response(channel.acknowledgement, answering)

    async def _answer_later(self, channel: Channel, message: IncomingMessage, now: float) -> None:
        await to_thread.run_sync(self._answer, channel, message, now, limiter=self._answering)

    def _answer(self, channel: Channel, message: IncomingMessage, now: float) -> None:
        """Answer and send; what a platform does not take is told in the log."""
        assert self._dialogue is not None
        reply = self._dialogue.answer(channel.name, message, now, at_once=False)
        try:
            channel.deliver(message, reply)
        except DeliveryError as error:
            logger.error("%s", error)


def _response(content: Content, background: BackgroundTask | None = None) -> Response:
    return Response(content.body, media_type=content.media_type, background=background)
