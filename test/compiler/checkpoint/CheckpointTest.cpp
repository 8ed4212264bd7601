// Tests of opening checkpoints and of reading their tensors.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/Checkpoint/Pickle.h"
#include "compiler/Checkpoint/Zip.h"
#include "test/compiler/checkpoint/CheckpointSupport.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <unistd.h>

namespace gem::checkpoint {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<Checkpoint> open(const std::string &path) {
  absl::StatusOr<std::shared_ptr<Checkpoint>> checkpoint = openCheckpoint(path);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return checkpoint.ok() ? *checkpoint : std::make_shared<Checkpoint>();
}

const Tensor &tensorOf(const Checkpoint &checkpoint, const std::string &name) {
  static const Tensor none;
  const Tensor *tensor = checkpoint.find(name);
  EXPECT_NE(tensor, nullptr) << name;
  return tensor ? *tensor : none;
}

/// A copy of bytes in a file that goes away with the object.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::string &bytes) {
    descriptor = ::mkstemp(name.data());
    EXPECT_GE(descriptor, 0);
    write(0, bytes);
  }
  ~TemporaryFile() {
    ::close(descriptor);
    ::unlink(name.c_str());
  }
  void write(size_t offset, const std::string &bytes) {
    EXPECT_EQ(::pwrite(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset)),
              static_cast<ssize_t>(bytes.size()));
  }
  void truncate(size_t size) { EXPECT_EQ(::ftruncate(descriptor, static_cast<off_t>(size)), 0); }
  const std::string &path() const { return name; }

private:
  std::string name = testing::TempDir() + "gem-checkpoint-XXXXXX";
  int descriptor = -1;
};

TEST(Checkpoint, EveryBadFileIsRefusedWithItsReason) {
  std::vector<nlohmann::json> items = badFixtures(/*ofModels=*/false);
  EXPECT_GE(items.size(), 120u);
  for (const nlohmann::json &item : items) {
    SCOPED_TRACE(item["path"]);
    std::string path = fixture(item["path"]);
    absl::StatusOr<std::shared_ptr<Checkpoint>> checkpoint = openCheckpoint(path);
    ASSERT_FALSE(checkpoint.ok());
    EXPECT_THAT(std::string(checkpoint.status().message()), HasSubstr(path));
    expectMessage(checkpoint.status(), item);
  }
}

TEST(Checkpoint, WidensEveryHalfExactly) {
  std::shared_ptr<Checkpoint> checkpoint = open(fixture("half.safetensors"));
  std::vector<float> halves = readAll(tensorOf(*checkpoint, "half"));
  std::vector<float> expected = readAll(tensorOf(*checkpoint, "wide"));
  ASSERT_EQ(halves.size(), 65536u);
  for (size_t i = 0; i < halves.size(); ++i) {
    if (std::isnan(expected[i]))
      EXPECT_TRUE(std::isnan(halves[i])) << i;
    else
      EXPECT_EQ(std::memcmp(&halves[i], &expected[i], sizeof(float)), 0) << i;
  }
}

