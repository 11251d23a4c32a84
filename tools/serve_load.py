#!/usr/bin/env python3
"""`cairn serve` under load, by Python's own library alone.

  serve_load.py URL NAME --file a.png [...] | --text LINES   10,000 requests from 64 clients, a tenth of them slow, broken or too large:
                                                             nothing may be lost, memory is bounded, latencies are printed
  ... --clean --requests N --clients C                       only good ones: throughput
  serve_load.py --compare PROGRAM RUN --file ... | --text    starts the server itself: batched against one at a time, in turns

Every good request must be answered as it was when it was asked alone; one that is refused by 503 is asked again. Exits with 1 otherwise.
"""
import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request


class Requests:
    """The bodies that are asked, and what each was answered when it was alone."""

    def __init__(self, url, name, given):
        self.host, self.port = urllib.parse.urlsplit(url).hostname, urllib.parse.urlsplit(url).port
        models = json.load(urllib.request.urlopen(url + "/v1/models"))["data"]
        embeds = next(m for m in models if m["id"] == name)["embeds"]
        texts = open(given.text, encoding="utf-8").read().split("\n") if given.text else []
        if embeds:
            bodies = [json.dumps({"model": name, "input": t}).encode() for t in texts if t]
        else:
            bodies = [json.dumps({"text": t}).encode() for t in texts if t] or [open(f, "rb").read() for f in given.file]
        path = "/v1/embeddings" if embeds else "/v1/predict/" + name
        kind = "application/json" if given.text else "application/octet-stream"
        self.raw = [f"POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: {kind}\r\nContent-Length: {len(b)}\r\n\r\n".encode() + b
                    for b in bodies]
        self.expected = []

    def is_right(self, number, body):
        return close(self.expected[number], meaning(json.loads(body)))


def meaning(answer):
    """The numbers and texts of an answer, without what differs from one to the next."""
    return answer["answers"] if "answers" in answer else answer["data"]


def close(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) < 1e-3
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    return a == b


async def read_answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(head[9:12]), head, await reader.readexactly(size)


class Client:
    def __init__(self, requests, tally):
        self.requests, self.tally, self.reader, self.writer = requests, tally, None, None

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection(self.requests.host, self.requests.port)

    def close(self):
        if self.writer:
            self.writer.close()
        self.writer = None

    async def good(self, number):
        began = time.perf_counter()
        while True:
            if not self.writer:
                await self.connect()
            self.writer.write(self.requests.raw[number])
            status, head, body = await read_answer(self.reader)
            if b"connection: close" in head.lower():
                self.close()
            if status != 503:
                break
            assert b"retry-after" in head.lower()
            self.tally["asked again (503)"] = self.tally.get("asked again (503)", 0) + 1
            await asyncio.sleep(0.02)
        return status, body, time.perf_counter() - began

    async def bad(self, kind):
        """One that is not as it should be, on a connection of its own; returns its status, 0: none came."""
        reader, writer = await asyncio.open_connection(self.requests.host, self.requests.port)
        raw = random.choice(self.requests.raw)
        try:
            if kind == "slow":  # a byte now and then, until the server has enough
                for byte in raw:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    try:
                        return (await asyncio.wait_for(read_answer(reader), 0.2))[0]
                    except asyncio.TimeoutError:
                        pass
            elif kind == "cut":
                writer.write(raw[:len(raw) // 2])
                await writer.drain()
                return 0
            elif kind == "large":
                writer.write(b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * 65536)
            elif kind == "nonsense":
                writer.write(bytes(random.randrange(256) for _ in range(200)) + b"\r\n\r\n")
            elif kind == "no JSON":
                writer.write(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                             b"Content-Length: 5\r\n\r\n{\"a\":")
            elif kind == "long head":
                writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40000 + b"\r\n\r\n")
            await writer.drain()
            return (await asyncio.wait_for(read_answer(reader), 30))[0]
        except (ConnectionError, asyncio.IncompleteReadError):
            return 0
        finally:
            writer.close()


BAD = {"slow": {408}, "cut": {0}, "large": {413, 0}, "nonsense": {400, 0}, "no JSON": {400}, "long head": {431, 0}}


async def load(requests, count, clients, clean, seed=1):
    alone = Client(requests, {})
    for number in range(len(requests.raw)) if not requests.expected else ():
        status, body, _ = await alone.good(number)
        assert status == 200, body
        requests.expected.append(meaning(json.loads(body)))
    alone.close()
    dice, tally, times, wrong = random.Random(seed), {}, [], []
    plan = iter([(None if clean or dice.random() >= 0.1 else dice.choice(list(BAD)), dice.randrange(len(requests.raw)))
                 for _ in range(count)])

    async def work():
        client = Client(requests, tally)
        for kind, number in plan:
            if kind:
                status = await client.bad(kind)
                tally[f"{kind}: {status or 'cut off'}"] = tally.get(f"{kind}: {status or 'cut off'}", 0) + 1
                if status not in BAD[kind]:
                    wrong.append((kind, status))
                continue
            status, body, seconds = await client.good(number)
            times.append(seconds)
            tally[f"good: {status}"] = tally.get(f"good: {status}", 0) + 1
            if status != 200 or (not clean and not requests.is_right(number, body)):
                wrong.append((status, body[:200]))
        client.close()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(clients)))
    return times, tally, wrong, time.perf_counter() - began


