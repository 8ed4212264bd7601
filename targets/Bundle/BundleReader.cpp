// Opens bundles, and turns them back into modules of the gemrt dialect.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "targets/Bundle/BundleReader.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dialects/Gem/HalfFloat.h"
#include "dialects/Gem/WeightData.h"
#include "gem/gem.h"
#include "mlir/IR/BuiltinDialect.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Verifier.h"
#include "passes/Quantization/EncodedWeight.h"
#include "passes/Quantization/WeightPacking.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>

using namespace mlir;
using namespace gem;

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

static absl::Status toStatus(gem_status_t status, const std::string &message) {
  switch (status) {
  case GEM_STATUS_OK:
    return absl::OkStatus();
  case GEM_STATUS_NOT_FOUND:
    return absl::NotFoundError(message);
  case GEM_STATUS_IO:
    return absl::UnavailableError(message);
  case GEM_STATUS_UNSUPPORTED:
    return absl::UnimplementedError(message);
  case GEM_STATUS_OUT_OF_MEMORY:
    return absl::ResourceExhaustedError(message);
  default:
    return absl::DataLossError(message);
  }
}

absl::StatusOr<std::shared_ptr<const BundleFile>> BundleFile::open(const std::string &path) {
  namespace fs = llvm::sys::fs;
  auto refuse = [&](std::error_code error) {
    return absl::NotFoundError(absl::StrCat(path, ": ", error.message()));
  };
  llvm::Expected<fs::file_t> handle = fs::openNativeFileForRead(path);
  if (!handle)
    return refuse(llvm::errorToErrorCode(handle.takeError()));
  fs::file_status info;
  std::error_code error = fs::status(*handle, info);
  std::shared_ptr<BundleFile> file(new BundleFile);
  // Nothing can be mapped of an empty file, and nothing useful of what is no file.
  bool isMappable = !error && info.type() == fs::file_type::regular_file && info.getSize() > 0;
  if (isMappable)
    file->mapping =
        fs::mapped_file_region(*handle, fs::mapped_file_region::readonly, info.getSize(), 0, error);
  fs::closeFile(*handle);
  if (error)
    return refuse(error);

  // What was checked is what is read: the loader is given the same mapping.
  gem_error_t message;
  gem_bundle_t *bundle = nullptr;
  gem_status_t status =
      isMappable ? gem_bundle_open_memory(file->mapping.const_data(), file->mapping.size(), nullptr,
                                          &bundle, &message)
                 : gem_bundle_open(path.c_str(), nullptr, &bundle, &message);
  gem_bundle_close(bundle);
  if (status != GEM_STATUS_OK)
    return toStatus(status, absl::StrCat(path, ": ", message.message));
  if (!isMappable)
    return absl::InvalidArgumentError(absl::StrCat(path, ": expected a regular file"));
  auto *bytes = reinterpret_cast<const uint8_t *>(file->mapping.const_data());
  file->front = DecodePreamble(bytes);
  file->program.assign(bytes + kPreambleSize, bytes + kPreambleSize + file->front.program_size);
  return file;
}

