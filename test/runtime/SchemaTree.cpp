// A FlatBuffer as a tree that can be changed anywhere, by its schema alone.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/runtime/SchemaTree.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>

#include "flatbuffers/flatbuffers.h"

namespace gem::test {

using reflection::BaseType;
using reflection::Field;
using reflection::Object;

namespace {

[[noreturn]] void Die(const std::string& message) {
  fprintf(stderr, "%s\n", message.c_str());
  abort();
}

// The structs of the schemas: 8 bytes, aligned to 4.
struct alignas(4) StructBytes {
  uint8_t bytes[8];
};

uint64_t ReadScalar(const uint8_t* from, BaseType type) {
  uint64_t bits = 0;
  memcpy(&bits, from, ScalarSize(type));
  return bits;
}

uint64_t DefaultBits(const Field& field) {
  const BaseType type = field.type()->base_type();
  uint64_t bits = 0;
  if (type == reflection::Float) {
    const auto value = static_cast<float>(field.default_real());
    memcpy(&bits, &value, sizeof(value));
  } else if (type == reflection::Double) {
    const double value = field.default_real();
    memcpy(&bits, &value, sizeof(value));
  } else {
    const int64_t value = field.default_integer();
    memcpy(&bits, &value, ScalarSize(type));
  }
  return bits;
}

}  // namespace

// --- schemas -----------------------------------------------------------------

TreeSchema::TreeSchema(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  bytes_.assign(std::istreambuf_iterator<char>(file), {});
  flatbuffers::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size());
  if (!file || !reflection::VerifySchemaBuffer(verifier)) {
    Die(path + ": expected a binary schema, as flatc -b --schema writes");
  }
  schema_ = reflection::GetSchema(bytes_.data());
  for (const Object* object : *schema_->objects()) {
    std::vector<const Field*>& fields = fields_[object];
    fields.resize(object->fields()->size());
    for (const Field* field : *object->fields()) fields[field->id()] = field;
    if (object->is_struct() &&
        (object->bytesize() != sizeof(StructBytes) || object->minalign() != alignof(StructBytes))) {
      Die(object->name()->str() + ": expected a struct of 8 bytes");
    }
  }
}

size_t TreeSchema::FieldIndex(const Object& object, const char* name) const {
  const std::vector<const Field*>& all = fields(object);
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i]->name()->str() == name) return i;
  }
  Die(object.name()->str() + ": expected a field '" + name + "'");
}

const Object* TreeSchema::UnionMember(const Field& field, uint64_t type) const {
  for (const reflection::EnumVal* value : *enumeration(field.type()->index()).values()) {
    if (static_cast<uint64_t>(value->value()) != type) continue;
    if (value->union_type() == nullptr || value->union_type()->base_type() != reflection::Obj) {
      return nullptr;
    }
    return &object(value->union_type()->index());
  }
  return nullptr;
}

size_t ScalarSize(BaseType type) {
  switch (type) {
    case reflection::Short:
    case reflection::UShort:
      return 2;
    case reflection::Int:
    case reflection::UInt:
    case reflection::Float:
      return 4;
    case reflection::Long:
    case reflection::ULong:
    case reflection::Double:
      return 8;
    default:
      return 1;
  }
}

// --- trees -------------------------------------------------------------------

TreeValue::TreeValue(const TreeValue& other)
    : is_present(other.is_present),
      bits(other.bits),
      text(other.text),
      items(other.items),
      table(other.table == nullptr ? nullptr : std::make_unique<TreeTable>(*other.table)) {}

TreeValue& TreeValue::operator=(const TreeValue& other) {
  if (this != &other) *this = TreeValue(other);
  return *this;
}

TreeValue::~TreeValue() = default;

TreeTable DefaultTable(const TreeSchema& schema, const Object& type) {
  TreeTable table;
  table.type = &type;
  for (const Field* field : schema.fields(type)) {
    TreeValue value;
    if (IsScalar(field->type()->base_type())) {
      value.is_present = true;
      value.bits = DefaultBits(*field);
    }
    table.fields.push_back(std::move(value));
  }
  return table;
}

namespace {

class Reader {
 public:
  explicit Reader(const TreeSchema& schema) : schema_(schema) {}

  TreeTable ReadTable(const Object& type, const uint8_t* data) {
    const auto* table = reinterpret_cast<const flatbuffers::Table*>(data);
    TreeTable result = DefaultTable(schema_, type);
    for (const Field* field : schema_.fields(type)) {
      const flatbuffers::voffset_t place = table->GetOptionalFieldOffset(field->offset());
      if (place == 0) continue;
      TreeValue& value = result.fields[field->id()];
      const BaseType base = field->type()->base_type();
      if (base == reflection::Union) {
        // Its type is the field before it.
        const Object* member =
            schema_.UnionMember(*field, result.fields[field->id() - size_t{1}].bits);
        if (member != nullptr) value = ReadTableValue(*member, Follow(data + place));
      } else {
        value = ReadValue(*field->type(), base, data + place);
      }
    }
    return result;
  }

