// Reads WordPiece vocabularies: vocab.txt and tokenizer.json.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Vocabulary.h"

#include "compiler/Checkpoint/FileMapping.h"

#include "absl/strings/str_cat.h"

#include <algorithm>
#include <unordered_map>

namespace gem::checkpoint {

/// Longer vocabularies are a mistake, and would only make it slow to report.
static constexpr size_t kMaxPieces = 4'000'000;

namespace {

class VocabularyLoader {
public:
  VocabularyLoader(const Settings &settings, const std::string &directory, Problems &problems)
      : settings(settings), directory(directory), problems(problems) {}

  VocabularyResult load(int64_t vocabSize);

private:
  bool chooseFile();
  bool readFile();
  bool readPlain(std::string_view text);
  bool readTokenizerJson(const JsonValue &json);
  bool readVocab(const JsonValue &json, const JsonValue &model);
  bool readAddedTokens(const JsonValue &json);
  bool readPostProcessor(const JsonValue *processor);
  bool readTokenizerConfig();
  void readToken(const JsonValue &json, const char *key, std::string &token);
  void resolveRules();
  void checkPieces(int64_t vocabSize);

  /// Not broken, but of a kind that the runtime does not tokenize.
  bool unsupported(std::string text) {
    result.reason = absl::StrCat(path, ": ", text);
    return false;
  }
  bool broken(const std::string &text) {
    problems.add(absl::StrCat(path, ": ", text));
    return false;
  }

  const Settings &settings;
  const std::string directory;
  Problems &problems;
  std::string path;
  std::string configPath; // of tokenizer_config.json
  JsonValue tokenizerConfig;
  /// What tokenizer.json's normalizer says.
  std::optional<bool> fileLowercase, fileStripAccents;
  bool isJson = false;
  WordPieceVocabulary vocabulary;
  VocabularyResult result;
};

} // namespace

static std::string join(const std::string &directory, const char *name) {
  return directory == "."   ? name
         : directory == "/" ? absl::StrCat("/", name)
                            : absl::StrCat(directory, "/", name);
}

/// False when there is none.
bool VocabularyLoader::chooseFile() {
  if (const std::string *given = settings.overrideValue("tokenizer")) {
    if (*given == "none") {
      result.reason = "--set tokenizer=none";
      return false;
    }
    path = *given;
    return true;
  }
  std::vector<std::string> found;
  for (const char *name : {"tokenizer.json", "vocab.txt"}) {
    std::string candidate = join(directory, name);
    if (FileMapping::open(candidate).status().code() != absl::StatusCode::kNotFound)
      found.push_back(candidate);
  }
  if (found.empty()) {
    result.reason = absl::StrCat("there is no tokenizer.json or vocab.txt in ", directory);
    return false;
  }
  path = found.front();
  if (found.size() > 1)
    result.notes.push_back(absl::StrCat("tokenizer: ", found[0], " was chosen, ", found[1],
                                        " is there too (--set tokenizer=FILE chooses)"));
  return true;
}

bool VocabularyLoader::readFile() {
  absl::StatusOr<std::shared_ptr<FileMapping>> file = FileMapping::open(path);
  if (!file.ok()) {
    problems.add(std::string(file.status().message()));
    return false;
  }
  result.files.push_back(path);
  std::string_view bytes = (*file)->bytes();
  size_t first = bytes.find_first_not_of(" \t\r\n");
  // A vocab.txt whose first piece is "{" has a line break after it; so has a
  // pretty-printed tokenizer.json, but that goes on with a quoted key.
  isJson = false;
  if (first != bytes.npos && bytes[first] == '{') {
    size_t second = bytes.find_first_not_of(" \t\r\n", first + 1);
    isJson = second != bytes.npos && (bytes[second] == '"' || bytes[second] == '}');
  }
  if (!isJson)
    return readPlain(bytes);
  absl::StatusOr<JsonValue> json = parseJson(bytes, path);
  if (!json.ok()) {
    problems.add(std::string(json.status().message()));
    return false;
  }
  return readTokenizerJson(*json);
}

/// One piece a line; the line's number, from 0, is the id.
bool VocabularyLoader::readPlain(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) {
    text.remove_prefix(3);
    result.notes.push_back(path + ": the byte order mark at its start was ignored");
  }
  if (text.substr(0, 4096).find('\0') != text.npos)
    return broken("holds NUL bytes, expected one piece of UTF-8 text a line");
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    if (vocabulary.pieces.size() == kMaxPieces)
      return broken(absl::StrCat("holds more than ", kMaxPieces, " lines"));
    vocabulary.pieces.emplace_back(line);
  }
  size_t lines = vocabulary.pieces.size();
  while (!vocabulary.pieces.empty() && vocabulary.pieces.back().empty())
    vocabulary.pieces.pop_back();
  if (vocabulary.pieces.size() != lines)
    result.notes.push_back(absl::StrCat(path, ": ", lines - vocabulary.pieces.size(),
                                        " empty lines at its end were ignored"));
  return true;
}

