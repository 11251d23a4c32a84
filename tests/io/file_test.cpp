#include "cairn/io/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cairn/io/gzip.h"
#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

TEST(File, WritesAndReadsBack) {
  TemporaryFolder folder;
  const Bytes pieces[] = {bytes_of("one "), bytes_of(""), bytes_of("two")};
  write_file_atomically(folder / "a", pieces);
  EXPECT_EQ(read_text_file(folder / "a"), "one two");
  EXPECT_EQ(text_of(MappedFile(folder / "a").bytes()), "one two");
  EXPECT_EQ(folder.entries(), 1);
  write_file_atomically(folder / "a", std::string_view(""));
  EXPECT_TRUE(read_file(folder / "a").empty());
  EXPECT_TRUE(MappedFile(folder / "a").bytes().empty());
}

TEST(File, KeepsThePreviousOnRequest) {
  TemporaryFolder folder;
  for (const char* text : {"1", "2", "3"})
    write_file_atomically(folder / "a", std::string_view(text), {.keep_previous = true});
  EXPECT_EQ(read_text_file(folder / "a"), "3");
  EXPECT_EQ(read_text_file(folder / "a.previous"), "2");
  EXPECT_EQ(folder.entries(), 2);
}

TEST(File, SymbolicLinkStaysALink) {
  TemporaryFolder folder;
  write_file_atomically(folder / "real", std::string_view("old"));
  std::filesystem::create_symlink("real", folder / "link");
  write_file_atomically(folder / "link", std::string_view("new"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
  EXPECT_EQ(read_text_file(folder / "real"), "new");
}

TEST(File, ReadingErrorsNamePathAndReason) {
  TemporaryFolder folder;
  EXPECT_ERROR(read_file(folder / "none"), "no such file: '" + (folder / "none"));
  EXPECT_ERROR(MappedFile(folder / "none"), "no such file");
  EXPECT_ERROR(read_file(folder.path()), "is a folder");
  EXPECT_ERROR(MappedFile("/dev/null"), "not a regular file");
  write_file_atomically(folder / "a", std::string_view("12345"));
  EXPECT_EQ(read_text_file(folder / "a", 5), "12345");
  EXPECT_ERROR(read_file(folder / "a", 4), "too large: 5 bytes where at most 4 bytes");
  EXPECT_ERROR(read_file("/dev/zero", 100000), "too large");
}

TEST(File, ReadsAPipe) {
  TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  const std::string text(100000, 'x');
  const pid_t child = fork();
  if (child == 0) {
    write_file_atomically(folder / "pipe", text);
    _exit(0);
  }
  EXPECT_EQ(read_text_file(folder / "pipe"), text);
}

TEST(File, MappingWaitsForNoWriterOfAPipe) {
  TemporaryFolder folder;
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_ERROR(MappedFile(folder / "pipe"), "not a regular file");
}

TEST(File, UnwritablePlacesAreNamed) {
  TemporaryFolder folder;
  EXPECT_ERROR(write_file_atomically(folder / "no/such/a", std::string_view("x")),
               "cannot write '" + (folder / "no/such/a"));
  EXPECT_ERROR(write_file_atomically(folder.path(), std::string_view("x")), "it is a folder");
  EXPECT_ERROR(write_file_atomically("/dev/full", std::string_view("x")),
               "No space left on device");
}

// A write that fails half-way (here: a limit on file size, as a full disk does) changes nothing.
TEST(File, FailedWriteLeavesTheOldFileAndNoTemporary) {
  TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string_view("old"));
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{1000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = error_of([&] {
    write_file_atomically(folder / "a", std::string(5000, 'x'), {.keep_previous = true});
  });
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("cannot write '" + (folder / "a")), std::string::npos) << message;
  EXPECT_NE(message.find("nothing was changed"), std::string::npos) << message;
  EXPECT_EQ(read_text_file(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1);
}

// As Ctrl-C does while a large file is written: here the kernel ends it in the midst of a write.
TEST(File, AKilledWriterLeavesNothing) {
  TemporaryFolder folder;
  write_file_atomically(folder / "a", std::string_view("old"));
  const int probe = open(folder.path().c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (probe < 0) GTEST_SKIP() << "a file system without O_TMPFILE";
  close(probe);
  const pid_t writer = fork();
  if (writer == 0) {
    const rlimit none{0, 0}, few{4096, 4096};
    setrlimit(RLIMIT_CORE, &none), setrlimit(RLIMIT_FSIZE, &few);
    signal(SIGXFSZ, SIG_DFL);
    write_file_atomically(folder / "a", std::string(1 << 20, 'x'));
    _exit(0);
  }
  int status = 0;
  waitpid(writer, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_text_file(folder / "a"), "old");
  EXPECT_EQ(folder.entries(), 1);
}

TEST(File, WhatCannotBeWrittenIsKnownBefore) {
  TemporaryFolder folder;
  check_writable(folder / "a");
  EXPECT_EQ(folder.entries(), 0);
  check_writable("/dev/null");
  write_file_atomically(folder / "a", std::string_view("old"));
  check_writable(folder / "a");
  EXPECT_EQ(read_text_file(folder / "a"), "old");
  EXPECT_ERROR(check_writable(folder.path()), "it is a folder");
  EXPECT_ERROR(check_writable(folder / "no/such/a"), "there is no folder '" + (folder / "no/such"));
  EXPECT_ERROR(check_writable(folder / "a/b"), "there is no folder '" + (folder / "a"));
}

// Of processes that died; those of living ones, and what is only called alike, stay.
TEST(File, TemporariesOfDeadProcessesGo) {
  TemporaryFolder folder;
  const pid_t dead = fork();
  if (dead == 0) _exit(0);
  waitpid(dead, nullptr, 0);
  const auto put = [&](const std::string& name) {
    write_file_atomically(folder / name, std::string_view("x"));
    return folder / name;
  };
  const std::string gone = put(fmt::format("a.tmp-{}-0", dead));
  const std::string kept[] = {put(fmt::format("a.tmp-{}-0", getppid())), put("a.tmp-file"),
                              put(fmt::format("a.tmp-{}-0x", dead)), put("a.tmp-0-0"), put("a")};
  const std::string own = put(fmt::format("b.tmp-{}-77", getpid()));  // of one that had our number
  remove_dead_temporaries(folder.path());
  EXPECT_FALSE(std::filesystem::exists(gone));
  EXPECT_FALSE(std::filesystem::exists(own));
  for (const std::string& path : kept) EXPECT_TRUE(std::filesystem::exists(path)) << path;

  // One that somebody holds is being written, whatever number this machine gives its process.
  const std::string held = put(fmt::format("c.tmp-{}-0", dead));
  const int fd = open(held.c_str(), O_RDONLY);
  ASSERT_EQ(flock(fd, LOCK_EX), 0);
  remove_dead_temporaries(folder.path());
  EXPECT_TRUE(std::filesystem::exists(held));
  close(fd);
  remove_dead_temporaries(folder.path());
  EXPECT_FALSE(std::filesystem::exists(held));
}

TEST(File, AFolderThatIsGoneIsNamed) {
  TemporaryFolder folder;
  EXPECT_ERROR(write_file_atomically(folder / "gone/a", std::string_view("x")),
               "there is no folder '" + (folder / "gone"));
}

TEST(File, Crc32KnownAnswer) {
  EXPECT_EQ(crc32(bytes_of("123456789")), 0xCBF43926u);
  EXPECT_EQ(crc32(bytes_of("6789"), crc32(bytes_of("12345"))), 0xCBF43926u);
}

TEST(Bytes, CheckedProducts) {
  EXPECT_EQ(checked_bytes({2, 3}, DType::f32), 24u);
  EXPECT_EQ(checked_bytes({}, DType::f64), 8u);
  EXPECT_EQ(checked_bytes({0, 5}, DType::f64), 0u);
  EXPECT_FALSE(checked_bytes({-1}, DType::u8));
  EXPECT_FALSE(checked_bytes({int64_t{1} << 40, int64_t{1} << 40}, DType::u8));
  EXPECT_FALSE(checked_bytes({0, int64_t{1} << 40, int64_t{1} << 40}, DType::u8));
}

TEST(Bytes, ReaderNamesFileOffsetAndField) {
  const uint8_t raw[] = {1, 2, 3, 4, 5};
  ByteReader reader("f.bin", raw);
  EXPECT_EQ(reader.little<uint16_t>("a"), 0x0201);
  EXPECT_EQ(reader.big<uint16_t>("b"), 0x0304);
  EXPECT_ERROR(reader.big<uint32_t>("the size"),
               "'f.bin', byte 4: truncated: the size needs 4 bytes, 1 are left");
}

TEST(Gzip, RoundTripAndMembers) {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += std::to_string(i * 7919 % 1000);
  const ByteVector packed = gzip(bytes_of(text));
  EXPECT_TRUE(is_gzip(packed));
  EXPECT_EQ(text_of(gunzip(packed, "x")), text);
  ByteVector two = gzip(bytes_of("first "));
  const ByteVector second = gzip(bytes_of("second"));
  two.insert(two.end(), second.begin(), second.end());
  two.resize(two.size() + 10, 0);
  EXPECT_EQ(text_of(gunzip(two, "x")), "first second");
  EXPECT_TRUE(gunzip(gzip({}), "x").empty());
}

TEST(Gzip, EveryTruncationIsAnError) {
  const ByteVector packed = gzip(bytes_of("hello hello hello hello hello, hello"));
  for (size_t size = 0; size < packed.size(); ++size)
    EXPECT_ERROR(gunzip(Bytes(packed).first(size), "x.gz"), "'x.gz' is truncated");
}

TEST(Gzip, DamageTrailingBytesAndBombs) {
  ByteVector packed = gzip(bytes_of(std::string(1000000, 'a')));
  EXPECT_ERROR(gunzip(packed, "x.gz", 999999), "unpacks to more than");
  EXPECT_EQ(gunzip(packed, "x.gz", 1000000).size(), 1000000u);
  ByteVector wrong_sum = packed;
  wrong_sum[wrong_sum.size() - 6] ^= 1;
  EXPECT_ERROR(gunzip(wrong_sum, "x.gz"), "damaged");
  packed.push_back('!');
  EXPECT_ERROR(gunzip(packed, "x.gz"), "1 bytes after the end");
}

TEST(Gzip, FilesMayBePlain) {
  TemporaryFolder folder;
  write_file_atomically(folder / "plain", std::string_view("text"));
  write_file_atomically(folder / "packed.gz", Bytes(gzip(bytes_of("text"))));
  EXPECT_EQ(text_of(read_maybe_gzip(folder / "plain")), "text");
  EXPECT_EQ(text_of(read_maybe_gzip(folder / "packed.gz")), "text");
}

}  // namespace
}  // namespace cairn::io
