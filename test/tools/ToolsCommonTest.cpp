// What the tools share: text for terminals, numbers, files, JSON, command lines.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "runtime/core/ThreadPool.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Depfile.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/Progress.h"
#include "tools/common/Signals.h"
#include "tools/common/Terminal.h"
#include "tools/common/Threads.h"

namespace gem::tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// --- support --------------------------------------------------------------------

// A folder that goes with its owner.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    path_ = testing::TempDir() + "gem-tools-test-XXXXXX";
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~TemporaryFolder() {
    chmod(path_.c_str(), 0700);
    for (const std::string& name : Names()) unlink((path_ + "/" + name).c_str());
    rmdir(path_.c_str());
  }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    DIR* folder = opendir(path_.c_str());
    while (const dirent* entry = readdir(folder)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    closedir(folder);
    std::sort(names.begin(), names.end());
    return names;
  }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// Runs `body` in a child whose standard output and error are files; returns how
// it ended, as wait() says.
struct Ended {
  int status = 0;
  std::string out, err;
};
Ended RunInChild(const std::function<void()>& body) {
  const TemporaryFolder folder;
  const std::string out = folder / "out", err = folder / "err";
  const pid_t child = fork();
  if (child == 0) {
    dup2(open(out.c_str(), O_CREAT | O_WRONLY, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), O_CREAT | O_WRONLY, 0600), STDERR_FILENO);
    body();
    _exit(99);
  }
  Ended ended;
  waitpid(child, &ended.status, 0);
  ended.out = ReadFile(out);
  ended.err = ReadFile(err);
  return ended;
}

// --- Terminal -------------------------------------------------------------------

TEST(Terminal, PrintableObeysNothing) {
  EXPECT_EQ(Printable("plain é 漢 😀"), "plain é 漢 😀");
  EXPECT_EQ(Printable("a\tb\r\nc"), "a b  c");
  EXPECT_EQ(Printable("\x1b[31mred\x07"), "\uFFFD[31mred\uFFFD");
  EXPECT_EQ(Printable("\xc2\x9b"), "\uFFFD");                     // CSI as one character
  EXPECT_EQ(Printable("a\u202Eb\u2066c\u200Fd"), "a\uFFFDb\uFFFDc\uFFFDd");  // bidirectional
  EXPECT_EQ(Printable("\xff\xc3(\xe2\x82"), "\uFFFD\uFFFD(\uFFFD");
  EXPECT_EQ(Printable(std::string_view("\0x", 2)), "\uFFFDx");
}

TEST(Terminal, ReplacesIllFormedUtf8Only) {
  EXPECT_EQ(ReplaceIllFormedUtf8("a\x1b\u202E\xed\xa0\x80z"), "a\x1b\u202E\uFFFD\uFFFD\uFFFDz");
  EXPECT_EQ(ReplaceIllFormedUtf8("\xf0\x9f\x98"), "\uFFFD");
  EXPECT_EQ(ReplaceIllFormedUtf8(""), "");
}

TEST(Terminal, DisplayWidth) {
  EXPECT_EQ(DisplayWidth(""), 0u);
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("é"), 1u);
  EXPECT_EQ(DisplayWidth("e\u0301"), 1u);
  EXPECT_EQ(DisplayWidth("漢字"), 4u);
  EXPECT_EQ(DisplayWidth("😀"), 2u);
}

TEST(Terminal, Shorten) {
  EXPECT_EQ(Shorten("hello", 5), "hello");
  EXPECT_EQ(Shorten("hello!", 5), "hell…");
  EXPECT_EQ(Shorten("漢字漢字", 5), "漢字…");
  EXPECT_EQ(Shorten("漢字漢字", 4), "漢…");
  EXPECT_EQ(Shorten("abc", 1), "…");
  EXPECT_EQ(Shorten("abc", 0), "");
  for (size_t width = 0; width < 12; ++width) {
    EXPECT_LE(DisplayWidth(Shorten("a漢b字c漢d字e", width)), width);
  }
}

