// RUN: gem-opt %s --split-input-file --verify-roundtrip | FileCheck %s

// Tests that the attributes of a model, its entry points' bindings, symbols and the
// example of the dialect's documentation survive a round trip.
// CHECK-LABEL: module attributes
// CHECK-SAME: gem.labels = ["law", "medicine"]
// CHECK-SAME: gem.model = {architecture = "gem", name = "tiny", parameters = 1048576 : i64}
// CHECK-SAME: gem.padded
// CHECK-SAME: gem.provenance = {source = "tiny/model.safetensors"}
module attributes {
  gem.labels = ["law", "medicine"],
  gem.model = {architecture = "gem", name = "tiny", parameters = 1048576},
  gem.padded,
  gem.provenance = {source = "tiny/model.safetensors"}
} {
  // CHECK: gem.symbol @n min(2) max(64)
  gem.symbol @n min(2) max(64)
  // CHECK: gem.symbol @one min(1) max(1048576)
  gem.symbol @one min(1) max(1048576)
  // CHECK: gem.weight @embeddings dense_resource<embeddings> : tensor<8192x128xf32>
  gem.weight @embeddings dense_resource<embeddings> : tensor<8192x128xf32>
  // CHECK: func.func @main(%{{.*}}: tensor<?xi32, #gem.dims<n>> {gem.name = "ids", gem.role = #gem.role<token_ids>})
  // CHECK-SAME: -> (tensor<?x128xf32, #gem.dims<n>> {gem.name = "x", gem.role = #gem.role<hidden_states>})
  func.func @main(
      %ids: tensor<?xi32, #gem.dims<n>> {gem.name = "ids", gem.role = #gem.role<token_ids>})
      -> (tensor<?x128xf32, #gem.dims<n>> {gem.name = "x", gem.role = #gem.role<hidden_states>}) {
    // CHECK: %[[TABLE:.*]] = gem.get_weight @embeddings : tensor<8192x128xf32>
    %table = gem.get_weight @embeddings : tensor<8192x128xf32>
    // CHECK: gem.embedding %{{.*}}, %[[TABLE]] : (tensor<?xi32, #gem.dims<n>>, tensor<8192x128xf32>) -> tensor<?x128xf32, #gem.dims<n>>
    %x = gem.embedding %ids, %table
        : (tensor<?xi32, #gem.dims<n>>, tensor<8192x128xf32>) -> tensor<?x128xf32, #gem.dims<n>>
    return %x : tensor<?x128xf32, #gem.dims<n>>
  }
}

// -----

// Tests the roles that the case above does not use.
// CHECK-LABEL: func.func private @roles
// CHECK-SAME: #gem.role<token_count>
// CHECK-SAME: #gem.role<logits>
// CHECK-SAME: #gem.role<routed>
// CHECK-SAME: #gem.role<cluster>
// CHECK-SAME: #gem.role<cls>
// CHECK-SAME: #gem.role<activation>
func.func private @roles(tensor<1xi32> {gem.name = "count", gem.role = #gem.role<token_count>})
    -> (tensor<3xf32> {gem.name = "logits", gem.role = #gem.role<logits>},
        tensor<4xi1> {gem.name = "routed", gem.role = #gem.role<routed>},
        tensor<4xi32> {gem.name = "cluster", gem.role = #gem.role<cluster>},
        tensor<1x8xf32> {gem.name = "cls", gem.role = #gem.role<cls>},
        tensor<4x8xf32> {gem.name = "tap", gem.role = #gem.role<activation>})

// -----

// Tests the names of several dynamic extents, of none, and the enumerations as attributes.
// CHECK-LABEL: func.func private @attributes
// CHECK-SAME: tensor<?x?x4xf32, #gem.dims<n, m>>
// CHECK-SAME: tensor<4xf32, #gem.dims<>>
// CHECK-SAME: a = #gem.activation<none>
// CHECK-SAME: b = #gem.activation<gelu>
// CHECK-SAME: c = #gem.activation<tanh>
// CHECK-SAME: d = #gem.layout<row_major>
// CHECK-SAME: e = #gem.layout<panel_16>
// CHECK-SAME: f = #gem.scar_predicate<either>
// CHECK-SAME: g = #gem.scar_predicate<same_cluster>
// CHECK-SAME: h = #gem.scar_predicate<same_route>
func.func private @attributes(tensor<?x?x4xf32, #gem.dims<n, m>>, tensor<4xf32, #gem.dims<>>)
    attributes {
      a = #gem.activation<none>, b = #gem.activation<gelu>, c = #gem.activation<tanh>,
      d = #gem.layout<row_major>, e = #gem.layout<panel_16>,
      f = #gem.scar_predicate<either>, g = #gem.scar_predicate<same_cluster>,
      h = #gem.scar_predicate<same_route>
    }

// -----

// Tests the forms of a weight. The default layout is not printed.
// CHECK-LABEL: module
// CHECK: gem.weight @classifier.weight dense_resource<c> : tensor<39x128xf16>{{$}}
gem.weight @classifier.weight dense_resource<c> : tensor<39x128xf16>
// CHECK: gem.weight @scar.out.weight dense_resource<o> : tensor<128x128xf16> stored(tensor<128x128xf32>) layout(panel_16)
gem.weight @scar.out.weight dense_resource<o> : tensor<128x128xf16>
    stored(tensor<128x128xf32>) layout(panel_16)
// CHECK: gem.weight @splat dense<1.000000e+00> : tensor<8xbf16> stored(tensor<8xf32>)
gem.weight @splat dense<1.0> : tensor<8xbf16> stored(tensor<8xf32>)
// CHECK: gem.weight @dense dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>{{$}}
gem.weight @dense dense<[1.0, 2.0]> : tensor<2xf32> layout(row_major)
// CHECK: gem.weight @same dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf16> stored(tensor<2xf16>)
gem.weight @same dense<[1.0, 2.0]> : tensor<2xf16> stored(tensor<2xf16>)
// CHECK: gem.weight @narrower dense<1.000000e+00> : tensor<8xf32> stored(tensor<8xf16>)
gem.weight @narrower dense<1.0> : tensor<8xf32> stored(tensor<8xf16>)
// CHECK: gem.weight @rows.map dense<1> : tensor<8xui16>{{$}}
gem.weight @rows.map dense<1> : tensor<8xui16>

// -----

// Tests each form of a quantized type. Groups have two-level scales where nothing is said.
// CHECK-LABEL: func.func private @quantized
// CHECK-SAME: tensor<2x8x!gem.q<i8>>
// CHECK-SAME: tensor<2x8x!gem.q<i4>>
// CHECK-SAME: tensor<2x8x!gem.q<i3>>
// CHECK-SAME: tensor<2x8x!gem.q<i2>>
// CHECK-SAME: tensor<2x8x!gem.q<i4, group = 32>>
// CHECK-SAME: tensor<2x8x!gem.q<i3, group = 64>>
// CHECK-SAME: tensor<2x8x!gem.q<i2, group = 128>>
// CHECK-SAME: tensor<2x8x!gem.q<i4, group = 32, scales = f16>>
// CHECK-SAME: tensor<2x8x!gem.q<i3, group = 64, scales = f16>>
func.func private @quantized(
    tensor<2x8x!gem.q<i8>>, tensor<2x8x!gem.q<i4>>, tensor<2x8x!gem.q<i3>>,
    tensor<2x8x!gem.q<i2>>, tensor<2x8x!gem.q<i4, group = 32>>,
    tensor<2x8x!gem.q<i3, group = 64>>, tensor<2x8x!gem.q<i2, group = 128>>,
    tensor<2x8x!gem.q<i4, group = 32, scales = f16>>,
    tensor<2x8x!gem.q<i3, scales = f16, group = 64>>)

// -----

// Tests quantized weights: of floats that are yet to be quantized, and of codes that were
// chosen. Encoded, a row has its codes, an f32 scale where there are no f16 scales, and a
// byte or an f16 for each group, the last of which may be short.
// CHECK-LABEL: module
// CHECK: gem.weight @floats dense_resource<o> : tensor<128x128xf16> stored(tensor<128x128x!gem.q<i4, group = 32>>) layout(panel_16)
gem.weight @floats dense_resource<o> : tensor<128x128xf16>
    stored(tensor<128x128x!gem.q<i4, group = 32>>) layout(panel_16)
// CHECK: gem.weight @by_row dense<0> : tensor<24xui8> stored(tensor<2x8x!gem.q<i8>>)
gem.weight @by_row dense<0> : tensor<24xui8> stored(tensor<2x8x!gem.q<i8>>)
// CHECK: gem.weight @two_levels dense<0> : tensor<140xui8> stored(tensor<2x64x!gem.q<i3, group = 32>>)
gem.weight @two_levels dense<0> : tensor<140xui8> stored(tensor<2x64x!gem.q<i3, group = 32>>)
// CHECK: gem.weight @short_group dense<0> : tensor<84xui8> stored(tensor<2x36x!gem.q<i4, group = 32>>)
gem.weight @short_group dense<0> : tensor<84xui8>
    stored(tensor<2x36x!gem.q<i4, group = 32>>)
// CHECK: gem.weight @half_scales dense<0> : tensor<136xui8> stored(tensor<2x64x!gem.q<i4, group = 32, scales = f16>>)
gem.weight @half_scales dense<0> : tensor<136xui8>
    stored(tensor<2x64x!gem.q<i4, group = 32, scales = f16>>)

// -----

// Tests that the data of a weight's resource stays with it.
// CHECK-LABEL: module
// CHECK: gem.weight @w dense_resource<w> : tensor<3xf16>
// CHECK: gem.weight @one dense_resource<one> : tensor<1xf32>
// CHECK: w: "0x02000000003C00400042"
gem.weight @w dense_resource<w> : tensor<3xf16>
gem.weight @one dense_resource<one> : tensor<1xf32>
{-#
  dialect_resources: {
    builtin: {
      w: "0x02000000003C00400042",
      one: "0x040000000000803F"
    }
  }
#-}

// -----

// Tests that a weight's value is named after the weight, for people to read, in the type
// in which the weight is stored.
gem.weight @encoder.layer.0.attention.self.query.weight dense<1.0> : tensor<2x2xf16>
    stored(tensor<2x2xf32>)
// CHECK-LABEL: func.func @get_weight
// CHECK: %query_weight = gem.get_weight @encoder.layer.0.attention.self.query.weight : tensor<2x2xf32>
func.func @get_weight() -> tensor<2x2xf32> {
  %0 = gem.get_weight @encoder.layer.0.attention.self.query.weight : tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}

// -----

// Tests a tokenizer.
// CHECK-LABEL: module
// CHECK: gem.tokenizer @wordpiece dense_resource<t> : tensor<131072xui8> vocabulary(8192) pad(0) maximum_tokens(64)
gem.tokenizer @wordpiece dense_resource<t> : tensor<131072xui8>
    vocabulary(8192) pad(0) maximum_tokens(64)

// -----

// Tests the operations on embeddings, with dynamic and static extents, and weights in the
// narrow types of a checkpoint.
// CHECK-LABEL: func.func @embeddings
func.func @embeddings(%ids: tensor<4xi32>, %words: tensor<16x8xf16>,
                      %x: tensor<?x8xf32, #gem.dims<n>>, %positions: tensor<512x8xf32>,
                      %types: tensor<2x8xbf16>) {
  // CHECK: gem.embedding %{{.*}}, %{{.*}} : (tensor<4xi32>, tensor<16x8xf16>) -> tensor<4x8xf32>
  %0 = gem.embedding %ids, %words : (tensor<4xi32>, tensor<16x8xf16>) -> tensor<4x8xf32>
  // CHECK: gem.add_position %{{.*}}, %{{.*}} : tensor<?x8xf32, #gem.dims<n>>, tensor<512x8xf32>
  %1 = gem.add_position %x, %positions : tensor<?x8xf32, #gem.dims<n>>, tensor<512x8xf32>
  // CHECK: gem.add_position %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<512x8xf32>
  %2 = gem.add_position %0, %positions : tensor<4x8xf32>, tensor<512x8xf32>
  // CHECK: gem.add_row %{{.*}}, %{{.*}}[1] : tensor<?x8xf32, #gem.dims<n>>, tensor<2x8xbf16>
  %3 = gem.add_row %1, %types[1] : tensor<?x8xf32, #gem.dims<n>>, tensor<2x8xbf16>
  return
}

// -----

// Tests embeddings of several tables, which are looked up one after the other or through a
// map; each has a format of its own.
// CHECK-LABEL: func.func @embedding_parts
func.func @embedding_parts(%ids: tensor<4xi32>, %frequent: tensor<2x8x!gem.q<i8>>,
                           %rare: tensor<14x8x!gem.q<i4, group = 32>>, %rest: tensor<1x8xf32>,
                           %map: tensor<16xui16>) {
  // CHECK: gem.embedding %{{.*}}, %{{.*}}, %{{.*}} : (tensor<4xi32>, tensor<2x8x!gem.q<i8>>, tensor<14x8x!gem.q<i4, group = 32>>) -> tensor<4x8xf32>
  %0 = gem.embedding %ids, %frequent, %rare
      : (tensor<4xi32>, tensor<2x8x!gem.q<i8>>, tensor<14x8x!gem.q<i4, group = 32>>)
        -> tensor<4x8xf32>
  // CHECK: gem.embedding %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} map %{{.*}} : (tensor<4xi32>, tensor<2x8x!gem.q<i8>>, tensor<14x8x!gem.q<i4, group = 32>>, tensor<1x8xf32>, tensor<1x8xf32>, tensor<16xui16>) -> tensor<4x8xf32>
  %1 = gem.embedding %ids, %frequent, %rare, %rest, %rest map %map
      : (tensor<4xi32>, tensor<2x8x!gem.q<i8>>, tensor<14x8x!gem.q<i4, group = 32>>,
         tensor<1x8xf32>, tensor<1x8xf32>, tensor<16xui16>) -> tensor<4x8xf32>
  // CHECK: gem.embedding %{{.*}}, %{{.*}} map %{{.*}} : (tensor<4xi32>, tensor<1x8xf32>, tensor<16xui16>) -> tensor<4x8xf32>
  %2 = gem.embedding %ids, %rest map %map
      : (tensor<4xi32>, tensor<1x8xf32>, tensor<16xui16>) -> tensor<4x8xf32>
  // CHECK: gem.add_position %{{.*}}, %{{.*}} : tensor<4x8xf32>, tensor<14x8x!gem.q<i4, group = 32>>
  %3 = gem.add_position %0, %rare : tensor<4x8xf32>, tensor<14x8x!gem.q<i4, group = 32>>
  return
}

// -----

// Tests linear with every combination of its optional parts; `activation(none)` is the
// default and not printed.
// CHECK-LABEL: func.func @linear
// CHECK-SAME: (%[[X:.*]]: tensor<?x8xf32, #gem.dims<n>>, %[[W:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<4xf32>, %[[R:.*]]: tensor<?x4xf32, #gem.dims<n>>)
func.func @linear(%x: tensor<?x8xf32, #gem.dims<n>>, %w: tensor<4x8xf32>, %b: tensor<4xf32>,
                  %r: tensor<?x4xf32, #gem.dims<n>>) {
  // CHECK: gem.linear %[[X]], %[[W]] : (
  %0 = gem.linear %x, %w activation(none)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<4x8xf32>) -> tensor<?x4xf32, #gem.dims<n>>
  // CHECK: gem.linear %[[X]], %[[W]], %[[B]] : (
  %1 = gem.linear %x, %w, %b
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<4x8xf32>, tensor<4xf32>)
        -> tensor<?x4xf32, #gem.dims<n>>
  // CHECK: gem.linear %[[X]], %[[W]] residual %[[R]] : (
  %2 = gem.linear %x, %w residual %r
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<4x8xf32>, tensor<?x4xf32, #gem.dims<n>>)
        -> tensor<?x4xf32, #gem.dims<n>>
  // CHECK: gem.linear %[[X]], %[[W]] activation(tanh) : (
  %3 = gem.linear %x, %w activation(tanh)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<4x8xf32>) -> tensor<?x4xf32, #gem.dims<n>>
  // CHECK: gem.linear %[[X]], %[[W]], %[[B]] residual %[[R]] activation(gelu) : (tensor<?x8xf32, #gem.dims<n>>, tensor<4x8xf32>, tensor<4xf32>, tensor<?x4xf32, #gem.dims<n>>) -> tensor<?x4xf32, #gem.dims<n>>
  %4 = gem.linear %x, %w, %b residual %r activation(gelu)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<4x8xf32>, tensor<4xf32>,
         tensor<?x4xf32, #gem.dims<n>>) -> tensor<?x4xf32, #gem.dims<n>>
  return
}

// -----

// Tests the operations on each element or row.
// CHECK-LABEL: func.func @elementwise
func.func @elementwise(%x: tensor<?x8xf32, #gem.dims<n>>, %g: tensor<8xf32>, %b: tensor<8xf16>) {
  // CHECK: gem.add %{{.*}}, %{{.*}} : tensor<?x8xf32, #gem.dims<n>>
  %0 = gem.add %x, %x : tensor<?x8xf32, #gem.dims<n>>
  // CHECK: gem.layer_norm %{{.*}}, %{{.*}}, %{{.*}} epsilon(9.9999999999999998E-13) : tensor<?x8xf32, #gem.dims<n>>, tensor<8xf32>, tensor<8xf16>
  %1 = gem.layer_norm %x, %g, %b epsilon(1.0e-12)
      : tensor<?x8xf32, #gem.dims<n>>, tensor<8xf32>, tensor<8xf16>
  // CHECK: gem.gelu %{{.*}} : tensor<?x8xf32, #gem.dims<n>>
  %2 = gem.gelu %1 : tensor<?x8xf32, #gem.dims<n>>
  // CHECK: gem.tanh %{{.*}} : tensor<?x8xf32, #gem.dims<n>>
  %3 = gem.tanh %2 : tensor<?x8xf32, #gem.dims<n>>
  return
}

// -----

// Tests attention over all tokens, over counted ones, and with queries of its own; the
// width of a head times the number of heads need not be the hidden size.
// CHECK-LABEL: func.func @attention
func.func @attention(%x: tensor<8x6xf32>, %q: tensor<1x6xf32>, %count: tensor<1xi32>,
                     %d: tensor<?x6xf32, #gem.dims<n>>) {
  // CHECK: gem.attention %{{.*}}, %{{.*}}, %{{.*}} heads(2) head_dim(3) scale(5.000000e-01) : (tensor<?x6xf32, #gem.dims<n>>,
  %0 = gem.attention %d, %d, %d heads(2) head_dim(3) scale(5.0e-1)
      : (tensor<?x6xf32, #gem.dims<n>>, tensor<?x6xf32, #gem.dims<n>>,
         tensor<?x6xf32, #gem.dims<n>>) -> tensor<?x6xf32, #gem.dims<n>>
  // CHECK: gem.attention %{{.*}}, %{{.*}}, %{{.*}} count %{{.*}} heads(2) head_dim(3) scale(5.000000e-01) : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<1xi32>) -> tensor<8x6xf32>
  %1 = gem.attention %x, %x, %x count %count heads(2) head_dim(3) scale(5.0e-1)
      : (tensor<8x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>, tensor<1xi32>) -> tensor<8x6xf32>
  // CHECK: gem.attention %{{.*}}, %{{.*}}, %{{.*}} heads(6) head_dim(1) scale(-1.000000e+00) first_query(7) : (tensor<1x6xf32>,
  %2 = gem.attention %q, %x, %x heads(6) head_dim(1) scale(-1.0) first_query(7)
      : (tensor<1x6xf32>, tensor<8x6xf32>, tensor<8x6xf32>) -> tensor<1x6xf32>
  return
}

// -----

// Tests the router with and without centroids, and SCAR with each predicate.
// CHECK-LABEL: func.func @router
func.func @router(%x: tensor<?x8xf32, #gem.dims<n>>, %w_r: tensor<3x8xf32>,
                  %centroids: tensor<4x8xf32>, %q: tensor<1x8xf32>) {
  // CHECK: %[[P:.*]], %[[R:.*]], %[[C:.*]] = gem.route_tokens %{{.*}}, %{{.*}} clusters(4) threshold(6.500000e-01) : (tensor<?x8xf32, #gem.dims<n>>, tensor<3x8xf32>) -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>, tensor<?xi32, #gem.dims<n>>)
  %p, %r, %c = gem.route_tokens %x, %w_r clusters(4) threshold(6.5e-1)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<3x8xf32>)
        -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
            tensor<?xi32, #gem.dims<n>>)
  // CHECK: gem.route_tokens %{{.*}}, %{{.*}}, %{{.*}} clusters(4) threshold(1.000000e+00) : (tensor<?x8xf32, #gem.dims<n>>, tensor<3x8xf32>, tensor<4x8xf32>) ->
  %p1, %r1, %c1 = gem.route_tokens %x, %w_r, %centroids clusters(4) threshold(1.0)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<3x8xf32>, tensor<4x8xf32>)
        -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
            tensor<?xi32, #gem.dims<n>>)
  // CHECK: gem.scar_attention %{{.*}}, %{{.*}}, %{{.*}}, %[[R]], %[[C]] heads(2) head_dim(4) scale(5.000000e-01) predicate(either) : (tensor<?x8xf32, #gem.dims<n>>,
  %0 = gem.scar_attention %x, %x, %x, %r, %c
      heads(2) head_dim(4) scale(5.0e-1) predicate(either)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?x8xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>, tensor<?xi32, #gem.dims<n>>)
        -> tensor<?x8xf32, #gem.dims<n>>
  // CHECK: predicate(same_cluster) first_query(1) : (tensor<1x8xf32>,
  %1 = gem.scar_attention %q, %x, %x, %r, %c
      heads(2) head_dim(4) scale(5.0e-1) predicate(same_cluster) first_query(1)
      : (tensor<1x8xf32>, tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?xi1, #gem.dims<n>>, tensor<?xi32, #gem.dims<n>>) -> tensor<1x8xf32>
  // CHECK: predicate(same_route) : (tensor<1x8xf32>,
  %2 = gem.scar_attention %q, %x, %x, %r, %c
      heads(2) head_dim(4) scale(5.0e-1) predicate(same_route)
      : (tensor<1x8xf32>, tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?xi1, #gem.dims<n>>, tensor<?xi32, #gem.dims<n>>) -> tensor<1x8xf32>
  // CHECK: predicate(same_cluster) causal first_query(1) : (tensor<1x8xf32>,
  %3 = gem.scar_attention %q, %x, %x, %r, %c
      heads(2) head_dim(4) scale(5.0e-1) predicate(same_cluster) causal first_query(1)
      : (tensor<1x8xf32>, tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?xi1, #gem.dims<n>>, tensor<?xi32, #gem.dims<n>>) -> tensor<1x8xf32>
  return
}

// -----

// Tests linear layers of quantized weights.
// CHECK-LABEL: func.func @quantized_linear
func.func @quantized_linear(%x: tensor<1x8xf32>, %w: tensor<4x8x!gem.q<i4>>, %b: tensor<4xf32>) {
  // CHECK: gem.linear %{{.*}}, %{{.*}}, %{{.*}} : (tensor<1x8xf32>, tensor<4x8x!gem.q<i4>>, tensor<4xf32>) -> tensor<1x4xf32>
  %0 = gem.linear %x, %w, %b
      : (tensor<1x8xf32>, tensor<4x8x!gem.q<i4>>, tensor<4xf32>) -> tensor<1x4xf32>
  // CHECK: gem.classify %{{.*}}, %{{.*}} : (tensor<1x8xf32>, tensor<4x8x!gem.q<i4>>) -> tensor<4xf32>
  %1 = gem.classify %x, %w : (tensor<1x8xf32>, tensor<4x8x!gem.q<i4>>) -> tensor<4xf32>
  return
}

// -----

// Tests the heads.
// CHECK-LABEL: func.func @heads
func.func @heads(%x: tensor<?x8xf32, #gem.dims<n>>, %w: tensor<3x8xf32>, %b: tensor<3xf32>) {
  // CHECK: %[[Y:.*]] = gem.select %{{.*}}[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  %y = gem.select %x[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  // CHECK: gem.classify %[[Y]], %{{.*}} : (tensor<1x8xf32>, tensor<3x8xf32>) -> tensor<3xf32>
  %0 = gem.classify %y, %w : (tensor<1x8xf32>, tensor<3x8xf32>) -> tensor<3xf32>
  // CHECK: gem.classify %[[Y]], %{{.*}}, %{{.*}} : (tensor<1x8xf32>, tensor<3x8xf32>, tensor<3xf32>) -> tensor<3xf32>
  %1 = gem.classify %y, %w, %b
      : (tensor<1x8xf32>, tensor<3x8xf32>, tensor<3xf32>) -> tensor<3xf32>
  return
}
