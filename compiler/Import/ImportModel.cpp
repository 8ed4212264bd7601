// From a validated checkpoint to a module in the gem dialect.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Import/ImportModel.h"
#include "absl/strings/str_cat.h"
#include "compiler/Text/TokenizerBuilder.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/BLAKE3.h"
#include <cmath>

using namespace mlir;
using namespace gem;
using checkpoint::Architecture;
using checkpoint::ModelSource;

namespace {

StringRef architectureName(Architecture architecture) {
  switch (architecture) {
  case Architecture::Gem:
    return "gem";
  case Architecture::BertEncoder:
    return "bert";
  case Architecture::BertClassifier:
    return "bert-classifier";
  }
  return "";
}

Type elementType(MLIRContext *context, checkpoint::DType dtype) {
  if (dtype == checkpoint::DType::F16)
    return Float16Type::get(context);
  if (dtype == checkpoint::DType::BF16)
    return BFloat16Type::get(context);
  return Float32Type::get(context);
}

/// The hash of what determines the model, for the bundle's provenance.
std::string contentHash(const ModelSource &source) {
  llvm::BLAKE3 hasher;
  checkpoint::visitContent(source, [&](const char *data, size_t size) {
    hasher.update(ArrayRef(reinterpret_cast<const uint8_t *>(data), size));
  });
  return "blake3:" + llvm::toHex(hasher.final<32>(), /*LowerCase=*/true);
}

class Importer {
public:
  Importer(MLIRContext &context, const ModelSource &source, const ImportOptions &options)
      : context(context), source(source), options(options), builder(&context),
        module(ModuleOp::create(builder.getUnknownLoc())) {}

  absl::StatusOr<OwningOpRef<ModuleOp>> run() {
    sequence = options.sequence ? options.sequence : source.maxPositions;
    if (sequence < 2 || sequence > source.maxPositions)
      return absl::InvalidArgumentError(
          absl::StrCat("expected a sequence of 2 to ", source.maxPositions,
                       " tokens (the model's positions), but got ", sequence));
    builder.setInsertionPointToEnd(module->getBody());
    if (absl::Status status = addModuleFacts(); !status.ok())
      return status;
    buildFunction();
    if (!error.ok())
      return error;
    return std::move(module);
  }

private:
  //===--------------------------------------------------------------------===//
  // Module
  //===--------------------------------------------------------------------===//

  absl::Status addModuleFacts() {
    module->getOperation()->setAttr(
        kModelAttr,
        builder.getDictionaryAttr(
            {builder.getNamedAttr("name", builder.getStringAttr(options.name)),
             builder.getNamedAttr("architecture",
                                  builder.getStringAttr(architectureName(source.architecture))),
             builder.getNamedAttr("parameters", builder.getI64IntegerAttr(source.parameters))}));
    if (!source.labels.empty()) {
      SmallVector<StringRef> labels(source.labels.begin(), source.labels.end());
      module->getOperation()->setAttr(kLabelsAttr, builder.getStrArrayAttr(labels));
    }
    if (options.pad)
      module->getOperation()->setAttr(kPaddedAttr, builder.getUnitAttr());
    module->getOperation()->setAttr(
        kProvenanceAttr, builder.getDictionaryAttr({builder.getNamedAttr(
                             "model.hash", builder.getStringAttr(contentHash(source)))}));
    if (!options.pad)
      builder.create<gem::SymbolOp>(loc("n"), "n", 1, sequence);
    if (!source.tokenizer)
      return absl::OkStatus();
    absl::StatusOr<std::string> segment = buildTokenizerSegment(*source.tokenizer);
    if (!segment.ok())
      return segment.status();
    auto owner = std::make_shared<const std::string>(std::move(*segment));
    auto type = RankedTensorType::get({static_cast<int64_t>(owner->size())},
                                      builder.getIntegerType(8, /*isSigned=*/false));
    const auto &pieces = source.tokenizer->pieces;
    int64_t padId =
        std::find(pieces.begin(), pieces.end(), source.tokenizer->padToken) - pieces.begin();
    builder.create<TokenizerOp>(
        loc("tokenizer"), "tokenizer",
        makeResource(type, "tokenizer", {owner->data(), owner->size()}, owner), pieces.size(),
        source.padTokenId.value_or(padId), sequence);
    return absl::OkStatus();
  }

  Location loc(StringRef name) { return NameLoc::get(builder.getStringAttr(name)); }

  //===--------------------------------------------------------------------===//
  // Weights
  //===--------------------------------------------------------------------===//

