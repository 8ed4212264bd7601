// Removing pieces of a model's vocabulary that its texts do without.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Pruning/Vocabulary.h"
#include "absl/strings/str_cat.h"
#include "compiler/Calibration/TextFile.h"
#include "compiler/Evaluation/TokenizedTexts.h"
#include "compiler/Text/TokenizerBuilder.h"
#include "dialects/Gem/Gem.h"
#include "dialects/Gem/WeightData.h"
#include "passes/Pruning/WeightCut.h"
#include "runtime/schema/generated/gem_tokenizer_generated.h"
#include <algorithm>
#include <set>

using namespace mlir;
using namespace gem;

namespace {

/// A tokenizer's pieces and rules, read back from its segment.
struct Vocabulary {
  TokenizerOp op;
  WordPieceVocabulary wordPiece;
  int64_t unknown = 0, cls = 0, sep = 0, pad = 0, mask = -1;
  int64_t modelPad = 0; ///< What the program pads with.

  int64_t size() const { return static_cast<int64_t>(wordPiece.pieces.size()); }
};

absl::StatusOr<TokenizerOp> tokenizerOf(ModuleOp module) {
  for (auto op : module.getOps<TokenizerOp>()) {
    if (getRawData(op.getData()).empty())
      return absl::FailedPreconditionError(
          "the model's tokenizer has no data: expected a module that was written with its "
          "resources");
    return op;
  }
  return absl::FailedPreconditionError(
      "the model has no tokenizer: expected one to remove pieces from its vocabulary; add a "
      "vocab.txt or a tokenizer.json to the checkpoint");
}

std::string segmentOf(TokenizerOp op) {
  ArrayRef<char> data = getRawData(op.getData());
  return std::string(data.begin(), data.end());
}

absl::StatusOr<Vocabulary> readVocabulary(ModuleOp module) {
  absl::StatusOr<TokenizerOp> op = tokenizerOf(module);
  if (!op.ok())
    return op.status();
  const std::string segment = segmentOf(*op); // on the heap, so aligned as its fields are
  // Opening verifies what is read here.
  auto opened = TextTokenizer::fromSegment(segment, op->getMaximumTokens());
  if (!opened.ok())
    return opened.status();
  const schema::Tokenizer *table = schema::GetTokenizer(segment.data());
  Vocabulary vocabulary;
  vocabulary.op = *op;
  WordPieceVocabulary &wordPiece = vocabulary.wordPiece;
  const char *bytes = reinterpret_cast<const char *>(table->pieces()->data());
  for (uint32_t id = 0; id + 1 < table->offsets()->size(); ++id)
    wordPiece.pieces.emplace_back(bytes + table->offsets()->Get(id),
                                  bytes + table->offsets()->Get(id + 1));
  wordPiece.continuationPrefix = table->continuation_prefix()->str();
  wordPiece.lowercase = table->lowercase();
  wordPiece.stripAccents = table->strip_accents();
  wordPiece.splitCjk = table->split_cjk();
  wordPiece.cleanText = table->clean_text();
  wordPiece.maxCharactersPerWord = table->max_characters_per_word();
  vocabulary.unknown = table->unknown_id();
  vocabulary.cls = table->cls_id();
  vocabulary.sep = table->sep_id();
  vocabulary.pad = table->pad_id();
  vocabulary.mask = table->mask_id();
  vocabulary.modelPad = op->getPadId();
  wordPiece.unknownToken = wordPiece.pieces[vocabulary.unknown];
  wordPiece.clsToken = wordPiece.pieces[vocabulary.cls];
  wordPiece.sepToken = wordPiece.pieces[vocabulary.sep];
  wordPiece.padToken = wordPiece.pieces[vocabulary.pad];
  wordPiece.maskToken = vocabulary.mask < 0 ? "" : wordPiece.pieces[vocabulary.mask];
  return vocabulary;
}

/// The pieces that must stay whatever the texts are.
std::set<int64_t> neededPieces(const Vocabulary &vocabulary) {
  return {vocabulary.unknown, vocabulary.cls, vocabulary.sep, vocabulary.pad, vocabulary.modelPad};
}

/// The tokenizer segment of the pieces `kept`, of which some may lie past the vocabulary.
absl::StatusOr<std::string> buildSmaller(const Vocabulary &vocabulary, ArrayRef<int64_t> kept) {
  for (int64_t id : neededPieces(vocabulary))
    if (!llvm::is_contained(kept, id))
      return absl::InvalidArgumentError(
          absl::StrCat("expected the piece ", id, ", '", vocabulary.wordPiece.pieces[id],
                       "', to stay: texts cannot be encoded without it"));
  WordPieceVocabulary smaller = vocabulary.wordPiece;
  smaller.pieces.clear();
  for (int64_t id : kept)
    if (id < vocabulary.size())
      smaller.pieces.push_back(vocabulary.wordPiece.pieces[id]);
  return buildTokenizerSegment(smaller);
}

/// The characters of valid UTF-8.
std::vector<std::string> charactersOf(const std::string &text) {
  std::vector<std::string> characters;
  for (char byte : text) {
    if ((static_cast<unsigned char>(byte) & 0xC0) != 0x80)
      characters.emplace_back();
    characters.back() += byte;
  }
  return characters;
}

} // namespace