bool VocabularyLoader::readVocab(const JsonValue &json, const JsonValue &model) {
  const JsonValue *vocab = model.find("vocab");
  if (!vocab || !vocab->asObject())
    return broken(absl::StrCat("model.vocab: found ", vocab ? vocab->describe() : "nothing",
                               ", expected an object of pieces and ids"));
  const JsonValue::Object &members = *vocab->asObject();
  std::vector<const std::string *> byId(members.size());
  size_t numProblems = problems.count();
  for (const JsonMember &member : members) {
    const int64_t *id = member.value.asInteger();
    if (!id || *id < 0 || *id >= static_cast<int64_t>(members.size()))
      broken(absl::StrCat("model.vocab: ", quote(member.key, 60), ": found ",
                          member.value.describe(), ", expected an id from 0 to ",
                          members.size() - 1, " (ids must have no gaps)"));
    else if (const std::string *&slot = byId[static_cast<size_t>(*id)])
      broken(absl::StrCat("model.vocab: ", quote(*slot, 60), " and ", quote(member.key, 60),
                          " have the same id ", *id));
    else
      slot = &member.key;
  }
  if (problems.count() != numProblems)
    return false;
  for (const std::string *piece : byId)
    vocabulary.pieces.push_back(*piece);
  return readAddedTokens(json);
}

/// Tokens that were added after training may extend the vocabulary.
bool VocabularyLoader::readAddedTokens(const JsonValue &json) {
  const JsonValue *tokens = json.find("added_tokens");
  if (!tokens || tokens->isNull())
    return true;
  if (!tokens->asArray())
    return broken(absl::StrCat("added_tokens: found ", tokens->describe(), ", expected a list"));
  std::vector<std::pair<int64_t, const std::string *>> added;
  for (const JsonValue &token : *tokens->asArray()) {
    const JsonValue *id = token.find("id"), *content = token.find("content");
    if (!id || !id->asInteger() || !content || !content->asString())
      return broken(absl::StrCat("added_tokens: found ", token.describe(),
                                 ", expected objects with id and content"));
    added.emplace_back(*id->asInteger(), content->asString());
  }
  std::sort(added.begin(), added.end(),
            [](const auto &a, const auto &b) { return a.first < b.first; });
  for (auto &[id, content] : added) {
    int64_t size = static_cast<int64_t>(vocabulary.pieces.size());
    if (id < 0 || id > size)
      return broken(absl::StrCat("added_tokens: ", quote(*content, 60), " has the id ", id,
                                 ", expected at most ", size, " (ids must have no gaps)"));
    if (id == size)
      vocabulary.pieces.push_back(*content);
    else if (vocabulary.pieces[static_cast<size_t>(id)] != *content)
      return broken(absl::StrCat("added_tokens: id ", id, " is ", quote(*content, 60),
                                 ", but in the vocabulary it is ",
                                 quote(vocabulary.pieces[static_cast<size_t>(id)], 60)));
  }
  return true;
}

