// cairn serve RUN...: trained models behind HTTP (docs/serve.md).
#include "cairn/serve/serve.h"

#include <memory>

#include "cairn/cli/commands.h"

namespace cairn::cli {

void add_serve(const Command& app) {
  const Command c = app.add_command("serve", "Answer requests over HTTP with trained networks");
  c.examples(
      "  cairn serve runs/digits --port 8080      (then open http://127.0.0.1:8080)\n"
      "  cairn serve names=runs/mnist runs/shakespeare minilm/ --port 0\n"
      "  curl --data-binary @seven.png http://127.0.0.1:8080/v1/predict/digits\n"
      "  cairn serve runs/digits --host 0.0.0.0 --api-key-file key.txt\n");
  const auto o = std::make_shared<serve::ServeOptions>();
  auto& [body, header, read, answer, idle, connections] = o->front.limits;
  struct Sizes {
    int64_t body = 32;
  };
  const auto sizes = std::make_shared<Sizes>();
  c.option("runs", o->runs, "Runs, or folders of Hugging Face's; NAME=RUN names one").required();
  c.option("--port", o->front.port, "Port; 0: any that is free, which is printed")
      .whole(0, 65535)
      .shows_default();
  c.option("--host", o->front.host, "Address to listen on; beyond this machine only with a key")
      .shows_default();
  c.option("--api-key-file", o->key_file, "File with the key that requests must have (Bearer)");
  c.option("--max-batch", o->engine.batch, "Examples that are computed together at most")
      .whole(1, 1024)
      .shows_default();
  c.option("--max-wait", o->engine.wait_ms,
           "Milliseconds that a batch waits for requests that are on their way")
      .between(0, 1000)
      .shows_default();
  c.option("--queue", o->engine.queue, "Requests that wait at most; more are refused (503)")
      .whole(1, 1 << 20)
      .shows_default();
  c.option("--max-body", sizes->body, "MiB of a request at most").whole(1, 4096).shows_default();
  c.option("--max-pixels", o->megapixels,
           "Millions of pixels of a picture, or of a video's frame, at most")
      .between(0.001, 268)
      .shows_default();
  c.option("--read-seconds", read, "Seconds that a request may take to come")
      .between(0.01, 3600)
      .shows_default();
  c.option("--answer-seconds", answer,
           "Seconds by which a request's turn must come, and in which a text must be written")
      .between(0.01, 86400)
      .shows_default();
  c.option("--connections", connections, "Connections at once").whole(1, 10000).shows_default();
  add_threads(c);
  c.runs([o, sizes]() -> int {
    o->front.limits.body = static_cast<size_t>(sizes->body) << 20;
    serve::serve(*o);
  });
}

}  // namespace cairn::cli
