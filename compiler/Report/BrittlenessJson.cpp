// The report of an evaluation for machines.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/BrittlenessReport.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace gem {

using Json = nlohmann::ordered_json;

static constexpr int kSchemaVersion = 1;

static Json orNull(const std::optional<double> &value) {
  return value && std::isfinite(*value) ? Json(*value) : Json();
}
static Json orNull(const std::string &value) { return value.empty() ? Json() : Json(value); }
static Json orNull(int64_t value) { return value ? Json(value) : Json(); }
static Json orNull(const std::optional<Interval> &interval) {
  return interval ? Json{interval->low, interval->high} : Json();
}
static Json orNull(const std::optional<FlipsReport> &flips) {
  return flips ? Json{{"routed", flips->routed}, {"cluster", flips->cluster}, {"mask", flips->mask}}
               : Json();
}
static Json orNull(const std::optional<TransferSummary> &transfer) {
  return transfer ? Json{{"mean", transfer->mean},
                         {"mean_interval", orNull(transfer->meanInterval)},
                         {"min", transfer->minimum},
                         {"min_interval", orNull(transfer->minimumInterval)},
                         {"min_domain", orNull(transfer->minimumDomain)}}
                  : Json();
}

static Json toJson(const DomainScores &scores) {
  return {{"domain", orNull(scores.domain)},
          {"texts", scores.texts},
          {"labelled", scores.labelled},
          {"tokens", scores.tokens},
          {"score", orNull(scores.score)},
          {"score_interval", orNull(scores.scoreInterval)},
          {"accuracy", orNull(scores.accuracy)},
          {"macro_f1", orNull(scores.macroF1)},
          {"loss", orNull(scores.meanLoss)},
          {"calibration_error", orNull(scores.calibrationError)},
          {"agreement", orNull(scores.agreement)},
          {"kl", orNull(scores.divergence)},
          {"flips", orNull(scores.flips)},
          {"cdtr", orNull(scores.transferRatio)},
          {"cdtr_interval", orNull(scores.transferInterval)}};
}

static Json toJson(const ModelScores &model) {
  Json domains = Json::array();
  for (const DomainScores &scores : model.domains) {
    Json domain = toJson(scores);
    domain["dsi"] = orNull(scores.specializationIndex);
    domain["specialised"] = scores.isSpecialised;
    domain["unseen"] = scores.isUnseen;
    domains.push_back(std::move(domain));
  }
  Json figures = Json::object();
  for (const auto &[name, value] : figuresOf(model))
    figures[name] = value;
  return {{"name", model.name},
          {"path", orNull(model.path)},
          {"bytes", orNull(model.bytes)},
          {"bits_per_weight", orNull(model.bitsPerWeight)},
          {"macs_kept", orNull(model.macsKept)},
          {"memory_bytes", orNull(model.memoryBytes)},
          {"seconds", orNull(model.seconds)},
          {"overall", toJson(model.overall)},
          {"domains", std::move(domains)},
          {"dsi_max", orNull(model.specializationIndex)},
          {"dsi_max_domain", orNull(model.specializationDomain)},
          {"gg", orNull(model.generalizationGap)},
          {"gg_interval", orNull(model.gapInterval)},
          {"cdtr", orNull(model.transfer)},
          {"cdtr_unseen", orNull(model.transferUnseen)},
          {"figures", std::move(figures)}};
}

std::string renderBrittlenessJson(const BrittlenessReport &report) {
  Json root;
  root["schema_version"] = kSchemaVersion;
  root["kind"] = "brittleness_report";
  root["data"] = {
      {"path", report.data}, {"hash", orNull(report.dataHash)}, {"texts", report.texts}};
  root["score"] = keyOf(report.score);
  root["bootstrap"] = {
      {"seed", report.seed}, {"resamples", report.resamples}, {"confidence", 0.95}};
  root["labels"] = report.labels;
  root["baseline"] = report.hasBaseline() ? toJson(report.baseline) : Json();
  Json &models = root["models"] = Json::array();
  for (size_t i = 0; i < report.models.size(); ++i) {
    Json model = toJson(report.models[i]);
    Json &changes = model["route_changes"] = Json::array();
    if (i < report.routeChanges.size())
      for (const RouteChange &change : report.routeChanges[i])
        changes.push_back({{"token", change.token},
                           {"domain", orNull(change.domain)},
                           {"occurrences", change.occurrences},
                           {"changed", change.changed}});
    models.push_back(std::move(model));
  }
  // The baseline's comes first.
  if (!report.confusion.empty()) {
    size_t next = 0;
    if (report.hasBaseline())
      root["baseline"]["confusion"] = report.confusion[next++];
    for (Json &model : models)
      if (next < report.confusion.size())
        model["confusion"] = report.confusion[next++];
  }
  Json &definitions = root["definitions"] = Json::object();
  for (const MeasureDefinition &measure : measureDefinitions())
    definitions[measure.key] = measure.definition;
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace gem
