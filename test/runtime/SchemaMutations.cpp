// The changes of a tree: what every field of a table may be made instead.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "test/runtime/SchemaTree.h"

namespace gem::test {

using reflection::BaseType;
using reflection::Field;
using reflection::Object;

namespace {

// Values of a field elsewhere that are tried, at most.
constexpr size_t kMostDonors = 8;
// Elements of a vector up to which every one is changed.
constexpr size_t kMostPositions = 24;

template <typename T>
void AddDistinct(std::vector<T>& values, const T& value) {
  if (std::find(values.begin(), values.end(), value) == values.end()) values.push_back(value);
}

uint64_t FloatBits(double value, BaseType type) {
  uint64_t bits = 0;
  const auto single = static_cast<float>(value);
  if (type == reflection::Float) memcpy(&bits, &single, sizeof(single));
  if (type == reflection::Double) memcpy(&bits, &value, sizeof(value));
  return bits;
}

// All of them, or the first, the last and some between.
std::vector<size_t> Positions(size_t count) {
  std::vector<size_t> result;
  for (size_t i = 0; i < count; ++i) {
    if (count <= kMostPositions || i < 3 || i + 2 >= count || i % (count / 8) == 0) {
      result.push_back(i);
    }
  }
  return result;
}

class MutationLister {
 public:
  MutationLister(const TreeSchema& schema, const TreeTable& table, const TreeDonors& donors)
      : schema_(schema), table_(table), donors_(donors) {}

  std::vector<TreeMutation> List() {
    for (const Field* field : schema_.fields(*table_.type)) {
      field_ = field;
      const TreeValue& value = table_.fields[field->id()];
      const BaseType base = field->type()->base_type();
      // A struct has all its fields.
      if (value.is_present && !table_.type->is_struct()) {
        Add("left out", [](TreeValue& v) { v = TreeValue(); });
      }
      if (IsScalar(base)) {
        ChangeScalar(value, base);
      } else if (base == reflection::String) {
        ChangeString(value, "", [](TreeValue& v) -> TreeValue& { return v; });
      } else if (base == reflection::Vector) {
        ChangeVector(value);
      } else if (base == reflection::Union) {
        ChangeUnion();
      } else {
        ChangeTable(value);
      }
    }
    return std::move(mutations_);
  }

 private:
  using Change = std::function<void(TreeValue&)>;
  // From a field's value to the part of it that is changed.
  using Select = std::function<TreeValue&(TreeValue&)>;

  void Add(const std::string& what, Change change) {
    const uint16_t id = field_->id();
    mutations_.push_back(
        {field_, field_->name()->str() + what,
         [id, change = std::move(change)](TreeTable& table) { change(table.fields[id]); }});
    // "shape: left out", but "shape[1]: 24 -> 25".
    std::string& text = mutations_.back().what;
    const size_t end = field_->name()->size();
    if (text.size() > end && text[end] != '[' && text[end] != ':') text.insert(end, ": ");
  }

  // --- scalars ---------------------------------------------------------------