 private:
  static const uint8_t* Follow(const uint8_t* place) {
    return place + flatbuffers::ReadScalar<flatbuffers::uoffset_t>(place);
  }

  TreeValue ReadTableValue(const Object& type, const uint8_t* data) {
    TreeValue value;
    value.is_present = true;
    value.table = std::make_unique<TreeTable>(ReadTable(type, data));
    return value;
  }

  TreeValue ReadStruct(const Object& type, const uint8_t* data) {
    TreeValue value;
    value.is_present = true;
    value.table = std::make_unique<TreeTable>(DefaultTable(schema_, type));
    for (const Field* field : schema_.fields(type)) {
      value.table->fields[field->id()].bits =
          ReadScalar(data + field->offset(), field->type()->base_type());
    }
    return value;
  }

  TreeValue ReadValue(const reflection::Type& type, BaseType base, const uint8_t* place) {
    TreeValue value;
    value.is_present = true;
    if (IsScalar(base)) {
      value.bits = ReadScalar(place, base);
    } else if (base == reflection::String) {
      value.text = reinterpret_cast<const flatbuffers::String*>(Follow(place))->str();
    } else if (base == reflection::Obj) {
      value = ReadTableValue(schema_.object(type.index()), Follow(place));
    } else if (base == reflection::Vector) {
      const uint8_t* vector = Follow(place);
      const auto count = flatbuffers::ReadScalar<flatbuffers::uoffset_t>(vector);
      const uint8_t* elements = vector + sizeof(flatbuffers::uoffset_t);
      const BaseType element = type.element();
      const Object* object = element == reflection::Obj ? &schema_.object(type.index()) : nullptr;
      const size_t size = object != nullptr && object->is_struct() ? sizeof(StructBytes)
                          : IsScalar(element)                      ? ScalarSize(element)
                                                                   : sizeof(uint32_t);
      for (size_t i = 0; i < count; ++i) {
        value.items.push_back(object != nullptr && object->is_struct()
                                  ? ReadStruct(*object, elements + i * size)
                                  : ReadValue(type, element, elements + i * size));
      }
    } else {
      Die("expected no inline structs or arrays in tables");
    }
    return value;
  }

  const TreeSchema& schema_;
};

class Writer {
 public:
  explicit Writer(const TreeSchema& schema) : schema_(schema) { builder_.ForceDefaults(true); }

  Bytes Write(const TreeTable& root) {
    const flatbuffers::uoffset_t offset = WriteTable(root);
    const auto* identifier = schema_.schema().file_ident();
    builder_.Finish(flatbuffers::Offset<flatbuffers::Table>(offset), identifier->c_str());
    return Bytes(builder_.GetBufferPointer(), builder_.GetBufferPointer() + builder_.GetSize());
  }

 private:
  flatbuffers::uoffset_t WriteTable(const TreeTable& table) {
    std::vector<flatbuffers::uoffset_t> offsets(table.fields.size());
    for (const Field* field : schema_.fields(*table.type)) {
      const TreeValue& value = table.fields[field->id()];
      const BaseType base = field->type()->base_type();
      if (!value.is_present || IsScalar(base)) continue;
      offsets[field->id()] = base == reflection::Union ? WriteTable(*value.table)
                                                       : WriteValue(*field->type(), base, value);
    }
    const flatbuffers::uoffset_t start = builder_.StartTable();
    for (const Field* field : schema_.fields(*table.type)) {
      const TreeValue& value = table.fields[field->id()];
      if (!value.is_present) continue;
      switch (IsScalar(field->type()->base_type()) ? ScalarSize(field->type()->base_type()) : 0) {
        case 0:
          builder_.AddOffset(field->offset(), flatbuffers::Offset<void>(offsets[field->id()]));
          break;
        case 1:
          builder_.AddElement(field->offset(), static_cast<uint8_t>(value.bits));
          break;
        case 2:
          builder_.AddElement(field->offset(), static_cast<uint16_t>(value.bits));
          break;
        case 4:
          builder_.AddElement(field->offset(), static_cast<uint32_t>(value.bits));
          break;
        default:
          builder_.AddElement(field->offset(), value.bits);
      }
    }
    return builder_.EndTable(start);
  }