/// The names of [CLS] and [SEP], and that they are put where BERT puts them.
bool VocabularyLoader::readPostProcessor(const JsonValue *processor) {
  if (!processor || processor->isNull()) {
    result.notes.push_back(path + ": says nothing about special tokens: a text becomes " +
                           vocabulary.clsToken + " text " + vocabulary.sepToken);
    return true;
  }
  const JsonValue *type = processor->find("type");
  std::string kind = type && type->asString() ? *type->asString() : "";
  auto firstString = [](const JsonValue *list) -> const std::string * {
    return list && list->asArray() && !list->asArray()->empty()
               ? list->asArray()->front().asString()
               : nullptr;
  };
  if (kind == "BertProcessing") {
    const std::string *cls = firstString(processor->find("cls"));
    const std::string *sep = firstString(processor->find("sep"));
    if (!cls || !sep)
      return broken("post_processor: expected cls and sep, each [token, id]");
    vocabulary.clsToken = *cls;
    vocabulary.sepToken = *sep;
    return true;
  }
  if (kind == "TemplateProcessing") {
    const JsonValue *single = processor->find("single");
    const JsonValue::Array *parts = single ? single->asArray() : nullptr;
    auto special = [&](size_t index) -> const std::string * {
      const JsonValue *token = (*parts)[index].find("SpecialToken");
      const JsonValue *id = token ? token->find("id") : nullptr;
      return id ? id->asString() : nullptr;
    };
    if (parts && parts->size() == 3 && special(0) && special(2) && (*parts)[1].find("Sequence")) {
      vocabulary.clsToken = *special(0);
      vocabulary.sepToken = *special(2);
      return true;
    }
  }
  return unsupported("post_processor: expected BERT's (one token before, one after the text)");
}

bool VocabularyLoader::readTokenizerJson(const JsonValue &json) {
  const JsonValue *model = json.find("model");
  const JsonValue *type = model ? model->find("type") : nullptr;
  if (!model || !model->asObject())
    return broken("expected a tokenizer with an object 'model'");
  if (!type || !type->asString())
    return broken("model.type: expected a string");
  if (*type->asString() != "WordPiece")
    return unsupported(absl::StrCat("the tokenizer is of the type ", quote(*type->asString(), 40),
                                    "; only WordPiece is supported"));

  if (const JsonValue *normalizer = json.find("normalizer"); normalizer && !normalizer->isNull()) {
    const JsonValue *kind = normalizer->find("type");
    if (!kind || !kind->asString() || *kind->asString() != "BertNormalizer")
      return unsupported(absl::StrCat(
          "normalizer: found ", kind && kind->asString() ? quote(*kind->asString(), 40) : "no type",
          "; only BertNormalizer is supported"));
    auto flag = [&](const char *key, std::optional<bool> &value) {
      const JsonValue *member = normalizer->find(key);
      if (!member || member->isNull())
        return true;
      if (!member->asBool())
        return broken(absl::StrCat("normalizer.", key, ": found ", member->describe(),
                                   ", expected true, false or null"));
      value = *member->asBool();
      return true;
    };
    std::optional<bool> cleanText, splitCjk;
    if (!flag("lowercase", fileLowercase) || !flag("strip_accents", fileStripAccents) ||
        !flag("clean_text", cleanText) || !flag("handle_chinese_chars", splitCjk))
      return false;
    vocabulary.cleanText = cleanText.value_or(true);
    vocabulary.splitCjk = splitCjk.value_or(true);
  } else {
    fileLowercase = fileStripAccents = false;
    vocabulary.cleanText = vocabulary.splitCjk = false;
  }
  const JsonValue *splitter = json.find("pre_tokenizer");
  const JsonValue *kind = splitter ? splitter->find("type") : nullptr;
  if (!kind || !kind->asString() || *kind->asString() != "BertPreTokenizer")
    return unsupported(absl::StrCat(
        "pre_tokenizer: found ", kind && kind->asString() ? quote(*kind->asString(), 40) : "none",
        "; only BertPreTokenizer is supported"));

  if (const JsonValue *unknown = model->find("unk_token"); unknown && unknown->asString())
    vocabulary.unknownToken = *unknown->asString();
  if (const JsonValue *prefix = model->find("continuing_subword_prefix")) {
    if (!prefix->asString())
      return broken("model.continuing_subword_prefix: expected a string");
    vocabulary.continuationPrefix = *prefix->asString();
  }
  if (const JsonValue *limit = model->find("max_input_chars_per_word")) {
    if (!limit->asInteger() || *limit->asInteger() < 1 || *limit->asInteger() > INT32_MAX)
      return broken(absl::StrCat("model.max_input_chars_per_word: found ", limit->describe(),
                                 ", expected a positive integer"));
    vocabulary.maxCharactersPerWord = static_cast<uint32_t>(*limit->asInteger());
  }
  return readVocab(json, *model) && readPostProcessor(json.find("post_processor"));
}

