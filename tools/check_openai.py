#!/usr/bin/env python3
"""The `openai` package as a client of `cairn serve`: check_openai.py PROGRAM [FOLDER_OF_AN_ENCODER].

Trains a small language model, serves it (and the encoder), and fails where a completion, a chat, a stream, an embedding or an error
comes otherwise than the package expects. Exits with 77 where the package is not installed (tried with 2.x).
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import openai
except ImportError:
    print("the package openai is not installed here")
    sys.exit(77)


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def check(client, other_key, encoder):
    names = [m.id for m in client.models.list()]
    assert "plays" in names, names
    assert client.models.retrieve("plays").id == "plays"
    wish = dict(model="plays", prompt="The king ", max_tokens=24, seed=3, temperature=0.8)
    whole = client.completions.create(**wish)
    text = whole.choices[0].text
    assert len(text) > 0 and whole.choices[0].finish_reason == "length" and whole.usage.completion_tokens == 24, whole
    streamed = list(client.completions.create(**wish, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].text for c in streamed if c.choices) == text, streamed
    assert streamed[-1].usage.completion_tokens == 24
    asked = dict(model="plays", messages=[{"role": "system", "content": "Speak as a king."}, {"role": "user", "content": "Who comes?"}], seed=1)
    chat = client.chat.completions.create(**asked, max_tokens=16)
    assert chat.choices[0].message.role == "assistant" and chat.choices[0].finish_reason in ("length", "stop"), chat
    pieces = [c.choices[0].delta.content or "" for c in client.chat.completions.create(**asked, max_completion_tokens=16, stream=True)]
    assert "".join(pieces) == chat.choices[0].message.content, pieces
    if encoder:
        texts = ["A dog runs.", "A puppy is running.", "The market fell."]
        rows = [d.embedding for d in client.embeddings.create(model="encoder", input=texts).data]  # base64, as the package asks
        plain = [d.embedding for d in client.embeddings.create(model="encoder", input=texts, encoding_format="float").data]
        assert all(abs(a - b) < 1e-6 for r, p in zip(rows, plain) for a, b in zip(r, p))
        like = lambda a, b: sum(x * y for x, y in zip(a, b))
        assert like(rows[0], rows[1]) > like(rows[0], rows[2]), "a dog is nearer to the market than to a puppy"
    assert "none" in raises(openai.NotFoundError, lambda: client.completions.create(model="none", prompt="a")).message
    assert raises(openai.BadRequestError, lambda: client.completions.create(model="plays", prompt="a", n=3)).param == "n"
    raises(openai.AuthenticationError, lambda: other_key.models.list())


def main():
    program, encoder = sys.argv[1], sys.argv[2:3]
    with tempfile.TemporaryDirectory() as folder:
        run, key = pathlib.Path(folder) / "plays", pathlib.Path(folder) / "key"
        subprocess.run([program, "train", "language-model", "--steps", "40", "--width", "32", "--layers", "1", "--context", "128",
                        "--threads", "1", "--quiet", "--out", run], check=True, stdout=subprocess.DEVNULL)
        key.write_text("a-key-of-some-length\n")
        served = [f"plays={run}"] + [f"encoder={e}" for e in encoder]
        server = subprocess.Popen([program, "serve", *served, "--port", "0", "--api-key-file", key], stdout=subprocess.PIPE, text=True)
        try:
            url = server.stdout.readline().strip() + "/v1"
            check(openai.OpenAI(base_url=url, api_key="a-key-of-some-length", max_retries=0),
                  openai.OpenAI(base_url=url, api_key="another", max_retries=0), encoder)
            print(f"openai {openai.__version__}: models, completions, chat, streams{', embeddings' if encoder else ''}, errors")
        finally:
            server.terminate()
            assert server.wait() == 143


if __name__ == "__main__":
    main()