TEST(Checkpoint, ReadsEveryElementType) {
  std::shared_ptr<Checkpoint> checkpoint = open(fixture("types.safetensors"));
  EXPECT_EQ(checkpoint->format(), "safetensors");
  EXPECT_EQ(checkpoint->tensors().size(), 10u);
  EXPECT_TRUE(std::is_sorted(checkpoint->tensors().begin(), checkpoint->tensors().end(),
                             [](const Tensor &a, const Tensor &b) { return a.name < b.name; }));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "u8")), ElementsAre(0, 1, 255));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "f32")), ElementsAre(0.5, -3.25));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "i16")), ElementsAre(-300, 300));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "i8")), ElementsAre(-128, 127));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "bool")), ElementsAre(1, 0));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "bf16")), ElementsAre(1.5, -0.25));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "empty")), ElementsAre());
  EXPECT_EQ(describe(tensorOf(*checkpoint, "bf16")), "bf16[2,1]");
  EXPECT_EQ(describe(tensorOf(*checkpoint, "i32")), "i32[]");
  int64_t integers[2];
  readRaw(tensorOf(*checkpoint, "i64"), 0, 2, reinterpret_cast<char *>(integers));
  EXPECT_THAT(integers, ElementsAre(-1, int64_t{1} << 40));
  EXPECT_EQ(checkpoint->find("absent"), nullptr);

  float value;
  for (const char *name : {"f64", "i64", "i32"})
    EXPECT_EQ(readAsF32(tensorOf(*checkpoint, name), 0, 1, &value).code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  const Tensor &bytes = tensorOf(*checkpoint, "u8");
  for (auto [first, count] : {std::pair<int64_t, int64_t>(-1, 1), {0, 4}, {4, 0}, {3, 1}, {0, -1}})
    EXPECT_EQ(readAsF32(bytes, first, count, &value).code(), absl::StatusCode::kOutOfRange)
        << first << " " << count;
  EXPECT_TRUE(readAsF32(bytes, 3, 0, &value).ok());
}

TEST(Checkpoint, MaterializeAlignsWhatTheFileDoesNot) {
  std::shared_ptr<Checkpoint> checkpoint = open(fixture("types.safetensors"));
  // The first tensor has three bytes, and the format knows no padding.
  bool sawUnaligned = false;
  for (const Tensor &tensor : checkpoint->tensors()) {
    absl::StatusOr<Tensor> copy = materialize(tensor);
    ASSERT_TRUE(copy.ok());
    EXPECT_TRUE(copy->isAligned() && copy->isContiguous()) << tensor.name;
    EXPECT_EQ(copy->data == tensor.data, tensor.isAligned()) << tensor.name;
    EXPECT_EQ(rawBytes(*copy), rawBytes(tensor)) << tensor.name;
    sawUnaligned |= !tensor.isAligned();
  }
  EXPECT_TRUE(sawUnaligned);
}

TEST(Checkpoint, ReadsViewsIntoOneStorage) {
  std::shared_ptr<Checkpoint> checkpoint = open(fixture("views.pth"));
  EXPECT_EQ(checkpoint->format(), "torch");
  EXPECT_THAT(checkpoint->info(), Contains(HasSubstr("'note' is a string, no tensor")));
  EXPECT_EQ(checkpoint->tensors().size(), 7u);
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "all")),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  const Tensor &transposed = tensorOf(*checkpoint, "transposed");
  EXPECT_FALSE(transposed.isContiguous());
  EXPECT_THAT(readAll(transposed), ElementsAre(0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11));
  float middle[5];
  ASSERT_TRUE(readAsF32(transposed, 4, 5, middle).ok());
  EXPECT_THAT(middle, ElementsAre(5, 9, 2, 6, 10));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "column")), ElementsAre(1, 5, 9));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "repeated")), ElementsAre(9, 10, 11, 9, 10, 11));
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "reversed")),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
  EXPECT_TRUE(tensorOf(*checkpoint, "reversed").isContiguous());
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "none")), ElementsAre());
  EXPECT_THAT(readAll(tensorOf(*checkpoint, "scalar")), ElementsAre(11));

  absl::StatusOr<Tensor> copy = materialize(transposed);
  ASSERT_TRUE(copy.ok());
  EXPECT_TRUE(copy->isContiguous());
  EXPECT_FALSE(copy->fileBacked);
  EXPECT_EQ(readAll(*copy), readAll(transposed));
}

