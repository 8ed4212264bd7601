// Explains a bundle: what it says, what it holds, and every byte of it.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "mlir/IR/AsmState.h"
#include "runtime/schema/generated/gem_tokenizer_generated.h"
#include "tools/common/ExitCodes.h"
#include "tools/common/Format.h"
#include "tools/common/Json.h"
#include "tools/common/Messages.h"
#include "tools/common/Output.h"
#include "tools/common/Terminal.h"
#include "tools/gem-inspect/BundleBytes.h"
#include "tools/gem-inspect/Inspect.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>

using namespace gem;
using namespace gem::inspect;
using Json = nlohmann::ordered_json;
using Align = tools::Table::Align;

namespace {

/// "ADD_POSITION" as people write it: "add_position".
std::string lower(const char *name) { return llvm::StringRef(name).lower(); }

/// When a buffer holds something: from the filling of the inputs (0) or the call (1, 2, ...)
/// that first touches it to the last, or to the reading of the outputs (calls + 1).
struct BufferLife {
  std::string name;
  int64_t first = -1, last = -1;

  void touch(int64_t time) {
    first = first < 0 ? time : first;
    last = std::max(last, time);
  }
};

int64_t countCalls(const schema::Entry &entry) {
  int64_t calls = 0;
  for (const schema::Submission *submission : *entry.submissions())
    calls += submission->commands()->size();
  return calls;
}

std::vector<BufferLife> livesOf(const schema::Entry &entry) {
  std::vector<BufferLife> lives(entry.buffers()->size());
  for (const schema::Binding *input : *entry.inputs()) {
    lives[input->buffer()].name = input->name()->str();
    lives[input->buffer()].touch(0);
  }
  int64_t time = 0;
  for (const schema::Submission *submission : *entry.submissions())
    for (const schema::Command *command : *submission->commands()) {
      ++time;
      for (const auto *operands : {command->inputs(), command->outputs()})
        for (const schema::Operand *operand : *operands) {
          if (operand->kind() != schema::OperandKind::BUFFER)
            continue;
          BufferLife &life = lives[operand->index()];
          life.touch(time);
          if (life.name.empty())
            life.name = command->name() && command->name()->size()
                            ? command->name()->str()
                            : lower(schema::EnumNameKernel(command->kernel()));
        }
    }
  for (const schema::Binding *output : *entry.outputs())
    lives[output->buffer()].touch(time + 1);
  return lives;
}

class BundleInspector {
public:
  BundleInspector(const Options &options, std::shared_ptr<const BundleFile> file)
      : options(options), file(std::move(file)), root(this->file->root()),
        parts(listParts(*this->file)), page(options.color) {}

  /// That every byte is explained; a message when not.
  std::string problemOfParts() const {
    uint64_t size = file->bytes().size(), total = totalLength(parts);
    if (total != size)
      return tools::Format("the parts add up to %llu bytes, but the file has %llu",
                           static_cast<unsigned long long>(total),
                           static_cast<unsigned long long>(size));
    for (const BytePart &part : parts)
      if (!part.parts.empty() && totalLength(part.parts) != part.length)
        return "the parts of segment '" + part.name + "' do not add up to it";
    return "";
  }

  std::string everything() {
    const Preamble &preamble = file->preamble();
    page.title(options.path, tools::Format("a GEM bundle, format %u.%u, ", preamble.format_major,
                                           preamble.format_minor) +
                                 tools::FormatBytes(file->bytes().size()));
    writeModel();
    writeProvenance();
    writeParts(/*detailed=*/false);
    for (const schema::Variant *variant : *root.variants())
      writeVariant(*variant);
    return page.str();
  }

  std::string everyByte() {
    writeParts(/*detailed=*/true);
    return page.str();
  }

  std::string hashes(const std::vector<HashCheck> &checks) {
    tools::Table table;
    for (const HashCheck &check : checks)
      table.AddRow({check.matches() ? "ok" : page.strong("DIFFERS"), check.computed, check.what});
    return table.ToString(0);
  }