def memory(url):
    lines = urllib.request.urlopen(url + "/metrics").read().decode().split("\n")
    return next(float(line.split()[1]) for line in lines if line.startswith("process_resident_memory_bytes")) / 2**20


def in_words(times, seconds):
    ms = sorted(t * 1000 for t in times)
    return (f"{len(ms) / seconds:.1f} a second; p50 {statistics.median(ms):.1f} ms, p99 {ms[int(len(ms) * 0.99)]:.1f} ms, "
            f"longest {ms[-1]:.1f} ms")


def compare(given):
    """Batched and one at a time by two servers in turns, so that what else the machine does meets both."""
    servers, rates = {}, {}
    try:
        for batch in (given.batch, 1):
            process = subprocess.Popen([given.program, "serve", "it=" + given.run, "--port", "0", "--max-batch", str(batch),
                                        "--threads", str(given.threads)], stdout=subprocess.PIPE, text=True)
            servers[batch] = process, process.stdout.readline().strip()
        for turn in range(given.turns):
            for batch, (_, url) in servers.items():
                requests = Requests(url, "it", given)
                times, _, wrong, seconds = asyncio.run(load(requests, given.requests, given.clients, True))
                assert not wrong, wrong[:3]
                if turn > 0 or given.turns == 1:
                    rates.setdefault(batch, []).append(len(times) / seconds)
                print(f"up to {batch:2} together, {given.clients} clients: {in_words(times, seconds)}")
        medians = {b: statistics.median(r) for b, r in rates.items()}
        print(f"batched / one at a time: {medians[given.batch] / medians[1]:.2f}")
    finally:
        for process, _ in servers.values():
            process.terminate()
            process.wait()


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("url", nargs="?"), p.add_argument("name", nargs="?")
    p.add_argument("--compare", nargs=2, metavar=("PROGRAM", "RUN"))
    p.add_argument("--file", nargs="+", default=[]), p.add_argument("--text")
    p.add_argument("--requests", type=int, default=10000), p.add_argument("--clients", type=int, default=64)
    p.add_argument("--clean", action="store_true"), p.add_argument("--batch", type=int, default=32)
    p.add_argument("--threads", type=int, default=2), p.add_argument("--turns", type=int, default=3)
    given = p.parse_args()
    if given.compare:
        given.program, given.run = given.compare
        return compare(given)
    before = memory(given.url)
    requests = Requests(given.url, given.name, given)
    times, tally, wrong, seconds = asyncio.run(load(requests, given.requests, given.clients, given.clean))
    print(f"{given.requests} requests from {given.clients} clients in {seconds:.1f} s; good ones: {in_words(times, seconds)}")
    print("; ".join(f"{k}: {v}" for k, v in sorted(tally.items())))
    print(f"memory before {before:.0f} MiB, after {memory(given.url):.0f} MiB")
    if wrong:
        print(f"{len(wrong)} wrong, the first: {wrong[0]}")
        sys.exit(1)
    print("nothing lost, nothing wrong")


if __name__ == "__main__":
    main()