void VocabularyLoader::readToken(const JsonValue &json, const char *key, std::string &token) {
  const JsonValue *value = json.find(key);
  if (!value || value->isNull())
    return;
  // A string, or an object that describes an added token.
  const JsonValue *content = value->asObject() ? value->find("content") : value;
  if (content && content->asString())
    token = *content->asString();
  else
    problems.add(
        absl::StrCat(configPath, ": ", key, ": found ", value->describe(), ", expected a string"));
}

/// False when it says that the vocabulary is used in a way we do not know.
bool VocabularyLoader::readTokenizerConfig() {
  size_t slash = path.rfind('/');
  std::string folder = slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  configPath = join(folder, "tokenizer_config.json");
  absl::StatusOr<JsonValue> json = readJsonFile(configPath);
  if (json.status().code() == absl::StatusCode::kNotFound)
    return true;
  if (!json.ok()) {
    problems.add(std::string(json.status().message()));
    return false;
  }
  result.files.push_back(configPath);
  tokenizerConfig = *std::move(json);
  readToken(tokenizerConfig, "unk_token", vocabulary.unknownToken);
  readToken(tokenizerConfig, "cls_token", vocabulary.clsToken);
  readToken(tokenizerConfig, "sep_token", vocabulary.sepToken);
  readToken(tokenizerConfig, "pad_token", vocabulary.padToken);
  readToken(tokenizerConfig, "mask_token", vocabulary.maskToken);
  if (isJson)
    return true; // tokenizer.json is complete, whatever the class's name
  const JsonValue *name = tokenizerConfig.find("tokenizer_class");
  if (name && name->asString()) {
    static const std::string_view known[] = {"BertTokenizer",          "BertTokenizerFast",
                                             "DistilBertTokenizer",    "DistilBertTokenizerFast",
                                             "ElectraTokenizer",       "ElectraTokenizerFast",
                                             "PreTrainedTokenizerFast"};
    if (std::find(std::begin(known), std::end(known), *name->asString()) == std::end(known))
      return unsupported(absl::StrCat("is used by a tokenizer of the class ",
                                      quote(*name->asString(), 60),
                                      "; only BERT's WordPiece is supported"));
  }
  const JsonValue *basic = tokenizerConfig.find("do_basic_tokenize");
  if (basic && basic->asBool() && !*basic->asBool())
    return unsupported("is used without BERT's basic tokenizer (do_basic_tokenize is false)");
  return true;
}

