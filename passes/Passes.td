// The passes, in the order in which gem-compile runs them.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_PASSES_PASSES_TD
#define GEM_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

def VerifyModelPass : Pass<"gem-verify-model", "::mlir::ModuleOp"> {
  let summary = "Check what no single operation can see";
  let description = [{
    Goes in and comes out: a module in the gem dialect, unchanged.

    Refused, each problem with an error of its own:
    * a module without entry points, or with more than one tokenizer;
    * a dynamic extent without a name, or whose name has no `gem.symbol`; an extent of 0;
    * an entry point's argument or result without a `gem.name`, or with one that
      another has, or whose type does not fit its role;
    * an `add_position` whose table has fewer rows than the symbol's maximum;
    * a `select` of a row, or an attention's queries of tokens, that the symbol's minimum
      does not promise;
    * a tokenizer whose vocabulary is larger than the table that the argument of role
      `token_ids` looks up, or which gives more ids than that argument may have;
    * labels that are not as many as the logits;
    * with `check-finite`, a weight with a value that is not a number or infinite.

    ```mlir
    gem.symbol @n min(2) max(64)
    func.func @main(%x: tensor<?x8xf32, #gem.dims<n>> {gem.name = "x"})
        -> (tensor<?x8xf32, #gem.dims<n>> {gem.name = "y"}) {
      // error: expected a table of at least 64 rows, the maximum of @n, but got 32
      %t = gem.get_weight @positions : tensor<32x8xf32>
      %y = gem.add_position %x, %t : tensor<?x8xf32, #gem.dims<n>>, tensor<32x8xf32>
      return %y : tensor<?x8xf32, #gem.dims<n>>
    }
    ```
  }];
  let options = [
    Option<"checkFinite", "check-finite", "bool", "true",
           "Refuse weights with values that are not finite; reads every weight once">,
  ];
}

//===----------------------------------------------------------------------===//
// Routing
//===----------------------------------------------------------------------===//

def FitRouterCentroidsPass : Pass<"gem-fit-router-centroids", "::mlir::ModuleOp"> {
  let summary = "Fit the router's centroids on calibration activations";
  let description = [{
    A checkpoint that comes straight from training has no centroids: the trainer
    clusters every batch anew. This pass freezes them: it collects what reaches each
    `route_tokens` that has no centroids, runs k-means++ (Arthur and Vassilvitskii, SODA
    2007) and Lloyd's iteration (1982) on it with a fixed seed, and gives the operation
    a `gem.weight`.

    The activations come from the pass's ActivationSource (gem-compile runs the model on
    the calibration texts), or from the file that `activations` names: rows of
    little-endian f32, as many columns as the router's input.

    The arithmetic has one fixed order, so the same activations give the same centroids
    on every host. At most `max-tokens` tokens are used, a uniform sample.

    Goes in: `%p, %r, %c = gem.route_tokens %x, %w clusters(2) threshold(6.5e-1) : ...`

    Comes out:
    ```mlir
    gem.weight @router.centroids dense_resource<router.centroids> : tensor<2x4xf32>
    %centroids = gem.get_weight @router.centroids : tensor<2x4xf32>
    %p, %r, %c = gem.route_tokens %x, %w, %centroids clusters(2) threshold(6.5e-1) : ...
    ```

    Refused: no activations at all, or some that are not finite; fewer distinct tokens than
    clusters.
  }];
  let options = [
    Option<"activationsFile", "activations", "std::string", "",
           "File of f32 rows to fit on, instead of running the model">,
    Option<"seed", "seed", "uint64_t", "0", "Seed of the random choices">,
    Option<"maxIterations", "max-iterations", "unsigned", "50", "Lloyd iterations at most">,
    Option<"maxTokens", "max-tokens", "unsigned", "32768", "Tokens to fit on at most">,
  ];
  let statistics = [
    Statistic<"numFitted", "routers fitted", "Routers that got centroids">,
  ];
}

//===----------------------------------------------------------------------===//
// Pruning
//===----------------------------------------------------------------------===//