TEST(Terminal, Color) {
  EXPECT_EQ(Paint(false, kBold, "x"), "x");
  EXPECT_EQ(Paint(true, "", "x"), "x");
  EXPECT_EQ(Paint(true, "1;31", "x"), "\033[1;31mx\033[0m");

  int controller = -1, terminal = -1;
  ASSERT_EQ(openpty(&controller, &terminal, nullptr, nullptr, nullptr), 0);
  const std::string no_color = getenv("NO_COLOR") != nullptr ? getenv("NO_COLOR") : "";
  unsetenv("NO_COLOR");
  setenv("TERM", "xterm", 1);
  EXPECT_TRUE(IsTerminal(terminal));
  EXPECT_TRUE(UseColor(terminal, ColorMode::kAuto));
  EXPECT_FALSE(UseColor(terminal, ColorMode::kNever));
  setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(UseColor(terminal, ColorMode::kAuto));
  EXPECT_TRUE(UseColor(terminal, ColorMode::kAlways));
  setenv("NO_COLOR", "", 1);  // empty counts as not set
  EXPECT_TRUE(UseColor(terminal, ColorMode::kAuto));
  setenv("TERM", "dumb", 1);
  EXPECT_FALSE(UseColor(terminal, ColorMode::kAuto));
  setenv("TERM", "xterm", 1);
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  EXPECT_FALSE(UseColor(pipes[1], ColorMode::kAuto));
  if (!no_color.empty()) setenv("NO_COLOR", no_color.c_str(), 1);

  winsize size = {};
  size.ws_col = 123;
  ASSERT_EQ(ioctl(terminal, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(TerminalWidth(terminal), 123);
  size.ws_col = 3;
  ASSERT_EQ(ioctl(terminal, TIOCSWINSZ, &size), 0);
  EXPECT_EQ(TerminalWidth(terminal), 20);
  unsetenv("COLUMNS");
  EXPECT_EQ(TerminalWidth(pipes[1]), 80);
  setenv("COLUMNS", "50", 1);
  EXPECT_EQ(TerminalWidth(pipes[1]), 50);
  unsetenv("COLUMNS");
  for (const int fd : {controller, terminal, pipes[0], pipes[1]}) close(fd);
}

// --- Format ---------------------------------------------------------------------

TEST(FormatTest, Counts) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatCount(UINT64_MAX), "18,446,744,073,709,551,615");
  EXPECT_EQ(FormatPlural(1, "text"), "1 text");
  EXPECT_EQ(FormatPlural(0, "text"), "0 texts");
}

