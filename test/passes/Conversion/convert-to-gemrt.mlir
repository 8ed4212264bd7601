// RUN: gem-opt %s --gem-convert-to-gemrt --split-input-file | FileCheck %s
// RUN: gem-opt %s --gem-convert-to-gemrt="device=raspberry-pi-4 memory-limit=1000000000 cpu-kernels=neon" \
// RUN:   --split-input-file | FileCheck %s --check-prefix=DEVICE

// The device is by default the host, without a limit.
// DEVICE: gemrt.program @main device("raspberry-pi-4") cpu_kernels("neon") memory_limit(1000000000) {

// Tests the example of the documentation: a value is a buffer, an operation a call, a
// weight a constant. The attributes of the model stay.
// CHECK-LABEL: module attributes {gem.labels = ["a"], gem.model = {architecture = "gem", name = "tiny"}}
// CHECK-NEXT: gemrt.program @main device("host") {
// CHECK-NEXT: gemrt.symbol @n min(2) max(64)
// CHECK-NEXT: gemrt.segment @weights kind(weights)
// CHECK-NEXT: gemrt.constant @g in @weights dense<1.000000e+00> : tensor<8xf16> as !gemrt.constant<[8], f32, row_major>
// CHECK-NEXT: gemrt.constant @b in @weights dense<2.000000e+00> : tensor<8xf32> as !gemrt.constant<[8], f32, row_major>
// CHECK-NEXT: gemrt.entry @example {
// CHECK: %[[X:.*]] = gemrt.alloc : <[n, 8], f32>
// CHECK: gemrt.input "x" role(hidden_states) %[[X]]
// CHECK: %[[G:.*]] = gemrt.get_constant @g
// CHECK: %[[B:.*]] = gemrt.get_constant @b
// CHECK: %[[Y:.*]] = gemrt.alloc : <[n, 8], f32>
// CHECK: gemrt.submit cpu {
// CHECK-NEXT: gemrt.call #gemrt.layer_norm<epsilon = 9.99999996E-13 : f32> ins(%[[X]], %[[G]], %[[B]]) outs(%[[Y]]) :
// CHECK-NEXT: }
// CHECK-NEXT: gemrt.output "y" %[[Y]]
// CHECK-NOT: gem.
module attributes {gem.labels = ["a"], gem.model = {architecture = "gem", name = "tiny"}} {
  gem.symbol @n min(2) max(64)
  gem.weight @g dense<1.0> : tensor<8xf16> stored(tensor<8xf32>)
  gem.weight @b dense<2.0> : tensor<8xf32>
  func.func @example(%x: tensor<?x8xf32, #gem.dims<n>>
                         {gem.name = "x", gem.role = #gem.role<hidden_states>})
      -> (tensor<?x8xf32, #gem.dims<n>> {gem.name = "y"}) {
    %g = gem.get_weight @g : tensor<8xf32>
    %b = gem.get_weight @b : tensor<8xf32>
    %y = gem.layer_norm %x, %g, %b epsilon(1.0e-12)
        : tensor<?x8xf32, #gem.dims<n>>, tensor<8xf32>, tensor<8xf32>
    return %y : tensor<?x8xf32, #gem.dims<n>>
  }
}

// -----

// Tests that ids are bounded by the smallest table they look up, a count by the tokens,
// and other integers not at all; and a tokenizer's segment.
// CHECK-LABEL: module
// CHECK: gemrt.segment @wordpiece kind(tokenizer) data(dense<0> : tensor<4xui8>) {maximum_tokens = 4 : i64, pad_id = 1 : i64}
// CHECK: gemrt.input "ids" role(token_ids) range(0, 15)
// CHECK: gemrt.input "count" role(token_count) range(1, 4)
// CHECK: gemrt.input "other" range(0, 2147483647)
// CHECK: gemrt.call #gemrt.embedding
// CHECK: gemrt.call #gemrt.embedding
// CHECK: gemrt.call #gemrt.add ins
// CHECK: gemrt.call #gemrt.add_position
// CHECK: gemrt.call #gemrt.attention<heads = 2, head_dim = 4, scale = 5.000000e-01 : f32, first_query = 0>
gem.tokenizer @wordpiece dense<0> : tensor<4xui8> vocabulary(16) pad(1) maximum_tokens(4)
gem.weight @words dense<1.0> : tensor<16x8xf32>
gem.weight @more dense<2.0> : tensor<20x8xf32>
func.func @ranges(%ids: tensor<4xi32> {gem.name = "ids", gem.role = #gem.role<token_ids>},
                  %count: tensor<1xi32> {gem.name = "count", gem.role = #gem.role<token_count>},
                  %other: tensor<4xi32> {gem.name = "other"})
    -> (tensor<4x8xf32> {gem.name = "y"}) {
  %more = gem.get_weight @more : tensor<20x8xf32>
  %words = gem.get_weight @words : tensor<16x8xf32>
  %0 = gem.embedding %ids, %more : (tensor<4xi32>, tensor<20x8xf32>) -> tensor<4x8xf32>
  %1 = gem.embedding %ids, %words : (tensor<4xi32>, tensor<16x8xf32>) -> tensor<4x8xf32>
  %2 = gem.add %0, %1 : tensor<4x8xf32>
  %3 = gem.add_position %2, %words : tensor<4x8xf32>, tensor<16x8xf32>
  %4 = gem.attention %3, %3, %3 count %count heads(2) head_dim(4) scale(5.0e-1)
      : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<1xi32>) -> tensor<4x8xf32>
  return %4 : tensor<4x8xf32>
}

// -----

// Tests every other operation that a kernel computes. Probabilities that nobody reads are
// not computed; flags take a byte; a part of the model that has a name gives it to its
// call.
// CHECK-LABEL: module
// CHECK: gemrt.entry @operations {
// CHECK: %[[NONE:.*]] = gemrt.none
// CHECK: %[[R:.*]] = gemrt.alloc : <[n], ui8>
// CHECK: %[[C:.*]] = gemrt.alloc : <[n], i32>
// CHECK: gemrt.call #gemrt.route_tokens<threshold = 6.500000e-01 : f32> ins(%{{.*}}, %{{.*}}, %{{.*}}) outs(%[[NONE]], %[[R]], %[[C]]) {name = "router"} :
// CHECK-NEXT: gemrt.call #gemrt.linear<activation = gelu> ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) outs(%[[Q:.*]]) :
// CHECK-NEXT: gemrt.call #gemrt.scar_attention<heads = 2, head_dim = 4, scale = 5.000000e-01 : f32, first_query = 0, predicate = same_route> ins(%[[Q]], %{{.*}}, %{{.*}}, %[[R]], %[[C]])
// CHECK-NEXT: gemrt.call #gemrt.activation<function = gelu>
// CHECK-NEXT: gemrt.call #gemrt.activation<function = tanh>
// CHECK-NEXT: gemrt.call #gemrt.select_row<row = 1>
// CHECK-NEXT: gemrt.call #gemrt.linear<activation = none> ins(%{{.*}}, %{{.*}}, %[[NONE]], %[[NONE]]) outs(%{{.*}}) : (!gemrt.buffer<[1, 8], f32>, !gemrt.constant<[3, 8], f32, panel_16>, !gemrt.none, !gemrt.none) -> (!gemrt.buffer<[3], f32>)
// CHECK: gemrt.output "logits" role(logits)
// CHECK: gemrt.output "routed" role(routed) %[[R]] : <[n], ui8>
gem.symbol @n min(2) max(64)
gem.weight @w_r dense<1.0> : tensor<3x8xf32>
gem.weight @classifier dense<1.0> : tensor<3x8xf32> layout(panel_16)
gem.weight @centroids dense<1.0> : tensor<4x8xf32>
gem.weight @w dense<1.0> : tensor<8x8xf32> layout(panel_16)
gem.weight @b dense<1.0> : tensor<8xf32>
func.func @operations(%x: tensor<?x8xf32, #gem.dims<n>> {gem.name = "x"})
    -> (tensor<3xf32> {gem.name = "logits", gem.role = #gem.role<logits>},
        tensor<?xi1, #gem.dims<n>> {gem.name = "routed", gem.role = #gem.role<routed>}) {
  %w_r = gem.get_weight @w_r : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<4x8xf32>
  %p, %r, %c = gem.route_tokens %x, %w_r, %centroids clusters(4) threshold(6.5e-1)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<3x8xf32>, tensor<4x8xf32>)
        -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
            tensor<?xi32, #gem.dims<n>>) loc("router")
  %w = gem.get_weight @w : tensor<8x8xf32>
  %b = gem.get_weight @b : tensor<8xf32>
  %q = gem.linear %x, %w, %b residual %x activation(gelu)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8xf32>, tensor<8xf32>,
         tensor<?x8xf32, #gem.dims<n>>) -> tensor<?x8xf32, #gem.dims<n>>
  %0 = gem.scar_attention %q, %x, %x, %r, %c
      heads(2) head_dim(4) scale(5.0e-1) predicate(same_route)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
         tensor<?x8xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
         tensor<?xi32, #gem.dims<n>>) -> tensor<?x8xf32, #gem.dims<n>>
  %1 = gem.gelu %0 : tensor<?x8xf32, #gem.dims<n>>
  %2 = gem.tanh %1 : tensor<?x8xf32, #gem.dims<n>>
  %3 = gem.select %2[1] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
  %classifier = gem.get_weight @classifier : tensor<3x8xf32>
  %4 = gem.classify %3, %classifier : (tensor<1x8xf32>, tensor<3x8xf32>) -> tensor<3xf32>
  return %4, %r : tensor<3xf32>, tensor<?xi1, #gem.dims<n>>
}

// -----

// Tests two entry points, which have buffers of their own and share the constants; and
// probabilities that are read.
// CHECK-LABEL: module
// CHECK-COUNT-2: gemrt.constant @
// CHECK-NOT: gemrt.constant @
// CHECK: gemrt.entry @first {
// CHECK: gemrt.get_constant @w_r
// CHECK: gemrt.output "p"
// CHECK: gemrt.entry @second {
// CHECK: gemrt.get_constant @w_r
// CHECK: gemrt.output "p"
gem.weight @w_r dense<1.0> : tensor<3x8xf32>
gem.weight @centroids dense<1.0> : tensor<4x8xf32>
func.func @first(%x: tensor<4x8xf32> {gem.name = "x"}) -> (tensor<4x3xf32> {gem.name = "p"}) {
  %w_r = gem.get_weight @w_r : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<4x8xf32>
  %p, %r, %c = gem.route_tokens %x, %w_r, %centroids clusters(4) threshold(6.5e-1)
      : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<4x8xf32>)
        -> (tensor<4x3xf32>, tensor<4xi1>, tensor<4xi32>)
  return %p : tensor<4x3xf32>
}
func.func @second(%x: tensor<1x8xf32> {gem.name = "x"}) -> (tensor<1x3xf32> {gem.name = "p"}) {
  %w_r = gem.get_weight @w_r : tensor<3x8xf32>
  %centroids = gem.get_weight @centroids : tensor<4x8xf32>
  %p, %r, %c = gem.route_tokens %x, %w_r, %centroids clusters(4) threshold(6.5e-1)
      : (tensor<1x8xf32>, tensor<3x8xf32>, tensor<4x8xf32>)
        -> (tensor<1x3xf32>, tensor<1xi1>, tensor<1xi32>)
  return %p : tensor<1x3xf32>
}

// -----

// Tests that the segment's name makes way for a weight's.
// CHECK-LABEL: module
// CHECK: gemrt.segment @weights_ kind(weights)
// CHECK: gemrt.constant @weights in @weights_
gem.weight @weights dense<1.0> : tensor<8xf32>
func.func @name(%x: tensor<1x8xf32> {gem.name = "x"}) -> (tensor<1x8xf32> {gem.name = "y"}) {
  %w = gem.get_weight @weights : tensor<8xf32>
  %y = gem.layer_norm %x, %w, %w epsilon(0.0) : tensor<1x8xf32>, tensor<8xf32>, tensor<8xf32>
  return %y : tensor<1x8xf32>
}

// -----

// Tests linears of quantized weights. A layer norm that they alone read quantizes its result
// and gives no other; x, which has no such producer, is quantized once for all of them.
// CHECK-LABEL: module
// CHECK: gemrt.constant @q in @weights dense<1.000000e+00> : tensor<8x8xf16> as !gemrt.constant<[8, 8], !gem.q<i8>, panel_16>
// CHECK: gemrt.constant @k in @weights dense<0> : tensor<96xui8> as !gemrt.constant<[8, 8], !gem.q<i4>, panel_16>
// CHECK: gemrt.entry @quantized {
// CHECK: %[[X:.*]] = gemrt.alloc : <[n, 8], f32>
// CHECK: %[[NONE:.*]] = gemrt.none
// CHECK: gemrt.submit cpu {
// CHECK-NEXT: gemrt.call #gemrt.quantize_tokens ins(%[[X]]) outs(%[[TOKENS:.*]]) : (!gemrt.buffer<[n, 8], f32>) -> (!gemrt.buffer<[n, 128], ui8>)
// CHECK-NEXT: gemrt.call #gemrt.linear_quantized<activation = none> ins(%[[TOKENS]], %{{.*}}, %{{.*}}, %[[NONE]]) outs(%{{.*}}) {name = "q"} : (!gemrt.buffer<[n, 128], ui8>, !gemrt.constant<[8, 8], !gem.q<i8>, panel_16>, !gemrt.constant<[8], f32, row_major>, !gemrt.none) -> (!gemrt.buffer<[n, 8], f32>)
// CHECK-NEXT: gemrt.call #gemrt.linear_quantized<activation = gelu> ins(%[[TOKENS]], %{{.*}}, %[[NONE]], %[[X]]) outs(%[[K:.*]]) {name = "k"} :
// CHECK-NEXT: gemrt.call #gemrt.linear<activation = none> ins(%[[X]], %{{.*}}, %[[NONE]], %[[NONE]])
// CHECK-NEXT: gemrt.call #gemrt.layer_norm_quantized<epsilon = 0.000000e+00 : f32> ins(%[[K]], %{{.*}}, %{{.*}}) outs(%[[NONE]], %[[NORM:.*]]) :
// CHECK-NEXT: gemrt.call #gemrt.linear_quantized<activation = none> ins(%[[NORM]],
// CHECK-NEXT: gemrt.call #gemrt.linear_quantized<activation = none> ins(%[[NORM]],
// CHECK-NEXT: }
gem.symbol @n min(2) max(64)
gem.weight @q dense<1.0> : tensor<8x8xf16> stored(tensor<8x8x!gem.q<i8>>) layout(panel_16)
gem.weight @k dense<0> : tensor<96xui8> stored(tensor<8x8x!gem.q<i4>>) layout(panel_16)
gem.weight @v dense<1.0> : tensor<8x8xf32> stored(tensor<8x8xf16>) layout(panel_16)
gem.weight @g dense<1.0> : tensor<8xf32>
func.func @quantized(%x: tensor<?x8xf32, #gem.dims<n>> {gem.name = "x"})
    -> (tensor<?x8xf32, #gem.dims<n>> {gem.name = "a"},
        tensor<?x8xf32, #gem.dims<n>> {gem.name = "b"},
        tensor<?x8xf32, #gem.dims<n>> {gem.name = "c"},
        tensor<?x8xf32, #gem.dims<n>> {gem.name = "d"}) {
  %q = gem.get_weight @q : tensor<8x8x!gem.q<i8>>
  %k = gem.get_weight @k : tensor<8x8x!gem.q<i4>>
  %v = gem.get_weight @v : tensor<8x8xf16>
  %g = gem.get_weight @g : tensor<8xf32>
  %0 = gem.linear %x, %q, %g
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8x!gem.q<i8>>, tensor<8xf32>)
        -> tensor<?x8xf32, #gem.dims<n>> loc("q")
  %1 = gem.linear %x, %k residual %x activation(gelu)
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8x!gem.q<i4>>, tensor<?x8xf32, #gem.dims<n>>)
        -> tensor<?x8xf32, #gem.dims<n>> loc("k")
  %2 = gem.linear %x, %v
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8xf16>) -> tensor<?x8xf32, #gem.dims<n>>
  %3 = gem.layer_norm %1, %g, %g epsilon(0.0)
      : tensor<?x8xf32, #gem.dims<n>>, tensor<8xf32>, tensor<8xf32>
  %4 = gem.linear %3, %q
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8x!gem.q<i8>>) -> tensor<?x8xf32, #gem.dims<n>>
  %5 = gem.linear %3, %k
      : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8x!gem.q<i4>>) -> tensor<?x8xf32, #gem.dims<n>>
  return %0, %2, %4, %5 : tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
      tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>
}