void VocabularyLoader::resolveRules() {
  // --set, then tokenizer_config.json.
  auto fromFiles = [&](const char *key) -> std::optional<Setting<bool>> {
    if (settings.overrideValue(key))
      return settings.boolean(key, problems);
    const JsonValue *value = tokenizerConfig.find(key);
    if (!value || value->isNull())
      return std::nullopt;
    if (const bool *flag = value->asBool())
      return Setting<bool>{*flag, configPath};
    problems.add(absl::StrCat(configPath, ": ", key, ": found ", value->describe(),
                              ", expected true or false"));
    return std::nullopt;
  };
  auto note = [&](const char *key, bool value, const std::string &source) {
    result.notes.push_back(
        absl::StrCat("tokenizer: ", key, " = ", value ? "true" : "false", ": ", source));
  };

  std::optional<Setting<bool>> lowercase = fromFiles("do_lower_case");
  if (!lowercase && isJson)
    lowercase = Setting<bool>{fileLowercase.value_or(true), path};
  if (!lowercase)
    lowercase = settings.boolean("do_lower_case", problems);
  if (!lowercase) {
    bool capitals = false;
    for (const std::string &piece : vocabulary.pieces)
      capitals |= !piece.starts_with('[') && std::any_of(piece.begin(), piece.end(), [](char c) {
        return c >= 'A' && c <= 'Z';
      });
    lowercase = Setting<bool>{!capitals, capitals ? "the vocabulary has capital letters"
                                                  : "the vocabulary has no capital letters"};
  }
  vocabulary.lowercase = lowercase->value;
  note("do_lower_case", lowercase->value, lowercase->source);

  std::optional<Setting<bool>> strip = fromFiles("strip_accents");
  if (!strip && fileStripAccents)
    strip = Setting<bool>{*fileStripAccents, path};
  if (!strip)
    strip = settings.boolean("strip_accents", problems);
  if (!strip)
    strip = Setting<bool>{vocabulary.lowercase, "follows do_lower_case"};
  vocabulary.stripAccents = strip->value;
  note("strip_accents", strip->value, strip->source);

  if (std::optional<Setting<bool>> cjk = fromFiles("tokenize_chinese_chars")) {
    vocabulary.splitCjk = cjk->value;
    note("tokenize_chinese_chars", cjk->value, cjk->source);
  }
}

void VocabularyLoader::checkPieces(int64_t vocabSize) {
  const std::vector<std::string> &pieces = vocabulary.pieces;
  std::unordered_map<std::string_view, size_t> ids;
  ids.reserve(pieces.size());
  size_t duplicates = 0;
  std::string firstDuplicate;
  for (size_t id = 0; id < pieces.size(); ++id) {
    auto [found, isNew] = ids.emplace(pieces[id], id);
    if (!isNew && ++duplicates == 1)
      firstDuplicate =
          absl::StrCat(quote(pieces[id], 60), " (ids ", found->second, " and ", id, ")");
    if (!isValidUtf8(pieces[id]))
      broken(
          absl::StrCat("the piece with the id ", id, ", ", quote(pieces[id], 60), ", is no UTF-8"));
  }
  if (duplicates > 0)
    result.notes.push_back(absl::StrCat(
        path, ": ", duplicates, " pieces appear more than once, the first is ", firstDuplicate));
  if (pieces.empty()) {
    broken("holds no pieces");
    return;
  }
  const std::pair<const char *, const std::string &> required[] = {
      {"unk_token", vocabulary.unknownToken},
      {"cls_token", vocabulary.clsToken},
      {"sep_token", vocabulary.sepToken},
      {"pad_token", vocabulary.padToken}};
  for (auto &[key, token] : required)
    if (ids.find(token) == ids.end())
      broken(absl::StrCat("the piece ", quote(token, 60), " (", key, ") is missing"));
  if (auto pad = ids.find(vocabulary.padToken); pad != ids.end())
    result.padTokenId = static_cast<int64_t>(pad->second);
  int64_t size = static_cast<int64_t>(pieces.size());
  if (vocabSize > 0 && size > vocabSize)
    broken(absl::StrCat("found ", size, " pieces, expected at most the model's vocab_size of ",
                        vocabSize));
  else if (vocabSize > 0 && size < vocabSize)
    result.notes.push_back(absl::StrCat(path, ": has ", size, " pieces; the model's ",
                                        vocabSize - size, " further ids are never produced"));
}

VocabularyResult VocabularyLoader::load(int64_t vocabSize) {
  if (!chooseFile() || !readFile() || !readTokenizerConfig())
    return std::move(result);
  resolveRules();
  checkPieces(vocabSize);
  result.notes.push_back(
      absl::StrCat("tokenizer: WordPiece with ", vocabulary.pieces.size(), " pieces: ", path));
  result.vocabulary = std::move(vocabulary);
  return std::move(result);
}

VocabularyResult loadVocabulary(const Settings &settings, const std::string &directory,
                                int64_t vocabSize, Problems &problems) {
  return VocabularyLoader(settings, directory, problems).load(vocabSize);
}

} // namespace gem::checkpoint
