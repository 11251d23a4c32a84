// Limits of control groups, from folders that look like the kernel's.
#include "cairn/base/cgroup.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

namespace cairn {
namespace {

namespace fs = std::filesystem;

class Cgroup : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories((root_ + path).substr(0, (root_ + path).rfind('/')));
    std::ofstream(root_ + path) << text;
  }
  CgroupLimits limits() const { return cgroup_limits(root_); }

 private:
  const std::string root_ =
      testing::TempDir() + "cairn_cgroup_" + std::to_string(static_cast<int>(getpid()));
};

constexpr const char* kV1Mounts =
    "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "31 25 0:27 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n";

TEST_F(Cgroup, NothingReadableLimitsNothing) {
  EXPECT_TRUE(std::isinf(limits().processors));
  EXPECT_TRUE(std::isinf(limits().memory_bytes));
}

TEST_F(Cgroup, VersionOne) {
  write("/proc/self/cgroup", "5:memory:/job\n4:cpuacct,cpu:/job\n0::/\n");
  write("/proc/self/mountinfo", kV1Mounts);
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "50000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "100003840\n");
  EXPECT_DOUBLE_EQ(limits().processors, 0.5);
  EXPECT_DOUBLE_EQ(limits().memory_bytes, 100003840);
}

TEST_F(Cgroup, VersionTwoTakesTheTightestOfTheGroupsAbove) {
  write("/proc/self/cgroup", "0::/user.slice/job\n");
  write("/proc/self/mountinfo", "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
  write("/sys/fs/cgroup/user.slice/cpu.max", "150000 100000\n");
  write("/sys/fs/cgroup/user.slice/memory.max", "max\n");
  write("/sys/fs/cgroup/user.slice/job/cpu.max", "max 100000\n");
  write("/sys/fs/cgroup/user.slice/job/memory.max", "1000000\n");
  EXPECT_DOUBLE_EQ(limits().processors, 1.5);
  EXPECT_DOUBLE_EQ(limits().memory_bytes, 1000000);
}

TEST_F(Cgroup, AContainerSeesItsGroupAtTheMount) {
  write("/proc/self/cgroup", "4:cpu:/docker/abc\n");
  write("/proc/self/mountinfo",
        "30 25 0:26 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "300000\n");
  write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(limits().processors, 3);
}

}  // namespace
}  // namespace cairn
