#include "cairn/serve/serve.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "cairn/base/library.h"
#include "cairn/base/version.h"
#include "cairn/io/file.h"
#include "cairn/io/pixels.h"
#include "cairn/io/utf8.h"
#include "cairn/serve/models.h"
#include "cairn/train/signals.h"

namespace cairn::serve {
namespace {

namespace fs = std::filesystem;

struct FrontLibrary : Library {
  explicit FrontLibrary(const std::string& file)
      : Library(file.c_str(), "cairn serve", "libcpp-httplib0.11"),
        make(reinterpret_cast<MakeFront*>(find(kMakeFront))) {
    const auto* version = static_cast<const char* const*>(find(kFrontVersion));
    check(std::string(*version) == kVersion, "'{}' is of version {}, the program of {}", file,
          *version, kVersion);
  }
  MakeFront* make;
};

std::string read_key(const std::string& file) {
  constexpr uint64_t kLongest = 4096;
  constexpr size_t kShortest = 16;
  std::string key = io::read_text_file(file, kLongest);
  while (!key.empty() && std::isspace(static_cast<unsigned char>(key.back()))) key.pop_back();
  const bool plain = std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; });
  check(plain && key.size() >= kShortest,
        "'{}': a key of at least {} letters, digits and signs in one line is wanted", file,
        kShortest);
  struct stat status {};
  if (::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & S_IROTH))
    fmt::print(stderr, "cairn: '{}' can be read by everyone on this machine; chmod 600 it\n",
               io::printable(file));
  return key;
}

}  // namespace

void serve(const ServeOptions& given) {
  FrontSettings front = given.front;
  if (!given.key_file.empty()) front.key = read_key(given.key_file);
  check(!front.key.empty() || is_loopback(front.host),
        "--host {}: others could reach it; give a key that they must have (--api-key-file)",
        front.host);
  static const FrontLibrary library(module_file("libcairn_serve.so"));
  const auto models = open_models(given.runs, given.engine);
  io::limit_pixels(static_cast<int64_t>(given.megapixels * 1e6));
  const std::unique_ptr<Front> server(library.make(*models, front));
  const train::SignalScope signals;
  for (const About& a : models->models()) fmt::print(stderr, "cairn: {} ({})\n", a.name, a.task);
  const bool v6 = front.host.find(':') != front.host.npos;
  fmt::print("http://{}{}{}:{}\n", v6 ? "[" : "", front.host, v6 ? "]" : "", server->port());
  std::fflush(stdout);
  std::atomic<bool> ended = false;
  std::thread runs([&] { server->run(), ended = true; });
  while (!train::SignalScope::caught() && !ended)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  server->stop();
  runs.join();
  check(train::SignalScope::caught(), "the server ended: it can accept no more connections");
  throw train::Stopped(train::SignalScope::caught(),
                       fmt::format("stopped; {} requests were answered", server->answered()));
}

}  // namespace cairn::serve
