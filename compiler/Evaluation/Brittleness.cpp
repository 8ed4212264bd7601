// Evaluates bundles on texts: scores by domain, and what compression cost each.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Brittleness.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/schema/Preamble.h"
#include "runtime/schema/generated/gem_bundle_generated.h"
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <numeric>

using namespace gem;

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

std::vector<std::string> gem::domainsOf(const std::vector<CalibrationText> &texts) {
  std::vector<std::string> domains;
  for (const CalibrationText &text : texts)
    domains.push_back(text.domain);
  std::sort(domains.begin(), domains.end());
  domains.erase(std::unique(domains.begin(), domains.end()), domains.end());
  return domains;
}

/// The domain, as messages name it.
static std::string quote(const std::string &domain) {
  return domain.empty() ? "texts without a domain" : absl::StrCat("'", domain, "'");
}

/// Insertions, deletions and replacements of bytes (Levenshtein).
static size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = std::exchange(row[j + 1], std::min({row[j + 1] + 1, row[j] + 1, replaced}));
    }
  }
  return row.back();
}

//===----------------------------------------------------------------------===//
// Facts of a file
//===----------------------------------------------------------------------===//

absl::StatusOr<ModelScores> gem::describeBundle(const std::string &path,
                                                const BundleRunner &runner) {
  gem_bundle_info_t info{};
  info.struct_size = sizeof(info);
  gem_bundle_info(runner.getBundle(), &info);
  // The runtime, which verified the file, does not tell the segments apart.
  std::ifstream file(path, std::ios::binary);
  std::vector<uint8_t> bytes(kPreambleSize);
  file.read(reinterpret_cast<char *>(bytes.data()), bytes.size());
  size_t programSize = file ? LoadLittleEndian(bytes.data() + kOffsetProgramSize, 4) : 0;
  bytes.resize(std::min<size_t>(programSize, kMaxProgramSize));
  file.read(reinterpret_cast<char *>(bytes.data()), bytes.size());
  if (!file)
    return absl::UnavailableError(absl::StrCat("reading '", path, "' failed"));
  flatbuffers::Verifier verifier(bytes.data(), bytes.size(), 64, 1 << 24);
  if (!schema::VerifyBundleBuffer(verifier))
    return absl::DataLossError(absl::StrCat("'", path, "' changed while it was read"));
  int64_t weights = 0;
  for (const schema::Segment *segment : *schema::GetBundle(bytes.data())->segments())
    if (segment->kind() == schema::SegmentKind::WEIGHTS)
      weights += static_cast<int64_t>(segment->length());

  ModelScores facts;
  facts.path = path;
  facts.name = path.substr(path.find_last_of('/') + 1);
  facts.bytes = static_cast<int64_t>(info.file_size);
  if (info.parameters)
    facts.bitsPerWeight = 8.0 * static_cast<double>(weights) / static_cast<double>(info.parameters);
  facts.memoryBytes = weights + static_cast<int64_t>(runner.getSessionInfo().session_bytes);
  return facts;
}

//===----------------------------------------------------------------------===//
// The evaluator
//===----------------------------------------------------------------------===//

absl::StatusOr<BrittlenessEvaluator> BrittlenessEvaluator::create(EvaluationData data,
                                                                  BrittlenessOptions options) {
  BrittlenessEvaluator evaluator;
  evaluator.data = std::move(data);
  evaluator.options = std::move(options);
  TextGroups &groups = evaluator.groups;
  groups.domains = domainsOf(evaluator.data.texts);
  for (const CalibrationText &text : evaluator.data.texts) {
    auto domain = std::lower_bound(groups.domains.begin(), groups.domains.end(), text.domain);
    groups.domainOfText.push_back(domain - groups.domains.begin());
    groups.labels.push_back(text.label);
    evaluator.numLabelled += text.label.has_value();
  }
  if (absl::Status status = evaluator.checkTexts(); !status.ok())
    return status;
  if (absl::Status status = evaluator.chooseDomains(); !status.ok())
    return status;
  return evaluator;
}

absl::Status BrittlenessEvaluator::checkTexts() const {
  if (data.texts.empty())
    return absl::InvalidArgumentError(absl::StrCat("'", data.path, "' holds no texts"));
  if (options.requireScores && !numLabelled)
    return absl::FailedPreconditionError(
        absl::StrCat("expected texts with a \"label\", which scores need, but none of the ",
                     data.texts.size(), " of '", data.path, "' has one"));
  std::vector<int64_t> counts(groups.domains.size());
  for (size_t text = 0; text < data.texts.size(); ++text)
    counts[groups.domainOfText[text]] += !numLabelled || groups.labels[text];
  std::vector<std::string> few;
  for (size_t domain = 0; domain < counts.size(); ++domain)
    if (counts[domain] < options.minimumTexts)
      few.push_back(absl::StrCat(counts[domain], " of ", quote(groups.domains[domain])));
  if (few.empty())
    return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "too few texts to conclude anything: expected at least ", options.minimumTexts,
      numLabelled ? " labelled" : "", " texts of every domain, but '", data.path, "' has ",
      absl::StrJoin(few, ", "), "; add texts, leave the domain out, or lower --min-texts"));
}

