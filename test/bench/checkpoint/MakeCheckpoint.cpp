// gem-make-checkpoint: writes a random GEM checkpoint of any shape.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For measuring real sizes without downloading anything. Values have the spread of
// a freshly initialised BERT; the router's are spread so that about half of the
// tokens are routed and all clusters are used.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "tools/common/CommandLine.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/Progress.h"
#include "tools/common/Signals.h"

namespace gem::bench {
namespace {

using tools::Format;

constexpr char kTool[] = "gem-make-checkpoint";

// --- shapes ---------------------------------------------------------------------

struct Shape {
  uint64_t layers, hidden, heads, ffn, vocabulary, positions, classes, clusters;
};

struct Preset {
  const char* name;
  Shape shape;
};
constexpr Preset kPresets[] = {
    {"tiny", {2, 128, 2, 512, 8192, 512, 39, 32}},  // as examples/gem-tiny
    {"mini", {4, 256, 4, 1024, 8192, 512, 39, 64}},
    {"small", {4, 512, 8, 2048, 30522, 512, 77, 256}},
    {"bert-base", {12, 768, 12, 3072, 30522, 512, 77, 256}},
    {"bert-large", {24, 1024, 16, 4096, 30522, 512, 77, 256}},
};

struct Options {
  tools::CommonOptions common;
  std::string preset = "bert-base", dtype = "f32", output;
  Shape shape = {};
  uint64_t seed = 0;
};

struct TensorSpec {
  std::string name;
  std::vector<uint64_t> shape;
  double mean, deviation;