def PruneChannelsPass : Pass<"gem-prune-channels", "::mlir::ModuleOp"> {
  let summary = "Remove channels between linear layers, or whole heads of an attention";
  let description = [{
    Channels that one linear layer makes and one other reads are removed from both: rows of
    the weights (and elements of the biases) that make them, columns of the weight that
    reads them. Shapes shrink; the result is that of the model with those columns set to 0.
    Between them may be what keeps channels apart (ChannelOpInterface): activations, sums,
    or an attention, whose heads go as wholes.

    `keep` names such channels by the layer that reads them, and lists what stays, from 0
    on: `encoder.layer.0.output.dense=0-255,300;scar.out=1`. What it does not name stays.

    Goes in:
    ```mlir
    gem.weight @up.weight dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
    gem.weight @down.weight dense<[[7.0, 8.0, 9.0], [10.0, 11.0, 12.0]]> : tensor<2x3xf32>
    %up = gem.get_weight @up.weight : tensor<3x2xf32>
    %1 = gem.linear %0, %up : (...) -> tensor<?x3xf32, #gem.dims<n>>
    %2 = gem.gelu %1 : tensor<?x3xf32, #gem.dims<n>>
    %down = gem.get_weight @down.weight : tensor<2x3xf32>
    %3 = gem.linear %2, %down : (...) -> tensor<?x2xf32, #gem.dims<n>>
    ```
    Comes out, with `keep="down=0,2"`:
    ```mlir
    gem.weight @up.weight dense<[[1.0, 2.0], [5.0, 6.0]]> : tensor<2x2xf32>
    gem.weight @down.weight dense<[[7.0, 9.0], [10.0, 12.0]]> : tensor<2x2xf32>
    %up = gem.get_weight @up.weight : tensor<2x2xf32>
    %1 = gem.linear %0, %up : (...) -> tensor<?x2xf32, #gem.dims<n>>
    %2 = gem.gelu %1 : tensor<?x2xf32, #gem.dims<n>>
    %down = gem.get_weight @down.weight : tensor<2x2xf32>
    %3 = gem.linear %2, %down : (...) -> tensor<?x2xf32, #gem.dims<n>>
    ```

    Refused: a name of no such channels; entries that are not there, twice there or none at
    all; a weight that has a `stored` type already, or no data.
  }];
  let options = [
    Option<"keep", "keep", "std::string", "\"\"", "What stays: NAME=0-15,20;NAME=...">,
  ];
  let statistics = [
    Statistic<"numRemoved", "entries removed", "Channels and heads removed">,
  ];
}

def PruneHeadChannelsPass : Pass<"gem-prune-head-channels", "::mlir::ModuleOp"> {
  let summary = "Make the heads of an attention narrower";
  let description = [{
    Keeps the first channels of every head of an attention: rows of the weights that make
    queries, keys and values, columns of the weight that reads the result. The scale of the
    scores stays as it is.

    `head-dim` names the heads by the layer that reads them, as for `gem-prune-channels`.

    Goes in: `gem.attention %q, %k, %v heads(2) head_dim(64) scale(1.25e-1) : ...`

    Comes out, with `head-dim="encoder.layer.0.attention.output.dense=48"`:
    `gem.attention %q, %k, %v heads(2) head_dim(48) scale(1.25e-1) : ...`

    Refused: a name of no heads; more channels than a head has, or none; a weight that has a
    `stored` type already, or no data.
  }];
  let options = [
    Option<"headDim", "head-dim", "std::string", "\"\"", "Channels that stay: NAME=48;NAME=...">,
  ];
  let statistics = [
    Statistic<"numRemoved", "channels removed", "Channels removed, of all heads">,
  ];
}

def PruneBlocksPass : Pass<"gem-prune-blocks", "::mlir::ModuleOp"> {
  let summary = "Remove blocks of the residual stream";
  let description = [{
    An attention or a feed-forward network with its residual sum and its layer norm is
    skipped: its input takes the place of its output, and the weights that only it reads go.
    Without both blocks of an encoder layer the layer is gone.

    `remove` names blocks by their last linear layer.

    Goes in:
    ```mlir
    %1 = gem.linear %0, %up : (...) -> tensor<?x8xf32, #gem.dims<n>>
    %2 = gem.gelu %1 : tensor<?x8xf32, #gem.dims<n>>
    %3 = gem.linear %2, %down : (...) -> tensor<?x2xf32, #gem.dims<n>>
    %4 = gem.add %3, %0 : tensor<?x2xf32, #gem.dims<n>>
    %5 = gem.layer_norm %4, %gamma, %beta epsilon(1.0e-12) : ...
    %6 = gem.tanh %5 : tensor<?x2xf32, #gem.dims<n>>
    ```
    Comes out, with `remove=down`:
    ```mlir
    %6 = gem.tanh %0 : tensor<?x2xf32, #gem.dims<n>>
    ```

    Refused: a name of no block. No block is what others read a part of, or what reads the
    stream elsewhere than at its input.
  }];
  let options = [
    ListOption<"remove", "remove", "std::string", "Names of the blocks to remove">,
  ];
  let statistics = [
    Statistic<"numRemoved", "blocks removed", "Blocks removed">,
  ];
}

