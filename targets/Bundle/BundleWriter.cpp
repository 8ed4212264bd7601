// Writes a planned gemrt program as a bundle.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Bundle/BundleWriter.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/WeightData.h"
#include "gem/gem.h"
#include "runtime/schema/Preamble.h"
#include "targets/Bundle/Edit/BundleLayout.h"
#include "targets/Bundle/KernelParams.h"
#include "targets/Target.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include <cstring>

using namespace mlir;
using namespace gem;

absl::Status MemoryBundleSink::write(uint64_t offset, ArrayRef<char> data) {
  size = std::max(size, offset + data.size());
  blocks.resize((size + sizeof(Block) - 1) / sizeof(Block));
  if (!data.empty())
    std::memcpy(reinterpret_cast<char *>(blocks.data()) + offset, data.data(), data.size());
  return absl::OkStatus();
}

ArrayRef<char> MemoryBundleSink::data() const {
  return {reinterpret_cast<const char *>(blocks.data()), size};
}

namespace {

/// A segment of the file, its place and hash filled in on the way.
struct SegmentPlan {
  rt::SegmentOp op;
  SmallVector<rt::ConstantOp> constants; // by offset
  // Not 0 before it is known: the FlatBuffer leaves out fields at their default.
  uint64_t offset = 1, length = 0;
  std::array<uint8_t, kHashSize> hash{};
};

schema::ElementType packElement(Type type) {
  if (auto quantized = dyn_cast<QuantizedType>(type))
    switch (quantized.getBits()) {
    case 8:
      return schema::ElementType::I8;
    case 4:
      return schema::ElementType::I4;
    case 3:
      return schema::ElementType::I3;
    default:
      return schema::ElementType::I2;
    }
  if (type.isUnsignedInteger(16))
    return schema::ElementType::U16;
  if (type.isF32())
    return schema::ElementType::F32;
  if (type.isF16())
    return schema::ElementType::F16;
  if (type.isBF16())
    return schema::ElementType::BF16;
  if (type.isInteger(32))
    return schema::ElementType::I32;
  return schema::ElementType::U8;
}

schema::Scales packScales(Type type) {
  auto quantized = dyn_cast<QuantizedType>(type);
  return quantized ? static_cast<schema::Scales>(quantized.getScales()) : schema::Scales::NONE;
}
uint32_t quantizedGroup(Type type) {
  auto quantized = dyn_cast<QuantizedType>(type);
  return quantized ? quantized.getGroup() : 0;
}
static_assert(int(format::Scales::kNone) == int(schema::Scales::NONE));
static_assert(int(format::Scales::kRow) == int(schema::Scales::ROW));
static_assert(int(format::Scales::kTwoLevel) == int(schema::Scales::TWO_LEVEL));
static_assert(int(format::Scales::kF16Group) == int(schema::Scales::F16_GROUP));

static_assert(int(Layout::RowMajor) == int(schema::Layout::ROW_MAJOR));
static_assert(int(Layout::Panel16) == int(schema::Layout::PANEL_16));
static_assert(int(rt::SegmentKind::Weights) == int(schema::SegmentKind::WEIGHTS));
static_assert(int(rt::SegmentKind::Tokenizer) == int(schema::SegmentKind::TOKENIZER));
static_assert(int(rt::Driver::Cpu) == int(schema::Driver::CPU));
static_assert(int(Role::TokenIds) == int(schema::Role::TOKEN_IDS));
static_assert(int(Role::Activation) == int(schema::Role::ACTIVATION));

class Writer {
public:
  Writer(ModuleOp module, const Target &target, const BundleOptions &options, BundleSink &sink)
      : module(module), target(target), options(options), sink(sink) {}