  uint64_t values() const {
    uint64_t count = 1;
    for (const uint64_t extent : shape) count *= extent;
    return count;
  }
};

// The tensors of a GEM, in the order of their names in the file.
std::vector<TensorSpec> TensorsOf(const Shape& s) {
  constexpr double kInitial = 0.02;  // BERT's initializer_range
  std::vector<TensorSpec> tensors;
  const auto add = [&](const std::string& name, std::vector<uint64_t> shape, double mean,
                       double deviation) {
    tensors.push_back({name, std::move(shape), mean, deviation});
  };
  const auto linear = [&](const std::string& name, uint64_t out, uint64_t in) {
    add(name + ".weight", {out, in}, 0, kInitial);
    add(name + ".bias", {out}, 0, kInitial);
  };
  const auto norm = [&](const std::string& name) {
    add(name + ".weight", {s.hidden}, 1, kInitial);
    add(name + ".bias", {s.hidden}, 0, kInitial);
  };
  const std::string bert = "bert.bert.", embeddings = bert + "embeddings.";
  add(embeddings + "word_embeddings.weight", {s.vocabulary, s.hidden}, 0, kInitial);
  add(embeddings + "position_embeddings.weight", {s.positions, s.hidden}, 0, kInitial);
  add(embeddings + "token_type_embeddings.weight", {2, s.hidden}, 0, kInitial);
  norm(embeddings + "LayerNorm");
  for (uint64_t i = 0; i < s.layers; ++i) {
    const std::string layer = bert + "encoder.layer." + std::to_string(i) + ".";
    for (const char* part : {"query", "key", "value"}) {
      linear(layer + "attention.self." + part, s.hidden, s.hidden);
    }
    linear(layer + "attention.output.dense", s.hidden, s.hidden);
    norm(layer + "attention.output.LayerNorm");
    linear(layer + "intermediate.dense", s.ffn, s.hidden);
    linear(layer + "output.dense", s.hidden, s.ffn);
    norm(layer + "output.LayerNorm");
  }
  // Tokens come out of a norm, so |x| is about sqrt(hidden): domain logits of
  // deviation 4.5 put the highest probability about the threshold.
  add("router.W_r", {s.classes, s.hidden}, 0, 4.5 / std::sqrt(static_cast<double>(s.hidden)));
  add("router.centroids", {s.clusters, s.hidden}, 0, 1);
  linear("scar.qkv", 3 * s.hidden, s.hidden);
  linear("scar.out", s.hidden, s.hidden);
  linear("classifier", s.classes, s.hidden);
  return tensors;
}

// --- values ---------------------------------------------------------------------

// The same values on every host: integers and exactly rounded operations only.
// SplitMix64 (Steele, Lea, Flood 2014) of a counter.
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// Nearly normal, mean 0, deviation 1: the sum of eight uniform values (Irwin-Hall).
float Bell(uint64_t stream, uint64_t index) {
  const uint64_t a = Mix(stream + 2 * index), b = Mix(stream + 2 * index + 1);
  int64_t sum = 0;
  for (int shift = 0; shift < 64; shift += 16) {
    sum +=
        static_cast<int64_t>((a >> shift) & 0xFFFF) + static_cast<int64_t>((b >> shift) & 0xFFFF);
  }
  constexpr double kMean = 8 * 65535 / 2.0;
  constexpr double kScale = 1 / 53509.3;  // of sqrt(8 * (65536^2 - 1) / 12)
  return static_cast<float>((static_cast<double>(sum) - kMean) * kScale);
}

// IEEE 754 binary16, to nearest even; values here are far from overflow.
uint16_t ToHalf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  const uint32_t sign = bits >> 16 & 0x8000u;
  bits &= 0x7FFFFFFFu;
  if (bits < 0x38800000u) {  // subnormal: in units of 2^-24
    float magnitude;
    std::memcpy(&magnitude, &bits, sizeof(bits));
    return static_cast<uint16_t>(sign | static_cast<uint32_t>(std::nearbyint(magnitude * 0x1p24f)));
  }
  bits += 0xFFFu + (bits >> 13 & 1);
  return static_cast<uint16_t>(sign | ((bits - 0x38000000u) >> 13));
}

uint16_t ToBrain(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return static_cast<uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

// --- files ----------------------------------------------------------------------

std::string ConfigText(const Shape& s) {
  nlohmann::ordered_json config = {
      {"model_type", "gem"},
      {"architectures", {"GEM"}},
      {"vocab_size", s.vocabulary},
      {"hidden_size", s.hidden},
      {"max_position_embeddings", s.positions},
      {"num_hidden_layers", s.layers},
      {"num_attention_heads", s.heads},
      {"intermediate_size", s.ffn},
      {"num_classes", s.classes},
      {"num_clusters", s.clusters},
      {"threshold", 0.65},
      {"hidden_act", "gelu"},
      {"layer_norm_eps", 1e-12},
      {"type_vocab_size", 2},
      {"pad_token_id", 0},
      {"do_lower_case", true},
  };
  return config.dump(1) + "\n";
}

// Special tokens, single characters as words and as their continuations (so that
// any ASCII text has tokens), then made-up words.
std::string VocabularyText(uint64_t count) {
  std::vector<std::string> words = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  for (const char* start : {"", "##"}) {
    for (char c = '0'; c <= '9'; ++c) words.push_back(std::string(start) + c);
    for (char c = 'a'; c <= 'z'; ++c) words.push_back(std::string(start) + c);
  }
  for (uint64_t i = 0; words.size() < count; ++i) {
    std::string word;
    for (uint64_t rest = i + 26; rest != 0; rest /= 26) {
      word.insert(word.begin(), static_cast<char>('a' + rest % 26));
    }
    words.push_back((i % 4 == 0 ? "##" : "") + word);
  }
  std::string text;
  for (uint64_t i = 0; i < count; ++i) text += words[i] + "\n";
  return text;
}

std::string SafetensorsHeader(const std::vector<TensorSpec>& tensors, const std::string& dtype,
                              uint64_t value_size, uint64_t* bytes) {
  const char* type = dtype == "f32" ? "F32" : dtype == "f16" ? "F16" : "BF16";
  nlohmann::ordered_json header = {{"__metadata__", {{"format", "pt"}}}};
  *bytes = 0;
  for (const TensorSpec& tensor : tensors) {
    const uint64_t size = tensor.values() * value_size;
    header[tensor.name] = {
        {"dtype", type}, {"shape", tensor.shape}, {"data_offsets", {*bytes, *bytes + size}}};
    *bytes += size;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string out(8, '\0');
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(uint64_t{text.size()} >> (8 * i));
  return out + text;
}

bool WriteTensors(const Options& options, const std::vector<TensorSpec>& tensors,
                  uint64_t* file_size, std::string* error) {
  const uint64_t value_size = options.dtype == "f32" ? 4 : 2;
  uint64_t bytes = 0;
  const std::string header = SafetensorsHeader(tensors, options.dtype, value_size, &bytes);
  tools::OutputFile file;
  if (!file.Open(options.output + "/model.safetensors", error)) return false;
  if (!file.Write(header, error)) return false;
  tools::Progress progress("writing", bytes, !options.common.quiet);
  constexpr uint64_t kChunk = 1 << 18;  // values
  std::string buffer;
  for (size_t t = 0; t < tensors.size(); ++t) {
    const TensorSpec& tensor = tensors[t];
    const uint64_t stream = Mix(Mix(options.seed) + t);
    const auto mean = static_cast<float>(tensor.mean);
    const auto deviation = static_cast<float>(tensor.deviation);
    for (uint64_t begin = 0; begin < tensor.values(); begin += kChunk) {
      const uint64_t end = std::min(begin + kChunk, tensor.values());
      buffer.resize((end - begin) * value_size);
      char* at = buffer.data();
      for (uint64_t i = begin; i < end; ++i, at += value_size) {
        const float value = mean + deviation * Bell(stream, i);
        if (value_size == 4) {
          std::memcpy(at, &value, 4);
        } else {
          const uint16_t half = options.dtype == "f16" ? ToHalf(value) : ToBrain(value);
          std::memcpy(at, &half, 2);
        }
      }
      if (!file.Write(buffer, error)) return false;
      progress.Update(file.written());
    }
  }
  *file_size = file.written();
  return file.Commit(error);
}

// --- the command ----------------------------------------------------------------

std::optional<int> ReadOptions(int argc, const char* const* argv, Options* options) {
  CLI::App app;
  tools::SetUpCommandLine(
      app,
      {.name = kTool,
       .summary = "writes a random GEM checkpoint of any shape, to measure with",
       .usage = "[options] -o DIR",
       .examples = {"gem-make-checkpoint --preset bert-base -o base",
                    "gem-make-checkpoint --preset tiny --layers 6 --dtype f16 -o six"}},
      &options->common);
  std::vector<std::string> presets;
  for (const Preset& preset : kPresets) presets.push_back(preset.name);
  app.add_option("-o,--output", options->output,
                 "folder for config.json, vocab.txt and model.safetensors; made when missing")
      ->type_name("DIR")
      ->group("Output");
  app.add_option("--dtype", options->dtype, "f32 (default), f16 or bf16")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}))
      ->type_name("TYPE")
      ->group("Output");
  app.add_option("--seed", options->seed, "of the values (default 0)")
      ->type_name("N")
      ->group("Output");
  app.add_option("--preset", options->preset,
                 "tiny, mini, small, bert-base (default) or bert-large; the options below change "
                 "it")
      ->check(CLI::IsMember(presets))
      ->type_name("NAME")
      ->group("Shape");
  struct Dimension {
    const char* name;
    uint64_t Shape::* member;
    const char* help;
    uint64_t most;
  };
  constexpr Dimension kDimensions[] = {
      {"--layers", &Shape::layers, "encoder layers", 1000},
      {"--hidden", &Shape::hidden, "width of a token", 1 << 16},
      {"--heads", &Shape::heads, "attention heads; divides --hidden", 1 << 10},
      {"--ffn", &Shape::ffn, "width of the feed-forward part", 1 << 18},
      {"--vocab", &Shape::vocabulary, "pieces of the vocabulary", 1 << 22},
      {"--positions", &Shape::positions, "tokens of a text at most", 1 << 20},
      {"--classes", &Shape::classes, "classes and domains", 1 << 16},
      {"--clusters", &Shape::clusters, "clusters of the router", 1 << 16},
  };
  Shape given = {};
  for (const Dimension& dimension : kDimensions) {
    app.add_option(dimension.name, given.*dimension.member, dimension.help)
        ->check(CLI::Range(uint64_t{1}, dimension.most))
        ->type_name("N")
        ->group("Shape");
  }
  if (const std::optional<int> code = tools::ParseCommandLine(app, argc, argv)) return code;