absl::Status BrittlenessEvaluator::chooseDomains() {
  const std::vector<std::string> &domains = groups.domains;
  auto contains = [](const std::vector<std::string> &list, const std::string &domain) {
    return std::find(list.begin(), list.end(), domain) != list.end();
  };
  for (const std::string &name : options.specialised) {
    if (contains(domains, name))
      continue;
    const std::string &nearest = *std::min_element(
        domains.begin(), domains.end(), [&](const std::string &a, const std::string &b) {
          return editDistance(name, a) < editDistance(name, b);
        });
    std::vector<std::string> quoted;
    for (const std::string &domain : domains)
      quoted.push_back(quote(domain));
    return absl::InvalidArgumentError(absl::StrCat("unknown domain '", name, "'; did you mean ",
                                                   quote(nearest), "? '", data.path, "' has ",
                                                   absl::StrJoin(quoted, ", ")));
  }
  const auto &calibration = options.calibrationDomains;
  for (const std::string &domain : domains) {
    groups.isSpecialised.push_back(!options.specialised.empty()
                                       ? contains(options.specialised, domain)
                                       : !calibration || contains(*calibration, domain));
    groups.isUnseen.push_back(calibration && !contains(*calibration, domain));
  }
  return absl::OkStatus();
}

absl::Status BrittlenessEvaluator::checkClasses(BundleRunner &runner,
                                                const TokenizedTexts &tokenized) const {
  absl::StatusOr<TextResult> first = runner.run(tokenized.text(0));
  if (!first.ok())
    return first.status();
  size_t numClasses = first->logits.size();
  if (!numClasses)
    return absl::InvalidArgumentError(
        "expected a classifier, but the model has no output of role logits");
  for (size_t text = 0; text < data.texts.size(); ++text)
    if (groups.labels[text] && static_cast<size_t>(*groups.labels[text]) >= numClasses)
      return absl::InvalidArgumentError(
          absl::StrCat("expected labels from 0 to ", numClasses - 1, ", the model's classes, but ",
                       "text ", text + 1, " of '", data.path, "' has ", *groups.labels[text]));
  return absl::OkStatus();
}

namespace {

/// The texts as a model reads them.
struct ReadTexts {
  TokenizedTexts tokenized;
  std::vector<std::string> pieces; ///< By id.
  std::vector<int64_t> counts;     ///< Tokens of each text.
};

absl::StatusOr<ReadTexts> readBy(const BundleRunner &runner,
                                 const std::vector<CalibrationText> &texts) {
  absl::StatusOr<TextTokenizer> tokenizer = TextTokenizer::open(runner.getBundle());
  if (!tokenizer.ok())
    return tokenizer.status();
  absl::StatusOr<TokenizedTexts> tokenized = tokenizeTexts(*tokenizer, texts);
  if (!tokenized.ok())
    return tokenized.status();
  ReadTexts result{*std::move(tokenized), {}, {}};
  for (uint32_t id = 0; id < tokenizer->vocabularySize(); ++id)
    result.pieces.emplace_back(tokenizer->piece(static_cast<int32_t>(id)));
  for (size_t text = 0; text < texts.size(); ++text)
    result.counts.push_back(static_cast<int64_t>(result.tokenized.text(text).size()));
  return result;
}

/// Sets `facts.seconds` to the median over some texts, run alone: all sessions at once wait for
/// memory and for each other. Not set where no session has one thread.
absl::Status measureLatency(BundleRunner &runner, const TokenizedTexts &texts, ModelScores &facts) {
  constexpr size_t kFewest = 5, kMost = 200;
  constexpr double kEnough = 0.25; // Seconds.
  if (runner.getSessionInfo().thread_count != 1)
    return absl::OkStatus();
  std::vector<double> seconds;
  double sum = 0, position = 0;
  for (size_t i = 0; i < std::min(kMost, texts.size()) && (i < kFewest || sum < kEnough); ++i) {
    // Multiples of the golden ratio: spread evenly over the texts wherever it ends.
    position += 0.6180339887498949;
    position -= std::floor(position);
    size_t text = static_cast<size_t>(position * static_cast<double>(texts.size()));
    absl::StatusOr<TextResult> result = runner.run(texts.text(text));
    if (!result.ok())
      return result.status();
    seconds.push_back(result->seconds);
    sum += result->seconds;
  }
  auto middle = seconds.begin() + seconds.size() / 2;
  std::nth_element(seconds.begin(), middle, seconds.end());
  facts.seconds = *middle;
  return absl::OkStatus();
}

std::vector<std::string> labelsOf(const gem_bundle_t *bundle) {
  std::vector<std::string> labels;
  while (const char *label = gem_bundle_label(bundle, labels.size()))
    labels.emplace_back(label);
  return labels;
}

} // namespace

