// Runs a bundle on texts and compares what it gives with the uncompressed model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Evaluator.h"
#include "absl/strings/str_cat.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>
#include <thread>

using namespace gem;

namespace {

/// log(sum of exp), computed in f64.
template <typename Range> double logSumExp(const Range &values) {
  double largest = *std::max_element(values.begin(), values.end());
  double sum = 0;
  for (double value : values)
    sum += std::exp(value - largest);
  return largest + std::log(sum);
}

void logSoftmax(std::span<const float> logits, std::vector<double> &out) {
  double offset = logSumExp(logits);
  out.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    out[i] = logits[i] - offset;
}

/// The first of the largest.
template <typename Range> size_t argMax(const Range &values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

uint32_t decision(const TextResult &result, size_t token) {
  return 2 * static_cast<uint32_t>(result.cluster[token]) + (result.routed[token] != 0);
}

/// Whether tokens of these decisions may attend to each other.
bool mayAttend(uint32_t a, uint32_t b) {
  uint32_t different = a ^ b;
  return different <= 1 || (different & 1) == 0;
}

bool hasRoutingOf(const TextResult &result) {
  return !result.routed.empty() && !result.cluster.empty();
}

/// What of an outcome needs no baseline.
TextOutcome outcomeOf(const TextResult &result, const std::vector<double> &logProbs,
                      const std::optional<int32_t> &label) {
  TextOutcome outcome;
  if (logProbs.empty())
    return outcome;
  outcome.best = static_cast<int32_t>(argMax(result.logits));
  outcome.confidence = std::exp(logProbs[outcome.best]);
  if (label)
    outcome.loss = static_cast<size_t>(*label) < logProbs.size()
                       ? -logProbs[*label]
                       : std::numeric_limits<double>::infinity();
  return outcome;
}

/// Keeps the distribution of text `text`.
void keep(Baseline &baseline, size_t text, const std::vector<double> &logProbs) {
  size_t numKept = baseline.numKept();
  auto to = baseline.logProbs.begin() + text * numKept;
  if (baseline.keepsAll()) {
    std::copy(logProbs.begin(), logProbs.end(), to);
    return;
  }
  std::vector<int32_t> order(logProbs.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + numKept, order.end(), [&](int32_t a, int32_t b) {
    return logProbs[a] != logProbs[b] ? logProbs[a] > logProbs[b] : a < b;
  });
  // In the order of classes: partial_sort leaves the others in any.
  std::sort(order.begin() + numKept, order.end());
  std::vector<double> rest;
  for (size_t i = numKept; i < order.size(); ++i)
    rest.push_back(logProbs[order[i]]);
  for (size_t i = 0; i < numKept; ++i) {
    to[i] = static_cast<float>(logProbs[order[i]]);
    baseline.keptClasses[text * numKept + i] = order[i];
  }
  baseline.logRest[text] = static_cast<float>(logSumExp(rest));
}

/// KL(baseline || candidate) of a text.
double divergenceOf(const Baseline &baseline, size_t text, const std::vector<double> &logProbs) {
  size_t numKept = baseline.numKept();
  std::span<const float> expected = std::span(baseline.logProbs).subspan(text * numKept, numKept);
  double divergence = 0;
  auto add = [&](double p, double q) {
    double mass = std::exp(p);
    if (mass > 0) // 0 log 0 = 0
      divergence += mass * (p - q);
  };
  if (baseline.keepsAll()) {
    for (size_t i = 0; i < numKept; ++i)
      add(expected[i], logProbs[i]);
  } else {
    std::vector<bool> isKept(logProbs.size());
    for (size_t i = 0; i < numKept; ++i) {
      int32_t kept = baseline.keptClasses[text * numKept + i];
      add(expected[i], logProbs[kept]);
      isKept[kept] = true;
    }
    std::vector<double> rest;
    for (size_t i = 0; i < logProbs.size(); ++i)
      if (!isKept[i])
        rest.push_back(logProbs[i]);
    add(baseline.logRest[text], logSumExp(rest));
  }
  // Rounding of the baseline to f32 could take it below.
  return std::max(divergence, 0.0);
}

int32_t bestOf(const Baseline &baseline, size_t text) {
  size_t numKept = baseline.numKept();
  return baseline.keepsAll() ? static_cast<int32_t>(argMax(
                                   std::span(baseline.logProbs).subspan(text * numKept, numKept)))
                             : baseline.keptClasses[text * numKept];
}

} // namespace

//===----------------------------------------------------------------------===//
// BundleRunner
//===----------------------------------------------------------------------===//

absl::StatusOr<std::unique_ptr<BundleRunner>> BundleRunner::open(const std::string &path,
                                                                 const Options &options) {
  std::unique_ptr<BundleRunner> runner(new BundleRunner);
  gem_error_t error;
  gem_bundle_t *bundle = nullptr;
  if (auto status = toStatus(gem_bundle_open(path.c_str(), nullptr, &bundle, &error), error);
      !status.ok())
    return status;
  runner->bundle.reset(bundle);
  if (absl::Status status = runner->start(options); !status.ok())
    return status;
  return runner;
}

absl::StatusOr<std::unique_ptr<BundleRunner>> BundleRunner::openMemory(std::span<const char> data,
                                                                       const Options &options) {
  std::unique_ptr<BundleRunner> runner(new BundleRunner);
  gem_error_t error;
  gem_bundle_t *bundle = nullptr;
  if (auto status = toStatus(
          gem_bundle_open_memory(data.data(), data.size(), nullptr, &bundle, &error), error);
      !status.ok())
    return status;
  runner->bundle.reset(bundle);
  if (absl::Status status = runner->start(options); !status.ok())
    return status;
  return runner;
}

absl::Status BundleRunner::start(const Options &options) {
  unsigned threads = std::max(options.threads, 1u);
  auto create = [&](uint32_t threadCount) {
    gem_session_options_t sessionOptions;
    gem_session_options_init(&sessionOptions);
    sessionOptions.thread_count = threadCount;
    sessionOptions.variant = options.variant;
    if (!options.cpu.empty())
      sessionOptions.cpu = options.cpu.c_str();
    gem_error_t error;
    gem_session_t *session = nullptr;
    absl::Status status =
        toStatus(gem_session_create(bundle.get(), &sessionOptions, &session, &error), error);
    if (status.ok())
      sessions.emplace_back(session);
    return status;
  };
  if (absl::Status status = create(1); !status.ok())
    return status;
  if (getSessionInfo().session_bytes > options.smallSessionBytes && threads > 1) {
    sessions.clear();
    return create(threads);
  }
  while (sessions.size() < threads)
    if (absl::Status status = create(1); !status.ok())
      return status;
  return absl::OkStatus();
}

gem_session_info_t BundleRunner::getSessionInfo() const {
  gem_session_info_t info{};
  info.struct_size = sizeof(info);
  gem_session_info(sessions.front().get(), &info);
  return info;
}

absl::StatusOr<TokenizedTexts>
BundleRunner::tokenize(const std::vector<CalibrationText> &texts) const {
  absl::StatusOr<TextTokenizer> tokenizer = TextTokenizer::open(bundle.get());
  if (!tokenizer.ok())
    return tokenizer.status();
  return tokenizeTexts(*tokenizer, texts);
}

absl::StatusOr<TextResult> BundleRunner::run(std::span<const int32_t> ids) {
  return runIn(sessions.front().get(), ids);
}

absl::StatusOr<TextResult> BundleRunner::runIn(gem_session_t *session,
                                               std::span<const int32_t> ids) const {
  gem_error_t error;
  auto start = std::chrono::steady_clock::now();
  gem_status_t status = gem_session_run_tokens(session, ids.data(), ids.size(), &error);
  std::chrono::duration<double> duration = std::chrono::steady_clock::now() - start;
  if (status != GEM_STATUS_OK)
    return toStatus(status, error);
  TextResult result;
  result.seconds = duration.count();
  gem_tensor_t tensor;
  auto has = [&](gem_role_t role, gem_element_type_t type) {
    return gem_session_output_by_role(session, role, &tensor, &error) == GEM_STATUS_OK &&
           tensor.element_type == type;
  };
  if (has(GEM_ROLE_LOGITS, GEM_ELEMENT_F32))
    result.logits = {static_cast<const float *>(tensor.data), tensor.size / sizeof(float)};
  if (has(GEM_ROLE_ROUTED, GEM_ELEMENT_U8) && tensor.size >= ids.size())
    result.routed = {static_cast<const uint8_t *>(tensor.data), ids.size()};
  if (has(GEM_ROLE_CLUSTER, GEM_ELEMENT_I32) && tensor.size >= ids.size_bytes())
    result.cluster = {static_cast<const int32_t *>(tensor.data), ids.size()};
  return result;
}

absl::Status
BundleRunner::runAll(const TokenizedTexts &texts,
                     absl::FunctionRef<absl::Status(size_t, const TextResult &)> consume,
                     const EvaluationProgress &progress) {
  std::atomic<size_t> next{0};
  std::atomic<bool> stop{false};
  std::mutex mutex; // Of the two below.
  absl::Status failure;
  size_t done = 0;
  auto work = [&](gem_session_t *session) {
    for (size_t text = next++; text < texts.size() && !stop; text = next++) {
      absl::StatusOr<TextResult> result = runIn(session, texts.text(text));
      absl::Status status = result.ok() ? consume(text, *result) : result.status();
      if (status.ok() && !progress)
        continue;
      std::lock_guard lock(mutex);
      if (!status.ok()) {
        failure.Update(status);
        stop = true;
      } else {
        progress(++done, texts.size());
      }
    }
  };
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < sessions.size() && i < texts.size(); ++i)
    helpers.emplace_back(work, sessions[i].get());
  work(sessions.front().get());
  for (std::thread &helper : helpers)
    helper.join();
  return failure;
}

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