TEST(FormatTest, Bytes) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.00 kB");
  EXPECT_EQ(FormatBytes(999499), "999 kB");
  EXPECT_EQ(FormatBytes(999500), "1.00 MB");
  EXPECT_EQ(FormatBytes(6437004), "6.44 MB");
  EXPECT_EQ(FormatBytes(16'000'000'000), "16.0 GB");
  EXPECT_EQ(FormatBytes(UINT64_MAX), "18.4 EB");
}

TEST(FormatTest, Durations) {
  EXPECT_EQ(FormatDuration(0), "0 ns");
  EXPECT_EQ(FormatDuration(850e-9), "850 ns");
  EXPECT_EQ(FormatDuration(12.34e-6), "12.3 µs");
  EXPECT_EQ(FormatDuration(1.2e-3), "1.20 ms");
  EXPECT_EQ(FormatDuration(0.9996), "1.00 s");
  EXPECT_EQ(FormatDuration(59.96), "60.0 s");
  EXPECT_EQ(FormatDuration(245), "4 min 05 s");
  EXPECT_EQ(FormatDuration(3 * 3600 + 125), "3 h 02 min");
  EXPECT_EQ(FormatDuration(std::nan("")), "-");
}

TEST(FormatTest, Percentages) {
  EXPECT_EQ(FormatPercent(0), "0.0 %");
  EXPECT_EQ(FormatPercent(0.0001), "<0.1 %");
  EXPECT_EQ(FormatPercent(0.123), "12.3 %");
  EXPECT_EQ(FormatPercent(0.9999), ">99.9 %");
  EXPECT_EQ(FormatPercent(1), "100.0 %");
}

TEST(FormatTest, Bars) {
  EXPECT_EQ(FormatBar(0, 3), "   ");
  EXPECT_EQ(FormatBar(0.5, 3), "█▌ ");
  EXPECT_EQ(FormatBar(1, 3), "███");
  EXPECT_EQ(FormatBar(7, 3), "███");
  EXPECT_EQ(FormatBar(std::nan(""), 3), "   ");
  for (double share = 0; share < 1; share += 0.01) {
    EXPECT_EQ(DisplayWidth(FormatBar(share, 10)), 10u);
  }
}

TEST(FormatTest, Tables) {
  Table table({Table::Align::kLeft, Table::Align::kRight});
  table.AddRow({"name", "1", "x"});
  table.AddRow({Paint(true, kRed, "漢字"), "1000"});
  table.AddRow({"", "", "end"});
  EXPECT_EQ(table.ToString(1),
            " name     1  x\n"
            " \033[31m漢字\033[0m  1000\n"
            "             end\n");
  EXPECT_EQ(Table().ToString(), "");
}

// --- Output ---------------------------------------------------------------------

TEST(OutputFileTest, AppearsWhole) {
  const TemporaryFolder folder;
  const std::string path = folder / "out.bin";
  std::string error;
  OutputFile file;
  ASSERT_TRUE(file.Open(path, &error)) << error;
  ASSERT_TRUE(file.Write("one ", &error));
  ASSERT_TRUE(file.Write(std::string_view("two\0", 4), &error));
  EXPECT_EQ(folder.Names().size(), 1u);
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  ASSERT_TRUE(file.Commit(&error)) << error;
  EXPECT_THAT(folder.Names(), ElementsAre("out.bin"));
  EXPECT_EQ(ReadFile(path), std::string_view("one two\0", 8));

  const mode_t mask = umask(0);
  umask(mask);
  struct stat status;
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666 & ~mask);
}

TEST(OutputFileTest, LeavesTheTargetUntilCommitted) {
  const TemporaryFolder folder;
  const std::string path = folder / "out";
  std::string error;
  ASSERT_TRUE(WriteFile(path, "old", &error)) << error;
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  {
    OutputFile file;
    ASSERT_TRUE(file.Open(path, &error));
    ASSERT_TRUE(file.Write("new", &error));
  }
  EXPECT_EQ(ReadFile(path), "old");
  EXPECT_THAT(folder.Names(), ElementsAre("out"));
  ASSERT_TRUE(WriteFile(path, "new", &error)) << error;
  EXPECT_EQ(ReadFile(path), "new");
  struct stat status;
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);  // its permissions stay
}

TEST(OutputFileTest, FollowsSymbolicLinks) {
  const TemporaryFolder folder;
  std::string error;
  ASSERT_TRUE(WriteFile(folder / "real", "old", &error));
  ASSERT_EQ(symlink("real", (folder / "link").c_str()), 0);
  ASSERT_TRUE(WriteFile(folder / "link", "new", &error)) << error;
  EXPECT_EQ(ReadFile(folder / "real"), "new");
  struct stat status;
  ASSERT_EQ(lstat((folder / "link").c_str(), &status), 0);
  EXPECT_TRUE(S_ISLNK(status.st_mode));
}

