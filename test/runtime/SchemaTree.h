// A FlatBuffer as a tree that can be changed anywhere, by its schema alone.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Knows nothing of bundles: what a table holds comes from the binary schema that
// flatc writes. So a field that the schema gets is read, changed and written with
// no change here.
#ifndef GEM_TEST_RUNTIME_SCHEMATREE_H
#define GEM_TEST_RUNTIME_SCHEMATREE_H

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "flatbuffers/reflection_generated.h"
#include "test/runtime/BundleBuilder.h"

namespace gem::test {

// A binary schema (`flatc -b --schema`).
class TreeSchema {
 public:
  // Aborts with a message when there is no such file: a test without its schema
  // would show nothing.
  explicit TreeSchema(const std::string& path);

  const reflection::Schema& schema() const { return *schema_; }
  const reflection::Object& root() const { return *schema_->root_table(); }
  const reflection::Object& object(int index) const {
    return *schema_->objects()->Get(static_cast<uint32_t>(index));
  }
  const reflection::Enum& enumeration(int index) const {
    return *schema_->enums()->Get(static_cast<uint32_t>(index));
  }
  // The fields of an object in the order of their ids.
  const std::vector<const reflection::Field*>& fields(const reflection::Object& object) const {
    return fields_.at(&object);
  }
  size_t FieldIndex(const reflection::Object& object, const char* name) const;
  // The object that a union's member stands for; null for NONE and unknown ones.
  const reflection::Object* UnionMember(const reflection::Field& field, uint64_t type) const;

 private:
  std::string bytes_;
  const reflection::Schema* schema_;
  std::map<const reflection::Object*, std::vector<const reflection::Field*>> fields_;
};

struct TreeTable;

// The value of a field, or of an element of a vector. Which member counts is told by
// the field's type.
struct TreeValue {
  bool is_present = false;
  uint64_t bits = 0;                 // a scalar's, as it lies in memory
  std::string text;                  // a string's
  std::vector<TreeValue> items;      // a vector's
  std::unique_ptr<TreeTable> table;  // a table's, a struct's or a union's

  TreeValue() = default;
  TreeValue(const TreeValue& other);
  TreeValue& operator=(const TreeValue& other);
  TreeValue(TreeValue&&) = default;
  TreeValue& operator=(TreeValue&&) = default;
  ~TreeValue();
};

// A table or struct.
struct TreeTable {
  const reflection::Object* type = nullptr;
  std::vector<TreeValue> fields;  // by id
  // For whoever reads the tree to recognise a table after it was moved or copied.
  int origin = -1;
};

// Bytes of a scalar.
size_t ScalarSize(reflection::BaseType type);
inline bool IsScalar(reflection::BaseType type) { return type < reflection::String; }

// Reads a buffer, which its generated verifier must have accepted.
TreeTable ReadTree(const TreeSchema& schema, const uint8_t* buffer);
// Writes a buffer. Every scalar is written, so a value does not change the size.
// A union's value is written as what it is, whatever its type field says.
Bytes WriteTree(const TreeSchema& schema, const TreeTable& root);

// A table whose scalars have their defaults and that has nothing else.
TreeTable DefaultTable(const TreeSchema& schema, const reflection::Object& type);

// --- changes -----------------------------------------------------------------

// One change of a table. `apply` is given the table it was made for.
struct TreeMutation {
  const reflection::Field* field;
  std::string what;  // "shape[1]: 24 -> 25"
  std::function<void(TreeTable&)> apply;
};

// What the values of a field are elsewhere in a tree: other indices, other offsets.
class TreeDonors {
 public:
  TreeDonors(const TreeSchema& schema, const TreeTable& root) { Collect(schema, root); }
  const std::vector<uint64_t>& scalars(const reflection::Field* field) const;
  const std::vector<std::string>& strings(const reflection::Field* field) const;
  // Tables of a type, to be put in another's place.
  const std::vector<const TreeTable*>& tables(const reflection::Object* type) const;

 private:
  void Collect(const TreeSchema& schema, const TreeTable& table);

  std::map<const reflection::Field*, std::vector<uint64_t>> scalars_;
  std::map<const reflection::Field*, std::vector<std::string>> strings_;
  std::map<const reflection::Object*, std::vector<const TreeTable*>> tables_;
};

// Every change of the fields of `table` itself (not of the tables below it).
// `donors` must be of a tree that stays as it is.
std::vector<TreeMutation> MutationsOf(const TreeSchema& schema, const TreeTable& table,
                                      const TreeDonors& donors);

// Calls `visit` for `root` and every table and struct below it, with the names that
// lead there ("variants[0].program").
void VisitTables(const TreeSchema& schema, TreeTable& root,
                 const std::function<void(TreeTable&, const std::string& path)>& visit);

// Makes every change of every table below `root`, one at a time: while `visit` is
// called, `root` is changed. `before` is the table that `mutation` was made for, `path`
// leads to it.
void ForEachMutation(const TreeSchema& schema, TreeTable& root,
                     const std::function<void(const TreeTable& before, const TreeMutation& mutation,
                                              const std::string& path)>& visit);

// --- coverage ----------------------------------------------------------------

// Which fields of the schema were changed, and how often.
class TreeCoverage {
 public:
  void Count(const TreeTable& table, const TreeMutation& mutation) {
    ++counts_[{table.type, mutation.field}];
  }
  // "gem.schema.Variant.cpu_kernels" for every field of every table and struct that
  // can be reached from the root and was never counted.
  std::vector<std::string> Missing(const TreeSchema& schema) const;
  // How many fields there are.
  static size_t FieldCount(const TreeSchema& schema);

 private:
  std::map<std::pair<const reflection::Object*, const reflection::Field*>, size_t> counts_;
};

}  // namespace gem::test

#endif  // GEM_TEST_RUNTIME_SCHEMATREE_H