  template <typename T>
  flatbuffers::uoffset_t WriteScalars(const std::vector<TreeValue>& items) {
    std::vector<T> values;
    for (const TreeValue& item : items) values.push_back(static_cast<T>(item.bits));
    return builder_.CreateVector(values).o;
  }

  flatbuffers::uoffset_t WriteValue(const reflection::Type& type, BaseType base,
                                    const TreeValue& value) {
    if (base == reflection::String) return builder_.CreateString(value.text).o;
    if (base == reflection::Obj) return WriteTable(*value.table);
    if (base != reflection::Vector) Die("expected no inline structs or arrays in tables");
    const BaseType element = type.element();
    if (IsScalar(element)) {
      switch (ScalarSize(element)) {
        case 1:
          return WriteScalars<uint8_t>(value.items);
        case 2:
          return WriteScalars<uint16_t>(value.items);
        case 4:
          return WriteScalars<uint32_t>(value.items);
        default:
          return WriteScalars<uint64_t>(value.items);
      }
    }
    if (element == reflection::Obj && schema_.object(type.index()).is_struct()) {
      std::vector<StructBytes> structs;
      for (const TreeValue& item : value.items) {
        StructBytes one = {};
        for (const Field* field : schema_.fields(*item.table->type)) {
          memcpy(one.bytes + field->offset(), &item.table->fields[field->id()].bits,
                 ScalarSize(field->type()->base_type()));
        }
        structs.push_back(one);
      }
      return builder_.CreateVectorOfStructs(structs.data(), structs.size()).o;
    }
    std::vector<flatbuffers::Offset<flatbuffers::Table>> offsets;
    for (const TreeValue& item : value.items) offsets.emplace_back(WriteValue(type, element, item));
    return builder_.CreateVector(offsets).o;
  }

  const TreeSchema& schema_;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

TreeTable ReadTree(const TreeSchema& schema, const uint8_t* buffer) {
  return Reader(schema).ReadTable(schema.root(),
                                  buffer + flatbuffers::ReadScalar<flatbuffers::uoffset_t>(buffer));
}

Bytes WriteTree(const TreeSchema& schema, const TreeTable& root) {
  return Writer(schema).Write(root);
}

void VisitTables(const TreeSchema& schema, TreeTable& root,
                 const std::function<void(TreeTable&, const std::string& path)>& visit) {
  const std::function<void(TreeTable&, const std::string&)> walk = [&](TreeTable& table,
                                                                       const std::string& path) {
    visit(table, path);
    for (const Field* field : schema.fields(*table.type)) {
      TreeValue& value = table.fields[field->id()];
      const std::string name = (path.empty() ? "" : path + ".") + field->name()->str();
      if (value.table != nullptr) walk(*value.table, name);
      for (size_t i = 0; i < value.items.size(); ++i) {
        if (value.items[i].table == nullptr) break;
        walk(*value.items[i].table, name + "[" + std::to_string(i) + "]");
      }
    }
  };
  walk(root, "");
}

// --- coverage ----------------------------------------------------------------

namespace {

// The objects that can be reached from the root, each once.
std::vector<const Object*> ReachableObjects(const TreeSchema& schema) {
  std::set<const Object*> seen = {&schema.root()};
  std::vector<const Object*> result = {&schema.root()};
  const auto add = [&](int index) {
    if (seen.insert(&schema.object(index)).second) result.push_back(&schema.object(index));
  };
  for (size_t i = 0; i < result.size(); ++i) {
    for (const Field* field : schema.fields(*result[i])) {
      const reflection::Type& type = *field->type();
      if (type.base_type() == reflection::Obj ||
          (type.base_type() == reflection::Vector && type.element() == reflection::Obj)) {
        add(type.index());
      } else if (type.base_type() == reflection::Union) {
        for (const reflection::EnumVal* value : *schema.enumeration(type.index()).values()) {
          const reflection::Type* member = value->union_type();
          if (member != nullptr && member->base_type() == reflection::Obj) add(member->index());
        }
      }
    }
  }
  return result;
}

}  // namespace

std::vector<std::string> TreeCoverage::Missing(const TreeSchema& schema) const {
  std::vector<std::string> missing;
  for (const Object* object : ReachableObjects(schema)) {
    for (const Field* field : schema.fields(*object)) {
      if (counts_.count({object, field}) == 0) {
        missing.push_back(object->name()->str() + "." + field->name()->str());
      }
    }
  }
  return missing;
}

size_t TreeCoverage::FieldCount(const TreeSchema& schema) {
  size_t count = 0;
  for (const Object* object : ReachableObjects(schema)) count += schema.fields(*object).size();
  return count;
}

}  // namespace gem::test