absl::StatusOr<Baseline> Baseline::compute(BundleRunner &runner, const TokenizedTexts &texts,
                                           const EvaluationProgress &progress, size_t mostKept) {
  Baseline baseline;
  baseline.mostKept = mostKept;
  if (texts.size() == 0)
    return absl::InvalidArgumentError("there are no texts to evaluate on");
  absl::StatusOr<TextResult> first = runner.run(texts.text(0));
  if (!first.ok())
    return first.status();
  baseline.numClasses = first->logits.size();
  baseline.hasRouting = hasRoutingOf(*first);
  if (!baseline.numClasses && !baseline.hasRouting)
    return absl::InvalidArgumentError(
        "the model has neither logits nor routing to compare: expected an output of role logits, "
        "or of roles routed and cluster");
  size_t numKept = baseline.numKept(), numListed = baseline.keepsAll() ? 0 : texts.size();
  baseline.logProbs.resize(texts.size() * numKept);
  baseline.keptClasses.resize(numListed * numKept);
  baseline.logRest.resize(numListed);
  baseline.decisions.resize(baseline.hasRouting ? texts.ids.size() : 0);
  baseline.texts.resize(texts.size());
  absl::Status status = runner.runAll(
      texts,
      [&](size_t text, const TextResult &result) {
        std::vector<double> logProbs;
        if (baseline.numClasses) {
          logSoftmax(result.logits, logProbs);
          keep(baseline, text, logProbs);
        }
        baseline.texts[text] = outcomeOf(result, logProbs, texts.labels[text]);
        if (baseline.hasRouting) {
          size_t begin = texts.ends[text] - result.routed.size();
          for (size_t token = 0; token < result.routed.size(); ++token)
            baseline.decisions[begin + token] = decision(result, token);
        }
        return absl::OkStatus();
      },
      progress);
  if (!status.ok())
    return status;
  return baseline;
}

