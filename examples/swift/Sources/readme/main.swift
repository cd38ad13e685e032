import Recurrent

let g = Graph()
let W = try Mat(2, 2, rows: [1, 2, 3, 4]), v = try Mat(2, 1, rows: [1, 1])
let loss = try g.sum(g.square(g.mul(W, v)))
try g.backward(from: loss)
print(try W.gradientRows())  // [6.0, 6.0, 14.0, 14.0]

let net = try Network(
  Network.Settings(.lstm, inputSize: 2, hiddenSizes: [8, 8], outputSize: 1), random: Random(seed: 0))
let T = 5, B = 3, x = Array(repeating: Float(0.5), count: T * B * 2)
var y = Array(repeating: Float(0), count: T * B), dx = x
try net.forward(.values(.float32(x.span)), T: T, B: B, y: .float32(y.mutableSpan), training: true)
try net.backward(dy: .float32(y.span), dx: .float32(dx.mutableSpan))  // the gradient of Σ y²/2