TEST(OutputFileTest, SaysWhyItCannotBeWritten) {
  const TemporaryFolder folder;
  std::string error;
  EXPECT_FALSE(WriteFile("", "x", &error));
  EXPECT_THAT(error, HasSubstr("the name is empty"));
  EXPECT_FALSE(WriteFile(folder.path(), "x", &error));
  EXPECT_THAT(error, HasSubstr("it is a directory; expected the name of a file"));
  EXPECT_FALSE(WriteFile(folder / "none/out", "x", &error));
  EXPECT_EQ(error, "cannot write '" + (folder / "none/out") + "': the directory '" +
                       (folder / "none") + "' does not exist; create it first");
  EXPECT_FALSE(WriteFile(folder / "none/", "x", &error));
  EXPECT_THAT(error, HasSubstr("expected the name of a file"));
  ASSERT_TRUE(WriteFile(folder / "file", "x", &error));
  EXPECT_FALSE(WriteFile(folder / "file/out", "x", &error));
  EXPECT_THAT(error, HasSubstr("file' is no directory"));
  // Not even root may make files there.
  EXPECT_FALSE(WriteFile("/proc/self/out", "x", &error));
  EXPECT_THAT(error, HasSubstr("its directory '/proc/self' takes no new files ("));
  EXPECT_THAT(folder.Names(), ElementsAre("file"));
}

TEST(OutputFileTest, ReadOnlyDirectory) {
  const TemporaryFolder folder;
  // Root may write everywhere, so root becomes somebody else for this.
  constexpr uid_t kNobody = 65534;
  if (geteuid() == 0) ASSERT_EQ(chown(folder.path().c_str(), kNobody, kNobody), 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0500), 0);
  const Ended ended = RunInChild([&] {
    if (geteuid() == 0 && setuid(kNobody) != 0) _exit(2);
    std::string error;
    if (WriteFile(folder / "out", "x", &error)) _exit(0);
    Error("gem-test", error);
    _exit(1);
  });
  EXPECT_EQ(WEXITSTATUS(ended.status), 1);
  EXPECT_THAT(ended.err, HasSubstr("takes no new files (Permission denied)\n"));
  EXPECT_THAT(folder.Names(), IsEmpty());
}

TEST(OutputFileTest, FullDisk) {
  std::string error;
  EXPECT_FALSE(WriteFile("/dev/full", "x", &error));
  EXPECT_EQ(error, "cannot write '/dev/full': writing failed after 0 B (No space left on device)");

  // A file's size limit fails a write in its middle, as a full disk does.
  const TemporaryFolder folder;
  const std::string path = folder / "out";
  ASSERT_TRUE(WriteFile(path, "old", &error));
  const Ended ended = RunInChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {100'000, 100'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::string child_error;
    if (WriteFile(path, std::string(1'000'000, 'x'), &child_error)) _exit(0);
    std::fputs(child_error.c_str(), stdout);
    std::fflush(stdout);
    _exit(1);
  });
  EXPECT_EQ(WEXITSTATUS(ended.status), 1);
  EXPECT_THAT(ended.out, HasSubstr("writing failed after"));
  EXPECT_THAT(ended.out, HasSubstr("(File too large)"));
  EXPECT_EQ(ReadFile(path), "old");
  EXPECT_THAT(folder.Names(), ElementsAre("out"));
}

TEST(OutputFileTest, SpecialTargets) {
  std::string error;
  EXPECT_TRUE(WriteFile("/dev/null", "x", &error)) << error;
  struct stat status;
  ASSERT_EQ(stat("/dev/null", &status), 0);
  EXPECT_TRUE(S_ISCHR(status.st_mode));
  const Ended ended = RunInChild([] {
    std::string child_error;
    _exit(WriteFile("-", "to standard output", &child_error) ? 0 : 1);
  });
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.out, "to standard output");
}

TEST(WriteToStdoutTest, SaysWhyItFails) {
  const Ended ended = RunInChild([] {
    dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
    std::string error;
    if (WriteToStdout("x", &error)) _exit(0);
    Error("gem-test", error);
    _exit(1);
  });
  EXPECT_EQ(WEXITSTATUS(ended.status), 1);
  EXPECT_EQ(ended.err,
            "gem-test: error: cannot write to standard output: No space left on device\n");
}

// --- Signals --------------------------------------------------------------------

class SignalsTest : public testing::TestWithParam<int> {};