  /// A weight and its value. With `rows` > 0, rows [first, first + rows) of the tensor,
  /// under the name `rename`.
  Value weight(const std::string &name, int64_t first = 0, int64_t rows = 0,
               const std::string &rename = "") {
    absl::StatusOr<checkpoint::Tensor> tensor = checkpoint::materialize(source.tensor(name));
    if (!tensor.ok()) {
      error = tensor.status();
      // A weight of the right type keeps the module well formed until the error is seen.
      tensor = source.tensor(name);
    }
    SmallVector<int64_t> shape(tensor->shape.begin(), tensor->shape.end());
    const char *data = tensor->data;
    if (rows > 0) {
      data += first * (tensor->byteLength() / shape[0]);
      shape[0] = rows;
    }
    auto type = RankedTensorType::get(shape, elementType(&context, tensor->dtype));
    size_t bytes = type.getNumElements() * checkpoint::byteSize(tensor->dtype);
    const std::string &symbol = rename.empty() ? name : rename;
    OpBuilder moduleBuilder(function);
    moduleBuilder.create<WeightOp>(loc(symbol), symbol,
                                   makeResource(type, symbol, {data, bytes}, tensor->owner));
    return builder.create<GetWeightOp>(loc(symbol), type, symbol);
  }

  //===--------------------------------------------------------------------===//
  // The function
  //===--------------------------------------------------------------------===//

  /// [n, columns] or [sequence, columns] of f32; [n] of `element` when columns is 0.
  RankedTensorType tokens(int64_t columns, Type element = {}) {
    if (!element)
      element = builder.getF32Type();
    SmallVector<int64_t> shape{options.pad ? sequence : ShapedType::kDynamic};
    if (columns > 0)
      shape.push_back(columns);
    Attribute encoding;
    if (!options.pad)
      encoding = DimsAttr::get(&context, {builder.getStringAttr("n")});
    return RankedTensorType::get(shape, element, encoding);
  }

  DictionaryAttr binding(StringRef name, Role role) {
    return builder.getDictionaryAttr(
        {builder.getNamedAttr(kNameAttr, builder.getStringAttr(name)),
         builder.getNamedAttr(kRoleAttr, RoleAttr::get(&context, role))});
  }