  Json toJson(const std::vector<HashCheck> &checks) const {
    Json json = tools::MakeJsonDocument();
    json["kind"] = "bundle";
    json["path"] = options.path;
    json["file_bytes"] = file->bytes().size();
    const Preamble &preamble = file->preamble();
    json["preamble"] = {{"format_major", preamble.format_major},
                        {"format_minor", preamble.format_minor},
                        {"file_bytes", preamble.file_size},
                        {"program_bytes", preamble.program_size},
                        {"hash_algorithm", "blake3"},
                        {"program_hash", hexOf(llvm::ArrayRef(preamble.program_hash))}};
    json["producer"] = root.producer()->str();
    json["model"] = {{"name", root.model()->name()->str()},
                     {"architecture", root.model()->architecture()->str()},
                     {"parameters", root.model()->parameters()},
                     {"labels", labels()}};
    json["text"] = Json();
    if (const schema::Text *text = root.text())
      json["text"] = {
          {"tokenizer_segment", root.segments()->Get(text->tokenizer_segment())->name()->str()},
          {"padded", text->padded()},
          {"maximum_tokens", text->maximum_tokens()},
          {"pad_id", text->pad_id()}};
    Json &provenance = json["provenance"] = Json::object();
    if (root.provenance())
      for (const schema::KeyValue *entry : *root.provenance())
        provenance[entry->key()->str()] = entry->value()->str();
    Json &segments = json["segments"] = Json::array();
    for (uint32_t i = 0; i < root.segments()->size(); ++i) {
      const schema::Segment &segment = *root.segments()->Get(i);
      Json item = {
          {"name", segment.name()->str()},
          {"kind", lower(schema::EnumNameSegmentKind(segment.kind()))},
          {"offset", segment.offset()},
          {"bytes", segment.length()},
          {"hash_algorithm", lower(schema::EnumNameHashAlgorithm(segment.hash_algorithm()))},
          {"hash", hexOf({segment.hash()->data(), segment.hash()->size()})}};
      if (!checks.empty())
        item["hash_matches"] = checks[i + 1].matches();
      segments.push_back(std::move(item));
    }
    Json &variants = json["variants"] = Json::array();
    for (const schema::Variant *variant : *root.variants())
      variants.push_back(describe(*variant));
    json["bytes"] = describe(parts);
    return json;
  }

private:
  //===--------------------------------------------------------------------===//
  // Values
  //===--------------------------------------------------------------------===//

  std::vector<std::string> labels() const {
    std::vector<std::string> labels;
    if (root.model()->labels())
      for (const flatbuffers::String *label : *root.model()->labels())
        labels.push_back(label->str());
    return labels;
  }

  /// An extent as text: "64", or a symbol's name.
  static std::string dimText(const schema::Dim &dim, const schema::Program &program) {
    return dim.kind() == schema::DimKind::SYMBOL
               ? program.symbols()->Get(dim.value())->name()->str()
               : std::to_string(dim.value());
  }

  /// "f32[n, 128]"
  static std::string typeOf(const schema::Buffer &buffer, const schema::Program &program) {
    std::string text = lower(schema::EnumNameElementType(buffer.element_type())) + "[";
    llvm::ListSeparator comma;
    for (const schema::Dim *dim : *buffer.shape())
      text += std::string(llvm::StringRef(comma)) + dimText(*dim, program);
    return text + "]";
  }

  static uint64_t elementBytes(schema::ElementType type) {
    switch (type) {
    case schema::ElementType::I8:
    case schema::ElementType::U8:
      return 1;
    case schema::ElementType::F16:
    case schema::ElementType::BF16:
    case schema::ElementType::I16:
      return 2;
    case schema::ElementType::I64:
      return 8;
    default:
      return 4;
    }
  }