TEST(Checkpoint, LargeCopiesAreEvictable) {
  std::vector<float> row(4100);
  std::iota(row.begin(), row.end(), 0.0f);
  Tensor tensor;
  tensor.name = "large";
  tensor.shape = {4100, 4100};
  tensor.strides = {0, 1};
  tensor.data = reinterpret_cast<const char *>(row.data());
  tensor.storageBytes = row.size() * sizeof(float);
  absl::StatusOr<Tensor> copy = materialize(tensor);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_TRUE(copy->fileBacked);
  dropPages(*copy);
  float values[3];
  ASSERT_TRUE(readAsF32(*copy, 4100 * 4000 - 1, 3, values).ok());
  EXPECT_THAT(values, ElementsAre(4099, 0, 1));
}

TEST(Checkpoint, TensorsOutliveTheirCheckpoint) {
  std::shared_ptr<Checkpoint> checkpoint = open(fixture("small.pth"));
  Tensor tensor = tensorOf(*checkpoint, "x");
  checkpoint.reset();
  EXPECT_THAT(readAll(tensor), ElementsAre(1, 2, 3, 4));
}

TEST(Checkpoint, AllFormsOfAModelAreEqual) {
  std::shared_ptr<Checkpoint> reference = open(fixture("gem/model.safetensors"));
  for (const char *name : {"gem.pth", "gem-protocol-3.pth", "gem-protocol-4.pth",
                           "gem-protocol-5.pth", "gem-parameters.pth", "gem-zip64.pth"}) {
    SCOPED_TRACE(name);
    std::shared_ptr<Checkpoint> other = open(fixture(name));
    EXPECT_EQ(other->tensors().size() + 1, reference->tensors().size()); // router.centroids
    for (const Tensor &tensor : other->tensors()) {
      const Tensor &wanted = tensorOf(*reference, tensor.name);
      EXPECT_EQ(describe(tensor), describe(wanted)) << tensor.name;
      EXPECT_EQ(rawBytes(tensor), rawBytes(wanted)) << tensor.name;
    }
  }
  std::shared_ptr<Checkpoint> sharded = open(fixture("sharded"));
  EXPECT_EQ(sharded->files().size(), 3u);
  ASSERT_EQ(sharded->tensors().size(), reference->tensors().size());
  for (size_t i = 0; i < sharded->tensors().size(); ++i) {
    EXPECT_EQ(sharded->tensors()[i].name, reference->tensors()[i].name);
    EXPECT_EQ(rawBytes(sharded->tensors()[i]), rawBytes(reference->tensors()[i]));
  }
}

TEST(Checkpoint, ChoosesTheUsualNameInAFolder) {
  std::shared_ptr<Checkpoint> checkpoint = open(fixture("preferred") + "//");
  EXPECT_NE(checkpoint->find("right"), nullptr);
  EXPECT_THAT(checkpoint->info(), Contains(HasSubstr("model.safetensors was chosen; "
                                                     "pytorch_model.bin is a checkpoint too")));
  EXPECT_THAT(checkpoint->files(), ElementsAre(fixture("preferred") + "/model.safetensors"));
}

TEST(Checkpoint, NamesDoNotMatterContentDoes) {
  TemporaryFile file(readFile(fixture("small.pth")));
  EXPECT_EQ(open(file.path())->format(), "torch");
}