// -----

// Tests that a layer norm gives its result in f32 too where something else reads it, here as
// a residual, and that no layer norm quantizes for linears of f32 weights; and the classifier
// of one token, whose row is left out.
// CHECK-LABEL: module
// CHECK: gemrt.submit cpu {
// CHECK-NEXT: gemrt.call #gemrt.layer_norm_quantized<epsilon = 0.000000e+00 : f32> ins(%{{.*}}, %{{.*}}, %{{.*}}) outs(%[[Y:.*]], %[[TOKENS:.*]]) : {{.*}} -> (!gemrt.buffer<[1, 8], f32>, !gemrt.buffer<[1, 128], ui8>)
// CHECK-NEXT: gemrt.call #gemrt.linear_quantized<activation = none> ins(%[[TOKENS]], %{{.*}}, %{{.*}}, %[[Y]]) outs(%[[H:.*]]) :
// CHECK-NEXT: gemrt.call #gemrt.layer_norm<epsilon = 0.000000e+00 : f32> ins(%[[H]], %{{.*}}, %{{.*}}) outs(%[[Z:.*]]) :
// CHECK-NEXT: gemrt.call #gemrt.linear<activation = none> ins(%[[Z]],
// CHECK-NEXT: gemrt.call #gemrt.quantize_tokens ins(%{{.*}}) outs(%[[ROW:.*]]) :
// CHECK-NEXT: gemrt.call #gemrt.linear_quantized<activation = none> ins(%[[ROW]], %{{.*}}, %{{.*}}, %{{.*}}) outs(%{{.*}}) : {{.*}} -> (!gemrt.buffer<[3], f32>)
// CHECK-NEXT: }
gem.weight @w dense<1.0> : tensor<8x8xf32> stored(tensor<8x8x!gem.q<i8>>) layout(panel_16)
gem.weight @f dense<1.0> : tensor<8x8xf32> layout(panel_16)
gem.weight @c dense<1.0> : tensor<3x8xf32> stored(tensor<3x8x!gem.q<i8>>) layout(panel_16)
gem.weight @g dense<1.0> : tensor<8xf32>
func.func @both(%x: tensor<1x8xf32> {gem.name = "x"}) -> (tensor<3xf32> {gem.name = "y"}) {
  %w = gem.get_weight @w : tensor<8x8x!gem.q<i8>>
  %f = gem.get_weight @f : tensor<8x8xf32>
  %c = gem.get_weight @c : tensor<3x8x!gem.q<i8>>
  %g = gem.get_weight @g : tensor<8xf32>
  %0 = gem.layer_norm %x, %g, %g epsilon(0.0) : tensor<1x8xf32>, tensor<8xf32>, tensor<8xf32>
  %1 = gem.linear %0, %w residual %0
      : (tensor<1x8xf32>, tensor<8x8x!gem.q<i8>>, tensor<1x8xf32>) -> tensor<1x8xf32>
  %2 = gem.layer_norm %1, %g, %g epsilon(0.0) : tensor<1x8xf32>, tensor<8xf32>, tensor<8xf32>
  %3 = gem.linear %2, %f : (tensor<1x8xf32>, tensor<8x8xf32>) -> tensor<1x8xf32>
  %4 = gem.classify %3, %c : (tensor<1x8xf32>, tensor<3x8x!gem.q<i8>>) -> tensor<3xf32>
  return %4 : tensor<3xf32>
}

