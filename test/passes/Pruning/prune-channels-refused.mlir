// RUN: gem-opt %s --gem-prune-channels="keep=down=0,2" --split-input-file --verify-diagnostics
// RUN: not gem-opt %s --gem-prune-channels="keep=other=0" 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not gem-opt %s --gem-prune-channels="keep=down=" 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: not gem-opt %s --gem-prune-channels="keep=down=1,3" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=RANGE
// RUN: not gem-opt %s --gem-prune-channels="keep=down=1,1" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ORDER
// RUN: not gem-opt %s --gem-prune-channels="keep=down=2-0" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REVERSED
// RUN: not gem-opt %s --gem-prune-channels="keep=down=0,,2" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NUMBER
// RUN: not gem-opt %s --gem-prune-channels="keep=down=0-99999999999" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=HUGE
// RUN: not gem-opt %s --gem-prune-channels="keep=down" 2>&1 | FileCheck %s --check-prefix=ITEM
// RUN: not gem-opt %s --gem-prune-channels="keep=down=0;down=1" 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TWICE

// Tests that what is kept is named, in order and there.
// NAME: error: no channels 'other' can be removed from this module; it has down{{$}}
// EMPTY: error: expected at least one of the 3 channels of 'down' to keep, but got none
// RANGE: error: expected some of the 3 channels of 'down', 0 to 2, but got 3
// ORDER: error: expected the channels of 'down' in ascending order, but got 1 after 1
// REVERSED: error: expected a range from its lower end to its upper, but got '2-0'
// NUMBER: error: expected numbers and ranges such as 0-15,20, but got ''
// HUGE: error: expected numbers below 16777216, but got '0-99999999999'
// ITEM: error: expected a name and what to keep, such as scar.out=0, but got 'down'
// TWICE: error: expected each name once, but got 'down' twice
gem.weight @up dense<1.0> : tensor<3x1xf32>
gem.weight @down.weight dense<2.0> : tensor<1x3xf32>
func.func @main(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %up = gem.get_weight @up : tensor<3x1xf32>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %1 = gem.linear %0, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}

// -----

// Tests a weight whose rows make two values: what is cut for one would miss in the other.
// expected-error @below {{no channels 'down' can be removed from this module; it has none}}
module {
gem.weight @up dense<1.0> : tensor<3x1xf32>
gem.weight @down.weight dense<2.0> : tensor<1x3xf32>
func.func @shared_producer(%x: tensor<4x1xf32>) -> (tensor<4x1xf32>, tensor<4x3xf32>) {
  %up = gem.get_weight @up : tensor<3x1xf32>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %again = gem.get_weight @up : tensor<3x1xf32>
  %2 = gem.linear %x, %again : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %1 = gem.linear %0, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1, %2 : tensor<4x1xf32>, tensor<4x3xf32>
}
}

// -----

// Tests a weight whose columns read two values.
// expected-error @below {{no channels 'down' can be removed from this module; it has none}}
module {
gem.weight @up dense<1.0> : tensor<3x1xf32>
gem.weight @down.weight dense<2.0> : tensor<1x3xf32>
func.func @shared_consumer(%x: tensor<4x1xf32>, %y: tensor<4x3xf32>)
    -> (tensor<4x1xf32>, tensor<4x1xf32>) {
  %up = gem.get_weight @up : tensor<3x1xf32>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %1 = gem.linear %0, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  %2 = gem.gelu %y : tensor<4x3xf32>
  %3 = gem.linear %2, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1, %3 : tensor<4x1xf32>, tensor<4x1xf32>
}
}

// -----

// Tests channels that are a result of the model too.
// expected-error @below {{no channels 'down' can be removed from this module; it has none}}
module {
gem.weight @up dense<1.0> : tensor<3x1xf32>
gem.weight @down.weight dense<2.0> : tensor<1x3xf32>
func.func @read_twice(%x: tensor<4x1xf32>) -> (tensor<4x1xf32>, tensor<4x3xf32>) {
  %up = gem.get_weight @up : tensor<3x1xf32>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %1 = gem.linear %0, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1, %0 : tensor<4x1xf32>, tensor<4x3xf32>
}
}

// -----

// Tests channels that a layer norm mixes.
// expected-error @below {{no channels 'down' can be removed from this module; it has none}}
module {
gem.weight @up dense<1.0> : tensor<3x1xf32>
gem.weight @down.weight dense<2.0> : tensor<1x3xf32>
gem.weight @g dense<1.0> : tensor<3xf32>
func.func @mixed(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %up = gem.get_weight @up : tensor<3x1xf32>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %g = gem.get_weight @g : tensor<3xf32>
  %2 = gem.layer_norm %0, %g, %g epsilon(0.0) : tensor<4x3xf32>, tensor<3xf32>, tensor<3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %1 = gem.linear %2, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}
}

// -----

// Tests channels that are an argument, or made by no weight of the module.
// expected-error @below {{no channels 'down' can be removed from this module; it has none}}
module {
gem.weight @down.weight dense<2.0> : tensor<1x3xf32>
func.func @argument(%x: tensor<4x1xf32>, %up: tensor<3x1xf32>) -> tensor<4x1xf32> {
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %1 = gem.linear %0, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}
}

// -----

// Tests a weight whose format was decided.
// expected-error @below {{the weight 'up' is to be stored as tensor<3x1xf16>: expected weights as imported; prune before formats are assigned}}
module {
gem.weight @up dense<1.0> : tensor<3x1xf32> stored(tensor<3x1xf16>)
gem.weight @down.weight dense<2.0> : tensor<1x3xf32>
func.func @stored(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %up = gem.get_weight @up : tensor<3x1xf16>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf16>) -> tensor<4x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %1 = gem.linear %0, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}
}

// -----

// Tests a weight whose data was elided.
// expected-error @below {{the weight 'down.weight' has no data: expected a module that was written with its resources}}
module {
gem.weight @up dense<1.0> : tensor<3x1xf32>
gem.weight @down.weight dense_resource<elided> : tensor<1x3xf32>
func.func @elided(%x: tensor<4x1xf32>) -> tensor<4x1xf32> {
  %up = gem.get_weight @up : tensor<3x1xf32>
  %0 = gem.linear %x, %up : (tensor<4x1xf32>, tensor<3x1xf32>) -> tensor<4x3xf32>
  %down = gem.get_weight @down.weight : tensor<1x3xf32>
  %1 = gem.linear %0, %down : (tensor<4x3xf32>, tensor<1x3xf32>) -> tensor<4x1xf32>
  return %1 : tensor<4x1xf32>
}
}