absl::StatusOr<VocabularyUse> gem::countVocabulary(ModuleOp module, const std::string &corpus) {
  absl::StatusOr<TokenizerOp> op = tokenizerOf(module);
  if (!op.ok())
    return op.status();
  auto tokenizer = TextTokenizer::fromSegment(segmentOf(*op), op->getMaximumTokens());
  if (!tokenizer.ok())
    return tokenizer.status();
  VocabularyUse use;
  use.counts.resize(tokenizer->vocabularySize());
  absl::Status status = forEachTextOf(corpus, [&](const CalibrationText &text) {
    absl::StatusOr<std::span<const int32_t>> ids = tokenizer->encode(text.text);
    if (!ids.ok())
      return ids.status();
    for (int32_t id : *ids)
      ++use.counts[id];
    use.tokens += ids->size();
    ++use.texts;
    return absl::OkStatus();
  });
  if (!status.ok())
    return status;
  return use;
}

absl::StatusOr<std::vector<int64_t>>
gem::chooseVocabulary(ModuleOp module, const VocabularyUse &use, const VocabularyOptions &options) {
  absl::StatusOr<Vocabulary> vocabulary = readVocabulary(module);
  if (!vocabulary.ok())
    return vocabulary.status();
  if (options.minimumCount < 0 || options.maximumPieces < 0)
    return absl::InvalidArgumentError(
        absl::StrCat("expected a least count and a number of pieces of 0 or more, but got ",
                     options.minimumCount, " and ", options.maximumPieces));
  const std::vector<std::string> &pieces = vocabulary->wordPiece.pieces;
  if (use.counts.size() != pieces.size())
    return absl::InvalidArgumentError(absl::StrCat("expected counts of the ", pieces.size(),
                                                   " pieces of the model's vocabulary, but got ",
                                                   use.counts.size()));

  std::set<int64_t> kept = neededPieces(*vocabulary);
  const std::string &prefix = vocabulary->wordPiece.continuationPrefix;
  auto isContinuation = [&](const std::string &piece) {
    return piece.size() > prefix.size() && piece.starts_with(prefix);
  };
  std::set<std::string> first, later; // characters that have a piece of their own
  std::vector<std::vector<std::string>> characters;
  for (int64_t id = 0; id < vocabulary->size(); ++id) {
    bool continues = isContinuation(pieces[id]);
    characters.push_back(charactersOf(continues ? pieces[id].substr(prefix.size()) : pieces[id]));
    if (characters.back().size() != 1)
      continue;
    (continues ? later : first).insert(characters.back().front());
    kept.insert(id);
  }
  for (int64_t id = 0; id < vocabulary->size(); ++id)
    for (size_t i = 0; i < characters[id].size() && use.counts[id] > 0; ++i) {
      const std::set<std::string> &single = i == 0 && !isContinuation(pieces[id]) ? first : later;
      if (!single.count(characters[id][i]))
        kept.insert(id);
    }

  std::vector<int64_t> frequent;
  for (int64_t id = 0; id < vocabulary->size(); ++id)
    if (use.counts[id] >= options.minimumCount)
      frequent.push_back(id);
  std::stable_sort(frequent.begin(), frequent.end(),
                   [&](int64_t a, int64_t b) { return use.counts[a] > use.counts[b]; });
  for (int64_t id : frequent) {
    if (options.maximumPieces && static_cast<int64_t>(kept.size()) >= options.maximumPieces)
      break;
    kept.insert(id);
  }
  return std::vector<int64_t>(kept.begin(), kept.end());
}

