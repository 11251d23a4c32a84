// cairn stylize: the content of one picture in the style of another (Gatys et al. 2016).
#include <algorithm>
#include <chrono>
#include <memory>

#include "cairn/base/invalid_option.h"
#include "cairn/cli/commands.h"
#include "cairn/data/files.h"
#include "cairn/io/file.h"
#include "cairn/io/utf8.h"
#include "cairn/models/style.h"
#include "cairn/tasks/outputs.h"

namespace cairn::cli {
namespace {

struct StylizeRequest {
  std::string content, style, out, features;
  int64_t size = 256, style_size = 0;
  models::PaintOptions how;
  bool colours = false, quiet = false;
};

// The longer side has `longest` pixels; smaller pictures stay as they are.
io::Image at_most(const io::Image& image, int64_t longest) {
  const int side = std::max(image.width, image.height);
  if (side <= longest) return image;
  const auto scaled = [&](int own) {
    return std::max(1, static_cast<int>((int64_t{own} * longest + side / 2) / side));
  };
  return io::resize(image, scaled(image.width), scaled(image.height));
}

// `flag`: what says how large it is.
io::Image read_shown(const std::string& file, int64_t longest, const char* flag, const char* what) {
  constexpr int kLeast = 32;
  const io::Image image = at_most(io::with_channels(io::read_image(file), 3), longest);
  check(std::min(image.width, image.height) >= kLeast,
        "'{}' has {} x {} pixels{}: the {} needs {} each way to be seen", io::printable(file),
        image.width, image.height, longest < 1024 ? fmt::format(" at {} {}", flag, longest) : "",
        what, kLeast);
  return image;
}

int stylize(const StylizeRequest& r) {
  if (!data::ends_with(r.out, ".png"))
    throw InvalidOption("out", "a picture's name ends with .png");
  for (const std::string& given : {r.content, r.style, r.features}) tasks::keep_given(given, r.out);
  if (r.how.content == 0 && r.how.style == 0 && r.how.smooth == 0)
    throw InvalidOption("content_weight",
                        "0, and --style-weight and --smooth too: nothing would be painted");
  io::check_writable(r.out);
  const io::Image content = read_shown(r.content, r.size, "--size", "content");
  const io::Image style = r.style_size > 0
                              ? read_shown(r.style, r.style_size, "--style-size", "style")
                              : read_shown(r.style, r.size, "--size", "style");
  const models::StyleEyes eyes =
      r.features.empty() ? models::StyleEyes() : models::StyleEyes(r.features);
  if (r.features.empty())
    fmt::print(stderr,
               "cairn: without --features the style is seen by random weights; SqueezeNet's "
               "published ones, or a run of image-classification --model squeezenet, see more\n");
  models::PaintOptions how = r.how;
  const auto began = std::chrono::steady_clock::now();
  double last_content = 0, last_style = 0;
  how.see = [&](int64_t step, double content_loss, double style_loss) {
    last_content = content_loss, last_style = style_loss;
    if (!r.quiet && (step % 50 == 0 || step == how.steps))
      fmt::print(stderr, "step {}  content {:.4f}  style {:.4f}\n", step, content_loss, style_loss);
  };
  io::Image made = models::picture_of_tensor(models::paint(eyes, models::tensor_of_picture(content),
                                                           models::tensor_of_picture(style), how));
  if (r.colours) made = models::with_colours_of(made, content);
  io::write_png(r.out, made);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  fmt::print("{}: {} x {} pixels, content {:.4f}, style {:.4f}, {:.1f} s\n", io::printable(r.out),
             made.width, made.height, last_content, last_style, seconds.count());
  return kDone;
}

}  // namespace

void add_stylize(const Command& app) {
  const Command c = app.add_command("stylize", "Paint a picture in the style of another");
  c.examples(
      "  cairn stylize --content photo.jpg --style painting.jpg --features squeezenet.pt --out "
      "painted.png\n"
      "  cairn stylize --content photo.jpg --style painting.jpg --colours --size 512 --out "
      "p.png\n");
  const auto given = std::make_shared<StylizeRequest>();
  c.option("--content", given->content, "Picture whose content is kept").required();
  c.option("--style", given->style, "Picture whose style is taken").required();
  c.option("--out", given->out, "PNG file to write").required();
  c.option("--features", given->features,
           "SqueezeNet's weights (.pt, .safetensors, f32 numbers), or a run of "
           "image-classification --model squeezenet; none: random weights");
  c.option("--size", given->size, "Pixels of the longer side at most, 32 to 8192")
      .whole(32, 8192)
      .shows_default();
  c.option("--style-size", given->style_size, "The same of the style; 0: as --size").whole(0, 8192);
  c.option("--steps", given->how.steps, "Steps of Adam, 3 at least")
      .whole(3, 1'000'000)
      .shows_default();
  c.option("--content-weight", given->how.content, "How much the content counts")
      .between(0, 1e9)
      .shows_default();
  c.option("--style-weight", given->how.style, "How much the style counts")
      .between(0, 1e9)
      .shows_default();
  c.option("--smooth", given->how.smooth, "How much steps between neighbouring pixels count")
      .between(0, 1e9)
      .shows_default();
  c.option("--lr", given->how.lr, "Step of a pixel, of 1").positive().shows_default();
  c.flag("--colours", given->colours, "Keep the content's colours");
  c.flag("--quiet", given->quiet, "No progress on standard error");
  add_threads(c);
  c.runs([given] { return stylize(*given); });
}

}  // namespace cairn::cli
