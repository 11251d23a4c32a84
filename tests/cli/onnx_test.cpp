// ONNX files as models of the command line.
#include <sys/inotify.h>

#include "cairn/io/npy.h"
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

// y = -x, of two numbers.
const char* const kNegative =
    "\x08\x0a\x3a\x23\x0a\x0b\x0a\x01x\x12\x01y\x22\x03Neg\x5a\x0f\x0a\x01x\x12\x0a\x0a\x08\x08\x01"
    "\x12\x04\x0a\x02\x08\x02\x62\x03\x0a\x01y\x42\x02\x10\x14";

// How often files in a folder were opened since. Closings are asked for as well: equal events in a
// row count as one.
class Openings {
 public:
  explicit Openings(const std::string& folder) : queue_(inotify_init1(IN_NONBLOCK)) {
    inotify_add_watch(queue_, folder.c_str(), IN_OPEN | IN_CLOSE);
  }
  ~Openings() { close(queue_); }
  int of(const std::string& name) const {
    alignas(inotify_event) char events[1 << 14];
    const ssize_t size = read(queue_, events, sizeof events);
    int count = 0;
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(events + at);
      count += (event->mask & IN_OPEN) != 0 && event->len > 0 && name == event->name;
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
    return count;
  }

 private:
  int queue_;
};

TEST(Onnx, FileIsRunAndReadOnce) {
  const TemporaryFolder folder;
  write(folder / "negative.onnx", kNegative);
  const float x[] = {1.5f, -2};
  io::write_npy(folder / "x.npy", DType::f32, {2},
                io::bytes_of({reinterpret_cast<const char*>(x), sizeof x}));
  const Openings openings(folder / ".");
  const Outcome o = cairn({"predict", folder / "negative.onnx", folder / "x.npy"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("[-1.5,2"), o.out.npos) << o.out;
  EXPECT_EQ(openings.of("negative.onnx"), 1);
}

TEST(Onnx, OnlyPredictRunsIt) {
  const TemporaryFolder folder;
  write(folder / "negative.onnx", kNegative);
  expect_failure(cairn({"eval", folder / "negative.onnx"}), 1, {"an ONNX file", "predict"});
  write(folder / "cut.onnx", std::string(kNegative).substr(0, 20));
  expect_failure(cairn({"predict", folder / "cut.onnx", folder / "x.npy"}), 1,
                 {"cut.onnx", "damaged"});
}

}  // namespace
}  // namespace cairn::cli_test
