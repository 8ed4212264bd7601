// The channels of an attention head, turned so that those that matter least come last.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef GEM_COMPILER_PRUNING_HEADROTATION_H
#define GEM_COMPILER_PRUNING_HEADROTATION_H

#include "compiler/Pruning/ChannelElimination.h"
#include <vector>

namespace gem {

/// One head of an attention.
struct AttentionHead {
  int64_t headDim = 0, width = 0; ///< width: of what queries, keys and values are made of.
  std::vector<float> q, k, v; ///< [headDim, width]
  std::vector<float> qBias, kBias, vBias; ///< [headDim]
  WeightMatrix out; ///< [outputs, headDim]: its columns of the layer behind.
};

struct HeadRotation {
  /// What is lost when only the first i channels are kept, of what all give: [headDim + 1].
  std::vector<double> scoresLost, outputLost;
  std::vector<double> valueTurn; ///< [headDim, headDim]: v' = valueTurn v.
};

/// Changes the basis of a head's queries and keys, and of its values: what the head computes
/// stays the same, but the first channels approximate it best, in the mean square over what
/// calibration saw.
///
/// Scores q.k: with the second moments S_q = E[q q^T] and S_k = E[(k - Ek)(k - Ek)^T] (a part
/// of k that all tokens share does not change the softmax) and S_q^(1/2) S_k^(1/2) =
/// U diag(s) V^T, q' = diag(s)^(1/2) U^T S_q^(-1/2) q and k' = diag(s)^(1/2) V^T S_k^(-1/2) k
/// have q'.k' = q.k, of which channel i contributes s_i^2 to E[(q.k)^2] for independent q, k.
/// Output: with S_o the covariance of what the head gives to W_o and W_o S_o^(1/2) =
/// U diag(s) V^T, v' = diag(s)^(1/2) V^T S_o^(-1/2) v and W_o' = U diag(s)^(1/2).
///
/// `qInput` and `kvInput` are of what queries, and keys and values, are made of; `outInput`
/// [headDim, headDim] of what the head gives. Eigen does the decompositions without vector
/// instructions, in f64: the same result on every host.
HeadRotation rotateHead(AttentionHead &head, const InputMoments &qInput,
                        const InputMoments &kvInput, const InputMoments &outInput);

} // namespace gem

#endif // GEM_COMPILER_PRUNING_HEADROTATION_H
