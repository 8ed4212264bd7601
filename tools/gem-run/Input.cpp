// The texts to run, one after the other.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-run/Input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tools/common/Format.h"
#include "tools/common/Messages.h"
#include "tools/common/Terminal.h"

namespace gem::run {
namespace {

using tools::Format;

// Reads lines from a file descriptor, which it closes. Unlike std::getline, it
// is as fast on standard input as on a file, and tells an error from the end.
class LineReader {
 public:
  explicit LineReader(int fd) : fd_(fd) {}
  ~LineReader() {
    if (fd_ > STDERR_FILENO) close(fd_);
  }
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  enum class Outcome { kLine, kEnd, kError };

  // The next line without its line feed and carriage return. A last line without
  // a line feed is a line.
  Outcome Next(std::string* line) {
    line->clear();
    for (bool any = false;; any = true) {
      if (begin_ == end_) {
        ssize_t count;
        do {
          count = read(fd_, buffer_, sizeof(buffer_));
        } while (count < 0 && errno == EINTR);
        if (count < 0) return Outcome::kError;
        if (count == 0) {
          if (!any || line->empty()) return Outcome::kEnd;
          break;
        }
        begin_ = 0;
        end_ = static_cast<size_t>(count);
      }
      const char* start = buffer_ + begin_;
      const auto* feed = static_cast<const char*>(std::memchr(start, '\n', end_ - begin_));
      const size_t size = feed != nullptr ? static_cast<size_t>(feed - start) : end_ - begin_;
      line->append(start, size);
      begin_ += size;
      if (feed != nullptr) {
        ++begin_;
        break;
      }
    }
    if (!line->empty() && line->back() == '\r') line->pop_back();
    return Outcome::kLine;
  }

 private:
  int fd_;
  size_t begin_ = 0, end_ = 0;
  char buffer_[1 << 16];
};

class TextList : public Input {
 public:
  explicit TextList(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  bool Next(Item* item, std::string*) override {
    if (next_ == texts_.size()) return false;
    *item = {};
    item->text = std::move(texts_[next_++]);
    return true;
  }

 private:
  std::vector<std::string> texts_;
  size_t next_ = 0;
};

class IdList : public Input {
 public:
  explicit IdList(std::vector<std::string> lists) : lists_(std::move(lists)) {}

  bool Next(Item* item, std::string* error) override {
    if (next_ == lists_.size()) return false;
    const std::string& list = lists_[next_++];
    *item = {};
    constexpr char kSeparators[] = " ,\t\n";
    for (size_t i = list.find_first_not_of(kSeparators); i != std::string::npos;
         i = list.find_first_not_of(kSeparators, i)) {
      const size_t end = std::min(list.find_first_of(kSeparators, i), list.size());
      int32_t id = 0;
      const auto result = std::from_chars(list.data() + i, list.data() + end, id);
      if (result.ec != std::errc() || result.ptr != list.data() + end) {
        *error = Format("--ids: expected whole numbers, but got '%s'",
                        tools::Shorten(list.substr(i, end - i), 40).c_str());
        return false;
      }
      item->ids.push_back(id);
      i = end;
    }
    if (item->ids.empty()) {
      *error = "--ids: expected at least one token id, but got none";
      return false;
    }
    return true;
  }

 private:
  std::vector<std::string> lists_;
  size_t next_ = 0;
};

// One text a line.
class PlainLines : public Input {
 public:
  PlainLines(int fd, std::string name) : reader_(fd), name_(std::move(name)) {}

  bool Next(Item* item, std::string* error) override {
    std::string line;
    switch (reader_.Next(&line)) {
      case LineReader::Outcome::kEnd:
        return false;
      case LineReader::Outcome::kError:
        *error = Format("cannot read %s: %s", name_.c_str(), std::strerror(errno));
        return false;
      case LineReader::Outcome::kLine:
        break;
    }
    *item = {};
    item->where = Format("%s:%llu", name_.c_str(), static_cast<unsigned long long>(++number_));
    item->text = std::move(line);
    return true;
  }