  absl::StatusOr<BundleSummary> run() {
    if (absl::Status status = planSegments(); !status.ok())
      return status;
    // The program's size does not depend on the offsets and hashes that it holds, so a
    // first draft tells where the segments begin.
    absl::StatusOr<std::vector<uint8_t>> draft = buildProgram();
    if (!draft.ok())
      return draft.status();
    const uint64_t end = edit::PlaceSegments(*bundle, draft->size());
    for (auto [segment, placed] : llvm::zip_equal(segments, bundle->segments)) {
      segment.offset = placed->offset;
      total += segment.length;
    }
    for (SegmentPlan &segment : segments)
      if (absl::Status status = writeSegment(segment); !status.ok())
        return status;

    absl::StatusOr<std::vector<uint8_t>> program = buildProgram();
    if (!program.ok())
      return program.status();
    if (program->size() != draft->size())
      return absl::InternalError("the program's size changed while it was written");
    if (program->size() > kMaxProgramSize)
      return absl::ResourceExhaustedError(absl::StrCat("the program has ", program->size(),
                                                       " bytes, more than the format's limit of ",
                                                       kMaxProgramSize));
    if (absl::Status status = writeFront(*program, end); !status.ok())
      return status;

    BundleSummary summary;
    summary.fileBytes = end;
    summary.packed = std::move(packed);
    for (SegmentPlan &segment : segments)
      (segment.op.getKind() == rt::SegmentKind::Weights ? summary.weightBytes
                                                        : summary.tokenizerBytes) += segment.length;
    return summary;
  }

private:
  absl::Status planSegments() {
    for (auto program : module.getOps<rt::ProgramOp>()) {
      llvm::DenseMap<StringAttr, size_t> byName;
      for (auto op : program.getOps<rt::SegmentOp>()) {
        byName[op.getSymNameAttr()] = segments.size();
        segmentIndex[op] = segments.size();
        SegmentPlan &segment = segments.emplace_back();
        segment.op = op;
        if (op.getData())
          segment.length = getRawData(*op.getData()).size();
      }
      for (auto constant : program.getOps<rt::ConstantOp>()) {
        if (!constant.getOffset())
          return absl::FailedPreconditionError(
              absl::StrCat("constant '", constant.getSymName().str(),
                           "' has no offset: run gemrt-plan-segments first"));
        SegmentPlan &segment = segments[byName.lookup(constant.getSegmentAttr().getAttr())];
        segment.constants.push_back(constant);
        segment.length = std::max(segment.length, *constant.getOffset() + byteSize(constant));
      }
    }
    if (segmentIndex.empty())
      return absl::FailedPreconditionError("the module holds no gemrt.program with segments");
    for (SegmentPlan &segment : segments)
      llvm::sort(segment.constants, [](rt::ConstantOp a, rt::ConstantOp b) {
        return *a.getOffset() < *b.getOffset();
      });
    return absl::OkStatus();
  }

  static uint64_t byteSize(rt::ConstantOp constant) {
    return cast<rt::ConstantType>(constant.getType()).getByteSize();
  }

  absl::Status writeSegment(SegmentPlan &segment) {
    llvm::BLAKE3 hasher;
    uint64_t at = 0; // in the segment
    auto append = [&](ArrayRef<char> data) -> absl::Status {
      hasher.update(ArrayRef(reinterpret_cast<const uint8_t *>(data.data()), data.size()));
      absl::Status status = sink.write(segment.offset + at, data);
      at += data.size();
      done += data.size();
      if (options.progress)
        options.progress(done, total);
      return status;
    };
    if (segment.op.getData()) {
      if (absl::Status status = append(getRawData(*segment.op.getData())); !status.ok())
        return status;
    }
    const std::array<char, rt::kAlignment> zeros{};
    for (rt::ConstantOp constant : segment.constants) {
      uint64_t offset = *constant.getOffset();
      if (offset < at || offset - at >= zeros.size())
        return absl::InternalError(absl::StrCat("constant '", constant.getSymName().str(),
                                                "' does not follow the one before it"));
      if (absl::Status status = append(ArrayRef(zeros).take_front(offset - at)); !status.ok())
        return status;
      absl::StatusOr<PackedWeight> packed = target.packConstant(constant, options.threads, append);
      if (!packed.ok())
        return packed.status();
      this->packed[constant.getSymName()] = *packed;
      if (at != offset + byteSize(constant))
        return absl::InternalError(absl::StrCat("constant '", constant.getSymName().str(),
                                                "' was not packed to its size"));
    }
    auto hash = hasher.final<kHashSize>();
    std::copy(hash.begin(), hash.end(), segment.hash.begin());
    return absl::OkStatus();
  }