  std::vector<uint64_t> Alternatives(uint64_t bits, BaseType base, int enumeration) const {
    std::vector<uint64_t> values;
    const size_t size = ScalarSize(base);
    const uint64_t mask = size == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * size)) - 1;
    const auto add = [&](uint64_t value) {
      if ((value & mask) != bits) AddDistinct(values, value & mask);
    };
    if (base == reflection::Float || base == reflection::Double) {
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      for (const double value : {0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 3.4e38, -3.4e38, kInfinity,
                                 -kInfinity, std::nan("")}) {
        add(FloatBits(value, base));
      }
    } else if (enumeration >= 0) {
      uint64_t largest = 0;
      for (const reflection::EnumVal* value : *schema_.enumeration(enumeration).values()) {
        add(static_cast<uint64_t>(value->value()));
        largest = std::max(largest, static_cast<uint64_t>(value->value()));
      }
      add(largest + 1);
      add(mask);
    } else if (base == reflection::Bool) {
      for (const uint64_t value : {0, 1, 2, 255}) add(value);
    } else {
      for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{2}, mask, mask - 1, mask >> 1,
                                   (mask >> 1) + 1, bits + 1, bits - 1, bits + 64, bits - 64,
                                   bits * 2, bits / 2, bits + 4096, bits << 16, bits << 32}) {
        add(value);
      }
    }
    size_t taken = 0;
    for (const uint64_t value : donors_.scalars(field_)) {
      if (taken == kMostDonors) break;
      const size_t before = values.size();
      add(value);
      taken += values.size() - before;
    }
    return values;
  }

  std::string Spell(uint64_t bits, BaseType base) const {
    if (base != reflection::Float) return std::to_string(bits);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return std::to_string(value);
  }

  void ChangeScalar(const TreeValue& value, BaseType base) {
    for (const uint64_t bits : Alternatives(value.bits, base, field_->type()->index())) {
      Add(": " + Spell(value.bits, base) + " -> " + Spell(bits, base), [bits](TreeValue& v) {
        v.is_present = true;
        v.bits = bits;
      });
    }
  }

  // --- strings ---------------------------------------------------------------

  void ChangeString(const TreeValue& value, const std::string& place, const Select& select) {
    std::vector<std::string> texts = {"",
                                      "a",
                                      std::string("a\0b", 3),
                                      "line\nbreak",
                                      "\x7f",
                                      "\xff\xfe",
                                      "\xc3",          // cut short
                                      "\xed\xa0\x80",  // a surrogate
                                      value.text + "~",
                                      std::string(5000, 'x'),
                                      "%s%n%1000000d"};
    size_t taken = 0;
    for (const std::string& text : donors_.strings(field_)) {
      if (taken++ == kMostDonors) break;
      AddDistinct(texts, text);
    }
    for (const std::string& text : texts) {
      if (value.is_present && text == value.text) continue;
      Add(place + ": another text of " + std::to_string(text.size()) + " bytes",
          [text, select](TreeValue& v) {
            select(v).is_present = true;
            select(v).text = text;
          });
    }
  }

  // --- vectors ---------------------------------------------------------------

  TreeValue DefaultElement(const reflection::Type& type) const {
    TreeValue element;
    element.is_present = true;
    if (type.element() == reflection::Obj) {
      element.table =
          std::make_unique<TreeTable>(DefaultTable(schema_, schema_.object(type.index())));
      for (const Field* field : schema_.fields(*element.table->type)) {
        TreeValue& value = element.table->fields[field->id()];
        // What is required must be there to be read at all.
        const BaseType base = field->type()->base_type();
        if (!field->required() || (base != reflection::String && base != reflection::Vector)) {
          continue;
        }
        value.is_present = true;
        value.text = "new";
      }
    }
    return element;
  }

  void ChangeVector(const TreeValue& value) {
    const reflection::Type& type = *field_->type();
    const size_t count = value.items.size();
    if (!value.is_present || count > 0) {
      Add(": made empty", [](TreeValue& v) {
        v.is_present = true;
        v.items.clear();
      });
    }
    Add(": a new element at the end", [element = DefaultElement(type)](TreeValue& v) {
      v.is_present = true;
      v.items.push_back(element);
    });
    const bool tables =
        type.element() == reflection::Obj && !schema_.object(type.index()).is_struct();
    for (const size_t i : Positions(count)) {
      const std::string place = "[" + std::to_string(i) + "]";
      const auto at = static_cast<ptrdiff_t>(i);
      Add(place + ": removed", [at](TreeValue& v) { v.items.erase(v.items.begin() + at); });
      Add(place + ": twice", [at](TreeValue& v) {
        const TreeValue copy = v.items[static_cast<size_t>(at)];
        v.items.insert(v.items.begin() + at, copy);
      });
      if (tables) {
        Add(place + ": twice, with another name", [at](TreeValue& v) {
          TreeValue copy = v.items[static_cast<size_t>(at)];
          for (TreeValue& field : copy.table->fields) {
            if (!field.text.empty()) field.text += "~";
          }
          v.items.insert(v.items.begin() + at + 1, copy);
        });
      }
      if (i > 0) {
        Add(place + ": swapped with the one before",
            [i](TreeValue& v) { std::swap(v.items[i - 1], v.items[i]); });
      }
      if (i > 1) {
        Add(place + ": swapped with the first",
            [i](TreeValue& v) { std::swap(v.items[0], v.items[i]); });
      }
      if (i > 0 && i + 1 < count) {
        Add(place + ": nothing from here on", [i](TreeValue& v) { v.items.resize(i); });
      }
      if (IsScalar(type.element())) ChangeElement(value.items[i].bits, i, place);
      if (type.element() == reflection::String) {
        ChangeString(value.items[i], place, [i](TreeValue& v) -> TreeValue& { return v.items[i]; });
      }
    }
  }

  void ChangeElement(uint64_t bits, size_t index, const std::string& place) {
    const BaseType base = field_->type()->element();
    std::vector<uint64_t> values = Alternatives(bits, base, -1);
    if (ScalarSize(base) == 1) values = {bits ^ 1, bits ^ 0x80};  // bytes of a hash or a text
    for (const uint64_t value : values) {
      Add(place + ": " + Spell(bits, base) + " -> " + Spell(value, base),
          [index, value](TreeValue& v) { v.items[index].bits = value; });
    }
  }

  // --- tables and unions -----------------------------------------------------

  void ChangeTable(const TreeValue& value) {
    const Object& type = schema_.object(field_->type()->index());
    TreeValue empty;
    empty.is_present = true;
    empty.table = std::make_unique<TreeTable>(DefaultTable(schema_, type));
    Add(value.is_present ? ": a table of defaults" : ": there, with defaults",
        [empty](TreeValue& v) { v = empty; });
    TakeTables(value, type);
  }

  // Tables of the type from elsewhere.
  void TakeTables(const TreeValue& value, const Object& type) {
    size_t taken = 0;
    for (const TreeTable* donor : donors_.tables(&type)) {
      if (taken++ == kMostDonors) break;
      if (value.table != nullptr && donor->origin == value.table->origin && donor->origin >= 0) {
        continue;
      }
      Add(": another table", [copy = *donor](TreeValue& v) {
        v.is_present = true;
        v.table = std::make_unique<TreeTable>(copy);
      });
    }
  }

  // Each member with defaults: with the type that belongs to it, and with the one
  // that is there.
  void ChangeUnion() {
    const uint16_t type_id = field_->id() - 1;
    const TreeValue& value = table_.fields[field_->id()];
    for (const reflection::EnumVal* member :
         *schema_.enumeration(field_->type()->index()).values()) {
      const auto number = static_cast<uint64_t>(member->value());
      const Object* object = schema_.UnionMember(*field_, number);
      if (object == nullptr) continue;
      for (const bool with_type : {true, false}) {
        Add(": " + member->name()->str() + (with_type ? "" : " behind another type"), Change());
        const uint16_t id = field_->id();
        const TreeTable table = DefaultTable(schema_, *object);
        mutations_.back().apply = [=](TreeTable& parent) {
          if (with_type) parent.fields[type_id].bits = number;
          if (with_type) parent.fields[type_id].is_present = true;
          parent.fields[id].is_present = true;
          parent.fields[id].table = std::make_unique<TreeTable>(table);
        };
      }
    }
    if (value.table != nullptr) TakeTables(value, *value.table->type);
  }

  const TreeSchema& schema_;
  const TreeTable& table_;
  const TreeDonors& donors_;
  const Field* field_ = nullptr;
  std::vector<TreeMutation> mutations_;
};

}  // namespace

