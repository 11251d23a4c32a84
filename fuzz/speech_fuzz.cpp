#include "cairn/data/speech.h"

#include <filesystem>
#include <fstream>

#include "fuzz/fuzz.h"

using namespace cairn::io;
using namespace cairn::data;

// A list of recordings, read from a folder where a.wav is; the first byte chooses which kind.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string folder = [] {
    std::string name = (std::filesystem::temp_directory_path() / "speech-fuzz-XXXXXX").string();
    promise(mkdtemp(name.data()) != nullptr, "a folder");
    std::ofstream(name + "/a.wav") << "RIFF";
    return name;
  }();
  if (size == 0) return 0;
  const char* kinds[] = {"/list.tsv", "/list.csv", "/list.jsonl"};
  const std::string list = folder + kinds[data[0] % 3];
  std::ofstream(list, std::ios::binary)
      .write(reinterpret_cast<const char*>(data) + 1, static_cast<std::streamsize>(size - 1));
  fuzz([&] {
    const SpeechSet set = open_speech(list);
    for (const SpeechPart* part : {&set.train, &set.validation, &set.test})
      for (const Utterance& u : part->utterances)
        promise(std::filesystem::exists(u.audio) && !u.from.empty(), "files that are there");
  });
  return 0;
}
