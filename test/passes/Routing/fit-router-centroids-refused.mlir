// Tests that there must be activations.
// RUN: not gem-opt %s --gem-fit-router-centroids 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: 'gem.route_tokens' op has no centroids, and there are no activations to fit them on: give calibration texts, or a checkpoint with router.centroids

// Tests that there must be as many distinct tokens as clusters; here, 2 of 5 are distinct.
// RUN: %python -c "import array; array.array('f', [0, 0, 1, 0, 0, 0, 1, 0, 0, 0]).tofile(open(r'%t.few.bin', 'wb'))"
// RUN: not gem-opt %s --gem-fit-router-centroids=activations=%t.few.bin 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FEW
// FEW: error: 'gem.route_tokens' op expected at least 3 distinct tokens to fit as many clusters on, but got 2; give more calibration texts

// Tests that the file must be there.
// RUN: not gem-opt %s --gem-fit-router-centroids=activations=%t.missing 2>&1 \
// RUN:   | FileCheck %s --check-prefix=MISSING
// MISSING: error: 'gem.route_tokens' op cannot read the activations '{{.*}}.missing': No such file or directory

// Tests that the file must hold rows.
// RUN: %python -c "open(r'%t.ragged.bin', 'wb').write(bytes(20))"
// RUN: not gem-opt %s --gem-fit-router-centroids=activations=%t.ragged.bin 2>&1 \
// RUN:   | FileCheck %s --check-prefix=RAGGED
// RAGGED: error: 'gem.route_tokens' op expected rows of 2 f32 in '{{.*}}', but got 20 bytes, which is no multiple of 8

// Tests that the file must not be empty.
// RUN: %python -c "open(r'%t.empty.bin', 'wb')"
// RUN: not gem-opt %s --gem-fit-router-centroids=activations=%t.empty.bin 2>&1 \
// RUN:   | FileCheck %s --check-prefix=EMPTY
// EMPTY: error: 'gem.route_tokens' op expected rows of 2 f32 in '{{.*}}', but got 0 bytes

// Tests that activations must be finite.
// RUN: %python -c "import array; array.array('f', [0, 0, 1, float('nan'), 2, 0]).tofile(open(r'%t.nan.bin', 'wb'))"
// RUN: not gem-opt %s --gem-fit-router-centroids=activations=%t.nan.bin 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NAN
// NAN: error: 'gem.route_tokens' op expected finite activations to fit centroids on, but got nan

gem.symbol @n min(1) max(8)
func.func @main(%x: tensor<?x2xf32, #gem.dims<n>>, %w: tensor<3x2xf32>)
    -> tensor<?xi32, #gem.dims<n>> {
  %p, %r, %c = gem.route_tokens %x, %w clusters(3) threshold(6.5e-1)
      : (tensor<?x2xf32, #gem.dims<n>>, tensor<3x2xf32>)
        -> (tensor<?x3xf32, #gem.dims<n>>, tensor<?xi1, #gem.dims<n>>,
            tensor<?xi32, #gem.dims<n>>)
  return %c : tensor<?xi32, #gem.dims<n>>
}
