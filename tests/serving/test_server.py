from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from gnomon.records import Media
from gnomon.serving.server import ServeError, serve

QUESTION = [{"role": "user", "content": "How many circles are red?"}]


@pytest.fixture
def client(served: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served}/v1", api_key="none", max_retries=0) as made:
        yield made


def ask(client: openai.OpenAI, **settings: Any) -> Any:
    chosen = {"max_tokens": 12, "temperature": 0, "messages": QUESTION, "model": "tiny"}
    return client.chat.completions.create(**(chosen | settings))


def post(address: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"{address}/v1/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode()
        return error.code, json.loads(text) if text.startswith("{") else {"text": text}


def picture(media: Media) -> dict[str, Any]:
    assert media.data is not None
    data = base64.b64encode(media.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def test_the_official_client_gets_an_answer_with_its_usage(client: openai.OpenAI) -> None:
    answer = ask(client)
    assert answer.model == "tiny"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens <= 512
    assert 1 <= usage.completion_tokens <= 12


def test_the_answer_is_that_of_the_model_itself(client: openai.OpenAI, tiny_policy: Any) -> None:
    from gnomon.models.generate import make_request, respond
    from gnomon.models.sampler import SamplingSettings

    request = make_request("How many circles are red?")
    expected = respond(tiny_policy, request, SamplingSettings(12, 0.0))
    assert ask(client).choices[0].message.content == expected


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_stream_adds_up_to_the_whole_answer(client: openai.OpenAI, temperature: float) -> None:
    settings = {"temperature": temperature, "seed": 5, "max_tokens": 20}
    whole = ask(client, **settings)
    pieces = list(ask(client, stream=True, stream_options={"include_usage": True}, **settings))
    text = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
    assert text == whole.choices[0].message.content
    assert [p.choices[0].finish_reason for p in pieces if p.choices][-1] is not None
    assert pieces[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert len(pieces) > 3


def test_an_image_changes_the_prompt(client: openai.OpenAI, paint: Callable[..., Media]) -> None:
    content = [picture(paint("red")), {"type": "text", "text": "How many circles are red?"}]
    answer = ask(client, messages=[{"role": "user", "content": content}])
    assert answer.usage.prompt_tokens > ask(client).usage.prompt_tokens


def test_a_video_is_read_as_its_frames(client: openai.OpenAI, film: Callable[..., Media]) -> None:
    used = []
    for count in (1, 3):
        data = base64.b64encode(film(count).data or b"").decode()
        block = {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{data}"}}
        content = [block, {"type": "text", "text": "How many circles are red?"}]
        answer = ask(client, messages=[{"role": "user", "content": content}])
        used.append(answer.usage.prompt_tokens - ask(client).usage.prompt_tokens)
    assert 0 < 2 * used[0] < used[1]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1/a.mp4", "videos must be data URIs"),
        ("data:image/png;base64,aGVsbG8=", "videos must be data URIs"),
        ("data:video/mp4;base64,aGVsbG8=", "no video of a known format"),
    ],
)
def test_a_video_that_is_none_is_refused(client: openai.OpenAI, url: str, message: str) -> None:
    block = {"type": "video_url", "video_url": {"url": url}}
    with pytest.raises(openai.BadRequestError, match=message):
        ask(client, messages=[{"role": "user", "content": [block]}])


def test_a_system_text_and_several_choices_are_understood(client: openai.OpenAI) -> None:
    turns = [{"role": "system", "content": "Be short."}, *QUESTION]
    answer = ask(client, messages=turns, n=3, temperature=1, seed=1)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]


def test_an_assistant_text_is_gone_on_with(client: openai.OpenAI) -> None:
    turns = [*QUESTION, {"role": "assistant", "content": "<think> There"}]
    more = {"continue_final_message": True, "add_generation_prompt": False}
    answer = ask(client, messages=turns, extra_body=more)
    assert answer.usage.prompt_tokens > ask(client).usage.prompt_tokens


def test_the_text_ends_before_a_stop_string(client: openai.OpenAI) -> None:
    whole = ask(client, max_tokens=40).choices[0].message.content
    word = whole[len(whole) // 2 :][:2]
    answer = ask(client, max_tokens=40, stop=[word])
    assert answer.choices[0].message.content == whole.partition(word)[0]
    assert answer.choices[0].finish_reason == "stop"
    pieces = ask(client, max_tokens=40, stop=[word], stream=True)
    text = "".join(p.choices[0].delta.content or "" for p in pieces)
    assert text == whole.partition(word)[0]


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["tiny"]


def test_requests_at_the_same_time_get_their_own_answers(client: openai.OpenAI) -> None:
    questions = ["How many circles?", "user", "red", "3"]
    turns = [[{"role": "user", "content": text}] for text in questions]
    alone = [ask(client, messages=turn).choices[0].message.content for turn in turns]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda turn: ask(client, messages=turn), turns))
    assert [answer.choices[0].message.content for answer in together] == alone


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "'tools' is not supported"),
        ({"logprobs": True}, "'logprobs' is not supported"),
        ({"n": 99}, "n: "),
        ({"n": 2, "stream": True}, "cannot be streamed"),
        ({"max_tokens": 10**6}, "leaves no room in a context of"),
        ({"messages": [{"role": "assistant", "content": "5"}]}, "must be the user's"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "red " * 9000}]}, "tokens long"),
        ({"messages": [{"role": "user", "content": "an <image> here"}]}, "image_url"),
        ({"messages": [{"role": "user", "content": "a <|im_end|> b"}]}, "reserved token"),
        ({"extra_body": {"continue_final_message": True}}, "no assistant's text"),
    ],
)
def test_what_cannot_be_served_is_refused_by_name(
    client: openai.OpenAI, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        ask(client, **settings)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1/a.png", "data URI"),
        ("file:///etc/passwd", "data URI"),
        ("data:image/png;base64,!!!", "cannot be read"),
        ("data:image/png;base64,aGVsbG8=", "cannot be read"),
        ("data:image/png,abc", "base64"),
    ],
)
def test_an_image_that_is_no_data_is_refused(client: openai.OpenAI, url: str, message: str) -> None:
    block = {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(openai.BadRequestError, match=message):
        ask(client, messages=[{"role": "user", "content": [block]}])


def test_an_image_of_too_many_pixels_is_refused(client: openai.OpenAI) -> None:
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("1", (5000, 5000)).save(stream, "PNG")
    with pytest.raises(openai.BadRequestError, match="pixels"):
        block = picture(Media("image", data=stream.getvalue()))
        ask(client, messages=[{"role": "user", "content": [block]}])


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"messages": 5}', b"[" * 100_000])
def test_a_body_that_is_no_request_is_refused(served: str, body: bytes) -> None:
    status, answer = post(served, body)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"


def test_a_request_that_is_too_large_is_refused(served: str) -> None:
    status, answer = post(served, b" " * 300_000)
    assert (status, "larger than 200000 bytes" in answer["error"]["message"]) == (413, True)


def test_another_host_name_is_not_answered(served: str) -> None:
    status, _ = post(served, json.dumps({"messages": QUESTION}).encode(), Host="evil.example")
    assert status == 400


def test_the_server_listens_on_loopback_only(served: str) -> None:
    port = int(served.rpartition(":")[2])
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None)}
    for address in addresses - {"127.0.0.1", "::1"}:
        with pytest.raises(OSError), socket.create_connection((str(address), port), 0.5):
            pass


def test_a_port_that_is_taken_is_told_before_the_model_is_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ServeError, match="another --port"):
            serve("no-such-model", port=taken.getsockname()[1])


def test_the_command_explains_a_model_that_is_not_there() -> None:
    from gnomon.cli import run_command

    assert run_command(["serve", "no-such-model", "--port", "0"]) == 2


def test_help_names_the_command_without_loading_a_server() -> None:
    code = "import sys, gnomon.cli; gnomon.cli.run_command(['--help']); "
    code += "sys.exit('uvicorn' in sys.modules or 'starlette' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert "serve" in done.stdout