def PruneRowsPass : Pass<"gem-prune-rows", "::mlir::ModuleOp"> {
  let summary = "Remove rows of tables: positions, router clusters, classes";
  let description = [{
    * `positions` cuts position tables to the rows that a text of the symbol's maximum
      length reads. No result changes.
    * `merge-clusters` says of each of the router's clusters which it becomes, from 0 to the
      new number; a new centroid is the mean of those that become it. Tokens go to the
      nearest new centroid. Tokens that shared a cluster mostly still do, and may share it
      with more: SCAR permits more pairs.
    * `keep-classes` lists the classes that the classifier keeps, with their labels, from 0
      on. The router's classes stay.

    Goes in: `gem.weight @router.centroids dense<[[1.0], [3.0], [8.0]]> : tensor<3x1xf32>`

    Comes out, with `merge-clusters=0,0,1`:
    `gem.weight @router.centroids dense<[[2.0], [8.0]]> : tensor<2x1xf32>`

    Refused: a class that is not there; a cluster that none becomes; a number of clusters
    that is not the router's; a router or a classifier that is not there; weights that have a
    `stored` type already, no data, or other readers.
  }];
  let options = [
    Option<"positions", "positions", "bool", "false", "Cut position tables">,
    Option<"mergeClustersTo", "merge-clusters", "std::string", "\"\"",
           "The new cluster of each old one: 0,0,1">,
    Option<"classes", "keep-classes", "std::string", "\"\"", "Classes that stay: 0-15,20">,
  ];
}

//===----------------------------------------------------------------------===//
// Graph
//===----------------------------------------------------------------------===//

def FoldEmbeddingsPass : Pass<"gem-fold-embeddings", "::mlir::ModuleOp"> {
  let summary = "Fold the token type into the position table, and cut the table";
  let description = [{
    Adding row `r` of one table to every token and row i of another to token i is adding
    row i of their sum. Positions past the symbol's maximum are never read, so the sum
    is made, and stored, for the others only.

    Goes in:
    ```mlir
    %1 = gem.add_row %0, %types[0] : tensor<?x8xf32, #gem.dims<n>>, tensor<2x8xf32>
    %2 = gem.add_position %1, %positions : tensor<?x8xf32, #gem.dims<n>>, tensor<512x8xf32>
    ```
    Comes out, with `gem.symbol @n min(2) max(64)`:
    ```mlir
    %2 = gem.add_position %0, %sum : tensor<?x8xf32, #gem.dims<n>>, tensor<64x8xf32>
    ```
    The `add_row` may also come after the `add_position`.

    Left alone: an `add_row` beside no `add_position`; a position table that has only rows
    that are read, and no `add_row` beside it; weights without data.
  }];
  let statistics = [
    Statistic<"numFolded", "rows folded", "add_row operations folded into a table">,
    Statistic<"numCut", "tables cut", "Position tables cut to the rows that are read">,
  ];
}

def FuseLinearEpiloguesPass : Pass<"gem-fuse-linear-epilogues"> {
  let summary = "Fuse activations and residual sums into the linear before them";
  let description = [{
    Goes in:
    ```mlir
    %1 = gem.linear %0, %w, %b : (...) -> tensor<?x512xf32, #gem.dims<n>>
    %2 = gem.gelu %1 : tensor<?x512xf32, #gem.dims<n>>
    %3 = gem.add %2, %r : tensor<?x512xf32, #gem.dims<n>>
    ```
    Comes out:
    ```mlir
    %3 = gem.linear %0, %w, %b residual %r activation(gelu) : (...)
    ```
    Left alone: a linear whose result has another use; an activation after a residual.
  }];
  let statistics = [
    Statistic<"numActivations", "activations fused", "Activations fused into a linear">,
    Statistic<"numResiduals", "residuals fused", "Sums fused into a linear">,
  ];
}

