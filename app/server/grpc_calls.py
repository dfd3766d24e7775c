"""Unary calls of gRPC on one HTTP/2 connection: frames in, frames out; nothing here waits.

The protocol is https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: a message is a byte that shows
whether it is compressed, four bytes of length, and the bytes; the status comes in trailers.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import quote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded, StreamReset, WindowUpdated
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes

from app.api.expander.status import Code, StatusError

MAX_TEXT = 1000
"""Characters of an error; a name in it may have been long."""
MAX_CALLS = 4
"""Calls at a time on one connection; Cluster Autoscaler makes one."""
_WINDOW = 1 << 20
_HEADER_BYTES = 16 << 10
_PREFIX = 5
_UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])")
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")


@dataclass(slots=True)
class GrpcCall:
    """One call. ``seconds``: what the client gives it. ``since``: when it began.

    ``sent``: bytes of ``answer`` that are on their way.
    """

    stream: int
    path: str
    seconds: float | None
    since: float
    body: bytearray = field(default_factory=bytearray)
    answer: bytes = b""
    sent: int = 0
    status: Code | None = None

    def message(self) -> bytes:
        """The message of a complete body. Raises: StatusError."""
        body = self.body
        if len(body) < _PREFIX:
            raise StatusError(Code.INVALID_ARGUMENT, "the call has no message")
        if body[0]:
            raise StatusError(Code.UNIMPLEMENTED, "compressed messages are not supported")
        if int.from_bytes(body[1:_PREFIX], "big") != len(body) - _PREFIX:
            text = "the call must have one message, of the length that it states"
            raise StatusError(Code.INVALID_ARGUMENT, text)
        return bytes(memoryview(body)[_PREFIX:])


class GrpcCalls:
    """The calls of one connection.

    Args:
        paths: the methods that exist.
        most: bytes of one message.
        clock: seconds.
        begin: called with each call that is complete.
        end: called with a call that its client has given up.
    """

    def __init__(
        self,
        paths: Iterable[str],
        most: int,
        clock: Callable[[], float],
        begin: Callable[[GrpcCall], None],
        end: Callable[[GrpcCall], None],
    ) -> None:
        self._paths = frozenset(paths)
        self._most = most
        self._clock = clock
        self._begin = begin
        self._end = end
        self._open: dict[int, GrpcCall] = {}
        self._arriving: dict[int, GrpcCall] = {}
        self._http2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        limits: dict[SettingCodes | int, int] = {
            SettingCodes.MAX_CONCURRENT_STREAMS: MAX_CALLS,
            SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
            SettingCodes.MAX_HEADER_LIST_SIZE: _HEADER_BYTES,
        }
        self._http2.initiate_connection()
        self._http2.update_settings(limits)
        self._http2.increment_flow_control_window(_WINDOW)

    @property
    def since(self) -> float | None:
        """When the oldest call began whose message is not complete; None without one."""
        return min((call.since for call in self._arriving.values()), default=None)

    def receive(self, data: bytes) -> bool:
        """Takes in bytes of the client; returns whether the connection may go on."""
        try:
            for event in self._http2.receive_data(data):
                self._handle(event)
        except (ProtocolError, UnicodeDecodeError):
            # h2 has written the reason for the client.
            return False
        return True

    def to_send(self) -> bytes:
        """Bytes for the client."""
        return self._http2.data_to_send()

    def succeed(self, call: GrpcCall, message: bytes) -> None:
        """Answers a call."""
        if call.stream in self._open:
            call.answer = b"\0" + len(message).to_bytes(_PREFIX - 1, "big") + message
            call.status = Code.OK
            self._http2.send_headers(call.stream, _HEAD)
            self._flush(call)

    def fail(self, call: GrpcCall, code: Code, text: str) -> None:
        """Ends a call with an error. Its client need not send the rest."""
        if self._open.pop(call.stream, None) is None:
            return
        unfinished = self._arriving.pop(call.stream, None) is not None
        message = quote(text[:MAX_TEXT], safe=_PRINTABLE)
        status = [("grpc-status", str(int(code))), ("grpc-message", message)]
        self._http2.send_headers(call.stream, [*_HEAD, *status], end_stream=True)
        if unfinished:
            self._refuse_rest(call.stream)

    def close(self) -> None:
        """Ends the connection, with a notice for the client."""
        self._http2.close_connection()

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._request(event)
            case DataReceived():
                self._data(event)
            case StreamEnded():
                self._complete(event.stream_id)
            case StreamReset():
                self._arriving.pop(event.stream_id, None)
                call = self._open.pop(event.stream_id, None)
                if call is not None:
                    self._end(call)
            case WindowUpdated():
                for call in [item for item in self._open.values() if item.status is not None]:
                    self._flush(call)

    def _request(self, event: RequestReceived) -> None:
        headers: Mapping[str, str] = {_text(name): _text(value) for name, value in event.headers}
        stream = event.stream_id
        call = GrpcCall(
            stream, headers.get(":path", ""), _seconds(headers.get("grpc-timeout", "")), self._clock()
        )
        self._open[stream] = self._arriving[stream] = call
        kind = headers.get("content-type", "")
        if headers.get(":method") != "POST" or not kind.startswith("application/grpc"):
            del self._open[stream], self._arriving[stream]
            self._http2.send_headers(stream, [(":status", "415")], end_stream=True)
            self._refuse_rest(stream)
        elif call.path not in self._paths:
            self.fail(call, Code.UNIMPLEMENTED, f"there is no method {call.path}")

    def _refuse_rest(self, stream: int) -> None:
        with suppress(StreamClosedError):  # the client has sent all
            self._http2.reset_stream(stream, ErrorCodes.NO_ERROR)

    def _data(self, event: DataReceived) -> None:
        self._http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        call = self._arriving.get(event.stream_id)
        if call is None:
            return
        if len(call.body) + len(event.data) > self._most + _PREFIX:
            text = f"the request is larger than {self._most} bytes (expanderBodyBytes)"
            self.fail(call, Code.RESOURCE_EXHAUSTED, text)
            return
        call.body += event.data

    def _complete(self, stream: int) -> None:
        call = self._arriving.pop(stream, None)
        if call is not None:
            self._begin(call)

    def _flush(self, call: GrpcCall) -> None:
        """Sends what the client has room for, and the status behind the last byte."""
        stream = call.stream
        while call.sent < len(call.answer):
            room = min(self._http2.local_flow_control_window(stream), self._http2.max_outbound_frame_size)
            if room <= 0:
                return
            part = call.answer[call.sent : call.sent + room]
            self._http2.send_data(stream, part)
            call.sent += len(part)
        del self._open[stream]
        self._http2.send_headers(stream, [("grpc-status", "0")], end_stream=True)


_HEAD = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-accept-encoding", "identity")]


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode()


def _seconds(timeout: str) -> float | None:
    found = _TIMEOUT.fullmatch(timeout)
    return float(found[1]) * _UNITS[found[2]] if found is not None else None