  /// With every symbol at its maximum.
  static uint64_t bytesOf(const schema::Buffer &buffer, const schema::Program &program) {
    uint64_t bytes = elementBytes(buffer.element_type());
    for (const schema::Dim *dim : *buffer.shape())
      bytes *= dim->kind() == schema::DimKind::SYMBOL
                   ? program.symbols()->Get(dim->value())->maximum()
                   : dim->value();
    return bytes;
  }

  static std::vector<int64_t> shapeOf(const schema::Constant &constant) {
    return {constant.shape()->begin(), constant.shape()->end()};
  }

  /// What the tokenizer segment says of itself, or "" when it is not what it should be.
  std::string tokenizerText() const {
    llvm::ArrayRef<char> bytes = file->segment(root.text()->tokenizer_segment());
    auto *data = reinterpret_cast<const uint8_t *>(bytes.data());
    flatbuffers::Verifier verifier(data, bytes.size());
    if (!schema::VerifyTokenizerBuffer(verifier))
      return "its segment is no tokenizer";
    const schema::Tokenizer &tokenizer = *schema::GetTokenizer(data);
    uint32_t pieces = tokenizer.offsets()->size();
    return "WordPiece, " + tools::FormatCount(pieces ? pieces - 1 : 0) + " pieces, " +
           (tokenizer.lowercase() ? "lower-cased" : "cased") +
           (tokenizer.strip_accents() ? ", accents removed" : ", accents kept");
  }

  //===--------------------------------------------------------------------===//
  // JSON
  //===--------------------------------------------------------------------===//

  static Json describe(const std::vector<BytePart> &parts) {
    Json list = Json::array();
    for (const BytePart &part : parts) {
      Json item = {{"offset", part.offset}, {"bytes", part.length}, {"kind", part.kind}};
      if (!part.name.empty())
        item["name"] = part.name;
      if (part.kind == "padding" || part.kind == "unused")
        item["is_zero"] = part.isZero;
      if (!part.parts.empty())
        item["parts"] = describe(part.parts);
      list.push_back(std::move(item));
    }
    return list;
  }

  static Json describe(const schema::Binding &binding, const schema::Entry &entry,
                       const schema::Program &program) {
    const schema::Buffer &buffer = *entry.buffers()->Get(binding.buffer());
    Json item = {{"name", binding.name()->str()},
                 {"role", lower(schema::EnumNameRole(binding.role()))},
                 {"buffer", binding.buffer()},
                 {"type", typeOf(buffer, program)}};
    if (binding.minimum() != 0 || binding.maximum() != 0) {
      item["minimum"] = binding.minimum();
      item["maximum"] = binding.maximum();
    }
    return item;
  }

  static Json describe(const schema::Entry &entry, const schema::Program &program) {
    Json json = {{"name", entry.name()->str()},
                 {"arena_bytes", entry.arena_size()},
                 {"arena_lower_bound_bytes", entry.arena_lower_bound()}};
    for (const char *side : {"inputs", "outputs"}) {
      Json &list = json[side] = Json::array();
      for (const schema::Binding *binding :
           side == std::string("inputs") ? *entry.inputs() : *entry.outputs())
        list.push_back(describe(*binding, entry, program));
    }
    std::vector<BufferLife> lives = livesOf(entry);
    Json &buffers = json["buffers"] = Json::array();
    for (uint32_t i = 0; i < lives.size(); ++i) {
      const schema::Buffer &buffer = *entry.buffers()->Get(i);
      buffers.push_back({{"name", lives[i].name},
                         {"type", typeOf(buffer, program)},
                         {"offset", buffer.offset()},
                         {"bytes", bytesOf(buffer, program)},
                         {"first_call", lives[i].first},
                         {"last_call", lives[i].last}});
    }
    Json &calls = json["calls"] = Json::array();
    for (const schema::Submission *submission : *entry.submissions())
      for (const schema::Command *command : *submission->commands())
        calls.push_back({{"driver", lower(schema::EnumNameDriver(submission->driver()))},
                         {"kernel", lower(schema::EnumNameKernel(command->kernel()))},
                         {"name", command->name() ? command->name()->str() : ""}});
    return json;
  }