TEST_P(SignalsTest, RemovesTemporaryFilesAndEndsAsTheSignalDoes) {
  const TemporaryFolder folder;
  const Ended ended = RunInChild([&] {
    signal(GetParam(), SIG_DFL);
    InstallSignalHandlers();
    std::string error;
    OutputFile file;
    if (!file.Open(folder / "out", &error) || !file.Write("partial", &error)) _exit(1);
    if (folder.Names().size() != 1) _exit(2);
    raise(GetParam());
    _exit(3);
  });
  EXPECT_TRUE(WIFSIGNALED(ended.status)) << ended.status;
  EXPECT_EQ(WTERMSIG(ended.status), GetParam());
  EXPECT_THAT(folder.Names(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, SignalsTest,
                         testing::Values(SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE));

TEST(SignalsTest, RemovesAsManyTemporaryFilesAsThereAre) {
  const TemporaryFolder folder;
  const Ended ended = RunInChild([&] {
    InstallSignalHandlers();
    std::string error;
    std::vector<OutputFile> files(40);
    for (size_t i = 0; i < files.size(); ++i) {
      if (!files[i].Open(folder / std::to_string(i), &error)) _exit(1);
    }
    // Neither what is in its place nor what was given up is in the way of the others.
    if (!files[7].Commit(&error)) _exit(2);
    files[8].Discard();
    if (folder.Names().size() != 39) _exit(3);
    raise(SIGTERM);
    _exit(4);
  });
  EXPECT_TRUE(WIFSIGNALED(ended.status)) << ended.status;
  EXPECT_THAT(folder.Names(), ElementsAre("7"));
}

TEST(SignalsTest, KeepsCommittedFilesAndIgnoredSignals) {
  const TemporaryFolder folder;
  Ended ended = RunInChild([&] {
    InstallSignalHandlers();
    std::string error;
    if (!WriteFile(folder / "out", "whole", &error)) _exit(1);
    raise(SIGTERM);
    _exit(3);
  });
  EXPECT_TRUE(WIFSIGNALED(ended.status));
  EXPECT_THAT(folder.Names(), ElementsAre("out"));
  // As under nohup.
  ended = RunInChild([] {
    signal(SIGHUP, SIG_IGN);
    InstallSignalHandlers();
    raise(SIGHUP);
    _exit(7);
  });
  EXPECT_EQ(WEXITSTATUS(ended.status), 7);
}

TEST(SignalsTest, AReaderWhoLeavesEndsUsQuietly) {
  const Ended ended = RunInChild([] {
    InstallSignalHandlers();
    int pipes[2];
    if (pipe(pipes) != 0) _exit(1);
    close(pipes[0]);
    dup2(pipes[1], STDOUT_FILENO);
    std::string error;
    (void)WriteToStdout("x", &error);
    _exit(2);
  });
  EXPECT_TRUE(WIFSIGNALED(ended.status));
  EXPECT_EQ(WTERMSIG(ended.status), SIGPIPE);
  EXPECT_EQ(ended.err, "");
}

// --- Threads --------------------------------------------------------------------

TEST(ThreadsTest, DefaultIsWhatTheRuntimeTakes) {
  EXPECT_EQ(tools::kMaxThreads, gem::kMaxThreads);
  EXPECT_EQ(DefaultThreads(0), 1u);
  EXPECT_EQ(DefaultThreads(4), 4u);
  EXPECT_EQ(DefaultThreads(256), 256u);
  EXPECT_EQ(DefaultThreads(384), 256u);
  EXPECT_GE(DefaultThreads(), 1u);
}

// --- Messages and progress ------------------------------------------------------

TEST(MessagesTest, OneLineOnStandardError) {
  const Ended ended = RunInChild([] {
    Error("gem-test", "first\nsecond \x1b[2J");
    Warning("gem-test", "careful");
    Note("gem-test", "by the way");
    _exit(0);
  });
  EXPECT_EQ(ended.err,
            "gem-test: error: first second \uFFFD[2J\n"
            "gem-test: warning: careful\n"
            "gem-test: by the way\n");
  EXPECT_EQ(ended.out, "");
}

// What arrives at a terminal while `body` runs with its descriptor.
std::string OnTerminal(const std::function<void(int)>& body) {
  int controller = -1, terminal = -1;
  EXPECT_EQ(openpty(&controller, &terminal, nullptr, nullptr, nullptr), 0);
  body(terminal);
  close(terminal);
  std::string shown;
  char buffer[4096];
  for (ssize_t count; (count = read(controller, buffer, sizeof(buffer))) > 0;) {
    shown.append(buffer, static_cast<size_t>(count));
  }
  close(controller);
  return shown;
}

TEST(ProgressTest, OnlyOnATerminalAndOnlyAfterASecond) {
  EXPECT_EQ(OnTerminal([](int fd) {
              Progress progress("quick", 10, true, fd);
              for (int i = 0; i < 10; ++i) progress.Update(i);
            }),
            "");
  const auto slow = [](bool enabled, int fd) {
    Progress progress("slow work", 10, enabled, fd);
    progress.Update(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(1050));
    progress.Update(5);
    progress.Update(6);  // too soon to draw again
    progress.Finish();
    progress.Update(7);
  };
  const std::string shown = OnTerminal([&](int fd) { slow(true, fd); });
  EXPECT_THAT(shown, HasSubstr("\rslow work  ██████████            50 %"));
  EXPECT_THAT(shown, HasSubstr("left"));
  EXPECT_THAT(shown, Not(HasSubstr("60 %")));
  EXPECT_TRUE(shown.ends_with("\r\033[K")) << testing::PrintToString(shown);
  EXPECT_EQ(OnTerminal([&](int fd) { slow(false, fd); }), "");
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  slow(true, pipes[1]);
  close(pipes[1]);
  char byte;
  EXPECT_EQ(read(pipes[0], &byte, 1), 0);
  close(pipes[0]);
}

// --- JSON -----------------------------------------------------------------------

TEST(JsonTest, Documents) {
  nlohmann::ordered_json document = MakeJsonDocument();
  document["b"] = "\xff";
  document["a"] = 1;
  EXPECT_EQ(DumpJson(document),
            "{\n  \"schema_version\": 1,\n  \"b\": \"\uFFFD\",\n  \"a\": 1\n}\n");
}

TEST(JsonTest, Lines) {
  JsonLine line;
  line.Add("text", "a\"\\\n\t\r\x01\x7f\xff é");
  line.Add("yes", true);
  line.Add("int", -5);
  line.Add("big", UINT64_MAX);
  line.Add("float", 0.1f);
  line.Add("double", 0.1);
  line.AddNull("none");
  const int32_t ints[] = {1, -2};
  line.Add("ints", ints, 2);
  const uint8_t bytes[] = {0, 255};
  line.Add("bytes", bytes, 2);
  const float floats[] = {1, -0.0f, std::numeric_limits<float>::infinity(), std::nanf("")};
  line.Add("floats", floats, 4);
  line.Add("matrix", floats, 2, 1);
  line.Add("empty", ints, 0);
  line.AddRaw("raw", "{\"x\": 1e400}");
  EXPECT_EQ(std::move(line).Finish(),
            "{\"schema_version\":1,\"text\":\"a\\\"\\\\\\n\\t\\r\\u0001\\u007f\uFFFD é\","
            "\"yes\":true,\"int\":-5,\"big\":18446744073709551615,\"float\":0.1,\"double\":0.1,"
            "\"none\":null,\"ints\":[1,-2],\"bytes\":[0,255],\"floats\":[1,-0,null,null],"
            "\"matrix\":[[1],[-0]],\"empty\":[],\"raw\":{\"x\": 1e400}}\n");
}

TEST(JsonTest, FloatsComeBackAsTheSameBits) {
  uint32_t bits = 1;
  for (int i = 0; i < 20000; ++i) {
    bits = bits * 1664525u + 1013904223u;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    if (!std::isfinite(value)) continue;
    std::string text;
    AppendJsonNumber(&text, value);
    const float back = static_cast<float>(nlohmann::json::parse(text).get<double>());
    ASSERT_EQ(std::memcmp(&back, &value, sizeof(value)), 0) << text;
  }
}

// --- command lines --------------------------------------------------------------

struct Parsed {
  std::optional<int> code;
  CommonOptions common;
  std::vector<std::string> texts;
  int number = 0;
};

Parsed Parse(std::vector<std::string> arguments) {
  Parsed parsed;
  CLI::App app;
  SetUpCommandLine(app,
                   {.name = "gem-test",
                    .summary = "tests the command line",
                    .usage = "[options] FILE",
                    .examples = {"gem-test one", "gem-test two"}},
                   &parsed.common);
  app.add_option("--text", parsed.texts, "a text\nwith a second line")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("TEXT")
      ->group("Input");
  app.add_option("--number", parsed.number,
                 "a number that is described at a length that needs "
                 "more than one line of an ordinary terminal")
      ->type_name("N")
      ->group("Advanced: numbers");
  arguments.insert(arguments.begin(), "gem-test");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  parsed.code = ParseCommandLine(app, static_cast<int>(argv.size()), argv.data());
  return parsed;
}

Ended ParseInChild(const std::vector<std::string>& arguments) {
  return RunInChild([&] {
    unsetenv("COLUMNS");
    const Parsed parsed = Parse(arguments);
    _exit(parsed.code ? *parsed.code : 50);
  });
}

TEST(CommandLineTest, CommonOptions) {
  Parsed parsed = Parse({});
  EXPECT_FALSE(parsed.code);
  EXPECT_FALSE(parsed.common.quiet || parsed.common.verbose);
  parsed = Parse({"-q", "--verbose", "--color", "never"});
  EXPECT_FALSE(parsed.code);
  EXPECT_TRUE(parsed.common.quiet && parsed.common.verbose);
  EXPECT_EQ(parsed.common.color, ColorMode::kNever);
}

TEST(CommandLineTest, ValuesThatLookLikeOptions) {
  EXPECT_THAT(Parse({"--text=--number", "--text", "a b", "--text=", "--text", ""}).texts,
              ElementsAre("--number", "a b", "", ""));
  EXPECT_THAT(Parse({"--text", "-5 degrees", "--text", "--text", "--text", "-q"}).texts,
              ElementsAre("-5 degrees", "--text", "-q"));
  EXPECT_THAT(Parse({"--text=a=b=", "--text=c="}).texts, ElementsAre("a=b=", "c="));
}

TEST(CommandLineTest, Help) {
  const Ended ended = ParseInChild({"--help"});
  EXPECT_EQ(WEXITSTATUS(ended.status), kExitOk);
  EXPECT_EQ(ended.out,
            "gem-test: tests the command line\n"
            "\n"
            "Usage: gem-test [options] FILE\n"
            "\n"
            "Input:\n"
            "      --text TEXT         a text\n"
            "                          with a second line\n"
            "\n"
            "General:\n"
            "  -h, --help              show this help\n"
            "      --help-all          show every option\n"
            "      --version           show the version\n"
            "  -q, --quiet             print results and errors only\n"
            "  -v, --verbose           say more about what happens\n"
            "\n"
            "Examples:\n"
            "  gem-test one\n"
            "  gem-test two\n");
  const Ended all = ParseInChild({"--help-all"});
  EXPECT_EQ(WEXITSTATUS(all.status), kExitOk);
  EXPECT_THAT(all.out,
              HasSubstr("\nAdvanced: numbers:\n"
                        "      --number N          a number that is described at a length that "
                        "needs more\n"
                        "                          than one line of an ordinary terminal\n"));
  EXPECT_THAT(all.out, HasSubstr("--color WHEN"));
}

TEST(CommandLineTest, VersionOption) {
  const Ended ended = ParseInChild({"--version"});
  EXPECT_EQ(WEXITSTATUS(ended.status), kExitOk);
  EXPECT_EQ(ended.out, "gem-test " + std::string(Version()) + " (format 1.2)\n");
}

TEST(CommandLineTest, WrongUsage) {
  const struct {
    std::vector<std::string> arguments;
    const char* message;
  } cases[] = {
      {{"--txet", "x"}, "unknown option '--txet'; did you mean '--text'?"},
      {{"--num=5"}, "unknown option '--num'; did you mean '--number'?"},
      {{"--zzzzzzzzz"}, "unknown option '--zzzzzzzzz' ("},
      {{"-Z"}, "unknown option '-Z' ("},
      {{"file"}, "unexpected argument 'file' ("},
      {{"--number", "many"}, "--number"},
      {{"--color", "blue"}, "expected auto, always or never, but got 'blue'"},
      {{"--text"}, "--text"},
  };
  for (const auto& c : cases) {
    const Ended ended = ParseInChild(c.arguments);
    EXPECT_EQ(WEXITSTATUS(ended.status), kExitUsage) << c.message;
    EXPECT_THAT(ended.err, testing::StartsWith("gem-test: error: "));
    EXPECT_THAT(ended.err, HasSubstr(c.message));
    EXPECT_TRUE(ended.err.ends_with(" (see gem-test --help)\n")) << ended.err;
    EXPECT_EQ(std::count(ended.err.begin(), ended.err.end(), '\n'), 1);
    EXPECT_EQ(ended.out, "");
  }
}

TEST(CommandLineTest, NearestWord) {
  const std::vector<std::string> words = {"--quantize", "--quiet", "--sequence"};
  EXPECT_EQ(Nearest("--quantise", words), "--quantize");
  EXPECT_EQ(Nearest("--queit", words), "--quiet");
  EXPECT_EQ(Nearest("--seq", words), "--sequence");
  EXPECT_EQ(Nearest("--colour", words), "");
  EXPECT_EQ(Nearest("", words), "");
  EXPECT_EQ(Nearest(std::string(1000, 'q'), words), "");
}

// --- depfiles -------------------------------------------------------------------

TEST(Depfile, NamesEachInputOnce) {
  std::string rule, error;
  ASSERT_TRUE(FormatDepfile("out", {"b", "a", "b"}, &rule, &error)) << error;
  EXPECT_EQ(rule, "out: \\\n  b \\\n  a\n");
  ASSERT_TRUE(FormatDepfile("out", {}, &rule, &error)) << error;
  EXPECT_EQ(rule, "out:\n");
}

TEST(Depfile, EscapesWhatMakeKnows) {
  std::string rule, error;
  ASSERT_TRUE(FormatDepfile("o ut", {"a b", "a#b", "a:b", "a$b", "a\\b"}, &rule, &error)) << error;
  EXPECT_EQ(rule, "o\\ ut: \\\n  a\\ b \\\n  a\\#b \\\n  a\\:b \\\n  a$$b \\\n  a\\b\n");
}

TEST(Depfile, DoublesBackslashesBeforeWhatIsEscaped) {
  std::string rule, error;
  ASSERT_TRUE(FormatDepfile("out", {"a\\\\ b\\c"}, &rule, &error)) << error;
  EXPECT_EQ(rule, "out: \\\n  a\\\\\\\\\\ b\\c\n");
}

TEST(Depfile, RefusesLineBreaks) {
  std::string rule = "as it was", error;
  EXPECT_FALSE(FormatDepfile("out", {"a\nb"}, &rule, &error));
  EXPECT_THAT(error, HasSubstr("has a line break"));
  EXPECT_FALSE(FormatDepfile("o\rut", {"a"}, &rule, &error));
  EXPECT_EQ(rule, "as it was");
}

TEST(Depfile, LeavesOutTheFoldersOfOutputs) {
  TemporaryFolder folder, other;
  const std::string file = other.path() + "/file";
  std::ofstream(file) << "x";
  const std::vector<std::string> inputs = {folder.path(), other.path(), file};
  EXPECT_THAT(WithoutFoldersOf({"", folder.path() + "/./out"}, inputs),
              ElementsAre(other.path(), file));
  // An output of another folder below it does not change its names.
  EXPECT_THAT(WithoutFoldersOf({folder.path() + "/sub/out"}, inputs),
              ElementsAre(folder.path(), other.path(), file));
}

}  // namespace
}  // namespace gem::tools