 private:
  LineReader reader_;
  std::string name_;
  uint64_t number_ = 0;
};

// One JSON object a line; empty lines are skipped.
class JsonLines : public Input {
 public:
  JsonLines(int fd, std::string name) : reader_(fd), name_(std::move(name)) {}

  bool Next(Item* item, std::string* error) override {
    std::string line;
    do {
      switch (reader_.Next(&line)) {
        case LineReader::Outcome::kEnd:
          return false;
        case LineReader::Outcome::kError:
          *error = Format("cannot read %s: %s", name_.c_str(), std::strerror(errno));
          return false;
        case LineReader::Outcome::kLine:
          break;
      }
      if (++number_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    } while (line.find_first_not_of(" \t") == std::string::npos);

    *item = {};
    item->where = Format("%s:%llu", name_.c_str(), static_cast<unsigned long long>(number_));
    const std::string problem = Parse(line, item);
    if (problem.empty()) return true;
    *error = item->where + ": " + problem;
    return false;
  }

 private:
  // Says what is wrong with the line, or nothing.
  static std::string Parse(const std::string& line, Item* item) {
    // Ill-formed UTF-8 is replaced here as the tokenizer would.
    const size_t begin = line.find_first_not_of(" \t");
    const size_t end = line.find_last_not_of(" \t") + 1;
    item->json = tools::ReplaceIllFormedUtf8(std::string_view(line).substr(begin, end - begin));
    nlohmann::json object;
    try {
      object = nlohmann::json::parse(item->json);
    } catch (const nlohmann::json::exception& exception) {
      return "expected a JSON object, but it does not parse: " + Reason(exception.what());
    }
    if (!object.is_object()) {
      return Format("expected a JSON object with a \"text\", but got %s %s",
                    object.is_array() ? "an" : "a", object.type_name());
    }
    const auto text = object.find("text");
    if (text == object.end()) return "expected a JSON object with a \"text\", but it has none";
    if (!text->is_string()) {
      return Format("\"text\": expected a string, but got %s %s",
                    text->is_null() ? "the value" : "a", text->type_name());
    }
    item->text = std::move(text->get_ref<std::string&>());
    const auto label = object.find("label");
    if (label != object.end()) {
      if (label->is_number_unsigned() && label->get<uint64_t>() <= INT32_MAX) {
        item->label = label->get<int64_t>();
      } else if (label->is_string()) {
        item->label = label->get<std::string>();
      } else if (!label->is_null()) {
        return "\"label\": expected a class's index or name, but got " +
               tools::Shorten(label->dump(-1, ' ', true), 40);
      }
    }
    return "";
  }

  // The library's message without its own prefix: "column 3: syntax error ...".
  static std::string Reason(std::string_view message) {
    const size_t column = message.find("column ");
    if (column != std::string_view::npos) message.remove_prefix(column);
    return tools::Shorten(tools::Printable(message), 200);
  }

  LineReader reader_;
  std::string name_;
  uint64_t number_ = 0;
};

}  // namespace

std::unique_ptr<Input> OpenInput(const Options& options, std::string* error) {
  if (!options.texts.empty()) return std::make_unique<TextList>(options.texts);
  if (!options.ids.empty()) return std::make_unique<IdList>(options.ids);
  const std::string& path = options.input_file;
  if (path.empty()) {
    if (tools::IsTerminal(STDIN_FILENO) && !options.common.quiet) {
      tools::Note(kTool, "type a text and press Enter; Ctrl-D ends");
    }
    return std::make_unique<PlainLines>(STDIN_FILENO, "standard input");
  }
  if (path == "-") return std::make_unique<JsonLines>(STDIN_FILENO, "standard input");
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  if (fd < 0 || fstat(fd, &status) != 0) {
    *error = Format("cannot read '%s': %s", path.c_str(), std::strerror(errno));
    return nullptr;
  }
  if (S_ISDIR(status.st_mode)) {
    close(fd);
    *error = Format("cannot read '%s': expected a file of JSON lines, but it is a directory",
                    path.c_str());
    return nullptr;
  }
  return std::make_unique<JsonLines>(fd, path);
}

}  // namespace gem::run
