// The part of a command line that every tool has, on CLI11.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/common/CommandLine.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "gem/gem.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"

namespace gem::tools {
namespace {

constexpr char kCommonGroup[] = "General";
constexpr std::string_view kAdvanced = "Advanced";

// `text` in lines of at most `width` columns; line feeds are kept.
std::vector<std::string> Wrap(const std::string& text, size_t width) {
  std::vector<std::string> lines;
  std::istringstream paragraphs(text);
  for (std::string paragraph; std::getline(paragraphs, paragraph);) {
    std::istringstream words(paragraph);
    std::string line;
    for (std::string word; words >> word;) {
      if (!line.empty() && DisplayWidth(line) + 1 + DisplayWidth(word) > width) {
        lines.push_back(std::move(line));
        line.clear();
      }
      line += (line.empty() ? "" : " ") + word;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// Help that fits a screen: usage, options by group, two examples.
class HelpFormatter : public CLI::Formatter {
 public:
  explicit HelpFormatter(ToolInfo info) : info_(std::move(info)) {}

  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const override {
    // A line longer than this is hard to read, however wide the terminal.
    width_ = std::min<size_t>(static_cast<size_t>(TerminalWidth(STDOUT_FILENO)), 100);
    const bool all = mode == CLI::AppFormatMode::All;
    std::string out;
    for (const std::string& line : Wrap(info_.name + ": " + info_.summary, width_)) {
      out += line + "\n";
    }
    out += "\nUsage: " + info_.name + " " + info_.usage + "\n";

    // The tool's own groups in the order of their options, then the common one.
    std::vector<std::string> groups;
    for (const CLI::Option* option : app->get_options()) {
      const std::string& group = option->get_group();
      const bool advanced = group.starts_with(kAdvanced);
      if (group.empty() || group == kCommonGroup || (advanced && !all)) continue;
      if (std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
    }
    std::stable_partition(groups.begin(), groups.end(),
                          [](const std::string& group) { return !group.starts_with(kAdvanced); });
    groups.push_back(kCommonGroup);
    for (const std::string& group : groups) {
      out += "\n" + group + ":\n";
      for (const CLI::Option* option : app->get_options()) {
        if (option->get_group() == group) out += FormatOption(*option);
      }
    }

    out += "\nExamples:\n";
    for (const std::string& example : info_.examples) out += "  " + example + "\n";
    return out;
  }

 private:
  std::string FormatOption(const CLI::Option& option) const {
    std::string names;
    if (option.get_positional() && !option.nonpositional()) {
      names = option.get_name(true, false);
    } else {
      // Long names line up whether or not there is a short one.
      const std::vector<std::string>& short_names = option.get_snames();
      names = short_names.empty() ? "    " : "-" + short_names.front() + ", ";
      const std::vector<std::string>& long_names = option.get_lnames();
      for (size_t i = 0; i < long_names.size(); ++i) names += (i ? ", --" : "--") + long_names[i];
      if (long_names.empty()) names.resize(names.size() - 2);
      // Without the checks that CLI11 appends: the description says it better.
      const std::string type = option.get_type_name();
      if (option.get_type_size() != 0 && !type.empty())
        names += " " + type.substr(0, type.find(':'));
    }
    constexpr size_t kIndent = 2, kColumn = 26;
    std::string out = std::string(kIndent, ' ') + names;
    size_t column = kIndent + DisplayWidth(names);
    for (const std::string& line : Wrap(option.get_description(), width_ - kColumn)) {
      if (column + 2 > kColumn) {
        out += "\n";
        column = 0;
      }
      out += std::string(kColumn - column, ' ') + line;
      column = kColumn;
    }
    return out + "\n";
  }

  ToolInfo info_;
  mutable size_t width_ = 80;
};

// Steps from one word to the other: insert, delete, replace, swap neighbours.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

// What CLI11 could not place: a mistyped flag, or one argument too many.
std::string UnexpectedArgument(const CLI::App& app, const std::string& argument) {
  if (argument.size() < 2 || argument[0] != '-') {
    return "unexpected argument '" + argument + "'";
  }
  const std::string flag = argument.substr(0, argument.find('='));
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    for (const std::string& name : option->get_snames()) flags.push_back("-" + name);
  }
  const std::string nearest = Nearest(flag, flags);
  return "unknown option '" + flag + "'" +
         (nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
}

}  // namespace

std::string Nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  // Nobody mistypes more than a line; the table is quadratic.
  if (word.size() > 100) return best;
  for (const std::string& candidate : candidates) {
    // A beginning of at least three letters ("--hid") says enough.
    const bool begins = word.size() >= 5 && candidate.starts_with(word);
    const size_t distance = begins ? 1 : EditDistance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  // One letter for another is no likeness between two short flags.
  return word.size() <= 2 ? std::string() : best;
}

std::string_view Version() { return GEM_VERSION; }

std::string VersionLine(std::string_view tool) {
  return Format("%.*s %s (format %d.%d)", static_cast<int>(tool.size()), tool.data(), GEM_VERSION,
                GEM_FORMAT_MAJOR, GEM_FORMAT_MINOR);
}

void SetUpCommandLine(CLI::App& app, const ToolInfo& info, CommonOptions* common) {
  app.name(info.name);
  app.description(info.summary);
  app.formatter(std::make_shared<HelpFormatter>(info));
  app.allow_extras(false);
  app.set_help_flag("-h,--help", "show this help")->group(kCommonGroup);
  app.set_help_all_flag("--help-all", "show every option")->group(kCommonGroup);
  app.set_version_flag("--version", VersionLine(info.name), "show the version")
      ->group(kCommonGroup);
  app.add_flag("-q,--quiet", common->quiet, "print results and errors only")->group(kCommonGroup);
  app.add_flag("-v,--verbose", common->verbose, "say more about what happens")->group(kCommonGroup);
  const std::map<std::string, ColorMode> modes = {
      {"auto", ColorMode::kAuto}, {"always", ColorMode::kAlways}, {"never", ColorMode::kNever}};
  app.add_option_function<std::string>(
         "--color",
         [common, modes](const std::string& value) {
           const auto mode = modes.find(value);
           if (mode == modes.end()) {
             throw CLI::ValidationError("--color",
                                        "expected auto, always or never, but got '" + value + "'");
           }
           common->color = mode->second;
         },
         "auto (default; honours NO_COLOR), always or never")
      ->type_name("WHEN")
      ->group("Advanced");
}

void RefuseEmpty(CLI::Option* option, const std::string& expected) {
  option->check(
      [expected](const std::string& value) {
        return value.empty() ? "expected " + expected + ", but got an empty name" : std::string();
      },
      "");
}

std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv) {
  const auto print = [&app](const std::string& text) -> int {
    std::string error;
    if (WriteToStdout(text, &error)) return kExitOk;
    Error(app.get_name(), error);
    return kExitFailed;
  };
  // CLI11 takes "--name=" for a missing value; it is an empty one. It wants the
  // arguments from the last to the first.
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.size() > 3 && argument.starts_with("--") &&
        argument.find('=') == argument.size() - 1) {
      arguments.emplace_back(argument.substr(0, argument.size() - 1));
      arguments.emplace_back();
    } else {
      arguments.emplace_back(argument);
    }
  }
  std::reverse(arguments.begin(), arguments.end());
  std::string message;
  try {
    app.parse(std::move(arguments));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    return print(app.help());
  } catch (const CLI::CallForAllHelp&) {
    return print(app.help("", CLI::AppFormatMode::All));
  } catch (const CLI::CallForVersion& version) {
    return print(std::string(version.what()) + "\n");
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app.remaining();
    message = UnexpectedArgument(app, extras.empty() ? "" : extras.front());
  } catch (const CLI::ParseError& error) {
    message = error.what();
  }
  Error(app.get_name(), message + " (see " + app.get_name() + " --help)");
  return kExitUsage;
}

}  // namespace gem::tools