  absl::Status writeFront(ArrayRef<uint8_t> bytes, uint64_t fileSize) {
    Preamble preamble;
    preamble.format_major = GEM_FORMAT_MAJOR;
    preamble.format_minor = minor;
    preamble.file_size = fileSize;
    preamble.program_size = static_cast<uint32_t>(bytes.size());
    auto hash = llvm::BLAKE3::hash<kHashSize>(bytes);
    std::copy(hash.begin(), hash.end(), preamble.program_hash);
    uint8_t encoded[kPreambleSize];
    EncodePreamble(preamble, encoded);
    if (absl::Status status =
            sink.write(0, ArrayRef(reinterpret_cast<const char *>(encoded), kPreambleSize));
        !status.ok())
      return status;
    return sink.write(kPreambleSize,
                      ArrayRef(reinterpret_cast<const char *>(bytes.data()), bytes.size()));
  }

  //===--------------------------------------------------------------------===//
  // The FlatBuffer
  //===--------------------------------------------------------------------===//

  flatbuffers::Offset<flatbuffers::String> string(StringRef value) {
    return builder.CreateString(value.data(), value.size());
  }

  absl::StatusOr<std::vector<uint8_t>> buildProgram() {
    builder = flatbuffers::FlatBufferBuilder(64 * 1024);
    std::vector<flatbuffers::Offset<schema::Segment>> segmentTables;
    for (SegmentPlan &segment : segments)
      segmentTables.push_back(
          schema::CreateSegment(builder, string(segment.op.getSymName()),
                                static_cast<schema::SegmentKind>(segment.op.getKind()),
                                segment.offset, segment.length, schema::HashAlgorithm::BLAKE3,
                                builder.CreateVector(segment.hash.data(), segment.hash.size())));
    std::vector<flatbuffers::Offset<schema::Variant>> variants;
    for (auto program : module.getOps<rt::ProgramOp>()) {
      absl::StatusOr<flatbuffers::Offset<schema::Variant>> variant = buildVariant(program);
      if (!variant.ok())
        return variant.status();
      variants.push_back(*variant);
    }
    auto producer = builder.CreateString(options.producer);
    auto model = buildModel();
    auto segmentVector = builder.CreateVector(segmentTables);
    auto variantVector = builder.CreateVector(variants);
    auto text = buildText();
    auto provenance = buildProvenance();
    builder.Finish(schema::CreateBundle(builder, producer, model, segmentVector, variantVector,
                                        text, provenance),
                   schema::BundleIdentifier());
    // In the order that all who write bundles keep to, so that taking one apart and putting
    // it together again gives the same bytes.
    bundle = schema::UnPackBundle(builder.GetBufferPointer());
    minor = edit::RequiredMinor(*bundle);
    return edit::PackProgram(*bundle);
  }

  flatbuffers::Offset<schema::Model> buildModel() {
    auto info = module->getAttrOfType<DictionaryAttr>(kModelAttr);
    auto text = [&](StringRef key) {
      auto value = info ? info.getAs<StringAttr>(key) : StringAttr();
      return value ? value.getValue() : StringRef();
    };
    auto parameters = info ? info.getAs<IntegerAttr>("parameters") : IntegerAttr();
    std::vector<flatbuffers::Offset<flatbuffers::String>> labels;
    if (auto names = module->getAttrOfType<ArrayAttr>(kLabelsAttr))
      for (auto name : names.getAsRange<StringAttr>())
        labels.push_back(string(name.getValue()));
    auto name = string(text("name")), architecture = string(text("architecture"));
    return schema::CreateModel(builder, name, architecture, parameters ? parameters.getInt() : 0,
                               labels.empty() ? 0 : builder.CreateVector(labels));
  }