absl::Status BrittlenessEvaluator::setBaseline(BundleRunner &runner, ModelScores facts,
                                               const EvaluationProgress &progress) {
  if (hasBaseline || !models.empty())
    return absl::FailedPreconditionError("the baseline is set once, before any model is added");
  absl::StatusOr<ReadTexts> read = readBy(runner, data.texts);
  if (!read.ok())
    return read.status();
  if (absl::Status status = checkClasses(runner, read->tokenized); !status.ok())
    return status;
  absl::StatusOr<Baseline> computed = Baseline::compute(runner, read->tokenized, progress);
  if (!computed.ok())
    return computed.status();
  baseline = *std::move(computed);
  baselineOutcomes.facts = std::move(facts);
  baselineOutcomes.texts = baseline.texts;
  baselineOutcomes.tokens = std::move(read->counts);
  baselineOutcomes.numClasses = baseline.numClasses;
  if (absl::Status status = measureLatency(runner, read->tokenized, baselineOutcomes.facts);
      !status.ok())
    return status;
  baselineTexts = std::move(read->tokenized);
  pieces = std::move(read->pieces);
  labels = labelsOf(runner.getBundle());
  hasBaseline = true;
  return absl::OkStatus();
}

absl::Status BrittlenessEvaluator::addModel(BundleRunner &runner, ModelScores facts,
                                            const EvaluationProgress &progress) {
  absl::StatusOr<ReadTexts> read = readBy(runner, data.texts);
  if (!read.ok())
    return read.status();
  if (absl::Status status = checkClasses(runner, read->tokenized); !status.ok())
    return status;
  ModelOutcomes outcomes;
  outcomes.facts = std::move(facts);
  if (absl::Status status = measureLatency(runner, read->tokenized, outcomes.facts); !status.ok())
    return status;
  outcomes.tokens = std::move(read->counts);
  if (!hasBaseline) {
    absl::StatusOr<Baseline> alone = Baseline::compute(runner, read->tokenized, progress);
    if (!alone.ok())
      return alone.status();
    outcomes.texts = std::move(alone->texts);
    outcomes.numClasses = alone->numClasses;
  } else {
    std::vector<bool> sameTokens;
    auto isSame = [&](int32_t own, int32_t other) { return read->pieces[own] == pieces[other]; };
    for (size_t text = 0; text < data.texts.size(); ++text) {
      std::span<const int32_t> own = read->tokenized.text(text), other = baselineTexts.text(text);
      sameTokens.push_back(std::equal(own.begin(), own.end(), other.begin(), other.end(), isSame));
    }
    absl::StatusOr<Comparison> comparison =
        compare(runner, baseline, baselineTexts, read->tokenized, sameTokens, progress);
    if (!comparison.ok())
      return comparison.status();
    outcomes.texts = std::move(comparison->texts);
    outcomes.numClasses = baseline.numClasses;
    outcomes.hasRouting = comparison->hasRouting;
    if (comparison->hasRouting)
      countRouteChanges(comparison->changes, outcomes);
  }
  models.push_back(std::move(outcomes));
  if (labels.empty())
    labels = labelsOf(runner.getBundle());
  return absl::OkStatus();
}

void BrittlenessEvaluator::countRouteChanges(const std::vector<uint8_t> &changes,
                                             ModelOutcomes &outcomes) const {
  struct Counts {
    int64_t occurrences = 0, changed = 0;
    std::map<uint32_t, int64_t> changedOf; ///< By domain.
  };
  std::map<std::string_view, Counts> countsOf;
  for (size_t text = 0; text < data.texts.size(); ++text) {
    if (!outcomes.texts[text].tokens)
      continue;
    for (size_t i = text ? baselineTexts.ends[text - 1] : 0; i < baselineTexts.ends[text]; ++i) {
      Counts &counts = countsOf[pieces[baselineTexts.ids[i]]];
      ++counts.occurrences;
      if (changes[i]) {
        ++counts.changed;
        ++counts.changedOf[groups.domainOfText[text]];
      }
    }
  }
  for (const auto &[piece, counts] : countsOf) {
    if (!counts.changed)
      continue;
    auto most = std::max_element(counts.changedOf.begin(), counts.changedOf.end(),
                                 [](const auto &a, const auto &b) { return a.second < b.second; });
    outcomes.routeChanges.push_back(
        {std::string(piece), groups.domains[most->first], counts.occurrences, counts.changed});
  }
  // Those that changed as often: the rarer token first, whose share is larger.
  std::stable_sort(outcomes.routeChanges.begin(), outcomes.routeChanges.end(),
                   [](const RouteChange &a, const RouteChange &b) {
                     return a.changed != b.changed ? a.changed > b.changed
                                                   : a.occurrences < b.occurrences;
                   });
  if (outcomes.routeChanges.size() > options.mostRouteChanges)
    outcomes.routeChanges.resize(options.mostRouteChanges);
}

BrittlenessReport BrittlenessEvaluator::getReport() const {
  BrittlenessReport report =
      measureBrittleness(groups, hasBaseline ? &baselineOutcomes : nullptr, models, options);
  report.data = data.path;
  report.dataHash = data.hash;
  report.labels = labels;
  return report;
}