llvm::ArrayRef<char> BundleFile::segment(uint32_t index) const {
  const schema::Segment *segment = root().segments()->Get(index);
  return bytes().slice(segment->offset(), segment->length());
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

namespace {

StringRef toRef(const flatbuffers::String *text) {
  return text ? StringRef(text->c_str(), text->size()) : StringRef();
}

/// Brings a float matrix in layout panel_16 into row-major order, as f32.
std::vector<float> unpackPanels(llvm::ArrayRef<char> data, int64_t rows, int64_t width,
                                bool isHalf) {
  constexpr int64_t kPanel = 16;
  std::vector<float> values(rows * width);
  for (int64_t n = 0; n < rows; ++n)
    for (int64_t k = 0; k < width; ++k) {
      int64_t index = (n / kPanel * width + k) * kPanel + n % kPanel;
      if (isHalf) {
        uint16_t half;
        std::memcpy(&half, data.data() + index * sizeof(half), sizeof(half));
        values[n * width + k] = halfToFloat(half);
      } else {
        std::memcpy(&values[n * width + k], data.data() + index * sizeof(float), sizeof(float));
      }
    }
  return values;
}

/// The codes of a quantized matrix or table from their packed form.
absl::StatusOr<quant::QuantizedMatrix> unpackQuantized(llvm::ArrayRef<char> data,
                                                       const quant::Format &format, int64_t rows,
                                                       int64_t width, Layout layout) {
  auto *bytes = reinterpret_cast<const uint8_t *>(data.data());
  if (layout == Layout::RowMajor)
    return quant::unpackTable(absl::MakeConstSpan(bytes, data.size()), format, rows, width);
  quant::QuantizedMatrix matrix = quant::makeQuantizedMatrix(format, rows, width);
  for (int64_t panel = 0; panel < quant::panelCount(rows); ++panel)
    quant::unpackPanel(bytes + panel * quant::packedPanelBytes(format, width), panel, matrix);
  return matrix;
}

class Reader {
public:
  Reader(std::shared_ptr<const BundleFile> file, MLIRContext &context, BundleData data)
      : file(std::move(file)), root(this->file->root()), data(data), builder(&context),
        loc(builder.getUnknownLoc()) {}

  absl::StatusOr<OwningOpRef<ModuleOp>> run() {
    ScopedDiagnosticHandler handler(builder.getContext(), [&](Diagnostic &diagnostic) {
      if (problem.empty())
        problem = diagnostic.str();
      return success();
    });
    OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
    addModelAttributes(*module);
    SymbolTable names(*module);
    for (const schema::Variant *variant : *root.variants()) {
      builder.clearInsertionPoint();
      StringRef kernels = toRef(variant->cpu_kernels());
      auto program = builder.create<rt::ProgramOp>(
          loc, "main", toRef(variant->device()), variant->memory_limit(),
          kernels.empty() ? StringAttr() : builder.getStringAttr(kernels));
      names.insert(program); // a second variant becomes @main_0
      if (absl::Status status = readVariant(*variant, program); !status.ok())
        return status;
    }
    if (failed(verify(*module)))
      return invalid("the program");
    return module;
  }

private:
  absl::Status invalid(const std::string &what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " is not valid in the gemrt dialect: ", problem));
  }

  void addModelAttributes(ModuleOp module) {
    const schema::Model &model = *root.model();
    module->setAttr(
        kModelAttr,
        builder.getDictionaryAttr(
            {builder.getNamedAttr("architecture",
                                  builder.getStringAttr(toRef(model.architecture()))),
             builder.getNamedAttr("name", builder.getStringAttr(toRef(model.name()))),
             builder.getNamedAttr("parameters", builder.getI64IntegerAttr(model.parameters()))}));
    if (model.labels() && model.labels()->size() > 0) {
      SmallVector<Attribute> labels;
      for (const flatbuffers::String *label : *model.labels())
        labels.push_back(builder.getStringAttr(toRef(label)));
      module->setAttr(kLabelsAttr, builder.getArrayAttr(labels));
    }
    if (root.provenance() && root.provenance()->size() > 0) {
      SmallVector<NamedAttribute> entries;
      for (const schema::KeyValue *entry : *root.provenance())
        entries.push_back(builder.getNamedAttr(toRef(entry->key()),
                                               builder.getStringAttr(toRef(entry->value()))));
      module->setAttr(kProvenanceAttr, builder.getDictionaryAttr(entries));
    }
    if (root.text() && root.text()->padded())
      module->setAttr(kPaddedAttr, builder.getUnitAttr());
  }

  absl::Status readVariant(const schema::Variant &variant, rt::ProgramOp programOp) {
    program = variant.program();
    builder.setInsertionPointToEnd(&programOp.getBody().emplaceBlock());
    SymbolTable names(programOp);
    symbols.clear();
    for (const schema::Symbol *symbol : *program->symbols()) {
      auto op = builder.create<rt::SymbolOp>(loc, toRef(symbol->name()), symbol->minimum(),
                                             symbol->maximum());
      symbols.push_back(names.insert(op, builder.getInsertionPoint()));
    }
    addSegments(names);
    constants.clear();
    for (const schema::Constant *constant : *program->constants())
      if (absl::Status status = addConstant(*constant, names); !status.ok())
        return status;
    for (const schema::Entry *entry : *program->entries()) {
      auto op = builder.create<rt::EntryOp>(loc, toRef(entry->name()),
                                            builder.getI64IntegerAttr(entry->arena_size()),
                                            builder.getI64IntegerAttr(entry->arena_lower_bound()));
      names.insert(op, builder.getInsertionPoint());
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(&op.getBody().emplaceBlock());
      if (absl::Status status = readEntry(*entry); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

  /// Declares the segments that this variant uses.
  void addSegments(SymbolTable &names) {
    llvm::DenseSet<uint32_t> used;
    for (const schema::Constant *constant : *program->constants())
      used.insert(constant->segment());
    segments.assign(root.segments()->size(), StringAttr());
    for (uint32_t i = 0; i < root.segments()->size(); ++i) {
      const schema::Segment &segment = *root.segments()->Get(i);
      bool isTokenizer = root.text() && root.text()->tokenizer_segment() == i;
      if (!isTokenizer && !used.contains(i))
        continue;
      ElementsAttr value;
      IntegerAttr pad, maximum;
      if (isTokenizer) {
        auto type = RankedTensorType::get(static_cast<int64_t>(segment.length()),
                                          builder.getIntegerType(8, /*isSigned=*/false));
        value = data == BundleData::Loaded
                    ? makeResource(type, toRef(segment.name()), file->segment(i), file)
                    : elided(type, toRef(segment.name()));
        pad = builder.getI64IntegerAttr(root.text()->pad_id());
        maximum = builder.getI64IntegerAttr(root.text()->maximum_tokens());
      }
      auto op = builder.create<rt::SegmentOp>(
          loc, toRef(segment.name()),
          isTokenizer ? rt::SegmentKind::Tokenizer : rt::SegmentKind::Weights, value, pad, maximum);
      segments[i] = names.insert(op, builder.getInsertionPoint());
    }
  }

  static DenseResourceElementsAttr elided(RankedTensorType type, StringRef name) {
    auto &manager = DenseResourceElementsHandle::getManagerInterface(type.getContext());
    return DenseResourceElementsAttr::get(type, manager.insert(name));
  }

  /// Null for an element type that the dialects do not have.
  Type elementType(schema::ElementType type) {
    switch (type) {
    case schema::ElementType::F32:
      return builder.getF32Type();
    case schema::ElementType::F16:
      return builder.getF16Type();
    case schema::ElementType::BF16:
      return builder.getBF16Type();
    case schema::ElementType::I32:
      return builder.getI32Type();
    case schema::ElementType::U8:
      return builder.getIntegerType(8, /*isSigned=*/false);
    default:
      return {};
    }
  }

  Type constantElementType(const schema::Constant &constant) {
    auto quantized = [&](unsigned bits) -> Type {
      return QuantizedType::getChecked([&] { return emitError(loc); }, builder.getContext(), bits,
                                       static_cast<int64_t>(constant.group_size()),
                                       static_cast<format::Scales>(constant.scales()));
    };
    switch (constant.element_type()) {
    case schema::ElementType::I8:
      return quantized(8);
    case schema::ElementType::I4:
      return quantized(4);
    case schema::ElementType::I3:
      return quantized(3);
    case schema::ElementType::I2:
      return quantized(2);
    case schema::ElementType::U16:
      return builder.getIntegerType(16, /*isSigned=*/false);
    default:
      return elementType(constant.element_type());
    }
  }

  static absl::Status unknownElement(absl::string_view what, schema::ElementType type) {
    return absl::UnimplementedError(absl::StrCat(what, ": the gemrt dialect has no element type ",
                                                 schema::EnumNameElementType(type)));
  }

  absl::Status addConstant(const schema::Constant &constant, SymbolTable &names) {
    StringRef name = toRef(constant.name());
    Type element = constantElementType(constant);
    if (!element)
      return unknownElement(absl::StrCat("constant '", name.str(), "'"), constant.element_type());
    SmallVector<int64_t> shape(constant.shape()->begin(), constant.shape()->end());
    auto layout = static_cast<Layout>(constant.layout());
    auto stored = rt::ConstantType::getChecked([&] { return emitError(loc); }, builder.getContext(),
                                               ArrayRef<int64_t>(shape), element, layout);
    if (!stored)
      return invalid(absl::StrCat("constant '", name.str(), "'"));
    auto quantized = dyn_cast<QuantizedType>(element);
    auto type = quantized ? RankedTensorType::get({quantized.getEncodedBytes(shape)},
                                                  builder.getIntegerType(8, /*isSigned=*/false))
                          : RankedTensorType::get(shape, element);
    ElementsAttr value;
    if (data == BundleData::Elided) {
      value = elided(type, name);
    } else {
      llvm::ArrayRef<char> bytes =
          file->segment(constant.segment()).slice(constant.offset(), constant.length());
      if (quantized) {
        auto matrix = unpackQuantized(bytes, *getFormat(element), shape[0], shape[1], layout);
        if (!matrix.ok())
          return matrix.status();
        absl::StatusOr<ElementsAttr> encoded = encodeWeight(builder.getContext(), name, *matrix);
        if (!encoded.ok())
          return encoded.status();
        value = *encoded;
      } else if (layout == Layout::Panel16) {
        value = makeF32Resource(builder.getContext(), shape, name,
                                unpackPanels(bytes, shape[0], shape[1], element.isF16()));
      } else {
        value = makeResource(type, name, bytes, file);
      }
    }
    auto op = builder.create<rt::ConstantOp>(
        loc, builder.getStringAttr(name), FlatSymbolRefAttr::get(segments[constant.segment()]),
        value, TypeAttr::get(stored), builder.getI64IntegerAttr(constant.offset()));
    names.insert(op, builder.getInsertionPoint());
    constants.push_back(op);
    return absl::OkStatus();
  }

  //===--------------------------------------------------------------------===//
  // Entries
  //===--------------------------------------------------------------------===//

  absl::Status readEntry(const schema::Entry &entryTable) {
    entry = &entryTable;
    buffers.clear();
    gets.assign(constants.size(), Value());
    none = {};
    // All calls of the first submission are made before what they use is declared above
    // it, so that declarations come in the order of their use.
    declarations = builder;
    for (const schema::Binding *input : *entry->inputs())
      if (absl::Status status = addInput(*input); !status.ok())
        return status;
    for (const schema::Submission *submission : *entry->submissions()) {
      auto submit =
          builder.create<rt::SubmitOp>(loc, static_cast<rt::Driver>(submission->driver()));
      if (submission == entry->submissions()->Get(0))
        declarations.setInsertionPoint(submit);
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(&submit.getBody().emplaceBlock());
      for (const schema::Command *command : *submission->commands())
        if (absl::Status status = addCall(*command); !status.ok())
          return status;
    }
    if (entry->buffers()->size() > 0)
      if (absl::Status status = declareBuffers(entry->buffers()->size() - 1); !status.ok())
        return status;
    for (const schema::Binding *output : *entry->outputs())
      builder.create<rt::OutputOp>(loc, builder.getStringAttr(toRef(output->name())),
                                   roleOf(*output), buffers[output->buffer()]);
    return absl::OkStatus();
  }

  RoleAttr roleOf(const schema::Binding &binding) {
    if (binding.role() == schema::Role::NONE)
      return {};
    return RoleAttr::get(builder.getContext(), static_cast<Role>(binding.role()));
  }

  absl::Status addInput(const schema::Binding &input) {
    if (absl::Status status = declareBuffers(input.buffer()); !status.ok())
      return status;
    Value buffer = buffers[input.buffer()];
    IntegerAttr minimum, maximum;
    if (cast<rt::BufferType>(buffer.getType()).getElementType().isInteger(32)) {
      minimum = builder.getI32IntegerAttr(input.minimum());
      maximum = builder.getI32IntegerAttr(input.maximum());
    }
    declarations.create<rt::InputOp>(loc, builder.getStringAttr(toRef(input.name())), roleOf(input),
                                     buffer, minimum, maximum);
    return absl::OkStatus();
  }

  /// Declares the buffers up to `last` that are not declared yet. Their order is that of
  /// their numbers.
  absl::Status declareBuffers(uint32_t last) {
    for (uint32_t i = buffers.size(); i <= last; ++i) {
      const schema::Buffer &buffer = *entry->buffers()->Get(i);
      Type element = elementType(buffer.element_type());
      if (!element)
        return unknownElement(absl::StrCat("buffer ", i), buffer.element_type());
      SmallVector<Attribute> dims;
      for (const schema::Dim *dim : *buffer.shape())
        dims.push_back(dim->kind() == schema::DimKind::SYMBOL
                           ? Attribute(symbols[dim->value()])
                           : builder.getI64IntegerAttr(dim->value()));
      auto type = rt::BufferType::getChecked([&] { return emitError(loc); }, builder.getContext(),
                                             ArrayRef<Attribute>(dims), element);
      if (!type)
        return invalid(absl::StrCat("buffer ", i));
      buffers.push_back(
          declarations.create<rt::AllocOp>(loc, type, builder.getI64IntegerAttr(buffer.offset())));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Value> readOperand(const schema::Operand &operand) {
    if (operand.kind() == schema::OperandKind::BUFFER) {
      if (absl::Status status = declareBuffers(operand.index()); !status.ok())
        return status;
      return buffers[operand.index()];
    }
    if (operand.kind() == schema::OperandKind::NONE) {
      if (!none)
        none = declarations.create<rt::NoneOp>(loc);
      return none;
    }
    Value &get = gets[operand.index()];
    if (!get) {
      rt::ConstantOp constant = constants[operand.index()];
      get = declarations.create<rt::GetConstantOp>(loc, cast<rt::ConstantType>(constant.getType()),
                                                   constant.getSymName());
    }
    return get;
  }

  absl::Status addCall(const schema::Command &command) {
    absl::StatusOr<rt::KernelAttrInterface> kernel = unpackKernel(command, builder.getContext());
    if (!kernel.ok())
      return kernel.status();
    SmallVector<Value> inputs, outputs;
    for (auto [operands, values] :
         {std::pair(command.inputs(), &inputs), std::pair(command.outputs(), &outputs)})
      for (const schema::Operand *operand : *operands) {
        absl::StatusOr<Value> value = readOperand(*operand);
        if (!value.ok())
          return value.status();
        values->push_back(*value);
      }
    builder.create<rt::CallOp>(loc, *kernel, inputs, outputs,
                               command.name() && command.name()->size() > 0
                                   ? builder.getStringAttr(toRef(command.name()))
                                   : StringAttr());
    return absl::OkStatus();
  }

  std::shared_ptr<const BundleFile> file;
  const schema::Bundle &root;
  BundleData data;
  OpBuilder builder;
  Location loc;
  std::string problem; // the first that a verifier found
  // Of the variant.
  const schema::Program *program = nullptr;
  SmallVector<StringAttr> symbols, segments; // names, by index
  SmallVector<rt::ConstantOp> constants;
  // Of the entry.
  const schema::Entry *entry = nullptr;
  OpBuilder declarations{builder};
  SmallVector<Value> buffers, gets;
  Value none;
};

} // namespace

absl::StatusOr<OwningOpRef<ModuleOp>> gem::readBundle(std::shared_ptr<const BundleFile> file,
                                                      MLIRContext &context, BundleData data) {
  return Reader(std::move(file), context, data).run();
}
