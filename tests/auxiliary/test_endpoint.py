from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gnomon.auxiliary.endpoint import EndpointReader, EndpointSettings, Pace, chat_body, data_uri
from gnomon.auxiliary.reader import ReaderError, Request, ask
from gnomon.parts import part
from gnomon.records import BadRecord, Media


class Script:
    """An endpoint whose answers a test writes: status and text by the question and its turn."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[str, int], tuple[int, str]] = lambda text, turn: (200, text.upper())
        self.lock = threading.Lock()
        self.headers: dict[str, str] = {}


@pytest.fixture
def script() -> Iterator[tuple[Script, str]]:
    made = Script()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = body["messages"][-1]["content"]
            with made.lock:
                made.asked.append(text)
                turn = made.asked.count(text)
            status, reply = made.answer(text, turn)
            message = {"role": "assistant", "content": reply}
            data = {"id": "1", "object": "chat.completion", "created": 0, "model": "m",
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
                    }  # fmt: skip
            raw = json.dumps(data if status == 200 else {"error": {"message": reply}}).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield made, f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def made() -> Iterator[Callable[..., EndpointReader]]:
    """Makes readers that wait for nothing, and closes their connections."""
    readers: list[EndpointReader] = []

    def make(address: str, **settings: Any) -> EndpointReader:
        settings = {"model": "m", "base_url": address, "retries": 2, **settings}
        reader = part("reader", "endpoint", **settings).supply({"root": None})
        assert isinstance(reader, EndpointReader)
        reader.sleep = WAITS.append
        readers.append(reader)
        return reader

    WAITS.clear()
    yield make
    for reader in readers:
        if reader._client is not None:
            reader._client.close()


WAITS: list[float] = []
Make = Callable[..., EndpointReader]
Scripted = tuple[Script, str]


def test_replies_come_by_index_whatever_order_they_arrive_in(script: Scripted, made: Make) -> None:
    reader = made(script[1], concurrency=4)
    assert reader([ask(text) for text in "abcdef"]) == list("ABCDEF")
    assert reader.counts.summary() == {
        "asked": 6, "cached": 0, "failed": 0, "prompt_tokens": 18, "reply_tokens": 12,
    }  # fmt: skip


def test_a_failing_server_is_asked_again_after_growing_waits(script: Scripted, made: Make) -> None:
    script[0].answer = lambda text, turn: (200, "yes") if turn == 3 else (500, "busy")
    assert made(script[1])([ask("a")]) == ["yes"]
    assert WAITS == [0.5, 1.0]


def test_the_wait_that_the_server_asks_for_is_kept(script: Scripted, made: Make) -> None:
    script[0].answer = lambda text, turn: (200, "yes") if turn == 2 else (429, "slow down")
    script[0].headers = {"retry-after": "7"}
    assert made(script[1])([ask("a")]) == ["yes"]
    assert WAITS == [7.0]


def test_a_request_that_never_succeeds_is_none_and_counted(script: Scripted, made: Make) -> None:
    script[0].answer = lambda text, turn: (500, "no") if text == "b" else (200, "yes")
    reader = made(script[1])
    assert reader([ask("a"), ask("b"), ask("c")]) == ["yes", None, "yes"]
    assert reader.counts.failed == 1
    assert script[0].asked.count("b") == 3


def test_a_refused_request_is_not_asked_again(script: Scripted, made: Make) -> None:
    script[0].answer = lambda text, turn: (400, "too long") if text == "b" else (200, "yes")
    assert made(script[1])([ask("a"), ask("b")]) == ["yes", None]
    assert script[0].asked.count("b") == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_wrong_key_or_model_ends_the_run_with_the_reason(
    script: Scripted, made: Make, status: int
) -> None:
    script[0].answer = lambda text, turn: (status, "unknown model m")
    with pytest.raises(ReaderError, match=r"refused model 'm'.*unknown model m"):
        made(script[1])([ask("a")])


def test_a_server_that_is_not_there_is_told_at_the_first_batch(made: Make) -> None:
    with pytest.raises(ReaderError, match="answered none of the first 2 requests"):
        made("http://127.0.0.1:9/v1", retries=0)([ask("a"), ask("b")])


def test_a_server_that_goes_away_later_costs_replies_only(script: Scripted, made: Make) -> None:
    reader = made(script[1], retries=0)
    assert reader([ask("a")]) == ["A"]
    script[0].answer = lambda text, turn: (500, "down")
    assert reader([ask("b")]) == [None]


def test_known_replies_are_not_asked_again(script: Scripted, made: Make, tmp_path: Path) -> None:
    cache = str(tmp_path / "replies.jsonl")
    assert made(script[1], cache=cache)([ask("a"), ask("b")]) == ["A", "B"]
    again = made(script[1], cache=cache)
    assert again([ask("b"), ask("a"), ask("c")]) == ["B", "A", "C"]
    assert script[0].asked.count("a") == 1
    assert again.counts.cached == 2
    assert made(script[1], cache=cache, temperature=1.0)([ask("a")]) == ["A"]
    assert script[0].asked.count("a") == 2


def test_the_pace_spaces_requests_evenly() -> None:
    waits: list[float] = []
    pace = Pace(60, waits.append)
    for _ in range(4):
        pace.wait()
    assert waits == pytest.approx([0, 1, 2, 3], abs=0.2)


def test_no_rate_limit_never_waits() -> None:
    waits: list[float] = []
    Pace(0, waits.append).wait()
    assert waits == []


def test_nothing_is_asked_without_requests(made: Make) -> None:
    assert made("http://127.0.0.1:9/v1")([]) == []


def test_images_go_to_their_places_as_data(paint: Callable[..., Media]) -> None:
    request = ask("Left <image> and <image>?", media=[paint("red"), paint("blue")])
    body = chat_body(request, EndpointSettings("m", ""))
    blocks = body["messages"][0]["content"]
    assert [block["type"] for block in blocks] == ["text", "image_url", "text", "image_url", "text"]
    assert blocks[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert blocks[1] != blocks[3]


def test_a_place_without_an_image_costs_the_request_only(script: Scripted, made: Make) -> None:
    assert made(script[1])([ask("<image>?"), ask("a")]) == [None, "A"]


def test_an_image_outside_the_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRecord, match="outside"):
        data_uri(Media("image", path=Path("../x.png")), tmp_path)
    with pytest.raises(BadRecord, match="no such file"):
        data_uri(Media("image", path=Path("x.png")), tmp_path)


def test_a_video_goes_to_its_place_as_data(film: Callable[..., Media]) -> None:
    video = film(2)
    body = chat_body(ask("What moves in <image>?", media=[video]), EndpointSettings("m", ""))
    block = body["messages"][0]["content"][1]
    url = block["video_url"]["url"]
    assert block["type"] == "video_url"
    assert base64.b64decode(url.removeprefix("data:video/mp4;base64,")) == video.data


def test_a_sound_is_no_data_for_an_endpoint() -> None:
    with pytest.raises(BadRecord, match="an image is needed, not audio"):
        data_uri(Media("audio", data=b"x"))


def test_a_local_server_is_a_reader_over_http(
    served: str, tiny_policy: Any, made: Make, paint: Callable[..., Media]
) -> None:
    from gnomon.auxiliary.local import LocalReader
    from gnomon.models.sampler import SamplingSettings

    here = LocalReader(tiny_policy, SamplingSettings(8, 0.0))
    there = made(f"{served}/v1", model="tiny", max_new_tokens=8)
    requests = [
        ask("How many circles?", system="Be short."),
        ask("<image>Is it red?", media=[paint("red")]),
        Request(ask("Which?").messages, (), "<think>t</think><answer>"),
        ask("red " * 9000),
    ]
    assert there(requests) == here(requests)
    assert there.counts.failed == here.counts.failed == 1
    assert there.counts.prompt_tokens == here.counts.prompt_tokens