  Json describe(const schema::Variant &variant) const {
    const schema::Program &program = *variant.program();
    Json json = {
        {"device", variant.device()->str()},
        {"memory_limit_bytes", variant.memory_limit() ? Json(variant.memory_limit()) : Json()},
        {"cpu_kernels", variant.cpu_kernels() ? Json(variant.cpu_kernels()->str()) : Json()}};
    Json &features = json["required_features"] = Json::array();
    if (variant.required_features())
      for (const flatbuffers::String *feature : *variant.required_features())
        features.push_back(feature->str());
    Json &symbols = json["symbols"] = Json::array();
    for (const schema::Symbol *symbol : *program.symbols())
      symbols.push_back({{"name", symbol->name()->str()},
                         {"minimum", symbol->minimum()},
                         {"maximum", symbol->maximum()}});
    Json &constants = json["constants"] = Json::array();
    for (const schema::Constant *constant : *program.constants())
      constants.push_back({{"name", constant->name()->str()},
                           {"type", lower(schema::EnumNameElementType(constant->element_type()))},
                           {"shape", shapeOf(*constant)},
                           {"layout", lower(schema::EnumNameLayout(constant->layout()))},
                           {"segment", root.segments()->Get(constant->segment())->name()->str()},
                           {"offset", constant->offset()},
                           {"bytes", constant->length()}});
    Json &entries = json["entries"] = Json::array();
    for (const schema::Entry *entry : *program.entries())
      entries.push_back(describe(*entry, program));
    return json;
  }

  //===--------------------------------------------------------------------===//
  // Text
  //===--------------------------------------------------------------------===//

  void table(const tools::Table &rows) {
    std::string text = rows.ToString(2);
    if (!text.empty())
      page.line(text.substr(0, text.find_last_not_of('\n') + 1));
  }

  void writeModel() {
    const schema::Model &model = *root.model();
    page.heading("Model");
    page.fact("name", model.name()->str());
    page.fact("architecture", model.architecture()->str());
    page.fact("parameters", tools::FormatCount(model.parameters()));
    if (std::vector<std::string> names = labels(); !names.empty())
      page.fact("labels",
                std::to_string(names.size()) + ": " + abbreviate(names, options.common.verbose));
    if (const schema::Text *text = root.text()) {
      page.fact("tokenizer", tokenizerText());
      page.fact("texts", (text->padded() ? "padded to " : "at most ") +
                             tools::FormatPlural(text->maximum_tokens(), "token"));
    } else {
      page.fact("tokenizer", "none: the model takes ids");
    }
    page.fact("producer", root.producer()->str());
  }

  void writeProvenance() {
    if (!root.provenance() || root.provenance()->size() == 0)
      return;
    page.heading("Provenance");
    for (const schema::KeyValue *entry : *root.provenance())
      page.fact(entry->key()->str(), entry->value()->str());
  }

  void writeParts(bool detailed) {
    page.heading("Every byte");
    tools::Table rows({Align::kRight, Align::kRight});
    rows.AddRow({page.dim("offset"), page.dim("bytes"), page.dim("what")});
    uint32_t segment = 0;
    for (const BytePart &part : parts) {
      std::string what = part.kind;
      if (part.kind == "segment") {
        const schema::Segment &table = *root.segments()->Get(segment++);
        what += " '" + part.name + "', " + lower(schema::EnumNameSegmentKind(table.kind()));
        if (!detailed)
          what += page.dim(", blake3 " + hexOf({table.hash()->data(), table.hash()->size()}));
      } else if (part.kind == "program" && !detailed) {
        what += page.dim(", blake3 " + hexOf(llvm::ArrayRef(file->preamble().program_hash)));
      } else if (!part.isZero) {
        what += ", not zero";
      }
      rows.AddRow({tools::FormatCount(part.offset), tools::FormatCount(part.length), what});
      if (!detailed)
        continue;
      for (const BytePart &inner : part.parts)
        rows.AddRow({page.dim(tools::FormatCount(inner.offset)),
                     page.dim(tools::FormatCount(inner.length)),
                     "  " + inner.kind + (inner.name.empty() ? "" : " " + inner.name) +
                         (inner.isZero ? "" : ", not zero")});
    }
    rows.AddRow(
        {"", page.strong(tools::FormatCount(totalLength(parts))), page.strong("the file's size")});
    table(rows);
  }