def SliceReadRowsPass : Pass<"gem-slice-read-rows"> {
  let summary = "Compute only the rows that are read";
  let description = [{
    A classifier reads one token. Whatever feeds only that token's row, and computes each
    row by itself (TokenwiseOpInterface), is computed for that row alone: for attention,
    one query against all keys. The results do not change by a bit.

    Goes in:
    ```mlir
    %q = gem.linear %x, %wq : (...) -> tensor<?x8xf32, #gem.dims<n>>
    %y = gem.scar_attention %q, %k, %v, %routed, %cluster ... -> tensor<?x8xf32, #gem.dims<n>>
    %cls = gem.select %y[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
    ```
    Comes out:
    ```mlir
    %x0 = gem.select %x[0] : tensor<?x8xf32, #gem.dims<n>> -> tensor<1x8xf32>
    %q = gem.linear %x0, %wq : (...) -> tensor<1x8xf32>
    %cls = gem.scar_attention %q, %k, %v, %routed, %cluster ... -> tensor<1x8xf32>
    ```
    Left alone: a value that is also read as a whole.
  }];
  let statistics = [
    Statistic<"numSliced", "operations sliced", "Operations computed for one row">,
  ];
}

//===----------------------------------------------------------------------===//
// Quantization and layout
//===----------------------------------------------------------------------===//

def AssignWeightFormatsPass : Pass<"gem-assign-weight-formats", "::mlir::ModuleOp"> {
  let summary = "Decide the element type each weight is stored in";
  let description = [{
    Sets `stored` of every `gem.weight` that is not in the format already; a
    `get_weight`'s type follows. Formats are named `f32`, `f16`, `int8`, `int4`, `int4g32`
    (groups of 32 with two-level scales), `int4g32f16` (f16 group scales), `int3g64`, ...

    How a weight is read (WeightUserOpInterface) decides what it may be: matrices and
    tables any format, the router's weights f32 or f16, vectors f32. `format` is for all
    that `formats` does not name; a quantized one leaves the router in f32.

    A weight that has a `stored` keeps it, unless `formats` names it.

    A FormatPlan may also split an embedding's table into parts of different formats, with
    a map from ids to rows where the parts are no ranges.

    Goes in: `gem.weight @w dense_resource<w> : tensor<39x128xf16>`

    Comes out, with `format=int4g32`:
    ```mlir
    gem.weight @w dense_resource<w> : tensor<39x128xf16>
        stored(tensor<39x128x!gem.q<i4, group = 32>>)
    ```

    Refused: an unknown format or weight; a format that the weight cannot have; f16 for a
    value that it cannot hold.
  }];
  let options = [
    Option<"format", "format", "std::string", "\"f32\"", "The format of weights not named">,
    ListOption<"formats", "formats", "std::string", "Formats by name: weight:format,...">,
  ];
  let statistics = [
    Statistic<"numQuantized", "weights quantized", "Weights with integer codes">,
    Statistic<"numSplit", "tables split", "Embedding tables in several parts">,
  ];
}

def QuantizeWeightsPass : Pass<"gem-quantize-weights", "::mlir::ModuleOp"> {
  let summary = "Choose the codes of quantized matrices from what calibration learned";
  let description = [{
    A weight with a `!gem.q` type and float data is quantized by round-to-nearest while the
    bundle is written. This pass chooses the codes of matrices beforehand, by an algorithm
    that knows the inputs (`gptq`), and puts them in the place of the data, encoded as
    `!gem.q` says. With `bias-correction`, the bias of the linear behind takes up the mean
    of the error: `b += (W - Q) E[x]` (Nagel et al., arXiv 1906.04721).

    The statistics come from the pass's StatisticsSource: gem-compile calibrates, or reads
    a file of statistics. gem-opt has none, so that only `rtn` works there.

    Goes in: `gem.weight @w dense_resource<w> : tensor<39x128xf16> stored(tensor<39x128x!gem.q<i4>>)`

    Comes out: `gem.weight @w dense_resource<w> : tensor<5148xui8> stored(tensor<39x128x!gem.q<i4>>)`

    Left alone: tables, weights without data, codes that were chosen already. Refused: an
    unknown algorithm; a weight without statistics where the algorithm needs them.
  }];
  let options = [
    Option<"algorithm", "algorithm", "std::string", "\"rtn\"", "rtn or gptq">,
    Option<"biasCorrection", "bias-correction", "bool", "false",
           "Let biases take up the mean error">,
    Option<"threads", "threads", "unsigned", "1", "Threads; the codes do not depend on it">,
  ];
  let statistics = [
    Statistic<"numQuantized", "matrices quantized", "Matrices whose codes were chosen">,
  ];
}

