#include "cairn/io/info.h"

#include <memory>

#include "cairn/audio/sound.h"
#include "cairn/cli/commands.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"
#include "cairn/music/midi.h"
#include "cairn/onnx/file.h"
#include "cairn/onnx/info.h"
#include "cairn/pretrained/folder.h"
#include "cairn/train/run_folder.h"

namespace cairn::cli {
namespace {

io::FileInfo file_of_kind(const std::string& path, io::FileKind kind) {
  io::FileInfo info;
  info.path = path, info.kind = kind;
  info.file_bytes = io::MappedFile(path).bytes().size();
  return info;
}

// All of it is read: what a header says of the length may be wrong.
io::FileInfo inspect_sound(const std::string& path) {
  io::FileInfo info = file_of_kind(path, io::FileKind::sound);
  audio::SoundReader reader(path);
  std::vector<float> block(1 << 16);
  int64_t samples = 0;
  while (const size_t count = reader.read(block)) samples += static_cast<int64_t>(count);
  info.facts = {{"samples a second", std::to_string(reader.rate())},
                {"channels", std::to_string(reader.info().channels)},
                {"samples", std::to_string(samples)},
                {"seconds", fmt::format("{:.3f}", static_cast<double>(samples) / reader.rate())}};
  if (!reader.warning().empty()) info.facts.emplace_back("warning", reader.warning());
  return info;
}

io::FileInfo inspect_midi(const std::string& path) {
  io::FileInfo info = file_of_kind(path, io::FileKind::midi);
  const music::MidiFile file = music::read_midi(path);
  int64_t tracks = 0;
  size_t notes = 0;
  double seconds = 0;
  for (const music::Score& score : file.scores) {
    tracks += score.tracks, notes += score.notes.size();
    seconds += score.seconds_at(score.end());
  }
  info.facts = {{"type", std::to_string(file.format)},
                {"pieces", std::to_string(file.scores.size())},
                {"tracks", std::to_string(tracks)},
                {"notes", std::to_string(notes)},
                {"seconds", fmt::format("{:.1f}", seconds)}};
  if (!file.warning.empty()) info.facts.emplace_back("warning", file.warning);
  return info;
}

// What config.json says of the network, before what its weights are.
io::FileInfo inspect_transformers(const std::string& folder) {
  io::FileInfo info = io::inspect_weights(folder);
  const std::string file = folder + "/config.json";
  const Json config = io::parse_json(io::read_text_file(file), fmt::format("'{}'", file));
  std::vector<std::pair<std::string, std::string>> facts;
  const auto fact = [&](const char* name, const std::string& value) {
    facts.emplace_back(name, value);
  };
  const Json& type = config.at("model_type");
  fact("model_type", type.is_string() ? type.get<std::string>() : type.dump());
  if (const auto names = config.find("architectures"); names != config.end() && names->is_array())
    for (const Json& name : *names)
      if (name.is_string()) fact("architecture", name.get<std::string>());
  try {
    const pretrained::Spec spec = pretrained::spec_of(config, fmt::format("'{}'", file));
    if (spec.encoder_layers > 0) fact("encoder layers", std::to_string(spec.encoder_layers));
    if (spec.decoder_layers > 0) fact("decoder layers", std::to_string(spec.decoder_layers));
    fact("width", std::to_string(spec.width)), fact("heads", std::to_string(spec.heads));
    fact("vocabulary", std::to_string(spec.vocab));
    fact("positions", std::to_string(spec.positions));
  } catch (const Error& e) { fact("not read here", e.what()); }
  info.facts.insert(info.facts.begin(), facts.begin(), facts.end());
  return info;
}

io::FileInfo inspect(const std::string& path) {
  if (pretrained::is_folder(path)) return inspect_transformers(path);
  // Of a run: the weights that it keeps, which say what they are of.
  if (train::RunFolder::holds_run(path))
    return io::inspect_file(train::RunFolder::open(path, "").weights());
  if (onnx::is_onnx_name(path)) return onnx::inspect_model(path);
  if (audio::is_sound_name(path)) return inspect_sound(path);
  if (music::is_midi_name(path)) return inspect_midi(path);
  return io::inspect_file(path);
}

}  // namespace

void add_info(const Command& app) {
  const Command command = app.add_command("info", "Describe a file that Cairn reads");
  command.examples("  cairn info runs/mnist\n  cairn info --json picture.png\n");
  auto files = std::make_shared<std::vector<std::string>>();
  auto json = std::make_shared<bool>(false);
  command
      .option(
          "file", *files,
          "safetensors, PyTorch's .pt, npy, IDX, pictures, JSON lines, event files; also packed "
          "with gzip; sound, MIDI and ONNX files; or a run folder, or one of Hugging Face's")
      .required();
  command.flag("--json", *json, "Print one JSON object a line");
  command.runs([files, json] {
    int status = kDone;
    for (const std::string& file : *files) try {
        const io::FileInfo info = inspect(file);
        fmt::print("{}\n",
                   *json ? io::to_json(info) : io::with_control_pictures(io::to_text(info)));
      } catch (const Error& e) {  // the others are described
        fmt::print(stderr, "cairn: {}\n", io::with_control_pictures(e.what()));
        status = kFailed;
      }
    return status;
  });
}

}  // namespace cairn::cli