  flatbuffers::Offset<schema::Text> buildText() {
    for (auto [index, segment] : llvm::enumerate(segments))
      if (segment.op.getKind() == rt::SegmentKind::Tokenizer)
        return schema::CreateText(builder, static_cast<uint32_t>(index),
                                  module->hasAttr(kPaddedAttr),
                                  static_cast<uint32_t>(*segment.op.getMaximumTokens()),
                                  static_cast<uint32_t>(*segment.op.getPadId()));
    return {};
  }

  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<schema::KeyValue>>>
  buildProvenance() {
    auto provenance = module->getAttrOfType<DictionaryAttr>(kProvenanceAttr);
    if (!provenance)
      return {};
    // A dictionary attribute is sorted by key.
    std::vector<flatbuffers::Offset<schema::KeyValue>> entries;
    for (NamedAttribute entry : provenance) {
      auto key = string(entry.getName().getValue());
      entries.push_back(schema::CreateKeyValue(
          builder, key, string(cast<StringAttr>(entry.getValue()).getValue())));
    }
    return builder.CreateVector(entries);
  }

  absl::StatusOr<flatbuffers::Offset<schema::Variant>> buildVariant(rt::ProgramOp program) {
    symbolIndex.clear();
    constantIndex.clear();
    std::vector<flatbuffers::Offset<schema::Symbol>> symbols;
    for (auto symbol : program.getOps<rt::SymbolOp>()) {
      symbolIndex[symbol.getSymNameAttr()] = symbols.size();
      symbols.push_back(schema::CreateSymbol(builder, string(symbol.getSymName()),
                                             symbol.getMinimum(), symbol.getMaximum()));
    }
    std::vector<flatbuffers::Offset<schema::Constant>> constants;
    for (auto constant : program.getOps<rt::ConstantOp>()) {
      auto type = cast<rt::ConstantType>(constant.getType());
      constantIndex[constant.getSymNameAttr()] = constants.size();
      std::vector<uint32_t> shape(type.getShape().begin(), type.getShape().end());
      auto segment = program.lookupSymbol<rt::SegmentOp>(constant.getSegment());
      auto name = string(constant.getSymName());
      constants.push_back(schema::CreateConstant(
          builder, name, packElement(type.getElementType()), builder.CreateVector(shape),
          static_cast<schema::Layout>(type.getLayout()), segmentIndex.lookup(segment),
          *constant.getOffset(), type.getByteSize(), packScales(type.getElementType()),
          quantizedGroup(type.getElementType())));
    }
    std::vector<flatbuffers::Offset<schema::Entry>> entries;
    for (auto entry : program.getOps<rt::EntryOp>()) {
      absl::StatusOr<flatbuffers::Offset<schema::Entry>> built = buildEntry(entry);
      if (!built.ok())
        return built.status();
      entries.push_back(*built);
    }
    auto symbolVector = builder.CreateVector(symbols);
    auto constantVector = builder.CreateVector(constants);
    auto entryVector = builder.CreateVector(entries);
    auto table = schema::CreateProgram(builder, symbolVector, constantVector, entryVector);
    auto device = string(program.getDevice());
    auto kernels = program.getCpuKernels() ? string(*program.getCpuKernels())
                                           : flatbuffers::Offset<flatbuffers::String>();
    return schema::CreateVariant(builder, device, table, 0, program.getMemoryLimit(), kernels);
  }

  schema::Dim packDim(Attribute dim) {
    if (auto symbol = dyn_cast<StringAttr>(dim))
      return schema::Dim(symbolIndex.lookup(symbol), schema::DimKind::SYMBOL);
    return schema::Dim(cast<IntegerAttr>(dim).getInt(), schema::DimKind::CONSTANT);
  }

  schema::Operand packOperand(Value value, const llvm::DenseMap<Value, uint32_t> &buffers) {
    if (auto constant = value.getDefiningOp<rt::GetConstantOp>())
      return schema::Operand(constantIndex.lookup(constant.getConstantAttr().getAttr()),
                             schema::OperandKind::CONSTANT);
    if (value.getDefiningOp<rt::NoneOp>())
      return schema::Operand(0, schema::OperandKind::NONE);
    return schema::Operand(buffers.lookup(value), schema::OperandKind::BUFFER);
  }

