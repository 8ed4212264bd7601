// A bundle made on the spot, whose program is kernels to be timed.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tools/gem-bench/ProbeBundle.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/core/Blake3.h"
#include "runtime/schema/Preamble.h"
#include "runtime/schema/WeightFormat.h"
#include "targets/Bundle/Edit/BundleLayout.h"
#include "tools/common/ExitCodes.h"

namespace gem::bench {
namespace {

using schema::ElementType;
using schema::Kernel;
using schema::Layout;

constexpr uint32_t kVocabulary = 4096;
// As floats 0.0115 and 1.06 (f16), as codes and ratios 60: every format's kernels get
// numbers that they may meet, none of them denormal.
constexpr uint8_t kPattern = 0x3c;

schema::Dim Extent(uint32_t extent) { return schema::Dim(extent, schema::DimKind::CONSTANT); }
schema::Dim Tokens() { return schema::Dim(0, schema::DimKind::SYMBOL); }
schema::Operand Buf(uint32_t index) { return schema::Operand(index, schema::OperandKind::BUFFER); }
schema::Operand Absent() { return schema::Operand(0, schema::OperandKind::NONE); }

uint64_t SizeOf(ElementType type) {
  switch (type) {
    case ElementType::U8:
      return 1;
    case ElementType::F16:
      return 2;
    default:
      return 4;
  }
}

unsigned BitsOf(ElementType type) {
  switch (type) {
    case ElementType::I8:
      return 8;
    case ElementType::I4:
      return 4;
    case ElementType::I3:
      return 3;
    case ElementType::I2:
      return 2;
    default:
      return 0;
  }
}

format::Scales ScalesOf(const ProbeFormat& format) {
  return format.scales == schema::Scales::ROW ? format::Scales::kRow : format::Scales::kTwoLevel;
}

template <typename Params>
Params NormParams() {
  Params params;
  params.epsilon = 1e-5f;
  return params;
}

void Fail(const gem_error_t& error, Failure* failure) {
  *failure = {tools::kExitFailed, std::string("the program to be timed: ") + error.message};
}

}  // namespace

// --- the program ------------------------------------------------------------------

ProbeProgram::ProbeProgram(uint32_t most_tokens) : most_tokens_(most_tokens) {
  bundle_.producer = kTool;
  bundle_.model = std::make_unique<schema::ModelT>();
  bundle_.model->name = "probe";
  bundle_.model->architecture = "probe";
  auto variant = std::make_unique<schema::VariantT>();
  variant->device = "host";
  variant->program = std::make_unique<schema::ProgramT>();
  program_ = variant->program.get();
  auto symbol = std::make_unique<schema::SymbolT>();
  symbol->name = "n";
  symbol->minimum = 1;
  symbol->maximum = most_tokens;
  program_->symbols.push_back(std::move(symbol));
  auto entry = std::make_unique<schema::EntryT>();
  entry->name = "probe";
  entry_ = entry.get();
  auto submission = std::make_unique<schema::SubmissionT>();
  submission->driver = schema::Driver::CPU;
  entry->submissions.push_back(std::move(submission));
  program_->entries.push_back(std::move(entry));
  bundle_.variants.push_back(std::move(variant));
  auto segment = std::make_unique<schema::SegmentT>();
  segment->name = "weights";
  segment->kind = schema::SegmentKind::WEIGHTS;
  segment->hash_algorithm = schema::HashAlgorithm::BLAKE3;
  segment->hash.resize(kHashSize);  // nobody asks for it: opened with GEM_HASH_PROGRAM
  bundle_.segments.push_back(std::move(segment));

  ids_ = Buffer(ElementType::I32, {Tokens()});
  auto ids = std::make_unique<schema::BindingT>();
  ids->name = "ids";
  ids->buffer = ids_;
  ids->role = schema::Role::TOKEN_IDS;
  ids->maximum = kVocabulary - 1;
  entry_->inputs.push_back(std::move(ids));
}

uint32_t ProbeProgram::Buffer(ElementType type, std::vector<schema::Dim> shape) {
  uint64_t bytes = SizeOf(type);
  for (const schema::Dim& dim : shape) {
    bytes *= dim.kind() == schema::DimKind::CONSTANT ? dim.value() : most_tokens_;
  }
  auto buffer = std::make_unique<schema::BufferT>();
  buffer->element_type = type;
  buffer->shape = std::move(shape);
  buffer->offset = entry_->arena_size;
  entry_->arena_size = AlignUp(buffer->offset + bytes, kDataAlignment);
  entry_->buffers.push_back(std::move(buffer));
  return static_cast<uint32_t>(entry_->buffers.size() - 1);
}

uint32_t ProbeProgram::Input(uint32_t width) {
  if (const auto found = inputs_.find(width); found != inputs_.end()) return found->second;
  inputs_[width] = Buffer(ElementType::F32, {Tokens(), Extent(width)});
  Command(Kernel::EMBEDDING, {Buf(ids_), Table(kProbeFormats[0], kVocabulary, width)},
          {Buf(inputs_[width])}, schema::EmbeddingParamsT());
  return inputs_[width];
}

uint32_t ProbeProgram::Codes(uint32_t width) {
  if (const auto found = codes_.find(width); found != codes_.end()) return found->second;
  const auto bytes = static_cast<uint32_t>(format::TokenRowBytes(width));
  codes_[width] = Buffer(ElementType::U8, {Tokens(), Extent(bytes)});
  Command(Kernel::QUANTIZE_TOKENS, {Buf(Input(width))}, {Buf(codes_[width])},
          schema::QuantizeTokensParamsT());
  return codes_[width];
}

uint32_t ProbeProgram::Output(uint32_t width) {
  if (const auto found = outputs_.find(width); found != outputs_.end()) return found->second;
  return outputs_[width] = Buffer(ElementType::F32, {Tokens(), Extent(width)});
}

schema::Operand ProbeProgram::Weights(ElementType type, std::vector<uint32_t> shape, uint64_t bytes,
                                      Layout layout, const ProbeFormat& format, bool fresh) {
  auto constant = std::make_unique<schema::ConstantT>();
  const auto index = static_cast<uint32_t>(program_->constants.size());
  constant->name = "w" + std::to_string(index);
  constant->element_type = type;
  constant->shape = std::move(shape);
  constant->layout = layout;
  constant->length = bytes;
  constant->scales = format.scales;
  constant->group_size = format.group;
  if (fresh) {
    constant->offset = fresh_bytes_;
    fresh_bytes_ = AlignUp(fresh_bytes_ + bytes, kDataAlignment);
    fresh_.push_back(index);
  } else {
    shared_bytes_ = std::max(shared_bytes_, AlignUp(bytes, kDataAlignment));
  }
  program_->constants.push_back(std::move(constant));
  return schema::Operand(index, schema::OperandKind::CONSTANT);
}

schema::Operand ProbeProgram::Vector(uint32_t width) {
  return Weights(ElementType::F32, {width}, uint64_t{width} * 4, Layout::ROW_MAJOR,
                 kProbeFormats[0], false);
}

schema::Operand ProbeProgram::Table(const ProbeFormat& format, uint32_t rows, uint32_t width) {
  const uint64_t bytes =
      BitsOf(format.type) == 0
          ? uint64_t{rows} * width * SizeOf(format.type)
          : format::LayOutTable(BitsOf(format.type), ScalesOf(format), format.group, rows, width)
                .size;
  return Weights(format.type, {rows, width}, bytes, Layout::ROW_MAJOR, format, false);
}

template <typename Params>
uint32_t ProbeProgram::Command(Kernel kernel, std::vector<schema::Operand> inputs,
                               std::vector<schema::Operand> outputs, Params params) {
  auto command = std::make_unique<schema::CommandT>();
  command->kernel = kernel;
  command->inputs = std::move(inputs);
  command->outputs = std::move(outputs);
  command->params.Set(std::move(params));
  auto& commands = entry_->submissions.front()->commands;
  commands.push_back(std::move(command));
  return static_cast<uint32_t>(commands.size() - 1);
}

uint64_t ProbeProgram::WeightBytes(const ProbeFormat& format, uint32_t outputs, uint32_t inputs) {
  if (BitsOf(format.type) != 0) {
    return format::PanelMatrixBytes(BitsOf(format.type), ScalesOf(format), format.group, outputs,
                                    inputs);
  }
  return AlignUp(outputs, format::kPanelRows) * inputs * SizeOf(format.type);
}

uint32_t ProbeProgram::Linear(const ProbeFormat& format, uint32_t outputs, uint32_t inputs,
                              schema::Activation activation, bool fresh) {
  const schema::Operand w =
      Weights(format.type, {outputs, inputs}, WeightBytes(format, outputs, inputs),
              Layout::PANEL_16, format, fresh);
  if (BitsOf(format.type) == 0) {
    schema::LinearParamsT params;
    params.activation = activation;
    return Command(Kernel::LINEAR, {Buf(Input(inputs)), w, Vector(outputs), Absent()},
                   {Buf(Output(outputs))}, params);
  }
  schema::LinearQuantizedParamsT params;
  params.activation = activation;
  return Command(Kernel::LINEAR_QUANTIZED, {Buf(Codes(inputs)), w, Vector(outputs), Absent()},
                 {Buf(Output(outputs))}, params);
}

uint32_t ProbeProgram::LayerNorm(uint32_t width) {
  return Command(Kernel::LAYER_NORM, {Buf(Input(width)), Vector(width), Vector(width)},
                 {Buf(Output(width))}, NormParams<schema::LayerNormParamsT>());
}

uint32_t ProbeProgram::LayerNormQuantized(uint32_t width) {
  const uint32_t codes = Codes(width);
  return Command(Kernel::LAYER_NORM_QUANTIZED, {Buf(Input(width)), Vector(width), Vector(width)},
                 {Buf(Output(width)), Buf(codes)}, NormParams<schema::LayerNormQuantizedParamsT>());
}

uint32_t ProbeProgram::QuantizeTokens(uint32_t width) {
  const uint32_t codes = Codes(width);
  return Command(Kernel::QUANTIZE_TOKENS, {Buf(Input(width))}, {Buf(codes)},
                 schema::QuantizeTokensParamsT());
}

uint32_t ProbeProgram::Add(uint32_t width) {
  return Command(Kernel::ADD, {Buf(Input(width)), Buf(Input(width))}, {Buf(Output(width))},
                 schema::AddParamsT());
}

uint32_t ProbeProgram::Activation(uint32_t width, schema::Activation activation) {
  schema::ActivationParamsT params;
  params.activation = activation;
  return Command(Kernel::ACTIVATION, {Buf(Input(width))}, {Buf(Output(width))}, params);
}

uint32_t ProbeProgram::Embedding(const ProbeFormat& format, uint32_t width) {
  return Command(Kernel::EMBEDDING, {Buf(ids_), Table(format, kVocabulary, width)},
                 {Buf(Output(width))}, schema::EmbeddingParamsT());
}

uint32_t ProbeProgram::AddPosition(const ProbeFormat& format, uint32_t width) {
  return Command(Kernel::ADD_POSITION,
                 {Buf(Input(width)), Table(format, std::max(kVocabulary, most_tokens_), width)},
                 {Buf(Output(width))}, schema::AddPositionParamsT());
}

uint32_t ProbeProgram::Attention(uint32_t heads, uint32_t head_dim) {
  schema::AttentionParamsT params;
  params.num_heads = heads;
  params.head_dim = head_dim;
  params.scale = 1 / std::sqrt(static_cast<float>(head_dim));
  const schema::Operand x = Buf(Input(heads * head_dim));
  return Command(Kernel::ATTENTION, {x, x, x, Absent()}, {Buf(Output(heads * head_dim))}, params);
}

uint32_t ProbeProgram::RouteTokens(uint32_t width, uint32_t classes, uint32_t clusters) {
  routed_ = Buffer(ElementType::U8, {Tokens()});
  cluster_ = Buffer(ElementType::I32, {Tokens()});
  const uint32_t probs = Buffer(ElementType::F32, {Tokens(), Extent(classes)});
  schema::RouteTokensParamsT params;
  params.threshold = 0.5f;
  return Command(Kernel::ROUTE_TOKENS,
                 {Buf(Input(width)), Table(kProbeFormats[0], classes, width),
                  Table(kProbeFormats[0], clusters, width)},
                 {Buf(probs), Buf(routed_), Buf(cluster_)}, params);
}

uint32_t ProbeProgram::ScarAttention(uint32_t heads, uint32_t head_dim) {
  schema::ScarAttentionParamsT params;
  params.num_heads = heads;
  params.head_dim = head_dim;
  params.scale = 1 / std::sqrt(static_cast<float>(head_dim));
  params.predicate = schema::ScarPredicate::SAME_CLUSTER;
  const schema::Operand x = Buf(Input(heads * head_dim));
  return Command(Kernel::SCAR_ATTENTION, {x, x, x, Buf(routed_), Buf(cluster_)},
                 {Buf(Output(heads * head_dim))}, params);
}

uint32_t ProbeProgram::SelectRow(uint32_t width) {
  const uint32_t y = Buffer(ElementType::F32, {Extent(1), Extent(width)});
  return Command(Kernel::SELECT_ROW, {Buf(Input(width))}, {Buf(y)}, schema::SelectRowParamsT());
}

// --- the bundle -------------------------------------------------------------------

std::unique_ptr<Probe> Probe::Make(ProbeProgram program, Failure* failure) {
  auto probe = std::unique_ptr<Probe>(new Probe());
  schema::BundleT& bundle = program.bundle_;
  for (const uint32_t index : program.fresh_) {
    program.program_->constants[index]->offset += program.shared_bytes_;
  }
  // Some buffer has to be an output; that of the first command is as good as any.
  auto output = std::make_unique<schema::BindingT>();
  output->name = "y";
  output->buffer = program.entry_->submissions.front()->commands.front()->outputs.front().index();
  output->role = schema::Role::ACTIVATION;
  program.entry_->outputs.push_back(std::move(output));

  const uint64_t length = program.shared_bytes_ + program.fresh_bytes_;
  schema::SegmentT& segment = *bundle.segments.front();
  segment.length = length;
  segment.offset = kPreambleSize;  // not 0: then the size is that of the final program
  Preamble preamble;
  preamble.format_major = GEM_FORMAT_MAJOR;
  preamble.format_minor = edit::RequiredMinor(bundle);
  preamble.file_size = edit::PlaceSegments(bundle, edit::PackProgram(bundle).size());
  const std::vector<uint8_t> packed = edit::PackProgram(bundle);
  preamble.program_size = static_cast<uint32_t>(packed.size());
  Blake3(packed.data(), packed.size(), preamble.program_hash);

  void* memory =
      mmap(nullptr, preamble.file_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    *failure = {tools::kExitFailed, "no memory for " + std::to_string(preamble.file_size) +
                                        " bytes of weights to be timed"};
    return nullptr;
  }
  probe->memory_ = memory;
  probe->size_ = preamble.file_size;
  auto* bytes = static_cast<uint8_t*>(memory);
  EncodePreamble(preamble, bytes);
  std::memcpy(bytes + kPreambleSize, packed.data(), packed.size());
  std::memset(bytes + segment.offset, kPattern, length);
  gem_error_t error;
  gem_bundle_t* opened = nullptr;
  if (gem_bundle_open_memory(memory, probe->size_, nullptr, &opened, &error) != GEM_STATUS_OK) {
    Fail(error, failure);
    return nullptr;
  }
  probe->bundle_.reset(opened);
  return probe;
}

Probe::~Probe() {
  bundle_.reset();
  if (memory_ != nullptr) munmap(memory_, size_);
}

SessionPointer Probe::CreateSession(uint32_t threads, const std::string& cpu,
                                    Failure* failure) const {
  gem_error_t error;
  gem_session_options_t options;
  gem_session_options_init(&options);
  options.thread_count = threads;
  if (!cpu.empty()) options.cpu = cpu.c_str();
  gem_session_t* session = nullptr;
  if (gem_session_create(bundle_.get(), &options, &session, &error) != GEM_STATUS_OK) {
    Fail(error, failure);
  }
  return SessionPointer(session);
}

bool Probe::SetTokens(gem_session_t* session, uint32_t tokens, Failure* failure) const {
  gem_error_t error;
  std::vector<int32_t> ids(tokens);
  // Rows of tables in no order, as texts have them.
  for (uint32_t i = 0; i < tokens; ++i)
    ids[i] = static_cast<int32_t>(i * 2654435761u % kVocabulary);
  if (gem_session_set_input(session, 0, ids.data(), &tokens, 1, &error) == GEM_STATUS_OK) {
    return true;
  }
  Fail(error, failure);
  return false;
}

}  // namespace gem::bench
