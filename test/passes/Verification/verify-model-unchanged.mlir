// RUN: gem-opt %s -o %t.before
// RUN: gem-opt %s --gem-verify-model -o %t.after
// RUN: diff %t.before %t.after

// Tests that the pass must do nothing to a model without fault: here a whole one.
module attributes {gem.labels = ["a", "b", "c"],
                   gem.model = {architecture = "gem", name = "tiny"}} {
  gem.symbol @n min(2) max(64)
  gem.tokenizer @wordpiece dense<0> : tensor<4xui8> vocabulary(100) pad(0) maximum_tokens(64)
  gem.weight @words dense<1.0> : tensor<100x8xf32>
  gem.weight @positions dense<2.0> : tensor<64x8xf16>
  gem.weight @w dense<2.0> : tensor<8x8xf32>
  gem.weight @w_r dense<2.0> : tensor<3x8xf32>
  func.func @main(
      %ids: tensor<?xi32, #gem.dims<n>> {gem.name = "ids", gem.role = #gem.role<token_ids>})
      -> (tensor<3xf32> {gem.name = "logits", gem.role = #gem.role<logits>},
          tensor<?xi1, #gem.dims<n>> {gem.name = "routed", gem.role = #gem.role<routed>},
          tensor<?xi32, #gem.dims<n>> {gem.name = "cluster", gem.role = #gem.role<cluster>}) {
    %words = gem.get_weight @words : tensor<100x8xf32>
    %0 = gem.embedding %ids, %words
        : (tensor<?xi32, #gem.dims<n>>, tensor<100x8xf32>) -> tensor<?x8xf32, #gem.dims<n>>
    %positions = gem.get_weight @positions : tensor<64x8xf16>
    %1 = gem.add_position %0, %positions : tensor<?x8xf32, #gem.dims<n>>, tensor<64x8xf16>
    %w_r = gem.get_weight @w_r : tensor<3x8xf32>
    %p, %r, %c = gem.route_tokens %1, %w_r clusters(4) threshold(6.5e-1)
        : (tensor<?x8xf32, #gem.dims<n>>, tensor<3x8xf32>)
          -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
              tensor<?xi32, #gem.dims<n>>)
    %w = gem.get_weight @w : tensor<8x8xf32>
    %q = gem.linear %1, %w
        : (tensor<?x8xf32, #gem.dims<n>>, tensor<8x8xf32>) -> tensor<?x8xf32, #gem.dims<n>>
    %2 = gem.scar_attention %q, %1, %1, %r, %c
        heads(2) head_dim(4) scale(5.0e-1) predicate(either)
        : (tensor<?x8xf32, #gem.dims<n>>, tensor<?x8xf32, #gem.dims<n>>,
           tensor<?x8xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
           tensor<?xi32, #gem.dims<n>>) -> tensor<?x8xf32, #gem.dims<n>>
    %cls = gem.select %2[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
    %logits = gem.classify %cls, %w_r : (tensor<1x8xf32>, tensor<3x8xf32>) -> tensor<3xf32>
    return %logits, %r, %c
        : tensor<3xf32>, tensor<?xi1, #gem.dims<n>>, tensor<?xi32, #gem.dims<n>>
  }
}