  for (const Preset& preset : kPresets) {
    if (options->preset == preset.name) options->shape = preset.shape;
  }
  for (const Dimension& dimension : kDimensions) {
    if (given.*dimension.member != 0) {
      options->shape.*dimension.member = given.*dimension.member;
    }
  }
  const auto wrong = [](const std::string& message) -> std::optional<int> {
    tools::Error(kTool, message + " (see gem-make-checkpoint --help)");
    return tools::kExitUsage;
  };
  if (options->output.empty()) return wrong("expected a folder to write to (-o), but got none");
  const Shape& shape = options->shape;
  if (shape.hidden % shape.heads != 0) {
    return wrong(Format("--heads: expected a divisor of --hidden %llu, but got %llu",
                        static_cast<unsigned long long>(shape.hidden),
                        static_cast<unsigned long long>(shape.heads)));
  }
  if (shape.vocabulary < 5) {
    return wrong("--vocab: expected at least 5, the special tokens, but got " +
                 std::to_string(shape.vocabulary));
  }
  return std::nullopt;
}

int Main(int argc, const char* const* argv) {
  Options options;
  if (const std::optional<int> code = ReadOptions(argc, argv, &options)) return *code;
  const auto fail = [](const std::string& message) {
    tools::Error(kTool, message);
    return static_cast<int>(tools::kExitFailed);
  };
  std::error_code made;
  std::filesystem::create_directories(options.output, made);
  if (made) {
    return fail("cannot make the folder '" + options.output + "': " + made.message());
  }
  const std::vector<TensorSpec> tensors = TensorsOf(options.shape);
  std::string error;
  uint64_t bytes = 0;
  if (!WriteTensors(options, tensors, &bytes, &error) ||
      !tools::WriteFile(options.output + "/config.json", ConfigText(options.shape), &error) ||
      !tools::WriteFile(options.output + "/vocab.txt", VocabularyText(options.shape.vocabulary),
                        &error)) {
    return fail(error);
  }
  if (options.common.quiet) return tools::kExitOk;
  uint64_t parameters = 0;
  for (const TensorSpec& tensor : tensors) {
    if (tensor.name != "router.centroids") parameters += tensor.values();
  }
  if (!tools::WriteToStdout(
          Format("%s: %s parameters, %s\n", options.output.c_str(),
                 tools::FormatCount(parameters).c_str(), tools::FormatBytes(bytes).c_str()),
          &error)) {
    return fail(error);
  }
  return tools::kExitOk;
}

}  // namespace
}  // namespace gem::bench

int main(int argc, char** argv) {
  gem::tools::InstallSignalHandlers();
  try {
    return gem::bench::Main(argc, argv);
  } catch (const std::exception& exception) {
    gem::tools::Error(gem::bench::kTool, exception.what());
  }
  return gem::tools::kExitFailed;
}