  absl::StatusOr<flatbuffers::Offset<schema::Entry>> buildEntry(rt::EntryOp entry) {
    if (!entry.getArenaSize())
      return absl::FailedPreconditionError(
          absl::StrCat("entry '", entry.getSymName().str(),
                       "' has no planned arena: run gemrt-plan-memory first"));
    llvm::DenseMap<Value, uint32_t> buffers;
    std::vector<flatbuffers::Offset<schema::Buffer>> bufferTables;
    for (auto alloc : entry.getOps<rt::AllocOp>()) {
      buffers[alloc] = bufferTables.size();
      std::vector<schema::Dim> shape;
      for (Attribute dim : alloc.getType().getDims())
        shape.push_back(packDim(dim));
      bufferTables.push_back(
          schema::CreateBuffer(builder, packElement(alloc.getType().getElementType()),
                               builder.CreateVectorOfStructs(shape), *alloc.getOffset()));
    }
    std::vector<flatbuffers::Offset<schema::Binding>> inputs, outputs;
    auto roleOf = [](std::optional<Role> role) {
      return role ? static_cast<schema::Role>(*role) : schema::Role::NONE;
    };
    for (auto input : entry.getOps<rt::InputOp>())
      inputs.push_back(schema::CreateBinding(
          builder, string(input.getName()), buffers.lookup(input.getBuffer()),
          roleOf(input.getRole()), static_cast<int32_t>(input.getMinimum().value_or(0)),
          static_cast<int32_t>(input.getMaximum().value_or(0))));
    for (auto output : entry.getOps<rt::OutputOp>())
      outputs.push_back(schema::CreateBinding(builder, string(output.getName()),
                                              buffers.lookup(output.getBuffer()),
                                              roleOf(output.getRole())));
    std::vector<flatbuffers::Offset<schema::Submission>> submissions;
    for (auto submit : entry.getOps<rt::SubmitOp>()) {
      std::vector<flatbuffers::Offset<schema::Command>> commands;
      for (auto call : submit.getOps<rt::CallOp>()) {
        std::vector<schema::Operand> ins, outs;
        for (Value value : call.getInputs())
          ins.push_back(packOperand(value, buffers));
        for (Value value : call.getOutputs())
          outs.push_back(packOperand(value, buffers));
        PackedKernel kernel = packKernel(call.getKernel(), builder);
        if (kernel.kernel == schema::Kernel::INVALID)
          return absl::UnimplementedError("the bundle format has no such kernel");
        auto inVector = builder.CreateVectorOfStructs(ins);
        auto outVector = builder.CreateVectorOfStructs(outs);
        auto name =
            call.getName() ? string(*call.getName()) : flatbuffers::Offset<flatbuffers::String>();
        commands.push_back(schema::CreateCommand(builder, kernel.kernel, inVector, outVector,
                                                 kernel.paramsType, kernel.params, name));
      }
      submissions.push_back(
          schema::CreateSubmission(builder, static_cast<schema::Driver>(submit.getDriver()),
                                   builder.CreateVector(commands)));
    }
    auto name = string(entry.getSymName());
    auto inputVector = builder.CreateVector(inputs);
    auto outputVector = builder.CreateVector(outputs);
    auto bufferVector = builder.CreateVector(bufferTables);
    auto submissionVector = builder.CreateVector(submissions);
    return schema::CreateEntry(builder, name, inputVector, outputVector, bufferVector,
                               submissionVector, *entry.getArenaSize(),
                               entry.getArenaLowerBound().value_or(0));
  }

  ModuleOp module;
  const Target &target;
  const BundleOptions &options;
  BundleSink &sink;
  std::vector<SegmentPlan> segments;
  llvm::DenseMap<Operation *, uint32_t> segmentIndex;
  llvm::DenseMap<StringAttr, uint32_t> symbolIndex, constantIndex;
  flatbuffers::FlatBufferBuilder builder;
  std::unique_ptr<schema::BundleT> bundle; // as it was built last
  uint16_t minor = 0; // of the format
  uint64_t done = 0, total = 0;
  llvm::StringMap<PackedWeight> packed;
};

} // namespace

absl::StatusOr<BundleSummary> gem::writeBundle(ModuleOp module, const Target &target,
                                               const BundleOptions &options, BundleSink &sink) {
  return Writer(module, target, options, sink).run();
}
