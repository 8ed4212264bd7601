// Progress of work that takes more than a second.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/Progress.h"

#include <algorithm>

#include "tools/common/Format.h"
#include "tools/common/Output.h"
#include "tools/common/Terminal.h"

namespace gem::tools {

Progress::Progress(std::string label, uint64_t total, bool enabled, int fd)
    : label_(std::move(label)), total_(total), fd_(fd), enabled_(enabled && IsTerminal(fd)) {}

void Progress::Update(uint64_t done) {
  if (!enabled_) return;
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  Draw(done, now);
}

void Progress::Draw(uint64_t done, Clock::time_point now) {
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string line;
  if (total_ == 0) {
    line = Format("%s  %s  %s", label_.c_str(), FormatCount(done).c_str(),
                  FormatDuration(seconds).c_str());
  } else {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
    line = Format("%s  %s %3.0f %%", label_.c_str(), FormatBar(share, 20).c_str(), share * 100);
    if (share > 0.02) line += "  " + FormatDuration(seconds / share - seconds) + " left";
  }
  // A line that wraps could not be taken away.
  line = Shorten(line, static_cast<size_t>(TerminalWidth(fd_)) - 1);
  drawn_ = true;
  (void)WriteAll(fd_, "\r" + line + "\033[K");
}

void Progress::Finish() {
  if (drawn_) (void)WriteAll(fd_, "\r\033[K");
  drawn_ = false;
  enabled_ = false;
}

}  // namespace gem::tools