// -----

// Tests embeddings of several tables, whose ids the map bounds, or else the rows of all; one
// table with a map is looked up through it too.
// CHECK-LABEL: module
// CHECK: gemrt.constant @map in @weights dense<1> : tensor<20xui16> as !gemrt.constant<[20], ui16, row_major>
// CHECK: gemrt.input "ids" range(0, 18)
// CHECK: gemrt.input "mapped" range(0, 19)
// CHECK: gemrt.input "other" range(0, 19)
// CHECK-DAG: %[[MAP:.*]] = gemrt.get_constant @map
// CHECK-DAG: %[[NONE:.*]] = gemrt.none
// CHECK: gemrt.submit cpu {
// CHECK-NEXT: gemrt.call #gemrt.embedding_blocks ins(%{{.*}}, %[[A:.*]], %[[B:.*]], %[[NONE]], %[[NONE]], %[[NONE]]) outs(%{{.*}}) : (!gemrt.buffer<[4], i32>, !gemrt.constant<[3, 8], !gem.q<i8>, row_major>, !gemrt.constant<[16, 8], !gem.q<i3, group = 32>, row_major>, !gemrt.none,
// CHECK-NEXT: gemrt.call #gemrt.embedding_blocks ins(%{{.*}}, %[[A]], %[[B]], %[[NONE]], %[[NONE]], %[[MAP]])
// CHECK-NEXT: gemrt.call #gemrt.embedding_blocks ins(%{{.*}}, %[[B]], %[[NONE]], %[[NONE]], %[[NONE]], %[[MAP]])
// CHECK-NEXT: }
gem.weight @a dense<1.0> : tensor<3x8xf32> stored(tensor<3x8x!gem.q<i8>>)
gem.weight @b dense<1.0> : tensor<16x8xf32> stored(tensor<16x8x!gem.q<i3, group = 32>>)
gem.weight @map dense<1> : tensor<20xui16>
func.func @blocks(%ids: tensor<4xi32> {gem.name = "ids"}, %mapped: tensor<4xi32> {gem.name = "mapped"},
                  %other: tensor<4xi32> {gem.name = "other"})
    -> (tensor<4x8xf32> {gem.name = "x"}, tensor<4x8xf32> {gem.name = "y"},
        tensor<4x8xf32> {gem.name = "z"}) {
  %a = gem.get_weight @a : tensor<3x8x!gem.q<i8>>
  %b = gem.get_weight @b : tensor<16x8x!gem.q<i3, group = 32>>
  %map = gem.get_weight @map : tensor<20xui16>
  %0 = gem.embedding %ids, %a, %b
      : (tensor<4xi32>, tensor<3x8x!gem.q<i8>>, tensor<16x8x!gem.q<i3, group = 32>>)
        -> tensor<4x8xf32>
  %1 = gem.embedding %mapped, %a, %b map %map
      : (tensor<4xi32>, tensor<3x8x!gem.q<i8>>, tensor<16x8x!gem.q<i3, group = 32>>,
         tensor<20xui16>) -> tensor<4x8xf32>
  %2 = gem.embedding %other, %b map %map
      : (tensor<4xi32>, tensor<16x8x!gem.q<i3, group = 32>>, tensor<20xui16>) -> tensor<4x8xf32>
  return %0, %1, %2 : tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// Tests that the pass must do nothing to the entry point's shape where there is nothing to
// compute: inputs, and no calls.
// CHECK-LABEL: module
// CHECK-NOT: gemrt.segment
// CHECK: gemrt.entry @nothing {
// CHECK-NEXT: %[[X:.*]] = gemrt.alloc
// CHECK-NEXT: gemrt.input "x" %[[X]]
// CHECK-NEXT: gemrt.submit cpu {
// CHECK-NEXT: }
// CHECK-NEXT: }
func.func @nothing(%x: tensor<1x8xf32> {gem.name = "x"}) {
  return
}