  void writeVariant(const schema::Variant &variant) {
    const schema::Program &program = *variant.program();
    page.heading("Variant " + variant.device()->str());
    if (variant.cpu_kernels())
      page.fact("best kernels", variant.cpu_kernels()->str());
    page.fact("memory limit", variant.memory_limit() ? tools::FormatBytes(variant.memory_limit())
                                                     : std::string("not known"));
    for (const schema::Symbol *symbol : *program.symbols())
      page.fact("symbol " + symbol->name()->str(),
                std::to_string(symbol->minimum()) + " to " + std::to_string(symbol->maximum()));
    for (const schema::Entry *entry : *program.entries()) {
      page.heading("Entry " + entry->name()->str());
      for (const schema::Binding *input : *entry->inputs())
        writeBinding("input ", *input, *entry, program);
      for (const schema::Binding *output : *entry->outputs())
        writeBinding("output ", *output, *entry, program);
      page.fact("calls", std::to_string(countCalls(*entry)));
      double ratio = entry->arena_lower_bound()
                         ? static_cast<double>(entry->arena_size()) / entry->arena_lower_bound()
                         : 1;
      page.fact("arena", tools::FormatBytes(entry->arena_size()) +
                             tools::Format(", %.2f times the lower bound of ", ratio) +
                             tools::FormatBytes(entry->arena_lower_bound()));
      writeMemoryMap(*entry, program);
    }
    writeConstants(program);
  }

  void writeBinding(const std::string &side, const schema::Binding &binding,
                    const schema::Entry &entry, const schema::Program &program) {
    std::string text = typeOf(*entry.buffers()->Get(binding.buffer()), program);
    if (binding.role() != schema::Role::NONE)
      text += ", " + lower(schema::EnumNameRole(binding.role()));
    if (binding.minimum() != 0 || binding.maximum() != 0)
      text += ", " + std::to_string(binding.minimum()) + " to " + std::to_string(binding.maximum());
    page.fact(side + binding.name()->str(), text);
  }

  /// A row for each buffer, by offset, with the calls it lives through from left to right.
  void writeMemoryMap(const schema::Entry &entry, const schema::Program &program) {
    page.heading("Memory map of " + entry.name()->str());
    std::vector<BufferLife> lives = livesOf(entry);
    std::vector<uint32_t> order(lives.size());
    for (uint32_t i = 0; i < order.size(); ++i)
      order[i] = i;
    llvm::stable_sort(order, [&](uint32_t a, uint32_t b) {
      return std::pair(entry.buffers()->Get(a)->offset(), lives[a].first) <
             std::pair(entry.buffers()->Get(b)->offset(), lives[b].first);
    });
    const int64_t end = countCalls(entry) + 2;
    const int64_t width = std::min<int64_t>(end, 32);
    tools::Table rows({Align::kRight, Align::kRight, Align::kLeft, Align::kLeft});
    rows.AddRow({page.dim("offset"), page.dim("bytes"),
                 page.dim(tools::Format("calls 0 to %lld", static_cast<long long>(end - 1))),
                 page.dim("type"), page.dim("written by")});
    for (uint32_t index : order) {
      const schema::Buffer &buffer = *entry.buffers()->Get(index);
      const BufferLife &life = lives[index];
      std::string bar;
      for (int64_t column = 0; column < width; ++column) {
        // The times [from, to) that this column stands for.
        int64_t from = column * end / width, to = (column + 1) * end / width;
        bool isAlive = life.first >= 0 && life.first < to && life.last >= from;
        bar += isAlive ? "█" : "·";
      }
      rows.AddRow({tools::FormatCount(buffer.offset()),
                   tools::FormatCount(bytesOf(buffer, program)), bar, typeOf(buffer, program),
                   life.name});
    }
    table(rows);
  }

