// Runs a bundle on texts and compares what it gives with the uncompressed model.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Evaluation/Evaluator.h"
#include "absl/strings/str_cat.h"
#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>

using namespace gem;

namespace {

/// log softmax, computed in f64.
void logSoftmax(std::span<const float> logits, std::vector<double> &out) {
  double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits)
    sum += std::exp(logit - largest);
  double offset = largest + std::log(sum);
  out.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    out[i] = logits[i] - offset;
}

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

/// What one text adds to the figures.
struct TextFigures {
  double divergence = 0;
  bool agrees = false, correct = false, baselineCorrect = false;
  int64_t routedFlips = 0, clusterFlips = 0, maskFlips = 0;
};

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
  gem_session_info_t info{};
  info.struct_size = sizeof(info);
  gem_session_info(sessions.front().get(), &info);
  if (info.session_bytes > options.smallSessionBytes && threads > 1) {
    sessions.clear();
    return create(threads);
  }
  while (sessions.size() < threads)
    if (absl::Status status = create(1); !status.ok())
      return status;
  return absl::OkStatus();
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
  gem_status_t status = gem_session_run_tokens(session, ids.data(), ids.size(), &error);
  if (status != GEM_STATUS_OK)
    return toStatus(status, error);
  TextResult result;
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
                                           const EvaluationProgress &progress) {
  Baseline baseline;
  if (texts.size() == 0)
    return absl::InvalidArgumentError("there are no texts to evaluate on");
  absl::StatusOr<TextResult> first = runner.run(texts.text(0));
  if (!first.ok())
    return first.status();
  baseline.numClasses = first->logits.size();
  baseline.hasRouting = !first->routed.empty() && !first->cluster.empty();
  if (!baseline.numClasses && !baseline.hasRouting)
    return absl::InvalidArgumentError(
        "the model has neither logits nor routing to compare: expected an output of role logits, "
        "or of roles routed and cluster");
  baseline.logProbs.resize(texts.size() * baseline.numClasses);
  baseline.decisions.resize(baseline.hasRouting ? texts.ids.size() : 0);
  absl::Status status = runner.runAll(
      texts,
      [&](size_t text, const TextResult &result) {
        if (baseline.numClasses) {
          std::vector<double> logProbs;
          logSoftmax(result.logits, logProbs);
          std::copy(logProbs.begin(), logProbs.end(),
                    baseline.logProbs.begin() + text * baseline.numClasses);
        }
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
  size_t numClasses = baseline.numClasses;
  if (baseline.logProbs.size() != texts.size() * numClasses ||
      (baseline.hasRouting && baseline.decisions.size() != texts.ids.size()))
    return absl::InvalidArgumentError("expected the texts of the baseline, but got others");
  std::vector<TextFigures> figures(texts.size());
  auto compareLogits = [&](size_t text, const TextResult &result) {
    std::span<const float> expected =
        std::span(baseline.logProbs).subspan(text * numClasses, numClasses);
    std::vector<double> logProbs;
    logSoftmax(result.logits, logProbs);
    TextFigures &out = figures[text];
    for (size_t i = 0; i < numClasses; ++i)
      out.divergence += std::exp(static_cast<double>(expected[i])) * (expected[i] - logProbs[i]);
    // Rounding of the baseline to f32 could take it below.
    out.divergence = std::max(out.divergence, 0.0);
    size_t best = argMax(result.logits), expectedBest = argMax(expected);
    out.agrees = best == expectedBest;
    if (texts.labels[text]) {
      out.correct = best == static_cast<size_t>(*texts.labels[text]);
      out.baselineCorrect = expectedBest == static_cast<size_t>(*texts.labels[text]);
    }
  };
  auto compareRouting = [&](size_t text, const TextResult &result) {
    size_t count = result.routed.size();
    std::span<const uint32_t> expected =
        std::span(baseline.decisions).subspan(texts.ends[text] - count, count);
    std::vector<uint32_t> decisions(count);
    TextFigures &out = figures[text];
    for (size_t i = 0; i < count; ++i) {
      decisions[i] = decision(result, i);
      uint32_t different = decisions[i] ^ expected[i];
      out.routedFlips += different & 1;
      out.clusterFlips += different > 1;
      for (size_t j = 0; j < i; ++j)
        out.maskFlips +=
            2 * (mayAttend(decisions[i], decisions[j]) != mayAttend(expected[i], expected[j]));
    }
  };
  absl::Status status = candidate.runAll(
      texts,
      [&](size_t text, const TextResult &result) -> absl::Status {
        if (result.logits.size() != numClasses)
          return absl::InvalidArgumentError(absl::StrCat("expected ", numClasses,
                                                         " logits as the baseline has, but got ",
                                                         result.logits.size()));
        bool hasRouting = !result.routed.empty() && !result.cluster.empty();
        if (baseline.hasRouting && !hasRouting)
          return absl::InvalidArgumentError(
              "expected outputs of roles routed and cluster as the baseline has, but got none");
        if (numClasses)
          compareLogits(text, result);
        if (baseline.hasRouting)
          compareRouting(text, result);
        return absl::OkStatus();
      },
      progress);
  if (!status.ok())
    return status;

  Comparison comparison;
  comparison.hasLogits = numClasses != 0;
  comparison.hasRouting = baseline.hasRouting;
  for (const std::string &domain : texts.domains)
    comparison.domains.emplace_back().domain = domain;
  for (size_t text = 0; text < texts.size(); ++text) {
    const TextFigures &from = figures[text];
    int64_t tokens = static_cast<int64_t>(texts.text(text).size());
    comparison.divergenceOfText.push_back(from.divergence);
    for (ComparisonFigures *to : {&comparison.domains[texts.domainOfText[text]], &comparison.all}) {
      ++to->texts;
      to->tokens += tokens;
      to->agreeing += from.agrees;
      to->divergence += from.divergence;
      to->labelled += texts.labels[text].has_value();
      to->correct += from.correct;
      to->baselineCorrect += from.baselineCorrect;
      to->routedFlips += from.routedFlips;
      to->clusterFlips += from.clusterFlips;
      to->maskEntries += tokens * tokens;
      to->maskFlips += from.maskFlips;
    }
  }
  return comparison;
}
