// Tests the compile report in its four kinds.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/Report/CompileReport.h"
#include "compiler/Report/Figures.h"
#include "test/compiler/report/HtmlChecks.h"
#include "test/compiler/report/SampleReports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

namespace gem {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string render(ReportKind kind, bool verbose = true, bool color = false) {
  return renderReport(sample(), kind, verbose, color);
}

//===----------------------------------------------------------------------===//
// Figures
//===----------------------------------------------------------------------===//

TEST(FiguresTest, BytesHaveThreeDigits) {
  EXPECT_EQ(report::formatBytes(0), "0 B");
  EXPECT_EQ(report::formatBytes(999), "999 B");
  EXPECT_EQ(report::formatBytes(1000), "1.00 kB");
  EXPECT_EQ(report::formatBytes(9'994), "9.99 kB");
  EXPECT_EQ(report::formatBytes(9'995), "10.0 kB");
  EXPECT_EQ(report::formatBytes(12'345), "12.3 kB");
  EXPECT_EQ(report::formatBytes(999'499), "999 kB");
  EXPECT_EQ(report::formatBytes(999'500), "1.00 MB");
  EXPECT_EQ(report::formatBytes(6'437'004), "6.44 MB");
  EXPECT_EQ(report::formatBytes(INT64_MAX), "9.22 EB");
}

TEST(FiguresTest, Counts) {
  EXPECT_EQ(report::formatCount(0), "0");
  EXPECT_EQ(report::formatCount(999), "999");
  EXPECT_EQ(report::formatCount(1'234'567), "1,234,567");
  EXPECT_EQ(report::formatCount(-1'234), "-1,234");
  EXPECT_EQ(report::formatMagnitude(999), "999");
  EXPECT_EQ(report::formatMagnitude(11'244'123'456), "11.2 G");
  EXPECT_EQ(report::formatPlural(1, "text"), "1 text");
  EXPECT_EQ(report::formatPlural(1200, "text"), "1,200 texts");
}

TEST(FiguresTest, PercentNeverRoundsToAnEnd) {
  EXPECT_EQ(report::formatPercent(0), "0 %");
  EXPECT_EQ(report::formatPercent(0.0001), "<0.1 %");
  EXPECT_EQ(report::formatPercent(0.5), "50.0 %");
  EXPECT_EQ(report::formatPercent(0.9996), ">99.9 %");
  EXPECT_EQ(report::formatPercent(1), "100 %");
  EXPECT_EQ(report::formatPercent(std::nan("")), "-");
}

TEST(FiguresTest, Seconds) {
  EXPECT_EQ(report::formatSeconds(0.0000126), "13 µs");
  EXPECT_EQ(report::formatSeconds(0.0123), "12.3 ms");
  EXPECT_EQ(report::formatSeconds(1.8), "1.80 s");
  EXPECT_EQ(report::formatSeconds(119.4), "119 s");
  EXPECT_EQ(report::formatSeconds(245), "4 min 05 s");
}

TEST(FiguresTest, LongNamesKeepBothEnds) {
  EXPECT_EQ(report::shortenMiddle("encoder.layer", 13), "encoder.layer");
  EXPECT_EQ(report::shortenMiddle("encoder.layer", 7), "enc…yer");
  EXPECT_EQ(report::shortenMiddle("ääääää", 5), "ää…ää");
  EXPECT_EQ(report::shortenMiddle("abc", 1), "…");
  EXPECT_EQ(report::shortenMiddle("abc", 0), "");
}

TEST(FiguresTest, WhatATerminalObeysIsReplaced) {
  EXPECT_EQ(report::printable("a\033[1mb\nc\xC2\x9Dx"), "a\uFFFD[1mb\uFFFDc\uFFFDx");
  EXPECT_EQ(report::printable("\xFF\xC3"), "\uFFFD\uFFFD");
  EXPECT_EQ(report::printable("größe 模型"), "größe 模型");
  EXPECT_EQ(report::printable("\xC0\xAF"), "\uFFFD\uFFFD");         // overlong
  EXPECT_EQ(report::printable("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD"); // a surrogate
}

TEST(FiguresTest, Parts) {
  using report::Part;
  EXPECT_EQ(report::partOf("embeddings.LayerNorm.bias"), Part::Embeddings);
  EXPECT_EQ(report::partOf("encoder.layer.3.attention.self.key.bias"), Part::Attention);
  EXPECT_EQ(report::partOf("encoder.layer.3.output.dense.bias"), Part::FeedForward);
  EXPECT_EQ(report::partOf("router.centroids"), Part::Router);
  EXPECT_EQ(report::partOf("scar.q.weight"), Part::Scar);
  EXPECT_EQ(report::partOf("pooler.dense.weight"), Part::Head);
  EXPECT_EQ(report::partOf("router"), Part::Router); // what a call is named after
  EXPECT_EQ(report::partOf("ids"), Part::Other);
}

//===----------------------------------------------------------------------===//
// Kinds
//===----------------------------------------------------------------------===//

TEST(ReportTest, KindByExtension) {
  EXPECT_EQ(*reportKindOf("a.txt"), ReportKind::Text);
  EXPECT_EQ(*reportKindOf("a.b/c.MD"), ReportKind::Markdown);
  EXPECT_EQ(*reportKindOf("x.json"), ReportKind::Json);
  EXPECT_EQ(*reportKindOf("x.html"), ReportKind::Html);
  EXPECT_EQ(*reportKindOf("x.htm"), ReportKind::Html);
  auto refused = reportKindOf("dir.html/report.pdf");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().message(), "report 'dir.html/report.pdf': expected a name that ends "
                                        "in .txt, .md, .json or .html, but got '.pdf'");
  EXPECT_THAT(std::string(reportKindOf("report").status().message()), HasSubstr("no extension"));
  EXPECT_THAT(std::string(reportKindOf("a.json/b").status().message()), HasSubstr("no extension"));
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

TEST(TextReportTest, FitsEightyColumns) {
  CompileReport longNames = quantizedSample();
  longNames.evaluation->domains[0].domain = std::string(60, 'x');
  longNames.latency->calls[1].name = std::string(90, 'y');
  for (const CompileReport &report : {sample(), quantizedSample(12), longNames}) {
    std::istringstream lines(renderReport(report, ReportKind::Text));
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(report::displayWidth(line), 80u) << line;
      EXPECT_EQ(line.find('\033'), std::string::npos) << line;
    }
  }
}

TEST(TextReportTest, QuantizationHasItsTables) {
  std::string text = renderReport(quantizedSample(), ReportKind::Text, /*verbose=*/false);
  EXPECT_THAT(text, HasSubstr("  Budget     998 kB of 1.00 MB, within 0.3 % of the best choice\n"));
  EXPECT_THAT(text, HasSubstr("KL 0.0061 in the worst domain (kernel), 0.0032 in the mean"));
  EXPECT_THAT(text, HasSubstr("98.6 % of 3,900 texts answered as in f32, KL 0.0034"));
  EXPECT_THAT(text, HasSubstr("1.14 ms modelled at 64 tokens on 4 threads"));
  EXPECT_THAT(text, HasSubstr("\nWeights by format\n"));
  EXPECT_THAT(text, HasSubstr("54.2 %    4.59  7\n"));
  EXPECT_THAT(text, HasSubstr("\nAgainst f32\n"));
  EXPECT_THAT(text, HasSubstr("all texts                3,900     98.6 %   0.0034        87.2 %"));
  EXPECT_THAT(text, HasSubstr("all texts                  2.7 % → 0.5 %     6.1 % → 1.4 %"));
  EXPECT_THAT(text, Not(HasSubstr("Modelled latency")));
  std::string verbose = renderReport(quantizedSample(), ReportKind::Text);
  EXPECT_THAT(verbose, HasSubstr("\nModelled latency (1.14 ms, 24 calls)\n"));
  EXPECT_THAT(verbose, HasSubstr("encoder.layer.0.intermediate.dense           151 µs    13.2 %  "
                                 "compute\n"));
  EXPECT_THAT(verbose, HasSubstr("50.4 dB  <0.0001\n"));
}

TEST(TextReportTest, ASectionWithoutFiguresIsNotThere) {
  for (ReportKind kind : {ReportKind::Text, ReportKind::Markdown, ReportKind::Html}) {
    std::string text = render(kind);
    for (const char *absent : {"KL", "modelled", "Routing decisions", "Budget", "Agreement"})
      EXPECT_THAT(text, Not(HasSubstr(absent)));
  }
  CompileReport report = quantizedSample();
  report.evaluation->overall.flipsBefore.reset();
  for (DomainReport &domain : report.evaluation->domains)
    domain.flipsBefore.reset();
  EXPECT_THAT(renderReport(report, ReportKind::Text), HasSubstr("that differ from f32\n"));
  report.evaluation->overall.flips.reset();
  EXPECT_THAT(renderReport(report, ReportKind::Text), Not(HasSubstr("that differ from f32")));
  EXPECT_THAT(renderReport(report, ReportKind::Html), Not(HasSubstr("that differ from f32")));
}

TEST(TextReportTest, TellsTheTotals) {
  std::string text = render(ReportKind::Text, /*verbose=*/false);
  EXPECT_THAT(text, HasSubstr("tiny (gem) for raspberry-pi-4"));
  EXPECT_THAT(text, HasSubstr("21.79 bits per parameter"));
  EXPECT_THAT(text, HasSubstr("197 kB, 1.05 × the lower bound of 188 kB"));
  EXPECT_THAT(text, HasSubstr("34.3 M multiply-accumulates at 64 tokens"));
  EXPECT_THAT(text, HasSubstr("fitted on 200 texts, 4,321 tokens"));
  EXPECT_THAT(text, Not(HasSubstr("embeddings.word_embeddings.weight")));
}

TEST(TextReportTest, VerboseListsTensorsAndReasons) {
  std::string text = render(ReportKind::Text);
  EXPECT_THAT(text, HasSubstr("embeddings.word_embeddings.weight"));
  EXPECT_THAT(text, HasSubstr("8192×128"));
  EXPECT_THAT(text, HasSubstr("f16 → f32"));
  EXPECT_THAT(text, HasSubstr("the teacher serves training only:\n    teacher.x"));
}

TEST(TextReportTest, ColorOnlyWhenAsked) {
  EXPECT_THAT(render(ReportKind::Text, false, true), HasSubstr("\033[1mtiny (gem)"));
}

TEST(TextReportTest, AnEmptyReportRenders) {
  for (ReportKind kind : {ReportKind::Text, ReportKind::Markdown, ReportKind::Html}) {
    std::string text = renderReport(CompileReport(), kind);
    EXPECT_THAT(text, Not(HasSubstr("nan")));
    EXPECT_THAT(text, Not(HasSubstr("inf")));
  }
}

TEST(MarkdownReportTest, EscapesWhatWouldBreakATable) {
  CompileReport report = sample();
  report.tensors[0].name = "a|b<i>_c_";
  std::string text = renderReport(report, ReportKind::Markdown);
  EXPECT_THAT(text, HasSubstr("| a\\|b\\<i\\>\\_c\\_ | 8192 × 128 | f16 | f32 |"));
  EXPECT_THAT(text, HasSubstr("# tiny for raspberry-pi-4\n"));
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

std::vector<std::string> keysOf(const nlohmann::ordered_json &object) {
  std::vector<std::string> keys;
  for (auto &item : object.items())
    keys.push_back(item.key());
  return keys;
}

TEST(JsonReportTest, KeysAreStable) {
  auto root = nlohmann::ordered_json::parse(renderReport(quantizedSample(), ReportKind::Json));
  EXPECT_EQ(keysOf(nlohmann::ordered_json::parse(render(ReportKind::Json))), keysOf(root));
  EXPECT_THAT(keysOf(root), ElementsAre("schema_version", "kind", "producer", "model", "device",
                                        "input", "quantize", "output", "macs", "bytes_by_part",
                                        "bytes_by_format", "memory", "calibration", "allocation",
                                        "evaluation", "pruning", "brittleness", "gates", "latency",
                                        "tensors", "dropped", "notes", "stages"));
  EXPECT_THAT(keysOf(root["bytes_by_format"][0]),
              ElementsAre("format", "tensors", "values", "bytes", "share", "bits_per_weight"));
  EXPECT_THAT(keysOf(root["allocation"]), ElementsAre("recipe", "bytes", "seconds", "gap",
                                                      "worst_loss", "worst_domain", "mean_loss"));
  EXPECT_THAT(keysOf(root["allocation"]["bytes"]), ElementsAre("budget", "used"));
  EXPECT_THAT(keysOf(root["evaluation"]),
              ElementsAre("source", "is_calibration", "overall", "domains"));
  EXPECT_THAT(keysOf(root["evaluation"]["domains"][0]),
              ElementsAre("domain", "texts", "agreement", "divergence", "accuracy_f32", "accuracy",
                          "flips_before_refit", "flips"));
  EXPECT_THAT(keysOf(root["evaluation"]["overall"]["flips"]),
              ElementsAre("routed", "cluster", "mask"));
  EXPECT_THAT(keysOf(root["latency"]),
              ElementsAre("tokens", "threads", "seconds", "assumptions", "points", "calls"));
  EXPECT_THAT(keysOf(root["latency"]["calls"][0]),
              ElementsAre("name", "kernel", "format", "seconds", "macs", "bytes", "binds"));
  EXPECT_THAT(keysOf(root["latency"]["points"][0]), ElementsAre("tokens", "seconds"));
  EXPECT_EQ(root["schema_version"], 2);
  EXPECT_THAT(keysOf(root["model"]),
              ElementsAre("name", "architecture", "path", "format", "parameters", "hidden_size",
                          "num_hidden_layers", "num_attention_heads", "num_classes",
                          "num_clusters"));
  EXPECT_THAT(keysOf(root["device"]), ElementsAre("name", "isa", "memory_limit_bytes"));
  EXPECT_THAT(keysOf(root["input"]), ElementsAre("maximum_tokens", "padded"));
  EXPECT_THAT(keysOf(root["output"]),
              ElementsAre("path", "file_bytes", "weight_bytes", "tokenizer_bytes", "other_bytes",
                          "bits_per_weight"));
  EXPECT_THAT(keysOf(root["macs"]), ElementsAre("encoder", "router", "scar", "head", "total"));
  EXPECT_THAT(keysOf(root["memory"]),
              ElementsAre("arena_bytes", "lower_bound_bytes", "ratio", "calls", "session_bytes",
                          "bundle_bytes", "tokenizer_bytes", "peak_bytes", "fits", "arena_peak",
                          "buffers"));
  EXPECT_THAT(keysOf(root["memory"]["arena_peak"]),
              ElementsAre("call", "name", "bytes", "buffers"));
  EXPECT_THAT(keysOf(root["memory"]["buffers"][0]),
              ElementsAre("name", "offset", "bytes", "first_call", "last_call"));
  EXPECT_THAT(keysOf(root["tensors"][0]),
              ElementsAre("name", "shape", "source_type", "format", "layout", "bytes", "algorithm",
                          "snr_db", "output_snr_db", "predicted_loss", "predicted_domain"));
  EXPECT_THAT(keysOf(root["dropped"][0]), ElementsAre("name", "bytes", "reason"));
  EXPECT_THAT(keysOf(root["stages"][0]), ElementsAre("name", "seconds"));
}

TEST(JsonReportTest, FiguresAddUp) {
  auto root = nlohmann::ordered_json::parse(render(ReportKind::Json));
  EXPECT_EQ(root["output"]["weight_bytes"].get<int64_t>() +
                root["output"]["tokenizer_bytes"].get<int64_t>() +
                root["output"]["other_bytes"].get<int64_t>(),
            root["output"]["file_bytes"].get<int64_t>());
  int64_t macs = 0, bytes = 0, tensors = 0;
  for (const char *key : {"encoder", "router", "scar", "head"})
    macs += root["macs"][key].get<int64_t>();
  EXPECT_EQ(macs, root["macs"]["total"].get<int64_t>());
  for (auto &item : root["bytes_by_part"].items())
    bytes += item.value().get<int64_t>();
  for (auto &tensor : root["tensors"])
    tensors += tensor["bytes"].get<int64_t>();
  EXPECT_EQ(bytes, tensors);
  EXPECT_EQ(root["memory"]["peak_bytes"].get<int64_t>(), 4'370'432 + 196'608 + 2'048);
  auto quantized = nlohmann::ordered_json::parse(renderReport(quantizedSample(), ReportKind::Json));
  double share = 0, seconds = 0;
  int64_t byFormat = 0;
  for (auto &format : quantized["bytes_by_format"]) {
    share += format["share"].get<double>();
    byFormat += format["bytes"].get<int64_t>();
  }
  EXPECT_NEAR(share, 1, 1e-12);
  EXPECT_EQ(byFormat, quantized["output"]["weight_bytes"].get<int64_t>());
  for (auto &call : quantized["latency"]["calls"])
    seconds += call["seconds"].get<double>();
  EXPECT_NEAR(seconds, quantized["latency"]["seconds"].get<double>(), 1e-12);
  EXPECT_DOUBLE_EQ(root["output"]["bits_per_weight"], 8.0 * 4'370'432 / 1'604'864);
}

TEST(JsonReportTest, WhatDoesNotApplyIsNull) {
  CompileReport report = sample();
  report.calibrationTexts = 0;
  report.outputPath.clear();
  report.deviceMemoryLimit = 0;
  report.numClusters = 0;
  report.tensors[0].name = "\xFF"; // ill-formed UTF-8 must not stop it
  auto root = nlohmann::ordered_json::parse(renderReport(report, ReportKind::Json));
  EXPECT_TRUE(root["calibration"].is_null());
  EXPECT_TRUE(root["allocation"].is_null());
  EXPECT_TRUE(root["evaluation"].is_null());
  EXPECT_TRUE(root["latency"].is_null());
  EXPECT_TRUE(root["tensors"][0]["snr_db"].is_null());
  EXPECT_TRUE(root["output"]["path"].is_null());
  EXPECT_TRUE(root["device"]["memory_limit_bytes"].is_null());
  EXPECT_TRUE(root["model"]["num_clusters"].is_null());
  EXPECT_EQ(root["tensors"][0]["name"], "\uFFFD");
}

//===----------------------------------------------------------------------===//
// HTML
//===----------------------------------------------------------------------===//

TEST(HtmlReportTest, TagsNest) {
  EXPECT_EQ(nestingProblem("<p><b>x</p></b>"), "</p> closes <b>"); // the check works
  EXPECT_EQ(nestingProblem(render(ReportKind::Html)), "");
  EXPECT_EQ(nestingProblem(renderReport(quantizedSample(), ReportKind::Html)), "");
  EXPECT_EQ(nestingProblem(renderReport(CompileReport(), ReportKind::Html)), "");
}

TEST(HtmlReportTest, NeedsNothingElse) {
  std::string page = renderReport(quantizedSample(), ReportKind::Html);
  for (const char *forbidden :
       {"http:", "https:", "//", "<script", "<link", "<img", "url(", "@import", "src="})
    EXPECT_THAT(page, Not(HasSubstr(forbidden)));
  EXPECT_THAT(page, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(page, HasSubstr("@media print"));
}

TEST(HtmlReportTest, EscapesEveryText) {
  const std::string evil = "<script>alert('x')</script>\"&\033";
  CompileReport report = quantizedSample();
  for (std::string *text : {&report.allocation->worstDomain,
                            &report.evaluation->source,
                            &report.evaluation->domains[0].domain,
                            &report.latency->calls[3].name,
                            &report.latency->calls[4].kernel,
                            &report.latency->calls[5].format,
                            &report.latency->assumptions,
                            &report.tensors[0].algorithm,
                            &report.tensors[0].predictedDomain,
                            &report.producer,
                            &report.modelPath,
                            &report.modelName,
                            &report.architecture,
                            &report.sourceFormat,
                            &report.device,
                            &report.deviceIsa,
                            &report.quantize,
                            &report.outputPath,
                            &report.tensors[0].name,
                            &report.tensors[0].sourceType,
                            &report.tensors[0].format,
                            &report.tensors[0].layout,
                            &report.memory.buffers[1].name,
                            &report.dropped[0].name,
                            &report.dropped[0].reason,
                            &report.notes[0],
                            &report.stages[0].name})
    *text = evil;
  std::string page = renderReport(report, ReportKind::Html);
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("\033")));
  EXPECT_THAT(page, Not(HasSubstr("alert('x')")));
  EXPECT_EQ(nestingProblem(page), "");
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;\uFFFD"));
}

TEST(HtmlReportTest, TheMapShowsEveryBufferWhereItLies) {
  std::string page = render(ReportKind::Html);
  // Five columns: the inputs, three calls, and the reading of the outputs.
  auto boxes = numbers(page, "<rect x=\"([0-9.]+)\" y=\"([0-9.]+)\" width=\"([0-9.]+)\" "
                             "height=\"([0-9.]+)\"");
  ASSERT_EQ(boxes.size(), 12u);
  EXPECT_NEAR(boxes[4], 200, 0.01);                        // from call 1 ...
  EXPECT_NEAR(boxes[6], 400, 0.01);                        // ... through 2
  EXPECT_NEAR(boxes[7], 1000 * 32'768.0 / 196'608, 0.01);  // as high as its bytes
  EXPECT_NEAR(boxes[5] + boxes[7], 1000, 0.01);            // offset 0 is at the bottom
  EXPECT_NEAR(boxes[8] + boxes[10], 1000, 0.01);           // the output lives to the end
  EXPECT_THAT(page, HasSubstr("<title>embeddings.word_embeddings: 32.8 kB at 0, calls 1 to 2"
                              "</title>"));
}

TEST(HtmlReportTest, BarsAddUpToTheFile) {
  std::string page = render(ReportKind::Html);
  size_t begin = page.find("Shares of the file"), end = page.find("</div>", begin);
  double sum = 0;
  for (double share : numbers(page.substr(begin, end - begin), "width:([0-9.]+)%"))
    sum += share;
  EXPECT_NEAR(sum, 100, 0.01);
}

TEST(HtmlReportTest, TheStackOfFormatsIsWhole) {
  std::string page = renderReport(quantizedSample(), ReportKind::Html);
  size_t begin = page.find("Shares of the weights by format"), end = page.find("</svg>", begin);
  ASSERT_NE(begin, std::string::npos);
  auto places = numbers(page.substr(begin, end - begin), "x=\"([0-9.]+)%\" width=\"([0-9.]+)%\"");
  ASSERT_EQ(places.size(), 2 * 6u);
  double at = 0;
  for (size_t i = 0; i < places.size(); i += 2) {
    EXPECT_NEAR(places[i], at, 0.01);
    at = places[i] + places[i + 1];
  }
  EXPECT_NEAR(at, 100, 0.01);
}

TEST(HtmlReportTest, EveryCallIsOnTheTimeLine) {
  CompileReport report = quantizedSample();
  std::string page = renderReport(report, ReportKind::Html);
  size_t begin = page.find("Calls in order"), end = page.find("</svg>", begin);
  auto widths = numbers(page.substr(begin, end - begin), "width=\"([0-9.]+)%\"");
  ASSERT_EQ(widths.size(), report.latency->calls.size());
  for (size_t i = 0; i < widths.size(); ++i)
    EXPECT_NEAR(widths[i], 100 * report.latency->calls[i].seconds / report.latency->seconds, 0.001);
}

TEST(HtmlReportTest, FlipsAreDrawnToOneScale) {
  CompileReport report = quantizedSample();
  report.evaluation->domains.clear();
  report.evaluation->overall.flipsBefore = FlipsReport{0.02, 0.04, 0.03};
  report.evaluation->overall.flips = FlipsReport{0, 0.01, 0.04};
  std::string page = renderReport(report, ReportKind::Html);
  EXPECT_THAT(numbers(page, "cx=\"([0-9.]+)%\""),
              ElementsAre(50, 3, 97, 26.5, 73.5, 97)); // before and after, kind by kind
}

TEST(HtmlReportTest, OddFiguresDoNotBreakTheCharts) {
  CompileReport report = quantizedSample();
  report.latency->seconds = 0;
  for (CallLatency &call : report.latency->calls)
    call.seconds = 0;
  report.evaluation->overall.divergence = std::nan("");
  report.tensors[0].snr = INFINITY;
  for (ReportKind kind : {ReportKind::Text, ReportKind::Markdown, ReportKind::Html}) {
    std::string text = renderReport(report, kind);
    EXPECT_THAT(text, Not(HasSubstr("nan")));
    EXPECT_THAT(text, Not(HasSubstr("inf")));
  }
  auto root = nlohmann::ordered_json::parse(renderReport(report, ReportKind::Json));
  EXPECT_TRUE(root["evaluation"]["overall"]["divergence"].is_null());
}

TEST(FiguresTest, TotalsByFormat) {
  std::vector<report::FormatTotal> totals = report::totalsByFormat(quantizedSample());
  ASSERT_EQ(totals.size(), 6u);
  EXPECT_EQ(totals[0].format, "int4g32");
  EXPECT_EQ(totals[1].format, "int8");
  for (const report::FormatTotal &total : totals)
    if (total.format == "int3g64") {
      EXPECT_EQ(total.tensors, 2);
      EXPECT_EQ(total.values, 2 * 512 * 128);
      EXPECT_NEAR(total.bitsPerValue(), 3.4, 0.01);
    }
}

TEST(FiguresTest, FormatsOfOneFamilyHaveOneColour) {
  EXPECT_EQ(report::colorOf("f32"), 0u);
  EXPECT_EQ(report::colorOf("bf16"), report::colorOf("f16"));
  EXPECT_EQ(report::colorOf("int4"), report::colorOf("int4g32f16"));
  EXPECT_NE(report::colorOf("int4"), report::colorOf("int3"));
  EXPECT_EQ(report::colorOf("ui16"), report::kNumFormatColors - 1);
}

} // namespace
} // namespace gem