const ComparisonFigures &Comparison::worst() const {
  return *std::max_element(domains.begin(), domains.end(),
                           [](const ComparisonFigures &a, const ComparisonFigures &b) {
                             return a.meanDivergence() < b.meanDivergence();
                           });
}

absl::StatusOr<Comparison> gem::compare(BundleRunner &candidate, const Baseline &baseline,
                                        const TokenizedTexts &texts,
                                        const EvaluationProgress &progress) {
  return compare(candidate, baseline, texts, texts, std::vector<bool>(texts.size(), true),
                 progress);
}

absl::StatusOr<Comparison> gem::compare(BundleRunner &candidate, const Baseline &baseline,
                                        const TokenizedTexts &texts, const TokenizedTexts &own,
                                        const std::vector<bool> &sameTokens,
                                        const EvaluationProgress &progress) {
  size_t numClasses = baseline.numClasses;
  if (baseline.logProbs.size() != texts.size() * baseline.numKept() ||
      (baseline.hasRouting && baseline.decisions.size() != texts.ids.size()) ||
      own.size() != texts.size() || sameTokens.size() != texts.size())
    return absl::InvalidArgumentError("expected the texts of the baseline, but got others");
  Comparison comparison;
  comparison.hasLogits = numClasses != 0;
  comparison.hasRouting = baseline.hasRouting;
  comparison.texts.resize(texts.size());
  comparison.changes.resize(baseline.hasRouting ? texts.ids.size() : 0);
  auto compareRouting = [&](size_t text, const TextResult &result, TextOutcome &out) {
    size_t count = result.routed.size(), begin = texts.ends[text] - count;
    std::span<const uint32_t> expected = std::span(baseline.decisions).subspan(begin, count);
    std::vector<uint32_t> decisions(count);
    out.tokens = static_cast<int64_t>(count);
    for (size_t i = 0; i < count; ++i) {
      decisions[i] = decision(result, i);
      uint32_t different = decisions[i] ^ expected[i];
      out.routedFlips += different & 1;
      out.clusterFlips += different > 1;
      comparison.changes[begin + i] =
          (different & 1 ? kRoutedChanged : 0) | (different > 1 ? kClusterChanged : 0);
      for (size_t j = 0; j < i; ++j)
        out.maskFlips +=
            2 * (mayAttend(decisions[i], decisions[j]) != mayAttend(expected[i], expected[j]));
    }
  };
  absl::Status status = candidate.runAll(
      own,
      [&](size_t text, const TextResult &result) -> absl::Status {
        if (result.logits.size() != numClasses)
          return absl::InvalidArgumentError(absl::StrCat("expected ", numClasses,
                                                         " logits as the baseline has, but got ",
                                                         result.logits.size()));
        if (baseline.hasRouting && !hasRoutingOf(result))
          return absl::InvalidArgumentError(
              "expected outputs of roles routed and cluster as the baseline has, but got none");
        std::vector<double> logProbs;
        if (numClasses)
          logSoftmax(result.logits, logProbs);
        TextOutcome &out = comparison.texts[text];
        out = outcomeOf(result, logProbs, texts.labels[text]);
        if (numClasses) {
          out.divergence = divergenceOf(baseline, text, logProbs);
          out.agrees = out.best == bestOf(baseline, text);
        }
        if (baseline.hasRouting && sameTokens[text])
          compareRouting(text, result, out);
        return absl::OkStatus();
      },
      progress);
  if (!status.ok())
    return status;

  for (const std::string &domain : texts.domains)
    comparison.domains.emplace_back().domain = domain;
  for (size_t text = 0; text < texts.size(); ++text) {
    const TextOutcome &from = comparison.texts[text];
    const std::optional<int32_t> &label = texts.labels[text];
    comparison.divergenceOfText.push_back(from.divergence);
    for (ComparisonFigures *to : {&comparison.domains[texts.domainOfText[text]], &comparison.all}) {
      ++to->texts;
      to->tokens += from.tokens;
      to->agreeing += from.agrees;
      to->divergence += from.divergence;
      to->labelled += label.has_value();
      to->correct += label && numClasses && from.best == *label;
      to->baselineCorrect += label && numClasses && bestOf(baseline, text) == *label;
      to->routedFlips += from.routedFlips;
      to->clusterFlips += from.clusterFlips;
      to->maskEntries += from.tokens * from.tokens;
      to->maskFlips += from.maskFlips;
    }
  }
  return comparison;
}