/// Compares with what PyTorch itself read from the file (make_torch_fixtures.py).
void expectAsPyTorchSays(const std::string &name) {
  std::string folder = std::string(GEM_CHECKPOINT_TORCH_FILES) + "/";
  std::shared_ptr<Checkpoint> checkpoint = open(folder + name + ".pth");
  nlohmann::json expected = nlohmann::json::parse(readFile(folder + name + ".json"));
  EXPECT_EQ(checkpoint->tensors().size(), expected.size());
  const std::map<std::string, DType> types = {{"float32", DType::F32},   {"float16", DType::F16},
                                              {"bfloat16", DType::BF16}, {"float64", DType::F64},
                                              {"int64", DType::I64},     {"int32", DType::I32},
                                              {"int16", DType::I16},     {"int8", DType::I8},
                                              {"uint8", DType::U8},      {"bool", DType::Bool}};
  for (auto &[key, value] : expected.items()) {
    SCOPED_TRACE(key);
    const Tensor &tensor = tensorOf(*checkpoint, key);
    EXPECT_EQ(tensor.dtype, types.at(value["dtype"]));
    EXPECT_EQ(tensor.shape, value["shape"].get<std::vector<int64_t>>());
    EXPECT_EQ(tensor.strides, value["strides"].get<std::vector<int64_t>>());
    std::string raw = rawBytes(tensor);
    if (tensor.dtype == DType::F64 || tensor.dtype == DType::I64 || tensor.dtype == DType::I32) {
      for (size_t i = 0; i < value["values"].size(); ++i) {
        double real;
        int64_t wide;
        int32_t narrow;
        if (tensor.dtype == DType::F64)
          std::memcpy(&real, &raw[i * 8], 8);
        else if (tensor.dtype == DType::I64)
          std::memcpy(&wide, &raw[i * 8], 8), real = static_cast<double>(wide);
        else
          std::memcpy(&narrow, &raw[i * 4], 4), real = narrow;
        EXPECT_EQ(real, value["values"][i].get<double>());
      }
      continue;
    }
    std::vector<float> values = readAll(tensor);
    ASSERT_EQ(values.size(), value["values"].size());
    for (size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(values[i], value["values"][i].get<double>()) << i;
  }
}

TEST(PyTorchFiles, OddTensorsAreReadAsPyTorchReadsThem) { expectAsPyTorchSays("odd"); }

TEST(PyTorchFiles, TrainingCheckpointsAreReadAsPyTorchReadsThem) {
  expectAsPyTorchSays("training");
}

TEST(PyTorchFiles, OtherThingsThatPyTorchWritesAreRefused) {
  std::string folder = std::string(GEM_CHECKPOINT_TORCH_FILES) + "/";
  EXPECT_THAT(std::string(openCheckpoint(folder + "legacy.pth").status().message()),
              HasSubstr("torch.save before PyTorch 1.6"));
  EXPECT_THAT(std::string(openCheckpoint(folder + "module.pth").status().message()),
              HasSubstr("byte 0x63 'GLOBAL torch.nn.modules.linear.Linear' at offset 2"));
  EXPECT_THAT(std::string(openCheckpoint(folder + "script.pth").status().message()),
              HasSubstr("TorchScript"));
}

TEST(DamagedFiles, EveryTruncationIsRefused) {
  for (const char *name : {"small.safetensors", "small.pth"}) {
    SCOPED_TRACE(name);
    std::string bytes = readFile(fixture(name));
    TemporaryFile file(bytes);
    ASSERT_TRUE(openCheckpoint(file.path()).ok());
    for (size_t size = bytes.size(); size-- > 0;) {
      file.truncate(size);
      EXPECT_FALSE(openCheckpoint(file.path()).ok()) << size;
    }
  }
}

TEST(DamagedFiles, NoFlippedByteCrashes) {
  for (const char *name : {"small.safetensors", "small.pth", "views.pth"}) {
    SCOPED_TRACE(name);
    std::string bytes = readFile(fixture(name));
    TemporaryFile file(bytes);
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (int change : {0x01, 0x04, 0x20, 0x80, 0xFF}) {
        file.write(at, std::string(1, static_cast<char>(bytes[at] ^ change)));
        absl::StatusOr<std::shared_ptr<Checkpoint>> checkpoint = openCheckpoint(file.path());
        // Whatever was accepted must be readable.
        if (checkpoint.ok())
          for (const Tensor &tensor : (*checkpoint)->tensors())
            rawBytes(tensor);
        else
          EXPECT_FALSE(checkpoint.status().message().empty());
      }
      file.write(at, bytes.substr(at, 1));
    }
  }
}