  void writeConstants(const schema::Program &program) {
    page.heading("Constants (" + tools::FormatCount(program.constants()->size()) + ")");
    tools::Table rows(
        {Align::kLeft, Align::kLeft, Align::kRight, Align::kLeft, Align::kRight, Align::kRight});
    rows.AddRow({page.dim("name"), page.dim("type"), page.dim("shape"), page.dim("layout"),
                 page.dim("offset"), page.dim("bytes")});
    for (const schema::Constant *constant : *program.constants())
      rows.AddRow(
          {constant->name()->str(), lower(schema::EnumNameElementType(constant->element_type())),
           formatShape(shapeOf(*constant)), lower(schema::EnumNameLayout(constant->layout())),
           root.segments()->Get(constant->segment())->name()->str() + "+" +
               std::to_string(constant->offset()),
           tools::FormatCount(constant->length())});
    table(rows);
  }

  const Options &options;
  std::shared_ptr<const BundleFile> file;
  const schema::Bundle &root;
  std::vector<BytePart> parts;
  Page page;
};

/// The listing of the bundle's programs, as `gem-compile --emit=gemrt` prints it.
absl::StatusOr<std::string> listProgram(std::shared_ptr<const BundleFile> file) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  context.loadDialect<GemDialect, rt::GemRTDialect, mlir::func::FuncDialect>();
  absl::StatusOr<mlir::OwningOpRef<mlir::ModuleOp>> module = readBundle(std::move(file), context);
  if (!module.ok())
    return module.status();
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*module)->print(stream, mlir::OpPrintingFlags().useLocalScope());
  stream << "\n";
  return text;
}

int extractSegment(const Options &options, const BundleFile &file) {
  llvm::ArrayRef<char> bytes;
  std::string known = "program";
  if (options.extract == "program")
    bytes = file.bytes().slice(kPreambleSize, file.preamble().program_size);
  const auto &segments = *file.root().segments();
  for (uint32_t i = 0; i < segments.size(); ++i) {
    known += ", " + segments[i]->name()->str();
    if (segments[i]->name()->str() == options.extract)
      bytes = file.segment(i);
  }
  if (bytes.empty()) {
    tools::Error(kTool,
                 "--extract: expected one of " + known + ", but got '" + options.extract + "'");
    return tools::kExitUsage;
  }
  std::string error;
  if (tools::WriteFile(options.output, {bytes.data(), bytes.size()}, &error))
    return tools::kExitOk;
  tools::Error(kTool, error);
  return tools::kExitFailed;
}

