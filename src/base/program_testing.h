// Runs a program as a user runs it: arguments in, exit code and both streams out. For tests.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace assay {

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

class ProgramTest : public testing::Test {
 protected:
  explicit ProgramTest(std::string program) : program_(std::move(program)) {}
  void SetUp() override {
    std::string pattern = testing::TempDir() + "assay-cli-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string in_folder(const std::string& name) const { return folder_ + "/" + name; }

  // Writes a file into the folder of the test and gives its path.
  std::string file(const std::string& name, const std::string& content) const {
    EXPECT_TRUE(write_file_atomically(in_folder(name), as_bytes(content)).ok());
    return in_folder(name);
  }

  // Starts the program with its streams in files; HOME is the folder of the test.
  pid_t start(std::vector<std::string> args, const std::string& input = "") const {
    const std::string input_file = input.empty() ? "/dev/null" : file("stdin", input);
    args.insert(args.begin(), program_);
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    argv.push_back(nullptr);
    std::string home = "HOME=" + folder_;
    std::string locale = "LANG=C.UTF-8";
    std::vector<char*> environment = {home.data(), locale.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&actions, 0, input_file.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, in_folder("stdout").c_str(), kFlags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, in_folder("stderr").c_str(), kFlags, 0600);
    pid_t pid = -1;
    EXPECT_EQ(
        posix_spawn(&pid, program_.c_str(), &actions, nullptr, argv.data(), environment.data()), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }

  Outcome finish(pid_t pid) const {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status)) << "ended by a signal";
    const auto read = [&](const char* name) {
      const auto text = read_text_file(in_folder(name), uint64_t{64} << 20);
      return text.ok() ? *text : "";
    };
    return {WEXITSTATUS(status), read("stdout"), read("stderr")};
  }

  // input: what the program reads from its standard input.
  Outcome run(std::vector<std::string> args, const std::string& input = "") const {
    return finish(start(std::move(args), input));
  }

  std::string folder_;

 private:
  std::string program_;
};

}  // namespace assay
