// Figures of brittleness as words.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessWords.h"
#include "compiler/Report/Figures.h"

#include "absl/strings/str_cat.h"

#include <cmath>

namespace gem::report {

bool has(const Figure &figure) { return figure && std::isfinite(*figure); }

bool has(const std::optional<Interval> &interval) {
  return interval && std::isfinite(interval->low) && std::isfinite(interval->high);
}

std::string number(const Figure &figure, int digits) {
  if (!has(figure))
    return "";
  std::string text = formatFixed(*figure, digits);
  // What rounds to zero has no sign.
  if (text[0] == '-' && text.find_first_not_of("-0.") == std::string::npos)
    text.erase(0, 1);
  return text;
}

std::string percent(const Figure &figure) { return has(figure) ? formatPercent(*figure) : ""; }

std::string nats(const Figure &figure) { return has(figure) ? formatNats(figure) : ""; }

std::string range(const std::optional<Interval> &interval) {
  return has(interval) ? absl::StrCat(number(interval->low), " to ", number(interval->high)) : "";
}

std::string nameOfDomain(const std::string &domain) {
  return domain.empty() ? "no domain" : domain;
}

const DomainScores *find(const ModelScores &model, const std::string &domain) {
  for (const DomainScores &scores : model.domains)
    if (scores.domain == domain)
      return &scores;
  return nullptr;
}

namespace {

/// The domain that kept least of its score, and the model.
struct Loss {
  const ModelScores *model = nullptr;
  const DomainScores *domain = nullptr;
};

Loss largestLoss(const BrittlenessReport &report) {
  for (bool withInterval : {true, false}) {
    Loss loss;
    for (const ModelScores &model : report.models)
      for (const DomainScores &domain : model.domains)
        if (has(domain.transferRatio) && (!withInterval || has(domain.transferInterval)) &&
            (!loss.domain || *domain.transferRatio < *loss.domain->transferRatio))
          loss = {&model, &domain};
    if (loss.domain)
      return loss;
  }
  return {};
}

Loss largestDivergence(const BrittlenessReport &report) {
  Loss loss;
  for (const ModelScores &model : report.models)
    for (const DomainScores &domain : model.domains)
      if (has(domain.divergence) && (!loss.domain || *domain.divergence > *loss.domain->divergence))
        loss = {&model, &domain};
  return loss;
}

} // namespace

const char *nameOf(ScoreKind score) {
  switch (score) {
  case ScoreKind::Accuracy:
    return "accuracy";
  case ScoreKind::MacroF1:
    return "macro-F1";
  case ScoreKind::Likelihood:
    return "likelihood";
  }
  return "score";
}

std::string headlineOf(const BrittlenessReport &report) {
  if (report.models.empty())
    return "";
  if (Loss loss = largestLoss(report); loss.domain) {
    const DomainScores &domain = *loss.domain;
    double ratio = *domain.transferRatio;
    std::string domainName = nameOfDomain(domain.domain);
    std::string text;
    if (ratio < 1)
      text = absl::StrCat(loss.model->name, " lost most in ", domainName, ": ",
                          formatPercent(ratio), " of the ", nameOf(report.score), " is left");
    else
      text = absl::StrCat("No domain lost ", nameOf(report.score), ". ", loss.model->name,
                          " kept least in ", domainName, ": ", formatPercent(ratio));
    const DomainScores *before = find(report.baseline, domain.domain);
    if (before && has(before->score) && has(domain.score))
      absl::StrAppend(&text, ", ", number(domain.score), " of ", number(before->score));
    if (has(domain.transferInterval)) {
      const Interval &interval = *domain.transferInterval;
      absl::StrAppend(&text, " (95 % interval ", formatPercent(interval.low), " to ",
                      formatPercent(interval.high), ")");
      if (ratio < 1 && interval.high >= 1)
        absl::StrAppend(&text, ", which may be chance");
    } else {
      absl::StrAppend(&text, "; ", formatPlural(domain.texts, "text"),
                      " are too few for an interval");
    }
    return text + ".";
  }
  if (Loss loss = largestDivergence(report); loss.domain)
    return absl::StrCat("There are no scores to compare. ", loss.model->name,
                        " differs most from the baseline in ", nameOfDomain(loss.domain->domain),
                        ": KL divergence ", formatNats(loss.domain->divergence),
                        has(loss.domain->agreement)
                            ? absl::StrCat(", the same answer for ",
                                           formatPercent(loss.domain->agreement), " of the texts")
                            : "",
                        ".");
  return "";
}

std::string htmlOfDefinitions(ScoreKind score, int64_t resamples, uint64_t seed) {
  static constexpr std::pair<const char *, const char *> kScores[] = {
      {"the share of its labelled texts that the model answers right", "accuracy"},
      {"the mean F1 of the classes that its labels have", "macro-F1"},
      {"exp(&minus;mean loss) over its texts, with the loss &minus;log p(label)", "likelihood"}};
  std::string bootstrap = "drawn again with replacement, the same texts of both models (paired "
                          "bootstrap, percentiles)";
  if (resamples > 0)
    absl::StrAppend(&bootstrap, ", ", formatCount(resamples), " times, seed ", seed);
  return absl::StrCat(
      "<section>\n<h2>What the figures are</h2>\n<dl class=\"defined\">\n"
      "<dt>Score, P<sub>d</sub></dt><dd>Of a domain d: ",
      kScores[static_cast<int>(score)].first, " (", kScores[static_cast<int>(score)].second,
      "). M is a compressed model, F the baseline, its uncompressed source.</dd>\n"
      "<dt>CDTR, Cross-Domain Transfer Ratio</dt><dd><code>CDTR_d = P_d(M) / P_d(F)</code>: what "
      "compression left of the score. 1 is ideal. Mean and lowest are over the specialised "
      "domains; unseen are those that the calibration texts do not have. Not defined where "
      "P_d(F) is 0.</dd>\n"
      "<dt>DSI, Domain Specialization Index</dt><dd><code>DSI_d = (P_d &minus; mean of the other "
      "domains' P) / P_d</code>: 0 is balanced, towards 1 a specialist. Not defined where P_d is "
      "0.</dd>\n"
      "<dt>GG, Generalization Gap</dt><dd><code>GG = mean P over the specialised domains &minus; "
      "mean P over all others</code>. 0 is ideal.</dd>\n"
      "<dt>Agreement and KL divergence</dt><dd>The share of texts with the same most likely class "
      "as the baseline's; and the mean of <code>KL(baseline || model)</code> over the classes, in "
      "nats.</dd>\n"
      "<dt>Routing flips</dt><dd>The share of tokens whose <i>routed</i>, and whose cluster, "
      "differ from the baseline's; and of pairs of tokens that only one of the two lets attend to "
      "each other (mask).</dd>\n"
      "<dt>Loss and ECE</dt><dd>The mean of &minus;log p(label), in nats; and the expected "
      "calibration error: how far confidence is from accuracy, in 15 bins of confidence, weighted "
      "by texts.</dd>\n"
      "<dt>Bits a weight</dt><dd>8 &times; bytes of the stored weights (scales, norms, biases, "
      "centroids and embeddings; not the tokenizer) / parameters of the uncompressed source. What "
      "pruning removes stays in the denominator.</dd>\n"
      "<dt>Time and memory</dt><dd>The median time of a text on the machine that made this page; "
      "weights, arena and session.</dd>\n"
      "<dt>Intervals</dt><dd>95 %: the middle of what the figure would be if the texts were ",
      bootstrap,
      ". They say how far the choice of these texts moves a figure, not whether the texts are the "
      "right ones. A domain with few texts has a wide interval: judge it by its lower "
      "end.</dd>\n</dl>\n</section>\n");
}

} // namespace gem::report