absl::StatusOr<VocabularyChange> gem::compareVocabulary(ModuleOp module, ArrayRef<int64_t> kept,
                                                        const std::string &corpus) {
  absl::StatusOr<Vocabulary> vocabulary = readVocabulary(module);
  if (!vocabulary.ok())
    return vocabulary.status();
  if (absl::Status status = prune::verifyKept(kept, vocabulary->size(), "pieces of the vocabulary");
      !status.ok())
    return status;
  absl::StatusOr<std::string> segment = buildSmaller(*vocabulary, kept);
  if (!segment.ok())
    return segment.status();
  int64_t maximumTokens = vocabulary->op.getMaximumTokens();
  auto before = TextTokenizer::fromSegment(segmentOf(vocabulary->op), maximumTokens);
  auto after = TextTokenizer::fromSegment(*segment, maximumTokens);
  for (const absl::Status &status : {before.status(), after.status()})
    if (!status.ok())
      return status;
  VocabularyChange change;
  change.pieces = kept.size();
  change.piecesBefore = vocabulary->size();
  absl::Status status = forEachTextOf(corpus, [&](const CalibrationText &text) {
    absl::StatusOr<std::span<const int32_t>> old = before->encode(text.text);
    absl::StatusOr<std::span<const int32_t>> now = after->encode(text.text);
    for (const absl::Status &status : {old.status(), now.status()})
      if (!status.ok())
        return status;
    ++change.texts;
    change.tokensBefore += old->size();
    change.tokens += now->size();
    change.resplitTexts += !std::equal(old->begin(), old->end(), now->begin(), now->end(),
                                       [&](int32_t a, int32_t b) { return a == kept[b]; });
    int64_t unknownBefore = std::count(old->begin(), old->end(), vocabulary->unknown);
    int64_t unknown = std::count_if(now->begin(), now->end(),
                                    [&](int32_t id) { return kept[id] == vocabulary->unknown; });
    change.unknownTokensBefore += unknownBefore;
    change.unknownTokens += unknown;
    change.unknownTextsBefore += unknownBefore > 0;
    change.unknownTexts += unknown > 0;
    return absl::OkStatus();
  });
  if (!status.ok())
    return status;
  return change;
}

absl::Status prune::keepVocabulary(ModuleOp module, ArrayRef<int64_t> kept) {
  absl::StatusOr<Vocabulary> vocabulary = readVocabulary(module);
  if (!vocabulary.ok())
    return vocabulary.status();
  SmallVector<EmbeddingOp> embeddings;
  for (auto function : module.getOps<func::FuncOp>())
    function.walk([&](EmbeddingOp embedding) { embeddings.push_back(embedding); });
  llvm::SetVector<WeightOp> tables;
  for (EmbeddingOp embedding : embeddings) {
    auto get = embedding.getTables().front().getDefiningOp<GetWeightOp>();
    if (embedding.getTables().size() != 1 || embedding.getMap() || !get)
      return absl::FailedPreconditionError(
          "expected word embeddings in one table, but they are in parts; prune before formats "
          "are assigned");
    tables.insert(module.lookupSymbol<WeightOp>(get.getWeight()));
  }
  if (tables.empty())
    return absl::FailedPreconditionError(
        "the model looks no token ids up: expected word embeddings to remove rows from");
  for (WeightOp table : tables) {
    if (absl::Status status = verifyUncompressed(table); !status.ok())
      return status;
    if (absl::Status status =
            verifyKept(kept, table.getWeightType().getDimSize(0), "rows of the word embeddings");
        !status.ok())
      return status;
    bool isRows = true;
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](GetWeightOp get) {
        if (get.getWeight() == table.getSymName())
          isRows &= llvm::all_of(get->getUsers(), llvm::IsaPred<EmbeddingOp>);
      });
    if (!isRows)
      return absl::FailedPreconditionError(
          absl::StrCat("the weight '", table.getSymName().str(),
                       "' is read by more than the word embeddings: expected one of its own"));
  }
  absl::StatusOr<std::string> segment = buildSmaller(*vocabulary, kept);
  if (!segment.ok())
    return segment.status();

  for (WeightOp table : tables)
    setValue(module, table, keepRows(table.getValue(), kept, table.getSymName()));
  TokenizerOp op = vocabulary->op;
  auto owner = std::make_shared<const std::string>(*std::move(segment));
  auto type =
      RankedTensorType::get({static_cast<int64_t>(owner->size())}, op.getData().getElementType());
  op.setDataAttr(makeResource(type, op.getSymName(), {owner->data(), owner->size()}, owner));
  int64_t pieces = llvm::count_if(kept, [&](int64_t id) { return id < vocabulary->size(); });
  op.setVocabularySize(pieces);
  op.setPadId(llvm::find(kept, vocabulary->modelPad) - kept.begin());
  return absl::OkStatus();
}