/// In a whole file the CRC would keep damaged pickles from the interpreter.
TEST(DamagedFiles, NoDamagedPickleCrashes) {
  std::string folder = std::string(GEM_CHECKPOINT_TORCH_FILES) + "/";
  for (const std::string &path : {folder + "odd.pth", fixture("small.pth")}) {
    SCOPED_TRACE(path);
    absl::StatusOr<std::shared_ptr<FileMapping>> file = FileMapping::open(path);
    ASSERT_TRUE(file.ok());
    absl::StatusOr<std::vector<ZipEntry>> entries = readZipDirectory(**file);
    ASSERT_TRUE(entries.ok()) << entries.status();
    std::string pickle;
    for (const ZipEntry &entry : *entries)
      if (entry.name.ends_with("/data.pkl"))
        pickle = entry.bytes(**file);
    ASSERT_TRUE(runPickle(pickle, "x").ok());
    for (size_t size = 0; size < pickle.size(); ++size)
      EXPECT_FALSE(runPickle(pickle.substr(0, size), "x").ok()) << size;
    size_t refused = 0;
    for (size_t at = 0; at < pickle.size(); ++at)
      for (int change : {0x01, 0x08, 0x40, 0xFF}) {
        std::string damaged = pickle;
        damaged[at] = static_cast<char>(damaged[at] ^ change);
        absl::StatusOr<PickledData> data = runPickle(damaged, "x");
        refused += !data.ok();
        if (!data.ok())
          continue;
        for (const PickledTensor &tensor : data->tensors)
          EXPECT_LE(tensor.offset, tensor.storageElements);
      }
    // Many flips only change a name; those of opcodes and sizes must be seen.
    EXPECT_GT(refused, pickle.size());
  }
}

// Tensors cost a few bytes of a pickle each, since they may share all that they are
// made of, but more in memory.
TEST(DamagedFiles, PicklesOfVeryManyTensorsAreRefused) {
  auto text = [](const std::string &value) {
    return std::string("X") + static_cast<char>(value.size()) + std::string(3, '\0') + value;
  };
  // Memo 0: the function, 1: its arguments.
  std::string pickle = "\x80\x02"
                       "ctorch._utils\n_rebuild_tensor_v2\nq";
  pickle += std::string(1, '\0') + "((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
            text("cpu") + "K\x40tQK" + std::string(1, '\0') + "K\x04\x85K\x01\x85\x89)tq\x01(";
  for (int i = 0; i < 200'001; ++i)
    pickle += std::string("h\0h\1R", 5);
  pickle += "l.";
  absl::StatusOr<PickledData> data = runPickle(pickle, "many");
  EXPECT_FALSE(data.ok());
  EXPECT_THAT(std::string(data.status().message()), HasSubstr("more than 200000 tensors"));
}

TEST(DamagedFiles, ZipsNoticeAFlipInAnyEntry) {
  std::string bytes = readFile(fixture("small.pth"));
  TemporaryFile file(bytes);
  size_t pickle = bytes.find("\x80\x02"), storage = bytes.find(std::string("\0\0\x80\x3f", 4));
  ASSERT_NE(pickle, bytes.npos);
  ASSERT_NE(storage, bytes.npos);
  for (size_t at : {pickle, pickle + 40, storage, storage + 15}) {
    file.write(at, std::string(1, static_cast<char>(bytes[at] ^ 1)));
    EXPECT_THAT(std::string(openCheckpoint(file.path()).status().message()),
                HasSubstr("its CRC-32 is"))
        << at;
    file.write(at, bytes.substr(at, 1));
  }
}

TEST(DamagedFiles, PipesAndFoldersAreNoFiles) {
  std::string path = testing::TempDir() + "gem-checkpoint-pipe";
  ::unlink(path.c_str());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_THAT(std::string(openCheckpoint(path).status().message()),
              HasSubstr("a device, pipe or socket; expected a regular file"));
  ::unlink(path.c_str());
}

} // namespace
} // namespace gem::checkpoint
