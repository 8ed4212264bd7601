// The channels of an attention head, turned so that those that matter least come last.
//
// Part of the GEM project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// Vector widths would show in the last bits, and so in a bundle.
#define EIGEN_DONT_VECTORIZE
#define EIGEN_DONT_PARALLELIZE

#include "compiler/Pruning/HeadRotation.h"
#include "passes/Quantization/Cholesky.h"
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

using namespace gem;

namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;

Matrix toMatrix(const std::vector<float> &values, int64_t rows, int64_t columns) {
  Matrix matrix(rows, columns);
  for (int64_t i = 0; i < rows * columns; ++i)
    matrix.data()[i] = values[i];
  return matrix;
}

Vector toVector(const std::vector<float> &values) {
  Vector vector(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    vector[i] = values[i];
  return vector;
}

void store(const Matrix &matrix, std::vector<float> &out) {
  out.resize(matrix.size());
  for (int64_t i = 0; i < matrix.size(); ++i)
    out[i] = static_cast<float>(matrix.data()[i]);
}

void store(const Vector &vector, std::vector<float> &out) {
  out.resize(vector.size());
  for (int64_t i = 0; i < vector.size(); ++i)
    out[i] = static_cast<float>(vector[i]);
}

/// a b, each element summed in order: Eigen's own product sums in blocks of the cache's size.
Matrix product(const Matrix &a, const Matrix &b) {
  Matrix c = Matrix::Zero(a.rows(), b.cols());
  quant::multiplyAdd(c.data(), c.cols(), a.data(), a.cols(), b.data(), b.cols(), a.rows(), b.cols(),
                     a.cols());
  return c;
}

/// W C W^T with the rows' covariance C.
Matrix covarianceOf(const Matrix &weight, const InputMoments &input) {
  Matrix covariance = Eigen::Map<const Matrix>(input.covariance.data(), input.width, input.width);
  return product(product(weight, covariance), weight.transpose());
}

/// Power of a direction, of the strongest one's, below which it is rounding: moments were f32.
constexpr double kLeastPower = 1e-5;

/// S^(1/2) and S^(-1/2) of a symmetric S that is not negative. Directions with next to no
/// power are taken to have a little, so that nothing is divided by 0 and no rounding blown up.
struct Roots {
  Matrix root, inverse;

  explicit Roots(const Matrix &matrix) {
    Eigen::SelfAdjointEigenSolver<Matrix> solver(0.5 * (matrix + matrix.transpose()));
    Vector values = solver.eigenvalues();
    double floor = std::max(values.maxCoeff(), 0.0) * kLeastPower + 1e-30;
    Vector up(values.size()), down(values.size());
    for (int64_t i = 0; i < values.size(); ++i) {
      up[i] = std::sqrt(std::max(values[i], floor));
      down[i] = 1 / up[i];
    }
    const Matrix vectors = solver.eigenvectors();
    root = product(vectors * up.asDiagonal(), vectors.transpose());
    inverse = product(vectors * down.asDiagonal(), vectors.transpose());
  }
};

/// What is left out when the first i of the squares are kept, of their sum.
std::vector<double> sharesLost(const Vector &singular, int64_t count) {
  std::vector<double> lost(count + 1);
  for (int64_t i = count - 1; i >= 0; --i)
    lost[i] = lost[i + 1] + (i < singular.size() ? singular[i] * singular[i] : 0);
  double total = lost[0];
  for (double &value : lost)
    value = total > 0 ? value / total : 0;
  return lost;
}

/// The root of a singular value, which scales both sides; never 0, so that a head stays
/// invertible.
Vector balanced(const Vector &singular, int64_t count) {
  double floor = singular.size() ? singular[0] * kLeastPower + 1e-30 : 1e-30;
  Vector roots(count);
  for (int64_t i = 0; i < count; ++i)
    roots[i] = std::sqrt(std::max(i < singular.size() ? singular[i] : 0.0, floor));
  return roots;
}

} // namespace

HeadRotation gem::rotateHead(AttentionHead &head, const InputMoments &qInput,
                             const InputMoments &kvInput, const InputMoments &outInput) {
  const int64_t n = head.headDim;
  HeadRotation result;
  {
    Matrix q = toMatrix(head.q, n, head.width), k = toMatrix(head.k, n, head.width);
    Vector qBias = toVector(head.qBias), kBias = toVector(head.kBias);
    Vector qMean = qBias;
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < head.width; ++j)
        qMean[i] += q(i, j) * qInput.mean[j];
    Roots ofQ(covarianceOf(q, qInput) + qMean * qMean.transpose()), ofK(covarianceOf(k, kvInput));
    Eigen::JacobiSVD<Matrix> svd(product(ofQ.root, ofK.root),
                                 Eigen::ComputeFullU | Eigen::ComputeFullV);
    Vector scale = balanced(svd.singularValues(), n);
    Matrix toQ = product(scale.asDiagonal() * svd.matrixU().transpose(), ofQ.inverse);
    // q'.k' = q.k asks for the inverse transpose, which also undoes what the floors changed.
    Matrix toK = toQ.transpose().inverse();
    store(product(toQ, q), head.q);
    store(Vector(toQ * qBias), head.qBias);
    store(product(toK, k), head.k);
    store(Vector(toK * kBias), head.kBias);
    result.scoresLost = sharesLost(svd.singularValues(), n);
  }
  Matrix out = toMatrix(head.out.values, head.out.rows, n);
  Roots ofOut(Eigen::Map<const Matrix>(outInput.covariance.data(), n, n));
  Matrix seen = product(out, ofOut.root);
  Eigen::JacobiSVD<Matrix> svd(product(seen.transpose(), seen), Eigen::ComputeFullU);
  // Of W_o S^(1/2): its right singular vectors and the roots of these singular values.
  Vector singular = svd.singularValues();
  for (int64_t i = 0; i < singular.size(); ++i)
    singular[i] = std::sqrt(std::max(singular[i], 0.0));
  Vector scale = balanced(singular, n);
  Matrix toV = product(scale.asDiagonal() * svd.matrixU().transpose(), ofOut.inverse);
  store(product(toV, toMatrix(head.v, n, head.width)), head.v);
  store(Vector(toV * toVector(head.vBias)), head.vBias);
  store(product(out, toV.inverse()), head.out.values);
  result.valueTurn.assign(toV.data(), toV.data() + toV.size());
  result.outputLost = sharesLost(singular, n);
  return result;
}