std::vector<TreeMutation> MutationsOf(const TreeSchema& schema, const TreeTable& table,
                                      const TreeDonors& donors) {
  return MutationLister(schema, table, donors).List();
}

void ForEachMutation(const TreeSchema& schema, TreeTable& root,
                     const std::function<void(const TreeTable& before, const TreeMutation& mutation,
                                              const std::string& path)>& visit) {
  const TreeTable original = root;
  const TreeDonors donors(schema, original);
  VisitTables(schema, root, [&](TreeTable& table, const std::string& path) {
    for (const TreeMutation& mutation : MutationsOf(schema, table, donors)) {
      const TreeTable before = table;
      mutation.apply(table);
      visit(before, mutation, path);
      table = before;
    }
  });
}

void TreeDonors::Collect(const TreeSchema& schema, const TreeTable& table) {
  tables_[table.type].push_back(&table);
  for (const Field* field : schema.fields(*table.type)) {
    const TreeValue& value = table.fields[field->id()];
    if (IsScalar(field->type()->base_type())) AddDistinct(scalars_[field], value.bits);
    if (value.is_present && field->type()->base_type() == reflection::String) {
      AddDistinct(strings_[field], value.text);
    }
    if (value.table != nullptr) Collect(schema, *value.table);
    for (const TreeValue& item : value.items) {
      if (item.table != nullptr) {
        Collect(schema, *item.table);
      } else if (field->type()->element() == reflection::String) {
        AddDistinct(strings_[field], item.text);
      } else if (value.items.size() <= kMostPositions) {
        AddDistinct(scalars_[field], item.bits);
      }
    }
  }
}

namespace {
template <typename Map>
const typename Map::mapped_type& FindOrEmpty(const Map& map, typename Map::key_type key) {
  static const typename Map::mapped_type empty;
  const auto found = map.find(key);
  return found == map.end() ? empty : found->second;
}
}  // namespace

const std::vector<uint64_t>& TreeDonors::scalars(const Field* field) const {
  return FindOrEmpty(scalars_, field);
}
const std::vector<std::string>& TreeDonors::strings(const Field* field) const {
  return FindOrEmpty(strings_, field);
}
const std::vector<const TreeTable*>& TreeDonors::tables(const Object* type) const {
  return FindOrEmpty(tables_, type);
}

}  // namespace gem::test