  Value linear(Value x, const std::string &name, Value w, Value b) {
    auto type = cast<RankedTensorType>(x.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = cast<RankedTensorType>(w.getType()).getDimSize(0);
    return builder.create<LinearOp>(
        loc(name), RankedTensorType::get(shape, type.getElementType(), type.getEncoding()), x, w, b,
        Value(), Activation::None);
  }

  Value linear(Value x, const std::string &name) {
    Value w = weight(name + ".weight");
    return linear(x, name, w, weight(name + ".bias"));
  }

  Value layerNorm(Value x, const std::string &name) {
    Value gamma = weight(name + ".weight"), beta = weight(name + ".bias");
    return builder.create<LayerNormOp>(loc(name), x.getType(), x, gamma, beta,
                                       builder.getF64FloatAttr(source.layerNormEps));
  }

  Value add(Value a, Value b, StringRef name) {
    return builder.create<AddOp>(loc(name), a.getType(), a, b);
  }

  double scale() const {
    return 1.0 / std::sqrt(static_cast<double>(source.hiddenSize / source.numHeads));
  }
  int64_t headDim() const { return source.hiddenSize / source.numHeads; }

  void buildFunction() {
    Type i32 = builder.getI32Type();
    SmallVector<Type> inputs{tokens(0, i32)};
    SmallVector<DictionaryAttr> inputAttrs{binding("ids", Role::TokenIds)};
    if (options.pad) {
      inputs.push_back(RankedTensorType::get({1}, i32));
      inputAttrs.push_back(binding("count", Role::TokenCount));
    }
    bool encodes = source.architecture == Architecture::BertEncoder;
    function = builder.create<func::FuncOp>(loc(encodes ? "encode" : "classify"),
                                            encodes ? "encode" : "classify",
                                            builder.getFunctionType(inputs, {}));
    Block *body = function.addEntryBlock();
    builder.setInsertionPointToEnd(body);
    count = options.pad ? Value(body->getArgument(1)) : Value();

    Value x = buildEncoder(body->getArgument(0));
    SmallVector<Value> results;
    SmallVector<DictionaryAttr> resultAttrs;
    auto give = [&](Value value, StringRef name, Role role) {
      results.push_back(value);
      resultAttrs.push_back(binding(name, role));
    };
    switch (source.architecture) {
    case Architecture::Gem:
      buildGemHead(x, give);
      break;
    case Architecture::BertEncoder:
      give(x, "hidden_states", Role::HiddenStates);
      give(select(x), "cls", Role::Cls);
      break;
    case Architecture::BertClassifier: {
      Value pooled = linear(select(x), "pooler.dense");
      pooled = builder.create<TanhOp>(loc("pooler"), pooled.getType(), pooled);
      give(classify(pooled), "logits", Role::Logits);
      break;
    }
    }
    builder.create<func::ReturnOp>(function.getLoc(), results);
    function.setFunctionType(builder.getFunctionType(inputs, ValueRange(results).getTypes()));
    function.setAllArgAttrs(inputAttrs);
    function.setAllResultAttrs(resultAttrs);
  }

  Value select(Value x) {
    return builder.create<SelectOp>(loc("cls"), getRowType(cast<RankedTensorType>(x.getType())), x,
                                    0);
  }

  Value classify(Value x) {
    Value w = weight("classifier.weight"), b = weight("classifier.bias");
    return builder.create<ClassifyOp>(
        loc("classifier"), RankedTensorType::get({source.numClasses}, builder.getF32Type()), x, w,
        b);
  }

  Value buildEncoder(Value ids) {
    Value words = weight("embeddings.word_embeddings.weight");
    Value x = builder.create<EmbeddingOp>(loc("embeddings.word_embeddings"),
                                          tokens(source.hiddenSize), ids, words);
    Value types = weight("embeddings.token_type_embeddings.weight");
    x = builder.create<AddRowOp>(loc("embeddings.token_type_embeddings"), x.getType(), x, types, 0);
    Value positions = weight("embeddings.position_embeddings.weight");
    x = builder.create<AddPositionOp>(loc("embeddings.position_embeddings"), x.getType(), x,
                                      positions);
    x = layerNorm(x, "embeddings.LayerNorm");
    for (int64_t layer = 0; layer < source.numLayers; ++layer) {
      std::string prefix = absl::StrCat("encoder.layer.", layer, ".");
      Value q = linear(x, prefix + "attention.self.query");
      Value k = linear(x, prefix + "attention.self.key");
      Value v = linear(x, prefix + "attention.self.value");
      Value y = builder.create<AttentionOp>(loc(prefix + "attention.self"), q.getType(), q, k, v,
                                            count, source.numHeads, headDim(), APFloat(scale()));
      y = linear(y, prefix + "attention.output.dense");
      x = layerNorm(add(y, x, prefix + "attention.output"), prefix + "attention.output.LayerNorm");
      y = linear(x, prefix + "intermediate.dense");
      y = builder.create<GeluOp>(loc(prefix + "intermediate"), y.getType(), y);
      y = linear(y, prefix + "output.dense");
      x = layerNorm(add(y, x, prefix + "output"), prefix + "output.LayerNorm");
    }
    return x;
  }

  template <typename Give> void buildGemHead(Value x, Give give) {
    Value wr = weight("router.W_r");
    Value centroids = source.hasCentroids() ? weight("router.centroids") : Value();
    auto router = builder.create<RouteTokensOp>(
        loc("router"),
        TypeRange{tokens(source.numClasses), tokens(0, builder.getI1Type()),
                  tokens(0, builder.getI32Type())},
        x, wr, centroids, builder.getI64IntegerAttr(source.numClusters),
        builder.getF64FloatAttr(source.threshold));
    // scar.qkv stacks q, k and v by rows; apart, each can be sliced, pruned and quantized
    // by itself.
    Value parts[3];
    const char *names[] = {"query", "key", "value"};
    int64_t width = source.hiddenSize;
    for (int part = 0; part < 3; ++part) {
      std::string name = absl::StrCat("scar.", names[part]);
      Value w = weight("scar.qkv.weight", part * width, width, name + ".weight");
      Value b = weight("scar.qkv.bias", part * width, width, name + ".bias");
      parts[part] = linear(x, name, w, b);
    }
    Value y = builder.create<ScarAttentionOp>(
        loc("scar"), parts[0].getType(), parts[0], parts[1], parts[2], router.getRouted(),
        router.getCluster(), source.numHeads, headDim(), APFloat(scale()), ScarPredicate::Either);
    y = linear(y, "scar.out");
    give(classify(select(y)), "logits", Role::Logits);
    give(router.getRouted(), "routed", Role::Routed);
    give(router.getCluster(), "cluster", Role::Cluster);
  }

  MLIRContext &context;
  const ModelSource &source;
  const ImportOptions &options;
  OpBuilder builder;
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
  Value count;
  int64_t sequence = 0;
  absl::Status error;
};

} // namespace

absl::StatusOr<OwningOpRef<ModuleOp>>
gem::importModel(MLIRContext &context, const ModelSource &source, const ImportOptions &options) {
  context.loadDialect<GemDialect>();
  return Importer(context, source, options).run();
}