def AssignLayoutPass : Pass<"gem-assign-layout", "::mlir::ModuleOp"> {
  let summary = "Decide how each weight is arranged in the bundle";
  let description = [{
    A weight that is contracted with every token (WeightUserOpInterface says so) gets the
    layout its kernels stream through, `panel_16`; tables, vectors and the router's
    weights stay row by row. A weight used in two ways gets a second copy.

    Goes in: `gem.weight @w dense_resource<w> : tensor<39x128xf32>`, read by a linear

    Comes out: `gem.weight @w dense_resource<w> : tensor<39x128xf32> layout(panel_16)`
  }];
  let statistics = [
    Statistic<"numPanels", "panel weights", "Weights in layout panel_16">,
  ];
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

def ConvertGemToGemRTPass : Pass<"gem-convert-to-gemrt", "::mlir::ModuleOp"> {
  let summary = "Turn a model into a program of kernel calls";
  let description = [{
    Goes in: a module in the gem dialect, layouts assigned. Comes out: the same module
    with one `gemrt.program`: a value is a buffer (not yet placed), an operation a
    `gemrt.call` that writes it, in the same order; a weight is a constant.

    ```mlir
    %y = gem.layer_norm %x, %g, %b epsilon(1.0e-12) : tensor<?x8xf32, #gem.dims<n>>, ...
    ```
    becomes
    ```mlir
    %y = gemrt.alloc : !gemrt.buffer<[n, 8], f32>
    gemrt.call #gemrt.layer_norm<epsilon = 1.0e-12 : f32> ins(%x, %g, %b) outs(%y) : ...
    ```

    A linear of a quantized weight reads quantized tokens: of the layer norm before it, which
    then gives both or, where nothing else reads its result, only those; or of one
    `quantize_tokens` for all the linears that read a value.

    Refused: an operation that no kernel computes; a router without centroids; a weight
    that is not stored in a format, or not in the layout, that its kernel reads; a result
    that is an argument or a weight; anything at module level that is no part of a model.
  }];
  let options = [
    Option<"device", "device", "std::string", "\"host\"", "Name of the device">,
    Option<"memoryLimit", "memory-limit", "int64_t", "0",
           "Bytes an application may use on the device; 0 when unknown">,
    Option<"cpuKernels", "cpu-kernels", "std::string", "\"\"",
           "The best kernels of a runtime that the device runs; empty when unknown">,
  ];
  let dependentDialects = ["::gem::rt::GemRTDialect"];
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

def PlanMemoryPass : Pass<"gemrt-plan-memory", "::gem::rt::EntryOp"> {
  let summary = "Place the buffers in one arena";
  let description = [{
    A buffer lives from the first call that writes it (inputs: from the start) to the last
    that reads it (outputs: to the end). Buffers that live at the same time must not
    overlap; all others may share memory. A call that may work in place (KernelAttrInterface)
    takes over the memory of an input that dies there.

    Greedy by size with best fit, as Pisarchyk and Lee describe (arXiv 2001.03288), tried
    in several orders; the smallest arena wins. The lower bound is the most bytes alive at
    one time. Symbols are at their maximum.

    Goes in: `%x = gemrt.alloc : !gemrt.buffer<[n, 8], f32>` in `gemrt.entry @main { ... }`

    Comes out: `%x = gemrt.alloc at(4096) : ...` in
    `gemrt.entry @main arena(8192) lower_bound(8192) { ... }`
  }];
  let statistics = [
    Statistic<"numInPlace", "buffers reused in place", "Outputs that took over an input's memory">,
  ];
}

def PlanSegmentsPass : Pass<"gemrt-plan-segments", "::gem::rt::ProgramOp"> {
  let summary = "Place the constants in their segments";
  let description = [{
    Drops constants that nothing uses, keeps one of several with the same data and type,
    and gives each of the rest an offset, 64-byte aligned, in the order of the calls that
    read them: a run walks through the file once, front to back. In an entry, what the calls
    use is declared in the order of its first use.

    Goes in: `gemrt.constant @w in @weights dense_resource<w> : ... as ...`

    Comes out: `gemrt.constant @w in @weights at(1024) dense_resource<w> : ... as ...`
  }];
  let statistics = [
    Statistic<"numDropped", "constants dropped", "Constants that nothing uses">,
    Statistic<"numShared", "constants shared", "Constants equal to another">,
  ];
}

#endif // GEM_PASSES_PASSES_TD