/// Of a file that the runtime refuses: what its first bytes say, unchecked.
Json describeDamaged(const std::string &path,
                     std::vector<std::pair<std::string, std::string>> &facts) {
  Json json = Json::object();
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return json;
  llvm::StringRef content = (*buffer)->getBuffer();
  auto *bytes = reinterpret_cast<const uint8_t *>(content.data());
  auto has = [&](size_t end) { return content.size() >= end; };
  auto add = [&](const char *key, const std::string &name, Json value, const std::string &text) {
    json[key] = std::move(value);
    facts.emplace_back(name, text);
  };
  add("actual_file_bytes", "file size", content.size(),
      tools::FormatCount(content.size()) + " bytes");
  bool hasMagic = has(sizeof(kBundleMagic)) &&
                  std::equal(kBundleMagic, kBundleMagic + sizeof(kBundleMagic), bytes);
  add("magic_matches", "magic", hasMagic, hasMagic ? "that of a bundle" : "damaged");
  if (!has(kOffsetPreambleSize))
    return json;
  uint64_t major = LoadLittleEndian(bytes + kOffsetFormatMajor, 2);
  uint64_t minor = LoadLittleEndian(bytes + kOffsetFormatMinor, 2);
  add("format_major", "format", major, std::to_string(major) + "." + std::to_string(minor));
  json["format_minor"] = minor;
  if (!has(kOffsetHashAlgorithm))
    return json;
  uint64_t fileSize = LoadLittleEndian(bytes + kOffsetFileSize, 8);
  uint64_t programSize = LoadLittleEndian(bytes + kOffsetProgramSize, 4);
  add("file_bytes", "size it states", fileSize, tools::FormatCount(fileSize) + " bytes");
  add("program_bytes", "program", programSize, tools::FormatCount(programSize) + " bytes");
  if (!has(kPreambleSize))
    return json;
  std::string stated = hexOf({bytes + kOffsetProgramHash, kHashSize});
  add("program_hash", "hash it states", stated, stated);
  if (content.size() - kPreambleSize < programSize)
    return json;
  auto hash = llvm::BLAKE3::hash<kHashSize>(llvm::ArrayRef(bytes + kPreambleSize, programSize));
  std::string computed = hexOf(llvm::ArrayRef(hash));
  add("computed_program_hash", "hash it has", computed, computed);
  return json;
}

int inspectDamaged(const Options &options, const absl::Status &status) {
  std::vector<std::pair<std::string, std::string>> facts;
  Json preamble = describeDamaged(options.path, facts);
  int code;
  if (options.json) {
    Json json = tools::MakeJsonDocument();
    json["kind"] = "bundle";
    json["path"] = options.path;
    json["problems"] = problemsOf(status);
    json["preamble"] = preamble;
    code = print(tools::DumpJson(json), tools::kExitOk);
  } else {
    Page page(options.color);
    page.title(options.path, "a GEM bundle that the runtime refuses");
    page.heading("Preamble, unchecked");
    for (const auto &[name, text] : facts)
      page.fact(name, text);
    code = print(page.str(), tools::kExitOk);
  }
  return code != tools::kExitOk ? code : report(status);
}

} // namespace

int gem::inspect::inspectBundle(const Options &options) {
  absl::StatusOr<std::shared_ptr<const BundleFile>> file = BundleFile::open(options.path);
  if (!file.ok())
    return options.extract.empty() ? inspectDamaged(options, file.status()) : report(file.status());
  if (!options.extract.empty())
    return extractSegment(options, **file);

  BundleInspector inspector(options, *file);
  if (std::string problem = inspector.problemOfParts(); !problem.empty())
    return report(absl::InternalError(options.path + ": " + problem));
  std::vector<HashCheck> checks;
  if (options.hashes)
    checks = checkHashes(**file);
  std::string out;
  if (options.json) {
    Json json = inspector.toJson(checks);
    if (options.program) {
      absl::StatusOr<std::string> listing = listProgram(*file);
      if (!listing.ok())
        return report(listing.status());
      json["program"] = *listing;
    }
    out = tools::DumpJson(json);
  } else {
    if (options.hashes)
      out += inspector.hashes(checks);
    if (options.bytes)
      out += inspector.everyByte();
    if (options.program) {
      absl::StatusOr<std::string> listing = listProgram(*file);
      if (!listing.ok())
        return report(listing.status());
      out += *listing;
    }
    if (!options.hashes && !options.bytes && !options.program)
      out = inspector.everything();
  }
  int code = print(out, tools::kExitOk);
  for (const HashCheck &check : checks)
    if (!check.matches() && code != tools::kExitFailed)
      code = report(absl::DataLossError(options.path + ": '" + check.what +
                                        "': expected the hash " + check.stated.substr(0, 16) +
                                        "… that the file states, but its bytes have " +
                                        check.computed.substr(0, 16) + "…; the file is damaged"));
  return code;
}
